# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    DeadlineError,
    HoldfastError,
    RefusedError,
    WebError,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import ANONYMOUS, Answer, Credentials
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


def where() -> tuple[str, str]:
    return URL, "F1"


def test_waiting_for_nodes() -> None:
    machine = FakeMachine()
    machine.http(f"{URL}/version", error="Connection refused")
    machine.after(1.0, lambda: scheduler(machine, a_node(1, 6), replaced=True))
    machine.after(3.0, lambda: scheduler(machine, a_node(1, 1024), replaced=True))
    progress = framework.wait_for_nodes(machine, where, ["node1"], 30)
    assert 3.0 <= progress["seconds"] <= 4.0
    assert "Connection refused" in progress["missing"][0]


def test_the_deadline_of_nodes() -> None:
    machine = FakeMachine()
    scheduler(machine, a_node(1, 1024), a_node(2, 5))
    with pytest.raises(DeadlineError) as error:
        framework.wait_for_nodes(machine, where, ["node1", "node2", "node3"], 3)
    assert (
        "every node in its final state at the framework: not within 3 s: node2 waits until its resources are added (state 5);"
        in (str(error.value))
    )
    assert "node3 is not known to the framework" in str(error.value)


def test_a_node_that_has_given_up_is_not_waited_for() -> None:
    machine = FakeMachine()
    scheduler(machine, a_node(1, 4096), a_node(2, 4096))
    with pytest.raises(HoldfastError) as error:
        framework.wait_for_nodes(machine, where, ["node1"], 30)
    assert str(error.value).startswith("the framework has failed to install node1 (http://10.0.0.10:35000): state 4096")
    assert machine.clock == 0


# -- nodes that nobody takes on ----------------------------------------------------------------------------------------


def test_nodes_that_have_come_to_a_halt_are_not_waited_for() -> None:
    machine = FakeMachine()
    scheduler(machine, a_node(1, 7), a_node(2, 7), a_node(3, 1024))
    with pytest.raises(HoldfastError) as error:
        framework.wait_for_nodes(machine, where, ["node1", "node2", "node3"], 900)
    assert str(error.value) == (
        "node1, node2 came to a halt at the framework (http://10.0.0.10:35000): node1 waits for the other nodes before its last step"
        " (state 7); node2 waits for the other nodes before its last step (state 7); nothing has moved for 30 s, although all have"
        " come so far -- run the playbook holdfast.stateful.heal, which lets them go on"
    )
    assert 30 <= machine.clock <= 31


def test_those_that_wait_for_halted_nodes_alone_are_named_too() -> None:
    machine = FakeMachine()
    scheduler(machine, a_node(1, 1), a_node(2, 5))
    with pytest.raises(HoldfastError) as error:
        framework.wait_for_nodes(machine, where, ["node2"], 900)
    assert str(error.value).startswith(
        "node1 came to a halt at the framework (http://10.0.0.10:35000): node2 waits until"
    )
    assert 30 <= machine.clock <= 31


MOVES = [
    pytest.param((a_node(1, 7), a_node(2, 8)), (a_node(1, 7), a_node(2, 1024)), id="a node moves"),
    pytest.param((a_node(1, 7),), (a_node(1, 7), a_node(2, 1024)), id="a node comes"),
    pytest.param((a_node(1, 7), a_node(2, 6)), (a_node(1, 7), a_node(2, 7)), id="the last one arrives"),
]


@pytest.mark.parametrize(("before", "after"), MOVES)
def test_who_moves_sets_the_clock_back(before: tuple[dict[str, Any], ...], after: tuple[dict[str, Any], ...]) -> None:
    machine = FakeMachine()
    scheduler(machine, *before)
    machine.after(29.0, lambda: scheduler(machine, *after, replaced=True))
    with pytest.raises(HoldfastError, match="came to a halt"):
        framework.wait_for_nodes(machine, where, ["node1"], 900)
    assert 59 <= machine.clock <= 61


@pytest.mark.parametrize(
    "nodes",
    [
        pytest.param((a_node(1, 7), a_node(2, 8)), id="one that still moves"),
        pytest.param((a_node(1, 7), a_node(2, 6)), id="one behind"),
        pytest.param((a_node(1, 7),), id="one that is not known yet"),
    ],
)
def test_a_wait_for_others_too_goes_on_to_its_deadline(nodes: tuple[dict[str, Any], ...]) -> None:
    machine = FakeMachine()
    scheduler(machine, *nodes)
    with pytest.raises(DeadlineError):
        framework.wait_for_nodes(machine, where, ["node1", "node2"], 90)


@pytest.mark.parametrize("change", ["another scheduler", "silence", "no framework"])
def test_a_scheduler_that_is_not_the_same_all_the_time_sets_the_clock_back(change: str) -> None:
    machine = FakeMachine()
    scheduler(machine, a_node(1, 7))
    place: list[Any] = [URL, "F1"]
    if change == "silence":
        machine.after(20.0, lambda: machine.http(f"{URL}/version", error="Connection refused", replace=True))
        machine.after(22.0, lambda: scheduler(machine, a_node(1, 7), replaced=True))
    else:
        machine.after(20.0, lambda: place.__setitem__(1, None if change == "no framework" else "F2"))
        machine.after(22.0, lambda: place.__setitem__(1, "F2"))
    with pytest.raises(HoldfastError, match="came to a halt"):
        framework.wait_for_nodes(machine, lambda: (place[0], place[1]), ["node1"], 900)
    assert (50 if change == "another scheduler" else 52) <= machine.clock <= 54


def told(machine: FakeMachine) -> list[dict[str, Any]]:
    """What the scheduler was told, all of it about states."""
    posted = [(url, body) for method, url, body in machine.requests if method == "POST"]
    assert {url for url, _body in posted} <= {f"{URL}/api/node/state"}
    return [body for _url, body in posted]


def takes(machine: FakeMachine, *after: dict[str, Any]) -> None:
    """The scheduler takes a state, and shows these nodes from then on."""
    machine.http(
        f"{URL}/api/node/state",
        method="POST",
        json={"acknowledged": True},
        effect=lambda: scheduler(machine, *after, replaced=True),
    )


@pytest.mark.parametrize(("state", "following"), [(7, 8), (1, 2)])
def test_who_halts_is_let_go_on(state: int, following: int) -> None:
    machine = FakeMachine()
    scheduler(machine, a_node(1, state), a_node(2, 1024))
    takes(machine, a_node(1, following), a_node(2, 1024))
    machine.after(17.0, lambda: scheduler(machine, a_node(1, 1024), a_node(2, 1024), replaced=True))
    released: dict[str, int] = {}
    framework.release_nodes(machine, where, ["node1", "node2"], 60, released)
    assert released == {"node1": state}
    assert told(machine) == [{"acknowledged": False, "executorid": "executor-scaleio-node1", "state": following}]
    assert 15 <= machine.clock <= 19


def test_who_goes_on_by_itself_is_left_alone() -> None:
    machine = FakeMachine()
    scheduler(machine, a_node(1, 7), a_node(2, 7))
    machine.after(6.0, lambda: scheduler(machine, a_node(1, 8), a_node(2, 7), replaced=True))
    machine.after(11.0, lambda: scheduler(machine, a_node(1, 1024), a_node(2, 8), replaced=True))
    released: dict[str, int] = {}
    framework.release_nodes(machine, where, ["node1", "node2"], 60, released)
    assert (released, told(machine)) == ({}, [])


def test_nobody_is_let_go_on_while_somebody_is_below_or_who_is_not_meant() -> None:
    machine = FakeMachine()
    scheduler(machine, a_node(1, 7), a_node(2, 7), a_node(3, 6))
    released: dict[str, int] = {}
    with pytest.raises(DeadlineError) as error:
        framework.release_nodes(machine, where, ["node1", "node3"], 60, released)
    assert "node3 installs REX-Ray and its isolator (state 6)" in str(error.value)
    scheduler(machine, a_node(1, 1024), a_node(2, 7), a_node(3, 1024), replaced=True)
    framework.release_nodes(machine, where, ["node1", "node3"], 60, released)
    assert (released, told(machine)) == ({}, [])


def test_those_that_wait_for_a_halted_one_are_let_go_on_after_it() -> None:
    machine = FakeMachine()
    scheduler(machine, a_node(1, 1), a_node(2, 7))
    takes(machine, a_node(1, 2), a_node(2, 7))
    takes(machine, a_node(1, 8), a_node(2, 8))
    machine.after(40.0, lambda: scheduler(machine, a_node(1, 8), a_node(2, 7), replaced=True))
    released: dict[str, int] = {}
    framework.release_nodes(machine, where, ["node1", "node2"], 900, released)
    assert released == {"node1": 1, "node2": 7}
    assert [(body["executorid"][-5:], body["state"]) for body in told(machine)] == [("node1", 2), ("node2", 8)]


REFUSALS = [
    pytest.param(
        {"status": 400, "text": "Unable to find the Executor\n"}, "it answers 400: Unable to find the Executor"
    ),
    pytest.param({"json": {"acknowledged": False}}, 'it answers 200: {"acknowledged": false}'),
    pytest.param({"json": []}, "it answers 200: []"),
]


@pytest.mark.parametrize(("answer", "words"), REFUSALS)
def test_a_scheduler_that_does_not_take_a_state(answer: dict[str, Any], words: str) -> None:
    machine = FakeMachine()
    scheduler(machine, a_node(1, 7))
    machine.http(f"{URL}/api/node/state", method="POST", **answer)
    released: dict[str, int] = {}
    with pytest.raises(HoldfastError) as error:
        framework.release_nodes(machine, where, ["node1"], 60, released)
    assert str(error.value) == (
        f"the scheduler does not take state 8 of executor-scaleio-node1 (POST {URL}/api/node/state): {words} -- look into the"
        f" scheduler's log, mend what it says, and run again"
    )
    assert released == {}


@pytest.mark.parametrize("refused", [True, False], ids=["nothing listens", "no answer"])
def test_what_may_have_been_taken_counts_as_done(refused: bool) -> None:
    machine = Mute(refused)
    scheduler(machine, a_node(1, 7))
    released: dict[str, int] = {}
    with pytest.raises(DeadlineError):
        framework.release_nodes(machine, where, ["node1"], 20, released)
    assert released == ({} if refused else {"node1": 7})


class Mute(FakeMachine):
    """A scheduler that does not answer who tells it something."""

    def __init__(self, refused: bool) -> None:
        super().__init__()
        self.refused = refused

    def fetch(self, url: str, *, method: str = "GET", **said: Any) -> Answer:
        if method == "POST":
            raise (RefusedError if self.refused else WebError)("no answer", where=url)
        return super().fetch(url, method=method, **said)
