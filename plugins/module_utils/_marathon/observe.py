# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Asks Marathon about an app, its tasks and the deployments that concern it (marathon 1.x docs/rest-api).

What is returned may be shown: secrets are hidden as ``model.showable`` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    HoldfastError,
    InputError,
    UntrustedError,
    WebError,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import ANONYMOUS, Answer, Credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import model

_READ_SECONDS = 10.0
# Marathon answers a change when its state store has it.
_WRITE_SECONDS = 30.0
_OUT_OF_REACH = ("TASK_UNREACHABLE", "TASK_LOST")


class Marathon:
    """Marathon's REST API, behind any of several URLs: the instances of one Marathon pass requests on to their leader.

    :param urls: like ``http://m1:8080``.
    :raises InputError: one of them is no such URL.
    """

    def __init__(self, machine: Machine, urls: Sequence[str], credentials: Credentials = ANONYMOUS) -> None:
        self.machine = machine
        self._credentials = credentials
        self._urls = [_checked(url) for url in urls]
        # No error shows one of these.
        self.secrets: set[str] = {credentials.password} - {""}
        if not urls:
            raise InputError("no Marathon is declared", todo="name its URLs, like http://10.0.0.11:8080")

    def get(self, path: str) -> Answer:
        """Ask the first URL that answers; it is asked first from then on.

        :raises UntrustedError: a certificate; no further URL is tried.
        :raises WebError: none answers, or the credentials are refused.
        """
        problems: list[WebError] = []
        for url in list(self._urls):
            try:
                answer = self._ask("GET", url, path, None, _READ_SECONDS)
            except WebError as error:
                if error.status or isinstance(error, UntrustedError):
                    raise
                problems.append(error)
                continue
            self._urls.remove(url)
            self._urls.insert(0, url)
            # 502 and 503: this instance knows no leader, or does not reach it (api/LeaderProxyFilter.scala).
            if answer.status not in (502, 503):
                return answer
            problems.append(self.refusal(answer, "GET", path))
        if len(problems) == 1:
            raise problems[0]
        raise WebError(
            "no Marathon answers",
            status=problems[-1].status,
            where=f"GET {path}",
            seen="; ".join(f"{error.where}: {error.seen}" for error in problems),
            todo="look why; one of them is enough",
        )

    def change(self, method: str, path: str, body: Any = None) -> Answer:
        """Ask the URL that answered last, and no other: what is not answered may still have been done.

        :raises WebError: it does not answer, or the credentials are refused.
        """
        return self._ask(method, self._urls[0], path, body, _WRITE_SECONDS)

    def hide(self, text: str) -> str:
        """A text without the secrets that are known here."""
        return str(model.hide(text, self.secrets))

    def refusal(self, answer: Answer, method: str, path: str) -> WebError:
        """The error for an answer that is none of those that its request has."""
        where = f"{method} {self._urls[0]}{path}"
        try:
            body = answer.json(where, secret=True)
        except WebError:
            body = None
        if not isinstance(body, Mapping) or not isinstance(body.get("message"), str):
            return self.stranger(answer, path, f"{len(answer.text)} characters without a message")
        words = [body["message"], *_details(body.get("details") or body.get("errors"))]
        return WebError(
            f"Marathon refused it with status {answer.status}",
            status=answer.status,
            where=where,
            seen=self.hide("; ".join(words)),
            todo="mend what it says" if answer.status in (400, 422) else "look at Marathon's log, then run again",
        )

    def part(self, answer: Answer, path: str, key: str) -> Any:
        """What stands under a key in the body of a good answer.

        :raises WebError: there is no such key.
        """
        body = answer.json(self._urls[0] + path, secret=True)
        if not isinstance(body, Mapping) or key not in body:
            raise self.stranger(answer, path, f"it lacks {key}")
        return body[key]

    def stranger(self, answer: Answer, path: str, seen: str) -> WebError:
        """The error for an answer that Marathon does not give."""
        return WebError(
            f"the answer {answer.status} is not one of Marathon's",
            status=answer.status,
            where=self._urls[0] + path,
            seen=seen,
            todo="check that this address and port belong to Marathon itself",
        )

    def _ask(self, method: str, url: str, path: str, body: Any, deadline: float) -> Answer:
        answer = self.machine.fetch(
            url + path, method=method, body=body, credentials=self._credentials, deadline=deadline
        )
        if answer.status in (401, 403):
            name = self._credentials.username
            raise WebError(
                f"Marathon refused the user {name}" if name else "Marathon asks for a user and a password",
                status=answer.status,
                where=f"{method} {url}{path}",
                seen=f"status {answer.status}",
                todo=(
                    "mend marathon_username and marathon_password"
                    if answer.status == 401
                    else "let this user change the app, or name another"
                ),
            )
        return answer


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        right = (
            parts.scheme in ("http", "https") and bool(parts.hostname) and parts.path in ("", "/") and not parts.query
        )
        _port = parts.port
    except ValueError:
        right, parts = False, urlsplit("")
    if "@" in parts.netloc:
        raise InputError(
            "the URL of Marathon holds credentials",
            where=f"{parts.scheme}://...@{parts.netloc.rpartition('@')[2]}",
            todo="give them as marathon_username and marathon_password, where nobody prints them",
        )
    if not right:
        raise InputError(
            "this is no URL of Marathon", where=url, todo="write it like http://10.0.0.11:8080, without a path"
        )
    return url.rstrip("/")


def _details(details: Any) -> Iterable[str]:
    """Which parts of an app Marathon does not like (422, api/RestResource.scala)."""
    if not isinstance(details, Sequence) or isinstance(details, str):
        return []
    found = []
    for item in details:
        if isinstance(item, Mapping):
            errors = item.get("errors") or item.get("error") or ()
            found.append(f"{item.get('path') or item.get('attribute') or '/'}: {_joined(errors)}")
    return found


def _joined(errors: Any) -> str:
    return errors if isinstance(errors, str) else ", ".join(map(str, errors))


def observe_app(
    web: Marathon, app_id: str, wanted: model.App | None = None, secrets: Mapping[str, str] | None = None
) -> dict[str, Any] | None:
    """An app as it stands, or None when Marathon has no such app.

    :param wanted: the declaration that it will be compared with: what it names may be shown.
    :param secrets: the declared secrets, name -> value.
    :returns: ``id``; ``version``; ``definition`` (normal form, hidden); ``tasks`` (each ``id``, ``host``, ``ports``,
        ``state``, ``startedAt``, ``version``); ``taskIds``, the sorted IDs of those that are not out of reach;
        ``tasksRunning``; ``deployments`` (IDs); ``lastTaskFailure`` (Marathon's document, or None); ``settled``: no
        deployment concerns it, and exactly as many tasks run as it has instances.
    :raises WebError: Marathon does not say.
    """
    secrets = secrets or {}
    web.secrets |= set(secrets.values()) - {""}
    path = f"/v2/apps{app_id}"
    answer = web.get(path)
    if answer.status == 404:
        # A stranger's 404 must not look like an app that is not there.
        web.part(answer, path, "message")
        return None
    if answer.status != 200:
        raise web.refusal(answer, "GET", path)
    app = web.part(answer, path, "app")
    if not isinstance(app, Mapping) or not isinstance(app.get("deployments"), list) or "instances" not in app:
        raise web.stranger(answer, path, "its app lacks instances or deployments")
    raw = model.definition_of(app)
    env = raw.get("env", {})
    web.secrets |= {env[name] for name in secrets if isinstance(env.get(name), str)} - {""}
    tasks = [_task(item) for item in app.get("tasks") or ()]
    running, staged = int(app.get("tasksRunning") or 0), int(app.get("tasksStaged") or 0)
    deployments = [str(item.get("id")) for item in app["deployments"]]
    failure = app.get("lastTaskFailure")
    return {
        "id": app_id,
        "version": str(app.get("version", "")),
        "definition": model.showable(raw, wanted, secrets),
        "tasks": tasks,
        "taskIds": sorted(task["id"] for task in tasks if task["state"] not in _OUT_OF_REACH),
        "tasksRunning": running,
        "deployments": deployments,
        "lastTaskFailure": model.hide(failure, web.secrets) if isinstance(failure, Mapping) else None,
        "settled": not deployments and staged == 0 and running == app["instances"],
    }


def _task(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": str(item.get("id", "")),
        "host": str(item.get("host", "")),
        "ports": list(item.get("ports") or ()),
        "state": str(item.get("state", "")),
        "startedAt": item.get("startedAt"),
        "version": str(item.get("version", "")),
    }


def observe_deployments(web: Marathon) -> list[dict[str, Any]]:
    """All deployments that run now.

    :returns: each with ``id``, ``apps`` (paths) and ``words``, which say what it is doing.
    :raises WebError: Marathon does not say.
    """
    path = "/v2/deployments"
    answer = web.get(path)
    if answer.status != 200:
        raise web.refusal(answer, "GET", path)
    body = answer.json(path)
    if not isinstance(body, list):
        raise web.stranger(answer, path, "it is no list")
    found = []
    for item in body:
        apps = [str(app) for app in item.get("affectedApps") or ()]
        actions = [f"{one.get('action')} {one.get('app')}" for one in item.get("currentActions") or ()]
        if item.get("totalSteps"):
            actions.append(f"step {item.get('currentStep')} of {item['totalSteps']}")
        words = f"deployment {item.get('id')} of {', '.join(apps) or 'no app'} ({', '.join(actions)})"
        found.append({"id": str(item.get("id")), "apps": apps, "words": words})
    return found


def observe_remains(web: Marathon, app_id: str) -> list[str]:
    """What is left of an app that was removed: its deployments and tasks, in words.

    :raises WebError: Marathon does not say.
    """
    found = [item["words"] for item in observe_deployments(web) if app_id in item["apps"]]
    path = "/v2/tasks"
    answer = web.get(path)
    if answer.status != 200:
        raise web.refusal(answer, "GET", path)
    for item in web.part(answer, path, "tasks"):
        if item.get("appId") == app_id:
            task = _task(item)
            found.append(f"task {task['id']} on {task['host']} ({task['state'] or 'in no known state'})")
    return found


def waiting_for(web: Marathon, app_id: str) -> str:
    """Why instances of an app are not launched, as Marathon's launch queue says, or an empty string (api/v2/queue.raml)."""
    try:
        answer = web.get("/v2/queue")
        queue = web.part(answer, "/v2/queue", "queue") if answer.status == 200 else ()
    except HoldfastError:
        return ""
    for item in queue:
        if (item.get("app") or {}).get("id") != app_id:
            continue
        delay = item.get("delay") or {}
        if not delay.get("overdue", True):
            return f"Marathon launches {item.get('count')} more in {delay.get('timeLeftSeconds')} s, after failures"
        reasons = (item.get("processedOffersSummary") or {}).get("rejectSummaryLastOffers") or ()
        words = [f"{one.get('declined')} for {one.get('reason')}" for one in reasons if one.get("declined")]
        return f"Marathon finds no offer for {item.get('count')} more: it declined {', '.join(words) or 'none'}"
    return ""
