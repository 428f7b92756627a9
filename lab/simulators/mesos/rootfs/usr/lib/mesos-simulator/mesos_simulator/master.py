# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The master: leadership and agents; frameworks are in scheduling.py (mesos 1.11.0 src/master/main.cpp, src/master/master.cpp)."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

from mesos_simulator import auth, build, cram_md5, daemon, detector, http, link, master_flags, resources, work
from mesos_simulator.election import Election
from mesos_simulator.flags import Flags
from mesos_simulator.log import log
from mesos_simulator.registry import Registry
from mesos_simulator.scheduling import Scheduling
from mesos_simulator.tls import Tls

_ROUTELESS_SECONDS = 0.1  # recorded early requests of a starting master: 404 for about this long


class AgentRecord:
    """What the leading master knows of one agent that has registered with it."""

    def __init__(self, info: dict[str, Any], message: dict[str, Any], connection: link.Link) -> None:
        self.registered_time = round(time.time(), 6)
        self.reregistered_time: float | None = None
        self.deactivated = False
        self.misses = 0
        self.ponged = True
        self.next_ping = 0.0
        self.take(info, message, connection)

    def take(self, info: dict[str, Any], message: dict[str, Any], connection: link.Link) -> None:
        """What the agent says of itself now."""
        self.info = info
        self.pid = str(message["pid"])
        self.version = message["version"]
        self.link: link.Link | None = connection
        self.checkpointed: list[dict[str, Any]] = message["checkpointed_resources"]
        self.misses = 0
        self.ponged = True

    @property
    def agent_id(self) -> str:
        return str(self.info["id"]["value"])

    @property
    def active(self) -> bool:
        return self.link is not None and not self.deactivated

    def total(self) -> list[dict[str, Any]]:
        """Resources with what is dynamically reserved."""
        return resources.apply_reservations(self.info["resources"], self.checkpointed)

    def __str__(self) -> str:
        return f"{self.agent_id} at {self.pid} ({self.info['hostname']})"


class Master:
    """One master. Everything that changes after the start is guarded by `lock`."""

    def __init__(self, loaded: Flags, address: tuple[str, int], tls: Tls) -> None:
        self.flags = loaded
        self.address = address
        self.lock = threading.RLock()
        self.start_time = round(time.time(), 6)
        self.elected_time: float | None = None
        self.master_id = work.new_uuid()
        self.pid = f"master@{address[0]}:{address[1]}"
        self.hostname = daemon.own_hostname(loaded, address[0])
        self.recovered = False
        self.agents: dict[str, AgentRecord] = {}
        # The agent admitted last at an address: others may stay listed with the same one (recorded recovery cases l9, b1).
        self._by_pid: dict[str, AgentRecord] = {}
        self.recovered_agents: dict[str, dict[str, Any]] = {}
        self.scheduling = Scheduling(self)
        self.counters = dict.fromkeys(("registrations", "reregistrations", "removals"), 0)
        self.removal_reasons = dict.fromkeys(("registered", "unhealthy", "unregistered"), 0)
        self._next_agent = 0
        self.credentials = _credentials(loaded)
        self._authenticator = cram_md5.Authenticator(self.credentials, self.hostname)
        self.evidence = daemon.evidence_directory(loaded)
        self.registry = Registry(loaded["work_dir"] if loaded["registry"] == "replicated_log" else None)
        identity = {"id": self.master_id, "ip": address[0], "port": address[1], "hostname": self.hostname}
        quorum = loaded["quorum"] or 1
        self.election = Election(identity, _peers(loaded["zk"], address[0]), quorum, self.registry, tls, self._elected)

    # --- leadership ---

    def leader(self) -> dict[str, Any] | None:
        """Identity of the leading master."""
        return self.election.leader()

    def _elected(self) -> None:
        log.info("master.cpp:1672", "Recovering from registrar")
        with self.lock:
            self.elected_time = round(time.time(), 6)
            self._commit(lambda state: None)
            log.info("registrar.cpp:416", "Successfully recovered registrar")
            self.recovered_agents = dict(self.registry.state["agents"])
            count, size = len(self.recovered_agents), len(json.dumps(self.registry.state))
            timeout = self.flags.texts()["agent_reregister_timeout"]
            text = f"Recovered {count} agents from the registry ({size}B); allowing {timeout} for agents to reregister"
            log.info("master.cpp:1825", text)
            self.recovered = True
        self._care()

    def _commit(self, mutate: Any) -> None:
        self.election.commit(mutate, self.flags["registry_store_timeout"])

    # --- agents ---

    def serve_agent(self, connection: socket.socket) -> None:
        """A held connection from an agent: messages until it ends."""
        link.bound_unacknowledged(connection, self._ping_timeout())
        agent_link = link.Link(connection)
        try:
            for message in agent_link.messages():
                with self.lock:
                    self._handle(message, agent_link)
        finally:
            with self.lock:
                self._exited(agent_link)
                agent_link.close()

    def _ping_timeout(self) -> float:
        return float(self.flags["agent_ping_timeout"] * self.flags["max_agent_ping_timeouts"])

    def _handle(self, message: dict[str, Any], connection: link.Link) -> None:
        kind = message["type"]
        if kind == "authenticate":
            self._authenticator.start(connection, message["pid"])
        elif kind == "response":
            self._authenticator.finish(connection, message["pid"], message["response"])
        elif kind in ("register", "reregister") and self._refuses(message, connection):
            return
        elif kind == "register":
            self._register(message, connection)
        elif kind == "reregister":
            self._reregister(message, connection)
        record = self._record_of(connection)
        if record is None:
            return
        if kind == "pong":
            record.ponged, record.misses = True, 0
        elif kind == "unregister":
            self._remove(record, "the agent unregistered", "unregistered")
        elif kind == "status_update":
            self.scheduling.status_update(record, message)
        elif kind == "exited_executor":
            self.scheduling.exited_executor(record, message)
        elif kind == "executor_message":
            self.scheduling.executor_message(record, message)
        elif kind == "plant":
            connection.send(
                type="planted", request=message["request"], **self.scheduling.plant(record, message["framework"])
            )
        elif kind == "reserved":
            record.checkpointed = message["checkpointed_resources"]

    def _refuses(self, message: dict[str, Any], connection: link.Link) -> bool:
        """With --authenticate_agents an agent that is not authenticated gets no answer (master.cpp: registerSlave)."""
        if not self.flags["authenticate_agents"] or self._authenticator.knows(connection):
            return False
        attempt = "registration" if message["type"] == "register" else "re-registration"
        text = f"Refusing {attempt} of agent at {message['pid']} because it is not authenticated"
        log.warning("master.cpp:6228", text)
        return True

    def _record_of(self, connection: link.Link) -> AgentRecord | None:
        return next((record for record in self.agents.values() if record.link is connection), None)

    def _register(self, message: dict[str, Any], connection: link.Link) -> None:
        """A first registration under a new ID (master.cpp: registerSlave)."""
        info, pid = message["info"], message["pid"]
        log.info("master.cpp:6263", f"Received register agent message from {pid} ({info['hostname']})")
        if self._ignores_domain(info, pid, "registration", "master.cpp:6300"):
            return
        old = self._by_pid.get(pid)
        if old is not None and old.link is not None:
            log.info("master.cpp:6421", f"Agent {old} already registered, resending acknowledgement")
            old.link = connection
            self._acknowledge(old, "registered")
            return
        if old is not None:
            text = f"Removing old disconnected agent {old} because a registration attempt occurred"
            log.info("master.cpp:6414", text)
            self._remove(old, "a new agent registered at the same address", "registered")
        agent_id = f"{self.master_id}-S{self._next_agent}"
        self._next_agent += 1
        log.info("master.cpp:6442", f"Registering agent at {pid} ({info['hostname']}) with id {agent_id}")
        info = {**info, "id": {"value": agent_id}}
        self._commit(lambda state: state["agents"].update({agent_id: info}))
        record = self._add(AgentRecord(info, message, connection))
        log.info("master.cpp:6535", f"Registered agent {record} with {resources.display(record.total())}")
        self.counters["registrations"] += 1
        self._event("registered", record)
        self._acknowledge(record, "registered")
        self.scheduling.allocator.allocate()

    def _add(self, record: AgentRecord) -> AgentRecord:
        self.agents[record.agent_id] = self._by_pid[record.pid] = record
        return record

    def _reregister(self, message: dict[str, Any], connection: link.Link) -> None:
        """An agent that has an ID already (master.cpp: reregisterSlave)."""
        info, pid = message["info"], message["pid"]
        agent_id = info["id"]["value"]
        place = f"agent {agent_id} at {pid} ({info['hostname']})"
        log.info("master.cpp:6614", f"Received reregister agent message from {place}")
        if agent_id in self.registry.state["gone"]:
            log.warning(
                "master.cpp:6594", f"Refusing re-registration of agent at {pid} because it is already marked gone"
            )
            connection.send(type="shutdown", reason="Agent has been marked gone")
            return
        if self._ignores_domain(info, pid, "re-registration", "master.cpp:6760"):
            return
        record = self.agents.get(agent_id)
        how = self._taken_for(agent_id)
        if record is not None:
            if not self._same_place(record, info, pid, connection):
                return
            if record.link is not connection and record.link is not None:
                record.link.close()
            self._admit_again(record, info, message, connection)
        else:
            record = self._admit_known(info, message, connection)
        record.reregistered_time = round(time.time(), 6)
        unnamed = self.scheduling.agent_returned(record, message, how)
        self.counters["reregistrations"] += 1
        self._event("reregistered", record)
        self._acknowledge(record, "reregistered", unnamed)
        self.scheduling.allocator.allocate()

    def _taken_for(self, agent_id: str) -> str | None:
        """What an agent that comes back was taken for; None when it was known or recovered (master.cpp: reregisterSlave)."""
        if agent_id in self.agents or agent_id in self.recovered_agents:
            return None
        return "Unreachable" if agent_id in self.registry.state["unreachable"] else "Unknown"

    def _same_place(self, record: AgentRecord, info: dict[str, Any], pid: str, connection: link.Link) -> bool:
        """An ID may not move to another address or name (recorded recovery cases e8, d19)."""
        if _ip(record.pid) == _ip(pid) and record.info["hostname"] == info["hostname"]:
            return True
        expected = f"expected {_ip(record.pid)} ({record.info['hostname']})"
        agent = f"{record.agent_id} at {pid} ({info['hostname']})"
        text = "attempted to reregister with different IP / hostname"
        log.warning("master.cpp:6800", f"Agent {agent} {text}; {expected} shutting it down")
        connection.send(type="shutdown", reason=f"Agent {text}")
        return False

    def _admit_again(
        self, record: AgentRecord, info: dict[str, Any], message: dict[str, Any], connection: link.Link
    ) -> None:
        if info != record.info:
            self._commit(lambda state: state["agents"].update({record.agent_id: info}))
        was_disconnected = record.link is None
        record.take(info, message, connection)
        if was_disconnected and not record.deactivated:
            log.info("master.cpp:7342", f"Reactivating re-registered agent {record}")

    def _admit_known(self, info: dict[str, Any], message: dict[str, Any], connection: link.Link) -> AgentRecord:
        """An ID from the registry, be it recovered or unreachable, or one that the registry has forgotten (case l9)."""
        agent_id = info["id"]["value"]
        state = self.registry.state
        if agent_id not in state["agents"] and agent_id not in state["unreachable"]:
            name = f'hostname: "{info["hostname"]}"'
            log.warning("registry_operations.cpp:200", f"Allowing UNKNOWN agent to reregister: {name}")

        def admit(changed: dict[str, Any]) -> None:
            changed["unreachable"].pop(agent_id, None)
            changed["agents"][agent_id] = info

        self._commit(admit)
        self.recovered_agents.pop(agent_id, None)
        record = self._add(AgentRecord(info, message, connection))
        log.info("master.cpp:7174", f"Re-registered agent {record} with {resources.display(record.total())}")
        return record

    def _ignores_domain(self, info: dict[str, Any], pid: str, attempt: str, place: str) -> bool:
        """An agent with a domain gets no answer from a master without one (recorded recovery case d16)."""
        if "domain" not in info or self.flags["domain"]:
            return False
        domain = json.dumps(info["domain"], separators=(",", ":"))
        text = f"Agent at {pid} is configured with domain {domain} but the master has no configured domain."
        log.warning(place, f"{text}Ignoring agent {attempt} attempt")
        return True

    def _acknowledge(self, record: AgentRecord, kind: str, unnamed: Sequence[dict[str, Any]] = ()) -> None:
        if record.link:
            record.link.send(
                type=kind,
                agent_id=record.agent_id,
                ping_timeout=self._ping_timeout(),
                master_hostname=self.hostname,
                reconcile=list(unnamed),
            )
        record.next_ping = 0.0

    def _exited(self, connection: link.Link) -> None:
        """The held connection of an agent has ended (master.cpp: exited)."""
        self._authenticator.forget(connection)
        record = self._record_of(connection)
        if record is None:
            return
        record.link = None
        log.info("master.cpp:1303", f"Agent {record} disconnected")
        log.info("master.cpp:3462", f"Disconnecting agent {record}")
        if not record.deactivated:
            log.info("master.cpp:3481", f"Deactivating agent {record}")
        self.scheduling.agent_disconnected(record)
        self._event("disconnected", record)

    def _remove(self, record: AgentRecord, reason: str, kind: str) -> None:
        log.info("master.cpp:10784", f"Removing agent {record}: {reason}")
        self._commit(lambda state: state["agents"].pop(record.agent_id, None))
        self._forget(record, f"removed: {reason}", "REASON_AGENT_REMOVED", kind, "TASK_GONE")
        log.info("master.cpp:10826", f"Removed agent {record}: {reason}")
        self._event("removed", record)

    def _forget(self, record: AgentRecord, what: str, reason: str, kind: str, state: str) -> None:
        del self.agents[record.agent_id]
        self._by_pid.pop(record.pid, None)
        self.scheduling.agent_removed(record, what, reason, state)
        record.link = None
        self.counters["removals"] += 1
        self.removal_reasons[kind] += 1

    def mark_gone(self, agent_id: str) -> bool:
        """MARK_AGENT_GONE; whether the ID is known. A gone ID is told to shut down whenever it comes back."""
        state = self.registry.state
        if agent_id in state["gone"]:
            return True
        if agent_id not in state["agents"] and agent_id not in state["unreachable"]:
            return False
        log.info("http.cpp:4277", f"Marking agent '{agent_id}' as gone")

        def mark(changed: dict[str, Any]) -> None:
            info = changed["agents"].pop(agent_id, None) or changed["unreachable"].pop(agent_id)
            changed["gone"][agent_id] = info

        self._commit(mark)
        self.recovered_agents.pop(agent_id, None)
        record = self.agents.get(agent_id)
        if record is not None:
            if record.link:
                record.link.send(type="shutdown", reason="Agent has been marked gone")
            reason = "REASON_AGENT_REMOVED_BY_OPERATOR"
            self._forget(record, "has been marked gone", reason, "unregistered", "TASK_GONE_BY_OPERATOR")
            self._event("removed", record)
        return True

    # --- health ---

    def _care(self) -> None:
        """Pings agents; gives up those that miss too many, or do not come back after a change of leader."""
        interval = min(self.flags["allocation_interval"], self.flags["agent_ping_timeout"] / 2)
        elected = time.monotonic()
        while True:
            time.sleep(interval)
            with self.lock:
                for record in list(self.agents.values()):
                    self._ping(record, time.monotonic())
                if self.recovered_agents and time.monotonic() - elected > self.flags["agent_reregister_timeout"]:
                    for agent_id, info in self.recovered_agents.items():
                        self._commit_unreachable(agent_id, info)
                    self.recovered_agents = {}
                self.scheduling.tick(time.monotonic())

    def _ping(self, record: AgentRecord, now: float) -> None:
        if now < record.next_ping:
            return
        if not record.ponged:
            record.misses += 1
        if record.misses >= self.flags["max_agent_ping_timeouts"]:
            name = f"{record.agent_id} ({record.info['hostname']})"
            log.info("master.cpp:8644", f"Marking agent {name} unreachable: health check timed out")
            self._commit_unreachable(record.agent_id, record.info)
            log.info("master.cpp:8687", f"Marked agent {name} unreachable: health check timed out")
            connection = record.link
            what = "unreachable: health check timed out"
            self._forget(record, what, "REASON_AGENT_REMOVED", "unhealthy", "TASK_UNREACHABLE")
            self._event("unreachable", record)
            if connection:
                connection.close()
            return
        record.ponged = False
        record.next_ping = now + self.flags["agent_ping_timeout"]
        if record.link:
            record.link.send(type="ping", connected=True)
            return
        # Another ID may have come back at this address: its process gets the ping and hears that it is not connected:
        # libprocess knows processes by address only (recorded: replacement, R2).
        for other in self.agents.values():
            if other.pid == record.pid and other.link:
                other.link.send(type="ping", connected=False)

    def _commit_unreachable(self, agent_id: str, info: dict[str, Any]) -> None:
        def mark(state: dict[str, Any]) -> None:
            state["agents"].pop(agent_id, None)
            state["unreachable"][agent_id] = info

        self._commit(mark)

    # --- what it says of itself ---

    def master_info(self) -> dict[str, Any]:
        """MasterInfo, for schedulers and GET_MASTER."""
        address = {"hostname": self.hostname, "ip": self.address[0], "port": self.address[1]}
        return {
            "id": self.master_id,
            "ip": int.from_bytes(socket.inet_aton(self.address[0]), "little"),
            "port": self.address[1],
            "pid": self.pid,
            "hostname": self.hostname,
            "version": build.VERSION,
            "address": address,
            "capabilities": [{"type": "AGENT_UPDATE"}, {"type": "AGENT_DRAINING"}, {}],
        }

    # --- evidence ---

    def _event(self, event: str, record: AgentRecord) -> None:
        daemon.record(
            "simulator-events.jsonl",
            self.evidence,
            {"event": event, "agent_id": record.agent_id, "hostname": record.info["hostname"], "pid": record.pid},
        )


def _ip(pid: str) -> str:
    return pid.rpartition("@")[2].rpartition(":")[0]


def _peers(zk: str | None, own_ip: str) -> list[str]:
    """The other masters of a zk:// address, by the names it has for them."""
    if zk is None:
        return []
    peers = []
    for host in detector.zk_hosts(zk.strip()):
        try:
            address = socket.gethostbyname(host)
        except OSError:
            address = ""  # a name that does not resolve yet is not this host
        if address != own_ip:
            peers.append(host)
    return peers


def _credentials(loaded: Flags) -> dict[str, str]:
    """Who may authenticate, after the log has told of what agents (master.cpp: initialize)."""
    allowed = "only allowing authenticated" if loaded["authenticate_agents"] else "allowing unauthenticated"
    log.info("master.cpp:510", f"Master {allowed} agents to register")
    credentials = auth.read_credentials(loaded["credentials"], "credentials") if loaded["credentials"] else {}
    name = loaded["authenticators"]
    if name != cram_md5.NAME:
        text = f"Authenticator '{name}' not found. Check the spelling (compare to '{cram_md5.NAME}') or verify that the"
        log.exit("master.cpp:566", f"{text} authenticator was loaded successfully (see --modules)")
    log.info("master.cpp:574", f"Using default '{name}' authenticator")
    if loaded["authenticate_http_frameworks"] and not loaded["http_framework_authenticators"]:
        text = "Missing `--http_framework_authenticators` flag. This must be used in conjunction with"
        log.exit("master.cpp:640", f"{text} `--authenticate_http_frameworks`")
    return credentials


def _check(loaded: Flags) -> None:
    if loaded["zk"] is not None:
        try:
            detector.zk_hosts(loaded["zk"].strip())
        except detector.InvalidMaster as error:
            log.exit("main.cpp:395", f"Failed to create a master contender: {error}")
    if loaded["registry"] not in ("in_memory", "replicated_log"):
        log.exit("main.cpp:480", f"'{loaded['registry']}' is not a supported option for registry persistence")
    if loaded["registry"] == "replicated_log":
        if loaded["work_dir"] is None:
            log.exit("main.cpp:424", "--work_dir needed for replicated log based registry")
        if loaded["zk"] is not None and loaded["quorum"] is None:
            log.exit("main.cpp:440", "Need to specify --quorum for replicated log based registry when using ZooKeeper")


def main(argv: list[str]) -> None:
    """The program mesos-master."""
    daemon.block_signals(signal.SIGTERM)
    loaded = daemon.load_flags(master_flags.TABLE, argv)
    daemon.start_logging(argv, loaded)
    tls = Tls()
    address = daemon.own_address(loaded)
    router = http.Router("master")
    server = daemon.listen(address, tls, router.answer)
    server.start()
    daemon.log_build("main.cpp")
    _check(loaded)
    log.info("master.cpp:453", f"Flags at startup: {loaded.command_line()}")
    master = Master(loaded, address, tls)
    from mesos_simulator import master_http

    time.sleep(_ROUTELESS_SECONDS)
    master_http.install(router, master)
    master.election.start()
    daemon.wait_for_signals({})
