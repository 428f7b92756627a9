#!/usr/bin/python
# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scaleio_plan
short_description: Plan whole ScaleIO clusters on Mesos, or how their framework is healed
version_added: 0.1.0
description:
  - Reads what M(holdfast.stateful.scaleio_node_info) registered on every member and decides, on the controller and without a
    channel to any host, which steps bring each cluster to what is declared, in which order and in which batches.
  - These are the attributes of the agents first. Where a host was observed with O(holdfast.stateful.scaleio_node_info#module:services),
    the framework's scheduler comes next, until the gateway shows what is declared.
  - Where the members were observed with O(holdfast.stateful.scaleio_node_info#module:heal), the plan mends what holds the framework
    up, and says in RV(plan.unmended) what it cannot mend.
  - A cluster that must not be touched is refused with every reason, and the others go on. The task itself never fails for
    that, and never reports a change; M(holdfast.stateful.scaleio_node) does both, for each host.
  - Use it with C(run_once), so that its result is registered on every host.
author:
  - Holdfast contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.stateful.clusters
  - holdfast.stateful.attributes.info
  - holdfast.stateful.attributes.action
seealso:
  - module: holdfast.stateful.scaleio_node_info
  - module: holdfast.stateful.scaleio_node
"""

EXAMPLES = r"""
- name: Plan
  holdfast.stateful.scaleio_plan:
    members: "{{ groups['mesos_agents'] + groups['scaleio_gateway'] | default([]) }}"
    observed: looked
  register: planned
  run_once: true

- name: Show why a host is refused
  ansible.builtin.debug:
    msg: "{{ planned.plan.refused[inventory_hostname] }}"
  when: inventory_hostname in planned.plan.refused
"""

RETURN = r"""
plan:
  description: What is to be done.
  returned: always
  type: dict
  contains:
    plan_id:
      description: The plan's name, which its acting steps carry.
      type: str
      sample: 8f14e45fceea167a5a36dedd4bea2543
    phases:
      description: The phases in order, each with C(index), C(name) and C(hosts).
      type: list
      elements: dict
      sample: [{index: 1, name: "scaleio: batch 1 of 16", hosts: [agent01]}]
    acting:
      description: The hosts that have steps.
      type: list
      elements: str
      sample: [agent01]
    refused:
      description: The hosts of refused clusters, each with the reasons.
      type: dict
      sample: {}
    warnings:
      description: The warnings of each cluster.
      type: dict
      sample: {}
    hosts:
      description: For each acting host its cluster, its steps by phase, and the hosts that each phase waits for.
      type: dict
      sample: {}
    restarts:
      description:
        - For each acting host how its agent takes the attributes over. The text says the same below the phases.
        - C(none) leaves it running (or stopped), because only files are put right.
        - C(additive) and C(same) restart it and keep its agent ID, C(start) starts it and keeps its ID, C(first) starts it for
          the first time, and C(new_agent_id) gives it a new ID.
      type: dict
      sample: {agent01: new_agent_id, agent02: additive, agent03: none}
    unmended:
      description:
        - For the host of a cluster that talks to its services, what a healing plan found and cannot mend, as sentences. Empty for other
          plans.
      type: dict
      sample: {}
    context:
      description: For each cluster what all its acting calls are told, such as the agents (and the names by which the master
        knows them) that must not be down together.
      type: dict
      sample: {scaleio: {peers: {agent01: agent01}}}
    controller:
      description: The controlling process, for the lock.
      type: dict
      sample: {host: controller, pid: 4711}
    supersedes:
      description: Plans of ended or dead runs, whose claims this one replaces.
      type: list
      elements: str
      sample: []
text:
  description: The plan for people, below the preview of the disks that the framework takes from hosts without attributes.
  returned: always
  type: str
  sample: "scaleio: 8 steps on 1 host in 1 phase"
"""
