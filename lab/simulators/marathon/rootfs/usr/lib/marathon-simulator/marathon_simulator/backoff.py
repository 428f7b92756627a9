# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Launch delays of applications that fail (marathon core/launchqueue/impl/RateLimiter.scala).

A delay belongs to a configuration: the application's ID and the time of its last change other than of scale.
"""

from __future__ import annotations

from typing import Any, NamedTuple

CLEANUP_SECONDS = 10.0  # RateLimiterActor.scala: how often old delays are looked for

Configuration = tuple[str, str]


class Delay(NamedTuple):
    """Counts from `since`; all in seconds."""

    since: float
    length: float
    maximum: float

    @property
    def deadline(self) -> float:
        return self.since + self.length


class Backoff:
    def __init__(self) -> None:
        self._delays: dict[Configuration, Delay] = {}

    def __bool__(self) -> bool:
        return bool(self._delays)

    def deadline(self, configuration: Configuration) -> float:
        """When the next instance may be launched; 0 when at once."""
        delay = self._delays.get(configuration)
        return delay.deadline if delay else 0.0

    def add(self, configuration: Configuration, definition: dict[str, Any], now: float) -> float:
        """After an instance has ended by itself: backoffSeconds first, then times backoffFactor. Returns the delay."""
        maximum = float(definition["maxLaunchDelaySeconds"])
        delay = self._delays.get(configuration)
        length = delay.length * definition["backoffFactor"] if delay else float(definition["backoffSeconds"])
        self._delays[configuration] = Delay(now, min(length, maximum), maximum)
        return min(length, maximum)

    def advance(self, configuration: Configuration, now: float) -> None:
        """When an instance has started: the delay stays and counts from now."""
        delay = self._delays.get(configuration)
        if delay:
            self._delays[configuration] = delay._replace(since=now)

    def reset(self, configuration: Configuration) -> None:
        self._delays.pop(configuration, None)

    def clean_up(self, now: float) -> None:
        """Forgets what nothing has happened to for maxLaunchDelaySeconds."""
        self._delays = {key: delay for key, delay in self._delays.items() if now <= delay.since + delay.maximum}
