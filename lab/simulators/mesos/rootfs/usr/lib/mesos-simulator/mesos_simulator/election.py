# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Election of the leading master and replication of the registry, among the hosts of the zk:// address.

The product leaves the first to ZooKeeper and the second to a replicated log. What clients see of them is kept: a leader
stays until it fails; it needs --quorum masters that hear it; when it loses them it ends with status 1 (recorded: ZooKeeper
stopped with a leader) and the others agree on a new one, or on none. Terms, votes and leases work as in Raft.
"""

from __future__ import annotations

import random
import threading
import time
from typing import Any, Callable, NoReturn

from mesos_simulator import link
from mesos_simulator.http import spawn
from mesos_simulator.log import log
from mesos_simulator.registry import Registry
from mesos_simulator.tls import Tls

_HEARTBEAT_SECONDS = 0.4
_ASK_SECONDS = 1.2
# Long enough for masters on a machine that has too much to do; the product's session with ZooKeeper has 10 s.
# A leader's lease counts from when it sent the heartbeats that were answered, and ends before any follower may vote again.
_LEASE_SECONDS = 3.2
_FOLLOW_SECONDS = 3.8
_WARM_UP_SECONDS = 0.8  # after its own start a master first listens whether there is a leader
_JITTER_SECONDS = 0.6
_LOOK_SECONDS = 0.2

PATH = "/simulator/election"


class _Peer:
    def __init__(self, host: str, now: float) -> None:
        self.host = host
        self.heard = now  # when the last answered heartbeat was sent
        self.version: list[int] | None = None


class Election:
    """One master's part. `identity` is {"id", "ip", "port", "hostname"}; `elected` is called once, in its own thread."""

    def __init__(
        self,
        identity: dict[str, Any],
        peers: list[str],
        quorum: int,
        registry: Registry,
        tls: Tls,
        elected: Callable[[], None],
    ) -> None:
        self._identity = identity
        self._peers = peers
        self._quorum = quorum
        self._registry = registry
        self._tls = tls
        self._elected = elected
        self._changed = threading.Condition()
        self._started = time.monotonic()
        self._leader: dict[str, Any] | None = None
        self._leader_heard = 0.0
        self._leads = False
        self._followers: list[_Peer] = []

    def start(self) -> None:
        spawn(self._campaign)

    def leader(self) -> dict[str, Any] | None:
        """The identity of the leading master as far as this one knows."""
        with self._changed:
            if self._leads:
                return self._identity
            return self._leader if self._follows() else None

    @property
    def leads(self) -> bool:
        return self._leads

    def _follows(self) -> bool:
        return self._leader is not None and time.monotonic() - self._leader_heard < _FOLLOW_SECONDS

    # --- campaign ---

    def _campaign(self) -> None:
        time.sleep(_WARM_UP_SECONDS if self._peers else 0)
        while True:
            with self._changed:
                if not self._follows():
                    self._leader = None
            if self._leader is None:
                time.sleep(random.uniform(0, _JITTER_SECONDS) if self._peers else 0)
                if self._win():
                    break
            time.sleep(_LOOK_SECONDS)
        self._lead()

    def _win(self) -> bool:
        """Asks for votes, unless a leader has shown up; nobody's vote counts while a reachable master has a leader."""
        with self._changed:
            if self._follows():
                return False
            self._registry.promise(self._registry.term + 1, self._identity["id"])
            question = {
                "kind": "vote",
                "term": self._registry.term,
                "candidate": self._identity["id"],
                "version": self._registry.version,
            }
        answers: list[dict[str, Any]] = []
        asked = [
            threading.Thread(target=self._ask, args=(host, question, answers), daemon=True) for host in self._peers
        ]
        for thread in asked:
            thread.start()
        for thread in asked:
            thread.join(_ASK_SECONDS * 2)
        votes = 1 + sum(1 for answer in answers if answer.get("granted"))
        with self._changed:
            newest = max([answer.get("term", 0) for answer in answers], default=0)
            if newest > self._registry.term:
                self._registry.promise(newest, None)
                return False
            if self._follows() or any(answer.get("leader") for answer in answers):
                return False
            if self._registry.term != question["term"] or votes < self._quorum:
                return False
            self._leads = True
            return True

    def _ask(self, host: str, question: dict[str, Any], answers: list[dict[str, Any]]) -> None:
        try:
            answers.append(link.ask(self._tls, (host, self._identity["port"]), PATH, question, _ASK_SECONDS))
        except OSError:
            pass  # an unreachable master has no vote

    # --- leading ---

    def _lead(self) -> None:
        log.info("master.cpp:2176", "Elected as the leading master!")
        now = time.monotonic()
        self._followers = [_Peer(host, now) for host in self._peers]
        for peer in self._followers:
            spawn(self._heartbeats, peer)
        spawn(self._elected)
        while True:
            time.sleep(_LOOK_SECONDS)
            self._check_lease()

    def _check_lease(self) -> None:
        with self._changed:
            held = self._holds_lease()
        if not held:
            self._lose()

    def _holds_lease(self) -> bool:
        oldest = time.monotonic() - _LEASE_SECONDS
        return 1 + sum(1 for peer in self._followers if peer.heard >= oldest) >= self._quorum

    def _lose(self) -> NoReturn:
        log.exit("master.cpp:2185", "Lost leadership... committing suicide!")

    def _heartbeats(self, peer: _Peer) -> None:
        while True:
            with self._changed:
                behind = peer.version != self._registry.version
                message = {
                    "kind": "heartbeat",
                    "term": self._registry.term,
                    "leader": self._identity,
                    "version": self._registry.version,
                }
                if behind and peer.version is not None:
                    message["state"] = self._registry.state
            sent = time.monotonic()
            try:
                answer = link.ask(self._tls, (peer.host, self._identity["port"]), PATH, message, _ASK_SECONDS)
            except OSError:
                time.sleep(_HEARTBEAT_SECONDS)
                continue
            with self._changed:
                if answer.get("term", 0) > self._registry.term:
                    # A master that was cut off has campaigned in vain: while the lease lasts nobody else can have won.
                    # After it (this process was frozen, say) somebody may have.
                    if not self._holds_lease():
                        self._lose()
                    self._registry.promise(answer["term"], self._identity["id"])
                    continue
                peer.heard, peer.version = sent, answer.get("version")
                self._changed.notify_all()
                if peer.version == self._registry.version:
                    self._changed.wait_for(lambda: peer.version != self._registry.version, _HEARTBEAT_SECONDS)

    def commit(self, mutate: Callable[[dict[str, Any]], None], timeout: float) -> None:
        """Changes the registry on a quorum of masters before anybody is told (registrar.cpp: update)."""
        with self._changed:
            self._registry.change(mutate)
            version = self._registry.version
            self._changed.notify_all()
            stored = self._changed.wait_for(lambda: self._copies(version) >= self._quorum, timeout)
        if not stored:
            log.exit(
                "registrar.cpp:500",
                "Registrar aborting: Failed to update registry: Failed to perform store within timeout",
            )

    def _copies(self, version: list[int]) -> int:
        return 1 + sum(1 for peer in self._followers if peer.version is not None and peer.version >= version)

    # --- following ---

    def answer(self, question: dict[str, Any]) -> dict[str, Any]:
        """What another master asked: its vote or its heartbeat."""
        with self._changed:
            if question["kind"] == "vote":
                return self._vote(question)
            return self._hear(question)

    def _vote(self, question: dict[str, Any]) -> dict[str, Any]:
        now = time.monotonic()
        refusal: dict[str, Any] = {"granted": False}
        if self._leads or self._follows():
            # A live leader is not voted out: the candidate learns of it and waits for its heartbeat.
            return {**refusal, "leader": True}
        if now - self._started < _WARM_UP_SECONDS or question["version"] < self._registry.version:
            return refusal
        if question["term"] < self._registry.term:
            return {**refusal, "term": self._registry.term}
        if question["term"] > self._registry.term:
            self._registry.promise(question["term"], None)
        if self._registry.voted_for not in (None, question["candidate"]):
            return refusal
        self._registry.promise(question["term"], question["candidate"])
        return {"granted": True, "term": question["term"]}

    def _hear(self, message: dict[str, Any]) -> dict[str, Any]:
        if message["term"] < self._registry.term:
            return {"term": self._registry.term}
        if self._leads:
            self._lose()  # two leaders: possible only with a --quorum that is no majority
        if message["term"] > self._registry.term:
            self._registry.promise(message["term"], None)
        if self._leader is None or self._leader["id"] != message["leader"]["id"]:
            name = f"{message['leader']['hostname']}:{message['leader']['port']}"
            log.info("detector.cpp:152", f"Detected a new leader: {name}")
        self._leader, self._leader_heard = message["leader"], time.monotonic()
        if "state" in message and message["version"] != self._registry.version:
            self._registry.install(message["state"])
        return {"term": self._registry.term, "version": self._registry.version}
