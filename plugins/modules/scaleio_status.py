#!/usr/bin/python
# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scaleio_status
short_description: Compare ScaleIO members as declared, on disk, reported, registered, known to the framework and at the gateway
version_added: 0.1.0
description:
  - Reads what M(holdfast.stateful.scaleio_node_info) registered on every member, and prints one line for each, hosts that could
    not be reached included.
  - Names every difference between what the inventory declares, what the files say, what the running agent reports, and what
    the leading master shows; and every disk that the framework would take from an agent without imperative attributes.
  - Where a host was observed with O(holdfast.stateful.scaleio_node_info#module:services), also what the framework knows of each member
    and what the gateway shows, with a line for each storage pool, and all that is amiss with the services themselves.
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
    members: "{{ groups['mesos_agents'] + groups['scaleio_gateway'] | default([]) }}"
    observed: looked
  register: compared
  run_once: true

- name: Be strict about it
  ansible.builtin.assert:
    that: compared.problems | length == 0
"""

RETURN = r"""
text:
  description: The tables, the notes and the problems, for people.
  returned: always
  type: str
  sample: "scaleio: 16 members"
problems:
  description: Everything that a user must look at, as sentences that name the members or, for the whole of it, the cluster.
  returned: always
  type: list
  elements: str
  sample: ["agent07: its agent is not up: mesos-slave.service is failed (failed)"]
notes:
  description: What is no problem and worth a word, namely protection domains and storage pools that are empty and that nobody declares.
  returned: always
  type: list
  elements: str
  sample: []
clusters:
  description:
    - For each cluster and member the problems, and what stands in each place under C(layers), null where it could not be seen.
    - C(declared), C(on_disk), C(reported) and C(registered) are attributes, C(framework) is what the scheduler knows of the member, and
      C(gateway) is protection domain -> pool -> devices. The last two are there where the services were looked at.
  returned: always
  type: dict
  sample: {scaleio: {agent01: {problems: [], layers: {declared: {scaleio-sds-domains: engineering}}}}}
"""
