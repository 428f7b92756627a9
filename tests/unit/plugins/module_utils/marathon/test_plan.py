# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which steps an app needs, in which words, and what they require."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Condition, Step
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import model
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.plan import (
    Policy,
    plan_app,
    plan_removal,
    restart_step,
)

WANTED = model.App("/a", {"cmd": "x", "env": {"B": "2"}, "instances": 2}, ("P",))
PATIENCE = {"force": False, "lock_timeout": 120.0, "deployment_timeout": 300.0}


def seen(**definition: Any) -> dict[str, Any]:
    return {
        "id": "/a",
        "version": "v1",
        "definition": definition,
        "tasks": [
            {"id": "t1", "startedAt": "2026-11-21T10:00:00.000Z"},
            {"id": "t2", "startedAt": None},
            {"id": "gone", "startedAt": "2020-11-21T10:00:00.000Z"},
        ],
        "taskIds": ["t1", "t2"],
        "deployments": [],
    }


def test_create() -> None:
    (step,) = plan_app(WANTED, None, Policy())
    assert step.kind == "create_app"
    assert step.sentence == "create the app /a in Marathon, with 2 instances"
    assert step.args == {"app": WANTED.to_json(), **PATIENCE}
    assert step.requires == (Condition(("app", "id"), None),)
    assert step.before == "" and json.loads(step.after) == WANTED.definition()


def test_change() -> None:
    (step,) = plan_app(
        WANTED, seen(cmd="x", env={"A": "1", "B": "3", "P": model.HIDDEN}, instances=2, user="u", disk=3), Policy()
    )
    assert step.kind == "update_app"
    assert step.sentence == "change the app /a, which starts its tasks anew: disk 3 -> 0, env (A, B), user"
    assert step.args == {"app": WANTED.to_json(), "reset": ["disk"], **PATIENCE}
    assert step.requires == (
        Condition(("app", "definition", "disk"), 3),
        Condition(("app", "definition", "env"), {"A": "1", "B": "3", "P": model.HIDDEN}),
        Condition(("app", "definition", "user"), "u"),
    )
    assert json.loads(step.before) == {"disk": 3, "env": {"A": "1", "B": "3", "P": model.HIDDEN}, "user": "u"}
    assert json.loads(step.after) == {"disk": 0, "env": {"B": "2", "P": model.HIDDEN}}
    assert Step.from_json(json.loads(json.dumps(step.to_json()))) == step


def test_another_secret() -> None:
    (step,) = plan_app(WANTED, seen(cmd="x", env={"B": "2", "P": model.OTHER}, instances=2), Policy())
    assert step.sentence == "change the app /a, which starts its tasks anew: env (P)"


def test_scale() -> None:
    (step,) = plan_app(WANTED, seen(cmd="x", env=WANTED.definition()["env"], instances=5), Policy())
    assert step.sentence == "scale the app /a from 5 to 2 instances"
    assert step.args["reset"] == []


def test_restart_when_a_task_is_older() -> None:
    now = seen(cmd="x", env=WANTED.definition()["env"], instances=2)
    assert plan_app(WANTED, now, Policy(), model.moment("2026-11-21T10:00:00Z")) == []
    (step,) = plan_app(WANTED, now, Policy(), model.moment("2026-11-21T11:00:01+01:00"))
    assert step == restart_step(now, Policy(), "its tasks are older than they may be")
    assert step.requires == (Condition(("app", "taskIds"), ["t1", "t2"]),)
    assert step.args == {"app": "/a", **PATIENCE}
    assert step.before == step.after


def test_removal() -> None:
    assert plan_removal("/a", None, Policy()) == []
    (step,) = plan_removal("/a", seen(cmd="x"), Policy())
    assert (step.kind, step.sentence) == ("remove_app", "remove the app /a from Marathon; its 2 tasks end")
    assert (json.loads(step.before), step.after) == ({"cmd": "x"}, "")
    (step,) = plan_removal("/a", {**seen(cmd="x"), "taskIds": []}, Policy())
    assert step.sentence == "remove the app /a from Marathon"


def test_force_names_what_it_stops() -> None:
    now = {**seen(cmd="x"), "deployments": ["d1", "d2"]}
    for step in (plan_app(WANTED, now, Policy(force=True))[0], plan_removal("/a", now, Policy(force=True))[0]):
        assert step.sentence.endswith("; what is being deployed stays half done (d1, d2)")
    assert "half done" not in plan_removal("/a", now, Policy())[0].sentence
