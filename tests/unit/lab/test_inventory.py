# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab reads from an inventory, and the sentences for a wrong one."""

from __future__ import annotations

from typing import Any

import pytest

from lab import inventory
from lab.inventory import Disk, Host
from lab.machine import LabError

TIB = 1 << 40


def test_the_lab_itself() -> None:
    hosts = inventory.load()
    assert list(hosts) == ["m1", "m2", "m3", *(f"agent{number:02}" for number in range(1, 18))]
    assert [host.octet for host in hosts.values()] == [11, 12, 13, *range(101, 118)]
    disks = {name: [(disk.name, disk.size, disk.content) for disk in host.disks] for name, host in hosts.items()}
    assert disks["m1"] == []
    system = ("xvda", 8 << 30, "ext4")
    assert str(inventory.Disk(*system)) == "xvda 8589934592 ext4"
    assert {name for name, found in disks.items() if found[:1] != [system]} == {"m1", "m2", "m3"}
    disks = {name: found[1:] for name, found in disks.items()}
    assert disks["agent01"] == [("xvdf", 2 * TIB, "empty")]
    assert disks["agent03"] == [("xvdf", 2 * TIB, "empty"), ("xvdh", 500 << 30, "ext4")]
    assert disks["agent05"] == [("xvdf", 2 * TIB, "empty"), ("xvdg", 2 * TIB, "empty")]
    assert disks["agent07"] == [("xvdg", 2 * TIB, "empty")]
    assert {name for name, host in hosts.items() if host.image == "bullseye"} == {"agent16"}
    assert hosts["agent17"].group == inventory.SPARE


def test_variables_of_a_host_go_before_those_of_its_group_and_those_before_all() -> None:
    tree = {
        "all": {"vars": {"lab_image": "bookworm", "lab_disks": []}},
        "g": {
            "vars": {"lab_disks": [{"device": "/dev/xvdf", "size": "1G"}]},
            "hosts": {"a": {"lab_address": 2}, "b": {"lab_address": 3, "lab_image": "bullseye", "lab_disks": []}},
        },
        "empty": None,
    }
    assert inventory.parse(tree) == {
        "a": Host("a", "g", 2, "bookworm", (Disk("xvdf", 1 << 30),)),
        "b": Host("b", "g", 3, "bullseye", ()),
    }


def one(**values: Any) -> dict[str, Any]:
    return {"g": {"hosts": {"a": {"lab_address": 2, "lab_image": "bookworm", **values}}}}


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        (one(lab_address=None), "host a: lab_address is None: write a number from 2 to 254."),
        (one(lab_address=1), "host a: lab_address is 1: write a number from 2 to 254."),
        (one(lab_image="buster"), "host a: lab_image is 'buster': write one of bookworm, bullseye."),
        (one(lab_disks=[{"device": "/dev/sda", "size": "1G"}]), "'/dev/sda' is no name for a disk of the lab"),
        (one(lab_disks=[{"device": "/dev/xvdf", "size": "2 TB"}]), "'2 TB' is no size"),
        (
            one(lab_disks=[{"device": "/dev/xvdf", "size": "1G", "content": "zfs"}]),
            "/dev/xvdf: content 'zfs' is unknown",
        ),
        (one(lab_disks=[{"device": "/dev/xvdf", "size": "1G"}] * 2), "host a: lab_disks names a device twice."),
        ({**one(), "h": {"hosts": {"a": {}}}}, "host a stands in two groups, g and h: leave one."),
        (
            {**one(), "h": {"hosts": {"b": {"lab_address": 2, "lab_image": "bookworm"}}}},
            "a and b have the same lab_address 2.",
        ),
    ],
)
def test_a_wrong_description_gets_a_sentence(tree: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LabError) as caught:
        inventory.parse(tree)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(("text", "size"), [("1M", 1 << 20), ("500G", 500 << 30), ("2T", 2 << 40)])
def test_sizes(text: str, size: int) -> None:
    assert inventory.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0G", "2", "2t", "1.5T", "-1G", "1TB"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(LabError):
        inventory.parse_size(text)


@pytest.mark.parametrize(
    ("names", "groups", "chosen"),
    [
        ([], [], 20),
        (["m1"], [], ["m1"]),
        (["agent17", "m1"], [], ["m1", "agent17"]),
        ([], ["mesos_masters"], ["m1", "m2", "m3"]),
        (["agent01"], ["mesos_masters"], ["m1", "m2", "m3", "agent01"]),
    ],
)
def test_selection(names: list[str], groups: list[str], chosen: list[str] | int) -> None:
    found = [host.name for host in inventory.select(inventory.load(), names, groups)]
    assert (len(found) if isinstance(chosen, int) else found) == chosen


def test_selecting_what_is_not_there() -> None:
    with pytest.raises(LabError, match="the lab has no host agent99: its hosts are m1, "):
        inventory.select(inventory.load(), ["agent99"])
    with pytest.raises(
        LabError, match="the lab has no group nobody: its groups are lab_spare, mesos_agents, mesos_masters"
    ):
        inventory.select(inventory.load(), [], ["nobody"])
