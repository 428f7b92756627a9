# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One app in one call: observe, plan, act. The door for apps that no system owns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Outcome, converge
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import HoldfastError, InputError
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import model
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.act import AppHands
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.observe import Marathon
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.plan import Policy, plan_app, plan_removal


def set_app(
    web: Marathon,
    app_id: Any,
    app: Mapping[str, Any],
    secrets: Mapping[str, Any],
    *,
    policy: Policy,
    started_since: str,
    check_mode: bool,
) -> dict[str, Any]:
    """Make Marathon run an app as declared, and wait until it does.

    :param app: fields as Marathon's REST API has them.
    :param secrets: environment variables whose values nobody shows.
    :param started_since: RFC 3339; tasks that were started before are started anew. Empty for no such rule.
    :returns: result keys; with ``msg`` when it failed on the way.
    :raises HoldfastError: it is refused, and nothing was changed.
    """
    wanted = model.declare(app_id, app, secrets)
    since = _moment(web, started_since)
    hands = AppHands(web, wanted.id, wanted, secrets)
    steps = plan_app(wanted, hands.look()["app"], policy, since)
    outcome = converge(steps, observe=hands.look, execute=hands.execute, check_mode=check_mode)
    if not steps:
        outcome.error = _error_of(lambda: hands.wait_until_settled(policy.deployment_timeout))
    elif not check_mode and outcome.error is None and plan_app(wanted, hands.shown, policy, since):
        # What Marathon keeps in another form than it was sent would be changed again by every run.
        outcome.error = _not_kept(wanted, hands.shown)
    return _result(hands, outcome)


def remove_app(web: Marathon, app_id: Any, *, policy: Policy, check_mode: bool) -> dict[str, Any]:
    """Make Marathon have no such app, and wait until its tasks are gone.

    :returns: result keys; with ``msg`` when it failed on the way.
    :raises HoldfastError: it is refused, and nothing was changed.
    """
    hands = AppHands(web, model.declared_id(app_id))
    steps = plan_removal(hands.app_id, hands.look()["app"], policy)
    outcome = converge(steps, observe=hands.look, execute=hands.execute, check_mode=check_mode)
    if not steps:
        outcome.error = _error_of(lambda: hands.wait_until_gone(policy.deployment_timeout))
    return _result(hands, outcome)


def _error_of(wait: Callable[[], None]) -> HoldfastError | None:
    try:
        wait()
    except HoldfastError as error:
        return error
    return None


def _result(hands: AppHands, outcome: Outcome) -> dict[str, Any]:
    result = hands.reckon(outcome).result()
    if "msg" in result:
        result["msg"] = hands.web.hide(result["msg"])
    return {**result, "app": hands.shown, "deployment": hands.deployment, "stopped_deployments": hands.stopped}


def _moment(web: Marathon, text: str) -> float | None:
    if not text:
        return None
    try:
        since = model.moment(text)
    except ValueError as error:
        raise InputError(
            "the moment was refused, nothing was changed",
            where="started_since",
            seen=f"{text!r}: {error}",
            todo="write it like 2026-11-21T19:00:00Z",
        ) from error
    if since > web.machine.time():
        raise InputError(
            "the moment was refused, nothing was changed",
            where="started_since",
            seen=f"{text!r} has not come yet, by this host's clock",
            todo="every run would restart the app until then; name a moment that has passed",
        )
    return since


def _not_kept(wanted: model.App, seen: Mapping[str, Any] | None) -> HoldfastError:
    changed = model.differences(wanted.definition(), seen["definition"]) if seen else {}
    if not changed:
        return HoldfastError(
            f"the app {wanted.id} has new tasks, and Marathon says that they are older than started_since",
            todo="compare the clocks of the masters and agents with this host's",
        )
    name, (before, after) = next(iter(changed.items()))
    return HoldfastError(
        f"the app {wanted.id} runs, but Marathon does not show it as it was sent",
        where=name,
        seen=f"{before!r} where {after!r} was sent",
        todo="declare it in the form that Marathon shows, or look who else changes this app",
    )
