# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scheduler does at the gateway for its nodes, once a minute (scheduler/server/statechanges.go)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

from scaleio_simulator.gateway import Gateway, GatewayError
from scaleio_simulator.log import log
from scaleio_simulator.metadata import Domain, Item, Metadata, Pool, Store, mark_additions, mark_deletions
from scaleio_simulator.model import Node
from scaleio_simulator.order import Order, go_order


class Resources:
    """Brings nodes' domains, SDSs, pools and devices to the gateway.

    :param login: a session; called at most once for all nodes of a turn, and only when one of them has a change.
    :param cluster: (ID, name) of the system, of which one must match.
    """

    def __init__(
        self, store: Store, login: Callable[[], Gateway], cluster: tuple[str, str], order: Order = go_order
    ) -> None:
        self._store, self._login, self._cluster, self._order = store, login, cluster, order

    def add(self, nodes: Sequence[Node]) -> None:
        """One turn. What fails at the gateway is logged and then stored as if it were done; only a failed login is not.

        :raises GatewayError: no session could be had; nothing more was done.
        """
        session: Gateway | None = None
        try:
            for node in nodes:
                session = self._add_node(session, node)
        finally:
            if session:
                session.close()

    def _add_node(self, session: Gateway | None, node: Node) -> Gateway | None:
        """The session, if there is one by now."""
        if not node.imperative and not node.advertised:
            log.warning("This node has not advertised its devices yet. Skip!")
            return session
        metadata = self._store.load(node.hostname)
        deletions = mark_deletions(metadata, node)
        if not mark_additions(metadata, node) and not deletions:
            return session
        if session is None:
            try:
                session = self._login()
            except GatewayError as error:
                log.error(f"createScaleioClient Failed. Err: {error}")
                raise
        try:
            self._process(session, node, metadata)
        except GatewayError:
            pass  # logged where it happened; the product drops it here
        self._store.save(node.hostname, metadata)
        return session

    def _process(self, gateway: Gateway, node: Node, metadata: Metadata) -> None:
        """:raises GatewayError: at the first thing that fails; the rest of the node is not tried."""
        try:
            system = self._system(gateway)
        except GatewayError as error:
            log.error(f"FindSystem Error: {error}")
            raise
        for name in self._order("gateway", metadata):
            domain = metadata[name]
            found = self._protection_domain(gateway, system, name, domain)
            sds: dict[str, Any] = {}
            for sds_name in self._order("gateway", domain.sdss):
                sds = self._sds(gateway, node, found, sds_name, domain.sdss[sds_name])
            for pool_name in self._order("gateway", domain.pools):
                pool = domain.pools[pool_name]
                pool_id = self._storage_pool(gateway, found, pool_name, pool).get("id", "")
                for path in self._order("gateway", pool.devices):
                    if pool.devices[path].add and not pool.devices[path].delete:
                        self._attach(gateway, path, pool_id, sds.get("id", ""))

    def _system(self, gateway: Gateway) -> dict[str, Any]:
        for system in _objects(gateway.get("/api/types/System/instances")):
            if system.get("id") == self._cluster[0] or system.get("name") == self._cluster[1]:
                return system
        raise GatewayError("err: systemid or systemname not found")

    def _protection_domain(self, gateway: Gateway, system: dict[str, Any], name: str, wanted: Domain) -> dict[str, Any]:
        def find() -> dict[str, Any]:
            return _by_name(gateway, system, "/api/System/relationship/ProtectionDomain", name)

        def create() -> str:
            return gateway.create("ProtectionDomain", {"name": name})

        return _find_or_create("ProtectionDomain", name, wanted, find, create)

    def _sds(self, gateway: Gateway, node: Node, domain: dict[str, Any], name: str, wanted: Item) -> dict[str, Any]:
        def find() -> dict[str, Any]:
            path = f"/api/instances/ProtectionDomain::{domain.get('id', '')}/relationships/Sds"
            try:
                listed = _objects(gateway.get(path))
            except GatewayError:
                # goscaleio sds.go, FindSds: a failed list reads as an SDS without a name (recorded: GET of Sds answers 500).
                return {}
            for sds in listed:
                if sds.get("name") == name:
                    return sds
            raise GatewayError("Couldn't find SDS")

        def create() -> str:
            body = {
                "name": name,
                "sdsIpList": [{"SdsIp": {"ip": node.address, "role": "all"}}],
                "protectionDomainId": domain.get("id", ""),
            }
            return gateway.create("Sds", body)

        return _find_or_create("SDS", name, wanted, find, create, "CreateSds", "FindSds")

    def _storage_pool(self, gateway: Gateway, domain: dict[str, Any], name: str, wanted: Pool) -> dict[str, Any]:
        def find() -> dict[str, Any]:
            return _by_name(gateway, domain, "/api/ProtectionDomain/relationship/StoragePool", name)

        def create() -> str:
            return gateway.create("StoragePool", {"name": name, "protectionDomainId": domain.get("id", "")})

        return _find_or_create("StoragePool", name, wanted, find, create)

    def _attach(self, gateway: Gateway, path: str, pool: str, sds: str) -> None:
        """No look-up before: what is there already is asked for again (recorded: device error 206)."""
        body = {"name": path} if path else {}
        body.update(deviceCurrentPathname=path, storagePoolId=pool, sdsId=sds, testMode="testAndActivate")
        try:
            gateway.create("Device", body)
        except GatewayError as error:
            log.error(f"AttachDevice Error: {error}")
            raise
        log.info(f"Device attached: {path}")


def _find_or_create(
    title: str,
    name: str,
    wanted: Item,
    find: Callable[[], dict[str, Any]],
    create: Callable[[], str],
    creating: str = "",
    finding: str = "",
) -> dict[str, Any]:
    """Looks, creates what is new, looks again; what is stored but missing at the gateway is not made again."""
    try:
        found = find()
        log.info(f"{title} exists: {name}")
        return found
    except GatewayError:
        pass  # missing, or not to be seen: the product takes both for missing
    if wanted.add and not wanted.delete:
        try:
            create()
        except GatewayError as error:
            log.error(f"{creating or 'Create' + title} Error: {error}")
            raise
        log.info(f"{title} created: {name}")
    try:
        found = find()
    except GatewayError as error:
        log.error(f"{finding or 'Find' + title} Error: {error}")
        raise
    log.info(f"{title} found: {name}")
    return found


def _by_name(gateway: Gateway, parent: dict[str, Any], relation: str, name: str) -> dict[str, Any]:
    """An object behind one of the parent's links."""
    links = [link for link in parent.get("links") or () if link.get("rel") == relation]
    if not links:
        raise GatewayError("Error: problem finding link")
    for item in _objects(gateway.get(links[0].get("href", ""))):
        if item.get("name") == name:
            return item
    # One text for domains and pools (goscaleio storagepool.go: FindStoragePool).
    raise GatewayError("Couldn't find protection domain")


def _objects(listed: Any) -> list[dict[str, Any]]:
    return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
