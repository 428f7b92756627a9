# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the services of a host read, and the certificates of the lab."""

from __future__ import annotations

import dataclasses
import json
import socket
import ssl
import threading
from pathlib import Path

from lab import certificates, inventory, services

ALL = inventory.load()
ADDRESSES = {name: f"10.89.50.{host.octet}" for name, host in ALL.items()}


def test_the_host_of_the_gateway() -> None:
    made = services.files(ALL["m1"], ALL, ADDRESSES)
    settings = json.loads(made["etc/scaleio-gateway/gateway.json"])
    assert settings["mdms"] == {
        "primary": {"name": "m1", "ip": "10.89.50.11"},
        "secondary": {"name": "m2", "ip": "10.89.50.12"},
        "tiebreaker": {"name": "m3", "ip": "10.89.50.13"},
    }
    assert made["etc/scaleio-gateway/admin.password"] == f"{ALL['m1'].password}\n" != "\n"
    assert settings["admin_password_file"].lstrip("/") in services.SECRETS
    assert settings["certificate"]["key"].lstrip("/") in services.SECRETS


def test_other_hosts_know_the_pace_alone() -> None:
    for name in ("m2", "agent01", "agent17"):
        assert services.files(ALL[name], ALL, ADDRESSES) == {"etc/default/scaleio-simulator": services.PACE}


def test_a_certificate_is_made_once_and_again_for_another_address(tmp_path: Path) -> None:
    target = tmp_path / "host"
    certificates.issue(tmp_path, target, "m1", "127.0.0.1")
    first = (target / "chain.pem").read_bytes()
    certificates.issue(tmp_path, target, "m1", "127.0.0.1")
    assert (target / "chain.pem").read_bytes() == first
    certificates.issue(tmp_path, target, "m1", "127.0.0.2")
    assert (target / "chain.pem").read_bytes() != first
    assert {path.stat().st_mode & 0o777 for path in (target / "key.pem", tmp_path / "ca.key")} == {0o600}


def test_who_trusts_the_authority_trusts_the_service(tmp_path: Path) -> None:
    root = tmp_path / "files"
    services.certify(ALL["m1"], "127.0.0.1", tmp_path, root)
    services.certify(ALL["m2"], "127.0.0.1", tmp_path, tmp_path / "none")
    assert not (tmp_path / "none").exists()
    folder = root / "etc/scaleio-gateway"
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "chain.pem", folder / "key.pem")
    client = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    ours, theirs = _pair(server, client, "127.0.0.1")
    assert (ours, theirs) == (None, None)
    stranger = dataclasses.replace(ALL["m1"], name="m9")
    services.certify(stranger, "127.0.0.9", tmp_path / "other", tmp_path / "other/files")
    elsewhere = ssl.create_default_context(cafile=str(tmp_path / "other/files/etc/scaleio-gateway/ca.pem"))
    assert isinstance(_pair(server, elsewhere, "127.0.0.1")[1], ssl.SSLCertVerificationError)


def _pair(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> tuple[Exception | None, Exception | None]:
    """One handshake; what ended it on either side."""
    one, other = socket.socketpair()
    found: list[Exception | None] = [None, None]

    def serve() -> None:
        try:
            with server.wrap_socket(one, server_side=True) as connection:
                connection.recv(1)
        except (ssl.SSLError, OSError) as error:
            found[0] = error

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(other, server_hostname=name) as connection:
            connection.send(b"x")
    except ssl.SSLError as error:
        found[1] = error
        other.close()
    thread.join(10)
    return found[0], found[1]
