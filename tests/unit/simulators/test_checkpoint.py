# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in the agent's checkpoint: its form, and what corruption does (mesos 1.11.0 src/slave)."""

from __future__ import annotations

import os
import stat
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos import wire

ROOTFS = Path(__file__).resolve().parents[3] / "lab" / "simulators" / "mesos" / "rootfs"
sys.path.insert(0, str(ROOTFS / "usr/lib/mesos-simulator"))

from mesos_simulator import checkpoint, checkpointed_work, executors, messages, protobuf, recovery, resources

AGENT, FRAMEWORK, EXECUTOR, BOOT = "a1-S0", "m1-0000", "executor-web.1", "a-boot-id"
CUT = "hit EOF unexpectedly, possible corruption"


def own_info() -> dict[str, Any]:
    given = resources.parse("cpus:2;mem:1024;disk:4096;ports:[31000-32000]", "*")
    return {"hostname": "node1", "port": 5051, "resources": given, "attributes": []}


HELD = messages.allocated([resources.scalar("cpus", 0.1), resources.scalar("mem", 32.0)], "web")
INFO = {"user": "root", "name": "marathon", "id": {"value": FRAMEWORK}, "failover_timeout": 0.0, "checkpoint": True}
INFO.update(hostname="node1", principal="ops", capabilities=[{"type": "MULTI_ROLE"}], roles=["web"])
DESCRIPTION = {
    "type": "CUSTOM",
    "executor_id": {"value": EXECUTOR},
    "framework_id": {"value": FRAMEWORK},
    "command": {"uris": [{"value": "http://m1/x", "executable": True}], "shell": True, "value": "./x"},
    "resources": [resources.without_role(item) for item in HELD],
}
TASK = {
    "name": "web.1",
    "task_id": {"value": "web.1"},
    "framework_id": {"value": FRAMEWORK},
    "executor_id": {"value": EXECUTOR},
    "agent_id": {"value": AGENT},
    "state": "TASK_STAGING",
    "resources": DESCRIPTION["resources"],
    "statuses": [],
}
STATUS = {
    "task_id": {"value": "web.1"},
    "state": "TASK_RUNNING",
    "source": "SOURCE_EXECUTOR",
    "agent_id": {"value": AGENT},
    "executor_id": {"value": EXECUTOR},
    "timestamp": 5.0,
    "uuid": "83j46ZV1QqyeiEMwq+vbZw==",
}


def write_work(paths: checkpoint.Paths) -> None:
    """A framework whose task runs, which its scheduler has acknowledged."""
    executor = executors.Executor(DESCRIPTION, "8d2f3a9e-1f5c-4d8a-9f1e-0c5b7a6d4e21", "", command_task=False)
    run = checkpointed_work.run_directory(paths, AGENT, executor)
    checkpointed_work.write_framework(paths, AGENT, INFO)
    checkpointed_work.write_executor(run, DESCRIPTION)
    checkpointed_work.write_task(run, TASK)
    checkpointed_work.write_pid(run, 4711)
    checkpointed_work.mark_http(run)
    checkpointed_work.add_update(run, FRAMEWORK, STATUS)
    checkpointed_work.add_acknowledgement(run, STATUS)


RESERVED = [
    {
        **resources.scalar("disk", 100.0, "database"),
        "reservations": [{"type": "DYNAMIC", "role": "database", "principal": "ops"}],
        "disk": {
            "persistence": {"id": "vol1", "principal": "ops"},
            "volume": {"mode": "RW", "container_path": "data"},
        },
    }
]


@pytest.fixture
def paths(tmp_path: Path) -> checkpoint.Paths:
    """An agent's work directory with one framework, one volume, and the boot ID of now."""
    made = checkpoint.Paths(str(tmp_path))
    checkpoint.write_slave_info(made, {**own_info(), "id": {"value": AGENT}})
    checkpoint.write(made.boot_id, BOOT.encode())
    checkpoint.write_resources(made, RESERVED)
    write_work(made)
    return made


def recover(paths: checkpoint.Paths, *, strict: bool = True, boot_id: str = BOOT) -> recovery.Recovered:
    return recovery.recover(paths, own_info(), "equal", strict, boot_id)


def run_of(paths: checkpoint.Paths) -> Path:
    """The newest run of the only executor."""
    return Path(paths.frameworks(AGENT), FRAMEWORK, "executors", EXECUTOR, "runs/latest").resolve()


# --- form ---


def test_layout(paths: checkpoint.Paths) -> None:
    top = Path(paths.work_dir)
    framework = f"meta/slaves/{AGENT}/frameworks/{FRAMEWORK}"
    executor = f"{framework}/executors/{EXECUTOR}"
    container = run_of(paths).name
    modes = {
        str(path.relative_to(top)): stat.filemode(path.lstat().st_mode) for path in top.rglob("*") if not path.is_dir()
    }
    private, readable = "-rw-------", "-rw-r--r--"
    assert modes == {
        "meta/boot_id": private,
        "meta/resources/resources.info": private,
        "meta/resources/resources_and_operations.state": private,
        f"meta/slaves/{AGENT}/slave.info": private,
        f"{framework}/framework.info": private,
        f"{framework}/framework.pid": private,
        f"{executor}/executor.info": private,
        f"{executor}/runs/{container}/http.marker": readable,
        f"{executor}/runs/{container}/pids/forked.pid": private,
        f"{executor}/runs/{container}/tasks/web.1/task.info": private,
        f"{executor}/runs/{container}/tasks/web.1/task.updates": readable,
    }
    for link, target in (
        ("meta/slaves/latest", f"meta/slaves/{AGENT}"),
        (f"{executor}/runs/latest", f"{executor}/runs/{container}"),
    ):
        assert os.readlink(top / link) == str(top / target)


def test_bytes(paths: checkpoint.Paths) -> None:
    """Against an encoder of its own, with the numbers of mesos.proto."""

    def content(path: str | Path) -> bytes:
        return Path(path).read_bytes()

    def identifier(field: int, value: str) -> bytes:
        return wire.message(field, wire.text(1, value))

    def held(field: int, name: str, amount: float) -> bytes:
        amount_and_role = wire.message(3, wire.double(1, amount)) + wire.text(6, "*")
        return wire.message(
            field, wire.text(1, name) + wire.number(2, 0) + amount_and_role + wire.message(11, wire.text(1, "web"))
        )

    framework = Path(paths.frameworks(AGENT), FRAMEWORK)
    head = wire.text(1, "root") + wire.text(2, "marathon") + identifier(3, FRAMEWORK)
    flags = wire.double(4, 0.0) + wire.number(5, 1) + wire.text(7, "node1") + wire.text(8, "ops")
    assert content(framework / "framework.info") == wire.record(
        head + flags + wire.message(10, wire.number(1, 6)) + wire.text(12, "web")
    )
    assert content(framework / "framework.pid") == b"@0.0.0.0:0"
    both = held(5, "cpus", 0.1) + held(5, "mem", 32.0)
    uri = wire.message(1, wire.text(1, "http://m1/x") + wire.number(2, 1))
    command = wire.message(7, uri + wire.text(3, "./x") + wire.number(6, 1))
    assert content(framework / "executors" / EXECUTOR / "executor.info") == wire.record(
        identifier(1, EXECUTOR) + both + command + identifier(8, FRAMEWORK) + wire.number(15, 2)
    )
    task = run_of(paths) / "tasks/web.1"
    whose = identifier(3, FRAMEWORK) + identifier(4, EXECUTOR) + identifier(5, AGENT)
    assert content(task / "task.info") == wire.record(
        wire.text(1, "web.1")
        + identifier(2, "web.1")
        + whose
        + wire.number(6, 6)
        + held(7, "cpus", 0.1)
        + held(7, "mem", 32.0)
    )
    updates, end = checkpoint.records("StatusUpdateRecord", content(task / "task.updates"))
    assert end == len(content(task / "task.updates"))
    assert [update["type"] for update in updates] == ["UPDATE", "ACK"]
    assert updates[0]["update"]["status"]["state"] == "TASK_RUNNING"
    assert updates[0]["update"]["uuid"] == updates[1]["uuid"]


def test_resources_stand_in_both_formats(paths: checkpoint.Paths) -> None:
    plain = wire.text(1, "disk") + wire.number(2, 0) + wire.message(3, wire.double(1, 100.0))
    persistence = wire.message(1, wire.text(1, "vol1") + wire.text(2, "ops"))
    volume = wire.message(7, persistence + wire.message(2, wire.text(1, "data") + wire.number(3, 1)))
    new = plain + volume + wire.message(13, wire.text(1, "ops") + wire.text(3, "database") + wire.number(4, 2))
    old = plain + wire.text(6, "database") + volume + wire.message(8, wire.text(1, "ops"))
    assert Path(paths.resource_state).read_bytes() == wire.record(wire.message(1, new))
    assert Path(paths.resources).read_bytes() == wire.record(old)
    assert recover(paths).reserved == RESERVED
    os.unlink(paths.resource_state)
    assert recover(paths).reserved == RESERVED


def the_run(paths: checkpoint.Paths, **how: Any) -> checkpointed_work.RecoveredRun:
    """What is recovered of the only executor."""
    found: checkpointed_work.RecoveredRun = recover(paths, **how).frameworks[0].runs[0]
    return found


def test_recovery_finds_everything_again(paths: checkpoint.Paths) -> None:
    found = recover(paths)
    assert found.agent_id == AGENT
    assert found.frameworks[0].info == INFO
    run = found.frameworks[0].runs[0]
    assert (run.lost, run.executor.pid, run.executor.command_task) == (False, 4711, False)
    assert run.executor.info == DESCRIPTION
    assert run.executor.directory == str(run_of(paths)).replace("/meta/", "/")
    told = {"state": "TASK_RUNNING", "status_update_state": "TASK_RUNNING", "status_update_uuid": STATUS["uuid"]}
    assert run.executor.tasks == {"web.1": {**TASK, **told, "statuses": [STATUS]}}
    assert run.updates == {"web.1": ({STATUS["uuid"]}, [])}


def test_updates_that_nobody_acknowledged_are_sent_again(paths: checkpoint.Paths) -> None:
    later = {
        **STATUS,
        "state": "TASK_FINISHED",
        "uuid": "AAAAAAAAQACAAAAAAAAAAA==",
        "message": "Done",
        "reason": "REASON_GC_ERROR",
    }
    checkpointed_work.add_update(str(run_of(paths)), FRAMEWORK, later)
    run = the_run(paths)
    assert run.updates["web.1"][1] == [later]
    assert run.executor.tasks["web.1"]["state"] == "TASK_FINISHED"
    checkpointed_work.add_acknowledgement(str(run_of(paths)), later)
    assert the_run(paths).executor.tasks == {}


# --- executors that are not found again ---


def test_a_reboot_ends_executors(paths: checkpoint.Paths) -> None:
    assert the_run(paths, boot_id="another").lost
    # The numbers of processes from before the reboot are gone, also for a start after this one.
    assert not (run_of(paths) / "pids/forked.pid").exists()
    assert the_run(paths).lost


@pytest.mark.parametrize("name", ["pids/forked.pid", "http.marker"])
def test_an_executor_without_its_pid_files_is_lost(paths: checkpoint.Paths, name: str) -> None:
    (run_of(paths) / name).unlink()
    assert the_run(paths).lost


def test_an_ended_executor_does_not_come_back(paths: checkpoint.Paths) -> None:
    checkpointed_work.complete(str(run_of(paths)))
    assert recover(paths).frameworks[0].runs == []


def test_the_master_hears_of_lost_executors(cluster: Any, wait: Callable[..., Any]) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    cluster.plant(agent, "framework", "--name=kept", "--checkpoint", "--task=k1")
    agent.stop()
    (agent.directory / "work/meta/boot_id").write_text("another")
    agent.start()
    cluster.registered(master, agent)
    wait(lambda: agent.get("/state").json["frameworks"] == [])
    tasks = wait(
        lambda: found if (found := master.call("GET_TASKS").json["get_tasks"]).get("completed_tasks") else None
    )
    assert (tasks.get("tasks", []), [task["state"] for task in tasks["completed_tasks"]]) == ([], ["TASK_FAILED"])
    assert list((agent.directory / "work/meta").rglob("executor.sentinel"))


# --- corruption ---


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def cut_in_size(path: Path) -> None:
    os.truncate(path, 3)


def garble(path: Path) -> None:
    """A whole record that is no message."""
    path.write_bytes(struct.pack("<I", 4) + b"\xff\xff\xff\xff")


def lose_required(path: Path) -> None:
    """A whole record without any field."""
    path.write_bytes(struct.pack("<I", 0))


IN_FRAMEWORK = f"Failed to recover framework {FRAMEWORK}: "
IN_EXECUTOR = f"{IN_FRAMEWORK}Failed to recover executor '{EXECUTOR}': "
IN_TASK = f"{IN_EXECUTOR}Failed to recover run {{run}} of executor '{EXECUTOR}': Failed to recover task web.1: "

STATE, SLAVE = "meta/resources/resources_and_operations.state", f"meta/slaves/{AGENT}/slave.info"
CORRUPT = pytest.mark.parametrize(
    ("name", "spoil", "inside", "what"),
    [
        (STATE, cut, "", "resource and operations file"),
        (STATE, garble, "", "resource and operations file"),
        (SLAVE, lose_required, "", "agent info from"),
        ("{framework}/framework.info", cut, IN_FRAMEWORK, "framework info from"),
        ("{framework}/framework.info", cut_in_size, IN_FRAMEWORK, "framework info from"),
        ("{framework}/executors/executor-web.1/executor.info", garble, IN_EXECUTOR, "executor info from"),
        ("{run}/tasks/web.1/task.info", cut, IN_TASK, "task info from"),
        ("{run}/tasks/web.1/task.updates", garble, IN_TASK, "status updates file "),
    ],
)


def place(paths: checkpoint.Paths, name: str) -> Path:
    """The file of a case."""
    framework = Path(paths.frameworks(AGENT), FRAMEWORK)
    return Path(paths.work_dir, name.format(framework=framework, run=run_of(paths)))


@CORRUPT
def test_what_is_corrupt_ends_a_strict_recovery(
    paths: checkpoint.Paths, name: str, spoil: Callable[[Path], None], inside: str, what: str
) -> None:
    path = place(paths, name)
    size = path.stat().st_size - 4
    spoil(path)
    ends: dict[Callable[[Path], None], str] = {
        cut: f"Failed to read message of size {size} bytes: {CUT}",
        cut_in_size: f"Failed to read size: {CUT}",
    }
    kept = path.read_bytes()
    with pytest.raises(recovery.RecoveryFailed) as caught:
        recover(paths)
    reason = ends.get(spoil, "Failed to deserialize message")
    assert str(caught.value) == f"{inside.format(run=run_of(paths).name)}Failed to read {what} '{path}': {reason}"
    # Updates are cut behind the last sound record even so, and the next start is none the wiser.
    assert path.read_bytes() == (b"" if path.name == "task.updates" else kept)


@CORRUPT
def test_without_strict_it_is_warned_of(
    paths: checkpoint.Paths,
    name: str,
    spoil: Callable[[Path], None],
    inside: str,
    what: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    path = place(paths, name)
    spoil(path)
    assert recover(paths, strict=False).agent_id == (None if path.name == "slave.info" else AGENT)
    assert f"] Failed to read {what} '{path}': " in capfd.readouterr().err


def test_updates_that_end_in_the_middle_are_cut_without_a_word(paths: checkpoint.Paths) -> None:
    path = run_of(paths) / "tasks/web.1/task.updates"
    size = path.stat().st_size
    cut(path)
    assert the_run(paths).executor.tasks["web.1"]["state"] == "TASK_RUNNING"
    assert 0 < path.stat().st_size < size - 1


def test_a_pid_that_is_no_number_ends_recovery_in_any_case(paths: checkpoint.Paths) -> None:
    (run_of(paths) / "pids/forked.pid").write_text("none")
    with pytest.raises(recovery.RecoveryFailed, match="Failed to parse forked pid 'none' from pid file"):
        recover(paths, strict=False)


@pytest.mark.parametrize("empty", [True, False])
def test_missing_and_empty_files_are_warned_of(
    paths: checkpoint.Paths, empty: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    path = Path(paths.frameworks(AGENT), FRAMEWORK, "framework.info")
    path.unlink()
    if empty:
        path.touch()
    found = recover(paths)
    assert (found.agent_id, found.frameworks) == (AGENT, [])
    what = "Found empty" if empty else "Failed to find"
    assert f"{what} framework info file '{path}'" in capfd.readouterr().err


def test_reservations_that_the_flags_have_no_room_for(paths: checkpoint.Paths) -> None:
    checkpoint.write_resources(paths, [{**RESERVED[0], "scalar": {"value": 5000.0}}])
    with pytest.raises(recovery.RecoveryFailed) as caught:
        recover(paths)
    own = "cpus:2; mem:1024; disk:4096; ports:[31000-32000]"
    assert str(caught.value) == (
        "Checkpointed resources disk(reservations: [(DYNAMIC,database,ops)])[vol1:data]:5000 are incompatible with agent"
        f" resources {own}: Incompatible agent resources: {own} does not contain disk:5000"
    )


def test_an_agent_ends_over_a_cut_framework(cluster: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    cluster.plant(agent, "framework", "--name=kept", "--checkpoint", "--task=k1")
    agent.stop()
    cut(next((agent.directory / "work/meta").rglob("framework.info")))
    assert agent.start().wait() == 1
    assert "EXIT with status 1: Failed to perform recovery: Failed to recover framework" in agent.output
    assert f"rm -f {agent.directory}/work/meta/slaves/latest" in agent.output


def test_unknown_fields_and_values_are_passed_over() -> None:
    newer = wire.text(1, "t") + wire.message(2, wire.text(1, "t")) + wire.text(99, "new")
    assert protobuf.decode("ExecutorInfo", wire.message(1, wire.text(1, "e")) + wire.number(15, 77)) == {
        "executor_id": {"value": "e"}
    }
    with pytest.raises(protobuf.DecodeError):
        protobuf.decode("Task", newer + wire.number(6, 99))
