# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#!/usr/bin/env python3
"""Writes tests/conformance/framework/cases/ from a folder of transcripts: python3 make_cases.py FOLDER.

Every item that the parser finds becomes a case or an exclusion with its reason. Expected texts are copied, never edited.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from framework import recordings

Item = dict[str, Any]

# Reasons of exclusions.
MASTER = "an answer of the Mesos master; what a master does is the other family's matter"
NARRATED = "a remark of the recording about what was done or seen, not an answer of the program"
HELD = "executors that were held in their first command show no more than that; the whole run of node4 is a case"
CUT = "cut in the transcript; the same request stands whole below"

_GROUPS = {10: "rest", 11: "rest", 20: "rest", 30: "gateway", 40: "rest", 41: "rest", 43: "rest", 50: "store"}
_GROUPS.update({60: "devices", 61: "executor"})


def classify(found: dict[str, list[Item]]) -> tuple[dict[str, list[Item]], dict[str, str]]:
    """(cases by group, reason by excluded ID)."""
    cases: dict[str, list[Item]] = {}
    exclusions: dict[str, str] = {}
    for name, items in found.items():
        for item in items:
            reason = _reason(item)
            if reason:
                exclusions[item["id"]] = reason
            else:
                cases.setdefault(_GROUPS[int(name[:2])], []).append(item)
    return cases, exclusions


def _reason(item: Item) -> str:
    if item["kind"] in ("master", "frameworks"):
        return MASTER
    if item["kind"] in ("narration", "count"):
        return NARRATED
    if item["kind"] == "held":
        return HELD
    if item["kind"] == "request" and item["answer"] is None:
        return CUT
    return ""


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="ascii")


def write(found: dict[str, list[Item]], cases: dict[str, list[Item]], exclusions: dict[str, str]) -> None:
    """cases/<group>.json, exclusions.json (reason -> IDs) and found.json (transcript -> IDs)."""
    (HERE / "cases").mkdir(exist_ok=True)
    for group, items in cases.items():
        _dump(HERE / "cases" / f"{group}.json", items)
    reasons: dict[str, list[str]] = {}
    for identifier, reason in exclusions.items():
        reasons.setdefault(reason, []).append(identifier)
    _dump(HERE / "exclusions.json", reasons)
    _dump(HERE / "found.json", {name: [item["id"] for item in items] for name, items in found.items()})


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the transcripts lie")
    folder = parser.parse_args(argv).folder
    found = recordings.parse_all(folder)
    if not found:
        sys.stderr.write(f"{folder} holds no transcript (NN-name.txt); name the folder that does.\n")
        return 1
    cases, exclusions = classify(found)
    write(found, cases, exclusions)
    for group, items in cases.items():
        print(f"{group}: {len(items)} cases")
    print(f"left out: {len(exclusions)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
