# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever stands and whatever is declared: no disk is taken unasked, the gateway comes to what is declared, runs can be resumed."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Plan
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import WorldChanged
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import model
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import plan_cluster
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio import services_view as view
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.framework_world import (
    MASTERS,
    Cluster,
    Framework,
    Host,
    Known,
    NeverComes,
    Pools,
    hidden,
    odd,
    opened,
    raw,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import wanted
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.world import Died

SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
OTHER = {"rack": "r1"}
# What a host has from the beginning, and what is plugged in later.
FIRST, LATE = ["/dev/x", "/dev/y"], ["/dev/z"]
PROBABLY = [True, True, True, True, False]


def rendered(sds: Pools) -> dict[str, str]:
    pairs = [(domain, list(pools.items())) for domain, pools in sds.items()]
    return {**OTHER, **model.render(pairs, model.default_sdc(pairs, "last_sds_pool"), "")}


@st.composite
def layouts(draw: st.DrawFn, paths: list[str]) -> Pools:
    """Nearly always of the one domain: into another nobody is moved."""
    domain = draw(st.sampled_from(["d", "d", "d", "d", "d", "d", "e"]))
    if len(paths) > 1 and draw(st.booleans()):
        return {domain: {"p": paths[:1], "q": paths[1:]}}
    return {domain: {"p": paths}}


@st.composite
def hosts(draw: st.DrawFn, number: int, method: str, mixed: bool, past: bool) -> tuple[Host, dict[str, str] | None]:
    """A host as it was in the past, and the files that it has by now if these are others."""
    first = [draw(st.sampled_from([raw, raw, raw, raw, hidden]))(path) for path in FIRST]
    late = [draw(st.sampled_from([raw, raw, raw, hidden, odd, opened]))(p) for p in LATE if draw(st.booleans())]
    imperative = method == "imperative" or (mixed and draw(st.booleans()))
    usable = [device["path"] for device in [*first, *late] if device["taken"] and device["free"]]
    said: dict[str, Any] = {"method": method, "global_pool_mixed": mixed, "sds": None}
    target = dict(OTHER)
    if imperative:
        chosen = usable if draw(st.sampled_from(PROBABLY)) else [device["path"] for device in [*first, *late]]
        if chosen:
            said["sds"] = draw(layouts(chosen))
            target = rendered(said["sds"])
        else:
            said.update(state="absent")
    else:
        taken = [device["path"] for device in [*first, *late] if device["taken"]]
        said["global_pool_devices"] = taken if draw(st.sampled_from(PROBABLY)) else taken[:-1]
    joined = past and draw(st.booleans())
    files = dict(OTHER)
    if joined and imperative:
        old = [device["path"] for device in first if device["taken"]]
        there = said["sds"] and {path for pools in said["sds"].values() for paths in pools.values() for path in paths}
        same = there and there <= set(old) and draw(st.booleans())
        files = rendered(said["sds"] if same else draw(layouts(old))) if old else files
        joined = files != OTHER
    member = view.name(number)
    life = "up" if joined else draw(st.sampled_from(["up", "never"]))
    host = Host(
        member,
        wanted(**said),
        first,
        dict(files),
        dict(files) if joined else None,
        f"S{number}" if life == "up" else None,
        {f"S{number}": dict(files)} if life == "up" else {},
        policy=draw(st.sampled_from(["equal", "additive"])),
        identity=({"system": "scaleio", "cluster": "scaleio", "member": member, "ordinal": number} if joined else None),
        number=number,
    )
    host.late = late
    now = target if joined and imperative and draw(st.booleans()) else files
    return host, now if life == "up" else None


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    """A cluster with a past: a framework that has been at work, and what has happened since."""
    method, mixed = draw(st.sampled_from([("imperative", False), ("global_pool", False), ("global_pool", True)]))
    past = draw(st.booleans())
    drawn = [draw(hosts(number, method, mixed, past)) for number in range(1, draw(st.integers(1, 3)) + 1)]
    life = Framework()
    cluster = Cluster({host.member: host for host, _files in drawn}, 1, framework=life)
    if past:
        life.app = {**view.app_of(view.services()["wanted"], MASTERS[0]).fields, "instances": 1}
        life.start()
        life.live(cluster.hosts())
        _since(draw, life, cluster)
    for host, files in drawn:
        host.devices = [*host.devices, *host.late]
        unseen = not (life.runs and life.registered) or host.member in life.nodes
        if files is not None and (unseen or model.framework_view(files).imperative):
            host.files = dict(files)
            host.running = dict(files) if draw(st.sampled_from(PROBABLY)) else None
    pairs = [(host.ip, path) for host, _files in drawn for path in [*FIRST, *LATE]]
    life.refuses = frozenset([draw(st.sampled_from(pairs))] if draw(st.integers(0, 5)) == 0 else [])
    cluster.bare = ["stranger"] if draw(st.integers(0, 9)) == 0 else []
    return cluster


def _since(draw: st.DrawFn, life: Framework, cluster: Cluster) -> None:
    fate = draw(st.sampled_from(["at work", "at work", "spinning", "suspended", "removed", "changed"]))
    assert life.app is not None
    life.host = draw(st.sampled_from(["elsewhere", *cluster.nodes]))
    if fate == "spinning":
        life.registered, life.leader = False, MASTERS[1]
        life.dead = frozenset(draw(st.sampled_from([(), (MASTERS[0],)])))
    elif fate == "suspended":
        life.runs, life.registered, life.nodes, life.app["instances"] = False, False, {}, 0
    elif fate == "removed":
        life.runs, life.registered, life.nodes, life.app = False, False, {}, None
    elif fate == "changed":
        life.app["mem"] = 64
    if life.runs and draw(st.integers(0, 5)) == 0:
        # A host that was there once, and whose agent has died half way.
        life.nodes["ghost"] = Known(True, {}, draw(st.sampled_from([2, 6])))
    if draw(st.integers(0, 5)) == 0:
        _by_hand(draw, life, cluster)


def _by_hand(draw: st.DrawFn, life: Framework, cluster: Cluster) -> None:
    """Somebody has removed a device at the gateway."""
    held = sorted(cluster.contributions())
    if held:
        domain, pool, ip, path = draw(st.sampled_from(held))
        life.gateway[domain][pool][ip].remove(path)
        for host in cluster.hosts().values():
            device = host.disk(path)
            if host.ip == ip and device is not None:
                device.update(raw(path), by="")


def planned(cluster: Cluster) -> Plan:
    return plan_cluster("scaleio", cluster.observe(), select)


def expected(cluster: Cluster, host: Host) -> Pools:
    """What the gateway must show of a host in the end."""
    seen = model.framework_view(host.files)
    if seen.imperative:
        return {domain: {pool: list(paths) for pool, paths in pools.items()} for domain, pools in seen.provides.items()}
    agreed = host.wanted["global_pool_devices"]
    paths = [path for path in host.taken() if path in agreed or cluster.framework.has(host.ip, path)]
    return {"default": {"default": paths}} if paths else {}


def given_up(cluster: Cluster) -> bool:
    """Whether the framework has saved something as done that is not at the gateway: no run can bring that there."""
    return any(cluster.framework.given_up(host, expected(cluster, host)) for host in cluster.hosts().values())


@settings(SETTINGS, max_examples=200)
@given(clusters(), st.data())
def test_the_gateway_comes_to_what_is_declared_and_nothing_is_taken_unasked(
    cluster: Cluster, data: st.DataObject
) -> None:
    plan = planned(cluster)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    event("refused" if plan.refused else f"{len(plan.phases)} phases")
    before = set(cluster.contributions())
    if plan.refused:
        assert not plan.phases
        return
    try:
        cluster.carry_out(plan, lambda count: data.draw(st.integers(0, count - 1)))
    except NeverComes as reason:
        event("halts" if cluster.framework.halts() else "never comes")
        assert given_up(cluster) or cluster.framework.halts(), reason
        return
    after = set(cluster.contributions())
    assert before <= after
    for host in cluster.hosts().values():
        wanted_there = expected(cluster, host)
        assert cluster.framework.nodes[host.member].state == 1024
        for domain, pools in wanted_there.items():
            assert cluster.framework.sds[host.ip] == domain
            for pool, paths in pools.items():
                assert {(domain, pool, host.ip, path) for path in paths} <= after
        own = {path for _domain, _pool, ip, path in after if ip == host.ip}
        assert own == {path for pools in wanted_there.values() for paths in pools.values() for path in paths}
    again = planned(cluster)
    assert (again.phases, again.refused) == ((), ())


@settings(SETTINGS, max_examples=200)
@given(clusters(), st.data())
def test_what_changes_after_the_plan_stops_the_run_before_a_disk_is_taken(
    cluster: Cluster, data: st.DataObject
) -> None:
    cluster.framework.live(cluster.hosts())
    plan = planned(cluster)
    assume(plan.phases)
    _surprise(data, cluster)
    try:
        cluster.carry_out(plan)
    except WorldChanged as error:
        event("stopped")
        assert "so this was not done" in str(error)
    except NeverComes:
        event("never comes")
    else:
        event("it does not matter")
    rest = planned(cluster)
    if not rest.refused:
        try:
            cluster.carry_out(rest)
        except NeverComes:
            assert given_up(cluster) or cluster.framework.halts()


def _surprise(data: st.DataObject, cluster: Cluster) -> None:
    """Somebody plugs a disk in, puts data on one, opens one, or starts an agent."""
    life = cluster.framework
    # What the framework is about to do by itself is no plan's matter.
    able = [
        host
        for host in cluster.hosts().values()
        if host.member not in life.nodes
        or all(
            life.has(host.ip, p)
            for found in life.nodes[host.member].provides.values()
            for ps in found.values()
            for p in ps
        )
    ]
    able = [
        host
        for host in able
        if host.member not in life.nodes or life.nodes[host.member].imperative or life.nodes[host.member].advertised
    ]
    kind = data.draw(st.sampled_from(["plugged", "data", "odd data", "opened", "stranger"]))
    if kind == "stranger":
        cluster.bare.append("latecomer")
        return
    assume(able)
    host = data.draw(st.sampled_from(able))
    if kind == "plugged":
        host.devices.append(raw("/dev/new"))
        return
    free = [device for device in host.devices if device["free"]]
    assume(free and (kind != "opened" or not life.runs))
    device = data.draw(st.sampled_from(free))
    device.update({"data": hidden, "odd data": odd, "opened": opened}[kind](device["path"]))


def _kept(state: dict[str, Any], died: Cluster) -> dict[str, Any]:
    """A state without the sets kept for a rollback where the run that died kept none: the files of an agent that is down after a
    death may be the half of two sets."""
    hosts = {
        name: {key: value for key, value in host.items() if key != "previous" or died.nodes[name].previous is not None}
        for name, host in state["hosts"].items()
    }
    return {**state, "hosts": hosts}


@settings(SETTINGS, max_examples=25)
@given(clusters())
def test_a_run_that_dies_after_any_effect_is_finished_by_the_next(cluster: Cluster) -> None:
    plan = planned(cluster)
    assume(plan.phases)
    whole = cluster.copy()
    try:
        whole.carry_out(plan)
    except NeverComes:
        assume(False)
    for effects in range(whole.effects + 1):
        died = cluster.copy()
        died.die_after = effects
        try:
            died.carry_out(plan)
        except Died:
            pass
        died.die_after = None
        rest = planned(died)
        assert not rest.refused, (effects, rest.refused)
        died.carry_out(rest)
        assert _kept(died.state(), died) == _kept(whole.state(), died), effects
        assert not planned(died).phases, effects
