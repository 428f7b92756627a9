# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 on plain sockets, in the form of Go's net/http: small in memory, exact in headers.

Client errors read as Go's do, because the product logs them.
"""

from __future__ import annotations

import _thread
import os
import socket
import time
from collections.abc import Callable, Sequence

# Modules of the executor do without typing: it would be a tenth of its memory.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Headers = Sequence[tuple[str, str]]

USER_AGENT = "Go-http-client/1.1"
_LIMIT = 1 << 20  # what the product reads of a body (scheduler/server/node.go)
_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed"}


class Failed(Exception):
    """A request that got no whole answer; the text is Go's."""


class Broken(Failed):
    """A body that ends before its end."""


def get_header(headers: Headers, name: str) -> str:
    """The first value under a name, or ""."""
    return next((value for key, value in headers if key.lower() == name.lower()), "")


# --- reading ---


class Stream:
    """A connection with what was read ahead of it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self._buffer = b""

    def some(self) -> bytes:
        """Bytes that are there, waiting for at least one; b"" at the end."""
        if self._buffer:
            data, self._buffer = self._buffer, b""
            return data
        return self.connection.recv(65536)

    def exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            data = self.connection.recv(65536)
            if not data:
                raise Broken("unexpected EOF")
            self._buffer += data
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def line(self) -> str:
        """One line without its end; "" also at the end of the connection."""
        while b"\n" not in self._buffer:
            data = self.connection.recv(65536)
            if not data:
                return ""
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.rstrip(b"\r").decode("latin-1")

    def headers(self) -> Headers:
        found: list[tuple[str, str]] = []
        while True:
            name, colon, value = self.line().partition(":")
            if not colon:
                return found
            found.append((name.strip(), value.strip()))


class Body:
    """A body piece by piece."""

    def __init__(self, stream: Stream, headers: Headers) -> None:
        self._stream = stream
        self._chunked = get_header(headers, "Transfer-Encoding").lower() == "chunked"
        length = get_header(headers, "Content-Length")
        self._left = int(length) if length else None

    def piece(self) -> bytes:
        """The next bytes; b"" at the clean end.

        :raises Broken: the connection ended first.
        """
        try:
            return self._chunk() if self._chunked else self._plain()
        except OSError as error:
            raise Broken(f"read tcp: read: {(error.strerror or str(error)).lower()}") from None

    def _chunk(self) -> bytes:
        size = self._stream.line().split(";")[0].strip()
        if not size:
            raise Broken("unexpected EOF")
        data = self._stream.exactly(int(size, 16))
        self._stream.line()
        return data

    def _plain(self) -> bytes:
        if self._left is None:
            return self._stream.some()
        if self._left == 0:
            return b""
        data = self._stream.exactly(min(self._left, 65536))
        self._left -= len(data)
        return data

    def all(self) -> bytes:
        body = b""
        while piece := self.piece():
            body += piece
        return body


# --- client ---


class Answer:
    """`body` is not read yet."""

    def __init__(self, status: int, headers: Headers, stream: Stream) -> None:
        self.status, self.headers, self.stream = status, headers, stream
        self.body = Body(stream, headers)


def split(url: str) -> tuple[str, int, str]:
    """(host, port, path) of an http URL."""
    rest = url.partition("://")[2]
    place, slash, path = rest.partition("/")
    host, _, port = place.partition(":")
    return host, int(port) if port.isdigit() else 80, slash + path or "/"


def connect(host: str, port: int, timeout: float | None) -> Stream:
    """A connection.

    :raises Failed: there is none.
    """
    try:
        connection = socket.create_connection((host, port), timeout or 10.0)
    except socket.gaierror:
        raise Failed(f"dial tcp: lookup {host}: no such host") from None
    except TimeoutError:
        raise Failed(f"dial tcp {host}:{port}: i/o timeout") from None
    except OSError as error:
        raise Failed(f"dial tcp {host}:{port}: connect: {(error.strerror or str(error)).lower()}") from None
    connection.settimeout(timeout)
    # net.Dialer's KeepAlive of 30 s.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 30)
    return Stream(connection)


def send(stream: Stream, method: str, path: str, headers: Headers, body: bytes = b"") -> Answer:
    """Sends a request and reads the head of the answer.

    :raises Failed: the connection ended.
    """
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers), "", ""]
    try:
        stream.connection.sendall("\r\n".join(lines).encode("latin-1") + body)
        status = stream.line()
        answered = stream.headers() if status else []
    except OSError as error:
        raise Failed(f"read tcp: read: {(error.strerror or str(error)).lower()}") from None
    words = status.split(" ", 2)
    if len(words) < 2 or not words[1].isdigit():
        raise Failed("EOF" if not status else f"malformed HTTP response {status!r}")
    return Answer(int(words[1]), answered, stream)


def fetch(url: str, body: bytes | None = None, timeout: float = 30.0) -> tuple[int, bytes]:
    """GET, or POST of JSON: (status, body).

    :raises Failed: no whole answer. The text is that of Go's url.Error.
    """
    method = "GET" if body is None else "POST"
    host, port, path = split(url)
    headers = [("Host", _place(host, port)), ("User-Agent", USER_AGENT)]
    if body is not None:
        headers.append(("Content-Length", str(len(body))))
    headers += [("Content-Type", "application/json"), ("Accept-Encoding", "identity")]
    try:
        stream = connect(host, port, timeout)
        try:
            answer = send(stream, method, path, headers, body or b"")
            return answer.status, answer.body.all()
        finally:
            stream.connection.close()
    except Failed as error:
        raise Failed(f'{method.capitalize()} "{url}": {error}') from None


def _place(host: str, port: int) -> str:
    return host if port == 80 else f"{host}:{port}"


# --- server ---


class Request:
    """Header names are in lower case."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.path, self.headers, self.body = method, path, headers, body


class Response:
    """`headers` are those that a handler sets; a type that none of them names is written behind the date, as Go does."""

    def __init__(self, status: int, body: bytes, headers: Headers = (), sniffed: str = "") -> None:
        self.status, self.body, self.headers, self.sniffed = status, body, headers, sniffed


Handler = Callable[[Request], Response]


def error(status: int, text: str) -> Response:
    """Go's http.Error."""
    headers = (("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff"))
    return Response(status, text.encode() + b"\n", headers)


def not_found() -> Response:
    """Go's http.NotFound."""
    return error(404, "404 page not found")


def listen(address: str, port: int) -> socket.socket:
    """A bound socket.

    :raises OSError: the address is taken or not this host's.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(128)
    return listener


def serve(listener: socket.socket, handler: Handler) -> None:
    """Answers until the process ends, with a thread for each connection."""
    while True:
        try:
            connection, _ = listener.accept()
            _thread.start_new_thread(_serve, (connection, handler))
        except (OSError, RuntimeError):
            time.sleep(0.1)  # out of descriptors or threads: wait for some to come back


def _serve(connection: socket.socket, handler: Handler) -> None:
    stream = Stream(connection)
    try:
        connection.settimeout(300)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            words = stream.line().split(" ")
            if len(words) != 3:
                break
            headers = stream.headers()
            length = min(int(get_header(headers, "Content-Length") or 0), _LIMIT)
            body = stream.exactly(length) if length else b""
            path = words[1].partition("?")[0]
            request = Request(words[0], path, {name.lower(): value for name, value in headers}, body)
            closing = request.headers.get("connection", "").lower() == "close" or words[2] == "HTTP/1.0"
            connection.sendall(serialize(handler(request), closing))
            if closing:
                break
    except (OSError, ValueError, Failed):
        pass  # the peer has gone or speaks no HTTP
    connection.close()


def serialize(response: Response, closing: bool) -> bytes:
    """An answer in the order of Go's server: handler's headers, date, length, sniffed type, connection, encoding.

    A body above 2 kB of a handler that sets no length goes in chunks (go src/net/http/server.go: bufferBeforeChunkingSize).
    """
    chunked = len(response.body) > 2048 and not get_header(response.headers, "Content-Length")
    lines = [f"HTTP/1.1 {response.status} {_REASONS[response.status]}"]
    lines += [f"{name}: {value}" for name, value in sorted(response.headers)]
    lines.append(time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT", time.gmtime()))
    if not chunked and not get_header(response.headers, "Content-Length"):
        lines.append(f"Content-Length: {len(response.body)}")
    if response.sniffed:
        lines.append(f"Content-Type: {response.sniffed}")
    if closing:
        lines.append("Connection: close")
    if chunked:
        lines.append("Transfer-Encoding: chunked")
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    if chunked:
        return head + b"%x\r\n" % len(response.body) + response.body + b"\r\n0\r\n\r\n"
    return head + response.body


def ready() -> None:
    """Tells systemd that the program serves (sd_notify(3)); without systemd nothing happens."""
    place = os.environ.get("NOTIFY_SOCKET", "")
    if place:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(b"READY=1", place.replace("@", "\0", 1) if place.startswith("@") else place)


def address_of_host() -> str:
    """The first address of the first interface that is neither loopback nor docker's (goxplatform nw: AutoDiscoverIP)."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            if "lo" in name or "docker" in name:
                continue
            try:
                found = fcntl.ioctl(probe.fileno(), 0x8915, name.encode()[:15] + bytes(25))  # SIOCGIFADDR
            except OSError:
                continue
            return socket.inet_ntoa(found[20:24])
    return "127.0.0.1"


def spawn(function: Callable[..., Any], *arguments: Any) -> None:
    """A thread whose failure ends the process with its words: a fault of the simulator must be seen."""
    _thread.start_new_thread(_guarded, (function, arguments))


def _guarded(function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    try:
        function(*arguments)
    except Exception:
        import traceback

        os.write(2, traceback.format_exc().encode())
        os._exit(70)
