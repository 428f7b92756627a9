# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.holdfast.stateful.plugins.filter.endpoints import FilterModule


@pytest.mark.parametrize(
    ("hosts", "scheme", "expected"),
    [
        pytest.param(["m1", "m2"], "http", ["http://10.0.0.11:5050", "http://m2:5050"], id="an address, or the name"),
        pytest.param(["m3"], "https", ["https://[fd00::13]:5050"], id="IPv6"),
        pytest.param([], "http", [], id="nobody"),
    ],
)
def test_endpoints(hosts: list[str], scheme: str, expected: list[str]) -> None:
    hostvars = {"m1": {"ansible_host": "10.0.0.11"}, "m2": {}, "m3": {"ansible_host": "fd00::13"}}
    assert FilterModule().filters()["endpoints"](hosts, hostvars, 5050, scheme) == expected
