# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines in the form of glog: to stderr and, with --log_dir, to files per severity (mesos src/logging/logging.cpp)."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from typing import NoReturn

_SEVERITIES = ("INFO", "WARNING", "ERROR", "FATAL")


class Log:
    """One per process; `start` opens the files."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._program = ""
        self._directory = ""
        self._quiet = False
        self._files: dict[str, int] = {}

    def start(self, program: str, directory: str | None, quiet: bool) -> None:
        """Takes the flags --log_dir and --quiet; OSError when the directory cannot be made."""
        if directory:
            os.makedirs(directory, exist_ok=True)
        self._program, self._directory, self._quiet = program, directory or "", quiet

    def info(self, place: str, text: str) -> None:
        self._write("INFO", place, text)

    def warning(self, place: str, text: str) -> None:
        self._write("WARNING", place, text)

    def exit(self, place: str, text: str, status: int = 1) -> NoReturn:
        """stout/exit.hpp: an error line, then the end."""
        self._write("ERROR", place, f"EXIT with status {status}: {text}")
        os._exit(status)

    def fatal(self, place: str, text: str) -> NoReturn:
        """glog's LOG(FATAL): SIGABRT, so that a shell shows 134."""
        self._write("FATAL", place, text)
        self.raw("*** Check failure stack trace: ***")
        self.die(signal.SIGABRT)

    def raw(self, text: str) -> None:
        """A line without prefix, to stderr only."""
        _send(2, f"{text}\n")

    def die(self, number: signal.Signals) -> NoReturn:
        """Ends by the default action of a signal."""
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [number])
        os.kill(os.getpid(), number)
        while True:
            time.sleep(1)

    def _write(self, severity: str, place: str, text: str) -> None:
        now = time.time()
        stamp = time.strftime("%m%d %H:%M:%S", time.localtime(now))
        line = f"{severity[0]}{stamp}.{int(now % 1 * 1e6):06d} {threading.get_native_id():5d} {place}] {text}\n"
        with self._lock:
            if not self._quiet or severity == "FATAL":
                _send(2, line)
            if self._directory:
                # A line goes into the file of its severity and of every lower one.
                for name in _SEVERITIES[: _SEVERITIES.index(severity) + 1]:
                    _send(self._file(name, now), line)

    def _file(self, severity: str, now: float) -> int:
        if severity not in self._files:
            stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(now))
            name = f"{self._program}.{socket.gethostname()}.root.log.{severity}.{stamp}.{os.getpid()}"
            link = os.path.join(self._directory, f"{self._program}.{severity}")
            self._files[severity] = os.open(
                os.path.join(self._directory, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644
            )
            try:
                os.unlink(link)
            except FileNotFoundError:
                pass
            os.symlink(name, link)
        return self._files[severity]


def _send(descriptor: int, text: str) -> None:
    try:
        os.write(descriptor, text.encode("utf-8", "surrogateescape"))
    except OSError:
        # A full disk or a logger that has gone must not take the daemon with it; glog drops such lines too.
        pass


log = Log()


def usage_error(text: str) -> NoReturn:
    """A flag that cannot be loaded: plain words on stderr, exit 1 (recorded flag cases, section B)."""
    log.raw(f"{text}\n\nSee `{os.path.basename(sys.argv[0])} --help` for a list of supported flags.")
    os._exit(1)
