"""The keywords of a JSON schema, read one by one: nothing vouches for what stands behind them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from evalharness.constraints.gbnf import MOST_REPEATS

MOST_DEPTH = 32
MOST_NODES = 5_000
"""Values in a schema, those in one another counted each."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"
REMARKS = {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment"}
"""Keywords that allow and forbid nothing."""
OF_TYPE: Mapping[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength"}),
    **dict.fromkeys(("integer", "number", "boolean", "null"), frozenset[str]()),
}
"""What may stand beside each type."""
FORMS = ("$ref", "anyOf", "const", "enum", "type")
"""What says which values a schema allows: the first one found."""
Path = tuple[str | int, ...]


class SchemaProblem(ValueError):
    """A schema that is refused: why, and the path of the place."""

    def __init__(self, message: str, path: Path = ()) -> None:
        self.path = path
        super().__init__(message)


def fail(message: str, path: Path) -> NoReturn:
    """Raise SchemaProblem."""
    raise SchemaProblem(message, path)


def canonical_schema(schema: Any) -> str:
    """A schema as JSON text: the same for schemas that differ in the order of keywords alone.

    Properties stay in their order: it is the order in which an answer has them.
    """
    return json.dumps(_sorted(schema), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _sorted(value: Any, as_written: bool = False) -> Any:
    if isinstance(value, list):
        return [_sorted(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    names = value if as_written else sorted(value)
    return {name: _sorted(value[name], not as_written and name in ("properties", "$defs")) for name in names}


def check_size(schema: Any) -> None:
    """Raise SchemaProblem for a schema that is too large, too deep, or not made of what JSON has."""
    waiting: list[tuple[Any, Path]] = [(schema, ())]
    count = 0
    while waiting:
        value, path = waiting.pop()
        count += 1
        if count > MOST_NODES:
            fail(f"the schema has more than {MOST_NODES:,} values", path)
        if len(path) > MOST_DEPTH:
            fail(f"the schema is nested deeper than {MOST_DEPTH}", path)
        waiting += _inside(value, path)


def _inside(value: Any, path: Path) -> list[tuple[Any, Path]]:
    if isinstance(value, list):
        return [(one, (*path, number)) for number, one in enumerate(value)]
    if not isinstance(value, dict):
        as_json(value, path)
        return []
    if not all(isinstance(name, str) for name in value):
        fail("a name in a schema is text", path)
    as_json([*value], path)
    return [(one, (*path, name)) for name, one in value.items()]


def check_keywords(said: Mapping[str, Any], form: str, path: Path) -> None:
    """Raise SchemaProblem for the first keyword that would be read over."""
    beside = {"type"} if form in ("const", "enum") else set[str]()
    if form == "type":
        beside = beside.union(*(OF_TYPE[name] for name in types_of(said, path)))
    for name in said:
        if name != form and name not in beside:
            fail(_not_held(name, form), (*path, name))


def _not_held(name: str, form: str) -> str:
    if name == "oneOf":
        return "'oneOf' cannot be held to: write 'anyOf'"
    if name in FORMS or any(name in keywords for keywords in OF_TYPE.values()):
        return f"'{name}' has no meaning beside this '{form}'" if form else f"'{name}' needs a 'type' beside it"
    return f"'{short(name)}' cannot be held to while an answer is drawn: remove it, and assert json_schema instead"


def types_of(said: Mapping[str, Any], path: Path) -> list[str]:
    """The types that a schema names; all of them where it names none."""
    value = said.get("type", list(OF_TYPE))
    types = value if isinstance(value, list) and value else [value]
    for name in types:
        if not isinstance(name, str) or name not in OF_TYPE:
            fail(f"there is no type {short(name)}; known: {', '.join(OF_TYPE)}", (*path, "type"))
    return types


def is_of(value: Any, name: str) -> bool:
    """Whether a value has this type; 2.0 is an integer."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return name == "number" or (name == "integer" and float(value).is_integer())
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    return name in kinds and isinstance(value, kinds[name])


def properties_of(said: Mapping[str, Any], path: Path) -> tuple[Mapping[str, Any], set[str]]:
    """The properties, and the names of those that are required."""
    properties, required = said.get("properties", {}), said.get("required", [])
    if not isinstance(properties, dict):
        fail("'properties' is a mapping of schemas", (*path, "properties"))
    if not isinstance(required, list):
        fail("'required' is a list of names", (*path, "required"))
    for number, name in enumerate(required):
        if not isinstance(name, str) or name not in properties:
            fail(f"{short(name)} is required, but not among the properties", (*path, "required", number))
    return properties, set(required)


def bounds_of(said: Mapping[str, Any], least: str, most: str, path: Path) -> tuple[int, int | None]:
    """Two numbers that bound a repetition; None for one without an end."""
    for name in (least, most):
        value = said.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_REPEATS:
            fail(f"'{name}' is a whole number from 0 to {MOST_REPEATS:,}, not {short(value)}", (*path, name))
    if said.get(most, MOST_REPEATS) < said.get(least, 0):
        fail(f"'{most}' is less than '{least}'", (*path, most))
    return said.get(least, 0), said.get(most)


def filled_list(said: Mapping[str, Any], name: str, path: Path) -> Sequence[Any]:
    """A list that holds something."""
    if not isinstance(said[name], list) or not said[name]:
        fail(f"'{name}' is a list that is not empty", (*path, name))
    return list(said[name])


def as_json(value: Any, path: Path) -> str:
    """JSON text that UTF-8 can hold."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError):
        fail(f"{short(value)} is nothing that JSON text has", path)
    return text


def short(value: Any) -> str:
    """A value for a message."""
    text = value if isinstance(value, str) else repr(value)
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= 60 else text[:60] + "…"
