# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which disks the framework takes for unused (executor/common/scaleionode.go: UpdateDevices; goxplatform sys/sys.go).

A disk that fdisk lists is in use where its path is part of anything that blkid names; what both print on either stream counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from scaleio_simulator import commands
from scaleio_simulator.log import log

LIST = "fdisk -l | grep \\/dev\\/"
USED = "blkid"


def unused(output: Callable[[str], str] = commands.output) -> list[str]:
    """Paths in fdisk's order, repeated where it repeats them.

    :raises commands.CommandError: fdisk lists nothing, or blkid fails, which it also does where it knows nothing.
    """
    listed = _captured(output(LIST), r"Disk (/dev/.*): ")
    used = _captured(output(USED), r"(/dev/.*):")
    return [path for path in listed if not any(path in item for item in used)]


def _captured(text: str, pattern: str) -> list[str]:
    """The first group of each line that matches; the patterns are greedy, as they stand in the product."""
    found = []
    for line in text.split("\n"):
        match = re.search(pattern, line)
        if match:
            found.append(match.group(1))
        else:
            log.error("Rexexp Failed: <nil>")
            log.warning("RegexMatch Failed. Err: <nil>")
    return found
