# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorded behaviour of Mesos 1.11.0 and of the packages' init wrapper, case by case."""

from __future__ import annotations

import ast
import base64
import gzip
import json
import re
import sys
from typing import Any, Callable

import executor
import normalise
import pytest

sys.path.insert(0, str(executor.ROOTFS / "usr/lib/mesos-simulator"))

from mesos_simulator import protobuf

Case = dict[str, Any]


def group(name: str) -> Callable[[Any], Any]:
    """Marks a test as the one for a file of cases/."""

    def mark(function: Any) -> Any:
        function.group = name
        return function

    return mark


# --- flags and attributes ---


@group("flags")
def test_flags(case: Case, runs: executor.Executor) -> None:
    seen = runs.seen("flags", case["id"])
    end = re.sub(r" after [0-9.]+ s$", "", case["end"])
    if end.startswith("no registration"):
        assert seen["end"] == "no registration"
        expected = [line for line in case["output"] if line != "..."]
        assert set(normalise.log(seen["output"], r"^[EWF] ")) == set(normalise.log(expected))
        return
    assert seen["end"] == end, "\n".join(["the last of its output:", *seen["output"][-15:]])
    if end == "registered":
        check_member(seen["state"], case["state"])
        check_member(seen["get_agent"], case["get_agent"])
        check_cut(json.dumps(seen["slaves"]), case["slaves"])
    else:
        whole = any(line.startswith("I ") for line in case["output"])
        pattern = None if whole else r"^(?!I )"
        assert normalise.log(seen["output"], pattern) == normalise.log(case["output"])


def check_member(document: str, expected: str) -> None:
    """The "attributes" member as it stands in the bytes of an answer."""
    if expected == "(no attributes member)":
        assert '"attributes"' not in document
        return
    start = document.index('"attributes":')
    check_cut(document[start : _value_end(document, start + len('"attributes":'))], expected)


def _value_end(document: str, start: int) -> int:
    _, end = json.JSONDecoder(object_pairs_hook=list).raw_decode(document, start)
    return end


def check_cut(seen: str, expected: str) -> None:
    """A text that the transcript may have shortened to "start...(N characters)"."""
    cut = re.fullmatch(r"(.*)\.\.\.\((\d+) characters\)", expected, re.DOTALL)
    if cut:
        assert len(seen) == int(cut.group(2))
        assert seen.startswith(cut.group(1))
    else:
        assert normalise.text(seen) == normalise.text(expected)


# --- registration and recovery ---


@group("recovery")
def test_recovery(case: Case, runs: executor.Executor) -> None:
    seen = runs.seen("recovery", case["id"])
    kind = case["kind"]
    if kind == "http":
        check_answer(case["response"], seen["raw"])
    elif kind == "observation":
        assert normalise.text(seen["text"]) == normalise.text(case["text"])
    elif kind == "tree":
        assert seen["lines"] == [line.strip() for line in case["lines"]]
    elif kind == "log":
        check_log({"pattern": None, "lines": case["output"]}, seen["output"])
    else:
        check_recovery(case, seen)


def check_recovery(case: Case, seen: Case) -> None:
    for name in ("before", "end", "after"):
        assert normalise.text(seen[name]) == normalise.text(case[name]), name
    for name in ("attributes", "resources"):
        if case[name]:
            assert seen[name] == json.loads(case[name])
    if case["slaves"]:
        assert sorted(map(listed, seen["slaves"])) == sorted(map(normalise.text, map(comparable, case["slaves"])))
    if case["stop"]:
        assert seen["stop"] == case["stop"]
        assert slaves_now(seen["slaves_now"]) == normalise.text(case["slaves_now"])
    for tree in case["trees"]:
        assert list(map(normalise.text, seen["tree"])) == list(map(normalise.text, tree))
    if "modes" in case:
        assert without_database(seen["modes"]) == without_database(case["modes"])
    if "slave_info" in case:
        assert normalise.text(slave_info(seen["slave_info"])) == normalise.text("\n".join(case["slave_info"]))
    for entry in case["logs"]:
        if entry["of"] == "agent":
            check_log(entry, seen["agent_log"])
        else:
            check_master_log(entry, seen["master_log"], stopped=bool(case["stop"]))


def comparable(line: str) -> str:
    """A "master /slaves" line with its JSON in one form."""
    match = re.fullmatch(r"id (\S+) active (\w+) attributes (\{.*\}) resources (\{.*\}) pid (\S+)", line)
    assert match, line
    identifier, active, attributes, resources, pid = match.groups()
    texts = [json.dumps(json.loads(text), sort_keys=True) for text in (attributes, resources)]
    return f"id {identifier} active {active} attributes {texts[0]} resources {texts[1]} pid {pid}"


def listed(item: Case) -> str:
    texts = [json.dumps(item[name], sort_keys=True) for name in ("attributes", "resources")]
    line = f"id {item['id']} active {item['active']} attributes {texts[0]} resources {texts[1]} pid {item['pid']}"
    return normalise.text(line)


def slaves_now(answer: Case) -> str:
    rows = [[item["id"], item["active"], item["attributes"]] for item in answer["slaves"]]
    recovered = [item["id"] for item in answer["recovered_slaves"]]
    return normalise.text(f"{json.dumps(rows)} recovered {json.dumps(recovered)}")


def without_database(modes: list[str]) -> list[str]:
    """The files of the resource provider manager's database are not compared: the simulators keep none."""
    return sorted(normalise.text(line) for line in modes if "resource_provider_registry/" not in line)


def slave_info(encoded: str) -> str:
    content = base64.b64decode(encoded)
    size, message = int.from_bytes(content[:4], "little"), content[4:]
    head = f"first 4 bytes {content[:4].hex()} (little-endian length {size} of {len(message)} bytes that follow)"
    return f"{head}\n{protobuf.text_format('SlaveInfo', protobuf.decode('SlaveInfo', message))}".rstrip("\n")


def check_log(entry: Case, output: list[str]) -> None:
    expected = entry["lines"]
    cut = expected[-1:] == ["..."]
    if cut:
        expected = expected[:-1]
    folded = any("(closing text" in line for line in expected)
    seen = normalise.log(output, entry["pattern"], folded)
    wanted = normalise.log(expected)
    if cut:
        seen, wanted = normalise.distinct(seen), normalise.distinct(wanted)
        seen = seen[: len(wanted)]
    assert strip_end(seen) == strip_end(wanted)


def strip_end(lines: list[str]) -> list[str]:
    """An empty log is shown as one empty line."""
    return [line for line in lines if line] if lines in ([""], []) else lines


def check_master_log(entry: Case, output: list[str], stopped: bool) -> None:
    """As a set: how often an agent asks again depends on the machine's speed."""
    seen = set(normalise.log(output, entry["pattern"]))
    expected = {line for line in normalise.log(entry["lines"]) if line != "..."}
    if not stopped:
        pattern = normalise.DISCONNECTION_LOG[1]
        seen = {line for line in seen if not re.match(pattern, line)}
        expected = {line for line in expected if not re.match(pattern, line)}
    assert seen == expected


# --- HTTP ---


def check_answer(expected: Case, raw: str) -> None:
    """Status, headers in their order, and body of an answer."""
    head, _, body = raw.partition("\r\n\r\n")
    lines = head.split("\r\n")
    assert lines[0] == expected["status"]
    headers = [line.partition(": ")[::2] for line in lines[1:]]
    assert [name for name, _ in headers] == [name for name, _ in expected["headers"]]
    # A body with an ID or a time in it may have another length, and a recorded one that does not have the length it was sent
    # with has been shortened or made anonymous; then only the answer itself must be consistent.
    recorded = len(expected["body"].encode("utf-8", "surrogateescape"))
    exact = normalise.text(expected["body"]) == expected["body"] and dict(expected["headers"])["Content-Length"] == str(
        recorded
    )
    compressed = ("Content-Encoding", "gzip") in headers
    for (name, value), (_, wanted) in zip(headers, expected["headers"]):
        if name != "Content-Length" or exact:
            assert normalise.text(value) == normalise.text(wanted), name
        else:
            assert int(value) == len(body.encode("utf-8", "surrogateescape"))
    if compressed:
        plain = gzip.decompress(body.encode("utf-8", "surrogateescape"))
        assert json.loads(plain)["pid"] == "slave(1)@10.0.0.11:5051"
    elif expected["characters"] is None:
        assert normalise.text(body) == normalise.text(expected["body"])
    else:
        check_start(body, expected["body"])


def check_start(body: str, start: str) -> None:
    """The start of a body that the transcript shortens; an ID or a time may be cut in its middle."""
    whole = re.match(r"(.*[,{(\[])", start, re.DOTALL)
    assert normalise.text(body).startswith(normalise.text(whole.group(1) if whole else start))


def check_http(case: Case, seen: Case) -> None:
    kind = case["kind"]
    if kind == "http":
        check_answer(case["response"], seen["raw"])
    elif kind == "unauthenticated":
        head, _, body = seen["raw"].partition("\r\n\r\n")
        lines = head.split("\r\n")
        shown = [line for line in lines[1:] if line.startswith(("WWW-Authenticate", "Content-Type"))]
        assert lines[0] == case["status"]
        assert shown == [": ".join(header) for header in case["headers"]]
        assert body[: len(case["body"])] == case["body"]
    elif kind == "connection" or kind == "narration":
        assert normalise.text(seen["text"]) == normalise.text(case["text"])
    elif kind == "curl":
        assert seen["text"].strip() == case["stdout"]
    else:
        check_listing(case, json.loads(seen["body"]))


def check_listing(case: Case, document: Case) -> None:
    """Answers of which the transcript gives names, or names and values."""
    whole = "\n".join(case["lines"])
    if "key names: " in whole:
        assert sorted(document) == whole.partition("key names: ")[2].split()
    elif "keys with slave/agent: " in whole:
        pairs = dict(word.split("=") for word in whole.partition("agent: ")[2].split())
        shown = {
            name: str(value)
            for name, value in document.items()
            if "slave" in name or "agent" in name or "elected" in name
        }
        # How many messages it took depends on the machine's speed.
        counted = {name for name in pairs if "/messages_" in name}
        assert set(shown) == set(pairs)
        assert {k: v for k, v in shown.items() if k not in counted} == {
            k: v for k, v in pairs.items() if k not in counted
        }
    else:
        top, members = re.findall(r"members: (.*)", whole)
        assert list(document) == re.findall(r"(?:^|, )([a-z_]+)=", top)
        for name, value in re.findall(r"(?:^|, )([a-z_]+)=(\"[^\"]*\"|[0-9.]+|\[[^\]]*\])(?=,|$)", top):
            if name not in ("id", "start_time", "elected_time"):
                assert document[name] == ast.literal_eval(value), name
        assert list(document["slaves"][0]) == members.split(", ")


@group("agent_http")
def test_agent_http(case: Case, runs: executor.Executor) -> None:
    check_http(case, runs.seen("agent_http", case["id"]))


@group("authentication")
def test_authentication(case: Case, runs: executor.Executor) -> None:
    check_http(case, runs.seen("authentication", case["id"]))


@group("master_http")
def test_master_http(case: Case, runs: executor.Executor) -> None:
    check_http(case, runs.seen("master_http", case["id"]))


@group("redirect")
def test_redirect(case: Case, runs: executor.Executor) -> None:
    check_http(case, runs.seen("redirect", case["id"]))


# --- init wrapper ---


@group("wrapper")
def test_wrapper(case: Case, runs: executor.Executor) -> None:
    seen = runs.seen("wrapper", case["id"])
    assert [line.replace("\udcc3\udca9", "é") for line in seen["tree"]] == [line for line in case["tree"] if line]
    assert seen["exit"] == case["exit"]
    assert normalise.text(seen["stderr"]) == normalise.text(case["stderr"])
    assert (seen["stub"] is not None) == case["executed"]
    if case["exit"] == 126:
        assert "Argument list too long" in seen["syslog"]
    if not case["executed"]:
        return
    arguments = seen["stub"]["argv"][1:]
    assert len(arguments) == len(case["argv"])
    for argument, expected in zip(arguments, case["argv"]):
        if "text" in expected:
            assert argument == expected["text"]
        else:
            assert argument.startswith(expected["prefix"])
            assert len(argument) == expected["characters"]
    for label, wanted in case["variables"].items():
        names = r"MESOS_" if "MESOS" in label else r"(IP|ISOLATION|LOGS|MASTER|ULIMIT)$"
        environment = seen["stub"]["environment"]
        exported = [f"{name}={value}" for name, value in sorted(environment.items()) if re.match(names, name)]
        assert exported == ast.literal_eval(wanted)


@pytest.mark.parametrize("reason", [reason for reason, *_ in normalise.TEXT + normalise.UNSIMULATED_LOG])
def test_every_normaliser_has_a_reason(reason: str) -> None:
    assert len(reason) > 10
