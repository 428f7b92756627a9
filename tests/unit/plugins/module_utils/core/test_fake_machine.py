# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The machine in memory behaves as the real one, so that what passes on it means something."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import CommandError, HoldfastError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import Died, FakeMachine, Unexpected

PATHS = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "link", "link/a", "d"])
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), PATHS, st.sampled_from(["1", "2"])),
        st.tuples(st.just("remove"), PATHS, st.just("")),
        st.tuples(st.just("move"), PATHS, st.sampled_from(["new", "more/new", "d/new", "link/new"])),
    ),
    max_size=8,
)


def apply(machine: Machine, root: str, staging: str, action: tuple[str, str, str]) -> str:
    verb, path, more = action
    try:
        if verb == "write":
            machine.write(f"{root}/{path}", more.encode(), staging=(staging,))
        elif verb == "remove":
            machine.remove(f"{root}/{path}")
        else:
            machine.move(f"{root}/{path}", f"{root}/{more}")
    except (HoldfastError, OSError) as error:
        return "failed" if isinstance(error, OSError) else error.what
    return "done"


def look(machine: Machine, root: str, below: str = "") -> dict[str, object]:
    found: dict[str, object] = {}
    for name in machine.names(f"{root}{below}"):
        path = f"{below}/{name}"
        kind = machine.kind(f"{root}{path}")
        found[path] = (kind, machine.read(f"{root}{path}"), machine.real(f"{root}{path}")[len(root) :])
        if kind == "directory":
            found.update(look(machine, root, path))
    return found


def comparable(actions: list[tuple[str, str, str]]) -> bool:
    """Every move goes to a place of its own and not below itself: the machine in memory refuses the rest."""
    moves = [(path, more) for verb, path, more in actions if verb == "move"]
    places = [more.replace("link/", "d/") for _, more in moves]
    return len(set(places)) == len(places) and not any(path in ("d", "link") for path, _ in moves)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(ACTIONS.filter(comparable))
def test_the_same_actions_leave_the_same_tree(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, str, str]]
) -> None:
    root = str(tmp_path_factory.mktemp("root"))
    staging = str(tmp_path_factory.mktemp("staging"))
    (Path(root) / "d").mkdir()
    (Path(root) / "link").symlink_to("d")
    fake, real = FakeMachine(), Machine()
    fake.directory(f"{root}/d")
    fake.symlink(f"{root}/link", "d")
    for action in actions:
        ends = apply(real, root, staging, action), apply(fake, root, staging, action)
        if "failed" in ends or ends[0] != ends[1]:
            # A refusal of one must be one of the other too.
            assert "done" not in ends, (action, ends)
            return
        assert look(real, root) == look(fake, root), action


def test_nothing_unannounced_passes() -> None:
    machine = FakeMachine()
    with pytest.raises(Unexpected, match="unexpected program"):
        machine.run(["reboot"])
    with pytest.raises(Unexpected, match="unexpected request GET http://x/"):
        machine.fetch("http://x/")
    machine.http("http://x/", json={})
    with pytest.raises(Unexpected, match="unexpected request POST"):
        machine.fetch("http://x/", method="POST", body={})
    machine.program(["a", "b"])
    with pytest.raises(Unexpected):
        machine.run(["a", "b", "c"])
    machine.file("/dev/sdb")
    with pytest.raises(Unexpected, match="no block device"):
        machine.held_by_others(["/dev/sdb"])


def test_answers_come_in_order_and_the_last_one_stays() -> None:
    machine = FakeMachine()
    machine.program(["x"], "1")
    machine.program(["x"], "2")
    assert [machine.run(["x"]).stdout for _ in range(3)] == ["1", "2", "2"]
    assert machine.calls == [("x",)] * 3


def test_failures_are_those_of_the_real_handle() -> None:
    machine = FakeMachine()
    machine.program(["x"], stderr="no", status=2)
    machine.absent("y")
    for argv in (["x"], ["y"]):
        with pytest.raises(CommandError) as faked:
            machine.run(argv)
        with pytest.raises(CommandError) as real:
            Machine().run(["sh", "-c", "echo no >&2; exit 2"] if argv == ["x"] else ["no-such-program"])
        assert faked.value.what.replace("y", "") == real.value.what.replace("no-such-program", "").replace("y", "")
        assert (faked.value.seen, faked.value.todo) == (real.value.seen, real.value.todo)
    machine.program(["z"], hangs=True)
    with pytest.raises(CommandError, match="did not end in 7 s"):
        machine.run(["z"], deadline=7)
    assert machine.clock == 7


def test_time_jumps_and_things_happen_meanwhile() -> None:
    machine = FakeMachine(now=1000.0)
    seen: list[float] = []
    machine.after(0.5, lambda: seen.append(machine.monotonic()))
    machine.after(2.0, lambda: seen.append(machine.monotonic()))
    machine.sleep(1.0)
    assert (seen, machine.monotonic(), machine.time()) == ([0.5], 1.0, 1001.0)


def restartable() -> FakeMachine:
    machine = FakeMachine()
    machine.program(["systemctl", "restart", "x"], effect=lambda: machine.file("/restarted"))
    machine.http("http://x/", method="POST", effect=lambda: None)
    machine.program(["look"])
    return machine


def everything(machine: FakeMachine) -> None:
    machine.write("/d/first", b"0")
    machine.write("/d/a", b"1")
    machine.move("/d/a", "/d/b")
    machine.run(["systemctl", "restart", "x"])
    machine.fetch("http://x/", method="POST")
    machine.remove("/d/b")


def test_the_runner_dies_after_every_effect_and_what_it_did_stays() -> None:
    trees = []
    for count in range(8):
        machine = restartable()
        machine.die_after = count
        machine.run(["look"])
        try:
            everything(machine)
        except Died:
            assert count <= 6
        else:
            assert count > 6
        assert len(machine.effects) == min(count, 6)
        trees.append(machine.tree())
        machine.survive()
        machine.write("/next", b"")
        assert machine.effects == ["write /next"]
    assert trees[0] == {"/": "[directory]"}
    assert trees[4]["/restarted"] == ""
    assert "/d/b" in trees[5] and "/d/b" not in trees[6]


def test_locks_are_waited_for_and_freed_by_death() -> None:
    machine = FakeMachine()
    machine.lock("/l")
    machine.after(1.0, lambda: machine.lock("/l", held=False))
    machine.die_after = 1
    with pytest.raises(Died), machine.locked("/l", 5.0):
        machine.write("/x", b"")
    assert not machine.is_locked("/l")
    machine.lock("/l")
    with pytest.raises(HoldfastError), machine.locked("/l", 1.0):
        pass


def test_credentials_are_checked() -> None:
    machine = FakeMachine()
    machine.http("http://m/x", json={})
    machine.user("http://m/", "ops", "s3")
    assert machine.fetch("http://m/x").status == 401
