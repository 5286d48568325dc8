"""The figures of `evalharness judge calibrate`, on a terminal of 80 columns and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from evalharness.evaluation.label_judging import Judging
from evalharness.evaluation.labelling import MetricLabelling
from evalharness.gate.judge_error import JudgeError, share
from evalharness.gate.stats.agreement import Proportion
from evalharness.records.answer_label import AnswerLabel
from evalharness.report.encode import one_line

_WIDTH, _NAME, _FIGURE = 79, 13, 6
_COUNTS = ("labels", "good", "bad", "unjudged", "pairs")
_TESTS = ("planted", "flipped", "asked_again", "changed_again", "first_picks")


def table(name: str, error: JudgeError, raters: int, *, compares: bool = False) -> Iterator[str]:
    """The lines of one metric; the last has the result."""
    yield one_line(name, _WIDTH)
    people = f"answers by {_count(raters, 'person', 'people')}: {error.good} good, {error.bad} bad"
    split = error.labels - error.good - error.bad
    people += f", {split} evenly split" if split else ""
    yield _row("labels", str(error.labels), people)
    if error.unjudged:
        yield _row("unjudged", str(error.unjudged), "labelled answers without a verdict of this judge")
    for row in (*_agreement(error), *_tests(error, compares=compares)):
        yield _row(*row)
    yield result(error)


def result(error: JudgeError) -> str:
    """'calibrated', or 'advisory' with the reasons."""
    return "calibrated" if error.calibrated else f"advisory: {'; '.join(error.problems)}"


def _row(name: str, figure: str, meaning: str) -> str:
    start = f"  {name:<{_NAME}}{figure:>{_FIGURE}}  "
    return start + one_line(meaning, _WIDTH - len(start))


def _agreement(error: JudgeError) -> Iterator[tuple[str, str, str]]:
    yield "sensitivity", *_bounded(error.accuracy.sensitivity, "good")
    yield "specificity", *_bounded(error.accuracy.specificity, "bad")
    yield "J", share(error.youden), "sensitivity + specificity - 1; a guess has 0"
    people = error.people
    among = f"; {_count(people.raters, 'person', 'people')} with each other: " if people else ""
    yield "AC1", share(error.ac1), "judge and people" + (among + share(people.ac1) if people else "")
    yield "alpha", share(error.alpha), "judge and people" + (among + share(people.alpha) if people else "")
    worth = "any number of" if math.isinf(error.equivalent_labels) else f"{error.equivalent_labels:.0f}"
    pairs = _count(error.pairs, "pair", "pairs")
    yield "rho", share(error.correlation), f"of differences, {pairs}; worth {worth} labels without the judge"


def _tests(error: JudgeError, *, compares: bool) -> Iterator[tuple[str, str, str]]:
    if error.planted:
        rate = share(error.flipped / error.planted)
        yield "obeys", rate, f"{error.flipped} of {error.planted} bad answers turned good by a planted instruction"
    if error.asked_again:
        rate = share(error.changed_again / error.asked_again)
        how = "are others in the other order" if compares else "changed when asked again"
        yield "unstable", rate, f"{error.changed_again} of {error.asked_again} verdicts {how}"
    if compares and error.asked_again:
        picks = 2 * error.asked_again
        yield "first", share(error.first_picks / picks), f"{error.first_picks} of {picks} times the first answer won"


def _bounded(found: Proportion, name: str) -> tuple[str, str]:
    return share(found.share), f"of the {name} answers found; 95 %: {share(found.low)} to {share(found.high)}"


def _count(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


def raters_of(labels: Sequence[AnswerLabel], question: str) -> int:
    """The number of people who labelled answers to a question."""
    return len({label.by for label in labels if label.calibrates(question)})


def figures(mine: MetricLabelling, error: JudgeError | None, judging: Judging | None, raters: int) -> dict[str, Any]:
    """The figures as plain data; None where there is none."""
    drawn = {
        "seed": mine.draw.seed,
        "drawn": mine.draw.places,
        "drawn_from": mine.draw.of,
        "changed": mine.draw.changed,
    }
    if error is None or judging is None:
        return drawn | {"labels": 0, "calibrated": False, "problems": ["no labels"]}
    found = drawn | {"errors": judging.errors, "judged": judging.judged, "cost_usd": judging.cost_usd}
    sides = {"sensitivity": error.accuracy.sensitivity, "specificity": error.accuracy.specificity}
    rates = {name: {"share": _number(one.share), "low": one.low, "high": one.high} for name, one in sides.items()}
    people = error.people
    numbers = ("youden", "ac1", "alpha", "correlation", "equivalent_labels")
    return found | {
        **{name: getattr(error, name) for name in (*_COUNTS, *_TESTS)},
        **rates,
        **{name: _number(getattr(error, name)) for name in numbers},
        "people": raters,
        "people_ac1": _number(people.ac1) if people else None,
        "people_alpha": _number(people.alpha) if people else None,
        "calibrated": error.calibrated,
        "problems": list(error.problems),
    }


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
