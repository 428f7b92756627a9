# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's command line: ``python3 -m lab COMMAND``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from lab import faults, hashes, hosts, images, inventory, machine
from lab.lifecycle import Lab
from lab.machine import LabError, say
from lab.state import State

Command = Callable[[Lab, argparse.Namespace], int]


def _up(lab: Lab, arguments: argparse.Namespace) -> int:
    lab.up(_selected(lab, arguments))
    return 0


def _down(lab: Lab, arguments: argparse.Namespace) -> int:
    lab.down()
    return 0


def _status(lab: Lab, arguments: argparse.Namespace) -> int:
    lab.status(_selected(lab, arguments))
    return 0


def _reset(lab: Lab, arguments: argparse.Namespace) -> int:
    lab.reset()
    return 0


def _plain(lab: Lab, arguments: argparse.Namespace) -> int:
    lab.plain()
    return 0


def _image(lab: Lab, arguments: argparse.Namespace) -> int:
    with lab.state.lock():
        for name in images.ensure(
            machine.needed(), lab.state.root, {host.image for host in lab.hosts.values()}
        ).values():
            print(name)
    return 0


def _exec(lab: Lab, arguments: argparse.Namespace) -> int:
    inventory.select(lab.hosts, [arguments.host])
    words = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    argv = hosts.entering(lab.state, arguments.host, *(words or ["/bin/bash"]))
    sys.stdout.flush()
    os.execvpe(argv[0], argv, hosts.environment() | {"TERM": os.environ.get("TERM", "dumb")})


def _ssh_config(lab: Lab, arguments: argparse.Namespace) -> int:
    for host in lab.hosts.values():
        print(f"Host {host.name}\n  HostName {hosts.address(lab.state.prefix(), host)}")
    print(f"Host {' '.join(lab.hosts)}\n  User ops\n  IdentityFile {lab.state.key}\n  IdentitiesOnly yes")
    print(f"  UserKnownHostsFile {lab.state.known_hosts}")
    return 0


def _hash(lab: Lab, arguments: argparse.Namespace) -> int:
    for host in _selected(lab, arguments):
        print(host.name, hashes.of(lab.state, host.name))
    return 0


def _fault(work: Callable[..., str], *names: str) -> Command:
    """A command that changes the lab: its arguments in order, its sentence as progress."""

    def run(lab: Lab, arguments: argparse.Namespace) -> int:
        with lab.state.lock():
            say(work(lab, *(getattr(arguments, name) for name in names)))
        return 0

    return run


def _selected(lab: Lab, arguments: argparse.Namespace) -> list[inventory.Host]:
    groups = arguments.groups.split(",") if arguments.groups else []
    return inventory.select(lab.hosts, arguments.hosts, groups)


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    whole = argparse.ArgumentParser(
        prog="python3 -m lab", description="Hosts to try things on; inventories/lab describes them."
    )
    commands = whole.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, run: Command, text: str, *arguments: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        for argument in arguments:
            command.add_argument(argument)
        return command

    def add_selecting(name: str, run: Command, text: str) -> None:
        command = add(name, run, text)
        command.add_argument("hosts", nargs="*", metavar="HOST", help="without any: all")
        command.add_argument("--groups", metavar="GROUP,...", help="all hosts of these groups as well")

    add_selecting("up", _up, "make and start hosts, as far as they do not run as described")
    add("down", _down, "remove hosts, disks and network")
    add_selecting("status", _status, "print what is there")
    add("reset", _reset, "bring all hosts back to the state of a new lab, in place")
    add("plain", _plain, "like reset, but every agent has one disk, /dev/xvdf")
    add("image", _image, "build the images, if they are missing, and print their names")
    command = add("exec", _exec, "run a command in a host as root, not over SSH", "host")
    command.add_argument("command", nargs=argparse.REMAINDER, help="without any: a shell")
    add("ssh-config", _ssh_config, "print an ssh_config for the hosts")
    add_selecting("hash", _hash, "print a hash of each host's settings, state and disks")
    add(
        "kill",
        _fault(faults.kill, "host", "pattern"),
        "end processes with SIGKILL by their command line",
        "host",
        "pattern",
    )
    add("stop", _fault(faults.stop, "host"), "shut a host down in good order", "host")
    add("crash", _fault(faults.crash, "host"), "end a host as a power cut does", "host")
    add("start", _fault(faults.start, "host"), "start a host that is down", "host")
    add("cut", _fault(faults.cut, "one", "other"), "cut two hosts apart (or one and `controller`)", "one", "other")
    add("mend", _fault(faults.mend, "one", "other"), "undo a cut", "one", "other")
    command = add(
        "disk-add", _fault(faults.disk_add, "host", "device", "size", "fs"), "add a disk", "host", "device", "size"
    )
    command.add_argument(
        "--fs", choices=inventory.CONTENTS, default="empty", help="what is on it (default: %(default)s)"
    )
    add("disk-remove", _fault(faults.disk_remove, "host", "device"), "take a disk away", "host", "device")
    add("disk-fill", _fault(faults.disk_fill, "host", "directory"), "leave no room in a directory", "host", "directory")
    add("disk-free", _fault(faults.disk_free, "host", "directory"), "undo disk-fill", "host", "directory")
    return whole


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    arguments = parser().parse_args(argv)
    try:
        machine.rights()
        status: int = arguments.run(Lab(inventory.load(), State.default()), arguments)
        return status
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
