#!/usr/bin/python
# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: marathon_app
short_description: Run an app on Marathon, or remove it
version_added: 0.1.0
description:
  - Creates, changes or removes an app, and waits until the deployment has ended and exactly as many tasks run as are declared,
    or none any more. It waits also where nothing had to be changed.
  - Compares by meaning. Marathon's defaults and what it adds by itself are no difference, nor is the order of constraints, V(1)
    and V(1.0), V(uris) and V(fetch), or a slash in front of O(id).
  - A field that is not declared gets Marathon's default, except C(instances), C(role) and C(executorResources), which are left as they are.
  - Every change but one of the number of instances ends all tasks of the app and starts new ones.
  - Runs on any host that reaches Marathon, the controller included. It changes nothing on that host.
author:
  - Holdfast contributors (@holdfast)
options:
  id:
    description: The app's path, with or without a slash in front.
    type: str
    required: true
  state:
    description: Whether Marathon has the app.
    type: str
    choices: [present, absent]
    default: present
  app:
    description:
      - The app, with the fields that Marathon's REST API has. Required with O(state=present).
      - Instead of the deprecated C(uris) and C(ports), C(fetch) and C(portDefinitions) are sent.
      - Values of C(env) must be texts; a number is put in quotes.
    type: dict
  env_secrets:
    description:
      - Environment variables of the app whose values are secrets. They are sent in C(env) and compared there, but neither they
        nor the values that they replace are shown in results, differences or errors.
      - A value that also occurs elsewhere in the app is refused, as everybody can read it there.
      - Marathon itself stores and shows the environment to everybody who may look at the app.
    type: dict
    default: {}
  started_since:
    description:
      - A moment such as V(2026-11-21T19:00:00Z). When a task of the app was started before it, the app is restarted; a second
        run finds newer tasks and does nothing.
      - By Marathon's clock. A moment that has not come yet by the clock of the host where this runs is refused.
    type: str
    default: ''
extends_documentation_fragment:
  - holdfast.stateful.attributes
  - holdfast.stateful.marathon.access
  - holdfast.stateful.marathon.patience
"""

EXAMPLES = r"""
- name: Run a web server on three different hosts
  holdfast.stateful.marathon_app:
    marathons: ["http://10.0.0.11:8080", "http://10.0.0.12:8080"]
    id: /shop/web
    app:
      cmd: exec ./web --port=$PORT0
      fetch:
        - uri: http://10.0.0.5/web
          executable: true
      cpus: 0.5
      mem: 256
      instances: 3
      constraints: [[hostname, UNIQUE]]
      env:
        LOG_LEVEL: info
    env_secrets:
      DATABASE_PASSWORD: "{{ shop_database_password }}"
    marathon_username: deployer
    marathon_password: "{{ marathon_deployer_password }}"
  run_once: true
  delegate_to: localhost

- name: Start it anew, unless that has been done since the certificate was replaced
  holdfast.stateful.marathon_app:
    marathons: ["http://10.0.0.11:8080"]
    id: /shop/web
    app: "{{ shop_web }}"
    started_since: "2026-11-21T19:00:00Z"

- name: Remove it
  holdfast.stateful.marathon_app:
    marathons: ["http://10.0.0.11:8080"]
    id: /shop/web
    state: absent
"""

RETURN = r"""
actions:
  description: What was done, or would be in check mode, as sentences. After a failure, what was done before it.
  returned: always
  type: list
  elements: str
  sample: ["scale the app /shop/web from 1 to 3 instances"]
app:
  description:
    - The app as it stands at the end, without values of environment variables that are not declared in O(app); V(null) when
      there is none.
    - C(settled) says whether no deployment concerns it and exactly as many tasks run as it has instances.
  returned: success, and after a failure when Marathon has answered
  type: dict
  sample:
    id: /shop/web
    version: "2026-11-21T19:00:00.000Z"
    definition: {cmd: "exec ./web --port=$PORT0", instances: 1, env: {DATABASE_PASSWORD: "********"}}
    tasks: [{id: shop_web.1, host: agent01, ports: [31001], state: TASK_RUNNING, startedAt: "2026-11-21T19:00:02.000Z"}]
    tasksRunning: 1
    deployments: []
    lastTaskFailure: null
    settled: true
deployment:
  description: The ID of the last deployment that this run has begun; V(null) when there was none.
  returned: success, and after a failure when Marathon has answered
  type: str
  sample: 839314dd-f223-4d55-9d74-a556119e84be
stopped_deployments:
  description: IDs of the deployments that stayed half done because of O(force).
  returned: success, and after a failure when Marathon has answered
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import told_by
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.apps import remove_app, set_app
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.arguments import (
    MARATHON,
    PATIENCE,
    marathon,
    policy,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "id": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "app": {"type": "dict"},
            "env_secrets": {"type": "dict", "default": {}, "no_log": True},
            "started_since": {"type": "str", "default": ""},
            **MARATHON,
            **PATIENCE,
        },
        required_if=[("state", "present", ["app"])],
        supports_check_mode=True,
    )
    params = module.params
    with told_by(module.fail_json):
        web = marathon(params, Machine())
        if params["state"] == "absent":
            result = remove_app(web, params["id"], policy=policy(params), check_mode=module.check_mode)
        else:
            result = set_app(
                web,
                params["id"],
                params["app"],
                params["env_secrets"],
                policy=policy(params),
                started_since=params["started_since"],
                check_mode=module.check_mode,
            )
    if "msg" in result:
        module.fail_json(**result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
