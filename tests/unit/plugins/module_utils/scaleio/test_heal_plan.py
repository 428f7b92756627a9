# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What heal mends, what it only names, and what it refuses to touch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Condition, Plan, Step
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_model import FINAL_STATE
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_plan import is_of_services
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.heal_plan import heal_asked, plan_heal
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.model import GB
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.gateway_documents import (
    QUIET,
    a_device,
    a_gateway,
    an_mdm,
    an_sds,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import (
    QE_FILES,
    disk,
    unseen,
    used_disk,
    wanted,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.services_view import (
    FRONT,
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

QE = {"engineering": {"qe": ["/dev/xvdf"]}}
LOOK, FRAMEWORK = "look at all disks again", "the framework"
JUDGE, MEND = "look at the devices that are added", "mend at the gateway"
LOST: dict[str, Any] = {"registered": None, "frameworks": []}


def plan(part: Mapping[str, Any], *members: Mapping[str, Any], create: bool = False) -> Plan:
    found = plan_heal("scaleio", [{**front(part), "heal": {"create": create}}, *members], select)
    assert Plan.from_json(json.loads(json.dumps(found.to_json()))) == found
    for phase in found.phases:
        for host, steps in phase.steps.items():
            assert all(is_of_services(step) if host == FRONT else step.kind == "look_again" for step in steps)
    return found


def unmended(found: Plan) -> list[str]:
    assert not found.refused, found.refused
    sentences: list[str] = found.context["unmended"].get(FRONT, [])
    return sentences


def outline(found: Plan) -> list[tuple[str, dict[str, list[str]]]]:
    assert not found.refused, found.refused
    return [(p.name, {host: [s.kind for s in steps] for host, steps in p.steps.items()}) for p in found.phases]


def front_steps(found: Plan) -> list[Step]:
    return [step for phase in found.phases for step in phase.steps.get(FRONT, ())]


def spinning(*members: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """A scheduler that answers, and that the leading master does not know."""
    part = services(*members, **changes)
    return {**part, "mesos_framework": {**part["mesos_framework"], **LOST}}


def with_parts(part: Mapping[str, Any], **parts: Mapping[str, Any]) -> dict[str, Any]:
    return {**part, **{key: {**part[key], **changes} for key, changes in parts.items()}}


def all_known(*members: Mapping[str, Any], **more: Mapping[str, Any]) -> dict[str, Any]:
    """What the scheduler knows when all is well, and more by host name."""
    return {**services(*members)["scheduler"]["nodes"], **more}


# -- nothing to do -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([member(1), member(2), member(3)], id="imperative"),
        pytest.param([bare(1), bare(2)], id="global pool"),
        pytest.param([bare(1), member(2, wanted=wanted(method="global_pool", global_pool_mixed=True))], id="mixed"),
    ],
)
def test_a_healthy_cluster_is_left_alone(members: list[dict[str, Any]]) -> None:
    for create in (False, True):
        assert plan(services(*members), *members, create=create) == Plan(
            "scaleio", context={"peers": {}, "own_tasks": [], "unmended": {}}
        )


def test_members_that_cannot_be_reached_are_warned_of() -> None:
    members = [member(1), member(2), member(3)]
    found = plan(services(*members), *members[:2], unseen("agent03"))
    assert (found.warnings, found.phases, unmended(found)) == (
        ("agent03 could not be observed: no route to host",),
        (),
        [],
    )


def test_who_is_asked() -> None:
    assert heal_asked([member(1), {**front(services()), "heal": {"create": False}}])
    assert not heal_asked([member(1), {**front(services()), "heal": None}, unseen("agent02")])


def test_a_cluster_without_services_has_nothing_to_look_at() -> None:
    found = plan_heal("scaleio", [{**member(1), "heal": {"create": True}}], select)
    assert not found.phases and not found.refused
    assert "there is nothing that heal could look at" in found.warnings[0]


# -- the scheduler -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("master", "leader", "kind"),
    [("m1:5050", "m1:5050", "restart_app"), ("m1:5050", "m2:5050", "update_app")],
    ids=["at the same master", "at another one"],
)
def test_a_scheduler_that_has_lost_its_master_starts_anew_at_the_leading_one(
    master: str, leader: str, kind: str
) -> None:
    members = [member(1), bare(2, wanted={"global_pool_mixed": True})]
    members[0]["wanted"] = wanted(method="global_pool", global_pool_mixed=True)
    found = plan(spinning(*members, master=master, leader=leader), *members)
    assert outline(found) == [
        (LOOK, {"agent01": ["look_again"], "agent02": ["look_again"]}),
        (FRAMEWORK, {FRONT: [kind, "await_nodes"]}),
    ]
    assert not unmended(found)
    assert found.notes[0].startswith(
        "scaleio: found: the scheduler of /scaleio-scheduler: the leading master does not know"
    )
    start, wait = front_steps(found)
    assert start.args["declared_hosts"] == ["agent01", "agent02"]
    assert Condition(("bare_strangers",), [], "within") in start.requires
    assert wait.args["hosts"] == ["agent01", "agent02"] and not wait.effect
    if kind == "update_app":
        assert f"-uri={leader}" in start.args["app"]["fields"]["cmd"]


def test_what_is_looked_at_before_a_start() -> None:
    """By attribute what the gateway does not show yet, and of a bare host all that the rule takes."""
    two = {**QE_FILES, "scaleio-sds-qe": "/dev/xvdf,/dev/xvdg,/dev/xvdh"}
    members = [
        member(1, {**RACK, **two}, devices=[held(), disk("/dev/xvdg")]),
        bare(2, confirmed=["/dev/xvdf", "/dev/xvdg"], devices=[held(), disk("/dev/xvdg")]),
    ]
    provided = {"engineering": {"qe": {address(1): ["/dev/xvdf"]}}, "default": {"default": {address(2): ["/dev/xvdf"]}}}
    looks = plan(spinning(*members, provided=provided), *members).phases[0].steps
    assert looks["agent01"][0].requires == (
        Condition(("scaleio_attributes",), two),
        Condition(("foreign", "/dev/xvdg"), ""),
    )
    assert looks["agent02"][0].requires == (
        Condition(("scaleio_attributes",), {}),
        Condition(("exposed",), ["/dev/xvdf", "/dev/xvdg"], "within"),
        Condition(("foreign", "/dev/xvdg"), ""),
    )


def dead(state: int = 0) -> dict[str, Any]:
    return known({}, state=state, ip=address(9))


@pytest.mark.parametrize("state", [0, 6])
def test_a_dead_node_that_others_wait_for_leaves_with_a_restart(state: int) -> None:
    members = [member(1), member(2)]
    waiting = known(QE, state=7)
    part = services(*members, nodes={**all_known(*members), "agent02": waiting, "agent09": dead(state)})
    found = plan(part, *members)
    assert outline(found)[1] == (FRAMEWORK, {FRONT: ["restart_app", "release_nodes", "await_nodes"]})
    assert "it waits for agent09, whose agent is gone" in front_steps(found)[0].sentence
    assert found.notes[0].startswith("scaleio: found: agent09 ")
    assert not unmended(found)


def test_a_dead_node_that_keeps_a_device_from_the_gateway() -> None:
    members = [member(1), member(2, devices=[disk()])]
    part = services(
        *members,
        nodes={**all_known(*members), "agent09": dead()},
        provided={"engineering": {"qe": {address(1): ["/dev/xvdf"]}}},
    )
    found = plan(part, *members)
    assert [step.kind for step in front_steps(found)] == ["restart_app", "await_nodes"]
    assert all("where it does not, with scaleio_heal_create: true" in text for text in found.warnings)


def test_a_member_whose_agent_is_down_and_an_unreachable_one_are_dead_too() -> None:
    members = [member(1), member(2, up=False), member(3)]
    part = services(*members, nodes={"agent01": known(QE, state=7), "agent02": dead(1), "agent03": dead(2)})
    part["agents"] = [entry for entry in part["agents"] if entry["hostname"] == "agent01"]
    found = plan(part, *members[:2], unseen("agent03"))
    assert "it waits for agent02, agent03, whose agent is gone" in front_steps(found)[0].sentence
    assert list(found.phases[0].steps) == ["agent01"]
    assert "agent02: its agent is not up, and heal starts none" in found.warnings


def test_a_dead_node_that_nobody_waits_for_stays() -> None:
    members = [member(1)]
    found = plan(services(*members, nodes=all_known(*members, agent09=dead())), *members)
    assert not found.phases and not unmended(found)
    assert found.warnings[0].startswith("agent09 ")


def test_an_agent_that_runs_is_not_dead_because_the_master_does_not_show_it() -> None:
    members = [member(1), member(2)]
    for entry in members[1]["master"]["agents"]:
        entry["active"] = False
    part = services(*members, nodes={"agent01": known(QE, state=7), "agent02": known(QE, state=1)})
    found = plan(part, *members)
    assert not found.phases
    assert "agent02: its agent runs and is not active at the leading master" in found.warnings


def test_a_living_node_that_holds_all_others_back_is_named() -> None:
    members = [member(1), member(2)]
    part = services(*members, nodes={"agent01": known(QE, state=7), "agent02": known(QE, state=2)})
    found = plan(part, *members)
    assert not found.phases
    assert unmended(found) == [
        "agent02 installs the packages of ScaleIO (state 2); until it goes on no node gets resources"
    ]


def not_running(*members: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    part = services(*members, **changes)
    stopped = not_started(part)
    app = {**part["marathon"]["app"], "tasks": [], "taskIds": [], "tasksRunning": 0, "settled": False}
    return {**stopped, "marathon": {**part["marathon"], "app": app}}


def test_a_scheduler_that_does_not_run_where_its_master_is_gone() -> None:
    members = [member(1)]
    found = plan(not_running(*members, leader="m2:5050"), *members)
    # Nobody knows in which states it finds its nodes.
    assert [step.kind for step in front_steps(found)] == ["update_app", "release_nodes", "await_nodes"]
    assert "it does not run, and subscribes at m1:5050, where no master leads (m2:5050 does)" in found.notes[0]


APPS = [
    pytest.param(
        {"deployments": ["d1"], "settled": False},
        "Marathon is at work with the app /scaleio-scheduler",
        id="deployment",
    ),
    pytest.param({"settled": False}, "Marathon is at work with the app /scaleio-scheduler (task-1)", id="task starts"),
    pytest.param(
        {"tasks": [], "taskIds": [], "settled": False, "lastTaskFailure": {"message": "exited with status 1"}},
        "Marathon does not get the app /scaleio-scheduler to run (exited with status 1)",
        id="no task",
    ),
]


@pytest.mark.parametrize(("app", "sentence"), APPS)
def test_a_scheduler_that_is_marathons_matter(app: dict[str, Any], sentence: str) -> None:
    members = [member(1)]
    part = services(*members, app=app)
    stopped = {**not_started(part), "marathon": part["marathon"]}
    found = plan(stopped, *members)
    assert not found.phases
    assert unmended(found)[0].startswith(sentence)


def test_an_app_that_somebody_has_stopped_or_that_never_was() -> None:
    members = [member(1)]
    part = not_running(*members)
    assert unmended(plan(not_started(services(*members)), *members))[0].startswith(
        "the framework's app /scaleio-scheduler is not"
    )
    part["marathon"]["app"]["definition"] = {**part["marathon"]["app"]["definition"], "instances": 0}
    assert unmended(plan(part, *members))[0].startswith("the app /scaleio-scheduler is scaled to 0 instances")


# -- nodes that nobody takes on ----------------------------------------------------------------------------------------------


def test_nodes_that_halt_are_let_go_on() -> None:
    members = [member(1), member(2), member(3)]
    halted = {"agent01": known(QE, state=7), "agent02": known(QE, state=7)}
    found = plan(services(*members, nodes={**all_known(*members), **halted}), *members)
    assert outline(found) == [
        (LOOK, {"agent01": ["look_again"], "agent02": ["look_again"], "agent03": ["look_again"]}),
        (FRAMEWORK, {FRONT: ["release_nodes", "await_nodes"]}),
    ]
    release, wait = front_steps(found)
    assert release.sentence == (
        "let those nodes go on that stay for 15 s where they are: state 8 in place of 7 for agent01, agent02, by which the framework"
        " takes these hosts as rebooted"
    )
    assert release.args == {"hosts": ["agent01", "agent02"], "timeout": 900.0} and release.effect
    assert release.requires == (Condition(("framework",), "F1"),)
    assert release.before == "agent01: state 7\nagent02: state 7\n"
    assert release.after == "agent01: state 8\nagent02: state 8\n"
    assert wait.args["hosts"] == ["agent01", "agent02"] and not wait.effect
    assert [note.split(" (state")[0] for note in found.notes] == [
        f"scaleio: found: agent0{number} waits for the other nodes before its last step" for number in (1, 2)
    ]
    assert (unmended(found), found.warnings) == ([], ())


def test_who_waits_for_them_is_waited_for_too() -> None:
    """The one that still installs is alive, and is no trouble of its own."""
    members = [member(number) for number in range(1, 5)]
    states = {"agent01": 1, "agent02": 5, "agent03": 2, "agent04": FINAL_STATE}
    found = plan(services(*members, nodes={host: known(QE, state=state) for host, state in states.items()}), *members)
    release, wait = front_steps(found)
    assert release.sentence.endswith(
        ": state 2 in place of 1 for agent01, by which the framework takes their prerequisites as installed and a new kernel as booted"
    )
    assert release.args["hosts"] == wait.args["hosts"] == ["agent01", "agent02", "agent03"]
    assert unmended(found) == [] and found.warnings[0].startswith("agent03 installs the packages")


@pytest.mark.parametrize("state", [0, 5, 6, None])
def test_nobody_is_let_go_on_while_somebody_is_below(state: int | None) -> None:
    members = [member(1), member(2)]
    nodes = {"agent01": known(QE, state=7), "agent02": known(QE, state=state)}
    assert not plan(services(*members, nodes=nodes), *members).phases


def test_only_members_that_could_be_looked_at_are_let_go_on() -> None:
    members = [member(1), member(2), member(3)]
    halted = {host: known(QE, state=7) for host in ("agent01", "agent02", "agent03", "agent66")}
    part = services(*members, nodes=halted)
    part["agents"] = [*part["agents"][:2], stranger("agent66", {"scaleio-sdc-domains": "engineering"})]
    found = plan(part, members[0], unseen("agent02"), members[2])
    assert front_steps(found)[0].args["hosts"] == ["agent01"]
    # The agent of agent03 is not at the master: what it cannot do keeps nobody waiting.
    assert [text.split()[0] for text in unmended(found)] == ["agent02", "agent66"]
    assert all(
        text.endswith("heal lets only members go on whose host and agent it could look at") for text in unmended(found)
    )


def test_nobody_is_let_go_on_to_wait_for_one_that_cannot_be() -> None:
    members = [member(1), member(2)]
    part = services(*members, nodes={"agent01": known(QE, state=1), "agent02": known(QE, state=1)})
    found = plan(part, members[0], unseen("agent02"))
    assert not found.phases
    assert [text.rpartition("; ")[2] for text in unmended(found)] == [
        "let go on it would wait for agent02",
        "heal lets only members go on whose host and agent it could look at",
    ]


def test_a_new_scheduler_comes_before_them() -> None:
    members = [member(1), member(2)]
    nodes = {"agent01": known(QE, state=7), "agent02": known(QE)}
    found = plan(spinning(*members, nodes=nodes), *members)
    start, release, wait = front_steps(found)
    assert (start.kind, wait.kind) == ("restart_app", "await_nodes")
    # What the last one said is old.
    assert release.args["hosts"] == wait.args["hosts"] == ["agent01", "agent02"]
    assert (release.requires, release.before, release.after) == ((), "", "")
    assert release.sentence == (
        "let those nodes go on that stay for 15 s where one waits for all (2 nodes, as far as the new scheduler finds them there):"
        " state 2 in place of 1, by which the framework takes their prerequisites as installed and a new kernel as booted; state 8 in"
        " place of 7, by which the framework takes these hosts as rebooted"
    )


def test_nobody_is_let_go_on_against_the_preview() -> None:
    """What goes on adds resources for all nodes."""
    members = [member(1), bare(2, confirmed=[], devices=[disk()])]
    members[0]["wanted"] = wanted(method="global_pool", global_pool_mixed=True)
    nodes = {"agent01": known(QE, state=1), "agent02": known({}, imperative=False, state=5)}
    found = plan(services(*members, nodes=nodes, provided=ONE), *members)
    assert not found.phases
    assert "the framework would take 1 disk that nobody has confirmed (agent02 /dev/xvdf)" in found.refused[0]
    assert found.refused[-1] == "agent01 should go on at the framework, and must not before what is said here is mended"


@pytest.mark.parametrize("create", [True, False])
def test_what_is_missing_at_the_gateway_has_its_turn_after_them(create: bool) -> None:
    nodes = {"agent01": known(QE), "agent02": known(QE, state=7)}
    found = plan(services(*LACKING, nodes=nodes, provided=ONE), *LACKING, create=create)
    assert [name for name, _steps in outline(found)] == [LOOK, FRAMEWORK, *([JUDGE, MEND] if create else [])]
    assert unmended(found) == []
    if create:
        assert found.phases[2].steps["agent02"][0].requires[1] == Condition(("foreign", "/dev/xvdf"), "")
    else:
        assert (
            "the framework, when it goes on, may bring it; where it does not, with scaleio_heal_create"
            in found.warnings[0]
        )
        # Who is at its end gets nothing more by this.
        nodes = {"agent01": known(QE, state=7), "agent02": known(QE)}
        left = unmended(plan(services(*LACKING, nodes=nodes, provided=ONE), *LACKING))
        assert len(left) == 2 and "the framework never tries again what was refused once" in left[0]


def test_a_halted_node_that_the_framework_knows_with_other_devices() -> None:
    nodes = {"agent01": known(QE), "agent02": known({}, state=7)}
    found = plan(services(*LACKING, nodes=nodes, provided=ONE), *LACKING, create=True)
    assert [name for name, _steps in outline(found)] == [LOOK, FRAMEWORK]
    assert "agent02: what it contributes is not all at the gateway" in unmended(found)[0]


# -- the preview before a start ----------------------------------------------------------------------------------------------


def test_an_unreachable_member_is_safe_only_with_imperative_attributes() -> None:
    members = [member(1), member(2)]
    safe = plan(spinning(*members), members[0], unseen("agent02"))
    assert front_steps(safe)[-1].args["hosts"] == ["agent01"]
    for agents in ([stranger("agent02")], [agent_of(members[0]), stranger("agent02")]):
        part = {**spinning(members[0]), "agents": agents}
        found = plan(part, members[0], unseen("agent02"))
        assert not found.phases
        assert found.refused[0].startswith("agent02: active at the leading master without imperative attributes")
        assert found.refused[-1].startswith("the scheduler should start anew (the leading master does not know")
    gone = {**spinning(members[0]), "agents": [agent_of(members[0]), stranger("agent02", active=False)]}
    assert front_steps(plan(gone, members[0], unseen("agent02")))


PREVIEWS = [
    pytest.param(
        bare(1, confirmed=[], devices=[disk()]),
        {},
        "the framework would take 1 disk that nobody has confirmed",
        id="unconfirmed",
    ),
    pytest.param(bare(1, devices=[held()]), {}, "agent01: the framework would take /dev/xvdf, which", id="in use"),
    pytest.param(
        bare(1, devices=[disk(size_bytes=50 * GB)]),
        {},
        "agent01: the framework would take /dev/xvdf, which has 50 GB; ScaleIO takes devices from 100 GB to 6 TB",
        id="unfit",
    ),
    pytest.param(
        member(1, RACK, devices=[disk()]),
        {},
        "the framework would take 1 disk that nobody has confirmed (agent01 /dev/xvdf): bring the host's declared attributes into"
        " force with the playbook of its method",
        id="attributes that are not in force",
    ),
    pytest.param(
        member(1, devices=[used_disk("/dev/xvdf", signatures=["xfs"])]),
        {},
        "agent01: /dev/xvdf is one of its devices by attribute and not at the gateway, and carries xfs",
        id="a file system",
    ),
    pytest.param(
        member(1, devices=[], devices_error="no lsblk"),
        {},
        "agent01: the block devices could not be looked at: no lsblk",
        id="not looked at",
    ),
    pytest.param(
        bare(1, confirmed=["/dev/xvdf", "/dev/xvdz"]),
        {},
        "agent01: scaleio_global_pool_devices confirms /dev/xvdz",
        id="stale",
    ),
]


@pytest.mark.parametrize(("found", "provided", "sentence"), PREVIEWS)
def test_no_scheduler_starts_against_the_preview(found: dict[str, Any], provided: Any, sentence: str) -> None:
    refused = plan(spinning(found, provided=provided), found)
    assert not refused.phases
    assert any(text.startswith(sentence) for text in refused.refused), refused.refused
    # Nothing of it concerns a scheduler that is at work.
    assert not plan(services(found), found).refused


def test_a_disk_that_the_gateway_refuses_is_not_created_there() -> None:
    host = bare(1, confirmed=["/dev/xvdf", "/dev/xvdg"], devices=[held(), disk("/dev/xvdg", size_bytes=50 * GB)])
    part = services(host, provided={"default": {"default": {address(1): ["/dev/xvdf"]}}})
    found = plan(part, host)
    assert (found.phases, unmended(found)) == ((), [])


def test_an_agent_that_is_down_exposes_nothing() -> None:
    members = [member(1), bare(2, up=False, wanted={"method": "imperative", "global_pool_devices": []})]
    found = plan(spinning(*members), *members)
    assert list(found.phases[0].steps) == ["agent01"]


# -- what the framework has given up -----------------------------------------------------------------------------------------


def given_up(*lacking: Mapping[str, Any], provided: Any, **changes: Any) -> dict[str, Any]:
    return services(*lacking, provided=provided, **changes)


ONE = {"engineering": {"qe": {address(1): ["/dev/xvdf"]}}}
LACKING = [member(1), member(2, devices=[disk()])]


def test_nothing_is_created_unasked() -> None:
    found = plan(given_up(*LACKING, provided=ONE), *LACKING)
    assert not found.phases
    assert unmended(found) == [
        "agent02 has no SDS sds_10.0.0.12 in engineering at the gateway: the framework never tries again what was refused once; with"
        " scaleio_heal_create: true heal creates it at the gateway",
        "/dev/xvdf of agent02 is not in the pool engineering/qe at the gateway: the framework never tries again what was refused"
        " once; with scaleio_heal_create: true heal creates it at the gateway",
    ]


def test_an_sds_and_its_device_are_created_by_consent() -> None:
    found = plan(given_up(*LACKING, provided=ONE), *LACKING, create=True)
    assert outline(found) == [
        (JUDGE, {"agent02": ["look_again"]}),
        (MEND, {FRONT: ["create_sds", "create_device", "await_gateway"]}),
    ]
    (look,) = found.phases[0].steps["agent02"]
    assert look.requires == (
        Condition(("scaleio_attributes",), QE_FILES),
        Condition(("in_use", "/dev/xvdf"), ""),
    )
    sds, device, wait = front_steps(found)
    assert sds.args == {"domain": "engineering", "ip": address(2)}
    assert device.args == {"domain": "engineering", "pool": "qe", "ip": address(2), "path": "/dev/xvdf"}
    assert device.sentence == "add /dev/xvdf of agent02 to the pool engineering/qe at the gateway"
    assert (device.before, device.after) == ("", "device engineering/qe/agent02//dev/xvdf\n")
    assert wait.args["declared"] == {"agent02": {"ip": address(2), "hostname": "agent02", "provides": QE}}
    assert not wait.effect
    assert not unmended(found)


def test_domains_and_pools_come_first() -> None:
    members = [member(1, devices=[disk()]), member(2, devices=[disk()])]
    found = plan(given_up(*members, provided={}), *members, create=True)
    assert [step.kind for step in front_steps(found)] == [
        "create_domain",
        "create_pool",
        *("create_sds", "create_sds"),
        *("create_device", "create_device"),
        "await_gateway",
    ]
    assert list(found.phases[0].steps) == ["agent01", "agent02"]


def test_a_confirmed_disk_of_the_global_pool() -> None:
    found = bare(1, devices=[disk()])
    provided: dict[str, Any] = {"default": {"default": {}}}
    part = given_up(found, provided=provided)
    assert [step.kind for step in front_steps(plan(part, found, create=True))] == [
        "create_sds",
        "create_device",
        "await_gateway",
    ]
    unasked = bare(1, confirmed=[], devices=[disk()])
    refused = plan(given_up(unasked, provided=provided), unasked, create=True)
    assert not refused.phases
    assert unmended(refused)[0].endswith("and is not added: nobody has confirmed it in scaleio_global_pool_devices")


def test_with_a_new_scheduler_the_creation_comes_after_it() -> None:
    part = spinning(*LACKING, provided=ONE)
    found = plan(part, *LACKING, create=True)
    assert [name for name, _steps in outline(found)] == [LOOK, FRAMEWORK, JUDGE, MEND]
    # The framework may have given it to the SDS by then.
    assert found.phases[2].steps["agent02"][0].requires[1] == Condition(("foreign", "/dev/xvdf"), "")
    unasked = plan(part, *LACKING)
    assert [name for name, _steps in outline(unasked)] == [LOOK, FRAMEWORK]
    assert not unmended(unasked)


def test_no_device_is_given_that_holds_or_may_hold_something() -> None:
    busy = member(2, devices=[disk(free=False, free_because=["cannot be opened exclusively: it is busy"])])
    found = plan(given_up(member(1), busy, provided=ONE), member(1), busy, create=True)
    assert [step.kind for step in front_steps(found)] == ["create_sds", "await_gateway"]
    assert unmended(found) == [
        "/dev/xvdf of agent02 is not in the pool engineering/qe at the gateway, and is not added: cannot be opened exclusively: it"
        " is busy"
    ]
    # The wait is for what is created alone.
    assert front_steps(found)[-1].args["declared"]["agent02"]["provides"] == {"engineering": {"qe": []}}
    foreign = member(2, devices=[used_disk("/dev/xvdf", signatures=["xfs"])])
    refused = plan(given_up(member(1), foreign, provided=ONE), member(1), foreign, create=True)
    assert not refused.phases
    assert any("the device /dev/xvdf carries xfs" in text for text in refused.warnings)
    assert unmended(refused) == [
        "agent02: what it contributes is not all at the gateway, and is left to wait: it is not as declared"
    ]


def gateway(provided: Any, **changes: Any) -> dict[str, Any]:
    return {"url": "https://10.0.0.40", "error": None, "trouble": None, **a_gateway(provided, **changes)}


def an_sds_in(domain: str) -> dict[str, Any]:
    return {address(1): an_sds(address(1), "engineering"), address(2): an_sds(address(2), domain)}


WAITING = [
    pytest.param(
        {"nodes": {"agent01": known(QE), "agent02": known(QE, state=6)}},
        "is still at work with it (state 6)",
        id="at work",
    ),
    pytest.param({"nodes": {"agent01": known(QE)}}, "the framework does not know it yet", id="unknown"),
    pytest.param({"nodes": {"agent01": known(QE), "agent02": known({})}}, "knows other devices of it", id="stale"),
    pytest.param(
        {"nodes": {"agent01": known(QE), "agent02": known(QE, state=4096)}}, "has failed to install it", id="failed"
    ),
    pytest.param(
        {"gateway": gateway(ONE, sds=an_sds_in("elsewhere"))},
        "what stands in the way at the gateway must go first",
        id="moved",
    ),
    pytest.param(
        {
            "gateway": gateway(
                ONE,
                sds={
                    address(1): an_sds(address(1), "engineering"),
                    address(2): an_sds(address(2), "engineering", connection="Disconnected"),
                },
            )
        },
        "its SDS is not well",
        id="its SDS is down",
    ),
]


@pytest.mark.parametrize(("changes", "reason"), WAITING)
def test_what_heal_leaves_to_others(changes: dict[str, Any], reason: str) -> None:
    found = plan(services(*LACKING, **{"provided": ONE, **changes}), *LACKING, create=True)
    assert not found.phases
    (left,) = [text for text in unmended(found) if text.startswith("agent02: what it contributes is not all")]
    assert reason in left


NOT_NOW = [
    pytest.param({"activity": {**QUIET, "rebuild_kb": 5}}, id="a rebuild"),
    pytest.param({"activity": {**QUIET, "degraded_kb": 5}}, id="degraded"),
    pytest.param({"mdm": {**a_gateway({})["mdm"], "state": "ClusteredDegraded"}}, id="the MDM cluster"),
    pytest.param({"mdm": {**a_gateway({})["mdm"], "tiebreakers": [an_mdm("10.0.0.99")]}}, id="another MDM cluster"),
]


@pytest.mark.parametrize("changes", NOT_NOW)
def test_nothing_is_created_while_the_gateway_is_not_at_rest(changes: dict[str, Any]) -> None:
    found = plan(services(*LACKING, gateway=gateway(ONE, **changes)), *LACKING, create=True)
    assert not found.phases
    assert unmended(found)[-1].endswith("nothing is created before its MDM cluster is as declared and its data at rest")


# -- what is only named ------------------------------------------------------------------------------------------------------

WHOLE = {"engineering": {"qe": {address(1): ["/dev/xvdf"], address(2): ["/dev/xvdf"]}}}


def ill_device() -> dict[str, Any]:
    shown = gateway(WHOLE)
    shown["domains"]["engineering"]["pools"]["qe"]["devices"][address(1)] = [
        a_device("/dev/xvdf", error="DeviceIoError")
    ]
    return shown


NAMED = [
    pytest.param(
        {"nodes": {"agent01": known(QE), "agent02": known(QE, state=4096)}},
        "agent02 has failed to install and waits for somebody",
        id="failed node",
    ),
    pytest.param(
        {"gateway": ill_device()}, "/dev/xvdf of 10.0.0.11 in the pool engineering/qe is DeviceIoError", id="device"
    ),
    pytest.param(
        {
            "gateway": gateway(
                WHOLE,
                sds={**gateway(WHOLE)["sds"], address(1): an_sds(address(1), "engineering", connection="Disconnected")},
            )
        },
        "the SDS sds_10.0.0.11 is Disconnected",
        id="SDS",
    ),
    pytest.param(
        {"gateway": gateway(WHOLE, mdm={**gateway({})["mdm"], "state": "ClusteredDegraded"})},
        "the MDM cluster is",
        id="MDM",
    ),
    pytest.param({"gateway": gateway(WHOLE, activity={**QUIET, "rebuild_kb": 5})}, "a rebuild of", id="rebuild"),
    pytest.param(
        {"gateway": gateway({**WHOLE, "other": {"p": {address(1): ["/dev/xvdg"]}}}, sds=gateway(WHOLE)["sds"])},
        "agent01: /dev/xvdg is in the pool other/p at the gateway and no longer declared",
        id="a device too many",
    ),
    pytest.param(
        {"nodes": {"agent01": known({**QE, "old": {}}), "agent02": known(QE)}},
        "agent01: the framework knows it in the protection domain old and not in engineering",
        id="moved",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), NAMED)
def test_what_heal_cannot_mend_is_named(changes: dict[str, Any], sentence: str) -> None:
    members = [member(1), member(2)]
    found = plan(services(*members, **changes), *members, create=True)
    assert not found.phases
    assert unmended(found)[0].startswith(sentence)
    assert found.notes[0] == f"scaleio: not mended here: {unmended(found)[0]}"


def test_mdms_that_have_changed_places_are_no_fault() -> None:
    mdm = {**gateway({})["mdm"], "primary": an_mdm("10.0.0.32"), "secondaries": [an_mdm("10.0.0.31")]}
    members = [member(1), member(2)]
    found = plan(services(*members, gateway=gateway(WHOLE, mdm=mdm)), *members)
    assert not unmended(found)
    assert "they have changed places" in found.warnings[0]


def test_a_scheduler_with_another_password() -> None:
    part = services(member(1))
    assert "another password" in unmended(plan(with_parts(part, scheduler={"password_matches": False}), member(1)))[0]


def test_what_nobody_declares_is_told_of_members_that_were_seen() -> None:
    qe = {address(1): ["/dev/xvdf"], address(7): ["/dev/xvdf"]}
    provided: dict[str, Any] = {"engineering": {"qe": qe}, "theirs": {"p": {}}}
    part = services(member(1), provided=provided)
    told = plan(part, member(1)).warnings
    assert told[0].startswith("nobody declares the protection domain theirs, and it is empty")
    assert told[0].endswith("; heal removes nothing")
    assert len(told) == 3
    # Of an unseen one nobody knows what it declares.
    assert plan(part, member(1), unseen("agent07")).warnings == ("agent07 could not be observed: no route to host",)


def test_a_member_that_is_not_as_declared_is_left_so() -> None:
    found = plan(services(member(1)), member(1, wanted=wanted(sds={"engineering": {"dev": ["/dev/xvdf"]}})))
    assert not found.phases
    assert found.warnings[0].startswith("agent01: its attributes are not as declared, and heal changes none")


# -- what is refused ---------------------------------------------------------------------------------------------------------

BLIND = [
    pytest.param({"marathon": {"error": "Marathon: no route"}}, "Marathon: no route", id="Marathon"),
    pytest.param({"gateway": {"error": "the gateway: no route"}}, "the gateway: no route", id="gateway"),
    pytest.param({"mesos_framework": {"error": "no master leads"}}, "no master leads", id="masters"),
    pytest.param(
        {"mesos_framework": {"frameworks": [registered(1), registered(2)], "registered": None}},
        "the leading master knows 2 frameworks called ScaleIO Framework",
        id="several frameworks",
    ),
]


@pytest.mark.parametrize(("changes", "sentence"), BLIND)
def test_without_a_clear_view_nothing_is_done(changes: dict[str, Any], sentence: str) -> None:
    found = plan(with_parts(spinning(*LACKING, provided=ONE), **changes), *LACKING, create=True)
    assert not found.phases
    assert found.refused[0].startswith(sentence)


def test_bad_input_is_refused() -> None:
    assert plan(services(member(1), declared={"mdms": {}}), member(1)).refused


def test_the_host_of_the_services_must_be_there_and_alone() -> None:
    alone = plan_heal("scaleio", [unseen(FRONT), member(1)], select)
    assert alone.refused[-1].startswith("no host could be observed that talks to Marathon and to the gateway")
    two = plan_heal("scaleio", [front(services()), front(services(), "m2"), member(1)], select)
    assert two.refused[0].startswith("m1, m2: one host of a cluster talks to its gateway")


# -- any world ---------------------------------------------------------------------------------------------------------------


class NeverComes(Exception):
    """What is waited for does not come: the error of a real run."""


@dataclass
class Host:
    """One member on paper.

    :param at_gateway: whether its SDS has its disk there.
    :param state: at the framework; None where that does not know it.
    """

    imperative: bool
    seen: bool
    up: bool
    confirmed: bool
    signature: bool
    at_gateway: bool
    state: int | None

    def observe(self, number: int) -> dict[str, Any]:
        used: dict[str, Any] = {"signatures": ["xfs"], "taken": False} if self.signature and not self.at_gateway else {}
        path = held() if self.at_gateway else disk(free=not used, **used)
        if self.imperative:
            mixed = wanted(method="global_pool", global_pool_mixed=True)
            return member(number, up=self.up, devices=[path], wanted=mixed)
        confirmed = ["/dev/xvdf"] if self.confirmed and not used else []
        return bare(number, up=self.up, devices=[path], confirmed=confirmed, wanted={"global_pool_mixed": True})


@dataclass
class World:
    """A cluster on paper, to which a healing plan is applied.

    :param gone: state of a node that no inventory names and whose agent is gone; None where there is none.
    """

    hosts: list[Host]
    registered: bool
    moved: bool
    gone: int | None
    done: list[str] = field(default_factory=list)

    def home(self, host: Host) -> tuple[str, str]:
        return ("engineering", "qe") if host.imperative else ("default", "default")

    def observe(self) -> list[dict[str, Any]]:
        everybody = [host.observe(number) for number, host in enumerate(self.hosts, 1)]
        provided: dict[str, dict[str, dict[str, list[str]]]] = {"engineering": {"qe": {}}, "default": {"default": {}}}
        nodes = {}
        for number, host in enumerate(self.hosts, 1):
            domain, pool = self.home(host)
            if host.at_gateway:
                provided[domain][pool][address(number)] = ["/dev/xvdf"]
            if host.state is not None:
                sent = [] if host.signature and not host.imperative and not host.at_gateway else ["/dev/xvdf"]
                provides = {domain: {pool: sent}} if host.imperative or sent else {}
                nodes[name(number)] = known(provides, imperative=host.imperative, advertised=True, state=host.state)
        if self.gone is not None:
            nodes["agent09"] = dead(self.gone)
        part = services(*everybody, nodes=nodes, provided=provided, leader="m2:5050" if self.moved else "m1:5050")
        if not self.registered:
            part["mesos_framework"].update(LOST)
        shown = [found if host.seen else unseen(found["member"]) for found, host in zip(everybody, self.hosts)]
        return [front(part), *shown]

    def apply(self, found: Plan) -> None:
        """Phase by phase. What a plan may not do fails here."""
        looked: set[str] = set()
        judged: set[tuple[str, str]] = set()
        for phase in found.phases:
            for host, steps in phase.steps.items():
                for step in steps:
                    self.done.append(step.kind)
                    if step.kind == "look_again":
                        assert host != FRONT
                        looked.add(host)
                        judged |= {(host, c.path[1]) for c in step.requires if c.path[0] in ("foreign", "in_use")}
                    elif step.kind in ("restart_app", "update_app"):
                        self._start(looked, step)
                    elif step.kind == "create_device":
                        self._add(step, judged)
                    elif step.kind == "release_nodes":
                        self._release(looked, step)
                    elif step.kind == "await_nodes":
                        self._await(found, step)
                    else:
                        assert step.kind in ("create_sds", "await_gateway"), step.kind

    def _await(self, found: Plan, step: Step) -> None:
        """
        :raises NeverComes: a new scheduler has found somebody at a halt whom nobody could look at, and all wait for it.
        """
        hosts = [host for number, host in enumerate(self.hosts, 1) if name(number) in step.args["hosts"]]
        if any(host.state != FINAL_STATE for host in hosts):
            assert any(one.kind in ("restart_app", "update_app") for one in front_steps(found)), "it never comes"
            assert any(host.state == 1 and not host.seen for host in self.hosts), "it never comes"
            raise NeverComes

    def _meet(self, looked: set[str]) -> None:
        """The framework takes what it is offered, so all of that must have been looked at."""
        offered = {name(number): host for number, host in enumerate(self.hosts, 1) if host.up}
        for member_name, host in offered.items():
            assert host.imperative or member_name in looked, "a disk would be taken that nobody looked at"
            assert not host.seen or member_name in looked
            assert host.imperative or host.at_gateway or host.signature or host.confirmed, "taken unasked"
            assert not (host.imperative and host.seen and host.signature and not host.at_gateway), "data would be lost"

    def _start(self, looked: set[str], step: Step) -> None:
        self._meet(looked)
        for number, host in enumerate(self.hosts, 1):
            assert not host.up or name(number) in step.args["declared_hosts"] or host.imperative
        self.registered, self.moved, self.gone = True, False, None
        for host in self.hosts:
            host.state = (host.state or 0) if host.up else None
        self._go_on()

    def _go_on(self) -> None:
        """Everybody goes on by itself but those whose executors were not there when they came to wait."""
        for host in self.hosts:
            host.state = {0: 5, 2: 5, 8: FINAL_STATE}.get(host.state, host.state) if host.state is not None else None
        if all(host.state is None or host.state >= 5 for host in self.hosts):
            for host in self.hosts:
                host.state = FINAL_STATE if host.state == 5 else host.state

    def _release(self, looked: set[str], step: Step) -> None:
        self._meet(looked)
        assert self.registered, "told to a scheduler that has lost its master"
        for state in (1, 7):
            lowest = min(host.state for host in self.hosts if host.state is not None)
            for number, host in enumerate(self.hosts, 1):
                if host.state == state == lowest and name(number) in step.args["hosts"]:
                    assert host.seen and host.up
                    host.state = state + 1
            self._go_on()

    def _add(self, step: Step, judged: set[tuple[str, str]]) -> None:
        number = next(n for n in range(1, len(self.hosts) + 1) if address(n) == step.args["ip"])
        host = self.hosts[number - 1]
        assert (step.args["domain"], step.args["pool"]) == self.home(host)
        assert (name(number), step.args["path"]) in judged, "a device was given that was not judged right before"
        assert host.seen and host.up and not host.signature and not host.at_gateway
        assert host.imperative or host.confirmed, "given unasked"
        host.at_gateway = True


HOSTS = st.builds(
    Host,
    imperative=st.booleans(),
    seen=st.sampled_from((True, True, True, False)),
    up=st.sampled_from((True, True, True, False)),
    confirmed=st.sampled_from((True, True, False)),
    signature=st.sampled_from((False, False, True)),
    at_gateway=st.booleans(),
    state=st.sampled_from((None, 0, 1, 5, 7, 7, FINAL_STATE, FINAL_STATE, FINAL_STATE, 4096)),
)
WORLDS = st.builds(
    World,
    hosts=st.lists(HOSTS, min_size=1, max_size=4),
    registered=st.booleans(),
    moved=st.booleans(),
    gone=st.sampled_from((None, None, 0, 6)),
)


@settings(max_examples=300, deadline=None)
@given(world=WORLDS, create=st.booleans())
def test_whatever_is_amiss_nothing_is_lost_and_the_second_plan_is_empty(world: World, create: bool) -> None:
    observed = world.observe()
    first = plan(observed[0]["services"], *observed[1:], create=create)
    if world.registered and world.gone is None and all(host.up for host in world.hosts):
        assert not any(step.kind in ("restart_app", "update_app") for step in front_steps(first)), "for nothing"
    assert create or not any(step.kind.startswith("create_") for step in front_steps(first))
    try:
        world.apply(first)
    except NeverComes:
        event("never comes")
    again = world.observe()
    second = plan(again[0]["services"], *again[1:], create=create)
    assert not second.phases, (first.phases, second.phases)
