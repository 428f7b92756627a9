# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS by the environment, as libprocess takes it (mesos 1.11.0 docs/ssl.md; 3rdparty/libprocess/src/openssl.cpp).

LIBPROCESS_SSL_ENABLED, LIBPROCESS_SSL_KEY_FILE, LIBPROCESS_SSL_CERT_FILE and LIBPROCESS_SSL_SUPPORT_DOWNGRADE.
Without the last one a daemon speaks TLS only, and reaches others by TLS only.
"""

from __future__ import annotations

import os
import socket
from typing import Any

from mesos_simulator.log import log

_TLS_HANDSHAKE = b"\x16"


class Tls:
    """Wraps sockets of one daemon. The ssl module is loaded only when it is needed: it costs 4 MB."""

    def __init__(self) -> None:
        self.enabled = _truth("LIBPROCESS_SSL_ENABLED")
        self._downgrade = _truth("LIBPROCESS_SSL_SUPPORT_DOWNGRADE")
        self._server: Any = None
        self._client: Any = None
        if self.enabled:
            self._load()

    def _load(self) -> None:
        import ssl

        key = os.environ.get("LIBPROCESS_SSL_KEY_FILE")
        certificate = os.environ.get("LIBPROCESS_SSL_CERT_FILE")
        if not key:
            log.exit("openssl.cpp:613", "SSL requires key! NOTE: Set path with LIBPROCESS_SSL_KEY_FILE")
        if not certificate:
            log.exit("openssl.cpp:620", "SSL requires certificate! NOTE: Set path with LIBPROCESS_SSL_CERT_FILE")
        self._server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            self._server.load_cert_chain(certificate, key)
        except OSError as error:
            log.exit("openssl.cpp:765", f"Could not load cert file '{certificate}' or key file '{key}': {error}")
        self._client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client.check_hostname = False  # libprocess verifies servers only with LIBPROCESS_SSL_VERIFY_SERVER_CERT
        self._client.verify_mode = ssl.CERT_NONE

    def accept(self, connection: socket.socket) -> socket.socket:
        """A connection that came in, after its handshake; OSError when it is no TLS and may not be plain."""
        if not self.enabled:
            return connection
        if self._downgrade and connection.recv(1, socket.MSG_PEEK) != _TLS_HANDSHAKE:
            return connection
        wrapped: socket.socket = self._server.wrap_socket(connection, server_side=True)
        return wrapped

    def connect(self, address: tuple[str, int], timeout: float) -> socket.socket:
        """A connection to another daemon; OSError when it cannot be had."""
        connection = socket.create_connection(address, timeout)
        if not self.enabled:
            return connection
        try:
            wrapped: socket.socket = self._client.wrap_socket(connection)
            return wrapped
        except OSError:
            connection.close()
            if not self._downgrade:
                raise
            return socket.create_connection(address, timeout)


def _truth(variable: str) -> bool:
    return os.environ.get(variable, "").lower() in ("1", "true")
