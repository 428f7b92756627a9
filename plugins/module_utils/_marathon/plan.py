# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Decides how an app of Marathon gets from what it is to what is declared. Pure.

Any change but one of the number of instances ends every task and starts new ones (marathon state/AppDefinition.scala,
isUpgrade).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Condition, Step
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import fields, model


@dataclass(frozen=True)
class Policy:
    """How patient a run is.

    :param force: a deployment of somebody else that locks the app is stopped half way.
    :param lock_timeout: seconds to wait for such a deployment.
    :param deployment_timeout: seconds to wait for the end of one's own.
    """

    force: bool = False
    lock_timeout: float = 120.0
    deployment_timeout: float = 300.0

    def args(self) -> dict[str, Any]:
        """What a step carries of it."""
        return {
            "force": self.force,
            "lock_timeout": self.lock_timeout,
            "deployment_timeout": self.deployment_timeout,
        }


def plan_app(
    wanted: model.App, seen: Mapping[str, Any] | None, policy: Policy, started_since: float | None = None
) -> list[Step]:
    """The steps that make Marathon have the app as declared; none when it has.

    :param seen: what ``observe.observe_app`` returned for this declaration.
    :param started_since: every task must have been started after this moment, in seconds since the epoch.
    """
    if seen is None:
        return [_create(wanted, policy)]
    steps = []
    changed = model.differences(wanted.definition(), seen["definition"])
    if not set(changed) - {"instances"} and started_since is not None and _older_than(started_since, seen):
        steps.append(restart_step(seen, policy, "its tasks are older than they may be"))
    if changed:
        steps.append(_update(wanted, seen, changed, policy))
    return steps


def plan_removal(app_id: str, seen: Mapping[str, Any] | None, policy: Policy) -> list[Step]:
    """The steps after which Marathon has no such app and none of its tasks.

    :param seen: what ``observe.observe_app`` returned.
    """
    if seen is None:
        return []
    count = len(seen["taskIds"])
    ends = "" if not count else f"; its task ends ({seen['taskIds'][0]})" if count == 1 else f"; its {count} tasks end"
    return [
        Step(
            "remove_app",
            f"remove the app {app_id} from Marathon{ends}{_forced(seen, policy)}",
            {"app": app_id, **policy.args()},
            subject=f"app {app_id}",
            before=_words(seen["definition"]),
        )
    ]


def restart_step(seen: Mapping[str, Any], policy: Policy, reason: str) -> Step:
    """End every task of an app and start new ones.

    It requires the tasks that were seen: what has been started anew meanwhile is not started again.

    :param seen: what ``observe.observe_app`` returned.
    :param reason: why, in words.
    """
    return Step(
        "restart_app",
        f"restart the app {seen['id']} through Marathon: {reason}{_forced(seen, policy)}",
        {"app": seen["id"], **policy.args()},
        (Condition(("app", "taskIds"), seen["taskIds"]),),
    )


def _create(wanted: model.App, policy: Policy) -> Step:
    count = wanted.fields.get("instances", 1)
    return Step(
        "create_app",
        f"create the app {wanted.id} in Marathon, with {count:g} instance{'' if count == 1 else 's'}",
        {"app": wanted.to_json(), **policy.args()},
        (Condition(("app", "id"), None),),
        f"app {wanted.id}",
        "",
        _words(wanted.definition()),
    )


def _update(wanted: model.App, seen: Mapping[str, Any], changed: Mapping[str, tuple[Any, Any]], policy: Policy) -> Step:
    if set(changed) == {"instances"}:
        what = f"scale the app {wanted.id} from {changed['instances'][0]} to {changed['instances'][1]} instances"
    else:
        what = f"change the app {wanted.id}, which starts its tasks anew: "
        what += ", ".join(_change(name, before, after) for name, (before, after) in changed.items())
    # What is no longer declared is sent as its default, for Marathons that merge (before 1.4).
    reset = [
        name for name in changed if name not in wanted.definition() and fields.FIELDS[name].defaults[0] is not None
    ]
    return Step(
        "update_app",
        what + _forced(seen, policy),
        {"app": wanted.to_json(), "reset": reset, **policy.args()},
        tuple(Condition(("app", "definition", name), before) for name, (before, _after) in changed.items()),
        f"app {wanted.id}",
        _words({name: before for name, (before, _after) in changed.items() if before is not None}),
        _words({name: after for name, (_before, after) in changed.items() if after is not None}),
    )


def _change(name: str, before: Any, after: Any) -> str:
    """One changed field in few words."""
    if name in ("env", "labels") and isinstance(after, Mapping):
        before = before or {}
        names = sorted(key for key in {**before, **after} if before.get(key) != after.get(key))
        return f"{name} ({', '.join(names)})"
    if all(value is None or isinstance(value, (int, float)) for value in (before, after)):
        return f"{name} {_number(before)} -> {_number(after)}"
    return name


def _number(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value)


def _forced(seen: Mapping[str, Any], policy: Policy) -> str:
    if not policy.force or not seen["deployments"]:
        return ""
    return f"; what is being deployed stays half done ({', '.join(seen['deployments'])})"


def _older_than(started_since: float, seen: Mapping[str, Any]) -> bool:
    started = (task["startedAt"] for task in seen["tasks"] if task["id"] in seen["taskIds"])
    return any(text and model.moment(text) < started_since for text in started)


def _words(definition: Mapping[str, Any]) -> str:
    return json.dumps(definition, indent=2, sort_keys=True) + "\n"
