# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""State of systemd units and of the processes that they run."""

from __future__ import annotations

import ipaddress
import sys
from collections.abc import Mapping
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import HoldfastError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine

_PROPERTIES = ("LoadState", "ActiveState", "SubState", "UnitFileState", "NRestarts", "MainPID", "ExecMainStatus")
# TCP_LISTEN of the kernel's include/net/tcp_states.h.
_LISTEN = "0A"


def show(machine: Machine, unit: str, *more: str) -> dict[str, str]:
    """The properties that :func:`state` reads and ``more`` of a unit (systemctl(1), show): one call, also for units that
    do not exist. Lines of a property that systemd prints repeatedly are joined."""
    asked = f"--property={','.join((*_PROPERTIES, *more))}"
    values: dict[str, str] = {}
    for line in machine.run(["systemctl", "show", unit, asked], deadline=15).stdout.splitlines():
        name, _equals, value = line.partition("=")
        values[name] = f"{values[name]}\n{value}" if name in values else value
    return values


def state(unit: str, shown: Mapping[str, str]) -> dict[str, Any]:
    """What :func:`show` says of a unit's state.

    :returns: ``name``, ``load``, ``active``, ``sub``, ``enabled``, ``restarts``, ``main_pid``, ``exit_status``.
    """
    return {
        "name": unit,
        "load": shown.get("LoadState", ""),
        "active": shown.get("ActiveState", ""),
        "sub": shown.get("SubState", ""),
        "enabled": shown.get("UnitFileState", ""),
        "restarts": _number(shown.get("NRestarts")),
        "main_pid": _number(shown.get("MainPID")),
        "exit_status": _number(shown.get("ExecMainStatus")),
    }


def observe_unit(machine: Machine, unit: str) -> dict[str, Any]:
    """The :func:`state` of a unit."""
    return state(unit, show(machine, unit))


def listening(machine: Machine, pid: int) -> list[tuple[str, int]] | None:
    """Addresses and TCP ports at which a process itself listens (proc(5), fd and net/tcp); None where nobody lets us
    see its files, or it is gone."""
    try:
        files = machine.names(f"/proc/{pid}/fd")
        held = {machine.real(f"/proc/{pid}/fd/{name}").rpartition("/")[2] for name in files}
        tables = [machine.read(f"/proc/{pid}/net/{table}") for table in ("tcp", "tcp6")]
    except OSError:
        return None
    if not held or tables[0] is None:
        return None
    found = []
    for line in b"".join(table or b"" for table in tables).decode("ascii").splitlines():
        words = line.split()
        if len(words) > 9 and words[3] == _LISTEN and f"socket:[{words[9]}]" in held:
            address, _colon, port = words[1].partition(":")
            found.append((_address(address), int(port, 16)))
    return found


def _address(hexadecimal: str) -> str:
    """The kernel prints addresses as words of 32 bits in its own byte order."""
    words = [int(hexadecimal[at : at + 8], 16) for at in range(0, len(hexadecimal), 8)]
    return str(ipaddress.ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words)))


def change_unit(machine: Machine, verb: str, unit: str, *, deadline: float = 90.0) -> None:
    """start, stop, restart or enable a unit, and see that systemd agrees afterwards.

    :raises HoldfastError: systemd refused, or the unit is not in the state that was asked for.
    """
    machine.run(["systemctl", verb, unit], deadline=deadline)
    now = observe_unit(machine, unit)
    expected = {"stop": ("inactive", "failed"), "enable": None}.get(verb, ("active", "activating", "reloading"))
    if verb == "enable" and now["enabled"] not in ("enabled", "enabled-runtime"):
        raise HoldfastError(f"systemctl enable left {unit} {now['enabled']}", todo="look at the unit's Install section")
    if expected is not None and now["active"] not in expected:
        raise HoldfastError(
            f"systemctl {verb} left {unit} {now['active']} ({now['sub']})", todo=f"look at: journalctl -u {unit}"
        )


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
