# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SDSs and their devices: adding, removing, and what happens by itself meanwhile."""

from __future__ import annotations

import time
from typing import Any

from scaleio_gateway_simulator.cluster import Cluster, number, text, truth
from scaleio_gateway_simulator.errors import (
    DEVICE_EXISTS,
    DEVICE_REMOVAL_IN_PROGRESS,
    SDS_COMMUNICATION,
    SDS_PORT_IN_USE,
    SDS_REMOVAL_IN_PROGRESS,
    Refused,
    invalid,
    missing,
)
from scaleio_gateway_simulator.store import Object

_PORT = 7072
_ROLES = ("all", "sdsOnly", "sdcOnly")
_TEST_MODES = ("testAndActivate", "testOnly", "noTest")

# "ScaleIO design considerations and best practices" (EMC h15148).
_MOST_ADDRESSES = 8
_MOST_SDSS_IN_DOMAIN = 128
_MOST_DEVICES_IN_POOL, _MOST_DEVICES_OF_SDS = 300, 64
_MOST_KB_OF_SDS = 64 * 2**30
_LEAST_UNITS = 3

# What an SDS says about a device that it cannot take. Which words and numbers the product has for it is not public.
_REASONS = {
    "absent": "Failed to open the device",
    "busy": "The device is in use",
    "header": "The device already belongs to a ScaleIO system; use force device takeover to add it",
    "signature": "The device already contains data; use force device takeover to overwrite it",
    "size": "The capacity of the device is not supported",
}


class Storage(Cluster):
    """SDSs and devices."""

    # -- SDSs ----------------------------------------------------------------------------------------------------------

    def create_sds(self, body: Object) -> Object:
        domain = self.get("ProtectionDomain", text(body, "protectionDomainId"))
        addresses = _addresses(body)
        name = self.new_name("Sds", body)
        if len(self.store.where("Sds", protectionDomainId=domain["id"])) >= _MOST_SDSS_IN_DOMAIN:
            raise Refused("The Protection Domain has as many SDSs as it can")
        port = number(body, "sdsPort", _PORT)
        fault_set = body.get("faultSetId") or None
        if fault_set and self.get("FaultSet", fault_set)["protectionDomainId"] != domain["id"]:
            raise Refused("The Fault Set belongs to another Protection Domain")
        self._free_addresses(addresses, port)
        sds: Object = {"name": name, "protectionDomainId": domain["id"], "faultSetId": fault_set, "ipList": addresses}
        sds.update(port=port, sdsState="Normal", membershipState="Joined", mdmConnectionState="Connected")
        if self.hooks.refuses("sds", {name, *(item["ip"] for item in addresses)}):
            raise Refused(f"Communication with the SDS failed: {addresses[0]['ip']}:{port}", SDS_COMMUNICATION)
        self._begin("Sds", sds)
        try:
            force = truth(body, "forceClean")
            answer = self.ask(sds, "join", force=force, unfinished=self.store.unfinished)
            if "error" in answer:
                raise Refused(f"The SDS is already part of a ScaleIO system: {answer['detail']}")
            for device in body.get("deviceInfoList", []):
                self.create_device({**device, "deviceCurrentPathname": device["devicePath"], "sdsId": sds["id"]})
        except Refused:
            self._forget(sds)
            raise
        del sds["_making"]
        self.watch(sds)
        return sds

    def _begin(self, kind: str, item: Object) -> None:
        self.store.add(kind, item)
        item["_making"] = True
        self.store.save()

    def _free_addresses(self, addresses: list[Object], port: int) -> None:
        taken = {(item["ip"], sds["port"]) for sds in self.store.all("Sds") for item in sds["ipList"]}
        for item in addresses:
            if (item["ip"], port) in taken:
                raise Refused(f"The SDS address {item['ip']}:{port} is already in use", SDS_PORT_IN_USE)

    def _forget(self, sds: Object) -> None:
        """Takes a half-made SDS back."""
        for device in self.store.where("Device", sdsId=sds["id"]):
            self.store.remove("Device", device)
        try:
            self.ask(sds, "leave")
        except Refused:
            pass  # it never came to know of it
        self.store.remove("Sds", sds)

    def remove_sds(self, sds: Object, body: Object) -> None:
        """Evacuates and removes an SDS with all its devices (siolib: removeSds goes on in the background, 103 meanwhile)."""
        if sds["sdsState"] == "RemovePending":
            raise Refused("The SDS is being removed", SDS_REMOVAL_IN_PROGRESS)
        devices = self.store.where("Device", sdsId=sds["id"])
        self._may_leave(devices, truth(body, "force"))
        sds["sdsState"] = "RemovePending"
        for device in devices:
            if device["deviceState"] != "RemovePending":
                self._leave(device, truth(body, "force"))

    def abort_remove_sds(self, sds: Object, _: Object) -> None:
        sds["sdsState"] = "Normal"
        for device in self.store.where("Device", sdsId=sds["id"]):
            self._stay(device)

    # -- devices -------------------------------------------------------------------------------------------------------

    def create_device(self, body: Object) -> Object:
        path = text(body, "deviceCurrentPathname")
        sds, pool = self.get("Sds", text(body, "sdsId")), self.get("StoragePool", text(body, "storagePoolId"))
        if sds["sdsState"] == "RemovePending":
            raise Refused("The SDS is being removed", SDS_REMOVAL_IN_PROGRESS)
        mode = body.get("testMode", _TEST_MODES[0])
        if mode not in _TEST_MODES:
            raise invalid(f"testMode ({mode}) must be one of {', '.join(_TEST_MODES)}")
        if not path.startswith("/"):
            raise Refused(f"{_REASONS['absent']}: {path}")
        if self.holds("one-domain") and sds["protectionDomainId"] != pool["protectionDomainId"]:
            raise Refused("The SDS and the Storage Pool are in different Protection Domains")
        own = self.store.where("Device", sdsId=sds["id"])
        if any(device["deviceCurrentPathName"] == path for device in own):
            raise Refused("The device already exists", DEVICE_EXISTS)
        # Of one SDS only: the framework gives every SDS a device named /dev/xvdf (recorded: scaleio-scheduler 0.3.1).
        name = self.free_name("Device", body["name"], {"sdsId": sds["id"]}) if body.get("name") else None
        if len(own) >= _MOST_DEVICES_OF_SDS:
            raise Refused("The SDS has as many devices as it can")
        if len(self.store.where("Device", storagePoolId=pool["id"])) >= _MOST_DEVICES_IN_POOL:
            raise Refused("The Storage Pool has as many devices as it can")
        if self.hooks.refuses("device", {sds["name"], *(item["ip"] for item in sds["ipList"])}, {path}):
            raise Refused(f"{_REASONS['absent']}: {path}")
        device: Object = {"name": name, "sdsId": sds["id"], "storagePoolId": pool["id"], "errorState": "None"}
        self._begin("Device", device)
        try:
            answer = self._take(sds, device, path, truth(body, "forceDeviceTakeover"))
            kilobytes = answer["size"] // 1024
            if sum(item["maxCapacityInKb"] for item in own) + kilobytes > _MOST_KB_OF_SDS:
                self.ask(sds, "remove", device=device["id"])
                raise Refused("The SDS has as much capacity as it can")
        except Refused:
            self.store.remove("Device", device)
            raise
        del device["_making"]
        device.update(deviceCurrentPathName=path, deviceOriginalPathName=path)
        device.update(maxCapacityInKb=kilobytes, capacityLimitInKb=number(body, "capacityLimitInKb", kilobytes))
        device.update(_down_since=None, _returned=0.0, _debt=0.0, _moving_since=None, _removal=None)
        seconds = number(body, "testTimeSecs", 0) or self.configuration.seconds["device_test"]
        device["deviceState"], device["_test_until"], device["_activate"] = (
            "InitialTest",
            time.time() + seconds,
            mode != "testOnly",
        )
        if mode == "noTest":
            self._activate(device)
        return device

    def _take(self, sds: Object, device: Object, path: str, force: bool) -> Object:
        answer = self.ask(sds, "add", device=device["id"], path=path, force=force, off=self.hooks.rules_off())
        if answer.get("error") == "twice":
            raise Refused("The device already exists", DEVICE_EXISTS)
        if "error" in answer:
            raise Refused(f"{_REASONS.get(answer['error'], 'The SDS refused')}: {answer['detail']}")
        return answer

    def _activate(self, device: Object) -> None:
        """From now on it holds data; that of the others spreads to it."""
        device["deviceState"] = "Normal"
        if self.meter().net(self.get("StoragePool", device["storagePoolId"])):
            device["_moving_since"] = time.time()

    def activate_device(self, device: Object, _: Object) -> None:
        if device["deviceState"] != "InitialTestDone":
            raise Refused(f"The device is not waiting for activation: its state is {device['deviceState']}")
        self._activate(device)

    def clear_device_error(self, device: Object, _: Object) -> None:
        """The SDS tries its devices again."""
        sds = self.get("Sds", device["sdsId"])
        devices = {item["id"]: item["deviceCurrentPathName"] for item in self.store.where("Device", sdsId=sds["id"])}
        self._report(sds["id"], self.ask(sds, "sync", devices=devices, unfinished=self.store.unfinished))

    def remove_device(self, device: Object, body: Object) -> None:
        """Evacuates and removes a device (siolib: a second request is refused meanwhile)."""
        if device["deviceState"] == "RemovePending":
            raise Refused("The device is being removed", DEVICE_REMOVAL_IN_PROGRESS)
        force = truth(body, "forceRemove")
        self._may_leave([device], force)
        self._leave(device, force)

    def abort_remove_device(self, device: Object, _: Object) -> None:
        self._stay(device)

    def _may_leave(self, devices: list[Object], force: bool) -> None:
        """Whether the data of devices fits on those that stay, and keeps two copies apart.

        With force also devices go whose copies exist nowhere else yet, and their data is lost (dellemc.powerflex: forceRemove).
        """
        if not self.holds("evacuation"):
            return
        meter = self.meter()
        for device in devices:
            pool = self.get("StoragePool", device["storagePoolId"])
            away = device["_down_since"] is not None and meter.lost(device, meter.rebuildable(pool)) > 0
            if away and meter.net(pool) and not force:
                raise Refused("The device cannot be evacuated: it cannot be reached and is not rebuilt")
        going = {device["id"] for device in devices}
        for pool in self.store.all("StoragePool"):
            here = self.store.where("Device", storagePoolId=pool["id"])
            gone = {item["id"] for item in here if item["deviceState"] == "RemovePending"} | going
            if not going & {item["id"] for item in here} or not self.store.where("Volume", storagePoolId=pool["id"]):
                continue
            if len({meter.unit(item) for item in here if item["id"] not in gone}) < _LEAST_UNITS:
                raise Refused(f"The Storage Pool has volumes and needs devices on {_LEAST_UNITS} fault units")
            if meter.room(pool, gone) < 0:
                raise Refused("Not enough free capacity in the Storage Pool to evacuate the device")

    def _leave(self, device: Object, force: bool) -> None:
        now = time.time()
        pool = self.get("StoragePool", device["storagePoolId"])
        empty = force or not self.meter().net(pool)
        device["deviceState"], device["_moving_since"] = "RemovePending", now
        device["_removal"] = now + (0 if empty else self.configuration.seconds["rebalance"])

    def _stay(self, device: Object) -> None:
        if device["deviceState"] == "RemovePending":
            device["deviceState"], device["_removal"] = "Normal", None

    # -- what happens by itself ----------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Ends tests and removals whose time has come."""
        now = time.time()
        changed = False
        for device in self.store.all("Device"):
            if device["deviceState"] == "InitialTest" and now >= device["_test_until"]:
                device["deviceState"] = "InitialTestDone"
                if device["_activate"]:
                    self._activate(device)
                changed = True
            if device["deviceState"] == "RemovePending" and now >= device["_removal"]:
                self._release(device)
                changed = True
        for sds in self.store.all("Sds"):
            if sds["sdsState"] == "RemovePending" and not self.store.where("Device", sdsId=sds["id"]):
                self._let_go(sds, "leave")
                self.unwatch(sds)
                self.store.remove("Sds", sds)
                changed = True
        if changed:
            self.store.save()

    def _release(self, device: Object) -> None:
        """Takes an evacuated device out. One whose SDS is away keeps its header: it needs takeover to be added again."""
        self._let_go(self.get("Sds", device["sdsId"]), "remove", device=device["id"])
        self.store.remove("Device", device)

    def _let_go(self, sds: Object, operation: str, **members: Any) -> None:
        """Tells an SDS what is not its own any more; one that is away is told when it comes back."""
        if sds["mdmConnectionState"] != "Connected":
            return
        try:
            self.ask(sds, operation, **members)
        except Refused:
            pass


def _addresses(body: Object) -> list[Object]:
    """The addresses of a request, wrapped as they are sent or plain, in the plain form of answers (delfin's recorded answers)."""
    given = body.get("sdsIpList") or []
    found = []
    for item in given:
        plain = item.get("SdsIp", item)
        role = plain.get("role", "all")
        if role not in _ROLES:
            raise invalid(f"role ({role}) must be one of {', '.join(_ROLES)}")
        found.append({"ip": text(plain, "ip"), "role": role})
    if not found:
        raise missing("sdsIpList")
    if len(found) > _MOST_ADDRESSES:
        raise Refused(f"An SDS has at most {_MOST_ADDRESSES} addresses")
    return found
