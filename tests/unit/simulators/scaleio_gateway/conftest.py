# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated gateway and SDSs on loopback addresses of their own, spoken to by plain HTTPS.

Devices are files, which the product takes as well; test_block_devices.py tries real ones.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SIMULATOR = Path(__file__).resolve().parents[4] / "lab" / "simulators" / "scaleio_gateway"
PASSWORD = "Scaleio123"
PORT = 8443
GIB = 2**30
SHORT = {"device_test": 0.2, "forward_rebuild": 600, "backward_rebuild": 2, "rebalance": 1, "sds_timeout": 1}
# Without any authorities: loading those takes longer than most requests.
_UNVERIFIED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
_UNVERIFIED.check_hostname, _UNVERIFIED.verify_mode = False, ssl.CERT_NONE


def wait_for(condition: Callable[[], Any], seconds: float = 30.0) -> Any:
    """The first true value of a condition; fails the test when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"still not so after {seconds} s"
        time.sleep(0.02)


class Process:
    """A simulator's process; started again by a second start()."""

    def __init__(self, argv: list[str], address: tuple[str, int]) -> None:
        self.argv, self.address = argv, address
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen([sys.executable, "-IS", *self.argv], stdin=subprocess.DEVNULL)

        def listens() -> bool:
            assert self.process and self.process.poll() is None, "ended at once"
            with socket.socket() as probe:
                return probe.connect_ex(self.address) == 0

        wait_for(listens)

    def stop(self, number: int = signal.SIGKILL) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(10)

    def memory(self) -> int:
        """Resident bytes."""
        assert self.process
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        assert self.process
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Gateway(Process):
    """The gateway's process and a client of it that stays logged in."""

    def __init__(self, directory: Path, tree: Path, network: str) -> None:
        self.directory, self.tree, self.network = directory, tree, network
        self.configuration: dict[str, Any] = {
            "system": {"name": "scaleio", "id": "5a1e000000000001"},
            "admin_password_file": str(directory / "password"),
            "mdms": {
                "primary": {"name": "mdm1", "ip": f"{network}.11"},
                "secondary": {"name": "mdm2", "ip": f"{network}.12"},
                "tiebreaker": {"name": "tb", "ip": f"{network}.13"},
            },
            "listen": {"address": f"{network}.11", "port": PORT},
            "certificate": {},
            "seconds": dict(SHORT),
            "sdcs": [f"{network}.101", f"{network}.102"],
        }
        self.hooks = directory / "hooks"
        self.hooks.mkdir()
        (directory / "password").write_text(f"{PASSWORD}\n")
        argv = [str(tree / "rootfs/usr/sbin/scaleio-gateway"), f"--configuration={directory}/gateway.json"]
        argv += [f"--state={directory}/state", f"--hooks={self.hooks}", f"--logs={directory}/logs"]
        super().__init__(argv, (f"{network}.11", PORT))
        self._token: str | None = None
        self._connection: http.client.HTTPSConnection | None = None

    def start(self) -> None:
        (self.directory / "gateway.json").write_text(json.dumps(self.configuration))
        super().start()
        self._token = self._connection = None

    def raw(
        self, method: str, path: str, body: Any = None, login: tuple[str, str] | None = None, **headers: str
    ) -> tuple[int, Any]:
        """One request on the connection that is kept: status and JSON value."""
        if self._connection is None:
            self._connection = http.client.HTTPSConnection(*self.address, timeout=30, context=_UNVERIFIED)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if login:
            sent["Authorization"] = "Basic " + base64.b64encode(":".join(login).encode()).decode()
        data = None
        if body is not None:
            data = body if isinstance(body, str) else json.dumps(body)
            sent.setdefault("Content-Type", "application/json;version=2.0")
        self._connection.request(method, path, data, sent)
        answer = self._connection.getresponse()
        assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
        return answer.status, json.loads(answer.read())

    def login(self, user: str = "admin", password: str = PASSWORD) -> tuple[int, Any]:
        return self.raw("GET", "/api/login", login=(user, password))

    def token(self) -> str:
        if self._token is None:
            self._token = self.login()[1]
        assert self._token
        return self._token

    def get(self, path: str) -> Any:
        status, value = self.raw("GET", f"/api/{path}", login=("", self.token()))
        assert status == 200, value
        return value

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        return self.raw("POST", f"/api/{path}", body, login=("", self.token()))

    def create(self, kind: str, **body: Any) -> str:
        status, value = self.post(f"types/{kind}/instances", body)
        assert status == 200, value
        return str(value["id"])

    def refusal(self, kind: str, **body: Any) -> tuple[str, int]:
        """Message and code of a creation that is refused with 500."""
        return self._refused(self.post(f"types/{kind}/instances", body))

    def act(self, kind: str, identity: str, action: str, **body: Any) -> None:
        status, value = self.post(f"instances/{kind}::{identity}/action/{action}", body)
        assert (status, value) == (200, {})

    def refused_act(self, kind: str, identity: str, action: str, **body: Any) -> tuple[str, int]:
        return self._refused(self.post(f"instances/{kind}::{identity}/action/{action}", body))

    @staticmethod
    def _refused(answer: tuple[int, Any]) -> tuple[str, int]:
        status, value = answer
        assert (status, value.get("httpStatusCode")) == (500, 500), value
        return value["message"], value["errorCode"]

    def object(self, kind: str, identity: str) -> Any:
        return self.get(f"instances/{kind}::{identity}")

    def figures(self, kind: str, identity: str) -> Any:
        return self.get(f"instances/{kind}::{identity}/relationships/Statistics")

    def dump(self) -> Any:
        program = self.tree / "rootfs/usr/bin/scaleio-gateway-simulator-dump"
        argv = [sys.executable, "-IS", str(program), f"--state={self.directory}/state"]
        return json.loads(subprocess.run(argv, capture_output=True, text=True, check=True).stdout)

    def evidence(self) -> list[Any]:
        lines = (self.directory / "logs/simulator-requests.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


class Sds(Process):
    """An SDS on an address of its own, with a directory for its devices."""

    def __init__(self, directory: Path, tree: Path, ip: str) -> None:
        directory.mkdir()
        self.directory, self.ip = directory, ip
        argv = [str(tree / "sds/opt/emc/scaleio/sds/bin/sds"), f"--root={directory}/root", f"--address={ip}"]
        super().__init__(argv, (ip, 7072))

    def disk(self, name: str = "xvdf", size: int = 200 * GIB) -> str:
        path = self.directory / name
        with path.open("ab") as file:
            file.truncate(size)
        return str(path)

    def body(self, domain: str) -> dict[str, Any]:
        """The request that the framework makes for it (recorded: scaleio-scheduler 0.3.1, gateway requests)."""
        addresses = [{"SdsIp": {"ip": self.ip, "role": "all"}}]
        return {"name": f"sds_{self.ip}", "sdsIpList": addresses, "protectionDomainId": domain}


class World:
    """A gateway and as many SDSs as a test asks for."""

    def __init__(self, directory: Path, tree: Path) -> None:
        self._directory, self._tree = directory, tree
        self.network = f"127.{random.randint(1, 254)}.{random.randint(1, 254)}"
        self.gateway = Gateway(directory, tree, self.network)
        self.sdss: list[Sds] = []

    def sds(self) -> Sds:
        """One more, started."""
        ip = f"{self.network}.{101 + len(self.sdss)}"
        sds = Sds(self._directory / f"host{len(self.sdss)}", self._tree, ip)
        self.sdss.append(sds)
        sds.start()
        return sds

    def pool(self, count: int) -> dict[str, Any]:
        """Domain `engineering`, pool `qe`, so many SDSs with one device each, all Normal: their IDs."""
        gateway = self.gateway
        domain = gateway.create("ProtectionDomain", name="engineering")
        pool = gateway.create("StoragePool", name="qe", protectionDomainId=domain)
        made: dict[str, Any] = {"domain": domain, "pool": pool, "sds": [], "device": []}
        for _ in range(count):
            sds = self.sds()
            made["sds"].append(gateway.create("Sds", **sds.body(domain)))
            path = sds.disk()
            body = {"name": path[-20:], "deviceCurrentPathname": path, "testMode": "testAndActivate"}
            made["device"].append(gateway.create("Device", **body, storagePoolId=pool, sdsId=made["sds"][-1]))
        wait_for(lambda: all(device["deviceState"] == "Normal" for device in gateway.get("types/Device/instances")))
        return made

    def close(self) -> None:
        for process in (self.gateway, *self.sdss):
            process.stop()


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the simulators, so that compiled modules stay out of the work tree."""
    copy = tmp_path_factory.mktemp("scaleio") / "scaleio_gateway"
    shutil.copytree(SIMULATOR, copy)
    return copy


@pytest.fixture
def world(tmp_path: Path, product: Path) -> Iterator[World]:
    """With the gateway running."""
    made = World(tmp_path, product)
    made.gateway.start()
    yield made
    made.close()


@pytest.fixture
def gateway(world: World) -> Gateway:
    return world.gateway


@pytest.fixture
def wait() -> Callable[..., Any]:
    return wait_for


@pytest.fixture
def root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes block devices")
