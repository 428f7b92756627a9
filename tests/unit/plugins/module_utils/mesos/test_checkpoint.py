# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import checkpoint, model
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos import wire

PATH = "/var/lib/mesos/meta/slaves/latest/slave.info"
ATTRIBUTES = model.parse_attributes("rack:r1;num:4;ports2:[1-10,20-30]")


def test_agent_info_of_a_first_registration() -> None:
    info = checkpoint.agent_info(wire.slave_info("7fbbec5d-S0", ATTRIBUTES, hostname="node1", port=5061), PATH)
    assert info == checkpoint.AgentInfo("node1", 5061, "7fbbec5d-S0", ATTRIBUTES)


def test_the_record_has_the_size_that_a_real_agent_writes() -> None:
    # Transcript of mesos-agent 1.11.0, a1: 4 bytes of length and 208 of message.
    agent_id = "7fbbec5d-aff8-4746-92e2-570a5df95a45-S0"
    data = wire.slave_info(agent_id, model.parse_attributes("rack:r1;num:4;ports2:[1-10]"), hostname="node1")
    assert (len(data), data[:4]) == (212, b"\xd0\0\0\0")


def test_an_empty_file_is_no_error() -> None:
    assert checkpoint.agent_info(b"", PATH) is None


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (wire.slave_info("S0", ATTRIBUTES)[:20], "a record of"),
        (b"\xff\xff\xff\xff", "a record of 4294967295 bytes"),
        (b"\x01\0", "a record of"),
        (wire.record(b"\x0a"), "a number is cut off"),
        (wire.record(b"\x0a\x7f"), "ends behind the message"),
        (wire.record(b"\x03"), "field number 0"),
        (wire.record(b"\x0b"), "wire type 3"),
        (wire.record(b"\x08\x01"), "a number where a message or text belongs"),
        (wire.record(b"\xff" * 11), "more than ten bytes"),
        (wire.record(wire.message(5, b"")), "no known type"),
        (wire.record(wire.message(5, wire.number(2, 9))), "no known type"),
        (wire.record(wire.message(5, wire.number(2, 0))), "no double"),
        (wire.record(wire.text(8, "x")), "is no number"),
    ],
)
def test_malformed(data: bytes, seen: str) -> None:
    with pytest.raises(checkpoint.CheckpointError) as error:
        checkpoint.agent_info(data, PATH)
    assert seen in error.value.seen
    assert PATH in str(error.value)


@given(st.binary(max_size=200))
def test_no_bytes_end_in_anything_but_a_checkpoint_error(data: bytes) -> None:
    for content in (data, wire.record(data)):
        try:
            checkpoint.agent_info(content, PATH)
            checkpoint.framework_name(content, PATH)
            checkpoint.task_ended(content, PATH)
            checkpoint.reserved(content, PATH, state=True)
        except checkpoint.CheckpointError:
            pass


def test_task_updates() -> None:
    running, finished = wire.task_update("t", 1), wire.task_update("t", 2)
    assert not checkpoint.task_ended(running, PATH)
    assert checkpoint.task_ended(running + wire.record(wire.number(1, 1)) + finished, PATH)


def test_reserved() -> None:
    refined = wire.resource("cpus", reservations=[("web", 2)])
    legacy = wire.text(1, "mem") + wire.text(6, "old") + wire.message(8, wire.text(1, "ops"))
    volume = wire.resource("disk", reservations=[("web", 2)], volume="v1")
    static = wire.resource("cpus", reservations=[("static", 1)])
    expected = [
        checkpoint.Reserved("cpus", "web", ""),
        checkpoint.Reserved("mem", "old", ""),
        checkpoint.Reserved("disk", "web", "v1"),
    ]
    parts = [refined, legacy, volume, static]
    state = wire.record(b"".join(wire.message(1, part) for part in parts))
    assert checkpoint.reserved(state, PATH, state=True) == expected
    assert checkpoint.reserved(b"".join(map(wire.record, parts)), PATH, state=False) == expected


def test_unknown_fields_are_passed_over() -> None:
    more = wire.number(99, 2**63) + bytes([(15 << 3) | 5]) + b"1234" + bytes([(15 << 3) | 1]) + struct.pack("<d", 1.0)
    data = wire.slave_info("S0", ATTRIBUTES)
    info = checkpoint.agent_info(wire.record(data[4:] + more), PATH)
    assert info is not None and info.agent_id == "S0"
