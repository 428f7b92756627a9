# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps, plans and their one execution: alone knows check mode, diffs and partial failure.

A step is data: what will be done, the sentence that announces it, what must still be true directly before it, and the
difference it makes. ``changed`` is "there are steps with an effect", ``actions`` are their sentences, ``diff`` is their differences --
whether they were carried out (:func:`converge`) or only announced (check mode), so that the three cannot disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    HoldfastError,
    WorldChanged,
    system_error,
)

# How a condition compares what is there with what was expected.
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "equals": lambda seen, expected: bool(seen == expected),
    "within": lambda seen, expected: set(seen or ()) <= set(expected),
    "at_least": lambda seen, expected: seen is not None and seen >= expected,
}


@dataclass(frozen=True)
class Condition:
    """A predicate over an observation document, evaluated again directly before its step.

    :param path: keys from the document's root; a missing key reads as None.
    :param expected: what to compare with.
    :param compare: ``equals``, ``within`` (a set of names that may not grow) or ``at_least``.
    """

    path: tuple[str, ...]
    expected: Any
    compare: str = "equals"

    def seen(self, world: Mapping[str, Any]) -> Any:
        """What the document says at this path."""
        value: Any = world
        for key in self.path:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    def check(self, world: Mapping[str, Any], step: str) -> None:
        """Raise unless the condition holds.

        :raises WorldChanged: it does not.
        """
        seen = self.seen(world)
        if not _COMPARE[self.compare](seen, self.expected):
            raise WorldChanged(
                f"the host is not as it was when this was planned, so this was not done: {step}",
                where=".".join(self.path),
                seen=f"{seen!r} where {self.expected!r} was expected ({self.compare.replace('_', ' ')})",
                todo="run again: the next plan starts from what is there now",
            )

    def to_json(self) -> dict[str, Any]:
        return {"path": list(self.path), "expected": self.expected, "compare": self.compare}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Condition:
        return cls(tuple(data["path"]), data["expected"], data["compare"])


@dataclass(frozen=True)
class Step:
    """One effect on one host.

    :param kind: the verb that ``act.py`` dispatches on.
    :param sentence: what is done, for people.
    :param args: JSON data for ``act.py``; names of secrets, never secrets.
    :param requires: what must hold directly before.
    :param subject: what the difference is of (a path, a unit), for the diff's header.
    :param before: the subject's text before, empty for "nothing there".
    :param after: the subject's text afterwards; equal to ``before`` for a step that has no difference to show.
    :param effect: false for a step that only looks or waits.
    """

    kind: str
    sentence: str
    args: Mapping[str, Any] = field(default_factory=dict)
    requires: tuple[Condition, ...] = ()
    subject: str = ""
    before: str = ""
    after: str = ""
    effect: bool = True

    def parts(self) -> frozenset[str]:
        """The parts of the observation that the conditions read: the first keys of their paths."""
        return frozenset(condition.path[0] for condition in self.requires)

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "sentence": self.sentence,
            "args": dict(self.args),
            "requires": [condition.to_json() for condition in self.requires],
            "subject": self.subject,
            "before": self.before,
            "after": self.after,
            "effect": self.effect,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Step:
        return cls(
            kind=data["kind"],
            sentence=data["sentence"],
            args=dict(data["args"]),
            requires=tuple(Condition.from_json(item) for item in data["requires"]),
            subject=data["subject"],
            before=data["before"],
            after=data["after"],
            effect=data["effect"],
        )


@dataclass(frozen=True)
class Phase:
    """Steps of several hosts that may run at the same time. The next phase starts when all of them have succeeded."""

    name: str
    steps: Mapping[str, tuple[Step, ...]]

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "steps": {host: [s.to_json() for s in steps] for host, steps in self.steps.items()}}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Phase:
        return cls(data["name"], {host: tuple(map(Step.from_json, steps)) for host, steps in data["steps"].items()})


@dataclass(frozen=True)
class Plan:
    """What will be done to one cluster, or why nothing will.

    :param refused: the reasons; not empty means that there are no phases.
    :param warnings: what the user should know although the plan goes on.
    :param notes: what stands above the phases, or above the reasons of a refusal, where the plan is shown.
    :param context: JSON data that every acting call of this plan is told once, beside its steps.
    """

    cluster: str
    phases: tuple[Phase, ...] = ()
    refused: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    context: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "cluster": self.cluster,
            "phases": [phase.to_json() for phase in self.phases],
            "refused": list(self.refused),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "context": dict(self.context),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Plan:
        return cls(
            cluster=data["cluster"],
            phases=tuple(map(Phase.from_json, data["phases"])),
            refused=tuple(data["refused"]),
            warnings=tuple(data["warnings"]),
            notes=tuple(data["notes"]),
            context=dict(data["context"]),
        )


def report(steps: Iterable[Step], host: str = "") -> dict[str, Any]:
    """The result keys that steps make: ``changed``, ``actions`` and ``diff``.

    :param host: named in the diff's headers, where the reader sees no other label.
    """
    steps = list(steps)
    prefix = f"{host}: " if host else ""
    return {
        "changed": any(step.effect for step in steps),
        "actions": [step.sentence for step in steps],
        "diff": [
            {
                "before_header": prefix + step.subject,
                "after_header": prefix + step.subject,
                "before": step.before,
                "after": step.after,
            }
            for step in steps
            if step.before != step.after
        ],
    }


@dataclass
class Outcome:
    """What became of the steps: those done (in check mode: announced), and the error that ended them, if any."""

    steps: Sequence[Step]
    error: HoldfastError | None = None
    failed: Step | None = None

    def result(self, host: str = "") -> dict[str, Any]:
        """Result keys for ``exit_json`` or, with ``msg``, for ``fail_json``."""
        keys = report(self.steps, host)
        if self.error is not None:
            during = f" while this was done: {self.failed.sentence}" if self.failed else ""
            done = [step.sentence for step in self.steps if step.effect]
            before = f" Done before that: {'; '.join(done)}." if done else " Nothing was changed."
            keys["msg"] = f"{self.error}{during}.{before}"
        return keys


def converge(
    steps: Sequence[Step],
    *,
    observe: Callable[[frozenset[str]], Mapping[str, Any]],
    execute: Callable[[Step], None],
    check_mode: bool,
) -> Outcome:
    """Carry steps out in order: look again, check what the step requires, act. Stops at the first error.

    :param observe: reads the named parts of this host's observation afresh.
    :param execute: carries one step out, and raises HoldfastError (or OSError) when its effect is not there afterwards.
    :param check_mode: announce only.
    """
    if check_mode:
        return Outcome(list(steps))
    done: list[Step] = []
    for step in steps:
        try:
            if step.requires:
                world = observe(step.parts())
                for condition in step.requires:
                    condition.check(world, step.sentence)
            execute(step)
        except HoldfastError as error:
            return Outcome(done, error, step)
        except OSError as error:
            return Outcome(done, system_error(error), step)
        done.append(step)
    return Outcome(done)
