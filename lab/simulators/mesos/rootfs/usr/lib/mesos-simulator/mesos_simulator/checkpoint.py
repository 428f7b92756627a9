# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent keeps in <work_dir>/meta (mesos 1.11.0 src/slave/paths.cpp, src/slave/state.cpp; recorded recovery case a1).

meta/boot_id                    36 bytes without newline, mode 0600
meta/slaves/latest              absolute link to the directory of the newest agent ID
meta/slaves/<id>/slave.info     4 bytes little-endian length, then a SlaveInfo in wire format, mode 0600
meta/slaves/<id>/frameworks/    planted frameworks that checkpoint (JSON, the simulator's own form)
meta/resources/resources.info   dynamic reservations and volumes (JSON, the simulator's own form); beside the IDs,
                                hence recovered under a new agent ID too, as in the product
"""

from __future__ import annotations

import json
import os
import struct
from typing import Any

from mesos_simulator import protobuf


class CorruptCheckpoint(Exception):
    """A checkpoint that cannot be read; the message is the product's."""


class Paths:
    """The paths below one work directory."""

    def __init__(self, work_dir: str) -> None:
        self.work_dir = work_dir
        self.meta = os.path.join(work_dir, "meta")
        self.boot_id = os.path.join(self.meta, "boot_id")
        self.slaves = os.path.join(self.meta, "slaves")
        self.latest = os.path.join(self.slaves, "latest")
        self.resources = os.path.join(self.meta, "resources", "resources.info")

    def slave_info(self, agent_id: str) -> str:
        return os.path.join(self.slaves, agent_id, "slave.info")

    def frameworks(self, agent_id: str) -> str:
        return os.path.join(self.slaves, agent_id, "frameworks")


def write(path: str, content: bytes) -> None:
    """Replaces a file by a complete one of mode 0600, making its directory (src/slave/state.hpp: checkpoint)."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    temporary = f"{path}.{os.getpid()}"
    with open(temporary, "wb", opener=lambda name, mode: os.open(name, mode, 0o600)) as file:
        file.write(content)
    os.replace(temporary, path)


def write_slave_info(paths: Paths, info: dict[str, Any]) -> None:
    """First registration under an ID: slave.info, then the link (slave.cpp: registered)."""
    agent_id = info["id"]["value"]
    content = protobuf.encode("SlaveInfo", info)
    directory = os.path.join(paths.slaves, agent_id)
    os.makedirs(os.path.join(directory, "resource_provider_registry"), exist_ok=True)
    write(paths.slave_info(agent_id), struct.pack("<I", len(content)) + content)
    temporary = f"{paths.latest}.{os.getpid()}"
    os.symlink(directory, temporary)
    os.replace(temporary, paths.latest)


def read_slave_info(path: str) -> dict[str, Any] | None:
    """None when the file is missing or empty: the agent died before it was written (recorded cases l3, l4, l5)."""
    try:
        with open(path, "rb") as file:
            content = file.read()
    except FileNotFoundError:
        return None
    if not content:
        return None
    prefix = f"Failed to read agent info from '{path}': "
    if len(content) < 4:
        raise CorruptCheckpoint(f"{prefix}Failed to read size: hit EOF unexpectedly, possible corruption")
    size = struct.unpack("<I", content[:4])[0]
    if len(content) - 4 < size:
        raise CorruptCheckpoint(
            f"{prefix}Failed to read message of size {size} bytes: hit EOF unexpectedly, possible corruption"
        )
    try:
        return protobuf.decode("SlaveInfo", content[4 : 4 + size])
    except protobuf.DecodeError:
        raise CorruptCheckpoint(f"{prefix}Failed to deserialize message") from None


def kernel_boot_id() -> str:
    """The running kernel's boot ID."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def rebooted(paths: Paths, boot_id: str) -> bool:
    """Only a differing value is a reboot: a missing file is none, white space around the value neither (cases b4-b6)."""
    try:
        with open(paths.boot_id, encoding="ascii", errors="replace") as file:
            return file.read().strip() != boot_id
    except FileNotFoundError:
        return False


def write_json(path: str, value: Any) -> None:
    """One of the simulator's own files."""
    write(path, json.dumps(value, indent=1).encode("ascii"))


def read_json(path: str) -> Any:
    """One of the simulator's own files; None when it is missing."""
    try:
        with open(path, encoding="ascii") as file:
            return json.load(file)
    except FileNotFoundError:
        return None
