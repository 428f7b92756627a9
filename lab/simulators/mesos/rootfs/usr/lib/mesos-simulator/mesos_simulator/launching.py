# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a task may be launched (mesos 1.11.0 src/master/validation.cpp: task::validate, executor::validate)."""

from __future__ import annotations

from typing import Any

from mesos_simulator import messages, resources
from mesos_simulator.amounts import Amounts
from mesos_simulator.frameworks import Framework

_UNFIT = frozenset("/\\")


def complete(task: dict[str, Any], framework_id: str, role: str) -> dict[str, Any]:
    """A TaskInfo with what the master fills in: whose the executor is, to which role resources are given."""
    filled = {**task, "resources": _given(task.get("resources", []), role)}
    if "executor" in task:
        executor = {"type": "CUSTOM", "framework_id": {"value": framework_id}, **task["executor"]}
        if "resources" in executor:
            executor["resources"] = _given(executor["resources"], role)
        if "command" in executor:
            executor["command"] = _command(executor["command"])
        filled["executor"] = messages.ordered("ExecutorInfo", executor)
    if "command" in task:
        filled["command"] = _command(task["command"])
    return filled


def _command(command: dict[str, Any]) -> dict[str, Any]:
    return messages.ordered("CommandInfo", {"shell": True, **command})


def _given(items: list[dict[str, Any]], role: str) -> list[dict[str, Any]]:
    """Resources with their allocation and, when unreserved, without the old field of the role."""
    normal = (resources.without_role(resources.from_checkpoint(item)) for item in items)
    return [{**item, "allocation_info": item.get("allocation_info", {"role": role})} for item in normal]


def problem(task: dict[str, Any], framework: Framework, agent_id: str, offered: Amounts) -> str | None:
    """Why a task, already completed by `complete`, is refused with TASK_ERROR; None when it may run."""
    task_id = task["task_id"]["value"]
    if not task_id or task_id in (".", "..") or any(letter in _UNFIT or ord(letter) < 32 for letter in task_id):
        return f"'{task_id}' contains invalid characters"
    if task_id in framework.tasks:
        return f"Task has duplicate ID: {task_id}"
    if task["agent_id"]["value"] != agent_id:
        used = task["agent_id"]["value"]
        return f"Task uses invalid agent {used} while agent {agent_id} is expected"
    if ("executor" in task) == ("command" in task):
        return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
    wanted = list(task["resources"])
    if not wanted:
        return "Task uses no resources"
    executor = task.get("executor")
    if executor is not None:
        owner = executor["framework_id"]["value"]
        if owner != framework.framework_id:
            return f"ExecutorInfo has an invalid FrameworkID (Actual: {owner} vs Expected: {framework.framework_id})"
        known = framework.executors.get(agent_id, {}).get(executor["executor_id"]["value"])
        if known is None:
            wanted += executor.get("resources", [])
        elif known != executor:
            return "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID"
    if not offered.contains(task["resources"]):
        text = f"Task uses more resources {resources.display(task['resources'])}"
        return f"{text} than available {resources.display(offered)}"
    if not offered.contains(wanted):
        text = f"Total resources {resources.display(Amounts(wanted))} required by task and its executor"
        return f"{text} is more than available {resources.display(offered)}"
    return None
