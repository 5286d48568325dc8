"""By what a request is known, and what is said of the nearest one where it is not."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.records import Response, Timing, Usage
from evalharness.store.recorded import canonical, nearest, request_key, response_from_json, response_to_json

TEXTS = st.text(st.characters(codec=None, categories=["L", "N", "P", "Z", "S", "C"]), max_size=8).filter(
    lambda text: json.loads(json.dumps(text)) == text  # two halves of a surrogate pair side by side are one in JSON
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
RESPONSE = Response(
    "Yes. \ud83d \u2028 \U0001f600", "length", Usage(9, 1, 3, True), Timing(0.5, 0.1, None, 40.5), "m", "f"
)


def strict(value: Any) -> Any:
    """The value so that Python's `==` compares as JSON does: 1 is neither 1.0 nor true, and -0.0 is not 0.0."""
    if isinstance(value, dict):
        return {name: strict(inner) for name, inner in value.items()}
    return [strict(inner) for inner in value] if isinstance(value, list) else (type(value), repr(value))


def shuffled(value: Any) -> Any:
    """The same with every table in another order."""
    if isinstance(value, dict):
        names = random.Random(3).sample(list(value), len(value))
        return {name: shuffled(value[name]) for name in names}
    return [shuffled(inner) for inner in value] if isinstance(value, list) else value


@given(VALUES, VALUES)
def test_equal_values_equal_keys(one: Any, other: Any) -> None:
    """Two requests have the same key exactly if they are equal."""
    same = request_key(canonical(one)) == request_key(canonical(other))
    assert same == (strict(one) == strict(other))


@given(VALUES)
def test_order_does_not_matter(value: Any) -> None:
    """The order of a table's fields changes neither text nor key, and the text is ASCII that reads as the value."""
    text = canonical(value)
    assert text == canonical(shuffled(value))
    assert text.isascii()
    assert strict(json.loads(text)) == strict(value)
    assert canonical(json.loads(text)) == text


def changes(value: Any) -> Iterator[Any]:
    """The value with one leaf changed, for each of its leaves."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from ({**value, name: changed} for changed in changes(inner))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from ([*value[:number], changed, *value[number + 1 :]] for changed in changes(inner))
    else:
        yield "something else"


REQUEST = {
    "model": {"provider": "openai", "base_urls": ["http://a/v1"], "model": "m"},
    "wire": {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}], "seed": 1},
    "repeat": 0,
}


def test_every_leaf_counts() -> None:
    """Whatever is changed in a request, it has another key."""
    keys = {request_key(canonical(value)) for value in (REQUEST, *changes(REQUEST))}
    assert len(keys) == 1 + 9


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": [-math.inf]}])
def test_what_json_cannot_hold(value: Any) -> None:
    """A number that JSON cannot hold has no key."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(value)


def with_wire(**changes: Any) -> dict[str, Any]:
    """The request, asked otherwise; None takes a field away."""
    wire = {name: value for name, value in {**REQUEST["wire"], **changes}.items() if value is not None}  # type: ignore[dict-item]
    return {**REQUEST, "wire": wire}


def test_nearest_of_several() -> None:
    """The recorded request that differs least is named, with each place and both values."""
    others = {
        "far": {**with_wire(seed=7, temperature=0.5), "repeat": 1},
        "near": with_wire(seed=2),
        "farther": {"model": {}, "wire": {}, "repeat": 3},
    }
    said = nearest(canonical(REQUEST), [(name, canonical(value)) for name, value in others.items()])
    assert said == "the nearest recorded request, near, differs in wire.seed: 2 there, 1 here"


@pytest.mark.parametrize(
    ("there", "here", "places"),
    [
        (with_wire(top_p=0.5), REQUEST, "wire.top_p: 0.5 there, nothing here"),
        (with_wire(seed=None), REQUEST, "wire.seed: nothing there, 1 here"),
        (with_wire(messages=[{"role": "system", "content": "Be brief."}]), REQUEST, "wire.messages[1].content: "),
        ({**REQUEST, "repeat": 1}, REQUEST, "repeat: 1 there, 0 here"),
        ({"a": "u" * 100}, {"a": "v" * 100}, 'a: "' + "u" * 59 + '… there, "' + "v" * 59 + "… here"),
        (dict.fromkeys("abcde", 1), dict.fromkeys("abcde", 2), "c: 1 there, 2 here and 2 more"),
        ({"a": 1}, {"a": 1.0}, "a: 1 there, 1.0 here"),
        ({"a": True}, {"a": 1}, "a: true there, 1 here"),
        ({"a": None}, {}, "differs in a: null there, nothing here"),
        ({"a": []}, {}, "differs in a: [] there, nothing here"),
        ({"a": {}}, {"a": []}, "differs in a: {} there, [] here"),
    ],
)
def test_the_place_that_differs(there: Any, here: Any, places: str) -> None:
    """Whatever the difference is, its place is named with what stands there on either side."""
    assert places in nearest(canonical(here), [("k", canonical(there))])


def test_long_texts_that_differ_late() -> None:
    """Of two long texts, that part is shown in which they differ."""
    there, here = ("The same. " * 20 + end for end in ("Be brief.", "Be polite."))
    said = nearest(canonical({"a": here}), [("k", canonical({"a": there}))])
    assert "brief" in said
    assert "polite" in said


def test_nothing_recorded() -> None:
    """With nothing to compare, it says so."""
    assert nearest(canonical(REQUEST), []) == "nothing is recorded yet"


LIKELY = replace(RESPONSE, logprobs=(-0.25, 0.0), golden_logprobs=((-1.5,), (-0.5, -12.3456)))


def test_logprobs_round_trip() -> None:
    """Log-probabilities survive JSON; a response without them holds no word of them, as before there were any."""
    assert response_from_json(json.loads(canonical(response_to_json(LIKELY)))) == LIKELY
    assert not response_to_json(RESPONSE).keys() & {"logprobs", "golden_logprobs"}
    assert response_from_json(response_to_json(RESPONSE)).golden_logprobs == ()
    assert response_from_json({**response_to_json(RESPONSE), "logprobs": [], "golden_logprobs": []}) == RESPONSE
    assert response_from_json({**response_to_json(RESPONSE), "logprobs": [-1, 0]}).logprobs == (-1.0, 0.0)


def test_response_round_trip() -> None:
    """A response survives JSON, half a surrogate pair included."""
    assert response_from_json(json.loads(canonical(response_to_json(RESPONSE)))) == RESPONSE


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"text": None}, "text"),
        ({"finish_reason": "banana"}, "finish_reason"),
        ({"usage": {"prompt_tokens": 1}}, "usage.completion_tokens"),
        ({"usage": {"prompt_tokens": -1, "completion_tokens": 1}}, "prompt_tokens"),
        ({"usage": {"prompt_tokens": "9", "completion_tokens": 1}}, "prompt_tokens"),
        ({"timing": {"total_s": -0.5}}, "total_s"),
        ({"timing": {"total_s": "soon"}}, "timing.total_s"),
        ({"timing": []}, "timing"),
        ({"banana": 1}, "banana"),
        ({"logprobs": None}, "logprobs"),
        ({"logprobs": -1.0}, "logprobs"),
        ({"logprobs": ["-1"]}, "logprobs: it holds what is no number"),
        ({"logprobs": [False]}, "logprobs: it holds what is no number"),
        ({"logprobs": [0.5]}, "logprobs"),
        ({"logprobs": [-math.inf]}, "logprobs"),
        ({"golden_logprobs": [-1.0]}, "golden_logprobs"),
        ({"golden_logprobs": [[-1.0], ["-1"]]}, "golden_logprobs: it holds what is no number"),
        ({"golden_logprobs": [[-1.0], [math.nan]]}, "golden_logprobs"),
    ],
)
def test_no_response(change: dict[str, Any], said: str) -> None:
    """What no provider may return is no response either when it comes from a file, and the field is named."""
    with pytest.raises(ValueError, match=said):
        response_from_json({**response_to_json(RESPONSE), **change})


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_no_table(value: Any) -> None:
    """Only an object is a response."""
    with pytest.raises(ValueError, match="a response is a JSON object"):
        response_from_json(value)
