# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The places where a member stands, compared: its attributes in four of them, the framework, the gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.status import (
    EXPOSED_HEADER,
    HEADER,
    SERVICES_HEADER,
    ClusterStatus,
    NodeStatus,
    cluster_status,
    summary,
)
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.gateway_documents import (
    QUIET,
    a_device,
    an_mdm,
    an_sds,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import (
    QE,
    QE_FILES,
    agent,
    disk,
    observation,
    unseen,
    used_disk,
    wanted,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.services_view import (
    RACK,
    address,
    agent_of,
    bare,
    front,
    held,
    known,
    member,
    name,
    not_started,
    registered,
    services,
    stranger,
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


# -- with the services -----------------------------------------------------------------------------------------------


def compared(part: Mapping[str, Any], *members: Mapping[str, Any]) -> ClusterStatus:
    found = cluster_status([front(part), *members], select)
    assert found.header == (*HEADER, *SERVICES_HEADER, *EXPOSED_HEADER)
    assert all(len(node.cells) == len(found.header) for node in found.nodes)
    return found


def layers_of(found: ClusterStatus, host: str = "agent01") -> tuple[str, str, str]:
    """A member's cells of framework, gateway and what would be taken."""
    node = next(node for node in found.nodes if node.member == host)
    cells = dict(zip(found.header, node.cells))
    return cells["framework"], cells["gateway"], cells["the framework would take"]


def problems_of(found: ClusterStatus, host: str = "agent01") -> tuple[str, ...]:
    return next(node for node in found.nodes if node.member == host).problems


HOST, BARE = member(1), bare(1)
AT_DEFAULT = {"default": {"default": {address(1): ["/dev/xvdf"]}}}


@pytest.mark.parametrize("host", [HOST, BARE], ids=["imperative", "global pool"])
def test_a_cluster_that_is_well_in_all_places(host: Mapping[str, Any]) -> None:
    found = compared(services(host), host)
    assert layers_of(found) == ("runs", "same", "nothing")
    assert (found.problems, problems_of(found)) == ((), ())
    domain, pool = ("engineering", "qe") if host is HOST else ("default", "default")
    assert found.pools == ((domain, pool, "1", "1", "2.2 TB"),)
    layers = found.nodes[0].layers
    assert layers["gateway"] == {domain: {pool: ["/dev/xvdf"]}}
    assert layers["framework"] is not None and layers["framework"]["provides"] == {domain: {pool: ["/dev/xvdf"]}}
    assert json.loads(json.dumps(found.nodes[0].to_json()))["layers"]["gateway"] == {domain: {pool: ["/dev/xvdf"]}}


ONE_MORE = wanted(sds={"engineering": {"qe": ["/dev/xvdf", "/dev/xvdg"]}})


@pytest.mark.parametrize(
    ("host", "changes", "cells", "problem"),
    [
        pytest.param(
            HOST, {"nodes": {}}, ("unknown", "same", "nothing"), "is not known to the framework", id="unknown"
        ),
        pytest.param(
            HOST,
            {"nodes": {name(1): known(QE, state=7)}},
            ("state 7", "same", "nothing"),
            "at the framework it waits for the other nodes before its last step (state 7), and all have come so far: if it stays there,"
            " run the playbook heal",
            id="halted if it lasts",
        ),
        pytest.param(
            HOST,
            {"nodes": {name(1): known(QE, state=7), name(2): known(QE, state=6)}},
            ("state 7", "same", "nothing"),
            "at the framework it waits for the other nodes before its last step (state 7)",
            id="not final",
        ),
        pytest.param(
            HOST,
            {"nodes": {name(1): known({"engineering": {"qe": ["/dev/xvdf", "/dev/xvdg"]}})}},
            ("differs", "same", "nothing"),
            "the framework knows it with other devices than it shall contribute, and reads attributes and disks once; a run of its"
            " playbook restarts the scheduler",
            id="known with others",
        ),
        pytest.param(
            HOST,
            {"provided": {}},
            ("runs", "none", "nothing"),
            "agent01 has no SDS sds_10.0.0.11 in engineering at the gateway",
            id="no SDS",
        ),
        pytest.param(
            member(
                1,
                {**RACK, **QE_FILES, "scaleio-sds-qe": "/dev/xvdf,/dev/xvdg"},
                wanted=ONE_MORE,
                devices=[held(), held("/dev/xvdg")],
            ),
            {"provided": {"engineering": {"qe": {address(1): ["/dev/xvdf"]}}}},
            ("runs", "differs", "nothing"),
            "/dev/xvdg of agent01 is not in the pool engineering/qe at the gateway",
            id="a device is missing",
        ),
        pytest.param(
            HOST,
            {"provided": {"engineering": {"qe": {address(1): ["/dev/xvdf", "/dev/xvdg"]}}}},
            ("runs", "differs", "nothing"),
            "nobody declares /dev/xvdg of agent01 in the pool engineering/qe",
            id="a device too many",
        ),
        pytest.param(
            bare(1, devices=[held(), disk("/dev/xvdg")]),
            {
                "provided": AT_DEFAULT,
                "nodes": {name(1): known({"default": {"default": ["/dev/xvdf"]}}, imperative=False)},
            },
            ("runs", "differs", "/dev/xvdg"),
            "/dev/xvdg is not confirmed: fdisk lists it and no path in blkid's output contains its name",
            id="a disk without consent",
        ),
    ],
)
def test_members_that_differ_from_framework_or_gateway(
    host: Mapping[str, Any], changes: Mapping[str, Any], cells: tuple[str, ...], problem: str
) -> None:
    found = compared(services(host, **changes), host)
    assert layers_of(found) == cells
    assert [found for found in problems_of(found) if found.startswith(problem)], problems_of(found)


def test_attributes_that_are_on_disk_and_no_longer_declared_are_none_of_the_declaration() -> None:
    """A member of a global pool declares no attribute; what is still on its disk differs."""
    host = member(1, wanted=bare(1)["wanted"])
    found = compared(services(host), host)
    assert layers_of(found)[1] == "differs"
    assert "nobody declares /dev/xvdf of agent01 in the pool engineering/qe" in problems_of(found)


def part_with(place: str, **changes: Any) -> dict[str, Any]:
    part = services(HOST)
    return {**part, place: {**part[place], **changes}}


def broken_device() -> dict[str, Any]:
    domains = services(HOST)["gateway"]["domains"]
    domains["engineering"]["pools"]["qe"]["devices"][address(1)] = [a_device("/dev/xvdf", error="Error")]
    return part_with("gateway", domains=domains)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        pytest.param(
            not_started(services(HOST)),
            ["the framework's app /scaleio-scheduler is not there: the framework has not been started"],
            id="not started",
        ),
        pytest.param(
            part_with("marathon", error="Marathon: no answer", app=None), ["Marathon: no answer"], id="no Marathon"
        ),
        pytest.param(
            part_with("scheduler", error="ScaleIO scheduler: no answer", nodes=None),
            ["ScaleIO scheduler: no answer"],
            id="a silent scheduler",
        ),
        pytest.param(
            part_with("scheduler", password_matches=False),
            ["the running scheduler has another password of ScaleIO than scaleio_password"],
            id="another password",
        ),
        pytest.param(
            part_with("mesos_framework", registered=None, frameworks=[]),
            [
                "the scheduler at http://10.0.0.11:31000 answers, but no framework called ScaleIO Framework is registered"
            ],
            id="spinning",
        ),
        pytest.param(
            part_with("mesos_framework", registered=None, frameworks=[registered(1), registered(2)]),
            [
                "the leading master knows 2 frameworks called ScaleIO Framework (F1 from agent01, F2 from agent01), and Marathon runs 1 task"
            ],
            id="two schedulers",
        ),
        pytest.param(
            services(HOST, nodes={name(1): known(QE), "agent77": known({}, state=2)}),
            [
                "agent77 installs the packages of ScaleIO (state 2) and its agent is gone; until it goes on no node gets resources"
            ],
            id="a dead node",
        ),
        pytest.param(
            {**services(HOST), "agents": [agent_of(HOST), stranger()]},
            ["agent99: registered at the leading master without imperative attributes and not in the inventory"],
            id="a stranger",
        ),
        pytest.param(
            part_with("gateway", mdm={**services(HOST)["gateway"]["mdm"], "primary": an_mdm("10.0.0.39")}),
            ["the MDM of the role primary is 10.0.0.39 at the gateway, and 10.0.0.31 is declared"],
            id="another primary",
        ),
        pytest.param(
            services(HOST, declared={"mdms": {}}),
            [
                f"0 hosts have scaleio_mdm_role: {role} (none); exactly one is needed"
                for role in ("primary", "secondary", "tiebreaker")
            ],
            id="no MDM is declared",
        ),
        pytest.param(
            part_with("gateway", activity={**QUIET, "rebuild_kb": 1000}),
            ["a rebuild of 1.02 MB runs or waits"],
            id="a rebuild",
        ),
        pytest.param(
            part_with("gateway", sds={address(1): an_sds(address(1), "engineering", connection="Disconnected")}),
            ["the SDS sds_10.0.0.11 is Disconnected"],
            id="a lost SDS",
        ),
        pytest.param(
            broken_device(), ["/dev/xvdf of 10.0.0.11 in the pool engineering/qe is Error"], id="a failed device"
        ),
        pytest.param(
            services(
                HOST, provided={"engineering": {"qe": {address(1): ["/dev/xvdf"]}, "old": {address(9): ["/dev/sdb"]}}}
            ),
            [
                "nobody declares the storage pool engineering/old",
                "nobody declares the SDS sds_10.0.0.19 in engineering",
                "nobody declares /dev/sdb of 10.0.0.19 in the pool engineering/old",
            ],
            id="a pool of nobody",
        ),
    ],
)
def test_what_concerns_the_whole_cluster(part: Mapping[str, Any], expected: list[str]) -> None:
    found = compared(part, HOST)
    assert len(found.problems) == len(expected), found.problems
    for problem, beginning in zip(found.problems, expected):
        assert problem.startswith(beginning)


def test_what_is_empty_and_no_longer_declared_is_a_note() -> None:
    part = services(HOST, provided={"engineering": {"qe": {address(1): ["/dev/xvdf"]}, "old": {}}, "lab": {"p": {}}})
    found = compared(part, HOST)
    assert (found.problems, problems_of(found)) == ((), ())
    assert [note.partition(",")[0] for note in found.notes] == [
        "nobody declares the storage pool engineering/old",
        "nobody declares the protection domain lab",
    ]
    # What a host that could not be reached declares is not known.
    assert compared(part, HOST, unseen("agent02")).notes == ()


def test_managers_that_have_changed_places_are_no_problem() -> None:
    mdm = services(HOST)["gateway"]["mdm"]
    swapped = {**mdm, "primary": an_mdm("10.0.0.32"), "secondaries": [an_mdm("10.0.0.31")]}
    assert compared(part_with("gateway", mdm=swapped), HOST).problems == ()


@pytest.mark.parametrize("host", [HOST, BARE], ids=["imperative", "global pool"])
def test_a_gateway_that_does_not_answer_says_nothing_of_disks(host: Mapping[str, Any]) -> None:
    part = services(host)
    gone = dict.fromkeys(("system", "mdm", "domains", "sds", "capacity", "activity"))
    part["gateway"] = {**part["gateway"], **gone, "error": "ScaleIO gateway: no answer"}
    found = compared(part, host)
    assert layers_of(found) == ("runs", "?", "?" if host is BARE else "nothing")
    assert (found.problems, problems_of(found)) == (("ScaleIO gateway: no answer",), ())
    assert found.pools is None and found.nodes[0].layers["gateway"] is None


def test_a_global_pool_without_a_host_for_its_gateway_says_what_is_missing() -> None:
    """No playbook brings a host into it that is to have no attributes, and nobody knows which disks are contributed."""
    found = cluster_status([BARE, bare(2, confirmed=[], devices=[disk()], identity=None)], select)
    assert found.header == (*HEADER, *EXPOSED_HEADER)
    assert [(node.cells[-1], node.problems) for node in found.nodes] == [("?", ()), ("?", ())]
    (problem,) = found.problems
    assert problem.startswith("scaleio_method is global_pool and no host is in the group of scaleio_gateway_group")
    # It may be the one that could not be reached.
    assert cluster_status([BARE, unseen("m1")], select).problems == ()


def test_two_hosts_that_talk_to_one_gateway_are_one_too_many() -> None:
    found = cluster_status([front(services(HOST)), front(services(HOST), "m2"), HOST], select)
    assert found.problems[0].startswith("m1, m2: one host of a cluster talks to its gateway")


RELEASED = {"state": "absent", "sds": None, "allow_global_pool": True}


@pytest.mark.parametrize("method", ["imperative", "global_pool"])
@pytest.mark.parametrize(
    ("confirmed", "taken", "problems"),
    [
        ([], "/dev/xvdf", (f"/dev/xvdf is not confirmed: {disk()['taken_because']}",)),
        (["/dev/xvdf"], "nothing", ()),
    ],
)
def test_a_host_that_is_released_gives_what_is_confirmed(
    method: str, confirmed: list[str], taken: str, problems: tuple[str, ...]
) -> None:
    host = member(1, RACK, devices=[disk()], wanted=wanted(**RELEASED, method=method, global_pool_devices=confirmed))
    found = compared(services(host, nodes={name(1): known(imperative=False)}, provided={}), host)
    assert layers_of(found)[2] == taken
    assert [problem for problem in problems_of(found) if "gateway" not in problem] == list(problems)


def test_a_host_that_is_released_where_nobody_looks_at_the_gateway_shows_what_is_taken() -> None:
    host = member(1, RACK, devices=[disk()], wanted=wanted(**RELEASED))
    assert (row(host)["the framework would take"], status(host).problems) == ("/dev/xvdf", ())


def test_a_host_of_a_mixed_pool_is_sent_to_the_playbook_of_its_method() -> None:
    record = {"system": "scaleio", "cluster": "scaleio", "member": name(1), "ordinal": 0}
    said = wanted(method="global_pool", global_pool_mixed=True)
    found = compared(services(BARE), member(1, RACK, devices=[disk()], wanted=said, identity=record))
    (advice,) = [problem for problem in problems_of(found) if "is known to the master" in problem]
    assert advice.endswith("bring the host in with the playbook scaleio_global_pool before the framework starts")


def test_members_out_of_reach_have_a_mark_in_every_place() -> None:
    found = compared(services(HOST), HOST, unseen("agent02"))
    assert found.nodes[1].cells == ("agent02", "unreachable", *("?",) * 7)


def test_a_gone_member_has_no_place_at_the_framework() -> None:
    gone = member(2, wanted=wanted(state="absent", sds=None), up=False)
    gone["agent"]["unit"]["enabled"] = "disabled"
    found = compared(services(HOST), HOST, gone)
    assert layers_of(found, "agent02")[:2] == ("?", "?")
    assert found.nodes[1].layers["framework"] is None
