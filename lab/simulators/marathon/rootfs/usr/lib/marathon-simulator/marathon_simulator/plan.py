# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment does, step by step (marathon core/deployment/DeploymentPlan.scala). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from marathon_simulator import app

Apps = Mapping[str, app.Definition]

START, SCALE, STOP, RESTART = "StartApplication", "ScaleApplication", "StopApplication", "RestartApplication"


class Action(NamedTuple):
    """`kill` are instances that a scaling ends in any case."""

    name: str
    app_id: str
    kill: tuple[str, ...] = ()


class Plan(NamedTuple):
    """`original` and `target` hold what it touches, None for what is not there; actions of one step run at the same time."""

    identity: str
    version: str
    original: dict[str, app.Definition | None]
    target: dict[str, app.Definition | None]
    steps: tuple[tuple[Action, ...], ...]

    @property
    def affected(self) -> set[str]:
        return {action.app_id for step in self.steps for action in step}

    def to_json(self) -> dict[str, Any]:
        return {**self._asdict(), "steps": [[list(action) for action in step] for step in self.steps]}

    @staticmethod
    def from_json(stored: dict[str, Any]) -> Plan:
        steps = tuple(
            tuple(Action(name, app_id, tuple(kill)) for name, app_id, kill in step) for step in stored["steps"]
        )
        return Plan(**{**stored, "steps": steps})


def make(identity: str, version: str, old: Apps, new: Apps, kill: Mapping[str, tuple[str, ...]]) -> Plan:
    """From all applications as they are to all as they shall be."""
    removed, added = sorted(old.keys() - new.keys()), sorted(new.keys() - old.keys())
    changed = sorted(name for name in old.keys() & new.keys() if old[name] != new[name])
    steps = [
        [Action(STOP, name) for name in removed],
        [Action(START, name) for name in added],
        *_ordered({name: _change(old.get(name), new[name], kill.get(name, ())) for name in added + changed}, new),
    ]
    touched = removed + added + changed
    return Plan(
        identity,
        version,
        {name: old.get(name) for name in touched},
        {name: new.get(name) for name in touched},
        tuple(tuple(step) for step in steps if step),
    )


def _change(old: app.Definition | None, new: app.Definition, kill: tuple[str, ...]) -> Action:
    """A restart changes the time of the last change and nothing else; such a change replaces instances too (needsRestart)."""
    restarted = old and old["versionInfo"]["lastConfigChangeAt"] != new["versionInfo"]["lastConfigChangeAt"]
    return Action(RESTART, new["id"]) if restarted else Action(SCALE, new["id"], kill)


def _ordered(actions: dict[str, Action], apps: Apps) -> list[list[Action]]:
    """One step per length of the chain of dependencies, those that others need first."""
    ranks: dict[int, list[Action]] = {}
    for name, action in sorted(actions.items()):
        ranks.setdefault(_rank(name, apps, ()), []).append(action)
    return [ranks[rank] for rank in sorted(ranks)]


def _rank(name: str, apps: Apps, above: tuple[str, ...]) -> int:
    """1 more than that of the deepest dependency; one that is a group stands for all applications in it."""
    ranks = [0]
    for wanted in apps[name]["dependencies"]:
        for other in apps:
            if (other == wanted or other.startswith(f"{wanted}/")) and other not in (name, *above):
                ranks.append(_rank(other, apps, (*above, name)))
    return 1 + max(ranks)


class Restart(NamedTuple):
    """How instances are replaced: how many old ones go at once, how many instances there may be."""

    kill_at_once: int
    capacity: int


def restart_strategy(definition: app.Definition, running: int) -> Restart:
    """core/deployment/impl/TaskReplaceActor.scala: computeRestartStrategy."""
    wanted, strategy = definition["instances"], definition["upgradeStrategy"]
    healthy = -int(-(wanted * strategy["minimumHealthCapacity"]) // 1)  # rounded up
    capacity = int(wanted * (1 + strategy["maximumOverCapacity"]))
    if healthy == capacity and capacity <= running:
        capacity += 1  # else nothing could ever be replaced
    return Restart(max(0, running - healthy), capacity)
