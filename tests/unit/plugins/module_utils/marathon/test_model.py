# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a declaration may say, in which form it is compared, and what of an app is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import InputError
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import fields, model

CMD = {"cmd": "./x"}
SINGLE = {"labels": {"MARATHON_SINGLE_INSTANCE_APP": "true"}}


def refusal(app: dict[str, Any], secrets: dict[str, Any] | None = None, app_id: Any = "/a") -> str:
    with pytest.raises(InputError) as caught:
        model.declare(app_id, app, secrets or {})
    return str(caught.value).replace("the app was refused, nothing was changed ", "")


@pytest.mark.parametrize("app_id", ["a", "/a", "/a/", "shop/web-1", "/x.y/1", "0"])
def test_ids(app_id: str) -> None:
    assert model.declared_id(app_id) == "/" + app_id.strip("/")


PART = "a part is made of lower-case letters, digits, hyphens and dots, and begins and ends with a letter or digit"


@pytest.mark.parametrize(
    ("app_id", "sentence"),
    [
        ("/Shop", f"(id): has the part 'Shop': {PART}"),
        ("", f"(id): has the part '': {PART}"),
        ("/", f"(id): has the part '': {PART}"),
        ("/a//b", f"(id): has the part '': {PART}"),
        ("/a/../b", f"(id): has the part '..': {PART}"),
        ("/a/b_c", f"(id): has the part 'b_c': {PART}"),
        ("-a", f"(id): has the part '-a': {PART}"),
        ("a\n", f"(id): has the part 'a\\n': {PART}"),
        ("/a?force=true", f"(id): has the part 'a?force=true': {PART}"),
        ("/a/restart", "(id): ends with 'restart', which Marathon keeps for itself"),
        (7, "(id): must be a text, and is the number 7"),
        (None, "(id): must be a text, and is nothing"),
    ],
)
def test_ids_that_are_refused(app_id: Any, sentence: str) -> None:
    assert refusal(CMD, app_id=app_id) == sentence


SHAPE = "must look like [hostname, UNIQUE] or [rack, LIKE, 'r[1-3]']"


@pytest.mark.parametrize(
    ("app", "sentence"),
    [
        ({**CMD, "id": "/b"}, "(id): is '/b' in the app, and '/a' beside it; leave it out of the app"),
        ({**CMD, "version": "2026"}, "(version): is made by Marathon itself; leave it out"),
        ({**CMD, "memory": 1}, "(memory): is no field of an app; there are acceptedResourceRoles, args,"),
        ({}, "(cmd): is missing: declare cmd or args, or a container that brings its own command"),
        ({"args": []}, "(cmd): is missing: declare cmd or args, or a container that brings its own command"),
        ({**CMD, "args": ["x"]}, "(args): stands beside cmd; Marathon takes one of them"),
        ({"cmd": ["./x"]}, "(cmd): must be a text, and is a list"),
        ({"cmd": ""}, "(cmd): must be a text, and is the text ''"),
        ({**CMD, "instances": "2"}, "(instances): must be a whole number, and is the text '2'"),
        ({**CMD, "instances": -1}, "(instances): must be a whole number of at least 0, and is -1"),
        ({**CMD, "instances": 1.5}, "(instances): must be a whole number, and is the number 1.5"),
        ({**CMD, "instances": True}, "(instances): must be a whole number, and is the truth value true"),
        ({**CMD, "instances": float("nan")}, "(instances): must be a whole number, and is the number nan"),
        ({**CMD, "cpus": "lots"}, "(cpus): must be a number, and is the text 'lots'"),
        ({**CMD, "mem": {"mib": 1}}, "(mem): must be a number, and is a dictionary"),
        ({**CMD, "cpus": 0}, "(cpus): must be a number of at least 0.001, and is 0"),
        (
            {**CMD, **SINGLE},
            "(upgradeStrategy): must be {maximumOverCapacity: 0, minimumHealthCapacity: 0} with the label",
        ),
        ({**CMD, **SINGLE, "upgradeStrategy": {"maximumOverCapacity": 0}}, "(upgradeStrategy): must be"),
        (
            {**CMD, **SINGLE, "instances": 2},
            "(instances): is more than 1, and the label MARATHON_SINGLE_INSTANCE_APP allows",
        ),
        ({**CMD, "backoffFactor": 0.5}, "(backoffFactor): must be a number of at least 1, and is 0.5"),
        ({**CMD, "requirePorts": "yes"}, "(requirePorts): must be true or false, and is the text 'yes'"),
        (
            {**CMD, "killSelection": "OLD"},
            "(killSelection): must be one of YOUNGEST_FIRST, OLDEST_FIRST, and is the text 'OLD'",
        ),
        ({**CMD, "env": ["A=1"]}, "(env): must be a dictionary, and is a list"),
        ({**CMD, "env": {"A": 1}}, "(env): the value of A must be a text, and is the number 1; put it in quotes"),
        (
            {**CMD, "env": {"A": True}},
            "(env): the value of A must be a text, and is the truth value true; put it in quotes",
        ),
        ({**CMD, "env": {1: "a"}}, "(env): the name of a variable must be a text, and is the number 1"),
        (
            {**CMD, "env": {"A": {"value": "x"}}},
            '(env): the value of A must be a text, or {"secret": NAME} for a secret of Marathon\'s own',
        ),
        ({**CMD, "labels": {"a": 1}}, "(labels): the value of a must be a text, and is the number 1"),
        ({**CMD, "constraints": "hostname:UNIQUE"}, "(constraints): must be a list, and is the text 'hostname:UNIQUE'"),
        ({**CMD, "constraints": ["hostname", "UNIQUE"]}, f"(constraints): item 1: {SHAPE}, and is the text 'hostname'"),
        ({**CMD, "constraints": [["hostname"]]}, f"(constraints): item 1: {SHAPE}, and is a list of 1"),
        (
            {**CMD, "constraints": [["a", "MAX_PER", 2]]},
            f"(constraints): item 1: {SHAPE}, and has the number 2; put it in quotes",
        ),
        (
            {**CMD, "constraints": [["hostname", "UNIQUE"], ["hostname", "unique"]]},
            "(constraints): item 2: has the operator 'unique'; there are UNIQUE, CLUSTER, GROUP_BY, IS, LIKE, UNLIKE, MAX_PER",
        ),
        ({**CMD, "constraints": [["a", "LIKE"]]}, "(constraints): item 1: lacks the value that LIKE compares with"),
        (
            {**CMD, "constraints": [["a", "UNIQUE", "b"]]},
            "(constraints): item 1: has the value 'b', and UNIQUE takes none",
        ),
        (
            {**CMD, "constraints": [["a", "GROUP_BY", "two"]]},
            "(constraints): item 1: has the value 'two', and GROUP_BY takes a number, as a text",
        ),
        (
            {**CMD, "constraints": [["a", "LIKE", "["]]},
            "(constraints): item 1: has '[', which is no regular expression: unterminated character set at position 0",
        ),
        ({**CMD, "uris": "http://m/x"}, "(uris): must be a list, and is the text 'http://m/x'"),
        ({**CMD, "uris": [1]}, "(fetch): item 1: uri must be a text, and is the number 1"),
        (
            {**CMD, "uris": [], "fetch": []},
            "(uris): is the old spelling of fetch, and both are there; write fetch alone",
        ),
        ({**CMD, "fetch": [{"extract": True}]}, "(fetch): item 1: lacks uri"),
        ({**CMD, "fetch": ["http://m/x"]}, "(fetch): item 1: must be a dictionary, and is the text 'http://m/x'"),
        (
            {**CMD, "ports": [99999]},
            "(portDefinitions): item 1: port must be a whole number of from 0 to 65535, and is 99999",
        ),
        (
            {**CMD, "healthChecks": [{"protocol": "UDP"}]},
            "(healthChecks): item 1: protocol must be one of HTTP, HTTPS, TCP,",
        ),
        (
            {**CMD, "networks": [{"mode": "BRIDGE"}]},
            "(networks): item 1: mode must be one of host, container, container/bridge,",
        ),
        (
            {**CMD, "container": {"type": "LXC"}},
            "(container): type must be one of DOCKER, MESOS, and is the text 'LXC'",
        ),
        (
            {**CMD, "dependencies": ["db"]},
            "(dependencies): item 1: is 'db'; write the whole path, with a slash in front",
        ),
        ({**CMD, "dependencies": ["/DB"]}, f"(dependencies): item 1: has the part 'DB': {PART}"),
        ({**CMD, "unreachableStrategy": "off"}, "(unreachableStrategy): must be a dictionary, and is the text 'off'"),
        (
            {**CMD, "upgradeStrategy": {"maximumOverCapacity": 2}},
            "(upgradeStrategy): maximumOverCapacity must be a number of from 0 to 1, and is 2",
        ),
        (
            {"cmd": "echo ********"},
            "(cmd): contains ********, which stands for a secret in what is printed; write the value itself",
        ),
    ],
)
def test_apps_that_are_refused(app: dict[str, Any], sentence: str) -> None:
    assert refusal(app).startswith(sentence)


@pytest.mark.parametrize("field", ["cmd", "labels", "fetch", "env", "constraints", "user"])
def test_a_secret_that_stands_elsewhere_too(field: str) -> None:
    places: dict[str, Any] = {
        "cmd": "./x -password=Planted-1",
        "labels": {"Planted-1": "x"},
        "fetch": [{"uri": "http://u:Planted-1@m/x"}],
        "env": {"OTHER": "Planted-1"},
        "constraints": [["rack", "LIKE", "Planted-1"]],
        "user": "Planted-1",
    }
    words = refusal({**CMD, field: places[field]}, {"PASSWORD": "Planted-1"})
    assert words == (
        f"({field}): contains the value of the secret PASSWORD, and everybody can read it there; refer to the variable, as in"
        " $PASSWORD, or choose a value that is no part of other texts"
    )


@pytest.mark.parametrize(
    ("app", "secrets", "sentence"),
    [
        (CMD, {"P": ""}, "(env_secrets): the value of P is an empty text; put it in quotes, or leave the variable out"),
        (CMD, {"P": 7}, "(env_secrets): the value of P is no text; put it in quotes, or leave the variable out"),
        (CMD, {"": "x"}, "(env_secrets): the name of a variable must be a text, and is the text ''"),
        ({**CMD, "env": {"P": "a"}}, {"P": "Planted"}, "(env): names P, which is a secret; leave it out of env"),
    ],
)
def test_secrets_that_are_refused(app: dict[str, Any], secrets: dict[str, Any], sentence: str) -> None:
    assert refusal(app, secrets) == sentence


def test_a_single_instance_without_overlap() -> None:
    one_after_another = {"maximumOverCapacity": 0, "minimumHealthCapacity": 0}
    assert model.declare("/a", {**CMD, **SINGLE, "upgradeStrategy": one_after_another, "instances": 1}, {})


def test_a_declaration_survives_json_and_holds_no_secret() -> None:
    app = model.declare("a", {"cmd": "x", "env": {"A": "1"}, "cpus": 1.0, "user": None}, {"P": "Planted"})
    assert model.App.from_json(json.loads(json.dumps(app.to_json()))) == app
    assert app == model.App("/a", {"cmd": "x", "env": {"A": "1"}, "cpus": 1}, ("P",))
    assert app.definition() == {"cmd": "x", "cpus": 1, "env": {"A": "1", "P": model.HIDDEN}}


# -- normal forms -------------------------------------------------------------------------------------------------

SAME: list[tuple[str, Any, Any]] = [
    ("cpus", 1, 1.0),
    ("constraints", [["b", "UNIQUE"], ["a", "LIKE", "x"]], [["a", "LIKE", "x"], ["b", "UNIQUE", ""], ["b", "UNIQUE"]]),
    ("dependencies", ["/b", "/a/"], ["/a", "/b"]),
    ("acceptedResourceRoles", ["b", "a"], ["a", "b"]),
    ("fetch", [{"uri": "http://m/x"}], [{"uri": "http://m/x", "extract": False, "executable": False, "cache": False}]),
    ("fetch", [{"uri": "http://m/x.tgz"}], [{"uri": "http://m/x.tgz", "extract": True, "destPath": None}]),
    (
        "healthChecks",
        [{"path": "/ping"}, {"protocol": "COMMAND", "command": {"value": "true"}}],
        [
            {"protocol": "COMMAND", "command": {"value": "true"}, "gracePeriodSeconds": 300.0},
            {
                "protocol": "HTTP",
                "path": "/ping",
                "portIndex": 0,
                "gracePeriodSeconds": 300,
                "intervalSeconds": 60,
                "timeoutSeconds": 20,
                "maxConsecutiveFailures": 3,
                "delaySeconds": 15,
                "ignoreHttp1xx": False,
                "ipProtocol": "IPv4",
            },
        ],
    ),
    ("portDefinitions", [{}], [{"port": 0, "protocol": "tcp", "name": "default", "labels": {}}]),
    ("networks", [{"name": "x"}], [{"name": "x", "mode": "container", "labels": {}}]),
    (
        "container",
        {"docker": {"image": "x"}, "portMappings": [{"containerPort": 80}]},
        {
            "type": "DOCKER",
            "docker": {"image": "x", "forcePullImage": False, "privileged": False, "parameters": []},
            "volumes": [],
            "portMappings": [
                {
                    "containerPort": 80,
                    "hostPort": 0,
                    "servicePort": 0,
                    "protocol": "tcp",
                    "name": "default",
                    "labels": {},
                }
            ],
        },
    ),
    ("readinessChecks", [{"path": "/x"}], [{"path": "/x", "name": "readinessCheck", "httpStatusCodesForReady": [200]}]),
    ("unreachableStrategy", "disabled", "disabled"),
    ("upgradeStrategy", {"maximumOverCapacity": 0}, {"maximumOverCapacity": 0.0, "minimumHealthCapacity": 1.0}),
]


@pytest.mark.parametrize(("name", "one", "other"), SAME)
def test_two_spellings_of_one_value(name: str, one: Any, other: Any) -> None:
    normal = fields.FIELDS[name].normal
    assert normal(one) == normal(other)
    assert normal(normal(one)) == normal(one)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("fetch", [{"uri": "http://m/x.zip"}], [{"uri": "http://m/x.zip", "extract": False}]),
        ("fetch", [{"uri": "http://m/a"}, {"uri": "http://m/b"}], [{"uri": "http://m/b"}, {"uri": "http://m/a"}]),
        ("args", ["a", "b"], ["b", "a"]),
        ("healthChecks", [{"port": 80}], [{"portIndex": 0}]),
        ("container", {"docker": {"image": "x"}}, {"docker": {"image": "x", "privileged": True}}),
    ],
)
def test_two_values(name: str, one: Any, other: Any) -> None:
    normal = fields.FIELDS[name].normal
    assert normal(one) != normal(other)


# What marathon 1.8 and, where it differs, 1.1 answer for {"id": "/a", "cmd": "./x"} (docs/rest-api of these versions).
ANSWERS: dict[str, dict[str, Any]] = {
    "1.8": {
        "id": "/a",
        "backoffFactor": 1.15,
        "backoffSeconds": 1,
        "cmd": "./x",
        "cpus": 1,
        "disk": 0,
        "executor": "",
        "instances": 1,
        "labels": {},
        "maxLaunchDelaySeconds": 300,
        "mem": 128,
        "gpus": 0,
        "networks": [{"mode": "host"}],
        "portDefinitions": [{"labels": {}, "name": "default", "protocol": "tcp", "port": 10000}],
        "requirePorts": False,
        "upgradeStrategy": {"maximumOverCapacity": 1, "minimumHealthCapacity": 1},
        "version": "2026-11-21T19:00:00.000Z",
        "versionInfo": {"lastScalingAt": "2026-11-21T19:00:00.000Z", "lastConfigChangeAt": "2026-11-21T19:00:00.000Z"},
        "killSelection": "YOUNGEST_FIRST",
        "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
        "tasksStaged": 0,
        "tasksRunning": 1,
        "tasksHealthy": 0,
        "tasksUnhealthy": 0,
        "deployments": [],
        "role": "*",
    },
    "1.1": {
        "id": "/a",
        "cmd": "./x",
        "args": None,
        "user": None,
        "env": {},
        "instances": 1,
        "cpus": 1.0,
        "mem": 128.0,
        "disk": 0.0,
        "executor": "",
        "constraints": [],
        "uris": [],
        "fetch": [],
        "storeUrls": [],
        "ports": [10001],
        "portDefinitions": [{"port": 10001, "protocol": "tcp", "labels": {}}],
        "requirePorts": False,
        "backoffSeconds": 1,
        "backoffFactor": 1.15,
        "maxLaunchDelaySeconds": 3600,
        "container": None,
        "healthChecks": [],
        "readinessChecks": [],
        "dependencies": [],
        "upgradeStrategy": {"minimumHealthCapacity": 1.0, "maximumOverCapacity": 1.0},
        "labels": {},
        "acceptedResourceRoles": None,
        "ipAddress": None,
        "version": "2026-11-21T19:00:00.000Z",
        "residency": None,
    },
}


@pytest.mark.parametrize("version", list(ANSWERS))
def test_defaults_of_marathon_are_no_difference(version: str) -> None:
    wanted = model.declare("/a", CMD, {}).definition()
    seen = model.definition_of(ANSWERS[version])
    assert model.differences(wanted, seen) == {}
    # Nor where they are declared as Marathon shows them.
    shown = {name: value for name, value in ANSWERS[version].items() if name in fields.FIELDS}
    assert model.differences(model.declare("/a", shown, {}).definition(), seen) == {}


@pytest.mark.parametrize(
    ("declared", "seen", "different"),
    [
        ({}, {"labels": {"a": "b"}}, {"labels": ({"a": "b"}, {})}),
        ({}, {"user": "root"}, {"user": ("root", None)}),
        ({}, {"instances": 7, "role": "dev"}, {}),
        ({"instances": 1}, {"instances": 7}, {"instances": (7, 1)}),
        ({"disk": 0, "tty": False, "args": []}, {}, {}),
        ({"user": "x"}, {}, {"user": (None, "x")}),
        ({"ports": [0]}, {"portDefinitions": [{"port": 10007}]}, {}),
        ({"ports": [0, 0]}, {"portDefinitions": [{"port": 10007}]}, {"portDefinitions": None}),
        ({"ports": [80]}, {"portDefinitions": [{"port": 81}]}, {"portDefinitions": None}),
        ({}, {"portDefinitions": [{"port": 81, "name": "http"}]}, {"portDefinitions": None}),
        ({}, {"ports": [8080, 8081], "uris": ["http://m/x"]}, {"portDefinitions": None, "fetch": None}),
        ({"ports": []}, {"portDefinitions": []}, {}),
        (
            {"container": {"portMappings": [{"containerPort": 80}]}},
            {"container": {"type": "DOCKER", "portMappings": [{"containerPort": 80, "servicePort": 10003}]}},
            {},
        ),
        (
            {"container": {"portMappings": [{"containerPort": 80}]}},
            {"container": {"type": "DOCKER", "portMappings": [{"containerPort": 81, "servicePort": 10003}]}},
            {"container": None},
        ),
        ({"container": {"type": "MESOS"}}, {}, {"container": (None, {"type": "MESOS"})}),
        (
            {
                "container": {
                    "type": "MESOS",
                    "volumes": [{"containerPath": "d", "mode": "RW", "persistent": {"size": 1}}],
                }
            },
            {
                "container": {
                    "type": "MESOS",
                    "volumes": [{"containerPath": "d", "mode": "RW", "persistent": {"size": 1}}],
                },
                "upgradeStrategy": {"maximumOverCapacity": 0, "minimumHealthCapacity": 0.5},
                "residency": {"relaunchEscalationTimeoutSeconds": 3600, "taskLostBehavior": "WAIT_FOREVER"},
                "unreachableStrategy": "disabled",
            },
            {},
        ),
        ({}, {"unreachableStrategy": "disabled"}, {"unreachableStrategy": None}),
    ],
)
def test_differences(declared: dict[str, Any], seen: dict[str, Any], different: dict[str, Any]) -> None:
    found = model.differences(
        model.definition_of({**CMD, **model_spelling(declared)}), model.definition_of({**CMD, **seen})
    )
    assert found.keys() == different.keys()
    assert {name: value for name, value in found.items() if different[name]} == {
        k: v for k, v in different.items() if v
    }


def model_spelling(declared: dict[str, Any]) -> dict[str, Any]:
    return dict(model.declare("/a", {**CMD, **declared}, {}).fields)


# -- what is shown ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        ("cmd", "./x -scaleio.password=abc -v", "./x -scaleio.password=******** -v"),
        ("cmd", "./x --token 'abc' -p", "./x --token '********' -p"),
        ("cmd", './x --api-token=$TOKEN "-password=${P}"', './x --api-token=$TOKEN "-password=${P}"'),
        ("cmd", "DB_PASSWORD=abc ./x", "DB_PASSWORD=******** ./x"),
        ("args", ["x", "--secret", "abc", "--name=b"], ["x", "--secret", "********", "--name=b"]),
        ("labels", {"a": "is Planted"}, {"a": "is ********"}),
        (
            "env",
            {"P": "Planted", "Q": "q", "R": {"secret": "r"}},
            {"P": "********", "Q": model.OTHER, "R": {"secret": "r"}},
        ),
        ("env", {"P": "Old", "A": "b"}, {"P": model.OTHER, "A": "b"}),
    ],
)
def test_what_is_shown_of_an_app_in_force(field: str, value: Any, shown: Any) -> None:
    wanted = model.declare("/a", {"cmd": "./y", "env": {"A": "a"}}, {"P": "Planted"})
    assert model.showable({field: value}, wanted, {"P": "Planted"}) == {field: shown}


def test_what_is_declared_is_shown_as_it_is() -> None:
    wanted = model.declare("/a", {"cmd": "./x --token-file=f --token abc", "env": {"A": "a"}}, {})
    seen = {"cmd": "./x --token-file=f --token abc", "env": {"A": "other"}}
    assert model.showable(seen, wanted, {}) == seen
    assert model.showable(seen, None, {}) == {"cmd": "./x --token-file=f --token ********", "env": {"A": model.OTHER}}


def test_hiding_takes_the_longest_first() -> None:
    assert model.hide({"a": ["abcd", 1], "abc": None}, {"abc", "abcd", ""}) == {"a": ["********", 1], "********": None}
