# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the ScaleIO framework knows of its nodes, by host name, and what holds it up. Pure.

A node's agent ID and offer are those of its first offer, so nothing but the host name tells who it is (recorded:
scaleio-scheduler 0.3.1, agent restarted with other attributes).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.gateway_compare import Finding
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.gateway_model import number, text
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.model import FRAMEWORK

Document = Mapping[str, Any]

# scheduler/types/types.go of thecodeteam/scaleio-framework v0.3.1, as the following.
PERSONAS = {1: "primary", 2: "secondary", 3: "tiebreaker", 4: "data"}
STATES = {
    0: "installs its prerequisites",
    1: "has its prerequisites and waits for the other nodes",
    2: "installs the packages of ScaleIO",
    3: "creates the MDM cluster",
    4: "sets the MDM cluster up",
    5: "waits until its resources are added",
    6: "installs REX-Ray and its isolator",
    7: "waits for the other nodes before its last step",
    8: "reboots",
    1024: "runs",
    2048: "is upgraded",
    4096: "has failed to install and waits for somebody",
}
# From here on a node's resources are added, and not before every node has come so far (scheduler/server/server.go).
RESOURCES_STATE = 5
# Here a node waits until every node has come so far (scaleio-executor, waitForState).
TOGETHER_STATE = 7
FINAL_STATE = 1024
FATAL_STATE = 4096
# Where an executor waits for all nodes -> what it tells the scheduler then. The waiting is a loop of the executor that has told the
# first of them: one that starts there, as under a new scheduler, does nothing but sleep (executor/scaleionodes/dataNode.go).
NEXT_STATES = {1: 2, TOGETHER_STATE: 8}
# An executor that waits for all nodes looks every 5 s, and takes 5 s before a reboot (executor/common/waitstates.go): who has not
# moved for so long does not go on by itself, and for so long a run waits for somebody else to see to it.
RELEASE_SECONDS, HALTED_SECONDS = 15.0, 30.0

_TERMINAL = re.compile(r"TASK_(FINISHED|FAILED|KILLED|LOST|ERROR|DROPPED|GONE|GONE_BY_OPERATOR)\Z")


# -- the scheduler ---------------------------------------------------------------------------------------------------


def scheduler_document(state: Any) -> dict[str, Any] | None:
    """What ``GET /api/state`` says, without the password that it shows to everybody; None where this is no such state.

    :returns: ``address``, ``cluster_name``, ``cluster_id``, ``gateway`` (its ``-scaleio.lbgateway``), ``protection_domain``,
        ``storage_pool``, ``api_version``, ``configured``, ``imperative_seen``, ``experimental``, ``debug``, ``log_level``, ``preconfig``
        (``enabled``, ``primary``, ``secondary``, ``tiebreaker``, ``gateway``) and ``nodes`` by host name: ``agent_id`` (the
        first one), ``task``, ``executor``, ``ip``, ``persona``, ``state``, ``state_text``, ``imperative``, ``advertised``,
        ``last_contact``, ``provides`` (domain -> pool -> paths).
    """
    head = state.get("ScaleIO") if isinstance(state, Mapping) else None
    if not isinstance(head, Mapping):
        return None
    nodes = [] if head.get("Nodes") is None else head["Nodes"]
    if not isinstance(nodes, list) or not all(isinstance(node, Mapping) for node in nodes):
        return None
    preconfig = head.get("Preconfig") or {}
    return {
        "address": text(state.get("scheduleraddress")),
        "cluster_name": text(head.get("clustername")),
        "cluster_id": text(head.get("clusterid")),
        "gateway": text(head.get("lbgateway")),
        "protection_domain": text(head.get("protectiondomain")),
        "storage_pool": text(head.get("storagepool")),
        "api_version": text(head.get("apiversion")),
        "configured": bool(head.get("configured")),
        "imperative_seen": bool(head.get("atleastoneimperative")),
        "experimental": bool(state.get("experimental")),
        "debug": bool(state.get("debug")),
        "log_level": text(state.get("loglevel")),
        "preconfig": {
            "enabled": bool(preconfig.get("preconfigenabled")),
            "primary": text(preconfig.get("preconfigprimdm")),
            "secondary": text(preconfig.get("preconfigsecmdm")),
            "tiebreaker": text(preconfig.get("preconfigtbmdm")),
            "gateway": text(preconfig.get("preconfiggateway")),
        },
        "nodes": {text(node.get("hostname")): node_document(node) for node in nodes},
    }


def node_document(node: Mapping[str, Any]) -> dict[str, Any]:
    """One of ``nodes``."""
    state, persona = number(node.get("state")), number(node.get("persona"))
    return {
        "agent_id": text(node.get("name")),
        "task": text(node.get("taskid")),
        "executor": text(node.get("executorid")),
        "ip": text(node.get("ipaddress")),
        "persona": PERSONAS.get(persona or 0, "unknown"),
        "state": state,
        "state_text": state_text(state),
        "imperative": bool(node.get("imperative")),
        "advertised": bool(node.get("advertised")),
        "last_contact": number(node.get("lastcontact")),
        "provides": provided(node.get("ProvidesDomains")),
    }


def provided(domains: Any) -> dict[str, dict[str, list[str]]]:
    """Domain -> pool -> paths. What is nothing comes as null; a path that was sent twice is listed twice (recorded)."""
    return {
        str(domain): {
            str(pool): list(dict.fromkeys(map(str, (inside or {}).get("devices") or ())))
            for pool, inside in ((held or {}).get("Pools") or {}).items()
        }
        for domain, held in (domains or {}).items()
    }


def state_text(state: int | None) -> str:
    """What a node in this state does, as the end of a sentence."""
    return STATES.get(-1 if state is None else state, f"is in the state {state}, which is no state of version 0.3.1")


def unfinished(hosts: Iterable[str], scheduler: Document) -> list[str]:
    """Which of these hosts have not come to their final state, as sentences."""
    found = []
    for host in hosts:
        node = scheduler["nodes"].get(host)
        if node is None:
            found.append(f"{host} is not known to the framework")
        elif node["state"] != FINAL_STATE:
            found.append(f"{host} {node['state_text']} (state {node['state']})")
    return found


# -- nodes that nobody takes on ----------------------------------------------------------------------------------------


def halted(nodes: Mapping[str, Document]) -> dict[str, int]:
    """The nodes that wait for the others where all have come so far, host name -> state.

    Whoever has come there under this scheduler goes on within seconds. Whoever has not stays for ever, so it is a matter of time
    which of both is seen.

    :param nodes: as :func:`scheduler_document` returns them.
    """
    states = {host: _number(node) for host, node in nodes.items()}
    lowest = min(states.values(), default=-1)
    return {host: lowest for host, state in states.items() if state == lowest and state in NEXT_STATES}


def standing(nodes: Mapping[str, Document]) -> set[str]:
    """The :func:`halted` nodes, and those that wait for nobody else than these."""
    found = set(halted(nodes))
    for together in (RESOURCES_STATE, TOGETHER_STATE):
        if found and found >= {host for host, node in nodes.items() if _number(node) < together}:
            found |= {host for host, node in nodes.items() if node["state"] == together}
    return found


def _number(node: Document) -> int:
    return -1 if node["state"] is None else int(node["state"])


# -- the framework at the master -------------------------------------------------------------------------------------


def agents_document(body: Any) -> list[dict[str, Any]] | None:
    """All agents of ``GET /slaves``; None where this is no such list.

    :returns: ``id``, ``hostname``, ``active``, ``pid``, ``ip`` (which the framework names the SDS after) and ``attributes``.
    """
    if not isinstance(body, Mapping) or not isinstance(body.get("slaves"), list):
        return None
    recovered = [{**item, "active": False} for item in body.get("recovered_slaves") or ()]
    return [
        {
            "id": text(item.get("id")),
            "hostname": text(item.get("hostname")),
            "active": bool(item.get("active")),
            "pid": text(item.get("pid")),
            "ip": _address(text(item.get("pid"))),
            "attributes": dict(item.get("attributes") or {}),
        }
        for item in (*body["slaves"], *recovered)
    ]


def _address(pid: str) -> str:
    """``10.0.0.11`` of ``slave(1)@10.0.0.11:5051``."""
    return pid.rpartition("@")[2].rpartition(":")[0].strip("[]")


def frameworks_document(body: Any, agents: Sequence[Mapping[str, Any]], name: str = FRAMEWORK) -> dict[str, Any] | None:
    """The frameworks of this name in ``GET /frameworks``; None where this is no such list.

    :param agents: as :func:`agents_document` returns them.
    :returns: ``name``; ``registered`` (the id of the one that is active and connected; None where none or several are);
        ``frameworks``, each with ``id``, ``active``, ``connected``, ``recovered``, ``hostname``, ``registered_time``, ``tasks`` (host ->
        ``task``, ``state``, ``agent_id``) and ``executors`` (host -> executor); ``completed``, each with ``id``,
        ``registered_time`` and ``unregistered_time``.
    """
    if not isinstance(body, Mapping) or not isinstance(body.get("frameworks"), list):
        return None
    hosts = {agent["id"]: agent["hostname"] for agent in agents}
    found = [_framework(item, hosts) for item in body["frameworks"] if item.get("name") == name]
    connected = [item["id"] for item in found if is_registered(item)]
    ended = [item for item in body.get("completed_frameworks") or () if item.get("name") == name]
    return {
        "name": name,
        "registered": connected[0] if len(connected) == 1 else None,
        "frameworks": found,
        "completed": [
            {
                "id": text(item.get("id")),
                "registered_time": item.get("registered_time"),
                "unregistered_time": item.get("unregistered_time"),
            }
            for item in ended
        ],
    }


def is_registered(framework: Mapping[str, Any]) -> bool:
    """Whether a scheduler stands behind one of ``frameworks``."""
    return bool(framework["active"] and framework["connected"])


def _framework(item: Mapping[str, Any], hosts: Mapping[str, str]) -> dict[str, Any]:
    def host(what: Mapping[str, Any], key: str) -> str:
        # Its tasks are called scaleio-<host>, its executors executor-scaleio-<host> (recorded: tasks of the framework).
        return hosts.get(text(what.get("slave_id"))) or text(what.get(key)).rpartition("scaleio-")[2]

    # A lost task may stand beside the one that took its place.
    tasks = [task for task in item.get("tasks") or () if not _TERMINAL.match(text(task.get("state")))]
    return {
        "id": text(item.get("id")),
        "active": bool(item.get("active")),
        "connected": bool(item.get("connected")),
        "recovered": bool(item.get("recovered")),
        "hostname": text(item.get("hostname")),
        "registered_time": item.get("registered_time"),
        "tasks": {
            host(task, "id"): {
                "task": text(task.get("id")),
                "state": text(task.get("state")),
                "agent_id": text(task.get("slave_id")),
            }
            for task in tasks
        },
        "executors": {
            host(executor, "executor_id"): text(executor.get("executor_id")) for executor in item.get("executors") or ()
        },
    }


# -- what holds it up ------------------------------------------------------------------------------------------------


def troubles(
    scheduler: Document, mesos_framework: Document, agents: Sequence[Mapping[str, Any]] | None
) -> list[Finding]:
    """What holds the framework up although all services answer.

    The arguments are the parts of an observation; what could not be seen finds nothing here, its ``error`` says why.

    :returns: findings of these kinds. ``unregistered``: the scheduler answers and no framework is registered, as after a
        failover of the master, and for a second after its start. ``several``: more than one is. ``dead``: a node whose agent
        is gone keeps others waiting. ``behind``: a living one does. ``failed``: a node has given up. ``halted``: a living one
        waits for others that have all come so far, and has come to a halt if that lasts.
    """
    found: list[Finding] = []
    if not mesos_framework["error"]:
        name, known = mesos_framework["name"], mesos_framework["frameworks"]
        registered = [item for item in known if is_registered(item)]
        if len(registered) > 1:
            which = ", ".join(f"{item['id']} from {item['hostname'] or 'an unknown host'}" for item in registered)
            sentence = (
                f"{len(registered)} frameworks called {name} are registered ({which}): each starts executors and files devices;"
                f" stop all but the one of the declared app"
            )
            found.append(Finding("several", sentence))
        if not registered and not scheduler["error"]:
            left = ", one that has lost its scheduler is left" if known else ""
            sentence = (
                f"the scheduler at {scheduler['url']} answers, but no framework called {name} is registered at the leading"
                f" master{left}: after a failover of the master it never subscribes again, and what it says is old; restart its"
                f" app"
            )
            found.append(Finding("unregistered", sentence))
    if not scheduler["error"]:
        alive = None if agents is None else {agent["hostname"] for agent in agents if agent["active"]}
        waiting = halted(scheduler["nodes"])
        for host, node in scheduler["nodes"].items():
            gone = alive is not None and host not in alive
            if host in waiting and not gone:
                found.append(_halt(host, node))
            else:
                found += _node_troubles(host, node, gone=gone)
    return found


def _halt(host: str, node: Mapping[str, Any]) -> Finding:
    sentence = (
        f"{host} {node['state_text']} (state {node['state']}), and all have come so far: it goes on within seconds, or never where"
        f" its executor was started anew there, as by a new scheduler"
    )
    return Finding("halted", sentence, host=host, ip=node["ip"])


def _node_troubles(host: str, node: Mapping[str, Any], *, gone: bool) -> list[Finding]:
    state = _number(node)
    place = {"host": host, "ip": node["ip"]}
    if state == FATAL_STATE:
        sentence = f"{host} {node['state_text']}: look into its executor's log on that host, then restart the scheduler"
        return [Finding("failed", sentence, **place)]
    if state < RESOURCES_STATE:
        whom = "no node gets resources"
    elif state < TOGETHER_STATE:
        whom = "no node comes to its end"
    else:
        return []
    if gone:
        sentence = (
            f"{host} {node['state_text']} (state {state}) and its agent is gone; until it goes on {whom}, and the scheduler"
            f" forgets it only when it is restarted"
        )
        return [Finding("dead", sentence, **place)]
    if state < RESOURCES_STATE:
        return [Finding("behind", f"{host} {node['state_text']} (state {state}); until it goes on {whom}", **place)]
    return []
