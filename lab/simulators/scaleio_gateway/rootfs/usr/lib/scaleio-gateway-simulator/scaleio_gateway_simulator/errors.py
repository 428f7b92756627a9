# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals, as the gateway words them: `{"message", "httpStatusCode", "errorCode"}`.

The form and the texts of 400 and 401 are those of recorded answers (goscaleio's tests; issue 49 of dell/ansible-powerflex). The
numbers are those that public clients act upon: siolib, the drivers of cinder, os-brick and flocker, goscaleio's tests. Where no
client knows one, it is 0.
"""

from __future__ import annotations

NOT_FOUND = 3
SDS_COMMUNICATION = 69
VOLUME_NOT_FOUND = 79
ALREADY_MAPPED = 81
NOT_MAPPED = 84
SDS_PORT_IN_USE = 93
VOLUME_NAME_IN_USE = 99
SDS_REMOVAL_IN_PROGRESS = 103
VOLUME_MAPPED = 104
DEVICE_NOT_FOUND = 126
VOLUME_CAN_ONLY_GROW = 133
DEVICE_REMOVAL_IN_PROGRESS = 135
PROTECTION_DOMAIN_NOT_FOUND = 142
DEVICE_EXISTS = 206
SINGLE_MAPPING = 306
UNKNOWN = 0


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, message: str, code: int = UNKNOWN, status: int = 500) -> None:
        super().__init__(message)
        self.message, self.code, self.status = message, code, status


def invalid(message: str) -> Refused:
    """A request that is wrong by itself."""
    return Refused(message, status=400)


def missing(*names: str) -> Refused:
    """A request without what it must have."""
    return invalid(
        f"Request message is not valid: The following parameter(s) must be part of the request body: {', '.join(names)}."
    )


def unauthorized() -> Refused:
    """No user, a wrong password, a token that is unknown or over."""
    return Refused("Unauthorized", status=401)
