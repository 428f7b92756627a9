# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans whole clusters, or how they are healed; documented in modules/scaleio_plan.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Plan
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.heal_plan import heal_asked, plan_heal
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import plan_cluster
from ansible_collections.holdfast.stateful.plugins.plugin_utils.planning import PlanAction
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select


class ActionModule(PlanAction):
    def answer(self, clusters: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        """The plan, for every host with steps how its agent takes the attributes over, and what heal cannot mend."""
        answer = super().answer(clusters)
        restarts: dict[str, str] = {}
        unmended: dict[str, list[str]] = {}
        for cluster, context in answer["plan"]["context"].items():
            unmended.update(context.pop("unmended", {}))
            found = context.pop("restarts", {})
            restarts.update(found)
            kinds = {kind: [host for host in found if found[host] == kind] for kind in sorted(set(found.values()))}
            for kind, hosts in kinds.items():
                answer["text"] += f"\n{cluster}: restart {kind}: {', '.join(hosts)}"
        answer["plan"]["restarts"] = restarts
        answer["plan"]["unmended"] = unmended
        return answer

    @staticmethod
    def plan_cluster(cluster: str, observations: Sequence[Mapping[str, Any]]) -> Plan:
        plan = plan_heal if heal_asked(observations) else plan_cluster
        return plan(cluster, observations, select)
