# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may differ between a recorded run and a replay, each with its reason. Nothing else is altered before comparing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

# (reason, pattern, replacement), applied to expected and seen text alike.
TEXT = (
    ("IDs are random", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(-[SO]?\d+)?", "<id>"),
    ("a UUID as bytes, in octal or base64", r' uuid:"[^"]*" ', ' uuid:"<uuid>" '),
    ("the scheduler and the mirror run on free ports of a loopback address", r"http://[\d.]+:\d+", "http://<place>"),
    ("so does the agent", r"(MesosAgent: )[\d.]+:\d+", r"\1<place>"),
    ("and the connection that fails is to there", r"dial tcp [\d.]+:\d+", "dial tcp <place>"),
    ("where the sandbox is", r"(?<![\w/])(?:<sandbox>|/\S*/sandbox-\d+)/", "<sandbox>/"),
)

# Commands that the simulator replaces, as its README says.
COMMANDS = (
    ("apt has no archive on a lab host", r"apt-get -y install ", "dpkg -i "),
    ("files of the mirror stand for the archive", r"<sandbox>/([\w.-]+?)\.deb(?= |$)(?<!x86_64\.deb)", r"\1"),
    ("the host is gone", r"https://dl\.bintray\.com/", "http://<place>/"),
)

# Log lines on both sides.
DECODING = (
    "which of two threads writes first: each record is announced by one such line",
    r"warning (?:Unable to decode event\. Skip event|Error decoding event\. Skip event)\. Err: json: cannot unmarshal number",
)
GONE_HOST = ("the recorded host could not reach bintray, the mirror stands for it here", r"error HTTP Do: ")
REPEATED = ("how often, depends on how long the scheduler was away", r"error Error is HTTP Do: ")
STORE = ("the recording left these out of its list of errors", r"error Store\.Get\(")
EVENTS = (
    "written by the thread of events, beside the one that works",
    r"(?:info \[EVENT\]|info StatusCode: |info \[MESOS-STREAM-ID\])",
)

TOKENS = ("tokens are counted by the gateway", r'"T\d+"', '"<token>"')


def text(value: str) -> str:
    """One text in comparable form."""
    for _, pattern, replacement in TEXT:
        value = re.sub(pattern, replacement, value)
    return value


def command(value: str) -> str:
    """One command of the executor."""
    value = text(value.strip())
    for _, pattern, replacement in COMMANDS:
        value = re.sub(pattern, replacement, value)
    return value


def without(lines: Iterable[str], *rules: tuple[str, str]) -> list[str]:
    """Lines in comparable form, but for those that a rule's pattern matches at their start."""
    return [text(line) for line in lines if not any(re.match(pattern, line) for _, pattern in rules)]


def decodings(lines: Iterable[str]) -> int:
    """How many lines announce a record."""
    return sum(bool(re.match(DECODING[1], line)) for line in lines)


def named(value: str, names: Mapping[str, str]) -> str:
    """IDs of the gateway's objects, which it counts, as names."""
    return re.sub(r"000000[a-d][1-4][0-9a-f]{8}", lambda match: names.get(match.group(), match.group()), value)


def stored(keys: Mapping[str, str]) -> dict[str, frozenset[str] | str]:
    """Keys of the store. Lists are written in the order of a Go map, which is random."""
    return {
        key: frozenset(value.split(",")) if "/domains" in key and not key.endswith("/sdss") else value
        for key, value in keys.items()
    }


def is_event(line: str) -> bool:
    """Whether a line is one of the thread of events."""
    return bool(re.match(EVENTS[1], line))
