# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The REST API (marathon api/v2/*Resource.scala; docs/docs/rest-api/public/api/v2/*.raml)."""

from __future__ import annotations

import json
import re
import time
from typing import Any, Callable

from marathon_simulator import app, clock, errors, pathid, plan, selectors
from marathon_simulator.app import Definition
from marathon_simulator.errors import Refusal
from marathon_simulator.http import Request, Response
from marathon_simulator.instance import PROVISIONED, RUNNING, STAGING, STARTING, Instance
from marathon_simulator.marathon import Apps, Marathon
from marathon_simulator.store import log

VERSION = "1.11.24"

# Flags that /v2/info shows, beside those of HTTP and ZooKeeper (api/v2/InfoResource.scala).
_INFO_FLAGS = (
    "master",
    "failover_timeout",
    "framework_name",
    "checkpoint",
    "local_port_min",
    "local_port_max",
    "hostname",
    "mesos_role",
    "task_launch_timeout",
    "reconciliation_initial_delay",
    "reconciliation_interval",
    "mesos_user",
    "decline_offer_duration",
    "env_vars_prefix",
    "max_instances_per_offer",
    "min_revive_offers_interval",
    "revive_offers_repetitions",
    "scale_apps_initial_delay",
    "scale_apps_interval",
    "task_lost_expunge_interval",
)

Routed = Callable[..., Response]


class Api:
    def __init__(self, marathon: Marathon) -> None:
        self._marathon = marathon
        # The most particular path first: an ID of an application may hold slashes.
        self._routes: list[tuple[re.Pattern[str], dict[str, Routed]]] = [
            (re.compile(pattern), handlers)
            for pattern, handlers in (
                (r"/ping", {"GET": self._ping}),
                (r"/v2/info", {"GET": self._info}),
                (r"/v2/leader", {"GET": self._leader}),
                (r"/v2/tasks", {"GET": self._tasks}),
                (r"/v2/deployments", {"GET": self._deployments}),
                (r"/v2/deployments/([^/]+)", {"DELETE": self._revert}),
                (
                    r"/v2/apps",
                    {"GET": self._apps, "POST": self._create, "PUT": self._put_many, "PATCH": self._patch_many},
                ),
                (r"/v2/apps/(.+)/restart", {"POST": self._restart}),
                (r"/v2/apps/(.+)/tasks", {"GET": self._app_tasks, "DELETE": self._kill_tasks}),
                (r"/v2/apps/(.+)/tasks/([^/]+)", {"DELETE": self._kill_task}),
                (r"/v2/apps/(.+)/versions", {"GET": self._versions}),
                (r"/v2/apps/(.+)/versions/([^/]+)", {"GET": self._version}),
                (r"/v2/apps/(.+)", {"GET": self._app, "PUT": self._put, "PATCH": self._patch, "DELETE": self._delete}),
            )
        ]

    def answer(self, request: Request) -> Response:
        try:
            return self._route(request)
        except Refusal as refusal:
            return _json(refusal.status, refusal.body)
        except Exception as error:  # a fault of the simulator is told as the product tells of its own
            log(f"{request.method} {request.path}: {type(error).__name__}: {error}")
            return _json(500, {"message": str(error)})

    def _route(self, request: Request) -> Response:
        path = request.path.rstrip("/")
        for pattern, handlers in self._routes:
            match = pattern.fullmatch(path)
            if not match:
                continue
            if request.method not in handlers:
                raise errors.message(405, "Method Not Allowed")
            # Without a type JSON is assumed (api/SetRequestDefaultsFilter.scala).
            kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
            if request.method in ("POST", "PUT", "PATCH") and kind != "application/json":
                raise errors.message(415, "Unsupported Media Type")
            with self._marathon.lock:
                return handlers[request.method](request, *match.groups())
        raise errors.message(404, f"URI not found: {request.path}")

    # Marathon itself

    def _ping(self, request: Request) -> Response:
        """api/PingServlet.scala"""
        headers = (("Cache-Control", "must-revalidate,no-cache,no-store"), ("Access-Control-Allow-Credentials", "true"))
        return Response(200, b"pong\n", "text/plain;charset=iso-8859-1", headers)

    def _info(self, request: Request) -> Response:
        flags = self._marathon.settings.flags
        zk = re.sub(r"(?<=//)[^/@]+@", "xxxxxxxx:xxxxxxxx@", flags["zk"])
        return _json(
            200,
            {
                "name": flags["framework_name"],
                "version": VERSION,
                "buildref": "unknown",
                "elected": True,
                "leader": self._own_address(),
                "frameworkId": self._marathon.framework_id or None,
                "marathon_config": {
                    **{name: flags[name] for name in _INFO_FLAGS},
                    "executor": "//cmd",
                    "features": [],
                    "ha": True,
                    "webui_url": None,
                },
                "zookeeper_config": {"zk": zk, "zk_max_versions": flags["zk_max_versions"]},
                "http_config": {"http_port": flags["http_port"], "https_port": flags["https_port"]},
            },
        )

    def _leader(self, request: Request) -> Response:
        return _json(200, {"leader": self._own_address()})

    def _own_address(self) -> str:
        settings = self._marathon.settings
        return f"{settings['hostname']}:{settings['https_port' if settings['disable_http'] else 'http_port']}"

    # Applications

    def _apps(self, request: Request) -> Response:
        """AppsResource.scala: index, search."""
        found = []
        for name, definition in sorted(self._marathon.apps.items()):
            if request.parameter("cmd").lower() not in definition.get("cmd", "").lower():
                continue
            if request.parameter("id").lower() not in name.lower():
                continue
            if selectors.matches(request.parameter("label"), definition["labels"]):
                found.append(self._shown(definition, _embeds(request) | {"counts", "deployments"}))
        return _json(200, {"apps": found})

    def _app(self, request: Request, path: str) -> Response:
        embeds = _embeds(request) | {"counts", "deployments", "tasks", "lastTaskFailure"}
        if path == "*" or path.endswith("/*"):
            group = pathid.canonical(path[:-1])
            names = self._group(group)
            if not names and group != "/":
                raise errors.message(404, f"Group '{group}' does not exist")
            return _json(200, {"*": [self._shown(self._marathon.apps[name], embeds) for name in names]})
        return _json(200, {"app": self._shown(self._known(path), embeds)})

    def _create(self, request: Request) -> Response:
        body = _body(request)
        definition = app.complete(body, None, self._marathon.settings.role)

        def change(apps: Apps, version: str) -> Apps:
            if definition["id"] in apps:
                raise errors.message(409, f"An app with id [{definition['id']}] already exists.")
            return {**apps, definition["id"]: definition}

        made = self._marathon.change(change, request.flag("force"))
        created = made.target[definition["id"]]
        assert created
        counts = {"tasksStaged": 0, "tasksRunning": 0, "tasksHealthy": 0, "tasksUnhealthy": 0}
        shown = {**app.render(created), **counts, "deployments": [{"id": made.identity}]}
        return _json(
            201, shown, ("Location", _location(request, created["id"])), ("Marathon-Deployment-Id", made.identity)
        )

    def _put(self, request: Request, path: str) -> Response:
        return self._update(request, path, request.flag("partialUpdate", True), creates=True)

    def _patch(self, request: Request, path: str) -> Response:
        return self._update(request, path, True, creates=False)

    def _update(self, request: Request, path: str, is_partial: bool, creates: bool) -> Response:
        """AppsResource.scala: update; the ID in the path goes before the one in the body."""
        app_id = pathid.canonical(f"/{path}")
        body = _body(request)
        new = app_id not in self._marathon.apps
        if new and not creates:
            raise errors.app_not_found(app_id)

        def change(apps: Apps, version: str) -> Apps:
            return {**apps, app_id: self._updated(body, app_id, apps.get(app_id), is_partial)}

        made = self._marathon.change(change, request.flag("force"))
        return _deployment_result(
            made, 201 if new else 200, *((("Location", _location(request, app_id)),) if new else ())
        )

    def _put_many(self, request: Request) -> Response:
        return self._update_many(request, request.flag("partialUpdate", True), creates=True)

    def _patch_many(self, request: Request) -> Response:
        return self._update_many(request, True, creates=False)

    def _update_many(self, request: Request, is_partial: bool, creates: bool) -> Response:
        """AppsResource.scala: updateMultiple."""
        body = _body(request)
        if not isinstance(body, list):
            raise errors.not_readable([("", "error.expected.jsarray")])

        def change(apps: Apps, version: str) -> Apps:
            for item in body:
                if not isinstance(item, dict) or not isinstance(item.get("id"), str):
                    raise errors.message(422, "requirement failed: App Update must have app id set")
                app_id = pathid.canonical(item["id"])
                if app_id not in apps and not creates:
                    raise errors.app_not_found(app_id)
                apps[app_id] = self._updated(item, app_id, apps.get(app_id), is_partial)
            return apps

        return _deployment_result(self._marathon.change(change, request.flag("force")))

    def _updated(self, body: Any, app_id: str, current: Definition | None, is_partial: bool) -> Definition:
        """AppHelpers.scala: updateOrCreate."""
        role = self._marathon.settings.role
        if not current or not is_partial:
            return app.complete(body, app_id, role)
        version = app.rollback(body)
        if version is None:
            return app.partial(body, current, role)
        return dict(self._of_version(app_id, version, errors.app_not_found(app_id)))

    def _delete(self, request: Request, path: str) -> Response:
        """Here alone force is the default (AppsResource.scala: delete)."""
        app_id = pathid.canonical(f"/{path}")

        def change(apps: Apps, version: str) -> Apps:
            if app_id not in apps:
                raise errors.app_not_found(app_id)
            del apps[app_id]
            return apps

        return _deployment_result(self._marathon.change(change, request.flag("force", True)))

    def _restart(self, request: Request, path: str) -> Response:
        app_id = self._known(path)["id"]

        def change(apps: Apps, version: str) -> Apps:
            return {**apps, app_id: {**apps[app_id], "restart": True}}

        return _deployment_result(self._marathon.change(change, request.flag("force")))

    def _versions(self, request: Request, path: str) -> Response:
        """AppVersionsResource.scala"""
        app_id = self._known(path)["id"]
        return _json(200, {"versions": [known["version"] for known in self._marathon.versions[app_id]]})

    def _version(self, request: Request, path: str, version: str) -> Response:
        app_id = pathid.canonical(f"/{path}")
        missing = errors.message(404, f"App '{app_id}' does not exist in version {version}")
        return _json(200, app.render(self._of_version(app_id, version, missing)))

    def _of_version(self, app_id: str, version: str, missing: Refusal) -> Definition:
        try:
            wanted = clock.stamp(clock.seconds(version))
        except ValueError:
            raise errors.message(422, f'Invalid format: "{version}"') from None
        for known in self._marathon.versions.get(app_id, []):
            if known["version"] == wanted:
                return known
        raise missing

    def _known(self, path: str) -> Definition:
        app_id = pathid.canonical(f"/{path}")
        if app_id not in self._marathon.apps:
            raise errors.app_not_found(app_id)
        return self._marathon.apps[app_id]

    def _group(self, group: str) -> list[str]:
        return [name for name in sorted(self._marathon.apps) if group == "/" or name.startswith(f"{group}/")]

    def _shown(self, definition: Definition, embeds: set[str]) -> dict[str, Any]:
        """core/appinfo/impl/AppInfoBaseData.scala"""
        name = definition["id"]
        instances = [item for item in self._marathon.instances_of(name) if item.launched]
        shown = app.render(definition)
        if "counts" in embeds:
            shown.update({f"tasks{word.capitalize()}": count for word, count in _counts(instances).items()})
        if "deployments" in embeds:
            holding = [item.plan for item in self._marathon.deployments.values() if name in item.plan.affected]
            shown["deployments"] = [{"id": made.identity} for made in holding]
        if "readiness" in embeds:
            shown["readinessCheckResults"] = []
        if "tasks" in embeds:
            shown["tasks"] = [item.render([], definition["role"]) for item in instances]
        if "lastTaskFailure" in embeds and name in self._marathon.failures:
            shown["lastTaskFailure"] = self._marathon.failures[name]
        if "taskStats" in embeds:
            shown["taskStats"] = _statistics(definition, instances)
        return shown

    # Tasks

    def _tasks(self, request: Request) -> Response:
        """TasksResource.scala: indexJson"""
        wanted = {value for key, value in request.query if key in ("status", "status[]")}
        found = []
        for item in self._marathon.instances():
            definition = self._marathon.apps.get(item.app_id)
            if not item.launched or not definition:
                continue
            word = "running" if item.condition == RUNNING else "staging"
            if not wanted or word in wanted:
                found.append(item.render([port["port"] for port in definition["portDefinitions"]], definition["role"]))
        return _json(200, {"tasks": found})

    def _app_tasks(self, request: Request, path: str) -> Response:
        if path == "*" or path.endswith("/*"):
            names = self._group(pathid.canonical(path[:-1]))
        else:
            names = [self._known(path)["id"]]
        tasks = [item.render([], self._marathon.apps[name]["role"]) for name in names for item in self._launched(name)]
        return _json(200, {"tasks": tasks})

    def _launched(self, app_id: str) -> list[Instance]:
        return [item for item in self._marathon.instances_of(app_id) if item.launched]

    def _kill_tasks(self, request: Request, path: str) -> Response:
        """AppTasksResource.scala: deleteMany"""
        host = request.parameter("host", "*")
        chosen = [item for item in self._launched(self._known(path)["id"]) if host in ("*", item.host)]
        return self._kill(request, path, chosen) or _json(200, {"tasks": [self._task(item) for item in chosen]})

    def _kill_task(self, request: Request, path: str, task_id: str) -> Response:
        """AppTasksResource.scala: deleteOne"""
        chosen = [item for item in self._launched(self._known(path)["id"]) if task_id.startswith(item.identity)]
        scaled = self._kill(request, path, chosen)
        if scaled:
            return scaled
        if not chosen:
            raise errors.message(404, f"Task '{task_id}' does not exist")
        return _json(200, {"task": self._task(chosen[0])})

    def _kill(self, request: Request, path: str, chosen: list[Instance]) -> Response | None:
        if request.flag("scale") and request.flag("wipe"):
            raise errors.message(400, "You cannot use scale and wipe at the same time.")
        if request.flag("scale"):
            name = self._known(path)["id"]
            return _deployment_result(self._marathon.kill_and_scale({name: chosen}, request.flag("force")))
        self._marathon.kill_tasks(chosen)
        return None

    def _task(self, item: Instance) -> dict[str, Any]:
        return item.render([], self._marathon.apps[item.app_id]["role"])

    # Deployments

    def _deployments(self, request: Request) -> Response:
        return _json(200, [item.render() for item in self._marathon.deployments.values()])

    def _revert(self, request: Request, identity: str) -> Response:
        """DeploymentsResource.scala: cancel"""
        if identity not in self._marathon.deployments:
            raise errors.message(404, f"DeploymentPlan {identity} does not exist")
        if request.flag("force"):
            self._marathon.cancel(identity)
            return Response(202)
        return _deployment_result(self._marathon.revert(identity))


def _json(status: int, value: Any, *headers: tuple[str, str]) -> Response:
    return Response(status, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(), headers=headers)


def _body(request: Request) -> Any:
    try:
        return json.loads(request.body, parse_constant=_no_constant)
    except ValueError as error:
        raise Refusal(400, {"message": "Invalid JSON", "details": str(error)}) from None


def _no_constant(word: str) -> Any:
    raise ValueError(f"Unrecognized token '{word}'")


def _location(request: Request, app_id: str) -> str:
    return f"http://{request.headers.get('host', 'localhost')}{app_id}"


def _deployment_result(made: plan.Plan, status: int = 200, *headers: tuple[str, str]) -> Response:
    """api/RestResource.scala: deploymentResult"""
    body = {"version": made.version, "deploymentId": made.identity}
    return _json(status, body, *headers, ("Marathon-Deployment-Id", made.identity))


def _embeds(request: Request) -> set[str]:
    """What else an answer shall hold (InfoEmbedResolver.scala); unknown words are ignored."""
    found = set()
    for key, value in request.query:
        if key == "embed":
            word = re.sub(r"^(group\.apps\.|apps\.|app\.)", "", value)
            if word == "failures":
                found |= {"tasks", "lastTaskFailure", "deployments"}
            found |= {word, "deployments"} if word == "tasks" else {word}
    return found


def _counts(instances: list[Instance]) -> dict[str, int]:
    """core/appinfo/TaskCounts.scala; without health checks nothing is healthy or unhealthy."""
    return {
        "staged": sum(item.condition in (PROVISIONED, STAGING, STARTING) for item in instances),
        "running": sum(item.condition == RUNNING for item in instances),
        "healthy": 0,
        "unhealthy": 0,
    }


def _statistics(definition: Definition, instances: list[Instance]) -> dict[str, Any]:
    """core/appinfo/TaskStatsByVersion.scala: groups without instances are left out."""
    information = definition["versionInfo"]
    groups = {
        "startedAfterLastScaling": [item for item in instances if item.version >= information["lastScalingAt"]],
        "withLatestConfig": [item for item in instances if item.version >= information["lastConfigChangeAt"]],
        "withOutdatedConfig": [item for item in instances if item.version < information["lastConfigChangeAt"]],
        "totalSummary": instances,
    }
    shown = {}
    for name, members in groups.items():
        if members:
            stats: dict[str, Any] = {"counts": _counts(members)}
            ages = sorted(time.time() - item.started for item in members if item.started)
            if ages:
                stats["lifeTime"] = {
                    "averageSeconds": sum(ages) / len(ages),
                    "medianSeconds": (ages[(len(ages) - 1) // 2] + ages[len(ages) // 2]) / 2,
                }
            shown[name] = {"stats": stats}
    return shown
