# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applications, instances and deployments of one Marathon, and its side of the talk with Mesos.

Everything is changed under one lock. After each change `_settle` lets deployments and scaling do what has become possible, saves,
and only then sends calls, so that no task is launched that would be forgotten.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable

from marathon_simulator import app, backoff, clock, errors, instance, offers, pathid, plan
from marathon_simulator.app import Definition
from marathon_simulator.deployment import Deployment
from marathon_simulator.instance import INACTIVE, PROVISIONED, RUNNING, STAGING, UNREACHABLE, Instance
from marathon_simulator.mesos import Call, Client
from marathon_simulator.settings import Settings
from marathon_simulator.store import Evidence, Store, log

Apps = dict[str, Definition]
# From all applications and the version of the change to all applications as they shall be.
Change = Callable[[Apps, str], Apps]

_NOTHING_DUE_SECONDS = 600.0


class Marathon:
    """`apps`, `versions` (newest first), `failures` and `deployments` may be read under `lock`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lock = threading.Condition(threading.RLock())
        self.apps: Apps = {}
        self.versions: dict[str, list[Definition]] = {}
        self.failures: dict[str, dict[str, Any]] = {}
        self.deployments: dict[str, Deployment] = {}
        self.framework_id = ""
        self._instances: dict[str, Instance] = {}
        self._clock = clock.Versions()
        self._backoff = backoff.Backoff()
        self._store = Store(settings.state_directory)
        self._evidence = Evidence(settings.log_directory)
        self._client = Client(settings["master"], self._subscription, self._event, self._disconnected, self._lost)
        self._outbox: list[Call] = []
        self._connected = False
        self._reconcile_at = self._clean_up_at = 0.0
        # Launches that offers were asked for already; how often they still are to be asked for.
        self._asked: set[str] = set()
        self._asks_left = 0
        self._asked_at = 0.0
        self._suppressed = False
        self._load()

    def start(self) -> None:
        """Connects to Mesos and goes on with the deployments that were under way."""
        with self.lock:
            self._settle()
        self._client.start()
        threading.Thread(target=self._tick, daemon=True).start()

    # State

    def _load(self) -> None:
        stored = self._store.load()
        self.framework_id = stored.get("framework_id", "")
        self.apps = stored.get("apps", {})
        self.versions = stored.get("versions", {})
        self.failures = stored.get("failures", {})
        for item in stored.get("instances", []):
            found = Instance.from_json(item)
            self._instances[found.identity] = found
        for item in stored.get("deployments", []):
            made = plan.Plan.from_json(item)
            self.deployments[made.identity] = Deployment(made)

    def _save(self) -> bool:
        return self._store.save(
            {
                "framework_id": self.framework_id,
                "apps": self.apps,
                "versions": self.versions,
                "failures": self.failures,
                "instances": [item.to_json() for item in self._instances.values()],
                "deployments": [item.plan.to_json() for item in self.deployments.values()],
            }
        )

    # Changes of applications

    def change(self, change: Change, force: bool, kill: Mapping[str, tuple[str, ...]] | None = None) -> plan.Plan:
        """Makes a change and starts its deployment (core/group/impl/GroupManagerImpl.scala, DeploymentManagerActor.scala).

        Refusal when the change is, or when another deployment holds one of the applications and is not overridden by force.
        """
        with self.lock:
            version = self._clock.next()
            wanted = self._versioned(change(dict(self.apps), version), version)
            _refuse_nesting(wanted)
            made = plan.make(instance.new_uuid(), version, self.apps, wanted, kill or {})
            held = [item for item in self.deployments.values() if item.plan.affected & made.affected]
            if held and not force:
                raise errors.locked([item.plan.identity for item in held])
            for item in held:
                self._end(item, "deployment_cancelled")
            self._take_over(wanted)
            if made.steps:
                self.deployments[made.identity] = Deployment(made)
                actions = [[action.name for action in step] for step in made.steps]
                self._evidence.record(
                    "deployment_started", deployment=made.identity, apps=sorted(made.affected), steps=actions
                )
            self._settle()
            return made

    def _versioned(self, wanted: Apps, version: str) -> Apps:
        """Service ports and versions for what has changed."""
        limits = self.settings["local_port_min"], self.settings["local_port_max"]
        for name, definition in wanted.items():
            old = self.apps.get(name)
            if definition is old:
                continue
            taken = {item["port"] for other, its in wanted.items() if other != name for item in its["portDefinitions"]}
            definition = app.with_service_ports(definition, old, taken, limits)
            wanted[name] = app.with_version(definition, version, old, definition.pop("restart", False))
        return wanted

    def _take_over(self, wanted: Apps) -> None:
        for name in sorted(self.apps.keys() - wanted.keys()):
            # Old versions of a removed application are gone with it (api/v2/AppHelpers.scala: rollback).
            self.versions.pop(name, None)
            self.failures.pop(name, None)
            self._evidence.record("app_removed", app=name)
        for name, definition in wanted.items():
            old = self.apps.get(name)
            if old == definition:
                continue
            known = self.versions.setdefault(name, [])
            known.insert(0, definition)
            del known[self.settings["zk_max_versions"] :]
            event = "app_updated" if old else "app_created"
            self._evidence.record(event, app=name, version=definition["version"], instances=definition["instances"])
        self.apps = wanted

    def revert(self, identity: str) -> plan.Plan:
        """Back to what was before a deployment, where nobody has changed it since (DeploymentPlanReverter.scala)."""
        with self.lock:
            made = self.deployments[identity].plan

            def change(apps: Apps, version: str) -> Apps:
                for name, before in made.original.items():
                    if apps.get(name) != made.target[name]:
                        continue
                    if before is None:
                        del apps[name]
                    else:
                        apps[name] = dict(before)
                return apps

            return self.change(change, force=True)

    def cancel(self, identity: str) -> None:
        """Leaves everything as the deployment has left it so far."""
        with self.lock:
            self._end(self.deployments[identity], "deployment_cancelled")
            self._settle()

    def _end(self, deployment: Deployment, event: str) -> None:
        self.deployments.pop(deployment.plan.identity)
        self._evidence.record(event, deployment=deployment.plan.identity, apps=sorted(deployment.plan.affected))

    # Instances

    def instances_of(self, app_id: str) -> list[Instance]:
        return [item for item in self._instances.values() if item.app_id == app_id]

    def instances(self) -> list[Instance]:
        return list(self._instances.values())

    def add(self, definition: Definition, count: int) -> list[Instance]:
        changed = definition["versionInfo"]["lastConfigChangeAt"]
        made = [Instance(definition["id"], definition["version"], changed) for _ in range(count)]
        self._instances.update((item.identity, item) for item in made)
        return made

    def kill(self, instance: Instance) -> None:
        instance.wanted = False
        if not instance.launched:
            self._instances.pop(instance.identity, None)
            return
        instance.killed = time.time()
        self._evidence.record("task_kill", app=instance.app_id, task=instance.task_id, hostname=instance.host)
        self._send_kill(instance.task_id, instance.agent_id)

    def _send_kill(self, task_id: str, agent_id: str) -> None:
        self._send("KILL", kill={"task_id": {"value": task_id}, "agent_id": {"value": agent_id}})

    def reset_delay(self, definition: Definition) -> None:
        self._backoff.reset((definition["id"], definition["versionInfo"]["lastConfigChangeAt"]))

    def _settle(self) -> bool:
        """Lets everything go as far as it can now, saves, sends; whether anything is new."""
        while True:
            finished = [item for item in list(self.deployments.values()) if item.advance(self)]
            for item in finished:
                self._end(item, "deployment_finished")
            if not finished:
                break
        self._scale()
        self._forget_apps()
        new = self._save()
        for call in self._outbox:
            self._client.call(call)
        self._outbox = []
        self.lock.notify_all()
        return new

    def _scale(self) -> None:
        """Keeps the number of instances of applications that no deployment holds (core/... SchedulerActions: scale)."""
        held = {name for item in self.deployments.values() for name in item.plan.affected}
        for name, definition in self.apps.items():
            if name in held:
                continue
            active = [item for item in self.instances_of(name) if item.active]
            self.add(definition, definition["instances"] - len(active))
            youngest = definition["killSelection"] == "YOUNGEST_FIRST"
            ordered = sorted(active, key=lambda item: item.order_of_killing(youngest))
            for item in ordered[: max(0, len(active) - definition["instances"])]:
                self.kill(item)

    def _forget_apps(self) -> None:
        """Instances of removed applications that no deployment stops any more are orphans, and are ended."""
        held = {name for item in self.deployments.values() for name in item.plan.affected}
        for item in self.instances():
            if item.app_id not in self.apps and item.app_id not in held and item.wanted:
                self.kill(item)

    def kill_tasks(self, chosen: Sequence[Instance]) -> None:
        """Ends tasks; others take their place (api/TaskKiller.scala: kill)."""
        with self.lock:
            for item in chosen:
                self.kill(item)
            self._settle()

    def kill_and_scale(self, chosen: Mapping[str, Sequence[Instance]], force: bool) -> plan.Plan:
        """Ends tasks and lowers the number of instances by theirs (TaskKiller.scala: killAndScale)."""

        def change(apps: Apps, version: str) -> Apps:
            for name, killed in chosen.items():
                apps[name] = {**apps[name], "instances": max(0, apps[name]["instances"] - len(killed))}
            return apps

        return self.change(change, force, {name: tuple(item.identity for item in its) for name, its in chosen.items()})

    # Events of Mesos

    def _subscription(self) -> Call:
        """MarathonSchedulerDriver.scala: framework info."""
        with self.lock:
            flags = self.settings.flags
            information: dict[str, Any] = {
                "name": flags["framework_name"],
                "user": flags["mesos_user"],
                "hostname": flags["hostname"],
                "checkpoint": flags["checkpoint"],
                "failover_timeout": float(flags["failover_timeout"]),
                "roles": [self.settings.role],
                "capabilities": [{"type": "PARTITION_AWARE"}, {"type": "REGION_AWARE"}, {"type": "MULTI_ROLE"}],
                "webui_url": f"http://{flags['hostname']}:{flags['http_port']}",
            }
            call: Call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": information}}
            if self.framework_id:
                information["id"] = {"value": self.framework_id}
                call["framework_id"] = {"value": self.framework_id}
            return call

    def _event(self, event: dict[str, Any]) -> None:
        handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            "SUBSCRIBED": self._subscribed,
            "OFFERS": self._offers,
            "UPDATE": self._update,
            "ERROR": self._error,
        }
        handler = handlers.get(event["type"])
        if handler:
            with self.lock:
                handler(event.get(event["type"].lower(), {}))
                self._settle()

    def _subscribed(self, event: dict[str, Any]) -> None:
        self.framework_id = event["framework_id"]["value"]
        self._connected = True
        self._asked, self._asks_left, self._asked_at, self._suppressed = set(), 0, 0.0, False
        self._reconcile_at = time.time() + self.settings.seconds("reconciliation_initial_delay")
        self._evidence.record("subscribed", framework=self.framework_id)
        log(f"Subscribed as framework {self.framework_id}")

    def _disconnected(self) -> None:
        with self.lock:
            self._connected = False
            self._evidence.record("disconnected", framework=self.framework_id)
            log("The subscription has ended")

    def _lost(self, call: Call) -> None:
        """What the driver says of launches that it cannot send (mesos src/sched/sched.cpp: acceptOffers)."""
        with self.lock:
            for operation in call.get("accept", {}).get("operations", []):
                for task in operation["launch"]["task_infos"]:
                    status = {"task_id": task["task_id"], "state": "TASK_DROPPED", "message": "Master disconnected"}
                    self._update({"status": status})
            self._settle()

    def _error(self, event: dict[str, Any]) -> None:
        """A framework ID that the master has done with is given up, and the process ends: its unit starts it anew
        (MarathonScheduler.scala: error, removeFrameworkId)."""
        text = event.get("message", "")
        self._evidence.record("error", message=text)
        log(f"The master refuses: {text}")
        if "removed" in text or "completed" in text:
            self.framework_id = ""
            self._save()
        os._exit(1)

    def _offers(self, event: dict[str, Any]) -> None:
        for offered in event.get("offers", []):
            self._offer(offers.Offer(offered))

    def _offer(self, offer: offers.Offer) -> None:
        """Launches on an offer what it has room for, else declines it (core/matcher/manager/impl/OfferMatcherManagerActor.scala)."""
        tasks: list[dict[str, Any]] = []
        for item in self._due(time.time()):
            if len(tasks) == self.settings["max_instances_per_offer"]:
                break
            definition = self._definition(item)
            roles = definition["acceptedResourceRoles"] or self.settings.roles
            placed = [
                other
                for other in self.instances_of(item.app_id)
                # Instances of an older configuration do not count (mesosphere/mesos/ResourceMatcher.scala).
                if other.launched and other.condition != INACTIVE and other.configuration == item.configuration
            ]
            match = offer.match(definition, roles, placed)
            if match:
                tasks.append(self._launch(item, definition, offer, match))
        identities = [{"value": offer.identity}]
        if tasks:
            operation = {"type": "LAUNCH", "launch": {"task_infos": tasks}}
            self._send("ACCEPT", accept={"offer_ids": identities, "operations": [operation]})
        else:
            seconds = self.settings.seconds("decline_offer_duration")
            self._send("DECLINE", decline={"offer_ids": identities, "filters": {"refuse_seconds": seconds}})

    def _launch(
        self, item: Instance, definition: Definition, offer: offers.Offer, match: offers.Match
    ) -> dict[str, Any]:
        item.condition, item.host, item.agent_id = PROVISIONED, offer.host, offer.agent_id
        item.attributes, item.ports = dict(offer.place.attributes), match.ports
        item.since = item.staged = time.time()
        self._evidence.record("task_launched", app=item.app_id, task=item.task_id, hostname=item.host, ports=item.ports)
        prefix, user = self.settings["env_vars_prefix"] or "", self.settings["mesos_user"]
        return offers.task(definition, item, offer, match, prefix, user)

    def _definition(self, item: Instance) -> Definition:
        """The version that an instance belongs to."""
        known = (one for one in self.versions.get(item.app_id, []) if one["version"] == item.version)
        return next(known, None) or self.apps[item.app_id]

    def _due(self, now: float) -> list[Instance]:
        """What waits to be launched and may be."""
        return [
            item
            for item in self._instances.values()
            if not item.launched and self._backoff.deadline((item.app_id, item.configuration)) <= now
        ]

    def _update(self, event: dict[str, Any]) -> None:
        status = event["status"]
        task_id, state = status["task_id"]["value"], status["state"]
        agent_id = status.get("agent_id", {}).get("value", "")
        found = next((item for item in self._instances.values() if item.launched and item.task_id == task_id), None)
        if found:
            self._judge(found, state, status)
        elif state in ("TASK_STAGING", "TASK_STARTING", "TASK_RUNNING"):
            # core/task/update/impl/TaskStatusUpdateProcessorImpl.scala: nobody knows it, so it is ended.
            self._send_kill(task_id, agent_id)
        if "uuid" in status:
            acknowledged = {"agent_id": {"value": agent_id}, "task_id": {"value": task_id}, "uuid": status["uuid"]}
            self._send("ACKNOWLEDGE", acknowledge=acknowledged)

    def _judge(self, item: Instance, state: str, status: dict[str, Any]) -> None:
        now = time.time()
        condition = instance.CONDITIONS.get(state)
        if condition is None:
            self._ended(item, state, status)
            return
        if condition != item.condition:
            self._evidence.record("task_status", app=item.app_id, task=item.task_id, state=state, hostname=item.host)
            item.condition, item.since = condition, now
        if condition in (instance.STARTING, RUNNING):
            self._backoff.advance((item.app_id, item.configuration), now)
        if condition == RUNNING and not item.started:
            item.started = status.get("timestamp") or now
        networks = status.get("container_status", {}).get("network_infos", [])
        addresses = [address for network in networks for address in network.get("ip_addresses", [])]
        if addresses:
            item.addresses = [
                {"ipAddress": address["ip_address"], "protocol": address.get("protocol", "IPv4")}
                for address in addresses
            ]
        if condition == UNREACHABLE:
            self._expire(item, now)

    def _ended(self, item: Instance, state: str, status: dict[str, Any]) -> None:
        """A task has ended: its instance is launched again, or forgotten when it was decommissioned or belongs to an older
        configuration, whose place a deployment fills."""
        text = status.get("message", "")
        self._evidence.record(
            "task_status", app=item.app_id, task=item.task_id, state=state, hostname=item.host, message=text
        )
        definition = self.apps.get(item.app_id)
        if definition and state in instance.FAILURES:
            self.failures[item.app_id] = {
                "appId": item.app_id,
                "host": item.host,
                "message": text,
                "state": state,
                "taskId": item.task_id,
                "timestamp": clock.stamp(time.time()),
                "version": item.version,
                "slaveId": item.agent_id,
            }
        changed = definition["versionInfo"]["lastConfigChangeAt"] if definition else ""
        if definition and state in instance.DELAYING:
            seconds = self._backoff.add((item.app_id, item.configuration), self._definition(item), time.time())
            self._evidence.record("launch_delay", app=item.app_id, seconds=seconds)
        if definition and item.wanted and item.configuration == changed:
            item.reschedule(definition["version"], changed)
        else:
            del self._instances[item.identity]

    # Time

    def _tick(self) -> None:
        with self.lock:
            while True:
                due = self._on_time(time.time())
                # What is new may be due at once.
                if not self._settle():
                    self.lock.wait(max(0.05, due - time.time()))

    def _on_time(self, now: float) -> float:
        """Does what is due, and says when the next thing is."""
        due = [now + _NOTHING_DUE_SECONDS]
        for item in self.instances():
            due.append(self._watch(item, now))
        if self._backoff:
            if now >= self._clean_up_at:
                self._backoff.clean_up(now)
                self._clean_up_at = now + backoff.CLEANUP_SECONDS
            due.append(self._clean_up_at)
        if self._connected:
            if now >= self._reconcile_at:
                self._reconcile()
                self._reconcile_at = now + self.settings.seconds("reconciliation_interval")
            due += [self._reconcile_at, self._ask(now)]
        return min(due)

    def _watch(self, item: Instance, now: float) -> float:
        """One instance: kills that were lost, tasks that do not start, agents that do not come back."""
        if not item.launched:
            deadline = self._backoff.deadline((item.app_id, item.configuration))
            return deadline if deadline > now else now + _NOTHING_DUE_SECONDS
        if item.condition in (UNREACHABLE, INACTIVE):
            return self._expire(item, now)
        if not item.wanted:
            # core/task/termination/impl/KillServiceActor.scala
            at = item.killed + self.settings.seconds("kill_retry_timeout")
            if now >= at:
                item.killed = now
                self._send_kill(item.task_id, item.agent_id)
            return max(at, now + 0.05)
        if item.condition in (PROVISIONED, STAGING):
            # core/task/jobs/impl/OverdueTasksActor.scala; its end launches it again.
            at = max(item.staged, item.killed) + self.settings.seconds("task_launch_timeout")
            if now >= at:
                item.killed = now
                self._send_kill(item.task_id, item.agent_id)
            return max(at, now + 0.05)
        return now + _NOTHING_DUE_SECONDS

    def _expire(self, item: Instance, now: float) -> float:
        """unreachableStrategy: when the place of an unreachable instance is filled, and when it is forgotten
        (core/instance/update/InstanceUpdater.scala, core/task/jobs/impl/ExpungeOverdueLostTasksActor.scala)."""
        strategy = self.apps.get(item.app_id, app.DEFAULTS)["unreachableStrategy"]
        if strategy == "disabled":
            return now + _NOTHING_DUE_SECONDS
        inactive: float = item.since + strategy["inactiveAfterSeconds"]
        forgotten: float = item.since + max(
            strategy["expungeAfterSeconds"], self.settings.seconds("task_lost_expunge_interval")
        )
        if now >= forgotten:
            self._instances.pop(item.identity, None)
            return now + _NOTHING_DUE_SECONDS
        if now >= inactive:
            item.condition = INACTIVE
            return forgotten
        return min(inactive, forgotten)

    def _reconcile(self) -> None:
        """Asks for the states of all tasks that Mesos has told of, then for all that the master knows
        (MarathonSchedulerActor.scala: reconcileTasks)."""
        tasks = [
            {"task_id": {"value": item.task_id}, "agent_id": {"value": item.agent_id}}
            for item in self._instances.values()
            if item.launched and item.condition != PROVISIONED
        ]
        if tasks:
            self._send("RECONCILE", reconcile={"tasks": tasks})
        self._send("RECONCILE", reconcile={"tasks": []})

    def _ask(self, now: float) -> float:
        """Revives offers for each new launch, some times and not too often; suppresses them when nothing is to be launched
        (core/launchqueue/impl/ReviveOffersStreamLogic.scala)."""
        wanted = {item.task_id for item in self._due(now)}
        if not wanted:
            if not self._suppressed:
                self._send("SUPPRESS")
                self._suppressed = True
            self._asked, self._asks_left = set(), 0
            return now + _NOTHING_DUE_SECONDS
        if wanted - self._asked:
            self._asks_left = self.settings["revive_offers_repetitions"]
        self._asked = wanted
        if not self._asks_left:
            return now + _NOTHING_DUE_SECONDS
        at: float = self._asked_at + self.settings.seconds("min_revive_offers_interval")
        if now < at:
            return at
        self._send("REVIVE")
        self._asked_at, self._suppressed = now, False
        self._asks_left -= 1
        return now + self.settings.seconds("min_revive_offers_interval")

    def _send(self, kind: str, **members: Any) -> None:
        self._outbox.append({"framework_id": {"value": self.framework_id}, "type": kind, **members})


def _refuse_nesting(apps: Iterable[str]) -> None:
    """state/Group.scala: the path of an application is no group."""
    known = set(apps)
    for name in known:
        if any(parent in known for parent in pathid.parents(name)):
            raise errors.not_valid([("/", "Groups and Applications may not have the same identifier.")])
