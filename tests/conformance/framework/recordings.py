# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parser of the recorded runs of scaleio-scheduler and scaleio-executor 0.3.1: text files to items.

An item is a dict with "id" ("<transcript>:<line> <title>"), "kind" and what the kind holds. Nothing is judged here and nothing is
left out; make_cases.py decides what becomes a case.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Item = dict[str, Any]
Numbered = list[tuple[int, str]]


def parse_all(folder: Path) -> dict[str, list[Item]]:
    """Items of every transcript in a folder, by file name."""
    found = {}
    for path in sorted(folder.glob("[0-9][0-9]-*.txt")):
        parser = _PARSERS.get(int(path.name[:2]))
        if parser is not None:
            lines = list(enumerate(path.read_text(encoding="utf-8").split("\n"), 1))
            found[path.name] = [
                {"id": f"{path.name}:{number} {title[:80]}", "kind": kind, **content}
                for number, title, kind, content in parser(lines)
            ]
    return found


Made = Iterator[tuple[int, str, str, Item]]


def _blocks(lines: Numbered, mark: str) -> Iterator[tuple[int, str, Numbered]]:
    """(number, title, lines below) of parts that begin with a mark; what is above the first has the title ""."""
    number, title = 0, ""
    below: Numbered = []
    for place, line in lines:
        if line.startswith(mark):
            yield number, title, below
            number, title, below = place, line[len(mark) :], []
        else:
            below.append((place, line))
    yield number, title, below


def _text(lines: Numbered) -> str:
    return "\n".join(line for _, line in lines)


# --- 10: attributes ---


def _attributes(lines: Numbered) -> Made:
    for number, title, below in list(_blocks(lines, "### "))[1:]:
        if not title.startswith("case "):
            yield number, title, "log", {"lines": _log_lines([line.strip() for _, line in below if line.strip()])}
            continue
        text = _text(below)
        document = text.partition("full node object: ")[2]
        yield (
            number,
            title,
            "attributes",
            {
                "attributes": re.search(r"^--attributes='(.*)'$", text, re.MULTILINE)[1],  # type: ignore[index]  # in every case
                "summary": below[2][1],
                "node": json.loads(document) if document else None,
            },
        )


# --- 11: the scheduler's first answers ---


def _answers(lines: Numbered) -> Made:
    starts = (
        ("version", "$ curl -i /version"),
        ("state", "GET /api/state without nodes:"),
        ("headers", "headers of GET /api/state: "),
        ("ui", "GET /ui: "),
        ("frameworks", "master /frameworks:"),
        ("task", "one task: "),
        ("count", "19 tasks"),
        ("executor", "one executor: "),
        ("framework_info", "POST GET_FRAMEWORKS framework_info:"),
        ("log", "first log lines of the scheduler:"),
    )
    found = [
        (place, kind, start)
        for place, (_, line) in enumerate(lines)
        for kind, start in starts
        if line.startswith(start)
    ]
    for (place, kind, start), following in zip(found, [*found[1:], (len(lines), "", "")]):
        number, first = lines[place]
        text = (first[len(start) :] + "\n" + _text(lines[place + 1 : following[0]])).strip("\n")
        content: Item = {"text": text}
        if kind == "log":
            content = {"lines": _log_lines(text.split("\n"))}
        elif kind not in ("headers", "ui", "count", "version"):
            content = {"document": json.loads(text)}
        yield number, start.strip(" :"), kind, content


def _log_lines(lines: list[str]) -> list[str]:
    """ "level message" of each line that is in the form of logrus; others as they are."""
    return [
        re.sub(r'^(?:sched\d )?time="[^"]*" level=(\w+) msg="(.*?)"? *$', r"\1 \2", line.rstrip())
        for line in lines
        if line
    ]


# --- 20: an agent comes back with another ID ---


def _returned(lines: Numbered) -> Made:
    call = next(place for place, (_, line) in enumerate(lines) if line == " {")
    yield lines[0][0], "node before", "summary", {"summary": lines[0][1]}
    yield lines[1][0], "agents at the master", "master", {"text": lines[1][1]}
    yield lines[2][0], "tasks at the master", "master", {"text": _text(lines[2:4])}
    yield lines[4][0], "log", "log", {"lines": _log_lines([line for _, line in lines[4:call]])}
    yield lines[call][0], "call (cut)", "call", {"lines": [line for _, line in lines[call:] if line]}


# --- 30: the gateway's requests ---

_REQUEST = re.compile(r"^\d\d:\d\d:\d\d (GET|POST) (\S+) ?(\{.*?\})? ?-> (\d+) (.*)$")
_HEAD = re.compile(r"^\d\d:\d\d:\d\d (GET|POST) (\S+) HTTP/1\.1$")


def _gateway(lines: Numbered) -> Made:
    for number, title, below in _blocks(lines, "### "):
        section = title or "first requests"
        shown = [(place, line) for place, line in below if line]
        errors = [(place, line) for place, line in shown if line.startswith("  sched")]
        if errors:
            for run in ("sched1", "sched2"):
                own = [line.strip() for _, line in errors if line.startswith(f"  {run}")]
                times = [line[len("schedN time=") + 12 : len("schedN time=") + 20] for line in own]
                content = {"run": run, "times": times, "lines": _log_lines(own)}
                yield errors[0][0], f"errors of {run}", "errors", content
        if not title or title.startswith("first POST"):
            yield from _heads(shown, section)
        else:
            yield from _segments([(place, line) for place, line in shown if _REQUEST.match(line)], section)
        del number


def _heads(lines: Numbered, section: str) -> Made:
    """Requests with their headers; the last one of the first section is cut."""
    starts = [place for place, (_, line) in enumerate(lines) if _HEAD.match(line)]
    for start, end in zip(starts, [*starts[1:], len(lines)]):
        number, line = lines[start]
        method, path = _HEAD.match(line).groups()  # type: ignore[union-attr]  # it is a start
        rest = [text.strip() for _, text in lines[start + 1 : end]]
        headers = [list(text.partition(": ")[::2]) for text in rest if re.match(r"[A-Z][\w-]*: ", text)]
        answer = next((text for text in rest if text.startswith("-> ")), None)
        body = next((text for text in rest if text.startswith("{")), "")
        content = {"method": method, "path": path, "headers": headers, "body": body, "answer": answer}
        yield number, f"{method} {path} ({section})", "request", content


def _segments(lines: Numbered, section: str) -> Made:
    """Logins, and for each node what is asked from the look at the systems on; a login inside belongs to the node."""
    turn, start = 0, 0
    segment: list[list[Any]] = []
    for number, line in [*lines, (0, "")]:
        match = _REQUEST.match(line)
        request = [match[1], match[2], match[3] or "", int(match[4]), match[5]] if match else []
        login = bool(request) and request[1] == "/api/login"
        again = login and segment and segment[-1][3] == 401 and segment[-1][1] != "/api/login"
        begins = not request or (login and not again) or request[1] == "/api/types/System/instances"
        if begins and segment:
            kind = "login" if segment[0][1] == "/api/login" else "segment"
            turn += kind == "login"
            yield start, f"turn {turn} of: {section}", kind, {"section": section, "turn": turn, "requests": segment}
            segment = []
        if request:
            start = start if segment else number
            segment.append(request)


# --- 40, 41: the scheduler is killed and starts again ---


def _restarted(lines: Numbered) -> Made:
    start = next(place for place, (_, line) in enumerate(lines) if line.startswith("scheduler started again"))
    yield lines[0][0], "scheduler killed", "master", {"text": _text(lines[:start])}
    for number, line in lines[start + 1 :]:
        if line.startswith("  node"):
            yield number, line.split()[0], "summary", {"summary": line.strip()}
        elif line.startswith("  framework"):
            yield number, line.strip(), "framework", {"text": line.strip()}
        elif line.startswith("POST node4"):
            state, status, body = re.match(r"POST node4 state (\d+) -> (\d+) (.*)$", line).groups()  # type: ignore[union-attr]  # one form
            yield number, "POST node4", "post", {"state": int(state), "status": int(status), "body": body}


def _after_first_turn(lines: Numbered) -> Made:
    for number, line in lines:
        if line.startswith("node"):
            yield number, line.split()[0], "summary", {"summary": line}
        elif line:
            yield number, line, "narration", {"text": line}


# --- 43: the master restarts; teardown ---


def _broken(lines: Numbered) -> Made:
    part = next(place for place, (_, line) in enumerate(lines) if line.startswith("### "))
    logged = [place for place in range(part) if lines[place][1].startswith("time=")]
    for number, line in lines[: logged[0]]:
        yield number, line[:60], "narration" if "executor" in line or "agents" in line else "spinning", {"text": line}
    spinning = _log_lines([lines[place][1] for place in logged])
    yield lines[logged[0]][0], "log of the broken stream", "spin", {"lines": spinning}
    below = [(number, line) for number, line in lines[part + 1 :] if line]
    yield below[0][0], below[0][1], "master", {"text": below[0][1]}
    yield below[1][0], "log of a teardown", "log", {"lines": _log_lines([line for _, line in below[1:-1]])}
    yield below[-1][0], below[-1][1], "end", {"status": int(below[-1][1].split()[-1])}


# --- 50: the key-value store ---


def _store(lines: Numbered) -> Made:
    for number, title, below in list(_blocks(lines, "### "))[1:]:
        pairs = [re.match(r"Key (\S+) = Value (.*?) ?$", line) for _, line in below if line]
        yield number, title, "dump", {"keys": {match[1]: match[2] for match in pairs if match}}


# --- 60: unused disks ---


def _devices(lines: Numbered) -> Made:
    for number, title, below in list(_blocks(lines, "### "))[1:]:
        match = re.match(
            r"fdisk -l:\n(?P<fdisk>(?:   .*\n)*)blkid(?: \(exit (?P<status>\d+)\))?:\n(?P<blkid>(?:   .*\n)*)"
            r"=> UpdateDevices err=(?P<error>.*) after (?P<seconds>\d+)s; offered: \[(?P<offered>.*)\]",
            _text(below),
        )
        if match is None:
            yield number, title, "narration", {"text": _text(below)}
            continue
        content = {
            "fdisk": "".join(f"{line[3:]}\n" for line in match["fdisk"].splitlines()),
            "blkid": "".join(f"{line[3:]}\n" for line in match["blkid"].splitlines() if line.strip()),
            "status": int(match["status"] or 0),
            "error": None if match["error"] == "<nil>" else match["error"],
            "seconds": int(match["seconds"]),
            "offered": re.findall(r'"([^"]*)"', match["offered"]),
        }
        yield number, title, "devices", content


# --- 61: a run of the executor ---


def _executor(lines: Numbered) -> Made:
    commands = [(number, line) for number, line in lines if re.match(r"\d\d:\d\d:\d\d node", line)]
    others = next(number for number, line in lines if line.startswith("### what the other"))
    own = [line.split(" ", 2)[2] for number, line in commands if number < others]
    # The first stands twice: the executor of the scheduler before was held in it.
    yield commands[0][0], "commands of node4", "commands", {"commands": own[1:]}
    yield others, "first commands of other nodes", "held", {
        "lines": [line for number, line in commands if number > others]
    }
    files = next(place for place, (_, line) in enumerate(lines) if line.startswith("### files"))
    stdout = next(place for place, (_, line) in enumerate(lines) if line.startswith("### executor stdout"))
    part = lines[files + 1 : stdout]
    end = next(place for place, (_, line) in enumerate(part) if line == "---")
    yield part[0][0], "/etc/rexray/config.yml", "file", {"path": "/etc/rexray/config.yml", "text": _text(part[:end])}
    listing = part[end + 1 :]
    for number, title, below in _blocks(listing, "--- "):
        if not title:
            yield from _listing(below)
        else:
            yield number, title, "file", {"path": title, "text": _text(below).rstrip("\n")}
    yield lines[stdout][0], "log", "log", {"lines": _log_lines([line for _, line in lines[stdout + 1 :]])}


def _listing(lines: Numbered) -> Made:
    """ls -la of two directories: each entry with mode and size; the parents are not the executor's."""
    folder = ""
    for number, line in lines:
        if line.endswith(":"):
            folder = line[:-1]
        match = re.match(r"(\S{10}) +\d+ root root +(\d+) \w+ \d+ \S+ (.+)$", line)
        if match and match[3] != "..":
            path = folder if match[3] == "." else f"{folder}/{match[3]}"
            size = int(match[2]) if match[1][0] == "-" else None
            yield number, path, "mode", {"path": path, "mode": match[1], "size": size}


_PARSERS = {
    10: _attributes,
    11: _answers,
    20: _returned,
    30: _gateway,
    40: _restarted,
    41: _after_first_turn,
    43: _broken,
    50: _store,
    60: _devices,
    61: _executor,
}
