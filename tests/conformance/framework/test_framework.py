# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorded behaviour of scaleio-scheduler and scaleio-executor 0.3.1, case by case."""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from framework import comparing
from framework.conftest import load
from framework.programs import log_lines
from framework.replay_gateway import Replay
from framework.replay_programs import ExecutorRun, Rest

from scaleio_simulator import commands, devices  # isort: skip  # replay_gateway makes it importable

Case = dict[str, Any]
Check = Callable[[Case, Any], None]


def cases(group: str) -> pytest.MarkDecorator:
    """Parametrizes a test with the cases of a group."""
    loaded = load(group)
    return pytest.mark.parametrize("case", loaded, ids=[case["id"] for case in loaded])


# --- /api/state, its neighbours, and what the master is told ---


@cases("rest")
def test_rest(case: Case, rest: Rest) -> None:
    _REST[case["kind"]](case, rest)


def check_attributes(case: Case, rest: Rest) -> None:
    name = case["summary"].split()[0]
    assert summary(rest.first_nodes[name]) == case["summary"]
    if case["node"]:
        assert plain(rest.first_nodes[name]) == plain(case["node"])


def summary(node: Case) -> str:
    """A node in the recording's short form."""
    provides = node["ProvidesDomains"]
    if provides is not None:
        pools = {name: domain["Pools"] for name, domain in provides.items()}
        provides = json.dumps(
            {name: own and {pool: listed["devices"] for pool, listed in own.items()} for name, own in pools.items()}
        )
    return (
        f"{node['hostname']} state={node['state']} persona={node['persona']} imp={node['imperative']}"
        f" adv={node['advertised']} provides={provides} consumes={node['ConsumesDomains']}"
    )


def plain(document: Any) -> str:
    """A document as text, members in their order."""
    return comparing.text(json.dumps(document, indent=1))


def check_log(case: Case, rest: Rest) -> None:
    if case["id"].startswith("10-"):
        wanted = ("warning Attribute ", "info At least one node")
        assert [line for line in rest.first_lines if line.startswith(wanted)] == case["lines"]
    elif case["id"].startswith("11-"):
        check_beginning(case["lines"], rest.first_lines)
    elif case["id"].startswith("20-"):
        check_return(case["lines"], rest.return_lines)
    else:
        check_end_of_log(case["lines"], rest.end_output.splitlines())


def check_end_of_log(expected: list[str], seen: list[str]) -> None:
    """The recording cuts a line at 200 characters; how long an answer took is left out."""
    shown = [line for line in log_lines(seen, others=True) if not line.startswith(("debug ", "[negroni] Completed"))]
    wanted = [line for line in expected if not line.startswith("[negroni] Completed")]
    cut = [line.rpartition(" agent_id:")[0] or line for line in wanted]
    assert set(cut) <= {line.rpartition(" agent_id:")[0] or line for line in shown}


def check_beginning(expected: list[str], seen: list[str]) -> None:
    """Without debug lines, which the recording left out, and without the first lines' announcements of records."""
    shown = [line for line in seen if not line.startswith("debug ")]
    wanted = comparing.without(expected, comparing.DECODING)
    assert comparing.without(shown, comparing.DECODING)[: len(wanted)] == wanted
    assert comparing.decodings(expected) == comparing.decodings(shown)


def check_return(expected: list[str], seen: list[str]) -> None:
    """The first recorded line belongs to the call before; the last is the beginning of the call that is a case of its own."""
    wanted = comparing.without(expected[1:], comparing.DECODING)
    shown = comparing.without((line for line in seen if not line.startswith("debug ")), comparing.DECODING)
    for line, other in zip(wanted, shown):
        # One line is cut in the middle of a number.
        assert other == line or ("timestamp:" in line and other.startswith(line.partition(" timestamp:")[0]))
    assert len(shown) >= len(wanted)
    assert comparing.decodings(expected) == comparing.decodings(seen)


def check_version(case: Case, rest: Rest) -> None:
    assert rest.version.body == case["text"]


def check_state(case: Case, rest: Rest) -> None:
    seen = json.loads(rest.state.body)
    seen["ScaleIO"]["Nodes"] = case["document"]["ScaleIO"]["Nodes"]
    assert plain(seen) == plain(case["document"])


def check_headers(case: Case, rest: Rest) -> None:
    wanted = ast.literal_eval(case["text"])
    assert list(rest.state.headers) == list(wanted)
    assert {**rest.state.headers, "Date": ""} == {**wanted, "Date": ""}


def check_ui(case: Case, rest: Rest) -> None:
    assert rest.page.body.startswith(case["text"])


def check_framework_info(case: Case, rest: Rest) -> None:
    """ID, failover_timeout and checkpoint are what the master makes of a message without them."""
    info = rest.subscribe["subscribe"]["framework_info"]
    assert {**info, "id": case["document"]["id"], "failover_timeout": 0.0, "checkpoint": False} == case["document"]


def check_task(case: Case, rest: Rest) -> None:
    task = launched(rest.accepts, case["document"]["id"])
    assert (task["name"], task["task_id"]["value"]) == (case["document"]["name"], case["document"]["id"])
    assert task["executor"]["executor_id"]["value"] == case["document"]["executor_id"]
    resources = {resource["name"]: resource["scalar"]["value"] for resource in task["resources"]}
    assert {"disk": 0.0, "gpus": 0.0, **resources} == case["document"]["resources"]


def check_executor(case: Case, rest: Rest) -> None:
    wanted = case["document"]
    executor = launched(rest.accepts, wanted["executor_id"].replace("executor-", ""))["executor"]
    assert executor["name"] == wanted["name"]
    assert "resources" not in executor
    assert comparing.text(executor["command"]["value"]) == comparing.text(wanted["command"]["value"])
    assert plain(executor["command"]["uris"]) == plain(wanted["command"]["uris"])


def launched(accepts: list[Case], task: str) -> Case:
    """The TaskInfo of an ACCEPT call."""
    found = [call["accept"]["operations"][0]["launch"]["task_infos"][0] for call in accepts]
    return next(item for item in found if item["task_id"]["value"] == task)


def check_summary(case: Case, rest: Rest) -> None:
    name, *rest_of_it = case["summary"].split()
    if case["id"].startswith("20-"):
        # The recording adds IDs; they are those of the first offer, before and after.
        agent, number = rest_of_it[-2:]
        assert case["summary"] == f"{summary(rest.before_return)} {agent} {number}"
        assert (rest.after_return["name"], rest.after_return["offerid"]) == (
            rest.before_return["name"],
            rest.before_return["offerid"],
        )
    elif case["id"].startswith("40-"):
        assert summary(rest.restarted_nodes[name]) == case["summary"]
    else:
        assert summary(rest.after_turn_nodes[name]) == case["summary"]


def check_call(case: Case, rest: Rest) -> None:
    """The call as the product logs it, as far as it was recorded."""
    logged = rest.return_output.rpartition("JSON:\n")[2].split("\n")
    assert comparing.text("\n".join(logged[: len(case["lines"])])) == comparing.text("\n".join(case["lines"]))
    assert rest.returned_call["type"] == 3


def check_framework(case: Case, rest: Rest) -> None:
    """A new framework: the scheduler does not know the ID that it had."""
    assert "id" not in rest.second_subscribe["subscribe"]["framework_info"]
    assert f"framework -0001 tasks {rest.restarted_calls}" == case["text"]


def check_post(case: Case, rest: Rest) -> None:
    assert (rest.posted.status, rest.posted.body) == (case["status"], case["body"] + "\n")


def check_spinning(case: Case, rest: Rest) -> None:
    assert rest.alive
    assert rest.answers_when_broken.status == 200
    assert rest.subscribes == 1


def check_spin(case: Case, rest: Rest) -> None:
    """The recording begins somewhere in the repetition."""
    start = rest.spinning.index(case["lines"][0])
    assert rest.spinning[start : start + len(case["lines"])] == case["lines"]


def check_end(case: Case, rest: Rest) -> None:
    assert rest.end_status == case["status"]


_REST: dict[str, Check] = {
    "attributes": check_attributes,
    "log": check_log,
    "version": check_version,
    "state": check_state,
    "headers": check_headers,
    "ui": check_ui,
    "framework_info": check_framework_info,
    "task": check_task,
    "executor": check_executor,
    "summary": check_summary,
    "call": check_call,
    "framework": check_framework,
    "post": check_post,
    "spinning": check_spinning,
    "spin": check_spin,
    "end": check_end,
}


# --- the gateway ---


@cases("gateway")
def test_gateway(case: Case, gateway: Replay) -> None:
    if case["kind"] == "errors":
        assert comparing.without(gateway.errors[case["run"]], comparing.STORE) == case["lines"]
    elif case["kind"] == "request":
        check_request(case, gateway)
    else:
        check_turn(case, gateway)


def check_turn(case: Case, gateway: Replay) -> None:
    """A login, or all that a node asks; every turn also asks for no other node."""
    for turn in gateway.turns:
        logins, nodes = gateway.recorded(turn, "login"), gateway.recorded(turn, "segment")
        wanted = [gateway.comparable(request) for request in case["requests"]]
        if case["kind"] == "login" and case in logins:
            assert gateway.turns[turn].login == wanted
            assert len(gateway.turns[turn].nodes) == len(nodes)
        elif case["kind"] == "segment" and case in nodes:
            assert gateway.turns[turn].nodes[nodes.index(case)] == wanted


def check_request(case: Case, gateway: Replay) -> None:
    """Headers in their order, and the body byte by byte: the recorded gateway counted its IDs in the same way."""
    method, path = case["method"], case["path"]
    same = [seen for seen in gateway.exchanges if (seen.method, seen.path, seen.body) == (method, path, case["body"])]
    # Two logins stand in the recording: the refused and the good one.
    refused = case["answer"].startswith("-> 401")
    seen = next(exchange for exchange in same if (exchange.status == 401) == refused)
    wanted = [[name, value.partition("   [")[0]] for name, value in case["headers"]]
    hosts = {"Host": gateway.gateway.address}
    assert [list(header) for header in seen.headers] == [[name, hosts.get(name, value)] for name, value in wanted]


@cases("store")
def test_store(case: Case, gateway: Replay) -> None:
    turn = {"after ticks 1-3": 3, "after the restart": 5}.get(" ".join(case["id"].split(" ")[1:4]), 7)
    keys = gateway.stored[turn]
    parents = {key.rpartition("/")[0] for key in keys}
    seen = {key: value for key, value in keys.items() if key not in parents}
    if turn == 7:
        seen = {key: value for key, value in seen.items() if "/node20/" in key}
    assert comparing.stored(seen) == comparing.stored(case["keys"])


# --- the executor ---


@cases("devices")
def test_devices(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, status in (("fdisk", 0), ("blkid", case["status"])):
        (tmp_path / f"{name}.txt").write_text(case[name])
        (tmp_path / name).write_text(f"#!/bin/sh\ncat {tmp_path}/{name}.txt\nexit {status}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    slept: list[float] = []
    error, offered = None, []
    try:
        offered = devices.unused(lambda line: commands.output(line, slept.append))
    except commands.CommandError as failure:
        error = str(failure)
    assert (offered, error, sum(slept)) == (case["offered"], case["error"], case["seconds"])


@cases("executor")
def test_executor(case: Case, executor_run: ExecutorRun) -> None:
    if case["kind"] == "commands":
        seen = [comparing.command(line) for line in executor_run.commands]
        assert seen == [comparing.command(line) for line in case["commands"]]
    elif case["kind"] == "file":
        assert (executor_run.root / case["path"].lstrip("/")).read_text() == case["text"]
    elif case["kind"] == "mode":
        mode, size = executor_run.mode(case["path"])
        assert mode == case["mode"]
        assert case["size"] in (None, size)
    else:
        check_executor_log(case["lines"], executor_run.lines)


def check_executor_log(expected: list[str], seen: list[str]) -> None:
    """Two threads write: events, and the work; each in its order."""
    shown = [line for line in seen if not line.startswith("debug ")]
    dropped = (comparing.DECODING, comparing.GONE_HOST, comparing.REPEATED)
    assert comparing.decodings(expected) == comparing.decodings(shown)
    for events in (True, False):
        wanted, own = (
            [line for line in comparing.without(lines, *dropped) if (comparing.is_event(line)) == events]
            for lines in (expected, shown)
        )
        assert own == wanted
    # A request that was under way when the scheduler was stopped fails otherwise than those after it.
    repeated = {line for line in map(comparing.text, shown) if line.startswith(comparing.REPEATED[1])}
    assert repeated >= {line for line in map(comparing.text, expected) if line.startswith(comparing.REPEATED[1])}
