# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The door for attributes that no system owns: one call that refuses, or ends when the leading master shows them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    DeadlineError,
    HoldfastError,
    InputError,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import ANONYMOUS
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.attributes import set_attributes
from ansible_collections.holdfast.stateful.plugins.modules import mesos_agent_attributes
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.mesos.live_machine import (
    AGENT,
    DIRECTORY,
    MASTERS,
    LiveMachine,
)


def set_on(machine: LiveMachine, attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "present": True,
        "reserved": {"other-": "somebody else; ask there"},
        "masters": MASTERS,
        "credentials": ANONYMOUS,
        "allow_work_loss": (),
        "registration_timeout": 5.0,
        "check_mode": False,
    }
    return set_attributes(machine, attributes, **{**usual, **more})


def test_a_change_ends_when_the_leading_master_shows_it() -> None:
    machine = LiveMachine({"rack": "r1"}, policy="additive")
    result = set_on(machine, {"zone": "z1"})
    assert (result["changed"], result["restart"]["kind"]) == (True, "additive")
    assert result["agent"] == machine.registered()


@pytest.mark.parametrize("check_mode", [False, True])
def test_nothing_to_change_is_still_looked_up_at_the_leading_master(check_mode: bool) -> None:
    machine = LiveMachine({"rack": "r1"})
    result = set_on(machine, {"rack": "r1"}, check_mode=check_mode)
    assert (result["changed"], result["restart"]["kind"], result["agent"]) == (False, "none", machine.registered())
    machine.lag = 3.0
    began = machine.clock
    set_on(machine, {"rack": "r1"}, check_mode=check_mode)
    assert machine.clock - began == pytest.approx(3.0, abs=0.2)
    machine.lag = 99.0
    with pytest.raises(DeadlineError, match=r"did not show the agent .* inactive"):
        set_on(machine, {"rack": "r1"}, check_mode=check_mode)
    assert machine.effects == [] and machine.changes() == []


def test_a_value_written_otherwise_needs_no_restart() -> None:
    machine = LiveMachine({"slots": "4"})
    result = set_on(machine, {"slots": "4.0"})
    assert (result["changed"], result["restart"]["kind"], machine.changes()) == (True, "none", [])
    assert machine.read(f"{DIRECTORY}/slots") == b"4.0\n"


def test_names_that_others_set_are_the_callers_to_name() -> None:
    machine = LiveMachine({})
    with pytest.raises(InputError, match="the attribute other-x belongs to somebody else; ask there"):
        set_on(machine, {"other-x": "y"})
    assert set_on(machine, {"scaleio-x": "y"})["changed"]


def test_work_that_cannot_be_seen_says_why() -> None:
    machine = LiveMachine({"rack": "r1"}, policy="additive")
    machine.user(AGENT, "ops", "right")
    with pytest.raises(HoldfastError) as caught:
        set_on(machine, {"zone": "z1"})
    assert "would end framework:unknown; move that work away first" in caught.value.seen
    assert (
        "the work of this agent cannot be seen: the agent at http://10.0.0.11:5051/state answers 401: it wants a user and a"
        " password, and none were given; where it guards its state, master_username and master_password must be known to it too"
    ) in caught.value.seen
    assert machine.effects == []


@pytest.mark.parametrize("attributes", [{"a\udcffb": "x"}, {"a": "r\udcff1"}, {"a": ["\udcff"]}])
def test_what_is_not_utf8_is_refused_in_words_that_print(
    attributes: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ansible reads answers in UTF-8 only, and an answer repeats the arguments."""

    class Module(AnsibleModule):
        def __init__(self, **keywords: Any) -> None:
            super().__init__(**keywords)
            # Where the controller's code is loaded, as in this process, arguments are read more strictly than on a target.
            self.params["attributes"] = attributes

    monkeypatch.setattr(mesos_agent_attributes, "Machine", lambda: LiveMachine({}))
    monkeypatch.setattr(mesos_agent_attributes, "AnsibleModule", Module)
    with patch_module_args({"attributes": {}, "masters": ["http://m1:5050"]}), pytest.raises(SystemExit):
        mesos_agent_attributes.main()
    answer = json.loads(capsys.readouterr().out)
    json.dumps(answer, ensure_ascii=False).encode()
    assert "an attribute was refused, nothing was changed" in answer["msg"]
    assert "UTF-8" in answer["msg"] or "must be a text" in answer["msg"]
