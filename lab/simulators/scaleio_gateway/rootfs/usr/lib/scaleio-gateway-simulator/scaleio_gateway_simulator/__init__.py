# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A simulated ScaleIO 2.0 gateway together with the MDM cluster behind it.

Rules name their source where they stand; what no public source tells is said to be assumed, here and in the README.
"""

from __future__ import annotations
