# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mesos-containerizer launch: becomes the command of a container (mesos 1.11.0 src/slave/containerizer/mesos/launch.cpp).

What to do stands in MESOS_CONTAINERIZER_LAUNCH_INFO: {"command", "environment", "user" or null, "working_directory"}.
"""

from __future__ import annotations

import json
import os
import sys


def main(argv: list[str]) -> int:
    """Returns only when the command cannot be started."""
    if argv[1:] != ["launch"]:
        print(f"Usage: {os.path.basename(argv[0])} launch", file=sys.stderr)
        return 1
    info = json.loads(os.environ["MESOS_CONTAINERIZER_LAUNCH_INFO"])
    os.chdir(info["working_directory"])
    if info["user"] and not _become(info["user"]):
        return 1
    command = info["command"]
    if command.get("shell", True):
        program, words = "/bin/sh", ["sh", "-c", command.get("value", "")]
    else:
        program, words = command.get("value", ""), command.get("arguments", [])
    try:
        os.execvpe(program, words or [program], info["environment"])
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
