# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role and the playbooks as ansible-playbook runs them, without a lab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import QE_FILES
from ansible_collections.holdfast.stateful.tests.unit.roles.plays import Played, Plays

BOOK = "holdfast.stateful.scaleio_imperative"
ROLE = "holdfast.stateful.scaleio"
AGENTS = ("agent01", "agent02", "agent03")


def plays(folder: Path, own: dict[str, dict[str, Any]] | None = None, **group: Any) -> Plays:
    """Three agents with the variables of the group and, some of them, with their own."""
    return Plays(folder, {name: (own or {}).get(name, {}) for name in AGENTS}, group).make()


def role(**more: Any) -> list[dict[str, Any]]:
    """A user's own play with the role."""
    return [{"hosts": "mesos_agents", "gather_facts": False, "roles": [{"role": ROLE}], **more}]


def acted(run: Played) -> list[str]:
    """The hosts on which the acting module ran."""
    return sorted(run.of("scaleio_node"))


def refused(run: Played) -> dict[str, Any]:
    """Host -> the reasons, as the planning task gave them."""
    found: dict[str, Any] = next(iter(run.of("scaleio_plan").values()))["plan"]["refused"]
    return found


def test_a_deployment_its_repetition_and_a_secret(tmp_path: Path) -> None:
    there = plays(tmp_path, scaleio_master_username="me", scaleio_master_password="PLANTED-SECRET")
    first = there.run(BOOK, "-vvv")
    assert acted(first) == list(AGENTS)
    assert "PLANTED-SECRET" not in first.output
    again = there.run(BOOK)
    assert (again.status, acted(again)) == (0, []), again.output


def test_newcomers_only(tmp_path: Path) -> None:
    there = plays(tmp_path)
    for ordinal, name in enumerate(AGENTS[:2]):
        record = {"system": "scaleio", "cluster": "scaleio", "member": name, "ordinal": ordinal}
        there.state(name, identity=record, files={"scaleio-sdc-domains": "engineering"})
    run = there.run("holdfast.stateful.onboard")
    assert acted(run) == ["agent03"], run.output
    assert "has joined before and is left as it is" in run.output


# -- members that could not be observed ---------------------------------------------------------------------------------


BLUE = [
    pytest.param({"scaleio_cluster": "{{ dc }}", "dc": "blue"}, role(), id="a template in the inventory"),
    pytest.param({"scaleio_cluster": "red"}, role(vars={"scaleio_cluster": "blue"}), id="the play over the inventory"),
    pytest.param({}, role(roles=[{"role": ROLE, "scaleio_cluster": "blue"}]), id="a role's parameter"),
    pytest.param(
        {},
        role(roles=[], tasks=[{"include_role": {"name": ROLE}, "vars": {"scaleio_cluster": "blue"}}]),
        id="a variable of the task that includes the role",
    ),
]


@pytest.mark.parametrize(("group", "book"), BLUE)
def test_an_unreachable_member_stays_in_its_cluster(
    tmp_path: Path, group: dict[str, Any], book: list[dict[str, Any]]
) -> None:
    there = plays(tmp_path, **group)
    there.state("agent02", down=True)
    run = there.run(book)
    assert acted(run) == [], run.output
    assert sorted(refused(run)) == list(AGENTS)
    assert refused(run)["agent01"][0] == "agent02 could not be observed: Task failed: no route to host"
    assert "\nblue: refused, nothing is changed\n" in run.output


def test_a_member_that_a_limit_leaves_out_stays_in_its_cluster(tmp_path: Path) -> None:
    run = plays(tmp_path).run(role(vars={"scaleio_cluster": "blue"}), "--limit", "agent01,agent03")
    assert acted(run) == [], run.output
    assert refused(run)["agent01"][0].startswith("agent02 could not be observed: it is not part of this play")


def test_a_member_whose_cluster_cannot_be_told_is_missing_in_each(tmp_path: Path) -> None:
    there = plays(tmp_path, {"agent01": {"dc": "red"}, "agent03": {"dc": "blue"}}, scaleio_cluster="{{ dc }}")
    run = there.run(role())
    assert acted(run) == [], run.output
    reason = (
        "agent02 could not be observed: it failed or was unreachable before it could be observed; nor can it be told which"
        " cluster it belongs to"
    )
    assert [refused(run)[agent][0] for agent in AGENTS] == [reason] * 3


# -- one cluster ----------------------------------------------------------------------------------------------------------


CLUSTERS = {"agent01": {"scaleio_cluster": "red"}, "agent02": {"scaleio_cluster": "blue"}}


def test_one_cluster_is_chosen_for_the_whole_run(tmp_path: Path) -> None:
    there = plays(tmp_path, CLUSTERS)
    assert acted(there.run(BOOK, "-e", "cluster=blue")) == ["agent02"]
    planned = there.run("holdfast.stateful.plan", "-e", "cluster=red", "--tags", "scaleio_validate")
    assert next(iter(planned.of("scaleio_plan").values()))["plan"]["acting"] == ["agent01"]


def test_a_variable_of_that_name_that_differs_between_hosts_chooses_nothing(tmp_path: Path) -> None:
    own = {**CLUSTERS, "agent03": {"scaleio_cluster": "red"}}
    run = plays(tmp_path, {name: {**found, "cluster": found["scaleio_cluster"]} for name, found in own.items()}).run(
        BOOK
    )
    assert acted(run) == []
    assert "scaleio_only is 'red' on agent01 and 'blue' on agent02" in run.failures()["agent01"]
    assert "nothing was changed" in run.failures()["agent01"]


def test_the_role_reads_no_variable_of_another_name(tmp_path: Path) -> None:
    assert acted(plays(tmp_path, cluster="kubernetes").run(role())) == list(AGENTS)


# -- tags -------------------------------------------------------------------------------------------------------------------


def test_each_phase_works_by_its_tag_alone(tmp_path: Path) -> None:
    there = plays(tmp_path)
    looked = there.run(BOOK, "--tags", "scaleio_validate")
    assert (looked.status, acted(looked), sorted(refused(looked))) == (0, [], []), looked.output
    formed = there.run("holdfast.stateful.onboard", "--tags", "scaleio_form")
    assert (formed.status, acted(formed)) == (0, list(AGENTS)), formed.output


def test_an_inventory_does_not_reach_the_internals_of_the_role(tmp_path: Path) -> None:
    wrong = "{{ nowhere }}"
    there = plays(tmp_path, __scaleio_only_new=wrong, __scaleio_tolerant=wrong, __scaleio_claim_wait=wrong)
    run = there.run("holdfast.stateful.plan")
    assert run.status == 0, run.output


# -- a run that is tried again in the same ansible-playbook ---------------------------------------------------------------


def test_a_play_that_rescues_and_tries_again_goes_on_where_it_stopped(tmp_path: Path) -> None:
    there = plays(tmp_path)
    there.state("agent02", locked_out=True)
    mend = {
        "ansible.builtin.file": {"path": str(tmp_path / "agent02.json"), "state": "absent"},
        "delegate_to": "localhost",
        "vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"},
    }
    bring_up = {"ansible.builtin.include_role": {"name": ROLE}}
    run = there.run(role(roles=[], tasks=[{"block": [bring_up], "rescue": [mend]}, bring_up]))
    assert "phase 3 does not start, because phase 2 did not succeed on agent02" in run.failures()["agent03"]
    assert (run.status, acted(run)) == (0, list(AGENTS)), run.output
    assert "and died" not in run.output


# -- healing ----------------------------------------------------------------------------------------------------------------


def deployed(folder: Path, **front: Any) -> Plays:
    """Three agents that run as declared, beside the host that talks to their services."""
    there = Plays(folder, {name: {} for name in AGENTS}, {}, front="m9").make()
    for name in AGENTS:
        there.state(name, files=QE_FILES)
    there.state("m9", **front)
    return there


def test_a_healthy_cluster_is_left_alone(tmp_path: Path) -> None:
    run = deployed(tmp_path).run("holdfast.stateful.heal")
    assert (run.status, acted(run)) == (0, []), run.output
    assert "scaleio: nothing to do" in run.output


def test_a_spinning_scheduler_is_mended_while_a_member_is_down(tmp_path: Path) -> None:
    there = deployed(tmp_path, lost=True)
    there.state("agent02", down=True)
    predicted = there.run("holdfast.stateful.heal", "--check")
    first = there.run("holdfast.stateful.heal")
    assert (first.status, acted(first)) == (0, ["agent01", "agent03", "m9"]), first.output
    assert "agent02 could not be observed: Task failed: no route to host" in first.output
    changed = [{host: found["changed"] for host, found in run.of("scaleio_node").items()} for run in (predicted, first)]
    assert changed == [{"agent01": False, "agent03": False, "m9": True}] * 2
    again = there.run("holdfast.stateful.heal")
    assert (again.status, acted(again)) == (0, []), again.output


def test_what_is_missing_at_the_gateway_is_an_error_or_created(tmp_path: Path) -> None:
    there = deployed(tmp_path, lacking="agent03")
    asked = there.run("holdfast.stateful.heal")
    assert (asked.status, acted(asked), list(asked.failures())) == (2, [], ["m9"]), asked.output
    assert "with scaleio_heal_create: true heal creates it at the gateway" in asked.failures()["m9"]
    mended = there.run("holdfast.stateful.heal", "-e", "scaleio_heal_create=true")
    assert (mended.status, acted(mended)) == (0, ["agent03", "m9"]), mended.output
    assert acted(there.run("holdfast.stateful.heal")) == []


def test_without_the_host_of_the_services_nothing_is_healed(tmp_path: Path) -> None:
    run = deployed(tmp_path, lost=True, down=True).run("holdfast.stateful.heal")
    assert (run.status, acted(run)) == (2, [])
    assert "no host could be observed that talks to Marathon and to the gateway" in run.failures()["agent01"]
