# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planted frameworks, reservations and volumes (mesos 1.11.0 src/slave/http.cpp; recorded: master HTTP, replacement)."""

from __future__ import annotations

from typing import Any


def framework_names(agent: Any) -> list[str]:
    return [framework["name"] for framework in agent.get("/state").json["frameworks"]]


def test_shapes_of_a_framework_with_tasks(cluster: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    planted = cluster.plant(agent, "framework", "--name=marathon", "--checkpoint", "--task=web.1", "--task=web.2")
    framework = agent.get("/state").json["frameworks"][0]
    assert list(framework) == (
        "id name user failover_timeout checkpoint hostname roles executors completed_executors".split()
    )
    assert (framework["id"], framework["checkpoint"]) == (planted["framework_id"], True)
    executor = framework["executors"][0]
    assert list(executor) == (
        "id name source container directory resources role type tasks queued_tasks completed_tasks".split()
    )
    assert [executor["tasks"][0]["id"] for executor in framework["executors"]] == ["web.1", "web.2"]
    launched = agent.call("GET_TASKS").json["get_tasks"]["launched_tasks"]
    assert [task["task_id"]["value"] for task in launched] == ["web.1", "web.2"]
    assert launched[0]["resources"][0] == {
        "name": "cpus",
        "type": "SCALAR",
        "scalar": {"value": 0.1},
        "allocation_info": {"role": "*"},
    }
    entry = cluster.slaves(master)[0]
    assert entry["used_resources"]["mem"] == 128.0
    assert len(entry["used_resources_full"]) == 8
    state = master.get("/state").json
    assert [task["slave_id"] for task in state["frameworks"][0]["tasks"]] == [entry["id"]] * 2
    tasks = master.call("GET_TASKS").json["get_tasks"]["tasks"]
    assert {task["state"] for task in tasks} == {"TASK_RUNNING"}
    assert master.call("GET_AGENTS").json["get_agents"]["agents"][0]["allocated_resources"]


def test_only_checkpointed_work_survives_a_restart(cluster: Any, wait: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    cluster.plant(agent, "framework", "--name=kept", "--checkpoint", "--task=k1")
    cluster.plant(agent, "scaleio")
    assert framework_names(agent) == ["kept", "ScaleIO Framework"]
    agent.stop()
    lost = wait(lambda: master.call("GET_TASKS").json["get_tasks"]["completed_tasks"])
    assert [(task["state"], task["statuses"][-1]["message"]) for task in lost] == [
        ("TASK_LOST", "Agent agent01 disconnected")
    ]
    agent.start()
    recovering = wait(lambda: answer if (answer := agent.get("/state")).status == 503 else None)
    assert recovering.body == b"Agent has not finished recovery"
    cluster.registered(master, agent)
    assert framework_names(agent) == ["kept"]
    running = master.call("GET_TASKS").json["get_tasks"]["tasks"]
    assert [task["task_id"]["value"] for task in running] == ["k1"]


def test_a_new_agent_id_loses_tasks_and_keeps_reservations(cluster: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    cluster.plant(agent, "framework", "--name=kept", "--checkpoint", "--task=k1")
    cluster.plant(agent, "reservation", "--role=database", "--cpus=1", "--mem=256", "--disk=0")
    cluster.plant(agent, "volume", "--role=database", "--id=vol1", "--disk=100")
    full = agent.get("/state").json["reserved_resources_full"]["database"]
    assert full[-1] == {
        "name": "disk",
        "type": "SCALAR",
        "scalar": {"value": 100.0},
        "role": "database",
        "reservation": {"principal": "ops"},
        "reservations": [{"type": "DYNAMIC", "role": "database", "principal": "ops"}],
        "disk": {
            "persistence": {"id": "vol1", "principal": "ops"},
            "volume": {"mode": "RW", "container_path": "data"},
        },
    }
    assert (agent.directory / "work/volumes/roles/database/vol1").is_dir()
    agent.stop()
    (agent.directory / "work/meta/slaves/latest").unlink()
    agent.start()
    entry = cluster.registered(master, agent)
    assert entry["id"].endswith("-S1")
    assert framework_names(agent) == []
    completed = master.call("GET_TASKS").json["get_tasks"]["completed_tasks"]
    message = "Agent agent01 removed: a new agent registered at the same address"
    assert [task["statuses"][-1]["message"] for task in completed] == [message]
    # The product checkpoints these beside the agent IDs and sends them with a first registration, too.
    reserved = entry["reserved_resources"]["database"]
    assert {name: value for name, value in reserved.items() if value} == {"cpus": 1.0, "mem": 256.0, "disk": 100.0}
    assert entry["unreserved_resources"]["disk"] == 3996.0
    assert entry["reserved_resources_full"]["database"][-1]["disk"]["persistence"]["id"] == "vol1"


def test_too_much_cannot_be_reserved(cluster: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    try:
        cluster.plant(agent, "reservation", "--mem=5000")
    except AssertionError as error:
        assert "does not contain" in str(error)
    else:
        raise AssertionError("5000 MB of 1024 were reserved")
    assert agent.get("/state").json["reserved_resources"] == {}


def test_teardown(cluster: Any, wait: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    first = cluster.plant(agent, "framework", "--name=here", "--checkpoint", "--task=t1")["framework_id"]
    second = cluster.plant(agent, "framework", "--name=away", "--checkpoint", "--task=t2")["framework_id"]
    assert master.post("/master/teardown", f"frameworkId={first}").status == 200
    wait(lambda: framework_names(agent) == ["away"])
    agent.stop()
    assert master.post("/teardown", f"frameworkId={second}").status == 200
    agent.start()
    cluster.registered(master, agent)
    wait(lambda: framework_names(agent) == [])
    assert "reregistered with completed framework" in master.output
    names = [framework["name"] for framework in master.get("/state").json["completed_frameworks"]]
    assert names == ["here", "away"]
