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

Frameworks are the dicts of work.py.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from typing import Any

from mesos_simulator import checkpoint, work
from mesos_simulator.checkpoint import CorruptCheckpoint, Paths, Reader
from mesos_simulator.log import log

_NO_PID = "@0.0.0.0:0"  # an empty UPID (slave.cpp: checkpointFramework)


def write(paths: Paths, agent_id: str, framework: dict[str, Any]) -> None:
    """A framework whose tasks run and whose scheduler has acknowledged that."""
    directory = os.path.join(paths.frameworks(agent_id), framework["id"])
    info = checkpoint.record("FrameworkInfo", work.framework_call(framework))
    checkpoint.write(os.path.join(directory, "framework.info"), info)
    checkpoint.write(os.path.join(directory, "framework.pid"), _NO_PID.encode("ascii"))
    for executor in framework["executors"]:
        above = os.path.join(directory, "executors", executor["id"])
        checkpoint.write(os.path.join(above, "executor.info"), _executor_info(executor, framework))
        run = os.path.join(above, "runs", executor["container"])
        checkpoint.link_latest(run)
        # No process stands for the executor of a simulated task; the agent's own number is at least one that ran here.
        checkpoint.write(_forked_pid(run), str(os.getpid()).encode("ascii"))
        _touch(os.path.join(run, "http.marker"))
        for task in executor["tasks"]:
            place = os.path.join(run, "tasks", task["id"])
            checkpoint.write(os.path.join(place, "task.info"), _task_info(task, executor, framework, agent_id))
            with open(os.path.join(place, "task.updates"), "ab") as file:
                file.write(_updates(task, executor, framework, agent_id))


def complete(paths: Paths, agent_id: str, framework: dict[str, Any]) -> None:
    """The executors have ended; what is on disk stays until it is collected, a week later (slave.cpp: removeExecutor)."""
    for executor in framework["executors"]:
        inside = os.path.join(framework["id"], "executors", executor["id"], "runs", executor["container"])
        _touch(os.path.join(paths.frameworks(agent_id), inside, "executor.sentinel"))


def _executor_info(executor: dict[str, Any], framework: dict[str, Any]) -> bytes:
    info = {"executor_id": {"value": executor["id"]}, "framework_id": {"value": framework["id"]}, "type": "CUSTOM"}
    texts = {name: executor[name] for name in ("name", "source") if executor[name]}
    return checkpoint.record("ExecutorInfo", {**info, **texts, "resources": executor["resources"]})


def _task_info(task: dict[str, Any], executor: dict[str, Any], framework: dict[str, Any], agent_id: str) -> bytes:
    info = {"name": task["name"], "task_id": {"value": task["id"]}, "framework_id": {"value": framework["id"]}}
    place = {"executor_id": {"value": executor["id"]}, "slave_id": {"value": agent_id}}
    return checkpoint.record("Task", {**info, **place, "state": "TASK_STAGING", "resources": task["resources"]})


def _updates(task: dict[str, Any], executor: dict[str, Any], framework: dict[str, Any], agent_id: str) -> bytes:
    place = {"executor_id": {"value": executor["id"]}, "slave_id": {"value": agent_id}}
    told = {"timestamp": task["timestamp"], "uuid": task["uuid"]}
    status = {"task_id": {"value": task["id"]}, "state": task["state"], "source": "SOURCE_EXECUTOR", **place, **told}
    update = {"framework_id": {"value": framework["id"]}, "status": status, "latest_state": task["state"]}
    written = checkpoint.record("StatusUpdateRecord", {"type": "UPDATE", "update": {**update, **place, **told}})
    return written + checkpoint.record("StatusUpdateRecord", {"type": "ACK", "uuid": task["uuid"]})


def _touch(path: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "ab"):
        pass


# --- recovery ---


def read(paths: Paths, agent_id: str, reader: Reader, rebooted: bool) -> list[dict[str, Any]]:
    """All frameworks with the executors that had not ended (SlaveState::recover); CorruptCheckpoint says where it fails.

    An executor has one more member, "lost": it cannot live any more, or cannot be found again.
    """
    recovery = _Recovery(paths, reader, rebooted)
    found = []
    for framework_id, directory in _entries(paths.frameworks(agent_id)):
        with _naming(f"framework {framework_id}"):
            found.append(recovery.framework(framework_id, directory))
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

    def framework(self, framework_id: str, directory: str) -> dict[str, Any] | None:
        info = self._reader.one("FrameworkInfo", os.path.join(directory, "framework.info"), "framework info")
        if info is None or not _text(os.path.join(directory, "framework.pid"), "framework pid"):
            return None
        executors = []
        for executor_id, path in _entries(os.path.join(directory, "executors")):
            with _naming(f"executor '{executor_id}'"):
                executors.append(self._executor(executor_id, path))
        return {
            "id": framework_id,
            "name": info["name"],
            "user": info["user"],
            "role": info.get("roles", ["*"])[0],
            "principal": info.get("principal", ""),
            "hostname": info.get("hostname", ""),
            "checkpoint": info.get("checkpoint", False),
            "executors": [executor for executor in executors if executor],
        }

    def _executor(self, executor_id: str, directory: str) -> dict[str, Any] | None:
        """None when its latest run has ended."""
        runs = {}
        for container, path in _entries(os.path.join(directory, "runs")):
            if container != "latest":
                with _naming(f"run {container} of executor '{executor_id}'"):
                    runs[container] = self._run(path)
        latest = os.path.basename(os.path.realpath(os.path.join(directory, "runs", "latest")))
        info = self._reader.one("ExecutorInfo", os.path.join(directory, "executor.info"), "executor info")
        run = runs.get(latest)
        if run is None or info is None:
            return None
        inside = os.path.relpath(directory, self._paths.meta)
        return {
            "id": executor_id,
            "name": info.get("name", ""),
            "source": info.get("source", ""),
            "container": latest,
            "directory": os.path.join(self._paths.work_dir, inside, "runs", latest),
            "resources": info.get("resources", []),
            **run,
        }

    def _run(self, directory: str) -> dict[str, Any] | None:
        tasks = []
        for task_id, path in _entries(os.path.join(directory, "tasks")):
            with _naming(f"task {task_id}"):
                tasks.append(self._task(task_id, path))
        found = not self._rebooted and self._finds_executor(directory)
        if self._rebooted and os.path.exists(_forked_pid(directory)):
            os.unlink(_forked_pid(directory))  # so that another start does not take it for a living one
        if os.path.exists(os.path.join(directory, "executor.sentinel")):
            return None
        return {"lost": not found, "tasks": [task for task in tasks if task]}

    def _finds_executor(self, directory: str) -> bool:
        """By its process and by how it speaks to agents (RunState::recover)."""
        path = _forked_pid(directory)
        pid = _text(path, "executor forked pid")
        if pid and not re.fullmatch("-?[0-9]+", pid):
            reason = f"Failed to convert '{pid}' to number"
            raise CorruptCheckpoint(f"Failed to parse forked pid '{pid}' from pid file '{path}': {reason}")
        return bool(pid) and os.path.exists(os.path.join(directory, "http.marker"))

    def _task(self, task_id: str, directory: str) -> dict[str, Any] | None:
        info = self._reader.one("Task", os.path.join(directory, "task.info"), "task info")
        if info is None:
            return None
        last = {"state": info["state"], "timestamp": 0.0, "uuid": ""}
        for update in self._updates(os.path.join(directory, "task.updates")):
            if "update" in update:
                last = {name: update["update"]["status"].get(name, value) for name, value in last.items()}
        return {"id": task_id, "name": info["name"], "resources": info.get("resources", []), **last}

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
