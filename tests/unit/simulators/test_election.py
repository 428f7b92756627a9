# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leadership: what ZooKeeper and the replicated log give the product's clients (recorded: ZooKeeper, two masters)."""

from __future__ import annotations

import signal
import time
from typing import Any


def test_redirects_and_the_end_of_a_leader_without_quorum(cluster: Any, wait: Any) -> None:
    masters = [master.start() for master in cluster.masters()]
    leader = wait(lambda: cluster.leader(masters))
    name = f"m{masters.index(leader) + 1}"
    followers = [master for master in masters if master is not leader]
    for master in masters:
        wait(lambda master=master: master.get("/redirect").headers.get("Location") == f"//{name}:5050")
    for master in followers:
        answer = master.get("/slaves?slave_id=x&a=b%20c")
        assert answer.status == 307
        assert answer.headers["Location"] == f"//{name}:5050/master/slaves?a=b%20c&slave_id=x"
        assert master.get("/health").status == 200
        master.stop(signal.SIGKILL)
    assert leader.wait() == 1
    assert "EXIT with status 1: Lost leadership... committing suicide!" in leader.output


def test_without_a_leader_everything_of_it_is_503(cluster: Any, wait: Any) -> None:
    master = cluster.masters()[0].start()
    wait(lambda: master.get("/health").status == 200)
    for path in ("/slaves", "/state", "/redirect"):
        answer = master.get(path)
        assert (answer.status, answer.body) == (503, b"No leader elected")
    time.sleep(2)
    assert master.get("/slaves").status == 503
    assert master.running


def test_failover_when_the_leader_is_killed(cluster: Any, wait: Any) -> None:
    masters = [master.start() for master in cluster.masters()]
    agent = cluster.agent("--attributes=rack:r1", master=cluster.zk()).start()
    old = wait(lambda: cluster.leader(masters))
    before = cluster.registered(old, agent)
    cluster.plant(agent, "framework", "--name=kept", "--task=k1")
    old.stop(signal.SIGKILL)
    new = wait(lambda: cluster.leader(masters))
    old.start()
    known = new.get("/slaves").json
    assert [item["id"] for item in known["slaves"] + known["recovered_slaves"]] == [before["id"]]
    after = cluster.registered(new, agent)
    assert (after["id"], after["attributes"]) == (before["id"], {"rack": "r1"})
    assert "reregistered_time" in after
    # Perhaps more than once: an agent asks again when it hears nothing in time (src/slave/slave.cpp: doReliableRegistration).
    assert {event["event"] for event in new.evidence("simulator-events.jsonl")} == {"reregistered"}
    # The framework comes back with the agent's word alone, hence without a scheduler.
    framework = new.get("/frameworks").json["frameworks"][0]
    assert (framework["name"], framework["active"], framework["recovered"]) == ("kept", False, True)
    assert [task["id"] for task in framework["tasks"]] == ["k1"]
    # The old leader follows when it is back.
    wait(lambda: old.get("/slaves").status == 307)
    assert cluster.leader(masters) is new


def test_a_frozen_leader_gives_way(cluster: Any, wait: Any) -> None:
    masters = [master.start() for master in cluster.masters()]
    old = wait(lambda: cluster.leader(masters))
    others = [master for master in masters if master is not old]
    old.process.send_signal(signal.SIGSTOP)
    try:
        new = wait(lambda: cluster.leader(others))
    finally:
        old.process.send_signal(signal.SIGCONT)
    assert old.wait() == 1
    assert cluster.leader(others) is new


def test_the_registry_survives_a_restart_of_every_master(cluster: Any, wait: Any) -> None:
    masters = [master.start() for master in cluster.masters()]
    agent = cluster.agent("--attributes=rack:r1", master=cluster.zk()).start()
    identifier = cluster.registered(wait(lambda: cluster.leader(masters)), agent)["id"]
    agent.stop(signal.SIGKILL)
    for master in masters:
        master.stop(signal.SIGKILL)
    for master in masters:
        master.start()
    recovered = wait(lambda: cluster.leader(masters)).get("/slaves").json["recovered_slaves"]
    assert [item["id"] for item in recovered] == [identifier]
    assert list(recovered[0]) == ["id", "hostname", "port", "attributes"]


def test_masters_need_a_quorum_and_a_work_directory(cluster: Any) -> None:
    lone = cluster.master(f"--zk={cluster.zk()}").start()
    assert lone.wait() == 1
    assert "Need to specify --quorum" in lone.output
