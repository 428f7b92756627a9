# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The images of the hosts: a Debian release with systemd and sshd, and over it a thin layer with the product."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.machine import DISK_FOR_IMAGES, ROOT, LabError, Machine, disk_room, each, run, say

REPOSITORY = "localhost/holdfast-lab"
LABEL = "holdfast.lab.image"

IMAGE = ROOT / "lab" / "image"
SIMULATORS = ROOT / "lab" / "simulators"
PRODUCTS = tuple(sorted(SIMULATORS.glob("*/rootfs")))
# A tree that the framework's mirror makes a package of -> where it expects it.
PACKED = {SIMULATORS / "scaleio_gateway" / "sds": "usr/lib/scaleio-simulator/packages/emc-scaleio-sds"}

PACKAGES = "curl,e2fsprogs,fdisk,iproute2,locales,lvm2,openssh-server,procps,python3,sudo,systemd,systemd-sysv"
MIRROR = "http://deb.debian.org/debian"
ARCHIVE = "http://archive.debian.org/debian"

# Units that a host of the lab has no use for: they would cost memory or seconds twenty times.
MASKED = (
    "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer "
    "getty.target console-getty.service systemd-logind.service lvm2-monitor.service lvm2-lvmpolld.socket dm-event.socket "
    "systemd-udevd.service systemd-udev-trigger.service systemd-udevd-kernel.socket systemd-udevd-control.socket"
)

# /bin, /lib and /sbin are links from the start, as the installer of each release makes them; moving them later takes a package and Perl.
MERGED_USR = {
    "bookworm": "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    "bullseye": '--setup-hook=for d in bin lib lib64 sbin; do mkdir -p "$1/usr/$d"; ln -s "usr/$d" "$1/$d"; done',
}

HOOKS = (
    'chroot "$1" localedef -i en_US -f UTF-8 en_US.UTF-8',
    'chroot "$1" useradd --create-home --shell /bin/bash ops',
    f'chroot "$1" systemctl --root=/ --quiet mask {MASKED}',
    # Each host gets its own at creation.
    'rm -f "$1"/etc/ssh/ssh_host_*; : > "$1/etc/machine-id"',
)


def recipe(release: str, mirror: str, settings: Iterable[str]) -> list[str]:
    """The command that writes a release as a tar archive to standard output.

    :param mirror: where its packages are.
    :param settings: lines of the machine's own apt configuration.
    """
    argv = ["mmdebstrap", "--quiet", "--variant=minbase", MERGED_USR[release]]
    argv += [f"--include={PACKAGES}", *(f"--aptopt={line}" for line in settings)]
    argv += [f"--dpkgopt=path-exclude=/usr/share/{unused}/*" for unused in ("doc", "info", "locale", "man")]
    argv += [f"--customize-hook={hook}" for hook in HOOKS]
    return [*argv, release, "-", mirror]


def own_mirror(targets: str) -> str:
    """The mirror from which this machine itself installs Debian; it carries other releases as well.

    :param targets: ``apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(COMPONENT)'``.
    """
    for line in targets.splitlines():
        uri, *rest = line.split()
        if rest == ["Debian", "main"] and uri.startswith("http") and uri.rstrip("/").endswith("/debian"):
            return uri.rstrip("/")
    return MIRROR


def own_settings(dump: str) -> list[str]:
    """The lines of ``apt-config dump`` that say how to reach a mirror: proxies, certificates, how strict to be with dates."""
    kept = ("Acquire::http", "Acquire::https", "Acquire::Check-")
    return [line for line in dump.splitlines() if line.startswith(kept) and not line.endswith('"";')]


def fingerprint(trees: Iterable[Path], *more: str) -> str:
    """Twelve digits that change with any path, mode, link or content below the trees, or with the further text."""
    digest = hashlib.sha256("\0".join(more).encode())
    for tree in trees:
        for path in sorted(_files(tree)):
            mode = path.lstat().st_mode
            content = (
                str(path.readlink()).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b""
            )
            digest.update(f"\0{path.relative_to(tree)}\0{mode:o}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def _files(tree: Path) -> Iterable[Path]:
    return (path for path in tree.rglob("*") if "__pycache__" not in path.parts)


def ensure(machine: Machine, state: Path, releases: Iterable[str]) -> dict[str, str]:
    """Build what is missing; release -> name of its image.

    :param state: the directory of the lab's state; it exists.
    """
    bases = {release: fingerprint((), *recipe(release, "", ())) for release in sorted(set(releases))}
    names = {
        release: f"{REPOSITORY}:{release}-{fingerprint((IMAGE, *PRODUCTS, *PACKED), base)}"
        for release, base in bases.items()
    }
    missing = [release for release, name in names.items() if not _exists(name)]
    if missing:
        disk_room(machine, state, DISK_FOR_IMAGES)
        with _workshop(state) as folder:
            each(missing, lambda release: _make(machine, release, bases[release], names[release], folder))
        # One after the other: podman fails to list images while one of them goes.
        for release in missing:
            _remove_older(machine, release, (_base(release, bases[release]), names[release]))
    return names


@contextmanager
def _workshop(state: Path) -> Iterator[Path]:
    """A folder where programs of an image can be run, which /tmp may not allow; what a killed run has left in it is gone.

    :raises LabError: they cannot.
    """
    if os.statvfs(state).f_flag & os.ST_NOEXEC:
        raise LabError(
            f"{state} is mounted noexec, so that no image can be made there: point HOLDFAST_LAB_STATE elsewhere."
        )
    folder = state / "tmp"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _make(machine: Machine, release: str, base_hash: str, name: str, folder: Path) -> None:
    base = _base(release, base_hash)
    if not _exists(base):
        _build_base(machine, release, base, folder)
    _build(machine, release, base, name, folder)


def _base(release: str, base_hash: str) -> str:
    return f"{REPOSITORY}:{release}-base-{base_hash}"


def _exists(name: str) -> bool:
    return subprocess.run(["podman", "image", "exists", name], check=False).returncode == 0


def _build_base(machine: Machine, release: str, name: str, folder: Path) -> None:
    say(f"image {release}: installing Debian (only the first time; about a minute)")
    start = time.monotonic()
    mirror = own_mirror(run("apt-get", "indextargets", "--format", "$(REPO_URI) $(ORIGIN) $(COMPONENT)"))
    settings = own_settings(run("apt-config", "dump", "Acquire"))
    failures = []
    # A release that has left the mirrors is found in the archive, whose signatures may be past their date.
    for uri, lines in ((mirror, settings), (ARCHIVE, [*settings, 'Acquire::Check-Valid-Until "false";'])):
        with tempfile.TemporaryFile("w+") as words:
            # Its mounts end with it, whatever ends it: nothing but files is left in the folder.
            maker = subprocess.Popen(
                ["unshare", "--mount", *recipe(release, uri, lines)],
                stdout=subprocess.PIPE,
                stderr=words,
                env={**os.environ, "TMPDIR": str(folder)},
            )
            argv = ["podman", "import", "--quiet", "--change", f"LABEL={LABEL}={release}", "-"]
            taker = subprocess.run(argv, stdin=maker.stdout, capture_output=True, text=True, check=False)
            # Half an archive makes an image too: the name is given only to a whole one.
            if maker.wait() == 0 and taker.returncode == 0:
                run("podman", "tag", taker.stdout.strip(), name)
                say(f"image {release}: Debian installed in {time.monotonic() - start:.0f} s")
                return
            subprocess.run(["podman", "rmi", taker.stdout.strip()], capture_output=True, check=False)
            words.seek(0)
            last = "\n    ".join((words.read() + taker.stderr).strip().splitlines()[-8:])
            failures.append(f"  from {uri}:\n    {last}")
    raise LabError(
        f"Debian {release} could not be installed:\n" + "\n".join(failures) + "\n"
        "Check that this machine's own `apt-get update` works; its mirror and proxy settings are used here."
    )


def _build(machine: Machine, release: str, base: str, name: str, folder: Path) -> None:
    say(f"image {release}: adding the product")
    with tempfile.TemporaryDirectory(dir=folder) as made:
        context = Path(made)
        for target, trees in (("lab", (IMAGE / "rootfs",)), ("product", PRODUCTS)):
            (context / target).mkdir()
            for tree in trees:
                copy(tree, context / target)
        for tree, place in PACKED.items():
            copy(tree, context / "product" / place)
        argv = ["build", "--quiet", "--network", "none", "--build-arg", f"BASE={base}", "--label", f"{LABEL}={release}"]
        machine.podman(*argv, "--file", IMAGE / "Containerfile", "--tag", name, context)


def copy(tree: Path, target: Path) -> None:
    """Copy a tree that is to lie over an image, if there is one."""
    for merged in ("bin", "sbin", "lib"):
        if (tree / merged).exists():
            raise LabError(f"{tree / merged}: it would replace the image's link /{merged}: put it below usr/.")
    target.mkdir(parents=True, exist_ok=True)
    if tree.exists():
        shutil.copytree(tree, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            # A checkout under a wide umask must not become a host with files that others may write.
            path.chmod(stat.S_IMODE(path.stat().st_mode) & ~0o022)


def _remove_older(machine: Machine, release: str, kept: Iterable[str]) -> None:
    names = machine.podman(
        "images", "--filter", f"label={LABEL}={release}", "--format", "{{.Repository}}:{{.Tag}}"
    ).split()
    for name in set(names) - set(kept):
        # One that a host still runs from stays until its host is made anew.
        subprocess.run(["podman", "rmi", name], capture_output=True, check=False)
