"""Samples as a table: one row for each draw, always the same columns in the same order; docs/data.md explains them.

The rows are plain dictionaries, for a CSV file; `frame` makes a pandas.DataFrame of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from evalharness.errors import MissingExtraError, StoreError
from evalharness.records.run import Run, Sample
from evalharness.records.verdict import Baseline, BaselineCase, Draw

_TEXT, _LIST, _TIME, _COUNT, _REAL, _FLAG = "text", "list", "time", "Int64", "float64", "boolean"
_SCORES = "scores"
"""Where the columns of the metrics stand."""
KINDS: Mapping[str, str] = {
    "suite": _TEXT,
    "run_id": _TEXT,
    "started_at": _TIME,
    "accepted_at": _TIME,
    "case": _TEXT,
    "prompt": _TEXT,
    "model": _TEXT,
    "repeat": _COUNT,
    "tags": _LIST,
    "cluster": _TEXT,
    "digest": _TEXT,
    _SCORES: _REAL,
    "answer": _TEXT,
    "finish_reason": _TEXT,
    "error_kind": _TEXT,
    "error_message": _TEXT,
    "failed_checks": _LIST,
    "latency_s": _REAL,
    "first_token_s": _REAL,
    "per_token_s": _REAL,
    "recorded_at": _TIME,
    "prompt_tokens": _COUNT,
    "completion_tokens": _COUNT,
    "cached_tokens": _COUNT,
    "tokens_estimated": _FLAG,
    "cost_usd": _REAL,
    "attempts": _COUNT,
}
"""Each column and what it holds; a metric called rouge_l has the column score_rouge_l."""

Row = dict[str, Any]


def columns(metrics: Iterable[str]) -> dict[str, str]:
    """All columns of a table with these metrics, in order, and what each holds."""
    scores = {score_column(metric): KINDS[_SCORES] for metric in metrics}
    found: dict[str, str] = {}
    for name, kind in KINDS.items():
        found |= scores if name == _SCORES else {name: kind}
    return found


def score_column(metric: str) -> str:
    """The column of a metric."""
    return f"score_{metric}"


def metrics_of_run(run: Run) -> list[str]:
    """The metrics of the suite, then those that only samples name."""
    return list(dict.fromkeys([*run.header.metrics, *(score.metric for s in run.samples for score in s.scores)]))


def metrics_of_baseline(baseline: Baseline) -> list[str]:
    """The metrics of the accepted runs."""
    return list(dict.fromkeys(metric for run in baseline.runs for metric in run.signatures))


def run_rows(run: Run) -> Iterator[Row]:
    """One row for each sample, in the order of the record; what is not known is None or missing."""
    header = run.header
    for sample in run.samples:
        yield {"suite": header.suite, "run_id": header.id, "started_at": header.started_at, **_of_sample(sample)}


def _of_sample(sample: Sample) -> Row:
    return {
        **sample.key._asdict(),
        "tags": list(sample.tags),
        "cluster": sample.cluster or None,
        "digest": sample.digest,
        **{score_column(score.metric): score.value for score in sample.scores},
        **_of_response(sample),
        "error_kind": sample.error.kind if sample.error else None,
        "error_message": sample.error.message if sample.error else None,
        "failed_checks": list(sample.failed_checks),
        "latency_s": sample.seconds("latency"),
        "first_token_s": sample.seconds("first_token"),
        "per_token_s": sample.seconds("per_token"),
        "recorded_at": sample.recorded_at or None,
        "cost_usd": sample.cost_usd,
        "attempts": sample.attempts,
    }


def _of_response(sample: Sample) -> Row:
    response = sample.response
    if response is None:
        return {}
    return {
        "answer": response.text,
        "finish_reason": response.finish_reason,
        "prompt_tokens": response.usage.prompt_tokens,
        "completion_tokens": response.usage.completion_tokens,
        "cached_tokens": response.usage.cached_tokens,
        "tokens_estimated": response.usage.estimated,
    }


def baseline_rows(baseline: Baseline) -> Iterator[Row]:
    """One row for each draw of an accepted run. A baseline keeps less than a run does: the rest is missing."""
    accepted_at = {run.id: run.accepted_at for run in baseline.runs}
    names = {"suite": baseline.suite, "model": baseline.model, "prompt": baseline.prompt}
    for case, stored in baseline.cases.items():
        for repeat, draw in _numbered(stored):
            times = {"run_id": draw.run, "accepted_at": accepted_at[draw.run]}
            yield {**names, "case": case, "digest": stored.digest, "repeat": repeat, **times, **_of_draw(draw)}


def _numbered(stored: BaselineCase) -> Iterator[tuple[int, Draw]]:
    """The draws, with a number within their run: they are stored in the order of their repeats."""
    seen: dict[str, int] = {}
    for draw in stored.draws:
        yield seen.setdefault(draw.run, 0), draw
        seen[draw.run] += 1


def _of_draw(draw: Draw) -> Row:
    return {
        "answer": draw.text,
        **{score_column(metric): value for metric, value in draw.scores.items()},
        "prompt_tokens": draw.prompt_tokens,
        "completion_tokens": draw.completion_tokens,
        "latency_s": draw.seconds("latency"),
        "first_token_s": draw.seconds("first_token"),
        "per_token_s": draw.seconds("per_token"),
    }


def frame(rows: Iterable[Row], metrics: Sequence[str], signatures: Mapping[str, str]) -> Any:
    """The rows as a pandas.DataFrame with the dtypes of docs/data.md; `attrs["signatures"]` has the signatures.

    Raises MissingExtraError without pandas, StoreError for a count that 64 bits cannot hold.
    """
    try:
        import pandas
    except ImportError:
        raise MissingExtraError("a table of samples", "pandas", "pandas") from None
    listed = list(rows)
    try:
        series = {name: _column([row.get(name) for row in listed], kind) for name, kind in columns(metrics).items()}
    except OverflowError:
        raise StoreError("a number of this record is larger than a column of a table can hold") from None
    table = pandas.DataFrame(series, index=pandas.RangeIndex(len(listed)))
    table.attrs["signatures"] = dict(signatures)
    return table


def _column(values: list[Any], kind: str) -> Any:
    """A pandas.Series. Texts are kept as Python's own, which may hold half a surrogate pair, as JSON may."""
    import pandas

    if kind == _TEXT:
        return pandas.Series(values, dtype=pandas.StringDtype("python"))
    if kind == _TIME:
        times = pandas.to_datetime(pandas.Series(values, dtype=object), utc=True, errors="coerce", format="ISO8601")
        return times.astype("datetime64[us, UTC]")
    return pandas.Series(values, dtype=object if kind == _LIST else kind)
