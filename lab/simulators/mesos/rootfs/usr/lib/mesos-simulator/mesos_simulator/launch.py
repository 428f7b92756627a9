# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mesos-containerizer launch: becomes the command of a container (mesos 1.11.0 src/slave/containerizer/mesos/launch.cpp).

What to do is a ContainerLaunchInfo in JSON: "command", "environment", "user", "working_directory", the last two if need be.
Agents give it in MESOS_CONTAINERIZER_LAUNCH_INFO (containerizer.cpp: _launch), mesos-executor in the flag --launch_info.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

FLAG = "--launch_info="
VARIABLE = "MESOS_CONTAINERIZER_LAUNCH_INFO"

# The product's program loads its libraries first: it was still there when SIGTERM came up to 0.1 s after TASK_RUNNING, and gone
# when it came later (recorded: drain cases t3 to t6, and t7).
_LOADING_SECONDS = 0.1


def environment(variables: Mapping[str, str]) -> dict[str, Any]:
    """An Environment of mesos.proto."""
    return {"variables": [{"name": name, "type": "VALUE", "value": value} for name, value in variables.items()]}


def text(info: dict[str, Any]) -> str:
    """As JSON::Object is written: without spaces, names in order (stout/json.hpp)."""
    return json.dumps(info, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def main(argv: list[str]) -> int:
    """Returns only when the command cannot be started."""
    if argv[1:2] != ["launch"]:
        print(f"Usage: {os.path.basename(argv[0])} launch", file=sys.stderr)
        return 1
    given = [word[len(FLAG) :] for word in argv[2:] if word.startswith(FLAG)]
    info = json.loads(given[-1] if given else os.environ[VARIABLE])
    if given:
        time.sleep(_LOADING_SECONDS)
    if "working_directory" in info:
        os.chdir(info["working_directory"])
    if "user" in info and not _become(info["user"]):
        return 1
    variables = {entry["name"]: entry["value"] for entry in info["environment"]["variables"]}
    command = info["command"]
    if command.get("shell", True):
        program, words = "/bin/sh", ["sh", "-c", command.get("value", "")]
    else:
        program, words = command.get("value", ""), command.get("arguments", [])
    try:
        os.execvpe(program, words or [program], variables)
    except OSError as error:
        print(f"Failed to execute '{program}': {error.strerror}", file=sys.stderr)
    return 1


def _become(name: str) -> bool:
    """Another user with its groups; only root can be one (--switch_user)."""
    import pwd

    try:
        user = pwd.getpwnam(name)
    except KeyError:
        print(f"Failed to get the uid of user '{name}'", file=sys.stderr)
        return False
    if os.getuid() == user.pw_uid:
        return True
    os.setgroups(os.getgrouplist(name, user.pw_gid))
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    return True
