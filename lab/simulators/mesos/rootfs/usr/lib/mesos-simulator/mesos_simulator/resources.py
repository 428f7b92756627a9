# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resources of an agent (mesos 1.11.0 src/common/resources.cpp, src/slave/containerizer/containerizer.cpp).

A resource is a dict in the protobuf's JSON form: {"name", "type", "scalar" | "ranges" | "set", "role"} and, for reserved
ones, "reservations" and "disk". An unreserved one has the role "*".
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from typing import Any

from mesos_simulator import values
from mesos_simulator.jsonify import Members

_MEGABYTE = 2**20
_GIGABYTE = 2**30


class InvalidResources(ValueError):
    """The reason in the product's words."""


def parse(flag: str, default_role: str) -> list[dict[str, Any]]:
    """The --resources flag: "name(role):value;..." or a JSON array."""
    if flag.lstrip().startswith("["):
        return [{**resource, "role": resource.get("role", default_role)} for resource in json.loads(flag)]
    found = []
    for token in re.split(r"[;\n]", flag):
        if not token:
            continue
        name, colon, text = token.partition(":")
        if not colon:
            raise InvalidResources(f"Bad value for resources, missing or extra ':' in {token}")
        match = re.fullmatch(r"([^(]*)\(([^)]*)\)", name)
        role = match.group(2).strip() if match else default_role
        name = (match.group(1) if match else name).strip()
        try:
            value = values.parse(text)
        except values.InvalidValue as reason:
            raise InvalidResources(f"Failed to parse resource {name} value {text} error {reason}") from None
        if value["type"] == "TEXT":
            # Recorded flag case "bad resources string".
            raise InvalidResources(f"Bad type for resource {name} value {text} type TEXT")
        found.append({"name": name, **value, "role": role})
    return found


def detect(given: list[dict[str, Any]], work_dir: str, default_role: str) -> list[dict[str, Any]]:
    """`given` plus what was not given: processors, memory less 1 GiB, disk less 5 GiB, ports (containerizer.cpp)."""
    names = {resource["name"] for resource in given}
    found = list(given)
    if "cpus" not in names:
        found.append(_scalar("cpus", float(os.cpu_count() or 1), default_role))
    if "mem" not in names:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        usable = memory - _GIGABYTE if memory >= 2 * _GIGABYTE else memory // 2
        found.append(_scalar("mem", float(usable // _MEGABYTE), default_role))
    if "disk" not in names:
        parent = work_dir
        while not os.path.isdir(parent):
            parent = os.path.dirname(parent) or "/"
        space = os.statvfs(parent)
        size = space.f_blocks * space.f_frsize
        usable = size - 5 * _GIGABYTE if size >= 10 * _GIGABYTE else size // 2
        found.append(_scalar("disk", float(usable // _MEGABYTE), default_role))
    if "ports" not in names:
        ports = {"type": "RANGES", "ranges": {"range": [{"begin": 31000, "end": 32000}]}}
        found.append({"name": "ports", **ports, "role": default_role})
    return found


def _scalar(name: str, number: float, role: str) -> dict[str, Any]:
    return {"name": name, "type": "SCALAR", "scalar": {"value": number}, "role": role}


def scalar(name: str, number: float, role: str = "*") -> dict[str, Any]:
    """A scalar resource."""
    return _scalar(name, number, role)


def totals(resources: Iterable[dict[str, Any]]) -> Members:
    """The summary object of /state: scalars as numbers, ranges as text; the four standard scalars are always there."""
    scalars = {"disk": 0.0, "mem": 0.0, "gpus": 0.0, "cpus": 0.0}
    ranges: dict[str, list[tuple[int, int]]] = {}
    for resource in resources:
        name = resource["name"]
        if resource["type"] == "SCALAR":
            scalars[name] = round(scalars.get(name, 0.0) + resource["scalar"]["value"], 3)
        elif resource["type"] == "RANGES":
            ranges.setdefault(name, []).extend(values.range_pairs(resource))
    pairs: list[tuple[str, Any]] = list(scalars.items())
    for name, found in ranges.items():
        pairs.append((name, values.ranges_text({"ranges": values.pack_ranges(found)})))
    return Members(pairs)


def is_reserved(resource: dict[str, Any]) -> bool:
    """Whether it belongs to a role."""
    return role_of(resource) != "*"


def role_of(resource: dict[str, Any]) -> str:
    """The role that it is reserved for, "*" if none."""
    reservations = resource.get("reservations")
    return str(reservations[-1]["role"] if reservations else resource.get("role", "*"))


def by_role(resources: Iterable[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Reserved resources per role, in their order."""
    found: dict[str, list[dict[str, Any]]] = {}
    for resource in resources:
        if is_reserved(resource):
            found.setdefault(role_of(resource), []).append(resource)
    return found


def endpoint_form(resource: dict[str, Any]) -> dict[str, Any]:
    """As the *_full members show it: a single reservation also in the old fields (src/common/resources_utils.cpp)."""
    reservations = resource.get("reservations")
    form: dict[str, Any] = {
        name: resource[name] for name in ("name", "type", "scalar", "ranges", "set") if name in resource
    }
    form["role"] = role_of(resource)
    if reservations and reservations[-1]["type"] == "DYNAMIC":
        principal = reservations[-1].get("principal")
        form["reservation"] = {"principal": principal} if principal else {}
    for name in ("reservations", "disk", "allocation_info"):
        if name in resource:
            form[name] = resource[name]
    return form


def post_refinement(resource: dict[str, Any]) -> dict[str, Any]:
    """A reserved resource in today's format, without the old fields (src/common/resources_utils.cpp)."""
    return {name: value for name, value in resource.items() if name != "role"}


def pre_refinement(resource: dict[str, Any]) -> dict[str, Any]:
    """A resource with one dynamic reservation as agents before 1.4 write it (resources_utils.cpp: downgradeResources)."""
    form = {name: value for name, value in resource.items() if name != "reservations"}
    principal = resource["reservations"][-1].get("principal")
    return {**form, "reservation": {"principal": principal} if principal else {}}


def refined(resource: dict[str, Any]) -> dict[str, Any]:
    """Any resource in today's format, which schedulers with RESERVATION_REFINEMENT are given."""
    if is_reserved(resource) and "reservations" not in resource:
        resource = {**resource, "reservations": [{"type": "STATIC", "role": resource["role"]}]}
    return post_refinement(resource)


def unrefined(resource: dict[str, Any]) -> dict[str, Any]:
    """Any resource in the old format, which schedulers without RESERVATION_REFINEMENT are given."""
    return pre_refinement(resource) if "reservations" in resource else resource


def from_checkpoint(resource: dict[str, Any]) -> dict[str, Any]:
    """A reserved resource out of either format (resources_utils.cpp: upgradeResources)."""
    form = {name: value for name, value in resource.items() if name != "reservation"}
    if "reservation" in resource:
        form["reservations"] = [{"type": "DYNAMIC", "role": resource["role"], **resource["reservation"]}]
    return {**form, "role": role_of(form)}


def display(resources: Iterable[dict[str, Any]]) -> str:
    """As log lines have them: "cpus:2; mem:1024"."""
    parts = []
    for resource in resources:
        reservation = (resource.get("reservations") or [{"type": "STATIC"}])[-1]
        words = (reservation["type"], role_of(resource), reservation.get("principal"))
        role = f"(reservations: [({','.join(filter(None, words))})])" if is_reserved(resource) else ""
        disk = resource.get("disk")
        volume = f"[{disk['persistence']['id']}:{disk['volume']['container_path']}]" if disk else ""
        parts.append(f"{resource['name']}{role}{volume}:{values.display(resource)}")
    return "; ".join(parts)


def without_role(resource: dict[str, Any]) -> dict[str, Any]:
    """As GET_AGENT and the messages about incompatible agents show an unreserved one."""
    return {name: value for name, value in resource.items() if name != "role" or value != "*"}


def apply_reservations(resources: list[dict[str, Any]], checkpointed: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Total resources: what is dynamically reserved leaves the unreserved part (applyCheckpointedResources).

    InvalidResources when the unreserved part has not enough of it.
    """
    total = [json.loads(json.dumps(resource)) for resource in resources]
    for reserved in checkpointed:
        name, left = reserved["name"], reserved["scalar"]["value"]
        free = [item for item in total if item["name"] == name and item["type"] == "SCALAR" and not is_reserved(item)]
        if round(sum(item["scalar"]["value"] for item in free) - left, 3) < 0:
            text = f"Incompatible agent resources: {display(total)} does not contain {display([scalar(name, left)])}"
            raise InvalidResources(text)
        for item in free:
            taken = min(left, item["scalar"]["value"])
            item["scalar"]["value"] = round(item["scalar"]["value"] - taken, 3)
            left = round(left - taken, 3)
    return [
        resource for resource in total if resource["type"] != "SCALAR" or resource["scalar"]["value"]
    ] + checkpointed
