# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Definitions of applications: from JSON to the canonical form and back (marathon api/v2/AppNormalization.scala, raml/AppConversion.scala).

A definition is a dict with every member of DEFAULTS, "id", "version" and "versionInfo", and those of "cmd", "user" and
"taskKillGracePeriodSeconds" that are set.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from marathon_simulator import constraints, errors, fields, pathid

Definition = dict[str, Any]

# app.raml, types/upgradeStrategy, types/unreachableStrategy; state/AppDefinition.scala.
DEFAULTS: Definition = {
    "acceptedResourceRoles": [],
    "args": [],
    "backoffFactor": 1.15,
    "backoffSeconds": 1,
    "constraints": [],
    "cpus": 1,
    "dependencies": [],
    "disk": 0,
    "env": {},
    "executor": "",
    "fetch": [],
    "gpus": 0,
    "instances": 1,
    "killSelection": "YOUNGEST_FIRST",
    "labels": {},
    "maxLaunchDelaySeconds": 300,
    "mem": 128,
    "networks": [{"mode": "host"}],
    "portDefinitions": [{"port": 0, "protocol": "tcp", "name": "default", "labels": {}}],
    "requirePorts": False,
    "role": "*",
    "unreachableStrategy": {"inactiveAfterSeconds": 0, "expungeAfterSeconds": 0},
    "upgradeStrategy": {"maximumOverCapacity": 1, "minimumHealthCapacity": 1},
}
# app.raml: (pragma.omitEmpty); AppConversion.scala: appWriter.
_OMITTED_WHEN_EMPTY = (
    "acceptedResourceRoles",
    "args",
    "constraints",
    "dependencies",
    "env",
    "fetch",
    "portDefinitions",
)
# What no other version comes from (state/AppDefinition.scala: isUpgrade).
_NO_UPGRADE = ("instances", "version", "versionInfo")

_ARCHIVES = (".tgz", ".tar.gz", ".tbz2", ".tar.bz2", ".txz", ".tar.xz", ".zip")


def complete(body: Any, app_id: str | None, role: str) -> Definition:
    """A definition from JSON alone; `app_id` goes before the one in it. Refusal when it is wrong."""
    if app_id and isinstance(body, dict):
        body = {**body, "id": app_id}
    given, faults = fields.read_app(body)
    if not given.get("id") and not faults:
        faults = [("/id", "error.path.missing")]
    if faults:
        raise errors.not_readable(faults)
    given["id"] = pathid.canonical(given["id"])
    given.pop("version", None)  # that of a whole definition is the server's alone
    return _build({**DEFAULTS, "role": role}, given, role)


def partial(body: Any, current: Definition, role: str) -> Definition:
    """A definition with the members of JSON changed."""
    given, faults = fields.read_app(body)
    if faults:
        raise errors.not_readable(faults)
    if "version" in given:
        # AppValidation.scala: validateAppUpdateVersion; a lone version is a rollback, which the caller has seen to.
        raise errors.not_valid([("/", "The 'version' field may only be combined with the 'id' field.")])
    given["id"] = current["id"]
    return _build(current, given, role)


def rollback(body: Any) -> str | None:
    """The version that an update asks for, when it asks for nothing else."""
    if not isinstance(body, dict) or not isinstance(body.get("version"), str):
        return None
    others = {name for name, value in body.items() if value is not None} & {*fields.APP, *fields.ABSENT}
    return body["version"] if others <= {"id", "version"} else None


def _build(base: Mapping[str, Any], given: Definition, role: str) -> Definition:
    faults = _deprecated_faults(given)
    if faults:
        raise errors.not_valid(faults)
    for name in fields.ABSENT:
        if given.pop(name, None):
            faults.append((f"/{name}", "not simulated"))
    if given.get("acceptedResourceRoles") == []:
        faults.append(("/acceptedResourceRoles", "must not be empty"))
    uris, ports = given.pop("uris", None), given.pop("ports", None)
    if uris and not given.get("fetch"):
        given["fetch"] = [
            {"uri": uri, "extract": uri.endswith(_ARCHIVES), "executable": False, "cache": False} for uri in uris
        ]
    if ports is not None and "portDefinitions" not in given:
        given["portDefinitions"] = [{"port": port, "protocol": "tcp", "labels": {}} for port in ports]
    given["dependencies"] = [
        pathid.canonical(other, given["id"]) for other in given.get("dependencies", base["dependencies"])
    ]
    definition = {**base, **given}
    faults += _faults(definition, role)
    if faults:
        raise errors.not_valid(faults)
    return definition


def _deprecated_faults(given: Definition) -> fields.Faults:
    """AppValidation.scala: validateOldAppAPI."""
    faults: fields.Faults = []
    if given.get("uris") and given.get("fetch"):
        faults.append(("/uris", "may not be set in conjunction with fetch"))
    wanted = [port for port in given.get("ports", []) if port]
    if len(set(wanted)) != len(wanted):
        faults.append(("/", "ports must be unique"))
    definitions = given.get("portDefinitions")
    if given.get("ports") and definitions and [item["port"] for item in definitions] != given["ports"]:
        faults.append(("/", "cannot specify both ports and port definitions"))
    return faults


def _faults(definition: Definition, role: str) -> fields.Faults:
    """AppValidation.scala: validateCanonicalAppAPI and validBasicAppDefinition; SchedulingValidation.scala."""
    faults: fields.Faults = []
    for path, name in (("/id", definition["id"]), *(("/dependencies", other) for other in definition["dependencies"])):
        wrong = pathid.fault(name)
        if wrong:
            faults.append(("/" if wrong == "must not be root" else path, wrong))
    command, arguments = definition.get("cmd"), definition["args"]
    if command is not None and len(command) == 1:
        faults.append(("/", "must not be an empty string"))
    if bool(command) == bool(arguments):
        faults.append(("/", "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'."))
    for index, constraint in enumerate(definition["constraints"]):
        wrong = constraints.fault(constraint)
        if wrong:
            faults.append((f"/constraints({index})", wrong))
    faults += _port_faults(definition["portDefinitions"])
    if any(isinstance(value, dict) for value in definition["env"].values()):
        faults.append(("/env", "Feature secrets is not enabled. Enable with --enable_features secrets)"))
    if definition["gpus"]:
        faults.append(("/", "Feature gpu_resources is not enabled. Enable with --enable_features gpu_resources)"))
    if [network["mode"] for network in definition["networks"]] not in ([], ["host"]):
        faults.append(("/networks", "not simulated"))
    if definition["executor"] not in ("", "//cmd"):
        faults.append(("/executor", "not simulated"))
    if definition["role"] not in ("*", role):
        faults.append(("/role", f"got {definition['role']}, expected one of: [{', '.join(sorted({'*', role}))}]"))
    unreachable = definition["unreachableStrategy"]
    if unreachable != "disabled" and unreachable["inactiveAfterSeconds"] > unreachable["expungeAfterSeconds"]:
        faults.append(("/unreachableStrategy", "inactiveAfterSeconds must be less or equal than expungeAfterSeconds"))
    return faults + _single_instance_faults(definition)


def _port_faults(definitions: list[dict[str, Any]]) -> fields.Faults:
    """PortDefinition validation: names and numbers are unique (api/v2/validation/AppValidation.scala: portDefinitionsValidator)."""
    faults: fields.Faults = []
    names = [item["name"] for item in definitions if "name" in item]
    numbers = [item["port"] for item in definitions if item["port"]]
    if len(set(names)) != len(names):
        faults.append(("/portDefinitions", "Port names must be unique."))
    if len(set(numbers)) != len(numbers):
        faults.append(("/portDefinitions", "Ports must be unique."))
    return faults


def _single_instance_faults(definition: Definition) -> fields.Faults:
    """The label MARATHON_SINGLE_INSTANCE_APP (SchedulingValidation.scala: complyWithSingleInstanceLabelRules)."""
    if definition["labels"].get("MARATHON_SINGLE_INSTANCE_APP") != "true":
        return []
    faults: fields.Faults = []
    if definition["instances"] > 1:
        faults.append(("/", "Single instance app may only have one instance"))
    for name, value in definition["upgradeStrategy"].items():
        if value:
            faults.append((f"/upgradeStrategy/{name}", f"got {float(value)}, expected 0.0"))
    return faults


def is_upgrade(old: Definition, new: Definition) -> bool:
    """Whether instances of the old one have to be replaced."""
    return strip(old, _NO_UPGRADE) != strip(new, _NO_UPGRADE)


def strip(definition: Definition, names: Iterable[str]) -> Definition:
    return {name: value for name, value in definition.items() if name not in names}


def with_version(definition: Definition, version: str, old: Definition | None, restart: bool = False) -> Definition:
    """The version of a changed definition (upgrade/GroupVersioningUtil.scala): a change of scale keeps the time of the last other change."""
    if old and not restart and not is_upgrade(old, definition):
        if old["instances"] == definition["instances"]:
            return {**definition, "version": old["version"], "versionInfo": old["versionInfo"]}
        changed = old["versionInfo"]["lastConfigChangeAt"]
    else:
        changed = version
    information = {"lastScalingAt": version, "lastConfigChangeAt": changed}
    return {**definition, "version": version, "versionInfo": information}


def with_service_ports(
    definition: Definition, old: Definition | None, taken: set[int], limits: tuple[int, int]
) -> Definition:
    """Ports 0 become service ports that are unique in the cluster; those that the application had are used first
    (core/group/impl/AssignDynamicServiceLogic.scala)."""
    own = [item["port"] for item in old["portDefinitions"]] if old else []
    named = {item["port"] for item in definition["portDefinitions"]}
    free = [port for port in own if limits[0] <= port < limits[1] and port not in named]
    used = taken | named | set(free)
    further = (port for port in range(*limits) if port not in used)
    assigned = []
    for item in definition["portDefinitions"]:
        port = item["port"]
        if not port:
            port = free.pop(0) if free else next(further, 0)
            if not port:
                raise errors.message(500, f"All ports in the range [{limits[0]}-{limits[1]}) are already in use")
        assigned.append({**item, "port": port})
    return {**definition, "portDefinitions": assigned}


def render(definition: Definition) -> Definition:
    """As answers show it: deprecated members never, empty ones seldom."""
    shown = {name: value for name, value in definition.items() if value or name not in _OMITTED_WHEN_EMPTY}
    return {"id": shown.pop("id"), **dict(sorted(shown.items()))}
