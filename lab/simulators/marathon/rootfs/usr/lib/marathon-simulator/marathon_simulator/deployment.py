# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments under way (marathon core/deployment/impl/DeploymentActor.scala and the actors of its actions).

Each action looks at the instances whenever something has changed, does what can be done now, and says whether it is through.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Protocol

from marathon_simulator import plan
from marathon_simulator.app import Definition
from marathon_simulator.constraints import Place
from marathon_simulator.instance import RUNNING, Instance


class World(Protocol):
    """What actions do to instances."""

    def instances_of(self, app_id: str) -> list[Instance]:
        """All that are known, in the order in which they were made."""
        ...

    def add(self, definition: Definition, count: int) -> list[Instance]:
        """Queues new ones."""
        ...

    def kill(self, instance: Instance) -> None:
        """Decommissions one."""
        ...

    def reset_delay(self, definition: Definition) -> None:
        """Lifts the launch delay."""
        ...


class _Action(Protocol):
    def advance(self, world: World) -> bool: ...


class _Start:
    """Nothing runs yet: the scaling that follows launches (AppStartActor.scala, with no instances)."""

    def advance(self, world: World) -> bool:
        return True


class _Stop:
    """DeploymentActor.scala: stopRunnable."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._begun = False

    def advance(self, world: World) -> bool:
        left = world.instances_of(self._definition["id"])
        if not self._begun:
            self._begun = True
            for instance in left:
                world.kill(instance)
            left = world.instances_of(self._definition["id"])
        if left:
            return False
        world.reset_delay(self._definition)
        return True


class _Scale:
    """Ends first what is too many, then starts what is missing (DeploymentActor.scala: scaleRunnable, ScalingProposition.scala)."""

    def __init__(self, definition: Definition, kill: Sequence[str]) -> None:
        self._definition, self._sentenced = definition, set(kill)
        self._doomed: list[Instance] | None = None
        self._awaited: list[Instance] | None = None

    def advance(self, world: World) -> bool:
        known = world.instances_of(self._definition["id"])
        wanted = [instance for instance in known if instance.active]
        if self._doomed is None:
            self._doomed = to_kill(self._definition, wanted, self._sentenced)
            for instance in self._doomed:
                world.kill(instance)
            known = world.instances_of(self._definition["id"])
            wanted = [instance for instance in known if instance.active]
        if any(instance in known for instance in self._doomed):
            return False
        if self._awaited is None:
            self._awaited = [instance for instance in wanted if instance.condition != RUNNING]
            self._awaited += world.add(self._definition, self._definition["instances"] - len(wanted))
            known = world.instances_of(self._definition["id"])
        return all(instance.condition == RUNNING for instance in self._awaited if instance in known)


def to_kill(definition: Definition, wanted: Sequence[Instance], sentenced: set[str]) -> list[Instance]:
    """Which instances go when an application is scaled: the sentenced ones, then from the largest group where GROUP_BY is asked
    for, then by condition and age (ScalingProposition.scala: propose; Constraints.scala: selectInstancesToKill)."""
    youngest = definition["killSelection"] == "YOUNGEST_FIRST"
    ordered = sorted(wanted, key=lambda instance: instance.order_of_killing(youngest))
    chosen = [instance for instance in ordered if instance.identity in sentenced]
    rest = [instance for instance in ordered if instance.identity not in sentenced]
    fields = [item[0] for item in definition["constraints"] if item[1].upper() == "GROUP_BY"]
    while rest and len(chosen) < len(wanted) - definition["instances"]:
        following = rest[0]
        if fields:
            groups = [Place(instance.host, instance.attributes).value(fields[0]) for instance in rest]
            following = rest[groups.index(Counter(groups).most_common(1)[0][0])]
        rest.remove(following)
        chosen.append(following)
    return chosen


class _Restart:
    """TaskReplaceActor.scala: new instances as the upgrade strategy has room, an old one ends for each new one that runs."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._queue: list[Instance] | None = None
        self._old: list[Instance] = []
        self._capacity = 0
        self._counted: set[str] = set()

    def advance(self, world: World) -> bool:
        wanted = self._definition["instances"]
        if not wanted:
            return True  # DeploymentActor.scala: restartRunnable; what still runs is ended as surplus afterwards
        if self._queue is None:
            self._begin(world)
        assert self._queue is not None
        for instance in self._new(world):
            if instance.condition == RUNNING and instance.identity not in self._counted:
                self._counted.add(instance.identity)
                self._kill_next(world)
        known = world.instances_of(self._definition["id"])
        self._old = [instance for instance in self._old if instance in known]
        new = self._new(world)
        world.add(self._definition, min(wanted - len(new), self._capacity - len(self._old) - len(new)))
        running = sum(instance.condition == RUNNING for instance in self._new(world))
        return running >= wanted and not self._old

    def _begin(self, world: World) -> None:
        active = [instance for instance in world.instances_of(self._definition["id"]) if instance.active]
        self._old = [instance for instance in active if instance.version != self._definition["version"]]
        # Those that a deployment before this one has begun to end are none of its instances, but still take room.
        self._queue = list(self._old)
        strategy = plan.restart_strategy(self._definition, len(active))
        self._capacity = strategy.capacity
        for _ in range(strategy.kill_at_once):
            self._kill_next(world)
        world.reset_delay(self._definition)

    def _new(self, world: World) -> list[Instance]:
        version = self._definition["version"]
        return [item for item in world.instances_of(self._definition["id"]) if item.active and item.version == version]

    def _kill_next(self, world: World) -> None:
        if self._queue:
            world.kill(self._queue.pop(0))


class Deployment:
    """A plan and how far it has come."""

    def __init__(self, made: plan.Plan) -> None:
        self.plan = made
        self._step = 0
        self._actions: list[_Action] | None = None

    def advance(self, world: World) -> bool:
        """True when all steps are through."""
        while self._step < len(self.plan.steps):
            if self._actions is None:
                self._actions = [self._action(action) for action in self.plan.steps[self._step]]
            through = [action.advance(world) for action in self._actions]
            if not all(through):
                return False
            self._step, self._actions = self._step + 1, None
        return True

    def _action(self, action: plan.Action) -> _Action:
        definition = self.plan.target.get(action.app_id) or self.plan.original[action.app_id]
        assert definition
        if action.name == plan.START:
            return _Start()
        if action.name == plan.STOP:
            return _Stop(definition)
        if action.name == plan.SCALE:
            return _Scale(definition, action.kill)
        return _Restart(definition)

    def render(self) -> dict[str, Any]:
        """As /v2/deployments shows it (deployment.raml)."""
        steps = self.plan.steps
        current = steps[min(self._step, len(steps) - 1)] if steps else ()
        return {
            "id": self.plan.identity,
            "version": self.plan.version,
            "affectedApps": sorted(self.plan.affected),
            "affectedPods": [],
            "steps": [
                {"actions": [{"action": action.name, "app": action.app_id} for action in step]} for step in steps
            ],
            "currentActions": [
                {"action": action.name, "app": action.app_id, "readinessCheckResults": []} for action in current
            ],
            "currentStep": self._step + 1,
            "totalSteps": len(steps),
        }
