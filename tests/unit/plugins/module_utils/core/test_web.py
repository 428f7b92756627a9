# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import base64
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core import web
from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    RefusedError,
    UntrustedError,
    WebError,
)

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[tuple[str, dict[str, Answer]]]:
    """A real HTTP server on the loopback, and the table of its answers by path.

    :param context: with which it speaks TLS.
    """
    answers: dict[str, Answer] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers[self.path](self)

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:
            pass

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    if context:
        running.socket = context.wrap_socket(running.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=running.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{running.server_address[1]}", answers
    finally:
        running.shutdown()
        running.server_close()


@pytest.fixture
def server() -> Iterator[tuple[str, dict[str, Answer]]]:
    with serving() as found:
        yield found


def say(status: int, body: bytes = b"", **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


Server = tuple[str, dict[str, Answer]]


def test_any_status_is_an_answer_and_redirects_are_not_followed(server: Server) -> None:
    url, answers = server
    answers["/slaves"] = say(307, Location="//m1:5050/master/slaves")
    answers["/gone"] = say(404, b"404 Not Found.")
    answers["/json"] = say(200, b'{"a": 1}')
    found = web.fetch(f"{url}/slaves")
    assert (found.status, found.headers["location"]) == (307, "//m1:5050/master/slaves")
    assert (web.fetch(f"{url}/gone").status, web.fetch(f"{url}/gone").text) == (404, "404 Not Found.")
    assert web.fetch(f"{url}/json").json(url) == {"a": 1}


def test_what_is_no_json(server: Server) -> None:
    url, answers = server
    answers["/"] = say(200, b"<html>")
    with pytest.raises(WebError) as error:
        web.fetch(f"{url}/").json(url)
    assert "is not JSON" in str(error.value) and "<html>" in str(error.value) and error.value.status == 200


def test_one_string_that_is_not_utf8_leaves_the_rest_readable(server: Server) -> None:
    url, answers = server
    answers["/"] = say(200, b'{"bad": "\xff\xfe1", "good": "r1"}')
    assert web.fetch(f"{url}/").json(url) == {"bad": "\ufffd\ufffd1", "good": "r1"}


def test_credentials_and_bodies(server: Server) -> None:
    url, answers = server
    seen = {}

    def keep(handler: BaseHTTPRequestHandler) -> None:
        seen["authorization"] = handler.headers["Authorization"]
        seen["type"] = handler.headers["Content-Type"]
        seen["body"] = handler.rfile.read(int(handler.headers["Content-Length"] or 0))
        say(200, b"{}")(handler)

    answers["/api"] = keep
    credentials = web.Credentials("ops", "s3")
    web.fetch(f"{url}/api", method="POST", body={"type": "GET_HEALTH"}, credentials=credentials)
    expected = "Basic " + base64.b64encode(b"ops:s3").decode()
    assert seen == {"authorization": expected, "type": "application/json", "body": b'{"type": "GET_HEALTH"}'}
    assert "s3" not in repr(credentials)


def test_a_secret_answer_that_is_no_json_is_not_shown(server: Server) -> None:
    url, answers = server
    answers["/"] = say(200, b"token-1234")
    with pytest.raises(WebError) as error:
        web.fetch(f"{url}/").json(url, secret=True)
    assert "is not JSON" in str(error.value) and "10 characters" in str(error.value)
    assert "token" not in repr((str(error.value), error.value.__context__, error.value.__cause__))


@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        (web.ANONYMOUS, None),
        (web.Credentials("", "T1"), "Basic " + base64.b64encode(b":T1").decode()),
        (web.Credentials("ops", ""), "Basic " + base64.b64encode(b"ops:").decode()),
        (web.Credentials("ops", "pä:ß"), "Basic " + base64.b64encode("ops:pä:ß".encode()).decode()),
    ],
)
def test_what_is_sent_is_what_was_given(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    credentials: web.Credentials,
    expected: str | None,
) -> None:
    """A token has no user; what a ~/.netrc says of the host is nobody's business."""
    url, answers = server
    (tmp_path / "netrc").write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen = []

    def keep(handler: BaseHTTPRequestHandler) -> None:
        seen.append((handler.headers["Authorization"], handler.headers["Accept"], handler.headers["Content-Type"]))
        say(200, b"{}")(handler)

    answers["/api"] = keep
    web.fetch(f"{url}/api", credentials=credentials)
    web.fetch(f"{url}/api", method="POST", body={}, media_type="application/json;version=2.0", credentials=credentials)
    versioned = "application/json;version=2.0"
    assert seen == [(expected, "application/json", None), (expected, versioned, versioned)]


def test_certificates(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", "/CN=gateway", "-addext", "subjectAltName=IP:127.0.0.1"]
        + ["-keyout", str(key), "-out", str(certificate)],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with serving(context) as (url, answers):
        answers["/"] = say(200, b"{}")
        with pytest.raises(UntrustedError) as error:
            web.fetch(f"{url}/", credentials=web.Credentials("admin", "s3"))
        assert "self-signed" in str(error.value) and f"GET {url}/" in str(error.value)
        assert web.fetch(f"{url}/", credentials=web.Credentials(ca_file=str(certificate))).status == 200
        assert web.fetch(f"{url}/", credentials=web.Credentials(validate_certs=False)).status == 200
        with pytest.raises(UntrustedError) as error:
            web.fetch(
                url.replace("127.0.0.1", "localhost") + "/", credentials=web.Credentials(ca_file=str(certificate))
            )
        assert "localhost" in str(error.value)
        with pytest.raises(UntrustedError) as missing:
            web.fetch(f"{url}/", credentials=web.Credentials(ca_file=str(tmp_path / "none.pem")))
        assert "none.pem" in str(missing.value) and "is not there" in str(missing.value)


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(RefusedError) as error:
        web.fetch(f"http://127.0.0.1:{port}/")
    assert error.value.status == 0 and "refused" in str(error.value)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
        b"HTTP/1.1 503 Unavailable\r\nContent-Length: 100\r\n\r\n",
    ],
)
def test_silence_and_drops_end_in_time(first: bytes) -> None:
    """A server that says nothing, and one that sends a byte now and then for ever."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stop = threading.Event()

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.sendall(first)
                while first and not stop.wait(0.1):
                    try:
                        connection.sendall(b" ")
                    except OSError:
                        return
                stop.wait(5)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(WebError) as error:
            web.fetch(f"http://127.0.0.1:{listening.getsockname()[1]}/", deadline=0.5)
        assert time.monotonic() - began < 2.0
        assert "http://127.0.0.1" in str(error.value)
        stop.set()
        thread.join(2)


@pytest.mark.parametrize("first", [b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_no_http(first: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(first)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(WebError):
            web.fetch(f"http://127.0.0.1:{listening.getsockname()[1]}/", deadline=2.0)
        thread.join(2)


def test_plain_http_behind_an_https_address(server: Server) -> None:
    url, answers = server
    answers["/"] = say(200)
    with pytest.raises(WebError):
        web.fetch(url.replace("http", "https") + "/", deadline=2.0)
