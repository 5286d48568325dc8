"""A judge that compares each answer with the accepted one, in both orders.

- judge: {name: better, model: qwen, against: baseline, ask: "Which answer helps the customer more?"}

A judge may like what it reads first. So it gets both answers twice, each of them first once, and the score is the mean
of both probabilities that the new answer is better: a judge that knows nothing but the order gives 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evalharness.records import NotApplicable, Score
from evalharness.records.answer_label import text_digest
from evalharness.scoring.judges import Opinion, Question
from evalharness.scoring.judges.fences import Shown
from evalharness.scoring.metrics.base import Result, SampleView

FIRST, SECOND = CHOICES = ("first", "second")
DEFAULT_SEES = ("question",)
_SEES = ("question", "golden", "messages")
_EVEN = 0.5


def refuse(options: Mapping[str, object], parts: Sequence[str]) -> None:
    """Raise ValueError for options that have no meaning for two answers. `parts`: what the judge sees besides them."""
    if odd := [name for name, value in options.items() if value]:
        raise ValueError(f"'against' compares two answers as a whole: remove '{odd[0]}'")
    if wrong := [one for one in parts if one not in _SEES]:
        raise ValueError(
            f"sees: with 'against' the judge sees both answers and any of {', '.join(_SEES)}: remove '{wrong[0]}'"
        )


def questions(ask: str, view: SampleView, texts: Sequence[Shown]) -> list[Question]:
    """The question in both orders; none without an accepted answer, and for two equal answers."""
    if view.accepted is None or view.accepted == view.text:
        return []
    return [
        Question(ask, view, CHOICES, (*texts, (f"{FIRST} answer", first), (f"{SECOND} answer", second)))
        for first, second in ((view.accepted, view.text), (view.text, view.accepted))
    ]


def score(opinions: Sequence[Opinion]) -> Score:
    """The probability that the new answer is better. `opinions`: on `questions`; none on equal answers."""
    if not opinions:
        return Score("judge", _EVEN, "", "the answer is the accepted one")
    shown_second, shown_first = opinions[0].probabilities[SECOND], opinions[1].probabilities[FIRST]
    agree = (shown_second - _EVEN) * (shown_first - _EVEN) >= 0
    parts = {"shown first": shown_first, "shown second": shown_second, "orders agree": float(agree)}
    why = "" if agree else "the judge prefers the other answer in the other order"
    explanation = "\n".join(filter(None, [why, *(one.explanation for one in opinions)]))
    note = "; ".join(dict.fromkeys(one.note for one in opinions if one.note))
    return Score("judge", (shown_first + shown_second) / 2, "", explanation, parts, note)


def settled(view: SampleView, result: Result) -> Result:
    """The result with the accepted answer that it is about; NotApplicable without one."""
    if view.accepted is None:
        return NotApplicable("no accepted answer", "judge")
    return replace(result, against=text_digest(view.accepted)) if isinstance(result, Score) else result
