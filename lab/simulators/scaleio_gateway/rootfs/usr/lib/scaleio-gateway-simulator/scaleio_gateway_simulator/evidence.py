# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients asked, for tests: `simulator-requests.jsonl`, one object a request, without passwords and tokens."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any

from scaleio_gateway_simulator.http import Request

_HEADERS = ("accept", "content-type", "user-agent")


class Evidence:
    """Appends to the file."""

    def __init__(self, directory: str) -> None:
        os.makedirs(directory, exist_ok=True)
        self._path = os.path.join(directory, "simulator-requests.jsonl")
        self._lock = threading.Lock()

    def note(self, request: Request, status: int, value: Any) -> None:
        """`{"time", "client", "method", "target", "headers", "body", "status"}`, with `answer` where it is a refusal."""
        entry = {
            "time": time.time(),
            "client": request.client,
            "method": request.method,
            "target": request.target,
            "headers": {name: request.headers[name] for name in _HEADERS if name in request.headers},
            "body": request.body.decode("utf-8", "replace"),
            "status": status,
        }
        if status != 200:
            entry["answer"] = value
        with self._lock, open(self._path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
