# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""scaleio-mirror: serves programs and packages of the framework, built when it starts.

scaleio-mirror [--address ADDRESS] [--port 8000] [--folder /run/scaleio-mirror] [--packages DIRECTORY]
"""

from __future__ import annotations

import os
import sys

from scaleio_simulator import goflag, web

FLAGS = [
    goflag.Flag("address", "0.0.0.0"),
    goflag.Flag("port", 8000),
    goflag.Flag("folder", "/run/scaleio-mirror"),
    goflag.Flag("packages", "/usr/lib/scaleio-simulator/packages"),
]


class Mirror:
    """Files of a directory, for GET and HEAD; a directory answers with its index.html."""

    def __init__(self, folder: str) -> None:
        self._folder = os.path.realpath(folder)

    def answer(self, request: web.Request) -> web.Response:
        path = os.path.realpath(os.path.join(self._folder, request.path.lstrip("/")))
        if os.path.isdir(path):
            path = os.path.join(path, "index.html")
        inside = path.startswith(self._folder + os.sep)
        if request.method not in ("GET", "HEAD") or not inside or not os.path.isfile(path):
            return web.not_found()
        with open(path, "rb") as file:
            content = file.read()
        kind = "text/html" if path.endswith(".html") else "application/octet-stream"
        if path.endswith("/install"):
            content = content.replace(b"@ORIGIN@", b"http://" + request.headers.get("host", "").encode())
        headers = (("Content-Length", str(len(content))), ("Content-Type", kind))
        return web.Response(200, b"" if request.method == "HEAD" else content, headers)


def _build(folder: str, packages: str) -> int:
    """In a process of its own, whose memory goes with it. Its exit status."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    import shutil
    import traceback
    from pathlib import Path

    from scaleio_simulator import building

    status = 1
    try:
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for old in target.iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        building.build(target, Path(packages))
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)


def main(argv: list[str]) -> int:
    try:
        flags = {name: str(value) for name, value in goflag.parse("scaleio-mirror", FLAGS, argv).items()}
    except goflag.Usage as usage:
        sys.stderr.write(usage.text)
        return usage.status
    if status := _build(flags["folder"], flags["packages"]):
        sys.stderr.write(f"scaleio-mirror: {flags['packages']} could not be built into {flags['folder']}\n")
        return status
    listener = web.listen(flags["address"], int(flags["port"]))
    web.ready()
    web.serve(listener, Mirror(flags["folder"]).answer)
    return 0
