# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The private channel: one JSON object a line, one answer a line, over connections that stay open.

The real SDS speaks a protocol of its own on the same port (7072; ScaleIO 2.0 User Guide, ports); nothing but the gateway's simulator
speaks this one.
"""

from __future__ import annotations

import json
import select
import socket

# The typing module costs a megabyte in each of sixteen processes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    Answer = Callable[[dict[str, Any]], dict[str, Any]]

_LONGEST = 2**20


def serve(address: tuple[str, int], answer: Answer) -> None:
    """Answers one request after the other until the process ends."""
    listener = socket.create_server(address, backlog=32)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    connections: dict[int, tuple[socket.socket, bytearray]] = {}
    while True:
        for fd, _ in poll.poll():
            if fd == listener.fileno():
                connection, _ = listener.accept()
                connection.settimeout(2)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
                connections[connection.fileno()] = (connection, bytearray())
                poll.register(connection, select.POLLIN)
            elif not _turn(*connections[fd], answer):
                poll.unregister(fd)
                connections.pop(fd)[0].close()


def _turn(connection: socket.socket, pending: bytearray, answer: Answer) -> bool:
    """Takes what has arrived on a connection; false at its end."""
    try:
        received = connection.recv(65536)
        pending += received
        while b"\n" in pending:
            line, _, rest = bytes(pending).partition(b"\n")
            pending[:] = rest
            connection.sendall(json.dumps(answer(json.loads(line))).encode() + b"\n")
        return bool(received) and len(pending) < _LONGEST
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False  # gone, or not the gateway
