# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tasks out of offers (marathon mesosphere/mesos/ResourceMatcher.scala, PortsMatcher.scala, TaskBuilder.scala, EnvironmentHelper.scala).

Offers and tasks are dicts in the JSON form of the Mesos scheduler API (mesos include/mesos/v1/mesos.proto).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from marathon_simulator import constraints, pathid
from marathon_simulator.app import Definition
from marathon_simulator.constraints import Place
from marathon_simulator.instance import Instance

_LONGEST_VARIABLE = 512
_LABEL_PREFIX = "MARATHON_APP_LABEL_"


class Match(NamedTuple):
    """Resources for one instance, and the host ports among them in the order of portDefinitions."""

    resources: list[dict[str, Any]]
    ports: list[int]


class Offer:
    """An offer, less what instances have already been given of it."""

    def __init__(self, offer: dict[str, Any]) -> None:
        self.identity: str = offer["id"]["value"]
        self.agent_id: str = offer["agent_id"]["value"]
        self.host: str = offer.get("hostname", "")
        attributes = {item["name"]: constraints.attribute_text(item) for item in reversed(offer.get("attributes", []))}
        self.place = Place(self.host, attributes)
        # Shared and special disks are for persistent volumes alone; what can be revoked is asked for expressly.
        self._left = [
            dict(item) for item in offer.get("resources", []) if "disk" not in item and "revocable" not in item
        ]

    def match(self, definition: Definition, roles: Sequence[str], placed: Sequence[Instance]) -> Match | None:
        """Takes what one more instance needs, or nothing."""
        places = [Place(instance.host, instance.attributes) for instance in placed]
        if not all(constraints.met(constraint, self.place, places) for constraint in definition["constraints"]):
            return None
        left, taken = [dict(item) for item in self._left], []
        for name in ("cpus", "mem", "disk"):
            parts = _take_scalar(left, name, float(definition[name]), roles)
            if parts is None:
                return None
            taken += parts
        chosen = _take_ports(left, definition, roles)
        if chosen is None:
            return None
        self._left = left
        return Match(taken + chosen[0], chosen[1])


def role_of(resource: dict[str, Any]) -> str:
    """The role that a resource is reserved for, "*" for none."""
    reservations = resource.get("reservations")
    return str(reservations[-1]["role"] if reservations else resource.get("role", "*"))


def _take_scalar(
    left: list[dict[str, Any]], name: str, amount: float, roles: Sequence[str]
) -> list[dict[str, Any]] | None:
    taken = []
    for resource in left:
        if amount <= 0:
            break
        if resource["name"] != name or role_of(resource) not in roles:
            continue
        part = min(amount, resource["scalar"]["value"])
        if part > 0:
            taken.append({**resource, "scalar": {"value": part}})
            # Mesos counts in thousandths (mesos src/common/values.cpp).
            resource["scalar"] = {"value": round(resource["scalar"]["value"] - part, 3)}
            amount = round(amount - part, 3)
    return taken if amount <= 0 else None


def _take_ports(
    left: list[dict[str, Any]], definition: Definition, roles: Sequence[str]
) -> tuple[list[dict[str, Any]], list[int]] | None:
    """Ports of the definition with requirePorts, else any, from a random one on."""
    offered = {}
    for resource in left:
        if resource["name"] == "ports" and role_of(resource) in roles:
            for item in resource["ranges"].get("range", []):
                offered.update(dict.fromkeys(range(item["begin"], item["end"] + 1), resource))
    numbers = [item["port"] if definition["requirePorts"] else 0 for item in definition["portDefinitions"]]
    free = sorted(offered.keys() - set(numbers))
    start = int.from_bytes(os.urandom(4), "big") % len(free) if free else 0
    spare = iter(free[start:] + free[:start])
    ports = [number or next(spare, 0) for number in numbers]
    if any(port not in offered for port in ports):
        return None
    taken = []
    for resource in [item for item in left if any(offered[port] is item for port in ports)]:
        own = [port for port in ports if offered[port] is resource]
        taken.append({**resource, "ranges": {"range": [{"begin": port, "end": port} for port in sorted(own)]}})
        resource["ranges"] = {"range": _without(resource["ranges"].get("range", []), own)}
    return taken, ports


def _without(ranges: list[dict[str, int]], ports: list[int]) -> list[dict[str, int]]:
    for port in ports:
        split = []
        for item in ranges:
            if item["begin"] <= port <= item["end"]:
                split += [{"begin": item["begin"], "end": port - 1}, {"begin": port + 1, "end": item["end"]}]
            else:
                split.append(item)
        ranges = [item for item in split if item["begin"] <= item["end"]]
    return ranges


def task(
    definition: Definition, instance: Instance, offer: Offer, match: Match, prefix: str, user: str
) -> dict[str, Any]:
    """The TaskInfo of an instance."""
    name = pathid.hostname(definition["id"])
    command: dict[str, Any] = {
        "shell": not definition["args"],
        "environment": {
            "variables": [
                {"name": key, "value": value}
                for key, value in sorted(environment(definition, instance, offer.host, match.ports, prefix).items())
            ]
        },
        "uris": [_uri(artifact) for artifact in definition["fetch"]],
        "user": definition.get("user", user),
    }
    if definition["args"]:
        command.update({"value": definition["args"][0], "arguments": definition["args"]})
    else:
        command["value"] = definition["cmd"]
    built = {
        "name": name,
        "task_id": {"value": instance.task_id},
        "agent_id": {"value": offer.agent_id},
        "resources": match.resources,
        "command": command,
        "discovery": {
            "visibility": "FRAMEWORK",
            "name": name,
            "ports": {"ports": _discovered(definition, match.ports)},
        },
        "labels": {"labels": [{"key": key, "value": value} for key, value in sorted(definition["labels"].items())]},
    }
    if "taskKillGracePeriodSeconds" in definition:
        grace = definition["taskKillGracePeriodSeconds"] * 10**9
        built["kill_policy"] = {"grace_period": {"nanoseconds": grace}}
    return built


def _uri(artifact: dict[str, Any]) -> dict[str, Any]:
    uri = {"value": artifact["uri"], **{name: artifact[name] for name in ("executable", "extract", "cache")}}
    return {**uri, "output_file": artifact["destPath"]} if "destPath" in artifact else uri


def _discovered(definition: Definition, ports: list[int]) -> list[dict[str, Any]]:
    found = []
    for item, port in zip(definition["portDefinitions"], ports):
        for protocol in item["protocol"].split(","):
            shown: dict[str, Any] = {"number": port, "protocol": protocol}
            found.append({**shown, "name": item["name"]} if "name" in item else shown)
    return found


def environment(definition: Definition, instance: Instance, host: str, ports: list[int], prefix: str) -> dict[str, str]:
    """Variables of a task; those of the definition win (TaskBuilder.scala: commandInfo, taskContextEnv)."""
    return {
        "MESOS_TASK_ID": instance.task_id,
        "MARATHON_APP_ID": definition["id"],
        "MARATHON_APP_VERSION": definition["version"],
        "MARATHON_APP_RESOURCE_CPUS": str(float(definition["cpus"])),
        "MARATHON_APP_RESOURCE_MEM": str(float(definition["mem"])),
        "MARATHON_APP_RESOURCE_DISK": str(float(definition["disk"])),
        "MARATHON_APP_RESOURCE_GPUS": str(definition["gpus"]),
        **_label_variables(definition["labels"]),
        **{f"{prefix}{name}": value for name, value in {**_port_variables(definition, ports), "HOST": host}.items()},
        **definition["env"],
    }


def _port_variables(definition: Definition, ports: list[int]) -> dict[str, str]:
    """EnvironmentHelper.scala: portsEnv."""
    if not ports:
        return {}
    found = {"PORT": str(ports[0]), "PORTS": ",".join(map(str, ports))}
    for index, (item, port) in enumerate(zip(definition["portDefinitions"], ports)):
        found[f"PORT{index}"] = str(port)
        found[f"PORT_{item['port'] or port}"] = str(port)
        if "name" in item:
            found[f"PORT_{item['name'].upper()}"] = str(port)
    return found


def _label_variables(labels: dict[str, str]) -> dict[str, str]:
    """EnvironmentHelper.scala: labelsToEnvVars; long labels are left out."""
    short = {
        re.sub("[^a-zA-Z0-9_]+", "_", key).upper(): value
        for key, value in labels.items()
        if len(key) < _LONGEST_VARIABLE - len(_LABEL_PREFIX) and len(value) < _LONGEST_VARIABLE
    }
    return {"MARATHON_APP_LABELS": " ".join(short), **{_LABEL_PREFIX + key: value for key, value in short.items()}}
