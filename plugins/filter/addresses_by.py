# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Addresses of the inventory's hosts, by what a variable of each says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def addresses_by(hosts: Sequence[str], hostvars: Mapping[str, Any], variable: str, **same: str) -> dict[str, list[str]]:
    """Documented in addresses_by.yml."""
    found: dict[str, list[str]] = {}
    for host in hosts:
        values = hostvars[host]
        if all(str(values.get(name, wanted)) == wanted for name, wanted in same.items()) and values.get(variable):
            found.setdefault(str(values[variable]), []).append(str(values.get("ansible_host", host)))
    return found


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., dict[str, list[str]]]]:
        return {"addresses_by": addresses_by}
