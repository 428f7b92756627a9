# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The actions of ScaleIO, as Ansible loads and calls them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import yaml
from ansible.template import trust_as_template

from ansible_collections.holdfast.stateful.plugins.action import (
    scaleio_adopt,
    scaleio_node,
    scaleio_plan,
    scaleio_status,
)
from ansible_collections.holdfast.stateful.plugins.plugin_utils.acting import PROGRESS
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import (
    QE_FILES,
    agent,
    disk,
    observation,
    used_disk,
    wanted,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.services_view import (
    address,
    front,
    member,
    not_started,
    services,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.plugin_utils.fakes import action_of, variables


def hosts(*observations: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {o["member"]: {"looked": {"changed": False, "observation": dict(o)}} for o in observations}


def run(kind: Any, found: Mapping[str, Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    args = {
        "members": list(found),
        "observed": "looked",
        "cluster_variable": "scaleio_cluster",
        **more,
    }
    answer = action_of(kind.ActionModule, args).run(task_vars=variables(found))
    assert answer["changed"] is False
    plain: dict[str, Any] = json.loads(json.dumps(answer))
    return plain


def test_plan_and_node_agree_from_the_first_phase_to_the_last() -> None:
    by_rule = wanted(sds={"engineering": {"qe": "[?free].path"}})
    found = hosts(*(observation(f"agent0{n}", wanted=by_rule, devices=[disk("/dev/xvdg")]) for n in (1, 2, 3)))
    planned = run(scaleio_plan, found)
    assert planned["text"].startswith(
        "scaleio: 27 steps on 3 hosts in 3 phases\n  phase 1: batch 1 of 3\n    agent01\n"
    )
    for facts in found.values():
        facts["planned"] = planned
    for phase in planned["plan"]["phases"]:
        for host in phase["hosts"]:
            action = action_of(
                scaleio_node.ActionModule, {"planned": "planned", "phase": phase["index"]}, check_mode=True
            )
            result = action.run(task_vars=variables(found, host=host))
            assert result["changed"] is True
            assert "write /etc/mesos-slave/attributes/scaleio-sds-qe: /dev/xvdg" in result["actions"]
            assert all(item["before_header"].startswith(f"{host}: ") for item in result["diff"])
            found[host]["ansible_facts"] = {PROGRESS: result["ansible_facts"][PROGRESS]}


def test_plan_says_for_every_host_with_steps_how_its_agent_is_restarted() -> None:
    stray = {"scaleio-sds-old": "/dev/xvdg"}
    files = {
        "agent01": agent({}),
        "agent02": agent({}, flags={"work_dir": "/w", "reconfiguration_policy": "additive"}),
        "agent03": agent({**QE_FILES, **stray}, running=QE_FILES),
        "agent04": agent(QE_FILES),
    }
    planned = run(scaleio_plan, hosts(*(observation(member, agent=part) for member, part in files.items())))
    assert planned["plan"]["restarts"] == {"agent01": "new_agent_id", "agent02": "additive", "agent03": "none"}
    assert planned["text"].splitlines()[-3:] == [
        "scaleio: restart additive: agent02",
        "scaleio: restart new_agent_id: agent01",
        "scaleio: restart none: agent03",
    ]
    # What no acting call reads, none is told.
    assert list(planned["plan"]["context"]["scaleio"]) == ["peers", "own_tasks"]


def test_node_runs_the_module_of_its_name() -> None:
    assert scaleio_node.ActionModule.module == "holdfast.stateful.scaleio_node"


def test_status() -> None:
    found = hosts(observation("agent01", agent=agent(QE_FILES)), observation("agent2"))
    found["agent10"] = {"scaleio_cluster": "scaleio", "looked": {"unreachable": True, "msg": "timed out"}}
    answer = run(scaleio_status, found)
    lines = answer["text"].splitlines()
    assert lines[0] == "scaleio: 3 members"
    assert [line.split()[0] for line in lines[3:6]] == ["agent01", "agent2", "agent10"]
    assert "agent10: could not be observed: timed out" in answer["problems"]
    assert any("agent2: is known to the master without imperative attributes" in text for text in answer["problems"])
    assert answer["clusters"]["scaleio"]["agent01"]["problems"] == []


def test_status_prints_notes_that_are_no_problems() -> None:
    agents = [member(number) for number in (1, 2)]
    provided = {"engineering": {"qe": {address(1): ["/dev/xvdf"], address(2): ["/dev/xvdf"]}, "old": {}}}
    answer = run(scaleio_status, hosts(front(services(*agents, provided=provided)), *agents))
    assert answer["problems"] == []
    (note,) = answer["notes"]
    assert note.startswith("scaleio: nobody declares the storage pool engineering/old, and it is empty")
    assert answer["text"].splitlines()[-1] == note


def test_adopt_prints_the_inventory_that_gives_no_change() -> None:
    marker = {"scaleio-sdc-domains": "engineering"}
    found = hosts(
        observation("agent01", agent=agent({"rack": "r1", **QE_FILES})),
        observation("agent02", agent=agent(marker)),
        observation("agent03"),
        {**observation("agent04", agent=agent(QE_FILES)), "cluster": "other"},
    )
    found["agent05"] = {"scaleio_cluster": "scaleio", "looked": {"failed": True, "msg": "no sudo"}}
    answer = run(scaleio_adopt, found)
    declared = {"scaleio_sds": {"engineering": {"qe": ["/dev/xvdf"]}}, "scaleio_sdc": {"engineering": ["qe"]}}
    expected = {
        "mesos_agents": {
            "hosts": {
                "agent04": {"scaleio_cluster": "other", **declared},
                "agent01": declared,
                "agent02": {"scaleio_state": "absent"},
            }
        }
    }
    assert answer["inventory"] == expected
    assert answer["problems"] == [
        "agent03 has no scaleio attribute; it is left out",
        "agent05 could not be observed: no sudo",
    ]
    assert yaml.safe_load(answer["text"]) == expected
    # An argument that came by a template is no plain text.
    other = run(scaleio_adopt, found, group=trust_as_template("others"))
    assert list(yaml.safe_load(other["text"])) == list(other["inventory"]) == ["others"]
    # Declared so, nothing is to be done.
    again = hosts(
        observation(
            "agent01",
            agent=agent({"rack": "r1", **QE_FILES}),
            wanted=wanted(sds=declared["scaleio_sds"], sdc=declared["scaleio_sdc"]),
        ),
        observation("agent02", agent=agent(marker), wanted=wanted(state="absent", sds=None)),
    )
    assert run(scaleio_plan, again)["plan"]["acting"] == []


OBSTACLE = {"kind": "bad_value", "path": "/x", "sentence": "/x holds a ';': write it into a file of its own"}
REFUSED = "as long as that is so, a run with this declaration of scaleio is refused"


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param(
            {"agent": agent(QE_FILES, obstacles=[OBSTACLE])},
            [f"agent01: {OBSTACLE['sentence']}", REFUSED],
            id="obstacle",
        ),
        pytest.param(
            {"agent": agent({"scaleio-persona": "primary"})},
            ["agent01: declares neither scaleio_sds nor scaleio_sdc: without attributes", REFUSED],
            id="a persona alone",
        ),
        pytest.param(
            {"agent": agent(QE_FILES, running={})},
            ["agent01: with this declaration the next run would still do this: stop mesos-slave.service; set "],
            id="files that were edited after the start",
        ),
        pytest.param(
            {"agent": agent(QE_FILES), "devices": [used_disk("/dev/xvdf", signatures=["xfs"])]},
            ["agent01: the device /dev/xvdf carries xfs; only an empty device", REFUSED],
            id="a device with a file system",
        ),
        pytest.param(
            {"agent": agent({**QE_FILES, "scaleio-sds-old": "x"})},
            [
                "agent01: the attribute scaleio-sds-old is read by nothing; it would be removed",
                "agent01: with this declaration the next run would still do this: keep the 6 attributes now in force",
            ],
            id="an attribute that nothing reads",
        ),
        pytest.param(
            {"agent": agent({**QE_FILES, "scaleio-sds-qe": "/dev/xvdf,/dev/xvdf"})},
            ["agent01: scaleio_sds: engineering: qe names the device /dev/xvdf twice", REFUSED],
            id="what no declaration may say, once",
        ),
    ],
)
def test_adopt_says_why_its_inventory_would_change_something(found: Mapping[str, Any], expected: list[str]) -> None:
    answer = run(scaleio_adopt, hosts(observation("agent01", **found)))
    assert len(answer["problems"]) == len(expected), answer["problems"]
    for problem, begins in zip(answer["problems"], expected):
        assert problem.startswith(begins)
    assert answer["text"].startswith(f"# {expected[0]}")


def _out_of_order(part: Mapping[str, Any]) -> dict[str, Any]:
    return {**part, "gateway": {**part["gateway"], "error": "ScaleIO gateway: no answer"}}


@pytest.mark.parametrize("settings", [{}, {"method": "global_pool", "global_pool_mixed": True}], ids=["", "mixed pool"])
@pytest.mark.parametrize("change", [not_started, _out_of_order], ids=["the framework is to be started", "no gateway"])
def test_adopt_leaves_the_framework_alone_where_an_agents_host_talks_to_it(
    settings: dict[str, Any], change: Callable[[Any], Any]
) -> None:
    members = [member(number, wanted=wanted(**settings)) for number in (1, 2)]
    talks = {**members[0], "services": change(services(*members))}
    assert run(scaleio_adopt, hosts(talks, members[1]))["problems"] == []
    # Nor is it missed where it is none of the agents.
    assert run(scaleio_adopt, hosts(*members))["problems"] == []
