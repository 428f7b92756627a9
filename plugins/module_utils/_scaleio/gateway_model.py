# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the ScaleIO gateway shows, as one document.

The document, as :func:`document` makes it::

    {"system": {"id", "name", "version"},
     "mdm": {"mode", "state", "primary": MDM or None, "secondaries": [MDM], "tiebreakers": [MDM], "standbys": [MDM]},
     "domains": {domain: {"id", "state", "pools": {pool: {"id", "devices": {ip: [DEVICE]}}}}},
     "sds": {ip: {"id", "name", "domain", "addresses", "port", "state", "membership", "connection", "maintenance"}},
     "capacity": {"total_kb", "used_kb", "spare_kb"},
     "activity": {"rebuild_kb", "rebalance_kb", "degraded_kb", "failed_kb", "maintenance_kb"}}

    MDM = {"id", "name", "addresses", "status", "version"}
    DEVICE = {"id", "name", "path", "state", "error", "capacity_kb"}

A figure that the gateway does not give is None.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


def sds_name(ip: str) -> str:
    """How the framework calls the SDS of a node (recorded: scaleio-scheduler 0.3.1, gateway requests)."""
    return f"sds_{ip}"


# -- parsing ---------------------------------------------------------------------------------------------------------


def text(value: Any) -> str:
    """A field as text; what is null or not there is empty."""
    return "" if value is None else str(value)


def name(item: Mapping[str, Any]) -> str:
    """What an object is called; its id where it has no name, which only an object made by hand has not."""
    return text(item.get("name")) or text(item.get("id"))


def number(value: Any) -> int | None:
    """A figure. The gateway gives some as texts (dellemc.powerflex, utils.convert)."""
    try:
        return None if isinstance(value, bool) else int(value)
    except (TypeError, ValueError):
        return None


@dataclass(frozen=True)
class Mdm:
    """One member of the MDM cluster."""

    id: str
    name: str
    addresses: tuple[str, ...]
    status: str
    version: str

    @classmethod
    def parse(cls, item: Mapping[str, Any]) -> Mdm:
        """From an entry of ``mdmCluster`` (dellemc.powerflex 3.1.0, mdm_cluster RETURN)."""
        addresses = tuple(map(str, item.get("ips") or ()))
        return cls(
            text(item.get("id")),
            text(item.get("name")),
            addresses,
            text(item.get("status")),
            text(item.get("versionInfo")),
        )

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "addresses": list(self.addresses)}


@dataclass(frozen=True)
class MdmCluster:
    """The MDM cluster. ``None`` for the primary: there is none, or the gateway does not say."""

    mode: str
    state: str
    primary: Mdm | None
    secondaries: tuple[Mdm, ...]
    tiebreakers: tuple[Mdm, ...]
    standbys: tuple[Mdm, ...] = ()

    @classmethod
    def parse(cls, item: Mapping[str, Any]) -> MdmCluster:
        """From the ``mdmCluster`` of a System, or the answer to ``queryMdmCluster``, which alone names the members."""
        primary = item.get("master")
        return cls(
            mode=text(item.get("clusterMode")),
            state=text(item.get("clusterState")),
            primary=Mdm.parse(primary) if primary else None,
            secondaries=tuple(map(Mdm.parse, item.get("slaves") or ())),
            tiebreakers=tuple(map(Mdm.parse, item.get("tieBreakers") or ())),
            standbys=tuple(map(Mdm.parse, item.get("standbyMDMs") or ())),
        )

    @classmethod
    def parse_lists(cls, system: Mapping[str, Any]) -> MdmCluster:
        """From the address lists of a System as gateways before 2.0 give them (goscaleio 8ed64a0, types.System)."""

        def members(key: str) -> tuple[Mdm, ...]:
            addresses = tuple(map(str, system.get(key) or ()))
            return (Mdm("", "", addresses, "", ""),) if addresses else ()

        primaries = members("primaryMdmActorIpList")
        return cls(
            mode=text(system.get("mdmMode")),
            state=text(system.get("mdmClusterState")),
            primary=primaries[0] if primaries else None,
            secondaries=members("secondaryMdmActorIpList"),
            tiebreakers=members("tiebreakerMdmIpList"),
        )

    def to_json(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "state": self.state,
            "primary": self.primary.to_json() if self.primary else None,
            "secondaries": [mdm.to_json() for mdm in self.secondaries],
            "tiebreakers": [mdm.to_json() for mdm in self.tiebreakers],
            "standbys": [mdm.to_json() for mdm in self.standbys],
        }


@dataclass(frozen=True)
class Sds:
    """One SDS."""

    id: str
    name: str
    domain: str
    addresses: tuple[str, ...]
    port: int | None
    state: str
    membership: str
    connection: str
    maintenance: str

    @classmethod
    def parse(cls, item: Mapping[str, Any], domain: str) -> Sds:
        """From an SDS; its addresses may come flat or wrapped, as requests have them."""
        entries = [entry.get("SdsIp") or entry for entry in item.get("ipList") or item.get("sdsIpList") or ()]
        return cls(
            id=text(item.get("id")),
            name=text(item.get("name")),
            domain=domain,
            addresses=tuple(text(entry.get("ip")) for entry in entries),
            port=number(item.get("port")),
            state=text(item.get("sdsState")),
            membership=text(item.get("membershipState")),
            connection=text(item.get("mdmConnectionState")),
            maintenance=text(item.get("maintenanceState")),
        )

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "addresses": list(self.addresses)}


@dataclass(frozen=True)
class Device:
    """One device of an SDS in a pool."""

    id: str
    name: str
    path: str
    sds: str
    state: str
    error: str
    capacity_kb: int | None

    @classmethod
    def parse(cls, item: Mapping[str, Any]) -> Device:
        """From a Device. Requests say ``deviceCurrentPathname``, answers ``deviceCurrentPathName``."""
        return cls(
            id=text(item.get("id")),
            name=text(item.get("name")),
            path=text(item.get("deviceCurrentPathName") or item.get("deviceCurrentPathname")),
            sds=text(item.get("sdsId")),
            state=text(item.get("deviceState")),
            error=text(item.get("errorState")),
            capacity_kb=number(item.get("maxCapacityInKb")),
        )

    def to_json(self) -> dict[str, Any]:
        shown = asdict(self)
        del shown["sds"]
        return shown


@dataclass(frozen=True)
class Pool:
    """One storage pool with its devices."""

    id: str
    name: str
    devices: tuple[Device, ...]


@dataclass(frozen=True)
class Domain:
    """One protection domain with its pools."""

    id: str
    name: str
    state: str
    pools: tuple[Pool, ...]


def document(
    system: Mapping[str, Any],
    mdm: MdmCluster,
    domains: Iterable[Domain],
    servers: Iterable[Sds],
    statistics: Mapping[str, Any],
) -> dict[str, Any]:
    """The module's document, plain JSON.

    :param system: the System as the gateway gives it.
    :param statistics: the System's ``Statistics``.
    """
    servers = sorted(servers, key=lambda sds: (sds.addresses, sds.name, sds.id))
    keys = _keys(servers)
    return {
        "system": system_document(system),
        "mdm": mdm.to_json(),
        "domains": {
            domain.name: {
                "id": domain.id,
                "state": domain.state,
                "pools": {
                    pool.name: {"id": pool.id, "devices": _by_sds(pool.devices, keys)}
                    for pool in sorted(domain.pools, key=lambda pool: pool.name)
                },
            }
            for domain in sorted(domains, key=lambda domain: domain.name)
        },
        "sds": {keys[sds.id]: sds.to_json() for sds in servers},
        "capacity": {
            "total_kb": number(statistics.get("maxCapacityInKb")),
            "used_kb": number(statistics.get("capacityInUseInKb")),
            "spare_kb": number(statistics.get("spareCapacityInKb")),
        },
        "activity": activity(statistics),
    }


def system_document(system: Mapping[str, Any]) -> dict[str, str]:
    """``system`` of the document."""
    version = re.search(r"R\d\S*", text(system.get("systemVersionName")))
    return {
        "id": text(system.get("id")),
        "name": text(system.get("name")),
        "version": version[0] if version else text(system.get("systemVersionName")),
    }


def _keys(servers: Iterable[Sds]) -> dict[str, str]:
    """By which key each SDS is shown, by id: its first address; with the port where another one has that already."""
    keys: dict[str, str] = {}
    taken: set[str] = set()
    for sds in servers:
        key = sds.addresses[0] if sds.addresses else sds.name or sds.id
        keys[sds.id] = f"{key}:{sds.port or sds.id}" if key in taken else key
        taken.add(key)
    return keys


def _by_sds(devices: Iterable[Device], keys: Mapping[str, str]) -> dict[str, list[dict[str, Any]]]:
    """Devices by the key of their SDS; by its id where it was created while all was looked at."""
    found: dict[str, list[dict[str, Any]]] = {}
    for device in sorted(devices, key=lambda device: (keys.get(device.sds, device.sds), device.path)):
        found.setdefault(keys.get(device.sds, device.sds), []).append(device.to_json())
    return found


def activity(statistics: Mapping[str, Any]) -> dict[str, int | None]:
    """What is at work or amiss, in KiB; None where the gateway gives none of the figures that it is summed from.

    Names of the figures: ScaleIO 2.x ``relationships/Statistics`` of a System (recorded by others from R2_5).
    """

    def total(*names: str) -> int | None:
        figures = [figure for figure in (number(statistics.get(name)) for name in names) if figure is not None]
        return sum(figures) if figures else None

    def moved(what: str) -> int | None:
        name = f"{what}CapacityInKb"
        upper = name[0].upper() + name[1:]
        figures = [total(name), total(f"active{upper}", f"pending{upper}")]
        return max((figure for figure in figures if figure is not None), default=None)

    rebuilds = [moved(f"{direction}Rebuild") for direction in ("fwd", "bck", "norm")]
    return {
        "rebuild_kb": None if set(rebuilds) == {None} else sum(figure or 0 for figure in rebuilds),
        "rebalance_kb": moved("rebalance"),
        "degraded_kb": total("degradedHealthyCapacityInKb", "degradedFailedCapacityInKb"),
        "failed_kb": total("failedCapacityInKb"),
        "maintenance_kb": total("inMaintenanceCapacityInKb"),
    }
