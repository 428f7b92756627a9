# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host is shown of its disks."""

from __future__ import annotations

from pathlib import Path

from lab import disks
from lab.disks import Node

PART = Node("xvdg1", (259, 4), 2048, {"size": "2048\n", "start": "2048\n", "partition": "1\n"})
DISKS = [
    Node("xvdf", (7, 12), 1 << 32, {"size": "4294967296\n", "device/model": "M\n"}),
    Node("xvdg", (7, 3), 4096, {"size": "4096\n"}, (PART,)),
]


def test_proc_partitions() -> None:
    assert disks.partitions_table(DISKS) == (
        "major minor  #blocks  name\n\n"
        "   7       12 2147483648 xvdf\n"
        "   7        3       2048 xvdg\n"
        " 259        4       1024 xvdg1\n"
    )


def test_device_nodes_and_links() -> None:
    assert disks.device_list("agent05", DISKS) == (
        "xvdf 7 12 scsi-HOLDFAST_HOLDFAST-DISK_HFAGENT05XVDF\n"
        "xvdg 7 3 scsi-HOLDFAST_HOLDFAST-DISK_HFAGENT05XVDG\n"
        "xvdg1 259 4 scsi-HOLDFAST_HOLDFAST-DISK_HFAGENT05XVDG-part1\n"
    )


def test_sys_leads_from_every_name_and_number_to_one_directory(tmp_path: Path) -> None:
    disks.write_tree(tmp_path, disks.sys_tree(DISKS))
    place = tmp_path / "devices/virtual/block"
    assert sorted(path.name for path in (tmp_path / "block").iterdir()) == ["xvdf", "xvdg"]
    assert (tmp_path / "block/xvdf").resolve() == (tmp_path / "dev/block/7:12").resolve() == place / "xvdf"
    assert (
        (tmp_path / "class/block/xvdg1").resolve() == (tmp_path / "dev/block/259:4").resolve() == place / "xvdg/xvdg1"
    )
    assert (place / "xvdg/xvdg1/subsystem").resolve() == tmp_path / "class/block"
    assert (place / "xvdf/dev").read_text() == "7:12\n"
    assert (place / "xvdf/device/model").read_text() == "M\n"
    assert (place / "xvdg/xvdg1/uevent").read_text() == "MAJOR=259\nMINOR=4\nDEVNAME=xvdg1\nDEVTYPE=partition\n"
    assert list((place / "xvdf/holders").iterdir()) == list((place / "xvdf/slaves").iterdir()) == []


def test_no_disks_leave_the_mounted_directories_empty(tmp_path: Path) -> None:
    disks.write_tree(tmp_path, disks.sys_tree(DISKS))
    mounted = {name: (tmp_path / name).stat().st_ino for name in disks.SYSFS}
    disks.write_tree(tmp_path, disks.sys_tree([]))
    assert {name: (tmp_path / name).stat().st_ino for name in disks.SYSFS} == mounted
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == []
    assert all(not list((tmp_path / name).iterdir()) for name in disks.SYSFS)


def test_a_tree_that_is_right_is_left_alone(tmp_path: Path) -> None:
    disks.write_tree(tmp_path, disks.sys_tree(DISKS))
    before = {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")}
    disks.write_tree(tmp_path, disks.sys_tree(DISKS))
    assert {path: path.lstat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_disk_that_got_another_number_is_shown_with_it(tmp_path: Path) -> None:
    disks.write_tree(tmp_path, disks.sys_tree(DISKS))
    disks.write_tree(tmp_path, disks.sys_tree([Node("xvdf", (7, 5), 8, {"size": "8\n"})]))
    assert [path.name for path in (tmp_path / "dev/block").iterdir()] == ["7:5"]
    assert (tmp_path / "block/xvdf/dev").read_text() == "7:5\n"
    assert not (tmp_path / "block/xvdf/device").exists()
