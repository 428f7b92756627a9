# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both methods of the article, from sixteen plain agents to the gateway (scenario scaleio_framework).

One story: first by attributes, then, from the beginning again, by the global pool; the gateway must keep the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.lab.harness import (
    LAB_INVENTORY,
    ROOT,
    SERVICES_INVENTORY,
    Run,
    address,
    contributed,
    declaring,
    gateway,
    hashes,
    lab,
    launches,
    on,
    playbook,
    registered,
    root,
    started_with,
    tree,
    until,
)
from tests.lab.planted import around, polled, shown_on

AGENTS = [f"agent{number:02}" for number in range(1, 17)]
IMPERATIVE = "holdfast.stateful.scaleio_imperative"
GLOBAL = "holdfast.stateful.scaleio_global_pool"
STATUS = "holdfast.stateful.status"
WHOLE = (LAB_INVENTORY, SERVICES_INVENTORY, ROOT / "inventories" / "hyperconverged_16")
FAST = {"scaleio_max_unavailable": 8}
PASSWORD = "Planted-3f9c7e-password"


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that says the password."""
    path = tmp_path_factory.mktemp("framework") / "known.yml"
    path.touch(mode=0o600)
    path.write_text(json.dumps({"scaleio_password": PASSWORD}))
    return path


def plain() -> None:
    """Sixteen agents without attributes, a ScaleIO without anything, and a password that is nowhere else."""
    lab("plain")
    (root("m1") / "etc/scaleio-gateway/admin.password").write_text(f"{PASSWORD}\n")


@pytest.fixture(scope="module")
def run(known: Path) -> Callable[..., Run]:
    """A playbook on all agents, and those of further inventories."""

    def play(book: str, *arguments: str, inventories: Sequence[Path] = (), **variables: Any) -> Run:
        secret = ("-e", f"@{known}", *arguments)
        return playbook(book, *secret, inventories=(*WHOLE, *inventories), variables={**FAST, **variables})

    return play


@pytest.fixture(scope="module")
def predicted(run: Callable[..., Run]) -> Run:
    plain()
    checked = run(IMPERATIVE, "--check").expect(0)
    assert launches() == [] and contributed() == {}
    return checked


@pytest.fixture(scope="module")
def first(run: Callable[..., Run], predicted: Run) -> Run:
    """The deployment, while everybody's arguments are read."""
    with polled(PASSWORD) as watch:
        done = run(IMPERATIVE, "-vvv", "--diff").expect(0)
    assert watch.found == set()
    return done


# -- by attributes -------------------------------------------------------------------------------------------------------


def test_attributes_then_the_framework_then_the_gateway(predicted: Run, first: Run) -> None:
    assert predicted.actions() == first.actions()
    assert first.changed() == dict.fromkeys([*AGENTS, "m1"], 1)
    assert contributed() == {address(host): {"/dev/xvdf": "engineering/qe"} for host in AGENTS}


@pytest.fixture(scope="module")
def second(run: Callable[..., Run], first: Run) -> Run:
    """The same again, beside which nothing starts."""
    before, launched = {host: started_with(host) for host in AGENTS}, launches()
    done = run(IMPERATIVE, "-vvv", "--diff").expect(0)
    assert ({host: started_with(host) for host in AGENTS}, launches()) == (before, launched)
    return done


def test_again_nothing_is_changed_and_one_channel_is_enough(run: Callable[..., Run], second: Run) -> None:
    for again in (second, run(IMPERATIVE, "--check").expect(0)):
        assert again.changed() == {} and again.actions() == {}
        assert again.channels == {address(host): 1 for host in [*AGENTS, "m1"]}


def test_the_devices_are_really_held() -> None:
    for host in ("agent01", "agent16"):
        assert on(host, "head", "-c", "14", "/dev/xvdf") == "SIO_SDS_DEVICE"
        held = on(
            host, "sh", "-c", "python3 -c 'import os; os.open(\"/dev/xvdf\", os.O_RDWR | os.O_EXCL)' 2>&1 || true"
        )
        assert "busy" in held


def test_status_shows_every_layer_and_the_gateways_table(run: Callable[..., Run]) -> None:
    shown = run(STATUS).expect(0).output
    row = r"^agent07 +registered +engineering: qe=/dev/xvdf +same +same +same +runs +same +nothing$"
    assert re.search(row, shown, re.MULTILINE), shown[-4000:]
    assert re.search(r"^engineering +qe +16 +16 +35\.2 TB$", shown, re.MULTILINE), shown[-4000:]


def test_the_password_is_nowhere(first: Run, second: Run) -> None:
    for done in (first, second):
        assert PASSWORD not in done.output, around(done.output, PASSWORD)
        assert PASSWORD not in json.dumps(done.results), around(json.dumps(done.results), PASSWORD)
    for host in ("m1", "agent01", "agent16"):
        # The framework itself leaves it readable on every agent; docs/scaleio_imperative.md says so.
        assert set(shown_on(host, PASSWORD)) <= {f"/etc/rexray/config.yml {PASSWORD}"}


# -- a new host ------------------------------------------------------------------------------------------------------------


def test_a_new_host_is_one_line(run: Callable[..., Run], tmp_path: Path) -> None:
    before, launched = {host: started_with(host) for host in AGENTS}, launches()
    line = tmp_path / "newcomer.yml"
    line.write_text("mesos_agents: {hosts: {agent17: }}\n")
    joined = run("holdfast.stateful.onboard", inventories=[line]).expect(0)
    assert set(joined.changed()) == {"agent17"}
    assert contributed()[address("agent17")] == {"/dev/xvdf": "engineering/qe"}
    assert {host: started_with(host) for host in AGENTS} == before
    assert launches() == launched


# -- by the global pool ----------------------------------------------------------------------------------------------------


POOL: dict[str, Any] = {
    "scaleio_method": "global_pool",
    "scaleio_sds": {},
    "scaleio_sdc": None,
    "scaleio_protection_domain": "engineering",
    "scaleio_storage_pool": "qe",
}
CONFIRMED = {**POOL, "scaleio_global_pool_devices": ["/dev/xvdf"]}


@pytest.fixture(scope="module")
def by_attributes(first: Run) -> dict[str, Any]:
    """What the gateway kept of the first sixteen; afterwards everything begins anew."""
    shown = gateway()
    shown["protection_domains"]["engineering"]["sdss"].pop(f"sds_{address('agent17')}", None)
    plain()
    return shown


def test_nothing_is_taken_unasked(run: Callable[..., Run], by_attributes: dict[str, Any]) -> None:
    before = hashes(*AGENTS, "m1")
    refused = run(GLOBAL, **POOL).expect(2)
    assert hashes(*AGENTS, "m1") == before
    sentence = "the framework would take 16 disks that nobody has confirmed (agent01 /dev/xvdf, agent02"
    assert sentence in refused.failures()["agent01"]
    line = "agent16: /dev/xvdf (2199 GB): not confirmed: fdisk lists it and no path in blkid's output contains its name"
    assert f"scaleio: {line}" in refused.output


def test_the_global_pool_ends_in_the_same_gateway(run: Callable[..., Run], by_attributes: dict[str, Any]) -> None:
    checked = run(GLOBAL, "--check", **CONFIRMED).expect(0)
    done = run(GLOBAL, **CONFIRMED).expect(0)
    assert checked.actions() == done.actions()
    assert done.changed() == dict.fromkeys([*AGENTS, "m1"], 1)
    until(lambda: gateway() == by_attributes)
    assert all(tree(host) == {} for host in AGENTS)
    assert set(registered()) == set(AGENTS)


def test_again_nothing_is_changed_by_the_global_pool(run: Callable[..., Run]) -> None:
    launched = launches()
    for arguments in ((), ("--check",)):
        again = run(GLOBAL, *arguments, **CONFIRMED).expect(0)
        assert again.changed() == {} and again.actions() == {}
        assert again.channels == {address(host): 1 for host in [*AGENTS, "m1"]}
    assert launches() == launched


def test_a_new_host_without_a_word_stops_the_play(run: Callable[..., Run], tmp_path: Path) -> None:
    everybody = [*AGENTS, "agent17", "m1"]
    before = hashes(*everybody)
    silent = declaring(tmp_path, agent17={"scaleio_global_pool_devices": []})
    confirmed = declaring(tmp_path, **{host: {"scaleio_global_pool_devices": ["/dev/xvdf"]} for host in AGENTS})
    stopped = run(GLOBAL, inventories=[confirmed, silent], **POOL).expect(2)
    assert "would take 1 disk that nobody has confirmed (agent17 /dev/xvdf)" in stopped.failures()["agent01"]
    assert hashes(*everybody) == before
