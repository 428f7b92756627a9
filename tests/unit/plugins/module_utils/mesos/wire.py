# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes the records of an agent's checkpoint, for tests: protobuf's wire format behind a 4-byte length."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def message(field: int, body: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(body)) + body


def text(field: int, value: str) -> bytes:
    return message(field, value.encode())


def double(field: int, value: float) -> bytes:
    return varint(field << 3 | 1) + struct.pack("<d", value)


def record(body: bytes) -> bytes:
    return struct.pack("<I", len(body)) + body


def ranges(pairs: Iterable[tuple[int, int]]) -> bytes:
    return b"".join(message(1, number(1, begin) + number(2, end)) for begin, end in pairs)


def attribute(item: model.Attribute) -> bytes:
    body = text(1, item.name) + number(2, model.TYPE_NUMBERS[item.type])
    if isinstance(item.value, str):
        return body + message(5, text(1, item.value))
    if isinstance(item.value, tuple):
        return body + message(4, ranges(item.value))
    return body + message(3, double(1, item.value))


def slave_info(
    agent_id: str, attributes: Iterable[model.Attribute], *, hostname: str = "node1", port: int = 5051
) -> bytes:
    """``slave.info`` with the resources of the transcripts' agent."""
    body = text(1, hostname)
    for name, amount in (("cpus", 2.0), ("mem", 1024.0), ("disk", 4096.0)):
        body += message(3, text(1, name) + number(2, 0) + message(3, double(1, amount)) + text(6, "*"))
    body += message(3, text(1, "ports") + number(2, 1) + message(4, ranges([(31000, 32000)])) + text(6, "*"))
    body += b"".join(message(5, attribute(item)) for item in attributes)
    return record(body + message(6, text(1, agent_id)) + number(7, 1) + number(8, port))


def framework_info(name: str) -> bytes:
    return record(text(1, "root") + text(2, name) + number(5, 1))


def task_update(task: str, state: int) -> bytes:
    """One record of ``task.updates``: ``state`` is a TaskState."""
    status = message(1, text(1, task)) + number(2, state)
    return record(number(1, 0) + message(2, message(4, status)))


def resource(name: str, *, reservations: Sequence[tuple[str, int]] = (), volume: str = "") -> bytes:
    """A Resource: ``reservations`` are (role, 1 static or 2 dynamic)."""
    body = text(1, name) + number(2, 0) + message(3, double(1, 1.0))
    if volume:
        body += message(7, message(1, text(1, volume)))
    return body + b"".join(message(13, text(3, role) + number(4, kind)) for role, kind in reservations)
