# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import fcntl
import os
import signal
import socket
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import HoldfastError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine

MACHINE = Machine()


def test_reading_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "directory").mkdir()
    os.mkfifo(tmp_path / "fifo")
    kinds = {name: MACHINE.kind(f"{tmp_path}/{name}") for name in MACHINE.names(str(tmp_path))}
    assert kinds == {"dangling": "link", "directory": "directory", "fifo": "fifo", "file": "file", "link": "link"}
    assert MACHINE.kind("/dev/null") == "character"
    assert MACHINE.kind(f"{tmp_path}/file/below") is None
    assert MACHINE.real(f"{tmp_path}/link") == f"{tmp_path}/file"
    assert MACHINE.read(f"{tmp_path}/link") == b"content"
    assert MACHINE.read(f"{tmp_path}/link", limit=3) == b"con"
    assert MACHINE.names(f"{tmp_path}/file") == MACHINE.names(f"{tmp_path}/nowhere") == []


@pytest.mark.parametrize("kind", ["nowhere", "directory", "fifo", "character"])
def test_what_is_no_file_is_not_read_and_does_not_hold(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "character":
        path = Path("/dev/zero")
    assert MACHINE.read(str(path)) is None


def test_files_of_proc_are_files() -> None:
    assert MACHINE.read("/proc/self/mountinfo")


def test_an_exclusive_open_says_why_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(f"{tmp_path}/socket")
        assert MACHINE.held_by_others([f"{tmp_path}/{name}" for name in ("nowhere", "file", "socket")]) == {
            f"{tmp_path}/nowhere": "No such file or directory",
            f"{tmp_path}/socket": "No such device or address",
        }
    assert MACHINE.held_by_others([]) == {}


@pytest.mark.parametrize(
    ("hanging", "sentence"), [(True, "opening it did not end in 0.2 s"), (False, "its opener died")]
)
def test_one_that_hangs_or_kills_is_given_up(monkeypatch: pytest.MonkeyPatch, hanging: bool, sentence: str) -> None:
    really = os.open

    def open_or_hang(path: str, flags: int) -> int:
        if path == "/dev/zero":
            if not hanging:
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(30)
        return really(path, flags)

    monkeypatch.setattr(os, "open", open_or_hang)
    began = time.monotonic()
    assert MACHINE.held_by_others(["/dev/null", "/dev/zero", "/dev/full"], deadline=0.2) == {"/dev/zero": sentence}
    assert time.monotonic() - began < 1.0


def test_writing_replaces_in_one_step_and_keeps_its_temporary_file_elsewhere(tmp_path: Path) -> None:
    target = tmp_path / "etc" / "mesos-slave" / "attributes" / "rack"
    staging = tmp_path / "staging"
    MACHINE.write(str(target), b"r1\n", staging=(str(staging),))
    before = target.stat().st_ino
    MACHINE.write(str(target), b"r2\n", staging=(str(staging),), mode=0o600)
    assert target.read_bytes() == b"r2\n"
    assert target.stat().st_ino != before
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["rack"]
    assert list(staging.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(HoldfastError) as error:
        MACHINE.write(f"{tmp_path}/file/below", b"new", staging=(f"{tmp_path}/staging",))
    assert f"{tmp_path}/file/below" in str(error.value)
    (tmp_path / "directory").mkdir()
    with pytest.raises(HoldfastError):
        MACHINE.write(f"{tmp_path}/directory", b"new", staging=(f"{tmp_path}/staging",))
    assert (tmp_path / "file").read_bytes() == b"old"
    assert list((tmp_path / "staging").iterdir()) == []


def test_removing_and_moving(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/nowhere")
    MACHINE.move(f"{tmp_path}/link", f"{tmp_path}/kept/link")
    assert MACHINE.kind(f"{tmp_path}/kept/link") == "link"
    MACHINE.remove(f"{tmp_path}/kept/link")
    MACHINE.remove(f"{tmp_path}/kept/link")
    assert MACHINE.names(f"{tmp_path}/kept") == []


def test_locks(tmp_path: Path) -> None:
    path = f"{tmp_path}/a/lock"
    assert not MACHINE.is_locked(path)
    with MACHINE.locked(path, 0.0):
        assert MACHINE.is_locked(path)
        with pytest.raises(HoldfastError, match="another acting call"), MACHINE.locked(path, 0.2):
            pass
    assert not MACHINE.is_locked(path)


def test_a_lock_that_cannot_be_is_told_as_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    path = f"{tmp_path}/file/lock"
    assert not MACHINE.is_locked(path)
    with pytest.raises(HoldfastError) as error, MACHINE.locked(path, 0.0):
        pass
    assert str(error.value).startswith(f"the lock could not be taken ({path}): File exists -- look at the file system")


def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path: Path) -> None:
    staging = tmp_path / "staging"
    staging.mkdir()
    (staging / ".holdfast-dead").write_bytes(b"half")
    (staging / ".other").write_bytes(b"")
    with MACHINE.locked(f"{staging}/.holdfast-alive", 0.0):
        MACHINE.write(f"{tmp_path}/target", b"x", staging=(str(staging),))
        assert MACHINE.names(str(staging)) == [".holdfast-alive", ".other"]
    MACHINE.write(f"{tmp_path}/target", b"x", staging=(str(staging),))
    assert MACHINE.names(str(staging)) == [".other"]


def test_a_writer_is_alive_for_as_long_as_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    staging = str(tmp_path / "staging")
    during: list[list[str]] = []

    def replace(source: str, target: str) -> None:
        monkeypatch.undo()
        MACHINE.write(f"{tmp_path}/second", b"2", staging=(staging,))
        during.append(MACHINE.names(staging))
        os.replace(source, target)

    monkeypatch.setattr(os, "replace", replace)
    MACHINE.write(f"{tmp_path}/first", b"1", staging=(staging,))
    assert (tmp_path / "first").read_bytes() == b"1"
    assert [len(names) for names in during] == [1]


@pytest.mark.parametrize("moment", ["before it has its lock", "while it is found", "while it is removed"])
def test_two_writers_meet_in_the_staging_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The other one looks for leftovers at the worst moment, or ends at it."""
    staging = tmp_path / "staging"
    staging.mkdir()
    other = staging / ".holdfast-other"
    really_lock, really_list = fcntl.flock, os.listdir

    def lock(file: Any, operation: int) -> None:
        if moment == "before it has its lock" and operation == fcntl.LOCK_EX:
            monkeypatch.undo()
            MACHINE.write(f"{tmp_path}/second", b"2", staging=(str(staging),))
        really_lock(file, operation)
        if moment == "while it is removed" and other.exists():
            other.unlink()

    def names(path: str) -> list[str]:
        found = really_list(path)
        if moment == "while it is found":
            other.unlink()
        return found

    if moment != "before it has its lock":
        other.write_bytes(b"")
    monkeypatch.setattr(fcntl, "flock", lock)
    monkeypatch.setattr(os, "listdir", names)
    MACHINE.write(f"{tmp_path}/first", b"1", staging=(str(staging),))
    monkeypatch.undo()
    assert (tmp_path / "first").read_bytes() == b"1"
    assert MACHINE.names(str(staging)) == []


def test_many_writers_at_once(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for turn in range(50):
            MACHINE.write(f"{tmp_path}/{number}", b"%d" % turn, staging=(f"{tmp_path}/staging",))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert [(tmp_path / str(number)).read_bytes() for number in range(4)] == [b"49"] * 4
    assert MACHINE.names(f"{tmp_path}/staging") == []


def test_no_directory_on_the_file_system_of_the_target(tmp_path: Path) -> None:
    with pytest.raises(HoldfastError, match="none of /dev/shm is on the file system of"):
        MACHINE.write(f"{tmp_path}/target", b"x", staging=("/dev/shm",))
