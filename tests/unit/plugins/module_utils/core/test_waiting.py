# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    DeadlineError,
    HoldfastError,
    UntrustedError,
    WebError,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.waiting import wait_until
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import FakeMachine


class Lasting(WebError):
    """Does not pass by waiting."""


def test_looks_grow_rarer() -> None:
    machine = FakeMachine()
    times: list[float] = []

    def missing() -> list[str]:
        times.append(round(machine.clock, 3))
        return ["x"]

    with pytest.raises(DeadlineError, match="this: not within 4 s: x -- wait"):
        wait_until(machine, missing, what="this", timeout=4, todo="wait")
    assert times == [0, 0.2, 0.5, 0.95, 1.625, 2.625, 3.625, 4]


def test_the_progress() -> None:
    machine = FakeMachine()
    lacking = ["a", "b"]
    machine.after(1.0, lacking.clear)
    progress = wait_until(machine, lambda: list(lacking), what="this", timeout=4, todo="wait")
    assert progress == {"what": "this", "seconds": 1.6, "looks": 5, "missing": ["a", "b"]}
    assert json.loads(json.dumps(progress)) == progress


def test_the_deadline_names_some() -> None:
    with pytest.raises(DeadlineError) as error:
        wait_until(FakeMachine(), lambda: list("abcdefg"), what="this", timeout=1, todo="wait")
    assert str(error.value) == "this: not within 1 s: a; b; c; d; e and 2 more -- wait"


@pytest.mark.parametrize("error", [UntrustedError("no"), Lasting("no"), HoldfastError("no")])
def test_what_does_not_pass(error: HoldfastError) -> None:
    def missing() -> list[str]:
        raise error

    machine = FakeMachine()
    with pytest.raises(type(error)):
        wait_until(machine, missing, what="this", timeout=9, todo="wait", lasting=(Lasting,))
    assert machine.clock == 0


def test_silence_passes() -> None:
    machine = FakeMachine()
    errors = [WebError("no answer")]

    def missing() -> list[str]:
        if errors:
            raise errors.pop()
        return []

    progress = wait_until(machine, missing, what="this", timeout=9, todo="wait", lasting=(Lasting,))
    assert (progress["looks"], progress["missing"]) == (2, ["no answer"])
