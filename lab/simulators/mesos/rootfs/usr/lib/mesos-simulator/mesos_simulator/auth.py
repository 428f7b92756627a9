# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Basic authentication of HTTP endpoints (mesos 1.11.0 src/authentication/http/basic_authenticator_factory.cpp; recorded
HTTP authentication: realms, open endpoints, body of 401)."""

from __future__ import annotations

import base64
import json
import socket

from mesos_simulator.http import Handler, Request, Response, plain_status
from mesos_simulator.log import log


def read_credentials(path: str) -> dict[str, str]:
    """principal -> secret from the JSON of a credentials flag, which is a path or, once fetched, the text itself."""
    try:
        source = path
        if path.startswith("/"):
            with open(path, encoding="utf-8") as file:
                source = file.read()
        credentials = json.loads(source)["credentials"]
        return {credential["principal"]: credential["secret"] for credential in credentials}
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.exit("main.cpp:400", f"Failed to parse credentials: {error}")


class Authenticator:
    """Guards handlers by realm; one that is switched off lets everybody through."""

    def __init__(self, name: str, credentials: dict[str, str], readonly: bool, readwrite: bool) -> None:
        self._name = name
        self._credentials = credentials
        self._enabled = {"readonly": readonly, "readwrite": readwrite}

    def guard(self, level: str, handler: Handler) -> Handler:
        """`handler` behind the realm of a level, "readonly" or "readwrite"."""
        if not self._enabled[level]:
            return handler
        challenge = ("WWW-Authenticate", f'Basic realm="mesos-{self._name}-{level}"')

        def guarded(request: Request, connection: socket.socket) -> Response:
            if not self._known(request.headers.get("authorization", "")):
                return plain_status(401, challenge)
            return handler(request, connection)

        return guarded

    def _known(self, header: str) -> bool:
        scheme, _, encoded = header.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            principal, _, secret = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
        except ValueError:
            return False
        expected = self._credentials.get(principal)
        return expected is not None and expected == secret
