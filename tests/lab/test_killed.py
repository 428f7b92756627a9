# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs that are killed: the whole of ansible-playbook, or the module on a host, at spread times. The next run ends in the
same state, and at no moment did an agent start that the framework would have taken for one without imperative attributes.

Agents go to and fro between two layouts that share nothing but the device, so every file of an agent changes. What is on a
host is read through /proc, in less time than a step takes. Two clusters of three agents each stand side by side, one for
each way to be killed, so that two cases run at a time.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lab.harness import (
    Run,
    agents_at_master,
    family,
    few,
    hashes,
    lab,
    playbook,
    root,
    started_with,
    until,
)
from tests.lab.runs import Running, started

BOOK = "holdfast.stateful.scaleio_imperative"
LOCK = "/var/lib/holdfast/scaleio/scaleio.lock"


@dataclass(frozen=True)
class Layout:
    """One of the two declarations, with the files that it makes, byte by byte."""

    variables: Mapping[str, object]
    files: Mapping[str, str]

    @property
    def argument(self) -> str:
        """What the wrapper makes of the files: the names in its order of collation."""
        return "--attributes=" + ";".join(f"{name}:{value.strip()}" for name, value in sorted(self.files.items()))


ONE = Layout(
    {
        "scaleio_sds": {"engineering": {"qe": ["/dev/xvdf"]}},
        "scaleio_sdc": {"engineering": ["qe"]},
        "scaleio_max_unavailable": 2,
        "scaleio_rack": "r1",
    },
    {
        "scaleio-sdc-domains": "engineering\n",
        "scaleio-sdc-engineering": "qe\n",
        "scaleio-sds-domains": "engineering\n",
        "scaleio-sds-engineering": "qe\n",
        "scaleio-sds-qe": "/dev/xvdf\n",
    },
)
OTHER = Layout(
    {
        "scaleio_sds": {"research": {"fast": ["/dev/xvdf"]}},
        "scaleio_sdc": {"research": ["fast"]},
        "scaleio_max_unavailable": 2,
        "scaleio_rack": "r1",
    },
    {
        "scaleio-sdc-domains": "research\n",
        "scaleio-sdc-research": "fast\n",
        "scaleio-sds-domains": "research\n",
        "scaleio-sds-fast": "/dev/xvdf\n",
        "scaleio-sds-research": "fast\n",
    },
)


@dataclass(frozen=True)
class Moment:
    """When to kill, by what is seen on an agent: the first, second or third one of its cluster, of which the first is a
    phase of its own. writes: after so many changes of its files; 0: when it starts again."""

    agent: int
    writes: int

    def __str__(self) -> str:
        return f"agent {self.agent}, " + (f"write {self.writes}" if self.writes else "start")


# Of the controller, and of the module.
MOMENTS = [
    (Moment(0, 1), Moment(0, 2)),
    (Moment(0, 6), Moment(1, 1)),
    (Moment(0, 0), Moment(1, 0)),
    (Moment(1, 3), Moment(2, 5)),
    (Moment(2, 0), Moment(0, 7)),
]


@dataclass
class Seen:
    """What was on the hosts' disks in the moment of each kill."""

    cases: list[str] = field(default_factory=list)
    between_writes: list[str] = field(default_factory=list)
    between_agents: list[str] = field(default_factory=list)

    def note(self, case: str, old: Layout, new: Layout, there: Mapping[str, Mapping[str, str]]) -> None:
        self.cases.append(case)
        if any(files not in (old.files, new.files) for files in there.values()):
            self.between_writes.append(case)
        if old.files in there.values() and new.files in there.values():
            self.between_agents.append(case)


SEEN = Seen()


# -- hosts, from outside -----------------------------------------------------------------------------------------------


class Host:
    """A running lab host, read through the root directory of its first process."""

    def __init__(self, name: str) -> None:
        self.root = root(name)

    def files(self) -> dict[str, str]:
        """The attribute files, as they all were at one moment."""
        found = self._read()
        while (again := self._read()) != found:
            found = again
        return found

    def _read(self) -> dict[str, str]:
        found = {}
        folder = self.root / "etc/mesos-slave/attributes"
        for path in folder.iterdir() if folder.is_dir() else ():
            try:
                found[path.name] = path.read_text()
            except FileNotFoundError:
                continue
        return found

    def starts(self) -> int:
        """How often its agent has started."""
        return (self.root / "var/log/mesos/simulator-argv.jsonl").read_bytes().count(b"\n")

    def acting(self) -> list[int]:
        """The processes, as numbered out here, that hold the cluster's lock on this host (proc(5), /proc/locks)."""
        try:
            lock = os.stat(self.root / LOCK.lstrip("/"))
        except FileNotFoundError:
            return []
        place = f"{os.major(lock.st_dev):02x}:{os.minor(lock.st_dev):02x}:{lock.st_ino}"
        held = (line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" not in line)
        return [int(pid) for _, _, _, _, pid, where, *_ in held if where == place]


def unsafe(host: str, files: Mapping[str, str]) -> list[str]:
    """What the framework would make of an agent that starts with these files, and must not."""
    domains = files.get("scaleio-sds-domains", "").strip()
    found = []
    if not (domains or files.get("scaleio-sdc-domains", "").strip()):
        found.append(f"{host} would start without imperative attributes: {files}")
    pools = files.get(f"scaleio-sds-{domains}", "").strip().split(",")
    homes = [pool for pool in pools if "/dev/xvdf" in files.get(f"scaleio-sds-{pool}", "")]
    if len(homes) > 1:
        found.append(f"{host} would give its disk to {homes}: {files}")
    return found


# -- the moment --------------------------------------------------------------------------------------------------------


def wait_for(moment: Moment, host: Host, files: Mapping[str, str], starts: int, running: Running) -> list[int]:
    """Watch an agent until the moment has come, at the latest until it starts.

    :param files: what was there before the run.
    :param starts: how often the agent had started before the run.
    :returns: the processes that act on it.
    """
    end = time.monotonic() + 60
    acting: list[int] = []
    while host.starts() == starts:
        said = running.output.read_text
        assert time.monotonic() < end, f"{moment} did not come in time:\n{said()[-3000:]}"
        assert running.process.poll() is None, f"the run was over before {moment}:\n{said()[-3000:]}"
        now = host.files()
        changed = sum(now.get(name) != files.get(name) for name in {*now, *files})
        if not changed or not acting:
            # Whoever only looks holds the lock for a moment as well, and is gone by the first write.
            time.sleep(0.002)
            acting = host.acting()
        elif moment.writes and changed >= moment.writes:
            break
    return acting


# -- the scenario ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cluster:
    """Three agents, by themselves."""

    inventories: tuple[Path, ...]
    hosts: Mapping[str, Host]

    def layouts(self) -> tuple[Layout, Layout]:
        """The layout that the agents have, and the one that they get."""
        there = next(iter(self.hosts.values())).files()
        return (ONE, OTHER) if there == ONE.files else (OTHER, ONE)

    def run(self, layout: Layout) -> Run:
        return playbook(BOOK, inventories=self.inventories, variables=layout.variables)

    def arrived(self, layout: Layout) -> None:
        """Files, command lines and the leading master agree on the layout, on every agent."""
        known = [agent for agent in agents_at_master() if agent["active"] and agent["hostname"] in self.hosts]
        assert sorted(agent["hostname"] for agent in known) == sorted(self.hosts)
        for agent in known:
            assert agent["attributes"] == {name: value.strip() for name, value in layout.files.items()}
        for name, host in self.hosts.items():
            assert host.files() == layout.files
            assert layout.argument in started_with(name)[-1]

    @contextmanager
    def safe(self) -> Iterator[None]:
        """Meanwhile no agent starts as one that the framework would take all disks from."""
        before = {name: host.starts() for name, host in self.hosts.items()}
        yield
        for name in self.hosts:
            for argv in started_with(name)[before[name] :]:
                assert re.search(r"scaleio-sd[sc]-domains:\w", " ".join(argv)), f"{name} has started with {argv}"


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cluster, Cluster]:
    """Two clusters that have the first layout."""
    lab("reset")
    found = []
    for agents in (("agent01", "agent02", "agent04"), ("agent06", "agent08", "agent09")):
        inventories = few(tmp_path_factory.mktemp("killed"), *agents, declared=False)
        found.append(Cluster(inventories, {name: Host(name) for name in agents}))
    first, second = found
    with ThreadPoolExecutor() as pool:
        for run in pool.map(lambda cluster: cluster.run(ONE), found):
            run.expect(0)
    return first, second


def kill_and_resume(cluster: Cluster, kind: str, moment: Moment) -> None:
    old, new = cluster.layouts()
    case = f"{kind} at {moment}"
    name, host = list(cluster.hosts.items())[moment.agent]
    starts = host.starts()
    with cluster.safe():
        with started(BOOK, cluster.inventories, new.variables) as running:
            victims = wait_for(moment, host, old.files, starts, running)
            if kind == "module":
                assert victims, f"no module was seen before {moment}"
                for pid in victims:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            else:
                running.kill()
            there = {agent: each.files() for agent, each in cluster.hosts.items()}
            assert [problem for agent, files in there.items() for problem in unsafe(agent, files)] == []
            SEEN.note(case, old, new, there)
            killed = running.finish()
        assert killed.status != 0, "the run has not noticed that it was killed"
        assert name not in killed.changed()
        assert [problem for agent, each in cluster.hosts.items() for problem in unsafe(agent, each.files())] == []
        # The next run finds what there is, and brings it to the same end.
        resumed = cluster.run(new).expect(0)
        cluster.arrived(new)
    assert resumed.changed() == dict.fromkeys(resumed.actions(), 1)
    if moment.agent == 0:
        # In the last phase, a member that finishes ends the run for all.
        died = r"run \w{8} from \S+ \(pid \d+\) is in phase 1 of 2 and died; this run goes on from what is there"
        assert re.search(died, " ".join(resumed.output.split())), resumed.output[-3000:]


@pytest.mark.parametrize("moments", MOMENTS, ids=lambda pair: "; ".join(map(str, pair)))
def test_killed(moments: tuple[Moment, Moment], clusters: tuple[Cluster, Cluster]) -> None:
    with ThreadPoolExecutor() as pool:
        list(pool.map(kill_and_resume, clusters, ("controller", "module"), moments))


def test_the_kills_hit() -> None:
    """Control: had every kill come before the first or after the last step, nothing would have been proven."""
    assert len(SEEN.between_writes) >= len(SEEN.cases) * 0.4, SEEN
    assert SEEN.between_agents, SEEN


def test_a_second_run_meets_a_living_one(clusters: tuple[Cluster, Cluster]) -> None:
    cluster = clusters[0]
    old, new = cluster.layouts()
    host = next(iter(cluster.hosts.values()))
    starts = host.starts()
    with cluster.safe(), started(BOOK, cluster.inventories, new.variables) as first:
        wait_for(Moment(0, 0), host, old.files, starts, first)
        # Held still while a module of the first phase is at work, it cannot begin the second one; and it lives all the same.
        still = family(first.process.pid)
        for pid in still:
            os.kill(pid, signal.SIGSTOP)
        try:
            until(lambda: not any(each.acting() for each in cluster.hosts.values()))
            assert [name for name, each in cluster.hosts.items() if each.files() == new.files] == list(cluster.hosts)[
                :1
            ]
            before = hashes(*cluster.hosts)
            second = cluster.run(new).expect(2)
            assert second.changed() == {}
            refusal = (
                r"The cluster scaleio is refused and nothing was changed\. run \w{8} from \S+ \(pid \d+\) is in phase"
                r" 1 of 2; wait until it has ended"
            )
            for agent in cluster.hosts:
                assert re.search(refusal, second.failures()[agent]), second.failures()[agent]
            assert hashes(*cluster.hosts) == before
        finally:
            for pid in still:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        first.finish().expect(0)
    cluster.arrived(new)
    assert cluster.run(new).expect(0).changed() == {}


@pytest.mark.soak
@pytest.mark.parametrize("turn", range(20))
def test_killed_at_random(turn: int, clusters: tuple[Cluster, Cluster]) -> None:
    dice = random.Random(time.time_ns())
    moments = [Moment(dice.randrange(3), dice.randint(0, 8)) for _cluster in clusters]
    print(f"turn {turn}: controller at {moments[0]}, module at {moments[1]}")
    with ThreadPoolExecutor() as pool:
        list(pool.map(kill_and_resume, clusters, ("controller", "module"), moments))
