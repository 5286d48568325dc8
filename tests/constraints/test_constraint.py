"""Grammars and schemas are rejected with a message, or give GBNF."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hang import in_time
from hostile_constraints import HOSTILE

from evalharness.constraints import (
    GrammarError,
    SchemaError,
    canonical_schema,
    check_grammar,
    schema_to_gbnf,
)
from evalharness.errors import ProviderError
from evalharness.providers.constraint import gbnf
from evalharness.records import Params


def rejection(params: Params) -> str:
    """Why a grammar or a schema is rejected, "" if it is accepted."""
    with in_time():
        try:
            return "" if gbnf(params) else "no grammar and no error"
        except ProviderError as error:
            return str(error) if error.kind == "constraint" else f"{error.kind}: {error}"


def test_hostile() -> None:
    """A hostile grammar or schema is rejected with a short message or accepted, and never hangs."""
    rejections = {name: rejection(params) for name, (params, _) in HOSTILE.items()}
    failures = [
        f"{name}: {rejections[name][:500] or 'accepted'}"
        for name, (_, wanted) in HOSTILE.items()
        if not (wanted in rejections[name] and bool(wanted) == bool(rejections[name]) and len(rejections[name]) < 300)
    ]
    assert not failures, "\n".join(failures)


def test_there_are_enough_of_them() -> None:
    """The table keeps at least 60 entries of both kinds."""
    rejected = [name for name, (_, wanted) in HOSTILE.items() if wanted]
    assert len(HOSTILE) >= 60
    assert 40 <= len(rejected) <= len(HOSTILE) - 10


@pytest.mark.parametrize(
    "text",
    [
        'root ::= "yes" | "no"',
        '# comment\nroot ::= (a |\n  b)+ # and more\na ::= [a-zA-Z0-9_-]{2,}\r\n\nb ::= [^"\\\\\\x00-\\x1f] .\n',
        'root   ::= item+\nitem ::= "- " [^\\r\\n\\u2028\\U0001F600]+ "\\n"',
        'root ::= expr\nexpr ::= term ([-+*/] term)*\nterm ::= [0-9]{1,3} | "(" expr ")"',
        'root ::=\n  "a"{ 2 , 3 } ("b"?)? ""',
    ],
)
def test_good_grammars(text: str) -> None:
    """A common grammar is accepted and used as it is written."""
    assert gbnf(Params(grammar=text)) == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('root ::= "a" |\n  b\n', "line 2, column 3: undefined rule 'b'"),
        ('root ::= "a"\n  | "b"', "line 2, column 3: expected a rule name, got '|'"),
        ('root ::= ("a"\n\n', "line 3, column 1: expected ')', got the end of the grammar"),
        ('root = "a"', "line 1, column 6: expected '::=', got '='"),
        ('root ::= "a")', "line 1, column 13: unexpected ')'"),
        ("root ::= a_b", "line 1, column 11: unexpected '_'"),
        ('root ::= "a" b ::= "c"', "line 1, column 16: unexpected '::='"),
        ("root ::= * x", "line 1, column 10: nothing to repeat before '*'"),
        ('root ::= "a" ""?', "line 1, column 16: nothing to repeat before '?'"),
        ('root ::= "a"{x}', "line 1, column 13: invalid repetition: expected {m}, {m,} or {m,n}"),
        ('root ::= "a"\nroot ::= "b"', "line 2, column 1: duplicate rule 'root'"),
        ('root ::= "a"\n\troot2 ::= x', "line 2, column 12: undefined rule 'x'"),
    ],
)
def test_place_of_a_problem(text: str, wanted: str) -> None:
    """A problem of a grammar has its line and column."""
    with pytest.raises(GrammarError) as caught:
        check_grammar(text)
    assert str(caught.value) == wanted


@pytest.mark.parametrize(
    ("schema", "path", "wanted"),
    [
        ({"type": "strin"}, ("type",), "unknown type strin"),
        ({"type": []}, ("type",), "unknown type []"),
        ({"minimum": 3, "type": "integer"}, ("minimum",), "unsupported keyword 'minimum'"),
        ({"type": "object", "requird": []}, ("requird",), "unknown keyword 'requird'; did you mean 'required'?"),
        ({"type": "string", "format": "date"}, ("format",), "unsupported keyword 'format'"),
        ({"type": "string", "minItems": 1}, ("minItems",), "'minItems' cannot be combined with this 'type'"),
        ({"minItems": 1}, ("minItems",), "'minItems' needs a 'type'"),
        ({"oneOf": [{}]}, ("oneOf",), "use 'anyOf'"),
        ({"allOf": [{}]}, ("allOf",), "unsupported keyword 'allOf'"),
        ({"not": {}}, ("not",), "unsupported keyword 'not'"),
        ({"anyOf": [{"type": "null"}], "type": "null"}, ("type",), "'type' cannot be combined with this 'anyOf'"),
        ({"anyOf": [{"type": "null"}, {"if": {}}]}, ("anyOf", 1, "if"), "unsupported keyword 'if'"),
        ({"anyOf": []}, ("anyOf",), "must be a non-empty list"),
        ({"enum": "ab"}, ("enum",), "must be a non-empty list"),
        ({"enum": [1, "a"], "type": "integer"}, (), "a does not match 'type'"),
        ({"const": True, "type": "number"}, (), "True does not match 'type'"),
        ({"const": float("inf")}, ("const",), "inf is not valid JSON"),
        ({"const": "\ud800"}, ("const",), "is not valid JSON"),
        ({"$ref": "#/$defs/a", "title": "t", "type": "null"}, ("type",), "combined with this '$ref'"),
        ({"$defs": []}, ("$defs",), "'$defs' must be a mapping"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, ("$schema",), "unsupported dialect"),
        ({"$id": "https://example.com"}, ("$id",), "unsupported keyword '$id'"),
        ({"type": "object", "properties": []}, ("properties",), "must be a mapping of schemas"),
        ({"type": "object", "properties": {"a": 1}}, ("properties", "a"), "a schema must be a mapping"),
        ({"type": "object", "properties": {"a": False}}, ("properties", "a"), "a schema must be a mapping"),
        ({"type": "object", "properties": {"a": {}}, "required": ["b"]}, ("required", 0), "property b is not in"),
        ({"type": "object", "properties": {"a": {}}, "required": [["a"]]}, ("required", 0), "is not in"),
        ({"type": "object", "required": "a"}, ("required",), "must be a list of names"),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, ("additionalProperties",), "twice"),
        ({"type": "array", "items": {"uniqueItems": True}}, ("items", "uniqueItems"), "unsupported keyword"),
        ({"type": "array", "prefixItems": [{}]}, ("prefixItems",), "unsupported keyword"),
        ({"type": "string", "maxLength": True}, ("maxLength",), "must be an integer"),
        ({"type": "string", "maxLength": 2.0}, ("maxLength",), "must be an integer"),
        ({1: 2}, (), "schema keys must be strings"),
        ({"a": b""}, ("a",), "is not valid JSON"),
        ([], (), "a schema must be a mapping"),
        ("x", (), "a schema must be a mapping"),
    ],
)  # fmt: skip
def test_unsupported_schemas(schema: Any, path: tuple[str | int, ...], wanted: str) -> None:
    """A schema that a grammar cannot enforce is rejected with the path of the keyword."""
    with pytest.raises(SchemaError) as caught:
        schema_to_gbnf(schema)
    assert (caught.value.path, wanted in str(caught.value)) == (path, True), str(caught.value)


def test_annotations_change_nothing() -> None:
    """Annotations such as `title` do not change the grammar."""
    remarks = {"title": "T", "description": "D", "default": 1, "examples": [2], "$comment": "C", "deprecated": True}
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    assert schema_to_gbnf({"type": "integer", **remarks, **dialect}) == schema_to_gbnf({"type": "integer"})


def test_canonical_schema() -> None:
    """The order of keywords does not matter; the order of properties does."""
    one = {"type": "object", "properties": {"b": {"type": "null"}, "a": {"properties": {"z": True, "y": True}}}}
    two = {"properties": {"b": {"type": "null"}, "a": {"properties": {"z": True, "y": True}}}, "type": "object"}
    other = {"type": "object", "properties": dict(reversed(one["properties"].items()))}  # type: ignore[attr-defined]
    assert canonical_schema(one) == canonical_schema(two) != canonical_schema(other)
    assert list(json.loads(canonical_schema(one))["properties"]["a"]["properties"]) == ["z", "y"]


def test_neither_or_both() -> None:
    """Without a grammar and a schema the answer is free; both together are an error."""
    assert gbnf(Params()) == ""
    with pytest.raises(ProviderError, match="both constrain the response"):
        gbnf(Params(grammar='root ::= "a"', json_schema="{}"))
