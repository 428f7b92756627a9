# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags (marathon MarathonConf.scala, api/HttpConf.scala): from the command line, /etc/marathon/conf/<flag>, MARATHON_<FLAG>."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from typing import Any

_CONFIGURATION = "/etc/marathon/conf"
_MESOS_ZK = "/etc/mesos/zk"

# Flag: default. The kind of the default is the kind of the flag; None stands for an optional text. Times are milliseconds,
# but for the framework's failover_timeout.
_DEFAULTS: dict[str, Any] = {
    "master": None,
    "zk": "zk://localhost:2181/marathon",
    "hostname": None,
    "http_address": None,
    "http_port": 8080,
    "https_address": None,
    "https_port": 8443,
    "disable_http": False,
    "http_credentials": None,
    "http_realm": "Mesosphere",
    "ssl_keystore_path": None,
    "ssl_keystore_password": None,
    "framework_name": "marathon",
    "mesos_role": None,
    "mesos_user": "root",
    "checkpoint": True,
    "failover_timeout": 604800,
    "default_accepted_resource_roles": None,
    "env_vars_prefix": None,
    "local_port_min": 10000,
    "local_port_max": 20000,
    "max_instances_per_offer": 100,
    "decline_offer_duration": 120000,
    "min_revive_offers_interval": 5000,
    "revive_offers_repetitions": 3,
    "task_launch_timeout": 300000,
    "reconciliation_initial_delay": 15000,
    "reconciliation_interval": 600000,
    "scale_apps_initial_delay": 15000,
    "scale_apps_interval": 300000,
    "task_lost_expunge_interval": 30000,
    "kill_retry_timeout": 10000,
    "zk_max_versions": 50,
}


class SettingsError(ValueError):
    """A flag that is unknown or has no fitting value; the text names it and where it was given."""


class Settings:
    """All flags, by name, and the directories of this simulator, which the product has none of."""

    def __init__(self, flags: dict[str, Any], state_directory: str, log_directory: str) -> None:
        self.flags, self.state_directory, self.log_directory = flags, state_directory, log_directory

    def __getitem__(self, name: str) -> Any:
        return self.flags[name]

    def seconds(self, name: str) -> float:
        """A time that is given in milliseconds."""
        return float(self.flags[name]) / 1000

    @property
    def roles(self) -> list[str]:
        """Roles whose resources an application takes when it names none (MarathonConf.scala: defaultAcceptedResourceRolesSet)."""
        given = self.flags["default_accepted_resource_roles"]
        if given:
            return [role.strip() for role in given.split(",")]
        return sorted({"*", self.flags["mesos_role"] or "*"})

    @property
    def role(self) -> str:
        """The role of the framework and of its applications."""
        return str(self.flags["mesos_role"] or "*")


def load(argv: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """The command line is heard first, then the files, then the environment; SettingsError when one of them is wrong."""
    given: dict[str, tuple[str, str]] = {}
    for name, value in environment.items():
        # MARATHON_APP_* are there when Marathon itself runs on Marathon.
        if name.startswith("MARATHON_") and not name.startswith("MARATHON_APP_"):
            given[name[len("MARATHON_") :].lower()] = (value, f"the variable {name}")
    directory = environment.get("SIMULATOR_CONFIGURATION", _CONFIGURATION)
    names = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    for name in names:
        path = os.path.join(directory, name)
        if os.path.isfile(path):
            with open(path, encoding="utf-8") as file:
                given[name.lstrip("?")] = (file.read().strip(), path)
    given.update(_command_line(argv))
    flags = dict(_DEFAULTS)
    for name, (value, place) in given.items():
        flags[name] = _parse(name, value, place)
    if not flags["master"]:
        flags["master"] = _mesos_zk()
    if not flags["hostname"]:
        flags["hostname"] = socket.gethostname()
    state = environment.get("SIMULATOR_STATE", "/var/lib/marathon")
    return Settings(flags, state, environment.get("SIMULATOR_LOG", "/var/log/marathon"))


def _command_line(argv: Sequence[str]) -> dict[str, tuple[str, str]]:
    given: dict[str, tuple[str, str]] = {}
    words = list(argv)
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            raise SettingsError(f"Excess argument provided: '{word}'")
        name, equals, value = word[2:].partition("=")
        switch = isinstance(_DEFAULTS.get(name), bool)
        if not equals and not switch and words:
            value = words.pop(0)
        given[name] = (value, f"--{name}")
    return given


def _parse(name: str, value: str, place: str) -> Any:
    if name not in _DEFAULTS:
        raise SettingsError(f"Unknown option '{name}' ({place})")
    default = _DEFAULTS[name]
    if isinstance(default, bool):
        return value.lower() not in ("false", "0")
    if isinstance(default, int):
        try:
            return int(float(value))
        except ValueError:
            raise SettingsError(f"Bad arguments for option '{name}': '{value}' - bad Int value ({place})") from None
    return value


def _mesos_zk() -> str:
    """The masters as the packages of Mesos know them; their wrapper of Marathon takes them from there."""
    try:
        with open(_MESOS_ZK, encoding="utf-8") as file:
            return file.read().strip()
    except OSError:
        raise SettingsError(f"Required option 'master' not found, and there is no {_MESOS_ZK}") from None
