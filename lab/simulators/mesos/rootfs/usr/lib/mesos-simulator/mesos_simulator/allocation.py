# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is offered what (mesos 1.11.0 src/master/allocator/mesos/hierarchical.cpp, sorter/drf).

All that is free on an agent goes to one framework, the one with the smallest dominant share; agents come in random order.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Any

from mesos_simulator import resources
from mesos_simulator.amounts import Amounts
from mesos_simulator.frameworks import Filter, Framework, Offer

if TYPE_CHECKING:
    from mesos_simulator.master import AgentRecord, Master

REFUSE_SECONDS = 5.0  # Filters.refuse_seconds, when not given (include/mesos/v1/mesos.proto)
_MINIMUM = {"cpus": 0.01, "mem": 32.0}  # --min_allocatable_resources, either of them
_MAXIMUM_REFUSAL = 31536000.0  # seconds; longer ones are cut (hierarchical.cpp: _recoverResources)


class Allocator:
    """Offers of one master."""

    def __init__(self, master: Master, frameworks: dict[str, Framework]) -> None:
        self._master = master
        self._frameworks = frameworks
        self._next_offer = 0

    def free(self, record: AgentRecord) -> Amounts:
        """What is neither used nor offered on an agent."""
        left = Amounts(record.total())
        for framework in self._frameworks.values():
            left = left - framework.used(record.agent_id) - framework.offered(record.agent_id)
        return left

    def allocate(self) -> None:
        """Offers all that is free to whoever wants it."""
        waiting = [framework for framework in self._frameworks.values() if framework.stream and framework.active]
        if not waiting:
            return
        now = time.monotonic()
        for framework in waiting:
            framework.filters = [entry for entry in framework.filters if entry.expires > now]
        made: dict[str, list[dict[str, Any]]] = {}
        records = [record for record in self._master.agents.values() if record.active]
        total = Amounts(item for record in records for item in record.total())
        for record in random.sample(records, len(records)):
            left = self.free(record)
            for framework in sorted(waiting, key=lambda one: _dominant_share(one, total)):
                for role in framework.roles:
                    offer = self._offer(framework, record, role, left, now)
                    if offer is not None:
                        left = left - offer.resources
                        made.setdefault(framework.framework_id, []).append(_shown(offer, framework, record))
        for framework_id, offers in made.items():
            self._frameworks[framework_id].send("OFFERS", {"offers": offers})

    def _offer(self, framework: Framework, record: AgentRecord, role: str, left: Amounts, now: float) -> Offer | None:
        if role in framework.suppressed:
            return None
        mine = Amounts(item for item in left if resources.role_of(item) in ("*", role))
        if not any(mine.scalar(name) >= least for name, least in _MINIMUM.items()):
            return None
        for entry in framework.filters:
            if (entry.agent_id, entry.role) == (record.agent_id, role) and entry.refused.contains(mine):
                return None
        offer_id = f"{self._master.master_id}-O{self._next_offer}"
        self._next_offer += 1
        offer = Offer(offer_id, record.agent_id, role, list(mine), now)
        framework.offers[offer_id] = offer
        return offer

    def refuse(self, framework: Framework, agent_id: str, role: str, left: Amounts, seconds: float) -> None:
        """Keeps resources away from a framework that did not want them, for a time."""
        if left and seconds > 0:
            expires = time.monotonic() + min(seconds, _MAXIMUM_REFUSAL)
            framework.filters.append(Filter(agent_id, role, left, expires))


def _dominant_share(framework: Framework, total: Amounts) -> tuple[float, float]:
    held = Amounts([*framework.used(), *framework.offered()])
    shares = [held.scalar(name) / total.scalar(name) for name in ("cpus", "mem", "disk") if total.scalar(name)]
    return max(shares, default=0.0), framework.registered_time


def _shown(offer: Offer, framework: Framework, record: AgentRecord) -> dict[str, Any]:
    """An offer as a scheduler sees it: those without MULTI_ROLE see no allocation (master.cpp: offer; MESOS-8237)."""
    form = resources.refined if framework.capable("RESERVATION_REFINEMENT") else resources.unrefined
    items = [form(item) for item in offer.resources]
    ip, port = record.pid.rpartition("@")[2].rsplit(":", 1)
    address = {"hostname": record.info["hostname"], "ip": ip, "port": int(port)}
    shown: dict[str, Any] = {
        "id": {"value": offer.offer_id},
        "framework_id": {"value": framework.framework_id},
        "agent_id": {"value": record.agent_id},
        "hostname": record.info["hostname"],
        "url": {"scheme": "http", "address": address, "path": "/slave(1)"},
    }
    if "domain" in record.info:
        shown["domain"] = record.info["domain"]
    if framework.capable("MULTI_ROLE"):
        items = [{**item, "allocation_info": {"role": offer.role}} for item in items]
        shown["allocation_info"] = {"role": offer.role}
    shown["resources"] = items
    for name, content in (
        ("attributes", record.info["attributes"]),
        ("executor_ids", [{"value": name} for name in framework.executors.get(record.agent_id, {})]),
    ):
        if content:
            shown[name] = content
    return shown
