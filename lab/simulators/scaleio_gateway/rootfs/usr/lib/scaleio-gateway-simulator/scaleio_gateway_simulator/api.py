# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST interface: who may ask, which request is which action."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Callable

from scaleio_gateway_simulator import render
from scaleio_gateway_simulator.configuration import Configuration
from scaleio_gateway_simulator.errors import Refused, invalid, missing, unauthorized
from scaleio_gateway_simulator.evidence import Evidence
from scaleio_gateway_simulator.http import Request
from scaleio_gateway_simulator.sessions import Sessions
from scaleio_gateway_simulator.store import TYPES, Object
from scaleio_gateway_simulator.volumes import Volumes

VERSION = "2.0"

_Action = Callable[[Object, Object], None]
_ID = "([^/:]*)"


class Api:
    """Answers requests. Those that change something are written down before they are answered."""

    def __init__(self, cluster: Volumes, configuration: Configuration, evidence: Evidence) -> None:
        self._cluster, self._configuration, self._evidence = cluster, configuration, evidence
        seconds = configuration.seconds
        self._sessions = Sessions(seconds["token_age"], seconds["token_idle"])
        self._creators: dict[str, Callable[[Object], Object]] = {
            "ProtectionDomain": cluster.create_protection_domain,
            "StoragePool": cluster.create_storage_pool,
            "FaultSet": cluster.create_fault_set,
            "Sds": cluster.create_sds,
            "Device": cluster.create_device,
            "Volume": cluster.create_volume,
        }
        rename = cluster.renamer
        self._actions: dict[str, dict[str, _Action]] = {
            "ProtectionDomain": {
                "setProtectionDomainName": rename("ProtectionDomain", "name"),
                "removeProtectionDomain": cluster.remove_protection_domain,
            },
            "StoragePool": {
                "setStoragePoolName": rename("StoragePool", "name"),
                "setSparePercentage": cluster.set_spare_percentage,
                "removeStoragePool": cluster.remove_storage_pool,
            },
            "FaultSet": {
                "setFaultSetName": rename("FaultSet", "newName"),
                "removeFaultSet": cluster.remove_fault_set,
            },
            "Sds": {
                "setSdsName": rename("Sds", "name"),
                "removeSds": cluster.remove_sds,
                "abortRemoveSds": cluster.abort_remove_sds,
            },
            "Device": {
                "setDeviceName": rename("Device", "newName"),
                "activateDevice": cluster.activate_device,
                "clearDeviceError": cluster.clear_device_error,
                "removeDevice": cluster.remove_device,
                "abortRemoveDevice": cluster.abort_remove_device,
            },
            "Volume": {
                "setVolumeName": cluster.rename_volume,
                "setVolumeSize": cluster.set_volume_size,
                "addMappedSdc": cluster.add_mapped_sdc,
                "removeMappedSdc": cluster.remove_mapped_sdc,
                "removeVolume": cluster.remove_volume,
            },
            "Sdc": {},
        }
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Any]]] = [
            ("GET", re.compile("/api/version"), lambda: VERSION),
            ("GET", re.compile("/api/types/(\\w+)/instances"), self._list),
            ("POST", re.compile("/api/types/(\\w+)/instances"), self._create),
            ("POST", re.compile("/api/types/(\\w+)/instances/action/queryIdByKey"), cluster.by_key),
            ("POST", re.compile("/api/types/(\\w+)/instances/action/querySelectedStatistics"), self._selected),
            ("GET", re.compile(f"/api/instances/(\\w+)::{_ID}"), self._show),
            ("GET", re.compile(f"/api/instances/(\\w+)::{_ID}/relationships/(\\w+)"), self._related),
            ("POST", re.compile(f"/api/instances/(\\w+)::{_ID}/action/(\\w+)"), self._act),
        ]

    def answer(self, request: Request) -> tuple[int, Any]:
        """Status and value."""
        try:
            value = self._answer(request)
            status = 200
        except Refused as refused:
            status = refused.status
            value = {"message": refused.message, "httpStatusCode": status, "errorCode": refused.code}
        self._evidence.note(request, status, value)
        return status, value

    # -- who asks ------------------------------------------------------------------------------------------------------

    def _answer(self, request: Request) -> Any:
        path = request.target.partition("?")[0]
        user, secret = _credentials(request)
        if (request.method, path) == ("GET", "/api/login"):
            return self._login(user, secret)
        # The user's name is empty or that of the one who logged in (goscaleio sends none, siolib sends it).
        if user not in ("", self._configuration.user) or not self._sessions.use(secret):
            raise unauthorized()
        if (request.method, path) == ("GET", "/api/logout"):
            self._sessions.end(secret)
            return {}
        return self._route(request, path)

    def _login(self, user: str, secret: str) -> str:
        if self._cluster.hooks.refuses("login") or not secret:
            raise unauthorized()
        if (user, secret) != (self._configuration.user, self._configuration.password()):
            raise unauthorized()
        return self._sessions.begin(user)

    # -- which request -------------------------------------------------------------------------------------------------

    def _route(self, request: Request, path: str) -> Any:
        found = [
            (method, match, handler) for method, pattern, handler in self._routes if (match := pattern.fullmatch(path))
        ]
        if not found:
            raise Refused(f"{path}: no such resource", status=404)
        chosen = [(match, handler) for method, match, handler in found if method == request.method]
        if not chosen:
            raise Refused(f"{path}: {request.method} is not supported", status=405)
        match, handler = chosen[0]
        arguments: list[Any] = list(match.groups())
        if request.method == "POST":
            arguments.append(_body(request))
        cluster = self._cluster
        with cluster.lock:
            cluster.advance()
            value = handler(*arguments)
            if request.method == "POST":
                cluster.advance()
                cluster.store.save()
            return value

    def _list(self, kind: str) -> list[Object]:
        if kind == "System":
            return [self._system()]
        if kind not in TYPES:
            raise Refused(f"{kind}: no such type", status=404)
        return self._shown(kind, self._cluster.store.all(kind))

    def _create(self, kind: str, body: Object) -> Object:
        if kind not in self._creators:
            raise Refused(f"{kind}: cannot be created", status=404)
        return {"id": self._creators[kind](body)["id"]}

    def _show(self, kind: str, identity: str) -> Object:
        if kind == "System":
            return self._own_system(identity)
        return self._shown(kind, [self._cluster.get(kind, identity)])[0]

    def _act(self, kind: str, identity: str, action: str, body: Object) -> Object:
        item = self._cluster.get(kind, identity)
        if action not in self._actions[kind]:
            raise Refused(f"{action}: no such action of {kind}", status=404)
        self._actions[kind][action](item, body)
        return {}

    def _related(self, kind: str, identity: str, relationship: str) -> Any:
        item = self._own_system(identity) if kind == "System" else self._cluster.get(kind, identity)
        if relationship not in render.RELATIONSHIPS[kind]:
            raise Refused(f"{relationship}: no such relationship of {kind}", status=404)
        if relationship == "Statistics":
            return self._statistics(kind, item)
        if relationship == "User":
            return [render.user(self._configuration, self._cluster.store)]
        if kind == "System":
            return self._list(relationship)
        if kind == "Sdc":
            volumes = self._cluster.store.all("Volume")
            ids = [volume for volume in volumes if any(m["sdcId"] == identity for m in volume["mappedSdcInfo"] or [])]
            return self._shown("Volume", ids)
        member = next(name for name, parent in render.PARENTS[relationship].items() if parent == kind)
        return self._shown(relationship, self._cluster.store.where(relationship, **{member: identity}))

    def _shown(self, kind: str, items: list[Object]) -> list[Object]:
        return [render.shown(kind, item, self._cluster.store) for item in items]

    def _system(self) -> Object:
        return render.system(self._configuration, self._cluster.store, self._cluster.hooks.cluster())

    def _own_system(self, identity: str) -> Object:
        system = self._system()
        if identity != system["id"]:
            raise Refused("Could not find the System", 3)
        return system

    # -- figures -------------------------------------------------------------------------------------------------------

    def _statistics(self, kind: str, item: Object) -> Object:
        """Figures and numbers of children, as of a 2.0 system; also the children's IDs."""
        store = self._cluster.store
        meter = self._cluster.meter()
        pools = store.all("StoragePool")
        share: Callable[[Object], bool] | None = None
        counted: tuple[str, ...] = ("StoragePool", "Sds", "Device", "Volume", "FaultSet")
        if kind == "System":
            counted = ("ProtectionDomain", *counted, "Sdc")
        elif kind == "ProtectionDomain":
            pools = store.where("StoragePool", protectionDomainId=item["id"])
        elif kind == "StoragePool":
            pools, counted = [item], ("Device", "Volume")
        elif kind == "Volume":
            pools, counted = [], ()
        else:
            share, counted = _belongs(kind, item, meter.unit), ("Device",)
        figures = meter.statistics(pools, share)
        for child in counted:
            items = [
                one
                for one in store.all(child)
                if _below(one, kind, item["id"], store.get) and (not share or share(one))
            ]
            plural = {"Sds": "Sds", "Sdc": "Sdc"}.get(child, f"{child}s")
            figures[f"numOf{plural}"] = len(items)
            figures[f"{child[0].lower()}{child[1:]}Ids"] = [one["id"] for one in items]
        if "Volume" in counted:
            volumes = [store.get("Volume", identity) or {} for identity in figures["volumeIds"]]
            figures["numOfUnmappedVolumes"] = sum(not volume["mappedSdcInfo"] for volume in volumes)
            figures["numOfThickBaseVolumes"] = sum(volume["volumeType"] == "ThickProvisioned" for volume in volumes)
            figures["numOfThinBaseVolumes"] = len(volumes) - figures["numOfThickBaseVolumes"]
            figures["numOfVtrees"] = len(volumes)
        return figures

    def _selected(self, kind: str, body: Object) -> Object:
        """Chosen figures by ID; of the System without IDs (siolib: systempool_size, storagepool_size)."""
        if kind not in ("System", *TYPES):
            raise Refused(f"{kind}: no such type", status=404)
        if "properties" not in body:
            raise missing("properties")
        if kind == "System":
            return _chosen(self._statistics(kind, self._system()), body["properties"])
        if "allIds" in body:
            items = self._cluster.store.all(kind)
        else:
            items = [self._cluster.get(kind, identity) for identity in body.get("ids", [])]
        return {item["id"]: _chosen(self._statistics(kind, item), body["properties"]) for item in items}


def _belongs(kind: str, item: Object, unit: Callable[[Object], str]) -> Callable[[Object], bool]:
    """Whether a device is, or is of, an object."""
    if kind == "FaultSet":
        return lambda device: unit(device) == item["id"]
    member = "id" if kind == "Device" else "sdsId"
    return lambda device: bool(device[member] == item["id"])


def _below(item: Object, kind: str, identity: str, get: Callable[[str, str], Object | None]) -> bool:
    """Whether an object hangs below a domain or pool, directly or by its pool."""
    if kind == "ProtectionDomain" and "storagePoolId" in item:
        pool = get("StoragePool", item["storagePoolId"]) or {}
        return bool(pool.get("protectionDomainId") == identity)
    member = {"ProtectionDomain": "protectionDomainId", "StoragePool": "storagePoolId"}.get(kind)
    return member is None or item.get(member) == identity


def _chosen(figures: Object, names: list[str]) -> Object:
    unknown = [name for name in names if name not in figures]
    if unknown:
        raise invalid(f"{', '.join(unknown)}: no such property")
    return {name: figures[name] for name in names}


def _credentials(request: Request) -> tuple[str, str]:
    """User and password or token of basic authentication; empty where there is none."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, secret


def _body(request: Request) -> Object:
    """The JSON object of a POST; an action may come without.

    The text of the refusal is a gateway's own (issue 49 of dell/ansible-powerflex).
    """
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise invalid("Request header Content-Type should be application/json")
    try:
        body = json.loads(request.body or b"{}")
    except ValueError:
        raise invalid("Request message is not valid: the body is no JSON") from None
    if not isinstance(body, dict):
        raise invalid("Request message is not valid: the body is no object")
    return body
