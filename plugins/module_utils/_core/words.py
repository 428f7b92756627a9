# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Words of sentences that every system's plan uses."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """A number with its noun: ``1 disk``, ``2 disks``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
