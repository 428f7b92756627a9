# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduler API of a Mesos master (mesos 1.11 docs/scheduler-http-api.md, docs/recordio.md).

There is no ZooKeeper in a lab: the hosts of a zk:// address are taken for the masters, and one that does not lead points to
the one that does.
"""

from __future__ import annotations

import json
import queue
import re
import socket
import threading
import time
from typing import Any, Callable, NamedTuple

from marathon_simulator.store import log

_PORT = 5050
_PATH = "/api/v1/scheduler"
_CONNECT_SECONDS = 3.0
_RETRY_SECONDS = 1.0
# A master sends a heartbeat each 15 s. When nothing comes for longer, the masters are asked who leads; a stream is given up
# after five lost heartbeats (marathon MarathonConf.scala: mesos_heartbeat_failure_threshold).
_QUIET_SECONDS = 20.0
_LOST_HEARTBEATS = 5
_REDIRECTIONS = 3

Call = dict[str, Any]
Address = tuple[str, int]


class NoMaster(OSError):
    """Nobody leads, or nobody answers."""


class _Answer(NamedTuple):
    status: int
    headers: dict[str, str]


def masters(address: str) -> list[Address]:
    """From zk://[user:password@]host:port,.../path, or host:port[,host:port], with or without http://."""
    match = re.fullmatch(r"zk://(?:[^@/]*@)?([^/]+)/.+", address)
    if match:
        return [(part.rpartition(":")[0] or part, _PORT) for part in match.group(1).split(",")]
    found = []
    for part in address.split(","):
        host, _, port = part.strip().rpartition("//")[2].rstrip("/").rpartition(":")
        found.append((host, int(port)) if host else (port, _PORT))
    return found


class Client:
    """Keeps one subscription and sends calls in their order; both in threads of their own."""

    def __init__(
        self,
        address: str,
        subscription: Callable[[], Call],
        event: Callable[[dict[str, Any]], None],
        disconnected: Callable[[], None],
        lost: Callable[[Call], None],
    ) -> None:
        self._masters = masters(address)
        self._subscription, self._event, self._disconnected, self._lost = subscription, event, disconnected, lost
        self._calls: queue.SimpleQueue[tuple[str, Call]] = queue.SimpleQueue()
        self._leader: Address = self._masters[0]
        self._stream = ""

    def start(self) -> None:
        threading.Thread(target=self._subscribe_for_ever, daemon=True).start()
        threading.Thread(target=self._send_for_ever, daemon=True).start()

    def call(self, call: Call) -> None:
        """Sends a call for the subscription that there is now; one that does not arrive is lost, and told of."""
        self._calls.put((self._stream, call))

    def _send_for_ever(self) -> None:
        while True:
            stream, call = self._calls.get()
            try:
                self._send(call, stream)
            except (OSError, ValueError) as error:
                log(f"{call['type']} is lost: {error}")
                self._lost(call)

    def _send(self, call: Call, stream: str) -> None:
        if not stream or stream != self._stream:
            raise NoMaster("not subscribed")
        with _connect(self._leader) as connection:
            answer, reader = _exchange(connection, self._leader, call, stream)
            if answer.status != 202:
                reason = reader.read(int(answer.headers.get("content-length", 0)))
                raise ValueError(f"{answer.status} {reason.decode(errors='replace')}")

    def _subscribe_for_ever(self) -> None:
        while True:
            for master in self._masters:
                try:
                    self._follow(master)
                except (OSError, ValueError) as error:
                    log(f"No subscription with {master[0]}:{master[1]}: {error}")
                if self._stream:
                    self._stream = ""
                    self._disconnected()
            time.sleep(_RETRY_SECONDS)

    def _follow(self, master: Address) -> None:
        """Subscribes at the leader that a master names, and reads until the stream ends."""
        for _ in range(_REDIRECTIONS):
            with _connect(master) as connection:
                answer, reader = _exchange(connection, master, self._subscription(), "")
                if answer.status == 307:
                    master = _redirection(answer)
                    continue
                if answer.status != 200:
                    body = reader.read(int(answer.headers.get("content-length", 0)))
                    raise ValueError(f"{answer.status} {body.decode(errors='replace')}")
                self._leader, self._stream = master, answer.headers["mesos-stream-id"]
                _Stream(connection, answer).read(self._event, self._elsewhere)
                return
        raise NoMaster("the masters point at each other")

    def _elsewhere(self) -> bool:
        """Whether another master leads now."""
        for master in self._masters:
            try:
                with _connect(master) as connection:
                    request = f"GET /redirect HTTP/1.1\r\nHost: {master[0]}:{master[1]}\r\nConnection: close\r\n\r\n"
                    connection.sendall(request.encode("ascii"))
                    answer = _read_head(connection.makefile("rb"))
                    if answer.status == 307 and _resolved(_redirection(answer)) != _resolved(self._leader):
                        return True
            except (OSError, ValueError):
                continue
        return False


def _resolved(address: Address) -> Address:
    return socket.gethostbyname(address[0]), address[1]


def _redirection(answer: _Answer) -> Address:
    match = re.match(r"(?:https?:)?//([^/:]+):(\d+)", answer.headers.get("location", ""))
    if not match:
        raise NoMaster("no leader is named")
    return match.group(1), int(match.group(2))


def _connect(address: Address) -> socket.socket:
    return socket.create_connection(address, _CONNECT_SECONDS)


def _exchange(connection: socket.socket, address: Address, call: Call, stream: str) -> tuple[_Answer, Any]:
    body = json.dumps(call).encode("ascii")
    lines = [
        f"POST {_PATH} HTTP/1.1",
        f"Host: {address[0]}:{address[1]}",
        "Content-Type: application/json",
        "Accept: application/json",
        f"Content-Length: {len(body)}",
        *([f"Mesos-Stream-Id: {stream}"] if stream else []),
        # A connection of its own for each call, so that the stream stays alone on its own.
        "Connection: close" if stream else "Connection: keep-alive",
    ]
    connection.sendall("\r\n".join([*lines, "", ""]).encode("ascii") + body)
    reader = connection.makefile("rb", buffering=0) if not stream else connection.makefile("rb")
    return _read_head(reader), reader


def _read_head(reader: Any) -> _Answer:
    """Status and headers; unbuffered readers are read byte by byte, so that nothing of the body is lost."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = reader.readline(65536)
        if not part:
            raise ValueError("the connection was closed")
        head += part
    lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return _Answer(int(lines[0].split()[1]), headers)


class _Stream:
    """Events of a subscription: JSON records, each behind its length, in chunks."""

    def __init__(self, connection: socket.socket, answer: _Answer) -> None:
        self._connection = connection
        self._chunked = answer.headers.get("transfer-encoding", "").lower() == "chunked"
        self._raw = bytearray()
        self._left = 0  # bytes of the chunk that is being read
        self._records = bytearray()
        connection.settimeout(_QUIET_SECONDS)

    def read(self, event: Callable[[dict[str, Any]], None], elsewhere: Callable[[], bool]) -> None:
        """Returns at the end of the stream; OSError when it has fallen silent."""
        quiet = 0.0
        while True:
            try:
                part = self._connection.recv(65536)
            except socket.timeout:
                quiet += _QUIET_SECONDS
                if elsewhere() or quiet >= _LOST_HEARTBEATS * _QUIET_SECONDS:
                    raise NoMaster("the leader has fallen silent") from None
                continue
            quiet = 0.0
            if not part or not self._take(part):
                return
            for record in self._complete():
                event(json.loads(record))

    def _take(self, part: bytes) -> bool:
        """Adds what lies in the chunks to the records; False at the last chunk."""
        if not self._chunked:
            self._records += part
            return True
        self._raw += part
        while self._raw:
            if not self._left:
                line, end, rest = bytes(self._raw).partition(b"\r\n")
                if not end:
                    return True
                size = line.split(b";")[0].strip()
                if size == b"0":
                    return False
                self._raw = bytearray(rest)
                if size:  # an empty line ends the chunk before
                    self._left = int(size, 16)
                continue
            self._records += self._raw[: self._left]
            taken = min(self._left, len(self._raw))
            del self._raw[:taken]
            self._left -= taken
        return True

    def _complete(self) -> list[bytes]:
        found: list[bytes] = []
        while True:
            length, end, rest = bytes(self._records).partition(b"\n")
            if not end or len(rest) < int(length):
                return found
            found.append(rest[: int(length)])
            self._records = bytearray(rest[int(length) :])
