# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's network, and cutting it."""

from __future__ import annotations

import ipaddress
import json
import secrets
import shlex
from collections.abc import Iterable
from typing import Any

from lab import hosts
from lab.machine import LabError, Machine, free_network, run, say, taken_networks
from lab.state import State

# The machine itself, where playbooks run, as a peer of cuts.
CONTROLLER = "controller"


def ensure(machine: Machine, state: State) -> str:
    """Make the network, unless it is there, and write down its addresses; its name."""
    for described in existing(machine):
        state.network.write_text(_prefix(ipaddress.IPv4Network(described["subnets"][0]["subnet"])))
        return str(described["name"])
    taken = taken_networks(run("ip", "-j", "-4", "route"))
    for name in machine.podman("network", "ls", "--quiet").split():
        for part in json.loads(machine.podman("network", "inspect", name))[0].get("subnets") or ():
            if "." in part["subnet"]:
                taken.append(ipaddress.IPv4Network(part["subnet"]))
    network = free_network(taken)
    # A new name each time: podman remembers addresses of hosts that were killed while being made under the network's name, for ever.
    name = f"holdfast-lab-{secrets.token_hex(3)}"
    machine.podman(
        *(
            "network",
            "create",
            "--disable-dns",
            "--subnet",
            str(network),
            "--label",
            f"{hosts.LABEL}={state.root}",
            name,
        ),
        remedy="The network's parts are netavark and iptables: `apt-get install netavark iptables`.",
    )
    state.network.write_text(_prefix(network))
    say(f"network: {network}")
    return name


def existing(machine: Machine) -> list[dict[str, Any]]:
    """The lab's network as podman describes it; normally one or none."""
    names = machine.podman("network", "ls", "--filter", f"label={hosts.LABEL}", "--format", "{{.Name}}").split()
    return [json.loads(machine.podman("network", "inspect", name))[0] for name in names]


def _prefix(network: ipaddress.IPv4Network) -> str:
    return str(network.network_address).rpartition(".")[0]


def remove(machine: Machine) -> bool:
    """Remove the network, with what hosts that were killed while being made have left of it; whether it was there."""
    found = existing(machine)
    for described in found:
        machine.podman("network", "rm", "--force", described["name"])
        _remove_bridge(described["network_interface"])
        subnet = described["subnets"][0]["subnet"]
        for table in ("nat", "filter"):
            for rule in rules_about(subnet, run("iptables", "--table", table, "--list-rules")):
                run("iptables", "--wait", "--table", table, "--delete", *rule)
    return bool(found)


def _remove_bridge(bridge: str) -> None:
    """Remove a bridge that podman left, with the network namespaces behind its ports."""
    if bridge not in {link["ifname"] for link in json.loads(run("ip", "-j", "link", "show"))}:
        return
    names = {entry.get("id"): entry["name"] for entry in json.loads(run("ip", "-j", "netns", "list") or "[]")}
    for link in json.loads(run("ip", "-j", "-d", "link", "show", "master", bridge) or "[]"):
        run("ip", "link", "delete", link["ifname"])
        if link.get("link_netnsid") in names:
            run("ip", "netns", "delete", names[link["link_netnsid"]])
    run("ip", "link", "delete", bridge)


def rules_about(subnet: str, listing: str) -> list[list[str]]:
    """The rules of ``iptables --list-rules`` that name a subnet as source or destination: chain, then the rule's words."""
    found = [shlex.split(line) for line in listing.splitlines()]
    return [words[1:] for words in found if words[:1] == ["-A"] and subnet in words]


# -- cutting -------------------------------------------------------------------------------------------------------


def cut(state: State, one: str, other: str, addresses: dict[str, str]) -> None:
    """Let no packet through between two hosts, as if a cable were cut: connections hang, none is refused.

    :param addresses: name -> address of every host and of the controller.
    """
    pairs = _pairs(state)
    if {one, other} in pairs:
        raise LabError(f"{one} and {other} are cut already: `lab mend {one} {other}` mends them.")
    _save(state, [*pairs, {one, other}])
    _filter(state, "--append", one, other, addresses)


def mend(state: State, one: str, other: str, addresses: dict[str, str]) -> None:
    """The reverse of :func:`cut`."""
    pairs = _pairs(state)
    if {one, other} not in pairs:
        raise LabError(f"{one} and {other} are not cut; cut are: {listing(state)}.")
    _save(state, [pair for pair in pairs if pair != {one, other}])
    _filter(state, "--delete", one, other, addresses)


def mend_all(state: State, addresses: dict[str, str]) -> None:
    """Mend every pair."""
    for pair in _pairs(state):
        one, other = sorted(pair)
        mend(state, one, other, addresses)


def restore(state: State, names: Iterable[str], addresses: dict[str, str]) -> None:
    """Cut hosts again that have started: their rules went with them."""
    started = set(names)
    for pair in _pairs(state):
        for here in pair & started:
            (there,) = pair - {here}
            _rule(state, "--append", here, addresses[there])


def listing(state: State) -> str:
    """The pairs that are cut, as text."""
    return ", ".join(" and ".join(sorted(pair)) for pair in _pairs(state)) or "none"


def _pairs(state: State) -> list[set[str]]:
    return [set(line.split()) for line in state.cuts.read_text().splitlines()] if state.cuts.exists() else []


def _save(state: State, pairs: Iterable[set[str]]) -> None:
    state.cuts.write_text("".join(" ".join(sorted(pair)) + "\n" for pair in pairs))


def _filter(state: State, action: str, one: str, other: str, addresses: dict[str, str]) -> None:
    for here, there in ((one, other), (other, one)):
        # A host that is down has no rules; the controller is not to be filtered, its peer drops both directions.
        if here != CONTROLLER and hosts.pid(state, here) is not None:
            _rule(state, action, here, addresses[there])


def _rule(state: State, action: str, here: str, there: str) -> None:
    """Between hosts nothing passes the machine's own iptables: each host drops by itself, in both directions."""
    for chain, side in (("INPUT", "--source"), ("OUTPUT", "--destination")):
        run(
            "nsenter",
            "--target",
            str(hosts.pid(state, here)),
            "--net",
            "iptables",
            "--wait",
            action,
            chain,
            side,
            there,
            "--jump",
            "DROP",
        )
