# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The held connection between an agent and the leading master, and one-shot questions between simulators.

It stands for libprocess links and messages: when either end dies the other one sees it at once, when a cable is cut
nobody sees anything until pings are missed. Messages are JSON objects, one per line.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

from mesos_simulator.http import PRIVATE_HEADER
from mesos_simulator.tls import Tls

_SEND_SECONDS = 5.0


class Link:
    """One end of a held connection."""

    def __init__(self, connection: socket.socket, reader: Any = None) -> None:
        self._connection = connection
        self._reader = reader or connection.makefile("rb")
        self._lock = threading.Lock()

    def send(self, **message: Any) -> None:
        """Sends a message; a dead connection shows at the receiving side."""
        data = json.dumps(message).encode("ascii") + b"\n"
        try:
            with self._lock:
                self._connection.sendall(data)
        except OSError:
            self.close()

    def messages(self) -> Iterator[dict[str, Any]]:
        """All messages until the connection ends."""
        try:
            self._connection.settimeout(None)
            for line in self._reader:
                yield json.loads(line)
        except (OSError, ValueError):
            return

    def close(self) -> None:
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._connection.close()


def bound_unacknowledged(connection: socket.socket, seconds: float) -> None:
    """Ends the connection when what was sent stays unacknowledged for that long, so that no thread hangs in a send."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def open_link(tls: Tls, address: tuple[str, int], path: str) -> Link:
    """A link to another simulator; OSError when it cannot be had."""
    connection = tls.connect(address, _SEND_SECONDS)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {address[0]}\r\n{PRIVATE_HEADER}: link\r\nConnection: Upgrade\r\n\r\n".encode()
        )
        reader = connection.makefile("rb")
        status, _ = _read_head(reader)
        if status != 101:
            raise OSError(f"{address[0]}:{address[1]} answers {status}")
    except OSError:
        connection.close()
        raise
    return Link(connection, reader)


def ask(tls: Tls, address: tuple[str, int], path: str, question: dict[str, Any], timeout: float) -> dict[str, Any]:
    """One question to another simulator; OSError when there is no answer in time."""
    body = json.dumps(question).encode("ascii")
    with tls.connect(address, timeout) as connection:
        connection.settimeout(timeout)
        connection.sendall(
            f"POST {path} HTTP/1.1\r\nHost: {address[0]}\r\n{PRIVATE_HEADER}: ask\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode() + body
        )
        with connection.makefile("rb") as reader:
            status, length = _read_head(reader)
            content = reader.read(length)
    if status != 200:
        raise OSError(f"{address[0]}:{address[1]} answers {status}")
    answer = json.loads(content)
    if not isinstance(answer, dict):
        raise OSError(f"{address[0]}:{address[1]} answers {answer!r}")
    return answer


def _read_head(reader: Any) -> tuple[int, int]:
    words = reader.readline(1024).split()
    if len(words) < 2:
        raise OSError("no answer")
    length = 0
    while True:
        line = reader.readline(65537)
        if line in (b"\r\n", b"\n", b""):
            return int(words[1]), length
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)


def read_question(body: bytes) -> dict[str, Any]:
    """The question of `ask`, at the side that answers."""
    return dict(json.loads(body))
