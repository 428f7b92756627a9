# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import gateway_compare as compare
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.gateway_documents import (
    QUIET,
    a_device,
    a_gateway,
    an_mdm,
    an_sds,
)

IP1, IP2 = "10.0.0.11", "10.0.0.12"
DECLARED = {
    "node1": {"ip": IP1, "provides": {"engineering": {"qe": ["/dev/xvdf"]}}},
    "node2": {"ip": IP2, "provides": {"engineering": {"qe": ["/dev/xvdf", "/dev/xvdg"]}}},
}
COMPLETE = {"engineering": {"qe": {IP1: ["/dev/xvdf"], IP2: ["/dev/xvdf", "/dev/xvdg"]}}}


def kinds(found: list[compare.Finding]) -> list[tuple[str, str]]:
    """What was found, short: the kind and the most telling of its places."""
    return [(one.kind, one.path or one.pool or one.ip or one.domain) for one in found]


def test_as_declared() -> None:
    gateway = a_gateway(COMPLETE)
    assert compare.missing_at_gateway(DECLARED, gateway) == []
    assert compare.strangers_at_gateway(DECLARED, gateway) == []
    assert compare.unwell(gateway) == []
    assert compare.quiet(gateway)


def test_nothing_is_there() -> None:
    """In the order in which it can be created."""
    found = compare.missing_at_gateway(DECLARED, a_gateway({}))
    assert [one.sentence for one in found] == [
        "the protection domain engineering (for node1, node2) is not at the gateway",
        "the storage pool engineering/qe (for node1, node2) is not at the gateway",
        "node1 has no SDS sds_10.0.0.11 in engineering at the gateway",
        "node2 has no SDS sds_10.0.0.12 in engineering at the gateway",
        "/dev/xvdf of node1 is not in the pool engineering/qe at the gateway",
        "/dev/xvdf of node2 is not in the pool engineering/qe at the gateway",
        "/dev/xvdg of node2 is not in the pool engineering/qe at the gateway",
    ]
    assert found[-1].to_json() == {
        "kind": "device",
        "sentence": found[-1].sentence,
        "host": "node2",
        "ip": IP2,
        "domain": "engineering",
        "pool": "qe",
        "path": "/dev/xvdg",
    }
    assert compare.Finding.from_json(json.loads(json.dumps(found[-1].to_json()))) == found[-1]


@pytest.mark.parametrize(
    ("declared", "gateway", "expected"),
    [
        ({}, a_gateway({}), []),
        # A host that provides nothing has no SDS.
        ({"node1": {"ip": IP1, "provides": {}}}, a_gateway({}), []),
        # A client's domain gives an SDS without devices.
        (
            {"node1": {"ip": IP1, "provides": {"engineering": {}}}},
            a_gateway({}),
            [("domain", "engineering"), ("sds", IP1)],
        ),
        (
            {"node1": {"ip": IP1, "provides": {"engineering": {"qe": []}}}},
            a_gateway({"engineering": {"qe": {}}}),
            [("sds", IP1)],
        ),
        (
            DECLARED,
            a_gateway({"engineering": {"qe": {IP1: ["/dev/xvdf"], IP2: ["/dev/xvdf"]}}}),
            [("device", "/dev/xvdg")],
        ),
        # A path named twice is one device (recorded: attribute case 15).
        (
            {"node1": {"ip": IP1, "provides": {"d": {"p": ["/dev/xvdf", "/dev/xvdf"]}}}},
            a_gateway({"d": {"p": {IP1: []}}}),
            [("device", "/dev/xvdf")],
        ),
        # Two pools of one name in two domains are two.
        (
            {
                "node1": {"ip": IP1, "provides": {"a": {"p": ["/dev/xvdf"]}}},
                "node2": {"ip": IP2, "provides": {"b": {"p": ["/dev/xvdf"]}}},
            },
            a_gateway(
                {"a": {"p": {IP1: ["/dev/xvdf"], IP2: []}}, "b": {}}, sds={IP1: an_sds(IP1, "a"), IP2: an_sds(IP2, "b")}
            ),
            [("pool", "p"), ("device", "/dev/xvdf")],
        ),
        (
            DECLARED,
            a_gateway(COMPLETE, sds={IP1: an_sds(IP1, "other"), IP2: an_sds(IP2, "engineering")}),
            [("sds_elsewhere", IP1)],
        ),
        (
            DECLARED,
            a_gateway(COMPLETE, sds={IP1: an_sds(IP1, "engineering", name="mine"), IP2: an_sds(IP2, "engineering")}),
            [("sds_named", IP1)],
        ),
        (
            DECLARED,
            a_gateway({"engineering": {"qe": {IP1: ["/dev/xvdf"], IP2: ["/dev/xvdf"]}, "dev": {IP2: ["/dev/xvdg"]}}}),
            [("device_elsewhere", "/dev/xvdg")],
        ),
        # The second address of an SDS is as good as its first.
        (
            {"node1": {"ip": "10.1.0.11", "provides": {"engineering": {"qe": ["/dev/xvdf"]}}}},
            a_gateway(
                {"engineering": {"qe": {IP1: ["/dev/xvdf"]}}},
                sds={IP1: an_sds(IP1, "engineering", "10.1.0.11", name="sds_10.1.0.11")},
            ),
            [],
        ),
    ],
)
def test_what_is_missing(declared: Any, gateway: Any, expected: list[tuple[str, str]]) -> None:
    assert kinds(compare.missing_at_gateway(declared, gateway)) == expected


def test_what_stands_in_the_way_has_a_way_out() -> None:
    moved = a_gateway(
        {"engineering": {"dev": {IP1: ["/dev/xvdf"]}, "qe": {}}, "other": {}},
        sds={IP1: an_sds(IP1, "other"), IP2: an_sds(IP2, "engineering", name="")},
    )
    sentences = " | ".join(one.sentence for one in compare.missing_at_gateway(DECLARED, moved))
    assert "the SDS sds_10.0.0.11 of node1 is in the protection domain other and not in engineering" in sentences
    assert "evacuate its devices" in sentences
    assert "the SDS without a name of node2 must be called sds_10.0.0.12" in sentences
    assert "/dev/xvdf of node1 is in the pool engineering/dev and not in engineering/qe" in sentences


EMPTY = "and it is empty: the framework removes nothing, so remove it at the gateway unless somebody else wants it"


@pytest.mark.parametrize(
    ("gateway", "expected"),
    [
        pytest.param(
            a_gateway({**COMPLETE, "lab": {"p": {}, "q": {}}}),
            [("empty_domain", f"nobody declares the protection domain lab, {EMPTY}")],
            id="with its empty pools",
        ),
        pytest.param(
            a_gateway({**COMPLETE, "lab": {}}),
            [("empty_domain", f"nobody declares the protection domain lab, {EMPTY}")],
            id="without a pool",
        ),
        pytest.param(
            a_gateway({**COMPLETE, "lab": {"p": {"10.0.0.99": []}}}),
            [
                ("domain", "nobody declares the protection domain lab"),
                ("empty_pool", f"nobody declares the storage pool lab/p, {EMPTY}"),
                ("sds", "nobody declares the SDS sds_10.0.0.99 in lab"),
            ],
            id="an SDS is left in it",
        ),
    ],
)
def test_domains_that_are_left_over(gateway: Any, expected: list[tuple[str, str]]) -> None:
    found = compare.strangers_at_gateway(DECLARED, gateway)
    assert [(one.kind, one.sentence) for one in found] == expected


def test_strangers() -> None:
    gateway = a_gateway(
        {
            "engineering": {"qe": {IP1: ["/dev/xvdf", "/dev/xvdz"], IP2: ["/dev/xvdf"]}, "old": {}},
            "lab": {"p": {"10.0.0.99": ["/dev/sdb"]}},
        }
    )
    declared = {**DECLARED, "node3": {"ip": "10.0.0.13", "provides": {}}}
    found = compare.strangers_at_gateway(declared, gateway)
    assert [one.sentence for one in found] == [
        f"nobody declares the storage pool engineering/old, {EMPTY}",
        "nobody declares the protection domain lab",
        "nobody declares the storage pool lab/p",
        "nobody declares the SDS sds_10.0.0.99 in lab",
        "nobody declares /dev/xvdz of node1 in the pool engineering/qe",
        "nobody declares /dev/sdb of 10.0.0.99 in the pool lab/p",
    ]
    assert [one.kind for one in found] == ["empty_pool", "domain", "pool", "sds", "device", "device"]
    assert (found[-2].host, found[-1].host, found[-1].ip) == ("node1", "", "10.0.0.99")


def test_an_sds_in_another_domain_is_a_stranger_there() -> None:
    gateway = a_gateway(COMPLETE, sds={IP1: an_sds(IP1, "other"), IP2: an_sds(IP2, "engineering")})
    assert kinds(compare.strangers_at_gateway(DECLARED, gateway)) == [("sds", IP1)]


def test_who_is_unwell() -> None:
    gateway = a_gateway(
        COMPLETE, sds={IP1: an_sds(IP1, "engineering", connection="Disconnected"), IP2: an_sds(IP2, "engineering")}
    )
    gateway["mdm"]["state"] = "ClusteredDegraded"
    gateway["domains"]["engineering"]["pools"]["qe"]["devices"][IP2] = [
        a_device("/dev/xvdf", error="TestError", state="InitialTest"),
        a_device("/dev/xvdg", error="", state=""),
    ]
    assert [one.sentence for one in compare.unwell(gateway)] == [
        "the MDM cluster is ClusteredDegraded",
        "the SDS sds_10.0.0.11 is Disconnected",
        "/dev/xvdf of 10.0.0.12 in the pool engineering/qe is InitialTest, TestError",
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"rebuild_kb": 1024}, ["a rebuild of 1.05 MB runs or waits"]),
        ({"rebalance_kb": 2 * 2**30}, ["a rebalance of 2.2 TB runs or waits"]),
        ({"degraded_kb": 1}, ["1.02 kB of data are degraded: one copy of two is there"]),
        ({"failed_kb": 976562}, ["1 GB of data are failed: no copy is there"]),
        ({"maintenance_kb": 5 * 2**40}, ["5.63 PB of data are on an SDS in maintenance"]),
        ({"rebuild_kb": None}, ["the gateway gives no figure for rebuild"]),
        # Gateways of 2.0 do not give this one yet.
        ({"maintenance_kb": None}, []),
        (
            {"degraded_kb": 4, "rebalance_kb": 4},
            ["a rebalance of 4.1 kB runs or waits", "4.1 kB of data are degraded: one copy of two is there"],
        ),
    ],
)
def test_what_disturbs(changes: dict[str, int | None], expected: list[str]) -> None:
    gateway = a_gateway(COMPLETE, activity={**QUIET, **changes})
    assert compare.disturbances(gateway["activity"]) == expected
    assert compare.quiet(gateway) is not bool(expected)


@pytest.mark.parametrize(
    ("name", "system_id", "words"),
    [
        ("", "", ""),
        ("scaleio", "", ""),
        ("", "5a1e000000000001", ""),
        ("scaleio", "5a1e000000000001", ""),
        ("prod", "", "shows the system scaleio (id 5a1e000000000001) and not the declared one called prod"),
        ("scaleio", "77", "not the declared one with the id 77"),
    ],
)
def test_which_system(name: str, system_id: str, words: str) -> None:
    found = compare.other_system(a_gateway({})["system"], name, system_id)
    assert words in found and bool(words) is bool(found)


def test_a_system_without_a_name() -> None:
    found = compare.other_system({"id": "1", "name": "", "version": ""}, "scaleio", "")
    assert "shows the system without a name (id 1)" in found


ROLES = {"primary": "10.0.0.31", "secondary": "10.0.0.32", "tiebreaker": "10.0.0.33"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        (
            {"primary": an_mdm("10.0.0.32"), "secondaries": [an_mdm("10.0.0.31")]},
            [("mdm_swapped", "the MDM 10.0.0.32 is primary now and 10.0.0.31 secondary: they have changed places")],
        ),
        (
            {"primary": None},
            [("mdm", "the MDM cluster has 0 of the role primary where there must be exactly one")],
        ),
        (
            {"secondaries": [an_mdm("10.0.0.32"), an_mdm("10.0.0.34")]},
            [("mdm", "the MDM cluster has 2 of the role secondary where there must be exactly one")],
        ),
        (
            {"tiebreakers": [an_mdm("10.0.0.99")]},
            [("mdm", "the MDM of the role tiebreaker is 10.0.0.99 at the gateway, and 10.0.0.33 is declared")],
        ),
        (
            {"primary": None, "secondaries": [], "tiebreakers": []},
            [("mdm", "the gateway does not name the members of its MDM cluster")],
        ),
    ],
)
def test_mdm_roles(changes: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    gateway = a_gateway({})
    gateway["mdm"].update(changes)
    assert [(one.kind, one.sentence) for one in compare.mdm_differences(ROLES, gateway)] == expected


def test_looking_up() -> None:
    gateway = a_gateway(COMPLETE)
    assert compare.find_sds(gateway, IP2) == an_sds(IP2, "engineering")
    assert compare.find_sds(gateway, "10.0.0.99") is None
    assert compare.find_device(gateway, IP2, "/dev/xvdg") == ("engineering", "qe", a_device("/dev/xvdg"))
    assert compare.find_device(gateway, IP1, "/dev/xvdg") is None


def test_devices_by_every_address_of_their_sds() -> None:
    gateway = a_gateway(COMPLETE)
    second = "192.168.0.2"
    gateway["sds"][IP2]["addresses"].append(second)
    paths, provides = compare.paths_by_address(gateway), compare.contributions_by_address(gateway)
    assert (
        paths[IP2]
        == paths[second]
        == {path for pools in provides[second].values() for found in pools.values() for path in found}
    )
    assert "/dev/xvdg" in paths[IP2] and "/dev/xvdg" not in paths[IP1]
    assert provides[IP2] == provides[second]


def test_a_large_system_is_compared_in_a_moment() -> None:
    paths = [f"/dev/sd{letter}" for letter in "abcdefgh"]
    hosts = {f"node{n}": f"10.{n // 250}.{n % 250}.1" for n in range(1000)}
    declared = {host: {"ip": ip, "provides": {"d": {"p": paths}}} for host, ip in hosts.items()}
    gateway = a_gateway({"d": {"p": dict.fromkeys(hosts.values(), paths)}})
    assert compare.missing_at_gateway(declared, gateway) == compare.strangers_at_gateway(declared, gateway) == []
