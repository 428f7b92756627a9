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
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.benchmarks import plan_1000, services_1000
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import plan_cluster
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select

Cluster = Callable[[int], list[dict[str, Any]]]


def large(agents: int) -> list[dict[str, Any]]:
    """With the framework at work."""
    return services_1000.with_framework(plan_1000.observations(agents))


@pytest.mark.parametrize(("arguments", "steps"), [([], 9000), (["--framework"], 8105)])
def test_a_plan_of_1000_agents_takes_less_than_200_mb(arguments: list[str], steps: int) -> None:
    done = subprocess.run(
        [sys.executable, str(Path(plan_1000.__file__)), *arguments],
        env={**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]},
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    found = json.loads(done.stdout)
    assert (found["agents"], found["steps"], found["refused"]) == (1000, steps, [])
    assert found["peak_mb"] < 200


def test_with_the_framework_every_part_of_the_plan_is_there() -> None:
    plan = plan_cluster("scaleio", large(20), select)
    assert not plan.refused
    kinds = [step.kind for phase in plan.phases for steps in phase.steps.values() for step in steps]
    assert {"await_quiet", "look_again", "await_nodes", "await_gateway"} <= set(kinds)
    assert kinds.count("write_file") == kinds.count("start_agent") == 20
    assert kinds.count("restart_app") == 1


def operations(cluster: list[dict[str, Any]]) -> int:
    """How many instructions of the interpreter planning a cluster takes."""
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


@pytest.mark.parametrize("cluster", [plan_1000.observations, large])
def test_ten_times_the_agents_are_ten_times_the_work(cluster: Cluster) -> None:
    few = operations(cluster(40))
    assert few > 100_000
    # A single comparison of every agent with every other makes it 11 times.
    assert operations(cluster(400)) < 10.5 * few


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
