# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Label selectors such as "rack==1, tier in (web, db), !old" (marathon api/v2/LabelSelectorParsers.scala)."""

from __future__ import annotations

import re

from marathon_simulator import errors

_WORD = r"[A-Za-z0-9._-]+"
_TERM = re.compile(
    rf"\s*(?:(?P<name>{_WORD})\s*(?:(?P<equal>==|!=)\s*(?P<value>{_WORD})|(?P<set>in|notin)\s*\((?P<values>[^)]*)\))?"
    r")\s*(?:,|$)"
)


def matches(selector: str, labels: dict[str, str]) -> bool:
    """Whether all terms hold; Refusal when the selector cannot be read."""
    position = 0
    while position < len(selector):
        term = _TERM.match(selector, position)
        if not term:
            raise errors.message(422, f"Can not parse label selector {selector}. Reason: no term at {position}")
        position = term.end()
        own = labels.get(term["name"])
        if term["equal"]:
            if (own == term["value"]) != (term["equal"] == "=="):
                return False
        elif term["set"]:
            if (own in [item.strip() for item in term["values"].split(",")]) != (term["set"] == "in"):
                return False
        elif own is None:
            return False
    return True
