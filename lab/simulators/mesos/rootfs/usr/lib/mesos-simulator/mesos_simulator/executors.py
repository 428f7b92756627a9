# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an agent knows of frameworks and their executors (mesos 1.11.0 src/slave/slave.hpp: Framework, Executor).

Tasks are dicts in the JSON form of the message Task, what describes executors and frameworks in that of ExecutorInfo and
FrameworkInfo (include/mesos/v1/mesos.proto).
"""

from __future__ import annotations

import os
from typing import Any

from mesos_simulator import messages, resources, work
from mesos_simulator.frameworks import take_status
from mesos_simulator.streams import Stream

MAX_COMPLETED_EXECUTORS = 150  # --max_completed_executors_per_framework
MAX_COMPLETED_TASKS = 200  # src/slave/constants.hpp: MAX_COMPLETED_TASKS_PER_EXECUTOR

# What the command executor takes beside its task (src/slave/constants.hpp: DEFAULT_EXECUTOR_CPUS, _MEM).
_OVERHEAD = (("cpus", 0.1), ("mem", 32.0))


class Executor:
    """One run of an executor. `state` is REGISTERING, RUNNING, TERMINATING or TERMINATED."""

    def __init__(self, info: dict[str, Any], container: str, directory: str, *, command_task: bool) -> None:
        self.info = info
        self.container = container
        self.directory = directory
        self.command_task = command_task
        self.state = "REGISTERING"
        self.stream: Stream | None = None
        self.pid = 0
        self.end = ""  # why it was destroyed, for the last words of its tasks
        self.end_reason = "REASON_EXECUTOR_TERMINATED"
        self.queued: dict[str, dict[str, Any]] = {}  # TaskInfo, until the executor is there
        self.tasks: dict[str, dict[str, Any]] = {}  # all that are not completed
        self.completed: list[dict[str, Any]] = []

    @property
    def executor_id(self) -> str:
        return str(self.info["executor_id"]["value"])

    @property
    def framework_id(self) -> str:
        return str(self.info["framework_id"]["value"])

    def __str__(self) -> str:
        return f"'{self.executor_id}' of framework {self.framework_id}"

    def living_tasks(self) -> list[dict[str, Any]]:
        return [task for task in self.tasks.values() if task["state"] not in messages.TERMINAL]

    def used(self) -> list[dict[str, Any]]:
        """What it and its tasks that have not ended hold."""
        if self.state == "TERMINATED":
            return []
        return [*self.info.get("resources", []), *(item for task in self.living_tasks() for item in task["resources"])]

    def complete(self, task_id: str) -> None:
        """Its scheduler knows that a task has ended, perhaps before its executor was there."""
        self.queued.pop(task_id, None)
        self.completed = [*self.completed, self.tasks.pop(task_id)][-MAX_COMPLETED_TASKS:]


class Framework:
    """A framework that has executors here."""

    def __init__(self, info: dict[str, Any]) -> None:
        self.info = info
        self.executors: dict[str, Executor] = {}
        self.completed: list[Executor] = []
        self.terminating = False

    @property
    def framework_id(self) -> str:
        return str(self.info["id"]["value"])

    @property
    def checkpoint(self) -> bool:
        return bool(self.info.get("checkpoint"))

    def complete(self, executor: Executor) -> None:
        """It has ended, and nothing of its tasks is left to tell."""
        del self.executors[executor.executor_id]
        self.completed = [*self.completed, executor][-MAX_COMPLETED_EXECUTORS:]


def executor_info(task: dict[str, Any], framework: dict[str, Any], executor_program: str) -> dict[str, Any]:
    """Of a custom executor what the task brings, of the command executor what the agent makes (slave.cpp: getExecutorInfo)."""
    if "executor" in task:
        return dict(task["executor"])
    role = work.role_of(task["resources"])
    own = task["command"]
    command = {name: own[name] for name in ("uris", "environment", "user") if name in own}
    source = (
        own.get("value", "") if own.get("shell", True) else " ".join([own.get("value", ""), *own.get("arguments", [])])
    )
    cut = source if len(source) <= 15 else f"{source[:12]}..."
    return {
        "type": "CUSTOM",
        "executor_id": task["task_id"],
        "framework_id": framework["id"],
        "command": messages.ordered("CommandInfo", {**command, **own_command(executor_program)}),
        "resources": messages.allocated([resources.scalar(name, number) for name, number in _OVERHEAD], role),
        "name": f"Command Executor (Task: {task['task_id']['value']}) (Command: sh -c '{cut}')",
        "source": task["task_id"]["value"],
    }


def own_command(program: str) -> dict[str, Any]:
    """The command of the command executor."""
    return {
        "shell": False,
        "value": program,
        "arguments": [os.path.basename(program), f"--launcher_dir={os.path.dirname(program)}"],
    }


def environment(
    executor: Executor, framework: Framework, agent: dict[str, str], flags: dict[str, str]
) -> dict[str, str]:
    """All that an executor finds in its environment (slave.cpp: executorEnvironment; containerizer.cpp: _launch).

    `agent`: "id", "pid" (libprocess), "endpoint" (ip:port); `flags`: the flags as text. Variables of the command come last.
    """
    found = {
        "LIBPROCESS_PORT": "0",
        "LIBPROCESS_IP": agent["endpoint"].rpartition(":")[0],
        "MESOS_AGENT_ENDPOINT": agent["endpoint"],
        "MESOS_CHECKPOINT": "1" if framework.checkpoint else "0",
        "MESOS_DIRECTORY": executor.directory,
        "MESOS_EXECUTOR_ID": executor.executor_id,
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": flags["executor_shutdown_grace_period"],
        "MESOS_FRAMEWORK_ID": framework.framework_id,
        "MESOS_HTTP_COMMAND_EXECUTOR": "0",
        "MESOS_SANDBOX": executor.directory,
        "MESOS_SLAVE_ID": agent["id"],
        "MESOS_SLAVE_PID": agent["pid"],
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }
    found.update({name: value for name, value in os.environ.items() if name.startswith("LIBPROCESS_SSL_")})
    items = executor.info.get("resources", [])
    if items:
        found["MESOS_ALLOCATION_ROLE"] = work.role_of(items)
    if framework.checkpoint:
        found["MESOS_RECOVERY_TIMEOUT"] = flags["recovery_timeout"]
        found["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = flags["executor_reregistration_timeout"]
    for variable in executor.info.get("command", {}).get("environment", {}).get("variables", []):
        found[variable["name"]] = variable.get("value", "")
    return found


def executor_state(executor: Executor, framework: Framework) -> dict[str, Any]:
    """An executor in the agent's /state (src/slave/http.cpp: ExecutorWriter)."""
    shown = {
        "id": executor.executor_id,
        "name": executor.info.get("name", ""),
        "source": executor.info.get("source", ""),
        "container": executor.container,
        "directory": executor.directory,
        "resources": resources.totals(executor.used()),
    }
    items = executor.info.get("resources", [])
    if items:
        shown["role"] = work.role_of(items)
    shown["type"] = executor.info.get("type", "CUSTOM")
    tasks = executor.tasks
    shown["tasks"] = [work.task_state(task) for name, task in tasks.items() if name not in executor.queued]
    shown["queued_tasks"] = [work.task_state(tasks[name]) for name in executor.queued]
    shown["completed_tasks"] = [work.task_state(task) for task in executor.completed]
    return shown


def framework_state(framework: Framework) -> dict[str, Any]:
    """A framework in the agent's /state (src/slave/http.cpp: FrameworkWriter)."""
    info = framework.info
    shown = {"id": framework.framework_id, "name": info["name"], "user": info["user"]}
    shown.update(failover_timeout=info.get("failover_timeout", 0.0), checkpoint=framework.checkpoint)
    shown["hostname"] = info.get("hostname", "")
    if messages.capable(info, "MULTI_ROLE"):
        shown["roles"] = messages.roles_of(info)
    else:
        shown["role"] = messages.roles_of(info)[0]
    shown["executors"] = [executor_state(executor, framework) for executor in framework.executors.values()]
    shown["completed_executors"] = [executor_state(executor, framework) for executor in framework.completed]
    return shown


def status_of(executor: Executor, status: dict[str, Any], agent: dict[str, str]) -> dict[str, Any]:
    """A status with what the agent adds to it (slave.cpp: statusUpdate; recorded: GET_TASKS of an agent)."""
    address = {"protocol": "IPv4", "ip_address": agent["endpoint"].rpartition(":")[0]}
    inside: dict[str, Any] = {"container_id": {"value": executor.container}}
    inside["network_infos"] = [{"ip_addresses": [address]}]
    if executor.pid:
        inside["executor_pid"] = executor.pid
    added = {
        "agent_id": {"value": agent["id"]},
        "executor_id": executor.info["executor_id"],
        "container_status": inside,
    }
    return messages.ordered("TaskStatus", {**added, **status, "agent_id": added["agent_id"]})


def apply_status(executor: Executor, status: dict[str, Any]) -> None:
    """A status into the task that it is of, if the executor has it."""
    task = executor.tasks.get(status["task_id"]["value"])
    if task is not None and task["state"] not in messages.TERMINAL:
        take_status(task, status, status["state"])
