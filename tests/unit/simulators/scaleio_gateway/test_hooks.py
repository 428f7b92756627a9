# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults on request, and guarding rules that a test may switch off."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

UNAUTHORIZED = (401, {"message": "Unauthorized", "httpStatusCode": 401, "errorCode": 0})


def test_refused_logins(gateway: Any) -> None:
    (gateway.hooks / "refuse-login").write_text("2\n")
    assert [gateway.login()[0] for _ in range(3)] == [401, 401, 200]
    assert not (gateway.hooks / "refuse-login").exists()
    (gateway.hooks / "refuse-login").write_text("")
    for _ in range(3):
        assert gateway.login() == UNAUTHORIZED
    (gateway.hooks / "refuse-login").unlink()
    assert gateway.login()[0] == 200


def test_refused_sds(world: Any) -> None:
    gateway, first, second = world.gateway, world.sds(), world.sds()
    domain = gateway.create("ProtectionDomain", name="a")
    (gateway.hooks / "refuse-sds").write_text(f"# the first\n{first.ip} 1\n")
    gateway.create("Sds", **second.body(domain))
    assert gateway.refusal("Sds", **first.body(domain))[1] == 69
    gateway.create("Sds", **first.body(domain))
    (gateway.hooks / "refuse-sds").write_text("*\n")
    assert gateway.refusal("Sds", **{**first.body(domain), "name": "x", "sdsPort": 7073})[1] == 69


def test_refused_devices(world: Any) -> None:
    gateway, sds = world.gateway, world.sds()
    domain = gateway.create("ProtectionDomain", name="a")
    pool = gateway.create("StoragePool", name="p", protectionDomainId=domain)
    own = gateway.create("Sds", **sds.body(domain))
    body = {"storagePoolId": pool, "sdsId": own}
    first, second = sds.disk("a"), sds.disk("b")
    (gateway.hooks / "refuse-device").write_text(f"sds_{sds.ip} {first} 1\n* /dev/other\n")
    gateway.create("Device", **body, deviceCurrentPathname=second)
    assert "Failed to open" in gateway.refusal("Device", **body, deviceCurrentPathname=first)[0]
    assert Path(first).stat().st_blocks == 0
    gateway.create("Device", **body, deviceCurrentPathname=first)
    assert (gateway.hooks / "refuse-device").read_text() == "* /dev/other\n"


def test_another_cluster(gateway: Any) -> None:
    shown = {"id": "00000000000000ff", "name": "other", "mdmCluster": {"clusterState": "ClusteredDegraded"}}
    (gateway.hooks / "cluster").write_text(json.dumps(shown))
    (system,) = gateway.get("types/System/instances")
    assert (system["id"], system["name"]) == ("00000000000000ff", "other")
    assert system["mdmCluster"]["clusterState"] == "ClusteredDegraded"
    assert system["mdmCluster"]["clusterMode"] == "ThreeNodes"
    assert gateway.get("instances/System::00000000000000ff/relationships/ProtectionDomain") == []
    assert gateway.raw("GET", "/api/instances/System::5a1e000000000001", login=("", gateway.token()))[0] == 500


@pytest.mark.parametrize(
    ("hook", "member"),
    [
        ("rebuilding", "fwdRebuildCapacityInKb"),
        ("rebalancing", "rebalanceCapacityInKb"),
        ("degraded", "degradedHealthyCapacityInKb"),
    ],
)
def test_work_that_does_not_end(gateway: Any, hook: str, member: str) -> None:
    domain = gateway.create("ProtectionDomain", name="engineering")
    pools = [gateway.create("StoragePool", name=name, protectionDomainId=domain) for name in ("qe", "dev")]

    def shown() -> list[bool]:
        scopes = [("StoragePool", pools[0]), ("StoragePool", pools[1]), ("ProtectionDomain", domain)]
        return [gateway.figures(*scope)[member] > 0 for scope in [*scopes, ("System", "5a1e000000000001")]]

    assert shown() == [False, False, False, False]
    (gateway.hooks / hook).write_text("engineering/qe\n")
    assert shown() == [True, False, True, True]
    (gateway.hooks / hook).write_text("")
    assert shown() == [True, True, True, True]
    (gateway.hooks / hook).unlink()
    assert shown() == [False, False, False, False]


def test_rules_that_are_off(world: Any) -> None:
    """A test of the collection must fail then."""
    gateway, sds = world.gateway, world.sds()
    domains = [gateway.create("ProtectionDomain", name=name) for name in ("a", "b")]
    pools = [gateway.create("StoragePool", name="p", protectionDomainId=domain) for domain in domains]
    own = gateway.create("Sds", **sds.body(domains[0]))
    path = sds.disk()
    subprocess.run(["/usr/sbin/mkswap", path], check=True, capture_output=True)
    body = {"deviceCurrentPathname": path, "storagePoolId": pools[1], "sdsId": own}
    gateway.refusal("Device", **body)
    (gateway.hooks / "rules-off").write_text("one-domain\n")
    assert "already contains data" in gateway.refusal("Device", **body)[0]
    (gateway.hooks / "rules-off").write_text("one-domain\ndevice-signature\nchildren\n")
    gateway.create("Device", **body)
    gateway.act("StoragePool", pools[0], "removeStoragePool")
    gateway.act("ProtectionDomain", domains[0], "removeProtectionDomain")
