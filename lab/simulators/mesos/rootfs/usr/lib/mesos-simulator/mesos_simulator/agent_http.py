# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's endpoints (mesos 1.11.0 src/slave/http.cpp; recorded agent HTTP)."""

from __future__ import annotations

import socket
import time
from typing import Any, Callable

from mesos_simulator import (
    attributes,
    auth,
    build,
    calls,
    daemon,
    executor_http,
    executors,
    http,
    messages,
    resources,
    work,
)
from mesos_simulator.agent import Agent
from mesos_simulator.executors import Executor, Framework

_METRICS = """
    containerizer/fetcher/cache_size_used_bytes containerizer/fetcher/task_fetches_failed
    containerizer/fetcher/task_fetches_succeeded containerizer/mesos/container_destroy_errors
    containerizer/mesos/provisioner/bind/remove_rootfs_errors containerizer/mesos/provisioner/remove_container_errors
    gc/path_removals_failed gc/path_removals_pending gc/path_removals_succeeded resource_provider_manager/events/disconnect
    resource_provider_manager/events/subscribe resource_provider_manager/subscribed slave/container_launch_errors
    slave/executor_directory_max_allowed_age_secs slave/executors_preempted slave/executors_registering
    slave/executors_terminated slave/executors_terminating slave/invalid_framework_messages slave/invalid_status_updates
    slave/recovery_errors slave/recovery_time_secs slave/tasks_failed slave/tasks_finished slave/tasks_gone
    slave/tasks_killed slave/tasks_killing slave/tasks_lost slave/tasks_staging slave/tasks_starting
    slave/valid_framework_messages slave/valid_status_updates
""".split()


def install(router: http.Router, agent: Agent) -> None:
    """All routes of an agent."""
    Endpoints(agent).install(router)


class Endpoints:
    """Handlers of one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        flags = agent.flags
        credentials = {}
        if flags["http_credentials"]:
            credentials = auth.read_credentials(flags["http_credentials"], "http_credentials")
        self._authenticator = auth.Authenticator(
            "agent",
            credentials,
            readonly=flags["authenticate_http_readonly"],
            readwrite=flags["authenticate_http_readwrite"],
        )

    def install(self, router: http.Router) -> None:
        def readonly(handler: http.Handler) -> http.Handler:
            return self._authenticator.guard("readonly", handler)

        router.own("/state", readonly(self._state))
        router.own("/flags", readonly(self._flags))
        router.own("/containers", readonly(self._empty_list))
        router.own("/monitor/statistics", readonly(self._empty_list))
        router.own("/health", self._health)
        router.own("/api/v1/executor", executor_http.Endpoint(self._agent).answer)
        router.own("/api/v1", self._authenticator.guard("readwrite", self._api))
        daemon.shared_routes(router, self._metrics, readonly)

    def _health(self, request: http.Request, _: socket.socket) -> http.Response:
        return http.Response(200)

    def _empty_list(self, request: http.Request, _: socket.socket) -> http.Response:
        return http.json_endpoint([], request)

    def _flags(self, request: http.Request, _: socket.socket) -> http.Response:
        return http.json_endpoint({"flags": self._agent.flags.texts()}, request)

    def _state(self, request: http.Request, _: socket.socket) -> http.Response:
        with self._agent.lock:
            if self._agent.recovering:
                return _recovering()
            return http.json_endpoint(state(self._agent), request)

    def _api(self, request: http.Request, _: socket.socket) -> http.Response:
        with self._agent.lock:
            if self._agent.recovering:
                return _recovering()
            try:
                call = calls.read_agent_call(request)
            except calls.Rejected as rejected:
                return rejected.response
            kind = call["type"]
            if kind == "PRUNE_IMAGES":
                return http.Response(200)
            if kind in ("LIST_FILES", "READ_FILE"):
                return http.text(404, "")
            answer = _ANSWERS.get(kind)
            if answer is None:
                return http.plain_status(501)
            content = answer(self._agent)
            body = {"type": kind}
            if content is not None:
                body[kind.lower()] = content
            return http.json_call(body)

    def _metrics(self) -> dict[str, float]:
        return metrics(self._agent)


def _recovering() -> http.Response:
    return http.text(503, "Agent has not finished recovery")


def state(agent: Agent) -> dict[str, Any]:
    """GET /state. master_hostname and log_dir only when there are such; id is empty before the first registration."""
    total = agent.total_resources()
    held = _used(agent)
    reserved = resources.by_role(total)
    unreserved = [resource for resource in total if not resources.is_reserved(resource)]
    found: dict[str, Any] = {
        **build.STATE_HEAD,
        "start_time": agent.start_time,
        "id": agent.agent_id,
        "pid": agent.pid,
        "hostname": agent.hostname,
        "capabilities": build.AGENT_CAPABILITIES,
    }
    if "domain" in agent.info:
        found["domain"] = agent.info["domain"]
    found.update(
        resources=resources.totals(total),
        reserved_resources={role: resources.totals(items) for role, items in reserved.items()},
        unreserved_resources=resources.totals(unreserved),
        reserved_resources_full={
            role: [resources.endpoint_form(item) for item in items] for role, items in reserved.items()
        },
        unreserved_resources_full=[resources.endpoint_form(item) for item in unreserved],
        reserved_resources_allocated={role: resources.totals(items) for role, items in resources.by_role(held).items()},
        unreserved_resources_allocated=resources.totals(item for item in held if not resources.is_reserved(item)),
        resource_providers=[],
        attributes=attributes.members(agent.info["attributes"]),
    )
    if agent.master_hostname is not None:
        found["master_hostname"] = agent.master_hostname
    if agent.flags["log_dir"]:
        found["log_dir"] = agent.flags["log_dir"]
    found["flags"] = agent.flags.texts()
    for name, known in (
        ("frameworks", agent.execution.frameworks),
        ("completed_frameworks", agent.execution.completed),
    ):
        found[name] = [executors.framework_state(framework) for framework in known.values()]
    return found


def _running(agent: Agent) -> list[Executor]:
    return [one for framework in agent.execution.frameworks.values() for one in framework.executors.values()]


def _used(agent: Agent) -> list[dict[str, Any]]:
    """What executors and tasks hold."""
    return [item for executor in _running(agent) for item in executor.used()]


def metrics(agent: Agent) -> dict[str, float]:
    """GET /metrics/snapshot, less what belongs to the system."""
    with agent.lock:
        total = dict(resources.totals(agent.total_resources()).pairs)
        held = dict(resources.totals(_used(agent)).pairs)
        running = _running(agent)
        states = [task["state"] for executor in running for task in executor.tasks.values()]
        registered, frameworks = agent.registered, len(agent.execution.frameworks)
    found = dict.fromkeys(_METRICS, 0.0)
    for name in ("cpus", "disk", "gpus", "mem"):
        found[f"slave/{name}_total"] = total[name]
        found[f"slave/{name}_used"] = held[name]
        found[f"slave/{name}_percent"] = held[name] / total[name] if total[name] else 0.0
        for kind in ("total", "used", "percent"):
            found[f"slave/{name}_revocable_{kind}"] = 0.0
    found.update(
        {
            "containerizer/fetcher/cache_size_total_bytes": float(agent.flags["fetcher_cache_size"]),
            "slave/executors_registering": float(sum(1 for executor in running if executor.state == "REGISTERING")),
            "slave/executors_running": float(sum(1 for executor in running if executor.state == "RUNNING")),
            "slave/executors_terminating": float(sum(1 for executor in running if executor.state == "TERMINATING")),
            "slave/frameworks_active": float(frameworks),
            "slave/registered": float(registered),
            "slave/tasks_running": float(states.count("TASK_RUNNING")),
            "slave/tasks_staging": float(states.count("TASK_STAGING")),
            "slave/tasks_starting": float(states.count("TASK_STARTING")),
            "slave/uptime_secs": time.time() - agent.start_time,
        }
    )
    return found


# --- /api/v1 ---


def _get_agent(agent: Agent) -> dict[str, Any]:
    return {"agent_info": agent.agent_info()}


def _get_flags(agent: Agent) -> dict[str, Any]:
    return {"flags": [{"name": name, "value": value} for name, value in agent.flags.texts().items()]}


def _get_tasks(agent: Agent) -> dict[str, Any]:
    found: dict[str, list[dict[str, Any]]] = {
        f"{name}_tasks": [] for name in ("pending", "queued", "launched", "terminated", "completed")
    }
    for executor in _running(agent):
        for task_id, task in executor.tasks.items():
            kind = "queued" if task_id in executor.queued else "launched"
            kind = "terminated" if task["state"] in messages.TERMINAL else kind
            found[f"{kind}_tasks"].append(task)
    for framework in _known(agent):
        for executor in [*framework.executors.values(), *framework.completed]:
            found["completed_tasks"] += executor.completed
    return found


def _known(agent: Agent) -> list[Framework]:
    return [*agent.execution.frameworks.values(), *agent.execution.completed.values()]


def _get_executors(agent: Agent) -> dict[str, Any]:
    ended = [executor for framework in _known(agent) for executor in framework.completed]
    return {
        "executors": [{"executor_info": executor.info} for executor in _running(agent)],
        "completed_executors": [{"executor_info": executor.info} for executor in ended],
    }


def _get_frameworks(agent: Agent) -> dict[str, Any]:
    def listed(known: dict[str, Framework]) -> list[dict[str, Any]]:
        return [{"framework_info": work.framework_call(framework.info)} for framework in known.values()]

    return {
        "frameworks": listed(agent.execution.frameworks),
        "completed_frameworks": listed(agent.execution.completed),
    }


def _get_state(agent: Agent) -> dict[str, Any]:
    return {
        "get_tasks": _get_tasks(agent),
        "get_executors": _get_executors(agent),
        "get_frameworks": _get_frameworks(agent),
    }


def _get_metrics(agent: Agent) -> dict[str, Any]:
    return {"metrics": [{"name": name, "value": value} for name, value in sorted(metrics(agent).items())]}


_ANSWERS: dict[str, Callable[[Agent], Any]] = {
    "GET_HEALTH": lambda agent: {"healthy": True},
    "GET_FLAGS": _get_flags,
    "GET_VERSION": lambda agent: {"version_info": build.VERSION_INFO},
    "GET_LOGGING_LEVEL": lambda agent: {"level": 0},
    "GET_METRICS": _get_metrics,
    "GET_STATE": _get_state,
    "GET_CONTAINERS": lambda agent: None,
    "GET_FRAMEWORKS": _get_frameworks,
    "GET_EXECUTORS": _get_executors,
    "GET_OPERATIONS": lambda agent: {},
    "GET_RESOURCE_PROVIDERS": lambda agent: {},
    "GET_TASKS": _get_tasks,
    "GET_AGENT": _get_agent,
}
