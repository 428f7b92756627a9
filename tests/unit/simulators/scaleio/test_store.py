# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tree that stands for ZooKeeper, and the flags that work on it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from framework import programs
from scaleio_simulator import kv
from scaleio_simulator.metadata import Store

NEEDED = "-experimental"  # nothing else is asked of a scheduler that only works on the store


def test_parents_are_made_and_stay() -> None:
    tree = kv.Tree()
    tree.put("a/b/c", "1")
    assert (tree.get("a"), tree.get("a/b"), tree.get("a/b/c/")) == ("", "", "1")
    tree.delete("a/b/c")
    assert tree.children("a/b") == []


def test_a_node_with_children_is_not_deleted() -> None:
    tree = kv.Tree()
    tree.put("a/b", "1")
    with pytest.raises(kv.StoreError, match="node has children"):
        tree.delete("a")
    tree.put("a/b/c", "1")
    with pytest.raises(kv.StoreError, match="node has children"):
        tree.delete_children("a")
    tree.delete_children("a/b")
    assert tree.children("a/b") == []


@pytest.mark.parametrize("path", ["", "/", "a//b", "a//"])
def test_paths_that_are_none(path: str) -> None:
    with pytest.raises(kv.StoreError, match="invalid path"):
        kv.Tree().put(path, "1")


def test_missing_keys() -> None:
    for operation in (kv.Tree().get, kv.Tree().children, kv.Tree().delete):
        with pytest.raises(kv.StoreError, match="Key not found in store"):
            operation("a")


def test_deleting_a_tree_leaves_its_root_when_it_had_children() -> None:
    """Recorded: the empty key of a domain that a node no longer has."""
    store = Store(kv.Tree(), "scaleio")
    store.tree.put("a/b/c", "1")
    store.tree.put("a/d", "1")
    store.delete_tree("a")
    assert store.tree.nodes == {"a": ""}
    store.delete_tree("a")
    assert store.tree.nodes == {}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("zk://m1:2181,m2:2181/mesos\n", ["m1:2181", "m2:2181"]),
        ("zk://m1:2181/a\n", ["m1:2181"]),
        ("m1:2181\n", ["m1:2181"]),
    ],
)
def test_servers_stand_in_the_file_of_mesos(tmp_path: Path, content: str, expected: list[str]) -> None:
    (tmp_path / "zk").write_text(content)
    assert kv.endpoints("", str(tmp_path / "zk")) == expected
    assert kv.endpoints("h:1", str(tmp_path / "zk")) == ["h:1"]


def test_the_daemon_keeps_the_tree(world: programs.World) -> None:
    tree = kv.connect(world.store)
    tree.put("a/b", "1 ü")
    world.programs[0].stop(signal.SIGKILL)
    with pytest.raises(kv.StoreError, match="could not connect"):
        tree.get("a/b")
    world.start_store()
    assert tree.get("a/b") == "1 ü"
    assert tree.children("a") == [("b", "1 ü")]
    with pytest.raises(kv.StoreError, match="node has children"):
        tree.delete("a")
    tree.delete_children("a")
    tree.delete("a")
    with pytest.raises(kv.StoreError, match="Key not found in store"):
        tree.get("a")


def test_nonsense_does_not_end_the_daemon(world: programs.World) -> None:
    host, _, port = world.store.partition(":")
    for garbage in (b"GET / HTTP/1.0\r\n\r\n", b"[]\n", b'{"op": "no", "path": "a"}\n'):
        world.speak((host, int(port)), garbage)
    kv.connect(world.store).put("a", "1")


def test_helpers_of_the_scheduler_end_it(world: programs.World) -> None:
    """Each ends with the fatal line of a scheduler that is none (recorded: key-value store)."""
    for flags in (["-store.add.key=x/y", "-store.add.value=1"], ["-store.dump", "-loglevel=debug"], ["-store.delete"]):
        program = world.scheduler(NEEDED, *flags)
        assert program.wait() == 1
        assert "fatal Scheduler is nil" in program.lines
    tree = kv.connect(world.store)
    assert tree.get("x/y") == "1"
    assert tree.get("scaleio-framework/scaleio") == ""  # the root stays, without its version
    assert world.scheduler(NEEDED, "-store.del.key=x").wait() == 1
    assert tree.children("x") == []


def test_the_dump_needs_level_debug(world: programs.World) -> None:
    program = world.scheduler(NEEDED, "-store.dump", "-role=other")
    program.wait()
    assert "Key " not in program.output
    assert world.dump(NEEDED, "-role=other") == ["Key scaleio-framework/other/version = Value 1"]
