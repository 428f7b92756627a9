# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes of executors (mesos 1.11.0 src/slave/containerizer/mesos: containerizer.cpp, launcher.cpp, linux_launcher.cpp).

A container is every process that has its sandbox in the environment: what stands for a freezer cgroup here. Of each the
runtime directory keeps containers/<ID>/pid, as the product's does. --launcher=linux destroys containers that no checkpoint
knows, --launcher=posix leaves them alone (recorded: executors across restart).
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from typing import Any

from mesos_simulator import launch
from mesos_simulator.flags import Flags
from mesos_simulator.log import log

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # stout/os: host_default_path
_DESTROY_TRIES = 50


class LaunchFailed(Exception):
    """Why a container has no executor; the message of the tasks' end."""


class Containers:
    """The containers of one agent."""

    def __init__(self, flags: Flags) -> None:
        self._directory = os.path.join(flags["runtime_dir"], "containers")
        self._programs = flags["launcher_dir"]
        self._linux = flags["launcher"] == "linux"

    def program(self, name: str) -> str:
        """A program of --launcher_dir."""
        return os.path.join(self._programs, name)

    def fork(
        self, container: str, sandbox: str, command: dict[str, Any], environment: dict[str, str], user: str | None
    ) -> int:
        """Starts a command in its sandbox; the process. LaunchFailed when it cannot be.

        Output goes to the files stdout and stderr of the sandbox (src/slave/container_loggers/sandbox.cpp).
        """
        info: dict[str, Any] = {"command": command, "environment": launch.environment(environment)}
        info.update({"user": user} if user else {}, working_directory=sandbox)
        variables = {launch.VARIABLE: launch.text(info), "MESOS_SANDBOX": sandbox}
        pid = self._spawn(["mesos-containerizer", "launch"], sandbox, variables)
        directory = os.path.join(self._directory, container)
        os.makedirs(directory, exist_ok=True)
        for name, content in (("pid", str(pid)), ("sandbox", sandbox)):
            with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
                file.write(content)
        return pid

    def fetch(self, container: str, sandbox: str, command: dict[str, Any], user: str | None) -> None:
        """What a command needs, by a program of its own (src/slave/containerizer/fetcher.cpp). LaunchFailed when it cannot be."""
        uris = command.get("uris")
        if not uris:
            return
        info = {"sandbox_directory": sandbox, "items": [{"uri": uri} for uri in uris], "user": user}
        pid = self._spawn(
            ["mesos-fetcher"], sandbox, {"MESOS_FETCHER_INFO": json.dumps(info), "MESOS_SANDBOX": sandbox}
        )
        status = os.waitpid(pid, 0)[1]
        if status:
            raise LaunchFailed(f"Failed to fetch all URIs for container '{container}': {status_text(status)}")

    def _spawn(self, argv: list[str], sandbox: str, variables: dict[str, str]) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        files = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
        files += [
            (os.POSIX_SPAWN_OPEN, number, os.path.join(sandbox, name), flags, 0o644)
            for number, name in ((1, "stdout"), (2, "stderr"))
        ]
        program = self.program(argv[0])
        try:
            # The agent blocks signals that its children must not find blocked.
            return os.posix_spawn(
                sys.executable,
                [argv[0], "-IS", program, *argv[1:]],
                {"PATH": _PATH, **variables},
                file_actions=files,
                setsid=True,
                setsigmask=[],
            )
        except OSError as error:
            raise LaunchFailed(f"Failed to fork: {error.strerror}") from None

    def destroy(self, container: str, sandbox: str) -> None:
        """Kills what lives of a container, daemons of it included."""
        for _ in range(_DESTROY_TRIES):
            living = members(sandbox)
            for pid in living:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            if not living:
                break
            time.sleep(0.02)
        self._forget(container)

    def _forget(self, container: str) -> None:
        directory = os.path.join(self._directory, container)
        try:
            for name in os.listdir(directory):
                os.unlink(os.path.join(directory, name))
            os.rmdir(directory)
        except FileNotFoundError:
            pass  # it was never forked, or two had to end it

    def clean_orphans(self, known: set[str]) -> None:
        """Of another agent ID, or of a framework without checkpoint (containerizer.cpp: recover)."""
        for container in sorted(os.listdir(self._directory)) if os.path.isdir(self._directory) else []:
            if container in known:
                continue
            log.info("containerizer.cpp:1281", f"Cleaning up orphan container {container}")
            if not self._linux:
                log.info("launcher.cpp:161", f"Asked to destroy container {container}")
                log.warning("launcher.cpp:164", f"Ignored destroy for unknown container {container}")
                self._forget(container)
                continue
            log.info("linux_launcher.cpp:564", f"Asked to destroy container {container}")
            try:
                with open(os.path.join(self._directory, container, "sandbox"), encoding="utf-8") as file:
                    sandbox = file.read()
            except OSError:
                continue
            self.destroy(container, sandbox)


def wait(pid: int, sandbox: str) -> int | None:
    """Blocks until a process of a sandbox has ended; its status when it was a child of this agent."""
    try:
        return os.waitpid(pid, 0)[1]
    except ChildProcessError:
        pass
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return None
    try:
        if belongs(pid, sandbox):
            select.select([descriptor], [], [])
    finally:
        os.close(descriptor)
    return None


def belongs(pid: int, sandbox: str) -> bool:
    """Whether a process lives and is one of a sandbox."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return os.fsencode(f"MESOS_SANDBOX={sandbox}") in file.read().split(b"\0")
    except OSError:
        return False


def members(sandbox: str) -> list[int]:
    """All living processes of a sandbox."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and belongs(int(name), sandbox)]


def status_text(status: int) -> str:
    """A wait status in words (stout/os/posix: WSTRINGIFY)."""
    if os.WIFEXITED(status):
        return f"exited with status {os.WEXITSTATUS(status)}"
    return f"terminated with signal {signal.strsignal(os.WTERMSIG(status))}"
