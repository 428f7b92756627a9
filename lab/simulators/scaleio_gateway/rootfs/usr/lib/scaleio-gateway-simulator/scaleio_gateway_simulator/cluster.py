# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects of the cluster and the rules between them.

One lock for all: a request sees and changes the cluster alone, as the MDM carries commands out one after the other.
"""

from __future__ import annotations

import string
import threading
import time
from typing import Any, Callable

from scaleio_gateway_simulator import sds_link
from scaleio_gateway_simulator.capacity import Meter
from scaleio_gateway_simulator.configuration import Configuration
from scaleio_gateway_simulator.errors import (
    DEVICE_NOT_FOUND,
    NOT_FOUND,
    PROTECTION_DOMAIN_NOT_FOUND,
    SDS_COMMUNICATION,
    VOLUME_NOT_FOUND,
    Refused,
    invalid,
    missing,
)
from scaleio_gateway_simulator.hooks import Hooks
from scaleio_gateway_simulator.store import TYPES, Object, Store

_TITLES = {
    "ProtectionDomain": "Protection Domain",
    "StoragePool": "Storage Pool",
    "FaultSet": "Fault Set",
    "Sds": "SDS",
    "Device": "device",
    "Volume": "volume",
    "Sdc": "SDC",
}
_ABSENT = {
    "ProtectionDomain": PROTECTION_DOMAIN_NOT_FOUND,
    "Device": DEVICE_NOT_FOUND,
    "Volume": VOLUME_NOT_FOUND,
}
# "ScaleIO design considerations and best practices" (EMC h15148), limits of a system.
_MOST = {"ProtectionDomain": 256, "StoragePool": 1024, "Sds": 1024}
_MOST_IN_DOMAIN = {"StoragePool": 64, "FaultSet": 64}

# Names have less than 32 characters, alphanumeric or punctuation (ScaleIO 2.0 User Guide, names of objects).
_LONGEST_NAME = 31
_NAME = set(string.ascii_letters + string.digits + string.punctuation)


class Cluster:
    """What all kinds of objects share: finding them, their names, and who may be removed."""

    def __init__(self, configuration: Configuration, store: Store, hooks: Hooks) -> None:
        self.configuration, self.store, self.hooks = configuration, store, hooks
        self.lock = threading.RLock()
        self._watches: dict[str, sds_link.Watch] = {}
        self._register_sdcs()
        for sds in store.all("Sds"):
            self.watch(sds)

    # -- finding -------------------------------------------------------------------------------------------------------

    def get(self, kind: str, identity: str) -> Object:
        """The object of an ID from a request.

        :raises Refused: there is none, or the ID is no ID.
        """
        if kind not in TYPES:
            raise Refused(f"{kind}: no such type", status=404)
        if not identity or set(identity) - set(string.hexdigits):
            raise invalid(f"id ({identity}) must be a hexadecimal number (unsigned long)")
        found = self.store.get(kind, identity)
        if not found:
            raise Refused(f"Could not find the {_TITLES[kind]}", _ABSENT.get(kind, NOT_FOUND))
        return found

    def by_key(self, kind: str, body: Object) -> str:
        """The ID behind a name (siolib: queryIdByKey): of a device together with its SDS, of a pool with its domain."""
        wanted = {"name": text(body, "name")}
        if kind == "StoragePool":
            wanted["protectionDomainId"] = self._domain_of(body)["id"]
        if kind == "Device":
            wanted["sdsId"] = text(body, "sdsId")
        found = self.store.where(kind, **wanted)
        if not found:
            raise Refused("Not found", _ABSENT.get(kind, NOT_FOUND))
        return str(found[0]["id"])

    def _domain_of(self, body: Object) -> Object:
        if "protectionDomainName" not in body:
            return self.get("ProtectionDomain", text(body, "protectionDomainId"))
        found = self.store.where("ProtectionDomain", name=body["protectionDomainName"])
        if not found:
            raise Refused("Could not find the Protection Domain", PROTECTION_DOMAIN_NOT_FOUND)
        return found[0]

    def meter(self) -> Meter:
        return Meter(self.store, self.hooks, self.configuration.seconds)

    def holds(self, rule: str) -> bool:
        """Whether a guarding rule is in force; a test may switch it off (hook `rules-off`)."""
        return rule not in self.hooks.rules_off()

    # -- domains, pools, fault sets ------------------------------------------------------------------------------------

    def create_protection_domain(self, body: Object) -> Object:
        name = self.new_name("ProtectionDomain", body)
        return self.store.add("ProtectionDomain", {"name": name})

    def create_storage_pool(self, body: Object) -> Object:
        domain = self.get("ProtectionDomain", text(body, "protectionDomainId"))
        name = self.new_name("StoragePool", body, protectionDomainId=domain["id"])
        spare = number(
            body, "sparePercentage", 10
        )  # the product's default for spare (ScaleIO 2.0 User Guide, storage pools)
        return self.store.add(
            "StoragePool", {"name": name, "protectionDomainId": domain["id"], "sparePercentage": spare}
        )

    def create_fault_set(self, body: Object) -> Object:
        domain = self.get("ProtectionDomain", text(body, "protectionDomainId"))
        name = self.new_name("FaultSet", body, protectionDomainId=domain["id"])
        return self.store.add("FaultSet", {"name": name, "protectionDomainId": domain["id"]})

    def remove_protection_domain(self, domain: Object, _: Object) -> None:
        self._childless(
            "ProtectionDomain", domain, {"Sds": "SDSs", "StoragePool": "Storage Pools", "FaultSet": "Fault Sets"}
        )

    def remove_storage_pool(self, pool: Object, _: Object) -> None:
        if self.holds("children") and self.store.where("Device", storagePoolId=pool["id"]):
            # The product's own words (juju-scaleio, tests).
            raise Refused(
                "This operation is only allowed when there are no devices in the Storage Pool. Please remove all devices from the "
                "Storage Pool."
            )
        self._childless("StoragePool", pool, {"Volume": "volumes"})

    def remove_fault_set(self, fault_set: Object, _: Object) -> None:
        self._childless("FaultSet", fault_set, {"Sds": "SDSs"})

    def _childless(self, kind: str, item: Object, children: dict[str, str]) -> None:
        member = f"{kind[0].lower()}{kind[1:]}Id"
        for child, title in children.items():
            if self.holds("children") and self.store.where(child, **{member: item["id"]}):
                raise Refused(f"The {_TITLES[kind]} cannot be removed: it still has {title}")
        self.store.remove(kind, item)

    def set_spare_percentage(self, pool: Object, body: Object) -> None:
        spare = number(body, "sparePercentage")
        if not 0 <= spare <= 50:
            raise invalid(f"sparePercentage ({spare}) is not from 0 to 50")
        pool["sparePercentage"] = spare

    # -- names ---------------------------------------------------------------------------------------------------------

    def renamer(self, kind: str, member: str) -> Callable[[Object, Object], None]:
        """The action that renames an object of a type; `member` is where the request has the new name."""

        def rename(item: Object, body: Object) -> None:
            scopes = {"StoragePool": "protectionDomainId", "FaultSet": "protectionDomainId", "Device": "sdsId"}
            scope = {scopes[kind]: item[scopes[kind]]} if kind in scopes else {}
            item["name"] = self.free_name(kind, text(body, member), scope)

        return rename

    def new_name(self, kind: str, body: Object, **scope: str) -> str:
        """The name of a new object, and that there is room for one more of its kind.

        :param scope: names are unique among the objects with these members; system-wide without.
        """
        domain = scope.get("protectionDomainId")
        if len(self.store.all(kind)) >= _MOST.get(kind, 2**31):
            raise Refused(f"The system has as many {_TITLES[kind]}s as it can")
        if domain and len(self.store.where(kind, protectionDomainId=domain)) >= _MOST_IN_DOMAIN.get(kind, 2**31):
            raise Refused(f"The Protection Domain has as many {_TITLES[kind]}s as it can")
        return self.free_name(kind, text(body, "name"), scope)

    def free_name(self, kind: str, name: str, scope: Object, code: int = 0) -> str:
        if set(name) - _NAME:
            # As later gateways word it (goscaleio's tests).
            raise invalid(
                "The given name contains invalid characters. Use alphanumeric and punctuation characters only. Spaces are not allowed"
            )
        if len(name) > _LONGEST_NAME:
            raise invalid(f"The given name is too long: {len(name)} characters, at most {_LONGEST_NAME}")
        if self.store.where(kind, name=name, **scope):
            raise Refused(f"{_TITLES[kind][0].upper()}{_TITLES[kind][1:]} name already in use", code)
        return name

    # -- SDSs ----------------------------------------------------------------------------------------------------------

    def address(self, sds: Object) -> tuple[str, int]:
        return sds["ipList"][0]["ip"], sds["port"]

    def ask(self, sds: Object, operation: str, **members: Any) -> Object:
        """A request to an SDS.

        :raises Refused: it cannot be reached.
        """
        timeout = self.configuration.seconds["sds_timeout"]
        request = {"op": operation, "system": self.store.system["id"], "sds": sds["id"], **members}
        try:
            return sds_link.ask(self.address(sds), timeout, request)
        except sds_link.Unreachable as error:
            raise Refused(f"Communication with the SDS failed: {error}", SDS_COMMUNICATION) from None

    def watch(self, sds: Object) -> None:
        """Looks at an SDS from now on."""
        identity = sds["id"]
        timeout = self.configuration.seconds["sds_timeout"]
        self._watches[identity] = sds_link.Watch(
            self.address(sds),
            timeout,
            lambda line: self._sync(identity, line),
            lambda answer: self._report(identity, answer),
        )

    def unwatch(self, sds: Object) -> None:
        self._watches.pop(sds["id"]).end()

    def _sync(self, identity: str, line: sds_link.Line) -> Object:
        """Alone in the cluster, so that no device comes or goes while the SDS is told which are its own."""
        with self.lock:
            devices = {
                device["id"]: device["deviceCurrentPathName"] for device in self.store.where("Device", sdsId=identity)
            }
            request = {"system": self.store.system["id"], "sds": identity}
            if self.store.get("Sds", identity):
                line.ask({**request, "op": "sync", "devices": devices, "unfinished": self.store.unfinished})
            return {**request, "op": "status"}

    def _report(self, identity: str, answer: Object | None) -> None:
        with self.lock:
            sds = self.store.get("Sds", identity)
            if not sds:
                return
            states: dict[str, str] = (answer or {}).get("devices", {})
            connected = answer is not None and "error" not in answer
            changed = sds["mdmConnectionState"] != ("Connected" if connected else "Disconnected")
            sds["mdmConnectionState"] = "Connected" if connected else "Disconnected"
            sds["membershipState"] = "Joined" if connected else "Decoupled"
            for device in self.store.where("Device", sdsId=identity):
                # What was known last stays while the SDS is away, and until it speaks of a device that is new.
                state = states.get(device["id"]) if connected else None
                error = "None" if state == "ok" else "Error" if state else device["errorState"]
                changed |= device["errorState"] != error
                device["errorState"] = error
                changed |= self._reach(device, connected and error == "None")
            if changed:
                self.store.save()

    def _reach(self, device: Object, there: bool) -> bool:
        """Notes that a device has gone or come back; whether that is news."""
        if there == (device["_down_since"] is None):
            return False
        meter, now = self.meter(), time.time()
        if not there:
            device["_down_since"] = now
            return True
        debt = meter.lost(device, meter.rebuildable(self.get("StoragePool", device["storagePoolId"])))
        device["_down_since"], device["_returned"], device["_debt"] = None, now, debt
        # What was made again elsewhere moves back.
        device["_moving_since"] = now if debt < 1 else device["_moving_since"]
        return True

    def _register_sdcs(self) -> None:
        """SDCs come by themselves in the product; here they are configured."""
        known = {sdc["sdcIp"] for sdc in self.store.all("Sdc")}
        for ip in self.configuration.sdcs:
            if ip not in known:
                self.store.add("Sdc", {"name": None, "sdcIp": ip, "sdcGuid": f"SDC-{ip}"})
                self.store.save()


# -- members of requests: numbers and truths come as JSON or as text ("16", "TRUE", "True") ----------------------------


def text(body: Object, name: str) -> str:
    """A text that must be there and not be empty."""
    value = body.get(name)
    if value in (None, ""):
        raise missing(name)
    if not isinstance(value, str):
        raise invalid(f"{name} ({value!r}) must be a text")
    return value


def number(body: Object, name: str, default: int | None = None) -> int:
    """A whole number; without default it must be there."""
    value = body.get(name, default)
    if value is None:
        raise missing(name)
    try:
        return int(value)
    except (TypeError, ValueError):
        raise invalid(f"{name} ({value}) must be a number") from None


def truth(body: Object, name: str) -> bool:
    """False when it is not there."""
    value = str(body.get(name, False)).lower()
    if value not in ("true", "false"):
        raise invalid(f"{name} ({body[name]}) must be TRUE or FALSE")
    return value == "true"
