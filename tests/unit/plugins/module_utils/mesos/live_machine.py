# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine in memory on which a Mesos agent lives: it reads its files at its start, recovers, registers, or flaps."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core import command, web
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import RefusedError
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model, packaging
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import FakeMachine
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos import wire
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos.processes import a_process
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos.test_packaging import MESOSPHERE

UNIT = "mesos-slave.service"
SHOW = ("systemctl", "show", UNIT)
DIRECTORY = "/etc/mesos-slave/attributes"
META = "/var/lib/mesos/meta"
MASTERS = ("http://m1:5050", "http://m2:5050", "http://m3:5050")
AGENT = "http://10.0.0.11:5051"
PID = 77
# mesos 1.11.0 src/slave/slave.cpp, as a transcript of mesos-agent shows it.
REFUSAL = "EXIT with status 1: Failed to perform recovery: Incompatible agent info detected. "


class LiveMachine(FakeMachine):
    """See the module's text. The first master leads; the others redirect to it.

    :ivar startup: seconds from the agent's start until it is registered.
    :ivar lag: seconds for which the master shows the agent inactive although it has registered.
    :ivar says: what the agent says when it cannot stay up, for a reason of the test.
    :ivar peers: further agents that the master knows: host name -> active.
    :ivar leader: the master that leads; None for none.
    :ivar starts: the attributes of every start.
    """

    def __init__(self, attributes: Mapping[str, str], *, registered: bool = True, policy: str = "equal") -> None:
        super().__init__()
        self.startup = 0.4
        self.lag = 0.0
        self.says = ""
        self.peers: dict[str, bool] = {}
        self.leader: str | None = MASTERS[0]
        self.frameworks: list[dict[str, Any]] = []
        self.starts: list[dict[str, str]] = []
        self.enabled = "enabled"
        self._active = ("inactive", "dead")
        self._restarts = 0
        self._agent: tuple[str, dict[str, Any]] | None = None
        self._registered_at = 0.0
        self._made = 0
        self._journal: list[str] = []
        self._infos: dict[str, tuple[model.Attribute, ...]] = {}
        self.file("/usr/bin/mesos-init-wrapper", MESOSPHERE)
        self.file("/etc/mesos-slave/work_dir", "/var/lib/mesos\n")
        self.file("/etc/mesos-slave/ip", "10.0.0.11\n")
        self.file("/etc/mesos-slave/hostname", "agent01\n")
        self.file("/etc/mesos-slave/reconfiguration_policy", policy + "\n")
        self.file("/proc/sys/kernel/random/boot_id", "b1\n")
        self.directory(DIRECTORY)
        for name, value in attributes.items():
            self.file(f"{DIRECTORY}/{name}", value + "\n")
        if registered:
            self._start()
            self._advance(self.startup)

    # -- the agent's life -----------------------------------------------------------------------------------------

    def attributes(self) -> dict[str, str]:
        """The files that the wrapper would pass now."""
        found = {name: self.read(f"{DIRECTORY}/{name}") or b"" for name in self.names(DIRECTORY)}
        return {name: packaging.cat(content) for name, content in found.items() if content and not name.startswith(".")}

    def registered(self) -> dict[str, Any] | None:
        """The agent as the leading master shows it."""
        return next((entry for entry in self._slaves() if entry["hostname"] == "agent01"), None)

    def latest(self) -> str | None:
        link = f"{META}/slaves/latest"
        return self.link(link).rpartition("/")[2] if self.kind(link) else None

    def link(self, path: str) -> str:
        return self._nodes[path].target

    def fall(self) -> None:
        """The agent dies and is not started again."""
        self._active, self._agent = ("inactive", "dead"), None

    def _flags(self) -> dict[str, str]:
        files = (f"/etc/mesos-slave/{name}" for name in self.names("/etc/mesos-slave"))
        return {path.rpartition("/")[2]: packaging.cat(self.read(path) or b"") for path in files if path != DIRECTORY}

    def _admitted(self) -> bool:
        return self.clock >= self._registered_at + self.lag

    def _start(self) -> None:
        files = self.attributes()
        self.starts.append(files)
        wanted = model.parse_files(files)
        old = self.latest()
        if old is not None and not self.says:
            original = self._infos[old]
            recovery = model.recovery(
                original, wanted, packaging.cat(self.read("/etc/mesos-slave/reconfiguration_policy") or b"")
            )
            if recovery.kind == model.NEW_AGENT_ID:
                self._flap(REFUSAL)
                return
        if self.says:
            self._flap(self.says)
            return
        if old is None:
            self._made += 1
            old = f"id-S{self._made}"
            self._infos[old] = wanted
            self.file(f"{META}/slaves/{old}/slave.info", wire.slave_info(old, wanted))
            self.symlink(f"{META}/slaves/latest", f"{META}/slaves/{old}")
            self.file(f"{META}/boot_id", "b1")
        self._active = ("active", "running")
        self._agent = (old, model.state_of(wanted))
        flags = [f"--{name}={value}" for name, value in self._flags().items()]
        a_process(self, PID, ["/usr/sbin/mesos-slave", *flags], listens=[("10.0.0.11", 5051)])
        self._registered_at = self.clock + self.startup

    def _flap(self, words: str) -> None:
        self._agent, self._active = None, ("activating", "auto-restart")
        self._restarts += 1
        self._journal.append(f"E1121 12:00:00.000000 1 slave.cpp:1] {words}\n")

    # -- what the code under test calls ---------------------------------------------------------------------------

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        deadline: float = 30.0,
        ok: Container[int] = (0,),
    ) -> command.Completed:
        call = tuple(argv)
        stdout = ""
        if call[:3] == SHOW:
            active, sub = self._active
            stdout = (
                f"LoadState=loaded\nActiveState={active}\nSubState={sub}\nUnitFileState={self.enabled}\n"
                f"MainPID={PID if self._agent else 0}\nNRestarts={self._restarts}\n"
                f"ExecMainStatus={1 if active == 'activating' else 0}\n"
                "ExecStart={ path=/usr/bin/mesos-init-wrapper ; argv[]=/usr/bin/mesos-init-wrapper slave }\n"
            )
        elif call[0] == "journalctl":
            stdout = "".join(self._journal)
        elif call in {("systemctl", verb, UNIT) for verb in ("start", "stop", "restart", "enable")}:
            with self._effect(" ".join(call)):
                if call[1] in ("stop", "restart"):
                    self.fall()
                if call[1] in ("start", "restart") and self._agent is None:
                    self._start()
                if call[1] == "enable":
                    self.enabled = "enabled"
        else:
            return super().run(argv, stdin=stdin, env=env, deadline=deadline, ok=ok)
        self.calls.append(call)
        return command.Completed(call, 0, stdout, "")

    def changes(self) -> list[tuple[str, ...]]:
        """The systemctl calls that change something, in order."""
        return [call for call in self.calls if call[0] == "systemctl" and call[1] != "show"]

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: Any = None,
        media_type: str = "application/json",
        credentials: web.Credentials = web.ANONYMOUS,
        deadline: float = 5.0,
    ) -> web.Answer:
        self.requests.append((method, url, body))
        base, path = url[: url.index("/", 8)], url[url.index("/", 8) :]
        if base == AGENT and path == "/state":
            if self._agent is None:
                raise RefusedError("no answer", where=url, seen="Connection refused", todo="-")
            if AGENT in self._users and self._users[AGENT] != (credentials.username, credentials.password):
                return web.Answer(401, {}, "401 Unauthorized.")
            if self.clock < self._registered_at:
                return web.Answer(503, {}, "Agent has not finished recovery")
            return web.Answer(200, {}, json.dumps(self._state()))
        if base in MASTERS and path.startswith("/slaves"):
            if self.leader is None:
                return web.Answer(503, {}, "No leader elected")
            if base != self.leader:
                return web.Answer(307, {"location": f"//{self.leader[7:]}/slaves"}, "")
            only = path.partition("slave_id=")[2]
            return web.Answer(200, {}, json.dumps({"slaves": [e for e in self._slaves() if only in ("", e["id"])]}))
        return super().fetch(url, method=method, body=body, credentials=credentials, deadline=deadline)

    def _state(self) -> dict[str, Any]:
        assert self._agent is not None
        return {
            "version": "1.11.0",
            "start_time": 1.0,
            "id": self._agent[0],
            "pid": "slave(1)@10.0.0.11:5051",
            "hostname": "agent01",
            "attributes": self._agent[1],
            "flags": {"work_dir": "/var/lib/mesos", "ip": "10.0.0.11", "hostname": "agent01"},
            "frameworks": self.frameworks,
            "reserved_resources_full": {},
        }

    def _slaves(self) -> list[dict[str, Any]]:
        found = [{"id": f"id-{name}", "hostname": name, "pid": name, "active": up} for name, up in self.peers.items()]
        if self._agent is not None and self.clock >= self._registered_at:
            agent_id, attributes = self._agent
            own = {"id": agent_id, "hostname": "agent01", "pid": "slave(1)@10.0.0.11:5051", "active": self._admitted()}
            found.append({**own, "attributes": attributes})
        return found
