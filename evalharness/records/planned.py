"""The keys of the samples that a suite plans, without an object for each of a million."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain, product
from operator import eq
from typing import overload

from evalharness.records.id_index import IdIndex
from evalharness.records.response import SampleKey, key_of


class PlannedKeys(Sequence[SampleKey]):
    """The keys of planned samples, in the order of sending. `in` takes the same time for any number of them."""

    @property
    @abstractmethod
    def pairs(self) -> list[tuple[str, str]]:
        """The models and prompts, in the order of sending."""

    @abstractmethod
    def cases(self, model: str, prompt: str) -> Collection[str]:
        """The ids of the cases of a model and prompt, each once."""

    @abstractmethod
    def number(self, model: str, prompt: str) -> int:
        """The number of samples of a model and prompt."""

    @abstractmethod
    def repeats(self, model: str) -> int:
        """The largest number of samples of a case by a model; 0 for an unknown one."""

    @abstractmethod
    def place(self, key: SampleKey) -> int | None:
        """The place of a key, from 0; None if it is not planned."""

    @abstractmethod
    def lacking(self, found: Iterable[SampleKey]) -> Iterator[SampleKey]:
        """Yield the keys that are not among those that were found, in order."""

    def are_in(self, chosen: Iterable[SampleKey]) -> bool:
        """Whether all keys are among these."""
        return chosen is self or next(self.lacking(chosen), None) is None

    @overload
    def __getitem__(self, index: int) -> SampleKey: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[SampleKey, ...]: ...
    def __getitem__(self, index: int | slice) -> SampleKey | tuple[SampleKey, ...]:
        places = range(len(self))[index]
        return self._at(places) if isinstance(places, int) else tuple(map(self._at, places))

    @abstractmethod
    def _at(self, place: int) -> SampleKey: ...

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return self is other or (len(self) == len(other) and all(map(eq, self, other)))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} keys)"


class KeyGrid(PlannedKeys):
    """The keys of every case with each model and prompt."""

    def __init__(self, cases: Iterable[str], prompts: Iterable[str], models: Mapping[str, int]) -> None:
        """`cases` are unique ids, and `models` have a number of samples for each case."""
        self.case_ids, self.prompts, self.models = tuple(cases), tuple(prompts), dict(models)

    def __len__(self) -> int:
        return len(self.case_ids) * len(self.prompts) * sum(self.models.values())

    def __iter__(self) -> Iterator[SampleKey]:
        parts = (
            product(self.case_ids, (prompt,), (model,), range(repeats), ("planned",))
            for model, repeats in self.models.items()
            for prompt in self.prompts
        )
        return map(key_of, chain.from_iterable(parts))

    def __contains__(self, key: object) -> bool:
        return self._place(key) is not None

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The models and prompts, in the order of sending."""
        return [(model, prompt) for model in self.models if self.repeats(model) for prompt in self.prompts]

    def cases(self, model: str, prompt: str) -> Collection[str]:
        """The ids of all cases; none for an unknown model or prompt."""
        return self._index if self.repeats(model) and prompt in self.prompts else ()

    def number(self, model: str, prompt: str) -> int:
        """The number of samples of a model and prompt."""
        return len(self.case_ids) * self.repeats(model) if prompt in self.prompts else 0

    def place(self, key: SampleKey) -> int | None:
        """The place of a key, from 0; None if it is not planned."""
        return self._place(key)

    def repeats(self, model: str) -> int:
        """The number of samples of each case by a model; 0 for an unknown one."""
        return self.models.get(model, 0) if self.case_ids else 0

    def lacking(self, found: Iterable[SampleKey]) -> Iterator[SampleKey]:
        """Yield the keys that are not among those that were found, in order. Takes a byte for each key."""
        if found is self:
            return
        marks, starts, place_of = bytearray(len(self)), self._starts, self._index.place
        for case, prompt, model, repeat, purpose in found:  # as `_place`, without a call for each of a million
            start, number = starts.get((model, prompt)), place_of(case)
            if start is not None and number is not None and purpose == "planned" and 0 <= repeat < self.models[model]:
                marks[start + number * self.models[model] + repeat] = 1
        place = marks.find(0)
        while place >= 0:
            yield self._at(place)
            place = marks.find(0, place + 1)

    @cached_property
    def _index(self) -> IdIndex:
        return IdIndex(self.case_ids)

    @cached_property
    def _starts(self) -> dict[tuple[str, str], int]:
        """The place of the first key of each model and prompt."""
        starts, start = dict[tuple[str, str], int](), 0
        for model, repeats in self.models.items():
            for prompt in self.prompts:
                starts[model, prompt] = start
                start += len(self.case_ids) * repeats
        return starts

    def _place(self, key: object) -> int | None:
        if not isinstance(key, tuple) or len(key) != len(SampleKey._fields):
            return None
        case, prompt, model, repeat, purpose = key
        start, index = self._starts.get((model, prompt)), self._index.place(case)
        if start is None or index is None or purpose != "planned" or not 0 <= repeat < self.models[model]:
            return None
        return start + index * self.models[model] + int(repeat)

    def _at(self, place: int) -> SampleKey:
        model, prompt = next(pair for pair, start in reversed(self._starts.items()) if start <= place)
        index, repeat = divmod(place - self._starts[model, prompt], self.models[model])
        return SampleKey(self.case_ids[index], prompt, model, repeat)


class KeyList(PlannedKeys):
    """Keys in any order, such as those of a run by another tool."""

    def __init__(self, keys: Iterable[SampleKey] = ()) -> None:
        self._keys = tuple(keys)

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[SampleKey]:
        return iter(self._keys)

    def __contains__(self, key: object) -> bool:
        return key in self._known

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The models and prompts, in the order of their first keys."""
        return list(self._by_pair)

    def cases(self, model: str, prompt: str) -> Collection[str]:
        """The ids of the cases of a model and prompt, each once."""
        return dict.fromkeys(key.case for key in self._by_pair.get((model, prompt), ())).keys()

    def number(self, model: str, prompt: str) -> int:
        """The number of samples of a model and prompt."""
        return len(self._by_pair.get((model, prompt), ()))

    def place(self, key: SampleKey) -> int | None:
        """The place of a key, from 0; None if it is not planned."""
        return self._known.get(key)

    def repeats(self, model: str) -> int:
        """The largest number of samples of a case by a model; 0 for an unknown one."""
        return 1 + max((key.repeat for key in self._keys if key.model == model), default=-1)

    def lacking(self, found: Iterable[SampleKey]) -> Iterator[SampleKey]:
        """Yield the keys that are not among those that were found, in order."""
        known = set(found)
        return (key for key in self._keys if key not in known)

    @cached_property
    def _known(self) -> dict[SampleKey, int]:
        return {key: place for place, key in enumerate(self._keys)}

    @cached_property
    def _by_pair(self) -> dict[tuple[str, str], dict[SampleKey, None]]:
        found: dict[tuple[str, str], dict[SampleKey, None]] = {}
        for key in self._keys:
            found.setdefault((key.model, key.prompt), {})[key] = None
        return found

    def _at(self, place: int) -> SampleKey:
        return self._keys[place]
