# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options and attributes of the actions that answer from all observations at once."""

from __future__ import annotations


class ModuleDocFragment:
    # Which members, and where their observations are.
    DOCUMENTATION = r"""
options:
  members:
    description: Every declared member of the clusters, reachable or not, that is, a group of the inventory.
    type: list
    elements: str
    required: true
  observed:
    description: The name of the variable in which M(holdfast.stateful.scaleio_node_info) was registered.
    type: str
    required: true
  cluster_variable:
    description: The inventory variable that names the cluster of a member that could not be observed.
    type: str
    default: ''
  cluster_default:
    description: The cluster of a member that could not be observed and has no such variable.
    type: str
    default: default
  only:
    description: The one cluster to look at; empty for all. A name that is none lists the clusters.
    type: str
    default: ''
  show:
    description: Whether the answer's text is printed.
    type: bool
    default: true
attributes:
  bypass_host_loop:
    description: Runs once for all hosts of the play.
    support: full
  connection:
    description: Needs a connection to the target.
    support: none
"""
