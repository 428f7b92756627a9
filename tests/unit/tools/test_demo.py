# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the demonstration runs, when it counts as failed, and that what it points to is there."""

from __future__ import annotations

import contextlib
import re
import sys
from pathlib import Path

import demo
import pytest
from environments import ROOT, Environment

BOTH = ["-i", "inventories/lab", "-i", "inventories/lab_framework"]


def shown(monkeypatch: pytest.MonkeyPatch, changed: dict[str, int], failing: str = "") -> tuple[int, list[list[str]]]:
    """The exit code, and the commands; `changed` by title."""
    commands = []

    def act(title: str, command: list[str], main: Environment) -> demo.Act:
        commands.append(command)
        return demo.Act(title, title != failing, changed.get(title, 0), 1.0)

    monkeypatch.setattr(demo, "act", act)
    monkeypatch.setattr(demo, "the_lab", contextlib.nullcontext)
    monkeypatch.setattr(demo, "leave_on_signals", lambda: None)
    monkeypatch.setattr(demo, "main_environment", lambda: Environment("main", (3, 11), Path(sys.executable)))
    return demo.main(), commands


def test_twice_to_the_gateway_and_then_its_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, commands = shown(monkeypatch, {"deploy": 17})
    deploy = ["ansible-playbook", *BOTH, "holdfast.stateful.scaleio_imperative"]
    assert code == 0
    assert commands[2:] == [deploy, deploy, ["ansible-playbook", *BOTH, "holdfast.stateful.status"]]
    assert capsys.readouterr().out.endswith("make lab-down                   removes the hosts\n\n")


def test_a_second_deployment_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _ = shown(monkeypatch, {"deploy": 17, "deploy again": 1})
    assert code == 1
    assert "should have changed nothing, it changed 1." in capsys.readouterr().out


def test_what_fails_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    code, commands = shown(monkeypatch, {}, failing="deploy")
    assert (code, len(commands)) == (1, 3)


def test_what_to_look_at_next_is_there() -> None:
    inventories, playbooks = re.findall(r"-i (\S+)", demo.NEXT), re.findall(
        r"holdfast\.stateful\.(plan|status|heal)\b", demo.NEXT
    )
    assert set(inventories) == {"inventories/lab", "inventories/lab_framework"} and len(inventories) % 2 == 0
    assert set(playbooks) == {"plan", "status", "heal"}
    assert all((ROOT / path).is_dir() for path in inventories)
    assert all((ROOT / "playbooks" / f"{name}.yml").is_file() for name in playbooks)
