# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who a host is in its cluster, and which run is changing the cluster.

Both are kept on the member itself, below ``/var/lib/holdfast/<system>/``: ``<cluster>.json`` names the member and its
ordinal and is written when it joins; ``<cluster>.claim.json`` is written by every acting call and says which run it
belongs to. ``<cluster>.lock`` is held (flock) for as long as an acting call runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import ClaimError, HoldfastError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine

STATE = "/var/lib/holdfast"
# Where files are written before they are put in their place.
STAGING = f"{STATE}/staging"

# A run whose controller cannot be asked counts as dead when it has not acted for so long, in seconds. The pause
# between two phases of a living run was measured at 0.5 to 1 s for 20 hosts and grows by 14 ms for each host.
SILENCE_SECONDS = 60.0


def record_path(system: str, cluster: str) -> str:
    """Where a member keeps its identity."""
    return f"{STATE}/{system}/{cluster}.json"


def previous_path(system: str, cluster: str) -> str:
    """Where a member keeps what was in force before its last change."""
    return f"{STATE}/{system}/{cluster}.previous.json"


def claim_path(system: str, cluster: str) -> str:
    """Where a member keeps the last run that acted on it."""
    return f"{STATE}/{system}/{cluster}.claim.json"


def lock_path(system: str, cluster: str) -> str:
    """The file whose lock an acting call holds."""
    return f"{STATE}/{system}/{cluster}.lock"


_CLAIM_KEYS: Mapping[str, type | tuple[type, ...]] = {
    "plan_id": str,
    "controller": dict,
    "phase": int,
    "phases": int,
    "hosts": list,
    "supersedes": list,
    "effect": bool,
    "state": str,
    "at": (int, float),
}


def read_json(
    machine: Machine, path: str, keys: Mapping[str, type | tuple[type, ...]] | None = None
) -> dict[str, Any] | None:
    """A JSON object that an earlier run left, or None.

    :param keys: what it must have, with the types.
    :raises HoldfastError: the file is there and is no such object.
    """
    content = machine.read(path)
    if content is None:
        return None
    try:
        data = json.loads(content)
    except ValueError as error:
        raise _damaged(path, str(error)) from error
    if not isinstance(data, dict):
        raise _damaged(path, "no object")
    wrong = [key for key, kind in (keys or {}).items() if not isinstance(data.get(key), kind)]
    if wrong:
        raise _damaged(path, f"no usable {', '.join(wrong)}")
    return data


def _damaged(path: str, seen: str) -> HoldfastError:
    return HoldfastError(
        "a file that this collection keeps is damaged", where=path, seen=seen, todo="restore or remove it"
    )


def write_json(machine: Machine, path: str, data: Mapping[str, Any]) -> None:
    """Keep an object for later runs, readable by root only."""
    machine.write(path, (json.dumps(data, indent=1, sort_keys=True) + "\n").encode(), staging=(STAGING,), mode=0o600)


# -- ordinals ----------------------------------------------------------------------------------------------------------


def assign_ordinals(recorded: Mapping[str, int | None]) -> dict[str, int]:
    """Give every member an ordinal: the recorded one, else the lowest that is free, in the order of the mapping.

    A member that left makes its ordinal free; nobody else is ever renumbered.
    """
    taken = {ordinal for ordinal in recorded.values() if ordinal is not None}
    free = (ordinal for ordinal in range(len(recorded) + len(taken)) if ordinal not in taken)
    return {member: next(free) if ordinal is None else ordinal for member, ordinal in recorded.items()}


def identity_conflicts(recorded: Mapping[str, Mapping[str, Any] | None]) -> list[str]:
    """Sentences for records that are damaged or contradict each other.

    :param recorded: inventory name -> the record found on that host.
    """
    problems = []
    holders: dict[int, list[str]] = {}
    for member, record in recorded.items():
        if record is None:
            continue
        ordinal = record.get("ordinal")
        if not isinstance(ordinal, int) or not isinstance(record.get("member"), str):
            problems.append(
                f"{member} keeps a record without a usable member and ordinal ({dict(record)}): it is damaged; restore the"
                f" file below {STATE} on that host, or remove it and the host gets a new ordinal"
            )
            continue
        holders.setdefault(ordinal, []).append(member)
    for ordinal, members in sorted(holders.items()):
        if len(members) > 1:
            problems.append(
                f"ordinal {ordinal} is recorded on {' and on '.join(members)}: one is probably a copy of the other's disk;"
                f" remove the record on the host that is the copy"
            )
    return problems


# -- claims ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One phase of one run, as an acting call announces it on the member.

    :param plan_id: the plan that is carried out.
    :param controller: ``host``, ``boot_id``, ``pid_namespace``, ``pid``, ``started`` (clock ticks since boot) of the
        controlling process.
    :param phase: this phase, counted from 1.
    :param phases: how many the plan has.
    :param hosts: the members that act in this phase.
    :param supersedes: plans of ended or dead runs, whose claims may be replaced.
    :param effect: whether this member's steps change something; false where it only looks or waits.
    """

    plan_id: str
    controller: Mapping[str, Any]
    phase: int
    phases: int
    hosts: tuple[str, ...]
    supersedes: tuple[str, ...] = ()
    effect: bool = True

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Run:
        return cls(
            plan_id=str(data["plan_id"]),
            controller=dict(data["controller"]),
            phase=int(data["phase"]),
            phases=int(data["phases"]),
            hosts=tuple(data["hosts"]),
            supersedes=tuple(data["supersedes"]),
            effect=data["effect"],
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "plan_id": self.plan_id,
            "controller": dict(self.controller),
            "phase": self.phase,
            "phases": self.phases,
            "hosts": list(self.hosts),
            "supersedes": list(self.supersedes),
            "effect": self.effect,
        }


def observe_claim(machine: Machine, system: str, cluster: str) -> dict[str, Any] | None:
    """The claim on this member, with its age in seconds and whether an acting call holds the lock right now."""
    claim = read_json(machine, claim_path(system, cluster), _CLAIM_KEYS)
    if claim is None:
        return None
    return {
        **claim,
        "age": max(0.0, machine.time() - float(claim["at"])),
        "acting": machine.is_locked(lock_path(system, cluster)),
    }


def claimed(
    machine: Machine, system: str, cluster: str, run: Run, act: Callable[[], bool], *, wait: float = 30.0
) -> None:
    """Run ``act`` under the cluster's lock on this member and leave word of it.

    Claims lie on the members that a run acts on. Two runs that both plan before either acts, and that act on different
    members, do not meet here: what keeps them from taking too many members down together is that each step which takes
    one down requires, directly before, that enough others are in service.

    :param act: returns whether it succeeded.
    :param wait: seconds to wait for a call of another run that is still at work here (its controller may be dead).
    :raises ClaimError: another run, which was alive when this one was planned or began later, claims the cluster.
    """
    path = claim_path(system, cluster)
    with machine.locked(lock_path(system, cluster), wait):
        found = read_json(machine, path, _CLAIM_KEYS)
        if found is not None and found["plan_id"] not in (run.plan_id, *run.supersedes):
            raise ClaimError(
                f"another run acts on the cluster {cluster}",
                where=path,
                seen=_describe(found),
                todo="wait until it has ended and run again",
            )
        claim = {**run.to_json(), "state": "acting", "at": machine.time()}
        write_json(machine, path, claim)
        succeeded = act()
        write_json(machine, path, {**claim, "state": "done" if succeeded else "failed", "at": machine.time()})


@dataclass(frozen=True)
class Claims:
    """What the claims on all members say together.

    :param alive: why no other run may start now; empty when one may.
    :param supersedes: plans whose claims a new run may replace.
    :param died: what the user should know of a run that died and that no later one has followed yet.
    """

    alive: tuple[str, ...]
    supersedes: tuple[str, ...]
    died: tuple[str, ...]


def judge_claims(
    claims: Iterable[Mapping[str, Any] | None],
    controller_lives: Callable[[Mapping[str, Any]], bool | None],
    own: Mapping[str, Any],
) -> Claims:
    """Decide which runs have ended, died or live.

    :param claims: as :func:`observe_claim` returns them, one for each member that could be asked.
    :param controller_lives: whether a controlling process lives; None where that cannot be known from here.
    :param own: the controlling process that asks. An earlier run of its own has ended, or it would not plan again.
    """
    by_plan: dict[str, list[Mapping[str, Any]]] = {}
    for claim in claims:
        if claim is not None:
            by_plan.setdefault(str(claim["plan_id"]), []).append(claim)
    followed = {name for group in by_plan.values() for claim in group for name in claim["supersedes"]}
    alive, supersedes, died = [], [], []
    for plan_id, group in sorted(by_plan.items()):
        newest = min(group, key=lambda claim: (float(claim["age"]), -int(claim["phase"])))
        acting = any(claim["acting"] and claim["state"] == "acting" for claim in group)
        ended = newest["controller"] == own or plan_id in followed or _has_ended(group)
        lives = controller_lives(newest["controller"])
        silent = lives is None and not acting
        wait = SILENCE_SECONDS - float(newest["age"])
        if acting or (not ended and (wait > 0 if lives is None else lives)):
            until = f", or {wait:.0f} s, after which it is taken for dead" if silent else ""
            alive.append(f"{_describe(newest)}; wait until it has ended{until}")
            continue
        supersedes.append(plan_id)
        if not ended and not any(claim["state"] == "failed" for claim in group):
            died.append(f"{_describe(newest)} and died; this run goes on from what is there")
    return Claims(tuple(alive), tuple(supersedes), tuple(died))


def _has_ended(group: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a run has come to its end by its claims: all hosts of a phase have left word, and it was the last one or one
    of them failed. Where forks are few, one host of a phase ends before another begins."""
    latest = max(int(claim["phase"]) for claim in group)
    words = [claim for claim in group if claim["phase"] == latest and claim["state"] != "acting"]
    if len(words) < len(words[0]["hosts"] if words else group[0]["hosts"]):
        return False
    return latest >= int(words[0]["phases"]) or any(claim["state"] == "failed" for claim in words)


def _describe(claim: Mapping[str, Any]) -> str:
    controller = claim["controller"]
    return (
        f"run {str(claim['plan_id'])[:8]} from {controller.get('host')} (pid {controller.get('pid')}) is in phase"
        f" {claim['phase']} of {claim['phases']}"
    )
