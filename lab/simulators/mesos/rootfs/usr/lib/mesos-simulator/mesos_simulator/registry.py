# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The masters' replicated registry of agents (mesos 1.11.0 src/master/registry.proto, src/master/registrar.cpp).

One snapshot holds everything: with the tens of agents of a lab it is sent whole whenever it changes.
Its form: {"version": [term, index], "agents": {id: info}, "unreachable": {id: info}, "gone": {id: info}}.
"""

from __future__ import annotations

import copy
import json
import os
from typing import Any, Callable


class Registry:
    """The local copy, kept in <work_dir>/registry.json together with the election's promises."""

    def __init__(self, work_dir: str | None) -> None:
        self._path = os.path.join(work_dir, "registry.json") if work_dir else None
        self.term = 0
        self.voted_for: str | None = None
        self.state: dict[str, Any] = {"version": [0, 0], "agents": {}, "unreachable": {}, "gone": {}}
        if self._path:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            self._load(self._path)

    def _load(self, path: str) -> None:
        try:
            with open(path, encoding="ascii") as file:
                kept = json.load(file)
        except FileNotFoundError:
            return
        self.term, self.voted_for, self.state = kept["term"], kept["voted_for"], kept["state"]

    @property
    def version(self) -> list[int]:
        """[term, index] of the newest change, to be compared as a whole."""
        return list(self.state["version"])

    def save(self) -> None:
        """Durable before anything is promised to another master."""
        if self._path:
            temporary = f"{self._path}.new"
            with open(temporary, "w", encoding="ascii") as file:
                json.dump({"term": self.term, "voted_for": self.voted_for, "state": self.state}, file)
            os.replace(temporary, self._path)

    def promise(self, term: int, candidate: str | None) -> None:
        """Remembers a term and the vote given in it."""
        self.term, self.voted_for = term, candidate
        self.save()

    def change(self, mutate: Callable[[dict[str, Any]], None]) -> None:
        """A new version of the snapshot."""
        state = copy.deepcopy(self.state)
        mutate(state)
        state["version"] = [self.term, state["version"][1] + 1]
        self.state = state
        self.save()

    def install(self, state: dict[str, Any]) -> None:
        """Takes the leader's snapshot."""
        self.state = state
        self.save()
