# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the mirror serves, built into a directory: the two programs as zip applications, packages, and listings.

Programs are zip files with a shebang line; nothing is compressed, so that running them takes no zlib, and modules lie there
compiled as well, for hosts with the mirror's own Python.
"""

from __future__ import annotations

import os
import py_compile
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent

_SHARED = ("__init__", "goflag", "gojson", "log", "mesos", "model", "order", "pace", "web")
PROGRAMS = {
    "scaleio-scheduler": (
        "scheduler",
        (*_SHARED, "framework", "gateway", "kv", "metadata", "resources", "rest", "scheduler", "settings"),
    ),
    "scaleio-executor": ("executor", (*_SHARED, "commands", "devices", "executor", "installing", "machine")),
}

# Where a package stands below the mirror; names as in the product's release and on bintray.
PLACES = {
    "emc-scaleio-sds": "EMC-ScaleIO-sds-2.0-10000.2072.Ubuntu.14.04.x86_64.deb",
    "emc-scaleio-sdc": "EMC-ScaleIO-sdc-2.0-10000.2072.Ubuntu.14.04.x86_64.deb",
    "rexray": "emccode/rexray/stable/0.8.1/rexray.deb",
    "dvdcli": "emccode/dvdcli/stable/0.2.1/dvdcli.deb",
}
ISOLATOR = "libmesos_dvdi_isolator-1.0.1.so"

# Packages without files: what the product takes from Ubuntu's archive.
STAND_INS = {"libaio1": "0.3.109", "zip": "3.0", "linux-image-4.4.0-38-generic": "4.4.0-38.57"}

# ORIGIN is filled in by the mirror, as a client names it.
INSTALL_SCRIPT = """#!/bin/sh
set -e
file=$(mktemp)
trap 'rm -f "$file"' EXIT
curl -fsSo "$file" @ORIGIN@/{place}
dpkg -i "$file"
echo "{name} has been installed to /usr/bin/{name}"
"""


def build(target: Path, trees: Path) -> None:
    """Fills an empty directory.

    :param trees: one directory for each package, with DEBIAN/control.
    :raises subprocess.CalledProcessError: a package cannot be built.
    """
    for name, (main, modules) in PROGRAMS.items():
        _program(target / name, main, modules)
    for tree in sorted(trees.iterdir()):
        _package(tree, target / PLACES.get(tree.name, f"debian/{tree.name}.deb"))
    for name, version in STAND_INS.items():
        with tempfile.TemporaryDirectory() as folder:
            tree = Path(folder)
            tree.chmod(0o755)
            (tree / "DEBIAN").mkdir(mode=0o755)
            (tree / "DEBIAN/control").write_text(_control(name, version))
            _package(tree, target / f"debian/{name}.deb")
    (target / ISOLATOR).write_text("stands for the isolator of mesos-module-dvdi 0.4.6\n")
    for name in ("rexray", "dvdcli"):
        place = target / "emccode" / name
        version = PLACES[name].split("/")[3]
        (place / "stable/index.html").write_text(f'<pre><a href=":{version}">{version}/</a></pre>\n')
        (place / "install").write_text(INSTALL_SCRIPT.format(name=name, place=PLACES[name]))


def _program(path: Path, main: str, modules: tuple[str, ...]) -> None:
    with path.open("wb") as file:
        file.write(b"#!/usr/bin/python3 -IS\n")
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            start = f"import sys\nfrom scaleio_simulator.{main} import main\nsys.exit(main(sys.argv[1:]))\n"
            archive.writestr(zipfile.ZipInfo("__main__.py"), start)
            for name, content in _modules(modules):
                archive.writestr(zipfile.ZipInfo(f"scaleio_simulator/{name}"), content)
    path.chmod(0o755)


def _modules(names: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    """Sources and, unchecked against these, what they compile to (PEP 552)."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            source = PACKAGE / f"{name}.py"
            yield source.name, source.read_bytes()
            compiled = os.path.join(folder, f"{name}.pyc")
            mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
            py_compile.compile(str(source), compiled, dfile=source.name, doraise=True, invalidation_mode=mode)
            yield f"{name}.pyc", Path(compiled).read_bytes()


def _package(tree: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "tree"
        shutil.copytree(tree, copy, ignore=shutil.ignore_patterns("__pycache__"))
        for file in (copy, *copy.rglob("*")):
            file.chmod(0o755 if file.is_dir() or file.stat().st_mode & 0o100 else 0o644)
        command = ["dpkg-deb", "--root-owner-group", "-Znone", "--build", str(copy), str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _control(name: str, version: str) -> str:
    return (
        f"Package: {name}\nVersion: {version}\nArchitecture: all\nSection: admin\nPriority: optional\n"
        f"Maintainer: Holdfast contributors <holdfast@example.org>\nDescription: stands for {name} on a lab host\n"
    )
