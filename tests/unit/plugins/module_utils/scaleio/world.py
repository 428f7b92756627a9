# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A Mesos cluster on paper, to which steps are applied: files, agents that read them at their start, checkpoints, a master.

It knows what a plan may not do, and looks after every single effect: :class:`Unsafe` is what a property test hunts for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Plan, Step
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model as mesos
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.plan import losses
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.model import FRAMEWORK, framework_view
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import (
    agent,
    observation,
)


class Unsafe(AssertionError):
    """A state that no plan may pass through."""


@dataclass
class Node:
    """One host.

    :param running: the attributes that the agent was started with; None while it is down.
    :param latest: the agent ID that ``meta/slaves/latest`` points to.
    :param infos: agent ID -> the attributes of its first registration.
    :param shown: whether the master shows the agent as active while it runs; not yet after a fail-over.
    """

    member: str
    wanted: dict[str, Any]
    devices: list[dict[str, Any]] = field(repr=False)
    files: dict[str, str]
    running: dict[str, str] | None
    latest: str | None
    infos: dict[str, dict[str, str]]
    policy: str = "equal"
    rebooted: bool = False
    flapping: bool = False
    disabled: bool = False
    shown: bool = True
    work: list[dict[str, Any]] = field(default_factory=list)
    identity: dict[str, Any] | None = None
    previous: dict[str, Any] | None = None
    claim: dict[str, Any] | None = None

    def copy(self) -> Node:
        """The same host in a world of its own; what no step changes is shared."""
        return replace(
            self,
            files=dict(self.files),
            running=None if self.running is None else dict(self.running),
            infos=dict(self.infos),
            work=list(self.work),
        )

    def start(self, ids: Iterator[str]) -> None:
        """What an agent does at its start (mesos 1.11.0 src/slave/slave.cpp, recover())."""
        self.work = [item for item in self.work if item["ends"] != "at_restart"]
        wanted = mesos.parse_files(self.files)
        if self.latest is not None:
            recovery = mesos.recovery(
                mesos.parse_files(self.infos[self.latest]), wanted, self.policy, rebooted=self.rebooted
            )
            if recovery.kind == mesos.NEW_AGENT_ID:
                if not recovery.by_itself:
                    self.running, self.flapping = None, True
                    return
                self.latest = None
        if self.latest is None:
            self.latest = next(ids)
            self.infos[self.latest] = dict(self.files)
            self.work = []
        self.running, self.flapping, self.rebooted, self.shown = dict(self.files), False, False, True

    def stop(self) -> None:
        self.work = [item for item in self.work if item["ends"] != "at_restart"]
        self.running, self.flapping = None, False

    def observe(self) -> dict[str, Any]:
        part = agent(
            self.files,
            running=self.running or {},
            agent_id=self.latest,
            up=self.running is not None,
            work=list(self.work),
            flags={"work_dir": "/w", "hostname": self.member, "reconfiguration_policy": self.policy},
        )
        part["checkpoint"].update(
            agent_id=self.latest,
            rebooted=self.rebooted,
            attributes=(
                None
                if self.latest is None
                else [found.to_json() for found in mesos.parse_files(self.infos[self.latest])]
            ),
        )
        if self.flapping:
            part["unit"].update(active="activating", sub="auto-restart")
        if self.disabled:
            part["unit"]["enabled"] = "disabled"
        found = observation(
            self.member,
            agent=part,
            devices=self.devices,
            identity=self.identity,
            previous=self.previous,
            claim=self.claim,
            wanted=self.wanted,
        )
        for entry in found["master"]["agents"]:
            entry["active"] = self.shown
        return found

    def state(self) -> dict[str, Any]:
        """What two runs must agree on in the end. Agent IDs are new every time."""
        return {"files": self.files, "running": self.running, "identity": self.identity, "previous": self.previous}


def _new_ids() -> Iterator[str]:
    return map("N{}".format, itertools.count())


class Died(Exception):
    """The run ends here."""


@dataclass
class World:
    """All hosts, and what is watched over.

    :ivar unavailable: how many agents may be down at a time.
    """

    nodes: dict[str, Node]
    unavailable: int
    effects: int = 0
    die_after: int | None = None
    _ids: Iterator[str] = field(default_factory=_new_ids, repr=False)
    _before: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    _target: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)

    def copy(self) -> World:
        return replace(self, nodes={member: node.copy() for member, node in self.nodes.items()}, _ids=_new_ids())

    def observe(self) -> list[dict[str, Any]]:
        return [node.observe() for node in self.nodes.values()]

    def down(self) -> set[str]:
        return {member for member, node in self.nodes.items() if node.running is None}

    def re_register(self) -> None:
        """Time passes: every agent that runs is with the new master."""
        for node in self.nodes.values():
            node.shown = True

    def state(self) -> dict[str, Any]:
        return {member: node.state() for member, node in self.nodes.items()}

    def carry_out(self, plan: Plan, draw_index: Any = None) -> None:
        """Phase by phase; in a phase the hosts' steps interleave as ``draw_index`` (a function of the number) chooses, and
        so do the agents that come to a new master.

        :raises WorldChanged: a step found what it requires no more.
        :raises Unsafe: the world came into a state that it may not.
        :raises Died: the run was to die here.
        """
        self._begin(plan)
        # Whoever is absent and down is gone on purpose. What the master shows does not matter here.
        gone = {
            member
            for member, node in self.nodes.items()
            if node.running is None and node.disabled and node.wanted["state"] == "absent"
        }
        for index, phase in enumerate(plan.phases, 1):
            quiet = phase.name == "without taking an agent down"
            peers = set(self.nodes) - gone
            allowed = self.down() & peers if quiet else (self.down() & peers) | set(phase.steps)
            at_most = len(allowed) if quiet else self.unavailable
            queues = {member: list(steps) for member, steps in phase.steps.items()}
            while queues:
                names = sorted(queues)
                member = names[draw_index(len(names)) if draw_index else 0]
                self.nodes[member].claim = claim(plan, index, member, "acting")
                unshown = [node for node in self.nodes.values() if not node.shown]
                if unshown and draw_index and draw_index(2):
                    unshown[0].shown = True
                self._do(self.nodes[member], queues[member].pop(0), plan)
                down = self.down() & peers
                if not down <= allowed or len(down) > at_most:
                    raise Unsafe(f"{sorted(down)} are down in {phase.name}")
                if not queues[member]:
                    del queues[member]
                    self.nodes[member].claim = claim(plan, index, member, "done")

    def _begin(self, plan: Plan) -> None:
        if self.die_after == 0:
            raise Died
        self._before = {member: dict(node.files) for member, node in self.nodes.items()}
        self._target = {member: _after(node.files, plan, member) for member, node in self.nodes.items()}

    def _do(self, node: Node, step: Step, plan: Plan) -> None:
        world = self.seen_on(node, plan)
        for condition in step.requires:
            condition.check(world, step.sentence)
        named = set(node.wanted["allow_work_loss"])
        before = {_label(item) for item in node.work if item["framework"] != FRAMEWORK}
        getattr(self, f"_{step.kind}")(node, step.args)
        lost = before - {_label(item) for item in node.work}
        if not lost <= named:
            raise Unsafe(f"{node.member} lost {lost - named}")
        self._look(node)
        self._count()

    def _count(self) -> None:
        self.effects += 1
        if self.effects == self.die_after:
            raise Died

    def seen_on(self, node: Node, plan: Plan) -> dict[str, Any]:
        """What conditions of a host's steps look at."""
        others = {member for member in plan.context["peers"] if member != node.member} - self.down()
        return {
            "files": node.files,
            "checkpoint": {"agent_id": node.latest},
            "losses": losses(node.work, (FRAMEWORK,)),
            "at_work": node.running is not None,
            "availability": {"connected": sum(self.nodes[member].shown for member in others)},
        }

    def _write_file(self, node: Node, args: Mapping[str, Any]) -> None:
        content = args["content"]
        assert content.endswith("\n") and "\n" not in content[:-1]
        node.files[args["path"].rpartition("/")[2]] = content[:-1]

    def _remove_file(self, node: Node, args: Mapping[str, Any]) -> None:
        del node.files[args["path"].rpartition("/")[2]]

    def _write_record(self, node: Node, args: Mapping[str, Any]) -> None:
        setattr(node, "previous" if args["path"].endswith(".previous.json") else "identity", dict(args["record"]))

    def _enable_unit(self, node: Node, _args: Mapping[str, Any]) -> None:
        node.disabled = False

    def _stop_unit(self, node: Node, _args: Mapping[str, Any]) -> None:
        node.stop()

    def _forget_agent_id(self, node: Node, args: Mapping[str, Any]) -> None:
        assert node.running is None and args["agent_id"] == node.latest
        node.latest, node.work = None, []

    def _start_agent(self, node: Node, args: Mapping[str, Any]) -> None:
        self._restart_agent(node, args)

    def _restart_agent(self, node: Node, args: Mapping[str, Any]) -> None:
        node.start(self._ids)
        if node.running is None or mesos.state_of(mesos.parse_files(node.running)) != args["attributes"]:
            raise Unsafe(f"{node.member} was started and does not stay up with {args['attributes']}")

    def _await_agent(self, node: Node, args: Mapping[str, Any]) -> None:
        assert node.running is not None and mesos.state_of(mesos.parse_files(node.running)) == args["attributes"]
        node.shown = True

    def _look(self, node: Node) -> None:
        """What would an agent be that is restarted right now?"""
        before, now, target = (
            framework_view(files) for files in (self._before[node.member], node.files, self._target[node.member])
        )
        if before.imperative and target.imperative and not now.imperative:
            raise Unsafe(f"{node.member} would be without imperative attributes: {node.files}")
        for device, homes in now.device_pools.items():
            if len(homes) > 1:
                raise Unsafe(f"{device} of {node.member} is in {sorted(homes)}")
            if not homes <= before.device_pools.get(device, set()) | target.device_pools.get(device, set()):
                raise Unsafe(f"{device} of {node.member} is in a pool of neither layout: {sorted(homes)}")
        others = {name: value for name, value in node.files.items() if not name.startswith("scaleio-")}
        if others != {name: v for name, v in self._before[node.member].items() if not name.startswith("scaleio-")}:
            raise Unsafe(f"foreign attributes of {node.member} were touched")


def _label(item: Mapping[str, Any]) -> str:
    kind = item["kind"]
    return f"framework:{item['framework']}" if kind in ("task", "executor") else f"{kind}:{item['name']}"


def claim(plan: Plan, phase: int, member: str, state: str) -> dict[str, Any]:
    return {
        "plan_id": "p",
        "controller": {},
        "phase": phase,
        "phases": len(plan.phases),
        "hosts": [],
        "supersedes": [],
        "effect": any(step.effect for step in plan.phases[phase - 1].steps[member]),
        "state": state,
        "at": 0.0,
        "age": 90.0,
        "acting": False,
    }


def _after(files: Mapping[str, str], plan: Plan, member: str) -> dict[str, str]:
    left = dict(files)
    for phase in plan.phases:
        for step in phase.steps.get(member, ()):
            name = step.args.get("path", "").rpartition("/")[2]
            if step.kind == "write_file":
                left[name] = step.args["content"].rstrip("\n")
            elif step.kind == "remove_file":
                left.pop(name, None)
    return left
