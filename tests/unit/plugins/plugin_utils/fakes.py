# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ansible hands to an action plugin, as light as it can be: a task, a connection, the variables of the hosts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import SimpleNamespace
from typing import Any, TypeVar

from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.plugins.action import ActionBase

Action = TypeVar("Action", bound=ActionBase)


def action_of(kind: type[Action], args: Mapping[str, Any], *, check_mode: bool = False) -> Action:
    """An action plugin for a task with these arguments."""
    task = SimpleNamespace(args=dict(args), check_mode=check_mode, async_val=0, action=kind.__module__, diff=False)
    task._parent = SimpleNamespace(_play=None)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nowhere"))
    action: Action = kind(task, connection, PlayContext(), DataLoader(), None, None)
    return action


class HostVars:
    """``hostvars`` as far as plugins may use it: whole templating is too slow for a thousand hosts.

    The play, the role and their callers set nothing here; ``tests/unit/roles`` has the real thing.
    """

    def __init__(self, hosts: Mapping[str, Mapping[str, Any]]) -> None:
        self.hosts = {name: dict(facts) for name, facts in hosts.items()}
        self._inventory = SimpleNamespace(get_host=lambda name: name)
        self._variable_manager = SimpleNamespace(get_vars=lambda play, host, task: self.hosts[host])

    def raw_get(self, name: str) -> Any:
        return self.hosts.get(name, object())


def variables(
    hosts: Mapping[str, Mapping[str, Any]],
    *,
    host: str = "",
    play: Iterable[str] | None = None,
    removed: Iterable[str] = (),
    batch: Iterable[str] | None = None,
) -> dict[str, Any]:
    """A task's variables.

    :param host: ``inventory_hostname``.
    :param play: the hosts that the play targets; all by default.
    :param removed: those that have failed or become unreachable.
    :param batch: those of the current batch; all by default.
    """
    everybody = list(hosts) if play is None else list(play)
    active = [name for name in everybody if name not in set(removed)]
    current = active if batch is None else [name for name in batch if name in active]
    return {
        "inventory_hostname": host or next(iter(hosts), ""),
        "hostvars": HostVars(hosts),
        "ansible_play_hosts_all": everybody,
        "ansible_play_hosts": active,
        "ansible_play_batch": current,
    }
