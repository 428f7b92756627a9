# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connects to agents on paper: modules are not run but answered from ``<member>.json`` in ``HOLDFAST_FAKE_HOSTS``.

The observing module shows a healthy agent with the files that the acting module has left; the acting one writes them
and leaves its claim. A member that is ``down`` cannot be connected to; one with ``locked_out`` lets no module act.

A host that is no agent's talks to the services of all agents whose files are there; ``lost`` says that the leading master does not
know the framework, ``lacking`` names an agent whose device is not at the gateway.
"""

from __future__ import annotations

import ast
import json
import os
import re
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.wanted import normalise
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import (
    agent,
    disk,
    observation,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.services_view import (
    address,
    front,
    member,
    services,
)

DOCUMENTATION = """
name: fake_host
short_description: Agents on paper
description: For tests of the role without a lab.
options: {}
"""


class Connection(ConnectionBase):
    transport = "fake_host"
    has_pipelining = True

    def _connect(self) -> Connection:
        return self

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        assert in_data is not None, f"only modules are answered, not {cmd}"
        module = re.search(r"params=('.*'),?$", in_data.decode(), re.MULTILINE)
        assert module is not None, "a module carries its arguments"
        arguments = json.loads(ast.literal_eval(module[1]))["ANSIBLE_MODULE_ARGS"]
        host = Host(Path(os.environ["HOLDFAST_FAKE_HOSTS"]) / f"{arguments['member']}.json")
        return 0, json.dumps(host.answer(arguments)).encode(), b""

    def put_file(self, in_path: str, out_path: str) -> None:
        raise AssertionError(f"nothing is copied here: {out_path}")

    def fetch_file(self, in_path: str, out_path: str) -> None:
        raise AssertionError(f"nothing is copied from here: {in_path}")

    def close(self) -> None:
        self._connected = False


class Host:
    """One agent, as its file keeps it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def answer(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if self.state.get("down"):
            raise AnsibleConnectionFailure("no route to host")
        if "run" not in arguments:
            return self.observe(arguments)
        if self.state.get("locked_out"):
            return {"failed": True, "msg": "sudo: a password is required"}
        return self.act(arguments)

    def observe(self, arguments: dict[str, Any]) -> dict[str, Any]:
        claim = self.state.get("claim")
        claim = claim and {**claim, "age": 1.0, "acting": False}
        heal = {"create": arguments["heal_create"]} if arguments["heal"] else None
        if not arguments["node"]:
            found = {**front(self.services(), arguments["member"]), "claim": claim, "heal": heal}
            return {"changed": False, "observation": found}
        wanted = {"sdc": None, "persona": None, **arguments}
        found = observation(
            arguments["member"],
            cluster=arguments["cluster"],
            agent=agent(self.state.get("files", {})),
            identity=self.state.get("identity"),
            claim=claim,
            wanted=normalise(wanted),
            heal=heal,
        )
        if (self.path.parent / "services").exists():
            found = {**found, **self.known(found)}
        return {"changed": False, "observation": found}

    @staticmethod
    def known(found: dict[str, Any]) -> dict[str, Any]:
        """What an agent's master and its address are where services are there as well."""
        number = int(found["member"][-2:])
        usual = member(number, found["agent"]["files"], devices=[disk()])
        return {"agent": usual["agent"], "master": usual["master"]}

    def services(self) -> dict[str, Any]:
        everybody = [int(path.stem[-2:]) for path in sorted(self.path.parent.glob("agent*.json"))]
        there = [number for number in everybody if f"agent{number:02}" != self.state.get("lacking")]
        qe = {address(number): ["/dev/xvdf"] for number in there}
        part = services(*map(member, everybody), provided={"engineering": {"qe": qe}})
        if self.state.get("lost"):
            part["mesos_framework"].update(registered=None, frameworks=[])
        return part

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        steps = arguments["steps"]
        files = self.state.setdefault("files", {})
        for step in steps:
            if step["kind"] == "write_file":
                files[step["args"]["path"].rpartition("/")[2]] = step["args"]["content"].rstrip("\n")
            elif step["kind"] == "write_record" and "ordinal" in step["args"]["record"]:
                self.state["identity"] = step["args"]["record"]
            elif step["kind"] == "restart_app":
                self.state["lost"] = False
            elif step["kind"] == "create_device":
                self.state["lacking"] = None
        self.state["claim"] = {**arguments["run"], "state": "done", "at": 0.0}
        self.path.write_text(json.dumps(self.state))
        return {"changed": any(step["effect"] for step in steps), "actions": [step["sentence"] for step in steps]}
