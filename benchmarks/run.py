# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints the benchmarks, keeps them in benchmarks/records/ when asked to (--record), and fails where a limit is exceeded.

Counts are exact: SSH channels per host, counted by wrapper executables, and module runs per host, counted from the
results. Seconds are of this machine and this moment; only ratios within one run mean something.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from tests.lab import harness

ROOT = harness.ROOT
INVENTORIES = (ROOT / "inventories" / "lab", ROOT / "inventories" / "hyperconverged_16")
OURS = "holdfast.stateful.scaleio_imperative"
ORDINARY = ROOT / "benchmarks" / "ordinary.yml"
# An action that runs several modules for one result: copy looks by stat, then writes by copy or corrects by file.
MODULES = {"copy": 2}
# Results of actions that run on the controller alone.
LOCAL = (
    "include_tasks",
    "include_role",
    "import_tasks",
    "set_fact",
    "fail",
    "assert",
    "debug",
    "validate_argument_spec",
    "scaleio_plan",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="also write benchmarks/records/<date>.md")
    chosen = parser.parse_args()
    today = datetime.date.today().isoformat()
    planned = planning()
    lines = [f"# Benchmarks of {today}", "", *versions(), "", *described(planned), "", *channels()]
    text = "\n".join(lines) + "\n"
    print(text)
    if chosen.record:
        records = ROOT / "benchmarks" / "records"
        records.mkdir(exist_ok=True)
        (records / f"{today}.md").write_text(text)
    if planned["too_much"]:
        sys.exit("; ".join(planned["too_much"]))


def versions() -> list[str]:
    shown = subprocess.run(["ansible", "--version"], check=True, capture_output=True, text=True).stdout
    return [f"{shown.splitlines()[0]}, Python {platform.python_version()}, {platform.system()} {platform.release()}"]


def planning() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "plan_1000.py")],
        env={**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]},
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def described(found: Mapping[str, Any]) -> list[str]:
    return [
        "## A plan of 1,000 agents",
        "",
        f"{found['agents']} observations of {found['bytes_each']} bytes, {found['steps']} steps in {found['phases']} phases:"
        f" {found['seconds']} s, {found['peak_mb']} MB at the peak.",
    ]


def channels() -> list[str]:
    rows = [
        "| playbook | run | SSH channels per host | module runs per host | changed hosts | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for name, book in (("holdfast.stateful.scaleio_imperative", OURS), ("ordinary tasks", ORDINARY)):
        harness.lab("plain")
        for run in ("first", "again"):
            began = time.monotonic()
            done = harness.playbook(book, inventories=INVENTORIES).expect(0)
            seconds = time.monotonic() - began
            hosts = len(done.recap)
            rows.append(
                f"| {name} | {run} | {sum(done.channels.values()) / hosts:.2f} | {module_runs(done) / hosts:.2f}"
                f" | {len(done.changed())} of {hosts} | {seconds:.1f} |"
            )
    harness.lab("reset")
    return ["## Sixteen agents, one at a time, the same files", "", *rows]


def module_runs(run: harness.Run) -> int:
    """How many modules ran on hosts: results of loops count each item, retries count each attempt."""
    total = 0
    for entry in run.results:
        action = entry["action"].rsplit(".", maxsplit=1)[-1]
        if entry["status"] == "skipped" or action in LOCAL:
            continue
        result = entry["result"]
        calls = len(result["results"]) if isinstance(result.get("results"), list) else int(result.get("attempts", 1))
        total += calls * MODULES.get(action, 1)
    return total


if __name__ == "__main__":
    main()
