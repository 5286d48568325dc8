"""The schedule of local answers, on a native side that only keeps books: what is decoded, where, and in which shape."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from evalharness.errors import ProviderError
from evalharness.local.memory import PREFIXES
from evalharness.local.native import SCORED, Row
from evalharness.local.schedule import Ended, Schedule, Tokens

WORDS, END = 50, 1
LONGEST = 40
"""Tokens of a prompt and its answer."""
PARAMS = {"temperature": 0.0, "repeat_penalty": 1.0, "stop": []}


class Books:
    """Each sequence is the list of its tokens; what comes next is a sum over them, so that any that is wrong shows."""

    tokens = WORDS

    def __init__(self, sequences: int, most: int = 100) -> None:
        self.rooms: list[int] = []
        self.room, self.most = 0, most
        self.held: list[list[int]] = [[] for _ in range(sequences)]
        self.steps: list[list[Row]] = []
        self._after: dict[int, int] = {}

    def make_room(self, tokens: int) -> None:
        """And forget all."""
        self.rooms.append(tokens)
        self.room = 0
        if tokens > self.most:
            raise ProviderError("there is no room", kind="load")
        self.room = tokens
        self.held = [[] for _ in self.held]

    def decode(self, rows: Sequence[Row]) -> None:
        """As llama.cpp: each row follows what its sequence holds."""
        self.steps.append(list(rows))
        self._after = {}
        for i, row in enumerate(rows):
            held = self.held[row.sequence]
            assert row.position == len(held), (row, held)
            held.append(row.token)
            assert len(held) <= self.room
            if row.logits:
                self._after[i] = sum(n * token for n, token in enumerate(held, start=1)) % WORDS

    def logits(self, row: int) -> Any:
        """One token is likely."""
        found = np.zeros(WORDS, dtype=np.float32)
        found[self._after[row]] = 5.0
        return found

    def copy(self, source: int, to: int) -> None:
        """All of it."""
        self.held[to] = list(self.held[source])

    def forget(self, sequence: int, start: int = 0) -> None:
        """From there on."""
        del self.held[sequence][start:]

    def ends(self, token: int) -> bool:
        """One token does."""
        return token == END

    def piece(self, token: int) -> bytes:
        """Its number."""
        return f"{token} ".encode()


def run(
    asked: Sequence[Tokens],
    *,
    slots: int,
    rows: int,
    batch: int = 4,
    most: Callable[[int], int] = lambda _: 6,
    first_room: int = 8,
) -> tuple[list[dict[str, Any]], Books]:
    """All answers in the order of the requests, admitted as slots come free. `most`: tokens of an answer."""
    books: Any = Books(slots + PREFIXES)
    shape = {"slots": slots, "prefixes": PREFIXES, "rows": rows, "batch": batch}
    schedule = Schedule(books, context=LONGEST, first_room=first_room, **shape)
    found: dict[int, dict[str, Any]] = {}

    def keep(ended: Iterable[Ended]) -> None:
        for answer, error in ended:
            assert error is None
            found[answer.number] = answer.result()

    waiting = list(enumerate(asked))
    while waiting or schedule.busy:
        while waiting and not schedule.full:
            number, texts = waiting.pop(0)
            params = {**PARAMS, "max_tokens": most(number)}
            while not schedule.make_room(texts.room(most(number))):
                keep(schedule.step())
            schedule.admit(number, {"params": params, "deadline_s": 60.0}, texts)
        keep(schedule.step())
    return [found[number] for number in range(len(asked))], books


def requests(count: int, seed: int = 1) -> list[Tokens]:
    """With one of three shared beginnings, or none, and goldens here and there."""
    chance = random.Random(seed)

    def some(most: int) -> list[int]:
        return [chance.randrange(2, WORDS) for _ in range(chance.randint(1, most))]

    beginnings = [some(9) for _ in range(3)] + [[]]
    made = []
    for _ in range(count):
        prefix = chance.choice(beginnings)
        made.append(Tokens([*prefix, *some(11)], prefix, [some(12) for _ in range(chance.randint(0, 2))]))
    return made


def told(answers: Sequence[dict[str, Any]]) -> list[Any]:
    """What does not depend on the clock."""
    return [(one["text"], one["finish_reason"], one["completion_tokens"], one["golden_logprobs"]) for one in answers]


@pytest.mark.parametrize(("slots", "rows"), [(1, 1), (3, 1), (4, 4), (8, 4), (16, 8)])
@pytest.mark.parametrize("seed", range(3))
def test_an_answer_is_its_own(slots: int, rows: int, seed: int) -> None:
    """Among others, in slots that others have had, each is what it is alone in a fresh engine."""
    asked = requests(40, seed)
    alone = [told(run([one], slots=slots, rows=rows)[0])[0] for one in asked]
    assert told(run(asked, slots=slots, rows=rows)[0]) == alone
    backwards, _ = run(asked[::-1], slots=slots, rows=rows)
    assert told(backwards)[::-1] == alone


@pytest.mark.parametrize(("slots", "rows"), [(8, 4), (16, 8), (6, 2)])
def test_the_shape_of_a_step(slots: int, rows: int) -> None:
    """Steps of several answers have a multiple of `rows` rows, one for each of the first sequences; whatever else is
    decoded is of one sequence alone, `batch` tokens at most.
    """
    _, books = run(requests(40), slots=slots, rows=rows, batch=4, most=lambda number: 2 + number % 5)
    steps = [step for step in books.steps if len({row.sequence for row in step}) > 1]
    for step in steps:
        assert len(step) % rows == 0
        assert [row.sequence for row in step] == list(range(len(step)))
    assert max(len(step) for step in steps) == slots // rows * rows
    assert max(len(step) for step in books.steps if step not in steps) <= max(4, SCORED)


def test_room_grows_with_what_is_asked() -> None:
    """Twice as much each time, and never more than a case may have; what is under way then loses nothing."""
    asked = [Tokens([2 + number] * (number % 33 + 1), [], []) for number in range(40)]
    answers, books = run(asked, slots=4, rows=4)
    assert books.rooms == [8, 16, 32, LONGEST]
    roomy, others = run(asked, slots=4, rows=4, first_room=LONGEST)
    assert told(answers) == told(roomy)
    assert others.rooms == [LONGEST]


def test_no_room() -> None:
    """Who needs more than there is hears so, and the next one finds its room."""
    books: Any = Books(2 + PREFIXES, most=16)
    schedule = Schedule(books, context=LONGEST, slots=2, prefixes=PREFIXES, rows=1, batch=4, first_room=8)
    for _ in range(2):
        with pytest.raises(ProviderError, match="no room"):
            schedule.make_room(20)
        assert schedule.make_room(9)
    assert books.rooms == [8, 32, 16, 32, 16]


def test_what_others_read_is_no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither their prompts nor a beginning that they share count against an answer's deadline."""
    clock = Clock()
    for module in ("schedule", "sequence"):
        monkeypatch.setattr(f"evalharness.local.{module}.time", clock)
    books: Any = Slow(2 + PREFIXES, clock)
    schedule = Schedule(books, context=LONGEST, slots=2, prefixes=PREFIXES, rows=1, batch=4, first_room=LONGEST)
    params = {**PARAMS, "max_tokens": 3}
    schedule.admit(0, {"params": params, "deadline_s": 0.2}, Tokens([3, 4], [], []))
    schedule.admit(1, {"params": params, "deadline_s": 60.0}, Tokens([5, 6] * 8, [5, 6] * 6, []))
    ended = []
    while schedule.busy:
        ended += [error for _, error in schedule.step()]
    assert ended == [None, None]
    assert clock.now_s > 0.2


class Clock:
    """Stands in for the module `time`; only the tests move it."""

    now_s = 0.0

    def perf_counter(self) -> float:
        """In seconds."""
        return self.now_s


class Slow(Books):
    """Takes its time to read a prompt."""

    def __init__(self, sequences: int, clock: Clock) -> None:
        super().__init__(sequences)
        self._clock = clock

    def decode(self, rows: Sequence[Row]) -> None:
        """A twentieth of a second for each token."""
        if len(rows) > 2:
            self._clock.now_s += 0.05 * len(rows)
        super().decode(rows)


def test_few_rows_are_padding() -> None:
    """As answers end, the others move together: the last one of many is not padded to all slots."""
    prompts = [Tokens([2 + i, 3], [], []) for i in range(24)]
    _, books = run(prompts, slots=24, rows=8, batch=64, most=lambda number: 3 + number, first_room=LONGEST)
    steps = [step for step in books.steps if len({row.sequence for row in step}) > 1]
    assert len(steps[0]) == 24
    assert len(steps[-1]) == 8


def test_a_prefix_is_computed_once() -> None:
    """For one suite: forty prompts with one beginning read it once; two that are asked in turns, once each."""
    one, other = [7, 8, 9, 10], [11, 12, 13]
    asked = [Tokens([*(one if i % 2 else other), 20 + i % 9], one if i % 2 else other, []) for i in range(40)]
    _, books = run(asked, slots=8, rows=4)
    begun = [step for step in books.steps if step[0].sequence >= 8]
    assert len(begun) == 2


def test_a_beginning_that_is_none() -> None:
    """A shared beginning that the prompt does not have, or that is all of it, is left alone."""
    wrong, whole = Tokens([5, 6, 7], [9, 9], []), Tokens([5, 6, 7], [5, 6, 7], [])
    plain = Tokens([5, 6, 7], [], [])
    answers, _ = run([wrong, whole, plain], slots=4, rows=4)
    assert len({one["text"] for one in answers}) == 1
