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
    @staticmethod
    def plan_cluster(cluster: str, observations: Sequence[Mapping[str, Any]]) -> Plan:
        return plan_cluster(cluster, observations, select)
