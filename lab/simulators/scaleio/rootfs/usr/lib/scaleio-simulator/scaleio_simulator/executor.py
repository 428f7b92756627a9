# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program scaleio-executor (executor's main.go, executor/executor.go)."""

from __future__ import annotations

import base64
import os
import signal
import sys
import time

from scaleio_simulator import goflag, mesos, web
from scaleio_simulator.log import log
from scaleio_simulator.machine import Machine, NotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FAILURES = 10  # executor.go: numberOfEventFailuresBeforeExiting
NUMBER = "json: cannot unmarshal number into Go value of type mesos_v1_executor.Event"

# executor's config/config.go: (flag, variable, default).
_TABLE = (
    ("loglevel", "LOG_LEVEL", "info"),
    ("rest.uri", "SCHEDULER_URI", "127.0.0.1"),
    ("mesos.agent", "MESOS_AGENT_ENDPOINT", "127.0.0.1"),
    ("framework.id", "MESOS_FRAMEWORK_ID", ""),
    ("executor.id", "MESOS_EXECUTOR_ID", ""),
)


class Executor:
    """Events from the agent in, one update out; KILL is only logged."""

    def __init__(self, flags: dict[str, goflag.Value]) -> None:
        self._scheduler, self._executor = str(flags["rest.uri"]), str(flags["executor.id"])
        self._ids = {
            "framework_id": {"value": str(flags["framework.id"])},
            "executor_id": {"value": self._executor},
        }
        self._agent = mesos.Peer(str(flags["mesos.agent"]), "/api/v1/executor", "scaleio/0.1")

    def run(self) -> None:
        """Returns at the clean end of the stream and after SHUTDOWN."""
        try:
            answer = self._agent.call({**self._ids, "type": mesos.SUBSCRIBE, "subscribe": {}})
        except mesos.Refused as error:
            log.error(str(error))
            signal.pause()  # the product waits for events that never come; the agent ends it
            return
        try:
            for event in mesos.records(answer.body):
                if event is None:
                    log.warning(f"Error decoding event. Skip event. Err: {NUMBER}")
                elif not self._handle(event):
                    return
        except (web.Broken, ValueError) as error:
            for _ in range(FAILURES):
                log.warning(f"Error decoding event. Skip event. Err: {error}")
            log.fatal("Received too many invalid events. Lost communication to agent.")

    def _handle(self, event: dict[str, Any]) -> bool:
        """Whether there is more to come."""
        kind = event.get("type")
        if kind == "SUBSCRIBED":
            executor = event["subscribed"].get("executor_info", {}).get("executor_id", {}).get("value", "")
            log.info(f'[EVENT] Executor SUBSCRIBED with id: value:"{executor}" ')
        elif kind == "LAUNCH":
            task = event["launch"]["task"]
            log.info(f"[EVENT] LAUNCH: {task['task_id']['value']}")
            self._update(task, mesos.TASK_RUNNING)
            web.spawn(self._work, task)
        elif kind == "ACKNOWLEDGED":
            told = event["acknowledged"]
            task_id, uuid = told["task_id"]["value"], told.get("uuid", "")
            log.info(f'[EVENT] Received ACKNOWLEDGED: task_id:<value:"{task_id}" > uuid:"{uuid}" ')
        elif kind == "ERROR":
            log.info("[EVENT] Received ERROR")
            log.info(event.get("error", {}).get("message", ""))
        elif kind in ("MESSAGE", "KILL", "SHUTDOWN"):
            log.info(f"[EVENT] Received {kind}")
        return kind != "SHUTDOWN"

    def _work(self, task: dict[str, Any]) -> None:
        try:
            Machine(self._scheduler, self._executor).run()
        except NotFound as error:
            log.error(f"Unable to find Self in node list: {error}")
            self._update(task, mesos.TASK_ERROR)

    def _update(self, task: dict[str, Any], state: int) -> None:
        """The status has no time (recorded: timestamp 0.0); its UUID is of version 1."""
        status = {
            "task_id": task["task_id"],
            "state": state,
            "source": mesos.SOURCE_EXECUTOR,
            "executor_id": self._ids["executor_id"],
            "uuid": base64.b64encode(_uuid()).decode(),
        }
        if not self._agent.tell({**self._ids, "type": mesos.UPDATE, "update": {"status": status}}):
            log.error("Failed while sending update")


def _uuid() -> bytes:
    """RFC 4122, version 1, with a random node."""
    stamp = time.time_ns() // 100 + 0x01B21DD213814000
    low, middle, high = stamp & 0xFFFFFFFF, stamp >> 32 & 0xFFFF, stamp >> 48 & 0x0FFF | 0x1000
    node = bytearray(os.urandom(8))
    node[0] = node[0] & 0x3F | 0x80
    node[2] |= 1
    return low.to_bytes(4, "big") + middle.to_bytes(2, "big") + high.to_bytes(2, "big") + bytes(node)


def main(argv: list[str]) -> int:
    log.info("Initializing the ScaleIO Executor...")
    flags = [goflag.Flag(name, os.environ.get(variable) or default) for name, variable, default in _TABLE]
    try:
        values = goflag.parse("executor", flags, argv)
    except goflag.Usage as usage:
        sys.stderr.write(usage.text)
        return usage.status
    if log.set_level(str(values["loglevel"])):
        log.info(f"Set logging to {values['loglevel']}")
    else:
        log.warning("Invalid log level. Defaulting to info.")
    log.info(f"ExecutorID: {values['executor.id']}")
    log.info(f"FrameworkID: {values['framework.id']}")
    log.info(f"MesosAgent: {values['mesos.agent']}")
    log.info(f"RestURI: {values['rest.uri']}")
    Executor(values).run()
    return 0
