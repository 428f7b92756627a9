# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refusals and the bodies that tell of them (marathon api/MarathonExceptionMapper.scala, Exceptions.scala)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Refusal(Exception):
    """Ends a request: the status of the answer and its JSON body."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body.get("message", ""))
        self.status, self.body = status, body


def message(status: int, text: str) -> Refusal:
    return Refusal(status, {"message": text})


def app_not_found(app_id: str) -> Refusal:
    return message(404, f"App '{app_id}' does not exist")


def locked(deployments: Sequence[str]) -> Refusal:
    """Exceptions.scala: AppLockedException."""
    text = (
        "App is locked by one or more deployments. Override with the option '?force=true'. "
        "View details at '/v2/deployments/<DEPLOYMENT_ID>'."
    )
    return Refusal(409, {"message": text, "deployments": [{"id": name} for name in deployments]})


def not_readable(faults: Sequence[tuple[str, str]]) -> Refusal:
    """JSON that does not fit the types of the API: JsResultException, whose errors are all of validation."""
    return Refusal(422, {"message": "Invalid JSON", "details": _details(faults)})


def not_valid(faults: Sequence[tuple[str, str]]) -> Refusal:
    """Values that break a rule: ValidationFailedException (api/v2/Validation.scala: failureWrites)."""
    return Refusal(422, {"message": "Object is not valid", "details": _details(faults)})


def _details(faults: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    found: dict[str, list[str]] = {}
    for path, text in faults:
        found.setdefault(path, []).append(text)
    return [{"path": path, "errors": list(dict.fromkeys(texts))} for path, texts in found.items()]
