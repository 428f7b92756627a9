# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The value grammar shared by attributes and resources (mesos 1.11.0 src/common/values.cpp, function parse).

A value is a dict in the protobuf's JSON form, for example {"type": "SCALAR", "scalar": {"value": 4.0}}.
"""

from __future__ import annotations

import math
import re
from typing import Any

# The numbers of Value::Type in mesos.proto.
TYPES = {"SCALAR": 0, "RANGES": 1, "SET": 2, "TEXT": 3}

_DOUBLE = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPECIAL = re.compile(r"([+-]?)(?:(nan(?:\(.*\))?)|inf|infinity)", re.IGNORECASE)
_SMALLEST_NORMAL = 2.2250738585072014e-308


class InvalidValue(ValueError):
    """The reason in the product's words."""


def parse(text: str) -> dict[str, Any]:
    """Type and value of `text`; InvalidValue with the product's reason."""
    for pair in ("{}", "[]", "()"):
        if not _balanced(text, pair):
            raise InvalidValue("Mismatched brackets")
    text = text.replace(" ", "")  # only U+0020: TAB, CR and NBSP stay (recorded flag cases "tab inside value", ...)
    if not text:
        raise InvalidValue("Expecting non-empty string")
    if text.startswith("["):
        return {"type": "RANGES", "ranges": _ranges(text)}
    if "[" in text:
        raise InvalidValue("Unexpected '[' found")
    if text.startswith("{"):
        return {"type": "SET", "set": {"item": [item for item in re.split(r"[{},\n]", text) if item]}}
    if "{" in text:
        raise InvalidValue("Unexpected '{' found")
    number = _number(text)
    if number is None:
        return {"type": "TEXT", "text": {"value": text}}
    _check_scalar(text, number)
    return {"type": "SCALAR", "scalar": {"value": number}}


def _balanced(text: str, pair: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == pair[0]) - (character == pair[1])
        if depth < 0:
            return False
    return depth == 0


def _number(text: str) -> float | None:
    """A double as boost::lexical_cast reads one: whole text, no hexadecimal, out of range is none (case "1e400")."""
    special = _SPECIAL.fullmatch(text)
    if special:
        return math.nan if special.group(2) else math.copysign(math.inf, -1.0 if special.group(1) == "-" else 1.0)
    if not _DOUBLE.fullmatch(text):
        return None
    number = float(text)
    return None if math.isinf(number) else number


def _check_scalar(text: str, number: float) -> None:
    """1.8.0 to 1.11.0 refuse these instead of taking them as text (recorded flag cases "-1", "nan", "inf", ...)."""
    reason = None
    if math.isnan(number):
        reason = "NaN not supported"
    elif math.isinf(number):
        reason = "Infinite values not supported"
    elif number != 0 and abs(number) < _SMALLEST_NORMAL:
        reason = "Subnormal values not supported"
    elif number < 0:
        reason = "Negative values not supported"
    if reason:
        raise InvalidValue(f"Invalid scalar value '{text}':{reason}")


def _ranges(text: str) -> dict[str, Any]:
    """Ranges, merged where they touch; a descending one is taken as it stands (recorded flag case "descending range")."""
    tokens = [token for token in re.split(r"[\[\]\-,\n]", text) if token]
    if len(tokens) % 2:
        raise InvalidValue('Expecting one or more "ranges"')
    for token in tokens:
        if not re.fullmatch(r"\+?[0-9]+", token) or int(token) >= 2**64:
            raise InvalidValue(f"Expecting non-negative integers in '{token}'")
    numbers = [int(token) for token in tokens]
    return pack_ranges(list(zip(numbers[::2], numbers[1::2])))


def pack_ranges(pairs: list[tuple[int, int]]) -> dict[str, Any]:
    """The protobuf's JSON form of ranges, sorted and merged; {} when there is none."""
    merged: list[list[int]] = []
    for begin, end in sorted(pairs):
        if merged and begin <= merged[-1][1] + 1:
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([begin, end])
    return {"range": [{"begin": begin, "end": end} for begin, end in merged]} if merged else {}


def range_pairs(value: dict[str, Any]) -> list[tuple[int, int]]:
    """[(begin, end), ...] of a RANGES value."""
    return [(item["begin"], item["end"]) for item in value["ranges"].get("range", [])]


def scalar_text(number: float) -> str:
    """A scalar in messages: three decimals at most, none where none are needed (values.cpp: operator<<)."""
    rounded = f"{number:.3f}".rstrip("0").rstrip(".")
    return rounded or "0"


def ranges_text(value: dict[str, Any], separator: str = ", ") -> str:
    """ "[1-2, 5-9]", in JSON and in messages alike (src/common/http.cpp)."""
    return "[" + separator.join(f"{begin}-{end}" for begin, end in range_pairs(value)) + "]"


def display(value: dict[str, Any]) -> str:
    """A value in log lines and messages."""
    if value["type"] == "SCALAR":
        return scalar_text(value["scalar"]["value"])
    if value["type"] == "RANGES":
        return ranges_text(value)
    if value["type"] == "SET":
        return "{" + ", ".join(value["set"].get("item", [])) + "}"
    return str(value["text"]["value"])


def plain(value: dict[str, Any]) -> Any:
    """A value in /state and /slaves: number or string."""
    return value["scalar"]["value"] if value["type"] == "SCALAR" else display(value)
