# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Prints agents made by hand as a declaration; documented in modules/scaleio_adopt.py."""

from __future__ import annotations

from typing import Any

import yaml

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.model import decompile
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import natural, owned
from ansible_collections.holdfast.stateful.plugins.plugin_utils.planning import ClusterAction


class ActionModule(ClusterAction):
    def answer(self, clusters: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        hosts: dict[str, Any] = {}
        problems: list[str] = []
        for cluster, observations in sorted(clusters.items()):
            for observation in sorted(observations, key=lambda o: natural(o["member"])):
                member = observation["member"]
                if "unreachable" in observation:
                    problems.append(f"{member} could not be observed: {observation['unreachable']}")
                    continue
                attributes = owned(observation["agent"]["files"])
                if not attributes:
                    problems.append(f"{member} has no scaleio attribute; it is left out")
                    continue
                declaration, doubts = decompile(attributes)
                problems.extend(f"{member}: {doubt}" for doubt in doubts)
                hosts[member] = declaration if cluster == "scaleio" else {"scaleio_cluster": cluster, **declaration}
        inventory = {"mesos_agents": {"hosts": hosts}}
        text = yaml.safe_dump(inventory, sort_keys=False, default_flow_style=False, width=120)
        notes = "".join(f"# {problem}\n" for problem in problems)
        return {"text": notes + text, "problems": problems, "inventory": inventory}
