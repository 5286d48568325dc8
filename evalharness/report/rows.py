"""The samples of a report as compressed columns: 40,000 take a few megabytes.

    {"case": [0, 1, ...], "answer": [7, null, ...], ..., "texts": ["...", ...]}   ->   JSON   ->   gzip   ->   base64

Texts are referenced by index, because most occur many times. The result has no character that is special in HTML.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Sequence
from typing import Any

from evalharness.records import Sample
from evalharness.report.columns import Column, known, numbers

MAX_TEXT = 50_000
"""Characters of one text in the report; the run record has all of it."""
_LEVEL = 3
"""A tenth larger than with level 6, in half the time."""


def packed(rows: dict[str, Any]) -> str:
    """The rows as gzip in base64; equal rows give equal bytes."""
    text = json.dumps(rows, allow_nan=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), _LEVEL, mtime=0)).decode()


def rows_of(columns: Sequence[Column], metrics: Sequence[str]) -> dict[str, Any]:
    """The samples of all columns, the worst first, as plain data."""
    texts, prompts = _Texts(), _Texts()
    found = sorted(
        ((index, sample) for index, column in enumerate(columns) for sample in column.samples),
        key=lambda pair: (_rank(pair[1]), pair[0]),
    )
    samples = [sample for _, sample in found]
    scores = [{score.metric: score.value for score in sample.scores} for sample in samples]
    earlier = [columns[index].before(sample) for index, sample in found]
    return {
        "case": [texts(sample.key.case) for sample in samples],
        "column": [index for index, _ in found],
        "repeat": [sample.key.repeat for sample in samples],
        "tags": [texts.all(sample.tags) for sample in samples],
        "messages": [prompts(_messages(sample, texts)) for sample in samples],
        "golden": [texts.all(sample.golden) for sample in samples],
        "answer": [texts.maybe(sample.response.text if sample.response else None) for sample in samples],
        "old": [texts.maybe(one.text) for one in earlier],
        "scores": [numbers([values.get(metric) for values in scores]) for metric in metrics],
        "before": [numbers([one.scores.get(metric) for one in earlier]) for metric in metrics],
        "failed": _sparse(texts.all([*sample.failed_checks, *sample.failed_stable]) for sample in samples),
        "error": _sparse(
            [texts(sample.error.kind), texts(sample.error.message)] if sample.error else [] for sample in samples
        ),
        "notes": _sparse(
            texts.all(f"{score.metric}: {score.note}" for score in sample.scores if score.note) for sample in samples
        ),
        "cut": [index for index, sample in enumerate(samples) if sample.response and _is_cut(sample)],
        "replayed": [index for index, sample in enumerate(samples) if sample.recorded_at],
        "tokens": [_tokens(sample) for sample in samples],
        "timing": [_timing(sample) for sample in samples],
        "cost": numbers([sample.cost_usd for sample in samples]),
        "prompts": [json.loads(prompt) for prompt in prompts.index],
        "texts": list(texts.index),
    }


class _Texts:
    """Each text once, in the order of first use."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.index.setdefault(_bounded(text), len(self.index))

    def all(self, texts: Iterable[str]) -> list[int]:
        return [self(text) for text in texts]

    def maybe(self, text: str | None) -> int | None:
        return None if text is None else self(text)


def _bounded(text: str) -> str:
    omitted = len(text) - MAX_TEXT
    return text if omitted <= 0 else f"{text[:MAX_TEXT]}\n[evalharness: {omitted} more characters are in run.jsonl]"


def _messages(sample: Sample, texts: _Texts) -> str:
    return json.dumps([[texts(message.role), texts(message.content)] for message in sample.messages])


def _rank(sample: Sample) -> tuple[int, float, Any]:
    """A sort key: errors, then broken assertions, then the lowest mean score."""
    values = known([score.value for score in sample.scores])
    rank = 0 if sample.error else 1 if sample.failed_checks else 2
    return rank, sum(values) / len(values) if values else 0.0, sample.key


def _sparse(lists: Iterable[Sequence[int]]) -> dict[str, list[int]]:
    return {str(index): list(values) for index, values in enumerate(lists) if values}


def _is_cut(sample: Sample) -> bool:
    return sample.response is not None and sample.response.finish_reason == "length"


def _tokens(sample: Sample) -> list[int] | None:
    usage = sample.response.usage if sample.response else None
    return [usage.prompt_tokens, usage.completion_tokens] if usage else None


def _timing(sample: Sample) -> list[float | None] | None:
    if sample.response is None:
        return None
    timing = sample.response.timing
    return numbers((timing.total_s, timing.first_token_s, timing.prompt_tokens_per_s, timing.decode_tokens_per_s))
