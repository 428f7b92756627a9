# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding the leading master (mesos 1.11.0 src/master/detector/{standalone,zookeeper}.cpp).

There is no ZooKeeper in a lab: the hosts of a zk:// address are taken for the masters, and any of them tells who leads.
"""

from __future__ import annotations

import random
import re
import threading
from typing import NamedTuple

from mesos_simulator import link
from mesos_simulator.tls import Tls

MASTER_PORT = 5050
_ASK_SECONDS = 1.0
_POLL_SECONDS = 1.0


class Leader(NamedTuple):
    """Address of the leading master; the address is also its libprocess name, master@ip:port."""

    ip: str
    port: int

    @property
    def pid(self) -> str:
        return f"master@{self.ip}:{self.port}"


class InvalidMaster(ValueError):
    """The reason in the product's words."""


def zk_hosts(url: str) -> list[str]:
    """The host names of zk://[user:password@]host:port,.../path; InvalidMaster when it has another form."""
    match = re.fullmatch(r"zk://(?:[^@/]*@)?([^/]+)/.+", url)
    if not match:
        raise InvalidMaster(f"Failed to parse '{url}'")
    return [part.rpartition(":")[0] or part for part in match.group(1).split(",")]


class Detector:
    """From the flag --master: host:port, zk://..., or file:// with one of them inside (which the flags have fetched)."""

    def __init__(self, master: str, tls: Tls) -> None:
        self._tls = tls
        self._fixed: Leader | None = None
        self._hosts: list[str] = []
        master = master.strip()
        if master.startswith("zk://"):
            self._hosts = zk_hosts(master)
        else:
            self._fixed = _parse(master)

    @property
    def elects(self) -> bool:
        """Whether the leader can change."""
        return self._fixed is None

    def ask(self) -> Leader | None:
        """Who leads now: one question, to the masters in random order until one of them answers."""
        if self._fixed:
            return self._fixed
        for host in random.sample(self._hosts, len(self._hosts)):
            try:
                leader = link.ask(self._tls, (host, MASTER_PORT), "/simulator/leader", {}, _ASK_SECONDS).get("leader")
            except OSError:
                continue
            if leader:
                return Leader(leader["ip"], leader["port"])
        return None

    def wait(self) -> Leader:
        """Who leads, as soon as somebody does."""
        pause = threading.Event()
        while True:
            leader = self.ask()
            if leader:
                return leader
            pause.wait(_POLL_SECONDS)


def _parse(master: str) -> Leader:
    host, _, port = master.rpartition(":")
    if not port.isdigit():
        raise InvalidMaster(f"Failed to parse '{master}'")
    if re.fullmatch(r"[0-9.]+", host):
        return Leader(host, int(port))
    import socket

    try:
        return Leader(socket.gethostbyname(host), int(port))
    except OSError:
        raise InvalidMaster(f"Failed to parse '{master}'") from None
