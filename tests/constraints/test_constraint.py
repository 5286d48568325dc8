"""What a grammar or a schema may be: refused with a sentence, or GBNF that stands for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hang import in_time
from hostile_constraints import HOSTILE

from evalharness.constraints import (
    GrammarProblem,
    SchemaProblem,
    canonical_schema,
    check_grammar,
    schema_to_gbnf,
)
from evalharness.errors import ProviderError
from evalharness.providers.constraint import gbnf
from evalharness.records import Params


def said(params: Params) -> str:
    """Why a grammar or a schema is refused, "" where it is taken."""
    with in_time():
        try:
            return "" if gbnf(params) else "no grammar, and no reason"
        except ProviderError as error:
            return str(error) if error.kind == "constraint" else f"{error.kind}: {error}"


def test_hostile() -> None:
    """A hostile grammar or schema is refused with a short sentence that says why, or checked; none hangs."""
    heard = {name: said(params) for name, (params, _) in HOSTILE.items()}
    failures = [
        f"{name}: {heard[name][:500] or 'taken'}"
        for name, (_, wanted) in HOSTILE.items()
        if not (wanted in heard[name] and bool(wanted) == bool(heard[name]) and len(heard[name]) < 300)
    ]
    assert not failures, "\n".join(failures)


def test_there_are_enough_of_them() -> None:
    """The table does not shrink unseen, and has both kinds."""
    refused = [name for name, (_, wanted) in HOSTILE.items() if wanted]
    assert len(HOSTILE) >= 60
    assert 40 <= len(refused) <= len(HOSTILE) - 10


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
    """A grammar as people write them passes, and is used as it is written."""
    assert gbnf(Params(grammar=text)) == text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('root ::= "a" |\n  b\n', "line 2, column 3: there is no rule 'b'"),
        ('root ::= "a"\n  | "b"', "line 2, column 3: the name of a rule should stand here, not '|'"),
        ('root ::= ("a"\n\n', "line 3, column 1: a closing parenthesis should stand here, not the end of the grammar"),
        ('root = "a"', "line 1, column 6: ::= should stand here, not '='"),
        ('root ::= "a")', "line 1, column 13: ')' cannot stand here"),
        ("root ::= a_b", "line 1, column 11: '_' cannot stand here"),
        ('root ::= "a" b ::= "c"', "line 1, column 16: '::=' cannot stand here"),
        ("root ::= * x", "line 1, column 10: there is nothing before '*' that it could repeat"),
        ('root ::= "a" ""?', "line 1, column 16: there is nothing before '?' that it could repeat"),
        ('root ::= "a"{x}', "line 1, column 13: a repetition that is not {m}, {m,} or {m,n} cannot stand here"),
        ('root ::= "a"\nroot ::= "b"', "line 2, column 1: the rule 'root' stands here twice"),
        ('root ::= "a"\n\troot2 ::= x', "line 2, column 12: there is no rule 'x'"),
    ],
)
def test_place_of_a_problem(text: str, wanted: str) -> None:
    """A problem of a grammar is named with line and column."""
    with pytest.raises(GrammarProblem) as caught:
        check_grammar(text)
    assert str(caught.value) == wanted


@pytest.mark.parametrize(
    ("schema", "path", "wanted"),
    [
        ({"type": "strin"}, ("type",), "there is no type strin"),
        ({"type": []}, ("type",), "there is no type []"),
        ({"minimum": 3, "type": "integer"}, ("minimum",), "'minimum' cannot be held to"),
        ({"type": "string", "format": "date"}, ("format",), "'format' cannot be held to"),
        ({"type": "string", "minItems": 1}, ("minItems",), "'minItems' has no meaning beside this 'type'"),
        ({"minItems": 1}, ("minItems",), "'minItems' needs a 'type' beside it"),
        ({"oneOf": [{}]}, ("oneOf",), "write 'anyOf'"),
        ({"allOf": [{}]}, ("allOf",), "'allOf' cannot be held to"),
        ({"not": {}}, ("not",), "'not' cannot be held to"),
        ({"anyOf": [{"type": "null"}], "type": "null"}, ("type",), "'type' has no meaning beside this 'anyOf'"),
        ({"anyOf": [{"type": "null"}, {"if": {}}]}, ("anyOf", 1, "if"), "'if' cannot be held to"),
        ({"anyOf": []}, ("anyOf",), "is a list that is not empty"),
        ({"enum": "ab"}, ("enum",), "is a list that is not empty"),
        ({"enum": [1, "a"], "type": "integer"}, (), "a is not of the type that stands beside it"),
        ({"const": True, "type": "number"}, (), "True is not of the type"),
        ({"const": float("inf")}, ("const",), "inf is nothing that JSON text has"),
        ({"const": "\ud800"}, ("const",), "is nothing that JSON text has"),
        ({"$ref": "#/$defs/a", "title": "t", "type": "null"}, ("type",), "beside this '$ref'"),
        ({"$defs": []}, ("$defs",), "'$defs' is a mapping"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, ("$schema",), "only the dialect"),
        ({"$id": "https://example.com"}, ("$id",), "'$id' cannot be held to"),
        ({"type": "object", "properties": []}, ("properties",), "is a mapping of schemas"),
        ({"type": "object", "properties": {"a": 1}}, ("properties", "a"), "a schema is a mapping"),
        ({"type": "object", "properties": {"a": False}}, ("properties", "a"), "a schema is a mapping"),
        ({"type": "object", "properties": {"a": {}}, "required": ["b"]}, ("required", 0), "b is required, but"),
        ({"type": "object", "properties": {"a": {}}, "required": [["a"]]}, ("required", 0), "is required, but"),
        ({"type": "object", "required": "a"}, ("required",), "is a list of names"),
        ({"type": "object", "properties": {"a": {}}, "additionalProperties": True}, ("additionalProperties",), "twice"),
        ({"type": "array", "items": {"uniqueItems": True}}, ("items", "uniqueItems"), "cannot be held to"),
        ({"type": "array", "prefixItems": [{}]}, ("prefixItems",), "cannot be held to"),
        ({"type": "string", "maxLength": True}, ("maxLength",), "a whole number"),
        ({"type": "string", "maxLength": 2.0}, ("maxLength",), "a whole number"),
        ({1: 2}, (), "a name in a schema is text"),
        ({"a": b""}, ("a",), "is nothing that JSON text has"),
        ([], (), "a schema is a mapping"),
        ("x", (), "a schema is a mapping"),
    ],
)  # fmt: skip
def test_nothing_is_read_over(schema: Any, path: tuple[str | int, ...], wanted: str) -> None:
    """What a grammar cannot hold to is refused, with the place of the keyword."""
    with pytest.raises(SchemaProblem) as caught:
        schema_to_gbnf(schema)
    assert (caught.value.path, wanted in str(caught.value)) == (path, True), str(caught.value)


def test_remarks_say_nothing() -> None:
    """Keywords that allow and forbid nothing change nothing."""
    remarks = {"title": "T", "description": "D", "default": 1, "examples": [2], "$comment": "C", "deprecated": True}
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    assert schema_to_gbnf({"type": "integer", **remarks, **dialect}) == schema_to_gbnf({"type": "integer"})


def test_canonical_schema() -> None:
    """The order of keywords is nobody's business, the order of properties is an answer's."""
    one = {"type": "object", "properties": {"b": {"type": "null"}, "a": {"properties": {"z": True, "y": True}}}}
    two = {"properties": {"b": {"type": "null"}, "a": {"properties": {"z": True, "y": True}}}, "type": "object"}
    other = {"type": "object", "properties": dict(reversed(one["properties"].items()))}  # type: ignore[attr-defined]
    assert canonical_schema(one) == canonical_schema(two) != canonical_schema(other)
    assert list(json.loads(canonical_schema(one))["properties"]["a"]["properties"]) == ["z", "y"]


def test_neither_or_both() -> None:
    """Without a grammar and a schema there is none; with both nobody could say which holds."""
    assert gbnf(Params()) == ""
    with pytest.raises(ProviderError, match="both say what an answer may be"):
        gbnf(Params(grammar='root ::= "a"', json_schema="{}"))
