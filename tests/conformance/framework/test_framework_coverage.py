# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every item that the parser of the framework's records finds is a case or an exclusion with a reason."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from framework import make_cases, recordings

HERE = Path(__file__).resolve().parent
VARIABLE = "HOLDFAST_FRAMEWORK_TRANSCRIPTS"


def read(name: str) -> Any:
    return json.loads((HERE / name).read_text(encoding="ascii"))


def cases() -> dict[str, list[dict[str, Any]]]:
    return {path.stem: read(f"cases/{path.name}") for path in sorted((HERE / "cases").glob("*.json"))}


def test_cases_and_exclusions_are_everything_that_was_found() -> None:
    found = [identifier for identifiers in read("found.json").values() for identifier in identifiers]
    taken = [case["id"] for items in cases().values() for case in items]
    left_out = [identifier for identifiers in read("exclusions.json").values() for identifier in identifiers]
    assert len(found) == len(set(found))
    assert sorted(taken + left_out) == sorted(found)


def test_every_exclusion_has_a_reason() -> None:
    assert all(len(reason) > 20 for reason in read("exclusions.json"))


def test_there_are_enough_cases() -> None:
    assert sum(map(len, cases().values())) >= 150


@pytest.mark.skipif(VARIABLE not in os.environ, reason=f"{VARIABLE} names no folder of transcripts to parse again")
def test_the_committed_cases_are_what_the_generator_makes() -> None:
    found = recordings.parse_all(Path(os.environ[VARIABLE]))
    made, exclusions = make_cases.classify(found)
    assert json.loads(json.dumps(made)) == cases()
    reasons = {
        identifier: reason for reason, identifiers in read("exclusions.json").items() for identifier in identifiers
    }
    assert exclusions == reasons
