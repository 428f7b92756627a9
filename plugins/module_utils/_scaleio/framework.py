# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at the ScaleIO framework: its scheduler, and itself at the leading master. Reads only."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    HoldfastError,
    RefusedError,
    WebError,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._core.waiting import SHOWN, shortened, wait_until
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import Credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._mesos.observe import observe_master
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import framework_model as model

# A scheduler that has lost its master spins with a full core, and still answers.
_SECONDS = 10.0


# -- the scheduler ---------------------------------------------------------------------------------------------------


def observe_scheduler(machine: Machine, url: str, *, password: str | None = None) -> dict[str, Any]:
    """The ``scheduler`` part of an observation.

    :param password: compare the scheduler's with this one. It is compared here, where it is read, and goes nowhere.
    :returns: ``url``, ``error``, ``version``, ``password_matches`` (None where that is not known) and what
        ``framework_model.scheduler_document`` returns; with an error ``nodes`` and all else is None or not there.
    """
    found: dict[str, Any] = {
        "url": url,
        "error": None,
        "version": None,
        "password_matches": None,
        "nodes": None,
    }
    if not url:
        return {**found, "error": "ScaleIO scheduler: it does not run, so nobody knows its address; start its app"}
    try:
        version = _get(machine, f"{url.rstrip('/')}/version")
        # Everybody is shown the password of ScaleIO here (scheduler/types/types.go: ScaleIOConfig).
        state = _get(machine, f"{url.rstrip('/')}/api/state")
        shown = model.scheduler_document(state)
        if shown is None or not isinstance(version, Mapping):
            raise WebError(
                "another program than the framework's scheduler answers",
                where=url,
                todo="look at Marathon on which host and port its app runs",
            )
    except WebError as error:
        return {**found, "error": f"ScaleIO scheduler: {error}"}
    return {
        **found,
        "version": str(version.get("versionstr") or ""),
        "password_matches": _same(state["ScaleIO"].get("adminpassword"), password),
        **shown,
    }


def _same(held: Any, password: str | None) -> bool | None:
    # The state is printed as a format, which spoils what follows a percent sign (scheduler/server/state.go: getState).
    if password is None or not isinstance(held, str) or "%" in password:
        return None
    return hmac.compare_digest(held.encode(errors="surrogatepass"), password.encode(errors="surrogatepass"))


def _get(machine: Machine, url: str) -> Any:
    answer = machine.fetch(url, deadline=_SECONDS)
    if answer.status != 200:
        raise WebError(
            f"it answers {answer.status}",
            status=answer.status,
            where=f"GET {url}",
            todo="look at Marathon on which host and port its app runs",
        )
    return answer.json(url, secret=True)


@dataclass
class _Watch:
    """Looks at the nodes of a scheduler, and at how long none of them has moved.

    :param where: says the URL of the scheduler, which may move while it is waited for, and the id of its framework, None where the
        leading master knows none.
    """

    machine: Machine
    where: Callable[[], tuple[str, str | None]]
    _seen: Any = field(default=None, init=False)
    _since: float = field(default=0.0, init=False)

    def look(self, hosts: Sequence[str]) -> tuple[str, dict[str, Any]]:
        """The URL and what its scheduler says.

        :raises WebError: it does not answer.
        :raises HoldfastError: one of the hosts has failed to install, which does not pass by waiting.
        """
        before, self._seen = self._seen, None
        url, framework = self.where()
        scheduler = observe_scheduler(self.machine, url)
        if scheduler["error"]:
            raise WebError(scheduler["error"])
        nodes = scheduler["nodes"]
        if framework:
            self._seen = (url, framework, {host: node["state"] for host, node in nodes.items()})
        if self._seen is None or self._seen != before:
            self._since = self.machine.monotonic()
        failed = [host for host in hosts if host in nodes and nodes[host]["state"] == model.FATAL_STATE]
        if failed:
            raise HoldfastError(
                f"the framework has failed to install {', '.join(failed[:SHOWN])}",
                where=url,
                seen=f"state {model.FATAL_STATE}",
                todo="look into the executor's log on that host, mend what it says, then restart the scheduler",
            )
        return url, scheduler

    def still(self) -> float:
        """Seconds for which the same scheduler, known to the master, has shown all nodes as they are."""
        return self.machine.monotonic() - self._since


def wait_for_nodes(
    machine: Machine, where: Callable[[], tuple[str, str | None]], hosts: Sequence[str], timeout: float
) -> dict[str, Any]:
    """Wait until the framework has brought all these hosts to their final state; see ``_core/waiting.py``.

    :param where: see :class:`_Watch`.
    :raises HoldfastError: one of them has failed to install, or all that are waited for have come to a halt, neither of which
        passes by waiting.
    """
    watch = _Watch(machine, where)

    def missing() -> list[str]:
        url, scheduler = watch.look(hosts)
        lacking = model.unfinished(hosts, scheduler)
        halted = model.halted(scheduler["nodes"])
        pending = [host for host in hosts if scheduler["nodes"].get(host, {}).get("state") != model.FINAL_STATE]
        if pending and watch.still() >= model.HALTED_SECONDS and model.standing(scheduler["nodes"]).issuperset(pending):
            raise HoldfastError(
                f"{', '.join(halted)} came to a halt at the framework",
                where=url,
                seen=f"{shortened(lacking)}; nothing has moved for {model.HALTED_SECONDS:g} s, although all have come so far",
                todo="run the playbook holdfast.stateful.heal, which lets them go on",
            )
        return lacking

    return wait_until(
        machine,
        missing,
        what="every node in its final state at the framework",
        timeout=timeout,
        todo="look into the executors' logs on the hosts that are named; one that stays behind keeps all others waiting",
    )


def release_nodes(
    machine: Machine,
    where: Callable[[], tuple[str, str | None]],
    hosts: Sequence[str],
    timeout: float,
    released: dict[str, int],
) -> dict[str, Any]:
    """Wait until all these hosts are past the states in which one waits for all, and let those go on that have come to a halt there.

    Who goes on by itself is left alone. Who halts is told to the scheduler in its next state, as its executor would do it.

    :param where: see :class:`_Watch`.
    :param released: takes the hosts that were let go, each with the state in which it had halted.
    :raises HoldfastError: the scheduler refuses it, or one of the hosts has failed to install.
    """
    watch = _Watch(machine, where)

    def missing() -> list[str]:
        url, scheduler = watch.look(hosts)
        nodes = scheduler["nodes"]
        if watch.still() >= model.RELEASE_SECONDS:
            for host, state in model.halted(nodes).items():
                if host in hosts:
                    released[host] = state
                    try:
                        _tell(machine, url, nodes[host]["executor"], model.NEXT_STATES[state])
                    except HoldfastError as error:
                        # Where no answer came it may have been taken.
                        if isinstance(error, RefusedError) or not isinstance(error, WebError):
                            del released[host]
                        raise
        behind = [host for host in hosts if host not in nodes or (nodes[host]["state"] or 0) <= model.TOGETHER_STATE]
        return model.unfinished(behind, scheduler)

    return wait_until(
        machine,
        missing,
        what="every node past the states in which it waits for the others",
        timeout=timeout,
        todo="look into the executors' logs on the hosts that are named; one that stays behind keeps all others waiting",
    )


def _tell(machine: Machine, url: str, executor: str, state: int) -> None:
    """Tell the scheduler a node's state in the name of its executor (executor/basenode: UpdateNodeState)."""
    address = f"{url.rstrip('/')}/api/node/state"
    body = {"acknowledged": False, "executorid": executor, "state": state}
    answer = machine.fetch(address, method="POST", body=body, deadline=_SECONDS)
    said = answer.json(address, secret=True) if answer.status == 200 else None
    if not isinstance(said, Mapping) or said.get("acknowledged") is not True:
        raise HoldfastError(
            f"the scheduler does not take state {state} of {executor}",
            where=f"POST {address}",
            seen=f"it answers {answer.status}: {answer.text.strip()[:80]}",
            todo="look into the scheduler's log, mend what it says, and run again",
        )


# -- the master ------------------------------------------------------------------------------------------------------


def observe_mesos(machine: Machine, masters: Sequence[str], credentials: Credentials) -> dict[str, Any]:
    """The parts ``mesos_framework`` and ``agents`` of an observation.

    :returns: ``mesos_framework`` has ``leader``, ``error`` and what ``framework_model.frameworks_document`` returns; ``agents`` is
        what ``framework_model.agents_document`` returns.
    """
    leading = observe_master(machine, masters, credentials)
    leader = leading["leader"]
    found: dict[str, Any] = {"leader": leader, "error": None, "registered": None, "frameworks": None, "completed": None}
    if leading["error"]:
        return {"mesos_framework": {**found, "error": leading["error"]}, "agents": None}
    try:
        # First the frameworks: whoever is named by a task there has then been an agent for longer.
        frameworks = _of_leader(machine, f"{leader}/frameworks", credentials)
        agents = model.agents_document(_of_leader(machine, f"{leader}/slaves", credentials))
        shown = None if agents is None else model.frameworks_document(frameworks, agents)
        if shown is None:
            raise WebError("the answer is no list of a master's", where=leader, todo="check the address of the masters")
    except WebError as error:
        return {"mesos_framework": {**found, "error": f"the leading master: {error}"}, "agents": None}
    return {"mesos_framework": {**found, **shown}, "agents": agents}


def _of_leader(machine: Machine, url: str, credentials: Credentials) -> Any:
    answer = machine.fetch(url, credentials=credentials, deadline=_SECONDS)
    if answer.status == 200:
        return answer.json(url)
    changed = answer.status in (307, 503)
    denied = answer.status in (401, 403)
    raise WebError(
        "another master leads now" if changed else f"it answers {answer.status}",
        status=answer.status,
        where=f"GET {url}",
        seen="" if changed or denied else answer.text.strip()[:80],
        todo=(
            f"permit the user {credentials.username!r} to see frameworks and agents"
            if denied
            else "run again when one master leads"
        ),
    )
