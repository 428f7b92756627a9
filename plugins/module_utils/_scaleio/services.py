# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one host of a cluster that talks to Marathon, to the framework's scheduler and to the gateway: its eyes and its hands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Outcome, Step
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import HoldfastError, InputError, WebError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import Credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import model as marathon
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.act import AppHands
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.arguments import marathon as marathon_of
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.observe import observe_app
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import framework_app, gateway_act
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework import (
    observe_mesos,
    observe_scheduler,
    release_nodes,
    wait_for_nodes,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_plan import bare_strangers, released
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.gateway import (
    Gateway,
    GatewaySettings,
    observe_gateway,
)

_ADMIN = "admin"
# A scheduler that has just started answers and has registered within this.
_REGISTRATION_SECONDS = 5.0
# One that is waited for and that no master knows for so long has lost its master.
_LOST_SECONDS = 30.0


@dataclass
class Services:
    """How the services are reached, with the secrets that this takes.

    :param params: the module's option ``services``.
    :param masters: URLs of the declared masters.
    """

    machine: Machine
    params: Mapping[str, Any]
    masters: Sequence[str]
    credentials: Credentials

    def secrets(self) -> dict[str, str]:
        """The secret variables of the app, name -> value."""
        return {framework_app.PASSWORD_VARIABLE: self.params["password"]} if self.params["password"] else {}

    def gateway(self) -> GatewaySettings:
        """How the gateway is reached, and what it must belong to."""
        address = self.params["gateway_address"]
        host = f"[{address}]" if ":" in address else address
        port = self.params["gateway_port"]
        return GatewaySettings(
            f"https://{host}" if port == 443 else f"https://{host}:{port}",
            Credentials(
                _ADMIN,
                self.params["password"],
                self.params["gateway_ca_file"],
                self.params["gateway_validate_certs"],
            ),
            self.params["system_name"],
            self.params["system_id"],
        )

    def app(self, seen: Mapping[str, Any] | None, wanted: Mapping[str, Any], leader: str) -> marathon.App:
        """The scheduler's app as declared. It goes on with the master that it has, if that is a declared one.

        :param seen: the app in force.
        :param leader: URL of the leading master.
        """
        has = framework_app.master_of((seen or {}).get("definition", {}).get("cmd", ""))
        declared = [address(url) for url in self.masters]
        fields = framework_app.app(wanted, has if has in declared else address(leader))
        return marathon.declare(fields["id"], fields, self.secrets())

    def scheduler_url(self, app: Mapping[str, Any] | None, agents: Sequence[Mapping[str, Any]]) -> str:
        """Where the scheduler answers: on the first port of its running task; an empty text where none runs.

        :param agents: those of the leading master; a task's host is one of their names.
        """
        for task in (app or {}).get("tasks", ()):
            if task["state"] == "TASK_RUNNING" and task["ports"]:
                ips = [agent["ip"] for agent in agents if agent["active"] and agent["hostname"] == task["host"]]
                host = next(iter(ips), task["host"])
                return f"http://{f'[{host}]' if ':' in host else host}:{task['ports'][0]}"
        return ""


def address(url: str) -> str:
    """``host:port`` of a URL."""
    return urlsplit(url).netloc


def observe_services(services: Services) -> dict[str, Any]:
    """The ``services`` part of an observation.

    :returns: ``wanted`` (see :func:`framework_app.normalise`); ``marathon`` (``error``, ``app`` as :func:`observe_app` returns it,
        ``declared``: the app that is wanted); ``scheduler``, ``mesos_framework``, ``agents`` (see framework.py) and ``gateway`` (see
        gateway.py); ``leader``: ``host:port`` of the leading master. No part has a secret in it.
    """
    machine = services.machine
    wanted = framework_app.normalise(services.params)
    mesos = observe_mesos(machine, services.masters, services.credentials)
    agents = mesos["agents"] or []
    found: dict[str, Any] = {"error": None, "app": None, "declared": None}
    try:
        web = marathon_of(services.params, machine)
        seen = observe_app(web, wanted["app"], None, services.secrets())
        if not wanted["errors"] and mesos["mesos_framework"]["leader"]:
            app = services.app(seen, wanted, mesos["mesos_framework"]["leader"])
            found["declared"] = app.to_json()
            seen = observe_app(web, wanted["app"], app, services.secrets())
        found["app"] = seen
    except InputError as error:
        wanted["errors"].append(str(error))
    except WebError as error:
        found["error"] = f"Marathon: {error}"
    url = services.scheduler_url(found["app"], agents)
    scheduler = observe_scheduler(machine, url, password=services.params["password"])
    end = machine.monotonic() + _REGISTRATION_SECONDS
    while url and mesos["mesos_framework"]["frameworks"] is not None and machine.monotonic() < end:
        if scheduler["nodes"] is not None and mesos["mesos_framework"]["registered"]:
            break
        machine.sleep(0.5)
        scheduler = observe_scheduler(machine, url, password=services.params["password"])
        mesos = observe_mesos(machine, services.masters, services.credentials)
    return {
        "wanted": wanted,
        "marathon": found,
        "scheduler": scheduler,
        **mesos,
        "leader": address(mesos["mesos_framework"]["leader"] or ""),
        "gateway": observe_gateway(machine, services.gateway()),
    }


@dataclass
class ServicesHands:
    """What acts on the framework of one cluster.

    :param shown: what the gateway showed at the end.
    """

    services: Services
    shown: dict[str, Any] | None = field(default=None, init=False)
    _app: AppHands | None = field(default=None, init=False)
    _declared_hosts: Sequence[str] = field(default=(), init=False)
    _released: dict[str, int] = field(default_factory=dict, init=False)

    def look(self, parts: frozenset[str]) -> dict[str, Any]:
        """The parts of the world that conditions ask for: ``app``, ``bare_strangers``, ``framework`` (the id of the registered one)."""
        world: dict[str, Any] = {}
        if "app" in parts:
            world.update(self._hands().look())
        if "bare_strangers" in parts:
            world["bare_strangers"] = bare_strangers(self._agents(), self._declared_hosts)
        if "framework" in parts:
            world["framework"] = self._mesos()["mesos_framework"]["registered"]
        return world

    def prepare(self, steps: Sequence[Step]) -> None:
        """Take from the steps what looking needs: the app as it is declared, and the hosts that are."""
        for step in steps:
            self._declared_hosts = step.args.get("declared_hosts", self._declared_hosts)
            if step.kind in ("create_app", "update_app"):
                self._app = self._made(marathon.App.from_json(step.args["app"]))

    def reckon(self, outcome: Outcome) -> Outcome:
        """What became of the steps.

        A change that Marathon has accepted counts as done although its end was not seen. Of the nodes that were to be let go on
        only those count that did not go on by themselves, also where the wait for the others came to no end.
        """
        outcome = outcome if self._app is None else self._app.reckon(outcome)
        steps, failed = list(outcome.steps), outcome.failed
        if failed is not None and failed.kind == "release_nodes" and self._released:
            steps, failed = [*steps, failed], None
        told = [released(step, self._released) if step.kind == "release_nodes" else step for step in steps]
        return Outcome(told, outcome.error, failed)

    def execute(self, step: Step) -> None:
        """Carry one step out.

        :raises HoldfastError: it did not have its effect.
        """
        effects: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "release_nodes": self._release_nodes,
            "await_nodes": self._await_nodes,
            "await_gateway": self._await_gateway,
            "await_quiet": self._await_quiet,
            "create_domain": lambda args: self._create(gateway_act.create_domain, args),
            "create_pool": lambda args: self._create(gateway_act.create_pool, args),
            "create_sds": lambda args: self._create(gateway_act.create_sds, args),
            "create_device": lambda args: self._create(gateway_act.create_device, args),
        }
        if step.kind in effects:
            effects[step.kind](step.args)
        else:
            self._hands().execute(step)

    def _hands(self) -> AppHands:
        if self._app is None:
            self._app = self._made(None)
        return self._app

    def _made(self, wanted: marathon.App | None) -> AppHands:
        services = self.services
        web = marathon_of(services.params, services.machine)
        return AppHands(web, marathon.declared_id(services.params["app"]), wanted, services.secrets())

    def _mesos(self) -> dict[str, Any]:
        return observe_mesos(self.services.machine, self.services.masters, self.services.credentials)

    def _agents(self) -> list[dict[str, Any]]:
        found = self._mesos()
        if found["agents"] is None:
            raise HoldfastError(
                "nobody can say which agents the framework would meet",
                seen=str(found["mesos_framework"]["error"]),
                todo="run again when a master leads",
            )
        agents: list[dict[str, Any]] = found["agents"]
        return agents

    def _release_nodes(self, args: Mapping[str, Any]) -> None:
        where = self._scheduler(args["timeout"])
        release_nodes(self.services.machine, where, args["hosts"], args["timeout"], self._released)

    def _await_nodes(self, args: Mapping[str, Any]) -> None:
        where = self._scheduler(args["timeout"])
        wait_for_nodes(self.services.machine, where, args["hosts"], args["timeout"])

    def _scheduler(self, timeout: float) -> Callable[[], tuple[str, str | None]]:
        """What says where the scheduler is and which framework is registered, as long as the leading master knows one: without a
        master a scheduler does nothing any more."""
        app, machine = self._hands(), self.services.machine
        app.wait_until_settled(timeout)
        seen = machine.monotonic()

        def where() -> tuple[str, str | None]:
            nonlocal seen
            mesos = self._mesos()
            agents, error = mesos["agents"], mesos["mesos_framework"]["error"]
            if agents is None:
                raise WebError(str(error))
            url = self.services.scheduler_url(app.look()["app"], agents)
            framework: str | None = mesos["mesos_framework"]["registered"]
            if framework:
                seen = machine.monotonic()
            elif machine.monotonic() - seen > _LOST_SECONDS:
                raise HoldfastError(
                    "the leading master does not know the framework, so its scheduler does nothing",
                    where=url,
                    seen=f"not within {_LOST_SECONDS:g} s",
                    todo="look into the scheduler's log; where it has lost its master, run again, which restarts its app",
                )
            return url, framework

        return where

    def _await_gateway(self, args: Mapping[str, Any]) -> None:
        ips = {agent["hostname"]: agent["ip"] for agent in self._agents() if agent["active"]}
        # An agent that had never run when this was planned has an address only now.
        declared = {host: {**one, "ip": ips.get(one["hostname"], one["ip"])} for host, one in args["declared"].items()}
        unknown = [f"{host} ({one['hostname']})" for host, one in declared.items() if not one["ip"]]
        if unknown:
            raise HoldfastError(
                f"nobody knows the address of {', '.join(unknown)}, by which the gateway names an SDS",
                seen="the leading master shows no active agent of that host name",
                todo="run again: the host name is known once its agent has run",
            )
        with Gateway(self.services.machine, self.services.gateway()) as gateway:
            gateway_act.wait_for_devices(gateway, declared, args["timeout"])
            self.shown = gateway.observe()

    def _create(self, create: Callable[..., gateway_act.Made], args: Mapping[str, Any]) -> None:
        with Gateway(self.services.machine, self.services.gateway()) as gateway:
            create(gateway, **args)

    def _await_quiet(self, args: Mapping[str, Any]) -> None:
        with Gateway(self.services.machine, self.services.gateway()) as gateway:
            gateway_act.wait_for_quiet(gateway, args["timeout"])
