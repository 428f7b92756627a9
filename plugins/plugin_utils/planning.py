# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The planning action: collects every member's registered observation, plans once, in-process, without a channel.

It never fails for a cluster that is refused: a refusal is data, and ends only the hosts of that cluster. It never says
``changed``: the acting step does, for each host (:mod:`...plugin_utils.acting`).
"""

from __future__ import annotations

import os
import platform
import uuid
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.template import Templar

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Plan
from ansible_collections.holdfast.stateful.plugins.module_utils._core.identity import judge_claims
from ansible_collections.holdfast.stateful.plugins.plugin_utils.rendering import render_plan

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class ClusterAction(ActionBase):
    """Base of the actions that answer from all observations at once.

    Task arguments: ``members`` (the declared members: a group), ``observed`` (the name of the variable that the
    observing task registered), ``cluster_variable`` (the name of the variable that says which cluster a member belongs to
    that could not be observed), ``only_variable`` (the name of the variable that says which cluster alone to look at),
    ``show`` (print the answer's ``text``).
    """

    BYPASS_HOST_LOOP = True
    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False
    _VALID_ARGS = frozenset(("members", "observed", "cluster_variable", "only_variable", "show"))

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        task_vars = task_vars or {}
        clusters = self.observations(task_vars)
        only = self._only(task_vars)
        if only:
            if only not in clusters:
                raise AnsibleActionFail(f"there is no cluster {only}; the inventory has {', '.join(sorted(clusters))}")
            clusters = {only: clusters[only]}
        result.update(changed=False, **self.answer(clusters))
        if self._task.args.get("show", True) and result["text"]:
            self._display.display(result["text"])
        return result

    @abstractmethod
    def answer(self, clusters: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        """The result keys, ``text`` among them.

        :param clusters: the observations of each cluster.
        """

    def observations(self, task_vars: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
        """Every declared member's observation by cluster; what is missing stands there as ``unreachable``.

        A member that could not be observed and whose cluster cannot be told may belong to any, and stands in all of them.
        """
        variable = self._task.args.get("observed")
        if not isinstance(variable, str):
            raise AnsibleActionFail("observed must name the variable that the observing task registered")
        batch = set(task_vars.get("ansible_play_batch", ()))
        active = set(task_vars.get("ansible_play_hosts", ()))
        limited = set(task_vars.get("ansible_play_hosts_all", ()))
        clusters: dict[str, list[dict[str, Any]]] = {}
        anywhere: list[dict[str, Any]] = []
        for member in self._members():
            facts = task_vars["hostvars"].raw_get(member)
            if not isinstance(facts, Mapping):
                raise AnsibleActionFail(f"the member {member} is no host of the inventory")
            observation = _observation(facts.get(variable))
            if member not in limited:
                why = "it is not part of this play (a limit, a slice of the inventory, or it failed in an earlier play)"
                observation = {"unreachable": why}
            elif member in active and member not in batch:
                # Results of an earlier play or batch look fresh, and are not.
                observation = {"unreachable": "it is in another batch: remove serial from the play"}
            elif member not in batch and variable not in facts:
                observation = {"unreachable": "it failed or was unreachable before it could be observed"}
            elif member not in batch and "unreachable" not in observation:
                observation = {"unreachable": "it has failed or become unreachable since it was observed"}
            observation["member"] = member
            cluster = observation.get("cluster")
            if cluster is None:
                cluster = observation["cluster"] = self._value(task_vars, member, "cluster_variable") or None
            if cluster is None:
                observation["unreachable"] += "; nor can it be told which cluster it belongs to"
                anywhere.append(observation)
            else:
                clusters.setdefault(cluster, []).append(observation)
        for cluster in list(clusters) or ["unknown"]:
            clusters.setdefault(cluster, []).extend({**observation, "cluster": cluster} for observation in anywhere)
        return clusters

    def _members(self) -> list[str]:
        members = self._task.args.get("members")
        if not isinstance(members, list) or not members:
            raise AnsibleActionFail(
                "the group of members is empty or unknown, so there is nothing to plan: put the hosts into their group"
            )
        return list(map(str, members))

    def _only(self, task_vars: Mapping[str, Any]) -> str:
        """The one cluster to look at, or an empty text.

        :raises AnsibleActionFail: the members do not agree about it, so that it is no choice for the whole run.
        """
        here = str(task_vars["inventory_hostname"])
        chosen = self._value(task_vars, here, "only_variable")
        others = self._members() if chosen else []
        values = {member: self._value(task_vars, member, "only_variable") for member in others}
        different = next((member for member, value in values.items() if value != chosen), None)
        if different is not None:
            raise AnsibleActionFail(
                f"{self._task.args['only_variable']} is {chosen!r} on {here} and {values[different]!r} on {different}, and"
                f" chooses the one cluster of the whole run; nothing was changed. Give it once for all hosts, with -e, and"
                f" keep it (and cluster, from which the playbooks take it) out of the variables of hosts and groups."
            )
        return chosen

    def _value(self, task_vars: Mapping[str, Any], member: str, argument: str) -> str:
        """What the variable that an argument names is on a member, as a task would see it there.

        ``hostvars`` know neither what the play, the role and their callers set, nor the role's defaults.

        :returns: an empty text where it is undefined or cannot be templated.
        """
        name = self._task.args.get(argument)
        if not name:
            return ""
        hostvars = task_vars["hostvars"]
        known = hostvars._variable_manager.get_vars(
            play=self._task._parent._play, host=hostvars._inventory.get_host(member), task=self._task
        )
        try:
            return str(Templar(loader=self._loader, variables=known).template(known.get(name, "")))
        except AnsibleError:
            return ""


class PlanAction(ClusterAction):
    """Base of every ``<thing>_plan``. A system says how it plans; the rest is here."""

    @staticmethod
    @abstractmethod
    def plan_cluster(cluster: str, observations: Sequence[Mapping[str, Any]]) -> Plan:
        """The plan of one cluster; pure.

        :param observations: one for each declared member, also for those that are ``unreachable``.
        """

    def answer(self, clusters: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
        plans: dict[str, Plan] = {}
        supersedes: list[str] = []
        for cluster, observations in sorted(clusters.items()):
            claims = judge_claims((o.get("claim") for o in observations), controller_lives, this_controller())
            supersedes.extend(claims.supersedes)
            plan = self.plan_cluster(cluster, observations)
            if claims.alive and not plan.refused:
                plan = Plan(cluster, refused=claims.alive, warnings=plan.warnings)
            died = claims.died if plan.phases else ()
            plans[cluster] = replace(plan, warnings=(*died, *plan.warnings))
        for cluster, plan in plans.items():
            for warning in plan.warnings:
                self._display.warning(f"{cluster}: {warning}")
        return {"plan": merge(uuid.uuid4().hex, plans, clusters, supersedes), "text": render_plan(plans)}


def _observation(registered: Any) -> dict[str, Any]:
    if not isinstance(registered, Mapping):
        return {"unreachable": "no observation was made"}
    if registered.get("unreachable") or registered.get("failed"):
        return {"unreachable": str(registered.get("msg", "no reason given")).strip()}
    if "observation" not in registered:
        return {"unreachable": "the observing task was skipped"}
    return dict(registered["observation"])


def merge(
    plan_id: str,
    plans: Mapping[str, Plan],
    clusters: Mapping[str, Sequence[Mapping[str, Any]]],
    supersedes: Sequence[str],
) -> dict[str, Any]:
    """Plans of several clusters as one: phase k is the union of every cluster's k-th.

    :returns: ``plan_id``; ``phases``, light: ``index`` (from 1), ``name``, ``hosts``; ``acting``, all hosts with steps;
        ``refused``, host -> reasons; ``context``, cluster -> what its acting calls are told; ``hosts``, for each acting
        host its ``cluster``, that one's number of ``phases``, its ``steps`` by phase index (as text), the hosts ``beside``
        which it acts in each phase (itself included), and those ``after`` whose success each phase waits for.
    """
    count = max((len(plan.phases) for plan in plans.values()), default=0)
    phases: list[dict[str, Any]] = [{"index": index, "name": [], "hosts": []} for index in range(1, count + 1)]
    hosts: dict[str, dict[str, Any]] = {}
    for cluster, plan in plans.items():
        for index, phase in enumerate(plan.phases, 1):
            phases[index - 1]["name"].append(f"{cluster}: {phase.name}")
            phases[index - 1]["hosts"].extend(phase.steps)
            after = sorted(plan.phases[index - 2].steps) if index > 1 else []
            for host, steps in phase.steps.items():
                entry = hosts.setdefault(
                    host, {"cluster": cluster, "phases": len(plan.phases), "steps": {}, "beside": {}, "after": {}}
                )
                entry["steps"][str(index)] = [step.to_json() for step in steps]
                entry["beside"][str(index)] = sorted(phase.steps)
                entry["after"][str(index)] = after
    return {
        "plan_id": plan_id,
        "controller": this_controller(),
        "supersedes": sorted(set(supersedes)),
        "phases": [{**phase, "name": ", ".join(phase["name"])} for phase in phases],
        "acting": sorted(hosts),
        "context": {cluster: dict(plan.context) for cluster, plan in plans.items()},
        "refused": {
            str(o["member"]): list(plan.refused)
            for cluster, plan in plans.items()
            if plan.refused
            for o in clusters[cluster]
        },
        "warnings": {cluster: list(plan.warnings) for cluster, plan in plans.items() if plan.warnings},
        "hosts": hosts,
    }


def this_controller() -> dict[str, Any]:
    """The controlling process, so that a later run on the same machine can tell whether it lives."""
    pid = os.getppid()
    return {
        "host": platform.node(),
        "boot_id": _read(_BOOT_ID),
        "pid_namespace": _pid_namespace(),
        "pid": pid,
        "started": _started(pid),
    }


def controller_lives(controller: Mapping[str, Any]) -> bool | None:
    """Whether a run's controlling process still exists; None when that cannot be known from here.

    The containers of one machine share its boot ID, but a process ID means something only within its own namespace.
    """
    here = (_read(_BOOT_ID), _pid_namespace())
    if not all(here) or (controller.get("boot_id"), controller.get("pid_namespace")) != here:
        return None
    if not controller.get("started"):
        return None
    return bool(_started(int(controller["pid"])) == controller["started"])


def _started(pid: int) -> int:
    """The start time of a process in clock ticks since boot (proc(5), field 22 of stat); 0 when it is gone."""
    text = _read(f"/proc/{pid}/stat")
    return int(text.rpartition(")")[2].split()[19]) if text else 0


def _pid_namespace() -> str:
    """The namespace in which this process's ID means something (pid_namespaces(7)), such as ``pid:[4026531836]``."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
