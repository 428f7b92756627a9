# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A secret that is a part of a name is refused, and not said."""

from __future__ import annotations

import pytest

from ansible_collections.holdfast.stateful.plugins.module_utils._core.errors import InputError
from ansible_collections.holdfast.stateful.plugins.module_utils._core.secrets import check_masks_nothing

SEEN = {"cluster": "größe-qe", "agent": {"files": {"scaleio-sds-qe": "/dev/xvdf"}, "pid": 4711}}


@pytest.mark.parametrize("secrets", [[], [""], ["Correct-horse", "battery"]])
def test_secrets_that_stand_nowhere(secrets: list[str]) -> None:
    check_masks_nothing(SEEN, secrets)


@pytest.mark.parametrize("secret", ["qe", "größe", "scaleio-sds", "4711", "agent"])
def test_a_secret_that_is_a_part_of_what_was_seen(secret: str) -> None:
    with pytest.raises(InputError) as caught:
        check_masks_nothing(SEEN, ["Correct-horse", secret])
    assert str(caught.value).endswith("-- use a longer password that is no part of a name")
