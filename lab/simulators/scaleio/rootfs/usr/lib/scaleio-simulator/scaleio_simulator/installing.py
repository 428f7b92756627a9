# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the executor installs and writes on a host (executor/pkgmgr/{deb/ubuntu14,mgr}; recorded: executor run).

Debian hosts are treated as the product treats Ubuntu 14.04. Where it names hosts of the Internet itself, the place that serves
the SDS package stands for them: its `emccode/` for dl.bintray.com, its `debian/` for apt's sources.
"""

from __future__ import annotations

import json
import os
import re

from scaleio_simulator import commands, pace, web
from scaleio_simulator.log import log
from scaleio_simulator.order import go_order

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KERNEL = "4.4.0-38-generic"
ISOLATOR = "com_emccode_mesos_DockerVolumeDriverIsolator"
REXRAY_DIRECTORY = "/etc/rexray"
INSTALLED_SECONDS = 5.0  # executor/common/waitstates.go: DelayIfInstalledInSeconds

# The first module repeats a key, as the product's text does; the blank behind the first "scaleio" is its too.
REXRAY = """rexray:
  logLevel: debug
  modules:
    default-docker:
      type: docker
      libstorage:
        service: scaleio{blank}
      host: unix:///run/docker/plugins/docker.sock
    mesos:
      type: docker
      libstorage:
        service: scaleio
      host: unix:///run/docker/plugins/mesos.sock
      libstorage:
        integration:
          volume:
            operations:
              unmount:
                ignoreUsedCount: true
    rexray:
      type: docker
      libstorage:
        service: scaleio
      host: unix:///run/docker/plugins/rexray.sock
libstorage:
  service: scaleio
  integration:
    volume:
      operations:
        mount:
          preempt: true
scaleio:
  endpoint: https://{gateway}/api
  insecure: true
  thinOrThick: ThinProvisioned
  userName: admin
  password: {password}
  {system}
  protectionDomainName: {domain}
  storagePoolName: {pool}"""


class InstallError(Exception):
    """What makes a node end in state 4096."""


def _path(name: str) -> str:
    """A file of the host; tests put a directory before it."""
    return pace.setting("SCALEIO_SIMULATOR_ROOT", "") + name


def _origin(state: dict[str, Any]) -> str:
    scheme, _, rest = state["ScaleIO"]["Ubuntu14"]["ubuntu14sds"].partition("://")
    return f"{scheme}://{rest.partition('/')[0]}"


# --- state 0 ---


def environment_setup(state: dict[str, Any]) -> bool:
    """Prerequisites; whether they want a reboot. The lab's hosts share the kernel of their machine, which counts as the right one.

    :raises InstallError: a package cannot be had.
    """
    log.info("EnvironmentSetup ENTER")
    missing = [name for name in ("libaio1", "zip") if commands.installed_version(name) is None]
    if missing:
        log.info("Installing libaio1 and zip")
        _install(state, missing)
    else:
        log.info("libaio1 and zip are already installed")
    image = f"linux-image-{KERNEL}"
    if commands.installed_version(image) is None:
        log.info(f"Installing {image}")
        _install(state, [image])
    else:
        log.info(f"{image} is already installed")
    try:
        commands.output("uname -r")
    except commands.CommandError as error:
        raise InstallError(f"Kernel Version Check Failed: {error}") from None
    log.info(f"Already running kernel version {KERNEL}")
    log.info("EnvironmentSetup Succeeded")
    log.info("EnvironmentSetup LEAVE")
    return False


def _install(state: dict[str, Any], names: list[str]) -> None:
    """In the place of apt-get -y install."""
    try:
        paths = [commands.fetch(f"{_origin(state)}/debian/{name}.deb") for name in names]
        commands.check("dpkg -i " + " ".join(paths), "Setting up")
    except (web.Failed, commands.CommandError) as error:
        raise InstallError(f"Install Prerequisites Failed: {error}") from None


# --- state 2 ---


def node_setup(state: dict[str, Any]) -> None:
    """SDS and SDC.

    :raises InstallError: one of them cannot be installed.
    """
    log.info("NodeSetup ENTER")
    preconfigured = state["ScaleIO"]["Preconfig"]
    pair = f"{preconfigured['preconfigprimdm']},{preconfigured['preconfigsecmdm']}"
    log.info(f"MDM Pair String: {pair}")
    packages = state["ScaleIO"]["Ubuntu14"]
    # Upstart's "start/running" does not stand in the output where systemd runs: dpkg's own line counts as well.
    _package("sds", packages["ubuntu14sds"], "", "sds start/running|Setting up emc-scaleio-sds")
    _package("sdc", packages["ubuntu14sdc"], f"MDM_IP={pair} ", "Success configuring module")
    log.info("NodeSetup Succeeded")
    log.info("NodeSetup LEAVE")


def _package(part: str, url: str, environment: str, success: str) -> None:
    name = f"emc-scaleio-{part}"
    installed = commands.installed_version(name)
    if installed is not None and _version(installed) == _version(url):
        log.info(f"{name} is already installed")
        return
    log.info(f"Installing {name}")
    try:
        line = f"{environment}dpkg -i {commands.download(url)}"
        log.info(f"{part}InstallCmd: {line}")
        commands.check(line, success)
    except (web.Failed, commands.CommandError) as error:
        raise InstallError(f"Install {part.upper()} Failed: {error}") from None


def _version(text: str) -> str | None:
    match = re.search(r"\d+\.\d+-\d+\.\d+", text)
    return match.group() if match else None


# --- state 6 ---


def rexray_setup(state: dict[str, Any], node: dict[str, Any]) -> bool:
    """REX-Ray and its configuration, with the gateway's password in it. Whether a reboot is wanted: after the first time.

    :raises InstallError: it cannot be installed.
    """
    log.info("RexraySetup ENTER")
    wanted = state["Rexray"]["rexrayversion"]
    branch = state["Rexray"]["rexraybranch"]
    installed = _installed("rexray")
    if wanted == "latest":
        wanted = latest(f"{_origin(state)}/emccode/rexray/{branch}")
    if installed is None or installed != wanted:
        if not os.path.isdir(_path(REXRAY_DIRECTORY)):
            os.mkdir(_path(REXRAY_DIRECTORY), 0)
        _write(f"{REXRAY_DIRECTORY}/config.yml", rexray_configuration(state, node))
        words = "sh -"
        if state["Rexray"]["rexrayversion"] != "latest":
            words = f"sh -s -- {branch} {wanted}"
        elif branch != "stable":
            words = f"sh -s -- {branch}"
        _piped(f"{_origin(state)}/emccode/rexray/install", words, "rexray has been installed to")
    else:
        log.info("rexray is already installed")
    if installed is None:
        log.info("No previous install of rexray exists. Reboot required!")
    else:
        log.info("Previous install of rexray exists. No reboot required.")
    log.info("RexraySetup LEAVE")
    return installed is None


def rexray_configuration(state: dict[str, Any], node: dict[str, Any]) -> str:
    """/etc/rexray/config.yml. Of several domains or pools it names any one."""
    scaleio = state["ScaleIO"]
    domain, pool = scaleio["protectiondomain"], scaleio["storagepool"]
    for name in go_order("rexray", node["ConsumesDomains"] or node["ProvidesDomains"] or ())[:1]:
        domain = name
        pools = (node["ConsumesDomains"] or node["ProvidesDomains"])[name]["Pools"] or ()
        pool = next(iter(go_order("rexray", pools)), pool)
    identifier = scaleio["clusterid"]
    preconfigured = scaleio["Preconfig"]
    return REXRAY.format(
        blank=" ",
        gateway=preconfigured["preconfiggateway"] or preconfigured["preconfigprimdm"],
        password=scaleio["adminpassword"],
        system=f"systemId: {identifier}" if identifier else f"systemName: {scaleio['clustername']}",
        domain=domain,
        pool=pool,
    )


def isolator_setup(state: dict[str, Any]) -> None:
    """The isolator module of mesos-dvdi with its settings of the agent, then dvdcli.

    :raises InstallError: one of them cannot be installed.
    """
    log.info("SetupIsolator ENTER")
    url = state["Isolator"]["isolatorbinary"]
    wanted = _isolator_version(url)
    if wanted is None or wanted not in map(_isolator_version, os.listdir(_path("/usr/lib"))):
        log.info("Installing Mesos Isolator")
        try:
            local = commands.download(url)
        except web.Failed as error:
            raise InstallError(f"Error downloading Isolator package: {error}") from None
        with open(local, "rb") as file:
            _write(f"/usr/lib/{os.path.basename(local)}", file.read().decode("latin-1"), "latin-1")
        _isolation()
        _write("/etc/mesos-slave/modules", "file:///usr/lib/dvdi-mod.json")
        _write("/usr/lib/dvdi-mod.json", _module(wanted or ""))
    else:
        log.info("Mesos Module Isolator is already installed")
        pace.sleep(INSTALLED_SECONDS)
    wanted = latest(f"{_origin(state)}/emccode/dvdcli/stable/")
    installed = _installed("dvdcli")
    if installed is None or installed != wanted:
        _piped(f"{_origin(state)}/emccode/dvdcli/install", "sh -", "dvdcli has been installed to")
    else:
        log.info("DVDCLI is already installed")
        pace.sleep(INSTALLED_SECONDS)
    log.info("SetupIsolator Succeeded")
    log.info("SetupIsolator LEAVE")


def _isolation() -> None:
    """The isolator goes before what is there."""
    path = _path("/etc/mesos-slave/isolation")
    content, error = "", "<nil>"
    try:
        with open(path, encoding="utf-8") as file:
            content = next((line.strip() for line in file if line.strip()), "")
    except OSError as failure:
        error = f"open /etc/mesos-slave/isolation: {(failure.strerror or '').lower()}"
    if ISOLATOR in content:
        return
    log.warning(f"getMesosPropertyFileContents returned err: {error}")
    if content:
        log.info(f"Preserving existing contents: {ISOLATOR},{content}")
    _write("/etc/mesos-slave/isolation", f"{ISOLATOR},{content}" if content else ISOLATOR)


def _module(version: str) -> str:
    parameter = {"key": "isolator_command", "value": "/emc/dvdi_isolator"}
    modules = [{"name": ISOLATOR, "parameters": [parameter]}]
    library = {"file": f"/usr/lib/libmesos_dvdi_isolator-{version}.so", "modules": modules}
    return json.dumps({"libraries": [library]}, indent=2)


def _isolator_version(name: str) -> str | None:
    match = re.search(r"libmesos_dvdi_isolator.*?(\d+\.\d+\.\d+)\.so", name)
    return match.group(1) if match else None


def _installed(package: str) -> str | None:
    """Without the packager's revision, as bintray lists it."""
    version = commands.installed_version(package)
    return None if version is None else version.partition("-")[0]


def latest(url: str) -> str | None:
    """The highest version of a listing; None where there is none, which leads to installing anew."""
    try:
        listing = web.fetch(url)[1].decode("utf-8", "replace")
    except web.Failed as error:
        log.error(f"HTTP Do: {error}")
        return None
    versions = re.findall(r">(\d+\.\d+\.\d+)/", listing)
    return max(versions, key=lambda version: [int(part) for part in version.split(".")], default=None)


def _piped(url: str, words: str, success: str) -> None:
    try:
        commands.check(f"curl -ksSL {url} | INSECURE=1 {words}", success)
    except commands.CommandError as error:
        raise InstallError(f"Install {success.partition(' ')[0]} Failed: {error}") from None


def _write(name: str, content: str, encoding: str = "utf-8") -> None:
    """With mode 0666 less the umask; what was there is overwritten in place."""
    try:
        with open(_path(name), "w", encoding=encoding, newline="") as file:
            file.write(content)
    except OSError as error:
        raise InstallError(f"Writing {name} failed: {(error.strerror or '').lower()}") from None
