# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The disks of the hosts: loop devices over sparse files, and what a host is shown of them.

A host must see its own disks under its own names and nothing of the machine's. The kernel shows every container the whole
machine, so each host gets directories of plain files in place of /sys/block, /sys/class/block, /sys/dev/block and
/sys/devices/virtual/block, and a file in place of /proc/partitions. They are rewritten when a disk comes or goes.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.inventory import Disk
from lab.machine import LabError, run
from lab.state import State

VENDOR, MODEL = "HOLDFAST", "HOLDFAST-DISK"
SYSFS = ("block", "class/block", "dev/block", "devices/virtual/block")

# What a disk's directory in /sys tells, as far as it is the same for every disk; the rest describes loop devices.
_ATTRIBUTES = (
    "alignment_offset",
    "capability",
    "discard_alignment",
    "ext_range",
    "hidden",
    "range",
    "ro",
    "size",
    "start",
    "partition",
)

# Fixed, so that a disk made anew is the same to the byte.
_UUID = "5f0a1d5e-0000-4000-8000-{:012x}"
_TIME = "1600000000"


@dataclass(frozen=True)
class Node:
    """A disk or partition as the kernel has it.

    :param name: the host's name for it. :param numbers: major and minor number. :param sectors: its size, in 512 bytes.
    :param attributes: file name below its directory in /sys -> content, without the parts that speak of names.
    """

    name: str
    numbers: tuple[int, int]
    sectors: int
    attributes: Mapping[str, str]
    partitions: tuple[Node, ...] = ()


def serial(host: str, disk: str) -> str:
    """A disk's serial number: the host and the name that it was made under."""
    return f"HF{host.upper()}{disk.upper()}"


def image(state: State, host: str, disk: str) -> Path:
    """The file with a disk's content."""
    return state.disks(host) / f"{disk}.img"


# -- loop devices --------------------------------------------------------------------------------------------------


def loops(state: State) -> dict[Path, str]:
    """Files of the lab -> names of their loop devices (``loop7``). A file removed while in use is listed with its old path."""
    listed = run("losetup", "--json", "--list", "--output", "NAME,BACK-FILE").strip()
    found = {}
    for entry in json.loads(listed)["loopdevices"] if listed else ():
        path = Path((entry["back-file"] or "").removesuffix(" (deleted)"))
        if path.is_relative_to(state.root):
            found[path] = entry["name"].removeprefix("/dev/")
    return found


def attach(state: State, host: str, disks: Iterable[Disk]) -> None:
    """Make the files and loop devices of a host's disks, as far as they are missing. Not for two hosts at once."""
    attached = loops(state)
    for disk in disks:
        path = image(state, host, disk.name)
        if path not in attached:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as file:
                file.truncate(disk.size)
            run(
                *("losetup", "--partscan", "--find", "--show", path),
                remedy="No loop device is free? `losetup --list` names the users; `modprobe loop max_loop=64` allows more.",
            )


def detach(state: State, paths: Iterable[Path] | None = None) -> int:
    """Take back loop devices and files: the given ones, else all of the lab. How many there were.

    :raises LabError: one is in use.
    """
    attached = loops(state)
    chosen = list(attached if paths is None else paths)
    for path in chosen:
        if path in attached:
            device = f"/dev/{attached[path]}"
            try:
                os.close(os.open(device, os.O_RDONLY | os.O_EXCL))
            except OSError as error:
                raise LabError(
                    f"{path.parent.name} uses its disk /dev/{path.stem} ({error.strerror}): unmount it there first, or bring it back with "
                    "`lab reset`."
                ) from None
            run("losetup", "--detach", device)
        path.unlink(missing_ok=True)
    return len(chosen)


def written(state: State, host: str, disk: Disk) -> int:
    """When a disk was last written, in nanoseconds: the loop driver moves its file's time with every write."""
    path = image(state, host, disk.name)
    # What was written may still be in memory only.
    run("blockdev", "--flushbufs", f"/dev/{loops(state)[path]}")
    return path.stat().st_mtime_ns


def empty(state: State, host: str, disk: Disk) -> None:
    """Make a disk as new, after :func:`written`. Nothing is done to one that was never written."""
    path = image(state, host, disk.name)
    device = f"/dev/{loops(state)[path]}"
    if path.stat().st_blocks:
        # Through the device, so that the kernel's pages of it are dropped too.
        run("blkdiscard", "--force", device)
        run("blockdev", "--rereadpt", device)


def rescan(state: State, host: str, disk: Disk) -> None:
    """Make the partitions in a disk's table known to the kernel, also to one that was built without reading such tables."""
    run("partx", "--update", f"/dev/{loops(state)[image(state, host, disk.name)]}")


def filling(disk: Disk, serial_number: str) -> list[list[str]]:
    """The commands, to be run inside the host, that put the content on an empty disk."""
    device = f"/dev/{disk.name}"
    uuid = _UUID.format(int.from_bytes(serial_number.encode()[-6:], "big"))
    return {
        "empty": [],
        # Few inodes and no journal: a few hundred kilobytes instead of gigabytes.
        "ext4": [
            ["env", f"E2FSPROGS_FAKE_TIME={_TIME}", "mkfs.ext4", "-q", "-F", "-N", "2048", "-O", "^has_journal"]
            + ["-U", uuid, "-E", f"hash_seed={uuid},nodiscard", device]
        ],
        "partition": [["sh", "-c", f"echo 'label-id: 0x686f6c64\n,,L' | sfdisk --quiet {device}"]],
        "swap": [["mkswap", "--uuid", uuid, device]],
        "lvm": [["pvcreate", "--quiet", "--yes", device]],
    }[disk.content]


# -- what a host is shown ------------------------------------------------------------------------------------------


def look(state: State, host: str) -> list[Node]:
    """The host's disks as the kernel has them now, by name."""
    folder = state.disks(host)
    found = []
    for path, loop in loops(state).items():
        if path.parent == folder:
            found.append(_node(Path("/sys/block") / loop, path.stem, serial(host, path.stem)))
    return sorted(found, key=lambda node: node.name)


def _node(directory: Path, name: str, serial_number: str | None = None) -> Node:
    major, minor = (directory / "dev").read_text().split(":")
    attributes = {key: (directory / key).read_text() for key in _ATTRIBUTES if (directory / key).exists()}
    partitions = []
    if serial_number:
        attributes |= {"removable": "0\n", "device/type": "0\n", "device/serial": f"{serial_number}\n"}
        attributes |= {"device/vendor": f"{VENDOR}\n", "device/model": f"{MODEL}\n"}
        for path in sorted((directory / "queue").iterdir()):
            if path.is_file() and os.access(path, os.R_OK):
                try:
                    attributes[f"queue/{path.name}"] = path.read_text()
                except OSError:
                    continue  # some are there without being supported
        attributes["queue/rotational"] = "1\n"
        for path in sorted(directory.glob(f"{directory.name}p*")):
            partitions.append(_node(path, name + path.name.removeprefix(f"{directory.name}p")))
    return Node(name, (int(major), int(minor)), int(attributes["size"]), attributes, tuple(partitions))


def everything(nodes: Sequence[Node]) -> Iterator[Node]:
    """Disks, each followed by its partitions."""
    for node in nodes:
        yield node
        yield from node.partitions


def sys_tree(nodes: Sequence[Node]) -> dict[str, str | None]:
    """What stands below the four directories: path -> content; ``->TARGET`` for a link, None for an empty directory."""
    tree: dict[str, str | None] = dict.fromkeys(SYSFS)
    for disk in nodes:
        for node in (disk, *disk.partitions):
            place = f"devices/virtual/block/{disk.name}" + ("" if node is disk else f"/{node.name}")
            numbers = f"{node.numbers[0]}:{node.numbers[1]}"
            kind = "disk" if node is disk else "partition"
            tree |= {f"{place}/{key}": value for key, value in node.attributes.items()}
            tree[f"{place}/dev"] = f"{numbers}\n"
            tree[f"{place}/uevent"] = "MAJOR={}\nMINOR={}\nDEVNAME={}\nDEVTYPE={}\n".format(
                *node.numbers, node.name, kind
            )
            tree[f"{place}/holders"] = None
            tree[f"{place}/subsystem"] = "->" + "../" * place.count("/") + "../class/block"
            tree[f"class/block/{node.name}"] = f"->../../{place}"
            tree[f"dev/block/{numbers}"] = f"->../../{place}"
        tree[f"devices/virtual/block/{disk.name}/slaves"] = None
        tree[f"block/{disk.name}"] = f"->../devices/virtual/block/{disk.name}"
    return tree


def partitions_table(nodes: Sequence[Node]) -> str:
    """What /proc/partitions says (proc(5)); sizes in 1024 bytes."""
    lines = ["major minor  #blocks  name", ""]
    for node in everything(nodes):
        lines.append(f"{node.numbers[0]:4d}  {node.numbers[1]:7d} {node.sectors // 2:10d} {node.name}")
    return "\n".join(lines) + "\n"


def device_list(host: str, nodes: Sequence[Node]) -> str:
    """The lines that image/rootfs/usr/lib/holdfast-lab/devices reads: name, numbers, by-id names."""
    lines = []
    for disk in nodes:
        stable = f"scsi-{VENDOR}_{MODEL}_{serial(host, disk.name)}"
        lines.append(f"{disk.name} {disk.numbers[0]} {disk.numbers[1]} {stable}")
        for part in disk.partitions:
            lines.append(
                f"{part.name} {part.numbers[0]} {part.numbers[1]} {stable}-part{part.name.removeprefix(disk.name)}"
            )
    return "".join(f"{line}\n" for line in lines)


def show(state: State, host: str) -> None:
    """Bring what a host is shown up to date with its disks."""
    nodes = look(state, host)
    folder = state.host(host)
    (folder / "host").mkdir(parents=True, exist_ok=True)
    # Written in place: a host has the file itself mounted over its /proc/partitions.
    (folder / "host" / "partitions").write_text(partitions_table(nodes))
    (folder / "host" / "devices").write_text(device_list(host, nodes))
    write_tree(folder / "sys", sys_tree(nodes))


def write_tree(root: Path, tree: Mapping[str, str | None]) -> None:
    """Make a directory's content equal to a tree of :func:`sys_tree`; the directories of SYSFS stay the same ones, being mounted."""
    wanted = {root / path: value for path, value in tree.items()}
    folders = {parent for path in wanted for parent in path.parents} | {
        path for path, value in wanted.items() if value is None
    }
    for path in sorted(root.rglob("*"), reverse=True):
        if path not in wanted and path not in folders:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for path, value in wanted.items():
        (path if value is None else path.parent).mkdir(parents=True, exist_ok=True)
        if value is None:
            continue
        if value.startswith("->"):
            if not path.is_symlink() or str(path.readlink()) != value[2:]:
                path.unlink(missing_ok=True)
                path.symlink_to(value[2:])
        elif not path.exists() or path.read_text() != value:
            path.write_text(value)
