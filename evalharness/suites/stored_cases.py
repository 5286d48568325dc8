"""The cases of a suite: in memory while they are few, and on disk beyond that.

A case in memory takes one or two kilobytes; one on disk takes its id and ten bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from itertools import chain, islice
from typing import Any, overload

from pydantic import TypeAdapter

from evalharness.records import Case, IdIndex, Location, Message, SimulatedUser, Spec
from evalharness.suites.spool import Spool

IN_MEMORY = 20_000
"""Cases of one suite that are kept as objects."""


def kept(cases: Iterator[Case], checks: tuple[Spec, ...], *, may_be_many: bool) -> Sequence[Case]:
    """The cases, on disk if they are many. `may_be_many`: not even the first ones are held until that is known.

    `checks`: the assertions of the suite, with which those of a case start.
    """
    if not may_be_many:
        first = tuple(islice(cases, IN_MEMORY + 1))
        if len(first) <= IN_MEMORY:
            return first
        cases = chain(first, cases)
    stored = StoredCases(cases, checks)
    return stored if len(stored) > IN_MEMORY else tuple(stored)


def by_id(cases: Sequence[Case]) -> Mapping[str, Case]:
    """The cases by id."""
    return _ById(cases) if isinstance(cases, StoredCases) else {case.id: case for case in cases}


def ids_of(cases: Sequence[Case]) -> Sequence[str]:
    """The ids of the cases, which are in memory in any case."""
    return cases.ids if isinstance(cases, StoredCases) else tuple(case.id for case in cases)


def with_all_checks(cases: Sequence[Case]) -> Sequence[Case]:
    """Cases that have every assertion of these: one of them if all are known to have the same."""
    return cases[:1] if isinstance(cases, StoredCases) and not cases.have_own_checks else cases


class StoredCases(Sequence[Case]):
    """Cases on disk. Each access makes the case again."""

    def __init__(self, cases: Iterable[Case], checks: tuple[Spec, ...]) -> None:
        self._checks, self._files = checks, list[str]()
        ids = list[str]()
        self.have_own_checks = False
        """Whether a case has assertions besides those of the suite."""
        self._spool = Spool(self._passing(cases, ids))
        self.ids = tuple(ids)
        """In memory: they are part of every key."""

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Case]:
        return (self._read(one, fields) for one, fields in zip(self.ids, self._spool, strict=True))

    def __reversed__(self) -> Iterator[Case]:
        return (self[place] for place in reversed(range(len(self))))

    @overload
    def __getitem__(self, place: int) -> Case: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Case, ...]: ...
    def __getitem__(self, place: int | slice) -> Case | tuple[Case, ...]:
        places = range(len(self))[place]
        return self._at(places) if isinstance(places, int) else tuple(map(self._at, places))

    def _at(self, place: int) -> Case:
        return self._read(self.ids[place], self._spool[place])

    def _passing(self, cases: Iterable[Case], ids: list[str]) -> Iterator[tuple[Any, ...]]:
        """The cases as they are written. Appends their ids."""
        for case in cases:
            ids.append(case.id)
            yield self._written(case)

    def _written(self, case: Case) -> tuple[Any, ...]:
        if case.where.file not in self._files:  # the suite, or its file of cases
            self._files.append(case.where.file)
        where = self._files.index(case.where.file), *case.where[1:]
        own = case.checks[len(self._checks) :]
        self.have_own_checks |= bool(own)
        checks = _CHECKS().dump_python(own) if own else None
        further = {name: getattr(case, name) for name in _FURTHER}
        more = _MORE().dump_python(_Further(**further)) if any(further.values()) else None
        return case.vars, case.tags, case.golden, checks, case.digest, where, more

    def _read(self, one: str, fields: tuple[Any, ...]) -> Case:
        variables, tags, golden, checks, digest, (file, *where), more = fields
        checks = self._checks if checks is None else self._checks + _CHECKS().validate_python(checks)
        further = {} if more is None else _further(_MORE().validate_python(more))
        where = Location(self._files[file], *where)
        return Case(one, variables, tuple(tags), tuple(golden), checks, digest, where, **further)


@dataclass(frozen=True, slots=True)
class _Further:
    """The fields that few cases have."""

    cluster: str
    history: tuple[Message, ...]
    conversation: str
    user: SimulatedUser | None
    turns: tuple[str, ...]
    questions: Mapping[str, str]


_FURTHER = tuple(one.name for one in fields(_Further))
_CHECKS = cache(lambda: TypeAdapter(tuple[Spec, ...]))  # made for large suites alone: it takes milliseconds
_MORE = cache(lambda: TypeAdapter(_Further))


def _further(found: _Further) -> dict[str, Any]:
    return {name: getattr(found, name) for name in _FURTHER}


class _ById(Mapping[str, Case]):
    """Cases on disk by id."""

    def __init__(self, cases: StoredCases) -> None:
        self._cases, self._index = cases, IdIndex(cases.ids)

    def __getitem__(self, one: str) -> Case:
        if (place := self._index.place(one)) is None:
            raise KeyError(one)
        return self._cases[place]

    def __contains__(self, one: object) -> bool:
        return one in self._index

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)
