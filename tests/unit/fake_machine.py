# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A machine in memory, for tests of the observing and acting rooms.

Nothing is forgiving: a program or an address that the test has not announced fails the test, argv and URL compare
exactly, and errors are those of the real handle. Time stands still but for ``sleep`` and for programs that hang.

    machine = FakeMachine()
    machine.file("/etc/mesos-slave/attributes/rack", "r1\\n")
    machine.program(["blkid"], status=2)                                    # answers so every time
    machine.program(["lsblk"], stdout="first")
    machine.program(["lsblk"], stdout="second")                             # announced twice: one after the other
    machine.program(["systemctl", "restart", "x"], effect=start_x)          # counts as an effect, changes the machine
    machine.http("http://m1:5050/slaves", json={"slaves": []})
    machine.after(0.8, lambda: machine.http(...))                           # something happens by itself

``die_after=n`` ends the runner (:class:`Died`, which no ``except Exception`` catches) directly after its n-th effect,
and before its first for 0. What it did stays: ``machine.survive()`` lets the next run begin on the same machine.
"""

from __future__ import annotations

import contextlib
import errno
import json as json_module
import os
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core import command, web
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    ClaimError,
    CommandError,
    HoldfastError,
    WebError,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine


class Unexpected(AssertionError):
    """The code under test did what the test had not announced."""


class Died(BaseException):
    """The runner is killed here."""


@dataclass
class Node:
    """What stands at a path: kind as ``Machine.kind`` names it, a file's content, a link's target."""

    kind: str
    content: bytes = b""
    target: str = ""
    mode: int = 0o644
    error: int = 0


@dataclass
class Reply:
    """How an announced program or address answers once.

    :param effect: what it changes; a reply with one counts as an effect of the runner.
    :param hangs: it does not end before its deadline.
    :param error: what is raised in place of an answer.
    """

    status: int = 0
    stdout: str = ""
    stderr: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    effect: Callable[[], None] | None = None
    hangs: bool = False
    error: Exception | None = None


class Script:
    """Announced answers by key: in order, the last one for ever."""

    def __init__(self) -> None:
        self._replies: dict[Any, list[Reply]] = {}

    def announce(self, key: Any, reply: Reply) -> None:
        self._replies.setdefault(key, []).append(reply)

    def replace(self, key: Any, reply: Reply) -> None:
        self._replies[key] = [reply]

    def next(self, key: Any) -> Reply | None:
        replies = self._replies.get(key)
        if not replies:
            return None
        return replies.pop(0) if len(replies) > 1 else replies[0]

    def announced(self) -> list[Any]:
        return list(self._replies)


class FakeMachine(Machine):
    """See the module's text.

    :ivar calls: every program started, in order: argv tuples.
    :ivar inputs: (argv, stdin, env) of every program started.
    :ivar requests: (method, url, body) of every HTTP request.
    :ivar effects: what the runner changed, in order, as words.
    :ivar die_after: see the module's text; None for never.
    """

    def __init__(self, files: Mapping[str, str | bytes] | None = None, *, now: float = 1_800_000_000.0) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.inputs: list[tuple[tuple[str, ...], str | None, dict[str, str]]] = []
        self.requests: list[tuple[str, str, Any]] = []
        self.effects: list[str] = []
        self.die_after: int | None = None
        self.clock = 0.0
        self._epoch = now
        self._nodes: dict[str, Node] = {"/": Node("directory")}
        self._programs = Script()
        self._pages = Script()
        self._users: dict[str, tuple[str, str]] = {}
        self._absent: set[str] = set()
        self._busy: dict[str, str] = {}
        self._locks: set[str] = set()
        self._write_errors: dict[str, int] = {}
        self._events: list[tuple[float, Callable[[], None]]] = []
        for path, content in (files or {}).items():
            self.file(path, content)

    # -- what the test says ---------------------------------------------------------------------------------------

    def file(self, path: str, content: str | bytes = b"", *, error: int = 0) -> None:
        """Put a file there, with its directories. ``error``: the errno on which reading it fails."""
        data = content.encode() if isinstance(content, str) else content
        self._put(path, Node("file", content=data, error=error))

    def directory(self, path: str) -> None:
        """Put a directory there, with those above it."""
        if path not in self._nodes:
            self._put(path, Node("directory"))

    def symlink(self, path: str, target: str) -> None:
        """Put a symbolic link there, dangling or not."""
        self._put(path, Node("link", target=target))

    def special(self, path: str, kind: str, *, busy: str = "") -> None:
        """Put a ``fifo``, ``socket``, ``character`` or ``block`` node there.

        :param busy: why a block device cannot be opened exclusively.
        """
        self._put(path, Node(kind))
        if busy:
            self._busy[path] = busy

    def program(
        self,
        argv: Sequence[str],
        stdout: str = "",
        *,
        stderr: str = "",
        status: int = 0,
        hangs: bool = False,
        effect: Callable[[], None] | None = None,
    ) -> None:
        """Announce a program's answer to exactly this argv."""
        self._programs.announce(tuple(argv), Reply(status, stdout, stderr, effect=effect, hangs=hangs))

    def absent(self, *names: str) -> None:
        """These programs are not installed."""
        self._absent |= set(names)

    def http(
        self,
        url: str,
        *,
        method: str = "GET",
        status: int = 200,
        json: Any = None,
        text: str = "",
        headers: Mapping[str, str] | None = None,
        error: str = "",
        effect: Callable[[], None] | None = None,
        replace: bool = False,
    ) -> None:
        """Announce an address's answer to exactly this method and URL.

        :param error: there is no answer, for this reason.
        :param replace: forget what was announced for it before.
        """
        body = json_module.dumps(json) if json is not None else text
        problem = None
        if error:
            problem = WebError(
                "no answer", where=f"{method} {url}", seen=error, todo="check the address, the port and the certificate"
            )
        reply = Reply(status, body, headers=dict(headers or {}), effect=effect, error=problem)
        (self._pages.replace if replace else self._pages.announce)((method, url), reply)

    def user(self, prefix: str, username: str, password: str) -> None:
        """Addresses that begin so answer 401 without these credentials."""
        self._users[prefix] = (username, password)

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        """Let something happen once the clock has gone so far from now."""
        self._events.append((self.clock + seconds, event))
        self._events.sort(key=lambda item: item[0])

    def lock(self, path: str, *, held: bool = True) -> None:
        """Another process holds this lock, or no longer."""
        (self._locks.add if held else self._locks.discard)(path)

    def refuse_writes(self, path: str, code: int = errno.ENOSPC) -> None:
        """Writing this path fails with this errno."""
        self._write_errors[path] = code

    def survive(self) -> None:
        """The next run begins: nobody dies any more, and effects are counted anew."""
        self.die_after = None
        self.effects = []

    def tree(self, below: str = "/") -> dict[str, str]:
        """Everything below a path, to compare end states: path -> content, ``-> target`` or the kind in brackets."""
        return {path: _shown(node) for path, node in sorted(self._nodes.items()) if _is_below(path, below)}

    def mode(self, path: str) -> int:
        """The mode that a file was written with."""
        return self._nodes[self.real(path)].mode

    # -- reading --------------------------------------------------------------------------------------------------

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        deadline: float = 30.0,
        ok: Container[int] = (0,),
    ) -> command.Completed:
        if argv[0] in self._absent:
            raise command.missing(argv)
        self.calls.append(tuple(argv))
        self.inputs.append((tuple(argv), stdin, dict(env or {})))
        reply = self._programs.next(tuple(argv))
        if reply is None:
            raise Unexpected(f"unexpected program {list(argv)!r}; announced: {self._programs.announced()}")
        if reply.hangs:
            self._advance(deadline)
            raise CommandError(
                f"the command did not end in {deadline:g} s and was killed",
                where=" ".join(argv),
                todo="run it by hand on this host to see what it waits for",
            )
        with self._effect(" ".join(argv)) if reply.effect else contextlib.nullcontext():
            if reply.effect:
                reply.effect()
        return command.checked(command.Completed(tuple(argv), reply.status, reply.stdout, reply.stderr), ok)

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: Any = None,
        media_type: str = "application/json",
        credentials: web.Credentials = web.ANONYMOUS,
        deadline: float = 5.0,
    ) -> web.Answer:
        self.requests.append((method, url, body))
        for prefix, (username, password) in self._users.items():
            if url.startswith(prefix) and (credentials.username, credentials.password) != (username, password):
                return web.Answer(401, {"www-authenticate": 'Basic realm="mesos-master-readonly"'}, "401 Unauthorized.")
        reply = self._pages.next((method, url))
        if reply is None:
            raise Unexpected(f"unexpected request {method} {url}; announced: {self._pages.announced()}")
        if reply.error:
            raise reply.error
        with self._effect(f"{method} {url}") if reply.effect else contextlib.nullcontext():
            if reply.effect:
                reply.effect()
        return web.Answer(reply.status, {name.lower(): value for name, value in reply.headers.items()}, reply.stdout)

    def kind(self, path: str) -> str | None:
        node = self._nodes.get(self._place(path))
        return None if node is None else node.kind

    def real(self, path: str) -> str:
        seen = 0
        place = self._place(path)
        while (node := self._nodes.get(place)) is not None and node.kind == "link" and seen < 40:
            place = self._place(node.target if node.target.startswith("/") else f"{_parent(place)}/{node.target}")
            seen += 1
        return place

    def names(self, path: str) -> list[str]:
        place = self.real(path)
        node = self._nodes.get(place)
        if node is None or node.kind != "directory":
            return []
        prefix = place.rstrip("/") + "/"
        return sorted(name[len(prefix) :] for name in self._nodes if name != "/" and _parent(name) == place)

    def read(self, path: str, limit: int = 16 * 1024 * 1024) -> bytes | None:
        node = self._nodes.get(self.real(path))
        if node is None or node.kind != "file":
            return None
        if node.error:
            raise OSError(node.error, os.strerror(node.error), path)
        return node.content[:limit]

    def held_by_others(self, paths: Sequence[str], *, deadline: float = 2.0) -> dict[str, str]:
        for path in paths:
            if self.kind(self.real(path)) != "block":
                raise Unexpected(f"{path} was opened as a device, but the test has put no block device there")
        return {path: self._busy[self.real(path)] for path in paths if self.real(path) in self._busy}

    def is_locked(self, path: str) -> bool:
        return path in self._locks

    def time(self) -> float:
        return self._epoch + self.clock

    def monotonic(self) -> float:
        return self.clock

    def sleep(self, seconds: float) -> None:
        self._advance(seconds)

    # -- writing --------------------------------------------------------------------------------------------------

    def write(self, path: str, content: bytes, *, staging: Sequence[str] = (), mode: int = 0o644) -> None:
        with self._effect(f"write {path}"):
            code = self._write_errors.get(path, 0) or self._in_the_way(path)
            if code:
                raise HoldfastError(
                    "the file could not be written",
                    where=path,
                    seen=os.strerror(code),
                    todo="look at the file system's space and mount options; the old file is still in place",
                )
            self._put(path, Node("file", content=content, mode=mode))

    def remove(self, path: str) -> None:
        with self._effect(f"remove {path}"):
            node = self._nodes.get(self._place(path))
            if node is not None and node.kind == "directory":
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
            self._nodes.pop(self._place(path), None)

    def move(self, source: str, target: str) -> None:
        with self._effect(f"move {source} {target}"):
            place = self._place(source)
            if place not in self._nodes:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), source)
            if self.kind(target) is not None:
                raise Unexpected(f"{source} was moved to {target}, where something stands")
            if code := self._in_the_way(target):
                raise OSError(code, os.strerror(code), target)
            self.directory(_parent(target))
            aim = self._place(target)
            for name in [name for name in self._nodes if _is_below(name, place)]:
                self._nodes[aim + name[len(place) :]] = self._nodes.pop(name)

    @contextlib.contextmanager
    def locked(self, path: str, wait: float) -> Iterator[None]:
        end = self.clock + wait
        while path in self._locks:
            if self.clock > end:
                raise ClaimError(
                    "another acting call is still at work on this host",
                    where=path,
                    seen=f"its lock was not released in {wait:g} s",
                    todo="wait until it has ended and run again",
                )
            self._advance(0.1)
        self._locks.add(path)
        try:
            yield
        finally:
            # The kernel does this for a runner that dies.
            self._locks.discard(path)

    # -- how it works ---------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _effect(self, words: str) -> Iterator[None]:
        if self.die_after == 0:
            raise Died(f"before: {words}")
        yield
        self.effects.append(words)
        if self.die_after is not None and len(self.effects) >= self.die_after:
            raise Died(f"after effect {len(self.effects)}: {words}")

    def _advance(self, seconds: float) -> None:
        end = self.clock + seconds
        while self._events and self._events[0][0] <= end:
            self.clock, event = max(self.clock, self._events[0][0]), self._events.pop(0)[1]
            event()
        self.clock = end

    def _put(self, path: str, node: Node) -> None:
        place = self._place(path)
        if not place.startswith("/"):
            raise Unexpected(f"{path} is not absolute")
        parent = _parent(place)
        if parent != place and parent not in self._nodes:
            self._put(parent, Node("directory"))
        self._nodes[place] = node

    def _in_the_way(self, path: str) -> int:
        """The errno on which making a file here fails: something in its path, or it itself, is of another kind."""
        place = self._place(path)
        node = self._nodes.get(place)
        if node is not None and node.kind == "directory":
            return errno.EISDIR
        while place != "/":
            place = _parent(place)
            node = self._nodes.get(place)
            if node is not None and node.kind != "directory":
                return errno.ENOTDIR
        return 0

    def _place(self, path: str) -> str:
        """The path with every link before its last part resolved; an empty one names nothing."""
        place = "/" if path else ""
        parts = [part for part in path.split("/") if part and part != "."]
        for count, part in enumerate(parts):
            place = _parent(place) if part == ".." else place.rstrip("/") + "/" + part
            node = self._nodes.get(place)
            if node is not None and node.kind == "link" and count < len(parts) - 1:
                place = self.real(place)
        return place


def _parent(path: str) -> str:
    return path.rpartition("/")[0] or "/"


def _is_below(path: str, below: str) -> bool:
    return path == below or path.startswith(below.rstrip("/") + "/")


def _shown(node: Node) -> str:
    if node.kind == "file":
        return node.content.decode(errors="backslashreplace")
    return f"-> {node.target}" if node.kind == "link" else f"[{node.kind}]"
