# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Grammar and formats beyond the recorded cases."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

ROOTFS = Path(__file__).resolve().parents[3] / "lab" / "simulators" / "mesos" / "rootfs"
sys.path.insert(0, str(ROOTFS / "usr/lib/mesos-simulator"))

from mesos_simulator import (
    agent_flags,
    attributes,
    compatibility,
    flags,
    jsonify,
    picojson,
    protobuf,
    resources,
    units,
    values,
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("5e-324", "Invalid scalar value '5e-324':Subnormal values not supported"),
        ("-0.0001", "Invalid scalar value '-0.0001':Negative values not supported"),
        ("+inf", "Invalid scalar value '+inf':Infinite values not supported"),
        ("-nan", "Invalid scalar value '-nan':NaN not supported"),
        ("nan(1)", "Invalid scalar value 'nan(1)':NaN not supported"),
        ("[1-2-3]", 'Expecting one or more "ranges"'),
        ("   ", "Expecting non-empty string"),
        ("x)", "Mismatched brackets"),
    ],
)
def test_values_that_are_refused(text: str, reason: str) -> None:
    with pytest.raises(values.InvalidValue) as caught:
        values.parse(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("text", "value"),
    [("x(y)z", "x(y)z"), ("1e400", "1e400"), ("1e", "1e"), ("0x1.8", "0x1.8"), ("a b\u00a0c", "ab\u00a0c")],
)
def test_values_that_are_text(text: str, value: str) -> None:
    assert values.parse(text) == {"type": "TEXT", "text": {"value": value}}


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (1e21, "1e21"),
        (123e18, "123000000000000000000.0"),
        (1.5e-7, "1.5e-7"),
        (1e-6, "0.000001"),
    ],
)
def test_numbers_in_json(number: float, text: str) -> None:
    assert jsonify.number(number) == text


def test_strings_in_json_keep_foreign_bytes() -> None:
    assert jsonify.document({"a": 'x"\\\n\x01/\udcffé'}) == b'{"a":"x\\"\\\\\\n\\u0001/\xff\xc3\xa9"}'


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("tru", "syntax error at line 1 near: "),
        ('{"a":1,}', "syntax error at line 1 near: }"),
        ('{"a":\n}', "syntax error at line 2 near: }"),
        ("[1 2]", "syntax error at line 1 near: 2]"),
    ],
)
def test_errors_of_the_json_reader(source: str, message: str) -> None:
    with pytest.raises(picojson.JsonError) as caught:
        picojson.parse(source)
    assert str(caught.value) == message


def test_wire_format_by_hand() -> None:
    """Bytes written out from the field numbers of mesos.proto."""
    info: dict[str, Any] = {
        "hostname": "n",
        "attributes": [{"name": "a", "type": "TEXT", "text": {"value": "b"}}],
        "id": {"value": "S0"},
        "checkpoint": True,
        "port": 5051,
        "domain": {"fault_domain": {"region": {"name": "r"}, "zone": {"name": "z"}}},
    }
    expected = bytes.fromhex(
        "0a016e"  # 1: hostname
        "2a0a"
        "0a0161"
        "1003"
        "2a03"
        "0a0162"  # 5: attribute of 10 bytes: 1 name, 2 type TEXT, 5 text
        "3204"
        "0a025330"  # 6: id
        "3801"  # 7: checkpoint
        "40bb27"  # 8: port
        "520c"
        "0a0a"
        "0a03"
        "0a0172"
        "1203"
        "0a017a"  # 10: domain, fault domain, 1 region, 2 zone
    )
    assert protobuf.encode("SlaveInfo", info) == expected
    assert protobuf.decode("SlaveInfo", expected) == info


def test_unknown_fields_are_skipped_and_cut_ones_refused() -> None:
    assert protobuf.decode("ID", bytes.fromhex("0a0161" "1001" "1900000000000000f0" "7a0178")) == {"value": "a"}
    with pytest.raises(protobuf.DecodeError):
        protobuf.decode("ID", bytes.fromhex("0a0561"))


def test_text_format_escapes() -> None:
    assert protobuf.text_format("Text", {"value": 'é"\n'}) == 'value: "\\303\\251\\"\\n"\n'


def test_additive_looks_at_resources_too() -> None:
    def info(text: str) -> dict[str, Any]:
        return {"hostname": "n", "port": 1, "attributes": [], "resources": resources.parse(text, "*")}

    reason = compatibility.additive(info("cpus:2;ports:[1-10]"), info("cpus:2"))
    assert reason == ("Configuration change not permitted under 'additive' policy: Couldn't find resource ports:[1-10]")
    assert compatibility.additive(info("cpus:2;ports:[1-10]"), info("foo:1;cpus:3;ports:[1-5,6-20]")) is None


def test_equal_counts_duplicates() -> None:
    def info(text: str) -> dict[str, Any]:
        return {"hostname": "n", "port": 1, "resources": [], "attributes": attributes.parse(text)}

    assert compatibility.equal(info("a:x;b:y;a:x"), info("b:y;a:x;a:x")) is None
    assert compatibility.equal(info("a:x;a:x;b:y"), info("a:x;b:y;b:y")) is not None


@pytest.mark.parametrize(("text", "seconds"), [("10ms", 0.01), ("1.5mins", 90.0), ("2weeks", 1209600.0)])
def test_durations(text: str, seconds: float) -> None:
    assert units.parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("seconds", "text"), [(60, "1mins"), (90, "90secs"), (0.01, "10ms"), (0, "0ns"), (604800, "1weeks")]
)
def test_durations_in_flags(seconds: float, text: str) -> None:
    assert units.format_duration(seconds) == text


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--strict", "--no-strict"], "Flag 'strict' is already loaded via name 'no-strict'"),
        (["--no-strict=x"], "Failed to load boolean flag 'strict' via 'no-strict' with value 'x'"),
        (
            ["--gc_delay=1fortnight"],
            "Failed to load flag 'gc_delay': Failed to load value '1fortnight': Unknown duration unit 'fortnight'",
        ),
        (
            ["--fetcher_cache_size=2"],
            "Failed to load flag 'fetcher_cache_size': Failed to load value '2': Invalid bytes '2'",
        ),
    ],
)
def test_flags_that_are_refused(argv: list[str], message: str) -> None:
    with pytest.raises(flags.FlagError) as caught:
        flags.load(agent_flags.TABLE, ["--work_dir=/x", *argv], {})
    assert str(caught.value) == message


def test_the_command_line_wins_over_the_environment() -> None:
    environment = {"MESOS_ATTRIBUTES": "a:env", "MESOS_PORT": "5061", "MESOS_NO_SUCH_FLAG": "x", "ATTRIBUTES": "a:none"}
    loaded = flags.load(agent_flags.TABLE, ["--work_dir=/x", "--attributes=a:argv"], environment)
    assert (loaded["attributes"], loaded["port"]) == ("a:argv", 5061)


def test_a_reservation_takes_from_the_unreserved_part() -> None:
    own = resources.parse("cpus:2;mem:1024", "*")
    reserved = {**resources.scalar("mem", 1000.0, "db"), "reservations": [{"type": "DYNAMIC", "role": "db"}]}
    total = resources.apply_reservations(own, [reserved])
    assert [(item["name"], item["scalar"]["value"]) for item in total] == [
        ("cpus", 2.0),
        ("mem", 24.0),
        ("mem", 1000.0),
    ]
    with pytest.raises(resources.InvalidResources):
        resources.apply_reservations(own, [reserved, reserved])
