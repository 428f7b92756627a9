# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a Mesos agent's attributes are: their grammar, which names and values are safe, and what a change of them means.

The rules are those of mesos 1.8 to 1.11 (src/common/attributes.cpp, src/common/values.cpp, src/slave/compatibility.cpp)
as transcripts of mesos-agent 1.11.0 show them. Later chapters of an agent's life have their own rooms: how its
packaging hands configuration to it is ``packaging.py``, how its checkpoint is laid out is ``checkpoint.py``.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import InputError

TEXT = "TEXT"
SCALAR = "SCALAR"
RANGES = "RANGES"

# Value.Type of mesos.proto, which the agent prints in its messages.
TYPE_NUMBERS: Mapping[str, int] = {SCALAR: 0, RANGES: 1, TEXT: 3}

Ranges = tuple[tuple[int, int], ...]

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:(?P<nan>nan(?:\(.*\))?)|inf(?:inity)?)", re.IGNORECASE)
_HEXADECIMAL = re.compile(r"[+-]?0x[0-9a-f.]*(?:p[+-]?[0-9]*)?", re.IGNORECASE)
_SMALLEST_NORMAL = 2.2250738585072014e-308
_LARGEST_UINT64 = 2**64 - 1
# stout strings::WHITESPACE: what is cut off the end of an argument.
_WHITESPACE = " \t\n\r"
# One argument of a program may have 128 KiB (MAX_ARG_STRLEN of the kernel), and all attributes share one.
VALUE_LIMIT = 32 * 1024


class AttributeRefused(InputError):
    """An agent started with this attribute aborts; ``seen`` holds its own words."""


@dataclass(frozen=True)
class Attribute:
    """One attribute as an agent holds it.

    :param name: as written, spaces included.
    :param type: ``TEXT``, ``SCALAR`` or ``RANGES``.
    :param value: str, float, or a tuple of (begin, end) pairs.
    """

    name: str
    type: str
    value: str | float | Ranges

    def words(self) -> str:
        """The value as the agent prints it in its messages and, but for scalars, in ``/state``."""
        if isinstance(self.value, str):
            return self.value
        if isinstance(self.value, tuple):
            return "[" + ", ".join(f"{begin}-{end}" for begin, end in self.value) + "]"
        return f"{self.value:.3f}".rstrip("0").rstrip(".")

    def to_json(self) -> list[Any]:
        value = [list(pair) for pair in self.value] if isinstance(self.value, tuple) else self.value
        return [self.name, self.type, value]


def attributes_from_json(data: Iterable[Sequence[Any]]) -> tuple[Attribute, ...]:
    """The reverse of :meth:`Attribute.to_json` for a list of them."""
    return tuple(Attribute(name, kind, _value_from_json(kind, value)) for name, kind, value in data)


def _value_from_json(kind: str, value: Any) -> str | float | Ranges:
    if kind == RANGES:
        return tuple((int(begin), int(end)) for begin, end in value)
    return float(value) if kind == SCALAR else str(value)


# -- the grammar --------------------------------------------------------------------------------------------------


def parse_attribute(name: str, text: str) -> Attribute:
    """Type one value as the agent does: spaces vanish, ``[..]`` is a range, a decimal number is a scalar.

    :raises AttributeRefused: the agent would abort (SIGABRT) with these words.
    """
    value = text.replace(" ", "")
    if not name or not text:
        raise _refused(name, f"Invalid attribute key:value pair '{name}:{text}'")
    if not value:
        raise _refused(name, f"Failed to parse attribute {name} text {text} error Expecting non-empty string")
    if not all(_balanced(value, *pair) for pair in ("{}", "[]", "()")):
        raise _refused(name, f"Failed to parse attribute {name} text {text} error Mismatched brackets")
    if value.startswith("["):
        return Attribute(name, RANGES, _parse_ranges(name, text, value))
    if "[" in value:
        raise _refused(name, f"Failed to parse attribute {name} text {text} error Unexpected '[' found")
    if value.startswith("{"):
        raise _refused(name, f"Bad type for attribute {name} text {text} type 2")
    if "{" in value:
        raise _refused(name, f"Failed to parse attribute {name} text {text} error Unexpected '{{' found")
    number = _number(value)
    if number is None:
        return Attribute(name, TEXT, value)
    why = _not_supported(number)
    if why:
        raise _refused(name, f"Failed to parse attribute {name} text {text} error Invalid scalar value '{value}':{why}")
    return Attribute(name, SCALAR, number)


def parse_attributes(text: str) -> tuple[Attribute, ...]:
    """Parse the value of ``--attributes``: ``;`` and newlines separate, the first ``:`` ends the name.

    :raises AttributeRefused: the agent would abort.
    """
    found = []
    for token in re.split("[;\n]", text.rstrip(_WHITESPACE)):
        if token:
            name, colon, value = token.partition(":")
            if not colon:
                raise _refused(token, f"Invalid attribute key:value pair '{token}'")
            found.append(parse_attribute(name, value))
    return tuple(found)


def parse_files(files: Mapping[str, str]) -> tuple[Attribute, ...]:
    """The attributes of an agent that is started with these attribute files (name -> content).

    :raises AttributeRefused: the agent would abort.
    """
    return parse_attributes(";".join(f"{name}:{value}" for name, value in sorted(files.items())))


def state_of(attributes: Iterable[Attribute]) -> dict[str, str | float]:
    """The ``attributes`` object that ``/state`` and the master's ``/slaves`` show; of equal names the last one stays."""
    return {a.name: a.value if isinstance(a.value, (str, float)) else a.words() for a in attributes}


def _refused(name: str, words: str) -> AttributeRefused:
    return AttributeRefused(
        "an agent with this attribute aborts at its start", where=name, seen=words, todo="write another value"
    )


def _balanced(text: str, opening: str, closing: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == opening) - (character == closing)
        if depth < 0:
            return False
    return depth == 0


def _number(value: str) -> float | None:
    """What boost's lexical_cast makes of it: decimal, nan or inf, but no number beyond a double (``1e400``)."""
    special = _NOT_FINITE.fullmatch(value)
    if special:
        return math.nan if special["nan"] else math.inf
    if not _DECIMAL.fullmatch(value):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _not_supported(number: float) -> str:
    if math.isnan(number):
        return "NaN not supported"
    if math.isinf(number):
        return "Infinite values not supported"
    if 0 < abs(number) < _SMALLEST_NORMAL:
        return "Subnormal values not supported"
    return "Negative values not supported" if number < 0 else ""


def _parse_ranges(name: str, text: str, value: str) -> Ranges:
    tokens = [token for token in re.split(r"[][,\n-]", value) if token]
    if len(tokens) % 2:
        raise _refused(name, f'Failed to parse attribute {name} text {text} error Expecting one or more "ranges"')
    numbers = []
    for token in tokens:
        number = _unsigned(token)
        if number is None:
            raise _refused(
                name,
                f"Failed to parse attribute {name} text {text} error Expecting non-negative integers in '{token}'",
            )
        numbers.append(number)
    return coalesce(zip(numbers[::2], numbers[1::2]))


def _unsigned(token: str) -> int | None:
    if re.fullmatch(r"\+?[0-9]+", token):
        number = int(token)
    elif re.fullmatch(r"0[xX][0-9a-fA-F]+", token):
        number = int(token, 16)
    else:
        return None
    return number if number <= _LARGEST_UINT64 else None


def coalesce(pairs: Iterable[tuple[int, int]]) -> Ranges:
    """Sort ranges and join those that touch; one whose end lies before its begin stays as it is."""
    joined: list[tuple[int, int]] = []
    for begin, end in sorted(pairs):
        if joined and begin <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((begin, end))
    return tuple(joined)


# -- what may be written ------------------------------------------------------------------------------------------

# The names of what editors and package managers leave beside a file.
LEFTOVER = re.compile(r"(~|\.(bak|orig|rej|save|swp|tmp|dpkg-\w+|rpm(new|orig|save)))\Z|\A#.*#\Z")


def safe_attribute_name(name: Any) -> str | None:
    """Why a name may not become an attribute file, as a sentence, or None when it may.

    The file's name is the attribute's name: the first ``:`` would end it, ``;`` and newlines would start another
    attribute, the init wrapper's glob skips dotfiles, and ``~`` marks what editors leave behind.
    """
    if not isinstance(name, str):
        return f"the attribute name {name!r} is a {type(name).__name__}, write a string"
    if not name:
        return "the attribute name is empty"
    shown = f"the attribute name {name!r}"
    bad = _bad_characters(name, ":;~/ ")
    if bad:
        return f"{shown} contains {bad}, write it without"
    if name.startswith("."):
        return f"{shown} begins with a dot: the init wrapper does not read such files"
    if LEFTOVER.search(name):
        return f"{shown} is that of a backup, choose another"
    if name == "file":
        return f"{shown} makes --attributes look like a file:// address, choose another"
    if len(name.encode()) > 255:
        return f"{shown} has more than 255 bytes, no file can be named so"
    return None


def safe_attribute_value(value: Any, *, text: bool = True) -> str | None:
    """Why a value may not be written into an attribute file, as a sentence, or None when it may.

    :param text: the reader expects text, so values that an agent takes for a number or a range are unsafe too, as are
        hexadecimal numbers, which some builds of Mesos take for numbers.
    """
    if not isinstance(value, str):
        return f"the value {value!r} is a {type(value).__name__}, write a string"
    shown = f"the value {value!r}" if len(value) <= 80 else f"the value {value[:77]!r}..."
    if not value.replace(" ", ""):
        return f"{shown} is empty once Mesos has removed its spaces: the agent would abort, or count the attribute as absent"
    if len(value.encode(errors="surrogatepass")) > VALUE_LIMIT:
        return f"{shown} has more than {VALUE_LIMIT} bytes: all attributes of an agent share one argument of 128 KiB"
    bad = _bad_characters(value, ";()[]{}" if text else ";")
    if bad:
        return f"{shown} contains {bad}, write it without"
    try:
        kind = parse_attribute("x", value).type
    except AttributeRefused as refusal:
        return f"{shown} makes the agent abort ({refusal.seen.rpartition(' error ')[2]})"
    if text and kind == SCALAR:
        return f"{shown} is a number to Mesos, so whoever reads it as text reads nothing; add a letter"
    if text and _HEXADECIMAL.fullmatch(value.replace(" ", "")):
        return f"{shown} is a hexadecimal number to some builds of Mesos; choose one that is no number"
    return None


_NAMES = {" ": "a space", "\n": "a newline", "\t": "a tab", "\r": "a carriage return"}


def _bad_characters(text: str, forbidden: str) -> str:
    for character in text:
        if "\ud800" <= character <= "\udfff":
            return "a byte that is not UTF-8"
        if character in _NAMES and (character != " " or " " in forbidden):
            return _NAMES[character]
        if unicodedata.category(character) == "Cc":
            return f"the control character U+{ord(character):04X}"
        if character in forbidden:
            return f"'{character}'"
    return ""


# -- what a change means ------------------------------------------------------------------------------------------

SAME = "same"
ADDITIVE = "additive"
NEW_AGENT_ID = "new_agent_id"


@dataclass(frozen=True)
class Recovery:
    """What an agent does with its checkpoint when it starts with other attributes.

    :param kind: ``same`` (compatible, nothing of it changes), ``additive`` (admitted by the additive policy) or
        ``new_agent_id``.
    :param reason: why, in words.
    :param by_itself: a new ID comes about without help: the agent falls back to it, or finds nothing to recover.
        Otherwise it exits with status 1 until ``meta/slaves/latest`` is set aside.
    """

    kind: str
    reason: str
    by_itself: bool = False


def recovery(
    original: Sequence[Attribute] | None, wanted: Sequence[Attribute], policy: str, *, rebooted: bool = False
) -> Recovery:
    """Predict an agent's recovery, attributes only (mesos 1.11.0 src/slave/compatibility.cpp, slave.cpp recover()).

    :param original: the attributes of its first registration, from slave.info, which no later change rewrites; None
        where slave.info is missing or empty.
    :param wanted: those that it will be started with.
    :param policy: ``--reconfiguration_policy``: ``equal`` or ``additive``.
    :param rebooted: the checkpoint's boot ID is another one than the kernel's: an agent then prefers a new ID to an exit.
    """
    if original is None:
        return Recovery(NEW_AGENT_ID, "the checkpoint carries no agent info, so the agent registers anew", True)
    if _equal(original, wanted):
        return Recovery(SAME, "these are the attributes that the agent first registered with")
    if policy != "additive":
        why = f"attributes differ from those of the first registration ({_difference(original, wanted)})"
        why += ", which the reconfiguration policy 'equal' never admits"
    else:
        why = _not_additive(original, wanted)
        if not why:
            return Recovery(ADDITIVE, "all attributes of the first registration are kept, others are added")
    if rebooted:
        return Recovery(NEW_AGENT_ID, f"{why}; the host has rebooted, so the agent takes a new ID by itself", True)
    return Recovery(NEW_AGENT_ID, why)


def _equal(original: Sequence[Attribute], wanted: Sequence[Attribute]) -> bool:
    """``Attributes::operator==``: as many, and each one equal to the first of its name and type on the other side."""
    if len(original) != len(wanted):
        return False
    for attribute in original:
        match = next((a for a in wanted if a.name == attribute.name and a.type == attribute.type), None)
        if match is None or not _same_value(attribute, match):
            return False
    return True


def _same_value(left: Attribute, right: Attribute) -> bool:
    if isinstance(left.value, float) and isinstance(right.value, float):
        return left.value == right.value or _fixed(left.value) == _fixed(right.value)
    if isinstance(left.value, tuple) and isinstance(right.value, tuple):
        return coalesce(left.value) == coalesce(right.value)
    return left.value == right.value


def _fixed(value: float) -> int:
    """Scalars are compared on three decimals (src/common/values.cpp)."""
    return math.floor(abs(value) * 1000 + 0.5) * (-1 if value < 0 else 1)


def _not_additive(original: Sequence[Attribute], wanted: Sequence[Attribute]) -> str:
    """Why the additive policy refuses, or an empty string. Of equal names only the first counts."""
    for attribute in original:
        match = next((a for a in wanted if a.name == attribute.name), None)
        if match is None:
            return f"the attribute {attribute.name} ({attribute.words()}) of the first registration is missing"
        if match.type != attribute.type:
            return f"the attribute {attribute.name} changes its type from {attribute.type} to {match.type}"
        if isinstance(attribute.value, tuple) and isinstance(match.value, tuple):
            if not _included(attribute.value, match.value):
                return (
                    f"the ranges of {attribute.name} ({attribute.words()}) are not included in {match.words()};"
                    f" additive only lets them grow"
                )
        elif not _same_value(attribute, match):
            return (
                f"the {attribute.type.lower()} of {attribute.name} changes from {attribute.words()} to {match.words()};"
                f" additive lets attributes be added, not changed"
            )
    return ""


def _included(inner: Ranges, outer: Ranges) -> bool:
    wide = coalesce(outer)
    return all(any(begin <= low and high <= end for begin, end in wide) for low, high in coalesce(inner))


def _difference(original: Sequence[Attribute], wanted: Sequence[Attribute]) -> str:
    old = {a.name: a.words() for a in original}
    new = {a.name: a.words() for a in wanted}
    parts = [f"{name} {old[name]} -> {new[name]}" for name in sorted(old) if name in new and old[name] != new[name]]
    parts += [f"without {name}" for name in sorted(set(old) - set(new))]
    parts += [f"with {name}" for name in sorted(set(new) - set(old))]
    return ", ".join(parts) or "another type or number of the same names"
