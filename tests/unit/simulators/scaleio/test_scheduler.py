# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scheduler does with offers, with its nodes, and at the gateway."""

from __future__ import annotations

import os
import time

from framework import fakes, programs
from framework.fakes import Refusal, wait_for

from .conftest import ACCEPT, ACKNOWLEDGE, DECLINE, SUBSCRIBE, Framework

ONE = "scaleio-sds-domains:d;scaleio-sds-d:p;scaleio-sds-p:/dev/xvdf"
NO = '{"message": "no", "httpStatusCode": 500, "errorCode": 0}'
STORED = "Key scaleio-framework/scaleio/configuration/node1"
UNAUTHORIZED = '{"message": "Unauthorized", "httpStatusCode": 401, "errorCode": 0}'


# --- towards Mesos ---


def test_it_asks_again_until_a_master_takes_it(framework: Framework) -> None:
    framework.master.refuse = 503
    program = framework.run()
    wait_for(lambda: program.lines.count("error StatusCode is not equal to StatusOK:503") > 1)
    framework.master.refuse = 0
    framework.master.wait(SUBSCRIBE)


def test_it_follows_to_the_leader(framework: Framework) -> None:
    leader = fakes.Mesos()
    framework.master.redirect = f"//{leader.address}/api/v1/scheduler"
    framework.run()
    leader.wait(SUBSCRIBE)
    leader.send(fakes.subscribed())
    leader.send(fakes.offers(fakes.offer("node1", "10.0.0.11", [], 1)))
    leader.wait(ACCEPT)
    headers = dict(leader.calls[-1].headers)
    assert headers["Mesos-Stream-Id"] == leader.stream_id
    assert headers["Content-Type"] == headers["Accept"] == "application/json"
    leader.close()


def test_a_host_with_an_executor_is_declined(framework: Framework) -> None:
    framework.start()
    framework.join(1)
    framework.join(1, executor_ids=[{"value": "executor-scaleio-node1"}])
    decline = framework.master.of_type(DECLINE)[0]["decline"]
    assert decline["filters"] == {"refuse_seconds": 30}
    assert decline["offer_ids"][0]["value"].endswith("-O2")


def test_a_host_that_lost_its_executor_gets_the_same_task(framework: Framework) -> None:
    framework.start()
    framework.join(1)
    framework.join(1)
    tasks = [call["accept"]["operations"][0]["launch"]["task_infos"][0] for call in framework.master.of_type(ACCEPT)]
    assert [task["task_id"]["value"] for task in tasks] == ["scaleio-node1", "scaleio-node1"]
    assert [task["agent_id"]["value"][-3:] for task in tasks] == ["-S1", "-S2"]
    assert framework.node(1)["name"].endswith("-S1")


def test_attributes_are_read_once_for_each_host_name(framework: Framework) -> None:
    framework.start()
    framework.join(1)
    assert framework.join(1, ONE)["ProvidesDomains"] is None
    assert framework.node(1)["imperative"] is False


def test_updates_with_a_uuid_are_acknowledged(framework: Framework) -> None:
    program = framework.start()
    status = {"task_id": {"value": "t"}, "agent_id": {"value": "a"}, "state": "TASK_RUNNING"}
    framework.master.send({"type": "UPDATE", "update": {"status": status}})
    framework.master.send({"type": "UPDATE", "update": {"status": {**status, "uuid": "AAAA"}}})
    acknowledge = framework.master.wait(ACKNOWLEDGE)[0]
    assert acknowledge["acknowledge"] == {"agent_id": {"value": "a"}, "task_id": {"value": "t"}, "uuid": "AAAA"}
    assert program.lines.count("info Not sending ACK, update is not from slave") == 1


def test_resources_and_log_level_of_executors(framework: Framework) -> None:
    framework.start("-executor.cpu.non=0.25", "-executor.mem.non=64", "-loglevel=error")
    framework.join(1)
    task = framework.master.of_type(ACCEPT)[0]["accept"]["operations"][0]["launch"]["task_infos"][0]
    assert [resource["scalar"]["value"] for resource in task["resources"]] == [0.25, 64.0]
    assert task["executor"]["command"]["value"].endswith(f"-loglevel=error -rest.uri={framework.url}")


def test_a_broken_stream_leaves_it_alive_at_a_bounded_load(framework: Framework) -> None:
    program = framework.start()
    framework.join(1, ONE)
    framework.master.send("break")
    line = "warning Unable to decode event. Skip event. Err: unexpected EOF"
    wait_for(lambda: line in program.lines)
    before, began = _seconds(program), time.monotonic()
    lines = len(program.lines)
    wait_for(lambda: len(program.lines) > lines + 50)
    written = len(program.lines) - lines
    elapsed = time.monotonic() - began
    assert written / elapsed < 400
    assert (_seconds(program) - before) / elapsed < 0.2
    # It still works at the gateway, with what it knows, and asks no master.
    framework.tell(1, state=5)
    wait_for(lambda: framework.posted("Device"))
    assert len(framework.master.of_type(SUBSCRIBE)) == 1
    assert program.running


def _seconds(program: programs.Program) -> float:
    """Processor time of a process."""
    with open(f"/proc/{program.process.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# --- towards the gateway ---


def test_nothing_happens_before_every_node_is_ready(framework: Framework) -> None:
    framework.start()
    framework.join(1, ONE)
    framework.join(2)
    framework.tell(1, state=5)
    framework.tell(2, state=4)
    time.sleep(0.4)
    assert framework.gateway.exchanges == []
    framework.tell(2, state=1024)
    wait_for(lambda: framework.posted("Device"))
    wait_for(lambda: framework.node(1)["state"] == 6)
    assert framework.node(2)["state"] == 1024  # only states up to 6 become 6


def test_a_refused_login_is_tried_again_and_lets_nodes_go_on_all_the_same(framework: Framework) -> None:
    framework.gateway.refusals = [Refusal("GET", "/api/login", "", 401, UNAUTHORIZED, times=2)]
    framework.start()
    framework.join(1, ONE)
    framework.tell(1, state=5)
    wait_for(lambda: framework.posted("Device"))
    assert framework.logins() == 3
    wait_for(lambda: framework.node(1)["state"] == 6)
    assert f"{STORED}/state = Value 5" in framework.world.dump("-experimental")


def test_a_gateway_that_is_away_is_asked_again(framework: Framework) -> None:
    program = framework.start("-scaleio.preconfig.gateway=127.0.0.1:1")
    framework.join(1, ONE)
    framework.tell(1, state=5)
    line = "error createScaleioClient Failed. Err: Problem getting response from endpoint"
    wait_for(lambda: program.lines.count(line) > 1)


def test_what_the_gateway_refused_is_stored_as_done_also_for_the_next_scheduler(framework: Framework) -> None:
    framework.gateway.refusals = [Refusal("POST", "/Device/", "", 500, NO)]
    program = framework.start()
    framework.join(1, ONE)
    framework.tell(1, state=5)
    wait_for(lambda: framework.posted("Device"))
    wait_for(lambda: framework.node(1)["state"] == 6)
    framework.gateway.refusals = []
    program.stop()
    assert f"{STORED}/state = Value 5" in framework.world.dump("-experimental")
    framework.new_master()
    framework.start()
    framework.join(1, ONE)
    # Its executor tells this scheduler nothing: it can only come here from the stored 5.
    wait_for(lambda: framework.node(1)["state"] == 6)
    time.sleep(0.3)
    assert len(framework.posted("Device")) == 1
    assert framework.logins() == 1
    assert f"{STORED}/domains/d/p = Value /dev/xvdf" in framework.world.dump("-experimental")


def test_a_device_that_is_added_in_the_same_pool_comes_with_the_next_scheduler(framework: Framework) -> None:
    program = framework.start()
    framework.join(1, ONE)
    framework.tell(1, state=5)
    wait_for(lambda: framework.posted("Device"))
    wait_for(lambda: framework.node(1)["state"] == 6)
    program.stop()
    framework.new_master()
    framework.start()
    framework.join(1, f"{ONE},/dev/xvdg")
    wait_for(lambda: len(framework.posted("Device")) == 2)
    assert [device["name"] for device in framework.posted("Device")] == ["/dev/xvdf", "/dev/xvdg"]


def test_a_device_that_is_no_longer_named_stays_at_the_gateway(framework: Framework) -> None:
    program = framework.start()
    framework.join(1, f"{ONE},/dev/xvdg")
    framework.tell(1, state=5)
    wait_for(lambda: len(framework.posted("Device")) == 2)
    wait_for(lambda: framework.node(1)["state"] == 6)
    program.stop()
    framework.new_master()
    framework.start()
    framework.join(1, ONE)
    wait_for(lambda: framework.logins() > 1)
    wait_for(lambda: framework.node(1)["state"] == 6)
    assert len(framework.gateway.objects["Device"]) == 2
    assert {item.method for item in framework.gateway.exchanges} == {"GET", "POST"}


def test_advertised_is_forgotten_by_the_next_scheduler(framework: Framework) -> None:
    program = framework.start()
    framework.join(1)
    framework.tell(1, "device", devices=["/dev/sdb"])
    framework.tell(1, state=1024)
    wait_for(lambda: framework.posted("Device"))
    program.stop()
    framework.new_master()
    framework.start()
    node = framework.join(1)
    assert (node["state"], node["advertised"], node["ProvidesDomains"]) == (1024, False, None)


def test_a_client_makes_a_domain_an_sds_and_an_empty_pool_and_asks_for_ever(framework: Framework) -> None:
    framework.start()
    framework.join(1, "scaleio-sdc-domains:d;scaleio-sdc-d:p")
    framework.tell(1, state=5)
    wait_for(lambda: framework.logins() > 2)
    created = {kind: len(listed) for kind, listed in framework.gateway.objects.items()}
    assert created == {"ProtectionDomain": 1, "Sds": 1, "StoragePool": 1, "Device": 0}
    assert len(framework.posted("Sds")) == 1


def test_two_domains_of_a_node_ask_for_two_sdss_of_one_name(framework: Framework) -> None:
    framework.start()
    framework.join(
        1, "scaleio-sds-domains:a,b;scaleio-sds-a:p;scaleio-sds-b:q;scaleio-sds-p:/dev/x;scaleio-sds-q:/dev/y"
    )
    framework.tell(1, state=5)
    wait_for(lambda: len(framework.posted("Sds")) == 2)
    wait_for(lambda: framework.node(1)["state"] == 6)
    assert len(framework.gateway.objects["Sds"]) == 1
    assert len(framework.gateway.objects["Device"]) == 1  # of whichever domain came first


def test_a_system_of_another_name_is_not_used_and_all_is_stored_as_done(framework: Framework) -> None:
    program = framework.start("-scaleio.clustername=other")
    framework.join(1, ONE)
    framework.tell(1, state=5)
    wait_for(lambda: "error FindSystem Error: err: systemid or systemname not found" in program.lines)
    wait_for(lambda: framework.node(1)["state"] == 6)
    time.sleep(0.3)
    assert framework.logins() == 1


def test_any_401_leads_to_one_more_login_and_attempt(framework: Framework) -> None:
    refusal = '{"message": "expired", "httpStatusCode": 401, "errorCode": 0}'
    framework.gateway.refusals = [Refusal("POST", "/ProtectionDomain/", "", 401, refusal, times=1)]
    framework.start()
    framework.join(1, ONE)
    framework.tell(1, state=5)
    wait_for(lambda: framework.posted("Device"))
    assert framework.logins() == 2
    assert len(framework.posted("ProtectionDomain")) == 2


def test_errors_without_json_and_strange_statuses(framework: Framework) -> None:
    framework.gateway.refusals = [
        Refusal("POST", "/ProtectionDomain/", '"d"', 500, "<html>"),
        Refusal("POST", "/ProtectionDomain/", '"e"', 418, "{}"),
    ]
    program = framework.start()
    framework.join(1, ONE)
    framework.join(2, "scaleio-sds-domains:e;scaleio-sds-e:p;scaleio-sds-p:/dev/xvdf")
    framework.tell(1, state=5)
    framework.tell(2, state=5)
    line = "error CreateProtectionDomain Error: Problem getting response from endpoint"
    wait_for(lambda: program.lines.count(line) == 2)


def test_one_session_serves_all_nodes_of_a_turn(framework: Framework) -> None:
    framework.start()
    for number in (1, 2, 3):
        framework.join(number, ONE)
    for number in (1, 2, 3):
        framework.tell(number, state=5)
    wait_for(lambda: len(framework.posted("Device")) == 3)
    assert framework.logins() == 1


def test_the_password_is_never_in_the_log(framework: Framework) -> None:
    program = framework.start("-loglevel=info", ADMIN_PASSWORD="Unique-1234")
    framework.join(1, ONE)
    framework.tell(1, state=5)
    wait_for(lambda: framework.posted("Device"))
    assert programs.state(framework.url)["ScaleIO"]["adminpassword"] == "Unique-1234"
    assert "Unique-1234" not in program.output
