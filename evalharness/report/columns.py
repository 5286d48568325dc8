"""The columns of a report: each is one model and prompt of a run or a baseline."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from statistics import fmean, median, stdev
from typing import Any

from evalharness.gate.stats.distributions import t_quantile
from evalharness.records import (
    Baseline,
    BaselineSample,
    Message,
    Response,
    Run,
    Sample,
    SampleKey,
    Score,
    Timing,
    Usage,
)

SEAM = "\n"
"""Separates a name from the parts that make it comparable."""
MAX_TAGS = 40
"""Tags in the comparison by tag; the filter offers all."""


@dataclass(frozen=True, slots=True)
class BaselineView:
    """A case in a baseline: an answer and its scores, or the mean scores of a side of a comparison."""

    text: str | None
    scores: Mapping[str, float]
    digest: str = ""
    """Digest of the case: an edited case does not compare."""
    signatures: Mapping[str, str] = field(default_factory=dict)
    """The signature of each metric."""


NOTHING = BaselineView(None, {})


@dataclass(frozen=True)
class Column:
    """One model and prompt of one run or baseline."""

    source: str
    """The run or baseline; empty where there is only one."""
    model: str
    prompt: str
    planned: int
    samples: tuple[Sample, ...]
    earlier: Mapping[str, BaselineView] = field(default_factory=dict)
    """The baseline by case."""

    @property
    def title(self) -> str:
        """The source, the model and the prompt."""
        return " · ".join(filter(None, (self.source, self.model, self.prompt)))

    def before(self, sample: Sample) -> BaselineView:
        """The baseline of a sample: the same case, with the scores of equal signature."""
        found = self.earlier.get(sample.key.case, NOTHING)
        if found.digest != sample.digest:
            return NOTHING
        alike = (s.metric for s in sample.scores if found.signatures.get(s.metric) == s.signature)
        return replace(found, scores={metric: found.scores[metric] for metric in alike if metric in found.scores})

    @cached_property
    def comparable(self) -> dict[str, dict[str, list[float]]]:
        """Scores by metric, then by case.

        The keys contain signature and digest, so that equal keys of two columns compare.
        """
        found: dict[str, dict[str, list[float]]] = {}
        for sample in self.samples:
            for score in sample.scores:
                if math.isfinite(score.value):
                    model = self.model if score.of_one_model else ""
                    cases = found.setdefault(f"{score.metric}{SEAM}{score.signature}{SEAM}{model}", {})
                    cases.setdefault(f"{sample.key.case}{SEAM}{sample.digest}", []).append(score.value)
        return found

    @property
    def clusters(self) -> dict[str, str]:
        """The cluster of each case that has one, by the keys of `comparable`."""
        return {f"{one.key.case}{SEAM}{one.digest}": one.cluster for one in self.samples if one.cluster}

    @cached_property
    def _runs(self) -> dict[str, dict[str, list[float]]]:
        found: dict[str, dict[str, list[float]]] = {}
        for sample in self.samples:
            for score in sample.scores:
                if math.isfinite(score.value):
                    found.setdefault(score.metric, {}).setdefault(sample.key.case, []).append(score.value)
        return found

    @cached_property
    def _signatures(self) -> set[tuple[str, str]]:
        return {(score.metric, score.signature) for sample in self.samples for score in sample.scores}

    def runs(self, metric: str) -> dict[str, list[float]]:
        """The scores of a metric by case."""
        return self._runs.get(metric, {})

    def signature(self, metric: str) -> str:
        """The signature of a metric; several are joined with a bar."""
        return " | ".join(sorted(way for name, way in self._signatures if name == metric))


def columns_of(
    run: Run, earlier: Mapping[tuple[str, str], Mapping[str, BaselineView]], source: str = ""
) -> list[Column]:
    """A column for each planned model and prompt of a run, with or without samples."""
    planned = {pair: run.header.planned.number(*pair) for pair in run.header.planned.pairs}
    samples: dict[tuple[str, str], list[Sample]] = {pair: [] for pair in planned}
    for sample in (sample for sample in run.samples if sample.key.purpose != "rerun"):
        samples.setdefault((sample.key.model, sample.key.prompt), []).append(sample)
    return [
        Column(source, *pair, planned[pair], tuple(group), earlier.get(pair, {})) for pair, group in samples.items()
    ]


def column_of(baseline: Baseline, source: str) -> Column:
    """The accepted runs of a baseline as a column.

    Its samples have no messages and no goldens.
    """
    number = {run.id: index for index, run in enumerate(baseline.runs)}
    signatures = baseline.runs[-1].signatures if baseline.runs else {}
    samples = [
        _accepted(
            found, SampleKey(case, baseline.prompt, baseline.model, number.get(found.run, 0)), signatures, stored.digest
        )
        for case, stored in baseline.cases.items()
        for found in stored.samples
    ]
    return Column(source, baseline.model, baseline.prompt, len(samples), tuple(samples))


def _accepted(found: BaselineSample, key: SampleKey, signatures: Mapping[str, str], digest: str) -> Sample:
    scores = tuple(Score(metric, value, signatures.get(metric, "")) for metric, value in found.scores.items())
    timing = Timing(found.total_s or 0.0, found.first_token_s)
    response = Response(found.text, "stop", Usage(found.prompt_tokens, found.completion_tokens), timing)
    untimed = "" if found.total_s else "accepted"
    no_messages: tuple[Message, ...] = ()
    return Sample(key, digest, (), no_messages, (), response, scores, recorded_at=untimed)


def baseline_view_of(baseline: Baseline) -> dict[str, BaselineView]:
    """The latest accepted answer of each case with its scores."""
    signatures = baseline.runs[-1].signatures if baseline.runs else {}
    return {
        case: BaselineView(stored.samples[-1].text, stored.samples[-1].scores, stored.digest, signatures)
        for case, stored in baseline.cases.items()
        if stored.samples
    }


def baseline_in(column: Column) -> dict[str, BaselineView]:
    """The answers and scores of a column by case, as the baseline of another column."""
    by_case: dict[str, list[Sample]] = {}
    for sample in column.samples:
        by_case.setdefault(sample.key.case, []).append(sample)
    return {case: _earlier(samples) for case, samples in by_case.items()}


def _earlier(samples: Sequence[Sample]) -> BaselineView:
    answer = next((sample.response.text for sample in reversed(samples) if sample.response), None)
    signatures = {score.metric: score.signature for score in samples[-1].scores}
    scores = _mean_scores({s.metric: s.value for s in sample.scores} for sample in samples)
    return BaselineView(answer, scores, samples[-1].digest, signatures)


def _mean_scores(scores: Iterable[Mapping[str, float]]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for one in scores:
        for metric, value in one.items():
            values.setdefault(metric, []).append(value)
    return {metric: fmean(known) for metric, known in values.items()}


def summary(column: Column, metrics: Sequence[str]) -> dict[str, Any]:
    """The figures of a column for the tables, as plain data."""
    group = column.samples
    responses = [sample.response for sample in group if sample.response]
    counted = [one for one in responses if one.usage.prompt_tokens or one.usage.completion_tokens]
    timed = [sample.response.timing for sample in group if sample.response and sample.latency_s is not None]
    totals = known(timing.total_s for timing in timed)
    return {
        "source": column.source,
        "model": column.model,
        "prompt": column.prompt,
        "planned": column.planned,
        "samples": len(group),
        "errors": sum(sample.error is not None for sample in group),
        "failed": sum(bool(sample.failed_checks or sample.failed_stable or sample.violations) for sample in group),
        "cut": sum(response.finish_reason == "length" for response in responses),
        "scores": [_with_interval(column.runs(metric)) for metric in metrics],
        "signatures": [column.signature(metric) for metric in metrics],
        "total_p50_s": _median(totals),
        "total_p95_s": _quantile(totals, 0.95),
        "first_token_p50_s": _median(known(timing.first_token_s for timing in timed)),
        "decode_p50": _median(known(timing.decode_tokens_per_s for timing in timed)),
        "timed": len(timed),
        "cost_per_1000_usd": _mean([cost * 1000 for cost in known(sample.cost_usd for sample in group)]),
        "prompt_tokens": _mean([response.usage.prompt_tokens for response in counted]),
        "completion_tokens": _mean([response.usage.completion_tokens for response in counted]),
    }


def _with_interval(runs: Mapping[str, Sequence[float]]) -> list[float | int | None]:
    """Mean over cases in points, low and high end of its 95 % interval (Student's t over cases, cut off at 0 and
    100), number of samples.
    """
    means = [100 * fmean(values) for values in runs.values()]
    count = sum(len(values) for values in runs.values())
    if len(means) < 2:
        return [_mean(means), None, None, count]
    reach = t_quantile(0.975, len(means) - 1) * stdev(means) / math.sqrt(len(means))
    low, high = max(0.0, fmean(means) - reach), min(100.0, fmean(means) + reach)
    return [_mean(means), number(low), number(high), count]


def by_tag(columns: Sequence[Column], metrics: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The mean of each metric in each column, in points, for the most frequent tags."""
    cases: dict[str, set[str]] = {}
    for sample in (sample for column in columns for sample in column.samples):
        for tag in sample.tags:
            cases.setdefault(tag, set()).add(sample.key.case)
    frequent = sorted(cases, key=lambda tag: (-len(cases[tag]), tag))[:MAX_TAGS]
    runs = [[column.runs(metric) for metric in metrics] for column in columns]
    for tag in sorted(frequent):
        means = [
            [_mean([100 * fmean(one[c]) for c in cases[tag] if c in one]) for one in metric_runs]
            for metric_runs in runs
        ]
        yield {"tag": tag, "cases": len(cases[tag]), "means": means}


def number(value: float | None) -> float | None:
    """A number rounded to six digits; None for NaN and infinity."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")


def numbers(values: Iterable[float | None]) -> list[float | None]:
    """Each number rounded to six digits; None for NaN and infinity."""
    return [number(value) for value in values]


def known(values: Iterable[float | None]) -> list[float]:
    """The finite numbers among the values."""
    return [value for value in values if value is not None and math.isfinite(value)]


def _mean(values: Sequence[float]) -> float | None:
    return number(fmean(values)) if values else None


def _median(values: Sequence[float]) -> float | None:
    return number(median(values)) if values else None


def _quantile(values: Sequence[float], q: float) -> float | None:
    """A quantile, linear between the two nearest ranks, as numpy does by default."""
    if not values:
        return None
    ordered, place = sorted(values), q * (len(values) - 1)
    low, high = ordered[math.floor(place)], ordered[math.ceil(place)]
    return number(low + (high - low) * (place % 1))
