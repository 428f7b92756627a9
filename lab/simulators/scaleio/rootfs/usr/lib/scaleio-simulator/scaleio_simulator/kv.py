# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key-value store of the scheduler, as docker/libkv shows a ZooKeeper tree, and the tree itself.

No ZooKeeper runs in the lab. scaleio-kv keeps the tree and is spoken to in JSON lines: {"op", "path"[, "value"]} is answered by
{"value"}, {"children": [[name, value]...]}, {} or {"error"}.
"""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

NOT_FOUND = "Key not found in store"
HAS_CHILDREN = "zk: node has children"
UNREACHABLE = "zk: could not connect to a server"
CONNECTION_SECONDS = 10.0  # scheduler/kvstore/kvstore.go: ConnectionTimeout


class StoreError(Exception):
    """What libkv or the ZooKeeper client answers with."""


class Tree:
    """Nodes with values, named by paths without a slash at the ends."""

    def __init__(self, nodes: dict[str, str] | None = None) -> None:
        self.nodes = nodes or {}

    def get(self, path: str) -> str:
        if (path := _normal(path)) not in self.nodes:
            raise StoreError(NOT_FOUND)
        return self.nodes[path]

    def put(self, path: str, value: str) -> None:
        """Sets a node; missing parents are made (libkv zookeeper.go: Put, createFullPath)."""
        parts = _normal(path).split("/")
        for end in range(1, len(parts)):
            self.nodes.setdefault("/".join(parts[:end]), "")
        self.nodes["/".join(parts)] = value

    def children(self, path: str) -> list[tuple[str, str]]:
        """Names and values, sorted: ZooKeeper promises no order, the recorded dumps are sorted."""
        self.get(path)
        start = _normal(path) + "/"
        below = [name for name in self.nodes if name.startswith(start) and "/" not in name[len(start) :]]
        return [(name[len(start) :], self.nodes[name]) for name in sorted(below)]

    def delete(self, path: str) -> None:
        if self.children(path):
            raise StoreError(HAS_CHILDREN)
        del self.nodes[_normal(path)]

    def delete_children(self, path: str) -> None:
        """All children of a node in one transaction, the node itself stays (libkv zookeeper.go: DeleteTree)."""
        paths = [f"{_normal(path)}/{name}" for name, _ in self.children(path)]
        if any(self.children(child) for child in paths):
            raise StoreError(HAS_CHILDREN)
        for child in paths:
            del self.nodes[child]


def _normal(path: str) -> str:
    """One slash at the end does not count (libkv zookeeper.go: normalize), an empty part is none of ZooKeeper's."""
    path = path[:-1] if path.endswith("/") else path
    if not path or "//" in path or path.endswith("/"):
        raise StoreError("zk: invalid path")
    return path


class RemoteTree(Tree):
    """The same on another host; connects anew when the connection has gone.

    :raises StoreError: from every operation, also while there is no connection.
    """

    def __init__(self, host: str, port: int) -> None:
        super().__init__()
        self._place = (host, port)
        # One question at a time: offers and notifications come on threads of their own.
        self._lock = threading.Lock()
        self._connection: socket.socket | None = None
        self._buffer = b""

    def get(self, path: str) -> str:
        return str(self._ask(op="get", path=path)["value"])

    def put(self, path: str, value: str) -> None:
        self._ask(op="put", path=path, value=value)

    def children(self, path: str) -> list[tuple[str, str]]:
        return [(name, value) for name, value in self._ask(op="children", path=path)["children"]]

    def delete(self, path: str) -> None:
        self._ask(op="delete", path=path)

    def delete_children(self, path: str) -> None:
        self._ask(op="delete_children", path=path)

    def _ask(self, **question: str) -> dict[str, Any]:
        line = json.dumps(question).encode() + b"\n"
        with self._lock:
            for attempt in (1, 2):
                try:
                    answer = self._exchange(line)
                    break
                except (OSError, ValueError):
                    self._connection = None
                    if attempt == 2:
                        raise StoreError(UNREACHABLE) from None
        if "error" in answer:
            raise StoreError(answer["error"])
        return answer

    def _exchange(self, line: bytes) -> dict[str, Any]:
        if self._connection is None:
            self._connection, self._buffer = socket.create_connection(self._place, CONNECTION_SECONDS), b""
        self._connection.sendall(line)
        while b"\n" not in self._buffer:
            data = self._connection.recv(65536)
            if not data:
                raise OSError("closed")
            self._buffer += data
        answer, _, self._buffer = self._buffer.partition(b"\n")
        return dict(json.loads(answer))


def endpoints(uri: str, file: str = "/etc/mesos/zk") -> list[str]:
    """host:port of the servers: -store.uri, else what stands between the last two slashes of /etc/mesos/zk
    (scheduler/kvstore/kvstore.go: readZookeeperFile).

    :raises OSError: there is no such file.
    """
    if uri:
        return [uri]
    with open(file, encoding="utf-8") as opened:
        text = opened.read().strip()
    if "/" in text:
        text = text.rpartition("/")[0]
    return text.rpartition("/")[2].split(",")


def connect(uri: str) -> RemoteTree:
    """The tree at the first of the servers: the lab keeps one, there.

    :raises OSError: no address is known.
    """
    host, _, port = endpoints(uri)[0].partition(":")
    return RemoteTree(host, int(port or 2181))
