# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands around the framework's programs in tests: a Mesos master or agent, and a ScaleIO gateway, as far as they use them.

The gateway answers as the one of the recorded runs did: it makes IDs by counting, keeps names unique, allows one SDS for each
address, and refuses what it is told to.
"""

from __future__ import annotations

import json
import queue
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

Json = Any


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    owner: Any


def _start(owner: Any, handler: type[BaseHTTPRequestHandler], address: tuple[str, int]) -> _Server:
    server = _Server(address, handler)
    server.owner = owner
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


# --- Mesos ---


class Call(NamedTuple):
    """A call as it came in."""

    path: str
    headers: list[tuple[str, str]]
    body: Json


class Mesos:
    """Takes calls, answers SUBSCRIBE (type 1) with a stream of events, anything else with 202.

    :param stream: the ID of the stream; a master gives one, an agent does not.
    """

    def __init__(self, stream: str = "8226b942-0645-444c-a9d6-902536b7d427") -> None:
        self.stream_id = stream
        self.calls: list[Call] = []
        self._events: queue.Queue[Json] = queue.Queue()
        self.redirect = ""  # a Location for 307
        self.refuse = 0  # a status for every call
        self._server = _start(self, _MesosHandler, ("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def send(self, event: Json) -> None:
        """An event; "break" ends the stream as a crash does, "end" as the product does."""
        self._events.put(event)

    def of_type(self, kind: int) -> list[Json]:
        return [call.body for call in list(self.calls) if call.body["type"] == kind]

    def wait(self, kind: int, count: int = 1) -> list[Json]:
        """The calls of a type, once there are so many."""
        calls: list[Json] = wait_for(lambda: found if len(found := self.of_type(kind)) >= count else None)
        return calls

    def stream(self, write: Callable[[bytes], object]) -> None:
        """Writes events until told to stop."""
        while True:
            event = self._events.get()
            if event == "break":
                return
            if event == "end":
                write(b"0\r\n\r\n")
                return
            record = json.dumps(event).encode()
            record = b"%d\n" % len(record) + record
            write(b"%x\r\n" % len(record) + record + b"\r\n")

    def close(self) -> None:
        self._events.put("break")
        self._server.shutdown()
        self._server.server_close()


class _MesosHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        owner: Mesos = self.server.owner
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if owner.redirect or owner.refuse:
            self.send_response(307 if owner.redirect else owner.refuse)
            if owner.redirect:
                self.send_header("Location", owner.redirect)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        owner.calls.append(Call(self.path, self.headers.items(), body))
        subscribing = body["type"] == 1
        self.send_response(200 if subscribing else 202)
        if not subscribing:
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_header("Transfer-Encoding", "chunked")
        if owner.stream_id:
            self.send_header("Mesos-Stream-Id", owner.stream_id)
        self.end_headers()
        self.close_connection = True
        owner.stream(self.wfile.write)

    def log_message(self, format: str, *arguments: Any) -> None:
        return


def offer(hostname: str, address: str, attributes: list[Json], number: int, **more: Json) -> dict[str, Json]:
    """An offer of the v1 API. `number` makes agent and offer ID."""
    return {
        "id": {"value": f"75eecb2e-98fa-4ce0-986b-bd5260fe5b21-O{number}"},
        "framework_id": {"value": "75eecb2e-98fa-4ce0-986b-bd5260fe5b21-0000"},
        "agent_id": {"value": f"75eecb2e-98fa-4ce0-986b-bd5260fe5b21-S{number}"},
        "hostname": hostname,
        "url": {"scheme": "http", "address": {"hostname": hostname, "ip": address, "port": 5051}, "path": "/slave(1)"},
        "attributes": attributes,
        "resources": [
            {"name": "cpus", "type": "SCALAR", "scalar": {"value": 2.0}, "role": "*"},
            {"name": "mem", "type": "SCALAR", "scalar": {"value": 1024.0}, "role": "*"},
        ],
        **more,
    }


def text_attribute(name: str, value: str) -> Json:
    return {"name": name, "type": "TEXT", "text": {"value": value}}


def subscribed(framework: str = "75eecb2e-98fa-4ce0-986b-bd5260fe5b21-0000") -> Json:
    return {
        "type": "SUBSCRIBED",
        "subscribed": {"framework_id": {"value": framework}, "heartbeat_interval_seconds": 15.0},
    }


def offers(*listed: Json) -> Json:
    return {"type": "OFFERS", "offers": {"offers": list(listed)}}


# --- gateway ---


class Exchange(NamedTuple):
    """A request and its answer; `headers` in the order sent."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: str
    status: int
    answer: str


SYSTEM = "5a1e000000000001"
_PREFIXES = {"ProtectionDomain": "a1", "Sds": "b2", "StoragePool": "c3", "Device": "d4"}


class Refusal(NamedTuple):
    """Answers with this instead, as often as `times`, where method, path and body hold these texts."""

    method: str
    path: str
    body: str
    status: int
    answer: str
    times: int = 1 << 30


class Gateway:
    """HTTPS with a certificate of its own; everything that came in is in `exchanges`."""

    def __init__(self, folder: Path) -> None:
        self.exchanges: list[Exchange] = []
        self.objects: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _PREFIXES}
        self.refusals: list[Refusal] = []
        self.delay = 0.0
        self.count = 1
        self._tokens = 0
        self._server = _start(self, _GatewayHandler, ("127.0.0.1", 0))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*_certificate(folder))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.address = f"127.0.0.1:{self._server.server_address[1]}"

    def answer(self, method: str, path: str, body: str) -> tuple[int, str]:
        """(status, JSON)."""
        for index, refusal in enumerate(self.refusals):
            if refusal.method == method and refusal.path in path and refusal.body in body and refusal.times:
                self.refusals[index] = refusal._replace(times=refusal.times - 1)
                return refusal.status, refusal.answer
        if path == "/api/login":
            self._tokens += 1
            return 200, f'"T{self._tokens}"'
        if method == "POST":
            return self._create(path.split("/")[3], json.loads(body))
        return 200, json.dumps(self._list(path))

    def _list(self, path: str) -> list[dict[str, Any]]:
        if path == "/api/types/System/instances":
            links = [_link("ProtectionDomain", f"System::{SYSTEM}", "System")]
            return [{"id": SYSTEM, "name": "scaleio", "links": links}]
        parent, kind = path.split("/")[3], path.split("/")[5]
        if kind == "ProtectionDomain":
            return self.objects[kind]
        return [item for item in self.objects[kind] if item["protectionDomainId"] == parent.partition("::")[2]]

    def _create(self, kind: str, wanted: dict[str, Any]) -> tuple[int, str]:
        error = self._refused(kind, wanted)
        if error:
            return 500, json.dumps(error)
        self.count += 1
        made = {**wanted, "id": f"000000{_PREFIXES[kind]}{self.count:08x}"}
        if kind == "ProtectionDomain":
            made["links"] = [_link(name, f"{kind}::{made['id']}", kind) for name in ("StoragePool", "Sds")]
        self.objects[kind].append(made)
        return 200, json.dumps({"id": made["id"]})

    def _refused(self, kind: str, wanted: dict[str, Any]) -> dict[str, Any] | None:
        listed = self.objects[kind]
        if kind == "Device":
            if not any(sds["id"] == wanted["sdsId"] for sds in self.objects["Sds"]):
                return {"message": "Could not find the SDS", "httpStatusCode": 500, "errorCode": 3}
            place = ("sdsId", "deviceCurrentPathname")
            if any(all(item[key] == wanted[key] for key in place) for item in listed):
                message = "A device with this path already exists in the SDS"
                return {"message": message, "httpStatusCode": 500, "errorCode": 206}
        elif not wanted["name"]:
            return {"message": "Invalid name", "httpStatusCode": 500, "errorCode": 0}
        elif any(
            item["name"] == wanted["name"]
            and (kind != "StoragePool" or item["protectionDomainId"] == wanted["protectionDomainId"])
            for item in listed
        ):
            title = "SDS" if kind == "Sds" else kind
            return {"message": f"{title} name already in use", "httpStatusCode": 500, "errorCode": 0}
        return None

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _link(name: str, instance: str, kind: str) -> dict[str, str]:
    return {"rel": f"/api/{kind}/relationship/{name}", "href": f"/api/instances/{instance}/relationships/{name}"}


class _GatewayHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _answer(self) -> None:
        owner: Gateway = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        time.sleep(owner.delay)
        status, text = owner.answer(self.command, self.path, body)
        owner.exchanges.append(Exchange(self.command, self.path, self.headers.items(), body, status, text))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = _answer

    def log_message(self, format: str, *arguments: Any) -> None:
        return


def _certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "gateway.crt", folder / "gateway.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=gateway", "-out", str(certificate), "-keyout", str(key)]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The first true value of a condition.

    :raises AssertionError: none in time.
    """
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"still not so after {seconds} s"
        time.sleep(0.02)
