"""Two runs, or a run and a baseline, answer by answer, for a comparison by people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from evalharness.errors import RefusedError
from evalharness.records import Message, Run
from evalharness.report.blind import Choice, Party
from evalharness.store import read_baseline, read_run
from evalharness.store.runs import stored_lines

_Asked = tuple[tuple[Message, ...], tuple[str, ...]]
"""Messages and golden answers."""


class Place(NamedTuple):
    """What an answer is to."""

    case: str
    model: str
    prompt: str


@dataclass(frozen=True, slots=True)
class Answers:
    """One side: its answers, and what it knows of the cases."""

    suite: str
    run: str
    answers: Mapping[Place, str]
    asked: Mapping[Place, _Asked]
    """Messages and golden answers; nothing for a baseline."""

    @property
    def pairs(self) -> set[tuple[str, str]]:
        """Models and prompts."""
        return {(place.model, place.prompt) for place in self.answers}


def read_answers(path: Path, root: Path) -> Answers:
    """The answers in a run record or a baseline file. Raises StoreError."""
    _, first = next(stored_lines(path), (1, {}))
    if first.get("kind") != "baseline":
        return _of_run(read_run(path))
    baseline = read_baseline(path, root)
    assert baseline is not None
    answers = {
        Place(case, baseline.model, baseline.prompt): stored.samples[-1].text for case, stored in baseline.cases.items()
    }
    return Answers(baseline.suite, baseline.runs[-1].id, answers, {})


def _of_run(run: Run) -> Answers:
    planned, answers = set(run.header.planned), dict[Place, str]()
    asked: dict[Place, _Asked] = {}
    for sample in sorted(run.samples, key=lambda sample: sample.key):
        key = sample.key
        if sample.response and key in planned:
            place = Place(key.case, key.model, key.prompt)
            answers.setdefault(place, sample.response.text)
            asked.setdefault(place, (sample.messages, sample.golden))
    return Answers(run.header.suite, run.header.id, answers, asked)


def choices_between(a: Answers, b: Answers) -> tuple[Party, Party, list[Choice]]:
    """Both sides, and the cases that they answered differently. Raises RefusedError: there is nothing to choose."""
    if a.suite != b.suite:
        raise RefusedError(f"these are runs of two suites, {a.suite} and {b.suite}")
    common = a.pairs & b.pairs
    if not common and (len(a.pairs) != 1 or len(b.pairs) != 1):
        raise RefusedError("the two share no model and prompt; compare runs of one model and one prompt each")
    sides = [_by_case(side, common) for side in (a, b)]
    choices = [_choice(place, a, b, *texts) for place, texts in _differing(*sides)]
    if not choices:
        raise RefusedError("there is nothing to choose: where both have an answer it is the same")
    return _party(a, common), _party(b, common), choices


def _by_case(side: Answers, common: set[tuple[str, str]]) -> dict[Place, str]:
    """Where both are of one model and prompt, by those too."""
    if common:
        return {place: text for place, text in side.answers.items() if place[1:] in common}
    return {Place(place.case, "", ""): text for place, text in side.answers.items()}


def _differing(a: Mapping[Place, str], b: Mapping[Place, str]) -> list[tuple[Place, tuple[str, str]]]:
    return [(place, (a[place], b[place])) for place in sorted(a.keys() & b.keys()) if a[place] != b[place]]


def _choice(place: Place, a: Answers, b: Answers, left: str, right: str) -> Choice:
    messages, golden = _asked(a, place) or _asked(b, place) or ((), ())
    if not place.model:  # the rest of a prompt would tell who is who
        messages = tuple(turn for turn in messages if turn.role == "user")
    return Choice(*place, messages, golden, left, right)


def _asked(side: Answers, place: Place) -> _Asked | None:
    pairs = {(place.model, place.prompt)} if place.model else side.pairs
    return next(filter(None, (side.asked.get(Place(place.case, *pair)) for pair in pairs)), None)


def _party(side: Answers, common: set[tuple[str, str]]) -> Party:
    model, prompt = ("", "") if common else next(iter(side.pairs))
    return Party(side.run, model, prompt)
