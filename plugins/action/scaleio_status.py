# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares what is declared with what is there; documented in modules/scaleio_status.py."""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import gather
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.status import POOLS_HEADER, cluster_status
from ansible_collections.holdfast.stateful.plugins.plugin_utils.planning import ClusterAction
from ansible_collections.holdfast.stateful.plugins.plugin_utils.rendering import render_table
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select


class ActionModule(ClusterAction):
    def answer(self, clusters: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        text: list[str] = []
        problems: list[str] = []
        notes: list[str] = []
        members: dict[str, dict[str, Any]] = {}
        for cluster, observations in sorted(clusters.items()):
            found = cluster_status(observations, select)
            members[cluster] = {node.member: node.to_json() for node in found.nodes}
            notes.extend(f"{cluster}: {note}" for note in found.notes)
            problems.extend(f"{cluster}: {problem}" for problem in found.problems)
            problems.extend(gather((node.member, problem) for node in found.nodes for problem in node.problems))
            text.append(f"{cluster}: {len(found.nodes)} members")
            text.append(render_table(found.header, [node.cells for node in found.nodes]))
            if found.pools is not None:
                text.append(f"{cluster}: at the gateway")
                text.append(render_table(POOLS_HEADER, found.pools))
        text.extend(notes)
        text.extend(f"  - {problem}" for problem in problems)
        return {"text": "\n".join(text), "problems": problems, "notes": notes, "clusters": members}
