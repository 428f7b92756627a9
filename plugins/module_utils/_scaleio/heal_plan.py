# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans how a cluster's framework is healed: what is amiss, what can be mended, and what somebody else must mend. Pure.

Three things are mended (thecodeteam/scaleio-framework v0.3.1, recorded runs). A scheduler that never subscribes again after a failover
of the master, or that waits for a node whose agent is gone, is started anew at the leading master. A node whose executor ended while it
waited for the others is found by the next one in a state in which that does nothing: the scheduler is told its next state. What the
gateway has refused once is saved as done and never tried again, also by a new scheduler: that is created at the gateway, where this is
agreed to.

No attribute is changed and no agent restarted. Unlike the plan of a deployment this one works with an incomplete view.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Condition, Phase, Plan, Step
from ansible_collections.holdfast.stateful.plugins.module_utils._core.words import counted
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.model import App
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import framework_app, gateway_compare
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import preview as previews
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_model import (
    FATAL_STATE,
    FINAL_STATE,
    RESOURCES_STATE,
    troubles,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_plan import (
    PLAYBOOK,
    Node,
    Provides,
    await_step,
    bare_strangers,
    busy_errors,
    consent_errors,
    declaration,
    immovable,
    is_idle,
    look_step,
    lost,
    mdm_errors,
    other_schedulers,
    release_step,
    services_errors,
    start_anew,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.gateway_compare import Finding
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.gateway_model import sds_name
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import (
    NodePlan,
    Observation,
    Selector,
    contributed,
    declared_domains,
    declared_files,
    foreign_data,
    framework_nodes,
    gather,
    in_service,
    natural,
    owned,
    services_host,
)


def heal_asked(observations: Iterable[Observation]) -> bool:
    """Whether the observations were made for :func:`plan_heal`."""
    return any(o.get("heal") is not None for o in observations)


def plan_heal(cluster: str, observations: Sequence[Observation], select: Selector) -> Plan:
    """Plan what heals one cluster.

    :param observations: one for each declared member; one that could not be observed carries ``unreachable`` in place of its parts.
    :param select: evaluates a JMESPath expression over devices.
    :returns: a plan whose context has ``unmended``: the host of the services with what is found and cannot be mended here.
    """
    everybody = sorted(observations, key=lambda o: natural(o["member"]))
    seen = [o for o in everybody if "agent" in o]
    unseen = [f"{o['member']} could not be observed: {o['unreachable']}" for o in everybody if "unreachable" in o]
    front, problems = services_host(everybody, seen[0]["wanted"]["settings"]["method"] if seen else "imperative")
    if front is None and unseen:
        sentence = "no host could be observed that talks to Marathon and to the gateway, through which all healing goes"
        return Plan(cluster, refused=(*unseen, sentence))
    if front is None:
        sentence = (
            "no host of the cluster talks to Marathon and to the gateway, so there is nothing that heal could look at"
        )
        return Plan(cluster, refused=tuple(problems), warnings=() if problems else (sentence,))
    case = _Case.of(front, seen, not unseen, select)
    healing = _Healing(warnings=unseen)
    healing.refused.extend(_blind(case.services))
    if not healing.refused:
        _judge_members(case, healing)
        course = _heal_scheduler(case, healing)
        _judge_gateway(case, healing)
        _heal_gateway(case, healing, course)
    return healing.plan(cluster, front["member"])


# -- what is known and what is found ---------------------------------------------------------------------------------------


@dataclass
class _Healing:
    """What was found, and what is done about it.

    :param mended: what the phases are for, as sentences.
    :param unmended: what somebody else must mend.
    """

    refused: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    unmended: list[str] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)

    def plan(self, cluster: str, front: str) -> Plan:
        notes = [f"{cluster}: found: {sentence}" for sentence in self.mended]
        notes += [f"{cluster}: not mended here: {sentence}" for sentence in self.unmended]
        if self.refused:
            return Plan(cluster, refused=tuple(self.refused), warnings=tuple(self.warnings), notes=tuple(notes))
        context = {"peers": {}, "own_tasks": [], "unmended": {front: self.unmended} if self.unmended else {}}
        return Plan(
            cluster, phases=tuple(self.phases), warnings=tuple(self.warnings), notes=tuple(notes), context=context
        )


@dataclass(frozen=True)
class _Case:
    """One cluster as heal sees it.

    :param front: the host that talks to the services.
    :param create: whether what is missing may be created at the gateway.
    :param whole: whether every member could be observed.
    :param seen: the observations of the members, by name.
    :param shown: the paths that the gateway shows as devices of each of them.
    :param nodes: the members with the attributes in force.
    :param stale: what is wrong with the confirmations of disks.
    :param strays: members that are not as declared, and why they are left as they are.
    """

    front: str
    services: Mapping[str, Any]
    create: bool
    whole: bool
    seen: Mapping[str, Observation]
    shown: Mapping[str, set[str]]
    nodes: Sequence[Node]
    stale: Sequence[str]
    strays: Mapping[str, str]

    @classmethod
    def of(cls, front: Observation, seen: Sequence[Observation], whole: bool, select: Selector) -> _Case:
        services = front["services"]
        nodes, stale = framework_nodes(
            seen, [NodePlan(o["member"], "", attributes=_in_force(o)) for o in seen], services
        )
        domains = [
            *declared_domains(seen),
            services["wanted"]["protection_domain"],
            # Of members that could not be observed.
            *services["gateway"].get("domains", ()),
        ]
        strays = {}
        shown = contributed(seen, services)
        for o in seen:
            files, errors = declared_files(o, select, domains, shown[o["member"]])
            if errors:
                strays[o["member"]] = "; ".join(errors)
            elif files != _in_force(o):
                strays[o["member"]] = f"its attributes are not as declared, and heal changes none: run {PLAYBOOK}"
        create = bool((front.get("heal") or {}).get("create"))
        return cls(
            front["member"], services, create, whole, {o["member"]: o for o in seen}, shown, nodes, stale, strays
        )

    @property
    def up(self) -> list[Node]:
        """The members whose agent runs."""
        return [node for node in self.nodes if node.up]

    @property
    def known(self) -> Mapping[str, Any]:
        """What the scheduler says of its nodes, by host name."""
        return self.services["scheduler"]["nodes"] or {}

    def state(self, node: Node) -> int | None:
        """A member's state at the framework; None where it knows none."""
        found: int | None = self.known.get(node.hostname, {}).get("state")
        return found

    def active(self) -> list[str]:
        """Host names of the members whose agent runs, at the leading master too, and that have not failed at the framework."""
        there = {agent["hostname"] for agent in self.services["agents"] if agent["active"]}
        return [node.hostname for node in self.up if node.hostname in there and self.state(node) != FATAL_STATE]

    def timeout(self) -> float:
        return float(self.services["wanted"]["timeout"])


def _in_force(observation: Observation) -> dict[str, Any]:
    """The attributes that the framework reads: of the running agent; of one that is down those that it will start with."""
    running = observation["agent"]["running"]
    return owned(observation["agent"]["files"] if running is None else running["attributes"])


def _blind(services: Mapping[str, Any]) -> list[str]:
    """Why nothing can be judged or done: bad input, a service that does not answer, schedulers that nobody governs."""
    found = [*services["wanted"]["errors"], *services_errors(services)]
    return found or other_schedulers(services)


def _judge_members(case: _Case, healing: _Healing) -> None:
    """What is not as it should be on the agents' hosts; none of it is mended here."""
    found = []
    for node in case.nodes:
        o = case.seen[node.member]
        if not node.up:
            found.append((node.member, "its agent is not up, and heal starts none"))
        elif not in_service(o):
            found.append((node.member, "its agent runs and is not active at the leading master"))
        if node.member in case.strays:
            found.append((node.member, case.strays[node.member]))
    healing.warnings.extend(gather(found))


# -- the scheduler -----------------------------------------------------------------------------------------------------------


class _Course(Enum):
    """What the framework is brought to do before the gateway's turn comes."""

    NOTHING = "nothing"
    GOES_ON = "nodes that have come to a halt go on"
    STARTS_ANEW = "the scheduler starts anew"


def _heal_scheduler(case: _Case, healing: _Healing) -> _Course:
    """Plan its start where it is not at work, let nodes go on that have come to a halt, and name what else holds it up."""
    services = case.services
    found = troubles(services["scheduler"], services["mesos_framework"], services["agents"])
    stopped = _stopped(case, healing)
    if stopped is None:
        return _Course.NOTHING
    why = stopped or lost(services)
    if why:
        healing.mended.append(f"the scheduler of {services['wanted']['app']}: {why}")
        # What it says of its nodes is old.
        found = [one for one in found if one.kind == "failed"]
    else:
        dead = _in_the_way(case, found)
        if dead:
            healing.mended.extend(one.sentence for one in dead)
            names = ", ".join(one.host for one in dead)
            why = f"it waits for {names}, whose agent is gone, and forgets nobody while it runs"
            found = [one for one in found if one.kind == "failed"]
    active = case.active()
    halted = [one.host for one in found if one.kind == "halted"]
    alone = [host for host in halted if host not in active]
    if alone and any(case.known[host]["state"] < RESOURCES_STATE for host in alone):
        # Who is let go on would wait for these.
        halted = []
    halted = [host for host in halted if host in active]
    for one in found:
        if one.kind == "dead" or (one.kind == "behind" and halted):
            # Of the living it is seen in the end whether they have gone on.
            healing.warnings.append(one.sentence)
        elif one.host in halted:
            healing.mended.append(one.sentence)
        elif one.kind == "halted":
            reason = "heal lets only members go on whose host and agent it could look at"
            if one.host not in alone:
                reason = f"let go on it would wait for {', '.join(alone)}"
            healing.unmended.append(f"{one.sentence}; {reason}")
        else:
            healing.unmended.append(one.sentence)
    if not why and services["scheduler"]["password_matches"] is False:
        healing.unmended.append(
            f"the running scheduler has another password of ScaleIO than scaleio_password: run {PLAYBOOK}"
        )
    if not why and not halted:
        return _Course.NOTHING
    blocked = _preview(case)
    if blocked:
        what = (
            f"the scheduler should start anew ({why})" if why else f"{', '.join(halted)} should go on at the framework"
        )
        healing.refused.extend([*blocked, f"{what}, and must not before what is said here is mended"])
    looks = {node.member: (look_step(_still_to_come(case, node), idle=is_idle(services)),) for node in case.up}
    if looks:
        healing.phases.append(Phase("look at all disks again", looks))
    steps = (*start_anew(services, case.up, why), *_waits(case)) if why else _releases(case, active, halted)
    healing.phases.append(Phase("the framework", {case.front: steps}))
    return _Course.STARTS_ANEW if why else _Course.GOES_ON


def _stopped(case: _Case, healing: _Healing) -> str | None:
    """Why a scheduler that does not run is started; empty when it runs, None when nothing is to be done about it here."""
    services, name = case.services, case.services["wanted"]["app"]
    app = services["marathon"]["app"]
    if app is None:
        healing.unmended.append(f"the framework's app {name} is not in Marathon: run {PLAYBOOK}, which starts it")
        return None
    if app["settled"] and app["taskIds"]:
        return ""
    if app["deployments"] or app["taskIds"]:
        what = f"deployment {', '.join(app['deployments'])}" if app["deployments"] else ", ".join(app["taskIds"])
        healing.unmended.append(
            f"Marathon is at work with the app {name} ({what}): run again when that has come to its end"
        )
        return None
    if app["definition"].get("instances") == 0:
        healing.unmended.append(
            f"the app {name} is scaled to 0 instances: who has stopped it, or {PLAYBOOK}, starts it"
        )
        return None
    master = framework_app.master_of(App.from_json(services["marathon"]["declared"]).fields["cmd"])
    if master != services["leader"]:
        return f"it does not run, and subscribes at {master}, where no master leads ({services['leader']} does)"
    failure = (app["lastTaskFailure"] or {}).get("message") or "it tells of no failure"
    healing.unmended.append(
        f"Marathon does not get the app {name} to run ({failure}): look at its queue, and at the scheduler's output"
    )
    return None


def _in_the_way(case: _Case, found: Sequence[Finding]) -> list[Finding]:
    """The nodes whose agent is gone, where somebody waits for them.

    An agent that was seen to run is not gone, whatever the master shows.
    """
    up = {node.hostname for node in case.up}
    dead = [one for one in found if one.kind == "dead" and one.host not in up]
    alive = {agent["hostname"] for agent in case.services["agents"] if agent["active"]} | up
    waiting = {
        host for host in alive & set(case.known) if case.known[host]["state"] not in (FINAL_STATE, FATAL_STATE)
    } | (up - set(case.known))
    missing = gateway_compare.missing_at_gateway(
        declaration(case.up, case.services["wanted"]), case.services["gateway"]
    )
    return dead if waiting or missing else []


def _preview(case: _Case) -> list[str]:
    """Why no scheduler may start now: what it would take or attach wrongly, of everybody whom it could be offered."""
    services = case.services
    blocked = [*case.stale, *consent_errors(case.up), *busy_errors(services, case.up)]
    for node in case.up:
        devices = {device["path"]: device for device in case.seen[node.member]["devices"]}
        fresh = _fresh(case, node)
        error = case.seen[node.member]["devices_error"]
        if error and fresh:
            blocked.append(f"{node.member}: the block devices could not be looked at: {error}")
        for path in fresh:
            foreign = foreign_data(devices[path]) if path in devices else ""
            if foreign and not is_idle(services):
                blocked.append(
                    f"{node.member}: {path} is one of its devices by attribute and not at the gateway, and {foreign}: free it, or"
                    f" take it out of its attributes"
                )
    unseen = bare_strangers(services["agents"], [node.hostname for node in case.up])
    if unseen:
        blocked.append(
            f"{', '.join(unseen)}: active at the leading master without imperative attributes, and not looked at, so the framework"
            f" would take every unused disk there: make the host reachable and put it into the group, or stop its agent"
        )
    return blocked


def _fresh(case: _Case, node: Node) -> list[str]:
    """The devices by attribute that the gateway does not show yet."""
    paths = {path for pools in node.provides.values() for found in pools.values() for path in found}
    return sorted(paths - case.shown[node.member]) if node.imperative else []


def _still_to_come(case: _Case, node: Node) -> Node:
    """A node with those devices by attribute that a scheduler could still attach: they are there, and not at the gateway."""
    there = {device["path"] for device in case.seen[node.member]["devices"]} & set(_fresh(case, node))
    return replace(node, provides=_only(node.provides, there))


def _only(provides: Provides, paths: Collection[str]) -> dict[str, dict[str, list[str]]]:
    return {
        domain: {pool: [path for path in found if path in paths] for pool, found in pools.items()}
        for domain, pools in provides.items()
    }


def _waits(case: _Case) -> list[Step]:
    """Wait for those that can come to their final state under a new scheduler; one that has failed stays so until somebody has mended it.

    Whoever waited for the others under the last one is let go on: the new one's executors do nothing there.
    """
    hosts = case.active()
    if not hosts:
        return []
    at_end = case.known and all(case.known.get(host, {}).get("state") == FINAL_STATE for host in hosts)
    return [*([] if at_end else [release_step(hosts, case.timeout(), {}, None)]), await_step(hosts, case.timeout())]


def _releases(case: _Case, active: Sequence[str], halted: Sequence[str]) -> tuple[Step, ...]:
    """Let nodes go on, and wait for all that are on their way by then."""
    states = {host: case.known[host]["state"] for host in halted}
    hosts = [host for host in active if case.known.get(host, {}).get("state") not in (None, FINAL_STATE)]
    framework = case.services["mesos_framework"]["registered"]
    return release_step(hosts, case.timeout(), states, framework), await_step(hosts, case.timeout())


# -- the gateway -----------------------------------------------------------------------------------------------------------


def _judge_gateway(case: _Case, healing: _Healing) -> None:
    """What the gateway shows that nobody can mend from here."""
    services, gateway = case.services, case.services["gateway"]
    declared = declaration(case.nodes, services["wanted"])
    healing.unmended.extend(mdm_errors(services, healing.warnings))
    healing.unmended.extend(found.sentence for found in gateway_compare.unwell(gateway))
    healing.unmended.extend(gateway_compare.disturbances(gateway["activity"]))
    healing.unmended.extend(immovable(declared, services))
    for found in gateway_compare.strangers_at_gateway(declared, gateway):
        # What an unseen member declares is not known.
        if (found.host or case.whole) and not (found.host and found.kind == "device"):
            healing.warnings.append(f"{found.sentence}; heal removes nothing")


def _heal_gateway(case: _Case, healing: _Healing, course: _Course) -> None:
    """Plan what is created at the gateway, and say what else is missing there.

    :param course: what comes before; with that the framework may create some of it itself.
    """
    given_up, held = [], []
    for node in case.up:
        reason = _not_given_up(case, node, course)
        if not reason:
            given_up.append(node)
        elif _missing(case, [node]):
            held.append((node.member, f"what it contributes is not all at the gateway, and is left to wait: {reason}"))
    healing.unmended.extend(gather(held))
    judged = [(found, _against(case, found)) for found in _missing(case, given_up)]
    healing.unmended.extend(f"{found.sentence}, and is not added: {reason}" for found, reason in judged if reason)
    kept = {(found.host, found.path) for found, reason in judged if reason}
    given_up = [_without(node, {path for host, path in kept if host == node.member}) for node in given_up]
    wanted = [found for found in _missing(case, given_up) if (found.host, found.path) not in kept]
    if not wanted:
        return
    if not case.create:
        way_out = "with scaleio_heal_create: true heal creates it at the gateway"
        may_come = "the new scheduler" if course is _Course.STARTS_ANEW else "the framework, when it goes on,"
        at_end = {one for one in wanted if one in _missing(case, [n for n in given_up if _at_end(case, n, course)])}
        for found in wanted:
            if found in at_end:
                sentence = f"the framework never tries again what was refused once; {way_out}"
                healing.unmended.append(f"{found.sentence}: {sentence}")
            else:
                healing.warnings.append(f"{found.sentence}: {may_come} may bring it; where it does not, {way_out}")
    elif _at_rest(case):
        healing.mended.extend(found.sentence for found in wanted)
        healing.phases.extend(_creation(case, given_up, wanted, course))
    else:
        sentence = "nothing is created before its MDM cluster is as declared and its data at rest"
        healing.unmended.extend(f"{found.sentence}: {sentence}" for found in wanted)


def _without(node: Node, paths: Collection[str]) -> Node:
    """A node of the global pool without some of its disks: for them alone it needs no SDS."""
    return replace(node, exposed=tuple(one for one in node.exposed if one.path not in paths))


def _missing(case: _Case, nodes: Sequence[Node]) -> list[Finding]:
    """What these nodes contribute and the gateway could be given, in the order in which it is created."""
    declared = declaration(nodes, case.services["wanted"])
    found = gateway_compare.missing_at_gateway(declared, case.services["gateway"])
    return [one for one in found if one.kind in _CREATE]


def _at_end(case: _Case, node: Node, course: _Course) -> bool:
    """Whether the framework does nothing more for a node, all that comes before the gateway's turn included."""
    return course is not _Course.STARTS_ANEW and case.state(node) == FINAL_STATE


def _not_given_up(case: _Case, node: Node, course: _Course) -> str:
    """Why what is missing of a node is not for heal to create; empty when the framework has given it up by then."""
    services, gateway = case.services, case.services["gateway"]
    if node.member in case.strays:
        return "it is not as declared"
    if not any(agent["active"] and agent["hostname"] == node.hostname for agent in services["agents"]):
        return "its agent is not active at the leading master"
    state = case.state(node)
    if state == FATAL_STATE:
        return "the framework has failed to install it"
    declared = declaration([node], services["wanted"])
    if course is not _Course.STARTS_ANEW:
        if state is None or (course is _Course.NOTHING and state != FINAL_STATE):
            at = "does not know it yet" if state is None else f"is still at work with it (state {state})"
            return f"the framework {at}"
        if not _within(declared[node.member]["provides"], case.known[node.hostname]["provides"]):
            return f"the framework knows other devices of it: run {PLAYBOOK}"
    if any(one.kind not in _CREATE for one in gateway_compare.missing_at_gateway(declared, gateway)):
        return "what stands in the way at the gateway must go first"
    for one in gateway_compare.unwell(gateway):
        if one.kind in ("sds_down", "device_failed") and node.ip in (gateway["sds"].get(one.ip) or {}).get(
            "addresses", ()
        ):
            return "its SDS is not well"
    return ""


def _within(provides: Provides, known: Provides) -> bool:
    return all(
        domain in known
        and set(pools) <= set(known[domain])
        and all(set(pools[p]) <= set(known[domain][p]) for p in pools)
        for domain, pools in provides.items()
    )


def _against(case: _Case, found: Finding) -> str:
    """What speaks against giving a device to the gateway, which overwrites what is on it; empty for nothing, and for all else."""
    if found.kind != "device":
        return ""
    seen = case.seen[found.host]
    if seen["devices_error"]:
        return f"the block devices could not be looked at: {seen['devices_error']}"
    device = next((device for device in seen["devices"] if device["path"] == found.path), None)
    if device is None:
        return "the host has no such device"
    if not device["free"]:
        return foreign_data(device) or "; ".join(device["free_because"])
    exposed = next(node.exposed for node in case.nodes if node.member == found.host)
    if any(one.path == found.path and one.verdict == previews.UNCONFIRMED for one in exposed):
        return "nobody has confirmed it in scaleio_global_pool_devices"
    return ""


def _at_rest(case: _Case) -> bool:
    """Whether the gateway may be changed: its MDM cluster is well and the declared one, and no data moves or lacks a copy."""
    gateway = case.services["gateway"]
    unwell = [found for found in gateway_compare.unwell(gateway) if found.kind == "mdm"]
    return not unwell and not mdm_errors(case.services, []) and gateway_compare.quiet(gateway)


def _creation(case: _Case, nodes: Sequence[Node], wanted: Sequence[Finding], course: _Course) -> list[Phase]:
    """Look at the devices once more on their hosts, then create all at the gateway and wait until it shows that."""
    added = {(found.ip, found.path) for found in wanted if found.kind == "device"}
    looks, shown = {}, {}
    for node in nodes:
        paths = sorted(path for ip, path in added if ip == node.ip)
        if paths:
            looks[node.member] = (_judge_step(node, paths, idle=course is _Course.NOTHING),)
        if _missing(case, [node]):
            there = case.shown[node.member] | set(paths)
            entry = declaration([node], case.services["wanted"])[node.member]
            shown[node.member] = {**entry, "provides": _only(entry["provides"], there)}
    sentence = f"wait until the gateway shows this of {counted(len(shown), 'host')}"
    wait = Step("await_gateway", sentence, {"declared": shown, "timeout": case.timeout()}, effect=False)
    phases = [Phase("look at the devices that are added", looks)] if looks else []
    return [*phases, Phase("mend at the gateway", {case.front: (*map(_create_step, wanted), wait)})]


def _judge_step(node: Node, paths: Sequence[str], *, idle: bool) -> Step:
    """Look again at what the gateway will overwrite; the step is its conditions.

    :param idle: nobody has given them to the SDS since they were looked at, so that it does not have them open.
    """
    requires = [Condition(("scaleio_attributes",), dict(node.attributes))]
    requires += [Condition(("in_use" if idle else "foreign", path), "") for path in paths]
    sentence = f"look again: the gateway will take {', '.join(paths)}"
    return Step("look_again", sentence, {}, tuple(requires), effect=False)


# The step that creates what is not there, and what it is told.
_CREATE: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "domain": ("create_domain", ("domain",)),
    "pool": ("create_pool", ("domain", "pool")),
    "sds": ("create_sds", ("domain", "ip")),
    "device": ("create_device", ("domain", "pool", "ip", "path")),
}


def _create_step(found: Finding) -> Step:
    """Every effect looks first whether it is there by now."""
    kind, names = _CREATE[found.kind]
    what = {
        "domain": f"create the protection domain {found.domain} at the gateway",
        "pool": f"create the storage pool {found.domain}/{found.pool} at the gateway",
        "sds": f"create the SDS {sds_name(found.ip)} of {found.host} in {found.domain} at the gateway",
        "device": f"add {found.path} of {found.host} to the pool {found.domain}/{found.pool} at the gateway",
    }
    after = "/".join(filter(None, (found.domain, found.pool, found.host, found.path)))
    args = {name: getattr(found, name) for name in names}
    return Step(kind, what[found.kind], args, subject="the gateway", after=f"{found.kind} {after}\n")
