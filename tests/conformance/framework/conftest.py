# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The replays of the framework's records, each run once when a test first asks for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from framework import programs
from framework.replay_gateway import Replay
from framework.replay_programs import ExecutorRun, Rest

HERE = Path(__file__).resolve().parent


def load(group: str) -> list[dict[str, Any]]:
    """The cases of a group."""
    cases: list[dict[str, Any]] = json.loads((HERE / "cases" / f"{group}.json").read_text(encoding="ascii"))
    return cases


def attributes() -> list[dict[str, Any]]:
    return [case for case in load("rest") if case["kind"] == "attributes"]


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs and packages."""
    return programs.build(tmp_path_factory.mktemp("framework"))


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    return Replay(tmp_path_factory.mktemp("gateway"), attributes(), load("gateway"), load("store"))


@pytest.fixture(scope="session")
def rest(tmp_path_factory: pytest.TempPathFactory, mirror: Path) -> Rest:
    return Rest(tmp_path_factory.mktemp("rest"), mirror, attributes())


@pytest.fixture(scope="session")
def executor_run(tmp_path_factory: pytest.TempPathFactory, mirror: Path) -> ExecutorRun:
    return ExecutorRun(tmp_path_factory.mktemp("executor"), mirror)
