# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core import web
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import InputError, UntrustedError, WebError
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import gateway
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.fake_gateway import (
    PASSWORD,
    SYSTEM_ID,
    URL,
    FakeGateway,
    a_cluster,
    refusal,
    settings,
)

LOGIN = "GET /api/login"
SYSTEM = "GET /api/types/System/instances"
OF_SYSTEM = f"GET /api/instances/System::{SYSTEM_ID}/relationships"


def observe(machine: FakeGateway, **more: Any) -> dict[str, Any]:
    found = gateway.observe_gateway(machine, settings(**more))
    # Whatever happens: no password, no token.
    shown = json.dumps(found)
    assert PASSWORD not in shown
    assert not any(token in shown for token in machine.tokens)
    return found


# -- the session -----------------------------------------------------------------------------------------------------


def test_one_login_and_the_links() -> None:
    machine = a_cluster()
    observe(machine)
    assert machine.told == [
        LOGIN,
        SYSTEM,
        f"{OF_SYSTEM}/ProtectionDomain",
        "GET /api/instances/ProtectionDomain::0000000000000002/relationships/Sds",
        "GET /api/instances/ProtectionDomain::0000000000000002/relationships/StoragePool",
        "GET /api/instances/StoragePool::0000000000000003/relationships/Device",
        f"{OF_SYSTEM}/Statistics",
        "GET /api/logout",
    ]
    assert not machine.live
    assert machine.effects == []


def test_what_is_seen() -> None:
    found = observe(a_cluster())

    def member(number: str, name: str, address: str) -> dict[str, Any]:
        shown = {"id": number, "name": name, "status": "Normal", "version": "R2_0.10000.2072"}
        return {**shown, "addresses": [address]}

    assert found == {
        "url": URL,
        "error": None,
        "trouble": None,
        "system": {"id": SYSTEM_ID, "name": "scaleio", "version": "R2_0.10000.2072"},
        "mdm": {
            "mode": "ThreeNodes",
            "state": "ClusteredNormal",
            "primary": member("1", "mdm1", "10.0.0.31"),
            "secondaries": [member("2", "mdm2", "10.0.0.32")],
            "tiebreakers": [member("3", "", "10.0.0.33")],
            "standbys": [],
        },
        "domains": {
            "engineering": {
                "id": "0000000000000002",
                "state": "Active",
                "pools": {
                    "qe": {
                        "id": "0000000000000003",
                        "devices": {
                            "10.0.0.11": [
                                {
                                    "id": "0000000000000005",
                                    "name": "/dev/xvdf",
                                    "path": "/dev/xvdf",
                                    "state": "Normal",
                                    "error": "None",
                                    "capacity_kb": 942668800,
                                }
                            ]
                        },
                    }
                },
            }
        },
        "sds": {
            "10.0.0.11": {
                "id": "0000000000000004",
                "name": "sds_10.0.0.11",
                "domain": "engineering",
                "addresses": ["10.0.0.11"],
                "port": 7072,
                "state": "Normal",
                "membership": "Joined",
                "connection": "Connected",
                "maintenance": "NoMaintenance",
            }
        },
        "capacity": {"total_kb": 17932736512, "used_kb": 3825209344, "spare_kb": None},
        "activity": {"rebuild_kb": 0, "rebalance_kb": 0, "degraded_kb": 0, "failed_kb": 0, "maintenance_kb": 0},
    }
    assert json.loads(json.dumps(found)) == found


def test_addresses_may_come_wrapped() -> None:
    assert observe(a_cluster(flat=False)) == observe(a_cluster())


def test_an_empty_system() -> None:
    found = observe(FakeGateway())
    assert (found["error"], found["domains"], found["sds"]) == (None, {}, {})


def test_a_token_that_has_ended_is_replaced_once() -> None:
    machine = a_cluster()
    with machine.session() as session:
        session.system()
        machine.live.clear()
        assert session.activity()["rebuild_kb"] == 0
        assert machine.told == [LOGIN, SYSTEM, f"{OF_SYSTEM}/Statistics", LOGIN, f"{OF_SYSTEM}/Statistics"]
        machine.refuse[f"{OF_SYSTEM}/Statistics"] = [refusal(401, "not allowed", 5)]
        with pytest.raises(gateway.Refused) as error:
            session.activity()
    assert machine.told[5:] == [f"{OF_SYSTEM}/Statistics", LOGIN, f"{OF_SYSTEM}/Statistics", "GET /api/logout"]
    assert (error.value.code, error.value.status) == (5, 401)
    assert "does not permit this to the user" in str(error.value) and "not allowed (error 5)" in str(error.value)


def test_a_fresh_token_is_not_replaced() -> None:
    machine = a_cluster()
    machine.refuse[SYSTEM] = [refusal(401, "Unauthorized")]
    assert "does not permit this" in observe(machine)["error"]
    assert machine.told == [LOGIN, SYSTEM, "GET /api/logout"]


@pytest.mark.parametrize("answer", [(404, ""), (500, "boom"), refusal(401, "Unauthorized")])
def test_a_farewell_that_fails_changes_nothing(answer: tuple[int, str]) -> None:
    machine = a_cluster()
    machine.refuse["GET /api/logout"] = [answer]
    assert observe(machine)["error"] is None


def test_who_never_logged_in_does_not_log_out() -> None:
    machine = FakeGateway()
    with machine.session():
        pass
    assert machine.told == []


def test_the_system_is_asked_for_once_and_seen_afresh_when_all_is() -> None:
    machine = a_cluster()
    with machine.session(system_name="scaleio") as session:
        session.activity()
        session.activity()
        assert machine.told.count(SYSTEM) == 1
        machine.system["name"] = "other"
        with pytest.raises(gateway.OtherSystem):
            session.observe()


# -- troubles --------------------------------------------------------------------------------------------------------


def test_nobody_answers() -> None:
    machine = a_cluster()
    machine.silent = "[Errno 111] Connection refused"
    found = observe(machine)
    assert found["trouble"] == "down"
    assert found["error"].startswith(
        "ScaleIO gateway: no answer (GET https://gw/api/login): [Errno 111] Connection refused"
    )
    assert [found[part] for part in ("system", "mdm", "domains", "sds", "capacity", "activity")] == [None] * 6


def test_the_certificate_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = FakeGateway()

    def fetch(url: str, **_more: Any) -> web.Answer:
        raise UntrustedError("the certificate is not trusted", where=f"GET {url}", seen="self-signed certificate")

    monkeypatch.setattr(machine, "fetch", fetch)
    found = observe(machine)
    assert found["trouble"] == "certificate"
    assert "the certificate is not trusted (GET https://gw/api/login): self-signed certificate" in found["error"]


def test_a_wrong_password() -> None:
    machine = a_cluster()
    machine.password = "another"
    found = observe(machine)
    assert found["trouble"] == "login"
    assert "refuses the password of the user 'admin' (https://gw)" in found["error"]
    assert machine.told == [LOGIN]


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (
            {"system_name": "prod"},
            "shows the system scaleio (id 5a1e000000000001) and not the declared one called prod",
        ),
        ({"system_id": "9"}, "not the declared one with the id 9"),
    ],
)
def test_another_system(declared: dict[str, str], words: str) -> None:
    found = observe(a_cluster(), **declared)
    assert found["trouble"] == "system" and words in found["error"]
    assert found["domains"] is None


def test_the_right_one_of_several_systems() -> None:
    machine = a_cluster()
    systems = [{"id": "1", "name": "other", "links": []}, *json.loads(machine._known("GET", SYSTEM[4:], None)[1])]
    machine.refuse[SYSTEM] = [(200, json.dumps(systems))]
    assert observe(machine, system_name="scaleio")["system"]["id"] == SYSTEM_ID


ODD = [
    (LOGIN, (200, "<html>"), "the answer is not JSON (GET https://gw/api/login): 6 characters"),
    (LOGIN, (200, '{"token": 1}'), "the answer to the login is no token"),
    (LOGIN, (200, '""'), "the answer to the login is no token"),
    (
        LOGIN,
        (503, "<html>starting"),
        "answers 503 and not as a ScaleIO gateway does (GET https://gw/api/login): it begins",
    ),
    (LOGIN, (302, ""), "the gateway sends elsewhere with 302 (GET https://gw/api/login): no address"),
    (LOGIN, refusal(500, "no MDM"), "the gateway refuses it (GET https://gw/api/login): no MDM"),
    (SYSTEM, (200, "nope"), "the answer is not JSON (GET https://gw/api/types/System/instances): 4 characters"),
    (SYSTEM, (200, "[]"), "the gateway shows no system"),
    (SYSTEM, (200, '{"a": 1}'), "the answer is no list of objects"),
    (SYSTEM, (200, "[1]"), "the answer is no list of objects"),
    (SYSTEM, refusal(403, "Forbidden"), "does not permit this to the user (GET https://gw/api/types/System/instances)"),
    (SYSTEM, (404, '{"no": "message"}'), "answers 404 and not as a ScaleIO gateway does"),
    (SYSTEM, refusal(500, "internal", 1), "internal (error 1)"),
    (f"{OF_SYSTEM}/Statistics", (200, "[]"), "the statistics are no object"),
    (f"{OF_SYSTEM}/ProtectionDomain", refusal(500, "internal"), "relationships/ProtectionDomain): internal"),
    (f"{OF_SYSTEM}/ProtectionDomain", (200, "7"), "the answer is no list of objects"),
]


@pytest.mark.parametrize(("request_", "answer", "words"), ODD)
def test_answers_that_no_gateway_gives(request_: str, answer: tuple[int, str], words: str) -> None:
    machine = a_cluster()
    machine.refuse[request_] = [answer]
    found = observe(machine)
    assert words in found["error"]
    assert found["trouble"] == "answer" and found["system"] is None


def test_secrets_in_the_gateways_own_words_are_covered() -> None:
    machine = a_cluster()
    machine.refuse[SYSTEM] = [refusal(500, f"user admin:{PASSWORD} token TOKEN1 failed")]
    assert "user admin:******** token ******** failed" in observe(machine)["error"]
    machine = a_cluster()
    machine.refuse[SYSTEM] = [(502, f"proxy error for {PASSWORD}")]
    assert "proxy error for ********" in observe(machine)["error"]


@pytest.mark.parametrize(
    "links",
    [
        None,
        [],
        [{"rel": "/api/System/relationship/ProtectionDomain", "href": "https://evil.example/api/x"}],
        [{"rel": "/api/System/relationship/ProtectionDomain", "href": "//evil.example/api/x"}],
        [{"rel": "/api/System/relationship/ProtectionDomain"}],
    ],
)
def test_links_that_lead_nowhere_are_not_followed(links: Any) -> None:
    machine = a_cluster()
    machine.system["links"] = links
    found = observe(machine)
    assert "the link /api/System/relationship/ProtectionDomain leads nowhere" in found["error"]
    assert machine.told == [LOGIN, SYSTEM, "GET /api/logout"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://gw", "the gateway speaks HTTPS only (http://gw) -- write it like https://gateway"),
        ("", "this is not the address of a gateway (it is empty)"),
        ("gw:443", "this is not the address of a gateway (gw:443)"),
        ("https://gw/api", "this is not the address of a gateway"),
        ("https://gw?x=1", "this is not the address of a gateway"),
        ("https://gw:port", "this is not the address of a gateway"),
        ("https://[::1", "this is not the address of a gateway"),
        ("ftp://gw", "this is not the address of a gateway"),
        (f"https://admin:{PASSWORD}@gw", "the gateway's address carries a user"),
    ],
)
def test_addresses_that_are_none(url: str, words: str) -> None:
    machine = FakeGateway()
    found = gateway.observe_gateway(machine, settings(url))
    assert found["trouble"] == "input" and words in found["error"]
    assert PASSWORD not in json.dumps(found)
    assert machine.requests == []


@pytest.mark.parametrize("url", ["https://gw/", "https://gw"])
def test_an_address_may_end_with_a_slash(url: str) -> None:
    machine = a_cluster()
    assert gateway.observe_gateway(machine, settings(url))["error"] is None


def test_what_kind_of_trouble() -> None:
    assert gateway.trouble(InputError("x")) == "input"
    assert gateway.trouble(gateway.Refused("x", "y", 1, status=500, where="z")) == "answer"
    assert gateway.trouble(WebError("x")) == "down"


# -- the MDM cluster -------------------------------------------------------------------------------------------------


def test_a_summary_makes_the_members_asked_for() -> None:
    """Gateways of 2.5 show the state of the cluster in the System and its members in queryMdmCluster alone."""
    machine = a_cluster()
    whole = machine.system["mdmCluster"]
    machine.system["mdmCluster"] = {"clusterState": "ClusteredNormal", "clusterMode": "ThreeNodes", "id": "8"}
    machine.members = whole
    assert observe(machine)["mdm"] == observe(a_cluster())["mdm"]
    assert machine.told[-3] == "POST /api/instances/System/queryMdmCluster"
    machine.refuse["POST /api/instances/System/queryMdmCluster"] = [(200, "[]")]
    assert "the MDM cluster is no object" in observe(machine)["error"]


def test_the_lists_of_old_gateways() -> None:
    machine = a_cluster()
    del machine.system["mdmCluster"]
    machine.system.update(
        mdmMode="Cluster",
        mdmClusterState="Normal",
        primaryMdmActorIpList=["10.0.0.31"],
        secondaryMdmActorIpList=["10.0.0.32"],
        tiebreakerMdmIpList=["10.0.0.33"],
    )
    mdm = observe(machine)["mdm"]
    assert (mdm["mode"], mdm["state"], mdm["primary"]["addresses"]) == ("Cluster", "Normal", ["10.0.0.31"])
    assert mdm["tiebreakers"][0]["addresses"] == ["10.0.0.33"]


def test_a_cluster_that_names_nobody() -> None:
    machine = a_cluster()
    del machine.system["mdmCluster"]
    mdm = observe(machine)["mdm"]
    assert (mdm["primary"], mdm["secondaries"]) == (None, [])
