# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.holdfast.stateful.plugins.filter.addresses_by import FilterModule

HOSTVARS = {
    "m1": {"ansible_host": "10.0.0.11", "role": "primary"},
    "m2": {"role": "secondary", "cluster": "blue"},
    "m3": {"ansible_host": "10.0.0.13", "role": "secondary", "cluster": "red"},
    "m4": {"ansible_host": "10.0.0.14"},
    "m5": {"ansible_host": "10.0.0.15", "role": ""},
}


@pytest.mark.parametrize(
    ("hosts", "same", "expected"),
    [
        pytest.param(["m1", "m2"], {}, {"primary": ["10.0.0.11"], "secondary": ["m2"]}, id="an address, or the name"),
        pytest.param(["m3", "m2"], {}, {"secondary": ["10.0.0.13", "m2"]}, id="two, in their order"),
        pytest.param(["m4", "m5"], {}, {}, id="hosts that say nothing"),
        pytest.param(
            ["m1", "m2", "m3"],
            {"cluster": "blue"},
            {"primary": ["10.0.0.11"], "secondary": ["m2"]},
            id="those of one cluster, and of none",
        ),
    ],
)
def test_addresses_by(hosts: list[str], same: dict[str, str], expected: dict[str, list[str]]) -> None:
    assert FilterModule().filters()["addresses_by"](hosts, HOSTVARS, "role", **same) == expected
