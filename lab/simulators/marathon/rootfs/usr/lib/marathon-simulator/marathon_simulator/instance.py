# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances of applications and the tasks that they are run as (marathon core/instance/Instance.scala, core/task/Task.scala).

An instance that ends by itself is launched again as the next incarnation of its task; one that is decommissioned is forgotten
when its task has ended.
"""

from __future__ import annotations

import os
from typing import Any

from marathon_simulator import clock, pathid

SCHEDULED, PROVISIONED, STAGING, STARTING, RUNNING = "Scheduled", "Provisioned", "Staging", "Starting", "Running"
KILLING, UNREACHABLE, INACTIVE = "Killing", "Unreachable", "UnreachableInactive"

# core/condition/Condition.scala. The last ones say nothing of the application itself: no launch delay follows from them.
CONDITIONS = {
    "TASK_STAGING": STAGING,
    "TASK_STARTING": STARTING,
    "TASK_RUNNING": RUNNING,
    "TASK_KILLING": KILLING,
    "TASK_UNREACHABLE": UNREACHABLE,
}
FAILURES = ("TASK_FAILED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED", "TASK_GONE", "TASK_GONE_BY_OPERATOR")
DELAYING = ("TASK_FAILED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED", "TASK_GONE", "TASK_FINISHED")

_STATES = {
    PROVISIONED: "TASK_STAGING",
    STAGING: "TASK_STAGING",
    STARTING: "TASK_STARTING",
    RUNNING: "TASK_RUNNING",
    KILLING: "TASK_KILLING",
    UNREACHABLE: "TASK_UNREACHABLE",
    INACTIVE: "TASK_UNREACHABLE",
}
# core/deployment/ScalingProposition.scala: those of a lower weight go first.
_WEIGHTS = {SCHEDULED: 0, PROVISIONED: 0, UNREACHABLE: 1, INACTIVE: 1, STAGING: 2, STARTING: 3, RUNNING: 4}


class Instance:
    """Times are seconds since 1970; `killed` is when its end was last asked for."""

    def __init__(self, app_id: str, version: str, configuration: str) -> None:
        self.identity = f"{pathid.safe(app_id)}.instance-{new_uuid()}"
        self.app_id, self.version, self.configuration = app_id, version, configuration
        self.condition, self.wanted, self.incarnation = SCHEDULED, True, 1
        self.host, self.agent_id = "", ""
        self.attributes: dict[str, str] = {}
        self.ports: list[int] = []
        self.addresses: list[dict[str, str]] = []
        self.since, self.staged, self.started, self.killed = 0.0, 0.0, 0.0, 0.0

    @staticmethod
    def from_json(stored: dict[str, Any]) -> Instance:
        instance = Instance.__new__(Instance)
        instance.__dict__.update(stored)
        return instance

    def to_json(self) -> dict[str, Any]:
        return dict(self.__dict__)

    @property
    def task_id(self) -> str:
        return f"{self.identity}._app.{self.incarnation}"

    @property
    def launched(self) -> bool:
        return self.condition != SCHEDULED

    @property
    def active(self) -> bool:
        """Whether it counts for its application."""
        return self.wanted and self.condition != INACTIVE

    def reschedule(self, version: str, configuration: str) -> None:
        """Back to the queue, as the next incarnation."""
        self.version, self.configuration = version, configuration
        self.condition, self.incarnation = SCHEDULED, self.incarnation + 1
        self.host, self.agent_id, self.attributes, self.ports, self.addresses = "", "", {}, [], []
        self.staged, self.started = 0.0, 0.0

    def order_of_killing(self, youngest_first: bool) -> tuple[int, float]:
        return _WEIGHTS.get(self.condition, 5), -self.started if youngest_first else self.started

    def render(self, service_ports: list[int], role: str) -> dict[str, Any]:
        """A task as answers show it (enrichedTask.raml, task.raml)."""
        return {
            "appId": self.app_id,
            "healthCheckResults": [],
            "host": self.host,
            "id": self.task_id,
            "ipAddresses": self.addresses,
            "localVolumes": [],
            "ports": self.ports,
            "role": role,
            "servicePorts": service_ports,
            "slaveId": self.agent_id,
            "stagedAt": clock.stamp(self.staged),
            **({"startedAt": clock.stamp(self.started)} if self.started else {}),
            "state": _STATES[self.condition],
            "version": self.version,
        }


def new_uuid() -> str:
    """A random UUID; the module for them costs a megabyte."""
    digits = bytearray(os.urandom(16))
    digits[6], digits[8] = digits[6] & 0x0F | 0x40, digits[8] & 0x3F | 0x80
    text = digits.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
