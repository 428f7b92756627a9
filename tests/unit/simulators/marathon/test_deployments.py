# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments: plans, upgrade strategies, locks (marathon core/deployment/**)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Marathon = Any
Master = Any
Wait = Callable[..., Any]


def staging(task: dict[str, Any]) -> list[str]:
    """Launched tasks do not start until the test says so."""
    return []


def steps(marathon: Marathon) -> list[list[str]]:
    found: list[list[str]] = marathon.events("deployment_started")[-1]["steps"]
    return found


def test_creation(marathon: Marathon, master: Master, wait: Wait) -> None:
    """DeploymentPlan.scala: started without instances, then scaled; shown until it is through (deployment.raml)."""
    master.behave = staging
    created = marathon.post("/v2/apps", {"id": "/web", "cmd": "sleep 1000"}).json
    shown = marathon.get("/v2/deployments").json
    assert shown == [
        {
            "id": created["deployments"][0]["id"],
            "version": created["version"],
            "affectedApps": ["/web"],
            "affectedPods": [],
            "steps": [
                {"actions": [{"action": "StartApplication", "app": "/web"}]},
                {"actions": [{"action": "ScaleApplication", "app": "/web"}]},
            ],
            "currentActions": [{"action": "ScaleApplication", "app": "/web", "readinessCheckResults": []}],
            "currentStep": 2,
            "totalSteps": 2,
        }
    ]
    wait(lambda: marathon.app("/web")["tasksStaged"] == 1)
    assert marathon.app("/web")["deployments"] == [{"id": shown[0]["id"]}]
    master.update(*master.states, "TASK_RUNNING")
    marathon.deployed()
    assert marathon.app("/web")["deployments"] == []
    assert marathon.app("/web")["tasksRunning"] == 1


def test_scaling(marathon: Marathon, master: Master) -> None:
    """A change of scale restarts nothing and keeps the time of the last other change (GroupVersioningUtil.scala)."""
    made = marathon.create(instances=3)
    first = set(master.running())
    marathon.put("/v2/apps/web", {"instances": 4})
    marathon.deployed()
    assert steps(marathon) == [["ScaleApplication"]]
    assert first < set(master.running())
    assert len(master.running()) == 4
    version = marathon.app("/web")["versionInfo"]
    assert version["lastScalingAt"] > version["lastConfigChangeAt"] == made["version"]
    marathon.put("/v2/apps/web", {"instances": 1})
    marathon.deployed()
    assert len(master.running()) == 1


@pytest.mark.parametrize(("selection", "kept"), [("YOUNGEST_FIRST", 0), ("OLDEST_FIRST", 1)])
def test_kill_selection(marathon: Marathon, master: Master, selection: str, kept: int) -> None:
    """ScalingProposition.scala: sortByConditionAndDate."""
    marathon.create(killSelection=selection)
    marathon.put("/v2/apps/web", {"instances": 2})
    marathon.deployed()
    tasks = list(master.states)
    marathon.put("/v2/apps/web", {"instances": 1})
    marathon.deployed()
    assert master.running() == [tasks[kept]]


def sequence(marathon: Marathon) -> list[str]:
    """What happened to tasks, in order: S for started, K for killed."""
    words: list[str] = []
    for event in marathon.events("task_status", "deployment_started"):
        if event["event"] == "deployment_started":
            words = []
        elif event["state"] in ("TASK_RUNNING", "TASK_KILLED"):
            words.append({"TASK_RUNNING": "S", "TASK_KILLED": "K"}[event["state"]])
    return words


@pytest.mark.parametrize(
    ("minimum", "over", "instances", "order"),
    [
        (1, 1, 2, "SSKK"),  # twice as many for a while: the default
        (1, 0, 2, "SKSK"),  # no room at all would be for ever: one more is allowed
        (0, 0, 2, "KKSS"),  # everything goes first
        (0.5, 0, 2, "KSKS"),  # one at a time
        (0, 0, 1, "KS"),
        (1, 1, 1, "SK"),
    ],
)
def test_replacement(
    marathon: Marathon, master: Master, minimum: float, over: float, instances: int, order: str
) -> None:
    """TaskReplaceActor.scala: computeRestartStrategy."""
    strategy = {"minimumHealthCapacity": minimum, "maximumOverCapacity": over}
    marathon.create(instances=instances, upgradeStrategy=strategy)
    old = set(master.running())
    answer = marathon.put("/v2/apps/web", {"env": {"A": "1"}}).json
    marathon.deployed()
    assert steps(marathon) == [["RestartApplication"]]
    assert "".join(sequence(marathon)) == order
    assert not old & set(master.running())
    app = marathon.app("/web")
    assert {task["version"] for task in app["tasks"]} == {answer["version"]}
    assert app["versionInfo"] == {"lastScalingAt": answer["version"], "lastConfigChangeAt": answer["version"]}


def test_replacement_waits_for_the_new(marathon: Marathon, master: Master, wait: Wait) -> None:
    """An old instance goes only when a new one runs."""
    marathon.create()
    old = master.running()
    master.behave = staging
    marathon.put("/v2/apps/web", {"mem": 64})
    wait(lambda: len(master.states) == 2)
    assert master.running() == old
    assert not master.of("KILL")
    master.update(list(master.states)[1], "TASK_RUNNING")
    marathon.deployed()
    assert master.running() == [list(master.states)[1]]


def test_restart(marathon: Marathon, master: Master) -> None:
    """AppsResource.scala: restart; every instance is replaced, nothing else changes."""
    marathon.create(upgradeStrategy={"minimumHealthCapacity": 0, "maximumOverCapacity": 0})
    before, old = marathon.app("/web"), master.running()
    answer = marathon.post("/v2/apps/web/restart")
    assert (answer.status, set(answer.json)) == (200, {"version", "deploymentId"})
    marathon.deployed()
    assert "".join(sequence(marathon)) == "KS"
    assert not set(old) & set(master.running())
    after = marathon.app("/web")
    for changing in ("version", "versionInfo", "tasks"):
        assert before.pop(changing) != after.pop(changing)
    assert before == after


def test_removal(marathon: Marathon, master: Master, wait: Wait) -> None:
    """The definition is gone at once, the tasks when they have ended (DeploymentActor.scala: stopRunnable)."""
    marathon.create(instances=2)
    master.ends = []
    answer = marathon.delete("/v2/apps/web")
    assert (answer.status, set(answer.json)) == (200, {"version", "deploymentId"})
    assert marathon.get("/v2/apps/web").status == 404
    assert [item["currentActions"][0]["action"] for item in marathon.get("/v2/deployments").json] == ["StopApplication"]
    wait(lambda: len(master.of("KILL")) == 2)
    for task in master.running():
        master.update(task, "TASK_KILLED")
    marathon.deployed()
    assert marathon.get("/v2/tasks").json == {"tasks": []}


def test_lock(marathon: Marathon, master: Master, wait: Wait) -> None:
    """DeploymentManagerActor.scala: one deployment per application at a time, unless forced."""
    master.behave = staging
    created = marathon.post("/v2/apps", {"id": "/web", "cmd": "sleep 1000"}).json
    held = {
        "message": "App is locked by one or more deployments. Override with the option '?force=true'. "
        "View details at '/v2/deployments/<DEPLOYMENT_ID>'.",
        "deployments": created["deployments"],
    }
    for method, path, body in (
        ("PUT", "/v2/apps/web", {"mem": 64}),
        ("PATCH", "/v2/apps/web", {"instances": 2}),
        ("POST", "/v2/apps/web/restart", None),
        ("DELETE", "/v2/apps/web?force=false", None),
        ("DELETE", "/v2/apps/web/tasks?scale=true", None),
    ):
        answer = marathon.request(method, path, body)
        assert (answer.status, answer.json) == (409, held), (method, path)
    # Others are free, and so is an update that changes nothing.
    assert marathon.post("/v2/apps", {"id": "/other", "cmd": "true", "instances": 0}).status == 201
    assert marathon.put("/v2/apps/web", {"cmd": "sleep 1000"}).status == 200
    master.behave = lambda task: ["TASK_RUNNING"]
    forced = marathon.put("/v2/apps/web?force=true", {"mem": 64})
    assert forced.status == 200
    marathon.deployed()
    assert created["deployments"][0]["id"] in [event["deployment"] for event in marathon.events("deployment_cancelled")]
    assert [task["version"] for task in marathon.app("/web")["tasks"]] == [forced.json["version"]]


def test_removal_is_forced_by_default(marathon: Marathon, master: Master) -> None:
    """AppsResource.scala: delete has force=true as its default."""
    master.behave = staging
    marathon.post("/v2/apps", {"id": "/web", "cmd": "sleep 1000"})
    assert marathon.delete("/v2/apps/web").status == 200
    marathon.deployed()
    assert marathon.get("/v2/apps").json == {"apps": []}


def test_locked_by_a_removal(marathon: Marathon, master: Master, wait: Wait) -> None:
    """What is being stopped cannot be created again."""
    marathon.create()
    master.ends = []
    marathon.delete("/v2/apps/web")
    answer = marathon.post("/v2/apps", {"id": "/web", "cmd": "sleep 1000"})
    assert answer.status == 409
    assert answer.json["message"].startswith("App is locked by one or more deployments.")


def test_revert(marathon: Marathon, master: Master, wait: Wait) -> None:
    """DeploymentsResource.scala: cancel, with a new deployment back to what was before."""
    marathon.create()
    old = master.running()
    master.behave = staging
    identity = marathon.put("/v2/apps/web", {"mem": 64}).json["deploymentId"]
    wait(lambda: len(master.states) == 2)
    master.behave = lambda task: ["TASK_RUNNING"]
    answer = marathon.delete(f"/v2/deployments/{identity}")
    assert (answer.status, set(answer.json)) == (200, {"version", "deploymentId"})
    marathon.deployed()
    app = marathon.app("/web")
    assert (app["mem"], app["tasksRunning"], app["tasksStaged"]) == (32, 1, 0)
    assert app["version"] == answer.json["version"]
    assert not set(old) & set(master.running())


def test_revert_of_a_creation(marathon: Marathon, master: Master) -> None:
    master.behave = staging
    identity = marathon.post("/v2/apps", {"id": "/web", "cmd": "sleep 1000"}).json["deployments"][0]["id"]
    assert marathon.delete(f"/v2/deployments/{identity}").status == 200
    marathon.deployed()
    assert marathon.get("/v2/apps").json == {"apps": []}


def test_cancel(marathon: Marathon, master: Master, wait: Wait) -> None:
    """With force everything stays as it is."""
    marathon.create()
    master.behave = staging
    identity = marathon.put("/v2/apps/web", {"mem": 64}).json["deploymentId"]
    wait(lambda: len(master.states) == 2)
    answer = marathon.delete(f"/v2/deployments/{identity}?force=true")
    assert (answer.status, answer.body) == (202, b"")
    assert marathon.get("/v2/deployments").json == []
    assert marathon.app("/web")["mem"] == 64


def test_dependencies(marathon: Marathon, master: Master) -> None:
    """DeploymentPlan.scala: runSpecsGroupedByLongestPath."""
    apps: list[dict[str, Any]] = [
        {"id": "/web", "cmd": "true web", "dependencies": ["/db", "/cache"]},
        {"id": "/db", "cmd": "true db"},
        {"id": "/cache", "cmd": "true cache", "dependencies": ["/db"]},
    ]
    marathon.put("/v2/apps", apps)
    marathon.deployed()
    launched = [event["app"] for event in marathon.events("task_launched")]
    assert launched == ["/db", "/cache", "/web"]


def test_kill_and_scale(marathon: Marathon, master: Master) -> None:
    """TaskKiller.scala: killAndScale."""
    marathon.create(instances=3)
    doomed = master.running()[1]
    answer = marathon.delete(f"/v2/apps/web/tasks/{doomed}?scale=true")
    assert set(answer.json) == {"version", "deploymentId"}
    marathon.deployed()
    assert marathon.app("/web")["instances"] == len(master.running()) == 2
    assert doomed not in master.running()
