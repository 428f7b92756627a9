# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A gateway in memory behind a fake machine, as strict as the machine: it fails the test on any request of another form.

Paths, links, bodies and refusals are those that scaleio-scheduler 0.3.1 was recorded with.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core import web
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import WebError
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.gateway import Gateway, GatewaySettings
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import FakeMachine, Unexpected

URL = "https://gw"
PASSWORD = "Pl4nted-Pa55word"
SYSTEM_ID = "5a1e000000000001"
MEDIA_TYPE = "application/json;version=2.0"

_FIELDS = {
    "ProtectionDomain": {"name"},
    "StoragePool": {"name", "protectionDomainId"},
    "Sds": {"name", "sdsIpList", "protectionDomainId"},
    "Device": {"name", "deviceCurrentPathname", "storagePoolId", "sdsId", "testMode"},
}
_RELATIONS = {
    "System": ("ProtectionDomain", "Statistics"),
    "ProtectionDomain": ("StoragePool", "Sds"),
    "StoragePool": ("Device",),
    "Sds": (),
    "Device": (),
}


def settings(url: str = URL, **more: Any) -> GatewaySettings:
    return GatewaySettings(url, web.Credentials("admin", PASSWORD), **more)


class FakeGateway(FakeMachine):
    """See the module's text. Everything else of the machine is as :class:`FakeMachine` has it.

    :ivar told: every request as ``METHOD path`` in order.
    :ivar password: what the gateway takes for admin's.
    :ivar system: the System, to be changed by tests.
    :ivar statistics: the System's, likewise.
    :ivar refuse: a path (with its method) and the (status, text) to answer in place of the truth; callables decide by body.
    :ivar members: what queryMdmCluster answers; None for no such path.
    """

    def __init__(self, *, flat: bool = True) -> None:
        super().__init__()
        self.told: list[str] = []
        self.bodies: list[Any] = []
        self.password = PASSWORD
        self.flat = flat
        self.refuse: dict[str, list[tuple[int, str]]] = {}
        self.on_create: Callable[[str, Any], tuple[int, str] | None] = lambda kind, body: None
        self.tokens: list[str] = []
        self.live: set[str] = set()
        self.silent = ""
        mdm = {"versionInfo": "R2_0.10000.2072", "status": "Normal"}
        cluster = {
            "clusterMode": "ThreeNodes",
            "clusterState": "ClusteredNormal",
            "master": {"id": "1", "name": "mdm1", "ips": ["10.0.0.31"], **mdm},
            "slaves": [{"id": "2", "name": "mdm2", "ips": ["10.0.0.32"], **mdm}],
            "tieBreakers": [{"id": "3", "name": None, "ips": ["10.0.0.33"], **mdm}],
            "standbyMDMs": [],
        }
        self.system: dict[str, Any] = {
            "id": SYSTEM_ID,
            "name": "scaleio",
            "systemVersionName": "EMC ScaleIO Version: R2_0.10000.2072",
            "mdmCluster": cluster,
        }
        self.members: dict[str, Any] | None = None
        self.statistics: dict[str, Any] = {
            **{f"{way}RebuildCapacityInKb": 0 for way in ("fwd", "bck", "norm")},
            "rebalanceCapacityInKb": 0,
            "degradedHealthyCapacityInKb": 0,
            "degradedFailedCapacityInKb": "0",
            "failedCapacityInKb": 0,
            "inMaintenanceCapacityInKb": 0,
            "maxCapacityInKb": "17932736512",
            "capacityInUseInKb": 3825209344,
        }
        self.objects: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in _FIELDS}
        self._count = 1

    def session(self, **more: Any) -> Gateway:
        return Gateway(self, settings(**more))

    def put(self, kind: str, /, **fields: Any) -> str:
        """Put an object there."""
        self._count += 1
        found = f"{self._count:016x}"
        self.objects[kind][found] = fields
        return found

    def tree(self, below: str = "/") -> dict[str, str]:
        """What stands at the gateway, by names: to compare end states."""
        if below != "/":
            return super().tree(below)
        shown = {}
        for kind, objects in self.objects.items():
            for item in objects.values():
                parents = [str(item[key]) for key in ("protectionDomainId", "storagePoolId", "sdsId") if key in item]
                named = [self._name(parent) for parent in parents]
                shown[" ".join([kind, *named, str(item["name"])])] = ""
        return dict(sorted(shown.items()))

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: Any = None,
        media_type: str = "application/json",
        credentials: web.Credentials = web.ANONYMOUS,
        deadline: float = 5.0,
    ) -> web.Answer:
        if not url.startswith(f"{URL}/api/"):
            return super().fetch(
                url, method=method, body=body, media_type=media_type, credentials=credentials, deadline=deadline
            )
        path = url[len(URL) :]
        self.requests.append((method, url, body))
        self.told.append(f"{method} {path}")
        if body is not None:
            self.bodies.append(json.loads(json.dumps(body)))
        if media_type != MEDIA_TYPE:
            raise Unexpected(f"{method} {path} as {media_type}")
        if self.silent:
            raise WebError("no answer", where=f"{method} {url}", seen=self.silent, todo="check the address")
        status, text = self._answer(method, path, body, credentials)
        return web.Answer(status, {}, text)

    # -- how it answers ---------------------------------------------------------------------------------------------

    def _answer(self, method: str, path: str, body: Any, credentials: web.Credentials) -> tuple[int, str]:
        planned = self.refuse.get(f"{method} {path}")
        if planned:
            return planned.pop(0) if len(planned) > 1 else planned[0]
        if path == "/api/login":
            if (credentials.username, credentials.password) != ("admin", self.password):
                return refusal(401, "Unauthorized")
            self.tokens.append(f"TOKEN{len(self.tokens) + 1}")
            self.live.add(self.tokens[-1])
            return 200, json.dumps(self.tokens[-1])
        if credentials.username:
            raise Unexpected(f"{method} {path} with the user {credentials.username}")
        if credentials.password not in self.live:
            return refusal(401, "Unauthorized")
        if path == "/api/logout":
            self.live.discard(credentials.password)
            return 200, ""
        return self._known(method, path, body)

    def _known(self, method: str, path: str, body: Any) -> tuple[int, str]:
        if (method, path) == ("GET", "/api/types/System/instances"):
            return 200, json.dumps([self._linked("System", SYSTEM_ID, self.system)])
        if (method, path) == ("POST", "/api/instances/System/queryMdmCluster") and self.members and body == {}:
            return 200, json.dumps(self.members)
        parts = path.split("/")
        if method == "GET" and parts[2] == "instances" and parts[4:5] == ["relationships"]:
            kind, _, found = parts[3].partition("::")
            return 200, json.dumps(self._related(kind, found, parts[5]))
        if method == "POST" and parts[2] == "types" and parts[4:] == ["instances"] and parts[3] in self.objects:
            return self._create(parts[3], body)
        raise Unexpected(f"unexpected request {method} {path} {body}")

    def _related(self, kind: str, found: str, relation: str) -> Any:
        if kind == "System":
            if relation == "Statistics":
                return self.statistics
            parent = ""
        else:
            parent = {"StoragePool": "protectionDomainId", "Sds": "protectionDomainId", "Device": "storagePoolId"}[
                relation
            ]
        return [
            self._linked(relation, key, self._shown(relation, item))
            for key, item in self.objects[relation].items()
            if not parent or item[parent] == found
        ]

    def _create(self, kind: str, body: Any) -> tuple[int, str]:
        if set(body) != _FIELDS[kind]:
            raise Unexpected(f"a {kind} with {body}")
        answer = self.on_create(kind, body)
        if answer:
            return answer
        with self._effect(f"create {kind} {body['name']}"):
            return 200, json.dumps({"id": self.put(kind, **body)})

    def _shown(self, kind: str, item: dict[str, Any]) -> dict[str, Any]:
        shown = dict(item)
        if kind == "Sds":
            entries = shown.pop("sdsIpList")
            shown["ipList"] = [entry["SdsIp"] for entry in entries] if self.flat else entries
            well = {
                "sdsState": "Normal",
                "membershipState": "Joined",
                "maintenanceState": "NoMaintenance",
                "port": 7072,
            }
            shown = {**well, "mdmConnectionState": "Connected", **shown}
        if kind == "Device":
            shown["deviceCurrentPathName"] = shown.pop("deviceCurrentPathname")
            del shown["testMode"]
            shown = {"deviceState": "Normal", "errorState": "None", "maxCapacityInKb": "942668800", **shown}
        if kind == "ProtectionDomain":
            shown = {"protectionDomainState": "Active", **shown}
        return shown

    def _linked(self, kind: str, found: str, item: dict[str, Any]) -> dict[str, Any]:
        own = f"/api/instances/{kind}::{found}"
        links = [{"rel": "self", "href": own}]
        links += [
            {"rel": f"/api/{kind}/relationship/{relation}", "href": f"{own}/relationships/{relation}"}
            for relation in _RELATIONS[kind]
        ]
        return {"links": links, **item, "id": found}

    def _name(self, found: str) -> str:
        return next(str(objects[found]["name"]) for objects in self.objects.values() if found in objects)


def refusal(status: int, message: str, code: int = 0) -> tuple[int, str]:
    """A refusal in the gateway's form."""
    return status, json.dumps({"message": message, "httpStatusCode": status, "errorCode": code})


def a_cluster(*, flat: bool = True) -> FakeGateway:
    """One domain with one pool, an SDS and its device."""
    gateway = FakeGateway(flat=flat)
    domain = gateway.put("ProtectionDomain", name="engineering")
    pool = gateway.put("StoragePool", name="qe", protectionDomainId=domain)
    sds = gateway.put(
        "Sds",
        name="sds_10.0.0.11",
        sdsIpList=[{"SdsIp": {"ip": "10.0.0.11", "role": "all"}}],
        protectionDomainId=domain,
    )
    gateway.put(
        "Device",
        name="/dev/xvdf",
        deviceCurrentPathname="/dev/xvdf",
        storagePoolId=pool,
        sdsId=sds,
        testMode="testAndActivate",
    )
    return gateway
