# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the programs say of themselves, as the recorded Mesos 1.11.0 did."""

from __future__ import annotations

VERSION = "1.11.0"
GIT_SHA = "04bc7ee1984d86fbb0bd782ccc69ce44c13ae4b9"
GIT_TAG = "1.11.0"
BUILD_DATE = "2020-11-24 00:00:00 UTC"
BUILD_TIME = 1606176000.0
BUILD_USER = "root"

# The head of /state and of the version_info in /api/v1.
STATE_HEAD = {
    "version": VERSION,
    "git_sha": GIT_SHA,
    "git_tag": GIT_TAG,
    "build_date": BUILD_DATE,
    "build_time": BUILD_TIME,
    "build_user": BUILD_USER,
}
VERSION_INFO = {
    "version": VERSION,
    "build_date": BUILD_DATE,
    "build_time": BUILD_TIME,
    "build_user": BUILD_USER,
    "git_sha": GIT_SHA,
    "git_tag": GIT_TAG,
}
VERSION_ENDPOINT = {name: VERSION_INFO[name] for name in sorted(VERSION_INFO)}

AGENT_CAPABILITIES = [
    "MULTI_ROLE",
    "HIERARCHICAL_ROLE",
    "RESERVATION_REFINEMENT",
    "RESOURCE_PROVIDER",
    "RESIZE_VOLUME",
    "AGENT_OPERATION_FEEDBACK",
    "AGENT_DRAINING",
    "TASK_RESOURCE_LIMITS",
]
