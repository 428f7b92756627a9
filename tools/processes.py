# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that never outlive who runs them: whatever they have started ends with them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from environments import ROOT

# Between asking processes to end and ending them: less than the ten seconds that a build server waits before it kills.
GRACE_SECONDS = 5.0

# pid -> (parent's pid, state, time of its start), of proc(5), /proc/PID/stat
Table = dict[int, tuple[int, str, int]]


@contextlib.contextmanager
def started(
    command: Sequence[str | Path], environment: dict[str, str], folder: Path = ROOT, **streams: Any
) -> Iterator[subprocess.Popen[str]]:
    """A running command; leaving the block before its end ends it, and all that it has started."""
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=folder,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        text=True,
        errors="replace",
        start_new_session=True,
        # Inherited is the lab's lock alone: all else that Python opens is closed by itself.
        close_fds=False,
        **streams,
    )
    try:
        yield process
    finally:
        end(process)


def end(*running: subprocess.Popen[Any]) -> None:
    """Ends those of the processes that run, and all their descendants, also those that have left their session, as Ansible's workers do.

    What has detached itself before, such as podman's monitor of a host, is nobody's descendant and stays.
    """
    family = _halt(process.pid for process in running if process.poll() is None)
    for number in (signal.SIGTERM, signal.SIGCONT):
        _send(number, family)
    deadline = time.monotonic() + GRACE_SECONDS
    while (left := _alive(family)) and time.monotonic() < deadline:
        time.sleep(0.05)
    _send(signal.SIGKILL, _halt(left))
    for process in running:
        process.wait()


def _halt(pids: Iterable[int]) -> dict[int, int]:
    """Stops processes with all their descendants, so that none can start another meanwhile; pid -> time of its start."""
    roots, family = set(pids), dict[int, int]()
    while True:
        table = processes()
        new = {pid: table[pid][2] for pid in descendants(table, roots) if pid not in family}
        if not new:
            return family
        _send(signal.SIGSTOP, new)
        family |= new


def _send(number: signal.Signals, pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def _alive(family: dict[int, int]) -> list[int]:
    """Those that still run; a number may be another process's by now."""
    table = processes()
    return [pid for pid, begun in family.items() if pid in table and table[pid][1] != "Z" and table[pid][2] == begun]


def descendants(table: Table, pids: set[int]) -> set[int]:
    """The given processes, as far as they are there, and all that descend from them."""
    found = pids & set(table)
    while more := {pid for pid, (parent, _, _) in table.items() if parent in found} - found:
        found |= more
    return found


def processes() -> Table:
    """All processes of this machine that can be seen."""
    found: Table = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            found[int(folder.name)] = (int(fields[1]), fields[0], int(fields[19]))
    return found


def leave_on_signals() -> None:
    """Makes signals that end a program raise SystemExit, so that its blocks are left in good order. One that is ignored stays so."""
    caught = [
        number
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]

    def leave(number: int, _: FrameType | None) -> None:
        # A second one would interrupt the ending of what runs.
        for other in caught:
            signal.signal(other, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in caught:
        signal.signal(number, leave)
