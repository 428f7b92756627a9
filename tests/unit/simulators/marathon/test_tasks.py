# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks: what they are launched with and where, what becomes of those that end (marathon mesosphere/mesos/**, core/**)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

Marathon = Any
Master = Any
Wait = Callable[..., Any]


def variables(task: dict[str, Any]) -> dict[str, str]:
    return {item["name"]: item["value"] for item in task["command"]["environment"]["variables"]}


def only_task(master: Master) -> dict[str, Any]:
    (task,) = master.tasks.values()
    found: dict[str, Any] = task
    return found


def test_command(marathon: Marathon, master: Master) -> None:
    """TaskBuilder.scala"""
    marathon.create(
        id="/storage/web",
        uris=["http://mirror/a", "http://mirror/b.zip"],
        user="nobody",
        labels={"tier": "front"},
        taskKillGracePeriodSeconds=7,
    )
    task = only_task(master)
    assert task["name"] == "web.storage"
    assert task["agent_id"] == {"value": "S1"}
    command = task["command"]
    assert (command["value"], command["shell"], command["user"]) == ("sleep 1000", True, "nobody")
    assert command["uris"] == [
        {"value": "http://mirror/a", "executable": False, "extract": False, "cache": False},
        {"value": "http://mirror/b.zip", "executable": False, "extract": True, "cache": False},
    ]
    assert task["labels"] == {"labels": [{"key": "tier", "value": "front"}]}
    assert task["kill_policy"] == {"grace_period": {"nanoseconds": 7 * 10**9}}
    identity, incarnation = task["task_id"]["value"].split("._app.")
    assert (identity.split(".instance-")[0], incarnation) == ("storage_web", "1")


def test_arguments(marathon: Marathon, master: Master) -> None:
    """TaskBuilder.scala: the first argument is the program too."""
    marathon.create(cmd=None, args=["/bin/sleep", "1000"])
    command = only_task(master)["command"]
    assert (command["value"], command["arguments"], command["shell"]) == ("/bin/sleep", ["/bin/sleep", "1000"], False)


def test_variables(marathon: Marathon, master: Master) -> None:
    """TaskBuilder.scala: taskContextEnv; EnvironmentHelper.scala. Those of the application win."""
    marathon.create(
        cpus=0.5,
        mem=64,
        portDefinitions=[{"port": 0, "name": "rest"}, {"port": 9000}],
        labels={"a-b": "x", "long": "y" * 600},
        env={"MARATHON_APP_RESOURCE_MEM": "mine", "A": "1"},
    )
    task = only_task(master)
    app = marathon.app("/web")
    first, second = app["tasks"][0]["ports"]
    assert {31000 <= port <= 31009 for port in (first, second)} == {True}
    assert variables(task) == {
        "MESOS_TASK_ID": task["task_id"]["value"],
        "MARATHON_APP_ID": "/web",
        "MARATHON_APP_VERSION": app["version"],
        "MARATHON_APP_RESOURCE_CPUS": "0.5",
        "MARATHON_APP_RESOURCE_MEM": "mine",
        "MARATHON_APP_RESOURCE_DISK": "0.0",
        "MARATHON_APP_RESOURCE_GPUS": "0",
        "MARATHON_APP_LABELS": "A_B",
        "MARATHON_APP_LABEL_A_B": "x",
        "HOST": "agent01",
        "PORT": str(first),
        "PORT0": str(first),
        "PORT1": str(second),
        "PORTS": f"{first},{second}",
        "PORT_10000": str(first),
        "PORT_9000": str(second),
        "PORT_REST": str(first),
        "A": "1",
    }


def test_resources(marathon: Marathon, master: Master, wait: Wait) -> None:
    """ResourceMatcher.scala: exactly what is asked for, of one offer; nothing when it has not enough."""
    marathon.create(cpus=1.5, mem=100)
    taken = {item["name"]: item for item in only_task(master)["resources"]}
    assert (taken["cpus"]["scalar"], taken["mem"]["scalar"]) == ({"value": 1.5}, {"value": 100})
    assert "disk" not in taken
    before = len(master.of("DECLINE"))
    marathon.post("/v2/apps", {"id": "/big", "cmd": "sleep 1", "mem": 5000})
    wait(lambda: len(master.of("DECLINE")) > before + 1)
    assert len(master.tasks) == 1
    declined = master.of("DECLINE")[-1]["decline"]
    assert declined["filters"] == {"refuse_seconds": 120.0}


def test_required_ports(marathon: Marathon, master: Master, wait: Wait) -> None:
    """PortsMatcher.scala: with requirePorts these and no others."""
    marathon.create(id="/fit", ports=[31005], requirePorts=True)
    assert marathon.app("/fit")["tasks"][0]["ports"] == [31005]
    marathon.post("/v2/apps", {"id": "/not", "cmd": "sleep 1", "ports": [80], "requirePorts": True})
    wait(lambda: master.of("DECLINE"))
    assert marathon.app("/not")["tasks"] == []


def text_attribute(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "type": "TEXT", "text": {"value": value}}


@pytest.mark.parametrize(
    ("constraint", "instances", "hosts"),
    [
        (["hostname", "UNIQUE"], 3, ["agent01", "agent02", "agent03"]),
        (["hostname", "CLUSTER", "agent02"], 2, ["agent02", "agent02"]),
        (["hostname", "LIKE", "agent0[3-9]"], 2, ["agent03", "agent03"]),
        (["hostname", "UNLIKE", "agent0[12]"], 1, ["agent03"]),
        (["hostname", "MAX_PER", "1"], 2, ["agent01", "agent02"]),
        (["rack", "UNIQUE"], 2, ["agent01", "agent03"]),
        (["rack", "CLUSTER", "r2"], 1, ["agent03"]),
        (["rack", "LIKE", "r[2-9]"], 1, ["agent03"]),
        (["none", "LIKE", ".*"], 1, []),
        (["none", "UNLIKE", ".*"], 1, ["agent01"]),
        (["weight", "IS", "2.5"], 1, ["agent02"]),
    ],
)
def test_constraints(
    marathon: Marathon, master: Master, wait: Wait, constraint: list[str], instances: int, hosts: list[str]
) -> None:
    """Constraints.scala; docs/docs/constraints.md."""
    weight = {"name": "weight", "type": "SCALAR", "scalar": {"value": 2.5}}
    master.agents = {
        "agent01": {"attributes": [text_attribute("rack", "r1")]},
        "agent02": {"attributes": [text_attribute("rack", "r1"), weight]},
        "agent03": {"attributes": [text_attribute("rack", "r2")]},
    }
    body = {"id": "/web", "cmd": "sleep 1", "cpus": 0.1, "instances": instances, "constraints": [constraint]}
    assert marathon.post("/v2/apps", body).status == 201
    if hosts:
        marathon.deployed()
    else:
        wait(lambda: len(master.of("DECLINE")) >= 3)
    assert sorted(task["host"] for task in marathon.app("/web")["tasks"]) == hosts


def test_grouping(marathon: Marathon, master: Master) -> None:
    """GROUP_BY spreads evenly, also when instances are taken away (Constraints.scala: selectInstancesToKill)."""
    master.agents = {f"agent0{number}": {} for number in (1, 2)}
    marathon.create(instances=4, constraints=[["hostname", "GROUP_BY", "2"]])

    def hosts() -> list[str]:
        return sorted(task["host"] for task in marathon.app("/web")["tasks"])

    assert hosts() == ["agent01", "agent01", "agent02", "agent02"]
    marathon.put("/v2/apps/web", {"instances": 2})
    marathon.deployed()
    assert hosts() == ["agent01", "agent02"]


def test_unique_looks_at_the_same_configuration_only(marathon: Marathon, master: Master) -> None:
    """ResourceMatcher.scala: else an application could not be replaced on the only host that fits."""
    marathon.create(constraints=[["hostname", "UNIQUE"]])
    marathon.put("/v2/apps/web", {"mem": 64})
    marathon.deployed()
    assert len(master.running()) == 1


def test_launched_again(marathon: Marathon, master: Master, wait: Wait) -> None:
    """What ends by itself is launched again, as the next incarnation, after backoffSeconds (RateLimiter.scala)."""
    marathon.create()
    (task,) = master.running()
    ended = time.time()
    master.update(task, "TASK_FAILED", "Command exited with status 1")
    wait(lambda: master.running())
    (again,) = master.running()
    assert again == task[:-1] + "2"
    assert marathon.events("task_launched")[-1]["time"] - ended > 0.9
    assert [event["seconds"] for event in marathon.events("launch_delay")] == [1.0]
    failure = marathon.app("/web")["lastTaskFailure"]
    assert (failure["appId"], failure["taskId"], failure["state"]) == ("/web", task, "TASK_FAILED")
    assert (failure["message"], failure["host"]) == ("Command exited with status 1", "agent01")


def test_delays_grow(marathon: Marathon, master: Master, wait: Wait) -> None:
    """Times backoffFactor at every end up to maxLaunchDelaySeconds, a finished task like a failed one."""
    master.behave = lambda task: ["TASK_RUNNING", "TASK_FINISHED"]
    marathon.post("/v2/apps", {"id": "/web", "cmd": "true", "backoffFactor": 100, "maxLaunchDelaySeconds": 2})
    wait(lambda: len(marathon.events("launch_delay")) >= 3)
    assert [event["seconds"] for event in marathon.events("launch_delay")][:3] == [1.0, 2.0, 2.0]
    assert "lastTaskFailure" not in marathon.app("/web")


def test_delay_is_forgotten(marathon: Marathon, master: Master, wait: Wait) -> None:
    """By another configuration at once; a killed task causes none (NotifyRateLimiterStepImpl.scala)."""
    marathon.create(backoffSeconds=300)
    master.update(*master.running(), "TASK_FAILED")
    wait(lambda: marathon.events("launch_delay"))
    time.sleep(0.2)
    assert not master.running()
    marathon.put("/v2/apps/web", {"mem": 64})
    marathon.deployed()
    assert len(master.running()) == 1
    marathon.delete("/v2/apps/web/tasks")
    wait(lambda: len(marathon.events("task_launched")) == 3)
    assert len(marathon.events("launch_delay")) == 1


def test_killed_by_a_request(marathon: Marathon, master: Master, wait: Wait) -> None:
    """AppTasksResource.scala; another instance takes the place."""
    marathon.create(instances=2)
    tasks = master.running()
    one = marathon.delete(f"/v2/apps/web/tasks/{tasks[0]}")
    assert (one.status, one.json["task"]["id"]) == (200, tasks[0])
    wait(lambda: len(master.running()) == 2 and tasks[0] not in master.running())
    unknown = marathon.delete("/v2/apps/web/tasks/web.none")
    assert (unknown.status, unknown.json) == (404, {"message": "Task 'web.none' does not exist"})
    assert marathon.delete("/v2/apps/web/tasks?host=agent09").json == {"tasks": []}
    assert len(marathon.delete("/v2/apps/web/tasks?host=agent01").json["tasks"]) == 2
    both = marathon.delete("/v2/apps/web/tasks?scale=true&wipe=true")
    assert (both.status, both.json) == (400, {"message": "You cannot use scale and wipe at the same time."})


def test_listed(marathon: Marathon, master: Master) -> None:
    """TasksResource.scala, task.raml: service ports are shown here alone."""
    marathon.create()
    (task,) = marathon.get("/v2/tasks").json["tasks"]
    (same,) = marathon.get("/v2/apps/web/tasks").json["tasks"]
    assert task == {**same, "servicePorts": [10000]}
    assert task["ipAddresses"] == [{"ipAddress": "10.0.0.9", "protocol": "IPv4"}]
    assert (task["state"], task["slaveId"], task["appId"]) == ("TASK_RUNNING", "S1", "/web")
    assert marathon.get("/v2/tasks?status=staging").json == {"tasks": []}
    assert len(marathon.get("/v2/tasks?status=running").json["tasks"]) == 1


def test_unreachable(marathon: Marathon, master: Master, wait: Wait) -> None:
    """Replaced at once by default; one that comes back is one too many (unreachableStrategy.raml)."""
    marathon.create()
    (task,) = master.running()
    master.update(task, "TASK_UNREACHABLE")
    wait(lambda: master.running())
    assert len(master.running()) == 1
    states = {"TASK_UNREACHABLE", "TASK_RUNNING"}
    wait(lambda: {item["state"] for item in marathon.app("/web")["tasks"]} == states)
    master.update(task, "TASK_RUNNING")
    wait(lambda: len(master.of("KILL")) == 1)
    assert len(master.running()) == 1


def test_unreachable_for_a_while(marathon: Marathon, master: Master, wait: Wait) -> None:
    marathon.create(unreachableStrategy={"inactiveAfterSeconds": 1, "expungeAfterSeconds": 60})
    began = time.time()
    master.update(*master.running(), "TASK_UNREACHABLE")
    wait(lambda: master.running())
    assert time.time() - began > 0.9


def test_lost_kills_are_repeated(stopped: Marathon, master: Master, wait: Wait) -> None:
    """core/task/termination/impl/KillServiceActor.scala"""
    marathon = stopped.start("--kill_retry_timeout=200").ready()
    marathon.create()
    master.ends = []
    marathon.delete("/v2/apps/web")
    wait(lambda: len(master.of("KILL")) >= 3)
    master.update(*master.running(), "TASK_KILLED")
    marathon.deployed()


def test_tasks_that_do_not_start(stopped: Marathon, master: Master, wait: Wait) -> None:
    """OverdueTasksActor.scala: ended after task_launch_timeout and launched again."""
    marathon = stopped.start("--task_launch_timeout=1000").ready()
    master.behave = lambda task: [] if len(master.tasks) == 1 else ["TASK_RUNNING"]
    marathon.create()
    assert [task[-1] for task in master.states] == ["1", "2"]
