# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What happens to a cluster after its first day, on the lab with its odd disks (scenario scaleio_day_two).

One story: each test starts from what the one before has left. Where the size of the cluster is not what is tested,
a few of its agents stand for all of them.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.lab.harness import (
    LAB_INVENTORY,
    ROOT,
    Run,
    address,
    agents_at_master,
    declaring,
    down_together,
    events,
    few,
    hashes,
    lab,
    most_down,
    on,
    playbook,
    registered,
    root,
    started_with,
    tree,
    until,
)

SCENARIO = ROOT / "extensions" / "molecule" / "scaleio_day_two"
WHOLE = (LAB_INVENTORY, SCENARIO / "rollout.yml")
ALL = [f"agent{number:02}" for number in range(1, 17)]
FOUR = ("agent01", "agent02", "agent05", "agent06")

DEPLOY = "holdfast.stateful.scaleio_imperative"
ONBOARD = "holdfast.stateful.onboard"
STATUS = "holdfast.stateful.status"
ADOPT = "holdfast.stateful.adopt"

ONE_LARGE_DISK = "[?free && size_bytes > `1000000000000`].path"


def argv(host: str, device: str) -> list[str]:
    """What the wrapper ends in, whole, where the device is the host's part of the pool."""
    return [
        "/usr/sbin/mesos-slave",
        "--master=zk://m1:2181,m2:2181,m3:2181/mesos",
        "--log_dir=/var/log/mesos",
        f"--hostname={host}",
        f"--ip={address(host)}",
        "--work_dir=/var/lib/mesos",
        "--attributes=scaleio-sdc-domains:engineering;scaleio-sdc-engineering:qe;"
        f"scaleio-sds-domains:engineering;scaleio-sds-engineering:qe;scaleio-sds-qe:{device}",
    ]


def sds(*devices: str) -> dict[str, Any]:
    return {"scaleio_sds": {"engineering": {"qe": list(devices)}}}


def restarts(hosts: Iterable[str] = ALL) -> dict[str, int]:
    """How often the agents have started so far."""
    return {host: len(started_with(host)) for host in hosts}


def agent_id(host: str) -> str:
    """The ID under which the leading master knows a host's agent."""
    found = [agent["id"] for agent in agents_at_master() if agent["hostname"] == host and agent["active"]]
    assert len(found) == 1, f"{host} is registered {len(found)} times"
    return str(found[0])


def is_back(event: Mapping[str, Any]) -> bool:
    """Whether it tells of an agent that the master has taken in again."""
    return event["event"] in ("registered", "reregistered")


def four_times(
    inventories: Sequence[Path], changed: set[str], environment: Mapping[str, str] | None = None, **variables: Any
) -> Run:
    """Check, do, do again, check again; the run that did something."""
    more: dict[str, Any] = {"inventories": inventories, "environment": environment, "variables": variables}
    predicted = playbook(DEPLOY, "--check", **more).expect(0)
    done = playbook(DEPLOY, **more).expect(0)
    assert set(done.changed()) == changed
    assert predicted.actions() == done.actions()
    assert predicted.recap == done.recap
    for arguments in ((), ("--check",)):
        assert playbook(DEPLOY, *arguments, **more).expect(0).changed() == {}
    return done


def refused(inventories: Sequence[Path], *sentences: str, **variables: Any) -> str:
    """A run that says all of this and changes nothing on any host of the lab; its output."""
    before, started = hashes(), restarts()
    run = playbook(DEPLOY, inventories=inventories, variables=variables).expect(2)
    text = " ".join(str(entry["result"].get("msg", "")) for entry in run.results if entry["status"] == "failed")
    for sentence in sentences:
        assert sentence in text
    assert hashes() == before and restarts() == started
    return text


# -- odd disks ---------------------------------------------------------------------------------------------------------


def test_one_line_of_inventory_found_the_right_disk_on_every_agent() -> None:
    expected = dict.fromkeys(ALL, "/dev/xvdf") | {"agent07": "/dev/xvdg"}
    assert {host: attributes["scaleio-sds-qe"] for host, attributes in registered().items()} == expected
    assert {host: started_with(host)[1:] for host in ALL} == {
        host: [argv(host, device)] for host, device in expected.items()
    }
    assert most_down(events()) <= 4


def test_a_file_system_and_a_disk_for_local_use_are_not_taken(tmp_path: Path) -> None:
    odd = declaring(
        tmp_path,
        agent03=sds("/dev/xvdf", "/dev/xvdh"),
        agent05={"scaleio_sds": {"engineering": {"qe": ONE_LARGE_DISK}}},
    )
    refused(
        (*few(tmp_path, "agent03", "agent04", "agent05", "agent07"), odd),
        "agent03: the device /dev/xvdh carries ext4; only an empty device may be contributed",
        "yields 2 devices (/dev/xvdf, /dev/xvdg) and must yield 1",
    )


# -- the same cluster, looked at in other ways -------------------------------------------------------------------------


def test_another_order_of_the_inventory_changes_nothing(tmp_path: Path) -> None:
    shuffled = random.Random(16).sample(ALL, 6)
    assert shuffled != sorted(shuffled)
    before, started = hashes(*shuffled), restarts()
    again = playbook(DEPLOY, inventories=few(tmp_path, *shuffled)).expect(0)
    assert again.changed() == {}
    assert hashes(*shuffled) == before
    assert restarts() == started
    record = "var/lib/holdfast/scaleio/scaleio.json"
    assert {host: json.loads((root(host) / record).read_text())["ordinal"] for host in ALL} == {
        host: number for number, host in enumerate(ALL)
    }


def test_the_newest_ansible_core_and_a_disk_named_by_its_id_leave_nothing_to_do(
    tmp_path: Path, newest: dict[str, str]
) -> None:
    named = declaring(tmp_path, agent05=sds("scsi-HOLDFAST_HOLDFAST-DISK_HFAGENT05XVDF"))
    inventories = (*few(tmp_path, *FOUR), named)
    again = playbook(DEPLOY, inventories=inventories, environment=newest).expect(0)
    assert again.changed() == {}
    assert set(again.recap) == set(FOUR)


# -- growth and loss ---------------------------------------------------------------------------------------------------


def test_a_new_host_joins_by_one_line(tmp_path: Path, reach: Callable[[str], Any]) -> None:
    inventories = (*WHOLE, SCENARIO / "agent17.yml")
    before = hashes(*ALL)
    predicted = playbook(ONBOARD, "--check", inventories=inventories).expect(0)
    assert started_with("agent17") == []
    done = playbook(ONBOARD, inventories=inventories).expect(0)
    assert set(done.changed()) == {"agent17"}
    assert predicted.actions() == done.actions()
    assert started_with("agent17") == [argv("agent17", "/dev/xvdf")]
    assert "agent17" in registered()
    assert reach("agent17").service("mesos-slave").is_enabled
    assert hashes(*ALL) == before
    some = few(tmp_path, "agent01", "agent02", "agent03", "agent17")
    assert playbook(ONBOARD, inventories=some).expect(0).changed() == {}


def test_status_while_two_hosts_are_down(tmp_path: Path) -> None:
    some = ("agent01", "agent03", "agent12", "agent13", "agent16")
    lab("stop", "agent12")
    lab("crash", "agent13")
    run = playbook(STATUS, inventories=few(tmp_path, *some)).expect(2)
    (shown,) = run.of("scaleio_status").values()
    states = {line.split()[0]: line.split()[1] for line in shown["text"].splitlines() if line.startswith("agent")}
    assert states == dict.fromkeys(some, "registered") | {"agent12": "unreachable", "agent13": "unreachable"}
    problems = {name: found["problems"] for name, found in shown["clusters"]["scaleio"].items()}
    assert {name for name, found in problems.items() if found} == {"agent12", "agent13"}
    assert all("could not be observed" in found for name in ("agent12", "agent13") for found in problems[name])
    began, down = time.time(), ("agent12", "agent13")
    for host in down:
        lab("start", host)
    # The master takes a crashed agent for alive until it hears from it again.
    until(lambda: set(down) <= {event["hostname"] for event in events() if event["time"] > began and is_back(event)})
    until(lambda: set(ALL) <= set(registered()))


# -- changes -----------------------------------------------------------------------------------------------------------


def test_changed_devices_restart_exactly_that_agent_once(tmp_path: Path) -> None:
    started, now = restarts(), time.time()
    both = declaring(tmp_path, agent05=sds("/dev/xvdf", "/dev/xvdg"))
    four_times((*few(tmp_path, "agent01", "agent05"), both), {"agent05"})
    assert restarts() == started | {"agent05": started["agent05"] + 1}
    assert down_together([event for event in events() if event["time"] > now]) == [{"agent05"}]
    assert tree("agent05")["scaleio-sds-qe"] == b"/dev/xvdf,/dev/xvdg\n"
    assert registered()["agent05"]["scaleio-sds-qe"] == "/dev/xvdf,/dev/xvdg"


def test_rollback_and_absent_without_pipelining(tmp_path: Path) -> None:
    """agent05 gets its previous attributes back, agent06 is to contribute nothing."""
    state = declaring(tmp_path, agent05={"scaleio_state": "rollback"}, agent06={"scaleio_state": "absent"})
    slow = {"ANSIBLE_PIPELINING": "0"}
    done = four_times((*few(tmp_path, *FOUR), state), {"agent05", "agent06"}, environment=slow)
    assert min(done.channels.values()) > 1
    assert tree("agent05")["scaleio-sds-qe"] == b"/dev/xvdf\n"
    assert registered()["agent05"]["scaleio-sds-qe"] == "/dev/xvdf"
    assert tree("agent06") == {"scaleio-sdc-domains": b"engineering\n"}
    assert registered()["agent06"] == {"scaleio-sdc-domains": "engineering"}


def test_only_the_named_permission_removes_the_marker(tmp_path: Path) -> None:
    bare = declaring(tmp_path, agent06={"scaleio_state": "absent", "scaleio_allow_global_pool": True})
    four_times((*few(tmp_path, "agent05", "agent06"), bare), {"agent06"})
    assert tree("agent06") == {}
    assert registered()["agent06"] == {}


def test_status_names_a_bare_agent_and_the_disks_that_the_framework_would_take(tmp_path: Path) -> None:
    run = playbook(STATUS, inventories=few(tmp_path, *FOUR)).expect(2)
    (shown,) = run.of("scaleio_status").values()
    assert any(
        problem.startswith(
            "agent06: is known to the master without imperative attributes: the framework would take /dev/xvdf"
        )
        for problem in shown["problems"]
    )
    assert {name for name, found in shown["clusters"]["scaleio"].items() if found["problems"]} == {"agent06"}


def test_additive_policy_keeps_the_agent_id_when_attributes_come_and_not_when_they_change(tmp_path: Path) -> None:
    """Compared is with the first registration: that of agent06 was bare, that of agent01 has attributes."""
    bare, full = agent_id("agent06"), agent_id("agent01")
    for host in ("agent01", "agent06"):
        on(host, "sh", "-c", "echo additive > /etc/mesos-slave/reconfiguration_policy")
    more = declaring(tmp_path, agent01={"scaleio_sdc": {"engineering": ["qe", "archive"]}})
    actions = four_times((*few(tmp_path, *FOUR), more), {"agent01", "agent06"}).actions()
    assert f"keeps its ID {bare} (additive" in str(actions["agent06"])
    assert f"gives up its ID {full} (new_agent_id" in str(actions["agent01"])
    assert agent_id("agent06") == bare
    assert agent_id("agent01") != full
    assert "--reconfiguration_policy=additive" in started_with("agent06")[-1]
    assert registered()["agent01"]["scaleio-sdc-engineering"] == "qe,archive"


def test_a_failed_restart_stops_the_rollout_and_a_run_after_mending_finishes_it(tmp_path: Path) -> None:
    inventories = few(tmp_path, "agent09", "agent10", "agent11", "agent12")
    other_pool = {"scaleio_sds": {"engineering": {"gold": ONE_LARGE_DISK}}, "scaleio_sdc": {"engineering": ["gold"]}}
    on("agent10", "sh", "-c", "echo oops > /etc/mesos-slave/no_such_flag")
    before, started = hashes(), restarts()
    run = playbook(DEPLOY, inventories=inventories, variables=other_pool).expect(2)
    failed = run.of("scaleio_node", "failed")
    assert "Failed to load unknown flag 'no_such_flag'" in failed["agent10"]["msg"]
    assert "phase 2 did not succeed on agent10" in failed["agent11"]["msg"]
    assert set(failed) == {"agent10", "agent11", "agent12"}
    assert {host for host, seen in hashes().items() if seen != before[host]} == {"agent09", "agent10"}
    assert {host for host, seen in restarts().items() if seen != started[host]} == {"agent09", "agent10"}
    on("agent10", "rm", "/etc/mesos-slave/no_such_flag")
    done = playbook(DEPLOY, inventories=inventories, variables=other_pool).expect(0)
    assert {"agent11", "agent12"} <= set(done.changed()) <= {"agent10", "agent11", "agent12"}
    for host in ("agent09", "agent10", "agent11", "agent12"):
        assert registered()[host]["scaleio-sds-gold"] == "/dev/xvdf"
    assert playbook(DEPLOY, inventories=inventories, variables=other_pool).expect(0).changed() == {}


# -- work on an agent --------------------------------------------------------------------------------------------------


def test_work_is_only_lost_when_each_of_it_is_named(tmp_path: Path) -> None:
    on("agent02", "mesos-simulator-plant", "scaleio")
    on("agent02", "mesos-simulator-plant", "framework", "--name", "marathon", "--task", "web", "--checkpoint")
    on("agent02", "mesos-simulator-plant", "reservation", "--role", "analytics")
    on("agent02", "mesos-simulator-plant", "volume", "--id", "ledger", "--role", "database")
    old = agent_id("agent02")
    inventories = (
        *few(tmp_path, "agent02", "agent05", "agent06"),
        declaring(tmp_path, agent02={"scaleio_sdc": {"engineering": ["qe", "archive"]}}),
    )
    all_of_it = ["framework:marathon", "reservation:analytics", "reservation:database", "volume:ledger"]
    text = refused(inventories, f"would end {', '.join(all_of_it)};")
    assert "ScaleIO Framework" not in text
    refused(inventories, f"would end {', '.join(all_of_it[1:])};", scaleio_allow_work_loss=all_of_it[:1])
    assert agent_id("agent02") == old
    done = four_times(inventories, {"agent02"}, scaleio_allow_work_loss=all_of_it)
    assert f"with it ends {', '.join(all_of_it)}" in str(done.actions())
    assert agent_id("agent02") != old
    kept = on("agent02", "sh", "-c", "ls /var/lib/holdfast/mesos/forgotten")
    assert old in kept


# -- agents made by hand -----------------------------------------------------------------------------------------------

BY_HAND = """
set -e
rm -rf /var/lib/holdfast
cd /etc/mesos-slave/attributes
rm -f ./* /var/lib/mesos/meta/slaves/latest
echo engineering > scaleio-sds-domains
echo qe > scaleio-sds-engineering
echo /dev/xvdf > scaleio-sds-qe
{more}
systemctl restart mesos-slave
"""
MADE = {"scaleio-sds-domains": "engineering", "scaleio-sds-engineering": "qe", "scaleio-sds-qe": "/dev/xvdf"}
ADOPTED = """
mesos_agents:
  hosts:
    agent14:
      scaleio_sds: {engineering: {qe: [/dev/xvdf]}}
      scaleio_sdc_default: none
    agent15:
      scaleio_sds: {engineering: {qe: [/dev/xvdf]}}
      scaleio_sdc: {engineering: [qe, archive]}
    agent16:
      scaleio_sds: {engineering: {qe: [/dev/xvdf]}}
      scaleio_sdc_default: none
      scaleio_persona: primary
"""


def test_adopt_prints_the_inventory_of_agents_made_by_hand_which_changes_nothing(tmp_path: Path) -> None:
    more = {
        "agent14": {},
        "agent15": {"scaleio-sdc-domains": "engineering", "scaleio-sdc-engineering": "qe,archive"},
        "agent16": {"scaleio-persona": "primary"},
    }
    for host, files in more.items():
        lines = "\n".join(f"echo {value} > {name}" for name, value in files.items())
        on(host, "sh", "-c", BY_HAND.format(more=lines))
    made = {host: MADE | files for host, files in more.items()}
    until(lambda: {host: registered().get(host) for host in made} == made)
    before, started = hashes(*made), restarts(made)
    inventories = few(tmp_path, *made, declared=False)
    (printed,) = playbook(ADOPT, inventories=inventories).expect(0).of("scaleio_adopt").values()
    assert yaml.safe_load(printed["text"]) == yaml.safe_load(ADOPTED)
    (tmp_path / "adopted.yml").write_text(printed["text"])
    assert playbook(DEPLOY, inventories=(*inventories, tmp_path / "adopted.yml")).expect(0).changed() == {}
    assert hashes(*made) == before
    assert restarts(made) == started
