# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waits for a state of a service over HTTP, with a deadline that names what is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    DeadlineError,
    HoldfastError,
    UntrustedError,
    WebError,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine

# How many missing things an error names.
SHOWN = 5

_FIRST_SECONDS, _MOST_SECONDS = 0.2, 1.0


def shortened(sentences: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(sentences) - SHOWN} more" if len(sentences) > SHOWN else ""
    return "; ".join(sentences[:SHOWN]) + more


def wait_until(
    machine: Machine,
    missing: Callable[[], list[str]],
    *,
    what: str,
    timeout: float,
    todo: str,
    steady: float = 0.0,
    lasting: tuple[type[HoldfastError], ...] = (),
) -> dict[str, Any]:
    """Look until nothing is missing: first after 0.2 s, then more seldom, at last once a second.

    A service that does not answer for a while is missing too.

    :param missing: looks, and says in sentences what is not yet as it should be.
    :param what: what is waited for, as ``no rebuild and no rebalance``.
    :param todo: what the user can do at the deadline.
    :param steady: seconds for which nothing may be missing.
    :param lasting: errors of a service that do not pass by waiting; a certificate that is not trusted is always one.
    :returns: the progress: ``what``, ``seconds``, ``looks``, and ``missing`` as it was at the first look.
    :raises DeadlineError: after ``timeout`` seconds; it names what is missing.
    """
    began = machine.monotonic()
    first: list[str] | None = None
    since: float | None = None
    looks, pause = 0, _FIRST_SECONDS
    while True:
        try:
            lacking = missing()
        except WebError as error:
            if isinstance(error, (UntrustedError, *lasting)):
                raise
            lacking = [str(error)]
        now = machine.monotonic()
        looks += 1
        first = lacking if first is None else first
        if lacking:
            since = None
        elif since is None:
            since = now
        if since is not None and now - since >= steady:
            return {"what": what, "seconds": round(now - began, 1), "looks": looks, "missing": first}
        if now - began >= timeout:
            raise DeadlineError(
                f"{what}: not within {timeout:g} s",
                seen=shortened(lacking) or f"it has not held for {steady:g} s",
                todo=todo,
            )
        machine.sleep(max(0.0, min(pause, began + timeout - now)))
        pause = min(pause * 1.5, _MOST_SECONDS)
