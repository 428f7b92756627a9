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
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab import harness
from tests.lab.test_framework import CONFIRMED, FAST, GLOBAL, IMPERATIVE, WHOLE

ROOT = harness.ROOT
ORDINARY = ROOT / "benchmarks" / "ordinary.yml"
# Who talks to the framework's services, beside the sixteen agents.
FRONT = "m1"
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


@dataclass(frozen=True)
class Way:
    """A playbook with what it is given."""

    name: str
    book: str | Path
    inventories: Sequence[Path] = tuple(path for path in WHOLE if path != harness.SERVICES_INVENTORY)
    variables: Mapping[str, Any] = field(default_factory=dict)


ATTRIBUTES = (Way(IMPERATIVE, IMPERATIVE), Way("ordinary tasks", ORDINARY))
TO_THE_END = (Way(IMPERATIVE, IMPERATIVE, WHOLE, FAST), Way(GLOBAL, GLOBAL, WHOLE, {**FAST, **CONFIRMED}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="also write benchmarks/records/<date>.md")
    chosen = parser.parse_args()
    today = datetime.date.today().isoformat()
    plans = {"attributes of bare agents": planning(), "one disk more each, with the framework": planning("--framework")}
    lines = [f"# Benchmarks of {today}", "", *versions(), "", *described(plans)]
    lines += ["", *attributes(), "", *to_the_end()]
    harness.lab("reset")
    text = "\n".join(lines) + "\n"
    print(text)
    if chosen.record:
        records = ROOT / "benchmarks" / "records"
        records.mkdir(exist_ok=True)
        (records / f"{today}.md").write_text(text)
    sentences = [sentence for found in plans.values() for sentence in found["too_much"]]
    if sentences:
        sys.exit("; ".join(sentences))


def versions() -> list[str]:
    shown = subprocess.run(["ansible", "--version"], check=True, capture_output=True, text=True).stdout
    return [f"{shown.splitlines()[0]}, Python {platform.python_version()}, {platform.system()} {platform.release()}"]


def planning(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / "plan_1000.py"), *arguments],
        env={**os.environ, "PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]},
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def described(plans: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [
        "## Plans of 1,000 agents",
        "",
        *table(
            ("plan", "bytes per observation", "steps", "phases", "seconds", "MB at the peak"),
            (
                (name, *(str(found[key]) for key in ("bytes_each", "steps", "phases", "seconds", "peak_mb")))
                for name, found in plans.items()
            ),
        ),
    ]


def attributes() -> list[str]:
    """By hand and by this collection, as far as ordinary tasks go."""
    rows = []
    for way, run, done, seconds in deployments(ATTRIBUTES):
        hosts = len(done.recap)
        figures = (f"{sum(counts.values()) / hosts:.2f}" for counts in (done.channels, module_runs(done)))
        rows.append((way.name, run, *figures, f"{len(done.changed())} of {hosts}", f"{seconds:.1f}"))
    head = ("playbook", "run", "SSH channels per host", "module runs per host", "changed hosts", "seconds")
    return ["## Sixteen agents, one at a time, the same files", "", *table(head, rows)]


def to_the_end() -> list[str]:
    """Both methods, from agents without attributes to a gateway that shows every device."""
    rows = []
    for way, run, done, seconds in deployments(TO_THE_END):
        agents = len(done.recap) - 1
        counts = []
        for found, front in ((done.channels, harness.address(FRONT)), (module_runs(done), FRONT)):
            counts += [f"{(sum(found.values()) - found[front]) / agents:.2f}", str(found[front])]
        rows.append((way.name, run, *counts, f"{len(done.changed())} of {agents + 1}", f"{seconds:.1f}"))
    kinds = ("SSH channels", "module runs")
    head = ("playbook", "run", *(f"{kind} {whose}" for kind in kinds for whose in ("per agent", f"of {FRONT}")))
    title = f"## Sixteen agents and {FRONT}, up to {FAST['scaleio_max_unavailable']} at a time, to the gateway"
    return [title, "", *table((*head, "changed hosts", "seconds"), rows)]


def deployments(ways: Sequence[Way]) -> Iterator[tuple[Way, str, harness.Run, float]]:
    """Each way on a fresh lab, and again where nothing is left to do."""
    for way in ways:
        harness.lab("plain")
        for run in ("first", "again"):
            print(f"{time.strftime('[%H:%M:%S]')} {way.name}: {run} run", file=sys.stderr, flush=True)
            began = time.monotonic()
            done = harness.playbook(way.book, inventories=way.inventories, variables=way.variables).expect(0)
            yield way, run, done, time.monotonic() - began


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    first, *others = (f"| {' | '.join(cells)} |" for cells in (head, *rows))
    return [first, "|" + "---|" * len(head), *others]


def module_runs(run: harness.Run) -> Counter[str]:
    """How many modules ran on each host: results of loops count each item, retries count each attempt."""
    total: Counter[str] = Counter()
    for entry in run.results:
        action = entry["action"].rsplit(".", maxsplit=1)[-1]
        if entry["status"] == "skipped" or action in LOCAL:
            continue
        result = entry["result"]
        calls = len(result["results"]) if isinstance(result.get("results"), list) else int(result.get("attempts", 1))
        total[entry["host"]] += calls * MODULES.get(action, 1)
    return total


if __name__ == "__main__":
    main()
