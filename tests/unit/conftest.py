# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes this checkout importable as `ansible_collections.holdfast.stateful`, wherever it lies and whatever its folder is called."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

for name, path in (
    ("ansible_collections", []),
    ("ansible_collections.holdfast", []),
    ("ansible_collections.holdfast.stateful", [str(Path(__file__).parents[2])]),
):
    package = ModuleType(name)
    package.__path__ = path
    sys.modules[name] = package
