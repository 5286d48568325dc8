"""Schemas of the five drafts: numbers as written, and no keyword that would not be checked."""

from __future__ import annotations

from typing import Any

import pytest
from jsonschema_specifications import REGISTRY as SPECIFICATIONS

from evalharness.constraints import SchemaError
from evalharness.constraints.drafts import DRAFTS, KEYWORDS
from evalharness.scoring.metrics.json import json_schema, schema_problem
from evalharness.scoring.schemas.dialects import Dialect

DRAFT_04 = "http://json-schema.org/draft-04/schema#"
DRAFT_06 = "http://json-schema.org/draft-06/schema#"
DRAFT_07 = "http://json-schema.org/draft-07/schema#"
DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"
DRAFT_2020 = "https://json-schema.org/draft/2020-12/schema"


def fits(schema: dict[str, Any], text: str) -> bool:
    """Whether a text is JSON that fits a schema."""
    return schema_problem(schema)(text) is None


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"multipleOf": 0.01}, ["4.02", "0.07", "1.15", "1e300", "0", "-19.99", "3", "4.020"], ["4.021", "0.001"]),
        ({"multipleOf": 0.1}, ["0.3", "1.1", "123456789.7"], ["0.35"]),
        ({"multipleOf": 1e-8}, ["12391239123.00000001"], ["0.000000015"]),
        ({"multipleOf": 0.123456789}, ["0.246913578"], ["1e308"]),
        ({"multipleOf": 1.5}, ["3", "4.5"], ["4"]),
        ({"multipleOf": 7}, ["70000000000000000000000000007"], ["70000000000000000000000000008"]),
        ({"const": 0.3}, ["0.3", "0.30", "3e-1"], ["0.30000000000000004", "0.2999999999999999889"]),
        ({"enum": [0.1, 2]}, ["0.1", "2.0", "1e-1"], ["0.1000000000000000055", "2.1"]),
        ({"maximum": 0.1}, ["0.1", "-5"], ["0.1000000000000000001"]),
        ({"exclusiveMinimum": 0}, ["1e-300"], ["0", "-0.0", "0.0"]),
        ({"type": "integer"}, ["1.0", "1e2", "-0.0", "100000000000000000000000000000001"], ["1.5", "true", '"1"']),
        ({"type": "integer"}, ["10000000000000000000000000.0"], ["10000000000000000000000000.5"]),
        ({"maximum": 9007199254740993}, ["9007199254740993"], ["9007199254740993.5", "9007199254740994"]),
        ({"uniqueItems": True}, ["[1, true, 0, false]", '[1.5, "1.5"]', "[[1], [true]]"], ["[1.5, 1.50]", "[2, 2.0]"]),
        ({"uniqueItems": True}, ['[{"a": 1}, {"a": true}]', "[[], {}, null]"], ['[{"a": 1.5}, {"a": 15e-1}]']),
    ],
)
def test_numbers(schema: dict[str, Any], right: list[str], wrong: list[str]) -> None:
    """Numbers count as they are written, in the schema and in the answer, without the rounding of a double."""
    assert [text for text in right if not fits(schema, text)] == []
    assert [text for text in wrong if fits(schema, text)] == []


def test_every_price_has_hundredths() -> None:
    """All amounts from 0.01 to 9.99 are multiples of 0.01; a double refuses many of them."""
    problem = schema_problem({"type": "number", "multipleOf": 0.01})
    assert [n for n in range(1, 1_000) if problem(f"{n // 100}.{n % 100:02}")] == []


def test_messages_show_numbers_as_written() -> None:
    """A message has the number of the answer, not Python's name for it."""
    assert schema_problem({"items": {"multipleOf": 0.01}})("[4.021]") == "at $[0]: 4.021 is not a multiple of 0.01"
    assert schema_problem({"minimum": 0.5})("0.25") == "at $: 0.25 is less than the minimum of 0.5"


@pytest.mark.parametrize(
    ("schema", "right", "wrong"),
    [
        ({"$schema": DRAFT_04, "minimum": 1, "exclusiveMinimum": True}, "2", "1"),
        ({"$schema": DRAFT_04, "id": "x:", "definitions": {"a": {"type": "null"}}, "$ref": "#/definitions/a"},
         "null", "1"),
        ({"$schema": DRAFT_04, "items": [{"type": "null"}], "additionalItems": False}, "[null]", "[null, 1]"),
        ({"$schema": DRAFT_06, "$id": "http://x.test/", "const": 1, "exclusiveMinimum": 0}, "1", "2"),
        ({"$schema": DRAFT_06, "contains": {"const": 1}, "propertyNames": {"maxLength": 1}}, "[1]", "[2]"),
        ({"$schema": DRAFT_07, "if": {"required": ["a"]}, "then": {"required": ["b"]}}, '{"a": 1, "b": 1}', '{"a": 1}'),
        ({"$schema": DRAFT_07, "dependencies": {"a": ["b"]}}, '{"a": 1, "b": 1}', '{"a": 1}'),
        ({"$schema": DRAFT_07, "dependencies": {"a": {"minProperties": 2}}}, '{"a": 1, "b": 1}', '{"a": 1}'),
        ({"$schema": DRAFT_07.removesuffix("#"), "items": [{"const": 1}]}, "[1, 2]", "[2]"),
        ({"$schema": DRAFT_2019, "items": [{"const": 1}], "unevaluatedItems": False}, "[1]", "[1, 2]"),
        ({"$schema": DRAFT_2019, "properties": {"a": {"$recursiveRef": "#"}}, "additionalProperties": False},
         '{"a": {"a": {}}}', '{"a": {"b": {}}}'),
        ({"$schema": DRAFT_2019, "$defs": {"s": {"type": "string"}}, "$ref": "#/$defs/s", "maxLength": 1},
         '"a"', '"ab"'),
        ({"$schema": DRAFT_2020, "prefixItems": [{"const": 1}], "items": False}, "[1]", "[1, 2]"),
        ({"$defs": {"s": {"$anchor": "here", "type": "string"}}, "items": {"$ref": "#here"}}, '["a"]', "[1]"),
        ({"dependentRequired": {"a": ["b"]}, "x-author": "me"}, '{"a": 1, "b": 1}', '{"a": 1}'),
        ({"contains": {"const": 1}, "minContains": 2, "maxContains": 2}, "[1, 1]", "[1]"),
    ],
)  # fmt: skip
def test_drafts(schema: dict[str, Any], right: str, wrong: str) -> None:
    """A schema means what the draft in its `$schema` says, 2020-12 without one."""
    assert fits(schema, right)
    assert not fits(schema, wrong)


def test_the_draft_is_in_the_signature() -> None:
    """Scores by two drafts do not compare."""
    assert "|draft:draft-07|" in json_schema({"$schema": DRAFT_07}).signature


@pytest.mark.parametrize(
    ("schema", "path", "message"),
    [
        ({"requird": ["a"]}, ("requird",), "unknown keyword 'requird'; did you mean 'required'?"),
        ({"properties": {"n": {"minimun": 1}}}, ("properties", "n", "minimun"),
         "unknown keyword 'minimun'; did you mean 'minimum'"),
        ({"items": {"anyOf": [{}, {"maxlength": 1}]}}, ("items", "anyOf", 1, "maxlength"), "did you mean 'maxLength'"),
        ({"$defs": {"a": {"patern": "x"}}}, ("$defs", "a", "patern"), "did you mean 'pattern'"),
        ({"type": "string", "nullable": True}, ("nullable",), "add 'null' to 'type'"),
        ({"frobnicate": 1}, ("frobnicate",), "unknown keyword 'frobnicate'; a name of your own starts with x-"),
        ({"dependencies": {}}, ("dependencies",),
         "'dependencies' is a keyword of draft-04 to draft-07, not of 2020-12; use 'dependentRequired'"),
        ({"definitions": {}}, ("definitions",), "not of 2020-12; use '$defs', or set '$schema'"),
        ({"$schema": DRAFT_07, "$defs": {}}, ("$defs",), "not of draft-07; use 'definitions'"),
        ({"$schema": DRAFT_07, "prefixItems": []}, ("prefixItems",), "keyword of 2020-12, not of draft-07; use a list"),
        ({"$schema": DRAFT_04, "const": 1}, ("const",), "draft-06 to 2020-12, not of draft-04"),
        ({"$schema": DRAFT_06, "id": "x"}, ("id",), "keyword of draft-04, not of draft-06; use '$id'"),
        ({"items": [{}]}, ("items",), "'items' is a list only until 2019-09: 2020-12 has 'prefixItems'"),
        ({"additionalItems": False}, ("additionalItems",), "use 'items' next to 'prefixItems'"),
        ({"minimum": 1, "exclusiveMinimum": True}, ("exclusiveMinimum",), "true or false only in draft-04"),
        ({"$schema": DRAFT_04, "exclusiveMinimum": 1}, ("exclusiveMinimum",), "wrong at"),
        ({"properties": {"a": {"required": True}}}, ("properties", "a", "required"), "must be a list of names"),
        ({"type": "objet"}, ("type",), "wrong at"),
        ({"then": {}}, ("then",), "'then' has no effect without 'if'"),
        ({"if": {}}, ("if",), "'if' has no effect without 'then'"),
        ({"minContains": 2}, ("minContains",), "no effect without 'contains'"),
        ({"$schema": DRAFT_07, "additionalItems": False}, ("additionalItems",), "without a list in 'items'"),
        ({"$schema": DRAFT_07, "definitions": {"s": {}}, "items": {"$ref": "#/definitions/s", "maxLength": 1}},
         ("items", "maxLength"), "draft-07 ignores 'maxLength' next to '$ref': put both into 'allOf'"),
        ({"contentEncoding": "base64"}, ("contentEncoding",), "not checked"),
        ({"properties": {"d": {"format": "dat"}}}, ("properties", "d", "format"), "unknown format 'dat'; did you mean"),
        ({"format": "int32"}, ("format",), "unknown format 'int32'"),
        ({"items": {"$ref": "https://example.org/a.json"}}, ("items", "$ref"), "only references inside the schema"),
        ({"items": {"$ref": "#/default"}, "default": {"requird": []}}, ("items", "$ref"), "not a schema"),
        ({"properties": {"p": {"pattern": "(?=a)"}}}, ("properties", "p", "pattern"), "not a pattern that RE2 takes"),
        ({"$schema": "http://json-schema.org/schema#"}, ("$schema",), "unknown '$schema'"),
        ({"items": {"$id": "x"}}, ("items", "$id"), "below the root"),
    ],
)  # fmt: skip
def test_what_would_not_be_checked_is_refused(
    schema: dict[str, Any], path: tuple[str | int, ...], message: str
) -> None:
    """A keyword that would check nothing, or less than it says, is refused with its place and the way out."""
    with pytest.raises(SchemaError) as caught:
        schema_problem(schema)
    assert message in str(caught.value)
    assert caught.value.path == path


@pytest.mark.parametrize("number", range(len(DRAFTS)))
def test_keywords_are_those_of_the_meta_schemas(number: int) -> None:
    """The table of keywords equals the official meta-schemas, without what they keep for compatibility only."""
    dialect = Dialect(number)
    official = set(dialect.validator.META_SCHEMA["properties"])
    for part in dialect.validator.META_SCHEMA.get("allOf", ()):
        official |= SPECIFICATIONS.contents(dialect.uri.removesuffix("schema") + part["$ref"])["properties"].keys()
    if number >= DRAFTS.index("2019-09"):
        official -= {"definitions", "dependencies"}
    if number == DRAFTS.index("2020-12"):
        official -= {"$recursiveAnchor", "$recursiveRef"}
    # Defined in the text of the draft, and missing in its meta-schema as jsonschema ships it.
    in_text = {"$ref", "format"} | ({"writeOnly"} if number == DRAFTS.index("draft-07") else set())
    assert {name for name in KEYWORDS if dialect.has(name)} == official | in_text


def test_names_of_properties_are_free() -> None:
    """Properties, definitions and constants may have any name: only keywords are checked."""
    names = ["requird", "$ref", "$id", "id", "format", "definitions", "x"]
    schema = {"properties": {name: {"const": {"$ref": "https://example.org", "requird": 1}} for name in names}}
    assert fits(schema, "{}")
    assert not fits(schema, '{"requird": 1}')
