# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placement constraints (marathon mesosphere/mesos/Constraints.scala, api/v2/validation/SchedulingValidation.scala)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

_OPERATORS = ("UNIQUE", "CLUSTER", "GROUP_BY", "LIKE", "UNLIKE", "MAX_PER", "IS")


class Place(NamedTuple):
    """Where an instance runs, or an offer comes from; attributes have their value as text."""

    hostname: str
    attributes: dict[str, str]

    def value(self, field: str) -> str | None:
        return self.hostname if field in ("hostname", "@hostname") else self.attributes.get(field)


def fault(constraint: Sequence[str]) -> str | None:
    """What is wrong with a constraint, in the product's words."""
    if not 2 <= len(constraint) <= 3:
        return "Each constraint must have either 2 or 3 fields"
    field, operator = constraint[0], constraint[1].upper()
    value = constraint[2] if len(constraint) > 2 else None
    if not field:
        return "illegal constraint specification"
    if operator not in _OPERATORS:
        return "operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER or UNLIKE"
    if operator == "UNIQUE" and value is not None:
        return "UNIQUE does not accept a value"
    if operator == "GROUP_BY" and value is not None and not _whole(value):
        return "GROUP BY must define an integer value or else no value at all"
    if operator == "MAX_PER" and not _whole(value or ""):
        return "MAX_PER requires an integer value"
    if operator in ("LIKE", "UNLIKE"):
        if value is None:
            return "LIKE and UNLIKE require a non-empty, regular expression value"
        try:
            re.compile(value)
        except re.error:
            return "is not a valid regular expression"
    if operator == "IS" and not re.fullmatch(r"[a-zA-Z0-9_/.-]*", value or ""):
        return "IS only supports Mesos text and float values (see http://mesos.apache.org/documentation/latest/attributes-resources/)"
    return None


def _whole(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+", text) is not None


def met(constraint: Sequence[str], offered: Place, placed: Sequence[Place]) -> bool:
    """Whether one more instance may go there; `placed` are the instances of the same configuration."""
    field, operator = constraint[0], constraint[1].upper()
    wanted = constraint[2] if len(constraint) > 2 else ""
    value = offered.value(field)
    if value is None:
        return operator == "UNLIKE"
    values = [place.value(field) for place in placed]
    counts = Counter(values)
    if operator == "UNIQUE":
        return value not in counts
    if operator == "CLUSTER":
        return value == wanted if wanted else not values or values[0] == value
    if operator == "GROUP_BY":
        return value not in counts or (len(counts) >= int(wanted or 0) and counts[value] == min(counts.values()))
    if operator == "MAX_PER":
        return counts[value] < int(wanted)
    if operator == "IS":
        return value == wanted
    return bool(wanted) and (re.fullmatch(wanted, value) is not None) == (operator == "LIKE")


def attribute_text(attribute: dict[str, Any]) -> str:
    """An attribute of an offer as constraints see it (Constraints.scala: getValueString)."""
    if "scalar" in attribute:
        # NumberFormat.getInstance: groups of three digits, at most three decimals.
        return f"{attribute['scalar']['value']:,.3f}".rstrip("0").rstrip(".")
    if "ranges" in attribute:
        ranges = sorted((item["begin"], item["end"]) for item in attribute["ranges"].get("range", []))
        return "[" + ",".join(f"{begin}-{end}" for begin, end in ranges) + "]"
    if "set" in attribute:
        return "{" + ",".join(sorted(attribute["set"].get("item", []))) + "}"
    return str(attribute.get("text", {}).get("value", ""))
