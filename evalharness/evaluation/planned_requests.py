"""The requests of a plan, made when they are wanted: a million of them would take gigabytes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import overload

from evalharness.records import Case, KeyGrid, Purpose, Request, SampleKey
from evalharness.suites import another_sample

MOST_HELD = 20_000
"""Requests of a plan that are kept once they are made. A larger plan makes each one again."""
Turn = tuple[Case, Request]
Subject = tuple[str, str, str]
"""Model, prompt and case."""


class PlannedRequests(Sequence[Turn]):
    """Every request of a plan with its case, in the order of sending. For one thread."""

    def __init__(self, keys: KeyGrid, cases: Mapping[str, Case], make: Callable[[Case, SampleKey], Request]) -> None:
        self.keys, self._cases, self._make = keys, cases, make
        self._held: dict[SampleKey, Turn] | None = {} if len(keys) <= MOST_HELD else None

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Turn]:
        return map(self.turn, self.keys)

    @overload
    def __getitem__(self, index: int) -> Turn: ...
    @overload
    def __getitem__(self, index: slice) -> list[Turn]: ...
    def __getitem__(self, index: int | slice) -> Turn | list[Turn]:
        found = self.keys[index]
        return self.turn(found) if isinstance(found, SampleKey) else [self.turn(key) for key in found]

    def turn(self, key: SampleKey) -> Turn:
        """The request of a planned sample, with its case."""
        if self._held is not None and (known := self._held.get(key)):
            return known
        case = self._cases[key.case]
        turn = case, self._make(case, key)
        if self._held is not None:
            self._held[key] = turn
        return turn

    def first(self, model: str, prompt: str, case: str) -> Turn | None:
        """The request of repeat 0, from which more samples are requested; None if it is not planned."""
        key = SampleKey(case, prompt, model, 0)
        return self.turn(key) if key in self.keys else None

    def subjects(self, pairs: Collection[tuple[str, str]]) -> Iterator[Subject]:
        """Yield the cases of these models and prompts, in the order of sending."""
        for model, prompt in self.keys.pairs:
            for case in self.keys.case_ids if (model, prompt) in pairs else ():
                yield model, prompt, case

    def alone(self, keys: Sequence[SampleKey] | None = None) -> Sequence[Request]:
        """The requests with these keys, or all, without their cases."""
        return _Alone(self, self.keys if keys is None else keys)


class _Alone(Sequence[Request]):
    """Requests of a plan by their keys, made when they are wanted."""

    def __init__(self, planned: PlannedRequests, keys: Sequence[SampleKey]) -> None:
        self._planned, self._keys = planned, keys

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Request]:
        return (self._planned.turn(key)[1] for key in self._keys)

    @overload
    def __getitem__(self, index: int) -> Request: ...
    @overload
    def __getitem__(self, index: slice) -> list[Request]: ...
    def __getitem__(self, index: int | slice) -> Request | list[Request]:
        found = self._keys[index]
        return (
            self._planned.turn(found)[1] if isinstance(found, SampleKey) else [self._planned.turn(k)[1] for k in found]
        )


class FurtherRequests(Sequence[Turn]):
    """Requests for more samples of a plan's cases, repeat by repeat, made when they are wanted."""

    def __init__(
        self, planned: PlannedRequests, subjects: Iterable[Subject], repeats: Sequence[int], purpose: Purpose
    ) -> None:
        """`subjects`: models, prompts and cases of the plan."""
        self._planned, self._repeats, self._purpose = planned, repeats, purpose
        self._subjects = list(subjects)

    def __len__(self) -> int:
        return len(self._subjects) * len(self._repeats)

    @overload
    def __getitem__(self, place: int) -> Turn: ...
    @overload
    def __getitem__(self, place: slice) -> list[Turn]: ...
    def __getitem__(self, place: int | slice) -> Turn | list[Turn]:
        places = range(len(self))[place]
        return self._at(places) if isinstance(places, int) else [self._at(one) for one in places]

    def _at(self, place: int) -> Turn:
        number, place = divmod(place, len(self._subjects))
        model, prompt, case = self._subjects[place]
        found, request = self._planned.turn(SampleKey(case, prompt, model, 0))
        return found, another_sample(request, self._repeats[number], self._purpose)


class Together(Sequence[Request]):
    """The requests of several sequences, one after another, without their cases."""

    def __init__(self, *parts: Sequence[Turn]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[Request]:
        return (request for part in self._parts for _, request in part)

    @overload
    def __getitem__(self, place: int) -> Request: ...
    @overload
    def __getitem__(self, place: slice) -> list[Request]: ...
    def __getitem__(self, place: int | slice) -> Request | list[Request]:
        places = range(len(self))[place]
        return self._at(places) if isinstance(places, int) else [self._at(one) for one in places]

    def _at(self, place: int) -> Request:
        for part in self._parts:
            if place < len(part):
                return part[place][1]
            place -= len(part)
        raise IndexError(place)
