# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recorded turns of two schedulers at the gateway, node by node, with the scheduler's own code over real HTTPS.

The product ranges over Go maps, in random order. A node's requests are replayed in each order that such maps may have, from the
same state of gateway and store, until they come as recorded; the state then goes on from there.
"""

from __future__ import annotations

import copy
import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from framework import comparing, unsaid
from framework.fakes import Exchange, Gateway
from framework.programs import SIMULATORS, TREE, log_lines

sys.path[:0] = [str(TREE), str(SIMULATORS / "mesos/rootfs/usr/lib/mesos-simulator")]

from mesos_simulator import attributes as grammar
from scaleio_simulator import gateway, kv, model, resources, scheduler, settings
from scaleio_simulator.log import log
from scaleio_simulator.metadata import Store
from scaleio_simulator.order import Order

Item = dict[str, Any]
Request = list[Any]  # [method, path, body, status, answer]
TURNS = 7


def offered(text: str) -> list[dict[str, Any]]:
    """An --attributes string as it stands in an offer."""
    return [dict(attribute) for attribute in grammar.parse(text)]


class Turn:
    """What one turn of the scheduler was seen to do, in comparable form."""

    def __init__(self) -> None:
        self.login: list[Request] = []
        self.nodes: list[list[Request]] = []


class Replay:
    """All turns; `turns` holds what was seen, `stored` the keys after a turn, `errors` the lines by scheduler."""

    def __init__(self, folder: Path, attributes: list[Item], recorded: list[Item], dumps: list[Item]) -> None:
        self._attributes = {int(item["summary"].split()[0][4:]): item["attributes"] for item in attributes}
        self._recorded = recorded
        # The keys after turns 3 (as after 2 and 4) and 5; the last dump is of one node, after turn 7.
        first, second, last = (item["keys"] for item in dumps)
        self._dumps = {2: first, 3: first, 4: first, 5: second, 7: last}
        self._names: dict[str, str] = {}
        self._lines: list[str] = []
        self.gateway = Gateway(folder)
        self.exchanges: list[Exchange] = []
        self.turns: dict[int, Turn] = {}
        self.stored: dict[int, dict[str, str]] = {}
        self.errors: dict[str, list[str]] = {"sched1": [], "sched2": []}
        self._tree = kv.Tree()
        self._flags = settings.load([*unsaid.FLAGS, f"-scaleio.preconfig.gateway={self.gateway.address}"], {})
        sink, log.sink = log.sink, self._lines.append
        try:
            for turn in range(1, TURNS + 1):
                self._turn(turn)
        finally:
            log.sink = sink
            self.gateway.close()

    # -- inputs --

    def _nodes(self, turn: int) -> list[model.Node]:
        """The scheduler's nodes, in order."""
        order, devices = (unsaid.NODES, unsaid.DEVICES) if turn <= 4 else (unsaid.RESTARTED, unsaid.DEVICES_RESTARTED)
        if turn >= 6:
            order = [*order, 20]
        if turn == 7:
            devices = {**devices, **unsaid.DEVICES_LAST}
        nodes = []
        for number in order:
            node = model.Node("S", "O", f"node{number}", f"10.0.0.{10 + number}", model.PERSONA_DATA, 5)
            text = unsaid.RETURNED if number == 1 and turn > 4 else self._attributes.get(number, "")
            model.read_attributes(node, offered(text))
            if number in devices:
                node.add_devices("gpd", "gsp", devices[number])
            nodes.append(node)
        return nodes

    def _states(self, turn: int, dump: dict[str, str]) -> None:
        """Personas and states as the executors, or hands, had told them by then."""
        store = Store(self._tree, "scaleio")
        store.start(settings.VERSION_INT)
        for key, value in dump.items():
            if key.endswith("/state"):
                store.set_info(key.split("/")[3], model.PERSONA_DATA, int(value))

    # -- one turn --

    def _turn(self, turn: int) -> None:
        self.gateway.refusals = list(unsaid.REFUSALS.get(turn, []))
        self._states(turn, self._dumps.get(turn, {}))
        wanted = [item["requests"] for item in self.recorded(turn, "segment")]
        self._learn(wanted)
        seen = self.turns[turn] = Turn()
        self._lines.clear()
        try:
            session = scheduler.login(self._flags)
        except gateway.GatewayError:
            # Once more as the scheduler does it, for the lines of its log.
            self._lines.clear()
            self.gateway.exchanges.clear()
            self.gateway.refusals = list(unsaid.REFUSALS[turn])
            store = Store(self._tree, "scaleio")
            login = resources.Resources(store, lambda: scheduler.login(self._flags), ("", "scaleio"))
            scheduler.turn(login, self._nodes(turn))
            session = None
        seen.login = self._take()
        if session:
            for node in self._nodes(turn):
                requests = self._node(
                    turn, node, session, wanted[len(seen.nodes)] if len(wanted) > len(seen.nodes) else []
                )
                if requests:
                    seen.nodes.append(requests)
        run = "sched1" if turn <= 4 else "sched2"
        self.errors[run] += [line for line in log_lines(self._lines) if line.startswith("error ")]
        self.stored[turn] = dict(self._tree.nodes)

    def recorded(self, turn: int, kind: str) -> list[Item]:
        """Items of a turn, counted over all sections."""
        found, count, last = [], 0, None
        for item in self._recorded:
            if item["kind"] not in ("login", "segment"):
                continue
            if (item["section"], item["turn"]) != last:
                last = (item["section"], item["turn"])
                count += 1
            if count == turn and item["kind"] == kind:
                found.append(item)
        return found

    def _node(self, turn: int, node: model.Node, session: gateway.Gateway, wanted: list[Request]) -> list[Request]:
        """The node's requests: as recorded where any order gives them, else those of the first order."""
        before = (copy.deepcopy(self.gateway.objects), self.gateway.count, list(self.gateway.refusals))
        nodes, lines = dict(self._tree.nodes), len(self._lines)
        goal = [self.comparable(request) for request in wanted]
        first: list[Request] | None = None
        for order in self._orders(node):
            self.gateway.objects, self.gateway.count = copy.deepcopy(before[0]), before[1]
            self.gateway.refusals = list(before[2])
            self._tree.nodes = dict(nodes)
            del self._lines[lines:]
            self.gateway.exchanges.clear()
            store = Store(self._tree, "scaleio", order)
            resources.Resources(store, lambda: session, ("", "scaleio"), order).add([node])
            requests = self._asked()
            if not requests:
                break
            first = first or requests
            if requests == goal and self._stored_as_recorded(turn, node.hostname):
                break
        else:
            requests = first or []
        self.exchanges += self.gateway.exchanges
        self.gateway.exchanges.clear()
        return requests

    def _orders(self, node: model.Node) -> Iterator[Order]:
        """Every order of each of the node's maps; as the store is written, and as the gateway is asked."""
        provides = node.provides or {}
        stored = Store(self._tree, "scaleio").load(node.hostname)
        domains = list(dict.fromkeys([*sorted(provides), *stored]))
        pools = list(dict.fromkeys([name for pools in provides.values() for name in pools or ()]))
        pools += [name for domain in stored.values() for name in domain.pools if name not in pools]
        paths = [path for every in provides.values() for listed in (every or {}).values() for path in listed or ()]
        paths = list(
            dict.fromkeys([*paths, *(p for d in stored.values() for pool in d.pools.values() for p in pool.devices)])
        )
        kinds = [list(itertools.permutations(names)) for names in (domains, pools, paths)]
        for written in itertools.product(*kinds):
            for asked in itertools.product(*kinds):
                yield _ranked({"store": written, "gateway": asked})

    def _stored_as_recorded(self, turn: int, hostname: str) -> bool:
        """Whether the node's keys are those of the dump, where there is one."""
        if turn not in self._dumps:
            return True
        start = f"scaleio-framework/scaleio/configuration/{hostname}/domains/"
        wanted = {key: value for key, value in self._dumps[turn].items() if key.startswith(start)}
        parents = {key.rpartition("/")[0] for key in self._tree.nodes}
        seen = {key: value for key, value in self._tree.nodes.items() if key.startswith(start) and key not in parents}
        return comparing.stored(seen) == comparing.stored(wanted) or (turn == 7 and not wanted)

    # -- comparable forms --

    def _take(self) -> list[Request]:
        requests = self._asked()
        self.exchanges += self.gateway.exchanges
        self.gateway.exchanges.clear()
        return requests

    def _asked(self) -> list[Request]:
        self._names |= {
            item["id"]: f"{kind} {item.get('name') or item.get('deviceCurrentPathname')}"
            for kind, listed in self.gateway.objects.items()
            for item in listed
        }
        own = dict(self._names)
        return [
            _comparable([exchange.method, exchange.path, exchange.body, exchange.status, exchange.answer], own)
            for exchange in self.gateway.exchanges
        ]

    def _learn(self, segments: Iterable[list[Request]]) -> None:
        """Names behind the recorded IDs, from the answers to creations."""
        self._recorded_names = getattr(self, "_recorded_names", {})
        for requests in segments:
            for method, path, body, status, answer in requests:
                if method == "POST" and status == 200:
                    made = json.loads(body)
                    kind = path.split("/")[3]
                    name = made.get("name") or made.get("deviceCurrentPathname")
                    self._recorded_names[json.loads(answer)["id"]] = f"{kind} {name}"

    def comparable(self, request: Request) -> Request:
        """A recorded request."""
        return _comparable(request, self._recorded_names)


def _comparable(request: Request, names: dict[str, str]) -> Request:
    """Lists are shown as [] or [...] in the transcripts."""
    method, path, body, status, answer = request
    if answer.startswith("[") and answer != "[]":
        answer = "[...]"
    if method == "POST" and status == 200:
        answer = "created"
    if path == "/api/login":
        answer = '"<token>"' if status == 200 else answer
    return [method, comparing.named(path, names), comparing.named(body, names), status, answer]


def _ranked(ranks: dict[str, tuple[tuple[str, ...], ...]]) -> Order:
    """By purpose, the order of domains, of pools and of paths: that of a map's names is the one that holds them all.
    A domain's map of SDSs has one name."""

    def order(purpose: str, names: Iterable[str]) -> list[str]:
        taken = set(names)
        rank = next((rank for rank in ranks[purpose] if taken <= set(rank)), tuple(taken))
        return [name for name in rank if name in taken]

    return order
