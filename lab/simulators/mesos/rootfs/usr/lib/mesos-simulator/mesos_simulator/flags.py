# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loading of flags from the command line and the environment (mesos 1.11.0: stout/flags/flags.hpp, recorded flag cases B)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from mesos_simulator import units


class FlagError(Exception):
    """The message that goes to stderr before the hint at --help."""


class Flag(NamedTuple):
    """One flag: `kind` is string, path, boolean, integer, number, duration or size; without a default it stays unset."""

    name: str
    kind: str = "string"
    default: str | None = None
    alias: str = ""
    required: bool = False


class Flags:
    """The loaded values. Attribute-like access by name, plus the text form that /flags shows."""

    def __init__(self, table: Sequence[Flag], loaded: Mapping[str, Any]) -> None:
        self._kinds = {flag.name: flag.kind for flag in table}
        self._values = dict(loaded)

    def __getitem__(self, name: str) -> Any:
        return self._values.get(name)

    def texts(self) -> dict[str, str]:
        """name -> text of every flag that has a value, by name (http.cpp: flags)."""
        return {name: _text(self._kinds[name], self._values[name]) for name in sorted(self._values)}

    def command_line(self) -> str:
        """The "Flags at startup" line of the log."""
        return " ".join(f'--{name}="{value}"' for name, value in self.texts().items())


def declare(kinds: Mapping[str, str], aliases: Mapping[str, str], required: Sequence[str] = ()) -> list[Flag]:
    """A table from {kind: "name name=default ..."}; defaults hold no space."""
    table = []
    for kind, names in kinds.items():
        for word in names.split():
            name, equals, default = word.partition("=")
            table.append(Flag(name, kind, default if equals else None, aliases.get(name, ""), name in required))
    return table


def load(table: Sequence[Flag], argv: Sequence[str], environment: Mapping[str, str]) -> Flags:
    """Values of all flags; FlagError in the product's words.

    The command line wins over MESOS_* (case "MESOS_ATTRIBUTES and --attributes"); an unknown variable is ignored.
    """
    by_name = {name: flag for flag in table for name in (flag.name, flag.alias) if name}
    given: dict[str, str | None] = {}
    for variable, text in environment.items():
        name = variable[len("MESOS_") :].lower()
        if variable.startswith("MESOS_") and name in by_name:
            given[name] = text
    given.update(_command_line(argv))
    loaded: dict[str, Any] = {}
    loaded_by: dict[str, str] = {}
    for name in sorted(given):
        flag, negated = _find(by_name, name)
        if flag.name in loaded_by:
            raise FlagError(f"Flag '{name}' is already loaded via name '{loaded_by[flag.name]}'")
        loaded_by[flag.name] = name
        loaded[flag.name] = _value(flag, name, given[name], negated)
    if not (loaded.get("help") or loaded.get("version")):
        for flag in table:
            if flag.required and flag.name not in loaded:
                raise FlagError(f"Flag '{flag.name}' is required, but it was not provided")
    for flag in table:
        if flag.default is not None and flag.name not in loaded:
            loaded[flag.name] = _convert(flag.kind, flag.default)
    return Flags(table, loaded)


def _command_line(argv: Sequence[str]) -> dict[str, str | None]:
    """Stray words and words after "--" are ignored, names are read in lower case, each argument is trimmed first."""
    given: dict[str, str | None] = {}
    for argument in argv:
        argument = argument.strip(" \t\n\r\v\f")
        if argument == "--":
            break
        if not argument.startswith("--"):
            continue
        name, equals, text = argument[2:].partition("=")
        name = name.lower()
        if name in given:
            raise FlagError(f"Flag '{name}' is already loaded via name '{name}'")
        given[name] = text if equals else None
    return given


def _find(by_name: Mapping[str, Flag], name: str) -> tuple[Flag, bool]:
    if name in by_name:
        return by_name[name], False
    if name.startswith("no-"):
        positive = name[len("no-") :]
        if positive in by_name:
            return by_name[positive], True
        raise FlagError(f"Failed to load unknown flag '{positive}' via '{name}'")
    raise FlagError(f"Failed to load unknown flag '{name}'")


def _value(flag: Flag, name: str, text: str | None, negated: bool) -> Any:
    if flag.kind == "boolean":
        if negated:
            if text:
                raise FlagError(f"Failed to load boolean flag '{flag.name}' via '{name}' with value '{text}'")
            return False
        text = text or "true"
    elif negated:
        raise FlagError(f"Failed to load non-boolean flag '{flag.name}' via '{name}'")
    elif text is None:
        raise FlagError(f"Failed to load non-boolean flag '{name}': Missing value")
    try:
        return _convert(flag.kind, text if flag.kind == "path" else _fetch(text))
    except ValueError as reason:
        raise FlagError(f"Failed to load flag '{name}': Failed to load value '{text}': {reason}") from None


def _fetch(text: str) -> str:
    """A value file://PATH is the content of PATH, for every flag that is not a path itself (stout/flags/fetch.hpp)."""
    if not text.startswith("file://"):
        return text
    path = text[len("file://") :]
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except OSError as error:
        raise ValueError(f"Error reading file '{path}': {error.strerror}") from None


def _convert(kind: str, text: str) -> Any:
    if kind == "boolean":
        if text in ("true", "1"):
            return True
        if text in ("false", "0"):
            return False
        raise ValueError("Expecting a boolean (e.g., true or false)")
    if kind == "path":
        return text[len("file://") :] if text.startswith("file://") else text  # stout/path.hpp
    if kind == "duration":
        return units.parse_duration(text)
    if kind == "size":
        return units.parse_size(text)
    if kind in ("integer", "number"):
        try:
            return int(text) if kind == "integer" else float(text)
        except ValueError:
            raise ValueError("Failed to convert into required type") from None
    return text


def _text(kind: str, value: Any) -> str:
    if kind == "boolean":
        return "true" if value else "false"
    if kind == "duration":
        return units.format_duration(value)
    if kind == "size":
        return units.format_size(value)
    return f"{value:g}" if kind == "number" else str(value)
