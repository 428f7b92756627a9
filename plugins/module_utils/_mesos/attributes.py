# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One agent's attributes in one call: observe, plan, act. The door for attributes that no system owns."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import converge
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import HoldfastError, InputError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import Credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.act import AgentHands
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.observe import (
    LOCK,
    observe_master,
    observe_settled_agent,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.plan import Policy, takeover, write_step


def set_attributes(
    machine: Machine,
    attributes: Mapping[Any, Any],
    *,
    present: bool,
    reserved: Mapping[str, str],
    masters: Sequence[str],
    credentials: Credentials,
    allow_work_loss: Sequence[str],
    registration_timeout: float,
    check_mode: bool,
) -> dict[str, Any]:
    """Set (or remove) attributes and make the agent run with them, listed so by the leading master.

    :param reserved: prefixes of names that others set -> who that is, and what to do instead.
    :returns: result keys; with ``msg`` when it failed on the way.
    :raises HoldfastError: it is refused, and nothing was changed.
    """
    wanted = _checked(attributes, present, reserved)
    agent = observe_settled_agent(machine, credentials=credentials)
    master = observe_master(machine, masters, credentials)
    reasons = [str(obstacle["sentence"]) for obstacle in agent["obstacles"]]
    if master["error"]:
        reasons.append(str(master["error"]))
    if reasons:
        raise HoldfastError("refused, nothing was changed", seen="; ".join(reasons))
    files = dict(agent["files"])
    steps = [
        write_step(agent["attributes_dir"], name, files.get(name), value)
        for name, value in wanted.items()
        if files.get(name) != value
    ]
    desired = {name: value for name, value in {**files, **wanted}.items() if value is not None}
    policy = Policy(allow_work_loss=tuple(allow_work_loss), registration_timeout=registration_timeout)
    change, after, refused = takeover(agent, desired, policy)
    if refused:
        raise HoldfastError("refused, nothing was changed", seen="; ".join(refused))
    hands = AgentHands(machine, masters, credentials)
    if change.kind == "none":
        hands.wait_for(model.state_of(model.parse_files(desired)), registration_timeout)
    steps.extend(after)
    # The lock is a file, and who changes nothing leaves none behind.
    acts = bool(steps) and not check_mode
    with machine.locked(LOCK, 30.0) if acts else contextlib.nullcontext():
        outcome = converge(steps, observe=hands.look, execute=hands.execute, check_mode=check_mode)
    result = outcome.result()
    result["restart"] = {"kind": change.kind, "reason": change.reason}
    if hands.shown is not None:
        result["agent"] = hands.shown
    return result


def _checked(attributes: Mapping[Any, Any], present: bool, reserved: Mapping[str, str]) -> dict[str, str | None]:
    """Names and values as texts, or None for "remove".

    :raises InputError: one of them would not reach the agent as it is meant.
    """
    wanted: dict[str, str | None] = {}
    for name, value in attributes.items():
        problem = model.safe_attribute_name(name)
        whose = next((whose for prefix, whose in reserved.items() if str(name).startswith(prefix)), None)
        if problem is None and whose is not None:
            problem = f"the attribute {name} belongs to {whose}"
        if problem is None and present:
            if isinstance(value, (Mapping, list)) or value is None or isinstance(value, bool):
                problem = f"the value of {name} must be a text, a number or ranges, and is a {type(value).__name__}"
            else:
                problem = model.safe_attribute_value(str(value), text=False)
        if problem is not None:
            raise InputError("an attribute was refused, nothing was changed", where=ascii(name), seen=problem)
        wanted[str(name)] = str(value) if present else None
    return wanted
