# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""One host: what it is made of, and running, reaching and ending it."""

from __future__ import annotations

import hashlib
import json
import resource
import socket
import subprocess
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import disks, services
from lab.inventory import AGENTS, MASTERS, Host
from lab.machine import LabError, Machine, run
from lab.state import State

LABEL = "holdfast.lab"
INSIDE = "/usr/lib/holdfast-lab"

READY_SECONDS = 60.0
ORPHAN_SECONDS = 30.0

# The daemon of each group, by the stem of its unit; a spare host is set up like an agent that never started.
_DAEMONS = {MASTERS: "master", AGENTS: "slave"}


@dataclass(frozen=True)
class Container:
    """A host as podman has it.

    :param state: podman's word. :param config: hash of all that the host was made from.
    :param alive: its first process is there.
    """

    name: str
    state: str
    config: str
    alive: bool

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def whole(self) -> bool:
        """Whether it was made to the end, and podman knows how it is.

        A run that was killed leaves the half of a host. One that was killed together with podman's monitor counts as running for ever.
        """
        return self.alive if self.running else self.state in ("exited", "stopped", "paused")


def containers(state: State) -> dict[str, Container]:
    """The lab's hosts that exist, by host name.

    :raises LabError: their names are taken by a lab with another state.
    """
    found = {}
    for entry in json.loads(run("podman", "ps", "--all", "--filter", f"label={LABEL}", "--format", "json")):
        labels = entry["Labels"]
        if labels[LABEL] != str(state.root):
            raise LabError(
                f"{entry['Names'][0]} belongs to the lab whose state is in {labels[LABEL]}, and both use the same names: "
                f"end that one with `HOLDFAST_LAB_STATE={labels[LABEL]} python3 -m lab down`."
            )
        name = entry["Names"][0].removeprefix("holdfast-")
        alive = pid(state, name) is not None
        found[name] = Container(name, entry["State"], labels.get("holdfast.config", ""), alive)
    return found


def intact(state: State) -> dict[str, Container]:
    """The same, for work that goes on with the hosts as they are.

    :raises LabError: some cannot be started or stopped any more.
    """
    found = containers(state)
    broken = sorted(name for name, container in found.items() if not container.whole)
    if broken:
        raise LabError(
            f"{', '.join(broken)}: half made, or ended together with podman's monitor: `lab up` removes and makes them anew."
        )
    return found


# -- what a host is made of ----------------------------------------------------------------------------------------


def address(prefix: str, host: Host) -> str:
    """A host's address."""
    return f"{prefix}.{host.octet}"


def files(host: Host, hosts: Mapping[str, Host], prefix: str) -> dict[str, str]:
    """The files that make a host a member of this lab: path -> content, keys apart.

    The product's settings are those of Mesos packages: one file for each flag, one directory for each daemon
    (mesos-deb-packaging, mesos-init-wrapper).
    """
    masters = [name for name, other in hosts.items() if other.group == MASTERS]
    daemon = _DAEMONS.get(host.group, "slave")
    settings = {"work_dir": "/var/lib/mesos", "ip": address(prefix, host), "hostname": host.name}
    if daemon == "master":
        settings["quorum"] = str(len(masters) // 2 + 1)
    made = {f"etc/mesos-{daemon}/{name}": f"{value}\n" for name, value in settings.items()}
    made["etc/mesos/zk"] = "zk://" + ",".join(f"{name}:2181" for name in masters) + "/mesos\n"
    made |= services.files(host, hosts, {name: address(prefix, other) for name, other in hosts.items()})
    made["etc/machine-id"] = uuid.uuid5(uuid.NAMESPACE_DNS, f"{host.name}.holdfast-lab").hex + "\n"
    return made


def units(host: Host, product: Iterable[Path]) -> list[str]:
    """The units that are enabled and started on a host, as far as the product has them.

    :param product: the directories that were copied into the image.
    """
    stems = [f"mesos-{_DAEMONS[host.group]}"] if host.group in _DAEMONS else []
    wanted = [f"{stem}.service" for stem in (*stems, *host.services)]
    return [unit for unit in wanted if any((tree / "usr/lib/systemd/system" / unit).exists() for tree in product)]


def creation(
    machine: Machine, state: State, host: Host, hosts: Mapping[str, Host], image: str, network: str
) -> list[str]:
    """The arguments of ``podman`` that make and start a host."""
    prefix = state.prefix()
    folder = state.host(host.name)
    argv = [
        "run",
        "--detach",
        # What a killed creation has left keeps the name taken.
        "--replace",
        "--name",
        f"holdfast-{host.name}",
        "--hostname",
        host.name,
        "--label",
        f"{LABEL}={state.root}",
    ]
    argv += ["--systemd=always", "--network", network, "--ip", address(prefix, host)]
    # The same after every start, so that the peers' ARP tables stay true.
    argv += ["--mac-address", f"02:68:66:00:00:{host.octet:02x}"]
    argv += ["--pidfile", str(folder / "pid")]
    # SYS_ADMIN: mounts. NET_ADMIN: cutting. MKNOD and the rules: disks that come and go (7: loop devices, 259: their partitions).
    argv += [
        "--cap-add",
        "SYS_ADMIN,NET_ADMIN,MKNOD",
        "--device-cgroup-rule",
        "b 7:* rwm",
        "--device-cgroup-rule",
        "b 259:* rwm",
    ]
    argv += ["--security-opt", "unmask=ALL", "--security-opt", "label=disable"]
    if machine.apparmor:
        argv += ["--security-opt", "apparmor=unconfined"]
    for name, wanted in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        limit = _limit({"nofile": 20000, "nproc": 4000}[name], resource.getrlimit(wanted)[1])
        argv += ["--ulimit", f"{name}={limit}:{limit}"]
    for other in hosts.values():
        argv += ["--add-host", f"{other.name}:{address(prefix, other)}"]
    for place in disks.SYSFS:
        argv += ["--volume", f"{folder}/sys/{place}:/sys/{place}:ro"]
    argv += ["--volume", f"{folder}/host:{INSIDE}/host:ro"]
    # podman would put a file system in memory there: the journal is to outlive a crash, and not to count as memory.
    argv += ["--volume", f"{folder}/journal:/var/log/journal"]
    return [*argv, image, f"{INSIDE}/init"]


def _limit(wanted: int, hard: int) -> int:
    """Without CAP_SYS_RESOURCE nothing above the hard limit is granted."""
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)


def prepare(state: State, host: Host, hosts: Mapping[str, Host], product: Sequence[Path]) -> str:
    """Write all that a host reads from the lab, but for its disks.

    :returns: a hash of what was written, keys apart.
    """
    folder = state.host(host.name) / "host"
    keys = folder / "files/etc/ssh"
    keys.mkdir(parents=True, exist_ok=True)
    (state.host(host.name) / "journal").mkdir(exist_ok=True)
    if not (keys / "ssh_host_ed25519_key").exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name, "-f", keys / "ssh_host_ed25519_key")
    content = {f"files/{path}": text for path, text in files(host, hosts, state.prefix()).items()}
    content |= {"name": f"{host.name}\n", "units": "".join(f"{unit}\n" for unit in units(host, product))}
    content["files/home/ops/.ssh/authorized_keys"] = state.key.with_suffix(".pub").read_text()
    for path, text in content.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    services.certify(host, address(state.prefix(), host), state.root, folder / "files")
    for path in services.SECRETS:
        if (folder / "files" / path).exists():
            (folder / "files" / path).chmod(0o600)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def known_host(state: State, host: Host) -> str:
    """A host's line in a known_hosts file (sshd(8))."""
    key = (state.host(host.name) / "host/files/etc/ssh/ssh_host_ed25519_key.pub").read_text().split()[:2]
    return f"{host.name},{address(state.prefix(), host)} {' '.join(key)}\n"


# -- running and ending --------------------------------------------------------------------------------------------


def wait_alone() -> None:
    """Wait until podman has ended what a killed run of the lab had begun.

    :raises LabError: not within ORPHAN_SECONDS.
    """
    deadline = time.monotonic() + ORPHAN_SECONDS
    while orphans := [number for number, words in _processes() if words[:1] == ["podman"] and _ours(words)]:
        if time.monotonic() > deadline:
            raise LabError(
                f"podman still works on the lab's hosts, begun by a run that is gone (process {orphans[0]}): end it with `kill {orphans[0]}`."
            )
        time.sleep(0.1)


def _ours(words: Sequence[str]) -> bool:
    return any(word.startswith("holdfast-") for word in words) and "exec" not in words


def _processes() -> Iterator[tuple[int, list[str]]]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            yield int(folder.name), (folder / "cmdline").read_text(errors="replace").split("\0")
        except OSError:
            continue  # it has ended meanwhile


def create(machine: Machine, argv: Sequence[str], config: str) -> None:
    """Make and start a host."""
    machine.podman(argv[0], "--label", f"holdfast.config={config}", *argv[1:])


def remove(machine: Machine, names: Iterable[str]) -> None:
    """Remove hosts with all that is in them."""
    chosen = [f"holdfast-{name}" for name in names]
    if chosen:
        machine.podman("rm", "--force", "--ignore", "--time", "0", "--volumes", *chosen)


def wait_ready(state: State, host: Host) -> None:
    """Wait until a host has booted and answers on SSH.

    :raises LabError: not within READY_SECONDS.
    """
    deadline = time.monotonic() + READY_SECONDS
    while not _greets(address(state.prefix(), host)):
        if time.monotonic() > deadline:
            raise LabError(
                f"{host.name} does not answer on SSH after {READY_SECONDS:.0f} s: see "
                f"`python3 -m lab exec {host.name} -- journalctl -b` and `podman logs holdfast-{host.name}`."
            )
        time.sleep(0.1)
    # Users are let in, and the product was started, only at the end of the boot. A failed unit is not this command's business.
    inside(state, host.name, "sh", "-c", f"timeout {READY_SECONDS:.0f} systemctl is-system-running --wait || true")


def _greets(where: str) -> bool:
    try:
        with socket.create_connection((where, 22), timeout=1) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def pid(state: State, name: str) -> int | None:
    """The first process of a running host, as the machine numbers it; None when the host is down."""
    try:
        number = int((state.host(name) / "pid").read_text())
        # The number may meanwhile be another process's.
        inside = Path(f"/proc/{number}/root{INSIDE}/host/name").read_text().strip()
    except (OSError, ValueError):
        return None
    return number if inside == name else None


def root(state: State, name: str) -> Path:
    """A running host's root directory, as the machine sees it. Links in it are the host's, not to be followed from here.

    :raises LabError: the host is down.
    """
    return Path(f"/proc/{_pid(state, name)}/root")


def _pid(state: State, name: str) -> int:
    number = pid(state, name)
    if number is None:
        raise LabError(f"{name} is not running: start it with `lab start {name}`, or `lab up` if it was never made.")
    return number


def entering(state: State, name: str, *argv: str) -> list[str]:
    """The command that runs another one inside a host, as its root."""
    where = ["nsenter", "--target", str(_pid(state, name)), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup"]
    return [*where, "--", *argv]


def environment() -> dict[str, str]:
    """What a command inside a host finds in its environment."""
    return {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}


def inside(state: State, name: str, *argv: str, good: Sequence[int] = (0,)) -> str:
    """Run a command inside a host; what it printed.

    :param good: exit statuses that are no failure.
    :raises LabError: the host is down, or the command failed.
    """
    done = subprocess.run(
        entering(state, name, *argv),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment(),
        check=False,
    )
    if done.returncode not in good:
        last = "\n".join((done.stderr or done.stdout).strip().splitlines()[-15:])
        raise LabError(f"{name}: `{' '.join(argv)}` ended with status {done.returncode}:\n{last}")
    return done.stdout


def memory(state: State, name: str) -> int:
    """Bytes that a running host cannot do without: its cgroup's use, less file pages that nobody touched lately."""
    return memory_of(Path(f"/proc/{_pid(state, name)}/cgroup").read_text(), Path("/sys/fs/cgroup"))


def memory_of(membership: str, tree: Path) -> int:
    """The same from the cgroups of a process (cgroups(7)) and the place where they are mounted."""
    # v1 has a line for its memory hierarchy, v2 one line without names; a hybrid layout has both, and counts in v1.
    groups: dict[str, str] = {}
    for line in membership.splitlines():
        _, controllers, path = line.split(":", 2)
        groups |= dict.fromkeys(controllers.split(","), path)
    v1 = "memory" in groups
    # systemd moves itself into init.scope, below the host's own group.
    folder = tree / ("memory" if v1 else ".") / groups["memory" if v1 else ""].removesuffix("/init.scope").lstrip("/")
    used = int((folder / ("memory.usage_in_bytes" if v1 else "memory.current")).read_text())
    stats = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    return used - int(stats["total_inactive_file" if v1 else "inactive_file"])
