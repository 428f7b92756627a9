# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a node declares to the ScaleIO framework, and the attribute files that say it.

The framework (thecodeteam/scaleio-framework v0.3.1, scheduler/scaleio.go) reads, on every agent, one flat namespace:
``scaleio-sds-domains`` lists protection domains, ``scaleio-sds-<domain>`` the storage pools of a domain,
``scaleio-sds-<pool>`` the devices of a pool; the same with ``sdc``. It splits at commas, trims nothing, checks nothing.
So everything that it would misread is refused here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SYSTEM = "scaleio"
# Its executors are started again from the next offer; the data path is host packages (framework v0.3.1, mesos.go).
FRAMEWORK = "ScaleIO Framework"

OWNED_PREFIX = "scaleio-"
PERSONAS = ("primary", "secondary", "tiebreaker")
SDS_ROOT = "scaleio-sds-domains"
SDC_ROOT = "scaleio-sdc-domains"
PERSONA = "scaleio-persona"

# ScaleIO 2.0 limits (EMC white paper H15148, June 2016, pages 11 to 29). The paper does not say which GB and TB it means, and
# a disk sold as one of 6 TB has a little more. So lower limits are read as decimal and upper ones as binary: what is refused
# breaks the limit either way. Sentences give decimal sizes.
GB = 10**9
TB = 10**12
DEVICE_MIN_BYTES = 100 * GB
DEVICE_MAX_BYTES = 6 * 2**40
POOL_MIN_BYTES = 300 * GB
POOL_MIN_SDS = 3
POOL_MAX_DEVICES = 300
SDS_MAX_DEVICES = 64
SDS_MAX_BYTES = 64 * 2**40
DOMAIN_MAX_SDS = 128
DOMAIN_MAX_POOLS = 64
SYSTEM_MAX_SDS = 1024
SYSTEM_MAX_SDC = 1024
SYSTEM_MAX_POOLS = 1024
SYSTEM_MAX_DOMAINS = 256

_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
# What the agent's strtod would read as a number, a file name's hexadecimal included (mesos 3rdparty/stout numify.hpp).
_NUMBER = re.compile(r"[+-]?(0x[0-9a-f]*(p[+-]?\d*)?|\d+\.?\d*(e[+-]?\d+)?|inf(inity)?|nan)\Z", re.IGNORECASE)
# What the agent makes a scalar or ranges; the framework asks for the text of such a value and gets an empty one.
_NO_TEXT = re.compile(r" *(\[|\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\Z)", re.IGNORECASE)
_LONG_NAME = 31
# A file's name has at most 255 bytes (NAME_MAX of linux/limits.h), and the prefix is a part of it.
_LONGEST_NAME = 255 - len("scaleio-sds-")


def size_problem(size_bytes: int) -> str:
    """Why ScaleIO does not take a device of this size, as the end of a sentence; empty when it does."""
    if DEVICE_MIN_BYTES <= size_bytes <= DEVICE_MAX_BYTES:
        return ""
    size = f"{size_bytes / GB:.0f} GB" if size_bytes < DEVICE_MIN_BYTES else f"{size_bytes / TB:.1f} TB"
    return f"has {size}; ScaleIO takes devices from 100 GB to 6 TB"


@dataclass(frozen=True)
class DeviceRequest:
    """How a declaration names a device.

    :param how: ``path``, ``by_id`` (a name below /dev/disk/by-id) or ``select`` (a JMESPath expression over the
        observed devices that yields paths).
    :param text: the path, the name or the expression.
    :param count: how many devices an expression must yield; None for "one or more".
    """

    how: str
    text: str
    count: int | None = 1


@dataclass(frozen=True)
class Layout:
    """What one node contributes (sds) and uses (sdc); order is the declaration's.

    :param sds: ``((domain, ((pool, (request, ...)), ...)), ...)``.
    :param sdc: ``((domain, (pool, ...)), ...)``; None where the declaration leaves it to ``sdc_default``.
    :param persona: ``primary``, ``secondary``, ``tiebreaker`` or empty.
    """

    sds: tuple[tuple[str, tuple[tuple[str, tuple[DeviceRequest, ...]], ...]], ...] = ()
    sdc: tuple[tuple[str, tuple[str, ...]], ...] | None = None
    persona: str = ""

    def sds_domains(self) -> tuple[str, ...]:
        return tuple(domain for domain, _pools in self.sds)

    def to_json(self) -> dict[str, Any]:
        return {
            "sds": [
                [domain, [[pool, [[r.how, r.text, r.count] for r in requests]] for pool, requests in pools]]
                for domain, pools in self.sds
            ],
            "sdc": None if self.sdc is None else [[domain, list(pools)] for domain, pools in self.sdc],
            "persona": self.persona,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Layout:
        return cls(
            sds=tuple(
                (domain, tuple((pool, tuple(DeviceRequest(*r) for r in requests)) for pool, requests in pools))
                for domain, pools in data["sds"]
            ),
            sdc=None if data["sdc"] is None else tuple((domain, tuple(pools)) for domain, pools in data["sdc"]),
            persona=data["persona"],
        )


# -- from the inventory --------------------------------------------------------------------------------------------------


def shown(value: Any) -> str:
    """A value as it may stand in a message: printable ASCII, and short."""
    text = value if isinstance(value, str) else repr(value)
    plain = (c if c.isascii() and c.isprintable() else c.encode("unicode_escape").decode() for c in text[:80])
    return "".join(plain)[:80]


def name_problem(value: Any) -> str:
    """Why a protection domain or storage pool may not have this name; empty when it may.

    The rule is narrower than the agent's own grammar: a name is a file name, a part of a comma list and a value at
    once, and a value that reads as a number reaches the framework as an empty text (mesos src/common/values.cpp).
    """
    if isinstance(value, bool) or value is None:
        return f"the name {shown(value)} is no text; YAML read it as {type(value).__name__}: put it in quotes"
    if isinstance(value, (int, float)):
        return f"the name {shown(value)} is a number: the agent would make it a scalar, and the framework would read ''"
    if not isinstance(value, str):
        return f"a name must be a text, and this is a {_kind(value)}: {shown(value)}"
    if any("\udc80" <= character <= "\udcff" for character in value):
        return f"the name '{shown(value)}' is not UTF-8: it would make the master's /slaves unreadable for everybody"
    if not _NAME.match(value):
        odd = sorted({f"'{shown(character)}'" for character in value if not _NAME.match(character)})
        return (
            f"the name '{shown(value)}' has {' '.join(odd) or 'no character'};"
            f" only letters, digits, '_' and '-' pass the agent and the framework unharmed"
        )
    if _NUMBER.match(value):
        return (
            f"the name '{value}' reads as a number: the agent would make it a scalar, and the framework would read ''"
        )
    if not re.search(r"[A-Za-z_]", value):
        return f"the name '{value}' has no letter"
    if len(value) > _LONGEST_NAME:
        return f"the name '{shown(value)}...' has {len(value)} characters; a file is named after it, so at most {_LONGEST_NAME}"
    if value == "domains":
        return "the name 'domains' is taken: scaleio-sds-domains is the list of domains itself"
    if "scaleio-sds-" in value or "scaleio-sdc-" in value:
        return f"the name '{value}' contains the framework's own prefix, which makes it look up another attribute"
    return ""


def parse_layout(sds: Any, sdc: Any, persona: Any) -> tuple[Layout, list[str], list[str]]:
    """Read a declaration of any shape into a layout.

    :param sds: protection domain -> storage pool -> devices. Devices are one JMESPath expression (a text that begins
        with ``[``), a mapping ``{select: EXPRESSION, count: N | any}``, one path, or a list of paths and by-id names.
    :param sdc: protection domain -> list of storage pools; None when it is not declared.
    :param persona: ``primary``, ``secondary``, ``tiebreaker``, or None.
    :returns: the layout (of what was well-formed), the errors and the warnings, as sentences.
    """
    errors: list[str] = []
    warnings: list[str] = []
    sds_part = _parse_sds(sds, errors)
    sdc_part = None if sdc is None else _parse_sdc(sdc, errors)
    if persona in (None, ""):
        persona = ""
    elif persona not in PERSONAS:
        errors.append(f"scaleio_persona is {shown(persona)}; it must be one of {', '.join(PERSONAS)}")
        persona = ""
    layout = Layout(sds_part, sdc_part, persona)
    _check_namespace(layout, errors, warnings)
    return layout, errors, warnings


def _parse_sds(value: Any, errors: list[str]) -> tuple[tuple[str, Any], ...]:
    domains = []
    for domain, pools in _entries(value, "scaleio_sds", "protection domain -> storage pools -> devices", errors):
        where = f"scaleio_sds: {shown(domain)}"
        problem = name_problem(domain)
        if problem:
            errors.append(f"scaleio_sds: {problem}")
        parsed = []
        entries = _entries(pools, where, "storage pool -> devices", errors)
        if not entries and isinstance(pools, Mapping):
            errors.append(f"{where} has no storage pool; name one, or leave the domain out")
        for pool, devices in entries:
            problem = name_problem(pool)
            if problem:
                errors.append(f"{where}: {problem}")
            requests = _parse_devices(devices, f"{where}: {shown(pool)}", errors)
            if not problem:
                parsed.append((pool, requests))
        if not name_problem(domain):
            domains.append((domain, tuple(parsed)))
    return tuple(domains)


def _parse_sdc(value: Any, errors: list[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    domains = []
    for domain, pools in _entries(value, "scaleio_sdc", "protection domain -> list of storage pools", errors):
        where = f"scaleio_sdc: {shown(domain)}"
        problem = name_problem(domain)
        if problem:
            errors.append(f"scaleio_sdc: {problem}")
        if isinstance(pools, Mapping):
            if any(pools.values()):
                errors.append(f"{where} gives devices to a pool; a client has none, write a list of pool names")
            pools = list(pools)
        if not isinstance(pools, Sequence) or isinstance(pools, (str, bytes)):
            errors.append(f"{where} must be a list of storage pools, and this is a {_kind(pools)}: {shown(pools)}")
            continue
        if not pools:
            errors.append(f"{where} has no storage pool; name one, or leave the domain out")
        bad = [found for found in map(name_problem, pools) if found]
        errors.extend(f"{where}: {found}" for found in bad)
        if not problem and not bad:
            domains.append((domain, tuple(pools)))
    return tuple(domains)


def _entries(value: Any, where: str, form: str, errors: list[str]) -> list[tuple[Any, Any]]:
    if value is None:
        return []
    if not isinstance(value, Mapping):
        errors.append(f"{where} must be a mapping ({form}), and this is a {_kind(value)}: {shown(value)}")
        return []
    return list(value.items())


def _parse_devices(value: Any, where: str, errors: list[str]) -> tuple[DeviceRequest, ...]:
    if isinstance(value, Mapping):
        return _parse_selection(value, where, errors)
    if isinstance(value, str) and value.lstrip().startswith("["):
        return (DeviceRequest("select", value.strip()),)
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, Sequence):
        errors.append(
            f"{where} must name devices (a list, or an expression), and this is a {_kind(value)}: {shown(value)}"
        )
        return ()
    if not items:
        errors.append(
            f"{where} has an empty list of devices; a pool without devices keeps the framework logging in for ever"
        )
    requests = []
    for item in items:
        problem = _device_problem(item)
        if problem:
            errors.append(f"{where}: {problem}")
        elif item.startswith("/dev/disk/by-id/"):
            requests.append(DeviceRequest("by_id", item[len("/dev/disk/by-id/") :]))
        elif item.startswith("/"):
            requests.append(DeviceRequest("path", item))
        else:
            requests.append(DeviceRequest("by_id", item))
    texts = [(request.how, request.text) for request in requests]
    for _how, text in sorted({pair for pair in texts if texts.count(pair) > 1}):
        errors.append(f"{where} names the device {text} twice")
    return tuple(requests)


def _device_problem(item: Any) -> str:
    if not isinstance(item, str):
        return f"a device must be a path or a by-id name, and this is a {_kind(item)}: {shown(item)}"
    if item.endswith(",") or item.startswith(","):
        return f"the device '{shown(item)}' has a comma at its end: the framework would attach a device with no name"
    if not item:
        return "a device with no name"
    if not re.match(r"[A-Za-z0-9_./:+=@-]+\Z", item):
        return f"the device '{shown(item)}' has a character that the attribute or the framework would misread"
    if item.startswith("/") and not item.startswith("/dev/"):
        return f"the device '{item}' is not below /dev"
    return ""


def _parse_selection(value: Mapping[Any, Any], where: str, errors: list[str]) -> tuple[DeviceRequest, ...]:
    unknown = sorted(shown(key) for key in value if key not in ("select", "count"))
    expression, count = value.get("select"), value.get("count", 1)
    if unknown or not isinstance(expression, str):
        errors.append(
            f"{where} must be {{select: EXPRESSION, count: NUMBER}}"
            + (f"; unknown: {', '.join(unknown)}" if unknown else f"; select is {shown(expression)}")
        )
        return ()
    if count == "any":
        return (DeviceRequest("select", expression, None),)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        errors.append(f"{where}: count is {shown(count)}; it must be a number from 1 up, or 'any'")
        return ()
    return (DeviceRequest("select", expression, count),)


def _check_namespace(layout: Layout, errors: list[str], warnings: list[str]) -> None:
    """The rules of the flat namespace: one list of devices for each name, one domain for each agent."""
    sds = [(domain, [pool for pool, _requests in pools]) for domain, pools in layout.sds]
    sdc = [(domain, list(pools)) for domain, pools in layout.sdc or ()]
    for part, tree in (("scaleio_sds", sds), ("scaleio_sdc", sdc)):
        domains = [domain for domain, _pools in tree]
        pools = [pool for _domain, found in tree for pool in found]
        for name in sorted(set(domains) & set(pools)):
            errors.append(
                f"{part}: the pool '{name}' is named like a domain: both would be the one file {_prefix(part)}{name}"
            )
        for name in sorted({pool for pool in pools if pools.count(pool) > 1}):
            homes = [domain for domain, found in tree if name in found]
            errors.append(
                f"{part}: the pool '{name}' is in {' and in '.join(homes)}: both would get the devices of the one file"
                f" {_prefix(part)}{name}"
                if len(homes) > 1
                else f"{part}: the pool '{name}' is listed twice"
            )
        for name in sorted({*domains, *pools}):
            if len(name) > _LONG_NAME:
                warnings.append(
                    f"{part}: the name '{name}' is longer than {_LONG_NAME} characters; ScaleIO may refuse it"
                )
    domains = sorted({domain for domain, _pools in (*sds, *sdc)})
    if len(domains) > 1:
        errors.append(
            f"two protection domains on one agent ({', '.join(domains)}; sds and sdc count together): the framework would"
            f" ask for two SDSs with one name, and which of them exists in the end is chance"
        )


def _prefix(part: str) -> str:
    return part.replace("_", "-") + "-"


def _kind(value: Any) -> str:
    if isinstance(value, Mapping):
        return "mapping"
    if isinstance(value, str):
        return "text"
    if isinstance(value, Sequence):
        return "list"
    return {"NoneType": "null", "bool": "boolean", "int": "number", "float": "number"}.get(
        type(value).__name__, type(value).__name__
    )


# -- to and from attribute files -------------------------------------------------------------------------------------------


def render(
    sds: Sequence[tuple[str, Sequence[tuple[str, Sequence[str]]]]],
    sdc: Sequence[tuple[str, Sequence[str]]],
    persona: str,
) -> dict[str, str]:
    """The attribute files of a layout whose devices are resolved: file name -> value without its newline."""
    files: dict[str, str] = {}
    if sds:
        files[SDS_ROOT] = ",".join(domain for domain, _pools in sds)
        for domain, pools in sds:
            files[f"scaleio-sds-{domain}"] = ",".join(pool for pool, _devices in pools)
            for pool, devices in pools:
                files[f"scaleio-sds-{pool}"] = ",".join(devices)
    if sdc:
        files[SDC_ROOT] = ",".join(domain for domain, _pools in sdc)
        for domain, names in sdc:
            files[f"scaleio-sdc-{domain}"] = ",".join(names)
    if persona:
        files[PERSONA] = persona
    return files


def default_sdc(
    sds: Sequence[tuple[str, Sequence[tuple[str, Any]]]], rule: str
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The client part for a node that declares none: the last domain's last pool (``last_sds_pool``) or nothing."""
    if rule == "none" or not sds:
        return ()
    domain, pools = sds[-1]
    return ((domain, (pools[-1][0],)),) if pools else ()


@dataclass(frozen=True)
class FrameworkView:
    """What the framework makes of an agent's attributes (scheduler/scaleio.go, prepareScaleIONode).

    :param imperative: whether a root attribute is there; without one, all unused disks of the node are taken.
    :param provides: domain -> pool -> devices, sds and sdc attributes merged, as the framework does.
    """

    imperative: bool
    provides: Mapping[str, Mapping[str, tuple[str, ...]]]

    @functools.cached_property
    def device_pools(self) -> Mapping[str, set[tuple[str, str]]]:
        """Every device with the (domain, pool) pairs that it would be added to."""
        found: dict[str, set[tuple[str, str]]] = {}
        for domain, pools in self.provides.items():
            for pool, devices in pools.items():
                for device in devices:
                    found.setdefault(device, set()).add((domain, pool))
        return found


def framework_view(attributes: Mapping[str, Any]) -> FrameworkView:
    """Read attributes with the framework's own rules: split at commas, trim nothing, an absent or empty value is none.

    :param attributes: texts of attribute files, or values as ``/state`` and the master show them.
    """
    provides: dict[str, dict[str, tuple[str, ...]]] = {}
    for root, prefix in ((SDS_ROOT, "scaleio-sds-"), (SDC_ROOT, "scaleio-sdc-")):
        for domain in _split(attributes.get(root)):
            pools = provides.setdefault(domain, {})
            for pool in _split(attributes.get(_key(prefix, domain))):
                devices = _split(attributes.get(_key(prefix, pool)))
                pools[pool] = tuple(dict.fromkeys((*pools.get(pool, ()), *devices)))
    return FrameworkView(bool(_split(attributes.get(SDS_ROOT)) or _split(attributes.get(SDC_ROOT))), provides)


def _key(prefix: str, name: str) -> str:
    """The attribute that the framework looks up for a name: one that contains the prefix is looked up as it is."""
    return name if prefix in name else prefix + name


def declared_devices(attributes: Mapping[str, str]) -> set[str]:
    """The devices that the attributes in force contribute."""
    return set(framework_view(attributes).device_pools)


def decompile(attributes: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Turn attributes made by hand into a declaration: the inverse of :func:`render`.

    :returns: ``scaleio_sds``, ``scaleio_sdc``, ``scaleio_persona`` (or ``scaleio_state``) as they would stand in an
        inventory, and sentences about attributes that no declaration can express.
    """
    ours = {name: value for name, value in attributes.items() if name.startswith(OWNED_PREFIX)}
    if set(ours) == {SDC_ROOT} and not name_problem(ours[SDC_ROOT]):
        # A client root alone contributes nothing: what a member leaves behind.
        return {"scaleio_state": "absent"}, []
    declaration: dict[str, Any] = {}
    used = {SDS_ROOT, SDC_ROOT, PERSONA}
    if attributes.get(SDS_ROOT):
        sds: dict[str, dict[str, list[str]]] = {}
        for domain in _split(attributes[SDS_ROOT]):
            used.add(f"scaleio-sds-{domain}")
            pools = _split(attributes.get(f"scaleio-sds-{domain}"))
            used.update(f"scaleio-sds-{pool}" for pool in pools)
            sds[domain] = {pool: list(_split(attributes.get(f"scaleio-sds-{pool}"))) for pool in pools}
        declaration["scaleio_sds"] = sds
    if attributes.get(SDC_ROOT):
        sdc = {}
        for domain in _split(attributes[SDC_ROOT]):
            used.add(f"scaleio-sdc-{domain}")
            sdc[domain] = list(_split(attributes.get(f"scaleio-sdc-{domain}")))
        declaration["scaleio_sdc"] = sdc
    elif declaration:
        declaration["scaleio_sdc_default"] = "none"
    if attributes.get(PERSONA):
        declaration["scaleio_persona"] = attributes[PERSONA]
    stray = sorted(name for name in ours if name not in used)
    clients = {f"scaleio-sdc-{pool}" for pools in declaration.get("scaleio_sdc", {}).values() for pool in pools}
    problems = [
        (
            f"the attribute {name} gives the pool the devices {shown(ours[name])}, which the framework adds as those of a server,"
            f" and no declaration has that: name them in scaleio_sds; the attribute would be removed"
            if name in clients
            else f"the attribute {name} is read by nothing; it would be removed"
        )
        for name in stray
    ]
    layout, errors, _warnings = parse_layout(
        declaration.get("scaleio_sds"), declaration.get("scaleio_sdc"), declaration.get("scaleio_persona")
    )
    problems.extend(errors)
    if not errors:
        again = render(
            [(d, [(p, [r.text for r in rs]) for p, rs in pools]) for d, pools in layout.sds],
            layout.sdc or (),
            layout.persona,
        )
        for name in sorted(set(again) | {name for name in attributes if name in used}):
            if again.get(name) != attributes.get(name) and attributes.get(name):
                problems.append(f"the attribute {name} is '{shown(attributes[name])}', which no declaration gives")
    return declaration, problems


def _split(value: Any) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if not isinstance(value, str) or _NO_TEXT.match(value):
        return ("",)
    return tuple(value.split(","))
