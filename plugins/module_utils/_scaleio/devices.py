# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Block devices and the two verdicts on each: would the ScaleIO framework take it, and is it truly free? Pure.

The framework's rule is that of thecodeteam/scaleio-framework v0.3.1, scaleio-executor/executor/common/scaleionode.go
(UpdateDevices), as transcripts of that code show it. It looks at names only; what "free" means is decided here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# Greedy, as in the framework: of several ": " the last one ends the path.
_CANDIDATE = re.compile(r"Disk (/dev/.*): ")
_IN_USE = re.compile(r"(/dev/.*):")

LSBLK_COLUMNS = "NAME,KNAME,PATH,MAJ:MIN,TYPE,SIZE,MODEL,SERIAL,ROTA,RO"

NOTHING_FOUND = "no mount, swap, LVM, md, partition, signature or holder; opens exclusively"


# -- the framework's rule -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Printed:
    """What a program left: its exit status, both outputs.

    :param failure: why it could not be run at all, or did not end.
    """

    status: int = 0
    stdout: str = ""
    stderr: str = ""
    failure: str = ""

    @property
    def combined(self) -> str:
        return f"{self.stdout}\n{self.stderr}"


@dataclass(frozen=True)
class FrameworkRule:
    """What the framework makes of a host's ``fdisk -l`` and ``blkid``.

    :param offers: the strings that it would offer as devices, in its order, repetitions included.
    :param candidates: what it reads as disks.
    :param used: what it reads as in use.
    :param error: why it offers nothing and gives the node up, or None.
    """

    offers: tuple[str, ...]
    candidates: tuple[str, ...]
    used: tuple[str, ...]
    error: str | None

    def verdict(self, paths: Sequence[str]) -> tuple[bool, str]:
        """Whether a device is taken, and why or why not.

        :param paths: the names under which the two programs may list it.
        """
        if self.error:
            return False, f"the framework fails on this host before it offers a device: {self.error}"
        if any(path in self.offers for path in paths):
            return True, "fdisk lists it and no path in blkid's output contains its name"
        listed = next((path for path in paths if path in self.candidates), None)
        if listed is None:
            return False, "fdisk does not list it as a disk"
        hiding = next(item for item in self.used if listed in item)
        return False, f"blkid prints {hiding}, which contains its name"


def framework_rule(fdisk: Printed, blkid: Printed) -> FrameworkRule:
    """Apply the rule: ``fdisk -l | grep /dev/`` gives the disks, ``blkid`` what is in use; standard error counts too.

    A disk is in use when some string in use contains its name, so ``/dev/sdaa1`` hides ``/dev/sda``.
    """
    listed = [line for line in fdisk.stdout.splitlines() if "/dev/" in line]
    candidates = _matches(_CANDIDATE, [*listed, *fdisk.stderr.splitlines()])
    used = _matches(_IN_USE, blkid.combined.splitlines())
    error = None
    if fdisk.failure or blkid.failure:
        error = fdisk.failure or blkid.failure
    elif not listed:
        error = "fdisk -l lists no disk, so its pipe through grep fails"
    elif blkid.status != 0:
        found = " (it finds nothing at all)" if blkid.status == 2 and not blkid.stdout.strip() else ""
        error = f"blkid ends with status {blkid.status}{found}"
    if error:
        return FrameworkRule((), candidates, used, f"{error}; it tries five times within 30 s and gives the node up")
    return FrameworkRule(
        tuple(disk for disk in candidates if not any(disk in item for item in used)), candidates, used, None
    )


def _matches(pattern: re.Pattern[str], lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(found[1] for found in map(pattern.search, lines) if found)


# -- what the host knows ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """One block device as lsblk shows it."""

    path: str
    kname: str
    numbers: str
    type: str
    size: int
    model: str
    serial: str
    rotational: bool
    read_only: bool
    parent: str | None
    children: tuple[tuple[str, str], ...] = field(default=())

    @property
    def paths(self) -> tuple[str, ...]:
        """Its names: the one that people use, and the kernel's."""
        return tuple(dict.fromkeys((self.path, f"/dev/{self.kname.replace('!', '/')}")))

    @property
    def sysfs(self) -> str:
        """Its directory below /sys/class/block."""
        return f"/sys/class/block/{self.kname.replace('/', '!')}"

    @property
    def readable(self) -> bool:
        """Whether there is anything to open: empty drives and optical ones are left alone."""
        return self.size > 0 and self.type != "rom"


def parse_lsblk(text: str) -> list[Block]:
    """Flatten ``lsblk --json --bytes --output`` of :data:`LSBLK_COLUMNS`; a device with two parents stays one.

    :raises ValueError: the text is not what lsblk prints.
    """
    found: dict[str, Block] = {}
    tree = json.loads(text)
    if not isinstance(tree, dict) or not isinstance(tree.get("blockdevices"), list):
        raise ValueError("no blockdevices in it")
    pending: list[tuple[Mapping[str, Any], str | None]] = [(item, None) for item in reversed(tree["blockdevices"])]
    while pending:
        item, parent = pending.pop()
        path = str(item["path"])
        children = list(item.get("children") or ())
        if path not in found:
            found[path] = Block(
                path=path,
                kname=str(item["kname"]),
                numbers=str(item["maj:min"]).strip(),
                type=str(item["type"]),
                size=int(item["size"] or 0),
                model=str(item["model"] or "").strip(),
                serial=str(item["serial"] or "").strip(),
                rotational=_flag(item["rota"]),
                read_only=_flag(item["ro"]),
                parent=parent,
                children=tuple((str(child["path"]), str(child["type"])) for child in children),
            )
        pending += [(child, path) for child in reversed(children)]
    return list(found.values())


def _flag(value: Any) -> bool:
    return value in (True, 1, "1", "true")


def parse_wipefs(text: str) -> dict[str, list[str]]:
    """The signatures that ``wipefs --no-act --json`` prints: last part of the device's path -> types, each once."""
    found: dict[str, list[str]] = {}
    for item in (json.loads(text) if text.strip() else {}).get("signatures") or ():
        types = found.setdefault(str(item["device"]).rpartition("/")[2], [])
        if item["type"] not in types:
            types.append(str(item["type"]))
    return found


def parse_swaps(text: str) -> list[str]:
    """The first column of /proc/swaps."""
    return [_unescape(line.split()[0]) for line in text.splitlines()[1:] if line.strip()]


def parse_mounts(text: str) -> list[tuple[str, str, str]]:
    """(device numbers, source, mount point) of every line of /proc/self/mountinfo (proc(5))."""
    found = []
    for line in text.splitlines():
        left, dash, right = line.partition(" - ")
        words, source = left.split(), right.split()
        if dash and len(words) > 4 and len(source) > 1:
            found.append((words[2], _unescape(source[1]), _unescape(words[4])))
    return found


def _unescape(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), text)


# -- is it free? --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Use:
    """What was seen of one device, beside what lsblk says of it.

    :param names: its links below /dev/disk/by-id.
    :param mounts: mount points of the device itself.
    :param signatures: types that wipefs finds on it.
    :param holders: kernel names in its ``holders`` directory.
    :param swap: it is in /proc/swaps.
    :param closed: why it cannot be opened exclusively; None when it can.
    :param unseen: why its signatures could not be read; None when they could.
    """

    names: tuple[str, ...] = ()
    mounts: tuple[str, ...] = ()
    signatures: tuple[str, ...] = ()
    holders: tuple[str, ...] = ()
    swap: bool = False
    closed: str | None = None
    unseen: str | None = None


_ON_IT = {
    "part": "carries the partition {0}",
    "lvm": "carries the LVM volume {0}",
    "crypt": "carries the encrypted volume {0}",
    "mpath": "is a path of the multipath device {0}: name that one",
}
_SIGNATURES = {
    "LVM2_member": "is an LVM physical volume (signature LVM2_member)",
    "linux_raid_member": "is a member of an md array (signature linux_raid_member)",
    "swap": "carries swap space (signature swap)",
}
_PARTITION_TABLES = frozenset(("gpt", "dos", "PMBR", "sun", "mac", "bsd", "sgi", "atari"))


def not_free(block: Block, use: Use) -> list[str]:
    """Every reason against calling a device free; none when it is."""
    reasons = []
    if block.type == "rom":
        reasons.append("is an optical drive")
    if block.type == "loop":
        reasons.append("is a loop device: its storage is a file of a file system")
    if re.fullmatch(r"z?ram\d+", block.kname):
        reasons.append("is memory: its content ends with the host's power")
    if block.size == 0:
        reasons.append("has no size: there is no medium, or it is not set up")
    if block.read_only:
        reasons.append("is read-only")
    if use.mounts:
        reasons.append(f"is mounted at {', '.join(use.mounts)}")
    if use.swap:
        reasons.append("is in use as swap")
    known = {child.rpartition("/")[2] for child, _kind in block.children}
    for child, kind in block.children:
        words = "is part of the md array {0}" if kind.startswith("raid") else _ON_IT.get(kind, "carries {0}")
        reasons.append(words.format(child))
    for signature in use.signatures:
        default = "a partition table" if signature in _PARTITION_TABLES else "data"
        reasons.append(_SIGNATURES.get(signature, f"carries {default} (signature {signature})"))
    if use.unseen:
        reasons.append(f"could not be searched for signatures: {use.unseen}")
    if use.holders and not block.children:
        reasons.append(f"is held by {', '.join(name for name in use.holders if name not in known)} in the kernel")
    if use.closed:
        reasons.append(f"cannot be opened exclusively: {use.closed}")
    return reasons


def describe(block: Block, use: Use, rule: FrameworkRule, mounts_below: Sequence[str]) -> dict[str, Any]:
    """One entry of an observation's ``devices``.

    :param mounts_below: mount points of everything on the device.
    """
    taken, why = rule.verdict(block.paths)
    reasons = not_free(block, use)
    return {
        "path": block.path,
        "names": list(use.names),
        "size_bytes": block.size,
        "model": block.model,
        "serial": block.serial,
        "rotational": block.rotational,
        "type": block.type,
        "parent": block.parent,
        "taken": taken,
        "taken_because": why,
        "free": not reasons,
        "free_because": reasons or [NOTHING_FOUND],
        "mounts": [*use.mounts, *mounts_below],
        "signatures": list(use.signatures),
        "holders": list(use.holders),
        "children": [child for child, _kind in block.children],
    }
