# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the transcripts leave unsaid about the state before a command: file contents, work directories, long values.

Only inputs are written here, never expected results. generate.py checks each against what the transcript does say of it
(sizes, modes, numbers of characters), and the state before is compared again when a case runs.
"""

from __future__ import annotations

from typing import Any, Union

# --- agent flags: files that exist, and arguments that the transcript shortens ---

FLAG_FILES = {"/etc/attrs.txt": "rack:fromfile;zone:z1\n"}

LONG_ARGUMENTS = {
    "long value 60000": "--attributes=long:" + "x" * 60000,
    "100 attributes": "--attributes=" + ";".join(f"k{index}:v{index}" for index in range(100)),
}

# --- recovery: how the work directory is made before each start ---
# "golden" is a copy of the work directory that case a1 leaves behind; "keep" leaves the one of the case before.

RECOVERY: dict[str, list[str]] = {
    "a1": ["empty"],
    "a2": ["keep"],
    "d1b": ["keep"],
    "d1c": ["keep"],
    "d1d": ["keep"],
    "d1e": ["keep"],
    "l1": ["golden", "remove meta/slaves/latest"],
    "l2": ["golden", "remove meta/slaves/{id}"],
    "l3": ["golden", "remove meta/slaves/{id}/slave.info"],
    "l4": ["golden", "truncate meta/slaves/{id}/slave.info 0"],
    "l5": ["golden", "truncate meta/slaves/{id}/slave.info 20"],
    "l6": ["golden", "truncate meta/slaves/{id}/slave.info 20"],
    "l8": ["golden", "remove meta"],
    "l9": ["golden", "latest-as-directory"],
    "b1": ["golden", "write meta/boot_id 00000000-0000-4000-8000-000000000000"],
    "b2": ["golden", "write meta/boot_id 00000000-0000-4000-8000-000000000000"],
    "b3": ["golden", "write meta/boot_id 00000000-0000-4000-8000-000000000000"],
    "b4": ["golden", "remove meta/boot_id"],
    "b5": ["golden", "remove meta/boot_id"],
    "b6": ["golden", "boot-id-with-newline"],
    "b7": ["golden", "write meta/boot_id 00000000-0000-4000-8000-000000000000"],
    "r4": ["empty"],
    "s6": ["keep"],
    "s7": ["keep"],
}
RECOVERY_DEFAULT = ["golden"]

# --- init wrapper: contents of the files that a listing shows by name and size ---

Content = Union[str, bytes]
_OLD = "old\n"
_DNS_HELPER = "/usr/bin/mesosphere-dnsconfig"

WRAPPER_FILES: dict[str, dict[str, Content]] = {
    "1": {
        "attributes/rack": "r1\n",
        "attributes/scaleio-sds-domains": "engineering\n",
        "resources/ports": "[31000-32000]\n",
    },
    "4": {
        "attributes/a": "  lead",
        "attributes/b": "trail  \n",
        "attributes/c": "in ner\n",
        "attributes/d": "\ttab\t\n",
        "attributes/e": " \n",
    },
    "5": {"attributes/a": "nonl", "attributes/b": "many\n\n\n", "attributes/c": "crlf\r\n"},
    "6": {"attributes/a": "one\ntwo\n", "attributes/b": "one\n\nthree\n", "attributes/c": "\nlate\n"},
    "7": {"attributes/empty": "", "attributes/nl": "\n"},
    "9": dict.fromkeys(
        (
            "attributes/#rack#",
            "attributes/.rack.swp",
            "attributes/rack",
            "attributes/rack.1234.2026-11-21@10:00:00~",
            "attributes/rack.bak",
            "attributes/rack.dpkg-old",
            "attributes/rack.rpmsave",
            "attributes/rack~",
        ),
        _OLD,
    ),
    "11": {"?strict": "content is ignored\n", "attributes/?x": "1\n"},
    "16": {"port": "5051\n"},
    "18": {"attributes": "rack:r1;zone:z1\n"},
    "19": {"resources": "cpus:2;mem:1024\n"},
    "20": {"attributes/a": "x;y:z\n", "attributes/b": "$HOME `id` \"q\" 's' \\n *\n"},
    "22": {"attributes/rack": "r\0001\n"},
    "23": {"attributes/rack": b"r\xff\xfe1\n"},
    "24": {"ip": "10.0.0.12\n"},
    "28b": {"attributes/note": "x--no-loggery\n"},
    "29": {"hostname": "node1\nnode2\n", "resources": "cpus:2\nmem:10\n"},
    "30": {"attributes/long": "x" * 60000},
    "31": {"attributes/long": "x" * 200000},
}
# Where nothing is said above: by path, then by size.
WRAPPER_COMMON: dict[str, Content] = {
    "work_dir": "/var/lib/mesos\n",
    "attributes/rack": "r1\n",
    "?no-switch_user": "",
    "?no-logger": "",
}
WRAPPER_BY_SIZE: dict[int, Content] = {1: "x", 2: "v\n"}

WRAPPER_LINKS = {
    "17": {"attributes/dang": "/nonexistent", "attributes/lnk": "/etc/mesos-slave/attributes/rack"},
    "17b": {"attributes/dirlnk": "/tmp"},
}

# Other files of the host: text to write, or None for one that is missing.
WRAPPER_HOST: dict[str, dict[str, Any]] = {
    "24": {"/etc/default/mesos-slave": "MASTER=`cat /etc/mesos/zk`\nIP=10.0.0.11\n"},
    "25": {"/etc/default/mesos-slave": 'MASTER=`cat /etc/mesos/zk`\nMESOS_ATTRIBUTES="rack:fromenv;zone:z9"\n'},
    "26": {"/etc/mesos/zk": None},
    "27": {"/etc/default/mesos": None, "/etc/default/mesos-slave": None},
    "27b": {"/etc/default/mesos": None, "/etc/default/mesos-slave": None, "/etc/mesos-slave": None},
    "35": {"/etc/default/mesos": 'LOGS=/var/log/mesos\nULIMIT="-n 9999999"\n'},
    "37": {_DNS_HELPER: "#!/bin/sh\nexit 3\n"},
}
WRAPPER_HOST_COMMON = {
    "/etc/default/mesos": 'LOGS=/var/log/mesos\nULIMIT="-n 8192"\n',
    "/etc/default/mesos-slave": "MASTER=`cat /etc/mesos/zk`\n",
    "/etc/mesos/zk": "zk://10.0.0.10:2181/mesos\n",
    _DNS_HELPER: None,
}
