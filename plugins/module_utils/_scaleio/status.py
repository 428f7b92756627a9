# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Compares the four places where an agent's attributes stand: declared, on disk, reported, registered. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import model
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import (
    Observation,
    Selector,
    declared_domains,
    declared_files,
    exposed_devices,
    natural,
    owned,
)

HEADER = ("member", "agent", "declared", "on disk", "reported", "registered", "the framework would take")


@dataclass(frozen=True)
class NodeStatus:
    """One member, compared.

    :param cells: its row below :data:`HEADER`.
    :param problems: everything that a user must look at, as sentences.
    :param layers: ``declared``, ``on_disk``, ``reported``, ``registered``: attribute name -> value, or None where that
        place could not be read.
    """

    member: str
    cells: tuple[str, ...]
    problems: tuple[str, ...] = ()
    layers: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"member": self.member, "problems": list(self.problems), "layers": dict(self.layers)}


def cluster_status(observations: Sequence[Observation], select: Selector) -> list[NodeStatus]:
    """Every member's status, also of those that could not be reached."""
    observations = sorted(observations, key=lambda o: natural(o["member"]))
    domains = declared_domains([o for o in observations if "unreachable" not in o])
    return [node_status(observation, select, domains) for observation in observations]


def node_status(observation: Observation, select: Selector, cluster_domains: Sequence[str]) -> NodeStatus:
    """One member's status."""
    member = observation["member"]
    if "unreachable" in observation:
        return NodeStatus(
            member,
            (member, "unreachable", "?", "?", "?", "?", "?"),
            (f"could not be observed: {observation['unreachable']}",),
        )
    agent, master = observation["agent"], observation["master"]
    declared, errors = declared_files(observation, select, cluster_domains)
    on_disk = owned(agent["files"])
    running = agent["running"]
    reported = None if running is None else owned(running["attributes"])
    entry = next((a for a in master["agents"] if running is not None and a["id"] == running["agent_id"]), None)
    registered = None if entry is None else owned(entry["attributes"])
    problems = [*errors, *(obstacle["sentence"] for obstacle in agent["obstacles"])]
    if master["error"]:
        problems.append(str(master["error"]))
    state = _agent_state(agent, entry, problems)
    if declared is not None:
        _compare("on disk", on_disk, "declared", declared, problems)
    if reported is not None:
        _compare("reported by the agent", reported, "on disk", on_disk, problems)
    if registered is not None and reported is not None:
        _compare("registered at the master", registered, "reported by the agent", reported, problems)
    taken = _exposed(observation, registered if registered is not None else reported)
    if taken:
        # Onboarding leaves alone whoever has joined before.
        book = "onboard" if observation["identity"] is None else "scaleio_imperative"
        problems.append(
            f"is known to the master without imperative attributes: the framework would take {', '.join(taken)};"
            f" bring the host in with the playbook {book} before the framework starts"
        )
    cells = (
        member,
        state,
        "-" if declared is None else summary(declared),
        _against(on_disk, declared),
        _against(reported, on_disk),
        _against(registered, reported),
        ", ".join(taken) or "nothing",
    )
    layers = {"declared": declared, "on_disk": on_disk, "reported": reported, "registered": registered}
    return NodeStatus(member, cells, tuple(problems), layers)


def _agent_state(agent: Mapping[str, Any], entry: Mapping[str, Any] | None, problems: list[str]) -> str:
    unit = agent["unit"]
    if unit["active"] != "active":
        if agent["checkpoint"]["agent_id"] is None and unit["active"] == "inactive":
            problems.append("its agent has never started")
            return "never started"
        problems.append(f"its agent is not up: {unit['name']} is {unit['active']} ({unit['sub']})")
        return f"{unit['active']} ({unit['sub']})"
    if agent["running"] is None:
        problems.append(f"its agent does not answer: {agent['running_error']}")
        return "silent"
    if entry is None or not entry["active"]:
        problems.append("its agent runs and is not active at the leading master")
        return "not registered"
    return "registered"


def _compare(name: str, seen: Mapping[str, Any], base_name: str, base: Mapping[str, Any], problems: list[str]) -> None:
    for attribute in sorted({*seen, *base}):
        if seen.get(attribute) != base.get(attribute):
            problems.append(
                f"{attribute} is {_value(seen, attribute)} {name} and {_value(base, attribute)} {base_name}"
            )


def _value(layer: Mapping[str, Any], attribute: str) -> str:
    return f"'{model.shown(layer[attribute])}'" if attribute in layer else "absent"


def _against(layer: Mapping[str, Any] | None, base: Mapping[str, Any] | None) -> str:
    if layer is None:
        return "?"
    if not layer and not base:
        return "none"
    if base is None:
        return "?"
    return "same" if dict(layer) == dict(base) else "differs" if layer else "none"


def summary(files: Mapping[str, Any]) -> str:
    """A layout in one line: ``engineering: qe=/dev/xvdf``."""
    view = model.framework_view(files)
    parts = [
        " ".join([f"{domain}:", *(f"{pool}={','.join(found)}" if found else pool for pool, found in pools.items())])
        for domain, pools in view.provides.items()
    ]
    return "; ".join(parts) or "none"


def _exposed(observation: Observation, attributes: Mapping[str, Any] | None) -> list[str]:
    """The disks that the framework would take from this host as the master shows it now."""
    if attributes is None or model.framework_view(attributes).imperative:
        return []
    return exposed_devices(observation)
