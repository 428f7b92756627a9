# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the lab keeps between two calls, all below one directory outside of the work tree.

- network, cuts: the network's first three bytes; the pairs that are cut
- id_ed25519, known_hosts, lock: keys; the lock of whoever changes the lab
- run.lock: held as long as a run (of `make demo`, `make test`, ...) uses the hosts; the Makefile's programs take it
- tmp: where images are made
- disks/HOST/NAME.img: the content of the disks, sparse
- hosts/HOST/pid: the host's first process, written by podman
- hosts/HOST/filled: which disks carry what is described, and when they were written
- hosts/HOST/journal: the host's journal
- hosts/HOST/sys: what the host finds below /sys about block devices
- hosts/HOST/host: what the host itself reads, mounted at /usr/lib/holdfast-lab/host
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.machine import LabError, run, say

DEFAULT = Path("/var/lib/holdfast-lab")


class State:
    """The directory of a lab's state."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.network = root / "network"
        self.key = root / "id_ed25519"
        self.known_hosts = root / "known_hosts"
        self.cuts = root / "cuts"

    @classmethod
    def default(cls) -> State:
        """The one that HOLDFAST_LAB_STATE names, else the usual one."""
        return cls(Path(os.environ.get("HOLDFAST_LAB_STATE") or DEFAULT).absolute())

    def host(self, name: str) -> Path:
        """A host's directory."""
        return self.root / "hosts" / name

    def disks(self, name: str) -> Path:
        """The directory of a host's disks."""
        return self.root / "disks" / name

    def prefix(self) -> str:
        """First three bytes of the lab's addresses, such as ``10.89.50``.

        :raises LabError: the lab has no network yet.
        """
        try:
            return self.network.read_text()
        except FileNotFoundError:
            raise LabError("the lab has no network: start it with `lab up`.") from None

    def make_key(self) -> None:
        """Make the key with which hosts are reached, unless there is one."""
        if not self.key.exists():
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "holdfast-lab", "-f", self.key)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Held by whoever changes the lab; the kernel takes it back from a process that died."""
        self.root.mkdir(mode=0o755, parents=True, exist_ok=True)
        with (self.root / "lock").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waiting for another command that changes the lab")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def forget(self) -> None:
        """Remove all but the key and the lock."""
        for path in (self.root / "hosts", self.root / "disks"):
            shutil.rmtree(path, ignore_errors=True)
        for path in (self.network, self.known_hosts, self.cuts):
            path.unlink(missing_ok=True)
