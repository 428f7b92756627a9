# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program scaleio-scheduler (scheduler's main.go, scheduler/scheduler.go, scheduler/server/server.go)."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from scaleio_simulator import goflag, kv, pace, settings, web
from scaleio_simulator.framework import Framework
from scaleio_simulator.gateway import Gateway, GatewayError
from scaleio_simulator.log import log
from scaleio_simulator.metadata import Store
from scaleio_simulator.model import Node
from scaleio_simulator.resources import Resources
from scaleio_simulator.rest import Rest, State

MONITOR_SECONDS = 60.0


def main(argv: list[str]) -> int:
    """Exit status: 0 at a clean end and when prerequisites are not met, 1 after a fatal line, 2 for a wrong flag."""
    log.info("Initializing goxplatform...")
    log.info("Initializing the ScaleIO Scheduler...")
    try:
        loaded = settings.load(argv, os.environ)
    except goflag.Usage as usage:
        sys.stderr.write(usage.text)
        return usage.status
    if not log.set_level(loaded.text("loglevel")):
        log.warning("Invalid log level. Defaulting to info.")
    if reason := loaded.unmet():
        log.error(reason)
        return 0
    store = _store(loaded)
    if _helpers(loaded, store):
        log.fatal("Scheduler is nil")
    if not loaded.preconfigured:
        log.fatal(
            "MDMs that the framework installs itself (-experimental) are not simulated: give -scaleio.preconfig.*"
        )
    state = State(loaded, store.configured())
    _serve(loaded, state, store)
    web.spawn(monitor, loaded, state, store)
    Framework(loaded, store, state).run()
    log.debug("Scheduler terminating")
    return 0


def _store(loaded: settings.Settings) -> Store:
    """The key-value store, with the version of its layout written."""
    kind = loaded.text("store.type")
    if kind in ("consul", "etcd", "boltdb"):
        log.fatal(f"NewKvStore Failed. Err: -store.type={kind} is not simulated")
    if kind != "zk":
        log.error("Invalid libkv store type.")
        log.fatal("NewKvStore Failed. Err: Invalid store type")
    try:
        store = Store(kv.connect(loaded.text("store.uri")), loaded.text("role"))
        store.start(settings.VERSION_INT)
    except (OSError, kv.StoreError) as error:
        log.fatal(f"NewKvStore Failed. Err: {error}")
    return store


def _helpers(loaded: settings.Settings, store: Store) -> bool:
    """Whether one of the flags asked for work on the store instead of a scheduler (scheduler.go: NewScaleIOScheduler)."""
    try:
        if loaded.true("store.delete"):
            store.delete_tree(store.root)
        elif loaded.true("store.dump"):
            store.dump()
        elif loaded.text("store.add.key"):
            store.tree.put(loaded.text("store.add.key"), loaded.text("store.add.value"))
            log.info("UserKeyValue Succeeded")
        elif loaded.text("store.del.key"):
            store.delete_tree(loaded.text("store.del.key"))
            log.info("UserDeleteKey Succeeded")
        else:
            return False
    except kv.StoreError as error:
        log.error(f"Store Err: {error}")
    return True


def _serve(loaded: settings.Settings, state: State, store: Store) -> None:
    """negroni's Run ends the process when it cannot listen."""
    address, port = loaded.text("rest.address"), int(loaded.number("rest.port"))
    try:
        listener = web.listen(address, port)
    except OSError as error:
        log.raw(f"[negroni] listen tcp {address}:{port}: bind: {(error.strerror or str(error)).lower()}\n")
        os._exit(1)
    log.raw(f"[negroni] listening on {address}:{port}\n")
    web.spawn(web.serve, listener, Rest(state, store).answer)


def monitor(loaded: settings.Settings, state: State, store: Store) -> None:
    """Once a minute after the work before: resources of all nodes, when every node is ready for them."""
    cluster = (loaded.text("scaleio.clusterid"), loaded.text("scaleio.clustername"))
    resources = Resources(store, lambda: login(loaded), cluster)
    while True:
        pace.sleep(MONITOR_SECONDS)
        nodes = state.ready()
        if nodes is not None:
            turn(resources, nodes)
            state.resources_added()


def turn(resources: Resources, nodes: Sequence[Node]) -> None:
    """What the product does of a failed session: a line in its log."""
    try:
        resources.add(nodes)
    except GatewayError as error:
        log.error(f"addResourcesToScaleIO err: {error}")


def login(loaded: settings.Settings) -> Gateway:
    """A session at the gateway.

    :raises GatewayError: refused, or no answer.
    """
    place = loaded.gateway()
    log.info(f"Endpoint: https://{place}/api")
    log.info(f"APIVersion: {loaded.text('scaleio.apiversion')}")
    gateway = Gateway(place, loaded.text("scaleio.apiversion"), loaded.text("scaleio.password"))
    try:
        gateway.login()
    except GatewayError as error:
        gateway.close()
        log.error(f"Authenticate Error: {error}")
        raise
    log.info(f"Successfuly logged in to ScaleIO Gateway at https://{place}/api")
    return gateway
