# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The master's API for schedulers (mesos 1.11.0 docs/scheduler-http-api.md, src/master/http.cpp, src/master/master.cpp)."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}
FRAMEWORK = {"user": "root", "name": "f"}


def one_agent(cluster: Any, *flags: str) -> tuple[Any, Any]:
    """A master with one agent."""
    master = cluster.master(*flags).start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    return master, agent


def frameworks(master: Any, kind: str = "frameworks") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = master.get("/frameworks").json[kind]
    return found


def scalars(offer: dict[str, Any]) -> dict[str, float]:
    return {item["name"]: item["scalar"]["value"] for item in offer["resources"] if item["type"] == "SCALAR"}


# --- subscribing ---


def test_what_a_scheduler_is_told_at_first(cluster: Any, wait: Any) -> None:
    """Recorded: the first log lines of the ScaleIO scheduler: SUBSCRIBED, HEARTBEAT, OFFERS."""
    master, _ = one_agent(cluster)
    scheduler = cluster.scheduler(master, hostname="sched1")
    content = scheduler.event("SUBSCRIBED")
    assert content["framework_id"]["value"].endswith("-0000")
    assert content["heartbeat_interval_seconds"] == 15.0
    assert content["master_info"]["hostname"] == "m1"
    wait(lambda: len(scheduler.events) >= 3)
    assert [event["type"] for event in scheduler.events[:3]] == ["SUBSCRIBED", "HEARTBEAT", "OFFERS"]
    assert len(scheduler.stream_id) == 36


def test_shapes_of_a_framework_that_says_little_of_itself(cluster: Any) -> None:
    """Recorded: FrameworkInfo of the ScaleIO scheduler at the master."""
    master, _ = one_agent(cluster)
    scheduler = cluster.scheduler(master, name="ScaleIO Framework", hostname="sched1")
    scheduler.offer()
    shown = frameworks(master)[0]
    assert {key: shown[key] for key in ("name", "capabilities", "hostname", "webui_url", "active", "connected")} == {
        "name": "ScaleIO Framework",
        "capabilities": [],
        "hostname": "sched1",
        "webui_url": "",
        "active": True,
        "connected": True,
    }
    members = (
        "id name used_resources offered_resources capabilities hostname webui_url active connected recovered user"
        " failover_timeout checkpoint registered_time unregistered_time resources role"
    )
    assert list(shown)[: len(members.split())] == members.split()
    assert (shown["role"], shown["offer_constraints"], shown["offered_resources"]["cpus"]) == ("*", {}, 2.0)
    info = master.call("GET_FRAMEWORKS").json["get_frameworks"]["frameworks"][0]["framework_info"]
    assert info == {
        "user": "root",
        "name": "ScaleIO Framework",
        "id": {"value": scheduler.framework_id},
        "failover_timeout": 0.0,
        "checkpoint": False,
        "hostname": "sched1",
    }


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({}, 400, "Failed to validate scheduler::Call: Expecting 'type' to be present"),
        ({"type": "SUBSCRIBE"}, 400, "Failed to validate scheduler::Call: Expecting 'subscribe' to be present"),
        (
            {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"name": "f"}}},
            400,
            "Failed to convert JSON into Call protobuf: Missing required fields: subscribe.framework_info.user",
        ),
        (
            {"type": "SUBSCRIBE", "subscribe": {"framework_info": {**FRAMEWORK, "id": {"value": "x"}}}},
            400,
            "Failed to validate scheduler::Call: 'framework_id' differs from 'subscribe.framework_info.id'",
        ),
        (
            {"type": "SUBSCRIBE", "subscribe": {"framework_info": {**FRAMEWORK, "user": 1}}},
            400,
            "Failed to convert JSON into Call protobuf: Not expecting a JSON number for field 'user'",
        ),
        ({"type": "REVIVE"}, 400, "Failed to validate scheduler::Call: Expecting 'framework_id' to be present"),
        ({"type": "REVIVE", "framework_id": {"value": "x"}}, 400, "Framework cannot be found"),
        (
            {"type": "KILL", "framework_id": {"value": "x"}},
            400,
            "Failed to validate scheduler::Call: Expecting 'kill' to be present",
        ),
    ],
)
def test_calls_that_are_refused(cluster: Any, body: dict[str, Any], status: int, text: str) -> None:
    master = cluster.master().start()
    cluster.leads(master)
    answer = master.post("/api/v1/scheduler", json.dumps(body), **HEADERS)
    assert (answer.status, answer.body.decode()) == (status, text)


def test_calls_belong_to_a_stream(cluster: Any) -> None:
    master, _ = one_agent(cluster)
    scheduler = cluster.scheduler(master)
    body = json.dumps({"type": "REVIVE", "framework_id": {"value": scheduler.framework_id}})
    answer = master.post("/api/v1/scheduler", body, **HEADERS)
    assert answer.body.decode() == "All non-subscribe calls should include the 'Mesos-Stream-Id' header"
    answer = scheduler.call("REVIVE", **{"Mesos-Stream-Id": "other"})
    assert (answer.status, b"didn't match the stream ID currently associated with" in answer.body) == (400, True)
    assert scheduler.call("REVIVE").status == 202
    subscribe = json.dumps({"type": "SUBSCRIBE", "subscribe": {"framework_info": FRAMEWORK}})
    answer = master.post("/api/v1/scheduler", subscribe, **HEADERS, **{"Mesos-Stream-Id": "x"})
    assert answer.body.decode() == "Subscribe calls should not include the 'Mesos-Stream-Id' header"
    answer = master.post("/api/v1/scheduler", subscribe, **{**HEADERS, "Content-Type": "text/plain"})
    assert (answer.status, answer.body.decode()) == (
        415,
        "Expecting 'Content-Type' of application/json or application/x-protobuf",
    )


def test_schedulers_authenticate(cluster: Any, tmp_path: Path, basic: Any) -> None:
    """src/master/constants.hpp: DEFAULT_HTTP_FRAMEWORK_AUTHENTICATION_REALM; src/master/http.cpp: scheduler."""
    path = tmp_path / "credentials"
    people = [{"principal": "ops", "secret": "s3"}, {"principal": "other", "secret": "s4"}]
    path.write_text(json.dumps({"credentials": people}))
    flags = ("--authenticate_http_frameworks", f"--credentials={path}", "--http_framework_authenticators=basic")
    master, _ = one_agent(cluster, *flags)
    answer = master.post("/api/v1/scheduler", "{}", **HEADERS)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="mesos-master-scheduler"')
    scheduler = cluster.scheduler(master, basic("ops", "s3"))
    assert scheduler.call("REVIVE").status == 202
    assert frameworks(master)[0]["principal"] == "ops"
    answer = scheduler.call("REVIVE", Authorization=basic("other", "s4"))
    text = "Authenticated principal 'other' does not match principal 'ops' set in `FrameworkInfo`"
    assert (answer.status, answer.body.decode()) == (400, text)
    subscribe = {"type": "SUBSCRIBE", "subscribe": {"framework_info": {**FRAMEWORK, "principal": "ops"}}}
    answer = master.post(
        "/api/v1/scheduler", json.dumps(subscribe), **{**HEADERS, "Authorization": basic("other", "s4")}
    )
    assert answer.body.decode() == f"Failed to validate scheduler::Call: {text}"


def test_http_frameworks_need_an_authenticator(cluster: Any) -> None:
    """src/master/master.cpp: initialize."""
    master = cluster.master("--authenticate_http_frameworks").start()
    assert master.wait() == 1
    assert "Missing `--http_framework_authenticators` flag" in master.output


# --- offers ---


def test_an_offer(cluster: Any) -> None:
    """Without MULTI_ROLE nothing is said of allocation (src/master/master.cpp: offer, MESOS-8237)."""
    master = cluster.master().start()
    agent = cluster.agent("--attributes=scaleio-sds-domains:d;n:7").start()
    own = cluster.registered(master, agent)["id"]
    plain = cluster.scheduler(master).offer()
    assert list(plain) == "id framework_id agent_id hostname url resources attributes".split()
    assert plain["agent_id"] == {"value": own}
    assert plain["id"]["value"].rpartition("-")[2] == "O0"
    assert plain["resources"][0] == {"name": "cpus", "type": "SCALAR", "role": "*", "scalar": {"value": 2.0}}
    assert plain["attributes"] == [
        {"name": "scaleio-sds-domains", "type": "TEXT", "text": {"value": "d"}},
        {"name": "n", "type": "SCALAR", "scalar": {"value": 7.0}},
    ]
    assert plain["url"]["address"] == {"hostname": "agent01", "ip": agent.address[0], "port": 5051}


def test_an_offer_to_a_role(cluster: Any) -> None:
    master, agent = one_agent(cluster)
    cluster.plant(agent, "reservation", "--role=web", "--cpus=1", "--disk=0")
    cluster.plant(agent, "reservation", "--role=other", "--mem=100", "--disk=0")
    capabilities = [{"type": "MULTI_ROLE"}, {"type": "RESERVATION_REFINEMENT"}]
    offer = cluster.scheduler(master, capabilities=capabilities, roles=["web"]).offer()
    assert offer["allocation_info"] == {"role": "web"}
    cpus = [item for item in offer["resources"] if item["name"] == "cpus"]
    assert [(item["scalar"]["value"], "reservations" in item, "role" in item) for item in cpus] == [
        (1.0, False, False),
        (1.0, True, False),
    ]
    assert scalars(offer)["mem"] == 924.0
    assert frameworks(master)[0]["roles"] == ["web"]


def test_offers_never_exceed_what_is_free(cluster: Any, wait: Any, command: Any) -> None:
    master, _ = one_agent(cluster)
    first = cluster.scheduler(master, name="first")
    offer = first.offer()
    second = cluster.scheduler(master, name="second")
    entry = cluster.slaves(master)[0]
    assert (entry["offered_resources"]["cpus"], entry["used_resources"]["cpus"]) == (2.0, 0.0)
    ports = {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 31001}]}}
    task = command("t1", "sleep 100")
    first.launch({**task, "resources": [*task["resources"], ports]}, offer=offer, refuse_seconds=None)
    first.reach("t1", "TASK_RUNNING")
    # What the first one leaves it does not get again for 5 s, so the second one does.
    left = second.offer()
    assert scalars(left) == {"cpus": 1.9, "mem": 992.0, "disk": 4096.0}
    assert left["resources"][-1]["ranges"] == {"range": [{"begin": 31002, "end": 32000}]}
    entry = cluster.slaves(master)[0]
    assert (entry["offered_resources"]["cpus"], entry["used_resources"]["cpus"]) == (1.9, 0.1)
    assert entry["used_resources"]["ports"] == "[31000-31001]"
    first.call("KILL", {"task_id": {"value": "t1"}})
    first.reach("t1", "TASK_KILLED")
    wait(lambda: cluster.slaves(master)[0]["used_resources"]["cpus"] == 0.0)


def test_declining_reviving_suppressing(cluster: Any, wait: Any) -> None:
    """docs/scheduler-http-api.md; Filters.refuse_seconds."""
    master, _ = one_agent(cluster)
    scheduler = cluster.scheduler(master)

    def decline(seconds: float) -> None:
        content = {"offer_ids": [scheduler.offer()["id"]], "filters": {"refuse_seconds": seconds}}
        assert scheduler.call("DECLINE", content).status == 202

    decline(0.0)
    wait(lambda: len(scheduler.of("OFFERS")) == 2)
    decline(3600.0)
    time.sleep(0.5)  # five allocations
    assert len(scheduler.of("OFFERS")) == 2
    scheduler.call("REVIVE")
    wait(lambda: len(scheduler.of("OFFERS")) == 3)
    scheduler.call("SUPPRESS")
    decline(0.0)
    time.sleep(0.5)  # five allocations
    assert len(scheduler.of("OFFERS")) == 3
    scheduler.call("REVIVE")
    wait(lambda: len(scheduler.of("OFFERS")) == 4)


def test_offers_of_an_agent_that_stops_are_rescinded(cluster: Any, wait: Any) -> None:
    """Recorded: an agent that ends is told of as FAILURE once it is removed, not when it is disconnected."""
    master, agent = one_agent(cluster)
    scheduler = cluster.scheduler(master)
    offer = scheduler.offer()
    agent.stop()
    assert scheduler.event("RESCIND") == {"offer_id": offer["id"]}
    assert scheduler.of("FAILURE") == []
    (agent.directory / "work/meta/slaves/latest").unlink()
    agent.start()
    assert scheduler.event("FAILURE") == {"agent_id": offer["agent_id"]}
    wait(lambda: len(scheduler.of("OFFERS")) == 2)


# --- launching ---


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 9.0}}]},
            "Task uses more resources cpus:9 than",
        ),
        ({"resources": []}, "Task uses no resources"),
        ({"task_id": {"value": "a/b"}}, "'a/b' contains invalid characters"),
        ({"agent_id": {"value": "x"}}, "Task uses invalid agent x while agent "),
        (
            {"executor": {"executor_id": {"value": "e"}}},
            "Task should have at least one (but not both) of CommandInfo or",
        ),
    ],
)
def test_tasks_that_are_refused(cluster: Any, wait: Any, command: Any, change: dict[str, Any], message: str) -> None:
    """src/master/validation.cpp: task::validate."""
    master, _ = one_agent(cluster)
    scheduler = cluster.scheduler(master)
    scheduler.launch({**command("t1", "true"), **change})
    status = scheduler.event("UPDATE")["status"]
    assert (status["state"], status["source"], status["reason"]) == (
        "TASK_ERROR",
        "SOURCE_MASTER",
        "REASON_TASK_INVALID",
    )
    assert status["message"].startswith(message)
    assert "uuid" not in status
    assert frameworks(master)[0]["tasks"] == []


def test_offers_are_valid_once(cluster: Any, command: Any) -> None:
    """src/master/master.cpp: accept."""
    master, _ = one_agent(cluster)
    scheduler = cluster.scheduler(master)
    offer = scheduler.offer()
    scheduler.launch(command("t1", "sleep 100"), offer=offer)
    scheduler.reach("t1", "TASK_RUNNING")
    scheduler.launch(command("t2", "true"), offer=offer)
    status = scheduler.reach("t2", "TASK_LOST")
    expected = f"Task launched with invalid offers: Offer {offer['id']['value']} is no longer valid"
    assert (status["message"], status["reason"]) == (expected, "REASON_INVALID_OFFERS")


def test_only_launching_is_simulated(cluster: Any) -> None:
    master, _ = one_agent(cluster)
    scheduler = cluster.scheduler(master)
    content = {
        "offer_ids": [scheduler.offer()["id"]],
        "operations": [{"type": "RESERVE", "reserve": {"resources": []}}],
    }
    assert scheduler.call("ACCEPT", content).status == 501


def test_reconciliation(cluster: Any, wait: Any, command: Any) -> None:
    """docs/reconciliation.md; src/master/master.cpp: reconcile."""
    master, _ = one_agent(cluster)
    scheduler = cluster.scheduler(master)
    scheduler.launch(command("t1", "sleep 100"))
    place = scheduler.reach("t1", "TASK_RUNNING")["agent_id"]
    count = len(scheduler.of("UPDATE"))
    scheduler.call("RECONCILE", {"tasks": []})
    asked = [{"task_id": {"value": "t2"}, "agent_id": place}, {"task_id": {"value": "t3"}, "agent_id": {"value": "x"}}]
    scheduler.call("RECONCILE", {"tasks": asked})
    wait(lambda: len(scheduler.of("UPDATE")) == count + 3)
    found = [event["status"] for event in scheduler.of("UPDATE")[count:]]
    assert [(status["state"], status["message"]) for status in found] == [
        ("TASK_RUNNING", "Reconciliation: Latest task state"),
        ("TASK_LOST", "Reconciliation: Task is unknown to the agent"),
        ("TASK_LOST", "Reconciliation: Task is unknown"),
    ]
    assert {status["reason"] for status in found} == {"REASON_RECONCILIATION"}
    scheduler.call("KILL", {"task_id": {"value": "t4"}})
    wait(lambda: scheduler.states("t4") == ["TASK_LOST"])


def test_states_that_only_partition_aware_frameworks_know(cluster: Any, wait: Any, command: Any) -> None:
    """docs/high-availability-framework-guide.md."""
    master, _ = one_agent(cluster)
    scheduler = cluster.scheduler(master, capabilities=[{"type": "PARTITION_AWARE"}])
    scheduler.call("RECONCILE", {"tasks": [{"task_id": {"value": "t3"}}]})
    wait(lambda: scheduler.states("t3") == ["TASK_UNKNOWN"])


# --- the end of a scheduler ---


def test_a_scheduler_that_dies_without_failover(cluster: Any, wait: Any, command: Any, running: Any) -> None:
    """Recorded: the ScaleIO scheduler killed: its framework is completed at once, all executors are gone 0.5 s later."""
    master, agent = one_agent(cluster)
    scheduler = cluster.scheduler(master)
    scheduler.launch(command("t1", "sleep 100"))
    scheduler.reach("t1", "TASK_RUNNING")
    assert running(agent)
    scheduler.kill()
    completed = wait(lambda: frameworks(master, "completed_frameworks"))[0]
    wait(lambda: not running(agent))
    assert [task["state"] for task in completed["completed_tasks"]] == ["TASK_KILLED"]
    assert (completed["active"], completed["connected"], completed["recovered"]) == (False, False, False)
    name = f"{scheduler.framework_id} (test)"
    for line in (
        f"Framework {name} disconnected",
        f"Giving framework {name} 0ns to failover",
        f"Framework failover timeout, removing framework {name}",
    ):
        assert line in master.output
    wait(lambda: agent.get("/state").json["frameworks"] == [])
    again = cluster.scheduler(master)
    assert again.framework_id.endswith("-0001")
    events = [event["event"] for event in master.evidence("simulator-frameworks.jsonl")]
    assert events == ["subscribed", "disconnected", "removed", "subscribed"]


def test_a_scheduler_that_comes_back_in_time(cluster: Any, wait: Any, command: Any) -> None:
    """docs/high-availability-framework-guide.md; src/master/master.cpp: _subscribe, failoverFramework."""
    master, _ = one_agent(cluster)
    scheduler = cluster.scheduler(master, failover_timeout=600.0)
    scheduler.launch(command("t1", "sleep 100"))
    scheduler.reach("t1", "TASK_RUNNING")
    identity = {"value": scheduler.framework_id}
    scheduler.kill()
    shown = wait(lambda: [item for item in frameworks(master) if not item["connected"]])[0]
    assert (shown["active"], [task["state"] for task in shown["tasks"]]) == (False, ["TASK_RUNNING"])
    assert shown["offers"] == []
    assert scheduler.call("REVIVE").body.decode() == "Framework is not subscribed"
    second = cluster.scheduler(master, id=identity, failover_timeout=600.0, hostname="new")
    assert second.framework_id == identity["value"]
    shown = frameworks(master)[0]
    assert (shown["connected"], shown["hostname"], len(shown["tasks"])) == (True, "new", 1)
    third = cluster.scheduler(master, id=identity, failover_timeout=600.0)
    assert second.event("ERROR") == {"message": "Framework failed over"}
    wait(lambda: second.ended == "closed")
    third.call("KILL", {"task_id": {"value": "t1"}})
    assert third.reach("t1", "TASK_KILLED")["message"] == "Command terminated with signal Terminated"
    assert frameworks(master)[0]["connected"]


def test_a_scheduler_that_comes_back_too_late(cluster: Any, wait: Any) -> None:
    master, _ = one_agent(cluster)
    scheduler = cluster.scheduler(master, failover_timeout=0.5)
    identity = {"value": scheduler.framework_id}
    scheduler.kill()
    wait(lambda: frameworks(master, "completed_frameworks"))
    late = cluster.scheduler(master, id=identity)
    assert late.event("ERROR") == {"message": "Framework has been removed"}
    wait(lambda: late.ended == "closed")


def test_teardown_by_an_operator_ends_the_stream_properly(cluster: Any, wait: Any, command: Any, running: Any) -> None:
    """Recorded: the ScaleIO scheduler ends itself after POST /teardown, but never after a broken stream."""
    master, agent = one_agent(cluster)
    scheduler = cluster.scheduler(master, failover_timeout=600.0)
    scheduler.launch(command("t1", "sleep 100"))
    scheduler.reach("t1", "TASK_RUNNING")
    assert master.post("/teardown", f"frameworkId={scheduler.framework_id}").status == 200
    wait(lambda: scheduler.ended == "closed")
    wait(lambda: not running(agent))
    other = cluster.scheduler(master)
    assert other.call("TEARDOWN").status == 202
    wait(lambda: other.ended == "closed")


def test_a_master_that_dies_breaks_the_stream(cluster: Any, wait: Any) -> None:
    master, _ = one_agent(cluster)
    scheduler = cluster.scheduler(master)
    scheduler.offer()
    master.stop()
    wait(lambda: scheduler.ended == "broken")


# --- masters that change ---


def test_a_framework_and_its_tasks_outlive_the_leader(cluster: Any, wait: Any, command: Any, running: Any) -> None:
    """docs/high-availability.md; src/master/master.cpp: recoverFramework, subscribe."""
    masters = [master.start() for master in cluster.masters()]
    leader = wait(lambda: cluster.leader(masters))
    agent = cluster.agent(master=cluster.zk()).start()
    cluster.registered(leader, agent)
    other = next(master for master in masters if master is not leader)
    answer = other.post("/api/v1/scheduler", "{}", **HEADERS)
    name = f"m{masters.index(leader) + 1}"
    assert (answer.status, answer.headers["Location"]) == (307, f"//{name}:5050/master/api/v1/scheduler")
    scheduler = cluster.scheduler(leader, failover_timeout=600.0, checkpoint=True)
    scheduler.launch(command("t1", "sleep 100"))
    scheduler.reach("t1", "TASK_RUNNING")
    identity = {"value": scheduler.framework_id}
    leader.stop()
    new = wait(lambda: cluster.leader([master for master in masters if master is not leader]))
    shown = wait(lambda: frameworks(new))[0]
    assert (shown["id"], shown["recovered"], shown["connected"], shown["active"]) == (
        identity["value"],
        True,
        False,
        False,
    )
    assert [task["state"] for task in shown["tasks"]] == ["TASK_RUNNING"]
    again = cluster.scheduler(new, id=identity, failover_timeout=600.0, checkpoint=True)
    shown = frameworks(new)[0]
    assert (shown["recovered"], shown["connected"], shown["checkpoint"]) == (False, True, True)
    again.call("RECONCILE", {"tasks": []})
    assert again.reach("t1", "TASK_RUNNING")
    assert scalars(again.offer()) == {"cpus": 1.9, "mem": 992.0, "disk": 4096.0}
    assert running(agent)
    again.call("KILL", {"task_id": {"value": "t1"}})
    again.reach("t1", "TASK_KILLED")
    wait(lambda: not running(agent))


def test_a_framework_that_does_not_come_back_stays_as_recovered(
    cluster: Any, wait: Any, command: Any, running: Any
) -> None:
    """Recorded: the master restarted under the ScaleIO framework: its executors go on although no scheduler comes."""
    master, agent = one_agent(cluster, "--agent_ping_timeout=500ms", "--max_agent_ping_timeouts=3")
    scheduler = cluster.scheduler(master)
    scheduler.launch(command("t1", "sleep 100"))
    scheduler.reach("t1", "TASK_RUNNING")
    master.stop()
    master.start()
    cluster.leads(master)
    shown = wait(lambda: frameworks(master))[0]
    assert (shown["recovered"], [task["state"] for task in shown["tasks"]]) == (True, ["TASK_RUNNING"])
    assert running(agent)
    assert master.post("/teardown", f"frameworkId={shown['id']}").status == 200
    wait(lambda: not running(agent))
