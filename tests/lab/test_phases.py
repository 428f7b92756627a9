# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A phase that fails is the last one of its cluster, whatever the play ignores or rescues; other clusters go on.

Four clusters stand in one inventory. ``broken`` has an agent that does not start again, in its second phase; ``lost`` a host
that becomes unreachable while it acts, in its first; ``half`` fails on one of two hosts of its second phase; ``good`` is in
order and finishes, whatever becomes of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.lab.harness import Run, few, hashes, lab, on, playbook, registered, started_with, tree

CLUSTERS = {
    "broken": ("agent01", "agent02", "agent04"),
    "lost": ("agent06", "agent08", "agent09"),
    "half": ("agent10", "agent11", "agent12", "agent13"),
    "good": ("agent14", "agent15", "agent16"),
}
AGENTS = tuple(agent for agents in CLUSTERS.values() for agent in agents)
# What no phase may touch any more once the one before it has failed.
SPARED = ("agent04", "agent08", "agent09", "agent13")
GATE = "phase {} does not start, because phase {} did not succeed on {}"
FILES = {
    "scaleio-sds-domains": b"engineering\n",
    "scaleio-sds-engineering": b"qe\n",
    "scaleio-sds-qe": b"/dev/xvdf\n",
    "scaleio-sdc-domains": b"engineering\n",
    "scaleio-sdc-engineering": b"qe\n",
}
PLAYS = Path(__file__).parent / "plays"

# Ends every SSH connection of the host, and lets none in, as soon as an attribute is written.
CUT_OFF = """
cat > /run/systemd/system/mesos-lab-cut.path <<'END'
[Path]
PathModified=/etc/mesos-slave/attributes
END
cat > /run/systemd/system/mesos-lab-cut.service <<'END'
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'systemctl stop ssh.socket ssh; pkill -KILL sshd'
END
mkdir -p /etc/mesos-slave/attributes
systemctl daemon-reload
systemctl start mesos-lab-cut.path
"""


@pytest.fixture
def inventories(tmp_path: Path) -> Iterator[tuple[Path, ...]]:
    """The four clusters on a fresh lab, with the faults in place."""
    lab("reset")
    declared = tmp_path / "declared.yml"
    hosts = {
        agent: {
            "scaleio_cluster": cluster,
            "scaleio_max_unavailable": 2 if cluster == "half" else 1,
            "scaleio_rack": "r1",
            "scaleio_sds": {"engineering": {"qe": ["/dev/xvdf"]}},
        }
        for cluster, agents in CLUSTERS.items()
        for agent in agents
    }
    declared.write_text(yaml.safe_dump({"mesos_agents": {"hosts": hosts}}))
    for host in ("agent02", "agent12"):
        on(host, "sh", "-c", "echo 1 > /etc/mesos-slave/no_such_flag")
    on("agent06", "sh", "-c", CUT_OFF)
    yield (*few(tmp_path, *AGENTS, declared=False), declared)
    on(
        "agent06",
        "sh",
        "-c",
        "systemctl stop mesos-lab-cut.path; rm /run/systemd/system/mesos-lab-cut.*; systemctl start ssh",
    )


def halted_where_it_failed(run: Run, before: dict[str, str]) -> None:
    """The assertions that hold for every play."""
    after = hashes(*AGENTS)
    assert [host for host in SPARED if before[host] != after[host]] == []
    said = run.failures()
    # Each fault is the planted one, and not something else that happens to end a phase.
    assert "does not stay up" in said["agent02"] and "no_such_flag" in said["agent02"], said["agent02"]
    assert "does not stay up" in said["agent12"] and "no_such_flag" in said["agent12"], said["agent12"]
    assert any(entry["host"] == "agent06" and entry["status"] == "unreachable" for entry in run.results)
    # In words, each where it stands.
    assert GATE.format(3, 2, "agent02") in said["agent04"], said["agent04"]
    assert GATE.format(2, 1, "agent06") in said["agent08"], said["agent08"]
    assert GATE.format(3, 1, "agent06") in said["agent09"], said["agent09"]
    assert GATE.format(3, 2, "agent12") in said["agent13"], said["agent13"]
    for host in ("agent01", "agent10", "agent11", *CLUSTERS["good"]):
        assert host not in said, said[host]
        assert tree(host) == FILES
        assert len(started_with(host)) == 2
    attributes = {name: content.decode().strip() for name, content in FILES.items()}
    known = registered()
    assert [host for host in CLUSTERS["good"] if known[host] != attributes] == []
    assert [host for host in SPARED if known[host] != {}] == []
    assert [host for host in SPARED if len(started_with(host)) != 1] == []


def test_the_playbook_itself(inventories: tuple[Path, ...]) -> None:
    before = hashes(*AGENTS)
    run = playbook("holdfast.stateful.scaleio_imperative", inventories=inventories)
    assert run.status != 0
    halted_where_it_failed(run, before)
    # What was mended is finished by the next run, and the good cluster is left alone.
    for host in ("agent02", "agent12"):
        on(host, "rm", "/etc/mesos-slave/no_such_flag")
    on("agent06", "sh", "-c", "systemctl stop mesos-lab-cut.path; systemctl start ssh")
    starts = {host: len(started_with(host)) for host in CLUSTERS["good"]}
    again = playbook("holdfast.stateful.scaleio_imperative", inventories=inventories).expect(0)
    assert not set(again.changed()) & {*CLUSTERS["good"], "agent01", "agent10", "agent11"}
    assert {host: len(started_with(host)) for host in CLUSTERS["good"]} == starts
    assert [host for host in AGENTS if tree(host) != FILES] == []


def test_a_play_that_ignores(inventories: tuple[Path, ...]) -> None:
    before = hashes(*AGENTS)
    halted_where_it_failed(playbook(PLAYS / "careless.yml", inventories=inventories), before)


def test_a_play_that_rescues_on_the_newest_core(inventories: tuple[Path, ...], newest: dict[str, str]) -> None:
    before = hashes(*AGENTS)
    run = playbook(PLAYS / "rescued.yml", inventories=inventories, environment=newest)
    halted_where_it_failed(run, before)
