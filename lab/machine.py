# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machine that carries the lab: running programs on it, and whether it has what the lab needs."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
import textwrap
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parents[1]

# Third byte onwards of the networks that are tried, the first one by preference.
NETWORKS = [ipaddress.IPv4Network(f"10.89.{third}.0/24") for third in range(50, 100)]

# What building the images takes meanwhile, and what a host takes: measured, with room to spare.
DISK_FOR_IMAGES = 2 << 30
DISK_PER_HOST = 50 << 20
MEMORY_PER_HOST = 60 << 20

# Debian packages of the programs that are called here.
PACKAGES = {
    "iptables": "iptables",
    "ip": "iproute2",
    "losetup": "mount",
    "mmdebstrap": "mmdebstrap",
    "nsenter": "util-linux",
    "podman": "podman",
    "ssh-keygen": "openssh-client",
}

Item = TypeVar("Item")
Result = TypeVar("Result")


class LabError(Exception):
    """What failed, what was seen and what to do next, as text for the user."""


def say(text: str) -> None:
    """One line of progress."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


def run(*argv: str | Path, remedy: str = "") -> str:
    """Run a program to its end; what it printed.

    :param remedy: what to do when it fails.
    :raises LabError: it failed; with its last words.
    """
    done = subprocess.run(
        [str(word) for word in argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = textwrap.shorten(" ".join(str(word) for word in argv), 160, placeholder=" ...")
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise LabError(f"`{words}` ended with status {done.returncode}:\n{last}" + (f"\n{remedy}" if remedy else ""))
    return done.stdout


def each(items: Iterable[Item], work: Callable[[Item], Result], workers: int = 8) -> list[Result]:
    """Do the work for all items, several at once; the results in their order. The first failure is raised after all have ended."""
    with ThreadPoolExecutor(workers) as pool:
        return [future.result() for future in [pool.submit(work, item) for item in items]]


def choose_runtime(installed: Sequence[str], cgroups: str) -> str:
    """The OCI runtime for the hosts.

    :param installed: those that are there, of ``runc`` and ``crun``.
    :param cgroups: ``v1``, ``hybrid`` or ``v2``. crun starts no host on a hybrid layout, runc does on all three.
    :raises LabError: none will do.
    """
    if "runc" in installed:
        return "runc"
    if "crun" in installed and cgroups == "v2":
        return "crun"
    raise LabError(f"no OCI runtime for cgroups {cgroups}: install it with `apt-get install runc`.")


def cgroup_layout(root: Path = Path("/sys/fs/cgroup")) -> str:
    """``v2``: one tree; ``hybrid``: that tree beside those of v1; ``v1``."""
    if (root / "cgroup.controllers").exists():
        return "v2"
    return "hybrid" if (root / "unified" / "cgroup.controllers").exists() else "v1"


def free_network(taken: Iterable[ipaddress.IPv4Network]) -> ipaddress.IPv4Network:
    """The first of :data:`NETWORKS` that overlaps none of the networks in use."""
    used = list(taken)
    for network in NETWORKS:
        if not any(network.overlaps(other) for other in used):
            return network
    raise LabError(
        f"every network from {NETWORKS[0]} to {NETWORKS[-1]} is in use on this machine (`ip route`, `podman network ls`): "
        "remove one of them."
    )


def taken_networks(routes: str) -> list[ipaddress.IPv4Network]:
    """The destinations in the output of ``ip -j -4 route``; a default route takes nothing."""
    return [
        ipaddress.IPv4Network(route["dst"], strict=False) for route in json.loads(routes) if route["dst"] != "default"
    ]


@dataclass(frozen=True)
class Machine:
    """What the lab can count on. :param runtime: name of the OCI runtime. :param apparmor: podman confines by AppArmor."""

    runtime: str
    apparmor: bool

    def podman(self, *argv: str | Path, remedy: str = "") -> str:
        """Run podman with the lab's runtime; what it printed."""
        return run("podman", "--runtime", self.runtime, *argv, remedy=remedy)


def rights() -> None:
    """:raises LabError: this is not root."""
    if os.geteuid():
        raise LabError("the lab makes network interfaces and block devices, which takes root: run it with sudo.")


def preflight(machine: Machine, state: Path, hosts: int) -> None:
    """Look at the machine before hosts are started.

    :param state: the directory of the lab's state; it exists.
    :param hosts: how many will be started.
    :raises LabError: something is missing; with the remedy.
    """
    disk_room(machine, state, hosts * DISK_PER_HOST)
    available = memory_available(Path("/proc/meminfo").read_text())
    if available < hosts * MEMORY_PER_HOST:
        raise LabError(
            f"{available >> 20} MB of memory are available, {hosts} hosts need {hosts * MEMORY_PER_HOST >> 20} MB: "
            "end something, or start fewer hosts (`lab up HOST...`)."
        )
    if not Path("/dev/loop-control").exists():
        raise LabError("there is no /dev/loop-control, so hosts can have no disks: load it with `modprobe loop`.")


def disk_room(machine: Machine, state: Path, wanted: int) -> None:
    """:raises LabError: fewer bytes are free for the lab's state or for podman's images."""
    for where in (state, Path(json.loads(machine.podman("info", "--format", "json"))["store"]["graphRoot"])):
        free = shutil.disk_usage(where).free
        if free < wanted:
            raise LabError(
                f"{where} has {free >> 20} MB of free room, the lab needs {wanted >> 20} MB there: "
                "free some, or point HOLDFAST_LAB_STATE (state) or podman's storage.conf (images) elsewhere."
            )


def needed() -> Machine:
    """The machine, if it has the programs.

    :raises LabError: some are missing; with the remedy.
    """
    # Neither `su` nor `sudo -E` puts these into the PATH that it keeps.
    os.environ["PATH"] = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    missing = sorted({package for program, package in PACKAGES.items() if not shutil.which(program)})
    if missing:
        raise LabError(f"programs are missing: install them with `apt-get install {' '.join(missing)}`.")
    runtime = choose_runtime([name for name in ("runc", "crun") if shutil.which(name)], cgroup_layout())
    enabled = Path("/sys/module/apparmor/parameters/enabled")
    return Machine(runtime, apparmor=enabled.exists() and enabled.read_text().strip() == "Y")


def memory_available(meminfo: str) -> int:
    """MemAvailable of /proc/meminfo in bytes."""
    for line in meminfo.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) << 10
    raise LabError("/proc/meminfo has no line MemAvailable.")
