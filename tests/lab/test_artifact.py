# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The built collection in the hands of somebody else: another user, another folder, no checkout in sight."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml

from tests.lab.harness import ROOT, STATE, few, hashes, registered

USER = "holdfast-guest"
AGENTS = ("agent01", "agent02", "agent04")
# Where the guest finds the Python environment of this run, whose own folder may lie in a home that is closed to others.
PYTHON_ENVIRONMENT = Path("/mnt")


def sources() -> list[Path]:
    """The checkout's files, committed or not, without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True
    )
    return [
        Path(os.fsdecode(name)) for name in listed.stdout.split(b"\0") if name and (ROOT / os.fsdecode(name)).is_file()
    ]


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection, built from a clean copy."""
    copy, built = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("built")
    for path in sources():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, copy / path)
    subprocess.run(
        ["ansible-galaxy", "collection", "build", "--output-path", built], cwd=copy, check=True, capture_output=True
    )
    (found,) = built.iterdir()
    return found


class Guest:
    """Another user of this machine, with a home of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.collections = home / "collections"
        self.lab = home / "lab"
        self.inventories: tuple[Path, ...] = ()

    def run(self, *argv: str | Path, status: int = 0) -> str:
        """Run a program of the Python environment as this user; what it printed.

        The environment is bound to a place that the user may enter, seen by this program and its children alone.
        """
        settings = {
            "ANSIBLE_COLLECTIONS_PATH": self.collections,
            "ANSIBLE_NOCOLOR": "1",
            "HOLDFAST_LAB_STATE": self.lab,
            "HOME": self.home,
            "LANG": "C.UTF-8",
            "PATH": f"{PYTHON_ENVIRONMENT}/bin:/usr/bin:/bin",
        }
        enter = 'mount --bind "$0" "$1" && cd "$2" && shift 2 && exec "$@"'
        done = subprocess.run(
            [
                *("unshare", "--mount", "sh", "-c", enter, sys.prefix, PYTHON_ENVIRONMENT, self.home),
                *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", "--inh-caps=-all", "--"),
                *("env", "--ignore-environment", *(f"{name}={value}" for name, value in settings.items())),
                *map(str, argv),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
            check=False,
        )
        assert (
            done.returncode == status
        ), f"{argv} ended with {done.returncode}, expected {status}:\n{done.stdout[-6000:]}"
        return done.stdout

    def ansible(self, *argv: str | Path, status: int = 0) -> str:
        """``ansible-playbook`` and its like, by the module behind them: scripts name their own interpreter by its path."""
        return self.run("python3", "-m", "ansible", *argv, status=status)

    def playbook(self, *argv: str | Path, status: int = 0) -> str:
        chosen = [f"--inventory={inventory}" for inventory in self.inventories]
        return self.ansible("playbook", *chosen, *argv, status=status)


@pytest.fixture(scope="module")
def guest(artifact: Path) -> Iterator[Guest]:
    """The user, who has the artifact installed, a key to the lab's hosts and an inventory of some of them."""
    _forget()
    home = Path(tempfile.mkdtemp(prefix="holdfast-guest-"))
    subprocess.run(["useradd", "--no-create-home", "--home-dir", home, "--shell", "/bin/sh", USER], check=True)
    try:
        found = Guest(home)
        shutil.copy(artifact, home / artifact.name)
        found.lab.mkdir()
        for name in ("network", "id_ed25519", "known_hosts"):
            shutil.copy(STATE / name, found.lab / name)
        found.inventories = few(home, *AGENTS, declared=False)
        declared = {"scaleio_sds": {"engineering": {"qe": ["/dev/xvdf"]}}, "scaleio_max_unavailable": 2}
        (found.inventories[0].parent / "group_vars" / "mesos_agents.yml").write_text(yaml.safe_dump(declared))
        subprocess.run(["chown", "-R", f"{USER}:", home], check=True)
        found.ansible("galaxy", "collection", "install", "--offline", "-p", found.collections, home / artifact.name)
        yield found
    finally:
        _forget()
        shutil.rmtree(home, ignore_errors=True)


def _forget() -> None:
    """Remove the user, also one that a killed run has left."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return
    subprocess.run(["pkill", "--signal", "KILL", "--uid", USER], check=False)
    subprocess.run(["userdel", USER], check=True, capture_output=True)


def folders(names: Sequence[str]) -> set[str]:
    return {name.split("/")[0] for name in names}


def test_the_artifact_holds_what_users_need_and_no_more(artifact: Path) -> None:
    with tarfile.open(artifact) as packed:
        names = [member.name for member in packed.getmembers() if member.isfile()]
    assert folders(names) <= {
        *("CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md"),
        *(
            "bindep.txt",
            "changelogs",
            "docs",
            "inventories",
            "meta",
            "playbooks",
            "plugins",
            "requirements.txt",
            "roles",
        ),
    }
    assert {"plugins", "roles", "playbooks", "docs", "meta", "README.md", "LICENSE"} <= folders(names)
    unwanted = re.compile(r"(^|/)(tests?|lab|tools|molecule|benchmarks|__pycache__|\.[a-z]\w*)(/|$)")
    assert [name for name in names if unwanted.search(name)] == []


def test_documentation(guest: Guest) -> None:
    listed = guest.ansible("doc", "--type", "module", "--list", "holdfast.stateful")
    modules = re.findall(r"^(holdfast\.stateful\.\w+)", listed, re.MULTILINE)
    assert sorted(modules) == sorted(
        f"holdfast.stateful.{path.stem}" for path in (ROOT / "plugins" / "modules").glob("*.py")
    )
    shown = guest.ansible("doc", *modules)
    assert all(f"> MODULE {name}" in shown for name in modules)
    assert "EXAMPLES:" in shown and "RETURN VALUES:" in shown and "check_mode:" in shown
    assert str(guest.collections) in shown
    assert "scaleio_max_unavailable" in guest.ansible("doc", "--type", "role", "holdfast.stateful.scaleio")
    assert "endpoints" in guest.ansible("doc", "--type", "filter", "holdfast.stateful.endpoints")


def test_playbooks_by_name(guest: Guest) -> None:
    before = hashes(*AGENTS)
    planned = guest.playbook("holdfast.stateful.plan")
    assert "scaleio: " in planned and "in 2 phases" in planned
    assert all(
        f"write /etc/mesos-slave/attributes/{name}" in planned for name in ("scaleio-sds-qe", "scaleio-sds-domains")
    )
    compared = guest.playbook("holdfast.stateful.status", status=2)
    assert "scaleio: 3 members" in compared
    checked = guest.playbook("holdfast.stateful.scaleio_imperative", "--check")
    assert hashes(*AGENTS) == before
    done = guest.playbook("holdfast.stateful.scaleio_imperative")
    again = guest.playbook("holdfast.stateful.scaleio_imperative")
    for shown, changed in ((checked, 1), (done, 1), (again, 0)):
        for agent in AGENTS:
            assert re.search(rf"^{agent}\s+: .*changed={changed} .*failed=0", shown, re.MULTILINE), shown
    assert {agent: registered()[agent]["scaleio-sds-qe"] for agent in AGENTS} == dict.fromkeys(AGENTS, "/dev/xvdf")


def test_the_guest_uses_nothing_of_the_checkout(guest: Guest) -> None:
    """The collection that runs is the installed one: without it there is none."""
    hidden = guest.collections.with_name("hidden")
    guest.collections.rename(hidden)
    try:
        assert "holdfast.stateful.plan" in guest.playbook("holdfast.stateful.plan", status=1)
    finally:
        hidden.rename(guest.collections)
