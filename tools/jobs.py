# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs commands with a deadline, keeps what they print, shows progress meanwhile, and all of it where one fails."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from environments import CACHE, ROOT, say
from processes import end, started

LOGS = CACHE / f"logs-{hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:12]}"


@dataclass(frozen=True)
class Job:
    """A command.

    progress: lines that match are shown as they come.
    telling: lines that match are shown when the job fails; the log has all of them.
    minutes: its deadline.
    """

    name: str
    command: Sequence[str | Path]
    environment: dict[str, str]
    folder: Path = ROOT
    progress: str = "(?!)"
    telling: str = ""
    minutes: float = 10

    @property
    def log(self) -> Path:
        return LOGS / (re.sub(r"[^\w.-]+", "-", self.name) + ".log")


@dataclass(frozen=True)
class Done:
    """How a job ended: exit code (None: its deadline passed), everything it printed, seconds."""

    job: Job
    code: int | None
    output: str = field(repr=False)
    seconds: float

    @property
    def good(self) -> bool:
        return self.code == 0


# What run() is at, in whichever thread.
_running: set[subprocess.Popen[str]] = set()


def run(job: Job) -> Done:
    """Runs one job to its end. All that it has started ends with it when the deadline passes or this program is interrupted."""
    say(f"{job.name} ...")
    start = time.monotonic()
    job.log.parent.mkdir(parents=True, exist_ok=True)
    shown = re.compile(job.progress)
    late = threading.Event()
    lines = []
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with started(job.command, {"NO_COLOR": "1", **job.environment}, job.folder, **pipes) as process:

        def expire() -> None:
            late.set()
            end(process)

        timer = threading.Timer(job.minutes * 60, expire)
        timer.start()
        _running.add(process)
        try:
            assert process.stdout is not None
            with job.log.open("w") as log:
                for line in process.stdout:
                    lines.append(line)
                    log.write(line)
                    if shown.search(line):
                        say(f"  {job.name}: {line.strip()}")
            process.wait()
        finally:
            timer.cancel()
            _running.discard(process)
    seconds = time.monotonic() - start
    done = Done(job, None if late.is_set() else process.returncode, "".join(lines), seconds)
    if done.good:
        say(f"{job.name}: passed in {seconds:.1f} s")
    else:
        how = f"ran into its deadline of {job.minutes:g} minutes" if done.code is None else f"failed (exit {done.code})"
        telling = "\n".join(line for line in done.output.splitlines() if re.search(job.telling, line))
        say(f"{job.name} {how} after {seconds:.1f} s; whole log: {job.log}\n{telling}")
    return done


@contextlib.contextmanager
def beside(jobs: Sequence[Job]) -> Iterator[Callable[[], list[Done]]]:
    """Runs jobs while the block is at work; the block's function waits for them. Leaving it by an error ends them."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(run_all, jobs)
        try:
            yield future.result
        except BaseException:
            _end_all([future])
            raise


def run_all(jobs: Sequence[Job], each: int = 1) -> list[Done]:
    """Runs jobs that do not depend on each other, in their order, at a time `each` for every processor, at most four."""
    with ThreadPoolExecutor(min(4, each * (os.cpu_count() or 1))) as pool:
        futures = [pool.submit(run, job) for job in jobs]
        try:
            return [future.result() for future in futures]
        except BaseException:
            # Leaving the block waits for the threads, and those for their commands.
            pool.shutdown(wait=False, cancel_futures=True)
            _end_all(futures)
            raise


def _end_all(futures: Sequence[Future[Any]]) -> None:
    """Ends what runs until the threads that wait for it are done."""
    while not all(future.done() for future in futures):
        end(*list(_running))
        time.sleep(0.05)
