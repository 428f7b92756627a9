# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulators of the ScaleIO framework for Mesos, v0.3.1: scheduler, executor, its key-value store and the download mirror.

They keep the real programs' flags, REST answers, requests, stored keys, commands, files and log lines as these were recorded
(transcripts of scaleio-scheduler and scaleio-executor 0.3.1 on mesos 1.11.0). Rules name their source: such a recording, or a
file of thecodeteam/scaleio-framework, goscaleio or goxplatform.
"""

from __future__ import annotations
