# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon: whom this SDS belongs to, which devices it holds, and what the gateway asks of it."""

from __future__ import annotations

import json
import os

from scaleio_sds import channel
from scaleio_sds.device import Device, Unusable, numbers, retake, take

# The typing module costs a megabyte in each of sixteen processes.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ROOT = "/opt/emc/scaleio/sds"
_PORT = 7072


class Sds:
    """The devices of this host. What is known outlives the process, in `<root>/cfg/devices.json`."""

    def __init__(self, root: str) -> None:
        self._path = f"{root}/cfg/devices.json"
        self._owner: dict[str, str] = {}  # system and sds; empty while nobody has added this SDS
        self._paths: dict[str, str] = {}
        self._held: dict[str, Device] = {}
        self._troubles: dict[str, str] = {}
        os.makedirs(f"{root}/cfg", exist_ok=True)
        if os.path.exists(self._path):
            with open(self._path, encoding="utf-8") as file:
                known = json.load(file)
            self._owner, self._paths = known["owner"], known["devices"]
        self._take_again()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """`{"error": kind, "detail": sentence}` for what is refused."""
        owner = {"system": request["system"], "sds": request["sds"]}
        try:
            if request["op"] == "join":
                return self._join(owner, request["force"], request["unfinished"])
            if self._owner and self._owner != owner:
                raise Unusable(
                    "taken", f"this SDS belongs to SDS {self._owner['sds']} of system {self._owner['system']}"
                )
            return {
                "sync": self._sync,
                "status": self._status,
                "add": self._add,
                "remove": self._remove,
                "leave": self._leave,
            }[request["op"]](request)
        except Unusable as error:
            return {"error": error.kind, "detail": str(error)}

    def _join(self, owner: dict[str, str], force: bool, unfinished: list[str]) -> dict[str, Any]:
        if self._owner and self._owner != owner:
            half = self._owner["system"] == owner["system"] and self._owner["sds"] in unfinished
            if not force and not half:
                raise Unusable(
                    "taken", f"this SDS belongs to SDS {self._owner['sds']} of system {self._owner['system']}"
                )
            self._forget(list(self._paths), erase=half)
        self._owner = owner
        self._save()
        return {}

    def _sync(self, request: dict[str, Any]) -> dict[str, Any]:
        """The gateway's list wins: an SDS that was installed anew takes its devices again, one that missed a removal lets go."""
        self._owner = {"system": request["system"], "sds": request["sds"]}
        wanted: dict[str, str] = request["devices"]
        for device in [device for device in self._paths if device not in wanted]:
            self._forget([device], erase=device in request["unfinished"])
        if self._paths != wanted:
            self._paths = dict(wanted)
            self._save()
        self._take_again()
        return self._status(request)

    def _status(self, _: dict[str, Any]) -> dict[str, Any]:
        states = {device: held.state() for device, held in self._held.items()}
        return {"devices": {**self._troubles, **states}}

    def _add(self, request: dict[str, Any]) -> dict[str, Any]:
        device, path = request["device"], request["path"]
        if numbers(path) in [held.numbers for held in self._held.values()]:
            raise Unusable("twice", f"{path} is a device of this SDS already")
        self._held[device] = take(self._identity(device), path, request["force"], request["off"])
        self._paths[device] = path
        self._save()
        return {"size": self._held[device].size}

    def _remove(self, request: dict[str, Any]) -> dict[str, Any]:
        self._forget([request["device"]], erase=True)
        return {}

    def _leave(self, _: dict[str, Any]) -> dict[str, Any]:
        self._forget(list(self._paths), erase=True)
        self._owner = {}
        self._save()
        return {}

    def _forget(self, devices: list[str], erase: bool) -> None:
        for device in devices:
            if device in self._held:
                self._held.pop(device).close(erase)
            self._troubles.pop(device, None)
            self._paths.pop(device, None)
        if devices:
            self._save()

    def _take_again(self) -> None:
        for device, path in self._paths.items():
            if device in self._held:
                continue
            try:
                self._held[device] = retake(self._identity(device), path)
                self._troubles.pop(device, None)
            except Unusable as error:
                self._troubles[device] = error.kind

    def _identity(self, device: str) -> dict[str, str]:
        return {**self._owner, "device": device}

    def _save(self) -> None:
        with open(f"{self._path}.new", "w", encoding="utf-8") as file:
            json.dump({"owner": self._owner, "devices": self._paths}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{self._path}.new", self._path)


def main(argv: list[str]) -> int:
    """`sds [--root=DIRECTORY] [--address=IP]`: both for tests of several on one machine."""
    options = dict(argument.lstrip("-").split("=", 1) for argument in argv)
    channel.serve((options.get("address", ""), _PORT), Sds(options.get("root", _ROOT)).answer)
    return 0
