# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Mends at the gateway what the framework has given up, and waits there for what is to come.

The framework saves a creation that was refused as done and never tries it again (recorded: scaleio-scheduler 0.3.1, gateway
requests). Whatever is created here has the framework's own form, is looked up before and seen afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    HoldfastError,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.waiting import SHOWN, wait_until
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import gateway_compare as compare
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.gateway import (
    Gateway,
    LoginRefused,
    OtherSystem,
    Refused,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.gateway_model import sds_name

# These do not pass by waiting.
_LASTING = (LoginRefused, OtherSystem)

# What to do next, by the gateway's errorCode (public clients: siolib; drivers of cinder and flocker).
_TODO = {
    69: "see that the SDS runs on that host, answers on port 7072, and that nothing else holds the device",
    93: "another SDS is known at that address and port; find it at the gateway",
    206: "a device of that path is known to that SDS; find it at the gateway",
}

Made = dict[str, Any]


# -- creating --------------------------------------------------------------------------------------------------------


def create_domain(gateway: Gateway, domain: str) -> Made:
    """Create a protection domain unless it is there.

    :returns: ``id``, and ``created``: whether it was created now.
    :raises HoldfastError: it was refused, or is not seen afterwards.
    """

    def find(shown: compare.Document) -> str:
        held = shown["domains"].get(domain)
        return str(held["id"]) if held else ""

    return _create(
        gateway, f"the protection domain {domain}", find, lambda _shown: ("ProtectionDomain", {"name": domain})
    )


def create_pool(gateway: Gateway, domain: str, pool: str) -> Made:
    """Create a storage pool in a protection domain unless it is there; see :func:`create_domain`."""

    def find(shown: compare.Document) -> str:
        held = shown["domains"].get(domain, {"pools": {}})["pools"].get(pool)
        return str(held["id"]) if held else ""

    def request(shown: compare.Document) -> tuple[str, dict[str, Any]]:
        return "StoragePool", {"name": pool, "protectionDomainId": _domain_id(shown, domain)}

    return _create(gateway, f"the storage pool {domain}/{pool}", find, request)


def create_sds(gateway: Gateway, domain: str, ip: str) -> Made:
    """Create the SDS of a node in a protection domain unless it is there; see :func:`create_domain`.

    :raises HoldfastError: the address has an SDS in another domain, or under a name by which the framework does not find it.
    """

    def find(shown: compare.Document) -> str:
        sds = compare.find_sds(shown, ip)
        if sds is None:
            return ""
        if (sds["domain"], sds["name"]) != (domain, sds_name(ip)):
            raise HoldfastError(
                f"the SDS {sds_name(ip)} cannot be created in {domain}",
                where=gateway.settings.url,
                seen=f"the address has the SDS {sds['name'] or 'without a name'} in the protection domain {sds['domain']}",
                todo="an SDS belongs to one domain: evacuate and remove that one, or declare its domain",
            )
        return str(sds["id"])

    def request(shown: compare.Document) -> tuple[str, dict[str, Any]]:
        addresses = [{"SdsIp": {"ip": ip, "role": "all"}}]
        body = {"name": sds_name(ip), "sdsIpList": addresses, "protectionDomainId": _domain_id(shown, domain)}
        return "Sds", body

    return _create(gateway, f"the SDS {sds_name(ip)} in {domain}", find, request)


def create_device(gateway: Gateway, domain: str, pool: str, ip: str, path: str) -> Made:
    """Add a device of a node's SDS to a storage pool unless it is there; see :func:`create_domain`.

    Whether the device may be taken is judged before, on its host: the gateway overwrites what is on it.

    :raises HoldfastError: the SDS has it in another pool.
    """

    def find(shown: compare.Document) -> str:
        found = compare.find_device(shown, ip, path)
        if found is None:
            return ""
        if found[:2] != (domain, pool):
            raise HoldfastError(
                f"{path} of {sds_name(ip)} cannot be added to the pool {domain}/{pool}",
                where=gateway.settings.url,
                seen=f"it is in the pool {'/'.join(found[:2])}",
                todo="remove it from there first, or declare that pool",
            )
        return str(found[2]["id"])

    def request(shown: compare.Document) -> tuple[str, dict[str, Any]]:
        sds = compare.find_sds(shown, ip)
        held = shown["domains"].get(domain, {"pools": {}})["pools"].get(pool)
        if sds is None or sds["domain"] != domain or held is None:
            lacking = f"the SDS {sds_name(ip)} in {domain}" if held else f"the storage pool {domain}/{pool}"
            raise _lacking(f"{path} of {sds_name(ip)} cannot be added", lacking)
        return "Device", {
            "name": path,
            "deviceCurrentPathname": path,
            "storagePoolId": held["id"],
            "sdsId": sds["id"],
            "testMode": "testAndActivate",
        }

    return _create(gateway, f"{path} of {sds_name(ip)} in the pool {domain}/{pool}", find, request)


def _create(
    gateway: Gateway,
    what: str,
    find: Callable[[compare.Document], str],
    request: Callable[[compare.Document], tuple[str, dict[str, Any]]],
) -> Made:
    shown = gateway.observe()
    known = find(shown)
    if known:
        return {"id": known, "created": False}
    kind, body = request(shown)
    try:
        gateway.create(kind, body)
    except Refused as error:
        # The framework may have been faster.
        known = find(gateway.observe())
        if known:
            return {"id": known, "created": False}
        raise Refused(
            f"the gateway refuses to create {what}",
            error.message,
            error.code,
            status=error.status,
            where=gateway.settings.url,
            todo=_TODO.get(error.code, error.todo or "mend what it says, then run again"),
        ) from None
    known = find(gateway.observe())
    if not known:
        raise HoldfastError(
            f"the gateway accepted {what} and does not show it",
            where=gateway.settings.url,
            todo="look at the gateway's events, then run again",
        )
    return {"id": known, "created": True}


def _domain_id(shown: compare.Document, domain: str) -> str:
    held = shown["domains"].get(domain)
    if held is None:
        raise _lacking("nothing can be created in it", f"the protection domain {domain}")
    return str(held["id"])


def _lacking(what: str, lacking: str) -> HoldfastError:
    return HoldfastError(what, seen=f"{lacking} is not at the gateway", todo="create that first")


# -- waiting ---------------------------------------------------------------------------------------------------------


def wait_for_devices(gateway: Gateway, declared: Mapping[str, Mapping[str, Any]], timeout: float) -> dict[str, Any]:
    """Wait until the gateway shows all that is declared, tested and at work; see ``_core/waiting.py``.

    :param declared: as gateway_compare.py documents it.
    :raises HoldfastError: something stands in the way that will not go away by waiting.
    """
    addresses = {member["ip"] for member in declared.values()}

    def missing() -> list[str]:
        shown = gateway.observe()
        findings = compare.missing_at_gateway(declared, shown)
        blocked = [finding.sentence for finding in findings if finding.kind.endswith(("_elsewhere", "_named"))]
        if blocked:
            raise HoldfastError(
                "the gateway cannot come to what is declared",
                where=gateway.settings.url,
                seen="; ".join(blocked[:SHOWN]),
                todo="mend that at the gateway or in the declaration, then run again",
            )
        ill = [finding for finding in compare.unwell(shown) if _addresses(shown, finding.ip) & addresses]
        return [finding.sentence for finding in (*findings, *ill)]

    return wait_until(
        gateway.machine,
        missing,
        what="domains, pools, SDSs and devices as declared at the gateway",
        timeout=timeout,
        todo="compare the nodes' states at the scheduler; what was refused there once is never tried again and needs mending",
        lasting=_LASTING,
    )


def _addresses(shown: compare.Document, key: str) -> set[str]:
    sds = shown["sds"].get(key)
    return {key, *(sds["addresses"] if sds else ())} - {""}


def wait_for_quiet(gateway: Gateway, timeout: float, *, steady: float = 0.0) -> dict[str, Any]:
    """Wait until no rebuild and no rebalance runs and no data is degraded, failed or in maintenance; see ``_core/waiting.py``."""
    return wait_until(
        gateway.machine,
        lambda: compare.disturbances(gateway.activity()),
        what="no rebuild, no rebalance and no degraded capacity at the gateway",
        timeout=timeout,
        todo="look at the gateway what holds it up; run again when it is quiet, nothing further has been taken out of service",
        steady=steady,
        lasting=_LASTING,
    )
