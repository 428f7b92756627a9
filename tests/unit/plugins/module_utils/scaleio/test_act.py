# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One node's plan carried out under the cluster's lock, killed after every effect, and finished by the next run."""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core import identity
from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Plan, Step, report
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import ANONYMOUS
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.observe import (
    LOCK,
    identity_of,
    observe_agent,
    observe_master,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.act import NodeHands, act_on_node
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import plan_cluster
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import Died
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos.live_machine import (
    DIRECTORY,
    MASTERS,
    UNIT,
    LiveMachine,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import (
    QE_FILES,
    disk,
    observation,
    wanted,
)

TWO = {"engineering": {"qe": ["/dev/xvdg"], "dev": ["/dev/xvdf"]}}
CONTROLLER = {"host": "control", "boot_id": "b", "pid": 7, "started": 9}


def look(machine: LiveMachine, declaration: Mapping[str, Any]) -> dict[str, Any]:
    """What the observing module returns, but for the disks, which do not change here."""
    agent = observe_agent(machine)
    return {
        **observation("agent01", agent=agent, devices=[disk("/dev/xvdf"), disk("/dev/xvdg")], wanted=dict(declaration)),
        "master": observe_master(machine, MASTERS, ANONYMOUS, identity_of(agent)),
        "identity": identity.read_json(machine, identity.record_path("scaleio", "scaleio")),
        "claim": identity.observe_claim(machine, "scaleio", "scaleio"),
        "previous": identity.read_json(machine, identity.previous_path("scaleio", "scaleio")),
    }


def plan_for(machine: LiveMachine, declaration: Mapping[str, Any]) -> Plan:
    plan = plan_cluster("scaleio", [look(machine, declaration)], select)
    assert not plan.refused, plan.refused
    return plan


def carry_out(machine: LiveMachine, plan: Plan, plan_id: str, *supersedes: str) -> list[dict[str, Any]]:
    results = []
    for index, phase in enumerate(plan.phases, 1):
        run = identity.Run(plan_id, CONTROLLER, index, len(plan.phases), tuple(phase.steps), supersedes)
        assert plan.context["peers"] == {"agent01": "agent01"}
        hands = NodeHands(machine, MASTERS, ANONYMOUS)
        results.append(act_on_node(machine, hands, phase.steps["agent01"], run, cluster="scaleio", member="agent01"))
    return results


def bare() -> LiveMachine:
    return LiveMachine({"rack": "r1"})


def bare_additive() -> LiveMachine:
    return LiveMachine({"rack": "r1"}, policy="additive")


def deployed() -> LiveMachine:
    return LiveMachine({"rack": "r1", **QE_FILES})


def never_started() -> LiveMachine:
    machine = LiveMachine({"rack": "r1"}, registered=False)
    machine.enabled = "disabled"
    return machine


def fallen() -> LiveMachine:
    machine = LiveMachine({"rack": "r1", **QE_FILES})
    machine.fall()
    return machine


SCENARIOS = [
    pytest.param(bare, wanted(), id="a bare agent, a new ID"),
    pytest.param(bare_additive, wanted(), id="a bare agent, additive"),
    pytest.param(never_started, wanted(), id="an agent that has never started"),
    pytest.param(deployed, wanted(sds=TWO), id="other pools"),
    pytest.param(deployed, wanted(state="absent", sds=None), id="absent"),
    pytest.param(deployed, wanted(state="absent", sds=None, allow_global_pool=True), id="absent, global pool"),
    pytest.param(fallen, wanted(), id="an agent that is down"),
]
Make = Callable[[], LiveMachine]


@pytest.mark.parametrize(("make", "declaration"), SCENARIOS)
def test_the_report_of_the_run_is_that_of_the_plan(make: Make, declaration: Mapping[str, Any]) -> None:
    machine = make()
    plan = plan_for(machine, declaration)
    results = carry_out(machine, plan, "p1")
    for phase, result in zip(plan.phases, results):
        shown = result.pop("agent", None)
        assert result == report(phase.steps["agent01"], "agent01")
        assert shown is None or shown == machine.registered()
    assert not plan_for(machine, declaration).phases


def test_files_are_byte_exact_and_the_agent_is_started_once() -> None:
    machine = bare()
    carry_out(machine, plan_for(machine, wanted()), "p1")
    files = {name: machine.read(f"{DIRECTORY}/{name}") for name in machine.names(DIRECTORY)}
    assert files == {name: f"{value}\n".encode() for name, value in {"rack": "r1", **QE_FILES}.items()}
    assert machine.starts == [{"rack": "r1"}, {"rack": "r1", **QE_FILES}]
    assert machine.changes() == [("systemctl", "stop", UNIT), ("systemctl", "start", UNIT)]


def kept(machine: LiveMachine) -> dict[str, Any]:
    """What must be the same at the end, however often the run was killed. Times and IDs are new each time."""
    state = machine.tree("/etc")
    for path in (identity.record_path("scaleio", "scaleio"), identity.previous_path("scaleio", "scaleio")):
        state[path] = str(identity.read_json(machine, path))
    entry = machine.registered()
    return {"tree": state, "attributes": None if entry is None else entry["attributes"], "enabled": machine.enabled}


@pytest.mark.parametrize(("make", "declaration"), SCENARIOS)
def test_a_run_killed_after_any_effect_is_finished_by_the_next(make: Make, declaration: Mapping[str, Any]) -> None:
    whole = make()
    carry_out(whole, plan_for(whole, declaration), "p1")
    assert whole.effects
    for effects in range(len(whole.effects) + 1):
        machine = make()
        plan = plan_for(machine, declaration)
        machine.die_after = effects
        with pytest.raises(Died):
            carry_out(machine, plan, "p1")
        machine.survive()
        rest = plan_for(machine, declaration)
        results = carry_out(machine, rest, "p2", "p1")
        assert not [result["msg"] for result in results if "msg" in result], effects
        assert kept(machine) == kept(whole), effects
        assert not plan_for(machine, declaration).phases, effects
        # An agent is never seen by the framework with less than the old or the new attributes.
        for started in machine.starts:
            assert (
                any(name in started for name in ("scaleio-sds-domains", "scaleio-sdc-domains"))
                or started == make().attributes()
                or (declaration["allow_global_pool"])
            )


def test_a_failure_is_reported_with_what_was_done_and_stays_in_the_claim() -> None:
    machine = bare()
    plan = plan_for(machine, wanted())
    machine.refuse_writes(f"{DIRECTORY}/scaleio-sds-domains")
    (result,) = carry_out(machine, plan, "p1")
    assert result["changed"] is True
    assert len(result["actions"]) == 3
    assert result["msg"].startswith(
        f"the file could not be written ({DIRECTORY}/scaleio-sds-domains): No space left on device"
    )
    assert (
        f"while this was done: write {DIRECTORY}/scaleio-sds-domains: engineering. Done before that: write"
        in result["msg"]
    )
    claim = identity.observe_claim(machine, "scaleio", "scaleio")
    assert claim is not None
    assert claim["state"] == "failed"
    assert machine.changes() == []


def test_another_run_on_the_cluster_changes_nothing() -> None:
    machine = bare()
    plan = plan_for(machine, wanted())
    path = identity.claim_path("scaleio", "scaleio")
    other = {**identity.Run("p9", CONTROLLER, 1, 2, ("agent01",)).to_json(), "state": "acting", "at": machine.time()}
    machine.file(path, json.dumps(other))
    before = machine.tree()
    (result,) = carry_out(machine, plan, "p1")
    assert result["changed"] is False
    assert result["msg"].startswith(
        "another run acts on the cluster scaleio (/var/lib/holdfast/scaleio/scaleio.claim.json): run p9"
    )
    assert result["msg"].endswith("Nothing was changed.")
    assert machine.tree() == before


def test_another_door_to_the_agent_is_waited_for_and_keeps_this_one_out() -> None:
    machine = bare()
    plan = plan_for(machine, wanted())
    machine.lock(LOCK)
    before = machine.tree()
    (result,) = carry_out(machine, plan, "p1")
    assert result["msg"].startswith(f"another acting call is still at work on this host ({LOCK})")
    assert machine.tree() == before
    machine.after(3.0, lambda: machine.lock(LOCK, held=False))
    assert "msg" not in carry_out(machine, plan, "p1")[0]


def test_what_the_kernel_refuses_is_told_as_a_sentence() -> None:
    machine = bare()
    plan = plan_for(machine, wanted())
    machine.file(identity.claim_path("scaleio", "scaleio"), error=errno.EIO)
    (result,) = carry_out(machine, plan, "p1")
    assert result["msg"].startswith(
        "the system refused it (/var/lib/holdfast/scaleio/scaleio.claim.json): Input/output"
    )
    assert result["changed"] is False


def test_a_step_that_fails_is_the_reason_also_when_no_word_of_it_can_be_left(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = bare()
    plan = plan_for(machine, wanted())
    path = f"{DIRECTORY}/scaleio-sds-domains"
    machine.refuse_writes(path)
    written = machine.write

    def write(target: str, content: bytes, *, staging: Sequence[str] = (), mode: int = 0o644) -> None:
        if b'"failed"' in content:
            machine.refuse_writes(target)
        written(target, content, staging=staging, mode=mode)

    monkeypatch.setattr(machine, "write", write)
    (result,) = carry_out(machine, plan, "p1")
    assert result["msg"].startswith(f"the file could not be written ({path})")
    assert "while this was done: write" in result["msg"]


def test_work_of_the_framework_itself_may_end() -> None:
    machine = bare()
    machine.frameworks = [{"name": "ScaleIO Framework", "checkpoint": False, "executors": [{"id": "e", "tasks": []}]}]
    plan = plan_for(machine, wanted())
    machine.frameworks[0]["executors"].append({"id": "e2", "tasks": []})
    assert "msg" not in carry_out(machine, plan, "p1")[0]


@pytest.mark.parametrize(
    "staging", ["below the same directory", "/dev/shm"], ids=["same file system", "another file system"]
)
def test_nothing_but_the_files_themselves_is_ever_seen_in_the_configuration_tree(
    tmp_path: Path, staging: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The init wrapper reads whatever it finds there, so a temporary file would become an attribute or a flag."""
    tree = tmp_path / "etc" / "mesos-slave"
    directory = tree / "attributes"
    directory.mkdir(parents=True)
    target = directory / "scaleio-sds-qe"
    values = ["/dev/xvdf\n", "/dev/xvdf," + "/dev/xvdg," * 2000 + "/dev/xvdh\n"]
    target.write_text(values[0])
    aside = str(tmp_path / "staging") if staging != "/dev/shm" else f"/dev/shm/{tmp_path.name}"
    monkeypatch.setattr(identity, "STAGING", aside)
    hands = NodeHands(Machine(), MASTERS, ANONYMOUS)
    seen: set[str] = set()
    read: set[str] = set()
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            seen.update(str(path.relative_to(tree)) for path in tree.rglob("*"))
            read.add(target.read_text())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for count in range(200):
            hands.execute(Step("write_file", "", {"path": str(target), "content": values[count % 2]}))
    finally:
        done.set()
        watcher.join()
        if staging == "/dev/shm":
            Path(aside).rmdir()
    assert seen == {"attributes", "attributes/scaleio-sds-qe"}
    assert read <= set(values)
    assert target.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.rglob(".holdfast-*")] == []
