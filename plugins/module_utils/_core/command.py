# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a program: list argv, C locale, a deadline, secrets by stdin or environment, typed errors."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import CommandError

# What a child may still take to vanish after SIGKILL, in seconds. One in uninterruptible sleep does not vanish.
_REAP_SECONDS = 2.0
_C_LOCALE = {"LANG": "C", "LANGUAGE": "C", "LC_ALL": "C"}
_SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin")


@dataclass(frozen=True)
class Completed:
    """A program that ended: its argv, exit status (negative: the signal) and decoded output."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str


def find_program(name: str) -> str | None:
    """The path of a program; the system directories count even where PATH of a sudo session leaves them out."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *_SBIN))
    return shutil.which(name, path=path)


def run(
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    deadline: float = 30.0,
    ok: Container[int] = (0,),
) -> Completed:
    """Run one program and return what it printed.

    :param argv: the program and its arguments; never a shell line, never a secret.
    :param stdin: text for its standard input (the way for secrets); nothing by default.
    :param env: variables beside the inherited ones; the locale is always C.
    :param deadline: seconds after which the program's process group is killed.
    :param ok: exit statuses that are no error.
    :raises CommandError: missing program, other exit status, deadline.
    """
    program = find_program(argv[0])
    if program is None:
        raise missing(argv)
    # AnsibleModule.run_command knows no deadline.
    child = subprocess.Popen(  # pylint: disable=ansible-bad-function
        [program, *argv[1:]],
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **(env or {}), **_C_LOCALE},
        start_new_session=True,
    )
    try:
        out, err = child.communicate(None if stdin is None else stdin.encode(), timeout=deadline)
    except subprocess.TimeoutExpired:
        raise _overdue(child, " ".join(argv), deadline) from None
    return checked(Completed(tuple(argv), child.returncode, _text(out), _text(err)), ok)


def missing(argv: Sequence[str]) -> CommandError:
    """The error for a program that is not installed."""
    return CommandError(
        f"the program {argv[0]} is missing",
        where=" ".join(argv),
        todo="install the package that carries it on this host",
    )


def checked(done: Completed, ok: Container[int]) -> Completed:
    """Pass a program's end on.

    :raises CommandError: its status is not one of ``ok``.
    """
    if done.status in ok:
        return done
    words = (done.stderr.strip() or done.stdout.strip() or "no output")[-2000:]
    raise CommandError(
        f"the command failed with status {done.status}",
        where=" ".join(done.argv),
        seen=words,
        todo="run it by hand on this host",
    )


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")


def _overdue(child: subprocess.Popen[bytes], shown: str, deadline: float) -> CommandError:
    """Kill an overdue child's process group, or abandon it, named, when even SIGKILL does not end it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    try:
        child.communicate(timeout=_REAP_SECONDS)
    except subprocess.TimeoutExpired:
        try:
            with open(f"/proc/{child.pid}/wchan", encoding="ascii") as channel:
                waits = channel.read() or "unknown"
        except OSError:
            waits = "unknown"
        return CommandError(
            f"the command did not end in {deadline:g} s and survived SIGKILL",
            where=shown,
            seen=f"pid {child.pid} is abandoned, it waits in the kernel at {waits}",
            todo="look at the device or file system that it uses",
        )
    return CommandError(
        f"the command did not end in {deadline:g} s and was killed",
        where=shown,
        todo="run it by hand on this host to see what it waits for",
    )
