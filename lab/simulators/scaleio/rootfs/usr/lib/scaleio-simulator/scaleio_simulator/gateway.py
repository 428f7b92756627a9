# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of the ScaleIO gateway: goscaleio as of December 2016, over one kept connection (recorded: gateway requests)."""

from __future__ import annotations

import base64
import json
import ssl
import zlib
from typing import Any

from scaleio_simulator import gojson, web

_JSON = (200, 201, 202, 204)
_ERRORS = (400, 401, 403, 404, 405, 406, 409, 415, 500, 503, 504)
NO_ANSWER = "Problem getting response from endpoint"
TIMEOUT = 120.0


class GatewayError(Exception):
    """In the words of the gateway, or of the client."""


class _Refused(GatewayError):
    """An answer with an error in it."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Gateway:
    """One session. Certificates are not looked at (goscaleio NewClientWithArgs, insecure true)."""

    def __init__(self, host: str, version: str, password: str) -> None:
        self._place, self._password = host, password
        self._media = f"application/json;version={version}"
        self._token = ""
        self._stream: web.Stream | None = None

    def login(self) -> None:
        """:raises GatewayError: refused, or no answer."""
        credentials = base64.b64encode(f"admin:{self._password}".encode()).decode()
        answer = self._request("GET", "/api/login", [("Authorization", f"Basic {credentials}")])
        self._token = answer.decode("utf-8", "replace").strip('"')

    def get(self, path: str) -> Any:
        """A list or an object."""
        return self._decode(self._session("GET", path, None))

    def create(self, kind: str, body: dict[str, Any]) -> str:
        """ID of the new object."""
        made = self._decode(self._session("POST", f"/api/types/{kind}/instances", gojson.dumps(body).encode()))
        return str(made.get("id", "")) if isinstance(made, dict) else ""

    def _decode(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except ValueError as error:
            raise GatewayError(str(error)) from None

    def _session(self, method: str, path: str, body: bytes | None) -> bytes:
        """A request with the token; any 401 leads to one more login and one more attempt: the client looks at
        majorErrorCode, which the gateway never sends (goscaleio api.go: retryCheckResp)."""
        for attempt in (1, 2):
            token = base64.b64encode(f":{self._token}".encode()).decode()
            headers = [("Accept", self._media), ("Authorization", f"Basic {token}")]
            if body is not None:
                headers.append(("Content-Type", self._media))
            try:
                return self._request(method, path, headers, body)
            except _Refused as error:
                if error.status != 401 or attempt == 2:
                    raise
            try:
                self.login()
            except GatewayError as error:
                raise GatewayError(f"Error re-authenticating: {error}") from None
        raise AssertionError("unreachable")

    def _request(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes | None = None) -> bytes:
        sent = [("Host", self._place), ("User-Agent", web.USER_AGENT)]
        if body is not None:
            sent.append(("Content-Length", str(len(body))))
        sent += [*headers, ("Accept-Encoding", "gzip")]
        answer, content = self._exchange(method, path, sent, body or b"")
        if answer.status in _JSON:
            return content
        if answer.status not in _ERRORS:
            raise GatewayError(NO_ANSWER)
        try:
            told = json.loads(content)
            raise _Refused(answer.status, str(told.get("message", "")))
        except (ValueError, AttributeError):
            raise GatewayError(NO_ANSWER) from None

    def _exchange(
        self, method: str, path: str, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[web.Answer, bytes]:
        """A kept connection that has gone meanwhile is made anew once, as net/http's transport does."""
        for fresh in (self._stream is None, True):
            try:
                stream = self._stream = self._stream or self._connect()
                answer = web.send(stream, method, path, headers, body)
                content = answer.body.all()
            except (web.Failed, OSError):
                self.close()
                if fresh:
                    raise GatewayError(NO_ANSWER) from None
                continue
            if web.get_header(answer.headers, "Connection").lower() == "close":
                self.close()
            if web.get_header(answer.headers, "Content-Encoding") == "gzip":
                content = zlib.decompress(content, 31)
            return answer, content
        raise AssertionError("unreachable")

    def _connect(self) -> web.Stream:
        host, _, port = self._place.partition(":")
        stream = web.connect(host, int(port or 443), TIMEOUT)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return web.Stream(context.wrap_socket(stream.connection))

    def close(self) -> None:
        if self._stream:
            self._stream.connection.close()
        self._stream = None
