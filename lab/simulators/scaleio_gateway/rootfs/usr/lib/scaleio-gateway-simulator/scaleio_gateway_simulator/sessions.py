# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of clients that have logged in.

A token holds for eight hours, or until ten minutes without a request have passed, or until its client logs out (ScaleIO 2.0 User
Guide, REST: authentication). They do not outlive the gateway's process.
"""

from __future__ import annotations

import base64
import os
import threading
import time


class Sessions:
    """Tokens and when each began and was last used, by a clock that nobody sets."""

    def __init__(self, age: float, idle: float) -> None:
        self._age, self._idle = age, idle
        self._tokens: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def begin(self, user: str) -> str:
        """A new token."""
        now = time.monotonic()
        token = base64.b64encode(f"{user}:{time.time_ns() // 10**6}:{os.urandom(16).hex()}".encode()).decode()
        with self._lock:
            self._tokens = {known: times for known, times in self._tokens.items() if self._holds(times, now)}
            self._tokens[token] = (now, now)
        return token

    def use(self, token: str) -> bool:
        """Whether a token holds; it is then used from now on."""
        now = time.monotonic()
        with self._lock:
            times = self._tokens.pop(token, None)
            if times is None or not self._holds(times, now):
                return False
            self._tokens[token] = (times[0], now)
            return True

    def end(self, token: str) -> None:
        with self._lock:
            self._tokens.pop(token, None)

    def _holds(self, times: tuple[float, float], now: float) -> bool:
        begun, used = times
        return now - begun < self._age and now - used < self._idle
