# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options and the executor of the conformance suite."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import executor


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--executor",
        default=os.environ.get("HOLDFAST_CONFORMANCE_EXECUTOR", "simulator"),
        help="simulator, or command:FOLDER with mesos-agent, mesos-slave, mesos-master, mesos-init-wrapper, zookeeper",
    )


def load(group: str) -> list[dict[str, Any]]:
    """The cases of a group."""
    cases: list[dict[str, Any]] = json.loads((HERE / "cases" / f"{group}.json").read_text(encoding="ascii"))
    return cases


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    group = getattr(metafunc.function, "group", None)
    if group:
        cases = load(group)
        metafunc.parametrize("case", cases, ids=[case["id"] for case in cases])


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[executor.Executor]:
    """The executor, with the groups of all selected tests at work."""
    started = executor.Executor(request.config.getoption("--executor"), tmp_path_factory.mktemp("locale"))
    groups = {getattr(getattr(item, "function", None), "group", None) for item in request.session.items}
    for group in sorted(groups - {None}, key=str):
        started.start(str(group), load(str(group)))
    yield started
    started.close()
