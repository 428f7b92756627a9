# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What systemd says of a unit, that a change is believed only when systemd shows it, and where a process listens."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import CommandError, HoldfastError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._core.service import (
    change_unit,
    listening,
    observe_unit,
    show,
)
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import FakeMachine

UNIT = "mesos-slave.service"
SHOW = [
    "systemctl",
    "show",
    UNIT,
    "--property=LoadState,ActiveState,SubState,UnitFileState,NRestarts,MainPID,ExecMainStatus",
]


def shown(
    active: str, sub: str, enabled: str = "enabled", *, load: str = "loaded", pid: int = 0, status: int = 0
) -> str:
    return (
        f"LoadState={load}\nActiveState={active}\nSubState={sub}\nUnitFileState={enabled}\n"
        f"NRestarts=2\nMainPID={pid}\nExecMainStatus={status}\n"
    )


def test_observe_unit() -> None:
    machine = FakeMachine()
    machine.program(SHOW, shown("active", "running", pid=41))
    assert observe_unit(machine, UNIT) == {
        "name": UNIT,
        "load": "loaded",
        "active": "active",
        "sub": "running",
        "enabled": "enabled",
        "restarts": 2,
        "main_pid": 41,
        "exit_status": 0,
    }
    assert machine.calls == [tuple(SHOW)]


def test_a_unit_that_does_not_exist_is_an_observation_and_no_error() -> None:
    machine = FakeMachine()
    # systemd 252 leaves UnitFileState empty and prints no number for what it does not count.
    machine.program(
        SHOW, "LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nNRestarts=[not set]\n"
    )
    seen = observe_unit(machine, UNIT)
    assert (seen["load"], seen["enabled"], seen["restarts"], seen["main_pid"]) == ("not-found", "", 0, 0)


@pytest.mark.parametrize(
    ("verb", "after", "problem"),
    [
        pytest.param("start", shown("active", "running"), "", id="start"),
        pytest.param("restart", shown("activating", "start"), "", id="restart, still starting"),
        pytest.param(
            "restart", shown("activating", "auto-restart"), "", id="restart, gone at once: the caller judges it"
        ),
        pytest.param(
            "restart",
            shown("failed", "failed"),
            "systemctl restart left mesos-slave.service failed (failed)",
            id="restart fails",
        ),
        pytest.param(
            "start",
            shown("inactive", "dead"),
            "systemctl start left mesos-slave.service inactive (dead)",
            id="start has no effect",
        ),
        pytest.param("stop", shown("inactive", "dead"), "", id="stop"),
        pytest.param("stop", shown("failed", "failed"), "", id="stop, ended with an error status"),
        pytest.param(
            "stop",
            shown("active", "running"),
            "systemctl stop left mesos-slave.service active (running)",
            id="stop has no effect",
        ),
        pytest.param("enable", shown("inactive", "dead"), "", id="enable"),
        pytest.param("enable", shown("inactive", "dead", "enabled-runtime"), "", id="enable for this boot"),
        pytest.param(
            "enable",
            shown("inactive", "dead", "static"),
            "systemctl enable left mesos-slave.service static",
            id="not enabled",
        ),
    ],
)
def test_change_unit(verb: str, after: str, problem: str) -> None:
    machine = FakeMachine()
    machine.program(["systemctl", verb, UNIT], effect=lambda: None)
    machine.program(SHOW, after)
    if problem:
        with pytest.raises(HoldfastError) as caught:
            change_unit(machine, verb, UNIT)
        assert caught.value.what == problem
        assert caught.value.todo
    else:
        change_unit(machine, verb, UNIT)
    assert machine.calls == [("systemctl", verb, UNIT), tuple(SHOW)]


def test_what_systemd_refuses_is_told_in_its_words() -> None:
    machine = FakeMachine()
    machine.program(
        ["systemctl", "start", UNIT], status=1, stderr="Failed to start mesos-slave.service: Unit is masked.\n"
    )
    with pytest.raises(CommandError, match="Unit is masked"):
        change_unit(machine, "start", UNIT)


def test_properties_that_systemd_prints_repeatedly() -> None:
    machine = FakeMachine()
    machine.program([*SHOW[:3], f"{SHOW[3]},EnvironmentFiles"], "EnvironmentFiles=/a (x)\nEnvironmentFiles=/b (y)\n")
    assert show(machine, UNIT, "EnvironmentFiles") == {"EnvironmentFiles": "/a (x)\n/b (y)"}


def test_where_a_process_listens() -> None:
    """The real kernel's tables: what is bound and does not listen does not count, nor what another process holds."""
    machine = Machine()
    with socket.socket() as ours, socket.socket(socket.AF_INET6) as sixth:
        ours.bind(("127.0.0.1", 0))
        assert listening(machine, os.getpid()) == []
        ours.listen()
        sixth.bind(("::1", 0))
        sixth.listen()
        here = [("127.0.0.1", ours.getsockname()[1]), ("::1", sixth.getsockname()[1])]
        assert listening(machine, os.getpid()) == here
        child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
        try:
            assert listening(machine, child.pid) == []
        finally:
            child.communicate(b"\n")
    assert listening(machine, child.pid) is None
