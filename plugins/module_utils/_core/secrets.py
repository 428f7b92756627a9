# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Secrets that would be masked where they are no secret."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import InputError


def check_masks_nothing(observation: Any, secrets: Collection[str]) -> None:
    """See that Ansible masks nothing in what a module returns, as nobody can plan from names with asterisks in them.

    It masks the values of all ``no_log`` options wherever they stand in a result, also inside of other words
    (ansible.module_utils.common.parameters, sanitize_keys and remove_values).

    :param observation: plain JSON.
    :param secrets: the values of those options.
    :raises InputError: one of them is part of what was seen; the sentence does not say it.
    """
    text = json.dumps(observation, ensure_ascii=False)
    if any(secret and secret in text for secret in secrets):
        raise InputError(
            "a password given to this module is also a part of what was seen on this host, such as a name, and Ansible masks it there",
            todo="use a longer password that is no part of a name",
        )
