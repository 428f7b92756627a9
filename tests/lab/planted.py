# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where planted secrets show: in arguments of processes while a run goes on, in files, in journals, in outputs."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.harness import on

# Mesos itself shows the variables of a task there until the task begins; docs/scaleio_imperative.md says so.
_LAUNCHER = b"/mesos-containerizer\0launch\0"


class Arguments(threading.Thread):
    """Reads the arguments of all processes, those inside of hosts included, again and again: but for those of Mesos' launcher."""

    def __init__(self, *secrets: str) -> None:
        super().__init__(daemon=True)
        self.secrets = [secret.encode() for secret in secrets]
        self.found: set[bytes] = set()
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            for name in os.listdir("/proc"):
                if name.isdigit():
                    try:
                        # As cheap as can be, beside what it looks at.
                        with open(f"/proc/{name}/cmdline", "rb", buffering=0) as file:
                            line = file.read()
                    except OSError:
                        continue
                    if _LAUNCHER not in line:
                        self.found.update(secret for secret in self.secrets if secret in line)


@contextmanager
def polled(*secrets: str) -> Iterator[Arguments]:
    watch = Arguments(*secrets)
    watch.start()
    try:
        yield watch
    finally:
        watch.ended.set()
        watch.join()


_FILES = """
import os, stat, sys
secrets = sys.stdin.read().split()
for top in ("/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/usr/local", "/var"):
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            try:
                seen = os.lstat(path)
                if stat.S_ISREG(seen.st_mode) and seen.st_mode & 0o077:
                    with open(path, "rb") as file:
                        content = file.read()
                    print(*(f"{path} {secret}" for secret in secrets if secret.encode() in content), sep="\\n")
            except OSError:
                continue
"""


def shown_on(host: str, *secrets: str) -> list[str]:
    """Where a host shows a secret: files that others may read, and its journal."""
    files = on(host, "python3", "-c", _FILES, data="\n".join(secrets)).split("\n")
    journal = on(host, "journalctl", "--quiet", "--no-pager", "--output=export")
    return [line for line in files if line] + [f"journal {secret}" for secret in secrets if secret in journal]


def around(text: str, secret: str) -> str:
    """Where in a text a secret stands."""
    at = text.index(secret)
    return text[max(0, at - 400) : at + 100]
