"""Print values in templates as nunjucks does: `true` and not `True`, a list with commas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_PRINT = re.compile(r"\{\{-?\s*(?P<name>[A-Za-z_]\w*)\s*-?\}\}")


def with_filters(template: str, values: Mapping[str, Iterable[Any]]) -> tuple[str, list[str]]:
    """The template that prints all values of its variables as nunjucks does, and the names for which none does."""
    mixed: list[str] = []

    def replace(match: re.Match[str]) -> str:
        found = [*values.get(match["name"], ())]
        if not any(map(_differs, found)):
            return match[0]
        if all(isinstance(value, list) for value in found):
            return f'{{{{ {match["name"]} | join(",") }}}}'
        if any(isinstance(value, str | list) for value in found):
            mixed.append(match["name"])
            return match[0]
        return f"{{{{ {match['name']} | tojson }}}}"

    return _PRINT.sub(replace, template), mixed


def _differs(value: Any) -> bool:
    """Whether Python prints the value in another way than JavaScript."""
    return isinstance(value, bool | list | dict)
