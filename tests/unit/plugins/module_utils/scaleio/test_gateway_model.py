# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import gateway_model as model

NOBODY = model.MdmCluster("", "", None, (), ())


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, None), ("16", 16), (16, 16), ("", None), ("x", None), (True, None), ([], None), ("0", 0)],
)
def test_figures(value: Any, expected: int | None) -> None:
    assert model.number(value) == expected


NONE = dict.fromkeys(("rebuild_kb", "rebalance_kb", "degraded_kb", "failed_kb", "maintenance_kb"))


@pytest.mark.parametrize(
    ("statistics", "expected"),
    [
        ({}, {}),
        ({"fwdRebuildCapacityInKb": 0}, {"rebuild_kb": 0}),
        # The total of one direction, and its parts, whichever is more: gateways do not give all of them.
        ({"fwdRebuildCapacityInKb": 8, "activeFwdRebuildCapacityInKb": 2}, {"rebuild_kb": 8}),
        ({"activeFwdRebuildCapacityInKb": 2, "pendingFwdRebuildCapacityInKb": "6"}, {"rebuild_kb": 8}),
        ({"pendingBckRebuildCapacityInKb": 4, "normRebuildCapacityInKb": 1}, {"rebuild_kb": 5}),
        ({"pendingRebalanceCapacityInKb": 4, "rebalanceCapacityInKb": 0}, {"rebalance_kb": 4}),
        ({"degradedHealthyCapacityInKb": 1, "degradedFailedCapacityInKb": 2}, {"degraded_kb": 3}),
        ({"failedCapacityInKb": 1}, {"failed_kb": 1}),
        ({"inMaintenanceCapacityInKb": 1}, {"maintenance_kb": 1}),
    ],
)
def test_activity(statistics: dict[str, Any], expected: dict[str, int]) -> None:
    assert model.activity(statistics) == {**NONE, **expected}


@pytest.mark.parametrize(
    ("shown", "version"),
    [
        ("EMC ScaleIO Version: R2_0.10000.2072", "R2_0.10000.2072"),
        ("DellEMC ScaleIO Version: R2_5.0.254", "R2_5.0.254"),
        ("something new", "something new"),
        (None, ""),
    ],
)
def test_versions(shown: str | None, version: str) -> None:
    assert model.system_document({"id": "1", "systemVersionName": shown}) == {"id": "1", "name": "", "version": version}


def an_sds(found: str, *addresses: str, name: str = "", port: int | None = None) -> model.Sds:
    entries = [{"ip": address, "role": "all"} for address in addresses]
    return model.Sds.parse({"id": found, "name": name, "ipList": entries, "port": port}, "d")


def a_device(path: str, sds: str) -> model.Device:
    return model.Device.parse({"id": path, "deviceCurrentPathname": path, "sdsId": sds})


def test_odd_systems_lose_nothing() -> None:
    """Two SDSs at one address, one without an address, a device of an SDS that was created while all was looked at."""
    servers = [
        an_sds("s1", "10.0.0.1", name="one", port=7072),
        an_sds("s2", "10.0.0.1", name="two", port=7073),
        an_sds("s3", name="three"),
    ]
    devices = tuple(a_device(f"/dev/sd{letter}", f"s{n}") for n, letter in enumerate("abcd", 1))
    pool = model.Pool("p", "qe", devices)
    found = model.document({"id": "1"}, NOBODY, [model.Domain("d", "d", "", (pool,))], servers, {})
    assert {key: sds["name"] for key, sds in found["sds"].items()} == {
        "three": "three",
        "10.0.0.1": "one",
        "10.0.0.1:7073": "two",
    }
    shown = found["domains"]["d"]["pools"]["qe"]["devices"]
    assert {key: [device["path"] for device in listed] for key, listed in shown.items()} == {
        "10.0.0.1": ["/dev/sda"],
        "10.0.0.1:7073": ["/dev/sdb"],
        "three": ["/dev/sdc"],
        "s4": ["/dev/sdd"],
    }


def test_an_object_without_a_name() -> None:
    assert model.name({"id": "7", "name": None}) == "7"
    assert model.name({"id": "7", "name": "qe"}) == "qe"
    assert model.sds_name("10.0.0.1") == "sds_10.0.0.1"


def test_orders_do_not_show() -> None:
    """Lists of the gateway come in any order; two looks at the same system are equal."""
    servers = [an_sds("s1", "10.0.0.1"), an_sds("s2", "10.0.0.2")]
    pools = [
        model.Pool("p", "qe", (a_device("/dev/sda", "s1"), a_device("/dev/sdb", "s1"))),
        model.Pool("o", "dev", (a_device("/dev/sda", "s2"),)),
    ]
    one = model.document({"id": "1"}, NOBODY, [model.Domain("d", "d", "", tuple(pools))], servers, {})
    turned = [model.Pool(pool.id, pool.name, pool.devices[::-1]) for pool in pools[::-1]]
    other = model.document({"id": "1"}, NOBODY, [model.Domain("d", "d", "", tuple(turned))], servers[::-1], {})
    assert repr(one) == repr(other)
