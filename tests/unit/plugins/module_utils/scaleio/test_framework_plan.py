# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The framework in a cluster's plan: when its scheduler starts, changes or restarts, what is waited for, what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Condition, Plan, Step
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import model
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_plan import is_of_services
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import plan_cluster
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.gateway_documents import (
    a_device,
    an_mdm,
    an_sds,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import (
    QE,
    QE_FILES,
    disk,
    unseen,
    used_disk,
    wanted,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.services_view import (
    BUSY,
    FRONT,
    PASSWORD,
    RACK,
    address,
    agent_of,
    app_of,
    bare,
    front,
    held,
    known,
    member,
    name,
    new,
    not_started,
    registered,
    services,
    stranger,
    task_on,
)

LOOK, FRAMEWORK, QUIET = "look at all disks again", "the framework", "a quiet gateway"
MEANS = "every executor ends and the new scheduler starts it again; SDS and SDC are services of the hosts, so the data path goes on"
WAIT_NODES = "wait until the framework has brought {} to the final state"
WAIT_GATEWAY = "wait until the gateway shows {} as declared"
GIVE = "give the host scaleio_sds or scaleio_sdc (with scaleio_global_pool_mixed: true)"
MIXED = {"global_pool_mixed": True}


def plan(part: Mapping[str, Any], *members: Mapping[str, Any]) -> Plan:
    found = plan_cluster("scaleio", [front(part), *members], select)
    text = json.dumps(found.to_json())
    assert PASSWORD not in text
    assert Plan.from_json(json.loads(text)) == found
    return found


def refusals(part: Mapping[str, Any], *members: Mapping[str, Any]) -> list[str]:
    found = plan(part, *members)
    assert not found.phases
    return list(found.refused)


def outline(found: Plan) -> list[tuple[str, dict[str, list[str]]]]:
    """Phases with the kinds of their steps; writes and takeovers of an agent as one word."""
    assert not found.refused, found.refused
    agents = {"write_file": "files", "remove_file": "files", "write_record": "record"}
    takes = ("enable_unit", "stop_unit", "forget_agent_id", "start_agent", "restart_agent")
    words = {**agents, **dict.fromkeys(takes, "takeover")}
    return [
        (
            phase.name,
            {
                host: list(dict.fromkeys(words.get(s.kind, s.kind) for s in steps))
                for host, steps in phase.steps.items()
            },
        )
        for phase in found.phases
    ]


def front_steps(found: Plan) -> list[Step]:
    """The steps of the framework's own phase."""
    assert not found.refused, found.refused
    return [step for phase in found.phases if phase.name == FRAMEWORK for step in phase.steps[FRONT]]


def kinds(found: Plan) -> list[str]:
    return [step.kind for step in front_steps(found)]


def app_step(found: Plan) -> Step:
    (step,) = [step for step in front_steps(found) if step.kind.endswith("_app")]
    return step


# -- nothing to do ---------------------------------------------------------------------------------------------------

MARKED = member(
    2, {**RACK, "scaleio-sdc-domains": "engineering"}, wanted=wanted(state="absent", sds=None), devices=[disk()]
)


@pytest.mark.parametrize(
    "members",
    [
        pytest.param([member(1), member(2), member(3)], id="imperative"),
        pytest.param([bare(1), bare(2)], id="global pool"),
        pytest.param([bare(1), member(2, wanted=wanted(method="global_pool", **MIXED))], id="mixed"),
        pytest.param([member(1), MARKED], id="one that contributes nothing"),
        pytest.param([bare(1, devices=[used_disk("/dev/xvda", mounts=["/"])], confirmed=[])], id="nothing to take"),
    ],
)
def test_a_cluster_as_declared_needs_nothing(members: list[Mapping[str, Any]]) -> None:
    if any(found["wanted"]["settings"]["global_pool_mixed"] for found in members):
        members = [{**m, "wanted": {**m["wanted"], "settings": {**m["wanted"]["settings"], **MIXED}}} for m in members]
    found = plan(services(*members), *members)
    assert (found.phases, found.refused, found.warnings) == ((), (), found.warnings)
    assert not [warning for warning in found.warnings if "framework" in warning]


def test_a_disk_that_is_contributed_and_hidden_from_the_rule_by_now_restarts_nothing() -> None:
    hidden = held(taken=False, taken_because="blkid prints /dev/xvdf, which contains its name")
    host = bare(devices=[hidden])
    part = services(
        host,
        nodes={name(1): known(imperative=False, advertised=True)},
        provided={"default": {"default": {address(1): ["/dev/xvdf"]}}},
    )
    assert plan(part, host).phases == ()


def test_everybody_is_gone_on_purpose() -> None:
    marker = {**RACK, "scaleio-sdc-domains": "engineering"}
    gone = member(1, marker, wanted=wanted(state="absent", sds=None), up=False)
    gone["agent"]["unit"]["enabled"] = "disabled"
    found = plan(not_started(services()), gone)
    assert (found.phases, found.refused) == ((), ())


# -- the first start -------------------------------------------------------------------------------------------------


def test_attributes_then_all_disks_then_the_scheduler() -> None:
    members = [new(1), new(2)]
    found = plan(not_started(services(*members, nodes={}, provided={})), *members)
    assert outline(found) == [
        ("batch 1 of 2", {"agent01": ["files", "takeover", "record"]}),
        ("batch 2 of 2", {"agent02": ["files", "takeover", "record"]}),
        (LOOK, {"agent01": ["look_again"], "agent02": ["look_again"]}),
        (FRAMEWORK, {FRONT: ["create_app", "await_nodes", "await_gateway"]}),
    ]
    create, nodes, gateway = front_steps(found)
    assert create.sentence == "create the app /scaleio-scheduler in Marathon, with 1 instance"
    assert create.requires == (Condition(("app", "id"), None), Condition(("bare_strangers",), [], "within"))
    assert create.args["declared_hosts"] == ["agent01", "agent02"]
    assert "-uri=m1:5050 " in create.args["app"]["fields"]["cmd"]
    assert create.args["app"]["secrets"] == ["ADMIN_PASSWORD"]
    assert nodes.sentence == WAIT_NODES.format("2 nodes")
    assert nodes.args == {"hosts": ["agent01", "agent02"], "timeout": 900.0}
    assert gateway.sentence == WAIT_GATEWAY.format("2 devices of 2 hosts")
    assert gateway.args["declared"]["agent01"] == {
        "ip": "10.0.0.11",
        "hostname": "agent01",
        "provides": {"engineering": {"qe": ["/dev/xvdf"]}},
    }
    assert [is_of_services(step) for step in (create, nodes, gateway)] == [True] * 3
    # Who only looks or waits changes nothing.
    assert [step.effect for step in (create, nodes, gateway)] == [True, False, False]
    assert not any(step.effect for steps in found.phases[2].steps.values() for step in steps)


def test_what_is_looked_at_again_with_attributes() -> None:
    members = [member(1, devices=[disk()])]
    found = plan(not_started(services(*members, nodes={}, provided={})), *members)
    (step,) = found.phases[0].steps["agent01"]
    assert found.phases[0].name == LOOK
    assert step.sentence == "look again: the framework will attach /dev/xvdf"
    assert step.requires == (Condition(("scaleio_attributes",), QE_FILES), Condition(("in_use", "/dev/xvdf"), ""))
    assert not is_of_services(step)


def test_what_is_looked_at_again_without_attributes() -> None:
    members = [
        bare(
            1,
            devices=[disk(), disk("/dev/xvdg"), used_disk("/dev/xvdh", signatures=["ext4"])],
            confirmed=["/dev/xvdf", "scsi-xvdg"],
        )
    ]
    found = plan(not_started(services(*members, nodes={}, provided={})), *members)
    assert outline(found)[0] == (LOOK, {"agent01": ["look_again"]})
    (step,) = found.phases[0].steps["agent01"]
    assert step.sentence == "look again: the framework will take /dev/xvdf, /dev/xvdg"
    assert step.requires == (
        Condition(("scaleio_attributes",), {}),
        Condition(("exposed",), ["/dev/xvdf", "/dev/xvdg"], "within"),
        Condition(("in_use", "/dev/xvdf"), ""),
        Condition(("in_use", "/dev/xvdg"), ""),
    )
    gateway = front_steps(found)[-1]
    assert gateway.args["declared"]["agent01"]["provides"] == {"default": {"default": ["/dev/xvdf", "/dev/xvdg"]}}


def test_a_member_without_attributes_is_recorded_when_it_joins() -> None:
    host = bare(1, identity=None)
    (recorded,) = plan(services(host), host).phases
    assert recorded.steps["agent01"][0].sentence == (
        "record this host as agent01, ordinal 0, in /var/lib/holdfast/scaleio/scaleio.json"
    )


def test_a_look_is_no_half_of_a_run_that_died() -> None:
    claim = {"plan_id": "p", "controller": {}, "phase": 1, "phases": 1, "hosts": ["agent01"], "supersedes": []}
    told = {**claim, "effect": False, "state": "done", "at": 0.0, "age": 99.0, "acting": False}
    host = member(1, claim=told)
    assert plan(services(host), host).phases == ()
    assert kinds(plan(services(host), member(1, claim={**told, "effect": True}))) == []


def test_what_an_sds_may_have_open_is_only_looked_through_for_data() -> None:
    """Before a restart; and a device that is at the gateway is never expected to be free."""
    members = [bare(1), member(2, wanted=wanted(sds=TWO_DISKS, method="global_pool"), devices=NEW_DISK)]
    for one in members:
        one["wanted"]["settings"].update(MIXED)
    found = plan(services(*members), *members)
    looks = next(phase.steps for phase in found.phases if phase.name == LOOK)
    assert looks["agent01"][0].requires[1:] == (Condition(("exposed",), ["/dev/xvdf"], "within"),)
    assert looks["agent02"][0].requires[1:] == (
        Condition(("foreign", "/dev/xvdf"), ""),
        Condition(("foreign", "/dev/xvdg"), ""),
    )
    again = plan(not_started(services(*members)), *members)
    looks = next(phase.steps for phase in again.phases if phase.name == LOOK)
    assert looks["agent01"][0].requires[1:] == (Condition(("exposed",), ["/dev/xvdf"], "within"),)
    assert looks["agent02"][0].requires[1:] == (
        Condition(("foreign", "/dev/xvdf"), ""),
        Condition(("in_use", "/dev/xvdg"), ""),
    )


def test_what_is_left_over_at_the_gateway_is_a_note_and_no_change() -> None:
    provided = {"engineering": {"qe": {address(1): ["/dev/xvdf"]}, "old": {}}, "lab": {}}
    found = plan(services(member(1), provided=provided), member(1))
    assert (found.phases, found.refused) == ((), ())
    assert [note.partition(",")[0] for note in found.notes] == [
        "scaleio: nobody declares the storage pool engineering/old",
        "scaleio: nobody declares the protection domain lab",
    ]


def test_the_preview_stands_above_the_plan() -> None:
    disks = [disk(), held("/dev/xvdg")]
    host = bare(1, devices=disks)
    found = plan(services(host, nodes={}, provided={"default": {"default": {address(1): ["/dev/xvdg"]}}}), host)
    rule = disk()["taken_because"]
    assert found.notes == (
        f"scaleio: agent01: /dev/xvdf (2000 GB): confirmed: {rule}",
        "scaleio: agent01: /dev/xvdg (2000 GB): contributed: the gateway shows it as a device of this host",
    )


def test_a_host_without_disks_is_waited_for_and_has_no_sds() -> None:
    host = bare(1, devices=[], confirmed=[])
    found = plan(not_started(services(host, nodes={})), host)
    nodes, gateway = front_steps(found)[1:]
    assert nodes.args["hosts"] == ["agent01"]
    assert gateway.args["declared"]["agent01"]["provides"] == {}
    assert found.phases[0].steps["agent01"][0].sentence == "look again: the framework will take no disk"


def test_an_agent_that_never_ran_is_known_by_its_configuration() -> None:
    host = new(1, up=False, agent_id=None)
    found = plan(services(host, nodes={}, provided={}), host)
    assert front_steps(found)[0].args["hosts"] == ["agent01"]
    assert front_steps(found)[1].args["declared"]["agent01"]["ip"] == "10.0.0.11"


def test_an_agent_that_never_ran_and_says_nothing_is_known_by_its_name() -> None:
    host = new(1, up=False, agent_id=None)
    del host["agent"]["flags"]["hostname"], host["agent"]["flags"]["ip"]
    found = plan(services(host, nodes={}, provided={}), host)
    assert front_steps(found)[0].args["hosts"] == ["agent01"]
    assert front_steps(found)[1].args["declared"]["agent01"]["ip"] == ""


# -- the scheduler that is there -------------------------------------------------------------------------------------


def test_a_new_host_restarts_nobody() -> None:
    """Its attributes are read at its first offer; they stand before its agent starts."""
    members = [member(1), new(2, up=False, agent_id=None)]
    part = services(*members)
    found = plan(part, *members)
    assert outline(found) == [
        ("without taking an agent down", {"agent02": ["look_again", "files", "takeover", "record"]}),
        (FRAMEWORK, {FRONT: ["await_nodes", "await_gateway"]}),
    ]
    look = found.phases[0].steps["agent02"][0]
    assert look.requires == (Condition(("foreign", "/dev/xvdf"), ""),)
    assert front_steps(found)[0].args["hosts"] == ["agent02"]
    assert set(front_steps(found)[1].args["declared"]) == {"agent01", "agent02"}


def test_a_new_host_without_attributes_is_looked_at_before_its_agent_starts() -> None:
    members = [bare(1), bare(2, devices=[disk()], up=False, agent_id=None)]
    found = plan(services(*members), *members)
    assert outline(found)[0][1]["agent02"][:1] == ["look_again"]
    assert found.phases[0].steps["agent02"][0].requires == (
        Condition(("exposed",), ["/dev/xvdf"], "within"),
        Condition(("foreign", "/dev/xvdf"), ""),
    )
    assert kinds(found) == ["await_nodes", "await_gateway"]


TWO_DISKS = {"engineering": {"qe": ["/dev/xvdf", "/dev/xvdg"]}}
TWO_POOLS = {"engineering": {"qe": ["/dev/xvdf"], "dev": ["/dev/xvdg"]}}


@pytest.mark.parametrize("sds", [TWO_DISKS, TWO_POOLS], ids=["a device", "a pool"])
def test_more_on_a_known_host_restarts_its_agent_and_the_scheduler_once(sds: Any) -> None:
    members = [member(1), member(2, wanted=wanted(sds=sds), devices=[held(), disk("/dev/xvdg")])]
    found = plan(services(*members), *members)
    assert outline(found) == [
        (QUIET, {FRONT: ["await_quiet"]}),
        ("batch 1 of 1", {"agent02": ["record", "files", "takeover"]}),
        (LOOK, {"agent01": ["look_again"], "agent02": ["look_again"]}),
        (FRAMEWORK, {FRONT: ["restart_app", "await_nodes", "await_gateway"]}),
    ]
    step = app_step(found)
    assert step.sentence == (
        "restart the app /scaleio-scheduler through Marathon: it reads attributes and disks once, and knows others of agent02;"
        f" {MEANS}"
    )
    assert step.requires == (
        Condition(("app", "taskIds"), ["task-1"]),
        Condition(("bare_strangers",), [], "within"),
    )
    assert front_steps(found)[1].args["hosts"] == ["agent01", "agent02"]


def test_a_scheduler_that_has_met_nobody_yet_may_meet_agents_before_they_are_changed() -> None:
    """As one does that has just started: a run that died there is followed by one that declares more."""
    members = [member(1), member(2, wanted=wanted(sds=TWO_DISKS), devices=[held(), disk("/dev/xvdg")])]
    found = plan(services(*members, nodes={}), *members)
    assert outline(found)[-1] == (FRAMEWORK, {FRONT: ["restart_app", "await_nodes", "await_gateway"]})
    assert "and may do so on agent02 before they are changed;" in app_step(found).sentence
    # Whoever is left as it is may be met at any time.
    unchanged = [member(1), member(2)]
    assert outline(plan(services(*unchanged, nodes={}), *unchanged)) == [
        (FRAMEWORK, {FRONT: ["await_nodes", "await_gateway"]})
    ]


def test_the_scheduler_itself_is_no_work_that_would_be_lost() -> None:
    """It runs on some agent, and Marathon starts it elsewhere; whatever else Marathon runs there still counts."""

    def on_agent(task: str) -> dict[str, Any]:
        work = {"kind": "task", "name": task, "framework": "marathon", "checkpointed": True, "ends": "with_agent_id"}
        host = member(1, wanted=wanted(sds=TWO_DISKS), devices=NEW_DISK)
        host["agent"]["work"] = [{**work, "sentence": f"task {task}"}]
        return host

    own = on_agent("scaleio-scheduler.instance-1._app.1")
    found = plan(services(member(1)), own)
    assert found.refused == () and found.context["own_tasks"] == ["scaleio-scheduler."]
    (sentence,) = refusals(services(member(1)), on_agent("web.instance-1._app.1"))
    assert "would end framework:marathon" in sentence


def test_the_scheduler_that_ends_with_its_agents_id_meets_disks_that_were_looked_at() -> None:
    """It goes last, when everybody has attributes; and the restart does not ask for the task that it had when all was planned."""
    members = [member(number, wanted=wanted(sds=TWO_DISKS), devices=NEW_DISK) for number in (1, 2)]
    found = plan(services(*members, app={"tasks": [task_on(name(1))]}), *members)
    assert [phase.name for phase in found.phases] == [
        *(QUIET, "batch 1 of 2", QUIET, LOOK, "batch 2 of 2"),
        *(LOOK, FRAMEWORK),
    ]
    assert [list(found.phases[place].steps) for place in (1, 3, 4)] == [
        ["agent02"],
        ["agent01", "agent02"],
        ["agent01"],
    ]
    assert found.phases[3].steps["agent01"][0].requires == (
        Condition(("foreign", "/dev/xvdf"), ""),
        Condition(("foreign", "/dev/xvdg"), ""),
    )
    assert app_step(found).requires == (Condition(("bare_strangers",), [], "within"),)


def test_a_scheduler_that_would_start_anew_while_hosts_are_without_attributes() -> None:
    members = [member(1, wanted=wanted(sds=TWO_DISKS), devices=NEW_DISK, up=False), new(2), new(3)]
    at_gateway = {"engineering": {"qe": {address(1): ["/dev/xvdf"]}}}
    part = lost(members[0], nodes={name(1): known(QE)}, provided=at_gateway, app={"tasks": [task_on(name(1))]})
    part["agents"] = [agent_of(found) for found in members[1:]]
    assert refusals(part, *members)[-1] == (
        "agent01: the agent is down and gives up its ID, and with it ends the framework's scheduler, which Marathon starts elsewhere"
        " while agent02, agent03 have no attributes yet: remove its app from Marathon, then run again"
    )


def test_attributes_that_stand_and_were_never_read_are_read_by_a_restart() -> None:
    """As after a run that died between the agent's restart and the scheduler's."""
    members = [member(1, wanted=wanted(sds=TWO_DISKS), devices=[held(), disk("/dev/xvdg")])]
    members[0] = member(
        1,
        {**RACK, **QE_FILES, "scaleio-sds-qe": "/dev/xvdf,/dev/xvdg"},
        wanted=wanted(sds=TWO_DISKS),
        devices=[held(), disk("/dev/xvdg")],
    )
    part = services(
        *members,
        nodes={name(1): known(QE)},
        provided={"engineering": {"qe": {address(1): ["/dev/xvdf"]}}},
    )
    assert outline(plan(part, *members)) == [
        (LOOK, {"agent01": ["look_again"]}),
        (FRAMEWORK, {FRONT: ["restart_app", "await_nodes", "await_gateway"]}),
    ]


NEW_DISK = [held(), disk("/dev/xvdg")]
OLD = {"default": {"default": ["/dev/xvdf"]}}
AT_GATEWAY = {"default": {"default": {address(1): ["/dev/xvdf"]}}}


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        pytest.param(
            {"advertised": True}, ["restart_app", "await_nodes", "await_gateway"], id="offered once, never again"
        ),
        pytest.param({"advertised": False}, ["await_gateway"], id="its executor still looks"),
    ],
)
def test_a_further_confirmed_disk(node: Mapping[str, Any], expected: list[str]) -> None:
    host = bare(1, devices=NEW_DISK, confirmed=["/dev/xvdf", "/dev/xvdg"])
    part = services(host, nodes={name(1): known(OLD, imperative=False, **node)}, provided=AT_GATEWAY)
    assert kinds(plan(part, host)) == expected


def test_a_host_that_was_known_without_attributes_gets_some() -> None:
    host = new(1)
    part = services(host, nodes={name(1): known(imperative=False, advertised=False)}, provided={})
    assert kinds(plan(part, host))[0] == "restart_app"


@pytest.mark.parametrize(
    ("node", "missing", "expected"),
    [
        pytest.param({}, False, [], id="all is there"),
        pytest.param({"state": 6}, False, ["await_nodes", "await_gateway"], id="a node is not final"),
        pytest.param({}, True, ["await_gateway"], id="missing at the gateway"),
    ],
)
def test_what_is_waited_for(node: Mapping[str, Any], missing: bool, expected: list[str]) -> None:
    members = [member(1), member(2)]
    provided = {"engineering": {"qe": {address(1): ["/dev/xvdf"], **({} if missing else {address(2): ["/dev/xvdf"]})}}}
    part = services(*members, nodes={name(1): known(QE), name(2): known(QE, **node)}, provided=provided)
    found = plan(part, *members)
    assert kinds(found) == expected
    if "await_nodes" in expected:
        assert front_steps(found)[0].sentence == WAIT_NODES.format("1 node")
        assert front_steps(found)[0].args["hosts"] == ["agent02"]


@pytest.mark.parametrize(
    ("declared", "what"),
    [
        pytest.param({"mem": 64}, "mem 32 -> 64", id="other resources"),
        pytest.param({"flags": {"loglevel": "debug"}}, "cmd", id="another flag"),
        pytest.param({"system_name": "other"}, "cmd", id="another system"),
    ],
)
def test_an_app_that_differs_is_changed(declared: Any, what: str) -> None:
    host = member(1)
    found = services(host, declared=declared)
    found["marathon"]["app"] = services(host)["marathon"]["app"]
    changed = plan(found, host)
    assert outline(changed) == [
        (LOOK, {"agent01": ["look_again"]}),
        (FRAMEWORK, {FRONT: ["update_app", "await_nodes", "await_gateway"]}),
    ]
    assert app_step(changed).sentence == (
        f"change the app /scaleio-scheduler, which starts its tasks anew: {what}; {MEANS}"
    )


def test_another_password_is_a_change_that_shows_none() -> None:
    host = member(1)
    part = services(host)
    part["marathon"]["app"]["definition"]["env"] = {"ADMIN_PASSWORD": "******** (another text)"}
    step = app_step(plan(part, host))
    assert step.sentence.startswith(
        "change the app /scaleio-scheduler, which starts its tasks anew: env (ADMIN_PASSWORD); "
    )


def test_an_app_that_was_suspended_is_started_and_waited_for() -> None:
    host = member(1)
    part = services(host)
    app = {**part["marathon"]["app"], "tasks": [], "taskIds": [], "tasksRunning": 0}
    app["definition"] = {**app["definition"], "instances": 0}
    found = plan({**not_started(part), "marathon": {**part["marathon"], "app": app}}, host)
    assert outline(found)[0] == (LOOK, {"agent01": ["look_again"]})
    assert kinds(found) == ["update_app", "await_nodes", "await_gateway"]


LOST = "the leading master does not know its framework, and it never subscribes again by itself"
UNREGISTERED = {"registered": None, "frameworks": [registered(active=False, connected=False)]}


def lost(host: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    part = services(host, **more)
    return {**part, "mesos_framework": {**part["mesos_framework"], **UNREGISTERED}}


def test_a_spinning_scheduler_is_restarted_where_it_was() -> None:
    host = member(1)
    found = plan(lost(host), host)
    assert outline(found) == [
        (LOOK, {"agent01": ["look_again"]}),
        (FRAMEWORK, {FRONT: ["restart_app", "await_nodes", "await_gateway"]}),
    ]
    assert app_step(found).sentence == f"restart the app /scaleio-scheduler through Marathon: {LOST}; {MEANS}"


def test_a_spinning_scheduler_is_sent_to_the_master_that_leads_now() -> None:
    host = member(1)
    step = app_step(plan(lost(host, leader="m2:5050"), host))
    assert step.kind == "update_app"
    assert "-uri=m2:5050 " in step.args["app"]["fields"]["cmd"]
    assert step.sentence == (f"change the app /scaleio-scheduler, which starts its tasks anew: cmd ({LOST}); {MEANS}")
    # The command itself is no condition: how much of it may be shown depends on what is declared.
    assert step.requires == (Condition(("bare_strangers",), [], "within"), Condition(("app", "version"), "v1"))


def test_every_new_scheduler_subscribes_where_the_leading_master_is() -> None:
    """The master of before may be down, and then a restart would find nobody."""
    host = member(1, wanted=wanted(sds=TWO_DISKS), devices=NEW_DISK)
    step = app_step(plan(services(host, leader="m3:5050"), host))
    assert "-uri=m3:5050 " in step.args["app"]["fields"]["cmd"]
    assert "knows others of agent01" in step.sentence


def test_a_scheduler_at_work_stays_where_it_subscribed() -> None:
    host = member(1)
    assert plan(services(host, leader="m2:5050"), host).phases == ()


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        pytest.param({}, ["restart_app", "await_nodes", "await_gateway"], id="it runs"),
        pytest.param(
            {"settled": False, "deployments": ["d1"]}, ["await_nodes", "await_gateway"], id="it is being started"
        ),
    ],
)
def test_a_scheduler_that_does_not_answer(app: Mapping[str, Any], expected: list[str]) -> None:
    host = member(1)
    part = services(host, app=app)
    part["scheduler"].update(error="ScaleIO scheduler: no answer", nodes=None)
    found = plan(part, host)
    assert kinds(found) == expected
    if "restart_app" in expected:
        assert "its scheduler at http://10.0.0.11:31000 does not answer; " in app_step(found).sentence


def test_a_dead_node_that_holds_others_up_leaves_with_a_restart() -> None:
    host = member(1)
    nodes = {name(1): known(QE, state=5), "agent77": known({}, state=2)}
    found = plan(services(host, nodes=nodes), host)
    assert app_step(found).sentence == (
        "restart the app /scaleio-scheduler through Marathon: it waits for agent77, whose agent is gone, and forgets nobody while"
        f" it runs; {MEANS}"
    )
    assert front_steps(found)[1].args["hosts"] == ["agent01"]


def test_a_dead_node_that_holds_nobody_up_stays() -> None:
    host = member(1)
    nodes = {name(1): known(QE), "agent77": known({}, state=2)}
    assert plan(services(host, nodes=nodes), host).phases == ()


def test_a_member_that_is_brought_back_is_no_dead_node() -> None:
    members = [member(1), member(2, up=False)]
    nodes = {name(1): known(QE, state=7), name(2): known(QE, state=2)}
    part = services(
        *members, nodes=nodes, provided={"engineering": {"qe": {address(1): ["/dev/xvdf"], address(2): ["/dev/xvdf"]}}}
    )
    found = plan(part, *members)
    assert outline(found)[0][0] == "without taking an agent down"
    assert kinds(found) == ["await_nodes", "await_gateway"]


# -- refusals --------------------------------------------------------------------------------------------------------

HOST = member(1)
RULE = disk()["taken_because"]


def refused_part(place: str, **changes: Any) -> dict[str, Any]:
    part = services(HOST)
    return {**part, place: {**part[place], **changes}}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        pytest.param(
            refused_part("marathon", error="Marathon: no answer", app=None, declared=None),
            ["Marathon: no answer"],
            id="Marathon is down",
        ),
        pytest.param(
            refused_part("mesos_framework", error="no master leads", registered=None, frameworks=None),
            ["no master leads"],
            id="no master leads",
        ),
        pytest.param(
            refused_part(
                "gateway", error="ScaleIO gateway: the gateway refuses the password of the user 'admin'", domains=None
            ),
            ["ScaleIO gateway: the gateway refuses the password of the user 'admin'"],
            id="a wrong password",
        ),
        pytest.param(
            services(HOST, declared={"password": ""}),
            ["scaleio_password is empty: give the password of ScaleIO's user admin, best from a vault"],
            id="no password",
        ),
        pytest.param(
            services(
                HOST,
                declared={
                    "mdms": {
                        "primary": ["10.0.0.31", "10.0.0.34"],
                        "secondary": ["10.0.0.32"],
                        "tiebreaker": ["10.0.0.33"],
                    }
                },
            ),
            ["2 hosts have scaleio_mdm_role: primary (10.0.0.31, 10.0.0.34); exactly one is needed"],
            id="two primaries",
        ),
        pytest.param(
            services(HOST, declared={"app": "/a b"}),
            ["scaleio_framework_app is /a b: "],
            id="an app that Marathon would refuse",
        ),
        pytest.param(
            services(HOST, gateway={"mdm": {**services(HOST)["gateway"]["mdm"], "tiebreakers": [an_mdm("10.0.0.39")]}}),
            ["the MDM of the role tiebreaker is 10.0.0.39 at the gateway, and 10.0.0.33 is declared"],
            id="another tiebreaker",
        ),
        pytest.param(
            {**services(HOST), "agents": [agent_of(HOST), stranger("b", RACK), stranger("a")]},
            [
                "a, b: registered at the leading master without imperative attributes and not in the inventory, so the framework takes"
                " every unused disk there: put it into the group, or stop its agent"
            ],
            id="bare agents that no inventory names",
        ),
        pytest.param(
            refused_part("mesos_framework", registered=None, frameworks=[registered(1), registered(2, hostname="x")]),
            [
                "the leading master knows 2 frameworks called ScaleIO Framework (F1 from agent01, F2 from x), and Marathon runs 1 task of it"
                " (/scaleio-scheduler): stop the scheduler that is not this app's, or name its app in scaleio_framework_app"
            ],
            id="a second scheduler",
        ),
        pytest.param(
            refused_part("marathon", app=None),
            [
                "the leading master knows 1 framework called ScaleIO Framework (F1 from agent01), and Marathon has no such app"
                " (/scaleio-scheduler): stop the scheduler that is not this app's, or name its app in scaleio_framework_app"
            ],
            id="a scheduler of somebody else",
        ),
    ],
)
def test_services_that_are_not_as_they_should_be(part: Mapping[str, Any], expected: list[str]) -> None:
    found = refusals(part, HOST)
    assert len(found) == len(expected)
    for sentence, wanted_sentence in zip(found, expected):
        assert sentence == wanted_sentence or (wanted_sentence.endswith(": ") and sentence.startswith(wanted_sentence))


def test_strangers_that_take_nothing() -> None:
    others = [stranger("a", QE_FILES), stranger("b", active=False)]
    part = {**services(HOST), "agents": [agent_of(HOST), *others]}
    assert plan(part, HOST).phases == ()


def test_managers_that_have_changed_places_are_a_warning() -> None:
    mdm = services(HOST)["gateway"]["mdm"]
    swapped = {**mdm, "primary": an_mdm("10.0.0.32"), "secondaries": [an_mdm("10.0.0.31")]}
    found = plan(services(HOST, gateway={"mdm": swapped}), HOST)
    assert not found.refused
    assert "the MDM 10.0.0.32 is primary now and 10.0.0.31 secondary: they have changed places" in found.warnings


def test_without_the_gateway_nothing_is_said_about_disks() -> None:
    """What an SDS has open would look like a disk in use."""
    host = bare(1)
    part = services(host)
    part["gateway"] = {**part["gateway"], "error": "ScaleIO gateway: no answer", "domains": None, "sds": None}
    found = plan(part, host)
    assert (found.refused, found.notes) == (("ScaleIO gateway: no answer",), ())


def test_a_persona_beside_preconfigured_managers() -> None:
    host = member(1, {**RACK, **QE_FILES, "scaleio-persona": "primary"}, wanted=wanted(persona="primary"))
    assert refusals(services(host), host) == [
        "agent01: scaleio_persona is primary, and the MDMs are configured beforehand (scaleio_mdm_role): the framework then ignores"
        " personas; leave scaleio_persona out"
    ]


@pytest.mark.parametrize(
    ("disks", "confirmed", "expected"),
    [
        pytest.param(
            [disk(), disk("/dev/xvdg")],
            [],
            [
                "the framework would take 2 disks that nobody has confirmed (agent01 /dev/xvdf, agent01 /dev/xvdg): list each in the"
                f" host's scaleio_global_pool_devices, or {GIVE}"
            ],
            id="nobody has confirmed",
        ),
        pytest.param(
            [disk(free=False, free_because=["is held by dm-0 in the kernel"])],
            ["/dev/xvdf"],
            [
                f"agent01: the framework would take /dev/xvdf, which is held by dm-0 in the kernel, and still {RULE}: free it,"
                f" hide it from the framework's rule, or {GIVE}"
            ],
            id="in use",
        ),
        pytest.param(
            [disk(), disk("/dev/xvdg", size_bytes=50 * model.GB)],
            ["/dev/xvdf", "/dev/xvdg"],
            [
                "agent01: the framework would take /dev/xvdg, which has 50 GB; ScaleIO takes devices from 100 GB to 6 TB, so that the"
                f" gateway refuses it: hide it from the framework's rule, for example by a file system, or {GIVE}"
            ],
            id="of a size that the gateway refuses, though confirmed",
        ),
        pytest.param(
            [disk()],
            ["/dev/xvdf", "/dev/xvdg"],
            [
                "agent01: scaleio_global_pool_devices confirms /dev/xvdg, which is not there; this host has the disks /dev/xvdf"
            ],
            id="confirmed and gone",
        ),
        pytest.param(
            [used_disk("/dev/xvdf", taken_because="blkid prints /dev/xvdf, which contains its name")],
            ["/dev/xvdf"],
            [
                "agent01: scaleio_global_pool_devices confirms /dev/xvdf, and the framework does not take it (blkid prints /dev/xvdf,"
                " which contains its name; it in use): look at what is on it, and take it out of the list or free it"
            ],
            id="confirmed, and somebody has put a file system on it",
        ),
    ],
)
@pytest.mark.parametrize("runs", [False, True], ids=["before the first start", "while it runs"])
def test_disks_without_consent(disks: list[Any], confirmed: list[str], expected: list[str], runs: bool) -> None:
    host = bare(1, devices=disks, confirmed=confirmed)
    part = services(host, nodes={}, provided={})
    found = plan(part if runs else not_started(part), host)
    assert list(found.refused) == expected
    assert len(found.notes) == len([device for device in disks if device["taken"]])


def test_a_new_host_without_consent_stops_the_play_naming_its_disks() -> None:
    members = [bare(1), bare(2, devices=[disk(), disk("/dev/xvdg")], confirmed=[], up=False, agent_id=None)]
    (sentence,) = refusals(services(members[0]), *members)
    assert sentence.startswith(
        "the framework would take 2 disks that nobody has confirmed (agent02 /dev/xvdf, agent02 /dev/xvdg)"
    )


WHOLE = {"engineering": {"qe": ["/dev/xvdf"]}}
RELEASED = {"state": "absent", "sds": None, "allow_global_pool": True}
TAKES_ONE = "the framework would take 1 disk that nobody has confirmed (agent02 /dev/xvdf): "
KEEP = "declare scaleio_state: absent without scaleio_allow_global_pool, so that scaleio-sdc-domains stands"


@pytest.mark.parametrize("method", ["imperative", "global_pool"])
@pytest.mark.parametrize(
    ("files", "known_as"),
    [
        pytest.param({**RACK, **QE_FILES}, known(WHOLE), id="with attributes"),
        pytest.param(RACK, known(imperative=False, advertised=True), id="without, and asked for its disks already"),
        pytest.param(RACK, None, id="without, and never met"),
    ],
)
def test_a_host_that_is_released_to_the_global_pool_gives_confirmed_disks_only(
    method: str, files: dict[str, str], known_as: Any
) -> None:
    """Whom the framework knows with attributes it forgets with its next start, which Marathon may cause at any time."""
    other = bare(1) if method == "global_pool" else member(1)
    nodes = {name(1): known(WHOLE, imperative=method == "imperative", advertised=True)}
    if known_as:
        nodes[name(2)] = known_as
    pool = {"protection_domain": "engineering", "storage_pool": "qe"}
    shown = {"engineering": {"qe": {address(1): ["/dev/xvdf"]}}}
    one = member(2, files, devices=[disk()], wanted=wanted(**RELEASED, method=method))
    assert refusals(services(other, one, declared=pool, nodes=nodes, provided=shown), other, one) == [
        f"{TAKES_ONE}list each in the host's scaleio_global_pool_devices, or {KEEP}"
    ]
    agreed = {**one, "wanted": wanted(**RELEASED, method=method, global_pool_devices=["/dev/xvdf"])}
    found = plan(services(other, agreed, declared=pool, nodes=nodes, provided=shown), other, agreed)
    assert front_steps(found)[-1].args["declared"][name(2)]["provides"] == WHOLE


def test_a_released_disk_of_a_wrong_size_is_refused_although_confirmed() -> None:
    said = wanted(**RELEASED, global_pool_devices=["/dev/xvdf"])
    members = [member(1), member(2, RACK, devices=[disk(size_bytes=50 * model.GB)], wanted=said)]
    (sentence,) = refusals(services(members[0]), *members)
    assert sentence.endswith(f"hide it from the framework's rule, for example by a file system, or {KEEP}")


def test_a_host_whose_attributes_are_not_in_force_yet_is_sent_to_the_playbook_of_its_method() -> None:
    """Onboarding leaves alone who has joined; that a disk of it is confirmed would help nobody."""
    identity = {"system": "scaleio", "cluster": "scaleio", "member": name(2), "ordinal": 1}
    members = [member(1), member(2, RACK, devices=[disk()], identity=identity)]
    for one in members:
        one["wanted"]["settings"]["only_new"] = True
    (sentence,) = refusals(services(members[0]), *members)
    assert sentence == (
        f"{TAKES_ONE}bring the host's declared attributes into force with the playbook of its method (scaleio_imperative or"
        f" scaleio_global_pool)"
    )


def test_the_limits_of_scaleio_count_disks_of_the_global_pool_too() -> None:
    paths = [f"/dev/sd{number}" for number in range(65)]
    host = bare(1, devices=[disk(path) for path in paths], confirmed=paths)
    found = plan(not_started(services(host, nodes={}, provided={})), host)
    assert found.refused == (
        "agent01: 65 devices; an SDS takes at most 64",
        "agent01: 130 TB; an SDS takes at most 64 TB",
    )
    (few,) = plan(services(bare(1)), bare(1)).warnings
    assert few.startswith("the pool default of default has devices on 1 hosts (agent01)")


def test_a_host_where_the_rule_fails() -> None:
    host = bare(1, devices=[], confirmed=[], framework={"offers": [], "error": "blkid ends with status 2"})
    (sentence,) = refusals(services(host), host)
    assert sentence.startswith(
        "agent01: the framework fails on this host (blkid ends with status 2), so that it never comes"
    )


def test_a_device_by_attribute_that_somebody_else_has_open() -> None:
    host = member(1)
    part = services(host, provided={})
    assert refusals(not_started(part), host) == [
        f"agent01: /dev/xvdf is one of its devices by attribute and not at the gateway, and {BUSY}: free it, or declare another one"
    ]
    # Where a scheduler runs, the SDS may have taken it a moment ago.
    assert kinds(plan(part, host)) == ["await_gateway"]


ELSEWHERE = {"engineering": {"dev": {address(1): ["/dev/xvdf"]}}}
OTHER_DOMAIN = {"finance": {"qe": {address(1): ["/dev/xvdf"]}}}
MORE = {"engineering": {"qe": {address(1): ["/dev/xvdf", "/dev/xvdg"]}}}
FIRST = "evacuate it at the gateway and remove it there first, then run again"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"provided": ELSEWHERE},
            [
                "/dev/xvdf of agent01 is in the pool engineering/dev and not in engineering/qe; the framework never moves one: remove it"
                " at the gateway first"
            ],
            id="a device into another pool",
        ),
        pytest.param(
            {"provided": MORE},
            [
                "agent01: /dev/xvdg is in the pool engineering/qe at the gateway and no longer declared: the framework never removes a"
                f" device; {FIRST}"
            ],
            id="a device that is left out",
        ),
        pytest.param(
            {"provided": OTHER_DOMAIN},
            [
                "the SDS sds_10.0.0.11 of agent01 is in the protection domain finance and not in engineering; the framework never moves"
                " one: evacuate its devices and remove it at the gateway first",
                "/dev/xvdf of agent01 is in the pool finance/qe and not in engineering/qe; the framework never moves one: remove it at"
                " the gateway first",
            ],
            id="another domain",
        ),
        pytest.param(
            {"gateway": {"sds": {address(1): an_sds(address(1), "engineering", name="mine")}}},
            [
                "the SDS mine of agent01 must be called sds_10.0.0.11 to be found by the framework; rename it",
            ],
            id="an SDS of another name",
        ),
        pytest.param(
            {"nodes": {name(1): known({"finance": {"qe": ["/dev/xvdf"]}})}, "provided": {}},
            [
                "agent01: the framework knows it in the protection domain finance and not in engineering: it never moves a node; remove"
                " the app /scaleio-scheduler from Marathon, remove the SDS sds_10.0.0.11 at the gateway if it is there, then run again"
            ],
            id="known in another domain",
        ),
    ],
)
def test_what_the_framework_never_moves_or_removes(changes: Any, expected: list[str]) -> None:
    assert refusals(services(HOST, **changes), HOST) == expected


def test_a_node_that_leaves_while_its_device_is_at_the_gateway() -> None:
    host = member(1, wanted=wanted(state="absent", sds=None))
    others = [member(2)]
    assert refusals(services(host, *others), host, *others) == [
        "agent01: /dev/xvdf is in the pool engineering/qe at the gateway and no longer declared: the framework never removes a device;"
        f" {FIRST}"
    ]


def test_a_pool_of_the_global_kind_turned_imperative_elsewhere_is_a_move() -> None:
    """And not a device that is not free: the SDS of this very host has it open."""
    host = member(1, RACK)
    found = refusals(services(host, provided=AT_GATEWAY, nodes={name(1): known(OLD, imperative=False)}), host)
    assert found == [
        "the SDS sds_10.0.0.11 of agent01 is in the protection domain default and not in engineering; the framework never moves one:"
        " evacuate its devices and remove it at the gateway first",
        "/dev/xvdf of agent01 is in the pool default/default and not in engineering/qe; the framework never moves one: remove it at"
        " the gateway first",
    ]


def test_attributes_that_were_lost_come_back_although_the_sds_has_the_device_open() -> None:
    host = member(1, RACK)
    at_gateway = {"engineering": {"qe": {address(1): ["/dev/xvdf"]}}}
    found = plan(services(host, provided=at_gateway, nodes={name(1): known(QE)}), host)
    assert outline(found) == [
        (QUIET, {FRONT: ["await_quiet"]}),
        ("batch 1 of 1", {"agent01": ["files", "takeover", "record"]}),
    ]


# -- methods and states ----------------------------------------------------------------------------------------------


def test_both_methods_beside_each_other_when_they_may() -> None:
    members = [
        bare(1, devices=[disk()], wanted=MIXED),
        new(2, wanted=wanted(method="global_pool", **MIXED)),
    ]
    found = plan(not_started(services(*members, nodes={}, provided={})), *members)
    declared = front_steps(found)[-1].args["declared"]
    assert declared["agent01"]["provides"] == {"default": {"default": ["/dev/xvdf"]}}
    assert declared["agent02"]["provides"] == {"engineering": {"qe": ["/dev/xvdf"]}}


def test_attributes_in_a_global_pool_that_is_not_mixed() -> None:
    host = member(1, wanted=wanted(method="global_pool"))
    assert refusals(services(host), host) == [
        "agent01: declares scaleio_sds or scaleio_sdc in a cluster of scaleio_method global_pool: leave them out, or set"
        " scaleio_global_pool_mixed: true"
    ]


def test_a_client_of_the_global_pool() -> None:
    clients = wanted(method="global_pool", sds=None, sdc={"default": ["shared"]}, **MIXED)
    members = [bare(1, wanted=MIXED), member(2, RACK, wanted=clients, devices=[disk()])]
    at_gateway = {"default": {"shared": {address(1): ["/dev/xvdf"]}}}
    part = services(members[0], declared={"storage_pool": "shared"}, provided=at_gateway)
    declared = front_steps(plan(part, *members))[-1].args["declared"]
    assert declared["agent02"]["provides"] == {"default": {"shared": []}}


def test_rollback_to_what_the_gateway_still_has() -> None:
    more = {**RACK, **QE_FILES, "scaleio-sds-qe": "/dev/xvdf,/dev/xvdg"}
    host = member(
        1,
        more,
        wanted=wanted(state="rollback", sds=None),
        previous={"files": QE_FILES},
        devices=NEW_DISK,
    )
    at_gateway = {"engineering": {"qe": {address(1): ["/dev/xvdf"]}}}
    found = plan(services(host, provided=at_gateway, nodes={name(1): known(TWO_DISKS)}), host)
    assert kinds(found) == ["restart_app", "await_nodes", "await_gateway"]
    (sentence,) = refusals(services(host, provided=MORE), host)
    assert sentence.startswith("agent01: /dev/xvdg is in the pool engineering/qe at the gateway and no longer declared")


def test_a_host_that_is_gone_on_purpose_is_neither_waited_for_nor_in_the_way() -> None:
    gone = member(2, wanted=wanted(state="absent", sds=None), up=False)
    gone["agent"]["unit"]["enabled"] = "disabled"
    found = plan(not_started(services(new(1), nodes={}, provided={})), new(1), gone)
    assert front_steps(found)[0].args["declared_hosts"] == ["agent01"]
    assert front_steps(found)[1].args["hosts"] == ["agent01"]


def test_a_gone_host_whose_agent_comes_up_bare_is_a_stranger() -> None:
    gone = member(2, RACK, wanted=wanted(state="absent", sds=None), up=False)
    gone["agent"]["unit"]["enabled"] = "disabled"
    part = {**services(HOST), "agents": [agent_of(HOST), stranger(name(2))]}
    (sentence,) = refusals(part, HOST, gone)
    assert sentence.startswith("agent02: registered at the leading master without imperative attributes")


def onboarding(**changes: Any) -> dict[str, Any]:
    return wanted(only_new=True, **changes)


def test_onboarding_beside_a_known_cluster() -> None:
    """Only the newcomer acts, and the scheduler meets it without a restart."""
    members = [
        member(1, wanted=onboarding()),
        member(2, wanted=onboarding()),
        new(17, wanted=onboarding(), up=False, agent_id=None),
    ]
    found = plan(services(*members[:2]), *members)
    assert outline(found) == [
        ("without taking an agent down", {"agent17": ["look_again", "files", "takeover", "record"]}),
        (FRAMEWORK, {FRONT: ["await_nodes", "await_gateway"]}),
    ]
    assert front_steps(found)[0].args["hosts"] == ["agent17"]


def test_onboarding_does_not_wait_for_a_member_that_is_left_down() -> None:
    joined = {"system": "scaleio", "cluster": "scaleio", "member": name(1), "ordinal": 0}
    members = [
        member(1, wanted=onboarding(), up=False, identity=joined, devices=[disk()]),
        new(17, wanted=onboarding(), up=False, agent_id=None),
    ]
    part = services(members[0], nodes={}, provided={})
    for found in (plan(part, *members), plan(not_started(part), *members)):
        assert [step.args["hosts"] for step in front_steps(found) if step.kind == "await_nodes"] == [["agent17"]]
        assert all("agent01" not in phase.steps for phase in found.phases)
        assert set(front_steps(found)[-1].args["declared"]) == {"agent17"}
        assert "agent01: the agent is left down, so the framework is not waited for there" in found.warnings


# -- a quiet gateway -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("devices", [True, False], ids=["with devices", "without"])
def test_quiet_phases_stand_before_each_batch_exactly_when_the_gateway_has_devices(devices: bool) -> None:
    disks = [held(), disk("/dev/xvdg")] if devices else [disk(), disk("/dev/xvdg")]
    members = [member(number, wanted=wanted(sds=TWO_DISKS), devices=disks) for number in (1, 2, 3)]
    provided: Any = None if devices else {"engineering": {"qe": {}}}
    names = [phase.name for phase in plan(services(*members, provided=provided), *members).phases]
    batches = [f"batch {number} of 3" for number in (1, 2, 3)]
    rollout = [step for batch in batches for step in ((QUIET, batch) if devices else (batch,))]
    assert names == [*rollout, LOOK, FRAMEWORK]


def test_nobody_waits_for_a_quiet_gateway_who_takes_nobody_down() -> None:
    members = [member(1), member(2, up=False)]
    found = plan(
        services(*members, provided={"engineering": {"qe": {address(1): ["/dev/xvdf"], address(2): ["/dev/xvdf"]}}}),
        *members,
    )
    assert QUIET not in [phase.name for phase in found.phases]


def test_how_a_quiet_gateway_is_asked_for() -> None:
    members = [member(1, wanted=wanted(sds=TWO_DISKS), devices=NEW_DISK)]
    (step,) = plan(services(*members), *members).phases[0].steps[FRONT]
    assert (step.kind, step.args, is_of_services(step)) == ("await_quiet", {"timeout": 900.0}, True)
    assert step.sentence == "wait until the gateway shows no rebuild, no rebalance and no degraded capacity"


# -- who talks to the services ---------------------------------------------------------------------------------------


def test_a_member_may_talk_to_the_services_itself() -> None:
    host = new(1)
    part = not_started(services(host, nodes={}, provided={}))
    found = plan_cluster("scaleio", [{**host, "services": part}], select)
    assert [(phase.name, list(phase.steps)) for phase in found.phases] == [
        ("batch 1 of 1", ["agent01"]),
        (LOOK, ["agent01"]),
        (FRAMEWORK, ["agent01"]),
    ]
    for phase in found.phases:
        assert len({is_of_services(step) for step in phase.steps["agent01"]}) == 1


@pytest.mark.parametrize(
    ("observations", "expected"),
    [
        pytest.param(
            [front(services(HOST)), front(services(HOST), "m2"), HOST],
            ["m1, m2: one host of a cluster talks to its gateway; leave one in the group of scaleio_gateway_group"],
            id="two",
        ),
        pytest.param(
            [bare(1)],
            [
                "scaleio_method is global_pool and no host is in the group of scaleio_gateway_group: what the framework has taken is seen at"
                " the gateway alone; put the host into the group that reaches it"
            ],
            id="nobody, and a global pool",
        ),
        pytest.param([front(services(HOST))], ["the cluster has a host for its services, and no agent"], id="no agent"),
        pytest.param(
            [unseen(FRONT), HOST],
            [
                "m1 could not be observed: no route to host",
                "the whole cluster must be visible before anything is changed",
            ],
            id="out of reach",
        ),
    ],
)
def test_fronts_that_are_refused(observations: list[Mapping[str, Any]], expected: list[str]) -> None:
    assert list(plan_cluster("scaleio", observations, select).refused) == expected


def test_what_is_amiss_at_the_gateway_alone_plans_nothing() -> None:
    """An SDS that was lost or a failed device is for status and its reader."""
    gateway = services(HOST)["gateway"]
    domains = gateway["domains"]
    domains["engineering"]["pools"]["qe"]["devices"][address(1)] = [a_device("/dev/xvdf", error="Error")]
    assert plan(services(HOST, gateway={"domains": domains}), HOST).phases == ()


def test_the_app_of_the_tests_is_the_declared_one() -> None:
    part = services(HOST)
    assert part["marathon"]["declared"] == app_of(part["wanted"], "m1:5050").to_json()


def test_a_node_that_left_the_inventory_and_still_contributes() -> None:
    part = services(member(1), member(2))
    assert refusals(part, member(1)) == [
        "agent02: /dev/xvdf is in the pool engineering/qe at the gateway, and the host is not in the inventory: the framework never"
        " removes a node; put its line back, or evacuate it at the gateway, remove it there and stop its agent, then run again"
    ]
    for agent in part["agents"]:
        agent["active"] = agent["hostname"] == "agent01"
    assert plan(part, member(1)).refused == ()
