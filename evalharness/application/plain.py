"""What an application returns as a JSON value. Used in the child process."""

from __future__ import annotations

import dataclasses
import inspect
import numbers
from collections.abc import Mapping
from typing import Any

from evalharness.records.application import MOST_CHARS, MOST_DEPTH, MOST_VALUES

EXPECTED = (
    "expected a str, or a mapping, dataclass or pydantic model with text, contexts, tool_calls, data, turns, usage, "
    "cost_usd or refusal"
)

_MOST_PLACE_CHARS = 200


class WrongAnswerError(Exception):
    """An application returned something that is no answer."""


def plain_answer(value: Any) -> dict[str, Any]:
    """Return what a function has returned as a JSON object with the keys of an answer. Raises WrongAnswerError."""
    if isinstance(value, str):
        value = {"text": value}
    found = as_mapping(value)
    if found is None:
        raise WrongAnswerError(f"{EXPECTED}, got {_named(value)}")
    answer: dict[str, Any] = _Plain().of(found, "answer", 0)
    return answer


def plain_value(value: Any) -> Any:
    """Return what a check or a metric has returned as a JSON value. Raises WrongAnswerError."""
    if getattr(value, "ndim", None) == 0 and hasattr(value, "item"):  # of numpy
        value = value.item()
    return _Plain().of(value, "result", 0)


class _Plain:
    """Converts one answer, and counts what it has converted."""

    def __init__(self) -> None:
        self._values = self._chars = 0

    def of(self, value: Any, place: str, depth: int) -> Any:
        """Return the value as JSON. Raises WrongAnswerError with the place of a value that is none."""
        self._values += 1
        if depth > MOST_DEPTH:  # also of an object that contains itself
            raise WrongAnswerError(f"{place[:100]}: expected at most {MOST_DEPTH} levels of nesting")
        if self._values > MOST_VALUES:
            raise WrongAnswerError(f"answer: expected at most {MOST_VALUES:,} values, got more by {place[:100]}")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value, place)
        if isinstance(value, numbers.Real):
            return _number(value, place)
        if (fields := as_mapping(value)) is not None:
            pairs = list(fields.items())
            return {self._key(name, place): self.of(inner, _inside(place, name), depth + 1) for name, inner in pairs}
        if isinstance(value, list | tuple):
            return [self.of(inner, f"{place}[{index}]", depth + 1) for index, inner in enumerate(value)]
        raise WrongAnswerError(f"{place[:100]}: expected a JSON value, got {_named(value)}")

    def _text(self, value: str, place: str) -> str:
        self._chars += len(value)
        if self._chars > MOST_CHARS:
            raise WrongAnswerError(f"answer: expected at most {MOST_CHARS:,} characters, got more by {place[:100]}")
        return str.__str__(value)

    def _key(self, name: Any, place: str) -> str:
        if not isinstance(name, str):
            raise WrongAnswerError(f"{place[:100]}: expected texts as keys, got {_named(name)}")
        return self._text(name, place)


def _inside(place: str, name: Any) -> str:
    """The place of a field. A key of millions of characters must not be copied for each value in it."""
    return f"{place}.{name}"[:_MOST_PLACE_CHARS]


def _number(value: Any, place: str) -> int | float:
    number = int(value) if isinstance(value, numbers.Integral) else float(value)
    if not -1e308 <= number <= 1e308:
        raise WrongAnswerError(f"{place[:100]}: expected a finite number{f', got {value}' if number != number else ''}")
    return number


def as_mapping(value: Any) -> Mapping[Any, Any] | None:
    """The fields of a mapping, dataclass, pydantic model or named tuple; None for other objects."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type):
        return None
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(type(value), "model_fields") and callable(getattr(value, "model_dump", None)):
        dumped = value.model_dump()
        return dumped if isinstance(dumped, Mapping) else None
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        named: Mapping[str, Any] = value._asdict()
        return named
    return None


def _named(value: Any) -> str:
    """The type of a value, with a hint where the cause is well known."""
    name = type(value).__name__
    if value is None:
        return "None: does the function return its answer?"
    if inspect.isgenerator(value) or inspect.isasyncgen(value):
        return f"{name}: join its parts, and return them"
    if isinstance(value, bytes | bytearray):
        return f"{name}: decode it"
    return f"the class {value.__name__}" if isinstance(value, type) else name
