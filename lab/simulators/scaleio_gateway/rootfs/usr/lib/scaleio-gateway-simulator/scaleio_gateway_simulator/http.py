# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 over TLS, connections kept open; one thread for each. Every answer is JSON."""

from __future__ import annotations

import json
import socket
import ssl
import sys
import threading
import time
from typing import Any, BinaryIO, Callable, NamedTuple

_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
}
_BODY_LIMIT = 2**20
_IDLE_SECONDS = 60
_STACK = 256 * 1024


class Request(NamedTuple):
    """Header names are in lower case; `target` is as it was sent."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    client: str


Handler = Callable[[Request], "tuple[int, Any]"]


class Server:
    """Listens and answers until the process ends."""

    def __init__(self, address: tuple[str, int], certificate: str, key: str, handler: Handler) -> None:
        threading.stack_size(_STACK)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # The System object of a 2.0 says TLSv1.2 (goscaleio's tests).
        self._context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context.load_cert_chain(certificate, key)
        self._handler = handler
        self._listener = socket.create_server(address, backlog=64)

    def run(self) -> None:
        while True:
            try:
                connection, peer = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection, peer[0]), daemon=True).start()
            except (OSError, RuntimeError):
                time.sleep(0.1)  # out of descriptors or threads: wait for some to come back

    def _serve(self, plain: socket.socket, client: str) -> None:
        try:
            with plain:
                plain.settimeout(_IDLE_SECONDS)
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with (
                    self._context.wrap_socket(plain, server_side=True) as connection,
                    connection.makefile("rb") as reader,
                ):
                    while True:
                        request = _read(reader, client)
                        if request is None:
                            return
                        connection.sendall(_answer(*self._guarded(request)))
                        if request.headers.get("connection", "").lower() == "close":
                            return
        except (OSError, ValueError):
            return  # gone, too slow, or no HTTPS

    def _guarded(self, request: Request) -> tuple[int, Any]:
        try:
            return self._handler(request)
        except Exception as error:  # a fault of the simulator must be seen, not taken for a fault of the network
            print(f"{request.method} {request.target}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            return 500, {"message": f"Internal error: {type(error).__name__}", "httpStatusCode": 500, "errorCode": 0}


def _read(reader: BinaryIO, client: str) -> Request | None:
    """The next request of a connection, None at its end; ValueError when it is no HTTP."""
    line = reader.readline(65537)
    if not line:
        return None
    method, target, version = line.decode("latin-1").split()
    if version != "HTTP/1.1":
        raise ValueError(f"no HTTP/1.1: {line!r}")
    headers: dict[str, str] = {}
    while True:
        line = reader.readline(65537)
        if line in (b"\r\n", b"\n", b""):
            break
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _BODY_LIMIT:
        raise ValueError(f"a body of {length} bytes")
    body = reader.read(length)
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _read_chunks(reader)
    return Request(method, target, headers, body, client)


def _read_chunks(reader: BinaryIO) -> bytes:
    body = b""
    while True:
        size = int(reader.readline(64).split(b";")[0], 16)
        body += reader.read(size)
        reader.readline(8)
        if size == 0:
            return body
        if len(body) > _BODY_LIMIT:
            raise ValueError("the chunks of a body are too many")


def _answer(status: int, value: Any) -> bytes:
    body = json.dumps(value).encode()
    head = [
        f"HTTP/1.1 {status} {_REASONS[status]}",
        # As a 2.0 gateway names it (SIORestToolkit, README: output of New-SIOVolume -Verbose).
        "Content-Type: application/json;charset=UTF-8",
        f"Content-Length: {len(body)}",
        time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
    ]
    return "\r\n".join([*head, "", ""]).encode() + body
