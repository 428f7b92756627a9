# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated ScaleIO data server: holds devices for the gateway's simulator and serves no data.

One process, one thread, no more than what holding needs: sixteen of them share a machine.
"""

from __future__ import annotations
