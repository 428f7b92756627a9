# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes and their mappings, as far as devices and pools depend on them."""

from __future__ import annotations

import time

from scaleio_gateway_simulator.capacity import GIB_KB
from scaleio_gateway_simulator.cluster import number, text, truth
from scaleio_gateway_simulator.errors import (
    ALREADY_MAPPED,
    NOT_MAPPED,
    SINGLE_MAPPING,
    VOLUME_CAN_ONLY_GROW,
    VOLUME_MAPPED,
    VOLUME_NAME_IN_USE,
    Refused,
    invalid,
    missing,
)
from scaleio_gateway_simulator.storage import Storage
from scaleio_gateway_simulator.store import Object

# "ScaleIO design considerations and best practices" (EMC h15148): 8 GB to 1 PB, in steps of 8 GB.
_STEP_KB = 8 * GIB_KB
_LARGEST_KB = 2**40
_TYPES = ("ThickProvisioned", "ThinProvisioned")
_LEAST_UNITS = 3


class Volumes(Storage):
    """Volumes."""

    def create_volume(self, body: Object) -> Object:
        pool = self.get("StoragePool", text(body, "storagePoolId"))
        size, kind = _size(body), body.get("volumeType", _TYPES[0])
        if kind not in _TYPES:
            raise invalid(f"volumeType ({kind}) must be one of {', '.join(_TYPES)}")
        name = self.free_name("Volume", body["name"], {}, VOLUME_NAME_IN_USE) if body.get("name") else None
        meter = self.meter()
        if self.holds("pool-units") and len(meter.units(pool)) < _LEAST_UNITS:
            raise Refused(f"The Storage Pool needs devices on {_LEAST_UNITS} fault units")
        if kind == _TYPES[0] and size > meter.room(pool):
            raise Refused("Not enough free capacity in the Storage Pool")
        volume = {"name": name, "storagePoolId": pool["id"], "sizeInKb": size, "volumeType": kind}
        return self.store.add("Volume", {**volume, "creationTime": int(time.time()), "mappedSdcInfo": None})

    def remove_volume(self, volume: Object, _: Object) -> None:
        if self.holds("children") and volume["mappedSdcInfo"]:
            raise Refused("The volume is mapped to an SDC", VOLUME_MAPPED)
        self.store.remove("Volume", volume)

    def rename_volume(self, volume: Object, body: Object) -> None:
        volume["name"] = self.free_name("Volume", text(body, "newName"), {}, VOLUME_NAME_IN_USE)

    def set_volume_size(self, volume: Object, body: Object) -> None:
        size = _rounded(number(body, "sizeInGB") * GIB_KB)
        if size < volume["sizeInKb"]:
            raise Refused("The capacity of a volume can only be increased", VOLUME_CAN_ONLY_GROW)
        pool = self.get("StoragePool", volume["storagePoolId"])
        if volume["volumeType"] == _TYPES[0] and size - volume["sizeInKb"] > self.meter().room(pool):
            raise Refused("Not enough free capacity in the Storage Pool")
        volume["sizeInKb"] = size

    def add_mapped_sdc(self, volume: Object, body: Object) -> None:
        sdc = self.get("Sdc", text(body, "sdcId"))
        mapped = volume["mappedSdcInfo"] or []
        if any(item["sdcId"] == sdc["id"] for item in mapped):
            raise Refused("The volume is already mapped to this SDC", ALREADY_MAPPED)
        if mapped and not truth(body, "allowMultipleMappings"):
            raise Refused("Only a single SDC may be mapped to this volume at a time", SINGLE_MAPPING)
        limits = {"limitIops": 0, "limitBwInMbps": 0}
        volume["mappedSdcInfo"] = [
            *mapped,
            {"sdcId": sdc["id"], "sdcIp": sdc["sdcIp"], "sdcName": sdc["name"], **limits},
        ]

    def remove_mapped_sdc(self, volume: Object, body: Object) -> None:
        mapped = volume["mappedSdcInfo"] or []
        if "allSdcs" in body:
            volume["mappedSdcInfo"] = None
            return
        sdc = self.get("Sdc", text(body, "sdcId"))
        left = [item for item in mapped if item["sdcId"] != sdc["id"]]
        if len(left) == len(mapped):
            raise Refused("The volume is not mapped to this SDC", NOT_MAPPED)
        volume["mappedSdcInfo"] = left or None


def _size(body: Object) -> int:
    if "volumeSizeInGb" in body:
        return _rounded(number(body, "volumeSizeInGb") * GIB_KB)
    if "volumeSizeInKb" not in body:
        raise missing("volumeSizeInKb")
    return _rounded(number(body, "volumeSizeInKb"))


def _rounded(kilobytes: int) -> int:
    """Up to the next step, as scli says it does (rexray issue 545)."""
    size = -(-kilobytes // _STEP_KB) * _STEP_KB
    if not 0 < size <= _LARGEST_KB:
        raise invalid(f"The size of a volume is from 8 GB to 1 PB, not {kilobytes} KB")
    return size
