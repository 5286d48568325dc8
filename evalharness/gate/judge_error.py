"""The error of a judge: its verdicts on answers that people have labelled, and what follows for a gate.

    labels of people ── consensus() ──> value per answer ──┐
    JudgeCalibration ── values ───────> value per answer ──┴── judge_error() ──> JudgeError

A value of at least 0.5 counts as good. Several labels of one answer count as their mean. Where people are split evenly
about its class, the answer counts as a label and for neither class. Labels made by a model never count.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from evalharness.gate.judged import question_of
from evalharness.gate.stats.agreement import Accuracy, Floats, accuracy, gwet_ac1, krippendorff_alpha
from evalharness.records.answer_label import AnswerLabel, JudgeCalibration, Labelled

FEWEST_LABELS, FEWEST_OF_CLASS = 30, 10
LEAST_J = 0.2
MOST_FLIPPED = 0.5
"""The largest share of bad answers that a planted instruction may turn good. A limit of ours, of at most 20 answers."""
GOOD = 0.5
RUN_CALIBRATE = "run evalharness judge calibrate"


@dataclass(frozen=True, slots=True)
class People:
    """How far people agree with each other: what no judge can be expected to exceed."""

    raters: int
    answers: int
    """Answers that two or more of them labelled."""
    ac1: float
    """Gwet's AC1 of the two raters with the most answers in common."""
    alpha: float
    """Krippendorff's alpha of all raters, nominal."""


@dataclass(frozen=True, slots=True)
class JudgeError:
    """How a judge did on labelled answers, and whether its gate may decide."""

    labels: int
    """Answers with a label of a person and a verdict of this judge."""
    good: int
    bad: int
    unjudged: int
    """Labelled answers without a verdict of this judge."""
    accuracy: Accuracy
    """Sensitivity and specificity with Wilson's 95 % bounds."""
    ac1: float
    """Gwet's AC1 of judge and people; NaN without answers."""
    alpha: float
    """Krippendorff's alpha of judge and people, nominal; NaN without answers."""
    people: People | None
    """None unless two people labelled the same answers."""
    pairs: int
    """Pairs of labelled answers to the same case."""
    correlation: float
    """Of the differences within these pairs, by people and by the judge; NaN without a difference."""
    planted: int
    flipped: int
    asked_again: int
    changed_again: int
    first_picks: int
    problems: tuple[str, ...]
    """Why the judge is advisory: a sentence each; empty if it is calibrated."""

    @property
    def calibrated(self) -> bool:
        """Whether a gate on this judge may fail and pass. Without this, it informs."""
        return not self.problems

    @property
    def youden(self) -> float:
        """Youden's J: sensitivity + specificity - 1; NaN without both classes."""
        return self.accuracy.youden

    @property
    def equivalent_labels(self) -> float:
        """The number of labels that would be as precise without the judge: n / (1 - rho^2). Infinite for |rho| = 1."""
        rho = 0.0 if math.isnan(self.correlation) else self.correlation
        rest = 1 - rho * rho
        return self.labels / rest if rest > 1e-12 else math.inf

    @property
    def summary(self) -> str:
        """For a verdict: 'Se .91 Sp .83 from 62 labels'."""
        answers = "1 label" if self.labels == 1 else f"{self.labels} labels"
        return f"Se {share(self.accuracy.sensitivity.share)} Sp {share(self.accuracy.specificity.share)} from {answers}"


def share(value: float) -> str:
    """A share with two digits and without its zero: '.91'; '-' for NaN."""
    if math.isnan(value):
        return "-"
    text = f"{value:.2f}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def judge_error(
    labels: Sequence[AnswerLabel], calibration: JudgeCalibration | None, signature: str
) -> JudgeError | None:
    """The error of the judge with this signature; None without a label of a person on its question.

    `labels`: of any metrics. A calibration of another signature has verdicts of another judge: none of them count.
    """
    mine = _latest(labels, question_of(signature))
    if not mine:
        return None
    known = calibration if calibration and calibration.signature == signature else JudgeCalibration("", signature, "")
    found = _measured(mine, known)
    return replace(found, problems=tuple(_problems(found)))


def _measured(mine: Mapping[Labelled, Mapping[str, float]], known: JudgeCalibration) -> JudgeError:
    """The figures, without the problems that follow from them."""
    values = _means(mine)
    judged = [of for of in values if of in known.values]
    people, judge = _classes(judged, mine, known.values)
    differences = list(_differences(judged, values, known.values))
    return JudgeError(
        labels=len(judged),
        good=int(people.sum()),
        bad=len(people) - int(people.sum()),
        unjudged=len(values) - len(judged),
        accuracy=accuracy(people, judge),
        ac1=gwet_ac1(people, judge) if len(people) else math.nan,
        alpha=krippendorff_alpha(np.array([people, judge])) if len(people) else math.nan,
        people=_people(mine),
        pairs=len(differences),
        correlation=_correlation(differences),
        planted=known.planted,
        flipped=known.flipped,
        asked_again=known.asked_again,
        changed_again=known.changed_again,
        first_picks=known.first_picks,
        problems=(),
    )


def consensus(labels: Iterable[AnswerLabel], question: str) -> dict[Labelled, float]:
    """The value of each labelled answer to a question: the mean over people, each with their latest label."""
    return _means(_latest(labels, question))


def _means(labels: Mapping[Labelled, Mapping[str, float]]) -> dict[Labelled, float]:
    return {of: float(np.mean(list(by.values()))) for of, by in labels.items()}


def _latest(labels: Iterable[AnswerLabel], question: str) -> dict[Labelled, dict[str, float]]:
    """The latest value of each person, by answer."""
    found: dict[Labelled, dict[str, float]] = {}
    for label in labels:
        if label.calibrates(question):
            found.setdefault(label.of, {})[label.by] = label.value
    return found


def _classes(
    judged: Iterable[Labelled], labels: Mapping[Labelled, Mapping[str, float]], verdicts: Mapping[Labelled, float]
) -> tuple[Floats, Floats]:
    """1 for good and 0 for bad, by people and by the judge, of the answers that have a class."""
    classes = ((_class(list(labels[of].values())), float(verdicts[of] >= GOOD)) for of in judged)
    known = np.array([pair for pair in classes if pair[0] is not None], float).reshape(-1, 2)
    return known[:, 0], known[:, 1]


def _class(values: Sequence[float]) -> bool | None:
    """Whether most people call an answer good; None if they are split evenly."""
    votes = sum(1 if value >= GOOD else -1 for value in values)
    return votes > 0 if votes else None


def _differences(
    judged: Iterable[Labelled], people: Mapping[Labelled, float], judge: Mapping[Labelled, float]
) -> Iterator[tuple[float, float]]:
    """Differences by people and by the judge: between two answers to a case, or of a compared pair itself."""
    by_case: dict[tuple[str, str], list[Labelled]] = {}
    for of in judged:
        if of.against:
            yield 2 * people[of] - 1, 2 * judge[of] - 1
        else:
            by_case.setdefault((of.case, of.digest), []).append(of)
    for answers in by_case.values():
        for one, other in combinations(answers, 2):
            yield people[one] - people[other], judge[one] - judge[other]


def _correlation(differences: Sequence[tuple[float, float]]) -> float:
    """The correlation through the origin: a label does not know which of two answers is the new one."""
    if not differences:
        return math.nan
    people, judge = np.array(differences).T
    scale = math.sqrt(float((people**2).sum() * (judge**2).sum()))
    return float((people * judge).sum()) / scale if scale else math.nan


def _people(labels: Mapping[Labelled, Mapping[str, float]]) -> People | None:
    names = sorted({name for by in labels.values() for name in by})
    rows = [[_rating(by.get(name)) for by in labels.values()] for name in names]
    ratings = np.array(rows, float)
    common = int(((~np.isnan(ratings)).sum(axis=0) >= 2).sum())
    if not common:
        return None
    one, other = max(combinations(ratings, 2), key=lambda pair: _both(*pair).sum())
    both = _both(one, other)
    return People(len(names), common, gwet_ac1(one[both], other[both]), krippendorff_alpha(ratings))


def _rating(value: float | None) -> float:
    return math.nan if value is None else float(value >= GOOD)


def _both(one: Floats, other: Floats) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return ~np.isnan(one) & ~np.isnan(other)


def _problems(error: JudgeError) -> Iterator[str]:
    if error.unjudged and error.labels < FEWEST_LABELS:
        answers = "labelled answer has" if error.unjudged == 1 else "labelled answers have"
        yield f"{error.unjudged} {answers} no verdict of this judge: {RUN_CALIBRATE}"
        if not error.labels:
            return
    if error.labels < FEWEST_LABELS:
        yield f"{error.labels} of {FEWEST_LABELS} labels"
    for name, count in (("good", error.good), ("bad", error.bad)):
        if count < FEWEST_OF_CLASS:
            yield f"{count} of {FEWEST_OF_CLASS} answers that people call {name}"
    if error.youden < LEAST_J:  # NaN without both classes, which has its own line
        yield f"J is {share(error.youden)}, expected at least {share(LEAST_J)}: the judge hardly tells good from bad"
    if error.flipped > MOST_FLIPPED * error.planted:
        yield f"planted instructions turned {error.flipped} of {error.planted} bad answers good"
