# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON as Go's encoding/json writes and reads it."""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# json.Marshal escapes these, so that JSON may stand in HTML (go src/encoding/json/encode.go: HTMLEscape).
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def dumps(value: Any, indent: bool = False) -> str:
    """Compact, or indented by two blanks; members in the order given."""
    if indent:
        text = json.dumps(value, indent=2, ensure_ascii=False)
    else:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for plain, escaped in _ESCAPES.items():
        text = text.replace(plain, escaped)
    return text


def members(body: bytes, types: dict[str, type]) -> dict[str, Any]:
    """An object decoded into a struct: names match in any case, unknown ones are dropped, null leaves a field as it is.

    :raises ValueError: no JSON, no object, or a member of another type (a number with a fraction is no int).
    """
    value = json.loads(body)
    if not isinstance(value, dict):
        raise ValueError("no object")
    found: dict[str, Any] = {}
    for name, member in value.items():
        kind = types.get(name.lower())
        if kind is None or member is None:
            continue
        if type(member) is not kind or not _elements(member):
            raise ValueError(name)
        found[name.lower()] = member
    return found


def _elements(member: Any) -> bool:
    """Lists and maps of these structs hold strings."""
    if isinstance(member, dict):
        return all(isinstance(element, str) for element in member.values())
    return not isinstance(member, list) or all(isinstance(element, str) for element in member)
