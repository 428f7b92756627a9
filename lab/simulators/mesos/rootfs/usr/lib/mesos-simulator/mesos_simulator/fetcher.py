# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mesos-fetcher: brings the URIs of a command into its sandbox (mesos 1.11.0 src/launcher/fetcher.cpp, docs/fetcher.md).

What to do stands in MESOS_FETCHER_INFO: {"sandbox_directory", "items": [{"uri": {...}}], "user" or null}. There is no cache:
every item is fetched anew.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

_SECONDS = 60  # --fetcher_stall_timeout

# Endings of what is unpacked unless extract is false, and how (fetcher.cpp: extract).
_TAR = (".tar", ".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz")


class _FetchFailed(Exception):
    pass


def main() -> int:
    """0, or 1 after a sentence on stderr."""
    info = json.loads(os.environ["MESOS_FETCHER_INFO"])
    try:
        for item in info["items"]:
            _fetch(item["uri"], info["sandbox_directory"])
    except _FetchFailed as error:
        print(f"Failed to fetch: {error}", file=sys.stderr)
        return 1
    if info["user"]:
        # What was fetched belongs to whoever runs the command (fetcher.cpp: main).
        for top, directories, files in os.walk(info["sandbox_directory"]):
            for name in (*directories, *files):
                shutil.chown(os.path.join(top, name), info["user"])
    return 0


def _fetch(uri: dict[str, Any], sandbox: str) -> None:
    value = uri["value"]
    name = uri.get("output_file") or os.path.basename(value.split("?")[0].split("#")[0])
    if not name or name.startswith("/") or ".." in name.split("/"):
        raise _FetchFailed(f"'{value}' names no file in the sandbox")
    path = os.path.join(sandbox, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if value.startswith(("http://", "https://", "ftp://")):
        _download(value, path)
    elif value.startswith(("/", "file://")):
        _copy(value[len("file://") :] if value.startswith("file://") else value, path)
    else:
        # A relative path needs --frameworks_home, other schemes need Hadoop; neither is there.
        raise _FetchFailed(f"A relative path was passed for the resource '{value}' and --frameworks_home is empty")
    if uri.get("executable"):
        os.chmod(path, 0o755)
    elif uri.get("extract", True):
        _extract(path, sandbox)
    print(f"Fetched '{value}' to '{path}'", file=sys.stderr)


def _download(url: str, path: str) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=_SECONDS) as answer, open(path, "wb") as file:
            shutil.copyfileobj(answer, file)
    except urllib.error.HTTPError as error:
        raise _FetchFailed(f"Error downloading resource '{url}', received HTTP return code {error.code}") from None
    except OSError as error:
        raise _FetchFailed(f"Error downloading resource '{url}': {error}") from None


def _copy(source: str, path: str) -> None:
    try:
        shutil.copy2(source, path)
    except OSError as error:
        raise _FetchFailed(f"Failed to copy '{source}': {error.strerror}") from None


def _extract(path: str, sandbox: str) -> None:
    if path.endswith(_TAR):
        argv = ["tar", "-C", sandbox, "-xf", path]
    elif path.endswith(".zip"):
        argv = ["unzip", "-o", "-d", sandbox, path]
    elif path.endswith(".gz"):
        argv = ["gzip", "-dkf", path]
    else:
        return
    try:
        subprocess.run(argv, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        raise _FetchFailed(f"Failed to extract '{path}': {error}") from None
