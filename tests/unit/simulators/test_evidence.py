# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host shows of a daemon: evidence for tests, logs, memory, and rest."""

from __future__ import annotations

import re
import signal
import time
from typing import Any


def test_every_start_leaves_its_whole_argv(cluster: Any) -> None:
    agent = cluster.agent("--attributes=rack:r1", "--no-such-flag").start()
    assert agent.wait() == 1
    starts = agent.evidence("simulator-argv.jsonl")
    assert [set(start) for start in starts] == [{"time", "argv"}]
    assert starts[0]["argv"][0].endswith("/usr/sbin/mesos-agent")
    assert starts[0]["argv"][-2:] == ["--attributes=rack:r1", "--no-such-flag"]


def test_log_files_with_links(cluster: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    link = agent.directory / "log/mesos-agent.INFO"
    assert link.is_symlink()
    lines = link.read_text().splitlines()
    assert all(re.match(r"[IWE]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ [a-z_]+\.cpp:\d+\] ", line) for line in lines)
    assert any("Registered with master" in line for line in lines)
    agent.stop(signal.SIGTERM)
    assert "Received signal SIGTERM" in (agent.directory / "log/mesos-agent.WARNING").read_text()


def test_an_incompatible_agent_says_why_in_its_error_log(cluster: Any) -> None:
    master = cluster.master().start()
    agent = cluster.agent("--attributes=rack:r1").start()
    cluster.registered(master, agent)
    agent.stop()
    agent.flags[-1] = "--attributes=rack:r2"
    assert agent.start().wait() == 1
    errors = (agent.directory / "log/mesos-agent.ERROR").read_text()
    assert "EXIT with status 1: Failed to perform recovery: Incompatible agent info detected. " in errors
    assert f"rm -f {agent.directory}/work/meta/slaves/latest" in errors


def _status(daemon: Any, name: str) -> int:
    with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as file:
        return int(re.findall(rf"^{name}:\s+(\d+)", file.read(), re.MULTILINE)[0])


def _cpu_ticks(daemon: Any) -> int:
    with open(f"/proc/{daemon.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_daemons_are_small_and_rest(cluster: Any, wait: Any) -> None:
    masters = [master.start() for master in cluster.masters()]
    agent = cluster.agent(master=cluster.zk()).start()
    leader = wait(lambda: cluster.leader(masters))
    cluster.registered(leader, agent)
    before = {daemon: _cpu_ticks(daemon) for daemon in cluster.daemons}
    time.sleep(2)
    for daemon in cluster.daemons:
        assert _status(daemon, "VmRSS") < 20 * 1024, daemon.program
        assert _cpu_ticks(daemon) - before[daemon] <= 6, f"{daemon.program} used more than 3 % of a processor"
