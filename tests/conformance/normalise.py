# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may differ between a recorded run and another one, each with its reason. Nothing else is altered before comparing."""

from __future__ import annotations

import re

# (reason, pattern, replacement), applied to expected and seen text alike.
TEXT = (
    ("IDs are random", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    ("the clock of the answer", r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "<date>"),
    ("the clock of the start", r'("(?:start|elected|registered|reregistered)_time":)[0-9]+(\.[0-9]*)?', r"\1<time>"),
    ("the clock of the registration", r'("(?:re)?registered_time":\{"nanoseconds":)[0-9]+', r"\1<time>"),
    ("load and memory of the machine", r'("(?:avg_load_\w+|mem_\w+_bytes)":)[0-9.]+', r"\1<load>"),
    ("process IDs", r"(RAW: Received signal \w+ from process )\d+", r"\1<process>"),
    ("checksum of content with a random ID; its length is compared", r" md5 [0-9a-f]{8}", " md5 <sum>"),
    ("line numbers of the wrapper's own text", r"(mesos-init-wrapper: line )\d+", r"\1<line>"),
    (
        "17 digits of a double: rapidjson's shortest form is not always the nearest, the value is the same",
        r"\b\d{17,}\.0\b",
        lambda match: f"{float(match.group()):.15e}",
    ),
)

# Log lines of parts that the simulators do not have; dropped on both sides.
UNSIMULATED_LOG = (
    (
        "containerizer, provisioner, secrets, disk profiles, status updates, allocator, sockets",
        r"[IWE] (resolver|containerizer|provisioner|disk_profile_adaptor|task_status_update_manager|hierarchical"
        r"|status_update_manager_process)\.[ch]pp:|I process\.cpp:935\]",
    ),
    ("resource versions of the allocator", r"I (slave\.cpp:1793|slave\.cpp:1884|master\.cpp:7678)\]"),
    ("an answer to a retry that may come or not", r"I master\.cpp:6421\]"),
    ("stack frames of a compiled program", r"    @ +0x"),
    (
        "pings to an agent that is down, by its containers' library",
        r"W process\.cpp:1917\] Failed to send 'mesos.internal.Ping",
    ),
)
DISCONNECTION_LOG = (
    "whether the end of the agent before still falls into the recorded part of the master's log",
    r"I master\.cpp:(1303|3462|3481)\]",
)
CUT_LOG = ("the flags line is cut in the transcripts", r"(slave\.cpp:282\] Flags at startup: ).*", r"\1(cut)")
# The value of a flag may hold newlines; the last flag by name ends the line.
FLAGS_LINE = r"slave\.cpp:282\] Flags at startup: .*?--zk_session_timeout=\"\w+\""

GLOG_PREFIX = r"^([IWEF])\d{4,8} \d\d:\d\d:\d\d\.\d+ +\d+ "

# e1 shows these in full; later cases of the transcript name them.
FOLDED_LOG = (
    (r"(Old agent info:\n|New agent info:\n).*?\n\n\n(?=-----)", r"\1(block, form as in e1)\n"),
    (
        r"If recovery failed due to a change.*Finally, restart the agent\.",
        "(closing text as in the first such case of this file)",
    ),
)


def text(value: str) -> str:
    """One text in comparable form."""
    for _, pattern, replacement in TEXT:
        value = re.sub(pattern, replacement, value)
    return value


def log(lines: list[str], pattern: str | None = None, folded: bool = False) -> list[str]:
    """Log lines without prefix and unsimulated parts; `pattern` is the transcript's own selection."""
    dropped = [expression for _, expression in UNSIMULATED_LOG]
    if not lines:
        return []
    kept = [re.sub(GLOG_PREFIX, r"\1 ", line) for line in lines]
    whole = re.sub(FLAGS_LINE, lambda found: found.group().replace("\n", " "), "\n".join(kept), flags=re.DOTALL)
    for expression, replacement in FOLDED_LOG if folded else ():
        whole = re.sub(expression, replacement, whole, flags=re.DOTALL)
    kept = whole.split("\n")
    kept = [line for line in kept if not any(re.match(expression, line) for expression in dropped)]
    if pattern:
        kept = [line for line in kept if re.search(pattern, line)]
    return [text(re.sub(CUT_LOG[1], CUT_LOG[2], line)) for line in kept]


def distinct(lines: list[str]) -> list[str]:
    """Each line once, where it comes first: how often something is retried depends on the machine's speed."""
    return list(dict.fromkeys(lines))
