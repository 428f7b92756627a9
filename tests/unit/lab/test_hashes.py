# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What changes a host's hash, and what does not."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import hashes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    for name in (
        "etc/mesos/zk",
        "etc/mesos-slave/attributes/rack",
        "etc/default/mesos",
        "var/lib/mesos/meta/boot_id",
        "var/lib/holdfast/a",
    ):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text("x")
    (made / "var/lib/mesos/meta/latest").symlink_to("/nowhere")
    (made / "disk").write_bytes(bytes(2 << 20))
    return made


def edit(name: str, text: str = "y") -> Callable[[Path], object]:
    return lambda root: (root / name).write_text(text)


def zap(root: Path) -> None:
    with (root / "disk").open("r+b") as file:
        file.seek((1 << 20) - 1)
        file.write(b"!")


def relink(root: Path) -> None:
    (root / "var/lib/mesos/meta/latest").unlink()
    (root / "var/lib/mesos/meta/latest").symlink_to("/elsewhere")


@pytest.mark.parametrize(
    "change",
    [
        edit("etc/mesos/zk"),
        edit("etc/mesos-slave/attributes/rack"),
        edit("etc/mesos-slave/attributes/.hidden"),
        edit("etc/default/mesos"),
        edit("etc/default/mesos-slave"),
        edit("var/lib/mesos/meta/boot_id"),
        edit("var/lib/holdfast/b", ""),
        lambda root: (root / "etc/mesos-slave/attributes").chmod(0o700),
        lambda root: (root / "etc/mesos-slave/empty").mkdir(),
        relink,
        zap,
    ],
)
def test_a_change_that_shows(root: Path, change: Callable[[Path], object]) -> None:
    before = hashes.whole(root, [str(root / "disk")])
    change(root)
    assert hashes.whole(root, [str(root / "disk")]) != before


@pytest.mark.parametrize(
    "change",
    [
        edit("var/lib/mesos/work"),
        edit("etc/hosts"),
        lambda root: os.utime(root / "etc/mesos/zk", (1, 1)),
    ],
)
def test_a_change_that_does_not(root: Path, change: Callable[[Path], object]) -> None:
    before = hashes.whole(root, [str(root / "disk")])
    change(root)
    assert hashes.whole(root, [str(root / "disk")]) == before
