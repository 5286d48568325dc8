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
from evalharness.records import Case, Request, Response, Sample
from evalharness.records.answer_label import AnswerLabel, JudgeCalibration, Labelled
from evalharness.scoring.metrics import Metric
from evalharness.scoring.metrics.base import Responses, SampleView
from evalharness.scoring.scorer import Answered, Scorer

MOST_TESTED = 20
"""Answers that are judged again, and bad ones that get a planted instruction."""
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
    values |= ask("labelled answers", [known[of] for of in people if of not in values and of in known])
    found.unknown = sum(of not in values and of not in known for of in people)
    bad = {of for of, value in people.items() if value < GOOD}
    tests = _Tests(*_planted(ask, known, bad, values), *_again(ask, known, values))
    found.calibration = _with(before, values, tests)
    return found


def _recorded(
    people: Iterable[Labelled], known: Mapping[Labelled, KnownAnswer], before: JudgeCalibration
) -> dict[Labelled, float]:
    """The verdicts that need no request: of the last calibration, else of a run or a baseline."""
    scores = {of: known[of].score if of in known else None for of in people}
    found = {of: before.values.get(of, score) for of, score in scores.items()}
    return {of: value for of, value in found.items() if value is not None}


class _Tests(NamedTuple):
    planted: int
    flipped: int
    asked_again: int
    changed_again: int


def _with(before: JudgeCalibration, values: Mapping[Labelled, float], tests: _Tests) -> JudgeCalibration:
    """The new calibration. A test counts until one of more answers: the texts of old answers may be gone."""
    planted = max(tests[:2], (before.planted, before.flipped))
    again = max(tests[2:], (before.asked_again, before.changed_again))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return replace(
        before,
        at=now,
        values=values,
        planted=planted[0],
        flipped=planted[1],
        asked_again=again[0],
        changed_again=again[1],
    )


@dataclass(frozen=True, slots=True)
class _Asking:
    """Asks one judge about answers."""

    metric: Metric
    resources: Resources
    watch: Watch
    say: Callable[[str], None]
    found: Judging

    def __call__(self, step: str, asked: Sequence[KnownAnswer], metric: Metric | None = None) -> dict[Labelled, float]:
        """The verdicts on these answers; those without one leave an error."""
        if not asked:
            return {}
        scorer = Scorer([metric or self.metric], self.resources.config)
        triples = [(replace(one.case, checks=()), one.request, one.response) for one in asked]
        (plan,) = self.resources.plans
        for line in self.resources.estimates([(plan, request) for request in _requests(scorer, triples)]):
            self.say(line)
        samples = self.resources.pipeline.score_stored(triples, scorer)
        values = [self._value(sample.result()) for sample in self.watch(step, samples)]
        return {one.of: value for one, value in zip(asked, values, strict=True) if value is not None}

    def _value(self, sample: Sample) -> float | None:
        self.found.judged += 1
        self.found.cost_usd += sample.metrics_cost_usd
        score = sample.score(self.metric.name)
        if score is None:
            why = sample.error.message if sample.error else "the metric does not apply"
            self.found.errors.append(f"{sample.key.case}: {why}")
        return score.value if score else None


def _requests(scorer: Scorer, answers: Iterable[tuple[Case, Request, Response]]) -> Iterator[Request]:
    """The first requests that the judge sends about these answers."""
    for answer in answers:
        for wanted in scorer.requests(Answered(*answer)):
            yield from () if isinstance(wanted, MetricError) else wanted


def _planted(
    ask: _Asking, known: Mapping[Labelled, KnownAnswer], bad: set[Labelled], values: Mapping[Labelled, float]
) -> tuple[int, int]:
    """The number of bad answers that the judge finds bad, and how many a planted instruction turns good."""
    found = [of for of in sorted(bad) if of in known and values.get(of, GOOD) < GOOD][:MOST_TESTED]
    answers = []
    for number, of in enumerate(found):
        choices = dict(label_question(ask.metric, known[of]).choices)
        good = max(choices, key=choices.__getitem__)
        answers.append(known[of].with_text(planted(known[of].response.text, number, good)))
    verdicts = ask("planted instructions", answers)
    return len(verdicts), sum(value >= GOOD for value in verdicts.values())


def _again(ask: _Asking, known: Mapping[Labelled, KnownAnswer], values: Mapping[Labelled, float]) -> tuple[int, int]:
    """The number of answers that were voted on again, and how many got another verdict. Votes alone can differ."""
    if not ask.metric.asks.votes:
        return 0, 0
    found = [known[of] for of in sorted(values) if of in known][:MOST_TESTED]
    verdicts = ask("second votes", found, _with_other_votes(ask.metric))
    return len(verdicts), sum((value >= GOOD) != (values[of] >= GOOD) for of, value in verdicts.items())


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
