# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Events to schedulers and executors: the held answer to a SUBSCRIBE call, chunked, in RecordIO.

A record is the length of its content in decimal, a newline and the content (mesos 1.11.0 docs/scheduler-http-api.md,
src/common/recordio.hpp). What is written while the receiver sleeps waits in the kernel's buffers.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

from mesos_simulator import jsonify, link

_UNACKNOWLEDGED_SECONDS = 75.0  # as long as the master's default for agents that do not answer


class Stream:
    """One subscription. Its thread waits in `wait` for the end, whoever ends it."""

    def __init__(self, connection: socket.socket, *headers: tuple[str, str]) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._open = True
        connection.settimeout(None)
        link.bound_unacknowledged(connection, _UNACKNOWLEDGED_SECONDS)
        date = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
        head = [("Content-Type", "application/json"), *headers, ("Date", date), ("Transfer-Encoding", "chunked")]
        lines = ["HTTP/1.1 200 OK", *(f"{name}: {value}" for name, value in head), "", ""]
        self._write("\r\n".join(lines).encode("latin-1"))

    def send(self, kind: str, content: Any = None) -> None:
        """An event; a receiver that has gone shows in `wait`."""
        event = {"type": kind} if content is None else {"type": kind, kind.lower(): content}
        document = jsonify.document(event)
        record = b"%d\n%s" % (len(document), document)
        self._write(b"%x\r\n%s\r\n" % (len(record), record))

    def close(self) -> None:
        """Ends the answer properly: the receiver sees an end, not a broken connection."""
        self._write(b"0\r\n\r\n")
        self._shut()

    def wait(self) -> None:
        """Returns when the connection has ended, and closes it."""
        try:
            while self._connection.recv(4096):
                pass  # whatever a client sends behind its SUBSCRIBE has no reader
        except OSError:
            pass
        with self._lock:
            self._open = False
        self._connection.close()

    def _write(self, data: bytes) -> None:
        with self._lock:
            if self._open:
                try:
                    self._connection.sendall(data)
                    return
                except OSError:
                    pass
        self._shut()

    def _shut(self) -> None:
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it had gone before
