# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core import command
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import CommandError


def test_output_status_and_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "de_DE.UTF-8")
    done = command.run(["sh", "-c", "echo $LC_ALL $LANG $LANGUAGE; echo err >&2; exit 3"], ok=(0, 3))
    assert (done.status, done.stdout, done.stderr) == (3, "C C C\n", "err\n")


def test_secrets_go_by_stdin_and_environment() -> None:
    done = command.run(["sh", "-c", 'cat; echo "$SECRET"'], stdin="in\n", env={"SECRET": "env"})
    assert done.stdout == "in\nenv\n"


def test_without_input_a_program_finds_its_end_at_once() -> None:
    assert command.run(["cat"], deadline=5.0).stdout == ""


def test_output_that_is_not_utf8() -> None:
    assert command.run(["printf", r"a\377b"]).stdout == "a\\xffb"


def test_a_failure_names_the_command_and_its_words() -> None:
    with pytest.raises(CommandError) as error:
        command.run(["sh", "-c", "echo nothing here >&2; exit 2"])
    assert "status 2" in str(error.value) and "nothing here" in str(error.value) and "sh -c" in str(error.value)


def test_a_missing_program() -> None:
    with pytest.raises(CommandError) as error:
        command.run(["no-such-program-of-holdfast", "x"])
    assert str(error.value).startswith("the program no-such-program-of-holdfast is missing")


def test_system_directories_count_without_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.find_program("blkid") is not None


def test_a_program_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    began = time.monotonic()
    mark = tmp_path / "pid"
    with pytest.raises(CommandError) as error:
        command.run(["sh", "-c", f"sleep 60 & echo $! > {mark}; wait"], deadline=0.3)
    assert "did not end in 0.3 s and was killed" in str(error.value)
    assert time.monotonic() - began < 2.5
    child = int(mark.read_text(encoding="ascii"))
    deadline = time.monotonic() + 2.0
    while _lives(child) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _lives(child)


def _lives(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z" and os.getpgid(0) != pid
