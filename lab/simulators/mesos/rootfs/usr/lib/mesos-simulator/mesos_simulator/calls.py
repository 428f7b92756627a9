# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading of calls to /api/v1, /api/v1/scheduler and /api/v1/executor: content type, JSON, conversion, validation.

Sources: mesos 1.11.0 src/slave/http.cpp and src/master/http.cpp (functions api, scheduler, executor),
src/{slave,master}/validation.cpp; recorded agent and master HTTP, "/api/v1 errors".
"""

from __future__ import annotations

import base64
from typing import Any

from mesos_simulator import messages, picojson
from mesos_simulator.http import Request, Response, method_not_allowed, plain_status, text

# Calls that carry a member of their own name, which must then be there.
_AGENT_MEMBERS = (
    "GET_METRICS SET_LOGGING_LEVEL LIST_FILES READ_FILE LAUNCH_CONTAINER WAIT_CONTAINER KILL_CONTAINER REMOVE_CONTAINER"
).split()
_MASTER_MEMBERS = [name.upper() for name in messages.MESSAGES["MasterCall"] if name != "type"]

_BOTH = "application/json or application/x-protobuf"
_CONVERSION = "Failed to convert JSON into Call protobuf: "


class Rejected(Exception):
    """The call goes no further: `response` says why."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.body)
        self.response = response


def refused(status: int, body: str) -> Rejected:
    """With an error of plain text."""
    return Rejected(text(status, body))


def read_agent_call(request: Request) -> dict[str, Any]:
    """A valid agent Call; Rejected otherwise."""
    media = f"{_BOTH} or application/recordio"
    call = _read(request, media, "a protobuf object", "", "AgentCall")
    return _operator(call, request, media, _AGENT_MEMBERS, "agent::Call")


def read_master_call(request: Request) -> dict[str, Any]:
    """A valid master Call; Rejected otherwise."""
    call = _read(request, _BOTH, "a protobuf object", _CONVERSION, "MasterCall")
    return _operator(call, request, _BOTH, _MASTER_MEMBERS, "master::Call")


def read_scheduler_call(request: Request) -> dict[str, Any]:
    """A scheduler's Call that is yet to be validated; Rejected otherwise."""
    return _read(request, _BOTH, "Call protobuf", _CONVERSION, "SchedulerCall")


def read_executor_call(request: Request) -> dict[str, Any]:
    """An executor's Call that is yet to be validated; Rejected otherwise."""
    return _read(request, _BOTH, "Call protobuf", _CONVERSION, "ExecutorCall")


def _read(request: Request, media: str, protobuf: str, prefix: str, message: str) -> dict[str, Any]:
    if request.method != "POST":
        raise Rejected(method_not_allowed(request.method))
    content_type = request.headers.get("content-type")
    if content_type is None:
        raise refused(400, "Expecting 'Content-Type' to be present")
    if content_type == "application/x-protobuf":
        # Clients of the simulators speak JSON; any other body is what a protobuf parser calls it.
        raise refused(400, f"Failed to parse body into {protobuf}")
    if content_type != "application/json":
        raise refused(415, f"Expecting 'Content-Type' of {media}")
    try:
        value = picojson.parse(request.body.decode("utf-8", "surrogateescape"))
    except picojson.JsonError as error:
        raise refused(400, f"Failed to parse body into JSON: {error}") from None
    try:
        return messages.convert(message, value)
    except messages.Unconvertible as error:
        raise refused(400, f"{prefix}{error}") from None


def _operator(call: dict[str, Any], request: Request, media: str, members: list[str], name: str) -> dict[str, Any]:
    require(call, members, name)
    require_accept(request, media)
    if call["type"] == "UNKNOWN":
        raise Rejected(plain_status(501))
    return call


def require(call: dict[str, Any], members: list[str], name: str) -> None:
    """A type, and the member that goes with it; Rejected otherwise."""
    kind = call.get("type")
    for wanted in ("type", *([kind.lower()] if kind in members else [])):
        if wanted not in call:
            raise refused(400, f"Failed to validate {name}: Expecting '{wanted}' to be present")


def require_accept(request: Request, media: str = _BOTH) -> None:
    """A client that takes what is answered; Rejected otherwise."""
    wished = [part.split(";")[0].strip() for part in request.headers.get("accept", "*/*").split(",")]
    if not any(wish in ("*/*", "application/*", *media.split(" or ")) for wish in wished):
        raise refused(406, f"Expecting 'Accept' to allow {media}")


def is_uuid(encoded: str) -> bool:
    """Whether a field of bytes holds a UUID (stout/uuid.hpp: fromBytes)."""
    try:
        return len(base64.b64decode(encoded, validate=True)) == 16
    except ValueError:
        return False
