# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Ordinals that never move, claims that tell a living run from a dead one, and the lock of one acting call."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import ClaimError, HoldfastError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.identity import (
    SILENCE_SECONDS,
    Claims,
    Run,
    assign_ordinals,
    claim_path,
    claimed,
    identity_conflicts,
    judge_claims,
    lock_path,
    observe_claim,
    read_json,
    record_path,
    write_json,
)
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import Died, FakeMachine

# -- ordinals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        pytest.param({"a": None, "b": None}, {"a": 0, "b": 1}, id="a first deployment counts up"),
        pytest.param({"b": 1, "a": 0}, {"b": 1, "a": 0}, id="reordering renumbers nobody"),
        pytest.param({"a": 0, "new": None, "c": 2}, {"a": 0, "new": 1, "c": 2}, id="the place of one who left"),
        pytest.param({"new": None, "a": 0}, {"new": 1, "a": 0}, id="a newcomer in front"),
        pytest.param({"a": 7, "new": None}, {"a": 7, "new": 0}, id="the lowest that is free"),
        pytest.param({}, {}, id="nobody"),
    ],
)
def test_assign_ordinals(recorded: dict[str, int | None], expected: dict[str, int]) -> None:
    assert assign_ordinals(recorded) == expected


MEMBERS = st.dictionaries(st.text(min_size=1, max_size=3), st.none() | st.integers(0, 8), max_size=8)


@given(MEMBERS)
def test_ordinals_are_distinct_and_the_recorded_ones_stay(recorded: dict[str, int | None]) -> None:
    known = [ordinal for ordinal in recorded.values() if ordinal is not None]
    given_out = assign_ordinals(recorded)
    fresh = [given_out[member] for member, ordinal in recorded.items() if ordinal is None]
    assert all(given_out[member] == ordinal for member, ordinal in recorded.items() if ordinal is not None)
    assert len(set(fresh)) == len(fresh)
    assert not set(fresh) & set(known)
    # Writing them down and planning again, in any order, gives the same.
    assert assign_ordinals(dict(sorted(given_out.items(), reverse=True))) == given_out


def record(member: str, ordinal: Any) -> dict[str, Any]:
    return {"system": "scaleio", "cluster": "scaleio", "member": member, "ordinal": ordinal}


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        pytest.param({"a": None, "b": record("b", 1)}, [], id="no conflict"),
        pytest.param({"new-name": record("a", 0), "b": record("b", 1)}, [], id="a renamed member"),
        pytest.param(
            {"a": record("a", 0), "b": record("a", 0), "c": record("c", 0)},
            ["ordinal 0 is recorded on a and on b and on c: one is probably a copy of the other's disk;"],
            id="a copied disk",
        ),
        pytest.param({"a": {}}, ["a keeps a record without a usable member and ordinal ({})"], id="damaged"),
        pytest.param({"a": record("a", "0")}, ["a keeps a record without a usable"], id="an ordinal that is a text"),
    ],
)
def test_identity_conflicts(recorded: Mapping[str, Mapping[str, Any] | None], expected: list[str]) -> None:
    found = identity_conflicts(recorded)
    assert len(found) == len(expected)
    assert all(sentence.startswith(start) for sentence, start in zip(found, expected))


# -- files --------------------------------------------------------------------------------------------------------------


def test_what_is_kept_is_readable_by_root_only_and_comes_back() -> None:
    machine = FakeMachine()
    path = record_path("scaleio", "blue")
    assert read_json(machine, path) is None
    write_json(machine, path, record("a", 3))
    assert path == "/var/lib/holdfast/scaleio/blue.json"
    assert machine.mode(path) == 0o600
    assert read_json(machine, path) == record("a", 3)


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        ("{", "Expecting property name"),
        ("[1]", "no object"),
        ('{"plan_id": 1}', "no usable plan_id, controller, phase"),
    ],
)
def test_a_damaged_claim_is_named(content: str, seen: str) -> None:
    machine = FakeMachine({claim_path("scaleio", "blue"): content})
    with pytest.raises(HoldfastError, match="is damaged") as caught:
        observe_claim(machine, "scaleio", "blue")
    assert caught.value.where == "/var/lib/holdfast/scaleio/blue.claim.json"
    assert caught.value.seen.startswith(seen)


# -- claims -------------------------------------------------------------------------------------------------------------

HERE = {"host": "control", "boot_id": "b", "pid": 100, "started": 5}


def run_of(
    plan_id: str, phase: int = 1, phases: int = 2, supersedes: tuple[str, ...] = (), hosts: tuple[str, ...] = ("a",)
) -> Run:
    return Run(plan_id, HERE, phase, phases, hosts, supersedes)


def claim(
    plan_id: str = "p1",
    *,
    phase: int = 1,
    state: str = "done",
    age: float = 1.0,
    acting: bool = False,
    hosts: str = "a",
    supersedes: tuple[str, ...] = (),
) -> dict[str, Any]:
    run = run_of(plan_id, phase, supersedes=supersedes, hosts=tuple(hosts))
    return {**run.to_json(), "state": state, "at": 0.0, "age": age, "acting": acting}


def lives(_controller: Mapping[str, Any]) -> bool | None:
    return True


def is_dead(_controller: Mapping[str, Any]) -> bool | None:
    return False


def unknown(_controller: Mapping[str, Any]) -> bool | None:
    return None


IN_PHASE_1 = "run p1 from control (pid 100) is in phase 1 of 2"
IN_PHASE_2 = "run p1 from control (pid 100) is in phase 2 of 2"


@pytest.mark.parametrize(
    ("claims", "controller", "alive", "supersedes", "died"),
    [
        pytest.param([], lives, [], [], [], id="nobody was ever here"),
        pytest.param([None, None], lives, [], [], [], id="members without a claim"),
        pytest.param([claim()], lives, [f"{IN_PHASE_1}; wait until it has ended"], [], [], id="between two phases"),
        pytest.param([claim(phase=2)], lives, [], ["p1"], [], id="ended, its controller goes on with other things"),
        pytest.param([claim(state="failed")], lives, [], ["p1"], [], id="failed"),
        pytest.param(
            [claim()], is_dead, [], ["p1"], [f"{IN_PHASE_1} and died; this run goes on from what is there"], id="killed"
        ),
        pytest.param(
            [claim(state="acting")],
            is_dead,
            [],
            ["p1"],
            [f"{IN_PHASE_1} and died; this run goes on from what is there"],
            id="killed with its module",
        ),
        pytest.param(
            [claim(state="acting", acting=True)],
            is_dead,
            [f"{IN_PHASE_1}; wait until it has ended"],
            [],
            [],
            id="the controller was killed, its module is still at work",
        ),
        pytest.param(
            [claim(age=20.0)],
            unknown,
            [f"{IN_PHASE_1}; wait until it has ended, or 40 s, after which it is taken for dead"],
            [],
            [],
            id="another controller, heard of lately",
        ),
        pytest.param(
            [claim(age=SILENCE_SECONDS)],
            unknown,
            [],
            ["p1"],
            [f"{IN_PHASE_1} and died; this run goes on from what is there"],
            id="another controller, silent for too long",
        ),
        pytest.param(
            [claim(state="acting", age=900.0, acting=True)],
            unknown,
            [f"{IN_PHASE_1}; wait until it has ended"],
            [],
            [],
            id="silent for long, but its module is at work",
        ),
        pytest.param(
            [claim(age=90.0), claim(phase=2, age=3.0)], unknown, [], ["p1"], [], id="the newest word of a run counts"
        ),
        pytest.param(
            [claim("p1", state="acting", age=90.0), claim("p2", phase=2, age=3.0, supersedes=("p1",))],
            is_dead,
            [],
            ["p1", "p2"],
            [],
            id="a death that a later run has followed is no news",
        ),
        pytest.param(
            [claim(phase=2, state="acting", age=9.0, hosts="ab"), claim(phase=2, age=3.0, hosts="ab")],
            is_dead,
            [],
            ["p1"],
            [f"{IN_PHASE_2} and died; this run goes on from what is there"],
            id="killed in the last phase, which another member has finished",
        ),
        pytest.param(
            [claim(), claim(phase=2, hosts="ab")],
            lives,
            [f"{IN_PHASE_2}; wait until it has ended"],
            [],
            [],
            id="one member has finished the last phase, and another one has not begun it",
        ),
        pytest.param(
            [claim(phase=2, hosts="ab"), claim(phase=2, hosts="ab")], lives, [], ["p1"], [], id="all have finished"
        ),
        pytest.param(
            [claim(state="failed", hosts="ab")],
            lives,
            [f"{IN_PHASE_1}; wait until it has ended"],
            [],
            [],
            id="one member failed, and another one has not begun",
        ),
        pytest.param(
            [claim(state="failed", hosts="ab"), claim(hosts="ab")],
            lives,
            [],
            ["p1"],
            [],
            id="one failed, all have ended",
        ),
        pytest.param(
            [claim(state="failed", hosts="ab")], is_dead, [], ["p1"], [], id="a failure without all words is no death"
        ),
        pytest.param(
            [claim("p1", hosts="ab"), claim("p2", phase=2, supersedes=("p1",))],
            lives,
            [],
            ["p1", "p2"],
            [],
            id="a later run has followed, and has ended",
        ),
        pytest.param(
            [claim("p1", phase=2, age=90.0), claim("p2", age=3.0)],
            lives,
            ["run p2 from control (pid 100) is in phase 1 of 2; wait until it has ended"],
            ["p1"],
            [],
            id="one has ended, another lives",
        ),
    ],
)
def test_judge_claims(
    claims: list[Mapping[str, Any] | None],
    controller: Callable[[Mapping[str, Any]], bool | None],
    alive: list[str],
    supersedes: list[str],
    died: list[str],
) -> None:
    judged = judge_claims(claims, controller, {**HERE, "pid": 200})
    assert list(judged.alive) == alive
    assert list(judged.supersedes) == supersedes
    assert list(judged.died) == died


@pytest.mark.parametrize(
    ("found", "alive", "supersedes"),
    [
        pytest.param(claim(), [], ["p1"], id="between two phases"),
        pytest.param(claim(state="acting"), [], ["p1"], id="its module was killed"),
        pytest.param(
            claim(state="acting", acting=True), [f"{IN_PHASE_1}; wait until it has ended"], [], id="a module is at work"
        ),
    ],
)
def test_an_earlier_run_of_the_process_that_asks(
    found: Mapping[str, Any], alive: list[str], supersedes: list[str]
) -> None:
    assert judge_claims([found], lives, HERE) == Claims(tuple(alive), tuple(supersedes), ())


def test_a_run_survives_json() -> None:
    run = run_of("p1", 2, 3, ("p0",))
    assert Run.from_json(json.loads(json.dumps(run.to_json()))) == run


def kept(machine: FakeMachine) -> dict[str, Any]:
    content = machine.read(claim_path("scaleio", "blue"))
    assert content is not None
    found: dict[str, Any] = json.loads(content)
    return found


@pytest.mark.parametrize(("succeeds", "state"), [(True, "done"), (False, "failed")])
def test_an_acting_call_leaves_word_before_and_after(succeeds: bool, state: str) -> None:
    machine = FakeMachine()
    during: list[tuple[str, bool]] = []

    def act() -> bool:
        during.append((kept(machine)["state"], machine.is_locked(lock_path("scaleio", "blue"))))
        machine.sleep(2.0)
        return succeeds

    claimed(machine, "scaleio", "blue", run_of("p1"), act)
    assert during == [("acting", True)]
    assert kept(machine) == {**run_of("p1").to_json(), "state": state, "at": machine.time()}
    assert machine.mode(claim_path("scaleio", "blue")) == 0o600
    machine.sleep(5.0)
    seen = observe_claim(machine, "scaleio", "blue")
    assert seen is not None
    assert (seen["age"], seen["acting"], seen["state"]) == (5.0, False, state)


def test_a_clock_that_was_set_back_makes_no_negative_age() -> None:
    machine = FakeMachine({claim_path("scaleio", "blue"): json.dumps({**claim(), "at": 9e9})})
    seen = observe_claim(machine, "scaleio", "blue")
    assert seen is not None
    assert seen["age"] == 0.0


@pytest.mark.parametrize(
    ("run", "acts"),
    [
        pytest.param(run_of("p1", 2), True, id="the same run's next phase"),
        pytest.param(run_of("p2", supersedes=("p0", "p1")), True, id="a run that was planned after p1 had ended"),
        pytest.param(run_of("p2", supersedes=("p0",)), False, id="a run that was planned before p1 began"),
    ],
)
def test_whose_claim_may_be_replaced(run: Run, acts: bool) -> None:
    machine = FakeMachine()
    claimed(machine, "scaleio", "blue", run_of("p1"), lambda: True)
    before = machine.tree()
    acted: list[bool] = []

    def act() -> bool:
        acted.append(True)
        return True

    if acts:
        claimed(machine, "scaleio", "blue", run, act)
        assert kept(machine)["plan_id"] == run.plan_id
    else:
        with pytest.raises(ClaimError) as caught:
            claimed(machine, "scaleio", "blue", run, act)
        assert str(caught.value) == (
            "another run acts on the cluster blue (/var/lib/holdfast/scaleio/blue.claim.json): run p1 from control (pid 100)"
            " is in phase 1 of 2 -- wait until it has ended and run again"
        )
        assert machine.tree() == before
    assert bool(acted) is acts


def test_a_call_waits_for_the_module_of_a_killed_controller() -> None:
    machine = FakeMachine()
    path = lock_path("scaleio", "blue")
    machine.lock(path)
    machine.after(3.0, lambda: machine.lock(path, held=False))
    claimed(machine, "scaleio", "blue", run_of("p1"), lambda: True)
    assert machine.clock == pytest.approx(3.0, abs=0.2)


def test_a_call_that_waits_in_vain_changes_nothing() -> None:
    machine = FakeMachine()
    machine.lock(lock_path("scaleio", "blue"))
    with pytest.raises(ClaimError, match="another acting call is still at work on this host"):
        claimed(machine, "scaleio", "blue", run_of("p1"), lambda: True)
    assert machine.effects == []


def test_a_killed_call_leaves_a_claim_that_says_so_and_no_lock() -> None:
    machine = FakeMachine()
    machine.die_after = 1
    with pytest.raises(Died):
        claimed(machine, "scaleio", "blue", run_of("p1"), lambda: True)
    seen = observe_claim(machine, "scaleio", "blue")
    assert seen is not None
    assert (seen["state"], seen["acting"]) == ("acting", False)
    assert judge_claims([seen], is_dead, {}).supersedes == ("p1",)
