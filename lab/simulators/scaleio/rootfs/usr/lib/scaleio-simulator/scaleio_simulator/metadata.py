# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scheduler has stored of a node's domains, SDSs, pools and devices, and what is new about them.

Layout below scaleio-framework/<role>/configuration/<host name>: persona, state, domains/domains, domains/<domain>/{sdss,pools},
domains/<domain>/<pool> (scheduler/kvstore/kvstore.go; recorded: key-value store). Lists are joined by commas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from scaleio_simulator import kv
from scaleio_simulator.log import log
from scaleio_simulator.model import Node
from scaleio_simulator.order import Order, go_order


class Item:
    """A name that is to be added or deleted."""

    def __init__(self, add: bool = False) -> None:
        self.add, self.delete = add, False


class Pool(Item):
    """A storage pool with its devices by path."""

    def __init__(self, add: bool = False) -> None:
        super().__init__(add)
        self.devices: dict[str, Item] = {}


class Domain(Item):
    """A protection domain with its SDSs and pools by name."""

    def __init__(self, add: bool = False) -> None:
        super().__init__(add)
        self.sdss: dict[str, Item] = {}
        self.pools: dict[str, Pool] = {}


Metadata = dict[str, Domain]


# --- comparing with the node (scheduler/server/statechanges.go) ---


def mark_deletions(metadata: Metadata, node: Node) -> bool:
    """Marks what is stored and no longer the node's. Whether there is any; nothing is ever deleted at the gateway."""
    changed = False
    for name, domain in metadata.items():
        pools = (node.provides or {}).get(name)
        if not pools:
            domain.delete = changed = True
            if name not in (node.provides or {}):
                continue
        for sds in domain.sdss.values():
            sds.delete |= domain.delete
        for pool_name, pool in domain.pools.items():
            if pool_name not in (pools or {}):
                pool.delete = changed = True
                continue
            devices = (pools or {})[pool_name] or []
            if domain.delete or not devices:
                pool.delete = changed = True
            for path, device in pool.devices.items():
                if domain.delete or pool.delete or path not in devices:
                    device.delete = changed = True
    return changed


def mark_additions(metadata: Metadata, node: Node) -> bool:
    """Adds what is the node's and not stored. Whether there is any. One SDS for each domain, named by the address."""
    changed = False
    for name, pools in (node.provides or {}).items():
        if name not in metadata:
            metadata[name] = Domain(add=True)
            changed = True
        domain = metadata[name]
        sds = f"sds_{node.address}"
        if sds not in domain.sdss:
            domain.sdss[sds] = Item(add=True)
            changed = True
        for pool_name, devices in (pools or {}).items():
            if pool_name not in domain.pools:
                domain.pools[pool_name] = Pool(add=True)
                changed = True
            pool = domain.pools[pool_name]
            for path in devices or ():
                if path not in pool.devices:
                    pool.devices[path] = Item(add=True)
                    changed = True
    return changed


# --- the store ---


class Store:
    """The scheduler's part of the tree.

    :raises kv.StoreError: the tree cannot be reached or written.
    """

    def __init__(self, tree: kv.Tree, role: str, order: Order = go_order) -> None:
        self.tree, self.order = tree, order
        self.root = f"scaleio-framework/{role}"
        self._nodes = f"{self.root}/configuration"

    def start(self, version: int) -> None:
        """Writes the version of the layout (kvstore.go: NewKvStore)."""
        self.tree.put(self.root, "")
        self.tree.put(f"{self.root}/version", str(version))

    def configured(self) -> bool:
        """Whether POST /api/state has ever been called (kvstore.go: GetConfigured)."""
        try:
            return self.tree.get(f"{self._nodes}/configured") == "true"
        except kv.StoreError as error:
            log.error(f"GetConfigured Err: {error}")
            return False

    def set_configured(self) -> None:
        self.tree.put(f"{self._nodes}/configured", "true")

    def info(self, hostname: str) -> tuple[int, int]:
        """(persona, state) of a node (kvstore.go: GetNodeInfo).

        :raises kv.StoreError: nothing is stored. :raises ValueError: no number is.
        """
        found = []
        for name in ("persona", "state"):
            try:
                found.append(int(self.tree.get(f"{self._nodes}/{hostname}/{name}")))
            except kv.StoreError as error:
                log.error(f"Store.Get({name}) err: {error}")
                raise
        return found[0], found[1]

    def set_info(self, hostname: str, persona: int, state: int) -> None:
        """-1 leaves a value as it is (kvstore.go: SetNodeInfo)."""
        for name, value in (("persona", persona), ("state", state)):
            if value != -1:
                self.tree.put(f"{self._nodes}/{hostname}/{name}", str(value))

    def load(self, hostname: str) -> Metadata:
        """What is stored of a node; any key that is missing makes all of it unknown (kvstore.go: GetMetadata)."""
        root = f"{self._nodes}/{hostname}/domains"
        metadata: Metadata = {}
        try:
            for name in self.tree.get(f"{root}/domains").split(","):
                domain = metadata[name] = Domain()
                for sds in self.tree.get(f"{root}/{name}/sdss").split(","):
                    domain.sdss[sds] = Item()
                for pool_name in self.tree.get(f"{root}/{name}/pools").split(","):
                    pool = domain.pools[pool_name] = Pool()
                    for path in self.tree.get(f"{root}/{name}/{pool_name}").split(","):
                        pool.devices[path] = Item()
        except kv.StoreError as error:
            log.error(f"Store.Get(domain) err: {error}")
            log.warning(f"No metadata for node {hostname}")
            return {}
        return metadata

    def save(self, hostname: str, metadata: Metadata) -> None:
        """Writes what is left after deletions; a domain without pools and a pool without devices count as deleted, and an
        empty list of domains or pools leaves the key that was there (kvstore.go: SetMetadata)."""
        root = f"{self._nodes}/{hostname}/domains"
        self._put(root, "")
        listed = []
        for name in self.order("store", metadata):
            domain = metadata[name]
            if domain.delete or not domain.pools:
                self._try("DeleteTree", self.delete_tree, f"{root}/{name}")
                continue
            listed.append(name)
            self._save_domain(f"{root}/{name}", domain)
        if listed:
            self._put(f"{root}/domains", ",".join(listed))

    def _save_domain(self, place: str, domain: Domain) -> None:
        self._put(place, "")
        self._put(f"{place}/sdss", _joined(self.order("store", domain.sdss)))
        listed = []
        for name in self.order("store", domain.pools):
            pool = domain.pools[name]
            if pool.delete or not pool.devices:
                self._try("Delete", self.tree.delete, f"{place}/{name}")
                continue
            listed.append(name)
            paths = [path for path in self.order("store", pool.devices) if not pool.devices[path].delete]
            self._put(f"{place}/{name}", _joined(paths))
        if pools := _joined(listed):
            self._put(f"{place}/pools", pools)

    def _put(self, path: str, value: str) -> None:
        self._try("Failed to set", self.tree.put, path, value)

    def _try(self, title: str, operation: Callable[..., None], path: str, *more: str) -> None:
        """Errors of the store are logged and passed over."""
        try:
            operation(path, *more)
        except kv.StoreError as error:
            log.warning(f"{title} {path} . Err: {error}")

    # -- the helpers behind -store.delete, -store.dump, -store.add.key, -store.del.key --

    def delete_tree(self, path: str) -> None:
        """A leaf goes; of a node with children these go and the node stays (kvstore.go: deleteTree; recorded: the empty key
        of a domain that was deleted)."""
        try:
            names = [name for name, _ in self.tree.children(path)]
        except kv.StoreError:
            names = []
        if not names:
            self.tree.delete(path)
            return
        for name in names:
            child = f"{path}/{name}"
            try:
                self.tree.delete_children(child)
            except kv.StoreError as error:
                if kv.HAS_CHILDREN not in str(error):
                    raise
                self.delete_tree(child)
            else:
                self.tree.delete(child)
        self.tree.delete_children(path)

    def dump(self) -> None:
        """Leaves with their values, at level debug (kvstore.go: dumpTree)."""
        self._dump(self.root)

    def _dump(self, path: str) -> None:
        children = self.tree.children(path)
        if not children:
            log.debug(f"Key {path} = Value {self.tree.get(path)}")
        for name, _ in children:
            self._dump(f"{path}/{name}")


def _joined(names: Iterable[str]) -> str:
    """A comma goes before a name once something is written: an empty name at the start leaves no trace (kvstore.go:
    SetMetadata)."""
    text = ""
    for name in names:
        text += f",{name}" if text else name
    return text
