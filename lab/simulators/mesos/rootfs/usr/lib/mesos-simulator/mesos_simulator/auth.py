# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials (mesos 1.11.0 src/credentials/credentials.hpp) and basic authentication of HTTP endpoints
(src/authentication/http/basic_authenticator_factory.cpp; recorded HTTP authentication: realms, open endpoints, body of 401).
"""

from __future__ import annotations

import base64
import json
import os
import socket
from typing import Any

from mesos_simulator.http import Handler, Request, Response, plain_status
from mesos_simulator.log import log


def read_credentials(path: str, flag: str) -> dict[str, str]:
    """principal -> secret from the file of a flag; ends the process where the product does."""
    document = _read(path, flag, "credentials")
    if document is None:
        log.exit("master.cpp:546", f"Credentials file must contain at least one credential (see --{flag} flag)")
    try:
        return {entry["principal"]: entry.get("secret", "") for entry in document.get("credentials", [])}
    except (KeyError, TypeError, AttributeError) as error:
        log.exit("master.cpp:543", f"Failed to parse credentials: {error} (see --{flag} flag)")


def read_credential(path: str) -> dict[str, str]:
    """The agent's own credential: "principal" and, as a rule, "secret"; ends the process where the product does."""
    document = _read(path, "credential", "credential")
    if document is None:
        log.exit("slave.cpp:325", f"Empty credential file '{path}' (see --credential flag)")
    if not isinstance(document.get("principal"), str) or not isinstance(document.get("secret", ""), str):
        log.exit("slave.cpp:323", "Failed to parse credential: Missing required fields (see --credential flag)")
    log.info("slave.cpp:329", f"Agent using credential for: {document['principal']}")
    return document


def _read(path: str, flag: str, what: str) -> dict[str, Any] | None:
    """The object in a file of credentials, None when the file is empty."""
    log.info("credentials.hpp:37", f"Loading {what} for authentication from '{path}'")
    try:
        with open(path, encoding="utf-8") as file:
            source = file.read()
            others = os.fstat(file.fileno()).st_mode & 0o007
        if not source:
            return None
        if others:
            text = f"Permissions on {what} file '{path}' are too open; it is recommended that your {what} file"
            log.warning("credentials.hpp:52", f"{text} is NOT accessible by others")
        document = json.loads(source)
    except OSError as error:
        log.exit("master.cpp:543", f"Failed to read {what} file '{path}': {error.strerror} (see --{flag} flag)")
    except ValueError as error:
        log.exit("master.cpp:543", f"Invalid json format: {error} (see --{flag} flag)")
    if not isinstance(document, dict):
        log.exit("master.cpp:543", f"Invalid json format: no JSON object (see --{flag} flag)")
    return document


class Authenticator:
    """Guards handlers by realm; one that is switched off lets everybody through."""

    def __init__(self, name: str, credentials: dict[str, str], **enabled: bool) -> None:
        self._name = name
        self._credentials = credentials
        self._enabled = enabled

    def guard(self, level: str, handler: Handler) -> Handler:
        """`handler` behind the realm of a level: "readonly", "readwrite" or, on masters, "scheduler"."""
        if not self._enabled[level]:
            return handler
        challenge = ("WWW-Authenticate", f'Basic realm="mesos-{self._name}-{level}"')

        def guarded(request: Request, connection: socket.socket) -> Response:
            if self._known(request) is None:
                return plain_status(401, challenge)
            return handler(request, connection)

        return guarded

    def principal(self, level: str, request: Request) -> str | None:
        """Who sends a request to a guarded handler; None where nobody has to say."""
        return self._known(request) if self._enabled[level] else None

    def _known(self, request: Request) -> str | None:
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            principal, _, secret = base64.b64decode(encoded, validate=True).decode("utf-8").partition(":")
        except ValueError:
            return None
        return principal if self._credentials.get(principal) == secret else None
