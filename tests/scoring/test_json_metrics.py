"""JSON validity, JSON Schema, and attacks by hostile answers and schemas."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hang import in_time
from hypothesis import given
from hypothesis import strategies as st

from evalharness.errors import MetricError
from evalharness.scoring.metrics.json import MAX_CHARS, MAX_DEPTH, json_problem, json_schema, json_valid, schema_problem
from evalharness.scoring.schemas import validator
from evalharness.scoring.schemas.validator import MAX_REFERENCES

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
_opened: list[str] = []
_watch = [False]


def _listen(event: str, args: tuple[Any, ...], watch: list[bool] = _watch) -> None:
    if watch[0] and event.startswith(("socket.", "urllib.", "open")):
        _opened.append(f"{event} {args}")


sys.addaudithook(_listen)


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """The files and sockets that are opened in the block."""
    _opened.clear()
    _watch[0] = True
    yield _opened
    _watch[0] = False


@pytest.mark.parametrize(
    "text",
    ['{"a": [1, 2.5e3, true, null, "\\u00e9"]}', ' "x"\n', "0", "-0.0", "[]", '{"a": {"a": 1}}', '"\\ud800"', '"สวัสดี"'],
)
def test_valid(score: Any, text: str) -> None:
    """Any JSON text of RFC 8259 is valid, object or not."""
    assert score(json_valid(), text) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Expecting value"),
        ("{'a': 1}", "double quotes"),
        ('{"a": 1} and so on', "Extra data"),
        ("[1,]", "line 1"),
        ("[01]", "delimiter"),
        ('"a\nb"', "control character"),
        ("\ufeff1", "Expecting value"),  # section 8.1: no byte order mark
        ("\u00a01", "Expecting value"),  # JSON does not treat a no-break space as white space
        ("[NaN]", "NaN is not JSON"),
        ("-Infinity", "-Infinity is not JSON"),
        ('{"a": 1, "b": {"c": 1, "c": 1}}', "same name twice"),
        ("1e999", "beyond the range"),
        ("1e-999", "beyond the range"),  # a double would make it 0
        ("0." + "1" * 1_000, "more than 1,000 digits"),
        ("1" * 1_001, "more than 1,000 digits"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "more than 64 levels"),
        ("[" * 200_000, "more than 64 levels"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "more than 64 levels"),
        (" " * MAX_CHARS + "1", "more than 1,000,000 characters"),
        ("```json\n1\n```", "Expecting value"),
    ],
)
def test_invalid(score: Any, text: str, reason: str) -> None:
    """Texts that RFC 8259 forbids or leaves to readers score 0, with a reason, and never overflow the stack."""
    assert score(json_valid(), text) == 0
    assert reason in str(json_problem(text))


def test_the_deepest_that_is_taken(score: Any) -> None:
    """An answer with 64 levels is valid."""
    assert score(json_valid(), "[" * MAX_DEPTH + "]" * MAX_DEPTH) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1", 1),
        ("```json\n{}\n```", 1),
        ("\n```json \n{}\n```\n", 1),
        ("```json\n{}```", 1),
        ("```\n{}\n```", 0),
        ("Here:\n```json\n{}\n```", 0),
        ("```json\n{}\n```\n```json\n{}\n```", 0),
        ("```json\n{}", 0),
        ("```json", 0),
    ],
)
def test_fenced(score: Any, text: str, expected: float) -> None:
    """With `fenced` the answer may be one json block, without text around it."""
    assert score(json_valid(fenced=True), text) == expected
    assert score(json_schema({}, fenced=True), text) == expected


@given(_VALUES)
def test_what_python_writes_is_valid(score: Any, value: Any) -> None:
    """Every value that Python writes as JSON is valid, and fits a schema of its type."""
    text = json.dumps(value)
    assert score(json_valid(), text) == 1
    assert score(json_schema({"const": value}), text) == 1


@given(st.text(st.sampled_from('[]{}",:0123e-.NaI \n')))
def test_agrees_with_python(score: Any, text: str) -> None:
    """A text that Python's own reader refuses is never valid."""
    if score(json_valid(), text) == 1:
        json.loads(text)


_ANSWER = {
    "type": "object",
    "properties": {"days": {"type": "integer", "minimum": 1}, "code": {"type": "string", "pattern": "^[A-Z]{2}$"}},
    "required": ["days"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "text", "reason"),
    [
        (_ANSWER, '{"days": 30, "code": "DE"}', None),
        (_ANSWER, '{"days": 30.0}', None),  # JSON Schema: 30.0 is an integer
        (_ANSWER, '{"days": 0}', "at $.days: 0 is less than the minimum of 1"),
        (_ANSWER, "{}", "'days' is a required property"),
        (_ANSWER, '{"days": 1, "code": "de"}', "at $.code: 'de' does not match"),
        (_ANSWER, '{"days": 1, "other": 1}', "'other' was unexpected"),
        (_ANSWER, "{", "Expecting property name"),
        ({"patternProperties": {"^n_": {"type": "number"}}}, '{"n_a": 1, "b": "x"}', None),
        ({"patternProperties": {"^n_": {"type": "number"}}}, '{"n_a": "x"}', "at $.n_a: 'x' is not of type"),
        ({"patternProperties": {"^n_": {}}, "additionalProperties": False}, '{"n_a": 1}', None),
        ({"patternProperties": {"^n_": {}}, "additionalProperties": False}, '{"m_a": 1}', "'m_a' was unexpected"),
        ({"additionalProperties": {"type": "string"}}, '{"a": 1}', "at $.a: 1 is not of type 'string'"),
        ({"uniqueItems": True}, '[1, true, "1", [1], {"a": 1, "b": 2}]', None),
        ({"uniqueItems": True}, "[1, 1.0]", "not unique"),
        ({"uniqueItems": True}, '[{"a": 1, "b": 2}, {"b": 2, "a": 1}]', "not unique"),
        ({"$defs": {"t": {"items": {"$ref": "#/$defs/t"}, "maxItems": 1}}, "$ref": "#/$defs/t"}, "[[[]]]", None),
        (
            {"$defs": {"t": {"items": {"$ref": "#/$defs/t"}, "maxItems": 1}}, "$ref": "#/$defs/t"},
            "[[1, 2]]",
            "too long",
        ),
        ({"properties": {"$schema": {"type": "string"}, "pattern": {"type": "string"}}}, '{"$schema": "("}', None),
        ({"$schema": "https://json-schema.org/draft/2020-12/schema", "prefixItems": [{"const": 1}]}, "[1, 2]", None),
    ],
)
def test_schema(score: Any, schema: dict[str, Any], text: str, reason: str | None) -> None:
    """The score is 1 for an answer that fits, else 0 with the place. Expectations follow the 2020-12 specification."""
    assert score(json_schema(schema), text) == (reason is None)
    problem = schema_problem(schema)(text)
    assert problem is None if reason is None else reason in str(problem)


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ({"type": "objet"}, r"wrong at \$\.type"),
        ({"pattern": "(a"}, r"missing \)"),
        ({"items": {"patternProperties": {"(?!a)": {}}}}, "not a pattern that RE2 takes"),
        ({"$ref": "https://example.org/schema.json"}, "only references inside the schema"),
        ({"items": {"$ref": "file:///etc/passwd"}}, "only references inside the schema"),
        ({"$dynamicRef": "other#a"}, "only references inside the schema"),
        ({"$ref": "#/$defs/nowhere"}, "which is not in it"),
        (
            {"$schema": "http://json-schema.org/draft-03/schema#"},
            "unknown '\\$schema'.*2020-12/schema",
        ),
        ({"items": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": "(a+)+$"}}, "below the root"),
        ({"items": {"$id": "https://example.org/"}}, "below the root"),
        ({"patternProperties": {"a": {}}, "unevaluatedProperties": False}, "cannot have unevaluatedProperties"),
        ({"const": {1, 2}}, "JSON values only"),
        ({"const": float("nan")}, "JSON values only"),
        (json.loads('{"not":' * 900 + "{}" + "}" * 900), "nested too deeply|JSON values only"),
    ],
)
def test_bad_schemas(schema: dict[str, Any], reason: str) -> None:
    """An invalid schema or one with outside references is refused when the metric is opened."""
    with pytest.raises(ValueError, match=reason):
        json_schema(schema)


def test_nothing_is_opened(opened: list[str]) -> None:
    """A reference to a URL, a file or the identifier of the schema itself opens no socket and no file."""
    schema_problem({"$id": "https://example.org/a", "$defs": {"x": {}}, "$ref": "#/$defs/x"})("1")
    opened.clear()  # read by the import of jsonschema
    for reference in ("https://example.org/a", "file:///etc/hostname", "http://127.0.0.1:9/x", "//example.org/x"):
        with pytest.raises(ValueError, match="only references inside the schema"):
            json_schema({"$ref": reference})
    schema_problem({"$id": "https://example.org/a", "$defs": {"x": {}}, "$ref": "#/$defs/x"})("1")
    assert opened == []


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"pattern": "^(a+)+$"}, '"' + "a" * 50_000 + '!"'),
        ({"patternProperties": {"^(a+)+$": {}}}, '{"' + "a" * 50_000 + '!": 1}'),
        ({"patternProperties": {"^(a+)+$": {}}, "additionalProperties": {}}, '{"' + "a" * 50_000 + '!": 1}'),
        ({"uniqueItems": True}, json.dumps([[i, None] if i % 2 else {"a": i} for i in range(40_000)])),
    ],
    ids=["pattern", "patternProperties", "additionalProperties", "uniqueItems"],
)
def test_hostile_answers_are_linear(schema: dict[str, Any], text: str) -> None:
    """Answers that take jsonschema hours get a score."""
    with in_time():
        schema_problem(schema)(text)


def test_a_loop_in_the_schema_is_an_error(score: Any) -> None:
    """An endless self-reference of a schema is an error of the metric, not a 0 for the answer."""
    with pytest.raises(MetricError, match="too deeply"):
        score(json_schema({"$ref": "#"}), "1")


def test_a_schema_that_doubles_is_an_error(score: Any) -> None:
    """Forty definitions, each of them twice the next, take 2^40 steps; the metric stops at the limit."""
    doubled = {f"d{i}": {"allOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)}
    with pytest.raises(MetricError, match=f"more than {MAX_REFERENCES:,} references"):
        score(json_schema({"$defs": doubled | {"d40": {}}, "$ref": "#/$defs/d0"}), "1")


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"items": {"allOf": [{"type": "number"}] * 2_000}}, json.dumps([1] * 60_000)),
        ({"allOf": [{"items": True}] * 2_000}, json.dumps([1] * 60_000)),
        ({"items": {"properties": {f"a{i}": True for i in range(4_000)}}}, json.dumps([{}] * 60_000)),
        ({"patternProperties": {f"a{i}": True for i in range(4_000)}}, json.dumps({f"b{i}": 1 for i in range(20_000)})),
        ({"allOf": [{"items": {"type": "number"}}], "unevaluatedItems": False}, json.dumps([1] * 60_000)),
    ],
    ids=["keywords", "lists", "properties", "patterns", "unevaluated"],
)
def test_a_schema_times_a_response_is_bounded(
    score: Any, monkeypatch: pytest.MonkeyPatch, schema: dict[str, Any], text: str
) -> None:
    """A long response with a long schema, which takes hours, is an error of the metric. All kinds of checks count."""
    monkeypatch.setattr(validator, "MAX_CHECKS", 50_000)
    with in_time(), pytest.raises(MetricError, match="more than 50,000 checks"):
        score(json_schema(schema), text)


def test_a_million_checks_are_allowed(score: Any) -> None:
    """The limit for a response is a million checks."""
    schema = {"allOf": [{"items": True}] * 2_000}
    with in_time(), pytest.raises(MetricError, match="more than 1,000,000 checks"):
        score(json_schema(schema), json.dumps([1] * 60_000))


def test_a_long_response() -> None:
    """A response of a million characters with a usual schema gets a score."""
    item = {"type": "object", "required": ["id"], "properties": {"id": {"type": "integer"}, "tags": {"type": "array"}}}
    text = json.dumps([{"id": 1, "tags": ["a"]}] * 36_000)
    with in_time():
        assert schema_problem({"type": "array", "items": item})(text) is None


def test_signatures() -> None:
    """The signature has a short schema as text, and a long one as a digest that ignores the order of keys."""
    assert json_valid(fenced=True).signature == "json_valid|fenced:yes|v:1"
    assert json_schema({"type": "null"}).signature == (
        'json_schema|schema:"{\\"type\\": \\"null\\"}"|fenced:no|draft:2020-12|v:2'
    )
    turned = dict(reversed(_ANSWER.items()))
    assert json_schema(_ANSWER).signature == json_schema(turned).signature
    assert json_schema(_ANSWER).signature.startswith("json_schema|schema:sha256-")
