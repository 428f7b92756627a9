# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Observations as tables want them: everything as on a healthy, registered agent, but for what a test names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model as mesos
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.wanted import normalise

MASTERS = ("http://m1:5050", "http://m2:5050", "http://m3:5050")
DIRECTORY = "/etc/mesos-slave/attributes"
TB = 10**12
# The article's node: one pool of one disk.
QE = {"engineering": {"qe": ["/dev/xvdf"]}}
QE_FILES = {
    "scaleio-sds-domains": "engineering",
    "scaleio-sds-engineering": "qe",
    "scaleio-sds-qe": "/dev/xvdf",
    "scaleio-sdc-domains": "engineering",
    "scaleio-sdc-engineering": "qe",
}


def disk(path: str = "/dev/xvdf", **changes: Any) -> dict[str, Any]:
    """An empty disk of 2 TB."""
    return {
        "path": path,
        "names": [f"/dev/disk/by-id/scsi-{path.rpartition('/')[2]}"],
        "size_bytes": 2 * TB,
        "model": "DISK",
        "serial": path.rpartition("/")[2],
        "rotational": True,
        "type": "disk",
        "parent": None,
        "taken": True,
        "taken_because": "fdisk lists it and no path in blkid's output contains its name",
        "free": True,
        "free_because": ["no mount, swap, LVM, md, partition, signature or holder; opens exclusively"],
        "mounts": [],
        "signatures": [],
        "holders": [],
        "children": [],
        **changes,
    }


def used_disk(path: str, **uses: Any) -> dict[str, Any]:
    """A disk with somebody's data on it."""
    return disk(path, taken=False, free=False, free_because=["in use"], **uses)


def wanted(**params: Any) -> dict[str, Any]:
    """A normalised declaration: the article's, but for the parameters named."""
    return normalise(
        {
            "state": "present",
            "sds": QE,
            "sdc": None,
            "sdc_default": "last_sds_pool",
            "persona": None,
            "cluster": "scaleio",
            "rack": "",
            "allow_global_pool": False,
            "allow_work_loss": [],
            "method": "imperative",
            "global_pool_mixed": False,
            "global_pool_devices": [],
            "max_unavailable": 1,
            "expected_members": 0,
            "only_new": False,
            "registration_timeout": 60.0,
            "masters": list(MASTERS),
            **params,
        }
    )


def parsed(attributes: Mapping[str, str]) -> list[list[Any]]:
    """Attributes as a checkpoint holds them."""
    return [attribute.to_json() for attribute in mesos.parse_files(attributes)]


def agent(
    files: Mapping[str, str] | None = None,
    *,
    running: Mapping[str, str] | None = None,
    original: Mapping[str, str] | None = None,
    agent_id: str | None = "S1",
    up: bool = True,
    **changes: Any,
) -> dict[str, Any]:
    """The ``agent`` part.

    :param files: attribute files on disk.
    :param running: what the running agent has; the files by default.
    :param original: what it first registered with; what it runs with by default.
    :param up: whether it runs.
    """
    files = dict(files or {})
    running = files if running is None else running
    original = running if original is None else original
    state = mesos.state_of(mesos.parse_files(running))
    return {
        "packaging": "mesosphere",
        "wrapper": "/usr/bin/mesos-init-wrapper",
        "config_dir": "/etc/mesos-slave",
        "attributes_dir": DIRECTORY,
        "unit": {
            "name": "mesos-slave.service",
            "load": "loaded",
            "active": "active" if up else "inactive",
            "sub": "running" if up else "dead",
            "enabled": "enabled",
            "restarts": 0,
            "main_pid": 1 if up else 0,
            "exit_status": 0,
        },
        "flags": {"work_dir": "/var/lib/mesos", "master": "zk://m1:2181,m2:2181,m3:2181/mesos"},
        "files": files,
        "ignored_files": [],
        "obstacles": [],
        "running": (
            {
                "agent_id": agent_id or "",
                "version": "1.11.0",
                "pid": "slave(1)@10.0.0.11:5051",
                "hostname": "host",
                "start_time": 1.0,
                "recovering": False,
                "attributes": state,
                "policy": "equal",
                "pending_flags": {},
            }
            if up
            else None
        ),
        "running_error": None,
        "running_refused": False,
        "checkpoint": {
            "agent_id": agent_id,
            "boot_id": None if agent_id is None else "b1",
            "rebooted": False,
            "attributes": None if agent_id is None else parsed(original),
            "hostname": "",
            "port": 5051,
            "error": None,
        },
        "work": [],
        **changes,
    }


def observation(member: str = "agent01", **changes: Any) -> dict[str, Any]:
    """A whole observation. A bare, registered agent that wants the article's layout; ``changes`` replace its parts."""
    part = changes.pop("agent", None) or agent({"rack": "r1"})
    running = part["running"]
    entries = []
    if running is not None and running["agent_id"]:
        entries = [
            {
                "id": running["agent_id"],
                "hostname": member,
                "pid": running["pid"],
                "active": True,
                "attributes": running["attributes"],
            }
        ]
    return {
        "schema": 1,
        "cluster": "scaleio",
        "member": member,
        "agent": part,
        "master": {
            "asked": list(MASTERS),
            "leader": MASTERS[0],
            "error": None,
            "connected": 1,
            "agents": changes.pop("entries", entries),
        },
        "devices": [disk("/dev/xvdf")],
        "devices_error": None,
        "framework": {"offers": ["/dev/xvdf"], "error": None},
        "identity": None,
        "claim": None,
        "previous": None,
        "wanted": wanted(),
        **changes,
    }


def unseen(member: str, why: str = "no route to host") -> dict[str, Any]:
    """A member that could not be observed."""
    return {"cluster": "scaleio", "member": member, "unreachable": why}
