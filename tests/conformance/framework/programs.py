# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The framework's programs as the mirror builds them, run as processes on loopback addresses."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from framework.fakes import wait_for

SIMULATORS = Path(__file__).resolve().parents[3] / "lab" / "simulators"
TREE = SIMULATORS / "scaleio/rootfs/usr/lib/scaleio-simulator"
SDS = SIMULATORS / "scaleio_gateway/sds"

# From a copy: compiled modules stay out of the work tree.
FAST = {"SCALEIO_SIMULATOR_SPEED": "1000", "SCALEIO_SIMULATOR_FLOOR": "0.05"}


def build(folder: Path) -> Path:
    """Programs and packages, as the mirror serves them, below a directory."""
    library = folder / "library"
    shutil.copytree(TREE, library, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(SDS, library / "packages/emc-scaleio-sds", ignore=shutil.ignore_patterns("__pycache__"))
    made = folder / "mirror"
    made.mkdir()
    code = "import sys; sys.path.insert(0, sys.argv[1]); from pathlib import Path; from scaleio_simulator import building; "
    code += "building.build(Path(sys.argv[2]), Path(sys.argv[1], 'packages'))"
    subprocess.run([sys.executable, "-ISc", code, library, made], check=True)
    return made


class Answer(NamedTuple):
    """Of the REST API; header names as they were sent."""

    status: int
    headers: dict[str, str]
    body: str


class Program:
    """A process with its output in a file."""

    def __init__(self, argv: list[str], output: Path, **environment: str) -> None:
        self._output = output
        kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
        with output.open("ab") as file:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                env={**kept, "TZ": "UTC", **environment},
                cwd=output.parent,
            )

    @property
    def output(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")

    @property
    def lines(self) -> list[str]:
        """Log lines without their time, as "level message"."""
        return log_lines(self.output.splitlines())

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def wait(self, seconds: float = 30.0) -> int:
        return self.process.wait(seconds)

    def stop(self, number: int = signal.SIGKILL) -> int:
        if self.running:
            self.process.send_signal(number)
        return self.wait()


class World:
    """A key-value daemon and any number of programs, on one loopback address."""

    def __init__(self, folder: Path, mirror: Path) -> None:
        self.folder, self.mirror = folder, mirror
        self.address = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}.1"
        self.programs: list[Program] = []
        self.store = f"{self.address}:{self.free_port()}"
        self.start_store()

    def free_port(self) -> int:
        with socket.socket() as probe:
            probe.bind((self.address, 0))
            return int(probe.getsockname()[1])

    def run(self, argv: list[str], name: str, **environment: str) -> Program:
        program = Program(argv, self.folder / name, **environment)
        self.programs.append(program)
        return program

    def library(self, module: str, *flags: str) -> list[str]:
        """The command line of a daemon, from the copy of the code that the programs were built of."""
        code = f"import sys; sys.path.insert(0, sys.argv[1]); from scaleio_simulator.{module} import main; "
        code += "sys.exit(main(sys.argv[2:]))"
        return [sys.executable, "-ISBc", code, str(self.mirror.parent / "library"), *flags]

    def start_store(self) -> None:
        """The daemon, once it answers."""
        host, _, port = self.store.partition(":")
        argv = self.library("kv_daemon", "-address", host, "-port", port, "-state", str(self.folder / "kv"))
        self.run(argv, "kv.log")
        wait_for(lambda: listens(host, int(port)))

    def scheduler(self, *flags: str, name: str = "scheduler.log", **environment: str) -> Program:
        """The program; the store, REST address and, where no flag names one, a free port are given."""
        shutil.copy(self.mirror / "scaleio-scheduler", self.folder)
        shutil.copy(self.mirror / "scaleio-executor", self.folder)
        argv = [str(self.folder / "scaleio-scheduler"), f"-store.uri={self.store}", f"-rest.address={self.address}"]
        return self.run([sys.executable, "-IS", *argv, *flags], name, **environment)

    def dump(self, *flags: str) -> list[str]:
        """What -store.dump prints, without the form of log lines."""
        program = self.scheduler("-store.dump", "-loglevel=debug", *flags, name=f"dump-{len(self.programs)}.log")
        program.wait()
        return [line.removeprefix("debug ") for line in program.lines if line.startswith("debug Key ")]

    def executor(self, agent: str, scheduler: str, host: str, **environment: str) -> Program:
        sandbox = self.folder / f"sandbox-{len(self.programs)}"
        sandbox.mkdir()
        shutil.copy(self.mirror / "scaleio-executor", sandbox)
        argv = [sys.executable, "-IS", str(sandbox / "scaleio-executor"), "-loglevel=debug", f"-rest.uri={scheduler}"]
        variables = {
            "MESOS_AGENT_ENDPOINT": agent,
            "MESOS_FRAMEWORK_ID": "75eecb2e-98fa-4ce0-986b-bd5260fe5b21-0000",
            "MESOS_EXECUTOR_ID": f"executor-scaleio-{host}",
        }
        program = Program(argv, sandbox / "stdout", **{**FAST, **variables, **environment})
        self.programs.append(program)
        return program

    @staticmethod
    def speak(address: tuple[str, int], data: bytes) -> bytes:
        """Bytes out, and what comes back until the other side is silent."""
        with socket.create_connection(address, 1) as connection:
            connection.sendall(data)
            try:
                return connection.recv(65536)
            except OSError:
                return b""

    def close(self) -> None:
        for program in self.programs:
            program.stop()


def log_lines(lines: Iterable[str], others: bool = False) -> list[str]:
    """Lines in the form of logrus as "level message"; others stay as they are, or are left out."""
    found = []
    for line in lines:
        if line.startswith("time="):
            level, _, message = line.partition(" level=")[2].rstrip().partition(' msg="')
            found.append(f"{level} {message.removesuffix(chr(34))}")
        elif others:
            found.append(line)
    return found


def listens(host: str, port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        return probe.connect_ex((host, port)) == 0


def ask(url: str, body: str | None = None, method: str | None = None) -> Answer:
    """A request to the REST API, whatever its answer."""
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
            return Answer(answer.status, dict(answer.headers), answer.read().decode())
    except urllib.error.HTTPError as error:
        return Answer(error.code, dict(error.headers), error.read().decode())


def fetch(url: str) -> bytes:
    """A body as it is."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
        body: bytes = answer.read()
    return body


def state(url: str) -> Any:
    return json.loads(ask(f"{url}/api/state").body)
