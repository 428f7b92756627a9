# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import packaging

# The lines of the packages' wrappers that say what they read.
MESOSPHERE = """#!/bin/bash
  To set the port: echo 5050 > /etc/mesos-slave/port
function slave {
  local etc_slave=/etc/mesos-slave
  set -o allexport
  [[ ! -f /etc/default/mesos ]]       || . /etc/default/mesos
  [[ ! -f /etc/default/mesos-slave ]] || . /etc/default/mesos-slave
  set +o allexport
  for f in "$etc_slave"/attributes/*
}

function master {
  local etc_master=/etc/mesos-master
  [[ ! -f /etc/default/mesos-master ]] || . /etc/default/mesos-master
}
"""
APACHE = MESOSPHERE.replace("slave", "agent")
OLD = MESOSPHERE.replace("  set -o allexport\n", "").replace("  set +o allexport\n", "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            MESOSPHERE,
            packaging.Wrapper(
                "mesosphere", "/etc/mesos-slave", ("/etc/default/mesos", "/etc/default/mesos-slave"), True
            ),
        ),
        (
            APACHE,
            packaging.Wrapper("apache", "/etc/mesos-agent", ("/etc/default/mesos", "/etc/default/mesos-agent"), True),
        ),
        (
            OLD,
            packaging.Wrapper(
                "mesosphere", "/etc/mesos-slave", ("/etc/default/mesos", "/etc/default/mesos-slave"), False
            ),
        ),
        (
            'function slave {\n  local etc_slave="/srv/mesos/"\n}\n',
            packaging.Wrapper("mesosphere", "/srv/mesos", (), False),
        ),
        (
            'etc_slave=/etc/mesos-slave\nset -o allexport\nfor f in /etc/default/mesos "/etc/default/mesos-$1"; do . "$f"; done\n',
            packaging.Wrapper(
                "mesosphere", "/etc/mesos-slave", ("/etc/default/mesos", "/etc/default/mesos-slave"), True
            ),
        ),
        ("#!/bin/sh\nexec /usr/sbin/mesos-agent --work_dir=/x\n", None),
        ("function master {\n  local etc_master=/etc/mesos-master\n}\n", None),
        ("# etc_slave=/etc/x\n", None),
        ("", None),
    ],
)
def test_wrappers_say_what_they_read(text: str, expected: Any) -> None:
    assert packaging.read_wrapper(text) == expected


def environment(
    text: str, *, exports_all: bool = True, **before: str
) -> tuple[dict[str, str], set[str], list[tuple[int, str]]]:
    variables, exported = dict(before), set(before)
    files = {"/etc/mesos/zk": "zk://m1:2181/mesos\n"}
    unread = packaging.read_environment(text, variables, exported, files.get, exports_all=exports_all)
    return variables, exported, unread


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {}),
        ("# MASTER=x\n\n", {}),
        ("MASTER=`cat /etc/mesos/zk`", {"MASTER": "zk://m1:2181/mesos"}),
        ('MASTER="$(cat /etc/mesos/zk)"', {"MASTER": "zk://m1:2181/mesos"}),
        ("MASTER=`cat /nowhere`", {"MASTER": ""}),
        ('ULIMIT="-n 8192"', {"ULIMIT": "-n 8192"}),
        ("A='x y' B=z # both", {"A": "x y", "B": "z"}),
        ("export A=1; B=2", {"A": "1", "B": "2"}),
        ("A=1\nB=\"$A-${A}\"\nC='$A'\nD=\\$A", {"A": "1", "B": "1-1", "C": "$A", "D": "$A"}),
        ('A="q\\"x"', {"A": 'q"x'}),
        ("A=", {"A": ""}),
        ("MESOS_ATTRIBUTES='rack:r1;zone:z1'", {"MESOS_ATTRIBUTES": "rack:r1;zone:z1"}),
    ],
)
def test_shell_assignments(text: str, variables: dict[str, str]) -> None:
    assert environment(text) == (variables, set(variables), [])


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        # What needs a shell and sets no flag is passed over.
        ("A=$(hostname -i)", []),
        ("A=`date`", []),
        ("if true; then A=1; fi", []),
        ("ulimit -n 1 # if there are many", []),
        ("A='open", []),
        ("A=~/x", []),
        ("A=1 && B=2", []),
        ('JAVA_OPTS="$JAVA_OPTS -x"', []),
        ("./mesos-check && echo ip", []),
        ("# MESOS_PORT=$(x)", []),
        ('MESOS_ATTRIBUTES="rack:$(hostname -s)"', [(1, "MESOS_ATTRIBUTES")]),
        ("\nexport MESOS_WORK_DIR=/data/$(hostname)/mesos", [(2, "MESOS_WORK_DIR")]),
        ("MESOS_HOSTNAME=$HOSTNAME", [(1, "MESOS_HOSTNAME")]),
        ("NAME=$(hostname)\nMESOS_HOSTNAME=${NAME}.example.org", [(2, "MESOS_HOSTNAME")]),
        ("NAME=a\nNAME=$(hostname)\nMESOS_HOSTNAME=$NAME", [(3, "MESOS_HOSTNAME")]),
        ("IP=$(hostname -I | cut -d' ' -f1)", [(1, "IP")]),
        ("[ -f /x ] && MASTER=zk://x", [(1, "MASTER")]),
        ("MESOS_ATTRIBUTES='a:b;\nc:d'", [(1, "MESOS_ATTRIBUTES")]),
        ("A=1 declare -x MESOS_IP=1 MESOS_PORT=2 MESOS_IP", [(1, "MESOS_IP, MESOS_PORT")]),
        ('if [ -z "${A}" ]; then\n  MESOS_PORT=1\nfi\nMESOS_STRICT=1', [(2, "MESOS_PORT")]),
        ("for f in a b; do\n  case $f in\n  a) B=1 ;;\n  esac\n  LOGS=/x\ndone\nLOGS=/y", [(5, "LOGS")]),
        ("f() {\n  ISOLATION=a\n}\nISOLATION=b", [(2, "ISOLATION")]),
        (". /etc/mesos/more", [(1, "any variable")]),
        ("[ -f /x ] && source /x", [(1, "any variable")]),
        ('if true; then eval "$(cat /x)"; fi', [(1, "any variable")]),
        ("export $(xargs < /x)", [(1, "any variable")]),
    ],
)
def test_what_needs_a_shell_and_may_set_a_flag_is_said(text: str, unread: list[tuple[int, str]]) -> None:
    variables, _, found = environment(f"{text}\nOTHER=1")
    assert found == unread
    hidden = {name for _, names in unread for name in names.split(", ")} - {"LOGS", "ISOLATION"}
    assert not hidden & set(variables)


def test_without_allexport_only_exported_variables_reach_the_agent() -> None:
    text = "MESOS_PORT=1\nexport MESOS_IP=2\nMESOS_HOSTNAME=3\nexport MESOS_HOSTNAME\nOTHER=4"
    variables, exported, unread = environment(text, exports_all=False)
    assert packaging.environment_flags(variables, exported) == {"ip": "2", "hostname": "3"}
    assert unread == []
    assert packaging.environment_flags(*environment(text)[:2]) == {"ip": "2", "hostname": "3", "port": "1"}


def test_unit_environment() -> None:
    assert packaging.unit_environment('A=b "C=d e" nonsense') == {"A": "b", "C": "d e"}
    assert packaging.unit_environment('"broken') == {}


@pytest.mark.parametrize(
    ("argv", "flags", "twice"),
    [
        (["--work_dir=/x", "--IP=1"], {"work_dir": "/x", "ip": "1"}, []),
        (["--strict", "--no-switch_user"], {"strict": "true", "switch_user": "false"}, []),
        (["word", "-x", "", "--a=b", "--", "--c=d"], {"a": "b"}, []),
        (["--ip=1", "--ip=2"], {"ip": "2"}, ["ip"]),
        (["--a=b=c"], {"a": "b=c"}, []),
    ],
)
def test_flags(argv: list[str], flags: dict[str, str], twice: list[str]) -> None:
    assert packaging.parse_flags(argv) == (flags, twice)


def test_command_line() -> None:
    wrapper = packaging.read_wrapper(MESOSPHERE)
    assert wrapper is not None
    variables = {"MASTER": "zk://x", "IP": "", "LOGS": "/var/log/mesos", "ULIMIT": "-n 8192"}
    files = {"work_dir": "/var/lib/mesos", "?no-switch_user": "", "?strict": "ignored"}
    assert packaging.command_line(wrapper, variables, files) == [
        "--master=zk://x",
        "--log_dir=/var/log/mesos",
        "--no-switch_user",
        "--strict",
        "--work_dir=/var/lib/mesos",
    ]


def test_pending_flags() -> None:
    running = {"ip": "1", "resources": "cpus:2;mem:1", "attributes": "a:b", "gone": "x", "credential": '{"secret":"a"}'}
    following = {"ip": "1", "resources": "mem:1\ncpus:2", "port": "2", "credential": '{"secret":"b"}'}
    assert packaging.pending_flags(running, following) == {
        "credential": ["(not shown)", "(not shown)"],
        "gone": ["x", None],
        "port": [None, "2"],
    }
    assert packaging.pending_flags({"resources": "cpus:2"}, {"resources": "cpus:4"}) == {
        "resources": ["cpus:2", "cpus:4"]
    }


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("credential", "/etc/c", "/etc/c"),
        ("http_credentials", "file:///etc/h", "file:///etc/h"),
        ("http_credentials", '{"credentials": [{"secret": "s"}]}', "(not shown)"),
        ("jwt_secret_key", "abc", "(not shown)"),
        ("executor_environment_variables", '{"AWS_SECRET": "s"}', "(not shown)"),
        ("modules", '{"libraries": []}', "(not shown)"),
        ("modules", "/etc/modules.json", "/etc/modules.json"),
        ("default_container_info", "{}", "(not shown)"),
        ("master", "zk://mesos:s3cret@z1:2181,z2:2181/mesos", "zk://(not shown)@z1:2181,z2:2181/mesos"),
        ("master", "zk://mesos:s3 c:r@t@z1:2181/mesos", "zk://(not shown)@z1:2181/mesos"),
        ("docker_registry", "https://u:p@reg.example.org", "https://(not shown)@reg.example.org"),
        ("master", "zk://z1:2181/mesos", "zk://z1:2181/mesos"),
        ("ip", "1", "1"),
    ],
)
def test_secrets_are_not_shown(name: str, value: str, shown: str) -> None:
    assert packaging.shown_flags({name: value}) == {name: shown}


DIRECTORY = "/etc/mesos-slave/attributes"
Entry = packaging.Entry


@pytest.mark.parametrize(
    ("entry", "files", "ignored", "kinds"),
    [
        (Entry("rack", "file", b"r1\n"), {"rack": "r1"}, [], []),
        (Entry("rack", "file", b"r1"), {"rack": "r1"}, [], []),
        (Entry("rack", "file", b"many\n\n\n"), {"rack": "many"}, [], []),
        (Entry("rack", "file", b"r\x001\n"), {"rack": "r1"}, [], []),
        (Entry("a", "file", b"  lead"), {"a": "  lead"}, [], []),
        (Entry("empty", "file", b""), {}, ["empty"], []),
        (Entry(".hidden", "file", b"x"), {}, [".hidden"], []),
        (Entry(".hidden", "directory"), {}, [".hidden"], []),
        (Entry("fifo", "fifo"), {}, ["fifo"], []),
        (Entry("device", "block"), {}, ["device"], []),
        (Entry("dangling", None), {}, ["dangling"], []),
        (Entry("sub", "directory"), {}, [], ["subdirectory"]),
        (Entry("rack", "file", None, "Permission denied"), {}, [], ["unreadable"]),
        (Entry("nl", "file", b"\n"), {"nl": ""}, [], ["bad_value"]),
        (Entry("sp", "file", b" \n"), {"sp": " "}, [], ["bad_value"]),
        (Entry("a", "file", b"nan\n"), {"a": "nan"}, [], ["bad_value"]),
        (Entry("a", "file", b"{x}\n"), {"a": "{x}"}, [], ["bad_value"]),
        (Entry("a", "file", b"7\n"), {"a": "7"}, [], []),
        (Entry("a", "file", b"r1;zone:z9\n"), {"a": "r1;zone:z9"}, [], ["bad_value"]),
        (Entry("a", "file", b"crlf\r\n"), {"a": "crlf\r"}, [], ["bad_value"]),
        (Entry("a", "file", b"one\ntwo\n"), {"a": "one\ntwo"}, [], ["two_lines"]),
        (Entry("a", "file", b"one\nzone:z9\n"), {"a": "one\nzone:z9"}, [], ["two_lines"]),
        (Entry("a", "file", b"r\xff1\n"), {"a": "r\\xff1"}, [], ["not_utf8"]),
        (Entry("a\udcff", "file", b"x\n"), {"a\\xff": "x"}, [], ["not_utf8"]),
        (Entry("rack.1@10:00~", "file", b"r1\n"), {"rack.1@10:00~": "r1"}, [], ["bad_name"]),
        (Entry("a;b", "file", b"x\n"), {"a;b": "x"}, [], ["bad_name"]),
        (Entry("rack~", "file", b"r1\n"), {"rack~": "r1"}, [], ["bad_name"]),
        (Entry("#rack#", "file", b"r1\n"), {"#rack#": "r1"}, [], ["bad_name"]),
        (Entry("rack.dpkg-dist", "file", b"r1\n"), {"rack.dpkg-dist": "r1"}, [], ["bad_name"]),
        (Entry("rack.new", "file", b"r1\n"), {"rack.new": "r1"}, [], []),
        (Entry("long", "file", b"x" * 200_000), {"long": "x" * 200_000}, [], ["bad_value"]),
    ],
)
def test_attribute_files(entry: packaging.Entry, files: dict[str, str], ignored: list[str], kinds: list[str]) -> None:
    found = packaging.read_attributes(DIRECTORY, [entry])
    assert found.files == files
    assert found.ignored == ignored
    assert [item["kind"] for item in found.obstacles] == kinds
    for item in found.obstacles:
        assert item["path"].startswith(DIRECTORY) and item["path"] in item["sentence"]


def test_leftovers_that_become_flags() -> None:
    names = ["work_dir", "?no-switch_user", "?strict", "Ip", "work_dir.bak", "port~", "port.dpkg-dist"]
    found = packaging.flag_obstacles("/etc/mesos-slave", names, ["ip", "ip"])
    assert [(item["kind"], item["path"].rpartition("/")[2]) for item in found] == [
        ("bad_flag", "work_dir.bak"),
        ("bad_flag", "port~"),
        ("bad_flag", "port.dpkg-dist"),
        ("bad_flag", "ip"),
    ]
