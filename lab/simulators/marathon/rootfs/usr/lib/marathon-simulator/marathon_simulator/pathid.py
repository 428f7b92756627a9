# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths that name applications and groups, such as "/storage/scaleio" (marathon state/PathId.scala)."""

from __future__ import annotations

import re

_SEGMENT = r"^(([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])\.)*([a-z0-9]|[a-z0-9][a-z0-9\-]*[a-z0-9])|(\.|\.\.)$"


def canonical(path: str, base: str = "/") -> str:
    """The absolute path, seen from a group; "." and ".." are resolved."""
    parts = [] if path.startswith("/") else segments(base)
    for part in path.split("/"):
        if part == "..":
            parts = parts[:-1]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def segments(path: str) -> list[str]:
    return [part for part in path.split("/") if part]


def parents(path: str) -> list[str]:
    """The groups that a path lies in, the root left out: "/a" and "/a/b" for "/a/b/c"."""
    parts = segments(path)
    return ["/" + "/".join(parts[:count]) for count in range(1, len(parts))]


def fault(path: str) -> str | None:
    """What is wrong with a path, in the product's words."""
    if not segments(path):
        return "must not be root"
    if all(re.fullmatch(_SEGMENT, part) for part in segments(path)):
        return None
    return f"must fully match regular expression '{_SEGMENT}'"


def safe(path: str) -> str:
    """The form in task IDs (PathId.safePath)."""
    return "_".join(segments(path))


def hostname(path: str) -> str:
    """The form in names of tasks (PathId.toHostname)."""
    return ".".join(reversed(segments(path)))
