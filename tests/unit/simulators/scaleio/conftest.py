# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The framework's programs between a Mesos and a gateway of their conformance tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CONFORMANCE = Path(__file__).resolve().parents[3] / "conformance"
sys.path.insert(0, str(CONFORMANCE))

from framework import fakes, programs

sys.path.insert(0, str(programs.TREE))

MDMS = ("primary", "secondary", "tiebreaker")
SUBSCRIBE, ACCEPT, DECLINE, ACKNOWLEDGE = 1, 3, 4, 8


class Framework:
    """A scheduler with its master and gateway; nodes come by `join`."""

    def __init__(self, world: programs.World, gateway: fakes.Gateway) -> None:
        self.world, self.gateway = world, gateway
        self.master = fakes.Mesos()
        self.port = world.free_port()
        self.url = f"http://{world.address}:{self.port}"
        self._offers = 0

    def start(self, *flags: str, name: str = "scheduler.log", **environment: str) -> programs.Program:
        """A subscribed scheduler."""
        program = self.run(*flags, name=name, **environment)
        self.master.wait(SUBSCRIBE)
        self.master.send(fakes.subscribed())
        return program

    def run(self, *flags: str, name: str = "scheduler.log", **environment: str) -> programs.Program:
        mdms = [f"-scaleio.preconfig.{role}=10.0.0.{31 + number}" for number, role in enumerate(MDMS)]
        gateway = f"-scaleio.preconfig.gateway={self.gateway.address}"
        own = [*mdms, gateway, f"-uri={self.master.address}", f"-rest.port={self.port}"]
        return self.world.scheduler(*own, *flags, name=name, **{**programs.FAST, **environment})

    def new_master(self) -> None:
        self.master.close()
        self.master = fakes.Mesos()

    def join(self, number: int, attributes: str = "", **more: Any) -> dict[str, Any]:
        """The node of a host after its offer; attributes as "name:text;name:text"."""
        self._offers += 1
        pairs = [pair.split(":", 1) for pair in attributes.split(";") if pair]
        listed = [fakes.text_attribute(name, value) for name, value in pairs]
        answered = len(self.answers())
        self.master.send(
            fakes.offers(fakes.offer(f"node{number}", f"10.0.0.{10 + number}", listed, self._offers, **more))
        )
        fakes.wait_for(lambda: len(self.answers()) > answered)
        return self.node(number)

    def answers(self) -> list[Any]:
        return self.master.of_type(ACCEPT) + self.master.of_type(DECLINE)

    def node(self, number: int) -> dict[str, Any]:
        nodes = programs.state(self.url)["ScaleIO"]["Nodes"]
        found: dict[str, Any] = next(node for node in nodes if node["hostname"] == f"node{number}")
        return found

    def tell(self, number: int, kind: str = "state", **members: Any) -> programs.Answer:
        body = json.dumps({"executorid": f"executor-scaleio-node{number}", **members})
        return programs.ask(f"{self.url}/api/node/{kind}", body)

    def posted(self, kind: str) -> list[dict[str, Any]]:
        """Bodies of the creations that were asked for."""
        exchanges = [item for item in list(self.gateway.exchanges) if item.method == "POST"]
        return [json.loads(item.body) for item in exchanges if item.path == f"/api/types/{kind}/instances"]

    def logins(self) -> int:
        return sum(item.path == "/api/login" for item in list(self.gateway.exchanges))


@pytest.fixture(scope="session")
def mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs and packages, as the mirror serves them."""
    return programs.build(tmp_path_factory.mktemp("framework"))


@pytest.fixture
def world(tmp_path: Path, mirror: Path) -> Iterator[programs.World]:
    started = programs.World(tmp_path, mirror)
    yield started
    started.close()


@pytest.fixture
def framework(world: programs.World, tmp_path: Path) -> Iterator[Framework]:
    gateway = fakes.Gateway(tmp_path)
    started = Framework(world, gateway)
    yield started
    started.master.close()
    gateway.close()
