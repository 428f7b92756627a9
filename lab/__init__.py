# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab: hosts that run systemd, reached over SSH, with addresses and disks of their own. Containers under podman.

``inventories/lab/hosts.yml`` describes it; ``python3 -m lab --help`` lists what can be done with it.
"""
