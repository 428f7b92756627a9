# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP as libprocess serves it (mesos 1.11.0 3rdparty/libprocess/src/process.cpp, http.cpp; recorded HTTP cases).

One thread per connection. Routes are looked up by the longest prefix, below the process's own name or at the root.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Any, Callable, NamedTuple
from urllib.parse import unquote

from mesos_simulator import jsonify
from mesos_simulator.log import log
from mesos_simulator.tls import Tls

_REASONS = {
    101: "Switching Protocols",
    200: "OK",
    202: "Accepted",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    415: "Unsupported Media Type",
    501: "Not Implemented",
    503: "Service Unavailable",
}

_GZIP_MINIMUM = 1024  # bytes of body below which nothing is compressed
_BODY_LIMIT = 4 * 2**20
_IDLE_SECONDS = 300

# Requests between simulators carry this header; without it their paths do not exist.
PRIVATE_HEADER = "x-mesos-simulator"


class Request(NamedTuple):
    """`path` is decoded and without query; `query` holds decoded pairs; header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    version: str


class Response(NamedTuple):
    """An answer. With `length_first` Content-Length comes before `headers`, as it does for JSON endpoints."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    length_first: bool = False


class Upgraded(Exception):
    """Raised by a handler that has taken the connection over."""


Handler = Callable[[Request, socket.socket], Response]


def text(status: int, body: str, *headers: tuple[str, str]) -> Response:
    """Plain text, the form of every error."""
    return Response(
        status, body.encode("utf-8", "surrogateescape"), (*headers, ("Content-Type", "text/plain; charset=utf-8"))
    )


def plain_status(status: int, *headers: tuple[str, str]) -> Response:
    """An error that says no more than its status."""
    return text(status, f"{status} {_REASONS[status]}.", *headers)


def method_not_allowed(method: str, allowed: str = "POST") -> Response:
    """405 in the product's words (recorded: "/api/v1 errors")."""
    body = f"405 Method Not Allowed. Expecting one of {{ '{allowed}' }}, but received '{method}'."
    return text(405, body, ("Allow", allowed))


def json_endpoint(value: Any, request: Request) -> Response:
    """A JSON document from an endpoint; ?jsonp=name wraps it (recorded: GET /state?jsonp=cb)."""
    body = jsonify.document(value)
    callback = request.query.get("jsonp")
    if callback:
        return Response(200, callback.encode() + b"(" + body + b")", (("Content-Type", "text/javascript"),), True)
    return Response(200, body, (("Content-Type", "application/json"),), True)


def json_call(value: Any) -> Response:
    """A JSON answer of /api/v1."""
    return Response(200, jsonify.document(value), (("Content-Type", "application/json"),))


class Router:
    """Paths to handlers. `process` is the name under which every route is served too, such as "slave(1)"."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._own: dict[str, Handler] = {}
        self._shared: dict[str, Handler] = {}

    def own(self, path: str, handler: Handler) -> None:
        """A route of the process: at PATH and at /<process>PATH."""
        self._own[path] = handler

    def shared(self, path: str, handler: Handler) -> None:
        """A route of libprocess itself: at PATH only (recorded: /slave(1)/version is 404)."""
        self._shared[path] = handler

    def answer(self, request: Request, connection: socket.socket) -> Response:
        path = "/" + "/".join(part for part in request.path.split("/") if part)
        prefix = f"/{self._process}"
        if path == prefix or path.startswith(f"{prefix}/"):
            handler = _longest(self._own, path[len(prefix) :])
        else:
            handler = _longest(self._own, path) or _longest(self._shared, path)
        return handler(request, connection) if handler else plain_status(404)


def _longest(routes: dict[str, Handler], path: str) -> Handler | None:
    """The handler of PATH or of the nearest directory above it; the root answers for nothing but itself."""
    if path == "/":
        return routes.get("/")
    while path:
        if path in routes:
            return routes[path]
        path = path.rpartition("/")[0]
    return None


class Server:
    """Listens and answers until the process ends."""

    def __init__(self, address: tuple[str, int], tls: Tls, answer: Handler) -> None:
        self._tls = tls
        self._answer = answer
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(address)
        self._listener.listen(128)

    def start(self) -> None:
        spawn(self._accept)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                time.sleep(0.1)  # out of descriptors: wait for some to come back
                continue
            try:
                spawn(self._serve, connection)
            except RuntimeError:
                connection.close()  # out of threads: this client has to come again

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.settimeout(_IDLE_SECONDS)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = self._tls.accept(connection)
            with connection.makefile("rb") as reader:
                while True:
                    request = read_request(reader)
                    if request is None:
                        break
                    response = self._answer(request, connection)
                    connection.sendall(serialize(response, request))
                    if _closes(request):
                        break
        except Upgraded:
            return
        except (OSError, ValueError):
            pass  # the peer has gone, or spoke no HTTP: libprocess closes without a word (recorded: "garbage")
        connection.close()


def _closes(request: Request) -> bool:
    wish = request.headers.get("connection", "").lower()
    return wish == "close" or (request.version == "HTTP/1.0" and wish != "keep-alive")


def read_request(reader: Any) -> Request | None:
    """The next request of a connection, None at its end; ValueError when it is no HTTP."""
    line = reader.readline(65537)
    if not line:
        return None
    method, target, version = line.decode("latin-1").split()
    if not version.startswith("HTTP/1."):
        raise ValueError(f"no HTTP: {line!r}")
    headers = _read_headers(reader)
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _BODY_LIMIT:
        raise ValueError(f"a body of {length} bytes")
    body: bytes = reader.read(length) if length else b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _read_chunks(reader)
    target = target.partition("#")[0]
    path, _, query = target.partition("?")
    return Request(method, unquote(path), parse_pairs(query), headers, body, version)


def _read_headers(reader: Any) -> dict[str, str]:
    headers: dict[str, str] = {}
    while True:
        line = reader.readline(65537).decode("latin-1")
        if line in ("\r\n", "\n", ""):
            return headers
        name, colon, value = line.partition(":")
        if not colon:
            raise ValueError(f"no header: {line!r}")
        headers[name.strip().lower()] = value.strip()


def _read_chunks(reader: Any) -> bytes:
    body: bytes = b""
    while True:
        size = int(reader.readline(64).split(b";")[0], 16)
        body += reader.read(size)
        reader.readline(8)
        if size == 0:
            return body
        if len(body) > _BODY_LIMIT:
            raise ValueError("the chunks of a body are too many")


def parse_pairs(source: str) -> dict[str, str]:
    """A query string or a form."""
    pairs = {}
    for part in source.replace(";", "&").split("&"):
        name, _, value = part.partition("=")
        if name:
            pairs[unquote(name.replace("+", " "))] = unquote(value.replace("+", " "))
    return pairs


def serialize(response: Response, request: Request) -> bytes:
    """The bytes of an answer; HEAD gets the body too (recorded: "methods on GET endpoints")."""
    body = response.body
    head = [f"HTTP/1.1 {response.status} {_REASONS[response.status]}"]
    if len(body) >= _GZIP_MINIMUM and "gzip" in request.headers.get("accept-encoding", ""):
        import gzip

        body = gzip.compress(body)
        head.append("Content-Encoding: gzip")
    head.append(time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT", time.gmtime()))
    length = f"Content-Length: {len(body)}"
    headers = [f"{name}: {value}" for name, value in response.headers]
    head += [length, *headers] if response.length_first else [*headers, length]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def spawn(function: Callable[..., None], *arguments: Any) -> None:
    """A daemon thread with a small stack."""
    threading.Thread(target=_guarded, args=(function, *arguments), daemon=True).start()


def _guarded(function: Callable[..., None], *arguments: Any) -> None:
    try:
        function(*arguments)
    except Exception as error:  # a fault of the simulator must be seen, not lose a thread silently
        log.fatal("process.cpp:0", f"{function.__qualname__}: {type(error).__name__}: {error}")
