"""The numbers of many samples in arrays: 36 bytes each, and 8 for each score and each known cost or time."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import accumulate
from typing import Generic, NamedTuple, TypeVar

from evalharness.records.numbers import Numbers

T = TypeVar("T")
_TOKENS = 2
"""Numbers at the start of a row: the tokens of prompt and answer."""


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
    known: tuple[bool, ...]
    """Which of the optional numbers there are."""


class NumberColumns:
    """The `Numbers` of each sample."""

    def __init__(self) -> None:
        self._rows, self._texts = NumberRows[_Kind](), array("q")

    def append(self, one: Numbers) -> None:
        """Append the numbers of a sample."""
        seconds = one.latency_s, one.first_token_s, one.decode_tokens_per_s
        optional = (one.cost_usd, one.metrics_cost_usd or None, *seconds)
        known, there = only_known(optional)
        kind = _Kind(one.scored, one.not_applicable, one.slots, one.recorded_on, known)
        self._rows.append(kind, (one.prompt_tokens, one.completion_tokens, *there, *one.values))
        self._texts.append(one.text_hash)

    def __getitem__(self, place: int) -> Numbers:
        (scored, not_applicable, slots, recorded_on, known), numbers = self._rows[place]
        (cost, metrics_cost, latency, first_token, decode), scores = places_of(known)
        row = [*numbers, None]
        return Numbers(
            scored,
            numbers[scores:],
            not_applicable,
            int(numbers[0]),
            int(numbers[1]),
            row[cost],
            row[metrics_cost] or 0.0,
            row[latency],
            row[first_token],
            row[decode],
            slots,
            recorded_on,
            self._texts[place],
        )


@cache
def places_of(known: tuple[bool, ...]) -> tuple[tuple[int, ...], int]:
    """Where each optional number is in a row, after the tokens, and where the scores start. -1 for an unknown one."""
    ends = list(accumulate(known, initial=_TOKENS))
    return tuple(end if one else -1 for one, end in zip(known, ends, strict=False)), ends[-1]


def only_known(numbers: Sequence[float | None]) -> tuple[tuple[bool, ...], list[float]]:
    """Which of the numbers are known, and these."""
    return tuple([one is not None for one in numbers]), [one for one in numbers if one is not None]
