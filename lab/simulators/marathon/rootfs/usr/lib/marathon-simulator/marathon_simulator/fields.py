# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading the JSON of an application (marathon docs/docs/rest-api/public/api/v2/types/app.raml and what it includes).

Faults have the form of play-json: a path such as "/upgradeStrategy/maximumOverCapacity" and a word such as "error.max". Members
that the API does not know are ignored, null counts as absent.
"""

from __future__ import annotations

import math
import re
from typing import Any, Callable

Faults = list[tuple[str, str]]
Reader = Callable[[Any, str, Faults], Any]


def number(minimum: float | None = None, maximum: float | None = None, whole: bool = False) -> Reader:
    """Numbers without a fraction become integers, as the product writes them."""

    def read(value: Any, path: str, faults: Faults) -> Any:
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            faults.append((path, "error.expected.jsnumber"))
        elif whole and (value != int(value) or abs(value) >= 2**31):
            faults.append((path, "error.expected.int"))
        elif minimum is not None and value < minimum:
            faults.append((path, "error.min"))
        elif maximum is not None and value > maximum:
            faults.append((path, "error.max"))
        else:
            return int(value) if value == int(value) else value
        return 0

    return read


def text(minimum: int = 0, pattern: str = "") -> Reader:
    def read(value: Any, path: str, faults: Faults) -> Any:
        if not isinstance(value, str):
            faults.append((path, "error.expected.jsstring"))
        elif len(value) < minimum:
            faults.append((path, "error.minLength"))
        elif pattern and not re.fullmatch(pattern, value):
            faults.append((path, "error.pattern"))
        return value

    return read


def truth(value: Any, path: str, faults: Faults) -> Any:
    if not isinstance(value, bool):
        faults.append((path, "error.expected.jsboolean"))
    return value


def choice(*words: str) -> Reader:
    def read(value: Any, path: str, faults: Faults) -> Any:
        if value not in words:
            faults.append((path, "error.unknown.enum.literal" if isinstance(value, str) else "error.expected.jsstring"))
        return value

    return read


def array(item: Reader) -> Reader:
    def read(value: Any, path: str, faults: Faults) -> Any:
        if not isinstance(value, list):
            faults.append((path, "error.expected.jsarray"))
            return []
        return [item(part, f"{path}({index})", faults) for index, part in enumerate(value)]

    return read


def mapping(item: Reader) -> Reader:
    def read(value: Any, path: str, faults: Faults) -> Any:
        if not isinstance(value, dict):
            faults.append((path, "error.expected.jsobject"))
            return {}
        return {name: item(part, f"{path}/{name}", faults) for name, part in value.items()}

    return read


def record(readers: dict[str, Reader], required: tuple[str, ...] = (), **defaults: Any) -> Reader:
    """An object of known members; the result has the defaults filled in."""

    def read(value: Any, path: str, faults: Faults) -> Any:
        if not isinstance(value, dict):
            faults.append((path or "/", "error.expected.jsobject"))
            return {}
        found = dict(defaults)
        for name in required:
            if value.get(name) is None:
                faults.append((f"{path}/{name}", "error.path.missing"))
        for name, reader in readers.items():
            if value.get(name) is not None:
                found[name] = reader(value[name], f"{path}/{name}", faults)
        return found

    return read


def whatever(value: Any, path: str, faults: Faults) -> Any:
    return value


def unreachable(value: Any, path: str, faults: Faults) -> Any:
    """unreachableStrategy.raml: an object, or the word "disabled"."""
    return "disabled" if value == "disabled" else _UNREACHABLE(value, path, faults)


def variable(value: Any, path: str, faults: Faults) -> Any:
    """environmentVariable.raml: a text, or a reference to a secret."""
    if isinstance(value, dict) and isinstance(value.get("secret"), str):
        return value
    return text()(value, path, faults)


_UNREACHABLE = record(
    {"inactiveAfterSeconds": number(0, whole=True), "expungeAfterSeconds": number(0, whole=True)},
    inactiveAfterSeconds=0,
    expungeAfterSeconds=0,
)
_PORT = record(
    {
        "port": number(0, 65535, whole=True),
        "protocol": choice("tcp", "udp", "udp,tcp"),
        "name": text(pattern="[a-z0-9-]+"),
        "labels": mapping(text()),
    },
    port=0,
    protocol="tcp",
    labels={},
)
_ARTIFACT = record(
    {"uri": text(), "extract": truth, "executable": truth, "cache": truth, "destPath": text()},
    ("uri",),
    extract=True,
    executable=False,
    cache=False,
)
_UPGRADE = record(
    {"maximumOverCapacity": number(0, 1), "minimumHealthCapacity": number(0, 1)},
    ("maximumOverCapacity", "minimumHealthCapacity"),
)

# Every member that this simulator takes.
APP: dict[str, Reader] = {
    "id": text(),
    "cmd": text(minimum=1),
    "args": array(text()),
    "user": text(),
    "env": mapping(variable),
    "instances": number(0, whole=True),
    "cpus": number(0.001),
    "mem": number(0),
    "disk": number(0),
    "gpus": number(0, whole=True),
    "executor": text(pattern="(//cmd|/?[^/]+(/[^/]+)*)?"),
    "constraints": array(array(text())),
    "fetch": array(_ARTIFACT),
    "uris": array(text()),
    "ports": array(number(0, 65535, whole=True)),
    "portDefinitions": array(_PORT),
    "requirePorts": truth,
    "backoffSeconds": number(0, whole=True),
    "backoffFactor": number(1),
    "maxLaunchDelaySeconds": number(0, whole=True),
    "taskKillGracePeriodSeconds": number(0, whole=True),
    "dependencies": array(text()),
    "upgradeStrategy": _UPGRADE,
    "labels": mapping(text()),
    "acceptedResourceRoles": array(text()),
    "role": text(),
    "networks": array(record({"mode": choice("host", "container", "container/bridge")}, mode="container")),
    "unreachableStrategy": unreachable,
    "killSelection": choice("YOUNGEST_FIRST", "OLDEST_FIRST"),
    "version": text(),
}

# Members of the product that this simulator has no code for: an application that uses one is refused, never half run.
ABSENT = (
    "check",
    "container",
    "executorResources",
    "healthChecks",
    "ipAddress",
    "readinessChecks",
    "residency",
    "resourceLimits",
    "secrets",
    "storeUrls",
    "tty",
)


def read_app(value: Any) -> tuple[dict[str, Any], Faults]:
    """The members that are there, read; and what is wrong with them."""
    faults: Faults = []
    found = record({**APP, **dict.fromkeys(ABSENT, whatever)})(value, "", faults)
    return found, faults
