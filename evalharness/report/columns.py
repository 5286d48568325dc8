"""The columns of a report: each is one model and prompt of a run or a baseline."""

from __future__ import annotations

import math
from array import array
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
from evalharness.records.chosen_samples import chosen
from evalharness.records.marks import marked_keys, may_repeat
from evalharness.report.tally import CaseRows, CaseValues, Tally, tally

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
    samples: Sequence[Sample]
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
    def tally(self) -> Tally:
        """The figures of the samples."""
        return tally(self.samples, CaseRows(unique=not may_repeat(self.samples)))

    def signature(self, metric: str) -> str:
        """The signature of a metric; several are joined with a bar."""
        return " | ".join(sorted(way for name, way in self.tally.signatures if name == metric))


def columns_of(
    run: Run, earlier: Mapping[tuple[str, str], Mapping[str, BaselineView]], source: str = ""
) -> list[Column]:
    """A column for each planned model and prompt of a run, with or without samples."""
    planned = {pair: run.header.planned.number(*pair) for pair in run.header.planned.pairs}
    places: dict[tuple[str, str], array[int]] = {pair: array("I") for pair in planned}
    for place, key in enumerate(marked_keys(run.samples)):
        if key.purpose != "rerun":
            places.setdefault((key.model, key.prompt), array("I")).append(place)
    return [
        Column(source, *pair, planned.get(pair, 0), chosen(run.samples, found), earlier.get(pair, {}))
        for pair, found in places.items()
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


def baseline_view_of(baseline: Baseline) -> Mapping[str, BaselineView]:
    """The latest accepted answer of each case with its scores."""
    return _Views(baseline)


class _Views(Mapping[str, BaselineView]):
    """The views of a baseline, each made when it is needed."""

    def __init__(self, baseline: Baseline) -> None:
        self._cases = baseline.cases
        self._signatures = baseline.runs[-1].signatures if baseline.runs else {}

    def __getitem__(self, case: str) -> BaselineView:
        stored = self._cases[case]
        if not stored.samples:
            raise KeyError(case)
        return BaselineView(stored.samples[-1].text, stored.samples[-1].scores, stored.digest, self._signatures)

    def __iter__(self) -> Iterator[str]:
        return (case for case, stored in self._cases.items() if stored.samples)

    def __len__(self) -> int:
        return sum(1 for _ in self)


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
    found = column.tally
    return {
        "source": column.source,
        "model": column.model,
        "prompt": column.prompt,
        "planned": column.planned,
        "samples": len(column.samples),
        "errors": found.errors,
        "failed": found.broken,
        "cut": found.cut,
        "scores": [_with_interval(found.scores.get(metric, CaseValues())) for metric in metrics],
        "signatures": [column.signature(metric) for metric in metrics],
        "total_p50_s": _median(found.totals),
        "total_p95_s": _quantile(found.totals, 0.95),
        "first_token_p50_s": _median(found.first_tokens),
        "decode_p50": _median(found.decodes),
        "timed": found.timed,
        "cost_per_1000_usd": _mean([cost * 1000 for cost in found.costs]),
        "prompt_tokens": _mean(found.prompt_tokens),
        "completion_tokens": _mean(found.completion_tokens),
    }


def _with_interval(values: CaseValues) -> list[float | int | None]:
    """Mean over cases in points, low and high end of its 95 % interval (Student's t over cases, cut off at 0 and
    100), number of samples.
    """
    means = array("d", (100 * mean for mean in values.means()))
    if len(means) < 2:
        return [_mean(means), None, None, values.count]
    reach = t_quantile(0.975, len(means) - 1) * stdev(means) / math.sqrt(len(means))
    low, high = max(0.0, fmean(means) - reach), min(100.0, fmean(means) + reach)
    return [_mean(means), number(low), number(high), values.count]


def by_tag(columns: Sequence[Column], metrics: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The mean of each metric in each column, in points, for the most frequent tags."""
    cases = _cases_by_tag(columns)
    for tag in sorted(sorted(cases, key=lambda tag: (-cases[tag], tag))[:MAX_TAGS]):
        means = [[_tag_mean(tag, column.tally, metric) for metric in metrics] for column in columns]
        yield {"tag": tag, "cases": cases[tag], "means": means}


def _cases_by_tag(columns: Sequence[Column]) -> dict[str, int]:
    """The number of cases with each tag, in any of the columns."""
    if len(columns) == 1:
        return {tag: len(set(rows)) for tag, rows in columns[0].tally.tags.items()}
    cases: dict[str, set[str]] = {}
    for sample in (sample for column in columns for sample in column.samples):
        for tag in sample.tags:
            cases.setdefault(tag, set()).add(sample.key.case)
    return {tag: len(found) for tag, found in cases.items()}


def _tag_mean(tag: str, found: Tally, metric: str) -> float | None:
    values, rows = found.scores.get(metric, CaseValues()), dict.fromkeys(found.tags.get(tag, ()))
    return _mean([100 * mean for row in rows if not math.isnan(mean := values.mean(row))])


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
