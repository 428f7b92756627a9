# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The --attributes string (mesos 1.11.0 src/common/attributes.cpp).

An attribute is a dict in the protobuf's JSON form with its name first, as values.py has values.
"""

from __future__ import annotations

import re
from typing import Any

from mesos_simulator import values
from mesos_simulator.jsonify import Members


class FatalAttribute(Exception):
    """The agent aborts with this log line: source place and text."""

    def __init__(self, place: str, text: str) -> None:
        super().__init__(text)
        self.place = place
        self.text = text


def parse(flag: str) -> list[dict[str, Any]]:
    """All attributes in their order; duplicates stay (recorded flag case "duplicate key, same type")."""
    return [_attribute(token) for token in re.split(r"[;\n]", flag) if token]


def _attribute(token: str) -> dict[str, Any]:
    name, _, text = token.partition(":")  # only the first colon separates
    if not name or not text:
        raise FatalAttribute("attributes.cpp:168", f"Invalid attribute key:value pair '{token}'")
    try:
        value = values.parse(text)
    except values.InvalidValue as reason:
        place = "attributes.cpp:131"
        raise FatalAttribute(place, f"Failed to parse attribute {name} text {text} error {reason}") from None
    if value["type"] == "SET":
        raise FatalAttribute("attributes.cpp:148", f"Bad type for attribute {name} text {text} type 2")
    return {"name": name, **value}


def members(attributes: list[dict[str, Any]]) -> Members:
    """The "attributes" object of /state and /slaves (src/common/http.cpp): a repeated name is a repeated member."""
    return Members((attribute["name"], values.plain(attribute)) for attribute in attributes)


def display(attributes: list[dict[str, Any]]) -> str:
    """As the agent logs them at its start."""
    if not attributes:
        return "[  ]"
    return "[ " + ", ".join(f"{attribute['name']}={values.display(attribute)}" for attribute in attributes) + " ]"
