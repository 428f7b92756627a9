# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the leading master knows of frameworks (mesos 1.11.0 src/master/framework.cpp, src/master/master.hpp).

Tasks are dicts in the JSON form of the message Task (include/mesos/v1/mesos.proto), executors in that of ExecutorInfo.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from mesos_simulator import messages
from mesos_simulator.amounts import Amounts
from mesos_simulator.streams import Stream

MAX_COMPLETED_TASKS = 1000  # --max_completed_tasks_per_framework, and as many unreachable ones


class Offer(NamedTuple):
    """Resources of one agent that a framework may use."""

    offer_id: str
    agent_id: str
    role: str
    resources: list[dict[str, Any]]
    made: float


class Filter(NamedTuple):
    """What a framework has declined on an agent, and until when (hierarchical.cpp: RefusedOfferFilter)."""

    agent_id: str
    role: str
    refused: Amounts
    expires: float


class Framework:
    """One framework. `planted` ones have no scheduler: the master itself stands for it."""

    def __init__(self, info: dict[str, Any], *, recovered: bool = False, planted: bool = False) -> None:
        self.info = info
        self.recovered = recovered
        self.planted = planted
        self.active = not recovered
        self.stream: Stream | None = None
        self.stream_id = ""
        self.principal: str | None = None
        self.failover_deadline: float | None = None
        self.registered_time = round(time.time(), 6)
        self.reregistered_time: float | None = None
        self.unregistered_time = 0.0
        self.tasks: dict[str, dict[str, Any]] = {}
        self.completed_tasks: list[dict[str, Any]] = []
        self.unreachable_tasks: dict[str, dict[str, Any]] = {}
        self.executors: dict[str, dict[str, dict[str, Any]]] = {}
        self.offers: dict[str, Offer] = {}
        self.filters: list[Filter] = []
        self.suppressed: set[str] = set()

    def __str__(self) -> str:
        return f"{self.framework_id} ({self.info['name']})"

    @property
    def framework_id(self) -> str:
        return str(self.info["id"]["value"])

    @property
    def connected(self) -> bool:
        return self.planted or self.stream is not None

    @property
    def roles(self) -> list[str]:
        return messages.roles_of(self.info)

    def capable(self, capability: str) -> bool:
        return messages.capable(self.info, capability)

    def send(self, kind: str, content: dict[str, Any]) -> None:
        """An event, if there is a scheduler to take it."""
        if self.stream is not None:
            self.stream.send(kind, content)

    def tasks_on(self, agent_id: str) -> list[dict[str, Any]]:
        return [task for task in self.tasks.values() if task["agent_id"]["value"] == agent_id]

    def used(self, agent_id: str | None = None) -> list[dict[str, Any]]:
        """What its executors and its tasks that have not ended hold, on one agent or on all."""
        held = []
        for place, executors in self.executors.items():
            if agent_id in (None, place):
                held += [item for info in executors.values() for item in info.get("resources", [])]
        for task in self.tasks.values():
            if agent_id in (None, task["agent_id"]["value"]) and task["state"] not in messages.TERMINAL:
                held += task.get("resources", [])
        return held

    def offered(self, agent_id: str | None = None) -> list[dict[str, Any]]:
        return [
            item for offer in self.offers.values() if agent_id in (None, offer.agent_id) for item in offer.resources
        ]

    def complete(self, task: dict[str, Any]) -> None:
        """A task has ended, and whoever had to know does."""
        self.tasks.pop(task["task_id"]["value"], None)
        self.completed_tasks = [*self.completed_tasks, task][-MAX_COMPLETED_TASKS:]

    def remove_executor(self, agent_id: str, executor_id: str) -> dict[str, Any] | None:
        """What it was; None when it had gone before."""
        executors = self.executors.get(agent_id, {})
        removed = executors.pop(executor_id, None)
        if not executors:
            self.executors.pop(agent_id, None)
        return removed


def new_task(task: dict[str, Any], framework_id: str, executor_id: dict[str, Any] | None = None) -> dict[str, Any]:
    """The Task of a TaskInfo that is being launched (src/common/protobuf_utils.cpp: createTask).

    Only agents give `executor_id`: masters do not know the command executor.
    """
    made = {"name": task["name"], "task_id": task["task_id"], "framework_id": {"value": framework_id}}
    if "executor" in task or executor_id is not None:
        made["executor_id"] = executor_id or task["executor"]["executor_id"]
    made.update(agent_id=task["agent_id"], state="TASK_STAGING", resources=task["resources"], statuses=[])
    made.update({name: task[name] for name in ("labels", "discovery", "container") if name in task})
    command = task.get("command") or task.get("executor", {}).get("command", {})
    if "user" in command:
        made["user"] = command["user"]
    return made


def take_status(task: dict[str, Any], status: dict[str, Any], latest_state: str) -> None:
    """A status into its Task: of repeated states only the newest is kept (master.cpp: updateTask)."""
    task["state"] = latest_state
    if "uuid" in status:
        task["status_update_state"], task["status_update_uuid"] = status["state"], status["uuid"]
    if task["statuses"] and task["statuses"][-1]["state"] == status["state"]:
        task["statuses"].pop()
    task["statuses"].append({name: value for name, value in status.items() if name != "data"})
