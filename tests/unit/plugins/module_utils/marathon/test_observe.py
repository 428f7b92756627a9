# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is asked, what is made of the answers, and the sentence for each answer that is none."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    InputError,
    UntrustedError,
    WebError,
    WorldChanged,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import Credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import observe
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.act import AppHands
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.model import App
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.observe import Marathon, observe_app
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.plan import Policy, plan_app, restart_step
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import FakeMachine
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.marathon.live_marathon import LiveMarathon

URL = "http://m1:8080"
APP = f"{URL}/v2/apps/a"
ANSWER: dict[str, Any] = {
    "id": "/a",
    "cmd": "./x",
    "env": {"A": "1"},
    "instances": 1,
    "version": "v1",
    "tasks": [
        {
            "id": "t1",
            "host": "agent01",
            "ports": [31000],
            "state": "TASK_RUNNING",
            "startedAt": "s",
            "version": "v1",
            "x": 1,
        },
        {"id": "t0", "host": "agent02", "state": "TASK_UNREACHABLE"},
    ],
    "tasksRunning": 1,
    "tasksStaged": 0,
    "deployments": [],
    "lastTaskFailure": {"taskId": "t0"},
}


def machine(status: int = 200, **more: Any) -> FakeMachine:
    found = FakeMachine()
    found.http(APP, status=status, **(more or {"json": {"app": ANSWER}}))
    return found


def test_an_app_as_it_stands() -> None:
    host = machine()
    assert observe_app(Marathon(host, [URL + "/"]), "/a") == {
        "id": "/a",
        "version": "v1",
        "definition": {"cmd": "./x", "env": {"A": "******** (another text)"}, "instances": 1},
        "tasks": [
            {
                "id": "t1",
                "host": "agent01",
                "ports": [31000],
                "state": "TASK_RUNNING",
                "startedAt": "s",
                "version": "v1",
            },
            {"id": "t0", "host": "agent02", "ports": [], "state": "TASK_UNREACHABLE", "startedAt": None, "version": ""},
        ],
        "taskIds": ["t1"],
        "tasksRunning": 1,
        "deployments": [],
        "lastTaskFailure": {"taskId": "t0"},
        "settled": True,
    }
    assert host.requests == [("GET", APP, None)]


@pytest.mark.parametrize(
    "unsettled", [{"tasksRunning": 0}, {"tasksRunning": 2}, {"tasksStaged": 1}, {"deployments": [{"id": "d"}]}]
)
def test_an_app_that_is_not_settled(unsettled: dict[str, Any]) -> None:
    app = observe_app(Marathon(machine(json={"app": {**ANSWER, **unsettled}}), [URL]), "/a")
    assert app is not None and not app["settled"]


def test_no_such_app() -> None:
    assert observe_app(Marathon(machine(404, json={"message": "App '/a' does not exist"}), [URL]), "/a") is None


STRANGER = "check that this address and port belong to Marathon itself"


@pytest.mark.parametrize(
    ("status", "more", "sentence"),
    [
        (404, {"text": "<html>"}, f"the answer is not JSON ({APP}): 6 characters -- check that this address and port"),
        (404, {"json": {}}, f"the answer 404 is not one of Marathon's ({APP}): it lacks message -- {STRANGER}"),
        (200, {"json": []}, f"the answer 200 is not one of Marathon's ({APP}): it lacks app -- {STRANGER}"),
        (
            200,
            {"json": {"app": {"id": "/a"}}},
            f"the answer 200 is not one of Marathon's ({APP}): its app lacks instances or deployments -- {STRANGER}",
        ),
        (
            307,
            {"text": ""},
            f"the answer 307 is not one of Marathon's ({APP}): 0 characters without a message -- {STRANGER}",
        ),
        (
            500,
            {"json": {"message": "store of Planted-2"}},
            "Marathon refused it with status 500 (GET http://m1:8080/v2/apps/a): store of ******** -- look at Marathon's log, then run again",
        ),
        (
            401,
            {"json": {}},
            f"Marathon refused the user ops (GET {APP}): status 401 -- mend marathon_username and marathon_password",
        ),
        (
            403,
            {"json": {}},
            f"Marathon refused the user ops (GET {APP}): status 403 -- let this user change the app, or name another",
        ),
        (
            503,
            {"json": {"message": "no leader"}},
            f"Marathon refused it with status 503 (GET {APP}): no leader -- look at",
        ),
        (
            200,
            {"error": "refused"},
            f"no answer (GET {APP}): refused -- check the address, the port and the certificate",
        ),
    ],
)
def test_answers_that_are_errors(status: int, more: dict[str, Any], sentence: str) -> None:
    web = Marathon(machine(status, **more), [URL], Credentials("ops", "Planted-2"))
    with pytest.raises(WebError) as caught:
        observe_app(web, "/a")
    assert str(caught.value).startswith(sentence)


def test_nobody_is_known() -> None:
    with pytest.raises(WebError) as caught:
        observe_app(Marathon(machine(401, json={}), [URL]), "/a")
    assert str(caught.value).startswith(f"Marathon asks for a user and a password (GET {APP}): status 401")


def test_none_of_several_answers() -> None:
    host = machine(503, json={"message": "no leader"})
    host.http("http://m2:8080/v2/apps/a", error="refused")
    with pytest.raises(WebError) as caught:
        observe_app(Marathon(host, [URL, "http://m2:8080"]), "/a")
    assert str(caught.value) == (
        f"no Marathon answers (GET /v2/apps/a): GET {APP}: no leader; GET http://m2:8080/v2/apps/a: refused -- look why; one of"
        " them is enough"
    )


def test_wrong_credentials_and_untrusted_certificates_are_not_carried_on() -> None:
    host = machine(401, json={})
    with pytest.raises(WebError):
        observe_app(Marathon(host, [URL, "http://m2:8080"]), "/a")
    assert len(host.requests) == 1

    def untrusted(url: str, **_more: Any) -> Any:
        host.requests.append(("GET", url, None))
        raise UntrustedError("the certificate is not trusted", where=url)

    host.fetch = untrusted  # type: ignore[method-assign] # the fake speaks no TLS
    host.requests.clear()
    with pytest.raises(UntrustedError):
        observe_app(Marathon(host, [URL, "http://m2:8080"]), "/a")
    assert len(host.requests) == 1


@pytest.mark.parametrize(
    ("urls", "sentence"),
    [
        ([], "no Marathon is declared -- name its URLs, like http://10.0.0.11:8080"),
        (["m1:8080"], "this is no URL of Marathon (m1:8080) -- write it like http://10.0.0.11:8080, without a path"),
        (["http://m1:x"], "this is no URL of Marathon (http://m1:x) -- write it"),
        (["http://m1:8080/v2/apps"], "this is no URL of Marathon (http://m1:8080/v2/apps) -- write it"),
        (
            ["http://ops:Planted@m1:8080"],
            "the URL of Marathon holds credentials (http://...@m1:8080) -- give them as marathon_username and",
        ),
    ],
)
def test_urls_that_are_refused(urls: list[str], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        Marathon(FakeMachine(), urls)
    assert str(caught.value).startswith(sentence)


def test_refusals_name_what_marathon_does_not_like() -> None:
    host = machine(404, json={"message": "App '/a' does not exist"})
    body = {
        "message": "Object is not valid",
        "details": [{"path": "/cpus", "errors": ["error.min", "x"]}, {"attribute": "id", "error": "bad"}, 7],
    }
    host.http(f"{URL}/v2/apps?force=false", method="POST", status=422, json=body)
    wanted = App("/a", {"cmd": "x"})
    hands = AppHands(Marathon(host, [URL]), "/a", wanted)
    hands.look()
    with pytest.raises(WebError) as caught:
        hands.execute(plan_app(wanted, None, Policy())[0])
    assert str(caught.value) == (
        "Marathon refused it with status 422 (POST http://m1:8080/v2/apps): Object is not valid; /cpus: error.min, x; id: bad -- mend what it"
        " says"
    )


def test_deployments_and_what_is_left_of_an_app() -> None:
    host = FakeMachine()
    host.http(
        f"{URL}/v2/deployments",
        json=[
            {"id": "d1", "affectedApps": ["/a", "/b"], "currentActions": [{"action": "StopApplication", "app": "/a"}]},
            {"id": "d2", "affectedApps": [], "currentActions": [], "currentStep": 1, "totalSteps": 3},
        ],
    )
    host.http(f"{URL}/v2/tasks", json={"tasks": [{"id": "t", "appId": "/a", "host": "h"}, {"id": "u", "appId": "/ab"}]})
    web = Marathon(host, [URL])
    assert [item["words"] for item in observe.observe_deployments(web)] == [
        "deployment d1 of /a, /b (StopApplication /a)",
        "deployment d2 of no app (step 1 of 3)",
    ]
    assert observe.observe_remains(web, "/a") == [
        "deployment d1 of /a, /b (StopApplication /a)",
        "task t on h (in no known state)",
    ]


@pytest.mark.parametrize("path", ["/v2/deployments", "/v2/tasks"])
@pytest.mark.parametrize(("status", "body"), [(500, {"message": "x"}), (200, {"y": 1})])
def test_lists_that_are_errors(path: str, status: int, body: Any) -> None:
    host = FakeMachine()
    host.http(f"{URL}/v2/deployments", json=[])
    host.http(URL + path, status=status, json=body, replace=True)
    with pytest.raises(WebError):
        observe.observe_remains(Marathon(host, [URL]), "/a")


QUEUED = {"app": {"id": "/a"}, "count": 2}


@pytest.mark.parametrize(
    ("queue", "words"),
    [
        ([], ""),
        ([{**QUEUED, "app": {"id": "/b"}}], ""),
        (
            [{**QUEUED, "delay": {"timeLeftSeconds": 9, "overdue": False}}],
            "Marathon launches 2 more in 9 s, after failures",
        ),
        ([QUEUED], "Marathon finds no offer for 2 more: it declined none"),
        (
            [
                {
                    **QUEUED,
                    "processedOffersSummary": {
                        "rejectSummaryLastOffers": [
                            {"reason": "InsufficientCpus", "declined": 3},
                            {"reason": "UnfulfilledRole", "declined": 0},
                        ]
                    },
                }
            ],
            "Marathon finds no offer for 2 more: it declined 3 for InsufficientCpus",
        ),
    ],
)
def test_why_nothing_is_launched(queue: list[Any], words: str) -> None:
    host = FakeMachine()
    host.http(f"{URL}/v2/queue", json={"queue": queue})
    assert observe.waiting_for(Marathon(host, [URL]), "/a") == words


def test_nobody_says_why_nothing_is_launched() -> None:
    host = FakeMachine()
    host.http(f"{URL}/v2/queue", error="refused")
    assert observe.waiting_for(Marathon(host, [URL]), "/a") == ""


# -- steps that somebody else planned -----------------------------------------------------------------------------


def test_a_restart_by_itself() -> None:
    host = LiveMarathon()
    host.put("/a", cmd="x", env={"P": "Planted"})
    hands = AppHands(Marathon(host, [URL]), "/a")
    seen = hands.look()["app"]
    step = restart_step(seen, Policy(), "its scheduler spins")
    assert step.sentence == "restart the app /a through Marathon: its scheduler spins"
    AppHands(Marathon(host, [URL]), "/a").execute(step)
    assert host.tasks["/a"][0]["id"] not in seen["taskIds"]
    with pytest.raises(WorldChanged):
        step.requires[0].check(hands.look(), step.sentence)


def test_a_restart_of_an_app_that_is_gone() -> None:
    host = LiveMarathon()
    step = restart_step({"id": "/a", "taskIds": [], "deployments": []}, Policy(), "why")
    with pytest.raises(WebError) as caught:
        AppHands(Marathon(host, [URL]), "/a").execute(step)
    assert "App '/a' does not exist" in str(caught.value)


def test_a_secret_that_was_not_handed_over() -> None:
    host = LiveMarathon()
    wanted = App("/a", {"cmd": "x"}, ("P",))
    with pytest.raises(Exception) as caught:
        AppHands(Marathon(host, [URL]), "/a", wanted).execute(plan_app(wanted, None, Policy())[0])
    assert str(caught.value) == "the secret P of the app /a was not handed over with the step"
    assert host.requests == []
