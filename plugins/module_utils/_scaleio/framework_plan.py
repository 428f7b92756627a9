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
from ansible_collections.holdfast.stateful.plugins.module_utils._core.words import counted
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import model as marathon_model
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import plan as marathon
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import framework_app, gateway_compare, model
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import preview as previews
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_model import (
    FINAL_STATE,
    NEXT_STATES,
    RELEASE_SECONDS,
    TOGETHER_STATE,
    is_registered,
    troubles,
)

Observation = Mapping[str, Any]
Provides = Mapping[str, Mapping[str, Sequence[str]]]

_SERVICES_STEPS = frozenset(
    (
        *("create_app", "update_app", "restart_app", "release_nodes", "await_nodes", "await_gateway", "await_quiet"),
        *("create_domain", "create_pool", "create_sds", "create_device"),
    )
)
_LOOK = "look at all disks again"
PLAYBOOK = "the playbook of its method (scaleio_imperative or scaleio_global_pool)"
# Why a member has no imperative attributes, and what keeps the framework off its disks there.
BY_METHOD, RELEASED, NOT_IN_FORCE = "by method", "released", "not in force"
_INSTEAD = {
    BY_METHOD: "give the host scaleio_sds or scaleio_sdc (with scaleio_global_pool_mixed: true)",
    RELEASED: "declare scaleio_state: absent without scaleio_allow_global_pool, so that scaleio-sdc-domains stands",
    NOT_IN_FORCE: f"bring the host's declared attributes into force with {PLAYBOOK}",
}
_RESTART_MEANS = "every executor ends and the new scheduler starts it again; SDS and SDC are services of the hosts, so the data path goes on"


_RELEASE_MEANS = {
    1: "by which the framework takes their prerequisites as installed and a new kernel as booted",
    TOGETHER_STATE: "by which the framework takes these hosts as rebooted",
}


@dataclass(frozen=True)
class Node:
    """A declared member as the framework will meet it.

    :param hostname: by which master and scheduler know it.
    :param ip: its agent's address, after which its SDS is named.
    :param provides: protection domain -> pool -> devices that it will have by its attributes.
    :param imperative: whether it will have imperative attributes.
    :param attributes: the ``scaleio-`` attributes that its agent will run with.
    :param persona: its MDM role by attribute, or an empty text.
    :param bare: why it has no imperative attributes, when it has none: ``by method`` (of the cluster), ``released`` (by its own
        declaration), ``not in force`` (it declares some).
    :param exposed: the disks that the rule takes from it when it has no imperative attributes.
    :param busy: those of its devices by attribute that something has open, path -> why.
    :param starts: whether its agent is started or restarted before the framework's own steps.
    :param restarts: whether its agent runs until then with what it has now.
    :param up: whether its agent runs then; one that has joined before may be left down.
    """

    member: str
    hostname: str
    ip: str
    provides: Provides
    imperative: bool
    attributes: Mapping[str, str]
    persona: str = ""
    bare: str = BY_METHOD
    exposed: tuple[previews.Exposed, ...] = ()
    busy: Mapping[str, str] = field(default_factory=dict)
    starts: bool = False
    restarts: bool = False
    up: bool = True


@dataclass
class FrameworkPlan:
    """What the framework needs, with everything that speaks against it.

    :param notes: for people: the preview, and what is left at the gateway and holds nothing.
    :param phases: those after the attributes stand.
    :param quiet: the step on the services' host that goes between batches; None where the gateway has no device yet.
    :param looks: a member's step that goes before its agent is started, where a scheduler is there that may take its disks then.
    :param hosting: members whose agent is restarted and runs the scheduler itself, which Marathon may start elsewhere then.
    :param before_loss: what goes before that.
    """

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    quiet: Step | None = None
    looks: dict[str, Step] = field(default_factory=dict)
    hosting: Sequence[str] = ()
    before_loss: Phase | None = None


def plan_framework(member: str, services: Observation, nodes: Sequence[Node]) -> FrameworkPlan:
    """Plan the framework of one cluster.

    :param member: the host that talks to Marathon, scheduler and gateway.
    :param services: the ``services`` part of its observation.
    :param nodes: every member that is to be there.
    """
    plan = FrameworkPlan(errors=[*services["wanted"]["errors"], *services_errors(services)])
    if services["gateway"]["error"]:
        # What an SDS holds would look like a disk in use.
        return plan
    plan.notes.extend(str(one) for node in nodes for one in node.exposed)
    plan.errors.extend(consent_errors(nodes))
    if plan.errors:
        return plan
    declared = declaration(nodes, services["wanted"])
    plan.errors.extend(other_schedulers(services))
    plan.errors.extend(stranger_errors(services, nodes))
    plan.errors.extend(_persona_errors(nodes))
    plan.errors.extend(mdm_errors(services, plan.warnings))
    plan.errors.extend(busy_errors(services, nodes))
    plan.errors.extend(immovable(declared, services))
    plan.errors.extend(removed_nodes(declared, services))
    strangers = gateway_compare.strangers_at_gateway(declared, services["gateway"])
    plan.notes.extend(found.sentence for found in strangers if found.kind in gateway_compare.EMPTY)
    if plan.errors or not nodes:
        return plan
    if any(pool["devices"] for domain in services["gateway"]["domains"].values() for pool in domain["pools"].values()):
        sentence = "wait until the gateway shows no rebuild, no rebalance and no degraded capacity"
        plan.quiet = Step("await_quiet", sentence, {"timeout": services["wanted"]["timeout"]}, effect=False)
    down = [node.member for node in nodes if not node.up]
    if down:
        plan.warnings.append(f"{', '.join(down)}: the agent is left down, so the framework is not waited for there")
    up = [node for node in nodes if node.up]
    app = app_steps(services, nodes)
    plan.hosting = _hosting(services, nodes)
    if plan.hosting:
        plan.before_loss = Phase(_LOOK, {node.member: (look_step(node, before_start=True),) for node in up})
    waits = _waits(services, up, bool(app or plan.hosting))
    if services["marathon"]["app"] is not None:
        known = services["scheduler"]["nodes"] or {}
        starting = [node for node in up if node.starts and not (node.imperative and node.hostname in known)]
        plan.looks = {node.member: look_step(node, before_start=True) for node in starting}
    if app and up:
        looks = {node.member: (look_step(node, idle=is_idle(services)),) for node in up}
        plan.phases.append(Phase(_LOOK, looks))
    if app or waits:
        plan.phases.append(Phase("the framework", {member: (*app, *waits)}))
    return plan


# -- what is refused -----------------------------------------------------------------------------------------------------


def services_errors(services: Observation) -> list[str]:
    """Which service cannot be asked, or is another one than declared. The scheduler may be down: it is to be started then."""
    parts = ("marathon", "mesos_framework", "gateway")
    return [str(services[part]["error"]) for part in parts if services[part]["error"]]


def consent_errors(nodes: Sequence[Node]) -> list[str]:
    """The disks that the framework would take and must not: in use, of a wrong size, or without a word in the inventory."""
    ways_out = {
        previews.IN_USE: "free it, hide it from the framework's rule",
        previews.UNFIT: "hide it from the framework's rule, for example by a file system",
    }
    errors = [
        f"{one.member}: the framework would take {one.path}, which {one.why}: {ways_out[one.verdict]}, or {_INSTEAD[node.bare]}"
        for node in nodes
        for one in node.exposed
        if one.verdict in ways_out
    ]
    for bare, instead in _INSTEAD.items():
        unasked = [
            one for node in nodes if node.bare == bare for one in node.exposed if one.verdict == previews.UNCONFIRMED
        ]
        if not unasked:
            continue
        disks = ", ".join(f"{one.member} {one.path}" for one in unasked)
        # A confirmation is nothing for a host that is to have attributes.
        way_out = "" if bare == NOT_IN_FORCE else "list each in the host's scaleio_global_pool_devices, or "
        errors.append(
            f"the framework would take {counted(len(unasked), 'disk')} that nobody has confirmed ({disks}): {way_out}{instead}"
        )
    return errors


def other_schedulers(services: Observation) -> list[str]:
    """More schedulers than the app has tasks: each starts executors and files devices, and nothing here governs the others."""
    app, name = services["marathon"]["app"], services["wanted"]["app"]
    registered = [item for item in services["mesos_framework"]["frameworks"] if is_registered(item)]
    tasks = 0 if app is None else len(app["taskIds"])
    if len(registered) <= tasks:
        return []
    which = ", ".join(f"{item['id']} from {item['hostname'] or 'an unknown host'}" for item in registered)
    has = "has no such app" if app is None else f"runs {counted(tasks, 'task')} of it"
    return [
        f"the leading master knows {counted(len(registered), 'framework')} called {services['mesos_framework']['name']} ({which}),"
        f" and Marathon {has} ({name}): stop the scheduler that is not this app's, or name its app in scaleio_framework_app"
    ]


def stranger_errors(services: Observation, nodes: Sequence[Node]) -> list[str]:
    """Agents of the leading master that no inventory names and that have no imperative attributes: their disks go unseen."""
    names = bare_strangers(services["agents"], [node.hostname for node in nodes])
    if not names:
        return []
    return [
        f"{', '.join(names)}: registered at the leading master without imperative attributes and not in the inventory, so the"
        f" framework takes every unused disk there: put it into the group, or stop its agent"
    ]


def bare_strangers(agents: Sequence[Mapping[str, Any]], declared: Sequence[str]) -> list[str]:
    """Host names of active agents without imperative attributes beside the declared ones.

    :param agents: those of the leading master: ``hostname``, ``active``, ``attributes``.
    """
    known = frozenset(declared)
    return sorted(
        {
            agent["hostname"]
            for agent in agents
            if agent["active"]
            and agent["hostname"] not in known
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


def mdm_errors(services: Observation, warnings: list[str]) -> list[str]:
    """How the MDM cluster at the gateway differs from the declared one; a failover alone is a warning."""
    roles = {role: addresses[0] for role, addresses in services["wanted"]["mdms"].items()}
    errors: list[str] = []
    for found in gateway_compare.mdm_differences(roles, services["gateway"]):
        (warnings if found.kind == "mdm_swapped" else errors).append(found.sentence)
    return errors


def busy_errors(services: Observation, nodes: Sequence[Node]) -> list[str]:
    """Devices by attribute that somebody else than the SDS has open.

    Where a scheduler runs, an SDS may have taken one since the gateway was looked at.
    """
    if not is_idle(services):
        return []
    shown = gateway_compare.paths_by_address(services["gateway"])
    return [
        f"{node.member}: {path} is one of its devices by attribute and not at the gateway, and {why}: free it, or declare another one"
        for node in nodes
        for path, why in sorted(node.busy.items())
        if path not in shown.get(node.ip, ())
    ]


def is_idle(services: Observation) -> bool:
    """Whether no scheduler runs."""
    app = services["marathon"]["app"]
    return app is None or not app["taskIds"]


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


def removed_nodes(declared: gateway_compare.Declared, services: Observation) -> list[str]:
    """Agents that contribute and that the inventory, seen whole, no longer names."""
    agents = {agent["ip"]: agent["hostname"] for agent in services["agents"] or () if agent["active"]}
    return [
        f"{agents[found.ip]}: {found.path} is in the pool {found.domain}/{found.pool} at the gateway, and the host is not in the"
        f" inventory: the framework never removes a node; put its line back, or evacuate it at the gateway, remove it there and stop"
        f" its agent, then run again"
        for found in gateway_compare.strangers_at_gateway(declared, services["gateway"])
        if found.kind == "device" and not found.host and found.ip in agents
    ]


# -- what there shall be ---------------------------------------------------------------------------------------------------


def declaration(nodes: Sequence[Node], wanted: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What the gateway shall show of each node, in the form of gateway_compare.py, with its ``hostname``.

    A node without attributes gives its disks to the single global pool, but for those that the gateway refuses by their size; one
    that has none gets no SDS.
    """
    found = {}
    for node in nodes:
        provides: dict[str, dict[str, list[str]]]
        if node.imperative:
            provides = {
                domain: {pool: list(paths) for pool, paths in pools.items()} for domain, pools in node.provides.items()
            }
        else:
            paths = [one.path for one in node.exposed if one.verdict != previews.UNFIT]
            provides = {wanted["protection_domain"]: {wanted["storage_pool"]: paths}} if paths else {}
        found[node.member] = {"ip": node.ip, "hostname": node.hostname, "provides": provides}
    return found


# -- the scheduler ----------------------------------------------------------------------------------------------------------


def app_steps(services: Observation, nodes: Sequence[Node]) -> tuple[Step, ...]:
    """Start, change or restart the scheduler, as far as that is needed; every step requires that nobody new is exposed.

    A host's attributes are read once, so whoever has others than the scheduler knows needs a restart of it.
    """
    seen = services["marathon"]["app"]
    steps = marathon.plan_app(marathon_model.App.from_json(services["marathon"]["declared"]), seen, _policy(services))
    why = "" if seen is None else _restart_reason(services, nodes)
    if seen is not None and (steps or why):
        return start_anew(services, nodes, why)
    return tuple(_guarded(step, seen, nodes, why) for step in steps)


def start_anew(services: Observation, nodes: Sequence[Node], why: str) -> tuple[Step, ...]:
    """Let the scheduler that is there start anew, as declared, and subscribe at the leading master: its last one may be down.

    :param nodes: those whose disks were looked at.
    """
    seen = services["marathon"]["app"]
    app = marathon_model.App.from_json(services["marathon"]["declared"])
    command = framework_app.app(services["wanted"], services["leader"])["cmd"]
    app = replace(app, fields={**app.fields, "cmd": command})
    policy = _policy(services)
    steps = marathon.plan_app(app, seen, policy) or [marathon.restart_step(seen, policy, why)]
    return tuple(_guarded(step, seen, nodes, why) for step in steps)


def _policy(services: Observation) -> marathon.Policy:
    """A deployment of somebody else is waited for and never stopped."""
    timeout = services["wanted"]["timeout"]
    return marathon.Policy(lock_timeout=min(timeout, 120.0), deployment_timeout=timeout)


def _guarded(step: Step, seen: Mapping[str, Any] | None, nodes: Sequence[Node], why: str) -> Step:
    """A step that starts a scheduler, with what must hold before, and with what it means."""
    requires = [*step.requires, Condition(("bare_strangers",), [], "within")]
    sentence = step.sentence
    if step.kind == "update_app" and seen is not None:
        # What may be shown of a command line depends on the declared one, which was another when the app was looked at.
        requires = [condition for condition in requires if condition.path != ("app", "definition", "cmd")]
        requires.append(Condition(("app", "version"), seen["version"]))
        sentence += f" ({why})" if why else ""
    if step.kind == "restart_app" and seen is not None and _hosts_task(seen, nodes):
        # It starts anew as its agent restarts, and may have read attributes that were not yet as they shall be.
        requires = [condition for condition in requires if condition.path != ("app", "taskIds")]
    if step.kind != "create_app":
        sentence += f"; {_RESTART_MEANS}"
    args = {**step.args, "declared_hosts": [node.hostname for node in nodes]}
    return replace(step, sentence=sentence, args=args, requires=tuple(requires))


def _hosting(services: Observation, nodes: Sequence[Node]) -> list[str]:
    app = services["marathon"]["app"]
    return [] if app is None else _hosts_task(app, nodes)


def _hosts_task(app: Mapping[str, Any], nodes: Sequence[Node]) -> list[str]:
    """Members whose agent runs a task of the app and is restarted."""
    hosts = {task["host"] for task in app["tasks"] if task["id"] in app["taskIds"]}
    return [node.member for node in nodes if node.starts and node.hostname in hosts]


def _restart_reason(services: Observation, nodes: Sequence[Node]) -> str:
    """Why the scheduler that is there must start anew although its app is as declared; empty when it must not."""
    gone = lost(services)
    if gone:
        return gone
    stale = stale_nodes(services, nodes)
    if stale:
        return f"it reads attributes and disks once, and knows others of {', '.join(stale)}"
    # One that has just started has met nobody yet, and meets agents before their turn comes to be restarted.
    known = services["scheduler"]["nodes"]
    unmet = [node.member for node in nodes if known is not None and node.restarts and node.hostname not in known]
    if unmet:
        return f"it reads attributes and disks once, and may do so on {', '.join(unmet)} before they are changed"
    dead = _dead_nodes(services, nodes)
    if dead:
        return f"it waits for {', '.join(dead)}, whose agent is gone, and forgets nobody while it runs"
    return ""


def lost(services: Observation) -> str:
    """Why a scheduler that runs does nothing any more; empty when it is at work or is not there.

    After a master failover it never subscribes again, and goes on answering with old data.
    """
    app = services["marathon"]["app"]
    if app is None or not app["taskIds"] or not app["settled"]:
        return ""
    if services["scheduler"]["error"]:
        return f"its scheduler at {services['scheduler']['url']} does not answer"
    if services["mesos_framework"]["registered"]:
        return ""
    return "the leading master does not know its framework, and it never subscribes again by itself"


def _dead_nodes(services: Observation, nodes: Sequence[Node]) -> list[str]:
    """Hosts whose agent is gone, and that keep members from their final state."""
    up = [node for node in nodes if node.up]
    hosts = {node.hostname for node in up}
    if not _pending(services, up) and not _missing(services, up):
        return []
    found = troubles(services["scheduler"], services["mesos_framework"], services["agents"])
    return [finding.host for finding in found if finding.kind == "dead" and finding.host not in hosts]


def stale_nodes(services: Observation, nodes: Sequence[Node]) -> list[str]:
    """Members that the running scheduler knows with other devices than they shall contribute.

    Disks that are at the gateway need no word to the scheduler any more, also when the rule does not see them by now.
    """
    known, wanted = services["scheduler"]["nodes"] or {}, services["wanted"]
    return [
        node.member
        for node in nodes
        if node.up and node.hostname in known and is_stale(node, known[node.hostname], wanted)
    ]


def is_stale(node: Node, known: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a running scheduler knows a member with other devices than it shall contribute, and asks no more."""
    if node.imperative != known["imperative"]:
        return True
    if node.imperative:
        return _plain(known["provides"]) != _plain(node.provides)
    sent = _plain(known["provides"]).get(wanted["protection_domain"], {}).get(wanted["storage_pool"], set())
    to_come = {one.path for one in node.exposed if one.verdict != previews.CONTRIBUTED}
    # Until it has offered its disks once, its executor looks for them again and again.
    return bool(known["advertised"]) and not to_come <= sent


def _plain(provides: Provides) -> dict[str, dict[str, set[str]]]:
    return {domain: {pool: set(paths) for pool, paths in pools.items()} for domain, pools in provides.items()}


def is_of_services(step: Step) -> bool:
    """Whether a step is carried out on the host that talks to the services, and not on an agent's."""
    return step.kind in _SERVICES_STEPS


# -- waiting and looking ------------------------------------------------------------------------------------------------------


def _waits(services: Observation, nodes: Sequence[Node], starts: bool) -> list[Step]:
    """What the services' host waits for: every node in its final state, everything at the gateway.

    :param starts: whether a scheduler is started before.
    """
    pending = list(nodes) if starts else _pending(services, nodes)
    timeout = services["wanted"]["timeout"]
    steps = []
    if pending:
        steps.append(await_step([node.hostname for node in pending], timeout))
    if pending or _missing(services, nodes):
        declared = declaration(nodes, services["wanted"])
        count = sum(
            len(paths) for one in declared.values() for pools in one["provides"].values() for paths in pools.values()
        )
        steps.append(
            Step(
                "await_gateway",
                f"wait until the gateway shows {counted(count, 'device')} of {counted(len(declared), 'host')} as declared",
                {"declared": declared, "timeout": timeout},
                effect=False,
            )
        )
    return steps


def await_step(hosts: Sequence[str], timeout: float) -> Step:
    """Wait for the final state of nodes.

    :param hosts: their host names.
    """
    sentence = f"wait until the framework has brought {counted(len(hosts), 'node')} to the final state"
    return Step("await_nodes", sentence, {"hosts": list(hosts), "timeout": timeout}, effect=False)


def _pending(services: Observation, nodes: Sequence[Node]) -> list[Node]:
    """Who is not known to be in its final state."""
    known = services["scheduler"]["nodes"] or {}
    return [node for node in nodes if known.get(node.hostname, {}).get("state") != FINAL_STATE]


def _missing(services: Observation, nodes: Sequence[Node]) -> bool:
    declared = declaration(nodes, services["wanted"])
    return bool(gateway_compare.missing_at_gateway(declared, services["gateway"]))


def release_step(hosts: Sequence[str], timeout: float, halted: Mapping[str, int], framework: str | None) -> Step:
    """Let nodes go on that have come to a halt where they wait for the others.

    :param hosts: host names of the nodes that may be let go on.
    :param halted: those of them that stand there now -> state; empty where a new scheduler comes first, which nobody has seen yet.
    :param framework: the id of the registered framework that was asked, if that one is to be told.
    """
    args = {"hosts": list(hosts), "timeout": timeout}
    if halted:
        return _releasing(Step("release_nodes", "", args, (Condition(("framework",), framework),)), halted)
    states = "; ".join(
        f"state {after} in place of {state}, {_RELEASE_MEANS[state]}" for state, after in NEXT_STATES.items()
    )
    sentence = (
        f"let those nodes go on that stay for {RELEASE_SECONDS:g} s where one waits for all ({counted(len(hosts), 'node')}, as far as"
        f" the new scheduler finds them there): {states}"
    )
    return Step("release_nodes", sentence, args)


def released(step: Step, states: Mapping[str, int]) -> Step:
    """A step of :func:`release_step` as it was carried out.

    :param states: the hosts that were let go on, each with the state in which it had halted.
    """
    if not states:
        sentence = "no node stays where it waits for the others, so none had to be let go on"
        return replace(step, sentence=sentence, before="", after="", effect=False)
    return _releasing(step, states)


def _releasing(step: Step, states: Mapping[str, int]) -> Step:
    """With what the scheduler is told."""
    parts = []
    for state, after in NEXT_STATES.items():
        hosts = [host for host, found in states.items() if found == state]
        if hosts:
            parts.append(f"state {after} in place of {state} for {', '.join(hosts)}, {_RELEASE_MEANS[state]}")
    return replace(
        step,
        sentence=f"let those nodes go on that stay for {RELEASE_SECONDS:g} s where they are: {'; '.join(parts)}",
        subject="the framework's nodes",
        before="".join(f"{host}: state {state}\n" for host, state in states.items()),
        after="".join(f"{host}: state {NEXT_STATES[state]}\n" for host, state in states.items()),
    )


def look_step(node: Node, *, before_start: bool = False, idle: bool = False) -> Step:
    """Look again at what the framework will attach or take; the step is its conditions.

    :param before_start: the agent does not run with its attributes yet.
    :param idle: no scheduler runs, so that no SDS can have taken a disk since it was looked at.
    """
    requires = [] if before_start else [Condition(("scaleio_attributes",), dict(node.attributes))]
    if node.imperative:
        paths = sorted({path for pools in node.provides.values() for found in pools.values() for path in found})
        unused = [path for path in paths if path not in node.busy]
        requires += [Condition(("foreign", path), "") for path in paths if path in node.busy]
    else:
        paths = sorted(one.path for one in node.exposed)
        unused = sorted(one.path for one in node.exposed if one.verdict != previews.CONTRIBUTED)
        requires.append(Condition(("exposed",), paths, "within"))
    requires += [Condition(("in_use" if idle else "foreign", path), "") for path in unused]
    verb = "attach" if node.imperative else "take"
    what = f"look again: the framework will {verb} {', '.join(paths) or 'no disk'}"
    return Step("look_again", what, {}, tuple(requires), effect=False)
