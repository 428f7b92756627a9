# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries the steps of a Mesos agent out, and sees each effect with its own eyes."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core import identity, service
from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Step
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import DeadlineError, HoldfastError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import Credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import observe
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.plan import at_work, losses

_POLL_SECONDS = 0.1
# A link that was set aside is kept here: which agent ID a host had, and until when.
_FORGOTTEN = f"{identity.STATE}/mesos/forgotten"


@dataclass
class AgentHands:
    """What acts on one agent.

    :param masters: URLs of the declared masters.
    :param expendable: frameworks whose work does not count as a loss.
    :param expendable_tasks: beginnings of the IDs of tasks that do not count either.
    :param peers: host names of the other agents, which count as available; all when empty.
    :param shown: after a start or a wait, the agent as the leading master shows it.
    """

    machine: Machine
    masters: Sequence[str]
    credentials: Credentials
    expendable: Sequence[str] = ()
    expendable_tasks: Sequence[str] = ()
    peers: Sequence[str] = ()
    shown: dict[str, Any] | None = field(default=None, init=False)
    _directory: str = field(default="", init=False)

    def look(self, parts: frozenset[str]) -> dict[str, Any]:
        """The parts of the world that conditions ask for: ``files``, ``checkpoint``, ``losses``, ``at_work``,
        ``availability``."""
        if parts == {"files"} and self._directory:
            return {"files": observe.read_files(self.machine, self._directory).files}
        agent = observe.observe_agent(self.machine, credentials=self.credentials)
        self._directory = agent["attributes_dir"]
        world: dict[str, Any] = {
            "files": agent["files"],
            "checkpoint": agent["checkpoint"],
            "losses": losses(agent["work"], self.expendable, self.expendable_tasks),
            "at_work": at_work(agent),
        }
        if "availability" in parts:
            master = observe.observe_master(self.machine, self.masters, self.credentials, peers=self.peers)
            if master["error"]:
                raise HoldfastError(
                    "nobody can say how many agents are in service",
                    seen=str(master["error"]),
                    todo="run again when a master leads",
                )
            world["availability"] = {"connected": master["connected"]}
        return world

    def execute(self, step: Step) -> None:
        """Carry one step out.

        :raises HoldfastError: it did not have its effect.
        """
        effects: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "write_file": self._write_file,
            "remove_file": self._remove_file,
            "write_record": self._write_record,
            "enable_unit": lambda args: service.change_unit(self.machine, "enable", args["unit"]),
            "stop_unit": lambda args: service.change_unit(self.machine, "stop", args["unit"]),
            "forget_agent_id": self._forget_agent_id,
            "start_agent": lambda args: self._start("start", args),
            "restart_agent": lambda args: self._start("restart", args),
            "await_agent": lambda args: self.wait_for(args["attributes"], args["timeout"]),
        }
        effects[step.kind](step.args)

    def _write_file(self, args: Mapping[str, Any]) -> None:
        # The init wrapper reads every file beside this one, and every file of the directory above.
        outside = os.path.dirname(os.path.dirname(os.path.dirname(args["path"])))
        self.machine.write(args["path"], args["content"].encode(), staging=(identity.STAGING, outside))

    def _remove_file(self, args: Mapping[str, Any]) -> None:
        self.machine.remove(args["path"])

    def _write_record(self, args: Mapping[str, Any]) -> None:
        identity.write_json(self.machine, args["path"], args["record"])

    def _forget_agent_id(self, args: Mapping[str, Any]) -> None:
        """Move the link away; the checkpoint itself stays where it is until the agent's own garbage collection."""
        self.machine.move(args["link"], f"{_FORGOTTEN}/{int(self.machine.time())}-{args['agent_id']}")

    def _start(self, verb: str, args: Mapping[str, Any]) -> None:
        """Start or restart, then wait until the leading master shows the agent with the wanted attributes."""
        began = self.machine.time()
        restarts = service.observe_unit(self.machine, args["unit"])["restarts"]
        service.change_unit(self.machine, verb, args["unit"])
        self.wait_for(args["attributes"], args["timeout"], began=began, restarts=restarts)

    def wait_for(
        self, attributes: Mapping[str, Any], timeout: float, *, began: float | None = None, restarts: int | None = None
    ) -> None:
        """Poll until the leading master shows the agent with these attributes.

        :param began: when the agent was started, in seconds since the epoch; None where it was not.
        :param restarts: what systemd had counted before that.
        :raises HoldfastError: it does not stay up.
        :raises DeadlineError: it is not there after ``timeout`` seconds.
        """
        since = self.machine.time() if began is None else began
        end = self.machine.monotonic() + timeout
        while True:
            agent = observe.observe_agent(self.machine, credentials=self.credentials)
            missing = self._missing(agent, attributes)
            if not missing:
                return
            unit = agent["unit"]
            restarted = restarts is not None and unit["restarts"] > restarts
            if unit["sub"] in ("auto-restart", "failed", "dead") or restarted:
                raise HoldfastError(
                    f"the agent does not stay up: {unit['name']} ended with status {unit['exit_status']}",
                    seen=observe.agent_words(self.machine, agent, since) or "it left no word",
                    todo="mend what it says and run again; the files are as planned, and no later phase has begun",
                )
            if self.machine.monotonic() > end:
                raise DeadlineError(
                    f"the leading master did not show the agent with the wanted attributes within {timeout:g} s",
                    seen=missing,
                    todo="look at the agent's and the master's logs; run again when they reach each other",
                )
            self.machine.sleep(_POLL_SECONDS)

    def _missing(self, agent: Mapping[str, Any], attributes: Mapping[str, Any]) -> str:
        """What is not yet as it should be, in words; empty when the leading master shows the wanted attributes."""
        running = agent["running"]
        if running is None or running["recovering"] or not running["agent_id"]:
            return "the agent has not registered"
        if running["attributes"] != attributes:
            return f"the agent reports {running['attributes']}"
        master = observe.observe_master(self.machine, self.masters, self.credentials, running, whole=False)
        if master["error"]:
            return str(master["error"])
        entry = next((found for found in master["agents"] if found["id"] == running["agent_id"]), None)
        if entry is None:
            return f"the leading master {master['leader']} does not list {running['agent_id']}"
        if not entry["active"] or entry["attributes"] != attributes:
            return f"the leading master shows it {'' if entry['active'] else 'in'}active with {entry['attributes']}"
        self.shown = dict(entry)
        return ""
