# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Connects to agents on paper: modules are not run but answered from ``<member>.json`` in ``HOLDFAST_FAKE_HOSTS``.

The observing module shows a healthy agent with the files that the acting module has left; the acting one writes them
and leaves its claim. A member that is ``down`` cannot be connected to; one with ``locked_out`` lets no module act.
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
    observation,
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
        wanted = {"sdc": None, "persona": None, **arguments}
        found = observation(
            arguments["member"],
            cluster=arguments["cluster"],
            agent=agent(self.state.get("files", {})),
            identity=self.state.get("identity"),
            claim=claim and {**claim, "age": 1.0, "acting": False},
            wanted=normalise(wanted),
        )
        return {"changed": False, "observation": found}

    def act(self, arguments: dict[str, Any]) -> dict[str, Any]:
        steps = arguments["steps"]
        files = self.state.setdefault("files", {})
        for step in steps:
            if step["kind"] == "write_file":
                files[step["args"]["path"].rpartition("/")[2]] = step["args"]["content"].rstrip("\n")
            elif step["kind"] == "write_record" and "ordinal" in step["args"]["record"]:
                self.state["identity"] = step["args"]["record"]
        self.state["claim"] = {**arguments["run"], "state": "done", "at": 0.0}
        self.path.write_text(json.dumps(self.state))
        return {"changed": True, "actions": [step["sentence"] for step in steps]}
