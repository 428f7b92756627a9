# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package of the SDS, block devices, and what the processes cost."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

MIB = 2**20
GIB = 2**30


def run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def test_the_package_can_be_built(product: Path, tmp_path: Path) -> None:
    """As the download mirror does."""
    tree = tmp_path / "tree"
    shutil.copytree(product / "sds", tree, ignore=shutil.ignore_patterns("__pycache__"))
    package = tmp_path / "emc-scaleio-sds.deb"
    run("dpkg-deb", "--root-owner-group", "--build", str(tree), str(package))
    assert (
        run("dpkg-deb", "--field", str(package), "Package", "Version")
        == "Package: emc-scaleio-sds\nVersion: 2.0-10000.2072"
    )
    listed = run("dpkg-deb", "--contents", str(package))
    for path in (
        "opt/emc/scaleio/sds/bin/sds",
        "opt/emc/scaleio/sds/lib/scaleio_sds/daemon.py",
        "usr/lib/systemd/system/sds.service",
    ):
        assert f"./{path}\n" in f"{listed}\n"
    assert "-rwxr-xr-x" in next(line for line in listed.splitlines() if line.endswith("bin/sds"))
    for script in ("postinst", "prerm", "postrm"):
        assert (product / "sds/DEBIAN" / script).stat().st_mode & 0o777 == 0o755


@pytest.fixture
def loop(root: None, tmp_path: Path) -> Iterator[str]:
    """A block device of 200 GB."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(200 * GIB)
    device = run("losetup", "--find", "--show", str(image))
    yield device
    run("losetup", "--detach", device)


def test_block_devices_are_held(world: Any, loop: str, tmp_path: Path) -> None:
    gateway, sds = world.gateway, world.sds()
    domain = gateway.create("ProtectionDomain", name="a")
    pool = gateway.create("StoragePool", name="p", protectionDomainId=domain)
    own = gateway.create("Sds", **sds.body(domain))
    body = {"deviceCurrentPathname": loop, "storagePoolId": pool, "sdsId": own}
    target = tmp_path / "mnt"
    target.mkdir()
    run("mkfs.ext4", "-q", "-F", "-N", "2048", "-O", "^has_journal", loop)
    run("mount", loop, str(target))
    try:
        assert "in use" in gateway.refusal("Device", **body, forceDeviceTakeover=True)[0]
    finally:
        run("umount", str(target))
    assert "already contains data: " in gateway.refusal("Device", **body)[0].replace(
        "; use force device takeover to overwrite it", ""
    )
    run("wipefs", "--all", loop)
    gateway.create("Device", **body)
    assert gateway.get("types/Device/instances")[0]["maxCapacityInKb"] == 200 * GIB // 1024
    assert subprocess.run(["blkid", "-p", loop], capture_output=True, check=False).returncode == 2
    assert subprocess.run(["mkfs.ext4", "-q", "-F", loop], capture_output=True, check=False).returncode != 0
    sds.stop()
    run("mkswap", loop)


def test_processes_are_small(world: Any) -> None:
    """Sixteen SDSs and a gateway stand on one machine, beside much else."""
    world.pool(16)
    processes = (world.gateway, *world.sdss)
    begun, start = [process.cpu() for process in processes], time.monotonic()
    time.sleep(2)
    assert world.gateway.memory() < 25 * MIB
    assert max(sds.memory() for sds in world.sdss) < 12 * MIB
    used = [process.cpu() - before for process, before in zip(processes, begun)]
    assert sum(used) / (time.monotonic() - start) < 0.1, used
