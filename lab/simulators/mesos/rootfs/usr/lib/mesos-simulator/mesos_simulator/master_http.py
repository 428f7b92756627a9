# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The master's endpoints (mesos 1.11.0 src/master/http.cpp, src/master/readonly_handler.cpp; recorded master HTTP)."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from typing import Any, Callable
from urllib.parse import quote

from mesos_simulator import (
    attributes,
    auth,
    build,
    calls,
    daemon,
    election,
    http,
    link,
    resources,
    scheduler_http,
    work,
)
from mesos_simulator.frameworks import Framework, Offer
from mesos_simulator.master import AgentRecord, Master

_STATES = "STAGING STARTING RUNNING KILLING FINISHED KILLED FAILED LOST ERROR UNREACHABLE".split()


def install(router: http.Router, master: Master) -> None:
    """All routes of a master."""
    Endpoints(master).install(router)


class Endpoints:
    """Handlers of one master."""

    def __init__(self, master: Master) -> None:
        self._master = master
        flags = master.flags
        self._authenticator = auth.Authenticator(
            "master",
            master.credentials,
            readonly=flags["authenticate_http_readonly"],
            readwrite=flags["authenticate_http_readwrite"],
            scheduler=flags["authenticate_http_frameworks"],
        )
        self._scheduler = scheduler_http.Endpoint(master, self._authenticator)

    def install(self, router: http.Router) -> None:
        def readonly(handler: http.Handler) -> http.Handler:
            return self._authenticator.guard("readonly", handler)

        for path, view in (
            ("/slaves", slaves),
            ("/state", state),
            ("/state-summary", state_summary),
            ("/frameworks", frameworks),
            ("/tasks", tasks),
            ("/roles", roles),
        ):
            router.own(path, readonly(self._leading(path, self._shown(view))))
        for path in ("/maintenance/schedule", "/maintenance/status"):
            router.own(path, self._authenticator.guard("readwrite", self._leading(path, self._maintenance)))
        for path, handler in (
            ("/teardown", self._teardown),
            ("/machine/down", self._machine),
            ("/machine/up", self._machine),
            ("/api/v1", self._api),
        ):
            router.own(path, self._authenticator.guard("readwrite", self._leading(path, handler)))
        path = "/api/v1/scheduler"
        router.own(
            path, self._authenticator.guard("scheduler", self._leading(path, self._scheduler.answer, locked=False))
        )
        router.own("/flags", readonly(self._flags))
        router.own("/health", self._health)
        router.own("/redirect", self._redirect)
        router.own("/", self._page)
        router.shared("/simulator/agent", self._agent_link)
        router.shared("/simulator/leader", self._private(lambda question: {"leader": self._master.leader()}))
        router.shared(election.PATH, self._private(self._master.election.answer))
        daemon.shared_routes(router, self._metrics, readonly)

    # --- between simulators ---

    def _private(self, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> http.Handler:
        def handler(request: http.Request, _: socket.socket) -> http.Response:
            if http.PRIVATE_HEADER not in request.headers:
                return http.plain_status(404)
            return http.json_call(answer(link.read_question(request.body)))

        return handler

    def _agent_link(self, request: http.Request, connection: socket.socket) -> http.Response:
        if http.PRIVATE_HEADER not in request.headers:
            return http.plain_status(404)
        if not self._master.election.leads or not self._master.recovered:
            return http.text(503, "No leader elected")
        connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        self._master.serve_agent(connection)
        raise http.Upgraded

    # --- leadership ---

    def _leading(self, path: str, handler: http.Handler, *, locked: bool = True) -> http.Handler:
        """`handler` on the leader; a redirect to it on the others; 503 while there is none (recorded: ZooKeeper, redirect).

        One that is not `locked` takes the master's lock itself.
        """

        def guarded(request: http.Request, connection: socket.socket) -> http.Response:
            if not self._master.election.leads:
                return self._to_leader(f"/master{path}", request.query)
            with self._master.lock:
                if not self._master.recovered:
                    return http.text(503, "Master has not finished recovery")
                if locked:
                    return handler(request, connection)
            return handler(request, connection)

        return guarded

    def _to_leader(self, path: str, query: dict[str, str]) -> http.Response:
        leader = self._master.leader()
        if leader is None:
            return http.text(503, "No leader elected")
        # Scheme-relative, with the leader's host name and the keys of the query in another order.
        pairs = "&".join(f"{quote(name)}={quote(value)}" for name, value in sorted(query.items()))
        location = f"//{leader['hostname']}:{leader['port']}{path}" + (f"?{pairs}" if pairs else "")
        return http.Response(307, b"", (("Location", location),))

    def _redirect(self, request: http.Request, _: socket.socket) -> http.Response:
        """/redirect answers 307 on the leader too; a path below it is nothing."""
        if request.path.rstrip("/") not in ("/redirect", "/master/redirect"):
            return http.plain_status(404)
        return self._to_leader("", {})

    # --- local endpoints ---

    def _health(self, request: http.Request, _: socket.socket) -> http.Response:
        return http.Response(200)

    def _flags(self, request: http.Request, _: socket.socket) -> http.Response:
        return http.json_endpoint({"flags": self._master.flags.texts()}, request)

    def _page(self, request: http.Request, _: socket.socket) -> http.Response:
        page = b"<!DOCTYPE html>\n<html><head><title>Mesos</title></head><body>Simulated Mesos master</body></html>\n"
        return http.Response(200, page, (("Content-Type", "text/html"),), True)

    def _metrics(self) -> dict[str, float]:
        return metrics(self._master)

    # --- leader's endpoints ---

    def _shown(self, view: Callable[[Master, dict[str, str]], Any]) -> http.Handler:
        def handler(request: http.Request, _: socket.socket) -> http.Response:
            return http.json_endpoint(view(self._master, request.query), request)

        return handler

    def _maintenance(self, request: http.Request, _: socket.socket) -> http.Response:
        """Maintenance is not simulated: there is never a schedule, and none can be posted."""
        if request.method == "POST":
            return http.plain_status(501)
        return http.json_endpoint({}, request)

    def _machine(self, request: http.Request, _: socket.socket) -> http.Response:
        return http.plain_status(501) if request.method == "POST" else http.method_not_allowed(request.method)

    def _teardown(self, request: http.Request, _: socket.socket) -> http.Response:
        if request.method != "POST":
            return http.method_not_allowed(request.method)
        framework_id = http.parse_pairs(request.body.decode("utf-8", "replace")).get("frameworkId")
        if framework_id is None:
            return http.text(400, "Missing 'frameworkId' query parameter in the request body")
        if not self._master.scheduling.teardown(framework_id):
            return http.text(400, "No framework found with specified ID")
        return http.Response(200)

    def _api(self, request: http.Request, _: socket.socket) -> http.Response:
        try:
            call = calls.read_master_call(request)
        except calls.Rejected as rejected:
            return rejected.response
        kind = call["type"]
        if kind in _ACTIONS:
            return _ACTIONS[kind](self._master, call[kind.lower()])
        if kind in _ANSWERS:
            return http.json_call({"type": kind, kind.lower(): _ANSWERS[kind](self._master)})
        return http.plain_status(501)


# --- endpoints ---


def _newest_first(master: Master) -> list[AgentRecord]:
    """The order of the recorded answers: the agent admitted last comes first."""
    return list(reversed(list(master.agents.values())))


def _used(master: Master, record: AgentRecord) -> list[dict[str, Any]]:
    """What frameworks hold on an agent."""
    return [item for one in master.scheduling.registered.values() for item in one.used(record.agent_id)]


def _offered(master: Master, record: AgentRecord) -> list[dict[str, Any]]:
    return [item for one in master.scheduling.registered.values() for item in one.offered(record.agent_id)]


def _slave(master: Master, record: AgentRecord) -> dict[str, Any]:
    """One agent in /slaves, /state and /state-summary (readonly_handler.cpp: SlaveWriter)."""
    total = record.total()
    found: dict[str, Any] = {
        "id": record.agent_id,
        "hostname": record.info["hostname"],
        "port": record.info["port"],
        "attributes": attributes.members(record.info["attributes"]),
    }
    if "domain" in record.info:
        found["domain"] = record.info["domain"]
    found.update(pid=record.pid, registered_time=record.registered_time)
    if record.reregistered_time is not None:
        found["reregistered_time"] = record.reregistered_time
    found.update(
        resources=resources.totals(total),
        used_resources=resources.totals(_used(master, record)),
        offered_resources=resources.totals(_offered(master, record)),
        reserved_resources={role: resources.totals(items) for role, items in resources.by_role(total).items()},
        unreserved_resources=resources.totals(item for item in total if not resources.is_reserved(item)),
        active=record.active,
        deactivated=record.deactivated,
        version=record.version,
        capabilities=build.AGENT_CAPABILITIES,
    )
    return found


def _recovered(master: Master) -> list[dict[str, Any]]:
    return [
        {
            "id": agent_id,
            "hostname": info["hostname"],
            "port": info["port"],
            "attributes": attributes.members(info["attributes"]),
        }
        for agent_id, info in master.recovered_agents.items()
    ]


def slaves(master: Master, query: dict[str, str]) -> dict[str, Any]:
    """GET /slaves; ?slave_id= leaves one, or none."""
    wished = query.get("slave_id")
    shown = []
    for record in _newest_first(master):
        if wished in (None, record.agent_id):
            total = record.total()
            reserved = resources.by_role(total)
            shown.append(
                {
                    **_slave(master, record),
                    "reserved_resources_full": {
                        role: [resources.endpoint_form(item) for item in items] for role, items in reserved.items()
                    },
                    "unreserved_resources_full": [
                        resources.endpoint_form(item) for item in total if not resources.is_reserved(item)
                    ],
                    "used_resources_full": [resources.endpoint_form(item) for item in _used(master, record)],
                    "offered_resources_full": [resources.endpoint_form(item) for item in _offered(master, record)],
                }
            )
    recovered = [item for item in _recovered(master) if wished in (None, item["id"])]
    return {"slaves": shown, "recovered_slaves": recovered}


def state(master: Master, query: dict[str, str]) -> dict[str, Any]:
    """GET /state."""
    records = _newest_first(master)
    active = sum(1 for record in records if record.active)
    found: dict[str, Any] = {
        **build.STATE_HEAD,
        "start_time": master.start_time,
        "elected_time": master.elected_time,
        "id": master.master_id,
        "pid": master.pid,
        "hostname": master.hostname,
        "capabilities": ["AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"],
        "activated_slaves": float(active),
        "deactivated_slaves": float(len(records) - active),
        "unreachable_slaves": float(len(master.registry.state["unreachable"])),
        "leader": master.pid,
        "leader_info": {
            "id": master.master_id,
            "pid": master.pid,
            "port": master.address[1],
            "hostname": master.hostname,
        },
    }
    for name in ("cluster", "log_dir"):
        if master.flags[name]:
            found[name] = master.flags[name]
    found.update(flags=master.flags.texts(), slaves=[_slave(master, record) for record in records])
    found.update(recovered_slaves=_recovered(master), **frameworks(master, query))
    found["orphan_tasks"] = []
    for name in ("completed_frameworks", "orphan_tasks", "unregistered_frameworks"):
        found[name] = found.pop(name)
    return found


def state_summary(master: Master, query: dict[str, str]) -> dict[str, Any]:
    """GET /state-summary."""
    shown = []
    for record in _newest_first(master):
        counts = dict.fromkeys((f"TASK_{name}" for name in _STATES), 0)
        working = []
        for framework in master.scheduling.registered.values():
            tasks = framework.tasks_on(record.agent_id)
            for task in tasks:
                if task["state"] in counts:
                    counts[task["state"]] += 1
            if tasks or record.agent_id in framework.executors:
                working.append(framework.framework_id)
        shown.append({**_slave(master, record), **counts, "framework_ids": working})
    summary: dict[str, Any] = {"hostname": master.hostname}
    if master.flags["cluster"]:
        summary["cluster"] = master.flags["cluster"]
    known = [_framework(framework) for framework in master.scheduling.registered.values()]
    return {**summary, "slaves": shown, "frameworks": known}


def frameworks(master: Master, query: dict[str, str]) -> dict[str, Any]:
    """GET /frameworks; ?framework_id= leaves one, or none."""
    wished = query.get("framework_id")

    def shown(known: Iterable[Framework]) -> list[dict[str, Any]]:
        return [_framework(framework) for framework in known if wished in (None, framework.framework_id)]

    scheduling = master.scheduling
    return {
        "frameworks": shown(scheduling.registered.values()),
        "completed_frameworks": shown(scheduling.completed.values()),
        "unregistered_frameworks": [],
    }


def _framework(framework: Framework) -> dict[str, Any]:
    """readonly_handler.cpp: FullFrameworkWriter; recorded: the ScaleIO framework."""
    info, used, offered = framework.info, framework.used(), framework.offered()
    shown = {
        "id": framework.framework_id,
        "name": info["name"],
        "used_resources": resources.totals(used),
        "offered_resources": resources.totals(offered),
        "capabilities": [entry["type"] for entry in info.get("capabilities", [])],
        "hostname": info.get("hostname", ""),
        "webui_url": info.get("webui_url", ""),
        "active": framework.active,
        "connected": framework.connected,
        "recovered": framework.recovered,
        "user": info["user"],
        "failover_timeout": info.get("failover_timeout", 0.0),
        "checkpoint": info.get("checkpoint", False),
        "registered_time": framework.registered_time,
        "unregistered_time": framework.unregistered_time,
    }
    if "principal" in info:
        shown["principal"] = info["principal"]
    if framework.reregistered_time is not None:
        shown["reregistered_time"] = framework.reregistered_time
    shown["resources"] = resources.totals([*used, *offered])
    if framework.capable("MULTI_ROLE"):
        shown["roles"] = framework.roles
    else:
        shown["role"] = framework.roles[0]
    if "labels" in info:
        shown["labels"] = info["labels"].get("labels", [])
    return {
        **shown,
        "tasks": [work.task_state(task) for task in framework.tasks.values()],
        "unreachable_tasks": [work.task_state(task) for task in framework.unreachable_tasks.values()],
        "completed_tasks": [work.task_state(task) for task in framework.completed_tasks],
        "offers": [_offer(offer, framework) for offer in framework.offers.values()],
        "executors": [
            work.executor_state(executor, agent_id)
            for agent_id, executors in framework.executors.items()
            for executor in executors.values()
        ],
        "offer_constraints": {},
    }


def _offer(offer: Offer, framework: Framework) -> dict[str, Any]:
    return {
        "id": offer.offer_id,
        "framework_id": framework.framework_id,
        "allocation_info": {"role": offer.role},
        "slave_id": offer.agent_id,
        "resources": resources.totals(offer.resources),
    }


def _all_frameworks(master: Master) -> list[Framework]:
    return [*master.scheduling.registered.values(), *master.scheduling.completed.values()]


def tasks(master: Master, query: dict[str, str]) -> dict[str, Any]:
    """GET /tasks: running ones, then completed ones."""
    known = _all_frameworks(master)
    running = [task for framework in known for task in framework.tasks.values()]
    unreachable = [task for framework in known for task in framework.unreachable_tasks.values()]
    completed = [task for framework in known for task in framework.completed_tasks]
    return {"tasks": [work.task_state(task) for task in [*running, *unreachable, *completed]]}


def roles(master: Master, query: dict[str, str]) -> dict[str, Any]:
    """GET /roles."""
    names: dict[str, list[Framework]] = {}
    for framework in master.scheduling.registered.values():
        for role in framework.roles:
            names.setdefault(role, []).append(framework)
    for record in master.agents.values():
        for role in resources.by_role(record.total()):
            names.setdefault(role, [])
    shown = []
    for role in sorted(names):
        held = [item for framework in names[role] for item in framework.used() if work.role_of([item]) == role]
        ids = [framework.framework_id for framework in names[role]]
        shown.append({"name": role, "weight": 1.0, "resources": resources.totals(held), "frameworks": ids})
    return {"roles": shown}


def metrics(master: Master) -> dict[str, float]:
    """GET /metrics/snapshot, less what belongs to the system."""
    with master.lock:
        records = list(master.agents.values())
        active = sum(1 for record in records if record.active)
        connected = sum(1 for record in records if record.link)
        unreachable = len(master.registry.state["unreachable"])
        counters, reasons = dict(master.counters), dict(master.removal_reasons)
    found: dict[str, float] = {
        "master/elected": float(master.election.leads),
        "master/messages_register_slave": counters["registrations"],
        "master/messages_reregister_slave": counters["reregistrations"],
        "master/messages_unregister_slave": reasons["unregistered"],
        "master/messages_update_slave": counters["registrations"] + counters["reregistrations"],
        "master/recovery_slave_removals": 0.0,
        "master/slave_registrations": counters["registrations"],
        "master/slave_reregistrations": counters["reregistrations"],
        "master/slave_removals": counters["removals"],
        "master/slave_shutdowns_canceled": 0.0,
        "master/slave_shutdowns_completed": 0.0,
        "master/slave_shutdowns_scheduled": 0.0,
        "master/slave_unreachable_canceled": 0.0,
        "master/slave_unreachable_completed": reasons["unhealthy"],
        "master/slave_unreachable_scheduled": reasons["unhealthy"],
        "master/slaves_active": active,
        "master/slaves_connected": connected,
        "master/slaves_disconnected": len(records) - connected,
        "master/slaves_inactive": len(records) - active,
        "master/slaves_unreachable": unreachable,
    }
    for reason, count in reasons.items():
        found[f"master/slave_removals/reason_{reason}"] = count
    return {name: float(value) for name, value in found.items()}


# --- /api/v1 ---


def _agent_info(info: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"hostname": info["hostname"], "port": info["port"]}
    shown["resources"] = [resources.without_role(resource) for resource in info["resources"]]
    for name in ("attributes", "id", "checkpoint", "domain"):
        if info.get(name):
            shown[name] = info[name]
    return shown


def _nanoseconds(seconds: float) -> dict[str, int]:
    return {"nanoseconds": round(seconds * 1e6) * 1000}


def _get_agents(master: Master) -> dict[str, Any]:
    agents = []
    for record in _newest_first(master):
        shown: dict[str, Any] = {
            "agent_info": _agent_info(record.info),
            "active": record.active,
            "deactivated": record.deactivated,
            "version": record.version,
            "pid": record.pid,
            "registered_time": _nanoseconds(record.registered_time),
        }
        if record.reregistered_time is not None:
            shown["reregistered_time"] = _nanoseconds(record.reregistered_time)
        shown["total_resources"] = [_total_form(resource) for resource in record.total()]
        for name, held in (
            ("allocated_resources", _used(master, record)),
            ("offered_resources", _offered(master, record)),
        ):
            if held:
                shown[name] = [resources.without_role(resource) for resource in held]
        shown["capabilities"] = [{"type": name} for name in build.AGENT_CAPABILITIES]
        agents.append(shown)
    return {"agents": agents, "recovered_agents": [_agent_info(info) for info in master.recovered_agents.values()]}


def _total_form(resource: dict[str, Any]) -> dict[str, Any]:
    return resource if not resource.get("reservations") else {k: v for k, v in resource.items() if k != "role"}


def _get_master(master: Master) -> dict[str, Any]:
    return {
        "master_info": master.master_info(),
        "start_time": master.start_time,
        "elected_time": master.elected_time,
    }


def _get_flags(master: Master) -> dict[str, Any]:
    return {"flags": [{"name": name, "value": value} for name, value in master.flags.texts().items()]}


def _get_tasks(master: Master) -> dict[str, Any]:
    known = _all_frameworks(master)
    return {
        "tasks": [task for one in known for task in one.tasks.values()],
        "unreachable_tasks": [task for one in known for task in one.unreachable_tasks.values()],
        "completed_tasks": [task for one in known for task in one.completed_tasks],
    }


def _get_executors(master: Master) -> dict[str, Any]:
    return {
        "executors": [
            {"agent_id": {"value": agent_id}, "executor_info": executor}
            for framework in master.scheduling.registered.values()
            for agent_id, executors in framework.executors.items()
            for executor in executors.values()
        ]
    }


def _get_frameworks(master: Master) -> dict[str, Any]:
    def shown(framework: Framework) -> dict[str, Any]:
        found: dict[str, Any] = {
            "framework_info": work.framework_call(framework.info),
            "active": framework.active,
            "connected": framework.connected,
            "recovered": framework.recovered,
            "registered_time": _nanoseconds(framework.registered_time),
        }
        if framework.reregistered_time is not None:
            found["reregistered_time"] = _nanoseconds(framework.reregistered_time)
        if framework.unregistered_time:
            found["unregistered_time"] = _nanoseconds(framework.unregistered_time)
        for name, items in (("allocated_resources", framework.used()), ("offered_resources", framework.offered())):
            if items:
                found[name] = [resources.without_role(item) for item in items]
        return found

    return {
        "frameworks": [shown(framework) for framework in master.scheduling.registered.values()],
        "completed_frameworks": [shown(framework) for framework in master.scheduling.completed.values()],
    }


def _get_state(master: Master) -> dict[str, Any]:
    return {
        "get_tasks": _get_tasks(master),
        "get_executors": _get_executors(master),
        "get_frameworks": _get_frameworks(master),
        "get_agents": _get_agents(master),
    }


_ANSWERS: dict[str, Callable[[Master], Any]] = {
    "GET_HEALTH": lambda master: {"healthy": True},
    "GET_FLAGS": _get_flags,
    "GET_VERSION": lambda master: {"version_info": build.VERSION_INFO},
    "GET_LOGGING_LEVEL": lambda master: {"level": 0},
    "GET_METRICS": lambda master: {
        "metrics": [{"name": name, "value": value} for name, value in sorted(metrics(master).items())]
    },
    "GET_STATE": _get_state,
    "GET_AGENTS": _get_agents,
    "GET_FRAMEWORKS": _get_frameworks,
    "GET_EXECUTORS": _get_executors,
    "GET_OPERATIONS": lambda master: {},
    "GET_TASKS": _get_tasks,
    "GET_MASTER": _get_master,
    "GET_MAINTENANCE_SCHEDULE": lambda master: {"schedule": {}},
    "GET_MAINTENANCE_STATUS": lambda master: {"status": {}},
}


def _known(master: Master, agent_id: str) -> bool:
    registered = master.registry.state
    return agent_id in registered["agents"] or agent_id in registered["unreachable"]


def _drain(master: Master, call: dict[str, Any]) -> http.Response:
    """Draining is not simulated: an unknown agent is refused as ever, a known one cannot be drained."""
    return http.plain_status(501) if _known(master, call["agent_id"]["value"]) else http.text(400, "Unknown agent")


def _deactivate(master: Master, call: dict[str, Any]) -> http.Response:
    agent_id = call["agent_id"]["value"]
    if not _known(master, agent_id):
        return http.text(400, "Unknown agent")
    if agent_id not in master.agents:
        return http.plain_status(501)  # deactivation of absent agents is part of draining
    master.agents[agent_id].deactivated = True
    return http.Response(200)


def _reactivate(master: Master, call: dict[str, Any]) -> http.Response:
    record = master.agents.get(call["agent_id"]["value"])
    if record is None or not record.deactivated:
        return http.text(400, "Agent is not deactivated")  # of an unknown agent too (recorded: drain family)
    record.deactivated = False
    return http.Response(200)


def _mark_gone(master: Master, call: dict[str, Any]) -> http.Response:
    agent_id = call["agent_id"]["value"]
    if not master.mark_gone(agent_id):
        return http.text(404, f"Agent '{agent_id}' not found")
    return http.Response(200)


def _teardown(master: Master, call: dict[str, Any]) -> http.Response:
    if not master.scheduling.teardown(call["framework_id"]["value"]):
        return http.text(400, "No framework found with specified ID")
    return http.Response(200)


_ACTIONS: dict[str, Callable[[Master, dict[str, Any]], http.Response]] = {
    "DRAIN_AGENT": _drain,
    "DEACTIVATE_AGENT": _deactivate,
    "REACTIVATE_AGENT": _reactivate,
    "MARK_AGENT_GONE": _mark_gone,
    "TEARDOWN": _teardown,
}
