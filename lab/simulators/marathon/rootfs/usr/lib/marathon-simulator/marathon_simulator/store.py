# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State over restarts, and evidence for tests. The product keeps its state in ZooKeeper, which a lab has not."""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any


class Store:
    """One JSON file that is replaced whole when something has changed; only its owner may read it, as it holds the variables of applications."""

    def __init__(self, directory: str) -> None:
        os.makedirs(directory, mode=0o700, exist_ok=True)
        self._path = os.path.join(directory, "state.json")
        self._saved = ""

    def load(self) -> dict[str, Any]:
        try:
            with open(self._path, encoding="utf-8") as file:
                loaded: dict[str, Any] = json.load(file)
        except FileNotFoundError:
            return {}
        return loaded

    def save(self, state: dict[str, Any]) -> bool:
        """Whether there was anything new."""
        text = json.dumps(state)
        if text == self._saved:
            return False
        new = f"{self._path}.new"
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.rename(new, self._path)
        self._saved = text
        return True


class Evidence:
    """Lines of {"time", "event", ...} in <log directory>/simulator-events.jsonl. They hold no variables of applications."""

    def __init__(self, directory: str) -> None:
        os.makedirs(directory, exist_ok=True)
        self._path = os.path.join(directory, "simulator-events.jsonl")

    def record(self, event: str, **members: Any) -> None:
        line = json.dumps({"time": time.time(), "event": event, **members}) + "\n"
        # Opened for each line: a test may take the file away.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        os.write(descriptor, line.encode("ascii"))
        os.close(descriptor)


def log(text: str) -> None:
    """A line for the journal."""
    print(f"[{time.strftime('%Y-%m-%d %H:%M:%S')}] {text}", file=sys.stderr, flush=True)
