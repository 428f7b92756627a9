# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that several modules for Mesos agents share."""

from __future__ import annotations


class ModuleDocFragment:
    # How to reach the masters.
    MASTERS = r"""
options:
  masters:
    description:
      - The declared Mesos masters, as URLs with port, for example V(http://10.0.0.11:5050).
      - The leading one is whichever answers for itself. Redirects are never followed. Credentials reach these masters, and of
        the target only the port at which the process of the agent's own unit listens.
    type: list
    elements: str
    required: true
  master_username:
    description: The principal for HTTP basic authentication at the masters and at the agent; empty for none.
    type: str
    default: ''
  master_password:
    description: The secret that belongs to O(master_username).
    type: str
    default: ''
  master_ca_file:
    description: A PEM file on the target with the authorities that sign the masters' and the agent's certificates; empty for the system's.
    type: path
    default: ''
  master_validate_certs:
    description: Whether the certificates of masters with V(https) URLs, and of an agent that speaks TLS, are validated.
    type: bool
    default: true
"""

    # What may end.
    WORK = r"""
options:
  allow_work_loss:
    description:
      - Names the work that may end when the agent is restarted or gets a new agent ID, for example V(framework:Marathon),
        V(reservation:ROLE) or V(volume:ID). A refusal prints the names.
      - Work that is not named here is never ended.
    type: list
    elements: str
    default: []
  registration_timeout:
    description: Seconds to wait, after a start, until the leading master shows the agent with the wanted attributes.
    type: float
    default: 60.0
"""
