# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images: how a release is installed, and when an image is made anew."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from lab import images
from lab.inventory import IMAGES
from lab.machine import LabError, Machine


@pytest.mark.parametrize("release", IMAGES)
def test_every_release_of_the_inventory_can_be_installed(release: str) -> None:
    argv = images.recipe(release, "http://mirror.example/debian", ['Acquire::http::Proxy "http://proxy.example:3128";'])
    assert argv[0] == "mmdebstrap"
    assert argv[-3:] == [release, "-", "http://mirror.example/debian"]
    assert '--aptopt=Acquire::http::Proxy "http://proxy.example:3128";' in argv


def test_the_machines_own_mirror() -> None:
    targets = (
        "https://deb.nodesource.example/node nodistro main\n"
        "http://security.example/debian-security/ Debian main\n"
        "http://mirror.example/debian/ Debian main\n"
    )
    assert images.own_mirror(targets) == "http://mirror.example/debian"
    assert images.own_mirror("http://archive.ubuntu.example/ubuntu/ Ubuntu main\n") == images.MIRROR


def test_the_machines_own_settings() -> None:
    dump = 'Acquire "";\nAcquire::http "";\nAcquire::http::Proxy "http://p:1";\nAcquire::Languages "none";\nAcquire::Check-Valid-Until "false";\n'
    assert images.own_settings(dump) == ['Acquire::http::Proxy "http://p:1";', 'Acquire::Check-Valid-Until "false";']


def test_a_fingerprint_follows_content_mode_link_and_path(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "l").symlink_to("a")
    seen = [images.fingerprint([tmp_path])]
    (tmp_path / "a").write_text("y")
    seen.append(images.fingerprint([tmp_path]))
    (tmp_path / "a").chmod(0o755)
    seen.append(images.fingerprint([tmp_path]))
    (tmp_path / "l").unlink()
    (tmp_path / "l").symlink_to("b")
    seen.append(images.fingerprint([tmp_path]))
    (tmp_path / "a").rename(tmp_path / "c")
    seen.append(images.fingerprint([tmp_path]))
    seen.append(images.fingerprint([tmp_path], "base"))
    assert len(set(seen)) == len(seen)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__/c.pyc").touch()
    assert images.fingerprint([tmp_path], "base") == seen[-1]


def test_a_tree_that_would_replace_a_link_of_the_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / "tree/lib/systemd").mkdir(parents=True)
    (tmp_path / "target").mkdir()
    with pytest.raises(LabError, match="put it below usr/"):
        images.copy(tmp_path / "tree", tmp_path / "target")


def test_a_copied_tree_keeps_modes_but_not_the_umask(tmp_path: Path) -> None:
    (tmp_path / "tree/usr/bin").mkdir(parents=True)
    (tmp_path / "tree/usr/bin/run").touch()
    (tmp_path / "tree/usr/bin/run").chmod(0o775)
    (tmp_path / "target").mkdir()
    images.copy(tmp_path / "tree", tmp_path / "target")
    assert (tmp_path / "target/usr/bin/run").stat().st_mode & 0o777 == 0o755


def test_a_product_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    images.copy(tmp_path / "none", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_built_and_takes_no_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither room nor a folder is asked for; a folder is made anew for each building, and goes with it."""
    there, asked, built, cleared = True, [], [], []
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp/left").touch()

    def make(_: Machine, release: str, base: str, name: str, folder: Path) -> None:
        assert (folder, list(folder.iterdir())) == (tmp_path / "tmp", [])
        assert name.startswith(f"localhost/holdfast-lab:{release}-")
        built.append(release)

    monkeypatch.setattr(images, "_exists", lambda name: there)
    monkeypatch.setattr(images, "disk_room", lambda *words: asked.append(words))
    monkeypatch.setattr(images, "_make", make)
    monkeypatch.setattr(images, "_remove_older", lambda _machine, release, kept: cleared.append((release, kept)))
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=0))
    machine = Machine("runc", apparmor=False)
    names = images.ensure(machine, tmp_path, ["bookworm", "bullseye", "bookworm"])
    assert sorted(names) == ["bookworm", "bullseye"] and built == asked == []
    there = False
    assert images.ensure(machine, tmp_path, ["bookworm"])["bookworm"] == names["bookworm"]
    assert built == ["bookworm"] and asked == [(machine, tmp_path, 2 << 30)]
    ((release, kept),) = cleared
    assert release == "bookworm" and names["bookworm"] in kept
    assert not (tmp_path / "tmp").exists()


def test_a_place_where_programs_cannot_be_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_exists", lambda name: False)
    monkeypatch.setattr(images, "disk_room", lambda *words: None)
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=os.ST_NOEXEC))
    with pytest.raises(LabError, match=r"is mounted noexec.*point HOLDFAST_LAB_STATE elsewhere"):
        images.ensure(Machine("runc", apparmor=False), tmp_path, ["bookworm"])
