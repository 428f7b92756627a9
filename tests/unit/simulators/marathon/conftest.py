# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated Marathon on a loopback address of its own, before a small Mesos master that does what a test tells it."""

from __future__ import annotations

import base64
import contextlib
import gzip
import itertools
import json
import os
import random
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

ROOTFS = Path(__file__).resolve().parents[4] / "lab" / "simulators" / "marathon" / "rootfs"
WAIT_SECONDS = 30.0
# Without any authorities: loading those takes longer than most requests.
_UNVERIFIED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_UNVERIFIED.check_hostname, _UNVERIFIED.verify_mode = False, ssl.CERT_NONE


def wait_for(condition: Callable[[], Any], seconds: float = WAIT_SECONDS) -> Any:
    """The first true value of a condition; fails the test when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        try:
            value = condition()
        except OSError:
            value = None
        if value:
            return value
        assert time.monotonic() < end, f"still not so after {seconds} s"
        time.sleep(0.03)


class Answer:
    """An HTTP answer; `json` parses its body."""

    def __init__(self, status: int, headers: Any, body: bytes) -> None:
        self.status, self.headers, self.body = status, dict(headers), body

    @property
    def json(self) -> Any:
        body = gzip.decompress(self.body) if self.headers.get("Content-Encoding") == "gzip" else self.body
        return json.loads(body)


class FakeMaster:
    """The scheduler API of a leading master with some agents (mesos 1.11 docs/scheduler-http-api.md).

    `behave` says what becomes of a launched task: the states that are reported at once. `agents` maps host names to
    resources and attributes of the next offers. The next call of the kind `refuse` is refused. `calls` holds all calls but SUBSCRIBE, which are in `subscriptions`.
    """

    def __init__(self, ip: str) -> None:
        self.ip = ip
        self.behave: Callable[[dict[str, Any]], list[str]] = lambda task: ["TASK_STARTING", "TASK_RUNNING"]
        self.ends: list[str] = ["TASK_KILLED"]
        self.agents: dict[str, dict[str, Any]] = {"agent01": {}}
        self.leader = ip
        self.refuse = ""
        self.calls: list[dict[str, Any]] = []
        self.subscriptions: list[dict[str, Any]] = []
        self.tasks: dict[str, dict[str, Any]] = {}
        self.states: dict[str, str] = {}
        self.framework_id = "6f6d7a70-0000-4000-8000-000000000000-0000"
        self._stream: Any = None
        self._stream_id = ""
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)
        master = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: Any) -> None:
                pass

            def _empty(self, status: int, *headers: tuple[str, str]) -> None:
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                assert self.path == "/redirect"
                self._empty(307, ("Location", f"//{master.leader}:5050"))

            def do_POST(self) -> None:
                call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == "/api/v1/scheduler"
                assert self.headers["Content-Type"] == self.headers["Accept"] == "application/json"
                if master.leader != master.ip:
                    self._empty(307, ("Location", f"//{master.leader}:5050/api/v1/scheduler"))
                elif call["type"] == "SUBSCRIBE":
                    master.subscribe(self, call)
                elif call["type"] == master.refuse:
                    master.refuse = ""
                    self._empty(400)
                elif self.headers["Mesos-Stream-Id"] != master._stream_id:
                    self._empty(400)
                else:
                    master.take(call)
                    self._empty(202)

        self._server = ThreadingHTTPServer((ip, 5050), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def subscribe(self, handler: Any, call: dict[str, Any]) -> None:
        ended = threading.Event()
        with self._lock:
            self.subscriptions.append(call)
            self._stream_id = f"stream-{next(self._numbers)}"
            handler.send_response(200)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Transfer-Encoding", "chunked")
            handler.send_header("Mesos-Stream-Id", self._stream_id)
            handler.end_headers()
            self._stream = (handler, ended)
            known = call.get("framework_id", {}).get("value")
            self.framework_id = known or self.framework_id
            subscribed = {"framework_id": {"value": self.framework_id}, "heartbeat_interval_seconds": 15.0}
            self.send({"type": "SUBSCRIBED", "subscribed": subscribed})
            self.send({"type": "HEARTBEAT"})
        ended.wait()
        handler.close_connection = True

    def send(self, event: dict[str, Any]) -> None:
        """An event, in two chunks, as a record need not end where a chunk does."""
        with self._lock:
            if not self._stream:
                return
            text = json.dumps(event).encode()
            record = str(len(text)).encode() + b"\n" + text
            handler, _ = self._stream
            for part in (record[:7], record[7:]):
                handler.wfile.write(f"{len(part):X}\r\n".encode() + part + b"\r\n")

    def disconnect(self) -> None:
        """Ends the subscription."""
        with self._lock:
            if self._stream:
                handler, ended = self._stream
                with contextlib.suppress(OSError):  # where Marathon has ended before
                    handler.wfile.write(b"0\r\n\r\n")
                self._stream, self._stream_id = None, ""
                ended.set()

    def take(self, call: dict[str, Any]) -> None:
        assert call["framework_id"]["value"] == self.framework_id
        with self._lock:
            self.calls.append(call)
            kind = call["type"]
            if kind == "REVIVE":
                self.offer()
            elif kind == "ACCEPT":
                for operation in call["accept"]["operations"]:
                    for task in operation["launch"]["task_infos"]:
                        self._launch(task)
            elif kind == "KILL":
                task_id = call["kill"]["task_id"]["value"]
                for state in self.ends:
                    self.update(task_id, state)
            elif kind == "RECONCILE":
                named = [task["task_id"]["value"] for task in call["reconcile"]["tasks"]]
                for task_id in named or list(self.states):
                    self.update(task_id, self.states.get(task_id, "TASK_GONE"), uuid=False)

    def _launch(self, task: dict[str, Any]) -> None:
        task_id = task["task_id"]["value"]
        self.tasks[task_id] = task
        self.states[task_id] = "TASK_STAGING"
        for state in self.behave(task):
            self.update(task_id, state)

    def update(self, task_id: str, state: str, message: str = "", uuid: bool = True) -> None:
        """Reports the state of a task."""
        with self._lock:
            self.states[task_id] = state
            agent_id = self.tasks.get(task_id, {}).get("agent_id", {"value": "S1"})
            status: dict[str, Any] = {"task_id": {"value": task_id}, "agent_id": agent_id, "state": state}
            status.update({"message": message, "timestamp": time.time(), "source": "SOURCE_EXECUTOR"})
            status["container_status"] = {"network_infos": [{"ip_addresses": [{"ip_address": "10.0.0.9"}]}]}
            if uuid:
                status["uuid"] = base64.b64encode(os.urandom(16)).decode()
            self.send({"type": "UPDATE", "update": {"status": status}})

    def offer(self) -> None:
        """Offers what every agent has."""
        shown = []
        for number, (host, own) in enumerate(self.agents.items(), 1):
            ports = own.get("ports", [31000, 31009])
            shown.append(
                {
                    "id": {"value": f"offer-{next(self._numbers)}"},
                    "framework_id": {"value": self.framework_id},
                    "agent_id": {"value": f"S{number}"},
                    "hostname": host,
                    "attributes": own.get("attributes", []),
                    "resources": [
                        {"name": "cpus", "type": "SCALAR", "scalar": {"value": own.get("cpus", 4)}, "role": "*"},
                        {"name": "mem", "type": "SCALAR", "scalar": {"value": own.get("mem", 4096)}, "role": "*"},
                        {"name": "disk", "type": "SCALAR", "scalar": {"value": 4096}, "role": "*"},
                        {
                            "name": "ports",
                            "type": "RANGES",
                            "ranges": {"range": [{"begin": ports[0], "end": ports[1]}]},
                        },
                    ],
                }
            )
        self.send({"type": "OFFERS", "offers": {"offers": shown}})

    def of(self, kind: str) -> list[dict[str, Any]]:
        """All calls of a kind."""
        with self._lock:
            return [call for call in self.calls if call["type"] == kind]

    def running(self) -> list[str]:
        with self._lock:
            return [task_id for task_id, state in self.states.items() if state == "TASK_RUNNING"]

    def close(self) -> None:
        self.disconnect()
        self._server.shutdown()
        self._server.server_close()


class Marathon:
    """One simulated Marathon and its files."""

    def __init__(self, directory: Path, tree: Path, ip: str, master: str) -> None:
        self.directory, self._tree, self.ip = directory, tree, ip
        self.flags = [
            f"--master={master}",
            "--hostname=m1",
            f"--http_address={ip}",
            f"--https_address={ip}",
            "--min_revive_offers_interval=50",
            "--reconciliation_initial_delay=200",
        ]
        self.process: subprocess.Popen[bytes] | None = None
        self.base = f"http://{ip}:8080"
        self.headers: dict[str, str] = {}
        self._subscriptions = 0  # before this start

    def start(self, *more: str, **environment: str) -> Marathon:
        self._subscriptions = len(self.events("subscribed"))
        own = {f"SIMULATOR_{name.upper()}": str(self.directory / name) for name in ("configuration", "state", "log")}
        with (self.directory / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-IS", str(self._tree / "usr/share/marathon/bin/marathon"), *self.flags, *more],
                env={"PATH": os.environ["PATH"], **own, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return self

    def ready(self) -> Marathon:
        """Waits until it has subscribed since its start, and answers."""
        wait_for(lambda: len(self.events("subscribed")) > self._subscriptions)
        wait_for(lambda: self.get("/ping").status in (200, 401))
        return self

    def stop(self, number: int = signal.SIGKILL) -> int:
        assert self.process
        self.process.send_signal(number)
        return self.process.wait(WAIT_SECONDS)

    @property
    def output(self) -> str:
        return (self.directory / "output").read_text(encoding="utf-8", errors="replace")

    def events(self, *names: str) -> list[dict[str, Any]]:
        path = self.directory / "log" / "simulator-events.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [line for line in lines if line["event"] in names]

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            named.setdefault("Content-Type", "application/json")
        request = urllib.request.Request(self.base + path, data, {**self.headers, **named}, method=method)
        handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_UNVERIFIED))
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=5) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def get(self, path: str, **headers: str) -> Answer:
        return self.request("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self.request("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> Answer:
        return self.request("PUT", path, body, **headers)

    def delete(self, path: str) -> Answer:
        return self.request("DELETE", path)

    def app(self, app_id: str) -> Any:
        return self.get(f"/v2/apps{app_id}").json["app"]

    def deployed(self) -> None:
        """Waits until no deployment is under way."""
        wait_for(lambda: self.get("/v2/deployments").json == [])

    def create(self, **members: Any) -> Any:
        """Creates an application and waits until it is deployed; the answer's body."""
        answer = self.post("/v2/apps", {"id": "/web", "cmd": "sleep 1000", "cpus": 0.1, "mem": 32, **members})
        assert answer.status == 201, answer.body
        self.deployed()
        return answer.json


@pytest.fixture(scope="session")
def marathon_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the simulator, so that compiled modules stay out of the work tree."""
    copy = tmp_path_factory.mktemp("marathon") / "rootfs"
    shutil.copytree(ROOTFS, copy)
    return copy


@pytest.fixture
def network() -> str:
    """A random loopback network, so that tests can run side by side."""
    return f"127.{random.randint(1, 254)}.{random.randint(1, 254)}"


@pytest.fixture
def master(network: str) -> Iterator[FakeMaster]:
    fake = FakeMaster(f"{network}.11")
    yield fake
    fake.close()


@pytest.fixture
def second_master(network: str) -> Iterator[FakeMaster]:
    fake = FakeMaster(f"{network}.12")
    yield fake
    fake.close()


@pytest.fixture(scope="module")
def unconnected(tmp_path_factory: pytest.TempPathFactory, marathon_tree: Path) -> Iterator[Marathon]:
    """A Marathon without masters, for tests that change nothing."""
    ip = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.21"
    made = Marathon(tmp_path_factory.mktemp("unconnected"), marathon_tree, ip, f"{ip}:5050").start()
    wait_for(lambda: made.get("/ping").status == 200)
    yield made
    made.stop()


@pytest.fixture
def make_marathon(tmp_path: Path, marathon_tree: Path) -> Iterator[Callable[[str, str], Marathon]]:
    """Makes a Marathon from its address and those of its masters; the test starts it."""
    made: list[Marathon] = []

    def make(ip: str, masters: str) -> Marathon:
        made.append(Marathon(tmp_path, marathon_tree, ip, masters))
        return made[-1]

    yield make
    for marathon in made:
        if marathon.process and marathon.process.poll() is None:
            marathon.stop()


@pytest.fixture
def stopped(make_marathon: Callable[[str, str], Marathon], network: str) -> Marathon:
    """A Marathon that the test starts itself; its masters are .11 and .12 of the network."""
    return make_marathon(f"{network}.21", f"zk://{network}.11:2181,{network}.12:2181/mesos")


@pytest.fixture
def marathon(stopped: Marathon, master: FakeMaster) -> Marathon:
    """A Marathon that is subscribed."""
    return stopped.start().ready()


@pytest.fixture
def wait() -> Callable[..., Any]:
    return wait_for
