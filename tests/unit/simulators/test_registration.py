# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Agents at the master beyond the recorded requests (mesos 1.11.0 src/master/master.cpp; recorded: replacement and timings)."""

from __future__ import annotations

import shutil
import signal
import time
from typing import Any

FAST_PINGS = ("--agent_ping_timeout=300ms", "--max_agent_ping_timeouts=3")


def events(master: Any) -> list[tuple[str, str]]:
    found = master.evidence("simulator-events.jsonl")
    assert all(set(event) == {"time", "event", "agent_id", "hostname", "pid"} for event in found)
    return [(event["event"], event["agent_id"].rpartition("-")[2]) for event in found]


def test_a_new_id_at_the_same_address_removes_the_old_one(cluster: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent("--attributes=rack:r1").start()
    cluster.registered(master, agent)
    agent.stop()
    (agent.directory / "work/meta/slaves/latest").unlink()
    agent.flags[-1] = "--attributes=rack:r2"
    agent.start()
    entry = cluster.registered(master, agent)
    assert entry["id"].endswith("-S1")
    assert [item["id"] for item in cluster.slaves(master)] == [entry["id"]]
    assert events(master) == [("registered", "S0"), ("disconnected", "S0"), ("removed", "S0"), ("registered", "S1")]


def test_a_killed_agent_is_inactive_at_once_and_unreachable_later(cluster: Any, wait: Any) -> None:
    master = cluster.master(*FAST_PINGS).start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    agent.stop()
    wait(lambda: [item["active"] for item in cluster.slaves(master)] == [False])
    wait(lambda: cluster.slaves(master) == [])
    assert master.get("/state").json["unreachable_slaves"] == 1.0
    assert events(master)[-1] == ("unreachable", "S0")
    agent.start()
    assert cluster.registered(master, agent)["id"].endswith("-S0")


def test_a_frozen_agent_becomes_unreachable_and_comes_back(cluster: Any, wait: Any) -> None:
    master = cluster.master(*FAST_PINGS).start()
    agent = cluster.agent().start()
    identifier = cluster.registered(master, agent)["id"]
    agent.process.send_signal(signal.SIGSTOP)
    try:
        wait(lambda: cluster.slaves(master) == [])
    finally:
        agent.process.send_signal(signal.SIGCONT)
    assert cluster.registered(master, agent)["id"] == identifier


def test_pings_keep_an_idle_agent(cluster: Any) -> None:
    master = cluster.master(*FAST_PINGS).start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    time.sleep(2)
    assert [item["active"] for item in cluster.slaves(master)] == [True]
    assert events(master) == [("registered", "S0")]


def test_an_id_that_moves_to_another_address_is_shut_down(cluster: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    agent.stop()
    twin = cluster.agent(number=102, name="agent02")
    twin.flags[0] = "--hostname=agent01"
    shutil.copytree(agent.directory / "work", twin.directory / "work", symlinks=True)
    latest = twin.directory / "work/meta/slaves/latest"
    target = twin.directory / "work/meta/slaves" / latest.readlink().name
    latest.unlink()
    latest.symlink_to(target)
    assert twin.start().wait() == 0
    assert "attempted to reregister with different IP / hostname" in master.output


def test_a_gone_id_is_shut_down_whenever_it_comes_back(cluster: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    identifier = cluster.registered(master, agent)["id"]
    for _ in range(2):
        assert master.call("MARK_AGENT_GONE", mark_agent_gone={"agent_id": {"value": identifier}}).status == 200
    assert agent.wait() == 0
    assert agent.start().wait() == 0
    assert "because 'Agent has been marked gone'" in agent.output
    (agent.directory / "work/meta/slaves/latest").unlink()
    agent.start()
    assert cluster.registered(master, agent)["id"] != identifier


def test_two_agents_of_one_host_name_are_two(cluster: Any) -> None:
    master = cluster.master().start()
    first = cluster.agent().start()
    second = cluster.agent(number=102, name="agent02")
    second.flags[0] = "--hostname=agent01"
    second.start()
    cluster.registered(master, first)
    cluster.registered(master, second)
    assert len(cluster.slaves(master)) == 2


def test_an_agent_tries_again_until_a_master_is_there(cluster: Any, wait: Any) -> None:
    agent = cluster.agent().start()
    wait(lambda: agent.get("/state").status == 200)
    assert agent.get("/state").json["id"] == ""
    master = cluster.master().start()
    assert cluster.registered(master, agent)["active"]


def test_an_agent_waits_for_the_pings_of_a_restarted_lone_master(cluster: Any) -> None:
    master = cluster.master(*FAST_PINGS).start()
    agent = cluster.agent().start()
    identifier = cluster.registered(master, agent)["id"]
    master.stop()
    master.start()
    assert cluster.registered(master, agent)["id"] == identifier


def test_invalid_utf8_spoils_the_answers_of_the_whole_cluster(cluster: Any, wait: Any) -> None:
    master = cluster.master().start()
    sound = cluster.agent().start()
    cluster.registered(master, sound)
    attributes = b"--attributes=rack:\xff\xfe1".decode("utf-8", "surrogateescape")
    spoilt = cluster.agent(attributes, number=102, name="agent02").start()
    wait(lambda: b'"rack":"\xff\xfe1"' in spoilt.get("/state").body)
    wait(lambda: b'"attributes":{"rack":"\xff\xfe1"}' in master.get("/slaves").body)
    spoilt.stop()


def test_an_old_id_that_comes_back_shares_its_address_with_the_newer_one(cluster: Any, wait: Any) -> None:
    # Slow enough to see both IDs on a machine with other work.
    master = cluster.master("--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=2").start()
    agent = cluster.agent().start()
    first = cluster.registered(master, agent)["id"]
    agent.stop()
    latest = agent.directory / "work/meta/slaves/latest"
    latest.unlink()
    agent.start()
    second = cluster.registered(master, agent)["id"]
    agent.stop()
    latest.unlink()
    latest.symlink_to(agent.directory / "work/meta/slaves" / first)
    agent.start()
    cluster.registered(master, agent)
    assert "Allowing UNKNOWN agent to reregister" in master.output
    assert [(item["id"], item["active"]) for item in cluster.slaves(master)] == [(first, True), (second, False)]
    assert len({item["pid"] for item in cluster.slaves(master)}) == 1
    # The pings meant for the newer ID reach this process and make it register again and again, until that ID is given up.
    wait(lambda: [item["id"] for item in cluster.slaves(master)] == [first])
    assert events(master).count(("reregistered", "S0")) > 1
    wait(lambda: cluster.slaves(master)[0]["active"])


def test_deactivation(cluster: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    identifier = cluster.registered(master, agent)["id"]
    assert master.call("DEACTIVATE_AGENT", deactivate_agent={"agent_id": {"value": identifier}}).status == 200
    entry = cluster.slaves(master)[0]
    assert (entry["active"], entry["deactivated"]) == (False, True)
    assert master.call("REACTIVATE_AGENT", reactivate_agent={"agent_id": {"value": identifier}}).status == 200
    assert cluster.slaves(master)[0]["active"]


def test_what_is_not_simulated_says_so(cluster: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    identifier = {"value": cluster.registered(master, agent)["id"]}
    assert master.call("DRAIN_AGENT", drain_agent={"agent_id": identifier}).status == 501
    assert master.call("START_MAINTENANCE", start_maintenance={}).status == 501
    assert master.post("/machine/down", "[]").status == 501
    assert master.post("/maintenance/schedule", "{}").status == 501
    assert master.call("RESERVE_RESOURCES").status == 501


def test_start_up_of_an_agents_http(cluster: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    seen: list[int] = []
    deadline = time.monotonic() + 10
    while (not seen or seen[-1] != 200) and time.monotonic() < deadline:
        try:
            status = agent.get("/state").status
        except OSError:
            continue
        if not seen or seen[-1] != status:
            seen.append(status)
    # How much of 404 and 503 a client sees depends on its luck, their order does not.
    assert seen == [status for status in (404, 503, 200) if status in seen]
    assert seen[-1] == 200
    cluster.registered(master, agent)
