# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs playbooks with the real role against agents on paper (``connection_plugins/fake_host.py``)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]


@dataclass(frozen=True)
class Played:
    """One finished ansible-playbook.

    :param results: one dict for each task result: ``status``, ``host``, ``task``, ``action``, ``result``.
    """

    status: int
    output: str
    results: tuple[Mapping[str, Any], ...]

    def of(self, action: str) -> dict[str, dict[str, Any]]:
        """Host -> its last result of an action that was ``ok``."""
        return {r["host"]: r["result"] for r in self.results if r["action"].endswith(action) and r["status"] == "ok"}

    def failures(self) -> dict[str, str]:
        """Host -> the messages of what failed there."""
        found: dict[str, str] = {}
        for entry in self.results:
            if entry["status"] == "failed":
                found[entry["host"]] = f"{found.get(entry['host'], '')}{entry['result'].get('msg', '')}\n"
        return found


@dataclass(frozen=True)
class Plays:
    """A folder with an inventory of agents on paper.

    :param folder: an empty one.
    :param hosts: each agent's variables.
    :param group: the variables of all agents.
    :param front: the host that talks to the services, where there is one.
    """

    folder: Path
    hosts: Mapping[str, Mapping[str, Any]]
    group: Mapping[str, Any]
    front: str = ""

    def make(self) -> Plays:
        everybody = {
            "ansible_connection": "fake_host",
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_become": False,
            "scaleio_sds": {"engineering": {"qe": ["/dev/xvdf"]}},
            **self.group,
        }
        inventory: dict[str, Any] = {
            "mesos_agents": {"hosts": {name: dict(own) for name, own in self.hosts.items()}, "vars": everybody},
            "mesos_masters": {"hosts": {name: {} for name in ("m1", "m2", "m3")}},
        }
        if self.front:
            inventory["scaleio_gateway"] = {"hosts": {self.front: {}}, "vars": everybody}
            (self.folder / "services").touch()
        (self.folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
        return self

    def state(self, member: str, **changes: Any) -> dict[str, Any]:
        """What the file of an agent keeps, after these changes."""
        path = self.folder / f"{member}.json"
        kept = {**(json.loads(path.read_text()) if path.exists() else {}), **changes}
        path.write_text(json.dumps(kept))
        return kept

    def run(self, book: str | list[dict[str, Any]], *arguments: str) -> Played:
        """Run a playbook by name, or one given as data."""
        if not isinstance(book, str):
            (self.folder / "book.yml").write_text(yaml.safe_dump(book))
            book = str(self.folder / "book.yml")
        record = self.folder / "record"
        record.unlink(missing_ok=True)
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                book,
                "-i",
                str(self.folder / "hosts.yml"),
                *arguments,
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "connection_plugins"),
                "ANSIBLE_CALLBACK_PLUGINS": str(ROOT / "tests" / "lab" / "plugins" / "callback"),
                "ANSIBLE_CALLBACKS_ENABLED": "holdfast_record",
                "ANSIBLE_NOCOLOR": "1",
                "HOLDFAST_RECORD": str(record),
                "HOLDFAST_FAKE_HOSTS": str(self.folder),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        lines = map(json.loads, record.read_text().splitlines()) if record.exists() else ()
        return Played(done.returncode, done.stdout, tuple(entry for entry in lines if entry["status"] != "stats"))
