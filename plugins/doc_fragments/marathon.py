# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Options that modules for Marathon share."""

from __future__ import annotations


class ModuleDocFragment:
    # How to reach Marathon.
    ACCESS = r"""
options:
  marathons:
    description:
      - URLs of the instances of one Marathon, with port and without a path, for example V(http://10.0.0.11:8080).
      - When one does not answer or knows no leader, the next is asked. Redirects are never followed. Credentials reach these only.
    type: list
    elements: str
    required: true
  marathon_username:
    description: The user for HTTP basic authentication; empty for none.
    type: str
    default: ''
  marathon_password:
    description: The password of O(marathon_username).
    type: str
    default: ''
  marathon_ca_file:
    description: A PEM file, on the host where this runs, with the authorities that sign Marathon's certificate; empty for the system's.
    type: path
    default: ''
  marathon_validate_certs:
    description: Whether certificates of V(https) URLs are validated.
    type: bool
    default: true
"""

    # What is waited for, and how long.
    PATIENCE = r"""
options:
  force:
    description:
      - Whether a deployment of somebody else that locks the app is stopped by this change. What it was doing stays half done,
        for every app that it concerns.
      - The default waits for its end, up to O(lock_timeout).
    type: bool
    default: false
  lock_timeout:
    description: Seconds to wait for the end of a deployment that locks the app. After that nothing is changed.
    type: float
    default: 120.0
  deployment_timeout:
    description:
      - Seconds to wait for the end of the deployment, until as many tasks run as are declared, or none any more.
      - A deployment that takes longer goes on in Marathon. The error says what it waits for.
    type: float
    default: 300.0
"""
