"""A run or a baseline as a pandas table: fixed columns, with every value of the record."""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from store.stored_records import HOSTILE, SIGNATURES, a_run, a_sample, accepted, broken, write

from evalharness import testing
from evalharness.errors import StoreError
from evalharness.records import KeyGrid, Response, Run, Sample, SampleError, SampleKey, Score, Timing, Usage
from evalharness.records.table import KINDS
from evalharness.report.verdict_file import verdict_json
from evalharness.store import read_baseline

DTYPES = {
    **dict.fromkeys(("suite", "run_id", "case", "prompt", "model", "cluster", "digest", "purpose"), "string"),
    **dict.fromkeys(("answer", "finish_reason", "error_kind", "error_message"), "string"),
    **dict.fromkeys(("started_at", "accepted_at", "recorded_at"), "datetime64[us, UTC]"),
    **dict.fromkeys(("tags", "failed_checks"), "object"),
    **dict.fromkeys(("repeat", "prompt_tokens", "completion_tokens", "cached_tokens", "attempts"), "Int64"),
    **dict.fromkeys(("latency_s", "first_token_s", "per_token_s", "cost_usd", "score_exact"), "float64"),
    "tokens_estimated": "boolean",
}
PAGE = (Path(__file__).parents[2] / "docs/data.md").read_text(encoding="utf-8")
FILES = PAGE.partition("\n## The audit\n")[0]
"""The part on the files of runs; tests of the audit read the rest."""
TEXTS = st.text(st.characters(), max_size=8) | st.sampled_from(HOSTILE)
COUNTS = st.integers(0, 2**63 - 1)
SECONDS = st.floats(0, 1e9)
TIMES = st.sampled_from(("", "2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05.678901+00:00"))
RESPONSES = st.builds(
    Response,
    TEXTS,
    st.sampled_from(("stop", "length")),
    st.builds(Usage, COUNTS, COUNTS, st.just(0) | COUNTS, st.booleans()),
    st.builds(Timing, SECONDS, st.none() | SECONDS, st.none(), st.none() | SECONDS),
)
SCORES = st.dictionaries(st.sampled_from(("exact", "rouge_l", "a metric")), st.floats(0, 1)).map(
    lambda values: tuple(Score(name, value, "signed") for name, value in values.items())
)
SAMPLES = st.builds(
    Sample,
    st.builds(SampleKey, TEXTS, TEXTS, TEXTS, st.integers(0, 3000)),
    TEXTS,
    st.lists(TEXTS, max_size=3).map(tuple),
    st.just(()),
    st.just(()),
    st.none() | RESPONSES,
    SCORES,
    st.lists(TEXTS, max_size=2).map(tuple),
    st.just(()),
    st.none() | st.builds(SampleError, TEXTS, TEXTS),
    st.none() | st.floats(0, 1e6),
    TIMES,
    st.integers(0, 9),
    TEXTS,
)


def value(cell: Any) -> Any:
    """A cell as a plain Python value; None for every kind of missing value."""
    if isinstance(cell, list):
        return cell
    return None if pandas.isna(cell) else cell.isoformat() if isinstance(cell, pandas.Timestamp) else cell


def expected(run: Run, sample: Sample) -> dict[str, Any]:
    """The expected row, read from the records in another way than the table does."""
    response, error = sample.response, sample.error
    return {
        "suite": run.header.suite,
        "run_id": run.header.id,
        "started_at": run.header.started_at,
        "accepted_at": None,
        "case": sample.key.case,
        "prompt": sample.key.prompt,
        "model": sample.key.model,
        "repeat": sample.key.repeat,
        "purpose": sample.purpose,
        "tags": list(sample.tags),
        "cluster": sample.cluster or None,
        "digest": sample.digest,
        **{f"score_{score.metric}": score.value for score in sample.scores},
        "answer": response and response.text,
        "finish_reason": response and response.finish_reason,
        "error_kind": error and error.kind,
        "error_message": error and error.message,
        "failed_checks": list(sample.failed_checks),
        "latency_s": sample.latency_s,
        "first_token_s": sample.seconds("first_token"),
        "per_token_s": sample.seconds("per_token"),
        "recorded_at": sample.recorded_at or None,
        "prompt_tokens": response and response.usage.prompt_tokens,
        "completion_tokens": response and response.usage.completion_tokens,
        "cached_tokens": response and response.usage.cached_tokens,
        "tokens_estimated": response and response.usage.estimated,
        "cost_usd": sample.cost_usd,
        "attempts": sample.attempts,
    }


@given(st.lists(SAMPLES, max_size=4))
def test_every_sample_is_a_row(samples: list[Sample]) -> None:
    """The table has a row for each sample, in their order, with the values of the record."""
    run = a_run(samples) if samples else Run(a_run().header, (), ())
    table = run.to_pandas()
    assert len(table) == len(samples)
    for sample, (_, row) in zip(samples, table.iterrows(), strict=True):
        wanted = expected(run, sample)
        found = {name: value(cell) for name, cell in row.items()}
        assert {name: cell for name, cell in found.items() if cell is not None} == {
            name: cell for name, cell in wanted.items() if cell is not None
        }


@pytest.mark.parametrize("samples", [(), (a_sample(),), (broken(),), (a_sample(), broken("b"))])
def test_columns_do_not_depend_on_the_data(samples: tuple[Sample, ...]) -> None:
    """Names, order and dtypes are the same without samples, with errors only, and with responses."""
    table = Run(a_run().header, samples, ()).to_pandas()
    names = [column for kind in KINDS for column in (["score_exact"] if kind == "scores" else [kind])]
    assert list(table.columns) == names
    assert {name: dtype == DTYPES[name] for name, dtype in table.dtypes.items()} == dict.fromkeys(names, True)
    assert table.attrs["signatures"] == SIGNATURES


@pytest.mark.parametrize(
    "sample",
    [a_sample(recorded_at="2026-01-01T00:00:00+00:00"), a_sample(attempts=2), a_sample(attempts=0), broken()],
)
def test_seconds_that_do_not_count(sample: Sample) -> None:
    """A replayed, repeated, shared or missing response has no latency; a fresh one has."""
    table = a_run((sample, a_sample("b"))).to_pandas()
    for column, measured in (("latency_s", 0.25), ("first_token_s", 0.1), ("per_token_s", 1 / 40.5)):
        first, second = table[column]
        assert (math.isnan(first), second) == (True, measured)


def test_table_of_a_baseline(tmp_path: Path) -> None:
    """The table of a baseline has a row for each sample, in the same columns; unknown values are missing."""
    two = (a_sample("a", repeat=0), a_sample("a", repeat=1), a_sample("b"))
    path = accepted(tmp_path, a_run(two), a_run(two, name="run-2"))
    baseline = read_baseline(path, tmp_path)
    assert baseline
    table = baseline.to_pandas()
    assert list(table.columns) == list(a_run().to_pandas().columns)
    assert list(zip(table["case"], table["run_id"], table["repeat"], strict=True)) == [
        *(("a", "run-1", 0), ("a", "run-1", 1), ("a", "run-2", 0), ("a", "run-2", 1)),
        *(("b", "run-1", 0), ("b", "run-2", 0)),
    ]
    assert set(table["accepted_at"].astype(str)) == {"2026-01-02 00:00:00+00:00"}
    assert set(table["latency_s"]) == {0.25}
    missing = {"started_at", "tags", "error_kind", "finish_reason", "cost_usd", "attempts", "recorded_at"}
    assert table[sorted(missing)].isna().all(axis=None)


def test_a_count_beyond_bounds() -> None:
    """A count that does not fit into a column raises StoreError."""
    huge = Response("", "stop", Usage(10**30, 1), Timing(0.1))
    with pytest.raises(StoreError, match="does not fit into 64 bits"):
        a_run((a_sample(response=huge),)).to_pandas()


def test_without_pandas() -> None:
    """Without pandas, the error names the extra to install."""
    script = """
import sys; sys.modules["pandas"] = None
from evalharness import EvalHarnessError
from evalharness.records.table import frame
try: frame([], [], {})
except EvalHarnessError as error: print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "a table of samples needs the package pandas: pip install 'evalharness[pandas]'"


def test_invalid_time() -> None:
    """An invalid time is a missing value, not an error, so that the other columns can be used."""
    run = a_run((a_sample(recorded_at="yesterday"),))
    table = replace(run, header=replace(run.header, started_at="2026-13-01T00:00:00+00:00")).to_pandas()
    assert table[["started_at", "recorded_at"]].isna().all(axis=None)
    assert str(table["started_at"].dtype) == "datetime64[us, UTC]"


def test_every_column_is_documented() -> None:
    """docs/data.md has a line for each column."""
    for column in [*(name for name in KINDS if name != "scores"), "score_METRIC"]:
        assert re.search(rf"^\|[^|]*`{column}`", PAGE, flags=re.MULTILINE), column


def test_documented_formats(tmp_path: Path) -> None:
    """The fields in the examples of docs/data.md are fields of real files."""
    shown = [
        json.loads(line) for block in re.findall("```json\n(.*?)```", FILES, re.DOTALL) for line in block.splitlines()
    ]
    run = a_run((a_sample(),))
    plan = KeyGrid(["a"], ["p"], {"smollm2": 1})
    whole = replace(run, header=replace(run.header, planned=plan), selected=plan)
    files = write(tmp_path / "run.jsonl", whole), accepted(tmp_path, a_run((a_sample(),)))
    lines = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    real = [verdict_json(testing.outcome()), *lines]
    for example, line in zip(shown, real, strict=True):
        _same_fields(example, line)


def _same_fields(example: Any, line: Any) -> None:
    if isinstance(example, dict) and line:
        for name in example.keys() - {"rouge_l"}:
            assert name in line, (name, line)
            _same_fields(example[name], line[name])
    elif example and line and isinstance(example, list) and isinstance(line, list):
        _same_fields(example[0], line[0])


def test_lists_survive_a_round_trip() -> None:
    """Tags are a list in each cell, and `explode` gives a row for each tag."""
    table = a_run((a_sample("a", tags=("x, y", "z")), a_sample("b", tags=()))).to_pandas()
    assert json.loads(table["tags"].to_json(orient="values")) == [["x, y", "z"], []]
    assert table.explode("tags")["tags"].dropna().tolist() == ["x, y", "z"]
