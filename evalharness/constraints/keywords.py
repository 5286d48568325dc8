"""Read the keywords of an untrusted JSON schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from evalharness.constraints.drafts import KEYWORDS
from evalharness.constraints.gbnf import MAX_REPEATS
from evalharness.errors import SchemaError, did_you_mean

MAX_DEPTH = 32
MAX_NODES = 5_000
"""Values in a schema, nested ones included."""
DIALECT = "https://json-schema.org/draft/2020-12/schema"
ANNOTATIONS = {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment"}
"""Keywords that constrain nothing."""
OF_TYPE: Mapping[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength"}),
    **dict.fromkeys(("integer", "number", "boolean", "null"), frozenset[str]()),
}
"""The keywords that each type supports."""
FORMS = ("$ref", "anyOf", "const", "enum", "type")
"""Keywords that select the values of a schema; the first one present applies."""
SchemaPath = tuple[str | int, ...]


def fail(message: str, path: SchemaPath) -> NoReturn:
    """Raise SchemaError with `message` and `path`."""
    raise SchemaError(message, path)


def canonical_schema(schema: Any) -> str:
    """The schema as JSON text that does not depend on the order of keywords.

    The order of properties is kept, because answers have their properties in this order.
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
    """Raise SchemaError for a schema that is too large, too deep or not JSON."""
    waiting: list[tuple[Any, SchemaPath]] = [(schema, ())]
    count = 0
    while waiting:
        value, path = waiting.pop()
        count += 1
        if count > MAX_NODES:
            fail(f"the schema has more than {MAX_NODES:,} values", path)
        if len(path) > MAX_DEPTH:
            fail(f"the schema is nested deeper than {MAX_DEPTH}", path)
        waiting += _inside(value, path)


def _inside(value: Any, path: SchemaPath) -> list[tuple[Any, SchemaPath]]:
    if isinstance(value, list):
        return [(one, (*path, number)) for number, one in enumerate(value)]
    if not isinstance(value, dict):
        as_json(value, path)
        return []
    if not all(isinstance(name, str) for name in value):
        fail("schema keys must be strings", path)
    as_json([*value], path)
    return [(one, (*path, name)) for name, one in value.items()]


def check_keywords(keywords: Mapping[str, Any], form: str, path: SchemaPath) -> None:
    """Raise SchemaError for the first keyword that the grammar cannot enforce."""
    allowed = {"type"} if form in ("const", "enum") else set[str]()
    if form == "type":
        allowed = allowed.union(*(OF_TYPE[name] for name in types_of(keywords, path)))
    for name in keywords:
        if name != form and name not in allowed:
            fail(_unsupported(name, form), (*path, name))


def _unsupported(name: str, form: str) -> str:
    if name == "oneOf":
        return "unsupported keyword 'oneOf': use 'anyOf'"
    supported = set(FORMS).union(*OF_TYPE.values())
    if name in supported:
        return f"'{name}' cannot be combined with this '{form}'" if form else f"'{name}' needs a 'type'"
    if name in KEYWORDS:
        return f"unsupported keyword '{name}': remove it and assert json_schema instead"
    return f"unknown keyword '{short(name)}'{did_you_mean(name, supported | ANNOTATIONS)}"


def types_of(keywords: Mapping[str, Any], path: SchemaPath) -> list[str]:
    """The types of a schema, each once; all types if it has no `type`."""
    value = keywords.get("type", list(OF_TYPE))
    types = value if isinstance(value, list) and value else [value]
    for name in types:
        if not isinstance(name, str) or name not in OF_TYPE:
            fail(f"unknown type {short(name)}: expected one of {', '.join(OF_TYPE)}", (*path, "type"))
    return list(dict.fromkeys(types))


def has_type(value: Any, name: str) -> bool:
    """Whether a value has this JSON type. 2.0 is an integer."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return name == "number" or (name == "integer" and value == int(value))
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    return name in kinds and isinstance(value, kinds[name])


def properties_of(keywords: Mapping[str, Any], path: SchemaPath) -> tuple[Mapping[str, Any], set[str]]:
    """The properties of an object schema, and the names of the required ones."""
    properties, required = keywords.get("properties", {}), keywords.get("required", [])
    if not isinstance(properties, dict):
        fail("'properties' must be a mapping of schemas", (*path, "properties"))
    if not isinstance(required, list):
        fail("'required' must be a list of names", (*path, "required"))
    for number, name in enumerate(required):
        if not isinstance(name, str) or name not in properties:
            fail(f"required property {short(name)} is not in 'properties'", (*path, "required", number))
    return properties, set(required)


def bounds_of(keywords: Mapping[str, Any], minimum: str, maximum: str, path: SchemaPath) -> tuple[int, int | None]:
    """The minimum and maximum of a repetition; None if unbounded."""
    for name in (minimum, maximum):
        value = keywords.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_REPEATS:
            fail(f"'{name}' must be an integer from 0 to {MAX_REPEATS:,}, got {short(value)}", (*path, name))
    if keywords.get(maximum, MAX_REPEATS) < keywords.get(minimum, 0):
        fail(f"'{maximum}' is less than '{minimum}'", (*path, maximum))
    return keywords.get(minimum, 0), keywords.get(maximum)


def non_empty_list(keywords: Mapping[str, Any], name: str, path: SchemaPath) -> Sequence[Any]:
    """The value of a keyword that must be a non-empty list."""
    if not isinstance(keywords[name], list) or not keywords[name]:
        fail(f"'{name}' must be a non-empty list", (*path, name))
    return list(keywords[name])


def as_json(value: Any, path: SchemaPath) -> str:
    """The value as JSON text. Raises SchemaError if it is not JSON in UTF-8."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except (TypeError, ValueError):
        fail(f"{short(value)} is not valid JSON", path)
    return text


def short(value: Any) -> str:
    """The value for a message, in at most 60 printable characters."""
    text = value if isinstance(value, str) else repr(value)
    text = text if text.isprintable() else ascii(text)[1:-1]
    return text if len(text) <= 60 else text[:60] + "…"
