# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication of agents at the master (mesos 1.11.0 src/authentication/cram_md5, the default of both; RFC 2195).

Over the held connection of link.py, in place of the product's messages: agent "authenticate", master "challenge", agent
"response", master "authenticated" or "authentication_failed".
"""

from __future__ import annotations

import os

from mesos_simulator import link
from mesos_simulator.log import log

NAME = "crammd5"


def response(credential: dict[str, str], challenge: str) -> str:
    """What an agent answers to a challenge; the secret itself does not travel."""
    log.info("authenticatee.cpp:213", "Received SASL authentication mechanisms: CRAM-MD5")
    log.info("authenticatee.cpp:239", "Attempting to authenticate with mechanism 'CRAM-MD5'")
    log.info("authenticatee.cpp:259", "Received SASL authentication step")
    return f"{credential['principal']} {_digest(credential['secret'], challenge)}"


def _digest(secret: str, challenge: str) -> str:
    import hmac  # only where somebody authenticates: it brings OpenSSL along, 2 MB

    return hmac.new(secret.encode("utf-8"), challenge.encode("ascii"), "md5").hexdigest()


class Authenticator:
    """The master's side: who has proven to know a secret, by connection."""

    def __init__(self, credentials: dict[str, str], hostname: str) -> None:
        self._credentials, self._hostname = credentials, hostname
        self._challenges: dict[link.Link, str] = {}
        self._principals: dict[link.Link, str] = {}
        if not credentials:
            text = "No credentials provided, authentication requests will be refused"
            log.warning("authenticator.cpp:516", text)

    def knows(self, connection: link.Link) -> bool:
        """Whether the other end is authenticated."""
        return connection in self._principals

    def start(self, connection: link.Link, pid: str) -> None:
        """A wish to authenticate, which undoes an earlier success (master.cpp: authenticate)."""
        self._principals.pop(connection, None)
        log.info("master.cpp:9600", f"Authenticating {pid}")
        log.info("authenticator.cpp:98", "Creating new server SASL connection")
        challenge = f"<{os.urandom(8).hex()}.{os.urandom(4).hex()}@{self._hostname}>"
        self._challenges[connection] = challenge
        connection.send(type="challenge", challenge=challenge)

    def finish(self, connection: link.Link, pid: str, answer: str) -> None:
        """The answer to the challenge, which counts once (authenticator.cpp: handle; master.cpp: _authenticate)."""
        challenge = self._challenges.pop(connection, None)
        principal, _, digest = answer.rpartition(" ")
        secret = self._credentials.get(principal)
        log.info("authenticator.cpp:204", "Received SASL authentication start")
        if challenge and secret is not None and digest == _digest(secret, challenge):
            self._principals[connection] = principal
            log.info("authenticator.cpp:318", "Authentication success")
            log.info("master.cpp:9658", f"Successfully authenticated principal '{principal}' at {pid}")
            connection.send(type="authenticated")
            return
        reason = "user not found" if secret is None else "authentication failure"
        log.warning("authenticator.cpp:333", f"Authentication failure: {reason}")
        log.warning("master.cpp:9655", f"Failed to authenticate {pid}: Refused authentication")
        connection.send(type="authentication_failed")

    def forget(self, connection: link.Link) -> None:
        """The connection has ended (master.cpp: exited)."""
        self._challenges.pop(connection, None)
        self._principals.pop(connection, None)
