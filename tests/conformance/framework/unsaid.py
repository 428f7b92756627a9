# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inputs that the transcripts leave unsaid, or say in prose: flags, the order of nodes, what was sent by hand, what the gateway
was told to refuse. Nothing here is expected of the simulators."""

from __future__ import annotations

from framework.fakes import Refusal

FLAGS = (
    "-loglevel=debug",
    "-scaleio.password=Secret1",
    "-scaleio.protectiondomain=gpd",
    "-scaleio.storagepool=gsp",
    "-scaleio.preconfig.primary=10.0.0.31",
    "-scaleio.preconfig.secondary=10.0.0.32",
    "-scaleio.preconfig.tiebreaker=10.0.0.33",
    "-scaleio.preconfig.gateway=10.0.0.40",
    "-hostname=sched1",
    "-user=root",
)

# The order of the first offers: /ui shows its beginning, the first turn at the gateway the rest.
NODES = [9, 8, 17, 19, 14, 3, 12, 7, 4, 1, 5, 13, 6, 18, 10, 11, 2, 16, 15]
# Which nodes ask the gateway after the restart, in their order, and which do not, behind them.
RESTARTED = [6, 3, 14, 7, 4, 12, 1, 5, 16, 13, 2, 8, 9, 10, 11, 15, 17, 18, 19]

# "GET /api/state without nodes" and the agent that came back are in the transcripts; its attributes as they were set then:
RETURNED = "scaleio-sds-domains:newdomain;scaleio-sds-newdomain:newpool;scaleio-sds-newpool:/dev/xvdq"

# Devices that were POSTed by hand, by node, before the turns of the first scheduler, of the second, and before its last one.
DEVICES = {4: ["/dev/sdb", "/dev/sdc"], 12: ["/dev/sdd"]}
DEVICES_RESTARTED = {4: ["/dev/sdb", "/dev/mapper/x"]}
DEVICES_LAST = {20: ["/dev/sdy"]}

INTERNAL = '{"message": "internal", "httpStatusCode": 500, "errorCode": 1}'
UNAUTHORIZED = '{"message": "Unauthorized", "httpStatusCode": 401, "errorCode": 0}'
POOL_REFUSED = '{"message": "pool refused", "httpStatusCode": 500, "errorCode": 0}'
OPEN_FAILED = '{"message": "Device open failed", "httpStatusCode": 500, "errorCode": 69}'
NOT_ALLOWED = '{"message": "not allowed", "httpStatusCode": 401, "errorCode": 5}'

# What the gateway was told to refuse, by turn.
REFUSALS = {
    1: [Refusal("GET", "/api/login", "", 401, UNAUTHORIZED)],
    2: [
        Refusal("POST", "/StoragePool/", '"p10"', 500, POOL_REFUSED),
        Refusal("POST", "/Device/", '"/dev/xvdz"', 500, OPEN_FAILED),
    ],
    7: [
        Refusal("GET", "/relationships/Sds", "", 500, INTERNAL),
        Refusal("POST", "/Device/", '"/dev/sdy"', 401, NOT_ALLOWED),
    ],
}

# Commands of the executor's host, as the recording's stubs answered them.
FDISK = "Disk /dev/sdb: 10 GiB\n/dev/sda1 2048 100 83 Linux\nDisk /dev/mapper/x: 10 GiB\n"
BLKID = '/dev/sda1: UUID="a" TYPE="ext4"\n'
