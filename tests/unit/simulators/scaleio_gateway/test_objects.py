# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects, their links, names and children."""

from __future__ import annotations

import re
from typing import Any

import pytest


def test_the_system(gateway: Any) -> None:
    """Members of a R2_0.6035 (goscaleio's tests)."""
    systems = gateway.get("types/System/instances")
    assert len(systems) == 1
    system = systems[0]
    assert (system["name"], system["id"]) == ("scaleio", "5a1e000000000001")
    assert system["systemVersionName"].startswith("EMC ScaleIO Version: R2_0.")
    cluster = system["mdmCluster"]
    assert (cluster["clusterMode"], cluster["clusterState"]) == ("ThreeNodes", "ClusteredNormal")
    assert (cluster["goodNodesNum"], cluster["goodReplicasNum"]) == (3, 2)
    master = cluster["master"]
    assert (master["name"], master["ips"], master["role"], master["port"]) == (
        "mdm1",
        [gateway.address[0]],
        "Manager",
        9011,
    )
    assert "status" not in master
    assert [(mdm["name"], mdm["role"], mdm["status"]) for mdm in cluster["slaves"]] == [("mdm2", "Manager", "Normal")]
    assert [(mdm["name"], mdm["role"]) for mdm in cluster["tieBreakers"]] == [("tb", "TieBreaker")]
    # Members of versions before 2.0 are gone (intelsdi-x/snap-plugin-collector-scaleio reads mdmCluster in their place).
    assert not {"primaryMdmActorIpList", "mdmMode", "mdmClusterState"} & set(system)
    assert gateway.object("System", system["id"]) == system
    place = f"/api/instances/System::{system['id']}"
    assert {link["rel"]: link["href"] for link in system["links"]} == {
        "self": place,
        **{
            f"/api/System/relationship/{name}": f"{place}/relationships/{name}"
            for name in ("Statistics", "ProtectionDomain", "Sdc", "User")
        },
    }


def test_the_requests_of_the_framework(world: Any) -> None:
    """One node, step by step, by links alone (recorded: scaleio-scheduler 0.3.1, gateway requests)."""
    gateway, sds = world.gateway, world.sds()

    def follow(item: Any, rel: str) -> Any:
        href = next(link["href"] for link in item["links"] if link["rel"] == rel)
        return gateway.get(href[len("/api/") :])

    system = gateway.get("types/System/instances")[0]
    assert follow(system, "/api/System/relationship/ProtectionDomain") == []
    domain = gateway.create("ProtectionDomain", name="db")
    (shown,) = follow(system, "/api/System/relationship/ProtectionDomain")
    assert (shown["id"], shown["name"], shown["systemId"]) == (domain, "db", system["id"])
    assert follow(shown, "/api/ProtectionDomain/relationship/Sds") == []
    own = gateway.create("Sds", **sds.body(domain))
    (found,) = follow(shown, "/api/ProtectionDomain/relationship/Sds")
    assert (found["id"], found["ipList"], found["port"]) == (own, [{"ip": sds.ip, "role": "all"}], 7072)
    assert (found["sdsState"], found["membershipState"], found["mdmConnectionState"]) == (
        "Normal",
        "Joined",
        "Connected",
    )
    assert found["faultSetId"] is None
    assert follow(shown, "/api/ProtectionDomain/relationship/StoragePool") == []
    pool = gateway.create("StoragePool", name="p", protectionDomainId=domain)
    (pools,) = follow(shown, "/api/ProtectionDomain/relationship/StoragePool")
    assert (pools["id"], pools["protectionDomainId"]) == (pool, domain)
    path = sds.disk()
    body = {"name": "/dev/xvdf", "deviceCurrentPathname": path, "storagePoolId": pool, "sdsId": own}
    device = gateway.create("Device", **body, testMode="testAndActivate")
    for parent, rel in ((pools, "/api/StoragePool/relationship/Device"), (found, "/api/Sds/relationship/Device")):
        (one,) = follow(parent, rel)
        assert (one["id"], one["deviceCurrentPathName"], one["name"]) == (device, path, "/dev/xvdf")
        assert (one["sdsId"], one["storagePoolId"]) == (own, pool)
        assert one["maxCapacityInKb"] == one["capacityLimitInKb"] == 200 * 2**20
    assert follow(one, "/api/parent/relationship/sdsId") == gateway.object("Sds", own)
    for identity in (domain, own, pool, device):
        assert re.fullmatch("[0-9a-f]{16}", identity)


def test_names_are_unique(world: Any) -> None:
    gateway, first, second = world.gateway, world.sds(), world.sds()
    domains = [gateway.create("ProtectionDomain", name=name) for name in ("engineering", "database")]
    assert gateway.refusal("ProtectionDomain", name="engineering") == ("Protection Domain name already in use", 0)
    for kind, title in (("StoragePool", "Storage Pool"), ("FaultSet", "Fault Set")):
        for domain in domains:  # the same name in two domains is fine
            gateway.create(kind, name="qe", protectionDomainId=domain)
        assert gateway.refusal(kind, name="qe", protectionDomainId=domains[0]) == (f"{title} name already in use", 0)
    gateway.create("Sds", **first.body(domains[0]))
    # System-wide: also in another domain (what the framework does with two domains on one node).
    assert gateway.refusal("Sds", **first.body(domains[1])) == ("SDS name already in use", 0)
    assert gateway.refusal("Sds", **{**first.body(domains[1]), "name": "other"})[1] == 93
    assert gateway.refusal("Sds", **{**second.body(domains[1]), "name": f"sds_{first.ip}"}) == (
        "SDS name already in use",
        0,
    )


@pytest.mark.parametrize(
    ("name", "good"),
    [("a" * 31, True), ("a.b-c_d/e:f", True), ("a" * 32, False), ("a b", False), ("ä", False), ("", False), (7, False)],
)
def test_forms_of_names(gateway: Any, name: Any, good: bool) -> None:
    """ScaleIO 2.0 User Guide: less than 32 characters, alphanumeric or punctuation."""
    status, value = gateway.post("types/ProtectionDomain/instances", {"name": name})
    assert status == (200 if good else 400), value


def test_what_is_missing_is_named(gateway: Any) -> None:
    status, value = gateway.post("types/StoragePool/instances", {"name": "qe"})
    text = (
        "Request message is not valid: The following parameter(s) must be part of the request body: protectionDomainId."
    )
    assert (status, value["message"]) == (400, text)


@pytest.mark.parametrize(
    ("kind", "code"), [("ProtectionDomain", 142), ("Sds", 3), ("StoragePool", 3), ("Device", 126), ("Volume", 79)]
)
def test_what_is_not_there(gateway: Any, kind: str, code: int) -> None:
    status, value = gateway.raw("GET", f"/api/instances/{kind}::00000000000000aa", login=("", gateway.token()))
    assert (status, value["errorCode"]) == (500, code)
    assert value["message"].startswith("Could not find the ")


def test_ids_by_name(world: Any) -> None:
    """siolib: pools are named together with their domain."""
    gateway = world.gateway
    domain = gateway.create("ProtectionDomain", name="engineering")
    pool = gateway.create("StoragePool", name="qe", protectionDomainId=domain)
    query = "types/{}/instances/action/queryIdByKey"
    assert gateway.post(query.format("ProtectionDomain"), {"name": "engineering"}) == (200, domain)
    for key in ({"protectionDomainName": "engineering"}, {"protectionDomainId": domain}):
        assert gateway.post(query.format("StoragePool"), {"name": "qe", **key}) == (200, pool)
    status, value = gateway.post(query.format("Volume"), {"name": "nothing"})
    assert (status, value["errorCode"]) == (500, 79)


def test_renaming(world: Any) -> None:
    gateway, sds = world.gateway, world.sds()
    domain = gateway.create("ProtectionDomain", name="a")
    pool = gateway.create("StoragePool", name="a", protectionDomainId=domain)
    fault_set = gateway.create("FaultSet", name="a", protectionDomainId=domain)
    own = gateway.create("Sds", **sds.body(domain))
    for kind, identity, member in (
        ("ProtectionDomain", domain, "name"),
        ("StoragePool", pool, "name"),
        ("FaultSet", fault_set, "newName"),
        ("Sds", own, "name"),
    ):
        gateway.act(kind, identity, f"set{kind}Name", **{member: "b"})
        assert gateway.object(kind, identity)["name"] == "b"
        assert gateway.refused_act(kind, identity, f"set{kind}Name", **{member: "b"})[1] == 0


def test_parents_stay_while_they_have_children(world: Any) -> None:
    gateway, sds = world.gateway, world.sds()
    domain = gateway.create("ProtectionDomain", name="engineering")
    fault_set = gateway.create("FaultSet", name="rack1", protectionDomainId=domain)
    pool = gateway.create("StoragePool", name="qe", protectionDomainId=domain)
    own = gateway.create("Sds", **sds.body(domain), faultSetId=fault_set)
    device = gateway.create("Device", deviceCurrentPathname=sds.disk(), storagePoolId=pool, sdsId=own)
    assert gateway.object("Sds", own)["faultSetId"] == fault_set
    assert "SDSs" in gateway.refused_act("ProtectionDomain", domain, "removeProtectionDomain")[0]
    assert "SDSs" in gateway.refused_act("FaultSet", fault_set, "removeFaultSet")[0]
    assert "no devices" in gateway.refused_act("StoragePool", pool, "removeStoragePool")[0]
    gateway.act("Device", device, "removeDevice")
    gateway.act("StoragePool", pool, "removeStoragePool")
    gateway.act("Sds", own, "removeSds")
    assert "Fault Sets" in gateway.refused_act("ProtectionDomain", domain, "removeProtectionDomain")[0]
    gateway.act("FaultSet", fault_set, "removeFaultSet")
    gateway.act("ProtectionDomain", domain, "removeProtectionDomain")
    assert gateway.get("types/ProtectionDomain/instances") == []


def test_fault_sets_are_of_one_domain(world: Any) -> None:
    gateway, sds = world.gateway, world.sds()
    domains = [gateway.create("ProtectionDomain", name=name) for name in ("a", "b")]
    fault_set = gateway.create("FaultSet", name="rack1", protectionDomainId=domains[0])
    assert gateway.refusal("Sds", **sds.body(domains[1]), faultSetId=fault_set)[1] == 0
    gateway.create("Sds", **sds.body(domains[0]), faultSetId=fault_set)


def test_addresses_of_an_sds(world: Any) -> None:
    gateway, sds = world.gateway, world.sds()
    domain = gateway.create("ProtectionDomain", name="a")
    body = sds.body(domain)
    for wrong in ([], [{"SdsIp": {"ip": sds.ip, "role": "both"}}], [{"SdsIp": {"role": "all"}}]):
        assert gateway.post("types/Sds/instances", {**body, "sdsIpList": wrong})[0] == 400
    nine = [{"SdsIp": {"ip": f"{world.network}.{number}", "role": "all"}} for number in range(1, 10)]
    assert "8" in gateway.refusal("Sds", **{**body, "sdsIpList": nine})[0]
    gateway.create("Sds", **{**body, "sdsIpList": [{"ip": sds.ip, "role": "all"}]})


def test_an_sds_must_answer(world: Any) -> None:
    gateway, sds = world.gateway, world.sds()
    domain = gateway.create("ProtectionDomain", name="a")
    sds.stop()
    assert gateway.refusal("Sds", **sds.body(domain))[1] == 69
    assert gateway.get("types/Sds/instances") == []
    sds.start()
    gateway.create("Sds", **sds.body(domain))


def test_an_sds_belongs_to_one_system(world: Any) -> None:
    """Until it is told to forget (forceClean)."""
    gateway, sds = world.gateway, world.sds()
    domain = gateway.create("ProtectionDomain", name="a")
    gateway.create("Sds", **sds.body(domain))
    gateway.stop()
    (gateway.directory / "state/state.json").unlink()
    gateway.start()
    domain = gateway.create("ProtectionDomain", name="a")
    assert "already part" in gateway.refusal("Sds", **sds.body(domain))[0]
    gateway.create("Sds", **sds.body(domain), forceClean="TRUE")


def test_state_outlives_the_gateway(world: Any) -> None:
    gateway = world.gateway
    world.pool(1)
    before = [
        gateway.get(f"types/{kind}/instances")
        for kind in ("System", "ProtectionDomain", "StoragePool", "Sds", "Device")
    ]
    gateway.stop()
    gateway.start()
    after = [
        gateway.get(f"types/{kind}/instances")
        for kind in ("System", "ProtectionDomain", "StoragePool", "Sds", "Device")
    ]
    assert after == before


def test_sdcs_are_configured(gateway: Any) -> None:
    sdcs = gateway.get("types/Sdc/instances")
    assert [sdc["sdcIp"] for sdc in sdcs] == gateway.configuration["sdcs"]
    assert {sdc["mdmConnectionState"] for sdc in sdcs} == {"Connected"}


def test_the_dump_knows_no_ids(world: Any) -> None:
    gateway = world.gateway
    made = world.pool(2)
    dump = gateway.dump()
    domain = dump["protection_domains"]["engineering"]
    assert list(domain["storage_pools"]) == ["qe"]
    assert sorted(domain["sdss"]) == [f"sds_{sds.ip}" for sds in world.sdss]
    (device,) = domain["sdss"][f"sds_{world.sdss[0].ip}"]["devices"].values()
    assert (device["storage_pool"], device["state"], device["error"]) == ("qe", "Normal", "None")
    text = str(dump)
    assert not [
        identity for identity in (made["domain"], made["pool"], *made["sds"], *made["device"]) if identity in text
    ]
