# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection reads what a simulated agent has written: two programs that share no line agree on the product's form."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import observe
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos.test_observe import DOWN, a_host


def read_by_the_collection(work_dir: Path) -> list[tuple[str, str, str]]:
    """(kind, name, framework) of the work that the collection sees on a host whose agent is down."""
    machine = a_host(unit=DOWN)
    machine.http("http://10.0.0.11:5051/state", error="Connection refused")
    machine.file("/etc/mesos-slave/work_dir", f"{work_dir}\n")
    for path in work_dir.rglob("*"):
        if path.is_symlink():
            machine.symlink(str(path), os.readlink(path))
        elif path.is_dir():
            machine.directory(str(path))
        else:
            machine.file(str(path), path.read_bytes())
    return [(item["kind"], item["name"], item["framework"]) for item in observe.observe_agent(machine)["work"]]


def test_the_collection_names_the_work_of_a_stopped_agent(cluster: Any, wait: Callable[..., Any]) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    cluster.plant(agent, "framework", "--name=marathon", "--checkpoint", "--task=web.1", "--task=web.2")
    ended = cluster.plant(agent, "framework", "--name=ended", "--checkpoint", "--task=t1")["framework_id"]
    cluster.plant(agent, "scaleio")
    cluster.plant(agent, "reservation", "--role=database", "--cpus=1", "--disk=0")
    cluster.plant(agent, "volume", "--role=archive", "--id=vol1", "--disk=100")
    assert master.post("/master/teardown", f"frameworkId={ended}").status == 200
    wait(lambda: len(agent.get("/state").json["frameworks"]) == 2)
    agent.stop()
    expected = [
        ("task", "web.1", "marathon"),
        ("task", "web.2", "marathon"),
        ("volume", "vol1", ""),
        ("reservation", "archive", ""),
        ("reservation", "database", ""),
    ]
    work_dir = agent.directory / "work"
    assert read_by_the_collection(work_dir) == expected
    (work_dir / "meta/resources/resources_and_operations.state").unlink()
    assert read_by_the_collection(work_dir) == expected
