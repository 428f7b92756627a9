# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frameworks with executors and tasks on an agent, and the shapes in which agent and master show them.

A framework is a dict that survives JSON:
{"id", "name", "user", "role", "principal", "hostname", "checkpoint": bool, "executors": [
    {"id", "name", "source", "container", "directory", "resources": [...], "tasks": [
        {"id", "name", "state", "resources": [...], "timestamp": float, "uuid"}]}]}
Shapes: mesos 1.11.0 src/slave/http.cpp, src/master/readonly_handler.cpp, src/common/http.cpp; recorded master HTTP, drain cases.
"""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Iterable
from typing import Any

from mesos_simulator import resources


def new_uuid() -> str:
    """A random UUID of version 4, without the cost of the uuid module."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def new_framework(framework_id: str, wanted: dict[str, Any], agent_id: str, work_dir: str) -> dict[str, Any]:
    """A framework with one executor per task, all running. `wanted`: name, role, principal, checkpoint, tasks, cpus, mem."""
    executors = []
    for task in wanted["tasks"]:
        executor = f"executor-{task}"
        container = new_uuid()
        inside = f"slaves/{agent_id}/frameworks/{framework_id}/executors/{executor}/runs/{container}"
        executors.append(
            {
                "id": executor,
                "name": "",
                "source": "",
                "container": container,
                "directory": os.path.join(work_dir, inside),
                "resources": _allocated(wanted),
                "tasks": [
                    {
                        "id": task,
                        "name": task,
                        "state": "TASK_RUNNING",
                        "resources": _allocated(wanted),
                        "timestamp": time.time(),
                        "uuid": base64.b64encode(os.urandom(16)).decode("ascii"),
                    }
                ],
            }
        )
    kept = {name: wanted[name] for name in ("name", "role", "principal", "checkpoint")}
    return {"id": framework_id, "user": "root", "hostname": wanted["hostname"], **kept, "executors": executors}


def _allocated(wanted: dict[str, Any]) -> list[dict[str, Any]]:
    role = {"allocation_info": {"role": wanted["role"]}}
    return [{**resources.scalar(name, wanted[name]), **role} for name in ("cpus", "mem")]


def tasks_of(framework: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(executor, task) pairs of a framework."""
    return [(executor, task) for executor in framework["executors"] for task in executor["tasks"]]


def used(frameworks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """What executors and tasks hold."""
    found = []
    for framework in frameworks:
        for executor in framework["executors"]:
            found += executor["resources"]
            for task in executor["tasks"]:
                found += task["resources"]
    return found


# --- the agent's /state ---


def agent_state(framework: dict[str, Any], agent_id: str) -> dict[str, Any]:
    """A framework in the agent's /state."""
    return {
        "id": framework["id"],
        "name": framework["name"],
        "user": framework["user"],
        "failover_timeout": 0.0,
        "checkpoint": framework["checkpoint"],
        "hostname": framework["hostname"],
        "roles": [framework["role"]],
        "executors": [_executor_state(executor, framework, agent_id) for executor in framework["executors"]],
        "completed_executors": [],
    }


def _executor_state(executor: dict[str, Any], framework: dict[str, Any], agent_id: str) -> dict[str, Any]:
    held = executor["resources"] + [resource for task in executor["tasks"] for resource in task["resources"]]
    return {
        "id": executor["id"],
        "name": executor["name"],
        "source": executor["source"],
        "container": executor["container"],
        "directory": executor["directory"],
        "resources": resources.totals(held),
        "role": framework["role"],
        "type": "CUSTOM",
        "tasks": [task_state(task, executor["id"], framework, agent_id) for task in executor["tasks"]],
        "queued_tasks": [],
        "completed_tasks": [],
    }


def task_state(task: dict[str, Any], executor_id: str, framework: dict[str, Any], agent_id: str) -> dict[str, Any]:
    """A task in /state of agent and master."""
    status = {"state": task["state"], "timestamp": task["timestamp"]}
    if "message" in task:
        status["message"] = task["message"]
    return {
        "id": task["id"],
        "name": task["name"],
        "framework_id": framework["id"],
        "executor_id": executor_id,
        "slave_id": agent_id,
        "state": task["state"],
        "resources": resources.totals(task["resources"]),
        "role": framework["role"],
        "statuses": [status],
    }


# --- /api/v1 ---


def task_call(task: dict[str, Any], executor_id: str, framework_id: str, agent_id: str) -> dict[str, Any]:
    """A task in GET_TASKS of agent and master."""
    status = {
        "task_id": {"value": task["id"]},
        "state": task["state"],
        "source": task.get("source", "SOURCE_EXECUTOR"),
        "agent_id": {"value": agent_id},
        "executor_id": {"value": executor_id},
        "timestamp": task["timestamp"],
        "uuid": task["uuid"],
    }
    for name in ("message", "reason"):
        if name in task:
            status[name] = task[name]
    return {
        "name": task["name"],
        "task_id": {"value": task["id"]},
        "framework_id": {"value": framework_id},
        "executor_id": {"value": executor_id},
        "agent_id": {"value": agent_id},
        "state": task["state"],
        "resources": [resources.without_role(resource) for resource in task["resources"]],
        "statuses": [status],
        "status_update_state": task["state"],
        "status_update_uuid": task["uuid"],
    }


def executor_call(executor: dict[str, Any], framework_id: str) -> dict[str, Any]:
    """An executor_info in GET_EXECUTORS."""
    return {
        "type": "CUSTOM",
        "executor_id": {"value": executor["id"]},
        "framework_id": {"value": framework_id},
        "resources": [resources.without_role(resource) for resource in executor["resources"]],
    }


def framework_call(framework: dict[str, Any]) -> dict[str, Any]:
    """A framework_info in GET_FRAMEWORKS."""
    return {
        "user": framework["user"],
        "name": framework["name"],
        "id": {"value": framework["id"]},
        "failover_timeout": 0.0,
        "checkpoint": framework["checkpoint"],
        "hostname": framework["hostname"],
        "principal": framework["principal"],
        "capabilities": [{"type": "MULTI_ROLE"}],
        "roles": [framework["role"]],
    }
