# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of protocol buffers that checkpoints need: wire format and text format, by hand.

Field numbers are those of mesos 1.11.0 include/mesos/mesos.proto and src/messages/messages.proto. Messages are dicts in
the JSON form (bytes in base64); repeated fields are lists; unknown fields and enum values are skipped when reading.
"""

from __future__ import annotations

import base64
import struct
from typing import Any, NamedTuple

from mesos_simulator import messages

_OPTIONAL, _REQUIRED, _REPEATED = "optional", "required", "repeated"


class Field(NamedTuple):
    """`kind` is string, bytes, bool, int32, uint64, double, or the name of an enum or a message."""

    number: int
    kind: str
    label: str = _OPTIONAL


# The numbers of enums are those of the v1 messages; where v0 has other names, it has the same numbers.
ENUMS: dict[str, dict[str, int]] = {
    **messages.ENUMS,
    "RecordType": {"UPDATE": 0, "ACK": 1},
    "IPProtocol": {"IPv4": 1, "IPv6": 2},
}

# The fields of a message stand in the order of their numbers, in which they are written.
MESSAGES: dict[str, dict[str, Field]] = {
    "SlaveInfo": {
        "hostname": Field(1, "string", _REQUIRED),
        "resources": Field(3, "Resource", _REPEATED),
        "attributes": Field(5, "Attribute", _REPEATED),
        "id": Field(6, "ID"),
        "checkpoint": Field(7, "bool"),
        "port": Field(8, "int32"),
        "domain": Field(10, "DomainInfo"),
    },
    "ID": {"value": Field(1, "string", _REQUIRED)},
    "Resource": {
        "name": Field(1, "string", _REQUIRED),
        "type": Field(2, "ValueType", _REQUIRED),
        "scalar": Field(3, "Scalar"),
        "ranges": Field(4, "Ranges"),
        "set": Field(5, "Set"),
        "role": Field(6, "string"),
        "disk": Field(7, "DiskInfo"),
        "reservation": Field(8, "ReservationInfo"),
        "allocation_info": Field(11, "AllocationInfo"),
        "reservations": Field(13, "ReservationInfo", _REPEATED),
    },
    "ReservationInfo": {
        "principal": Field(1, "string"),
        "role": Field(3, "string"),
        "type": Field(4, "ReservationType"),
    },
    "AllocationInfo": {"role": Field(1, "string")},
    "DiskInfo": {"persistence": Field(1, "Persistence"), "volume": Field(2, "Volume")},
    "Persistence": {"id": Field(1, "string", _REQUIRED), "principal": Field(2, "string")},
    "Volume": {"container_path": Field(1, "string", _REQUIRED), "mode": Field(3, "VolumeMode", _REQUIRED)},
    "ResourceState": {"resources": Field(1, "Resource", _REPEATED)},
    "Attribute": {
        "name": Field(1, "string", _REQUIRED),
        "type": Field(2, "ValueType", _REQUIRED),
        "scalar": Field(3, "Scalar"),
        "ranges": Field(4, "Ranges"),
        "text": Field(5, "Text"),
        "set": Field(6, "Set"),
    },
    "Scalar": {"value": Field(1, "double", _REQUIRED)},
    "Ranges": {"range": Field(1, "Range", _REPEATED)},
    "Range": {"begin": Field(1, "uint64", _REQUIRED), "end": Field(2, "uint64", _REQUIRED)},
    "Set": {"item": Field(1, "string", _REPEATED)},
    "Text": {"value": Field(1, "string", _REQUIRED)},
    "DomainInfo": {"fault_domain": Field(1, "FaultDomain")},
    "FaultDomain": {"region": Field(1, "RegionInfo", _REQUIRED), "zone": Field(2, "ZoneInfo", _REQUIRED)},
    "RegionInfo": {"name": Field(1, "string", _REQUIRED)},
    "ZoneInfo": {"name": Field(1, "string", _REQUIRED)},
    "FrameworkInfo": {
        "user": Field(1, "string", _REQUIRED),
        "name": Field(2, "string", _REQUIRED),
        "id": Field(3, "ID"),
        "failover_timeout": Field(4, "double"),
        "checkpoint": Field(5, "bool"),
        "role": Field(6, "string"),
        "hostname": Field(7, "string"),
        "principal": Field(8, "string"),
        "webui_url": Field(9, "string"),
        "capabilities": Field(10, "Capability", _REPEATED),
        "labels": Field(11, "Labels"),
        "roles": Field(12, "string", _REPEATED),
    },
    "Capability": {"type": Field(1, "CapabilityType")},
    "Labels": {"labels": Field(1, "Label", _REPEATED)},
    "Label": {"key": Field(1, "string", _REQUIRED), "value": Field(2, "string")},
    "ExecutorInfo": {
        "executor_id": Field(1, "ID", _REQUIRED),
        "data": Field(4, "bytes"),
        "resources": Field(5, "Resource", _REPEATED),
        "command": Field(7, "CommandInfo"),
        "framework_id": Field(8, "ID"),
        "name": Field(9, "string"),
        "source": Field(10, "string"),
        "shutdown_grace_period": Field(13, "DurationInfo"),
        "labels": Field(14, "Labels"),
        "type": Field(15, "ExecutorType"),
    },
    "DurationInfo": {"nanoseconds": Field(1, "uint64", _REQUIRED)},
    "CommandInfo": {
        "uris": Field(1, "URI", _REPEATED),
        "environment": Field(2, "Environment"),
        "value": Field(3, "string"),
        "user": Field(5, "string"),
        "shell": Field(6, "bool"),
        "arguments": Field(7, "string", _REPEATED),
    },
    "URI": {
        "value": Field(1, "string", _REQUIRED),
        "executable": Field(2, "bool"),
        "extract": Field(3, "bool"),
        "cache": Field(4, "bool"),
        "output_file": Field(5, "string"),
    },
    "Environment": {"variables": Field(1, "Variable", _REPEATED)},
    "Variable": {"name": Field(1, "string", _REQUIRED), "value": Field(2, "string")},
    "Task": {
        "name": Field(1, "string", _REQUIRED),
        "task_id": Field(2, "ID", _REQUIRED),
        "framework_id": Field(3, "ID", _REQUIRED),
        "executor_id": Field(4, "ID"),
        "agent_id": Field(5, "ID", _REQUIRED),
        "state": Field(6, "TaskState", _REQUIRED),
        "resources": Field(7, "Resource", _REPEATED),
        "labels": Field(11, "Labels"),
        "user": Field(14, "string"),
    },
    "TaskStatus": {
        "task_id": Field(1, "ID", _REQUIRED),
        "state": Field(2, "TaskState", _REQUIRED),
        "data": Field(3, "bytes"),
        "message": Field(4, "string"),
        "agent_id": Field(5, "ID"),
        "timestamp": Field(6, "double"),
        "executor_id": Field(7, "ID"),
        "healthy": Field(8, "bool"),
        "source": Field(9, "StatusSource"),
        "reason": Field(10, "StatusReason"),
        "uuid": Field(11, "bytes"),
        "container_status": Field(13, "ContainerStatus"),
    },
    "ContainerStatus": {
        "network_infos": Field(1, "NetworkInfo", _REPEATED),
        "executor_pid": Field(3, "uint64"),
        "container_id": Field(4, "ID"),
    },
    "NetworkInfo": {"ip_addresses": Field(5, "IPAddress", _REPEATED)},
    "IPAddress": {"protocol": Field(1, "IPProtocol"), "ip_address": Field(2, "string")},
    "StatusUpdate": {
        "framework_id": Field(1, "ID", _REQUIRED),
        "executor_id": Field(2, "ID"),
        "agent_id": Field(3, "ID"),
        "status": Field(4, "TaskStatus", _REQUIRED),
        "timestamp": Field(5, "double", _REQUIRED),
        "uuid": Field(6, "bytes"),
        "latest_state": Field(7, "TaskState"),
    },
    "StatusUpdateRecord": {
        "type": Field(1, "RecordType", _REQUIRED),
        "update": Field(2, "StatusUpdate"),
        "uuid": Field(3, "bytes"),
    },
}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class DecodeError(ValueError):
    """The bytes are not a message."""


def encode(message: str, value: dict[str, Any]) -> bytes:
    """Wire format of a message, fields in the order of their numbers."""
    out = bytearray()
    for name, field in MESSAGES[message].items():
        if name in value:
            for item in value[name] if field.label == _REPEATED else [value[name]]:
                out += _encode_field(field, item)
    return bytes(out)


def _encode_field(field: Field, value: Any) -> bytes:
    if field.kind == "double":
        return _varint(field.number << 3 | _FIXED64) + struct.pack("<d", value)
    if _wire(field.kind) == _VARINT:
        number = ENUMS[field.kind][value] if field.kind in ENUMS else int(value)
        return _varint(field.number << 3 | _VARINT) + _varint(number & 2**64 - 1)
    if field.kind == "string":
        content: bytes = value.encode("utf-8", "surrogateescape")
    elif field.kind == "bytes":
        content = base64.b64decode(value)
    else:
        content = encode(field.kind, value)
    return _varint(field.number << 3 | _BYTES) + _varint(len(content)) + content


def _wire(kind: str) -> int:
    """The wire type of a kind."""
    if kind == "double":
        return _FIXED64
    return _VARINT if kind in ("bool", "int32", "uint64") or kind in ENUMS else _BYTES


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def decode(message: str, content: bytes) -> dict[str, Any]:
    """The message in wire format; DecodeError when it is cut, malformed, or lacks a required field."""
    by_number = {field.number: (name, field) for name, field in MESSAGES[message].items()}
    value: dict[str, Any] = {}
    position = 0
    while position < len(content):
        number, wire, raw, position = _read_field(message, content, position)
        name, field = by_number.get(number, ("", None))
        # A field of another wire type is as unknown as one of another number.
        item = _decode_field(field, raw) if field is not None and wire == _wire(field.kind) else None
        if field is None or item is None:
            continue
        if field.label == _REPEATED:
            value.setdefault(name, []).append(item)
        else:
            value[name] = item
    for name, field in MESSAGES[message].items():
        if field.label == _REQUIRED and name not in value:
            raise DecodeError(f"{message} has no {name}")
    return value


def _read_field(message: str, content: bytes, position: int) -> tuple[int, int, Any, int]:
    """(number, wire type, raw value, position behind it)."""
    key, position = _read_varint(content, position)
    number, wire = key >> 3, key & 7
    if number == 0:
        raise DecodeError(f"field number 0 in {message}")
    if wire == _VARINT:
        return number, wire, *_read_varint(content, position)
    size = 8 if wire == _FIXED64 else 4
    if wire == _BYTES:
        size, position = _read_varint(content, position)
    elif wire not in (_FIXED64, _FIXED32):
        raise DecodeError(f"wire type {wire} in {message}")
    end = position + size
    if end > len(content):
        raise DecodeError(f"{message} ends inside field {number}")
    return number, wire, content[position:end], end


def _decode_field(field: Field, raw: Any) -> Any:
    """None for an enum value that is not known."""
    if field.kind == "double":
        return struct.unpack("<d", raw)[0]
    if field.kind == "bool":
        return bool(raw)
    if field.kind in ENUMS:
        return {number: name for name, number in ENUMS[field.kind].items()}.get(raw)
    if field.kind in ("int32", "uint64"):
        return raw
    if field.kind == "string":
        return raw.decode("utf-8", "surrogateescape")
    if field.kind == "bytes":
        return base64.b64encode(raw).decode("ascii")
    return decode(field.kind, raw)


def _read_varint(content: bytes, position: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        if position >= len(content) or shift > 63:
            raise DecodeError("varint ends too late")
        byte = content[position]
        position += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, position


def text_format(message: str, value: dict[str, Any], indent: str = "") -> str:
    """Text format with two blanks per level, fields in the order of their numbers."""
    lines = []
    for name, field in MESSAGES[message].items():
        if name not in value:
            continue
        for item in value[name] if field.label == _REPEATED else [value[name]]:
            if field.kind in MESSAGES:
                lines.append(f"{indent}{name} {{\n{text_format(field.kind, item, indent + '  ')}{indent}}}\n")
            else:
                lines.append(f"{indent}{name}: {_text_scalar(field.kind, item)}\n")
    return "".join(lines)


def _text_scalar(kind: str, value: Any) -> str:
    if kind == "bool":
        return "true" if value else "false"
    if kind == "double":
        short = f"{value:.15g}"
        return short if float(short) == value else f"{value:.17g}"
    if kind == "string":
        return '"' + "".join(map(_escape, value.encode("utf-8", "surrogateescape"))) + '"'
    return str(value)


def _escape(byte: int) -> str:
    simple = {10: "\\n", 13: "\\r", 9: "\\t", 34: '\\"', 39: "\\'", 92: "\\\\"}
    if byte in simple:
        return simple[byte]
    return chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}"
