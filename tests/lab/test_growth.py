# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A cluster that the framework knows, on the lab with its odd disks: what is added, what may not be moved, what heal mends
(scenario scaleio_growth).

One story of four agents: agent02 uses ScaleIO only, agent03 has a disk with a file system, agent05 a spare one, agent07 another
name for its disk.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.lab.harness import (
    MASTERS,
    SERVICES_INVENTORY,
    Run,
    address,
    alone,
    contributed,
    declaring,
    few,
    gateway,
    hashes,
    lab,
    launches,
    leads,
    on,
    playbook,
    root,
    started_with,
    until,
)

AGENTS = ("agent02", "agent03", "agent05", "agent07")
DEPLOY = "holdfast.stateful.scaleio_imperative"
QE = {"scaleio_sds": {"engineering": {"qe": ["/dev/xvdf"]}}, "scaleio_sdc": {"engineering": ["qe"]}}
CLIENT = {"scaleio_sds": {}, "scaleio_sdc": {"engineering": ["qe"]}}
FIRST: dict[str, Mapping[str, Any]] = {
    "agent02": CLIENT,
    "agent03": QE,
    "agent05": QE,
    "agent07": {**QE, "scaleio_sds": {"engineering": {"qe": ["/dev/xvdg"]}}},
}
TWO_DISKS = {**QE, "scaleio_sds": {"engineering": {"qe": ["/dev/xvdf", "/dev/xvdg"]}}}
EVERYBODY = (*AGENTS, "m1")

Play = Callable[..., Run]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """A playbook on the four, with what they declare."""
    folder = tmp_path_factory.mktemp("growth")
    base = (*few(folder, *AGENTS, declared=False), SERVICES_INVENTORY)

    def play(book: str, *arguments: str, declared: Mapping[str, Mapping[str, Any]] = FIRST, **variables: Any) -> Run:
        return playbook(
            book,
            *arguments,
            inventories=(*base, declaring(folder, **declared)),
            variables={"scaleio_max_unavailable": 4, "scaleio_framework_timeout": 120, **variables},
        )

    return play


def starts() -> dict[str, int]:
    return {host: len(started_with(host)) for host in AGENTS}


def pools() -> dict[str, dict[str, str]]:
    """Host -> device -> pool."""
    found = contributed()
    return {host: found.get(address(host), {}) for host in AGENTS}


HELD = {
    "agent02": {},
    "agent03": {"/dev/xvdf": "engineering/qe"},
    "agent05": {"/dev/xvdf": "engineering/qe"},
    "agent07": {"/dev/xvdg": "engineering/qe"},
}


def test_only_what_is_named_is_taken(run: Play) -> None:
    lab("reset")
    alone(*AGENTS)
    run(DEPLOY).expect(0)
    assert pools() == HELD
    shown = gateway()["protection_domains"]
    # A host that only uses ScaleIO has an SDS without devices, and makes no domain.
    assert list(shown) == ["engineering"]
    assert shown["engineering"]["sdss"][f"sds_{address('agent02')}"]["devices"] == {}
    assert "ext4" in on("agent03", "blkid", "/dev/xvdh")
    assert run(DEPLOY).expect(0).changed() == {}


def test_a_further_device_restarts_its_agent_and_the_scheduler_once(run: Play) -> None:
    declared = {**FIRST, "agent05": TWO_DISKS}
    before, launched = starts(), len(launches())
    checked = run(DEPLOY, "--check", declared=declared).expect(0)
    assert (starts(), len(launches())) == (before, launched)
    done = run(DEPLOY, declared=declared).expect(0)
    assert done.actions() == checked.actions()
    assert set(done.changed()) == {"agent05", "m1"}
    assert "every executor ends and the new scheduler starts it again" in " ".join(done.actions()["m1"])
    assert pools() == {**HELD, "agent05": {"/dev/xvdf": "engineering/qe", "/dev/xvdg": "engineering/qe"}}
    assert starts() == {**before, "agent05": before["agent05"] + 1}
    # Where the scheduler ran on that very agent, Marathon has started it there anew as well.
    assert len(launches()) in (launched + 1, launched + 2)
    assert run(DEPLOY, declared=declared).expect(0).changed() == {}


def test_nobody_goes_down_while_data_moves(run: Play) -> None:
    hook = root("m1") / "run/scaleio-gateway-simulator"
    hook.mkdir(exist_ok=True)
    (hook / "rebuilding").touch()
    before = starts()
    declared = {**FIRST, "agent05": TWO_DISKS, "agent03": {**QE, "scaleio_sdc": {"engineering": ["qe", "other"]}}}
    try:
        waited = run(DEPLOY, declared=declared, scaleio_framework_timeout=5).expect(2)
    finally:
        (hook / "rebuilding").unlink()
    assert "a rebuild of 1.07 GB runs or waits" in waited.failures()["m1"], waited.failures()
    assert waited.changed() == {} and starts() == before


def test_a_further_pool_in_the_same_domain(run: Play) -> None:
    lab("disk-add", "agent07", "/dev/xvdi", "200G")
    more = {**QE, "scaleio_sds": {"engineering": {"qe": ["/dev/xvdg"], "spare": ["/dev/xvdi"]}}}
    run(DEPLOY, declared={**FIRST, "agent05": TWO_DISKS, "agent07": more}).expect(0)
    assert pools()["agent07"] == {"/dev/xvdg": "engineering/qe", "/dev/xvdi": "engineering/spare"}


KNOWN = {
    **FIRST,
    "agent05": TWO_DISKS,
    "agent07": {**QE, "scaleio_sds": {"engineering": {"qe": ["/dev/xvdg"], "spare": ["/dev/xvdi"]}}},
}
STORED = {
    "agent02": {},
    "agent03": {"/dev/xvdf": "engineering/qe"},
    "agent05": {"/dev/xvdf": "engineering/qe", "/dev/xvdg": "engineering/qe"},
    "agent07": {"/dev/xvdg": "engineering/qe", "/dev/xvdi": "engineering/spare"},
}


@pytest.mark.parametrize(
    ("host", "declared", "sentence"),
    [
        pytest.param(
            "agent05",
            {"scaleio_sds": {"engineering": {"qe": ["/dev/xvdf"], "spare": ["/dev/xvdg"]}}},
            "/dev/xvdg of agent05 is in the pool engineering/qe and not in engineering/spare; the framework never moves one",
            id="into another pool",
        ),
        pytest.param(
            "agent05",
            QE,
            "agent05: /dev/xvdg is in the pool engineering/qe at the gateway and no longer declared",
            id="a device is taken out",
        ),
        pytest.param(
            "agent03",
            {"scaleio_sds": {"research": {"fast": ["/dev/xvdf"]}}, "scaleio_sdc": {"research": ["fast"]}},
            "is in the protection domain engineering and not in research; the framework never moves one",
            id="another domain",
        ),
        pytest.param(
            "agent07",
            {"scaleio_state": "absent"},
            "agent07: /dev/xvdg is in the pool engineering/qe at the gateway and no longer declared",
            id="a node leaves",
        ),
    ],
)
def test_nothing_that_is_contributed_is_moved(run: Play, host: str, declared: Mapping[str, Any], sentence: str) -> None:
    before = hashes(*EVERYBODY)
    refused = run(DEPLOY, declared={**KNOWN, host: declared}).expect(2)
    assert sentence in refused.failures()[host], refused.failures()[host]
    assert hashes(*EVERYBODY) == before


def test_a_node_that_leaves_the_inventory(run: Play, tmp_path: Path) -> None:
    before = hashes(*EVERYBODY)
    three = [host for host in AGENTS if host != "agent03"]
    inventories = (*few(tmp_path, *three, declared=False), SERVICES_INVENTORY)
    declared = declaring(tmp_path, **{host: KNOWN[host] for host in three})
    refused = playbook(DEPLOY, inventories=(*inventories, declared)).expect(2)
    sentence = "agent03: /dev/xvdf is in the pool engineering/qe at the gateway, and the host is not in the inventory"
    assert sentence in refused.failures()["agent02"], refused.failures()
    assert hashes(*EVERYBODY) == before


# -- heal ------------------------------------------------------------------------------------------------------------------

HEAL = "holdfast.stateful.heal"
STATUS = "holdfast.stateful.status"


def test_a_healthy_cluster_is_left_alone(run: Play) -> None:
    launched = launches()
    assert run(HEAL, declared=KNOWN).expect(0).changed() == {}
    assert launches() == launched


def test_a_scheduler_that_lost_its_master_is_started_anew(run: Play) -> None:
    leader = next(host for host in MASTERS if leads(host))
    on(leader, "systemctl", "restart", "mesos-master")
    until(lambda: any(leads(host) for host in MASTERS), seconds=60)
    until(lambda: "is registered at the leading master" in run(STATUS, declared=KNOWN).expect(2).output, seconds=60)
    before = starts()
    healed = run(HEAL, declared=KNOWN).expect(0)
    assert set(healed.changed()) == {"m1"}
    assert starts() == before
    run(STATUS, declared=KNOWN).expect(0)
    assert run(HEAL, declared=KNOWN).expect(0).changed() == {}


def test_a_node_that_has_come_to_a_halt_is_let_go_on(run: Play) -> None:
    """Its executor sees itself in the state in which one waits for all, as after the end of the scheduler in that moment."""
    tasks = json.loads(on("m1", "curl", "-s", "http://localhost:8080/v2/apps/scaleio-scheduler/tasks"))["tasks"]
    scheduler = f"http://{tasks[0]['host']}:{tasks[0]['ports'][0]}"
    told = json.dumps({"acknowledged": False, "executorid": "executor-scaleio-agent03", "state": 7})
    on("m1", "curl", "-s", "-f", "-X", "POST", "-d", told, f"{scheduler}/api/node/state")
    assert "if it stays there, run the playbook heal" in run(STATUS, declared=KNOWN).expect(2).output
    before, launched = starts(), launches()
    healed = run(HEAL, declared=KNOWN).expect(0)
    assert set(healed.changed()) == {"m1"}
    done = "; ".join(healed.actions()["m1"])
    assert "let those nodes go on that stay for 15 s where they are: state 8 in place of 7 for agent03" in done, done
    assert (starts(), launches()) == (before, launched)
    run(STATUS, declared=KNOWN).expect(0)
    assert run(HEAL, declared=KNOWN).expect(0).changed() == {}


def test_what_the_gateway_refused_once_is_created_by_consent(run: Play, tmp_path: Path) -> None:
    hook = root("m1") / "run/scaleio-gateway-simulator"
    hook.mkdir(exist_ok=True)
    (hook / "refuse-device").write_text(f"sds_{address('agent02')} /dev/xvdf\n")
    declared = {**KNOWN, "agent02": QE}
    failed = run(DEPLOY, declared=declared, scaleio_framework_timeout=25).expect(2)
    sentence = "/dev/xvdf of agent02 is not in the pool engineering/qe at the gateway"
    assert sentence in failed.failures()["m1"], failed.failures()
    (hook / "refuse-device").unlink()
    told = run(HEAL, declared=declared)
    assert told.changed() == {} and "scaleio_heal_create" in told.output
    assert pools()["agent02"] == {}
    healed = run(HEAL, declared=declared, scaleio_heal_create=True).expect(0)
    assert set(healed.changed()) == {"m1"}
    assert pools() == {**STORED, "agent02": {"/dev/xvdf": "engineering/qe"}}
    assert run(DEPLOY, declared=declared).expect(0).changed() == {}
