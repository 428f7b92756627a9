# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab makes of the machine that it runs on."""

from __future__ import annotations

import json
import os
import shutil
from ipaddress import IPv4Network
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab import machine
from lab.machine import LabError


@pytest.mark.parametrize(
    ("installed", "cgroups", "runtime"),
    [
        (["runc", "crun"], "v2", "runc"),
        (["runc"], "hybrid", "runc"),
        (["crun"], "v2", "crun"),
        (["crun"], "hybrid", None),
        (["crun"], "v1", None),
        ([], "v2", None),
    ],
)
def test_choice_of_a_runtime(installed: list[str], cgroups: str, runtime: str | None) -> None:
    if runtime:
        assert machine.choose_runtime(installed, cgroups) == runtime
    else:
        with pytest.raises(LabError, match="apt-get install runc"):
            machine.choose_runtime(installed, cgroups)


@pytest.mark.parametrize(
    ("files", "layout"),
    [(["cgroup.controllers"], "v2"), (["unified/cgroup.controllers"], "hybrid"), (["memory/tasks"], "v1")],
)
def test_layouts_of_cgroups(tmp_path: Path, files: list[str], layout: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert machine.cgroup_layout(tmp_path) == layout


@pytest.mark.parametrize(
    ("taken", "free"),
    [
        ([], "10.89.50.0/24"),
        (["10.89.50.0/24"], "10.89.51.0/24"),
        (["10.89.50.128/25", "10.89.52.0/23"], "10.89.51.0/24"),
        (["10.89.48.0/22"], "10.89.52.0/24"),
        (["192.168.1.0/24"], "10.89.50.0/24"),
    ],
)
def test_a_free_network(taken: list[str], free: str) -> None:
    assert machine.free_network(map(IPv4Network, taken)) == IPv4Network(free)


def test_no_free_network() -> None:
    with pytest.raises(LabError, match=r"every network from 10.89.50.0/24 to 10.89.99.0/24 is in use"):
        machine.free_network([IPv4Network("10.0.0.0/8")])


def test_networks_in_the_routing_table() -> None:
    routes = [{"dst": "default"}, {"dst": "10.88.0.0/16"}, {"dst": "172.17.0.5"}]
    assert machine.taken_networks(json.dumps(routes)) == [IPv4Network("10.88.0.0/16"), IPv4Network("172.17.0.5/32")]


def test_memory() -> None:
    assert machine.memory_available("MemTotal: 9 kB\nMemAvailable:    2048 kB\n") == 2 << 20


@pytest.mark.parametrize(
    ("disk", "memory", "sentence"),
    [
        (100 << 20, 120 << 20, None),
        (99 << 20, 120 << 20, "has 99 MB of free room, the lab needs 100 MB there"),
        (100 << 20, 119 << 20, "119 MB of memory are available, 2 hosts need 120 MB"),
    ],
)
def test_room_is_counted_for_the_hosts_that_will_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: int, memory: int, sentence: str | None
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda where: SimpleNamespace(free=disk))
    monkeypatch.setattr(machine, "memory_available", lambda meminfo: memory)
    monkeypatch.setattr(machine, "run", lambda *argv, **_: json.dumps({"store": {"graphRoot": str(tmp_path)}}))
    there = machine.Machine("runc", apparmor=False)
    if sentence is None:
        machine.preflight(there, tmp_path, 2)
    else:
        with pytest.raises(LabError, match=sentence):
            machine.preflight(there, tmp_path, 2)


def test_missing_programs_are_named_by_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PATH")
    monkeypatch.setattr(shutil, "which", lambda name: None if name in ("podman", "mmdebstrap") else f"/usr/bin/{name}")
    with pytest.raises(LabError, match="apt-get install mmdebstrap podman`"):
        machine.needed()
    assert os.environ["PATH"].endswith(":/usr/sbin:/sbin")


def test_a_failing_program_is_named_with_its_last_words_and_the_remedy() -> None:
    with pytest.raises(LabError) as caught:
        machine.run("sh", "-c", "echo out; echo no room >&2; exit 3", remedy="Make room.")
    assert str(caught.value) == "`sh -c echo out; echo no room >&2; exit 3` ended with status 3:\nno room\nMake room."


def test_results_keep_their_order_and_a_failure_waits_for_the_others() -> None:
    done = []

    def work(number: int) -> int:
        if number == 2:
            raise LabError("two")
        done.append(number)
        return number * 10

    assert machine.each([1, 3], work) == [10, 30]
    with pytest.raises(LabError, match="two"):
        machine.each([1, 2, 3, 4], work)
    assert sorted(done) == [1, 1, 3, 3, 4]
