# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""No order of writes may pass through an unsafe state, whatever the old and the new layout are."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import model
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import order_writes, states

# Few names, so that pools and domains change places often.
NAMES = st.sampled_from(["a", "b", "c"])
DEVICES = st.lists(st.sampled_from(["/dev/x", "/dev/y", "/dev/z"]), unique=True, max_size=3)


@st.composite
def layouts(draw: st.DrawFn) -> dict[str, str]:
    """The attribute files of a valid layout, of a marker, or of a bare node."""
    form = draw(st.sampled_from(["layout", "layout", "layout", "marker", "bare"]))
    if form == "bare":
        return {}
    domain = draw(NAMES)
    if form == "marker":
        return {model.SDC_ROOT: domain}
    pools = draw(st.lists(NAMES.filter(lambda name: name != domain), unique=True, min_size=1, max_size=2))
    devices = draw(st.permutations(["/dev/x", "/dev/y", "/dev/z"]))
    cut = draw(st.integers(1, 2))
    lists = [devices[:cut], devices[cut:]]
    sdc = draw(st.sampled_from(["none", "pool", "only"]))
    sds = [] if sdc == "only" else [(domain, list(zip(pools, lists)))]
    persona = draw(st.sampled_from(["", "primary"]))
    return model.render(sds, [] if sdc == "none" else [(domain, pools[:1])], persona)


@settings(max_examples=300, deadline=None)
@given(layouts(), layouts())
def test_every_intermediate_state_is_safe(old: dict[str, str], new: dict[str, str]) -> None:
    writes = order_writes(old, new)
    before, after = model.framework_view(old), model.framework_view(new)
    contents = list(states(old, writes))
    for state in contents:
        view = model.framework_view(state)
        if before.imperative and after.imperative:
            assert view.imperative
        for device, homes in view.device_pools.items():
            assert len(homes) == 1
            assert homes <= before.device_pools.get(device, set()) | after.device_pools.get(device, set())
    assert (contents[-1] if contents else old) == new


@settings(max_examples=100, deadline=None)
@given(layouts(), layouts())
def test_nothing_is_written_twice_or_for_nothing(old: dict[str, str], new: dict[str, str]) -> None:
    state = dict(old)
    for name, value in order_writes(old, new):
        assert state.get(name) != value
        if value is None:
            del state[name]
        else:
            state[name] = value
    assert order_writes(new, new) == []


@settings(max_examples=100, deadline=None)
@given(layouts(), layouts(), st.data())
def test_a_run_that_died_between_two_writes_is_finished_by_the_next(
    old: dict[str, str], new: dict[str, str], data: st.DataObject
) -> None:
    reached = list(states(old, order_writes(old, new)))
    if not reached:
        return
    middle = data.draw(st.sampled_from(reached))
    rest = list(states(middle, order_writes(middle, new)))
    assert (rest[-1] if rest else middle) == new
