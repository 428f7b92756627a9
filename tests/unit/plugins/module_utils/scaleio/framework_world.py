# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster on paper of world.py, with disks, Marathon, the framework and the gateway, each with its own habits.

The framework reads attributes once for each host name, never removes, saves what was refused as done, takes the disks of hosts without
attributes unasked, forgets its nodes at a restart and keeps its store (recorded: scaleio-scheduler 0.3.1). :class:`Unsafe` is raised
where a step starts a scheduler, or an agent that meets one, while somebody's data or an unconfirmed disk would be taken.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Plan, Step
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_app import master_of
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_plan import is_of_services
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.model import framework_view
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import foreign_data
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio import services_view as view
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.gateway_documents import an_sds
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import disk
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.world import (
    Node,
    Unsafe,
    World,
    claim,
)

MASTERS = ("m1:5050", "m2:5050", "m3:5050")
Pools = dict[str, dict[str, list[str]]]


class NeverComes(Exception):
    """What is waited for does not come: the deadline of a real run."""


# -- disks -----------------------------------------------------------------------------------------------------------


def raw(path: str) -> dict[str, Any]:
    return disk(path)


def hidden(path: str) -> dict[str, Any]:
    """With a file system that blkid knows."""
    uses: dict[str, Any] = {"free": False, "free_because": ["carries data (signature ext4)"], "signatures": ["ext4"]}
    return disk(path, taken=False, taken_because=f"blkid prints {path}, which contains its name", **uses)


def odd(path: str) -> dict[str, Any]:
    """With data that the framework's rule does not see."""
    return disk(path, free=False, free_because=["carries data (signature zfs_member)"], signatures=["zfs_member"])


def opened(path: str) -> dict[str, Any]:
    """Somebody has it open, exclusively, and nothing else shows."""
    return disk(path, free=False, free_because=[view.BUSY], by="somebody")


# -- hosts -----------------------------------------------------------------------------------------------------------


@dataclass
class Host(Node):
    """A host whose disks change hands.

    :ivar late: disks that are plugged in later.
    """

    number: int = 1
    late: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ip(self) -> str:
        return view.address(self.number)

    def copy(self) -> Host:
        twin = super().copy()
        assert isinstance(twin, Host)
        twin.devices = copy.deepcopy(self.devices)
        return twin

    def disk(self, path: str) -> dict[str, Any] | None:
        return next((device for device in self.devices if device["path"] == path), None)

    def taken(self) -> list[str]:
        """What the framework's rule takes."""
        return [device["path"] for device in self.devices if device["taken"]]

    def observe(self) -> dict[str, Any]:
        found = super().observe()
        pid = f"slave(1)@{self.ip}:5051"
        found["agent"]["flags"]["ip"] = self.ip
        if found["agent"]["running"] is not None:
            found["agent"]["running"].update(hostname=self.member, pid=pid)
        for entry in found["master"]["agents"]:
            entry["pid"] = pid
        found["devices"] = copy.deepcopy(self.devices)
        found["framework"] = {"offers": self.taken(), "error": None}
        return found


# -- the framework and the gateway -----------------------------------------------------------------------------------


@dataclass
class Known:
    """A node as a running scheduler has it.

    :ivar waits: whether its executor has come to state 7 itself, and so goes on when all are there; one that starts there sleeps.
    """

    imperative: bool
    provides: Pools
    state: int = 0
    advertised: bool = False
    waits: bool = False


@dataclass
class Framework:
    """Scheduler, store and gateway.

    :ivar app: the app's fields in Marathon; None for no app.
    :ivar host: where its task runs.
    :ivar tasks: how many tasks it has had; a running one is the last.
    :ivar registered: whether the leading master knows it.
    :ivar store: host -> what is saved as done. It outlives schedulers.
    :ivar refuses: (address, path) that the gateway refuses.
    """

    leader: str = MASTERS[0]
    dead: frozenset[str] = frozenset()
    app: dict[str, Any] | None = None
    host: str = "elsewhere"
    version: int = 0
    tasks: int = 0
    runs: bool = False
    registered: bool = False
    nodes: dict[str, Known] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)
    store: dict[str, Pools] = field(default_factory=dict)
    sds: dict[str, str] = field(default_factory=dict)
    gateway: dict[str, dict[str, dict[str, list[str]]]] = field(default_factory=dict)
    refuses: frozenset[tuple[str, str]] = frozenset()

    def start(self) -> None:
        """A new scheduler: no node, the store of before, and no master where it asks for one that is dead."""
        assert self.app is not None
        self.tasks += 1
        self.nodes, self.runs = {}, True
        self.registered = master_of(self.app["cmd"]) not in self.dead

    def has(self, ip: str, path: str) -> bool:
        return any(path in held.get(ip, ()) for pools in self.gateway.values() for held in pools.values())

    def live(self, hosts: Mapping[str, Host]) -> None:
        """Go on until nothing changes any more."""
        if not self.runs or not self.registered:
            return
        before = None
        while before != (before := copy.deepcopy((self.nodes, self.store, self.gateway, self.sds))):
            self._offers(hosts)
            self._executors(hosts)
            if all(node.state >= 5 for node in self.nodes.values()):
                for member in sorted(self.nodes):
                    if member in hosts:
                        self._add(hosts[member], self.nodes[member])
                for node in self.nodes.values():
                    node.state = max(node.state, 6)

    def _offers(self, hosts: Mapping[str, Host]) -> None:
        for member, host in hosts.items():
            if host.running is not None and member not in self.nodes:
                seen = framework_view(host.running)
                provides = {d: {p: list(found) for p, found in pools.items()} for d, pools in seen.provides.items()}
                self.nodes[member] = Known(seen.imperative, provides, self.states.get(member, 0))

    def _executors(self, hosts: Mapping[str, Host]) -> None:
        together = all(node.state >= 7 for node in self.nodes.values())
        for member, node in self.nodes.items():
            host = hosts.get(member)
            if host is None or host.running is None:
                continue
            if not node.imperative and not node.advertised:
                node.advertised = True
                for path in host.taken():
                    node.provides.setdefault("default", {}).setdefault("default", []).append(path)
            if node.state < 5:
                self.states[member] = node.state = 5
            elif node.state == 6:
                self.states[member] = node.state = 7
                node.waits = True
            elif node.state == 7 and together and node.waits:
                self.states[member] = node.state = 1024

    def _add(self, host: Host, node: Known) -> None:
        """What is new goes to the gateway; the first refusal ends it, and all is saved as done."""
        if not node.imperative and not node.advertised:
            return
        done = self.store.get(host.member, {})
        if any(not any(pools.values()) for pools in done.values()):
            done = {}
        for domain, pools in node.provides.items():
            if not self._create(host, domain, pools, done):
                break
        kept = {
            d: {p: list(found) for p, found in pools.items() if found} for d, pools in node.provides.items() if pools
        }
        self.store[host.member] = kept

    def _create(self, host: Host, domain: str, pools: Mapping[str, list[str]], done: Pools) -> bool:
        if domain not in self.gateway:
            if domain in done:
                return False
            self.gateway[domain] = {}
        if self.sds.get(host.ip) != domain:
            if domain in done or host.ip in self.sds:
                return False
            self.sds[host.ip] = domain
        for pool, paths in pools.items():
            if pool not in self.gateway[domain]:
                if pool in done.get(domain, {}):
                    return False
                self.gateway[domain][pool] = {}
            for path in paths:
                if path in done.get(domain, {}).get(pool, ()):
                    continue
                device = host.disk(path)
                if device is None or device.get("by") or (host.ip, path) in self.refuses or self.has(host.ip, path):
                    return False
                if foreign_data(device):
                    raise Unsafe(f"the data on {path} of {host.member} was given to ScaleIO")
                self.gateway[domain][pool].setdefault(host.ip, []).append(path)
                device.update(free=False, free_because=[view.BUSY], by="sds")
        return True

    def halts(self) -> bool:
        """Whether a node stands where nobody takes it on: heal's matter, and no deployment's."""
        return any(node.state == 7 and not node.waits for node in self.nodes.values())

    def given_up(self, host: Host, provides: Pools) -> bool:
        """Whether something of this is saved as done and not at the gateway."""
        done = self.store.get(host.member, {})
        return any(
            path in done.get(domain, {}).get(pool, ()) and not self.has(host.ip, path)
            for domain, pools in provides.items()
            for pool, paths in pools.items()
            for path in paths
        )


# -- the world -------------------------------------------------------------------------------------------------------


@dataclass
class Cluster(World):
    """All of it.

    :ivar bare: host names of agents that no inventory names and that have no attributes.
    """

    framework: Framework = field(default_factory=Framework)
    bare: list[str] = field(default_factory=list)

    def hosts(self) -> dict[str, Host]:
        return {member: node for member, node in self.nodes.items() if isinstance(node, Host)}

    def copy(self) -> Cluster:
        twin = super().copy()
        assert isinstance(twin, Cluster)
        twin.framework, twin.bare = copy.deepcopy(self.framework), list(self.bare)
        return twin

    # -- what is seen ---------------------------------------------------------------------------------------------

    def observe(self) -> list[dict[str, Any]]:
        members = super().observe()
        return [view.front(self._services(members)), *members]

    def _services(self, members: list[dict[str, Any]]) -> dict[str, Any]:
        life = self.framework
        part = view.services(
            nodes={
                member: view.known(
                    copy.deepcopy(node.provides),
                    imperative=node.imperative,
                    advertised=node.advertised,
                    state=node.state,
                )
                for member, node in life.nodes.items()
            },
            provided=copy.deepcopy(life.gateway),
            master=self._master(),
            leader=life.leader,
            app=self._app_changes(),
            gateway={"sds": {ip: an_sds(ip, domain) for ip, domain in life.sds.items()}},
            agents=[
                *(view.agent_of(found) for found in members if found["master"]["agents"]),
                *map(view.stranger, self.bare),
            ],
        )
        if life.app is None or not life.runs:
            part["marathon"]["app"] = None if life.app is None else part["marathon"]["app"]
            part = {**view.not_started(part), "marathon": part["marathon"]}
        elif not life.registered:
            part["mesos_framework"].update(registered=None, frameworks=[])
        return part

    def _master(self) -> str:
        app = self.framework.app
        return self.framework.leader if app is None else master_of(app["cmd"])

    def _app_changes(self) -> dict[str, Any]:
        life = self.framework
        if life.app is None:
            return {}
        task = {"id": f"task-{life.tasks}", "host": life.host, "ports": [31000], "state": "TASK_RUNNING"}
        running = [task] if life.runs else []
        declared = view.app_of(view.services()["wanted"], self._master()).definition()
        changes = {"mem": life.app["mem"], "instances": life.app["instances"]}
        return {
            "version": f"v{life.version}",
            "definition": {**declared, **changes},
            "tasks": running,
            "taskIds": [task["id"] for task in running],
            "tasksRunning": len(running),
        }

    def seen_on(self, node: Node, plan: Plan) -> dict[str, Any]:
        running = node.running or {}
        return {
            **super().seen_on(node, plan),
            "scaleio_attributes": {key: value for key, value in running.items() if key.startswith("scaleio-")},
            "foreign": {device["path"]: foreign_data(device) for device in node.devices},
            "in_use": {d["path"]: "" if d["free"] else "; ".join(d["free_because"]) for d in node.devices},
            "exposed": [device["path"] for device in node.devices if device["taken"]],
        }

    # -- what is done ---------------------------------------------------------------------------------------------

    def carry_out(self, plan: Plan, draw_index: Any = None) -> None:
        """See :class:`World`; hosts act one after the other, and the framework lives on beside them where it runs.

        :param draw_index: chooses whether the framework has got a turn after an effect; always when None.
        :raises NeverComes: a step waited in vain.
        """
        self._begin(plan)
        idle = not self.framework.runs
        for index, phase in enumerate(plan.phases, 1):
            for member, steps in phase.steps.items():
                for step in steps:
                    if is_of_services(step):
                        self._serve(step, plan, idle)
                    else:
                        self.nodes[member].claim = claim(plan, index, member, "acting")
                        self._do(self.nodes[member], step, plan)
                    if draw_index is None or draw_index(2):
                        self.framework.live(self.hosts())
                if member in self.nodes:
                    self.nodes[member].claim = claim(plan, index, member, "done")

    def _look_again(self, _node: Node, _args: Mapping[str, Any]) -> None:
        """Its conditions are all of it."""

    def _forget_agent_id(self, node: Node, args: Mapping[str, Any]) -> None:
        """The tasks of an agent end with its ID, and Marathon starts them elsewhere."""
        super()._forget_agent_id(node, args)
        life = self.framework
        if not life.runs or life.host != node.member:
            return
        for host in self.hosts().values():
            met = life.nodes.get(host.member)
            # Who is known without attributes was exposed before.
            if host.running is not None and (
                met is None or met.imperative or not framework_view(host.files).imperative
            ):
                self._meets(host, idle=False)
        life.host = "elsewhere"
        life.start()

    def _restart_agent(self, node: Node, args: Mapping[str, Any]) -> None:
        super()._restart_agent(node, args)
        life = self.framework
        if life.runs and life.registered and node.member not in life.nodes:
            self._meets(self.hosts()[node.member], idle=False)

    def _serve(self, step: Step, plan: Plan, idle: bool) -> None:
        members = super().observe()
        declared = step.args.get("declared_hosts", ())
        app = self._services(members)["marathon"]["app"]
        world = {"app": app, "bare_strangers": [name for name in self.bare if name not in declared]}
        for condition in step.requires:
            condition.check(world, step.sentence)
        effects: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "create_app": self._put_app,
            "update_app": self._put_app,
            "restart_app": lambda _args: None,
            "await_nodes": self._await_nodes,
            "await_gateway": self._await_gateway,
            "await_quiet": lambda _args: None,
        }
        effects[step.kind](step.args)
        if step.kind.endswith("_app"):
            if self.bare:
                raise Unsafe(f"a scheduler starts and meets {self.bare}")
            for host in self.hosts().values():
                if host.running is not None:
                    self._meets(host, idle=idle)
            self.framework.version += 1
            self.framework.start()
        self._count()

    def _put_app(self, args: Mapping[str, Any]) -> None:
        self.framework.app = {"instances": 1, **args["app"]["fields"]}

    def _await_nodes(self, args: Mapping[str, Any]) -> None:
        self.framework.live(self.hosts())
        nodes = self.framework.nodes
        behind = [host for host in args["hosts"] if host not in nodes or nodes[host].state != 1024]
        if behind:
            raise NeverComes(f"{behind} are not in their final state: {nodes}")

    def _await_gateway(self, args: Mapping[str, Any]) -> None:
        self.framework.live(self.hosts())
        for one in args["declared"].values():
            for domain, pools in one["provides"].items():
                if self.framework.sds.get(one["ip"]) != domain:
                    raise NeverComes(f"{one} has no SDS: {self.framework.sds}")
                for pool, paths in pools.items():
                    found = self.framework.gateway.get(domain, {}).get(pool)
                    if found is None or not set(paths) <= set(found.get(one["ip"], ())):
                        raise NeverComes(f"{one} is not there: {self.framework.gateway}")

    def _meets(self, host: Host, *, idle: bool) -> None:
        """What would be taken from a host that a scheduler meets now."""
        seen = framework_view(host.running or {})
        paths = list(seen.device_pools) if seen.imperative else host.taken()
        for path in paths:
            device = host.disk(path)
            if device is None or self.framework.has(host.ip, path):
                continue
            if not seen.imperative and path not in host.wanted["global_pool_devices"]:
                raise Unsafe(f"nobody has confirmed {path} of {host.member}")
            if foreign_data(device):
                raise Unsafe(f"{path} of {host.member} {foreign_data(device)}")
            if device.get("by") == "somebody" and (idle or not seen.imperative):
                raise Unsafe(f"somebody has {path} of {host.member} open")

    # -- what two runs must agree on ----------------------------------------------------------------------------------

    def contributions(self) -> Iterator[tuple[str, str, str, str]]:
        """Domain, pool, address, path of everything at the gateway."""
        for domain, pools in self.framework.gateway.items():
            for pool, held in pools.items():
                for ip, paths in held.items():
                    for path in paths:
                        yield domain, pool, ip, path

    def state(self) -> dict[str, Any]:
        life = self.framework
        return {
            "hosts": super().state(),
            "gateway": sorted(self.contributions()),
            "sds": life.sds,
            "nodes": {member: node.state for member, node in life.nodes.items()},
        }
