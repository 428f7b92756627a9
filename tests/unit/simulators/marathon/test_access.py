# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may speak to it, how it is configured, what it keeps to itself (marathon api/HttpModule.scala, api/HttpConf.scala)."""

from __future__ import annotations

import base64
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

Marathon = Any


def basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


@pytest.mark.parametrize("given", [None, basic("ops:wrong"), basic("other:secret"), "Basic !", "Bearer ops:secret"])
def test_basic_authentication(stopped: Marathon, master: Any, given: str | None) -> None:
    """Of every path; Jetty writes the scheme in lower case and answers with a page."""
    marathon = stopped.start(MARATHON_HTTP_CREDENTIALS="ops:secret").ready()
    for path in ("/ping", "/v2/apps", "/v2/none"):
        answer = marathon.get(path, **({"Authorization": given} if given else {}))
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == 'basic realm="Mesosphere"'
        assert answer.headers["Content-Type"].startswith("text/html")
    assert marathon.get("/v2/apps", Authorization=basic("ops:secret")).json == {"apps": []}


def test_tls(stopped: Marathon, master: Any, tmp_path: Path) -> None:
    """Beside HTTP, or instead of it with --disable_http; only with a keystore and its password."""
    pem = tmp_path / "keystore.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=m1", "-keyout", tmp_path / "key", "-out", tmp_path / "certificate"],
        check=True,
        capture_output=True,
    )
    pem.write_text((tmp_path / "key").read_text() + (tmp_path / "certificate").read_text())
    marathon = stopped.start("--ssl_keystore_path", str(pem), "--ssl_keystore_password", "none").ready()
    plain, marathon.base = marathon.base, f"https://{marathon.ip}:8443"
    assert marathon.get("/ping").body == b"pong\n"
    marathon.stop()
    marathon.start("--ssl_keystore_path", str(pem), "--ssl_keystore_password", "none", "--disable_http").ready()
    assert marathon.get("/v2/leader").json == {"leader": "m1:8443"}
    marathon.base = plain
    with pytest.raises(OSError, match="refused"):
        marathon.get("/ping")


def test_no_connector(stopped: Marathon, master: Any) -> None:
    stopped.start("--disable_http")
    assert stopped.process.wait(10) == 1
    assert "Neither HTTP nor HTTPS support has been configured" in stopped.output


def test_configuration(stopped: Marathon, master: Any, tmp_path: Path) -> None:
    """The command line goes before /etc/marathon/conf, this before the variables; MARATHON_APP_* are those of an application."""
    directory = tmp_path / "configuration"
    directory.mkdir()
    (directory / "framework_name").write_text("from-file\n")
    (directory / "mesos_user").write_text("nobody\n")
    environment = {"MARATHON_FRAMEWORK_NAME": "x", "MARATHON_FAILOVER_TIMEOUT": "60", "MARATHON_APP_ID": "/marathon"}
    stopped.start("--mesos_user=root", **environment).ready()
    information = master.subscriptions[0]["subscribe"]["framework_info"]
    assert (information["name"], information["user"], information["failover_timeout"]) == ("from-file", "root", 60.0)


@pytest.mark.parametrize(
    ("flag", "text"),
    [("--colour=red", "Unknown option 'colour'"), ("--http_port=many", "bad Int value"), ("red", "Excess argument")],
)
def test_wrong_flags(stopped: Marathon, flag: str, text: str) -> None:
    stopped.start(flag)
    assert stopped.process.wait(10) == 1
    assert text in stopped.output


def test_secrets_stay(marathon: Marathon, tmp_path: Path) -> None:
    """What applications are given is in answers and in a file for the owner alone: not in argv, the log or the evidence."""
    marathon.create(env={"SCALEIO_PASSWORD": "planted-4711"})
    holders = [path for path in tmp_path.rglob("*") if path.is_file() and b"planted-4711" in path.read_bytes()]
    assert [path.name for path in holders] == ["state.json"]
    assert holders[0].stat().st_mode & 0o777 == 0o600
    assert b"planted-4711" not in Path(f"/proc/{marathon.process.pid}/cmdline").read_bytes()


def test_end(marathon: Marathon) -> None:
    """Its tasks are not ended with it."""
    marathon.create()
    assert marathon.stop(signal.SIGTERM) == 128 + signal.SIGTERM
    assert not marathon.events("task_kill")


def test_small_and_quiet(marathon: Marathon) -> None:
    """Twenty hosts share the memory of one machine; idle it does nothing at all."""
    marathon.create()
    status = Path(f"/proc/{marathon.process.pid}/status").read_text()
    assert int(status.partition("VmRSS:")[2].split()[0]) < 25 * 1024

    def ticks() -> int:
        fields = Path(f"/proc/{marathon.process.pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    time.sleep(0.5)  # what the deployment has left to be done
    before = ticks()
    time.sleep(1.5)
    assert ticks() - before <= 1
