# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What every module of this collection promises."""

from __future__ import annotations


class ModuleDocFragment:
    # How a module or action behaves under the run's modes.
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in check mode and return what would be changed without changing anything.
    support: full
  diff_mode:
    description: Returns what is changed, or would be in check mode, when the run asks for differences.
    support: full
  platform:
    description: Target systems.
    platforms: linux
    support: full
"""

    # For modules that only look.
    INFO = r"""
options: {}
attributes:
  check_mode:
    description: This module never changes anything, so it runs in check mode as always.
    support: full
  diff_mode:
    description: This module never changes anything, so there is nothing to show.
    support: N/A
  platform:
    description: Target systems.
    platforms: linux
    support: full
"""

    # For actions that run on the controller.
    ACTION = r"""
options: {}
attributes:
  action:
    description: An action of that name runs on the controller.
    support: full
  async:
    description: Can be used with the C(async) keyword.
    support: none
"""
