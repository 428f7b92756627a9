# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one handle through which rooms touch a machine, so that tests can put another in its place.

``observe.py`` uses the reading half, ``act.py`` also the writing half; ``model.py`` and ``plan.py`` get neither.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any, NoReturn

from ansible_collections.holdfast.stateful.plugins.module_utils._core import command, web
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import ClaimError, HoldfastError

# How the names of temporary files begin.
_TEMPORARY = ".holdfast-"

_KINDS = (
    (stat.S_ISREG, "file"),
    (stat.S_ISDIR, "directory"),
    (stat.S_ISLNK, "link"),
    (stat.S_ISBLK, "block"),
    (stat.S_ISCHR, "character"),
    (stat.S_ISFIFO, "fifo"),
    (stat.S_ISSOCK, "socket"),
)


def _open_each(paths: Sequence[str], answers: int) -> NoReturn:
    """Open devices exclusively, one after another, write each errno (or 0) as a byte, and end this process."""
    try:
        # Whoever waits for the end of this process's output must not wait for a child that hangs.
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        for path in paths:
            code = 0
            try:
                os.close(os.open(path, os.O_RDONLY | os.O_EXCL | os.O_NONBLOCK | os.O_CLOEXEC))
            except OSError as error:
                code = error.errno or errno.EIO
            os.write(answers, bytes([code]))
    finally:
        os._exit(0)


class Machine:
    """This host, as the rooms see it."""

    # -- reading ------------------------------------------------------------------------------------------------

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        env: Mapping[str, str] | None = None,
        deadline: float = 30.0,
        ok: Container[int] = (0,),
    ) -> command.Completed:
        """See :func:`command.run`."""
        return command.run(argv, stdin=stdin, env=env, deadline=deadline, ok=ok)

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
        """See :func:`web.fetch`."""
        return web.fetch(
            url, method=method, body=body, media_type=media_type, credentials=credentials, deadline=deadline
        )

    def kind(self, path: str) -> str | None:
        """What stands at a path, links not followed: file, directory, link, block, ... or None."""
        try:
            mode = os.lstat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        return next((name for test, name in _KINDS if test(mode)), "other")

    def real(self, path: str) -> str:
        """The path with every link resolved."""
        return os.path.realpath(path)

    def names(self, path: str) -> list[str]:
        """The sorted names in a directory; none where there is no such directory.

        Names that are not UTF-8 carry surrogate escapes, as everywhere in Python.
        """
        try:
            return sorted(os.listdir(path))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def read(self, path: str, limit: int = 16 * 1024 * 1024) -> bytes | None:
        """A file's first ``limit`` bytes, links followed; None where there is none (or it is no regular file).

        :raises OSError: it is there and cannot be read.
        """
        try:
            # O_NONBLOCK: a FIFO without a writer must not hold us.
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            return None
        with os.fdopen(handle, "rb") as file:
            return file.read(limit)

    def held_by_others(self, paths: Sequence[str], *, deadline: float = 2.0) -> dict[str, str]:
        """The block devices that cannot be opened exclusively, each with the reason (``busy``, ...).

        ``O_EXCL`` without ``O_CREAT`` on a block device fails with EBUSY while it is mounted, a member of md or
        device-mapper, or opened exclusively by a program (open(2)). Nothing is written.

        :param deadline: seconds that each device has to answer. Opening is left to a child, which may stay behind in
            the kernel without holding this process.
        """
        held: dict[str, str] = {}
        pending = list(paths)
        while pending:
            reader, writer = os.pipe()
            child = os.fork()
            if child == 0:
                os.close(reader)
                _open_each(pending, writer)
            os.close(writer)
            answer = b"-"
            while pending and answer:
                path = pending.pop(0)
                ready = select.select([reader], [], [], deadline)[0]
                answer = os.read(reader, 1) if ready else b""
                if not answer:
                    held[path] = f"opening it did not end in {deadline:g} s" if not ready else "its opener died"
                elif answer[0]:
                    held[path] = "busy" if answer[0] == errno.EBUSY else os.strerror(answer[0])
            os.close(reader)
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0 if answer else os.WNOHANG)
        return held

    def is_locked(self, path: str) -> bool:
        """Whether some process holds the lock of :meth:`locked` on this file now."""
        try:
            # Reading is enough for a lock, and works where nothing can be written any more.
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return False
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds on a clock that only goes forward."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait between two polls of a deadline loop."""
        time.sleep(seconds)

    # -- writing ------------------------------------------------------------------------------------------------

    def write(self, path: str, content: bytes, *, staging: Sequence[str], mode: int = 0o644) -> None:
        """Replace or create a file in one step; a reader sees the old or the new content, never a part.

        What an earlier call left in the directory of its temporary file because it was killed is removed.

        :param staging: directories for the temporary file, which a rename cannot bring from another file system: the
            first that is on the target's is used. The target's own is no choice where a program reads every file in it.
        """
        directory = os.path.dirname(path)
        try:
            os.makedirs(directory, mode=0o755, exist_ok=True)
            aside = self._on_file_system_of(directory, staging)
            self._remove_leftovers(aside)
            handle, temporary = self._temporary(aside)
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fchmod(file.fileno(), mode)
                    os.fsync(file.fileno())
                    os.replace(temporary, path)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
                raise
            self._sync_directory(directory)
        except OSError as error:
            raise HoldfastError(
                "the file could not be written",
                where=path,
                seen=error.strerror or str(error),
                todo="look at the file system's space and mount options; the old file is still in place",
            ) from error

    def remove(self, path: str) -> None:
        """Remove a file or a link; none there is no error."""
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        self._sync_directory(os.path.dirname(path))

    def move(self, source: str, target: str) -> None:
        """Rename a file or a link, making the target's directory."""
        os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
        shutil.move(source, target)

    @contextlib.contextmanager
    def locked(self, path: str, wait: float) -> Iterator[None]:
        """Hold a file's lock; the kernel releases it when this process ends, however it ends.

        :param wait: seconds to wait for another holder.
        :raises ClaimError: the other holder is still there.
        :raises HoldfastError: there can be no such file.
        """
        try:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HoldfastError(
                "the lock could not be taken",
                where=path,
                seen=error.strerror or str(error),
                todo="look at the file system's space and mount options, then run again",
            ) from error
        try:
            end = time.monotonic() + wait
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > end:
                        raise ClaimError(
                            "another acting call is still at work on this host",
                            where=path,
                            seen=f"its lock was not released in {wait:g} s",
                            todo="wait until it has ended and run again",
                        ) from None
                    time.sleep(0.1)
            yield
        finally:
            os.close(handle)

    @staticmethod
    def _on_file_system_of(directory: str, staging: Sequence[str]) -> str:
        device = os.stat(directory).st_dev
        for candidate in staging:
            os.makedirs(candidate, mode=0o700, exist_ok=True)
            if os.stat(candidate).st_dev == device:
                return candidate
        raise OSError(errno.EXDEV, f"none of {', '.join(staging)} is on the file system of {directory}")

    @staticmethod
    def _temporary(directory: str) -> tuple[int, str]:
        """A new temporary file, open and with its lock held, and its path."""
        while True:
            handle, path = tempfile.mkstemp(prefix=_TEMPORARY, dir=directory)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX)
                # Before it had its lock, another writer may have taken it for a leftover.
                if os.fstat(handle).st_nlink:
                    return handle, path
            except BaseException:
                os.close(handle)
                raise
            os.close(handle)

    @staticmethod
    def _remove_leftovers(directory: str) -> None:
        """Remove the temporary files of writers that are gone: a living one holds the lock of its own.

        One that came to its end meanwhile has taken its file away.
        """
        for name in os.listdir(directory):
            if not name.startswith(_TEMPORARY):
                continue
            path = f"{directory}/{name}"
            with contextlib.suppress(BlockingIOError, FileNotFoundError):
                handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
                with os.fdopen(handle) as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    os.unlink(path)

    @staticmethod
    def _sync_directory(directory: str) -> None:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
