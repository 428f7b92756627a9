# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Executors on an agent: sandbox, files, environment, API (mesos 1.11.0 docs/executor-http-api.md, docs/fetcher.md, src/slave)."""

from __future__ import annotations

import base64
import functools
import http.server
import json
import os
import shutil
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("custom_executor.py")


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A directory behind a web server."""
    directory = tmp_path / "mirror"
    directory.mkdir()
    shutil.copy(PROGRAM, directory / "executor")
    handler = functools.partial(QuietFiles, directory=str(directory))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", directory
    server.shutdown()
    server.server_close()


@pytest.fixture
def custom(command: Any, mirror: tuple[str, Path]) -> Callable[..., dict[str, Any]]:
    """A TaskInfo with the executor of custom_executor.py."""

    def made(task_id: str, arguments: str = "", executor_id: str = "e1", **more: Any) -> dict[str, Any]:
        uri = {"value": f"{mirror[0]}/executor", "executable": True}
        how = {"value": f"chmod u+x executor && exec ./executor {arguments}", "uris": [uri]}
        task: dict[str, Any] = command(task_id, "")
        del task["command"]
        held = [{"name": "mem", "type": "SCALAR", "scalar": {"value": 16.0}}]
        return {**task, "executor": {"executor_id": {"value": executor_id}, "command": how, "resources": held, **more}}

    return made


def started(cluster: Any, *flags: str, **info: Any) -> tuple[Any, Any, Any]:
    """Master, agent and scheduler."""
    master = cluster.master().start()
    agent = cluster.agent(*flags).start()
    cluster.registered(master, agent)
    return master, agent, cluster.scheduler(master, **info)


def sandbox(agent: Any, executor_id: str) -> Path:
    """Of the newest run."""
    runs = [run for run in agent.evidence("simulator-executors.jsonl") if run["executor_id"] == executor_id]
    return Path(runs[-1]["sandbox"])


def seen(agent: Any, kind: str, executor_id: str = "e1") -> list[dict[str, Any]]:
    """What the executor of custom_executor.py wrote of one kind."""
    path = sandbox(agent, executor_id) / "events"
    lines = path.read_text().splitlines() if path.exists() else []
    return [event for event in map(json.loads, lines) if event["type"] == kind]


# --- a custom executor ---


def test_what_an_executor_is_told(cluster: Any, custom: Any, wait: Any) -> None:
    """Recorded: stdout of the executor of the drain cases, GET_TASKS of its agent."""
    master, agent, scheduler = started(cluster, hostname="sched1")
    scheduler.launch(custom("t1"))
    status = scheduler.reach("t1", "TASK_RUNNING")
    own = status["agent_id"]
    info = seen(agent, "SUBSCRIBED")[0]["subscribed"]
    assert list(info) == ["executor_info", "framework_info", "agent_info", "container_id"]
    assert list(info["executor_info"]) == ["type", "executor_id", "framework_id", "command", "resources"]
    assert info["executor_info"]["type"] == "CUSTOM"
    assert info["agent_info"]["id"] == own
    task = seen(agent, "LAUNCH")[0]["launch"]["task"]
    assert list(task) == ["name", "task_id", "agent_id", "resources", "executor"]
    assert task["executor"] == info["executor_info"]
    assert task["resources"][0]["allocation_info"] == {"role": "*"}
    acknowledged = wait(lambda: seen(agent, "ACKNOWLEDGED"))[0]["acknowledged"]
    assert acknowledged == {"task_id": {"value": "t1"}, "uuid": status["uuid"]}
    assert [event["status"] for event in seen(agent, "answer")] == [202]
    assert list(status) == "task_id state source agent_id executor_id uuid container_status".split()
    address = [{"protocol": "IPv4", "ip_address": agent.address[0]}]
    inside = status["container_status"]
    assert (inside["container_id"], inside["network_infos"]) == (info["container_id"], [{"ip_addresses": address}])
    launched = agent.call("GET_TASKS").json["get_tasks"]["launched_tasks"][0]
    members = (
        "name task_id framework_id executor_id agent_id state resources statuses status_update_state status_update_uuid"
    )
    assert list(launched) == members.split()
    shown = master.get("/frameworks").json["frameworks"][0]
    assert shown["executors"] == [
        {
            "executor_id": "e1",
            "name": "",
            "framework_id": scheduler.framework_id,
            "command": {
                "value": task["executor"]["command"]["value"],
                "argv": [],
                "uris": [{"value": task["executor"]["command"]["uris"][0]["value"], "executable": True}],
            },
            "resources": {"disk": 0.0, "mem": 16.0, "gpus": 0.0, "cpus": 0.0},
            "role": "*",
            "slave_id": own["value"],
        }
    ]
    state = shown["tasks"][0]
    assert list(state) == "id name framework_id executor_id slave_id state resources role statuses".split()
    assert list(state["statuses"][0]) == ["state", "timestamp", "container_status"]
    assert state["statuses"][0]["timestamp"] == 0.0
    assert shown["used_resources"]["mem"] == 48.0
    assert master.get("/tasks").json["tasks"] == [state]
    executor = agent.get("/state").json["frameworks"][0]["executors"][0]
    assert (executor["directory"], executor["resources"]["mem"]) == (str(sandbox(agent, "e1")), 48.0)


def test_sandbox_and_environment(cluster: Any, custom: Any) -> None:
    """src/slave/paths.cpp: getExecutorRunPath; docs/executor-http-api.md: environment variables."""
    _, agent, scheduler = started(cluster)
    variables = [{"name": "GREETING", "value": "hello"}, {"name": "MESOS_CHECKPOINT", "value": "0"}]
    task = custom("t1")
    task["executor"]["command"]["environment"] = {"variables": variables}
    scheduler.launch(task)
    own = scheduler.reach("t1", "TASK_RUNNING")["agent_id"]["value"]
    found = seen(agent, "environment")[0]
    place = sandbox(agent, "e1")
    above = f"{agent.directory}/work/slaves/{own}/frameworks/{scheduler.framework_id}/executors/e1/runs"
    assert str(place.parent) == above
    assert os.readlink(place.parent / "latest") == str(place)
    expected = {
        "GREETING": "hello",
        "MESOS_AGENT_ENDPOINT": f"{agent.address[0]}:5051",
        "MESOS_ALLOCATION_ROLE": "*",
        "MESOS_CHECKPOINT": "0",
        "MESOS_DIRECTORY": str(place),
        "MESOS_EXECUTOR_ID": "e1",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs",
        "MESOS_FRAMEWORK_ID": scheduler.framework_id,
        "MESOS_HTTP_COMMAND_EXECUTOR": "0",
        "MESOS_SANDBOX": str(place),
        "MESOS_SLAVE_ID": own,
        "MESOS_SLAVE_PID": f"slave(1)@{agent.address[0]}:5051",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PWD": str(place),
    }
    assert {name: found.get(name) for name in expected} == expected
    assert "MESOS_RECOVERY_TIMEOUT" not in found
    assert "Fetched" in (place / "stderr").read_text()


def test_one_executor_for_several_tasks(cluster: Any, custom: Any, wait: Any) -> None:
    """src/slave/slave.cpp: _run; src/master/validation.cpp: ExecutorInfo must stay the same."""
    _, agent, scheduler = started(cluster)
    scheduler.launch(custom("t1"), custom("t2"))
    scheduler.reach("t1", "TASK_RUNNING")
    scheduler.reach("t2", "TASK_RUNNING")
    assert len(agent.evidence("simulator-executors.jsonl")) == 1
    offer = scheduler.offer()
    assert offer["executor_ids"] == [{"value": "e1"}]
    scheduler.launch(custom("t3"), custom("t4", name="other"), offer=offer)
    scheduler.reach("t3", "TASK_RUNNING")
    refused = scheduler.reach("t4", "TASK_ERROR")
    assert refused["message"] == "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID"
    scheduler.call("KILL", {"task_id": {"value": "t2"}})
    scheduler.reach("t2", "TASK_KILLED")
    running = agent.call("GET_TASKS").json["get_tasks"]["launched_tasks"]
    assert [task["name"] for task in running] == ["t1", "t3"]
    wait(lambda: [task["name"] for task in agent.call("GET_TASKS").json["get_tasks"]["completed_tasks"]] == ["t2"])


def test_messages_both_ways(cluster: Any, custom: Any) -> None:
    _, _, scheduler = started(cluster)
    scheduler.launch(custom("t1"))
    place = scheduler.reach("t1", "TASK_RUNNING")["agent_id"]
    data = base64.b64encode(b"hello").decode()
    whom = {"agent_id": place, "executor_id": {"value": "e1"}}
    assert scheduler.call("MESSAGE", {**whom, "data": data}).status == 202
    assert scheduler.event("MESSAGE") == {**whom, "data": data}


def test_an_executor_that_ends_by_itself(cluster: Any, custom: Any, wait: Any) -> None:
    """src/slave/slave.cpp: executorTerminated; docs/scheduler-http-api.md: FAILURE."""
    master, agent, scheduler = started(cluster)
    scheduler.launch(custom("t1"))
    place = scheduler.reach("t1", "TASK_RUNNING")["agent_id"]
    data = base64.b64encode(b"exit").decode()
    scheduler.call("MESSAGE", {"agent_id": place, "executor_id": {"value": "e1"}, "data": data})
    status = scheduler.reach("t1", "TASK_FAILED")
    told = (status["message"], status["source"], status["reason"])
    assert told == ("Executor terminated", "SOURCE_AGENT", "REASON_EXECUTOR_TERMINATED")
    assert scheduler.event("FAILURE") == {"agent_id": place, "executor_id": {"value": "e1"}, "status": 7 << 8}
    wait(lambda: agent.get("/state").json["frameworks"] == [])
    assert len(agent.get("/state").json["completed_frameworks"][0]["completed_executors"]) == 1
    assert master.get("/frameworks").json["frameworks"][0]["executors"] == []
    assert cluster.slaves(master)[0]["used_resources"]["mem"] == 0.0


@pytest.mark.parametrize("arguments", ["", "deaf"])
def test_shutting_an_executor_down(cluster: Any, custom: Any, running: Any, wait: Any, arguments: str) -> None:
    """Recorded: the framework stops an executor with SHUTDOWN; one that ignores it ends after the grace period."""
    grace = "1secs" if arguments else "1mins"
    _, agent, scheduler = started(cluster, f"--executor_shutdown_grace_period={grace}")
    scheduler.launch(custom("t1", arguments))
    place = scheduler.reach("t1", "TASK_RUNNING")["agent_id"]
    before = time.monotonic()
    scheduler.call("SHUTDOWN", {"agent_id": place, "executor_id": {"value": "e1"}})
    status = scheduler.reach("t1", "TASK_FAILED")
    told = (status["message"], status["source"], status["reason"])
    assert told == ("Executor terminated", "SOURCE_AGENT", "REASON_EXECUTOR_TERMINATED")
    assert seen(agent, "SHUTDOWN")
    assert not arguments or time.monotonic() - before > 0.9
    wait(lambda: not running(agent))


def test_an_executor_that_never_subscribes(cluster: Any, custom: Any, running: Any, wait: Any) -> None:
    """--executor_registration_timeout (src/slave/slave.cpp: registerExecutorTimeout)."""
    _, agent, scheduler = started(cluster, "--executor_registration_timeout=1secs")
    scheduler.launch(custom("t1", "silent"))
    status = scheduler.reach("t1", "TASK_FAILED")
    told = (status["message"], status["reason"])
    assert told == ("Executor did not register within 1secs", "REASON_EXECUTOR_REGISTRATION_TIMEOUT")
    wait(lambda: not running(agent))


def test_daemons_of_an_executor_end_with_it(cluster: Any, command: Any, running: Any, wait: Any) -> None:
    """Every process of a container ends with it (src/slave/containerizer/mesos/linux_launcher.cpp: destroy)."""
    _, agent, scheduler = started(cluster)
    scheduler.launch(command("t1", "setsid sh -c 'touch detached; exec sleep 100' & sleep 100"))
    scheduler.reach("t1", "TASK_RUNNING")
    wait((sandbox(agent, "t1") / "detached").exists)
    wait(lambda: len(running(agent)) == 4)
    scheduler.call("KILL", {"task_id": {"value": "t1"}})
    scheduler.reach("t1", "TASK_KILLED")
    wait(lambda: not running(agent))


# --- calls of executors ---


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({}, 400, "Failed to convert JSON into Call protobuf: Missing required fields: executor_id, framework_id"),
        ({"type": "SUBSCRIBE", "subscribe": {}, "framework": "x"}, 400, "Framework cannot be found"),
        ({"type": "SUBSCRIBE", "subscribe": {}, "executor": "x"}, 400, "Executor cannot be found"),
        ({"type": "UPDATE"}, 400, "Failed to validate Executor::Call: Expecting 'update' to be present"),
        (
            {"type": "UPDATE", "update": {"status": {"task_id": {"value": "t1"}, "state": "TASK_RUNNING"}}},
            400,
            "Failed to validate Executor::Call: Expecting 'uuid' to be present",
        ),
        ({"type": "HEARTBEAT"}, 202, ""),
    ],
)
def test_calls_that_are_refused(cluster: Any, command: Any, body: dict[str, Any], status: int, text: str) -> None:
    _, agent, scheduler = started(cluster)
    scheduler.launch(command("t1", "sleep 100"))
    scheduler.reach("t1", "TASK_RUNNING")
    named = {
        "framework_id": {"value": body.pop("framework", scheduler.framework_id)},
        "executor_id": {"value": body.pop("executor", "t1")},
    }
    content = json.dumps({**named, **body} if body else {})
    answer = agent.post("/api/v1/executor", content, **{"Content-Type": "application/json"})
    assert (answer.status, answer.body.decode()) == (status, text)


# --- the command executor ---


@pytest.mark.parametrize(
    ("line", "state", "message"),
    [
        ("exit 0", "TASK_FINISHED", "Command exited with status 0"),
        ("exit 3", "TASK_FAILED", "Command exited with status 3"),
        ("kill -9 $$", "TASK_FAILED", "Command terminated with signal Killed"),
    ],
)
def test_how_commands_end(cluster: Any, command: Any, line: str, state: str, message: str) -> None:
    """src/launcher/executor.cpp: reaped; recorded: drain cases of command tasks."""
    _, agent, scheduler = started(cluster)
    scheduler.launch(command("t1", line))
    status = scheduler.reach("t1", state)
    assert (status["message"], status["source"]) == (message, "SOURCE_EXECUTOR")
    assert scheduler.states("t1") == ["TASK_STARTING", "TASK_RUNNING", state]
    assert scheduler.of("FAILURE") == []
    assert seen_log(agent, "t1").startswith("Subscribed executor\n")


def seen_log(agent: Any, executor_id: str) -> str:
    return (sandbox(agent, executor_id) / "stderr").read_text()


def test_killing_a_command(cluster: Any, command: Any, wait: Any) -> None:
    """SIGTERM, and SIGKILL after the grace period (recorded: grace periods of command tasks)."""
    _, agent, scheduler = started(cluster, capabilities=[{"type": "TASK_KILLING_STATE"}])
    scheduler.launch(
        command("t1", "trap '' TERM; touch trapped; while :; do sleep 0.1; done"), command("t2", "sleep 100")
    )
    for task_id in ("t1", "t2"):
        scheduler.reach(task_id, "TASK_RUNNING")
    wait((sandbox(agent, "t1") / "trapped").exists)
    for task_id, signal, seconds in (("t1", "Killed", 0.5), ("t2", "Terminated", 60)):
        policy = {"grace_period": {"nanoseconds": int(seconds * 1e9)}}
        scheduler.call("KILL", {"task_id": {"value": task_id}, "kill_policy": policy})
        assert scheduler.reach(task_id, "TASK_KILLED")["message"] == f"Command terminated with signal {signal}"
        assert scheduler.states(task_id)[-2:] == ["TASK_KILLING", "TASK_KILLED"]


def test_user_arguments_and_variables(public_cluster: Any, command: Any) -> None:
    """--switch_user; CommandInfo.shell, .arguments, .environment, .user."""
    _, agent, scheduler = started(public_cluster)
    variables = {"variables": [{"name": "GREETING", "value": "hello"}]}
    line = 'id -un; echo "$GREETING"; stat -c %U .'
    scheduler.launch(
        command("t1", line, user="nobody", environment=variables),
        command("t2", "/bin/echo", shell=False, arguments=["echo", "$HOME", "a b"]),
        command("t3", "true", user="no-such-user"),
    )
    scheduler.reach("t1", "TASK_FINISHED")
    scheduler.reach("t2", "TASK_FINISHED")
    assert scheduler.reach("t3", "TASK_FAILED")["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
    assert (sandbox(agent, "t1") / "stdout").read_text() == "nobody\nhello\nnobody\n"
    assert (sandbox(agent, "t2") / "stdout").read_text() == "$HOME a b\n"


def test_the_launcher_of_a_command_shows_its_environment(public_cluster: Any, command: Any, wait: Any) -> None:
    """In its argv until the command begins, under the same number (src/launcher/executor.cpp: launchTaskSubprocess; recorded:
    SIGTERM to the process trees of the drain cases t3 and t7). What an agent launches is told by the environment
    (src/slave/containerizer/mesos/containerizer.cpp: _launch).
    """
    _, agent, scheduler = started(public_cluster)
    launcher = agent.directory.parent / "rootfs/usr/libexec/mesos/mesos-containerizer"
    note = "from pathlib import Path\n"
    note += "Path(os.environ['MESOS_SANDBOX'], f'launcher-{os.getpid()}').write_bytes(Path('/proc/self/cmdline').read_bytes())\n"
    launcher.write_text(launcher.read_text().replace("sys.exit(", f"{note}sys.exit("))
    variables = [{"name": "PASSWORD", "value": "s3 ü"}]
    scheduler.launch(command("t1", "touch begun; exec sleep 100", environment={"variables": variables}))
    scheduler.reach("t1", "TASK_RUNNING")
    place = sandbox(agent, "t1")
    wait((place / "begun").exists)
    seen_of = {int(path.name.partition("-")[2]): path.read_text().split("\0") for path in place.glob("launcher-*")}
    own = seen_of.pop(agent.evidence("simulator-executors.jsonl")[-1]["pid"])
    assert (own[0], own[-2:]) == ("mesos-containerizer", ["launch", ""])
    ((task, words),) = seen_of.items()
    assert (words[0], words[-4:-2], words[-1]) == ("mesos-containerizer", ["launch", "--help=false"], "")
    flag, _, text = words[-2].partition("=")
    info = json.loads(text)
    assert flag == "--launch_info" and text.startswith('{"command":{"environment":{"variables":[')
    assert info["command"]["environment"]["variables"] == variables
    shown = {entry["name"]: entry["value"] for entry in info["environment"]["variables"]}
    assert (shown["PASSWORD"], shown["MESOS_SANDBOX"]) == ("s3 ü", str(place))
    assert Path(f"/proc/{task}/cmdline").read_bytes() == b"sleep\x00100\x00"


# --- the fetcher ---


def test_what_is_fetched(cluster: Any, command: Any, mirror: tuple[str, Path], tmp_path: Path) -> None:
    """docs/fetcher.md: executable, extract, output_file, archives by their ending."""
    url, directory = mirror
    (directory / "plain.txt").write_text("plain")
    with tarfile.open(directory / "packed.tar.gz", "w:gz") as archive:
        archive.add(PROGRAM, "inside/program")
    (tmp_path / "local").write_text("local")
    _, agent, scheduler = started(cluster)
    uris = [
        {"value": f"{url}/plain.txt?query=1"},
        {"value": f"{url}/executor", "executable": True, "output_file": "bin/renamed"},
        {"value": f"{url}/packed.tar.gz"},
        {"value": f"{tmp_path}/local", "executable": False},
        {"value": f"file://{tmp_path}/local", "output_file": "second"},
    ]
    scheduler.launch(command("t1", "sleep 100", uris=uris))
    scheduler.reach("t1", "TASK_RUNNING")
    place = sandbox(agent, "t1")
    names = {str(path.relative_to(place)): path.stat().st_mode & 0o111 for path in place.rglob("*") if path.is_file()}
    assert names == {
        "bin/renamed": 0o111,
        "inside/program": PROGRAM.stat().st_mode & 0o111,
        "local": 0,
        "packed.tar.gz": 0,
        "plain.txt": 0,
        "second": 0,
        "stderr": 0,
        "stdout": 0,
    }
    assert (place / "plain.txt").read_text() == "plain"


@pytest.mark.parametrize("uri", ["{url}/missing", "file:///no/such/file", "http://127.0.0.1:1/x", "relative"])
def test_what_cannot_be_fetched(cluster: Any, command: Any, mirror: tuple[str, Path], uri: str) -> None:
    """src/slave/containerizer/fetcher.cpp: run."""
    _, agent, scheduler = started(cluster)
    scheduler.launch(command("t1", "true", uris=[{"value": uri.format(url=mirror[0])}]))
    status = scheduler.reach("t1", "TASK_FAILED")
    assert status["reason"] == "REASON_CONTAINER_LAUNCH_FAILED"
    prefix = "Failed to launch container: Failed to fetch all URIs for container '"
    assert status["message"].startswith(prefix) and status["message"].endswith("': exited with status 1")
    run = Path(agent.directory, "work/slaves").rglob("stderr")
    assert "Failed to fetch: " in next(run).read_text()
