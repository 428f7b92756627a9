# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A JSON reader that fails where the product's reader (picojson) fails, since its errors are sent to clients.

Recorded: agent and master HTTP, "/api/v1 errors" (near: "onsense" for "nonsense", trailing characters, ...).
"""

from __future__ import annotations

from typing import Any

_SPACE = " \t\n\r"


class JsonError(ValueError):
    """The message that follows "Failed to parse body into JSON: "."""


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.position = 0
        self.line = 1

    def take(self) -> str:
        character = self.source[self.position : self.position + 1]
        self.position += 1
        if character == "\n":
            self.line += 1
        return character

    def put_back(self) -> None:
        self.position -= 1
        if self.source[self.position : self.position + 1] == "\n":
            self.line -= 1

    def skip_space(self) -> None:
        while self.source[self.position : self.position + 1] in tuple(_SPACE):
            self.take()

    def expect(self, character: str) -> bool:
        self.skip_space()
        if self.take() == character:
            return True
        self.put_back()
        return False

    def match(self, word: str) -> bool:
        for character in word:
            if self.take() != character:
                self.put_back()
                return False
        return True

    def fail(self) -> JsonError:
        rest = self.source[self.position :].split("\n", 1)[0]
        near = "".join(character for character in rest if character >= " ")
        return JsonError(f"syntax error at line {self.line} near: {near}")

    def value(self) -> Any:
        self.skip_space()
        first = self.take()
        for word, meaning in (("null", None), ("true", True), ("false", False)):
            if first == word[0]:
                if self.match(word[1:]):
                    return meaning
                raise self.fail()
        if first == '"':
            return self.string()
        if first == "[":
            return self.array()
        if first == "{":
            return self.object()
        if first and first in "-0123456789":
            self.put_back()
            return self.number()
        if first:
            self.put_back()
        raise self.fail()

    def number(self) -> float:
        start = self.position
        while self.source[self.position : self.position + 1] in tuple("0123456789+-.eE"):
            self.take()
        try:
            return float(self.source[start : self.position])
        except ValueError:
            raise self.fail() from None

    def string(self) -> str:
        parts: list[str] = []
        while True:
            character = self.take()
            if not character or character < " ":
                self.put_back()
                raise self.fail()
            if character == '"':
                return "".join(parts)
            if character == "\\":
                character = self.escape()
            parts.append(character)

    def escape(self) -> str:
        character = self.take()
        if character == "u":
            digits = self.source[self.position : self.position + 4]
            try:
                code = int(digits, 16)
            except ValueError:
                raise self.fail() from None
            self.position += 4
            return chr(code)
        plain = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
        if character not in plain:
            raise self.fail()
        return plain[character]

    def array(self) -> list[Any]:
        items: list[Any] = []
        if self.expect("]"):
            return items
        while True:
            items.append(self.value())
            if self.expect(","):
                continue
            if self.expect("]"):
                return items
            raise self.fail()

    def object(self) -> dict[str, Any]:
        members: dict[str, Any] = {}
        if self.expect("}"):
            return members
        while True:
            if not self.expect('"'):
                raise self.fail()
            name = self.string()
            if not self.expect(":"):
                raise self.fail()
            members[name] = self.value()
            if self.expect(","):
                continue
            if self.expect("}"):
                return members
            raise self.fail()


def parse(source: str) -> Any:
    """The value of one JSON document; JsonError in the product's words."""
    reader = _Reader(source)
    value = reader.value()
    rest = source[reader.position :]
    if rest.strip(_SPACE):
        raise JsonError(f"Parsed JSON included non-whitespace trailing characters: {rest}")
    return value
