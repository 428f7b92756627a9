#!/usr/bin/python
# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Changes one attribute file many times, by the steps and the hands of the collection and nothing else.

A deployment writes each file once; a test that looks for torn writes needs hundreds, without a restart after each.
"""

from __future__ import annotations

import time

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import ANONYMOUS
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.act import AgentHands
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.plan import write_step


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "name": {"type": "str", "required": True},
            "values": {"type": "list", "elements": "str", "required": True},
            "times": {"type": "int", "required": True},
        }
    )
    values = module.params["values"]
    hands = AgentHands(Machine(), [], ANONYMOUS)
    for number in range(module.params["times"]):
        before, after = (values[(number + turn) % len(values)] for turn in (0, 1))
        hands.execute(write_step(module.params["directory"], module.params["name"], before, after))
        # Time for a reader to come between two writes.
        time.sleep(0.01)
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
