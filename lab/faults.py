# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Breaking the lab, and mending it. Every function returns a sentence that says what was done."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import time

from lab import disks, hosts, inventory, network
from lab.lifecycle import Lab
from lab.machine import LabError, needed, run

# <linux/ext4.h>: stop all writing at once, without flushing the journal first.
_EXT4_IOC_SHUTDOWN = 0x8004587D
_NOLOGFLUSH = struct.pack("=I", 2)

# Between ending a host's first process and podman's knowing of it.
GONE_SECONDS = 10.0


# -- processes and hosts -------------------------------------------------------------------------------------------


def kill(lab: Lab, host: str, pattern: str) -> str:
    """SIGKILL to every process of a host whose command line a regular expression finds."""
    _known(lab, host)
    killed = hosts.inside(lab.state, host, "pkill", "--echo", "--signal", "KILL", "--full", "--", pattern, good=(0, 1))
    if not killed:
        raise LabError(f"no process of {host} has {pattern!r} in its command line.")
    return f"{host}: " + ", ".join(killed.splitlines())


def stop(lab: Lab, host: str) -> str:
    """Shut a host down: its units stop, its connections close."""
    _known(lab, host)
    hosts.root(lab.state, host)
    needed().podman("stop", "--time", "20", f"holdfast-{host}")
    return f"{host} is shut down"


def crash(lab: Lab, host: str) -> str:
    """End a host as a power cut does: nothing is written any more, and its peers get no word of it.

    Data that only the kernel's memory held is not lost, as the kernel goes on: this says nothing about durability.
    """
    _known(lab, host)
    first = hosts.root(lab.state, host).parent
    # Else the kernel would close every connection politely.
    run("nsenter", "--target", first.name, "--net", "ip", "link", "set", "eth0", "down")
    for mount in ext4_mounts((first / "mountinfo").read_text()):
        descriptor = os.open(first / "root" / mount, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(descriptor, _EXT4_IOC_SHUTDOWN, _NOLOGFLUSH)
        finally:
            os.close(descriptor)
    os.kill(int(first.name), signal.SIGKILL)
    deadline = time.monotonic() + GONE_SECONDS
    while hosts.containers(lab.state)[host].running:
        if time.monotonic() > deadline:
            raise LabError(f"{host} is still there {GONE_SECONDS:.0f} s after its end: see `podman ps -a`.")
        time.sleep(0.05)
    return f"{host} has crashed"


def ext4_mounts(mountinfo: str) -> list[str]:
    """Mount points of ext4 on a lab host's disks (proc(5), mountinfo), relative to its root; the root lies on none."""
    found = []
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        kind, source = right.split()[:2]
        if kind == "ext4" and source.startswith("/dev/xvd"):
            found.append(left.split()[4].replace("\\040", " ").lstrip("/"))
    return found


def start(lab: Lab, host: str) -> str:
    """Start a host that is down, with a new boot ID as after any boot."""
    _known(lab, host)
    if host not in hosts.intact(lab.state):
        raise LabError(f"{host} was never made: make it with `lab up {host}`.")
    if hosts.pid(lab.state, host) is not None:
        raise LabError(f"{host} runs already.")
    needed().podman("start", f"holdfast-{host}")
    network.restore(lab.state, [host], lab.addresses())
    hosts.wait_ready(lab.state, lab.hosts[host])
    return f"{host} is up again"


# -- network -------------------------------------------------------------------------------------------------------


def cut(lab: Lab, one: str, other: str) -> str:
    """Cut two hosts apart, or a host and the machine where playbooks run (``controller``)."""
    _peers(lab, one, other)
    network.cut(lab.state, one, other, lab.addresses())
    return f"{one} and {other} are cut apart"


def mend(lab: Lab, one: str, other: str) -> str:
    """Undo a cut."""
    _peers(lab, one, other)
    network.mend(lab.state, one, other, lab.addresses())
    return f"{one} and {other} reach each other again"


def _peers(lab: Lab, one: str, other: str) -> None:
    for name in {one, other} - {network.CONTROLLER}:
        _known(lab, name)
    if one == other:
        raise LabError("a host cannot be cut from itself: name two.")


# -- disks ---------------------------------------------------------------------------------------------------------


def disk_add(lab: Lab, host: str, device: str, size: str, content: str) -> str:
    """Add a disk to a running host."""
    _known(lab, host)
    hosts.root(lab.state, host)
    disk = inventory.parse_disk(device, size, content)
    if any(node.name == disk.name for node in disks.look(lab.state, host)):
        raise LabError(f"{host} has a disk {device} already: name another one, or take it away with `lab disk-remove`.")
    disks.attach(lab.state, host, [disk])
    lab.show(host)
    lab.fill(lab.hosts[host], disk)
    return f"{host} has a disk {device} of {size}" + ("" if content == "empty" else f" with {content}")


def disk_remove(lab: Lab, host: str, device: str) -> str:
    """Take a disk away from a running host. What it held is gone."""
    _known(lab, host)
    hosts.root(lab.state, host)
    name = device.removeprefix("/dev/")
    there = [node.name for node in disks.look(lab.state, host)]
    if name not in there:
        raise LabError(f"{host} has no disk {device}: its disks are {', '.join(there) or 'none'}.")
    disks.detach(lab.state, [disks.image(lab.state, host, name)])
    lab.show(host)
    return f"{host} has lost its disk {device}"


def disk_fill(lab: Lab, host: str, directory: str) -> str:
    """Put a full file system over a directory, holding what the directory holds: reads work, writes find no room."""
    _known(lab, host)
    hosts.inside(lab.state, host, f"{hosts.INSIDE}/full", "fill", directory)
    return f"{host}: no room is left in {directory}"


def disk_free(lab: Lab, host: str, directory: str) -> str:
    """Undo disk-fill; what was changed meanwhile is kept."""
    _known(lab, host)
    hosts.inside(lab.state, host, f"{hosts.INSIDE}/full", "free", directory)
    return f"{host}: there is room in {directory} again"


def _known(lab: Lab, host: str) -> None:
    inventory.select(lab.hosts, [host])
