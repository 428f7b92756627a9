# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduler's REST API beyond what the records show."""

from __future__ import annotations

import json

import pytest
from framework import programs
from scaleio_simulator import rest, web

from .conftest import Framework

JSON = "application/json; charset=UTF-8"
TEXT = "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api"),
        ("GET", "/api/node/state"),
        ("POST", "/version"),
        ("DELETE", "/api/state"),
        ("GET", "/api/state/"),
    ],
)
def test_unknown_paths_and_wrong_methods_are_404(framework: Framework, method: str, path: str) -> None:
    framework.start()
    answer = programs.ask(framework.url + path, method=method)
    assert (answer.status, answer.body, answer.headers["Content-Type"]) == (404, "404 page not found\n", TEXT)


@pytest.mark.parametrize("kind", ["state", "device", "ping"])
@pytest.mark.parametrize("body", ["", "[]", "{", '{"executorid": 1}', '{"keyvalue": {"a": 1}}', '"x"'])
def test_what_is_no_object_of_the_api_is_400(framework: Framework, kind: str, body: str) -> None:
    framework.start()
    answer = programs.ask(f"{framework.url}/api/node/{kind}", body or " ")
    assert (answer.status, answer.body) == (400, "Unable to marshall the response\n")
    assert (answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]) == (TEXT, "nosniff")


def test_types_of_members(framework: Framework) -> None:
    framework.start()
    framework.join(1)
    for state in (5.5, "5", True):
        assert framework.tell(1, state=state).status == 400
    for devices in ("/dev/sdb", [1]):
        assert framework.tell(1, "device", devices=devices).status == 400
    assert framework.tell(1, STATE=3).status == 200  # names match in any case, as Go's do
    assert framework.node(1)["state"] == 3


def test_an_unknown_executor(framework: Framework) -> None:
    framework.start()
    for kind in ("state", "device", "ping"):
        answer = framework.tell(7, kind)
        assert (answer.status, answer.body) == (400, "Unable to find the Executor\n")


def test_any_number_is_a_state(framework: Framework) -> None:
    framework.start()
    framework.join(1)
    framework.join(2)  # in state 0, so that nothing moves the other
    for number in (77, -3, 5, 0):
        answer = framework.tell(1, state=number)
        told = f'{{"acknowledged":true,"executorid":"executor-scaleio-node1","state":{number}}}\n'
        assert (answer.status, answer.body, answer.headers["Content-Type"]) == (200, told, JSON)
        assert framework.node(1)["state"] == number
    assert framework.node(1)["lastcontact"] > 0


def test_devices_are_appended_and_never_replaced(framework: Framework) -> None:
    framework.start("-scaleio.protectiondomain=gpd", "-scaleio.storagepool=gsp")
    framework.join(1)
    framework.tell(1, state=0)  # held, so that nothing goes to the gateway
    assert framework.tell(1, "device", devices=[]).status == 200
    node = framework.node(1)
    assert (node["advertised"], node["ProvidesDomains"]) == (True, None)
    framework.tell(1, "device", devices=["/dev/sdb", "/dev/sdc"])
    framework.tell(1, "device", devices=["/dev/sdb"])
    pool = framework.node(1)["ProvidesDomains"]["gpd"]["Pools"]["gsp"]
    assert pool == {"name": "gsp", "devices": ["/dev/sdb", "/dev/sdc", "/dev/sdb"]}


def test_devices_of_an_imperative_node_are_taken_too(framework: Framework) -> None:
    framework.start()
    framework.join(1, "scaleio-sds-domains:d;scaleio-sds-d:p;scaleio-sds-p:/dev/xvdf")
    framework.tell(1, "device", devices=["/dev/sdd"])
    assert sorted(framework.node(1)["ProvidesDomains"]) == ["d", "default"]


def test_configured_is_kept(framework: Framework) -> None:
    program = framework.start()
    assert programs.state(framework.url)["ScaleIO"]["configured"] is False
    answer = programs.ask(f"{framework.url}/api/state", "{}")
    assert (answer.status, answer.body) == (200, '{"acknowledged":true}\n')
    program.stop()
    framework.new_master()
    framework.start()
    assert programs.state(framework.url)["ScaleIO"]["configured"] is True


def test_nodes_are_null_until_there_are_some(framework: Framework) -> None:
    framework.start()
    assert programs.state(framework.url)["ScaleIO"]["Nodes"] is None
    assert programs.state(framework.url)["ScaleIO"]["atleastoneimperative"] is False


def test_the_executor_is_served_from_beside_the_scheduler(framework: Framework) -> None:
    framework.start()
    path = framework.world.folder / "scaleio-executor"
    assert programs.fetch(f"{framework.url}/scaleio-executor") == path.read_bytes()
    path.unlink()
    answer = programs.ask(f"{framework.url}/scaleio-executor")
    assert (answer.status, answer.body) == (404, "File does not exist\n")


def test_the_executor_is_served_from_elsewhere(framework: Framework) -> None:
    other = framework.world.folder / "other"
    other.write_bytes(b"other")
    framework.start(f"-executor.altpath={other}")
    assert programs.fetch(f"{framework.url}/scaleio-executor") == b"other"


def test_the_page_names_states(framework: Framework) -> None:
    framework.start()
    framework.join(1)
    framework.tell(1, state=1024)
    assert "executor-scaleio-node1 = ScaleIO Running<br />" in programs.ask(framework.url).body


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("plain", "plain"),
        ("100%", "100%!(NOVERB)"),
        ("50%off", "50%!o(MISSING)ff"),
        ("a%%b", "a%b"),
        ('p%"', 'p%!"(MISSING)'),
        ("%-5.2f", "%!f(MISSING)"),
    ],
)
def test_percent_signs_go_through_a_format(text: str, printed: str) -> None:
    assert rest.printed(text).decode() == printed


def test_a_password_is_shown_to_everybody_and_escaped_as_go_does(framework: Framework) -> None:
    framework.start("-scaleio.password=a<b>&c")
    answer = programs.ask(f"{framework.url}/api/state")
    assert r'"adminpassword": "a\u003cb\u003e\u0026c"' in answer.body
    assert json.loads(answer.body)["ScaleIO"]["adminpassword"] == "a<b>&c"


def test_short_answers_have_a_length_and_long_ones_come_in_chunks() -> None:
    short = web.serialize(web.Response(200, b"x" * 2048, sniffed="text/plain"), False)
    assert b"Content-Length: 2048\r\nContent-Type: text/plain\r\n\r\n" in short
    assert b"Transfer-Encoding: chunked" in web.serialize(web.Response(200, b"x" * 2049), False)
