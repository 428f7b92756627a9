# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""State of systemd units."""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import HoldfastError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine

_PROPERTIES = ("LoadState", "ActiveState", "SubState", "UnitFileState", "NRestarts", "MainPID", "ExecMainStatus")


def observe_unit(machine: Machine, unit: str) -> dict[str, Any]:
    """What systemd says of a unit (systemctl(1), show): one call, also for units that do not exist.

    :returns: ``name``, ``load``, ``active``, ``sub``, ``enabled``, ``restarts``, ``main_pid``, ``exit_status``.
    """
    shown = machine.run(["systemctl", "show", unit, f"--property={','.join(_PROPERTIES)}"], deadline=15).stdout
    values = dict(line.partition("=")[::2] for line in shown.splitlines())
    return {
        "name": unit,
        "load": values.get("LoadState", ""),
        "active": values.get("ActiveState", ""),
        "sub": values.get("SubState", ""),
        "enabled": values.get("UnitFileState", ""),
        "restarts": _number(values.get("NRestarts")),
        "main_pid": _number(values.get("MainPID")),
        "exit_status": _number(values.get("ExecMainStatus")),
    }


def change_unit(machine: Machine, verb: str, unit: str, *, deadline: float = 90.0) -> None:
    """start, stop, restart or enable a unit, and see that systemd agrees afterwards.

    :raises HoldfastError: systemd refused, or the unit is not in the state that was asked for.
    """
    machine.run(["systemctl", verb, unit], deadline=deadline)
    state = observe_unit(machine, unit)
    expected = {"stop": ("inactive", "failed"), "enable": None}.get(verb, ("active", "activating", "reloading"))
    if verb == "enable" and state["enabled"] not in ("enabled", "enabled-runtime"):
        raise HoldfastError(
            f"systemctl enable left {unit} {state['enabled']}", todo="look at the unit's Install section"
        )
    if expected is not None and state["active"] not in expected:
        raise HoldfastError(
            f"systemctl {verb} left {unit} {state['active']} ({state['sub']})", todo=f"look at: journalctl -u {unit}"
        )


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
