# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A host's declaration as it stands in its observation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._scaleio.wanted import echoable
from ansible_collections.holdfast.stateful.tests.unit.plugins.module_utils.scaleio.observations import MASTERS, wanted


def test_everything_is_there_normalised_and_plain() -> None:
    found = wanted(sds={"eng": {"qe": "/dev/xvdf"}}, sdc={"eng": {"qe": None}}, persona="primary", rack="r1")
    assert json.loads(json.dumps(found)) == found
    assert found == {
        "state": "present",
        "layout": {
            "sds": [["eng", [["qe", [["path", "/dev/xvdf", 1]]]]]],
            "sdc": [["eng", ["qe"]]],
            "persona": "primary",
        },
        "sdc_default": "last_sds_pool",
        "rack": "r1",
        "allow_global_pool": False,
        "allow_work_loss": [],
        "global_pool_devices": [],
        "errors": [],
        "warnings": [],
        "settings": {
            "max_unavailable": 1,
            "only_new": False,
            "method": "imperative",
            "global_pool_mixed": False,
            "expected_members": 0,
            "registration_timeout": 60.0,
            "masters": list(MASTERS),
        },
    }


@pytest.mark.parametrize(
    ("params", "errors"),
    [
        pytest.param({"sds": ["eng"]}, 1, id="a bad layout"),
        pytest.param({"state": "absent", "sds": ["eng"]}, 0, id="a bad layout of a host that is to contribute nothing"),
        pytest.param({"state": "rollback", "sds": {}, "persona": "king"}, 0, id="no layout, and none is needed"),
        pytest.param({"state": "present", "sds": None, "persona": "king"}, 1, id="a bad persona"),
        pytest.param({"rack": ["r1"]}, 1, id="a list for the rack"),
        pytest.param({"rack": 7, "cluster": 7}, 0, id="numbers, which are texts as well"),
        pytest.param({"state": "absent", "sds": None, "cluster": {"a": 1}}, 1, id="a mapping for the cluster"),
        pytest.param({"cluster": "../a"}, 1, id="a cluster that is no file's name"),
        pytest.param({"cluster": ""}, 1, id="a cluster without a name"),
    ],
)
def test_errors(params: dict[str, Any], errors: int) -> None:
    assert len(wanted(**params)["errors"]) == errors


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"rack": ["r1"]}, "scaleio_rack must be a text, and this is a list: ['r1']"),
        ({"cluster": {"a": 1}}, "scaleio_cluster must be a text, and this is a mapping: {'a': 1}"),
        (
            {"cluster": "../x"},
            "scaleio_cluster is '../x'; files are named after it, so only letters, digits, '_' and '-' may be in it",
        ),
        (
            {"cluster": ""},
            "scaleio_cluster is ''; files are named after it, so only letters, digits, '_' and '-' may be in it",
        ),
    ],
)
def test_labels(params: dict[str, Any], sentence: str) -> None:
    assert sentence in wanted(**params)["errors"]
    assert isinstance(wanted(**params)["rack"], str)


def test_what_is_not_utf8_is_not_echoed() -> None:
    params = {"sds": {"eng": {"qe": [1]}}, "sdc": {"eng": ["a\udcff"]}, "member": "größe"}
    assert echoable(params) == {**params, "sdc": "{'eng': ['a\\udcff']}"}
