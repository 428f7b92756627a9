# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorded runs of the programs: processes of scheduler and executor, with a Mesos beside them that says what the real one
said."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from framework import unsaid
from framework.fakes import Mesos, offer, offers, subscribed, wait_for
from framework.programs import FAST, Answer, Program, World, ask, listens, state
from framework.replay_gateway import offered

Item = dict[str, Any]
SUBSCRIBE, ACCEPT = 1, 3
# Turns of the monitor come when they are to: seldom, or soon.
SELDOM = {"SCALEIO_SIMULATOR_SPEED": "1"}
SOON = {"SCALEIO_SIMULATOR_SPEED": "30", "SCALEIO_SIMULATOR_FLOOR": "0.05"}


class Rest:
    """The first scheduler with its 19 nodes, an agent that comes back, the second scheduler, a broken and an ended stream."""

    def __init__(self, folder: Path, mirror: Path, attributes: list[Item]) -> None:
        self._attributes = {int(item["summary"].split()[0][4:]): item["attributes"] for item in attributes}
        self._world = World(folder, mirror)
        self.port = self._world.free_port()
        self.url = f"http://{self._world.address}:{self.port}"
        try:
            self._first()
            self._second()
            self._third()
        finally:
            self._world.close()

    def _scheduler(self, name: str, master: Mesos, **environment: str) -> Program:
        flags = [*unsaid.FLAGS, f"-uri={master.address}", f"-rest.port={self.port}"]
        return self._world.scheduler(*flags, name=name, **environment)

    def _offer(self, number: int, position: int, text: str | None = None) -> Item:
        attributes = offered(self._attributes[number] if text is None else text)
        return offer(f"node{number}", f"10.0.0.{10 + number}", attributes, position)

    def _post(self, number: int, state: int) -> Answer:
        body = json.dumps({"executorid": f"executor-scaleio-node{number}", "state": state})
        return ask(f"{self.url}/api/node/state", body)

    def nodes(self) -> dict[str, Item]:
        listed: list[Item] = state(self.url)["ScaleIO"]["Nodes"] or []
        return {node["hostname"]: node for node in listed}

    def _first(self) -> None:
        master = Mesos()
        program = self._scheduler("first.log", master, **SELDOM)
        self.subscribe = master.wait(SUBSCRIBE)[0]
        master.send(subscribed())
        master.send({"type": "HEARTBEAT"})
        master.send(offers(*(self._offer(number, place) for place, number in enumerate(unsaid.NODES))))
        self.accepts = master.wait(ACCEPT, len(unsaid.NODES))
        self.first_nodes = self.nodes()
        self.version = ask(f"{self.url}/version")
        self.state = ask(f"{self.url}/api/state")
        self.page = ask(f"{self.url}/ui")
        self.first_lines = program.lines

        # The agent of node1 comes back with another ID; its node is at state 6 by then.
        self._post(1, 6)
        self.before_return = self.nodes()["node1"]
        gone = {"value": self.before_return["name"]}
        lost = {
            "task_id": {"value": "scaleio-node1"},
            "state": "TASK_LOST",
            "message": "Agent node1 disconnected",
            "source": "SOURCE_MASTER",
            "reason": "REASON_AGENT_DISCONNECTED",
            "agent_id": gone,
            "executor_id": {"value": "executor-scaleio-node1"},
            "timestamp": 1795262217.5,
        }
        start = len(program.lines)
        master.send({"type": "UPDATE", "update": {"status": lost}})
        master.send({"type": "FAILURE", "failure": {"agent_id": gone}})
        master.send(offers(self._offer(1, 19, unsaid.RETURNED)))
        self.returned_call = master.wait(ACCEPT, len(unsaid.NODES) + 1)[-1]
        wait_for(lambda: len([line for line in program.lines[start:] if "StatusCode" in line]) > 0)
        self.return_lines = program.lines[start:]
        self.return_output = program.output
        self.after_return = self.nodes()["node1"]
        for number in unsaid.NODES:
            self._post(number, 5)
        program.stop()
        master.close()

    def _second(self) -> None:
        master = Mesos()
        program = self._scheduler("second.log", master, **SOON)
        self.second_subscribe = master.wait(SUBSCRIBE)[0]
        master.send(subscribed("75eecb2e-98fa-4ce0-986b-bd5260fe5b21-0001"))
        master.send(
            offers(
                *(
                    self._offer(number, place, unsaid.RETURNED if number == 1 else None)
                    for place, number in enumerate(unsaid.RESTARTED)
                )
            )
        )
        master.wait(ACCEPT, len(unsaid.RESTARTED))
        self.restarted_nodes = self.nodes()
        self.restarted_calls = len(master.of_type(ACCEPT))
        self.posted = self._post(4, 0)
        told = {"executorid": "executor-scaleio-node4", "devices": unsaid.DEVICES_RESTARTED[4]}
        ask(f"{self.url}/api/node/device", json.dumps(told))
        self._post(4, 5)
        wait_for(lambda: self.nodes()["node1"]["state"] == 6)
        self._post(4, 7)
        self.after_turn_nodes = self.nodes()

        master.send("break")
        wait_for(lambda: "unexpected EOF" in program.output)
        wait_for(lambda: program.output.count("unexpected EOF") > 30)
        self.spinning = [line for line in program.lines if "unexpected EOF" in line or "for Event" in line]
        self.alive = program.running
        self.answers_when_broken = ask(f"{self.url}/api/state")
        self.subscribes = len(master.of_type(SUBSCRIBE))
        program.stop()
        master.close()

    def _third(self) -> None:
        master = Mesos()
        program = self._scheduler("third.log", master, **SELDOM)
        master.wait(SUBSCRIBE)
        master.send(subscribed())
        running = {
            "task_id": {"value": "scaleio-node17"},
            "state": "TASK_RUNNING",
            "source": "SOURCE_EXECUTOR",
            "agent_id": {"value": "75eecb2e-98fa-4ce0-986b-bd5260fe5b21-S1"},
            "uuid": "AAAA",
        }
        master.send({"type": "UPDATE", "update": {"status": running}})
        wait_for(lambda: "Received STATUS" in program.output)
        ask(f"{self.url}/api/state")
        master.send("end")
        self.end_status = program.wait()
        self.end_output = program.output
        master.close()


STUB = """#!/bin/sh
echo "$(basename "$0") $*${{MDM_IP:+   [MDM_IP=$MDM_IP]}}" >> {log}
case "$(basename "$0") $*" in
    "dpkg -i"*sdc*) echo "Success configuring module" ;;
    "dpkg -i"*) echo "Setting up emc-scaleio-sds" ;;
    "fdisk -l") cat {folder}/fdisk.txt ;;
    "blkid ") cat {folder}/blkid.txt ;;
    "curl "*rexray*) echo 'echo rexray has been installed to /usr/bin/rexray' ;;
    "curl "*dvdcli*) echo 'echo dvdcli has been installed to /usr/bin/dvdcli' ;;
    "uname -r") echo 4.4.0-38-generic ;;
esac
"""


class ExecutorRun:
    """node4, from state 0 to its end and on to another scheduler, with every command replaced by a stub that writes it down."""

    def __init__(self, folder: Path, mirror: Path) -> None:
        world = self._world = World(folder, mirror)
        self.root = folder / "root"
        for directory in ("etc/mesos-slave", "usr/lib"):
            (self.root / directory).mkdir(parents=True, mode=0o755)
        self._log = folder / "commands"
        stubs = folder / "stubs"
        stubs.mkdir()
        (folder / "fdisk.txt").write_text(unsaid.FDISK)
        (folder / "blkid.txt").write_text(unsaid.BLKID)
        for name in ("dpkg", "fdisk", "blkid", "curl", "uname"):
            (stubs / name).write_text(STUB.format(log=self._log, folder=folder))
            (stubs / name).chmod(0o755)
        try:
            self._run(f"{stubs}:{os.environ['PATH']}")
        finally:
            world.close()

    def _run(self, path: str) -> None:
        world = self._world
        port, mirror_port = world.free_port(), world.free_port()
        place = f"http://{world.address}:{mirror_port}"
        library = world.mirror.parent / "library"
        flags = ["-address", world.address, "-port", str(mirror_port), "-folder", str(world.folder / "served")]
        world.run(world.library("mirror", *flags, "-packages", str(library / "packages")), "mirror.log")
        wait_for(lambda: listens(world.address, mirror_port))
        scheduler_flags = [
            *unsaid.FLAGS,
            "-debug=true",
            f"-rest.port={port}",
            *(f"-scaleio.ubuntu14.{part}={place}/{_package(part)}" for part in ("sds", "sdc")),
            f"-isolator.binary={place}/libmesos_dvdi_isolator-1.0.1.so",
        ]
        agent = Mesos(stream="")
        self._schedule(scheduler_flags, "first.log")
        url = f"http://{world.address}:{port}"
        program = world.executor(
            agent.address, url, "node4", PATH=path, SCALEIO_SIMULATOR_ROOT=str(self.root), TZ="UTC"
        )
        agent.wait(1)
        executor_id = {"value": "executor-scaleio-node4"}
        agent.send({"type": "SUBSCRIBED", "subscribed": {"executor_info": {"executor_id": executor_id}}})
        agent.send({"type": "LAUNCH", "launch": {"task": {"task_id": {"value": "scaleio-node4"}}}})
        self.update = agent.wait(2)[0]
        status = self.update["update"]["status"]
        agent.send({"type": "ACKNOWLEDGED", "acknowledged": {"task_id": status["task_id"], "uuid": status["uuid"]}})
        wait_for(lambda: state(url)["ScaleIO"]["Nodes"][0]["state"] == 1024, 30)
        self.node = state(url)["ScaleIO"]["Nodes"][0]
        # The last of the states 1, 2, 5, 7, 8 and 1024 has been answered, too.
        wait_for(lambda: program.output.count("NotifyNodeState Succeeded") == 6)
        # Another scheduler, which does not know that the devices were advertised; until it is there, nobody answers.
        world.programs[-2].stop()
        wait_for(lambda: program.output.count("Error is HTTP Do") > 1)
        self.lines = program.lines
        self._schedule(scheduler_flags, "second.log")
        wait_for(lambda: self._log.read_text().count("blkid") == 2, 20)
        self.commands = self._log.read_text().splitlines()
        agent.close()

    def _schedule(self, flags: list[str], name: str) -> None:
        """A scheduler that knows node4 alone."""
        master = Mesos()
        environment = {**FAST, "SCALEIO_SIMULATOR_SPEED": "300"}
        self._world.scheduler(*flags, f"-uri={master.address}", name=name, **environment)
        master.wait(SUBSCRIBE)
        master.send(subscribed())
        master.send(offers(offer("node4", "10.0.0.14", [], 4)))
        master.wait(ACCEPT)

    def mode(self, path: str) -> tuple[str, int]:
        """(as ls shows it, size) of a file that was written."""
        found = os.lstat(self.root / path.lstrip("/"))
        return stat.filemode(found.st_mode), found.st_size


def _package(part: str) -> str:
    return f"EMC-ScaleIO-{part}-2.0-10000.2072.Ubuntu.14.04.x86_64.deb"
