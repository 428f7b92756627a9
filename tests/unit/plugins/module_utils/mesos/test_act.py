# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Steps carried out on an agent: the exact calls, what is waited for, and errors in the agent's own words."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Outcome, Step, converge
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import DeadlineError, WorldChanged
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import ANONYMOUS
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.act import AgentHands
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.observe import observe_agent
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.plan import Policy, takeover, write_step
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos.live_machine import (
    DIRECTORY,
    MASTERS,
    META,
    UNIT,
    LiveMachine,
)

STOP, START, RESTART, ENABLE = (("systemctl", verb, UNIT) for verb in ("stop", "start", "restart", "enable"))


def steps_to(machine: LiveMachine, desired: dict[str, str], policy: Policy | None = None) -> list[Step]:
    """A plan for one agent: leaf files first does not matter here, the order of names does."""
    agent = observe_agent(machine)
    names = sorted({*agent["files"], *desired})
    writes = [
        write_step(DIRECTORY, n, agent["files"].get(n), desired.get(n))
        for n in names
        if agent["files"].get(n) != desired.get(n)
    ]
    _change, after, refused = takeover(agent, desired, policy or Policy(registration_timeout=5.0))
    assert refused == []
    machine.calls.clear()
    return [*writes, *after]


def do(machine: LiveMachine, steps: Sequence[Step], hands: AgentHands | None = None) -> Outcome:
    hands = hands or AgentHands(machine, MASTERS, ANONYMOUS)
    return converge(steps, observe=hands.look, execute=hands.execute, check_mode=False)


def test_a_restart_keeps_the_id_and_ends_when_the_leading_master_shows_it() -> None:
    machine = LiveMachine({"rack": "r1"}, policy="additive")
    hands = AgentHands(machine, MASTERS, ANONYMOUS)
    steps = steps_to(machine, {"rack": "r1", "zone": "z"})
    began = machine.clock
    assert do(machine, steps, hands).error is None
    assert machine.changes() == [RESTART]
    assert machine.effects == [f"write {DIRECTORY}/zone", "systemctl restart mesos-slave.service"]
    assert machine.read(f"{DIRECTORY}/zone") == b"z\n"
    assert machine.mode(f"{DIRECTORY}/zone") == 0o644
    assert machine.clock - began == pytest.approx(machine.startup, abs=0.11)
    assert hands.shown == machine.registered()
    assert (hands.shown or {})["attributes"] == {"rack": "r1", "zone": "z"}
    assert machine.latest() == "id-S1"


def test_a_new_id_stops_sets_the_link_aside_and_starts() -> None:
    machine = LiveMachine({"rack": "r1"})
    steps = steps_to(machine, {"rack": "r2"})
    assert do(machine, steps).error is None
    assert machine.changes() == [STOP, START]
    assert machine.latest() == "id-S2"
    kept = "/var/lib/holdfast/mesos/forgotten"
    assert machine.names(kept) == [f"{int(machine.time())}-id-S1"]
    assert machine.link(f"{kept}/{machine.names(kept)[0]}") == f"{META}/slaves/id-S1"
    assert machine.read(f"{META}/slaves/id-S1/slave.info")


def test_a_first_start_enables_the_unit() -> None:
    machine = LiveMachine({}, registered=False)
    machine.enabled = "disabled"
    assert do(machine, steps_to(machine, {"rack": "r1"})).error is None
    assert machine.changes() == [ENABLE, START]
    assert machine.starts == [{"rack": "r1"}]


def test_a_file_that_is_removed() -> None:
    machine = LiveMachine({"rack": "r1", "zone": "z"})
    assert do(machine, steps_to(machine, {"rack": "r1"})).error is None
    assert machine.names(DIRECTORY) == ["rack"]


def test_an_agent_that_flaps_is_quoted() -> None:
    machine = LiveMachine({"rack": "r1"})
    # The policy is taken for additive, and is not: what somebody changed behind the plan's back.
    machine.file("/etc/mesos-slave/reconfiguration_policy", "additive\n")
    steps = steps_to(machine, {"rack": "r1", "zone": "z"})
    machine.file("/etc/mesos-slave/reconfiguration_policy", "equal\n")
    outcome = do(machine, steps)
    assert outcome.failed == steps[-1]
    assert str(outcome.error) == (
        "the agent does not stay up: mesos-slave.service ended with status 1: Failed to perform recovery: Incompatible agent"
        " info detected. -- mend what it says and run again; the files are as planned, and no later phase has begun"
    )
    assert machine.latest() == "id-S1"
    assert outcome.result()["actions"] == [f"write {DIRECTORY}/zone: z"]


def test_a_failed_start_is_noticed_at_once() -> None:
    machine = LiveMachine({"rack": "r1"})
    steps = steps_to(machine, {"rack": "r2"})
    machine.says = "EXIT with status 1: Failed to initialize, bind: Address already in use"
    outcome = do(machine, steps)
    assert outcome.error is not None
    assert outcome.error.seen == "Failed to initialize, bind: Address already in use"
    assert machine.clock < 1.0


@pytest.mark.parametrize(
    ("trouble", "seen"),
    [
        pytest.param({"startup": 99.0}, "the agent has not registered", id="it does not get through"),
        pytest.param(
            {"lag": 99.0}, "the leading master shows it inactive with {'rack': 'r2'}", id="the master does not admit it"
        ),
        pytest.param({"leader": None}, "the master http://m3:5050 knows no leader (No leader elected)", id="no leader"),
    ],
)
def test_a_deadline_says_what_is_missing(trouble: dict[str, object], seen: str) -> None:
    machine = LiveMachine({"rack": "r1"})
    steps = steps_to(machine, {"rack": "r2"})
    for name, value in trouble.items():
        setattr(machine, name, value)
    began = machine.clock
    outcome = do(machine, steps)
    assert isinstance(outcome.error, DeadlineError)
    assert outcome.error.what == "the leading master did not show the agent with the wanted attributes within 5 s"
    assert outcome.error.seen.startswith(seen)
    assert machine.clock - began == pytest.approx(5.0, abs=0.2)


def test_registered_is_what_the_master_says_and_not_the_agent() -> None:
    machine = LiveMachine({"rack": "r1"})
    steps = steps_to(machine, {"rack": "r2"})
    machine.lag = 1.0
    began = machine.clock
    assert do(machine, steps).error is None
    assert machine.clock - began == pytest.approx(machine.startup + 1.0, abs=0.2)


def test_an_agent_that_comes_up_by_itself_is_only_waited_for() -> None:
    machine = LiveMachine({"rack": "r1"})
    expected = {"attributes": {"rack": "r1"}, "timeout": 5.0}
    machine.lag = 1.0
    machine.run(list(RESTART), deadline=5.0)
    machine.calls.clear()
    hands = AgentHands(machine, MASTERS, ANONYMOUS)
    assert do(machine, [Step("await_agent", "wait", expected, effect=False)], hands).error is None
    assert machine.changes() == []
    assert hands.shown == machine.registered()


def test_who_leads_does_not_matter() -> None:
    machine = LiveMachine({"rack": "r1"})
    machine.leader = MASTERS[2]
    assert do(machine, steps_to(machine, {"rack": "r2"})).error is None


def test_a_file_that_somebody_else_has_changed_is_not_overwritten() -> None:
    machine = LiveMachine({"rack": "r1"})
    steps = steps_to(machine, {"rack": "r2"})
    machine.file(f"{DIRECTORY}/rack", "r3\n")
    outcome = do(machine, steps)
    assert isinstance(outcome.error, WorldChanged)
    assert machine.effects == []
    assert machine.changes() == []


def test_a_file_that_somebody_else_has_added_stops_the_restart() -> None:
    machine = LiveMachine({"rack": "r1"})
    steps = steps_to(machine, {"rack": "r2"})
    machine.file(f"{DIRECTORY}/added", "x\n")
    outcome = do(machine, steps)
    assert isinstance(outcome.error, WorldChanged)
    assert machine.changes() == []


def test_work_that_has_come_since_stops_the_restart() -> None:
    machine = LiveMachine({"rack": "r1"})
    steps = steps_to(machine, {"rack": "r2"})
    machine.frameworks = [
        {
            "name": "Marathon",
            "checkpoint": True,
            "executors": [{"id": "e", "tasks": [{"id": "t", "state": "TASK_RUNNING"}]}],
        }
    ]
    outcome = do(machine, steps)
    assert isinstance(outcome.error, WorldChanged)
    assert "framework:Marathon" in str(outcome.error)
    assert machine.changes() == []


def test_work_that_was_named_may_end() -> None:
    machine = LiveMachine({"rack": "r1"})
    machine.frameworks = [{"name": "Marathon", "checkpoint": True, "executors": [{"id": "e", "tasks": []}]}]
    steps = steps_to(machine, {"rack": "r2"}, Policy(allow_work_loss=("framework:Marathon",), registration_timeout=5.0))
    assert do(machine, steps).error is None


@pytest.mark.parametrize(
    ("peers", "goes_down"),
    [
        pytest.param({"agent02": True, "agent03": True}, True, id="all are there"),
        pytest.param({"agent02": True, "agent03": False}, False, id="one is down already"),
        pytest.param(
            {"agent02": True, "agent03": True, "other": False}, True, id="an agent of another cluster is down"
        ),
        pytest.param(
            {"agent02": True, "other": True, "more": True}, False, id="agents of another cluster replace nobody"
        ),
    ],
)
def test_nobody_goes_down_while_too_many_peers_are(peers: dict[str, bool], goes_down: bool) -> None:
    machine = LiveMachine({"rack": "r1"})
    machine.peers = peers
    steps = steps_to(machine, {"rack": "r2"}, Policy(registration_timeout=5.0, connected_at_least=2))
    hands = AgentHands(machine, MASTERS, ANONYMOUS, peers=("agent02", "agent03"))
    outcome = do(machine, steps, hands)
    assert (outcome.error is None) is goes_down
    assert (machine.changes() == []) is not goes_down


@pytest.mark.parametrize("wanted", ["r1", "r2"], ids=["its ID stays", "a new ID"])
def test_an_agent_that_was_down_and_has_come_up_since_is_not_taken_down(wanted: str) -> None:
    machine = LiveMachine({"rack": "r1"})
    machine.fall()
    steps = steps_to(machine, {"rack": wanted})
    machine.run(["systemctl", "start", UNIT])
    machine.sleep(machine.startup)
    before = list(machine.changes())
    outcome = do(machine, steps)
    assert isinstance(outcome.error, WorldChanged)
    assert outcome.error.where == "at_work"
    assert machine.changes() == before
    assert machine.latest() == "id-S1"


def test_without_a_leader_nobody_goes_down() -> None:
    machine = LiveMachine({"rack": "r1"})
    steps = steps_to(machine, {"rack": "r2"}, Policy(registration_timeout=5.0, connected_at_least=1))
    machine.leader = None
    outcome = do(machine, steps)
    assert str(outcome.error).startswith(
        "nobody can say how many agents are in service: the master http://m3:5050 knows no leader (No leader elected)"
    )
    assert machine.changes() == []


def test_a_full_disk_leaves_the_old_file_and_is_told() -> None:
    machine = LiveMachine({"rack": "r1"})
    steps = steps_to(machine, {"rack": "r2"})
    machine.refuse_writes(f"{DIRECTORY}/rack")
    outcome = do(machine, steps)
    assert str(outcome.error).startswith(f"the file could not be written ({DIRECTORY}/rack): No space left on device")
    assert machine.read(f"{DIRECTORY}/rack") == b"r1\n"
    assert machine.changes() == []


def test_the_kernel_refusing_to_move_the_link_is_told() -> None:
    machine = LiveMachine({"rack": "r1"})
    steps = steps_to(machine, {"rack": "r2"})
    forget = next(step for step in steps if step.kind == "forget_agent_id")
    broken = Step(forget.kind, forget.sentence, {**forget.args, "link": "/nowhere/latest"}, forget.requires)
    outcome = do(machine, [broken if step is forget else step for step in steps])
    assert str(outcome.error).startswith("the system refused it (/nowhere/latest): No such file or directory")
    assert outcome.result()["actions"] == [f"change {DIRECTORY}/rack: r1 -> r2", "stop mesos-slave.service"]
