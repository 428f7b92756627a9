# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The acting action: carries a host's steps of one phase out through the module, behind a gate.

The gate is positive evidence: every host of the phase before must have left word, in a fact of this plan, that it
succeeded. A host that failed, was unreachable or was skipped leaves none, whatever the user's play ignores or rescues.
In check mode the answer is made from the steps, by the code that the module uses, and no channel is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Step, report

PROGRESS = "holdfast_progress"


class ActAction(ActionBase):
    """Base of every acting ``<thing>``.

    Task arguments: ``planned`` (the name of the variable that the planning task registered), ``phase`` (its index);
    everything else goes to the module as it is.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = False

    #: the module that carries steps out.
    module: ClassVar[str]

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        host = str(task_vars["inventory_hostname"])
        arguments = dict(self._task.args)
        missing = [name for name in ("planned", "phase") if name not in arguments]
        if missing:
            raise AnsibleActionFail(
                f"missing arguments: {', '.join(missing)}; the role's tasks show how this is called"
            )
        index = int(arguments.pop("phase"))
        plan = _registered(task_vars, host, str(arguments.pop("planned")))
        entry = plan["hosts"].get(host)
        if entry is None or str(index) not in entry["steps"]:
            raise AnsibleActionFail(
                f"the plan has no steps for {host} in phase {index}; the role asks for the wrong phase"
            )
        self._gate(task_vars, plan, host, index)
        steps = entry["steps"][str(index)]
        effect = any(step["effect"] for step in steps)
        if self._task.check_mode:
            result.update(report(map(Step.from_json, steps), host))
        else:
            run = {
                "plan_id": plan["plan_id"],
                "controller": plan["controller"],
                "phase": index,
                "phases": entry["phases"],
                "hosts": entry["beside"][str(index)],
                "supersedes": plan["supersedes"],
                "effect": effect,
            }
            context = plan["context"][entry["cluster"]]
            arguments.update(cluster=entry["cluster"], member=host, steps=steps, run=run, context=context)
            result.update(self._execute_module(module_name=self.module, module_args=arguments, task_vars=task_vars))
        if not result.get("failed") and not result.get("unreachable"):
            result["ansible_facts"] = {PROGRESS: {"plan_id": plan["plan_id"], "phase": index}}
        return result

    @staticmethod
    def _gate(task_vars: Mapping[str, Any], plan: Mapping[str, Any], host: str, index: int) -> None:
        """Raise unless every host that this phase waits for has succeeded in the phase before.

        :raises AnsibleActionFail: names the hosts where the plan came to a halt.
        """
        failed = _without_success(task_vars, plan, index - 1, plan["hosts"][host]["after"][str(index)])
        if not failed:
            return
        halted = index - 1
        while halted > 1:
            earlier = _without_success(task_vars, plan, halted - 1, plan["hosts"][failed[0]]["after"][str(halted)])
            if not earlier:
                break
            failed, halted = earlier, halted - 1
        raise AnsibleActionFail(
            f"phase {index} does not start, because phase {halted} did not succeed on {', '.join(failed)}."
            f" Nothing was changed on this host in this phase. Mend what failed there and run again."
        )


def _without_success(task_vars: Mapping[str, Any], plan: Mapping[str, Any], index: int, hosts: list[str]) -> list[str]:
    """Those of the hosts that left no word of having succeeded in this phase.

    Who has finished a later phase has seen this one succeed at its own gate.
    """
    missing = []
    for host in hosts:
        progress = task_vars["hostvars"].raw_get(host).get("ansible_facts", {}).get(PROGRESS, {})
        if progress.get("plan_id") != plan["plan_id"] or progress.get("phase", 0) < index:
            missing.append(host)
    return missing


def _registered(task_vars: Mapping[str, Any], host: str, name: str) -> Mapping[str, Any]:
    found = task_vars["hostvars"].raw_get(host).get(name)
    if not isinstance(found, Mapping) or "plan" not in found:
        raise AnsibleActionFail(f"the variable {name} holds no plan: the planning task did not run for {host}")
    plan = found["plan"]
    if not isinstance(plan, Mapping):
        raise AnsibleActionFail(f"the variable {name} holds no plan, but {type(plan).__name__}")
    return plan
