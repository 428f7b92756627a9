# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one host that talks to Marathon, scheduler, leading master and gateway: what it asks, what it does, what it tells."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core import identity, web
from ansible_collections.holdfast.stateful.plugins.module_utils._core.convergence import Condition, Plan, Step
from ansible_collections.holdfast.stateful.plugins.module_utils._core.web import ANONYMOUS
from ansible_collections.holdfast.stateful.plugins.module_utils._marathon.model import differences
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.act import act_on_services
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.framework_app import normalise
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.heal_plan import plan_heal
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.plan import plan_cluster
from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.services import (
    Services,
    ServicesHands,
    observe_services,
)
from ansible_collections.holdfast.stateful.plugins.plugin_utils.selection import select
from ansible_collections.holdfast.stateful.tests.unit.fake_machine import Died, FakeMachine
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.marathon.live_marathon import (
    URL as MARATHON,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.marathon.live_marathon import (
    LiveMarathon,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.fake_gateway import (
    PASSWORD,
    FakeGateway,
    refusal,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.fake_gateway import (
    URL as GATEWAY,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.framework_answers import (
    VERSION,
    a_framework,
    a_node,
    a_state,
)
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import MASTERS, QE, disk
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.services_view import (
    FRONT,
    SCHEDULER,
    address,
    app_of,
    bare,
    front,
    held,
    member,
    name,
    new,
    params,
)

APP = "/scaleio-scheduler"
LEADER = MASTERS[0]


class Everything(FakeGateway, LiveMarathon):
    """A host that reaches a gateway, a Marathon, masters and a scheduler. m1 leads and knows agent01.

    :ivar asked: every request as ``METHOD address``, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.lead()

    def fetch(
        self,
        url: str,
        *,
        method: str = "GET",
        body: Any = None,
        media_type: str = "application/json",
        credentials: web.Credentials = web.ANONYMOUS,
        deadline: float = 5.0,
    ) -> web.Answer:
        self.asked.append(f"{method} {url}")
        said: dict[str, Any] = {"method": method, "body": body, "media_type": media_type, "credentials": credentials}
        if url.startswith("https://10.0.0.40/"):
            return FakeGateway.fetch(self, GATEWAY + url[len("https://10.0.0.40") :], **said)
        if url.startswith(MARATHON):
            return LiveMarathon.fetch(self, url, **said)
        return FakeMachine.fetch(self, url, **said)

    # -- what the test says ---------------------------------------------------------------------------------------

    def lead(self, *agents: dict[str, Any], frameworks: int = 0, leader: str = LEADER) -> None:
        """A master leads, with these agents (agent01 when none is named) and so many frameworks."""
        listed = {"slaves": list(agents or [an_agent(1)]), "recovered_slaves": []}
        shown = [a_framework(number + 1, hostname="agent01") for number in range(frameworks)]
        for master in MASTERS:
            to = {"Location": f"//{leader[len('http://') :]}/slaves"}
            if master == leader:
                self.http(f"{master}/slaves", json=listed, replace=True)
                self.http(f"{master}/frameworks", json={"frameworks": shown, "completed_frameworks": []}, replace=True)
            else:
                self.http(f"{master}/slaves", status=307, headers=to, replace=True)

    def know(self, *nodes: dict[str, Any], url: str = SCHEDULER) -> None:
        """The scheduler answers, and knows these nodes."""
        self.http(f"{url}/version", json=VERSION, replace=True)
        self.http(f"{url}/api/state", json=a_state(*nodes, password=PASSWORD), replace=True)

    def run_framework(self, *, master: str = "m1:5050", **said: Any) -> None:
        """The app stands there and runs, agent01 is in its final state."""
        declared = app_of(normalise(params(**said)), master)
        env = {**declared.fields.get("env", {}), "ADMIN_PASSWORD": PASSWORD}
        self.put(APP, **{**declared.fields, "env": env})
        self.know(a_host(1))
        self.lead(frameworks=1)

    def put(self, kind: str, /, **fields: Any) -> Any:
        """An object of the gateway, or an app of Marathon."""
        return (LiveMarathon if kind.startswith("/") else FakeGateway).put(self, kind, **fields)

    def contribute(self, number: int = 1) -> None:
        """The article's contribution of a host stands at the gateway."""
        objects = self.objects["ProtectionDomain"]
        domain = next(iter(objects), None) or self.put("ProtectionDomain", name="engineering")
        pool = next(iter(self.objects["StoragePool"]), None) or self.put(
            "StoragePool", name="qe", protectionDomainId=domain
        )
        ips = [{"SdsIp": {"ip": address(number), "role": "all"}}]
        sds = self.put("Sds", name=f"sds_{address(number)}", sdsIpList=ips, protectionDomainId=domain)
        path = {"name": "/dev/xvdf", "deviceCurrentPathname": "/dev/xvdf", "testMode": "testAndActivate"}
        self.put("Device", storagePoolId=pool, sdsId=sds, **path)


def services(machine: Everything, masters: Sequence[str] = MASTERS, **said: Any) -> Services:
    return Services(machine, params(**{"password": PASSWORD, **said}), masters, ANONYMOUS)


def an_agent(number: int, attributes: Mapping[str, str] | None = None, *, active: bool = True) -> dict[str, Any]:
    """An entry of ``/slaves``."""
    return {
        "id": f"S{number}",
        "hostname": name(number),
        "pid": f"slave(1)@{address(number)}:5051",
        "port": 5051,
        "active": active,
        "attributes": dict(attributes or {"scaleio-sdc-domains": "engineering"}),
    }


def a_host(number: int, state: int = 1024, **changes: Any) -> dict[str, Any]:
    return a_node(number, state, QE, hostname=name(number), ipaddress=address(number), **changes)


def look(machine: Everything, **said: Any) -> dict[str, Any]:
    """What is observed; no word of it is a secret, and nothing has been changed."""
    machine.effects.clear()
    machine.asked.clear()
    found = observe_services(services(machine, **said))
    shown = json.dumps(found)
    assert PASSWORD not in shown and not any(token in shown for token in machine.tokens)
    assert machine.effects == [] and machine.calls == []
    assert not [line for line in machine.asked if not line.startswith("GET ")]
    return found


# -- looking ---------------------------------------------------------------------------------------------------------


def test_everything_is_asked_once() -> None:
    machine = Everything()
    machine.run_framework()
    machine.contribute()
    found = look(machine)
    assert list(found) == ["wanted", "marathon", "scheduler", "mesos_framework", "agents", "leader", "gateway"]
    assert [found[part]["error"] for part in ("marathon", "scheduler", "mesos_framework", "gateway")] == [None] * 4
    assert found["leader"] == "m1:5050"
    assert found["scheduler"]["url"] == SCHEDULER
    assert found["scheduler"]["password_matches"] is True
    declared = app_of(found["wanted"], "m1:5050").definition()
    assert differences(declared, found["marathon"]["app"]["definition"]) == {}
    assert [line for line in machine.asked if "10.0.0.40" not in line] == [
        f"GET {LEADER}/slaves",
        f"GET {LEADER}/frameworks",
        f"GET {LEADER}/slaves",
        # Twice: whom the app subscribes at decides what is declared, and that decides what may be shown.
        f"GET {MARATHON}/v2/apps{APP}",
        f"GET {MARATHON}/v2/apps{APP}",
        f"GET {SCHEDULER}/version",
        f"GET {SCHEDULER}/api/state",
    ]


def test_before_the_first_start() -> None:
    machine = Everything()
    found = look(machine)
    assert found["marathon"]["app"] is None
    assert "-uri=m1:5050 " in found["marathon"]["declared"]["fields"]["cmd"]
    assert found["scheduler"]["nodes"] is None
    assert not [line for line in machine.asked if "31000" in line]
    assert machine.clock == 0


@pytest.mark.parametrize(
    ("master", "expected"),
    [("m2:5050", "m2:5050"), ("10.9.9.9:5050", "m1:5050")],
    ids=["one that is declared stays", "one that is not gives way to the leading one"],
)
def test_an_app_keeps_its_master_if_that_is_declared(master: str, expected: str) -> None:
    machine = Everything()
    machine.run_framework(master=master)
    found = look(machine)
    assert f"-uri={expected} " in found["marathon"]["declared"]["fields"]["cmd"]
    assert f"-uri={master} " in found["marathon"]["app"]["definition"]["cmd"]


def test_an_app_named_without_its_slash_is_the_same_app() -> None:
    machine = Everything()
    machine.run_framework()
    found = look(machine, app="scaleio-scheduler")
    assert found["wanted"]["app"] == APP
    assert found["marathon"]["app"]["id"] == APP


def test_another_password_in_force_is_told_without_either() -> None:
    machine = Everything()
    machine.run_framework()
    machine.apps[APP]["env"]["ADMIN_PASSWORD"] = "the old one"
    found = look(machine)
    assert found["marathon"]["app"]["definition"]["env"] == {"ADMIN_PASSWORD": "******** (another text)"}
    assert "the old one" not in json.dumps(found)


def test_what_is_declared_wrongly_is_told_beside_what_is_seen() -> None:
    machine = Everything()
    machine.run_framework()
    found = look(machine, mdms={})
    assert len(found["wanted"]["errors"]) == 3
    assert found["marathon"]["declared"] is None
    assert found["marathon"]["app"]["id"] == APP
    assert found["gateway"]["error"] is None


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"marathons": []}, "no Marathon is declared -- name its URLs, like http://10.0.0.11:8080"),
        ({"env": {"X": PASSWORD}}, "the app was refused, nothing was changed (env): contains the value of the secret"),
    ],
    ids=["no Marathon", "the password in a variable that everybody can read"],
)
def test_input_that_only_marathon_judges(said: dict[str, Any], sentence: str) -> None:
    found = observe_services(services(Everything(), **said))
    assert [error for error in found["wanted"]["errors"] if error.startswith(sentence)], found["wanted"]["errors"]
    assert found["marathon"] == {"error": None, "app": None, "declared": None}


def test_every_service_that_is_down_is_told_by_itself() -> None:
    machine = Everything()
    machine.silent = "Connection refused"
    machine.down = {MARATHON}
    for master in MASTERS:
        machine.http(f"{master}/slaves", error="Connection refused", replace=True)
    found = observe_services(services(machine))
    assert found["mesos_framework"]["error"] and found["agents"] is None and found["leader"] == ""
    assert found["gateway"]["error"].startswith("ScaleIO gateway: no answer")
    assert found["marathon"]["error"].startswith("Marathon: no answer")
    assert found["marathon"]["declared"] is None
    assert PASSWORD not in json.dumps(found)


def test_a_scheduler_that_has_just_started_is_given_a_moment() -> None:
    machine = Everything()
    machine.run_framework()
    machine.lead(frameworks=0)
    machine.http(f"{SCHEDULER}/version", error="Connection refused", replace=True)
    machine.after(1.0, lambda: machine.know(a_host(1)))
    machine.after(2.0, lambda: machine.lead(frameworks=1))
    found = look(machine)
    assert found["mesos_framework"]["registered"] and found["scheduler"]["nodes"]
    assert 2.0 <= machine.clock <= 2.5


@pytest.mark.parametrize("answers", [True, False])
def test_a_scheduler_that_has_lost_its_master_is_not_waited_for(answers: bool) -> None:
    machine = Everything()
    machine.run_framework()
    machine.lead(frameworks=0)
    if not answers:
        machine.http(f"{SCHEDULER}/version", error="Connection refused", replace=True)
    found = look(machine)
    assert found["mesos_framework"]["registered"] is None
    assert (found["scheduler"]["nodes"] is not None) is answers
    assert machine.clock == 5.0


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ({}, "https://10.0.0.40"),
        ({"gateway_port": 8443}, "https://10.0.0.40:8443"),
        ({"gateway_address": "fd00::40"}, "https://[fd00::40]"),
    ],
)
def test_the_address_of_the_gateway(said: dict[str, Any], url: str) -> None:
    settings = services(Everything(), **said).gateway()
    assert settings.url == url
    assert (settings.credentials.username, settings.credentials.password) == ("admin", PASSWORD)
    assert (settings.system_name, settings.system_id) == ("scaleio", "")


RUNS = {"state": "TASK_RUNNING", "host": "agent01", "ports": [31000]}


@pytest.mark.parametrize(
    ("tasks", "agents", "url"),
    [
        pytest.param([RUNS], [("agent01", "10.0.0.11", True)], SCHEDULER, id="by the agent's address"),
        pytest.param([RUNS], [("agent01", "10.0.0.11", False)], "http://agent01:31000", id="an agent that is gone"),
        pytest.param([RUNS], [("agent01", "fd00::1", True)], "http://[fd00::1]:31000", id="IPv6"),
        pytest.param([{**RUNS, "state": "TASK_STAGING"}], [], "", id="not yet"),
        pytest.param([{**RUNS, "ports": []}], [], "", id="without a port"),
        pytest.param([], [], "", id="nobody"),
    ],
)
def test_where_the_scheduler_answers(tasks: list[Any], agents: list[tuple[str, str, bool]], url: str) -> None:
    listed = [{"hostname": host, "ip": ip, "active": active} for host, ip, active in agents]
    assert services(Everything()).scheduler_url({"tasks": tasks}, listed) == url
    assert services(Everything()).scheduler_url(None, listed) == ""


# -- acting ----------------------------------------------------------------------------------------------------------


def planned(machine: Everything, *members: Mapping[str, Any], **said: Any) -> Plan:
    plan = plan_cluster("scaleio", [front(look(machine, **said)), *members], select)
    assert not plan.refused, plan.refused
    return plan


def act(machine: Everything, steps: Sequence[Step], **said: Any) -> dict[str, Any]:
    """Carry steps out; they have come as text, and no secret is in what comes back."""
    machine.effects.clear()
    steps = [Step.from_json(json.loads(json.dumps(step.to_json()))) for step in steps]
    run = identity.Run("p1", {}, 1, 1, (FRONT,), ())
    result = act_on_services(
        machine, ServicesHands(services(machine, **said)), steps, run, cluster="scaleio", member=FRONT
    )
    shown = json.dumps(result)
    assert PASSWORD not in shown and not any(token in shown for token in machine.tokens)
    assert not [path for path, content in FakeMachine.tree(machine, "/var").items() if PASSWORD in content]
    return result


def framework_phase(plan: Plan) -> tuple[Step, ...]:
    return next(phase for phase in plan.phases if phase.name == "the framework").steps[FRONT]


def carried_out(machine: Everything) -> list[str]:
    return [line for line in machine.effects if not line.startswith("write /var/lib/holdfast/")]


def test_the_first_start_to_its_end() -> None:
    machine = Everything()
    steps = framework_phase(planned(machine, new(1)))
    assert [step.kind for step in steps] == ["create_app", "await_nodes", "await_gateway"]
    machine.http(f"{SCHEDULER}/version", error="Connection refused")
    machine.after(3.0, lambda: machine.lead(frameworks=1))
    machine.after(3.0, lambda: machine.know(a_host(1, 5)))
    machine.after(5.0, lambda: machine.know(a_host(1)))
    machine.after(6.0, machine.contribute)
    result = act(machine, steps)
    assert "msg" not in result, result["msg"]
    assert result["changed"] is True
    assert result["gateway"]["domains"]["engineering"]["pools"]["qe"]["devices"][address(1)][0]["path"] == "/dev/xvdf"
    assert carried_out(machine) == ["POST /v2/apps"]
    (posted,) = [body for method, url, body in machine.requests if method == "POST" and url.startswith(MARATHON)]
    assert posted["env"] == {"ADMIN_PASSWORD": PASSWORD}
    assert PASSWORD not in json.dumps({key: value for key, value in posted.items() if key != "env"})
    assert planned(machine, member(1)).phases == ()


def restarting(machine: Everything) -> tuple[Step, ...]:
    """The steps of a run that restarts the scheduler, which knows agent01 without attributes."""
    machine.run_framework()
    machine.contribute()
    machine.know(a_node(1, 1024, None, hostname=name(1), ipaddress=address(1)))
    steps = framework_phase(planned(machine, member(1)))
    assert [step.kind for step in steps] == ["restart_app", "await_nodes", "await_gateway"]
    return steps


def test_a_restart() -> None:
    machine = Everything()
    steps = restarting(machine)
    machine.know(a_host(1))
    result = act(machine, steps)
    assert "msg" not in result, result["msg"]
    assert carried_out(machine) == [f"POST /v2/apps{APP}/restart"]
    assert planned(machine, member(1)).phases == ()


def test_somebody_who_came_up_bare_meanwhile_stops_the_start() -> None:
    machine = Everything()
    steps = framework_phase(planned(machine, new(1)))
    machine.lead(an_agent(1), an_agent(66, {"rack": "r9"}), an_agent(67, {"rack": "r9"}, active=False))
    result = act(machine, steps)
    assert result["msg"].startswith(
        "the host is not as it was when this was planned, so this was not done: create the app /scaleio-scheduler in Marathon, with"
        " 1 instance (bare_strangers): ['agent66'] where [] was expected (within)"
    )
    assert result["changed"] is False and carried_out(machine) == []


def test_a_scheduler_that_was_started_anew_meanwhile_is_not_started_again() -> None:
    machine = Everything()
    steps = restarting(machine)
    machine.tasks[APP][0]["id"] = "task-99"
    result = act(machine, steps)
    assert "(app.taskIds): ['task-99'] where" in result["msg"]
    assert carried_out(machine) == []


def test_an_app_that_somebody_has_created_meanwhile_stays_as_it_is() -> None:
    machine = Everything()
    steps = framework_phase(planned(machine, new(1)))
    machine.put(APP, cmd="sleep 1")
    assert "(app.id): '/scaleio-scheduler' where None was expected" in act(machine, steps)["msg"]
    assert carried_out(machine) == []


def test_a_spinning_scheduler_is_sent_to_the_new_leader() -> None:
    """Also where a flag has a word that is hidden from those who have not declared this very command."""
    machine = Everything()
    flags = {"scaleio.ubuntu14.sds": "http://mirror/sds.deb?token=abc"}
    machine.run_framework(flags=flags)
    machine.contribute()
    machine.lead(frameworks=0, leader=MASTERS[1])
    steps = framework_phase(planned(machine, member(1), flags=flags))
    assert [step.kind for step in steps] == ["update_app", "await_nodes", "await_gateway"]
    machine.after(1.0, lambda: machine.lead(frameworks=1, leader=MASTERS[1]))
    result = act(machine, steps, flags=flags)
    assert "msg" not in result, result["msg"]
    assert "-uri=m2:5050 " in machine.apps[APP]["cmd"]
    assert planned(machine, member(1), flags=flags).phases == ()


def test_an_app_that_somebody_has_changed_meanwhile_is_not_changed_further() -> None:
    machine = Everything()
    machine.run_framework()
    machine.contribute()
    machine.lead(frameworks=0, leader=MASTERS[1])
    steps = framework_phase(planned(machine, member(1)))
    machine.apps[APP]["version"] = "another"
    assert "(app.version): 'another' where" in act(machine, steps)["msg"]
    assert carried_out(machine) == []


def test_a_start_whose_end_was_not_seen_counts_as_done() -> None:
    machine = Everything()
    machine.fails = True
    steps = framework_phase(planned(machine, new(1)))
    result = act(machine, steps)
    assert result["changed"] is True
    assert result["actions"] == [steps[0].sentence]
    assert "was not running as declared after 900 s" in result["msg"]
    assert "Command exited with status 1" in result["msg"]


def test_another_run_on_the_cluster_changes_nothing() -> None:
    machine = Everything()
    steps = framework_phase(planned(machine, new(1)))
    other = {**identity.Run("p9", {}, 1, 2, (FRONT,)).to_json(), "state": "acting", "at": machine.time()}
    machine.file(identity.claim_path("scaleio", "scaleio"), json.dumps(other))
    result = act(machine, steps)
    assert result["msg"].startswith("another run acts on the cluster scaleio")
    assert result["changed"] is False and carried_out(machine) == []


# -- waiting ---------------------------------------------------------------------------------------------------------


def await_nodes(*hosts: str, timeout: float = 120.0) -> Step:
    return Step("await_nodes", "wait for the nodes", {"hosts": list(hosts), "timeout": timeout}, effect=False)


def await_gateway(*numbers: int, ip: str | None = None, timeout: float = 20.0) -> Step:
    declared = {
        name(number): {"ip": address(number) if ip is None else ip, "hostname": name(number), "provides": QE}
        for number in numbers
    }
    return Step("await_gateway", "wait for the gateway", {"declared": declared, "timeout": timeout}, effect=False)


def test_a_master_that_fails_over_while_nodes_are_waited_for() -> None:
    """Its scheduler answers for ever, and does nothing any more."""
    machine = Everything()
    machine.run_framework()
    machine.know(a_host(1, 6))
    machine.after(5.0, lambda: machine.lead(frameworks=0, leader=MASTERS[1]))
    result = act(machine, [await_nodes(name(1), timeout=900.0)])
    assert result["msg"] == (
        "the leading master does not know the framework, so its scheduler does nothing (http://10.0.0.11:31000): not within 30 s --"
        " look into the scheduler's log; where it has lost its master, run again, which restarts its app while this was done: wait for"
        " the nodes. Nothing was changed."
    )
    assert 35 <= machine.clock <= 38


def test_a_moment_without_a_leading_master_is_no_end() -> None:
    machine = Everything()
    machine.run_framework()
    machine.know(a_host(1, 6))
    for master in MASTERS:
        machine.http(f"{master}/slaves", error="Connection refused", replace=True)
    machine.after(4.0, lambda: machine.lead(frameworks=1))
    machine.after(6.0, lambda: machine.know(a_host(1)))
    assert "msg" not in act(machine, [await_nodes(name(1))])


def test_the_scheduler_may_move_while_it_is_waited_for() -> None:
    machine = Everything()
    machine.run_framework()
    machine.know(a_host(1, 6))
    machine.lead(an_agent(1), an_agent(2), frameworks=1)

    def move() -> None:
        machine.tasks[APP][0].update(id="task-2", host=name(2), ports=[31005])
        machine.know(a_host(1), url=f"http://{address(2)}:31005")

    machine.after(3.0, move)
    assert "msg" not in act(machine, [await_nodes(name(1))])


def test_an_app_that_is_removed_while_nodes_are_waited_for() -> None:
    machine = Everything()
    result = act(machine, [await_nodes(name(1))])
    assert result["msg"].startswith("the app /scaleio-scheduler is gone: somebody else has removed it")


def test_an_agent_that_had_never_run_has_its_address_from_the_leading_master() -> None:
    machine = Everything()
    machine.contribute(2)
    machine.lead(an_agent(2))
    result = act(machine, [await_gateway(2, ip="")])
    assert "msg" not in result, result["msg"]
    assert result["gateway"]["sds"][address(2)]["name"] == "sds_10.0.0.12"


def test_an_agent_whose_address_nobody_knows() -> None:
    machine = Everything()
    result = act(machine, [await_gateway(5, ip="")])
    assert result["msg"].startswith(
        "nobody knows the address of agent05 (agent05), by which the gateway names an SDS: the leading master shows no active agent of"
        " that host name -- run again"
    )


def test_what_never_comes_to_the_gateway_is_named() -> None:
    machine = Everything()
    machine.contribute(1)
    machine.lead(an_agent(1), an_agent(2))
    result = act(machine, [await_gateway(1, 2)])
    assert "not within 20 s: agent02 has no SDS sds_10.0.0.12 in engineering at the gateway;" in result["msg"]
    assert "gateway" not in result


@pytest.mark.parametrize("seconds", [0.0, 4.0])
def test_a_quiet_gateway_is_waited_for(seconds: float) -> None:
    machine = Everything()
    if seconds:
        machine.statistics["degradedHealthyCapacityInKb"] = 1000
        machine.after(seconds, lambda: machine.statistics.update(degradedHealthyCapacityInKb=0))
    step = Step("await_quiet", "wait for a quiet gateway", {"timeout": 60.0}, effect=False)
    result = act(machine, [step])
    assert result == {"changed": False, "actions": ["wait for a quiet gateway"], "diff": []}
    assert seconds <= machine.clock <= seconds + 1.5


def test_a_gateway_that_never_becomes_quiet() -> None:
    machine = Everything()
    machine.statistics["rebalanceCapacityInKb"] = 5
    result = act(machine, [Step("await_quiet", "wait for a quiet gateway", {"timeout": 10.0}, effect=False)])
    assert "a rebalance of 5.12 kB runs or waits" in result["msg"]


def test_a_leader_is_needed_to_tell_strangers() -> None:
    machine = Everything()
    for master in MASTERS:
        machine.http(f"{master}/slaves", error="Connection refused", replace=True)
    step = Step("restart_app", "restart it", {"app": APP}, (Condition(("bare_strangers",), [], "within"),))
    result = act(machine, [step])
    assert result["msg"].startswith("nobody can say which agents the framework would meet: ")
    assert carried_out(machine) == []


def test_a_bare_host_of_the_global_pool_is_no_stranger() -> None:
    machine = Everything()
    machine.lead(an_agent(1, {"rack": "r1"}))
    host = bare(1, devices=[])
    host["wanted"]["global_pool_devices"] = []
    steps = framework_phase(planned(machine, host))
    machine.after(3.0, lambda: machine.lead(an_agent(1, {"rack": "r1"}), frameworks=1))
    machine.know(a_node(1, 1024, None, hostname=name(1), ipaddress=address(1), advertised=True))
    assert "msg" not in act(machine, steps)


# -- healing ---------------------------------------------------------------------------------------------------------


def healing(machine: Everything, *members: Mapping[str, Any], create: bool = True) -> Plan:
    plan = plan_heal("scaleio", [{**front(look(machine)), "heal": {"create": create}}, *members], select)
    assert not plan.refused, plan.refused
    return plan


def mending(plan: Plan) -> tuple[Step, ...]:
    return tuple(step for phase in plan.phases for step in phase.steps.get(FRONT, ()))


CREATED = ["engineering", "qe", "sds_10.0.0.11", "/dev/xvdf"]


def test_what_was_given_up_is_created_in_order() -> None:
    machine = Everything()
    machine.run_framework()
    there = member(1, devices=[disk()])
    steps = mending(healing(machine, there))
    result = act(machine, steps)
    assert "msg" not in result, result["msg"]
    assert (result["changed"], result["actions"]) == (True, [step.sentence for step in steps])
    assert [item["after"].split()[0] for item in result["diff"]] == ["domain", "pool", "sds", "device"]
    assert [line.rpartition(" ")[2] for line in carried_out(machine) if line.startswith("create ")] == CREATED
    assert healing(machine, member(1)).phases == ()


@pytest.mark.parametrize("effects", range(1, 5))
def test_a_healing_that_dies_is_finished_by_the_next(effects: int) -> None:
    machine = Everything()
    machine.run_framework()
    steps = mending(healing(machine, member(1, devices=[disk()])))
    machine.effects.clear()
    # The claim is the first effect.
    machine.die_after = effects + 1
    with pytest.raises(Died):
        act(machine, steps)
    machine.survive()
    there = member(1, devices=[held() if effects == 4 else disk()])
    again = mending(healing(machine, there))
    assert [step.kind for step in again if step.effect] == [
        f"create_{what}" for what in ("domain", "pool", "sds", "device")[effects:]
    ]
    assert "msg" not in act(machine, again)
    assert healing(machine, member(1)).phases == ()


def test_what_the_gateway_refuses_again_is_told_with_what_was_done() -> None:
    machine = Everything()
    machine.run_framework()
    steps = mending(healing(machine, member(1, devices=[disk()])))
    machine.refuse["POST /api/types/Device/instances"] = [refusal(500, "Communication error", 69)]
    result = act(machine, steps)
    assert "the gateway refuses to create /dev/xvdf of sds_10.0.0.11 in the pool engineering/qe" in result["msg"]
    assert f"Done before that: {'; '.join(step.sentence for step in steps[:3])}." in result["msg"]
    assert result["changed"] is True


def test_healing_sends_a_spinning_scheduler_to_the_leading_master() -> None:
    machine = Everything()
    machine.run_framework()
    machine.contribute()
    machine.lead(frameworks=0, leader=MASTERS[1])
    steps = mending(healing(machine, member(1), create=False))
    assert [step.kind for step in steps] == ["update_app", "await_nodes"]
    machine.after(1.0, lambda: machine.lead(frameworks=1, leader=MASTERS[1]))
    result = act(machine, steps)
    assert "msg" not in result, result["msg"]
    assert "-uri=m2:5050 " in machine.apps[APP]["cmd"]
    assert healing(machine, member(1), create=False).phases == ()


# -- nodes that nobody takes on ----------------------------------------------------------------------------------------


def halting(machine: Everything) -> tuple[Step, ...]:
    """The steps of a healing where agent01 and agent02 stand in state 7."""
    machine.run_framework()
    machine.contribute(1)
    machine.contribute(2)
    machine.know(a_host(1, 7), a_host(2, 7))
    machine.lead(an_agent(1), an_agent(2), frameworks=1)
    steps = mending(healing(machine, member(1), member(2), create=False))
    assert [step.kind for step in steps] == ["release_nodes", "await_nodes"]
    return steps


def hear(machine: Everything, *after: dict[str, Any], **answer: Any) -> None:
    """The scheduler is told a state, and shows these nodes from then on."""
    said = answer or {"json": {"acknowledged": True}, "effect": lambda: machine.know(*after)}
    machine.http(f"{SCHEDULER}/api/node/state", method="POST", **said)


def heard(machine: Everything) -> list[Any]:
    return [body for method, url, body in machine.requests if (method, url) == ("POST", f"{SCHEDULER}/api/node/state")]


def test_a_node_that_halts_is_let_go_on_and_one_that_goes_on_by_itself_is_not() -> None:
    machine = Everything()
    steps = halting(machine)
    machine.after(6.0, lambda: machine.know(a_host(1, 7), a_host(2, 8)))
    hear(machine, a_host(1, 8), a_host(2, 8))
    machine.after(26.0, lambda: machine.know(a_host(1), a_host(2)))
    result = act(machine, steps)
    assert "msg" not in result, result["msg"]
    assert heard(machine) == [{"acknowledged": False, "executorid": "executor-scaleio-node1", "state": 8}]
    assert carried_out(machine) == [f"POST {SCHEDULER}/api/node/state"]
    assert result == {
        "changed": True,
        "actions": [
            "let those nodes go on that stay for 15 s where they are: state 8 in place of 7 for agent01, by which the framework takes these"
            " hosts as rebooted",
            steps[1].sentence,
        ],
        "diff": [
            {
                "before_header": "m1: the framework's nodes",
                "after_header": "m1: the framework's nodes",
                "before": "agent01: state 7\n",
                "after": "agent01: state 8\n",
            }
        ],
    }
    assert 21 <= machine.clock <= 28
    assert healing(machine, member(1), member(2), create=False).phases == ()


def test_the_plan_predicts_what_is_done() -> None:
    machine = Everything()
    steps = halting(machine)
    hear(machine, a_host(1, 8), a_host(2, 7))
    hear(machine, a_host(1), a_host(2))
    result = act(machine, steps)
    assert (result["actions"], result["changed"]) == ([step.sentence for step in steps], True)
    assert (result["diff"][0]["before"], result["diff"][0]["after"]) == (steps[0].before, steps[0].after)
    assert [body["executorid"][-5:] for body in heard(machine)] == ["node1", "node2"]


def test_nodes_that_all_go_on_by_themselves_are_no_change() -> None:
    machine = Everything()
    steps = halting(machine)
    machine.after(8.0, lambda: machine.know(a_host(1), a_host(2)))
    result = act(machine, steps)
    sentence = "no node stays where it waits for the others, so none had to be let go on"
    assert result == {"changed": False, "actions": [sentence, steps[1].sentence], "diff": []}
    assert heard(machine) == []


def test_another_scheduler_than_the_one_that_was_asked_is_told_nothing() -> None:
    machine = Everything()
    steps = halting(machine)
    shown = [a_framework(2, hostname="agent01")]
    machine.http(f"{LEADER}/frameworks", json={"frameworks": shown, "completed_frameworks": []}, replace=True)
    result = act(machine, steps)
    assert result["msg"].startswith(
        "the host is not as it was when this was planned, so this was not done: let those nodes go on"
    )
    assert "(framework): '75eecb2e" in result["msg"]
    assert (result["changed"], heard(machine)) == (False, [])


def test_what_was_let_go_on_before_an_error_is_told() -> None:
    machine = Everything()
    steps = halting(machine)
    hear(machine, a_host(1, 8), a_host(2, 7))
    hear(machine, status=400, text="Unable to find the Executor")
    result = act(machine, steps)
    assert (result["changed"], len(result["diff"])) == (True, 1)
    assert result["actions"] == [
        "let those nodes go on that stay for 15 s where they are: state 8 in place of 7 for agent01, by which the framework takes these"
        " hosts as rebooted"
    ]
    assert result["msg"].startswith("the scheduler does not take state 8 of executor-scaleio-node2 (POST ")
    assert result["msg"].endswith(f"Done before that: {result['actions'][0]}.")


def test_a_new_scheduler_finds_nodes_at_a_halt() -> None:
    """It has them from its store, and its executors do nothing there."""
    machine = Everything()
    machine.run_framework()
    machine.contribute()
    machine.know(a_host(1, 7))
    machine.lead(frameworks=0, leader=MASTERS[1])
    steps = mending(healing(machine, member(1), create=False))
    assert [step.kind for step in steps] == ["update_app", "release_nodes", "await_nodes"]
    machine.after(1.0, lambda: machine.lead(frameworks=1, leader=MASTERS[1]))
    hear(machine, a_host(1, 8))
    machine.after(20.0, lambda: machine.know(a_host(1)))
    result = act(machine, steps)
    assert "msg" not in result, result["msg"]
    assert [body["state"] for body in heard(machine)] == [8]
    assert len(result["actions"]) == 3 and result["actions"][1].startswith(
        "let those nodes go on that stay for 15 s where they are"
    )


def test_a_deployment_ends_where_its_nodes_have_come_to_a_halt() -> None:
    machine = Everything()
    steps = restarting(machine)
    machine.know(a_host(1, 7))
    result = act(machine, steps)
    assert "agent01 came to a halt at the framework (http://10.0.0.11:31000)" in result["msg"]
    assert (
        "-- run the playbook holdfast.stateful.heal, which lets them go on while this was done: wait until"
        in result["msg"]
    )
    assert result["changed"] is True and 30 <= machine.clock <= 33


def test_a_halt_that_nobody_looks_at_while_no_master_leads_lasts_for_nothing() -> None:
    machine = Everything()
    machine.run_framework()
    machine.know(a_host(1, 7))
    machine.after(20.0, lambda: machine.lead(frameworks=0))
    machine.after(25.0, lambda: machine.lead(frameworks=1))
    machine.after(45.0, lambda: machine.know(a_host(1)))
    assert "msg" not in act(machine, [await_nodes(name(1))])
