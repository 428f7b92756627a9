# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The master's side of frameworks: subscriptions, calls, tasks, their end (mesos 1.11.0 src/master/master.cpp).

All of it runs under the lock of the master.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mesos_simulator import allocation, daemon, launching, messages, units
from mesos_simulator.amounts import Amounts
from mesos_simulator.frameworks import Framework, Offer, new_task, take_status
from mesos_simulator.log import log
from mesos_simulator.streams import Stream

if TYPE_CHECKING:
    from mesos_simulator.master import AgentRecord, Master

HEARTBEAT_SECONDS = 15.0  # src/master/constants.hpp: DEFAULT_HEARTBEAT_INTERVAL


class Scheduling:
    """All frameworks of one master."""

    def __init__(self, master: Master) -> None:
        self._master = master
        self.registered: dict[str, Framework] = {}
        self.completed: dict[str, Framework] = {}
        self.allocator = allocation.Allocator(master, self.registered)
        self._next_framework = 0
        self._next_heartbeat = 0.0

    # --- subscriptions ---

    def subscribe(
        self, call: dict[str, Any], stream: Stream, stream_id: str, principal: str | None
    ) -> Framework | None:
        """A scheduler that comes for the first time, or again with its ID; None when it is refused (master.cpp: subscribe)."""
        info = dict(call["framework_info"])
        if principal is not None:
            info.setdefault("principal", principal)
        framework_id = info.get("id", {}).get("value", "")
        log.info("master.cpp:2600", f"Received subscription request for HTTP framework '{info['name']}'")
        reason = self._unfit(info, framework_id)
        if reason is not None:
            log.info("master.cpp:2650", f"Refusing subscription of framework '{info['name']}': {reason}")
            stream.send("ERROR", {"message": reason})
            stream.close()
            return None
        if not framework_id:
            framework_id = f"{self._master.master_id}-{self._next_framework:04d}"
            self._next_framework += 1
        info["id"] = {"value": framework_id}
        framework = self.registered.get(framework_id)
        if framework is None:
            framework = self.registered[framework_id] = Framework(info)
            log.info("master.cpp:2750", f"Subscribing framework {framework}")
        else:
            self._subscribe_again(framework, info, bool(call.get("force")))
        framework.stream, framework.stream_id, framework.principal = stream, stream_id, principal
        framework.active, framework.recovered, framework.failover_deadline = True, False, None
        framework.suppressed = set(call.get("suppressed_roles", []))
        framework.filters = []
        self.event("subscribed", framework)
        framework.send(
            "SUBSCRIBED",
            {
                "framework_id": {"value": framework_id},
                "heartbeat_interval_seconds": HEARTBEAT_SECONDS,
                "master_info": self._master.master_info(),
            },
        )
        stream.send("HEARTBEAT")
        self.allocator.allocate()
        return framework

    def _unfit(self, info: dict[str, Any], framework_id: str) -> str | None:
        """Why a FrameworkInfo is refused (src/master/validation.cpp: framework::validate; master.cpp: subscribe)."""
        multi_role = messages.capable(info, "MULTI_ROLE")
        if multi_role and "role" in info:
            return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
        if not multi_role and "roles" in info:
            return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
        allowed = self._master.flags["roles"]
        if allowed:
            unknown = [role for role in messages.roles_of(info) if role not in (*allowed.split(","), "*")]
            if unknown:
                return f"Roles {{ {', '.join(unknown)} }} are not present in the master's --roles"
        if info["user"] == "root" and not self._master.flags["root_submissions"]:
            return "User 'root' is not allowed to run frameworks without --root_submissions set"
        if framework_id in self.completed:
            return "Framework has been removed"
        known = self.registered.get(framework_id)
        if known is not None and not known.recovered and known.info.get("principal") != info.get("principal"):
            return "Changing framework's principal is not allowed."
        return None

    def _subscribe_again(self, framework: Framework, info: dict[str, Any], force: bool) -> None:
        """The newest scheduler of an ID is the right one (master.cpp: failoverFramework, connectAndActivateRecovered…)."""
        if framework.stream is not None:
            log.info("master.cpp:2790", f"Framework {framework} failed over")
            framework.stream.send("ERROR", {"message": "Framework failed over"})
            framework.stream.close()
        for name in ("user", "checkpoint"):
            # These cannot change any more (framework.cpp: Framework::update).
            if name in framework.info:
                info[name] = framework.info[name]
            else:
                info.pop(name, None)
        framework.info = messages.ordered("FrameworkInfo", info)
        framework.reregistered_time = round(time.time(), 6)
        self.rescind(framework, list(framework.offers))
        for record in self._master.agents.values():
            if record.link and self._has_work(framework, record.agent_id):
                record.link.send(type="update_framework", framework=framework.info)

    def _has_work(self, framework: Framework, agent_id: str) -> bool:
        return agent_id in framework.executors or bool(framework.tasks_on(agent_id))

    def disconnected(self, framework: Framework, stream: Stream) -> None:
        """The scheduler's connection has ended (recorded: scheduler killed and restarted)."""
        if framework.stream is not stream or framework.framework_id not in self.registered:
            return
        log.info("master.cpp:1418", f"Framework {framework} disconnected")
        log.info("master.cpp:3427", f"Deactivating framework {framework}")
        framework.active, framework.stream = False, None
        self.rescind(framework, list(framework.offers))
        log.info("master.cpp:3411", f"Disconnecting framework {framework}")
        timeout = float(framework.info.get("failover_timeout", 0.0))
        log.info("master.cpp:1433", f"Giving framework {framework} {units.format_duration(timeout)} to failover")
        framework.failover_deadline = time.monotonic() + timeout
        self.event("disconnected", framework)
        if timeout == 0:
            self._give_up(framework)

    def _give_up(self, framework: Framework) -> None:
        log.info("master.cpp:9363", f"Framework failover timeout, removing framework {framework}")
        self.remove(framework)

    def tick(self, now: float) -> None:
        """Heartbeats, failover timeouts, offers; at least once a second."""
        for framework in list(self.registered.values()):
            if framework.failover_deadline is not None and now >= framework.failover_deadline:
                self._give_up(framework)
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + HEARTBEAT_SECONDS
            for framework in self.registered.values():
                if framework.stream is not None:
                    framework.stream.send("HEARTBEAT")
        timeout = self._master.flags["offer_timeout"]
        if timeout:
            for framework in self.registered.values():
                late = [offer.offer_id for offer in framework.offers.values() if now - offer.made > timeout]
                self.rescind(framework, late)
        self.allocator.allocate()

    # --- end of a framework ---

    def teardown(self, framework_id: str) -> bool:
        """Ends a framework with all its tasks; whether it was known."""
        framework = self.registered.get(framework_id)
        if framework is None:
            return False
        self.remove(framework)
        return True

    def remove(self, framework: Framework) -> None:
        """The framework is over: what runs of it ends (master.cpp: removeFramework)."""
        log.info("master.cpp:10374", f"Removing framework {framework}")
        message = f"Framework {framework.framework_id} removed"
        for task in list(framework.tasks.values()):
            if task["state"] not in messages.TERMINAL:
                status = _status(task, "TASK_KILLED", message, "REASON_FRAMEWORK_REMOVED")
                take_status(task, status, "TASK_KILLED")
            framework.complete(task)
        framework.executors.clear()
        framework.offers.clear()
        for record in self._master.agents.values():
            if record.link:
                record.link.send(type="shutdown_framework", framework_id=framework.framework_id)
        if framework.stream is not None:
            framework.stream.close()
            framework.stream = None
        framework.active, framework.planted, framework.failover_deadline = False, False, None
        framework.unregistered_time = round(time.time(), 6)
        del self.registered[framework.framework_id]
        self.completed[framework.framework_id] = framework
        while len(self.completed) > self._master.flags["max_completed_frameworks"]:
            del self.completed[next(iter(self.completed))]
        self.event("removed", framework)

    # --- offers ---

    def accept(self, framework: Framework, call: dict[str, Any]) -> None:
        """LAUNCH operations on offers of one agent; what they leave goes back (master.cpp: accept, _accept)."""
        named = [item["value"] for item in call.get("offer_ids", [])]
        error = self._invalid_offers(framework, named)
        taken = [framework.offers.pop(name) for name in named if name in framework.offers]
        tasks = [
            task
            for operation in call.get("operations", [])
            if operation.get("type") == "LAUNCH"
            for task in operation.get("launch", {}).get("task_infos", [])
        ]
        if error is not None:
            log.warning("master.cpp:4340", f"ACCEPT call used invalid offers '[ {', '.join(named)} ]': {error}")
            for task in tasks:
                self._refuse(
                    framework, task, _gone(framework), f"Task launched with invalid offers: {error}", "INVALID_OFFERS"
                )
            self._decline(framework, taken, call)
            return
        record = self._master.agents[taken[0].agent_id]
        text = f"Processing ACCEPT call for offers: [ {', '.join(named)} ] on agent {record} for framework {framework}"
        log.info("master.cpp:4356", text)
        left = Amounts(item for offer in taken for item in offer.resources)
        for task in tasks:
            left = self._launch(
                framework, record, launching.complete(task, framework.framework_id, taken[0].role), left
            )
        self._filter(framework, record.agent_id, taken[0].role, left, call)

    def _invalid_offers(self, framework: Framework, named: list[str]) -> str | None:
        """validation.cpp: offer::validate."""
        if not named:
            return "No offers specified"
        for index, name in enumerate(named):
            if name in named[:index]:
                return f"Duplicate offer {name} in offer list"
            if name not in framework.offers:
                return f"Offer {name} is no longer valid"
        offers = [framework.offers[name] for name in named]
        for offer in offers[1:]:
            if offer.agent_id != offers[0].agent_id:
                text = f"Offer {offer.offer_id} uses agent {offer.agent_id} and agent {offers[0].agent_id}"
                return f"Aggregated offers must belong to one single agent. {text}"
            if offer.role != offers[0].role:
                return "Aggregated offers must be allocated to the same role"
        return None

    def _launch(self, framework: Framework, record: AgentRecord, task: dict[str, Any], left: Amounts) -> Amounts:
        """One task; what is left of the offers after it."""
        reason = launching.problem(task, framework, record.agent_id, left)
        if reason is not None:
            self._refuse(framework, task, "TASK_ERROR", reason, "TASK_INVALID")
            return left
        task_id = task["task_id"]["value"]
        taken = list(task["resources"])
        executor = task.get("executor")
        if executor is not None:
            known = framework.executors.setdefault(record.agent_id, {})
            if executor["executor_id"]["value"] not in known:
                known[executor["executor_id"]["value"]] = executor
                taken += executor.get("resources", [])
        framework.tasks[task_id] = new_task(task, framework.framework_id)
        log.info("master.cpp:5035", f"Launching task {task_id} of framework {framework} on agent {record}")
        if record.link:
            record.link.send(type="run_task", framework=framework.info, task=task)
        return left - taken

    def _refuse(self, framework: Framework, task: dict[str, Any], state: str, message: str, reason: str) -> None:
        """A task that is never launched (master.cpp: accept)."""
        named = {name: task[name] for name in ("task_id", "agent_id")}
        status = _status(
            {**named, "executor_id": task.get("executor", {}).get("executor_id")}, state, message, f"REASON_{reason}"
        )
        log.info("master.cpp:8212", _sending(status, framework))
        framework.send("UPDATE", {"status": status})

    def decline(self, framework: Framework, call: dict[str, Any]) -> None:
        named = [item["value"] for item in call.get("offer_ids", [])]
        text = f"Processing DECLINE call for offers: [ {', '.join(named)} ] for framework {framework}"
        log.info("master.cpp:5300", text)
        self._decline(framework, [framework.offers.pop(name) for name in named if name in framework.offers], call)

    def _decline(self, framework: Framework, offers: Iterable[Offer], call: dict[str, Any]) -> None:
        for offer in offers:
            self._filter(framework, offer.agent_id, offer.role, Amounts(offer.resources), call)

    def _filter(self, framework: Framework, agent_id: str, role: str, left: Amounts, call: dict[str, Any]) -> None:
        seconds = call.get("filters", {}).get("refuse_seconds", allocation.REFUSE_SECONDS)
        self.allocator.refuse(framework, agent_id, role, left, seconds)

    def revive(self, framework: Framework, call: dict[str, Any]) -> None:
        log.info("master.cpp:5360", f"Processing REVIVE call for framework {framework}")
        roles = call.get("roles") or framework.roles
        framework.suppressed -= set(roles)
        framework.filters = [entry for entry in framework.filters if entry.role not in roles]
        self.allocator.allocate()

    def suppress(self, framework: Framework, call: dict[str, Any]) -> None:
        log.info("master.cpp:5390", f"Processing SUPPRESS call for framework {framework}")
        framework.suppressed |= set(call.get("roles") or framework.roles)

    def rescind(self, framework: Framework, named: Iterable[str]) -> None:
        """Offers that are no longer valid, with a word to the scheduler."""
        for name in named:
            if framework.offers.pop(name, None) is not None:
                framework.send("RESCIND", {"offer_id": {"value": name}})

    def offers_on(self, agent_id: str) -> None:
        """An agent cannot be offered any more."""
        for framework in self.registered.values():
            self.rescind(framework, [o.offer_id for o in framework.offers.values() if o.agent_id == agent_id])

    # --- other calls ---

    def kill(self, framework: Framework, call: dict[str, Any]) -> None:
        task_id = call["task_id"]["value"]
        task = framework.tasks.get(task_id)
        if task is None:
            text = (
                f"Cannot kill task {task_id} of framework {framework} because it is unknown; performing reconciliation"
            )
            log.warning("master.cpp:5700", text)
            self.reconcile(
                framework, {"tasks": [{name: call[name] for name in ("task_id", "agent_id") if name in call}]}
            )
            return
        record = self._master.agents.get(task["agent_id"]["value"])
        if record is not None and record.link:
            log.info("master.cpp:5740", f"Telling agent {record} to kill task {task_id} of framework {framework}")
            policy = {"kill_policy": call["kill_policy"]} if "kill_policy" in call else {}
            record.link.send(type="kill_task", framework_id=framework.framework_id, task_id=task_id, **policy)

    def shutdown(self, framework: Framework, call: dict[str, Any]) -> None:
        """A custom executor, by its ID; unknown ones are only logged of (master.cpp: shutdown)."""
        agent_id, executor_id = call["agent_id"]["value"], call["executor_id"]["value"]
        record = self._master.agents.get(agent_id)
        log.info("master.cpp:6050", f"Processing SHUTDOWN call for executor '{executor_id}' of framework {framework}")
        if record is not None and record.link and executor_id in framework.executors.get(agent_id, {}):
            record.link.send(type="shutdown_executor", framework_id=framework.framework_id, executor_id=executor_id)

    def acknowledge(self, framework: Framework, call: dict[str, Any]) -> None:
        """Of an update with a UUID: a task that has ended is over with it (master.cpp: acknowledge)."""
        agent_id, task_id, uuid = call["agent_id"]["value"], call["task_id"]["value"], call["uuid"]
        record = self._master.agents.get(agent_id)
        if record is None or record.link is None:
            return
        place = f"task {task_id} of framework {framework} on agent {agent_id}"
        log.info("master.cpp:5870", f"Processing ACKNOWLEDGE call for status {uuid_text(uuid)} for {place}")
        task = framework.tasks.get(task_id)
        if task is not None and task["agent_id"]["value"] == agent_id:
            if "status_update_state" not in task:
                return
            if task["status_update_state"] in messages.TERMINAL and task["status_update_uuid"] == uuid:
                framework.complete(task)
        record.link.send(type="acknowledge", framework_id=framework.framework_id, task_id=task_id, uuid=uuid)

    def reconcile(self, framework: Framework, call: dict[str, Any]) -> None:
        """Answers with the newest states (master.cpp: reconcile; docs/reconciliation.md)."""
        asked = call.get("tasks", [])
        log.info("master.cpp:8900", f"Performing reconciliation for framework {framework}")
        if not asked:
            for task in framework.tasks.values():
                self._reconciled(framework, task, task["state"], "Reconciliation: Latest task state")
            return
        for entry in asked:
            known = framework.tasks.get(entry["task_id"]["value"])
            if known is not None:
                self._reconciled(framework, known, known["state"], "Reconciliation: Latest task state")
                continue
            agent_id = entry.get("agent_id", {}).get("value")
            if agent_id in self._master.recovered_agents:
                continue  # it may come back with the task: no answer is the answer
            state, message = _lost(framework, "TASK_UNKNOWN"), "Reconciliation: Task is unknown"
            if agent_id in self._master.agents:
                state, message = _lost(framework, "TASK_GONE"), "Reconciliation: Task is unknown to the agent"
            elif agent_id in self._master.registry.state["unreachable"]:
                state, message = _lost(framework, "TASK_UNREACHABLE"), "Reconciliation: Task is unreachable"
            self._reconciled(framework, entry, state, message)

    def _reconciled(self, framework: Framework, task: dict[str, Any], state: str, message: str) -> None:
        status = _status(task, state, message, "REASON_RECONCILIATION")
        framework.send("UPDATE", {"status": status})

    def message(self, framework: Framework, call: dict[str, Any]) -> None:
        """Data for an executor, without any promise."""
        record = self._master.agents.get(call["agent_id"]["value"])
        if record is not None and record.link:
            place = {"framework_id": framework.framework_id, "executor_id": call["executor_id"]["value"]}
            record.link.send(type="framework_message", data=call["data"], **place)

    # --- what agents tell ---

    def status_update(self, record: AgentRecord, message: dict[str, Any]) -> None:
        """From a task's executor or agent, forwarded (master.cpp: statusUpdate)."""
        status, framework_id = message["status"], message["framework_id"]
        task_id = status["task_id"]["value"]
        framework = self.registered.get(framework_id)
        if framework is None:
            text = f"Ignoring status update {status['state']} for task {task_id} of framework {framework_id}"
            log.warning("master.cpp:8100", f"{text} from agent {record} because the framework is unknown")
            return
        uuid = f" (Status UUID: {uuid_text(status['uuid'])})" if "uuid" in status else ""
        text = (
            f"Status update {status['state']}{uuid} for task {task_id} of framework {framework_id} from agent {record}"
        )
        log.info("master.cpp:8160", text)
        framework.send("UPDATE", {"status": status})
        task = framework.tasks.get(task_id)
        if task is None:
            log.warning("master.cpp:8180", f"Could not lookup task {task_id} of framework {framework_id}")
        elif task["state"] not in messages.TERMINAL or "uuid" in status:
            take_status(task, status, message["latest_state"])
            if "uuid" not in status:
                framework.complete(task)
        if framework.planted and "uuid" in status:
            named = {"agent_id": {"value": record.agent_id}, "task_id": status["task_id"], "uuid": status["uuid"]}
            self.acknowledge(framework, named)

    def exited_executor(self, record: AgentRecord, message: dict[str, Any]) -> None:
        """A custom executor has ended; its tasks are told of one by one (master.cpp: exitedExecutor)."""
        framework_id, executor_id, status = message["framework_id"], message["executor_id"], message["status"]
        framework = self.registered.get(framework_id)
        place = f"executor '{executor_id}' of framework {framework_id} on agent {record}"
        if framework is None:
            log.warning(
                "master.cpp:8509",
                f"Not forwarding exited executor message for {place} because the framework is unknown",
            )
            return
        log.info("master.cpp:8497", f"E{place[1:]}: exited with status {status}")
        framework.remove_executor(record.agent_id, executor_id)
        named = {"agent_id": {"value": record.agent_id}, "executor_id": {"value": executor_id}}
        framework.send("FAILURE", {**named, "status": status})

    def executor_message(self, record: AgentRecord, message: dict[str, Any]) -> None:
        framework = self.registered.get(message["framework_id"])
        if framework is not None:
            named = {"agent_id": {"value": record.agent_id}, "executor_id": {"value": message["executor_id"]}}
            framework.send("MESSAGE", {**named, "data": message["data"]})

    # --- agents that come and go ---

    def agent_disconnected(self, record: AgentRecord) -> None:
        """Work without checkpoint ended with the agent's process, the other may go on (master.cpp: _exited; recorded: R1)."""
        self.offers_on(record.agent_id)
        for framework in self.registered.values():
            if not framework.info.get("checkpoint") and self._has_work(framework, record.agent_id):
                text = f"Removing framework {framework} from disconnected agent {record}"
                log.info("master.cpp:1327", f"{text} because the framework is not checkpointing")
                self._lose(framework, record, "disconnected", "REASON_AGENT_DISCONNECTED", "TASK_GONE")

    def agent_removed(self, record: AgentRecord, what: str, reason: str, state: str) -> None:
        """All its work is lost; every scheduler hears of the agent (master.cpp: removeSlave; recorded: R1, FAILURE)."""
        self.offers_on(record.agent_id)
        for framework in self.registered.values():
            self._lose(framework, record, what, reason, state)
            if framework.stream is not None:
                text = f"Notifying framework {framework} of lost agent {record.agent_id} ({record.info['hostname']})"
                log.info("master.cpp:2093", text)
                framework.send("FAILURE", {"agent_id": {"value": record.agent_id}})

    def _lose(self, framework: Framework, record: AgentRecord, what: str, reason: str, state: str) -> None:
        message = f"Agent {record.info['hostname']} {what}"
        for task in framework.tasks_on(record.agent_id):
            if task["state"] not in messages.TERMINAL:
                status = _status(task, _lost(framework, state), message, reason)
                take_status(task, status, status["state"])
                log.info("master.cpp:8212", _sending(status, framework))
                framework.send("UPDATE", {"status": {**status, "timestamp": time.time()}})
            if state == "TASK_UNREACHABLE":
                framework.unreachable_tasks[task["task_id"]["value"]] = framework.tasks.pop(task["task_id"]["value"])
            else:
                framework.complete(task)
        framework.executors.pop(record.agent_id, None)

    def agent_returned(self, record: AgentRecord, message: dict[str, Any], how: str | None) -> list[dict[str, Any]]:
        """Takes what an agent brings along: frameworks, executors, tasks (master.cpp: reregisterSlave, addFramework).

        `how` says what the master had taken the agent for, "Unknown" or "Unreachable"; None for one that it knew. Answers
        the tasks that the agent did not name, for it to say what became of them (master.cpp: reconcileKnownSlave).
        """
        removed = set()
        for info in message["frameworks"]:
            framework_id = info["id"]["value"]
            if framework_id in self.completed:
                text = f"Agent {record} reregistered with completed framework {framework_id} ({info['name']})"
                log.warning("master.cpp:9979", f"{text}. Shutting down the framework on the agent")
                removed.add(framework_id)
                if record.link:
                    record.link.send(type="shutdown_framework", framework_id=framework_id)
            elif framework_id not in self.registered:
                self.registered[framework_id] = Framework(info, recovered=True)
                self.event("recovered", self.registered[framework_id])
        brought: dict[str, set[str]] = {}
        for task in message["tasks"]:
            framework_id, task_id = task["framework_id"]["value"], task["task_id"]["value"]
            if framework_id not in removed:
                brought.setdefault(framework_id, set()).add(task_id)
                self._take_task(self.registered[framework_id], record, task, how)
        unnamed = []
        for framework in self.registered.values():
            known = framework.executors.pop(record.agent_id, None)
            kept = [info for info in message["executors"] if info["framework_id"]["value"] == framework.framework_id]
            if kept:
                framework.executors[record.agent_id] = {info["executor_id"]["value"]: info for info in kept}
            if how is None:
                ids = {info["executor_id"]["value"] for info in kept}
                for executor_id in set(known or ()) - ids:
                    named = {"agent_id": {"value": record.agent_id}, "executor_id": {"value": executor_id}}
                    framework.send("FAILURE", named)
                named_ids = brought.get(framework.framework_id, set())
                for task in framework.tasks_on(record.agent_id):
                    if task["task_id"]["value"] not in named_ids:
                        state = _lost(framework, "TASK_DROPPED")
                        unnamed.append(
                            {"framework_id": framework.framework_id, "task_id": task["task_id"], "state": state}
                        )
        return unnamed

    def _take_task(self, framework: Framework, record: AgentRecord, task: dict[str, Any], how: str | None) -> None:
        task_id = task["task_id"]["value"]
        framework.unreachable_tasks.pop(task_id, None)
        known = framework.tasks.get(task_id)
        if known is not None and known["agent_id"] == task["agent_id"]:
            known.update(task)
            return
        framework.tasks[task_id] = task
        if how is not None and framework.connected:
            status = _status(task, task["state"], f"{how} agent reregistered", "REASON_AGENT_REREGISTERED")
            log.info("master.cpp:8212", _sending(status, framework))
            framework.send("UPDATE", {"status": status})

    # --- planting ---

    def plant(self, record: AgentRecord, wanted: dict[str, Any]) -> dict[str, Any]:
        """A framework without a scheduler, launched on the agent that asks; {"error"} when it has no room for it."""
        framework_id = f"{self._master.master_id}-{self._next_framework:04d}"
        info = {"user": "root", "name": wanted["name"], "id": {"value": framework_id}, "failover_timeout": 0.0}
        info.update(checkpoint=wanted["checkpoint"], hostname=wanted["hostname"], principal=wanted["principal"])
        framework = Framework(
            {**info, "capabilities": [{"type": "MULTI_ROLE"}], "roles": [wanted["role"]]}, planted=True
        )
        left = self.allocator.free(record)
        for task in wanted["tasks"]:
            task = launching.complete(task, framework_id, wanted["role"])
            reason = launching.problem(task, framework, record.agent_id, left)
            if reason is not None:
                return {"error": reason}
            left = left - [*task["resources"], *task["executor"]["resources"]]
        self._next_framework += 1
        self.registered[framework_id] = framework
        self.event("subscribed", framework)
        left = self.allocator.free(record)
        for task in wanted["tasks"]:
            left = self._launch(framework, record, launching.complete(task, framework_id, wanted["role"]), left)
        return {"framework_id": framework_id}

    # --- evidence ---

    def event(self, kind: str, framework: Framework) -> None:
        """One line for tests."""
        named = {"framework_id": framework.framework_id, "name": framework.info["name"]}
        daemon.record("simulator-frameworks.jsonl", self._master.evidence, {"event": kind, **named})


def _lost(framework: Framework, state: str) -> str:
    """What schedulers that do not know the newer states get instead (docs/high-availability-framework-guide.md)."""
    return state if framework.capable("PARTITION_AWARE") else "TASK_LOST"


def _gone(framework: Framework) -> str:
    return _lost(framework, "TASK_DROPPED")


def _status(task: dict[str, Any], state: str, message: str, reason: str) -> dict[str, Any]:
    """A status that the master makes: it has no UUID, so nobody acknowledges it."""
    status = {"task_id": task["task_id"], "state": state, "message": message, "source": "SOURCE_MASTER"}
    status["reason"] = reason
    for name in ("agent_id", "executor_id"):
        if task.get(name):
            status[name] = task[name]
    status["timestamp"] = time.time()
    return status


def _sending(status: dict[str, Any], framework: Framework) -> str:
    place = f"task {status['task_id']['value']} of framework {framework.framework_id}"
    return f"Sending status update {status['state']} for {place} '{status['message']}'"


def uuid_text(uuid: str) -> str:
    """A UUID that travels in base64, as logs show it."""
    raw = base64.b64decode(uuid).hex()
    return "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))
