# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The download places: programs that run as Mesos runs them, packages that dpkg takes."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from framework import programs
from framework.fakes import wait_for


@pytest.fixture
def place(world: programs.World) -> Iterator[str]:
    """A running mirror."""
    port = world.free_port()
    packages = world.mirror.parent / "library/packages"
    flags = ["-address", world.address, "-port", str(port), "-folder", str(world.folder / "served")]
    world.run([*world.library("mirror", *flags), "-packages", str(packages)], "mirror.log")
    wait_for(lambda: programs.listens(world.address, port))
    yield f"http://{world.address}:{port}"


@pytest.mark.parametrize("name", ["scaleio-scheduler", "scaleio-executor"])
def test_programs_run_from_a_sandbox(place: str, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(programs.fetch(f"{place}/{name}"))
    command = f"chmod u+x {name} && ./{name} -no-such-flag"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("flag provided but not defined: -no-such-flag\nUsage of ")


def test_head_has_the_length_only(place: str) -> None:
    answer = programs.ask(f"{place}/scaleio-executor", method="HEAD")
    assert (answer.status, answer.body) == (200, "")
    assert int(answer.headers["Content-Length"]) == len(programs.fetch(f"{place}/scaleio-executor"))


@pytest.mark.parametrize(
    "path", ["/nothing", "/..", "/../library/packages/emc-scaleio-sdc/DEBIAN/control", "/", "/debian"]
)
def test_only_what_is_served(place: str, path: str) -> None:
    assert programs.ask(place + path).status == 404


def test_only_reading(place: str) -> None:
    assert programs.ask(f"{place}/scaleio-executor", "x").status == 404


PACKAGES = {
    "EMC-ScaleIO-sds-2.0-10000.2072.Ubuntu.14.04.x86_64.deb": ("emc-scaleio-sds", "2.0-10000.2072"),
    "EMC-ScaleIO-sdc-2.0-10000.2072.Ubuntu.14.04.x86_64.deb": ("emc-scaleio-sdc", "2.0-10000.2072"),
    "emccode/rexray/stable/0.8.1/rexray.deb": ("rexray", "0.8.1-1"),
    "emccode/dvdcli/stable/0.2.1/dvdcli.deb": ("dvdcli", "0.2.1-1"),
    "debian/libaio1.deb": ("libaio1", "0.3.109"),
    "debian/zip.deb": ("zip", "3.0"),
    "debian/linux-image-4.4.0-38-generic.deb": ("linux-image-4.4.0-38-generic", "4.4.0-38.57"),
}


@pytest.mark.parametrize("path", PACKAGES)
def test_packages(mirror: Path, path: str) -> None:
    command = ["dpkg-deb", "--show", "--showformat=${Package} ${Version} ${Architecture}", str(mirror / path)]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert shown.split() == [*PACKAGES[path], "all"]


def test_files_of_packages_belong_to_root(mirror: Path) -> None:
    listed = subprocess.run(
        ["dpkg-deb", "--contents", str(mirror / next(iter(PACKAGES)))], check=True, capture_output=True, text=True
    ).stdout
    assert "/opt/emc/scaleio/sds/bin/sds" in listed
    assert all(line.split()[1] == "root/root" for line in listed.splitlines())


def test_install_scripts_name_the_mirror_as_it_was_asked(place: str) -> None:
    script = programs.fetch(f"{place}/emccode/rexray/install").decode()
    assert f" {place}/emccode/rexray/stable/0.8.1/rexray.deb\n" in script
    assert 'echo "rexray has been installed to /usr/bin/rexray"' in script


@pytest.mark.parametrize("listing", ["rexray/stable", "dvdcli/stable/"])
def test_listings_name_the_version(place: str, listing: str) -> None:
    from scaleio_simulator import installing

    version = installing.latest(f"{place}/emccode/{listing}")
    assert version in ("0.8.1", "0.2.1")


def test_packages_that_cannot_be_built_are_named(world: programs.World, tmp_path: Path) -> None:
    (tmp_path / "packages/broken/DEBIAN").mkdir(parents=True)
    argv = world.library("mirror", "-folder", str(tmp_path / "served"), "-packages", str(tmp_path / "packages"))
    program = world.run(argv, "mirror.log")
    assert program.wait() == 1
    assert f"{tmp_path}/packages could not be built into {tmp_path}/served" in program.output
