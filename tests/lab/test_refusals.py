# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Bad input: each is refused with its own sentence, and no host has changed.

Most cases are clusters of one run, since every cluster is refused by itself; beside them stands one that is in order and
goes through, so the run does act. What concerns a whole run (a limit, the masters) has a run of its own.
"""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.lab.harness import (
    Run,
    address,
    aliases,
    all_back,
    events,
    few,
    hashes,
    lab,
    on,
    playbook,
    started_with,
    tree,
    until,
)

BOOK = "holdfast.stateful.scaleio_imperative"
PLAYS = Path(__file__).parent / "plays"
GOOD = "scaleio_sds: {engineering: {qe: [/dev/xvdf]}}"
# Hosts that are like all others, to share the work of looking.
PLAIN = ("agent01", "agent02", "agent04", "agent06", "agent08")
EVERYBODY = tuple(f"m{number}" for number in range(1, 4)) + tuple(f"agent{number:02}" for number in range(1, 18))


class Case(NamedTuple):
    """A declaration and the sentences that refuse it. host: the lab host, where it must be a certain one."""

    name: str
    variables: str
    sentences: tuple[str, ...]
    host: str = ""


def case(name: str, variables: str, sentence: str, host: str = "") -> Case:
    """A declaration with one fault."""
    return Case(name, variables, (sentence,), host)


def several(name: str, form: str, faults: Mapping[str, str]) -> Case:
    """Names that are each refused, declared side by side: name as YAML writes it -> its sentence.

    :param form: one of the names' places, joined by commas.
    """
    return Case(name, form % ", ".join(faults), tuple(faults.values()))


# Where a name stands: a domain, a pool, and a pool that is used, where a name keeps the type that YAML gave it.
DOMAINS = "scaleio_sds: {%s}"
POOLS = "scaleio_sds: {engineering: {%s}}"


def devices(text: str) -> str:
    """These devices in one pool."""
    return f"scaleio_sds: {{engineering: {{qe: {text}}}}}"


def odd(name: str, character: str) -> str:
    """The sentence about a character that a name must not have."""
    return f"scaleio_sds: the name '{re.escape(name)}' has '{re.escape(character)}'; only letters, digits, '_' and '-' pass"


SCALAR = r"reads as a number: the agent would make it a scalar"
NUMBER = r"is a number: the agent would make it a scalar"

CASES = [
    # Names that an agent reads as numbers, or YAML does.
    several(
        "domains-like-numbers",
        DOMAINS,
        {
            f"'{name}': {{qe: [/dev/xvdf]}}": rf"scaleio_sds: the name '{name}' {SCALAR}"
            for name in ("7", "1e3", "0x10", "nan", "-1", "inf", "007")
        },
    ),
    several(
        "pools-like-numbers",
        POOLS,
        {
            "7: [/dev/xvdf]": rf"engineering: the name '7' {SCALAR}",
            "1e3: [/dev/xvdf]": rf"engineering: the name '1e3' {SCALAR}",
            "-1: [/dev/xvdf]": rf"engineering: the name '-1' {SCALAR}",
            ".nan: [/dev/xvdf]": r"engineering: the name 'NaN' reads as a number",
        },
    ),
    several(
        "clients-like-numbers",
        f"{GOOD}\nscaleio_sdc: {{engineering: [%s]}}",
        {
            "7": rf"scaleio_sdc: engineering: the name 7 {NUMBER}",
            "1e3": rf"scaleio_sdc: engineering: the name '1e3' {SCALAR}",
            "0x10": rf"scaleio_sdc: engineering: the name 16 {NUMBER}",
            "nan": rf"scaleio_sdc: engineering: the name 'nan' {SCALAR}",
            ".nan": rf"scaleio_sdc: engineering: the name nan {NUMBER}",
            "-1": rf"scaleio_sdc: engineering: the name -1 {NUMBER}",
            "inf": rf"scaleio_sdc: engineering: the name 'inf' {SCALAR}",
            ".inf": rf"scaleio_sdc: engineering: the name inf {NUMBER}",
            "yes": r"the name True is no text; YAML read it as bool: put it in quotes",
        },
    ),
    # Names with characters that mean something to the wrapper, the agent or the framework.
    several(
        "odd-domains",
        DOMAINS,
        {
            f"{name}: {{qe: [/dev/xvdf]}}": sentence
            for name, sentence in {
                "'a:b'": odd("a:b", ":"),
                "a~b": odd("a~b", "~"),
                "a;b": odd("a;b", ";"),
                '"a\\nb"': odd("a\\nb", "\\n"),
                "'a[1]'": r"the name 'a\[1\]' has '\[' '\]'; only letters",
                "'a,b'": odd("a,b", ","),
                "a b": odd("a b", " "),
                "größe": r"the name 'gr\\xf6\\xdfe' has",
                "''": r"the name '' has no character",
                "'--'": r"the name '--' has no letter",
                "a" * 300: r"has 300 characters; a file is named after it",
            }.items()
        },
    ),
    several(
        "odd-pools",
        POOLS,
        {
            "'a{1}': [/dev/xvdf]": r"engineering: the name 'a\{1\}' has '\{' '\}'",
            "../a: [/dev/xvdf]": r"engineering: the name '\.\./a' has '\.' '/'",
        },
    ),
    # Ansible refuses to read such a text; a template can still make one.
    case(
        "not-utf8",
        f"""{GOOD}\nscaleio_sdc: {{engineering: ['{{{{ "%c" | format(0xdcff) }}}}']}}""",
        r"is not UTF-8: it would make the master's /slaves unreadable",
    ),
    # The flat namespace.
    several(
        "names-that-are-taken",
        POOLS,
        {
            "domains: [/dev/xvdf]": r"scaleio_sds: engineering: the name 'domains' is taken",
            "engineering: [/dev/xvdf]": r"the pool 'engineering' is named like a domain",
            "a-scaleio-sds-b: [/dev/xvdf]": r"contains the framework's own prefix",
        },
    ),
    case("domain-domains", DOMAINS % "domains: {qe: [/dev/xvdf]}", r"scaleio_sds: the name 'domains' is taken"),
    case(
        "pool-in-two-domains",
        "scaleio_sds: {one: {qe: [/dev/xvdf]}, two: {qe: [/dev/xvdf]}}",
        r"the pool 'qe' is in one and in two",
    ),
    case(
        "two-domains",
        "scaleio_sds: {one: {qa: [/dev/xvdf]}, two: {qb: [/dev/xvdf]}}",
        r"two protection domains on one agent \(one, two; sds and sdc count together\)",
    ),
    case(
        "two-domains-by-client",
        f"{GOOD}\nscaleio_sdc: {{other: [qe]}}",
        r"two protection domains .*\(engineering, other",
    ),
    # Shapes.
    Case(
        "lists",
        "scaleio_sds: [engineering]\nscaleio_sdc: [engineering]\nscaleio_persona: [primary]\nscaleio_rack: [r1]",
        (
            r"scaleio_sds must be a mapping .* and this is a list: \['engineering'\]",
            r"scaleio_sdc must be a mapping .* and this is a list: \['engineering'\]",
            r"scaleio_persona is \['primary'\]; it must be one of",
            r"scaleio_rack must be a text, and this is a list: \['r1'\]",
        ),
    ),
    Case(
        "texts",
        "scaleio_sds: engineering\nscaleio_sdc: engineering\nscaleio_persona: leader",
        (
            r"scaleio_sds must be a mapping .* and this is a text: engineering",
            r"scaleio_sdc must be a mapping .* and this is a text: engineering",
            r"scaleio_persona is leader; it must be one of primary",
        ),
    ),
    several(
        "pools",
        DOMAINS,
        {
            "engineering: [qe]": r"scaleio_sds: engineering must be a mapping .* a list: \['qe'\]",
            "other: qe": r"scaleio_sds: other must be a mapping .* a text: qe",
            "bare: {}": r"scaleio_sds: bare has no storage pool",
        },
    ),
    Case(
        "used-pools",
        f"{GOOD}\nscaleio_sdc: {{engineering: qe, other: [[qe]]}}",
        (
            r"scaleio_sdc: engineering must be a list .* a text: qe",
            r"scaleio_sdc: other: a name must be a text, and this is a list",
        ),
    ),
    # Devices.
    several(
        "devices",
        POOLS,
        {
            "a: 5": r"engineering: a must name devices .* and this is a number: 5",
            "b: [[/dev/xvdf]]": r"b: a device must be a path or a by-id name, and this is a list",
            "c: [{path: /dev/xvdf}]": r"c: a device must be a path or a by-id name, and this is a mapping",
            "d: ['/dev/xvdf,']": r"d: the device '/dev/xvdf,' has a comma at its end",
            "e: ['/dev/xvdf,/dev/xvdg']": r"e: the device '/dev/xvdf,/dev/xvdg' has a character",
            "f: ['']": r"engineering: f: a device with no name",
            "g: [/etc/passwd]": r"g: the device '/etc/passwd' is not below /dev",
            "h: []": r"engineering: h has an empty list of devices",
            "i: [/dev/xvdf, /dev/xvdf]": r"engineering: i names the device /dev/xvdf twice",
            "j: {select: ['[].path']}": r"j must be \{select: EXPRESSION, count: NUMBER\}; select is \[",
            "k: {select: '[].path', count: 0}": r"k: count is 0; it must be a number from 1 up, or 'any'",
        },
    ),
    case(
        "two-pools",
        "scaleio_sds: {engineering: {qe: [/dev/xvdf], dev: [/dev/xvdf]}}",
        r"the device /dev/xvdf is in the pools qe and dev; a device belongs to one pool",
    ),
    case(
        "two-pools-by-id",
        "scaleio_sds: {engineering: {qe: [/dev/xvdf], dev: [scsi-HOLDFAST_HOLDFAST-DISK_HFAGENT01XVDF]}}",
        r"the device /dev/xvdf is in the pools qe and dev; a device belongs to one pool",
        "agent01",
    ),
    case(
        "missing-device",
        devices("[/dev/xvdz]"),
        r"the device /dev/xvdz is not there; this host has /dev/xvda \(9 GB, .*\); /dev/xvdf \(2199 GB, free\)",
    ),
    case(
        "missing-by-id",
        devices("[scsi-NOTHING]"),
        r"no device has the by-id name scsi-NOTHING; this host has scsi-HOLDFAST",
    ),
    case(
        "file-system",
        devices("[/dev/xvdh]"),
        r"the device /dev/xvdh carries ext4.*nothing is ever wiped here",
        "agent03",
    ),
    case(
        "mounted", devices("[/dev/xvdi]"), r"the device /dev/xvdi is mounted at /mnt; only an empty device", "agent10"
    ),
    case(
        "50-gb",
        devices("[/dev/xvdi]"),
        r"the device /dev/xvdi has 50 GB; ScaleIO takes devices from 100 GB to 6 TB",
        "agent09",
    ),
    # Expressions over the observed devices.
    case(
        "none-selected",
        devices("'[?size_bytes > `9000000000000`].path'"),
        r"yields 0 devices \(none\) and must yield 1",
    ),
    case(
        "two-selected",
        devices("'[?free].path'"),
        r"yields 2 devices \(/dev/xvdf, /dev/xvdg\) and must yield 1; this host has .*/dev/xvdf \(2199 GB, free\); /dev/xvdg",
        "agent05",
    ),
    case(
        "two-wanted", devices("{select: '[?free].path', count: 2}"), r"yields 1 devices \(/dev/xvdf\) and must yield 2"
    ),
    case("malformed", devices("'[?free'"), r"the expression \[\?free is no JMESPath"),
    case("not-paths", devices("'[].size_bytes'"), r"must yield paths of devices and yields .*; end it with \.path"),
    # What a cluster lacks.
    case("nothing-declared", "scaleio_sds: {}", r"declares neither scaleio_sds nor scaleio_sdc"),
    case(
        "unknown-domain",
        "scaleio_sdc: {engineering: [qe]}",
        r"protection domain engineering, which no scaleio_sds .* declares",
    ),
    case("no-previous", "scaleio_state: rollback", r"has no previous attribute set to go back to"),
    # What stands on a host.
    case("dcos", GOOD, r"this host runs DC/OS.*set them there", "agent11"),
    case(
        "subdirectory", GOOD, r"/etc/mesos-slave/attributes/old is a directory: the init wrapper fails on it", "agent12"
    ),
    case("backup", GOOD, r"/etc/mesos-slave/attributes/rack\.bak looks like somebody.s backup", "agent13"),
    case(
        "flag-backup",
        GOOD,
        r"/etc/mesos-slave/work_dir~ is passed as the flag --work_dir~, which no agent knows",
        "agent14",
    ),
    case("environment", GOOD, r"MESOS_ATTRIBUTES is set in .*mesos-slave.*the agent forgets it", "agent15"),
    # Settings of a cluster.
    case("none-down", f"{GOOD}\nscaleio_max_unavailable: 0", r"scaleio_max_unavailable is 0; it must be at least 1"),
    case(
        "expected-members", f"{GOOD}\nscaleio_expected_members: 3", r"scaleio_expected_members is 3 and the group has 1"
    ),
    case("no-masters", f"{GOOD}\nscaleio_masters: []", r"0 Mesos masters are declared \(none\)"),
    case(
        "four-masters",
        f"{GOOD}\nscaleio_masters: ['http://m1:5050', 'http://m2:5050', 'http://m3:5050', 'http://m4:5050']",
        r"4 Mesos masters are declared .* odd number, at least 3",
    ),
    case(
        "other-masters",
        f"{GOOD}\nscaleio_masters: ['http://m1:5051', 'http://m2:5051', 'http://m3:5051']",
        r"no answer \(GET http://m\d:5051/slaves\)",
    ),
]

# Clusters of two hosts: the first one's variables, the second one's, the sentence.
PAIRS = [
    (
        "settings-differ",
        f"{GOOD}\nscaleio_max_unavailable: 1",
        f"{GOOD}\nscaleio_max_unavailable: 2",
        r"settings-differ-b declares max_unavailable = 2 and settings-differ-a 1; it is a setting of the whole cluster",
    ),
    (
        "unreachable",
        GOOD,
        f"{GOOD}\nansible_port: 9",
        r"unreachable-b could not be observed: .*Connection refused.*the whole cluster must be visible",
    ),
]
CONTROL = "agent07"


@pytest.fixture(scope="module")
def prepared_lab() -> None:
    """The lab with the traps that some cases need."""
    lab("disk-add", "agent09", "/dev/xvdi", "47684M")
    lab("disk-add", "agent10", "/dev/xvdi", "500G", "--fs", "ext4")
    on("agent10", "mount", "-o", "ro", "/dev/xvdi", "/mnt")
    on("agent11", "mkdir", "/opt/mesosphere")
    on("agent12", "mkdir", "-p", "/etc/mesos-slave/attributes/old")
    on("agent13", "sh", "-c", "mkdir -p /etc/mesos-slave/attributes && echo r1 > /etc/mesos-slave/attributes/rack.bak")
    on("agent14", "cp", "/etc/mesos-slave/work_dir", "/etc/mesos-slave/work_dir~")
    on("agent15", "sh", "-c", "echo 'MESOS_ATTRIBUTES=rack:r1' >> /etc/default/mesos-slave")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refusals")


@pytest.fixture(scope="module")
def together(prepared_lab: None, folder: Path) -> Run:
    """The one run of all clusters, and the proof that only the one in order has changed its host."""
    hosts = {}
    for number, case in enumerate(CASES):
        hosts[case.name] = (case.host or PLAIN[number % len(PLAIN)], _clustered(case.variables, case.name))
    for number, (name, first, second, _sentence) in enumerate(PAIRS):
        hosts[f"{name}-a"] = (PLAIN[number], _clustered(first, name))
        hosts[f"{name}-b"] = (PLAIN[number + 1], _clustered(second, name))
    hosts["control"] = (CONTROL, _clustered("scaleio_sds: {engineering: {qe: [/dev/xvdg]}}", "control"))
    before = hashes(*EVERYBODY)
    done = playbook(BOOK, inventories=aliases(folder, hosts)).expect(4)
    after = hashes(*EVERYBODY)
    assert {host for host in before if before[host] != after[host]} == {CONTROL}
    assert {event["hostname"] for event in events() if event["event"] == "disconnected"} == {CONTROL}
    assert done.changed() == {"control": 1}
    assert tree(CONTROL)["scaleio-sds-qe"] == b"/dev/xvdg\n"
    assert sorted(done.failures()) == sorted(set(hosts) - {"control"})
    return done


def _clustered(variables: str, cluster: str) -> str:
    """A host's variables with its cluster."""
    return f"{variables}\nscaleio_cluster: {cluster}\n"


@pytest.mark.parametrize(
    "name,sentence",
    [(case.name, sentence) for case in CASES for sentence in case.sentences],
    ids=[f"{case.name}-{number}" for case in CASES for number in range(len(case.sentences))],
)
def test_refused_by_itself(together: Run, name: str, sentence: str) -> None:
    said = together.failures()[name]
    assert said.startswith(f"The cluster {name} is refused and nothing was changed."), said
    assert re.search(sentence, said), said


@pytest.mark.parametrize("name,sentence", [(pair[0], pair[3]) for pair in PAIRS], ids=[pair[0] for pair in PAIRS])
def test_refused_as_a_pair(together: Run, name: str, sentence: str) -> None:
    said = together.failures()[f"{name}-a"]
    assert said.startswith(f"The cluster {name} is refused and nothing was changed."), said
    assert re.search(sentence, said), said


def test_sentences_differ() -> None:
    """A sentence that fits every case would prove nothing about its own."""
    sentences = [sentence for case in CASES if case.variables != GOOD for sentence in case.sentences]
    assert len(set(sentences)) > len(sentences) * 0.9


# -- what concerns a whole run ---------------------------------------------------------------------------------------


@pytest.fixture
def untouched() -> Iterator[None]:
    """No agent is changed meanwhile."""
    agents = [name for name in EVERYBODY if name.startswith("agent")]
    before, started = hashes(*agents), {agent: started_with(agent) for agent in agents}
    yield
    assert hashes(*agents) == before
    assert {agent: started_with(agent) for agent in agents} == started


def refused(run: Run, sentence: str) -> None:
    """The run failed, changed nothing, and said so in these words."""
    run.expect(2)
    assert run.changed() == {}
    said = "\n".join(run.failures().values())
    assert re.search(sentence, said), said or run.output[-3000:]


def knows_a_leader(master: str) -> bool:
    """Whether a master knows who leads; without a leader it answers 503."""
    connection = http.client.HTTPConnection(address(master), 5050, timeout=5)
    try:
        connection.request("GET", "/slaves")
        return connection.getresponse().status != 503
    finally:
        connection.close()


@pytest.fixture
def three(tmp_path: Path) -> tuple[Path, ...]:
    """A cluster of three agents that is in order."""
    declared = tmp_path / "declared.yml"
    declared.write_text("mesos_agents:\n  vars:\n    scaleio_sds: {engineering: {qe: [/dev/xvdf]}}\n")
    return (*few(tmp_path, "agent01", "agent02", "agent04", declared=False), declared)


@pytest.mark.usefixtures("untouched")
class TestRuns:
    def test_limit(self, three: tuple[Path, ...]) -> None:
        run = playbook(BOOK, "--limit", "agent01,agent02", inventories=three)
        refused(run, r"agent04 could not be observed: it is not part of this play \(a limit")

    def test_serial(self, three: tuple[Path, ...]) -> None:
        run = playbook(PLAYS / "serial.yml", inventories=three)
        refused(run, r"agent02 could not be observed: it is in another batch: remove serial from the play")

    def test_strategy_free(self, three: tuple[Path, ...]) -> None:
        run = playbook(PLAYS / "free.yml", inventories=three)
        assert run.status not in (0, None) and run.changed() == {}
        assert re.search(r"bypasses? the host loop.*not supported in the free strategy", " ".join(run.output.split()))

    def test_a_file_that_is_not_utf8(self, three: tuple[Path, ...], tmp_path: Path) -> None:
        """Refused by Ansible itself, before the role is asked."""
        variables = tmp_path / "variables.yml"
        variables.write_bytes(b"scaleio_sds: {engin\xffeering: {qe: [/dev/xvdf]}}\n")
        run = playbook(BOOK, "-e", f"@{variables}", inventories=three)
        assert run.status != 0 and run.results == []
        assert "'utf-8' codec can't" in run.output, run.output

    def test_two_masters(self, three: tuple[Path, ...]) -> None:
        hosts = three[0]
        hosts.write_text(re.sub(r"    m3:.*\n(      .*\n)*", "", hosts.read_text()))
        run = playbook(BOOK, inventories=three)
        refused(run, rf"2 Mesos masters are declared \(http://{address('m1')}:5050, http://{address('m2')}:5050\)")

    def test_no_such_group(self, three: tuple[Path, ...]) -> None:
        run = playbook(BOOK, inventories=three, variables={"scaleio_group": "mesos_agent"})
        refused(run, r"the group of members is empty or unknown, so there is nothing to plan")

    def test_no_such_cluster(self, three: tuple[Path, ...]) -> None:
        run = playbook("holdfast.stateful.plan", inventories=three, variables={"cluster": "other"})
        refused(run, r"there is no cluster other; the inventory has scaleio")

    def test_cluster_is_no_name(self, three: tuple[Path, ...]) -> None:
        """A cluster's name is a part of file names on every member."""
        for value, sentence in (
            (["a"], r"scaleio_cluster must be a text, and this is a list: \['a'\]"),
            ("../a", r"scaleio_cluster is '\.\./a'; files are named after it"),
        ):
            run = playbook(BOOK, inventories=three, variables={"scaleio_cluster": value})
            refused(run, sentence)

    def test_no_leader(self, three: tuple[Path, ...]) -> None:
        stopped = ("m1", "m2")
        for master in stopped:
            on(master, "systemctl", "stop", "mesos-master")
        try:
            until(lambda: not knows_a_leader("m3"))
            run = playbook(BOOK, inventories=three)
            refused(run, r"the master http://\S+ knows no leader \(.*\); wait for an election, or look at ZooKeeper")
        finally:
            for master in stopped:
                on(master, "systemctl", "start", "mesos-master")
            all_back()

    def test_wrong_password(self, three: tuple[Path, ...], guarded_masters: str) -> None:
        """Refused without a password, refused with a wrong one; with the right one the plan is made."""
        run = playbook(BOOK, inventories=three)
        refused(run, r"the master http://\S+ answers 401: it wants a user and a password, and none were given")
        known = {"scaleio_master_username": "holdfast", "scaleio_master_password": "wrong"}
        run = playbook(BOOK, inventories=three, variables=known)
        refused(run, r"the master http://\S+ answers 401: it refuses the password of the user 'holdfast'; correct them")
        known["scaleio_master_password"] = guarded_masters
        run = playbook(BOOK, "--check", inventories=three, variables=known).expect(0)
        assert sorted(run.changed()) == ["agent01", "agent02", "agent04"]
