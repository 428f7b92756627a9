# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Processes as /proc shows them (proc(5)): command line, environment, and the sockets that they listen on."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Mapping, Sequence

from ansible_collections.holdfast.stateful.tests.unit.fake_machine import FakeMachine

_HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def a_process(
    machine: FakeMachine,
    pid: int,
    argv: Sequence[str],
    *,
    listens: Sequence[tuple[str, int]] = (),
    environment: Mapping[str, str] | None = None,
) -> None:
    """Put a process there in place of an earlier one. Another one listens on port 22, and this one is connected with a
    master."""
    below = f"/proc/{pid}"
    machine.file(f"{below}/cmdline", "".join(f"{word}\0" for word in argv))
    machine.file(f"{below}/environ", "".join(f"{name}={value}\0" for name, value in (environment or {}).items()))
    machine.symlink(f"{below}/fd/0", "/dev/null")
    machine.symlink(f"{below}/fd/1", "pipe:[7]")
    machine.symlink(f"{below}/fd/3", "socket:[900]")
    tables = {4: [_row("0.0.0.0", 22, "0A", 22), _row("10.0.0.11", 40000, "01", 900)], 6: []}
    for number, (address, port) in enumerate(listens):
        machine.symlink(f"{below}/fd/{10 + number}", f"socket:[{1000 + number}]")
        tables[ipaddress.ip_address(address).version].append(_row(address, port, "0A", 1000 + number))
    machine.file(f"{below}/net/tcp", _HEADER + "".join(tables[4]))
    machine.file(f"{below}/net/tcp6", _HEADER + "".join(tables[6]))


def _row(address: str, port: int, state: str, inode: int) -> str:
    packed = ipaddress.ip_address(address).packed
    words = [int.from_bytes(packed[at : at + 4], sys.byteorder) for at in range(0, len(packed), 4)]
    local = "".join(f"{word:08X}" for word in words)
    return f"   0: {local}:{port:04X} {'0' * len(local)}:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1\n"
