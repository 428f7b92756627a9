# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError

from ansible_collections.holdfast.stateful.plugins.plugin_utils import selection

DISKS = [{"path": "/dev/a", "free": True, "size_bytes": 3}, {"path": "/dev/b", "free": False, "size_bytes": 9}]


def test_an_expression() -> None:
    assert selection.select("[?free && size_bytes > `2`].path", DISKS) == ["/dev/a"]
    assert selection.select("sort_by([], &size_bytes)[-1].path", DISKS) == "/dev/b"


@pytest.mark.parametrize("expression", ["[?free", "nothing_of_this_name(@)", "sort_by([], &free)", ""])
def test_a_malformed_one_is_a_sentence_of_one_line(expression: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as caught:
        selection.select(expression, DISKS)
    assert "\n" not in str(caught.value)


def test_without_the_library_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "HAS_JMESPATH", False)
    with pytest.raises(AnsibleError, match="needs the Python library jmespath on the controller: pip install jmespath"):
        selection.select("[]", DISKS)
