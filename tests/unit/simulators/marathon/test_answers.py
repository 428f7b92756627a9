# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the REST API: shapes, defaults, errors (marathon api/v2/AppsResource.scala and the RAML of the API)."""

from __future__ import annotations

import re
from typing import Any

import pytest

Marathon = Any

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
# app.raml; state/AppDefinition.scala; the answers of Marathon in the DC/OS documentation ("dcos marathon app show").
DEFAULTS = {
    "backoffFactor": 1.15,
    "backoffSeconds": 1,
    "cpus": 1,
    "disk": 0,
    "executor": "",
    "gpus": 0,
    "instances": 0,
    "killSelection": "YOUNGEST_FIRST",
    "labels": {},
    "maxLaunchDelaySeconds": 300,
    "mem": 128,
    "networks": [{"mode": "host"}],
    "portDefinitions": [{"port": 10000, "protocol": "tcp", "name": "default", "labels": {}}],
    "requirePorts": False,
    "role": "*",
    "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
    "upgradeStrategy": {"maximumOverCapacity": 1, "minimumHealthCapacity": 1},
}


def test_created(marathon: Marathon) -> None:
    """AppsResource.scala: create; members that are empty or deprecated are left out (AppConversion.scala: appWriter)."""
    answer = marathon.post("/v2/apps", {"id": "storage/web", "cmd": "true", "instances": 0, "env": {}, "unheard": 1})
    assert answer.status == 201
    assert answer.headers["Location"] == f"{marathon.base}/storage/web"
    assert answer.headers["Content-Type"] == "application/json"
    version = answer.json["version"]
    assert re.fullmatch(STAMP, version)
    assert answer.json == {
        "id": "/storage/web",
        "cmd": "true",
        **DEFAULTS,
        "version": version,
        "versionInfo": {"lastScalingAt": version, "lastConfigChangeAt": version},
        "tasksStaged": 0,
        "tasksRunning": 0,
        "tasksHealthy": 0,
        "tasksUnhealthy": 0,
        "deployments": [{"id": answer.headers["Marathon-Deployment-Id"]}],
    }
    assert marathon.get("/v2/apps/storage/web").json["app"] == {**answer.json, "deployments": [], "tasks": []}
    assert marathon.get("/v2/apps").json == {"apps": [{**answer.json, "deployments": []}]}


def test_fetch_is_made_from_uris(marathon: Marathon) -> None:
    """AppNormalization.scala: Artifacts; FetchUri.scala: isExtract."""
    marathon.create(id="/a", instances=0, uris=["http://mirror/scaleio-scheduler", "http://mirror/x.tar.gz"])
    app = marathon.app("/a")
    assert "uris" not in app
    assert app["fetch"] == [
        {"uri": "http://mirror/scaleio-scheduler", "extract": False, "executable": False, "cache": False},
        {"uri": "http://mirror/x.tar.gz", "extract": True, "executable": False, "cache": False},
    ]
    marathon.create(id="/b", instances=0, fetch=[{"uri": "http://mirror/x", "executable": True}])
    assert marathon.app("/b")["fetch"][0] == {
        "uri": "http://mirror/x",
        "extract": True,
        "executable": True,
        "cache": False,
    }


def test_service_ports(marathon: Marathon) -> None:
    """Unique in the cluster, kept by updates (core/group/impl/AssignDynamicServiceLogic.scala)."""

    def ports(app_id: str) -> list[int]:
        return [item["port"] for item in marathon.app(app_id).get("portDefinitions", [])]

    marathon.create(id="/a", instances=0, ports=[0, 8080])
    marathon.create(id="/b", instances=0)
    marathon.create(id="/c", instances=0, portDefinitions=[])
    assert (ports("/a"), ports("/b"), ports("/c")) == ([10000, 8080], [10001], [])
    marathon.put("/v2/apps/b?partialUpdate=false", {"cmd": "true", "instances": 0})
    assert ports("/b") == [10001]


def test_secrets_are_shown(marathon: Marathon) -> None:
    """Variables are no secrets to the product: every reader sees them."""
    marathon.create(instances=0, env={"SCALEIO_PASSWORD": "planted"})
    assert marathon.app("/web")["env"] == {"SCALEIO_PASSWORD": "planted"}


def invalid(path: str, *texts: str) -> dict[str, Any]:
    return {"message": "Object is not valid", "details": [{"path": path, "errors": list(texts)}]}


def unreadable(path: str, text: str) -> dict[str, Any]:
    return {"message": "Invalid JSON", "details": [{"path": path, "errors": [text]}]}


ID_PATTERN = r"^(([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])|(\.|\.\.)$"
ONE_OF = "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."


@pytest.mark.parametrize(
    ("members", "body"),
    [
        # types and bounds of the RAML
        ({"id": None}, unreadable("/id", "error.path.missing")),
        ({"id": 1}, unreadable("/id", "error.expected.jsstring")),
        ({"cpus": "1"}, unreadable("/cpus", "error.expected.jsnumber")),
        ({"mem": True}, unreadable("/mem", "error.expected.jsnumber")),
        ({"cpus": 0}, unreadable("/cpus", "error.min")),
        ({"instances": -1}, unreadable("/instances", "error.min")),
        ({"instances": 1.5}, unreadable("/instances", "error.expected.int")),
        ({"cmd": ""}, unreadable("/cmd", "error.minLength")),
        ({"env": {"A": 1}}, unreadable("/env/A", "error.expected.jsstring")),
        ({"uris": "http://x"}, unreadable("/uris", "error.expected.jsarray")),
        ({"fetch": [{}]}, unreadable("/fetch(0)/uri", "error.path.missing")),
        (
            {"upgradeStrategy": {"minimumHealthCapacity": 0}},
            unreadable("/upgradeStrategy/maximumOverCapacity", "error.path.missing"),
        ),
        (
            {"upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 2}},
            unreadable("/upgradeStrategy/maximumOverCapacity", "error.max"),
        ),
        # AppValidation.scala, PathId.scala, SchedulingValidation.scala
        ({"id": "/Web"}, invalid("/id", f"must fully match regular expression '{ID_PATTERN}'")),
        ({"id": "/"}, invalid("/", "must not be root")),
        ({"cmd": "x"}, invalid("/", "must not be an empty string")),
        ({"cmd": None}, invalid("/", ONE_OF)),
        ({"args": ["sleep"]}, invalid("/", ONE_OF)),
        ({"uris": ["a"], "fetch": [{"uri": "b"}]}, invalid("/uris", "may not be set in conjunction with fetch")),
        ({"acceptedResourceRoles": []}, invalid("/acceptedResourceRoles", "must not be empty")),
        ({"constraints": [["hostname"]]}, invalid("/constraints(0)", "Each constraint must have either 2 or 3 fields")),
        ({"constraints": [["hostname", "UNIQUE", "x"]]}, invalid("/constraints(0)", "UNIQUE does not accept a value")),
        ({"constraints": [["hostname", "LIKE", "("]]}, invalid("/constraints(0)", "is not a valid regular expression")),
        (
            {"constraints": [["hostname", "NEAR"]]},
            invalid(
                "/constraints(0)",
                "operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER or UNLIKE",
            ),
        ),
        ({"ports": [80, 80]}, invalid("/", "ports must be unique")),
        ({"role": "other"}, invalid("/role", "got other, expected one of: [*]")),
        (
            {"labels": {"MARATHON_SINGLE_INSTANCE_APP": "true"}, "instances": 2},
            {
                "message": "Object is not valid",
                "details": [
                    {"path": "/", "errors": ["Single instance app may only have one instance"]},
                    {"path": "/upgradeStrategy/maximumOverCapacity", "errors": ["got 1.0, expected 0.0"]},
                    {"path": "/upgradeStrategy/minimumHealthCapacity", "errors": ["got 1.0, expected 0.0"]},
                ],
            },
        ),
        # what this simulator has not
        ({"healthChecks": [{"protocol": "HTTP"}]}, invalid("/healthChecks", "not simulated")),
        ({"container": {"type": "DOCKER"}}, invalid("/container", "not simulated")),
    ],
)
def test_refused(unconnected: Marathon, members: dict[str, Any], body: dict[str, Any]) -> None:
    answer = unconnected.post("/v2/apps", {"id": "/web", "cmd": "sleep 1000", **members})
    assert (answer.status, answer.json) == (422, body)
    assert unconnected.get("/v2/apps").json == {"apps": []}
    assert unconnected.get("/v2/deployments").json == []


def test_no_json(unconnected: Marathon) -> None:
    """MarathonExceptionMapper.scala: JsonParseException."""
    answer = unconnected.post("/v2/apps", b"{")
    assert (answer.status, answer.json["message"]) == (400, "Invalid JSON")


def test_types_of_content(unconnected: Marathon) -> None:
    """JSON alone, which is assumed where nothing is said (SetRequestDefaultsFilter.scala)."""
    form = unconnected.post("/v2/apps", b"{}", Content_Type="application/x-www-form-urlencoded")
    assert (form.status, form.json) == (415, {"message": "Unsupported Media Type"})
    assert unconnected.post("/v2/apps", b"{}", Content_Type="application/json; charset=utf-8").status == 422


def test_conflicts(marathon: Marathon) -> None:
    """AppsResource.scala: createOrThrow; state/Group.scala."""
    marathon.create(id="/a/web", instances=0)
    same = marathon.post("/v2/apps", {"id": "a/web", "cmd": "true"})
    assert (same.status, same.json) == (409, {"message": "An app with id [/a/web] already exists."})
    nested = invalid("/", "Groups and Applications may not have the same identifier.")
    for app_id in ("/a", "/a/web/b"):
        answer = marathon.post("/v2/apps", {"id": app_id, "cmd": "true"})
        assert (answer.status, answer.json) == (422, nested)


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/v2/apps/none", "App '/none' does not exist"),
        ("GET", "/v2/apps//a/none", "App '/a/none' does not exist"),
        ("DELETE", "/v2/apps/none", "App '/none' does not exist"),
        ("PATCH", "/v2/apps/none", "App '/none' does not exist"),
        ("POST", "/v2/apps/none/restart", "App '/none' does not exist"),
        ("GET", "/v2/apps/none/tasks", "App '/none' does not exist"),
        ("GET", "/v2/apps/none/versions", "App '/none' does not exist"),
        ("GET", "/v2/apps/none/*", "Group '/none' does not exist"),
        ("DELETE", "/v2/deployments/none", "DeploymentPlan none does not exist"),
        ("GET", "/v2/none", "URI not found: /v2/none"),
    ],
)
def test_not_found(unconnected: Marathon, method: str, path: str, message: str) -> None:
    answer = unconnected.request(method, path, {} if method in ("PATCH", "POST") else None)
    assert (answer.status, answer.json) == (404, {"message": message})


def test_not_allowed(unconnected: Marathon) -> None:
    answer = unconnected.delete("/v2/apps")
    assert (answer.status, answer.json) == (405, {"message": "Method Not Allowed"})


def test_update(marathon: Marathon) -> None:
    """AppHelpers.scala: updateOrCreate; the ID in the path goes before the one in the body."""
    made = marathon.put("/v2/apps/a/web", {"id": "/other", "cmd": "true", "instances": 0, "env": {"A": "1"}})
    assert made.status == 201
    assert set(made.json) == {"version", "deploymentId"}
    marathon.deployed()
    first = marathon.app("/a/web")
    changed = marathon.put("/v2/apps/a/web", {"mem": 64, "cmd": None})
    assert (changed.status, set(changed.json)) == (200, {"version", "deploymentId"})
    marathon.deployed()
    second = marathon.app("/a/web")
    assert (second["mem"], second["cmd"], second["env"]) == (64, "true", {"A": "1"})
    assert second["version"] == changed.json["version"] > first["version"]
    whole = marathon.put("/v2/apps/a/web?partialUpdate=false", {"cmd": "false", "instances": 0})
    assert whole.status == 200
    third = marathon.app("/a/web")
    assert (third["mem"], third["cmd"], "env" in third) == (128, "false", False)
    assert marathon.request("PATCH", "/v2/apps/a/web", {"cpus": 2}).status == 200
    assert marathon.app("/a/web")["cpus"] == 2


def test_update_is_judged_with_what_is_there(marathon: Marathon) -> None:
    marathon.create(instances=0)
    answer = marathon.put("/v2/apps/web", {"args": ["sleep", "1"]})
    assert (answer.status, answer.json) == (422, invalid("/", ONE_OF))


def test_update_without_change(marathon: Marathon) -> None:
    """Still answered with a deployment, which has nothing to do; the version stays (GroupVersioningUtil.scala)."""
    made = marathon.create(instances=0)
    answer = marathon.put("/v2/apps/web", {"mem": 32})
    assert answer.status == 200
    assert answer.json["deploymentId"] not in str(marathon.get("/v2/deployments").json)
    assert marathon.app("/web")["version"] == made["version"]


def test_version_in_an_update(marathon: Marathon) -> None:
    """A lone version brings that one back; with others it is refused (AppValidation.scala: validateAppUpdateVersion)."""
    made = marathon.create(instances=0)
    marathon.put("/v2/apps/web", {"mem": 64})
    answer = marathon.put("/v2/apps/web", {"version": made["version"], "mem": 64})
    assert (answer.status, answer.json) == (
        422,
        invalid("/", "The 'version' field may only be combined with the 'id' field."),
    )
    assert marathon.put("/v2/apps/web", {"version": made["version"]}).status == 200
    assert marathon.app("/web")["mem"] == 32
    unknown = marathon.put("/v2/apps/web", {"version": "2001-01-01T00:00:00.000Z"})
    assert (unknown.status, unknown.json) == (404, {"message": "App '/web' does not exist"})


def test_versions(marathon: Marathon) -> None:
    """AppVersionsResource.scala"""
    made = marathon.create(instances=0)
    changed = marathon.put("/v2/apps/web", {"mem": 64}).json
    listed = marathon.get("/v2/apps/web/versions").json
    assert listed == {"versions": [changed["version"], made["version"]]}
    shown = marathon.get(f"/v2/apps/web/versions/{made['version']}").json
    assert (shown["mem"], shown["version"]) == (32, made["version"])
    assert marathon.get("/v2/apps/web/versions/2001-01-01T00:00:00.000Z").json == {
        "message": "App '/web' does not exist in version 2001-01-01T00:00:00.000Z"
    }


def test_many_at_once(marathon: Marathon) -> None:
    answer = marathon.put(
        "/v2/apps", [{"id": "/a", "cmd": "true", "instances": 0}, {"id": "/b", "cmd": "true", "instances": 0}]
    )
    assert answer.status == 200
    marathon.deployed()
    assert [app["id"] for app in marathon.get("/v2/apps").json["apps"]] == ["/a", "/b"]


def test_search(marathon: Marathon) -> None:
    """AppsResource.scala: search; LabelSelectorParsers.scala."""
    marathon.create(id="/storage/web", cmd="run Web", instances=0, labels={"tier": "front", "rack": "1"})
    marathon.create(id="/db", cmd="run db", instances=0, labels={"tier": "back"})

    def ids(query: str) -> list[str]:
        return [app["id"] for app in marathon.get(f"/v2/apps?{query}").json["apps"]]

    assert ids("cmd=web") == ids("id=STORAGE") == ids("label=rack") == ids("label=tier!%3Dback") == ["/storage/web"]
    assert (
        ids("label=tier+in+(back,+none)")
        == ids("label=tier%3D%3Dback,tier")
        == ids("label=tier+notin+(front)")
        == ["/db"]
    )
    assert [app["id"] for app in marathon.get("/v2/apps/storage/*").json["*"]] == ["/storage/web"]
    assert len(marathon.get("/v2/apps/*").json["*"]) == 2


def test_embed(marathon: Marathon) -> None:
    """InfoEmbedResolver.scala: with any prefix or none; counts and deployments come without asking."""
    marathon.create()
    plain = marathon.get("/v2/apps").json["apps"][0]
    assert plain["tasksRunning"] == 1
    assert not {"tasks", "taskStats", "lastTaskFailure", "readinessCheckResults"} & set(plain)
    for embed in ("tasks", "apps.tasks", "app.tasks"):
        assert len(marathon.get(f"/v2/apps?embed={embed}").json["apps"][0]["tasks"]) == 1
    both = marathon.get("/v2/apps?embed=apps.taskStats&embed=apps.readiness&embed=nothing").json["apps"][0]
    assert both["readinessCheckResults"] == []
    assert both["taskStats"]["totalSummary"]["stats"]["counts"] == {
        "staged": 0,
        "running": 1,
        "healthy": 0,
        "unhealthy": 0,
    }


def test_about_itself(marathon: Marathon, master: Any) -> None:
    """InfoResource.scala, LeaderResource.scala, PingServlet.scala."""
    ping = marathon.get("/ping")
    assert (ping.body, ping.headers["Content-Type"]) == (b"pong\n", "text/plain;charset=iso-8859-1")
    assert marathon.get("/v2/leader").json == {"leader": "m1:8080"}
    info = marathon.get("/v2/info").json
    assert (info["name"], info["elected"], info["leader"]) == ("marathon", True, "m1:8080")
    assert info["version"].startswith("1.11.")
    assert info["frameworkId"] == master.framework_id
    assert info["http_config"] == {"http_port": 8080, "https_port": 8443}
    assert info["marathon_config"]["failover_timeout"] == 604800


def test_compressed(unconnected: Marathon) -> None:
    """HttpConf.scala: http_compression is on."""
    answer = unconnected.get("/v2/info", Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json["name"] == "marathon"
