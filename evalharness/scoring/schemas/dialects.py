"""The drafts of JSON Schema that `$schema` can name, and where a schema contains schemas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evalharness.constraints.drafts import DRAFTS, KEYWORDS
from evalharness.constraints.keywords import SchemaPath

_4, _2019, _2020 = (DRAFTS.index(name) for name in ("draft-04", "2019-09", "2020-12"))
ANNOTATIONS = frozenset(
    (
        "$comment",
        "$id",
        "$schema",
        "default",
        "definitions",
        "deprecated",
        "description",
        "examples",
        "id",
        "readOnly",
        "title",
        "writeOnly",
    )
)
"""Keywords that constrain nothing by themselves."""

_ONE = frozenset(
    (
        "additionalItems",
        "additionalProperties",
        "contains",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    )
)
_LISTS = frozenset(("allOf", "anyOf", "items", "oneOf", "prefixItems"))
_MAPPINGS = frozenset(("$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"))

_CLASSES = ("Draft4Validator", "Draft6Validator", "Draft7Validator", "Draft201909Validator", "Draft202012Validator")
_URIS = (
    "http://json-schema.org/draft-04/schema",
    "http://json-schema.org/draft-06/schema",
    "http://json-schema.org/draft-07/schema",
    "https://json-schema.org/draft/2019-09/schema",
    "https://json-schema.org/draft/2020-12/schema",
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One draft of JSON Schema."""

    number: int
    """Its place in DRAFTS."""

    @property
    def name(self) -> str:
        """`draft-07`, `2020-12`."""
        return DRAFTS[self.number]

    @property
    def uri(self) -> str:
        """The value of `$schema`."""
        return _URIS[self.number]

    def has(self, keyword: str) -> bool:
        """Return whether this draft defines the keyword."""
        first, last = KEYWORDS.get(keyword, (len(DRAFTS), 0))
        return first <= self.number <= last

    @property
    def reads_beside_ref(self) -> bool:
        """Whether keywords next to `$ref` count: since 2019-09."""
        return self.number >= _2019

    @property
    def has_tuple_items(self) -> bool:
        """Whether `items` can be a list: until 2019-09."""
        return self.number <= _2019

    @property
    def has_boolean_bounds(self) -> bool:
        """Whether `exclusiveMinimum` is true or false: in draft-04."""
        return self.number == _4

    @property
    def validator(self) -> Any:
        """The class of jsonschema for this draft."""
        import jsonschema

        return getattr(jsonschema, _CLASSES[self.number])


LATEST = Dialect(_2020)


def dialect_of(uri: object) -> Dialect | None:
    """Return the dialect with this `$schema`, or None for an unknown one."""
    plain = uri.removesuffix("#") if isinstance(uri, str) else ""
    return Dialect(_URIS.index(plain)) if plain in _URIS else None


def known_uris() -> str:
    """Return the values of `$schema` that are known, for a message."""
    return ", ".join(_URIS)


def subschemas(schema: Any, path: SchemaPath = ()) -> Iterator[tuple[SchemaPath, dict[str, Any]]]:
    """Yield every mapping that is a schema, itself first, with its path. Booleans are left out."""
    if not isinstance(schema, dict):
        return
    yield path, schema
    for keyword, value in schema.items():
        if keyword in _ONE and isinstance(value, dict):
            yield from subschemas(value, (*path, keyword))
        elif (keyword in _LISTS and isinstance(value, list)) or (keyword in _MAPPINGS and isinstance(value, dict)):
            for step, one in enumerate(value) if isinstance(value, list) else value.items():
                yield from subschemas(one, (*path, keyword, step))
