# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A plan of 1,000 agents: its memory, and that its work grows with the agents and not faster.

Its seconds are judged by ``make bench``: a test on a busy machine knows nothing of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.benchmarks import plan_1000
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import plan_cluster
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select


def test_a_plan_of_1000_agents_takes_less_than_200_mb() -> None:
    done = subprocess.run(
        [sys.executable, str(Path(plan_1000.__file__))],
        env={**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = json.loads(done.stdout)
    assert (found["agents"], found["steps"], found["refused"]) == (1000, 9000, [])
    assert found["peak_mb"] < 200


def operations(agents: int) -> int:
    """How many instructions of the interpreter planning a cluster takes."""
    cluster = plan_1000.observations(agents)
    count = 0

    def trace(frame: FrameType, _event: str, _argument: Any) -> Any:
        nonlocal count
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        plan = plan_cluster("scaleio", cluster, select)
    finally:
        sys.settrace(before)
    assert not plan.refused
    return count


def test_ten_times_the_agents_are_ten_times_the_work() -> None:
    few = operations(40)
    assert few > 100_000
    # A single comparison of every agent with every other makes it 11 times.
    assert operations(400) < 10.5 * few


@pytest.mark.parametrize(
    ("seconds", "peak_mb", "sentences"),
    [
        (0.99, 200, []),
        (1.5, 100, ["planning 1000 agents took 1.50 s, and may take 1 s on a quiet machine"]),
        (0.5, 201, ["planning 1000 agents took 201 MB, and may take 200 MB"]),
    ],
)
def test_what_is_too_much_is_said(seconds: float, peak_mb: int, sentences: list[str]) -> None:
    assert plan_1000.too_much(seconds, peak_mb) == sentences
