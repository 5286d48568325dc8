"""Judges accepted answers again where the judge of a gate is another one than at their acceptance, or a new one.

The accepted answers are stored as texts, so that today's judge can score both sides. Its requests take the queue, the
ledger and the budget of the run: answers that it has judged before are replayed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial

from evalharness.evaluation.evaluation import Evaluation
from evalharness.evaluation.judged_again import compared_answers
from evalharness.gate.judged import question_of
from evalharness.gate.wording import count
from evalharness.records import AnswerScore, Baseline, Case, JudgedAgain, Request, Response, Sample
from evalharness.scoring.metrics import Metric
from evalharness.scoring.metrics.base import SampleView
from evalharness.scoring.scorer import Scorer
from evalharness.store.origins import text_digest

Pair = tuple[str, str]
"""A model and a prompt."""


def judge_again(evaluation: Evaluation, say: Callable[[str], None]) -> None:
    """Judge the accepted answers that the gates compare, and keep the scores for the record. `say` gets a line."""
    found = list(_found(evaluation))
    open_ones = [one for one in found if not one.missing]
    if number := sum(len(one.answers) for one in open_ones):
        metrics = ", ".join(dict.fromkeys(one.metric.name for one in open_ones))
        say(f"llm: {evaluation.name}: the judge of {metrics} has changed; judging {count(number, 'accepted answer')}")
    for one in open_ones:
        one.submit(evaluation)
    evaluation.judged_again = [one.judged(evaluation) for one in found]


@dataclass
class _Again:
    """One metric on the accepted answers of one model and prompt."""

    metric: Metric
    pair: Pair
    pinned: bool
    before: str
    missing: str
    answers: list[tuple[str, str]]
    """Case and text."""
    scorer: Scorer
    waiting: list[Future[Sample]] = field(default_factory=list)

    def submit(self, evaluation: Evaluation) -> None:
        """Send the requests of the judge."""
        stored = [self._stored(evaluation, *answer) for answer in self.answers]
        self.waiting = evaluation.resources.pipeline.score_stored(stored, self.scorer)

    def _stored(self, evaluation: Evaluation, case: str, text: str) -> tuple[Case, Request, Response]:
        planned, request = evaluation.plan.first_requests[*self.pair, case]
        return replace(planned, checks=()), request, SampleView.of(text).response

    def judged(self, evaluation: Evaluation) -> JudgedAgain:
        """Wait for the scores."""
        samples = [one.result() for one in self.waiting]
        about = JudgedAgain(self.metric.name, self.metric.signature, *self.pair, self.pinned, self.before)
        return replace(
            about,
            missing=self.missing,
            answers=tuple(map(self._score, samples, self.answers)) if samples else (),
            sent=evaluation.resources.pipeline.sent[self.scorer],
            cost_usd=sum(one.metrics_cost_usd for one in samples),
            error=next((str(one.error) for one in samples if one.error), ""),
        )

    def _score(self, sample: Sample, answer: tuple[str, str]) -> AnswerScore:
        found = sample.score(self.metric.name)
        value = found.value if found and not sample.error else None
        return AnswerScore(answer[0], sample.digest, text_digest(answer[1]), value, bool(sample.not_applicable))


def _found(evaluation: Evaluation) -> Iterator[_Again]:
    """The metrics and accepted answers to judge. A run that names a commit compares no accepted answers."""
    if evaluation.options.against or not evaluation.samples:
        return
    base, pairs = evaluation.resources.merge_base, list(evaluation.plan.request_digests)
    gated = {rule.metric for rule in base.rules(evaluation.name, evaluation.header.gates)}
    metrics = [
        one for one in evaluation.plan.metrics if one.name in gated and one.beyond and question_of(one.signature)
    ]
    if not metrics:
        return
    accepted = base.baselines(evaluation.name, pairs, evaluation.options.baseline)
    for baselines, pinned in ((accepted, False), (base.pinned(evaluation.name, pairs), True)):
        for pair, baseline in baselines.items():
            if isinstance(baseline, Baseline):
                yield from _of_baseline(evaluation, metrics, pair, baseline, pinned=pinned)


def _of_baseline(
    evaluation: Evaluation, metrics: Iterable[Metric], pair: Pair, baseline: Baseline, *, pinned: bool
) -> Iterator[_Again]:
    samples = {one.key.case: one for one in evaluation.samples if (one.key.model, one.key.prompt) == pair}
    if not all(one.answered for one in samples.values()):
        return  # the gates have no verdict without these samples
    answers = compared_answers(baseline, {case: one.digest for case, one in samples.items()})
    for metric in metrics:
        before = baseline.signatures.get(metric.name, "")
        if answers and before != metric.signature:
            missing = _missing(evaluation, metric, {case: samples[case] for case, _ in answers})
            scorer = Scorer([metric], evaluation.plan.config)
            yield _Again(metric, pair, pinned, before, missing, answers, scorer)


def _missing(evaluation: Evaluation, metric: Metric, samples: Mapping[str, Sample]) -> str:
    """What the metric reads of these cases and a baseline does not keep; empty if there is nothing."""
    found = map(partial(_beyond, evaluation, metric), samples.values())
    return next(filter(None, found), "")


def _beyond(evaluation: Evaluation, metric: Metric, sample: Sample) -> str:
    key = sample.key
    case, request = evaluation.plan.first_requests[key.model, key.prompt, key.case]
    assert sample.response
    assert metric.beyond
    if request.dialogue or request.user:
        return "conversation"
    view = SampleView(sample.response, case.golden, sample.messages, case.vars, case.tags, questions=case.questions)
    return ", ".join(metric.beyond(view)).replace("_", " ")
