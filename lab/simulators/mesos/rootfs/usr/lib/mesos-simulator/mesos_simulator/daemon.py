# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What agent and master share as processes: start, evidence of it, signals, endpoints of libprocess itself."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any, Callable, NoReturn

from mesos_simulator import build, flags, http
from mesos_simulator.log import log, usage_error

_LOG_DIRECTORY = "/var/log/mesos"


def load_flags(table: Sequence[flags.Flag], argv: list[str]) -> flags.Flags:
    """The flags, after --help and --version have been served; ends the process when they are wrong."""
    arguments = [os.fsencode(argument).decode("utf-8", "surrogateescape") for argument in argv[1:]]
    record("simulator-argv.jsonl", _log_directory(arguments), {"argv": [argv[0], *arguments]})
    try:
        loaded = flags.load(table, arguments, os.environ)
    except flags.FlagError as error:
        usage_error(str(error))
    if loaded["version"]:
        print(f"mesos {build.VERSION}")
        sys.exit(0)
    if loaded["help"]:
        print(f"Usage: {os.path.basename(argv[0])} [options]\n")
        for flag in sorted(table):
            print(f"  --[no-]{flag.name}" if flag.kind == "boolean" else f"  --{flag.name}=VALUE")
        sys.exit(0)
    return loaded


def _log_directory(arguments: list[str]) -> str:
    given = [argument.partition("=")[2] for argument in arguments if argument.startswith("--log_dir=")]
    return given[0] if given else _LOG_DIRECTORY


def record(name: str, directory: str, event: dict[str, Any]) -> None:
    """Appends one line of evidence for tests; where there can be no log directory, none is kept."""
    try:
        # The first start on a host comes before the first log.
        os.makedirs(directory, exist_ok=True)
        descriptor = os.open(
            os.path.join(directory, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644
        )
    except OSError:
        return
    os.write(descriptor, json.dumps({"time": time.time(), **event}).encode("ascii") + b"\n")
    os.close(descriptor)


def evidence_directory(loaded: flags.Flags) -> str:
    """Where `record` writes for a daemon whose flags are loaded."""
    return str(loaded["log_dir"] or _LOG_DIRECTORY)


def start_logging(argv: list[str], loaded: flags.Flags) -> None:
    """--log_dir and --quiet."""
    try:
        log.start(os.path.basename(argv[0]), loaded["log_dir"], loaded["quiet"])
    except OSError as error:
        log.exit("logging.cpp:132", f"Could not initialize logging: Failed to create directory: {error.strerror}")


def own_address(loaded: flags.Flags) -> tuple[str, int]:
    """--ip and --port; without --ip LIBPROCESS_IP, else what the host name resolves to (process.cpp: initialize)."""
    address = loaded["ip"] or os.environ.get("LIBPROCESS_IP")
    if not address:
        try:
            address = socket.gethostbyname(socket.gethostname())
        except OSError as error:
            log.fatal(
                "process.cpp:1100", f"Failed to obtain the IP address for '{socket.gethostname()}': {error.strerror}"
            )
    return address, loaded["port"]


def own_hostname(loaded: flags.Flags, address: str) -> str:
    """--hostname, even an empty one; else the name of the address, unless --no-hostname_lookup."""
    if loaded["hostname"] is not None:
        return str(loaded["hostname"])
    if not loaded["hostname_lookup"]:
        return address
    try:
        return socket.gethostbyaddr(address)[0]
    except OSError:
        return address


def listen(address: tuple[str, int], tls: Any, answer: http.Handler) -> http.Server:
    """A server that is bound but does not answer yet; aborts when it cannot be (recorded flag case "port in use")."""
    try:
        return http.Server(address, tls, answer)
    except OSError as error:
        place = f"{address[0]}:{address[1]}"
        log.fatal("process.cpp:1124", f"Failed to initialize: Failed to bind on {place}: {error.strerror}")


def log_build(place: str) -> None:
    """The first lines of a daemon's log."""
    log.info(f"{place}:385", f"Build: {build.BUILD_DATE} by {build.BUILD_USER}")
    log.info(f"{place}:386", f"Version: {build.VERSION}")
    log.info(f"{place}:389", f"Git tag: {build.GIT_TAG}")
    log.info(f"{place}:393", f"Git SHA: {build.GIT_SHA}")


def shared_routes(router: http.Router, metrics: Callable[[], dict[str, float]], authenticate: Any) -> None:
    """/version, /metrics/snapshot and /system/stats.json, which belong to no process of Mesos itself."""

    def version(request: http.Request, _: socket.socket) -> http.Response:
        return http.json_endpoint(build.VERSION_ENDPOINT, request)

    def snapshot(request: http.Request, _: socket.socket) -> http.Response:
        return http.json_endpoint(dict(sorted({**metrics(), **_system_metrics("system/")}.items())), request)

    def statistics(request: http.Request, _: socket.socket) -> http.Response:
        found = _system_metrics("")
        names = {"load_15min": "avg_load_15min", "load_1min": "avg_load_1min", "load_5min": "avg_load_5min"}
        renamed: dict[str, float] = {names.get(name, name): value for name, value in found.items()}
        for name in ("cpus_total", "mem_free_bytes", "mem_total_bytes"):
            renamed[name] = int(renamed[name])
        return http.json_endpoint(dict(sorted(renamed.items())), request)

    router.shared("/version", version)
    router.shared("/metrics/snapshot", authenticate(snapshot))
    router.shared("/system/stats.json", statistics)


def _system_metrics(prefix: str) -> dict[str, float]:
    one, five, fifteen = os.getloadavg()
    page = os.sysconf("SC_PAGE_SIZE")
    found = {
        "cpus_total": float(os.cpu_count() or 1),
        "load_15min": fifteen,
        "load_1min": one,
        "load_5min": five,
        "mem_free_bytes": float(page * os.sysconf("SC_AVPHYS_PAGES")),
        "mem_total_bytes": float(page * os.sysconf("SC_PHYS_PAGES")),
    }
    return {prefix + name: value for name, value in found.items()}


def block_signals(*numbers: signal.Signals) -> None:
    """Before the first thread: the main thread alone takes these, by `wait_for_signals`. The others keep their defaults."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)


def wait_for_signals(handlers: dict[signal.Signals, Callable[[], None]]) -> NoReturn:
    """SIGTERM ends by the signal's own action after a line in the log (recorded case s1), others call their handler."""
    while True:
        received = signal.sigwaitinfo([signal.SIGTERM, *handlers])
        if received.si_signo == signal.SIGTERM:
            sender = f"from process {received.si_pid} of user {received.si_uid}"
            log.warning("logging.cpp:102", f"RAW: Received signal SIGTERM {sender}; exiting")
            log.die(signal.SIGTERM)
        handlers[signal.Signals(received.si_signo)]()
