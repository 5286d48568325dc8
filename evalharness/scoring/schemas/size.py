"""Bounds on the work that a JSON schema can cause before it checks anything."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from evalharness.errors import SchemaError
from evalharness.scoring.schemas.dialects import subschemas

MAX_VALUES = 5_000
"""Values in a schema, nested ones included, after YAML aliases are expanded: about two seconds to check."""

_LISTS = {"enum", "required", "type"}
_LONG = 100


def check_values(schema: Any) -> None:
    """Raise SchemaError for a schema with more than 20,000 values. Counts while it descends."""
    waiting, count = [schema], 0
    while waiting:
        value = waiting.pop()
        count += 1
        if count + len(waiting) > MAX_VALUES:
            raise SchemaError(f"the JSON schema has more than {MAX_VALUES:,} values")
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list | tuple):
            waiting += value


@contextmanager
def short_lists(schema: dict[str, Any]) -> Iterator[None]:
    """Shorten long lists of a schema while its keywords are checked: jsonschema compares all pairs of their values.

    A list that breaks a rule still breaks it.
    """
    lists = [(one, name, one[name]) for _, one in subschemas(schema) for name in _LISTS & one.keys()]
    long = [entry for entry in lists if isinstance(entry[2], list) and len(entry[2]) > _LONG]
    try:
        for one, name, values in long:
            one[name] = _shortened(name, values)
        yield
    finally:
        for one, name, values in long:
            one[name] = values


def _shortened(name: str, values: list[Any]) -> list[Any]:
    if name == "enum":
        unique = len(set(map(frozen, values))) == len(values)
        return values[:1] if unique else [values[0], values[0]]
    return [value for value in values if not isinstance(value, str)][:1] or values


def frozen(value: Any) -> Hashable:
    """A hash key that is equal for equal JSON values only: true is not 1."""
    if isinstance(value, dict):
        return frozenset((name, frozen(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return tuple(map(frozen, value))
    return (bool, value) if isinstance(value, bool) else value
