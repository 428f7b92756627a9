# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the framework would take from a host without imperative attributes, and whether that is agreed to. Pure.

The framework asks nobody (thecodeteam/scaleio-framework v0.3.1, executor UpdateDevices): every disk that its rule finds unused
goes to the single global pool. Here each of them needs a word in the inventory first.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import model

# In this order a reader should see them.
IN_USE, UNFIT, UNCONFIRMED, CONFIRMED, CONTRIBUTED = "in use", "unfit", "not confirmed", "confirmed", "contributed"
# Those that a run goes on with.
AGREED = (CONFIRMED, CONTRIBUTED)


@dataclass(frozen=True)
class Exposed:
    """One disk that the framework's rule takes, or has taken.

    :param size_bytes: 0 where it is no block device of the host.
    :param verdict: one of the five above; ``unfit`` is free, and the gateway refuses it.
    :param why: the reason, as the end of a sentence.
    """

    member: str
    path: str
    size_bytes: int
    verdict: str
    why: str

    def __str__(self) -> str:
        size = f" ({self.size_bytes / model.GB:.0f} GB)" if self.size_bytes else ""
        return f"{self.member}: {self.path}{size}: {self.verdict}: {self.why}"


def exposed(
    observation: Mapping[str, Any], contributed: Collection[str], confirmed: Sequence[str]
) -> tuple[list[Exposed], list[str]]:
    """Every disk of one host that the rule takes, and what is wrong with the confirmations.

    :param contributed: paths that the gateway shows as devices of this host.
    :param confirmed: paths and names below /dev/disk/by-id that the inventory confirms.
    """
    member, devices = observation["member"], observation["devices"]
    rule = observation["framework"]
    if observation["devices_error"]:
        return [], [f"the block devices could not be looked at: {observation['devices_error']}"]
    if rule["error"]:
        return [], [
            f"the framework fails on this host ({rule['error']}), so that it never comes to its final state; make blkid and fdisk"
            f" work there, or give the host imperative attributes"
        ]
    agreed = {path for request in confirmed if (path := _path(request, devices))}
    found = []
    for device in devices:
        path = device["path"]
        if not device["taken"] and path not in contributed:
            continue
        if path in contributed:
            verdict, why = CONTRIBUTED, "the gateway shows it as a device of this host"
        elif not device["free"]:
            verdict, why = IN_USE, f"{'; '.join(device['free_because'])}, and still {device['taken_because']}"
        elif problem := model.size_problem(device["size_bytes"]):
            verdict, why = UNFIT, f"{problem}, so that the gateway refuses it"
        elif path in agreed:
            verdict, why = CONFIRMED, device["taken_because"]
        else:
            verdict, why = UNCONFIRMED, device["taken_because"]
        found.append(Exposed(member, path, device["size_bytes"], verdict, why))
    paths = {device["path"] for device in devices}
    for offer in offered(observation):
        if offer not in paths and offer not in contributed:
            why = "the framework reads this name out of fdisk's output, and no block device has it"
            found.append(Exposed(member, offer, 0, IN_USE, why))
    return found, _stale(confirmed, devices, contributed)


def offered(observation: Mapping[str, Any]) -> list[str]:
    """What the rule takes from a host: paths of devices, and names that are none."""
    taken = [device["path"] for device in observation["devices"] if device["taken"]]
    known = {name for device in observation["devices"] for name in (device["path"], *device["names"])}
    return [*taken, *(offer for offer in dict.fromkeys(observation["framework"]["offers"]) if offer not in known)]


def _path(request: str, devices: Sequence[Mapping[str, Any]]) -> str | None:
    """The device that a confirmation means: named by its path, a link to it, or the link's last part."""
    link = request if request.startswith("/") else f"/dev/disk/by-id/{request}"
    return next((d["path"] for d in devices if link in (d["path"], *d["names"])), None)


def _stale(confirmed: Sequence[str], devices: Sequence[Mapping[str, Any]], contributed: Collection[str]) -> list[str]:
    """Confirmations that no longer say what they said: of a disk that is gone, or that the rule does not take any more."""
    problems = []
    by_path = {device["path"]: device for device in devices}
    for request in confirmed:
        path = _path(request, devices)
        if path is None:
            there = ", ".join(device["path"] for device in devices if device["type"] == "disk") or "none"
            problems.append(
                f"scaleio_global_pool_devices confirms {request}, which is not there; this host has the disks {there}"
            )
        elif not by_path[path]["taken"] and path not in contributed:
            uses = "; ".join(by_path[path]["free_because"])
            problems.append(
                f"scaleio_global_pool_devices confirms {request}, and the framework does not take it"
                f" ({by_path[path]['taken_because']}; it {uses}): look at what is on it, and take it out of the list or free it"
            )
    return problems


def confirmation_errors(value: Any) -> list[str]:
    """What is wrong with the form of ``scaleio_global_pool_devices``."""
    if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
        return [
            f"scaleio_global_pool_devices must be a list of paths and by-id names, and this is {model.shown(value)}"
        ]
    return [
        f"scaleio_global_pool_devices: '{model.shown(item)}' is neither a path below /dev nor a name below /dev/disk/by-id"
        for item in value
        if not isinstance(item, str) or not item or (item.startswith("/") and not item.startswith("/dev/"))
    ]
