# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Plans a cluster of 1,000 agents in a process of its own, and prints seconds and memory as JSON, and what is too much.

With --framework its framework is at work, and every host is to contribute one disk more. The observations are as large as real
ones (8 kB each); making them counts for the memory and not for the time.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.stateful.benchmarks.services_1000 import with_framework
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import plan_cluster
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.wanted import normalise
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select

AGENTS = 1000
MOST_SECONDS = 1.0
MOST_MB = 200
DISKS = 12
# At this size a rollout one agent at a time would take half an hour by itself.
MAX_UNAVAILABLE = 10
EMPTY = {"select": "[?free && size_bytes > `1000000000000`].path", "count": "any"}


def observations(agents: int) -> list[dict[str, Any]]:
    """A cluster of bare, registered agents, each with a dozen disks, the first of them empty."""
    return [_observation(number, agents) for number in range(agents)]


def _observation(number: int, agents: int) -> dict[str, Any]:
    member, agent_id = f"agent{number:04d}", f"6a1f0c9e-0f5b-4d0e-9d61-3d2f6a7d6a10-S{number}"
    wanted = normalise(
        {
            "cluster": "scaleio",
            "state": "present",
            # A protection domain takes at most 128 SDSs.
            "sds": {f"engineering{number // 125}": {f"pool{number // 125}": EMPTY}},
            "sdc": None,
            "sdc_default": "last_sds_pool",
            "persona": None,
            "rack": f"r{number // 40:02d}",
            "allow_global_pool": False,
            "allow_work_loss": [],
            "max_unavailable": MAX_UNAVAILABLE,
            "expected_members": agents,
            "only_new": False,
            "method": "imperative",
            "global_pool_mixed": False,
            "global_pool_devices": [],
            "registration_timeout": 60.0,
            "masters": [f"http://10.0.0.{host}:5050" for host in (11, 12, 13)],
        }
    )
    disks = [
        {
            "path": f"/dev/sd{chr(ord('b') + disk)}",
            "names": [f"/dev/disk/by-id/scsi-3600508b1001c{number:08d}{disk:04d}"],
            "size_bytes": 2 * 10**12,
            "model": "ST2000NM0055",
            "serial": f"{number:08d}{disk:04d}",
            "rotational": True,
            "type": "disk",
            "parent": None,
            "taken": disk == 0,
            "taken_because": "fdisk lists it, and no path that blkid prints contains its name",
            "free": disk == 0,
            "free_because": ["no mount, swap, LVM, md, partition, signature or holder; opens exclusively"],
            "mounts": [] if disk == 0 else [f"/data/{disk}"],
            "signatures": [] if disk == 0 else ["xfs"],
            "holders": [],
            "children": [],
        }
        for disk in range(DISKS)
    ]
    unit = {"name": "mesos-slave.service", "load": "loaded", "active": "active", "sub": "running", "enabled": "enabled"}
    return {
        "schema": 1,
        "cluster": "scaleio",
        "member": member,
        "agent": {
            "packaging": "mesosphere",
            "wrapper": "/usr/bin/mesos-init-wrapper",
            "config_dir": "/etc/mesos-slave",
            "attributes_dir": "/etc/mesos-slave/attributes",
            "unit": {**unit, "restarts": 0, "main_pid": 4711, "exit_status": 0},
            "flags": {"work_dir": "/var/lib/mesos", "master": "zk://m1:2181,m2:2181,m3:2181/mesos", "hostname": member},
            "files": {"rack": f"r{number // 40:02d}"},
            "ignored_files": [],
            "obstacles": [],
            "running": {
                "agent_id": agent_id,
                "version": "1.11.0",
                "pid": f"slave(1)@10.1.{number // 250}.{number % 250}:5051",
                "hostname": member,
                "start_time": 1.0,
                "recovering": False,
                "attributes": {"rack": f"r{number // 40:02d}"},
                "policy": "equal",
                "pending_flags": {},
            },
            "running_error": None,
            "checkpoint": {
                "agent_id": agent_id,
                "rebooted": False,
                "attributes": [["rack", "TEXT", f"r{number // 40:02d}"]],
                "hostname": member,
                "port": 5051,
                "error": None,
            },
            "work": [],
        },
        "master": {
            "asked": [],
            "leader": "http://10.0.0.11:5050",
            "error": None,
            "connected": agents,
            "agents": [{"id": agent_id, "hostname": member, "pid": "", "active": True, "attributes": {}}],
        },
        "framework": {"offers": [disks[0]["path"]], "error": None},
        "devices": disks,
        "devices_error": None,
        "identity": None,
        "claim": None,
        "previous": None,
        "wanted": wanted,
    }


def peak() -> int:
    """The most memory that this program has held, in kB (proc(5), status): getrusage() counts whoever started it too."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmHWM:")[2].split()[0])


def too_much(seconds: float, peak_mb: int) -> list[str]:
    """A sentence for each limit that was exceeded."""
    found = []
    if seconds > MOST_SECONDS:
        found.append(
            f"planning {AGENTS} agents took {seconds:.2f} s, and may take {MOST_SECONDS:g} s on a quiet machine"
        )
    if peak_mb > MOST_MB:
        found.append(f"planning {AGENTS} agents took {peak_mb} MB, and may take {MOST_MB} MB")
    return found


def main() -> None:
    cluster = observations(AGENTS)
    if "--framework" in sys.argv[1:]:
        cluster = with_framework(cluster)
    size = sum(len(json.dumps(one)) for one in cluster) // AGENTS
    began = time.perf_counter()
    plan = plan_cluster("scaleio", cluster, select)
    seconds = time.perf_counter() - began
    peak_mb = peak() // 1024
    steps = sum(len(found) for phase in plan.phases for found in phase.steps.values())
    print(
        json.dumps(
            {
                "agents": AGENTS,
                "bytes_each": size,
                "phases": len(plan.phases),
                "steps": steps,
                "refused": list(plan.refused),
                "seconds": round(seconds, 3),
                "peak_mb": peak_mb,
                "too_much": too_much(seconds, peak_mb),
            }
        )
    )


if __name__ == "__main__":
    main()
