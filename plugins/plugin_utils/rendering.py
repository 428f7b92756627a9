# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans and tables as text for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Plan
from ansible_collections.holdfast.stateful.plugins.module_utils._core.words import counted


def render_plan(plans: Mapping[str, Plan]) -> str:
    """What each plan will do, phase by phase and host by host."""
    lines: list[str] = []
    for cluster, plan in plans.items():
        lines.extend(plan.notes)
        if plan.refused:
            lines.append(f"{cluster}: refused, nothing is changed")
            lines.extend(f"  - {reason}" for reason in plan.refused)
        elif plan.phases:
            steps = sum(len(found) for phase in plan.phases for found in phase.steps.values())
            hosts = {host for phase in plan.phases for host in phase.steps}
            counts = (counted(steps, "step"), counted(len(hosts), "host"), counted(len(plan.phases), "phase"))
            lines.append(f"{cluster}: {counts[0]} on {counts[1]} in {counts[2]}")
            for index, phase in enumerate(plan.phases, 1):
                lines.append(f"  phase {index}: {phase.name}")
                for host, found in phase.steps.items():
                    lines.append(f"    {host}")
                    lines.extend(f"      {step.sentence}" for step in found)
        else:
            lines.append(f"{cluster}: nothing to do")
    return "\n".join(lines)


def render_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell."""
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in (header, tuple("-" * width for width in widths), *rows)
    )
