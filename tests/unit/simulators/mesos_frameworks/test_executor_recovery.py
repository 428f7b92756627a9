# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Executors when their agent ends and comes back (recorded: executors across restart, replacement R1 and R9; src/slave)."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("custom_executor.py")
# Where no executor is to come back.
SOON = "--executor_reregistration_timeout=500ms"


def launched(cluster: Any, command: Any, *flags: str, custom: bool = False, **info: Any) -> tuple[Any, Any, Any]:
    """Master, agent and scheduler, whose task t1 runs: a command, or with the executor of custom_executor.py."""
    master = cluster.master().start()
    agent = cluster.agent(*flags).start()
    cluster.registered(master, agent)
    scheduler = cluster.scheduler(master, **info)
    task = command("t1", "exec sleep 300")
    if custom:
        del task["command"]
        task["executor"] = {"executor_id": {"value": "e1"}, "command": {"value": f"exec python3 {PROGRAM} deaf"}}
    scheduler.launch(task)
    scheduler.reach("t1", "TASK_RUNNING")
    return master, agent, scheduler


def states(agent: Any) -> list[str]:
    """States of the tasks that an agent knows."""
    frameworks = agent.get("/state").json["frameworks"]
    return [task["state"] for one in frameworks for executor in one["executors"] for task in executor["tasks"]]


@pytest.mark.parametrize("launcher", ["posix", "linux"])
@pytest.mark.parametrize("custom", [False, True])
def test_without_checkpoint(cluster: Any, command: Any, running: Any, wait: Any, launcher: str, custom: bool) -> None:
    """Tasks are lost with the agent's process, and its executors end: nobody stops them, they see that it has gone."""
    master, agent, scheduler = launched(cluster, command, f"--launcher={launcher}", custom=custom)
    agent.stop()
    lost = scheduler.reach("t1", "TASK_LOST")
    told = (lost["message"], lost["source"], lost["reason"])
    assert told == ("Agent agent01 disconnected", "SOURCE_MASTER", "REASON_AGENT_DISCONNECTED")
    wait(lambda: not running(agent))
    agent.start()
    cluster.registered(master, agent)
    assert states(agent) == []
    shown = master.get("/frameworks").json["frameworks"][0]
    assert [task["state"] for task in shown["completed_tasks"]] == ["TASK_LOST"]
    scheduler.launch(command("t2", "sleep 300"))
    scheduler.reach("t2", "TASK_RUNNING")


@pytest.mark.parametrize(("launcher", "alive"), [("posix", True), ("linux", False)])
def test_what_ignores_the_end_of_its_agent(
    cluster: Any, command: Any, running: Any, wait: Any, launcher: str, alive: bool
) -> None:
    """The next start destroys it as an orphan, with the posix launcher it only says so."""
    master, agent, scheduler = launched(cluster, command, f"--launcher={launcher}")
    # In the background, as setsid(1) forks where it leads a group already, and the task would end.
    scheduler.launch(command("t2", "setsid sh -c 'touch detached; exec sleep 300' & wait"))
    scheduler.reach("t2", "TASK_RUNNING")
    wait(lambda: list(agent.directory.rglob("detached")))
    agent.stop()
    wait(lambda: len(running(agent)) == 1)
    agent.start()
    cluster.registered(master, agent)
    assert bool(running(agent)) == alive
    assert "Cleaning up orphan container" in agent.output
    assert ("Ignored destroy for unknown container" in agent.output) == alive


@pytest.mark.parametrize("custom", [False, True])
def test_with_checkpoint(cluster: Any, command: Any, running: Any, wait: Any, custom: bool) -> None:
    """The executor goes on and comes back; the agent takes 2 s (--executor_reregistration_timeout)."""
    master, agent, scheduler = launched(cluster, command, custom=custom, checkpoint=True, failover_timeout=600.0)
    before = running(agent)
    agent.stop()
    time.sleep(0.7)
    assert running(agent) == before
    assert scheduler.states("t1")[-1] == "TASK_RUNNING"
    agent.start()
    recovering = wait(lambda: answer if (answer := agent.get("/state")).status == 503 else None)
    assert recovering.body == b"Agent has not finished recovery"
    cluster.registered(master, agent)
    assert running(agent) == before
    assert states(agent) == ["TASK_RUNNING"]
    assert "Received Subscribe request for HTTP executor" in agent.output.partition("Recovering executor '")[2]
    scheduler.call("KILL", {"task_id": {"value": "t1"}})
    if custom:
        wait(lambda: "KILL" in next(Path(agent.directory).rglob("events")).read_text())
    else:
        scheduler.reach("t1", "TASK_KILLED")
        wait(lambda: not running(agent))


def test_what_happened_while_the_agent_was_away(cluster: Any, command: Any, running: Any, wait: Any) -> None:
    """The executor tells it when it comes back (docs/executor-http-api.md: unacknowledged_updates)."""
    master = cluster.master().start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    scheduler = cluster.scheduler(master, checkpoint=True)
    scheduler.launch(command("t1", "until [ -e end ]; do sleep 0.1; done; exit 4"))
    scheduler.reach("t1", "TASK_RUNNING")
    agent.stop()
    Path(agent.evidence("simulator-executors.jsonl")[-1]["sandbox"], "end").touch()
    wait(lambda: len(running(agent)) == 1)
    agent.start()
    status = scheduler.reach("t1", "TASK_FAILED")
    assert status["message"] == "Command exited with status 4"
    assert scheduler.states("t1") == ["TASK_STARTING", "TASK_RUNNING", "TASK_FAILED"]
    wait(lambda: agent.get("/state").json["frameworks"] == [])


def test_an_executor_that_died_with_its_agent(cluster: Any, command: Any, running: Any) -> None:
    """src/slave/slave.cpp: executorTerminated."""
    master, agent, scheduler = launched(cluster, command, SOON, checkpoint=True)
    agent.stop()
    cluster.kill_all(running(agent))
    agent.start()
    status = scheduler.reach("t1", "TASK_FAILED")
    assert (status["message"], status["reason"]) == ("Executor terminated", "REASON_EXECUTOR_TERMINATED")
    cluster.registered(master, agent)
    assert states(agent) == []


def test_an_executor_that_does_not_come_back_in_time(cluster: Any, command: Any, running: Any, wait: Any) -> None:
    """src/slave/slave.cpp: reregisterExecutorTimeout."""
    _, agent, scheduler = launched(cluster, command, SOON, checkpoint=True)
    agent.stop()
    cluster.kill_all(running(agent), signal.SIGSTOP)
    agent.start()
    status = scheduler.reach("t1", "TASK_FAILED")
    told = (status["message"], status["reason"])
    assert told == ("Executor did not reregister within 500ms", "REASON_EXECUTOR_REREGISTRATION_TIMEOUT")
    wait(lambda: not running(agent))


def test_an_incompatible_start_leaves_executors_alive_and_a_new_id_ends_them(
    cluster: Any, command: Any, running: Any, wait: Any
) -> None:
    """Recorded with --launcher=linux: exit status 1 and executors alive; latest removed: a new ID, and none alive."""
    master, agent, scheduler = launched(cluster, command, custom=True, checkpoint=True, failover_timeout=600.0)
    before = running(agent)
    agent.stop()
    assert agent.start("--attributes=rack:r2").wait() == 1
    assert running(agent) == before
    (agent.directory / "work/meta/slaves/latest").unlink()
    agent.start("--attributes=rack:r2")
    entry = cluster.registered(master, agent)
    assert entry["id"].endswith("-S1")
    wait(lambda: not running(agent))
    lost = scheduler.reach("t1", "TASK_LOST")
    told = (lost["message"], lost["reason"])
    assert told == ("Agent agent01 removed: a new agent registered at the same address", "REASON_AGENT_REMOVED")
    assert "agent_id" in scheduler.event("FAILURE")


def test_a_framework_torn_down_while_its_agent_was_away(cluster: Any, command: Any, running: Any, wait: Any) -> None:
    """Recorded: replacement R9."""
    master, agent, scheduler = launched(cluster, command, SOON, checkpoint=True, failover_timeout=600.0)
    agent.stop()
    assert master.post("/teardown", f"frameworkId={scheduler.framework_id}").status == 200
    agent.start()
    cluster.registered(master, agent)
    wait(lambda: not running(agent))
    assert "reregistered with completed framework" in master.output
    wait(lambda: agent.get("/state").json["frameworks"] == [])


@pytest.mark.parametrize("checkpoint", [False, True])
def test_an_agent_that_unregisters_ends_its_executors(
    cluster: Any, command: Any, running: Any, checkpoint: bool
) -> None:
    """SIGUSR1 (src/slave/slave.cpp: shutdown); SIGTERM leaves them alone, as recorded case s1 ends by the signal itself."""
    _, agent, scheduler = launched(cluster, command, checkpoint=checkpoint)
    assert agent.stop(signal.SIGUSR1) == 0
    assert running(agent) == []
    assert scheduler.reach("t1", "TASK_LOST")["reason"] == "REASON_AGENT_REMOVED"


def test_cleanup_ends_what_was_checkpointed(cluster: Any, command: Any, running: Any) -> None:
    """--recover=cleanup (recorded recovery case r2: status 0, latest stays)."""
    _, agent, _ = launched(cluster, command, checkpoint=True)
    agent.stop(signal.SIGTERM)
    assert running(agent)
    assert agent.start("--recover=cleanup").wait() == 0
    assert running(agent) == []
    assert list((agent.directory / "work/meta").rglob("executor.sentinel"))


def test_an_unreachable_agent_comes_back_with_its_tasks(cluster: Any, command: Any, wait: Any) -> None:
    """Recorded: replacement R6, an agent frozen for longer than the ping timeout; docs/high-availability-framework-guide.md."""
    master = cluster.master("--agent_ping_timeout=500ms", "--max_agent_ping_timeouts=3").start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    scheduler = cluster.scheduler(master, checkpoint=True, capabilities=[{"type": "PARTITION_AWARE"}])
    scheduler.launch(command("t1", "sleep 300"))
    scheduler.reach("t1", "TASK_RUNNING")
    cluster.kill_all([agent.process.pid], signal.SIGSTOP)
    status = scheduler.reach("t1", "TASK_UNREACHABLE")
    assert status["message"] == "Agent agent01 unreachable: health check timed out"
    shown = master.get("/frameworks").json["frameworks"][0]
    assert [task["id"] for task in shown["unreachable_tasks"]] == ["t1"]
    cluster.kill_all([agent.process.pid], signal.SIGCONT)
    wait(lambda: scheduler.states("t1")[-1] == "TASK_RUNNING")
    assert scheduler.statuses("t1")[-1]["reason"] == "REASON_AGENT_REREGISTERED"
    shown = master.get("/frameworks").json["frameworks"][0]
    assert ([task["id"] for task in shown["tasks"]], shown["unreachable_tasks"]) == (["t1"], [])
