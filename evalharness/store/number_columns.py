"""The numbers of many samples in arrays: 52 bytes each, 24 more with times, and 8 for each score."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

from evalharness.records.numbers import Numbers

T = TypeVar("T")
_TIMES = 3
_UNTIMED = (math.nan,) * _TIMES


class Shared(Generic[T]):
    """Values of which few differ, each kept once."""

    def __init__(self) -> None:
        self.numbers, self._known, self.values = array("I"), dict[T, int](), list[T]()
        """The different values, and for each place the number of its value."""

    def append(self, value: T) -> None:
        """Append a value."""
        number = self._known.setdefault(value, len(self.values))
        if number == len(self.values):
            self.values.append(value)
        self.numbers.append(number)

    def __getitem__(self, place: int) -> T:
        return self.values[self.numbers[place]]


class NumberRows(Generic[T]):
    """Rows of any number of numbers, each with a value that many rows share."""

    def __init__(self) -> None:
        self._shared, self._starts, self._numbers = Shared[T](), array("Q", [0]), array("d")

    def append(self, shared: T, numbers: Iterable[float]) -> None:
        """Append a row."""
        self._shared.append(shared)
        self._numbers.extend(numbers)
        self._starts.append(len(self._numbers))

    def __getitem__(self, place: int) -> tuple[T, array[float]]:
        return self._shared[place], self._numbers[self._starts[place] : self._starts[place + 1]]

    def __len__(self) -> int:
        return len(self._starts) - 1


class _Kind(NamedTuple):
    """What many samples have in common."""

    scored: tuple[tuple[str, str], ...]
    not_applicable: tuple[str, ...]
    slots: int | None
    recorded_on: str
    is_timed: bool


class NumberColumns:
    """The `Numbers` of each sample."""

    def __init__(self) -> None:
        self._rows, self._texts = NumberRows[_Kind](), array("q")

    def append(self, one: Numbers) -> None:
        """Append the numbers of a sample."""
        is_timed = one.latency_s is not None
        seconds = (one.latency_s, one.first_token_s, one.decode_tokens_per_s) if is_timed else ()
        optional = map(or_nan, (one.cost_usd, *seconds))
        kind = _Kind(one.scored, one.not_applicable, one.slots, one.recorded_on, is_timed)
        self._rows.append(
            kind, (one.prompt_tokens, one.completion_tokens, one.metrics_cost_usd, *optional, *one.values)
        )
        self._texts.append(one.text_hash)

    def __getitem__(self, place: int) -> Numbers:
        (scored, not_applicable, slots, recorded_on, is_timed), found = self._rows[place]
        prompt, completion, metrics_cost, cost, *rest = found
        latency, first_token, decode = rest[:_TIMES] if is_timed else _UNTIMED
        return Numbers(
            scored,
            rest[_TIMES:] if is_timed else rest,
            not_applicable,
            int(prompt),
            int(completion),
            or_none(cost),
            metrics_cost,
            or_none(latency),
            or_none(first_token),
            or_none(decode),
            slots,
            recorded_on,
            self._texts[place],
        )


def or_nan(value: float | None) -> float:
    """The number; NaN for None."""
    return math.nan if value is None else value


def or_none(value: float) -> float | None:
    """The number; None for NaN."""
    return None if value != value else value  # as math.isnan, without a call for each number of each sample
