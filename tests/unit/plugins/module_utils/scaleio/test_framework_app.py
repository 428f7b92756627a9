# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The scheduler's app: what is declared, what is refused, and its command line word by word."""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_app import (
    app,
    master_of,
    normalise,
)

MDMS = {"primary": ["10.0.0.11"], "secondary": ["10.0.0.12"], "tiebreaker": ["10.0.0.13"]}
URIS = ["http://mirror/scaleio-scheduler", "http://mirror/scaleio-executor"]


def declared(**changes: Any) -> dict[str, Any]:
    return normalise(
        {
            "app": "/scaleio-scheduler",
            "uris": URIS,
            "cpus": 0.2,
            "mem": 32,
            "constraints": [["hostname", "UNIQUE"]],
            "flags": {},
            "env": {},
            "system_name": "scaleio",
            "system_id": "",
            "mdms": MDMS,
            "gateway_address": "10.0.0.20",
            "protection_domain": "default",
            "storage_pool": "default",
            "password": "secret",
            "timeout": 900.0,
            **changes,
        }
    )


def test_the_app_as_marathon_gets_it() -> None:
    wanted = declared(flags={"scaleio.ubuntu14.sds": "http://mirror/a b.deb", "loglevel": "info"}, env={"X": 1})
    assert wanted["errors"] == []
    made = app(wanted, "10.0.0.11:5050")
    assert shlex.split(made.pop("cmd")) == [
        *("chmod", "u+x", "scaleio-scheduler", "&&", "exec", "./scaleio-scheduler", "-rest.port=$PORT0"),
        "-uri=10.0.0.11:5050",
        "-scaleio.clustername=scaleio",
        "-scaleio.protectiondomain=default",
        "-scaleio.storagepool=default",
        "-scaleio.preconfig.primary=10.0.0.11",
        "-scaleio.preconfig.secondary=10.0.0.12",
        "-scaleio.preconfig.tiebreaker=10.0.0.13",
        "-scaleio.preconfig.gateway=10.0.0.20",
        "-loglevel=info",
        "-scaleio.ubuntu14.sds=http://mirror/a b.deb",
    ]
    assert made == {
        "id": "/scaleio-scheduler",
        "cpus": 0.2,
        "mem": 32,
        "instances": 1,
        "uris": URIS,
        "env": {"X": "1"},
        "constraints": [["hostname", "UNIQUE"]],
        "upgradeStrategy": {"minimumHealthCapacity": 0, "maximumOverCapacity": 0},
    }


def test_no_secret_is_in_what_is_declared() -> None:
    wanted = declared(password="PLANTED")
    assert "PLANTED" not in str(wanted) + str(app(wanted, "m1:5050"))


@pytest.mark.parametrize(
    ("command", "master"),
    [
        (app(declared(), "m2:5050")["cmd"], "m2:5050"),
        ("./scaleio-scheduler -uri='m1:5050' -x", "m1:5050"),
        ("./scaleio-scheduler -x.uri=no", ""),
        ("", ""),
    ],
)
def test_the_master_of_a_command(command: str, master: str) -> None:
    assert master_of(command) == master


@pytest.mark.parametrize(
    ("changes", "problems"),
    [
        pytest.param(
            {"mdms": {**MDMS, "primary": ["10.0.0.11", "10.0.0.14"]}},
            ["2 hosts have scaleio_mdm_role: primary (10.0.0.11, 10.0.0.14); exactly one is needed"],
            id="two primaries",
        ),
        pytest.param(
            {"mdms": {"primary": ["10.0.0.11"], "secondary": ["10.0.0.12"]}},
            ["0 hosts have scaleio_mdm_role: tiebreaker (none); exactly one is needed"],
            id="no tiebreaker",
        ),
        pytest.param(
            {"mdms": {**MDMS, "standby": ["10.0.0.14"]}},
            ["scaleio_mdm_role is standby on 10.0.0.14; it must be one of primary, secondary, tiebreaker"],
            id="an unknown role",
        ),
        pytest.param(
            {"mdms": {**MDMS, "secondary": ["10.0.0.11"]}},
            ["the address 10.0.0.11 stands for two MDMs"],
            id="one twice",
        ),
        pytest.param(
            {"mdms": {**MDMS, "secondary": ["m2"]}},
            ["the secondary MDM's address is m2; the framework needs an IP address"],
            id="a name in place of an address",
        ),
        pytest.param(
            {"gateway_address": ""},
            ["scaleio_gateway_address is empty; the framework needs an IP address"],
            id="no gateway",
        ),
        pytest.param(
            {"uris": ["http://mirror/scaleio-executor"]},
            [
                "scaleio_framework_uris names no scaleio-scheduler (http://mirror/scaleio-executor): the original place of download is"
                " gone, so give the addresses of scaleio-scheduler and scaleio-executor on a mirror of your own"
            ],
            id="no program",
        ),
        pytest.param(
            {"password": ""},
            ["scaleio_password is empty: give the password of ScaleIO's user admin, best from a vault"],
            id="no password",
        ),
        pytest.param(
            {"password": "50%off"},
            ["scaleio_password has a '%', which the framework's scheduler garbles for its executors: choose another"],
            id="a password that is taken for a format",
        ),
        pytest.param(
            {"flags": {"scaleio.password": "x"}},
            ["scaleio_framework_flags: scaleio.password is set by this collection, from variables of its own"],
            id="the password as a flag",
        ),
        pytest.param(
            {"flags": {"-debug": "true"}},
            ["scaleio_framework_flags: '-debug' is no flag; write it without its dash"],
            id="a dash",
        ),
        pytest.param(
            {"flags": {"store.delete": "true"}},
            ["scaleio_framework_flags: store.delete changes or prints what the store holds, and ends the scheduler"],
            id="a flag that deletes",
        ),
        pytest.param(
            {"flags": {"aws.secretkey": "x"}},
            ["scaleio_framework_flags: aws.secretkey is a secret, and every user can read a command line"],
            id="a secret as a flag",
        ),
        pytest.param(
            {"env": {"ADMIN_PASSWORD": "x"}},
            ["scaleio_framework_env: ADMIN_PASSWORD comes from scaleio_password, which is kept secret"],
            id="the password in the environment",
        ),
        pytest.param(
            {"storage_pool": "7"},
            ["scaleio_storage_pool: the name '7' reads as a number"],
            id="a pool that is a number",
        ),
    ],
)
def test_refusals(changes: dict[str, Any], problems: list[str]) -> None:
    found = declared(**changes)["errors"]
    assert len(found) == len(problems), found
    assert all(seen.startswith(wanted) for seen, wanted in zip(found, problems)), found
