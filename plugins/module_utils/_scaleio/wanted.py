# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns a host's declaration, as the role passes it, into the ``wanted`` part of its observation. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import model


def normalise(params: Mapping[str, Any]) -> dict[str, Any]:
    """Judge and normalise the arguments of ``scaleio_node_info``.

    :returns: JSON data; ``errors`` and ``warnings`` are sentences, ``settings`` what must be the same on every member.
    """
    layout, errors, warnings = model.parse_layout(params["sds"], params["sdc"], params["persona"])
    if params["state"] != "present" and params["sdc"] is None and params["sds"] is None:
        errors = []
    return {
        "state": params["state"],
        "layout": layout.to_json(),
        "sdc_default": params["sdc_default"],
        "rack": params["rack"],
        "allow_global_pool": params["allow_global_pool"],
        "allow_work_loss": list(params["allow_work_loss"]),
        "errors": errors,
        "warnings": warnings,
        "settings": {
            "max_unavailable": params["max_unavailable"],
            "only_new": params["only_new"],
            "expected_members": params["expected_members"],
            "registration_timeout": params["registration_timeout"],
            "masters": list(params["masters"]),
        },
    }
