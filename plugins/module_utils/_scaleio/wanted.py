# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Turns a host's declaration, as the role passes it, into the ``wanted`` part of its observation. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import model, preview

METHODS = ("imperative", "global_pool")


def normalise(params: Mapping[str, Any]) -> dict[str, Any]:
    """Judge and normalise the arguments of ``scaleio_node_info``. A layout counts only for a host that is to have one.

    :returns: JSON data; ``errors`` and ``warnings`` are sentences, ``settings`` what must be the same on every member.
    """
    layout = model.Layout()
    errors: list[str] = []
    warnings: list[str] = []
    if params["state"] == "present":
        layout, errors, warnings = model.parse_layout(params["sds"], params["sdc"], params["persona"])
    errors.extend(_label_errors(params["cluster"], params["rack"]))
    misread = preview.confirmation_errors(params["global_pool_devices"])
    errors.extend(misread)
    return {
        "state": params["state"],
        "layout": layout.to_json(),
        "sdc_default": params["sdc_default"],
        "rack": str(params["rack"]),
        "allow_global_pool": params["allow_global_pool"],
        "allow_work_loss": list(params["allow_work_loss"]),
        "global_pool_devices": [] if misread else list(params["global_pool_devices"]),
        "errors": errors,
        "warnings": warnings,
        "settings": {
            "method": params["method"],
            "global_pool_mixed": params["global_pool_mixed"],
            "max_unavailable": params["max_unavailable"],
            "only_new": params["only_new"],
            "expected_members": params["expected_members"],
            "registration_timeout": params["registration_timeout"],
            "masters": list(params["masters"]),
        },
    }


def redeclare(wanted: Mapping[str, Any], declaration: Mapping[str, Any]) -> dict[str, Any]:
    """What a host would declare with these variables in place of its layout, in a run over those members that have one.

    :param wanted: a host's normalised declaration.
    :param declaration: as :func:`model.decompile` gives it.
    """
    layout, errors, warnings = model.parse_layout(
        declaration.get("scaleio_sds"), declaration.get("scaleio_sdc"), declaration.get("scaleio_persona")
    )
    return {
        **wanted,
        "state": declaration.get("scaleio_state", "present"),
        "layout": layout.to_json(),
        "sdc_default": declaration.get("scaleio_sdc_default", wanted["sdc_default"]),
        "errors": errors,
        "warnings": warnings,
        "settings": {**wanted["settings"], "only_new": False, "expected_members": 0},
    }


def _label_errors(cluster: Any, rack: Any) -> list[str]:
    """Both are compared as texts, which an argument specification would make of anything; a cluster's name is also a part
    of file names on every member."""
    errors = []
    for name, value in (("scaleio_cluster", cluster), ("scaleio_rack", rack)):
        if isinstance(value, (Mapping, list)):
            kind = "list" if isinstance(value, list) else "mapping"
            errors.append(f"{name} must be a text, and this is a {kind}: {model.shown(value)}")
    if not errors and not re.fullmatch(r"[A-Za-z0-9_-]+", str(cluster)):
        errors.append(
            f"scaleio_cluster is '{model.shown(str(cluster))}'; files are named after it, so only letters, digits, '_' and '-'"
            f" may be in it"
        )
    return errors


def echoable(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as a module may echo them: Ansible refuses the whole answer when one text in it is not UTF-8."""
    fit = {}
    for name, value in params.items():
        try:
            json.dumps(value, ensure_ascii=False).encode()
            fit[name] = value
        except UnicodeEncodeError:
            fit[name] = model.shown(value)
    return fit
