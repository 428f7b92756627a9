# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated masters and agents on loopback addresses of their own, spoken to by plain HTTP and argv."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOTFS = Path(__file__).resolve().parents[3] / "lab" / "simulators" / "mesos" / "rootfs"
WAIT_SECONDS = 30.0
# Without any authorities: loading those takes longer than most requests.
_UNVERIFIED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_UNVERIFIED.check_hostname, _UNVERIFIED.verify_mode = False, ssl.CERT_NONE
RESOURCES = "--resources=cpus:2;mem:1024;disk:4096;ports:[31000-32000]"


class Answer:
    """An HTTP answer; `json` parses its body."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        return None


def _open(url: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    handlers = (_NoRedirect(), urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_UNVERIFIED))
    request = urllib.request.Request(url, data=data, headers=headers or {})
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=3) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        return Answer(error.code, dict(error.headers), error.read())


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


class Daemon:
    """One simulated master or agent; `directory` holds its work directory, logs and socket."""

    def __init__(self, program: str, address: tuple[str, int], directory: Path, tree: Path, flags: list[str]) -> None:
        self.program, self.address, self.directory, self._tree = program, address, directory, tree
        self.flags = flags
        self.scheme = "http"
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir(exist_ok=True)
        (directory / "log").mkdir(exist_ok=True)

    def start(self, *more: str, **environment: str) -> Daemon:
        """Starts it, with further flags and variables for this start only."""
        ip, port = self.address
        common = [
            f"--ip={ip}",
            f"--port={port}",
            f"--work_dir={self.directory}/work",
            f"--log_dir={self.directory}/log",
        ]
        argv = [str(self._tree / "usr/sbin" / self.program), *common, *self.flags, *more]
        with (self.directory / "output").open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-IS", *argv],
                env={"PATH": os.environ["PATH"], **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        return self

    def stop(self, number: int = signal.SIGKILL) -> int:
        """Sends a signal and waits for the end."""
        assert self.process
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self, seconds: float = WAIT_SECONDS) -> int:
        assert self.process
        return self.process.wait(seconds)

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def output(self) -> str:
        return (self.directory / "output").read_text(encoding="utf-8", errors="replace")

    def get(self, path: str, **headers: str) -> Answer:
        return _open(f"{self.scheme}://{self.address[0]}:{self.address[1]}{path}", headers=headers)

    def post(self, path: str, body: str, **headers: str) -> Answer:
        return _open(f"{self.scheme}://{self.address[0]}:{self.address[1]}{path}", body.encode(), headers)

    def call(self, kind: str, **members: Any) -> Answer:
        """A call of /api/v1."""
        body = json.dumps({"type": kind, **members})
        headers = {"Content-Type": "application/json"}
        return _open(f"{self.scheme}://{self.address[0]}:{self.address[1]}/api/v1", body.encode(), headers)

    def evidence(self, name: str) -> list[dict[str, Any]]:
        path = self.directory / "log" / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def processes_in(directory: Path) -> list[int]:
    """Processes that run in sandboxes below a directory: executors outlive their agents."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            variables = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if any(entry.startswith(os.fsencode(f"MESOS_SANDBOX={directory}/")) for entry in variables):
            found.append(int(path.parent.name))
    return found


class Scheduler:
    """A framework's scheduler over plain HTTP; a thread collects its events."""

    def __init__(self, master: Daemon, info: dict[str, Any], headers: dict[str, str]) -> None:
        self.master, self._headers = master, headers
        self.events: list[dict[str, Any]] = []
        self._answered: list[dict[str, Any]] = []
        self.ended = ""  # how the stream ended: "closed" properly, or "broken"
        call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": info}}
        if "id" in info:
            call["framework_id"] = info["id"]
        body = json.dumps(call).encode()
        head = {"Host": "master", **self._typed(), "Content-Length": str(len(body))}
        lines = ["POST /api/v1/scheduler HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        self._socket = socket.create_connection(master.address, timeout=10)
        self._socket.sendall("\r\n".join(lines).encode() + body)
        self._reader = self._socket.makefile("rb")
        status = self._reader.readline().split()[1]
        given = dict(line.decode().strip().split(": ", 1) for line in iter(self._reader.readline, b"\r\n"))
        assert (status, given.get("Transfer-Encoding")) == (b"200", "chunked"), (status, given)
        self._socket.settimeout(None)
        self.stream_id = given["Mesos-Stream-Id"]
        threading.Thread(target=self._read, daemon=True).start()

    def _typed(self) -> dict[str, str]:
        return {"Content-Type": "application/json", "Accept": "application/json", **self._headers}

    def _read(self) -> None:
        """Chunks of one record each: its length, a newline, its content."""
        while True:
            try:
                line = self._reader.readline()
                chunk = self._reader.read(int(line or "-1", 16) + 2)[:-2] if line else None
            except OSError:
                chunk = None
            if not chunk:
                self.ended = "broken" if chunk is None else "closed"
                return
            length, _, content = chunk.partition(b"\n")
            assert int(length) == len(content)
            self.events.append(json.loads(content))

    def kill(self) -> None:
        """As when its process dies."""
        self._socket.shutdown(socket.SHUT_RDWR)

    @property
    def framework_id(self) -> str:
        found: str = self.event("SUBSCRIBED")["framework_id"]["value"]
        return found

    def of(self, kind: str) -> list[dict[str, Any]]:
        """What came of one kind of event."""
        return [event.get(kind.lower(), {}) for event in self.events if event["type"] == kind]

    def event(self, kind: str) -> dict[str, Any]:
        """The first event of a kind."""
        found: dict[str, Any] = wait_for(lambda: self.of(kind))[0]
        return found

    def call(self, kind: str, content: dict[str, Any] | None = None, **headers: str) -> Answer:
        """Any call but SUBSCRIBE."""
        body: dict[str, Any] = {"type": kind, "framework_id": {"value": self.framework_id}}
        if content is not None:
            body[kind.lower()] = content
            self._answered += content.get("offer_ids", [])
        given = {**self._typed(), "Mesos-Stream-Id": self.stream_id, **headers}
        return self.master.post("/api/v1/scheduler", json.dumps(body), **given)

    def offer(self, hostname: str | None = None) -> dict[str, Any]:
        """An offer that is valid, the newest of a host."""

        def found() -> Any:
            gone = [*self._answered, *(entry["offer_id"] for entry in self.of("RESCIND"))]
            known = [offer for event in self.of("OFFERS") for offer in event["offers"] if offer["id"] not in gone]
            return [offer for offer in known if hostname in (None, offer["hostname"])]

        offers: list[dict[str, Any]] = wait_for(found)
        return offers[-1]

    def launch(
        self, *tasks: dict[str, Any], offer: dict[str, Any] | None = None, refuse_seconds: float | None = 0.0
    ) -> None:
        """Tasks without "agent_id" go to the agent of the offer. What it leaves is refused for so long (None: unsaid)."""
        chosen = offer or self.offer()
        given = [{"agent_id": chosen["agent_id"], **task} for task in tasks]
        operation = {"type": "LAUNCH", "launch": {"task_infos": given}}
        content: dict[str, Any] = {"offer_ids": [chosen["id"]], "operations": [operation]}
        if refuse_seconds is not None:
            content["filters"] = {"refuse_seconds": refuse_seconds}
        answer = self.call("ACCEPT", content)
        assert answer.status == 202, answer.body

    def states(self, task_id: str) -> list[str]:
        """In the order in which they came, without what was sent again."""
        found, known = [], set()
        for status in self.statuses(task_id):
            if status.get("uuid") is None or status["uuid"] not in known:
                known.add(status.get("uuid"))
                found.append(status["state"])
        return found

    def statuses(self, task_id: str) -> list[dict[str, Any]]:
        found = (event["status"] for event in self.of("UPDATE"))
        return [status for status in found if status["task_id"]["value"] == task_id]

    def reach(self, task_id: str, state: str, seconds: float = WAIT_SECONDS) -> dict[str, Any]:
        """Acknowledges updates of a task until it is in a state; that status."""
        done = 0

        def there() -> Any:
            nonlocal done
            statuses = self.statuses(task_id)
            for status in statuses[done:]:
                # Also what comes again: an acknowledgement may be lost with its agent.
                done += 1
                if "uuid" in status:
                    self.acknowledge(status)
            for status in statuses:
                if status["state"] == state:
                    return status
            return None

        found: dict[str, Any] = wait_for(there, seconds)
        return found

    def acknowledge(self, status: dict[str, Any]) -> None:
        named = {name: status[name] for name in ("agent_id", "task_id", "uuid")}
        assert self.call("ACKNOWLEDGE", named).status == 202


class Cluster:
    """Masters and agents that share a random loopback network, so that tests can run side by side."""

    def __init__(self, directory: Path, tree: Path) -> None:
        self._directory, self._tree = directory, tree
        self.network = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}"
        self.daemons: list[Daemon] = []
        self.schedulers: list[Scheduler] = []

    def _daemon(self, program: str, name: str, number: int, port: int, flags: list[str]) -> Daemon:
        address = (f"{self.network}.{number}", port)
        daemon = Daemon(program, address, self._directory / name, self._tree, [f"--hostname={name}", *flags])
        self.daemons.append(daemon)
        return daemon

    def master(self, *flags: str) -> Daemon:
        """A master without others, quick to offer."""
        return self._daemon("mesos-master", "m1", 11, 5050, ["--allocation_interval=100ms", *flags])

    def masters(self, count: int = 3, quorum: int = 2, *flags: str) -> list[Daemon]:
        """Masters that elect a leader among themselves."""
        return [
            self._daemon(
                "mesos-master",
                f"m{number}",
                10 + number,
                5050,
                [f"--zk={self.zk(count)}", f"--quorum={quorum}", *flags],
            )
            for number in range(1, count + 1)
        ]

    def zk(self, count: int = 3) -> str:
        return "zk://" + ",".join(f"{self.network}.{10 + number}:2181" for number in range(1, count + 1)) + "/mesos"

    def agent(self, *flags: str, master: str | None = None, number: int = 101, name: str = "agent01") -> Daemon:
        """An agent, by default of the lone master."""
        agent = self._daemon("mesos-agent", name, number, 5051, [])
        agent.flags += [
            f"--master={master or f'{self.network}.11:5050'}",
            "--registration_backoff_factor=10ms",
            f"--runtime_dir={agent.directory}/run",
            f"--launcher_dir={self._tree}/usr/libexec/mesos",
            RESOURCES,
            *flags,
        ]
        return agent

    def scheduler(self, master: Daemon, authorization: str | None = None, **info: Any) -> Scheduler:
        """Subscribes a framework with the master."""
        headers = {"Authorization": authorization} if authorization else {}
        made = Scheduler(master, {"user": "root", "name": "test", **info}, headers)
        self.schedulers.append(made)
        return made

    def plant(self, agent: Daemon, *arguments: str) -> Any:
        """Runs mesos-simulator-plant on an agent's host."""
        program = self._tree / "usr/bin/mesos-simulator-plant"
        argv = [sys.executable, "-IS", str(program), f"--socket={agent.directory}/run/simulator.sock", *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @staticmethod
    def leader(masters: list[Daemon]) -> Daemon | None:
        """The master that answers as leader, if exactly one does."""
        leading = []
        for master in masters:
            try:
                if master.running and master.get("/slaves").status == 200:
                    leading.append(master)
            except OSError:
                continue
        return leading[0] if len(leading) == 1 else None

    @staticmethod
    def kill_all(pids: list[int], number: int = signal.SIGKILL) -> None:
        """A signal to processes, some of which may just have ended."""
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    @staticmethod
    def leads(master: Daemon) -> bool:
        """Once a master answers as leader."""
        return bool(wait_for(lambda: master.get("/slaves").status == 200))

    @staticmethod
    def slaves(master: Daemon) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = master.get("/slaves").json["slaves"]
        return listed

    def registered(self, master: Daemon, agent: Daemon) -> dict[str, Any]:
        """The leader's entry of an agent, once it is active."""

        def entry() -> Any:
            own = agent.get("/state").json["id"]
            return next((item for item in self.slaves(master) if item["id"] == own and item["active"]), None)

        def tolerant() -> Any:
            try:
                return entry()
            except ValueError:  # 404 or 503 while it starts
                return None

        found: dict[str, Any] = wait_for(tolerant)
        return found

    def close(self) -> None:
        for daemon in self.daemons:
            if daemon.process:
                daemon.stop()
        self.kill_all(processes_in(self._directory))


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the simulators, so that compiled modules stay out of the work tree."""
    copy = tmp_path_factory.mktemp("simulators") / "rootfs"
    shutil.copytree(ROOTFS, copy)
    return copy


@pytest.fixture
def cluster(tmp_path: Path, tree: Path) -> Iterator[Cluster]:
    started = Cluster(tmp_path, tree)
    yield started
    started.close()


@pytest.fixture
def public_cluster() -> Iterator[Cluster]:
    """One whose directories every user may enter."""
    with tempfile.TemporaryDirectory(prefix="holdfast-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        shutil.copytree(ROOTFS, directory / "rootfs")
        started = Cluster(directory, directory / "rootfs")
        yield started
        started.close()


@pytest.fixture
def basic() -> Callable[[str, str], str]:
    """An Authorization header."""

    def header(principal: str, secret: str) -> str:
        return "Basic " + base64.b64encode(f"{principal}:{secret}".encode()).decode()

    return header


@pytest.fixture
def wait() -> Callable[..., Any]:
    return wait_for


@pytest.fixture
def speak() -> Callable[[tuple[str, int], bytes], bytes]:
    """Bytes out, bytes back, over plain TCP."""

    def exchange(address: tuple[str, int], data: bytes) -> bytes:
        with socket.create_connection(address, 3) as connection:
            connection.sendall(data)
            answer = b""
            while True:
                try:
                    part = connection.recv(65536)
                except OSError:
                    return answer
                answer += part
                if not part:
                    return answer

    return exchange
