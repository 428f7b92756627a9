# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the gateway is told by /etc/scaleio-gateway/gateway.json; the README lists it."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

MASTER, SLAVE, TIEBREAKER = "primary", "secondary", "tiebreaker"


class Mdm(NamedTuple):
    """One member of the MDM cluster. `role` is the framework's word: primary, secondary or tiebreaker."""

    role: str
    name: str
    ip: str


class Configuration(NamedTuple):
    """See the README for each."""

    system_name: str
    system_id: str | None
    version: str
    user: str
    password_file: str
    mdms: tuple[Mdm, ...]
    sdcs: tuple[str, ...]
    address: str
    port: int
    certificate: str | None
    certificate_key: str | None
    certificate_names: tuple[str, ...]
    seconds: dict[str, float]

    def password(self) -> str:
        """Read at each use, so that it can be changed under a running gateway."""
        with open(self.password_file, encoding="utf-8") as file:
            return file.read().rstrip("\n")


# The product's own times are those of its User Guide for 2.0 (REST, authentication); the others stand for work whose length
# depends on data that nobody has written.
SECONDS = {
    "token_age": 8 * 3600.0,
    "token_idle": 600.0,
    "device_test": 2.0,
    "forward_rebuild": 60.0,
    "backward_rebuild": 5.0,
    "rebalance": 5.0,
    "sds_timeout": 3.0,
}


def read(path: str) -> Configuration:
    """The configuration of a file.

    :raises ValueError: a key is unknown, of a wrong shape or missing; the sentence names it.
    """
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    known = {
        "system": {"name", "id", "version"},
        "mdms": {MASTER, SLAVE, TIEBREAKER},
        "listen": {"address", "port"},
        "certificate": {"file", "key", "names"},
        "seconds": set(SECONDS),
    }
    for section, names in known.items():
        given = document.get(section, {})
        if not isinstance(given, dict) or set(given) - names:
            raise ValueError(f"{path}: {section}: write an object with {', '.join(sorted(names))}, not {given!r}")
    unknown = set(document) - set(known) - {"user", "admin_password_file", "sdcs"}
    if unknown:
        raise ValueError(f"{path}: {', '.join(sorted(unknown))}: no such setting")
    system, listen, certificate = (document.get(name, {}) for name in ("system", "listen", "certificate"))
    if bool(certificate.get("file")) != bool(certificate.get("key")):
        raise ValueError(f"{path}: certificate: write both file and key, or neither")
    return Configuration(
        system_name=system.get("name", "scaleio"),
        system_id=system.get("id"),
        version=system.get("version", "R2_0.10000.2072"),
        user=document.get("user", "admin"),
        password_file=document.get("admin_password_file", "/etc/scaleio-gateway/admin.password"),
        mdms=tuple(_mdms(path, document.get("mdms", {}))),
        sdcs=tuple(document.get("sdcs", ())),
        address=listen.get("address", "0.0.0.0"),
        port=int(listen.get("port", 443)),
        certificate=certificate.get("file"),
        certificate_key=certificate.get("key"),
        certificate_names=tuple(certificate.get("names", ())),
        seconds={**SECONDS, **document.get("seconds", {})},
    )


def _mdms(path: str, section: dict[str, Any]) -> list[Mdm]:
    found = []
    for role in (MASTER, SLAVE, TIEBREAKER):
        entries = section.get(role, [])
        for entry in entries if isinstance(entries, list) else [entries]:
            if not isinstance(entry, dict) or set(entry) != {"name", "ip"}:
                raise ValueError(f"{path}: mdms: {role}: write an object with name and ip, not {entry!r}")
            found.append(Mdm(role, entry["name"], entry["ip"]))
    counts = [sum(mdm.role == role for mdm in found) for role in (MASTER, SLAVE, TIEBREAKER)]
    # A cluster has one, three or five members (ScaleIO 2.0 User Guide, the MDM cluster).
    if counts not in ([1, 0, 0], [1, 1, 1], [1, 2, 2]):
        raise ValueError(f"{path}: mdms: one primary alone, or with one or two secondaries and as many tiebreakers")
    return found
