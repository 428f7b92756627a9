#!/usr/bin/python
# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scaleio_node
short_description: Carry out one phase of a ScaleIO plan on one host
version_added: 0.1.0
description:
  - On a Mesos agent, writes the attribute files, restarts the agent when the plan says so, and waits until the leading master shows
    it with exactly the wanted attributes, all in one call.
  - Where the framework is about to start or to be healed, looks once more at the disks that it, or the gateway, will take.
  - On the host that talks to the services, waits for a quiet gateway between batches, starts or restarts the framework's scheduler
    through Marathon, creates at the gateway what a healing plan says, and waits until every node is in its final state and the gateway
    shows what is declared. Where a healing plan says so it tells the scheduler the next state of nodes that have come to a halt.
  - Directly before each step it looks again, and stops when the host is no longer as it was when the step was planned.
  - A phase starts only when every host of the phase before has succeeded, whatever the play ignores or rescues.
  - In check mode the answer comes from the plan, without a connection to the host.
author:
  - Holdfast contributors (@holdfast)
options:
  planned:
    description: The name of the variable in which M(holdfast.stateful.scaleio_plan) was registered.
    type: str
  phase:
    description: The index of the phase, counted from 1.
    type: int
  cluster:
    description: Filled in from the plan.
    type: str
  member:
    description: Filled in from the plan.
    type: str
  steps:
    description: Filled in from the plan.
    type: list
    elements: dict
  run:
    description: Filled in from the plan.
    type: dict
  context:
    description: Filled in from the plan.
    type: dict
extends_documentation_fragment:
  - holdfast.stateful.attributes
  - holdfast.stateful.attributes.action
  - holdfast.stateful.mesos.masters
  - holdfast.stateful.scaleio.services
seealso:
  - module: holdfast.stateful.scaleio_node_info
  - module: holdfast.stateful.scaleio_plan
"""

EXAMPLES = r"""
- name: Carry out the first phase
  holdfast.stateful.scaleio_node:
    planned: planned
    phase: 1
    masters: ["http://10.0.0.11:5050", "http://10.0.0.12:5050", "http://10.0.0.13:5050"]
  when: inventory_hostname in planned.plan.phases[0].hosts
  ignore_errors: false
  ignore_unreachable: false
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, as sentences. After a failure, what was done before it.
  returned: always
  type: list
  elements: str
  sample:
    - "write /etc/mesos-slave/attributes/scaleio-sds-qe: /dev/xvdf"
agent:
  description: The agent at the end, as the leading master shows it.
  returned: when the agent was started or restarted
  type: dict
  sample: {id: 4e3c6523-4a13-449b-9790-3f3819cbd2c9-S0, active: true, attributes: {scaleio-sds-domains: engineering}}
gateway:
  description: What the gateway showed at the end, with system, MDM cluster, protection domains, pools, SDSs and devices.
  returned: when it was waited for
  type: dict
  sample: {system: {name: scaleio, id: 5a1e000000000001, version: R2_0.10000.2072}}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Step
from ansible_collections.holdfast.stateful.plugins.module_utils._core.identity import Run
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.arguments import MASTERS, credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.act import (
    NodeHands,
    act_on_node,
    act_on_services,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.arguments import SERVICES
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_plan import is_of_services
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.services import Services, ServicesHands


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "planned": {"type": "str"},
            "phase": {"type": "int"},
            "cluster": {"type": "str"},
            "member": {"type": "str"},
            "steps": {"type": "list", "elements": "dict"},
            "run": {"type": "dict"},
            "context": {"type": "dict"},
            **MASTERS,
            **SERVICES,
        },
        required_together=[("cluster", "member", "steps", "run", "context")],
        supports_check_mode=True,
    )
    machine, params = Machine(), module.params
    steps = [Step.from_json(step) for step in params["steps"] or []]
    run, where = Run.from_json(params["run"]), {"cluster": params["cluster"], "member": params["member"]}
    masters, known = params["masters"], credentials(params)
    if params["services"] and all(map(is_of_services, steps)):
        services = Services(machine, params["services"], masters, known)
        result = act_on_services(machine, ServicesHands(services), steps, run, **where)
    else:
        context = params["context"]
        peers = [name for member, name in context["peers"].items() if member != params["member"]]
        hands = NodeHands(machine, masters, known, expendable_tasks=context["own_tasks"], peers=peers)
        result = act_on_node(machine, hands, steps, run, **where)
    if "msg" in result:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
