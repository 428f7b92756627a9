# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The side that faces Mesos: subscription, failover, reconciliation, state over restarts (mesos 1.11 docs/scheduler-http-api.md)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

Marathon = Any
Master = Any
Wait = Callable[..., Any]


def test_framework(marathon: Marathon, master: Master) -> None:
    """MarathonSchedulerDriver.scala, MarathonConf.scala: outlives a week without its scheduler."""
    (call,) = master.subscriptions
    assert "framework_id" not in call
    information = call["subscribe"]["framework_info"]
    assert (information["name"], information["user"], information["hostname"]) == ("marathon", "root", "m1")
    assert (information["checkpoint"], information["failover_timeout"]) == (True, 604800.0)
    assert (information["roles"], information["webui_url"]) == (["*"], "http://m1:8080")
    assert {"type": "PARTITION_AWARE"} in information["capabilities"]


def test_acknowledged(marathon: Marathon, master: Master, wait: Wait) -> None:
    """Each update that asks for it."""
    marathon.create()
    wait(lambda: len(master.of("ACKNOWLEDGE")) == 2)  # starting and running
    acknowledged = [call["acknowledge"]["task_id"]["value"] for call in master.of("ACKNOWLEDGE")]
    assert acknowledged == [*master.states, *master.states]


def test_offers_are_asked_for_when_needed(marathon: Marathon, master: Master, wait: Wait) -> None:
    """ReviveOffersStreamLogic.scala: suppressed while nothing waits, some times asked for what does."""
    wait(lambda: master.of("SUPPRESS"))
    assert not master.of("REVIVE")
    marathon.create()
    assert master.of("REVIVE")
    wait(lambda: len(master.of("SUPPRESS")) == 2)
    before = len(master.of("REVIVE"))
    marathon.post("/v2/apps", {"id": "/big", "cmd": "sleep 1", "mem": 5000})
    wait(lambda: len(master.of("REVIVE")) - before == 3)
    time.sleep(0.4)  # eight times the interval
    assert len(master.of("REVIVE")) - before == 3


def test_one_offer_for_many(marathon: Marathon, master: Master) -> None:
    """OfferMatcherManagerActor.scala: as many instances as fit."""
    marathon.create(instances=5)
    (accept,) = master.of("ACCEPT")
    assert len(accept["accept"]["operations"][0]["launch"]["task_infos"]) == 5


def test_subscribes_again(marathon: Marathon, master: Master, wait: Wait) -> None:
    """With the ID that it has got, then asks for the states of its tasks."""
    marathon.create()
    master.disconnect()
    wait(lambda: len(master.subscriptions) == 2)
    assert master.subscriptions[1]["framework_id"] == {"value": master.framework_id}
    assert master.subscriptions[1]["subscribe"]["framework_info"]["id"] == {"value": master.framework_id}
    own = {"task_id": {"value": master.running()[0]}, "agent_id": {"value": "S1"}}
    asked = [{"tasks": [own]}, {"tasks": []}]
    wait(lambda: [call["reconcile"] for call in master.of("RECONCILE")][-2:] == asked)
    time.sleep(0.2)
    assert len(marathon.events("task_launched")) == 1
    assert [event["event"] for event in marathon.events("subscribed", "disconnected")] == [
        "subscribed",
        "disconnected",
        "subscribed",
    ]


def test_master_failover(marathon: Marathon, master: Master, second_master: Master, wait: Wait) -> None:
    """A master that does not lead points to the one that does."""
    marathon.create()
    second_master.leader, second_master.framework_id = second_master.ip, master.framework_id
    second_master.states = dict(master.states)
    master.leader = second_master.ip
    master.disconnect()
    wait(lambda: second_master.subscriptions)
    assert second_master.subscriptions[0]["framework_id"] == {"value": master.framework_id}
    wait(lambda: second_master.of("RECONCILE"))
    marathon.put("/v2/apps/web", {"instances": 2})
    marathon.deployed()
    assert len(second_master.running()) == 2


def test_gone_meanwhile(marathon: Marathon, master: Master, wait: Wait) -> None:
    """A task that nobody knows any more is launched again."""
    marathon.create()
    (task,) = master.running()
    del master.states[task]
    master.disconnect()
    wait(lambda: master.running())
    assert master.running() == [task[:-1] + "2"]


def test_launches_that_are_lost(marathon: Marathon, master: Master, wait: Wait) -> None:
    """The driver of the product says itself that they were dropped (mesos src/sched/sched.cpp: acceptOffers)."""
    master.refuse = "ACCEPT"
    marathon.post("/v2/apps", {"id": "/web", "cmd": "sleep 1000"})
    wait(lambda: [event["state"] for event in marathon.events("task_status")] == ["TASK_DROPPED"])
    marathon.deployed()
    assert [task[-1] for task in master.running()] == ["2"]


def test_unknown_tasks_are_ended(marathon: Marathon, master: Master, wait: Wait) -> None:
    """TaskStatusUpdateProcessorImpl.scala"""
    master.update("web.stranger", "TASK_RUNNING")
    wait(lambda: master.of("KILL"))
    assert master.of("KILL")[0]["kill"]["task_id"] == {"value": "web.stranger"}


def test_own_restart(marathon: Marathon, master: Master, wait: Wait) -> None:
    """Applications, versions, tasks and the framework's ID are kept."""
    marathon.create(instances=2, env={"A": "1"})
    marathon.put("/v2/apps/web", {"instances": 1})
    marathon.deployed()
    before, versions = marathon.app("/web"), marathon.get("/v2/apps/web/versions").json
    marathon.stop()
    master.disconnect()
    marathon.start().ready()
    assert marathon.app("/web") == before
    assert marathon.get("/v2/apps/web/versions").json == versions
    assert master.subscriptions[-1]["framework_id"] == {"value": master.framework_id}
    wait(lambda: master.of("RECONCILE"))
    time.sleep(0.2)
    assert len(marathon.events("task_launched")) == 2


def test_killed_in_a_deployment(marathon: Marathon, master: Master, wait: Wait) -> None:
    """It is gone on with (DeploymentManagerActor.scala)."""
    marathon.create()
    old = master.running()
    master.behave = lambda task: []
    identity = marathon.put("/v2/apps/web", {"mem": 64}).json["deploymentId"]
    wait(lambda: len(master.states) == 2)
    marathon.stop()
    master.disconnect()
    master.behave = lambda task: ["TASK_RUNNING"]
    master.states[list(master.states)[1]] = "TASK_RUNNING"
    marathon.start("--kill_retry_timeout=200").ready()
    marathon.deployed()
    finished = [event["deployment"] for event in marathon.events("deployment_finished")]
    assert identity in finished
    assert marathon.app("/web")["tasksRunning"] == len(master.running()) == 1
    assert master.running() != old


def test_without_a_master(stopped: Marathon, network: str, wait: Wait) -> None:
    """It answers, and deployments wait."""
    marathon = stopped.start()
    wait(lambda: marathon.get("/ping").status == 200)
    assert marathon.post("/v2/apps", {"id": "/web", "cmd": "sleep 1"}).status == 201
    time.sleep(0.3)
    assert len(marathon.get("/v2/deployments").json) == 1
    assert marathon.get("/v2/info").json["frameworkId"] is None


def test_removed_framework(marathon: Marathon, master: Master) -> None:
    """MarathonScheduler.scala: error; the ID is given up and the process ends, for its unit to start it anew."""
    marathon.create()
    master.send({"type": "ERROR", "error": {"message": "Framework has been removed"}})
    assert marathon.process.wait(10) == 1
    master.disconnect()
    master.states.clear()
    master.framework_id = "new-0001"
    marathon.start().ready()
    assert "framework_id" not in master.subscriptions[-1]
    assert marathon.get("/v2/info").json["frameworkId"] == "new-0001"
    marathon.deployed()
