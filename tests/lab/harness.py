# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs playbooks as a user would, and reads what they did from outside: results, SSH channels, the hosts themselves."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LAB_INVENTORY = ROOT / "inventories" / "lab"

# Counts by being called: one line for each ssh or sftp process, with the arguments that name the host.
_COUNTER = '#!/bin/sh\nprintf "%s\\n" "$*" >> "{log}"\nexec {program} "$@"\n'


@dataclass
class Run:
    """One finished ansible-playbook.

    :param results: one dict for each task result: ``status``, ``host``, ``task``, ``action``, ``result``.
    :param recap: host -> counters of the recap.
    :param channels: ansible_host -> number of ssh and sftp processes.
    """

    status: int
    output: str
    results: list[dict[str, Any]] = field(default_factory=list)
    recap: dict[str, dict[str, int]] = field(default_factory=dict)
    channels: Counter[str] = field(default_factory=Counter)

    def changed(self) -> dict[str, int]:
        """Hosts with the number of their changed tasks, those without left out."""
        return {host: counts["changed"] for host, counts in self.recap.items() if counts["changed"]}

    def actions(self) -> dict[str, list[str]]:
        """Host -> the sentences of what was done (or announced), in order."""
        found: dict[str, list[str]] = {}
        for entry in self.results:
            actions = entry["result"].get("actions")
            if actions:
                found.setdefault(entry["host"], []).extend(actions)
        return found

    def of(self, action: str, status: str = "ok") -> dict[str, dict[str, Any]]:
        """Host -> its last result of an action."""
        return {e["host"]: e["result"] for e in self.results if e["action"].endswith(action) and e["status"] == status}

    def expect(self, status: int = 0) -> Run:
        """This run, if it ended with this exit status; else an assertion error with its whole output."""
        assert self.status == status, f"ended with {self.status}, expected {status}:\n{self.output[-6000:]}"
        return self


def command(
    book: str | Path, inventories: Sequence[str | Path], arguments: Sequence[str], variables: Mapping[str, Any] | None
) -> list[str]:
    """The command line of a run."""
    argv = ["ansible-playbook", str(book)]
    for inventory in inventories:
        argv += ["-i", str(inventory)]
    if variables:
        argv += ["-e", json.dumps(dict(variables))]
    return [*argv, *arguments]


def playbook(
    book: str | Path,
    *arguments: str,
    inventories: Sequence[str | Path] = (LAB_INVENTORY,),
    variables: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float = 600,
) -> Run:
    """Run a playbook (a path, or a name like ``holdfast.stateful.plan``) from the project's root."""
    with prepared(environment) as (env, folder):
        done = subprocess.run(
            command(book, inventories, arguments, variables),
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        return read_run(done.returncode, done.stdout, folder)


@contextmanager
def prepared(environment: Mapping[str, str] | None = None) -> Iterator[tuple[dict[str, str], Path]]:
    """An environment in which results are recorded and channels are counted, and the folder where they are."""
    with tempfile.TemporaryDirectory(prefix="holdfast-run-") as name:
        folder = Path(name)
        for program in ("ssh", "sftp"):
            wrapper = folder / program
            wrapper.write_text(_COUNTER.format(log=folder / "channels", program=_which(program)))
            wrapper.chmod(0o755)
        env = {
            **os.environ,
            "ANSIBLE_SSH_EXECUTABLE": str(folder / "ssh"),
            "ANSIBLE_SFTP_EXECUTABLE": str(folder / "sftp"),
            "ANSIBLE_CALLBACK_PLUGINS": str(Path(__file__).parent / "plugins" / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "holdfast_record",
            "HOLDFAST_RECORD": str(folder / "record"),
            "ANSIBLE_NOCOLOR": "1",
            **(environment or {}),
        }
        yield env, folder


def read_run(status: int, output: str, folder: Path) -> Run:
    """What a run left in the folder of :func:`prepared`."""
    run = Run(status, output)
    record = folder / "record"
    for line in record.read_text().splitlines() if record.exists() else ():
        entry = json.loads(line)
        if entry["status"] == "stats":
            run.recap = entry["recap"]
        else:
            run.results.append(entry)
    channels = folder / "channels"
    for line in channels.read_text().splitlines() if channels.exists() else ():
        # The control master's own life signs (-O check, -O exit) open no channel.
        words = shlex.split(line, posix=False)
        if "-O" not in words:
            run.channels.update(word.strip("[]") for word in words if _is_address(word.strip("[]")))
    return run


def _is_address(word: str) -> bool:
    parts = word.split(".")
    return len(parts) == 4 and all(part.isdigit() for part in parts)


def _which(program: str) -> str:
    return subprocess.run(["which", program], check=True, capture_output=True, text=True).stdout.strip()


# -- the lab -----------------------------------------------------------------------------------------------------------


def lab(*arguments: str, timeout: float = 300) -> str:
    """Call the lab's own command line; its output."""
    done = subprocess.run(
        ["python3", "-m", "lab", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, f"lab {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def on(host: str, *argv: str) -> str:
    """Run a command inside a lab host, not over SSH and not with Ansible; its output."""
    return lab("exec", host, "--", *argv)


_READ_TREE = """
import base64, json, pathlib, sys
files = sorted(p for p in pathlib.Path(sys.argv[1]).glob("*") if p.is_file())
print(json.dumps({p.name: base64.b64encode(p.read_bytes()).decode() for p in files}))
"""


def tree(host: str, directory: str = "/etc/mesos-slave/attributes") -> dict[str, bytes]:
    """The regular files of a directory on a host, byte by byte."""
    packed = json.loads(on(host, "python3", "-c", _READ_TREE, directory))
    return {name: base64.b64decode(data) for name, data in packed.items()}


def started_with(host: str) -> list[list[str]]:
    """The whole argv of every start of a Mesos daemon on a host, oldest first."""
    lines = on(host, "sh", "-c", "cat /var/log/mesos/simulator-argv.jsonl 2>/dev/null || true")
    return [json.loads(line)["argv"] for line in lines.splitlines()]


def events(hosts: Sequence[str] = ("m1", "m2", "m3")) -> list[dict[str, Any]]:
    """What the masters did to agents while they led, in order of time."""
    found: list[dict[str, Any]] = []
    for host in hosts:
        lines = on(host, "sh", "-c", "cat /var/log/mesos/simulator-events.jsonl 2>/dev/null || true")
        found.extend(json.loads(line) for line in lines.splitlines())
    return sorted(found, key=lambda event: event["time"])


def most_down(found: Sequence[Mapping[str, Any]]) -> int:
    """The largest number of agents that were disconnected at the same time."""
    down: set[str] = set()
    most = 0
    for event in found:
        if event["event"] == "disconnected":
            down.add(event["hostname"])
            most = max(most, len(down))
        elif event["event"] in ("registered", "reregistered"):
            down.discard(event["hostname"])
    return most


def hashes(*hosts: str) -> dict[str, str]:
    """One hash for each host, of everything that a run could change."""
    return dict(line.split()[:2] for line in lab("hash", *hosts).splitlines() if line.strip())
