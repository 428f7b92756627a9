# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab as a whole: up, down, reset, plain, status."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from lab import disks, hosts, images, network
from lab.inventory import AGENTS, MASTERS, Disk, Host
from lab.machine import LabError, Machine, each, needed, preflight, say
from lab.state import State

# How long agents may take until the leading master shows them. They come one by one, and later on a machine with other work.
REGISTERED_SECONDS = 60.0


@dataclass(frozen=True)
class Lab:
    """:param hosts: all hosts of the inventory by name. :param state: where the lab keeps its state."""

    hosts: Mapping[str, Host]
    state: State

    def addresses(self) -> dict[str, str]:
        """Name -> address of every host, and of the machine itself as ``controller``."""
        prefix = self.state.prefix()
        found = {name: hosts.address(prefix, host) for name, host in self.hosts.items()}
        return {**found, network.CONTROLLER: f"{prefix}.1"}

    # -- up and down -----------------------------------------------------------------------------------------------

    def up(self, chosen: Sequence[Host]) -> bool:
        """Make and start the chosen hosts, as far as they do not run as described. Whether anything was done."""
        begun = time.monotonic()
        with self.state.lock():
            machine = needed()
            names = images.ensure(machine, self.state.root, [host.image for host in chosen])
            built = time.monotonic()
            hosts.wait_alone()
            if not all(found.whole for found in hosts.containers(self.state).values()):
                say("hosts: removing what was killed")
                self._remove_all(machine)
            name = network.ensure(machine, self.state)
            self.state.make_key()
            wanted = self._prepare(machine, chosen, names, name)
            missing, down = self._reconcile(machine, chosen, wanted)
            new = [*missing, *down]
            if new:
                preflight(machine, self.state.root, len(new))
            if missing:
                say(f"hosts: making {_names(missing)}")
                # A run killed in the middle of this leaves names in podman's storage that it does not list.
                hosts.remove(machine, [host.name for host in missing])
                self._make_disks(missing)
                each(missing, lambda host: hosts.create(machine, *wanted[host.name]))
            for host in down:
                say(f"hosts: starting {host.name}")
                machine.podman("start", f"holdfast-{host.name}")
            each(new, lambda host: hosts.wait_ready(self.state, host))
            self._complete_disks(chosen)
            each(chosen, self._fill_disks)
            network.restore(self.state, [host.name for host in new], self.addresses())
            if new:
                self._wait_registered()
        if not new:
            say(f"lab: {len(chosen)} hosts run as described, nothing to do")
            return False
        used = [hosts.memory(self.state, host.name) >> 20 for host in chosen]
        say(
            f"lab: {len(new)} hosts started in {time.monotonic() - built:.1f} s (images: {built - begun:.1f} s); "
            f"memory per host {sum(used) / len(used):.0f} MB, at most {max(used)} MB"
        )
        return True

    def down(self) -> bool:
        """Remove all hosts, disks and the network; also what a killed run has left. Whether there was anything."""
        if not self.state.root.exists():
            say("lab: nothing is there")
            return False
        with self.state.lock():
            machine = needed()
            hosts.wait_alone()
            removed = self._remove_all(machine)
        if not any(removed):
            say("lab: nothing is there")
            return False
        say(f"lab: {removed[0]} hosts, {removed[1]} disks and the network removed; images and key stay")
        return True

    def _remove_all(self, machine: Machine) -> tuple[int, int, bool]:
        """How many hosts and disks there were, and whether there was a network."""
        present = hosts.containers(self.state)
        hosts.remove(machine, present)
        counts = len(present), disks.detach(self.state), network.remove(machine)
        self.state.forget()
        return counts

    def _prepare(
        self, machine: Machine, chosen: Sequence[Host], names: Mapping[str, str], network_name: str
    ) -> dict[str, tuple[list[str], str]]:
        """Write what the hosts read; host -> how it is made, and the hash of that.

        :param names: release -> name of its image.
        """
        wanted = {}
        for host in chosen:
            content = hosts.prepare(self.state, host, self.hosts, images.PRODUCTS)
            argv = hosts.creation(machine, self.state, host, self.hosts, names[host.image], network_name)
            wanted[host.name] = (argv, hashlib.sha256(json.dumps([argv, content]).encode()).hexdigest()[:12])
        known = [path for path in self.hosts if (self.state.host(path) / "host/files/etc/ssh").exists()]
        self.state.known_hosts.write_text("".join(hosts.known_host(self.state, self.hosts[name]) for name in known))
        return wanted

    def _reconcile(
        self, machine: Machine, chosen: Sequence[Host], wanted: Mapping[str, tuple[list[str], str]]
    ) -> tuple[list[Host], list[Host]]:
        """Remove hosts that are described no longer, or otherwise; those to be made, and those to be started."""
        present = hosts.containers(self.state)
        stale = [name for name, found in present.items() if name not in self.hosts]
        stale += [name for name, (_, config) in wanted.items() if name in present and present[name].config != config]
        if stale:
            say(f"hosts: removing {', '.join(stale)}, described otherwise by now")
            hosts.remove(machine, stale)
        missing = [host for host in chosen if host.name not in present or host.name in stale]
        running = {name for name, found in present.items() if found.running}
        return missing, [host for host in chosen if host not in missing and host.name not in running]

    # -- disks -----------------------------------------------------------------------------------------------------

    def _make_disks(self, chosen: Iterable[Host]) -> None:
        """Give hosts the disks that the inventory describes: empty, or as they were filled where nothing was written since."""
        for host in chosen:
            named = {disks.image(self.state, host.name, disk.name) for disk in host.disks}
            present = {path for path in disks.loops(self.state) if path.parent == self.state.disks(host.name)}
            disks.detach(self.state, present - named)
            disks.attach(self.state, host.name, host.disks)
            filled = self._filled(host)
            kept = {}
            for disk in host.disks:
                if filled.get(str(disk)) == disks.written(self.state, host.name, disk):
                    kept[str(disk)] = filled[str(disk)]
                else:
                    disks.empty(self.state, host.name, disk)
            self._note_filled(host, kept)
            disks.show(self.state, host.name)

    def _complete_disks(self, chosen: Iterable[Host]) -> None:
        """Give hosts back the disks that :meth:`plain` has taken; what the others carry stays."""
        attached = disks.loops(self.state)
        for host in chosen:
            lacking = [disk for disk in host.disks if disks.image(self.state, host.name, disk.name) not in attached]
            if lacking:
                disks.attach(self.state, host.name, lacking)
                self.show(host.name)

    def _fill_disks(self, host: Host) -> None:
        """Put the described content on those of a host's disks that do not carry it yet."""
        filled = self._filled(host)
        missing = [disk for disk in host.disks if str(disk) not in filled]
        for disk in missing:
            self.fill(host, disk)
            filled[str(disk)] = disks.written(self.state, host.name, disk)
        if missing:
            self._note_filled(host, filled)

    def _filled(self, host: Host) -> dict[str, int]:
        """The host's disks that carry what is described -> when they were written; a run may be killed before all do."""
        path = self.state.host(host.name) / "filled"
        return json.loads(path.read_text()) if path.exists() else {}

    def _note_filled(self, host: Host, filled: Mapping[str, int]) -> None:
        path = self.state.host(host.name) / "filled"
        path.with_suffix(".new").write_text(json.dumps(filled))
        path.with_suffix(".new").replace(path)

    def fill(self, host: Host, disk: Disk) -> None:
        """Put a disk's content on it, from inside the running host."""
        for argv in disks.filling(disk, disks.serial(host.name, disk.name)):
            hosts.inside(self.state, host.name, *argv)
        if disk.content == "partition":
            disks.rescan(self.state, host.name, disk)
            self.show(host.name)

    def show(self, host: str) -> None:
        """Let a running host see its disks as they are now."""
        disks.show(self.state, host)
        hosts.inside(self.state, host, f"{hosts.INSIDE}/devices")

    # -- reset and plain -------------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Bring every host back to the state of a new lab, in place; those that are down or unlike are made anew."""
        begun = time.monotonic()
        self._settle(list(self.hosts.values()))
        say(f"lab: reset in {time.monotonic() - begun:.1f} s")

    def plain(self) -> None:
        """Like reset, but every agent has one disk beside that of its system: empty, ``/dev/xvdf``."""
        begun = time.monotonic()
        one = Disk("xvdf", 2 << 40)
        self._settle(
            [
                dataclasses.replace(host, disks=(host.disks[0], one)) if host.group == AGENTS else host
                for host in self.hosts.values()
            ]
        )
        say(f"lab: reset in {time.monotonic() - begun:.1f} s, every agent with the one empty disk /dev/xvdf")

    def _settle(self, wanted: Sequence[Host]) -> None:
        with self.state.lock():
            present = hosts.intact(self.state)
            there = [host for host in wanted if host.name in present]
            if not there:
                raise LabError("no host runs: start the lab with `lab up`.")
            machine = needed()
            down = [host for host in there if hosts.pid(self.state, host.name) is None]
            for host in down:
                say(f"reset: starting {host.name}")
                machine.podman("start", f"holdfast-{host.name}")
            each(down, lambda host: hosts.wait_ready(self.state, host))
            network.mend_all(self.state, self.addresses())
            each(there, lambda host: hosts.inside(self.state, host.name, f"{hosts.INSIDE}/halt"))
            self._make_disks(there)
            each(there, lambda host: hosts.inside(self.state, host.name, f"{hosts.INSIDE}/devices"))
            each(there, self._fill_disks)
            each(there, lambda host: hosts.inside(self.state, host.name, f"{hosts.INSIDE}/pristine", "start"))
            self._wait_registered()

    # -- waiting and looking ---------------------------------------------------------------------------------------

    def _wait_registered(self) -> None:
        """Wait until the leading master shows every agent that runs.

        :raises LabError: not within REGISTERED_SECONDS; with the names.
        """
        running = [host for host in self.hosts.values() if hosts.pid(self.state, host.name) is not None]
        agents = {host.name for host in running if host.group == AGENTS and hosts.units(host, images.PRODUCTS)}
        masters = [host for host in running if host.group == MASTERS and hosts.units(host, images.PRODUCTS)]
        quorum = sum(host.group == MASTERS for host in self.hosts.values()) // 2 + 1
        if not agents or len(masters) < quorum:
            return
        where = self.addresses()
        deadline = time.monotonic() + REGISTERED_SECONDS
        seen: set[str] = set()
        while not agents <= seen:
            if time.monotonic() > deadline:
                raise LabError(
                    f"after {REGISTERED_SECONDS:.0f} s the leading master does not show {', '.join(sorted(agents - seen))}: see "
                    f"`python3 -m lab exec {min(agents - seen)} -- journalctl -u mesos-slave` and that of mesos-master on the masters."
                )
            time.sleep(0.2)
            for master in masters:
                seen |= registered(f"http://{where[master.name]}:5050/slaves")

    def status(self, chosen: Sequence[Host]) -> None:
        """Print a line for each host, and what is cut."""
        present = hosts.containers(self.state)
        for host in chosen:
            state, memory = "absent", ""
            if host.name in present:
                state = "running" if present[host.name].running else "down"
                state = state if present[host.name].whole else "broken"
            if state == "running":
                memory = f"{hosts.memory(self.state, host.name) >> 20} MB"
            there = [f"{node.name}:{node.sectors >> 21}G" for node in disks.look(self.state, host.name)]
            where = hosts.address(self.state.prefix(), host) if present else ""
            print(f"{host.name:8} {state:8} {where:15} {host.image:9} {memory:>7}  {' '.join(there)}".rstrip())
        print(f"cut: {network.listing(self.state)}")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Only the leading master's own answer counts; the others send the caller on."""

    def redirect_request(self, *_: object) -> None:
        return None


def registered(url: str) -> set[str]:
    """Host names of the active agents at a leading master; none from one that does not lead or answer."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect).open(url, timeout=2) as answer:
            return {agent["hostname"] for agent in json.load(answer)["slaves"] if agent["active"]}
    except (OSError, ValueError, urllib.error.URLError):
        return set()


def _names(chosen: Sequence[Host]) -> str:
    return chosen[0].name if len(chosen) == 1 else f"{len(chosen)} ({chosen[0].name} to {chosen[-1].name})"
