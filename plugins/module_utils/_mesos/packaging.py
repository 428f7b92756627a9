# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How a package's ``mesos-init-wrapper`` turns files and environment into an agent's command line. Pure.

The rules are those of the scripts themselves: mesosphere/mesos-deb-packaging ``mesos-init-wrapper`` and apache/mesos
``support/packaging/common/mesos-init-wrapper``. What a package reads is taken from the script that is installed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass

from ansible_collections.holdfast.stateful.plugins.module_utils._mesos import model

MESOSPHERE = "mesosphere"
APACHE = "apache"
DCOS = "dcos"
NONE = "none"
# What a packaging calls its agent: the argument of its wrapper, the name of its daemon and of its logs.
ROLES = {MESOSPHERE: "slave", APACHE: "agent"}

# Environment variables that the wrapper turns into flags, in its order.
_VARIABLE_FLAGS = (("MASTER", "master"), ("IP", "ip"), ("LOGS", "log_dir"), ("ISOLATION", "isolation"))
_FLAG_NAME = re.compile(r"[a-z0-9_]+")
# Flags whose value may be a secret, or hold one, in place of the path of a file with it (mesos 1.11.0 src/slave/flags.cpp).
SECRET_FLAGS = frozenset(
    (
        "credential",
        "default_container_info",
        "docker_config",
        "executor_environment_variables",
        "executor_secret_key",
        "http_credentials",
        "jwt_secret_key",
        "modules",
    )
)
_HIDDEN = "(not shown)"
# zk://user:password@host1,host2/path: the last @ before the path ends it (mesos src/zookeeper/url.hpp).
_USER_OF_URL = re.compile(r"//[^/\n]*@")
_REFUSED_SECRET = re.compile(rf"(flag '(?:{'|'.join(sorted(SECRET_FLAGS))})': .*?value ')(?!/|file://).*")
# What an environment file must set in plain words: variables that become flags, by the agent's doing or the wrapper's.
_FLAG_VARIABLE = re.compile(
    rf"\b(?:MESOS_\w+|(?:{'|'.join(name for name, _flag in _VARIABLE_FLAGS)})(?=\+?=))", re.ASCII
)
# Commands that may set any variable, and words that begin and end what is carried out on a condition.
_BEFORE, _BEHIND = r"(?:(?<=[\s;&|(])|^)", r"(?=[\s;&|)]|$)"
_SETS_ANYTHING = re.compile(rf"{_BEFORE}(?:\.|source|eval)\s|{_BEFORE}export\s+[\"']?[$`]")
_OPENS = re.compile(rf"{_BEFORE}(?:if|for|while|until|case|select|\{{){_BEHIND}")
_CLOSES = re.compile(rf"{_BEFORE}(?:fi|done|esac|\}}){_BEHIND}")
_ARGUMENT_LIMIT = 128 * 1024


@dataclass(frozen=True)
class Wrapper:
    """What an init wrapper says about itself.

    :param packaging: ``mesosphere`` or ``apache``.
    :param config_dir: where flags and attributes lie as files.
    :param environment_files: shell files that it sources, in order.
    :param exports_all: every variable in them reaches the daemon, not only exported ones.
    """

    packaging: str
    config_dir: str
    environment_files: tuple[str, ...]
    exports_all: bool


def read_wrapper(text: str) -> Wrapper | None:
    """Recognise an init wrapper by its text; None when it is none that reads ``etc_slave=`` or ``etc_agent=``."""
    found = re.search(r"^\s*(?:local\s+)?etc_(slave|agent)=[\"']?(/[^\s\"';]+)", text, re.MULTILINE)
    if found is None:
        return None
    role = found[1]
    body = re.search(rf"^function {role} \{{$(.*?)^\}}", text, re.MULTILINE | re.DOTALL)
    code = body[1] if body else text
    sourced = tuple(dict.fromkeys(re.findall(r"(?:^|[\s|&;])(?:\.|source)\s+(/[^\s;\"'$]+)(?=[\s;]|$)", code)))
    if not sourced and "/etc/default/mesos" in text:
        # The script computes the names; both packages take these.
        sourced = ("/etc/default/mesos", f"/etc/default/mesos-{role}")
    exports_all = bool(re.search(r"set -o allexport|set -a\b", code))
    return Wrapper(MESOSPHERE if role == "slave" else APACHE, found[2].rstrip("/"), sourced, exports_all)


# -- environment --------------------------------------------------------------------------------------------------


def read_environment(
    text: str,
    variables: MutableMapping[str, str],
    exported: set[str],
    read: Callable[[str], str | None],
    *,
    exports_all: bool,
) -> list[tuple[int, str]]:
    """Take the assignments of a shell file into ``variables``, without running it.

    Understood: ``[export] NAME=value ...`` with quotes, ``$NAME``, ``${NAME}``, ``$(cat FILE)`` and its backtick form,
    which is all that the packages' own files use.

    :param exported: gets the names that are exported.
    :param read: a file's text or None.
    :param exports_all: every assignment exports, as under ``set -o allexport``.
    :returns: number of the line and what it may set (no values), for each line that needs a shell and may set a flag.
    """
    unread = []
    depth = 0
    for number, line in enumerate(text.splitlines(), 1):
        rest = line.strip()
        if not rest or rest.startswith("#"):
            continue
        if depth == 0 and _take_assignments(rest, variables, exported, read, exports_all=exports_all):
            continue
        # What stands in a condition or a loop is not known to be carried out.
        code = re.sub(r"\s#.*", "", rest)
        depth = max(0, depth + len(_OPENS.findall(code)) - len(_CLOSES.findall(code)))
        for name in re.findall(r"([A-Za-z_][A-Za-z0-9_]*)\+?=", rest):
            variables.pop(name, None)
        flags = ", ".join(dict.fromkeys(_FLAG_VARIABLE.findall(rest)))
        if flags or _SETS_ANYTHING.search(rest):
            unread.append((number, flags or "any variable"))
    return unread


def _take_assignments(
    rest: str,
    variables: MutableMapping[str, str],
    exported: set[str],
    read: Callable[[str], str | None],
    *,
    exports_all: bool,
) -> bool:
    """Take the assignments of one line; False where it needs a shell."""
    exporting = rest.startswith("export ")
    rest = rest[len("export ") :].lstrip() if exporting else rest
    while rest and not rest.startswith("#"):
        named = re.match(r"([A-Za-z_][A-Za-z0-9_]*)(=|(?=\s|$))", rest)
        value = _shell_word(rest[named.end() :], variables, read) if named and named[2] else None
        if named is None or (named[2] and value is None) or not (named[2] or exporting):
            return False
        if exporting or exports_all:
            exported.add(named[1])
        taken = named.end()
        if value is not None:
            variables[named[1]] = value[0]
            taken += value[1]
        rest = rest[taken:].lstrip(" \t;")
    return True


def _shell_word(text: str, variables: Mapping[str, str], read: Callable[[str], str | None]) -> tuple[str, int] | None:
    """The value of the word that begins here and its length, or None when it needs a real shell."""
    value = ""
    at = 0
    quoted = False
    while at < len(text):
        character = text[at]
        if character == '"':
            quoted = not quoted
            at += 1
        elif not quoted and character in " \t;":
            break
        elif not quoted and character == "'":
            end = text.find("'", at + 1)
            if end < 0:
                return None
            value += text[at + 1 : end]
            at = end + 1
        elif character == "\\" and at + 1 < len(text):
            value += text[at + 1] if not quoted or text[at + 1] in '"\\$`' else text[at : at + 2]
            at += 2
        elif character in "$`":
            file = re.match(r"(?:\$\(|`)\s*cat\s+([^\s`)]+)\s*(?:\)|`)", text[at:])
            name = re.match(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))", text[at:])
            if file:
                value += (read(file[1].strip("\"'")) or "").rstrip("\n")
                at += file.end()
            elif name and (name[1] or name[2]) in variables:
                value += variables[name[1] or name[2]]
                at += name.end()
            else:
                return None
        elif not quoted and character in "&|<>(){}*?~":
            return None
        else:
            value += character
            at += 1
    return None if quoted else (value, at)


def unit_environment(setting: str) -> dict[str, str]:
    """What ``systemctl show --property=Environment`` prints, as variables."""
    try:
        words = shlex.split(setting)
    except ValueError:
        return {}
    return dict(word.split("=", 1) for word in words if "=" in word)


def environment_flags(variables: Mapping[str, str], exported: Iterable[str]) -> dict[str, str]:
    """The flags that ``MESOS_*`` variables set; the command line goes over them."""
    return {name[6:].lower(): variables[name] for name in exported if name.startswith("MESOS_") and name in variables}


# -- flags --------------------------------------------------------------------------------------------------------


def parse_flags(argv: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """The flags of a command line and the names given more than once, on which the agent exits.

    Names are case-insensitive, ``--no-x`` is ``x=false``, other words are ignored, ``--`` ends the flags
    (stout flags.hpp; transcript of mesos-agent 1.11.0 flags).
    """
    flags: dict[str, str] = {}
    twice = []
    for word in argv:
        if word == "--":
            break
        if not word.startswith("--"):
            continue
        name, given, value = word[2:].partition("=")
        name = name.lower()
        if not given:
            value = "true"
            if name.startswith("no-"):
                name, value = name[3:], "false"
        if name in flags:
            twice.append(name)
        flags[name] = value
    return flags, twice


def command_line(wrapper: Wrapper, variables: Mapping[str, str], files: Mapping[str, str]) -> list[str]:
    """The arguments that the wrapper makes of variables and of the files directly in its directory, without those that
    it makes of the directories ``attributes`` and ``resources``."""
    argv = [f"--{flag}={variables[name]}" for name, flag in _VARIABLE_FLAGS if variables.get(name)]
    for name, content in sorted(files.items()):
        argv.append(f"--{name[1:]}" if name.startswith("?") else f"--{name}={content}")
    return argv


def shown_flags(flags: Mapping[str, str]) -> dict[str, str]:
    """Flags fit for a document: neither a secret given in place of a path nor a password in an address is shown."""
    return {name: _shown(name, value) for name, value in sorted(flags.items())}


def _shown(name: str, value: str) -> str:
    if name in SECRET_FLAGS and not value.startswith(("/", "file://")):
        return _HIDDEN
    return _USER_OF_URL.sub(f"//{_HIDDEN}@", value)


def shown_words(words: str) -> str:
    """What an agent says of itself, fit for a document like its flags."""
    return _USER_OF_URL.sub(f"//{_HIDDEN}@", _REFUSED_SECRET.sub(rf"\g<1>{_HIDDEN}'", words))


def pending_flags(running: Mapping[str, str], following: Mapping[str, str]) -> dict[str, list[str | None]]:
    """The flags that the next start changes: name -> [running, next], None for not given; attributes left out."""
    pending: dict[str, list[str | None]] = {}
    for name in sorted((set(running) | set(following)) - {"attributes"}):
        old, new = running.get(name), following.get(name)
        if old == new or (name == "resources" and _tokens(old) == _tokens(new)):
            continue
        pending[name] = [None if value is None else _shown(name, value) for value in (old, new)]
    return pending


def _tokens(resources: str | None) -> list[str]:
    return sorted(token for token in re.split("[;\n]", resources or "") if token)


def cat(content: bytes) -> str:
    """A file's content as bash's ``$(cat FILE)`` gives it: NUL bytes and trailing newlines gone."""
    return content.replace(b"\0", b"").rstrip(b"\n").decode(errors="backslashreplace")


# -- the attributes directory -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One name in a directory that the wrapper reads.

    :param name: with surrogate escapes where it is not UTF-8.
    :param kind: what stands there once links are followed: ``file``, ``directory``, another kind, or None (dangling).
    :param content: a file's bytes; None when it could not be read, for the reason in ``error``.
    """

    name: str
    kind: str | None
    content: bytes | None = None
    error: str = ""


@dataclass(frozen=True)
class Directory:
    """What the wrapper makes of a directory of attributes.

    :param files: name -> value as ``$(cat)`` gives it: trailing newlines and NUL bytes gone.
    :param ignored: names that it passes over: dotfiles, empty files, FIFOs, dangling links.
    :param obstacles: what keeps the agent from starting, or changes meaning once files are added.
    """

    files: dict[str, str]
    ignored: list[str]
    obstacles: list[dict[str, str]]


def obstacle(kind: str, path: str, sentence: str) -> dict[str, str]:
    """One entry of an observation's ``obstacles``."""
    return {"kind": kind, "path": path, "sentence": sentence}


def read_attributes(directory: str, entries: Iterable[Entry]) -> Directory:
    """Apply the wrapper's rules for ``attributes/*``: every entry with a size above 0 becomes ``<name>:<content>``."""
    found = Directory({}, [], [])
    for entry in entries:
        name = entry.name.encode(errors="surrogateescape").decode(errors="backslashreplace")
        path = f"{directory}/{name}"
        if entry.name.startswith(".") or entry.kind not in ("file", "directory") or entry.content == b"":
            found.ignored.append(name)
        elif entry.kind == "directory":
            found.obstacles.append(
                obstacle(
                    "subdirectory",
                    path,
                    f"{path} is a directory: the init wrapper fails on it and the agent does not start; move it away",
                )
            )
        elif entry.content is None:
            found.obstacles.append(obstacle("unreadable", path, f"{path} cannot be read ({entry.error}); mend that"))
        else:
            _take(found, path, entry.name, name, entry.content)
    passed = sum(len(name.encode()) + len(value.encode()) + 2 for name, value in found.files.items())
    if passed >= _ARGUMENT_LIMIT:
        sentence = (
            f"the attributes in {directory} have {passed} bytes: the agent cannot be started with more than 128 KiB"
        )
        found.obstacles.append(obstacle("bad_value", directory, f"{sentence}; remove some"))
    return found


def _take(found: Directory, path: str, raw_name: str, name: str, content: bytes) -> None:
    value = cat(content)
    found.files[name] = value
    try:
        raw_name.encode()
        content.decode()
    except UnicodeError:
        sentence = f"{path} is not UTF-8: the answers of this agent and of every master become unreadable; rewrite it"
        found.obstacles.append(obstacle("not_utf8", path, sentence))
        return
    if re.search(r"[:;\n]", name):
        sentence = (
            f"the name of {path} holds a ':', ';' or newline, so the attribute gets another name; rename the file"
        )
        found.obstacles.append(obstacle("bad_name", path, sentence))
    elif model.LEFTOVER.search(name):
        sentence = (
            f"{path} looks like somebody's backup, and the wrapper passes it as the attribute {name}; move it out of the"
            f" directory"
        )
        found.obstacles.append(obstacle("bad_name", path, sentence))
    elif "\n" in value:
        sentence = f"{path} has more than one line: each line becomes an attribute, or the agent aborts; write one line"
        found.obstacles.append(obstacle("two_lines", path, sentence))
    elif ";" in value:
        sentence = f"{path} holds a ';': what follows becomes another attribute; write it into a file of its own"
        found.obstacles.append(obstacle("bad_value", path, sentence))
    elif value != value.rstrip("\t\r"):
        sentence = (
            f"{path} ends in a tab or carriage return, which the agent keeps or not by the order of files; remove it"
        )
        found.obstacles.append(obstacle("bad_value", path, sentence))
    else:
        try:
            model.parse_attribute(name, value)
        except model.AttributeRefused as refusal:
            sentence = f"with {path} the agent aborts at its start: {refusal.seen}; write another value"
            found.obstacles.append(obstacle("bad_value", path, sentence))


def environment_obstacles(path: str, unread: Iterable[tuple[int, str]], config_dir: str) -> list[dict[str, str]]:
    """The lines of an environment file that hide flags of the next start.

    :param unread: as :func:`read_environment` returns them.
    """
    return [
        obstacle(
            "environment_unread",
            path,
            f"line {number} of {path} may set {names} in a way that only a shell can follow, so nobody can say what the agent"
            f" will be started with; write plain NAME=value there, or a file in {config_dir}",
        )
        for number, names in unread
    ]


def flag_obstacles(config_dir: str, names: Iterable[str], twice: Sequence[str]) -> list[dict[str, str]]:
    """What in the configuration directory itself makes the agent exit: leftovers of editors, and flags given twice."""
    found = []
    for name in names:
        if not _FLAG_NAME.fullmatch(re.sub(r"^\?(no-)?", "", name).lower()):
            path = f"{config_dir}/{name}"
            sentence = f"{path} is passed as the flag --{name}, which no agent knows: it exits at its start; move the file away"
            found.append(obstacle("bad_flag", path, sentence))
    for name in dict.fromkeys(twice):
        path = f"{config_dir}/{name}"
        sentence = (
            f"the flag --{name} is given twice, by {path} and by a variable: the agent exits at its start; keep one"
        )
        found.append(obstacle("bad_flag", path, sentence))
    return found
