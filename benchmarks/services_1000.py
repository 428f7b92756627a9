# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The large cluster of plan_1000.py with its framework at work: every node is known to the scheduler, every device is at the gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import model as marathon
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model as mesos
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import framework_app, framework_model, model

_SECRET = {framework_app.PASSWORD_VARIABLE: "a secret"}
_PARAMS: dict[str, Any] = {
    "app": "/scaleio-scheduler",
    "uris": ["http://mirror/scaleio-scheduler", "http://mirror/scaleio-executor"],
    "cpus": 0.2,
    "mem": 32,
    "constraints": [],
    "flags": {},
    "env": {},
    "timeout": 900.0,
    "mdms": {"primary": ["10.0.0.11"], "secondary": ["10.0.0.12"], "tiebreaker": ["10.0.0.13"]},
    "protection_domain": "default",
    "storage_pool": "default",
    "gateway_address": "10.0.0.11",
    "system_name": "scaleio",
    "system_id": "",
    "password": _SECRET[framework_app.PASSWORD_VARIABLE],
}
_BUSY = "cannot be opened exclusively: Device or resource busy"
_MASTER = "10.0.0.11:5050"


def with_framework(agents: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The cluster a year later: the SDS of each host holds its first disk, a second one has been plugged in, and m1 talks to the services.

    :param agents: as ``plan_1000.observations`` makes them.
    """
    members = [_contributing(agent) for agent in agents]
    front = {"schema": 1, "cluster": "scaleio", "member": "m1", "services": _services(members), "claim": None}
    return [*members, front]


def _contributing(bare: Mapping[str, Any]) -> dict[str, Any]:
    agent, (first, second, *others) = bare["agent"], bare["devices"]
    ((domain, ((pool, _requests),)),) = bare["wanted"]["layout"]["sds"]
    files = {
        **agent["files"],
        "scaleio-sds-domains": domain,
        f"scaleio-sds-{domain}": pool,
        f"scaleio-sds-{pool}": first["path"],
        "scaleio-sdc-domains": domain,
        f"scaleio-sdc-{domain}": pool,
    }
    read = mesos.parse_files(files)
    return {
        **bare,
        "agent": {
            **agent,
            "files": files,
            "running": {**agent["running"], "attributes": mesos.state_of(read)},
            "checkpoint": {**agent["checkpoint"], "attributes": [attribute.to_json() for attribute in read]},
        },
        "framework": {"offers": [first["path"], second["path"]], "error": None},
        "devices": [
            {**first, "free": False, "free_because": [_BUSY]},
            {**second, **{key: first[key] for key in ("taken", "taken_because", "free", "free_because")}}
            | {"mounts": [], "signatures": []},
            *others,
        ],
    }


def _services(members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What m1 sees, in the shape of ``observe_services``."""
    wanted = framework_app.normalise(_PARAMS)
    app = marathon.declare(wanted["app"], framework_app.app(wanted, _MASTER), _SECRET)
    agents = [_at_master(member) for member in members]
    task = {"id": "t1", "host": agents[0]["hostname"], "ports": [31000], "state": "TASK_RUNNING", "startedAt": None}
    in_force = {
        "id": app.id,
        "version": "2026-01-01T00:00:00.000Z",
        "definition": app.definition(),
        "tasks": [task],
        "taskIds": ["t1"],
        "tasksRunning": 1,
        "deployments": [],
        "lastTaskFailure": None,
        "settled": True,
    }
    framework = {"id": "F1", "active": True, "connected": True, "recovered": False, "hostname": agents[0]["hostname"]}
    framework.update(registered_time=1.0, tasks={}, executors={})
    return {
        "wanted": wanted,
        "marathon": {"error": None, "app": in_force, "declared": app.to_json()},
        "scheduler": {
            "url": f"http://{agents[0]['ip']}:31000",
            "error": None,
            "version": "0.3.1",
            "password_matches": True,
            "nodes": {agent["hostname"]: _node(agent) for agent in agents},
        },
        "mesos_framework": {
            "leader": f"http://{_MASTER}",
            "error": None,
            "name": model.FRAMEWORK,
            "registered": "F1",
            "frameworks": [framework],
            "completed": [],
        },
        "agents": agents,
        "leader": _MASTER,
        "gateway": {"url": "https://10.0.0.11", "error": None, "trouble": None, **_gateway(agents)},
    }


def _at_master(member: Mapping[str, Any]) -> dict[str, Any]:
    running = member["agent"]["running"]
    ip = running["pid"].rpartition("@")[2].rpartition(":")[0]
    entry = {"id": running["agent_id"], "hostname": running["hostname"], "active": True, "pid": running["pid"]}
    return {**entry, "ip": ip, "attributes": running["attributes"]}


def _provides(agent: Mapping[str, Any]) -> dict[str, dict[str, list[str]]]:
    provides = model.framework_view(agent["attributes"]).provides
    return {domain: {pool: list(paths) for pool, paths in pools.items()} for domain, pools in provides.items()}


def _node(agent: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "agent_id": agent["id"],
        "task": f"scaleio-{agent['hostname']}",
        "executor": f"executor-scaleio-{agent['hostname']}",
        "ip": agent["ip"],
        "persona": "data",
        "state": framework_model.FINAL_STATE,
        "state_text": framework_model.state_text(framework_model.FINAL_STATE),
        "imperative": True,
        "advertised": False,
        "last_contact": 0,
        "provides": _provides(agent),
    }


def _gateway(agents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    domains: dict[str, Any] = {}
    servers: dict[str, Any] = {}
    for agent in agents:
        ip = agent["ip"]
        for domain, pools in _provides(agent).items():
            servers[ip] = {
                "id": f"sds-{ip}",
                "name": f"sds_{ip}",
                "domain": domain,
                "addresses": [ip],
                "port": 7072,
                "state": "Normal",
                "membership": "Joined",
                "connection": "Connected",
                "maintenance": "NoMaintenance",
            }
            held = domains.setdefault(domain, {"id": domain, "state": "Active", "pools": {}})["pools"]
            for pool, paths in pools.items():
                held.setdefault(pool, {"id": pool, "devices": {}})["devices"][ip] = [
                    _device(ip, path) for path in paths
                ]
    mdms = [_mdm(*_PARAMS["mdms"][role]) for role in framework_app.MDM_ROLES]
    return {
        "system": {"id": "5a1e000000000001", "name": "scaleio", "version": "R2_0.10000.2072"},
        "mdm": {
            "mode": "ThreeNodes",
            "state": "ClusteredNormal",
            "primary": mdms[0],
            "secondaries": mdms[1:2],
            "tiebreakers": mdms[2:],
            "standbys": [],
        },
        "domains": domains,
        "sds": servers,
        "capacity": {"total_kb": 2 * 2**30 * len(servers), "used_kb": 0, "spare_kb": 0},
        "activity": {"rebuild_kb": 0, "rebalance_kb": 0, "degraded_kb": 0, "failed_kb": 0, "maintenance_kb": 0},
    }


def _mdm(address: str) -> dict[str, Any]:
    return {"id": address, "name": "", "addresses": [address], "status": "Normal", "version": "R2_0.10000.2072"}


def _device(ip: str, path: str) -> dict[str, Any]:
    shown = {"id": f"{ip}{path}", "name": path, "path": path, "state": "Normal", "error": "None"}
    return {**shown, "capacity_kb": 2 * 2**30}
