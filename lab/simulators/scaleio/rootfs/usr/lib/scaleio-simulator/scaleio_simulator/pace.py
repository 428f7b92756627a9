# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long waits take: as long as the product's, unless the lab shortens them.

SCALEIO_SIMULATOR_SPEED divides every wait, SCALEIO_SIMULATOR_FLOOR (seconds, default 1) is the shortest that a longer one may
become. Both are read from the environment, else from /etc/default/scaleio-simulator (lines NAME=VALUE).
"""

from __future__ import annotations

import os
import time

FILE = "/etc/default/scaleio-simulator"


def setting(name: str, default: str) -> str:
    """A variable of the simulator."""
    value = os.environ.get(name)
    if value:
        return value
    try:
        with open(FILE, encoding="utf-8") as file:
            lines = [line.strip().partition("=") for line in file]
    except OSError:
        return default
    return next((value for key, _, value in lines if key == name and value), default)


def seconds(wait: float, floors: float = 1) -> float:
    """How long a wait of the product takes here.

    :param floors: how many times the floor it is at least: for one in which other hosts must have looked around.
    """
    speed = max(float(setting("SCALEIO_SIMULATOR_SPEED", "1")), 1.0)
    floor = float(setting("SCALEIO_SIMULATOR_FLOOR", "1"))
    return wait if speed == 1 else max(wait / speed, min(wait, floor * floors))


def sleep(wait: float, floors: float = 1) -> None:
    """Waits as long as the product would, at the lab's pace."""
    time.sleep(seconds(wait, floors))
