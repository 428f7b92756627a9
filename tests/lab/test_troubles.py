# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Services that are down, refuse, or are others than declared: each has its sentence, and nothing is changed (scenario
scaleio_troubles).

The agents are bare and the framework was never started, so that every refusal comes before the first change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml

from tests.lab.harness import (
    MASTERS,
    SERVICES_INVENTORY,
    Run,
    address,
    aliases,
    alone,
    contributed,
    few,
    hashes,
    lab,
    on,
    playbook,
    root,
    until,
)

AGENTS = ("agent01", "agent03", "agent05")
EVERYBODY = (*AGENTS, *MASTERS)
DEPLOY = "holdfast.stateful.scaleio_imperative"
GLOBAL = "holdfast.stateful.scaleio_global_pool"
DECLARED = {"scaleio_sds": {"engineering": {"qe": ["/dev/xvdf"]}}, "scaleio_framework_timeout": 20}
POOL = {"scaleio_method": "global_pool", "scaleio_sds": {}, "scaleio_framework_timeout": 20}

Play = Callable[..., Run]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Play:
    """A playbook on the three, which stand alone."""
    lab("reset")
    alone(*AGENTS)
    inventories = (*few(tmp_path_factory.mktemp("troubles"), *AGENTS, declared=False), SERVICES_INVENTORY)

    def play(book: str, *arguments: str, **variables: Any) -> Run:
        return playbook(book, *arguments, inventories=inventories, variables=variables)

    return play


@contextmanager
def stopped(unit: str) -> Iterator[None]:
    on("m1", "systemctl", "stop", unit)
    try:
        yield
    finally:
        on("m1", "systemctl", "start", unit)


@contextmanager
def hooked(name: str, content: str) -> Iterator[None]:
    """A fault of the gateway."""
    folder = root("m1") / "run/scaleio-gateway-simulator"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content)
    try:
        yield
    finally:
        (folder / name).unlink(missing_ok=True)


@contextmanager
def guarded_marathon() -> Iterator[None]:
    """Marathon wants a user and a password."""
    file = root("m1") / "etc/marathon/conf/http_credentials"
    file.touch(mode=0o600)
    file.write_text("holdfast:planted-marathon\n")
    on("m1", "systemctl", "restart", "marathon")
    until(lambda: _status() == "401")
    try:
        yield
    finally:
        file.unlink()
        on("m1", "systemctl", "restart", "marathon")
        until(lambda: _status() == "200")


def _status() -> str:
    return on("m1", "sh", "-c", "curl -s -o /dev/null -w '%{http_code}' http://localhost:8080/v2/info || true")


def refused(run: Play, book: str, sentence: str, **variables: Any) -> None:
    before = hashes(*EVERYBODY)
    ended = run(book, **variables).expect(2)
    failures = "\n".join(ended.failures().values())
    assert sentence in failures, f"{sentence!r} is not in:\n{failures[:2000]}"
    assert ended.changed() == {}
    assert hashes(*EVERYBODY) == before


def _mdms() -> dict[str, list[str]]:
    return {role: [address(host)] for role, host in zip(("primary", "secondary", "tiebreaker"), MASTERS)}


# What is declared for one cluster each, and the sentence that refuses it.
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "a-wrong-password": ({"scaleio_password": "Wrong-4711"}, "the gateway refuses the password of the user 'admin'"),
    "a-guessable-password": (
        {"scaleio_password": "guessable"},
        "a password given to this module is also a part of what was seen on this host",
    ),
    "no-password": ({"scaleio_password": ""}, "scaleio_password is empty"),
    "an-untrusted-certificate": ({"scaleio_gateway_ca_file": ""}, "certificate"),
    "two-primaries": (
        {"scaleio_mdms": {"primary": ["10.0.0.1", "10.0.0.2"], "secondary": ["10.0.0.3"], "tiebreaker": ["10.0.0.4"]}},
        "2 hosts have scaleio_mdm_role: primary (10.0.0.1, 10.0.0.2); exactly one is needed",
    ),
    "others-as-mdms": (
        {"scaleio_mdms": {"primary": ["10.89.99.1"], "secondary": ["10.89.99.2"], "tiebreaker": ["10.89.99.3"]}},
        "is declared",
    ),
    "another-system": (
        {"scaleio_system_name": "another"},
        "the gateway shows the system scaleio (id 5a1e000000000001) and not the declared one called another",
    ),
    "a-persona": ({"scaleio_persona": "primary"}, "scaleio_persona is primary, and the MDMs are configured beforehand"),
    "no-download": ({"scaleio_framework_uris": []}, "scaleio_framework_uris names no scaleio-scheduler"),
    "another-method": ({"scaleio_method": "global_pool"}, "Run holdfast.stateful.scaleio_global_pool"),
    "no-marathon": ({"scaleio_marathon": ["http://m1:8081"]}, "Marathon: no answer"),
}


@pytest.fixture(scope="module")
def together(run: Play, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run of all these clusters, each of agent01 and m1 under other names, and the proof that it has changed nothing."""
    agents, fronts = {}, {}
    for name, (variables, _) in CASES.items():
        declared = {**DECLARED, "scaleio_cluster": name, **variables}
        agents[f"{name}-agent"] = ("agent01", yaml.safe_dump(declared))
        fronts[f"{name}-front"] = {"scaleio_mdms": _mdms(), **declared}
    before = hashes(*EVERYBODY)
    ended = playbook(DEPLOY, inventories=aliases(tmp_path_factory.mktemp("together"), agents, fronts)).expect(2)
    assert ended.changed() == {}
    assert hashes(*EVERYBODY) == before
    return ended


@pytest.mark.parametrize("name", CASES)
def test_what_is_declared_and_not_so(together: Run, name: str) -> None:
    said = together.failures()[f"{name}-agent"]
    assert CASES[name][1] in said, said


def test_marathon_is_down(run: Play) -> None:
    with stopped("marathon"):
        refused(run, DEPLOY, "Marathon: no answer", **DECLARED)


def test_the_gateway_is_down(run: Play) -> None:
    with stopped("scaleio-gateway"):
        refused(run, DEPLOY, "ScaleIO gateway: no answer", **DECLARED)


def test_the_gateway_shows_another_cluster(run: Play) -> None:
    with hooked("cluster", json.dumps({"name": "somebody", "id": "1"})):
        refused(run, DEPLOY, "the gateway shows the system somebody (id 1)", **DECLARED)


def test_marathon_wants_another_password(run: Play) -> None:
    with guarded_marathon():
        refused(run, DEPLOY, "Marathon asks for a user and a password", **DECLARED)
        told = {"scaleio_marathon_username": "holdfast", "scaleio_marathon_password": "planted-wrong"}
        refused(run, DEPLOY, "Marathon refused the user holdfast", **DECLARED, **told)


def test_an_agent_that_no_inventory_names(run: Play) -> None:
    on("agent09", "systemctl", "start", "mesos-slave")
    until(lambda: "agent09" in on("m1", "sh", "-c", f"curl -sL http://{address('m1')}:5050/slaves"))
    try:
        sentence = "agent09: registered at the leading master without imperative attributes and not in the inventory"
        refused(run, DEPLOY, sentence, **DECLARED)
    finally:
        on("agent09", "systemctl", "stop", "mesos-slave")
    alone(*AGENTS)


# -- the global pool -----------------------------------------------------------------------------------------------------


def test_a_spare_disk_is_not_taken_unasked(run: Play) -> None:
    sentence = "the framework would take 1 disk that nobody has confirmed (agent05 /dev/xvdg)"
    refused(run, GLOBAL, sentence, **POOL, scaleio_global_pool_devices=["/dev/xvdf"])


def test_a_disk_in_use_is_never_taken(run: Play) -> None:
    # Open, without anything on it that blkid would see.
    holder = "import os, time; os.open('/dev/xvdg', os.O_RDWR | os.O_EXCL); open('/run/held', 'w'); time.sleep(120)"
    on(
        "agent05",
        "sh",
        "-c",
        f'setsid python3 -c "{holder}" > /dev/null 2>&1 & while [ ! -e /run/held ]; do sleep 0.1; done',
    )
    try:
        sentence = "agent05: the framework would take /dev/xvdg, which cannot be opened exclusively"
        refused(run, GLOBAL, sentence, **POOL, scaleio_global_pool_devices=["/dev/xvdf"])
    finally:
        on("agent05", "sh", "-c", "pkill -f '[o]s.O_EXCL'; rm -f /run/held")


def test_a_confirmed_disk_that_got_a_file_system(run: Play) -> None:
    on("agent05", "mkfs.ext4", "-q", "-F", "-N", "2048", "-O", "^has_journal", "-E", "nodiscard", "/dev/xvdg")
    sentence = "scaleio_global_pool_devices confirms /dev/xvdg, and the framework does not take it"
    devices = {"agent05": ["/dev/xvdf", "/dev/xvdg"]}
    confirmed = "{{ " + json.dumps(devices) + "[inventory_hostname] | default(['/dev/xvdf']) }}"
    refused(run, GLOBAL, sentence, **POOL, scaleio_global_pool_devices=confirmed)


# -- what fails on the way -------------------------------------------------------------------------------------------------


def test_the_app_is_locked_by_another_deployment(run: Play) -> None:
    # More than any agent has: its deployment never ends.
    body = {"id": "/scaleio-scheduler", "cmd": "sleep 1", "cpus": 900, "mem": 16, "instances": 1}
    post = ["curl", "-s", "-X", "POST", "-H", "Content-Type: application/json", "-d", json.dumps(body)]
    on("m1", *post, "http://localhost:8080/v2/apps")
    try:
        failed = run(DEPLOY, **{**DECLARED, "scaleio_framework_timeout": 8}).expect(2)
        assert "was locked for 8 s, so this was not done" in failed.failures()["m1"], failed.failures()
        assert contributed() == {}
    finally:
        on("m1", "curl", "-s", "-X", "DELETE", "http://localhost:8080/v2/apps/scaleio-scheduler?force=true")
    until(lambda: '"apps":[]' in on("m1", "curl", "-s", "http://localhost:8080/v2/apps").replace(" ", ""))


def test_the_gateway_refuses_a_login(run: Play) -> None:
    with hooked("refuse-login", ""):
        refused(run, DEPLOY, "the gateway refuses the password", **DECLARED)


def test_the_gateway_refuses_one_sds(run: Play) -> None:
    """Attributes stand by then; the run ends with what is missing, and heal creates it by consent."""
    whole = {address(host): {"/dev/xvdf": "engineering/qe"} for host in AGENTS}
    name = f"sds_{address('agent03')}"
    with hooked("refuse-sds", f"{name}\n"):
        failed = run(DEPLOY, **DECLARED).expect(2)
    assert f"has no SDS {name}" in failed.failures()["m1"], failed.failures()
    assert contributed() == {ip: held for ip, held in whole.items() if ip != address("agent03")}
    healed = run("holdfast.stateful.heal", **DECLARED, scaleio_heal_create=True).expect(0)
    assert set(healed.changed()) == {"m1"}
    assert contributed() == whole
    assert run(DEPLOY, **DECLARED).expect(0).changed() == {}
