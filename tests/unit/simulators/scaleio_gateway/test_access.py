# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may ask: certificates, logging in, tokens, and how wrong requests are answered."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

UNAUTHORIZED = (401, {"message": "Unauthorized", "httpStatusCode": 401, "errorCode": 0})


def test_login_gives_a_token(gateway: Any) -> None:
    """goscaleio at 8ed64a0, Authenticate: the token is a JSON string; requests carry it as password of an empty user."""
    status, token = gateway.login()
    assert status == 200 and isinstance(token, str)
    for user in ("", "admin"):
        assert gateway.raw("GET", "/api/version", login=(user, token)) == (200, "2.0")


@pytest.mark.parametrize(
    ("user", "password"), [("admin", "wrong"), ("root", "Scaleio123"), ("", "Scaleio123"), ("admin", "")]
)
def test_wrong_passwords(gateway: Any, user: str, password: str) -> None:
    assert gateway.login(user, password) == UNAUTHORIZED


def test_no_token_no_answer(gateway: Any) -> None:
    for path in ("/api/version", "/api/types/System/instances", "/api/no/such/thing"):
        assert gateway.raw("GET", path) == UNAUTHORIZED
        assert gateway.raw("GET", path, login=("", "guessed")) == UNAUTHORIZED
        # The password itself is no token.
        assert gateway.raw("GET", path, login=("admin", "Scaleio123")) == UNAUTHORIZED
    assert gateway.raw("GET", "/api/version", login=("other", gateway.token())) == UNAUTHORIZED


def test_logout_ends_the_token(gateway: Any) -> None:
    other = gateway.login()[1]
    assert gateway.raw("GET", "/api/logout", login=("", other))[0] == 200
    assert gateway.raw("GET", "/api/version", login=("", other)) == UNAUTHORIZED
    assert gateway.get("version") == "2.0"


@pytest.mark.parametrize("limit", ["token_age", "token_idle"])
def test_tokens_grow_old(world: Any, limit: str) -> None:
    """ScaleIO 2.0 User Guide: eight hours, or ten minutes without a request; here shortened."""
    gateway = world.gateway
    gateway.stop()
    gateway.configuration["seconds"][limit] = 1.2
    gateway.start()
    token = gateway.token()
    assert gateway.raw("GET", "/api/version", login=("", token))[0] == 200
    time.sleep(1.3)
    assert gateway.raw("GET", "/api/version", login=("", token)) == UNAUTHORIZED


def test_a_used_token_does_not_idle(world: Any) -> None:
    gateway = world.gateway
    gateway.stop()
    gateway.configuration["seconds"]["token_idle"] = 3
    gateway.start()
    for _ in range(4):
        assert gateway.get("version") == "2.0"
        time.sleep(1.1)


def test_the_password_is_read_at_each_login(gateway: Any) -> None:
    (gateway.directory / "password").write_text("Another1\n")
    assert gateway.login() == UNAUTHORIZED
    assert gateway.login("admin", "Another1")[0] == 200


def test_posts_need_a_content_type(gateway: Any) -> None:
    """Issue 49 of dell/ansible-powerflex."""
    answer = gateway.raw(
        "POST", "/api/types/ProtectionDomain/instances", "{}", login=("", gateway.token()), Content_Type="text/plain"
    )
    message = "Request header Content-Type should be application/json"
    assert answer == (400, {"message": message, "httpStatusCode": 400, "errorCode": 0})


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nothing", 404),
        ("GET", "/api/types/Cloud/instances", 404),
        ("GET", "/api/instances/Cloud::00", 404),
        ("GET", "/api/instances/System::5a1e000000000001/relationships/Sds", 404),
        ("GET", "/api/instances/Sds::not-hex", 400),
        ("GET", "/api/instances/Sds::", 400),
        ("DELETE", "/api/types/Sds/instances", 405),
    ],
)
def test_wrong_requests_get_json(gateway: Any, method: str, path: str, status: int) -> None:
    answered, value = gateway.raw(method, path, login=("", gateway.token()))
    assert (answered, value["httpStatusCode"], value["errorCode"]) == (status, status, 0)


@pytest.mark.parametrize("body", ["{", "[]", '"x"'])
def test_bodies_that_are_no_object(gateway: Any, body: str) -> None:
    assert gateway.post("types/ProtectionDomain/instances", body)[0] == 400


def test_the_own_certificate_can_be_trusted(gateway: Any) -> None:
    """It is made at the first start, stays the same, and names the address."""
    certificate = gateway.directory / "state/gateway.crt"
    before = certificate.read_bytes()
    assert (gateway.directory / "state/gateway.key").stat().st_mode & 0o777 == 0o600
    gateway.stop()
    gateway.start()
    assert certificate.read_bytes() == before
    trusting = ssl.create_default_context(cafile=str(certificate))
    with (
        socket.create_connection(gateway.address) as plain,
        trusting.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        assert tls.version() in ("TLSv1.2", "TLSv1.3")
    with socket.create_connection(gateway.address) as plain, pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(plain, server_hostname="localhost")
    shown = subprocess.run(
        ["openssl", "x509", "-in", str(certificate), "-noout", "-text"], capture_output=True, text=True, check=True
    )
    assert "DNS:localhost, IP Address:127.0.0.1" in shown.stdout
    subprocess.run(
        ["openssl", "verify", "-CAfile", str(certificate), str(certificate)], check=True, capture_output=True
    )


def test_a_configured_chain(world: Any, tmp_path: Path) -> None:
    """The client trusts the root alone; the gateway sends what is between."""

    def openssl(*argv: str) -> None:
        subprocess.run(["openssl", *argv], check=True, capture_output=True, cwd=tmp_path)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *new, "-days", "2", "-subj", "/CN=root", "-keyout", "root.key", "-out", "root.pem")
    signer, extensions = "root", {"between": "basicConstraints=critical,CA:TRUE", "leaf": "subjectAltName=DNS:gateway"}
    for name, extension in extensions.items():
        (tmp_path / "extension").write_text(extension)
        openssl("req", *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr")
        openssl(
            *(
                "x509",
                "-req",
                "-in",
                f"{name}.csr",
                "-CA",
                f"{signer}.pem",
                "-CAkey",
                f"{signer}.key",
                "-CAcreateserial",
            ),
            *("-days", "2", "-extfile", "extension", "-out", f"{name}.pem"),
        )
        signer = name
    (tmp_path / "chain.pem").write_text((tmp_path / "leaf.pem").read_text() + (tmp_path / "between.pem").read_text())
    gateway = world.gateway
    gateway.stop()
    gateway.configuration["certificate"] = {"file": str(tmp_path / "chain.pem"), "key": str(tmp_path / "leaf.key")}
    gateway.start()
    trusting = ssl.create_default_context(cafile=str(tmp_path / "root.pem"))
    with socket.create_connection(gateway.address) as plain:
        trusting.wrap_socket(plain, server_hostname="gateway").close()


def test_plain_http_gets_nothing(gateway: Any, speak: Any) -> None:
    assert not speak(gateway.address, b"GET /api/version HTTP/1.1\r\nHost: x\r\n\r\n").startswith(b"HTTP")


def test_evidence_has_no_secrets(gateway: Any) -> None:
    token = gateway.token()
    gateway.create("ProtectionDomain", name="engineering")
    gateway.refusal("ProtectionDomain", name="engineering")
    entries = gateway.evidence()
    assert [(entry["method"], entry["target"], entry["status"]) for entry in entries] == [
        ("GET", "/api/login", 200),
        ("POST", "/api/types/ProtectionDomain/instances", 200),
        ("POST", "/api/types/ProtectionDomain/instances", 500),
    ]
    assert entries[1]["body"] == '{"name": "engineering"}'
    assert entries[1]["headers"]["content-type"] == "application/json;version=2.0"
    text = (gateway.directory / "logs/simulator-requests.jsonl").read_text()
    assert token not in text and "Scaleio123" not in text


@pytest.mark.parametrize(
    "change",
    [
        {"sytem": {}},
        {"system": {"nam": "x"}},
        {"mdms": {"primary": {"name": "mdm1", "ip": "10.0.0.1"}, "secondary": {"name": "mdm2", "ip": "10.0.0.2"}}},
        {"mdms": {"primary": "10.0.0.1"}},
        {"certificate": {"file": "/x"}},
    ],
)
def test_wrong_settings_are_named(world: Any, change: dict[str, Any]) -> None:
    gateway = world.gateway
    (gateway.directory / "wrong.json").write_text(json.dumps({**gateway.configuration, **change}))
    argv = [sys.executable, "-IS", gateway.argv[0], f"--configuration={gateway.directory}/wrong.json"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=10)
    assert done.returncode == 1
    assert next(iter(change)) in done.stderr
