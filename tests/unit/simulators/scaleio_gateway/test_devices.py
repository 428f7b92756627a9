# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Adding and removing devices: what the SDS refuses, what it leaves on a device, what outlives it."""

from __future__ import annotations

import fcntl
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

GIB = 2**30


class One:
    """A domain, two pools and an SDS."""

    def __init__(self, world: Any) -> None:
        self.gateway, self.sds = world.gateway, world.sds()
        self.form()

    def form(self, **more: Any) -> None:
        self.domain = self.gateway.create("ProtectionDomain", name="engineering")
        self.pool = self.gateway.create("StoragePool", name="qe", protectionDomainId=self.domain)
        self.other = self.gateway.create("StoragePool", name="dev", protectionDomainId=self.domain)
        self.identity = self.gateway.create("Sds", **self.sds.body(self.domain), **more)

    def body(self, path: str, **more: Any) -> dict[str, Any]:
        """The request for a device."""
        return {"deviceCurrentPathname": path, "storagePoolId": self.pool, "sdsId": self.identity, **more}

    def add(self, path: str, **more: Any) -> str:
        return str(self.gateway.create("Device", **self.body(path, **more)))

    def refused(self, path: str, **more: Any) -> tuple[str, int]:
        refusal: tuple[str, int] = self.gateway.refusal("Device", **self.body(path, **more))
        return refusal

    def state(self, device: str) -> str:
        return str(self.gateway.object("Device", device)["deviceState"])


@pytest.fixture
def one(world: Any) -> One:
    return One(world)


def start(path: str, size: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(size)


def blkid(path: str, *options: str) -> int:
    return subprocess.run(["/usr/sbin/blkid", *options, path], capture_output=True, check=False).returncode


def test_taken_devices_are_held_and_marked(one: One) -> None:
    path = one.sds.disk()
    one.add(path)
    header = start(path, 64)
    assert header.startswith(b"SIO_SDS_DEVICE\n") and b"5a1e000000000001" in header
    assert blkid(path, "-p") == blkid(path) == 2
    with open(path, "rb") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_path_once(one: One, tmp_path: Path) -> None:
    """206 also in another pool, and for another path to the same device."""
    path = one.sds.disk()
    one.add(path)
    link = tmp_path / "by-id"
    link.symlink_to(path)
    assert one.refused(path)[1] == one.refused(path, storagePoolId=one.other)[1] == one.refused(str(link))[1] == 206
    assert len(one.gateway.get("types/Device/instances")) == 1


def test_names_of_devices_are_of_one_sds(one: One, world: Any) -> None:
    second = world.sds()
    identity = one.gateway.create("Sds", **second.body(one.domain))
    one.add(one.sds.disk("a"), name="/dev/xvdf")
    assert one.refused(one.sds.disk("b"), name="/dev/xvdf") == ("Device name already in use", 0)
    one.add(second.disk(), name="/dev/xvdf", sdsId=identity)


def test_sds_and_pool_in_one_domain(one: One) -> None:
    domain = one.gateway.create("ProtectionDomain", name="database")
    pool = one.gateway.create("StoragePool", name="qe", protectionDomainId=domain)
    assert "different Protection Domains" in one.refused(one.sds.disk(), storagePoolId=pool)[0]


@pytest.mark.parametrize("path", ["/dev/no-such-device", "/dev", "/dev/null", "same", "relative/path"])
def test_what_is_no_device(one: One, path: str) -> None:
    """`same` is what the framework sends where a pool is named like its domain (recorded: scaleio-scheduler 0.3.1)."""
    assert one.refused(path)[0].startswith("Failed to open the device")


def test_a_path_must_be_given(one: One) -> None:
    """The framework sends an empty one for a trailing comma (recorded: scaleio-scheduler 0.3.1)."""
    assert one.gateway.post("types/Device/instances", one.body(""))[0] == 400
    assert one.gateway.post("types/Device/instances", one.body("/dev/xvdf", sdsId=""))[0] == 400


@pytest.mark.parametrize(
    ("size", "good"), [(100 * GIB, True), (100 * GIB - 1, False), (6 * 2**40, True), (6 * 2**40 + 1, False)]
)
def test_sizes(one: One, size: int, good: bool) -> None:
    """EMC h15148: 100 GB to 6 TB."""
    path = one.sds.disk(size=size)
    if good:
        one.add(path)
    else:
        assert "capacity" in one.refused(path)[0]
        assert Path(path).stat().st_blocks == 0


def partition_table(path: str) -> None:
    """One Linux partition in an MBR."""
    entry = bytes((0, 0, 2, 0, 0x83, 0, 0, 0)) + (2048).to_bytes(4, "little") + (2**20).to_bytes(4, "little")
    with open(path, "r+b") as file:
        file.seek(446)
        file.write(entry + bytes(48) + b"\x55\xaa")


def file_system(path: str) -> None:
    argv = ["/usr/sbin/mkfs.ext4", "-q", "-F", "-N", "16", "-O", "^has_journal", path]
    subprocess.run(argv, check=True, capture_output=True)


def swap(path: str) -> None:
    subprocess.run(["/usr/sbin/mkswap", path], check=True, capture_output=True)


@pytest.mark.parametrize("fill", [partition_table, file_system, swap])
def test_data_is_not_taken_unasked(one: One, fill: Callable[[str], None]) -> None:
    """Without force nothing on it changes; with it the device is overwritten (dellemc.powerflex, device: force)."""
    path = one.sds.disk()
    fill(path)
    before = start(path, 2**20)
    assert "already contains data" in one.refused(path)[0]
    assert start(path, 2**20) == before and blkid(path, "-p") == 0
    one.add(path, forceDeviceTakeover="True")
    assert blkid(path, "-p") == 2


def test_devices_in_use_are_not_taken_even_by_force(one: One) -> None:
    path = one.sds.disk()
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for force in ("False", "True"):
            assert one.refused(path, forceDeviceTakeover=force)[0].startswith("The device is in use")
    one.add(path)


def test_old_devices_need_takeover(one: One) -> None:
    """A device of a ScaleIO that is no more: its header stayed."""
    path = one.sds.disk()
    one.add(path)
    one.sds.stop()
    one.gateway.stop()
    (one.gateway.directory / "state/state.json").unlink()
    one.gateway.start()
    one.sds.start()
    one.form(forceClean=True)
    assert "force device takeover" in one.refused(path)[0]
    one.add(path, forceDeviceTakeover=True)


@pytest.mark.parametrize(
    ("mode", "states"),
    [
        ("testAndActivate", ["InitialTest", "Normal"]),
        ("testOnly", ["InitialTest", "InitialTestDone"]),
        ("noTest", ["Normal"]),
    ],
)
def test_modes_of_the_initial_test(one: One, wait: Any, mode: str, states: list[str]) -> None:
    # Long enough to be seen on a machine with other work.
    one.gateway.stop()
    one.gateway.configuration["seconds"]["device_test"] = 1.5
    one.gateway.start()
    wait(lambda: one.gateway.object("Sds", one.identity)["mdmConnectionState"] == "Connected")
    device = one.add(one.sds.disk(), testMode=mode)
    assert one.state(device) == states[0]
    wait(lambda: one.state(device) == states[-1])
    if mode == "testOnly":
        one.gateway.act("Device", device, "activateDevice")
        assert one.state(device) == "Normal"


def test_an_unknown_mode(one: One) -> None:
    assert one.gateway.post("types/Device/instances", one.body(one.sds.disk(), testMode="maybe"))[0] == 400


def test_removed_devices_are_free(one: One) -> None:
    path = one.sds.disk()
    device = one.add(path)
    one.gateway.act("Device", device, "removeDevice", forceRemove="False")
    assert one.gateway.get("types/Device/instances") == []
    assert start(path, 4096) == bytes(4096)
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    one.add(path)


def test_devices_with_their_sds(one: One) -> None:
    """deviceInfoList: all or nothing."""
    one.gateway.act("Sds", one.identity, "removeSds")
    paths = [one.sds.disk("a"), one.sds.disk("b")]
    infos = [{"devicePath": path, "storagePoolId": one.pool} for path in paths]
    wrong = [*infos, {"devicePath": "/dev/absent", "storagePoolId": one.pool}]
    one.gateway.refusal("Sds", **one.sds.body(one.domain), deviceInfoList=wrong)
    assert one.gateway.get("types/Sds/instances") == one.gateway.get("types/Device/instances") == []
    one.gateway.create("Sds", **one.sds.body(one.domain), deviceInfoList=infos)
    assert [device["deviceCurrentPathName"] for device in one.gateway.get("types/Device/instances")] == paths


def test_devices_come_back_after_a_restart(one: One, wait: Any) -> None:
    path = one.sds.disk()
    device = one.add(path)
    wait(lambda: one.state(device) == "Normal")
    one.sds.stop()
    wait(lambda: one.gateway.object("Sds", one.identity)["mdmConnectionState"] == "Disconnected")
    assert one.gateway.object("Sds", one.identity)["membershipState"] == "Decoupled"
    one.gateway.stop()
    one.sds.start()  # by itself, with nobody to tell it
    with open(path, "rb") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    one.gateway.start()
    wait(lambda: one.gateway.object("Sds", one.identity)["mdmConnectionState"] == "Connected")
    assert one.gateway.object("Sds", one.identity)["membershipState"] == "Joined"
    assert one.gateway.object("Device", device)["errorState"] == "None"


def test_an_sds_installed_anew_takes_its_devices_again(one: One, wait: Any) -> None:
    """The gateway tells it which are its own; the headers say that they are."""
    path = one.sds.disk()
    device = one.add(path)
    one.sds.stop()
    wait(lambda: one.gateway.object("Sds", one.identity)["mdmConnectionState"] == "Disconnected")
    (one.sds.directory / "root/cfg/devices.json").unlink()
    one.sds.start()
    wait(lambda: one.gateway.object("Sds", one.identity)["mdmConnectionState"] == "Connected")
    assert one.gateway.object("Device", device)["errorState"] == "None"
    with open(path, "rb") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_wiped_devices_are_seen(one: One, wait: Any) -> None:
    path = one.sds.disk()
    device = one.add(path)
    with open(path, "r+b") as file:
        file.write(bytes(4096))
    wait(lambda: one.gateway.object("Device", device)["errorState"] == "Error")
    one.gateway.act("Device", device, "clearDeviceError")
    assert one.gateway.object("Device", device)["errorState"] == "Error"
    # The way out: removed and added again.
    one.gateway.act("Device", device, "removeDevice")
    one.add(path)


def test_a_device_that_was_taken_by_another_meanwhile(one: One, wait: Any) -> None:
    path = one.sds.disk()
    device = one.add(path)
    one.sds.stop()
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        one.sds.start()
        wait(lambda: one.gateway.object("Device", device)["errorState"] == "Error")
    one.gateway.act("Device", device, "clearDeviceError")
    assert one.gateway.object("Device", device)["errorState"] == "None"


def test_an_sds_that_is_down_takes_nothing(one: One) -> None:
    path = one.sds.disk()
    one.sds.stop()
    assert one.refused(path)[1] == 69
    assert one.gateway.get("types/Device/instances") == []


def test_most_devices(one: One) -> None:
    """EMC h15148: 64 devices and 64 TB to an SDS."""
    for number in range(64):
        one.add(one.sds.disk(f"disk{number}", 100 * GIB), testMode="noTest")
    assert "as many devices" in one.refused(one.sds.disk("another", 100 * GIB))[0]


def test_most_capacity(one: One) -> None:
    for number in range(10):
        one.add(one.sds.disk(f"disk{number}", 6 * 2**40), testMode="noTest")
    assert "as much capacity" in one.refused(one.sds.disk("another", 6 * 2**40))[0]
    one.add(one.sds.disk("another", 4 * 2**40))  # which was let go without a trace


def test_a_gateway_killed_in_a_creation_leaves_nothing(one: One, wait: Any) -> None:
    """Its SDS takes the device, but nobody is left to write that down."""
    path, second = one.sds.disk(), one.sds.disk("second")
    one.add(second)
    one.sds.process.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(one.refused, path)
        state = one.gateway.directory / "state/state.json"
        wait(lambda: "_making" in state.read_text())
        one.gateway.stop()
        assert isinstance(asked.exception(), OSError)
    one.sds.process.send_signal(signal.SIGCONT)
    wait(lambda: start(path, 14) == b"SIO_SDS_DEVICE")
    one.gateway.start()
    wait(lambda: start(path, 14) == bytes(14))
    assert start(second, 14) == b"SIO_SDS_DEVICE"
    assert len(one.gateway.get("types/Device/instances")) == 1
    one.add(path)


def test_a_gateway_killed_while_it_adds_an_sds(one: One, world: Any, wait: Any) -> None:
    sds = world.sds()
    sds.process.send_signal(signal.SIGSTOP)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(one.gateway.create, "Sds", **sds.body(one.domain))
        state = one.gateway.directory / "state/state.json"
        wait(lambda: "_making" in state.read_text())
        one.gateway.stop()
        assert isinstance(asked.exception(), OSError)
    sds.process.send_signal(signal.SIGCONT)
    owned = sds.directory / "root/cfg/devices.json"
    wait(owned.exists)
    one.gateway.start()
    assert len(one.gateway.get("types/Sds/instances")) == 1
    one.gateway.create("Sds", **sds.body(one.domain))


def test_nothing_is_added_to_an_sds_that_leaves(world: Any) -> None:
    made = world.pool(4)
    world.gateway.create("Volume", storagePoolId=made["pool"], volumeSizeInGb=8)
    world.gateway.act("Sds", made["sds"][0], "removeSds")
    path = world.sdss[0].disk("second")
    body = {"deviceCurrentPathname": path, "storagePoolId": made["pool"], "sdsId": made["sds"][0]}
    assert world.gateway.refusal("Device", **body)[1] == 103
