#!/usr/bin/python
# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scaleio_adopt
short_description: Print agents that were configured by hand as a declaration
version_added: 0.1.0
description:
  - Reads what M(holdfast.stateful.scaleio_node_info) registered on every member, and turns the attribute files back into the
    inventory that gives no change.
  - What it prints is planned at once. Whatever a run with it would still do, or be refused for, is said, such as the restart of
    an agent whose files were edited after its start, a backup file in the directory, an attribute that nothing reads, or a device
    with a file system.
  - This is about attributes alone. What a run goes on to, where a host talks to Marathon and the gateway, is not planned.
author:
  - Holdfast contributors (@holdfast)
options:
  group:
    description: The inventory group under which the hosts are printed.
    type: str
    default: mesos_agents
extends_documentation_fragment:
  - holdfast.stateful.clusters
  - holdfast.stateful.attributes.info
  - holdfast.stateful.attributes.action
seealso:
  - module: holdfast.stateful.scaleio_node_info
"""

EXAMPLES = r"""
- name: Turn the attribute files into a declaration
  holdfast.stateful.scaleio_adopt:
    members: "{{ groups['mesos_agents'] }}"
    observed: looked
  register: adopted
  run_once: true

- name: Keep it beside the inventory
  ansible.builtin.copy:
    content: "{{ adopted.text }}"
    dest: adopted.yml
    mode: "0644"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
text:
  description: The inventory as YAML, with the problems as comments before it.
  returned: always
  type: str
  sample: "mesos_agents:"
inventory:
  description: The same as data.
  returned: always
  type: dict
  sample: {mesos_agents: {hosts: {agent01: {scaleio_sds: {engineering: {qe: [/dev/xvdf]}}}}}}
problems:
  description: What no declaration can express, what a run with this one would still do or be refused for, and hosts that were
    left out. Where it is empty, such a run changes nothing.
  returned: always
  type: list
  elements: str
  sample: []
"""
