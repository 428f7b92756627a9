# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands and downloads of the executor (goxplatform run/run.go, inst/installers.go, inst/deb/deb.go)."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable

from scaleio_simulator import pace, web
from scaleio_simulator.log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    pass

ATTEMPTS = 4  # with 2, 4, 8 and 16 s behind them (run.go: cmdReties)
FAILED = "The command line failed to execute correctly"


class CommandError(Exception):
    """In Go's words, such as "exit status 2"."""


def output(line: str, sleep: Callable[[float], None] = pace.sleep) -> str:
    """What a shell command prints on both streams, without white space around it.

    :raises CommandError: it fails, four times.
    """
    return _attempted(lambda: _run(line), sleep)


def check(line: str, success: str, sleep: Callable[[float], None] = pace.sleep) -> None:
    """Runs a command until a line of its output matches.

    :raises CommandError: it fails or no line does, four times.
    """

    def attempt() -> str:
        printed = _run(line)
        if not any(re.search(success, text) for text in printed.splitlines()):
            raise CommandError(FAILED)
        return printed

    _attempted(attempt, sleep)


def _attempted(attempt: Callable[[], str], sleep: Callable[[float], None]) -> str:
    for number in range(1, ATTEMPTS + 1):
        try:
            return attempt()
        except CommandError as error:
            failure = error
            log.error(f"Error getting output: {error}")
            sleep(2.0**number)
    raise failure


def _run(line: str) -> str:
    """By posix_spawn: the subprocess module would be a tenth of this program's memory."""
    log.debug(f"Cmdline: {line}")
    reader, writer = os.pipe()
    streams = [(os.POSIX_SPAWN_DUP2, writer, 1), (os.POSIX_SPAWN_DUP2, writer, 2)]
    try:
        child = os.posix_spawnp("bash", ["bash", "-c", line], os.environ, file_actions=streams)
    except OSError as error:
        os.close(reader)
        raise CommandError(f'exec: "bash": {(error.strerror or str(error)).lower()}') from None
    finally:
        os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        printed = pipe.read()
    status = os.WEXITSTATUS(waited) if os.WIFEXITED(waited := os.waitpid(child, 0)[1]) else -1
    if status:
        raise CommandError(f"exit status {status}" if status > 0 else f"signal: {os.WTERMSIG(waited)}")
    return printed.decode("utf-8", "surrogateescape").strip()


def installed_version(package: str) -> str | None:
    """The version that dpkg knows, also of a package that was removed and left its settings (deb.go: the status is not read);
    None for an unknown one."""
    try:
        printed = _run(f"dpkg -s {package}")
    except CommandError:
        return None
    match = re.search(r"^Version: (.*)$", printed, re.MULTILINE)
    return match.group(1) if match else None


def download(url: str) -> str:
    """Path of a downloaded file, with the product's lines in the log (installers.go: DownloadPackage).

    :raises web.Failed: no answer.
    """
    log.info("downloadPackage ENTER")
    log.info(f"installPackageURI= {url}")
    log.info(f"Filename: {_path(url)[1]}")
    log.info(f"Fullpath: {os.path.join(*_path(url))}")
    try:
        path = fetch(url)
    except web.Failed as error:
        log.error(f"HTTP GET Failed: {error}")
        log.info("downloadPackage LEAVE")
        raise
    log.info(f"downloadPackage Succeeded: {path}")
    log.info("downloadPackage LEAVE")
    return path


def fetch(url: str) -> str:
    """The same without a word. Whatever is answered is taken for the file, an error page too."""
    if not url.startswith("http://"):
        raise web.Failed(f'Get "{url}": {web.split(url)[0]} cannot be reached: only mirrors over http are simulated')
    _, content = web.fetch(url)
    path = os.path.join(*_path(url))
    with open(path, "wb") as file:
        file.write(content)
    return path


def _path(url: str) -> tuple[str, str]:
    """(directory, name): downloads go beside the program, into the sandbox."""
    return os.path.dirname(os.path.abspath(sys.argv[0])), url.rpartition("/")[2]
