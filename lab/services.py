# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host's services read, beside the daemon of its group: Marathon, the framework's downloads and store, the gateway."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lab import certificates
from lab.inventory import MASTERS, Host

MARATHON, GATEWAY = "marathon", "scaleio-gateway"
# Always the same, so that two deployments can be compared.
SYSTEM = {"name": "scaleio", "id": "5a1e000000000001", "version": "R2_0.10000.2072"}
# The framework waits for minutes where nothing is to be waited for here.
PACE = "SCALEIO_SIMULATOR_SPEED=20\nSCALEIO_SIMULATOR_FLOOR=1\n"
# A new device is tested, what was lost is made again: long enough to be seen.
SECONDS = {"device_test": 1, "forward_rebuild": 60, "backward_rebuild": 5, "rebalance": 5, "sds_timeout": 3}

# Files that hold a secret.
SECRETS = frozenset(("etc/scaleio-gateway/admin.password", "etc/scaleio-gateway/key.pem"))


def files(host: Host, hosts: Mapping[str, Host], addresses: Mapping[str, str]) -> dict[str, str]:
    """Path -> content, certificates apart.

    :param addresses: of all hosts.
    """
    made = {"etc/default/scaleio-simulator": PACE}
    if MARATHON in host.services:
        # Most of the time that a deployment takes.
        made["etc/marathon/conf/min_revive_offers_interval"] = "1000\n"
    if GATEWAY in host.services:
        masters = [name for name, other in hosts.items() if other.group == MASTERS]
        mdms = zip(("primary", "secondary", "tiebreaker"), masters, strict=False)
        settings = {
            "system": SYSTEM,
            "mdms": {role: {"name": name, "ip": addresses[name]} for role, name in mdms},
            "admin_password_file": "/etc/scaleio-gateway/admin.password",
            "certificate": {"file": "/etc/scaleio-gateway/chain.pem", "key": "/etc/scaleio-gateway/key.pem"},
            "seconds": SECONDS,
        }
        made["etc/scaleio-gateway/gateway.json"] = json.dumps(settings, indent=1) + "\n"
        made["etc/scaleio-gateway/admin.password"] = f"{host.password}\n"
    return made


def certify(host: Host, address: str, authority: Path, root: Path) -> None:
    """Give the host of the gateway a certificate, and the authority's beside it.

    :param authority: the directory of the lab's certificate authority.
    :param root: what is copied onto the host.
    """
    if GATEWAY in host.services:
        folder = root / "etc/scaleio-gateway"
        certificates.issue(authority, folder, host.name, address)
        (folder / "ca.pem").write_bytes(certificates.authority(authority).read_bytes())
