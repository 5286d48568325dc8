"""Recorded responses, and the keys of their requests."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from evalharness.records import Response
from evalharness.redaction import scrubbed, shortened
from evalharness.store.imported import Origin
from evalharness.store.upgrade import with_context_records

NOT_RECORDED = "no recorded response, and --llm-record=none forbids model calls"
"""The error of a request that is not sent."""
_RESPONSE = TypeAdapter(Response)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
_MOST_PLACES, _PLACE_CHARS = 3, 60
_ADDED = ("contexts", "tool_calls", "turns", "data", "citations", "empty")
"""Fields with records, JSON values or names. All other lists contain numbers."""
_OPTIONAL = (
    *("logprobs", "golden_logprobs", "decision", "contexts", "tool_calls", "turns"),
    *("reasoning", "refusal", "citations", "empty", "verbatim"),
)
"""Fields that older files lack. They are left out if they are empty."""
_OR_NONE = ("data", "cost_usd", "decided")
"""The same for fields that can be 0 or an empty list: they are left out if they are None."""
_NAMES = ("id", "title", "quote", "unknown")
"""The same for fields of contexts, tool calls and citations, which are also left out if they are None."""
_OPTIONAL_COUNTS = ("reasoning_tokens", "cache_write_tokens")
"""Fields of `usage` that older files lack. They are left out if they are 0."""


@dataclass(slots=True)  # not frozen: making a frozen one takes several times as long
class Recorded:
    """A recorded response."""

    key: str
    """See `request_key`."""
    request: str
    """The request, as canonical JSON."""
    response: Response
    recorded_at: str
    """UTC, ISO 8601."""
    origin: Origin | None = field(default=None, compare=False)
    """The recording that it was imported from; None for an answer of the endpoint to this machine."""


def canonical(value: Any) -> str:
    """Canonical JSON: equal values have equal texts. Sorted keys, no blanks, ASCII."""
    return _CANONICAL.encode(value)


def request_key(request: str) -> str:
    """SHA-256 of a request as canonical JSON.

    The request contains everything that is sent, and the identity of the model.
    """
    return hashlib.sha256(request.encode()).hexdigest()


def response_from_text(text: str) -> Response:
    """A response from JSON text. Raises ValueError with the name of an invalid field."""
    with suppress(ValidationError):  # most are ordinary, and one strict validation is faster than a look at all fields
        response = _RESPONSE.validate_json(text, strict=True, extra="forbid")
        if not (_has_records(response) or response.problem):
            return response
    return response_from_json(json.loads(text))


def _has_records(response: Response) -> bool:
    """Whether an application has added records or JSON values, which have older forms."""
    added = response.contexts or response.tool_calls or response.turns or response.citations or response.empty
    return bool(added) or response.data is not None


def response_from_json(value: Any) -> Response:
    """A response from plain data. Raises ValueError with the name of an invalid field."""
    if not isinstance(value, Mapping):
        raise ValueError(f"expected a JSON object, got {type(value).__name__}")
    value = with_context_records(value)
    try:
        response = _RESPONSE.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    _check_fields(value, _RESPONSE.dump_python(response, mode="json"))
    if problem := response.problem:
        raise ValueError(problem)
    return response


def _check_fields(given: Mapping[str, Any], read: Mapping[str, Any], place: str = "") -> None:
    """Check that validation has ignored and converted no value. Raises ValueError."""
    for name, value in given.items():
        if name not in read:
            raise ValueError(f"{place}{name}: unknown field")
        if name in _ADDED and not place:
            _check_added(value, read[name], name)
        elif isinstance(value, Mapping):
            _check_fields(value, read[name], f"{place}{name}.")
        elif type(value) is not type(read[name]) and not (type(value) is int and type(read[name]) is float):
            expected = type(read[name]).__name__
            raise ValueError(f"{place}{name}: expected {expected}, got {shortened(value, 40)!r}")
        elif isinstance(value, list) and not _are_numbers(value):
            raise ValueError(f"{place}{name}: expected numbers only")
        elif isinstance(value, int | float) and not 0 <= value < math.inf:
            raise ValueError(f"{place}{name}: expected a finite number of at least 0, got {value}")


def _check_added(given: Any, read: Any, place: str) -> None:
    """Check that validation has ignored and converted no part of a record or a JSON value. Raises ValueError."""
    if isinstance(given, Mapping) and isinstance(read, Mapping):
        for name, value in given.items():
            if name not in read:
                raise ValueError(f"{place}.{name}: unknown field")
            _check_added(value, read[name], f"{place}.{name}")
    elif isinstance(given, list) and isinstance(read, list) and len(given) == len(read):
        for number, (value, its) in enumerate(zip(given, read, strict=True)):
            _check_added(value, its, f"{place}[{number}]")
    elif type(given) is not type(read) and not (type(given) is int and type(read) is float):
        raise ValueError(f"{place}: expected {type(read).__name__}, got {shortened(given, 40)!r}")


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
    """A response as plain data, without empty optional fields."""
    usage = {name: count for name, count in response["usage"].items() if count or name not in _OPTIONAL_COUNTS}
    found = {
        name: value
        for name, value in response.items()
        if value or (name not in _OPTIONAL and (value is not None or name not in _OR_NONE))
    }
    for name in ("contexts", "tool_calls", "citations"):
        if name in found:
            found[name] = [_shortest(one) for one in found[name]]
    for turn in found.get("turns", ()):
        drop_empty(turn)
    return found | {"usage": usage}


def drop_empty(message: dict[str, Any]) -> None:
    """Drop the empty optional fields of a message in plain data."""
    if message["tool_calls"]:
        message["tool_calls"] = [_shortest(one) for one in message["tool_calls"]]
    else:
        del message["tool_calls"]
    for name in ("call_id", "verbatim"):
        if not message[name]:
            del message[name]
    if not message["attachments"]:
        del message["attachments"]
    for attachment in message.get("attachments", ()):
        del attachment["folder"]


def _shortest(one: dict[str, Any]) -> dict[str, Any]:
    """A context, a tool call or a citation without empty fields."""
    return {name: value for name, value in one.items() if value is not None and (value or name not in _NAMES)}


def nearest(request: str, candidates: Iterable[tuple[str, str]]) -> str:
    """A message that names the most similar recorded request, and the differences.

    `candidates` are pairs of key and canonical JSON.
    """
    wanted = _leaves(json.loads(request))
    best: tuple[int, str, list[str]] | None = None
    for key, text in candidates:
        other = _leaves(json.loads(text))
        places = sorted(place for place in wanted.keys() | other.keys() if wanted.get(place) != other.get(place))
        if best is None or len(places) < best[0]:
            best = len(places), key, [_difference(place, other, wanted) for place in places[:_MOST_PLACES]]
    if best is None:
        return "no responses are recorded yet"
    number, key, differences = best
    more = f"; and {number - len(differences)} more" if number > len(differences) else ""
    return f"the nearest recorded request, {key[:12]}, differs in {'; '.join(differences)}{more}"


def _leaves(value: Any, place: str = "") -> dict[str, str]:
    """Place -> value as JSON, for each value that contains no other. A place is `wire.messages[1].content`."""
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
    return f"{place}: recorded {_around(there, same)}, requested {_around(here, same)}"


def _around(text: str, place: int) -> str:
    """A piece of the text around a place."""
    start = max(0, place - _PLACE_CHARS // 3) if len(text) > _PLACE_CHARS else 0
    piece = text[start : start + _PLACE_CHARS]
    return f"{'…' if start else ''}{piece}{'…' if start + _PLACE_CHARS < len(text) else ''}"
