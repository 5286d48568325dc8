"""From the JSON object that an application returns to a response: one conversion for `python` and `http`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from evalharness.errors import ProviderError, did_you_mean
from evalharness.records import Citation, Context, Message, Response, Timing, ToolCall, Usage
from evalharness.records.application import MOST_CHARS
from evalharness.records.response import MAY_BE_EMPTY
from evalharness.redaction import shortened

_COUNTS: Mapping[str, tuple[str, ...]] = {
    "prompt_tokens": ("prompt_tokens", "input_tokens"),
    "completion_tokens": ("completion_tokens", "output_tokens"),
    "cached_tokens": ("cached_tokens",),
    "reasoning_tokens": ("reasoning_tokens",),
    "cache_write_tokens": ("cache_write_tokens",),
}
"""Each count of `Usage`, and its names in an answer."""
_COUNT_NAMES = tuple(name for names in _COUNTS.values() for name in names)
_KEYS = (
    "text",
    "contexts",
    "tool_calls",
    "data",
    "turns",
    "usage",
    "cost_usd",
    "refusal",
    "reasoning",
    "citations",
    "finish_reason",
)
_MOST_SHOWN = 40


def response_of(answer: Mapping[str, Any], timing: Timing) -> Response:
    """Return the response of an application. `answer` is a JSON object; a key that is null counts as missing.

    Without `text`, the refusal is the text, else the data as JSON. Raises ProviderError of the kind `answer`: a missing
    text, an unknown key, or a value of another type, with its place.
    """
    _check_keys(answer, _KEYS, "answer")
    given = {name: value for name, value in answer.items() if value is not None}
    refusal, data = _text(given.get("refusal", ""), "refusal"), given.get("data")
    reason = given.get("finish_reason", "stop")
    if reason not in ("stop", "length"):
        raise _wrong("finish_reason", "'stop' or 'length'", reason)
    response = Response(
        _answer_text(given, refusal),
        reason,
        _usage(given.get("usage", {})),
        timing,
        contexts=_each(given, "contexts", _context),
        tool_calls=_each(given, "tool_calls", _tool_call),
        data=data,
        turns=_each(given, "turns", _turn),
        cost_usd=_dollars(given["cost_usd"]) if "cost_usd" in given else None,
        reasoning=_text(given.get("reasoning", ""), "reasoning"),
        refusal=refusal,
        citations=_each(given, "citations", _citation),
        empty=tuple(name for name in MAY_BE_EMPTY if given.get(name) == []),
    )
    if problem := response.added_problem:
        raise ProviderError(problem, kind="answer")
    return response


def _answer_text(given: Mapping[str, Any], refusal: str) -> str:
    if "text" in given:
        text = _text(given["text"], "text")
        if len(text) > MOST_CHARS:
            raise ProviderError(f"text: expected at most {MOST_CHARS:,} characters", kind="answer")
        return text
    if refusal:
        return refusal
    if "data" not in given:
        raise ProviderError("the answer has no 'text', no 'data' and no 'refusal'", kind="answer")
    return json.dumps(given["data"], ensure_ascii=False)


def _each(given: Mapping[str, Any], name: str, convert: Callable[[Any, str], Any], inside: str = "") -> tuple[Any, ...]:
    values = given.get(name, [])
    if not isinstance(values, list):
        raise _wrong(f"{inside}{name}", "a list", values)
    return tuple(convert(value, f"{inside}{name}[{index}]") for index, value in enumerate(values))


def _context(value: Any, place: str) -> Context:
    if isinstance(value, str):
        return Context(value)
    fields = _fields(value, ("id", "text", "score"), place, "a text, or an object with text, id and score")
    name = fields.get("id", "")
    name = str(name) if type(name) is int else name  # ids of a database
    score = fields.get("score")
    if score is not None and (isinstance(score, bool) or not isinstance(score, int | float)):
        raise _wrong(f"{place}.score", "a number", score)
    return Context(_text(fields.get("text"), f"{place}.text"), _text(name, f"{place}.id"), score)


def _citation(value: Any, place: str) -> Citation:
    if isinstance(value, str):
        return Citation(value)
    expected = "a text, or an object with source, title, quote, start and end"
    fields = _fields(value, ("source", "title", "quote", "start", "end"), place, expected)
    for name in ("start", "end"):
        if name in fields and type(fields[name]) is not int:
            raise _wrong(f"{place}.{name}", "an integer", fields[name])
    source = fields.get("source")
    source = str(source) if type(source) is int else source
    title, quote = (_text(fields.get(name, ""), f"{place}.{name}") for name in ("title", "quote"))
    return Citation(_text(source, f"{place}.source"), title, quote, fields.get("start"), fields.get("end"))


def _tool_call(value: Any, place: str) -> ToolCall:
    fields = _fields(value, ("name", "arguments", "result", "id"), place, "an object with name, arguments and result")
    name, given = _text(fields.get("name"), f"{place}.name"), _text(fields.get("id", ""), f"{place}.id")
    return ToolCall(name, fields.get("arguments"), fields.get("result"), given)


def _turn(value: Any, place: str) -> Message:
    fields = _fields(value, ("role", "content", "tool_calls", "call_id"), place, "an object with role and content")
    calls = _each(fields, "tool_calls", _tool_call, f"{place}.")
    content = fields.get("content", "" if calls else None)
    return Message(
        _text(fields.get("role"), f"{place}.role"),
        _text(content, f"{place}.content"),
        calls,
        _text(fields.get("call_id", ""), f"{place}.call_id"),
    )


def _usage(value: Any) -> Usage:
    fields = _fields(value, _COUNT_NAMES, "usage", "an object with token counts")
    counts = {count: next((fields[one] for one in names if one in fields), 0) for count, names in _COUNTS.items()}
    for name, count in counts.items():
        if type(count) is not int or not 0 <= count <= 10**12:
            raise _wrong(f"usage.{name}", "a token count", count)
    return Usage(
        prompt_tokens=counts["prompt_tokens"],
        completion_tokens=counts["completion_tokens"],
        cached_tokens=counts["cached_tokens"],
        reasoning_tokens=counts["reasoning_tokens"],
        cache_write_tokens=counts["cache_write_tokens"],
    )


def _dollars(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 10**9:
        raise _wrong("cost_usd", "dollars", value)
    return float(value)


def _fields(value: Any, known: tuple[str, ...], place: str, expected: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(place, expected, value)
    _check_keys(value, known, place)
    return {name: inner for name, inner in value.items() if inner is not None}


def _check_keys(value: Mapping[str, Any], known: tuple[str, ...], place: str) -> None:
    for key in value:
        if key not in known:
            name = shortened(key, _MOST_SHOWN)
            raise ProviderError(f"{place}: unknown key '{name}'{did_you_mean(name, known)}", kind="answer")


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise _wrong(place, "a str", value)
    return value


def _wrong(place: str, expected: str, value: Any) -> ProviderError:
    name = "null" if value is None else type(value).__name__
    shown = f" {shortened(repr(value), _MOST_SHOWN)}" if isinstance(value, str | int | float) else ""
    return ProviderError(f"{place}: expected {expected}, got {name}{shown}", kind="answer")
