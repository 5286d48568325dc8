"""The decode schedule: many sequences grow at once, each as if it were alone.

A text depends on its own tokens, its own random numbers, its own stream of the KV cache, and the shapes of its decode
steps: llama.cpp's kernels may add up in another order at another shape. The shapes are fixed:

    the shared prefix    decoded once, by itself, in steps of `batch`; each sequence starts from a copy of it
    the rest of a prompt decoded by itself, in steps of `batch`
    each further token   in a step of a multiple of `rows` rows, padded, one row for each sequence
    a golden answer      after its own prompt, by itself, in steps of SCORED

So neighbours, their order and earlier work leave no trace in a text. One condition is a property of the kernels, not of
this schedule: a row must not depend on the number of `rows` multiples in its step. For rows = 8 on x86 without flash
attention it holds (tests/model/test_same_texts.py); for smaller multiples it does not always.
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
"""The token of a padding row. Its output is never read."""


class Tokens(NamedTuple):
    """The tokens of one request."""

    prompt: abc.Sequence[int]
    prefix: abc.Sequence[int]
    """The expected start of the prompt in every case of the suite; ignored where the prompt does not start with it."""
    goldens: abc.Sequence[abc.Sequence[int]]
    """Golden answers to score."""

    def length(self, max_tokens: int) -> int:
        """Tokens of the prompt and its response or longest golden answer."""
        return len(self.prompt) + max([max_tokens, *map(len, self.goldens)])


Finished = tuple[Sequence, ProviderError | None]


class Schedule:
    """Decodes many sequences in steps.

    Sequences `0..slots-1` hold responses, the `prefixes` sequences after them hold shared prefixes.
    """

    def __init__(
        self,
        native: Native,
        *,
        context: int,
        slots: int,
        prefixes: int,
        rows: int,
        batch: int,
        initial_capacity: int,
    ) -> None:
        """Allocate the sequences. Raises ProviderError when there is not enough memory.

        `context`: most tokens of a sequence. `initial_capacity`: tokens of a sequence until a case needs more.
        """
        self._native, self._context, self._rows, self._batch = native, context, rows, batch
        self._slots, self._sequences, self._initial_capacity = slots, slots + prefixes, initial_capacity
        self._active: list[Sequence | None] = [None] * slots
        """The sequence in each slot."""
        self._slot_prefixes: list[tuple[int, ...]]
        """The shared prefix that each slot starts with, also while the slot is free."""
        self._cached_prefixes: OrderedDict[tuple[int, ...], int]
        """Shared prefixes and the sequences that hold them, least recently used first."""
        self._free_prefixes: list[int]
        self.sampled_tokens = 0
        """Tokens of all responses so far."""
        self._reset(self._initial_capacity)

    @property
    def busy(self) -> bool:
        """Whether a sequence is active."""
        return any(self._active)

    @property
    def full(self) -> bool:
        """Whether all slots are taken."""
        return all(self._active)

    def reserve(self, tokens: int) -> bool:
        """Whether each slot can hold so many tokens; if not, call `step` and try again.

        Growing drops all sequences, so it waits until none is active. Raises ProviderError when there is no memory.
        """
        if self.busy or tokens <= self._native.capacity:
            return tokens <= self._native.capacity
        capacity = self._initial_capacity
        while capacity < tokens:
            capacity *= 2
        self._reset(min(capacity, self._context))
        return True

    def admit(self, number: int, request: Mapping[str, Any], tokens: Tokens) -> None:
        """Start a sequence in a free slot.

        Decodes its prompt, samples its first token and scores its golden answers.

        Raises ProviderError when the request fails; its slot is free again.
        """
        slot, others, started = self._active.index(None), list(filter(None, self._active)), time.perf_counter()
        try:
            self._active[slot] = self._start(slot, number, request, tokens)
        finally:
            for other in others:
                other.add_wait(time.perf_counter() - started)
        self.sampled_tokens += 1

    def step(self) -> Iterator[Finished]:
        """Sample a token for each active sequence.

        Yields sequences that finished or failed.
        """
        yield from self._finished()
        width = self._compact()
        if not width:
            return
        self._native.decode([self._row(slot) for slot in range(width)])
        for row, sequence in enumerate(self._active[:width]):
            if sequence is not None:
                sequence.sample(row)
                self.sampled_tokens += 1
        yield from self._finished()

    def _start(self, slot: int, number: int, request: Mapping[str, Any], tokens: Tokens) -> Sequence:
        prompt, shared = tokens.prompt, _shared_length(tokens)
        self._load_prefix(slot, tuple(prompt[:shared]))
        sequence = Sequence(self._native, number, request, prompt=len(prompt), own=len(prompt) - shared)
        try:
            last = self._prefill(slot, prompt[shared:], shared)
            sequence.sample(last)
            sampled_at = time.perf_counter()
            sequence.golden_logprobs = self._golden_logprobs(slot, last, tokens)
            sequence.exclude(time.perf_counter() - sampled_at)
        except BaseException:
            sequence.close()
            raise
        return sequence

    def _reset(self, capacity: int) -> None:
        """Empty all sequences and set their capacity in tokens."""
        self._slot_prefixes, self._cached_prefixes = [()] * self._slots, OrderedDict()
        self._free_prefixes = list(range(self._slots, self._sequences))
        self._native.resize(capacity)

    def _load_prefix(self, slot: int, prefix: tuple[int, ...]) -> None:
        """Put the slot into the state after the prefix, with a copy of the cached one if needed."""
        if self._slot_prefixes[slot] != prefix:
            self._native.copy(self._cached(prefix), slot) if prefix else self._native.truncate(slot)
            self._slot_prefixes[slot] = prefix
        self._native.truncate(slot, len(prefix))

    def _cached(self, prefix: tuple[int, ...]) -> int:
        """The sequence that holds exactly this prefix, decoded if it is not cached."""
        if prefix not in self._cached_prefixes:
            free = self._free_prefixes
            sequence = free.pop() if free else self._cached_prefixes.popitem(last=False)[1]
            self._native.truncate(sequence)
            self._prefill(sequence, prefix, 0)
            self._cached_prefixes[prefix] = sequence
        self._cached_prefixes.move_to_end(prefix)
        return self._cached_prefixes[prefix]

    def _prefill(self, sequence: int, tokens: abc.Sequence[int], start: int) -> int:
        """Decode tokens of one sequence from position `start`. Returns the row of the last token."""
        rows: list[Row] = []
        for begin in range(0, len(tokens), self._batch):
            part = tokens[begin : begin + self._batch]
            end = begin + len(part) == len(tokens)
            rows = [Row(token, start + begin + i, sequence, end and i == len(part) - 1) for i, token in enumerate(part)]
            self._native.decode(rows)
        return len(rows) - 1

    def _golden_logprobs(self, slot: int, last: int, tokens: Tokens) -> list[list[float]]:
        """The log-probability of each token of each golden answer. `last`: the row at the end of the prompt."""
        logits = self._native.logits(last)
        found = [[log_probability(logits, token) for token in golden[:1]] for golden in tokens.goldens]
        for logprobs, golden in zip(found, tokens.goldens, strict=True):
            logprobs += self._rest_logprobs(slot, golden, len(tokens.prompt))
        return found

    def _rest_logprobs(self, slot: int, golden: abc.Sequence[int], start: int) -> list[float]:
        """The log-probability of each token but the first. The slot's state is restored."""
        found: list[float] = []
        for begin in range(0, len(golden) - 1, SCORED):
            part = golden[begin : min(begin + SCORED, len(golden) - 1)]
            self._native.decode([Row(token, start + begin + i, slot, logits=True) for i, token in enumerate(part)])
            found += [log_probability(self._native.logits(i), golden[begin + i + 1]) for i in range(len(part))]
        self._native.truncate(slot, start)
        return found

    def _compact(self) -> int:
        """Move sequences to the first slots, to save padding. Returns the width of the step, 0 if none is active."""
        taken = [slot for slot, sequence in enumerate(self._active) if sequence is not None]
        width = -(-len(taken) // self._rows) * self._rows
        free = (slot for slot in range(width) if self._active[slot] is None)
        for slot in taken:
            if slot >= width:
                to = next(free)
                self._native.copy(slot, to)
                self._active[to], self._active[slot] = self._active[slot], None
                self._slot_prefixes[to] = self._slot_prefixes[slot]
        return width

    def _row(self, slot: int) -> Row:
        sequence = self._active[slot]
        if sequence is not None:
            return sequence.row(slot)
        length = len(self._slot_prefixes[slot])
        self._native.truncate(slot, length)
        return Row(_PADDING, length, slot, logits=True)

    def _finished(self) -> Iterator[Finished]:
        for slot, sequence in enumerate(self._active):
            if sequence is None:
                continue
            error = None if sequence.finish_reason else sequence.deadline_error()
            if sequence.finish_reason or error:
                self._active[slot] = None
                sequence.close()
                yield sequence, error


def _shared_length(tokens: Tokens) -> int:
    """How many tokens of the prompt are the shared prefix: all of it, or none."""
    prompt, prefix = tokens.prompt, tokens.prefix
    is_prefix = len(prefix) < len(prompt) and list(prompt[: len(prefix)]) == list(prefix)
    return len(prefix) if is_prefix else 0
