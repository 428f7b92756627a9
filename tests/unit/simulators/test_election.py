# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Leadership: what ZooKeeper and the replicated log give the product's clients (recorded: ZooKeeper, two masters)."""
from __future__ import annotations

import signal
import time
from typing import Any


def test_one_leader_and_redirects_to_its_host_name(cluster: Any, wait: Any) -> None:
    masters = [master.start() for master in cluster.masters()]
    leader = wait(lambda: cluster.leader(masters))
    name = f"m{masters.index(leader) + 1}"
    for master in masters:
        assert master.get("/redirect").headers["Location"] == f"//{name}:5050"
        if master is not leader:
            answer = master.get("/slaves?slave_id=x&a=b%20c")
            assert answer.status == 307
            assert answer.headers["Location"] == f"//{name}:5050/master/slaves?a=b%20c&slave_id=x"
            assert master.get("/health").status == 200


def test_without_a_leader_everything_of_it_is_503(cluster: Any, wait: Any) -> None:
    master = cluster.masters()[0].start()
    wait(lambda: master.get("/health").status == 200)
    for path in ("/slaves", "/state", "/redirect"):
        answer = wait(lambda path=path: (lambda found: found if found.status != 404 else None)(master.get(path)))
        assert (answer.status, answer.body) == (503, b"No leader elected")
    time.sleep(2)
    assert master.get("/slaves").status == 503
    assert master.running


def test_failover_when_the_leader_is_killed(cluster: Any, wait: Any) -> None:
    masters = [master.start() for master in cluster.masters()]
    agent = cluster.agent("--attributes=rack:r1", master=cluster.zk()).start()
    old = wait(lambda: cluster.leader(masters))
    before = cluster.registered(old, agent)
    killed = time.monotonic()
    old.stop(signal.SIGKILL)
    new = wait(lambda: cluster.leader(masters))
    assert time.monotonic() - killed < 4.5
    assert new is not old
    known = new.get("/slaves").json
    assert [item["id"] for item in known["slaves"] + known["recovered_slaves"]] == [before["id"]]
    after = cluster.registered(new, agent)
    assert (after["id"], after["attributes"]) == (before["id"], {"rack": "r1"})
    assert "reregistered_time" in after
    assert [event["event"] for event in new.evidence("simulator-events.jsonl")] == ["reregistered"]


def test_the_old_leader_comes_back_as_a_follower(cluster: Any, wait: Any) -> None:
    masters = [master.start() for master in cluster.masters()]
    old = wait(lambda: cluster.leader(masters))
    old.stop(signal.SIGKILL)
    new = wait(lambda: cluster.leader(masters))
    old.start()
    wait(lambda: old.get("/redirect").status == 307)
    time.sleep(1.5)
    assert cluster.leader(masters) is new
    assert old.get("/slaves").status == 307


def test_a_leader_without_quorum_ends_with_status_1(cluster: Any, wait: Any) -> None:
    masters = [master.start() for master in cluster.masters()]
    leader = wait(lambda: cluster.leader(masters))
    for master in masters:
        if master is not leader:
            master.stop(signal.SIGKILL)
    assert leader.wait(5) == 1
    assert "EXIT with status 1: Lost leadership... committing suicide!" in leader.output


def test_a_frozen_leader_gives_way(cluster: Any, wait: Any) -> None:
    masters = [master.start() for master in cluster.masters()]
    old = wait(lambda: cluster.leader(masters))
    others = [master for master in masters if master is not old]
    old.process.send_signal(signal.SIGSTOP)
    try:
        new = wait(lambda: cluster.leader(others))
    finally:
        old.process.send_signal(signal.SIGCONT)
    assert old.wait(5) == 1
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
