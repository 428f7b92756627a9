# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at the Mesos agent of a host and at its masters. Reads only, ends in time, and says what could not be seen."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlsplit

from ansible_collections.holdfast.stateful.plugins.module_utils._core import service
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    HoldfastError,
    RefusedError,
    WebError,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.identity import lock_path
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import ANONYMOUS, Answer, Credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import checkpoint, packaging

WRAPPER = "/usr/bin/mesos-init-wrapper"
# Both packagings name their unit so.
UNIT = "mesos-slave.service"
DCOS_MARKS = ("/opt/mesosphere", "/etc/systemd/system/dcos-mesos-slave.service")
BOOT_ID = "/proc/sys/kernel/random/boot_id"
# Held by whoever acts on the agent, by whichever door.
LOCK = lock_path("mesos", "agent")

_HTTP_SECONDS = 5.0
# The wrapper reads its files and becomes the agent in a tenth of this.
_WRAPPER_SECONDS = 1.0
# Recovery alone takes 2 s where executors are waited for (--executor_reregistration_timeout).
_SETTLING_SECONDS = 15.0
_SETTLING_POLL_SECONDS = 0.2


class _Clock:
    """What is left of a deadline."""

    def __init__(self, machine: Machine, seconds: float) -> None:
        self._machine = machine
        self._end = machine.monotonic() + seconds

    def left(self, at_most: float) -> float:
        """Seconds for the next step: never nothing, so that what answers at once still answers."""
        return max(0.2, min(at_most, self._end - self._machine.monotonic()))


def observe_agent(machine: Machine, *, credentials: Credentials = ANONYMOUS, deadline: float = 15.0) -> dict[str, Any]:
    """The ``agent`` part of an observation: packaging, unit, flags, attribute files, the running agent, its checkpoint
    and its work.

    :param credentials: for the agent's own HTTP endpoints, where ``--authenticate_http_readonly`` guards them. They are
        sent only where the main process of the agent's unit itself listens.
    :param deadline: seconds for all of it.
    :returns: plain JSON; a service that is down is a fact in it, not an error.
    """
    clock = _Clock(machine, deadline)
    unit, settings = _unit(machine)
    found = _packaging(machine, settings)
    config = _Configuration(machine, found["facts"], settings)
    attributes = read_files(machine, found["attributes_dir"])
    process = _process(machine, unit["main_pid"])
    expected = unit["active"] == "active"
    told = _running(machine, clock, credentials, config, process, expected=expected)
    work_dir = config.flags.get("work_dir", "")
    kept = read_checkpoint(machine, work_dir)
    work = (
        _work_of_checkpoint(machine, work_dir, kept["agent_id"]) if told.state is None else _work_of_state(told.state)
    )
    if told.error:
        work.append(_UNKNOWN_WORK)
    return {
        "packaging": found["packaging"],
        "wrapper": found["wrapper"],
        "config_dir": found["config_dir"],
        "attributes_dir": found["attributes_dir"],
        "unit": unit,
        "flags": packaging.shown_flags(
            {name: value for name, value in config.flags.items() if name not in ("attributes", "resources")}
        ),
        "files": attributes.files,
        "ignored_files": attributes.ignored,
        "obstacles": [*found["obstacles"], *config.obstacles, *attributes.obstacles],
        "running": told.running,
        "running_error": told.error,
        "running_refused": told.refused,
        "checkpoint": kept,
        "work": work,
    }


def observe_settled_agent(machine: Machine, *, credentials: Credentials = ANONYMOUS) -> dict[str, Any]:
    """:func:`observe_agent`, after an agent that has just been started has had its time to come up.

    Until it is through its recovery it says nothing of itself (mesos src/slave/slave.cpp, recover()), and would look like one
    without attributes. One that does not come through is shown as it is.
    """
    end = machine.monotonic() + _SETTLING_SECONDS
    while True:
        agent = observe_agent(machine, credentials=credentials)
        if not _comes_up(agent) or machine.monotonic() > end:
            return agent
        machine.sleep(_SETTLING_POLL_SECONDS)


def _comes_up(agent: Mapping[str, Any]) -> bool:
    """Whether the unit's process is there, and recovers or has not opened its port yet."""
    if agent["unit"]["active"] != "active":
        return False
    return bool(agent["running_refused"] if agent["running"] is None else agent["running"]["recovering"])


# -- packaging and unit -------------------------------------------------------------------------------------------


def _unit(machine: Machine) -> tuple[dict[str, Any], dict[str, str]]:
    """The unit's state, and how it starts its program with which environment; nothing where systemd does not answer."""
    try:
        shown = service.show(machine, UNIT, "ExecStart", "Environment", "EnvironmentFiles")
    except HoldfastError as error:
        unknown = {"load": "unknown", "active": "unknown", "sub": str(error)}
        return {**service.state(UNIT, {}), **unknown}, {}
    return service.state(UNIT, shown), shown


def _packaging(machine: Machine, settings: Mapping[str, str]) -> dict[str, Any]:
    """Which packaging is in force: the wrapper that the unit starts says what it reads."""
    started = re.search(r"path=(\S+)", settings.get("ExecStart", ""))
    path = started[1] if started and started[1].endswith("mesos-init-wrapper") else WRAPPER
    nothing = {"packaging": packaging.NONE, "wrapper": "", "config_dir": "", "attributes_dir": "", "facts": None}
    if any(machine.kind(mark) for mark in DCOS_MARKS):
        sentence = (
            "this host runs DC/OS, whose agent takes its attributes from /var/lib/dcos/mesos-slave-common and is managed"
            " by DC/OS itself; set them there"
        )
        why = packaging.obstacle("unsupported_packaging", DCOS_MARKS[0], sentence)
        return {**nothing, "packaging": packaging.DCOS, "obstacles": [why]}
    text = _text(machine, path)
    if text is None:
        sentence = f"{path} is not there, so no package of Mesos that reads attribute files is installed; install one"
        return {**nothing, "obstacles": [packaging.obstacle("no_wrapper", path, sentence)]}
    facts = packaging.read_wrapper(text)
    if facts is None:
        sentence = (
            f"{path} is neither Mesosphere's nor Apache's init wrapper (it sets no etc_slave= or etc_agent=), so nobody"
            f" knows which files the agent reads; install one of these packages"
        )
        why = packaging.obstacle("unsupported_packaging", path, sentence)
        return {**nothing, "wrapper": path, "obstacles": [why]}
    obstacles = []
    if started and started[1] != path:
        sentence = (
            f"{UNIT} starts {started[1]} without {path}, so the agent does not read the files in {facts.config_dir};"
            f" let the unit start the init wrapper"
        )
        obstacles.append(packaging.obstacle("unsupported_packaging", started[1], sentence))
    return {
        "packaging": facts.packaging,
        "wrapper": path,
        "config_dir": facts.config_dir,
        "attributes_dir": f"{facts.config_dir}/attributes",
        "facts": facts,
        "obstacles": obstacles,
    }


class _Configuration:
    """What the next start of the agent is configured with, attributes aside."""

    def __init__(self, machine: Machine, wrapper: packaging.Wrapper | None, settings: Mapping[str, str]) -> None:
        self.flags: dict[str, str] = {}
        self.obstacles: list[dict[str, str]] = []
        self.variables = packaging.unit_environment(settings.get("Environment", ""))
        if wrapper is None:
            return
        exported = set(self.variables)
        unit_files = re.findall(r"^(/\S+) \(", settings.get("EnvironmentFiles", ""), re.MULTILINE)
        for path in (*unit_files, *wrapper.environment_files):
            text = _text(machine, path)
            if text is not None:
                exports_all = wrapper.exports_all or path in unit_files
                unread = packaging.read_environment(
                    text, self.variables, exported, lambda name: _text(machine, name), exports_all=exports_all
                )
                self.obstacles += packaging.environment_obstacles(path, unread, wrapper.config_dir)
        environment = packaging.environment_flags(self.variables, exported)
        self._environment_obstacles(environment, wrapper)
        files = self._files(machine, wrapper)
        given, twice = packaging.parse_flags(packaging.command_line(wrapper, self.variables, files))
        resources = self._resources(machine, wrapper.config_dir)
        if resources:
            given["resources"] = resources
        self.flags = {**environment, **given}
        self.obstacles += packaging.flag_obstacles(wrapper.config_dir, files, twice)

    def _environment_obstacles(self, environment: Mapping[str, str], wrapper: packaging.Wrapper) -> None:
        if "attributes" in environment:
            where = " or ".join(wrapper.environment_files) or UNIT
            sentence = (
                f"MESOS_ATTRIBUTES is set in {where}: the agent forgets it as soon as one attribute file is passed;"
                f" move its attributes into files of {wrapper.config_dir}/attributes"
            )
            self.obstacles.append(packaging.obstacle("environment_attributes", where, sentence))

    def _files(self, machine: Machine, wrapper: packaging.Wrapper) -> dict[str, str]:
        files = {}
        for entry in _entries(machine, wrapper.config_dir):
            if entry.kind != "file" or entry.name.startswith("."):
                continue
            path = f"{wrapper.config_dir}/{entry.name}"
            if entry.name == "attributes":
                sentence = (
                    f"{path} is a file, which the wrapper passes as it is; make it a directory with one file for each"
                    f" attribute"
                )
                self.obstacles.append(packaging.obstacle("attributes_is_file", path, sentence))
            if entry.content is None:
                sentence = f"{path} cannot be read ({entry.error}); mend that"
                self.obstacles.append(packaging.obstacle("unreadable", path, sentence))
            else:
                files[entry.name] = packaging.cat(entry.content)
        return files

    def _resources(self, machine: Machine, config_dir: str) -> str:
        parts = []
        for entry in _entries(machine, f"{config_dir}/resources"):
            if entry.kind == "file" and entry.content and not entry.name.startswith("."):
                parts.append(f"{entry.name}:{packaging.cat(entry.content)}")
        return ";".join(parts)


def _entries(machine: Machine, directory: str) -> list[packaging.Entry]:
    found: list[packaging.Entry] = []
    if not directory:
        return found
    for name in machine.names(directory):
        path = f"{directory}/{name}"
        kind = machine.kind(path)
        if kind == "link":
            kind = machine.kind(machine.real(path))
        content, error = None, ""
        if kind == "file":
            try:
                content = machine.read(path)
            except OSError as problem:
                error = problem.strerror or str(problem)
        found.append(packaging.Entry(name, kind, content, error))
    return found


def read_files(machine: Machine, directory: str) -> packaging.Directory:
    """The attribute files as the wrapper would pass them now.

    :param directory: ``attributes_dir`` of an observation; empty where no packaging was recognised.
    """
    kind = machine.kind(directory)
    if kind != "link":
        return packaging.read_attributes(directory, _entries(machine, directory))
    target = machine.real(directory)
    sentence = (
        f"{directory} is a link to {target}, so its files may be shared with others; make it a directory of its own"
    )
    found = packaging.read_attributes(directory, _entries(machine, directory))
    return packaging.Directory(
        found.files, found.ignored, [packaging.obstacle("directory_linked", directory, sentence), *found.obstacles]
    )


def _text(machine: Machine, path: str) -> str | None:
    try:
        data = machine.read(path)
    except OSError:
        return None
    return None if data is None else data.decode(errors="backslashreplace")


# -- the running agent --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Process:
    """The unit's main process.

    :param flags: those that it was really started with; none while it is still the wrapper.
    :param listens: addresses and ports at which it listens itself; None where that cannot be seen.
    """

    flags: Mapping[str, str]
    variables: Mapping[str, str]
    listens: Sequence[tuple[str, int]] | None


def _process(machine: Machine, pid: int) -> _Process:
    """Look at the process; one that listens on nothing has a moment to become the agent, as the wrapper does."""
    end = machine.monotonic() + _WRAPPER_SECONDS
    while True:
        found = _look_at_process(machine, pid)
        if found.flags or found.listens is None or found.listens or machine.monotonic() > end:
            return found
        machine.sleep(0.05)


def _look_at_process(machine: Machine, pid: int) -> _Process:
    listens = service.listening(machine, pid) if pid > 0 else None
    try:
        words = (machine.read(f"/proc/{pid}/cmdline") or b"").decode(errors="backslashreplace").split("\0")
        environment = (machine.read(f"/proc/{pid}/environ") or b"").decode(errors="backslashreplace").split("\0")
    except OSError:
        return _Process({}, {}, listens)
    given = packaging.parse_flags(words)[0]
    if not given:
        return _Process({}, {}, listens)
    variables = dict(variable.split("=", 1) for variable in environment if "=" in variable)
    return _Process({**packaging.environment_flags(variables, variables), **given}, variables, listens)


@dataclass(frozen=True)
class _Told:
    """What the agent's HTTP says.

    :param running: as in an observation, as the next two.
    :param refused: whether nothing listens where it is asked.
    :param state: its whole state.
    """

    running: dict[str, Any] | None = None
    error: str | None = None
    refused: bool = False
    state: Mapping[str, Any] | None = None


def _running(
    machine: Machine,
    clock: _Clock,
    credentials: Credentials,
    config: _Configuration,
    process: _Process,
    *,
    expected: bool,
) -> _Told:
    """Ask the agent; silence is an error where an answer is expected."""
    if process.flags and process.listens is not None and not process.listens:
        # An agent opens its port before it recovers or launches anything (mesos src/slave/main.cpp).
        return _Told(_describe({}, process.flags, config))
    url = f"{_address(process, config)}/state"
    # Any user of this host may listen where no agent does: the password is for the process of the unit.
    own = credentials if process.listens else replace(credentials, username="", password="")
    try:
        answer = machine.fetch(url, credentials=own, deadline=clock.left(_HTTP_SECONDS))
        if answer.status in (404, 503):
            # Before it has finished recovery an agent answers so (transcript of mesos-agent 1.11.0, start-up).
            return _Told(_describe({}, process.flags, config))
        if answer.status in (401, 403):
            refusal = _refusal(answer, own)
            if credentials.username and not own.username:
                refusal = (
                    f"answers {answer.status}: it wants a user and a password, which were not sent, because {UNIT} is not"
                    f" seen to listen there; run as root"
                )
            return _Told(error=f"the agent at {url} {refusal}")
        state = answer.json(url) if answer.status == 200 else None
    except WebError as error:
        return _Told(error=str(error) if expected else None, refused=isinstance(error, RefusedError))
    if not isinstance(state, dict) or not isinstance(state.get("flags"), dict):
        begins = answer.text[:80]
        return _Told(
            error=f"{url} answers {answer.status} and no agent's state ({begins!r}): another program listens there"
        )
    return _Told(_describe(state, process.flags, config), state=state)


def _describe(state: Mapping[str, Any], process: Mapping[str, str], config: _Configuration) -> dict[str, Any]:
    # /state shows default values too, so without the process's own command line only what is set next is compared.
    shown: Mapping[str, str] = state.get("flags") or {}
    flags = process or {name: value for name, value in shown.items() if name in config.flags}
    return {
        "agent_id": str(state.get("id") or ""),
        "version": str(state.get("version") or ""),
        "pid": str(state.get("pid") or ""),
        "hostname": str(state.get("hostname") or ""),
        "start_time": state.get("start_time"),
        "recovering": not state,
        "attributes": dict(state.get("attributes") or {}),
        "policy": shown.get("reconfiguration_policy") or flags.get("reconfiguration_policy") or "equal",
        "pending_flags": packaging.pending_flags(flags, config.flags) if flags else {},
    }


def _address(process: _Process, config: _Configuration) -> str:
    """Where the agent listens: where its process is seen to; else where its flags say, and without ``--ip`` on every
    address of the host, so on its loopback too."""
    flags, variables = process.flags or config.flags, process.variables or config.variables
    port = flags.get("port") or "5051"
    address = flags.get("ip") or variables.get("LIBPROCESS_IP") or ""
    if process.listens:
        address, number = next((held for held in process.listens if str(held[1]) == port), process.listens[0])
        port = str(number)
    address = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    host = f"[{address}]" if ":" in address else address
    tls = variables.get("LIBPROCESS_SSL_ENABLED", "") in ("1", "true")
    return f"{'https' if tls else 'http'}://{host}:{port}"


def _refusal(answer: Answer, credentials: Credentials) -> str:
    if not credentials.username:
        return f"answers {answer.status}: it wants a user and a password, and none were given"
    what = "refuses the password of" if answer.status == 401 else "does not permit this to"
    return f"answers {answer.status}: it {what} the user {credentials.username!r}; correct them"


# -- work ---------------------------------------------------------------------------------------------------------

_TERMINAL = frozenset(
    f"TASK_{state}"
    for state in ("FINISHED", "FAILED", "KILLED", "LOST", "ERROR", "DROPPED", "GONE", "GONE_BY_OPERATOR")
)


def _work(kind: str, name: str, framework: str, *, checkpointed: bool, sentence: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "framework": framework,
        "checkpointed": checkpointed,
        "ends": "with_agent_id" if checkpointed else "at_restart",
        "sentence": sentence,
    }


_UNKNOWN_WORK = _work(
    "executor",
    "unknown",
    "unknown",
    checkpointed=False,
    sentence="the agent runs and does not show its state, so work of frameworks that do not checkpoint may end with a restart",
)


def _of_framework(kind: str, name: str, framework: str, checkpointed: bool) -> dict[str, Any]:
    how = "survives a restart, but ends with the agent's ID" if checkpointed else "ends at any restart of the agent"
    sentence = f"the {kind} {name} of the framework {framework} {how}"
    return _work(kind, name, framework, checkpointed=checkpointed, sentence=sentence)


def _work_of_state(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for framework in state.get("frameworks") or ():
        name = str(framework.get("name") or framework.get("id"))
        checkpointed = bool(framework.get("checkpoint"))
        for executor in framework.get("executors") or ():
            tasks = [*(executor.get("tasks") or ()), *(executor.get("queued_tasks") or ())]
            live = [str(task.get("id")) for task in tasks if task.get("state") not in _TERMINAL]
            if live:
                found += [_of_framework("task", task, name, checkpointed) for task in live]
            else:
                found.append(_of_framework("executor", str(executor.get("id")), name, checkpointed))
    kept = []
    for role, resources in sorted((state.get("reserved_resources_full") or {}).items()):
        for resource in resources:
            refined = resource.get("reservations") or ()
            dynamic = "reservation" in resource or any(item.get("type") == "DYNAMIC" for item in refined)
            volume = ((resource.get("disk") or {}).get("persistence") or {}).get("id", "")
            if dynamic or volume:
                kept.append(checkpoint.Reserved(str(resource.get("name")), str(role), str(volume)))
    return found + _work_of_reserved(kept)


def _work_of_reserved(kept: Sequence[checkpoint.Reserved]) -> list[dict[str, Any]]:
    found = []
    for item in kept:
        if item.volume:
            sentence = (
                f"the persistent volume {item.volume} of the role {item.role} stays on disk, but its framework knows it"
                f" under the agent's ID and has to find it anew"
            )
            found.append(_work("volume", item.volume, "", checkpointed=True, sentence=sentence))
    for role in sorted({item.role for item in kept}):
        names = ", ".join(sorted({item.resource for item in kept if item.role == role}))
        sentence = (
            f"the dynamic reservation of {names} for the role {role} is known to its framework under the agent's ID"
        )
        found.append(_work("reservation", role, "", checkpointed=True, sentence=sentence))
    return found


def _work_of_checkpoint(machine: Machine, work_dir: str, agent_id: str | None) -> list[dict[str, Any]]:
    """What a stopped agent would recover: executors whose latest run has no sentinel, and reservations.

    Layout: mesos src/slave/paths.hpp. What does not decode counts as alive.
    """
    if not work_dir or not agent_id:
        return []
    found = []
    frameworks = f"{work_dir}/meta/slaves/{agent_id}/frameworks"
    for framework_id in machine.names(frameworks):
        info, executors = f"{frameworks}/{framework_id}/framework.info", f"{frameworks}/{framework_id}/executors"
        name = _framework_name(machine, info)
        if name is None and machine.kind(executors) is None:
            found.append(_of_framework("executor", f"that {info} does not tell", framework_id, True))
        for executor in machine.names(executors):
            run = f"{executors}/{executor}/runs/latest"
            if machine.kind(run) is None or machine.kind(f"{run}/executor.sentinel") is not None:
                continue
            tasks = machine.names(f"{run}/tasks")
            live = [task for task in tasks if not _ended(machine, f"{run}/tasks/{task}/task.updates")]
            if live:
                found += [_of_framework("task", task, name or framework_id, True) for task in live]
            else:
                found.append(_of_framework("executor", executor, name or framework_id, True))
    return found + _work_of_reserved(_checkpointed_resources(machine, work_dir))


def _framework_name(machine: Machine, path: str) -> str | None:
    """None where the record is there and does not decode."""
    try:
        return checkpoint.framework_name(machine.read(path) or b"", path)
    except (OSError, HoldfastError):
        return None


def _ended(machine: Machine, path: str) -> bool:
    try:
        return checkpoint.task_ended(machine.read(path) or b"", path)
    except (OSError, HoldfastError):
        return False


def _checkpointed_resources(machine: Machine, work_dir: str) -> list[checkpoint.Reserved]:
    for name, state in (("resources_and_operations.state", True), ("resources.info", False)):
        path = f"{work_dir}/meta/resources/{name}"
        try:
            data = machine.read(path)
            if data is not None:
                return checkpoint.reserved(data, path, state=state)
        except (OSError, HoldfastError):
            # A reservation whose record does not decode must still be named as work that may be lost.
            return [checkpoint.Reserved("resources", f"unknown, {path} does not decode", "")]
    return []


# -- checkpoint ---------------------------------------------------------------------------------------------------


def read_checkpoint(machine: Machine, work_dir: str) -> dict[str, Any]:
    """The ``checkpoint`` part of an observation.

    ``agent_id`` is None when the agent would register for the first time; ``error`` says why it could not recover.
    """
    found: dict[str, Any] = {
        "agent_id": None,
        "boot_id": None,
        "rebooted": False,
        "attributes": None,
        "hostname": "",
        "port": 0,
        "error": None,
    }
    latest = f"{work_dir}/meta/slaves/latest"
    if not work_dir or machine.kind(latest) is None:
        return found
    directory = machine.real(latest)
    found["agent_id"] = directory.rpartition("/")[2]
    booted, current = (_text(machine, path) for path in (f"{work_dir}/meta/boot_id", BOOT_ID))
    if booted is not None:
        found["boot_id"] = booted.strip()
        # Only another boot ID counts: a missing file does not, nor does a newline (transcript of mesos-agent 1.11.0, b4-b6).
        found["rebooted"] = current is not None and booted.strip() != current.strip()
    if machine.kind(directory) != "directory":
        found["error"] = (
            f"{latest} points to {directory}, which is no directory: the agent exits with 'Failed to find latest agent';"
            f" restore the directory, or remove the link and the agent takes a new ID"
        )
        return found
    path = f"{directory}/slave.info"
    try:
        info = checkpoint.agent_info(machine.read(path) or b"", path)
    except OSError as error:
        found["error"] = f"{path} cannot be read ({error.strerror or error}); mend that"
    except HoldfastError as error:
        found["error"] = str(error)
    else:
        if info is not None:
            found["agent_id"] = info.agent_id or found["agent_id"]
            found["attributes"] = [attribute.to_json() for attribute in info.attributes]
            found["hostname"] = info.hostname
            found["port"] = info.port
    return found


# -- masters ------------------------------------------------------------------------------------------------------


def observe_master(
    machine: Machine,
    masters: Sequence[str],
    credentials: Credentials = ANONYMOUS,
    agent: Mapping[str, Any] | None = None,
    *,
    whole: bool = True,
    peers: Collection[str] = (),
    deadline: float = 10.0,
) -> dict[str, Any]:
    """The ``master`` part of an observation: who leads, how many agents are connected, what is known of this one.

    :param masters: base addresses of all masters, like ``http://m1:5050``.
    :param agent: ``agent_id``, ``pid`` and ``hostname`` of this agent, as ``running`` or :func:`identity_of` have them.
    :param whole: ask for all agents, so that entries of an older ID at the same address are found and ``connected``
        is counted; otherwise only for the ID, as fits a loop that waits for it in a large cluster.
    :param peers: host names of the agents that ``connected`` counts; all when empty.
    :param deadline: seconds for all of it.
    """
    clock = _Clock(machine, deadline)
    who = {} if agent is None else agent
    only = "" if whole else who.get("agent_id") or ""
    query = f"?slave_id={quote(only, safe='')}" if only else ""
    found: dict[str, Any] = {"asked": list(masters), "leader": None, "error": None, "connected": None, "agents": []}
    problems: list[tuple[int, str]] = []
    pending = list(masters)
    while pending:
        base = pending.pop(0)
        url = f"{base.rstrip('/')}/slaves{query}"
        try:
            # One master that is silent must leave time for the others.
            seconds = clock.left(min(_HTTP_SECONDS, deadline / len(masters)))
            answer = machine.fetch(url, credentials=credentials, deadline=seconds)
            body = answer.json(url) if answer.status == 200 else None
        except WebError as error:
            problems.append((1, str(error)))
            continue
        if answer.status != 200 or not isinstance(body, dict) or not isinstance(body.get("slaves"), list):
            problems.append(_not_leading(base, answer, masters, credentials))
            # Where a redirect leads to a declared master, that one is asked next.
            pending.sort(key=lambda master: not _is_at(master, answer))
            continue
        entries = [_entry(item) for item in body["slaves"]]
        entries += [_entry({**item, "active": False}) for item in body.get("recovered_slaves") or ()]
        found["leader"] = base
        # An old ID may stay beside the new one for a while: hosts are counted, not entries.
        connected = {entry["hostname"] for entry in entries if entry["active"]}
        found["connected"] = None if query else len(connected & set(peers) if peers else connected)
        found["agents"] = [entry for entry in entries if _is(entry, who)]
        return found
    found["error"] = max(problems, default=(0, "no masters are declared: name them, like http://m1:5050"))[1]
    return found


def identity_of(agent: Mapping[str, Any]) -> dict[str, str]:
    """By what a master may know an agent, also one that is down.

    :param agent: the ``agent`` part of an observation.
    """
    running, kept = agent["running"] or {}, agent["checkpoint"]
    return {
        "agent_id": running.get("agent_id") or kept["agent_id"] or "",
        "pid": running.get("pid") or "",
        "hostname": running.get("hostname") or agent["flags"].get("hostname") or kept["hostname"],
    }


def _is(entry: Mapping[str, Any], agent: Mapping[str, Any]) -> bool:
    return any(
        agent.get(key) and entry[shown] == agent[key]
        for key, shown in (("agent_id", "id"), ("pid", "pid"), ("hostname", "hostname"))
    )


def _entry(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(item.get("id", "")),
        "hostname": str(item.get("hostname", "")),
        "pid": str(item.get("pid", "")),
        "active": bool(item.get("active")),
        "attributes": dict(item.get("attributes") or {}),
    }


def _is_at(master: str, redirect: Answer) -> bool:
    """Whether a redirect leads to this master."""
    return urlsplit(master).netloc == urlsplit(redirect.headers.get("location", "")).netloc


def _not_leading(base: str, answer: Answer, masters: Sequence[str], credentials: Credentials) -> tuple[int, str]:
    """Why this master's answer is not the leader's; the number ranks what a user should read first."""
    if answer.status in (401, 403):
        return 5, f"the master {base} {_refusal(answer, credentials)}"
    if answer.status == 307:
        leader = urlsplit(answer.headers.get("location", "")).netloc
        if any(_is_at(master, answer) for master in masters):
            return 3, f"the master {base} says that {leader} leads, but that one does not answer as leader"
        return 4, (
            f"the master {base} says that {leader or 'another one'} leads, and none of the declared masters"
            f" ({', '.join(masters)}) answers as that one; declare it under the name that the masters use, or look why it"
            f" does not answer"
        )
    if answer.status == 503:
        return (
            2,
            f"the master {base} knows no leader ({answer.text.strip()[:80]}); wait for an election, or look at ZooKeeper",
        )
    return 2, f"{base}/slaves answers {answer.status} and not a master's list of agents: {answer.text[:80]!r}"


# -- the agent's own words ----------------------------------------------------------------------------------------

_GLOG = re.compile(r"([IWEF])(?:\d{4})?(\d{2})(\d{2}) (\d{2}):(\d{2}):(\d{2})\.\d+\s+\d+ \S+\] (.*)")
_TELLING = re.compile(
    r"EXIT with status \d+: (?P<exit>.+)"
    r"|(?P<master>(?:Agent|Slave) asked to shut down by .+)"
    r"|(?P<load>Failed to load .+|Flag '.+' is .+|.*error while loading shared libraries: .+)"
    r"|(?P<wrapper>(?:cat|\S*mesos-init-wrapper|logger): .+|Please use `master' or .+)"
)


def agent_words(machine: Machine, agent: Mapping[str, Any], since: float) -> str:
    """Why the agent does not run, in its own words, or an empty string when it has not said.

    The journal comes first; where it is silent, glog's files in the agent's ``--log_dir``, one for each severity.

    :param agent: the ``agent`` part of an observation.
    :param since: seconds since the epoch; what was said before does not count.
    """
    # The wrapper speaks through logger(1), which is often gone before the journal has found out its unit.
    whose = [f"_SYSTEMD_UNIT={UNIT}", "+", "SYSLOG_IDENTIFIER=mesos-slave", "+", "SYSLOG_IDENTIFIER=mesos-agent"]
    asked = ["journalctl", f"--since=@{int(since)}", "--output=cat", "--no-pager", "--lines=1000", *whose]
    try:
        words = _telling(machine.run(asked, deadline=10.0).stdout, 0.0)
    except HoldfastError:
        words = ""
    role = packaging.ROLES.get(agent["packaging"])
    if not words and role:
        log_dir = agent["flags"].get("log_dir", "")
        logs = (_text(machine, f"{log_dir}/mesos-{role}.{severity}") for severity in ("FATAL", "ERROR", "INFO"))
        words = next((words for words in (_telling(log or "", since) for log in logs) if words), "")
    return packaging.shown_words(words)


def _telling(log: str, since: float) -> str:
    """The last line that says why an agent ended."""
    found = ""
    for line in log.splitlines():
        stamped = _GLOG.search(line)
        if stamped and since and not _recent(stamped, since):
            continue
        text = stamped[7] if stamped else line
        if stamped and stamped[1] == "F":
            found = text
            continue
        telling = _TELLING.search(text)
        if telling:
            found = telling[telling.lastgroup or 0]
    return found.strip()


def _recent(stamped: re.Match[str], since: float) -> bool:
    """glog stamps local time without a year; a line of the second before still counts."""
    month, day, hour, minute, second = (int(stamped[group]) for group in range(2, 7))
    then = time.localtime(since - 1)
    return (month, day, hour, minute, second) >= (then.tm_mon, then.tm_mday, then.tm_hour, then.tm_min, then.tm_sec)
