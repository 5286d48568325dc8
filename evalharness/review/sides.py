"""The answers of two runs or baselines as pairs, for a blind comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from evalharness.errors import RefusedError
from evalharness.records import Message, Run
from evalharness.report.blind import AnswerPair, Side
from evalharness.store import read_baseline, read_run
from evalharness.store.runs import stored_lines

_Question = tuple[tuple[Message, ...], tuple[str, ...]]
"""Messages and golden answers."""


class Place(NamedTuple):
    """The case, model and prompt of an answer."""

    case: str
    model: str
    prompt: str


@dataclass(frozen=True, slots=True)
class SideAnswers:
    """The answers of one side, with the messages and goldens of its cases."""

    suite: str
    run: str
    answers: Mapping[Place, str]
    questions: Mapping[Place, _Question]
    """Empty for a baseline, which stores no messages."""

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """The models and prompts of the answers."""
        return {(place.model, place.prompt) for place in self.answers}


def read_answers(path: Path, root: Path) -> SideAnswers:
    """The answers in a run record or a baseline file. Raises StoreError."""
    _, first = next(stored_lines(path), (1, {}))
    if first.get("kind") != "baseline":
        return _of_run(read_run(path))
    baseline = read_baseline(path, root)
    assert baseline is not None
    answers = {
        Place(case, baseline.model, baseline.prompt): stored.samples[-1].text for case, stored in baseline.cases.items()
    }
    return SideAnswers(baseline.suite, baseline.runs[-1].id, answers, {})


def _of_run(run: Run) -> SideAnswers:
    planned, answers = set(run.header.planned), dict[Place, str]()
    questions: dict[Place, _Question] = {}
    for sample in sorted(run.samples, key=lambda sample: sample.key):
        key = sample.key
        if sample.response and key in planned:
            place = Place(key.case, key.model, key.prompt)
            answers.setdefault(place, sample.response.text)
            questions.setdefault(place, (sample.messages, sample.golden))
    return SideAnswers(run.header.suite, run.header.id, answers, questions)


def pair_answers(a: SideAnswers, b: SideAnswers) -> tuple[Side, Side, list[AnswerPair]]:
    """Both sides, and the cases with different answers.

    Raises RefusedError: two suites, no common model and prompt, or no different answer.
    """
    if a.suite != b.suite:
        raise RefusedError(f"expected two runs of one suite, got {a.suite} and {b.suite}")
    common = a.pairs & b.pairs
    if not common and (len(a.pairs) != 1 or len(b.pairs) != 1):
        raise RefusedError("the runs share no model and prompt: compare runs of one model and one prompt each")
    sides = [_by_case(side, common) for side in (a, b)]
    pairs = [_pair(place, a, b, *texts) for place, texts in _differing(*sides)]
    if not pairs:
        raise RefusedError("nothing to compare: every common answer is the same on both sides")
    return _side(a, common), _side(b, common), pairs


def _by_case(side: SideAnswers, common: set[tuple[str, str]]) -> dict[Place, str]:
    """The answers by case; by common model and prompt too, where there are any."""
    if common:
        return {place: text for place, text in side.answers.items() if place[1:] in common}
    return {Place(place.case, "", ""): text for place, text in side.answers.items()}


def _differing(a: Mapping[Place, str], b: Mapping[Place, str]) -> list[tuple[Place, tuple[str, str]]]:
    return [(place, (a[place], b[place])) for place in sorted(a.keys() & b.keys()) if a[place] != b[place]]


def _pair(place: Place, a: SideAnswers, b: SideAnswers, left: str, right: str) -> AnswerPair:
    messages, golden = _question(a, place) or _question(b, place) or ((), ())
    if not place.model:  # the rest of a prompt would reveal the side
        messages = tuple(turn for turn in messages if turn.role == "user")
    return AnswerPair(*place, messages, golden, left, right)


def _question(side: SideAnswers, place: Place) -> _Question | None:
    pairs = {(place.model, place.prompt)} if place.model else side.pairs
    return next(filter(None, (side.questions.get(Place(place.case, *pair)) for pair in pairs)), None)


def _side(side: SideAnswers, common: set[tuple[str, str]]) -> Side:
    model, prompt = ("", "") if common else next(iter(side.pairs))
    return Side(side.run, model, prompt)
