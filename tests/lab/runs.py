# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks that go on beside a test, and can be killed with all that they have started."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lab.harness import ROOT, Run, command, prepared, read_run


class Running:
    """An ansible-playbook that is at work."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, output: Path) -> None:
        self.process = process
        self.folder = folder
        self.output = output

    def family(self) -> list[int]:
        """It and all its descendants, workers and connections included."""
        parents: dict[int, int] = {}
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                try:
                    parents[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                except (OSError, IndexError):
                    continue
        found = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return sorted(found)

    def kill(self) -> None:
        for pid in self.family():
            with gone():
                os.kill(pid, signal.SIGKILL)

    def finish(self, timeout: float = 120) -> Run:
        """Wait for its end; what it did."""
        status = self.process.wait(timeout)
        return read_run(status, self.output.read_text(), self.folder)


@contextmanager
def gone() -> Iterator[None]:
    try:
        yield
    except ProcessLookupError:
        pass


@contextmanager
def started(book: str, inventories: Sequence[Path], variables: Mapping[str, Any]) -> Iterator[Running]:
    """Start a playbook and let go of it; it does not outlive this context."""
    with prepared() as (environment, folder):
        output = folder / "output"
        with output.open("w") as file:
            process = subprocess.Popen(
                command(book, inventories, (), variables),
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        running = Running(process, folder, output)
        try:
            yield running
        finally:
            if process.poll() is None:
                running.kill()
            process.wait()
