# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the framework would take, device by device, and what the inventory says to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import model
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.preview import (
    confirmation_errors,
    exposed,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import (
    TB,
    disk,
    observation,
    used_disk,
)

SIZES = "ScaleIO takes devices from 100 GB to 6 TB, so that the gateway refuses it"
HIDDEN = "blkid prints /dev/xvdh, which contains its name"
RULE = "fdisk lists it and no path in blkid's output contains its name"


def look(
    *devices: dict[str, Any], contributed: Collection[str] = (), confirmed: Sequence[str] = (), **changes: Any
) -> tuple[list[str], list[str]]:
    offers = [device["path"] for device in devices if device["taken"]]
    seen = observation(devices=list(devices), **{"framework": {"offers": offers, "error": None}, **changes})
    found, problems = exposed(seen, contributed, confirmed)
    return [str(one) for one in found], problems


@pytest.mark.parametrize(
    ("devices", "contributed", "confirmed", "lines"),
    [
        pytest.param([disk()], [], [], [f"agent01: /dev/xvdf (2000 GB): not confirmed: {RULE}"], id="a free disk"),
        pytest.param(
            [disk()], [], ["/dev/xvdf"], [f"agent01: /dev/xvdf (2000 GB): confirmed: {RULE}"], id="confirmed by path"
        ),
        pytest.param(
            [disk()], [], ["scsi-xvdf"], [f"agent01: /dev/xvdf (2000 GB): confirmed: {RULE}"], id="confirmed by its ID"
        ),
        pytest.param(
            [disk()],
            [],
            ["/dev/disk/by-id/scsi-xvdf"],
            [f"agent01: /dev/xvdf (2000 GB): confirmed: {RULE}"],
            id="confirmed by the ID's whole path",
        ),
        pytest.param(
            [disk(free=False, free_because=["cannot be opened exclusively: Device or resource busy"])],
            ["/dev/xvdf"],
            [],
            ["agent01: /dev/xvdf (2000 GB): contributed: the gateway shows it as a device of this host"],
            id="held by this host's SDS",
        ),
        pytest.param(
            [disk(taken=False, taken_because=HIDDEN)],
            ["/dev/xvdf"],
            [],
            ["agent01: /dev/xvdf (2000 GB): contributed: the gateway shows it as a device of this host"],
            id="contributed, and hidden from the rule by now",
        ),
        pytest.param(
            [disk(free=False, free_because=["is held by dm-0 in the kernel"])],
            [],
            ["/dev/xvdf"],
            [f"agent01: /dev/xvdf (2000 GB): in use: is held by dm-0 in the kernel, and still {RULE}"],
            id="in use, though confirmed",
        ),
        pytest.param([used_disk("/dev/xvdh")], [], [], [], id="hidden from the rule"),
        pytest.param(
            [disk(size_bytes=50 * model.GB), disk("/dev/xvdg", size_bytes=8 * TB)],
            [],
            ["/dev/xvdf"],
            [
                f"agent01: /dev/xvdf (50 GB): unfit: has 50 GB; {SIZES}",
                f"agent01: /dev/xvdg (8000 GB): unfit: has 8.0 TB; {SIZES}",
            ],
            id="of a size that the gateway refuses, though confirmed",
        ),
        pytest.param(
            [disk(size_bytes=model.DEVICE_MIN_BYTES), disk("/dev/xvdg", size_bytes=model.DEVICE_MAX_BYTES)],
            [],
            [],
            [
                f"agent01: /dev/xvdf (100 GB): not confirmed: {RULE}",
                f"agent01: /dev/xvdg (6597 GB): not confirmed: {RULE}",
            ],
            id="just of a size that it takes",
        ),
        pytest.param(
            [disk(size_bytes=50 * model.GB)],
            ["/dev/xvdf"],
            [],
            ["agent01: /dev/xvdf (50 GB): contributed: the gateway shows it as a device of this host"],
            id="taken all the same",
        ),
        pytest.param(
            [disk(size_bytes=50 * model.GB, free=False, free_because=["is held by dm-0 in the kernel"])],
            [],
            [],
            [f"agent01: /dev/xvdf (50 GB): in use: is held by dm-0 in the kernel, and still {RULE}"],
            id="in use, and of a wrong size",
        ),
    ],
)
def test_verdicts(
    devices: list[dict[str, Any]], contributed: list[str], confirmed: list[str], lines: list[str]
) -> None:
    assert look(*devices, contributed=contributed, confirmed=confirmed) == (lines, [])


def test_a_name_that_is_no_device() -> None:
    lines, problems = look(disk(), confirmed=["/dev/xvdf"], framework={"offers": ["/dev/sdb: Model"], "error": None})
    assert lines[1:] == [
        "agent01: /dev/sdb: Model: in use: the framework reads this name out of fdisk's output, and no block device has it"
    ]
    assert problems == []


@pytest.mark.parametrize(
    ("devices", "confirmed", "problem"),
    [
        pytest.param(
            [disk()],
            ["/dev/xvdg"],
            "scaleio_global_pool_devices confirms /dev/xvdg, which is not there; this host has the disks /dev/xvdf",
            id="gone",
        ),
        pytest.param([], ["x"], "confirms x, which is not there; this host has the disks none", id="no disk at all"),
        pytest.param(
            [
                used_disk(
                    "/dev/xvdf", taken_because="blkid prints /dev/xvdf, which contains its name", signatures=["ext4"]
                )
            ],
            ["/dev/xvdf"],
            "scaleio_global_pool_devices confirms /dev/xvdf, and the framework does not take it (blkid prints /dev/xvdf, which"
            " contains its name; it in use): look at what is on it",
            id="somebody has put a file system on it",
        ),
    ],
)
def test_stale_confirmations(devices: list[dict[str, Any]], confirmed: list[str], problem: str) -> None:
    _lines, problems = look(*devices, confirmed=confirmed)
    assert len(problems) == 1 and problem in problems[0], problems


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"devices_error": "lsblk is missing"}, "the block devices could not be looked at: lsblk is missing"),
        (
            {"framework": {"offers": [], "error": "blkid ends with status 2"}},
            "(blkid ends with status 2), so that it never",
        ),
    ],
)
def test_hosts_that_cannot_be_judged(changes: dict[str, Any], problem: str) -> None:
    lines, problems = look(disk(), **changes)
    assert lines == []
    assert len(problems) == 1 and problem in problems[0], problems


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("/dev/xvdf", "must be a list of paths and by-id names, and this is /dev/xvdf"),
        ({"a": 1}, "must be a list of paths and by-id names, and this is {'a': 1}"),
        ([1], "'1' is neither a path below /dev nor a name below /dev/disk/by-id"),
        (["/tmp/x"], "'/tmp/x' is neither"),
        ([""], "'' is neither"),
    ],
)
def test_bad_confirmations(value: Any, problem: str) -> None:
    found = confirmation_errors(value)
    assert len(found) == 1 and problem in found[0], found


def test_good_confirmations() -> None:
    assert confirmation_errors(["/dev/xvdf", "scsi-1", "/dev/disk/by-id/wwn-1"]) == []
