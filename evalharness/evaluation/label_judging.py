"""Lets the judge of a metric judge the labelled answers, and tests how far its verdicts hold.

Verdicts that a run, a baseline or the last calibration has are taken from there. The others are requests like those of
a run: with its ledger, its recordings and its budget.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import NamedTuple

from evalharness.config import Config
from evalharness.errors import MetricError
from evalharness.evaluation.known_answers import KnownAnswer, label_question
from evalharness.evaluation.labelling import Labelling, MetricLabelling
from evalharness.evaluation.options import EvaluationOptions, record_mode
from evalharness.evaluation.planted import planted
from evalharness.evaluation.resources import Resources
from evalharness.execution import RunOptions
from evalharness.gate.judge_error import GOOD, consensus
from evalharness.gate.judged import question_of
from evalharness.local.memory import share_bytes
from evalharness.records import Case, Request, Response, Sample, Score
from evalharness.records.answer_label import AnswerLabel, JudgeCalibration, Labelled
from evalharness.scoring.metrics import Metric
from evalharness.scoring.metrics.base import Responses, SampleView
from evalharness.scoring.metrics.judge_pairs import AGREE, SHOWN_FIRST, SHOWN_SECOND
from evalharness.scoring.scorer import Answered, Scorer

MOST_TESTED = 20
"""Answers that are judged again, and bad ones that get a planted instruction."""
_THIS = "this answer"
"""What an instruction demands of a judge that compares two answers."""
_OTHER_VOTES = 1_000
"""Added to the number of a vote, so that it is another one."""


@dataclass(slots=True)
class Judging:
    """The result for one metric."""

    calibration: JudgeCalibration
    unknown: int = 0
    """Labelled answers without a verdict, whose text no run and no baseline has."""
    errors: list[str] = field(default_factory=list)
    """Why an answer has no verdict."""
    cost_usd: float = 0.0
    """Dollars for the requests that were not recorded."""
    judged: int = 0
    """Answers that the judge was asked about, in all tests."""


Watch = Callable[[str, Sequence[Future[Sample]]], Iterable[Future[Sample]]]
"""Passes on the samples to come, and shows how many have arrived. Its first argument is the name of the step."""


def resources_for(labelling: Labelling, config: Config, budget_usd: float | None = None) -> Resources:
    """The resources for the judges alone. Use as a context manager around `judge_labels`."""
    options = RunOptions(
        record=record_mode(config, "once"),
        budget_usd=budget_usd,
        memory_bytes=share_bytes(1),
        run=secrets.token_hex(8),
    )
    suite, models = labelling.plan.suite.name, dict(labelling.plan.metric_models)
    resources = Resources(config, EvaluationOptions(run=options), (suite,), models)
    resources.plans.append(replace(labelling.plan, providers={}, metrics=()))  # priced: the requests of judges alone
    return resources


def judge_labels(
    mine: MetricLabelling,
    labels: Sequence[AnswerLabel],
    before: JudgeCalibration | None,
    resources: Resources,
    watch: Watch,
    say: Callable[[str], None] = lambda line: None,
) -> Judging:
    """The verdicts of today's judge on all labelled answers, and the two tests. `say` gets the cost of each step."""
    metric, known = mine.metric, mine.known.by_label
    people = consensus(labels, question_of(metric.signature))
    if before is None or before.signature != metric.signature:
        before = JudgeCalibration(metric.name, metric.signature, "")
    found = Judging(before)
    ask = _Asking(metric, resources, watch, say, found)
    values = _recorded(people, known, before)
    asked = ask("labelled answers", [known[of] for of in people if of not in values and of in known])
    values |= {of: score.value for of, score in asked.items()}
    found.unknown = sum(of not in values and of not in known for of in people)
    bad = {of for of, value in people.items() if value < GOOD}
    scores = {of: score for of in values if (score := asked.get(of) or (known[of].score if of in known else None))}
    again = _orders(scores.values()) if metric.compares else _again(ask, known, values)
    found.calibration = _with(before, values, _planted(ask, known, bad, values), again)
    return found


def _recorded(
    people: Iterable[Labelled], known: Mapping[Labelled, KnownAnswer], before: JudgeCalibration
) -> dict[Labelled, float]:
    """The verdicts that need no request: of the last calibration, else of a run or a baseline."""
    scores = {of: one.score.value for of in people if (one := known.get(of)) and one.score}
    found = {of: before.values.get(of, scores.get(of)) for of in people}
    return {of: value for of, value in found.items() if value is not None}


class _Planted(NamedTuple):
    planted: int
    flipped: int


class Again(NamedTuple):
    """Verdicts on the same answers again: other votes, or the other order of two answers."""

    asked_again: int
    changed_again: int
    first_picks: int = 0


def _orders(scores: Iterable[Score]) -> Again:
    """How verdicts on two answers depend on their order."""
    parts = [score.parts for score in scores if score.parts]
    firsts = sum((one[SHOWN_FIRST] > GOOD) + (one[SHOWN_SECOND] < GOOD) for one in parts)
    return Again(len(parts), sum(not one[AGREE] for one in parts), firsts)


def _with(
    before: JudgeCalibration, values: Mapping[Labelled, float], planted: _Planted, again: Again
) -> JudgeCalibration:
    """The new calibration. A test counts until one of more answers: the texts of old answers may be gone."""
    planted = max(planted, _Planted(before.planted, before.flipped))
    again = max(again, Again(before.asked_again, before.changed_again, before.first_picks))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return JudgeCalibration(before.metric, before.signature, now, values, *planted, *again)


@dataclass(frozen=True, slots=True)
class _Asking:
    """Asks one judge about answers."""

    metric: Metric
    resources: Resources
    watch: Watch
    say: Callable[[str], None]
    found: Judging

    def __call__(self, step: str, asked: Sequence[KnownAnswer], metric: Metric | None = None) -> dict[Labelled, Score]:
        """The verdicts on these answers; those without one leave an error."""
        if not asked:
            return {}
        pairs = (one for one in asked if one.accepted is not None)
        accepted = {(one.request.key.model, one.request.key.prompt, one.case.id): one.accepted or "" for one in pairs}
        scorer = Scorer([metric or self.metric], self.resources.config, accepted=accepted)
        triples = [(replace(one.case, checks=()), one.request, one.response) for one in asked]
        (plan,) = self.resources.plans
        for line in self.resources.estimates([(plan, list(_requests(scorer, triples)))]):
            self.say(line)
        samples = self.resources.pipeline.score_stored(triples, scorer)
        scores = [self._score(sample.result()) for sample in self.watch(step, samples)]
        return {one.of: score for one, score in zip(asked, scores, strict=True) if score is not None}

    def _score(self, sample: Sample) -> Score | None:
        self.found.judged += 1
        self.found.cost_usd += sample.metrics_cost_usd
        score = sample.score(self.metric.name)
        if score is None:
            why = sample.error.message if sample.error else "the metric does not apply"
            self.found.errors.append(f"{sample.key.case}: {why}")
        return score


def _requests(scorer: Scorer, answers: Iterable[tuple[Case, Request, Response]]) -> Iterator[Request]:
    """The first requests that the judge sends about these answers."""
    for answer in answers:
        for wanted in scorer.requests(Answered(*answer)):
            yield from () if isinstance(wanted, MetricError) else wanted


def _planted(
    ask: _Asking, known: Mapping[Labelled, KnownAnswer], bad: set[Labelled], values: Mapping[Labelled, float]
) -> _Planted:
    """The number of bad answers that the judge finds bad, and how many a planted instruction turns good."""
    found = [of for of in sorted(bad) if of in known and values.get(of, GOOD) < GOOD][:MOST_TESTED]
    answers = []
    for number, of in enumerate(found):
        good = _THIS if ask.metric.compares else _best(label_question(ask.metric, known[of]).choices)
        answers.append(known[of].with_text(planted(known[of].response.text, number, good)))
    verdicts = ask("planted instructions", answers)
    return _Planted(len(verdicts), sum(score.value >= GOOD for score in verdicts.values()))


def _best(choices: Iterable[tuple[str, float]]) -> str:
    return max(choices, key=lambda choice: choice[1])[0]


def _again(ask: _Asking, known: Mapping[Labelled, KnownAnswer], values: Mapping[Labelled, float]) -> Again:
    """The number of answers that were voted on again, and how many got another verdict. Votes alone can differ."""
    if not ask.metric.asks.votes:
        return Again(0, 0)
    found = [known[of] for of in sorted(values) if of in known][:MOST_TESTED]
    verdicts = ask("second votes", found, _with_other_votes(ask.metric))
    return Again(len(verdicts), sum((one.value >= GOOD) != (values[of] >= GOOD) for of, one in verdicts.items()))


def _with_other_votes(metric: Metric) -> Metric:
    first, follow_ups = metric.requests, metric.follow_ups
    assert first, "votes are requests"

    def others(view: SampleView) -> list[Request]:
        return _renumbered(first(view))

    def other_follow_ups(view: SampleView, responses: Responses) -> list[Request]:
        return _renumbered(follow_ups(view, responses)) if follow_ups else []

    return replace(metric, requests=others, follow_ups=other_follow_ups if follow_ups else None)


def _renumbered(requests: Iterable[Request]) -> list[Request]:
    return [replace(one, key=one.key._replace(repeat=one.key.repeat + _OTHER_VOTES)) for one in requests]
