# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent keeps in <work_dir>/meta (mesos 1.11.0 src/slave/paths.cpp, src/slave/state.cpp; recorded recovery case a1).

meta/boot_id                    36 bytes without newline, mode 0600
meta/slaves/latest              absolute link to the directory of the newest agent ID
meta/slaves/<id>/slave.info     one SlaveInfo, mode 0600
meta/slaves/<id>/frameworks/    frameworks that checkpoint: checkpointed_work.py
meta/resources/                 dynamic reservations and volumes, twice: resources_and_operations.state is one ResourceState,
                                which is what recovery reads, resources.info is one Resource after the other, for older
                                agents; beside the IDs, hence recovered under a new agent ID too

A record is a length in 4 bytes, little-endian, and a message in wire format (3rdparty/stout/include/stout/protobuf.hpp).
"""

from __future__ import annotations

import os
import struct
from typing import Any

from mesos_simulator import protobuf, resources
from mesos_simulator.log import log


class CorruptCheckpoint(Exception):
    """A checkpoint that cannot be read; the message is the product's, `sound` the bytes before the corrupt record."""

    def __init__(self, message: str, sound: int = 0) -> None:
        super().__init__(message)
        self.sound = sound


class Paths:
    """The paths below one work directory."""

    def __init__(self, work_dir: str) -> None:
        self.work_dir = work_dir
        self.meta = os.path.join(work_dir, "meta")
        self.boot_id = os.path.join(self.meta, "boot_id")
        self.slaves = os.path.join(self.meta, "slaves")
        self.latest = os.path.join(self.slaves, "latest")
        self.resource_state = os.path.join(self.meta, "resources", "resources_and_operations.state")
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


def link_latest(directory: str) -> None:
    """Makes `directory`, and lets the link "latest" beside it lead there (src/slave/paths.cpp: create*Directory)."""
    os.makedirs(directory, exist_ok=True)
    latest = os.path.join(os.path.dirname(directory), "latest")
    temporary = f"{latest}.{os.getpid()}"
    os.symlink(directory, temporary)
    os.replace(temporary, latest)


# --- records ---


def record(message: str, value: dict[str, Any]) -> bytes:
    """One record."""
    content = protobuf.encode(message, value)
    return struct.pack("<I", len(content)) + content


def records(message: str, content: bytes, *, partial: bool = False) -> tuple[list[dict[str, Any]], int]:
    """All records of a file, and where the last one of them ends.

    With `partial` the file may end inside a record, which is then left out. CorruptCheckpoint says otherwise, and of a
    message that does not parse always, what stout's protobuf::read does.
    """
    found = []
    position = 0
    while position < len(content):
        size = struct.unpack_from("<I", content, position)[0] if position + 4 <= len(content) else None
        end = position + 4 + (size or 0)
        if size is None or end > len(content):
            if partial:
                break
            what = "size" if size is None else f"message of size {size} bytes"
            raise CorruptCheckpoint(f"Failed to read {what}: hit EOF unexpectedly, possible corruption", position)
        try:
            found.append(protobuf.decode(message, content[position + 4 : end]))
        except protobuf.DecodeError:
            raise CorruptCheckpoint("Failed to deserialize message", position) from None
        position = end
    return found, position


class Reader:
    """Reads checkpoints for a recovery; with --no-strict what is corrupt is only warned of."""

    def __init__(self, strict: bool) -> None:
        self._strict = strict

    def one(self, message: str, path: str, what: str) -> dict[str, Any] | None:
        """The record of a file of which `what` tells in the log.

        None when it is missing or empty, as if the agent had died before it was written (recorded cases l3, l4).
        """
        if not os.path.exists(path):
            log.warning("state.cpp:190", f"Failed to find {what} file '{path}'")
            return None
        found = self.all(message, path, f"{what} from", only_first=True)
        if os.path.getsize(path) == 0:
            log.warning("state.cpp:215", f"Found empty {what} file '{path}'")
        return found[0] if found else None

    def all(self, message: str, path: str, what: str, *, only_first: bool = False) -> list[dict[str, Any]]:
        """All records of a file, or the first one, behind which nothing is looked at."""
        with open(path, "rb") as file:
            content = file.read()
        if only_first and len(content) >= 4:
            content = content[: 4 + struct.unpack_from("<I", content)[0]]
        try:
            return records(message, content)[0]
        except CorruptCheckpoint as error:
            self.fail(f"Failed to read {what} '{path}': {error}")
            return []

    def fail(self, text: str) -> None:
        """Something is corrupt."""
        if self._strict:
            raise CorruptCheckpoint(text)
        log.warning("state.cpp:205", text)


# --- the agent's own files ---


def write_slave_info(paths: Paths, info: dict[str, Any]) -> None:
    """First registration under an ID: slave.info, then the link (slave.cpp: registered)."""
    path = paths.slave_info(info["id"]["value"])
    os.makedirs(os.path.join(os.path.dirname(path), "resource_provider_registry"), exist_ok=True)
    write(path, record("SlaveInfo", info))
    link_latest(os.path.dirname(path))


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


def write_resources(paths: Paths, reserved: list[dict[str, Any]]) -> None:
    """Dynamic reservations and volumes, the old file in the format of old agents (slave.cpp: checkpointResourceState)."""
    state = {"resources": [resources.post_refinement(resource) for resource in reserved]}
    write(paths.resource_state, record("ResourceState", state))
    old = (record("Resource", resources.pre_refinement(resource)) for resource in reserved)
    write(paths.resources, b"".join(old))


def read_resources(paths: Paths, reader: Reader) -> list[dict[str, Any]]:
    """What `write_resources` wrote; the old file only counts where the new one is missing (ResourcesState::recover)."""
    if os.path.exists(paths.resource_state):
        states = reader.all("ResourceState", paths.resource_state, "resource and operations file", only_first=True)
        return [resources.from_checkpoint(item) for state in states for item in state.get("resources", [])]
    log.info("state.cpp:913", f"No committed checkpointed resources and operations found at '{paths.resource_state}'")
    if not os.path.exists(paths.resources):
        log.info("state.cpp:919", f"No committed checkpointed resources found at '{paths.resources}'")
        return []
    return [resources.from_checkpoint(item) for item in reader.all("Resource", paths.resources, "resources file")]
