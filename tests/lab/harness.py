# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs playbooks as a user would, and reads what they did from outside: results, SSH channels, the hosts themselves."""

from __future__ import annotations

import http.client
import json
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from lab.hosts import entering
from lab.hosts import environment as environment_inside
from lab.inventory import AGENTS, load
from lab.state import State

ROOT = Path(__file__).resolve().parents[2]
LAB_INVENTORY = ROOT / "inventories" / "lab"
# Who talks to the framework's services; a cluster without it ends at the masters.
SERVICES_INVENTORY = ROOT / "inventories" / "lab_framework"
MASTERS = ("m1", "m2", "m3")
STATE = State.default().root

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

    def failures(self) -> dict[str, str]:
        """Host -> why it failed or was unreachable, all its messages joined."""
        found: dict[str, str] = {}
        for entry in self.results:
            if entry["status"] in ("failed", "unreachable"):
                message = str(entry["result"].get("msg", ""))
                found[entry["host"]] = "\n".join(filter(None, (found.get(entry["host"]), message)))
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
        process = subprocess.Popen(
            command(book, inventories, arguments, variables),
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            kill_family(process.pid)
            output, _ = process.communicate()
            raise AssertionError(f"not at its end after {timeout:g} s:\n{output[-6000:]}") from None
        return read_run(process.returncode, output, folder)


def family(pid: int) -> list[int]:
    """A process and all its descendants; Ansible's workers have sessions of their own."""
    parents: dict[int, int] = {}
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                parents[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return sorted(found)


def kill_family(pid: int) -> None:
    """Kill a process and all its descendants."""
    for member in family(pid):
        with suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)


@contextmanager
def prepared(environment: Mapping[str, str] | None = None) -> Iterator[tuple[dict[str, str], Path]]:
    """An environment in which results are recorded and channels are counted, and the folder where they are."""
    # Programs are run from it, which /tmp may not allow.
    with tempfile.TemporaryDirectory(prefix="holdfast-run-", dir=os.environ.get("HOLDFAST_CACHE")) as name:
        folder = Path(name)
        for program in ("ssh", "sftp"):
            wrapper = folder / program
            wrapper.write_text(_COUNTER.format(log=folder / "channels", program=_which(program)))
            wrapper.chmod(0o755)
        env = {
            **os.environ,
            # Molecule has one of its own, for its own runs.
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
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
    run = read_record(folder / "record", status, output)
    channels = folder / "channels"
    for line in channels.read_text().splitlines() if channels.exists() else ():
        # The control master's own life signs (-O check, -O exit) open no channel.
        words = shlex.split(line, posix=False)
        if "-O" not in words:
            run.channels.update(word.strip("[]") for word in words if _is_address(word.strip("[]")))
    return run


def read_record(record: Path, status: int = 0, output: str = "") -> Run:
    """The run whose results the callback wrote to a file."""
    run = Run(status, output)
    for line in record.read_text().splitlines() if record.exists() else ():
        entry = json.loads(line)
        if entry["status"] == "stats":
            run.recap = entry["recap"]
        else:
            run.results.append(entry)
    return run


def _is_address(word: str) -> bool:
    parts = word.split(".")
    return len(parts) == 4 and all(part.isdigit() for part in parts)


def _which(program: str) -> str:
    return subprocess.run(["which", program], check=True, capture_output=True, text=True).stdout.strip()


# -- the framework's services ------------------------------------------------------------------------------------------


def gateway() -> dict[str, Any]:
    """What the gateway keeps, with names in place of IDs; read from its state, not over its API."""
    shown: dict[str, Any] = json.loads(on("m1", "scaleio-gateway-simulator-dump"))
    return shown


def contributed() -> dict[str, dict[str, str]]:
    """Address -> device -> "domain/pool", as the gateway keeps it."""
    return {
        server.removeprefix("sds_"): {
            path: f"{domain}/{device['storage_pool']}" for path, device in held["devices"].items()
        }
        for domain, inside in gateway()["protection_domains"].items()
        for server, held in inside["sdss"].items()
    }


def gateway_requests(method: str) -> list[dict[str, Any]]:
    """The requests of a method that the gateway has had, oldest first."""
    path = root("m1") / "var/log/scaleio-gateway/simulator-requests.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [entry for entry in entries if entry["method"] == method]


def launches() -> list[str]:
    """Where Marathon has launched the framework's scheduler, oldest first."""
    path = root("m1") / "var/log/marathon/simulator-events.jsonl"
    entries = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [entry["hostname"] for entry in entries if entry["event"] == "task_launched"]


def alone(*agents: str) -> None:
    """Stop all other agents of the lab, so that the framework meets these alone."""
    others = [name for name, host in load().items() if host.group == AGENTS and name not in agents]
    for name in others:
        on(name, "systemctl", "stop", "mesos-slave")
    until(lambda: set(registered()) == set(agents))


# -- the lab -----------------------------------------------------------------------------------------------------------


@cache
def described() -> dict[str, dict[str, Any]]:
    """The lab's hosts with their own variables, as its inventory describes them."""
    groups = yaml.safe_load((LAB_INVENTORY / "hosts.yml").read_text())
    return {name: variables or {} for group in groups.values() for name, variables in group.get("hosts", {}).items()}


def address(host: str) -> str:
    """A lab host's address."""
    return f"{(STATE / 'network').read_text().strip()}.{described()[host]['lab_address']}"


def few(folder: Path, *agents: str, declared: bool = True) -> tuple[Path, Path]:
    """The inventories of a cluster of a few of the lab's agents, without the framework's services.

    :param declared: whether what the lab's inventory declares for them is in force.
    """
    home = Path(tempfile.mkdtemp(dir=folder))
    groups = {"mesos_masters": MASTERS, "mesos_agents": agents}
    tree = {group: {"hosts": {name: described()[name] for name in names}} for group, names in groups.items()}
    (home / "hosts.yml").write_text(yaml.safe_dump(tree, sort_keys=False))
    if declared:
        return home / "hosts.yml", LAB_INVENTORY / "network.yml"
    for name in ("network.yml", "group_vars/all.yml"):
        (home / name).parent.mkdir(exist_ok=True)
        shutil.copy(LAB_INVENTORY / name, home / name)
    return home / "hosts.yml", home / "network.yml"


def aliases(
    folder: Path, agents: Mapping[str, tuple[str, str]], fronts: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[Path, Path]:
    """Inventories in which a lab host may stand several times, under several names: for runs that end before they act.

    :param agents: inventory name -> (lab host, the text of its file of variables); what the lab declares is not in force.
    :param fronts: inventory name -> variables of hosts that talk to the services, beside those of the services' inventory; all of
        them are m1.
    """
    own = Path(tempfile.mkdtemp(dir=folder))
    services = yaml.safe_load((SERVICES_INVENTORY / "hosts.yml").read_text())["scaleio_gateway"]["vars"]
    groups = {
        "mesos_masters": {name: described()[name]["lab_address"] for name in MASTERS},
        "mesos_agents": {name: described()[host]["lab_address"] for name, (host, _) in agents.items()},
        "scaleio_gateway": dict.fromkeys(fronts or (), described()["m1"]["lab_address"]),
    }
    tree = {
        group: {"hosts": {name: {"lab_address": octet} for name, octet in hosts.items()}}
        for group, hosts in groups.items()
        if hosts
    }
    (own / "hosts.yml").write_text(yaml.safe_dump(tree, sort_keys=False))
    (own / "group_vars").mkdir()
    for name in ("network.yml", "group_vars/all.yml"):
        (own / name).write_text((LAB_INVENTORY / name).read_text())
    (own / "host_vars").mkdir()
    for name, (_, variables) in agents.items():
        (own / "host_vars" / f"{name}.yml").write_text(variables)
    for name, values in (fronts or {}).items():
        (own / "host_vars" / f"{name}.yml").write_text(yaml.safe_dump({**described()["m1"], **services, **values}))
    return own / "hosts.yml", own / "network.yml"


def declaring(folder: Path, **hosts: Mapping[str, Any]) -> Path:
    """An inventory that gives hosts other variables than the lab does; it stands last on the command line."""
    inventory = Path(tempfile.mkdtemp(dir=folder))
    (inventory / "hosts.yml").write_text(yaml.safe_dump({"mesos_agents": {"hosts": dict.fromkeys(hosts)}}))
    (inventory / "host_vars").mkdir()
    for name, variables in hosts.items():
        (inventory / "host_vars" / f"{name}.yml").write_text(yaml.safe_dump(dict(variables)))
    return inventory


def lab(*arguments: str, timeout: float = 300, data: str = "") -> str:
    """Call the lab's own command line; its output.

    :param data: its standard input.
    """
    command_line = ["python3", "-m", "lab", *arguments]
    done = subprocess.run(
        command_line, cwd=ROOT, input=data, capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, f"lab {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def on(host: str, *argv: str, data: str = "") -> str:
    """Run a command inside a lab host, not over SSH and not with Ansible; its output.

    :param data: its standard input.
    """
    done = subprocess.run(
        entering(State.default(), host, *argv),
        input=data,
        capture_output=True,
        env=environment_inside(),
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{host}: {' '.join(argv)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


def root(host: str) -> Path:
    """A running lab host's root directory, as it is seen from out here. Absolute links in it lead astray."""
    return Path("/proc", (STATE / "hosts" / host / "pid").read_text().strip(), "root")


def tree(host: str, directory: str = "/etc/mesos-slave/attributes") -> dict[str, bytes]:
    """The regular files of a directory on a host, byte by byte."""
    files = sorted(path for path in (root(host) / directory.lstrip("/")).glob("*") if path.is_file())
    return {path.name: path.read_bytes() for path in files}


def _evidence(host: str, name: str) -> list[Any]:
    """What a simulator has left in a file of one JSON value per line."""
    path = root(host) / "var/log/mesos" / name
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def started_with(host: str) -> list[list[str]]:
    """The whole argv of every start of a Mesos daemon on a host, oldest first."""
    return [entry["argv"] for entry in _evidence(host, "simulator-argv.jsonl")]


def events(hosts: Sequence[str] = MASTERS) -> list[dict[str, Any]]:
    """What the masters did to agents while they led, in order of time."""
    found: list[dict[str, Any]] = [event for host in hosts for event in _evidence(host, "simulator-events.jsonl")]
    return sorted(found, key=lambda event: event["time"])


def down_together(found: Sequence[Mapping[str, Any]]) -> list[set[str]]:
    """After each disconnection, the agents that were disconnected at that time."""
    down: set[str] = set()
    together = []
    for event in found:
        if event["event"] == "disconnected":
            down.add(event["hostname"])
            together.append(set(down))
        elif event["event"] in ("registered", "reregistered"):
            down.discard(event["hostname"])
    return together


def most_down(found: Sequence[Mapping[str, Any]]) -> int:
    """The largest number of agents that were disconnected at the same time."""
    return max(map(len, down_together(found)), default=0)


def agents_at_master(headers: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    """The agents that the leading master lists; asked without following redirects, as only the leader answers 200.

    :param headers: sent along, for masters that want to know who asks.
    """
    for master in MASTERS:
        connection = http.client.HTTPConnection(address(master), 5050, timeout=5)
        try:
            connection.request("GET", "/slaves", headers=dict(headers or {}))
            answer = connection.getresponse()
            if answer.status == 200:
                listed: list[dict[str, Any]] = json.loads(answer.read())["slaves"]
                return listed
        finally:
            connection.close()
    raise AssertionError("no master answers as leader")


def leads(host: str) -> bool:
    """Whether a master answers for itself."""
    connection = http.client.HTTPConnection(address(host), 5050, timeout=5)
    try:
        connection.request("GET", "/slaves")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def registered() -> dict[str, dict[str, Any]]:
    """Host name -> attributes of every agent that is active at the leading master."""
    return {agent["hostname"]: agent["attributes"] for agent in agents_at_master() if agent["active"]}


def all_back(headers: Mapping[str, str] | None = None) -> None:
    """Wait until every agent of the lab's inventory is active at the leading master. After an election they come one by one.

    :param headers: as for :func:`agents_at_master`.
    """
    wanted = {name for name, host in load().items() if host.group == AGENTS}

    def none_missing() -> bool:
        missing = wanted - {agent["hostname"] for agent in agents_at_master(headers) if agent["active"]}
        assert not missing, f"missing at the leading master: {sorted(missing)}"
        return True

    until(none_missing, seconds=90)


def restart_masters(headers: Mapping[str, str] | None = None) -> None:
    """Restart all masters, and wait until the agents are back."""
    for master in MASTERS:
        on(master, "systemctl", "restart", "mesos-master")
    all_back(headers)


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    """Wait for something that comes about by itself; OSError and AssertionError count as "not yet".

    :raises AssertionError: it has not come about in time.
    """
    end = time.monotonic() + seconds
    while True:
        try:
            if condition():
                return
            reason: Exception | None = None
        except (OSError, AssertionError, http.client.HTTPException) as error:
            reason = error
        assert time.monotonic() < end, f"not within {seconds:g} s: {reason or condition}"
        time.sleep(0.1)


def hashes(*hosts: str) -> dict[str, str]:
    """One hash for each host, of everything that a run could change."""
    return dict(line.split()[:2] for line in lab("hash", *hosts).splitlines() if line.strip())
