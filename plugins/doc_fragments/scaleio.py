# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that several modules for ScaleIO share."""

from __future__ import annotations


class ModuleDocFragment:
    # What the host that talks to Marathon, scheduler and gateway is told.
    SERVICES = r"""
options:
  services:
    description: Given on the one host of a cluster that talks to Marathon, to the framework's scheduler and to the gateway.
    type: dict
    suboptions:
      app:
        description: The ID of the scheduler's app in Marathon.
        type: str
        default: /scaleio-scheduler
      uris:
        description: Where Marathon fetches C(scaleio-scheduler) and C(scaleio-executor).
        type: list
        elements: str
        default: []
      cpus:
        description: CPUs of the app.
        type: float
        default: 0.2
      mem:
        description: Memory of the app, in MB.
        type: int
        default: 32
      constraints:
        description: Where the app may run, as Marathon's constraints.
        type: list
        elements: list
        default: [[hostname, UNIQUE]]
      flags:
        description: Further flags of the scheduler, without their dash. Those that this collection sets itself are refused.
        type: dict
        default: {}
      env:
        description: Environment variables of the scheduler.
        type: dict
        default: {}
      timeout:
        description: Seconds to wait until every node is in its final state and the gateway shows what is declared.
        type: float
        default: 900.0
      mdms:
        description: The addresses of the MDMs by role, exactly one for each of V(primary), V(secondary) and V(tiebreaker).
        type: dict
        default: {}
      protection_domain:
        description: The protection domain of the single global pool.
        type: str
        default: default
      storage_pool:
        description: The storage pool of hosts without imperative attributes.
        type: str
        default: default
      gateway_address:
        description: The gateway's IP address.
        type: str
        required: true
      gateway_port:
        description: The gateway's port.
        type: int
        default: 443
      gateway_ca_file:
        description: A PEM file on the target with the authorities that sign the gateway's certificate; empty for the system's.
        type: path
        default: ''
      gateway_validate_certs:
        description: Whether the gateway's certificate is validated.
        type: bool
        default: true
      system_name:
        description: What the ScaleIO system is called.
        type: str
        default: scaleio
      system_id:
        description: The system's ID; empty for any.
        type: str
        default: ''
      password:
        description: The password of ScaleIO's user C(admin).
        type: str
        default: ''
      marathons:
        description: Marathon's URLs. The first that answers is used.
        type: list
        elements: str
        required: true
      marathon_username:
        description: The user for HTTP basic authentication at Marathon; empty for none.
        type: str
        default: ''
      marathon_password:
        description: The secret of that user.
        type: str
        default: ''
      marathon_ca_file:
        description: A PEM file on the target with the authorities that sign Marathon's certificate; empty for the system's.
        type: path
        default: ''
      marathon_validate_certs:
        description: Whether Marathon's certificate is validated.
        type: bool
        default: true
"""
