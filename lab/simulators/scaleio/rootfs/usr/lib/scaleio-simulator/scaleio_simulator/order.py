# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which Go ranges over a map."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

# (purpose, names) -> the names in the order taken. Purposes: "gateway" (requests), "store" (what is written), "rexray".
Order = Callable[[str, Iterable[str]], list[str]]


def go_order(purpose: str, names: Iterable[str]) -> list[str]:
    """From a random place of the map once round (go src/runtime/map.go: mapiterinit)."""
    taken = list(names)
    start = os.urandom(1)[0] % len(taken) if taken else 0
    return taken[start:] + taken[:start]
