# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries the steps of an app out through Marathon, and waits until each has its effect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Outcome, Step
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    DeadlineError,
    HoldfastError,
    WebError,
    WorldChanged,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import Answer
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import fields, model
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.observe import (
    Marathon,
    observe_app,
    observe_deployments,
    observe_remains,
    waiting_for,
)

_POLL_SECONDS = 0.15


@dataclass
class AppHands:
    """What acts on one app.

    :param wanted: the declaration, None where the app is only removed or restarted.
    :param secrets: values of the declared secrets, by name.
    :param shown: the app as it was seen last; None when there was none.
    :param deployment: ID of the last deployment that was begun here.
    :param stopped: IDs of the deployments that stayed half done because of ``force``.
    :param accepted: the step that Marathon has accepted last, whether or not its deployment came to an end.
    """

    web: Marathon
    app_id: str
    wanted: model.App | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    shown: dict[str, Any] | None = field(default=None, init=False)
    deployment: str | None = field(default=None, init=False)
    stopped: list[str] = field(default_factory=list, init=False)
    accepted: Step | None = field(default=None, init=False)
    _step: Step | None = field(default=None, init=False)

    def look(self, _parts: frozenset[str] = frozenset()) -> dict[str, Any]:
        """The part of the world that conditions ask for: ``app``."""
        self.shown = observe_app(self.web, self.app_id, self.wanted, self.secrets)
        return {"app": self.shown}

    def execute(self, step: Step) -> None:
        """Carry one step out.

        :raises HoldfastError: it did not have its effect.
        """
        effects: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "create_app": self._create,
            "update_app": self._update,
            "remove_app": self._remove,
            "restart_app": self._restart,
        }
        self._step = step
        effects[step.kind](step.args)

    def reckon(self, outcome: Outcome) -> Outcome:
        """What became of the steps, where one that Marathon has accepted counts as done although its end was not seen."""
        if outcome.error is None or outcome.failed is None or outcome.failed is not self.accepted:
            return outcome
        return Outcome([*outcome.steps, outcome.failed], outcome.error)

    # -- effects --------------------------------------------------------------------------------------------------

    def _create(self, args: Mapping[str, Any]) -> None:
        app = model.App.from_json(args["app"])
        # PUT would change an app that somebody else has created meanwhile; POST does not.
        answer = self._unlocked("POST", "/v2/apps", self._body(app), args)
        if answer.status == 409:
            raise WorldChanged(
                f"somebody else has created the app {app.id} meanwhile, so this was not done",
                seen=self.web.refusal(answer, "POST", "/v2/apps").seen,
                todo="run again: the next plan starts from what is there now",
            )
        deployments = self._good(answer, "POST", "/v2/apps", "deployments")
        self._follow(str(deployments[0]["id"]) if deployments else None, args)

    def _update(self, args: Mapping[str, Any]) -> None:
        app = model.App.from_json(args["app"])
        now = (self.shown or {}).get("definition", {})
        body = self._body(app)
        body.update({name: fields.FIELDS[name].defaults[0] for name in args["reset"]})
        # Where the number of instances or the role is not declared, a whole replacement would reset it.
        body.update({name: now[name] for name in ("instances", "role") if name in now and name not in body})
        path = f"/v2/apps{app.id}"
        answer = self._unlocked("PUT", f"{path}?partialUpdate=false", body, args)
        self._follow(str(self._good(answer, "PUT", path, "deploymentId")), args)

    def _restart(self, args: Mapping[str, Any]) -> None:
        before = set((self.shown or self.look()["app"] or {}).get("taskIds", ()))
        path = f"/v2/apps{args['app']}/restart"
        answer = self._unlocked("POST", path, None, args)
        self._follow(str(self._good(answer, "POST", path, "deploymentId")), args, before)

    def _remove(self, args: Mapping[str, Any]) -> None:
        path = f"/v2/apps{args['app']}"
        answer = self._unlocked("DELETE", path, None, args)
        if answer.status != 404:
            self._begun(str(self._good(answer, "DELETE", path, "deploymentId")))
        self.wait_until_gone(args["deployment_timeout"])

    def _body(self, app: model.App) -> dict[str, Any]:
        body = {"id": app.id, **app.fields}
        if app.secrets:
            missing = [name for name in app.secrets if name not in self.secrets]
            if missing:
                raise HoldfastError(f"the secret {missing[0]} of the app {app.id} was not handed over with the step")
            body["env"] = {**body.get("env", {}), **{name: self.secrets[name] for name in app.secrets}}
        return body

    def _good(self, answer: Answer, method: str, path: str, key: str) -> Any:
        if answer.status not in (200, 201):
            raise self.web.refusal(answer, method, path)
        return self.web.part(answer, path, key)

    # -- the lock -------------------------------------------------------------------------------------------------

    def _unlocked(self, method: str, path: str, body: Any, args: Mapping[str, Any]) -> Answer:
        """Ask for a change, and wait while deployments lock the app (409, marathon Exceptions.scala: AppLockedException).

        :raises DeadlineError: they still do after ``lock_timeout`` seconds.
        :raises WorldChanged: the app is another one after the wait.
        """
        version = (self.shown or {}).get("version")
        machine = self.web.machine
        end = machine.monotonic() + args["lock_timeout"]
        joint = "&" if "?" in path else "?"
        while True:
            # DELETE would stop other deployments if it were not told otherwise (api/v2/AppsResource.scala).
            answer = self.web.change(method, f"{path}{joint}force=false", body)
            holders = self._holders(answer)
            if not holders:
                return answer
            if args["force"]:
                answer = self.web.change(method, f"{path}{joint}force=true", body)
                self.stopped += holders if answer.status < 300 else []
                return answer
            words = self._wait_for(holders, end)
            if words:
                raise DeadlineError(
                    f"the app {self.app_id} was locked for {args['lock_timeout']:g} s, so this was not done",
                    seen=words,
                    todo=(
                        "run again when that has ended, or end it in Marathon; force: true stops it by itself, and what it"
                        " was doing stays half done"
                    ),
                )
            app = self.look()["app"]
            # Who removes the app does not mind what it has become.
            if method != "DELETE" and (app or {}).get("version") != version:
                raise WorldChanged(
                    f"a deployment of somebody else has changed the app {self.app_id} meanwhile, so this was not done",
                    where="version",
                    seen=f"{(app or {}).get('version')!r} where {version!r} was expected",
                    todo="run again: the next plan starts from what is there now",
                )

    def _holders(self, answer: Answer) -> list[str]:
        """The deployments that lock the app, by an answer."""
        if answer.status != 409:
            return []
        body = answer.json("an answer with status 409", secret=True)
        deployments = body.get("deployments") if isinstance(body, Mapping) else None
        return [str(item.get("id")) for item in deployments or ()]

    def _wait_for(self, holders: Sequence[str], end: float) -> str:
        """Poll until these deployments have ended; what they do when the time is over, else an empty string."""
        machine = self.web.machine
        while True:
            running = [item["words"] for item in observe_deployments(self.web) if item["id"] in holders]
            if not running:
                return ""
            if machine.monotonic() > end:
                return "; ".join(running)
            machine.sleep(_POLL_SECONDS)

    # -- waiting --------------------------------------------------------------------------------------------------

    def _follow(self, deployment: str | None, args: Mapping[str, Any], before: set[str] | None = None) -> None:
        self._begun(deployment)
        self.wait_until_settled(args["deployment_timeout"], before)

    def _begun(self, deployment: str | None) -> None:
        self.deployment, self.accepted = deployment, self._step

    def wait_until_settled(self, timeout: float, before: set[str] | None = None) -> None:
        """Poll until no deployment concerns the app and exactly as many tasks run as it has instances.

        :param before: IDs of tasks that must be gone.
        :raises DeadlineError: it is not so after ``timeout`` seconds; it names the app's last task failure.
        :raises WorldChanged: somebody else has removed the app.
        """
        machine = self.web.machine
        end = machine.monotonic() + timeout
        silence: WebError | None = None
        while True:
            try:
                app = self.look()["app"]
                silence = None
            except WebError as error:
                # Marathon elects another leader now and then.
                app, silence = None, error
            if app is None and silence is None:
                raise WorldChanged(
                    f"the app {self.app_id} is gone: somebody else has removed it",
                    todo="run again if it shall be there",
                )
            if app and app["settled"] and not (before or set()) & set(app["taskIds"]):
                return
            if machine.monotonic() > end:
                raise self._overdue(app, timeout, silence)
            machine.sleep(_POLL_SECONDS)

    def wait_until_gone(self, timeout: float) -> None:
        """Poll until Marathon has no such app, none of its tasks, and no deployment of it.

        :raises DeadlineError: it is not so after ``timeout`` seconds.
        """
        machine = self.web.machine
        end = machine.monotonic() + timeout
        while True:
            try:
                left = [f"the app {self.app_id}"] if self.look()["app"] else observe_remains(self.web, self.app_id)
            except WebError as error:
                left = [str(error)]
            if not left:
                return
            if machine.monotonic() > end:
                raise DeadlineError(
                    f"the app {self.app_id} was not gone after {timeout:g} s",
                    seen="; ".join(left),
                    todo="look at the agents of these tasks; Marathon goes on with it by itself, so run again later",
                )
            machine.sleep(_POLL_SECONDS)

    def _overdue(self, app: Mapping[str, Any] | None, timeout: float, silence: WebError | None) -> DeadlineError:
        if app is None:
            return DeadlineError(
                f"Marathon did not say within {timeout:g} s that the app {self.app_id} runs",
                seen=str(silence),
                todo="run again when it answers",
            )
        wanted = app["definition"].get("instances")
        words = [f"{app['tasksRunning']} of {wanted} tasks run"]
        if app["deployments"]:
            words.append(f"deployment {', '.join(app['deployments'])} goes on")
        failure = app["lastTaskFailure"]
        if failure:
            words.append(
                f"the last task that failed was {failure.get('taskId')} on {failure.get('host')} at"
                f" {failure.get('timestamp')}: {failure.get('state')}, {str(failure.get('message', '')).strip() or 'no message'}"
            )
        words.append(waiting_for(self.web, self.app_id))
        return DeadlineError(
            f"the app {self.app_id} was not running as declared after {timeout:g} s",
            seen="; ".join(filter(None, words)),
            todo=(
                "mend what it says and run again; Marathon goes on trying until then"
                + (
                    "; a change of the app itself needs force: true, which ends this deployment"
                    * bool(app["deployments"])
                )
            ),
        )
