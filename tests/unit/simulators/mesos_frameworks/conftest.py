# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests of the simulated Mesos with schedulers and executors, which run beside those of masters and agents alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ..conftest import Daemon, processes_in


def command_task(task_id: str, command: str, **more: Any) -> dict[str, Any]:
    """A TaskInfo for the command executor."""
    amounts = (("cpus", 0.1), ("mem", 32.0))
    held = [{"name": name, "type": "SCALAR", "scalar": {"value": number}} for name, number in amounts]
    command_info = {"value": command, **more}
    return {"name": task_id, "task_id": {"value": task_id}, "resources": held, "command": command_info}


@pytest.fixture
def command() -> Callable[..., dict[str, Any]]:
    return command_task


@pytest.fixture
def running() -> Callable[[Daemon], list[int]]:
    """The processes of an agent's executors and tasks."""
    return lambda agent: processes_in(agent.directory)
