# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab is what its inventory says, and its faults are real: looked at from inside the hosts, over SSH."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from typing import Any

import pytest

from lab.inventory import load
from tests.lab.harness import address, lab, on, registered, until

HOSTS = load()
LOOKED_AT = ("m1", "agent01", "agent03", "agent05", "agent07", "agent16", "agent17")


@pytest.fixture(scope="module", autouse=True)
def fresh() -> None:
    lab("reset")


# -- what a host is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOOKED_AT)
def test_a_host_sees_its_own_disks_and_no_others(reach: Callable[[str], Any], name: str) -> None:
    host = reach(name)
    described = {f"/dev/{disk.name}": disk for disk in HOSTS[name].disks}
    listed = host.run("lsblk --json --bytes --paths --nodeps --output NAME,SIZE,TYPE,SERIAL")
    found = json.loads(listed.stdout)["blockdevices"] if listed.stdout else []
    assert {disk["name"]: int(disk["size"]) for disk in found} == {path: disk.size for path, disk in described.items()}
    assert {disk["type"] for disk in found} <= {"disk"}
    assert len({disk["serial"] for disk in found}) == len(found)
    assert re.findall(r"^Disk (/dev/[^:]*): ", host.run("fdisk -l").stdout, re.MULTILINE) == sorted(described)
    carrying = {path: disk.content for path, disk in described.items() if disk.content != "empty"}
    shown = re.findall(r'^(/dev/[^:]*): .*\bTYPE="(\w+)"', host.run("blkid").stdout, re.MULTILINE)
    assert dict(shown) == carrying
    named = host.run("find /dev/disk/by-id -type l -exec readlink -f {} +").stdout.split()
    assert sorted(named) == sorted(described)


def test_every_host_is_reached_as_an_ordinary_user_with_sudo(reach: Callable[[str], Any]) -> None:
    host = reach("agent02")
    assert host.run("echo $SUDO_USER").stdout.strip() == "ops"
    assert host.user().name == "root" and host.user("ops").uid != 0
    assert host.run("cat /proc/1/comm").stdout.strip() == "systemd"


@pytest.mark.parametrize(("name", "version"), [("agent01", "3.11"), ("agent16", "3.9")])
def test_one_agent_runs_an_older_release(reach: Callable[[str], Any], name: str, version: str) -> None:
    assert reach(name).run("python3 --version").stdout.startswith(f"Python {version}.")


def test_a_host_takes_less_than_60_mb() -> None:
    used = dict(re.findall(r"^(\w+) +running .* (\d+) MB", lab("status"), re.MULTILINE))
    assert sorted(used) == sorted(HOSTS)
    assert max(map(int, used.values())) < 60, used


# -- faults and their reverses ---------------------------------------------------------------------------------------


def reaches(one: str, other: str) -> bool:
    """Whether a host gets a connection to the other's SSH port within a second."""
    attempt = f"import socket; socket.create_connection(('{other}', 22), 1)"
    return "no" not in on(one, "sh", "-c", f'python3 -c "{attempt}" 2>/dev/null || echo no')


def test_a_cut_pair_and_no_other_stops_hearing_of_each_other() -> None:
    lab("cut", "agent01", "m1")
    lab("cut", "controller", "agent02")
    try:
        assert not reaches("agent01", "m1") and not reaches("m1", "agent01")
        assert reaches("agent01", "m2") and reaches("agent02", "m1")
        # Nobody refuses: packets vanish.
        with pytest.raises(TimeoutError):
            socket.create_connection((address("agent02"), 22), 1)
    finally:
        lab("mend", "agent01", "m1")
        lab("mend", "controller", "agent02")
    assert reaches("agent01", "m1") and reaches("m1", "agent01")
    socket.create_connection((address("agent02"), 22), 5).close()


def test_a_killed_agent_is_gone_and_its_unit_waits_to_start_it_again() -> None:
    unit = ("systemctl", "show", "mesos-slave", "--property=ActiveState,Result")
    said = lab("kill", "agent02", "/usr/sbin/mesos-slave")
    assert re.search(r"agent02: .*killed", said), said
    until(lambda: "Result=signal" in on("agent02", *unit) and "ActiveState=activating" in on("agent02", *unit))
    until(lambda: "agent02" not in registered())


def test_disks_come_and_go_and_fill_up() -> None:
    lab("disk-add", "agent04", "/dev/xvdg", "1G")
    assert "/dev/xvdg: 1 GiB" in on("agent04", "fdisk", "-l")
    assert "/dev/xvdg" not in on("agent06", "fdisk", "-l")
    lab("disk-remove", "agent04", "/dev/xvdg")
    assert "/dev/xvdg" not in on("agent04", "fdisk", "-l")
    write = ("sh", "-c", "dd if=/dev/zero of=/var/lib/mesos/more bs=64k count=4 2>&1 || true")
    lab("disk-fill", "agent04", "/var/lib/mesos")
    assert "No space left on device" in on("agent04", *write)
    lab("disk-free", "agent04", "/var/lib/mesos")
    assert "No space" not in on("agent04", *write)


def test_a_reset_undoes_what_was_written_on_disks_and_stopped() -> None:
    content = ("sh", "-c", "blkid; head -c 1M /dev/xvda | sha256sum; ls /etc/mesos-slave")
    before = on("agent05", *content)
    on("agent05", "dd", "if=/dev/urandom", "of=/dev/xvda", "bs=64k", "count=2", "oflag=direct")
    on("agent05", "mkfs.ext4", "-q", "-F", "/dev/xvdg")
    on("agent05", "sh", "-c", "mkdir -p /etc/mesos-slave/attributes; echo r1 > /etc/mesos-slave/attributes/rack")
    lab("crash", "agent06")
    assert on("agent05", *content) != before
    lab("reset")
    assert on("agent05", *content) == before
    assert {"agent05", "agent06"} <= set(registered())


def test_what_plain_has_taken_comes_back_with_the_next_start() -> None:
    lab("plain")
    assert "xvdh" not in on("agent03", "lsblk")
    lab("up")
    assert "ext4" in on("agent03", "blkid", "/dev/xvdh")
    assert "xvdg" in on("agent05", "lsblk")
    assert "nothing to do" in lab("up")
