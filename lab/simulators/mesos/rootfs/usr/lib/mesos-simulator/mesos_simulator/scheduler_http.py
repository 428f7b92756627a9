# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""POST /api/v1/scheduler (mesos 1.11.0 src/master/http.cpp: scheduler; src/master/validation.cpp: scheduler::call)."""

from __future__ import annotations

import socket
from typing import Any

from mesos_simulator import auth, calls, http, work
from mesos_simulator.frameworks import Framework
from mesos_simulator.master import Master
from mesos_simulator.streams import Stream

_STREAM_ID = "Mesos-Stream-Id"

# Calls that carry a member of their own name, which must then be there.
_MEMBERS = "ACCEPT DECLINE KILL SHUTDOWN ACKNOWLEDGE RECONCILE MESSAGE REQUEST".split()


class Endpoint:
    """The route of one master. `authenticator` is that of the realm of schedulers."""

    def __init__(self, master: Master, authenticator: auth.Authenticator) -> None:
        self._master = master
        self._authenticator = authenticator

    def answer(self, request: http.Request, connection: socket.socket) -> http.Response:
        """On the leader; SUBSCRIBE keeps the connection until either end is gone."""
        try:
            call = calls.read_scheduler_call(request)
            principal = self._authenticator.principal("scheduler", request)
            _validate(call, principal)
            if call["type"] == "SUBSCRIBE":
                return self._subscribe(call, request, connection, principal)
            with self._master.lock:
                self._carry_out(self._find(call, request, principal), call)
        except calls.Rejected as rejected:
            return rejected.response
        return http.Response(202)

    def _subscribe(
        self, call: dict[str, Any], request: http.Request, connection: socket.socket, principal: str | None
    ) -> http.Response:
        calls.require_accept(request)
        if _STREAM_ID.lower() in request.headers:
            raise calls.refused(400, f"Subscribe calls should not include the '{_STREAM_ID}' header")
        stream_id = work.new_uuid()
        stream = Stream(connection, (_STREAM_ID, stream_id))
        scheduling = self._master.scheduling
        with self._master.lock:
            framework = scheduling.subscribe(call["subscribe"], stream, stream_id, principal)
        stream.wait()
        if framework is not None:
            with self._master.lock:
                scheduling.disconnected(framework, stream)
        raise http.Upgraded

    def _find(self, call: dict[str, Any], request: http.Request, principal: str | None) -> Framework:
        """The framework of a call that is not SUBSCRIBE, if it may make it."""
        framework = self._master.scheduling.registered.get(call["framework_id"]["value"])
        if framework is None:
            raise calls.refused(400, "Framework cannot be found")
        if principal is not None and principal != framework.info.get("principal", ""):
            raise calls.refused(400, _other_principal(principal, framework.info.get("principal", "")))
        if not framework.connected:
            raise calls.refused(403, "Framework is not subscribed")
        if framework.stream is None:
            raise calls.refused(403, "Framework is not connected via HTTP")
        given = request.headers.get(_STREAM_ID.lower())
        if given is None:
            raise calls.refused(400, f"All non-subscribe calls should include the '{_STREAM_ID}' header")
        if given != framework.stream_id:
            text = (
                f"The stream ID '{given}' included in this request didn't match the stream ID currently associated with"
            )
            raise calls.refused(400, f"{text} framework ID {framework.framework_id}")
        return framework

    def _carry_out(self, framework: Framework, call: dict[str, Any]) -> None:
        scheduling, kind = self._master.scheduling, call["type"]
        content = call.get(kind.lower(), {})
        if kind == "TEARDOWN":
            scheduling.remove(framework)
        elif kind == "ACCEPT":
            if any(operation.get("type") != "LAUNCH" for operation in content.get("operations", [])):
                raise calls.Rejected(http.plain_status(501))  # only LAUNCH is simulated
            scheduling.accept(framework, content)
        elif kind == "REQUEST":
            pass  # the product's allocator ignores it too
        elif kind in ("DECLINE", "REVIVE", "SUPPRESS", "KILL", "SHUTDOWN", "ACKNOWLEDGE", "RECONCILE", "MESSAGE"):
            getattr(scheduling, kind.lower())(framework, content)
        else:
            raise calls.Rejected(http.plain_status(501))


def _other_principal(principal: str, stated: str) -> str:
    return f"Authenticated principal '{principal}' does not match principal '{stated}' set in `FrameworkInfo`"


def _validate(call: dict[str, Any], principal: str | None) -> None:
    """validation.cpp: scheduler::call::validate."""
    name = "scheduler::Call"
    calls.require(call, ["SUBSCRIBE"], name)
    if call["type"] == "SUBSCRIBE":
        info = call["subscribe"]["framework_info"]
        if call.get("framework_id") != info.get("id"):
            raise _invalid("'framework_id' differs from 'subscribe.framework_info.id'")
        if principal is not None and info.get("principal", principal) != principal:
            raise _invalid(_other_principal(principal, info["principal"]))
        return
    if call["type"] == "UNKNOWN":
        raise calls.Rejected(http.plain_status(501))
    if "framework_id" not in call:
        raise _invalid("Expecting 'framework_id' to be present")
    calls.require(call, _MEMBERS, name)
    if call["type"] == "ACKNOWLEDGE" and not calls.is_uuid(call["acknowledge"]["uuid"]):
        raise _invalid("Not a valid UUID")


def _invalid(reason: str) -> calls.Rejected:
    return calls.refused(400, f"Failed to validate scheduler::Call: {reason}")
