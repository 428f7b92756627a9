# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts pip into an empty virtual environment: what ansible-test otherwise downloads from its own host as get-pip.

ansible-test makes some fifteen environments and runs this in each, with pip's options and requirements (`pip==24.2 --no-setuptools ...`) as
arguments. The first run installs pip into a folder beside this file, the others copy that folder.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path


def main(arguments: list[str]) -> None:
    store = Path(__file__).with_name(f"{Path(__file__).stem}-packages")
    if not store.is_dir():
        unfinished = store.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "ensurepip"], check=True, stdout=subprocess.DEVNULL)
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(unfinished)]
        subprocess.run(install + arguments, check=True)
        unfinished.rename(store)
    shutil.copytree(store, sysconfig.get_path("purelib"), dirs_exist_ok=True)


if __name__ == "__main__":
    main([argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")])
