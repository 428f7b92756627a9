# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The framework's scheduler as an app of Marathon: what is declared, and the command that says it. Pure.

Flags and environment variables are those of thecodeteam/scaleio-framework v0.3.1, scheduler/config/config.go. The password is
given by ``ADMIN_PASSWORD`` alone, which keeps it off the command line.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import InputError
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.model import declared_id
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import model

PASSWORD_VARIABLE = "ADMIN_PASSWORD"
MDM_ROLES = ("primary", "secondary", "tiebreaker")

# What this collection decides; an extra flag of these names would contradict it.
_OWN_FLAGS = frozenset(
    (
        *("uri", "rest.port", "rest.address", "user", "hostname", "experimental"),
        *("scaleio.clustername", "scaleio.clusterid", "scaleio.password", "scaleio.apiversion", "scaleio.lbgateway"),
        *("scaleio.protectiondomain", "scaleio.storagepool", "scaleio.preconfig.gateway"),
        *(f"scaleio.preconfig.{role}" for role in MDM_ROLES),
    )
)
_FLAG = re.compile(r"[a-z][a-z0-9.]*\Z")
_URI = re.compile(r"(^|\s)-uri=(\S+)")
_PROGRAM = "scaleio-scheduler"


def normalise(params: Mapping[str, Any]) -> dict[str, Any]:
    """Judge and normalise what is declared of the framework and its services.

    :param params: the arguments of ``scaleio_node_info`` with the prefix ``framework``, as the role passes them: ``app``, ``uris``,
        ``cpus``, ``mem``, ``constraints``, ``flags``, ``env``, ``system_name``, ``system_id``, ``mdms`` (role -> list of
        addresses), ``gateway_address``, ``protection_domain``, ``storage_pool``, ``password`` (only whether there is one), ``timeout``.
    :returns: JSON data without any secret; ``errors`` are sentences.
    """
    errors = [
        *_mdm_errors(params["mdms"]),
        *_address_errors("scaleio_gateway_address", params["gateway_address"]),
        *_flag_errors(params["flags"]),
        *_env_errors(params["env"]),
    ]
    app_id = str(params["app"])
    try:
        app_id = declared_id(params["app"])
    except InputError as error:
        errors.append(f"scaleio_framework_app is {model.shown(params['app'])}: {error.seen}")
    for name in ("protection_domain", "storage_pool"):
        problem = model.name_problem(params[name])
        if problem:
            errors.append(f"scaleio_{name}: {problem}")
    if not params["password"]:
        errors.append("scaleio_password is empty: give the password of ScaleIO's user admin, best from a vault")
    elif "%" in params["password"]:
        # scheduler/server/state.go: getState prints the state, password included, as a format.
        errors.append(
            "scaleio_password has a '%', which the framework's scheduler garbles for its executors: choose another"
        )
    uris = params["uris"]
    if not any(str(uri).rpartition("/")[2] == _PROGRAM for uri in uris):
        errors.append(
            f"scaleio_framework_uris names no {_PROGRAM} ({', '.join(map(str, uris)) or 'it is empty'}): the original place of"
            f" download is gone, so give the addresses of {_PROGRAM} and scaleio-executor on a mirror of your own"
        )
    return {
        "app": app_id,
        "uris": list(map(str, uris)),
        "cpus": params["cpus"],
        "mem": params["mem"],
        "constraints": [list(map(str, constraint)) for constraint in params["constraints"]],
        "flags": {name: str(value) for name, value in sorted(params["flags"].items())},
        "env": {name: str(value) for name, value in sorted(params["env"].items())},
        "system": {"name": params["system_name"], "id": params["system_id"]},
        "mdms": {role: list(addresses) for role, addresses in params["mdms"].items()},
        "gateway_address": params["gateway_address"],
        "protection_domain": str(params["protection_domain"]),
        "storage_pool": str(params["storage_pool"]),
        "timeout": params["timeout"],
        "errors": errors,
    }


def _mdm_errors(mdms: Mapping[str, Sequence[str]]) -> list[str]:
    errors = []
    for role in sorted(set(mdms) - set(MDM_ROLES)):
        errors.append(
            f"scaleio_mdm_role is {model.shown(role)} on {', '.join(mdms[role])}; it must be one of {', '.join(MDM_ROLES)}"
        )
    for role in MDM_ROLES:
        found = mdms.get(role, ())
        if len(found) != 1:
            errors.append(
                f"{len(found)} hosts have scaleio_mdm_role: {role} ({', '.join(found) or 'none'}); exactly one is needed"
            )
        for address in found:
            errors.extend(_address_errors(f"the {role} MDM's address", address))
    addresses = [address for found in mdms.values() for address in found]
    for address in sorted({address for address in addresses if addresses.count(address) > 1}):
        errors.append(f"the address {address} stands for two MDMs")
    return errors


def _address_errors(what: str, address: str) -> list[str]:
    """The framework hands these to scli and to package scripts, which take addresses and no names."""
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return [f"{what} is {model.shown(address) or 'empty'}; the framework needs an IP address"]
    return []


def _flag_errors(flags: Mapping[str, Any]) -> list[str]:
    errors = []
    for name in flags:
        if not _FLAG.match(str(name)):
            errors.append(f"scaleio_framework_flags: '{model.shown(name)}' is no flag; write it without its dash")
        elif name in _OWN_FLAGS:
            errors.append(f"scaleio_framework_flags: {name} is set by this collection, from variables of its own")
        elif name.startswith("store.") and name not in ("store.type", "store.uri"):
            errors.append(
                f"scaleio_framework_flags: {name} changes or prints what the store holds, and ends the scheduler"
            )
        elif name.startswith("aws.") and "key" in name:
            errors.append(f"scaleio_framework_flags: {name} is a secret, and every user can read a command line")
    return errors


def _env_errors(env: Mapping[str, Any]) -> list[str]:
    if PASSWORD_VARIABLE in env:
        return [f"scaleio_framework_env: {PASSWORD_VARIABLE} comes from scaleio_password, which is kept secret"]
    return []


def app(wanted: Mapping[str, Any], master: str) -> dict[str, Any]:
    """The app without its secret, as Marathon's ``/v2/apps`` takes it.

    :param wanted: as :func:`normalise` returns it.
    :param master: ``host:port`` of the master that the scheduler subscribes at.
    """
    flags = {
        "uri": master,
        "scaleio.clustername": wanted["system"]["name"],
        "scaleio.clusterid": wanted["system"]["id"],
        "scaleio.protectiondomain": wanted["protection_domain"],
        "scaleio.storagepool": wanted["storage_pool"],
        **{f"scaleio.preconfig.{role}": wanted["mdms"][role][0] for role in MDM_ROLES},
        "scaleio.preconfig.gateway": wanted["gateway_address"],
        **wanted["flags"],
    }
    words = [f"-{name}={value}" for name, value in flags.items() if value]
    command = " ".join([f"./{_PROGRAM}", "-rest.port=$PORT0", *map(shlex.quote, words)])
    return {
        "id": wanted["app"],
        "cmd": f"chmod u+x {_PROGRAM} && exec {command}",
        "cpus": wanted["cpus"],
        "mem": wanted["mem"],
        "instances": 1,
        "uris": wanted["uris"],
        "env": wanted["env"],
        "constraints": wanted["constraints"],
        # Two schedulers at a time would both file nodes and devices.
        "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0},
    }


def master_of(command: str) -> str:
    """``host:port`` of the master in a command that is in force; empty when it names none."""
    found = _URI.search(command)
    return found[2].strip("'\"") if found else ""
