# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans the framework of a cluster: its scheduler at Marathon, until the gateway shows what is declared. Pure.

What the framework does decides the order (thecodeteam/scaleio-framework v0.3.1, recorded runs): it reads a host's attributes once,
at the first offer; it adds and never moves or removes; it takes the unused disks of every host without attributes, unasked. So
attributes come first, no scheduler starts before all disks were looked at once more, and what it could only do wrong is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Condition, Phase, Step
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import model as marathon_model
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import plan as marathon
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import framework_app, gateway_compare, model
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import preview as previews
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_model import FINAL_STATE

Observation = Mapping[str, Any]
Provides = Mapping[str, Mapping[str, Sequence[str]]]

_SERVICES_STEPS = frozenset(("create_app", "update_app", "restart_app", "await_nodes", "await_gateway", "await_quiet"))
# A waiting deployment of somebody else is not stopped.
_POLICY = marathon.Policy()
_RESTART_MEANS = "every executor ends and the new scheduler starts it again; SDS and SDC are services of the hosts, so the data path goes on"


@dataclass(frozen=True)
class Node:
    """A declared member as the framework will meet it.

    :param hostname: by which master and scheduler know it.
    :param ip: its agent's address, after which its SDS is named.
    :param provides: protection domain -> pool -> devices that it will have by its attributes.
    :param imperative: whether it will have imperative attributes.
    :param attributes: the ``scaleio-`` attributes that its agent will run with.
    :param persona: its MDM role by attribute, or an empty text.
    :param exposed: the disks that the rule takes from it when it has no imperative attributes.
    """

    member: str
    hostname: str
    ip: str
    provides: Provides
    imperative: bool
    attributes: Mapping[str, str]
    persona: str = ""
    exposed: tuple[previews.Exposed, ...] = ()


@dataclass
class FrameworkPlan:
    """What the framework needs, with everything that speaks against it.

    :param notes: the preview, for people.
    :param phases: those after the attributes stand.
    :param quiet: the step on the services' host that goes between batches; None where the gateway has no device yet.
    """

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    quiet: Step | None = None


def plan_framework(member: str, services: Observation, nodes: Sequence[Node]) -> FrameworkPlan:
    """Plan the framework of one cluster.

    :param member: the host that talks to Marathon, scheduler and gateway.
    :param services: the ``services`` part of its observation.
    :param nodes: every member that is to be there.
    """
    plan = FrameworkPlan(errors=[*services["wanted"]["errors"], *services_errors(services)])
    plan.notes.extend(str(one) for node in nodes for one in node.exposed)
    plan.errors.extend(consent_errors(nodes))
    if plan.errors:
        return plan
    declared = declaration(nodes, services["wanted"])
    plan.errors.extend(_stranger_errors(services, nodes))
    plan.errors.extend(_persona_errors(nodes))
    plan.errors.extend(_mdm_errors(services, plan.warnings))
    plan.errors.extend(immovable(declared, services))
    if plan.errors:
        return plan
    timeout = services["wanted"]["timeout"]
    if any(pool["devices"] for domain in services["gateway"]["domains"].values() for pool in domain["pools"].values()):
        sentence = "wait until the gateway shows no rebuild, no rebalance and no degraded capacity"
        plan.quiet = Step("await_quiet", sentence, {"timeout": timeout})
    app = app_steps(services, nodes)
    waits = _waits(services, nodes, declared, bool(app), timeout)
    if app:
        plan.phases.append(Phase("look at all disks again", {node.member: (_look_step(node),) for node in nodes}))
    if app or waits:
        plan.phases.append(Phase("the framework", {member: (*app, *waits)}))
    return plan


# -- what is refused -----------------------------------------------------------------------------------------------------


def services_errors(services: Observation) -> list[str]:
    """Which service cannot be asked, or is another one than declared. The scheduler may be down: it is to be started then."""
    parts = ("marathon", "mesos_framework", "gateway")
    return [str(services[part]["error"]) for part in parts if services[part]["error"]]


def consent_errors(nodes: Sequence[Node]) -> list[str]:
    """The disks that the framework would take and must not: in use, or without a word in the inventory."""
    errors = [
        f"{one.member}: the framework would take {one.path}, which {one.why}: free it or hide it from the framework's rule"
        for node in nodes
        for one in node.exposed
        if one.verdict == previews.IN_USE
    ]
    unasked = [one for node in nodes for one in node.exposed if one.verdict == previews.UNCONFIRMED]
    if unasked:
        disks = ", ".join(f"{one.member} {one.path}" for one in unasked)
        errors.append(
            f"the framework would take {len(unasked)} disks that nobody has confirmed ({disks}): list each of them in the host's"
            f" scaleio_global_pool_devices, or give the host scaleio_sds or scaleio_sdc (with scaleio_global_pool_mixed: true)"
        )
    return errors


def _stranger_errors(services: Observation, nodes: Sequence[Node]) -> list[str]:
    """Agents of the leading master that no inventory names and that have no imperative attributes: their disks go unseen."""
    names = bare_strangers(services["agents"], [node.hostname for node in nodes])
    if not names:
        return []
    return [
        f"{', '.join(names)}: registered at the leading master without imperative attributes and not in the inventory: the framework"
        f" would take all its unused disks; put it into the group, or stop its agent"
    ]


def bare_strangers(agents: Sequence[Mapping[str, Any]], declared: Sequence[str]) -> list[str]:
    """Host names of active agents without imperative attributes beside the declared ones.

    :param agents: those of the leading master: ``hostname``, ``active``, ``attributes``.
    """
    return sorted(
        {
            agent["hostname"]
            for agent in agents
            if agent["active"]
            and agent["hostname"] not in declared
            and not model.framework_view(agent["attributes"]).imperative
        }
    )


def _persona_errors(nodes: Sequence[Node]) -> list[str]:
    return [
        f"{node.member}: scaleio_persona is {node.persona}, and the MDMs are configured beforehand (scaleio_mdm_role): the framework"
        f" then ignores personas; leave scaleio_persona out"
        for node in nodes
        if node.persona
    ]


def _mdm_errors(services: Observation, warnings: list[str]) -> list[str]:
    roles = {role: addresses[0] for role, addresses in services["wanted"]["mdms"].items()}
    errors = []
    for found in gateway_compare.mdm_differences(roles, services["gateway"]):
        (warnings if found.kind == "mdm_swapped" else errors).append(found.sentence)
    return errors


def immovable(declared: gateway_compare.Declared, services: Observation) -> list[str]:
    """What the declaration would need and the framework never does: move or remove what is at the gateway."""
    way_out = "evacuate it at the gateway and remove it there first, then run again"
    gateway = services["gateway"]
    errors = [
        f"{found.sentence}"
        for found in gateway_compare.missing_at_gateway(declared, gateway)
        if found.kind.endswith(("_elsewhere", "_named"))
    ]
    moved = {(found.ip, found.path) for found in gateway_compare.missing_at_gateway(declared, gateway)}
    for found in gateway_compare.strangers_at_gateway(declared, gateway):
        if found.kind == "device" and found.host and (found.ip, found.path) not in moved:
            errors.append(
                f"{found.host}: {found.path} is in the pool {found.domain}/{found.pool} at the gateway and no longer declared: the"
                f" framework never removes a device; {way_out}"
            )
    nodes = services["scheduler"]["nodes"] or {}
    for host, member in declared.items():
        known = nodes.get(member["hostname"], {}).get("provides") or {}
        others = sorted(set(known) - set(member["provides"]))
        if (
            others
            and member["provides"]
            and not any(found.startswith(f"the SDS sds_{member['ip']} ") for found in errors)
        ):
            errors.append(
                f"{host}: the framework knows it in the protection domain {', '.join(others)} and not in"
                f" {', '.join(member['provides'])}: it never moves a node; remove the app {services['wanted']['app']} from Marathon,"
                f" remove the SDS sds_{member['ip']} at the gateway if it is there, then run again"
            )
    return errors


# -- what there shall be ---------------------------------------------------------------------------------------------------


def declaration(nodes: Sequence[Node], wanted: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the gateway shall show of each node, in the form of gateway_compare.py, with its ``hostname``.

    A node without attributes gives its disks to the single global pool; one that has none gets no SDS.
    """
    found = {}
    for node in nodes:
        provides: dict[str, dict[str, list[str]]]
        if node.imperative:
            provides = {
                domain: {pool: list(paths) for pool, paths in pools.items()} for domain, pools in node.provides.items()
            }
        else:
            paths = [one.path for one in node.exposed]
            provides = {wanted["protection_domain"]: {wanted["storage_pool"]: paths}} if paths else {}
        found[node.member] = {"ip": node.ip, "hostname": node.hostname, "provides": provides}
    return found


# -- the scheduler ----------------------------------------------------------------------------------------------------------


def app_steps(services: Observation, nodes: Sequence[Node]) -> tuple[Step, ...]:
    """Start, change or restart the scheduler, as far as that is needed; every step requires that nobody new is exposed.

    A host's attributes are read once, so whoever has others than the scheduler knows needs a restart of it.
    """
    wanted, seen = services["wanted"], services["marathon"]["app"]
    app = marathon_model.App.from_json(services["marathon"]["declared"])
    lost = _lost(services)
    if lost and seen is not None:
        # Where it subscribed is not where the leading master is now, or is as good as any other.
        command = framework_app.app(wanted, services["leader"])["cmd"]
        app = replace(app, fields={**app.fields, "cmd": command})
    steps = marathon.plan_app(app, seen, _POLICY)
    stale = stale_nodes(services, nodes)
    if not steps and seen is not None and (lost or stale):
        why = lost or f"it reads attributes and disks once, and knows others of {', '.join(stale)}"
        steps = [marathon.restart_step(seen, _POLICY, why)]
    declared = [node.hostname for node in nodes]
    safe = Condition(("bare_strangers",), [], "within")
    return tuple(
        replace(
            step,
            sentence=step.sentence if step.kind == "create_app" else f"{step.sentence}; {_RESTART_MEANS}",
            args={**step.args, "declared_hosts": declared},
            requires=(*step.requires, safe),
        )
        for step in steps
    )


def _lost(services: Observation) -> str:
    """Why a scheduler that runs does nothing any more; empty when it is at work or is not there.

    After a master failover it never subscribes again, and goes on answering with old data.
    """
    app = services["marathon"]["app"]
    if app is None or not app["taskIds"] or not app["settled"] or services["scheduler"]["nodes"] is None:
        return ""
    if services["mesos_framework"]["registered"]:
        return ""
    return "the leading master does not know its framework, and it never subscribes again by itself"


def stale_nodes(services: Observation, nodes: Sequence[Node]) -> list[str]:
    """Members that the running scheduler knows with other devices than they shall contribute."""
    known = services["scheduler"]["nodes"] or {}
    declared = declaration(nodes, services["wanted"])
    found = []
    for node in nodes:
        entry = known.get(node.hostname)
        if entry is None:
            continue
        wanted = declared[node.member]["provides"]
        if node.imperative != entry["imperative"]:
            found.append(node.member)
        elif node.imperative and _plain(entry["provides"]) != _plain(wanted):
            found.append(node.member)
        elif not node.imperative and entry["advertised"] and not _within(wanted, entry["provides"]):
            found.append(node.member)
    return found


def _plain(provides: Provides) -> dict[str, dict[str, set[str]]]:
    return {
        domain: {pool: set(paths or ()) for pool, paths in (pools or {}).items()} for domain, pools in provides.items()
    }


def _within(wanted: Provides, known: Provides) -> bool:
    have = _plain(known)
    return all(
        set(paths) <= have.get(domain, {}).get(pool, set())
        for domain, pools in wanted.items()
        for pool, paths in pools.items()
    )


def is_of_services(step: Step) -> bool:
    """Whether a step is carried out on the host that talks to the services, and not on an agent's."""
    return step.kind in _SERVICES_STEPS


# -- waiting and looking ------------------------------------------------------------------------------------------------------


def _waits(
    services: Observation,
    nodes: Sequence[Node],
    declared: gateway_compare.Declared,
    starts: bool,
    timeout: float,
) -> list[Step]:
    """What the services' host waits for: every node in its final state, everything at the gateway."""
    known = services["scheduler"]["nodes"] or {}
    pending = [node for node in nodes if starts or known.get(node.hostname, {}).get("state") != FINAL_STATE]
    missing = gateway_compare.missing_at_gateway(declared, services["gateway"])
    steps = []
    if pending:
        steps.append(
            Step(
                "await_nodes",
                f"wait until the framework has brought {_counted(len(pending), 'node')} to the final state",
                {"hosts": [node.hostname for node in pending], "timeout": timeout},
            )
        )
    if pending or missing:
        count = sum(
            len(paths) for one in declared.values() for pools in one["provides"].values() for paths in pools.values()
        )
        steps.append(
            Step(
                "await_gateway",
                f"wait until the gateway shows {_counted(count, 'device')} of {_counted(len(declared), 'host')} as declared",
                {"declared": {host: dict(one) for host, one in declared.items()}, "timeout": timeout},
            )
        )
    return steps


def _look_step(node: Node) -> Step:
    """Look again at what the framework will attach or take; the step is its conditions."""
    paths = sorted({path for pools in node.provides.values() for found in pools.values() for path in found})
    taken = sorted(one.path for one in node.exposed)
    requires = [Condition(("scaleio_attributes",), dict(node.attributes))]
    requires += [Condition(("foreign", path), "") for path in paths]
    if not node.imperative:
        requires.append(Condition(("exposed",), taken, "within"))
    what = ", ".join(paths if node.imperative else taken) or "no disk"
    verb = "attach" if node.imperative else "take"
    return Step("look_again", f"look again: the framework will {verb} {what}", {}, tuple(requires))


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
