# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The description of the lab: inventories/lab/hosts.yml, read without Ansible. Pure, but for reading the file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.machine import ROOT, LabError

HOSTS = ROOT / "inventories" / "lab" / "hosts.yml"
IMAGES = ("bookworm", "bullseye")
CONTENTS = ("empty", "ext4", "partition", "swap", "lvm")
MASTERS, AGENTS, SPARE = "mesos_masters", "mesos_agents", "lab_spare"

_UNITS = {"M": 20, "G": 30, "T": 40}


@dataclass(frozen=True)
class Disk:
    """One disk of one host.

    :param name: without ``/dev/``, such as ``xvdf``.
    :param size: bytes.
    :param content: one of :data:`CONTENTS`.
    """

    name: str
    size: int
    content: str = "empty"

    def __str__(self) -> str:
        return f"{self.name} {self.size} {self.content}"


@dataclass(frozen=True)
class Host:
    """:param octet: last octet of its address. :param group: the one group that it stands in.
    :param services: units that it runs beside its group's daemon, by their stems. :param password: of ScaleIO's administrator, on
    the host of the gateway."""

    name: str
    group: str
    octet: int
    image: str
    disks: tuple[Disk, ...]
    services: tuple[str, ...] = ()
    password: str = ""


def parse_size(text: str) -> int:
    """``500G`` -> bytes; units M, G and T, powers of 1024."""
    found = re.fullmatch(r"([1-9][0-9]*)([MGT])", str(text))
    if not found:
        raise LabError(f"{text!r} is no size: write a whole number with M, G or T, such as 500G.")
    return int(found[1]) << _UNITS[found[2]]


def parse_disk(device: str, size: str, content: str = "empty") -> Disk:
    """A disk as the inventory or the command line names it.

    :param device: path, such as ``/dev/xvdf``.
    """
    if not re.fullmatch(r"/dev/xvd[a-z]", str(device)):
        raise LabError(f"{device!r} is no name for a disk of the lab: write /dev/xvda to /dev/xvdz.")
    if content not in CONTENTS:
        raise LabError(f"{device}: content {content!r} is unknown: write one of {', '.join(CONTENTS)}.")
    return Disk(str(device).removeprefix("/dev/"), parse_size(size), content)


def parse(tree: Mapping[str, Any]) -> dict[str, Host]:
    """The hosts of an inventory whose groups stand at the top, by name, in their order.

    Variables of a host go before those of its group, those before the ones of ``all``.
    """
    common = (tree.get("all") or {}).get("vars") or {}
    hosts: dict[str, Host] = {}
    for group, body in tree.items():
        for name, own in ((body or {}).get("hosts") or {}).items():
            if name in hosts:
                raise LabError(f"host {name} stands in two groups, {hosts[name].group} and {group}: leave one.")
            values = {**common, **(body.get("vars") or {}), **(own or {})}
            hosts[name] = _host(name, group, values)
    octets: dict[int, str] = {}
    for host in hosts.values():
        if host.octet in octets:
            raise LabError(f"{octets[host.octet]} and {host.name} have the same lab_address {host.octet}.")
        octets[host.octet] = host.name
    return hosts


def _host(name: str, group: str, values: Mapping[str, Any]) -> Host:
    octet, image = values.get("lab_address"), values.get("lab_image")
    if not isinstance(octet, int) or not 2 <= octet <= 254:
        raise LabError(f"host {name}: lab_address is {octet!r}: write a number from 2 to 254.")
    if image not in IMAGES:
        raise LabError(f"host {name}: lab_image is {image!r}: write one of {', '.join(IMAGES)}.")
    disks = tuple(parse_disk(**disk) for disk in values.get("lab_disks") or ())
    if len({disk.name for disk in disks}) < len(disks):
        raise LabError(f"host {name}: lab_disks names a device twice.")
    services = tuple(values.get("lab_services") or ())
    return Host(name, group, octet, image, disks, services, str(values.get("scaleio_password") or ""))


def load(path: Path = HOSTS) -> dict[str, Host]:
    """The lab's hosts by name."""
    return parse(yaml.safe_load(path.read_text()))


def select(hosts: Mapping[str, Host], names: Sequence[str], groups: Sequence[str] = ()) -> list[Host]:
    """The named hosts and those of the named groups; all when nothing is named.

    :raises LabError: a name is unknown.
    """
    known = {host.group for host in hosts.values()}
    for name in names:
        if name not in hosts:
            raise LabError(f"the lab has no host {name}: its hosts are {', '.join(hosts)}.")
    for group in groups:
        if group not in known:
            raise LabError(f"the lab has no group {group}: its groups are {', '.join(sorted(known))}.")
    if not names and not groups:
        return list(hosts.values())
    return [host for host in hosts.values() if host.name in names or host.group in groups]
