# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parser of the recorded runs of Mesos 1.11.0: text files to items, one per command, start or request.

An item is a dict with "id" ("<transcript>:<line> <title>"), "kind" and what the kind holds. Nothing is judged here and
nothing is left out; generate.py decides what becomes a case.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Item = dict[str, Any]

_CURL = re.compile(r"\$ curl -i -X ")
_CUT = re.compile(r"\.\.\. \((\d+) characters in all\)$")


class Lines:
    """A transcript's lines with a position and the section that they are in."""

    def __init__(self, path: Path) -> None:
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        self.name = path.name
        self._lines = text.split("\n")
        self._next = 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        while self._next < len(self._lines):
            self._next += 1
            yield self._next, self._lines[self._next - 1]

    def block(self, belongs: str) -> list[str]:
        """The following lines that match a pattern at their start."""
        found = []
        while self._next < len(self._lines) and re.match(belongs, self._lines[self._next]):
            found.append(self._lines[self._next])
            self._next += 1
        return found

    def until(self, ends: str) -> list[tuple[int, str]]:
        """The following numbered lines up to one that matches a pattern."""
        found = []
        while self._next < len(self._lines) and not re.match(ends, self._lines[self._next]):
            self._next += 1
            found.append((self._next, self._lines[self._next - 1]))
        return found

    def item(self, number: int, title: str, kind: str, **content: Any) -> Item:
        return {"id": f"{self.name}:{number} {title[:100]}", "kind": kind, **content}


def parse_all(folder: Path) -> dict[str, list[Item]]:
    """Items of every transcript in a folder, by file name."""
    found = {}
    for path in sorted(folder.glob("[0-9][0-9]-*.txt")):
        number = int(path.name[:2])
        parser = _PARSERS.get(number)
        if parser is not None:
            found[path.name] = list(parser(Lines(path)))
    return found


# --- shell words as the transcripts print them ---


def bash_words(text: str) -> list[str]:
    """Words in $'...' form; escapes as in Python, lone surrogates stand for bytes that are not UTF-8."""
    return [_unescape(word) for word in re.findall(r"\$'((?:[^'\\]|\\.)*)'", text, re.DOTALL)]


def _unescape(word: str) -> str:
    def one(match: re.Match[str]) -> str:
        code = match.group(1)
        if code[0] in "ux":
            return chr(int(code[1:], 16))
        return {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}.get(code, code)

    return re.sub(r"\\(u[0-9a-f]{4}|x[0-9a-f]{2}|.)", one, word)


# --- HTTP ---


def _exchange(lines: Lines, number: int, line: str, section: str) -> Item:
    """A "$ curl -i" line with the indented answer below it."""
    words = shlex.split(line[2:])
    request: dict[str, Any] = {"headers": [], "body": None}
    rest = iter(words[2:])
    for word in rest:
        if word == "-X":
            request["method"] = next(rest)
        elif word == "-H":
            name, _, value = next(rest).partition(": ")
            request["headers"].append([name, value])
        elif word == "-d":
            request["body"] = next(rest)
        else:
            request["url"] = word
    shown = [text[2:] for text in lines.block(r"  (?!\[[^\]]|task |-- |agent |executor )|  $")]
    return lines.item(number, line[2:], "http", section=section, request=request, response=_answer(shown))


def _answer(shown: list[str]) -> dict[str, Any]:
    blank = shown.index("") if "" in shown else len(shown)
    headers = [list(text.partition(": ")[::2]) for text in shown[1:blank]]
    body = "\n".join(shown[blank + 1 :])
    cut = _CUT.search(body)
    return {
        "status": shown[0],
        "headers": headers,
        "body": "" if body == "(empty body)" else _CUT.sub("", body),
        "characters": int(cut.group(1)) if cut else None,
    }


def _http(lines: Lines) -> Iterator[Item]:
    """30, 31, 40, 41, 50: requests in sections; every other line that starts a recorded action is an item of its own."""
    section = ""
    for number, line in lines:
        if re.match(r"(###|===) ", line):
            section = line.strip("#= ")
        elif _CURL.match(line):
            yield _exchange(lines, number, line, section)
        elif re.match(r"\$ curl -sS ", line):
            output = [text[2:] for text in lines.block("  ")]
            yield lines.item(number, line[2:], "curl", section=section, argv=shlex.split(line[2:]), stdout=output[0])
        elif re.match(r"\$ GET .* without credentials -> ", line):
            url, status, headers, body = re.match(  # type: ignore[union-attr] # the pattern above has matched
                r"\$ GET (\S+) without credentials -> (.*?) \| \[(.*)\] \| '(.*)'$", line
            ).groups()
            wanted = [list(text.partition(": ")[::2]) for text in re.findall(r"'([^']*)'", headers)]
            yield lines.item(
                number,
                line[2:],
                "unauthenticated",
                section=section,
                url=url,
                status=status,
                headers=wanted,
                body=body,
            )
        elif re.match(r"\$ (GET|find) ", line):
            yield lines.item(number, line[2:], "listing", section=section, lines=[line, *lines.block("  |    ")])
        elif re.match(r"(HTTP/1\.[01] |garbage -> )", line):
            yield lines.item(number, line, "connection", section=section, text=line)
        elif re.match(r"  \+[0-9.]+ s ", line):
            yield lines.item(number, line.strip(), "timed", section=section, text=line.strip())
        elif section and re.match(
            r"(  \[|-- |  task |  -> |  agent |agent |new agent|  executor |  events|  5 s|  SHUTDOWN|t[0-9])", line
        ):
            yield lines.item(number, line.strip(), "narration", section=section, text=line.strip())


# --- agent flags and attributes ---


def _flags(lines: Lines) -> Iterator[Item]:
    title, titled = "", 0
    for number, line in lines:
        if line.startswith("## "):
            title, titled = line[3:], number
        elif line.startswith("$ "):
            shown = [text for _, text in lines.until(r"## |=== |\$ ")]
            environment = re.search(r"# env \{(.*)\}$", line)
            variables = re.findall(r"'([^']*)': '([^']*)'", environment.group(1)) if environment else []
            command = line[: environment.start()] if environment else line
            cut = re.search(r"\.\.\.\((\d+) characters\)'\s*$", command)
            yield lines.item(
                titled,
                title,
                "start",
                based=line.startswith("$ AGENT"),
                argv=bash_words(command),
                cut=int(cut.group(1)) if cut else None,
                environment=dict(variables),
                **_start_result(shown),
            )


def _start_result(shown: list[str]) -> Item:
    result: Item = {"end": "", "output": [], "state": None, "get_agent": None, "slaves": None}
    for line in shown:
        if line.startswith("  accepted, registered as "):
            result["end"] = "registered"
        elif line.startswith("  -> "):
            result["end"] = line[5:]
        elif line.startswith("  | "):
            result["output"].append(line[4:])
        elif line == "  |":
            result["output"].append("")
        for label, name in (("  /state     : ", "state"), ("  GET_AGENT  : ", "get_agent")):
            if line.startswith(label):
                result[name] = line[len(label) :]
        if line.startswith("  master /slaves (parsed): "):
            result["slaves"] = line.partition(": ")[2]
    return result


# --- registration and recovery ---


def _recovery(lines: Lines) -> Iterator[Item]:
    section = ""
    for number, line in lines:
        if line.startswith("### "):
            body = lines.until(r"### |====")
            yield lines.item(number, line[4:], "recovery", **_recovery_result([text for _, text in body]))
        elif line.startswith("===="):
            section = line.strip("= ")
        elif _CURL.match(line):
            yield _exchange(lines, number, line, section)
        elif line.startswith("  -- agent log"):
            yield lines.item(
                number, f"agent log {section}", "log", section=section, output=_log(lines.block(r"  \| ?"))
            )
        elif line.startswith(("FIFO written", "agent process:", "id='")):
            yield lines.item(number, line, "observation", section=section, text=line)
        elif line.startswith("$ find"):
            yield lines.item(number, line[2:], "tree", section=section, lines=lines.block("    "))


def _log(shown: list[str]) -> list[str]:
    return [line[4:] for line in shown]


def _recovery_result(shown: list[str]) -> Item:
    result: Item = {"logs": [], "slaves": [], "trees": [], "attributes": None, "resources": None, "stop": None}
    pending: list[str] | None = None
    verbatim: list[str] | None = None
    for line in shown:
        if verbatim is not None:
            if line:
                verbatim.append(line)
                continue
            verbatim = None
        if line.startswith(("$ stat modes", "slave.info")):
            verbatim = [] if line.startswith("$") else [line[line.index("first 4 bytes") :]]
            result["modes" if line.startswith("$") else "slave_info"] = verbatim
            continue
        if line.startswith("  | ") and pending is not None:
            pending.append(line[4:])
            continue
        if line.startswith("    ") and result["trees"] and pending is None:
            result["trees"][-1].append(line[4:])
            continue
        pending = None
        if line.startswith("before : "):
            result["before"] = line[9:]
        elif line.startswith("after  : "):
            result["after"] = line[9:]
        elif line.startswith("$ AGENT"):
            command, _, without = line[8:].partition("   # without ")
            result["argv"] = shlex.split(command)
            result["without"] = shlex.split(without)
        elif line.startswith("-> "):
            result["end"] = re.sub(r" after [0-9.]+ s$", "", line[3:])
        elif line.startswith("agent /state attributes : "):
            attributes, _, resources = line[26:].partition("  resources: ")
            result["attributes"], result["resources"] = attributes, resources
        elif line.startswith("master /slaves          : "):
            result["slaves"].append(line[26:])
        elif line.startswith("master /slaves now: "):
            result["slaves_now"] = line[20:]
        elif re.match(r"-- SIG", line):
            result["stop"] = line[3:]
        elif re.match(r"  -- (agent|master) log", line):
            pattern = re.search(r"lines matching /(.*)/:$", line)
            pending = []
            result["logs"].append(
                {"of": line.split()[1], "pattern": pattern.group(1) if pattern else None, "lines": pending}
            )
        elif line.startswith("$ find"):
            result["trees"].append([])
    return result


# --- init wrapper ---


def _wrapper(lines: Lines) -> Iterator[Item]:
    for number, line in lines:
        if line.startswith("### "):
            yield lines.item(number, line[4:], "wrapper", **_wrapper_result([text for _, text in lines.until("### ")]))


def _wrapper_result(shown: list[str]) -> Item:
    result: Item = {"tree": [], "argv": [], "stderr": "", "executed": True, "variables": {}}
    for line in shown:
        if line.startswith("    ") and "argv" not in line:
            result["tree"].append(line[4:])
        elif line.startswith("$ ") and not line.startswith("$ find"):
            command, _, environment = line[2:].partition("   # with env ")
            result["command"] = shlex.split(command)
            result["environment"] = dict(re.findall(r"'([^']*)': '([^']*)'", environment))
        elif line.startswith("exit "):
            result["exit"] = int(line[5:])
        elif line.startswith("stderr: "):
            result["stderr"] = line[8:]
        elif line.startswith("argv[0]="):
            result["argv"].append(line.split("'")[1])
        elif line.startswith("  argv["):
            result["argv"].append(line.partition("=")[2])
        elif line.startswith("(mesos-slave was NOT executed)"):
            result["executed"] = False
        elif line.startswith("  env "):
            label, _, listed = line.strip().partition(": ")
            result["variables"][label] = listed
    return result


# --- transcripts that are listed by their sections only ---


def _sections(lines: Lines) -> Iterator[Item]:
    for number, line in lines:
        if re.match(r"(###|==) ", line):
            yield lines.item(number, line.strip("#= "), "section")


_PARSERS = {
    10: _flags,
    20: _recovery,
    21: _sections,
    30: _http,
    31: _http,
    40: _http,
    41: _sections,
    42: _sections,
    43: _sections,
    44: _sections,
    45: _sections,
    50: _http,
    60: _wrapper,
}
