# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Errors that say what failed, where, what was seen and what to do next."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any


class HoldfastError(Exception):
    """Base of every error that a user may read.

    :param what: what failed, as the start of a sentence.
    :param where: the object it concerns: a path, a host, an attribute.
    :param seen: what was found instead of what was expected.
    :param todo: what the user can do about it.
    """

    def __init__(self, what: str, *, where: str = "", seen: str = "", todo: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.seen = seen
        self.todo = todo

    def __str__(self) -> str:
        text = self.what
        if self.where:
            text += f" ({self.where})"
        if self.seen:
            text += f": {self.seen}"
        if self.todo:
            text += f" -- {self.todo}"
        return text


class InputError(HoldfastError):
    """The declaration is wrong. Nothing has been changed."""


class CommandError(HoldfastError):
    """A program failed, was missing or did not end in time."""


class WebError(HoldfastError):
    """An HTTP service did not answer, or not with what its API promises.

    :param status: the HTTP status, 0 where no answer came at all.
    """

    def __init__(self, what: str, *, status: int = 0, where: str = "", seen: str = "", todo: str = "") -> None:
        super().__init__(what, where=where, seen=seen, todo=todo)
        self.status = status


class RefusedError(WebError):
    """An HTTP service's host refused the connection: nothing listens at that address and port."""


class UntrustedError(WebError):
    """An HTTPS service's certificate is not trusted, or cannot be judged. Nothing was sent to it."""


class WorldChanged(HoldfastError):
    """What a step was planned for is no longer what is there. The step was not carried out."""


class DeadlineError(HoldfastError):
    """A state that was waited for did not come about in time."""


class ClaimError(HoldfastError):
    """Another run is changing the same cluster."""


def system_error(error: OSError) -> HoldfastError:
    """What the kernel refused, as an error for a user: a read-only file system, a missing permission, a bad disk."""
    return HoldfastError(
        "the system refused it",
        where=str(error.filename or ""),
        seen=error.strerror or str(error),
        todo="look at the file system, its space and its mount options, then run again",
    )


@contextlib.contextmanager
def told_by(fail_json: Callable[..., Any]) -> Iterator[None]:
    """End a module with a sentence where its work raises an error for the user, or where the kernel refuses something.

    :param fail_json: the module's.
    """
    try:
        yield
    except HoldfastError as error:
        fail_json(msg=str(error))
    except OSError as error:
        fail_json(msg=str(system_error(error)))
