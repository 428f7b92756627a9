# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the steps count, and what a failure leaves to the steps behind it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import steps
from environments import ROOT, Environment, SetupError
from jobs import Done, Job
from steps import Check, Tally

MAIN = Environment("main", (3, 11), Path(sys.executable))
NEWEST = Environment("newest", (3, 13), Path(sys.executable))

REPORT = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"/></testsuites>'


@pytest.mark.parametrize(
    ("counts", "code", "wanted"),
    [
        ((10, 0, 0, 1), 0, (9, 0, 1)),
        ((10, 2, 1, 0), 1, (7, 3, 0)),
        # No test failed, and yet pytest did: a warning turned into an error at its end, say.
        ((10, 0, 0, 0), 1, (10, 1, 0)),
        (None, 4, (0, 1, 0)),
    ],
)
def test_what_pytest_reports(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    counts: tuple[int, ...] | None,
    code: int,
    wanted: tuple[int, int, int],
) -> None:
    monkeypatch.setattr("jobs.LOGS", tmp_path)
    done = Done(Job("units", [], {}), code, "", 1.5)
    if counts:
        done.job.log.with_suffix(".xml").write_text(REPORT.format(*counts))
    assert steps.pytest_tally(done) == Tally("units", *wanted, 1.5)


def test_what_ansible_test_prints() -> None:
    output = (
        'Running sanity test "compile"\nRunning sanity test "import"\nWARNING: Skipping sanity test "x"\n'
        "FATAL: The 1 sanity test(s) listed below (out of 2) failed.\n"
    )
    assert steps.sanity_tally(Done(Job("s", [], {}), 1, output, 2.0)) == Tally("s", 1, 1, 1, 2.0)
    assert steps.sanity_tally(Done(Job("s", [], {}), 1, "no venv", 2.0)) == Tally("s", 0, 1, 0, 2.0)


def test_a_failing_step_counts_one_and_the_next_one_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> Iterator[Tally]:
        yield Tally("first part", 2, 0, 0, 1.0)
        raise SetupError("no room: make some")

    def surprised() -> list[Check]:
        raise OSError("no such program")

    def quick() -> list[Check]:
        def count(done: Done) -> Tally:
            return Tally(done.job.name, 1, 0, 0, done.seconds)

        waiting = Check(Job("daemons", [], {}), count, waits=True)
        return [waiting, Check(Job("quick", [], {}), count), steps.patiently(Job("slow", ["x"], {}), count)]

    def good() -> Iterator[Tally]:
        yield Tally("good", 1, 0, 0, 1.0)

    monkeypatch.setattr(steps, "CHECKS", {"surprised": surprised, "quick": quick})
    monkeypatch.setattr(steps, "ON_LAB", {"refused": refused, "good": good})
    ran: list[tuple[int, list[str]]] = []

    def run_all(jobs: Sequence[Job], each: int = 1) -> list[Done]:
        ran.append((each, [job.name for job in jobs]))
        return [Done(job, 0, "", 1.0) for job in jobs]

    monkeypatch.setattr(steps, "run_all", run_all)
    monkeypatch.setattr("jobs.run_all", run_all)
    monkeypatch.setattr(steps, "leave_on_signals", lambda: None)
    assert steps.main(["refused", "surprised", "quick", "good"]) == 1
    assert ran == [(1, ["quick"]), (2, ["daemons"]), (1, ["slow"])]
    shown = capsys.readouterr().out
    assert shown.endswith("\n\n6 passed, 2 failed\n")
    assert "refused: no room: make some\n" in shown
    assert "OSError: no such program\n" in shown


def test_what_need_not_run_on_each_core_runs_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(steps, "LOGS", tmp_path)
    monkeypatch.setattr(steps, "environments", lambda: [MAIN, NEWEST])
    monkeypatch.setattr(steps, "main_environment", lambda: MAIN)
    asked = [_asked(check) for check in steps.units()]
    assert asked == [["roles"], ["plugins"], ["plugins"], ["benchmarks", "lab", "tools"]]
    # Hypothesis leaves a hidden one.
    folders = {path.name for path in (ROOT / "tests/unit").iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert {folder for folders in asked for folder in folders} | {"simulators"} == folders


def test_the_inner_loop_needs_one_core(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(steps, "LOGS", tmp_path)
    monkeypatch.setattr(steps, "environments", lambda: [MAIN, NEWEST])
    monkeypatch.setattr(steps, "main_environment", lambda: MAIN)
    every, quick = ([check.job.name for check in found()] for found in (steps.units, steps.quick))
    assert every[-len(quick) :] == quick
    assert [_asked(check) for check in steps.quick()] == [["plugins"], ["benchmarks", "lab", "tools"]]


def test_every_simulator_is_tested_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(steps, "LOGS", tmp_path)
    monkeypatch.setattr(steps, "main_environment", lambda: MAIN)
    mesos, *others, recorded = steps.conformance()
    assert _asked(mesos) == ["simulators"] and "tests/conformance" in recorded.job.command
    asked = [folder for check in others for folder in _asked(check)]
    left = [str(word).removeprefix("--ignore=tests/unit/") for word in mesos.job.command if "--ignore" in str(word)]
    folders = {path.parent.name for path in (ROOT / "tests/unit/simulators").glob("*/test_*.py")}
    assert asked == left == sorted(f"simulators/{folder}" for folder in folders)


def _asked(check: Check) -> list[str]:
    """The folders of unit tests that a job runs."""
    return [str(word).removeprefix("tests/unit/") for word in check.job.command if str(word).startswith("tests/unit")]


@pytest.mark.parametrize(
    ("failing", "wanted"),
    [
        (set(), "reset create test:a test:b test:c destroy"),
        ({"test:a"}, "reset create test:a reset create test:b test:c destroy"),
        # What is broken behind the last scenario is destroyed anyway.
        ({"test:c"}, "reset create test:a test:b test:c destroy"),
        ({"create"}, "reset create destroy"),
    ],
)
def test_a_failed_scenario_leaves_a_whole_lab_to_the_next(
    monkeypatch: pytest.MonkeyPatch, failing: set[str], wanted: str
) -> None:
    ran: list[str] = []

    def run(job: Job) -> Done:
        words = [str(word) for word in job.command]
        ran.append(words[1] if words[1] != "test" else f"test:{words[3]}")
        return Done(job, int(ran[-1] in failing), "", 1.0)

    root = Path(steps.__file__).parents[1]
    monkeypatch.setattr(steps, "ROOT", root)
    monkeypatch.setattr(
        Path, "glob", lambda self, pattern: [root / name / "molecule.yml" for name in ("default", "a", "b", "c")]
    )
    monkeypatch.setattr(steps, "environments", lambda: [MAIN])
    monkeypatch.setattr(steps, "main_environment", lambda: MAIN)
    monkeypatch.setattr(steps, "the_lab", contextlib.nullcontext)
    monkeypatch.setattr(steps, "run", run)
    monkeypatch.setattr(Environment, "variables", lambda self: {})
    monkeypatch.delenv("SCENARIOS", raising=False)
    tallies = list(steps.scenarios())
    assert " ".join(ran) == wanted
    assert sum(one.failed for one in tallies) == len(failing)
