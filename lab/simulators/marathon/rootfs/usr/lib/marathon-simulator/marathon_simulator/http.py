# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP and HTTPS as Marathon's Jetty serves them (marathon api/HttpModule.scala). One thread per connection."""

from __future__ import annotations

import base64
import socket
import threading
import time
import zlib
from typing import Any, Callable, NamedTuple
from urllib.parse import unquote, unquote_plus

from marathon_simulator.settings import Settings
from marathon_simulator.store import log

_REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    500: "Internal Server Error",
}
_IDLE_SECONDS = 30  # HttpModule.scala: configureConnectorAddress
_BODY_LIMIT = 4 * 2**20
_GZIP_MINIMUM = 16  # Jetty's GzipHandler


class Request(NamedTuple):
    """`path` is as it was sent, without query; header names are in lower case."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    def parameter(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.query if key == name), default)

    def flag(self, name: str, default: bool = False) -> bool:
        """Java's reading of a boolean parameter."""
        given = [value for key, value in self.query if key == name]
        return given[0].lower() == "true" if given else default


class Response(NamedTuple):
    status: int
    body: bytes = b""
    kind: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


Handler = Callable[[Request], Response]


class Authentication:
    """Basic authentication of everything (HttpModule.scala: createSecurityHandler)."""

    def __init__(self, settings: Settings) -> None:
        given = settings["http_credentials"]
        user, colon, password = (given or "").partition(":")
        self._wanted = given.encode() if user and colon and password else None
        if given and self._wanted is None:
            log("The HTTP credentials must be specified in the form of 'user:password'.")
        self._challenge = ("WWW-Authenticate", f'basic realm="{settings["http_realm"]}"')

    def refusal(self, request: Request) -> Response | None:
        if self._wanted is None:
            return None
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            if scheme.lower() == "basic" and base64.b64decode(encoded) == self._wanted:
                return None
        except ValueError:
            pass  # no base64: as wrong as a wrong password
        # The page that Jetty makes for errors.
        page = (
            '<html>\n<head>\n<meta http-equiv="Content-Type" content="text/html;charset=utf-8"/>\n'
            "<title>Error 401 Unauthorized</title>\n</head>\n<body><h2>HTTP ERROR 401</h2>\n"
            f"<p>Problem accessing {request.path}. Reason:\n<pre>    Unauthorized</pre></p>\n</body>\n</html>\n"
        )
        return Response(401, page.encode(), "text/html;charset=iso-8859-1", (self._challenge,))


def serve(settings: Settings, handler: Handler) -> None:
    """Listens on HTTP and, with a keystore and its password, on HTTPS; OSError when it cannot."""
    authentication = Authentication(settings)

    def answer(request: Request) -> Response:
        return authentication.refusal(request) or handler(request)

    if not settings["disable_http"]:
        _listen((settings["http_address"] or "0.0.0.0", settings["http_port"]), None, answer)
    keystore, password = settings["ssl_keystore_path"], settings["ssl_keystore_password"]
    if keystore and password:
        # The module is loaded only when it is needed: it costs 4 MB.
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keystore, password=password)
        _listen((settings["https_address"] or "0.0.0.0", settings["https_port"]), context, answer)
    elif settings["disable_http"]:
        raise OSError("Invalid configuration: Neither HTTP nor HTTPS support has been configured.")


def _listen(address: tuple[str, int], context: Any, answer: Handler) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(address)
    listener.listen(64)
    threading.Thread(target=_accept, args=(listener, context, answer), daemon=True).start()


def _accept(listener: socket.socket, context: Any, answer: Handler) -> None:
    while True:
        try:
            connection, _ = listener.accept()
            threading.Thread(target=_converse, args=(connection, context, answer), daemon=True).start()
        except (OSError, RuntimeError):
            time.sleep(0.1)  # out of descriptors or threads: wait for some to come back


def _converse(connection: socket.socket, context: Any, answer: Handler) -> None:
    try:
        connection.settimeout(_IDLE_SECONDS)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        with connection.makefile("rb") as reader:
            while True:
                request = _read(reader, connection)
                if request is None:
                    break
                last = request.headers.get("connection", "").lower() == "close"
                connection.sendall(_serialize(answer(request), request, last))
                if last:
                    break
    except (OSError, ValueError):
        pass  # the client has gone, or speaks no HTTP
    finally:
        connection.close()


def _read(reader: Any, connection: socket.socket) -> Request | None:
    line = reader.readline(65537)
    if not line:
        return None
    method, target, version = line.decode("latin-1").split()
    if not version.startswith("HTTP/1."):
        raise ValueError(f"no HTTP: {line!r}")
    headers: dict[str, str] = {}
    while True:
        text = reader.readline(65537).decode("latin-1")
        if text in ("\r\n", "\n", ""):
            break
        name, colon, value = text.partition(":")
        if not colon:
            raise ValueError(f"no header: {text!r}")
        headers[name.strip().lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _read_chunks(reader)
    else:
        length = int(headers.get("content-length", "0"))
        if not 0 <= length <= _BODY_LIMIT:
            raise ValueError(f"a body of {length} bytes")
        body = reader.read(length)
    path, _, query = target.partition("?")
    return Request(method, unquote(path), _parameters(query), headers, body)


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


def _parameters(query: str) -> list[tuple[str, str]]:
    found = []
    for part in query.split("&"):
        name, _, value = part.partition("=")
        if name:
            found.append((unquote_plus(name), unquote_plus(value)))
    return found


def _serialize(response: Response, request: Request, last: bool) -> bytes:
    body = response.body
    headers = [
        time.strftime("Date: %a, %d %b %Y %H:%M:%S GMT", time.gmtime()),
        *(f"{name}: {value}" for name, value in response.headers),
    ]
    if body:
        headers.append(f"Content-Type: {response.kind}")
    if len(body) >= _GZIP_MINIMUM and "gzip" in request.headers.get("accept-encoding", ""):
        packer = zlib.compressobj(wbits=31)
        body = packer.compress(body) + packer.flush()
        headers += ["Content-Encoding: gzip", "Vary: Accept-Encoding"]
    if last:
        headers.append("Connection: close")
    head = [f"HTTP/1.1 {response.status} {_REASONS[response.status]}", *headers, f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body
