# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The states that an executor leads its node through (executor/runnode.go, executor/scaleionodes/dataNode.go)."""

from __future__ import annotations

import json
import os

from scaleio_simulator import commands, devices, gojson, installing, model, pace, web
from scaleio_simulator.log import log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# executor/common/waitstates.go
POLL_SECONDS = 5.0
CHANGES_SECONDS = 30.0
FATAL_SECONDS = 3600.0
BEFORE_REBOOT_SECONDS = 5.0
REBOOT_SECONDS = 120.0

REBOOT = "/usr/lib/scaleio-simulator/reboot"


class NotFound(Exception):
    """The scheduler does not know this executor."""


class Machine:
    """One node, as the scheduler sees it."""

    def __init__(self, scheduler: str, executor: str) -> None:
        self._scheduler, self._executor = scheduler, executor
        self._state: dict[str, Any] = {}

    def run(self) -> None:
        """Never returns while the scheduler knows the node.

        :raises NotFound: it does not, at the start.
        """
        log.info("RunExecutor ENTER")
        log.info(f"executorID: {self._executor}")
        log.info("WhichNode ENTER")
        log.info("ScaleIO Executor Retrieve State from Scheduler")
        node = self._look()
        log.info("Find Self Node")
        if node is None:
            log.info("GetSelfNode Failed")
            raise NotFound(self._executor)
        if node["persona"] != model.PERSONA_DATA:
            raise NotFound(f"{self._executor}: MDM nodes are not simulated")
        log.info("Is DataNode")
        log.info("Is Ubuntu14")
        log.info("WhichNode Succeeded")
        log.info("WhichNode LEAVE")
        while True:
            node = self._look()
            if node is None:
                log.error("Unable to find Self in node list")
                self._notify(model.FATAL_INSTALL)
                pace.sleep(FATAL_SECONDS)
            else:
                self._step(node)

    def _step(self, node: dict[str, Any]) -> None:
        state = node["state"]
        if state == model.UNKNOWN:
            self._unknown()
        elif state == model.PREREQUISITES_INSTALLED:
            self._prerequisites_installed(node)
        elif state == model.INSTALL_REXRAY:
            self._install_rexray(node)
        elif state == model.SYSTEM_REBOOT:
            self._notify(model.FINISH_INSTALL)
        elif state == model.FINISH_INSTALL:
            self._finish_install(node)
        elif state == model.FATAL_INSTALL:
            pace.sleep(FATAL_SECONDS)
        else:
            # The other states wait; for numbers that are none the product does not even do that.
            pace.sleep(POLL_SECONDS)

    # -- states --

    def _unknown(self) -> None:
        try:
            reboot = installing.environment_setup(self._state)
        except installing.InstallError as error:
            self._fatal("EnvironmentSetup Failed", error)
            return
        self._notify(model.CLEAN_PREREQS_REBOOT)
        self._wait(model.CLEAN_PREREQS_REBOOT)
        self._notify(model.PREREQUISITES_INSTALLED)
        if reboot:
            log.info("Reboot required before StatePrerequisitesInstalled!")
            self._reboot()
        else:
            log.info("No need to reboot while installing prerequisites")

    def _prerequisites_installed(self, node: dict[str, Any]) -> None:
        try:
            installing.node_setup(self._state)
            self._offer_devices(node)
        except (installing.InstallError, commands.CommandError, web.Failed) as error:
            self._fatal("NodeSetup Failed", error)
            return
        self._notify(model.ADD_RESOURCES)

    def _install_rexray(self, node: dict[str, Any]) -> None:
        try:
            reboot = installing.rexray_setup(self._state, node)
            installing.isolator_setup(self._state)
        except installing.InstallError as error:
            self._fatal("REX-Ray setup Failed", error)
            return
        self._notify(model.CLEAN_INSTALL_REBOOT)
        self._wait(model.CLEAN_INSTALL_REBOOT)
        if not reboot:
            log.info("No need to reboot while installing REX-Ray")
        else:
            log.info("Reboot required before StateFinishInstall!")
            self._notify(model.SYSTEM_REBOOT)
            if not self._state["debug"]:
                self._reboot()
                return
            log.info("Skipping the reboot since Debug is TRUE")
        self._notify(model.FINISH_INSTALL)

    def _finish_install(self, node: dict[str, Any]) -> None:
        """Looks for disks as long as the scheduler does not know that it has been told of any: after its restart, once more."""
        pace.sleep(CHANGES_SECONDS)
        current = self._look() or node
        try:
            self._offer_devices(current)
        except (commands.CommandError, web.Failed) as error:
            log.error(f"UpdateDevices Failed: {error}")

    def _offer_devices(self, node: dict[str, Any]) -> None:
        if node["imperative"] or node["advertised"]:
            return
        told = {"acknowledged": False, "executorid": self._executor, "devices": devices.unused() or None}
        web.fetch(f"{self._state['scheduleraddress']}/api/node/device", gojson.dumps(told, indent=True).encode())

    # -- talking to the scheduler --

    def _look(self) -> dict[str, Any] | None:
        """The own node in the newest state; waits for a scheduler that answers."""
        while True:
            try:
                self._state = json.loads(web.fetch(f"{self._scheduler}/api/state")[1])
                nodes = self._state["ScaleIO"]["Nodes"] or ()
                return next((node for node in nodes if node["executorid"] == self._executor), None)
            except web.Failed as error:
                log.error(f"Error is HTTP Do: {error}")
            except (ValueError, KeyError, TypeError) as error:
                log.error(f"Error is IO ReadAll: {error}")
            pace.sleep(POLL_SECONDS)

    def _wait(self, state: int) -> None:
        """Until every node is there."""
        while True:
            self._look()
            if all(node["state"] >= state for node in self._state["ScaleIO"]["Nodes"] or ()):
                return
            pace.sleep(POLL_SECONDS)

    def _notify(self, state: int) -> None:
        told = {"acknowledged": False, "executorid": self._executor, "state": state}
        body = gojson.dumps(told, indent=True).encode()
        try:
            answer = json.loads(web.fetch(f"{self._state['scheduleraddress']}/api/node/state", body)[1])
        except (web.Failed, ValueError) as error:
            log.error(f"Failed to signal state change: {error}")
            return
        if answer.get("acknowledged"):
            log.error("NotifyNodeState Succeeded")
        else:
            log.error("Failed to receive an acknowledgement")

    def _fatal(self, title: str, error: Exception) -> None:
        log.error(f"{title}: {error}")
        self._notify(model.FATAL_INSTALL)

    def _reboot(self) -> None:
        """A lab host cannot reboot itself: REBOOT does to the framework what a reboot would, this process included."""
        # Executors that have not yet seen that all nodes are here lose their scheduler, if it runs on this host, and stay so for ever.
        # In the product they have as long as between two of their looks; shortened alike, a slow machine's would come too late.
        pace.sleep(BEFORE_REBOOT_SECONDS, floors=5)
        if os.path.exists(REBOOT):
            os.system(f"systemd-run --quiet --no-block --collect {REBOOT}")
        else:
            log.error(f"{REBOOT} is missing: this host does not reboot")
        pace.sleep(REBOOT_SECONDS)
