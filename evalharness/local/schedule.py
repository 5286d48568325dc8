"""Who decodes what, when. Many answers grow at once, and each is the same as if it grew alone.

What an answer depends on is its own: its tokens, its random numbers, its stream of the KV cache, and the shapes in
which llama.cpp's kernels see them, for a kernel may add up in another order at another shape:

    the shared prefix    computed once, by itself, in steps of `batch`; each answer begins with a copy of it
    its own prompt       by itself, in steps of `batch`
    each further token   in a step of a multiple of `rows` rows, idle ones padded, each row in a stream of its own
    a golden answer      behind its own prompt, by itself, in steps of SCORED

So neither neighbours, nor their order, nor what ran before can be seen in it. That a row does not depend on how many
multiples of `rows` it stands among is a property of the kernels, not of this schedule: measured for rows = 8 on x86
without flash attention (tests/model/test_same_texts.py), not so for smaller multiples.
"""

from __future__ import annotations

import time
from collections import OrderedDict, abc
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from evalharness.errors import ProviderError
from evalharness.local.native import SCORED, Native, Row
from evalharness.local.sampler import log_probability
from evalharness.local.sequence import Sequence

_PADDING = 0
"""Any token will do: nobody reads what follows it."""


class Tokens(NamedTuple):
    """Of one request."""

    prompt: abc.Sequence[int]
    prefix: abc.Sequence[int]
    """What the prompt begins with in every case of the suite; no more than a wish: it may not be so."""
    goldens: abc.Sequence[abc.Sequence[int]]
    """Answers whose likelihood is wanted."""

    def room(self, most: int) -> int:
        """What a sequence must hold for an answer of so many tokens, or a golden one."""
        return len(self.prompt) + max([most, *map(len, self.goldens)])


Ended = tuple[Sequence, ProviderError | None]


class Schedule:
    """The sequences `0..slots-1` hold answers, the `prefixes` behind them shared prefixes."""

    def __init__(
        self,
        native: Native,
        *,
        context: int,
        slots: int,
        prefixes: int,
        rows: int,
        batch: int,
        first_room: int,
    ) -> None:
        """`context`: tokens of a sequence, at most; `first_room`: until a case needs more. Raises ProviderError: there
        is no room for any.
        """
        self._native, self._context, self._rows, self._batch = native, context, rows, batch
        self._slots, self._sequences, self._first_room = slots, slots + prefixes, first_room
        self._answers: list[Sequence | None] = [None] * slots
        self._held: list[tuple[int, ...]]
        """The prefix that each slot begins with, also while it is free."""
        self._prefixes: OrderedDict[tuple[int, ...], int]
        self._unused: list[int]
        self.drawn = 0
        """Tokens of all answers so far."""
        self._renew(self._first_room)

    @property
    def busy(self) -> bool:
        """Whether an answer is under way."""
        return any(self._answers)

    @property
    def full(self) -> bool:
        """Whether no slot is free."""
        return all(self._answers)

    def make_room(self, tokens: int) -> bool:
        """Whether a slot can hold so many tokens. Room is made once nothing is under way, for nothing that is held
        stays. Raises ProviderError: there is no such room.
        """
        if self.busy or tokens <= self._native.room:
            return tokens <= self._native.room
        room = self._first_room
        while room < tokens:
            room *= 2
        self._renew(min(room, self._context))
        return True

    def admit(self, number: int, request: Mapping[str, Any], texts: Tokens) -> None:
        """Begin an answer in a free slot: read its prompt, draw its first token, see how likely its goldens are.

        Raises ProviderError: it has failed, and its slot is free again.
        """
        slot, others, begun = self._answers.index(None), list(filter(None, self._answers)), time.perf_counter()
        try:
            self._answers[slot] = self._answer(slot, number, request, texts)
        finally:
            for other in others:
                other.wait(time.perf_counter() - begun)
        self.drawn += 1

    def step(self) -> Iterator[Ended]:
        """A token more for each answer; those that have ended, or failed."""
        yield from self._ended()
        width = self._gather()
        if not width:
            return
        rows = [self._row(slot) for slot in range(width)]
        self._native.decode(rows)
        for row, answer in enumerate(self._answers[:width]):
            if answer is not None:
                answer.read(row)
                self.drawn += 1
        yield from self._ended()

    def _answer(self, slot: int, number: int, request: Mapping[str, Any], texts: Tokens) -> Sequence:
        prompt, prefix, _ = texts
        shared = len(prefix) if list(prompt[: len(prefix)]) == list(prefix) and len(prefix) < len(prompt) else 0
        self._begin(slot, tuple(prompt[:shared]))
        answer = Sequence(self._native, number, request, prompt=len(prompt), own=len(prompt) - shared)
        try:
            last = self._read(slot, prompt[shared:], shared)
            answer.read(last)
            answered = time.perf_counter()
            answer.golden_logprobs = self._likelihoods(slot, last, texts)
            answer.leave_out(time.perf_counter() - answered)
        except BaseException:
            answer.close()
            raise
        return answer

    def _renew(self, room: int) -> None:
        """All sequences empty, with room for so many tokens in each."""
        self._held, self._prefixes = [()] * self._slots, OrderedDict()
        self._unused = list(range(self._slots, self._sequences))
        self._native.make_room(room)

    def _begin(self, slot: int, prefix: tuple[int, ...]) -> None:
        """Leave the slot in the state after the prefix: its own, or a copy of the kept one."""
        if self._held[slot] != prefix:
            self._native.copy(self._kept(prefix), slot) if prefix else self._native.forget(slot)
            self._held[slot] = prefix
        self._native.forget(slot, len(prefix))

    def _kept(self, prefix: tuple[int, ...]) -> int:
        """The sequence that holds just this prefix; it is computed where there is none."""
        if prefix not in self._prefixes:
            place = self._unused.pop() if self._unused else self._prefixes.popitem(last=False)[1]
            self._native.forget(place)
            self._read(place, prefix, 0)
            self._prefixes[prefix] = place
        self._prefixes.move_to_end(prefix)
        return self._prefixes[prefix]

    def _read(self, sequence: int, tokens: abc.Sequence[int], start: int) -> int:
        """Decode tokens behind what the sequence holds, by themselves; the row of the last one."""
        rows: list[Row] = []
        for begin in range(0, len(tokens), self._batch):
            part = tokens[begin : begin + self._batch]
            end = begin + len(part) == len(tokens)
            rows = [Row(token, start + begin + i, sequence, end and i == len(part) - 1) for i, token in enumerate(part)]
            self._native.decode(rows)
        return len(rows) - 1

    def _likelihoods(self, slot: int, last: int, texts: Tokens) -> list[list[float]]:
        """Log-probability of each token of each golden answer, the row `last` being what the prompt ends with."""
        logits = self._native.logits(last)
        found = [[log_probability(logits, token) for token in golden[:1]] for golden in texts.goldens]
        for logprobs, golden in zip(found, texts.goldens, strict=True):
            logprobs += self._likelihood(slot, golden, len(texts.prompt))
        return found

    def _likelihood(self, slot: int, golden: abc.Sequence[int], start: int) -> list[float]:
        """Log-probability of each token but the first, as if the model had drawn it; the slot is left as it was."""
        found: list[float] = []
        for begin in range(0, len(golden) - 1, SCORED):
            part = golden[begin : min(begin + SCORED, len(golden) - 1)]
            self._native.decode([Row(token, start + begin + i, slot, logits=True) for i, token in enumerate(part)])
            found += [log_probability(self._native.logits(i), golden[begin + i + 1]) for i in range(len(part))]
        self._native.forget(slot, start)
        return found

    def _gather(self) -> int:
        """Move answers together, so that few rows are padding; the width of the step. 0: nobody is under way."""
        taken = [slot for slot, answer in enumerate(self._answers) if answer is not None]
        width = -(-len(taken) // self._rows) * self._rows
        free = (slot for slot in range(width) if self._answers[slot] is None)
        for slot in taken:
            if slot >= width:
                to = next(free)
                self._native.copy(slot, to)
                self._answers[to], self._answers[slot] = self._answers[slot], None
                self._held[to] = self._held[slot]
        return width

    def _row(self, slot: int) -> Row:
        answer = self._answers[slot]
        if answer is not None:
            return answer.row(slot)
        held = len(self._held[slot])
        self._native.forget(slot, held)
        return Row(_PADDING, held, slot, logits=True)

    def _ended(self) -> Iterator[Ended]:
        for slot, answer in enumerate(self._answers):
            if answer is None:
                continue
            error = None
            if not answer.finish_reason:
                try:
                    answer.check()
                    continue
                except ProviderError as late:
                    error = late
            self._answers[slot] = None
            answer.close()
            yield answer, error
