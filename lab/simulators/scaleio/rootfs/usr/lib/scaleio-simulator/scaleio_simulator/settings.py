# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags and environment of the scheduler (scheduler's config/config.go: AddFlags, NewConfig)."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from scaleio_simulator import goflag, web

VERSION_INT = 1
VERSION = "0.3.1"

_RELEASE = "https://github.com/codedellemc/scaleio-framework/releases/download/v0.3.1/"
_ISOLATOR = "https://github.com/emccode/mesos-module-dvdi/releases/download/v0.4.6/libmesos_dvdi_isolator-1.0.1.so"


def package(system: str, part: str) -> str:
    """Default place of a package (recorded: GET /api/state without nodes)."""
    if system == "ubuntu14":
        name = f"EMC-ScaleIO-{part}-2.0-10000.2072.Ubuntu.14.04.x86_64.deb"
        return _RELEASE + ("emc-scaleio-gateway_2.0-10000.2072_amd64.deb" if part == "gw" else name)
    name = f"EMC-ScaleIO-{part}-2.0-10000.2072.el7.x86_64.rpm"
    return _RELEASE + ("EMC-ScaleIO-gateway-2.0-10000.2072.x86_64.rpm" if part == "gw" else name)


PARTS = ("mdm", "sds", "sdc", "lia", "gw")

# (flag, variable, default); "" as variable: the command line only. The type of the default is that of the flag.
_TABLE: tuple[tuple[str, str, goflag.Value], ...] = (
    ("loglevel", "LOG_LEVEL", "info"),
    ("debug", "DEBUG", False),
    ("experimental", "EXPERIMENTAL", False),
    ("store.delete", "DELETE_STORE", False),
    ("store.dump", "DUMP_STORE", False),
    ("store.add.key", "STORE_ADD_KEY", ""),
    ("store.add.value", "STORE_ADD_VAL", ""),
    ("store.del.key", "STORE_DEL_KEY", ""),
    ("store.type", "STORE_TYPE", "zk"),
    ("store.uri", "STORE_URI", ""),
    ("rexray.branch", "REXRAY_BRANCH", "stable"),
    ("rexray.version", "REXRAY_VERSION", "latest"),
    ("isolator.binary", "ISOLATOR_BINARY", _ISOLATOR),
    ("rest.address", "REST_ADDRESS", ""),
    ("rest.port", "REST_PORT", 35000),
    ("uri", "MESOS_MASTER_HTTP", "http://127.0.0.1:5050/api/v1/scheduler"),
    ("executor.altpath", "ALT_EXECUTOR_PATH", ""),
    ("executor.cpu.mdm", "EXECUTOR_MDM_CPU", 1.5),
    ("executor.cpu.non", "EXECUTOR_NON_CPU", 0.5),
    ("executor.cpu.factor", "EXECUTOR_CPU_FACTOR", 1.0),
    ("executor.mem.mdm", "EXECUTOR_MDM_MEM", 3072.0),
    ("executor.mem.non", "EXECUTOR_NON_MEM", 512.0),
    ("executor.mem.factor", "EXECUTOR_MEMORY_FACTOR", 1.0),
    ("user", "USER", ""),
    ("hostname", "HOSTNAME", ""),
    ("role", "ROLE", "scaleio"),
    ("scaleio.clustername", "CLUSTER_NAME", "scaleio"),
    ("scaleio.clusterid", "CLUSTER_ID", ""),
    ("scaleio.lbgateway", "LB_GATEWAY", ""),
    ("scaleio.protectiondomain", "PROTECTION_DOMAIN", "default"),
    ("scaleio.storagepool", "STORAGE_POOL", "default"),
    ("scaleio.password", "ADMIN_PASSWORD", "Scaleio123"),
    ("scaleio.apiversion", "API_VERSION", "2.0"),
    ("scaleio.preconfig.primary", "PRIMARY_MDM_ADDRESS", ""),
    ("scaleio.preconfig.secondary", "SECONDARY_MDM_ADDRESS", ""),
    ("scaleio.preconfig.tiebreaker", "TIEBREAKER_MDM_ADDRESS", ""),
    ("scaleio.preconfig.gateway", "GATEWAY_ADDRESS", ""),
    *((f"scaleio.ubuntu14.{part}", f"DEB_{part.upper()}", package("ubuntu14", part)) for part in PARTS),
    *((f"scaleio.rhel7.{part}", f"RPM_{part.upper()}", package("rhel7", part)) for part in PARTS),
    # The same variables as rhel7: the later flag on the command line wins.
    *((f"scaleio.centos7.{part}", f"RPM_{part.upper()}", package("rhel7", part)) for part in PARTS),
    ("aws.threshold", "AWS_THRESHOLD", 90),
    ("aws.accesskey", "AWS_ACCESS_KEY", ""),
    ("aws.secretkey", "AWS_SECRET_KEY", ""),
    ("aws.checkfull", "AWS_USED_THRESHOLD", 60),
    ("aws.growthsize", "AWS_GROWTH_SIZE", 1024),
)


class Settings:
    """Values by flag name."""

    def __init__(self, values: Mapping[str, goflag.Value]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        return str(self._values[name])

    def number(self, name: str) -> float:
        return float(self._values[name])

    def true(self, name: str) -> bool:
        return bool(self._values[name])

    @property
    def preconfigured(self) -> bool:
        """Whether all three MDMs are given."""
        return all(self._mdms())

    def _mdms(self) -> list[str]:
        return [self.text(f"scaleio.preconfig.{role}") for role in ("primary", "secondary", "tiebreaker")]

    def unmet(self) -> str:
        """Why the scheduler does not start, or "" (scheduler's main.go: prerequisites)."""
        given = self._mdms()
        if not any(given) and not self.true("experimental"):
            return (
                "no preconfigured MDMs: give -scaleio.preconfig.primary, .secondary and .tiebreaker, or -experimental"
            )
        if any(given) and not all(given):
            return "preconfigured MDMs need all of -scaleio.preconfig.primary, .secondary and .tiebreaker"
        return ""

    def gateway(self) -> str:
        """Where the gateway is; with preconfigured MDMs -scaleio.lbgateway does not count
        (executor/common/common.go: GetGatewayAddress). Without them it is the primary MDM's node, "" until there is one.
        """
        if self.preconfigured:
            return self.text("scaleio.preconfig.gateway") or self.text("scaleio.preconfig.primary")
        return self.text("scaleio.lbgateway")


def load(arguments: list[str], environment: Mapping[str, str]) -> Settings:
    """Command line over environment over defaults; an empty variable counts as unset (config/env.go: env).

    :raises goflag.Usage: a flag or variable is wrong.
    """
    flags = []
    for name, variable, default in _TABLE:
        value = environment.get(variable) or _of_host(name, default)
        if isinstance(default, bool):
            flags.append(goflag.Flag(name, value == "true" if isinstance(value, str) else value))
            continue
        try:
            flags.append(goflag.Flag(name, goflag.convert(default, str(value))))
        except ValueError:
            # strconv's error ends in a panic, whose status is 2 (config/env.go: envInt, envFloat).
            raise goflag.Usage(f'panic: {variable}: parsing "{value}": invalid syntax\n', 2) from None
    values = goflag.parse("scheduler", flags, arguments)
    defaults = {flag.name: flag.default for flag in flags}
    for part in PARTS:
        if values[f"scaleio.centos7.{part}"] != defaults[f"scaleio.centos7.{part}"]:
            values[f"scaleio.rhel7.{part}"] = values[f"scaleio.centos7.{part}"]
    return Settings(values)


def _of_host(name: str, default: goflag.Value) -> goflag.Value:
    if name == "rest.address":
        return web.address_of_host()
    if name == "hostname":
        return socket.gethostname()
    if name == "user":
        import pwd

        return pwd.getpwuid(os.getuid()).pw_name
    return default
