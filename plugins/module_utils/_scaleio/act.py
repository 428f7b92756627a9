# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries the steps of one node and one phase out, under the locks of its agent and of its cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Outcome, Step, converge
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import HoldfastError, system_error
from ansible_collections.holdfast.stateful.plugins.module_utils._core.identity import Run, claimed
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import observe as mesos
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.act import AgentHands
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.model import FRAMEWORK, SYSTEM

# How long to wait for a call of another run that is still at work here.
_LOCK_SECONDS = 30.0


def act(
    machine: Machine, hands: AgentHands, steps: Sequence[Step], run: Run, *, cluster: str, member: str
) -> dict[str, Any]:
    """Do the steps and say what was done.

    :returns: result keys; with ``msg`` when it failed.
    """
    hands.expendable = (FRAMEWORK,)
    outcome = Outcome([])

    def carry_out() -> bool:
        nonlocal outcome
        outcome = converge(steps, observe=hands.look, execute=hands.execute, check_mode=False)
        return outcome.error is None

    try:
        # The agent's lock comes first: other doors take that one alone.
        with machine.locked(mesos.LOCK, _LOCK_SECONDS):
            claimed(machine, SYSTEM, cluster, run, carry_out, wait=_LOCK_SECONDS)
    except (HoldfastError, OSError) as error:
        sentence = error if isinstance(error, HoldfastError) else system_error(error)
        # Of what failed first, the step is the cause.
        outcome = Outcome(outcome.steps, outcome.error or sentence, outcome.failed)
    result = outcome.result(member)
    if hands.shown is not None:
        result["agent"] = hands.shown
    return result
