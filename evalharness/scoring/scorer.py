"""From responses to samples, in two phases.

    response ── requests() ──> requests of metrics ── (a model answers) ──> replies ── samples() ──> samples

Most metrics send no request: then the second phase follows at once. Some send more after the first replies: then
`requests` is called again, with these. `samples` scores many responses together, because
some metrics (embeddings) are faster in batches. This module sends nothing itself: `evaluation/pipeline.py` does. Then
`gate/decide.py` compares the samples with those of the baseline.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from evalharness.config import Config
from evalharness.errors import MetricError
from evalharness.records import Case, Request, Response, Sample, SampleError
from evalharness.scoring.assertions import Assertions
from evalharness.scoring.long_texts import LongTexts, is_long
from evalharness.scoring.metrics.base import Metric, SampleView, as_metric_error
from evalharness.scoring.results import Replies, Scored, score_samples
from evalharness.scoring.rounds import next_requests, rounds_of


@dataclass(slots=True)  # not frozen: making a frozen one takes several times as long
class Answered:
    """A request of the suite that has its response or its error."""

    case: Case
    request: Request
    response: Response | None = None
    error: SampleError | None = None
    replies: tuple[Replies, ...] | None = None
    """For each metric the responses to its requests; None where no metric sends any."""
    effort: Mapping[str, Any] = field(default_factory=dict)
    """What the requests took: fields of the sample."""

    @property
    def view(self) -> SampleView:
        """What a metric may know of an answer with a response."""
        assert self.response is not None
        case, messages = self.case, self.request.messages
        return SampleView(self.response, case.golden, messages, case.vars, case.tags, questions=case.questions)

    def sample(self, **results: Any) -> Sample:
        """Return the sample, with these fields for its scores and checks; without any, it has none."""
        given: dict[str, Any] = {**self.effort, "error": self.error, **results}
        return Sample(
            self.request.key,
            self.case.digest,
            self.case.tags,
            self.request.messages,
            self.case.golden,
            self.response,
            cluster=self.case.cluster,
            **given,
        )


class Scorer:
    """The metrics of one suite, and the assertions of its cases."""

    def __init__(
        self,
        metrics: Sequence[Metric],
        config: Config | None = None,
        cases: Sequence[Case] = (),
        accepted: Mapping[tuple[str, str, str], str] | None = None,
    ) -> None:
        """`config`: may have checks of the project. `cases`: those whose checks may have to load something.

        `accepted`: the accepted answers by model, prompt and case, for metrics that compare with them.
        """
        self._metrics, self.assertions, self._cases = tuple(metrics), Assertions(config), cases
        self._accepted = accepted or {}
        self.rounds = max((rounds_of(metric) for metric in self._metrics), default=0)
        """How often `requests` can return anything for a sample: 0, 1, or 2 with follow-ups."""
        self.models = tuple(model for metric in self._metrics for model in metric.models)
        """The models that the metrics send requests to."""

    def warm_up(self) -> None:
        """Import and load what the metrics need. A metric that fails here has this error in every sample.

        Runs in the thread that calls `evaluate()`: the others import nothing.
        """
        self._metrics = tuple(_warm(metric) for metric in self._metrics)
        self.assertions.warm_up(self._cases)

    def requests(self, answered: Answered) -> list[list[Request] | MetricError]:
        """Return for each metric the requests that it needs answered next, or its error.

        Those of the first round before there are `replies`, else those that follow them. Each request carries the case
        and the prompt of the sample.
        """
        view = self._view(answered)
        replies = answered.replies or [None] * len(self._metrics)
        mine = zip(self._metrics, replies, strict=True)
        return [next_requests(metric, view, reply, answered.request) for metric, reply in mine]

    def samples(self, answered: Sequence[Answered], long_texts: LongTexts | None = None) -> list[Sample]:
        """Return a sample for each, in order; those without a response carry their error.

        `long_texts`: scores long texts. None: this thread does.
        """
        views = [self._view(one) if one.response else None for one in answered]
        known = [(one, view) for one, view in zip(answered, views, strict=True) if view is not None]
        scored = iter(self._scored([one for one, _ in known], [view for _, view in known], long_texts))
        return [
            one.sample() if view is None else self._sample(one, view, next(scored))
            for one, view in zip(answered, views, strict=True)
        ]

    def close(self) -> None:
        """End what metrics and checks have started. Called from any thread; later scores and checks are errors."""
        for metric in self._metrics:
            if metric.close is not None:
                metric.close()
        self.assertions.close()

    def _view(self, answered: Answered) -> SampleView:
        key = answered.request.key
        accepted = self._accepted.get((key.model, key.prompt, key.case))
        return answered.view if accepted is None else replace(answered.view, accepted=accepted)

    def _scored(
        self, answered: Sequence[Answered], views: Sequence[SampleView], long_texts: LongTexts | None
    ) -> list[Scored]:
        long = long_texts if any(map(is_long, views)) else None
        metrics = tuple(map(long.of, self._metrics)) if long else self._metrics
        if not self.rounds:
            return score_samples(metrics, views)
        nothing = tuple[Replies, ...](() for _ in metrics)
        return score_samples(metrics, views, [one.replies or nothing for one in answered])

    def _sample(self, answered: Answered, view: SampleView, scored: Scored) -> Sample:
        broken = self.assertions.broken(answered.case, view)
        error = answered.error or _error(scored.errors, broken.errors)
        return answered.sample(
            scores=tuple(scored.scores),
            failed_checks=broken.always,
            failed_stable=broken.stable,
            violations=broken.violations,
            not_applicable=tuple(scored.not_applicable),
            error=error,
        )


def _error(scores: Sequence[str], checks: Sequence[str]) -> SampleError | None:
    """The error of a sample whose metrics or checks failed."""
    if not scores and not checks:
        return None
    return SampleError("metric" if scores else "check", "; ".join([*scores, *checks]))


def _warm(metric: Metric) -> Metric:
    """The metric after its warm-up, or one that gives the error of the warm-up. Neither warms up again."""
    if metric.warm_up is None:
        return metric
    warm = replace(metric, warm_up=None)
    try:
        metric.warm_up()
    except (Exception, SystemExit) as error:  # code of another package
        failure = as_metric_error(error)
        return replace(warm, requests=None, follow_ups=None, score=lambda views, _: [failure] * len(views))
    return warm
