# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What a host is made of."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import hosts, inventory, services
from lab.machine import LabError, Machine
from lab.state import State

ALL = inventory.load()
LISTING = '[{"Names": ["holdfast-m1"], "State": "%s", "Labels": {"holdfast.lab": "%s", "holdfast.config": "abc"}}]'


@pytest.fixture
def state(tmp_path: Path) -> State:
    made = State(tmp_path)
    made.network.write_text("10.89.51")
    return made


def test_settings_of_a_master() -> None:
    made = hosts.files(ALL["m2"], ALL, "10.89.50")
    machine_id = made.pop("etc/machine-id")
    assert made == {
        "etc/mesos/zk": "zk://m1:2181,m2:2181,m3:2181/mesos\n",
        "etc/mesos-master/work_dir": "/var/lib/mesos\n",
        "etc/mesos-master/ip": "10.89.50.12\n",
        "etc/mesos-master/hostname": "m2\n",
        "etc/mesos-master/quorum": "2\n",
        "etc/default/scaleio-simulator": services.PACE,
    }
    assert len(machine_id) == 33
    assert machine_id != hosts.files(ALL["m1"], ALL, "10.89.50")["etc/machine-id"]


@pytest.mark.parametrize("name", ["agent01", "agent17"])
def test_settings_of_an_agent(name: str) -> None:
    made = hosts.files(ALL[name], ALL, "10.89.50")
    assert {path for path in made if "mesos-" in path} == {
        f"etc/mesos-slave/{flag}" for flag in ("work_dir", "ip", "hostname")
    }
    assert made["etc/mesos-slave/ip"] == f"10.89.50.{ALL[name].octet}\n"


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("m1", ["mesos-master.service", "marathon.service"]),
        ("m2", ["mesos-master.service"]),
        ("agent01", ["mesos-slave.service"]),
        ("agent17", []),
    ],
)
def test_units_that_are_started(tmp_path: Path, name: str, wanted: list[str]) -> None:
    assert hosts.units(ALL[name], [tmp_path]) == []
    units = tmp_path / "usr/lib/systemd/system"
    units.mkdir(parents=True)
    for unit in ("mesos-master.service", "mesos-slave.service", "marathon.service"):
        (units / unit).touch()
    assert hosts.units(ALL[name], [tmp_path]) == wanted


def test_the_command_that_makes_a_host(state: State) -> None:
    argv = hosts.creation(Machine("runc", apparmor=False), state, ALL["agent01"], ALL, "IMAGE", "holdfast-lab-abc")
    words = " ".join(argv)
    assert argv[0] == "run"
    assert argv[-2:] == ["IMAGE", "/usr/lib/holdfast-lab/init"]
    for part in (
        "--name holdfast-agent01 --hostname agent01",
        f"--label holdfast.lab={state.root}",
        "--ip 10.89.51.101",
        "--add-host m1:10.89.51.11",
        f"--volume {state.root}/hosts/agent01/sys/class/block:/sys/class/block:ro",
    ):
        assert part in words
    assert "--privileged" not in words
    assert "--device " not in words
    assert "apparmor" not in words
    confined = hosts.creation(Machine("runc", apparmor=True), state, ALL["agent01"], ALL, "IMAGE", "holdfast-lab-abc")
    assert "apparmor=unconfined" in confined


def test_hosts_that_exist(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "run", lambda *argv: LISTING % ("running", state.root))
    monkeypatch.setattr(hosts, "pid", lambda *_: 4711)
    assert hosts.containers(state) == hosts.intact(state) == {"m1": hosts.Container("m1", "running", "abc", True)}
    assert hosts.containers(state)["m1"].whole
    monkeypatch.setattr(hosts, "pid", lambda *_: None)
    monkeypatch.setattr(hosts, "run", lambda *argv: LISTING % ("exited", state.root))
    assert not hosts.intact(state)["m1"].running


@pytest.mark.parametrize("word", ["running", "created"])
def test_a_host_that_podman_cannot_start_or_stop_any_more(
    state: State, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setattr(hosts, "run", lambda *argv: LISTING % (word, state.root))
    assert not hosts.containers(state)["m1"].whole
    with pytest.raises(LabError, match=r"^m1: half made, or ended together with podman's monitor: `lab up` removes"):
        hosts.intact(state)


def test_hosts_of_another_lab_are_left_alone(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "run", lambda *argv: LISTING % ("running", "/elsewhere"))
    with pytest.raises(LabError, match=r"holdfast-m1 belongs to the lab whose state is in /elsewhere.*lab down"):
        hosts.containers(state)


def test_a_number_that_is_now_another_process_is_no_host(state: State) -> None:
    state.host("m1").mkdir(parents=True)
    assert hosts.pid(state, "m1") is None
    (state.host("m1") / "pid").write_text("1")
    assert hosts.pid(state, "m1") is None
    with pytest.raises(LabError, match="m1 is not running: start it with `lab start m1`"):
        hosts.root(state, "m1")


@pytest.mark.parametrize(
    ("content", "stat", "used"),
    [
        # v1 and hybrid: the memory hierarchy of v1 counts.
        (
            "4:memory:/pod/h\n1:name=systemd:/pod/h/init.scope\n0::/\n",
            ("memory/pod/h", "memory.usage_in_bytes", "total_inactive_file"),
            60,
        ),
        ("0::/pod/h/init.scope\n", ("pod/h", "memory.current", "inactive_file"), 60),
    ],
)
def test_memory_of_a_host(tmp_path: Path, content: str, stat: tuple[str, str, str], used: int) -> None:
    folder, total, inactive = stat
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folder / total).write_text("100\n")
    (tmp_path / folder / "memory.stat").write_text(f"cache 70\n{inactive} 40\n")
    assert hosts.memory_of(content, tmp_path) == used
