# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes framework_cases.json from a transcript of scaleio-scheduler 0.3.1 on mesos 1.11.0.

    python make_framework_cases.py TRANSCRIPT > framework_cases.json

The transcript gives, for each case, the agent's ``--attributes`` and what the scheduler's ``/api/state`` says of the node.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

_CASE = re.compile(
    r"^### case (?P<number>\d+)\n--attributes='(?P<attributes>[^\n]*)'\n.*?imp=(?P<imperative>True|False) .*?"
    r" provides=(?P<provides>[^\n]*) consumes=",
    re.MULTILINE | re.DOTALL,
)


def cases(transcript: str) -> list[dict[str, Any]]:
    """The cases in the transcript's order; ``provides`` as the scheduler answers, null where it has nothing."""
    return [
        {
            "case": int(found["number"]),
            "attributes": found["attributes"],
            "imperative": found["imperative"] == "True",
            "provides": None if found["provides"] == "None" else json.loads(found["provides"]),
        }
        for found in _CASE.finditer(transcript)
    ]


if __name__ == "__main__":
    json.dump(cases(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.stdout, indent=1)
    print()
