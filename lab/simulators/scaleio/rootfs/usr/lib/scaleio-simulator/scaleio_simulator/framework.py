# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduler as a framework of Mesos: events in, calls out (scheduler/{scheduler,eventhandler,mesos,selection}.go)."""

from __future__ import annotations

import time
from typing import Any, Callable

from scaleio_simulator import kv, mesos, pace, web
from scaleio_simulator.log import log
from scaleio_simulator.metadata import Store
from scaleio_simulator.model import PERSONA_DATA, UNKNOWN, Node
from scaleio_simulator.rest import State
from scaleio_simulator.settings import Settings

RETRY_SECONDS = 2.0  # scheduler.go: subscribeRetryDelayInSec
REFUSE_SECONDS = 30
NUMBER = "json: cannot unmarshal number into Go value of type mesos_v1_scheduler.Event"

# The product repeats one line without end once the stream is broken, with a whole core and tens of MB a second (recorded:
# master restarted). Here the load is bounded: this many lines a second up to this many bytes, then one a second.
BROKEN_RATE = 200
BROKEN_BYTES = 3 << 20


class Framework:
    """Subscribes once; when the stream breaks it stays as it is and never subscribes again."""

    def __init__(self, settings: Settings, store: Store, state: State) -> None:
        self._settings, self._store, self._state = settings, store, state
        self._master = mesos.Peer(settings.text("uri"), "/api/v1/scheduler", "scaleio/0.1")
        self._id: dict[str, Any] = {}
        self._handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            "SUBSCRIBED": self._subscribed,
            "OFFERS": self._offers,
            "RESCIND": lambda event: log.info(f"[EVENT] Received RESCIND: {_fields(event.get('rescind', {}))}"),
            "UPDATE": self._update,
            "MESSAGE": lambda event: log.info(f"[EVENT] Received MESSAGE: {_fields(event.get('message', {}))}"),
            "FAILURE": self._failure,
            "ERROR": lambda event: log.info(f"[EVENT] Received ERROR: {event.get('error', {}).get('message', '')}"),
            "HEARTBEAT": lambda event: log.info("[EVENT] Received HEARTBEAT"),
        }

    def run(self) -> None:
        """Returns at the clean end of the stream (recorded: POST /teardown), never otherwise."""
        answer = self._subscribe()
        events = mesos.records(answer.body)
        while True:
            log.debug("Waiting for Event")
            try:
                event = next(events, {})
            except (web.Broken, ValueError) as error:
                _repeat(f"Unable to decode event. Skip event. Err: {error}")
            log.debug("Received for Event")
            if event is None:
                log.warning(f"Unable to decode event. Skip event. Err: {NUMBER}")
            elif not event:
                log.debug("err == io.EOF")
                return
            else:
                handler = self._handlers.get(event.get("type", ""))
                if handler:
                    handler(event)

    def _subscribe(self) -> web.Answer:
        info = {
            "user": self._settings.text("user"),
            "name": "ScaleIO Framework",
            "hostname": self._settings.text("hostname"),
        }
        while True:
            try:
                return self._master.call({"type": mesos.SUBSCRIBE, "subscribe": {"framework_info": info}})
            except mesos.Refused as error:
                log.warning(f"subscribe error: {error}")
            pace.sleep(RETRY_SECONDS)

    def _subscribed(self, event: dict[str, Any]) -> None:
        self._id = event["subscribed"]["framework_id"]
        log.info(f"[EVENT] Received SUBSCRIBED. FrameworkID: {self._id['value']}")

    def _update(self, event: dict[str, Any]) -> None:
        status = event["update"]["status"]
        log.info(f"[EVENT] Received STATUS: {_fields(status)}")
        if not status.get("uuid"):
            log.info("Not sending ACK, update is not from slave")
            return
        acknowledge = {"agent_id": status["agent_id"], "task_id": status["task_id"], "uuid": status["uuid"]}
        call = {"framework_id": self._id, "type": mesos.ACKNOWLEDGE, "acknowledge": acknowledge}
        self._master.tell(call)

    def _failure(self, event: dict[str, Any]) -> None:
        log.info("[EVENT] Received FAILURE")
        failure = event.get("failure", {})
        agent = failure.get("agent_id", {}).get("value", "")
        if "executor_id" in failure:
            executor, status = failure["executor_id"].get("value", ""), failure.get("status", 0)
            log.info(f"Executor {executor} terminated with status {status} on agent {agent}")
        elif agent:
            log.info(f"Agent {agent} failed")

    # -- offers --

    def _offers(self, event: dict[str, Any]) -> None:
        """Hosts that are new become data nodes, then every offer is answered: one task for each host."""
        offers = event["offers"].get("offers", [])
        log.info(f"[EVENT] Received {len(offers)} OFFERS")
        try:
            for offer in offers:
                if self._state.find_host(offer["hostname"]) is None:
                    self._state.add(self._node(offer))
        except (kv.StoreError, ValueError) as error:
            log.error(f"Failed to select data node: {error}")
            log.error(f"Failed to determine ScaleIO configuration: {error}")
        for offer in offers:
            node = self._state.find_host(offer["hostname"])
            if offer.get("executor_ids"):
                agent = offer["agent_id"]["value"]
                log.info(
                    f"scaleio-executor already exists on host {offer['id']['value']} , {offer['hostname']} , {agent}"
                )
                self._decline(offer)
            elif node is None:
                log.error(f"Unable to find node by Hostname: {offer['hostname']}")
                self._decline(offer)
            else:
                self._accept(offer, node)

    def _node(self, offer: dict[str, Any]) -> Node:
        """Persona and state come from the store where it knows the host name (selection.go: selectDataNode)."""
        hostname = offer["hostname"]
        try:
            self._store.info(hostname)
        except (kv.StoreError, ValueError):
            self._store.set_info(hostname, PERSONA_DATA, UNKNOWN)
        persona, state = self._store.info(hostname)
        address = offer.get("url", {}).get("address", {}).get("ip", "")
        return self._state.read(
            Node(offer["agent_id"]["value"], offer["id"]["value"], hostname, address, persona, state),
            offer.get("attributes", []),
        )

    def _decline(self, offer: dict[str, Any]) -> None:
        decline = {"offer_ids": [offer["id"]], "filters": {"refuse_seconds": REFUSE_SECONDS}}
        self._master.tell({"framework_id": offer["framework_id"], "type": mesos.DECLINE, "decline": decline})

    def _accept(self, offer: dict[str, Any], node: Node) -> None:
        """The offer's agent is asked, whatever ID the node was first seen with."""
        log.info("OfferID:")
        log.info(f'value:"{offer["id"]["value"]}" ')
        log.info("TaskID:")
        log.info(f'value:"{node.task}" ')
        scheduler = self._state.address
        log.info(f"Scheduler URI: {scheduler}")
        log.info(f"Executor URI: {scheduler}/scaleio-executor")
        kind = "mdm" if node.persona != PERSONA_DATA else "non"
        command = "chmod u+x scaleio-executor && ./scaleio-executor"
        executor = {
            "executor_id": {"value": node.executor},
            "command": {
                "uris": [{"value": f"{scheduler}/scaleio-executor", "executable": True}],
                "value": f"{command} -loglevel={self._settings.text('loglevel')} -rest.uri={scheduler}",
            },
            "name": "scaleio-executor",
        }
        task = {
            "name": f"task-{node.task}",
            "task_id": {"value": node.task},
            "agent_id": offer["agent_id"],
            "resources": [
                _scalar("cpus", self._settings.number(f"executor.cpu.{kind}")),
                _scalar("mem", self._settings.number(f"executor.mem.{kind}")),
            ],
            "executor": executor,
        }
        accept = {
            "offer_ids": [offer["id"]],
            "operations": [{"type": mesos.LAUNCH, "launch": {"task_infos": [task]}}],
            "filters": {"refuse_seconds": REFUSE_SECONDS},
        }
        for title in ("Task:", "Operation:", "Call:"):
            log.info(title)
        self._master.tell({"framework_id": offer["framework_id"], "type": mesos.ACCEPT, "accept": accept})


def _scalar(name: str, value: float) -> dict[str, Any]:
    return {"name": name, "type": mesos.SCALAR, "scalar": {"value": value}}


def _fields(message: dict[str, Any]) -> str:
    """A message in the text form of protobuf (recorded: agent restarted)."""
    parts = []
    for name, value in message.items():
        if isinstance(value, dict):
            parts.append(f"{name}:<{_fields(value)} >")
        elif isinstance(value, str) and name not in ("state", "source", "reason"):
            parts.append(f'{name}:"{value}"')
        else:
            parts.append(f"{name}:{value}")
    return " ".join(parts)


def _repeat(message: str) -> None:
    """Never returns."""
    written = 0
    while True:
        lines = BROKEN_RATE // 10 if written < BROKEN_BYTES else 1
        for _ in range(lines):
            log.warning(message)
            log.debug("Waiting for Event")
            log.debug("Received for Event")
            written += len(message) + 60
        time.sleep(0.1 if lines > 1 else 1.0)
