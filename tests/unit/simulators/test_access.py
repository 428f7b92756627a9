# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS, passwords, authentication of agents, and what only simulators may ask each other."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
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


# --- agents at the master: mesos 1.11.0 src/master/master.cpp (registerSlave, authenticate), src/slave/slave.cpp ---

REQUIRED = "--authenticate_agents"
KNOWN = '{"credentials":[{"principal":"agents","secret":"s3"}]}'
GOOD = '{"principal":"agents","secret":"s3"}'


@pytest.fixture
def secret_file(tmp_path: Path) -> Callable[[str, str], str]:
    """Writes a file of credentials and gives its path."""

    def write(name: str, content: str) -> str:
        path = tmp_path / name
        path.write_text(content)
        path.chmod(0o600)
        return str(path)

    return write


def test_an_authenticated_agent_registers(cluster: Any, secret_file: Callable[[str, str], str]) -> None:
    master = cluster.master(REQUIRED, f"--credentials=file://{secret_file('known', KNOWN)}").start()
    agent = cluster.agent(f"--credential={secret_file('own', GOOD)}").start()
    identifier = cluster.registered(master, agent)["id"]
    agent.stop()
    agent.start()
    assert cluster.registered(master, agent)["id"] == identifier
    pid = f"slave(1)@{agent.address[0]}:5051"
    for line in (
        "Master only allowing authenticated agents to register",
        f"Successfully authenticated principal 'agents' at {pid}",
    ):
        assert line in master.output
    leader = f"master@{master.address[0]}:5050"
    for line in ("Agent using credential for: agents", f"Successfully authenticated with master {leader}"):
        assert line in agent.output
    assert "No credentials provided" not in agent.output
    assert "s3" not in master.output + agent.output


def test_an_agent_without_a_credential_is_never_answered(
    cluster: Any, wait: Any, secret_file: Callable[[str, str], str]
) -> None:
    master = cluster.master().start()
    agent = cluster.agent().start()
    cluster.registered(master, agent)
    agent.stop()
    master.stop()
    master.start(REQUIRED, f"--credentials={secret_file('known', KNOWN)}")
    fresh = cluster.agent(number=102, name="agent02").start()
    agent.start()
    for attempt, daemon in (("re-registration", agent), ("registration", fresh)):
        pid = f"slave(1)@{daemon.address[0]}:5051"
        wait(lambda text=f"Refusing {attempt} of agent at {pid} because it is not authenticated": text in master.output)
        assert daemon.running
    assert fresh.get("/state").json["id"] == ""
    assert cluster.slaves(master) == []


@pytest.mark.parametrize(
    ("credential", "reason"),
    [
        ('{"principal":"agents","secret":"wrong"}', "authentication failure"),
        ('{"principal":"others","secret":"s3"}', "user not found"),
        ('{"principal":"agents"}', None),
    ],
)
@pytest.mark.parametrize("required", [True, False])
def test_a_wrong_credential_ends_the_agent(
    cluster: Any, secret_file: Callable[[str, str], str], credential: str, reason: str | None, required: bool
) -> None:
    flags = [REQUIRED] if required else []
    master = cluster.master(*flags, f"--credentials={secret_file('known', KNOWN)}").start()
    agent = cluster.agent(f"--credential={secret_file('own', credential)}").start()
    assert agent.wait() == 1
    assert f"EXIT with status 1: Master master@{master.address[0]}:5050 refused authentication" in agent.output
    if reason is None:
        assert "secret needed by CRAM-MD5 authenticatee" in agent.output
    else:
        assert f"Authentication failure: {reason}" in master.output
        assert "Failed to authenticate slave(1)@" in master.output
    assert cluster.slaves(master) == []


def test_a_master_without_credentials_refuses_every_one(cluster: Any, secret_file: Callable[[str, str], str]) -> None:
    master = cluster.master().start()
    agent = cluster.agent(f"--credential={secret_file('own', GOOD)}").start()
    assert agent.wait() == 1
    assert "No credentials provided, authentication requests will be refused" in master.output


@pytest.mark.parametrize(
    ("content", "master_says", "agent_says"),
    [
        (None, "Failed to read credentials file '{path}': No such file or directory", None),
        ("", "Credentials file must contain at least one credential", "Empty credential file '{path}'"),
        ("agents s3", "Invalid json format: ", "Invalid json format: "),
        ('{"secret":"s3"}', None, "Failed to parse credential: "),
    ],
)
def test_a_file_of_credentials_must_be_sound(
    cluster: Any,
    tmp_path: Path,
    secret_file: Callable[[str, str], str],
    content: str | None,
    master_says: str | None,
    agent_says: str | None,
) -> None:
    path = str(tmp_path / "missing") if content is None else secret_file("file", content)
    for daemon, flag, text in (
        (cluster.master(f"--credentials={path}"), "--credentials", master_says),
        (cluster.agent(f"--credential=file://{path}"), "--credential", agent_says),
    ):
        if text:
            assert daemon.start().wait() == 1
            assert f"EXIT with status 1: {text.format(path=path)}" in daemon.output
            assert f"(see {flag} flag)" in daemon.output


def test_other_authenticators_are_modules_that_are_not_there(
    cluster: Any, secret_file: Callable[[str, str], str]
) -> None:
    other = cluster.master("--authenticators=kerberos").start()
    assert other.wait() == 1
    assert "Authenticator 'kerberos' not found." in other.output
    cluster.master().start()
    agent = cluster.agent("--authenticatee=kerberos", f"--credential={secret_file('own', GOOD)}").start()
    assert agent.wait() == 1
    assert "Could not create authenticatee module 'kerberos'" in agent.output


def test_private_paths_do_not_exist_for_others(cluster: Any, wait: Any) -> None:
    master = cluster.master().start()
    wait(lambda: master.get("/slaves").status == 200)
    for path in ("/simulator/agent", "/simulator/leader", "/simulator/election"):
        answer = master.get(path)
        assert (answer.status, answer.body) == (404, b"404 Not Found.")
