"""A grammar or a JSON schema under `params` is kept as text, or reported with line and column."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from evalharness.suites.schema import json_schema

Make = Callable[..., Any]

SCHEMA = """\
params:
  json_schema:
    type: object
    required: [sure, answer]
    properties:
      sure: {type: boolean}
      answer: {enum: [yes, 012, 1.5, null, "no"]}
"""
GRAMMAR = """\
params:
  max_tokens: 4
  grammar: |
    root ::= "yes" | no
    no   ::= "no" "."?
"""


def test_schema(project: Make, good: str) -> None:
    """A schema is stored as JSON text with sorted keywords, properties in order and resolved scalars."""
    params = project(good + SCHEMA).load().params
    assert params.json_schema == json.dumps(
        {
            "properties": {"sure": {"type": "boolean"}, "answer": {"enum": ["yes", "012", 1.5, None, "no"]}},
            "required": ["sure", "answer"],
            "type": "object",
        },
        separators=(",", ":"),
    )
    assert (params.grammar, len({params})) == ("", 1)


def test_grammar(project: Make, good: str) -> None:
    """A grammar is stored as it is written."""
    params = project(good + GRAMMAR).load().params
    assert (params.grammar, params.json_schema) == ('root ::= "yes" | no\nno   ::= "no" "."?\n', "")


@pytest.mark.parametrize("params", ["", "params: {grammar: ''}\n", "params: {max_tokens: 256}\n"])
def test_neither(project: Make, good: str, params: str) -> None:
    """Without a grammar or a schema the answer is not constrained."""
    found = project(good + params).load().params
    assert (found.grammar, found.json_schema) == ("", "")


def test_any_json(project: Make, good: str) -> None:
    """An empty schema constrains the answer to JSON."""
    assert project(good + "params: {json_schema: {}}\n").load().params.json_schema == "{}"


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("{type: boolean}", "{type: boolean, pattern: x}",
         "suites/s.yaml:15:29: json_schema: unsupported keyword 'pattern'"),
        ("[sure, answer]", "[sure, anser]", "suites/s.yaml:13:22: json_schema: required property anser is not in"),
        ("{type: boolean}", "{$ref: 'https://example.com'}", "suites/s.yaml:15:14: json_schema: unsupported reference"),
        ("    type: object\n", "", "suites/s.yaml:12:5: json_schema: 'required' needs a 'type'"),
        (SCHEMA, "params: {json_schema: [object]}\n", "suites/s.yaml:10:10: json_schema must be a mapping"),
        (SCHEMA, "params: {json_schema: object}\n", "suites/s.yaml:10:10: json_schema must be a mapping"),
        (SCHEMA, GRAMMAR.replace("| no", "| on"), "suites/s.yaml:12:3: grammar: line 1, column 18: undefined rule"),
        (SCHEMA, "params: {grammar: {root: x}}\n", "suites/s.yaml:10:10: grammar: must be a valid string"),
        (SCHEMA, "params: {grammar: 'root ::= \"a\"', json_schema: {}}\n",
         "suites/s.yaml:10:35: 'grammar' and 'json_schema' exclude each other"),
    ],
)  # fmt: skip
def test_problems(project: Make, good: str, old: str, new: str, wanted: str) -> None:
    """A problem has its position in the suite, down to the keyword of a schema."""
    assert old in SCHEMA
    (line,) = project(good + SCHEMA.replace(old, new)).problems()
    assert line.startswith(wanted), line


def test_editors_know() -> None:
    """The JSON Schema of suites describes both keys."""
    assert {"grammar", "json_schema"} <= json_schema()["$defs"]["ParamsSchema"]["properties"].keys()
