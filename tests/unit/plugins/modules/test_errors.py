# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whatever goes wrong in a module's work, its user reads a sentence with something to do next."""

from __future__ import annotations

import errno
import os
from types import ModuleType
from typing import Any, NoReturn

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import HoldfastError
from ansible_collections.holdfast.stateful.plugins.modules import (
    marathon_app,
    mesos_agent_attributes,
    mesos_agent_info,
    scaleio_node_info,
)

READ_ONLY = OSError(errno.EROFS, os.strerror(errno.EROFS), "/var/lib/holdfast/x")
DAMAGED = HoldfastError("a file is damaged", where="/x", todo="remove it")


class Failed(Exception):
    """The module ended so."""


class Module:
    """An AnsibleModule whose arguments are right."""

    check_mode = False

    def __init__(self, argument_spec: dict[str, Any], **_more: Any) -> None:
        given = {"member": "agent01", "masters": [], "attributes": {}, "marathons": ["http://m1:8080"]}
        self.params = {name: given.get(name, spec.get("default")) for name, spec in argument_spec.items()}

    def fail_json(self, **result: Any) -> NoReturn:
        raise Failed(result["msg"])


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (READ_ONLY, "the system refused it (/var/lib/holdfast/x): Read-only file system -- look at the file system"),
        (DAMAGED, "a file is damaged (/x) -- remove it"),
    ],
    ids=["the kernel's", "ours"],
)
@pytest.mark.parametrize(
    ("module", "work"),
    [
        (mesos_agent_info, "observe_settled_agent"),
        (mesos_agent_attributes, "set_attributes"),
        (scaleio_node_info, "observe_host"),
        (marathon_app, "set_app"),
    ],
    ids=["mesos_agent_info", "mesos_agent_attributes", "scaleio_node_info", "marathon_app"],
)
def test_an_error_ends_the_module_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, work: str, error: Exception, sentence: str
) -> None:
    def fail(*_args: Any, **_options: Any) -> NoReturn:
        raise error

    monkeypatch.setattr(module, "AnsibleModule", Module)
    monkeypatch.setattr(module, work, fail)
    with pytest.raises(Failed) as caught:
        module.main()
    assert str(caught.value).startswith(sentence)
