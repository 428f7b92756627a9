# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines in the form of logrus without a terminal (recorded: first log lines of the scheduler)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

LEVELS = ("panic", "fatal", "error", "warning", "info", "debug")


class Log:
    """Writes to `sink`, which is standard output; `level` is the most detailed one that is written."""

    def __init__(self) -> None:
        self.level = "info"
        self.sink: Callable[[str], None] = _print

    def set_level(self, name: str) -> bool:
        """Whether there is such a level (logrus.ParseLevel; "warn" is one too)."""
        name = {"warn": "warning"}.get(name.lower(), name.lower())
        if name not in LEVELS:
            return False
        self.level = name
        return True

    def wants(self, level: str) -> bool:
        return LEVELS.index(level) <= LEVELS.index(self.level)

    def write(self, level: str, message: str) -> None:
        if self.wants(level):
            self.raw(f'time="{_now()}" level={level} msg="{message}" \n')

    def raw(self, text: str) -> None:
        self.sink(text)

    def debug(self, message: str) -> None:
        self.write("debug", message)

    def info(self, message: str) -> None:
        self.write("info", message)

    def warning(self, message: str) -> None:
        self.write("warning", message)

    def error(self, message: str) -> None:
        self.write("error", message)

    def fatal(self, message: str) -> NoReturn:
        """The last line; the process ends with status 1."""
        self.write("fatal", message)
        os._exit(1)


def _print(text: str) -> None:
    """One write, so that lines of threads do not mix; without a reader it is lost."""
    try:
        os.write(1, text.encode("utf-8", "surrogateescape"))
    except OSError:
        pass


def _now() -> str:
    zone = time.strftime("%z")
    return time.strftime("%Y-%m-%dT%H:%M:%S") + ("Z" if zone == "+0000" else f"{zone[:3]}:{zone[3:]}")


log = Log()
