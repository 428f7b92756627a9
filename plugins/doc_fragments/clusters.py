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
    description:
      - Every declared member of the clusters, reachable or not, that is, a group of the inventory.
      - To plan and to compare, also the hosts that talk to the clusters' services.
    type: list
    elements: str
    required: true
  observed:
    description: The name of the variable in which M(holdfast.stateful.scaleio_node_info) was registered.
    type: str
    required: true
  cluster_variable:
    description:
      - The name of the variable that says which cluster a member belongs to that could not be observed, such as C(scaleio_cluster).
        It is looked up as a task on that member would see it.
      - Where it is left out, undefined, or cannot be templated, that member counts as an unreachable one of every cluster.
    type: str
    default: ''
  only_variable:
    description:
      - The name of the variable that says which cluster alone to look at, such as C(scaleio_only). An empty value looks at all; a
        name that is none lists the clusters.
      - Its value must be the same on every member.
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
