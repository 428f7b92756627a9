# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever a command has started ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jobs
import processes
import pytest
from environments import ROOT
from jobs import Job

# A command like a playbook run: its worker leads a session of its own and does not care for SIGTERM; both write their pids.
FAMILY = """
import os, signal, sys, time
pid = os.fork()
if not pid:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(60)
"""


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def pids(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def runs(pid: int) -> bool:
    return processes.processes().get(pid, (0, "Z", 0))[1] != "Z"


@pytest.fixture
def family(tmp_path: Path) -> tuple[list[str], Path]:
    """A command, and the file with the pids of its processes."""
    return [sys.executable, "-c", FAMILY, str(tmp_path / "pids")], tmp_path / "pids"


def test_descendants() -> None:
    table = {1: (0, "S", 0), 2: (1, "S", 0), 3: (2, "S", 0), 4: (1, "S", 0), 5: (4, "S", 0)}
    assert processes.descendants(table, {2}) == {2, 3}
    assert processes.descendants(table, {2, 4, 9}) == {2, 3, 4, 5}


def test_the_table_knows_parents() -> None:
    with processes.started(["sleep", "60"], {}) as process:
        assert processes.processes()[process.pid][0] == os.getpid()


def test_what_left_the_session_and_ignores_the_signal_ends_too(
    family: tuple[list[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
    command, written = family
    with processes.started(command, {}) as process:
        until(lambda: len(pids(written)) == 2)
        processes.end(process)
    assert not any(map(runs, pids(written)))
    assert process.returncode == -signal.SIGTERM


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(jobs, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.2)
    return tmp_path / "logs"


@pytest.mark.usefixtures("logs")
def test_a_job_that_passes_its_deadline(family: tuple[list[str], Path]) -> None:
    command, written = family
    done = jobs.run(Job("late", command, {}, minutes=0.02))
    assert done.code is None and not done.good
    assert len(pids(written)) == 2
    assert not any(map(runs, pids(written)))


def test_a_job_keeps_what_it_printed(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = jobs.run(
        Job("three words here", ["sh", "-c", "echo one; echo two >&2; exit 3"], {}, progress="one", telling="two")
    )
    assert (done.code, done.output, done.job.log) == (3, "one\ntwo\n", logs / "three-words-here.log")
    assert done.job.log.read_text() == done.output
    shown = capsys.readouterr().out
    assert "  three words here: one\n" in shown
    assert f"failed (exit 3) after {done.seconds:.1f} s; whole log: {done.job.log}\ntwo\n" in shown


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_all_jobs_those_that_wait_included(tmp_path: Path, number: signal.Signals) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import os, sys\n"
        "from pathlib import Path\n"
        "import jobs, processes\n"
        f"jobs.LOGS = Path({str(tmp_path / 'logs')!r})\n"
        "processes.GRACE_SECONDS = 0.2\n"
        "os.cpu_count = lambda: 2\n"
        "processes.leave_on_signals()\n"
        f"command = [sys.executable, '-c', {FAMILY!r}, {str(tmp_path / 'pids')!r}]\n"
        "jobs.run_all([jobs.Job(str(index), command, {}) for index in range(4)])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tools")}
    # Whoever starts the tests may ignore it, which would be inherited.
    listening = ["env", f"--default-signal={number.name.removeprefix('SIG')}"]
    runner = subprocess.Popen([*listening, sys.executable, "-B", program], env=environment, stdout=subprocess.DEVNULL)
    until(lambda: len(pids(tmp_path / "pids")) == 4)
    runner.send_signal(number)
    assert runner.wait(timeout=20) == 128 + number
    assert len(pids(tmp_path / "pids")) == 4
    assert not any(map(runs, pids(tmp_path / "pids")))
