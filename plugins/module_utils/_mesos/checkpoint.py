# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads the records in an agent's checkpoint: a 4-byte little-endian length and a protobuf message. Pure.

Field numbers are those of mesos ``include/mesos/mesos.proto`` and ``src/messages/messages.proto``, which never change
them. Only what an observation needs is decoded; unknown fields are passed over, as protobuf demands.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Union

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import HoldfastError
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model

# The agent's own records have a few hundred bytes; what is larger than this is no record.
RECORD_LIMIT = 16 * 1024 * 1024

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_TYPES = {number: name for name, number in model.TYPE_NUMBERS.items()}
# TaskState of mesos.proto: FINISHED, FAILED, KILLED, LOST, ERROR, DROPPED, GONE, GONE_BY_OPERATOR.
_ENDED = frozenset((2, 3, 4, 5, 7, 9, 11, 12))

_Field = Union[int, bytes]
_Fields = dict[int, list[_Field]]


class CheckpointError(HoldfastError):
    """A record of the checkpoint is not what an agent writes."""


@dataclass(frozen=True)
class AgentInfo:
    """SlaveInfo of the first registration.

    :param agent_id: empty when the record carries none.
    """

    hostname: str
    port: int
    agent_id: str
    attributes: tuple[model.Attribute, ...]


@dataclass(frozen=True)
class Reserved:
    """A dynamically reserved resource or a persistent volume.

    :param volume: the volume's ID, empty for a plain reservation.
    """

    resource: str
    role: str
    volume: str


def records(data: bytes, path: str) -> list[bytes]:
    """Cut a file into its records.

    :raises CheckpointError: the file ends inside a record, or a length is absurd.
    """
    found = []
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "little")
        if size > RECORD_LIMIT or at + 4 + size > len(data):
            raise CheckpointError(
                "the checkpoint is cut off or corrupt, the agent exits on it",
                where=path,
                seen=f"a record of {size} bytes at offset {at} of {len(data)}",
                todo="restore the file, or give up the agent's ID by removing meta/slaves/latest",
            )
        found.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return found


def agent_info(data: bytes, path: str) -> AgentInfo | None:
    """Decode ``slave.info``; None for an empty file, over which the agent registers anew without a word.

    :raises CheckpointError: anything that no agent has written.
    """
    found = records(data, path)
    if not found:
        return None
    info = _fields(found[0], path)
    agent_id = _message(info, 6, path)
    return AgentInfo(
        hostname=_text(info, 1, path),
        port=_number(info, 8, path, 5051),
        agent_id=_text(agent_id, 1, path) if agent_id is not None else "",
        attributes=tuple(_attribute(item, path) for item in _messages(info, 5, path)),
    )


def framework_name(data: bytes, path: str) -> str:
    """The name in a ``framework.info``."""
    found = records(data, path)
    return _text(_fields(found[0], path), 2, path) if found else ""


def task_ended(updates: bytes, path: str) -> bool:
    """Whether a ``task.updates`` file holds an update that ends its task."""
    for record in records(updates, path):
        update = _message(_fields(record, path), 2, path)
        status = None if update is None else _message(update, 4, path)
        if status is not None and _number(status, 2, path, -1) in _ENDED:
            return True
    return False


def reserved(data: bytes, path: str, *, state: bool) -> list[Reserved]:
    """The dynamic reservations and volumes of an agent.

    :param state: the file is ``resources_and_operations.state`` (one ResourceState), not ``resources.info`` (one
        Resource a record).
    """
    found = []
    for record in records(data, path):
        fields = _fields(record, path)
        for resource in _messages(fields, 1, path) if state else [fields]:
            item = _reserved(resource, path)
            if item:
                found.append(item)
    return found


def _reserved(resource: _Fields, path: str) -> Reserved | None:
    refined = _messages(resource, 13, path)
    single = _message(resource, 8, path)
    dynamic = any(_number(item, 4, path, 0) == 2 for item in refined) or (single is not None and not refined)
    disk = _message(resource, 7, path)
    persistence = None if disk is None else _message(disk, 1, path)
    if not dynamic and persistence is None:
        return None
    role = _text(refined[-1], 3, path) if refined else _text(resource, 6, path) or "*"
    return Reserved(_text(resource, 1, path), role, "" if persistence is None else _text(persistence, 1, path))


def _attribute(fields: _Fields, path: str) -> model.Attribute:
    name = _text(fields, 1, path)
    kind = _TYPES.get(_number(fields, 2, path, -1))
    if kind == model.SCALAR:
        scalar = _message(fields, 3, path) or {}
        return model.Attribute(name, kind, _double(scalar, 1, path))
    if kind == model.RANGES:
        ranges = _message(fields, 4, path) or {}
        pairs = [(_number(item, 1, path, 0), _number(item, 2, path, 0)) for item in _messages(ranges, 1, path)]
        return model.Attribute(name, kind, tuple(pairs))
    if kind == model.TEXT:
        return model.Attribute(name, kind, _text(_message(fields, 5, path) or {}, 1, path))
    raise _corrupt(path, f"the attribute {name!r} is of no known type")


# -- protobuf's wire format (protobuf.dev/programming-guides/encoding) ---------------------------------------------


def _fields(data: bytes, path: str) -> _Fields:
    found: _Fields = {}
    for number, value in _walk(data, path):
        found.setdefault(number, []).append(value)
    return found


def _walk(data: bytes, path: str) -> Iterator[tuple[int, _Field]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at, path)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise _corrupt(path, f"field number 0 at offset {at}")
        if kind == _VARINT:
            value, at = _varint(data, at, path)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at, path)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise _corrupt(path, f"wire type {kind} at offset {at}")
        if at + size > len(data):
            raise _corrupt(path, f"field {number} ends behind the message")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int, path: str) -> tuple[int, int]:
    value = 0
    for count in range(10):
        if at + count >= len(data):
            raise _corrupt(path, "a number is cut off")
        byte = data[at + count]
        value |= (byte & 0x7F) << (7 * count)
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, at + count + 1
    raise _corrupt(path, f"a number of more than ten bytes at offset {at}")


def _messages(fields: Mapping[int, list[_Field]], number: int, path: str) -> list[_Fields]:
    return [_fields(_as_bytes(value, number, path), path) for value in fields.get(number, ())]


def _message(fields: Mapping[int, list[_Field]], number: int, path: str) -> _Fields | None:
    found = fields.get(number)
    # A message that comes in pieces is the concatenation of them.
    return _fields(b"".join(_as_bytes(piece, number, path) for piece in found), path) if found else None


def _text(fields: Mapping[int, list[_Field]], number: int, path: str) -> str:
    found = fields.get(number)
    return _as_bytes(found[-1], number, path).decode("utf-8", "backslashreplace") if found else ""


def _number(fields: Mapping[int, list[_Field]], number: int, path: str, default: int) -> int:
    found = fields.get(number)
    if not found:
        return default
    value = found[-1]
    if isinstance(value, bytes):
        raise _corrupt(path, f"field {number} is no number")
    return value


def _double(fields: Mapping[int, list[_Field]], number: int, path: str) -> float:
    found = fields.get(number)
    data = _as_bytes(found[-1], number, path) if found else b""
    if len(data) != 8:
        raise _corrupt(path, f"field {number} is no double")
    (value,) = struct.unpack("<d", data)
    return float(value)


def _as_bytes(value: _Field, number: int, path: str) -> bytes:
    if isinstance(value, int):
        raise _corrupt(path, f"field {number} is a number where a message or text belongs")
    return value


def _corrupt(path: str, seen: str) -> CheckpointError:
    return CheckpointError(
        "the checkpoint does not decode, the agent exits on it",
        where=path,
        seen=seen,
        todo="restore the file, or give up the agent's ID by removing meta/slaves/latest",
    )
