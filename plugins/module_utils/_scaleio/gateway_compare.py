# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How what the gateway shows differs from what is declared, and whether its data is at rest.

``gateway`` is the document of gateway_model.py. Declared is what hosts contribute, in this form::

    {host: {"ip": "10.0.0.11", "provides": {domain: {pool: [path, ...]}}}}

A host that provides nothing has no SDS; a domain without pools has an SDS without devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.gateway_model import sds_name

Document = Mapping[str, Any]
Declared = Mapping[str, Mapping[str, Any]]

# What may be at work or amiss with data: the key in "activity", and how to speak of it.
_ACTIVITIES = {
    "rebuild_kb": "a rebuild of {} runs or waits",
    "rebalance_kb": "a rebalance of {} runs or waits",
    "degraded_kb": "{} of data are degraded: one copy of two is there",
    "failed_kb": "{} of data are failed: no copy is there",
    "maintenance_kb": "{} of data are on an SDS in maintenance",
}
# Gateways of 2.0 do not give it yet.
_LATER = ("maintenance_kb",)
# What is left of a declaration that is no more, and holds nothing: the framework removes nothing, and nothing comes of it.
EMPTY = ("empty_domain", "empty_pool")
_EMPTY_MEANS = (
    "and it is empty: the framework removes nothing, so remove it at the gateway unless somebody else wants it"
)
# What a member of the system says of itself when all is well; an empty word says nothing.
_SDS_WELL = {"state": "Normal", "membership": "Joined", "connection": "Connected", "maintenance": "NoMaintenance"}
_DEVICE_WELL = {"state": "Normal", "error": "None"}
_MDM_WELL = "ClusteredNormal"


@dataclass(frozen=True)
class Finding:
    """One difference.

    :param kind: ``domain``, ``pool``, ``sds``, ``device`` (not there, or there and not declared); ``empty_domain``,
        ``empty_pool`` (there, not declared, and without an SDS or a device); ``sds_elsewhere``,
        ``sds_named``, ``device_elsewhere`` (in the way of what is declared); ``mdm_swapped``, ``mdm``, ``sds_down``,
        ``device_failed``.
    :param sentence: the difference, for people.
    """

    kind: str
    sentence: str
    host: str = ""
    ip: str = ""
    domain: str = ""
    pool: str = ""
    path: str = ""

    def to_json(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, str]) -> Finding:
        return cls(**data)


# -- which system ----------------------------------------------------------------------------------------------------


def other_system(system: Mapping[str, str], name: str, system_id: str) -> str:
    """Why this is not the declared system, as a sentence; empty when it is.

    :param system: ``system`` of the document.
    :param name: declared; empty for any.
    :param system_id: declared; empty for any.
    """
    seen = f"the gateway shows the system {system['name'] or 'without a name'} (id {system['id']})"
    if system_id and system["id"] != system_id:
        return f"{seen} and not the declared one with the id {system_id}; correct the gateway's address"
    if name and system["name"] != name:
        return (
            f"{seen} and not the declared one called {name}; correct the gateway's address, or the declared name, by which"
            f" the framework looks it up as well"
        )
    return ""


def mdm_differences(roles: Mapping[str, str], gateway: Document) -> list[Finding]:
    """How the MDM cluster differs from the declared one.

    :param roles: ``primary``, ``secondary`` and ``tiebreaker`` with the address of each.
    :returns: ``mdm_swapped`` where the two managers have changed places (as after a failover, which is no fault), ``mdm``
        for all else.
    """
    mdm = gateway["mdm"]
    seen = {
        "primary": [mdm["primary"]["addresses"]] if mdm["primary"] else [],
        "secondary": [member["addresses"] for member in mdm["secondaries"]],
        "tiebreaker": [member["addresses"] for member in mdm["tiebreakers"]],
    }
    if not any(seen.values()):
        return [Finding("mdm", "the gateway does not name the members of its MDM cluster")]
    found = []
    primary, secondary = roles["primary"], roles["secondary"]
    if any(secondary in member for member in seen["primary"]) and any(
        primary in member for member in seen["secondary"]
    ):
        sentence = f"the MDM {secondary} is primary now and {primary} secondary: they have changed places"
        found.append(Finding("mdm_swapped", sentence, ip=secondary))
        seen = {**seen, "primary": seen["secondary"], "secondary": seen["primary"]}
    for role, members in seen.items():
        if len(members) != 1:
            sentence = f"the MDM cluster has {len(members)} of the role {role} where there must be exactly one"
            found.append(Finding("mdm", sentence, ip=roles[role]))
        elif roles[role] not in members[0]:
            sentence = (
                f"the MDM of the role {role} is {_list(members[0])} at the gateway, and {roles[role]} is declared"
            )
            found.append(Finding("mdm", sentence, ip=roles[role]))
    return found


# -- what is there ---------------------------------------------------------------------------------------------------


def missing_at_gateway(declared: Declared, gateway: Document) -> list[Finding]:
    """What is declared and not at the gateway, in the order in which it can be created.

    What stands in the way is found too and cannot be created: an SDS of the same address in another domain or under
    another name, a device in another pool.
    """
    domains, pools, servers, devices = [], [], [], []
    servers_seen, devices_seen = _servers(gateway), _devices(gateway)
    for domain, hosts in _hosts_of(declared, "domain").items():
        if domain[0] not in gateway["domains"]:
            sentence = f"the protection domain {domain[0]} (for {_list(hosts)}) is not at the gateway"
            domains.append(Finding("domain", sentence, domain=domain[0]))
    for (name, pool), hosts in _hosts_of(declared, "pool").items():
        if pool not in gateway["domains"].get(name, {"pools": {}})["pools"]:
            sentence = f"the storage pool {name}/{pool} (for {_list(hosts)}) is not at the gateway"
            pools.append(Finding("pool", sentence, domain=name, pool=pool))
    for place, wanted in _contributions(declared):
        servers += _missing_sds(servers_seen.get(place.ip), place)
        for pool, paths in wanted.items():
            for path in dict.fromkeys(paths):
                where = devices_seen.get((place.ip, path))
                devices += _missing_device(where, replace(place, pool=pool, path=path))
    return [*domains, *pools, *servers, *devices]


def _missing_sds(sds: Mapping[str, Any] | None, place: Finding) -> list[Finding]:
    name = sds_name(place.ip)
    if sds is None:
        return [replace(place, kind="sds", sentence=f"{place.host} has no SDS {name} in {place.domain} at the gateway")]
    called = sds["name"] or "without a name"
    if sds["domain"] != place.domain:
        sentence = (
            f"the SDS {called} of {place.host} is in the protection domain {sds['domain']} and not in {place.domain}; the"
            f" framework never moves one: evacuate its devices and remove it at the gateway first"
        )
        return [replace(place, kind="sds_elsewhere", sentence=sentence)]
    if sds["name"] != name:
        # FindSds goes by the name, and a second SDS of one address is refused (recorded: gateway requests).
        sentence = f"the SDS {called} of {place.host} must be called {name} to be found by the framework; rename it"
        return [replace(place, kind="sds_named", sentence=sentence)]
    return []


def _missing_device(where: tuple[str, str] | None, place: Finding) -> list[Finding]:
    if where == (place.domain, place.pool):
        return []
    if where is None:
        sentence = f"{place.path} of {place.host} is not in the pool {place.domain}/{place.pool} at the gateway"
        return [replace(place, kind="device", sentence=sentence)]
    sentence = (
        f"{place.path} of {place.host} is in the pool {'/'.join(where)} and not in {place.domain}/{place.pool}; the framework"
        f" never moves one: remove it at the gateway first"
    )
    return [replace(place, kind="device_elsewhere", sentence=sentence)]


def strangers_at_gateway(declared: Declared, gateway: Document) -> list[Finding]:
    """What is at the gateway and not declared: domains, pools, SDSs and devices, each by itself."""
    hosts = {member["ip"]: host for host, member in declared.items()}
    domains, pools = _hosts_of(declared, "domain"), _hosts_of(declared, "pool")
    servers, paths = set(), set()
    for place, wanted in _contributions(declared):
        servers.add((place.ip, place.domain))
        paths |= {(place.ip, place.domain, pool, path) for pool, listed in wanted.items() for path in listed}
    found = []
    serving = {sds["domain"] for sds in gateway["sds"].values()}
    for domain, held in gateway["domains"].items():
        if (domain,) not in domains:
            sentence = f"nobody declares the protection domain {domain}"
            if domain not in serving and not any(map(_has_devices, held["pools"].values())):
                found.append(Finding("empty_domain", f"{sentence}, {_EMPTY_MEANS}", domain=domain))
                continue
            found.append(Finding("domain", sentence, domain=domain))
        for pool, inside in held["pools"].items():
            if (domain, pool) not in pools:
                sentence = f"nobody declares the storage pool {domain}/{pool}"
                if _has_devices(inside):
                    found.append(Finding("pool", sentence, domain=domain, pool=pool))
                else:
                    found.append(Finding("empty_pool", f"{sentence}, {_EMPTY_MEANS}", domain=domain, pool=pool))
    addresses = {key: _known(sds["addresses"], hosts) or key for key, sds in gateway["sds"].items()}
    for key, sds in gateway["sds"].items():
        ip = addresses[key]
        if (ip, sds["domain"]) not in servers:
            sentence = f"nobody declares the SDS {sds['name'] or key} in {sds['domain']}"
            found.append(Finding("sds", sentence, hosts.get(ip, ""), ip, sds["domain"]))
    for domain, pool, key, device in _each_device(gateway):
        ip = addresses.get(key, key)
        if (ip, domain, pool, device["path"]) not in paths:
            sentence = f"nobody declares {device['path']} of {hosts.get(ip) or ip} in the pool {domain}/{pool}"
            found.append(Finding("device", sentence, hosts.get(ip, ""), ip, domain, pool, device["path"]))
    return found


# -- how it is -------------------------------------------------------------------------------------------------------


def unwell(gateway: Document) -> list[Finding]:
    """What the gateway shows as not in order: its MDM cluster, SDSs that it has lost, failed devices."""
    found = []
    state = gateway["mdm"]["state"]
    if state not in ("", _MDM_WELL):
        found.append(Finding("mdm", f"the MDM cluster is {state}"))
    for ip, sds in gateway["sds"].items():
        odd = _odd(sds, _SDS_WELL)
        if odd:
            sentence = f"the SDS {sds['name'] or ip} is {odd}"
            found.append(Finding("sds_down", sentence, ip=ip, domain=sds["domain"]))
    for domain, pool, ip, device in _each_device(gateway):
        odd = _odd(device, _DEVICE_WELL)
        if odd:
            sentence = f"{device['path']} of {ip} in the pool {domain}/{pool} is {odd}"
            found.append(Finding("device_failed", sentence, ip=ip, domain=domain, pool=pool, path=device["path"]))
    return found


def disturbances(activity: Mapping[str, int | None]) -> list[str]:
    """Why nobody should be taken out of service now, as sentences: data moves, or has fewer copies than it should.

    :param activity: ``activity`` of the document. A figure that every gateway gives and this one does not is a reason too.
    """
    found = []
    for key, sentence in _ACTIVITIES.items():
        amount = activity[key]
        if amount is None and key not in _LATER:
            found.append(f"the gateway gives no figure for {key.rpartition('_')[0]}")
        elif amount:
            found.append(sentence.format(size(amount)))
    return found


def quiet(gateway: Document) -> bool:
    """Whether no rebuild and no rebalance runs and every copy of the data is there."""
    return not disturbances(gateway["activity"])


def size(kb: int) -> str:
    """KiB in decimal units, as disks are sold."""
    amount, units = float(kb * 1024), ["B", "kB", "MB", "GB", "TB", "PB"]
    while amount >= 999.5 and len(units) > 1:
        amount /= 1000
        units.pop(0)
    return f"{amount:.3g} {units[0]}"


# -- looking up ------------------------------------------------------------------------------------------------------


def find_sds(gateway: Document, ip: str) -> dict[str, Any] | None:
    """The SDS that has this address, by whatever name."""
    return _servers(gateway).get(ip)


def find_device(gateway: Document, ip: str, path: str) -> tuple[str, str, dict[str, Any]] | None:
    """Domain, pool and device at this path of the SDS that has this address."""
    for domain, pool, key, device in _each_device(gateway):
        if device["path"] == path and ip in _addresses(gateway, key):
            return domain, pool, device
    return None


def paths_by_address(gateway: Document) -> dict[str, set[str]]:
    """The paths of the devices of every SDS that has some, by each of its addresses."""
    found: dict[str, set[str]] = {}
    for _domain, _pool, key, device in _each_device(gateway):
        for address in _addresses(gateway, key):
            found.setdefault(address, set()).add(device["path"])
    return found


def contributions_by_address(gateway: Document) -> dict[str, dict[str, dict[str, list[str]]]]:
    """Protection domain -> pool -> paths of every SDS that has devices, by each of its addresses."""
    found: dict[str, dict[str, dict[str, list[str]]]] = {}
    for domain, pool, key, device in _each_device(gateway):
        for address in _addresses(gateway, key):
            found.setdefault(address, {}).setdefault(domain, {}).setdefault(pool, []).append(device["path"])
    return found


def _has_devices(pool: Mapping[str, Any]) -> bool:
    return any(pool["devices"].values())


def _servers(gateway: Document) -> dict[str, dict[str, Any]]:
    """SDSs by each of their addresses; of two at one address (their ports differ) the first."""
    found: dict[str, dict[str, Any]] = {}
    for sds in gateway["sds"].values():
        for address in sds["addresses"]:
            found.setdefault(address, sds)
    return found


def _devices(gateway: Document) -> dict[tuple[str, str], tuple[str, str]]:
    """Domain and pool of devices by address and path."""
    return {
        (address, device["path"]): (domain, pool)
        for domain, pool, key, device in _each_device(gateway)
        for address in _addresses(gateway, key)
    }


def _addresses(gateway: Document, key: str) -> Sequence[str]:
    sds = gateway["sds"].get(key)
    return (sds["addresses"] if sds else None) or [key]


def _each_device(gateway: Document) -> Iterator[tuple[str, str, str, dict[str, Any]]]:
    """Domain, pool, key of the SDS, device."""
    for domain, held in gateway["domains"].items():
        for pool, inside in held["pools"].items():
            for key, devices in inside["devices"].items():
                for device in devices:
                    yield domain, pool, key, device


def _contributions(declared: Declared) -> Iterator[tuple[Finding, Mapping[str, Sequence[str]]]]:
    """Each host with each of its domains, as a finding to complete, and the domain's pools with paths."""
    for host, member in declared.items():
        for domain, pools in member["provides"].items():
            yield Finding("", "", host=host, ip=member["ip"], domain=domain), pools


def _hosts_of(declared: Declared, what: str) -> dict[tuple[str, ...], list[str]]:
    """Hosts by ``(domain,)`` or by ``(domain, pool)``."""
    found: dict[tuple[str, ...], list[str]] = {}
    for place, pools in _contributions(declared):
        for key in [(place.domain,)] if what == "domain" else [(place.domain, pool) for pool in pools]:
            found.setdefault(key, []).append(place.host)
    return found


def _known(addresses: Sequence[str], hosts: Mapping[str, str]) -> str:
    return next((address for address in addresses if address in hosts), "")


def _odd(shown: Mapping[str, Any], well: Mapping[str, str]) -> str:
    return ", ".join(shown[key] for key, word in well.items() if shown[key] not in ("", word))


def _list(words: Sequence[str], most: int = 4) -> str:
    return f"{', '.join(words[:most])} and {len(words) - most} more" if len(words) > most else ", ".join(words)
