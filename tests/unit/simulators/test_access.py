# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS, passwords, and what only simulators may ask each other."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def tls(tmp_path: Path) -> dict[str, str]:
    """The variables with which libprocess speaks TLS (mesos 1.11.0 docs/ssl.md)."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=m1", "-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    return {
        "LIBPROCESS_SSL_ENABLED": "true",
        "LIBPROCESS_SSL_KEY_FILE": str(key),
        "LIBPROCESS_SSL_CERT_FILE": str(certificate),
    }


def test_tls_between_clients_master_and_agent(cluster: Any, tls: dict[str, str], speak: Any) -> None:
    master = cluster.master().start(**tls)
    agent = cluster.agent().start(**tls)
    master.scheme = agent.scheme = "https"
    assert cluster.registered(master, agent)["active"]
    assert master.get("/redirect").headers["Location"] == "//m1:5050"
    for daemon in (master, agent):
        assert not speak(daemon.address, b"GET /health HTTP/1.0\r\n\r\n").startswith(b"HTTP/")


def test_masters_elect_over_tls(cluster: Any, tls: dict[str, str], wait: Any) -> None:
    masters = [master.start(**tls) for master in cluster.masters()]
    for master in masters:
        master.scheme = "https"
    assert wait(lambda: cluster.leader(masters))


def test_a_plain_agent_cannot_join_unless_downgrade_is_allowed(cluster: Any, tls: dict[str, str], wait: Any) -> None:
    master = cluster.master().start(**tls)
    agent = cluster.agent().start()
    wait(lambda: "Failed to link to" in agent.output)
    assert agent.get("/state").json["id"] == ""
    master.stop()
    master.start(**tls, LIBPROCESS_SSL_SUPPORT_DOWNGRADE="true")
    assert cluster.registered(master, agent)["active"]
    master.scheme = "https"
    assert cluster.registered(master, agent)["active"]


def test_tls_needs_a_key(cluster: Any) -> None:
    master = cluster.master().start(LIBPROCESS_SSL_ENABLED="1")
    assert master.wait() == 1
    assert "SSL requires key!" in master.output


def test_passwords(cluster: Any, tmp_path: Path, basic: Any) -> None:
    credentials = tmp_path / "credentials.json"
    credentials.write_text('{"credentials":[{"principal":"ops","secret":"s3"}]}')
    both = ("--authenticate_http_readonly", "--authenticate_http_readwrite")
    master = cluster.master(*both, f"--credentials={credentials}").start()
    agent = cluster.agent(*both, f"--http_credentials=file://{credentials}").start()
    good, bad = basic("ops", "s3"), basic("ops", "no")
    for daemon, name, path in ((master, "master", "/slaves"), (agent, "agent", "/state")):
        refused = _until_routed(daemon, path, bad)
        assert refused.status == 401
        assert refused.headers["WWW-Authenticate"] == f'Basic realm="mesos-{name}-readonly"'
        assert daemon.get("/health").status == 200
        answer = daemon.post("/api/v1", '{"type":"GET_HEALTH"}', **{"Content-Type": "application/json"})
        assert answer.headers["WWW-Authenticate"] == f'Basic realm="mesos-{name}-readwrite"'
    entry = _until_routed(master, "/slaves", good).json
    assert list(entry) == ["slaves", "recovered_slaves"]


def _until_routed(daemon: Any, path: str, authorization: str) -> Any:
    for _ in range(200):
        try:
            answer = daemon.get(path, Authorization=authorization)
        except OSError:
            answer = None
        if answer is not None and answer.status not in (404, 503):
            return answer
        time.sleep(0.03)
    raise AssertionError(f"{path} is never routed")


def test_private_paths_do_not_exist_for_others(cluster: Any, wait: Any) -> None:
    master = cluster.master().start()
    wait(lambda: master.get("/slaves").status == 200)
    for path in ("/simulator/agent", "/simulator/leader", "/simulator/election"):
        answer = master.get(path)
        assert (answer.status, answer.body) == (404, b"404 Not Found.")
