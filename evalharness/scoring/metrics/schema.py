"""JSON Schema 2020-12 for untrusted values and schemas.

jsonschema decides, without the parts that a hostile response or suite could use to stall or to reach out:

    pattern, patternProperties, additionalProperties    RE2 instead of Python's backtracking `re`
    uniqueItems                                         by canonical text instead of comparing all pairs
    $ref, $dynamicRef                                   inside the schema only, and a bounded number of steps
    $schema                                             2020-12 only: jsonschema would switch to another class

`format` is an annotation, as 2020-12 has it by default.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from functools import cache, lru_cache
from itertools import count
from typing import Any

from evalharness.errors import MetricError
from evalharness.scoring.metrics.patterns import compile_pattern

DIALECT = "https://json-schema.org/draft/2020-12/schema"
MAX_REFERENCES = 50_000
"""References followed for one response: about two seconds. Mutual references to a parent double at each level."""

_Errors = Iterator[Any]
_found = lru_cache(maxsize=1_024)(compile_pattern)
_steps: ContextVar[Iterator[int]] = ContextVar("steps")


def open_schema(schema: Mapping[str, Any]) -> Callable[[Any], str | None]:
    """Return `misfit(value)`: where and how a JSON value breaks `schema`, or None if it fits.

    `misfit` raises MetricError when the schema cannot be decided within bounds. Raises ValueError for a schema that is
    not valid, names another dialect, or has a pattern that RE2 refuses; a reference that leaves the schema or leads
    nowhere; an `$id` below the root; and `unevaluatedProperties` together with `patternProperties`, which jsonschema
    can match by Python's `re` only.
    """
    own = _plain(schema)
    _check(own)
    from referencing import Registry

    # An empty registry retrieves nothing, where jsonschema's default would open a URL.
    validator = _validator_class()(own, registry=Registry())

    def misfit(value: Any) -> str | None:
        _steps.set(count(1))
        try:
            error = next(validator.iter_errors(value), None)
        except RecursionError:
            raise MetricError("the JSON schema refers to itself too deeply for this response") from None
        return None if error is None else f"at {error.json_path[:100]}: {error.message[:200]}"

    return misfit


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as JSON data of our own, without `$schema`."""
    try:
        own = json.loads(json.dumps(schema, default=dict, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"a JSON schema is made of JSON values only: {error}") from None
    if not isinstance(own, dict):
        raise ValueError(f"a JSON schema is a mapping, not {own!r}")
    dialect = own.pop("$schema", DIALECT)
    if dialect not in (DIALECT, f"{DIALECT}#"):
        raise ValueError(f"the JSON schema is written in {dialect!r}; only {DIALECT} is known")
    return own


def _check(schema: dict[str, Any]) -> None:
    from jsonschema import Draft202012Validator, SchemaError

    try:
        # No format checker: it would compile each `pattern` with Python's `re`.
        Draft202012Validator.check_schema(schema, format_checker=None)  # type: ignore[arg-type]
    except SchemaError as error:
        raise ValueError(f"the JSON schema is wrong at {error.json_path}: {error.message[:200]}") from None
    except RecursionError:
        raise ValueError("the JSON schema is nested too deeply") from None
    keywords = list(_keywords(schema))
    _check_patterns(keywords)
    _check_references(schema, keywords)


def _keywords(value: Any, root: bool = True) -> Iterator[tuple[str, Any]]:
    """Every name and value of every mapping below.

    Names of properties are among them, but their values are mappings: a search for strings finds keywords and, rarely,
    data under `const`.
    """
    if isinstance(value, dict):
        yield from ((name, inner) for name, inner in value.items() if not (root and name == "$id"))
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _keywords(inner, root=False)


def _check_patterns(keywords: list[tuple[str, Any]]) -> None:
    for name, value in keywords:
        if name == "pattern" and isinstance(value, str):
            _found(value)
        elif name == "patternProperties" and isinstance(value, dict):
            for pattern in value:
                _found(pattern)
    if {"unevaluatedProperties", "patternProperties"} <= {name for name, _ in keywords}:
        raise ValueError("a JSON schema with patternProperties cannot have unevaluatedProperties here")


def _check_references(schema: dict[str, Any], keywords: list[tuple[str, Any]]) -> None:
    from referencing import Registry
    from referencing.exceptions import Unresolvable
    from referencing.jsonschema import DRAFT202012

    resolver = Registry[Any]().resolver_with_root(DRAFT202012.create_resource(schema))
    for name, value in keywords:
        if name in ("$id", "$schema") and isinstance(value, str):
            raise ValueError(f"the JSON schema has {name!r} below its root, which is not supported")
        if name in ("$ref", "$dynamicRef") and isinstance(value, str):
            if not value.startswith("#"):
                raise ValueError(f"the JSON schema refers to {value!r}; only references inside it (#...) are followed")
            try:
                resolver.lookup(value)
            except Unresolvable:
                raise ValueError(f"the JSON schema refers to {value!r}, which is not in it") from None


@cache
def _validator_class() -> Any:
    from jsonschema import Draft202012Validator, validators

    own = {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
        "uniqueItems": _unique_items,
        "$ref": _counted("$ref"),
        "$dynamicRef": _counted("$dynamicRef"),
    }
    return validators.extend(Draft202012Validator, own)  # type: ignore[no-untyped-call]


def _pattern(validator: Any, pattern: str, value: Any, schema: Any) -> _Errors:
    if isinstance(value, str) and not _found(pattern)(value):
        yield _error(f"{value!r} does not match {pattern!r}")


def _pattern_properties(validator: Any, patterns: Mapping[str, Any], value: Any, schema: Any) -> _Errors:
    if isinstance(value, dict):
        for pattern, subschema in patterns.items():
            for name, inner in value.items():
                if _found(pattern)(name):
                    yield from validator.descend(inner, subschema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, allowed: Any, value: Any, schema: Mapping[str, Any]) -> _Errors:
    if isinstance(value, dict):
        patterns = [_found(pattern) for pattern in schema.get("patternProperties", ())]
        known = schema.get("properties", {})
        extra = {k: v for k, v in value.items() if k not in known and not any(found(k) for found in patterns)}
        yield from _original("additionalProperties")(validator, allowed, extra, {})


def _unique_items(validator: Any, unique: bool, value: Any, schema: Any) -> _Errors:
    if unique and isinstance(value, list) and len({json.dumps(v, sort_keys=True) for v in value}) < len(value):
        yield _error("the items are not unique")


def _counted(keyword: str) -> Callable[..., _Errors]:
    def follow(validator: Any, reference: str, value: Any, schema: Any) -> _Errors:
        if next(_steps.get()) > MAX_REFERENCES:
            raise MetricError(f"the JSON schema follows more than {MAX_REFERENCES:,} references for this response")
        yield from _original(keyword)(validator, reference, value, schema)

    return follow


def _original(keyword: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator.VALIDATORS[keyword]


def _error(message: str) -> Any:
    from jsonschema import ValidationError

    return ValidationError(message)
