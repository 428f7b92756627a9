# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""POST /api/v1/executor (mesos 1.11.0 src/slave/http.cpp: executor; src/slave/validation.cpp: executor::call)."""

from __future__ import annotations

import socket
from typing import Any

from mesos_simulator import calls, http
from mesos_simulator.agent import Agent
from mesos_simulator.streams import Stream

_MEMBERS = ["SUBSCRIBE", "UPDATE", "MESSAGE"]


class Endpoint:
    """The route of one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent

    def answer(self, request: http.Request, connection: socket.socket) -> http.Response:
        """SUBSCRIBE keeps the connection until either end is gone; executors may come back while the agent recovers."""
        execution = self._agent.execution
        with self._agent.lock:
            if self._agent.recovering and not execution.reconnecting:
                return http.text(503, "Agent has not finished recovery")
        try:
            call = calls.read_executor_call(request)
            _validate(call)
            with self._agent.lock:
                framework, executor = execution.find(call["framework_id"]["value"], call["executor_id"]["value"])
                if framework is None:
                    raise calls.refused(400, "Framework cannot be found")
                if executor is None:
                    raise calls.refused(400, "Executor cannot be found")
                kind = call["type"]
                if executor.state == "REGISTERING" and kind != "SUBSCRIBE":
                    raise calls.refused(403, "Executor is not subscribed")
                if kind == "SUBSCRIBE":
                    calls.require_accept(request)
                    stream = Stream(connection)
                    execution.subscribe(framework, executor, call["subscribe"], stream)
                elif kind == "UPDATE":
                    execution.update(framework, executor, call["update"]["status"])
                elif kind == "MESSAGE":
                    execution.message(executor, call["message"]["data"])
        except calls.Rejected as rejected:
            return rejected.response
        if kind != "SUBSCRIBE":
            return http.Response(202)
        stream.wait()
        with self._agent.lock:
            execution.detached(executor, stream)
        raise http.Upgraded


def _validate(call: dict[str, Any]) -> None:
    """validation.cpp: executor::call::validate."""
    name = "Executor::Call"
    calls.require(call, _MEMBERS, name)
    if call["type"] == "UNKNOWN":
        raise calls.Rejected(http.plain_status(501))
    if call["type"] != "UPDATE":
        return
    status = call["update"]["status"]
    prefix = f"Failed to validate {name}: "
    if "uuid" not in status:
        raise calls.refused(400, f"{prefix}Expecting 'uuid' to be present")
    if not calls.is_uuid(status["uuid"]):
        raise calls.refused(400, f"{prefix}Not a valid UUID")
    place = f"executor {call['executor_id']['value']} of framework {call['framework_id']['value']}"
    if status.get("executor_id", call["executor_id"]) != call["executor_id"]:
        own = status["executor_id"]["value"]
        raise calls.refused(
            400, f"{prefix}ExecutorID in Call: {call['executor_id']['value']} does not match {own} in status"
        )
    if status.get("source") != "SOURCE_EXECUTOR":
        raise calls.refused(400, f"{prefix}Received Call from {place} with invalid source, expecting 'SOURCE_EXECUTOR'")
    if status["state"] == "TASK_STAGING":
        raise calls.refused(400, f"{prefix}Received TASK_STAGING from {place} which is not allowed")
