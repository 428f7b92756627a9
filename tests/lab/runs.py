# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Playbooks that go on beside a test, and can be killed with all that they have started."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.lab.harness import ROOT, Run, command, kill_family, prepared, read_run


class Running:
    """An ansible-playbook that is at work."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, output: Path) -> None:
        self.process = process
        self.folder = folder
        self.output = output

    def kill(self) -> None:
        """With all its descendants, workers and connections included."""
        kill_family(self.process.pid)

    def finish(self, timeout: float = 120) -> Run:
        """Wait for its end; what it did."""
        status = self.process.wait(timeout)
        return read_run(status, self.output.read_text(), self.folder)


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
