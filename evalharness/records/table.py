"""Tables of samples: fixed columns in a fixed order, explained in docs/data.md.

`Run.rows` and `Baseline.rows` yield the rows as dictionaries. `frame` makes a pandas.DataFrame of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from evalharness.errors import MissingExtraError, StoreError

_TEXT, _LIST, _TIME, _COUNT, _REAL, _FLAG = "text", "list", "time", "Int64", "float64", "boolean"
_SCORES = "scores"
"""Placeholder for the columns of the metrics."""
KINDS: Mapping[str, str] = {
    "suite": _TEXT,
    "run_id": _TEXT,
    "started_at": _TIME,
    "accepted_at": _TIME,
    "case": _TEXT,
    "prompt": _TEXT,
    "model": _TEXT,
    "repeat": _COUNT,
    "purpose": _TEXT,
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
"""Column -> kind of its values. A metric rouge_l has the column score_rouge_l."""

Row = dict[str, Any]


def columns(metrics: Iterable[str]) -> dict[str, str]:
    """The columns of a table with these metrics, in order, with their kinds."""
    scores = {score_column(metric): KINDS[_SCORES] for metric in metrics}
    found: dict[str, str] = {}
    for name, kind in KINDS.items():
        found |= scores if name == _SCORES else {name: kind}
    return found


def score_column(metric: str) -> str:
    """The name of the column for a metric."""
    return f"score_{metric}"


def frame(rows: Iterable[Row], metrics: Sequence[str], signatures: Mapping[str, str]) -> Any:
    """The rows as a pandas.DataFrame with the dtypes of docs/data.md.

    `attrs["signatures"]` has the signatures. Raises MissingExtraError without pandas, and StoreError for a count that
    does not fit into 64 bits.
    """
    try:
        import pandas
    except ImportError:
        raise MissingExtraError("a table of samples", "pandas", "pandas") from None
    listed = list(rows)
    try:
        series = {name: _column([row.get(name) for row in listed], kind) for name, kind in columns(metrics).items()}
    except OverflowError:
        raise StoreError("a count of this record does not fit into 64 bits, the limit of a table column") from None
    table = pandas.DataFrame(series, index=pandas.RangeIndex(len(listed)))
    table.attrs["signatures"] = dict(signatures)
    return table


def _column(values: list[Any], kind: str) -> Any:
    """A column as a pandas.Series. Texts stay Python strings, because they may contain half a surrogate pair."""
    import pandas

    if kind == _TEXT:
        return pandas.Series(values, dtype=pandas.StringDtype("python"))
    if kind == _TIME:
        times = pandas.to_datetime(pandas.Series(values, dtype=object), utc=True, errors="coerce", format="ISO8601")
        return times.astype("datetime64[us, UTC]")
    return pandas.Series(values, dtype=object if kind == _LIST else kind)
