"""Refuse schemas that would check less than they seem to: misspelt keywords, those of other drafts, unknown formats."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evalharness.constraints.drafts import DRAFTS, KEYWORDS
from evalharness.constraints.keywords import SchemaPath, fail, short
from evalharness.errors import SchemaError, did_you_mean
from evalharness.scoring.schemas.dialects import ANNOTATIONS, Dialect, subschemas
from evalharness.scoring.schemas.formats import FORMATS

_UNCHECKED = ("contentEncoding", "contentMediaType", "contentSchema")
_INSTEAD = {
    "$defs": "use 'definitions'",
    "$id": "use 'id'",
    "$recursiveRef": "use '$dynamicRef'",
    "additionalItems": "use 'items' next to 'prefixItems'",
    "definitions": "use '$defs'",
    "dependencies": "use 'dependentRequired' or 'dependentSchemas'",
    "divisibleBy": "use 'multipleOf'",
    "id": "use '$id'",
    "nullable": "add 'null' to 'type'",
    "prefixItems": "use a list in 'items'",
}
_NEEDS = {
    "else": ("if",),
    "if": ("then", "else"),
    "maxContains": ("contains",),
    "minContains": ("contains",),
    "then": ("if",),
}
"""A keyword -> those of which it needs one to have an effect."""


def check_keywords(schema: dict[str, Any], dialect: Dialect) -> None:
    """Raise SchemaError for the first keyword that would not be checked as it is written.

    Names that start with `x-` are annotations of the author.
    """
    for path, one in subschemas(schema):
        for keyword in one:
            message = next(_problems(keyword, one, path, dialect), None)
            if message is not None:
                raise SchemaError(message, (*path, keyword))


def _problems(keyword: str, schema: dict[str, Any], path: SchemaPath, dialect: Dialect) -> Iterator[str]:
    value = schema[keyword]
    if not dialect.has(keyword):
        if not keyword.startswith("x-"):
            yield _unknown(keyword, dialect)
        return
    if path and keyword in ("$id", "id", "$schema"):
        yield f"'{keyword}' below the root of a schema is not supported"
    if keyword in _UNCHECKED:
        yield f"'{keyword}' is not checked: remove it"
    if keyword == "format":
        yield from _format(value)
    yield from _ineffective(keyword, schema, dialect)
    yield from _of_another_draft(keyword, value, dialect)


def _unknown(keyword: str, dialect: Dialect) -> str:
    instead = f"; {_INSTEAD[keyword]}" if keyword in _INSTEAD else ""
    if keyword in KEYWORDS:
        first, last = (DRAFTS[number] for number in KEYWORDS[keyword])
        drafts = first if first == last else f"{first} to {last}"
        return f"'{keyword}' is a keyword of {drafts}, not of {dialect.name}{instead}, or set '$schema'"
    near = did_you_mean(keyword, filter(dialect.has, KEYWORDS))
    hint = instead or (near if "did you mean" in near else "; a name of your own starts with x-")
    return f"unknown keyword '{short(keyword)}'{hint}"


def _format(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value not in FORMATS:
        yield f"unknown format '{short(value)}'{did_you_mean(value, FORMATS)}"


def _ineffective(keyword: str, schema: dict[str, Any], dialect: Dialect) -> Iterator[str]:
    needs = _NEEDS.get(keyword, ())
    if needs and not any(other in schema for other in needs):
        yield f"'{keyword}' has no effect without '{needs[0]}'"
    if keyword == "additionalItems" and not isinstance(schema.get("items"), list):
        yield "'additionalItems' has no effect without a list in 'items'"
    if "$ref" in schema and not dialect.reads_beside_ref and keyword not in {"$ref", *ANNOTATIONS}:
        yield f"{dialect.name} ignores '{keyword}' next to '$ref': put both into 'allOf'"


def _of_another_draft(keyword: str, value: Any, dialect: Dialect) -> Iterator[str]:
    if keyword == "items" and isinstance(value, list) and not dialect.has_tuple_items:
        yield f"'items' is a list only until 2019-09: {dialect.name} has 'prefixItems'"
    is_bound = keyword in ("exclusiveMinimum", "exclusiveMaximum")
    if is_bound and isinstance(value, bool) and not dialect.has_boolean_bounds:
        yield f"'{keyword}' is true or false only in draft-04: {dialect.name} expects the number"
    if keyword == "required" and isinstance(value, bool):
        yield "'required' must be a list of names, next to 'properties'"


def check_reference(reference: object, path: SchemaPath) -> None:
    """Raise SchemaError for a reference that leaves the schema: nothing is ever fetched."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        fail(f"reference to {short(reference)}: only references inside the schema (#...) are followed", path)
