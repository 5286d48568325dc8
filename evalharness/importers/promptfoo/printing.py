"""Print values in templates as nunjucks does: `true` and not `True`, a list with commas, nothing for null."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_CONSTANT = re.compile(r"\b(?:True|False|None)\b")
_PRINT = re.compile(r"\{\{-?\s*(?P<path>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\s*-?\}\}")


def with_filters(template: str, cases: Iterable[Mapping[str, Any]]) -> tuple[str, list[str]]:
    """The template that prints its variables as nunjucks does in all cases, and the names for which it cannot.

    `cases` are the variables of each case.
    """
    variables = [*cases]
    mixed: list[str] = []

    def replace(match: re.Match[str]) -> str:
        path = match["path"]
        found = [value for one in variables for value in _values(one, path.split("."))]
        if not any(map(_differs, found)):
            return match[0]
        ending = _ending(found)
        if ending is None:
            mixed.append(path)
            return match[0]
        return f"{{{{ {path} {ending} }}}}"

    return _PRINT.sub(replace, template), mixed


def prints_constants(template: str, variables: Mapping[str, Any], render: Callable[..., str]) -> bool:
    """Whether a template prints True, False or None of a variable: nunjucks prints true, false and nothing.

    `render` gives the text of a template with variables.
    """
    if not _has_constant(variables):
        return False
    printed, numbers = (_CONSTANT.findall(render(template, one)) for one in (variables, _as_numbers(variables)))
    return len(printed) > len(numbers)


def empty_value(name: str, templates: Iterable[str]) -> Any:
    """The value for a variable that is not set: an empty text, in mappings if a template reads `name.key`.

    nunjucks prints nothing for a key of a missing variable.
    """
    paths = re.findall(rf"\b{re.escape(name)}((?:\.[A-Za-z_]\w*)+)", "\n".join(templates))
    found: dict[str, Any] = {}
    for path in sorted(paths, key=len, reverse=True):
        *parents, last = path[1:].split(".")
        inner = found
        for key in parents:
            inner = inner.setdefault(key, {})
        inner.setdefault(last, "")
    return found or ""


def _values(value: Any, path: list[str]) -> list[Any]:
    """The value at a path, none if a part of it is missing."""
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return []
        value = value[name]
    return [value]


def _ending(values: list[Any]) -> str | None:
    """The end of an expression that prints all values, None if there is none."""
    if all(isinstance(value, list) for value in values):
        return '| join(",")'
    if all(value is None or (isinstance(value, str) and value) for value in values):
        return 'or ""'
    return None if any(isinstance(value, str | list | None) for value in values) else "| tojson"


def _differs(value: Any) -> bool:
    """Whether Python prints the value in another way than JavaScript."""
    return value is None or isinstance(value, bool | list | dict)


def _has_constant(value: Any) -> bool:
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return value is None or isinstance(value, bool) or any(map(_has_constant, inner))


def _as_numbers(value: Any) -> Any:
    """The value with numbers for booleans and empty texts for None, which are as true and false as before."""
    if isinstance(value, Mapping):
        return {name: _as_numbers(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_numbers(item) for item in value]
    return "" if value is None else int(value) if isinstance(value, bool) else value
