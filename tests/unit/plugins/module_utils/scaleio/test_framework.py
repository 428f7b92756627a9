# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import DeadlineError, HoldfastError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import ANONYMOUS, Credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import framework
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.gateway import (
    GatewaySettings,
    observe_gateway,
)
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import FakeMachine
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.fake_gateway import (
    PASSWORD,
    FakeGateway,
    a_cluster,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.fake_gateway import (
    settings as gateway_settings,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.framework_answers import (
    MASTER_ID,
    VERSION,
    a_framework,
    a_node,
    a_state,
    an_agent,
)

MASTERS = ["http://m1:5050", "http://m2:5050", "http://m3:5050"]
URL = "http://10.0.0.10:35000"
PROVIDES = {"engineering": {"qe": ["/dev/xvdf"]}}


def scheduler(machine: FakeMachine, *nodes: dict[str, Any], replaced: bool = False) -> None:
    state = a_state(*(nodes or [a_node(1, 1024, PROVIDES)]), password=PASSWORD)
    machine.http(f"{URL}/version", json=VERSION, replace=replaced)
    # As the real one says it: text/plain.
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    machine.http(f"{URL}/api/state", text=json.dumps(state), headers=headers, replace=replaced)


def master(machine: FakeMachine) -> None:
    """m2 leads."""
    machine.http("http://m1:5050/slaves", status=307, headers={"Location": "//m2:5050/slaves"})
    machine.http("http://m2:5050/slaves", json={"slaves": [an_agent(1, rack="r1")], "recovered_slaves": []})
    frameworks = {"frameworks": [a_framework(1, (1,))], "completed_frameworks": [], "unregistered_frameworks": []}
    machine.http("http://m2:5050/frameworks", json=frameworks)


def everything() -> FakeGateway:
    machine = a_cluster()
    scheduler(machine)
    master(machine)
    return machine


def observe(
    machine: FakeGateway,
    *,
    url: str = URL,
    password: str | None = None,
    credentials: Credentials = ANONYMOUS,
    gateway: GatewaySettings | None = None,
) -> dict[str, Any]:
    found = {
        "scheduler": framework.observe_scheduler(machine, url, password=password),
        **framework.observe_mesos(machine, MASTERS, credentials),
        "gateway": observe_gateway(machine, gateway or gateway_settings()),
    }
    shown = json.dumps(found)
    assert PASSWORD not in shown and not any(token in shown for token in machine.tokens)
    assert machine.effects == []
    return found


def test_all_parts() -> None:
    machine = everything()
    found = observe(machine)
    assert list(found) == ["scheduler", "mesos_framework", "agents", "gateway"]
    assert [found[part]["error"] for part in ("scheduler", "mesos_framework", "gateway")] == [None] * 3
    seen = found["scheduler"]
    assert (seen["url"], seen["version"], seen["password_matches"]) == (URL, "0.3.1", None)
    assert seen["nodes"]["node1"]["provides"] == PROVIDES
    assert found["mesos_framework"]["leader"] == "http://m2:5050"
    assert found["mesos_framework"]["registered"] == f"{MASTER_ID}-0001"
    assert [(agent["hostname"], agent["ip"], agent["attributes"]) for agent in found["agents"]] == [
        ("node1", "10.0.0.11", {"rack": "r1"})
    ]
    assert found["gateway"]["system"]["name"] == "scaleio"
    assert json.loads(json.dumps(found)) == found
    asked = [url for method, url, body in machine.requests if "gw" not in url]
    assert asked == [
        f"{URL}/version",
        f"{URL}/api/state",
        "http://m1:5050/slaves",
        "http://m2:5050/slaves",
        "http://m2:5050/frameworks",
        "http://m2:5050/slaves",
    ]


def test_every_part_stands_alone() -> None:
    machine = everything()
    machine.silent = "Connection refused"
    machine.http(f"{URL}/version", error="Connection refused", replace=True)
    machine.http("http://m1:5050/slaves", error="Connection refused", replace=True)
    machine.http("http://m2:5050/slaves", error="Connection refused", replace=True)
    machine.http("http://m3:5050/slaves", error="Connection refused", replace=True)
    found = observe(machine)
    assert found["scheduler"]["error"].startswith("ScaleIO scheduler: no answer (GET http://10.0.0.10:35000/version)")
    assert "no answer" in found["mesos_framework"]["error"]
    assert found["gateway"]["error"].startswith("ScaleIO gateway: no answer")
    assert found["agents"] is None
    assert found["scheduler"]["nodes"] is None and found["mesos_framework"]["frameworks"] is None


@pytest.mark.parametrize(
    ("held", "given", "expected"),
    [
        (PASSWORD, PASSWORD, True),
        ("another", PASSWORD, False),
        (PASSWORD, "", False),
        (None, PASSWORD, None),
        # The scheduler spoils such a password while it prints it.
        ("100%!(NOVERB)", "100%", None),
        ("pä", "pä", True),
    ],
)
def test_the_passwords_are_compared_where_they_are_read(held: str | None, given: str, expected: bool | None) -> None:
    machine = everything()
    state = a_state()
    state["ScaleIO"]["adminpassword"] = held
    machine.http(f"{URL}/api/state", json=state, replace=True)
    machine.password = given
    gateway = replace(gateway_settings(), credentials=Credentials("admin", given))
    found = observe(machine, gateway=gateway, password=given)
    assert found["scheduler"]["password_matches"] is expected
    assert "adminpassword" not in json.dumps(found)


@pytest.mark.parametrize(
    ("version", "state", "words"),
    [
        ({"status": 404, "text": "404 page not found"}, {}, "it answers 404 (GET http://10.0.0.10:35000/version)"),
        ({"json": VERSION}, {"status": 500}, "it answers 500 (GET http://10.0.0.10:35000/api/state)"),
        ({"text": "<html>"}, {}, "the answer is not JSON (http://10.0.0.10:35000/version): 6 characters"),
        ({"json": VERSION}, {"text": f'{{"adminpassword": "{PASSWORD}'}, "the answer is not JSON"),
        ({"json": VERSION}, {"json": {"hello": PASSWORD}}, "another program than the framework's scheduler answers"),
        ({"json": []}, {"json": {"ScaleIO": {}}}, "another program than the framework's scheduler answers"),
    ],
)
def test_answers_that_no_scheduler_gives(version: dict[str, Any], state: dict[str, Any], words: str) -> None:
    machine = FakeMachine()
    machine.http(f"{URL}/version", **version)
    machine.http(f"{URL}/api/state", **state)
    found = framework.observe_scheduler(machine, URL + "/")
    assert found["error"].startswith("ScaleIO scheduler: ") and words in found["error"]
    assert PASSWORD not in json.dumps(found) and found["nodes"] is None


def test_a_scheduler_that_does_not_run() -> None:
    found = framework.observe_scheduler(FakeMachine(), "")
    assert found["error"] == "ScaleIO scheduler: it does not run, so nobody knows its address; start its app"


@pytest.mark.parametrize(
    ("path", "answer", "words"),
    [
        ("frameworks", {"status": 307}, "another master leads now (GET http://m2:5050/frameworks) -- run again when"),
        ("frameworks", {"status": 503}, "another master leads now"),
        ("frameworks", {"status": 500, "text": "boom"}, "it answers 500 (GET http://m2:5050/frameworks): boom"),
        (
            "frameworks",
            {"status": 403},
            "it answers 403 (GET http://m2:5050/frameworks) -- permit the user 'ops' to see",
        ),
        ("frameworks", {"text": "<html>"}, "the answer is not JSON"),
        ("frameworks", {"json": {"frameworks": 1}}, "the answer is no list of a master's (http://m2:5050)"),
        ("slaves", {"json": {"slaves": 1}}, "the answer is no list of a master's (http://m2:5050)"),
        ("slaves", {"status": 307}, "another master leads now (GET http://m2:5050/slaves)"),
    ],
)
def test_a_leader_that_changes_or_refuses(path: str, answer: dict[str, Any], words: str) -> None:
    machine = everything()
    if path == "slaves":
        # The first look finds the leader.
        machine.http("http://m2:5050/slaves", **answer)
    else:
        machine.http(f"http://m2:5050/{path}", replace=True, **answer)
    found = framework.observe_mesos(machine, MASTERS, Credentials("ops", "s3"))
    assert (
        found["mesos_framework"]["error"].startswith("the leading master: ")
        and words in found["mesos_framework"]["error"]
    )
    assert found["agents"] is None and "s3" not in json.dumps(found)


def test_masters_are_asked_as_the_users_say() -> None:
    machine = everything()
    machine.user("http://m", "ops", "s3")
    found = framework.observe_mesos(machine, MASTERS, ANONYMOUS)
    assert "it wants a user and a password" in found["mesos_framework"]["error"]
    found = framework.observe_mesos(machine, MASTERS, Credentials("ops", "s3"))
    assert found["mesos_framework"]["error"] is None


# -- waiting ---------------------------------------------------------------------------------------------------------


def test_waiting_for_nodes() -> None:
    machine = FakeMachine()
    machine.http(f"{URL}/version", error="Connection refused")
    machine.after(1.0, lambda: scheduler(machine, a_node(1, 6), replaced=True))
    machine.after(3.0, lambda: scheduler(machine, a_node(1, 1024), replaced=True))
    progress = framework.wait_for_nodes(machine, lambda: URL, ["node1"], 30)
    assert 3.0 <= progress["seconds"] <= 4.0
    assert "Connection refused" in progress["missing"][0]


def test_the_deadline_of_nodes() -> None:
    machine = FakeMachine()
    scheduler(machine, a_node(1, 1024), a_node(2, 5))
    with pytest.raises(DeadlineError) as error:
        framework.wait_for_nodes(machine, lambda: URL, ["node1", "node2", "node3"], 3)
    assert (
        "every node in its final state at the framework: not within 3 s: node2 waits until its resources are added (state 5);"
        in (str(error.value))
    )
    assert "node3 is not known to the framework" in str(error.value)


def test_a_node_that_has_given_up_is_not_waited_for() -> None:
    machine = FakeMachine()
    scheduler(machine, a_node(1, 4096), a_node(2, 4096))
    with pytest.raises(HoldfastError) as error:
        framework.wait_for_nodes(machine, lambda: URL, ["node1"], 30)
    assert str(error.value).startswith("the framework has failed to install node1 (http://10.0.0.10:35000): state 4096")
    assert machine.clock == 0
