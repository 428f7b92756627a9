# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs groups of cases against a product: the simulators, or real programs in a folder.

Each group runs in a process of its own with private mount, network and process namespaces (worker.py), so that fixed paths
and addresses (10.0.0.10 master1, 10.0.0.20 master2, 10.0.0.11 node1) hold and nothing outlives it. Root is needed.
"""

from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOTFS = HERE.parents[1] / "lab" / "simulators" / "mesos" / "rootfs"
PROGRAMS = ("mesos-agent", "mesos-slave", "mesos-master", "mesos-init-wrapper")

GROUP_SECONDS = 120
# Independent cases of this group are dealt out to several workers; the others are sequences.
SHARDED = "flags"
SHARDS = 3
WORKERS = 4


class Refused(Exception):
    """The executor cannot run; the message says what to do."""


def product(option: str) -> dict[str, Any]:
    """What --executor names: "simulator" or "command:FOLDER" with the programs of PROGRAMS and a "zookeeper"."""
    if option == "simulator":
        # No ZooKeeper runs beside the simulators: the hosts of the address are the masters.
        return {"tree": str(ROOTFS), "folder": "", "programs": [], "zk": "zk://10.0.0.10:2181,10.0.0.20:2181/mesos"}
    kind, _, folder = option.partition(":")
    if kind != "command":
        raise Refused(f"--executor={option}: write simulator, or command:FOLDER")
    missing = [name for name in (*PROGRAMS, "zookeeper") if not os.access(os.path.join(folder, name), os.X_OK)]
    if missing:
        raise Refused(f"{folder} lacks the programs {', '.join(missing)}")
    return {"tree": "", "folder": folder, "programs": list(PROGRAMS), "zk": "zk://10.0.0.10:2181/mesos"}


def locale_folder(scratch: Path) -> str | None:
    """A compiled en_US.UTF-8 where the host has none; the init wrapper sorts file names by it."""
    known = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=True).stdout.lower().split()
    if "en_us.utf8" in known:
        return None
    folder = scratch / "en_US.utf8"
    # 1 means warnings only.
    done = subprocess.run(
        ["localedef", "--no-archive", "-i", "en_US", "-f", "UTF-8", str(folder)], capture_output=True, check=False
    )
    if not folder.is_dir():
        raise Refused(f"en_US.UTF-8 cannot be compiled (install the package locales): {done.stderr.decode()}")
    return str(folder)


class Executor:
    """Starts groups when they are first asked for and keeps what they saw."""

    def __init__(self, option: str, scratch: Path) -> None:
        if os.geteuid() != 0:
            raise Refused("the conformance suite needs root, for its namespaces")
        self._product = product(option)
        self._locale = locale_folder(scratch)
        self._pool = ThreadPoolExecutor(WORKERS)
        self._groups: dict[str, list[Future[dict[str, Any]]]] = {}

    def start(self, group: str, cases: list[dict[str, Any]]) -> None:
        """Puts a group to work."""
        shards = SHARDS if group == SHARDED else 1
        self._groups[group] = [self._pool.submit(self._run, group, cases[index::shards]) for index in range(shards)]

    def seen(self, group: str, identifier: str) -> dict[str, Any]:
        """What a case of a started group saw."""
        for future in self._groups[group]:
            observations = future.result()
            if identifier in observations:
                return dict(observations[identifier])
        raise Refused(f"{identifier} was not run")

    def _run(self, group: str, cases: list[dict[str, Any]]) -> dict[str, Any]:
        task = {"group": group, "cases": cases, "product": self._product, "locale": self._locale}
        namespaces = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        done = subprocess.run(
            [*namespaces, "/usr/bin/python3", "-IB", str(HERE / "worker.py")],
            input=json.dumps(task).encode("ascii"),
            capture_output=True,
            timeout=GROUP_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise Refused(
                f"the worker of {group} ended with {done.returncode}:\n{done.stderr.decode('utf-8', 'replace')[-4000:]}"
            )
        return dict(json.loads(done.stdout))

    def close(self) -> None:
        self._pool.shutdown()
