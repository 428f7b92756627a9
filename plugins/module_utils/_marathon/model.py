# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What an app of Marathon is: how it is declared and checked, how a declaration compares with what is in force, and what of
it may be shown. No I/O.

A declaration is whole: a field that it does not name has Marathon's default, but for the few that are kept as they are
(``fields.py``). Secrets are values of environment variables. A declaration carries their names only, with :data:`HIDDEN` as
their value wherever it is compared or shown.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import InputError
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon import fields

# What stands for a text that may not be shown: a secret that is as declared, and any other one.
HIDDEN = "********"
OTHER = "******** (another text)"

# A word of a command line that announces a secret, and the secret: -scaleio.password=x, --token x.
_TELLTALE = re.compile(
    r"(?i)(?<![\w.$-])([\w.-]*(?:password|passwd|secret|token)[=\s]\s*)([\"']?)(?!\$|[\"']?\$)([^\s\"']+)"
)


@dataclass(frozen=True)
class App:
    """A declared app.

    :param id: its path, with a slash in front.
    :param fields: what Marathon is sent, without ``id`` and without the secrets; the only spelling of each field is the
        current one (``fetch``, ``portDefinitions``).
    :param secrets: names of the environment variables whose values are secrets, sorted.
    """

    id: str
    fields: Mapping[str, Any]
    secrets: tuple[str, ...] = ()

    def definition(self) -> dict[str, Any]:
        """The declared fields in their normal form, with :data:`HIDDEN` for every secret."""
        normal = definition_of(self.fields)
        if self.secrets:
            normal["env"] = {**normal.get("env", {}), **dict.fromkeys(self.secrets, HIDDEN)}
        return normal

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "fields": dict(self.fields), "secrets": list(self.secrets)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> App:
        return cls(data["id"], dict(data["fields"]), tuple(data["secrets"]))


# -- declaring ----------------------------------------------------------------------------------------------------


def declared_id(app_id: Any) -> str:
    """The path of an app, with a slash in front.

    :raises InputError: it is none.
    """
    if problem := fields.path_problem(app_id):
        raise _refused("id", problem)
    return "/" + str(app_id).strip("/")


def task_prefix(app_id: str) -> str:
    """With what the IDs of an app's tasks begin (marathon core/task/Task.scala: its path with ``_``, then a dot)."""
    return app_id.strip("/").replace("/", "_") + "."


def declare(app_id: Any, given: Mapping[str, Any], secrets: Mapping[str, Any]) -> App:
    """Check a declaration.

    :param given: fields of the app as Marathon's REST API has them.
    :param secrets: names of environment variables -> their values.
    :raises InputError: Marathon would refuse it, it would not mean what it looks like, or it would show a secret.
    """
    path = declared_id(app_id)
    found = _current_spelling({key: value for key, value in given.items() if value is not None})
    if found.pop("id", path).strip("/") != path.strip("/"):
        raise _refused("id", f"is {given['id']!r} in the app, and {path!r} beside it; leave it out of the app")
    for name, value in found.items():
        if name in fields.SERVER_MADE:
            raise _refused(name, "is made by Marathon itself; leave it out")
        if name not in fields.FIELDS:
            raise _refused(str(name), f"is no field of an app; there are {', '.join(fields.FIELDS)}")
        if problem := fields.FIELDS[name].check(value):
            raise _refused(name, problem)
    if "cmd" in found and found.get("args"):
        raise _refused("args", "stands beside cmd; Marathon takes one of them")
    if "cmd" not in found and not found.get("args") and "container" not in found:
        raise _refused("cmd", "is missing: declare cmd or args, or a container that brings its own command")
    if "upgradeStrategy" in found:
        found["upgradeStrategy"] = fields.FIELDS["upgradeStrategy"].normal(found["upgradeStrategy"])
    _check_single_instance(found)
    _check_secrets(found, secrets)
    return App(path, fields.plain(found), tuple(sorted(secrets)))


def _current_spelling(given: dict[str, Any]) -> dict[str, Any]:
    """``uris`` and ``ports`` as ``fetch`` and ``portDefinitions`` (marathon api/v2/AppNormalization.scala)."""
    found = dict(given)
    for old, new in (("uris", "fetch"), ("ports", "portDefinitions")):
        values = found.pop(old, None)
        if values is None:
            continue
        if new in found:
            raise _refused(old, f"is the old spelling of {new}, and both are there; write {new} alone")
        if not isinstance(values, (list, tuple)):
            raise _refused(old, f"must be a list, and is {fields.kind(values)}")
        found[new] = [{"uri" if old == "uris" else "port": value} for value in values]
    return found


def _check_single_instance(found: Mapping[str, Any]) -> None:
    """The label that forbids a second instance even for a moment (marathon api/v2/validation/SchedulingValidation.scala)."""
    if found.get("labels", {}).get("MARATHON_SINGLE_INSTANCE_APP") != "true":
        return
    if found.get("instances", 1) > 1:
        raise _refused("instances", "is more than 1, and the label MARATHON_SINGLE_INSTANCE_APP allows one")
    if any(found.get("upgradeStrategy", {"": 1}).values()):
        raise _refused(
            "upgradeStrategy",
            "must be {maximumOverCapacity: 0, minimumHealthCapacity: 0} with the label MARATHON_SINGLE_INSTANCE_APP: the old"
            " task ends before the new one starts",
        )


def _check_secrets(found: Mapping[str, Any], secrets: Mapping[str, Any]) -> None:
    for name, value in secrets.items():
        if not isinstance(name, str) or not name:
            raise _refused("env_secrets", f"the name of a variable must be a text, and is {fields.kind(name)}")
        if not isinstance(value, str) or not value:
            what = "an empty text" if value == "" else "no text"
            raise _refused("env_secrets", f"the value of {name} is {what}; put it in quotes, or leave the variable out")
        if name in found.get("env", {}):
            raise _refused("env", f"names {name}, which is a secret; leave it out of env")
        for field_name, part in found.items():
            if any(value in text for text in texts_of(part)):
                raise _refused(
                    field_name,
                    f"contains the value of the secret {name}, and everybody can read it there; refer to the variable,"
                    f" as in ${name}, or choose a value that is no part of other texts",
                )
    if shown := next((name for name, part in found.items() if any(HIDDEN in text for text in texts_of(part))), None):
        raise _refused(
            shown, f"contains {HIDDEN}, which stands for a secret in what is printed; write the value itself"
        )


def texts_of(value: Any) -> Iterable[str]:
    """Every text in a JSON value, names included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key)
            yield from texts_of(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts_of(item)


def _refused(field: str, problem: str) -> InputError:
    return InputError("the app was refused, nothing was changed", where=field, seen=problem)


def moment(text: str) -> float:
    """A point in time as seconds since the epoch.

    :param text: RFC 3339, as Marathon writes it: ``2026-11-21T19:00:00.000Z``.
    :raises ValueError: it is none, or has no time zone.
    """
    when = datetime.datetime.fromisoformat(re.sub(r"(?i)z$", "+00:00", text.strip()))
    if when.tzinfo is None:
        raise ValueError("it has no time zone")
    return when.timestamp()


# -- comparing ----------------------------------------------------------------------------------------------------


def definition_of(app: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an app that say what it is, in their normal form; what Marathon made is left out.

    :param app: as declared, or as Marathon answers.
    """
    found = dict(app)
    # Marathon before 1.5 shows both spellings.
    if found.get("portDefinitions") is None and found.get("ports") is not None:
        found["portDefinitions"] = [{"port": port} for port in found["ports"]]
    if not found.get("fetch") and found.get("uris"):
        found["fetch"] = [{"uri": uri} for uri in found["uris"]]
    return {name: field.normal(found[name]) for name, field in fields.FIELDS.items() if found.get(name) is not None}


def differences(wanted: Mapping[str, Any], seen: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields in which an app is not as declared.

    :param wanted: a declared :meth:`App.definition`.
    :param seen: the definition in force.
    :returns: field -> (what is in force, what it should be), None for "not there".
    """
    found = {}
    container = wanted.get("container")
    for name, field in fields.FIELDS.items():
        usual = fields.defaults(name, container)
        now = seen.get(name, usual[0])
        if name in wanted:
            right = fields.same(name, wanted[name], now) if now is not None else wanted[name] in usual
        else:
            right = field.kept or now in usual or (usual[0] is not None and fields.same(name, usual[0], now))
        if not right:
            found[name] = (seen.get(name), wanted.get(name, usual[0]))
    return found


# -- hiding -------------------------------------------------------------------------------------------------------


def hide(value: Any, secrets: Iterable[str]) -> Any:
    """A JSON value with every occurrence of a secret replaced."""
    ordered = sorted(secrets, key=len, reverse=True)
    if isinstance(value, str):
        for secret in ordered:
            value = value.replace(secret, HIDDEN) if secret else value
        return value
    if isinstance(value, Mapping):
        return {hide(key, ordered): hide(item, ordered) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [hide(item, ordered) for item in value]
    return value


def showable(seen: Mapping[str, Any], wanted: App | None, secrets: Mapping[str, str]) -> dict[str, Any]:
    """A definition in force without what may not be shown.

    A field that is as declared is shown as it is: a declaration holds no secrets. Of the others, the environment's values
    are shown only where the declaration names the variable and does not call it a secret, and command lines without what
    follows words like ``password=``.

    :param seen: the definition in force, in its normal form.
    :param secrets: the declared secrets: name -> value.
    """
    declared: Mapping[str, Any] = {} if wanted is None else wanted.definition()
    env = seen.get("env", {})
    texts = {*secrets.values(), *(env[name] for name in secrets if isinstance(env.get(name), str))}
    found = {}
    for name, part in seen.items():
        if name == "env":
            found[name] = {key: _showable_variable(key, env, declared.get("env", {}), secrets) for key in env}
        elif part == declared.get(name):
            found[name] = part
        elif name == "cmd":
            found[name] = hide(_TELLTALE.sub(_hidden_telltale, part), texts)
        elif name == "args":
            # One line, so that what announces a secret and the secret stand together.
            line = _TELLTALE.sub(_hidden_telltale, "\n".join(part))
            found[name] = hide(line.split("\n"), texts)
        else:
            found[name] = hide(part, texts)
    return found


def _showable_variable(
    name: str, env: Mapping[str, Any], declared: Mapping[str, Any], secrets: Mapping[str, str]
) -> Any:
    if name in secrets:
        return HIDDEN if env[name] == secrets[name] else OTHER
    # A secret of Marathon's own shows its name only.
    if name in declared or isinstance(env[name], Mapping):
        return hide(env[name], secrets.values())
    return OTHER


def _hidden_telltale(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}{HIDDEN}"
