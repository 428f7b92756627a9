# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The objects and how they outlive the process: one JSON file, replaced as a whole.

Members that start with an underscore are the simulator's own and never shown. `_making` is there while an SDS is asked to take
part in a creation: what a killed gateway had not finished is dropped at the next start, and the SDSs are told.
"""

from __future__ import annotations

import json
import os
import time
from typing import Any

Object = dict[str, Any]

TYPES = ("ProtectionDomain", "StoragePool", "FaultSet", "Sds", "Device", "Volume", "Sdc")

_FILE = "state.json"


class Store:
    """`objects[type][id]`, and the system's own identity."""

    def __init__(self, directory: str, system_id: str | None) -> None:
        self._path = os.path.join(directory, _FILE)
        os.makedirs(directory, mode=0o700, exist_ok=True)
        if os.path.exists(self._path):
            with open(self._path, encoding="utf-8") as file:
                self._document = json.load(file)
        else:
            system = {"id": system_id or os.urandom(8).hex(), "created": time.time()}
            self._document = {"system": system, "objects": {name: {} for name in TYPES}, "unfinished": []}
            self.save()
        for kind in ("Sds", "Device"):
            for item in self.all(kind):
                # Devices that came with an SDS (deviceInfoList) go with it.
                if item.get("_making") or item.get("sdsId") in self.unfinished:
                    self.remove(kind, item)
                    self.unfinished.append(item["id"])

    @property
    def system(self) -> Object:
        system: Object = self._document["system"]
        return system

    @property
    def unfinished(self) -> list[str]:
        """IDs that SDSs may know and that mean nothing any more."""
        identities: list[str] = self._document["unfinished"]
        return identities

    def all(self, kind: str) -> list[Object]:
        """In the order of their creation."""
        return list(self._document["objects"][kind].values())

    def get(self, kind: str, identity: str) -> Object | None:
        found: Object | None = self._document["objects"][kind].get(identity)
        return found

    def where(self, kind: str, **members: Any) -> list[Object]:
        """Those whose members have these values."""
        wanted = members.items()
        return [item for item in self.all(kind) if all(item.get(name) == value for name, value in wanted)]

    def add(self, kind: str, item: Object) -> Object:
        """Gives an object its ID: 32 random bits, then its place among its kind, as IDs of a 2.0 system look (goscaleio's tests)."""
        place = 0
        taken = {int(identity[8:], 16) for identity in self._document["objects"][kind]}
        while place in taken:
            place += 1
        item["id"] = f"{os.urandom(4).hex()}{place:08x}"
        self._document["objects"][kind][item["id"]] = item
        return item

    def remove(self, kind: str, item: Object) -> None:
        del self._document["objects"][kind][item["id"]]

    def save(self) -> None:
        with open(f"{self._path}.new", "w", encoding="utf-8") as file:
            json.dump(self._document, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(f"{self._path}.new", self._path)


def read(directory: str) -> Store:
    """The state as it lies on disk, for looking only.

    :raises FileNotFoundError: no gateway has run with this directory.
    """
    os.stat(os.path.join(directory, _FILE))
    return Store(directory, None)
