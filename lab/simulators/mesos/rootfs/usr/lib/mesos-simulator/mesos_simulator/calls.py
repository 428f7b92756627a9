# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading of /api/v1 calls: content type, JSON, conversion to the Call message, validation.

Sources: mesos 1.11.0 src/slave/http.cpp and src/master/http.cpp (function api), include/mesos/v1/{agent,master}/*.proto,
src/{slave,master}/validation.cpp, stout/protobuf.hpp; recorded agent and master HTTP, "/api/v1 errors".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Union

from mesos_simulator import picojson
from mesos_simulator.http import Request, Response, method_not_allowed, plain_status, text

# A message: field -> "string", "number", "boolean", "enum" or a message; a name with "!" is required.
Schema = Mapping[str, Union[str, "Schema"]]

_ID: Schema = {"value!": "string"}
_DURATION: Schema = {"seconds": "number", "nanos": "number"}

AGENT_CALL: Schema = {
    "type": "enum",
    "get_metrics": {"timeout": {"nanoseconds!": "number"}},
    "set_logging_level": {"level!": "number", "duration!": {"nanoseconds!": "number"}},
    "list_files": {"path!": "string"},
    "read_file": {"path!": "string", "offset!": "number", "length": "number"},
    "get_containers": {"show_nested": "boolean", "show_standalone": "boolean"},
    "launch_container": {"container_id!": _ID},
    "wait_container": {"container_id!": _ID},
    "kill_container": {"container_id!": _ID, "signal": "number"},
    "remove_container": {"container_id!": _ID},
    "prune_images": {},
}

# Calls that carry a member of their own name, which must then be there.
AGENT_MEMBERS = (
    "GET_METRICS SET_LOGGING_LEVEL LIST_FILES READ_FILE LAUNCH_CONTAINER WAIT_CONTAINER KILL_CONTAINER REMOVE_CONTAINER"
).split()
AGENT_TYPES = (
    AGENT_MEMBERS
    + (
        "UNKNOWN GET_HEALTH GET_FLAGS GET_VERSION GET_LOGGING_LEVEL GET_STATE GET_CONTAINERS GET_FRAMEWORKS GET_EXECUTORS"
        " GET_OPERATIONS GET_TASKS GET_AGENT GET_RESOURCE_PROVIDERS PRUNE_IMAGES"
    ).split()
)

MASTER_CALL: Schema = {
    "type": "enum",
    "get_metrics": {"timeout": {"nanoseconds!": "number"}},
    "set_logging_level": {"level!": "number", "duration!": {"nanoseconds!": "number"}},
    "list_files": {"path!": "string"},
    "read_file": {"path!": "string", "offset!": "number", "length": "number"},
    "update_maintenance_schedule": {"schedule!": {}},
    "start_maintenance": {},
    "stop_maintenance": {},
    "drain_agent": {"agent_id!": _ID, "max_grace_period": _DURATION, "mark_gone": "boolean"},
    "deactivate_agent": {"agent_id!": _ID},
    "reactivate_agent": {"agent_id!": _ID},
    "mark_agent_gone": {"agent_id!": _ID},
    "teardown": {"framework_id!": _ID},
}
MASTER_MEMBERS = [name.upper() for name in MASTER_CALL if name != "type"]
MASTER_TYPES = (
    MASTER_MEMBERS
    + (
        "UNKNOWN GET_HEALTH GET_FLAGS GET_VERSION GET_LOGGING_LEVEL GET_STATE GET_AGENTS GET_FRAMEWORKS GET_EXECUTORS"
        " GET_OPERATIONS GET_TASKS GET_ROLES GET_WEIGHTS GET_MASTER GET_MAINTENANCE_STATUS GET_MAINTENANCE_SCHEDULE GET_QUOTA"
        " SUBSCRIBE RESERVE_RESOURCES UNRESERVE_RESOURCES CREATE_VOLUMES DESTROY_VOLUMES GROW_VOLUME SHRINK_VOLUME SET_QUOTA"
        " UPDATE_QUOTA REMOVE_QUOTA UPDATE_WEIGHTS"
    ).split()
)


class Rejected(Exception):
    """The call goes no further: `response` says why."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.body)
        self.response = response


class _Unconvertible(Exception):
    pass


def read_agent_call(request: Request) -> dict[str, Any]:
    """A valid agent Call; Rejected otherwise."""
    media = "application/json or application/x-protobuf or application/recordio"
    return _read(request, media, "", AGENT_CALL, AGENT_TYPES, AGENT_MEMBERS, "agent::Call")


def read_master_call(request: Request) -> dict[str, Any]:
    """A valid master Call; Rejected otherwise."""
    media = "application/json or application/x-protobuf"
    prefix = "Failed to convert JSON into Call protobuf: "
    return _read(request, media, prefix, MASTER_CALL, MASTER_TYPES, MASTER_MEMBERS, "master::Call")


def _read(
    request: Request, media: str, prefix: str, schema: Schema, types: list[str], members: list[str], name: str
) -> dict[str, Any]:
    if request.method != "POST":
        raise Rejected(method_not_allowed(request.method))
    content_type = request.headers.get("content-type")
    if content_type is None:
        raise Rejected(text(400, "Expecting 'Content-Type' to be present"))
    if content_type == "application/x-protobuf":
        # Clients of the simulators speak JSON; any other body is what a protobuf parser calls it.
        raise Rejected(text(400, "Failed to parse body into a protobuf object"))
    if content_type != "application/json":
        raise Rejected(text(415, f"Expecting 'Content-Type' of {media}"))
    try:
        value = picojson.parse(request.body.decode("utf-8", "surrogateescape"))
    except picojson.JsonError as error:
        raise Rejected(text(400, f"Failed to parse body into JSON: {error}")) from None
    try:
        call = _convert(value, schema, types)
    except _Unconvertible as error:
        raise Rejected(text(400, f"{prefix}{error}")) from None
    kind = call.get("type")
    member = str(kind).lower()
    if kind is None:
        raise Rejected(text(400, f"Failed to validate {name}: Expecting 'type' to be present"))
    if kind in members and member not in call:
        raise Rejected(text(400, f"Failed to validate {name}: Expecting '{member}' to be present"))
    if not _accepts(request.headers.get("accept", "*/*"), media.split(" or ")):
        raise Rejected(text(406, f"Expecting 'Accept' to allow {media}"))
    if kind == "UNKNOWN":
        raise Rejected(plain_status(501))
    return call


def _accepts(header: str, media: list[str]) -> bool:
    wished = [part.split(";")[0].strip() for part in header.split(",")]
    return any(wish in ("*/*", "application/*", *media) for wish in wished)


def _convert(value: Any, schema: Schema, types: list[str]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Unconvertible("Expecting a JSON object")
    call = _message(value, schema, types)
    missing = _missing(call, schema, "")
    if missing:
        raise _Unconvertible(f"Missing required fields: {', '.join(missing)}")
    return call


def _message(value: dict[str, Any], schema: Schema, types: list[str]) -> dict[str, Any]:
    """Known fields only; an enum value that is not known is as good as absent (stout/protobuf.hpp)."""
    converted = {}
    for declared, kind in schema.items():
        name = declared.rstrip("!")
        item = value.get(name)
        if item is None:
            continue
        if isinstance(kind, str):
            expected = "string" if kind == "enum" else kind
        else:
            expected = "object"
        if _json_kind(item) != expected:
            raise _Unconvertible(f"Not expecting a JSON {_json_kind(item)} for field '{name}'")
        if kind == "enum" and item not in types:
            continue
        converted[name] = item if isinstance(kind, str) else _message(item, kind, types)
    return converted


def _json_kind(value: Any) -> str:
    for python, name in ((bool, "boolean"), (str, "string"), (float, "number"), (list, "array")):
        if isinstance(value, python):
            return name
    return "object"


def _missing(message: dict[str, Any], schema: Schema, path: str) -> list[str]:
    found = []
    for declared, kind in schema.items():
        name = declared.rstrip("!")
        if name in message:
            if not isinstance(kind, str):
                found += _missing(message[name], kind, f"{path}{name}.")
        elif declared.endswith("!"):
            found.append(f"{path}{name}")
    return found
