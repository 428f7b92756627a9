# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Arguments that the modules for ScaleIO share; documented in doc_fragments/scaleio.py."""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.arguments import MARATHON

_FRAMEWORK: dict[str, dict[str, Any]] = {
    "app": {"type": "str", "default": "/scaleio-scheduler"},
    "uris": {"type": "list", "elements": "str", "default": []},
    "cpus": {"type": "float", "default": 0.2},
    "mem": {"type": "int", "default": 32},
    "constraints": {"type": "list", "elements": "list", "default": [["hostname", "UNIQUE"]]},
    "flags": {"type": "dict", "default": {}},
    "env": {"type": "dict", "default": {}},
    "timeout": {"type": "float", "default": 900.0},
    "mdms": {"type": "dict", "default": {}},
    "protection_domain": {"type": "str", "default": "default"},
    "storage_pool": {"type": "str", "default": "default"},
}

_GATEWAY: dict[str, dict[str, Any]] = {
    "gateway_address": {"type": "str", "required": True},
    "gateway_port": {"type": "int", "default": 443},
    "gateway_ca_file": {"type": "path", "default": ""},
    "gateway_validate_certs": {"type": "bool", "default": True},
    "system_name": {"type": "str", "default": "scaleio"},
    "system_id": {"type": "str", "default": ""},
    "password": {"type": "str", "default": "", "no_log": True},
}

SERVICES: dict[str, dict[str, Any]] = {
    "services": {"type": "dict", "options": {**_FRAMEWORK, **_GATEWAY, **MARATHON}},
}
