"""From responses to samples: metrics over a batch, hard assertions one by one.

`gate/decide.py` compares the samples with those of the baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from evalharness.records import Case, Request, Response, Sample, SampleError, Spec
from evalharness.scoring.metrics import Metric, SampleView, score_answers
from evalharness.scoring.metrics.checks import Check, open_check

Asked = tuple[Case, Request, Response | None, SampleError | None]


class Scorer:
    """The metrics of one suite."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = tuple(metrics)
        self._checks: dict[int, tuple[Sequence[Spec], list[Check]]] = {}

    def warm_up(self) -> None:
        """Do what takes long (import a model) before the first answer comes. A failure shows with the first score."""
        for metric in self._metrics:
            if metric.warm_up is not None:
                with suppress(Exception):
                    metric.warm_up()

    def samples(self, asked: Sequence[Asked]) -> list[Sample]:
        """A sample for each, in order; those without a response carry their error."""
        answered = [(case, response) for case, _, response, _ in asked if response is not None]
        scored = iter(score_answers(self._metrics, [_answer(case, response) for case, response in answered]))
        samples = []
        for case, request, response, error in asked:
            scores, problems = next(scored) if response is not None else ([], [])
            failure = error or (SampleError("metric", "; ".join(problems)) if problems else None)
            failed, stable = self.broken(case, response.text) if response is not None else ((), ())
            sample = self.unscored(case, request, response, failure)
            samples.append(replace(sample, scores=tuple(scores), failed_checks=failed, failed_stable=stable))
        return samples

    def unscored(self, case: Case, request: Request, response: Response | None, error: SampleError | None) -> Sample:
        """The sample of a response before anything has looked at it."""
        return Sample(
            request.key,
            case.digest,
            case.tags,
            request.messages,
            case.golden,
            response,
            error=error,
            cluster=case.cluster,
        )

    def broken(self, case: Case, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """A sentence for each assertion that does not hold: of those that must always hold, and of the stable ones."""
        known, checks = self._checks.get(id(case.checks), ((), []))
        if known is not case.checks:  # it is kept beside its checks, or another one could come to have its id
            checks = [_opened(spec) for spec in case.checks]
            self._checks[id(case.checks)] = case.checks, checks
        found: dict[str, list[str]] = {"always": [], "stable": []}
        for spec, check in zip(case.checks, checks, strict=True):
            if sentence := check.sentence(text):
                found[spec.must_pass].append(sentence)
        return tuple(found["always"]), tuple(found["stable"])


def _answer(case: Case, response: Response) -> SampleView:
    return SampleView(response.text, case.golden, response.logprobs, response.golden_logprobs)


def _opened(spec: Spec) -> Check:
    return open_check(spec.name, spec.options["value"])
