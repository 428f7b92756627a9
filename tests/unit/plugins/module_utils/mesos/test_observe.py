# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import errno
import json
import time
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import RefusedError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import Credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model, observe
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import FakeMachine
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos import wire
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos.processes import a_process
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos.test_packaging import (
    APACHE,
    MESOSPHERE,
)

SHOW = ["systemctl", "show", "mesos-slave.service"]
UNIT = [
    *SHOW,
    "--property=LoadState,ActiveState,SubState,UnitFileState,NRestarts,MainPID,ExecMainStatus"
    ",ExecStart,Environment,EnvironmentFiles",
]
RUNS = "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nNRestarts=2\nMainPID=77\nExecMainStatus=0\n"
DOWN = "LoadState=loaded\nActiveState=inactive\nSubState=dead\nUnitFileState=enabled\nNRestarts=0\nMainPID=0\nExecMainStatus=1\n"
EXEC = "ExecStart={ path=/usr/bin/mesos-init-wrapper ; argv[]=/usr/bin/mesos-init-wrapper slave ; ignore_errors=no }\n"
STATE_URL = "http://10.0.0.11:5051/state"
ID = "7fbbec5d-aff8-4746-92e2-570a5df95a45-S0"
META = "/var/lib/mesos/meta"
FLAGS = {"master": "zk://m1:2181/mesos", "log_dir": "/var/log/mesos", "ip": "10.0.0.11", "work_dir": "/var/lib/mesos"}


def state(**more: Any) -> dict[str, Any]:
    plain = {
        "version": "1.11.0",
        "start_time": 1795257547.835178,
        "id": ID,
        "pid": "slave(1)@10.0.0.11:5051",
        "hostname": "node1",
        "attributes": {"rack": "r1"},
        "flags": {**FLAGS, "attributes": "rack:r1", "reconfiguration_policy": "equal", "port": "5051"},
        "reserved_resources_full": {},
        "frameworks": [],
    }
    return {**plain, **more}


def a_host(*, unit: str = RUNS, settings: str = EXEC, wrapper: str = MESOSPHERE) -> FakeMachine:
    """A host with the Mesosphere package and one attribute, its agent's HTTP not announced."""
    machine = FakeMachine()
    machine.program(UNIT, unit + settings)
    machine.file("/usr/bin/mesos-init-wrapper", wrapper)
    machine.file("/etc/default/mesos", 'LOGS=/var/log/mesos\nULIMIT="-n 8192"\n')
    machine.file("/etc/default/mesos-slave", "MASTER=`cat /etc/mesos/zk`\n")
    machine.file("/etc/mesos/zk", "zk://m1:2181/mesos\n")
    machine.file("/etc/mesos-slave/work_dir", "/var/lib/mesos\n")
    machine.file("/etc/mesos-slave/ip", "10.0.0.11\n")
    machine.file("/etc/mesos-slave/attributes/rack", "r1\n")
    machine.file("/proc/sys/kernel/random/boot_id", "dac9c033\n")
    return machine


def checkpointed(machine: FakeMachine, attributes: str = "rack:r1") -> FakeMachine:
    machine.file(f"{META}/boot_id", "dac9c033")
    machine.file(f"{META}/slaves/{ID}/slave.info", wire.slave_info(ID, model.parse_attributes(attributes)))
    machine.symlink(f"{META}/slaves/latest", f"{META}/slaves/{ID}")
    return machine


AGENT = ["/usr/sbin/mesos-slave", *(f"--{name}={value}" for name, value in FLAGS.items())]
HERE = ("10.0.0.11", 5051)


def an_agent(*more: str) -> FakeMachine:
    """A registered agent in its best health.

    :param more: flags that its process has beside the usual ones.
    """
    machine = checkpointed(a_host())
    a_process(machine, 77, [*AGENT, *more], listens=[HERE], environment={"PATH": "/bin"})
    machine.http(STATE_URL, json=state())
    return machine


# -- the agent ----------------------------------------------------------------------------------------------------


def test_a_running_agent() -> None:
    machine = an_agent()
    found = observe.observe_agent(machine)
    assert found == {
        "packaging": "mesosphere",
        "wrapper": "/usr/bin/mesos-init-wrapper",
        "config_dir": "/etc/mesos-slave",
        "attributes_dir": "/etc/mesos-slave/attributes",
        "unit": {
            "name": "mesos-slave.service",
            "load": "loaded",
            "active": "active",
            "sub": "running",
            "enabled": "enabled",
            "restarts": 2,
            "main_pid": 77,
            "exit_status": 0,
        },
        "flags": FLAGS,
        "files": {"rack": "r1"},
        "ignored_files": [],
        "obstacles": [],
        "running": {
            "agent_id": ID,
            "version": "1.11.0",
            "pid": "slave(1)@10.0.0.11:5051",
            "hostname": "node1",
            "start_time": 1795257547.835178,
            "recovering": False,
            "attributes": {"rack": "r1"},
            "policy": "equal",
            "pending_flags": {},
        },
        "running_error": None,
        "running_refused": False,
        "checkpoint": {
            "agent_id": ID,
            "boot_id": "dac9c033",
            "rebooted": False,
            "attributes": [["rack", "TEXT", "r1"]],
            "hostname": "node1",
            "port": 5051,
            "error": None,
        },
        "work": [],
    }
    assert json.loads(json.dumps(found)) == found
    assert machine.effects == []
    assert machine.calls == [tuple(UNIT)]


def test_flags_that_the_next_start_changes() -> None:
    machine = checkpointed(a_host())
    flags = ("--resources=cpus:2;mem:1", "--gone=1", "--attributes=rack:r0")
    a_process(machine, 77, [*AGENT, *flags], listens=[HERE], environment={"PATH": "/bin", "MESOS_NOTHING": "1"})
    machine.http(STATE_URL, json=state())
    machine.file("/etc/mesos-slave/resources/cpus", "4\n")
    machine.file("/etc/mesos-slave/reconfiguration_policy", "additive\n")
    running = observe.observe_agent(machine)["running"]
    assert running["pending_flags"] == {
        "gone": ["1", None],
        "nothing": ["1", None],
        "reconfiguration_policy": [None, "additive"],
        "resources": ["cpus:2;mem:1", "cpus:4"],
    }
    assert running["policy"] == "equal"


def test_without_its_command_line_only_flags_that_are_set_are_compared() -> None:
    machine = checkpointed(a_host())
    machine.http(STATE_URL, json=state())
    machine.file("/etc/mesos-slave/hostname", "other\n")
    machine.file("/etc/mesos-slave/port", "5051\n")
    assert observe.observe_agent(machine)["running"]["pending_flags"] == {"hostname": [None, "other"]}


def test_a_running_agent_is_asked_where_it_listens_now() -> None:
    machine = an_agent()
    machine.file("/etc/mesos-slave/ip", "10.0.0.99\n")
    running = observe.observe_agent(machine)["running"]
    assert running["pending_flags"]["ip"] == ["10.0.0.11", "10.0.0.99"]


@pytest.mark.parametrize(
    ("files", "url"),
    [
        ({}, "http://127.0.0.1:5051/state"),
        ({"ip": "0.0.0.0"}, "http://127.0.0.1:5051/state"),
        ({"ip": "10.1.1.1", "port": "5061"}, "http://10.1.1.1:5061/state"),
    ],
)
def test_addresses(files: dict[str, str], url: str) -> None:
    machine = a_host()
    machine.remove("/etc/mesos-slave/ip")
    for name, content in files.items():
        machine.file(f"/etc/mesos-slave/{name}", content)
    machine.http(url, json=state())
    assert observe.observe_agent(machine)["running"]["agent_id"] == ID


def test_an_agent_behind_tls() -> None:
    machine = a_host()
    machine.file("/etc/default/mesos-slave", "LIBPROCESS_SSL_ENABLED=1\n")
    machine.http("https://10.0.0.11:5051/state", json=state())
    assert observe.observe_agent(machine)["running"]["agent_id"] == ID


@pytest.mark.parametrize(("status", "text"), [(404, "404 Not Found."), (503, "Agent has not finished recovery")])
def test_an_agent_that_recovers(status: int, text: str) -> None:
    machine = checkpointed(a_host())
    machine.http(STATE_URL, status=status, text=text)
    found = observe.observe_agent(machine)
    assert found["running"]["recovering"] is True
    assert (found["running"]["agent_id"], found["running_error"]) == ("", None)


def test_an_agent_that_comes_up_is_waited_for() -> None:
    """First nobody listens, then it recovers, then it says who it is."""
    machine = checkpointed(a_host())
    machine.http(STATE_URL, effect=nobody_listens)
    machine.after(1.0, lambda: machine.http(STATE_URL, status=503, text="Agent has not finished recovery"))
    machine.after(3.0, lambda: machine.http(STATE_URL, json=state()))
    found = observe.observe_settled_agent(machine)
    assert found["running"]["agent_id"] == ID
    assert 3.0 <= machine.monotonic() < 3.5


def test_an_agent_that_never_comes_up_is_shown_as_it_is() -> None:
    machine = checkpointed(a_host())
    machine.http(STATE_URL, status=503, text="Agent has not finished recovery")
    assert observe.observe_settled_agent(machine)["running"]["recovering"] is True
    assert 15.0 <= machine.monotonic() < 16.0


def test_an_agent_that_is_down_is_not_waited_for() -> None:
    machine = checkpointed(a_host(unit=DOWN))
    machine.http(STATE_URL, effect=nobody_listens)
    assert observe.observe_settled_agent(machine)["running"] is None
    assert machine.monotonic() < 1.5


def test_an_agent_that_has_not_registered() -> None:
    machine = a_host()
    machine.http(STATE_URL, json=state(id=""))
    found = observe.observe_agent(machine)
    assert (found["running"]["agent_id"], found["running"]["recovering"]) == ("", False)
    assert found["checkpoint"]["agent_id"] is None


def nobody_listens() -> None:
    raise RefusedError("no answer", where=STATE_URL, seen="Connection refused")


def test_an_agent_that_is_down() -> None:
    machine = checkpointed(a_host(unit=DOWN))
    machine.http(STATE_URL, effect=nobody_listens)
    found = observe.observe_agent(machine)
    assert (found["running"], found["running_error"], found["running_refused"]) == (None, None, True)
    assert (found["unit"]["active"], found["unit"]["exit_status"]) == ("inactive", 1)
    assert found["checkpoint"]["agent_id"] == ID


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"error": "timed out"}, "timed out"),
        ({"text": "<html>"}, "not JSON"),
        ({"text": "[]"}, "another program listens there"),
        ({"json": {"hello": 1}}, "another program listens there"),
        ({"status": 500, "text": "boom"}, "answers 500"),
        ({"status": 401, "text": ""}, "wants a user and a password, and none were given"),
    ],
)
def test_an_active_agent_that_does_not_answer(answer: dict[str, Any], words: str) -> None:
    machine = a_host()
    machine.http(STATE_URL, **answer)
    found = observe.observe_agent(machine)
    assert (found["running"], found["running_refused"]) == (None, False)
    assert words in found["running_error"]
    assert [item["framework"] for item in found["work"]] == ["unknown"]


def labels(found: dict[str, Any]) -> list[str]:
    return [item["framework"] for item in found["work"]]


LIVE_TASK = {
    "name": "Old",
    "checkpoint": False,
    "executors": [{"id": "e", "tasks": [{"id": "t", "state": "TASK_RUNNING"}]}],
}


@pytest.mark.parametrize(
    ("flags", "listens", "url"),
    [
        (["--ip_discovery_command=/bin/where"], [("10.0.0.77", 5051)], "http://10.0.0.77:5051/state"),
        (["--ip=10.0.0.77", "--advertise_ip=192.0.2.1"], [("10.0.0.77", 5051)], "http://10.0.0.77:5051/state"),
        ([], [("0.0.0.0", 5051)], "http://127.0.0.1:5051/state"),
        ([], [("::", 5051)], "http://[::1]:5051/state"),
        ([], [("fd00::7", 5051)], "http://[fd00::7]:5051/state"),
        (["--port=5061"], [("10.0.0.77", 9999), ("10.0.0.77", 5061)], "http://10.0.0.77:5061/state"),
        ([], [("10.0.0.77", 5099)], "http://10.0.0.77:5099/state"),
    ],
)
def test_an_agent_is_asked_where_its_process_listens(
    flags: list[str], listens: list[tuple[str, int]], url: str
) -> None:
    """Where the files of the next start point does not matter, nor what the agent advertises."""
    machine = checkpointed(a_host())
    a_process(machine, 77, ["/usr/sbin/mesos-slave", "--work_dir=/var/lib/mesos", *flags], listens=listens)
    machine.http(url, json=state(frameworks=[LIVE_TASK]))
    assert labels(observe.observe_agent(machine)) == ["Old"]


def test_tls_is_a_matter_of_the_process_that_runs() -> None:
    machine = checkpointed(a_host())
    a_process(machine, 77, AGENT, listens=[HERE], environment={"LIBPROCESS_SSL_ENABLED": "1"})
    machine.http("https://10.0.0.11:5051/state", json=state())
    assert observe.observe_agent(machine)["running"]["agent_id"] == ID


def test_an_agent_that_does_not_listen_yet_has_no_work() -> None:
    """Seen in its process: nobody is asked who might have taken the port meanwhile."""
    machine = checkpointed(a_host())
    a_process(machine, 77, AGENT)
    found = observe.observe_agent(machine)
    assert (found["running"]["recovering"], found["running_error"], found["work"]) == (True, None, [])
    assert machine.requests == []


def test_the_wrapper_becomes_the_agent_in_a_moment() -> None:
    machine = checkpointed(a_host())
    a_process(machine, 77, ["/bin/bash", "/usr/bin/mesos-init-wrapper", "slave"])
    machine.after(0.2, lambda: a_process(machine, 77, AGENT))
    found = observe.observe_agent(machine)
    assert (found["running"]["recovering"], found["work"]) == (True, [])


def test_a_process_that_never_becomes_the_agent_may_have_started_it() -> None:
    machine = checkpointed(a_host())
    a_process(machine, 77, ["/bin/sh", "/opt/supervise-mesos"])
    machine.http(STATE_URL, effect=nobody_listens)
    found = observe.observe_agent(machine)
    assert (found["running"], found["running_refused"], labels(found)) == (None, True, ["unknown"])
    assert "Connection refused" in found["running_error"]


def test_refused_is_no_proof_where_nobody_sees_where_the_agent_listens() -> None:
    """Without root, and with --ip_discovery_command: 127.0.0.1 says nothing of an agent on another address."""
    machine = checkpointed(a_host())
    machine.remove("/etc/mesos-slave/ip")
    machine.file("/etc/mesos-slave/ip_discovery_command", "/usr/local/bin/where")
    machine.http("http://127.0.0.1:5051/state", error="[Errno 111] Connection refused")
    assert labels(observe.observe_agent(machine)) == ["unknown"]


def test_a_wrong_password_names_the_user() -> None:
    machine = an_agent()
    machine.user("http://10.0.0.11:5051", "ops", "right")
    assert observe.observe_agent(machine, credentials=Credentials("ops", "right"))["running"]
    found = observe.observe_agent(machine, credentials=Credentials("ops", "wrong-secret"))
    assert "refuses the password of the user 'ops'" in found["running_error"]
    assert "wrong-secret" not in json.dumps(found)


@pytest.mark.parametrize("unit", [RUNS, DOWN], ids=["up, and not seen to hold the port", "down"])
def test_the_password_is_for_the_process_of_the_unit_alone(unit: str) -> None:
    machine = checkpointed(a_host(unit=unit))
    machine.user("http://10.0.0.11:5051", "", "")
    machine.http(STATE_URL, json=state())
    assert observe.observe_agent(machine, credentials=Credentials("ops", "right"))["running"]
    machine.user("http://10.0.0.11:5051", "ops", "right")
    found = observe.observe_agent(machine, credentials=Credentials("ops", "right"))
    assert "which were not sent, because mesos-slave.service is not seen to listen there" in found["running_error"]
    assert labels(found) == ["unknown"]


def test_without_systemd() -> None:
    machine = FakeMachine()
    machine.absent("systemctl")
    machine.file("/usr/bin/mesos-init-wrapper", MESOSPHERE)
    machine.http("http://127.0.0.1:5051/state", error="Connection refused")
    found = observe.observe_agent(machine)
    assert (found["unit"]["load"], found["unit"]["active"]) == ("unknown", "unknown")
    assert "systemctl is missing" in found["unit"]["sub"]


# -- packaging ----------------------------------------------------------------------------------------------------


def kinds(found: dict[str, Any]) -> list[str]:
    return [item["kind"] for item in found["obstacles"]]


def test_apaches_packaging() -> None:
    machine = a_host(wrapper=APACHE)
    machine.file("/etc/mesos-agent/work_dir", "/srv/mesos\n")
    machine.file("/etc/mesos-agent/attributes/zone", "z1\n")
    machine.http("http://127.0.0.1:5051/state", error="Connection refused")
    found = observe.observe_agent(machine)
    assert (found["packaging"], found["config_dir"]) == ("apache", "/etc/mesos-agent")
    assert found["files"] == {"zone": "z1"}
    assert found["flags"]["work_dir"] == "/srv/mesos"


@pytest.mark.parametrize("mark", ["/opt/mesosphere/bin", "/etc/systemd/system/dcos-mesos-slave.service"])
def test_dcos_is_refused(mark: str) -> None:
    machine = a_host()
    machine.file(mark)
    machine.http("http://127.0.0.1:5051/state", error="Connection refused")
    found = observe.observe_agent(machine)
    assert (found["packaging"], kinds(found), found["files"]) == ("dcos", ["unsupported_packaging"], {})
    assert "DC/OS" in found["obstacles"][0]["sentence"]


def test_no_package() -> None:
    machine = FakeMachine()
    machine.program(UNIT, "LoadState=not-found\nActiveState=inactive\n")
    machine.http("http://127.0.0.1:5051/state", error="Connection refused")
    found = observe.observe_agent(machine)
    assert (found["packaging"], kinds(found), found["flags"]) == ("none", ["no_wrapper"], {})
    assert found["unit"]["load"] == "not-found"


def test_a_wrapper_of_ones_own() -> None:
    machine = a_host(wrapper="#!/bin/sh\nexec /usr/sbin/mesos-agent\n")
    machine.http("http://127.0.0.1:5051/state", error="Connection refused")
    found = observe.observe_agent(machine)
    assert (found["packaging"], kinds(found)) == ("none", ["unsupported_packaging"])


def test_a_unit_that_goes_round_the_wrapper() -> None:
    settings = "ExecStart={ path=/usr/sbin/mesos-agent ; argv[]=/usr/sbin/mesos-agent --work_dir=/x ; }\n"
    machine = checkpointed(a_host(settings=settings))
    machine.http(STATE_URL, json=state())
    found = observe.observe_agent(machine)
    assert kinds(found) == ["unsupported_packaging"]
    assert "starts /usr/sbin/mesos-agent without" in found["obstacles"][0]["sentence"]


# -- files and environment ----------------------------------------------------------------------------------------


def test_ignored_files_and_obstacles() -> None:
    machine = an_agent()
    below = "/etc/mesos-slave/attributes"
    machine.file(f"{below}/.hidden", "x")
    machine.file(f"{below}/empty", "")
    machine.special(f"{below}/fifo", "fifo")
    machine.symlink(f"{below}/dangling", "/nowhere")
    machine.symlink(f"{below}/linked", "rack")
    machine.symlink(f"{below}/dirlink", "/etc")
    machine.directory(f"{below}/sub")
    machine.file(f"{below}/secret", "x", error=errno.EACCES)
    machine.file("/etc/mesos-slave/work_dir.bak", "/x")
    found = observe.observe_agent(machine)
    assert found["files"] == {"linked": "r1", "rack": "r1"}
    assert found["ignored_files"] == [".hidden", "dangling", "empty", "fifo"]
    assert kinds(found) == ["bad_flag", "subdirectory", "unreadable", "subdirectory"]
    assert "Permission denied" in found["obstacles"][2]["sentence"]


def test_a_file_in_place_of_the_directory() -> None:
    machine = an_agent()
    machine.remove("/etc/mesos-slave/attributes/rack")
    machine.file("/etc/mesos-slave/attributes", "rack:r1\n")
    found = observe.observe_agent(machine)
    assert kinds(found) == ["attributes_is_file"]
    assert (found["files"], "attributes" in found["flags"]) == ({}, False)


def test_a_linked_directory() -> None:
    machine = a_host()
    machine.remove("/etc/mesos-slave/attributes/rack")
    machine.file("/srv/shared/zone", "z1\n")
    machine.symlink("/etc/mesos-slave/attributes", "/srv/shared")
    machine.http(STATE_URL, json=state())
    found = observe.observe_agent(machine)
    assert (found["files"], kinds(found)) == ({"zone": "z1"}, ["directory_linked"])


@pytest.mark.parametrize("line", ["MESOS_ATTRIBUTES=rack:r1", "export MESOS_ATTRIBUTES='rack:r1'"])
def test_attributes_in_the_environment(line: str) -> None:
    machine = an_agent()
    machine.file("/etc/default/mesos-slave", f"{line}\nMASTER=m1:5050\n")
    found = observe.observe_agent(machine)
    assert kinds(found) == ["environment_attributes"]
    assert "attributes" not in found["flags"]


def test_environment_of_the_unit() -> None:
    settings = EXEC + "Environment=MESOS_PORT=5061 MESOS_ISOLATION=a\nEnvironmentFiles=/etc/extra (ignore_errors=yes)\n"
    settings += "EnvironmentFiles=/etc/more (ignore_errors=no)\n"
    machine = a_host(settings=settings)
    machine.file("/etc/extra", "MESOS_HOSTNAME=node9\n")
    machine.file("/etc/more", "MESOS_STRICT=false\n")
    machine.file("/etc/default/mesos", "ISOLATION=b\nLD_PRELOAD=$(command -v x)\n")
    machine.http("http://10.0.0.11:5061/state", error="Connection refused")
    found = observe.observe_agent(machine)
    assert found["obstacles"] == []
    assert found["flags"] == {
        "hostname": "node9",
        "ip": "10.0.0.11",
        "isolation": "b",
        "master": "zk://m1:2181/mesos",
        "port": "5061",
        "strict": "false",
        "work_dir": "/var/lib/mesos",
    }


def test_flags_that_only_a_shell_could_tell_are_an_obstacle() -> None:
    machine = an_agent()
    machine.file("/etc/default/mesos-slave", '# rack\n\nMESOS_ATTRIBUTES="rack:$(hostname -s);key:s3cret"\n')
    found = observe.observe_agent(machine)
    assert found["obstacles"] == [
        {
            "kind": "environment_unread",
            "path": "/etc/default/mesos-slave",
            "sentence": (
                "line 3 of /etc/default/mesos-slave may set MESOS_ATTRIBUTES in a way that only a shell can follow, so nobody can"
                " say what the agent will be started with; write plain NAME=value there, or a file in /etc/mesos-slave"
            ),
        }
    ]


def test_passwords_and_secrets_in_flags_do_not_show() -> None:
    machine = an_agent("--master=zk://mesos:0ld@p@z1:2181,z2:2181/mesos", "--modules={old}")
    machine.file("/etc/mesos/zk", "zk://mesos:s3cret@z1:2181,z2:2181/mesos\n")
    machine.file("/etc/mesos-slave/executor_environment_variables", '{"AWS_SECRET": "s3cret"}')
    machine.file("/etc/mesos-slave/modules", '{"libraries": [{"s3cret": 1}]}')
    found = observe.observe_agent(machine)
    assert "s3cret" not in str(found) and "0ld" not in str(found)
    assert found["flags"]["master"] == "zk://(not shown)@z1:2181,z2:2181/mesos"
    assert found["flags"]["executor_environment_variables"] == "(not shown)"
    # What differs is still seen.
    assert {"master", "modules", "executor_environment_variables"} <= set(found["running"]["pending_flags"])


def test_a_flag_given_twice() -> None:
    machine = an_agent()
    machine.file("/etc/default/mesos-slave", "IP=10.0.0.11\n")
    found = observe.observe_agent(machine)
    assert kinds(found) == ["bad_flag"]
    assert "--ip is given twice" in found["obstacles"][0]["sentence"]


# -- checkpoint ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("boot_id", "rebooted"), [("dac9c033", False), ("dac9c033\n", False), (None, False), ("other", True), ("", True)]
)
def test_reboots(boot_id: str | None, rebooted: bool) -> None:
    machine = checkpointed(a_host())
    machine.remove(f"{META}/boot_id")
    if boot_id is not None:
        machine.file(f"{META}/boot_id", boot_id)
    found = observe.read_checkpoint(machine, "/var/lib/mesos")
    assert (found["rebooted"], found["boot_id"]) == (rebooted, boot_id and boot_id.strip())


def test_checkpoints_that_an_agent_registers_anew_over() -> None:
    for content in (None, b""):
        machine = checkpointed(a_host())
        machine.remove(f"{META}/slaves/{ID}/slave.info")
        if content is not None:
            machine.file(f"{META}/slaves/{ID}/slave.info", content)
        found = observe.read_checkpoint(machine, "/var/lib/mesos")
        assert (found["agent_id"], found["attributes"], found["error"]) == (ID, None, None)


def test_checkpoints_that_an_agent_exits_on() -> None:
    machine = checkpointed(a_host())
    machine.file(f"{META}/slaves/{ID}/slave.info", wire.slave_info(ID, ())[:20])
    assert "cut off or corrupt" in observe.read_checkpoint(machine, "/var/lib/mesos")["error"]
    machine.file(f"{META}/slaves/{ID}/slave.info", b"", error=errno.EIO)
    assert "Input/output error" in observe.read_checkpoint(machine, "/var/lib/mesos")["error"]
    machine.symlink(f"{META}/slaves/latest", f"{META}/slaves/gone")
    found = observe.read_checkpoint(machine, "/var/lib/mesos")
    assert (found["agent_id"], "Failed to find latest agent" in found["error"]) == ("gone", True)


def test_a_copied_directory_in_place_of_the_link() -> None:
    # Transcript of mesos-agent 1.11.0, l9: it recovers the ID in the record.
    machine = a_host()
    machine.file(f"{META}/slaves/latest/slave.info", wire.slave_info(ID, ()))
    found = observe.read_checkpoint(machine, "/var/lib/mesos")
    assert (found["agent_id"], found["attributes"]) == (ID, [])


# -- work ---------------------------------------------------------------------------------------------------------


def framework(name: str, *, checkpoint: bool, executors: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": f"{name}-0000", "name": name, "checkpoint": checkpoint, "executors": executors}


def test_work_of_a_running_agent() -> None:
    tasks = [{"id": "web.1", "state": "TASK_RUNNING"}, {"id": "web.0", "state": "TASK_FINISHED"}]
    reserved = {
        "web": [
            {"name": "cpus", "reservations": [{"type": "DYNAMIC", "role": "web"}]},
            {"name": "disk", "reservation": {}, "disk": {"persistence": {"id": "v1"}}},
        ],
        "static": [{"name": "cpus", "reservations": [{"type": "STATIC", "role": "static"}]}],
    }
    frameworks = [
        framework(
            "Marathon", checkpoint=True, executors=[{"id": "e1", "tasks": tasks, "queued_tasks": [{"id": "web.2"}]}]
        ),
        framework("ScaleIO Framework", checkpoint=False, executors=[{"id": "executor-scaleio-node1", "tasks": []}]),
    ]
    machine = a_host()
    machine.http(STATE_URL, json=state(frameworks=frameworks, reserved_resources_full=reserved))
    work = observe.observe_agent(machine)["work"]
    assert [(item["kind"], item["name"], item["framework"], item["ends"]) for item in work] == [
        ("task", "web.1", "Marathon", "with_agent_id"),
        ("task", "web.2", "Marathon", "with_agent_id"),
        ("executor", "executor-scaleio-node1", "ScaleIO Framework", "at_restart"),
        ("volume", "v1", "", "with_agent_id"),
        ("reservation", "web", "", "with_agent_id"),
    ]
    assert work[2]["sentence"] == (
        "the executor executor-scaleio-node1 of the framework ScaleIO Framework ends at any restart of the agent"
    )
    assert "cpus, disk for the role web" in work[4]["sentence"]


def test_work_of_a_stopped_agent() -> None:
    machine = checkpointed(a_host(unit=DOWN))
    machine.http(STATE_URL, error="Connection refused")
    below = f"{META}/slaves/{ID}/frameworks/fw-0001"
    machine.file(f"{below}/framework.info", wire.framework_info("Marathon"))
    for executor, tasks in (("e1", {"t1": [1], "t2": [1, 2], "t3": []}), ("e2", {}), ("ended", {"t9": [1]})):
        run = f"{below}/executors/{executor}/runs/c-{executor}"
        machine.directory(f"{run}/tasks")
        machine.symlink(f"{below}/executors/{executor}/runs/latest", run)
        for task, states in tasks.items():
            machine.file(f"{run}/tasks/{task}/task.updates", b"".join(wire.task_update(task, code) for code in states))
    machine.file(f"{below}/executors/ended/runs/c-ended/executor.sentinel")
    machine.file(f"{below}/executors/e1/runs/c-e1/tasks/t4/task.updates", b"garbage")
    resources = wire.message(1, wire.resource("cpus", reservations=[("web", 2)], volume="v1"))
    machine.file(f"{META}/resources/resources_and_operations.state", wire.record(resources))
    work = observe.observe_agent(machine)["work"]
    assert [(item["kind"], item["name"], item["framework"], item["ends"]) for item in work] == [
        ("task", "t1", "Marathon", "with_agent_id"),
        ("task", "t3", "Marathon", "with_agent_id"),
        ("task", "t4", "Marathon", "with_agent_id"),
        ("executor", "e2", "Marathon", "with_agent_id"),
        ("volume", "v1", "", "with_agent_id"),
        ("reservation", "web", "", "with_agent_id"),
    ]


def test_a_checkpointed_framework_that_does_not_decode_counts_as_alive() -> None:
    machine = checkpointed(a_host(unit=DOWN))
    machine.http(STATE_URL, error="Connection refused")
    machine.file(f"{META}/slaves/{ID}/frameworks/fw-0001/framework.info", '{"name": "Marathon"}')
    work = observe.observe_agent(machine)["work"]
    assert [(item["kind"], item["framework"], item["ends"]) for item in work] == [
        ("executor", "fw-0001", "with_agent_id")
    ]


def test_reservations_that_do_not_decode_are_still_named() -> None:
    machine = checkpointed(a_host(unit=DOWN))
    machine.http(STATE_URL, error="Connection refused")
    machine.file(f"{META}/resources/resources.info", b"\xff\xff")
    work = observe.observe_agent(machine)["work"]
    assert [item["kind"] for item in work] == ["reservation"]
    assert "does not decode" in work[0]["name"]


# -- masters ------------------------------------------------------------------------------------------------------

MASTERS = ["http://m1:5050", "http://m2:5050", "http://m3:5050"]
WHO = {"agent_id": ID, "pid": "slave(1)@10.0.0.11:5051", "hostname": "node1"}


def entry(agent_id: str, hostname: str, pid: str, *, active: bool = True, **attributes: Any) -> dict[str, Any]:
    return {"id": agent_id, "hostname": hostname, "pid": pid, "active": active, "attributes": attributes}


def redirect(machine: FakeMachine, master: str, leader: str) -> None:
    machine.http(f"{master}/slaves", status=307, headers={"Location": f"//{leader}/master/slaves"})


def test_the_leader_is_who_answers() -> None:
    machine = FakeMachine()
    redirect(machine, MASTERS[0], "m2:5050")
    machine.http(
        f"{MASTERS[1]}/slaves",
        json={
            "slaves": [
                entry(ID, "node1", WHO["pid"], rack="r1"),
                entry("old-S1", "other", WHO["pid"], active=False),
                entry("S2", "node1", "slave(1)@10.0.0.99:5051"),
                entry("S3", "node3", "slave(1)@10.0.0.13:5051"),
            ],
            "recovered_slaves": [{"id": "S4", "hostname": "node1", "attributes": {}}],
        },
    )
    found = observe.observe_master(machine, MASTERS, agent=WHO)
    assert (found["asked"], found["leader"], found["error"], found["connected"]) == (MASTERS, MASTERS[1], None, 2)
    assert found["agents"] == [
        entry(ID, "node1", WHO["pid"], rack="r1"),
        entry("old-S1", "other", WHO["pid"], active=False),
        entry("S2", "node1", "slave(1)@10.0.0.99:5051"),
        entry("S4", "node1", "", active=False),
    ]
    assert [url for _, url, _ in machine.requests] == ["http://m1:5050/slaves", "http://m2:5050/slaves"]


def test_a_redirect_to_a_declared_master_is_taken_next() -> None:
    machine = FakeMachine()
    redirect(machine, MASTERS[0], "m3:5050")
    machine.http(f"{MASTERS[2]}/slaves", json={"slaves": []})
    assert observe.observe_master(machine, MASTERS, agent=WHO)["leader"] == MASTERS[2]


def test_only_one_id_may_be_asked_for() -> None:
    machine = FakeMachine()
    machine.http(f"{MASTERS[0]}/slaves?slave_id={ID}", json={"slaves": [entry(ID, "node1", WHO["pid"])]})
    found = observe.observe_master(machine, MASTERS, agent=WHO, whole=False)
    assert (len(found["agents"]), found["connected"]) == (1, None)


@pytest.mark.parametrize(
    ("peers", "connected"), [((), 2), (("node1", "node2", "node3"), 1), (("node1", "node9"), 2), (("node5",), 0)]
)
def test_who_is_connected(peers: tuple[str, ...], connected: int) -> None:
    """Hosts with an active entry: an old ID beside the new one counts once, whoever is no peer does not."""
    machine = FakeMachine()
    slaves = [entry("S1", "node1", "p"), entry("S0", "node1", "p"), entry("S2", "node2", "q", active=False)]
    machine.http(f"{MASTERS[0]}/slaves", json={"slaves": [*slaves, entry("S9", "node9", "r")]})
    found = observe.observe_master(machine, MASTERS, peers=peers)
    assert (found["connected"], found["agents"]) == (connected, [])


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ([{"error": "refused"}] * 3, "refused"),
        ([{"status": 503, "text": "No leader elected"}] * 3, "knows no leader (No leader elected)"),
        ([{"status": 500, "text": "boom"}] * 3, "answers 500"),
        ([{"json": {"slaves": 1}}] * 3, "not a master's list of agents"),
        ([{"text": "<html>"}] * 3, "not JSON"),
        ([{"status": 307, "headers": {"Location": "//m9:5050/master/slaves"}}] * 3, "m9:5050 leads, and none of"),
        (
            [
                {"error": "refused"},
                {"status": 307, "headers": {"Location": "//m1:5050/master/slaves"}},
                {"error": "no"},
            ],
            "m1:5050 leads, but that one does not answer",
        ),
        ([{"error": "refused"}, {"status": 401}, {"status": 503, "text": ""}], "the user 'ops'"),
        ([{"status": 403}] * 3, "does not permit this to the user 'ops'"),
    ],
)
def test_when_nobody_leads(answers: list[dict[str, Any]], words: str) -> None:
    machine = FakeMachine()
    for master, answer in zip(MASTERS, answers):
        machine.http(f"{master}/slaves", **answer)
    found = observe.observe_master(machine, MASTERS, Credentials("ops", "s3"), WHO)
    assert (found["leader"], found["agents"], found["connected"]) == (None, [], None)
    assert words in found["error"]
    assert "s3" not in found["error"].replace("m3", "")


def test_no_masters() -> None:
    assert "no masters are declared" in observe.observe_master(FakeMachine(), [])["error"]


def test_identity_of_an_agent_that_is_down() -> None:
    machine = checkpointed(a_host(unit=DOWN))
    machine.http(STATE_URL, error="Connection refused")
    found = observe.observe_agent(machine)
    assert observe.identity_of(found) == {"agent_id": ID, "pid": "", "hostname": "node1"}


# -- words --------------------------------------------------------------------------------------------------------

JOURNAL = [
    *("journalctl", "--since=@1800000000", "--output=cat", "--no-pager", "--lines=1000"),
    *("_SYSTEMD_UNIT=mesos-slave.service", "+", "SYSLOG_IDENTIFIER=mesos-slave", "+", "SYSLOG_IDENTIFIER=mesos-agent"),
]


def glog(severity: str, text: str, when: float = 1_800_000_000.0) -> str:
    stamp = time.strftime("%m%d %H:%M:%S", time.localtime(when))
    return f"{severity}{stamp}.123456  4711 slave.cpp:8355] {text}\n"


@pytest.mark.parametrize(
    ("log", "words"),
    [
        ("", ""),
        (glog("I", "Registered with master"), ""),
        (
            glog("E", "EXIT with status 1: Failed to perform recovery: Incompatible agent info detected. ")
            + '\n---\nOld agent info:\nhostname: "node1"\nIf recovery failed due to a change in configuration\n',
            "Failed to perform recovery: Incompatible agent info detected.",
        ),
        (
            glog("F", "Failed to parse attribute a text nan error Invalid scalar value 'nan':NaN not supported")
            + "*** Check failure stack trace: ***\n    @     0x7fce36dba1ed  google::LogMessage::Fail()\n",
            "Failed to parse attribute a text nan error Invalid scalar value 'nan':NaN not supported",
        ),
        (
            "I20270115 08:00:00.1  1 main.cpp:1] x\nE20270115 08:00:00.2  1 main.cpp:313] EXIT with status 1: Missing\n",
            "Missing",
        ),
        (
            "Failed to load unknown flag 'work_dir.bak'\n\nSee `mesos-agent --help`\n",
            "Failed to load unknown flag 'work_dir.bak'",
        ),
        ("Flag 'ip' is already loaded via name 'ip'\n", "Flag 'ip' is already loaded via name 'ip'"),
        (
            "cat: /etc/mesos-slave/attributes/sub: Is a directory\n",
            "cat: /etc/mesos-slave/attributes/sub: Is a directory",
        ),
        (
            "/usr/sbin/mesos-slave: error while loading shared libraries: libsvn_delta-1.so.0: cannot open\n",
            "/usr/sbin/mesos-slave: error while loading shared libraries: libsvn_delta-1.so.0: cannot open",
        ),
        (
            glog("E", "EXIT with status 1: Failed to create a master detector for 'zk://a:s3cret@z1:2181/mesos': no"),
            "Failed to create a master detector for 'zk://(not shown)@z1:2181/mesos': no",
        ),
        (
            "Failed to load flag 'modules': Failed to load value '{s3cret': syntax error at line 1 near: s3cret\n",
            "Failed to load flag 'modules': Failed to load value '(not shown)'",
        ),
        (
            "Failed to load flag 'credential': Failed to load value 'file:///x': Error reading file '/x'\n",
            "Failed to load flag 'credential': Failed to load value 'file:///x': Error reading file '/x'",
        ),
        (glog("E", "EXIT with status 1: first") + glog("E", "EXIT with status 1: last"), "last"),
    ],
)
def test_words_from_the_journal(log: str, words: str) -> None:
    machine = an_agent()
    agent = observe.observe_agent(machine)
    machine.program(JOURNAL, log)
    assert observe.agent_words(machine, agent, 1_800_000_000.7) == words


def test_words_from_the_log_directory() -> None:
    """It is that of the wrapper which the unit starts, and of the unit's environment."""
    settings = "ExecStart={ path=/opt/mesos-init-wrapper ; argv[]=/opt/mesos-init-wrapper agent ; }\n"
    machine = a_host(unit=DOWN, settings=settings + "Environment=MESOS_LOG_DIR=/logs\n")
    machine.file("/opt/mesos-init-wrapper", APACHE)
    machine.file("/etc/default/mesos", "")
    machine.http("http://127.0.0.1:5051/state", error="Connection refused")
    machine.absent("journalctl")
    agent = observe.observe_agent(machine)

    def words(since: float) -> str:
        return observe.agent_words(machine, agent, since)

    machine.file("/logs/mesos-agent.node1.log.ERROR.1", glog("E", "EXIT with status 1: now"))
    machine.symlink("/logs/mesos-agent.ERROR", "mesos-agent.node1.log.ERROR.1")
    machine.file("/logs/mesos-agent.FATAL", glog("F", "long ago", 1_799_990_000.0))
    assert words(1_800_000_000.0) == "now"
    assert words(1_800_000_100.0) == ""
    asked = "Agent asked to shut down by master@10.0.0.10:5050 because 'Agent has been marked gone'"
    machine.file("/logs/mesos-agent.INFO", glog("I", asked, 1_800_000_200.0))
    assert words(1_800_000_100.0) == asked


def test_a_host_without_a_package_has_no_words() -> None:
    machine = FakeMachine()
    machine.program(JOURNAL, "")
    assert observe.agent_words(machine, {"packaging": "none", "flags": {}}, 1_800_000_000.0) == ""
