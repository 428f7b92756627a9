# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the objects look to clients, with their links.

System, ProtectionDomain and the forms of links: goscaleio's tests (answers of a R2_0.6035). Sds, StoragePool, Device: delfin's
recorded answers of a 2.5 system, with what came after 2.0 left out. FaultSet, Volume and Sdc: the samples of dellemc.powerflex and of
SIORestToolkit. Numbers are JSON numbers and truths JSON truths, as there.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

from scaleio_gateway_simulator.configuration import MASTER, SLAVE, TIEBREAKER, Configuration, Mdm
from scaleio_gateway_simulator.store import Object, Store

# Relationships of each type, beside that to its parents.
RELATIONSHIPS = {
    "System": ("Statistics", "ProtectionDomain", "Sdc", "User"),
    "ProtectionDomain": ("Statistics", "StoragePool", "Sds", "FaultSet"),
    "StoragePool": ("Statistics", "Volume", "Device"),
    "FaultSet": ("Statistics", "Sds"),
    "Sds": ("Statistics", "Device"),
    "Device": ("Statistics",),
    "Volume": ("Statistics",),
    "Sdc": ("Statistics", "Volume"),
}

# The members that point to a parent.
PARENTS = {
    "ProtectionDomain": {"systemId": "System"},
    "StoragePool": {"protectionDomainId": "ProtectionDomain"},
    "FaultSet": {"protectionDomainId": "ProtectionDomain"},
    "Sds": {"protectionDomainId": "ProtectionDomain", "faultSetId": "FaultSet"},
    "Device": {"sdsId": "Sds", "storagePoolId": "StoragePool"},
    "Volume": {"storagePoolId": "StoragePool"},
    "Sdc": {"systemId": "System"},
}

_COUNTERS = (
    "sdcMdmNetworkDisconnections",
    "sdcSdsNetworkDisconnections",
    "sdcMemoryAllocationFailures",
    "sdcSocketAllocationFailures",
    "sdcLongOperations",
)
_MODES = {1: "SingleNode", 3: "ThreeNodes", 5: "FiveNodes"}


def _windows(short: int, medium: int, long: int) -> Object:
    return {
        name: {"threshold": threshold, "windowSizeInSec": seconds}
        for name, threshold, seconds in (
            ("shortWindow", short, 60),
            ("mediumWindow", medium, 3600),
            ("longWindow", long, 86400),
        )
    }


def system(configuration: Configuration, store: Store, shown: Object) -> Object:
    """The one System. `shown` (hook `cluster`) goes before the truth."""
    identity = shown.get("id", store.system["id"])
    version = configuration.version
    value: Object = {
        "systemVersionName": f"EMC ScaleIO Version: {version}",
        "capacityAlertHighThresholdPercent": 80,
        "capacityAlertCriticalThresholdPercent": 90,
        "remoteReadOnlyLimitState": False,
        "upgradeState": "NoUpgrade",
        **{f"{name}CounterParameters": _windows(300, 500, 700) for name in _COUNTERS},
        "cliPasswordAllowed": True,
        "managementClientSecureCommunicationEnabled": True,
        "tlsVersion": "TLSv1.2",
        "showGuid": True,
        "authenticationMethod": "Native",
        "mdmToSdsPolicy": "None",
        "mdmCluster": {**_mdm_cluster(configuration, store), **shown.get("mdmCluster", {})},
        "installId": store.system["id"][::-1],
        "swid": "",
        "daysInstalled": int((time.time() - store.system["created"]) // 86400),
        "maxCapacityInGb": "Unlimited",
        "capacityTimeLeftInDays": "Unlimited",
        "enterpriseFeaturesEnabled": True,
        "isInitialLicense": True,
        "defaultIsVolumeObfuscated": False,
        "restrictedSdcModeEnabled": False,
        "name": shown.get("name", configuration.system_name),
        "id": identity,
    }
    return {**value, "links": _links("System", value)}


def _mdm_cluster(configuration: Configuration, store: Store) -> Object:
    """Master, slaves and tiebreakers; as in the sample, the master has no status of its own."""

    def member(mdm: Mdm) -> Object:
        role = "TieBreaker" if mdm.role == TIEBREAKER else "Manager"
        status = {} if mdm.role == MASTER else {"status": "Normal"}
        identity = f"{_steady(mdm.name, store):016x}"
        addresses = {"managementIPs": [mdm.ip], "ips": [mdm.ip], "versionInfo": configuration.version}
        return {**addresses, "role": role, **status, "name": mdm.name, "id": identity, "port": 9011}

    mdms = {
        role: [member(mdm) for mdm in configuration.mdms if mdm.role == role] for role in (MASTER, SLAVE, TIEBREAKER)
    }
    return {
        "clusterState": "ClusteredNormal" if len(configuration.mdms) > 1 else "NotClustered",
        "clusterMode": _MODES[len(configuration.mdms)],
        "goodNodesNum": len(configuration.mdms),
        "goodReplicasNum": len(mdms[MASTER]) + len(mdms[SLAVE]),
        "master": mdms[MASTER][0],
        "slaves": mdms[SLAVE],
        "tieBreakers": mdms[TIEBREAKER],
        "name": configuration.system_name,
        "id": str(_steady("cluster", store)),
    }


def _steady(name: str, store: Store) -> int:
    """63 bits that stay the same for a name in a system."""
    return int.from_bytes(hashlib.sha256(f"{store.system['id']} {name}".encode()).digest()[:8], "big") >> 1


def shown(kind: str, item: Object, store: Store) -> Object:
    """An object as clients get it."""
    value = {**_FIXED[kind], **{name: member for name, member in item.items() if not name.startswith("_")}}
    if "systemId" in PARENTS[kind]:
        value["systemId"] = store.system["id"]
    return {**value, "links": _links(kind, value)}


def user(configuration: Configuration, store: Store) -> Object:
    """The one administrator."""
    value: Object = {"userRole": "SuperUser", "passwordChangeRequire": False, "name": configuration.user}
    return {**value, "systemId": store.system["id"], "id": f"{_steady(configuration.user, store):016x}", "links": []}


def _links(kind: str, value: Object) -> list[dict[str, str]]:
    place = f"/api/instances/{kind}::{value['id']}"
    links = [{"rel": "self", "href": place}]
    for name in RELATIONSHIPS[kind]:
        links.append({"rel": f"/api/{kind}/relationship/{name}", "href": f"{place}/relationships/{name}"})
    for member, parent in PARENTS.get(kind, {}).items():
        if value[member]:
            links.append(
                {"rel": f"/api/parent/relationship/{member}", "href": f"/api/instances/{parent}::{value[member]}"}
            )
    return links


_PRIORITIES: dict[str, Any] = {}
for _work, _policy in (("rebuild", "limitNumOfConcurrentIos"), ("rebalance", "favorAppIos")):
    _PRIORITIES |= {
        f"{_work}IoPriorityPolicy": _policy,
        f"{_work}IoPriorityNumOfConcurrentIosPerDevice": 1,
        f"{_work}IoPriorityBwLimitPerDeviceInKbps": 10240,
        f"{_work}IoPriorityAppIopsPerDeviceThreshold": None,
        f"{_work}IoPriorityAppBwPerDeviceThresholdInKbps": None,
        f"{_work}IoPriorityQuietPeriodInMsec": None,
    }

# Members that no request here changes.
_FIXED: dict[str, Object] = {
    "ProtectionDomain": {
        "protectionDomainState": "Active",
        **{f"{name}NetworkThrottlingInKbps": None for name in ("rebuild", "rebalance", "overallIo")},
        **{f"{name}NetworkThrottlingEnabled": False for name in ("rebuild", "rebalance", "overallIo")},
        "sdsDecoupledCounterParameters": _windows(300, 500, 700),
        "sdsConfigurationFailureCounterParameters": _windows(300, 500, 700),
        "mdmSdsNetworkDisconnectionsCounterParameters": _windows(300, 500, 700),
        "sdsSdsNetworkDisconnectionsCounterParameters": _windows(300, 500, 700),
        "sdsReceiveBufferAllocationFailuresCounterParameters": _windows(20000, 200000, 2000000),
    },
    "StoragePool": {
        "rmcacheWriteHandlingMode": "Cached",
        "checksumEnabled": False,
        "useRfcache": False,
        "useRmcache": True,
        "zeroPaddingEnabled": False,
        "rebuildEnabled": True,
        "rebalanceEnabled": True,
        "numOfParallelRebuildRebalanceJobsPerDevice": 2,
        "capacityAlertHighThreshold": 80,
        "capacityAlertCriticalThreshold": 90,
        "backgroundScannerMode": "Disabled",
        "backgroundScannerBWLimitKBps": 0,
        **_PRIORITIES,
    },
    "FaultSet": {},
    "Sds": {
        "drlMode": "Volatile",
        "rmcacheEnabled": True,
        "rmcacheSizeInKb": 131072,
        "rmcacheFrozen": False,
        "rmcacheMemoryAllocationState": "AllocationPending",
        "rfcacheEnabled": False,
        "maintenanceState": "NoMaintenance",
        "sdsDecoupled": None,
        "sdsConfigurationFailure": None,
        "sdsReceiveBufferAllocationFailures": None,
        "authenticationError": "None",
        "numOfIoBuffers": None,
        "onVmWare": False,
    },
    "Device": {"ledSetting": "Off"},
    "Volume": {
        "isObfuscated": False,
        "consistencyGroupId": None,
        "ancestorVolumeId": None,
        "useRmcache": True,
        "mappingToAllSdcsEnabled": False,
        "mappedScsiInitiatorInfo": None,
    },
    "Sdc": {"sdcApproved": True, "onVmWare": False, "mdmConnectionState": "Connected", "perfProfile": "Default"},
}
