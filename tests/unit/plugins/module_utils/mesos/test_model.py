# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model

FIXTURES = Path(__file__).parent / "fixtures"
GRAMMAR = json.loads((FIXTURES / "attributes.json").read_text(encoding="utf-8"))
RECOVERY = json.loads((FIXTURES / "recovery.json").read_text(encoding="utf-8"))
ORIGINAL = model.parse_attributes("rack:r1;num:4;ports2:[1-10]")


def as_get_agent_shows(attribute: model.Attribute) -> dict[str, Any]:
    """The attribute in the JSON form of the agent's v1 API."""
    shown: dict[str, Any] = {"name": attribute.name, "type": attribute.type}
    if attribute.type == model.TEXT:
        shown["text"] = {"value": attribute.value}
    elif attribute.type == model.SCALAR:
        shown["scalar"] = {"value": attribute.value}
    else:
        assert isinstance(attribute.value, tuple)
        ranges = [{"begin": begin, "end": end} for begin, end in attribute.value]
        shown["ranges"] = {"range": ranges} if ranges else {}
    return shown


@pytest.mark.parametrize("case", GRAMMAR, ids=lambda case: str(case["case"]))
def test_attributes_parse_as_the_real_agent_parses_them(case: dict[str, Any]) -> None:
    if "aborts" in case:
        with pytest.raises(model.AttributeRefused) as refused:
            model.parse_attributes(case["text"])
        assert refused.value.seen == case["aborts"]
        return
    parsed = model.parse_attributes(case["text"])
    assert [as_get_agent_shows(attribute) for attribute in parsed] == case["attributes"]
    assert model.state_of(parsed) == case["state"]
    assert model.attributes_from_json(json.loads(json.dumps([a.to_json() for a in parsed]))) == parsed


@pytest.mark.parametrize("case", RECOVERY, ids=lambda case: str(case["case"]))
def test_recovery_is_that_of_the_real_agent(case: dict[str, Any]) -> None:
    wanted = model.parse_attributes(case["attributes"])
    found = model.recovery(ORIGINAL, wanted, case["policy"], rebooted=case["rebooted"])
    assert (found.kind != model.NEW_AGENT_ID) == case["keeps_id"]
    assert found.by_itself == (case["comes_up"] and not case["keeps_id"])
    assert found.reason


def test_recovery_says_what_differs() -> None:
    def reason(wanted: str, policy: str = "additive") -> str:
        return model.recovery(ORIGINAL, model.parse_attributes(wanted), policy).reason

    assert reason("rack:r2;num:4;ports2:[1-10]") == (
        "the text of rack changes from r1 to r2; additive lets attributes be added, not changed"
    )
    assert reason("num:4;ports2:[1-10]") == "the attribute rack (r1) of the first registration is missing"
    assert reason("rack:7;num:4;ports2:[1-10]") == "the attribute rack changes its type from TEXT to SCALAR"
    assert "(rack r1 -> r2, without num, with zone)" in reason("rack:r2;ports2:[1-10];zone:z", "equal")


@pytest.mark.parametrize(
    ("original", "wanted", "policy", "kind"),
    [
        ("a:1.2344", "a:1.23441", "equal", model.SAME),
        ("a:1.234", "a:1.235", "equal", model.NEW_AGENT_ID),
        ("a:1.0004", "a:1", "additive", model.SAME),
        ("a:1e300", "a:1e300", "equal", model.SAME),
        ("a:[1-2,3-4]", "a:[1-4]", "equal", model.SAME),
        ("", "", "equal", model.SAME),
        ("", "a:x", "equal", model.NEW_AGENT_ID),
        ("", "a:x", "additive", model.ADDITIVE),
        # Attributes::operator== takes the first of a name and type, so such an agent differs from itself.
        ("a:x;a:y", "a:x;a:y", "equal", model.NEW_AGENT_ID),
    ],
)
def test_comparison(original: str, wanted: str, policy: str, kind: str) -> None:
    assert model.recovery(model.parse_attributes(original), model.parse_attributes(wanted), policy).kind == kind


def test_without_agent_info_the_agent_registers_anew_by_itself() -> None:
    found = model.recovery(None, ORIGINAL, "equal")
    assert (found.kind, found.by_itself) == (model.NEW_AGENT_ID, True)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("qe;dev", "';'"),
        ("one\ntwo", "a newline"),
        ("a\tb", "a tab"),
        ("a\r", "a carriage return"),
        ("a\x01", "U+0001"),
        ("a\x7f", "U+007F"),
        ("a\x85", "U+0085"),
        ("a\udcff", "not UTF-8"),
        ("[1-2]", "'['"),
        ("x{y}", "'{'"),
        ("(x)", "'('"),
        ("", "empty"),
        ("   ", "empty"),
        ("7", "a number to Mesos"),
        ("1 000", "a number to Mesos"),
        ("1e3", "a number to Mesos"),
        (".5", "a number to Mesos"),
        ("+1", "a number to Mesos"),
        ("-1", "abort (Invalid scalar value '-1':Negative values not supported)"),
        ("nan", "abort"),
        ("-Infinity", "abort"),
        ("5e-324", "abort"),
        ("0x10", "hexadecimal"),
        ("-0X1F", "hexadecimal"),
        ("0x1.8p3", "hexadecimal"),
        ("x" * 40_000, "32768 bytes"),
        (["qe"], "is a list"),
        (7, "is a int"),
        (None, "NoneType"),
    ],
)
def test_unsafe_values(value: Any, why: str) -> None:
    sentence = model.safe_attribute_value(value)
    assert sentence is not None and why in sentence


@pytest.mark.parametrize("value", ["qe", "/dev/xvdf,/dev/xvdg", "1e400", "1f", "a:b", "1,2", "中文", "in ner", "x=y"])
def test_safe_values(value: str) -> None:
    assert model.safe_attribute_value(value) is None


@pytest.mark.parametrize(
    ("value", "safe"), [("7", True), ("[1-2]", True), ("nan", False), ("[7]", False), ("a;b", False)]
)
def test_values_that_need_not_be_text(value: str, safe: bool) -> None:
    assert (model.safe_attribute_value(value, text=False) is None) == safe


@pytest.mark.parametrize(
    "name",
    [
        "",
        "a:b",
        "a;b",
        "a b",
        "a\nb",
        "rack~",
        "rack.bak",
        ".rack",
        "a/b",
        "a\tb",
        "a\udcff",
        "file",
        "x" * 256,
        7,
        None,
    ],
)
def test_unsafe_names(name: Any) -> None:
    assert model.safe_attribute_name(name)


@pytest.mark.parametrize("name", ["rack", "scaleio-sds-domains", "a.b-c_d", "ré", "Rack", "g=h"])
def test_safe_names(name: str) -> None:
    assert model.safe_attribute_name(name) is None


@given(st.text(max_size=30), st.text(max_size=30))
def test_what_is_safe_arrives_as_text_under_its_name(name: str, value: str) -> None:
    if model.safe_attribute_name(name) is None and model.safe_attribute_value(value) is None:
        assert model.state_of(model.parse_files({name: value})) == {name: value.replace(" ", "")}


_NAMES = st.sampled_from(["a", "b", "c"])
_VALUES = st.sampled_from(["x", "y", "1", "1.0004", "2", "[1-5]", "[2-3]", "[2-3,5-9]"])
_SETS = st.dictionaries(_NAMES, _VALUES).map(model.parse_files)


@given(_SETS, _SETS)
def test_whatever_equal_admits_additive_admits(original: Any, wanted: Any) -> None:
    equal = model.recovery(original, wanted, "equal")
    additive = model.recovery(original, wanted, "additive")
    assert model.recovery(original, original, "equal").kind == model.SAME
    if equal.kind == model.SAME:
        assert additive.kind == model.SAME
    if additive.kind == model.ADDITIVE:
        assert {a.name for a in original} <= {a.name for a in wanted}
