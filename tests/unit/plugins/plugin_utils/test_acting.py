# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The gate between phases, and one answer for check mode and for the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Phase, Plan, Step, report
from ansible_collections.holdfast.stateful.plugins.plugin_utils.acting import PROGRESS, ActAction
from ansible_collections.holdfast.stateful.plugins.plugin_utils.planning import merge
from ansible_collections.holdfast.stateful.tests.unit.plugins.plugin_utils.fakes import action_of, variables


class Acting(ActAction):
    """Runs no module, but keeps what it would have been given."""

    module = "holdfast.stateful.thing"
    result: Mapping[str, Any] = {"changed": True, "actions": ["done"]}

    def _execute_module(self, **call: Any) -> dict[str, Any]:
        self.call = call
        return dict(self.result)


def steps(*kinds: str) -> tuple[Step, ...]:
    return tuple(Step(kind, f"do {kind}", {"n": 1}, (), f"/{kind}", "", "x\n") for kind in kinds)


PLAN = merge(
    "p1",
    {
        "red": Plan(
            "red",
            (
                Phase("stop", {"a": steps("stop"), "b": steps("stop")}),
                Phase("promote", {"b": steps("one", "two"), "c": steps("one")}),
                Phase("start", {"a": steps("start")}),
            ),
            context={"peers": ["a", "b", "c"]},
        ),
        "blue": Plan("blue", (Phase("x", {"d": steps("x")}), Phase("y", {"d": steps("y")}))),
    },
    {"red": [], "blue": []},
    ["p0"],
)


def world(**progress: Any) -> dict[str, dict[str, Any]]:
    """Hosts with the registered plan; ``a=1`` says that a has left word of phase 1, a tuple names another plan too."""
    hosts: dict[str, dict[str, Any]] = {name: {"planned": {"changed": False, "plan": PLAN}} for name in "abcd"}
    for name, value in progress.items():
        phase, plan_id = value if isinstance(value, tuple) else (value, "p1")
        hosts[name]["ansible_facts"] = {PROGRESS: {"plan_id": plan_id, "phase": phase}}
    return hosts


def run(
    host: str, phase: Any, hosts: Mapping[str, Mapping[str, Any]], *, check_mode: bool = False, **more: Any
) -> tuple[Acting, dict[str, Any]]:
    action = action_of(Acting, {"planned": "planned", "phase": phase, **more}, check_mode=check_mode)
    action.call = {}
    return action, action.run(task_vars=variables(hosts, host=host))


def test_the_module_gets_its_own_steps_and_nothing_of_others() -> None:
    action, result = run("b", "2", world(a=1, b=1), masters=["http://m1:5050"])
    assert action.call["module_name"] == "holdfast.stateful.thing"
    assert action.call["module_args"] == {
        "masters": ["http://m1:5050"],
        "cluster": "red",
        "member": "b",
        "steps": [step.to_json() for step in steps("one", "two")],
        "run": {
            "plan_id": "p1",
            "controller": PLAN["controller"],
            "phase": 2,
            "phases": 3,
            "hosts": ["b", "c"],
            "supersedes": ["p0"],
            "effect": True,
        },
        "context": {"peers": ["a", "b", "c"]},
    }
    assert result == {**Acting.result, "ansible_facts": {PROGRESS: {"plan_id": "p1", "phase": 2}}}


def test_check_mode_answers_from_the_steps_without_the_module() -> None:
    action, result = run("b", 2, world(a=1, b=1), check_mode=True)
    assert action.call == {}
    assert result == {**report(steps("one", "two"), "b"), "ansible_facts": {PROGRESS: {"plan_id": "p1", "phase": 2}}}
    assert result["changed"] is True


@pytest.mark.parametrize("check_mode", [False, True])
@pytest.mark.parametrize(
    ("host", "phase", "progress", "missing"),
    [
        pytest.param("a", 1, {}, None, id="the first phase waits for nobody"),
        pytest.param("c", 2, {"a": 1, "b": 1}, None, id="both have succeeded"),
        pytest.param("c", 2, {"a": 1}, "phase 1 did not succeed on b", id="one failed, was unreachable or was skipped"),
        pytest.param("c", 2, {}, "phase 1 did not succeed on a, b", id="nobody left word"),
        pytest.param("c", 2, {"a": 1, "b": (1, "p0")}, "phase 1 did not succeed on b", id="word of an earlier plan"),
        pytest.param(
            "c", 2, {"a": 1, "b": (7, "p0")}, "phase 1 did not succeed on b", id="late word of an earlier plan"
        ),
        pytest.param("c", 2, {"a": 1, "b": 2}, None, id="one of them is through this phase already"),
        pytest.param(
            "a", 3, {"a": 1, "b": 2, "c": 2}, None, id="who has no part in the phase before need not be in it"
        ),
        pytest.param(
            "a", 3, {"a": 1, "b": 1, "c": 2}, "phase 2 did not succeed on b", id="the second phase failed on one"
        ),
        pytest.param("a", 3, {"a": 1}, "phase 1 did not succeed on b", id="the first trouble is named"),
        pytest.param("d", 2, {"d": 1}, None, id="another cluster goes on, whatever happens in this one"),
    ],
)
def test_the_gate_wants_positive_evidence(
    host: str, phase: int, progress: Mapping[str, Any], missing: str | None, check_mode: bool
) -> None:
    if missing is None:
        run(host, phase, world(**progress), check_mode=check_mode)
        return
    with pytest.raises(AnsibleActionFail) as caught:
        run(host, phase, world(**progress), check_mode=check_mode)
    assert str(caught.value) == (
        f"phase {phase} does not start, because {missing}. Nothing was changed on this host in this phase."
        " Mend what failed there and run again."
    )


@pytest.mark.parametrize("trouble", [{"failed": True, "msg": "x"}, {"unreachable": True, "msg": "x"}])
def test_a_host_that_fails_leaves_no_word(trouble: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Acting, "result", trouble)
    _action, result = run("b", 2, world(a=1, b=1))
    assert "ansible_facts" not in result


@pytest.mark.parametrize(
    ("host", "phase", "hosts", "words"),
    [
        pytest.param("a", 2, world(), "the plan has no steps for a in phase 2", id="a phase without this host"),
        pytest.param("z", 1, {"z": world()["a"]}, "the plan has no steps for z in phase 1", id="a host without steps"),
        pytest.param(
            "a",
            1,
            {"a": {}},
            "the variable planned holds no plan: the planning task did not run for a",
            id="nothing planned",
        ),
        pytest.param("a", 1, {"a": {"planned": {"skipped": True}}}, "holds no plan", id="planning was skipped"),
        pytest.param("a", 1, {"a": {"planned": {"plan": "text"}}}, "holds no plan, but str", id="another variable"),
    ],
)
def test_a_wrong_call_is_told(host: str, phase: int, hosts: Mapping[str, Mapping[str, Any]], words: str) -> None:
    with pytest.raises(AnsibleActionFail, match=words):
        run(host, phase, hosts)


def test_missing_arguments_are_named() -> None:
    action = action_of(Acting, {"masters": []})
    with pytest.raises(AnsibleActionFail, match="missing arguments: planned, phase"):
        action.run(task_vars=variables(world(), host="a"))
