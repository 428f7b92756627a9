# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sums and differences of resources (mesos 1.11.0 src/common/resources.cpp: operators, contains).

Resources add up when name, type, reservation and disk are the same; whom they are allocated to does not count here. Scalars
have three decimals (src/common/values.cpp).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from mesos_simulator import resources, values

_Key = tuple[str, str]


class Amounts:
    """A sum of resources."""

    def __init__(self, items: Iterable[dict[str, Any]] = ()) -> None:
        self._models: dict[_Key, dict[str, Any]] = {}
        self._scalars: dict[_Key, int] = {}
        self._ranges: dict[_Key, int] = {}  # a bit for every number
        self._sets: dict[_Key, set[str]] = {}
        for item in items:
            self._change(item, 1)

    def __add__(self, items: Iterable[dict[str, Any]]) -> Amounts:
        return Amounts([*self, *items])

    def __sub__(self, items: Iterable[dict[str, Any]]) -> Amounts:
        left = Amounts(self)
        for item in items:
            left._change(item, -1)
        return left

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for key, model in self._models.items():
            if self._scalars.get(key, 0) > 0:
                yield {**model, "scalar": {"value": self._scalars[key] / 1000}}
            elif self._ranges.get(key):
                yield {**model, "ranges": values.pack_ranges(list(_runs(self._ranges[key])))}
            elif self._sets.get(key):
                yield {**model, "set": {"item": sorted(self._sets[key])}}

    def __bool__(self) -> bool:
        return any(True for _ in self)

    def contains(self, items: Iterable[dict[str, Any]]) -> bool:
        """Whether all of `items` are in this sum."""
        wanted = Amounts(items)
        return (
            all(number <= self._scalars.get(key, 0) for key, number in wanted._scalars.items())
            and all(bits & ~self._ranges.get(key, 0) == 0 for key, bits in wanted._ranges.items())
            and all(members <= self._sets.get(key, set()) for key, members in wanted._sets.items())
        )

    def scalar(self, name: str) -> float:
        """All of a scalar resource, whoever it is reserved for."""
        return sum(number for key, number in self._scalars.items() if key[0] == name) / 1000

    def _change(self, item: dict[str, Any], sign: int) -> None:
        key, model = _key(item)
        self._models.setdefault(key, model)
        if item["type"] == "SCALAR":
            amount = round(item["scalar"]["value"] * 1000)
            self._scalars[key] = self._scalars.get(key, 0) + sign * amount
            return
        if item["type"] == "RANGES":
            known, bits = self._ranges.get(key, 0), _bits(item)
            self._ranges[key] = known | bits if sign > 0 else known & ~bits
        else:
            members = self._sets.setdefault(key, set())
            change = item["set"].get("item", [])
            members.update(change) if sign > 0 else members.difference_update(change)


def _bits(item: dict[str, Any]) -> int:
    bits = 0
    for begin, end in values.range_pairs(item):
        bits |= (1 << max(0, end - begin + 1)) - 1 << begin
    return bits


def _runs(bits: int) -> Iterator[tuple[int, int]]:
    """(begin, end) of every run of ones."""
    position = 0
    while bits:
        zeros = (bits & -bits).bit_length() - 1
        bits >>= zeros
        ones = (~bits & (bits + 1)).bit_length() - 1
        bits >>= ones
        position += zeros + ones
        yield position - ones, position - 1


def _key(item: dict[str, Any]) -> tuple[_Key, dict[str, Any]]:
    """What a resource adds up by, and the resource without its amount."""
    model = {"name": item["name"], "type": item["type"], "role": resources.role_of(item)}
    for name in ("reservations", "disk"):
        # A static reservation is no more than its role.
        if name in item and item[name] != [{"type": "STATIC", "role": model["role"]}]:
            model[name] = item[name]
    return (item["name"], json.dumps(model, sort_keys=True)), model
