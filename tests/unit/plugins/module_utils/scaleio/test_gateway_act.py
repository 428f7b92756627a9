# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import DeadlineError, HoldfastError
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import gateway_act as act
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.gateway import Gateway, LoginRefused, Refused
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import Died
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.fake_gateway import (
    PASSWORD,
    FakeGateway,
    a_cluster,
    refusal,
)

IP = "10.0.0.11"
DECLARED = {"node1": {"ip": IP, "provides": {"engineering": {"qe": ["/dev/xvdf"]}}}}
WHOLE = {
    "Device qe sds_10.0.0.11 /dev/xvdf": "",
    "ProtectionDomain engineering": "",
    "Sds engineering sds_10.0.0.11": "",
    "StoragePool engineering qe": "",
}


def create_all(session: Gateway) -> list[bool]:
    return [
        act.create_domain(session, "engineering")["created"],
        act.create_pool(session, "engineering", "qe")["created"],
        act.create_sds(session, "engineering", IP)["created"],
        act.create_device(session, "engineering", "qe", IP, "/dev/xvdf")["created"],
    ]


def said(error: pytest.ExceptionInfo[HoldfastError], machine: FakeGateway) -> str:
    sentence = str(error.value)
    assert PASSWORD not in sentence and not any(token in sentence for token in machine.tokens)
    return sentence


# -- creating --------------------------------------------------------------------------------------------------------


def test_what_is_created_has_the_frameworks_form() -> None:
    machine = FakeGateway()
    with machine.session() as session:
        assert create_all(session) == [True] * 4
    assert machine.bodies == [
        {"name": "engineering"},
        {"name": "qe", "protectionDomainId": "0000000000000002"},
        {
            "name": "sds_10.0.0.11",
            "sdsIpList": [{"SdsIp": {"ip": IP, "role": "all"}}],
            "protectionDomainId": "0000000000000002",
        },
        {
            "name": "/dev/xvdf",
            "deviceCurrentPathname": "/dev/xvdf",
            "storagePoolId": "0000000000000003",
            "sdsId": "0000000000000004",
            "testMode": "testAndActivate",
        },
    ]
    assert machine.tree() == WHOLE == a_cluster().tree()
    assert machine.told.count("GET /api/login") == 1


def test_what_is_there_is_left() -> None:
    machine = a_cluster()
    with machine.session() as session:
        assert create_all(session) == [False] * 4
        assert act.create_device(session, "engineering", "qe", IP, "/dev/xvdf")["id"] == "0000000000000005"
    assert machine.effects == []


@pytest.mark.parametrize("effects", range(5))
def test_a_run_that_dies_is_finished_by_the_next(effects: int) -> None:
    machine = FakeGateway()
    machine.die_after = effects
    with pytest.raises(Died), machine.session() as session:
        create_all(session)
    machine.survive()
    with machine.session() as session:
        assert sum(create_all(session)) == 4 - effects
    assert machine.tree() == WHOLE


REFUSALS: list[tuple[Callable[[Gateway], Any], tuple[int, str], str]] = [
    (
        lambda session: act.create_domain(session, "lab"),
        refusal(500, "Invalid name"),
        "the gateway refuses to create the protection domain lab (https://gw): Invalid name -- mend what it says",
    ),
    (
        lambda session: act.create_pool(session, "engineering", "dev"),
        refusal(500, "pool refused"),
        "refuses to create the storage pool engineering/dev (https://gw): pool refused",
    ),
    (
        lambda session: act.create_sds(session, "engineering", "10.0.0.12"),
        refusal(500, "port in use", 93),
        "refuses to create the SDS sds_10.0.0.12 in engineering (https://gw): port in use (error 93) -- another SDS",
    ),
    (
        lambda session: act.create_device(session, "engineering", "qe", IP, "/dev/xvdg"),
        refusal(500, "Device open failed", 69),
        "refuses to create /dev/xvdg of sds_10.0.0.11 in the pool engineering/qe (https://gw): Device open failed (error 69)"
        " -- see that the SDS runs on that host",
    ),
    (
        lambda session: act.create_device(session, "engineering", "qe", IP, "/dev/xvdg"),
        refusal(500, "exists", 206),
        "exists (error 206) -- a device of that path is known to that SDS",
    ),
    (
        lambda session: act.create_domain(session, "lab"),
        refusal(403, "monitor only"),
        "monitor only -- give the user the role that this needs",
    ),
]


@pytest.mark.parametrize(("create", "answer", "words"), REFUSALS)
def test_refusals(create: Callable[[Gateway], Any], answer: tuple[int, str], words: str) -> None:
    machine = a_cluster()
    machine.on_create = lambda kind, body: answer
    with pytest.raises(Refused) as error, machine.session() as session:
        create(session)
    assert words in said(error, machine)
    assert machine.tree() == WHOLE


def test_the_framework_was_faster() -> None:
    machine = FakeGateway()

    def meanwhile(kind: str, body: Any) -> tuple[int, str]:
        machine.put(kind, **body)
        return refusal(500, "already in use")

    machine.on_create = meanwhile
    with machine.session() as session:
        assert act.create_domain(session, "engineering") == {"id": "0000000000000002", "created": False}


def test_what_was_accepted_and_is_not_shown() -> None:
    machine = FakeGateway()
    machine.on_create = lambda kind, body: (200, '{"id": "7"}')
    with pytest.raises(HoldfastError) as error, machine.session() as session:
        act.create_domain(session, "lab")
    assert "accepted the protection domain lab and does not show it" in said(error, machine)
    machine.on_create = lambda kind, body: (200, "{}")
    with pytest.raises(HoldfastError) as error, machine.session() as session:
        act.create_domain(session, "lab")
    assert "the answer to a creation has no id" in said(error, machine)


@pytest.mark.parametrize(
    ("create", "words"),
    [
        (
            lambda session: act.create_pool(session, "lab", "p"),
            "nothing can be created in it: the protection domain lab is not at the gateway -- create that first",
        ),
        (
            lambda session: act.create_sds(session, "lab", "10.0.0.12"),
            "the protection domain lab is not at the gateway",
        ),
        (
            lambda session: act.create_device(session, "engineering", "dev", IP, "/dev/xvdg"),
            "cannot be added: the storage pool engineering/dev is not at the gateway",
        ),
        (
            lambda session: act.create_device(session, "engineering", "qe", "10.0.0.12", "/dev/xvdg"),
            "cannot be added: the SDS sds_10.0.0.12 in engineering is not at the gateway",
        ),
        (
            lambda session: act.create_sds(session, "lab", IP),
            "sds_10.0.0.11 cannot be created in lab (https://gw): the address has the SDS sds_10.0.0.11 in the protection domain"
            " engineering",
        ),
        (
            lambda session: act.create_device(session, "engineering", "dev", IP, "/dev/xvdf"),
            "/dev/xvdf of sds_10.0.0.11 cannot be added to the pool engineering/dev (https://gw): it is in the pool engineering/qe",
        ),
    ],
)
def test_what_cannot_be_created(create: Callable[[Gateway], Any], words: str) -> None:
    machine = a_cluster()
    with pytest.raises(HoldfastError) as error, machine.session() as session:
        create(session)
    assert words in said(error, machine)
    assert machine.effects == []


# -- waiting ---------------------------------------------------------------------------------------------------------


def test_waiting_for_devices_that_come() -> None:
    machine = FakeGateway()
    whole = a_cluster()
    machine.after(3.0, lambda: machine.objects.update(whole.objects))
    with machine.session(system_name="scaleio") as session:
        progress = act.wait_for_devices(session, DECLARED, 30)
    assert 3.0 <= progress["seconds"] <= 4.0
    assert progress["looks"] >= 5
    assert progress["missing"][-1] == "/dev/xvdf of node1 is not in the pool engineering/qe at the gateway"
    assert json.loads(json.dumps(progress)) == progress
    assert machine.told.count("GET /api/login") == 1


def test_what_is_there_is_not_waited_for() -> None:
    machine = a_cluster()
    with machine.session() as session:
        progress = act.wait_for_devices(session, DECLARED, 30)
    assert (progress["looks"], progress["missing"], machine.clock) == (1, [], 0)


def test_the_deadline_names_what_is_missing() -> None:
    machine = a_cluster()
    many = [f"/dev/sd{letter}" for letter in "abcdefg"]
    declared = {"node1": {"ip": IP, "provides": {"engineering": {"qe": many}}}}
    with pytest.raises(DeadlineError) as error, machine.session() as session:
        act.wait_for_devices(session, declared, 5)
    sentence = said(error, machine)
    assert "as declared at the gateway: not within 5 s: /dev/sda of node1 is not in the pool" in sentence
    assert "/dev/sde" in sentence and "/dev/sdf" not in sentence and "and 2 more -- " in sentence
    assert "needs mending" in sentence
    assert 5 <= machine.clock <= 5.1


def test_a_device_under_test_is_not_at_work_yet() -> None:
    machine = a_cluster()
    device = next(iter(machine.objects["Device"].values()))
    device["deviceState"] = "InitialTest"
    machine.after(2.0, lambda: device.update(deviceState="Normal"))
    with machine.session() as session:
        progress = act.wait_for_devices(session, DECLARED, 30)
    assert progress["missing"] == ["/dev/xvdf of 10.0.0.11 in the pool engineering/qe is InitialTest"]
    assert progress["seconds"] >= 2


def test_other_hosts_ills_are_not_waited_for() -> None:
    machine = a_cluster()
    domain = next(iter(machine.objects["ProtectionDomain"]))
    address = [{"SdsIp": {"ip": "10.0.0.99", "role": "all"}}]
    machine.put("Sds", name="sds_x", sdsIpList=address, protectionDomainId=domain, mdmConnectionState="Disconnected")
    with machine.session() as session:
        assert act.wait_for_devices(session, DECLARED, 30)["looks"] == 1


def test_what_stands_in_the_way_ends_the_wait() -> None:
    machine = a_cluster()
    declared = {"node1": {"ip": IP, "provides": {"lab": {"p": ["/dev/xvdf"]}}}}
    with pytest.raises(HoldfastError) as error, machine.session() as session:
        act.wait_for_devices(session, declared, 30)
    sentence = said(error, machine)
    assert (
        "cannot come to what is declared (https://gw): the SDS sds_10.0.0.11 of node1 is in the protection domain"
        in sentence
    )
    assert "engineering" in sentence and machine.clock == 0


def test_waiting_for_quiet() -> None:
    machine = a_cluster()
    machine.statistics["pendingFwdRebuildCapacityInKb"] = 4 * 10**6
    machine.after(1.5, lambda: machine.statistics.update(pendingFwdRebuildCapacityInKb=0))
    with machine.session() as session:
        progress = act.wait_for_quiet(session, 30)
    assert progress["missing"] == ["a rebuild of 4.1 GB runs or waits"]
    assert 1.5 <= progress["seconds"] <= 2.5
    # One small request for each look.
    assert len(machine.told) == progress["looks"] + 3


def test_quiet_must_hold() -> None:
    """A rebalance begins a moment after the device has come."""
    machine = a_cluster()
    machine.after(1.0, lambda: machine.statistics.update(rebalanceCapacityInKb=8))
    machine.after(4.0, lambda: machine.statistics.update(rebalanceCapacityInKb=0))
    with machine.session() as session:
        progress = act.wait_for_quiet(session, 30, steady=2.0)
    assert progress["seconds"] >= 6.0
    with pytest.raises(DeadlineError) as error, machine.session() as session:
        act.wait_for_quiet(session, 1.0, steady=2.0)
    assert "not within 1 s: it has not held for 2 s" in said(error, machine)


def test_the_deadline_of_quiet() -> None:
    machine = a_cluster()
    machine.statistics.update(degradedHealthyCapacityInKb=1, failedCapacityInKb=1)
    with pytest.raises(DeadlineError) as error, machine.session() as session:
        act.wait_for_quiet(session, 2.0)
    assert (
        "no rebuild, no rebalance and no degraded capacity at the gateway: not within 2 s: 1.02 kB of data are degraded"
        in said(error, machine)
    )


def test_a_gateway_that_is_away_for_a_while() -> None:
    machine = a_cluster()
    machine.silent = "Connection refused"
    machine.after(1.0, lambda: setattr(machine, "silent", ""))
    with machine.session() as session:
        progress = act.wait_for_quiet(session, 30)
    assert "Connection refused" in progress["missing"][0]
    machine.silent = "Connection refused"
    with pytest.raises(DeadlineError) as error, machine.session() as session:
        act.wait_for_quiet(session, 2.0)
    assert "Connection refused" in said(error, machine)


def test_a_wrong_password_is_not_waited_for() -> None:
    machine = a_cluster()
    machine.password = "another"
    with pytest.raises(LoginRefused) as error, machine.session() as session:
        act.wait_for_quiet(session, 30)
    assert "refuses the password" in said(error, machine)
    assert machine.told == ["GET /api/login"]
