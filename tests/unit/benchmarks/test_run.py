# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is run on the lab, and how the tables count it."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks import run
from tests.lab import harness
from tests.lab.harness import Run
from tests.lab.test_framework import GLOBAL, IMPERATIVE


def result(host: str, action: str, status: str = "ok", **more: Any) -> dict[str, Any]:
    return {"status": status, "host": host, "task": "", "action": action, "result": more}


def test_modules_are_counted_as_they_run_on_hosts() -> None:
    results = [
        result("a", "ansible.builtin.include_tasks"),
        result("a", "holdfast.stateful.scaleio_plan"),
        result("a", "holdfast.stateful.scaleio_node_info"),
        result("a", "holdfast.stateful.scaleio_node", "skipped"),
        result("a", "holdfast.stateful.scaleio_node", "failed"),
        result("b", "ansible.builtin.copy", results=[{}, {}, {}]),
        result("b", "ansible.builtin.uri", attempts=4),
    ]
    assert run.module_runs(Run(0, "", results)) == {"a": 2, "b": 10}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The lab's calls and the playbooks, in order. Two agents and m1 take part; the first run changes one of them."""
    found: list[Any] = []

    def playbook(book: str | Path, *, inventories: Any, variables: Any) -> Run:
        found.append((str(book).rpartition("/")[2], [path.name for path in inventories], dict(variables)))
        first = found[-2] == "plain"
        recap = {host: {"changed": int(first and host == "a")} for host in ("a", "b", "m1")}
        channels = Counter({"10.0.0.1": 2 if first else 1, "10.0.0.2": 1, "10.0.0.9": 5 if first else 1})
        modules = [result(host, "scaleio_node_info") for host in recap]
        return Run(0, "", [*modules, *([result("m1", "scaleio_node")] if first else [])], recap, channels)

    monkeypatch.setattr(harness, "lab", found.append)
    monkeypatch.setattr(harness, "playbook", playbook)
    monkeypatch.setattr(harness, "address", {"m1": "10.0.0.9"}.__getitem__)
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    return found


def test_the_attributes_beside_ordinary_tasks(asked: list[Any]) -> None:
    assert run.attributes()[2:] == [
        "| playbook | run | SSH channels per host | module runs per host | changed hosts | seconds |",
        "|---|---|---|---|---|---|",
        "| holdfast.stateful.scaleio_imperative | first | 2.67 | 1.33 | 1 of 3 | 0.0 |",
        "| holdfast.stateful.scaleio_imperative | again | 1.00 | 1.00 | 0 of 3 | 0.0 |",
        "| ordinary tasks | first | 2.67 | 1.33 | 1 of 3 | 0.0 |",
        "| ordinary tasks | again | 1.00 | 1.00 | 0 of 3 | 0.0 |",
    ]
    # Without a host that talks to the services it ends at the masters, as the ordinary tasks do.
    books = [entry if isinstance(entry, str) else entry[0] for entry in asked]
    assert books == ["plain", *[IMPERATIVE] * 2, "plain", *["ordinary.yml"] * 2]
    assert all(entry[1:] == (["lab", "hyperconverged_16"], {}) for entry in asked if not isinstance(entry, str))


def test_both_methods_to_the_end(asked: list[Any]) -> None:
    head, _line, *rows = run.to_the_end()[2:]
    assert head == (
        "| playbook | run | SSH channels per agent | SSH channels of m1 | module runs per agent | module runs of m1"
        " | changed hosts | seconds |"
    )
    assert rows == [
        "| holdfast.stateful.scaleio_imperative | first | 1.50 | 5 | 1.00 | 2 | 1 of 3 | 0.0 |",
        "| holdfast.stateful.scaleio_imperative | again | 1.00 | 1 | 1.00 | 1 | 0 of 3 | 0.0 |",
        "| holdfast.stateful.scaleio_global_pool | first | 1.50 | 5 | 1.00 | 2 | 1 of 3 | 0.0 |",
        "| holdfast.stateful.scaleio_global_pool | again | 1.00 | 1 | 1.00 | 1 | 0 of 3 | 0.0 |",
    ]
    (book, inventories, fast), (pool, _, confirmed) = asked[1], asked[4]
    assert (book, pool) == (IMPERATIVE, GLOBAL)
    assert inventories == ["lab", "lab_framework", "hyperconverged_16"]
    assert fast == {"scaleio_max_unavailable": 8}
    assert confirmed["scaleio_global_pool_devices"] == ["/dev/xvdf"] and confirmed["scaleio_method"] == "global_pool"


def test_every_plan_has_a_row() -> None:
    plan = {"bytes_each": 8000, "steps": 9, "phases": 2, "seconds": 0.4, "peak_mb": 70}
    assert run.described({"bare": plan})[2:] == [
        "| plan | bytes per observation | steps | phases | seconds | MB at the peak |",
        "|---|---|---|---|---|---|",
        "| bare | 8000 | 9 | 2 | 0.4 | 70 |",
    ]
