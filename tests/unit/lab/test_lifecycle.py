# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Waiting for the cluster, seen through the leading master's own answer only; and the command line."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lab import lifecycle
from lab.__main__ import main


class Master(BaseHTTPRequestHandler):
    """/slaves leads, /other redirects there, /broken answers something else."""

    def do_GET(self) -> None:
        slaves = [{"hostname": "agent01", "active": True}, {"hostname": "agent02", "active": False}]
        status, body = {
            "/slaves": (200, json.dumps({"slaves": slaves})),
            "/other": (307, ""),
            "/broken": (200, "<html>"),
        }[self.path]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Location", "/slaves")
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def master() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Master)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("path", "seen"), [("/slaves", {"agent01"}), ("/other", set()), ("/broken", set())])
def test_only_active_agents_at_the_leading_master_count(master: str, path: str, seen: set[str]) -> None:
    assert lifecycle.registered(master + path) == seen


def test_a_master_that_does_not_answer_shows_nobody() -> None:
    assert lifecycle.registered("http://127.0.0.1:1/slaves") == set()


def test_an_error_is_one_sentence_and_a_status(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert main(["hash", "agent99"]) == 1
    assert capsys.readouterr().err.startswith("lab: the lab has no host agent99: its hosts are m1, m2,")


@pytest.mark.parametrize("command", [["up"], ["down"], ["image"], ["ssh-config"]])
def test_only_root(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLDFAST_LAB_STATE", str(tmp_path / "closed"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert main(command) == 1
    assert capsys.readouterr().err.startswith(
        "lab: the lab makes network interfaces and block devices, which takes root"
    )
    assert not (tmp_path / "closed").exists()
