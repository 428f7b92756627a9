# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#!/usr/bin/env python3
"""Writes tests/conformance/cases/ from a folder of transcripts: python3 generate.py FOLDER.

Every item that the parser finds becomes a case or an exclusion with its reason. Expected texts are copied, never edited.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from pathlib import Path
from typing import Any

import inputs
import transcripts

HERE = Path(__file__).resolve().parent
Item = dict[str, Any]

AGENT = (
    "/usr/sbin/mesos-agent --master=10.0.0.10:5050 --ip=10.0.0.11 --hostname=node1 --work_dir=/var/lib/mesos"
    " --launcher=posix --no-systemd_enable_support --registration_backoff_factor=10ms"
).split() + ["--resources=cpus:2;mem:1024;disk:4096;ports:[31000-32000]"]

# Reasons of exclusions.
DRAIN = "draining is not simulated at this stage"
MAINTENANCE = "maintenance is not simulated at this stage"
EXECUTORS = "needs a framework that runs real executors"
NARRATED = "a remark of the recording, or a state it describes in its own words, not an answer of the program"
TIMED = "seconds of one machine; the order of these states is tested in tests/unit/simulators"
PROSE = "help texts and pages are the product's prose, which the simulators do not repeat"
COVERED = "timings and order of one recorded run; the rules are tested in tests/unit/simulators"
MODULES = "values of parts that the simulators do not have (allocator, registrar, ZooKeeper client)"


class Mismatch(Exception):
    """inputs.py and a transcript disagree."""


def classify(found: dict[str, list[Item]]) -> tuple[dict[str, list[Item]], dict[str, str]]:
    """(cases by group, reason by excluded ID)."""
    cases: dict[str, list[Item]] = {}
    exclusions: dict[str, str] = {}
    for name, items in found.items():
        group, choose = _GROUPS[int(name[:2])]
        for item in items:
            reason = choose(item)
            if reason:
                exclusions[item["id"]] = reason
            else:
                cases.setdefault(group, []).append(_finish(item))
    return cases, exclusions


# --- which items are cases: each function answers with the reason against, or "" ---


def _flags(item: Item) -> str:
    return PROSE if item["argv"] == ["/usr/sbin/mesos-agent", "--help"] else ""


def _recovery(item: Item) -> str:
    return NARRATED if item["kind"] == "observation" and item["text"].startswith("FIFO written") else ""


def _agent_http(item: Item) -> str:
    if item["kind"] == "narration":
        return NARRATED
    if item["kind"] == "http" and item["request"]["url"].endswith("/help"):
        return PROSE
    return ""


_MASTER_SECTIONS = (
    "GET endpoints",
    "/api/v1 reads",
    "/api/v1 errors",
    "drain family on unknown agents",
    "REACTIVATE an agent that is not deactivated",
    "DEACTIVATE, twice; then DRAIN; REACTIVATE",
    "MARK_AGENT_GONE on a connected agent",
    "disconnected agent: MARK_AGENT_GONE, DRAIN",
)


def _master_http(item: Item) -> str:
    section = item["section"]
    if item["kind"] == "http":
        request = item["request"]
        if request["url"] == "http://10.0.0.10:5050/":
            return PROSE
        if request["url"].endswith("/teardown") and "-0000" not in (request["body"] or ""):
            return ""
        if section not in _MASTER_SECTIONS:
            return DRAIN
        return ""
    if section == "GET endpoints" and item["kind"] == "listing":
        return ""
    if section.startswith("DEACTIVATE, twice") and item["kind"] == "narration" and item["text"].startswith("["):
        return ""
    if section in _MASTER_SECTIONS:
        return NARRATED
    return DRAIN


def _redirect(item: Item) -> str:
    if item["kind"] == "timed":
        return TIMED
    if item["kind"] == "narration":
        return NARRATED
    if item["kind"] == "http":
        url = item["request"]["url"]
        if url.endswith("/metrics/snapshot"):
            return MODULES
        if url.endswith(":5050/"):
            return PROSE
    return ""


def _none(item: Item) -> str:
    return ""


def _always(reason: str) -> Any:
    return lambda item: reason


def _replacement(item: Item) -> str:
    return EXECUTORS if re.search(r" R[129] ", item["id"]) else COVERED


_GROUPS: dict[int, tuple[str, Any]] = {
    10: ("flags", _flags),
    20: ("recovery", _recovery),
    21: ("", _always(EXECUTORS)),
    30: ("agent_http", _agent_http),
    31: ("authentication", _none),
    40: ("master_http", _master_http),
    41: ("", _replacement),
    42: ("", _always(MAINTENANCE)),
    43: ("", _always(DRAIN)),
    44: ("", _always(EXECUTORS)),
    45: ("", _always(DRAIN)),
    50: ("redirect", _redirect),
    60: ("wrapper", _none),
}


# --- the state before ---


def _finish(item: Item) -> Item:
    """Adds what a case needs to run."""
    if item["kind"] == "start":
        return _finish_start(item)
    if item["kind"] == "recovery":
        name = item["id"].split()[1]
        without = item.pop("without")
        command = [word for word in AGENT if word not in without] + item["argv"]
        return {**item, "argv": command, "prepare": inputs.RECOVERY.get(name, inputs.RECOVERY_DEFAULT)}
    if item["kind"] == "wrapper":
        return _finish_wrapper(item)
    return item


def _finish_start(item: Item) -> Item:
    cut = item.pop("cut")
    if cut is not None:
        title = item["id"].split(" ", 1)[1]
        argument = inputs.LONG_ARGUMENTS[title]
        if len(argument) != cut:
            raise Mismatch(f"{item['id']}: {len(argument)} characters are given, the transcript says {cut}")
        item["argv"] = [argument]
    argv = AGENT + item["argv"] if item.pop("based") else item["argv"]
    return {**item, "argv": argv, "files": inputs.FLAG_FILES}


def _finish_wrapper(item: Item) -> Item:
    number = item["id"].split()[1]
    entries = []
    for line in item["tree"]:
        match = re.match(r"(\S{10}) (\d+) (.*)", line)
        if match:
            entries.append(_entry(number, *match.groups()))
    item["argv"] = [_argument(text) for text in item["argv"][1:]]
    host = {**inputs.WRAPPER_HOST_COMMON, **inputs.WRAPPER_HOST.get(number, {})}
    return {**item, "entries": entries, "host": host}


def _entry(number: str, mode: str, size: str, path: str) -> Item:
    """One file of /etc/mesos-slave: its kind, permissions and content."""
    name = path.replace("\\n", "\n")
    permissions = sum(1 << (8 - index) for index, letter in enumerate(mode[1:]) if letter != "-")
    entry: Item = {"path": name, "kind": mode[0], "mode": permissions}
    if mode[0] == "l":
        entry["target"] = inputs.WRAPPER_LINKS[number][name]
        length = len(entry["target"])
    elif mode[0] == "-":
        content = inputs.WRAPPER_FILES.get(number, {}).get(name)
        if content is None:
            content = inputs.WRAPPER_COMMON.get(name)
        if content is None:
            content = inputs.WRAPPER_BY_SIZE[int(size)]
        raw = content.encode() if isinstance(content, str) else content
        length = len(raw)
        entry["content"] = raw.decode("utf-8", "surrogateescape")
        if length > 1000 and raw == raw[:1] * length:
            entry.update(content=entry["content"][0], times=length)
    else:
        return entry
    if length != int(size):
        raise Mismatch(f"wrapper case {number}: {path} has {length} bytes, the transcript says {size}")
    return entry


def _argument(text: str) -> Item:
    """An argument printed as the repr of bytes; a long one is cut."""
    cut = re.search(r"\.\.\. \((\d+) characters in the line\)$", text)
    if cut:
        # The line is "  argv[4]='...'": 11 characters before the value and the quote behind it.
        return {"prefix": text[1 : cut.start()], "characters": int(cut.group(1)) - len("  argv[4]=''")}
    return {"text": ast.literal_eval("b" + text).decode("utf-8", "surrogateescape")}


def write(folder: Path, found: dict[str, list[Item]], cases: dict[str, list[Item]], exclusions: dict[str, str]) -> None:
    """cases/<group>.json, exclusions.json (reason -> IDs) and found.json (transcript -> IDs)."""
    (folder / "cases").mkdir(exist_ok=True)
    for group, items in cases.items():
        _dump(folder / "cases" / f"{group}.json", items)
    reasons: dict[str, list[str]] = {}
    for identifier, reason in exclusions.items():
        reasons.setdefault(reason, []).append(identifier)
    _dump(folder / "exclusions.json", reasons)
    _dump(folder / "found.json", {name: [item["id"] for item in items] for name, items in found.items()})


def _dump(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="ascii")


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the transcripts lie")
    folder = parser.parse_args(argv).folder
    found = transcripts.parse_all(folder)
    if not found:
        sys.stderr.write(f"{folder} holds no transcript (NN-name.txt); name the folder that does.\n")
        return 1
    cases, exclusions = classify(found)
    write(HERE, found, cases, exclusions)
    for group, items in cases.items():
        print(f"{group}: {len(items)} cases")
    print(f"left out: {len(exclusions)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
