# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import framework_model as model
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.framework_answers import (
    MASTER_ID,
    NAME,
    a_framework,
    a_node,
    a_state,
    an_agent,
)

PASSWORD = "Pl4nted-Pa55word"


def scheduler(*nodes: dict[str, Any]) -> dict[str, Any]:
    shown = model.scheduler_document(a_state(*nodes))
    assert shown is not None
    return {"url": "http://10.0.0.10:35000", "error": None, **shown}


def agents(*entries: dict[str, Any]) -> list[dict[str, Any]]:
    found = model.agents_document({"slaves": list(entries)})
    assert found is not None
    return found


def framework(*entries: dict[str, Any], completed: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    body = {"frameworks": list(entries), "completed_frameworks": list(completed), "unregistered_frameworks": []}
    found = model.frameworks_document(body, agents(an_agent(1), an_agent(2)))
    assert found is not None
    return {"leader": "http://m1:5050", "error": None, **found}


# -- the scheduler ---------------------------------------------------------------------------------------------------


def test_a_state_without_its_password() -> None:
    state = a_state(a_node(1, 5, {"mydomain": {"mypool": ["/dev/xvdf"]}}), password=PASSWORD)
    found = model.scheduler_document(state)
    assert found == {
        "address": "http://10.0.0.10:35000",
        "cluster_name": "scaleio",
        "cluster_id": "",
        "gateway": "",
        "protection_domain": "gpd",
        "storage_pool": "gsp",
        "api_version": "2.0",
        "configured": False,
        "imperative_seen": True,
        "experimental": False,
        "debug": False,
        "log_level": "debug",
        "preconfig": {
            "enabled": True,
            "primary": "10.0.0.31",
            "secondary": "10.0.0.32",
            "tiebreaker": "10.0.0.33",
            "gateway": "10.0.0.40",
        },
        "nodes": {
            "node1": {
                "agent_id": f"{MASTER_ID}-S1",
                "task": "scaleio-node1",
                "executor": "executor-scaleio-node1",
                "ip": "10.0.0.11",
                "persona": "data",
                "state": 5,
                "state_text": "waits until its resources are added",
                "imperative": True,
                "advertised": False,
                "last_contact": 0,
                "provides": {"mydomain": {"mypool": ["/dev/xvdf"]}},
            }
        },
    }
    assert PASSWORD in json.dumps(state) and PASSWORD not in json.dumps(found)


@pytest.mark.parametrize(
    "state", [None, [], "x", {}, {"ScaleIO": None}, {"ScaleIO": {"Nodes": {}}}, {"ScaleIO": {"Nodes": [1]}}]
)
def test_what_is_no_state(state: Any) -> None:
    assert model.scheduler_document(state) is None


def test_a_scheduler_that_knows_nobody() -> None:
    assert scheduler()["nodes"] == {}
    bare = model.scheduler_document({"ScaleIO": {}})
    assert bare is not None and (bare["nodes"], bare["preconfig"]["enabled"]) == ({}, False)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # Recorded: attribute cases 4, 12, 3, 7, 15 of scaleio-scheduler 0.3.1.
        (None, {}),
        ({"d12": None}, {"d12": {}}),
        ({"mydomain": {"mypool": None}}, {"mydomain": {"mypool": []}}),
        ({"": None, "d7": {"": None, "p7": ["/dev/xvdf", ""]}}, {"": {}, "d7": {"": [], "p7": ["/dev/xvdf", ""]}}),
        ({"d15": {"p15": ["/dev/xvdf"] * 8}}, {"d15": {"p15": ["/dev/xvdf"]}}),
    ],
)
def test_what_a_node_provides(given: Any, expected: Any) -> None:
    assert scheduler(a_node(1, 0, given))["nodes"]["node1"]["provides"] == expected


@pytest.mark.parametrize(
    ("held", "expected"),
    [({"d": {}}, {"d": {}}), ({"d": None}, {"d": {}}), ({"d": {"Pools": {"p": None}}}, {"d": {"p": []}})],
)
def test_nothing_at_any_place(held: Any, expected: Any) -> None:
    assert model.provided(held) == expected


@pytest.mark.parametrize(
    ("persona", "word"),
    [(1, "primary"), (2, "secondary"), (3, "tiebreaker"), (4, "data"), (0, "unknown"), (None, "unknown")],
)
def test_personas(persona: int | None, word: str) -> None:
    assert scheduler(a_node(1, 0, persona=persona))["nodes"]["node1"]["persona"] == word


@pytest.mark.parametrize("state", [*model.STATES, 77, -3, None])
def test_every_state_has_a_text(state: int | None) -> None:
    """A node may be told any state, whether there is one or not (recorded: POST /api/node/state)."""
    words = model.state_text(state)
    assert words and ("is no state of version 0.3.1" in words) == (state not in model.STATES)


def test_who_is_not_finished() -> None:
    seen = scheduler(a_node(1, 1024), a_node(2, 6), a_node(3, 4096))
    assert model.unfinished(["node1", "node2", "node3", "node4"], seen) == [
        "node2 installs REX-Ray and its isolator (state 6)",
        "node3 has failed to install and waits for somebody (state 4096)",
        "node4 is not known to the framework",
    ]


# -- the master ------------------------------------------------------------------------------------------------------


def test_agents() -> None:
    odd = {"id": "S9", "hostname": "node9", "pid": "slave(1)@[fd00::9]:5051"}
    body = {
        "slaves": [an_agent(1, rack="r1", n=1.0), an_agent(2, active=False)],
        "recovered_slaves": [{**odd, "active": True}],
    }
    assert model.agents_document(body) == [
        {
            "id": f"{MASTER_ID}-S1",
            "hostname": "node1",
            "active": True,
            "pid": "slave(1)@10.0.0.11:5051",
            "ip": "10.0.0.11",
            "attributes": {"rack": "r1", "n": 1.0},
        },
        {
            "id": f"{MASTER_ID}-S2",
            "hostname": "node2",
            "active": False,
            "pid": "slave(1)@10.0.0.12:5051",
            "ip": "10.0.0.12",
            "attributes": {},
        },
        {"id": "S9", "hostname": "node9", "active": False, "pid": odd["pid"], "ip": "fd00::9", "attributes": {}},
    ]


@pytest.mark.parametrize("body", [None, [], {}, {"slaves": {}}])
def test_what_is_no_list_of_agents(body: Any) -> None:
    assert model.agents_document(body) is None


def test_a_registered_framework() -> None:
    lost = {"id": "scaleio-node1", "slave_id": f"{MASTER_ID}-S0", "state": "TASK_LOST"}
    one = a_framework(1, (1, 2))
    one["tasks"].append(lost)
    gone = a_framework(0, unregistered_time=1795262100.5, active=False, connected=False)
    other = a_framework(7, name="marathon")
    found = framework(one, other, completed=(gone, {**other, "id": "x"}))
    assert found == {
        "leader": "http://m1:5050",
        "error": None,
        "name": NAME,
        "registered": f"{MASTER_ID}-0001",
        "frameworks": [
            {
                "id": f"{MASTER_ID}-0001",
                "active": True,
                "connected": True,
                "recovered": False,
                "hostname": "sched1",
                "registered_time": 1795262062.547777,
                "tasks": {
                    "node1": {"task": "scaleio-node1", "state": "TASK_RUNNING", "agent_id": f"{MASTER_ID}-S1"},
                    "node2": {"task": "scaleio-node2", "state": "TASK_RUNNING", "agent_id": f"{MASTER_ID}-S2"},
                },
                "executors": {"node1": "executor-scaleio-node1", "node2": "executor-scaleio-node2"},
            }
        ],
        "completed": [
            {
                "id": f"{MASTER_ID}-0000",
                "registered_time": 1795262062.547777,
                "unregistered_time": 1795262100.5,
            }
        ],
    }


def test_a_task_of_an_agent_that_has_gone_names_its_host() -> None:
    assert list(framework(a_framework(1, (5,)))["frameworks"][0]["tasks"]) == ["node5"]
    assert list(framework(a_framework(1, (5,)))["frameworks"][0]["executors"]) == ["node5"]


@pytest.mark.parametrize(
    ("entries", "registered"),
    [
        ((), None),
        ((a_framework(1),), f"{MASTER_ID}-0001"),
        ((a_framework(1, active=False, connected=False),), None),
        ((a_framework(1, connected=False, recovered=True),), None),
        ((a_framework(1), a_framework(2)), None),
        ((a_framework(1, connected=False), a_framework(2)), f"{MASTER_ID}-0002"),
    ],
)
def test_who_is_registered(entries: tuple[dict[str, Any], ...], registered: str | None) -> None:
    assert framework(*entries)["registered"] == registered


@pytest.mark.parametrize("body", [None, [], {}, {"frameworks": {}}])
def test_what_is_no_list_of_frameworks(body: Any) -> None:
    assert model.frameworks_document(body, []) is None


# -- troubles --------------------------------------------------------------------------------------------------------

BOTH = (an_agent(1), an_agent(2))
RUNS = framework(a_framework(1, (1, 2)))


def found(seen: dict[str, Any], mesos: dict[str, Any], *entries: dict[str, Any]) -> list[tuple[str, str]]:
    return [(trouble.kind, trouble.host) for trouble in model.troubles(seen, mesos, agents(*(entries or BOTH)))]


def test_all_is_well() -> None:
    assert found(scheduler(a_node(1, 1024), a_node(2, 1024)), RUNS) == []


def test_a_master_failover_leaves_a_scheduler_that_spins() -> None:
    seen = scheduler(a_node(1, 1024), a_node(2, 1024))
    for mesos, words in (
        (framework(), "is registered at the leading master: after a failover"),
        (framework(a_framework(1, active=False, connected=False)), "one that has lost its scheduler is left: after"),
    ):
        (trouble,) = model.troubles(seen, mesos, agents(*BOTH))
        assert trouble.kind == "unregistered"
        assert trouble.sentence.startswith(
            "the scheduler at http://10.0.0.10:35000 answers, but no framework called ScaleIO"
        )
        assert words in trouble.sentence and "restart its app" in trouble.sentence
    assert found({"url": "", "error": "down"}, framework()) == []


def test_several_frameworks() -> None:
    mesos = framework(a_framework(1), a_framework(2, hostname=""))
    (trouble,) = model.troubles(scheduler(a_node(1, 1024)), mesos, agents(*BOTH))
    assert trouble.sentence == (
        f"2 frameworks called ScaleIO Framework are registered ({MASTER_ID}-0001 from sched1, {MASTER_ID}-0002 from an unknown"
        f" host): each starts executors and files devices; stop all but the one of the declared app"
    )
    assert found({"url": "", "error": "down"}, mesos) == [("several", "")]


@pytest.mark.parametrize(
    ("state", "active", "expected"),
    [
        (0, True, [("behind", "node2")]),
        (4, True, [("behind", "node2")]),
        (5, True, []),
        (6, True, []),
        (1024, True, []),
        (0, False, [("dead", "node2")]),
        (5, False, [("dead", "node2")]),
        (6, False, [("dead", "node2")]),
        # Whoever has come so far keeps nobody waiting.
        (7, False, []),
        # All have come as far: it goes on by itself, or never.
        (1, True, [("halted", "node2")]),
        (7, True, [("halted", "node2")]),
        (1, False, [("dead", "node2")]),
        (1024, False, []),
        (4096, True, [("failed", "node2")]),
        (4096, False, [("failed", "node2")]),
        (None, True, [("behind", "node2")]),
        (-3, True, [("behind", "node2")]),
        (77, True, []),
    ],
)
def test_who_keeps_the_others_waiting(state: int, active: bool, expected: list[tuple[str, str]]) -> None:
    seen = scheduler(a_node(1, 1024), a_node(2, state))
    assert found(seen, RUNS, an_agent(1), an_agent(2, active=active)) == expected


def test_what_it_means_and_what_helps() -> None:
    seen = scheduler(a_node(1, 2), a_node(2, 2), a_node(3, 6), a_node(4, 4096))
    sentences = [one.sentence for one in model.troubles(seen, RUNS, agents(an_agent(1), an_agent(4)))]
    assert sentences == [
        "node1 installs the packages of ScaleIO (state 2); until it goes on no node gets resources",
        "node2 installs the packages of ScaleIO (state 2) and its agent is gone; until it goes on no node gets resources, and"
        " the scheduler forgets it only when it is restarted",
        "node3 installs REX-Ray and its isolator (state 6) and its agent is gone; until it goes on no node comes to its end,"
        " and the scheduler forgets it only when it is restarted",
        "node4 has failed to install and waits for somebody: look into its executor's log on that host, then restart the"
        " scheduler",
    ]


HALTS = [
    # States of all nodes; who has come to a halt if it lasts; who waits for these alone.
    ({}, {}, ""),
    ({"a": 7}, {"a": 7}, "a"),
    ({"a": 7, "b": 7, "c": 1024, "d": 8}, {"a": 7, "b": 7}, "ab"),
    ({"a": 7, "b": 6}, {}, ""),
    ({"a": 7, "b": 5}, {}, ""),
    ({"a": 7, "b": 4096}, {"a": 7}, "a"),
    ({"a": 1, "b": 1}, {"a": 1, "b": 1}, "ab"),
    ({"a": 1, "b": 0}, {}, ""),
    ({"a": 1, "b": None}, {}, ""),
    ({"a": 1, "b": 1024}, {"a": 1}, "a"),
    # Who is at 5 waits for all that are below, who is at 7 for them too.
    ({"a": 1, "b": 5, "c": 7, "d": 1024}, {"a": 1}, "abc"),
    ({"a": 1, "b": 2, "c": 5, "d": 7}, {"a": 1}, "a"),
    ({"a": 1, "b": 6, "c": 7}, {"a": 1}, "a"),
    ({"a": 5, "b": 5}, {}, ""),
    ({"a": 2}, {}, ""),
    ({"a": 1024}, {}, ""),
]


@pytest.mark.parametrize(("states", "halted", "standing"), HALTS)
def test_who_has_come_to_a_halt(states: dict[str, int | None], halted: dict[str, int], standing: str) -> None:
    nodes = {host: {"state": state} for host, state in states.items()}
    assert model.halted(nodes) == halted
    assert model.standing(nodes) == set(standing)


def test_a_halt_is_one_only_if_it_lasts() -> None:
    (one,) = model.troubles(scheduler(a_node(1, 1024), a_node(2, 7)), RUNS, agents(*BOTH))
    assert one.sentence == (
        "node2 waits for the other nodes before its last step (state 7), and all have come so far: it goes on within seconds, or never"
        " where its executor was started anew there, as by a new scheduler"
    )


def test_what_was_not_seen_finds_nothing() -> None:
    down = {"url": "http://x", "error": "down"}
    assert model.troubles(down, {"error": "down"}, None) == []
    kinds = [one.kind for one in model.troubles(scheduler(a_node(1, 2)), {"error": "down"}, None)]
    assert kinds == ["behind"]
