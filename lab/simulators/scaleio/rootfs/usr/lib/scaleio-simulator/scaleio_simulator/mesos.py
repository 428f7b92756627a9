# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP API of a Mesos master or agent, as scheduler and executor speak it.

Calls are sent in the JSON that the product logs of them, with enums as numbers (recorded: agent restarted); on the wire the
product sends the same in protobuf. Events come as RecordIO of JSON.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

from scaleio_simulator import web
from scaleio_simulator.log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Numbers of the v1 API (mesos include/mesos/v1/{mesos,scheduler/scheduler,executor/executor}.proto).
SUBSCRIBE = 1
ACCEPT, DECLINE, ACKNOWLEDGE = 3, 4, 8  # scheduler calls
UPDATE = 2  # executor call
LAUNCH = 1  # offer operation
SCALAR = 0
TASK_RUNNING, TASK_ERROR = 1, 7
SOURCE_EXECUTOR = 2

_REDIRECTS = 10  # what net/http follows


class Refused(Exception):
    """A call that was not accepted, or got no answer."""


class Peer:
    """A master or agent.

    :param address: host:port. :param path: of the API.
    """

    def __init__(self, address: str, path: str, agent: str) -> None:
        self._url = f"http://{address}{path}"
        self._agent = agent
        self.stream_id = ""

    def call(self, call: dict[str, Any]) -> web.Answer:
        """Sends a call; the answer's body is still to be read, and its connection to be closed.

        :raises Refused: no answer, or another status than 200 and 202.
        """
        body = json.dumps(call, indent=2).encode()
        log.debug(f"JSON:\n {body.decode()}")
        try:
            answer = self._send(body)
        except web.Failed as error:
            message = f'Post "{self._url}": {error}'
            log.error(f"HTTP ERROR: {message}")
            raise Refused(message) from None
        self._remember(web.get_header(answer.headers, "Mesos-Stream-Id"))
        if answer.status not in (200, 202):
            answer.stream.connection.close()
            message = f"StatusCode is not equal to StatusOK:{answer.status}"
            log.error(message)
            raise Refused(message)
        log.info("StatusCode: StatusOK")
        return answer

    def tell(self, call: dict[str, Any]) -> bool:
        """Sends a call whose answer has no body. Whether it was accepted; the product goes on either way."""
        try:
            self.call(call).stream.connection.close()
        except Refused:
            return False
        return True

    def _send(self, body: bytes) -> web.Answer:
        """Follows 307, as net/http does since Go 1.8; a Location of a master begins with //."""
        url = self._url
        for _ in range(_REDIRECTS):
            host, port, path = web.split(url)
            headers = [
                ("Host", f"{host}:{port}"),
                ("User-Agent", self._agent),
                ("Content-Length", str(len(body))),
                ("Accept", "application/json"),
                ("Content-Type", "application/json"),
            ]
            if self.stream_id:
                headers.append(("Mesos-Stream-Id", self.stream_id))
            stream = web.connect(host, port, None)
            answer = web.send(stream, "POST", path, headers, body)
            if answer.status not in (307, 308):
                return answer
            stream.connection.close()
            location = web.get_header(answer.headers, "Location")
            url = f"http:{location}" if location.startswith("//") else location
        raise web.Failed(f"stopped after {_REDIRECTS} redirects")

    def _remember(self, stream_id: str) -> None:
        if stream_id:
            log.info(f"[MESOS-STREAM-ID] {self.stream_id + ' ->' if self.stream_id else 'Setting to'} {stream_id}")
            self.stream_id = stream_id


def records(body: web.Body) -> Iterator[dict[str, Any] | None]:
    """Events until the clean end of the stream. None goes before each: the product decodes the length of a record as if it
    were one, and warns.

    :raises web.Broken: the stream ended otherwise.
    """
    buffer = b""
    while piece := body.piece():
        buffer += piece
        while b"\n" in buffer:
            length, _, rest = buffer.partition(b"\n")
            if len(rest) < int(length):
                break
            event, buffer = rest[: int(length)], rest[int(length) :]
            yield None
            yield dict(json.loads(event))


def close(answer: web.Answer) -> None:
    """Ends a stream from this side, also for a reader that waits on it."""
    try:
        answer.stream.connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
