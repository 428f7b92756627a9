# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mesos-executor: runs the one command of a task (mesos 1.11.0 src/launcher/executor.cpp, docs/executor-http-api.md).

A task without a command runs until it is killed: so are planted ones. Without checkpoint it ends with its agent, with it
it waits for the agent to come back, as long as MESOS_RECOVERY_TIMEOUT says (src/executor/executor.cpp).
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import sys
import threading
import time
from typing import Any

from mesos_simulator import launch, messages, units
from mesos_simulator.containers import members
from mesos_simulator.http import spawn
from mesos_simulator.tls import Tls

_CONNECT_SECONDS = 5.0
_RETRY_SECONDS = 0.7  # the agent takes executors back for 2 s only (--executor_reregistration_timeout)
_GRACE_SECONDS = 3.0  # between SIGTERM and SIGKILL (src/launcher/executor.cpp: kill)

_PYTHONS_OWN = "LC_CTYPE"  # which Python sets for itself (PEP 538)


def main() -> int:
    """The exit status is 0 however the task ends: its status has been told."""
    executor = CommandExecutor(os.environ)
    executor.run()
    return 0


class CommandExecutor:
    """One executor with one task."""

    def __init__(self, environment: Any) -> None:
        self._framework_id = environment["MESOS_FRAMEWORK_ID"]
        self._executor_id = environment["MESOS_EXECUTOR_ID"]
        host, _, port = environment["MESOS_AGENT_ENDPOINT"].rpartition(":")
        self._agent = (host, int(port))
        self._sandbox = environment["MESOS_SANDBOX"]
        self._checkpoint = environment.get("MESOS_CHECKPOINT") == "1"
        self._recovery_timeout = units.parse_duration(environment.get("MESOS_RECOVERY_TIMEOUT", "15mins"))
        self._tls = Tls()
        self._lock = threading.RLock()
        self._task: dict[str, Any] | None = None
        self._pid = 0
        self._killed = False
        self._tells_killing = False
        self._ended = False
        self._pending: dict[str, dict[str, Any]] = {}
        self._acknowledged = False

    def run(self) -> None:
        """Subscribes, again and again where that makes sense, until the task's end has been acknowledged."""
        lost_since: float | None = None
        while not self._over():
            try:
                self._subscription()
                lost_since = time.monotonic()
            except (OSError, ValueError) as error:
                print(f"Failed to subscribe with the agent: {error}", file=sys.stderr, flush=True)
            if self._over():
                return
            if not self._checkpoint:
                print(
                    "Agent exited, but framework has checkpointing disabled. Shutting down", file=sys.stderr, flush=True
                )
                self._kill_at_once()
                return
            lost_since = lost_since or time.monotonic()
            if time.monotonic() - lost_since > self._recovery_timeout:
                print("Recovery timeout exceeded. Shutting down", file=sys.stderr, flush=True)
                self._kill_at_once()
                return
            time.sleep(_RETRY_SECONDS)

    def _over(self) -> bool:
        with self._lock:
            return self._ended and not self._pending

    def _subscription(self) -> None:
        with self._lock:
            started = self._task is not None and not self._acknowledged
            tasks = [self._task] if started else []
            content = {
                "unacknowledged_tasks": tasks,
                "unacknowledged_updates": [{"status": s} for s in self._pending.values()],
            }
        with (
            self._request({"type": "SUBSCRIBE", "subscribe": content}) as connection,
            connection.makefile("rb") as reader,
        ):
            connection.settimeout(None)
            if _status(reader) != 200:
                raise OSError("the agent does not take the subscription")
            for event in _events(reader):
                self._handle(event)
                if self._over():
                    return

    def _request(self, call: dict[str, Any]) -> socket.socket:
        named = {"framework_id": {"value": self._framework_id}, "executor_id": {"value": self._executor_id}}
        body = json.dumps({**named, **call}).encode("ascii")
        connection = self._tls.connect(self._agent, _CONNECT_SECONDS)
        head = f"POST /api/v1/executor HTTP/1.1\r\nHost: {self._agent[0]}\r\nContent-Type: application/json\r\n"
        connection.sendall(f"{head}Accept: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        return connection

    def _handle(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == "SUBSCRIBED":
            self._tells_killing = messages.capable(event["subscribed"]["framework_info"], "TASK_KILLING_STATE")
            print("Subscribed executor", file=sys.stderr, flush=True)
        elif kind == "LAUNCH":
            self._launch(event["launch"]["task"])
        elif kind == "KILL":
            policy = event["kill"].get("kill_policy") or (self._task or {}).get("kill_policy") or {}
            grace = policy.get("grace_period", {}).get("nanoseconds", _GRACE_SECONDS * 1e9) / 1e9
            self._kill(grace)
        elif kind == "ACKNOWLEDGED":
            with self._lock:
                self._pending.pop(event["acknowledged"]["uuid"], None)
                self._acknowledged = True
        elif kind == "SHUTDOWN":
            if self._task is None:
                self._ended = True
            self._kill(_GRACE_SECONDS)

    def _launch(self, task: dict[str, Any]) -> None:
        self._task = task
        self._update("TASK_STARTING")
        if "command" in task:
            self._pid = self._fork(task["command"])
            print(f"Forked command at {self._pid}", file=sys.stderr, flush=True)
        self._update("TASK_RUNNING")
        if self._pid:
            # Not before: even a command that ends at once has been told of as running (executor.cpp: launch).
            spawn(self._wait)

    def _fork(self, command: dict[str, Any]) -> int:
        """The launcher that becomes the command. Until then its argv, which everybody may read, shows all variables, those of
        the task twice (executor.cpp: launchTaskSubprocess; recorded: SIGTERM to the process tree of task t3 of the drain cases).
        """
        given = command.get("environment", {}).get("variables", [])
        variables = {name: value for name, value in os.environ.items() if name != _PYTHONS_OWN}
        variables.update({entry["name"]: entry.get("value", "") for entry in given})
        info = {"command": command, "environment": launch.environment(variables)}
        program = os.path.join(os.path.dirname(os.path.realpath(sys.argv[0])), "mesos-containerizer")
        words = ["launch", "--help=false", f"{launch.FLAG}{launch.text(info)}"]
        return os.posix_spawn(sys.executable, ["mesos-containerizer", "-IS", program, *words], os.environ, setsid=True)

    def _wait(self) -> None:
        """Tells how the command ended (executor.cpp: reaped)."""
        status = os.waitpid(self._pid, 0)[1]
        if os.WIFEXITED(status):
            state = "TASK_FINISHED" if os.WEXITSTATUS(status) == 0 else "TASK_FAILED"
            message = f"Command exited with status {os.WEXITSTATUS(status)}"
        else:
            state = "TASK_FAILED"
            message = f"Command terminated with signal {signal.strsignal(os.WTERMSIG(status))}"
        with self._lock:
            self._ended = True
            self._update("TASK_KILLED" if self._killed else state, message)

    def _kill(self, grace: float) -> None:
        """SIGTERM to all of the task, SIGKILL after the grace period (executor.cpp: kill, escalated)."""
        with self._lock:
            if self._task is None or self._ended or self._killed:
                return
            self._killed = True
            if self._tells_killing:
                self._update("TASK_KILLING")
            if not self._pid:
                self._ended = True
                self._update("TASK_KILLED")
                return
        self._signal(signal.SIGTERM)
        spawn(self._escalate, grace)

    def _escalate(self, grace: float) -> None:
        time.sleep(grace)
        if not self._ended:
            self._signal(signal.SIGKILL)

    def _kill_at_once(self) -> None:
        self._signal(signal.SIGTERM)
        end = time.monotonic() + _GRACE_SECONDS
        while self._pid and not self._ended and time.monotonic() < end:
            time.sleep(0.1)
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        """To the task's session (stout/os/killtree.hpp)."""
        for pid in members(self._sandbox):
            try:
                if self._pid and os.getsid(pid) == self._pid:
                    os.kill(pid, number)
            except ProcessLookupError:
                pass

    def _update(self, state: str, message: str | None = None) -> None:
        """A status that is sent now or, while there is no agent, with the next subscription."""
        assert self._task is not None
        uuid = base64.b64encode(os.urandom(16)).decode("ascii")
        status = {"task_id": self._task["task_id"], "state": state, "source": "SOURCE_EXECUTOR", "uuid": uuid}
        status.update({"message": message} if message else {}, timestamp=time.time())
        with self._lock:
            self._pending[uuid] = status
        try:
            update = {"type": "UPDATE", "update": {"status": status}}
            with self._request(update) as connection, connection.makefile("rb") as reader:
                _status(reader)
        except (OSError, ValueError):
            pass  # it is among the unacknowledged ones


def _status(reader: Any) -> int:
    """The status of an answer, behind whose head the reader stands."""
    words = reader.readline(1024).split()
    while reader.readline(65537) not in (b"\r\n", b"\n", b""):
        pass
    if len(words) < 2:
        raise OSError("the agent has closed the connection")
    return int(words[1])


def _events(reader: Any) -> Any:
    """The records of a chunked answer; one record per chunk, as agents write them."""
    while True:
        line = reader.readline(64)
        size = int(line, 16) if line.strip() else 0
        if not size:
            return
        content = reader.read(size)
        reader.readline(8)
        if len(content) < size:
            return
        yield json.loads(content.partition(b"\n")[2])
