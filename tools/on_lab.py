# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command in the main environment while no other run uses the lab: python3 tools/on_lab.py COMMAND [ARGUMENT...]"""

from __future__ import annotations

import sys

from environments import main_environment, the_lab
from processes import leave_on_signals, started


def main(command: list[str]) -> int:
    leave_on_signals()
    with the_lab(), started(command, main_environment().variables()) as process:
        return process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
