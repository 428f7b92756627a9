# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The modules by themselves, masters that want a password or speak TLS, and where a password does not show."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.harness import (
    MASTERS,
    Run,
    address,
    agents_at_master,
    declaring,
    few,
    hashes,
    lab,
    on,
    playbook,
    registered,
    restart_masters,
    started_with,
    tree,
    until,
)
from tests.lab.planted import around, polled, shown_on

BOOK = "holdfast.stateful.scaleio_imperative"
PLAYS = Path(__file__).parent / "plays"


@pytest.fixture(scope="module", autouse=True)
def fresh() -> None:
    lab("reset")


def agent_ids() -> dict[str, str]:
    """Host name -> ID of the active agents."""
    return {agent["hostname"]: agent["id"] for agent in agents_at_master() if agent["active"]}


# -- attributes that no role owns ----------------------------------------------------------------------------------------


def test_attributes_are_set_and_removed(tmp_path: Path) -> None:
    """agent01 is reconfigured by the rule ``equal``, agent02 by ``additive``."""
    agents = ("agent01", "agent02")
    inventories = few(tmp_path, *agents)
    on("agent02", "sh", "-c", "echo additive > /etc/mesos-slave/reconfiguration_policy; systemctl restart mesos-slave")
    until(lambda: len(started_with("agent02")) == 2 and set(agents) <= set(registered()))
    ids, before = agent_ids(), hashes(*agents)
    wanted = {"attributes": {"rack": "r1", "slots": 7, "ports": "[1-10]"}}

    def run(*arguments: str, **more: object) -> Run:
        return playbook(
            PLAYS / "attributes.yml", *arguments, inventories=inventories, variables={**wanted, **more}
        ).expect(0)

    predicted = run("--check")
    assert hashes(*agents) == before
    done = run()
    assert predicted.changed() == done.changed() == dict.fromkeys(agents, 1)
    assert predicted.actions() == done.actions()
    assert [line for line in done.actions()["agent01"] if line.startswith("write ")] == [
        "write /etc/mesos-slave/attributes/rack: r1",
        "write /etc/mesos-slave/attributes/slots: 7",
        "write /etc/mesos-slave/attributes/ports: [1-10]",
    ]
    results = done.of("mesos_agent_attributes")
    assert {host: results[host]["restart"]["kind"] for host in agents} == {
        "agent01": "new_agent_id",
        "agent02": "additive",
    }
    now = agent_ids()
    assert now["agent01"] != ids["agent01"] and now["agent02"] == ids["agent02"]
    for host in agents:
        assert "--attributes=ports:[1-10];rack:r1;slots:7" in started_with(host)[-1]
        assert registered()[host] == {"rack": "r1", "slots": 7, "ports": "[1-10]"}
        assert tree(host) == {"rack": b"r1\n", "slots": b"7\n", "ports": b"[1-10]\n"}

    starts = {host: len(started_with(host)) for host in agents}
    assert run().changed() == run("--check").changed() == {}
    assert {host: len(started_with(host)) for host in agents} == starts

    wanted["attributes"] = {"slots": "", "ports": ""}
    predicted, done = run("--check", state="absent"), run(state="absent")
    assert predicted.actions() == done.actions()
    assert done.changed() == dict.fromkeys(agents, 1)
    for host in agents:
        assert registered()[host] == {"rack": "r1"}
        assert tree(host) == {"rack": b"r1\n"}
    assert run(state="absent").changed() == run("--check", state="absent").changed() == {}


REFUSED = [
    ({"scaleio-sds-domains": "a"}, r"belongs to the scaleio role; declare scaleio_sds and scaleio_sdc instead"),
    ({"a:b": "x"}, r"the attribute name 'a:b' contains ':'"),
    ({"a;b": "x"}, r"the attribute name 'a;b' contains ';'"),
    ({"../a": "x"}, r"the attribute name '\.\./a' contains '/'"),
    ({"": "x"}, r"the attribute name is empty"),
    ({"rack~": "x"}, r"the attribute name 'rack~' contains '~'"),
    ({"rack.bak": "x"}, r"the attribute name 'rack\.bak' is that of a backup"),
    ({"a": "nan"}, r"the value 'nan' makes the agent abort .*NaN not supported"),
    ({"a": "-1"}, r"the value '-1' makes the agent abort .*Negative values not supported"),
    ({"a": "inf"}, r"the value 'inf' makes the agent abort .*Infinite values not supported"),
    ({"a": "[1-"}, r"the value '\[1-' makes the agent abort \(Mismatched brackets\)"),
    ({"a": "{x}"}, r"the value '\{x\}' makes the agent abort \(Bad type"),
    ({"a": "one;b:two"}, r"the value 'one;b:two' contains ';'"),
    ({"a": "one\ntwo"}, r"contains a newline, write it without"),
    ({"a": ""}, r"the value '' is empty once Mesos has removed its spaces"),
    ({"a": ["x"]}, r"the value of a must be a text, a number or ranges, and is a list"),
    ({"a": {"x": 1}}, r"the value of a must be a text, a number or ranges, and is a dict"),
    ({"a": True}, r"the value of a must be a text, a number or ranges, and is a bool"),
    ({"a": None}, r"the value of a must be a text, a number or ranges, and is a NoneType"),
]


def test_bad_attributes_are_refused(tmp_path: Path) -> None:
    """Each one on one of three hosts."""
    hosts = ("agent04", "agent06", "agent08")
    given = {host: REFUSED[number :: len(hosts)] for number, host in enumerate(hosts)}
    attempts = {host: {"attempts": [attempt for attempt, _sentence in cases]} for host, cases in given.items()}
    before = hashes(*hosts)
    run = playbook(
        PLAYS / "bad_attributes.yml", inventories=(*few(tmp_path, *hosts), declaring(tmp_path, **attempts))
    ).expect(0)
    assert hashes(*hosts) == before
    for host, tried in run.of("mesos_agent_attributes", "failed").items():
        for (attempt, sentence), result in zip(given.pop(host), tried["results"], strict=True):
            assert result["failed"] and not result["changed"], attempt
            assert "nothing was changed" in result["msg"], (attempt, result["msg"])
            assert re.search(sentence, result["msg"]), (attempt, result["msg"])
    assert given == {}


def test_work_is_named_before_it_is_lost(tmp_path: Path) -> None:
    inventories = few(tmp_path, "agent04")
    plant = "mesos-simulator-plant"
    on("agent04", plant, "framework", "--name", "marathon", "--task", "web.1", "--checkpoint")
    on("agent04", plant, "volume", "--id", "orders")
    ids, before = agent_ids(), hashes("agent04")
    wanted: dict[str, object] = {"attributes": {"rack": "r1"}}
    book = PLAYS / "attributes.yml"
    refused = playbook(book, inventories=inventories, variables=wanted).expect(2)
    said = refused.failures()["agent04"]
    for label in ("framework:marathon", "volume:orders", "reservation:"):
        assert label in said, said
    assert "name each of them in allow_work_loss" in said
    assert hashes("agent04") == before and refused.changed() == {}
    labels = sorted(set(re.findall(r"(?:framework|volume|reservation):[^\s,;]+", said)))
    # One of them left out is not enough.
    wanted["allow_work_loss"] = labels[:-1]
    playbook(book, inventories=inventories, variables=wanted).expect(2)
    assert hashes("agent04") == before
    wanted["allow_work_loss"] = labels
    done = playbook(book, inventories=inventories, variables=wanted).expect(0)
    assert all(label in " ".join(done.actions()["agent04"]) for label in labels)
    assert agent_ids()["agent04"] != ids["agent04"]
    assert registered()["agent04"] == {"rack": "r1"}


def test_looking_changes_nothing(tmp_path: Path) -> None:
    agents = ("agent03", "agent17")
    inventories = few(tmp_path, *agents)
    before = hashes(*agents)
    run = playbook(PLAYS / "look.yml", inventories=inventories).expect(0)
    assert hashes(*agents) == before and run.changed() == {}
    known = run.of("mesos_agent_info")
    agent, master = known["agent03"]["agent"], known["agent03"]["master"]
    assert agent["packaging"] == "mesosphere" and agent["config_dir"] == "/etc/mesos-slave"
    assert agent["running"]["agent_id"] == agent["checkpoint"]["agent_id"] == agent_ids()["agent03"]
    assert [entry["id"] for entry in master["agents"]] == [agent_ids()["agent03"]]
    spare = known["agent17"]["agent"]
    assert spare["running"] is None and spare["checkpoint"]["agent_id"] is None
    assert spare["unit"]["active"] == "inactive"
    node = run.of("scaleio_node_info")["agent03"]["observation"]
    disks = {disk["path"]: disk for disk in node["devices"]}
    assert sorted(disks) == ["/dev/xvda", "/dev/xvdf", "/dev/xvdh"]
    assert disks["/dev/xvdf"]["free"] and disks["/dev/xvdf"]["taken"] and disks["/dev/xvdf"]["size_bytes"] == 2 << 40
    assert (
        not disks["/dev/xvdh"]["free"]
        and not disks["/dev/xvdh"]["taken"]
        and disks["/dev/xvdh"]["signatures"] == ["ext4"]
    )
    assert node["wanted"]["layout"]["sds"] == [["engineering", [["qe", [["select", "[?free].path", 1]]]]]]
    assert node["wanted"]["errors"] == []


# -- masters behind TLS --------------------------------------------------------------------------------------------------


def openssl(*arguments: str, folder: Path) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def tls_masters(tmp_path: Path) -> Iterator[str]:
    """Masters that speak TLS, with certificates of an authority made here; agent08 has the authority's, at the value."""
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        "req",
        "-x509",
        *new_key,
        "-subj",
        "/CN=lab",
        "-days",
        "2",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
        folder=tmp_path,
    )
    settings = "\n".join(
        f"LIBPROCESS_SSL_{name}"
        for name in (
            "ENABLED=true",
            "SUPPORT_DOWNGRADE=true",
            "KEY_FILE=/etc/mesos-lab-key.pem",
            "CERT_FILE=/etc/mesos-lab-certificate.pem",
        )
    )
    for master in MASTERS:
        request = ("-subj", f"/CN={master}", "-keyout", f"{master}.key", "-out", f"{master}.csr")
        openssl("req", "-new", *new_key, *request, folder=tmp_path)
        (tmp_path / "names").write_text(f"subjectAltName=IP:{address(master)},DNS:{master}")
        signing = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        openssl("x509", "-req", "-in", f"{master}.csr", *signing, "-out", f"{master}.pem", folder=tmp_path)
        on(master, "sh", "-c", "cat > /etc/mesos-lab-key.pem", data=(tmp_path / f"{master}.key").read_text())
        on(master, "sh", "-c", "cat > /etc/mesos-lab-certificate.pem", data=(tmp_path / f"{master}.pem").read_text())
        on(master, "cp", "/etc/default/mesos-master", "/var/tmp/mesos-master.before")
        on(master, "sh", "-c", "cat >> /etc/default/mesos-master", data=f"\n{settings}\n")
    on("agent08", "sh", "-c", "cat > /var/tmp/lab-ca.pem", data=(tmp_path / "ca.pem").read_text())
    restart_masters()
    yield "/var/tmp/lab-ca.pem"
    for master in MASTERS:
        on(master, "sh", "-c", "cp /var/tmp/mesos-master.before /etc/default/mesos-master; rm /etc/mesos-lab-*.pem")
    on("agent08", "rm", "/var/tmp/lab-ca.pem")
    restart_masters()


def test_masters_behind_tls(tmp_path: Path, tls_masters: str) -> None:
    inventories = few(tmp_path, "agent08")
    before = hashes("agent08")
    variables = {"scaleio_master_scheme": "https"}
    refused = playbook(BOOK, inventories=inventories, variables=variables).expect(2)
    said = refused.failures()["agent08"]
    assert re.search(
        r"the certificate is not trusted \(GET https://\S+:5050/slaves\): unable to get local issuer certificate",
        said,
        re.IGNORECASE,
    ), said
    assert hashes("agent08") == before
    trusting = {**variables, "scaleio_master_ca_file": tls_masters}
    assert playbook(BOOK, "--check", inventories=inventories, variables=trusting).expect(0).changed() == {"agent08": 1}
    careless = {**variables, "scaleio_master_validate_certs": False}
    assert playbook(BOOK, "--check", inventories=inventories, variables=careless).expect(0).changed() == {"agent08": 1}
    playbook(BOOK, inventories=inventories, variables=trusting).expect(0)
    assert registered()["agent08"]["scaleio-sds-qe"] == "/dev/xvdf"
    assert playbook(BOOK, inventories=inventories, variables=trusting).expect(0).changed() == {}


# -- masters that want a password, and where it does not show ------------------------------------------------------------


def test_a_password_shows_nowhere(tmp_path: Path, guarded_masters: str) -> None:
    wrong, canary = "planted-wrong-5e1f0c", "planted-canary-77ab01"
    inventories = few(tmp_path, "agent06", "agent09")
    known = tmp_path / "known.yml"
    known.touch(mode=0o600)
    runs = []
    with polled(guarded_masters, wrong) as watch:
        for password, status in ((wrong, 2), (guarded_masters, 0), (guarded_masters, 0)):
            known.write_text(json.dumps({"scaleio_master_username": "holdfast", "scaleio_master_password": password}))
            runs.append(playbook(BOOK, "-vvv", "--diff", "-e", f"@{known}", inventories=inventories).expect(status))
    assert "it refuses the password of the user 'holdfast'" in runs[0].failures()["agent06"]
    assert runs[1].changed() == {"agent06": 1, "agent09": 1} and runs[2].changed() == {}
    assert watch.found == set()
    for run in runs:
        for secret in (guarded_masters, wrong):
            assert secret not in run.output, around(run.output, secret)
            assert secret not in json.dumps(run.results), around(json.dumps(run.results), secret)
    for host in ("agent06", "agent09", *MASTERS):
        assert shown_on(host, guarded_masters, wrong) == []

    # Control: each of these looks would have found it.
    on("agent06", "sh", "-c", f"echo {canary} > /var/tmp/canary; chmod 644 /var/tmp/canary; logger {canary}")
    with polled(canary) as watch:
        on("agent06", "sh", "-c", f"sleep 0.5; : {canary}")
    assert watch.found == {canary.encode()}
    until(lambda: {f"/var/tmp/canary {canary}", f"journal {canary}"} <= set(shown_on("agent06", canary)), 5)
