# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Carries one phase of a plan out on a Mesos agent; documented in modules/scaleio_node.py."""

from __future__ import annotations

from ansible_collections.holdfast.stateful.plugins.plugin_utils.acting import ActAction


class ActionModule(ActAction):
    module = "holdfast.stateful.scaleio_node"
