"""A judge that compares each answer with the accepted one, in both orders.

- judge: {name: better, model: qwen, against: baseline, ask: "Which answer helps the customer more?"}

A judge may like what it reads first. So it gets both answers twice, each of them first once, and the score is the mean
of both probabilities that the new answer is better: a judge that knows nothing but the order gives 0.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evalharness.errors import MetricError
from evalharness.records import NotApplicable, Score
from evalharness.records.answer_label import text_digest
from evalharness.scoring.judges import Opinion, Question
from evalharness.scoring.judges.fences import Shown
from evalharness.scoring.metrics.base import LabelQuestion, Result, SampleView

FIRST, SECOND = CHOICES = ("first", "second")
DEFAULT_SEES = ("question",)
_SEES = ("question", "golden", "messages")
SHOWN_FIRST, SHOWN_SECOND, AGREE = "shown first", "shown second", "orders agree"
"""Parts of a score: the probability that the new answer is better, in each place, and whether both say the same."""
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


def label_question(asked: Sequence[Question]) -> LabelQuestion:
    """What a person sees: `questions` in one order, by a hash of the answers, so that it hides which one is new.

    The new answer counts 1 if it is chosen. Raises MetricError without two different answers.
    """
    if not asked:
        raise MetricError("no other accepted answer to compare with")
    view = asked[0].view
    new_first = int(text_digest(f"{view.accepted}\0{view.text}")[:8], 16) % 2
    values = (1.0, 0.0) if new_first else (0.0, 1.0)
    one = asked[new_first]
    return LabelQuestion(one.text, one.shown, (*zip(CHOICES, values, strict=True), ("equal", _EVEN)))


def score(opinions: Sequence[Opinion]) -> Score:
    """The probability that the new answer is better. `opinions`: on `questions`; none on equal answers."""
    if not opinions:
        return Score("judge", _EVEN, "", "the answer is the accepted one")
    shown_second, shown_first = opinions[0].probabilities[SECOND], opinions[1].probabilities[FIRST]
    agree = (shown_second - _EVEN) * (shown_first - _EVEN) >= 0
    parts = {SHOWN_FIRST: shown_first, SHOWN_SECOND: shown_second, AGREE: float(agree)}
    why = "" if agree else "the judge prefers the other answer in the other order"
    explanation = "\n".join(filter(None, [why, *(one.explanation for one in opinions)]))
    note = "; ".join(dict.fromkeys(one.note for one in opinions if one.note))
    return Score("judge", (shown_first + shown_second) / 2, "", explanation, parts, note)


def settled(view: SampleView, result: Result) -> Result:
    """The result with the accepted answer that it is about; NotApplicable without one."""
    if view.accepted is None:
        return NotApplicable("no accepted answer", "judge")
    return replace(result, against=text_digest(view.accepted)) if isinstance(result, Score) else result
