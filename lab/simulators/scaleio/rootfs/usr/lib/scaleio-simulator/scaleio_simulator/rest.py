# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scheduler's REST API and the state behind it (scheduler/server/{server,state,node,executor}.go)."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from scaleio_simulator import gojson, kv, model, web
from scaleio_simulator.log import log
from scaleio_simulator.metadata import Store
from scaleio_simulator.settings import PARTS, VERSION, VERSION_INT, Settings

# net/http tells it from the first bytes where a handler names none.
_SNIFFED = "text/plain; charset=utf-8"
_JSON = (("Content-Type", "application/json; charset=UTF-8"),)
BAD_JSON = "Unable to marshall the response"
NO_EXECUTOR = "Unable to find the Executor"


class State:
    """Nodes in the order of their first offers; they never leave."""

    def __init__(self, settings: Settings, configured: bool) -> None:
        self.settings, self.configured = settings, configured
        self.address = f"http://{settings.text('rest.address')}:{int(settings.number('rest.port'))}"
        self.lock = threading.Lock()
        self._nodes: list[model.Node] = []
        self._imperative = False

    def find_host(self, hostname: str) -> model.Node | None:
        return next((node for node in self._nodes if node.hostname == hostname), None)

    def find_executor(self, executor: str) -> model.Node | None:
        return next((node for node in self._nodes if node.executor == executor), None)

    def read(self, node: model.Node, attributes: Sequence[dict[str, Any]]) -> model.Node:
        """A node with its attributes read."""
        model.read_attributes(node, attributes)
        if node.imperative:
            log.info("At least one node declared by Imperative method.")
            self._imperative = True
        return node

    def add(self, node: model.Node) -> None:
        with self.lock:
            self._nodes.append(node)

    def ready(self) -> list[model.Node] | None:
        """Copies of all nodes, once each is at state 5 or above (server.go: MonitorForState)."""
        with self.lock:
            nodes = [node.copy() for node in self._nodes]
        return nodes if all(node.state >= model.ADD_RESOURCES for node in nodes) else None

    def resources_added(self) -> None:
        """Lets the nodes go on to state 6, in memory only, whatever became of the resources."""
        with self.lock:
            for node in self._nodes:
                if node.state <= model.INSTALL_REXRAY:
                    node.state = model.INSTALL_REXRAY

    def document(self) -> dict[str, Any]:
        """As GET /api/state shows it, password included."""
        text, true = self.settings.text, self.settings.true
        with self.lock:
            nodes = [node.document() for node in self._nodes]
        scaleio = {
            "configured": self.configured,
            "clusterid": text("scaleio.clusterid"),
            "clustername": text("scaleio.clustername"),
            "lbgateway": text("scaleio.lbgateway"),
            "protectiondomain": text("scaleio.protectiondomain"),
            "storagepool": text("scaleio.storagepool"),
            "adminpassword": text("scaleio.password"),
            "apiversion": text("scaleio.apiversion"),
            "fakeuseddata": 0,
            "capacitydata": 0,
            "useddata": 0,
            "atleastoneimperative": self._imperative,
            "Nodes": nodes or None,
            "Preconfig": {
                "preconfigenabled": self.settings.preconfigured,
                "preconfigprimdm": text("scaleio.preconfig.primary"),
                "preconfigsecmdm": text("scaleio.preconfig.secondary"),
                "preconfigtbmdm": text("scaleio.preconfig.tiebreaker"),
                "preconfiggateway": text("scaleio.preconfig.gateway"),
            },
            "Ubuntu14": {f"ubuntu14{part}": text(f"scaleio.ubuntu14.{part}") for part in PARTS},
            "Rhel7": {f"rhel7{part}": text(f"scaleio.rhel7.{part}") for part in PARTS},
        }
        return {
            "scheduleraddress": self.address,
            "loglevel": text("loglevel"),
            "debug": true("debug"),
            "experimental": true("experimental"),
            "ScaleIO": scaleio,
            "Rexray": {"rexraybranch": text("rexray.branch"), "rexrayversion": text("rexray.version")},
            "Isolator": {"isolatorbinary": text("isolator.binary")},
        }

    def page(self) -> str:
        """GET /ui and /."""
        with self.lock:
            lines = [f"{node.executor} = {model.TEXTS.get(node.state, '')}<br />" for node in self._nodes]
        head = '<html><head><title>Output</title><meta http-equiv="refresh" content="2" /></head><body>'
        return head + "".join(lines) + "</body></html>"


class Rest:
    """Routes. A path or method without one is 404, also a wrong method (recorded)."""

    def __init__(self, state: State, store: Store) -> None:
        self._state, self._store = state, store
        self._routes = {
            ("GET", "/scaleio-executor"): self._executor,
            ("GET", "/version"): self._version,
            ("GET", "/api/state"): self._get_state,
            ("POST", "/api/state"): self._set_state,
            ("POST", "/api/node/state"): self._node_state,
            ("POST", "/api/node/device"): self._node_device,
            ("POST", "/api/node/ping"): self._node_ping,
            ("GET", "/ui"): self._page,
            ("GET", "/"): self._page,
        }

    def answer(self, request: web.Request) -> web.Response:
        log.raw(f"[negroni] Started {request.method} {request.path}\n")
        begun = time.monotonic()
        route = self._routes.get((request.method, request.path))
        response = route(request) if route else web.not_found()
        reason = {200: "OK", 400: "Bad Request", 404: "Not Found"}[response.status]
        taken = (time.monotonic() - begun) * 1000
        log.raw(f"[negroni] Completed {response.status} {reason} in {taken:.6f}ms\n")
        return response

    def _version(self, request: web.Request) -> web.Response:
        document = {"versionint": VERSION_INT, "versionstr": VERSION}
        return web.Response(200, printed(gojson.dumps(document, indent=True)), sniffed=_SNIFFED)

    def _get_state(self, request: web.Request) -> web.Response:
        text = gojson.dumps(self._state.document(), indent=True)
        log.debug(f"response: {text}")
        return web.Response(200, printed(text), sniffed=_SNIFFED)

    def _page(self, request: web.Request) -> web.Response:
        return web.Response(200, printed(self._state.page()), sniffed="text/html; charset=utf-8")

    def _executor(self, request: web.Request) -> web.Response:
        """The program beside the scheduler, or the one of -executor.altpath."""
        beside = os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "scaleio-executor")
        path = self._state.settings.text("executor.altpath") or beside
        log.info(f"Path: {path}")
        try:
            with open(path, "rb") as file:
                content = file.read()
        except OSError:
            log.error(f"Executor does not exist: {path}")
            return web.error(404, "File does not exist")
        headers = (("Accept-Ranges", "bytes"), ("Content-Type", "application/octet-stream"))
        return web.Response(200, content, (*headers, ("Content-Length", str(len(content)))))

    # -- what executors tell --

    def _set_state(self, request: web.Request) -> web.Response:
        """The cluster is configured; there is no way back."""
        try:
            told = gojson.members(request.body, {"acknowledged": bool, "keyvalue": dict})
        except ValueError:
            return web.error(400, BAD_JSON)
        self._state.configured = True
        try:
            self._store.set_configured()
        except kv.StoreError:
            return web.error(400, "Failed to update the Cluster configured bit")
        return _acknowledged({}, told)

    def _node_state(self, request: web.Request) -> web.Response:
        """Any number is taken as it is, lower ones too (recorded: 77, -3)."""
        try:
            told = _told(request, state=int)
        except ValueError:
            return web.error(400, BAD_JSON)
        node = self._state.find_executor(told.get("executorid", ""))
        if node is None:
            return web.error(400, NO_EXECUTOR)
        with self._state.lock:
            node.state = told.get("state", model.UNKNOWN)
            node.contact = int(time.time())
        try:
            self._store.set_info(node.hostname, node.persona, node.state)
        except kv.StoreError as error:
            return web.error(400, f"SetNodeInfo Err: {error}")
        return _acknowledged({"executorid": node.executor, "state": node.state}, told)

    def _node_device(self, request: web.Request) -> web.Response:
        """Accepted for every node, imperative ones too."""
        try:
            told = _told(request, devices=list)
        except ValueError:
            return web.error(400, BAD_JSON)
        node = self._state.find_executor(told.get("executorid", ""))
        if node is None:
            return web.error(400, NO_EXECUTOR)
        devices = told.get("devices", [])
        text = self._state.settings.text
        with self._state.lock:
            node.contact = int(time.time())
            node.add_devices(text("scaleio.protectiondomain"), text("scaleio.storagepool"), devices)
        return _acknowledged({"executorid": node.executor, "devices": devices}, told)

    def _node_ping(self, request: web.Request) -> web.Response:
        try:
            told = _told(request)
        except ValueError:
            return web.error(400, BAD_JSON)
        node = self._state.find_executor(told.get("executorid", ""))
        if node is None:
            return web.error(400, NO_EXECUTOR)
        with self._state.lock:
            node.contact = int(time.time())
        return _acknowledged({"executorid": node.executor}, told)


def _told(request: web.Request, **more: type) -> dict[str, Any]:
    return gojson.members(request.body, {"acknowledged": bool, "executorid": str, "keyvalue": dict, **more})


def _acknowledged(members: dict[str, Any], told: dict[str, Any]) -> web.Response:
    """The object that was sent, acknowledged; json.Encoder ends it with a newline."""
    document = {"acknowledged": True, **members}
    if told.get("keyvalue"):
        document["keyvalue"] = told["keyvalue"]
    return web.Response(200, gojson.dumps(document).encode() + b"\n", _JSON)


def printed(text: str) -> bytes:
    """A text that went through fmt.Fprintf as its format, without arguments: a percent sign in a password comes out changed
    (scheduler/server/state.go: getState; go src/fmt/print.go: doPrintf)."""

    def verb(match: re.Match[str]) -> str:
        letter = match.group(1)
        if letter == "%":
            return "%"
        return f"%!{letter}(MISSING)" if letter else "%!(NOVERB)"

    return re.sub(r"%[-+# 0]*\d*(?:\.\d*)?(.|$)", verb, text, flags=re.DOTALL).encode("utf-8", "surrogateescape")
