"""The decode schedule on a fake model that records what is decoded, where, and in which shape."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from fake_native import WORDS, FakeNative

from evalharness.errors import ProviderError
from evalharness.local.memory import PREFIXES
from evalharness.local.native import SCORED, Row
from evalharness.local.schedule import Finished, Schedule, Tokens

LONGEST = 40
"""Tokens of a prompt and its response."""
PARAMS = {"temperature": 0.0, "repeat_penalty": 1.0, "stop": []}


def run(
    prompts: Sequence[Tokens],
    *,
    slots: int,
    rows: int,
    batch: int = 4,
    max_tokens: Callable[[int], int] = lambda _: 6,
    initial_capacity: int = 8,
) -> tuple[list[dict[str, Any]], FakeNative]:
    """The results in the order of the prompts, which start as slots become free. `max_tokens`: by prompt number."""
    native: Any = FakeNative(slots + PREFIXES)
    shape = {"slots": slots, "prefixes": PREFIXES, "rows": rows, "batch": batch}
    schedule = Schedule(native, context=LONGEST, initial_capacity=initial_capacity, **shape)
    found: dict[int, dict[str, Any]] = {}

    def keep(finished: Iterable[Finished]) -> None:
        for sequence, error in finished:
            assert error is None
            found[sequence.number] = sequence.result()

    waiting = list(enumerate(prompts))
    while waiting or schedule.busy:
        while waiting and not schedule.full:
            number, tokens = waiting.pop(0)
            params = {**PARAMS, "max_tokens": max_tokens(number)}
            while not schedule.reserve(tokens.length(max_tokens(number))):
                keep(schedule.step())
            schedule.admit(number, {"params": params, "deadline_s": 60.0}, tokens)
        keep(schedule.step())
    return [found[number] for number in range(len(prompts))], native


def requests(count: int, seed: int = 1) -> list[Tokens]:
    """Random prompts with one of three shared prefixes or none, and up to two golden answers."""
    chance = random.Random(seed)

    def some(most: int) -> list[int]:
        return [chance.randrange(2, WORDS) for _ in range(chance.randint(1, most))]

    prefixes = [some(9) for _ in range(3)] + [[]]
    made = []
    for _ in range(count):
        prefix = chance.choice(prefixes)
        made.append(Tokens([*prefix, *some(11)], prefix, [some(12) for _ in range(chance.randint(0, 2))]))
    return made


def without_times(results: Sequence[dict[str, Any]]) -> list[Any]:
    """The fields of each result that do not depend on the clock."""
    fields = ("text", "finish_reason", "completion_tokens", "golden_logprobs")
    return [tuple(result[field] for field in fields) for result in results]


@pytest.mark.parametrize(("slots", "rows"), [(1, 1), (3, 1), (4, 4), (8, 4), (16, 8)])
@pytest.mark.parametrize("seed", range(3))
def test_order_independence(slots: int, rows: int, seed: int) -> None:
    """Each result is the same among others, in used slots and in reverse order as alone in a fresh model."""
    prompts = requests(40, seed)
    alone = [without_times(run([prompt], slots=slots, rows=rows)[0])[0] for prompt in prompts]
    assert without_times(run(prompts, slots=slots, rows=rows)[0]) == alone
    backwards, _ = run(prompts[::-1], slots=slots, rows=rows)
    assert without_times(backwards)[::-1] == alone


@pytest.mark.parametrize(("slots", "rows"), [(8, 4), (16, 8), (6, 2)])
def test_the_shape_of_a_step(slots: int, rows: int) -> None:
    """Shared steps have a multiple of `rows` rows, one for each of the first sequences. Any other step belongs to one
    sequence and has at most `batch` rows.
    """
    _, native = run(requests(40), slots=slots, rows=rows, batch=4, max_tokens=lambda number: 2 + number % 5)
    steps = [step for step in native.decoded if len({row.sequence for row in step}) > 1]
    for step in steps:
        assert len(step) % rows == 0
        assert [row.sequence for row in step] == list(range(len(step)))
    assert max(len(step) for step in steps) == slots // rows * rows
    assert max(len(step) for step in native.decoded if step not in steps) <= max(4, SCORED)


def test_capacity_doubles_on_demand() -> None:
    """The capacity doubles up to the context when a case needs more, and active sequences lose nothing."""
    prompts = [Tokens([2 + number] * (number % 33 + 1), [], []) for number in range(40)]
    grown, native = run(prompts, slots=4, rows=4)
    assert native.capacities == [8, 16, 32, LONGEST]
    whole, other = run(prompts, slots=4, rows=4, initial_capacity=LONGEST)
    assert without_times(grown) == without_times(whole)
    assert other.capacities == [LONGEST]


def test_not_enough_memory() -> None:
    """A case that needs too much memory is an error, and the next case still gets its capacity."""
    native: Any = FakeNative(2 + PREFIXES, max_capacity=16)
    schedule = Schedule(native, context=LONGEST, slots=2, prefixes=PREFIXES, rows=1, batch=4, initial_capacity=8)
    for _ in range(2):
        with pytest.raises(ProviderError, match="not enough memory"):
            schedule.reserve(20)
        assert schedule.reserve(9)
    assert native.capacities == [8, 32, 16, 32, 16]


def test_deadlines_exclude_other_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding other prompts and shared prefixes does not count against the deadline of a sequence."""
    clock = Clock()
    for module in ("schedule", "sequence"):
        monkeypatch.setattr(f"evalharness.local.{module}.time", clock)
    native: Any = SlowNative(2 + PREFIXES, clock)
    schedule = Schedule(native, context=LONGEST, slots=2, prefixes=PREFIXES, rows=1, batch=4, initial_capacity=LONGEST)
    params = {**PARAMS, "max_tokens": 3}
    schedule.admit(0, {"params": params, "deadline_s": 0.2}, Tokens([3, 4], [], []))
    schedule.admit(1, {"params": params, "deadline_s": 60.0}, Tokens([5, 6] * 8, [5, 6] * 6, []))
    errors = []
    while schedule.busy:
        errors += [error for _, error in schedule.step()]
    assert errors == [None, None]
    assert clock.now_s > 0.2


class Clock:
    """Replaces the module `time`; only tests advance it."""

    now_s = 0.0

    def perf_counter(self) -> float:
        """The current time in seconds."""
        return self.now_s


class SlowNative(FakeNative):
    """Decodes prompts slowly, by the test's clock."""

    def __init__(self, sequences: int, clock: Clock) -> None:
        super().__init__(sequences)
        self._clock = clock

    def decode(self, rows: Sequence[Row]) -> None:
        """Advance the clock by a twentieth of a second for each token of a prompt."""
        if len(rows) > 2:
            self._clock.now_s += 0.05 * len(rows)
        super().decode(rows)


def test_few_rows_are_padding() -> None:
    """The remaining sequences move to the first slots, so the last one is padded to `rows`, not to all slots."""
    prompts = [Tokens([2 + i, 3], [], []) for i in range(24)]
    _, native = run(prompts, slots=24, rows=8, batch=64, max_tokens=lambda number: 3 + number, initial_capacity=LONGEST)
    steps = [step for step in native.decoded if len({row.sequence for row in step}) > 1]
    assert len(steps[0]) == 24
    assert len(steps[-1]) == 8


def test_a_prefix_is_decoded_once() -> None:
    """Two prefixes in alternation over forty prompts are decoded once each."""
    one, other = [7, 8, 9, 10], [11, 12, 13]
    prompts = [Tokens([*(one if i % 2 else other), 20 + i % 9], one if i % 2 else other, []) for i in range(40)]
    _, native = run(prompts, slots=8, rows=4)
    assert len([step for step in native.decoded if step[0].sequence >= 8]) == 2


def test_a_prefix_that_does_not_apply() -> None:
    """A prefix that the prompt does not start with, or that is the whole prompt, is ignored."""
    wrong, whole = Tokens([5, 6, 7], [9, 9], []), Tokens([5, 6, 7], [5, 6, 7], [])
    plain = Tokens([5, 6, 7], [], [])
    results, _ = run([wrong, whole, plain], slots=4, rows=4)
    assert len({result["text"] for result in results}) == 1
