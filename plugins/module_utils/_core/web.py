# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JSON over HTTP(S), without following redirects: who answers is part of the answer."""

from __future__ import annotations

import base64
import json
import os
import ssl
import time
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError

from ansible.module_utils.urls import Request

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    RefusedError,
    UntrustedError,
    WebError,
)

_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Credentials:
    """How to introduce oneself to a service, and whom to believe.

    :param username: for HTTP basic authentication. Some services take a token as the password of an empty user; without
        both nothing is sent.
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

    def json(self, where: str, *, secret: bool = False) -> Any:
        """The body as JSON.

        :param secret: the body carries secrets, so an error shows nothing of it.
        :raises WebError: the body is no JSON.
        """
        try:
            return json.loads(self.text)
        except ValueError as error:
            seen = f"{len(self.text)} characters" if secret else f"{error}; it begins {self.text[:120]!r}"
        raise WebError(
            "the answer is not JSON",
            status=self.status,
            where=where,
            seen=seen,
            todo="check that this address and port belong to the service",
        )


def fetch(
    url: str,
    *,
    method: str = "GET",
    body: Any = None,
    media_type: str = "application/json",
    credentials: Credentials = ANONYMOUS,
    deadline: float = 5.0,
) -> Answer:
    """Ask once. Any HTTP status is an answer, redirects included; only silence is an error.

    :param body: sent as JSON when not None.
    :param media_type: what is accepted, and of which type the body is.
    :param deadline: seconds for connecting, for the headers, and for the whole body.
    :raises UntrustedError: the service's certificate.
    :raises RefusedError: nothing listens there.
    :raises WebError: no connection, no answer in time.
    """
    headers = {"Accept": media_type}
    data = None
    if body is not None:
        headers["Content-Type"] = media_type
        data = json.dumps(body).encode()
    if credentials.username or credentials.password:
        pair = f"{credentials.username}:{credentials.password}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    if credentials.ca_file and not os.path.isfile(credentials.ca_file):
        raise UntrustedError(
            "the file with the authorities' certificates is not there",
            where=credentials.ca_file,
            todo="put it on the host that asks, or name another",
        )
    try:
        try:
            response = Request().open(
                method,
                url,
                data=data,
                headers=headers,
                use_proxy=False,
                timeout=deadline,
                validate_certs=credentials.validate_certs,
                # A ~/.netrc of whoever runs this would replace the header.
                use_netrc=False,
                follow_redirects="none",
                decompress=False,
                ca_path=credentials.ca_file or None,
            )
        except HTTPError as error:
            response = error
        return Answer(response.code, _headers(response.headers), _body(response, deadline))
    except (URLError, HTTPException, OSError, ValueError) as error:
        # ssl.SSLError and every timeout are an OSError, a certificate for another name is a ValueError.
        reason = getattr(error, "reason", None) or error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise UntrustedError(
                "the certificate is not trusted",
                where=f"{method} {url}",
                seen=reason.verify_message,
                todo="name the file of the authority that signed it, or the host as the certificate does",
            ) from error
        kind = RefusedError if isinstance(reason, ConnectionRefusedError) else WebError
        raise kind(
            "no answer",
            where=f"{method} {url}",
            seen=str(reason) or type(reason).__name__,
            todo="check the address, the port and the certificate",
        ) from error


def _headers(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}


def _body(response: Any, deadline: float) -> str:
    """All of it, as text.

    :raises TimeoutError: bytes still drop in when the deadline has passed: each read alone would never time out.
    """
    end = time.monotonic() + deadline
    parts = []
    while True:
        part = response.read1(_CHUNK)
        if not part:
            break
        parts.append(part)
        if time.monotonic() > end:
            raise TimeoutError(f"the answer was not complete after {deadline:g} s")
    # One agent with an attribute that is not UTF-8 must not make a whole cluster's answer unreadable.
    return b"".join(parts).decode("utf-8", "replace")
