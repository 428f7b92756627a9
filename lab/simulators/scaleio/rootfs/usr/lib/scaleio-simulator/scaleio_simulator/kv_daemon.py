# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""scaleio-kv: keeps the tree of kv.py in a file and answers on ZooKeeper's port.

scaleio-kv [--address ADDRESS] [--port 2181] [--state /var/lib/scaleio-kv]
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from typing import Any

from scaleio_simulator import goflag, kv, web

FLAGS = [
    goflag.Flag("address", "0.0.0.0"),
    goflag.Flag("port", 2181),
    goflag.Flag("state", "/var/lib/scaleio-kv"),
]


class Daemon:
    """One tree, written as a whole after each change: it is small."""

    def __init__(self, folder: str) -> None:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._path = os.path.join(folder, "tree.json")
        self._lock = threading.Lock()
        try:
            with open(self._path, encoding="utf-8") as file:
                self._tree = kv.Tree(json.load(file))
        except FileNotFoundError:
            self._tree = kv.Tree()

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        operation, path = question["op"], question["path"]
        with self._lock:
            try:
                if operation == "get":
                    return {"value": self._tree.get(path)}
                if operation == "children":
                    return {"children": self._tree.children(path)}
                if operation == "put":
                    self._tree.put(path, question["value"])
                elif operation == "delete":
                    self._tree.delete(path)
                elif operation == "delete_children":
                    self._tree.delete_children(path)
                else:
                    return {"error": f"no operation {operation}"}
            except kv.StoreError as error:
                return {"error": str(error)}
            self._save()
            return {}

    def _save(self) -> None:
        with open(self._path + ".new", "w", encoding="utf-8") as file:
            json.dump(self._tree.nodes, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(self._path + ".new", self._path)

    def serve(self, connection: socket.socket) -> None:
        """One client, until it goes or speaks nonsense."""
        try:
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    connection.sendall(json.dumps(self.answer(json.loads(line))).encode() + b"\n")
        except (OSError, ValueError, KeyError, TypeError):
            pass


def main(argv: list[str]) -> int:
    try:
        flags = goflag.parse("scaleio-kv", FLAGS, argv)
    except goflag.Usage as usage:
        sys.stderr.write(usage.text)
        return usage.status
    daemon = Daemon(str(flags["state"]))
    listener = web.listen(str(flags["address"]), int(flags["port"]))
    web.ready()
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        web.spawn(daemon.serve, connection)
