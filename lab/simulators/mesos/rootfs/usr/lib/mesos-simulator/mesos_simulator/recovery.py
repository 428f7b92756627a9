# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an agent makes of its checkpoint at a start (mesos 1.11.0 src/slave/state.cpp, src/slave/slave.cpp: recover)."""

from __future__ import annotations

import os
from typing import Any

from mesos_simulator import checkpoint, compatibility
from mesos_simulator.log import log


class RecoveryFailed(Exception):
    """The agent ends with status 1; the message follows "Failed to perform recovery: "."""


def recover(paths: checkpoint.Paths, info: dict[str, Any], policy: str, strict: bool, boot_id: str) -> str | None:
    """The agent ID to keep, or None for a new one.

    `info` is what the flags say now, without an ID. Blocks while boot_id cannot be read (recorded case "while recovering").
    """
    log.info("state.cpp:68", f"Recovering state from '{paths.meta}'")
    rebooted = os.path.isdir(paths.meta) and _report_state(paths, boot_id)
    old = _latest(paths, strict)
    log.info("slave.cpp:7742", f"Finished recovering checkpointed state from '{paths.meta}', beginning agent recovery")
    if old is None:
        return None
    check = compatibility.additive if policy == "additive" else compatibility.equal
    reason = check(old, {**info, "id": old["id"]})
    if reason is None:
        return str(old["id"]["value"])
    if not rebooted:
        raise RecoveryFailed(reason)
    log.warning("slave.cpp:7961", f"Falling back to recover as a new agent due to error: {reason}")
    os.unlink(paths.latest)
    return None


def _report_state(paths: checkpoint.Paths, boot_id: str) -> bool:
    """Says what the checkpoint holds beside the agent's information; whether the host was rebooted since."""
    if not os.path.exists(paths.resources):
        operations = os.path.join(os.path.dirname(paths.resources), "resources_and_operations.state")
        log.info("state.cpp:913", f"No committed checkpointed resources and operations found at '{operations}'")
        log.info("state.cpp:919", f"No committed checkpointed resources found at '{paths.resources}'")
    rebooted = checkpoint.rebooted(paths, boot_id)
    if rebooted:
        log.info("state.cpp:100", "Agent host rebooted")
    return rebooted


def _latest(paths: checkpoint.Paths, strict: bool) -> dict[str, Any] | None:
    """The SlaveInfo that meta/slaves/latest leads to; a plain directory in the place of the link will do (case l9)."""
    if not os.path.lexists(paths.latest):
        if os.path.isdir(paths.meta):
            log.info("state.cpp:112", f"Failed to find the latest agent from '{paths.meta}'")
        return None
    if not os.path.isdir(paths.latest):
        raise RecoveryFailed("Failed to find latest agent: No such file or directory")  # case l2
    try:
        return checkpoint.read_slave_info(os.path.join(os.path.realpath(paths.latest), "slave.info"))
    except checkpoint.CorruptCheckpoint as error:
        if strict:
            raise RecoveryFailed(str(error)) from None
        log.warning("state.cpp:160", str(error))
        return None


def advice(work_dir: str) -> str:
    """The closing text after every failed recovery (slave.cpp: __recover; recorded case e1)."""
    latest = os.path.join(work_dir, "meta", "slaves", "latest")
    return (
        "If recovery failed due to a change in configuration and you want to\n"
        "keep the current agent id, you might want to change the\n"
        "`--reconfiguration_policy` flag to a more permissive value.\n"
        "\n"
        "To restart this agent with a new agent id instead, do as follows:\n"
        f"rm -f {latest}\n"
        "This ensures that the agent does not recover old live executors.\n"
        "\n"
        "If you use the Docker containerizer and think that the Docker\n"
        "daemon state is broken, you can try to clear it. But be careful:\n"
        "these commands will erase all containers and images from this host,\n"
        "not just those started by Mesos!\n"
        "docker kill $(docker ps -q)\n"
        "docker rm $(docker ps -a -q)\n"
        "docker rmi $(docker images -q)\n"
        "\n"
        "Finally, restart the agent."
    )
