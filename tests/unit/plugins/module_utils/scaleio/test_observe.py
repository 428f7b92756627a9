# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import ANONYMOUS
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import observe
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import FakeMachine
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos.test_observe import an_agent

LSBLK = [
    "lsblk",
    "--json",
    "--bytes",
    "--exclude",
    "2",
    "--output",
    "NAME,KNAME,PATH,MAJ:MIN,TYPE,SIZE,MODEL,SERIAL,ROTA,RO",
]
WIPEFS = ["wipefs", "--no-act", "--json"]
FDISK = "Disk /dev/xvda: 8 GiB\n/dev/xvda1 * 1 2\nDisk /dev/xvdf: 2 TiB\nDisk /dev/xvdg: 2 TiB\n"
BLKID = '/dev/xvda1: UUID="a" TYPE="ext4"\n/dev/xvdg: UUID="b" TYPE="xfs"\n'


def disk(name: str, numbers: str, kind: str = "disk", **more: Any) -> dict[str, Any]:
    plain = {"kname": name, "path": f"/dev/{name}", "maj:min": numbers, "type": kind, "size": 2 * 2**40}
    return {"name": name, **plain, "model": "VIRTUAL", "serial": "1", "rota": True, "ro": False, **more}


def signatures(**found: str) -> str:
    return json.dumps({"signatures": [{"device": device, "type": kind} for device, kind in found.items()]})


TREE = [
    disk("xvda", "202:0", children=[disk("xvda1", "202:1", "part")]),
    disk("xvdf", "202:80"),
    disk("xvdg", "202:96"),
    disk("sr0", "11:0", "rom", size=0),
]
ALL = ["/dev/xvda", "/dev/xvda1", "/dev/xvdf", "/dev/xvdg"]


def disks(machine: FakeMachine) -> FakeMachine:
    """A host whose root is on xvda1; xvdf is empty, xvdg carries an unmounted file system."""
    for path in ALL:
        machine.special(path, "block", busy="busy" if path.startswith("/dev/xvda") else "")
    machine.file("/proc/self/mountinfo", "22 1 202:1 / / rw - ext4 /dev/root rw\n")
    machine.file("/proc/swaps", "Filename Type Size Used Priority\n")
    machine.directory("/sys/class/block/xvdf/holders")
    machine.symlink("/dev/disk/by-id/virtual-1", "../../xvdf")
    machine.symlink("/dev/disk/by-id/virtual-1-part1", "../../xvda1")
    return machine


def programs(machine: FakeMachine) -> FakeMachine:
    machine.program(["fdisk", "-l"], FDISK)
    machine.program(["blkid"], BLKID)
    machine.program(LSBLK, json.dumps({"blockdevices": TREE}))
    return machine


def by_path(found: dict[str, Any]) -> dict[str, Any]:
    return {device["path"]: device for device in found["devices"]}


def test_a_host() -> None:
    machine = programs(disks(FakeMachine()))
    machine.program([*WIPEFS, *ALL], signatures(xvda="gpt", xvda1="ext4", xvdg="xfs"))
    found = observe.observe_devices(machine)
    assert found["devices_error"] is None
    assert found["framework"] == {"offers": ["/dev/xvdf"], "error": None}
    devices = by_path(found)
    assert {path: (device["taken"], device["free"]) for path, device in devices.items()} == {
        "/dev/xvda": (False, False),
        "/dev/xvda1": (False, False),
        "/dev/xvdf": (True, True),
        "/dev/xvdg": (False, False),
        "/dev/sr0": (False, False),
    }
    assert devices["/dev/xvda"]["free_because"] == [
        "carries the partition /dev/xvda1",
        "carries a partition table (signature gpt)",
        "cannot be opened exclusively: busy",
    ]
    assert devices["/dev/xvda"]["mounts"] == devices["/dev/xvda1"]["mounts"] == ["/"]
    assert devices["/dev/xvda1"]["parent"] == "/dev/xvda"
    assert devices["/dev/xvda1"]["names"] == ["/dev/disk/by-id/virtual-1-part1"]
    assert devices["/dev/xvdf"]["names"] == ["/dev/disk/by-id/virtual-1"]
    assert devices["/dev/xvdg"]["free_because"] == ["carries data (signature xfs)"]
    assert machine.effects == []
    # blkid must not refresh its cache, nothing else gets an environment.
    assert [env for argv, _, env in machine.inputs if argv == ("blkid",)] == [{"BLKID_FILE": "/dev/null"}]
    assert len(machine.calls) == 4


def test_swap_and_holders() -> None:
    machine = programs(disks(FakeMachine()))
    machine.program([*WIPEFS, *ALL], signatures())
    machine.file("/proc/swaps", "Filename Type\n/dev/disk/by-id/virtual-1 partition\n")
    machine.directory("/sys/class/block/xvdg/holders/dm-3")
    devices = by_path(observe.observe_devices(machine))
    assert devices["/dev/xvdf"]["free_because"] == ["is in use as swap"]
    assert devices["/dev/xvdg"]["free_because"] == ["is held by dm-3 in the kernel"]
    assert devices["/dev/xvdg"]["holders"] == ["dm-3"]


def test_a_device_that_hangs_is_not_free_and_the_others_are_looked_at() -> None:
    machine = programs(disks(FakeMachine()))
    machine.program([*WIPEFS, *ALL], hangs=True)
    for path in ("/dev/xvda", "/dev/xvda1", "/dev/xvdf"):
        machine.program([*WIPEFS, path], signatures())
    machine.program([*WIPEFS, "/dev/xvdg"], hangs=True)
    devices = by_path(observe.observe_devices(machine))
    assert devices["/dev/xvdf"]["free"]
    assert devices["/dev/xvdg"]["free_because"] == [
        "could not be searched for signatures: the command did not end in 2 s and was killed"
    ]
    assert machine.clock < 30


def test_everything_hangs_and_it_still_ends() -> None:
    machine = disks(FakeMachine())
    machine.program(["fdisk", "-l"], hangs=True)
    machine.program(["blkid"], hangs=True)
    machine.program(LSBLK, json.dumps({"blockdevices": TREE}))
    machine.program([*WIPEFS, *ALL], hangs=True)
    for path in ALL:
        machine.program([*WIPEFS, path], hangs=True)
    found = observe.observe_devices(machine)
    assert machine.clock <= 31
    assert "did not end" in found["framework"]["error"]
    assert not any(device["free"] or device["taken"] for device in found["devices"])


def test_wipefs_fails_for_one() -> None:
    machine = programs(disks(FakeMachine()))
    machine.program([*WIPEFS, *ALL], status=1, stderr="wipefs: error: /dev/xvdg: probing initialization failed")
    for path in ("/dev/xvda", "/dev/xvda1", "/dev/xvdf"):
        machine.program([*WIPEFS, path], signatures())
    machine.program([*WIPEFS, "/dev/xvdg"], status=1, stderr="wipefs: error: /dev/xvdg: Input/output error")
    devices = by_path(observe.observe_devices(machine))
    assert devices["/dev/xvdf"]["free"]
    assert "Input/output error" in devices["/dev/xvdg"]["free_because"][0]


def test_missing_programs() -> None:
    machine = disks(FakeMachine())
    machine.absent("lsblk", "fdisk")
    machine.program(["blkid"], BLKID)
    found = observe.observe_devices(machine)
    assert found["devices"] == []
    assert "the program lsblk is missing" in found["devices_error"]
    assert "the program fdisk is missing" in found["framework"]["error"]


def test_blkid_finds_nothing() -> None:
    machine = disks(FakeMachine())
    machine.program(["fdisk", "-l"], FDISK)
    machine.program(["blkid"], status=2)
    machine.program(LSBLK, json.dumps({"blockdevices": [disk("xvdf", "202:80")]}))
    machine.program([*WIPEFS, "/dev/xvdf"], signatures())
    device = observe.observe_devices(machine)["devices"][0]
    assert (device["taken"], device["free"]) == (False, True)
    assert "blkid ends with status 2" in device["taken_because"]


def test_an_lsblk_that_is_too_old() -> None:
    machine = disks(FakeMachine())
    machine.program(["fdisk", "-l"], FDISK)
    machine.program(["blkid"], BLKID)
    machine.program(LSBLK, '{"blockdevices": [{"name": "xvdf"}]}')
    assert "util-linux 2.33" in observe.observe_devices(machine)["devices_error"]


def test_a_whole_node() -> None:
    machine = programs(disks(an_agent()))
    machine.program([*WIPEFS, *ALL], signatures())
    machine.http("http://m1:5050/slaves", json={"slaves": [], "recovered_slaves": []})
    record = {"cluster": "scaleio", "member": "agent01", "ordinal": 0}
    machine.file("/var/lib/holdfast/scaleio/scaleio.json", json.dumps(record))
    machine.lock("/var/lib/holdfast/scaleio/scaleio.lock")
    machine.after(2.0, lambda: machine.lock("/var/lib/holdfast/scaleio/scaleio.lock", held=False))

    def whole() -> dict[str, Any]:
        return observe.observe_host(
            machine,
            cluster="scaleio",
            member="agent01",
            masters=["http://m1:5050"],
            credentials=ANONYMOUS,
            wanted={"state": "present"},
            services=None,
            heal={"create": False},
        )

    found = whole()
    assert 2.0 <= machine.clock < 2.5
    assert list(found) == [
        "schema", "cluster", "member", "agent", "master", "devices", "devices_error", "framework", "identity", "previous",
        "wanted", "claim", "heal",
    ]  # fmt: skip
    assert (found["schema"], found["identity"], found["claim"], found["previous"]) == (2, record, None, None)
    assert (found["wanted"], found["heal"]) == ({"state": "present"}, {"create": False})
    assert json.loads(json.dumps(found)) == found
    assert machine.effects == []
    # What only a rollback needs does not end the look; another door's work is waited for as well.
    machine.file("/var/lib/holdfast/scaleio/scaleio.previous.json", "{")
    machine.lock("/var/lib/holdfast/mesos/agent.lock")
    machine.after(1.0, lambda: machine.lock("/var/lib/holdfast/mesos/agent.lock", held=False))
    found = whole()
    assert 3.0 <= machine.clock < 3.5
    assert found["previous"]["error"].startswith(
        "a file that this collection keeps is damaged (/var/lib/holdfast/scaleio/scaleio.previous.json)"
    )
