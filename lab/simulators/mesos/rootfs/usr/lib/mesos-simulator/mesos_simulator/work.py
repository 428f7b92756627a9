# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frameworks, executors and tasks in the shapes in which agent and master show them.

They are given as dicts in the JSON form of FrameworkInfo, ExecutorInfo and Task (include/mesos/v1/mesos.proto).
Shapes: mesos 1.11.0 src/slave/http.cpp, src/master/readonly_handler.cpp, src/common/http.cpp; recorded: master HTTP, drain
cases, the ScaleIO framework.
"""

from __future__ import annotations

import os
from typing import Any

from mesos_simulator import messages, resources


def new_uuid() -> str:
    """A random UUID of version 4, without the cost of the uuid module."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def role_of(items: list[dict[str, Any]], otherwise: str = "*") -> str:
    """Whom resources of a task or an executor were allocated to."""
    return str(items[0].get("allocation_info", {}).get("role", otherwise)) if items else otherwise


# --- /state of agent and master ---


def task_state(task: dict[str, Any]) -> dict[str, Any]:
    """A task; that of the command executor has no executor ID."""
    items = task.get("resources", [])
    shown = {
        "id": task["task_id"]["value"],
        "name": task["name"],
        "framework_id": task["framework_id"]["value"],
        "executor_id": task.get("executor_id", {}).get("value", ""),
        "slave_id": task["agent_id"]["value"],
        "state": task["state"],
        "resources": resources.totals(items),
        "role": role_of(items),
        "statuses": [_status_state(status) for status in task["statuses"]],
    }
    if "user" in task:
        shown["user"] = task["user"]
    if "labels" in task:
        shown["labels"] = task["labels"].get("labels", [])
    for name in ("discovery", "container"):
        if name in task:
            shown[name] = task[name]
    return shown


def _status_state(status: dict[str, Any]) -> dict[str, Any]:
    shown = {"state": status["state"], "timestamp": status.get("timestamp", 0.0)}
    if "labels" in status:
        shown["labels"] = status["labels"].get("labels", [])
    if "container_status" in status:
        inside = status["container_status"]
        shown["container_status"] = {name: inside[name] for name in ("container_id", "network_infos") if name in inside}
    if "healthy" in status:
        shown["healthy"] = status["healthy"]
    return shown


def executor_state(info: dict[str, Any], agent_id: str) -> dict[str, Any]:
    """An executor in the master's /state (recorded: the ScaleIO framework)."""
    shown: dict[str, Any] = {
        "executor_id": info["executor_id"]["value"],
        "name": info.get("name", ""),
        "framework_id": info["framework_id"]["value"],
        "command": _command_state(info.get("command", {})),
        "resources": resources.totals(info.get("resources", [])),
    }
    if info.get("resources"):
        shown["role"] = role_of(info["resources"])
    if "source" in info:
        shown["source"] = info["source"]
    return {**shown, "slave_id": agent_id}


def _command_state(command: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {name: command[name] for name in ("value", "environment") if name in command}
    uris = [{"value": uri["value"], "executable": uri.get("executable", False)} for uri in command.get("uris", [])]
    return {**shown, "argv": command.get("arguments", []), "uris": uris}


# --- /api/v1 ---


def framework_call(info: dict[str, Any]) -> dict[str, Any]:
    """A framework_info in GET_FRAMEWORKS: fields with a default are always there, deprecated ones excepted."""
    return messages.ordered("FrameworkInfo", {"failover_timeout": 0.0, "checkpoint": False, **info})
