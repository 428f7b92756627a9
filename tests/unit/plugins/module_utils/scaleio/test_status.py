# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The four places where attributes stand, compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.status import (
    EXPOSED_HEADER,
    HEADER,
    NodeStatus,
    cluster_status,
    summary,
)
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import (
    QE_FILES,
    agent,
    disk,
    observation,
    unseen,
    used_disk,
    wanted,
)


def status(found: Mapping[str, Any], *others: Mapping[str, Any]) -> NodeStatus:
    return next(node for node in cluster_status([found, *others], select).nodes if node.member == found["member"])


def row(found: Mapping[str, Any]) -> dict[str, str]:
    return dict(zip((*HEADER, *EXPOSED_HEADER), status(found).cells))


def entry(attributes: Mapping[str, Any], *, active: bool = True, agent_id: str = "S1") -> dict[str, Any]:
    return {"id": agent_id, "hostname": "agent01", "pid": "p", "active": active, "attributes": dict(attributes)}


def test_converged() -> None:
    found = observation(agent=agent({"rack": "r1", **QE_FILES}))
    assert row(found) == {
        "member": "agent01",
        "agent": "registered",
        "declared": "engineering: qe=/dev/xvdf",
        "on disk": "same",
        "reported": "same",
        "registered": "same",
        "the framework would take": "nothing",
    }
    assert status(found).problems == ()
    assert status(found).layers == dict.fromkeys(("declared", "on_disk", "reported", "registered"), QE_FILES)
    assert json.loads(json.dumps(status(found).to_json()))["layers"]["declared"] == QE_FILES


def test_a_bare_agent_names_what_the_framework_would_take() -> None:
    disks = [disk("/dev/xvdf"), disk("/dev/loop0", type="loop"), used_disk("/dev/xvda", mounts=["/"])]
    found = observation(devices=disks)
    assert row(found)["the framework would take"] == "/dev/xvdf, /dev/loop0"
    assert (row(found)["on disk"], row(found)["reported"], row(found)["registered"]) == ("none", "none", "none")
    assert status(found).problems[-1] == (
        "is known to the master without imperative attributes: the framework would take /dev/xvdf, /dev/loop0; bring the host in"
        " with the playbook onboard before the framework starts"
    )
    joined = {**found, "identity": {"system": "scaleio", "cluster": "scaleio", "member": "agent01", "ordinal": 0}}
    assert status(joined).problems[-1].endswith("with the playbook scaleio_imperative before the framework starts")


def test_what_differs_is_named_in_each_place() -> None:
    on_disk = {**QE_FILES, "scaleio-sds-qe": "/dev/xvdg"}
    reported = {**QE_FILES, "scaleio-persona": "primary"}
    found = observation(
        agent=agent(on_disk, running=reported), entries=[entry({**reported, "scaleio-sds-qe": "/dev/xvdh"})]
    )
    assert (row(found)["on disk"], row(found)["reported"], row(found)["registered"]) == (
        "differs",
        "differs",
        "differs",
    )
    assert status(found).problems == (
        "scaleio-sds-qe is '/dev/xvdg' on disk and '/dev/xvdf' declared",
        "scaleio-persona is 'primary' reported by the agent and absent on disk",
        "scaleio-sds-qe is '/dev/xvdf' reported by the agent and '/dev/xvdg' on disk",
        "scaleio-sds-qe is '/dev/xvdh' registered at the master and '/dev/xvdf' reported by the agent",
    )


@pytest.mark.parametrize(
    ("found", "state", "problem"),
    [
        pytest.param(
            observation(agent=agent(QE_FILES, up=False, agent_id=None)),
            "never started",
            "its agent has never started",
            id="never",
        ),
        pytest.param(
            observation(agent=agent(QE_FILES, up=False)),
            "inactive (dead)",
            "its agent is not up: mesos-slave.service is inactive (dead)",
            id="down",
        ),
        pytest.param(
            observation(agent=agent(QE_FILES), entries=[entry(QE_FILES, active=False)]),
            "not registered",
            "its agent runs and is not active at the leading master",
            id="disconnected",
        ),
        pytest.param(
            observation(agent=agent(QE_FILES), entries=[entry(QE_FILES, agent_id="S0")]),
            "not registered",
            "its agent runs and is not active at the leading master",
            id="known under an old ID only",
        ),
        pytest.param(
            observation(agent={**agent(QE_FILES), "running": None, "running_error": "no answer"}),
            "silent",
            "its agent does not answer: no answer",
            id="silent",
        ),
    ],
)
def test_agents_that_are_not_in_service(found: Mapping[str, Any], state: str, problem: str) -> None:
    assert row(found)["agent"] == state
    assert problem in status(found).problems


def test_what_cannot_be_seen_is_a_question_mark() -> None:
    down = observation(agent=agent(QE_FILES, up=False))
    assert (row(down)["on disk"], row(down)["reported"], row(down)["registered"]) == ("same", "?", "?")
    assert status(down).layers["reported"] is None


def test_a_declaration_with_errors_is_not_compared() -> None:
    found = observation(agent=agent(QE_FILES), wanted=wanted(sds={"7": {}}))
    assert (row(found)["declared"], row(found)["on disk"]) == ("-", "?")
    assert status(found).problems[0].startswith("scaleio_sds: the name '7' reads as a number")


def test_hosts_that_are_down_are_named_and_the_others_are_compared() -> None:
    nodes = cluster_status([unseen("agent10", "timed out"), observation("agent2", agent=agent(QE_FILES))], select).nodes
    assert [node.member for node in nodes] == ["agent2", "agent10"]
    assert nodes[1].problems == ("could not be observed: timed out",)
    assert nodes[1].cells == ("agent10", "unreachable", "?", "?", "?", "?", "?")
    assert nodes[0].problems == ()


def test_no_leader_is_told() -> None:
    master: dict[str, Any] = {"asked": [], "leader": None, "error": "no leader", "connected": None, "agents": []}
    assert "no leader" in status(observation(agent=agent(QE_FILES), master=master)).problems


def test_obstacles_are_told() -> None:
    found = observation(
        agent=agent(QE_FILES, obstacles=[{"kind": "subdirectory", "path": "/x", "sentence": "/x is a directory"}])
    )
    assert status(found).problems == ("/x is a directory",)


def test_numeric_attributes_made_by_hand_are_no_text() -> None:
    found = observation(agent=agent({"scaleio-sds-domains": "7"}))
    assert "scaleio-sds-domains is '7' on disk and 'engineering' declared" in status(found).problems
    assert row(found)["registered"] == "same"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (QE_FILES, "engineering: qe=/dev/xvdf"),
        ({"scaleio-sdc-domains": "eng"}, "eng:"),
        ({}, "none"),
        (
            {
                "scaleio-sds-domains": "e",
                "scaleio-sds-e": "a,b",
                "scaleio-sds-a": "/dev/x,/dev/y",
                "scaleio-sds-b": "/dev/z",
            },
            "e: a=/dev/x,/dev/y b=/dev/z",
        ),
    ],
    ids=["one pool", "the marker", "nothing", "two pools"],
)
def test_summary(files: Mapping[str, str], expected: str) -> None:
    assert summary(files) == expected
