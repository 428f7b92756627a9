# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frameworks that checkpoint, below meta/slaves/<id>/frameworks (mesos 1.11.0 src/slave/paths.hpp, src/slave/state.cpp).

<framework>/framework.info                                   one FrameworkInfo
<framework>/framework.pid                                    libprocess name of the scheduler; one that speaks HTTP has none
<framework>/executors/<executor>/executor.info               one ExecutorInfo
<framework>/executors/<executor>/runs/latest                 absolute link to the newest run
.../runs/<container>/pids/forked.pid                         process of the executor, gone after a reboot of the host
.../runs/<container>/http.marker                             empty: the executor speaks HTTP
.../runs/<container>/executor.sentinel                       empty: the executor has ended, with nothing left to tell
.../runs/<container>/tasks/<task>/task.info                  one Task as it was launched
.../runs/<container>/tasks/<task>/task.updates               StatusUpdateRecords: updates and their acknowledgements

Labels apart, what nothing here reads (containers, discovery, checks) is not checkpointed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from mesos_simulator import checkpoint, executors, frameworks, messages, resources, work
from mesos_simulator.checkpoint import CorruptCheckpoint, Paths, Reader
from mesos_simulator.log import log

_NO_PID = "@0.0.0.0:0"  # an empty UPID (slave.cpp: checkpointFramework)


# Of one task: the UUIDs of all its updates, and those updates that are not acknowledged.
Sent = tuple[set[str], list[dict[str, Any]]]


class RecoveredRun(NamedTuple):
    """An executor that had not ended; `lost` when it cannot live any more, or cannot be found again."""

    executor: executors.Executor
    updates: dict[str, Sent]
    lost: bool


class RecoveredFramework(NamedTuple):
    """A framework of the checkpoint."""

    info: dict[str, Any]
    runs: list[RecoveredRun]


def run_directory(paths: Paths, agent_id: str, executor: executors.Executor) -> str:
    """Where the run of an executor is checkpointed."""
    inside = os.path.join(executor.framework_id, "executors", executor.executor_id, "runs", executor.container)
    return os.path.join(paths.frameworks(agent_id), inside)


def write_framework(paths: Paths, agent_id: str, info: dict[str, Any]) -> None:
    """slave.cpp: Framework::checkpointFramework."""
    directory = os.path.join(paths.frameworks(agent_id), info["id"]["value"])
    checkpoint.write(
        os.path.join(directory, "framework.info"), checkpoint.record("FrameworkInfo", work.framework_call(info))
    )
    checkpoint.write(os.path.join(directory, "framework.pid"), _NO_PID.encode("ascii"))


def write_executor(run: str, info: dict[str, Any]) -> None:
    """A new run of an executor (slave.cpp: Executor::checkpointExecutor)."""
    above = os.path.dirname(os.path.dirname(run))
    checkpoint.write(os.path.join(above, "executor.info"), checkpoint.record("ExecutorInfo", _downgraded(info)))
    checkpoint.link_latest(run)


def write_task(run: str, task: dict[str, Any]) -> None:
    """A task on its way to its executor (slave.cpp: Executor::checkpointTask)."""
    path = os.path.join(run, "tasks", task["task_id"]["value"], "task.info")
    checkpoint.write(path, checkpoint.record("Task", _downgraded(task)))


def write_pid(run: str, pid: int) -> None:
    """The executor's process."""
    checkpoint.write(_forked_pid(run), str(pid).encode("ascii"))


def mark_http(run: str) -> None:
    """The executor has subscribed."""
    _touch(os.path.join(run, "http.marker"))


def add_update(run: str, framework_id: str, status: dict[str, Any]) -> None:
    """An update that is about to be sent."""
    update = {"framework_id": {"value": framework_id}, "status": status, "latest_state": status["state"]}
    update.update({name: status[name] for name in ("executor_id", "agent_id", "uuid") if name in status})
    update["timestamp"] = status.get("timestamp", 0.0)
    _append(run, status["task_id"]["value"], {"type": "UPDATE", "update": update})


def add_acknowledgement(run: str, status: dict[str, Any]) -> None:
    """The scheduler has it."""
    _append(run, status["task_id"]["value"], {"type": "ACK", "uuid": status["uuid"]})


def complete(run: str) -> None:
    """The executor has ended; what is on disk stays until it is collected, a week later (slave.cpp: removeExecutor)."""
    _touch(os.path.join(run, "executor.sentinel"))


def _downgraded(message: dict[str, Any]) -> dict[str, Any]:
    """With resources in the format of agents before 1.4 (resources_utils.cpp: downgradeResources)."""
    if "resources" not in message:
        return message
    return {**message, "resources": [resources.unrefined({"role": "*", **item}) for item in message["resources"]]}


def _upgraded(message: dict[str, Any]) -> dict[str, Any]:
    """Undoes `_downgraded`."""
    if "resources" not in message:
        return message
    items = (resources.from_checkpoint(item) for item in message["resources"])
    return {**message, "resources": [resources.without_role(item) for item in items]}


def _append(run: str, task_id: str, entry: dict[str, Any]) -> None:
    path = os.path.join(run, "tasks", task_id, "task.updates")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "ab") as file:
        file.write(checkpoint.record("StatusUpdateRecord", entry))


def _touch(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "ab"):
        pass


# --- recovery ---


def read(paths: Paths, agent_id: str, reader: Reader, rebooted: bool) -> list[RecoveredFramework]:
    """All frameworks with the executors that had not ended (SlaveState::recover); CorruptCheckpoint says where it fails."""
    recovery = _Recovery(paths, reader, rebooted)
    found = []
    for framework_id, directory in _entries(paths.frameworks(agent_id)):
        with _naming(f"framework {framework_id}"):
            found.append(recovery.framework(directory))
    return [framework for framework in found if framework]


@contextlib.contextmanager
def _naming(what: str) -> Iterator[None]:
    """Says of a corrupt file to whom it belongs."""
    try:
        yield
    except CorruptCheckpoint as error:
        raise CorruptCheckpoint(f"Failed to recover {what}: {error}") from None


def _entries(directory: str) -> list[tuple[str, str]]:
    """(name, path) of what a directory holds; nothing when it is missing. Hidden files are not seen (stout: fs::list)."""
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    return [(name, os.path.join(directory, name)) for name in names if not name.startswith(".")]


class _Recovery:
    """One walk through the frameworks of an agent."""

    def __init__(self, paths: Paths, reader: Reader, rebooted: bool) -> None:
        self._paths, self._reader, self._rebooted = paths, reader, rebooted

    def framework(self, directory: str) -> RecoveredFramework | None:
        info = self._reader.one("FrameworkInfo", os.path.join(directory, "framework.info"), "framework info")
        if info is None or not _text(os.path.join(directory, "framework.pid"), "framework pid"):
            return None
        runs = []
        for executor_id, path in _entries(os.path.join(directory, "executors")):
            with _naming(f"executor '{executor_id}'"):
                runs.append(self._executor(path))
        return RecoveredFramework(messages.ordered("FrameworkInfo", info), [run for run in runs if run])

    def _executor(self, directory: str) -> RecoveredRun | None:
        """None when its latest run has ended."""
        latest = os.path.basename(os.path.realpath(os.path.join(directory, "runs", "latest")))
        info = self._reader.one("ExecutorInfo", os.path.join(directory, "executor.info"), "executor info")
        found = None
        for container, path in _entries(os.path.join(directory, "runs")):
            if container != "latest":
                with _naming(f"run {container} of executor '{os.path.basename(directory)}'"):
                    run = self._run(path, messages.ordered("ExecutorInfo", _upgraded(info or {})))
                    found = run if container == latest else found
        return found if info is not None else None

    def _run(self, directory: str, info: dict[str, Any]) -> RecoveredRun | None:
        tasks = []
        for task_id, path in _entries(os.path.join(directory, "tasks")):
            with _naming(f"task {task_id}"):
                tasks.append(self._task(path))
        pid = self._find_executor(directory)
        if self._rebooted and os.path.exists(_forked_pid(directory)):
            os.unlink(_forked_pid(directory))  # so that another start does not take it for a living one
        if os.path.exists(os.path.join(directory, "executor.sentinel")) or not info:
            return None
        inside = os.path.relpath(directory, self._paths.meta)
        names = {task["executor_id"]["value"] for task, _ in filter(None, tasks)}
        command = {task["task_id"]["value"] for task, _ in filter(None, tasks)} == names and len(names) == 1
        executor = executors.Executor(
            info, os.path.basename(directory), os.path.join(self._paths.work_dir, inside), command_task=command
        )
        executor.pid = pid
        updates = {}
        for task, sent in filter(None, tasks):
            task_id = task["task_id"]["value"]
            executor.tasks[task_id] = task
            updates[task_id] = sent
            if task["state"] in messages.TERMINAL and not sent[1]:
                executor.complete(task_id)
        return RecoveredRun(executor, updates, not pid)

    def _find_executor(self, directory: str) -> int:
        """By its process and by how it speaks to agents (RunState::recover); 0 when it cannot be found."""
        path = _forked_pid(directory)
        pid = _text(path, "executor forked pid")
        if pid and not re.fullmatch("-?[0-9]+", pid):
            reason = f"Failed to convert '{pid}' to number"
            raise CorruptCheckpoint(f"Failed to parse forked pid '{pid}' from pid file '{path}': {reason}")
        found = not self._rebooted and pid and os.path.exists(os.path.join(directory, "http.marker"))
        return int(pid) if found else 0

    def _task(self, directory: str) -> tuple[dict[str, Any], Sent] | None:
        info = self._reader.one("Task", os.path.join(directory, "task.info"), "task info")
        if info is None:
            return None
        task = {"resources": [], **_upgraded(info), "statuses": []}
        uuids: set[str] = set()
        waiting: list[dict[str, Any]] = []
        for entry in self._updates(os.path.join(directory, "task.updates")):
            if "update" in entry:
                status = messages.ordered("TaskStatus", entry["update"]["status"])
                frameworks.take_status(task, status, status["state"])
                uuids.add(status.get("uuid", ""))
                waiting.append(status)
            else:
                waiting = [status for status in waiting if status.get("uuid") != entry.get("uuid")]
        return task, (uuids, waiting)

    def _updates(self, path: str) -> list[dict[str, Any]]:
        """The file is cut behind its last sound record (TaskState::recover), what was cut off goes without a word."""
        if not os.path.exists(path):
            log.warning("state.cpp:800", f"Failed to find status updates file '{path}'")
            return []
        with open(path, "r+b") as file:
            content = file.read()
            try:
                updates, sound = checkpoint.records("StatusUpdateRecord", content, partial=True)
            except CorruptCheckpoint as error:
                file.truncate(error.sound)
                self._reader.fail(f"Failed to read status updates file  '{path}': {error}")
                return []
            file.truncate(sound)
        return updates


def _forked_pid(run: str) -> str:
    return os.path.join(run, "pids", "forked.pid")


def _text(path: str, what: str) -> str:
    """A file of text; empty when it is missing, which is only warned of."""
    if not os.path.exists(path):
        log.warning("state.cpp:330", f"Failed to find {what} file '{path}'")
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    if not text:
        log.warning("state.cpp:345", f"Found empty {what} file '{path}'")
    return text
