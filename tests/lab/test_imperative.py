# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The article's cluster after its first deployment: sixteen equal agents in one pool (scenario scaleio_imperative).

Cleanup has recorded a check run and converge the real one, both before this file runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.harness import (
    LAB_INVENTORY,
    ROOT,
    Run,
    address,
    agents_at_master,
    events,
    most_down,
    on,
    playbook,
    read_record,
    registered,
    started_with,
    tree,
)

AGENTS = [f"agent{number:02}" for number in range(1, 17)]
INVENTORIES = (LAB_INVENTORY, ROOT / "inventories" / "hyperconverged_16")
DEPLOY = "holdfast.stateful.scaleio_imperative"
ATTRIBUTES = "/etc/mesos-slave/attributes"

ARGV = [
    "/usr/sbin/mesos-slave",
    "--master=zk://m1:2181,m2:2181,m3:2181/mesos",
    "--log_dir=/var/log/mesos",
    "--hostname={host}",
    "--ip={address}",
    "--work_dir=/var/lib/mesos",
]
IMPERATIVE = (
    "--attributes=scaleio-sdc-domains:engineering;scaleio-sdc-engineering:qe;"
    "scaleio-sds-domains:engineering;scaleio-sds-engineering:qe;scaleio-sds-qe:/dev/xvdf"
)
FILES = {
    "scaleio-sdc-domains": b"engineering\n",
    "scaleio-sdc-engineering": b"qe\n",
    "scaleio-sds-domains": b"engineering\n",
    "scaleio-sds-engineering": b"qe\n",
    "scaleio-sds-qe": b"/dev/xvdf\n",
}
SHOWN = {
    "scaleio-sdc-domains": "engineering",
    "scaleio-sdc-engineering": "qe",
    "scaleio-sds-domains": "engineering",
    "scaleio-sds-engineering": "qe",
    "scaleio-sds-qe": "/dev/xvdf",
}


def argv(host: str, *more: str) -> list[str]:
    return [word.format(host=host, address=address(host)) for word in ARGV] + list(more)


@pytest.fixture(scope="module")
def predicted() -> Run:
    return read_record(Path(os.environ["HOLDFAST_RECORD"] + ".predicted"))


@pytest.fixture(scope="module")
def first() -> Run:
    return read_record(Path(os.environ["HOLDFAST_RECORD"]))


def test_every_agent_was_started_twice_the_second_time_with_the_attributes() -> None:
    assert {host: started_with(host) for host in AGENTS} == {
        host: [argv(host), argv(host, IMPERATIVE)] for host in AGENTS
    }


def test_files_are_exact_to_the_byte_and_nothing_else_is_there(reach: Callable[[str], Any]) -> None:
    assert {host: tree(host) for host in AGENTS} == dict.fromkeys(AGENTS, FILES)
    for host in ("agent01", "agent16"):
        remote = reach(host)
        assert remote.check_output(f"find {ATTRIBUTES} -mindepth 1 ! -type f") == ""
        assert sorted(remote.file("/etc/mesos-slave").listdir()) == ["attributes", "hostname", "ip", "work_dir"]
        file = remote.file(f"{ATTRIBUTES}/scaleio-sds-qe")
        assert (file.user, file.group, file.mode, file.content) == ("root", "root", 0o644, b"/dev/xvdf\n")
        assert remote.service("mesos-slave").is_running and remote.service("mesos-slave").is_enabled


def test_the_leading_master_shows_exactly_the_wanted_attributes() -> None:
    assert registered() == dict.fromkeys(AGENTS, SHOWN)
    assert len(agents_at_master()) == 16


def test_the_check_run_predicted_exactly_what_the_run_did(predicted: Run, first: Run) -> None:
    done = first.actions()
    # Five files, the record, and: stop, set the old ID aside, start.
    assert {host: len(actions) for host, actions in done.items()} == dict.fromkeys(AGENTS, 9)
    assert predicted.actions() == done
    assert predicted.recap == first.recap


def test_never_more_than_one_agent_was_down() -> None:
    assert most_down(events()) == 1


def test_a_second_run_changes_nothing_restarts_nobody_and_takes_one_channel() -> None:
    before = {host: started_with(host) for host in AGENTS}
    for arguments in ((), ("--check",)):
        again = playbook(DEPLOY, *arguments, inventories=INVENTORIES).expect(0)
        assert again.changed() == {}
        assert again.actions() == {}
        assert again.channels == {address(host): 1 for host in AGENTS}
    assert {host: started_with(host) for host in AGENTS} == before


# -- a reader beside the writer ----------------------------------------------------------------------------------------

# In a mount namespace of its own, the daemon is a program that writes its arguments down: what the wrapper ends in is
# seen again and again, and the agent itself goes on undisturbed.
WATCH = """
rm -f /tmp/watch.*
printf '#!/bin/sh\\necho "$*" >> /tmp/watch.seen\\n' > /tmp/watch.daemon
chmod 755 /tmp/watch.daemon
mount --bind /tmp/watch.daemon /usr/sbin/mesos-slave
end=$(($(date +%s) + 60))
while [ ! -e /tmp/watch.stop ] && [ "$(date +%s)" -lt "$end" ]; do
    /usr/bin/mesos-init-wrapper slave || echo "the wrapper ended with $?" >> /tmp/watch.seen
done
"""


@contextmanager
def watched(host: str) -> Iterator[None]:
    """The wrapper of a host runs in a loop."""
    command = ["python3", "-m", "lab", "exec", host, "--", "unshare", "--mount", "sh", "-c", WATCH]
    watcher = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while on(host, "sh", "-c", "cat /tmp/watch.seen 2>/dev/null || true") == "":
            assert time.monotonic() < deadline, "the wrapper never ran"
        yield
    finally:
        on(host, "touch", "/tmp/watch.stop")
        watcher.wait(70)


def test_the_wrapper_sees_the_old_or_the_new_value_during_200_writes(tmp_path: Path) -> None:
    host, values = "agent01", ("/dev/xvdf", "/dev/xvdf,/dev/xvdg,/dev/xvdh,/dev/xvdi")
    task = {
        "rewrite_attribute": {"directory": ATTRIBUTES, "name": "scaleio-sds-qe", "values": list(values), "times": 200}
    }
    rewrite = tmp_path / "rewrite.yml"
    rewrite.write_text(json.dumps([{"hosts": host, "gather_facts": False, "tasks": [task]}]))
    modules = str(Path(__file__).parent / "plugins" / "modules")
    with watched(host):
        playbook(rewrite, inventories=INVENTORIES, environment={"ANSIBLE_LIBRARY": modules}).expect(0)
    expected = {" ".join(argv(host, IMPERATIVE.replace(values[0], value))[1:]) for value in values}
    seen = on(host, "cat", "/tmp/watch.seen").splitlines()
    assert set(seen) == expected
    turns = sum(before != after for before, after in zip(seen, seen[1:], strict=False))
    assert turns >= 5, f"the values changed {turns} times before the reader's eyes in {len(seen)} runs"
    assert tree(host) == FILES
