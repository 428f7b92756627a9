# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mesos-simulator-plant: puts frameworks with tasks, dynamic reservations and persistent volumes on this host's agent."""

from __future__ import annotations

import argparse
import json
import os
import socket
from typing import Any

from mesos_simulator import resources

_SOCKET = "/var/run/mesos/simulator.sock"


def main(argv: list[str]) -> int:
    """Prints what was planted as JSON; 1 and a sentence on stderr when the agent refuses."""
    arguments = _parser().parse_args(argv)
    try:
        answer = _send(arguments.socket, _request(arguments))
    except OSError as error:
        answer = {"error": f"no agent answers on {arguments.socket}: {error}"}
    if "error" in answer:
        os.write(2, f"mesos-simulator-plant: {answer['error']}\n".encode())
        return 1
    print(json.dumps(answer))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="mesos-simulator-plant", description=__doc__)
    parser.add_argument("--socket", default=_SOCKET, help="the agent's private socket (default: %(default)s)")
    kinds = parser.add_subparsers(dest="kind", required=True)
    framework = kinds.add_parser("framework", help="a framework with tasks")
    framework.add_argument("--name", required=True)
    framework.add_argument("--task", action="append", default=[], dest="tasks", help="a task's name; may be repeated")
    framework.add_argument("--checkpoint", action="store_true", help="its executors survive a restart of the agent")
    framework.add_argument("--cpus", type=float, default=0.1)
    framework.add_argument("--mem", type=float, default=32.0, help="megabytes per executor and task")
    kinds.add_parser("scaleio", help='the "ScaleIO Framework" with its executor: no checkpoint')
    reservation = kinds.add_parser("reservation", help="a dynamic reservation")
    reservation.add_argument("--cpus", type=float, default=0.0)
    reservation.add_argument("--mem", type=float, default=0.0, help="megabytes")
    volume = kinds.add_parser("volume", help="a persistent volume on dynamically reserved disk")
    volume.add_argument("--id", required=True)
    volume.add_argument("--path", default="data", help="where a container would see it (default: %(default)s)")
    for kind in (reservation, volume):
        kind.add_argument("--disk", type=float, default=64.0, help="megabytes (default: %(default)s)")
    for kind in (framework, reservation, volume):
        kind.add_argument("--role", default="*" if kind is framework else "database")
        kind.add_argument("--principal", default="ops")
    return parser


def _request(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.kind == "scaleio":
        framework = {"name": "ScaleIO Framework", "role": "*", "principal": "scaleio", "checkpoint": False}
        return {"framework": {**framework, "tasks": ["scaleio-executor"], "cpus": 0.1, "mem": 32.0}}
    if arguments.kind == "framework":
        names = ("name", "role", "principal", "checkpoint", "tasks", "cpus", "mem")
        return {"framework": {name: getattr(arguments, name) for name in names}}
    amounts = {name: getattr(arguments, name, 0.0) for name in ("cpus", "mem", "disk")}
    reservation = {"type": "DYNAMIC", "role": arguments.role, "principal": arguments.principal}
    reserved = []
    for name, amount in amounts.items():
        if amount:
            resource = {**resources.scalar(name, amount, arguments.role), "reservations": [reservation]}
            if arguments.kind == "volume":
                persistence = {"id": arguments.id, "principal": arguments.principal}
                resource["disk"] = {
                    "persistence": persistence,
                    "volume": {"mode": "RW", "container_path": arguments.path},
                }
            reserved.append(resource)
    return {"reserved": reserved}


def _send(path: str, request: dict[str, Any]) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(15)
        connection.connect(path)
        with connection.makefile("rwb") as stream:
            stream.write(json.dumps(request).encode("ascii") + b"\n")
            stream.flush()
            answer = json.loads(stream.readline())
    return dict(answer)
