# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The executor on a host whose commands are stubs that write themselves down."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from framework import fakes, programs
from framework.fakes import wait_for

from .conftest import Framework

STUB = """#!/bin/sh
name=$(basename "$0")
echo "$name $*" >> {folder}/commands
[ ! -e "{folder}/fails-$name" ] || exit 2
case "$name $*" in
    "dpkg -s "*) [ -e "{folder}/installed-$2" ] || {{ echo "package '$2' is not installed" >&2; exit 1; }}
        echo "Status: install ok installed"; echo "Version: $(cat "{folder}/installed-$2")" ;;
    "dpkg -i"*sdc*) echo "Success configuring module" ;;
    "dpkg -i"*) echo "Setting up something" ; echo "sds start/running, process 1" ;;
    "fdisk -l") echo "Disk /dev/sdb: 1 GiB" ;;
    "curl "*rexray*) echo 'echo rexray has been installed to /usr/bin/rexray' ;;
    "curl "*dvdcli*) echo 'echo dvdcli has been installed to /usr/bin/dvdcli' ;;
esac
"""


class Host:
    """An agent's host: its commands, its files below `root`, and what its agent hears."""

    def __init__(self, framework: Framework, folder: Path) -> None:
        self.framework, self.folder = framework, folder
        self.root = folder / "root"
        (self.root / "etc/mesos-slave").mkdir(parents=True)
        (self.root / "usr/lib").mkdir(parents=True)
        (folder / "stubs").mkdir()
        for name in ("dpkg", "fdisk", "blkid", "curl", "uname", "systemd-run"):
            (folder / "stubs" / name).write_text(STUB.format(folder=folder))
            (folder / "stubs" / name).chmod(0o755)
        self.agent = fakes.Mesos(stream="")
        self.program: programs.Program

    def scheduler(self, *flags: str, **environment: str) -> programs.Program:
        """One that names this world's mirror."""
        world = self.framework.world
        port = world.free_port()
        argv = world.library(
            "mirror", "-address", world.address, "-port", str(port), "-folder", f"{self.folder}/served"
        )
        world.run([*argv, "-packages", str(world.mirror.parent / "library/packages")], "mirror.log")
        wait_for(lambda: programs.listens(world.address, port))
        place = f"http://{world.address}:{port}"
        parts = ("sds", "sdc")
        packages = [
            f"-scaleio.ubuntu14.{part}={place}/EMC-ScaleIO-{part}-2.0-10000.2072.Ubuntu.14.04.x86_64.deb"
            for part in parts
        ]
        isolator = f"-isolator.binary={place}/libmesos_dvdi_isolator-1.0.1.so"
        return self.framework.start("-debug=true", *packages, isolator, *flags, **environment)

    def start(self, number: int = 1, **environment: str) -> None:
        """The executor, with its task launched."""
        path = f"{self.folder}/stubs:{os.environ['PATH']}"
        self.program = self.framework.world.executor(
            self.agent.address,
            self.framework.url,
            f"node{number}",
            **{"PATH": path, "SCALEIO_SIMULATOR_ROOT": str(self.root), **environment},
        )
        self.agent.wait(1)
        self.agent.send({"type": "SUBSCRIBED", "subscribed": {}})
        self.agent.send({"type": "LAUNCH", "launch": {"task": {"task_id": {"value": f"scaleio-node{number}"}}}})

    def installed(self, **versions: str) -> None:
        for name, version in versions.items():
            (self.folder / f"installed-{name.replace('_', '-')}").write_text(version)

    def failing(self, name: str) -> None:
        (self.folder / f"fails-{name}").touch()

    @property
    def commands(self) -> list[str]:
        path = self.folder / "commands"
        return path.read_text().splitlines() if path.exists() else []

    def state(self, number: int = 1) -> int:
        return int(self.framework.node(number)["state"])

    def reaches(self, state: int, number: int = 1) -> None:
        """Waits until its node is in a state, or past it on the way to 1024."""
        wait_for(lambda: state <= self.state(number) <= max(state, 1024))


@pytest.fixture
def host(framework: Framework, tmp_path: Path) -> Iterator[Host]:
    made = Host(framework, tmp_path)
    yield made
    made.agent.close()


Prepared = Callable[..., None]


def test_a_node_from_nothing_to_its_end(host: Host) -> None:
    host.scheduler()
    host.framework.join(1)
    host.start()
    host.reaches(1024)
    assert [pool["devices"] for pool in _pools(host.framework.node(1))] == [["/dev/sdb"]]
    assert host.framework.posted("Device")[0]["deviceCurrentPathname"] == "/dev/sdb"
    update = host.agent.of_type(2)[0]
    assert update["update"]["status"]["state"] == 1
    assert update["framework_id"]["value"].endswith("-0000")


def _pools(node: dict[str, Any]) -> list[dict[str, Any]]:
    return [pool for domain in node["ProvidesDomains"].values() for pool in domain["Pools"].values()]


def test_an_imperative_node_offers_nothing_and_asks_for_no_disks(host: Host) -> None:
    host.scheduler()
    host.framework.join(1, "scaleio-sdc-domains:d")
    host.start()
    host.reaches(1024)
    assert not [line for line in host.commands if line.startswith(("fdisk", "blkid"))]
    assert host.framework.node(1)["advertised"] is False


def test_kill_is_ignored(host: Host) -> None:
    host.scheduler()
    host.framework.join(1)
    host.start()
    host.agent.send({"type": "KILL", "kill": {"task_id": {"value": "scaleio-node1"}}})
    host.reaches(1024)
    assert host.program.running
    assert "info [EVENT] Received KILL" in host.program.lines


def test_shutdown_ends_it(host: Host) -> None:
    host.scheduler()
    host.framework.join(1)
    host.start()
    host.agent.send({"type": "SHUTDOWN"})
    assert host.program.wait() == 0


def test_it_ends_when_its_agent_is_lost(host: Host) -> None:
    host.scheduler()
    host.framework.join(1)
    host.start()
    host.agent.send("break")
    assert host.program.wait() == 1
    assert host.program.lines[-1] == "fatal Received too many invalid events. Lost communication to agent."


def test_an_executor_that_the_scheduler_does_not_know_fails_its_task(host: Host) -> None:
    host.scheduler()
    host.start(number=9)
    states = wait_for(
        lambda: (
            found if len(found := [call["update"]["status"]["state"] for call in host.agent.of_type(2)]) > 1 else None
        )
    )
    assert states == [1, 7]


def test_it_waits_in_state_1_until_every_node_is_there_and_in_7_too(host: Host) -> None:
    host.scheduler()
    host.framework.join(1)
    host.framework.join(2, "scaleio-sdc-domains:d")
    host.start()
    host.reaches(1)
    wait_for(lambda: "dpkg -s linux-image-4.4.0-38-generic" in host.commands)
    assert not [line for line in host.commands if "sds" in line]
    host.framework.tell(2, state=5)
    host.reaches(7)
    assert host.state(2) == 6
    host.framework.tell(2, state=7)
    host.reaches(1024)


@pytest.mark.parametrize("command", ["fdisk", "blkid"])
def test_disks_that_cannot_be_listed_are_fatal_at_first(host: Host, command: str) -> None:
    """blkid ends with 2 on a host where it knows nothing (recorded: UpdateDevices)."""
    host.failing(command)
    host.scheduler()
    host.framework.join(1)
    host.start()
    host.reaches(4096)
    assert len([line for line in host.commands if line.startswith(command)]) == 4


@pytest.mark.parametrize("command", ["curl", "uname"])
def test_other_commands_that_fail_are_fatal(host: Host, command: str) -> None:
    host.failing(command)
    host.scheduler()
    host.framework.join(1, "scaleio-sdc-domains:d")
    host.start()
    host.reaches(4096)


def test_a_mirror_that_is_away_is_fatal(host: Host) -> None:
    host.installed(libaio1="0.3", zip="3.0", linux_image_4_4_0_38_generic="4")
    (host.folder / "installed-linux-image-4.4.0-38-generic").write_text("4")
    host.scheduler("-scaleio.ubuntu14.sds=http://127.0.0.1:1/sds.deb")
    host.framework.join(1)
    host.start()
    host.reaches(4096)
    assert any("connection refused" in line for line in host.program.lines)


def test_the_places_of_the_release_are_out_of_reach(host: Host) -> None:
    host.framework.start("-debug=true")
    host.framework.join(1)
    host.start()
    host.reaches(4096)
    assert any("github.com cannot be reached" in line for line in host.program.lines)


def test_what_is_installed_stays(host: Host) -> None:
    host.installed(
        emc_scaleio_sds="2.0-10000.2072", emc_scaleio_sdc="2.0-10000.2072", rexray="0.8.1-1", dvdcli="0.2.1-1"
    )
    host.installed(libaio1="0.3", zip="3.0")
    (host.folder / "installed-linux-image-4.4.0-38-generic").write_text("4")
    (host.root / "usr/lib/libmesos_dvdi_isolator-1.0.1.so").touch()
    host.scheduler()
    host.framework.join(1)
    host.start()
    host.reaches(1024)
    assert not [line for line in host.commands if line.startswith(("dpkg -i", "curl"))]
    assert not (host.root / "etc/rexray").exists()
    assert "info No need to reboot while installing REX-Ray" in host.program.lines


def test_another_version_is_installed_over(host: Host) -> None:
    host.installed(emc_scaleio_sds="2.0-7536.0", emc_scaleio_sdc="2.0-10000.2072")
    host.scheduler()
    host.framework.join(1)
    host.start()
    host.reaches(5)
    assert [line.rpartition("/")[2][:15] for line in host.commands if "ScaleIO" in line] == ["EMC-ScaleIO-sds"]


def test_an_isolation_that_is_there_stays_behind_its_own(host: Host) -> None:
    path = host.root / "etc/mesos-slave/isolation"
    path.write_text("\nposix/cpu,posix/mem\n")
    host.scheduler()
    host.framework.join(1)
    host.start()
    host.reaches(1024)
    assert path.read_text() == "com_emccode_mesos_DockerVolumeDriverIsolator,posix/cpu,posix/mem"


def test_a_directory_of_rexray_that_is_there_keeps_its_mode(host: Host) -> None:
    (host.root / "etc/rexray").mkdir(mode=0o755)
    host.scheduler("-scaleio.clusterid=5a1e", "-scaleio.password=Unique-1234")
    host.framework.join(1, "scaleio-sds-domains:d;scaleio-sds-d:p;scaleio-sds-p:/dev/xvdf")
    host.start()
    host.reaches(1024)
    assert stat.S_IMODE((host.root / "etc/rexray").stat().st_mode) == 0o755
    text = (host.root / "etc/rexray/config.yml").read_text()
    assert "  systemId: 5a1e\n  protectionDomainName: d\n  storagePoolName: p" in text
    assert "  password: Unique-1234\n" in text


def test_a_missing_directory_of_the_agent_is_fatal(host: Host) -> None:
    (host.root / "etc/mesos-slave").rmdir()
    host.scheduler()
    host.framework.join(1)
    host.start()
    host.reaches(4096)


def test_without_debug_it_wants_a_reboot(host: Host) -> None:
    host.scheduler("-debug=false")
    host.framework.join(1, "scaleio-sdc-domains:d")
    host.start()
    host.reaches(8)
    line = "error /usr/lib/scaleio-simulator/reboot is missing: this host does not reboot"
    wait_for(lambda: line in host.program.lines or "systemd-run" in " ".join(host.commands))


def test_it_looks_for_disks_again_as_long_as_nobody_knows_of_them(host: Host) -> None:
    program = host.scheduler()
    host.framework.join(1)
    host.start()
    host.reaches(1024)
    # It must not ask the next scheduler before that has met the node.
    host.program.process.send_signal(signal.SIGSTOP)
    program.stop()
    looked = len([line for line in host.commands if line.startswith("fdisk")])
    host.framework.new_master()
    host.framework.start("-debug=true", name="second.log")
    host.framework.join(1)
    host.program.process.send_signal(signal.SIGCONT)
    wait_for(lambda: host.framework.node(1)["advertised"])
    assert len([line for line in host.commands if line.startswith("fdisk")]) == looked + 1


def test_memory(framework: Framework, host: Host) -> None:
    """Idle processes of sixteen hosts share one machine."""
    scheduler = host.scheduler()
    framework.join(1)
    host.start()
    host.reaches(1024)
    assert _resident(host.program) < 13 << 10
    assert _resident(scheduler) < 25 << 10


def _resident(program: programs.Program) -> int:
    """kB."""
    with open(f"/proc/{program.process.pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
