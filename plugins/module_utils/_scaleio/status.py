# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the layers in which a member stands: declared, on disk, reported by its agent, registered at the master, known to the
framework, shown by the gateway. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import framework_model, gateway_compare, model
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import preview as previews
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_plan import (
    NOT_IN_FORCE,
    Node,
    declaration,
    is_stale,
    mdm_errors,
    other_schedulers,
    stranger_errors,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import (
    NodePlan,
    Observation,
    Selector,
    contributed,
    declared_domains,
    declared_files,
    exposed_devices,
    framework_nodes,
    natural,
    owned,
    services_host,
    why_bare,
)

HEADER = ("member", "agent", "declared", "on disk", "reported", "registered")
SERVICES_HEADER = ("framework", "gateway")
EXPOSED_HEADER = ("the framework would take",)
POOLS_HEADER = ("protection domain", "pool", "SDSs", "devices", "capacity")
_CREATED = "; what the framework has given up is created by the playbook heal, with scaleio_heal_create: true"
# What the playbook heal does about a finding of a kind.
_HEALED = {
    "unregistered": " (the playbook heal does that)",
    "dead": " (the playbook heal does that where somebody waits for it)",
    "sds": _CREATED,
    "device": _CREATED,
}


@dataclass(frozen=True)
class NodeStatus:
    """One member, compared.

    :param cells: its row below the header of :class:`ClusterStatus`.
    :param problems: everything that a user must look at, as sentences.
    :param layers: ``declared``, ``on_disk``, ``reported``, ``registered``: attribute name -> value; ``framework``: what the scheduler
        knows of it; ``gateway``: protection domain -> pool -> paths. None where that place could not be read.
    """

    member: str
    cells: tuple[str, ...]
    problems: tuple[str, ...] = ()
    layers: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"member": self.member, "problems": list(self.problems), "layers": dict(self.layers)}


@dataclass(frozen=True)
class ClusterStatus:
    """One cluster, compared.

    :param header: of the members' table; the columns of framework and gateway are there where a host talks to them.
    :param problems: what concerns no single member.
    :param notes: what nobody has to do anything about.
    :param pools: the rows below :data:`POOLS_HEADER`; None where the gateway was not seen.
    """

    header: tuple[str, ...]
    nodes: tuple[NodeStatus, ...]
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pools: tuple[tuple[str, ...], ...] | None = None


def cluster_status(observations: Sequence[Observation], select: Selector) -> ClusterStatus:
    """Every member's status, also of those that could not be reached."""
    observations = sorted(observations, key=lambda o: natural(o["member"]))
    seen = [o for o in observations if "agent" in o]
    domains = declared_domains(seen)
    services = next((o["services"] for o in observations if o.get("services")), None)
    shown = {} if services is None else contributed(seen, services)
    domains += _global_domain(services)
    files = {o["member"]: declared_files(o, select, domains, shown.get(o["member"], ())) for o in seen}
    layers = None if services is None else _ServicesLayers.of(services, seen, files)
    nodes = [
        _node_status(o, files.get(o["member"], (None, [])), layers)
        for o in observations
        if "agent" in o or "unreachable" in o
    ]
    problems = services_host(observations, seen[0]["wanted"]["settings"]["method"])[1] if seen else []
    whole = len(nodes) == len(seen)
    if layers is None:
        # A host that could not be reached may be the one that talks to the services.
        return ClusterStatus((*HEADER, *EXPOSED_HEADER), tuple(nodes), tuple(problems if whole else ()))
    header = (*HEADER, *SERVICES_HEADER, *EXPOSED_HEADER)
    # What a host that could not be reached declares is not known.
    empty = [found.sentence for found in layers.strangers if found.kind in gateway_compare.EMPTY] if whole else []
    return ClusterStatus(header, tuple(nodes), (*problems, *layers.problems), tuple(empty), layers.pools())


def _global_domain(services: Mapping[str, Any] | None) -> list[str]:
    return [] if services is None else [services["wanted"]["protection_domain"]]


@dataclass(frozen=True)
class _ServicesLayers:
    """The layers of framework and gateway, for all members.

    :param halted: host names of the members that wait at the framework although all have come so far.
    """

    services: Mapping[str, Any]
    nodes: Mapping[str, Node]
    halted: frozenset[str]
    declared: gateway_compare.Declared
    problems: Sequence[str]
    missing: Sequence[gateway_compare.Finding]
    strangers: Sequence[gateway_compare.Finding]
    contributions: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]]

    @classmethod
    def of(
        cls,
        services: Mapping[str, Any],
        seen: Sequence[Observation],
        files: Mapping[str, tuple[Mapping[str, str] | None, list[str]]],
    ) -> _ServicesLayers:
        plans = []
        for o in seen:
            wanted = files[o["member"]][0]
            plans.append(NodePlan(o["member"], "", attributes=owned(o["agent"]["files"]) if wanted is None else wanted))
        nodes, problems = framework_nodes(seen, plans, services)
        declared = declaration(nodes, services["wanted"])
        gateway, scheduler = services["gateway"], services["scheduler"]
        # Without the gateway nobody knows which disks are contributed already.
        whole = [*services["wanted"]["errors"], *(() if gateway["error"] else problems)]
        whole += [
            str(services[part]["error"])
            for part in ("marathon", "mesos_framework", "gateway")
            if services[part]["error"]
        ]
        if services["marathon"]["app"] is None and not services["marathon"]["error"]:
            whole.append(
                f"the framework's app {services['wanted']['app']} is not there: the framework has not been started"
            )
        elif scheduler["error"]:
            whole.append(str(scheduler["error"]))
        elif scheduler["password_matches"] is False:
            whole.append("the running scheduler has another password of ScaleIO than scaleio_password")
        troubles = framework_model.troubles(scheduler, services["mesos_framework"], services["agents"])
        halted = {finding.host for finding in troubles if finding.kind == "halted"} & {node.hostname for node in nodes}
        whole += [
            finding.sentence + _HEALED.get(finding.kind, "")
            for finding in troubles
            if services["marathon"]["app"] is not None and finding.kind != "several" and finding.host not in halted
        ]
        if not services["marathon"]["error"] and not services["mesos_framework"]["error"]:
            whole += other_schedulers(services)
        whole += [] if services["agents"] is None else stranger_errors(services, nodes)
        missing: list[gateway_compare.Finding] = []
        strangers: list[gateway_compare.Finding] = []
        contributions: dict[str, dict[str, dict[str, list[str]]]] = {}
        if not gateway["error"]:
            contributions = gateway_compare.contributions_by_address(gateway)
            missing = gateway_compare.missing_at_gateway(declared, gateway)
            strangers = gateway_compare.strangers_at_gateway(declared, gateway)
            whole += [] if services["wanted"]["errors"] else mdm_errors(services, [])
            whole += [finding.sentence for finding in gateway_compare.unwell(gateway)]
            whole += gateway_compare.disturbances(gateway["activity"])
            whole += [
                finding.sentence
                for finding in (*missing, *strangers)
                if not finding.host and finding.kind not in gateway_compare.EMPTY
            ]
        by_member = {node.member: node for node in nodes}
        return cls(services, by_member, frozenset(halted), declared, whole, missing, strangers, contributions)

    def cells(self, member: str, problems: list[str]) -> tuple[str, str]:
        """A member's cells of framework and gateway; what they are about is added to its problems."""
        node = self.nodes.get(member)
        if node is None:
            return "?", "?"
        return self._framework(node, problems), self._gateway(node, problems)

    def _framework(self, node: Node, problems: list[str]) -> str:
        if self.services["marathon"]["app"] is None and not self.services["marathon"]["error"]:
            return "none"
        nodes = self.services["scheduler"]["nodes"]
        if nodes is None:
            return "?"
        if node.hostname not in nodes:
            problems.append("is not known to the framework")
            return "unknown"
        known = nodes[node.hostname]
        if known["state"] != framework_model.FINAL_STATE:
            stays = (
                ", and all have come so far: if it stays there, run the playbook heal"
                if node.hostname in self.halted
                else ""
            )
            problems.append(f"at the framework it {known['state_text']} (state {known['state']}){stays}")
            return f"state {known['state']}"
        if is_stale(node, known, self.services["wanted"]):
            problems.append(
                "the framework knows it with other devices than it shall contribute, and reads attributes and disks once; a run of"
                " its playbook restarts the scheduler"
            )
            return "differs"
        return "runs"

    def _gateway(self, node: Node, problems: list[str]) -> str:
        if self.services["gateway"]["error"]:
            return "?"
        known = (self.services["scheduler"]["nodes"] or {}).get(node.hostname, {})
        # Before, the framework may still bring it.
        healed = _HEALED if known.get("state") == framework_model.FINAL_STATE else {}
        found = [f.sentence + healed.get(f.kind, "") for f in self.missing if f.host == node.member]
        found += [f.sentence for f in self.strangers if f.host == node.member]
        problems.extend(found)
        if not found:
            return "same"
        return "differs" if gateway_compare.find_sds(self.services["gateway"], node.ip) else "none"

    def layers(self, member: str) -> dict[str, Any]:
        """The member's layers of framework and gateway."""
        node = self.nodes.get(member)
        if node is None:
            return {"framework": None, "gateway": None}
        nodes, gateway = self.services["scheduler"]["nodes"], self.services["gateway"]
        return {
            "framework": None if nodes is None else nodes.get(node.hostname, {}),
            "gateway": None if gateway["error"] else self.contributions.get(node.ip, {}),
        }

    def pools(self) -> tuple[tuple[str, ...], ...] | None:
        """What the gateway shows, a row for each pool."""
        if self.services["gateway"]["error"]:
            return None
        rows = []
        for domain, held in self.services["gateway"]["domains"].items():
            for pool, inside in held["pools"].items():
                devices = [device for found in inside["devices"].values() for device in found]
                kb = sum(device["capacity_kb"] or 0 for device in devices)
                count = sum(bool(found) for found in inside["devices"].values())
                rows.append((domain, pool, str(count), str(len(devices)), gateway_compare.size(kb)))
        return tuple(rows)


def _node_status(
    observation: Observation,
    files: tuple[Mapping[str, str] | None, Sequence[str]],
    services: _ServicesLayers | None,
) -> NodeStatus:
    """One member's status."""
    member = observation["member"]
    if "unreachable" in observation:
        unknown = ("?",) * (7 if services is not None else 5)
        problem = f"could not be observed: {observation['unreachable']}"
        return NodeStatus(member, (member, "unreachable", *unknown), (problem,))
    agent, master = observation["agent"], observation["master"]
    declared, errors = files
    on_disk = owned(agent["files"])
    running = agent["running"]
    reported = None if running is None else owned(running["attributes"])
    entry = next((a for a in master["agents"] if running is not None and a["id"] == running["agent_id"]), None)
    registered = None if entry is None else owned(entry["attributes"])
    problems = [*errors, *(obstacle["sentence"] for obstacle in agent["obstacles"])]
    if master["error"]:
        problems.append(str(master["error"]))
    state = _agent_state(agent, entry, problems)
    if declared is not None:
        _compare("on disk", on_disk, "declared", declared, problems)
    if reported is not None:
        _compare("reported by the agent", reported, "on disk", on_disk, problems)
    if registered is not None and reported is not None:
        _compare("registered at the master", registered, "reported by the agent", reported, problems)
    taken = _exposed(observation, registered if registered is not None else reported)
    if _gives_disks(observation["wanted"], on_disk if declared is None else declared):
        taken = _unasked(observation, services, taken, problems)
    elif taken:
        # Onboarding leaves alone whoever has joined before.
        method = observation["wanted"]["settings"]["method"]
        book = "onboard" if observation["identity"] is None else f"scaleio_{method}"
        problems.append(
            f"is known to the master without imperative attributes: the framework would take {', '.join(taken)};"
            f" bring the host in with the playbook {book} before the framework starts"
        )
    cells = (
        member,
        state,
        "-" if declared is None else summary(declared),
        _against(on_disk, declared),
        _against(reported, on_disk),
        _against(registered, reported),
        *(() if services is None else services.cells(member, problems)),
        ", ".join(taken) or "nothing",
    )
    layers: dict[str, Any] = {
        "declared": declared,
        "on_disk": on_disk,
        "reported": reported,
        "registered": registered,
        **({} if services is None else services.layers(member)),
    }
    return NodeStatus(member, cells, tuple(problems), layers)


def _agent_state(agent: Mapping[str, Any], entry: Mapping[str, Any] | None, problems: list[str]) -> str:
    unit = agent["unit"]
    if unit["active"] != "active":
        if agent["checkpoint"]["agent_id"] is None and unit["active"] == "inactive":
            problems.append("its agent has never started")
            return "never started"
        problems.append(f"its agent is not up: {unit['name']} is {unit['active']} ({unit['sub']})")
        return f"{unit['active']} ({unit['sub']})"
    if agent["running"] is None:
        problems.append(f"its agent does not answer: {agent['running_error']}")
        return "silent"
    if entry is None or not entry["active"]:
        problems.append("its agent runs and is not active at the leading master")
        return "not registered"
    return "registered"


def _compare(name: str, seen: Mapping[str, Any], base_name: str, base: Mapping[str, Any], problems: list[str]) -> None:
    for attribute in sorted({*seen, *base}):
        if seen.get(attribute) != base.get(attribute):
            problems.append(
                f"{attribute} is {_value(seen, attribute)} {name} and {_value(base, attribute)} {base_name}"
            )


def _value(layer: Mapping[str, Any], attribute: str) -> str:
    return f"'{model.shown(layer[attribute])}'" if attribute in layer else "absent"


def _against(layer: Mapping[str, Any] | None, base: Mapping[str, Any] | None) -> str:
    if layer is None:
        return "?"
    if not layer and not base:
        return "none"
    if base is None:
        return "?"
    return "same" if dict(layer) == dict(base) else "differs" if layer else "none"


def summary(files: Mapping[str, Any]) -> str:
    """A layout in one line: ``engineering: qe=/dev/xvdf``."""
    view = model.framework_view(files)
    parts = [
        " ".join([f"{domain}:", *(f"{pool}={','.join(found)}" if found else pool for pool, found in pools.items())])
        for domain, pools in view.provides.items()
    ]
    return "; ".join(parts) or "none"


def _gives_disks(wanted: Mapping[str, Any], attributes: Mapping[str, Any]) -> bool:
    """Whether a member is to have no imperative attributes, by its method or its own declaration.

    :param attributes: those that it shall have.
    """
    return not model.framework_view(attributes).imperative and why_bare(wanted) != NOT_IN_FORCE


def _unasked(
    observation: Observation, services: _ServicesLayers | None, taken: list[str], problems: list[str]
) -> list[str]:
    """The disks of a member that gives its disks, without those that are agreed to; what speaks against each is added to the problems.

    :param taken: what the rule takes from it by now.
    """
    if services is None or services.services["gateway"]["error"]:
        # What an SDS holds would look like a disk in use.
        asked = services is not None or observation["wanted"]["settings"]["method"] == "global_pool"
        return ["?"] if taken and asked else taken
    node = services.nodes.get(observation["member"])
    unasked = [] if node is None else [one for one in node.exposed if one.verdict not in previews.AGREED]
    problems.extend(f"{one.path} is {one.verdict}: {one.why}" for one in unasked)
    return [one.path for one in unasked]


def _exposed(observation: Observation, attributes: Mapping[str, Any] | None) -> list[str]:
    """The disks that the framework would take from this host as the master shows it now."""
    if attributes is None or model.framework_view(attributes).imperative:
        return []
    return exposed_devices(observation)
