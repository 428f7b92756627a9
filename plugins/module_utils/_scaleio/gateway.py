# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Speaks with the ScaleIO gateway of version 2.0, as the framework's own client does.

Log in with the password once, go on with the token as the password of an empty user, follow the links of objects, log out at the
end. A token that has ended is replaced once for each request (recorded: scaleio-scheduler 0.3.1, gateway requests).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import (
    HoldfastError,
    InputError,
    UntrustedError,
    WebError,
)
from ansible_collections.holdfast.stateful.plugins.module_utils._core.machine import Machine
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import Answer, Credentials
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio import gateway_compare, gateway_model

MEDIA_TYPE = "application/json;version=2.0"
# An MDM that is about to change its owner keeps the gateway waiting.
_SECONDS = 15.0
# Nobody waits for a farewell.
_LOGOUT_SECONDS = 3.0


class GatewayError(WebError):
    """The gateway answered, and not with what its API promises."""


class LoginRefused(GatewayError):
    """The gateway refuses the user or the password."""


class OtherSystem(GatewayError):
    """The gateway belongs to another system than the declared one."""


class Refused(GatewayError):
    """The gateway has understood a request and refuses it.

    :param message: in the gateway's words.
    :param code: its ``errorCode``; 0 where it gives none.
    """

    def __init__(self, what: str, message: str, code: int, *, status: int, where: str, todo: str = "") -> None:
        told = f"{message} (error {code})" if code else message
        super().__init__(what, status=status, where=where, seen=told, todo=todo)
        self.message = message
        self.code = code


@dataclass(frozen=True)
class GatewaySettings:
    """Which gateway, how to introduce oneself, and what it must belong to.

    :param url: ``https://host`` or ``https://host:port``.
    :param system_name: what the system must be called; empty for any.
    :param system_id: the id that the system must have; empty for any.
    """

    url: str
    credentials: Credentials
    system_name: str = ""
    system_id: str = ""


@dataclass
class Gateway:
    """One session. Logs in at the first request; used in ``with``, it logs out at the end.

    :raises InputError: the address is none of a gateway.
    """

    machine: Machine
    settings: GatewaySettings
    _base: str = field(default="", init=False)
    _token: str = field(default="", init=False)
    _system: dict[str, Any] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._base = _base(self.settings.url)

    def __enter__(self) -> Gateway:
        return self

    def __exit__(self, *_reason: object) -> None:
        if self._token:
            # The token ends by itself ten minutes after its last use; a failed farewell must not hide what happened.
            with contextlib.suppress(WebError):
                self._send("GET", "/api/logout", None, self._with(self._token), _LOGOUT_SECONDS)
            self._token = ""

    # -- requests ---------------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """What stands at a path.

        :raises WebError: it could not be had; see the classes of this module.
        """
        return self._ask("GET", path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to a body.

        :raises WebError: it was refused, or nobody knows whether it was carried out.
        """
        return self._ask("POST", path, body)

    def create(self, kind: str, body: Mapping[str, Any]) -> str:
        """Create an object and return its id.

        :param kind: ``ProtectionDomain``, ``StoragePool``, ``Sds``, ``Device``.
        :raises WebError: see :meth:`post`.
        """
        path = f"/api/types/{kind}/instances"
        answer = self.post(path, body)
        if not isinstance(answer, Mapping) or not answer.get("id"):
            raise self._odd(path, "the answer to a creation has no id")
        return str(answer["id"])

    def related(self, item: Mapping[str, Any], kind: str, relation: str) -> Any:
        """What an object's link leads to.

        :param item: an object of this kind, with its ``links``.
        :param relation: the last word of the link's name, such as ``StoragePool``.
        """
        name = f"/api/{kind}/relationship/{relation}"
        links = item.get("links") or ()
        path = next((str(link.get("href")) for link in links if link.get("rel") == name), "")
        if not path.startswith("/api/"):
            # Followed elsewhere, the token would go with it.
            seen = f"it leads to {path[:80]!r}" if path else "there is none"
            raise self._odd(f"/api/instances/{kind}::{item.get('id')}", f"the link {name} leads nowhere: {seen}")
        return self.get(path)

    # -- what there is ----------------------------------------------------------------------------------------------

    def system(self) -> dict[str, Any]:
        """The declared system as the gateway gives it; asked for once.

        :raises OtherSystem: the gateway shows another.
        """
        if self._system is None:
            path = "/api/types/System/instances"
            systems = self._objects(self.get(path), path)
            wanted = (self.settings.system_name, self.settings.system_id)
            shown = [(item, gateway_model.system_document(item)) for item in systems]
            self._system = next(
                (item for item, system in shown if not gateway_compare.other_system(system, *wanted)), None
            )
            if self._system is None:
                if not shown:
                    raise self._odd(path, "the gateway shows no system")
                raise OtherSystem(gateway_compare.other_system(shown[0][1], *wanted), where=self._base)
        return self._system

    def observe(self) -> dict[str, Any]:
        """Everything, as gateway_model.py documents it.

        :raises WebError: it could not be seen whole.
        """
        # What is seen once more may have been renamed meanwhile.
        self._system = None
        system = self.system()
        domains, servers = [], []
        for item in self._list(system, "System", "ProtectionDomain"):
            name = gateway_model.name(item)
            found = self._list(item, "ProtectionDomain", "Sds")
            servers += [gateway_model.Sds.parse(sds, name) for sds in found]
            pools = [
                gateway_model.Pool(
                    gateway_model.text(pool.get("id")),
                    gateway_model.name(pool),
                    tuple(map(gateway_model.Device.parse, self._list(pool, "StoragePool", "Device"))),
                )
                for pool in self._list(item, "ProtectionDomain", "StoragePool")
            ]
            state = gateway_model.text(item.get("protectionDomainState"))
            domains.append(gateway_model.Domain(gateway_model.text(item.get("id")), name, state, tuple(pools)))
        return gateway_model.document(system, self._mdm(system), domains, servers, self._statistics())

    def activity(self) -> dict[str, int | None]:
        """``activity`` of the document alone, by one request."""
        return gateway_model.activity(self._statistics())

    def _statistics(self) -> Mapping[str, Any]:
        found = self.related(self.system(), "System", "Statistics")
        if not isinstance(found, Mapping):
            raise self._odd("/api/System/relationship/Statistics", "the statistics are no object")
        return found

    def _mdm(self, system: Mapping[str, Any]) -> gateway_model.MdmCluster:
        """The MDM cluster: from the System where that names its members, else by asking for it."""
        shown = system.get("mdmCluster")
        if not shown:
            return gateway_model.MdmCluster.parse_lists(system)
        if not shown.get("master"):
            path = "/api/instances/System/queryMdmCluster"
            shown = self.post(path, {})
            if not isinstance(shown, Mapping):
                raise self._odd(path, "the MDM cluster is no object")
        return gateway_model.MdmCluster.parse(shown)

    def _list(self, item: Mapping[str, Any], kind: str, relation: str) -> list[dict[str, Any]]:
        return self._objects(self.related(item, kind, relation), f"/api/{kind}/relationship/{relation}")

    def _objects(self, answer: Any, path: str) -> list[dict[str, Any]]:
        if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
            raise self._odd(path, "the answer is no list of objects")
        return answer

    # -- how it is asked --------------------------------------------------------------------------------------------

    def _ask(self, method: str, path: str, body: Any) -> Any:
        fresh = not self._token
        if fresh:
            self._login()
        answer = self._send(method, path, body, self._with(self._token))
        if answer.status == 401 and not fresh:
            self._login()
            answer = self._send(method, path, body, self._with(self._token))
        return self._checked(method, path, answer)

    def _login(self) -> None:
        path, given = "/api/login", self.settings.credentials
        self._token = ""
        answer = self._send("GET", path, None, given)
        if answer.status == 401:
            raise LoginRefused(
                f"the gateway refuses the password of the user {given.username!r}",
                status=401,
                where=self._base,
                todo="correct the user or the password; it is the one of ScaleIO itself, not the gateway's own",
            )
        token = self._checked("GET", path, answer)
        if not isinstance(token, str) or not token:
            raise self._odd(path, "the answer to the login is no token")
        self._token = token

    def _with(self, token: str) -> Credentials:
        given = self.settings.credentials
        return Credentials("", token, given.ca_file, given.validate_certs)

    def _send(self, method: str, path: str, body: Any, credentials: Credentials, deadline: float = _SECONDS) -> Answer:
        return self.machine.fetch(
            self._base + path,
            method=method,
            body=body,
            media_type=MEDIA_TYPE,
            credentials=credentials,
            deadline=deadline,
        )

    def _checked(self, method: str, path: str, answer: Answer) -> Any:
        """The answer's JSON, or an error in the gateway's own words without any secret."""
        where = f"{method} {self._base}{path}"
        if answer.status in (200, 201, 202):
            return self._json(where, answer)
        if 300 <= answer.status < 400:
            raise GatewayError(
                f"the gateway sends elsewhere with {answer.status}",
                status=answer.status,
                where=where,
                seen=self._shown(answer.headers.get("location", "no address")),
                todo="give the address at which the gateway's API itself answers",
            )
        try:
            told = answer.json(where, secret=True)
        except WebError:
            told = None
        if not isinstance(told, Mapping) or "message" not in told:
            raise GatewayError(
                f"the gateway answers {answer.status} and not as a ScaleIO gateway does",
                status=answer.status,
                where=where,
                seen=f"it begins {self._shown(answer.text)[:120]!r}",
                todo="check that this address and port belong to the gateway and that it has started",
            )
        denied = answer.status in (401, 403)
        raise Refused(
            "the gateway does not permit this to the user" if denied else "the gateway refuses it",
            self._shown(str(told["message"])),
            gateway_model.number(told.get("errorCode")) or 0,
            status=answer.status,
            where=where,
            todo="give the user the role that this needs" if denied else "",
        )

    def _json(self, where: str, answer: Answer) -> Any:
        try:
            return answer.json(where, secret=True)
        except WebError as error:
            raise GatewayError(error.what, status=error.status, where=where, seen=error.seen, todo=error.todo) from None

    def _odd(self, path: str, what: str) -> GatewayError:
        todo = "check that this address belongs to a ScaleIO gateway of version 2.0 or newer"
        return GatewayError(what, status=200, where=self._base + path, todo=todo)

    def _shown(self, words: str) -> str:
        """What the gateway says, without the secrets that it was told."""
        for secret in (self.settings.credentials.password, self._token):
            if secret:
                words = words.replace(secret, "********")
        return words


def _base(url: str) -> str:
    wanted = "write it like https://gateway or https://gateway:8443"
    if "@" in url:
        # The address goes into messages, so a password in it must go nowhere.
        raise InputError(
            "the gateway's address carries a user", todo=f"{wanted}; user and password are settings of their own"
        )
    try:
        parts = urlsplit(url)
        odd = not parts.hostname or parts.port == 0 or parts.path.strip("/") or parts.query or parts.fragment
    except ValueError:
        odd = True
    if odd or parts.scheme != "https":
        plain = not odd and parts.scheme == "http"
        what = "the gateway speaks HTTPS only" if plain else "this is not the address of a gateway"
        raise InputError(what, where=url or "it is empty", todo=wanted)
    return f"https://{parts.netloc}"


# -- observing -------------------------------------------------------------------------------------------------------

# Why there is no document, by the error that says so; what is more special stands first.
_TROUBLES: tuple[tuple[type[HoldfastError], str], ...] = (
    (InputError, "input"),
    (LoginRefused, "login"),
    (OtherSystem, "system"),
    (UntrustedError, "certificate"),
    (GatewayError, "answer"),
    (WebError, "down"),
)
_PARTS = ("system", "mdm", "domains", "sds", "capacity", "activity")


def trouble(error: HoldfastError) -> str:
    """What kind of trouble an error of this module is: ``input``, ``login``, ``system`` (another one), ``certificate``,
    ``answer`` or ``down``."""
    return next((word for kind, word in _TROUBLES if isinstance(error, kind)), "answer")


def observe_gateway(machine: Machine, settings: GatewaySettings) -> dict[str, Any]:
    """The ``gateway`` part of an observation.

    :returns: ``url``, ``error`` (a sentence or None), ``trouble`` (see :func:`trouble`, or None) and the parts of the document in
        gateway_model.py, which are None where there is an error: what was not seen is not absent.
    """
    found: dict[str, Any] = {"url": settings.url, "error": None, "trouble": None, **dict.fromkeys(_PARTS)}
    try:
        with Gateway(machine, settings) as gateway:
            found.update(gateway.observe())
    except (WebError, InputError) as error:
        found.update(error=f"ScaleIO gateway: {error}", trouble=trouble(error))
        if "@" in settings.url:
            found["url"] = ""
    return found
