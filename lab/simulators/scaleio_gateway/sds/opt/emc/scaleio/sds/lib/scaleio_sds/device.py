# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One device: may it be taken, taking it, knowing it again, giving it back.

A device is held as the product holds it: opened for itself alone, so that nothing can mount, format through O_EXCL, or claim it
(open(2), O_EXCL on block devices). The product also takes plain files (scripts that set ScaleIO 2.0 up on virtual machines make
a file of 100 GB and add its path); those are locked instead.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import zlib

# The typing module costs a megabyte in each of sixteen processes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# "ScaleIO design considerations and best practices" (EMC h15148, 2016), limits of a device; taken as powers of 1024.
MINIMUM, MAXIMUM = 100 * 2**30, 6 * 2**40

_MAGIC = b"SIO_SDS_DEVICE\n"
_HEADER = 4096
_WIPED = 2**20
_BLKID = "/usr/sbin/blkid"
_NOTHING_FOUND = 2  # blkid(8), exit status of low-level probing


class Unusable(Exception):
    """A device that cannot be taken. `kind` is what the gateway acts upon, the text is for people."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Device:
    """An open device of this SDS."""

    def __init__(self, identity: dict[str, str], path: str, fd: int) -> None:
        self.identity, self.path, self._fd = identity, path, fd
        self.size = os.lseek(fd, 0, os.SEEK_END)

    @property
    def numbers(self) -> tuple[int, int]:
        """The same for every path to the same device."""
        return _numbers(os.fstat(self._fd))

    def state(self) -> str:
        """`ok`, or why not: `absent` (cannot be read), `wiped` (its header is gone or another's)."""
        try:
            return "ok" if _read_header(self._fd) == self.identity else "wiped"
        except OSError:
            return "absent"

    def close(self, erase: bool) -> None:
        """Lets the device go; with erase without a trace, so that anybody may take it."""
        try:
            if erase and self.state() == "ok":
                os.pwrite(self._fd, bytes(_HEADER), 0)
                os.fsync(self._fd)
        finally:
            os.close(self._fd)


def take(identity: dict[str, str], path: str, force: bool, off: list[str]) -> Device:
    """Opens a device and makes it this SDS's own.

    :param identity: `system`, `sds`, `device`: who it will belong to.
    :param force: forceDeviceTakeover: what is on the device is given up (dellemc.powerflex, module device, option force).
    :param off: guarding rules that a test has switched off.
    :raises Unusable: `absent`, `busy`, `size`, `header` (of another ScaleIO device), `signature` (anything else on it).
    """
    fd = _open(path, "device-busy" not in off)
    try:
        device = Device(identity, path, fd)
        if "device-size" not in off and not MINIMUM <= device.size <= MAXIMUM:
            raise Unusable("size", f"{path} has {device.size} bytes; a device has {MINIMUM} to {MAXIMUM}")
        header = _read_header(fd)
        if header and header != identity and not force and "device-header" not in off:
            raise Unusable("header", f"{path} belongs to SDS {header.get('sds')} of system {header.get('system')}")
        found = "" if header else _signature(path)
        if found and not force and "device-signature" not in off:
            raise Unusable("signature", f"{path} carries {found}")
        if found or header:
            _wipe(fd, device.size)
        _write_header(fd, identity)
    except BaseException:
        os.close(fd)
        raise
    return device


def retake(identity: dict[str, str], path: str) -> Device:
    """Opens a device that was taken before: after a restart of the daemon or of the host.

    :raises Unusable: `absent`, `busy`, `wiped`.
    """
    fd = _open(path, True)
    device = Device(identity, path, fd)
    if device.state() != "ok":
        os.close(fd)
        raise Unusable("wiped", f"{path} does not carry this SDS's header any more")
    return device


def numbers(path: str) -> tuple[int, int] | None:
    """What identifies the device behind a path; None when there is none."""
    try:
        return _numbers(os.stat(path))
    except OSError:
        return None


def _numbers(found: os.stat_result) -> tuple[int, int]:
    return (0, found.st_rdev) if stat.S_ISBLK(found.st_mode) else (found.st_dev, found.st_ino)


def _open(path: str, alone: bool) -> int:
    try:
        mode = os.stat(path).st_mode
        block = stat.S_ISBLK(mode)
        if not block and not stat.S_ISREG(mode):
            raise Unusable("absent", f"{path} is no block device")
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_EXCL if block and alone else 0))
        if not block and alone:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(fd)
                raise
        return fd
    except OSError as error:
        kind = "busy" if error.errno in (errno.EBUSY, errno.EAGAIN) else "absent"
        raise Unusable(kind, f"{path}: {error.strerror}") from None


def _read_header(fd: int) -> dict[str, Any] | None:
    block = os.pread(fd, _HEADER, 0)
    body, checksum = block[:-4], block[-4:]
    if not block.startswith(_MAGIC) or zlib.crc32(body).to_bytes(4, "little") != checksum:
        return None
    header: dict[str, Any] = json.loads(body[len(_MAGIC) :].rstrip(b"\0"))
    return header


def _write_header(fd: int, identity: dict[str, str]) -> None:
    body = (_MAGIC + json.dumps(identity).encode()).ljust(_HEADER - 4, b"\0")
    os.pwrite(fd, body + zlib.crc32(body).to_bytes(4, "little"), 0)
    os.fsync(fd)


def _wipe(fd: int, size: int) -> None:
    """Ends whatever lies there: signatures stand in the first and in the last megabyte."""
    os.pwrite(fd, bytes(_WIPED), 0)
    os.pwrite(fd, bytes(_WIPED), size - _WIPED)


def _signature(path: str) -> str:
    """What blkid finds on a device, by looking at the device itself; empty for nothing."""
    reader, writer = os.pipe()
    actions = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_CLOSE, reader)]
    argv = [_BLKID, "-p", "-o", "export", path]
    pid = os.posix_spawn(_BLKID, argv, {"LC_ALL": "C", "PATH": "/usr/sbin:/usr/bin"}, file_actions=actions)
    os.close(writer)
    with os.fdopen(reader, errors="replace") as output:
        lines = output.read().splitlines()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == _NOTHING_FOUND:
        return ""
    kinds = [line for line in lines if line.startswith(("TYPE=", "PTTYPE="))]
    return ", ".join(kinds) or f"what blkid cannot tell (exit status {status})"
