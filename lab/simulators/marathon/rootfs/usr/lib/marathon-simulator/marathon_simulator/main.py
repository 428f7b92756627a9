# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start and end of the process."""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import NoReturn

from marathon_simulator import api, http, settings
from marathon_simulator.marathon import Marathon
from marathon_simulator.store import log

_STACK_BYTES = 512 * 1024


def main(argv: list[str]) -> NoReturn:
    """Runs until it is told to end; tasks go on without it."""
    try:
        loaded = settings.load(argv[1:], os.environ)
    except settings.SettingsError as error:
        print(f"[marathon] Error: {error}", file=sys.stderr)
        sys.exit(1)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    threading.stack_size(_STACK_BYTES)
    marathon = Marathon(loaded)
    try:
        http.serve(loaded, api.Api(marathon).answer)
    except OSError as error:
        log(f"Cannot serve: {error}")
        sys.exit(1)
    marathon.start()
    number = signal.sigwait([signal.SIGTERM, signal.SIGINT])
    with marathon.lock:  # no change is cut in the middle
        # The product ends by the signal's default after its shutdown hooks (Main.scala).
        os._exit(128 + number)
