# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON over HTTP(S), without following redirects: who answers is part of the answer."""

from __future__ import annotations

import json
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError

from ansible.module_utils.urls import Request

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import WebError


@dataclass(frozen=True)
class Credentials:
    """How to introduce oneself to a service, and whom to believe.

    :param username: for HTTP basic authentication; empty for none.
    :param password: the secret that goes with it. It never appears in ``repr``.
    :param ca_file: PEM file of the authorities that sign the service's certificate; empty for the system's.
    :param validate_certs: false only when the user said so.
    """

    username: str = ""
    password: str = ""
    ca_file: str = ""
    validate_certs: bool = True

    def __repr__(self) -> str:
        return f"Credentials(username={self.username!r})"


ANONYMOUS = Credentials()


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: status, the headers in lower case, the body as text."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self, where: str) -> Any:
        """The body as JSON.

        :raises WebError: the body is no JSON.
        """
        try:
            return json.loads(self.text)
        except ValueError as error:
            raise WebError(
                "the answer is not JSON",
                status=self.status,
                where=where,
                seen=f"{error}; it begins {self.text[:120]!r}",
                todo="check that this address and port belong to the service",
            ) from error


def fetch(
    url: str,
    *,
    method: str = "GET",
    body: Any = None,
    credentials: Credentials = ANONYMOUS,
    deadline: float = 5.0,
) -> Answer:
    """Ask once. Any HTTP status is an answer, redirects included; only silence is an error.

    :param body: sent as JSON when not None.
    :param deadline: seconds for connecting and for each read.
    :raises WebError: no connection, a certificate that is not trusted, no answer in time.
    """
    headers = {"Accept": "application/json"}
    data = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(body).encode()
    try:
        response = Request().open(
            method,
            url,
            data=data,
            headers=headers,
            use_proxy=False,
            timeout=deadline,
            validate_certs=credentials.validate_certs,
            url_username=credentials.username or None,
            url_password=credentials.password or None,
            force_basic_auth=bool(credentials.username),
            follow_redirects="none",
            ca_path=credentials.ca_file or None,
        )
        return Answer(response.status, _headers(response.headers), _text(response.read()))
    except HTTPError as error:
        return Answer(error.code, _headers(error.headers), _text(error.read()))
    except (URLError, ssl.SSLError, socket.timeout, OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise WebError(
            "no answer",
            where=f"{method} {url}",
            seen=str(reason),
            todo="check the address, the port and the certificate",
        ) from error


def _headers(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _text(data: bytes) -> str:
    # One agent with an attribute that is not UTF-8 must not make a whole cluster's answer unreadable.
    return data.decode("utf-8", "replace")
