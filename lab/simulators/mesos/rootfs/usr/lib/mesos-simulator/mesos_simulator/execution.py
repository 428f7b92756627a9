# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's side of frameworks: launching, executors, updates, their end, recovery (mesos 1.11.0 src/slave/slave.cpp).

All of it runs under the lock of the agent; threads that wait for processes take it when they have something to tell.
"""

from __future__ import annotations

import base64
import os
import time
from typing import TYPE_CHECKING, Any

from mesos_simulator import checkpointed_work, containers, daemon, executors, messages, units, work
from mesos_simulator.executors import Executor, Framework
from mesos_simulator.frameworks import new_task
from mesos_simulator.http import spawn
from mesos_simulator.log import log
from mesos_simulator.streams import Stream
from mesos_simulator.updates import Updates

if TYPE_CHECKING:
    from mesos_simulator.agent import Agent

_MAX_COMPLETED_FRAMEWORKS = 50  # src/slave/constants.hpp


class Execution:
    """All frameworks on one agent."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self.frameworks: dict[str, Framework] = {}
        self.completed: dict[str, Framework] = {}
        self.reconnecting = False  # executors may come back although recovery is not over
        self.containers = containers.Containers(agent.flags)
        self.updates = Updates(self._forward)
        self._next_heartbeat = 0.0

    # --- launching ---

    def run_task(self, info: dict[str, Any], task: dict[str, Any]) -> None:
        """A task for a new executor, or for one that runs (slave.cpp: run, _run, __run)."""
        framework_id, task_id = info["id"]["value"], task["task_id"]["value"]
        log.info("slave.cpp:2200", f"Got assigned task '{task_id}' for framework {framework_id}")
        framework = self.frameworks.get(framework_id)
        if framework is None:
            framework = self._add_framework(info)
        description = executors.executor_info(task, info, self.containers.program("mesos-executor"))
        executor = framework.executors.get(description["executor_id"]["value"])
        if framework.terminating or (executor is not None and executor.state in ("TERMINATING", "TERMINATED")):
            state = "TASK_DROPPED" if messages.capable(info, "PARTITION_AWARE") else "TASK_LOST"
            self._tell(framework_id, _status(task, state, "Executor terminating/terminated", "EXECUTOR_TERMINATED"))
            return
        made = new_task(task, framework_id, description["executor_id"])
        if executor is None:
            executor = self._add_executor(framework, description, command_task="executor" not in task)
            self._queue(framework, executor, task, made)
            log.info("slave.cpp:9900", f"Launching executor {executor} in work directory '{executor.directory}'")
            spawn(self._launch, framework, executor, task)
            return
        self._queue(framework, executor, task, made)
        if executor.state == "RUNNING":
            self._send_queued(executor)

    def _add_framework(self, info: dict[str, Any]) -> Framework:
        framework = self.completed.pop(info["id"]["value"], None) or Framework(info)
        framework.info, framework.terminating = info, False
        self.frameworks[framework.framework_id] = framework
        if framework.checkpoint:
            checkpointed_work.write_framework(self._agent.paths, self._agent.agent_id, info)
        return framework

    def _add_executor(self, framework: Framework, description: dict[str, Any], *, command_task: bool) -> Executor:
        container = work.new_uuid()
        executor_id = description["executor_id"]["value"]
        inside = f"slaves/{self._agent.agent_id}/frameworks/{framework.framework_id}/executors/{executor_id}/runs/{container}"
        directory = os.path.join(self._agent.paths.work_dir, inside)
        executor = Executor(description, container, directory, command_task=command_task)
        framework.executors[executor_id] = executor
        if framework.checkpoint:
            checkpointed_work.write_executor(self._run(executor), description)
        return executor

    def _run(self, executor: Executor) -> str:
        """Where it is checkpointed."""
        return checkpointed_work.run_directory(self._agent.paths, self._agent.agent_id, executor)

    def _queue(self, framework: Framework, executor: Executor, task: dict[str, Any], made: dict[str, Any]) -> None:
        executor.queued[task["task_id"]["value"]] = task
        executor.tasks[task["task_id"]["value"]] = made
        if framework.checkpoint:
            checkpointed_work.write_task(self._run(executor), made)

    def _launch(self, framework: Framework, executor: Executor, task: dict[str, Any]) -> None:
        """In a thread of its own: sandbox, files, process; then waits for the end of that."""
        command = executor.info.get("command", {})
        user = command.get("user") or framework.info["user"] if self._agent.flags["switch_user"] else None
        variables = executors.environment(executor, framework, self._identity(), self._agent.flags.texts())
        try:
            os.makedirs(executor.directory, exist_ok=True)
            _link_latest(executor.directory)
            if user and user != "root":
                _hand_over(executor.directory, user)
            self.containers.fetch(executor.container, executor.directory, command, user)
            with self._agent.lock:
                # It cannot be heard of before it is known here.
                self._forked(
                    framework,
                    executor,
                    self.containers.fork(executor.container, executor.directory, command, variables, user),
                )
        except (OSError, KeyError, containers.LaunchFailed) as error:
            with self._agent.lock:
                executor.end, executor.end_reason = (
                    f"Failed to launch container: {error}",
                    "REASON_CONTAINER_LAUNCH_FAILED",
                )
                self._ended(executor, None)
            return
        self._await(executor)

    def _forked(self, framework: Framework, executor: Executor, pid: int) -> None:
        executor.pid = pid
        if framework.checkpoint:
            checkpointed_work.write_pid(self._run(executor), pid)
        self.event("launched", executor)
        spawn(self._require_registration, executor)
        if executor.state == "TERMINATING":
            spawn(self._destroy, executor)

    def _await(self, executor: Executor) -> None:
        """Blocks until the executor's process has ended."""
        status = containers.wait(executor.pid, executor.directory)
        self.containers.destroy(executor.container, executor.directory)
        with self._agent.lock:
            self._ended(executor, status)

    def _require_registration(self, executor: Executor) -> None:
        """slave.cpp: registerExecutorTimeout."""
        timeout = self._agent.flags["executor_registration_timeout"]
        time.sleep(timeout)
        with self._agent.lock:
            if executor.state != "REGISTERING":
                return
            text = f"Executor did not register within {units.format_duration(timeout)}"
            log.info("slave.cpp:7300", f"Terminating executor {executor} because it did not register in time")
            executor.end, executor.end_reason = text, "REASON_EXECUTOR_REGISTRATION_TIMEOUT"
            executor.state = "TERMINATING"
        self._destroy(executor)

    def _destroy(self, executor: Executor) -> None:
        self.containers.destroy(executor.container, executor.directory)

    def _identity(self) -> dict[str, str]:
        ip, port = self._agent.address
        return {"id": self._agent.agent_id, "pid": self._agent.pid, "endpoint": f"{ip}:{port}"}

    # --- the executor's calls ---

    def find(self, framework_id: str, executor_id: str) -> tuple[Framework | None, Executor | None]:
        framework = self.frameworks.get(framework_id)
        return framework, framework.executors.get(executor_id) if framework else None

    def subscribe(self, framework: Framework, executor: Executor, call: dict[str, Any], stream: Stream) -> None:
        """An executor that comes for the first time, or back after a restart of the agent (slave.cpp: subscribe)."""
        log.info("slave.cpp:5252", f"Received Subscribe request for HTTP executor {executor}")
        if executor.state in ("TERMINATING", "TERMINATED") or framework.terminating:
            stream.send("SHUTDOWN")
            executor.stream = stream
            return
        if executor.stream is not None:
            executor.stream.close()
        executor.stream, executor.state = stream, "RUNNING"
        if framework.checkpoint:
            checkpointed_work.mark_http(self._run(executor))
        for update in call.get("unacknowledged_updates", []):
            self.update(framework, executor, update["status"])
        ids = {task["task_id"]["value"] for task in call.get("unacknowledged_tasks", [])}
        stream.send(
            "SUBSCRIBED",
            {
                "executor_info": executor.info,
                "framework_info": work.framework_call(framework.info),
                "agent_info": self._agent.agent_info(),
                "container_id": {"value": executor.container},
            },
        )
        for task in executor.living_tasks():
            task_id = task["task_id"]["value"]
            if (
                task["state"] == "TASK_STAGING"
                and task_id not in executor.queued
                and task_id not in ids
                and self.reconnecting
            ):
                status = _status(task, "TASK_LOST", "Task launched during agent restart", "AGENT_RESTARTED")
                self._own_update(executor, status)
        self._send_queued(executor)

    def _send_queued(self, executor: Executor) -> None:
        for task_id in list(executor.queued):
            task = executor.queued.pop(task_id)
            log.info("slave.cpp:3300", f"Sending queued task '{task_id}' to executor {executor}")
            if executor.stream is not None:
                executor.stream.send("LAUNCH", {"task": task})

    def update(self, framework: Framework, executor: Executor, status: dict[str, Any]) -> None:
        """A status from an executor: kept, forwarded, acknowledged to the executor (slave.cpp: statusUpdate)."""
        task_id, uuid = status["task_id"]["value"], status["uuid"]
        if not framework.terminating and not self.updates.seen(framework.framework_id, task_id, uuid):
            log.info(
                "slave.cpp:5500", f"Handling status update {status['state']} for task {task_id} of executor {executor}"
            )
            self._take(executor, executors.status_of(executor, status, self._identity()))
        if executor.stream is not None:
            executor.stream.send("ACKNOWLEDGED", {"task_id": status["task_id"], "uuid": uuid})

    def _own_update(self, executor: Executor, status: dict[str, Any]) -> None:
        """A status that the agent makes."""
        made = {**status, "uuid": base64.b64encode(os.urandom(16)).decode("ascii")}
        self._take(executor, executors.status_of(executor, made, self._identity()))

    def _take(self, executor: Executor, status: dict[str, Any]) -> None:
        executors.apply_status(executor, status)
        executor.queued.pop(status["task_id"]["value"], None)
        if self._checkpoints(executor):
            checkpointed_work.add_update(self._run(executor), executor.framework_id, status)
        self.updates.add(executor.framework_id, status)

    def _checkpoints(self, executor: Executor) -> bool:
        framework = self.frameworks.get(executor.framework_id)
        return framework is not None and framework.checkpoint

    def message(self, executor: Executor, data: str) -> None:
        """Data for the scheduler."""
        named = {"framework_id": executor.framework_id, "executor_id": executor.executor_id}
        self._agent.send(type="executor_message", data=data, **named)

    def detached(self, executor: Executor, stream: Stream) -> None:
        """The executor's connection has ended; its process is what counts."""
        if executor.stream is stream:
            executor.stream = None

    # --- updates to the master ---

    def _forward(self, framework_id: str, status: dict[str, Any]) -> None:
        if self._agent.registered:
            self._tell(framework_id, status)

    def _tell(self, framework_id: str, status: dict[str, Any]) -> None:
        _, executor = self.find(framework_id, status.get("executor_id", {}).get("value", ""))
        task = executor.tasks.get(status["task_id"]["value"]) if executor else None
        latest = task["state"] if task else status["state"]
        self._agent.send(type="status_update", framework_id=framework_id, status=status, latest_state=latest)

    def acknowledge(self, framework_id: str, task_id: str, uuid: str) -> None:
        """The scheduler knows of an update (slave.cpp: statusUpdateAcknowledgement)."""
        status = self.updates.acknowledge(framework_id, task_id, uuid)
        if status is None:
            return
        framework, executor = self.find(framework_id, status["executor_id"]["value"])
        if framework is None or executor is None:
            return
        if framework.checkpoint:
            checkpointed_work.add_acknowledgement(self._run(executor), status)
        if status["state"] in messages.TERMINAL and task_id in executor.tasks:
            executor.complete(task_id)
            self._clean(framework, executor)

    def reconcile(self, unnamed: list[dict[str, Any]]) -> None:
        """Tasks that the master has here and this agent did not name: those that are not here have not come."""
        for entry in unnamed:
            framework = self.frameworks.get(entry["framework_id"])
            known = framework.executors.values() if framework else ()
            if not any(entry["task_id"]["value"] in executor.tasks for executor in known):
                status = _status(entry, entry["state"], "Reconciliation: task unknown to the agent", "RECONCILIATION")
                self._tell(entry["framework_id"], {**status, "agent_id": {"value": self._agent.agent_id}})

    # --- the end ---

    def kill_task(self, framework_id: str, task_id: str, policy: dict[str, Any] | None) -> None:
        """slave.cpp: killTask."""
        log.info("slave.cpp:3700", f"Asked to kill task {task_id} of framework {framework_id}")
        framework = self.frameworks.get(framework_id)
        for executor in list(framework.executors.values()) if framework else ():
            if task_id not in executor.tasks:
                continue
            if executor.state == "REGISTERING" and task_id in executor.queued:
                task = executor.tasks[task_id]
                message = "Killed before delivery to the executor"
                self._own_update(executor, _status(task, "TASK_KILLED", message, "TASK_KILLED_DURING_LAUNCH"))
                if not executor.queued:
                    self._shutdown(executor)
            elif executor.stream is not None:
                content: dict[str, Any] = {"task_id": {"value": task_id}}
                executor.stream.send("KILL", {**content, "kill_policy": policy} if policy else content)
            return
        log.warning("slave.cpp:3750", f"Ignoring kill task {task_id} of framework {framework_id}: no such task")

    def shutdown_executor(self, framework_id: str, executor_id: str) -> None:
        _, executor = self.find(framework_id, executor_id)
        if executor is not None:
            self._shutdown(executor)

    def shutdown_framework(self, framework_id: str) -> None:
        """A framework is over: its executors end (slave.cpp: shutdownFramework)."""
        framework = self.frameworks.get(framework_id)
        if framework is None:
            return
        log.info("slave.cpp:4160", f"Shutting down framework {framework_id}")
        framework.terminating = True
        self.updates.forget(framework_id)
        for executor in list(framework.executors.values()):
            if executor.state == "TERMINATED":
                self._remove(framework, executor)
            elif executor.state != "TERMINATING":
                self._shutdown(executor)

    def _shutdown(self, executor: Executor) -> None:
        """The executor is asked to end, and made to after its grace period (slave.cpp: _shutdownExecutor)."""
        if executor.state in ("TERMINATING", "TERMINATED"):
            return
        log.info("slave.cpp:7200", f"Shutting down executor {executor}")
        registered = executor.state == "RUNNING"
        executor.state = "TERMINATING"
        if executor.stream is not None:
            executor.stream.send("SHUTDOWN")
        given = executor.info.get("shutdown_grace_period")
        grace = given["nanoseconds"] / 1e9 if given else self._agent.flags["executor_shutdown_grace_period"]
        spawn(self._enforce_end, executor, grace if registered else 0.0)

    def _enforce_end(self, executor: Executor, grace: float) -> None:
        end = time.monotonic() + grace
        while time.monotonic() < end and executor.state != "TERMINATED":
            time.sleep(min(0.5, grace))
        if executor.state != "TERMINATED":
            log.info("slave.cpp:7250", f"Killing executor {executor}")
            self._destroy(executor)

    def _ended(self, executor: Executor, status: int | None, message: str = "") -> None:
        """The process is gone, and so are its tasks (slave.cpp: executorTerminated)."""
        if executor.state == "TERMINATED":
            return
        executor.state = "TERMINATED"
        words = containers.status_text(status) if status is not None else "has terminated with unknown status"
        log.info("slave.cpp:7107", f"Executor {executor} {words}")
        self.event("ended", executor)
        if executor.stream is not None:
            executor.stream.close()
            executor.stream = None
        framework = self.frameworks.get(executor.framework_id)
        if framework is None:
            return
        if not framework.terminating:
            text = executor.end or message or "Executor terminated"
            for task in executor.living_tasks():
                reason = executor.end_reason.partition("_")[2]
                self._own_update(executor, _status(task, "TASK_FAILED", text, reason))
            if not executor.command_task:
                named = {"framework_id": executor.framework_id, "executor_id": executor.executor_id}
                self._agent.send(type="exited_executor", status=-1 if status is None else status, **named)
        self._clean(framework, executor)

    def _clean(self, framework: Framework, executor: Executor) -> None:
        """Forgets an executor that has ended when nothing of it is left to tell."""
        if executor.state == "TERMINATED" and (framework.terminating or not executor.tasks):
            self._remove(framework, executor)

    def _remove(self, framework: Framework, executor: Executor) -> None:
        if executor.executor_id not in framework.executors:
            return
        log.info("slave.cpp:7400", f"Cleaning up executor {executor}")
        for task_id in list(executor.tasks):
            executor.complete(task_id)
        framework.complete(executor)
        if framework.checkpoint:
            checkpointed_work.complete(self._run(executor))
        if not framework.executors:
            log.info("slave.cpp:7500", f"Cleaning up framework {framework.framework_id}")
            del self.frameworks[framework.framework_id]
            self.completed[framework.framework_id] = framework
            while len(self.completed) > _MAX_COMPLETED_FRAMEWORKS:
                del self.completed[next(iter(self.completed))]
            self._agent.work_ended()

    def tick(self) -> None:
        """Once a second: updates that are overdue, heartbeats of executors (--http_heartbeat_interval)."""
        self.updates.tick()
        now = time.monotonic()
        if now >= self._next_heartbeat:
            self._next_heartbeat = now + self._agent.flags["http_heartbeat_interval"]
            for framework in self.frameworks.values():
                for executor in framework.executors.values():
                    if executor.stream is not None:
                        executor.stream.send("HEARTBEAT")

    # --- recovery ---

    def recover(self, found: list[checkpointed_work.RecoveredFramework]) -> list[Executor]:
        """Frameworks of the checkpoint; answers executors whose containers cannot be found (slave.cpp: recoverFramework).

        All other containers are destroyed: those of other agent IDs, and of frameworks that do not checkpoint.
        """
        lost = []
        for recovered in found:
            framework = Framework(recovered.info)
            log.info("slave.cpp:8474", f"Recovering framework {framework.framework_id}")
            for run in recovered.runs:
                executor = run.executor
                log.info("slave.cpp:10498", f"Recovering executor {executor}")
                framework.executors[executor.executor_id] = executor
                for task_id, (uuids, waiting) in run.updates.items():
                    self.updates.recover(framework.framework_id, task_id, uuids, waiting)
                if run.lost:
                    lost.append(executor)
            if framework.executors:
                self.frameworks[framework.framework_id] = framework
        gone = {executor.container for executor in lost}
        running = [one for framework in self.frameworks.values() for one in framework.executors.values()]
        self.containers.clean_orphans({executor.container for executor in running} - gone)
        for executor in running:
            if executor.container not in gone:
                spawn(self._await, executor)
        self.reconnecting = True
        return lost

    def recovered(self, lost: list[Executor], *, cleanup: bool) -> None:
        """Those that have not come back by now end (slave.cpp: reregisterExecutorTimeout; recorded: executors across restart).

        With --recover=cleanup all do, and nobody is told (slave.cpp: _recover).
        """
        if cleanup:
            for framework in list(self.frameworks.values()):
                framework.terminating = True
                for executor in list(framework.executors.values()):
                    executor.state = "TERMINATED"
                    self._destroy(executor)
                    self._remove(framework, executor)
            return
        for executor in lost:
            self._ended(executor, None, "Abnormal executor termination: unknown container")
        self.reconnecting = False
        if not self.frameworks:
            return
        log.info("slave.cpp:5899", "Cleaning up un-reregistered executors")
        timeout = units.format_duration(self._agent.flags["executor_reregistration_timeout"])
        for framework in self.frameworks.values():
            for executor in framework.executors.values():
                # Of one that has died by itself, its end is told by whoever waits for that.
                if executor.state == "REGISTERING" and containers.belongs(executor.pid, executor.directory):
                    log.info("slave.cpp:5930", f"Killing un-reregistered executor {executor}")
                    executor.state, executor.end = "TERMINATING", f"Executor did not reregister within {timeout}"
                    executor.end_reason = "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"
                    spawn(self._destroy, executor)

    # --- what the master is told ---

    def report(self) -> dict[str, Any]:
        """Members of a registration (slave.cpp: doReliableRegistration)."""
        running = [one for framework in self.frameworks.values() for one in framework.executors.values()]
        told = []
        for executor in running:
            for task in executor.tasks.values():
                told.append({k: v for k, v in task.items() if k != "executor_id" or not executor.command_task})
        custom = [one.info for one in running if not one.command_task and one.state != "TERMINATED"]
        return {"frameworks": [one.info for one in self.frameworks.values()], "executors": custom, "tasks": told}

    def update_framework(self, info: dict[str, Any]) -> None:
        framework = self.frameworks.get(info["id"]["value"])
        if framework is not None:
            framework.info = info
            if framework.checkpoint:
                checkpointed_work.write_framework(self._agent.paths, self._agent.agent_id, info)

    def framework_message(self, framework_id: str, executor_id: str, data: str) -> None:
        _, executor = self.find(framework_id, executor_id)
        if executor is not None and executor.stream is not None:
            executor.stream.send("MESSAGE", {"data": data})

    # --- evidence ---

    def event(self, kind: str, executor: Executor) -> None:
        """One line for tests."""
        named = {"framework_id": executor.framework_id, "executor_id": executor.executor_id, "pid": executor.pid}
        daemon.record(
            "simulator-executors.jsonl", self._agent.evidence, {"event": kind, **named, "sandbox": executor.directory}
        )


def _status(task: dict[str, Any], state: str, message: str, reason: str) -> dict[str, Any]:
    """A status that the agent makes."""
    return {
        "task_id": task["task_id"],
        "state": state,
        "message": message,
        "source": "SOURCE_AGENT",
        "reason": f"REASON_{reason}",
        "timestamp": time.time(),
    }


def _link_latest(directory: str) -> None:
    """runs/latest of the sandboxes (src/slave/paths.cpp: createExecutorDirectory)."""
    latest = os.path.join(os.path.dirname(directory), "latest")
    temporary = f"{latest}.{os.getpid()}"
    os.symlink(directory, temporary)
    os.replace(temporary, latest)


def _hand_over(directory: str, user: str) -> None:
    """The sandbox belongs to whoever runs in it (src/slave/paths.cpp: createSandboxDirectory); KeyError without that user."""
    import pwd

    entry = pwd.getpwnam(user)
    os.chown(directory, entry.pw_uid, entry.pw_gid)
