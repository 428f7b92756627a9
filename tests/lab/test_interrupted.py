# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Deployments of the framework that are killed with all their processes on the controller, or whose scheduler or master dies
under them: they end, or the next run ends, in the same state (scenario scaleio_interrupted).

Three bare agents each time. The moments are spread over the whole run, and taken from what is seen outside of it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.harness import (
    MASTERS,
    SERVICES_INVENTORY,
    address,
    alone,
    contributed,
    few,
    gateway_requests,
    lab,
    launches,
    leads,
    on,
    playbook,
    registered,
    started_with,
    until,
)
from tests.lab.runs import started

AGENTS = ("agent01", "agent02", "agent04")


BOOK = "holdfast.stateful.scaleio_imperative"
VARIABLES = {
    "scaleio_sds": {"engineering": {"qe": ["/dev/xvdf"]}},
    "scaleio_sdc": {"engineering": ["qe"]},
    "scaleio_framework_timeout": 120,
}


def _starts(host: str) -> int:
    return len(started_with(host))


# What has been seen when the run is killed.
MOMENTS: dict[str, Callable[[], bool]] = {
    "the first agent has stopped": lambda: _starts("agent01") >= 2,
    "the second agent starts": lambda: _starts("agent02") >= 2,
    "the last agent starts": lambda: _starts("agent04") >= 2,
    "Marathon launches the scheduler": lambda: len(launches()) >= 1,
    "the scheduler logs in at the gateway": lambda: any(
        "Go-http-client" in str(entry["headers"]) for entry in gateway_requests("GET")
    ),
    "the protection domain is created": lambda: len(gateway_requests("POST")) >= 1,
    "the first SDS is created": lambda: len(gateway_requests("POST")) >= 2,
    "the pool is created": lambda: len(gateway_requests("POST")) >= 4,
    "a device is added": lambda: any(contributed().values()),
    "all devices are there": lambda: sum(map(len, contributed().values())) == len(AGENTS),
}
FEW = ("the second agent starts", "a device is added")


@pytest.fixture(scope="module")
def inventories(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    return (*few(tmp_path_factory.mktemp("interrupted"), *AGENTS, declared=False), SERVICES_INVENTORY)


def interrupt_and_resume(moment: str, inventories: tuple[Path, ...]) -> None:
    lab("reset")
    alone(*AGENTS)
    with started(BOOK, inventories, VARIABLES) as running:
        until(MOMENTS[moment], seconds=120)
        assert running.process.poll() is None, f"the run was over before {moment}"
        running.kill()
        assert running.finish().status != 0
    playbook(BOOK, inventories=inventories, variables=VARIABLES).expect(0)
    arrived(inventories)


@pytest.mark.parametrize("moment", FEW)
def test_interrupted(moment: str, inventories: tuple[Path, ...]) -> None:
    interrupt_and_resume(moment, inventories)


def arrived(inventories: tuple[Path, ...]) -> None:
    assert contributed() == {address(host): {"/dev/xvdf": "engineering/qe"} for host in AGENTS}
    assert playbook(BOOK, inventories=inventories, variables=VARIABLES).expect(0).changed() == {}


def test_the_scheduler_dies_in_the_middle(inventories: tuple[Path, ...]) -> None:
    """Marathon starts another, which the run waits for."""
    lab("reset")
    alone(*AGENTS)
    with started(BOOK, inventories, VARIABLES) as running:
        until(MOMENTS["the first SDS is created"], seconds=120)
        on(launches()[-1], "pkill", "-KILL", "-f", "[.]/scaleio-scheduler -rest")
        running.finish().expect(0)
    arrived(inventories)


def test_the_master_fails_over_in_the_middle(inventories: tuple[Path, ...]) -> None:
    """The scheduler never subscribes again: the run says so, and the next one starts it anew."""
    lab("reset")
    alone(*AGENTS)
    with started(BOOK, inventories, VARIABLES) as running:
        until(MOMENTS["the protection domain is created"], seconds=120)
        leader = next(host for host in MASTERS if leads(host))
        on(leader, "systemctl", "restart", "mesos-master")
        failed = running.finish(180)
    if failed.status != 0:
        assert "framework" in failed.failures()["m1"], failed.failures()
    # Agents come back to a new leader one by one.
    until(lambda: set(registered()) == set(AGENTS), seconds=90)
    playbook(BOOK, inventories=inventories, variables=VARIABLES).expect(0)
    arrived(inventories)


@pytest.mark.soak
@pytest.mark.parametrize("moment", MOMENTS)
def test_interrupted_at_every_moment(moment: str, inventories: tuple[Path, ...]) -> None:
    interrupt_and_resume(moment, inventories)
