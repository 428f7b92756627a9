# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an agent makes of its checkpoint at a start (mesos 1.11.0 src/slave/state.cpp, src/slave/slave.cpp: recover)."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from mesos_simulator import checkpoint, checkpointed_work, compatibility, resources
from mesos_simulator.log import log


class RecoveryFailed(Exception):
    """The agent ends with status 1; the message follows "Failed to perform recovery: "."""


class Recovered(NamedTuple):
    """What an agent starts with; without an ID to keep there are no frameworks either."""

    agent_id: str | None
    reserved: list[dict[str, Any]]
    frameworks: list[checkpointed_work.RecoveredFramework]


def recover(paths: checkpoint.Paths, info: dict[str, Any], policy: str, strict: bool, boot_id: str) -> Recovered:
    """What is checkpointed and still fits; RecoveryFailed where the product ends.

    `info` is what the flags say now, without an ID. Blocks while boot_id cannot be read (recorded case "while recovering").
    """
    log.info("state.cpp:68", f"Recovering state from '{paths.meta}'")
    try:
        state = _read(paths, checkpoint.Reader(strict), boot_id)
    except checkpoint.CorruptCheckpoint as error:
        raise RecoveryFailed(str(error)) from None
    log.info("slave.cpp:7742", f"Finished recovering checkpointed state from '{paths.meta}', beginning agent recovery")
    try:
        resources.apply_reservations(info["resources"], state.reserved)
    except resources.InvalidResources as error:
        own, reserved = resources.display(info["resources"]), resources.display(state.reserved)
        text = f"Checkpointed resources {reserved} are incompatible with agent resources {own}: {error}"
        raise RecoveryFailed(text) from None
    if state.old is None:
        return Recovered(None, state.reserved, [])
    check = compatibility.additive if policy == "additive" else compatibility.equal
    reason = check(state.old, {**info, "id": state.old["id"]})
    if reason is None:
        return Recovered(state.old["id"]["value"], state.reserved, state.frameworks)
    if not state.rebooted:
        raise RecoveryFailed(reason)
    log.warning("slave.cpp:7961", f"Falling back to recover as a new agent due to error: {reason}")
    os.unlink(paths.latest)
    return Recovered(None, state.reserved, [])


class _State(NamedTuple):
    """What is on disk (src/slave/state.hpp: State)."""

    reserved: list[dict[str, Any]]
    rebooted: bool
    old: dict[str, Any] | None
    frameworks: list[checkpointed_work.RecoveredFramework]


def _read(paths: checkpoint.Paths, reader: checkpoint.Reader, boot_id: str) -> _State:
    """Resources first, whatever becomes of the rest (state.cpp: recover)."""
    if not os.path.isdir(paths.meta):
        return _State([], False, None, [])
    reserved = checkpoint.read_resources(paths, reader)
    rebooted = checkpoint.rebooted(paths, boot_id)
    if rebooted:
        log.info("state.cpp:100", "Agent host rebooted")
    directory = _latest(paths)
    old = directory and reader.one("SlaveInfo", os.path.join(directory, "slave.info"), "agent info")
    if not directory or not old:
        return _State(reserved, rebooted, None, [])
    frameworks = checkpointed_work.read(paths, os.path.basename(directory), reader, rebooted)
    return _State(reserved, rebooted, old, frameworks)


def _latest(paths: checkpoint.Paths) -> str | None:
    """Where meta/slaves/latest leads to; a plain directory in the place of the link will do (case l9)."""
    if not os.path.lexists(paths.latest):
        log.info("state.cpp:112", f"Failed to find the latest agent from '{paths.meta}'")
        return None
    if not os.path.isdir(paths.latest):
        raise RecoveryFailed("Failed to find latest agent: No such file or directory")  # case l2
    return os.path.realpath(paths.latest)


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
