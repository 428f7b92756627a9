# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Two storage pools, rolled out by four agents over four racks (scenario scaleio_two_pools)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.lab.harness import (
    address,
    contributed,
    described,
    down_together,
    events,
    registered,
    started_with,
    tree,
)

QE = [f"agent{number:02}" for number in range(1, 9)]
DEVELOPMENT = [f"agent{number:02}" for number in range(9, 17)]

ARGV_QE = (
    "/usr/sbin/mesos-slave --master=zk://m1:2181,m2:2181,m3:2181/mesos --log_dir=/var/log/mesos --hostname={host}"
    " --ip={address} --work_dir=/var/lib/mesos"
    " --attributes=scaleio-sdc-domains:engineering;scaleio-sdc-engineering:qe;"
    "scaleio-sds-domains:engineering;scaleio-sds-engineering:qe;scaleio-sds-qe:/dev/xvdf"
)
ARGV_DEVELOPMENT = (
    "/usr/sbin/mesos-slave --master=zk://m1:2181,m2:2181,m3:2181/mesos --log_dir=/var/log/mesos --hostname={host}"
    " --ip={address} --work_dir=/var/lib/mesos"
    " --attributes=scaleio-sdc-domains:engineering;scaleio-sdc-engineering:development;"
    "scaleio-sds-development:/dev/xvdf;scaleio-sds-domains:engineering;scaleio-sds-engineering:development"
)
FILES_QE = {
    "scaleio-sdc-domains": b"engineering\n",
    "scaleio-sdc-engineering": b"qe\n",
    "scaleio-sds-domains": b"engineering\n",
    "scaleio-sds-engineering": b"qe\n",
    "scaleio-sds-qe": b"/dev/xvdf\n",
}
FILES_DEVELOPMENT = {
    "scaleio-sdc-domains": b"engineering\n",
    "scaleio-sdc-engineering": b"development\n",
    "scaleio-sds-development": b"/dev/xvdf\n",
    "scaleio-sds-domains": b"engineering\n",
    "scaleio-sds-engineering": b"development\n",
}


def test_every_agent_was_restarted_once_with_the_attributes_of_its_pool() -> None:
    expected = dict.fromkeys(QE, ARGV_QE) | dict.fromkeys(DEVELOPMENT, ARGV_DEVELOPMENT)
    started = {host: started_with(host) for host in expected}
    assert {host: len(argvs) for host, argvs in started.items()} == dict.fromkeys(expected, 2)
    assert {host: argvs[-1] for host, argvs in started.items()} == {
        host: argv.format(host=host, address=address(host)).split() for host, argv in expected.items()
    }


def test_files_are_exact_to_the_byte() -> None:
    expected = dict.fromkeys(QE, FILES_QE) | dict.fromkeys(DEVELOPMENT, FILES_DEVELOPMENT)
    assert {host: tree(host) for host in expected} == expected


def test_the_leading_master_shows_exactly_the_wanted_attributes() -> None:
    shown = {
        host: {name: value.decode().strip() for name, value in files.items()}
        for hosts, files in ((QE, FILES_QE), (DEVELOPMENT, FILES_DEVELOPMENT))
        for host in hosts
    }
    assert registered() == shown


def test_the_rollout_never_took_more_than_four_nor_two_racks_and_proved_the_first_agent_alone() -> None:
    together = down_together(events())
    assert together[0] == {"agent01"}
    assert together[1] <= {"agent02", "agent03", "agent04"}
    assert max(map(len, together)) in (2, 3, 4)
    for hosts in together:
        assert len({described()[host]["scaleio_rack"] for host in hosts}) == 1, f"down together: {sorted(hosts)}"


def test_each_pool_has_its_eight_devices_at_the_gateway() -> None:
    pools = dict.fromkeys(QE, "engineering/qe") | dict.fromkeys(DEVELOPMENT, "engineering/development")
    assert contributed() == {address(host): {"/dev/xvdf": pool} for host, pool in pools.items()}


def test_the_second_run_has_left_the_agents_alone(reach: Callable[[str], Any]) -> None:
    """After the scenario's own check that it changes nothing: nobody was restarted by it, see above, and all is well."""
    for host in ("agent01", "agent16"):
        assert reach(host).service("mesos-slave").is_running
