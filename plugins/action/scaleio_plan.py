# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans imperative attributes for whole clusters; documented in modules/scaleio_plan.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Plan
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import plan_cluster
from ansible_collections.holdfast.stateful.plugins.plugin_utils.planning import PlanAction
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select


class ActionModule(PlanAction):
    def answer(self, clusters: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        """The plan, and for every host with steps how its agent takes the attributes over."""
        answer = super().answer(clusters)
        restarts: dict[str, str] = {}
        for cluster, context in answer["plan"]["context"].items():
            found = context.pop("restarts", {})
            restarts.update(found)
            kinds = {kind: [host for host in found if found[host] == kind] for kind in sorted(set(found.values()))}
            for kind, hosts in kinds.items():
                answer["text"] += f"\n{cluster}: restart {kind}: {', '.join(hosts)}"
        answer["plan"]["restarts"] = restarts
        return answer

    @staticmethod
    def plan_cluster(cluster: str, observations: Sequence[Mapping[str, Any]]) -> Plan:
        return plan_cluster(cluster, observations, select)
