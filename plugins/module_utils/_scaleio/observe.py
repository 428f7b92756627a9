# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at a node of the ScaleIO framework: its agent, its masters, its block devices, what earlier runs left.

Reads only: no program is started that writes, no device is opened for writing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core import identity
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import HoldfastError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import Credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import observe as mesos
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import devices
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.model import SYSTEM
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.services import Services, observe_services

SCHEMA = 2
_BY_ID = "/dev/disk/by-id"
# A healthy disk answers in milliseconds; one that is dying may hold a program in the kernel.
_DEVICE_SECONDS = 2.0
_PROGRAM_SECONDS = 8.0
# Every status is an answer where the framework's own rule is repeated.
_ANY_STATUS = range(-64, 256)


def observe_host(
    machine: Machine,
    *,
    cluster: str,
    member: str,
    masters: Sequence[str],
    credentials: Credentials,
    wanted: Mapping[str, Any] | None,
    services: Services | None,
    heal: Mapping[str, Any] | None = None,
    claim_wait: float = 30.0,
) -> dict[str, Any]:
    """The whole observation of one host: of its agent, of the services that it talks to, or of both.

    :param masters: base addresses of all masters.
    :param wanted: the normalised declaration, which is handed through; None for a host that is no agent's.
    :param services: how the services are reached; None for a host that does not talk to them.
    :param heal: what heal may do, which is handed through: ``create``; None where the cluster is brought to its declaration.
    :param claim_wait: seconds to wait for an acting call that is at work here; what is seen afterwards is its result.
    """
    end = machine.monotonic() + claim_wait
    locks = (mesos.LOCK, identity.lock_path(SYSTEM, cluster))
    while any(map(machine.is_locked, locks)) and machine.monotonic() < end:
        machine.sleep(0.1)
    return {
        "schema": SCHEMA,
        "cluster": cluster,
        "member": member,
        **({} if wanted is None else _node(machine, cluster, masters, credentials, wanted)),
        **({} if services is None else {"services": observe_services(services)}),
        "claim": identity.observe_claim(machine, SYSTEM, cluster),
        "heal": None if heal is None else dict(heal),
    }


def _node(
    machine: Machine, cluster: str, masters: Sequence[str], credentials: Credentials, wanted: Mapping[str, Any]
) -> dict[str, Any]:
    agent = mesos.observe_settled_agent(machine, credentials=credentials)
    return {
        "agent": agent,
        "master": mesos.observe_master(machine, masters, credentials, mesos.identity_of(agent)),
        **observe_devices(machine),
        "identity": identity.read_json(machine, identity.record_path(SYSTEM, cluster)),
        "previous": _previous(machine, cluster),
        "wanted": dict(wanted),
    }


def _previous(machine: Machine, cluster: str) -> dict[str, Any] | None:
    """The attribute set that an earlier run kept. Only a rollback needs it, so a damaged one does not end the look."""
    try:
        return identity.read_json(machine, identity.previous_path(SYSTEM, cluster))
    except HoldfastError as error:
        return {"error": str(error)}


def observe_devices(machine: Machine, *, deadline: float = 30.0) -> dict[str, Any]:
    """``devices``, ``devices_error`` and ``framework`` of an observation.

    :param deadline: seconds for all of it; a device that hangs is not free, for that reason.
    :returns: ``framework`` has the strings that the framework's rule offers (``offers``), and why it fails (``error``).
    """
    end = machine.monotonic() + deadline
    rule = devices.framework_rule(
        _printed(machine, ["fdisk", "-l"], {}, end),
        # blkid would otherwise refresh its cache file.
        _printed(machine, ["blkid"], {"BLKID_FILE": "/dev/null"}, end),
    )
    framework = {"offers": list(rule.offers), "error": rule.error}
    try:
        # Ram disks are left out unless something else is excluded; the framework takes them, so they are shown.
        # Floppy drives (2) hang where there is no floppy.
        listed = machine.run(
            ["lsblk", "--json", "--bytes", "--exclude", "2", "--output", devices.LSBLK_COLUMNS],
            deadline=_left(machine, end, _PROGRAM_SECONDS),
        )
        blocks = devices.parse_lsblk(listed.stdout)
    except HoldfastError as error:
        return {"devices": [], "devices_error": str(error), "framework": framework}
    except (ValueError, KeyError, TypeError) as error:
        sentence = (
            f"lsblk printed something that is not its list of devices ({error!r}); util-linux 2.33 or newer is needed"
        )
        return {"devices": [], "devices_error": sentence, "framework": framework}
    uses = _uses(machine, blocks, end)
    mounts = {block.path: uses[block.path].mounts for block in blocks}
    children = {block.path: [child for child, _type in block.children] for block in blocks}
    found = [devices.describe(block, uses[block.path], rule, _below(block.path, children, mounts)) for block in blocks]
    return {"devices": found, "devices_error": None, "framework": framework}


def _left(machine: Machine, end: float, at_most: float) -> float:
    return max(0.1, min(at_most, end - machine.monotonic()))


def _printed(machine: Machine, argv: Sequence[str], env: Mapping[str, str], end: float) -> devices.Printed:
    try:
        done = machine.run(argv, env=env, deadline=_left(machine, end, _PROGRAM_SECONDS), ok=_ANY_STATUS)
    except HoldfastError as error:
        return devices.Printed(failure=error.what)
    return devices.Printed(done.status, done.stdout, done.stderr)


def _below(path: str, children: Mapping[str, Sequence[str]], mounts: Mapping[str, Sequence[str]]) -> list[str]:
    found: list[str] = []
    for child in children.get(path, ()):
        found += [*mounts.get(child, ()), *_below(child, children, mounts)]
    return list(dict.fromkeys(found))


def _uses(machine: Machine, blocks: Sequence[devices.Block], end: float) -> dict[str, devices.Use]:
    mounted = devices.parse_mounts(_file(machine, "/proc/self/mountinfo"))
    swaps = {machine.real(path) for path in devices.parse_swaps(_file(machine, "/proc/swaps"))}
    names: dict[str, list[str]] = {}
    for name in machine.names(_BY_ID):
        names.setdefault(machine.real(f"{_BY_ID}/{name}"), []).append(f"{_BY_ID}/{name}")
    readable = [block.path for block in blocks if block.readable]
    signatures, unseen = _signatures(machine, readable, end)
    answering = [path for path in readable if path not in unseen]
    closed = machine.held_by_others(answering, deadline=_left(machine, end, _DEVICE_SECONDS))
    uses = {}
    for block in blocks:
        real = {machine.real(path) for path in block.paths}
        points = [point for numbers, source, point in mounted if numbers == block.numbers or source in block.paths]
        uses[block.path] = devices.Use(
            names=tuple(name for path in sorted(real) for name in names.get(path, ())),
            mounts=tuple(dict.fromkeys(points)),
            signatures=tuple(signatures.get(block.path.rpartition("/")[2], ())),
            holders=tuple(machine.names(f"{block.sysfs}/holders")),
            swap=bool(real & swaps),
            closed=closed.get(block.path),
            unseen=unseen.get(block.path),
        )
    return uses


def _signatures(machine: Machine, paths: Sequence[str], end: float) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Signatures of all devices by one call, or, when one device spoils it, by a call for each."""
    if not paths:
        return {}, {}
    found: dict[str, list[str]] = {}
    unseen: dict[str, str] = {}
    argv = ["wipefs", "--no-act", "--json"]
    try:
        found = devices.parse_wipefs(
            machine.run([*argv, *paths], deadline=_left(machine, end, _PROGRAM_SECONDS)).stdout
        )
        return found, unseen
    except (HoldfastError, ValueError):
        pass
    for path in paths:
        try:
            one = machine.run([*argv, path], deadline=_left(machine, end, _DEVICE_SECONDS)).stdout
            found.update(devices.parse_wipefs(one))
        except HoldfastError as error:
            unseen[path] = f"{error.what}{f': {error.seen}' if error.seen else ''}"
        except ValueError as error:
            unseen[path] = f"wipefs printed no JSON ({error})"
    return found, unseen


def _file(machine: Machine, path: str) -> str:
    return (machine.read(path) or b"").decode(errors="backslashreplace")
