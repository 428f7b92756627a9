# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Status updates on their way to the scheduler: in order per task, sent again until they are acknowledged.

mesos 1.11.0 src/slave/task_status_update_manager.cpp; intervals: src/slave/constants.hpp STATUS_UPDATE_RETRY_INTERVAL_*.
"""

from __future__ import annotations

import time
from typing import Any, Callable

_FIRST_RETRY = 10.0
_LAST_RETRY = 600.0

_Key = tuple[str, str]


class _Waiting:
    """The updates of one task that nobody has acknowledged; the first one is on its way."""

    def __init__(self) -> None:
        self.statuses: list[dict[str, Any]] = []
        self.retry_at = 0.0
        self.interval = _FIRST_RETRY


class Updates:
    """All updates of one agent. `forward` sends one to the master, or nothing when there is none."""

    def __init__(self, forward: Callable[[str, dict[str, Any]], None]) -> None:
        self._forward = forward
        self._waiting: dict[_Key, _Waiting] = {}
        self._seen: dict[_Key, set[str]] = {}

    def seen(self, framework_id: str, task_id: str, uuid: str) -> bool:
        """Whether an update has come before: executors send what they hold again when they come back."""
        return uuid in self._seen.get((framework_id, task_id), set())

    def recover(self, framework_id: str, task_id: str, uuids: set[str], waiting: list[dict[str, Any]]) -> None:
        """What is on disk of a task: all that was sent, and what was not acknowledged."""
        key = (framework_id, task_id)
        self._seen[key] = uuids
        if waiting:
            self._waiting[key] = _Waiting()
            self._waiting[key].statuses = waiting

    def add(self, framework_id: str, status: dict[str, Any]) -> None:
        key = (framework_id, status["task_id"]["value"])
        self._seen.setdefault(key, set()).add(status["uuid"])
        waiting = self._waiting.setdefault(key, _Waiting())
        waiting.statuses.append(status)
        if len(waiting.statuses) == 1:
            self._send(framework_id, waiting)

    def acknowledge(self, framework_id: str, task_id: str, uuid: str) -> dict[str, Any] | None:
        """The status that is done with, None for any other than the one on its way."""
        key = (framework_id, task_id)
        waiting = self._waiting.get(key)
        if waiting is None or waiting.statuses[0]["uuid"] != uuid:
            return None
        status = waiting.statuses.pop(0)
        if waiting.statuses:
            self._send(framework_id, waiting)
        else:
            del self._waiting[key]
        return status

    def forget(self, framework_id: str) -> None:
        """The framework is over: nobody waits for its updates."""
        for known in (self._waiting, self._seen):
            for key in [key for key in known if key[0] == framework_id]:
                del known[key]

    def resume(self) -> None:
        """A master is there again: all that is on its way is sent once more."""
        for (framework_id, _), waiting in list(self._waiting.items()):
            self._send(framework_id, waiting)

    def tick(self) -> None:
        """Sends again what is overdue, ever more rarely."""
        for (framework_id, _), waiting in list(self._waiting.items()):
            if time.monotonic() >= waiting.retry_at:
                self._send(framework_id, waiting, min(waiting.interval * 2, _LAST_RETRY))

    def _send(self, framework_id: str, waiting: _Waiting, interval: float = _FIRST_RETRY) -> None:
        waiting.interval, waiting.retry_at = interval, time.monotonic() + interval
        self._forward(framework_id, waiting.statuses[0])
