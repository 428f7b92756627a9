# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster's plan: what is refused and in which words, what is planned for one node, and in which order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import jmespath
import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Condition, Plan
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import gather, natural, plan_cluster
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import (
    DIRECTORY,
    MASTERS,
    QE_FILES,
    TB,
    agent,
    disk,
    observation,
    unseen,
    used_disk,
    wanted,
)


def plan(*observations: Mapping[str, Any]) -> Plan:
    return plan_cluster("scaleio", observations, select)


def refusals(*observations: Mapping[str, Any]) -> list[str]:
    found = plan(*observations)
    assert not found.phases
    return list(found.refused)


def sentences(found: Plan, member: str = "agent01") -> list[str]:
    assert not found.refused, found.refused
    return [step.sentence for phase in found.phases for step in phase.steps.get(member, ())]


def phases(found: Plan) -> list[tuple[str, list[str]]]:
    assert not found.refused, found.refused
    return [(phase.name, list(phase.steps)) for phase in found.phases]


def written(found: Plan, member: str = "agent01") -> dict[str, str | None]:
    """What the plan leaves of the files: name -> content without its newline, None for removed."""
    changes: dict[str, str | None] = {}
    for phase in found.phases:
        for step in phase.steps.get(member, ()):
            if step.kind in ("write_file", "remove_file"):
                content = step.args.get("content")
                changes[step.args["path"].rpartition("/")[2]] = None if content is None else content.removesuffix("\n")
    return changes


CLAIM = {
    "plan_id": "p",
    "controller": {},
    "phase": 1,
    "phases": 1,
    "hosts": ["agent01"],
    "supersedes": [],
    "effect": True,
    "state": "acting",
    "at": 0.0,
    "age": 99.0,
    "acting": False,
}
MANY = tuple(observation(f"agent{number:02d}") for number in range(1, 4))


# -- views that are refused ---------------------------------------------------------------------------------------------


def test_an_incomplete_view_is_refused_with_the_reason_of_each_member() -> None:
    assert refusals(observation("agent01"), unseen("agent03"), unseen("agent02", "limited away")) == [
        "agent02 could not be observed: limited away",
        "agent03 could not be observed: no route to host",
        "the whole cluster must be visible before anything is changed",
    ]


@pytest.mark.parametrize(
    ("masters", "sentence"),
    [
        (
            [],
            "0 Mesos masters are declared (none); a quorum that survives the loss of one needs an odd number, at least 3",
        ),
        (
            MASTERS[:2],
            "2 Mesos masters are declared (http://m1:5050, http://m2:5050); a quorum that survives the loss of one needs an"
            " odd number, at least 3",
        ),
        (
            [MASTERS[0]] * 3,
            "1 Mesos masters are declared (http://m1:5050); a quorum that survives the loss of one needs an odd number, at least 3",
        ),
        (
            [*MASTERS, "http://m4:5050"],
            "4 Mesos masters are declared (http://m1:5050, http://m2:5050, http://m3:5050, http://m4:5050); a quorum that"
            " survives the loss of one needs an odd number, at least 3",
        ),
    ],
    ids=["none", "two", "one, three times", "four"],
)
def test_masters(masters: Sequence[str], sentence: str) -> None:
    assert refusals(observation(wanted=wanted(masters=list(masters)))) == [sentence]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(
            "the master http://m1:5050 knows no leader (No leader elected); wait for an election", id="none leads"
        ),
        pytest.param(
            "the master http://m1:5050 answers 401: it refuses the password of the user 'ops'; correct them", id="401"
        ),
    ],
)
def test_masters_that_do_not_answer(error: str) -> None:
    seen = {"asked": list(MASTERS), "leader": None, "error": error, "connected": None, "agents": []}
    assert refusals(observation("agent01", master=seen), observation("agent02", master=seen)) == [
        f"agent01, agent02: {error}"
    ]


def test_settings_of_the_cluster_that_differ() -> None:
    assert refusals(observation("agent01"), observation("agent02", wanted=wanted(max_unavailable=2))) == [
        "agent02 declares max_unavailable = 2 and agent01 1; it is a setting of the whole cluster and must be the same everywhere"
    ]


def test_no_agent_may_be_down_is_no_rollout() -> None:
    assert refusals(observation(wanted=wanted(max_unavailable=0))) == [
        "scaleio_max_unavailable is 0; it must be at least 1"
    ]


def test_a_slice_of_the_inventory() -> None:
    assert refusals(observation(wanted=wanted(expected_members=16))) == [
        "scaleio_expected_members is 16 and the group has 1: this looks like a slice of the inventory"
    ]


def test_two_hosts_with_one_identity() -> None:
    record = {"system": "scaleio", "cluster": "scaleio", "member": "agent01", "ordinal": 0}
    assert refusals(observation("agent01", identity=record), observation("agent02", identity=record)) == [
        "ordinal 0 is recorded on agent01 and on agent02: one is probably a copy of the other's disk; remove the record on"
        " the host that is the copy"
    ]


def test_one_bad_node_refuses_its_whole_cluster_and_every_node_is_told() -> None:
    bad = wanted(sds={"7": {"qe": []}})
    found = plan(observation("agent01"), observation("agent02", wanted=bad), observation("agent03", wanted=bad))
    assert not found.phases
    assert [line.partition(": ")[0] for line in found.refused] == ["agent02, agent03"] * 2


def test_obstacles_are_refused_in_their_own_words() -> None:
    obstacle = {"kind": "subdirectory", "path": "/x", "sentence": "/x is a directory, remove it"}
    assert refusals(observation(agent=agent({}, obstacles=[obstacle]))) == ["agent01: /x is a directory, remove it"]


def test_gather_names_a_few_and_counts_the_others() -> None:
    assert gather([(f"a{n}", "s") for n in range(4)]) == ["a0, a1, a2, a3: s"]
    assert gather([(f"a{n}", "s") for n in range(7)]) == ["a0, a1, a2 and 4 more: s"]


def test_natural_order() -> None:
    assert sorted(["agent10", "agent2", "a\u00b2", "\u00b2", "b"], key=natural) == [
        "agent2",
        "agent10",
        "a\u00b2",
        "b",
        "\u00b2",
    ]


# -- one node -----------------------------------------------------------------------------------------------------------


def test_a_first_deployment_writes_leaves_first_restarts_once_and_records_last() -> None:
    found = plan(observation())
    reason = (
        "new_agent_id: attributes differ from those of the first registration (with scaleio-sdc-domains, with"
        " scaleio-sdc-engineering, with scaleio-sds-domains, with scaleio-sds-engineering, with scaleio-sds-qe), which the"
        " reconfiguration policy 'equal' never admits"
    )
    assert sentences(found) == [
        f"write {DIRECTORY}/scaleio-sds-qe: /dev/xvdf",
        f"write {DIRECTORY}/scaleio-sdc-engineering: qe",
        f"write {DIRECTORY}/scaleio-sds-engineering: qe",
        f"write {DIRECTORY}/scaleio-sds-domains: engineering",
        f"write {DIRECTORY}/scaleio-sdc-domains: engineering",
        "stop mesos-slave.service",
        f"set /var/lib/mesos/meta/slaves/latest aside, so that the agent gives up its ID S1 ({reason}); nothing but what starts"
        " again by itself ends with it",
        "start mesos-slave.service: the agent gets a new ID; wait until the leading master shows it",
        "record this host as agent01, ordinal 0, in /var/lib/holdfast/scaleio/scaleio.json",
    ]
    assert written(found) == QE_FILES


def test_converged_is_no_step() -> None:
    found = plan(observation(agent=agent({"rack": "r1", **QE_FILES})))
    assert (found.phases, found.refused, found.warnings[:0]) == ((), (), ())


def test_plans_survive_json() -> None:
    found = plan(*MANY)
    assert Plan.from_json(json.loads(json.dumps(found.to_json()))) == found


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"sds": {"eng": {"a": ["/dev/xvdf"], "b": ["/dev/xvdg"]}}},
            {"scaleio-sdc-domains": "eng", "scaleio-sdc-eng": "b"},
            id="the last pool",
        ),
        pytest.param({"sds": {"eng": {"a": ["/dev/xvdf"]}}, "sdc_default": "none"}, {}, id="none"),
        pytest.param(
            {"sds": {"eng": {"a": ["/dev/xvdf"], "b": ["/dev/xvdg"]}}, "sdc": {"eng": ["a"]}},
            {"scaleio-sdc-domains": "eng", "scaleio-sdc-eng": "a"},
            id="declared",
        ),
        pytest.param({"sds": {"eng": {"a": ["/dev/xvdf"]}}, "sdc": {}}, {}, id="declared as nothing"),
    ],
)
def test_the_client_part(changes: Mapping[str, Any], expected: Mapping[str, str]) -> None:
    found = plan(observation(wanted=wanted(**changes), devices=[disk("/dev/xvdf"), disk("/dev/xvdg")]))
    assert {name: value for name, value in written(found).items() if name.startswith("scaleio-sdc-")} == expected


def test_a_client_of_a_domain_that_nobody_serves() -> None:
    assert refusals(observation("agent01"), observation("agent02", wanted=wanted(sds=None, sdc={"other": ["qe"]}))) == [
        "agent02: scaleio_sdc names the protection domain other, which no scaleio_sds of this cluster declares: the framework"
        " would create it, with an SDS and an empty pool"
    ]


def test_a_client_alone_contributes_no_device() -> None:
    found = plan(*MANY, observation("agent04", wanted=wanted(sds=None, sdc={"engineering": ["qe"]})))
    assert written(found, "agent04") == {"scaleio-sdc-domains": "engineering", "scaleio-sdc-engineering": "qe"}


def test_nothing_declared() -> None:
    assert refusals(observation(wanted=wanted(sds=None))) == [
        "agent01: declares neither scaleio_sds nor scaleio_sdc: without attributes the framework takes every unused disk of this"
        " host; declare one of them (scaleio_sdc alone contributes no device), or take the host out of the group"
    ]


def test_more_than_one_pool_is_a_warning() -> None:
    two = wanted(sds={"eng": {"a": ["/dev/xvdf"], "b": ["/dev/xvdg"]}})
    found = plan(observation(wanted=two, devices=[disk("/dev/xvdf"), disk("/dev/xvdg")]))
    assert any(
        "has 2 storage pools (a, b; scaleio_sds and scaleio_sdc count together): REX-Ray uses one pool" in text
        for text in found.warnings
    )


def test_a_pool_that_only_clients_name_is_a_warning_and_one_more_pool_for_rex_ray() -> None:
    qee = wanted(sdc={"engineering": ["qee"]})
    client = observation("agent04", wanted=wanted(sds=None, sdc={"engineering": ["qee"]}))
    found = plan(*MANY[:2], observation("agent03", wanted=qee), client)
    assert found.phases
    assert found.warnings[0].startswith("agent03: has 2 storage pools (qe, qee; ")
    assert (
        "agent03, agent04: the pool qee of engineering is named in scaleio_sdc, and no host contributes a device to it: the"
        " framework creates it empty, and REX-Ray may take it for this host's volumes; correct the name, or give the pool"
        " devices in scaleio_sds"
    ) in found.warnings


def test_pools_that_some_host_serves_are_no_warning() -> None:
    assert plan(*MANY, observation("agent04", wanted=wanted(sds=None, sdc={"engineering": ["qe"]}))).warnings == ()


# -- absent and rollback --------------------------------------------------------------------------------------------------


def test_absent_leaves_the_marker() -> None:
    found = plan(observation(agent=agent(QE_FILES), wanted=wanted(state="absent", sds=None)))
    assert written(found) == {
        "scaleio-sds-domains": None,
        "scaleio-sds-engineering": None,
        "scaleio-sds-qe": None,
        "scaleio-sdc-engineering": None,
    }


def test_absent_with_the_marker_alone_is_no_step() -> None:
    files = {"scaleio-sdc-domains": "engineering"}
    assert not plan(observation(agent=agent(files), wanted=wanted(state="absent", sds=None))).phases


def test_absent_makes_a_marker_where_there_is_none() -> None:
    files = {"scaleio-sds-domains": "eng", "scaleio-sds-eng": "a", "scaleio-sds-a": "/dev/xvdf"}
    found = plan(observation(agent=agent(files), wanted=wanted(state="absent", sds=None)))
    assert written(found) == {**dict.fromkeys(files), "scaleio-sdc-domains": "eng"}


def test_absent_keeps_one_domain_of_attributes_made_by_hand() -> None:
    files = {"scaleio-sdc-domains": "one,two", "scaleio-sdc-one": "a", "scaleio-sdc-two": "b"}
    found = plan(observation(agent=agent(files), wanted=wanted(state="absent", sds=None)))
    assert written(found)["scaleio-sdc-domains"] == "one"


def test_absent_with_allow_global_pool_removes_all_and_says_what_is_exposed() -> None:
    found = plan(observation(agent=agent(QE_FILES), wanted=wanted(state="absent", sds=None, allow_global_pool=True)))
    assert written(found) == dict.fromkeys(QE_FILES)
    assert found.warnings == (EXPOSED,)


EXPOSED = (
    "agent01: will have no imperative attribute: the framework takes every disk that its rule finds unused (/dev/xvdf)"
)


def test_absent_on_a_bare_host_writes_the_marker_with_a_declared_domain() -> None:
    found = plan(observation(wanted=wanted(state="absent", sds=None)), observation("agent02"))
    assert written(found) == {"scaleio-sdc-domains": "engineering"}


def test_absent_on_a_bare_host_with_allow_global_pool_is_no_step_and_a_warning() -> None:
    found = plan(observation(wanted=wanted(state="absent", sds=None, allow_global_pool=True)))
    assert (found.phases, found.warnings) == ((), (EXPOSED,))


def test_absent_on_a_bare_host_where_nobody_declares_a_domain_is_refused() -> None:
    assert refusals(observation(wanted=wanted(state="absent", sds=None))) == [
        "agent01: has no protection domain for scaleio-sdc-domains, the one attribute that contributes nothing: without it the"
        " framework takes every unused disk of this host; declare scaleio_sds on some host, or set scaleio_allow_global_pool"
    ]


@pytest.mark.parametrize(
    ("named", "kept", "warned"),
    [
        ("qa", "qa", True),
        ("qa,engineering", "engineering", False),
        ("engineering", "engineering", False),
        ("7", "engineering", False),
    ],
    ids=["a domain that nobody declares", "one of two is declared", "declared", "no name"],
)
def test_the_domain_of_the_marker_is_a_declared_one_where_the_host_has_one(named: str, kept: str, warned: bool) -> None:
    gone = observation(agent=agent({"scaleio-sdc-domains": named}), wanted=wanted(state="absent", sds=None))
    found = plan(gone, observation("agent02"), observation("agent03"), observation("agent04"))
    assert written(found).get("scaleio-sdc-domains", named) == kept
    assert [text.partition(", with an SDS")[0] for text in found.warnings] == [
        "agent01: keeps the protection domain qa in scaleio-sdc-domains, which no scaleio_sds of this cluster declares: the"
        " framework creates it where it is not there"
    ] * warned


@pytest.mark.parametrize("files", [{"rack": "r1"}, QE_FILES], ids=["bare", "with attributes"])
@pytest.mark.parametrize("enabled", ["enabled", "disabled", "masked"])
def test_an_absent_host_whose_agent_is_switched_off_gets_its_marker_and_stays_off(
    files: Mapping[str, str], enabled: str
) -> None:
    gone = observation(agent=part(files, up=False, unit={"enabled": enabled}), wanted=wanted(state="absent", sds=None))
    found = plan(gone, observation("agent02"))
    if enabled == "enabled":
        assert kinds(found)[-1:] == ["start_agent"]
    else:
        assert kinds(found) == []
    assert {**files, **written(found)}["scaleio-sdc-domains"] == "engineering"


OLD_FILES = {"scaleio-sds-domains": "eng", "scaleio-sds-eng": "old", "scaleio-sds-old": "/dev/xvdf"}
ROLLBACK = wanted(state="rollback", sds=None)


def test_rollback_brings_the_previous_set_back_and_keeps_it() -> None:
    found = plan(observation(agent=agent(QE_FILES), previous={"files": OLD_FILES}, wanted=ROLLBACK))
    assert {**QE_FILES, **written(found)} == {**dict.fromkeys(QE_FILES), **OLD_FILES}
    assert not [
        step for phase in found.phases for step in phase.steps["agent01"] if step.subject.endswith("previous.json")
    ]


def test_rollback_twice_is_no_step() -> None:
    assert not plan(observation(agent=agent(OLD_FILES), previous={"files": OLD_FILES}, wanted=ROLLBACK)).phases


PREVIOUS = "/var/lib/holdfast/scaleio/scaleio.previous.json"


@pytest.mark.parametrize(
    ("previous", "changes", "expected"),
    [
        pytest.param(
            None, {}, [f"agent01: has no previous attribute set to go back to ({PREVIOUS} is not there)"], id="none"
        ),
        *(
            pytest.param(
                damaged,
                {},
                [f"agent01: has no previous attribute set to go back to ({PREVIOUS} is damaged)"],
                id=f"damaged {name}",
            )
            for name, damaged in (
                ("object", {"other": 1}),
                ("name", {"files": {"scaleio-../../x": "a"}}),
                ("foreign name", {"files": {"rack": "r1"}}),
                ("value", {"files": {"scaleio-sds-domains": "a\nb"}}),
                ("type", {"files": {"scaleio-sds-domains": 7}}),
            )
        ),
        pytest.param(
            {"files": {}},
            {},
            [
                "agent01: the previous attribute set has no imperative attribute: the framework would take every unused disk;"
                " use scaleio_state: absent, or set scaleio_allow_global_pool"
            ],
            id="it was bare",
        ),
        *(
            pytest.param(
                {"files": files},
                {"devices": disks},
                [
                    f"agent01: the previous attribute set may not come back: {problem}; declare the layout that is wanted"
                    f" instead (scaleio_state: present)"
                ],
                id=name,
            )
            for name, files, disks, problem in (
                (
                    "the device is gone",
                    OLD_FILES,
                    [],
                    "the device /dev/xvdf is not there; this host has no disk at all",
                ),
                (
                    "the device has a file system by now",
                    OLD_FILES,
                    [used_disk("/dev/xvdf", signatures=["ext4"])],
                    "the device /dev/xvdf carries ext4; only an empty device may be contributed, and nothing is ever wiped"
                    " here",
                ),
                (
                    "somebody has the device open",
                    {**OLD_FILES, "scaleio-sds-old": "/dev/xvdg"},
                    [disk("/dev/xvdg", free=False, free_because=["it cannot be opened exclusively (busy)"])],
                    "the device /dev/xvdg is not free: it cannot be opened exclusively (busy)",
                ),
                (
                    "a small device",
                    OLD_FILES,
                    [disk("/dev/xvdf", size_bytes=50 * 10**9)],
                    "the device /dev/xvdf has 50 GB; ScaleIO takes devices from 100 GB to 6 TB",
                ),
                (
                    "a device in two pools",
                    {**OLD_FILES, "scaleio-sds-eng": "old,new", "scaleio-sds-new": "/dev/xvdf"},
                    [disk()],
                    "the device /dev/xvdf is in the pools new and old; a device belongs to one pool",
                ),
                (
                    "a client of a domain that nobody declares",
                    {"scaleio-sdc-domains": "qa", "scaleio-sdc-qa": "p"},
                    [disk()],
                    "no scaleio_sds of this cluster declares the protection domain qa",
                ),
            )
        ),
        pytest.param(
            {"files": {**OLD_FILES, "scaleio-sdc-domains": "qa", "scaleio-sdc-qa": "p"}},
            {},
            [
                "agent01: the previous attribute set may not come back: two protection domains on one agent (eng, qa; sds and"
                " sdc count together): the framework would ask for two SDSs with one name, and which of them exists in the end"
                " is chance; declare the layout that is wanted instead (scaleio_state: present)",
                "agent01: the previous attribute set may not come back: no scaleio_sds of this cluster declares the protection"
                " domain qa; declare the layout that is wanted instead (scaleio_state: present)",
            ],
            id="two domains",
        ),
        pytest.param(
            {"files": OLD_FILES},
            {"devices": [], "devices_error": "lsblk is missing"},
            [
                "agent01: the previous attribute set may not come back: the block devices could not be looked at: lsblk is"
                " missing; declare the layout that is wanted instead (scaleio_state: present)"
            ],
            id="devices that could not be looked at",
        ),
    ],
)
def test_rollback_is_refused(previous: Any, changes: Mapping[str, Any], expected: list[str]) -> None:
    assert refusals(observation(agent=agent(QE_FILES), previous=previous, wanted=ROLLBACK, **changes)) == expected


def test_rollback_takes_a_device_that_is_in_use_by_scaleio_already() -> None:
    busy = disk(free=False, free_because=["it cannot be opened exclusively (busy)"])
    found = plan(observation(agent=agent(QE_FILES), previous={"files": OLD_FILES}, wanted=ROLLBACK, devices=[busy]))
    assert written(found)["scaleio-sds-domains"] == "eng"


def test_rollback_knows_a_device_by_its_other_names() -> None:
    by_id = {**OLD_FILES, "scaleio-sds-old": "/dev/disk/by-id/scsi-xvdf"}
    found = plan(observation(agent=agent(QE_FILES), previous={"files": by_id}, wanted=ROLLBACK))
    assert written(found)["scaleio-sds-old"] == "/dev/disk/by-id/scsi-xvdf"


def test_the_set_in_force_is_that_of_the_running_agent_and_is_kept() -> None:
    half = {**OLD_FILES, "scaleio-sds-qe": "/dev/xvdg"}
    found = plan(observation(agent=agent(half, running=OLD_FILES), devices=[disk("/dev/xvdf"), disk("/dev/xvdg")]))
    first = found.phases[0].steps["agent01"][0]
    assert (first.subject, first.args["record"]) == (PREVIOUS, {"files": OLD_FILES})


@pytest.mark.parametrize(
    ("claim", "kept"),
    [(None, True), ("done", True), ("acting", False), ("failed", False)],
    ids=["never touched", "the last run ended", "the last run died", "the last run failed"],
)
def test_files_of_an_agent_that_is_down_are_kept_unless_a_run_left_them_half_done(
    claim: str | None, kept: bool
) -> None:
    last = None if claim is None else {**CLAIM, "state": claim}
    found = plan(
        observation(agent=agent(OLD_FILES, up=False), previous={"files": {"scaleio-sdc-domains": "x"}}, claim=last)
    )
    first = found.phases[0].steps["agent01"][0]
    assert (first.args.get("record") == {"files": OLD_FILES}) is kept


def test_nothing_in_force_is_not_kept() -> None:
    assert not [text for text in sentences(plan(observation())) if "rollback" in text]


def test_a_recovering_agent_shows_no_attributes_and_that_is_not_the_set_in_force() -> None:
    part = agent(OLD_FILES)
    part["running"] = {**part["running"], "recovering": True, "attributes": {}, "agent_id": ""}
    found = plan(observation(agent=part, previous={"files": {"scaleio-sdc-domains": "eng"}}, entries=[]))
    assert found.phases[0].steps["agent01"][0].args["record"] == {"files": OLD_FILES}


# -- onboarding ---------------------------------------------------------------------------------------------------------


def record(member: str, ordinal: int = 0) -> dict[str, Any]:
    return {"system": "scaleio", "cluster": "scaleio", "member": member, "ordinal": ordinal}


NEW = wanted(only_new=True)


@pytest.mark.parametrize(
    ("joined", "why"),
    [
        pytest.param({"identity": record("agent01"), "agent": agent(OLD_FILES)}, True, id="recorded and imperative"),
        pytest.param({"identity": record("agent01")}, True, id="recorded"),
        pytest.param({"agent": agent(OLD_FILES)}, True, id="made by hand"),
        pytest.param({}, False, id="bare"),
        pytest.param(
            {"agent": agent(QE_FILES, running={}), "claim": CLAIM}, False, id="files written, then the run died"
        ),
    ],
)
def test_who_has_joined_is_left_as_it_is(joined: Mapping[str, Any], why: bool) -> None:
    found = plan(observation(wanted=NEW, **joined))
    if why:
        assert not found.phases
        assert (
            "agent01: has joined before and is left as it is, although it differs from its declaration"
            in found.warnings
        )
    else:
        assert sentences(found)[-1].startswith("record this host as agent01")


def test_a_newcomer_gets_its_files_before_its_agent_first_starts() -> None:
    new = agent({}, agent_id=None, up=False)
    new["unit"]["enabled"] = "disabled"
    others = [
        observation(f"agent{n:02d}", agent=agent(QE_FILES), identity=record(f"agent{n:02d}", n - 1), wanted=NEW)
        for n in range(1, 17)
    ]
    found = plan(*others, observation("agent17", agent=new, wanted=NEW))
    assert phases(found) == [("without taking an agent down", ["agent17"])]
    assert [text.partition(": ")[0] for text in sentences(found, "agent17")[-3:]] == [
        "enable mesos-slave.service at boot",
        "start mesos-slave.service",
        "record this host as agent17, ordinal 16, in /var/lib/holdfast/scaleio/scaleio.json",
    ]


@pytest.mark.parametrize("scope", [NEW, wanted()], ids=["onboarding", "everybody"])
def test_a_run_that_died_before_its_last_step_is_finished(scope: Mapping[str, Any]) -> None:
    found = plan(observation(agent=agent(QE_FILES), claim=CLAIM, wanted=scope))
    assert sentences(found) == ["record this host as agent01, ordinal 0, in /var/lib/holdfast/scaleio/scaleio.json"]


def test_agents_made_by_hand_as_declared_are_no_change() -> None:
    assert not plan(observation(agent=agent(QE_FILES))).phases


def test_ordinals_follow_the_natural_order_and_stay() -> None:
    found = plan(observation("agent10"), observation("agent2"), observation("agent1", identity=record("agent1", 5)))
    texts = [
        text for member in ("agent2", "agent10", "agent1") for text in sentences(found, member) if "ordinal" in text
    ]
    assert [text.partition(",")[0] + text.partition(",")[2][:11] for text in texts] == [
        "record this host as agent2 ordinal 0,",
        "record this host as agent10 ordinal 1,",
    ]


def test_a_renamed_member_keeps_its_ordinal() -> None:
    found = plan(observation("new-name", identity=record("agent01", 3)))
    assert sentences(found, "new-name")[-1] == (
        "rename the member agent01 as new-name, ordinal 3, in /var/lib/holdfast/scaleio/scaleio.json"
    )


# -- devices --------------------------------------------------------------------------------------------------------------

THERE = "this host has /dev/xvdf (2000 GB, free); /dev/xvdg (500 GB, carries ext4)"
DISKS = [disk("/dev/xvdf"), used_disk("/dev/xvdg", size_bytes=TB // 2, signatures=["ext4"])]
WHERE = "agent01: scaleio_sds: engineering: qe"


@pytest.mark.parametrize(
    ("devices", "disks", "expected"),
    [
        pytest.param(["/dev/xvdz"], DISKS, [f"{WHERE}: the device /dev/xvdz is not there; {THERE}"], id="missing"),
        pytest.param(
            ["/dev/xvdz"],
            [],
            [f"{WHERE}: the device /dev/xvdz is not there; this host has no disk at all"],
            id="no disk",
        ),
        pytest.param(
            ["scsi-none"],
            DISKS,
            [f"{WHERE}: no device has the by-id name scsi-none; this host has scsi-xvdf, scsi-xvdg"],
            id="by-id missing",
        ),
        pytest.param(
            ["/dev/xvdf"],
            [used_disk("/dev/xvdf", mounts=["/srv"])],
            [
                "agent01: the device /dev/xvdf is mounted at /srv; only an empty device may be contributed, and nothing is ever wiped here"
            ],
            id="mounted",
        ),
        pytest.param(
            ["/dev/xvdf"],
            [used_disk("/dev/xvdf", signatures=["LVM2_member"])],
            [
                "agent01: the device /dev/xvdf carries LVM2_member; only an empty device may be contributed, and nothing is ever wiped here"
            ],
            id="a signature",
        ),
        pytest.param(
            ["/dev/xvdf"],
            [used_disk("/dev/xvdf", children=["/dev/xvdf1"])],
            [
                "agent01: the device /dev/xvdf has /dev/xvdf1 on it; only an empty device may be contributed, and nothing is ever wiped here"
            ],
            id="a partition",
        ),
        pytest.param(
            ["/dev/xvdf"],
            [used_disk("/dev/xvdf", holders=["dm-0"])],
            [
                "agent01: the device /dev/xvdf is held by dm-0; only an empty device may be contributed, and nothing is ever wiped here"
            ],
            id="a holder",
        ),
        pytest.param(
            ["/dev/xvdf"],
            [disk("/dev/xvdf", free=False, free_because=["it cannot be opened exclusively (busy)", "it is read-only"])],
            ["agent01: the device /dev/xvdf is not free: it cannot be opened exclusively (busy); it is read-only"],
            id="busy",
        ),
        pytest.param(
            ["/dev/xvdf"],
            [disk("/dev/xvdf", size_bytes=50 * 10**9)],
            ["agent01: the device /dev/xvdf has 50 GB; ScaleIO takes devices from 100 GB to 6 TB"],
            id="50 GB",
        ),
        pytest.param(
            ["/dev/xvdf"],
            [disk("/dev/xvdf", size_bytes=8 * TB)],
            ["agent01: the device /dev/xvdf has 8.0 TB; ScaleIO takes devices from 100 GB to 6 TB"],
            id="8 TB",
        ),
        pytest.param(
            "[?size_bytes > `1000000000000000`].path",
            DISKS,
            [
                f"{WHERE}: the expression [?size_bytes > `1000000000000000`].path yields 0 devices (none) and must yield 1; {THERE}"
            ],
            id="an expression for nothing",
        ),
        pytest.param(
            "[].path",
            DISKS,
            [f"{WHERE}: the expression [].path yields 2 devices (/dev/xvdf, /dev/xvdg) and must yield 1; {THERE}"],
            id="an expression for too many",
        ),
        pytest.param(
            {"select": "[?free].path", "count": 2},
            DISKS,
            [f"{WHERE}: the expression [?free].path yields 1 devices (/dev/xvdf) and must yield 2; {THERE}"],
            id="too few",
        ),
        pytest.param(
            {"select": "[?model == 'X'].path", "count": "any"},
            DISKS,
            [
                f"{WHERE}: the expression [?model == 'X'].path yields 0 devices (none) and must yield one or more; {THERE}"
            ],
            id="any number, but not none",
        ),
        pytest.param(
            "[?free]",
            DISKS[:1],
            None,
            id="an expression that yields no paths",
        ),
        pytest.param(
            "[?free",
            DISKS,
            [f"{WHERE}: the expression [?free is no JMESPath: Invalid jmespath expression: Incomplete expression:"],
            id="no expression",
        ),
    ],
)
def test_devices_that_are_refused(devices: Any, disks: list[Any], expected: list[str] | None) -> None:
    found = refusals(observation(wanted=wanted(sds={"engineering": {"qe": devices}}), devices=disks))
    if expected is None:
        assert len(found) == 1
        assert found[0].startswith(
            f"{WHERE}: the expression [?free] must yield paths of devices and yields [{{'path': '/dev/xvdf'"
        )
        assert found[0].endswith("; end it with .path")
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        pytest.param("[?free && size_bytes > `1000000000000`].path", "/dev/xvdg", id="an expression"),
        pytest.param(
            "[?free && size_bytes > `1000000000000`].path | [0]", "/dev/xvdg", id="an expression for one text"
        ),
        pytest.param(["scsi-xvdg"], "/dev/xvdg", id="by-id"),
        pytest.param(["/dev/disk/by-id/scsi-xvdg"], "/dev/xvdg", id="a by-id path"),
        pytest.param({"select": "[?free].path", "count": "any"}, "/dev/xvdg,/dev/xvdh", id="any number"),
        pytest.param({"select": "[?free].path", "count": 2}, "/dev/xvdg,/dev/xvdh", id="two"),
        pytest.param(["/dev/xvdh", "/dev/xvdg"], "/dev/xvdh,/dev/xvdg", id="the declaration's order"),
    ],
)
def test_devices_that_are_found(devices: Any, expected: str) -> None:
    disks = [used_disk("/dev/xvdf", mounts=["/"]), disk("/dev/xvdg"), disk("/dev/xvdh", size_bytes=TB // 2)]
    found = plan(observation(wanted=wanted(sds={"engineering": {"qe": devices}}), devices=disks))
    assert written(found)["scaleio-sds-qe"] == expected


def test_a_device_in_two_pools_under_two_names() -> None:
    two = wanted(sds={"eng": {"a": ["/dev/xvdf"], "b": ["scsi-xvdf"]}})
    assert refusals(observation(wanted=two)) == [
        "agent01: the device /dev/xvdf is in the pools a and b; a device belongs to one pool"
    ]


def test_a_device_twice_in_a_pool_under_two_names() -> None:
    two = wanted(sds={"eng": {"a": ["/dev/xvdf", "scsi-xvdf"]}})
    assert refusals(observation(wanted=two)) == [
        "agent01: the device /dev/xvdf is in the pool a twice; a device belongs to one pool"
    ]


def test_our_own_device_is_in_use_by_scaleio_and_may_stay() -> None:
    ours = disk("/dev/xvdf", free=False, free_because=["it cannot be opened exclusively (busy)"])
    part = agent(QE_FILES)
    assert not plan(observation(agent=part, devices=[ours])).phases
    by_rule = wanted(sds={"engineering": {"qe": "[?free].path"}})
    assert not plan(observation(agent=part, devices=[ours], wanted=by_rule)).phases


def test_our_own_device_that_got_a_file_system_is_refused() -> None:
    assert refusals(observation(agent=agent(QE_FILES), devices=[used_disk("/dev/xvdf", signatures=["xfs"])])) == [
        "agent01: the device /dev/xvdf carries xfs; only an empty device may be contributed, and nothing is ever wiped here"
    ]


def test_devices_that_could_not_be_looked_at() -> None:
    assert refusals(observation(devices=[], devices_error="lsblk is missing")) == [
        "agent01: the block devices could not be looked at: lsblk is missing"
    ]


def test_a_client_needs_no_look_at_devices() -> None:
    client = observation("agent04", wanted=wanted(sds=None, sdc={"engineering": ["qe"]}), devices=[], devices_error="x")
    assert written(plan(*MANY, client), "agent04")


# -- limits ----------------------------------------------------------------------------------------------------------------


def serving(member: str, disks: int = 1, size: int = 2 * TB, domain: str = "eng", pools: int = 1) -> dict[str, Any]:
    devices = [disk(f"/dev/sd{n:03d}", size_bytes=size) for n in range(disks)]
    layout = {domain: {f"p{pool}": [d["path"] for d in devices[pool::pools]] for pool in range(pools)}}
    return observation(member, wanted=wanted(sds=layout), devices=devices)


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        pytest.param([serving("a", 65, TB // 10)], ["a: 65 devices; an SDS takes at most 64"], id="devices of an SDS"),
        pytest.param([serving("a", 13, 6 * TB)], ["a: 78 TB; an SDS takes at most 64 TB"], id="size of an SDS"),
        pytest.param(
            [serving(f"a{n}", 61, TB // 10) for n in range(5)],
            ["the pool p0 of eng has 305 devices; at most 300 are possible"],
            id="devices of a pool",
        ),
        pytest.param(
            [serving(f"a{n}") for n in range(129)],
            ["the protection domain eng has 129 SDSs; at most 128 are possible"],
            id="SDSs of a domain",
        ),
        pytest.param(
            [
                serving("a", 33, TB // 10, pools=33),
                serving("b", 64, TB // 10, pools=64),
                serving("c", 1, domain="other"),
            ],
            [],
            id="64 pools of a domain",
        ),
        pytest.param(
            [serving(f"a{n}", domain=f"d{n}") for n in range(257)],
            ["257 protection domains; a system takes at most 256"],
            id="domains of a system",
        ),
        pytest.param(
            [serving(f"a{n}", domain=f"d{n % 9}") for n in range(1025)],
            [
                "1025 SDSs; a system takes at most 1024",
                "1025 SDCs (every host of the framework is one); a system takes at most 1024",
            ],
            id="SDSs and SDCs of a system",
        ),
        pytest.param(
            [serving(f"a{n}", 41, TB // 10, domain=f"d{n}", pools=41) for n in range(25)],
            ["1025 storage pools; a system takes at most 1024"],
            id="pools of a system",
        ),
        pytest.param(
            [
                *(serving(f"a{n}") for n in range(128)),
                observation("b", wanted=wanted(sds=None, sdc={"eng": ["p0"]})),
            ],
            ["the protection domain eng has 129 SDSs; at most 128 are possible"],
            id="a client has an SDS too",
        ),
    ],
)
def test_limits(nodes: list[Mapping[str, Any]], expected: list[str]) -> None:
    assert list(plan(*nodes).refused) == expected


def test_too_many_pools_of_a_domain() -> None:
    layouts = [{"eng": {f"p{n}": ["/dev/xvdf"]}} for n in range(65)]
    nodes = [observation(f"a{n}", wanted=wanted(sds=layout)) for n, layout in enumerate(layouts)]
    assert refusals(*nodes) == ["the protection domain eng has 65 pools; at most 64 are possible"]


@pytest.mark.parametrize("size", [100 * 10**9, 6_001_175_126_016, 6 * 2**40], ids=["100 GB", "sold as 6 TB", "6 TiB"])
def test_devices_at_the_limits_by_either_unit_are_taken(size: int) -> None:
    assert plan(serving("a", 1, size)).phases


def test_a_pool_of_both_rotating_and_other_devices_is_a_warning() -> None:
    flash = observation("agent03", devices=[disk(rotational=False)])
    assert plan(*MANY[:2], flash).warnings == (
        "the pool qe of engineering has 2 rotating devices and 1 others: it is as slow as the slowest; keep them in pools of"
        " their own",
    )


def test_a_small_pool_is_a_warning() -> None:
    found = plan(serving("a2", 1, TB // 10), serving("a10", 1, TB // 10))
    assert found.phases
    assert found.warnings == (
        "the pool p0 of eng has devices on 2 hosts (a2, a10); no volume can be made before there are 3",
        "the pool p0 of eng has 200 GB; ScaleIO wants at least 300 GB",
    )


# -- work that would be lost -------------------------------------------------------------------------------------------------


def work(framework: str, *, ends: str = "with_agent_id", kind: str = "task", name: str = "t1") -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "framework": framework,
        "checkpointed": ends != "at_restart",
        "ends": ends,
        "sentence": "-",
    }


VOLUME = work("", kind="volume", name="data-1")
RESERVED = work("", kind="reservation", name="kafka")


@pytest.mark.parametrize(
    ("items", "allowed", "lost"),
    [
        pytest.param([], [], [], id="nothing there"),
        pytest.param([work("ScaleIO Framework", ends="at_restart")], [], [], id="the framework itself starts again"),
        pytest.param([work("Marathon")], [], ["framework:Marathon"], id="a task"),
        pytest.param(
            [work("Marathon"), VOLUME, RESERVED],
            [],
            ["framework:Marathon", "reservation:kafka", "volume:data-1"],
            id="all kinds",
        ),
        pytest.param([work("Marathon"), VOLUME], ["framework:Marathon"], ["volume:data-1"], id="one named, one not"),
        pytest.param([work("Marathon"), VOLUME], ["volume:data-1", "framework:Marathon"], [], id="all named"),
        pytest.param([work("Marathon", ends="at_restart")], [], ["framework:Marathon"], id="a task without checkpoint"),
    ],
)
def test_work_that_ends_with_the_agent_id(items: list[Mapping[str, Any]], allowed: list[str], lost: list[str]) -> None:
    found = plan(observation(agent=agent({}, work=items), wanted=wanted(allow_work_loss=allowed)))
    if lost:
        assert len(found.refused) == 1
        assert found.refused[0].startswith("agent01: giving up the agent ID is needed (")
        assert found.refused[0].endswith(
            f" and would end {', '.join(lost)}; move that work away first, or name each of them in allow_work_loss"
        )
    else:
        ended = [label for label in sorted(allowed) if items]
        assert any(f"ends {', '.join(ended)}" in text if ended else "nothing but" in text for text in sentences(found))


ADDITIVE = {"work_dir": "/var/lib/mesos", "reconfiguration_policy": "additive"}


def test_a_restart_ends_only_what_is_not_checkpointed() -> None:
    items = [work("Marathon"), VOLUME]
    assert sentences(plan(observation(agent=agent({}, work=items, flags=ADDITIVE))))
    items.append(work("Old", ends="at_restart"))
    found = refusals(observation(agent=agent({}, work=items, flags=ADDITIVE)))
    assert found == [
        "agent01: a restart is needed (all attributes of the first registration are kept, others are added) and would end"
        " framework:Old; move that work away first, or name each of them in allow_work_loss"
    ]


def test_work_does_not_matter_where_nothing_restarts() -> None:
    assert not plan(observation(agent=agent(QE_FILES, work=[work("Marathon"), VOLUME]))).phases


def test_work_that_nobody_can_see_is_not_there_for_the_taking() -> None:
    unseen_work = work("unknown", kind="executor", name="unknown", ends="at_restart")
    silent = {**agent({}, work=[unseen_work]), "running": None, "running_error": "no answer: timed out"}
    assert refusals(observation(agent=silent))[0].endswith(
        "would end framework:unknown; move that work away first, or name each of them in allow_work_loss"
    )


# -- restarts -----------------------------------------------------------------------------------------------------------------


def kinds(found: Plan) -> list[str]:
    names = ("enable_unit", "stop_unit", "forget_agent_id", "start_agent", "restart_agent")
    assert not found.refused, found.refused
    return [step.kind for phase in found.phases for step in phase.steps.get("agent01", ()) if step.kind in names]


def part(files: Mapping[str, str], **changes: Any) -> dict[str, Any]:
    """An agent, with single keys of its unit, checkpoint and running parts changed."""
    built = agent(files, **{k: v for k, v in changes.items() if k not in ("unit", "checkpoint")})
    built["unit"].update(changes.get("unit", {}))
    built["checkpoint"].update(changes.get("checkpoint", {}))
    return built


@pytest.mark.parametrize(
    ("found", "expected", "change"),
    [
        pytest.param(part(QE_FILES), [], None, id="none: it has them"),
        pytest.param(
            part(QE_FILES, running={}, original=QE_FILES), ["restart_agent"], "same", id="same: back to the first ones"
        ),
        pytest.param(part({}, flags=ADDITIVE), ["restart_agent"], "additive", id="additive"),
        pytest.param(part({}), ["stop_unit", "forget_agent_id", "start_agent"], "new_agent_id", id="a new ID"),
        pytest.param(part({}, agent_id=None, up=False), ["start_agent"], "first", id="first"),
        pytest.param(
            part({}, agent_id=None, up=False, unit={"enabled": "disabled"}),
            ["enable_unit", "start_agent"],
            "first",
            id="first, disabled",
        ),
        pytest.param(part(QE_FILES, up=False), ["start_agent"], "start", id="down, its ID stays"),
        pytest.param(part({}, up=False), ["forget_agent_id", "start_agent"], "new_agent_id", id="down, a new ID"),
        pytest.param(part({}, up=False, flags=ADDITIVE), ["start_agent"], "additive", id="down, additive"),
        pytest.param(
            part({}, up=False, unit={"active": "activating", "sub": "auto-restart"}),
            ["stop_unit", "forget_agent_id", "start_agent"],
            "new_agent_id",
            id="flapping, a new ID",
        ),
        pytest.param(
            part(QE_FILES, up=False, unit={"active": "activating", "sub": "auto-restart"}),
            ["restart_agent"],
            "start",
            id="flapping, its ID stays",
        ),
        pytest.param(
            part({}, up=False, unit={"active": "failed"}),
            ["forget_agent_id", "start_agent"],
            "new_agent_id",
            id="failed",
        ),
        pytest.param(
            part({}, checkpoint={"rebooted": True}),
            ["restart_agent"],
            "new_agent_id",
            id="a new ID by itself after a reboot",
        ),
        pytest.param(
            part({}, checkpoint={"attributes": None}),
            ["restart_agent"],
            "new_agent_id",
            id="a new ID by itself without agent info",
        ),
        pytest.param(
            part({**QE_FILES}, running={**OLD_FILES}, original={}, flags=ADDITIVE),
            ["restart_agent"],
            "additive",
            id="additive compares with the first registration",
        ),
        pytest.param(
            part({}, running=OLD_FILES, original=OLD_FILES, flags=ADDITIVE),
            ["stop_unit", "forget_agent_id", "start_agent"],
            "new_agent_id",
            id="additive does not admit a change",
        ),
    ],
)
def test_restarts(found: Mapping[str, Any], expected: list[str], change: str | None) -> None:
    planned = plan(observation(agent=found, devices=[disk("/dev/xvdf"), disk("/dev/xvdg")]))
    assert kinds(planned) == expected
    assert planned.context["restarts"].get("agent01") == change


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        pytest.param(
            part({}, unit={"load": "not-found"}),
            "the unit mesos-slave.service is not-found, so the agent cannot be started: install the Mesos package or unmask the unit",
            id="no unit",
        ),
        pytest.param(
            part({}, unit={"enabled": "masked"}),
            "the unit mesos-slave.service is masked: unmask it when this agent may run",
            id="masked",
        ),
        pytest.param(
            part({}, checkpoint={"error": "slave.info is cut off; restore it"}),
            "slave.info is cut off; restore it",
            id="checkpoint",
        ),
    ],
)
def test_restarts_that_are_refused(found: Mapping[str, Any], sentence: str) -> None:
    assert refusals(observation(agent=found)) == [f"agent01: {sentence}"]


def test_a_restart_must_not_change_other_flags() -> None:
    found = agent({})
    found["running"]["pending_flags"] = {
        "resources": ["cpus:2", "cpus:4"],
        "hostname": ["a", None],
        "logging_level": ["INFO", "WARNING"],
    }
    assert refusals(observation(agent=found)) == [
        "agent01: the restart would also change --hostname from 'a' to None, which is not part of this plan: take that change"
        " back or carry it out first",
        "agent01: the restart would also change --resources from 'cpus:2' to 'cpus:4', which is not part of this plan: take that"
        " change back or carry it out first",
    ]


def test_pending_flags_do_not_matter_where_nothing_restarts() -> None:
    found = agent(QE_FILES)
    found["running"]["pending_flags"] = {"resources": ["cpus:2", "cpus:4"]}
    assert not plan(observation(agent=found)).phases


def test_files_alone_are_put_right_without_a_restart() -> None:
    found = plan(observation(agent=agent({**QE_FILES, "scaleio-sds-stray": "/dev/xvdg"}, running=QE_FILES)))
    assert written(found) == {"scaleio-sds-stray": None}
    assert kinds(found) == []
    assert found.context["restarts"] == {"agent01": "none"}


@pytest.mark.parametrize("active", [None, False], ids=["not listed", "inactive"])
def test_an_agent_that_the_master_does_not_show_yet_is_waited_for(active: bool | None) -> None:
    seen = observation(agent=agent(QE_FILES))
    seen["master"]["agents"] = [{**entry, "active": active} for entry in seen["master"]["agents"] if active is not None]
    ((step,),) = [phase.steps["agent01"] for phase in plan(seen).phases]
    assert (step.kind, step.effect) == ("await_agent", False)
    assert step.sentence == "wait until the leading master shows the agent S1 as active"
    assert step.args == {"attributes": seen["agent"]["running"]["attributes"], "timeout": 60.0}


def test_who_is_waited_for_lets_others_go_down_after_it() -> None:
    found = plan(observation(agent=agent(QE_FILES), entries=[]), observation("agent02"))
    assert found.refused == ()
    assert [sorted(phase.steps) for phase in found.phases] == [["agent01"], ["agent02"]]


def test_attributes_that_collide_are_refused_and_crash_nothing() -> None:
    files = {"scaleio-sdc-domains": "c,domains"}
    found = refusals(
        observation(agent=agent(files), wanted=wanted(sds=None, sdc={"c": ["b"]})),
        observation("agent02", wanted=wanted(sds={"c": {"b": ["/dev/xvdf"]}})),
    )
    assert found == [
        "agent01: the attributes on this host collide with each other, and no order of writes leads safely to the declared ones:"
        " scaleio-sdc-domains=c,domains -- stop its agent and remove these files, then run again"
    ]


def test_numeric_attributes_made_by_hand_crash_nothing() -> None:
    files = {"scaleio-sds-domains": "7", "scaleio-sds-7": "[1-2]"}
    found = plan(observation(agent=agent(files), wanted=NEW))
    assert not found.phases
    assert written(plan(observation(agent=agent(files))))["scaleio-sds-domains"] == "engineering"


# -- order of the cluster ------------------------------------------------------------------------------------------------------


def racked(members: Mapping[str, str], unavailable: int) -> Plan:
    return plan(
        *(
            observation(member, wanted=wanted(rack=rack, max_unavailable=unavailable))
            for member, rack in members.items()
        )
    )


@pytest.mark.parametrize(
    ("racks", "unavailable", "expected"),
    [
        pytest.param("....", 1, [["a1"], ["a2"], ["a3"], ["a4"]], id="one at a time"),
        pytest.param(".....", 2, [["a1"], ["a2", "a3"], ["a4", "a5"]], id="the first one alone proves the change"),
        pytest.param("xxyyy", 9, [["a1"], ["a2"], ["a3", "a4", "a5"]], id="never two racks at a time"),
        pytest.param("xyxyx", 2, [["a1"], ["a3", "a5"], ["a2", "a4"]], id="rack by rack"),
        pytest.param("x", 3, [["a1"]], id="one node"),
    ],
)
def test_batches(racks: str, unavailable: int, expected: list[list[str]]) -> None:
    found = racked({f"a{n}": rack for n, rack in enumerate(racks, 1)}, unavailable)
    assert [members for _name, members in phases(found)] == expected
    assert [name for name, _members in phases(found)] == [
        f"batch {n} of {len(expected)}" for n in range(1, len(expected) + 1)
    ]


def needed(found: Plan) -> list[int]:
    """What each restart requires of the others, in order."""
    return [
        condition.expected
        for phase in found.phases
        for steps in phase.steps.values()
        for step in steps
        for condition in step.requires
        if condition.path == ("availability", "connected")
    ]


def test_agents_that_are_down_come_first_and_all_together() -> None:
    down = [
        observation(f"a{n}", agent=part({}, up=False, flags={"work_dir": "/var/lib/mesos", "hostname": f"a{n}"}))
        for n in (2, 4)
    ]
    found = plan(observation("a1"), *down, observation("a3"))
    assert phases(found) == [
        ("without taking an agent down", ["a2", "a4"]),
        ("batch 1 of 2", ["a1"]),
        ("batch 2 of 2", ["a3"]),
    ]
    # All others must be there before one of the four goes down, although only two are there now.
    assert needed(found) == [3, 3]
    assert found.context["peers"] == {f"a{n}": f"a{n}" for n in (1, 2, 3, 4)}
    for step in (step for steps in found.phases[0].steps.values() for step in steps if step.kind == "forget_agent_id"):
        assert Condition(("at_work",), False) in step.requires


def lost(member: str, entries: str = "inactive", **changes: Any) -> dict[str, Any]:
    """A member whose agent runs, and which a master that has just taken over does not show as active."""
    found = observation(member, **changes)
    found["agent"]["running"]["hostname"] = member
    if entries == "none":
        found["master"]["agents"] = []
    for entry in found["master"]["agents"]:
        entry["active"] = False
    return found


@pytest.mark.parametrize("entries", ["inactive", "none"])
def test_agents_that_run_go_down_one_by_one_whatever_the_master_shows(entries: str) -> None:
    found = plan(*(lost(f"a{n}", entries) for n in range(1, 6)))
    assert [members for _name, members in phases(found)] == [[f"a{n}"] for n in range(1, 6)]
    assert needed(found) == [4] * 5
    assert (
        "a1, a2, a3, a4, a5: the agent runs, and the leading master does not show it as active (it may have taken over a"
        " moment ago); no agent goes down while the master shows fewer than 4 of the others"
    ) in found.warnings


def test_an_agent_that_runs_unseen_by_the_master_goes_first_and_alone() -> None:
    found = plan(observation("a1"), lost("a2"), observation("a3"))
    assert phases(found) == [("batch 1 of 3", ["a2"]), ("batch 2 of 3", ["a1"]), ("batch 3 of 3", ["a3"])]
    assert needed(found) == [2, 2, 2]


def test_an_agent_that_has_died_is_out_of_service_although_the_master_still_shows_it() -> None:
    died = observation("a1", agent=part({}, up=False, flags={"work_dir": "/w", "hostname": "a1"}))
    entry = {"id": "S1", "hostname": "a1", "pid": "p", "active": True, "attributes": {}}
    died["master"]["agents"] = [entry]
    found = plan(died, observation("a2"))
    assert phases(found) == [("without taking an agent down", ["a1"]), ("batch 1 of 1", ["a2"])]


def test_an_agent_that_answers_beside_its_unit_runs() -> None:
    beside = lost("a1", agent=part({}, unit={"active": "inactive", "sub": "dead"}))
    found = plan(beside, observation("a2"), observation("a3"))
    assert [members for _name, members in phases(found)] == [["a1"], ["a2"], ["a3"]]


def test_an_agent_that_stays_down_takes_the_place_of_the_one_that_may_be_down() -> None:
    down = observation(
        "a1",
        agent=part(QE_FILES, up=False, flags={"work_dir": "/var/lib/mesos", "hostname": "a1"}),
        identity=record("a1"),
        wanted=wanted(only_new=True),
    )
    assert refusals(down, observation("a2", wanted=wanted(only_new=True))) == [
        "a1: not in service and left as it is; with scaleio_max_unavailable 1 no other agent may go down"
    ]
    two = {**down, "wanted": wanted(only_new=True, max_unavailable=2)}
    found = plan(two, *(observation(f"a{n}", wanted=wanted(only_new=True, max_unavailable=2)) for n in (2, 3, 4)))
    assert [members for _name, members in phases(found)] == [["a2"], ["a3"], ["a4"]]
    assert needed(found) == [2, 2, 2]


def test_a_member_that_is_gone_on_purpose_holds_nobody_up() -> None:
    gone = observation(
        "a1",
        agent=part({}, up=False, flags={"work_dir": "/w", "hostname": "a1"}, unit={"enabled": "disabled"}),
        wanted=wanted(state="absent", sds=None),
    )
    found = plan(gone, observation("a2"))
    assert phases(found) == [("without taking an agent down", ["a1"]), ("batch 1 of 1", ["a2"])]
    assert found.context["peers"] == {"a2": "a2"}


def test_every_step_carries_what_it_was_planned_for() -> None:
    found = plan(
        observation(
            agent=agent({"rack": "r1"}, work=[work("Marathon")]), wanted=wanted(allow_work_loss=["framework:Marathon"])
        )
    )
    conditions = {
        step.kind: {condition.path: condition.expected for condition in step.requires}
        for step in found.phases[0].steps["agent01"]
    }
    files = {"rack": "r1", **QE_FILES}
    assert conditions["write_file"] == {("files", "scaleio-sdc-domains"): None}
    assert conditions["stop_unit"] == {
        ("files",): files,
        ("checkpoint", "agent_id"): "S1",
        ("losses", "with_agent_id"): ["framework:Marathon"],
        ("availability", "connected"): 0,
    }
    assert conditions["forget_agent_id"] == {
        ("files",): files,
        ("checkpoint", "agent_id"): "S1",
        ("at_work",): False,
    }
    assert conditions["start_agent"] == {("files",): files}
    assert jmespath.search("[0].steps.agent01[-2].args.attributes", found.to_json()["phases"]) == files


def test_a_name_in_another_case_is_refused() -> None:
    planned = plan_cluster("scaleio", [observation(agent=agent({"Scaleio-sds-domains": "engineering"}))], select)
    assert planned.refused == (
        "agent01: the attribute file Scaleio-sds-domains is not spelled in small letters: the framework goes by the case of names, so"
        " that it does not read this one; rename or remove it",
    )
