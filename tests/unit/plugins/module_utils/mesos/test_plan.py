# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""From the attributes that an agent has to those that it should have."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Condition
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.plan import (
    Policy,
    at_work,
    decide,
    is_down,
    losses,
    takeover,
    write_step,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import agent


def item(kind: str, name: str, framework: str = "", ends: str = "with_agent_id") -> dict[str, Any]:
    return {"kind": kind, "name": name, "framework": framework, "checkpointed": True, "ends": ends, "sentence": "-"}


def test_losses_are_labels_by_cause_and_what_ends_at_a_restart_ends_with_the_id_too() -> None:
    work = [
        item("task", "t2", "Marathon"),
        item("task", "t1", "Marathon"),
        item("executor", "e", "Old", "at_restart"),
        item("executor", "e", "ScaleIO Framework", "at_restart"),
        item("volume", "v1"),
        item("reservation", "kafka"),
    ]
    assert losses(work, ["ScaleIO Framework"]) == {
        "at_restart": ["framework:Old"],
        "with_agent_id": ["framework:Marathon", "framework:Old", "reservation:kafka", "volume:v1"],
    }
    assert "framework:ScaleIO Framework" in losses(work)["at_restart"]


@pytest.mark.parametrize(
    ("before", "after", "kind", "sentence", "args", "diff"),
    [
        (None, "r1", "write_file", "write /a/rack: r1", {"path": "/a/rack", "content": "r1\n"}, ("", "r1\n")),
        (
            "r1",
            "r2",
            "write_file",
            "change /a/rack: r1 -> r2",
            {"path": "/a/rack", "content": "r2\n"},
            ("r1\n", "r2\n"),
        ),
        ("r1", None, "remove_file", "remove /a/rack (r1)", {"path": "/a/rack"}, ("r1\n", "")),
    ],
    ids=["write", "change", "remove"],
)
def test_write_step(
    before: str | None, after: str | None, kind: str, sentence: str, args: dict[str, str], diff: tuple[str, str]
) -> None:
    step = write_step("/a", "rack", before, after)
    assert (step.kind, step.sentence, step.args, step.subject) == (kind, sentence, args, "/a/rack")
    assert (step.before, step.after) == diff
    assert step.requires == (Condition(("files", "rack"), before),)


@pytest.mark.parametrize(
    ("found", "desired", "kind", "by_itself"),
    [
        pytest.param(agent({"num": "4"}), {"num": "4"}, "none", False, id="a number that is reported as one"),
        pytest.param(agent({"num": "4"}), {"num": "4.0"}, "none", False, id="the same number, written otherwise"),
        pytest.param(
            agent({"p": "[5-9,1-2]"}), {"p": "[1-2,5-9]"}, "none", False, id="the same ranges, in another order"
        ),
        pytest.param(agent({"a": "x"}), {"a": "y"}, "new_agent_id", False, id="another text"),
        pytest.param(agent({"a": "x"}, up=False), {"a": "x"}, "start", False, id="down"),
        pytest.param(agent({"a": "x"}, agent_id=None, up=False), {"a": "x"}, "first", False, id="never registered"),
        pytest.param({**agent({"a": "x"}), "running": None}, {"a": "x"}, "start", False, id="silent"),
    ],
)
def test_decide(found: dict[str, Any], desired: dict[str, str], kind: str, by_itself: bool) -> None:
    change = decide(found, model.parse_files(desired))
    assert (change.kind, change.by_itself) == (kind, by_itself)
    assert change.reason


def test_what_the_master_must_show_is_what_the_agent_makes_of_the_files() -> None:
    _change, steps, refused = takeover(agent({}, agent_id=None, up=False), {"num": "4", "p": "[5-9,1-2]"}, Policy())
    assert refused == []
    assert steps[-1].args["attributes"] == {"num": 4.0, "p": "[1-2, 5-9]"}


def state(active: str, **parts: Any) -> dict[str, Any]:
    """An agent whose unit is in this state."""
    found = {**agent({"a": "x"}), **parts}
    return {**found, "unit": {**found["unit"], "active": active}}


RECOVERING = {"running": {**agent({})["running"], "recovering": True}}
REFUSES = {"running": None, "running_error": "no answer", "running_refused": True}
# What an answer says is no fact about the connection.
GUARDED = {"running": None, "running_error": "answers 401: it refuses the password of the user 'refused'"}


@pytest.mark.parametrize(
    ("found", "down", "working"),
    [
        pytest.param(state("active"), False, True, id="up"),
        pytest.param(state("active", **RECOVERING), False, False, id="starting"),
        pytest.param(state("active", **REFUSES), False, False, id="not yet answering"),
        pytest.param(state("active", **GUARDED), False, True, id="does not show its state"),
        pytest.param(state("inactive", running=None), True, False, id="stopped"),
        pytest.param(state("failed", running=None), True, False, id="given up"),
        pytest.param(state("activating", running=None), True, False, id="flapping"),
        pytest.param(state("deactivating", running=None), False, False, id="about to stop"),
        pytest.param(state("inactive"), False, True, id="beside its unit"),
    ],
)
def test_whether_an_agent_is_down_is_what_its_host_says(found: dict[str, Any], down: bool, working: bool) -> None:
    assert (is_down(found), at_work(found)) == (down, working)


@pytest.mark.parametrize("down", [False, True], ids=["up", "down"])
def test_who_goes_down_needs_the_others_and_who_is_down_must_be_so_still(down: bool) -> None:
    policy = Policy(connected_at_least=5)
    _change, steps, _refused = takeover(agent({"a": "x"}, up=not down), {"a": "y"}, policy)
    found = [(step.kind, c) for step in steps for c in step.requires if c.path[0] in ("availability", "at_work")]
    still = ("forget_agent_id", Condition(("at_work",), False))
    assert found == [still] if down else [("stop_unit", Condition(("availability", "connected"), 5, "at_least")), still]
