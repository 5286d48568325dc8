"""A response that was kept, and the key by which it is found again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from evalharness.records import Response

_RESPONSE = TypeAdapter(Response)
_MOST_PLACES, _PLACE_CHARS = 3, 60


@dataclass(frozen=True, slots=True)
class Recorded:
    """A response that was kept."""

    key: str
    request: str
    """What was asked, as canonical JSON."""
    response: Response
    asked_at: str
    """UTC, ISO 8601."""


def canonical(value: Any) -> str:
    """JSON that is the same for equal values: sorted keys, no blanks, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def request_key(request: str) -> str:
    """SHA-256 of a request as canonical JSON: everything that goes on the wire, and the identity of the model."""
    return hashlib.sha256(request.encode()).hexdigest()


def response_from_json(value: Any) -> Response:
    """A response from plain data. Raises ValueError when they are none."""
    if not isinstance(value, Mapping):
        raise ValueError("a response is a JSON object")
    try:
        return _RESPONSE.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None


def response_to_json(response: Response) -> dict[str, Any]:
    """A response as plain data."""
    value: dict[str, Any] = _RESPONSE.dump_python(response, mode="json")
    return value


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


def _leaves(value: Any, place: str = "") -> dict[str, Any]:
    """Every value that is no table or list, by its place: `wire.messages[1].content`."""
    if isinstance(value, dict):
        found = [_leaves(inner, f"{place}.{name}" if place else name) for name, inner in value.items()]
    elif isinstance(value, list):
        found = [_leaves(inner, f"{place}[{number}]") for number, inner in enumerate(value)]
    else:
        return {place: value}
    return {name: leaf for leaves in found for name, leaf in leaves.items()}


def _difference(place: str, recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    return f"{place}: {_short(recorded.get(place))} there, {_short(wanted.get(place))} here"


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _PLACE_CHARS else f"{text[: _PLACE_CHARS - 1]}…"
