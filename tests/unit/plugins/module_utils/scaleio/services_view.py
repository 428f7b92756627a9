# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Clusters with their services as tables want them: everything at work and as declared, but for what a test names.

agentNN is at 10.0.0.(10 + NN); m1 talks to the services.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import model as marathon
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import framework_app, framework_model, model
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.gateway_documents import (
    a_gateway,
    an_sds,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import (
    QE_FILES,
    agent,
    disk,
    observation,
    wanted,
)

FRONT = "m1"
PASSWORD = "Pl4nted-Pa55word"
BUSY = "cannot be opened exclusively: Device or resource busy"
SCHEDULER = "http://10.0.0.11:31000"
MARATHON = "http://m1:8080"
MDMS = {"primary": ["10.0.0.31"], "secondary": ["10.0.0.32"], "tiebreaker": ["10.0.0.33"]}
RACK = {"rack": "r1"}

Known = Mapping[str, Mapping[str, Any]]
Provided = Mapping[str, Mapping[str, dict[str, list[str]]]]


# -- members ---------------------------------------------------------------------------------------------------------


def name(number: int) -> str:
    return f"agent{number:02}"


def address(number: int) -> str:
    return f"10.0.0.{10 + number}"


def held(path: str = "/dev/xvdf", **changes: Any) -> dict[str, Any]:
    """A disk that the SDS has open. Its header is nothing that blkid knows."""
    return disk(path, free=False, free_because=[BUSY], **changes)


def member(number: int = 1, files: Mapping[str, str] | None = None, **changes: Any) -> dict[str, Any]:
    """An agent that runs with the article's attributes, its disk held by the SDS.

    :param files: its attribute files.
    :param changes: ``up``, ``running``, ``agent_id`` of the agent; else parts of the observation.
    """
    parts = {key: changes.pop(key) for key in ("up", "running", "agent_id") if key in changes}
    part = agent({**RACK, **QE_FILES} if files is None else files, **{"agent_id": f"S{number}", **parts})
    part["flags"].update(hostname=name(number), ip=address(number))
    if part["running"] is not None:
        part["running"].update(hostname=name(number), pid=f"slave(1)@{address(number)}:5051")
    disks = changes.setdefault("devices", [held()])
    offers = [device["path"] for device in disks if device["taken"]]
    return observation(name(number), agent=part, **{"framework": {"offers": offers, "error": None}, **changes})


def bare(number: int = 1, *, confirmed: Sequence[str] = ("/dev/xvdf",), **changes: Any) -> dict[str, Any]:
    """A member of a global pool: no attributes, its disks confirmed and held by the SDS."""
    declaration = changes.pop("wanted", {})
    said = wanted(**{"method": "global_pool", "sds": None, "global_pool_devices": list(confirmed), **declaration})
    record = {"system": "scaleio", "cluster": "scaleio", "member": name(number), "ordinal": number - 1}
    return member(number, RACK, **{"wanted": said, "identity": record, **changes})


def new(number: int = 1, **changes: Any) -> dict[str, Any]:
    """An agent that is to contribute and has neither attributes nor ever had an SDS."""
    return member(number, RACK, **{"devices": [disk()], **changes})


# -- services --------------------------------------------------------------------------------------------------------


def params(**changes: Any) -> dict[str, Any]:
    """The option ``services`` of the modules."""
    return {
        "app": "/scaleio-scheduler",
        "uris": ["http://mirror/scaleio-scheduler", "http://mirror/scaleio-executor"],
        "cpus": 0.2,
        "mem": 32,
        "constraints": [["hostname", "UNIQUE"]],
        "flags": {},
        "env": {},
        "timeout": 900.0,
        "mdms": MDMS,
        "protection_domain": "default",
        "storage_pool": "default",
        "gateway_address": "10.0.0.40",
        "gateway_port": 443,
        "gateway_ca_file": "",
        "gateway_validate_certs": True,
        "system_name": "scaleio",
        "system_id": "",
        "password": PASSWORD,
        "marathons": [MARATHON],
        "marathon_username": "",
        "marathon_password": "",
        "marathon_ca_file": "",
        "marathon_validate_certs": True,
        **changes,
    }


def app_of(said: Mapping[str, Any], master: str) -> marathon.App:
    """The app of a declaration, as it subscribes at a master."""
    return marathon.declare(said["app"], framework_app.app(said, master), {framework_app.PASSWORD_VARIABLE: PASSWORD})


def task_on(host: str) -> dict[str, Any]:
    """A running task of the scheduler's app."""
    place = {"host": host, "ports": [31000], "state": "TASK_RUNNING"}
    return {"id": "task-1", **place, "startedAt": None, "version": ""}


def app_seen(app: marathon.App, **changes: Any) -> dict[str, Any]:
    """An app in force, with one task, on no member's host."""
    return {
        "id": app.id,
        "version": "v1",
        "definition": app.definition(),
        "tasks": [task_on("elsewhere")],
        "taskIds": ["task-1"],
        "tasksRunning": 1,
        "deployments": [],
        "lastTaskFailure": None,
        "settled": True,
        **changes,
    }


def known(provides: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """A node of the scheduler in its final state: imperative unless ``imperative=False``."""
    state = changes.get("state", framework_model.FINAL_STATE)
    return {
        "agent_id": "S1",
        "task": "scaleio-host",
        "executor": "executor-scaleio-host",
        "ip": "10.0.0.11",
        "persona": "data",
        "state": state,
        "state_text": framework_model.state_text(state),
        "imperative": True,
        "advertised": False,
        "last_contact": 0,
        "provides": provides or {},
        **changes,
    }


def registered(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A framework with its scheduler, as the leading master shows it."""
    shown = {"id": f"F{number}", "active": True, "connected": True, "recovered": False, "hostname": "agent01"}
    return {**shown, "registered_time": 1.0, "tasks": {}, "executors": {}, **changes}


def provides_of(found: Mapping[str, Any]) -> tuple[bool, dict[str, dict[str, list[str]]]]:
    """What the framework makes of an observed member: whether it is imperative, and what it contributes."""
    view = model.framework_view((found["agent"]["running"] or {}).get("attributes", {}))
    if view.imperative:
        return True, {
            domain: {pool: list(paths) for pool, paths in pools.items()} for domain, pools in view.provides.items()
        }
    taken = [device["path"] for device in found["devices"] if device["taken"]]
    return False, {"default": {"default": taken}} if taken else {}


def services(
    *members: Mapping[str, Any],
    nodes: Known | None = None,
    provided: Provided | None = None,
    master: str = "m1:5050",
    leader: str = "m1:5050",
    app: Mapping[str, Any] | None = None,
    gateway: Mapping[str, Any] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """The ``services`` part: a scheduler that runs and knows all members, and a gateway that shows what they contribute.

    :param nodes: what the scheduler knows, by host name, in place of that.
    :param provided: what the gateway shows, as :func:`a_gateway` takes it, in place of that.
    :param master: where the scheduler's app subscribes.
    :param app: changes of the app in force.
    :param gateway: changes of the gateway's document.
    :param changes: ``declared`` (changes of what is declared); else parts in place of the usual ones.
    """
    said = framework_app.normalise(params(**changes.pop("declared", {})))
    declared = None if said["errors"] else app_of(said, master)
    in_force = app_of(framework_app.normalise(params()), master) if declared is None else declared
    usual_nodes, usual_provided, empty = _converged(members)
    shown = a_gateway({name: dict(pools) for name, pools in (usual_provided if provided is None else provided).items()})
    shown["sds"].update(empty if provided is None else {})
    return {
        "wanted": said,
        "marathon": {
            "error": None,
            "app": app_seen(in_force, **(app or {})),
            "declared": None if declared is None else declared.to_json(),
        },
        "scheduler": {
            "url": SCHEDULER,
            "error": None,
            "version": "0.3.1",
            "password_matches": True,
            "nodes": dict(usual_nodes if nodes is None else nodes),
        },
        "mesos_framework": {
            "leader": f"http://{leader}",
            "error": None,
            "name": model.FRAMEWORK,
            "registered": "F1",
            "frameworks": [registered()],
            "completed": [],
        },
        "agents": [agent_of(found) for found in members if found["master"]["agents"]],
        "leader": leader,
        "gateway": {"url": "https://10.0.0.40", "error": None, "trouble": None, **shown, **(gateway or {})},
        **changes,
    }


def agent_of(found: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A member among all agents of the leading master."""
    entry = found["master"]["agents"][0]
    ip = entry["pid"].rpartition("@")[2].rpartition(":")[0]
    return {**{key: entry[key] for key in ("id", "hostname", "active", "pid", "attributes")}, "ip": ip, **changes}


def stranger(
    hostname: str = "agent99", attributes: Mapping[str, str] | None = None, *, active: bool = True
) -> dict[str, Any]:
    """An agent that no inventory names."""
    return {
        "id": "S99",
        "hostname": hostname,
        "active": active,
        "pid": "slave(1)@10.0.0.109:5051",
        "ip": "10.0.0.109",
        "attributes": dict(attributes or {}),
    }


def not_started(part: Mapping[str, Any]) -> dict[str, Any]:
    """The same services before the framework was ever started: neither app nor framework."""
    return {
        **part,
        "marathon": {**part["marathon"], "app": None},
        "scheduler": {
            **part["scheduler"],
            "url": "",
            "error": "ScaleIO scheduler: it does not run, so nobody knows its address; start its app",
            "nodes": None,
            "version": None,
            "password_matches": None,
        },
        "mesos_framework": {**part["mesos_framework"], "registered": None, "frameworks": []},
    }


def front(part: Mapping[str, Any], host: str = FRONT) -> dict[str, Any]:
    """The observation of the host that talks to the services, which is no agent's."""
    return {"schema": 2, "cluster": "scaleio", "member": host, "services": dict(part), "claim": None}


def _converged(members: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """What the scheduler knows, what the gateway shows, and its SDSs without a device."""
    nodes: dict[str, Any] = {}
    provided: dict[str, dict[str, dict[str, list[str]]]] = {}
    empty: dict[str, Any] = {}
    for found in members:
        running = found["agent"]["running"]
        if running is None:
            continue
        imperative, provides = provides_of(found)
        ip = running["pid"].rpartition("@")[2].rpartition(":")[0]
        nodes[running["hostname"]] = known(provides, imperative=imperative, advertised=not imperative, ip=ip)
        for domain, pools in provides.items():
            provided.setdefault(domain, {})
            if not pools:
                empty[ip] = an_sds(ip, domain)
            for pool, paths in pools.items():
                provided[domain].setdefault(pool, {})[ip] = paths
    return nodes, provided, empty
