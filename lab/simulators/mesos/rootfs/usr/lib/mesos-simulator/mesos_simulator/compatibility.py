# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""May an agent keep its ID with changed information? (mesos 1.11.0 src/slave/compatibility.cpp, recorded cases e1-e10, d1-d19)

Both functions answer None for yes, and the reason in the product's words for no. They take SlaveInfo dicts.
"""

from __future__ import annotations

from typing import Any

from mesos_simulator import protobuf, resources, values

_RULE = "------------------------------------------------------------"


def equal(old: dict[str, Any], new: dict[str, Any]) -> str | None:
    """--reconfiguration_policy=equal: the same content in any order."""
    same = all(old.get(name) == new.get(name) for name in ("hostname", "port", "domain"))
    if (
        same
        and _same_items(old.get("attributes", []), new.get("attributes", []))
        and _same_items(old.get("resources", []), new.get("resources", []))
    ):
        return None
    return (
        "Incompatible agent info detected. \n"
        f"\n{_RULE}\nOld agent info:\n{_text(old)}\n\n{_RULE}\nNew agent info:\n{_text(new)}\n\n{_RULE}"
    )


def _same_items(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> bool:
    rest = list(new)
    for item in old:
        if item not in rest:
            return False
        rest.remove(item)
    return not rest


def _text(info: dict[str, Any]) -> str:
    shown = {**info, "resources": [resources.without_role(resource) for resource in info.get("resources", [])]}
    return protobuf.text_format("SlaveInfo", shown)


def additive(old: dict[str, Any], new: dict[str, Any]) -> str | None:
    """--reconfiguration_policy=additive: nothing taken away or altered, ranges may grow."""
    prefix = "Configuration change not permitted under `additive` policy: "
    if old["hostname"] != new["hostname"]:
        return f"{prefix}Hostname changed from {old['hostname']} to {new['hostname']}"
    if old["port"] != new["port"]:
        return f"{prefix}Port changed from {old['port']} to {new['port']}"
    if "domain" in old and old["domain"] != new.get("domain"):
        return f"{prefix}Domain changed from {old['domain']} to {new.get('domain', 'no domain')}"
    reason = _additive_resources(old.get("resources", []), new.get("resources", []))
    if reason is None:
        return _additive_attributes(old.get("attributes", []), new.get("attributes", []))
    return reason


_PREFIX = "Configuration change not permitted under 'additive' policy: "


def _additive_resources(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> str | None:
    for resource in old:
        name = resource["name"]
        current = next(
            (item for item in new if item["name"] == name and item.get("role") == resource.get("role")), None
        )
        if current is None:
            return f"{_PREFIX}Couldn't find resource {resources.display([resource])}"
        if current["type"] != resource["type"]:
            return f"{_PREFIX}Type of resource '{name}' changed from {_type(resource)} to {_type(current)}"
        was, now = values.display(resource), values.display(current)
        if resource["type"] == "SCALAR" and current["scalar"]["value"] < resource["scalar"]["value"]:
            return f"{_PREFIX}Value of scalar resource '{name}' decreased from {was} to {now}"
        if resource["type"] == "RANGES" and not _includes(current, resource):
            return f"{_PREFIX}Previous value of range resource '{name}' ({was}) not included in current {now}"
        if resource["type"] == "SET" and not set(resource["set"]["item"]) <= set(current["set"].get("item", [])):
            return f"{_PREFIX}Previous value of set resource '{name}' ({was}) not included in current {now}"
    return None


def _additive_attributes(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> str | None:
    for attribute in old:
        name = attribute["name"]
        # Only the first of several attributes of one name is looked at (cases d17, d18).
        current = next((item for item in new if item["name"] == name), None)
        if current is None:
            return f"{_PREFIX}Couldn't find attribute {name}={values.display(attribute)}"
        if current["type"] != attribute["type"]:
            return f"{_PREFIX}Type of attribute '{name}' changed from {_type(attribute)} to {_type(current)}"
        was, now = values.display(attribute), values.display(current)
        kind = attribute["type"].lower()
        if kind in ("scalar", "text") and attribute[kind] != current[kind]:
            return f"{_PREFIX}Value of {kind} attribute '{name}' changed from {was} to {now}"
        if kind == "ranges" and not _includes(current, attribute):
            # This one comes without the prefix, and speaks of a resource (case d7).
            return f"Previous value of ranges resource '{name}' ({was}) not included in current {now}"
    return None


def _type(value: dict[str, Any]) -> int:
    return values.TYPES[value["type"]]


def _includes(outer: dict[str, Any], inner: dict[str, Any]) -> bool:
    spans = values.range_pairs(outer)
    return all(any(low <= begin and end <= high for low, high in spans) for begin, end in values.range_pairs(inner))
