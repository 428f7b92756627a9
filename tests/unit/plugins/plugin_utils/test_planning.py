# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the planning action sees of the play, whom it lets plan, and how plans of several clusters become one."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail
from ansible.template import trust_as_template

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Phase, Plan, Step
from ansible_collections.holdfast.stateful.plugins.plugin_utils.planning import (
    PlanAction,
    controller_lives,
    merge,
    this_controller,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.plugin_utils.fakes import action_of, variables

ARGS = {
    "members": ["a1", "a2"],
    "observed": "looked",
    "cluster_variable": "thing_cluster",
    "only_variable": "thing_only",
}


def step(kind: str = "x", sentence: str = "do x") -> Step:
    return Step(kind, sentence, {}, (), "/x", "", "x\n")


def plan_of(cluster: str, *phases: Sequence[str], **more: Any) -> Plan:
    built = tuple(
        Phase(f"phase {n}", {host: (step(sentence=f"do {n}"),) for host in hosts}) for n, hosts in enumerate(phases, 1)
    )
    return Plan(cluster, built, **more)


class Planner(PlanAction):
    """A system whose members want one step each; it refuses what it cannot see."""

    @staticmethod
    def plan_cluster(cluster: str, observations: Sequence[Mapping[str, Any]]) -> Plan:
        missing = tuple(f"{o['member']}: {o['unreachable']}" for o in observations if "unreachable" in o)
        if missing:
            return Plan(cluster, refused=missing)
        hosts = [o["member"] for o in observations if o.get("steps", True)]
        return plan_of(cluster, *([hosts] if hosts else []), warnings=("careful",), context={"of": cluster})


def looked(cluster: str = "things", **more: Any) -> dict[str, Any]:
    return {"looked": {"changed": False, "observation": {"cluster": cluster, "claim": None, **more}}}


def seen(task_vars: Mapping[str, Any], **args: Any) -> dict[str, list[dict[str, Any]]]:
    return action_of(Planner, {**ARGS, **args}).observations(task_vars)


def why(task_vars: Mapping[str, Any], member: str = "a2") -> str:
    found = [o for observations in seen(task_vars).values() for o in observations if o["member"] == member]
    return str(found[0].get("unreachable", ""))


# -- what it sees ---------------------------------------------------------------------------------------------------------


def test_every_member_is_in_its_cluster() -> None:
    found = seen(variables({"a1": looked("red"), "a2": looked("blue")}))
    assert {name: [o["member"] for o in members] for name, members in found.items()} == {"red": ["a1"], "blue": ["a2"]}


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        pytest.param({"unreachable": True, "msg": "Failed to connect \n"}, "Failed to connect", id="unreachable"),
        pytest.param(
            {"failed": True, "msg": "sudo: a password is required"}, "sudo: a password is required", id="failed"
        ),
        pytest.param({"failed": True}, "no reason given", id="failed without a word"),
        pytest.param({"skipped": True, "changed": False}, "the observing task was skipped", id="skipped"),
        pytest.param("text", "no observation was made", id="another variable of that name"),
    ],
)
def test_results_that_are_no_observation(result: Any, reason: str) -> None:
    assert why(variables({"a1": looked(), "a2": {"thing_cluster": "things", "looked": result}})) == reason


LIMITED = "it is not part of this play (a limit, a slice of the inventory, or it failed in an earlier play)"


@pytest.mark.parametrize(
    ("play", "second", "reason"),
    [
        pytest.param({}, looked(), "", id="it is there"),
        pytest.param({"play": ["a1"]}, {}, LIMITED, id="limited away"),
        pytest.param({"play": ["a1"]}, looked(), LIMITED, id="limited away, with a result of an earlier play"),
        pytest.param({"batch": ["a1"]}, {}, "it is in another batch: remove serial from the play", id="a later batch"),
        pytest.param(
            {"batch": ["a1"]},
            looked(),
            "it is in another batch: remove serial from the play",
            id="an earlier batch, whose result looks fresh",
        ),
        pytest.param(
            {"removed": ["a2"]},
            {"looked": {"unreachable": True, "msg": "timed out"}},
            "timed out",
            id="unreachable, so it left the play",
        ),
        pytest.param(
            {"removed": ["a2"]},
            {},
            "it failed or was unreachable before it could be observed",
            id="lost before it was observed",
        ),
        pytest.param(
            {"removed": ["a2"]},
            looked(),
            "it has failed or become unreachable since it was observed",
            id="lost after it was observed",
        ),
        pytest.param({}, {}, "no observation was made", id="nobody asked it"),
    ],
)
def test_members_that_the_view_lacks(play: Mapping[str, Any], second: Mapping[str, Any], reason: str) -> None:
    assert why(variables({"a1": looked(), "a2": {"thing_cluster": "things", **second}}, **play)) == reason


def test_an_unseen_member_belongs_to_the_cluster_that_the_inventory_says() -> None:
    hosts = {"a1": looked("red"), "a2": {"thing_cluster": "blue", "looked": {"unreachable": True, "msg": "x"}}}
    assert {name: [o["member"] for o in members] for name, members in seen(variables(hosts)).items()} == {
        "red": ["a1"],
        "blue": ["a2"],
    }


@pytest.mark.parametrize(
    "own",
    [
        pytest.param({}, id="undefined"),
        pytest.param({"thing_cluster": ""}, id="empty"),
        pytest.param({"thing_cluster": trust_as_template("{{ nowhere }}")}, id="a template that fails"),
    ],
)
def test_an_unseen_member_that_may_belong_to_any_cluster_is_missing_in_each(own: Mapping[str, Any]) -> None:
    hosts = {"a1": looked("red"), "b1": looked("blue"), "a2": {**own, "looked": {"unreachable": True, "msg": "x"}}}
    found = seen(variables(hosts), members=list(hosts))
    reason = "x; nor can it be told which cluster it belongs to"
    for cluster, seen_one in (("red", "a1"), ("blue", "b1")):
        assert found[cluster] == [
            {"cluster": cluster, "claim": None, "member": seen_one},
            {"unreachable": reason, "member": "a2", "cluster": cluster},
        ]
    alone = seen(variables({"a2": hosts["a2"]}), members=["a2"])
    assert {name: [o["member"] for o in members] for name, members in alone.items()} == {"unknown": ["a2"]}


def test_the_cluster_of_an_unseen_member_is_templated() -> None:
    own = {"thing_cluster": trust_as_template("{{ dc }}"), "dc": "red", "looked": {"unreachable": True, "msg": "x"}}
    assert [o["member"] for o in seen(variables({"a1": looked("red"), "a2": own}))["red"]] == ["a1", "a2"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        pytest.param({"members": []}, "the group of members is empty or unknown", id="nobody"),
        pytest.param({"members": "a1"}, "the group of members is empty or unknown", id="a text"),
        pytest.param({"members": ["a1", "zz"]}, "the member zz is no host of the inventory", id="a stranger"),
        pytest.param({"observed": None}, "observed must name the variable", id="no variable"),
    ],
)
def test_arguments(args: Mapping[str, Any], words: str) -> None:
    with pytest.raises(AnsibleActionFail, match=words):
        seen(variables({"a1": looked(), "a2": looked()}), **args)


def test_unknown_arguments_are_refused() -> None:
    with pytest.raises(AnsibleActionFail, match="member_group"):
        action_of(Planner, {**ARGS, "member_group": "x"}).run(task_vars=variables({"a1": looked(), "a2": looked()}))


# -- what it answers ------------------------------------------------------------------------------------------------------


def answer(hosts: Mapping[str, Mapping[str, Any]], *, check_mode: bool = False, **args: Any) -> dict[str, Any]:
    found = action_of(Planner, {**ARGS, "members": list(hosts), **args}, check_mode=check_mode).run(
        task_vars=variables(hosts)
    )
    assert found["changed"] is False
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


@pytest.mark.parametrize("check_mode", [False, True])
def test_one_refused_cluster_does_not_stop_the_other(check_mode: bool) -> None:
    hosts = {"a1": looked("red"), "a2": {"thing_cluster": "red"}, "b1": looked("blue")}
    found = answer(hosts, check_mode=check_mode)
    assert found["plan"]["acting"] == ["b1"]
    assert found["plan"]["refused"] == {host: ["a2: no observation was made"] for host in ("a1", "a2")}
    assert found["text"].splitlines() == [
        "blue: 1 step on 1 host in 1 phase",
        "  phase 1: phase 1",
        "    b1",
        "      do 1",
        "red: refused, nothing is changed",
        "  - a2: no observation was made",
    ]


def test_only_one_cluster() -> None:
    def hosts(*chosen: str) -> dict[str, dict[str, Any]]:
        return {
            name: {**looked(cluster), "thing_only": only}
            for name, cluster, only in zip(("a1", "b1"), ("red", "blue"), chosen)
        }

    assert answer(hosts("", ""))["plan"]["acting"] == ["a1", "b1"]
    assert answer(hosts("red", "red"))["plan"]["acting"] == ["a1"]
    with pytest.raises(AnsibleActionFail, match="there is no cluster green; the inventory has blue, red"):
        answer(hosts("green", "green"))
    with pytest.raises(
        AnsibleActionFail, match="thing_only is 'red' on a1 and 'blue' on b1, and chooses the one cluster"
    ):
        answer(hosts("red", "blue"))


@pytest.mark.parametrize("show", [True, False])
def test_the_text_is_shown_unless_it_is_not_wanted(show: bool, capsys: pytest.CaptureFixture[str]) -> None:
    text = answer({"a1": looked()}, show=show)["text"]
    assert (text in capsys.readouterr().out) is show


def test_every_plan_has_a_name_of_its_own() -> None:
    assert answer({"a1": looked()})["plan"]["plan_id"] != answer({"a1": looked()})["plan"]["plan_id"]


# -- runs that are there already --------------------------------------------------------------------------------------------


def claim(state: str, *, age: float = 5.0, alive: bool, phase: int = 1, acting: bool = False) -> dict[str, Any]:
    pid = os.getpid()
    started = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    controller = {**this_controller(), "pid": pid, "started": started + (not alive)}
    return {
        "plan_id": "old",
        "controller": controller,
        "phase": phase,
        "phases": 2,
        "hosts": ["a1"],
        "supersedes": [],
        "effect": True,
        "state": state,
        "at": 0.0,
        "age": age,
        "acting": acting,
    }


def test_a_living_run_refuses_the_plan() -> None:
    found = answer({"a1": looked(claim=claim("done", alive=True))})["plan"]
    assert found["acting"] == []
    assert found["refused"]["a1"][0].startswith(
        f"run old from {platform.node()} (pid {os.getpid()}) is in phase 1 of 2; wait"
    )


@pytest.mark.parametrize("state", ["done", "acting"])
def test_an_earlier_run_of_the_same_process_has_ended(state: str) -> None:
    own = {**claim(state, alive=True), "controller": this_controller()}
    found = answer({"a1": looked(claim=own)})["plan"]
    assert (found["acting"], found["supersedes"]) == (["a1"], ["old"])
    assert found["warnings"] == {"things": ["careful"]}
    assert answer({"a1": looked(claim={**own, "state": "acting", "acting": True})})["plan"]["acting"] == []


def test_a_dead_run_is_told_and_superseded() -> None:
    found = answer({"a1": looked(claim=claim("acting", alive=False))})["plan"]
    assert found["supersedes"] == ["old"]
    assert found["acting"] == ["a1"]
    assert found["warnings"]["things"][0].endswith("and died; this run goes on from what is there")


def test_a_dead_run_is_no_news_where_nothing_is_left_to_do() -> None:
    found = answer({"a1": looked(claim=claim("acting", alive=False), steps=False)})["plan"]
    assert found["supersedes"] == ["old"]
    assert found["warnings"] == {"things": ["careful"]}


def test_a_run_of_another_cluster_is_none_of_this_ones_business() -> None:
    found = answer({"a1": looked("red", claim=claim("done", alive=True)), "b1": looked("blue")})["plan"]
    assert (found["acting"], list(found["refused"])) == (["b1"], ["a1"])


def test_this_controller_lives_and_another_one_is_unknown() -> None:
    own = this_controller()
    assert (own["host"], own["pid"]) == (platform.node(), os.getppid())
    assert controller_lives(own) is True
    assert controller_lives({**own, "started": own["started"] + 1}) is False
    assert controller_lives({**own, "pid": 2**22 + 1}) is False
    assert controller_lives({**own, "boot_id": "another"}) is None
    # A container of the same machine: its process IDs say nothing here.
    assert own["pid_namespace"].startswith("pid:[")
    assert controller_lives({**own, "pid_namespace": "pid:[1]"}) is None
    assert controller_lives({**own, "pid_namespace": "pid:[1]", "pid": 2**22 + 1}) is None
    assert controller_lives({name: value for name, value in own.items() if name != "pid_namespace"}) is None
    assert controller_lives({**own, "started": 0}) is None
    assert controller_lives({}) is None


# -- merging ------------------------------------------------------------------------------------------------------------------


def test_phases_of_several_clusters_are_merged_by_index() -> None:
    plans = {
        "red": plan_of("red", ["r1"], ["r2", "r3"], ["r4"], context={"n": 1}),
        "blue": plan_of("blue", ["b1", "b2"], ["b3"]),
        "green": Plan("green", refused=("no",), warnings=("hm",)),
        "still": Plan("still"),
    }
    clusters = {"red": [], "blue": [], "green": [{"member": "g1"}, {"member": "g2"}], "still": [{"member": "s1"}]}
    found = merge("id", plans, clusters, ["old", "older", "old"])
    assert found["phases"] == [
        {"index": 1, "name": "red: phase 1, blue: phase 1", "hosts": ["r1", "b1", "b2"]},
        {"index": 2, "name": "red: phase 2, blue: phase 2", "hosts": ["r2", "r3", "b3"]},
        {"index": 3, "name": "red: phase 3", "hosts": ["r4"]},
    ]
    assert found["acting"] == ["b1", "b2", "b3", "r1", "r2", "r3", "r4"]
    assert {host: entry["after"] for host, entry in found["hosts"].items()} == {
        "r1": {"1": []},
        "r2": {"2": ["r1"]},
        "r3": {"2": ["r1"]},
        "r4": {"3": ["r2", "r3"]},
        "b1": {"1": []},
        "b2": {"1": []},
        "b3": {"2": ["b1", "b2"]},
    }
    assert found["refused"] == {"g1": ["no"], "g2": ["no"]}
    assert found["warnings"] == {"green": ["hm"]}
    assert found["context"]["red"] == {"n": 1}
    assert found["supersedes"] == ["old", "older"]
    assert {entry["phases"] for host, entry in found["hosts"].items() if host.startswith("b")} == {2}
    assert [Step.from_json(s) for s in found["hosts"]["r4"]["steps"]["3"]] == [step(sentence="do 3")]


def test_a_host_in_two_phases_has_its_steps_of_each() -> None:
    found = merge("id", {"red": plan_of("red", ["r1", "r2"], ["r1"])}, {"red": []}, [])
    assert list(found["hosts"]["r1"]["steps"]) == ["1", "2"]
    assert found["hosts"]["r1"]["after"] == {"1": [], "2": ["r1", "r2"]}


def test_nothing_to_do() -> None:
    found = merge("id", {"red": Plan("red")}, {"red": [{"member": "r1"}]}, [])
    assert (found["phases"], found["acting"], found["hosts"], found["refused"]) == ([], [], {}, {})
