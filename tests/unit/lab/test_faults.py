# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Breaking the lab: the sentences for what cannot be done, and the one reading of /proc."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lab import disks, faults, hosts, inventory
from lab.disks import Node
from lab.lifecycle import Lab
from lab.machine import LabError
from lab.state import State


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab in which m1 and agent01 run, and agent01 has a disk /dev/xvdf."""
    state = State(tmp_path)
    state.network.write_text("10.0.0")
    monkeypatch.setattr(hosts, "pid", lambda _, name: {"m1": 1001, "agent01": 1002}.get(name))
    monkeypatch.setattr(hosts, "intact", lambda _: {"m1": None, "agent01": None, "agent02": None})
    monkeypatch.setattr(disks, "look", lambda _, name: [Node("xvdf", (7, 1), 8, {})])
    return Lab(inventory.load(), state)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (lambda lab: faults.stop(lab, "agent99"), "the lab has no host agent99"),
        (lambda lab: faults.stop(lab, "agent02"), "agent02 is not running: start it with `lab start agent02`"),
        (lambda lab: faults.crash(lab, "agent02"), "agent02 is not running"),
        (lambda lab: faults.start(lab, "agent01"), "agent01 runs already."),
        (lambda lab: faults.start(lab, "agent03"), "agent03 was never made: make it with `lab up agent03`."),
        (lambda lab: faults.cut(lab, "m1", "m1"), "a host cannot be cut from itself"),
        (lambda lab: faults.cut(lab, "m1", "nobody"), "the lab has no host nobody"),
        (lambda lab: faults.mend(lab, "m1", "controller"), "m1 and controller are not cut"),
        (
            lambda lab: faults.disk_add(lab, "agent01", "/dev/xvdf", "1G", "empty"),
            "agent01 has a disk /dev/xvdf already",
        ),
        (lambda lab: faults.disk_add(lab, "agent01", "/dev/sda", "1G", "empty"), "'/dev/sda' is no name for a disk"),
        (lambda lab: faults.disk_add(lab, "agent01", "/dev/xvdg", "1", "empty"), "'1' is no size"),
        (
            lambda lab: faults.disk_remove(lab, "agent01", "/dev/xvdg"),
            "agent01 has no disk /dev/xvdg: its disks are xvdf.",
        ),
    ],
)
def test_what_cannot_be_done_gets_a_sentence(lab: Lab, fault: Callable[[Lab], str], sentence: str) -> None:
    with pytest.raises(LabError) as caught:
        fault(lab)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("killed", ["mesos-slave killed (pid 71)\n", ""])
def test_killing_says_whom_and_objects_when_there_is_nobody(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    def inside(_: State, name: str, *argv: str, good: Sequence[int]) -> str:
        assert (name, argv) == ("agent01", ("pkill", "--echo", "--signal", "KILL", "--full", "--", "mesos-s.*e"))
        assert good == (0, 1)
        return killed

    monkeypatch.setattr(hosts, "inside", inside)
    if killed:
        assert faults.kill(lab, "agent01", "mesos-s.*e") == "agent01: mesos-slave killed (pid 71)"
    else:
        with pytest.raises(LabError, match=r"no process of agent01 has 'mesos-s\.\*e' in its command line"):
            faults.kill(lab, "agent01", "mesos-s.*e")


def test_ext4_on_the_hosts_own_disks_only() -> None:
    assert faults.ext4_mounts(
        "24 23 0:50 / / rw - overlay overlay rw\n"
        "30 24 254:0 /x /etc/hosts rw - ext4 /dev/vda rw\n"
        "40 24 7:1 / /mnt/a\\040b rw,relatime shared:1 - ext4 /dev/xvdf rw\n"
        "41 24 7:2 / /mnt/x rw - xfs /dev/xvdg rw\n"
        "42 24 0:60 / /run rw - tmpfs tmpfs rw\n"
    ) == ["mnt/a b"]
