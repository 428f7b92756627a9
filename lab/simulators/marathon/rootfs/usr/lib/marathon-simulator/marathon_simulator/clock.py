# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Timestamps as the product writes them: UTC with milliseconds, "2026-11-21T18:00:00.123Z"."""

from __future__ import annotations

import time
from datetime import datetime, timezone


def stamp(seconds: float) -> str:
    moment = datetime.fromtimestamp(int(seconds * 1000) / 1000, timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def seconds(text: str) -> float:
    """The time of a timestamp; ValueError when it is none."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


class Versions:
    """Timestamps that never repeat, since a version names a definition."""

    def __init__(self) -> None:
        self._last = 0.0

    def next(self) -> str:
        self._last = max(time.time(), self._last + 0.001)
        return stamp(self._last)
