# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, shown on the lab: deploys ScaleIO on every agent, to the gateway, deploys again to change nothing, prints the status."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass

from environments import Environment, main_environment, say, the_lab
from processes import leave_on_signals, started

# The agents, and who talks to Marathon, to the framework and to the gateway.
INVENTORIES = ["-i", "inventories/lab", "-i", "inventories/lab_framework"]
RUN = " ".join(["ansible-playbook", *INVENTORIES])

NEXT = f"""
The lab is up. Where to look next{{as_root}}:
  eval "$(make -s env)"           gives this terminal the programs and the collection, for the lines below
  {RUN} holdfast.stateful.plan
                                  what a deployment would do; holdfast.stateful.status prints the tables above again
  {RUN} holdfast.stateful.heal
                                  mends a framework that has come to a halt, as one has when the leading master is killed
  ansible-doc holdfast.stateful.scaleio_node
                                  a module's page; the role's: ansible-doc -t role holdfast.stateful.scaleio
  python3 -m lab --help           the hosts, and faults to try: kill, crash, cut, disk-fill; reset undoes all
  make lab-down                   removes the hosts
"""


@dataclass(frozen=True)
class Act:
    """One part of the demonstration and how it ended; `changed` is summed over the hosts of a playbook's recap."""

    title: str
    good: bool
    changed: int | None
    seconds: float


def act(title: str, command: list[str], main: Environment) -> Act:
    """Runs a command, its output shown as it comes."""
    say(f"== {title}: {' '.join(command)}")
    start = time.monotonic()
    changed = []
    with started(command, main.variables(), stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            if recap := re.search(r" : ok=\d+ +changed=(\d+) ", line):
                changed.append(int(recap[1]))
        good = process.wait() == 0
    seconds = time.monotonic() - start
    say(f"== {title}: {'done' if good else f'failed (exit {process.returncode})'} in {seconds:.1f} s")
    return Act(title, good, sum(changed) if changed else None, seconds)


def main() -> int:
    leave_on_signals()
    environment = main_environment()
    playbook = ["ansible-playbook", *INVENTORIES]
    parts = [
        ("build the lab's images", ["python", "-m", "lab", "image"]),
        ("start the lab", ["ansible-playbook", "extensions/molecule/default/create.yml"]),
        ("deploy", [*playbook, "holdfast.stateful.scaleio_imperative"]),
        ("deploy again", [*playbook, "holdfast.stateful.scaleio_imperative"]),
        ("status", [*playbook, "holdfast.stateful.status"]),
    ]
    acts: list[Act] = []
    with the_lab():
        for title, command in parts:
            acts.append(act(title, command, environment))
            if not acts[-1].good:
                break
    print(f"\n{'':22}  result  changed  seconds")
    for done in acts:
        changed = "" if done.changed is None else done.changed
        print(f"{done.title:22}  {'ok' if done.good else 'FAILED':6}  {changed:>7}  {done.seconds:7.1f}")
    if not acts[-1].good:
        return 1
    if acts[3].changed != 0:
        print(f"\nThe second deployment should have changed nothing, it changed {acts[3].changed}.")
        return 1
    print(NEXT.format(as_root=", in a shell of root (sudo -s)" if "SUDO_USER" in os.environ else ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
