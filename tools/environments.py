# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Makefile's targets stand on: Debian packages, Python environments, the collection's place.

    python3 tools/environments.py setup [main]   installs what is missing (main: without the newest ansible-core); well under a second when nothing is
    python3 tools/environments.py rights TARGET  objects unless it is root who makes a target that takes root
    python3 tools/environments.py export         prints the shell lines that make a terminal use the main environment
    python3 tools/environments.py clean          removes the cache

Everything made here lies in the cache, ``${HOLDFAST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/holdfast}``. An environment's folder carries the hash of
its requirements and of its Python, so that a changed pin makes a new one, and checkouts with the same pins share it.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import os
import pwd
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# sudo may have kept the caller's home, where nothing is to become root's.
if "SUDO_UID" in os.environ and Path.home().exists() and Path.home().stat().st_uid == int(os.environ["SUDO_UID"]):
    os.environ["HOME"] = pwd.getpwuid(os.geteuid()).pw_dir

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(
    os.environ.get("HOLDFAST_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holdfast"
)
COLLECTION = Path("ansible_collections/holdfast/stateful")
LAB_STATE = Path(os.environ.get("HOLDFAST_LAB_STATE") or "/var/lib/holdfast-lab")

# What a new environment takes, measured, with room to spare.
ENVIRONMENT_DISK = 1 << 30

# The Pythons on which the pinned ansible-core of each environment runs as a controller.
PYTHONS = {"main": ((3, 11), (3, 13)), "newest": ((3, 12), (3, 14))}

Version = tuple[int, int]


class SetupError(Exception):
    """What is missing on this machine, and the remedy, in one sentence each."""


def say(text: str) -> None:
    """Prints one line of progress with the time of day."""
    print(f"[{time.strftime('%H:%M:%S')}] {text}", flush=True)


@contextlib.contextmanager
def announced(text: str) -> Iterator[None]:
    """Says what begins, and how many seconds it took."""
    say(f"{text} ...")
    start = time.monotonic()
    yield
    say(f"{text}: done in {time.monotonic() - start:.1f} s")


def tries(command: list[str], remedy: str, environment: dict[str, str] | None = None) -> None:
    """Runs a command that uses the network up to three times; then raises SetupError with its last lines."""
    for attempt in (1, 2, 3):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        if done.returncode == 0:
            return
        if attempt < 3:
            say(f"  attempt {attempt} failed (exit {done.returncode}), trying again in {5 * attempt} s")
            time.sleep(5 * attempt)
    tail = "\n".join(f"    {line}" for line in done.stdout.strip().splitlines()[-15:])
    raise SetupError(f"`{shlex.join(command)}` failed three times, last with exit {done.returncode}:\n{tail}\n{remedy}")


# Pythons


def path_folders() -> list[Path]:
    """The folders of PATH, which may be unset."""
    return [Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep)]


@functools.cache
def pythons() -> dict[Version, Path]:
    """The Pythons that really run and can make an environment, by version: the system's own before others. A shim on PATH may stand for none."""
    folders = [
        Path("/usr/bin"),
        Path("/usr/local/bin"),
        *sorted((Path.home() / ".pyenv/versions").glob("*/bin"), reverse=True),
    ]
    folders += path_folders()
    # os.path.isfile: a folder of PATH may be closed to this user, which Path.is_file() raises.
    found: dict[Version, Path] = {}
    for folder in dict.fromkeys(folders):
        for minor in range(8, 15):
            program = folder / f"python3.{minor}"
            if (3, minor) not in found and os.path.isfile(program) and runs(program):
                found[(3, minor)] = program
    return found


@functools.cache
def runs(program: Path) -> bool:
    """Whether a Python starts, can make a virtual environment with pip, and is not itself part of one."""
    code = (
        "import sys, _ssl, zlib, importlib.machinery as found; "
        "sys.exit(sys.prefix != sys.base_prefix or not found.PathFinder.find_spec('ensurepip'))"
    )
    try:
        return subprocess.run([program, "-Ic", code], stderr=subprocess.DEVNULL, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def search_path(*first: Path) -> str:
    """PATH for every tool: the given folders, every working Python, then the user's own without dead Pythons."""
    folders = [
        *first,
        *(program.parent for version, program in sorted(pythons().items()) if program.parent != Path("/usr/bin")),
    ]
    for folder in path_folders():
        here = [folder / f"python3.{minor}" for minor in range(8, 15)]
        if all(runs(program) for program in here if os.path.isfile(program)) or folder == Path("/usr/bin"):
            folders.append(folder)
    folders += [
        Path(folder) for folder in ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
    ]
    return os.pathsep.join(map(str, dict.fromkeys(folders)))


# Environments


@dataclass(frozen=True)
class Environment:
    """A virtual environment: `name` is a key of PYTHONS, `version` that of its Python."""

    name: str
    version: Version
    python: Path

    @functools.cached_property
    def requirements(self) -> Path:
        return ROOT / "tools" / f"requirements-{self.name}.txt"

    @functools.cached_property
    def folder(self) -> Path:
        pins = self.requirements.read_bytes() + os.fsencode(self.python.resolve())
        return CACHE / f"{self.name}-{hashlib.sha256(pins).hexdigest()[:12]}"

    @property
    def bin(self) -> Path:
        return self.folder / "bin"

    @property
    def core(self) -> str:
        """The version of ansible-core, such as 2.19.14."""
        for line in self.requirements.read_text().splitlines():
            if line.startswith("ansible-core=="):
                return line.partition("==")[2].strip()
        raise SetupError(f"{self.requirements} does not pin ansible-core: add a line `ansible-core==VERSION`.")

    @property
    def title(self) -> str:
        return f"ansible-core {self.core}, Python {self.version[0]}.{self.version[1]}"

    def variables(self) -> dict[str, str]:
        """The variables that a terminal or a tool needs to use this environment and this checkout."""
        return {
            "ANSIBLE_COLLECTIONS_PATH": str(collections_path()),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "HOLDFAST_CACHE": str(CACHE),
            # Ansible refuses a locale that is not UTF-8, or that this machine does not have. This one is part of the C library.
            "LC_ALL": "C.UTF-8",
            "PATH": search_path(self.bin),
            "PYTHONDONTWRITEBYTECODE": "1",
            "VIRTUAL_ENV": str(self.folder),
            **trusting(),
        }


def trusting() -> dict[str, str]:
    """The variables with which git serves this checkout also where it belongs to another user."""
    trusted = [value for name, value in os.environ.items() if name.startswith("GIT_CONFIG_VALUE_")]
    if ROOT.stat().st_uid == os.geteuid() or str(ROOT) in trusted:
        return {}
    number = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    setting = {f"GIT_CONFIG_KEY_{number}": "safe.directory", f"GIT_CONFIG_VALUE_{number}": str(ROOT)}
    return {"GIT_CONFIG_COUNT": str(number + 1), **setting}


def environment(name: str) -> Environment | None:
    """The environment of a name on the Python it runs best on, or None where no installed Python can run it."""
    oldest, newest = PYTHONS[name]
    fitting = [version for version in pythons() if oldest <= version <= newest]
    if not fitting:
        return None
    # main stands for the oldest supported controller, newest for the newest.
    version = min(fitting) if name == "main" else max(fitting)
    return Environment(name, version, pythons()[version])


def main_environment() -> Environment:
    found = environment("main")
    if found is None:
        seen = ", ".join(f"3.{minor}" for _, minor in sorted(pythons())) or "none"
        raise SetupError(
            f"ansible-core 2.19 needs Python 3.11, 3.12 or 3.13 with its module venv (found: {seen}): "
            "`apt-get install python3 python3-venv`."
        )
    return found


def environments() -> list[Environment]:
    """The main environment, and the newest one where a Python for it is installed."""
    newest = environment("newest")
    return [main_environment()] + ([newest] if newest else [])


def install(wanted: Environment) -> None:
    """Makes an environment unless it stands complete."""
    complete = wanted.folder / "complete"
    if complete.exists() and os.access(wanted.bin / "python", os.X_OK):
        return
    free = shutil.disk_usage(CACHE).free
    if free < ENVIRONMENT_DISK:
        raise SetupError(
            f"{CACHE} has {free >> 20} MB of free room, a new Python environment needs {ENVIRONMENT_DISK >> 20} MB: "
            "free some, or set HOLDFAST_CACHE to a folder on a larger disk."
        )
    with announced(f"Python environment {wanted.name} ({wanted.title})"):
        shutil.rmtree(wanted.folder, ignore_errors=True)
        tries(
            [str(wanted.python), "-m", "venv", str(wanted.folder)],
            "Install the venv module of this Python (python3-venv).",
        )
        pip = [
            str(wanted.bin / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-input",
        ]
        pip += ["--retries", "5", "--requirement", str(wanted.requirements)]
        tries(pip, "Is the Python package index reachable? pip's own settings (pip.conf, PIP_INDEX_URL) are honoured.")
        complete.touch()


def collections_path() -> Path:
    """A folder for ANSIBLE_COLLECTIONS_PATH in which this checkout stands under the collection's name."""
    tree = CACHE / f"tree-{hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:12]}"
    link = tree / COLLECTION
    if not link.is_symlink():
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(ROOT)
    return tree


# The machine


@contextlib.contextmanager
def the_lab() -> Iterator[None]:
    """Keeps other runs away from the lab's hosts, also those of other checkouts and users, and waits for them first.

    The lock goes on to the commands that jobs.started() runs: it is held until the last of them has ended, whatever becomes of this program.
    """
    LAB_STATE.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (LAB_STATE / "run.lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run uses the lab, waiting for its end ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def packages() -> None:
    """Installs the Debian packages of tools/packages.txt that are missing."""
    lines = (ROOT / "tools/packages.txt").read_text().splitlines()
    wanted = [name for line in lines if (name := line.partition("#")[0].strip())]
    if not shutil.which("dpkg-query"):
        raise SetupError(f"This machine has no dpkg: install by its own means {', '.join(wanted)}, or use Debian 12.")
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n", *wanted]
    status = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.splitlines()
    missing = [name for name in wanted if f"installed {name}" not in status]
    if not missing:
        return
    if os.geteuid() and not shutil.which("sudo"):
        raise SetupError(f"Missing packages: {' '.join(missing)}. Run this as root, or install sudo.")
    # `su` keeps the caller's PATH, and dpkg wants to find programs of the system in it.
    folders = os.pathsep.join([*map(str, path_folders()), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    variables = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": folders}
    become = ["sudo"] if os.geteuid() else []
    apt = [*become, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2", "-o", "Acquire::Retries=3"]
    apt += ["-o", "DPkg::Lock::Timeout=300"]
    remedy = "Are the package sources in /etc/apt right and reachable?"
    with announced(f"Debian packages: {' '.join(missing)}"):
        tries([*apt, "update"], remedy, variables)
        tries([*apt, "install", "--no-install-recommends", *missing], remedy, variables)


def rights(target: str) -> None:
    """Raises SetupError where this is not root."""
    if os.geteuid():
        how = f"run `sudo make {target}`" if shutil.which("sudo") else "become root (`su -`) and run it again"
        raise SetupError(
            f"`make {target}` makes network interfaces, block devices and mounts, which takes root: {how}."
        )


def setup(wanted: Callable[[], list[Environment]]) -> None:
    """Everything that the other targets need, installed where missing. `wanted` is asked once the packages are there."""
    packages()
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for one in wanted():
            install(one)
        collections_path()


def main(arguments: list[str]) -> int:
    try:
        if arguments == ["setup", "main"]:
            setup(lambda: [main_environment()])
        elif arguments == ["setup"]:
            setup(environments)
            if environment("newest") is None:
                say(
                    f"No installed Python runs a newer ansible-core than {main_environment().core}: it is the newest here."
                )
        elif arguments[:1] == ["rights"]:
            rights(" ".join(arguments[1:]))
        elif arguments == ["export"]:
            for name, value in main_environment().variables().items():
                print(f"export {name}={shlex.quote(value)}")
        elif arguments == ["clean"]:
            shutil.rmtree(CACHE, ignore_errors=True)
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
