# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's private socket, over which root plants work on it for tests (see plant.py for the command)."""

from __future__ import annotations

import json
import os
import socket
from typing import Any

from mesos_simulator.agent import Agent
from mesos_simulator.http import spawn
from mesos_simulator.resources import InvalidResources

SOCKET_NAME = "simulator.sock"


def listen(agent: Agent) -> None:
    """Serves <runtime_dir>/simulator.sock, mode 0600, in the place of one that a killed agent has left."""
    directory = agent.flags["runtime_dir"]
    os.makedirs(directory, exist_ok=True)
    path = os.path.join(directory, SOCKET_NAME)
    temporary = f"{path}.{os.getpid()}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(temporary)
    os.chmod(temporary, 0o600)
    os.replace(temporary, path)
    listener.listen(4)
    spawn(_serve, listener, agent)


def _serve(listener: socket.socket, agent: Agent) -> None:
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as stream:
            try:
                answer = _plant(agent, json.loads(stream.readline()))
            except (OSError, InvalidResources, ValueError, KeyError) as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            try:
                stream.write(json.dumps(answer).encode("ascii") + b"\n")
                stream.flush()
            except OSError:
                pass  # the command was interrupted


def _plant(agent: Agent, request: dict[str, Any]) -> dict[str, Any]:
    if "framework" in request:
        return agent.plant_framework(request["framework"])
    return agent.plant_reserved(request["reserved"])
