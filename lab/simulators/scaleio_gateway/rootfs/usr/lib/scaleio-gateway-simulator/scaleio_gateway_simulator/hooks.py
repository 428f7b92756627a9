# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults that a test asks for by files below /run/scaleio-gateway-simulator/; the README lists them. Without files, none."""

from __future__ import annotations

import json
import os
import threading
from typing import Any


class Hooks:
    """Reads the files at each use."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    def refuses(self, what: str, *names: set[str]) -> bool:
        """Whether a line of the file `refuse-WHAT` matches, and one refusal less from now on where it has a number.

        A line has one word for each of `names`, any of the set or `*`, then maybe how often.
        """
        with self._lock:
            return self._refuses(what, names)

    def _refuses(self, what: str, names: tuple[set[str], ...]) -> bool:
        lines = [line.split() for line in self._lines(f"refuse-{what}")]
        for line in lines:
            words, times = line[: len(names)], line[len(names) :]
            if len(words) == len(names) and all(word == "*" or word in given for word, given in zip(words, names)):
                if times:
                    times[0] = str(int(times[0]) - 1)
                    self._rewrite(
                        f"refuse-{what}", [[*words, *times] if line[:] == other else other for other in lines]
                    )
                return True
        return False

    def chosen(self, what: str, domain: str, pool: str) -> bool:
        """Whether a pool is named by the file WHAT, as `DOMAIN/POOL`; an empty file names all."""
        lines = self._lines(what)
        return lines == [""] or f"{domain}/{pool}" in lines

    def cluster(self) -> dict[str, Any]:
        """What the System object shows in place of the truth."""
        lines = self._lines("cluster")
        shown: dict[str, Any] = json.loads("\n".join(lines)) if lines else {}
        return shown

    def rules_off(self) -> list[str]:
        """Names of the guarding rules that do not hold."""
        return self._lines("rules-off")

    def _lines(self, name: str) -> list[str]:
        """The lines of a hook, without comments; an empty file has one empty line, an absent one none."""
        try:
            with open(os.path.join(self._directory, name), encoding="utf-8") as file:
                lines = [line.strip() for line in file.read().splitlines()]
        except FileNotFoundError:
            return []
        return [line for line in lines if line and not line.startswith("#")] or [""]

    def _rewrite(self, name: str, lines: list[list[str]]) -> None:
        """Leaves out what has been refused often enough; the file goes with its last line."""
        left = [line for line in lines if not line or line[-1] != "0"]
        path = os.path.join(self._directory, name)
        if not left:
            os.unlink(path)
            return
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            file.writelines(f"{' '.join(line)}\n" for line in left)
        os.replace(f"{path}.new", path)
