# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What set-up finds on a machine, and what it says when something is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import environments
import pytest
from environments import ROOT, Environment, SetupError


@pytest.mark.parametrize(
    ("sudo", "sentence"),
    [
        ("/usr/bin/sudo", "takes root: run `sudo make demo`."),
        (None, "takes root: become root (`su -`) and run it again."),
    ],
)
def test_what_takes_root_is_refused_with_the_command_that_has_it(
    monkeypatch: pytest.MonkeyPatch, sudo: str | None, sentence: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name: sudo)
    with pytest.raises(SetupError) as caught:
        environments.rights("demo")
    assert str(caught.value).startswith("`make demo` makes network interfaces")
    assert str(caught.value).endswith(sentence)


def test_root_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    environments.rights("demo")


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """An environment that does not stand yet."""
    monkeypatch.setattr(environments, "CACHE", tmp_path)
    return Environment("main", (3, 11), Path("/usr/bin/python3.11"))


def calls(monkeypatch: pytest.MonkeyPatch, work: Callable[[list[str]], object] = lambda command: None) -> list[str]:
    """The commands that are run through environments.tries()."""
    found: list[str] = []

    def tries(command: list[str], remedy: str, variables: dict[str, str] | None = None) -> None:
        found.append(" ".join(command))
        work(command)

    monkeypatch.setattr(environments, "tries", tries)
    return found


def test_room_is_asked_for_only_where_an_environment_is_made(new: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    free = 900 << 20
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=free))
    made = calls(monkeypatch, lambda command: new.bin.mkdir(parents=True, exist_ok=True))
    with pytest.raises(
        SetupError, match=r"has 900 MB of free room, a new Python environment needs 1024 MB: .* HOLDFAST_CACHE"
    ):
        environments.install(new)
    assert made == []
    free = 1 << 30
    environments.install(new)
    assert [command.split()[1:3] for command in made] == [["-m", "venv"], ["-m", "pip"]]
    (new.bin / "python").symlink_to(sys.executable)
    free = 0
    environments.install(new)
    assert len(made) == 2


@pytest.mark.parametrize(
    ("listed", "installed"),
    [
        ("", ["curl", "git"]),
        ("installed git\nconfig-files curl\n", ["curl"]),
        ("installed git\ninstalled curl\n", []),
    ],
)
def test_missing_packages_and_no_others_are_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str, installed: list[str]
) -> None:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools/packages.txt").write_text("# reasons\ncurl   # asks\ngit # lists\n")
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, stdout=listed))
    commands = calls(monkeypatch)
    environments.packages()
    assert [command.split()[-1] for command in commands[:1]] == (["update"] if installed else [])
    assert [command.partition("--no-install-recommends ")[2].split() for command in commands[1:]] == (
        [installed] if installed else []
    )


def test_every_package_has_its_reason() -> None:
    lines = (ROOT / "tools/packages.txt").read_text().splitlines()[1:]
    assert all(line.partition("#")[2].strip() for line in lines)
    assert lines == sorted(lines)


def test_a_terminal_without_a_path_and_with_a_locale_that_is_not_there() -> None:
    command = [sys.executable, "-B", str(ROOT / "tools/environments.py"), "export"]
    variables = {"HOLDFAST_CACHE": str(environments.CACHE), "LC_ALL": "xx_XX.UTF-8"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=True)
    assert "export LC_ALL=C.UTF-8\n" in done.stdout
    assert "/usr/sbin:" in done.stdout


@pytest.mark.parametrize(
    ("program", "counts"),
    [
        (environments.main_environment().python, True),
        # In a virtual environment already.
        (environments.main_environment().bin / "python", False),
        # What a shim without its Python does.
        (Path("/bin/false"), False),
        (Path("/nowhere/python3.12"), False),
    ],
)
def test_a_python_counts_that_can_make_an_environment(program: Path, counts: bool) -> None:
    assert environments.runs(program) is counts


def test_the_newest_ansible_core_is_left_out_where_no_python_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "pythons", lambda: {(3, 11): Path("/usr/bin/python3.11")})
    assert [found.name for found in environments.environments()] == ["main"]
    monkeypatch.setattr(environments, "pythons", lambda: {(3, 9): Path("/usr/bin/python3.9")})
    with pytest.raises(SetupError, match=r"needs Python 3.11, .*found: 3.9.*`apt-get install python3 python3-venv`"):
        environments.main_environment()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": str(ROOT)}),
        (
            {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "a.b", "GIT_CONFIG_VALUE_0": "c"},
            {"GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_1": "safe.directory", "GIT_CONFIG_VALUE_1": str(ROOT)},
        ),
        ({"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": str(ROOT)}, {}),
    ],
)
def test_git_serves_a_checkout_of_another_user(
    monkeypatch: pytest.MonkeyPatch, before: dict[str, str], after: dict[str, str]
) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_CONFIG_")]:
        monkeypatch.delenv(name)
    for name, value in before.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(os, "geteuid", lambda: ROOT.stat().st_uid + 1)
    assert environments.trusting() == after
    monkeypatch.setattr(os, "geteuid", lambda: ROOT.stat().st_uid)
    assert environments.trusting() == {}


def test_under_sudo_the_callers_home_stays_the_callers(tmp_path: Path) -> None:
    code = "import environments; print(environments.CACHE, environments.Path.home())"
    variables = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "tools")}
    for caller, kept in ((os.geteuid() + 1, True), (os.geteuid(), False)):
        done = subprocess.run(
            [sys.executable, "-Bc", code],
            env={**variables, "SUDO_UID": str(caller)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert (str(tmp_path) in done.stdout) is kept


def test_the_lab_is_locked_beside_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environments, "LAB_STATE", tmp_path / "lab")
    attempt = ["flock", "--nonblock", str(tmp_path / "lab/run.lock"), "true"]
    with environments.the_lab():
        assert subprocess.run(attempt, check=False).returncode == 1
        # A command that inherits it holds it on.
        left = subprocess.Popen(["sleep", "60"], close_fds=False)
    assert subprocess.run(attempt, check=False).returncode == 1
    left.kill()
    left.wait()
    assert subprocess.run(attempt, check=False).returncode == 0
