# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands as the executor runs them."""

from __future__ import annotations

import pytest
from scaleio_simulator import commands


def test_both_streams_are_read_and_trimmed() -> None:
    assert commands.output("echo out; echo err >&2; echo") == "out\nerr"


def test_a_failing_command_is_tried_four_times_with_growing_pauses() -> None:
    slept: list[float] = []
    with pytest.raises(commands.CommandError, match=r"^exit status 3$"):
        commands.output("exit 3", slept.append)
    assert slept == [2.0, 4.0, 8.0, 16.0]


def test_a_pipe_fails_where_its_last_command_does() -> None:
    assert commands.output("false | cat", _never) == ""
    with pytest.raises(commands.CommandError, match=r"^exit status 1$"):
        commands.output("echo x | grep y", _wait)


def test_a_command_that_a_signal_ends() -> None:
    with pytest.raises(commands.CommandError, match=r"^signal: 9$"):
        commands.output("kill -9 $$", _wait)


def test_a_line_must_match() -> None:
    commands.check("echo a; echo all done", "done$", _never)
    with pytest.raises(commands.CommandError, match="failed to execute correctly"):
        commands.check("echo nothing", "done", _wait)


def _wait(seconds: float) -> None:
    """No time passes here."""


def _never(seconds: float) -> None:
    raise AssertionError("it was tried again")
