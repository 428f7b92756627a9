# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How tests reach the lab's hosts: over SSH like a user, but with paramiko and not with Ansible."""

from __future__ import annotations

import base64
import importlib
import json
import secrets
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import testinfra

from tests.lab.harness import MASTERS, ROOT, agents_at_master, lab, on, until


@pytest.fixture(scope="session")
def reach(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """A function from the name of a lab host to testinfra's view of it, as root."""
    config = tmp_path_factory.mktemp("ssh") / "config"
    # testinfra's connection reads no file of known hosts.
    config.write_text(lab("ssh-config") + "Host *\n  StrictHostKeyChecking no\n")
    return lambda name: testinfra.get_host(f"paramiko://{name}", ssh_config=str(config), sudo=True)


@pytest.fixture
def newest(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables with which the newest ansible-core runs, where a Python for it is installed."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    found = importlib.import_module("environments").environment("newest")
    if found is None:
        pytest.skip(f"no installed Python runs a newer ansible-core ({sys.version})")
    variables: dict[str, str] = found.variables()
    return variables


@pytest.fixture
def guarded_masters() -> Iterator[str]:
    """Masters that ask for the password of the user ``holdfast``, which is the fixture's value; open again afterwards."""
    password = f"planted-{secrets.token_hex(12)}"
    known = json.dumps({"credentials": [{"principal": "holdfast", "secret": password}]})
    write = "umask 077; cat > /etc/mesos-master-credentials"
    flags = "authenticate_http_readonly authenticate_http_readwrite"
    for master in MASTERS:
        on(master, "sh", "-c", write, data=known)
        on(master, "sh", "-c", f"cd /etc/mesos-master; for flag in {flags}; do echo true > $flag; done")
        on(master, "sh", "-c", "echo /etc/mesos-master-credentials > /etc/mesos-master/credentials")
    known_as = {"Authorization": "Basic " + base64.b64encode(f"holdfast:{password}".encode()).decode()}
    _restart_masters(known_as)
    yield password
    for master in MASTERS:
        on(master, "sh", "-c", f"cd /etc/mesos-master; rm {flags} credentials ../mesos-master-credentials")
    _restart_masters({})


def _restart_masters(headers: dict[str, str]) -> None:
    """Restart all masters, and wait until the agents are back."""
    for master in MASTERS:
        on(master, "systemctl", "restart", "mesos-master")
    until(lambda: sum(bool(agent["active"]) for agent in agents_at_master(headers)) == 16)
