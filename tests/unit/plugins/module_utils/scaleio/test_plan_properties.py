# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever cluster is found and whatever is declared: a plan passes through no unsafe state, and it can be resumed."""

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
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import disk, wanted
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.world import Died, Node, World

PATHS = ["/dev/x", "/dev/y", "/dev/z"]
# Few names, so that pools and domains change places often.
NAMES = ["a", "b", "c"]
OTHER = {"rack": "r1"}
TASK = {
    "kind": "task",
    "name": "t",
    "framework": "Marathon",
    "checkpointed": True,
    "ends": "with_agent_id",
    "sentence": "-",
}
EXECUTOR = {**TASK, "framework": "ScaleIO Framework", "checkpointed": False, "ends": "at_restart"}
LOOSE = {**TASK, "framework": "Old", "checkpointed": False, "ends": "at_restart"}

SETTINGS = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@st.composite
def layouts(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """A declaration: sds and sdc."""
    domain, *pools = draw(st.permutations(NAMES))
    pools = pools[: draw(st.integers(1, 2))]
    devices = draw(st.permutations(PATHS))
    cut = draw(st.integers(1, 2))
    sds = {domain: dict(zip(pools, (devices[:cut], devices[cut:])))}
    return draw(st.sampled_from([(sds, None), (sds, {}), (sds, {domain: pools[-1:]}), ({}, {domain: pools[:1]})]))


def rendered(sds: dict[str, Any], sdc: dict[str, Any] | None, persona: str = "") -> dict[str, str]:
    pairs = [(domain, list(pools.items())) for domain, pools in sds.items()]
    client = model.default_sdc(pairs, "last_sds_pool") if sdc is None else tuple(sdc.items())
    return model.render(pairs, client, persona)


@st.composite
def attribute_sets(draw: st.DrawFn) -> dict[str, str]:
    """What a host may carry: a layout, the marker, or nothing of ours; always a foreign attribute."""
    form = draw(st.sampled_from(["layout", "layout", "marker", "bare"]))
    if form == "marker":
        return {**OTHER, model.SDC_ROOT: draw(st.sampled_from(NAMES))}
    if form == "bare":
        return dict(OTHER)
    return {**OTHER, **rendered(*draw(layouts()), draw(st.sampled_from(["", "primary"])))}


@st.composite
def nodes(draw: st.DrawFn, number: int, unavailable: int, only_new: bool, failed_over: bool) -> Node:
    files = draw(attribute_sets())
    # Files may have been changed since the agent was started, and the agent since it first registered.
    started = draw(st.sampled_from(["files", "files", "files", "else"]))
    running = files if started == "files" else draw(attribute_sets())
    original = draw(st.sampled_from(["running", "running", "bare", "else"]))
    info = {"running": running, "bare": OTHER, "else": draw(attribute_sets())}[original]
    life = draw(st.sampled_from(["up", "up", "up", "down", "never", "flapping"]))
    state = draw(st.sampled_from(["present", "present", "present", "absent", "rollback"]))
    sds, sdc = draw(layouts())
    work = draw(st.sampled_from([[], [EXECUTOR], [EXECUTOR, TASK], [TASK, LOOSE]])) if life == "up" else []
    member = f"agent{number}"
    return Node(
        member,
        wanted(
            state=state,
            sds=sds if state == "present" else None,
            sdc=sdc if state == "present" else None,
            rack=draw(st.sampled_from(["r1", "r2"])),
            max_unavailable=unavailable,
            only_new=only_new,
            allow_global_pool=draw(st.sampled_from([False, False, True])),
            allow_work_loss=["framework:Marathon", "framework:Old"] if draw(st.integers(0, 3)) else [],
        ),
        [disk(path) for path in PATHS],
        dict(files),
        dict(running) if life == "up" else None,
        None if life == "never" else f"S{number}",
        {} if life == "never" else {f"S{number}": dict(info)},
        policy=draw(st.sampled_from(["equal", "additive"])),
        rebooted=draw(st.booleans()) and life != "up",
        flapping=life == "flapping",
        disabled=life in ("down", "never") and draw(st.booleans()),
        shown=not failed_over or draw(st.booleans()),
        work=[dict(item) for item in work],
        identity=(
            {"system": "scaleio", "cluster": "scaleio", "member": member, "ordinal": number}
            if draw(st.booleans())
            else None
        ),
        previous=(
            {"files": {n: v for n, v in draw(attribute_sets()).items() if n != "rack"}} if draw(st.booleans()) else None
        ),
        claim=None,
    )


@st.composite
def worlds(
    draw: st.DrawFn, scope: tuple[bool, ...] = (False, False, True), failed_over: tuple[bool, ...] = (False,)
) -> World:
    """A cluster.

    :param scope: whether only new members are brought in.
    :param failed_over: whether a master has just taken over, so that it shows some running agents as inactive.
    """
    unavailable = draw(st.integers(1, 2))
    only_new = draw(st.sampled_from(scope))
    lost = draw(st.sampled_from(failed_over))
    found = [draw(nodes(number, unavailable, only_new, lost)) for number in range(1, draw(st.integers(1, 4)) + 1)]
    return World({node.member: node for node in found}, unavailable)


def planned(world: World) -> Plan:
    return plan_cluster("scaleio", world.observe(), select)


@settings(SETTINGS, max_examples=150)
@given(worlds(failed_over=(False, True)), st.data())
def test_no_unsafe_state_is_reachable_and_the_second_plan_is_empty(world: World, data: st.DataObject) -> None:
    plan = planned(world)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    event("refused" if plan.refused else f"{len(plan.phases)} phases")
    if plan.refused:
        assert not plan.phases
        return
    try:
        world.carry_out(plan, lambda count: data.draw(st.integers(0, count - 1)))
    except WorldChanged:
        event("a step waits for agents to come back")
        assert not all(node.shown for node in world.nodes.values())
        world.re_register()
        rest = planned(world)
        assert not rest.refused
        world.carry_out(rest)
    world.re_register()
    again = planned(world)
    assert (again.phases, again.refused) == ((), ())


@settings(SETTINGS, max_examples=30)
@given(worlds())
def test_a_run_that_dies_after_any_effect_is_finished_by_the_next(world: World) -> None:
    plan = planned(world)
    assume(plan.phases)
    whole = world.copy()
    whole.carry_out(plan)
    for effects in range(whole.effects + 1):
        died = world.copy()
        died.die_after = effects
        try:
            died.carry_out(plan)
        except Died:
            pass
        died.die_after = None
        rest = planned(died)
        assert not rest.refused, (effects, rest.refused)
        died.carry_out(rest)
        assert died.state() == whole.state(), effects
        assert not planned(died).phases


@settings(SETTINGS, max_examples=60)
@given(worlds((True,)))
def test_onboarding_touches_no_member_that_has_joined(world: World) -> None:
    joined = {member for member, node in world.nodes.items() if node.identity is not None}
    plan = planned(world)
    event("refused" if plan.refused else f"{len(plan.phases)} phases")
    assert not joined & {member for phase in plan.phases for member in phase.steps}


@settings(SETTINGS, max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(["r1", "r2", "r3"]), st.booleans()), min_size=1, max_size=9),
    st.integers(1, 3),
    st.data(),
)
def test_a_rollout_takes_down_one_rack_at_a_time_and_no_more_than_it_may(
    racks: list[tuple[str, bool]], unavailable: int, data: st.DataObject
) -> None:
    """Also when a master has just taken over and does not yet show all agents as active."""
    found = {
        f"agent{number}": Node(
            f"agent{number}",
            wanted(rack=rack, max_unavailable=unavailable),
            [disk()],
            dict(OTHER),
            dict(OTHER),
            f"S{number}",
            {f"S{number}": dict(OTHER)},
            shown=shown,
        )
        for number, (rack, shown) in enumerate(racks)
    }
    world = World(found, unavailable)
    plan = planned(world)
    assert sorted(member for phase in plan.phases for member in phase.steps) == sorted(found)
    assert len(plan.phases[0].steps) == 1
    for phase in plan.phases:
        assert len({found[member].wanted["rack"] for member in phase.steps}) == 1
        assert len(phase.steps) <= unavailable
    while plan.phases:
        try:
            world.carry_out(plan, lambda count: data.draw(st.integers(0, count - 1)))
        except WorldChanged:
            # Agent by agent comes back.
            next(node for node in world.nodes.values() if not node.shown).shown = True
        plan = planned(world)
        if plan.refused:
            world.re_register()
            plan = planned(world)
    assert not planned(world).phases
