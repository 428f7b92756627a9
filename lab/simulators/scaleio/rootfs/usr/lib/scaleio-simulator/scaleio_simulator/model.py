# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scheduler knows of an agent, and how its attributes become domains, pools and devices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from scaleio_simulator.log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional

    # domain -> pool -> devices; None where Go has a nil map or slice.
    Pools = dict[str, Optional[list[str]]]
    Domains = dict[str, Optional[Pools]]

PERSONA_DATA = 4

# scheduler's types/types.go; texts: scheduler/server/state.go, displayState.
UNKNOWN = 0
CLEAN_PREREQS_REBOOT = 1
PREREQUISITES_INSTALLED = 2
ADD_RESOURCES = 5
INSTALL_REXRAY = 6
CLEAN_INSTALL_REBOOT = 7
SYSTEM_REBOOT = 8
FINISH_INSTALL = 1024
UPGRADE_CLUSTER = 2048
FATAL_INSTALL = 4096

TEXTS = {
    UNKNOWN: "Installing Prerequisite Packages",
    CLEAN_PREREQS_REBOOT: "Sync on Prerequisite Install",
    PREREQUISITES_INSTALLED: "Installing ScaleIO Packages",
    3: "Creating ScaleIO Cluster",
    4: "Initializing ScaleIO",
    ADD_RESOURCES: "Adding all resources to ScaleIO cluster",
    INSTALL_REXRAY: "Installing REX-Ray",
    CLEAN_INSTALL_REBOOT: "Sync After Adding ScaleIO Resources",
    SYSTEM_REBOOT: "System is Rebooting",
    FINISH_INSTALL: "ScaleIO Running",
    FATAL_INSTALL: "Installation Failed",
}


class Node:
    """One agent, by host name; the ID and offer are those of its first offer (recorded: agent restarted)."""

    def __init__(self, agent: str, offer: str, hostname: str, address: str, persona: int, state: int) -> None:
        self.agent, self.offer, self.hostname, self.address = agent, offer, hostname, address
        self.persona, self.state = persona, state
        self.contact = 0
        self.imperative = False
        self.advertised = False
        self.provides: Domains | None = None

    @property
    def task(self) -> str:
        return f"scaleio-{self.hostname}"

    @property
    def executor(self) -> str:
        return f"executor-{self.task}"

    def copy(self) -> Node:
        """As the monitor works on it (scheduler/server/server.go: cloneState)."""
        twin = Node(self.agent, self.offer, self.hostname, self.address, self.persona, self.state)
        twin.imperative, twin.advertised = self.imperative, self.advertised
        twin.provides = {
            domain: {pool: list(devices or ()) for pool, devices in (pools or {}).items()}
            for domain, pools in (self.provides or {}).items()
        }
        return twin

    def add_devices(self, domain: str, pool: str, devices: Sequence[str]) -> None:
        """What an executor offers: appended, never replaced or compared; no list at all makes no domain
        (scheduler/server/node.go: setNodeDevices)."""
        self.advertised = True
        for device in devices:
            if self.provides is None:
                self.provides = {}
            pools = self.provides.get(domain)
            if pools is None:
                pools = self.provides[domain] = {}
            listed = pools.get(pool)
            if listed is None:
                listed = pools[pool] = []
            listed.append(device)

    def document(self) -> dict[str, Any]:
        """As /api/state shows it; maps are sorted, what is nil is null."""
        provides = None
        if self.provides is not None:
            provides = {name: _domain(name, self.provides[name]) for name in sorted(self.provides)}
        return {
            "name": self.agent,
            "taskid": self.task,
            "executorid": self.executor,
            "offerid": self.offer,
            "ipaddress": self.address,
            "hostname": self.hostname,
            "persona": self.persona,
            "state": self.state,
            "lastcontact": self.contact,
            "imperative": self.imperative,
            "advertised": self.advertised,
            "ProvidesDomains": provides,
            # Never written anywhere in the product.
            "ConsumesDomains": None,
        }


def _domain(name: str, pools: Pools | None) -> dict[str, Any]:
    shown = None if pools is None else {pool: {"name": pool, "devices": pools[pool]} for pool in sorted(pools)}
    return {"name": name, "Pools": shown}


# --- attributes (scheduler/scaleio.go: prepareScaleIONode) ---


def read_attributes(node: Node, attributes: Sequence[dict[str, Any]]) -> None:
    """Fills a node from an offer's attributes: what is of type TEXT counts, anything else reads as "".

    The sdc attributes go the same way as the sds ones, into what the node provides.
    """
    for side in ("sds", "sdc"):
        text = _attribute(attributes, f"scaleio-{side}-domains")
        if text is None:
            continue
        node.imperative = True
        if node.provides is None:
            node.provides = {}
        for domain in text.split(","):
            node.provides.setdefault(domain, None)
            for pool, devices in _pools(attributes, side, domain):
                pools = node.provides[domain]
                if pools is None:
                    pools = node.provides[domain] = {}
                pools.setdefault(pool, None)
                if devices is not None:
                    pools[pool] = (pools[pool] or []) + devices


def _pools(attributes: Sequence[dict[str, Any]], side: str, domain: str) -> Iterator[tuple[str, list[str] | None]]:
    """Pools of a domain with their devices, repeated where the text repeats them."""
    text = _attribute(attributes, _key(side, domain))
    for pool in text.split(",") if text is not None else ():
        devices = _attribute(attributes, _key(side, pool))
        yield pool, None if devices is None else devices.split(",")


def _key(side: str, name: str) -> str:
    """A name that already holds the prefix gets none (scheduler/scaleio.go: appendServerPrefix, appendClientPrefix)."""
    prefix = f"scaleio-{side}-"
    return name if prefix in name else prefix + name


def _attribute(attributes: Sequence[dict[str, Any]], name: str) -> str | None:
    """The first attribute of a name (recorded: attribute case 13)."""
    for attribute in attributes:
        if attribute.get("name") == name:
            return str(attribute.get("text", {}).get("value", ""))
    log.warning(f"Attribute {name} not found")
    return None
