# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries the steps of one host and one phase out, under the locks of its agent and of its cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Outcome, Step, converge
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import HoldfastError, system_error
from ansible_collections.holdfast.stateful.plugins.module_utils._core.identity import Run, claimed
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import observe as mesos
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.act import AgentHands
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.model import FRAMEWORK, SYSTEM
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.observe import observe_devices
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import foreign_data, owned
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.preview import offered
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.services import ServicesHands

# How long to wait for a call of another run that is still at work here.
_LOCK_SECONDS = 30.0

_OWN_PARTS = frozenset(("scaleio_attributes", "foreign", "in_use", "exposed"))


@dataclass
class NodeHands(AgentHands):
    """What acts on one agent, and looks at its disks again before the framework does."""

    expendable: Sequence[str] = (FRAMEWORK,)

    def look(self, parts: frozenset[str]) -> dict[str, Any]:
        """Beside what every agent has: ``scaleio_attributes`` of the running agent, ``foreign`` (path -> what somebody else keeps on
        it, or an empty text), ``in_use`` (path -> why it is not free, or an empty text), ``exposed`` (what the framework's rule
        takes)."""
        own = parts & _OWN_PARTS
        world = super().look(parts - own) if parts - own else {}
        if "scaleio_attributes" in own:
            agent = mesos.observe_agent(self.machine, credentials=self.credentials)
            world["scaleio_attributes"] = owned((agent["running"] or {}).get("attributes", {}))
        if own - {"scaleio_attributes"}:
            seen = observe_devices(self.machine)
            # Who has imperative attributes does not mind what the framework's rule says.
            error = seen["devices_error"] or ("exposed" in own and seen["framework"]["error"])
            if error:
                raise HoldfastError(
                    "the disks of this host cannot be looked at again", seen=str(error), todo="mend that and run again"
                )
            world["foreign"] = {device["path"]: foreign_data(device) for device in seen["devices"]}
            world["in_use"] = {d["path"]: "" if d["free"] else "; ".join(d["free_because"]) for d in seen["devices"]}
            world["exposed"] = offered(seen)
        return world

    def execute(self, step: Step) -> None:
        """Carry one step out; one that only looks again is done when its conditions hold."""
        if step.kind != "look_again":
            super().execute(step)


def act_on_node(
    machine: Machine, hands: NodeHands, steps: Sequence[Step], run: Run, *, cluster: str, member: str
) -> dict[str, Any]:
    """Do the steps of an agent's host and say what was done.

    :returns: result keys; with ``msg`` when it failed.
    """
    # The agent's lock comes first: other doors take that one alone.
    result = _act(machine, hands.look, hands.execute, steps, run, cluster, locks=(mesos.LOCK,)).result(member)
    return result if hands.shown is None else {**result, "agent": hands.shown}


def act_on_services(
    machine: Machine, hands: ServicesHands, steps: Sequence[Step], run: Run, *, cluster: str, member: str
) -> dict[str, Any]:
    """Do the steps of the host that talks to Marathon, scheduler and gateway; see :func:`act_on_node`."""
    hands.prepare(steps)
    result = hands.reckon(_act(machine, hands.look, hands.execute, steps, run, cluster)).result(member)
    return result if hands.shown is None else {**result, "gateway": hands.shown}


def _act(
    machine: Machine,
    look: Callable[[frozenset[str]], Mapping[str, Any]],
    execute: Callable[[Step], None],
    steps: Sequence[Step],
    run: Run,
    cluster: str,
    *,
    locks: Sequence[str] = (),
) -> Outcome:
    outcome = Outcome([])

    def carry_out() -> bool:
        nonlocal outcome
        outcome = converge(steps, observe=look, execute=execute, check_mode=False)
        return outcome.error is None

    try:
        with ExitStack() as held:
            for lock in locks:
                held.enter_context(machine.locked(lock, _LOCK_SECONDS))
            claimed(machine, SYSTEM, cluster, run, carry_out, wait=_LOCK_SECONDS)
    except (HoldfastError, OSError) as error:
        sentence = error if isinstance(error, HoldfastError) else system_error(error)
        # Of what failed first, the step is the cause.
        outcome = Outcome(outcome.steps, outcome.error or sentence, outcome.failed)
    return outcome
