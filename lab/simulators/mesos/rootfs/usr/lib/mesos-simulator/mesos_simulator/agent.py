# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent: start, recovery, registration, end (mesos 1.11.0 src/slave/main.cpp, src/slave/slave.cpp)."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from typing import Any, NoReturn

from mesos_simulator import (
    agent_flags,
    attributes,
    auth,
    build,
    checkpoint,
    cram_md5,
    daemon,
    detector,
    executors,
    jsonify,
    link,
    recovery,
    resources,
    units,
    work,
)
from mesos_simulator.execution import Execution
from mesos_simulator.flags import Flags
from mesos_simulator.http import Router, spawn
from mesos_simulator.log import log
from mesos_simulator.tls import Tls

# Until the agent's own routes stand, about this long after it listens, every request gets 404; while it recovers, 503.
# The seconds are those of the recorded starts ("while recovering", executors across restart).
_ROUTELESS_SECONDS = 0.05
_RECOVERY_SECONDS = 0.05

_RETRY_MAXIMUM = 60.0  # seconds between attempts to register (src/slave/constants.hpp: REGISTER_RETRY_INTERVAL_MAX)
_WATCH_SECONDS = 1.0
_PLANT_SECONDS = 20.0


class Agent:
    """One agent. Everything that changes after the start is guarded by `lock`."""

    def __init__(self, loaded: Flags, address: tuple[str, int], find: detector.Detector, tls: Tls) -> None:
        self.flags = loaded
        self.address = address
        self.lock = threading.RLock()
        self.start_time = round(time.time(), 6)
        self.pid = f"slave(1)@{address[0]}:{address[1]}"
        self.hostname = daemon.own_hostname(loaded, address[0])
        self.info: dict[str, Any] = {}
        self.agent_id = ""
        self.recovering = True
        self.registered = False
        self.master_hostname: str | None = None
        self.checkpointed_resources: list[dict[str, Any]] = []
        self.paths = checkpoint.Paths(loaded["work_dir"])
        self.evidence = daemon.evidence_directory(loaded)
        self.execution = Execution(self)
        self._terminating = False
        self._detector = find
        self._tls = tls
        self._credential: dict[str, str] | None = None
        self._link: link.Link | None = None
        self._authenticated: link.Link | None = None
        self._leader: detector.Leader | None = None
        self._last_ping = 0.0
        self._ping_timeout = 75.0
        self._plants: dict[str, dict[str, Any]] = {}
        self._planted = threading.Condition(self.lock)

    # --- start ---

    def initialize(self) -> None:
        """Flags to information about this agent; what is wrong with them ends the process (slave.cpp: initialize)."""
        log.info("slave.cpp:281", f"Mesos agent started on (1)@{self.address[0]}:{self.address[1]}")
        log.info("slave.cpp:282", f"Flags at startup: {self.flags.command_line()}")
        if self.flags["credential"]:
            self._credential = auth.read_credential(self.flags["credential"])
        try:
            given = resources.parse(self.flags["resources"] or "", self.flags["default_role"])
        except (resources.InvalidResources, ValueError) as error:
            log.exit("slave.cpp:491", f"Failed to determine agent resources: {error}")
        own = resources.detect(given, self.paths.work_dir, self.flags["default_role"])
        try:
            found = attributes.parse(self.flags["attributes"] or "")
        except attributes.FatalAttribute as error:
            log.fatal(error.place, error.text)
        self.info = {"hostname": self.hostname, "port": self.address[1], "resources": own, "attributes": found}
        self.info["checkpoint"] = True
        domain = self.flags["domain"]
        if domain:
            self.info["domain"] = _domain(domain)
        log.info("slave.cpp:629", f"Agent resources: {jsonify.text([_sorted_members(item) for item in own])}")
        log.info("slave.cpp:637", f"Agent attributes: {attributes.display(found)}")
        log.info("slave.cpp:646", f"Agent hostname: {self.hostname}")
        for flag, known, end in (
            ("reconfiguration_policy", ("equal", "additive"), "."),
            ("recover", ("reconnect", "cleanup"), ""),
        ):
            if self.flags[flag] not in known:
                place = "slave.cpp:964" if flag == "reconfiguration_policy" else "slave.cpp:972"
                text = f"Unknown option for '{flag}' flag {self.flags[flag]}."
                log.exit(place, f"{text} Please run the agent with '--help' to see the valid options{end}")

    def run(self) -> None:
        """Recovery, then registration for ever."""
        self._recover()
        log.info("slave.cpp:8377", "Finished recovery")
        if self.flags["recover"] == "cleanup":
            self.terminate()  # case r2: status 0, latest stays
        with self.lock:
            self.recovering = False
        spawn(self._watch)
        self._stay_registered()

    def _recover(self) -> None:
        boot_id = checkpoint.kernel_boot_id()
        policy, strict = self.flags["reconfiguration_policy"], self.flags["strict"]
        try:
            found = recovery.recover(self.paths, self.info, policy, strict, boot_id)
        except recovery.RecoveryFailed as error:
            advice = recovery.advice(self.paths.work_dir)
            log.exit("slave.cpp:8355", f"Failed to perform recovery: {error}\n{advice}")
        # Dynamic reservations and volumes lie beside the agent IDs and outlive them (state.cpp: recover; case l1).
        self.checkpointed_resources = found.reserved
        checkpoint.write(self.paths.boot_id, boot_id.encode("ascii"))
        os.makedirs(os.path.join(self.paths.work_dir, "provisioner"), exist_ok=True)
        with self.lock:
            # Executors that come back find the ID under which they were launched.
            self.agent_id = found.agent_id or ""
            if found.agent_id:
                self.info["id"] = {"value": found.agent_id}
            lost = self.execution.recover(found.frameworks)
        log.info("slave.cpp:8224", "Recovering executors")
        # Live executors have this long to come back, and the agent waits all of it (executors across restart).
        waits = self.execution.frameworks and self.flags["recover"] == "reconnect"
        time.sleep(self.flags["executor_reregistration_timeout"] if waits else _RECOVERY_SECONDS)
        with self.lock:
            self.execution.recovered(lost, cleanup=self.flags["recover"] == "cleanup")

    # --- registration ---

    def _stay_registered(self) -> None:
        backoff = self.flags["registration_backoff_factor"]
        retry = backoff
        last: detector.Leader | None = None
        while True:
            leader = self._detector.wait()
            if leader != last:
                last, retry = leader, backoff
            log.info("slave.cpp:1473", f"New master detected at {leader.pid}")
            if self._credential is None:
                log.info("slave.cpp:1527", "No credentials provided. Attempting to register without authentication")
            log.info("slave.cpp:1538", "Detecting new master")
            time.sleep(random.uniform(0, retry))
            retry = min(retry * 2, _RETRY_MAXIMUM)
            try:
                connection = link.open_link(self._tls, leader, "/simulator/agent")
            except OSError as error:
                reason = error.strerror or str(error)
                place = f"{leader.ip}:{leader.port}"
                why = f"connect: Failed to connect to {place}: {reason}"
                kind = "ReregisterSlaveMessage" if self.agent_id else "RegisterSlaveMessage"
                log.warning("process.cpp:1480", f"Failed to link to '{place}', {why}")
                log.warning("process.cpp:1917", f"Failed to send 'mesos.internal.{kind}' to '{place}', {why}")
                log.info("slave.cpp:6707", f"Got exited event for {leader.pid}")
                log.warning("slave.cpp:6712", "Master disconnected! Waiting for a new master to be elected")
                continue
            with self.lock:
                self._link, self._leader = connection, leader
                self._last_ping = time.monotonic()
            if self._credential is None:
                spawn(self._register_until_answered, connection)
            else:
                spawn(self._authenticate_until_answered, connection, leader, self._credential)
            for message in connection.messages():
                with self.lock:
                    self._handle(message, leader)
            if self._disconnected(connection, leader):
                retry = backoff

    def _disconnected(self, connection: link.Link, leader: detector.Leader) -> bool:
        """Cleans up after a lost link; whether the agent had been registered over it.

        A fixed master is only looked for again when its pings have been missed for long enough, as in the product.
        """
        with self.lock:
            connection.close()
            was_registered, self.registered = self.registered, False
            self._link = self._leader = None
            overdue = self._last_ping + self._ping_timeout - time.monotonic()
        log.info("slave.cpp:6707", f"Got exited event for {leader.pid}")
        log.warning("slave.cpp:6712", "Master disconnected! Waiting for a new master to be elected")
        if was_registered and not self._detector.elects:
            time.sleep(max(0.0, overdue))
        return was_registered

    def _authenticate_until_answered(
        self, connection: link.Link, leader: detector.Leader, credential: dict[str, str]
    ) -> None:
        """Without an answer it tries again, after ever longer times (slave.cpp: authenticate, _authenticate)."""
        if self.flags["authenticatee"] != cram_md5.NAME:
            name = self.flags["authenticatee"]
            log.exit("slave.cpp:1582", f"Could not create authenticatee module '{name}': Module '{name}' unknown")
        low, most = self.flags["authentication_timeout_min"], self.flags["authentication_timeout_max"]
        high = min(low + self.flags["authentication_backoff_factor"] * 2, most)
        while True:
            with self.lock:
                if self._link is not connection:
                    return
                log.info("slave.cpp:1569", f"Authenticating with master {leader.pid}")
                log.info("slave.cpp:1578", "Using default CRAM-MD5 authenticatee")
                if "secret" not in credential:
                    text = "Authentication failed; secret needed by CRAM-MD5 authenticatee"
                    log.warning("authenticatee.cpp:389", text)
                    self._refused(leader)
                log.info("authenticatee.cpp:121", "Creating new client SASL connection")
                connection.send(type="authenticate", pid=self.pid)
            time.sleep(random.uniform(low, high))
            with self.lock:
                if self._link is not connection or self._authenticated is connection:
                    return
            log.warning("slave.cpp:1605", "Authentication timed out")
            log.warning("slave.cpp:1635", f"Failed to authenticate with master {leader.pid}: future discarded")
            high = min(low + (high - low) * 2, most)

    def _refused(self, leader: detector.Leader) -> NoReturn:
        """The agent ends; executors go on (slave.cpp: _authenticate)."""
        log.exit("slave.cpp:1660", f"Master {leader.pid} refused authentication")

    def _register_until_answered(self, connection: link.Link) -> None:
        """A master may ignore an agent: then it asks again, ever more rarely (slave.cpp: doReliableRegistration)."""
        interval = self.flags["registration_backoff_factor"]
        while True:
            with self.lock:
                if self.registered or self._link is not connection:
                    return
                connection.send(
                    type="reregister" if self.agent_id else "register",
                    info=self.info,
                    pid=self.pid,
                    version=build.VERSION,
                    checkpointed_resources=self.checkpointed_resources,
                    **self.execution.report(),
                )
            interval = min(interval * 2, _RETRY_MAXIMUM)
            time.sleep(max(random.uniform(0, interval), 0.1))

    def _handle(self, message: dict[str, Any], leader: detector.Leader) -> None:
        kind = message["type"]
        self._last_ping = time.monotonic()
        if kind == "challenge" and self._link and self._credential:
            answer = cram_md5.response(self._credential, message["challenge"])
            self._link.send(type="response", pid=self.pid, response=answer)
        elif kind == "authenticated" and self._link:
            log.info("authenticatee.cpp:302", "Authentication success")
            log.info("slave.cpp:1663", f"Successfully authenticated with master {leader.pid}")
            self._authenticated = self._link
            spawn(self._register_until_answered, self._link)
        elif kind == "authentication_failed":
            self._refused(leader)
        elif kind == "ping":
            self._pinged(bool(message["connected"]))
        elif kind in ("registered", "reregistered"):
            self._admitted(message, leader)
        elif kind == "shutdown":
            log.info("slave.cpp:1039", f"Agent asked to shut down by {leader.pid} because '{message['reason']}'")
            self._shut_down()
        elif kind == "planted":
            self._plants[message["request"]] = message
            self._planted.notify_all()
        elif kind == "run_task":
            self.execution.run_task(message["framework"], message["task"])
        elif kind == "kill_task":
            self.execution.kill_task(message["framework_id"], message["task_id"], message.get("kill_policy"))
        elif kind == "acknowledge":
            self.execution.acknowledge(message["framework_id"], message["task_id"], message["uuid"])
        elif kind == "shutdown_executor":
            self.execution.shutdown_executor(message["framework_id"], message["executor_id"])
        elif kind == "shutdown_framework":
            self.execution.shutdown_framework(message["framework_id"])
        elif kind == "update_framework":
            self.execution.update_framework(message["framework"])
        elif kind == "framework_message":
            self.execution.framework_message(message["framework_id"], message["executor_id"], message["data"])

    def _pinged(self, connected: bool) -> None:
        """Answers a ping; one that takes this agent for disconnected makes it register again (slave.cpp: ping)."""
        if self._link is None:
            return
        if connected:
            self._link.send(type="pong")
        elif self.registered:
            text = "Master marked the agent as disconnected but the agent considers itself registered!"
            log.info("slave.cpp:6660", f"{text} Forcing re-registration.")
            self.registered = False
            spawn(self._register_until_answered, self._link)

    def _admitted(self, message: dict[str, Any], leader: detector.Leader) -> None:
        self._ping_timeout = message["ping_timeout"]
        self.master_hostname = message["master_hostname"]
        if message["type"] == "registered":
            agent_id = message["agent_id"]
            log.info("slave.cpp:1698", f"Registered with master {leader.pid}; given agent ID {agent_id}")
            if self.agent_id != agent_id:
                self.agent_id = agent_id
                self.info["id"] = {"value": agent_id}
                checkpoint.write_slave_info(self.paths, self.info)
        else:
            # slave.info stays as it was written at the first registration (case d1).
            log.info("slave.cpp:1830", f"Re-registered with master {leader.pid}")
        self.registered = True
        self.execution.reconcile(message["reconcile"])
        self.execution.updates.resume()

    def _watch(self) -> None:
        """Notices missed pings, and that another master leads now."""
        while True:
            time.sleep(_WATCH_SECONDS)
            with self.lock:
                self.execution.tick()
                connection, leader = self._link, self._leader
                silent = time.monotonic() - self._last_ping
            if connection is None:
                continue
            if self.registered and silent > self._ping_timeout:
                timeout = units.format_duration(self._ping_timeout)
                log.info("slave.cpp:6697", f"No pings from master received within {timeout}")
                log.info("slave.cpp:1462", "Re-detecting master")
                connection.close()
            elif self._detector.elects:
                now = self._detector.ask()
                if now is not None and now != leader:
                    connection.close()

    # --- work ---

    def total_resources(self) -> list[dict[str, Any]]:
        """Resources of the flags with what is dynamically reserved."""
        return resources.apply_reservations(self.info["resources"], self.checkpointed_resources)

    def agent_info(self) -> dict[str, Any]:
        """AgentInfo, for executors and GET_AGENT."""
        shown: dict[str, Any] = {"hostname": self.info["hostname"], "port": self.info["port"]}
        shown["resources"] = [resources.without_role(resource) for resource in self.info["resources"]]
        for name in ("attributes", "id", "domain"):
            if self.info.get(name):
                shown[name] = self.info[name]
        return shown

    def send(self, **message: Any) -> None:
        """A message to the master, if there is one."""
        if self._link is not None:
            self._link.send(**message)

    def plant_framework(self, wanted: dict[str, Any]) -> dict[str, Any]:
        """A framework that the master itself schedules, with its tasks here; OSError when they do not run in time."""
        request = work.new_uuid()
        tasks = [self._planted_task(name, wanted) for name in wanted["tasks"]]
        with self.lock:
            if not self._link or not self.registered:
                raise OSError("this agent is not registered at a master")
            self._link.send(
                type="plant", request=request, framework={**wanted, "hostname": self.hostname, "tasks": tasks}
            )
            if not self._planted.wait_for(lambda: request in self._plants, timeout=5.0):
                raise OSError("the leading master does not answer")
            planted = self._plants.pop(request)
        if "error" in planted:
            raise OSError(planted["error"])
        end = time.monotonic() + _PLANT_SECONDS
        while not self._runs(planted["framework_id"], wanted["tasks"]):
            if time.monotonic() > end:
                raise OSError("the tasks do not run in time")
            time.sleep(0.02)
        return {"framework_id": planted["framework_id"], "agent_id": self.agent_id, "tasks": wanted["tasks"]}

    def _planted_task(self, name: str, wanted: dict[str, Any]) -> dict[str, Any]:
        """A task that does nothing, with an executor of its own."""
        held = [resources.scalar(kind, wanted[kind]) for kind in ("cpus", "mem")]
        command = executors.own_command(self.execution.containers.program("mesos-executor"))
        executor = {"executor_id": {"value": f"executor-{name}"}, "command": command, "resources": held}
        place = {"task_id": {"value": name}, "agent_id": {"value": self.agent_id}}
        return {"name": name, **place, "resources": held, "executor": executor}

    def _runs(self, framework_id: str, names: list[str]) -> bool:
        with self.lock:
            framework = self.execution.frameworks.get(framework_id)
            known = [one.tasks for one in framework.executors.values()] if framework else []
            return all(any(tasks.get(name, {}).get("state") == "TASK_RUNNING" for tasks in known) for name in names)

    def plant_reserved(self, reserved: list[dict[str, Any]]) -> dict[str, Any]:
        """Reserves resources, or creates volumes on reserved disk; InvalidResources when there is not enough."""
        with self.lock:
            wanted = self.checkpointed_resources + reserved
            resources.apply_reservations(self.info["resources"], wanted)
            self.checkpointed_resources = wanted
            checkpoint.write_resources(self.paths, wanted)
            for resource in reserved:
                if "disk" in resource:
                    role = resources.role_of(resource).replace("/", " ")  # paths.cpp: getPersistentVolumePath
                    inside = os.path.join("volumes", "roles", role, resource["disk"]["persistence"]["id"])
                    os.makedirs(os.path.join(self.paths.work_dir, inside), exist_ok=True)
            self.send(type="reserved", checkpointed_resources=wanted)
        return {"agent_id": self.agent_id, "reserved": reserved}

    # --- end ---

    def unregister(self) -> None:
        """SIGUSR1: the master removes the agent at once, latest stays (case s5)."""
        log.info("slave.cpp:1045", "Received SIGUSR1 signal from user root; unregistering and shutting down")
        with self.lock:
            self.send(type="unregister")
            self._shut_down()

    def _shut_down(self) -> None:
        """All executors end first (slave.cpp: shutdown)."""
        self._terminating = True
        for framework_id in list(self.execution.frameworks):
            self.execution.shutdown_framework(framework_id)
        self.work_ended()

    def work_ended(self) -> None:
        """A framework has none here any more; an agent that shuts down ends with the last one."""
        if self._terminating and not self.execution.frameworks:
            self.terminate()

    def terminate(self) -> None:
        """Ends with status 0."""
        log.info("slave.cpp:1002", "Agent terminating")
        os._exit(0)


def _domain(flag: str) -> Any:
    source = flag
    if flag.startswith("/"):
        with open(flag, encoding="utf-8") as file:
            source = file.read()
    try:
        return json.loads(source)
    except ValueError as error:
        log.exit("main.cpp:330", f"Failed to parse the 'domain' flag: {error}")


def _sorted_members(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: resource[name] for name in sorted(resource) if name != "role" or resources.is_reserved(resource)}


def main(argv: list[str]) -> None:
    """The program mesos-agent, alias mesos-slave."""
    daemon.block_signals(signal.SIGTERM, signal.SIGUSR1)
    loaded = daemon.load_flags(agent_flags.TABLE, argv)
    daemon.start_logging(argv, loaded)
    if loaded["master"] is None:
        log.exit("main.cpp:313", "Missing required option `--master` or `--master_detector`")
    tls = Tls()
    address = daemon.own_address(loaded)
    router = Router("slave(1)")
    server = daemon.listen(address, tls, router.answer)
    server.start()
    daemon.log_build("main.cpp")
    try:
        find = detector.Detector(loaded["master"], tls)
    except detector.InvalidMaster as error:
        log.exit("main.cpp:620", f"Failed to create a master detector: {error}")
    agent = Agent(loaded, address, find, tls)
    from mesos_simulator import agent_http, planting

    time.sleep(_ROUTELESS_SECONDS)
    agent.initialize()
    agent_http.install(router, agent)
    planting.listen(agent)
    spawn(agent.run)
    daemon.wait_for_signals({signal.SIGUSR1: agent.unregister})
