# Copyright (c) 2026 Holdfast contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""JMESPath over observed documents, on the controller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible.errors import AnsibleError

try:
    import jmespath
except ImportError:
    HAS_JMESPATH = False
else:
    HAS_JMESPATH = True


def select(expression: str, documents: Sequence[Any]) -> Any:
    """Evaluate an expression.

    :raises ValueError: the expression is malformed.
    """
    if not HAS_JMESPATH:
        raise AnsibleError(
            f"the expression {expression} needs the Python library jmespath on the controller: pip install jmespath"
        )
    try:
        return jmespath.search(expression, documents)
    except jmespath.exceptions.JMESPathError as error:
        raise ValueError(str(error).split("\n", maxsplit=1)[0]) from error
