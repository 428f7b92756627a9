# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One app in one call, against a Marathon in memory."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    HoldfastError,
    InputError,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import Credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.apps import remove_app, set_app
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.observe import Marathon
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.plan import Policy
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import Died
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.marathon.live_marathon import (
    OTHER_URL,
    URL,
    LiveMarathon,
)

SCHEDULER: dict[str, Any] = {
    "uris": ["http://mirror/scaleio-scheduler", "http://mirror/more.tgz"],
    "cmd": "chmod u+x scaleio-scheduler && ./scaleio-scheduler -rest.port=$PORT",
    "mem": 32,
    "cpus": 0.2,
    "instances": 1,
    "constraints": [["hostname", "UNIQUE"], ["rack", "LIKE", "r[12]"]],
    "env": {"STORE_TYPE": "zk"},
}
SECRETS = {"ADMIN_PASSWORD": "Unique-planted-1"}
MINE = "/scaleio-scheduler"
PATIENT = Policy(lock_timeout=30, deployment_timeout=20)


def run(
    machine: LiveMarathon,
    app: Mapping[str, Any] | None = None,
    secrets: Mapping[str, Any] | None = None,
    *,
    policy: Policy = PATIENT,
    since: str = "",
    check: bool = False,
    urls: tuple[str, ...] = (URL,),
) -> dict[str, Any]:
    machine.requests.clear()
    web = Marathon(machine, urls, Credentials("ops", "Unique-planted-2"))
    result = set_app(
        web,
        MINE.strip("/"),
        SCHEDULER if app is None else app,
        SECRETS if secrets is None else secrets,
        policy=policy,
        started_since=since,
        check_mode=check,
    )
    json.dumps(result)
    return result


def remove(machine: LiveMarathon, *, check: bool = False, policy: Policy = PATIENT) -> dict[str, Any]:
    machine.requests.clear()
    return remove_app(Marathon(machine, [URL]), MINE, policy=policy, check_mode=check)


def test_created_once_then_unchanged_then_removed() -> None:
    machine = LiveMarathon()
    predicted = run(machine, check=True)
    assert machine.changes() == [] and predicted["app"] is None
    result = run(machine)
    assert {key: result[key] for key in ("changed", "actions", "diff")} == {
        key: predicted[key] for key in ("changed", "actions", "diff")
    }
    assert result["actions"] == [f"create the app {MINE} in Marathon, with 1 instance"]
    assert result["deployment"] == "deployment-1"
    assert result["app"]["settled"] and result["app"]["tasksRunning"] == 1
    assert machine.changes() == [("POST", "/v2/apps?force=false")]
    sent = next(body for method, _url, body in machine.requests if method == "POST")
    assert sent == {
        "id": MINE,
        "cmd": SCHEDULER["cmd"],
        "mem": 32,
        "cpus": 0.2,
        "instances": 1,
        "constraints": [["hostname", "UNIQUE"], ["rack", "LIKE", "r[12]"]],
        "env": {"STORE_TYPE": "zk", **SECRETS},
        "fetch": [{"uri": "http://mirror/scaleio-scheduler"}, {"uri": "http://mirror/more.tgz"}],
    }
    assert machine.clock == pytest.approx(machine.seconds, abs=0.2)
    for check in (True, False):
        again = run(machine, check=check)
        assert (again["changed"], again["actions"], again["diff"]) == (False, [], [])
        assert machine.requests == [("GET", f"{URL}/v2/apps{MINE}", None)] * 2
    predicted = remove(machine, check=True)
    assert machine.changes() == []
    result = remove(machine)
    assert result["actions"] == predicted["actions"] == [f"remove the app {MINE} from Marathon; its task ends (task-2)"]
    assert result["app"] is None and result["diff"] == predicted["diff"]
    assert machine.changes() == [("DELETE", f"/v2/apps{MINE}?force=false")]
    assert machine.tasks == {} and machine.deployments == {}
    assert remove(machine)["changed"] is False and machine.changes() == []


def test_order_spelling_and_defaults_are_no_difference() -> None:
    machine = LiveMarathon()
    run(machine)
    same = {
        **{name: value for name, value in SCHEDULER.items() if name not in ("uris", "instances")},
        "id": "scaleio-scheduler",
        "constraints": [["rack", "LIKE", "r[12]"], ["hostname", "UNIQUE"]],
        "mem": 32.0,
        "fetch": [{"uri": "http://mirror/scaleio-scheduler", "extract": False}, {"uri": "http://mirror/more.tgz"}],
        "maxLaunchDelaySeconds": 300,
        "portDefinitions": [{"port": 0}],
        "upgradeStrategy": {"minimumHealthCapacity": 1.0},
        "labels": {},
        "user": None,
    }
    assert run(machine, same)["changed"] is False


@pytest.mark.parametrize("merges", [False, True], ids=["replaces", "merges"])
def test_what_is_no_longer_declared_goes_back_to_the_default(merges: bool) -> None:
    machine = LiveMarathon()
    machine.merges = merges
    run(machine, {**SCHEDULER, "labels": {"a": "b"}, "disk": 5, "instances": 3})
    less = {"cmd": SCHEDULER["cmd"], "uris": SCHEDULER["uris"], "env": {}}
    result = run(machine, less)
    assert "msg" not in result
    assert result["actions"] == [
        f"change the app {MINE}, which starts its tasks anew: constraints, cpus 0.2 -> 1, disk 5 -> 0, env (STORE_TYPE),"
        " labels (a), mem 32 -> 128"
    ]
    assert machine.changes() == [("PUT", f"/v2/apps{MINE}?partialUpdate=false&force=false")]
    app = machine.apps[MINE]
    assert (app["constraints"], app["cpus"], app["disk"], app["labels"]) == ([], 1, 0, {})
    # Nobody said how many, so nobody is stopped.
    assert app["instances"] == 3
    assert run(machine, less)["changed"] is False


def test_scaling_keeps_the_tasks() -> None:
    machine = LiveMarathon()
    run(machine)
    first = machine.tasks[MINE][0]["id"]
    result = run(machine, {**SCHEDULER, "instances": 3})
    assert result["actions"] == [f"scale the app {MINE} from 1 to 3 instances"]
    assert machine.tasks[MINE][0]["id"] == first
    assert result["app"]["tasksRunning"] == 3
    assert run(machine, {**SCHEDULER, "instances": 0})["app"]["tasksRunning"] == 0


def test_a_restart_happens_once_for_a_moment() -> None:
    machine = LiveMarathon()
    run(machine)
    machine.sleep(10)
    since = machine._now()
    machine.sleep(10)
    first = machine.tasks[MINE][0]["id"]
    result = run(machine, since=since, check=True)
    assert machine.changes() == []
    result = run(machine, since=since)
    assert result["actions"] == [f"restart the app {MINE} through Marathon: its tasks are older than they may be"]
    assert machine.changes() == [("POST", f"/v2/apps{MINE}/restart?force=false")]
    assert machine.tasks[MINE][0]["id"] != first
    assert run(machine, since=since)["changed"] is False
    machine.sleep(10)
    later = machine._now()
    machine.sleep(1)
    # Any other change starts the tasks anew by itself; scaling does not.
    assert len(run(machine, {**SCHEDULER, "cpus": 0.5}, since=later)["actions"]) == 1
    machine.sleep(1)
    later = machine._now()
    machine.sleep(1)
    both = run(machine, {**SCHEDULER, "cpus": 0.5, "instances": 2}, since=later)
    assert [words.split()[0] for words in both["actions"]] == ["restart", "scale"] and "msg" not in both


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("yesterday", "'yesterday': Invalid isoformat string: 'yesterday' -- write it like 2026-11-21T19:00:00Z"),
        ("2026-11-21T19:00:00", "'2026-11-21T19:00:00': it has no time zone -- write it like"),
        (
            "2126-11-21T19:00:00Z",
            "'2126-11-21T19:00:00Z' has not come yet, by this host's clock -- every run would restart",
        ),
    ],
)
def test_moments_that_are_refused(moment: str, words: str) -> None:
    machine = LiveMarathon()
    with pytest.raises(InputError) as caught:
        run(machine, since=moment)
    assert str(caught.value).startswith(f"the moment was refused, nothing was changed (started_since): {words}")
    assert machine.requests == []


def test_clocks_that_disagree_are_an_error_and_no_endless_restart() -> None:
    machine = LiveMarathon()
    run(machine)
    machine.sleep(10)
    since = machine._now()
    machine.sleep(10)
    machine._now = lambda: "2020-01-01T00:00:00.000Z"  # type: ignore[method-assign] # a master's clock
    result = run(machine, since=since)
    assert result["msg"] == (
        f"the app {MINE} has new tasks, and Marathon says that they are older than started_since -- compare the clocks of the"
        f" masters and agents with this host's. Done before that: restart the app {MINE} through Marathon: its tasks are older"
        " than they may be."
    )


def test_what_marathon_keeps_otherwise_is_said() -> None:
    machine = LiveMarathon()
    machine.keeps["user"] = lambda value: "nobody"
    result = run(machine, {**SCHEDULER, "user": "scaleio"})
    assert result["msg"] == (
        f"the app {MINE} runs, but Marathon does not show it as it was sent (user): 'nobody' where 'scaleio' was sent -- declare"
        " it in the form that Marathon shows, or look who else changes this app. Done before that: create the app"
        f" {MINE} in Marathon, with 1 instance."
    )


def test_a_failing_app_is_named_with_its_last_failure() -> None:
    machine = LiveMarathon()
    machine.fails = True
    result = run(machine)
    # Marathon has the app: that it does not run takes nothing back.
    assert result["changed"] is True and result["deployment"] == "deployment-1"
    assert result["msg"] == (
        f"the app {MINE} was not running as declared after 20 s: 0 of 1 tasks run; deployment deployment-1 goes on; the last"
        " task that failed was task-2 on agent01 at 2027-01-15T08:00:02.000Z: TASK_FAILED, Command exited with status 1 --"
        " mend what it says and run again; Marathon goes on trying until then; a change of the app itself needs force: true,"
        f" which ends this deployment. Done before that: create the app {MINE} in Marathon, with 1 instance."
    )
    # The next run has nothing to change, and still does not call it good.
    again = run(machine)
    assert again["changed"] is False and "the last task that failed was task-2" in again["msg"]
    assert again["msg"].endswith(" Nothing was changed.") and not again["app"]["settled"]


def test_a_removal_that_does_not_end_names_what_is_left() -> None:
    machine = LiveMarathon()
    run(machine)
    machine.seconds = 1000.0
    result = remove(machine)
    assert result["msg"].startswith(
        f"the app {MINE} was not gone after 20 s: deployment deployment-3 of {MINE} (ScaleApplication {MINE}, step 1 of 2);"
        " task task-2 on agent01 (TASK_RUNNING) -- look at the agents of these tasks"
    )
    assert result["changed"] is True
    late = remove(machine)
    assert late["changed"] is False and late["msg"].startswith(
        f"the app {MINE} was not gone after 20 s: deployment deployment-3"
    )
    # The app is gone by name, but its task runs: a second run waits for it.
    machine.after(3.0, lambda: machine._end_removal("deployment-3", MINE))
    assert remove(machine)["changed"] is False and machine.changes() == [] and machine.tasks == {}


# -- the lock -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("absent", [False, True], ids=["present", "absent"])
def test_a_lock_is_waited_for(absent: bool) -> None:
    machine = LiveMarathon()
    run(machine)
    machine.occupy(MINE, 5.0)
    began = machine.clock
    result = remove(machine) if absent else run(machine, {**SCHEDULER, "cpus": 2})
    assert "msg" not in result and result["changed"] and result["stopped_deployments"] == []
    assert machine.clock - began == pytest.approx(7.0, abs=0.5)
    assert len(machine.changes()) == 2


@pytest.mark.parametrize("absent", [False, True], ids=["present", "absent"])
def test_a_lock_that_stays_is_an_error_that_names_it(absent: bool) -> None:
    machine = LiveMarathon()
    run(machine)
    name = machine.occupy(MINE, 1000.0)
    before = json.dumps(machine.apps)
    result = remove(machine) if absent else run(machine, {**SCHEDULER, "cpus": 2})
    assert result["changed"] is False and json.dumps(machine.apps) == before
    assert result["msg"].startswith(
        f"the app {MINE} was locked for 30 s, so this was not done: deployment {name} of {MINE} (ScaleApplication {MINE}, step"
        " 1 of 2) -- run again when that has ended, or end it in Marathon; force: true stops it by itself, and what it was"
        " doing stays half done while this was done:"
    )
    assert result["msg"].endswith("Nothing was changed.")


@pytest.mark.parametrize("absent", [False, True], ids=["present", "absent"])
def test_force_says_what_it_stops(absent: bool) -> None:
    machine = LiveMarathon()
    run(machine)
    name = machine.occupy(MINE, 1000.0)
    force = Policy(force=True, deployment_timeout=20)
    result = remove(machine, policy=force) if absent else run(machine, {**SCHEDULER, "cpus": 2}, policy=force)
    assert result["actions"][0].endswith(f"; what is being deployed stays half done ({name})")
    assert result["stopped_deployments"] == [name]
    assert [url.rpartition("force=")[2] for _method, url in machine.changes()] == ["false", "true"]


def test_a_lock_that_leaves_another_app_behind() -> None:
    machine = LiveMarathon()
    run(machine)
    machine.occupy(MINE, 5.0, then=lambda: machine.put(MINE, cmd="other"))
    result = run(machine, {**SCHEDULER, "cpus": 2})
    assert (
        f"a deployment of somebody else has changed the app {MINE} meanwhile, so this was not done (version)"
        in result["msg"]
    )
    assert machine.apps[MINE]["cmd"] == "other"


# -- secrets ------------------------------------------------------------------------------------------------------


def test_secrets_go_into_the_environment_and_nowhere_else() -> None:
    machine = LiveMarathon()
    # As somebody did it by hand: the password on the command line, another one in the environment.
    machine.put(
        MINE,
        cmd="./scaleio-scheduler -scaleio.password=Unique-planted-3 -a 'Unique-planted-4'",
        env={"ADMIN_PASSWORD": "Unique-planted-4", "LEFT": "Unique-planted-5"},
        labels={"x": "Unique-planted-4"},
    )
    machine.failures[MINE] = {"message": "wrong password Unique-planted-4", "taskId": "t"}
    results = [run(machine, check=True), run(machine)]
    # From now on nobody knows any more that this was a secret.
    machine.failures.clear()
    results.append(run(machine))
    assert [result["changed"] for result in results] == [True, True, False]
    assert "Unique" not in json.dumps(results)
    before, after = (json.loads(results[0]["diff"][0][side]) for side in ("before", "after"))
    assert before["env"] == {"ADMIN_PASSWORD": "******** (another text)", "LEFT": "******** (another text)"}
    assert before["cmd"] == "./scaleio-scheduler -scaleio.password=******** -a '********'"
    assert after["env"] == {"ADMIN_PASSWORD": "********", "STORE_TYPE": "zk"}
    assert machine.apps[MINE]["env"] == {"STORE_TYPE": "zk", **SECRETS}
    changed = run(machine, secrets={"ADMIN_PASSWORD": "Unique-planted-6"})
    assert changed["actions"] == [f"change the app {MINE}, which starts its tasks anew: env (ADMIN_PASSWORD)"]
    assert "Unique" not in json.dumps(changed)
    assert machine.apps[MINE]["env"]["ADMIN_PASSWORD"] == "Unique-planted-6"
    assert "Unique" not in json.dumps(remove(machine))


def test_an_error_of_marathon_shows_no_secret() -> None:
    machine = LiveMarathon()
    machine.keeps["cmd"] = lambda value: f"{value} Unique-planted-1"
    result = run(machine)
    assert "Marathon does not show it as it was sent (cmd)" in result["msg"] and "Unique" not in json.dumps(result)


# -- killed, dead and gone ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("what", ["create", "change", "remove"])
def test_a_run_killed_at_each_effect_is_finished_by_the_next(what: str, after: int) -> None:
    def world() -> LiveMarathon:
        machine = LiveMarathon()
        if what != "create":
            run(machine, {**SCHEDULER, "cpus": 1.5})
        machine.survive()
        return machine

    def act(machine: LiveMarathon) -> None:
        (remove if what == "remove" else run)(machine)

    whole, killed = world(), world()
    act(whole)
    killed.die_after = after
    with contextlib.suppress(Died):
        act(killed)
    killed.survive()
    act(killed)
    made = ("version",)
    assert {k: v for k, v in killed.apps.get(MINE, {}).items() if k not in made} == {
        k: v for k, v in whole.apps.get(MINE, {}).items() if k not in made
    }
    assert killed.deployments == {} and len(killed.tasks.get(MINE, [])) == len(whole.tasks.get(MINE, []))


def test_the_next_url_is_asked_and_remembered() -> None:
    machine = LiveMarathon()
    machine.down = {URL}
    assert run(machine, urls=(URL, OTHER_URL))["changed"]
    assert [url.partition("/v2")[0] for _method, url, _body in machine.requests[:4]] == [
        URL,
        OTHER_URL,
        OTHER_URL,
        OTHER_URL,
    ]


def test_a_leader_that_dies_while_an_app_is_deployed() -> None:
    machine = LiveMarathon()
    machine.after(1.0, lambda: machine.down.add(URL))
    machine.after(6.0, lambda: machine.down.discard(URL))
    assert "msg" not in run(machine)
    assert machine.clock == pytest.approx(6.0, abs=0.2)
    machine.after(1.0, lambda: machine.down.add(URL))
    result = run(machine, {**SCHEDULER, "cpus": 3})
    assert result["msg"].startswith(
        f"Marathon did not say within 20 s that the app {MINE} runs: no answer (GET {URL}/v2/apps"
    )


def test_somebody_removes_the_app_while_it_is_deployed() -> None:
    machine = LiveMarathon()
    machine.after(1.0, machine.apps.clear)
    machine.seconds = 5.0
    assert run(machine)["msg"].startswith(
        f"the app {MINE} is gone: somebody else has removed it -- run again if it shall"
    )


def test_somebody_creates_the_app_first() -> None:
    machine = LiveMarathon()
    looks = iter([False, False, True])
    real = machine._look

    def look(path: str) -> Any:
        answer = real(path)
        if MINE not in machine.apps and next(looks, False):
            return answer
        if len(machine.requests) == 2:
            machine.put(MINE, cmd="theirs")
        return answer

    machine._look = look  # type: ignore[method-assign] # between the last look and the request
    result = run(machine)
    assert f"somebody else has created the app {MINE} meanwhile, so this was not done: An app with id" in result["msg"]
    assert machine.apps[MINE]["cmd"] == "theirs"


# -- any app ------------------------------------------------------------------------------------------------------

TEXT = st.text("abcXYZ-_./$ =", min_size=1, max_size=8)
APPS = st.fixed_dictionaries(
    {"cmd": TEXT},
    optional={
        "cpus": st.sampled_from([0.1, 1, 1.0, 2]),
        "mem": st.sampled_from([32, 128, 128.0]),
        "disk": st.sampled_from([0, 0.0, 7]),
        "instances": st.integers(0, 4),
        "env": st.dictionaries(TEXT, TEXT, max_size=3),
        "labels": st.dictionaries(TEXT, TEXT, max_size=2),
        "constraints": st.lists(
            st.sampled_from(
                [["hostname", "UNIQUE"], ["rack", "LIKE", "r.*"], ["rack", "CLUSTER"], ["a", "MAX_PER", "2"]]
            ),
            max_size=3,
        ),
        "uris": st.lists(st.sampled_from(["http://m/a", "http://m/a.tgz", "http://m/b.zip?x=1"]), max_size=2),
        "ports": st.lists(st.sampled_from([0, 8080]), max_size=2),
        "maxLaunchDelaySeconds": st.sampled_from([300, 3600, 10]),
        "upgradeStrategy": st.sampled_from([{}, {"maximumOverCapacity": 0}, {"minimumHealthCapacity": 0.5}]),
        "requirePorts": st.booleans(),
        "user": TEXT,
    },
)
HIDDEN_ONES = st.dictionaries(st.sampled_from(["P1", "P2"]), st.sampled_from(["Unique-7", "Unique-8"]), max_size=2)


@given(st.lists(st.tuples(APPS, HIDDEN_ONES), min_size=1, max_size=3), st.booleans())
@settings(max_examples=150, deadline=None)
def test_applied_and_planned_again_gives_nothing(
    wishes: list[tuple[dict[str, Any], dict[str, str]]], by_hand: bool
) -> None:
    machine = LiveMarathon()
    if by_hand:
        machine.put(MINE, cmd="x", env={"P1": "Unique-9"}, user="y", taskKillGracePeriodSeconds=3)
    for app, secrets in wishes:
        predicted = run(machine, app, secrets, check=True)
        result = run(machine, app, secrets)
        assert "msg" not in result
        assert [result[key] for key in ("changed", "actions", "diff")] == [
            predicted[key] for key in ("changed", "actions", "diff")
        ]
        assert result["app"]["tasksRunning"] == machine.apps[MINE]["instances"]
        again = run(machine, app, secrets)
        assert (again["changed"], machine.changes()) == (False, [])
        assert "Unique" not in json.dumps([predicted, result, again])


def test_refusals_come_before_the_first_request() -> None:
    machine = LiveMarathon()
    with pytest.raises(HoldfastError):
        run(machine, {"cmd": "x", "instances": "2"})
    with pytest.raises(HoldfastError):
        remove_app(Marathon(machine, [URL]), "/Bad", policy=PATIENT, check_mode=False)
    assert machine.requests == []
