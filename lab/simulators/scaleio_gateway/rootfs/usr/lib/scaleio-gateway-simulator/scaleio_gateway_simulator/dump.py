# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""scaleio-gateway-simulator-dump: the whole state as JSON, names in place of IDs, sorted.

Two deployments that came to the same give the same text. It reads the state file, not the REST interface.
"""

from __future__ import annotations

import argparse
import json
import sys

from scaleio_gateway_simulator import store
from scaleio_gateway_simulator.daemon import STATE
from scaleio_gateway_simulator.store import Object, Store


def main(argv: list[str]) -> int:
    """Prints the document; 1 and a sentence when there is no state."""
    parser = argparse.ArgumentParser(prog="scaleio-gateway-simulator-dump", description=__doc__)
    parser.add_argument("--state", default=STATE, help="default: %(default)s")
    directory = parser.parse_args(argv).state
    try:
        state = store.read(directory)
    except OSError as error:
        print(f"scaleio-gateway-simulator-dump: {directory}: {error.strerror}", file=sys.stderr)
        return 1
    print(json.dumps(document(state), indent=2, sort_keys=True))
    return 0


def document(state: Store) -> Object:
    """Domains by name, each with its pools, SDSs and fault sets by name; devices by path below their SDS."""
    domains = state.all("ProtectionDomain")
    sdcs = sorted(sdc["sdcIp"] for sdc in state.all("Sdc"))
    return {"protection_domains": {domain["name"]: _domain(state, domain["id"]) for domain in domains}, "sdcs": sdcs}


def _domain(state: Store, identity: str) -> Object:
    sets = {item["id"]: item["name"] for item in state.where("FaultSet", protectionDomainId=identity)}
    pools = {item["id"]: item for item in state.where("StoragePool", protectionDomainId=identity)}
    names = {key: pool["name"] for key, pool in pools.items()}
    return {
        "fault_sets": sorted(sets.values()),
        "storage_pools": {pool["name"]: _pool(state, pool) for pool in pools.values()},
        "sdss": {sds["name"]: _sds(state, sds, sets, names) for sds in state.where("Sds", protectionDomainId=identity)},
    }


def _pool(state: Store, pool: Object) -> Object:
    volumes = state.where("Volume", storagePoolId=pool["id"])
    return {
        "spare_percentage": pool["sparePercentage"],
        "volumes": {
            str(volume["name"] or volume["id"]): {
                "size_kb": volume["sizeInKb"],
                "type": volume["volumeType"],
                "mapped": sorted(item["sdcIp"] for item in volume["mappedSdcInfo"] or []),
            }
            for volume in volumes
        },
    }


def _sds(state: Store, sds: Object, sets: dict[str, str], pools: dict[str, str]) -> Object:
    devices = {
        device["deviceCurrentPathName"]: {
            "name": device["name"],
            "storage_pool": pools.get(device["storagePoolId"]),
            "capacity_kb": device["capacityLimitInKb"],
            "state": device["deviceState"],
            "error": device["errorState"],
        }
        for device in state.where("Device", sdsId=sds["id"])
    }
    return {
        "addresses": sorted(f"{item['ip']} {item['role']}" for item in sds["ipList"]),
        "port": sds["port"],
        "fault_set": sets.get(sds["faultSetId"]),
        "state": sds["sdsState"],
        "connection": sds["mdmConnectionState"],
        "devices": devices,
    }
