#!/usr/bin/python
# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scaleio_node_info
short_description: Look at a Mesos agent as the ScaleIO framework will see it, and at the framework's services
version_added: 0.1.0
description:
  - Returns in one call everything that decides what a host contributes to ScaleIO. That is the configuration directory that
    is in force, the agent's flags and attribute files, what the running agent reports, its checkpoint, the work that lives
    on it, what the leading master knows of it, and every block device with two verdicts.
  - The first verdict, C(taken), is what the framework's own rule would take when the agent has no imperative attributes. The
    second, C(free), is whether anything at all uses the device.
  - With O(services) it also returns what the cluster's services show, that is the scheduler's app in Marathon, the scheduler's state,
    the framework and all agents at the leading master, and everything at the gateway. One host of a cluster is told so.
  - It also takes what the host declares and returns it normalised, with an error for everything that the agent or the
    framework would misread, so that M(holdfast.stateful.scaleio_plan) needs nothing else.
  - It never writes, and opens devices for reading only.
author:
  - Holdfast contributors (@holdfast)
options:
  cluster:
    description: The name of the ScaleIO cluster that the host belongs to, of letters, digits, C(_) and C(-).
    type: raw
    default: scaleio
  member:
    description: The host's name in the inventory.
    type: str
    required: true
  node:
    description: Whether the host has an agent of the cluster. Without one, O(services) alone are looked at.
    type: bool
    default: true
  state:
    description:
      - V(present) declares the layout.
      - V(absent) declares that the host contributes nothing; O(allow_global_pool) decides whether the marker that says so stands.
      - V(rollback) declares the attribute set that was in force before the last change.
      - The layout (O(sds), O(sdc), O(persona)) counts only with V(present).
    type: str
    choices: [present, absent, rollback]
    default: present
  sds:
    description:
      - What the host contributes, as protection domain -> storage pool -> devices.
      - Devices are a list of paths and by-id names, one JMESPath expression over the returned devices (a text that begins with
        V([)), or a mapping with C(select) (an expression) and C(count) (how many it must yield, or V(any)).
      - Any shape is accepted here and judged with a sentence, because an argument specification would turn a list into a text.
    type: raw
  sdc:
    description: What the host uses, as protection domain -> list of storage pools. See O(sdc_default) when it is left out.
    type: raw
  sdc_default:
    description:
      - What a host with O(sds) and without O(sdc) uses.
      - V(last_sds_pool) writes the last pool of the last domain, the rule of the article that introduced the method. V(none)
        writes nothing, and leaves the choice to the framework.
    type: str
    choices: [last_sds_pool, none]
    default: last_sds_pool
  persona:
    description: The MDM role that the framework gives the host, V(primary), V(secondary) or V(tiebreaker); only read when MDMs
      are not configured beforehand.
    type: raw
  rack:
    description: The host's rack, a text. Agents of different racks are never taken down together.
    type: raw
    default: ''
  allow_global_pool:
    description:
      - With O(state=absent), leave no marker, so that the framework takes every disk that it finds unused.
      - Where the plan goes up to the gateway, each of these disks must be in O(global_pool_devices).
    type: bool
    default: false
  method:
    description:
      - How the cluster tells the framework what to take. V(imperative) is by attributes on every host. V(global_pool) is without,
        so that every unused disk that O(global_pool_devices) confirms goes to one pool.
      - It is a setting of the whole cluster.
    type: str
    choices: [imperative, global_pool]
    default: imperative
  global_pool_mixed:
    description: With O(method=global_pool), whether hosts may have imperative attributes all the same.
    type: bool
    default: false
  global_pool_devices:
    description: The disks of this host that the framework may take, as a list of paths and by-id names.
    type: raw
    default: []
  max_unavailable:
    description: How many agents of the cluster may be down at the same time.
    type: int
    default: 1
  expected_members:
    description: How many members the cluster must have, against inventories that were cut into slices; V(0) for no such check.
    type: int
    default: 0
  only_new:
    description: Whether members that have joined before are left as they are, which is what onboarding means.
    type: bool
    default: false
  heal:
    description: Whether the plan is to mend what holds the framework up, in place of bringing the cluster to its declaration.
    type: bool
    default: false
  heal_create:
    description: With O(heal), whether what is declared may be created at the gateway where the framework has given it up.
    type: bool
    default: false
  claim_wait:
    description: Seconds to wait for an acting call of another run that is at work on this host.
    type: float
    default: 30.0
extends_documentation_fragment:
  - holdfast.stateful.attributes.info
  - holdfast.stateful.mesos.masters
  - holdfast.stateful.mesos.work
  - holdfast.stateful.scaleio.services
seealso:
  - module: holdfast.stateful.scaleio_plan
  - module: holdfast.stateful.scaleio_node
  - module: holdfast.stateful.mesos_agent_info
"""

EXAMPLES = r"""
- name: Look at the agent and its disks
  holdfast.stateful.scaleio_node_info:
    member: "{{ inventory_hostname }}"
    masters: ["http://10.0.0.11:5050", "http://10.0.0.12:5050", "http://10.0.0.13:5050"]
    sds:
      engineering:
        qe: "[?free && size_bytes > `1000000000000`].path"
  register: looked

- name: Show what the framework would take from a host without attributes
  ansible.builtin.debug:
    msg: "{{ looked.observation.devices | selectattr('taken') | map(attribute='path') }}"
"""

RETURN = r"""
observation:
  description: The host, as one document.
  returned: success
  type: dict
  contains:
    schema:
      description: The version of this document.
      type: int
      sample: 2
    cluster:
      description: The cluster's name.
      type: str
      sample: scaleio
    member:
      description: The host's name in the inventory.
      type: str
      sample: agent01
    agent:
      description: See RV(holdfast.stateful.mesos_agent_info#module:agent). Its C(checkpoint) has the agent ID and the boot ID.
      type: dict
      sample: {packaging: mesosphere, attributes_dir: /etc/mesos-slave/attributes}
    master:
      description: See RV(holdfast.stateful.mesos_agent_info#module:master).
      type: dict
      sample: {leader: "http://10.0.0.11:5050", error: null, connected: 16}
    devices:
      description: The block devices.
      type: list
      elements: dict
      contains:
        path:
          description: The name under which lsblk shows it, C(/dev/mapper/NAME) for a device of the device mapper.
          type: str
          sample: /dev/xvdf
        names:
          description: Links below C(/dev/disk/by-id).
          type: list
          elements: str
          sample: [/dev/disk/by-id/scsi-0HOLDFAST_1]
        size_bytes:
          description: Size in bytes.
          type: int
          sample: 2199023255552
        model:
          description: The disk's model.
          type: str
          sample: HOLDFAST-DISK
        serial:
          description: The disk's serial number.
          type: str
          sample: "0001"
        rotational:
          description: Whether the kernel takes it for a rotating disk.
          type: bool
          sample: true
        parent:
          description: The device that it lies on, as C(path) names it; null for a whole disk.
          type: str
          sample: null
        type:
          description: C(disk), C(part), C(lvm), C(loop), ... as lsblk says.
          type: str
          sample: disk
        taken:
          description: Whether the framework's rule would take it.
          type: bool
          sample: true
        taken_because:
          description: Why, or why not.
          type: str
          sample: fdisk lists it and no path in blkid's output contains its name
        free:
          description: Whether nothing at all uses it.
          type: bool
          sample: true
        free_because:
          description: Every reason against it, or what was looked for.
          type: list
          elements: str
          sample: [no mount, swap, LVM, md, partition, signature or holder, opens exclusively]
        mounts:
          description: Where it, or something on it, is mounted.
          type: list
          elements: str
          sample: []
        signatures:
          description: What wipefs finds on it.
          type: list
          elements: str
          sample: []
        holders:
          description: What holds it, in the kernel.
          type: list
          elements: str
          sample: []
        children:
          description: Devices on it.
          type: list
          elements: str
          sample: []
    framework:
      description: What the framework's rule offers as text (C(offers)), and why it would fail (C(error)).
      type: dict
      sample: {offers: [/dev/xvdf], error: null}
    devices_error:
      description: Why the devices could not be looked at, or null.
      type: str
      sample: null
    identity:
      description: The member's record, or null.
      type: dict
      sample: {system: scaleio, cluster: scaleio, member: agent01, ordinal: 0}
    claim:
      description: The last run that acted on this host, or null.
      type: dict
      sample: null
    heal:
      description: With O(heal), what it may do; else null.
      type: dict
      sample: {create: false}
    previous:
      description: The attribute set in force before the last change, or null; C(error) alone where its file is damaged.
      type: dict
      sample: {files: {scaleio-sds-domains: engineering}}
    wanted:
      description: What the host declares, normalised.
      type: dict
      sample: {state: present, errors: [], warnings: []}
    services:
      description:
        - With O(services), what the cluster's services show. What belongs to the agent is returned with O(node=true) alone.
        - C(error) of each part says why it could not be seen. No password is in it.
      type: dict
      contains:
        wanted:
          description: What is declared of the framework, normalised, with an error for everything that is wrong about it.
          type: dict
          sample: {app: /scaleio-scheduler, errors: []}
        marathon:
          description: The scheduler's app as it stands (C(app)), and as it should be (C(declared)).
          type: dict
          sample: {error: null, app: null, declared: null}
        scheduler:
          description: What the scheduler says of itself and, in C(nodes), of every host by its name.
          type: dict
          sample: {url: "http://10.0.0.101:31000", error: null, version: 0.3.1, password_matches: true, nodes: {}}
        mesos_framework:
          description: The framework at the leading master; C(registered) is its ID where exactly one scheduler stands behind it.
          type: dict
          sample: {leader: "http://10.0.0.11:5050", error: null, name: ScaleIO Framework, registered: null}
        agents:
          description: All agents of the leading master, or null.
          type: list
          elements: dict
          sample: [{hostname: agent01, active: true, ip: 10.0.0.101, attributes: {}}]
        leader:
          description: Host and port of the leading master.
          type: str
          sample: "10.0.0.11:5050"
        gateway:
          description: What the gateway shows, with system, MDM cluster, protection domains, pools, SDSs, devices and activity.
          type: dict
          sample: {error: null, system: {name: scaleio, id: 5a1e000000000001, version: R2_0.10000.2072}}
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import told_by
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._core.secrets import check_masks_nothing
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.arguments import MASTERS, WORK, credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.arguments import SERVICES
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.observe import observe_host
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.services import Services
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.wanted import METHODS, echoable, normalise


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "cluster": {"type": "raw", "default": "scaleio"},
            "member": {"type": "str", "required": True},
            "node": {"type": "bool", "default": True},
            "state": {"type": "str", "choices": ["present", "absent", "rollback"], "default": "present"},
            "sds": {"type": "raw"},
            "sdc": {"type": "raw"},
            "sdc_default": {"type": "str", "choices": ["last_sds_pool", "none"], "default": "last_sds_pool"},
            "persona": {"type": "raw"},
            "rack": {"type": "raw", "default": ""},
            "allow_global_pool": {"type": "bool", "default": False},
            "method": {"type": "str", "choices": list(METHODS), "default": "imperative"},
            "global_pool_mixed": {"type": "bool", "default": False},
            "global_pool_devices": {"type": "raw", "default": []},
            "max_unavailable": {"type": "int", "default": 1},
            "expected_members": {"type": "int", "default": 0},
            "only_new": {"type": "bool", "default": False},
            "heal": {"type": "bool", "default": False},
            "heal_create": {"type": "bool", "default": False},
            "claim_wait": {"type": "float", "default": 30.0},
            **MASTERS,
            **WORK,
            **SERVICES,
        },
        supports_check_mode=True,
    )
    wanted = normalise(module.params) if module.params["node"] else None
    params = module.params = echoable(module.params)
    machine, known = Machine(), credentials(params)
    with told_by(module.fail_json):
        observation = observe_host(
            machine,
            cluster=str(params["cluster"]),
            member=params["member"],
            masters=params["masters"],
            credentials=known,
            wanted=wanted,
            services=(Services(machine, params["services"], params["masters"], known) if params["services"] else None),
            heal={"create": params["heal_create"]} if params["heal"] else None,
            claim_wait=params["claim_wait"],
        )
        check_masks_nothing(observation, module.no_log_values)
    module.exit_json(changed=False, observation=observation)


if __name__ == "__main__":
    main()
