#!/usr/bin/python
# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scaleio_status
short_description: Compare the ScaleIO attributes that are declared, on disk, reported and registered
version_added: 0.1.0
description:
  - Reads what M(holdfast.stateful.scaleio_node_info) registered on every member, and prints one line for each, hosts that could
    not be reached included.
  - Names every difference between what the inventory declares, what the files say, what the running agent reports, and what
    the leading master shows; and every disk that the framework would take from an agent without imperative attributes.
author:
  - Holdfast contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.stateful.clusters
  - holdfast.stateful.attributes.info
  - holdfast.stateful.attributes.action
seealso:
  - module: holdfast.stateful.scaleio_node_info
"""

EXAMPLES = r"""
- name: Compare
  holdfast.stateful.scaleio_status:
    members: "{{ groups['mesos_agents'] }}"
    observed: looked
  register: compared
  run_once: true

- name: Be strict about it
  ansible.builtin.assert:
    that: compared.problems | length == 0
"""

RETURN = r"""
text:
  description: The table and the problems, for people.
  returned: always
  type: str
  sample: "scaleio: 16 members"
problems:
  description: Everything that a user must look at, as sentences that name the members.
  returned: always
  type: list
  elements: str
  sample: ["agent07: its agent is not up: mesos-slave.service is failed (failed)"]
clusters:
  description: For each cluster and member the problems, and the attributes in the four places under C(layers).
  returned: always
  type: dict
  sample: {scaleio: {agent01: {problems: [], layers: {declared: {scaleio-sds-domains: engineering}}}}}
"""
