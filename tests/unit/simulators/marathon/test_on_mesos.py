# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Together with the simulators of Mesos masters and an agent: here tasks are processes."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Marathon = Any
Wait = Callable[..., Any]

# A kill is lost when the agent has not yet come back to a new master.
_FLAGS = ("--kill_retry_timeout=500",)


@pytest.fixture
def on_mesos(cluster: Any, make_marathon: Callable[[str, str], Marathon], wait: Wait) -> Iterator[Marathon]:
    """A Marathon that is subscribed at one of three masters, with one agent; what it runs ends with the test."""
    masters = cluster.masters()
    for daemon in masters:
        daemon.start()
    agent = cluster.agent(master=cluster.zk()).start()
    cluster.registered(wait(lambda: cluster.leader(masters)), agent)
    marathon = make_marathon(f"{cluster.network}.21", cluster.zk())
    marathon.start(*_FLAGS).ready()
    yield marathon
    if marathon.process.poll() is not None:
        marathon.start(*_FLAGS).ready()
    for app in marathon.get("/v2/apps").json["apps"]:
        marathon.delete(f"/v2/apps{app['id']}")
    marathon.deployed()


def alive(number: int) -> bool:
    """Whether a process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


def run(marathon: Marathon, tmp_path: Path, **members: Any) -> Callable[[], int]:
    """Runs an application whose task writes its process ID; the result reads it."""
    note = tmp_path / "pid"
    marathon.create(cmd=f"env > {tmp_path}/env; echo $$ > {note}.new; mv {note}.new {note}; exec sleep 300", **members)
    return lambda: int(note.read_text())


def test_process(on_mesos: Marathon, tmp_path: Path, wait: Wait) -> None:
    """Runs with its variables, is replaced, is launched again when it is killed, and ends with its application."""
    at_once = {"minimumHealthCapacity": 0, "maximumOverCapacity": 0}
    number = run(on_mesos, tmp_path, env={"GREETING": "a b"}, upgradeStrategy=at_once)
    first = wait(number)
    (task,) = on_mesos.app("/web")["tasks"]
    environment = dict(line.split("=", 1) for line in (tmp_path / "env").read_text().splitlines() if "=" in line)
    assert environment["GREETING"] == "a b"
    assert environment["PORT0"] == str(task["ports"][0])
    assert (environment["HOST"], environment["MARATHON_APP_ID"]) == ("agent01", "/web")
    on_mesos.post("/v2/apps/web/restart")
    on_mesos.deployed()
    second = wait(lambda: number() != first and number())
    assert not alive(first)
    os.kill(second, signal.SIGKILL)
    third = wait(lambda: number() != second and number())
    assert on_mesos.app("/web")["lastTaskFailure"]["state"] == "TASK_FAILED"
    on_mesos.delete("/v2/apps/web")
    on_mesos.deployed()
    assert not alive(third)


def test_stays(on_mesos: Marathon, cluster: Any, tmp_path: Path, wait: Wait) -> None:
    """Its process outlives a failover of the masters and the end of Marathon itself."""
    number = run(on_mesos, tmp_path)
    first = wait(number)
    masters = [daemon for daemon in cluster.daemons if daemon.program == "mesos-master"]
    cluster.leader(masters).stop()
    wait(lambda: len(on_mesos.events("subscribed")) >= 2)
    on_mesos.stop()
    on_mesos.start(*_FLAGS).ready()
    time.sleep(0.5)  # what reconciliation could spoil
    assert alive(first)
    assert [task["state"] for task in on_mesos.app("/web")["tasks"]] == ["TASK_RUNNING"]
    assert len(on_mesos.events("task_launched")) == 1
