# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Declarations: what is refused and how, what becomes of the rest, and what the framework reads out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model as mesos
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import model
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.model import DeviceRequest, Layout

# -- names --------------------------------------------------------------------------------------------------------------

SCALAR = "reads as a number: the agent would make it a scalar, and the framework would read ''"
BARE = "is a number: the agent would make it a scalar, and the framework would read ''"
ONLY = "only letters, digits, '_' and '-' pass the agent and the framework unharmed"

BAD_NAMES = [
    pytest.param(7, f"the name 7 {BARE}", id="YAML 7"),
    pytest.param(1000.0, f"the name 1000.0 {BARE}", id="YAML 1.0e+3"),
    pytest.param(16, f"the name 16 {BARE}", id="YAML 0x10"),
    pytest.param(float("nan"), f"the name nan {BARE}", id="YAML .nan"),
    pytest.param(float("inf"), f"the name inf {BARE}", id="YAML .inf"),
    pytest.param(-1, f"the name -1 {BARE}", id="YAML -1"),
    pytest.param(True, "the name True is no text; YAML read it as bool: put it in quotes", id="YAML yes"),
    pytest.param(None, "the name None is no text; YAML read it as NoneType: put it in quotes", id="YAML null"),
    *(
        pytest.param(text, f"the name '{text}' {SCALAR}", id=f"'{text}'")
        for text in (
            "7",
            "007",
            "1e3",
            "1E3",
            "1e-3",
            "0x10",
            "0X1f",
            "0x1p3",
            "0x",
            "0Xp-",
            "nan",
            "NaN",
            "-1",
            "-nan",
            "inf",
            "-inf",
            "Infinity",
        )
    ),
    pytest.param("1.5", f"the name '1.5' has '.'; {ONLY}", id="a decimal point"),
    pytest.param("nan(1)", f"the name 'nan(1)' has '(' ')'; {ONLY}", id="nan with a payload"),
    pytest.param("a:b", f"the name 'a:b' has ':'; {ONLY}", id="colon"),
    pytest.param("a~", f"the name 'a~' has '~'; {ONLY}", id="tilde"),
    pytest.param("a;b", f"the name 'a;b' has ';'; {ONLY}", id="semicolon"),
    pytest.param("a\nb", rf"the name 'a\nb' has '\n'; {ONLY}", id="newline"),
    pytest.param("a\n", rf"the name 'a\n' has '\n'; {ONLY}", id="newline at the end"),
    pytest.param("a\tb", rf"the name 'a\tb' has '\t'; {ONLY}", id="tab"),
    pytest.param("[a]", f"the name '[a]' has '[' ']'; {ONLY}", id="brackets"),
    pytest.param("{a}", f"the name '{{a}}' has '{{' '}}'; {ONLY}", id="braces"),
    pytest.param("a,b", f"the name 'a,b' has ','; {ONLY}", id="comma"),
    pytest.param("a,", f"the name 'a,' has ','; {ONLY}", id="trailing comma"),
    pytest.param("a b", f"the name 'a b' has ' '; {ONLY}", id="space"),
    pytest.param("a/b", f"the name 'a/b' has '/'; {ONLY}", id="slash"),
    pytest.param(".", f"the name '.' has '.'; {ONLY}", id="a dot"),
    pytest.param("", f"the name '' has no character; {ONLY}", id="empty"),
    pytest.param("caf\u00e9", rf"the name 'caf\xe9' has '\xe9'; {ONLY}", id="not ASCII"),
    pytest.param("\u0663", rf"the name '\u0663' has '\u0663'; {ONLY}", id="an Arabic digit"),
    pytest.param("\ud800", rf"the name '\ud800' has '\ud800'; {ONLY}", id="a lone surrogate"),
    pytest.param(
        "caf\udce9",
        r"the name 'caf\udce9' is not UTF-8: it would make the master's /slaves unreadable for everybody",
        id="not UTF-8",
    ),
    pytest.param("--", "the name '--' has no letter", id="no letter"),
    pytest.param(
        "domains", "the name 'domains' is taken: scaleio-sds-domains is the list of domains itself", id="domains"
    ),
    pytest.param(
        "scaleio-sds-x",
        "the name 'scaleio-sds-x' contains the framework's own prefix, which makes it look up another attribute",
        id="the framework's prefix",
    ),
    pytest.param(
        "x" * 244,
        f"the name '{'x' * 80}...' has 244 characters; a file is named after it, so at most 243",
        id="longer than a file's name",
    ),
    pytest.param(["a"], "a name must be a text, and this is a list: ['a']", id="list"),
    pytest.param({"a": 1}, "a name must be a text, and this is a mapping: {'a': 1}", id="mapping"),
]


@pytest.mark.parametrize(("name", "sentence"), BAD_NAMES)
def test_bad_names(name: Any, sentence: str) -> None:
    assert model.name_problem(name) == sentence


@pytest.mark.parametrize(("name", "sentence"), BAD_NAMES)
def test_a_bad_name_is_refused_wherever_it_stands(name: Any, sentence: str) -> None:
    if not isinstance(name, (list, dict)):
        for where, sds, sdc in (
            ("scaleio_sds", {name: {"pool": ["/dev/xvdf"]}}, None),
            ("scaleio_sds: dom", {"dom": {name: ["/dev/xvdf"]}}, None),
            ("scaleio_sdc", None, {name: ["pool"]}),
        ):
            layout, errors, _warnings = model.parse_layout(sds, sdc, None)
            assert f"{where}: {sentence}" in errors
            assert all(
                model.name_problem(found) == "" for found in (*layout.sds_domains(), *(d for d, _p in layout.sdc or ()))
            )
    _layout, errors, _warnings = model.parse_layout(None, {"dom": [name]}, None)
    assert f"scaleio_sdc: dom: {sentence}" in errors


@pytest.mark.parametrize("name", ["a", "engineering", "a7", "7a", "1_000", "e3", "x-1", "A_b-9", "infra", "x" * 243])
def test_good_names(name: str) -> None:
    assert model.name_problem(name) == ""


@given(st.one_of(st.text(max_size=12), st.text("0123456789abcdefinpxINF_-+.", max_size=8)))
def test_an_accepted_name_is_text_to_the_agent_as_name_and_as_value(name: str) -> None:
    if model.name_problem(name) == "":
        assert mesos.safe_attribute_name(f"scaleio-sds-{name}") is None
        assert mesos.safe_attribute_value(name) is None
        assert model.framework_view({model.SDS_ROOT: name}).provides == {name: {}}


# -- declarations --------------------------------------------------------------------------------------------------------

ONE = {"dom": {"pool": ["/dev/xvdf"]}}


@pytest.mark.parametrize(
    ("sds", "sdc", "persona", "sentences"),
    [
        pytest.param(
            ["dom"],
            None,
            None,
            [
                "scaleio_sds must be a mapping (protection domain -> storage pools -> devices), and this is a list: ['dom']"
            ],
            id="a list of domains",
        ),
        pytest.param(
            "dom",
            None,
            None,
            ["scaleio_sds must be a mapping (protection domain -> storage pools -> devices), and this is a text: dom"],
            id="a text for everything",
        ),
        pytest.param(
            7,
            None,
            None,
            ["scaleio_sds must be a mapping (protection domain -> storage pools -> devices), and this is a number: 7"],
            id="a number",
        ),
        pytest.param(
            {"dom": ["pool"]},
            None,
            None,
            ["scaleio_sds: dom must be a mapping (storage pool -> devices), and this is a list: ['pool']"],
            id="a list where pools belong",
        ),
        pytest.param(
            {"dom": {}},
            None,
            None,
            ["scaleio_sds: dom has no storage pool; name one, or leave the domain out"],
            id="no pool",
        ),
        pytest.param(
            {"dom": {"pool": []}},
            None,
            None,
            [
                "scaleio_sds: dom: pool has an empty list of devices; a pool without devices keeps the framework logging in for ever"
            ],
            id="an empty list",
        ),
        pytest.param(
            {"dom": {"pool": None}},
            None,
            None,
            ["scaleio_sds: dom: pool must name devices (a list, or an expression), and this is a null: None"],
            id="no devices at all",
        ),
        pytest.param(
            {"dom": {"pool": 3}},
            None,
            None,
            ["scaleio_sds: dom: pool must name devices (a list, or an expression), and this is a number: 3"],
            id="a number of devices",
        ),
        pytest.param(
            {"dom": {"pool": [["/dev/xvdf"]]}},
            None,
            None,
            ["scaleio_sds: dom: pool: a device must be a path or a by-id name, and this is a list: ['/dev/xvdf']"],
            id="a list where a text belongs",
        ),
        pytest.param(
            {"dom": {"pool": ["/dev/xvdf,"]}},
            None,
            None,
            [
                "scaleio_sds: dom: pool: the device '/dev/xvdf,' has a comma at its end: the framework would attach a device with no name"
            ],
            id="a trailing comma",
        ),
        pytest.param(
            {"dom": {"pool": "/dev/xvdf,/dev/xvdg"}},
            None,
            None,
            [
                "scaleio_sds: dom: pool: the device '/dev/xvdf,/dev/xvdg' has a character that the attribute or the framework would misread"
            ],
            id="a comma list",
        ),
        pytest.param(
            {"dom": {"pool": ["/dev/xvd f"]}},
            None,
            None,
            [
                "scaleio_sds: dom: pool: the device '/dev/xvd f' has a character that the attribute or the framework would misread"
            ],
            id="a space in a device",
        ),
        pytest.param(
            {"dom": {"pool": [""]}},
            None,
            None,
            ["scaleio_sds: dom: pool: a device with no name"],
            id="a device with no name",
        ),
        pytest.param(
            {"dom": {"pool": ["/srv/image"]}},
            None,
            None,
            ["scaleio_sds: dom: pool: the device '/srv/image' is not below /dev"],
            id="a file",
        ),
        pytest.param(
            {"dom": {"pool": ["/dev/xvdf", "/dev/xvdf"]}},
            None,
            None,
            ["scaleio_sds: dom: pool names the device /dev/xvdf twice"],
            id="a device twice",
        ),
        pytest.param(
            {"dom": {"pool": {"select": ["x"]}}},
            None,
            None,
            ["scaleio_sds: dom: pool must be {select: EXPRESSION, count: NUMBER}; select is ['x']"],
            id="an expression that is no text",
        ),
        pytest.param(
            {"dom": {"pool": {"select": "[].path", "number": 2}}},
            None,
            None,
            ["scaleio_sds: dom: pool must be {select: EXPRESSION, count: NUMBER}; unknown: number"],
            id="an unknown key",
        ),
        *(
            pytest.param(
                {"dom": {"pool": {"select": "[].path", "count": count}}},
                None,
                None,
                [f"scaleio_sds: dom: pool: count is {count}; it must be a number from 1 up, or 'any'"],
                id=f"count {count!r}",
            )
            for count in (0, -1, True, "2", 1.5, None)
        ),
        pytest.param(
            {"dom": {"dom": ["/dev/xvdf"]}},
            None,
            None,
            ["scaleio_sds: the pool 'dom' is named like a domain: both would be the one file scaleio-sds-dom"],
            id="a pool named like its domain",
        ),
        pytest.param(
            {"da": {"p": ["/dev/xvdf"]}, "db": {"p": ["/dev/xvdg"]}},
            None,
            None,
            [
                "scaleio_sds: the pool 'p' is in da and in db: both would get the devices of the one file scaleio-sds-p",
                "two protection domains on one agent (da, db; sds and sdc count together): the framework would ask for two SDSs"
                " with one name, and which of them exists in the end is chance",
            ],
            id="one pool name in two domains",
        ),
        pytest.param(
            ONE,
            {"other": ["q"]},
            None,
            [
                "two protection domains on one agent (dom, other; sds and sdc count together): the framework would ask for two"
                " SDSs with one name, and which of them exists in the end is chance"
            ],
            id="another domain for the client",
        ),
        pytest.param(
            None,
            ["dom"],
            None,
            ["scaleio_sdc must be a mapping (protection domain -> list of storage pools), and this is a list: ['dom']"],
            id="sdc: a list",
        ),
        pytest.param(
            None,
            {"dom": "pool"},
            None,
            ["scaleio_sdc: dom must be a list of storage pools, and this is a text: pool"],
            id="sdc: a text",
        ),
        pytest.param(
            None,
            {"dom": None},
            None,
            ["scaleio_sdc: dom must be a list of storage pools, and this is a null: None"],
            id="sdc: nothing",
        ),
        pytest.param(
            None,
            {"dom": []},
            None,
            ["scaleio_sdc: dom has no storage pool; name one, or leave the domain out"],
            id="sdc: no pool",
        ),
        pytest.param(
            None,
            {"dom": {"pool": ["/dev/xvdf"]}},
            None,
            ["scaleio_sdc: dom gives devices to a pool; a client has none, write a list of pool names"],
            id="sdc: devices",
        ),
        pytest.param(
            None, {"dom": ["p", "p"]}, None, ["scaleio_sdc: the pool 'p' is listed twice"], id="sdc: a pool twice"
        ),
        pytest.param(
            None,
            {"dom": ["dom"]},
            None,
            ["scaleio_sdc: the pool 'dom' is named like a domain: both would be the one file scaleio-sdc-dom"],
            id="sdc: a pool named like its domain",
        ),
        *(
            pytest.param(
                ONE,
                None,
                persona,
                [f"scaleio_persona is {shown}; it must be one of primary, secondary, tiebreaker"],
                id=f"persona {shown}",
            )
            for persona, shown in (("data", "data"), (7, "7"), (["primary"], "['primary']"), ("Primary", "Primary"))
        ),
    ],
)
def test_refused_declarations(sds: Any, sdc: Any, persona: Any, sentences: list[str]) -> None:
    _layout, errors, warnings = model.parse_layout(sds, sdc, persona)
    assert errors == sentences
    assert warnings == []


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        pytest.param(["/dev/xvdf", "/dev/xvdg"], [("path", "/dev/xvdf", 1), ("path", "/dev/xvdg", 1)], id="paths"),
        pytest.param("/dev/xvdf", [("path", "/dev/xvdf", 1)], id="one path"),
        pytest.param(["/dev/disk/by-id/scsi-1"], [("by_id", "scsi-1", 1)], id="a by-id path"),
        pytest.param("scsi-1", [("by_id", "scsi-1", 1)], id="a by-id name"),
        pytest.param(" [?free].path ", [("select", "[?free].path", 1)], id="an expression"),
        pytest.param({"select": "[].path", "count": 2}, [("select", "[].path", 2)], id="an expression with a count"),
        pytest.param(
            {"select": "[].path", "count": "any"}, [("select", "[].path", None)], id="an expression for any number"
        ),
    ],
)
def test_accepted_devices(devices: Any, expected: list[tuple[str, str, int | None]]) -> None:
    layout, errors, _warnings = model.parse_layout({"dom": {"pool": devices}}, None, None)
    assert errors == []
    assert list(layout.sds[0][1][0][1]) == [DeviceRequest(*found) for found in expected]


def test_the_order_is_the_declarations() -> None:
    layout, errors, _warnings = model.parse_layout(
        {"dom": {"z": ["/dev/b"], "a": ["/dev/d", "/dev/c"]}}, {"dom": {"z": None, "a": None}}, "primary"
    )
    assert errors == []
    assert layout == Layout(
        (
            (
                "dom",
                (
                    ("z", (DeviceRequest("path", "/dev/b"),)),
                    ("a", (DeviceRequest("path", "/dev/d"), DeviceRequest("path", "/dev/c"))),
                ),
            ),
        ),
        (("dom", ("z", "a")),),
        "primary",
    )


def test_nothing_declared_is_no_error_and_is_not_an_empty_client() -> None:
    assert model.parse_layout(None, None, None) == (Layout(), [], [])
    assert model.parse_layout({}, {}, "") == (Layout(sdc=()), [], [])


def test_a_long_name_is_a_warning() -> None:
    _layout, errors, warnings = model.parse_layout({"d" * 32: {"p": ["/dev/xvdf"]}}, None, None)
    assert errors == []
    assert warnings == [f"scaleio_sds: the name '{'d' * 32}' is longer than 31 characters; ScaleIO may refuse it"]


def test_all_errors_are_told_at_once() -> None:
    _layout, errors, _warnings = model.parse_layout({7: {"p": []}, "b": 3}, {"c": "x"}, "king")
    assert len(errors) == 5


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=4) | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(ANYTHING, ANYTHING, ANYTHING)
def test_whatever_is_declared_gets_sentences_and_no_traceback(sds: Any, sdc: Any, persona: Any) -> None:
    layout, errors, warnings = model.parse_layout(sds, sdc, persona)
    assert all(
        isinstance(sentence, str) and sentence.isprintable() and sentence.isascii() for sentence in (*errors, *warnings)
    )
    assert Layout.from_json(json.loads(json.dumps(layout.to_json()))) == layout


# -- attribute files -------------------------------------------------------------------------------------------------------


def test_render_gives_the_files_of_the_article() -> None:
    sds = [("engineering", [("qe", ["/dev/xvdf", "/dev/xvdg"]), ("dev", ["/dev/xvdh"])])]
    assert model.render(sds, [("engineering", ["qe"])], "tiebreaker") == {
        "scaleio-sds-domains": "engineering",
        "scaleio-sds-engineering": "qe,dev",
        "scaleio-sds-qe": "/dev/xvdf,/dev/xvdg",
        "scaleio-sds-dev": "/dev/xvdh",
        "scaleio-sdc-domains": "engineering",
        "scaleio-sdc-engineering": "qe",
        "scaleio-persona": "tiebreaker",
    }
    assert model.render([], [], "") == {}


@pytest.mark.parametrize(
    ("sds", "rule", "expected"),
    [
        pytest.param([("d", [("p", []), ("q", [])])], "last_sds_pool", (("d", ("q",)),), id="the last pool"),
        pytest.param(
            [("d", [("p", [])]), ("e", [("r", [])])], "last_sds_pool", (("e", ("r",)),), id="of the last domain"
        ),
        pytest.param([("d", [("p", [])])], "none", (), id="none"),
        pytest.param([], "last_sds_pool", (), id="nothing contributed"),
        pytest.param([("d", [])], "last_sds_pool", (), id="a domain without pools"),
    ],
)
def test_default_sdc(sds: Any, rule: str, expected: Any) -> None:
    assert model.default_sdc(sds, rule) == expected


# -- what the framework reads ----------------------------------------------------------------------------------------------

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "framework_cases.json").read_text(encoding="utf-8"))
LEFT_OUT = {13: "one attribute twice: a directory cannot hold two files of one name"}


@pytest.mark.parametrize("case", [pytest.param(c, id=f"case {c['case']}") for c in CASES if c["case"] not in LEFT_OUT])
@pytest.mark.parametrize("through", ["files", "state"])
def test_framework_view_is_what_the_framework_was_seen_to_read(case: Mapping[str, Any], through: str) -> None:
    attributes = mesos.parse_attributes(case["attributes"])
    texts: Mapping[str, Any] = dict(token.split(":", 1) for token in case["attributes"].split(";") if token)
    if through == "files":
        # The agent takes spaces out of values, so no file that is ever written has any.
        texts = {name: value.replace(" ", "") for name, value in texts.items()}
    else:
        texts = mesos.state_of(attributes)
    view = model.framework_view(texts)
    assert view.imperative is case["imperative"]
    # The framework keeps a device as often as it is listed; it is one device.
    assert view.provides == {
        domain: {pool: tuple(dict.fromkeys(devices or ())) for pool, devices in (pools or {}).items()}
        for domain, pools in (case["provides"] or {}).items()
    }


def test_the_cases_are_all_there() -> None:
    assert [case["case"] for case in CASES] == list(range(1, 20))


def test_a_client_root_alone_is_imperative_and_contributes_nothing() -> None:
    view = model.framework_view({"scaleio-sdc-domains": "eng"})
    assert view.imperative
    assert view.device_pools == {}


def test_an_empty_root_counts_as_absent() -> None:
    assert not model.framework_view({"scaleio-sds-domains": "", "rack": "r1"}).imperative


def test_device_pools_shows_a_device_in_two_pools() -> None:
    files = {
        "scaleio-sds-domains": "d",
        "scaleio-sds-d": "p,q",
        "scaleio-sds-p": "/dev/x",
        "scaleio-sds-q": "/dev/x,/dev/y",
    }
    assert model.framework_view(files).device_pools == {"/dev/x": {("d", "p"), ("d", "q")}, "/dev/y": {("d", "q")}}


# -- and back --------------------------------------------------------------------------------------------------------------

NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,5}", fullmatch=True).filter(lambda name: not model.name_problem(name))


@st.composite
def rendered(draw: st.DrawFn) -> dict[str, str]:
    """Attribute files of a valid layout."""
    domain, *pools = draw(st.lists(NAMES, min_size=2, max_size=4, unique=True))
    letters = draw(st.permutations("abcdef"))
    devices = [[f"/dev/xvd{letter}" for letter in letters[i::6]] for i in range(len(pools))]
    form = draw(st.sampled_from(["both", "sds", "sdc"]))
    sds = [] if form == "sdc" else [(domain, list(zip(pools, devices)))]
    sdc = [] if form == "sds" else [(domain, pools[: draw(st.integers(1, len(pools)))])]
    return model.render(sds, sdc, draw(st.sampled_from(["", *model.PERSONAS])))


@given(rendered())
def test_decompile_is_the_inverse_of_render(files: dict[str, str]) -> None:
    declaration, problems = model.decompile({**files, "rack": "r1"})
    assert problems == []
    layout, errors, _warnings = model.parse_layout(
        declaration.get("scaleio_sds"), declaration.get("scaleio_sdc"), declaration.get("scaleio_persona")
    )
    assert errors == []
    sds = [(d, [(p, [r.text for r in requests]) for p, requests in pools]) for d, pools in layout.sds]
    sdc = layout.sdc
    if sdc is None:
        sdc = model.default_sdc(layout.sds, declaration.get("scaleio_sdc_default", "last_sds_pool"))
    assert model.render(sds, sdc, layout.persona) == files


@pytest.mark.parametrize(
    ("attributes", "declaration", "problems"),
    [
        pytest.param(
            {"scaleio-sdc-domains": "eng", "rack": "r1"}, {"scaleio_state": "absent"}, [], id="the marker alone"
        ),
        pytest.param({"rack": "r1"}, {}, [], id="nothing of ours"),
        pytest.param(
            {"scaleio-sds-domains": "d", "scaleio-sds-d": "p", "scaleio-sds-p": "/dev/x", "scaleio-sds-old": "/dev/y"},
            {"scaleio_sds": {"d": {"p": ["/dev/x"]}}, "scaleio_sdc_default": "none"},
            ["the attribute scaleio-sds-old is read by nothing; it would be removed"],
            id="a stray attribute",
        ),
        pytest.param(
            {"scaleio-sdc-domains": "d", "scaleio-sdc-d": "p", "scaleio-sdc-p": "/dev/y"},
            {"scaleio_sdc": {"d": ["p"]}},
            [
                "the attribute scaleio-sdc-p gives the pool the devices /dev/y, which the framework adds as those of a server, and"
                " no declaration has that: name them in scaleio_sds; the attribute would be removed"
            ],
            id="devices in the client part",
        ),
        pytest.param(
            {"scaleio-sds-domains": "d", "scaleio-sds-d": "p", "scaleio-sds-p": "/dev/x,/dev/x"},
            {"scaleio_sds": {"d": {"p": ["/dev/x", "/dev/x"]}}, "scaleio_sdc_default": "none"},
            ["scaleio_sds: d: p names the device /dev/x twice"],
            id="what no declaration may say",
        ),
        pytest.param(
            {"scaleio-sds-domains": "d", "scaleio-sds-d": "p", "scaleio-sds-p": "/dev/disk/by-id/scsi-1"},
            {"scaleio_sds": {"d": {"p": ["/dev/disk/by-id/scsi-1"]}}, "scaleio_sdc_default": "none"},
            ["the attribute scaleio-sds-p is '/dev/disk/by-id/scsi-1', which no declaration gives"],
            id="a by-id path, which would be written as the kernel's name",
        ),
    ],
)
def test_decompile(attributes: Mapping[str, str], declaration: Mapping[str, Any], problems: list[str]) -> None:
    assert model.decompile(attributes) == (declaration, problems)
