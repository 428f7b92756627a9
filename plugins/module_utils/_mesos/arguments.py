# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arguments that the modules for Mesos agents share; documented in doc_fragments/mesos.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import Credentials

MASTERS: dict[str, dict[str, Any]] = {
    "masters": {"type": "list", "elements": "str", "required": True},
    "master_username": {"type": "str", "default": ""},
    "master_password": {"type": "str", "default": "", "no_log": True},
    "master_ca_file": {"type": "path", "default": ""},
    "master_validate_certs": {"type": "bool", "default": True},
}

WORK: dict[str, dict[str, Any]] = {
    "allow_work_loss": {"type": "list", "elements": "str", "default": []},
    "registration_timeout": {"type": "float", "default": 60.0},
}


def credentials(params: Mapping[str, Any]) -> Credentials:
    """How to introduce oneself to masters and agent."""
    return Credentials(
        username=params["master_username"],
        password=params["master_password"],
        ca_file=params["master_ca_file"],
        validate_certs=params["master_validate_certs"],
    )
