# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the cases of one group inside private namespaces and prints what it saw: see executor.py.

Input (stdin): {"group", "cases", "product": {"tree", "programs", "zk"}, "locale"}. Output (stdout): {case ID: observation}.
The host's files stay as they are: everything is written to overlays and tmpfs of this mount namespace. Standard library only.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterable
from functools import partial
from typing import Any, Callable

Case = dict[str, Any]
Seen = dict[str, Any]

WORK = "/var/lib/mesos"
SCRATCH = "/mnt"
HOSTS = "127.0.0.1 localhost\n10.0.0.10 master1\n10.0.0.20 master2\n10.0.0.11 node1\n"
ADDRESSES = ("10.0.0.10", "10.0.0.20", "10.0.0.11", "10.0.0.12", "10.0.0.29")  # nobody listens at the last one
REGISTER_SECONDS = 10.0
REFUSE_SECONDS = 1.5  # how long to wait for what the transcripts say never comes
STOP_SECONDS = 5.0

AGENT_ATTRIBUTES = "--attributes=rack:r1;scaleio-sds-domains:engineering;num:4;half:0.5;r:[1-2,5-9]"
GOLDEN_ATTRIBUTES = "--attributes=rack:r1;num:4;ports2:[1-10]"
CREDENTIALS = '{"credentials":[{"principal":"ops","secret":"s3"}]}'
STUB = """#!/usr/bin/python3 -IS
import json, os, sys
words = [os.fsencode(word).decode("utf-8", "surrogateescape") for word in sys.argv]
json.dump({"argv": words, "environment": dict(os.environ)}, open("/mnt/stub.json", "w"))
"""


# --- the host ---


def run(*argv: str) -> None:
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)


def prepare_host(product: dict[str, Any], locale: str | None) -> None:
    """Private /usr, /etc, /var, /run, /dev and network, with the product's files in place."""
    run("mount", "--make-rprivate", "/")
    run("mount", "-t", "tmpfs", "tmpfs", SCRATCH)
    for directory in ("usr", "etc", "var"):
        upper, workdir = f"{SCRATCH}/{directory}.upper", f"{SCRATCH}/{directory}.work"
        os.mkdir(upper)
        os.mkdir(workdir)
        options = f"lowerdir=/{directory},upperdir={upper},workdir={workdir}"
        run("mount", "-t", "overlay", "overlay", "-o", options, f"/{directory}")
    # /var/run leads here: without it groups that run side by side would take each other's sockets.
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    prepare_devices()
    run("ip", "link", "set", "lo", "up")
    for address in ADDRESSES:
        run("ip", "address", "add", f"{address}/32", "dev", "lo")
    replace("/etc/hosts", HOSTS)
    if locale:
        shutil.copytree(locale, "/usr/lib/locale/en_US.utf8", dirs_exist_ok=True)
    if product["tree"]:
        for top in os.listdir(product["tree"]):
            shutil.copytree(os.path.join(product["tree"], top), f"/{top}", symlinks=True, dirs_exist_ok=True)
    for name in product["programs"]:
        folder = "/usr/bin" if name == "mesos-init-wrapper" else "/usr/sbin"
        shutil.copy(os.path.join(product["folder"], name), os.path.join(folder, name))
    for directory in (WORK, "/var/lib/mesos-master", "/var/log/mesos"):
        shutil.rmtree(directory, ignore_errors=True)
    os.makedirs("/var/log/mesos")


def prepare_devices() -> None:
    """A /dev of its own, where the syslog socket can be listened to."""
    run("mount", "-t", "tmpfs", "tmpfs", "/dev")
    for name, minor in (("null", 3), ("zero", 5), ("random", 8), ("urandom", 9)):
        os.mknod(f"/dev/{name}", 0o666 | stat.S_IFCHR, os.makedev(1, minor))
        os.chmod(f"/dev/{name}", 0o666)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, f"/dev/{name}")


def replace(path: str, content: str | None, mode: int = 0o644) -> None:
    """Writes a file, or removes it with all it may be."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
    if content is not None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content.encode("utf-8", "surrogateescape"))
        os.chmod(path, mode)


# --- processes ---


class Program:
    """A started program with its output in one file."""

    count = 0

    def __init__(self, argv: list[str], environment: dict[str, str] | None = None) -> None:
        Program.count += 1
        self.path = f"{SCRATCH}/output-{Program.count}"
        with open(self.path, "wb") as output:
            self.process = subprocess.Popen(
                [word.encode("utf-8", "surrogateescape") for word in argv],
                env={"PATH": os.environ["PATH"], **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def output(self, start: int = 0) -> list[str]:
        with open(self.path, "rb") as file:
            file.seek(start)
            text = file.read().decode("utf-8", "surrogateescape")
        return text.split("\n")[:-1] if text.endswith("\n") else text.split("\n")

    def size(self) -> int:
        return os.path.getsize(self.path)

    def joined(self) -> bool:
        """Whether an agent says that it has registered, or did so again."""
        return any("egistered with master" in line for line in self.output())

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def stop(self, number: int = signal.SIGKILL) -> int | None:
        """The status after a signal, None when it lives on."""
        if self.running:
            self.process.send_signal(number)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None


def wait(condition: Callable[[], Any], seconds: float) -> Any:
    """The first true value of a condition, or its last one."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.02)


# --- HTTP ---


def raw_request(address: tuple[str, int], request: bytes, closes: bool = True) -> bytes:
    """The bytes that come back for the bytes that go out."""
    with socket.create_connection(address, 5) as connection:
        connection.sendall(request)
        answer = b""
        while True:
            try:
                data = connection.recv(65536)
            except OSError:
                break
            answer += data
            if not data or (not closes and complete(answer)):
                break
    return answer


def complete(answer: bytes) -> bool:
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return len(body) >= int(line.split(b":")[1])
    return True


def exchange(request: dict[str, Any]) -> str:
    """A request of a case, sent as it stands."""
    place, _, path = request["url"].partition("://")[2].partition("/")
    host, _, port = place.partition(":")
    lines = [f"{request['method']} /{path} HTTP/1.1"]
    if not any(name == "Host" for name, _ in request["headers"]):
        lines.append(f"Host: {place}")
    lines += [f"{name}: {value}" for name, value in request["headers"]] + ["Connection: close"]
    body = b""
    if request["body"] is not None:
        body = request["body"].encode("utf-8", "surrogateescape")
        lines.append(f"Content-Length: {len(body)}")
    raw = "\r\n".join([*lines, "", ""]).encode("latin-1") + body
    return raw_request((host, int(port)), raw).decode("utf-8", "surrogateescape")


def get(ip: str, port: int, path: str, method: str = "GET", body: str | None = None) -> str | None:
    """The body of an answer 200, None for anything else."""
    headers = [["Content-Type", "application/json"]] if body else []
    request = {"method": method, "url": f"http://{ip}:{port}{path}", "headers": headers, "body": body}
    try:
        head, _, content = exchange(request).partition("\r\n\r\n")
    except OSError:
        return None
    return content if " 200 " in head.split("\r\n")[0] else None


def parsed(body: str | None) -> Any:
    """JSON as a client reads it: bytes that are not UTF-8 make it no JSON at all."""
    try:
        return json.loads((body or "").encode("utf-8"))
    except ValueError:
        return None


# --- the cluster ---


class Cluster:
    """Master at 10.0.0.10 and an agent."""

    def __init__(self, *master_flags: str) -> None:
        argv = ["/usr/sbin/mesos-master", "--ip=10.0.0.10", "--work_dir=/var/lib/mesos-master", *master_flags]
        self.master = Program(argv)
        wait(self._elected, REGISTER_SECONDS)

    def _elected(self) -> bool:
        try:
            answer = raw_request(("10.0.0.10", 5050), b"GET /redirect HTTP/1.0\r\n\r\n")
        except OSError:
            return False
        return b" 307 " in answer.split(b"\r\n")[0]

    def slaves(self) -> Any:
        return parsed(get("10.0.0.10", 5050, "/slaves"))


def agent_place(argv: Iterable[str]) -> tuple[str, int]:
    """Address of an agent by its flags."""
    flags = dict(word[2:].partition("=")[::2] for word in argv if word.startswith("--"))
    return flags.get("ip", "10.0.0.11"), int(flags["port"]) if flags.get("port", "").isdigit() else 5051


def agent_state(place: tuple[str, int]) -> Any:
    return parsed(get(place[0], place[1], "/state"))


def registered_id(cluster: Cluster, place: tuple[str, int]) -> str | None:
    """The agent's ID when the master has it as active."""
    state = agent_state(place)
    if not state or not state.get("id"):
        return None
    listed = cluster.slaves()
    known = [item for item in listed["slaves"] if item["id"] == state["id"]] if listed else []
    return str(state["id"]) if known and known[0]["active"] else None


def how_it_ended(status: int | None) -> str:
    """As the transcripts put it."""
    if status is None:
        return "process still running"
    if status >= 0:
        return f"exit status {status}"
    name = signal.Signals(-status).name
    return f"killed by signal {-status} ({name}); a shell shows $?={128 - status}"


# --- flags ---


def run_flags(cases: list[Case], product: dict[str, Any]) -> Seen:
    cluster = Cluster()
    seen = {}
    for case in cases:
        for path, content in case["files"].items():
            replace(path, content)
        shutil.rmtree(WORK, ignore_errors=True)
        seen[case["id"]] = start_case(case, cluster)
    cluster.master.stop()
    return seen


def start_case(case: Case, cluster: Cluster) -> Seen:
    place = agent_place(case["argv"])
    agent = Program(case["argv"], case["environment"])
    patience = REFUSE_SECONDS if case["end"].startswith("no registration") else REGISTER_SECONDS
    identifier = wait(lambda: not agent.running or registered_id(cluster, place), patience)
    seen: Seen = {"state": None, "get_agent": None, "slaves": None}
    if not agent.running:
        seen["end"] = how_it_ended(agent.process.returncode)
    elif isinstance(identifier, str):
        seen["end"] = "registered"
        seen["state"] = get(*place, "/state")
        seen["get_agent"] = get(*place, "/api/v1", "POST", '{"type":"GET_AGENT"}')
        listed = [item for item in cluster.slaves()["slaves"] if item["id"] == identifier]
        seen["slaves"] = listed[0]["attributes"]
    else:
        seen["end"] = "no registration"
    agent.stop()
    seen["output"] = agent.output()
    return seen


# --- registration and recovery ---


def run_recovery(cases: list[Case], product: dict[str, Any]) -> Seen:
    # IDs that were given up stay listed beside the newer one; on a slow machine they would be pinged, or be dropped.
    cluster = Cluster("--agent_ping_timeout=10mins")
    seen: Seen = {}
    sections: dict[str, list[Case]] = {}
    for case in cases:
        if case["kind"] == "recovery":
            seen[case["id"]] = recovery_case(case, cluster)
            if " a2 " in case["id"]:
                run("cp", "-a", WORK, f"{SCRATCH}/golden")
        else:
            sections.setdefault(case["section"], []).append(case)
    for section, items in sections.items():
        if section.startswith("while recovering"):
            while_recovering(items, seen, cases)
        else:
            without_master(items, seen, cases)
    cluster.master.stop()
    return seen


def recovery_case(case: Case, cluster: Cluster) -> Seen:
    for step in case["prepare"]:
        prepare_work(step)
    place = agent_place(case["argv"])
    seen: Seen = {"before": describe_latest()}
    master_start = cluster.master.size()
    agent = Program(case["argv"])
    patience = REFUSE_SECONDS if "timeout" in case["end"] else REGISTER_SECONDS
    # The master knows of a registration before the agent does, whose log is to be complete.
    identifier = wait(lambda: not agent.running or (agent.joined() and registered_id(cluster, place)), patience)
    if not agent.running:
        seen["end"] = f"exit: {how_it_ended(agent.process.returncode)}"
    else:
        seen["end"] = f"agent id: {identifier if isinstance(identifier, str) else 'timeout'}"
        state = agent_state(place) or {}
        seen["attributes"], seen["resources"] = state.get("attributes"), state.get("resources")
    if agent.running or case["slaves"]:
        seen["slaves"] = cluster.slaves()["slaves"]
    if case["stop"]:
        start, master_start = agent.size(), cluster.master.size()
        number = getattr(signal, case["stop"].split()[0])
        seen["stop"] = f"{case['stop'].split()[0]} -> {how_it_ended(agent.stop(number))}"
        wait(lambda: not active(cluster, identifier), STOP_SECONDS)
        seen["slaves_now"] = cluster.slaves()
        seen["agent_log"] = agent.output(start)
    else:
        seen["agent_log"] = agent.output()
    seen["tree"] = describe_tree()
    seen["master_log"] = cluster.master.output(master_start)
    agent.stop()
    wait(lambda: not active(cluster, identifier), STOP_SECONDS)
    seen["after"] = describe_latest()
    seen["modes"] = describe_modes()
    seen["slave_info"] = slave_info_bytes()
    return seen


def active(cluster: Cluster, identifier: Any) -> bool:
    return any(item["id"] == identifier and item["active"] for item in cluster.slaves()["slaves"])


def prepare_work(step: str) -> None:
    """One word of inputs.py about the work directory."""
    verb, _, rest = step.partition(" ")
    if verb in ("empty", "golden"):
        shutil.rmtree(WORK, ignore_errors=True)
        if verb == "golden":
            run("cp", "-a", f"{SCRATCH}/golden", WORK)
        return
    if verb == "keep":
        return
    latest = f"{WORK}/meta/slaves/latest"
    target = os.path.realpath(latest)
    path, _, content = rest.replace("{id}", os.path.basename(target)).partition(" ")
    path = os.path.join(WORK, path)
    if verb == "remove":
        replace(path, None)
    elif verb == "truncate":
        os.truncate(path, int(content))
    elif verb == "write":
        replace(path, content)
    elif verb == "boot-id-with-newline":
        with open(f"{WORK}/meta/boot_id", "a", encoding="ascii") as file:
            file.write("\n")
    elif verb == "latest-as-directory":
        os.unlink(latest)
        shutil.copytree(target, latest)
    else:
        raise ValueError(f"no such preparation: {step}")


def describe_latest() -> str:
    """As the transcripts' "before" and "after"."""
    latest = f"{WORK}/meta/slaves/latest"
    if not os.path.islink(latest):
        return "no latest"
    target = os.readlink(latest)
    try:
        with open(f"{latest}/slave.info", "rb") as file:
            content = file.read()
    except OSError:
        return f"latest -> {target} ; no slave.info"
    return f"latest -> {target} ; slave.info {len(content)} bytes md5 {hashlib.md5(content).hexdigest()[:8]}"


def walk() -> list[str]:
    """Paths below the work directory, in order."""
    found = []
    for directory, directories, files in os.walk(WORK):
        found += [os.path.join(directory, name) for name in directories + files]
    return sorted(found)


def describe_tree() -> list[str]:
    """As the transcripts' find."""
    lines = []
    for path in walk():
        name = os.path.relpath(path, WORK)
        if os.path.islink(path):
            lines.append(f"l {name} -> {os.readlink(path)}")
        elif os.path.isdir(path):
            lines.append(f"d {name}")
        else:
            lines.append(f"f {name} ({os.path.getsize(path)} bytes)")
    return lines


def describe_modes() -> list[str]:
    """As the transcripts' stat; the work directory itself comes first, without a name."""
    paths = [WORK, *walk()] if os.path.isdir(WORK) else []
    return [
        f"{stat.filemode(os.lstat(path).st_mode)} {'' if path == WORK else os.path.relpath(path, WORK)}"
        for path in paths
    ]


def slave_info_bytes() -> str | None:
    try:
        with open(f"{WORK}/meta/slaves/latest/slave.info", "rb") as file:
            return base64.b64encode(file.read()).decode("ascii")
    except OSError:
        return None


def _first_argv(cases: list[Case]) -> list[str]:
    argv: list[str] = cases[0]["argv"]
    return [word for word in argv if not word.startswith("--attributes=")] + [GOLDEN_ATTRIBUTES]


def while_recovering(items: list[Case], seen: Seen, cases: list[Case]) -> None:
    """meta/boot_id is a FIFO, so that the agent waits in its recovery."""
    prepare_work("golden")
    path = f"{WORK}/meta/boot_id"
    with open(path, encoding="ascii") as file:
        boot_id = file.read()
    os.unlink(path)
    os.mkfifo(path)
    agent = Program(_first_argv(cases))
    wait(lambda: get("10.0.0.11", 5051, "/health") is not None and not _routeless(), REGISTER_SECONDS)
    for item in items:
        if item["kind"] == "http":
            seen[item["id"]] = {"raw": exchange(item["request"])}
        elif item["kind"] == "observation":
            seen[item["id"]] = {"text": f"agent process: {how_it_ended(agent.process.poll()).replace('process ', '')}"}
    with open(path, "w", encoding="ascii") as file:
        file.write(boot_id)
    wait(lambda: (agent_state(("10.0.0.11", 5051)) or {}).get("id"), REGISTER_SECONDS)
    agent.stop()
    finish_log(items, seen, agent)


def _routeless() -> bool:
    answer = raw_request(("10.0.0.11", 5051), b"GET /state HTTP/1.0\r\n\r\n")
    return b" 404 " in answer.split(b"\r\n")[0]


def without_master(items: list[Case], seen: Seen, cases: list[Case]) -> None:
    """No master answers at 10.0.0.29."""
    prepare_work("empty")
    argv = [word.replace("10.0.0.10:5050", "10.0.0.29:5050") for word in _first_argv(cases)]
    agent = Program(argv)
    state = wait(lambda: agent_state(("10.0.0.11", 5051)), REGISTER_SECONDS)
    time.sleep(0.5)
    for item in items:
        if item["kind"] == "http":
            seen[item["id"]] = {"raw": exchange(item["request"])}
        elif item["kind"] == "observation":
            text = f"id={state['id']!r} attributes={json.dumps(state['attributes'])}"
            text += f" master_hostname={state.get('master_hostname')} keys={list(state)!r}"
            seen[item["id"]] = {"text": text}
        elif item["kind"] == "tree":
            seen[item["id"]] = {"lines": describe_tree()}
    agent.stop()
    finish_log(items, seen, agent)


def finish_log(items: list[Case], seen: Seen, agent: Program) -> None:
    for item in items:
        if item["kind"] == "log":
            seen[item["id"]] = {"output": agent.output()}


# --- HTTP groups ---


def run_http(cases: list[Case], product: dict[str, Any]) -> Seen:
    """agent_http, master_http and authentication: requests in their order to one master and one agent."""
    master_flags: list[str] = []
    agent_flags = [AGENT_ATTRIBUTES]
    if "31-" in cases[0]["id"]:
        replace("/etc/mesos-auth/c.json", CREDENTIALS)
        both = ["--authenticate_http_readonly", "--authenticate_http_readwrite"]
        master_flags = [*both, "--credentials=file:///etc/mesos-auth/c.json"]
        agent_flags = [*both, "--http_credentials=file:///etc/mesos-auth/c.json"]
    cluster = Cluster(*master_flags)
    argv = [*base_agent(), "--master=10.0.0.10:5050", *agent_flags]
    agent = Program(argv)
    wait(agent.joined, REGISTER_SECONDS)
    seen = {}
    for case in cases:
        seen[case["id"]] = http_case(case)
        if "MARK_AGENT_GONE" in json.dumps(case.get("request", {})):
            time.sleep(0.1)
    agent.stop()
    cluster.master.stop()
    return seen


def base_agent() -> list[str]:
    return (
        "/usr/sbin/mesos-agent --ip=10.0.0.11 --hostname=node1 --work_dir=/var/lib/mesos --launcher=posix"
        " --no-systemd_enable_support --registration_backoff_factor=10ms"
        " --resources=cpus:2;mem:1024;disk:4096;ports:[31000-32000]"
    ).split()


def http_case(case: Case) -> Seen:
    kind = case["kind"]
    if kind == "http":
        return {"raw": exchange(fill_in(case["request"]))}
    if kind == "unauthenticated":
        return {"raw": exchange({"method": "GET", "url": case["url"], "headers": [], "body": None})}
    if kind == "connection":
        return {"text": connection_case(case["text"])}
    if kind == "listing":
        path = "/state" if "GET /state" in case["lines"][0] else "/metrics/snapshot"
        place = ("10.0.0.11", 5051) if "30-" in case["id"] else ("10.0.0.10", 5050)
        return {"body": get(*place, path)}
    if kind == "narration":
        return {"text": summary(case["text"])}
    if kind == "curl":
        done = subprocess.run(case["argv"], capture_output=True, text=True, check=False)
        return {"text": done.stdout}
    raise ValueError(f"no such kind of case: {kind}")


_known_ids: list[str] = []


def fill_in(request: dict[str, Any]) -> dict[str, Any]:
    """Puts this cluster's agent ID in the place of the recorded one; it is remembered for when the agent has gone."""
    listed = parsed(get("10.0.0.10", 5050, "/slaves"))
    if listed and listed["slaves"]:
        _known_ids.append(listed["slaves"][0]["id"])
    if not _known_ids:
        return request
    own = _known_ids[-1]
    recorded = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-S[0-9]+"
    body = request["body"] and re.sub(recorded, own, request["body"])
    return {**request, "url": re.sub(recorded, own, request["url"]), "body": body}


def connection_case(text: str) -> str:
    place = ("10.0.0.11", 5051)
    if text.startswith("HTTP/1.0"):
        return f"HTTP/1.0 GET /health -> {raw_request(place, b'GET /health HTTP/1.0' + 2 * bytes([13, 10]))!r}"
    if text.startswith("garbage"):
        return f"garbage -> {raw_request(place, b'nonsense' + 2 * bytes([13, 10]))!r}"
    with socket.create_connection(place, 5) as connection:
        answers = []
        for path in ("/health", "/version"):
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: node1\r\n\r\n".encode())
            answer = b""
            while not complete(answer):
                answer += connection.recv(65536)
            answers.append(answer)
    return f"HTTP/1.1 keep-alive: {answers[0]!r} then {answers[1]!r}"


def summary(text: str) -> str:
    """The recording's own summaries of master /slaves and agent /state."""
    label = text.partition("]")[0] + "]"
    if "agent /state" in text:
        state = agent_state(("10.0.0.11", 5051)) or {}
        started = state.get("estimated_drain_start_time_seconds")
        return f"{label} agent /state: drain_config={json.dumps(state.get('drain_config'))} estimated_drain_start_time_seconds={started}"
    item = (parsed(get("10.0.0.10", 5050, "/slaves")) or {})["slaves"][0]
    return (
        f"{label} master /slaves: id={item['id']} active={item['active']} deactivated={item['deactivated']}"
        f" drain_info={json.dumps(item.get('drain_info'))} est={item.get('estimated_drain_start_time_seconds')}"
    )


# --- two masters ---


def run_redirect(cases: list[Case], product: dict[str, Any]) -> Seen:
    zk = product["zk"]
    services = []
    if not product["tree"]:
        services.append(Program([os.path.join(product["folder"], "zookeeper")]))
    masters = []
    for ip in ("10.0.0.10", "10.0.0.20"):
        flags = [f"--ip={ip}", f"--work_dir=/var/lib/mesos-{ip}", f"--zk={zk}", "--quorum=1"]
        timeouts = ["--agent_ping_timeout=1secs", "--max_agent_ping_timeouts=3"]
        masters.append(Program(["/usr/sbin/mesos-master", *flags, *timeouts]))
        wait(partial(_leads_to_master1, ip), REGISTER_SECONDS)
    agent = Program([*base_agent(), f"--master={zk}", "--attributes=rack:r1"])
    wait(agent.joined, REGISTER_SECONDS)
    seen = {case["id"]: http_case(case) for case in cases}
    for program in (agent, *masters, *services):
        program.stop()
    return seen


def _leads_to_master1(ip: str) -> bool:
    try:
        return b"//master1:5050" in raw_request((ip, 5050), b"GET /redirect HTTP/1.0\r\n\r\n")
    except OSError:
        return False


# --- init wrapper ---


def run_wrapper(cases: list[Case], product: dict[str, Any]) -> Seen:
    replace("/usr/sbin/mesos-slave", STUB, 0o755)
    syslog = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    syslog.bind("/dev/log")
    os.chmod("/dev/log", 0o666)
    syslog.settimeout(2)
    os.chmod(SCRATCH, 0o777)
    return {case["id"]: wrapper_case(case, syslog) for case in cases}


def wrapper_case(case: Case, syslog: socket.socket) -> Seen:
    configuration = "/etc/mesos-slave"
    os.makedirs(configuration, exist_ok=True)
    run(
        "mount", "-t", "tmpfs", "tmpfs", configuration
    )  # the sizes of directories in the transcript are those of a tmpfs
    unmounted = False
    for path, content in case["host"].items():
        if path == configuration:
            run("umount", configuration)
            unmounted = True
            shutil.rmtree(configuration)
        else:
            replace(path, content, 0o755 if content and content.startswith("#!") else 0o644)
    for entry in case["entries"]:
        make_entry(os.path.join(configuration, entry["path"]), entry)
    replace(f"{SCRATCH}/stub.json", None)
    environment = {"PATH": os.environ["PATH"], **case["environment"]}
    done = subprocess.run(case["command"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    seen: Seen = {
        "exit": done.returncode,
        "stderr": done.stderr.decode("utf-8", "surrogateescape").strip("\n"),
        "tree": [] if unmounted else listing(configuration),
        "stub": None,
    }
    if os.path.exists(f"{SCRATCH}/stub.json"):
        with open(f"{SCRATCH}/stub.json", encoding="ascii") as file:
            seen["stub"] = json.load(file)
    if case["exit"] == 126:
        seen["syslog"] = syslog.recv(65536).decode("utf-8", "replace")
    if not unmounted:
        run("umount", configuration)
    return seen


def make_entry(path: str, entry: dict[str, Any]) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if entry["kind"] == "d":
        os.makedirs(path, exist_ok=True)
    elif entry["kind"] == "l":
        os.symlink(entry["target"], path)
        return
    elif entry["kind"] == "p":
        os.mkfifo(path)
    else:
        replace(path, entry["content"] * entry.get("times", 1))
    os.chmod(path, entry["mode"])


def listing(top: str) -> list[str]:
    """As find -printf "%M %s %P" prints it."""
    found = []
    for directory, directories, files in os.walk(top):
        for name in directories + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            inside = os.path.relpath(path, top).replace("\n", "\\n")
            found.append(f"{stat.filemode(status.st_mode)} {status.st_size} {inside}")
    return sorted(found, key=lambda line: line.split(" ", 2)[2].encode("utf-8", "surrogateescape"))


GROUPS: dict[str, Callable[[list[Case], dict[str, Any]], Seen]] = {
    "flags": run_flags,
    "recovery": run_recovery,
    "agent_http": run_http,
    "authentication": run_http,
    "master_http": run_http,
    "redirect": run_redirect,
    "wrapper": run_wrapper,
}


def main() -> None:
    # A build server may run under nohup; programs would inherit that a hang-up is ignored.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    task = json.load(sys.stdin)
    prepare_host(task["product"], task["locale"])
    json.dump(GROUPS[task["group"]](task["cases"], task["product"]), sys.stdout)


main()
