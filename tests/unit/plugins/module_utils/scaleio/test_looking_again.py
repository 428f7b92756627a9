# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A member looks at its disks and at its running agent once more, directly before the framework does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core import identity
from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Step
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import ANONYMOUS
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.act import NodeHands, act_on_node
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_plan import Node, look_step
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.preview import (
    CONFIRMED,
    CONTRIBUTED,
    Exposed,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos.live_machine import (
    MASTERS,
    LiveMachine,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import QE, QE_FILES
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.test_observe import (
    LSBLK,
    WIPEFS,
    disk,
    signatures,
)

CHANGED = "the host is not as it was when this was planned, so this was not done: look again: "


def a_host(
    attributes: Mapping[str, str],
    *,
    carries: Mapping[str, str] | None = None,
    busy: tuple[str, ...] = (),
    disks: tuple[str, ...] = ("xvda", "xvdf"),
    blkid: int = 0,
) -> LiveMachine:
    """A host whose agent runs; xvda is its root, the other disks are raw.

    :param carries: disk -> what is on it.
    :param busy: disks that somebody has open.
    :param blkid: with which status blkid ends.
    """
    machine = LiveMachine(attributes)
    found = {"xvda": "ext4", **(carries or {})}
    for name in disks:
        machine.special(f"/dev/{name}", "block", busy="Device or resource busy" if name in ("xvda", *busy) else "")
    machine.file("/proc/self/mountinfo", "22 1 202:0 / / rw - ext4 /dev/root rw\n")
    machine.file("/proc/swaps", "Filename Type Size Used Priority\n")
    machine.program(["fdisk", "-l"], "".join(f"Disk /dev/{name}: 2 TiB\n" for name in disks))
    printed = "" if blkid else "".join(f'/dev/{name}: TYPE="{kind}"\n' for name, kind in found.items())
    machine.program(["blkid"], printed, status=blkid)
    tree = [disk(name, f"202:{number * 16}") for number, name in enumerate(disks)]
    machine.program(LSBLK, json.dumps({"blockdevices": tree}))
    machine.program([*WIPEFS, *(f"/dev/{name}" for name in disks)], signatures(**found))
    return machine


def a_node(attributes: Mapping[str, str], *exposed: Exposed, busy: tuple[str, ...] = ()) -> Node:
    provides = QE if attributes else {}
    held = dict.fromkeys(busy, "somebody has it open")
    return Node(
        *("agent01", "agent01", "10.0.0.11"), provides, bool(attributes), attributes, exposed=exposed, busy=held
    )


def taken(path: str, verdict: str = CONFIRMED) -> Exposed:
    return Exposed("agent01", path, 1, verdict, "")


def look(machine: LiveMachine, step: Step) -> str:
    """What comes of a look: an empty text, or the error. It starts no program that writes and changes nothing."""
    before = machine.tree("/etc")
    run = identity.Run("p1", {}, 1, 1, ("agent01",), ())
    hands = NodeHands(machine, MASTERS, ANONYMOUS)
    result = act_on_node(machine, hands, [step], run, cluster="scaleio", member="agent01")
    assert machine.tree("/etc") == before and machine.changes() == []
    assert not result["changed"] and "agent" not in result
    return str(result.get("msg", ""))


IMPERATIVE = a_node(QE_FILES)
BARE = a_node({}, taken("/dev/xvdf"))


@pytest.mark.parametrize(
    ("machine", "step"),
    [
        pytest.param(a_host({"rack": "r1", **QE_FILES}), look_step(IMPERATIVE, idle=True), id="a free device"),
        pytest.param(
            a_host({"rack": "r1", **QE_FILES}, busy=("xvdf",)), look_step(IMPERATIVE), id="an SDS may have it open"
        ),
        pytest.param(
            a_host(QE_FILES, busy=("xvdf",)),
            look_step(a_node(QE_FILES, busy=("/dev/xvdf",)), idle=True),
            id="an SDS has it open since long",
        ),
        pytest.param(
            a_host(QE_FILES, blkid=2), look_step(IMPERATIVE), id="the framework's rule fails, and is not asked here"
        ),
        pytest.param(a_host({"rack": "r1"}), look_step(BARE, idle=True), id="a confirmed disk"),
        pytest.param(
            a_host({}, carries={"xvdf": "ext4"}),
            look_step(a_node({}, taken("/dev/xvdf", CONTRIBUTED))),
            id="what is contributed may look like anything",
        ),
        pytest.param(
            a_host({"rack": "r1"}), look_step(IMPERATIVE, before_start=True), id="the attributes do not stand yet"
        ),
    ],
)
def test_all_is_as_it_was_planned(machine: LiveMachine, step: Step) -> None:
    assert look(machine, step) == ""


@pytest.mark.parametrize(
    ("machine", "step", "words"),
    [
        pytest.param(
            a_host(QE_FILES, carries={"xvdf": "xfs"}),
            look_step(IMPERATIVE),
            f"{CHANGED}the framework will attach /dev/xvdf (foreign./dev/xvdf): 'carries xfs' where '' was expected (equals)",
            id="a file system on a device by attribute",
        ),
        pytest.param(
            a_host({}, carries={"xvdf": "xfs"}),
            look_step(BARE),
            f"{CHANGED}the framework will take /dev/xvdf (foreign./dev/xvdf): 'carries xfs' where '' was expected (equals)",
            id="a file system on a confirmed disk",
        ),
        pytest.param(
            a_host({}, disks=("xvda", "xvdf", "xvdg")),
            look_step(BARE),
            f"{CHANGED}the framework will take /dev/xvdf (exposed): ['/dev/xvdf', '/dev/xvdg'] where ['/dev/xvdf'] was expected"
            " (within)",
            id="a disk more",
        ),
        pytest.param(
            a_host({}, busy=("xvdf",)),
            look_step(BARE, idle=True),
            "(in_use./dev/xvdf): 'cannot be opened exclusively: Device or resource busy' where '' was expected",
            id="a disk that somebody has opened, and no SDS can be it",
        ),
        pytest.param(
            a_host(QE_FILES, disks=("xvda",)),
            look_step(IMPERATIVE),
            "(foreign./dev/xvdf): None where '' was expected",
            id="a device that is gone",
        ),
        pytest.param(
            a_host({**QE_FILES, "scaleio-sds-qe": "/dev/xvdg"}),
            look_step(IMPERATIVE),
            "(scaleio_attributes): ",
            id="the agent runs with others",
        ),
        pytest.param(
            a_host({"rack": "r1"}), look_step(IMPERATIVE), "(scaleio_attributes): {} where", id="the agent runs without"
        ),
        pytest.param(
            a_host({}, blkid=2),
            look_step(BARE),
            "the disks of this host cannot be looked at again: blkid ends with status 2 (it finds nothing at all); it tries five"
            " times within 30 s and gives the node up -- mend that and run again",
            id="the framework's rule fails",
        ),
    ],
)
def test_what_has_changed_since_stops_the_run(machine: LiveMachine, step: Step, words: str) -> None:
    message = look(machine, step)
    assert words in message
    assert message.endswith(". Nothing was changed.")


def test_an_agent_that_has_gone_down() -> None:
    machine = a_host(QE_FILES)
    machine.fall()
    assert "(scaleio_attributes): {} where" in look(machine, look_step(IMPERATIVE))


def test_disks_that_cannot_be_listed() -> None:
    machine = a_host(QE_FILES)
    machine.absent("lsblk")
    message = look(machine, look_step(IMPERATIVE))
    assert message.startswith("the disks of this host cannot be looked at again: ") and "lsblk" in message


def test_disks_are_looked_at_once_for_all_conditions() -> None:
    machine = a_host({"rack": "r1"})
    assert look(machine, look_step(a_node({}, taken("/dev/xvdf")), idle=True)) == ""
    assert [argv for argv in machine.calls if argv[0] in ("fdisk", "blkid", "lsblk")] == [
        ("fdisk", "-l"),
        ("blkid",),
        tuple(LSBLK),
    ]


def test_a_look_asks_for_nothing_that_it_does_not_need() -> None:
    machine = a_host({"rack": "r1"})
    hands = NodeHands(machine, MASTERS, ANONYMOUS)
    assert set(hands.look(frozenset(("scaleio_attributes",)))) == {"scaleio_attributes"}
    assert not [argv for argv in machine.calls if argv[0] in ("fdisk", "blkid", "lsblk")]
    world: dict[str, Any] = hands.look(frozenset(("foreign", "files")))
    assert world["files"] == {"rack": "r1"} and world["foreign"] == {
        "/dev/xvda": "is mounted at /",
        "/dev/xvdf": "",
    }
