#!/usr/bin/python
# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: mesos_agent_attributes
short_description: Set attributes of a Mesos agent
version_added: 0.1.0
description:
  - Writes or removes attribute files, one for each attribute, restarts the agent when it needs that, and waits until the leading
    master shows it with exactly the attributes on disk, also where nothing had to be changed.
  - Says beforehand whether the restart keeps the agent ID (C(additive)) or needs a new one (C(new_agent_id)), and refuses when
    work would end that O(allow_work_loss) does not name.
  - Attributes of the C(scaleio-) prefix belong to M(holdfast.stateful.scaleio_node) and are refused here.
  - Works on one agent. Use C(serial) or C(throttle) to roll over many.
author:
  - Holdfast contributors (@holdfast)
options:
  attributes:
    description:
      - Names and values. A value is a text, a number, or ranges like V([1-10]), by the agent's own grammar.
      - With O(state=absent) the values do not count.
    type: dict
    required: true
  state:
    description: Whether the attributes are set or removed. Others are left alone.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - holdfast.stateful.attributes
  - holdfast.stateful.mesos.masters
  - holdfast.stateful.mesos.work
seealso:
  - module: holdfast.stateful.mesos_agent_info
"""

EXAMPLES = r"""
- name: Say where the agent stands
  holdfast.stateful.mesos_agent_attributes:
    attributes:
      rack: r1
      zone: z1
    masters: ["http://10.0.0.11:5050", "http://10.0.0.12:5050", "http://10.0.0.13:5050"]
  throttle: 1

- name: Forget the zone, although a task of Marathon ends with it
  holdfast.stateful.mesos_agent_attributes:
    attributes: {zone: ''}
    state: absent
    allow_work_loss: ["framework:marathon"]
    masters: ["http://10.0.0.11:5050", "http://10.0.0.12:5050", "http://10.0.0.13:5050"]
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, as sentences. After a failure, what was done before it.
  returned: always
  type: list
  elements: str
  sample: ["write /etc/mesos-slave/attributes/rack: r1"]
restart:
  description: Why the agent is restarted, or not. C(kind) is C(none), C(first), C(start), C(same), C(additive) or C(new_agent_id).
  returned: success
  type: dict
  sample: {kind: additive, reason: "all attributes of the first registration are kept, others are added"}
agent:
  description: The agent at the end, as the leading master shows it.
  returned: success, but in check mode only when the agent needs no restart
  type: dict
  sample: {id: 4e3c6523-4a13-449b-9790-3f3819cbd2c9-S0, active: true, attributes: {rack: r1}}
"""

import json

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import told_by
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.arguments import MASTERS, WORK, credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.attributes import set_attributes

RESERVED = {"scaleio-": "the scaleio role; declare scaleio_sds and scaleio_sdc instead"}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "attributes": {"type": "dict", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            **MASTERS,
            **WORK,
        },
        supports_check_mode=True,
    )
    attributes = module.params["attributes"]
    # The refusal of a text that is not UTF-8 comes with the arguments, and Ansible prints UTF-8 only.
    module.params["attributes"] = json.loads(json.dumps(attributes, ensure_ascii=False).encode(errors="replace"))
    with told_by(module.fail_json):
        result = set_attributes(
            Machine(),
            attributes,
            present=module.params["state"] == "present",
            reserved=RESERVED,
            masters=module.params["masters"],
            credentials=credentials(module.params),
            allow_work_loss=module.params["allow_work_loss"],
            registration_timeout=module.params["registration_timeout"],
            check_mode=module.check_mode,
        )
    if "msg" in result:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
