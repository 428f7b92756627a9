#!/usr/bin/python3
# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An executor for tests, over plain HTTP: fetched by agents, it writes what it sees to the file "events" of its sandbox.

`deaf` as an argument: it ignores KILL and SHUTDOWN. `silent`: it never subscribes. Without checkpoint it ends with its agent.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import sys
import time
import uuid
from typing import Any

IDS = {
    "framework_id": {"value": os.environ.get("MESOS_FRAMEWORK_ID", "")},
    "executor_id": {"value": os.environ.get("MESOS_EXECUTOR_ID", "")},
}
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


def call(content: dict[str, Any]) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(os.environ["MESOS_AGENT_ENDPOINT"])
    connection.request("POST", "/slave(1)/api/v1/executor", json.dumps({**IDS, **content}), HEADERS)
    return connection.getresponse()


def note(what: Any) -> None:
    with open("events", "a", encoding="utf-8") as file:
        file.write(json.dumps(what) + "\n")


def update(task_id: dict[str, Any], state: str) -> None:
    identity = base64.b64encode(uuid.uuid4().bytes).decode()
    status = {"task_id": task_id, "state": state, "source": "SOURCE_EXECUTOR", "uuid": identity}
    note({"type": "answer", "status": call({"type": "UPDATE", "update": {"status": status}}).status})


def handle(event: dict[str, Any]) -> None:
    note(event)
    deaf = "deaf" in sys.argv
    if event["type"] == "LAUNCH":
        update(event["launch"]["task"]["task_id"], "TASK_RUNNING")
    elif event["type"] == "KILL" and not deaf:
        update(event["kill"]["task_id"], "TASK_KILLED")
    elif event["type"] == "SHUTDOWN" and not deaf:
        sys.exit(0)
    elif event["type"] == "MESSAGE":
        if base64.b64decode(event["message"]["data"]) == b"exit":
            os._exit(7)
        call({"type": "MESSAGE", "message": event["message"]})


def main() -> None:
    note({"type": "environment", **os.environ})
    while "silent" in sys.argv:
        time.sleep(1)
    while True:
        try:
            answer = call({"type": "SUBSCRIBE", "subscribe": {}})
            while answer.status == 200:
                line = answer.readline()
                if not line:
                    break
                handle(json.loads(answer.read(int(line))))
        except (OSError, http.client.HTTPException):
            pass
        if os.environ["MESOS_CHECKPOINT"] == "0":
            sys.exit(0)
        time.sleep(0.2)


if __name__ == "__main__":
    main()
