"""Draws answers for people to label: at random among the changed ones, both versions, in an order that hides them.

A place is a case with one model and one prompt. Places are ordered by a hash of the seed, so more labels later are more
places of the same order, and the labelled ones stay a random sample. The answers of ten places at a time are mixed:
which version an answer is from stays hidden, and after an interruption most labelled places have both answers labelled.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalharness.evaluation.known_answers import KnownAnswer, KnownAnswers, Place, label_question
from evalharness.gate.judged import question_of
from evalharness.records import Baseline, Baselines, Run
from evalharness.records.answer_label import LabelItem
from evalharness.scoring.metrics import Metric

_BLOCK = 10
"""Places whose answers are mixed."""


@dataclass(frozen=True, slots=True)
class Draw:
    """The answers of one metric that people are asked about."""

    items: tuple[LabelItem, ...]
    places: int
    """Number of places that they are from."""
    of: int
    """Number of places that they were drawn from."""
    changed: bool
    """Whether they are from changed places. Labels of unchanged answers calibrate a judge and correct no change."""
    seed: str


def derived_seed(metric: Metric, run: Run, baselines: Baselines) -> str:
    """The default seed: equal for all runs that are compared with the same accepted runs."""
    accepted = [run.id for one in baselines.values() if isinstance(one, Baseline) for run in one.runs]
    names = [run.header.suite, question_of(metric.signature), *(sorted(set(accepted)) or [run.header.id])]
    return _hash(*names).hex()[:12]


def draw(metric: Metric, known: KnownAnswers, seed: str, most: int) -> Draw:
    """The answers of at most so many places, each text of a case once."""
    changed = known.changed
    among = changed or list(known.new)
    places = sorted(among, key=lambda place: _hash(seed, "place", *place))[:most]
    blocks = [places[start : start + _BLOCK] for start in range(0, len(places), _BLOCK)]
    answers = {
        one.of: one
        for block in blocks
        for one in _mixed(known, block, seed, both=bool(changed) and not known.are_pairs)
    }
    items = tuple(_item(metric, one, seed, drawn=bool(changed)) for one in answers.values())
    return Draw(items, len(places), len(among), bool(changed), seed)


def _mixed(known: KnownAnswers, places: Sequence[Place], seed: str, *, both: bool) -> list[KnownAnswer]:
    """The answers of a block, in an order that does not depend on their version."""
    sides: Sequence[Mapping[Place, KnownAnswer]] = (known.new, known.accepted) if both else (known.new,)
    answers = [side[place] for place in places for side in sides]
    return sorted(answers, key=lambda one: _hash(seed, "answer", *one.of))


def _item(metric: Metric, answer: KnownAnswer, seed: str, *, drawn: bool) -> LabelItem:
    question = label_question(metric, answer)
    return LabelItem(answer.of, metric.name, question.ask, question.shown, question.choices, seed, drawn)


def other_items(metric: Metric, known: KnownAnswers, seed: str) -> Iterator[LabelItem]:
    """An item for each new and accepted answer, not drawn: what labels from elsewhere may be about."""
    answers = {one.of: one for side in (known.accepted, known.new) for one in side.values()}
    yield from (_item(metric, one, seed, drawn=False) for one in answers.values())


def _hash(*parts: str) -> bytes:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "backslashreplace")).digest()
