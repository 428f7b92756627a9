# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One hash of everything on a host that a deployment could change."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterator
from pathlib import Path

from lab import disks, hosts
from lab.state import State

# Patterns from a host's root on.
TREES = (
    *("etc/mesos*", "etc/default/mesos*", "var/lib/mesos/meta", "var/lib/holdfast"),
    *("etc/rexray", "opt/emc", "var/lib/marathon", "var/lib/scaleio-gateway", "var/lib/scaleio-kv"),
)
DISK_BYTES = 1 << 20


def of(state: State, name: str) -> str:
    """The hash of a running host; ``down`` for one that is not."""
    if hosts.pid(state, name) is None:
        return "down"
    return whole(hosts.root(state, name), [f"/dev/{loop}" for loop in _loops(state, name)])


def _loops(state: State, name: str) -> list[str]:
    return [loop for path, loop in sorted(disks.loops(state).items()) if path.parent == state.disks(name)]


def whole(root: Path, devices: list[str]) -> str:
    """The hash over paths, kinds, modes, owners, link targets and contents below a root, and the first MiB of each device.

    Links are read, never followed: they are the host's.
    """
    digest = hashlib.sha256()
    for path in sorted(_paths(root)):
        seen = path.lstat()
        content = b""
        if stat.S_ISLNK(seen.st_mode):
            content = str(path.readlink()).encode()
        elif stat.S_ISREG(seen.st_mode):
            content = path.read_bytes()
        head = f"{path.relative_to(root)}\0{seen.st_mode:o}\0{seen.st_uid}\0{seen.st_gid}\0{len(content)}\0"
        digest.update(head.encode() + content)
    for device in devices:
        with Path(device).open("rb") as file:
            digest.update(file.read(DISK_BYTES))
    return digest.hexdigest()[:16]


def _paths(root: Path) -> Iterator[Path]:
    for pattern in TREES:
        for top in root.glob(pattern):
            yield top
            if top.is_dir() and not top.is_symlink():
                yield from top.rglob("*")
