# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decides how a Mesos agent gets from the attributes it has to those it should have. Pure.

An agent reads its attributes once, at its start, and compares them with those of its first registration (slave.info).
What that comparison allows decides whether a restart keeps the agent ID or needs a new one; with the ID go its tasks,
dynamic reservations and persistent volumes (mesos src/slave/compatibility.cpp, src/slave/slave.cpp recover()).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Condition, Step
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model

# Flags that an agent may not change and keep its ID (compatibility.cpp), or that move it to another address.
_IDENTITY_FLAGS = (
    *("resources", "hostname", "port", "ip", "ip_discovery_command", "advertise_ip", "advertise_port"),
    *("domain", "work_dir"),
)


@dataclass(frozen=True)
class Policy:
    """What a run may do to an agent.

    :param allow_work_loss: labels of work that may end, as :func:`losses` prints them.
    :param expendable: frameworks whose tasks may end without being named: they are started again by themselves.
    :param expendable_tasks: beginnings of the IDs of further such tasks, which are their executors' IDs too.
    :param registration_timeout: seconds to wait for the leading master to show the agent.
    :param connected_at_least: how many other agents the leading master must show connected before this one goes down;
        None for no such rule.
    """

    allow_work_loss: tuple[str, ...] = ()
    expendable: tuple[str, ...] = ()
    expendable_tasks: tuple[str, ...] = ()
    registration_timeout: float = 60.0
    connected_at_least: int | None = None


def losses(
    work: Iterable[Mapping[str, Any]], expendable: Sequence[str] = (), expendable_tasks: Sequence[str] = ()
) -> dict[str, list[str]]:
    """What would end, by cause, as labels that ``allow_work_loss`` takes.

    :param work: the agent's work as observed.
    :param expendable: see :class:`Policy`, as for the next.
    :returns: ``at_restart`` and ``with_agent_id`` (which contains the former), sorted.
    """
    found: dict[str, set[str]] = {"at_restart": set(), "with_agent_id": set()}
    for item in work:
        if item["kind"] in ("task", "executor"):
            if item["framework"] in expendable or item["name"].startswith(tuple(expendable_tasks)):
                continue
            label = f"framework:{item['framework']}"
        else:
            label = f"{item['kind']}:{item['name']}"
        found["with_agent_id"].add(label)
        if item["ends"] == "at_restart":
            found["at_restart"].add(label)
    return {cause: sorted(labels) for cause, labels in found.items()}


def write_step(directory: str, name: str, before: str | None, after: str | None) -> Step:
    """Write (``after``) or remove (None) one attribute file whose value was ``before`` (None: not there)."""
    path = f"{directory}/{name}"
    requires = (Condition(("files", name), before),)
    old = "" if before is None else before + "\n"
    if after is None:
        return Step("remove_file", f"remove {path} ({before})", {"path": path}, requires, path, old, "")
    verb = "write" if before is None else "change"
    change = after if before is None else f"{before} -> {after}"
    return Step(
        "write_file",
        f"{verb} {path}: {change}",
        {"path": path, "content": after + "\n"},
        requires,
        path,
        old,
        after + "\n",
    )


@dataclass(frozen=True)
class Change:
    """How the agent takes its attributes over.

    :param kind: ``none`` (it has them), ``first`` (it never registered), ``start`` (it is down, its ID stays),
        ``additive`` (a restart keeps the ID), ``same`` (a restart keeps the ID: back to the original attributes),
        ``new_agent_id``.
    :param reason: why, in words.
    :param by_itself: the agent takes a new ID at its start without help.
    """

    kind: str
    reason: str
    by_itself: bool = False


def decide(agent: Mapping[str, Any], wanted: Sequence[model.Attribute]) -> Change:
    """Compare what an agent should have with what it runs with and what it first registered with.

    :param agent: the ``agent`` part of an observation.
    :param wanted: all its attributes as they will be.
    """
    running = agent["running"]
    down = agent["unit"]["active"] != "active" or running is None
    if not down and model.state_of(wanted) == running["attributes"]:
        return Change("none", "the running agent has these attributes")
    checkpoint = agent["checkpoint"]
    if checkpoint["agent_id"] is None:
        return Change("first", "this agent has never registered")
    policy = agent["flags"].get("reconfiguration_policy", "equal")
    original = None if checkpoint["attributes"] is None else model.attributes_from_json(checkpoint["attributes"])
    recovery = model.recovery(original, wanted, policy, rebooted=checkpoint["rebooted"])
    if recovery.kind == "same" and down:
        return Change("start", recovery.reason)
    return Change(recovery.kind, recovery.reason, recovery.by_itself)


def is_down(agent: Mapping[str, Any]) -> bool:
    """Whether no agent runs on a host, or one that its unit starts again and again.

    What the masters show does not matter: after a fail-over they know running agents as inactive for a while.

    :param agent: the ``agent`` part of an observation.
    """
    return agent["running"] is None and agent["unit"]["active"] in ("inactive", "failed", "activating")


def at_work(agent: Mapping[str, Any]) -> bool:
    """Whether an agent runs and is through its recovery; one that fails in it over and over never is.

    :param agent: the ``agent`` part of an observation.
    """
    if agent["running"] is not None:
        return not agent["running"]["recovering"]
    return agent["running_error"] is not None and not agent["running_refused"]


def takeover(
    agent: Mapping[str, Any], desired: Mapping[str, str], policy: Policy
) -> tuple[Change, list[Step], list[str]]:
    """The steps that make the agent run with the attribute files as they will be.

    :param agent: the ``agent`` part of an observation.
    :param desired: all attribute files as they will be.
    :returns: the change, its steps (none when nothing is needed), and the reasons to refuse it.
    """
    wanted = model.parse_files(desired)
    change = decide(agent, wanted)
    if change.kind == "none":
        return change, [], []
    unit = agent["unit"]["name"]
    lost = losses(agent["work"], policy.expendable, policy.expendable_tasks)
    new_id = change.kind == "new_agent_id"
    ending = lost["with_agent_id" if new_id else "at_restart"]
    refused = _refusals(agent, change, [label for label in ending if label not in policy.allow_work_loss])
    active = agent["unit"]["active"]
    old_id = agent["checkpoint"]["agent_id"]
    requires = [
        Condition(("files",), dict(desired)),
        Condition(("checkpoint", "agent_id"), old_id),
        Condition(("losses", "with_agent_id" if new_id else "at_restart"), ending, "within"),
    ]
    if is_down(agent):
        requires.append(Condition(("at_work",), False))
    elif policy.connected_at_least is not None:
        requires.append(Condition(("availability", "connected"), policy.connected_at_least, "at_least"))
    expected = {
        "unit": unit,
        "attributes": model.state_of(wanted),
        "timeout": policy.registration_timeout,
    }
    steps = []
    if change.kind == "first" and agent["unit"]["enabled"] == "disabled":
        steps.append(Step("enable_unit", f"enable {unit} at boot", {"unit": unit}, (), unit, "disabled\n", "enabled\n"))
    if not new_id or change.by_itself:
        # systemd holds the start of a unit that waits for its automatic restart back until then (service.c, service_start).
        verb = "start" if active in ("inactive", "failed") else "restart"
        identity = "gets a new ID" if new_id else f"keeps its ID {old_id}" if old_id else "registers"
        how = f"the agent {identity} ({change.kind}: {change.reason})"
        return change, [*steps, _start(verb, unit, how, expected, tuple(requires))], refused
    ends = f"; with it ends {', '.join(ending)}" if ending else "; nothing but what starts again by itself ends with it"
    if active not in ("inactive", "failed"):
        steps.append(
            Step("stop_unit", f"stop {unit}", {"unit": unit}, tuple(requires), unit, f"{active}\n", "inactive\n")
        )
    link = f"{agent['flags'].get('work_dir', '')}/meta/slaves/latest"
    steps.append(
        Step(
            "forget_agent_id",
            f"set {link} aside, so that the agent gives up its ID {old_id} (new_agent_id: {change.reason}){ends}",
            {"link": link, "agent_id": old_id},
            (*requires[:2], Condition(("at_work",), False)),
            link,
            f"{old_id}\n",
            "",
        )
    )
    steps.append(_start("start", unit, "the agent gets a new ID", expected, tuple(requires[:1])))
    return change, steps, refused


def _start(verb: str, unit: str, how: str, expected: Mapping[str, Any], requires: tuple[Condition, ...]) -> Step:
    return Step(
        f"{verb}_agent",
        f"{verb} {unit}: {how}; wait until the leading master shows it",
        expected,
        requires,
        f"{unit} attributes in force",
    )


def _refusals(agent: Mapping[str, Any], change: Change, unnamed: Sequence[str]) -> list[str]:
    refused = []
    if agent["unit"]["load"] != "loaded":
        refused.append(
            f"the unit {agent['unit']['name']} is {agent['unit']['load']}, so the agent cannot be started:"
            f" install the Mesos package or unmask the unit"
        )
    elif agent["unit"]["enabled"] == "masked":
        refused.append(f"the unit {agent['unit']['name']} is masked: unmask it when this agent may run")
    if unnamed:
        by_id = change.kind == "new_agent_id"
        refused.append(
            f"{'giving up the agent ID' if by_id else 'a restart'} is needed ({change.reason}) and would end"
            f" {', '.join(unnamed)}; move that work away first, or name each of them in allow_work_loss"
        )
        if agent["running_error"]:
            refused.append(
                f"the work of this agent cannot be seen: {agent['running_error']}; where it guards its state,"
                f" master_username and master_password must be known to it too, and where it speaks TLS, its certificate must"
                f" name the address that is asked and be signed by an authority of master_ca_file"
            )
    pending = {} if agent["running"] is None else agent["running"]["pending_flags"]
    for name in sorted(set(pending) & set(_IDENTITY_FLAGS)):
        old, new = pending[name]
        refused.append(
            f"the restart would also change --{name} from {old!r} to {new!r}, which is not part of this plan:"
            f" take that change back or carry it out first"
        )
    if agent["checkpoint"]["error"]:
        refused.append(str(agent["checkpoint"]["error"]))
    return refused
