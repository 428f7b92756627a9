#!/usr/bin/python
# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mesos_agent_info
short_description: Look at a Mesos agent
version_added: 0.1.0
description:
  - Returns what decides which attributes a Mesos agent has and what a restart would do to it. That is its packaging, unit,
    flags and attribute files, what the running agent reports, its checkpoint, the work that lives on it, and what the leading
    master knows of it.
  - It never writes. A service that is down is a fact in the answer and no error.
author:
  - Holdfast contributors (@holdfast)
extends_documentation_fragment:
  - holdfast.stateful.attributes.info
  - holdfast.stateful.mesos.masters
seealso:
  - module: holdfast.stateful.mesos_agent_attributes
  - module: holdfast.stateful.scaleio_node_info
"""

EXAMPLES = r"""
- name: Look at the agent
  holdfast.stateful.mesos_agent_info:
    masters: ["http://10.0.0.11:5050", "http://10.0.0.12:5050", "http://10.0.0.13:5050"]
  register: looked

- name: Show the work that a new agent ID would end
  ansible.builtin.debug:
    msg: "{{ looked.agent.work | map(attribute='sentence') }}"
"""

RETURN = r"""
agent:
  description: The agent on this host.
  returned: success
  type: dict
  contains:
    packaging:
      description: C(mesosphere), C(apache), C(dcos) or C(none).
      type: str
      sample: mesosphere
    wrapper:
      description: The init wrapper that the unit starts.
      type: str
      sample: /usr/bin/mesos-init-wrapper
    config_dir:
      description: The configuration directory in force, as the wrapper says.
      type: str
      sample: /etc/mesos-slave
    attributes_dir:
      description: Where the attribute files are.
      type: str
      sample: /etc/mesos-slave/attributes
    unit:
      description: The state of the agent's unit.
      type: dict
      sample: {name: mesos-slave.service, active: active, sub: running, enabled: enabled}
    flags:
      description:
        - The flags of the next start, attributes and resources left out.
        - A secret, also a password in an address, is replaced by "(not shown)".
      type: dict
      sample: {work_dir: /var/lib/mesos, reconfiguration_policy: equal}
    files:
      description: The attribute files that the wrapper would pass, as name and value.
      type: dict
      sample: {rack: r1}
    ignored_files:
      description: Files in that directory that are not passed.
      type: list
      elements: str
      sample: []
    obstacles:
      description:
        - What the wrapper or the agent could not start with, and what hides how the agent will be started. Each has C(kind),
          C(path) and C(sentence).
      type: list
      elements: dict
      sample: []
    running:
      description: What the running agent reports, or null.
      type: dict
      sample: {agent_id: 4e3c6523-4a13-449b-9790-3f3819cbd2c9-S0, attributes: {rack: r1}, policy: equal, pending_flags: {}}
    running_error:
      description: Why it does not answer although it should, or null.
      type: str
      sample: null
    running_refused:
      description: Whether nothing listens at its address and port.
      type: bool
      sample: false
    checkpoint:
      description:
        - What it would recover, the attributes of its first registration among it.
        - C(boot_id) is the kernel's of the boot in which it was written, or null; C(rebooted) says that it is another one now.
      type: dict
      sample:
        agent_id: 4e3c6523-4a13-449b-9790-3f3819cbd2c9-S0
        boot_id: 0a8ba3d6-4dbf-4f83-9f48-dc1ac9f6bb2f
        rebooted: false
        attributes: [[rack, TEXT, r1]]
    work:
      description: What lives on it, and what ends it.
      type: list
      elements: dict
      sample: [{kind: task, name: web.1, framework: Marathon, checkpointed: true, ends: with_agent_id}]
master:
  description: The leading master, and what it knows of this agent.
  returned: success
  type: dict
  contains:
    asked:
      description: The declared masters.
      type: list
      elements: str
      sample: ["http://10.0.0.11:5050"]
    leader:
      description: The one that leads, or null.
      type: str
      sample: "http://10.0.0.11:5050"
    error:
      description: Why none was found, or null.
      type: str
      sample: null
    connected:
      description: How many active agents it counts.
      type: int
      sample: 16
    agents:
      description: Its entries of this agent, by ID, pid or host name.
      type: list
      elements: dict
      sample: [{id: 4e3c6523-4a13-449b-9790-3f3819cbd2c9-S0, active: true, attributes: {rack: r1}}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import told_by
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.arguments import MASTERS, credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.observe import (
    identity_of,
    observe_master,
    observe_settled_agent,
)


def main() -> None:
    module = AnsibleModule(argument_spec={**MASTERS}, supports_check_mode=True)
    machine, known = Machine(), credentials(module.params)
    with told_by(module.fail_json):
        agent = observe_settled_agent(machine, credentials=known)
        master = observe_master(machine, module.params["masters"], known, identity_of(agent))
    module.exit_json(changed=False, agent=agent, master=master)


if __name__ == "__main__":
    main()
