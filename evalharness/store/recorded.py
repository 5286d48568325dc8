"""A response that was kept, and the key by which it is found again."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from evalharness.records import Response
from evalharness.redaction import scrubbed, shortened

_RESPONSE = TypeAdapter(Response)
_MOST_PLACES, _PLACE_CHARS = 3, 60
_TEXTS = ("contexts",)
_OPTIONAL = ("logprobs", "golden_logprobs", "contexts")
"""Fields that older files lack: left out where there is nothing to say."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A response that was kept."""

    key: str
    request: str
    """What was asked, as canonical JSON."""
    response: Response
    recorded_at: str
    """UTC, ISO 8601."""


def canonical(value: Any) -> str:
    """JSON that is the same for equal values: sorted keys, no blanks, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def request_key(request: str) -> str:
    """SHA-256 of a request as canonical JSON: everything that goes on the wire, and the identity of the model."""
    return hashlib.sha256(request.encode()).hexdigest()


def response_from_json(value: Any) -> Response:
    """A response from plain data. Raises ValueError, with the name of the field, when they are none."""
    if not isinstance(value, Mapping):
        raise ValueError("a response is a JSON object")
    try:
        response = _RESPONSE.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    _check_fields(value, _RESPONSE.dump_python(response, mode="json"))
    if not response.is_sound:
        raise ValueError("logprobs or golden_logprobs: a number is no logarithm of a probability")
    return response


def _check_fields(given: Mapping[str, Any], read: Mapping[str, Any], place: str = "") -> None:
    """Nothing was read over, and nothing read as what it is not. Raises ValueError."""
    for name, value in given.items():
        if name not in read:
            raise ValueError(f"{place}{name}: there is no such field")
        if isinstance(value, Mapping):
            _check_fields(value, read[name], f"{place}{name}.")
        elif type(value) is not type(read[name]) and not (type(value) is int and type(read[name]) is float):
            raise ValueError(f"{place}{name}: it is {shortened(value, 40)!r}, which is no {type(read[name]).__name__}")
        elif (
            isinstance(value, list)
            and name != "contexts"
            and not all(type(leaf) in (int, float) for leaf in _flat(value))
        ):
            raise ValueError(f"{place}{name}: it holds what is no number")
        elif isinstance(value, int | float) and not 0 <= value < math.inf:
            raise ValueError(f"{place}{name}: {value} is no number that a response can have")


def _are_numbers(value: list[Any]) -> bool:
    return all(type(leaf) in (int, float) for leaf in _flat(value))


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for inner in value:
            yield from _flat(inner)
    else:
        yield value


def response_to_json(response: Response) -> dict[str, Any]:
    """A response as plain data."""
    value: dict[str, Any] = _RESPONSE.dump_python(response, mode="json")
    return without_empty(value)


def without_empty(response: dict[str, Any]) -> dict[str, Any]:
    """A response as plain data, without log-probabilities that nobody asked for."""
    return {name: value for name, value in response.items() if value or name not in _OPTIONAL}


def nearest(request: str, candidates: Iterable[tuple[str, str]]) -> str:
    """Which of the recorded requests, pairs of key and canonical JSON, differs least from this one, and in what."""
    wanted = _leaves(json.loads(request))
    best: tuple[int, str, list[str]] | None = None
    for key, text in candidates:
        other = _leaves(json.loads(text))
        places = sorted(place for place in wanted.keys() | other.keys() if wanted.get(place) != other.get(place))
        if best is None or len(places) < best[0]:
            best = len(places), key, [_difference(place, other, wanted) for place in places[:_MOST_PLACES]]
    if best is None:
        return "nothing is recorded yet"
    number, key, differences = best
    more = f" and {number - len(differences)} more" if number > len(differences) else ""
    return f"the nearest recorded request, {key[:12]}, differs in {'; '.join(differences)}{more}"


def _leaves(value: Any, place: str = "") -> dict[str, str]:
    """Every value that holds no other, as JSON, by its place: `wire.messages[1].content`."""
    if isinstance(value, dict) and value:
        found = [_leaves(inner, f"{place}.{name}" if place else name) for name, inner in value.items()]
    elif isinstance(value, list) and value:
        found = [_leaves(inner, f"{place}[{number}]") for number, inner in enumerate(value)]
    else:
        return {place: json.dumps(scrubbed(value), ensure_ascii=False)} if place else {}
    return {name: leaf for leaves in found for name, leaf in leaves.items()}


def _difference(place: str, recorded: Mapping[str, str], wanted: Mapping[str, str]) -> str:
    there, here = recorded.get(place, "nothing"), wanted.get(place, "nothing")
    same = next((i for i, (a, b) in enumerate(zip(there, here, strict=False)) if a != b), min(len(there), len(here)))
    return f"{place}: {_around(there, same)} there, {_around(here, same)} here"


def _around(text: str, place: int) -> str:
    """A piece of the text that shows what stands at a place."""
    start = max(0, place - _PLACE_CHARS // 3) if len(text) > _PLACE_CHARS else 0
    piece = text[start : start + _PLACE_CHARS]
    return f"{'…' if start else ''}{piece}{'…' if start + _PLACE_CHARS < len(text) else ''}"
