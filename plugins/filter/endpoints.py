# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Hosts of the inventory as the URLs of a service."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


def endpoints(hosts: Sequence[str], hostvars: Mapping[str, Any], port: int, scheme: str = "http") -> list[str]:
    """Documented in endpoints.yml."""
    addresses = [str(hostvars[host].get("ansible_host", host)) for host in hosts]
    return [f"{scheme}://{f'[{address}]' if ':' in address else address}:{port}" for address in addresses]


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        return {"endpoints": endpoints}
