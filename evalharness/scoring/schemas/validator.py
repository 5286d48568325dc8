"""JSON Schema for untrusted values and schemas.

jsonschema decides, without the parts that a hostile response or suite could use to stall or to reach out, and without
those that check less than the schema says:

    format                                              checked in every draft: `formats.FORMATS`
    multipleOf                                          by exact arithmetic instead of doubles
    pattern, patternProperties, additionalProperties    RE2 instead of Python's backtracking `re`
    uniqueItems, enum                                   by hash instead of comparing all pairs, in schema and value
    $ref, $dynamicRef, $recursiveRef                    inside the schema only, and a bounded number of steps
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache, lru_cache
from itertools import count
from typing import Any

from evalharness.constraints.keywords import fail
from evalharness.errors import MetricError, SchemaError
from evalharness.scoring.metrics.patterns import compile_pattern
from evalharness.scoring.schemas.dialects import LATEST, Dialect, dialect_of, known_uris, subschemas
from evalharness.scoring.schemas.formats import FORMATS
from evalharness.scoring.schemas.keywords import check_keywords, check_reference
from evalharness.scoring.schemas.numbers import is_multiple, read_number
from evalharness.scoring.schemas.size import check_values, frozen, short_lists

MAX_REFERENCES = 50_000
"""References followed for one response: about two seconds. Mutual references to a parent double at each level."""
MAX_CHECKS = 1_000_000
"""Keywords applied to values for one response, at worst about ten seconds: each value may meet each keyword. A
keyword counts more where it goes through a long list or object, see `_work`."""
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")

_Errors = Iterator[Any]
_found = lru_cache(maxsize=1_024)(compile_pattern)
_steps: ContextVar[Iterator[int]] = ContextVar("steps")
_checks: ContextVar[list[int]] = ContextVar("checks")
"""One number: the work of this response so far."""
_enums: ContextVar[dict[int, frozenset[Hashable]]] = ContextVar("enums")
"""The values of each `enum` of a schema, by the id of its list, which the schema keeps alive."""


def open_schema(schema: Mapping[str, Any]) -> tuple[str, Callable[[Any], str | None]]:
    """Return the name of the schema's draft, and `misfit(value)`: where and how a JSON value breaks `schema`.

    `misfit` returns None if the value fits, and raises MetricError when the schema cannot be decided within bounds.
    Without `$schema` the draft is 2020-12. Raises SchemaError with the path to the keyword for a schema that is not
    valid in its draft, names another dialect, or has a keyword or a format that would not be checked, or a pattern that
    RE2 refuses; a reference that leaves the schema or leads nowhere; an `$id` below the root; and
    `unevaluatedProperties` together with `patternProperties`, which jsonschema can match by Python's `re` only.
    """
    own = _plain(schema)
    dialect = _dialect(own)
    _check(own, dialect)
    from referencing import Registry

    # An empty registry retrieves nothing, where jsonschema's default would open a URL.
    validator = _validator_class(dialect)(own, registry=Registry())
    enums: dict[int, frozenset[Hashable]] = {}

    def misfit(value: Any) -> str | None:
        _steps.set(count(1))
        _checks.set([0])
        _enums.set(enums)
        try:
            error = next(validator.iter_errors(value), None)
        except RecursionError:
            raise MetricError("the JSON schema refers to itself too deeply for this response") from None
        return None if error is None else f"at {error.json_path[:100]}: {error.message[:200]}"

    return dialect.name, misfit


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as JSON data of our own, with exact numbers."""
    check_values(schema)
    try:
        own = json.loads(json.dumps(schema, default=dict, allow_nan=False), parse_float=read_number)
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaError(f"a JSON schema is made of JSON values only: {error}") from None
    if not isinstance(own, dict):
        raise SchemaError(f"a JSON schema is a mapping, not {own!r}")
    return own


def _dialect(schema: dict[str, Any]) -> Dialect:
    """The dialect that `$schema` names. It is removed: jsonschema would switch to another class."""
    uri = schema.pop("$schema", LATEST.uri)
    dialect = dialect_of(uri)
    if dialect is None:
        fail(f"unknown '$schema' {uri!r}: expected one of {known_uris()}", ("$schema",))
    return dialect


def _check(schema: dict[str, Any], dialect: Dialect) -> None:
    from jsonschema import SchemaError as Invalid

    try:
        check_keywords(schema, dialect)
        with short_lists(schema):
            # No format checker: it would compile each `pattern` with Python's `re`.
            dialect.validator.check_schema(schema, format_checker=None)
        _check_patterns(schema)
        _check_references(schema, dialect)
    except Invalid as error:
        path = tuple(error.absolute_path)
        raise SchemaError(f"the JSON schema is wrong at {error.json_path}: {error.message[:200]}", path) from None
    except RecursionError:
        raise SchemaError("the JSON schema is nested too deeply") from None


def _check_patterns(schema: dict[str, Any]) -> None:
    names = set[str]()
    for path, one in subschemas(schema):
        names |= one.keys()
        patterns = [((*path, "pattern"), one["pattern"])] if "pattern" in one else []
        patterns += [((*path, "patternProperties", name), name) for name in one.get("patternProperties", ())]
        for where, pattern in patterns:
            try:
                _found(pattern)
            except ValueError as error:
                raise SchemaError(str(error), where) from None
    if {"unevaluatedProperties", "patternProperties"} <= names:
        fail("a JSON schema with patternProperties cannot have unevaluatedProperties here", ())


def _check_references(schema: dict[str, Any], dialect: Dialect) -> None:
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import specification_with

    root = specification_with(dialect.uri).create_resource(schema)
    resolver, known = Registry[Any]().resolver_with_root(root), {id(one) for _, one in subschemas(schema)}
    for path, one in subschemas(schema):
        for keyword in (name for name in _REFERENCES if name in one):
            reference, where = one[keyword], (*path, keyword)
            check_reference(reference, where)
            try:
                target = resolver.lookup(reference).contents
            except Unresolvable:
                fail(f"the JSON schema refers to {reference!r}, which is not in it", where)
            if id(target) not in known and not isinstance(target, bool):
                fail(f"the JSON schema refers to {reference!r}, which is not a schema", where)


@cache
def _validator_class(dialect: Dialect) -> Any:
    from jsonschema import validators

    original = dialect.validator.VALIDATORS
    own = {
        "format": _format,
        "multipleOf": _multiple_of,
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties(original["additionalProperties"]),
        "uniqueItems": _unique_items,
        "enum": _enum,
        **{name: _counted(original[name]) for name in _REFERENCES if name in original},
    }
    bounded = {name: _bounded(name, check) for name, check in {**original, **own}.items()}
    return validators.extend(dialect.validator, bounded)  # type: ignore[no-untyped-call]


def _format(validator: Any, name: str, value: Any, schema: Any) -> _Errors:
    if isinstance(value, str) and not FORMATS[name](value):
        yield _error(f"{value!r} is not of the format {name!r}")


def _multiple_of(validator: Any, divisor: Any, value: Any, schema: Any) -> _Errors:
    if validator.is_type(value, "number") and not is_multiple(value, divisor):
        yield _error(f"{value!r} is not a multiple of {divisor!r}")


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> _Errors:
    if isinstance(value, str) and not _found(pattern)(value):
        yield _error(f"{value!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], value: Any, schema: Any) -> _Errors:
    if isinstance(value, dict):
        for pattern, subschema in patterns.items():
            for name, inner in value.items():
                if _found(pattern)(name):
                    yield from validator.descend(inner, subschema, path=name, schema_path=pattern)


def _additional_properties(original: Callable[..., _Errors]) -> Callable[..., _Errors]:
    def check(validator: Any, allowed: Any, value: Any, schema: Mapping[str, Any]) -> _Errors:
        if isinstance(value, dict):
            patterns = [_found(pattern) for pattern in schema.get("patternProperties", ())]
            known = schema.get("properties", {})
            extra = {k: v for k, v in value.items() if k not in known and not any(found(k) for found in patterns)}
            yield from original(validator, allowed, extra, {})

    return check


def _unique_items(validator: Any, unique: bool, value: Any, schema: Any) -> _Errors:
    if unique and isinstance(value, list) and len(set(map(frozen, value))) < len(value):
        yield _error("the items are not unique")


def _enum(validator: Any, values: list[Any], value: Any, schema: Any) -> _Errors:
    known = _enums.get()
    if id(values) not in known:
        known[id(values)] = frozenset(map(frozen, values))
    if frozen(value) not in known[id(values)]:
        yield _error(f"{value!r} is not one of {values!r}")


def _counted(original: Callable[..., _Errors]) -> Callable[..., _Errors]:
    def follow(validator: Any, reference: str, value: Any, schema: Any) -> _Errors:
        if next(_steps.get()) > MAX_REFERENCES:
            raise MetricError(f"the JSON schema follows more than {MAX_REFERENCES:,} references for this response")
        yield from original(validator, reference, value, schema)

    return follow


def _bounded(name: str, original: Callable[..., _Errors]) -> Callable[..., _Errors]:
    def check(validator: Any, wanted: Any, value: Any, schema: Any) -> _Errors:
        done = _checks.get()
        done[0] += _work(name, wanted, value)
        if done[0] > MAX_CHECKS:
            raise MetricError(f"the JSON schema takes more than {MAX_CHECKS:,} checks for this response")
        return original(validator, wanted, value, schema)

    return check


def _work(name: str, wanted: Any, value: Any) -> int:
    """What one keyword costs with one value, in checks."""
    ours = len(wanted) if isinstance(wanted, list | dict) and name != "enum" else 0  # an enum is looked up by hash
    theirs = len(value) if isinstance(value, list | dict) else 0
    if name == "patternProperties":
        return 1 + ours * theirs // 8
    if name.startswith("unevaluated"):  # searches a list for each of its items
        return 1 + theirs * theirs // 64
    return 1 + (ours + theirs) // 8


def _error(message: str) -> Any:
    from jsonschema import ValidationError

    return ValidationError(message)
