# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fields of a Marathon app: what may stand in each, when two values mean the same, and what Marathon takes where
nothing is declared. No I/O.

Names, ranges and defaults are those of marathon 1.8 (docs/rest-api/public/api/v2/types/app.raml and the types beside it);
where 1.0 to 1.4 have another default (state/AppDefinition.scala), both count. What Marathon rewrites before it stores an
app is in its api/v2/AppNormalization.scala.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Check = Callable[[Any], str]
Normal = Callable[[Any], Any]

# One segment of an app's path (marathon state/PathId.scala).
_SEGMENT = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
# Last segments that are resources below an app (api/v2/AppsResource.scala).
_RESERVED = ("restart", "tasks", "versions")
# Constraint operators: whether a value must (True), may (None) or must not (False) follow
# (api/v2/validation/SchedulingValidation.scala).
_OPERATORS = {
    "UNIQUE": False,
    "CLUSTER": None,
    "GROUP_BY": None,
    "IS": None,
    "LIKE": True,
    "UNLIKE": True,
    "MAX_PER": True,
}
# What the Mesos fetcher unpacks (mesos src/launcher/fetcher.cpp); for other files `extract` means nothing.
_ARCHIVES = (".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".tar", ".gz", ".zip")
_PROTOCOLS = ("HTTP", "HTTPS", "TCP", "COMMAND", "MESOS_HTTP", "MESOS_HTTPS", "MESOS_TCP")


# -- what may stand there -----------------------------------------------------------------------------------------


def kind(value: Any) -> str:
    """What a value is, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return f"the truth value {str(value).lower()}"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value[:60]!r}"
    return "a list" if isinstance(value, (list, tuple)) else "a dictionary" if isinstance(value, Mapping) else "no JSON"


def _text(value: Any) -> str:
    return "" if isinstance(value, str) and value else f"must be a text, and is {kind(value)}"


def _any_text(value: Any) -> str:
    return "" if isinstance(value, str) else f"must be a text, and is {kind(value)}"


def _flag(value: Any) -> str:
    return "" if isinstance(value, bool) else f"must be true or false, and is {kind(value)}"


def _number(least: float, most: float | None = None, whole: bool = False) -> Check:
    what = "a whole number" if whole else "a number"

    def check(value: Any) -> str:
        right = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not right or (whole and value != int(value)):
            return f"must be {what}, and is {kind(value)}"
        if value < least or (most is not None and value > most):
            bounds = f"at least {least:g}" if most is None else f"from {least:g} to {most:g}"
            return f"must be {what} of {bounds}, and is {value}"
        return ""

    return check


def _one_of(*names: str) -> Check:
    return lambda value: "" if value in names else f"must be one of {', '.join(names)}, and is {kind(value)}"


def _each(item: Check) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, (list, tuple)):
            return f"must be a list, and is {kind(value)}"
        return next((f"item {place}: {words}" for place, one in enumerate(value, 1) if (words := item(one))), "")

    return check


def _values(item: Check, name: str) -> Check:
    def check(value: Any) -> str:
        if not isinstance(value, Mapping):
            return f"must be a dictionary, and is {kind(value)}"
        for key, one in value.items():
            if not isinstance(key, str) or not key:
                return f"the name of {name} must be a text, and is {kind(key)}"
            if words := item(one):
                return f"the value of {key} {words}"
        return ""

    return check


def _object(needed: Iterable[str] = (), **known: Check) -> Check:
    """A dictionary: keys that must be there, and what may stand under those that are named; others are Marathon's business."""

    def check(value: Any) -> str:
        if not isinstance(value, Mapping):
            return f"must be a dictionary, and is {kind(value)}"
        for key in needed:
            if key not in value:
                return f"lacks {key}"
        return next(
            (f"{key} {words}" for key, item in known.items() if key in value and (words := item(value[key]))), ""
        )

    return check


def _environment(value: Any) -> str:
    if isinstance(value, Mapping):
        return "" if set(value) == {"secret"} else 'must be a text, or {"secret": NAME} for a secret of Marathon\'s own'
    return "" if isinstance(value, str) else f"must be a text, and is {kind(value)}; put it in quotes"


def _constraint(value: Any) -> str:
    """``[FIELD, OPERATOR]`` or ``[FIELD, OPERATOR, VALUE]``, all texts."""
    shape = "must look like [hostname, UNIQUE] or [rack, LIKE, 'r[1-3]']"
    if not isinstance(value, (list, tuple)) or not 2 <= len(value) <= 3:
        return f"{shape}, and is {kind(value)}" + (f" of {len(value)}" if isinstance(value, (list, tuple)) else "")
    wrong = next((part for part in value if not isinstance(part, str)), None)
    if wrong is not None:
        return f"{shape}, and has {kind(wrong)}; put it in quotes"
    operator, follows = value[1], [part for part in value[2:] if part]
    if operator not in _OPERATORS:
        return f"has the operator {operator!r}; there are {', '.join(_OPERATORS)}"
    if _OPERATORS[operator] is True and not follows:
        return f"lacks the value that {operator} compares with"
    if _OPERATORS[operator] is False and follows:
        return f"has the value {follows[0]!r}, and {operator} takes none"
    if follows and operator in ("GROUP_BY", "MAX_PER") and not follows[0].isdigit():
        return f"has the value {follows[0]!r}, and {operator} takes a number, as a text"
    if follows and operator in ("LIKE", "UNLIKE"):
        try:
            re.compile(follows[0])
        except re.error as error:
            return f"has {follows[0]!r}, which is no regular expression: {error}"
    return ""


def path_problem(path: Any) -> str:
    """Why a text is not the path of an app, or an empty one."""
    if not isinstance(path, str):
        return f"must be a text, and is {kind(path)}"
    segments = path.strip("/").split("/")
    wrong = next((one for one in segments if not _SEGMENT.fullmatch(one)), None)
    if wrong is not None:
        return (
            f"has the part {wrong!r}: a part is made of lower-case letters, digits, hyphens and dots, and begins and ends with"
            f" a letter or digit"
        )
    if segments[-1] in _RESERVED:
        return f"ends with {segments[-1]!r}, which Marathon keeps for itself"
    return ""


def _dependency(value: Any) -> str:
    absolute = isinstance(value, str) and value.startswith("/")
    return path_problem(value) or ("" if absolute else f"is {value!r}; write the whole path, with a slash in front")


# -- when two values mean the same --------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """JSON in one form: 1.0 is 1, a tuple is a list, what is null is not there."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _set_of(normal: Normal = plain) -> Normal:
    """Marathon keeps a set: neither order nor repetition counts."""
    return lambda value: [json.loads(key) for key in sorted({_key(normal(item)) for item in value})]


def _list_of(normal: Normal) -> Normal:
    return lambda value: [normal(item) for item in value]


def _filled(**defaults: Any) -> Normal:
    return lambda value: {**defaults, **plain(value)}


def _without_empty(value: Any) -> Any:
    """Inside a container every default of Marathon is empty, zero or false."""
    if isinstance(value, Mapping):
        pruned = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in pruned.items() if item not in (None, False, 0, "", [], {})}
    return [_without_empty(item) for item in value] if isinstance(value, list) else value


def _normal_constraint(value: Any) -> Any:
    return [part for part in value if part] if len(value) == 3 else list(value)


def _normal_artifact(value: Any) -> Any:
    full = {"extract": True, "executable": False, "cache": False, **plain(value)}
    path = re.split(r"[?#]", full["uri"])[0]
    full["extract"] = bool(full["extract"]) and path.endswith(_ARCHIVES)
    return full


def _normal_health_check(value: Any) -> Any:
    full = {"protocol": "HTTP", "ipProtocol": "IPv4", "ignoreHttp1xx": False, **plain(value)}
    for name, number in (("gracePeriod", 300), ("interval", 60), ("timeout", 20), ("delay", 15)):
        full.setdefault(f"{name}Seconds", number)
    full.setdefault("maxConsecutiveFailures", 3)
    if full["protocol"] != "COMMAND" and "port" not in full:
        full.setdefault("portIndex", 0)
    if full["protocol"].endswith(("HTTP", "HTTPS")):
        full.setdefault("path", "/")
    return full


def _normal_port(value: Any) -> Any:
    full = {"port": 0, "protocol": "tcp", **plain(value)}
    return {key: item for key, item in full.items() if item != {} and (key, item) != ("name", "default")}


def _normal_network(value: Any) -> Any:
    return {"mode": "container", **_without_empty(plain(value))}


def _normal_container(value: Any) -> Any:
    full = {"type": "DOCKER", **plain(value)}
    for mapping in full.get("portMappings") or ():
        mapping.setdefault("protocol", "tcp")
        if mapping.get("name") == "default":
            del mapping["name"]
    return _without_empty(full)


def _normal_paths(value: Any) -> Any:
    return _set_of()(["/" + item.strip("/") for item in value])


def same(name: str, wanted: Any, seen: Any) -> bool:
    """Whether two normal forms mean the same, where Marathon has put a port of its choice in place of a wanted 0."""
    if name == "portDefinitions":
        return len(wanted) == len(seen) and all(map(_same_port, wanted, seen))
    if name == "container" and "portMappings" in wanted and "portMappings" in seen:
        mappings = wanted["portMappings"], seen["portMappings"]
        return (
            {**wanted, "portMappings": ()} == {**seen, "portMappings": ()}
            and len(mappings[0]) == len(mappings[1])
            and all(map(_same_port, *mappings))
        )
    return bool(wanted == seen)


def _same_port(wanted: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    chosen = {key: 0 for key in ("port", "servicePort") if not wanted.get(key)}
    return {**wanted, **chosen} == {**seen, **chosen}


# -- the table ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """One field of an app.

    :param check: says what is wrong with a value, or nothing.
    :param normal: its one form; applied to that form it changes nothing.
    :param defaults: the normal forms that Marathon may show where nothing is declared, the current one first.
    :param kept: where nothing is declared, whatever is in force is right.
    """

    check: Check
    normal: Normal = plain
    defaults: tuple[Any, ...] = (None,)
    kept: bool = False


_NO_STRATEGY = {"maximumOverCapacity": 0, "minimumHealthCapacity": 0}
_SHARE = _number(0, 1)
_COUNT = _number(0, whole=True)

FIELDS: Mapping[str, Field] = {
    "acceptedResourceRoles": Field(_each(_text), _set_of(), (None, [], ["*"])),
    "args": Field(_each(_any_text), plain, ([], None)),
    "backoffFactor": Field(_number(1), plain, (1.15,)),
    "backoffSeconds": Field(_COUNT, plain, (1,)),
    "check": Field(_object()),
    "cmd": Field(_text),
    "constraints": Field(_each(_constraint), _set_of(_normal_constraint), ([],)),
    "container": Field(_object(type=_one_of("DOCKER", "MESOS"), portMappings=_each(_object())), _normal_container),
    "cpus": Field(_number(0.001), plain, (1,)),
    "dependencies": Field(_each(_dependency), _normal_paths, ([],)),
    "disk": Field(_number(0), plain, (0,)),
    "env": Field(_values(_environment, "a variable"), plain, ({},)),
    "executor": Field(_any_text, plain, ("",)),
    "executorResources": Field(_object(), kept=True),
    "fetch": Field(
        _each(_object(["uri"], uri=_text, extract=_flag, executable=_flag, cache=_flag, destPath=_text)),
        _list_of(_normal_artifact),
        ([],),
    ),
    "gpus": Field(_COUNT, plain, (0,)),
    "healthChecks": Field(_each(_object(protocol=_one_of(*_PROTOCOLS))), _set_of(_normal_health_check), ([],)),
    "instances": Field(_COUNT, kept=True),
    "killSelection": Field(_one_of("YOUNGEST_FIRST", "OLDEST_FIRST"), plain, ("YOUNGEST_FIRST",)),
    "labels": Field(_values(_any_text, "a label"), plain, ({},)),
    "maxLaunchDelaySeconds": Field(_COUNT, plain, (300, 3600)),
    "mem": Field(_number(0), plain, (128,)),
    "networks": Field(
        _each(_object(mode=_one_of("host", "container", "container/bridge"))),
        _list_of(_normal_network),
        ([{"mode": "host"}], []),
    ),
    "portDefinitions": Field(
        _each(_object(port=_number(0, 65535, whole=True), name=_text)),
        _list_of(_normal_port),
        ([{"port": 0, "protocol": "tcp"}], []),
    ),
    "readinessChecks": Field(
        _each(_object()),
        _list_of(
            _filled(
                name="readinessCheck",
                protocol="HTTP",
                path="/",
                portName="http-api",
                intervalSeconds=30,
                timeoutSeconds=10,
                httpStatusCodesForReady=[200],
                preserveLastResponse=False,
            )
        ),
        ([],),
    ),
    "requirePorts": Field(_flag, plain, (False,)),
    "residency": Field(_object(), _filled(relaunchEscalationTimeoutSeconds=3600, taskLostBehavior="WAIT_FOREVER")),
    "role": Field(_text, kept=True),
    "secrets": Field(_values(_object(["source"], source=_text), "a secret"), plain, ({},)),
    "taskKillGracePeriodSeconds": Field(_COUNT),
    "tty": Field(_flag, plain, (None, False)),
    "unreachableStrategy": Field(
        lambda value: "" if value == "disabled" else _object()(value),
        lambda value: value if isinstance(value, str) else plain(value),
        (
            {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
            {"inactiveAfterSeconds": 300, "expungeAfterSeconds": 600},
            None,
        ),
    ),
    "upgradeStrategy": Field(
        _object(maximumOverCapacity=_SHARE, minimumHealthCapacity=_SHARE),
        _filled(maximumOverCapacity=1, minimumHealthCapacity=1),
        ({"maximumOverCapacity": 1, "minimumHealthCapacity": 1},),
    ),
    "user": Field(_text),
}

# What Marathon adds to an app by itself (api/v2/json/Formats.scala, app.raml).
SERVER_MADE = frozenset(
    (
        *(
            "version",
            "versionInfo",
            "deployments",
            "tasks",
            "tasksStaged",
            "tasksRunning",
            "tasksHealthy",
            "tasksUnhealthy",
        ),
        *("lastTaskFailure", "taskStats", "readinessCheckResults"),
    )
)


def defaults(name: str, container: Any) -> tuple[Any, ...]:
    """What Marathon may show in a field that is not declared.

    :param container: the app's container: with persistent or external volumes some defaults are others
        (raml/AppConversion.scala).
    """
    volumes = (container or {}).get("volumes") or ()
    found = FIELDS[name].defaults
    if any("persistent" in volume or "external" in volume for volume in volumes):
        more: Mapping[str, tuple[Any, ...]] = {
            "upgradeStrategy": ({"maximumOverCapacity": 0, "minimumHealthCapacity": 0.5}, _NO_STRATEGY),
            "residency": ({"relaunchEscalationTimeoutSeconds": 3600, "taskLostBehavior": "WAIT_FOREVER"},),
            "unreachableStrategy": ("disabled",),
        }
        return more.get(name, ()) + found
    return found
