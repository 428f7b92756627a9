# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Durations and sizes as flags write them (mesos 1.11.0: stout/duration.hpp, stout/bytes.hpp)."""

from __future__ import annotations

import re

_DURATIONS = (
    ("weeks", 604800 * 10**9),
    ("days", 86400 * 10**9),
    ("hrs", 3600 * 10**9),
    ("mins", 60 * 10**9),
    ("secs", 10**9),
    ("ms", 10**6),
    ("us", 10**3),
    ("ns", 1),
)
_SIZES = (("TB", 2**40), ("GB", 2**30), ("MB", 2**20), ("KB", 2**10), ("B", 1))


def parse_duration(text: str) -> float:
    """Seconds of "10ms", "1.5mins", ...; ValueError with the product's words otherwise."""
    match = re.fullmatch(r"([0-9.]+)([a-z]+)", text)
    factor = dict(_DURATIONS).get(match.group(2)) if match else None
    if match is None or factor is None:
        # A unit is required: the recorded flag case "bad duration".
        raise ValueError(f"Unknown duration unit '{match.group(2)}'" if match else f"Invalid duration '{text}'")
    return float(match.group(1)) * factor / 1e9


def format_duration(seconds: float) -> str:
    """The largest unit that divides it: 60 s is "1mins", 0 is "0ns"."""
    nanoseconds = round(seconds * 1e9)
    if nanoseconds == 0:
        return "0ns"
    for unit, factor in _DURATIONS:
        if nanoseconds % factor == 0:
            return f"{nanoseconds // factor}{unit}"
    return f"{nanoseconds}ns"


def parse_size(text: str) -> int:
    """Bytes of "2GB"; ValueError with the product's words otherwise."""
    match = re.fullmatch(r"([0-9]+)([A-Z]+)", text)
    factor = dict(_SIZES).get(match.group(2)) if match else None
    if match is None or factor is None:
        raise ValueError(f"Invalid bytes '{text}'")
    return int(match.group(1)) * factor


def format_size(size: int) -> str:
    """The largest unit that divides it."""
    for unit, factor in _SIZES:
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}B"
