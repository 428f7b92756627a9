# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arguments that the modules for Marathon share; documented in doc_fragments/marathon.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import Credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.observe import Marathon
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.plan import Policy

MARATHON: dict[str, dict[str, Any]] = {
    "marathons": {"type": "list", "elements": "str", "required": True},
    "marathon_username": {"type": "str", "default": ""},
    "marathon_password": {"type": "str", "default": "", "no_log": True},
    "marathon_ca_file": {"type": "path", "default": ""},
    "marathon_validate_certs": {"type": "bool", "default": True},
}

PATIENCE: dict[str, dict[str, Any]] = {
    "force": {"type": "bool", "default": False},
    "lock_timeout": {"type": "float", "default": 120.0},
    "deployment_timeout": {"type": "float", "default": 300.0},
}


def marathon(params: Mapping[str, Any], machine: Machine) -> Marathon:
    """The Marathon that is meant."""
    credentials = Credentials(
        username=params["marathon_username"],
        password=params["marathon_password"],
        ca_file=params["marathon_ca_file"],
        validate_certs=params["marathon_validate_certs"],
    )
    return Marathon(machine, params["marathons"], credentials)


def policy(params: Mapping[str, Any]) -> Policy:
    """How patient the run is."""
    return Policy(params["force"], params["lock_timeout"], params["deployment_timeout"])
