# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes, and what happens to their data when devices and SDSs go and come."""

from __future__ import annotations

import signal
import time
from typing import Any

import pytest

GIB_KB = 2**20
MOVES = ("fwdRebuild", "bckRebuild", "rebalance")


def thick(gateway: Any, pool: str, size: int = 80) -> str:
    return str(
        gateway.create("Volume", name="v1", storagePoolId=pool, volumeSizeInGb=str(size), volumeType="ThickProvisioned")
    )


def moving(figures: Any) -> set[str]:
    for move in MOVES:
        title = move[0].upper() + move[1:]
        total = figures[f"active{title}CapacityInKb"] + figures[f"pending{title}CapacityInKb"]
        assert total == figures[f"{move}CapacityInKb"]
        assert bool(total) == bool(figures[f"{move}ReadBwc"]["totalWeightInKb"])
    return {move for move in MOVES if figures[f"{move}CapacityInKb"]}


def disconnected(gateway: Any, sds: str) -> bool:
    return bool(gateway.object("Sds", sds)["mdmConnectionState"] == "Disconnected")


def test_figures_of_a_quiet_pool(world: Any) -> None:
    gateway, made = world.gateway, world.pool(3)
    empty = gateway.figures("StoragePool", made["pool"])
    assert (empty["capacityInUseInKb"], empty["maxCapacityInKb"]) == (0, 600 * GIB_KB)
    assert empty["unusedCapacityInKb"] == 600 * GIB_KB
    thick(gateway, made["pool"])
    for kind, identity in (
        ("System", "5a1e000000000001"),
        ("ProtectionDomain", made["domain"]),
        ("StoragePool", made["pool"]),
    ):
        figures = gateway.figures(kind, identity)
        assert figures["capacityInUseInKb"] == figures["thickCapacityInUseInKb"] == 160 * GIB_KB
        assert figures["protectedCapacityInKb"] == 160 * GIB_KB
        assert figures["spareCapacityInKb"] == 60 * GIB_KB
        # 540 GB without spare, half of it for second copies, 80 GB gone, whole steps of 8 GB.
        assert figures["capacityAvailableForVolumeAllocationInKb"] == 184 * GIB_KB
        assert (
            figures["degradedHealthyCapacityInKb"]
            == figures["degradedFailedCapacityInKb"]
            == figures["failedCapacityInKb"]
            == 0
        )
        assert not moving(figures)
        assert (figures["numOfDevices"], figures["numOfVolumes"]) == (3, 1)
    assert gateway.figures("System", "5a1e000000000001")["numOfSds"] == 3
    third = gateway.figures("Sds", made["sds"][0])
    assert abs(third["capacityInUseInKb"] - 160 * GIB_KB // 3) <= 1 and third["numOfDevices"] == 1


def test_chosen_figures(world: Any) -> None:
    """siolib: of the System without IDs, of others by ID."""
    gateway, made = world.gateway, world.pool(1)
    query = "types/{}/instances/action/querySelectedStatistics"
    names = ["capacityInUseInKb", "capacityLimitInKb"]
    whole = {"capacityInUseInKb": 0, "capacityLimitInKb": 200 * GIB_KB}
    assert gateway.post(query.format("System"), {"ids": [], "properties": names}) == (200, whole)
    for chosen in ({"ids": [made["pool"]]}, {"allIds": ""}):
        assert gateway.post(query.format("StoragePool"), {**chosen, "properties": names}) == (
            200,
            {made["pool"]: whole},
        )
    assert gateway.post(query.format("System"), {"properties": ["capacityOfMind"]})[0] == 400


def test_volumes_need_three_fault_units(world: Any) -> None:
    gateway, made = world.gateway, world.pool(2)
    body = {"name": "v1", "storagePoolId": made["pool"], "volumeSizeInGb": "8"}
    assert "3 fault units" in gateway.refusal("Volume", **body)[0]
    sds = world.sds()
    own = gateway.create("Sds", **sds.body(made["domain"]))
    gateway.create("Device", deviceCurrentPathname=sds.disk(), storagePoolId=made["pool"], sdsId=own, testMode="noTest")
    gateway.create("Volume", **body)
    assert gateway.refusal("Volume", **body)[1] == 99


@pytest.mark.parametrize(("asked", "made"), [(1, 8), (8, 8), (9, 16), (16, 16)])
def test_volumes_have_steps_of_8_gb(world: Any, asked: int, made: int) -> None:
    """rexray issue 545: "Rounding up the volume size to 16 GB"."""
    gateway, pool = world.gateway, world.pool(3)["pool"]
    volume = gateway.create(
        "Volume", storagePoolId=pool, volumeSizeInKb=str(asked * GIB_KB), volumeType="ThinProvisioned"
    )
    assert gateway.object("Volume", volume)["sizeInKb"] == made * GIB_KB
    gateway.act("Volume", volume, "setVolumeSize", sizeInGB="24")
    assert gateway.refused_act("Volume", volume, "setVolumeSize", sizeInGB="16")[1] == 133


def test_volumes_need_room(world: Any) -> None:
    gateway, pool = world.gateway, world.pool(3)["pool"]
    body = {"name": "big", "storagePoolId": pool, "volumeSizeInGb": "272"}
    assert "capacity" in gateway.refusal("Volume", **body, volumeType="ThickProvisioned")[0]
    gateway.create("Volume", **body, volumeType="ThinProvisioned")


def test_mappings(world: Any) -> None:
    gateway, pool = world.gateway, world.pool(3)["pool"]
    volume = thick(gateway, pool)
    first, second = (sdc["id"] for sdc in gateway.get("types/Sdc/instances"))
    assert gateway.refused_act("Volume", volume, "removeMappedSdc", sdcId=first)[1] == 84
    gateway.act("Volume", volume, "addMappedSdc", sdcId=first, allowMultipleMappings="false")
    assert gateway.refused_act("Volume", volume, "addMappedSdc", sdcId=first)[1] == 81
    assert gateway.refused_act("Volume", volume, "addMappedSdc", sdcId=second, allowMultipleMappings="False")[1] == 306
    gateway.act("Volume", volume, "addMappedSdc", sdcId=second, allowMultipleMappings="TRUE")
    assert [item["id"] for item in gateway.get(f"instances/Sdc::{second}/relationships/Volume")] == [volume]
    assert gateway.refused_act("Volume", volume, "removeVolume", removeMode="ONLY_ME")[1] == 104
    gateway.act("Volume", volume, "removeMappedSdc", allSdcs="")
    gateway.act("Volume", volume, "removeVolume", removeMode="ONLY_ME")


def test_a_dead_sds_degrades_what_it_held(world: Any, wait: Any) -> None:
    """With three fault units, two of three pieces of data have a copy on each."""
    gateway, made = world.gateway, world.pool(3)
    thick(gateway, made["pool"], 96)
    wait(lambda: not moving(gateway.figures("StoragePool", made["pool"])))
    world.sdss[0].stop()
    wait(lambda: disconnected(gateway, made["sds"][0]))
    figures = gateway.figures("StoragePool", made["pool"])
    assert moving(figures) == {"fwdRebuild"}
    for name in ("degradedHealthyCapacityInKb", "degradedFailedCapacityInKb"):
        assert 60 * GIB_KB < figures[name] <= 64 * GIB_KB
    assert figures["failedCapacityInKb"] == 0
    assert figures["unreachableUnusedCapacityInKb"] == 136 * GIB_KB
    # It comes back: what is missing is copied to it, for a while.
    world.sdss[0].start()
    wait(lambda: not disconnected(gateway, made["sds"][0]))
    back = gateway.figures("System", "5a1e000000000001")
    assert "bckRebuild" in moving(back) and back["degradedHealthyCapacityInKb"] > 0
    begun = time.monotonic()
    wait(lambda: not moving(gateway.figures("StoragePool", made["pool"])))
    assert time.monotonic() - begun > 0.5
    assert gateway.figures("StoragePool", made["pool"])["degradedHealthyCapacityInKb"] == 0


def test_forward_rebuild_ends_without_the_sds(world: Any, wait: Any) -> None:
    gateway = world.gateway
    gateway.stop()
    gateway.configuration["seconds"]["forward_rebuild"] = 1
    gateway.start()
    made = world.pool(4)
    thick(gateway, made["pool"])
    wait(lambda: not moving(gateway.figures("StoragePool", made["pool"])))
    world.sdss[0].stop()
    wait(lambda: disconnected(gateway, made["sds"][0]))
    wait(lambda: gateway.figures("StoragePool", made["pool"])["degradedHealthyCapacityInKb"] == 0)
    world.sdss[0].start()
    wait(lambda: not disconnected(gateway, made["sds"][0]))
    assert moving(gateway.figures("StoragePool", made["pool"])) == {"rebalance"}
    wait(lambda: not moving(gateway.figures("StoragePool", made["pool"])))


def test_two_dead_ones_fail_data(world: Any, wait: Any) -> None:
    gateway, made = world.gateway, world.pool(3)
    thick(gateway, made["pool"], 96)
    for number in (0, 1):
        world.sdss[number].stop()
        wait(lambda number=number: disconnected(gateway, made["sds"][number]))
    figures = gateway.figures("StoragePool", made["pool"])
    # One of three pairs has lost both copies; with one unit left nothing can be rebuilt.
    assert figures["failedCapacityInKb"] == 64 * GIB_KB
    assert not moving(figures)


def test_without_data_nothing_is_degraded(world: Any, wait: Any) -> None:
    gateway, made = world.gateway, world.pool(3)
    world.sdss[0].stop()
    wait(lambda: disconnected(gateway, made["sds"][0]))
    figures = gateway.figures("System", "5a1e000000000001")
    assert figures["degradedHealthyCapacityInKb"] == 0 and not moving(figures)
    # siolib counts this as degraded too.
    assert figures["unreachableUnusedCapacityInKb"] == 200 * GIB_KB


def test_an_sds_that_does_not_answer_is_lost(world: Any, wait: Any) -> None:
    """A host whose network is cut closes no connection."""
    gateway, made = world.gateway, world.pool(1)
    world.sdss[0].process.send_signal(signal.SIGSTOP)
    try:
        wait(lambda: disconnected(gateway, made["sds"][0]))
    finally:
        world.sdss[0].process.send_signal(signal.SIGCONT)
    wait(lambda: not disconnected(gateway, made["sds"][0]))


def test_devices_leave_after_their_data(world: Any, wait: Any) -> None:
    gateway, made = world.gateway, world.pool(4)
    thick(gateway, made["pool"])
    device = made["device"][0]
    gateway.act("Device", device, "removeDevice", forceRemove=False)
    assert gateway.object("Device", device)["deviceState"] == "RemovePending"
    assert "rebalance" in moving(gateway.figures("StoragePool", made["pool"]))
    assert gateway.refused_act("Device", device, "removeDevice")[1] == 135
    wait(lambda: len(gateway.get("types/Device/instances")) == 3)
    # Three fault units are left, no more may go.
    assert "3 fault units" in gateway.refused_act("Device", made["device"][1], "removeDevice")[0]
    assert "3 fault units" in gateway.refused_act("Sds", made["sds"][1], "removeSds")[0]
    gateway.act("Sds", made["sds"][0], "removeSds")
    assert len(gateway.get("types/Sds/instances")) == 3


def test_devices_leave_only_where_their_data_has_room(world: Any) -> None:
    gateway, made = world.gateway, world.pool(4)
    thick(gateway, made["pool"], 304)
    assert "capacity" in gateway.refused_act("Device", made["device"][0], "removeDevice")[0]


def test_removals_can_be_called_off(world: Any, wait: Any) -> None:
    gateway, made = world.gateway, world.pool(4)
    thick(gateway, made["pool"])
    gateway.act("Sds", made["sds"][0], "removeSds")
    assert gateway.object("Sds", made["sds"][0])["sdsState"] == "RemovePending"
    assert gateway.refused_act("Sds", made["sds"][0], "removeSds")[1] == 103
    gateway.act("Sds", made["sds"][0], "abortRemoveSds")
    assert gateway.object("Device", made["device"][0])["deviceState"] == "Normal"
    gateway.act("Sds", made["sds"][0], "removeSds")
    wait(lambda: len(gateway.get("types/Sds/instances")) == 3)
    assert len(gateway.get("types/Device/instances")) == 3


def test_dead_devices_leave_by_force_or_after_rebuild(world: Any, wait: Any) -> None:
    gateway, made = world.gateway, world.pool(4)
    thick(gateway, made["pool"])
    world.sdss[0].stop()
    wait(lambda: disconnected(gateway, made["sds"][0]))
    assert "not rebuilt" in gateway.refused_act("Device", made["device"][0], "removeDevice")[0]
    gateway.act("Sds", made["sds"][0], "removeSds", force="TRUE")
    assert len(gateway.get("types/Sds/instances")) == 3


def test_fault_sets_are_fault_units(world: Any) -> None:
    gateway = world.gateway
    domain = gateway.create("ProtectionDomain", name="a")
    pool = gateway.create("StoragePool", name="p", protectionDomainId=domain)
    racks = [gateway.create("FaultSet", name=f"rack{number}", protectionDomainId=domain) for number in range(3)]
    for number in range(4):
        if number == 3:
            assert "3 fault units" in gateway.refusal("Volume", storagePoolId=pool, volumeSizeInGb=8)[0]
        sds = world.sds()
        own = gateway.create("Sds", **sds.body(domain), faultSetId=racks[max(number - 1, 0)])
        gateway.create("Device", deviceCurrentPathname=sds.disk(), storagePoolId=pool, sdsId=own, testMode="noTest")
    gateway.create("Volume", storagePoolId=pool, volumeSizeInGb=8)
