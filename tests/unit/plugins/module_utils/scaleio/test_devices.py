# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import devices

CASES = json.loads((Path(__file__).parent / "fixtures" / "framework_rule.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["case"]))
def test_the_rule_is_that_of_the_frameworks_code(case: dict[str, Any]) -> None:
    rule = devices.framework_rule(devices.Printed(0, case["fdisk"]), devices.Printed(case["status"], case["blkid"]))
    assert list(rule.offers) == case["offered"]
    assert (rule.error is not None) == case["fails"]


def test_standard_error_counts() -> None:
    fdisk = devices.Printed(0, "Disk /dev/sdb: 1 GB\n", "Disk /dev/sdc: broken\nfdisk: cannot open /dev/sr0\n")
    blkid = devices.Printed(0, "", "blkid: /dev/sdb: I/O error\n")
    assert devices.framework_rule(fdisk, blkid).offers == ("/dev/sdc",)


@pytest.mark.parametrize(
    ("fdisk", "blkid", "words"),
    [
        (devices.Printed(0, ""), devices.Printed(0, ""), "fdisk -l lists no disk, so its pipe through grep fails"),
        (devices.Printed(0, "Disk /dev/sdb: 1\n"), devices.Printed(2, ""), "status 2 (it finds nothing at all)"),
        (devices.Printed(0, "Disk /dev/sdb: 1\n"), devices.Printed(4, "x"), "blkid ends with status 4"),
        (devices.Printed(failure="the program fdisk is missing"), devices.Printed(0, ""), "fdisk is missing"),
        (devices.Printed(0, "Disk /dev/sdb: 1\n"), devices.Printed(failure="the command did not end"), "did not end"),
    ],
)
def test_when_the_rule_fails_nothing_is_taken(fdisk: devices.Printed, blkid: devices.Printed, words: str) -> None:
    rule = devices.framework_rule(fdisk, blkid)
    taken, why = rule.verdict(["/dev/sdb"])
    assert (rule.offers, taken) == ((), False)
    assert words in why and "gives the node up" in why


def test_verdicts_say_why() -> None:
    rule = devices.framework_rule(
        devices.Printed(0, "Disk /dev/sda: 1\nDisk /dev/sdb: 1\n"), devices.Printed(0, '/dev/sdaa1: TYPE="ext4"\n')
    )
    assert rule.verdict(["/dev/sdb"]) == (True, "fdisk lists it and no path in blkid's output contains its name")
    assert rule.verdict(["/dev/sda"]) == (False, "blkid prints /dev/sdaa1, which contains its name")
    assert rule.verdict(["/dev/sdc"]) == (False, "fdisk does not list it as a disk")
    assert rule.verdict(["/dev/mapper/x", "/dev/sdb"])[0]


def lsblk_entry(name: str, **more: Any) -> dict[str, Any]:
    plain = {"kname": name, "path": f"/dev/{name}", "maj:min": "8:0", "type": "disk", "size": 10**12}
    return {"name": name, **plain, "model": None, "serial": None, "rota": True, "ro": False, **more}


def test_lsblk_is_flattened() -> None:
    md = lsblk_entry("md0", type="raid1", **{"maj:min": "9:0"})
    tree = {
        "blockdevices": [
            lsblk_entry("sda", model="QEMU HARDDISK   ", children=[lsblk_entry("sda1", type="part", children=[md])]),
            lsblk_entry("sdb", serial="X1", rota="0", size="1000", children=[md]),
            lsblk_entry("sr0", type="rom", size=None, ro="1"),
        ]
    }
    blocks = {block.path: block for block in devices.parse_lsblk(json.dumps(tree))}
    assert list(blocks) == ["/dev/sda", "/dev/sda1", "/dev/md0", "/dev/sdb", "/dev/sr0"]
    assert blocks["/dev/sda"].model == "QEMU HARDDISK"
    assert blocks["/dev/md0"].parent == "/dev/sda1"
    assert blocks["/dev/sdb"].children == (("/dev/md0", "raid1"),)
    assert (blocks["/dev/sdb"].rotational, blocks["/dev/sdb"].size) == (False, 1000)
    assert (blocks["/dev/sr0"].size, blocks["/dev/sr0"].read_only, blocks["/dev/sr0"].readable) == (0, True, False)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"blockdevices": 1}'])
def test_what_is_no_lsblk(text: str) -> None:
    with pytest.raises(ValueError):
        devices.parse_lsblk(text)


def test_kernel_names_with_a_slash() -> None:
    block = devices.parse_lsblk(json.dumps({"blockdevices": [lsblk_entry("cciss!c0d0", path="/dev/cciss/c0d0")]}))[0]
    assert block.paths == ("/dev/cciss/c0d0",)
    assert block.sysfs == "/sys/class/block/cciss!c0d0"


def test_wipefs_swaps_mounts() -> None:
    printed = {"signatures": [{"device": "sdb", "type": kind} for kind in ("gpt", "PMBR", "gpt")]}
    assert devices.parse_wipefs(json.dumps(printed)) == {"sdb": ["gpt", "PMBR"]}
    assert devices.parse_wipefs('{\n "signatures": [\n\n ]\n}') == {}
    assert devices.parse_wipefs("") == {}
    swaps = (
        "Filename\t\t\t\tType\t\tSize\n/dev/sdb2                               partition\t1\n/swap\\040file file 2\n"
    )
    assert devices.parse_swaps(swaps) == ["/dev/sdb2", "/swap file"]
    mountinfo = (
        "36 35 8:1 / /mnt/a\\040b rw,noatime master:1 - ext3 /dev/sda1 rw\n"
        "37 35 0:22 / /proc rw - proc proc rw\nnonsense\n"
    )
    assert devices.parse_mounts(mountinfo) == [("8:1", "/dev/sda1", "/mnt/a b"), ("0:22", "proc", "/proc")]


@pytest.mark.parametrize(
    ("block", "use", "reasons"),
    [
        ({}, {}, []),
        ({"type": "rom"}, {}, ["is an optical drive"]),
        ({"type": "loop"}, {}, ["is a loop device: its storage is a file of a file system"]),
        ({"kname": "ram0"}, {}, ["is memory: its content ends with the host's power"]),
        ({"size": 0}, {}, ["has no size: there is no medium, or it is not set up"]),
        ({"ro": True}, {}, ["is read-only"]),
        ({}, {"mounts": ("/a", "/b")}, ["is mounted at /a, /b"]),
        ({}, {"swap": True}, ["is in use as swap"]),
        ({}, {"signatures": ("LVM2_member",)}, ["is an LVM physical volume (signature LVM2_member)"]),
        ({}, {"signatures": ("linux_raid_member",)}, ["is a member of an md array (signature linux_raid_member)"]),
        ({}, {"signatures": ("swap",)}, ["carries swap space (signature swap)"]),
        ({}, {"signatures": ("gpt",)}, ["carries a partition table (signature gpt)"]),
        ({}, {"signatures": ("xfs",)}, ["carries data (signature xfs)"]),
        ({}, {"holders": ("dm-0",)}, ["is held by dm-0 in the kernel"]),
        ({}, {"closed": "busy"}, ["cannot be opened exclusively: busy"]),
        ({}, {"unseen": "it hung"}, ["could not be searched for signatures: it hung"]),
        ({"children": [("sdb1", "part")]}, {"holders": ("sdb1",)}, ["carries the partition /dev/sdb1"]),
        ({"children": [("vg-a", "lvm")]}, {}, ["carries the LVM volume /dev/vg-a"]),
        ({"children": [("md0", "raid5")]}, {}, ["is part of the md array /dev/md0"]),
        ({"children": [("m", "mpath")]}, {}, ["is a path of the multipath device /dev/m: name that one"]),
        ({"children": [("x", "dm")]}, {}, ["carries /dev/x"]),
        (
            {"ro": True},
            {"mounts": ("/a",), "signatures": ("ext4",), "closed": "busy"},
            ["is read-only", "is mounted at /a", "carries data (signature ext4)", "cannot be opened exclusively: busy"],
        ),
    ],
)
def test_not_free(block: dict[str, Any], use: dict[str, Any], reasons: list[str]) -> None:
    children = [lsblk_entry(name, type=kind) for name, kind in block.pop("children", [])]
    entry = lsblk_entry("sdb", children=children, **block)
    found = devices.parse_lsblk(json.dumps({"blockdevices": [entry]}))[0]
    assert devices.not_free(found, devices.Use(**use)) == reasons


def test_description() -> None:
    block = devices.parse_lsblk(json.dumps({"blockdevices": [lsblk_entry("sdb", model="M", serial="S")]}))[0]
    rule = devices.framework_rule(devices.Printed(0, "Disk /dev/sdb: 1\n"), devices.Printed(0, "/dev/sda1: x\n"))
    assert devices.describe(block, devices.Use(names=("/dev/disk/by-id/x",)), rule, []) == {
        "path": "/dev/sdb",
        "names": ["/dev/disk/by-id/x"],
        "size_bytes": 10**12,
        "model": "M",
        "serial": "S",
        "rotational": True,
        "type": "disk",
        "parent": None,
        "taken": True,
        "taken_because": "fdisk lists it and no path in blkid's output contains its name",
        "free": True,
        "free_because": ["no mount, swap, LVM, md, partition, signature or holder; opens exclusively"],
        "mounts": [],
        "signatures": [],
        "holders": [],
        "children": [],
    }
