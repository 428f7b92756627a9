# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulator of Marathon 1.11: its REST API over a framework that runs applications on Mesos.

It keeps the product's answers, defaults, errors, deployments and launch delays, and speaks the scheduler API of a Mesos master.
Rules name their source: a file of the Marathon source tree (all below src/main/scala/mesosphere/), its RAML, its documentation.
"""

from __future__ import annotations
