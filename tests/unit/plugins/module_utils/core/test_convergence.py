# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Conditions, check mode, partial failure, and plans that survive JSON."""

from __future__ import annotations

import errno
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import (
    Condition,
    Outcome,
    Phase,
    Plan,
    Step,
    converge,
    report,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import HoldfastError, WorldChanged


@pytest.mark.parametrize(
    ("condition", "world", "holds"),
    [
        pytest.param(Condition(("a", "b"), 1), {"a": {"b": 1}}, True, id="equals"),
        pytest.param(Condition(("a", "b"), 1), {"a": {"b": 2}}, False, id="differs"),
        pytest.param(Condition(("a", "b"), None), {"a": {}}, True, id="a missing key reads as None"),
        pytest.param(Condition(("a", "b"), None), {}, True, id="a missing parent too"),
        pytest.param(Condition(("a", "b"), None), {"a": "text"}, True, id="a parent that is no mapping too"),
        pytest.param(Condition(("a",), ["x", "y"], "within"), {"a": ["y"]}, True, id="fewer names"),
        pytest.param(Condition(("a",), ["x"], "within"), {"a": ["x", "y"]}, False, id="one name more"),
        pytest.param(Condition(("a",), [], "within"), {"a": None}, True, id="nothing is within nothing"),
        pytest.param(Condition(("a",), 15, "at_least"), {"a": 15}, True, id="as many"),
        pytest.param(Condition(("a",), 15, "at_least"), {"a": 14}, False, id="fewer"),
        pytest.param(Condition(("a",), 0, "at_least"), {"a": None}, False, id="unknown is not enough"),
    ],
)
def test_condition(condition: Condition, world: Mapping[str, Any], holds: bool) -> None:
    if holds:
        condition.check(world, "step")
    else:
        with pytest.raises(WorldChanged):
            condition.check(world, "step")


def test_a_broken_condition_says_what_was_seen_and_that_the_step_was_not_done() -> None:
    with pytest.raises(WorldChanged) as caught:
        Condition(("files", "rack"), "r1").check({"files": {"rack": "r2"}}, "write rack")
    assert str(caught.value) == (
        "the host is not as it was when this was planned, so this was not done: write rack (files.rack):"
        " 'r2' where 'r1' was expected (equals) -- run again: the next plan starts from what is there now"
    )


class World:
    """A machine of one mapping; every look and every step is written down."""

    def __init__(self, fail: Mapping[str, Exception] | None = None) -> None:
        self.facts: dict[str, Any] = {}
        self.log: list[str] = []
        self.fail = dict(fail or {})

    def observe(self, parts: frozenset[str]) -> Mapping[str, Any]:
        self.log.append(f"look at {','.join(sorted(parts))}")
        return self.facts

    def execute(self, step: Step) -> None:
        if step.kind in self.fail:
            raise self.fail[step.kind]
        self.log.append(f"do {step.kind}")
        self.facts[step.kind] = "done"


def step(kind: str, *requires: Condition, before: str = "", after: str = "x\n") -> Step:
    return Step(kind, f"do {kind}", {}, requires, f"/{kind}", before, after)


CHAIN = [
    step("a"),
    step("b", Condition(("a",), "done")),
    step("c", Condition(("b",), "done"), Condition(("a",), "done")),
]


def test_each_step_looks_directly_before_it_acts() -> None:
    world = World()
    outcome = converge(CHAIN, observe=world.observe, execute=world.execute, check_mode=False)
    assert world.log == ["do a", "look at a", "do b", "look at a,b", "do c"]
    assert outcome.result() == {**report(CHAIN), "changed": True, "actions": ["do a", "do b", "do c"]}


def test_check_mode_touches_nothing_and_reports_the_same() -> None:
    check, real = World(), World()
    announced = converge(CHAIN, observe=check.observe, execute=check.execute, check_mode=True)
    done = converge(CHAIN, observe=real.observe, execute=real.execute, check_mode=False)
    assert check.log == []
    assert announced.result("h") == done.result("h")


def test_no_steps_is_no_change() -> None:
    world = World()
    outcome = converge([], observe=world.observe, execute=world.execute, check_mode=False)
    assert outcome.result() == {"changed": False, "actions": [], "diff": []}
    assert world.log == []


@pytest.mark.parametrize(
    ("fail", "expected"),
    [
        pytest.param(
            {"b": HoldfastError("it broke", where="/b", seen="smoke", todo="call somebody")},
            "it broke (/b): smoke -- call somebody while this was done: do b. Done before that: do a.",
            id="in the middle",
        ),
        pytest.param(
            {"a": HoldfastError("it broke")}, "it broke while this was done: do a. Nothing was changed.", id="at once"
        ),
        pytest.param(
            {"b": OSError(errno.EROFS, "Read-only file system", "/etc/x")},
            "the system refused it (/etc/x): Read-only file system -- look at the file system, its space and its mount"
            " options, then run again while this was done: do b. Done before that: do a.",
            id="the kernel refuses",
        ),
    ],
)
def test_a_failure_reports_what_was_done_before_it(fail: Mapping[str, Exception], expected: str) -> None:
    world = World(fail)
    outcome = converge(CHAIN, observe=world.observe, execute=world.execute, check_mode=False)
    result = outcome.result()
    done = [found.sentence for found in CHAIN if found.kind < next(iter(fail))]
    assert result["msg"] == expected
    assert result["actions"] == done
    assert result["changed"] is bool(done)
    assert len(result["diff"]) == len(done)
    assert "do c" not in world.log


def test_a_world_that_has_changed_stops_the_step_and_all_later_ones() -> None:
    world = World()
    steps = [step("a"), step("b", Condition(("a",), "something else")), step("c")]
    outcome = converge(steps, observe=world.observe, execute=world.execute, check_mode=False)
    assert isinstance(outcome.error, WorldChanged)
    assert outcome.failed == steps[1]
    assert world.log == ["do a", "look at a"]


def test_an_error_before_any_step_has_no_step_in_its_sentence() -> None:
    result = Outcome([], HoldfastError("another run acts")).result()
    assert result["msg"] == "another run acts. Nothing was changed."
    assert result["changed"] is False


def test_the_diff_names_the_host_and_leaves_out_steps_without_a_difference() -> None:
    result = report([step("a", before="1\n", after="2\n"), step("restart", before="", after="")], "agent01")
    assert result["actions"] == ["do a", "do restart"]
    assert result["diff"] == [
        {"before_header": "agent01: /a", "after_header": "agent01: /a", "before": "1\n", "after": "2\n"}
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
CONDITIONS = st.builds(
    Condition,
    st.lists(st.text(max_size=4), min_size=1, max_size=3).map(tuple),
    JSON,
    st.sampled_from(["equals", "within", "at_least"]),
)
STEPS = st.builds(
    Step,
    st.text(max_size=4),
    st.text(max_size=8),
    st.dictionaries(st.text(max_size=4), JSON, max_size=2),
    st.lists(CONDITIONS, max_size=2).map(tuple),
    st.text(max_size=4),
    st.text(max_size=4),
    st.text(max_size=4),
)
PHASES = st.builds(
    Phase, st.text(max_size=5), st.dictionaries(st.text(max_size=4), st.lists(STEPS, max_size=2).map(tuple), max_size=2)
)
TEXTS = st.lists(st.text(max_size=5), max_size=2).map(tuple)


@given(st.builds(Plan, st.text(max_size=5), st.lists(PHASES, max_size=2).map(tuple), TEXTS, TEXTS))
def test_plans_survive_json(plan: Plan) -> None:
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_looking_and_waiting_is_no_change() -> None:
    look = Step("look", "look again", effect=False)
    assert report([look]) == {"changed": False, "actions": ["look again"], "diff": []}
    assert report([look, Step("do", "do it")])["changed"] is True
    error = HoldfastError("no")
    assert Outcome([look], error).result()["msg"].endswith("Nothing was changed.")
    assert Step.from_json(json.loads(json.dumps(look.to_json()))) == look
