# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host that reaches a Marathon in memory, which does what it is asked: deployments take time, lock their apps, start and end
tasks. Its answers carry the defaults of marathon 1.8 (docs/rest-api), written down here a second time and on purpose.
"""

from __future__ import annotations

import copy
import datetime
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from ansible_collections.holdfast.stateful.plugins.module_utils._core import web
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import WebError
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import FakeMachine, Unexpected

URL = "http://m1:8080"
OTHER_URL = "http://m2:8080"

DEFAULTS: dict[str, Any] = {
    "backoffFactor": 1.15,
    "backoffSeconds": 1,
    "cpus": 1,
    "disk": 0,
    "executor": "",
    "gpus": 0,
    "instances": 1,
    "killSelection": "YOUNGEST_FIRST",
    "maxLaunchDelaySeconds": 300,
    "mem": 128,
    "networks": [{"mode": "host"}],
    "requirePorts": False,
    "unreachableStrategy": {"expungeAfterSeconds": 0, "inactiveAfterSeconds": 0},
    "upgradeStrategy": {"maximumOverCapacity": 1, "minimumHealthCapacity": 1},
}


class LiveMarathon(FakeMachine):
    """See the module's text.

    :ivar seconds: how long a deployment takes.
    :ivar fails: tasks end as they begin, so that no deployment of a running app ends.
    :ivar merges: as Marathons before 1.4, it does not know ``partialUpdate=false``.
    :ivar keeps: what it makes of a field that it is sent.
    :ivar down: base URLs that do not answer.
    """

    def __init__(self) -> None:
        super().__init__()
        self.apps: dict[str, dict[str, Any]] = {}
        self.tasks: dict[str, list[dict[str, Any]]] = {}
        self.failures: dict[str, dict[str, Any]] = {}
        self.deployments: dict[str, list[str]] = {}
        self.seconds = 2.0
        self.fails = False
        self.merges = False
        self.keeps: dict[str, Callable[[Any], Any]] = {}
        self.down: set[str] = set()
        self._counter = 0

    # -- what the test says ---------------------------------------------------------------------------------------

    def put(self, app_id: str, /, **fields: Any) -> None:
        """An app that stands there, running."""
        self.apps[app_id] = self._stored(app_id, fields, {})
        self.tasks[app_id] = []
        self._fill(app_id)

    def occupy(self, app_id: str, seconds: float, then: Callable[[], None] = lambda: None) -> str:
        """Somebody else's deployment."""
        deployment = self._number("foreign")
        self.deployments[deployment] = [app_id]

        def end() -> None:
            if self.deployments.pop(deployment, None):
                then()

        self.after(seconds, end)
        return deployment

    def changes(self) -> list[tuple[str, str]]:
        """The requests that are no question: method and path."""
        return [(method, url[len(URL) :]) for method, url, _body in self.requests if method != "GET"]

    # -- the API --------------------------------------------------------------------------------------------------

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: Any = None,
        media_type: str = "application/json",
        credentials: web.Credentials = web.ANONYMOUS,
        deadline: float = 5.0,
    ) -> web.Answer:
        body = json.loads(json.dumps(body))
        self.requests.append((method, url, body))
        parts = urlsplit(url)
        base = f"{parts.scheme}://{parts.netloc}"
        if base not in (URL, OTHER_URL):
            raise Unexpected(f"unexpected request {method} {url}")
        if base in self.down:
            raise WebError("no answer", where=f"{method} {url}", seen="refused", todo="check it")
        query = {name: values[0] == "true" for name, values in parse_qs(parts.query).items()}
        if method == "GET":
            return self._look(parts.path)
        with self._effect(f"{method} {parts.path}"):
            return self._change(method, parts.path, body, **query)

    def _look(self, path: str) -> web.Answer:
        if path == "/v2/deployments":
            return _say(200, [self._deployment(name) for name in self.deployments])
        if path == "/v2/tasks":
            return _say(200, {"tasks": [task for tasks in self.tasks.values() for task in tasks]})
        if path == "/v2/queue":
            return _say(200, {"queue": []})
        app_id = path[len("/v2/apps") :]
        if app_id not in self.apps:
            return _say(404, {"message": f"App '{app_id}' does not exist"})
        tasks = self.tasks[app_id]
        running = len([task for task in tasks if task["state"] == "TASK_RUNNING"])
        made = {
            "deployments": [{"id": name} for name, apps in self.deployments.items() if app_id in apps],
            "tasks": tasks,
            "tasksRunning": running,
            "tasksStaged": len(tasks) - running,
            "tasksHealthy": 0,
            "tasksUnhealthy": 0,
            **({"lastTaskFailure": self.failures[app_id]} if app_id in self.failures else {}),
        }
        return _say(200, {"app": {**self.apps[app_id], **made}})

    def _change(
        self, method: str, path: str, body: Any, *, force: bool = True, partialUpdate: bool = True
    ) -> web.Answer:
        restart = method == "POST" and path.endswith("/restart")
        app_id = body["id"] if path == "/v2/apps" else path[len("/v2/apps") :].replace("/restart", "")
        if (method, path) != ("POST", "/v2/apps") and app_id not in self.apps:
            return _say(404, {"message": f"App '{app_id}' does not exist"})
        if method == "POST" and not restart and app_id in self.apps:
            return _say(409, {"message": f"An app with id [{app_id}] already exists."})
        holders = [name for name, apps in self.deployments.items() if app_id in apps]
        if holders and not force:
            return _say(
                409,
                {
                    "message": "App is locked by one or more deployments. Override with the option '?force=true'.",
                    "deployments": [{"id": name} for name in holders],
                },
            )
        for name in holders:
            del self.deployments[name]
        deployment = self._number("deployment")
        self.deployments[deployment] = [app_id]
        old = self.apps.get(app_id, {})
        if method == "DELETE":
            del self.apps[app_id]
            self.after(self.seconds, lambda: self._end_removal(deployment, app_id))
        else:
            if not restart:
                keep = old if partialUpdate or self.merges else {}
                self.apps[app_id] = self._stored(app_id, body, keep)
                self.tasks.setdefault(app_id, [])
            scaled = not restart and bool(old) and _but_scale(old) == _but_scale(self.apps[app_id])
            self.apps[app_id] = {**self.apps[app_id], "version": self._now()}
            self.after(self.seconds, lambda: self._end_deployment(deployment, app_id, scaled))
        if method == "POST" and not restart:
            return _say(201, {**self.apps[app_id], "deployments": [{"id": deployment}]})
        return _say(200, {"version": self._now(), "deploymentId": deployment})

    # -- how it works ---------------------------------------------------------------------------------------------

    def _stored(self, app_id: str, sent: dict[str, Any], keep: dict[str, Any]) -> dict[str, Any]:
        app = copy.deepcopy({**DEFAULTS, **keep, **sent, "id": app_id, "version": self._now()})
        for name, rewrite in self.keeps.items():
            if name in app:
                app[name] = rewrite(app[name])
        ports = app.setdefault("portDefinitions", [{"port": 0, "name": "default"}])
        for place, port in enumerate(ports):
            port.setdefault("protocol", "tcp")
            port["port"] = port.get("port") or 10000 + place
        for artifact in app.get("fetch", ()):
            for name, value in (("extract", True), ("executable", False), ("cache", False)):
                artifact.setdefault(name, value)
        app["constraints"] = sorted(app.get("constraints", []))
        return app

    def _end_deployment(self, deployment: str, app_id: str, scaled: bool) -> None:
        if deployment not in self.deployments:
            return
        if not scaled:
            self.tasks[app_id] = []
        if self.fails and self.apps[app_id]["instances"]:
            self.failures[app_id] = {
                "appId": app_id,
                "host": "agent01",
                "message": "Command exited with status 1",
                "state": "TASK_FAILED",
                "taskId": self._number("task"),
                "timestamp": self._now(),
            }
            return
        self._fill(app_id)
        del self.deployments[deployment]

    def _end_removal(self, deployment: str, app_id: str) -> None:
        if self.deployments.pop(deployment, None):
            self.tasks.pop(app_id, None)

    def _fill(self, app_id: str) -> None:
        tasks = self.tasks[app_id]
        while len(tasks) < self.apps[app_id]["instances"]:
            place = {"host": f"agent{len(tasks) + 1:02}", "ports": [31000], "state": "TASK_RUNNING"}
            times = {"startedAt": self._now(), "version": self.apps[app_id]["version"]}
            tasks.append({"id": self._number("task"), "appId": app_id, **place, **times})
        del tasks[self.apps[app_id]["instances"] :]

    def _deployment(self, name: str) -> dict[str, Any]:
        apps = self.deployments[name]
        actions = [{"action": "ScaleApplication", "app": app} for app in apps]
        return {"id": name, "affectedApps": apps, "currentActions": actions, "currentStep": 1, "totalSteps": 2}

    def _number(self, what: str) -> str:
        self._counter += 1
        return f"{what}-{self._counter}"

    def _now(self) -> str:
        now = datetime.datetime.fromtimestamp(self.time(), datetime.timezone.utc)
        return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03}Z"


def _but_scale(app: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in app.items() if key not in ("instances", "version")}


def _say(status: int, body: Any) -> web.Answer:
    return web.Answer(status, {"content-type": "application/json"}, json.dumps(body))
