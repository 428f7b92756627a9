# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of protocol buffers that checkpoints need: wire format and text format, by hand.

Field numbers are those of mesos 1.11.0 include/mesos/mesos.proto. Messages are dicts in the JSON form; repeated fields
are lists; unknown fields are skipped when reading.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple


class Field(NamedTuple):
    """`kind` is string, bool, int32, uint64, double, enum or the name of a message."""

    number: int
    kind: str
    repeated: bool = False


ENUMS = {"SCALAR": 0, "RANGES": 1, "SET": 2, "TEXT": 3}

MESSAGES: dict[str, dict[str, Field]] = {
    "SlaveInfo": {
        "hostname": Field(1, "string"),
        "resources": Field(3, "Resource", True),
        "attributes": Field(5, "Attribute", True),
        "id": Field(6, "ID"),
        "checkpoint": Field(7, "bool"),
        "port": Field(8, "int32"),
        "domain": Field(10, "DomainInfo"),
    },
    "ID": {"value": Field(1, "string")},
    "Resource": {
        "name": Field(1, "string"),
        "type": Field(2, "enum"),
        "scalar": Field(3, "Scalar"),
        "ranges": Field(4, "Ranges"),
        "set": Field(5, "Set"),
        "role": Field(6, "string"),
    },
    "Attribute": {
        "name": Field(1, "string"),
        "type": Field(2, "enum"),
        "scalar": Field(3, "Scalar"),
        "ranges": Field(4, "Ranges"),
        "text": Field(5, "Text"),
        "set": Field(6, "Set"),
    },
    "Scalar": {"value": Field(1, "double")},
    "Ranges": {"range": Field(1, "Range", True)},
    "Range": {"begin": Field(1, "uint64"), "end": Field(2, "uint64")},
    "Set": {"item": Field(1, "string", True)},
    "Text": {"value": Field(1, "string")},
    "DomainInfo": {"fault_domain": Field(1, "FaultDomain")},
    "FaultDomain": {"region": Field(1, "RegionInfo"), "zone": Field(2, "ZoneInfo")},
    "RegionInfo": {"name": Field(1, "string")},
    "ZoneInfo": {"name": Field(1, "string")},
}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class DecodeError(ValueError):
    """The bytes are not a message."""


def encode(message: str, value: dict[str, Any]) -> bytes:
    """Wire format of a message, fields in the order of their numbers."""
    out = bytearray()
    for name, field in MESSAGES[message].items():
        if name in value:
            for item in value[name] if field.repeated else [value[name]]:
                out += _encode_field(field, item)
    return bytes(out)


def _encode_field(field: Field, value: Any) -> bytes:
    if field.kind == "double":
        return _varint(field.number << 3 | _FIXED64) + struct.pack("<d", value)
    if field.kind in ("bool", "int32", "uint64", "enum"):
        number = ENUMS[value] if field.kind == "enum" else int(value)
        return _varint(field.number << 3 | _VARINT) + _varint(number & 2**64 - 1)
    if field.kind == "string":
        content: bytes = value.encode("utf-8", "surrogateescape")
    else:
        content = encode(field.kind, value)
    return _varint(field.number << 3 | _BYTES) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def decode(message: str, content: bytes) -> dict[str, Any]:
    """The message in wire format; DecodeError when it is cut or malformed."""
    by_number = {field.number: (name, field) for name, field in MESSAGES[message].items()}
    value: dict[str, Any] = {}
    position = 0
    while position < len(content):
        key, position = _read_varint(content, position)
        number, wire = key >> 3, key & 7
        raw: Any
        if wire == _VARINT:
            raw, position = _read_varint(content, position)
        else:
            size = 8 if wire == _FIXED64 else 4
            if wire == _BYTES:
                size, position = _read_varint(content, position)
            elif wire not in (_FIXED64, _FIXED32):
                raise DecodeError(f"wire type {wire} in {message}")
            raw = content[position : position + size]
            position += size
            if position > len(content):
                raise DecodeError(f"{message} ends inside field {number}")
        if number in by_number:
            name, field = by_number[number]
            item = _decode_field(field, raw)
            if field.repeated:
                value.setdefault(name, []).append(item)
            else:
                value[name] = item
    return value


def _decode_field(field: Field, raw: Any) -> Any:
    if field.kind == "double":
        return struct.unpack("<d", raw)[0]
    if field.kind == "bool":
        return bool(raw)
    if field.kind == "enum":
        return {number: name for name, number in ENUMS.items()}[raw]
    if field.kind in ("int32", "uint64"):
        return raw
    if field.kind == "string":
        return raw.decode("utf-8", "surrogateescape")
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
        for item in value[name] if field.repeated else [value[name]]:
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
