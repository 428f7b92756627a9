# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Command line and environment of the scheduler."""

from __future__ import annotations

import pytest
from framework import programs
from scaleio_simulator import goflag, settings

FLAGS = [goflag.Flag("name", "x"), goflag.Flag("on", False), goflag.Flag("count", 5), goflag.Flag("part", 0.5)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["-name=y"], {"name": "y"}),
        (["-name", "y"], {"name": "y"}),
        (["--name", "y"], {"name": "y"}),
        (["--name=a=b"], {"name": "a=b"}),
        (["-name="], {"name": ""}),
        (["-name", "-on"], {"name": "-on"}),
        (["-on"], {"on": True}),
        (["-on=F"], {"on": False}),
        (["-on=T", "-on=false"], {"on": False}),
        (["-on", "false", "-name=y"], {"on": True}),
        (["-count=0x10"], {"count": 16}),
        (["-part", "2"], {"part": 2.0}),
        (["-name=y", "--", "-name=z"], {"name": "y"}),
        (["-name=y", "-", "-name=z"], {"name": "y"}),
        (["word", "-name=y"], {}),
    ],
)
def test_flags_are_read_as_go_reads_them(arguments: list[str], expected: dict[str, goflag.Value]) -> None:
    assert goflag.parse("p", FLAGS, arguments) == {"name": "x", "on": False, "count": 5, "part": 0.5, **expected}


@pytest.mark.parametrize(
    ("arguments", "text", "status"),
    [
        (["-nmae=y"], "flag provided but not defined: -nmae", 2),
        (["--nmae"], "flag provided but not defined: -nmae", 2),
        (["-name"], "flag needs an argument: -name", 2),
        (["---name=y"], "bad flag syntax: ---name=y", 2),
        (["-=y"], "bad flag syntax: -=y", 2),
        (["--=y"], "bad flag syntax: --=y", 2),
        (["-on=maybe"], 'invalid boolean value "maybe" for -on: parse error', 2),
        (["-count=many"], 'invalid value "many" for flag -count: parse error', 2),
        (["-count", " 5"], 'invalid value " 5" for flag -count: parse error', 2),
        (["-help"], "Usage of p:", 0),
        (["-h"], "Usage of p:", 0),
    ],
)
def test_wrong_flags_end_the_program(arguments: list[str], text: str, status: int) -> None:
    with pytest.raises(goflag.Usage) as raised:
        goflag.parse("p", FLAGS, arguments)
    assert (raised.value.text.splitlines()[0], raised.value.status) == (text, status)
    assert "Usage of p:" in raised.value.text


def test_the_command_line_goes_before_the_environment_and_that_before_defaults() -> None:
    environment = {"ADMIN_PASSWORD": "of-environment", "STORAGE_POOL": "p", "ROLE": "", "DEBUG": "1", "REST_PORT": "1"}
    loaded = settings.load(["-scaleio.storagepool=q", "-rest.port=2"], environment)
    assert loaded.text("scaleio.password") == "of-environment"
    assert loaded.text("scaleio.storagepool") == "q"
    assert loaded.text("role") == "scaleio"  # an empty variable counts as unset
    assert not loaded.true("debug")  # only "true" is true (config/env.go: envBool)
    assert loaded.number("rest.port") == 2


def test_a_variable_that_is_no_number_panics() -> None:
    with pytest.raises(goflag.Usage) as raised:
        settings.load([], {"REST_PORT": "many"})
    assert (raised.value.status, raised.value.text[:6]) == (2, "panic:")


def test_centos_packages_are_the_ones_of_rhel() -> None:
    assert settings.load(["-scaleio.centos7.sds=x"], {}).text("scaleio.rhel7.sds") == "x"


MDM = "-scaleio.preconfig.primary=10.0.0.31"
ALL = [MDM, "-scaleio.preconfig.secondary=10.0.0.32", "-scaleio.preconfig.tiebreaker=10.0.0.33"]


@pytest.mark.parametrize(
    ("flags", "status", "text"),
    [
        ([], 0, "error no preconfigured MDMs"),
        ([MDM], 0, "error preconfigured MDMs need all of"),
        (ALL[:2], 0, "error preconfigured MDMs need all of"),
        ([MDM, "-experimental"], 0, "error preconfigured MDMs need all of"),
        (["-experimental=true"], 1, "fatal MDMs that the framework installs itself"),
        ([*ALL, "-store.type=mongodb"], 1, "error Invalid libkv store type."),
        ([*ALL, "-store.type=etcd"], 1, "fatal NewKvStore Failed. Err: -store.type=etcd is not simulated"),
        ([*ALL, "-store.uri=127.0.0.1:1"], 1, "fatal NewKvStore Failed. Err: zk: could not connect to a server"),
        ([*ALL, "-scaleio.paswort=x"], 2, "flag provided but not defined: -scaleio.paswort"),
    ],
)
def test_how_the_scheduler_ends_at_once(world: programs.World, flags: list[str], status: int, text: str) -> None:
    """A scheduler whose prerequisites are not met ends with status 0 (scheduler's main.go)."""
    program = world.scheduler(*flags)
    assert program.wait() == status
    assert any(line.startswith(text) for line in [*program.lines, *program.output.splitlines()])


def test_a_port_in_use_ends_the_scheduler(world: programs.World) -> None:
    port = world.store.partition(":")[2]
    program = world.scheduler(*ALL, f"-rest.port={port}")
    assert program.wait() == 1
    assert "address already in use" in program.output
