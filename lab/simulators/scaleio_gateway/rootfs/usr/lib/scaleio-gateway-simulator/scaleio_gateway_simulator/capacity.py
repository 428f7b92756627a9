# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the data lies, how much of it has lost a copy, and what moves: the figures of Statistics.

Every piece of data has two copies on devices of two fault units (a fault set, or an SDS without one), spread in proportion to the
devices' sizes ("ScaleIO design considerations and best practices", EMC h15148: mesh mirroring, many-to-many rebuild). Only thick
volumes hold data: nobody writes to thin ones here. When a device cannot be reached, the copies on it are made again elsewhere
(forward rebuild) as long as two other fault units remain; when it comes back before the end, the rest is copied back to it
(backward rebuild); what had been made elsewhere is spread again (rebalance). How long each takes is configured.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Callable

from scaleio_gateway_simulator.hooks import Hooks
from scaleio_gateway_simulator.store import Object, Store

GIB_KB = 2**20

# Members of the product's answers (goscaleio of 2016, types.Statistics; delfin's recorded answers of a 2.5 system).
_BANDWIDTHS = (
    "primaryReadBwc primaryReadFromDevBwc primaryWriteBwc secondaryReadBwc secondaryReadFromDevBwc secondaryWriteBwc "
    "totalReadBwc totalWriteBwc fwdRebuildReadBwc fwdRebuildWriteBwc bckRebuildReadBwc bckRebuildWriteBwc rebalanceReadBwc "
    "rebalanceWriteBwc"
).split()
_ZEROS = (
    "activeMovingCapacityInKb pendingMovingCapacityInKb movingCapacityInKb snapCapacityInUseInKb snapCapacityInUseOccupiedInKb "
    "thinCapacityInUseInKb failedVacInKb degradedFailedVacInKb degradedHealthyVacInKb activeMovingInFwdRebuildJobs "
    "activeMovingInBckRebuildJobs activeMovingInRebalanceJobs activeMovingOutBckRebuildJobs pendingMovingInFwdRebuildJobs "
    "pendingMovingInBckRebuildJobs pendingMovingInRebalanceJobs pendingMovingOutBckRebuildJobs pendingMovingOutFwdRebuildJobs "
    "pendingMovingRebalanceJobs numOfSnapshots numOfVolumesInDeletion numOfMappedToAllVolumes numOfScsiInitiators rmcacheSizeInKb"
).split()

# What is shown as moving, or as missing a copy, where a test asks for it by a hook.
_ASKED_KB = GIB_KB


class Meter:
    """Figures of one moment."""

    def __init__(self, store: Store, hooks: Hooks, seconds: dict[str, float]) -> None:
        self._store, self._hooks, self._seconds = store, hooks, seconds
        self._now = time.time()

    def units(self, pool: Object) -> list[str]:
        """The fault units that have devices in a pool."""
        return sorted({self.unit(device) for device in self._members(pool)})

    def unit(self, device: Object) -> str:
        """The ID of the fault set of a device's SDS, else of the SDS."""
        sds = self._sds(device)
        return str(sds["faultSetId"] or sds["id"])

    def net(self, pool: Object) -> int:
        """Data of a pool, in KB, each piece once."""
        volumes = self._store.where("Volume", storagePoolId=pool["id"], volumeType="ThickProvisioned")
        return sum(int(volume["sizeInKb"]) for volume in volumes)

    def room(self, pool: Object, without: Iterable[str] = ()) -> int:
        """KB of volumes that a pool can still take, in steps of 8 GB; may be negative. `without`: IDs of devices that go."""
        left = [device for device in self._members(pool) if device["id"] not in set(without)]
        usable = sum(device["capacityLimitInKb"] for device in left) * (100 - pool["sparePercentage"]) // 200
        return int((usable - self.net(pool)) // (8 * GIB_KB) * (8 * GIB_KB))

    def statistics(self, pools: list[Object], share: Callable[[Object], bool] | None = None) -> Object:
        """The sums over pools. `share`: of each device, whether it counts, for the figures of one SDS, device or fault set."""
        figures: Object = {name: {"numSeconds": 0, "totalWeightInKb": 0, "numOccured": 0} for name in _BANDWIDTHS}
        figures.update(dict.fromkeys(_ZEROS, 0))
        for pool in pools:
            for name, value in self._pool(pool, share).items():
                figures[name] = figures.get(name, 0) + value
        figures = {**self._nothing(), **figures}
        for move in ("fwdRebuild", "bckRebuild", "rebalance"):
            moving = figures[f"{move}CapacityInKb"]
            # One job at a time, a GiB each.
            title = move[0].upper() + move[1:]
            figures[f"active{title}CapacityInKb"] = min(moving, GIB_KB)
            figures[f"pending{title}CapacityInKb"] = max(moving - GIB_KB, 0)
            bandwidth = {"numSeconds": 5, "totalWeightInKb": min(moving, GIB_KB), "numOccured": 5} if moving else None
            for direction in ("Read", "Write") if bandwidth else ():
                figures[f"{move}{direction}Bwc"] = dict(bandwidth or {})
        figures["activeMovingRebalanceJobs"] = int(figures["rebalanceCapacityInKb"] > 0)
        figures["activeMovingOutFwdRebuildJobs"] = int(figures["fwdRebuildCapacityInKb"] > 0)
        return figures

    def lost(self, device: Object, rebuildable: bool) -> float:
        """The part of a device's copies that exists nowhere at this moment, 0 to 1."""
        if device["_down_since"] is not None:
            gone = self._now - device["_down_since"]
            return max(0.0, 1 - gone / self._seconds["forward_rebuild"]) if rebuildable else 1.0
        back = self._now - device["_returned"]
        return float(max(0.0, device["_debt"] * (1 - back / self._seconds["backward_rebuild"])))

    def rebuildable(self, pool: Object) -> bool:
        """Whether two fault units of a pool are whole."""
        down = {self.unit(device) for device in self._members(pool) if device["_down_since"] is not None}
        return len(set(self.units(pool)) - down) >= 2

    def _members(self, pool: Object) -> list[Object]:
        """Devices that may hold data: those under test do not yet (ScaleIO 2.0 User Guide, device states)."""
        devices = self._store.where("Device", storagePoolId=pool["id"])
        return [device for device in devices if not device["deviceState"].startswith("InitialTest")]

    def _sds(self, device: Object) -> Object:
        sds = self._store.get("Sds", device["sdsId"])
        assert sds
        return sds

    @staticmethod
    def _nothing() -> Object:
        names = (
            "capacityInUseInKb thickCapacityInUseInKb protectedCapacityInKb degradedHealthyCapacityInKb degradedFailedCapacityInKb "
            "failedCapacityInKb fwdRebuildCapacityInKb bckRebuildCapacityInKb rebalanceCapacityInKb maxCapacityInKb capacityLimitInKb "
            "spareCapacityInKb unusedCapacityInKb unreachableUnusedCapacityInKb capacityAvailableForVolumeAllocationInKb "
            "atRestCapacityInKb inUseVacInKb protectedVacInKb primaryVacInKb secondaryVacInKb"
        )
        return dict.fromkeys(names.split(), 0)

    def _pool(self, pool: Object, share: Callable[[Object], bool] | None) -> Object:
        members = self._members(pool)
        rebuildable = self.rebuildable(pool)
        weights = [(device, float(device["capacityLimitInKb"]), self.lost(device, rebuildable)) for device in members]
        pairs = degraded = failed = forward = backward = 0.0
        for place, first in enumerate(weights):
            for second in weights[place + 1 :]:
                if self.unit(first[0]) == self.unit(second[0]):
                    continue
                weight = first[1] * second[1]
                pairs += weight
                failed += weight * first[2] * second[2]
                for (device, _, lost), (_, _, other_lost) in ((first, second), (second, first)):
                    once = weight * lost * (1 - other_lost)
                    degraded += once
                    if device["_down_since"] is None:
                        backward += once
                    elif rebuildable:
                        forward += once
        net, whole = self.net(pool), pairs or 1.0
        part = 1.0
        total = sum(size for _, size, _ in weights)
        counted = [item for item in weights if share is None or share(item[0])]
        size = sum(size for _, size, _ in counted)
        if share is not None:
            part = size / total if total else 0.0
        domain = self._store.get("ProtectionDomain", pool["protectionDomainId"])
        assert domain
        names = (domain["name"], pool["name"])
        degraded_kb = net * degraded / whole
        figures = {
            "capacityInUseInKb": 2 * net,
            "thickCapacityInUseInKb": 2 * net,
            "atRestCapacityInKb": 2 * net,
            "protectedCapacityInKb": 2 * net * (1 - (degraded + failed) / whole),
            "inUseVacInKb": 2 * net,
            "protectedVacInKb": 2 * net,
            "primaryVacInKb": net,
            "secondaryVacInKb": net,
            "failedCapacityInKb": 2 * net * failed / whole,
            "degradedHealthyCapacityInKb": degraded_kb + _ASKED_KB * self._hooks.chosen("degraded", *names),
            "degradedFailedCapacityInKb": degraded_kb + _ASKED_KB * self._hooks.chosen("degraded", *names),
            "fwdRebuildCapacityInKb": net * forward / whole + _ASKED_KB * self._hooks.chosen("rebuilding", *names),
            "bckRebuildCapacityInKb": net * backward / whole,
            "rebalanceCapacityInKb": self._rebalance(weights, net)
            + _ASKED_KB * self._hooks.chosen("rebalancing", *names),
        }
        figures = {name: int(value * part) for name, value in figures.items()}
        unreachable = sum(one for device, one, _ in counted if device["_down_since"] is not None)
        used = 2 * net * part
        figures["maxCapacityInKb"] = figures["capacityLimitInKb"] = int(size)
        figures["spareCapacityInKb"] = int(size * pool["sparePercentage"] // 100)
        figures["unreachableUnusedCapacityInKb"] = int(unreachable * (1 - used / size)) if size else 0
        figures["unusedCapacityInKb"] = max(int(size - used) - figures["unreachableUnusedCapacityInKb"], 0)
        if share is None:
            figures["capacityAvailableForVolumeAllocationInKb"] = max(self.room(pool), 0)
        return figures

    def _rebalance(self, weights: list[tuple[Object, float, float]], net: int) -> float:
        """Data on its way to devices that are new or back, or off those that leave."""
        total = sum(size for _, size, _ in weights) or 1.0
        moving = 0.0
        for device, size, _ in weights:
            since = device["_moving_since"]
            if since is not None and self._now - since < self._seconds["rebalance"]:
                moving += 2 * net * size / total * (1 - (self._now - since) / self._seconds["rebalance"])
        return moving
