# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Cutting and mending, down to the rules that are set in the hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import hosts, network
from lab.machine import LabError
from lab.state import State

ADDRESSES = {"m1": "10.0.0.11", "agent01": "10.0.0.101", "agent02": "10.0.0.102", "controller": "10.0.0.1"}
PIDS: dict[str, int | None] = {"m1": 1001, "agent01": 1002, "agent02": None}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was run, from the action on; the whole command is checked here."""
    seen: list[str] = []

    def run(*argv: str) -> str:
        assert argv[:2] == ("nsenter", "--target")
        assert argv[3:6] == ("--net", "iptables", "--wait")
        assert argv[-2:] == ("--jump", "DROP")
        seen.append(f"{argv[2]}: {' '.join(argv[6:-2])}")
        return ""

    monkeypatch.setattr(network, "run", run)
    monkeypatch.setattr(hosts, "pid", lambda _, name: PIDS[name])
    return seen


def both(pid: int, action: str, peer: str) -> list[str]:
    return [f"{pid}: {action} INPUT --source {peer}", f"{pid}: {action} OUTPUT --destination {peer}"]


def test_a_cut_drops_at_both_ends_and_mending_takes_that_back(tmp_path: Path, calls: list[str]) -> None:
    state = State(tmp_path)
    network.cut(state, "m1", "agent01", ADDRESSES)
    assert calls == both(1001, "--append", "10.0.0.101") + both(1002, "--append", "10.0.0.11")
    assert network.listing(state) == "agent01 and m1"
    calls.clear()
    network.mend(state, "agent01", "m1", ADDRESSES)
    assert sorted(calls) == sorted(both(1001, "--delete", "10.0.0.101") + both(1002, "--delete", "10.0.0.11"))
    assert network.listing(state) == "none"


def test_the_controller_is_cut_off_by_the_host(tmp_path: Path, calls: list[str]) -> None:
    network.cut(State(tmp_path), "controller", "m1", ADDRESSES)
    assert calls == both(1001, "--append", "10.0.0.1")


def test_a_host_that_is_down_gets_its_rules_when_it_starts(
    tmp_path: Path, calls: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State(tmp_path)
    network.cut(state, "m1", "agent02", ADDRESSES)
    assert calls == both(1001, "--append", "10.0.0.102")
    calls.clear()
    monkeypatch.setitem(PIDS, "agent02", 1003)
    network.restore(state, ["agent02", "agent01"], ADDRESSES)
    assert calls == both(1003, "--append", "10.0.0.11")
    network.mend_all(state, ADDRESSES)
    assert network.listing(state) == "none"


def test_cutting_twice_and_mending_what_is_whole(tmp_path: Path, calls: list[str]) -> None:
    state = State(tmp_path)
    with pytest.raises(LabError, match="m1 and agent01 are not cut; cut are: none"):
        network.mend(state, "m1", "agent01", ADDRESSES)
    network.cut(state, "m1", "agent01", ADDRESSES)
    with pytest.raises(LabError, match="agent01 and m1 are cut already: `lab mend agent01 m1`"):
        network.cut(state, "agent01", "m1", ADDRESSES)


def test_rules_that_name_a_subnet() -> None:
    listing = (
        "-P POSTROUTING ACCEPT\n-N NETAVARK-X\n-A POSTROUTING -s 10.89.50.0/24 -j NETAVARK-X\n"
        "-A POSTROUTING -s 10.89.51.0/24 -j NETAVARK-X\n-A NETAVARK-X -d 10.89.50.0/24 -m comment --comment 'a b' -j ACCEPT\n"
    )
    assert network.rules_about("10.89.50.0/24", listing) == [
        ["POSTROUTING", "-s", "10.89.50.0/24", "-j", "NETAVARK-X"],
        ["NETAVARK-X", "-d", "10.89.50.0/24", "-m", "comment", "--comment", "a b", "-j", "ACCEPT"],
    ]
