# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulators of the Apache Mesos 1.11.0 agent and master.

They keep the real programs' command lines, files, HTTP answers, log lines and exit codes; containers are plain processes.
Rules name their source: a file of the Mesos 1.11.0 source tree, or a case of the recorded runs of the real programs. Log lines
have the recorded place in the source; of those that were not recorded the line number ends in 0.
"""

from __future__ import annotations
