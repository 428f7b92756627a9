# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans the imperative attributes of a whole cluster: observations in, phases out. Pure.

Three things are never yielded, and are checked after every single step: an agent that had imperative attributes and
would, if restarted right then, have none (the framework would take all its disks); a device or a protection domain that
neither the old nor the new layout has; a device that would be in two pools.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Phase, Plan, Step
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import InputError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.identity import (
    assign_ordinals,
    identity_conflicts,
    previous_path,
    record_path,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.model import task_prefix
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model as attributes
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import plan as mesos
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import gateway_compare, model, preview
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_plan import (
    BY_METHOD,
    NOT_IN_FORCE,
    RELEASED,
    FrameworkPlan,
    Node,
    declaration,
    plan_framework,
)

_QUIET_HOSTS = "without taking an agent down"

Observation = Mapping[str, Any]
Writes = list[tuple[str, "str | None"]]
Selector = Callable[[str, Sequence[Mapping[str, Any]]], Any]


# -- the order of writes ----------------------------------------------------------------------------------------------


def order_writes(old: Mapping[str, str], new: Mapping[str, str]) -> Writes:
    """The order in which attribute files are written (value) and removed (None).

    Leaves before roots when adding, roots before leaves when removing, and devices leave their old pool before they
    enter another. Where a name changes its meaning (a pool becomes a domain), the node passes through "contributes
    nothing": only ``scaleio-sdc-domains`` is left while the rest is rewritten.

    :param old: the ``scaleio-`` attributes on disk.
    :param new: those that there will be.
    :raises InputError: no safe order exists, which happens only to attributes made by hand whose names collide.
    """
    for order in (_direct_order, _order_through_marker):
        writes = order(old, new)
        if not any(_unsafe_states(old, new, writes)):
            return writes
    raise InputError(
        "the attributes on this host collide with each other, and no order of writes leads safely to the declared ones",
        seen=", ".join(f"{name}={model.shown(value)}" for name, value in sorted(old.items())),
        todo="stop its agent and remove these files, then run again",
    )


def _direct_order(old: Mapping[str, str], new: Mapping[str, str]) -> Writes:
    roots = [name for name in (model.SDS_ROOT, model.SDC_ROOT) if name in new]
    home = model.framework_view(new).device_pools
    state = dict(old)
    writes: Writes = []

    def put(name: str, value: str | None) -> None:
        if state.get(name) != value:
            writes.append((name, value))
            if value is None:
                del state[name]
            else:
                state[name] = value

    for pools in model.framework_view(old).provides.values():
        for pool in pools:
            name = f"scaleio-sds-{pool}"
            devices = old.get(name, "").split(",") if old.get(name) else []
            keep = [d for d in devices if not home.get(d) or any(p == pool for _domain, p in home[d])]
            if len(keep) < len(devices):
                put(name, ",".join(keep) or None)
    leaves = [name for name in new if name not in roots]
    for name in sorted(leaves, key=_depth(new)):
        put(name, new[name])
    for name in roots:
        put(name, new[name])
    for name in sorted(
        (name for name in old if name not in new), key=lambda n: (n not in (model.SDS_ROOT, model.SDC_ROOT), n)
    ):
        if name in state:
            put(name, None)
    return writes


def _order_through_marker(old: Mapping[str, str], new: Mapping[str, str]) -> Writes:
    """Reduce the node to its client root, then build the new layout with the server root last."""
    marker = (
        old.get(model.SDC_ROOT) or new.get(model.SDC_ROOT) or old.get(model.SDS_ROOT) or new.get(model.SDS_ROOT, "")
    )
    writes: Writes = []
    if model.SDC_ROOT not in old and marker:
        writes.append((model.SDC_ROOT, marker))
    if model.SDS_ROOT in old:
        writes.append((model.SDS_ROOT, None))
    writes.extend(
        (name, None)
        for name in sorted(old)
        if name not in (model.SDS_ROOT, model.SDC_ROOT) and old[name] != new.get(name)
    )
    roots = (model.SDS_ROOT, model.SDC_ROOT)
    writes.extend((name, new[name]) for name in sorted(new) if name not in roots and old.get(name) != new[name])
    if model.SDS_ROOT in new:
        writes.append((model.SDS_ROOT, new[model.SDS_ROOT]))
    if new.get(model.SDC_ROOT) != marker:
        writes.append((model.SDC_ROOT, new.get(model.SDC_ROOT)))
    return writes


def _depth(files: Mapping[str, str]) -> Callable[[str], tuple[bool, str]]:
    """Pools before domains: a domain's list may only name pools whose devices stand."""
    domains = {
        f"scaleio-{part}-{domain}"
        for part in ("sds", "sdc")
        for domain in files.get(f"scaleio-{part}-domains", "").split(",")
    }
    return lambda name: (name in domains, name)


def states(old: Mapping[str, str], writes: Writes) -> Iterator[dict[str, str]]:
    """Every content of the directory that a restarted agent could read while the writes are carried out."""
    state = dict(old)
    for name, value in writes:
        if value is None:
            state.pop(name, None)
        else:
            state[name] = value
        yield dict(state)


def _unsafe_states(old: Mapping[str, str], new: Mapping[str, str], writes: Writes) -> Iterator[str]:
    before, after = model.framework_view(old), model.framework_view(new)
    homes_before, homes_after = before.device_pools, after.device_pools
    domains = set(before.provides) | set(after.provides)
    for state in states(old, writes):
        view = model.framework_view(state)
        if before.imperative and after.imperative and not view.imperative:
            yield f"not imperative: {state}"
        if not set(view.provides) <= domains:
            yield f"a domain of neither layout: {state}"
        for device, homes in view.device_pools.items():
            allowed = homes_before.get(device, set()) | homes_after.get(device, set())
            if not homes <= allowed:
                yield f"{device} in a pool of neither layout: {state}"
            if len(homes) > max(1, len(homes_before.get(device, ())), len(homes_after.get(device, ()))):
                yield f"{device} in two pools: {state}"


# -- one node ---------------------------------------------------------------------------------------------------------


@dataclass
class NodePlan:
    """What one node needs, with everything that speaks against it.

    :param change: how its agent takes the attributes over, as :class:`mesos.Change` has it; ``none`` where it is left alone.
    :param goes_down: whether a running agent goes down for it.
    :param awaited: whether its agent runs as it shall, and the leading master does not show it yet.
    :param attributes: the ``scaleio-`` attributes that its agent will run with.
    :param provides: protection domain -> pool -> device paths, as the framework will read them.
    :param devices: the observed devices by those paths.
    :param contributed: the paths that the gateway shows as devices of the host.
    """

    member: str
    rack: str
    contributed: Collection[str] = ()
    steps: list[Step] = field(default_factory=list)
    change: str = "none"
    goes_down: bool = False
    awaited: bool = False
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    attributes: Mapping[str, str] = field(default_factory=dict)
    provides: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)
    devices: dict[str, Mapping[str, Any]] = field(default_factory=dict)


def owned(files: Mapping[str, str]) -> dict[str, str]:
    """The attributes that belong to this collection: those of the ``scaleio-`` prefix."""
    return {name: value for name, value in files.items() if name.startswith(model.OWNED_PREFIX)}


def plan_node(
    observation: Observation,
    ordinal: int,
    select: Selector,
    connected_at_least: int,
    cluster_domains: Sequence[str],
    contributed: Collection[str] = (),
    expendable_tasks: tuple[str, ...] = (),
) -> NodePlan:
    """Plan one node by itself.

    :param select: evaluates a JMESPath expression over the devices.
    :param connected_at_least: see :class:`mesos.Policy`.
    :param cluster_domains: the protection domains that some sds of the cluster declares.
    :param contributed: the paths that the gateway shows as devices of the host: its SDS has them open.
    :param expendable_tasks: see :class:`mesos.Policy`; Marathon starts the framework's scheduler elsewhere by itself.
    """
    wanted, agent = observation["wanted"], observation["agent"]
    node = NodePlan(observation["member"], wanted["rack"], contributed)
    node.errors.extend(wanted["errors"])
    node.warnings.extend(wanted["warnings"])
    node.errors.extend(obstacle["sentence"] for obstacle in agent["obstacles"])
    node.errors.extend(_misspelled(agent["files"]))
    if node.errors:
        return node
    current = owned(agent["files"])
    target = _target(observation, current, select, cluster_domains, node)
    if node.errors or target is None:
        return node
    node.attributes, node.provides = target, model.framework_view(target).provides
    pools = [pool for found in node.provides.values() for pool in found]
    if len(pools) > 1:
        node.warnings.append(
            f"has {len(pools)} storage pools ({', '.join(pools)}; scaleio_sds and scaleio_sdc count together): REX-Ray uses one"
            f" pool for each host, and with more than one the framework's code takes any of them (its documentation says the"
            f" first, others the last)"
        )
    try:
        writes = order_writes(current, target)
    except InputError as error:
        node.errors.append(str(error))
        return node
    others = {name: value for name, value in agent["files"].items() if name not in current}
    desired = {**others, **target}
    settings = wanted["settings"]
    policy = mesos.Policy(
        allow_work_loss=tuple(wanted["allow_work_loss"]),
        expendable=(model.FRAMEWORK,),
        expendable_tasks=expendable_tasks,
        registration_timeout=settings["registration_timeout"],
        connected_at_least=connected_at_least,
    )
    change, takeover, refused = mesos.takeover(agent, desired, policy)
    if _gone(observation):
        # Who is to contribute nothing need not be started for it.
        change, takeover, refused = mesos.Change("none", "the agent is switched off"), [], []
    join = _join_steps(observation, ordinal)
    # A claim without a record: a run died here when only the record was missing.
    claim = observation["claim"]
    unfinished = join if claim is not None and claim["effect"] and observation["identity"] is None else []
    if settings["method"] == "global_pool" and not target and not _gone(observation):
        # Nothing else would ever be written on a member without attributes.
        unfinished = join
    if settings["only_new"] and _joined(observation):
        if takeover or writes:
            node.warnings.append("has joined before and is left as it is, although it differs from its declaration")
            running = agent["running"]
            node.attributes = owned(agent["files"] if running is None else running["attributes"])
        node.steps = unfinished
        return node
    node.errors.extend(refused)
    if change.kind == "none" and not writes:
        waits = [] if _gone(observation) else _await_steps(observation, settings["registration_timeout"])
        node.awaited = bool(waits)
        node.steps = [*waits, *unfinished]
        return node
    # The record comes last: who has one has joined, and is no newcomer to a run that goes on after a death.
    node.steps = [
        *_remember_steps(observation, current, writes),
        *_write_steps(agent["attributes_dir"], current, writes),
        *takeover,
        *join,
    ]
    node.change = change.kind
    node.goes_down = bool(takeover) and not mesos.is_down(agent)
    return node


def _misspelled(files: Iterable[str]) -> list[str]:
    """Attribute names that the framework overlooks because of their case (recorded: attribute case of ``Scaleio-sds-domains``)."""
    return [
        f"the attribute file {name} is not spelled in small letters: the framework goes by the case of names, so that it does not read"
        f" this one; rename or remove it"
        for name in files
        if name.lower().startswith(model.OWNED_PREFIX) and not name.startswith(model.OWNED_PREFIX)
    ]


def declared_files(
    observation: Observation, select: Selector, cluster_domains: Sequence[str], contributed: Collection[str] = ()
) -> tuple[dict[str, str] | None, list[str]]:
    """The ``scaleio-`` files that a declaration asks for, or None and what is wrong with it."""
    wanted = observation["wanted"]
    node = NodePlan(observation["member"], wanted["rack"], contributed, errors=list(wanted["errors"]))
    if node.errors:
        return None, node.errors
    target = _target(observation, owned(observation["agent"]["files"]), select, cluster_domains, node)
    return (None if node.errors else target), node.errors


def _target(
    observation: Observation,
    current: Mapping[str, str],
    select: Selector,
    cluster_domains: Sequence[str],
    node: NodePlan,
) -> dict[str, str] | None:
    """The ``scaleio-`` files that there will be; None where the node's errors leave nothing to say."""
    wanted = observation["wanted"]
    if wanted["state"] == "absent":
        return _target_absent(observation, current, cluster_domains, node)
    if wanted["state"] == "rollback":
        return _target_rollback(observation, current, cluster_domains, node)
    layout = model.Layout.from_json(wanted["layout"])
    resolved = _resolve(observation, layout, current, select, node)
    sdc = model.default_sdc(layout.sds, wanted["sdc_default"]) if layout.sdc is None else layout.sdc
    method, mixed = wanted["settings"]["method"], wanted["settings"]["global_pool_mixed"]
    if method == "global_pool" and (resolved or sdc) and not mixed:
        node.errors.append(
            "declares scaleio_sds or scaleio_sdc in a cluster of scaleio_method global_pool: leave them out, or set"
            " scaleio_global_pool_mixed: true"
        )
    if method != "global_pool" and wanted["global_pool_devices"]:
        node.errors.append(
            "confirms scaleio_global_pool_devices in a cluster of scaleio_method imperative: name the devices in scaleio_sds"
        )
    if method != "global_pool" and not resolved and not sdc and not node.errors:
        node.errors.append(
            "declares neither scaleio_sds nor scaleio_sdc: without attributes the framework takes every unused disk of this"
            " host; declare one of them (scaleio_sdc alone contributes no device), or take the host out of the group"
        )
    for domain, _pools in sdc:
        if domain not in cluster_domains:
            node.errors.append(
                f"scaleio_sdc names the protection domain {domain}, which no scaleio_sds of this cluster declares:"
                f" the framework would create it, with an SDS and an empty pool"
            )
    return model.render(resolved, sdc, layout.persona)


def _target_absent(
    observation: Observation, current: Mapping[str, str], cluster_domains: Sequence[str], node: NodePlan
) -> dict[str, str] | None:
    if observation["wanted"]["allow_global_pool"]:
        node.warnings.append(
            f"will have no imperative attribute: the framework takes every disk that its rule finds unused"
            f" ({', '.join(exposed_devices(observation)) or 'none at the moment'})"
        )
        return {}
    named = (current.get(model.SDC_ROOT) or current.get(model.SDS_ROOT) or "").split(",")
    # The host stays in its domain, where its SDS is: in another one the framework would ask for a second.
    own = [name for name in named if not model.name_problem(name)]
    domain = next(iter([*(name for name in own if name in cluster_domains), *own, *cluster_domains]), "")
    if not domain:
        node.errors.append(
            "has no protection domain for scaleio-sdc-domains, the one attribute that contributes nothing: without it the"
            " framework takes every unused disk of this host; declare scaleio_sds on some host, or set"
            " scaleio_allow_global_pool"
        )
        return None
    if domain not in cluster_domains:
        node.warnings.append(_stranger(domain))
    return {model.SDC_ROOT: domain}


def _stranger(domain: str) -> str:
    return (
        f"keeps the protection domain {domain} in scaleio-sdc-domains, which no scaleio_sds of this cluster declares: the"
        f" framework creates it where it is not there, with an SDS of this host; declare it on some host, or remove that SDS in"
        f" ScaleIO and write a declared domain into that file"
    )


def exposed_devices(observation: Observation) -> list[str]:
    """The disks that the framework takes from this host when it has no imperative attribute.

    Where its rule fails at the moment (blkid ends with status 2 on a host without any signature), every free disk
    counts: it takes them as soon as the rule works.
    """
    fails = observation["framework"]["error"] is not None
    return [d["path"] for d in observation["devices"] if d["taken"] or (fails and d["free"] and d["type"] == "disk")]


def _target_rollback(
    observation: Observation, current: Mapping[str, str], cluster_domains: Sequence[str], node: NodePlan
) -> dict[str, str] | None:
    files = _previous_files(observation)
    if files is None:
        why = "is not there" if observation["previous"] is None else "is damaged"
        node.errors.append(
            f"has no previous attribute set to go back to ({previous_path(model.SYSTEM, observation['cluster'])} {why})"
        )
        return None
    if not model.framework_view(files).imperative and not observation["wanted"]["allow_global_pool"]:
        node.errors.append(
            "the previous attribute set has no imperative attribute: the framework would take every unused disk;"
            " use scaleio_state: absent, or set scaleio_allow_global_pool"
        )
    problems = _previous_problems(observation, files, current, cluster_domains, node)
    node.errors.extend(
        f"the previous attribute set may not come back: {problem}; declare the layout that is wanted instead"
        f" (scaleio_state: present)"
        for problem in problems
    )
    return files


def _previous_problems(
    observation: Observation,
    files: Mapping[str, str],
    current: Mapping[str, str],
    cluster_domains: Sequence[str],
    node: NodePlan,
) -> list[str]:
    """What a declaration of these attributes would be refused for."""
    declaration, _strays = model.decompile(files)
    _layout, problems, _warnings = model.parse_layout(
        declaration.get("scaleio_sds"), declaration.get("scaleio_sdc"), declaration.get("scaleio_persona")
    )
    for domain, pools in model.framework_view(files).provides.items():
        if domain not in cluster_domains and pools:
            problems.append(f"no scaleio_sds of this cluster declares the protection domain {domain}")
        elif domain not in cluster_domains:
            node.warnings.append(_stranger(domain))
    homes = model.framework_view(files).device_pools
    if homes and observation["devices_error"]:
        return [*problems, f"the block devices could not be looked at: {observation['devices_error']}"]
    by_name = {name: device for device in observation["devices"] for name in (device["path"], *device["names"])}
    ours = {*model.declared_devices(current), *node.contributed}
    for path in sorted(homes):
        if len(homes[path]) > 1:
            both = " and ".join(sorted(pool for _domain, pool in homes[path]))
            problems.append(f"the device {path} is in the pools {both}; a device belongs to one pool")
        if path in by_name:
            node.devices[path] = by_name[path]
            problems.extend(_device_errors(by_name[path], ours))
        else:
            problems.append(f"the device {path} is not there; this host has {_candidates(observation['devices'])}")
    return problems


def _previous_files(observation: Observation) -> dict[str, str] | None:
    """The attribute set that was kept, or None where there is none that an agent could start with."""
    files = (observation["previous"] or {}).get("files")
    if not isinstance(files, Mapping):
        return None
    for name, value in files.items():
        if not name.startswith(model.OWNED_PREFIX) or attributes.safe_attribute_name(name):
            return None
        if attributes.safe_attribute_value(value, text=False):
            return None
    return dict(files)


def _joined(observation: Observation) -> bool:
    """Whether a member contributes already, by this collection's record or by what the master shows."""
    return observation["identity"] is not None or any(
        model.framework_view(entry["attributes"]).imperative for entry in observation["master"]["agents"]
    )


def _await_steps(observation: Observation, timeout: float) -> list[Step]:
    """An agent with the right attributes must also be known, active, at the leading master; one that has just started soon is."""
    running = observation["agent"]["running"]
    if any(a["id"] == running["agent_id"] and a["active"] for a in observation["master"]["agents"]):
        return []
    return [
        Step(
            "await_agent",
            f"wait until the leading master shows the agent {running['agent_id'] or 'with an ID'} as active",
            {"attributes": running["attributes"], "timeout": timeout},
            effect=False,
        )
    ]


def _join_steps(observation: Observation, ordinal: int) -> list[Step]:
    """The member's own record, written when this collection first changes something on it."""
    cluster, member = observation["cluster"], observation["member"]
    record = {"system": model.SYSTEM, "cluster": cluster, "member": member, "ordinal": ordinal}
    found = observation["identity"]
    if found == record:
        return []
    path = record_path(model.SYSTEM, cluster)
    verb = "record this host" if found is None else f"rename the member {found['member']}"
    before = "" if found is None else f"{found['member']} {found['ordinal']}\n"
    return [
        Step(
            "write_record",
            f"{verb} as {member}, ordinal {ordinal}, in {path}",
            {"path": path, "record": record},
            (),
            path,
            before,
            f"{member} {ordinal}\n",
        )
    ]


def _remember_steps(observation: Observation, current: Mapping[str, str], writes: Writes) -> list[Step]:
    """Keep the set that was last in force, so that rollback can bring it back.

    What the running agent has is the set in force. The files of an agent that is down are it too, unless the last run
    on this host did not end well: then they may be the half of two sets.
    """
    if not writes or observation["wanted"]["state"] == "rollback":
        return []
    running, claim = observation["agent"]["running"], observation["claim"]
    if running is not None and not running["recovering"]:
        files = {name: str(value) for name, value in owned(running["attributes"]).items()}
    elif claim is None or claim["state"] == "done":
        files = dict(current)
    else:
        return []
    found = _previous_files(observation)
    if found == files or (found is None and not files):
        return []
    path = previous_path(model.SYSTEM, observation["cluster"])
    listed = "".join(f"{name}: {value}\n" for name, value in sorted(files.items()))
    return [
        Step(
            "write_record",
            f"keep the {len(files)} attributes now in force in {path} for a rollback",
            {"path": path, "record": {"files": files}},
            (),
            path,
            "".join(f"{name}: {value}\n" for name, value in sorted((found or {}).items())),
            listed,
        )
    ]


def _write_steps(directory: str, current: Mapping[str, str], writes: Writes) -> list[Step]:
    state = dict(current)
    steps = []
    for name, value in writes:
        steps.append(mesos.write_step(directory, name, state.get(name), value))
        if value is None:
            state.pop(name, None)
        else:
            state[name] = value
    return steps


# -- devices ----------------------------------------------------------------------------------------------------------


def foreign_data(device: Mapping[str, Any]) -> str:
    """What somebody else keeps on a device, as the end of a sentence; empty when nothing is found."""
    if device["mounts"]:
        return f"is mounted at {', '.join(device['mounts'])}"
    if device["signatures"]:
        return f"carries {', '.join(device['signatures'])}"
    if device["children"]:
        return f"has {', '.join(device['children'])} on it"
    if device["holders"]:
        return f"is held by {', '.join(device['holders'])}"
    return ""


def _resolve(
    observation: Observation, layout: model.Layout, current: Mapping[str, str], select: Selector, node: NodePlan
) -> list[tuple[str, list[tuple[str, list[str]]]]]:
    """Turn every device request into paths, and check each device."""
    ours = {*model.declared_devices(current), *node.contributed}
    view = [
        {**device, "ours": device["path"] in ours, "free": _usable(device, ours)} for device in observation["devices"]
    ]
    by_path = {device["path"]: device for device in view}
    homes: dict[str, str] = {}
    resolved: list[tuple[str, list[tuple[str, list[str]]]]] = []
    if observation["devices_error"] and layout.sds:
        node.errors.append(f"the block devices could not be looked at: {observation['devices_error']}")
        return resolved
    for domain, pools in layout.sds:
        found_pools: list[tuple[str, list[str]]] = []
        for pool, requests in pools:
            paths: list[str] = []
            for request in requests:
                paths.extend(_find(request, f"scaleio_sds: {domain}: {pool}", view, by_path, select, node.errors))
            for path in paths:
                if path in homes:
                    where = f"the pools {homes[path]} and {pool}" if homes[path] != pool else f"the pool {pool} twice"
                    node.errors.append(f"the device {path} is in {where}; a device belongs to one pool")
                homes[path] = pool
                node.errors.extend(_device_errors(by_path[path], ours))
                node.devices[path] = by_path[path]
            found_pools.append((pool, paths))
        resolved.append((domain, found_pools))
    return resolved


def _usable(device: Mapping[str, Any], ours: set[str]) -> bool:
    """Free for this declaration: truly free, or contributed by it already and carrying nobody else's data."""
    return bool(device["free"]) or (device["path"] in ours and not foreign_data(device))


def _find(
    request: model.DeviceRequest,
    where: str,
    view: Sequence[Mapping[str, Any]],
    by_path: Mapping[str, Mapping[str, Any]],
    select: Selector,
    errors: list[str],
) -> list[str]:
    if request.how == "path":
        if request.text in by_path:
            return [request.text]
        alias = [device["path"] for device in view if request.text in device["names"]]
        if len(alias) == 1:
            return alias
        errors.append(f"{where}: the device {request.text} is not there; this host has {_candidates(view)}")
        return []
    if request.how == "by_id":
        link = f"/dev/disk/by-id/{request.text}"
        found = [device["path"] for device in view if link in device["names"]]
        if len(found) != 1:
            names = sorted(name[len("/dev/disk/by-id/") :] for device in view for name in device["names"])
            errors.append(
                f"{where}: no device has the by-id name {request.text}; this host has {', '.join(names) or 'none'}"
            )
        return found
    try:
        answer = select(request.text, view)
    except ValueError as error:
        errors.append(f"{where}: the expression {request.text} is no JMESPath: {error}")
        return []
    paths = [answer] if isinstance(answer, str) else answer
    if not isinstance(paths, list) or not all(isinstance(path, str) and path in by_path for path in paths):
        errors.append(
            f"{where}: the expression {request.text} must yield paths of devices and yields {model.shown(answer)};"
            f" end it with .path"
        )
        return []
    wrong = len(paths) != request.count if request.count is not None else not paths
    if wrong:
        errors.append(
            f"{where}: the expression {request.text} yields {len(paths)} devices ({', '.join(paths) or 'none'}) and must"
            f" yield {request.count or 'one or more'}; this host has {_candidates(view)}"
        )
        return []
    return paths


def _candidates(view: Sequence[Mapping[str, Any]]) -> str:
    """The host's devices with size and state, for an error that asks the user to choose."""
    disks = [device for device in view if device["type"] == "disk"]
    return (
        "; ".join(
            f"{device['path']} ({device['size_bytes'] / model.GB:.0f} GB, {'free' if device['free'] else foreign_data(device) or 'in use'})"
            for device in disks
        )
        or "no disk at all"
    )


def _device_errors(device: Mapping[str, Any], ours: set[str]) -> list[str]:
    path, problem = device["path"], model.size_problem(device["size_bytes"])
    errors = [f"the device {path} {problem}"] if problem else []
    foreign = foreign_data(device)
    if foreign:
        errors.append(
            f"the device {path} {foreign}; only an empty device may be contributed, and nothing is ever wiped here"
        )
    elif not _usable(device, ours):
        errors.append(f"the device {path} is not free: {'; '.join(device['free_because'])}")
    return errors


# -- the cluster --------------------------------------------------------------------------------------------------------


def natural(name: str) -> list[tuple[int, str]]:
    """Sort key: agent2 before agent10."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def plan_cluster(
    cluster: str, observations: Sequence[Observation], select: Selector, *, attributes_only: bool = False
) -> Plan:
    """Plan a whole cluster.

    :param observations: one for each declared member; one that could not be observed carries ``unreachable`` with the
        error instead of its parts.
    :param select: evaluates a JMESPath expression over devices.
    :param attributes_only: nothing is planned that goes on from the agents' attributes: the framework, and what its state refuses.
    """
    everybody = sorted(observations, key=lambda o: natural(o["member"]))
    missing = [f"{o['member']} could not be observed: {o['unreachable']}" for o in everybody if "unreachable" in o]
    if missing:
        return Plan(cluster, refused=(*missing, "the whole cluster must be visible before anything is changed"))
    observations = [o for o in everybody if "agent" in o]
    if not observations:
        return Plan(cluster, refused=("the cluster has a host for its services, and no agent",))
    problems = [*_settings_errors(observations), *_master_errors(observations)]
    problems.extend(identity_conflicts({o["member"]: o["identity"] for o in observations}))
    front, found = services_host(everybody, observations[0]["wanted"]["settings"]["method"])
    problems.extend(() if attributes_only else found)
    if problems:
        return Plan(cluster, refused=tuple(problems))
    unavailable = observations[0]["wanted"]["settings"]["max_unavailable"]
    serving = {o["member"] for o in observations if in_service(o)}
    peers = _peers(observations)
    # Whoever is down is brought back before anybody else goes down, so all peers count.
    others_at_least = len(set(peers.values())) - unavailable
    domains = declared_domains(observations)
    if front is not None and observations[0]["wanted"]["settings"]["method"] == "global_pool":
        domains.append(front["services"]["wanted"]["protection_domain"])
    ordinals = assign_ordinals(
        {o["member"]: None if o["identity"] is None else o["identity"]["ordinal"] for o in observations}
    )
    shown = contributed(observations, front["services"]) if front else {}
    own_tasks = () if front is None else (task_prefix(front["services"]["wanted"]["app"]),)
    nodes = [
        plan_node(o, ordinals[o["member"]], select, others_at_least, domains, shown.get(o["member"], ()), own_tasks)
        for o in observations
    ]
    refused = gather((node.member, error) for node in nodes for error in node.errors)
    out = [node for node in nodes if node.member in peers and node.member not in serving]
    left = [node.member for node in out if node.change == "none" and not node.awaited]
    room = unavailable - len(left)
    if room < 1 and any(node.goes_down for node in nodes):
        refused.append(
            f"{', '.join(left)}: not in service and left as it is; with scaleio_max_unavailable {unavailable} no other agent"
            f" may go down"
        )
    unshown = [node.member for node in out if node.goes_down]
    warnings = gather((node.member, warning) for node in nodes for warning in node.warnings)
    if unshown:
        warnings.append(
            f"{', '.join(unshown)}: the agent runs, and the leading master does not show it as active (it may have taken over"
            f" a moment ago); no agent goes down while the master shows fewer than {others_at_least} of the others"
        )
    framework = FrameworkPlan()
    limits, doubts = ([], []) if refused else _limits(nodes)
    if front is not None and not refused and not attributes_only:
        members, found = framework_nodes(observations, nodes, front["services"])
        # Without the gateway nobody knows which disks are contributed already.
        if not front["services"]["gateway"]["error"]:
            refused.extend(found)
            limits, doubts = _limits(_contributing(observations, nodes, members, front["services"]))
        framework = plan_framework(front["member"], front["services"], members)
        refused.extend(framework.errors)
        for node in nodes:
            if node.member in framework.looks:
                # What is kept for a rollback comes first: after a death it could not be told from the half of two sets.
                kept = node.steps[0].kind == "write_record"
                node.steps.insert(int(kept), framework.looks[node.member])
    losing = [node for node in nodes if node.change == "new_agent_id" and node.member in framework.hosting]
    refused.extend(_early_losses(losing, observations, nodes))
    warnings = [*warnings, *framework.warnings, *doubts]
    notes = tuple(f"{cluster}: {note}" for note in framework.notes)
    if refused or limits:
        return Plan(cluster, refused=(*refused, *limits), warnings=tuple(warnings), notes=notes)
    rollout = _phases(nodes, max(room, 1), serving, {node.member for node in losing})
    if front is not None and framework.quiet is not None:
        rollout = _quietly(rollout, front["member"], framework.quiet)
    if framework.before_loss is not None:
        rollout = _looked_at(rollout, {node.member for node in losing}, framework.before_loss)
    return Plan(
        cluster,
        phases=(*rollout, *framework.phases),
        warnings=tuple(warnings),
        notes=notes,
        context={
            "peers": peers,
            "own_tasks": list(own_tasks),
            "restarts": {node.member: node.change for node in nodes if node.steps},
        },
    )


def services_host(observations: Sequence[Observation], method: str) -> tuple[Observation | None, list[str]]:
    """The host that talks to Marathon, scheduler and gateway, if the cluster has one, and what is wrong about that."""
    found = [o for o in observations if o.get("services")]
    if len(found) > 1:
        names = ", ".join(o["member"] for o in found)
        return None, [
            f"{names}: one host of a cluster talks to its gateway; leave one in the group of scaleio_gateway_group"
        ]
    if found:
        return found[0], []
    if method == "global_pool":
        return None, [
            "scaleio_method is global_pool and no host is in the group of scaleio_gateway_group: what the framework has taken is seen"
            " at the gateway alone; put the host into the group that reaches it"
        ]
    return None, []


def framework_nodes(
    observations: Sequence[Observation], nodes: Sequence[NodePlan], services: Mapping[str, Any]
) -> tuple[list[Node], list[str]]:
    """The members as the framework will meet them, and what is wrong with the confirmations of their disks."""
    by_member = {observation["member"]: observation for observation in observations}
    shown = contributed(observations, services)
    found: list[Node] = []
    problems: list[tuple[str, str]] = []
    for node in nodes:
        observation = by_member[node.member]
        if _gone(observation):
            continue
        hostname, ip = addresses(observation)
        view = model.framework_view(node.attributes)
        taken: list[preview.Exposed] = []
        if not view.imperative:
            confirmed = observation["wanted"]["global_pool_devices"]
            taken, stale = preview.exposed(observation, shown[node.member], confirmed)
            problems.extend((node.member, problem) for problem in stale)
        busy = {
            device["path"]: "; ".join(device["free_because"])
            for device in observation["devices"]
            if device["path"] in view.device_pools and not device["free"]
        }
        found.append(
            Node(
                member=node.member,
                hostname=hostname,
                ip=ip,
                provides=view.provides,
                imperative=view.imperative,
                attributes=node.attributes,
                persona=node.attributes.get(model.PERSONA, ""),
                bare=why_bare(observation["wanted"]),
                exposed=tuple(taken),
                busy=busy,
                starts=node.change != "none",
                restarts=node.goes_down,
                up=node.change != "none" or not mesos.is_down(observation["agent"]),
            )
        )
    return found, gather(problems)


def _contributing(
    observations: Iterable[Observation], nodes: Sequence[NodePlan], members: Sequence[Node], services: Mapping[str, Any]
) -> list[NodePlan]:
    """The nodes with what each contributes by either method: of those without attributes, the disks that the rule takes."""
    taken = declaration([member for member in members if not member.imperative], services["wanted"])
    seen = {o["member"]: {device["path"]: device for device in o["devices"]} for o in observations}
    found = []
    for node in nodes:
        if node.member not in taken:
            found.append(node)
            continue
        provides = {
            domain: {pool: [path for path in paths if path in seen[node.member]] for pool, paths in pools.items()}
            for domain, pools in taken[node.member]["provides"].items()
        }
        paths = {path for pools in provides.values() for listed in pools.values() for path in listed}
        found.append(replace(node, provides=provides, devices={path: seen[node.member][path] for path in paths}))
    return found


def why_bare(wanted: Mapping[str, Any]) -> str:
    """Why a member has no imperative attributes, if it has none; see :class:`Node`."""
    if wanted["state"] != "present":
        return RELEASED if wanted["allow_global_pool"] else NOT_IN_FORCE
    layout = model.Layout.from_json(wanted["layout"])
    by_method = wanted["settings"]["method"] == "global_pool" and not layout.sds and not layout.sdc
    return BY_METHOD if by_method else NOT_IN_FORCE


def addresses(observation: Observation) -> tuple[str, str]:
    """The host name by which master and framework know an agent, and its address; of one that never ran, as it is set up."""
    agent = observation["agent"]
    entries = sorted(observation["master"]["agents"], key=lambda entry: not entry["active"])
    running = agent["running"] or {}
    names = [running.get("hostname", ""), *(entry["hostname"] for entry in entries), agent["flags"].get("hostname", "")]
    pids = [running.get("pid", ""), *(entry["pid"] for entry in entries)]
    pid = next(filter(None, pids), "")
    ip = pid.rpartition("@")[2].rpartition(":")[0].strip("[]")
    return next(filter(None, names), observation["member"]), ip or agent["flags"].get("ip", "")


def contributed(observations: Iterable[Observation], services: Mapping[str, Any]) -> dict[str, set[str]]:
    """The paths that the gateway shows as devices of each member."""
    gateway = services["gateway"]
    shown = {} if gateway["error"] else gateway_compare.paths_by_address(gateway)
    return {observation["member"]: shown.get(addresses(observation)[1], set()) for observation in observations}


def _quietly(phases: Iterable[Phase], front: str, quiet: Step) -> Iterator[Phase]:
    """Nobody is taken out of service before data is at rest and has all its copies."""
    for phase in phases:
        if phase.name != _QUIET_HOSTS:
            yield Phase("a quiet gateway", {front: (quiet,)})
        yield phase


def _early_losses(
    losing: Sequence[NodePlan], observations: Sequence[Observation], nodes: Sequence[NodePlan]
) -> list[str]:
    """An agent that is down comes first. If the scheduler is lost with its ID, the next one meets hosts without attributes."""
    down = [node.member for node in losing if not node.goes_down]
    targets = {node.member: model.framework_view(node.attributes).imperative for node in nodes}
    bare = [
        o["member"]
        for o in observations
        if o["agent"]["running"] is not None
        and targets[o["member"]]
        and not model.framework_view(o["agent"]["running"]["attributes"]).imperative
    ]
    if not down or not bare:
        return []
    return [
        f"{', '.join(down)}: the agent is down and gives up its ID, and with it ends the framework's scheduler, which Marathon starts"
        f" elsewhere while {', '.join(bare)} have no attributes yet: remove its app from Marathon, then run again"
    ]


def _looked_at(phases: Iterable[Phase], losing: Collection[str], look: Phase) -> Iterator[Phase]:
    """All disks are looked at before an agent gives up its ID, and with it the framework's scheduler: the next one starts then."""
    for phase in phases:
        if set(losing) & set(phase.steps):
            yield look
        yield phase


def in_service(observation: Observation) -> bool:
    """Whether the member's agent runs and the leading master shows it as active."""
    shown = any(entry["active"] for entry in observation["master"]["agents"])
    return shown and not mesos.is_down(observation["agent"])


def _gone(observation: Observation) -> bool:
    """Whether the member is gone on purpose: absent, its agent stopped, and not to start with the host either."""
    agent = observation["agent"]
    switched_off = mesos.is_down(agent) and agent["unit"]["enabled"] in ("disabled", "masked")
    return bool(observation["wanted"]["state"] == "absent" and switched_off)


def _peers(observations: Sequence[Observation]) -> dict[str, str]:
    """The agents that must not be down together: member -> the host name that the master knows it by.

    One that is gone on purpose is none, nor is one that has never started and has no name yet. Every running one is.
    """
    peers = {}
    for observation in observations:
        if _gone(observation):
            continue
        agent = observation["agent"]
        entries = sorted(observation["master"]["agents"], key=lambda entry: not entry["active"])
        names = [entry["hostname"] for entry in entries]
        names += [(agent["running"] or {}).get("hostname", "")]
        names += [agent["flags"].get("hostname", ""), agent["checkpoint"]["hostname"]]
        if not mesos.is_down(agent):
            names.append(observation["member"])
        name = next(filter(None, names), "")
        if name:
            peers[observation["member"]] = name
    return peers


def declared_domains(observations: Iterable[Observation]) -> list[str]:
    """The protection domains that some sds will declare, in the order of the members; a node that leaves declares none."""
    found: dict[str, None] = {}
    for observation in observations:
        state = observation["wanted"]["state"]
        if state == "present":
            found.update(dict.fromkeys(model.Layout.from_json(observation["wanted"]["layout"]).sds_domains()))
        elif state == "rollback":
            root = (_previous_files(observation) or {}).get(model.SDS_ROOT)
            found.update(dict.fromkeys(root.split(",") if root else ()))
    return list(found)


def _phases(
    nodes: Sequence[NodePlan], unavailable: int, serving: Collection[str], losing: Collection[str]
) -> Iterator[Phase]:
    """Nodes whose agent does not go down first and together, then the others in batches, those out of service first.

    The first batch is a single node, to prove the change; a batch never spans racks, because copies of the same data
    may lie in different racks.

    :param losing: members that take the framework's scheduler along. Each goes alone and after all others: the next scheduler
        reads attributes as it starts, and takes the disks of whoever has none yet.
    """
    quiet = {node.member: tuple(node.steps) for node in nodes if node.steps and not node.goes_down}
    if quiet:
        yield Phase(_QUIET_HOSTS, quiet)
    rolling = sorted(
        (node for node in nodes if node.goes_down),
        key=lambda node: (node.member in losing, node.member in serving, natural(node.rack), natural(node.member)),
    )
    batches: list[list[NodePlan]] = []
    for node in rolling:
        last = batches[-1] if len(batches) > 1 else None
        alone = node.member in losing
        if last is not None and not alone and len(last) < unavailable and last[0].rack == node.rack:
            last.append(node)
        else:
            batches.append([node])
    for number, batch in enumerate(batches, 1):
        yield Phase(f"batch {number} of {len(batches)}", {node.member: tuple(node.steps) for node in batch})


def gather(found: Iterable[tuple[str, str]]) -> list[str]:
    """One line for each sentence, with all the members that it is about."""
    members: dict[str, list[str]] = {}
    for member, sentence in found:
        members.setdefault(sentence, []).append(member)
    lines = []
    for sentence, names in members.items():
        who = ", ".join(names) if len(names) <= 4 else f"{', '.join(names[:3])} and {len(names) - 3} more"
        lines.append(f"{who}: {sentence}")
    return lines


def _settings_errors(observations: Sequence[Observation]) -> list[str]:
    """What is declared for the cluster must be the same on every host, and make sense."""
    problems = []
    first = observations[0]
    for observation in observations[1:]:
        for name, value in observation["wanted"]["settings"].items():
            expected = first["wanted"]["settings"][name]
            if value != expected:
                problems.append(
                    f"{observation['member']} declares {name} = {value} and {first['member']} {expected}; it is a setting of"
                    f" the whole cluster and must be the same everywhere"
                )
    settings = first["wanted"]["settings"]
    masters = sorted(set(settings["masters"]))
    if len(masters) < 3 or len(masters) % 2 == 0:
        problems.append(
            f"{len(masters)} Mesos masters are declared ({', '.join(masters) or 'none'}); a quorum that survives the loss of one"
            f" needs an odd number, at least 3"
        )
    if settings["max_unavailable"] < 1:
        problems.append(f"scaleio_max_unavailable is {settings['max_unavailable']}; it must be at least 1")
    expected_members = settings["expected_members"]
    if expected_members and expected_members != len(observations):
        problems.append(
            f"scaleio_expected_members is {expected_members} and the group has {len(observations)}:"
            f" this looks like a slice of the inventory"
        )
    return problems


def _master_errors(observations: Iterable[Observation]) -> list[str]:
    return gather((o["member"], o["master"]["error"]) for o in observations if o["master"]["error"])


def _limits(nodes: Sequence[NodePlan]) -> tuple[list[str], list[str]]:
    """The limits of ScaleIO 2.0 over the whole cluster: those that are refused, those that are warned of.

    Every host that names a protection domain gets an SDS in it, and every host of the framework an SDC.
    """
    errors, warnings = [], []
    pools: dict[tuple[str, str], list[tuple[NodePlan, Mapping[str, Any]]]] = {}
    domains: dict[str, int] = {}
    for node in nodes:
        size = sum(device["size_bytes"] for device in node.devices.values())
        if len(node.devices) > model.SDS_MAX_DEVICES:
            errors.append(f"{node.member}: {len(node.devices)} devices; an SDS takes at most {model.SDS_MAX_DEVICES}")
        if size > model.SDS_MAX_BYTES:
            errors.append(f"{node.member}: {size / model.TB:.0f} TB; an SDS takes at most 64 TB")
        for domain, found in node.provides.items():
            domains[domain] = domains.get(domain, 0) + 1
            for pool, paths in found.items():
                pools.setdefault((domain, pool), []).extend((node, node.devices[path]) for path in paths)
    for (domain, pool), devices in sorted(pools.items(), key=lambda item: item[0]):
        name = f"the pool {pool} of {domain}"
        if not devices:
            users = [node.member for node in nodes if pool in node.provides.get(domain, ())]
            sentence = (
                f"{name} is named in scaleio_sdc, and no host contributes a device to it: the framework creates it empty, and"
                f" REX-Ray may take it for this host's volumes; correct the name, or give the pool devices in scaleio_sds"
            )
            warnings.extend(gather((member, sentence) for member in users))
            continue
        sds = {node.member for node, _device in devices}
        size = sum(device["size_bytes"] for _node, device in devices)
        if len(devices) > model.POOL_MAX_DEVICES:
            errors.append(f"{name} has {len(devices)} devices; at most {model.POOL_MAX_DEVICES} are possible")
        if len(sds) < model.POOL_MIN_SDS:
            warnings.append(
                f"{name} has devices on {len(sds)} hosts ({', '.join(sorted(sds, key=natural))});"
                f" no volume can be made before there are {model.POOL_MIN_SDS}"
            )
        if size < model.POOL_MIN_BYTES:
            warnings.append(f"{name} has {size / model.GB:.0f} GB; ScaleIO wants at least 300 GB")
        rotating = sum(bool(device["rotational"]) for _node, device in devices)
        if 0 < rotating < len(devices):
            warnings.append(
                f"{name} has {rotating} rotating devices and {len(devices) - rotating} others: it is as slow as the slowest;"
                f" keep them in pools of their own"
            )
    for domain, members in sorted(domains.items()):
        if members > model.DOMAIN_MAX_SDS:
            errors.append(
                f"the protection domain {domain} has {members} SDSs; at most {model.DOMAIN_MAX_SDS} are possible"
            )
        count = sum(found == domain for found, _pool in pools)
        if count > model.DOMAIN_MAX_POOLS:
            errors.append(
                f"the protection domain {domain} has {count} pools; at most {model.DOMAIN_MAX_POOLS} are possible"
            )
    for count, what, most in (
        (len(domains), "protection domains", model.SYSTEM_MAX_DOMAINS),
        (len(pools), "storage pools", model.SYSTEM_MAX_POOLS),
        (sum(domains.values()), "SDSs", model.SYSTEM_MAX_SDS),
        (len(nodes), "SDCs (every host of the framework is one)", model.SYSTEM_MAX_SDC),
    ):
        if count > most:
            errors.append(f"{count} {what}; a system takes at most {most}")
    return errors, warnings
