# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Status updates until they are acknowledged (mesos 1.11.0 src/slave/task_status_update_manager.cpp)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOTFS = Path(__file__).resolve().parents[3] / "lab" / "simulators" / "mesos" / "rootfs"
sys.path.insert(0, str(ROOTFS / "usr/lib/mesos-simulator"))

from mesos_simulator import updates


def status(uuid: str) -> dict[str, Any]:
    return {"task_id": {"value": "t1"}, "state": "TASK_RUNNING", "uuid": uuid}


def test_one_after_the_other() -> None:
    sent: list[str] = []
    manager = updates.Updates(lambda framework_id, entry: sent.append(entry["uuid"]))
    manager.add("f1", status("a"))
    manager.add("f1", status("b"))
    assert sent == ["a"]
    assert manager.acknowledge("f1", "t1", "b") is None
    assert manager.acknowledge("f1", "t1", "a") == status("a")
    assert sent == ["a", "b"]
    assert manager.seen("f1", "t1", "a") and not manager.seen("f1", "t1", "c")
    manager.resume()
    assert sent == ["a", "b", "b"]
    manager.forget("f1")
    manager.resume()
    assert sent == ["a", "b", "b"] and not manager.seen("f1", "t1", "a")


def test_again_after_ever_longer_times(monkeypatch: pytest.MonkeyPatch) -> None:
    """STATUS_UPDATE_RETRY_INTERVAL_MIN and _MAX: 10 s, 20 s, ... 10 min."""
    now = 1000.0
    monkeypatch.setattr("mesos_simulator.updates.time.monotonic", lambda: now)
    sent: list[float] = []
    manager = updates.Updates(lambda framework_id, entry: sent.append(now - 1000.0))
    manager.add("f1", status("a"))
    while now < 3000.0:
        now += 1.0
        manager.tick()
    assert sent == [0.0, 10.0, 30.0, 70.0, 150.0, 310.0, 630.0, 1230.0, 1830.0]
