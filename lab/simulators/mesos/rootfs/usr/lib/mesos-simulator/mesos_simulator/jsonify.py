# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON as Mesos writes it: compact, raw bytes kept, repeated members possible (stout/jsonify.hpp over rapidjson)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


class Members:
    """An object given as pairs, so that one name may occur twice (recorded flag case "duplicate key, same type")."""

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        self.pairs = list(pairs)


def number(value: float) -> str:
    """A double: always with a fraction or an exponent; exponents only from 1e21 and below 1e-6 (rapidjson, Prettify)."""
    if value == 0:
        return "-0.0" if str(value).startswith("-") else "0.0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    point = len(whole) + int(exponent or 0)
    digits = (whole + fraction).rstrip("0") or "0"
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    digits = stripped
    if 0 < point <= 21:
        digits = digits.ljust(point, "0")
        return f"{sign}{digits[:point]}.{digits[point:] or '0'}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{fraction}e{point - 1}"


def string(value: str) -> str:
    """A quoted string; bytes that are not UTF-8 pass through as surrogate escapes, like in the product."""
    parts = []
    for character in value:
        escape = _ESCAPES.get(character)
        if escape is None and character < " ":
            escape = f"\\u{ord(character):04X}"
        parts.append(escape or character)
    return '"' + "".join(parts) + '"'


def text(value: Any) -> str:
    """One JSON document as a str with surrogate escapes."""
    if isinstance(value, str):
        return string(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return number(value)
    if isinstance(value, (dict, Members)):
        pairs = value.pairs if isinstance(value, Members) else value.items()
        return "{" + ",".join(f"{string(name)}:{text(item)}" for name, item in pairs) + "}"
    if value is None:
        return "null"
    return "[" + ",".join(text(item) for item in value) + "]"


def document(value: Any) -> bytes:
    """One JSON document as the bytes that go over the wire."""
    return text(value).encode("utf-8", "surrogateescape")
