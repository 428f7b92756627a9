# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints agents made by hand as a declaration; documented in modules/scaleio_adopt.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.model import decompile
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import (
    gather,
    natural,
    owned,
    plan_cluster,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.wanted import redeclare
from ansible_collections.holdfast.stateful.plugins.plugin_utils.planning import ClusterAction
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select


class ActionModule(ClusterAction):
    _VALID_ARGS = ClusterAction._VALID_ARGS | {"group"}

    def answer(self, clusters: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        hosts: dict[str, Any] = {}
        problems: list[str] = []
        for cluster, observations in sorted(clusters.items()):
            again: list[Mapping[str, Any]] = []
            doubts: list[tuple[str, str]] = []
            for observation in sorted(observations, key=lambda o: natural(o["member"])):
                member = observation["member"]
                if "unreachable" in observation:
                    problems.append(f"{member} could not be observed: {observation['unreachable']}")
                    continue
                attributes = owned(observation["agent"]["files"])
                if not attributes:
                    problems.append(f"{member} has no scaleio attribute; it is left out")
                    continue
                declaration, found = decompile(attributes)
                doubts.extend((member, doubt) for doubt in found)
                hosts[member] = declaration if cluster == "scaleio" else {"scaleio_cluster": cluster, **declaration}
                again.append({**observation, "wanted": redeclare(observation["wanted"], declaration)})
            problems.extend(dict.fromkeys([*gather(doubts), *_changes(cluster, again)]))
        # A plain text: what came by a template is a kind of its own, which YAML does not know.
        inventory = {str(self._task.args.get("group", "mesos_agents")): {"hosts": hosts}}
        text = yaml.safe_dump(inventory, sort_keys=False, default_flow_style=False, width=120)
        notes = "".join(f"# {problem}\n" for problem in problems)
        return {"text": notes + text, "problems": problems, "inventory": inventory}


def _changes(cluster: str, observations: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a run with the printed declaration would still do, or be refused for."""
    if not observations:
        return []
    plan = plan_cluster(cluster, observations, select, attributes_only=True)
    if plan.refused:
        return [*plan.refused, f"as long as that is so, a run with this declaration of {cluster} is refused"]
    return [
        f"{member}: with this declaration the next run would still do this: {'; '.join(step.sentence for step in steps)}"
        for phase in plan.phases
        for member, steps in phase.steps.items()
    ]
