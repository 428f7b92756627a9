# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers of the framework's scheduler and of masters, in the recorded form (scaleio-scheduler 0.3.1 on mesos 1.11.0)."""

from __future__ import annotations

from typing import Any

NAME = "ScaleIO Framework"
MASTER_ID = "75eecb2e-98fa-4ce0-986b-bd5260fe5b21"
VERSION = {"versionint": 1, "versionstr": "0.3.1"}


def a_node(number: int, state: int, provides: Any = None, **changes: Any) -> dict[str, Any]:
    """A node of ``/api/state``, called node<number>.

    :param provides: domain -> pool -> paths; None at any place for null.
    """
    domains = None
    if provides is not None:
        domains = {
            domain: {
                "name": domain,
                "Pools": (
                    None if pools is None else {pool: {"name": pool, "devices": paths} for pool, paths in pools.items()}
                ),
            }
            for domain, pools in provides.items()
        }
    return {
        "name": f"{MASTER_ID}-S{number}",
        "taskid": f"scaleio-node{number}",
        "executorid": f"executor-scaleio-node{number}",
        "offerid": f"{MASTER_ID}-O{number}",
        "ipaddress": f"10.0.0.1{number}",
        "hostname": f"node{number}",
        "persona": 4,
        "state": state,
        "lastcontact": 0,
        "imperative": provides is not None,
        "advertised": False,
        "ProvidesDomains": domains,
        "ConsumesDomains": None,
        **changes,
    }


def a_state(*nodes: dict[str, Any], password: str = "", **changes: Any) -> dict[str, Any]:
    """``/api/state`` of a scheduler with preconfigured MDMs."""
    return {
        "scheduleraddress": "http://10.0.0.10:35000",
        "loglevel": "debug",
        "debug": False,
        "experimental": False,
        "ScaleIO": {
            "configured": False,
            "clusterid": "",
            "clustername": "scaleio",
            "lbgateway": "",
            "protectiondomain": "gpd",
            "storagepool": "gsp",
            "adminpassword": password,
            "apiversion": "2.0",
            "fakeuseddata": 0,
            "capacitydata": 0,
            "useddata": 0,
            "atleastoneimperative": True,
            "Nodes": list(nodes) or None,
            "Preconfig": {
                "preconfigenabled": True,
                "preconfigprimdm": "10.0.0.31",
                "preconfigsecmdm": "10.0.0.32",
                "preconfigtbmdm": "10.0.0.33",
                "preconfiggateway": "10.0.0.40",
            },
            "Ubuntu14": {"ubuntu14sds": f"https://user:{password}@mirror/sds.deb"},
            **changes,
        },
        "Rexray": {"rexraybranch": "stable", "rexrayversion": "latest"},
    }


def an_agent(number: int, *, active: bool = True, **attributes: Any) -> dict[str, Any]:
    """An entry of ``/slaves``, of the host node<number>."""
    return {
        "id": f"{MASTER_ID}-S{number}",
        "hostname": f"node{number}",
        "pid": f"slave(1)@10.0.0.1{number}:5051",
        "port": 5051,
        "active": active,
        "attributes": attributes,
    }


def a_framework(number: int, hosts: tuple[int, ...] = (), **changes: Any) -> dict[str, Any]:
    """An entry of ``/frameworks`` with a task and an executor on each of the hosts node<n>."""
    found = f"{MASTER_ID}-000{number}"
    return {
        "id": found,
        "name": NAME,
        "hostname": "sched1",
        "active": True,
        "connected": True,
        "recovered": False,
        "failover_timeout": 0.0,
        "checkpoint": False,
        "registered_time": 1795262062.547777,
        "unregistered_time": 0.0,
        "tasks": [
            {"id": f"scaleio-node{n}", "framework_id": found, "slave_id": f"{MASTER_ID}-S{n}", "state": "TASK_RUNNING"}
            for n in hosts
        ],
        "executors": [
            {"executor_id": f"executor-scaleio-node{n}", "framework_id": found, "slave_id": f"{MASTER_ID}-S{n}"}
            for n in hosts
        ],
        **changes,
    }
