# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Phase, Plan, Step
from ansible_collections.holdfast.stateful.plugins.plugin_utils.rendering import render_plan, render_table


def test_a_plan() -> None:
    steps = (Step("a", "do a"), Step("b", "do b"))
    plans = {
        "red": Plan("red", (Phase("first", {"r1": steps}), Phase("then", {"r2": steps[:1], "r3": steps[:1]}))),
        "blue": Plan("blue", refused=("no", "never")),
        "done": Plan("done"),
    }
    assert render_plan(plans).splitlines() == [
        "red: 4 steps on 3 hosts in 2 phases",
        "  phase 1: first",
        "    r1",
        "      do a",
        "      do b",
        "  phase 2: then",
        "    r2",
        "      do a",
        "    r3",
        "      do a",
        "blue: refused, nothing is changed",
        "  - no",
        "  - never",
        "done: nothing to do",
    ]


def test_a_table() -> None:
    assert render_table(("member", "x"), [("agent01", "y"), ("a", "longer")]).splitlines() == [
        "member   x",
        "-------  ------",
        "agent01  y",
        "a        longer",
    ]
