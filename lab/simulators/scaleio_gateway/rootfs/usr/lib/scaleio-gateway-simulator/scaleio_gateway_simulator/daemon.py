# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""scaleio-gateway: the gateway's process."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
import time

from scaleio_gateway_simulator import certificate
from scaleio_gateway_simulator.api import Api
from scaleio_gateway_simulator.configuration import Configuration, read
from scaleio_gateway_simulator.evidence import Evidence
from scaleio_gateway_simulator.hooks import Hooks
from scaleio_gateway_simulator.http import Server
from scaleio_gateway_simulator.store import Store
from scaleio_gateway_simulator.volumes import Volumes

CONFIGURATION = "/etc/scaleio-gateway/gateway.json"
STATE = "/var/lib/scaleio-gateway"
HOOKS = "/run/scaleio-gateway-simulator"
LOGS = "/var/log/scaleio-gateway"


def main(argv: list[str]) -> int:
    """1 and a sentence when it cannot start; else it runs until it is ended."""
    parser = argparse.ArgumentParser(prog="scaleio-gateway", description=__doc__)
    for name, default in (("configuration", CONFIGURATION), ("state", STATE), ("hooks", HOOKS), ("logs", LOGS)):
        parser.add_argument(f"--{name}", default=default, help="default: %(default)s")
    arguments = parser.parse_args(argv)
    try:
        configuration = read(arguments.configuration)
        configuration.password()
        store = Store(arguments.state, configuration.system_id)
        files = _certificate(configuration, arguments.state)
        cluster = Volumes(configuration, store, Hooks(arguments.hooks))
        api = Api(cluster, configuration, Evidence(arguments.logs))
        server = Server((configuration.address, configuration.port), *files, api.answer)
    except (OSError, ValueError) as error:
        print(f"scaleio-gateway: {error}", file=sys.stderr)
        return 1
    threading.Thread(target=_advance, args=(cluster,), daemon=True).start()
    server.run()
    return 0


def _advance(cluster: Volumes) -> None:
    while True:
        time.sleep(1)
        with cluster.lock:
            cluster.advance()


def _certificate(configuration: Configuration, state: str) -> tuple[str, str]:
    """The files of the certificate and its key; made at the first start unless they are configured."""
    if configuration.certificate and configuration.certificate_key:
        return configuration.certificate, configuration.certificate_key
    files = os.path.join(state, "gateway.crt"), os.path.join(state, "gateway.key")
    if not os.path.exists(files[1]):
        names = list(configuration.certificate_names) or [socket.gethostname(), "localhost", "127.0.0.1"]
        for path, content in zip(files, certificate.self_signed(names)):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
                file.write(content)
    return files
