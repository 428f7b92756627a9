# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documents of a gateway, for tests of what is pure."""

from __future__ import annotations

from typing import Any

QUIET = {"rebuild_kb": 0, "rebalance_kb": 0, "degraded_kb": 0, "failed_kb": 0, "maintenance_kb": 0}


def an_mdm(address: str, name: str = "", status: str = "Normal") -> dict[str, Any]:
    return {"id": f"id-{address}", "name": name, "addresses": [address], "status": status, "version": "R2_0.10000.2072"}


def an_sds(ip: str, domain: str, *more: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"sds-{ip}",
        "name": f"sds_{ip}",
        "domain": domain,
        "addresses": [ip, *more],
        "port": 7072,
        "state": "Normal",
        "membership": "Joined",
        "connection": "Connected",
        "maintenance": "NoMaintenance",
        **changes,
    }


def a_device(path: str, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"device-{path}",
        "name": path,
        "path": path,
        "state": "Normal",
        "error": "None",
        "capacity_kb": 2 * 2**30,
        **changes,
    }


def a_gateway(
    provided: dict[str, dict[str, dict[str, list[str]]]], sds: dict[str, dict[str, Any]] | None = None, **changes: Any
) -> dict[str, Any]:
    """A healthy, quiet gateway.

    :param provided: domain -> pool -> address -> paths.
    :param sds: by key; one for each address of ``provided`` when None.
    """
    found = {}
    for domain, pools in provided.items():
        for devices in pools.values():
            found.update({ip: an_sds(ip, domain) for ip in devices})
    return {
        "system": {"id": "5a1e000000000001", "name": "scaleio", "version": "R2_0.10000.2072"},
        "mdm": {
            "mode": "ThreeNodes",
            "state": "ClusteredNormal",
            "primary": an_mdm("10.0.0.31", "mdm1"),
            "secondaries": [an_mdm("10.0.0.32", "mdm2")],
            "tiebreakers": [an_mdm("10.0.0.33", "tb")],
            "standbys": [],
        },
        "domains": {
            domain: {
                "id": f"domain-{domain}",
                "state": "Active",
                "pools": {
                    pool: {
                        "id": f"pool-{pool}",
                        "devices": {ip: list(map(a_device, paths)) for ip, paths in devices.items() if paths},
                    }
                    for pool, devices in pools.items()
                },
            }
            for domain, pools in provided.items()
        },
        "sds": found if sds is None else sds,
        "capacity": {"total_kb": 0, "used_kb": 0, "spare_kb": 0},
        "activity": dict(QUIET),
        **changes,
    }
