# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command lines as Go's flag package reads them (go src/flag/flag.go: parseOne, failf, usage)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    Value = Union[str, bool, int, float]

_TRUE = ("1", "t", "T", "true", "TRUE", "True")
_FALSE = ("0", "f", "F", "false", "FALSE", "False")


class Flag:
    """`default` gives the type."""

    def __init__(self, name: str, default: Value) -> None:
        self.name, self.default = name, default


class Usage(Exception):
    """The process is to end: `status` 2 after a wrong flag, 0 after -help. `text` goes to standard error."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.text, self.status = text, status


def parse(program: str, flags: list[Flag], arguments: list[str]) -> dict[str, Value]:
    """Values by name; words behind the first that is no flag are ignored, as the scheduler ignores them.

    :raises Usage: a flag is unknown or its value wrong, or help was asked for.
    """
    known = {flag.name: flag for flag in flags}
    values: dict[str, Value] = {flag.name: flag.default for flag in flags}
    words = list(arguments)
    while words and len(words[0]) > 1 and words[0][0] == "-":
        word = words.pop(0)
        if word == "--":
            break
        name, equals, value = word.lstrip("-").partition("=")
        if word.startswith("---") or not name or word[len(word) - len(word.lstrip("-")) :][:1] == "=":
            raise _failure(program, flags, f"bad flag syntax: {word}")
        if name not in known:
            if name in ("h", "help"):
                raise Usage(_usage(program, flags), 0)
            raise _failure(program, flags, f"flag provided but not defined: -{name}")
        if isinstance(known[name].default, bool):
            value = value if equals else "true"
        elif not equals:
            if not words:
                raise _failure(program, flags, f"flag needs an argument: -{name}")
            value = words.pop(0)
        try:
            values[name] = convert(known[name].default, value)
        except ValueError:
            kind = "boolean value" if isinstance(known[name].default, bool) else "value"
            place = f"-{name}" if kind == "boolean value" else f"flag -{name}"
            raise _failure(program, flags, f'invalid {kind} "{value}" for {place}: parse error') from None
    return values


def convert(default: Value, text: str) -> Value:
    """A text as the type of the default.

    :raises ValueError: it is none.
    """
    if isinstance(default, bool):
        if text not in _TRUE + _FALSE:
            raise ValueError(text)
        return text in _TRUE
    if isinstance(default, int):
        if text != text.strip() or "_" in text:
            raise ValueError(text)
        return int(text, 0) if text[:2].lower() in ("0x", "0o", "0b") else int(text)
    return float(text) if isinstance(default, float) else text


def _failure(program: str, flags: list[Flag], text: str) -> Usage:
    return Usage(f"{text}\n{_usage(program, flags)}", 2)


def _usage(program: str, flags: list[Flag]) -> str:
    """Names, types and defaults; the product's explanations are not repeated."""
    lines = [f"Usage of {program}:"]
    for flag in sorted(flags, key=lambda flag: flag.name):
        kind = {bool: "", int: " int", float: " float"}.get(type(flag.default), " string")
        lines.append(f"  -{flag.name}{kind}")
        if flag.default:
            shown = f'"{flag.default}"' if isinstance(flag.default, str) else flag.default
            lines.append(f"    \t(default {shown})")
    return "\n".join(lines) + "\n"
