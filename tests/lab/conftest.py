# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How tests reach the lab's hosts: over SSH like a user, but with paramiko and not with Ansible."""

from __future__ import annotations

import base64
import importlib
import json
import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import testinfra

from tests.lab.harness import MASTERS, ROOT, lab, on, restart_masters


@pytest.fixture(scope="session")
def reach(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """A function from the name of a lab host to testinfra's view of it, as root."""
    config = tmp_path_factory.mktemp("ssh") / "config"
    # testinfra's connection reads no file of known hosts.
    config.write_text(lab("ssh-config") + "Host *\n  StrictHostKeyChecking no\n")
    return lambda name: testinfra.get_host(f"paramiko://{name}", ssh_config=str(config), sudo=True)


@pytest.fixture
def newest(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The variables with which the newest ansible-core runs that an installed Python can run."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    newest = importlib.import_module("environments").environments()[-1]
    variables: dict[str, str] = newest.variables()
    return variables


@pytest.fixture
def guarded_masters() -> Iterator[str]:
    """Masters that ask for the password of the user ``holdfast``, which is the fixture's value; open again afterwards."""
    password = f"planted-{secrets.token_hex(12)}"
    known = json.dumps({"credentials": [{"principal": "holdfast", "secret": password}]})
    flags = "authenticate_http_readonly authenticate_http_readwrite"
    guard = f"""umask 077; cat > /etc/mesos-master-credentials
        cd /etc/mesos-master; for flag in {flags}; do echo true > $flag; done
        echo /etc/mesos-master-credentials > credentials"""
    for master in MASTERS:
        on(master, "sh", "-c", guard, data=known)
    known_as = {"Authorization": "Basic " + base64.b64encode(f"holdfast:{password}".encode()).decode()}
    restart_masters(known_as)
    yield password
    for master in MASTERS:
        on(master, "sh", "-c", f"cd /etc/mesos-master; rm {flags} credentials ../mesos-master-credentials")
    restart_masters()
