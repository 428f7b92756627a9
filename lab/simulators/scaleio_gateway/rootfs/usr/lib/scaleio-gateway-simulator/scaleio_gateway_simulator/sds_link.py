# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to the SDSs: one line of JSON each way, over TCP to the SDS's own port.

One connection for each SDS stays open, as an MDM keeps one to every SDS: its end, or an answer that does not come, is how a dead
SDS is known. Requests that change something take a connection of their own.
"""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from typing import Any, Callable

_EVERY = 2.0  # seconds between two looks
_AGAIN = 1.0  # seconds until the next try to reach a lost one
_PATIENCE = 5.0  # a change looks at the device first


class Unreachable(Exception):
    """No answer from an SDS; the text says of which address."""


class Line:
    """A connection to an SDS."""

    def __init__(self, address: tuple[str, int], timeout: float, patience: float = 1.0) -> None:
        """:param patience: how many times as long an answer may take as a connection."""
        self._address = address
        try:
            self._socket = socket.create_connection(address, timeout)
            self._socket.settimeout(timeout * patience)
        except OSError as error:
            raise Unreachable(f"{address[0]}:{address[1]}: {error.strerror or error}") from None
        self._reader = self._socket.makefile("rb")

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            answer: dict[str, Any] = json.loads(self._reader.readline())
            return answer
        except (OSError, ValueError) as error:
            raise Unreachable(f"{self._address[0]}:{self._address[1]}: {error}") from None

    def rest(self, seconds: float) -> None:
        """Waits, less long when the other side has gone."""
        select.select([self._socket], [], [], seconds)

    def close(self) -> None:
        self._reader.close()
        self._socket.close()


def ask(address: tuple[str, int], timeout: float, request: dict[str, Any]) -> dict[str, Any]:
    """One request over a connection of its own.

    :raises Unreachable: there was no answer.
    """
    line = Line(address, timeout, _PATIENCE)
    try:
        return line.ask(request)
    finally:
        line.close()


class Watch:
    """Watches one SDS until it is told to end."""

    def __init__(
        self,
        address: tuple[str, int],
        timeout: float,
        sync: Callable[[Line], dict[str, Any]],
        report: Callable[[dict[str, Any] | None], None],
    ) -> None:
        """
        :param sync: tells the SDS what it must hold, over every new connection, and gives the request for each further look.
        :param report: is called with the answer to each look, with None when there was none.
        """
        self._address, self._timeout, self._sync, self._report = address, timeout, sync, report
        self._over = False
        threading.Thread(target=self._run, daemon=True).start()

    def end(self) -> None:
        self._over = True

    def _run(self) -> None:
        while not self._over:
            try:
                line = Line(self._address, self._timeout)
                try:
                    request = self._sync(line)
                    while not self._over:
                        self._say(line.ask(request))
                        line.rest(_EVERY)
                finally:
                    line.close()
            except Unreachable:
                self._say(None)
                time.sleep(_AGAIN)

    def _say(self, answer: dict[str, Any] | None) -> None:
        if not self._over:
            self._report(answer)
