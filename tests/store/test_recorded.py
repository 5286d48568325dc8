"""Keys of requests, and the message about the nearest recorded request."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.records import Response, Timing, Usage
from evalharness.store.recorded import (
    canonical,
    nearest,
    request_key,
    response_from_json,
    response_from_text,
    response_to_json,
)

TEXTS = st.text(st.characters(codec=None, categories=["L", "N", "P", "Z", "S", "C"]), max_size=8).filter(
    lambda text: json.loads(json.dumps(text)) == text  # JSON joins two adjacent halves of a surrogate pair
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
    """The value in a form in which 1, 1.0 and true differ, as do 0.0 and -0.0."""
    if isinstance(value, dict):
        return {name: strict(inner) for name, inner in value.items()}
    return [strict(inner) for inner in value] if isinstance(value, list) else (type(value), repr(value))


def shuffled(value: Any) -> Any:
    """The value with the keys of every object in another order."""
    if isinstance(value, dict):
        names = random.Random(3).sample(list(value), len(value))
        return {name: shuffled(value[name]) for name in names}
    return [shuffled(inner) for inner in value] if isinstance(value, list) else value


@given(VALUES, VALUES)
def test_equal_values_equal_keys(one: Any, other: Any) -> None:
    """Two requests have the same key if, and only if, they are equal."""
    same = request_key(canonical(one)) == request_key(canonical(other))
    assert same == (strict(one) == strict(other))


@given(VALUES)
def test_order_does_not_matter(value: Any) -> None:
    """The order of fields does not change the canonical text, which is ASCII and has the same value."""
    text = canonical(value)
    assert text == canonical(shuffled(value))
    assert text.isascii()
    assert strict(json.loads(text)) == strict(value)
    assert canonical(json.loads(text)) == text


def changes(value: Any) -> Iterator[Any]:
    """For each leaf, the value with this leaf changed."""
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
    """Changing any leaf of a request changes its key."""
    keys = {request_key(canonical(value)) for value in (REQUEST, *changes(REQUEST))}
    assert len(keys) == 1 + 9


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": [-math.inf]}])
def test_what_json_cannot_hold(value: Any) -> None:
    """NaN and infinity have no canonical text."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(value)


def with_wire(**changes: Any) -> dict[str, Any]:
    """The request with other fields; None removes a field."""
    wire = {name: value for name, value in {**REQUEST["wire"], **changes}.items() if value is not None}  # type: ignore[dict-item]
    return {**REQUEST, "wire": wire}


def test_nearest_of_several() -> None:
    """The recorded request with the fewest differences is named, with each place and both values."""
    others = {
        "far": {**with_wire(seed=7, temperature=0.5), "repeat": 1},
        "near": with_wire(seed=2),
        "farther": {"model": {}, "wire": {}, "repeat": 3},
    }
    message = nearest(canonical(REQUEST), [(name, canonical(value)) for name, value in others.items()])
    assert message == "the nearest recorded request, near, differs in wire.seed: recorded 2, requested 1"


@pytest.mark.parametrize(
    ("there", "here", "places"),
    [
        (with_wire(top_p=0.5), REQUEST, "wire.top_p: recorded 0.5, requested nothing"),
        (with_wire(seed=None), REQUEST, "wire.seed: recorded nothing, requested 1"),
        (
            with_wire(messages=[{"role": "system", "content": "Be brief."}]),
            REQUEST,
            "wire.messages[1].content: recorded ",
        ),
        ({**REQUEST, "repeat": 1}, REQUEST, "repeat: recorded 1, requested 0"),
        ({"a": "u" * 100}, {"a": "v" * 100}, 'a: recorded "' + "u" * 59 + '…, requested "' + "v" * 59 + "…"),
        (dict.fromkeys("abcde", 1), dict.fromkeys("abcde", 2), "c: recorded 1, requested 2; and 2 more"),
        ({"a": 1}, {"a": 1.0}, "a: recorded 1, requested 1.0"),
        ({"a": True}, {"a": 1}, "a: recorded true, requested 1"),
        ({"a": None}, {}, "differs in a: recorded null, requested nothing"),
        ({"a": []}, {}, "differs in a: recorded [], requested nothing"),
        ({"a": {}}, {"a": []}, "differs in a: recorded {}, requested []"),
    ],
)
def test_the_place_that_differs(there: Any, here: Any, places: str) -> None:
    """Each difference is listed with its place and both values."""
    assert places in nearest(canonical(here), [("k", canonical(there))])


def test_long_texts_that_differ_late() -> None:
    """Of two long texts, the part that differs is shown."""
    there, here = ("The same. " * 20 + end for end in ("Be brief.", "Be polite."))
    message = nearest(canonical({"a": here}), [("k", canonical({"a": there}))])
    assert "brief" in message
    assert "polite" in message


def test_nothing_recorded() -> None:
    """Without recorded requests, the message states that."""
    assert nearest(canonical(REQUEST), []) == "no responses are recorded yet"


LIKELY = replace(RESPONSE, logprobs=(-0.25, 0.0), golden_logprobs=((-1.5,), (-0.5, -12.3456)))


def test_token_counts_of_later_versions() -> None:
    """Counts of reasoning and of cache writes are kept, and left out if they are 0, as in older files."""
    usage = replace(RESPONSE.usage, reasoning_tokens=1, cache_write_tokens=2)
    kept = response_to_json(replace(RESPONSE, usage=usage))
    assert response_from_json(kept).usage == usage
    assert not response_to_json(RESPONSE)["usage"].keys() & {"reasoning_tokens", "cache_write_tokens"}
    assert response_from_json(response_to_json(RESPONSE)) == RESPONSE


def test_logprobs_round_trip() -> None:
    """Log-probabilities are read as written; a response without them has no field for them, as in older files."""
    assert response_from_json(json.loads(canonical(response_to_json(LIKELY)))) == LIKELY
    assert not response_to_json(RESPONSE).keys() & {"logprobs", "golden_logprobs"}
    assert response_from_json(response_to_json(RESPONSE)).golden_logprobs == ()
    assert response_from_json({**response_to_json(RESPONSE), "logprobs": [], "golden_logprobs": []}) == RESPONSE
    assert response_from_json({**response_to_json(RESPONSE), "logprobs": [-1, 0]}).logprobs == (-1.0, 0.0)


def test_decision_round_trip() -> None:
    """A decision is read as written, and left out if there is none, as in older files."""
    decided = replace(RESPONSE, decision=(0.25, 0.75), decided=0.5)
    assert response_from_json(json.loads(canonical(response_to_json(decided)))) == decided
    assert not response_to_json(RESPONSE).keys() & {"decision", "decided"}


def test_response_round_trip() -> None:
    """A response is read from JSON as written, including half a surrogate pair."""
    assert response_from_json(json.loads(canonical(response_to_json(RESPONSE)))) == RESPONSE


@pytest.mark.parametrize(
    ("change", "message"),
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
        ({"logprobs": ["-1"]}, "logprobs: expected numbers only"),
        ({"logprobs": [False]}, "logprobs: expected numbers only"),
        ({"logprobs": [0.5]}, "logprobs"),
        ({"logprobs": [-math.inf]}, "logprobs"),
        ({"golden_logprobs": [-1.0]}, "golden_logprobs"),
        ({"golden_logprobs": [[-1.0], ["-1"]]}, "golden_logprobs: expected numbers only"),
        ({"golden_logprobs": [[-1.0], [math.nan]]}, "golden_logprobs"),
        ({"decision": [0.5, 0.4]}, "decision: expected probabilities that add up to 1"),
        ({"decision": [1.5, -0.5]}, "decision: expected probabilities that add up to 1"),
        ({"decision": [True, 0.0]}, "decision: expected numbers only"),
        ({"decision": ["1"]}, "decision: expected numbers only"),
        ({"decision": [math.nan, 1.0]}, "decision: expected probabilities that add up to 1"),
        ({"decided": math.inf}, "decided"),
        ({"decided": True}, "decided"),
    ],
)
def test_invalid_response(change: dict[str, Any], message: str) -> None:
    """An invalid field of a response is an error with its name, in plain data and in JSON text."""
    value = {**response_to_json(RESPONSE), **change}
    with pytest.raises(ValueError, match=message):
        response_from_json(value)
    with pytest.raises(ValueError, match=message):
        response_from_text(json.dumps(value))


@given(
    change=st.dictionaries(st.sampled_from([one.name for one in fields(Response)]) | TEXTS, VALUES, max_size=2),
    usage=st.dictionaries(st.sampled_from([one.name for one in fields(Usage)]) | TEXTS, VALUES, max_size=1),
)
def test_text_and_data_are_read_alike(change: dict[str, Any], usage: dict[str, Any]) -> None:
    """A response in JSON text is the one of its plain data, or the same error."""
    plain = response_to_json(replace(RESPONSE, text="Yes."))
    value = plain | {"usage": plain["usage"] | usage} | change
    assert outcome(response_from_text, json.dumps(value)) == outcome(response_from_json, value)


def outcome(read: Callable[[Any], Response], given: Any) -> Response | str:
    """The response, or the message of its error."""
    try:
        return read(given)
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_response_is_an_object(value: Any) -> None:
    """A response must be a JSON object."""
    with pytest.raises(ValueError, match="expected a JSON object"):
        response_from_json(value)
