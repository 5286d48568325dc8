"""The samples of a report as compressed columns: 40,000 take a few megabytes.

    {"case": [0, 1, ...], "answer": [7, null, ...], ..., "texts": ["...", ...]}   ->   JSON   ->   gzip   ->   base64

Texts are referenced by index, because most occur many times. The result has no character that is special in HTML.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from evalharness.records import Message, Sample
from evalharness.records.application import as_texts
from evalharness.report.columns import Column, known, numbers
from evalharness.report.score_details import ScoreDetails

MAX_TEXT = 50_000
"""Characters of one text in the report; the run record has all of it."""
_LEVEL = 3
"""A tenth larger than with level 6, in half the time."""
_GZIP = zlib.MAX_WBITS + 16
"""The window size that selects the gzip format, without a time in its header."""
_BATCH = 1_000
"""Values that become JSON at once."""
_NO_DETAILS = ScoreDetails()


def packed(rows: Iterable[tuple[str, Any]]) -> str:
    """The rows as gzip in base64; equal rows give equal bytes.

    Takes one column after the other, so that a large report is never in memory as a whole.
    """
    file = zlib.compressobj(_LEVEL, wbits=_GZIP)
    pieces = [file.compress(piece.encode()) for piece in _json_pieces(rows)]
    return base64.b64encode(b"".join([*pieces, file.flush()])).decode()


def _json_pieces(rows: Iterable[tuple[str, Any]]) -> Iterator[str]:
    """The rows as one JSON object; a column that is an iterator is written in batches."""
    start = "{"
    for name, column in rows:
        yield f"{start}{_json(name)}:"
        yield from _list_pieces(column) if isinstance(column, Iterator) else [_json(column)]
        start = ","
    yield "}"


def _list_pieces(values: Iterator[Any]) -> Iterator[str]:
    start = "["
    while batch := list(islice(values, _BATCH)):
        yield start + _json(batch)[1:-1]
        start = ","
    yield "[]" if start == "[" else "]"


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def rows_of(
    columns: Sequence[Column],
    metrics: Sequence[str],
    details: ScoreDetails = _NO_DETAILS,
    pictures: Mapping[str, str] | None = None,
    shown: Sequence[tuple[int, Sample]] | None = None,
) -> Iterator[tuple[str, Any]]:
    """The samples of all columns, the worst first: name and values of each part.

    `pictures`: data URLs by SHA-256. `shown`: some of the samples, each with the number of its column; default: all.

    Iterate once and in order: the last parts hold the texts that the others reference.
    """
    every = ((index, sample) for index, column in enumerate(columns) for sample in column.samples)
    found = sorted(every if shown is None else shown, key=lambda pair: (_rank(pair[1]), pair[0]))
    samples, texts = [sample for _, sample in found], _Texts()
    yield "column", [index for index, _ in found]
    yield from _texts_of(samples, texts)
    yield from _earlier([(columns[index], sample) for index, sample in found], metrics, texts)
    yield from _numbers_of(samples, metrics)
    yield from _remarks(samples, texts)
    yield "disputed", [index for index, sample in enumerate(samples) if details.is_disputed(sample)]
    yield "details", _sparse([texts(part) for one in details.of(sample) for part in one] for sample in samples)
    yield "pictures", {str(texts(digest)): url for digest, url in (pictures or {}).items()}
    yield "texts", iter(texts.index)


def _texts_of(samples: Sequence[Sample], texts: _Texts) -> Iterator[tuple[str, Any]]:
    prompts: dict[tuple[tuple[int, ...], ...], int] = {}
    yield "case", [texts(sample.key.case) for sample in samples]
    yield "tags", map(texts.all, [sample.tags for sample in samples])
    yield "messages", [prompts.setdefault(_messages(sample, texts), len(prompts)) for sample in samples]
    yield "prompts", iter(prompts)
    yield "golden", map(texts.all, [sample.golden for sample in samples])
    yield "answer", [texts.maybe(sample.response.text if sample.response else None) for sample in samples]


def _earlier(
    found: Iterable[tuple[Column, Sample]], metrics: Sequence[str], texts: _Texts
) -> Iterator[tuple[str, Any]]:
    """The answers and scores of the baseline."""
    answers: list[int | None] = []
    scores: list[list[float | None]] = [[] for _ in metrics]
    for column, sample in found:
        before = column.before(sample)
        answers.append(texts.maybe(before.text))
        _append(before.scores, metrics, scores)
    yield "old", answers
    yield "before", map(numbers, scores)


def _numbers_of(samples: Sequence[Sample], metrics: Sequence[str]) -> Iterator[tuple[str, Any]]:
    scores: list[list[float | None]] = [[] for _ in metrics]
    for sample in samples:
        _append({score.metric: score.value for score in sample.scores}, metrics, scores)
    yield "scores", map(numbers, scores)
    yield "repeat", [sample.key.repeat for sample in samples]
    yield "tokens", map(_tokens, samples)
    yield "timing", map(_timing, samples)
    yield "cost", numbers([sample.cost_usd for sample in samples])


def _append(values: Mapping[str, float], metrics: Sequence[str], columns: Sequence[list[float | None]]) -> None:
    """Append the value of each metric to its column."""
    for metric, column in zip(metrics, columns, strict=True):
        column.append(values.get(metric))


def _notes(sample: Sample) -> list[str]:
    """What limits a score, and why one is missing."""
    notes = [f"{score.metric}: {score.note}" for score in sample.scores if score.note]
    return notes + [f"{one.metric}: {one.reason}" for one in sample.not_applicable]


def _remarks(samples: Sequence[Sample], texts: _Texts) -> Iterator[tuple[str, Any]]:
    """Values that few samples have."""
    yield "failed", _sparse(texts.all(_broken(sample)) for sample in samples)
    yield (
        "error",
        _sparse([texts(sample.error.kind), texts(sample.error.message)] if sample.error else [] for sample in samples),
    )
    yield "notes", _sparse(texts.all(_notes(sample)) for sample in samples)
    yield (
        "added",
        {
            str(index): [texts(part) for pair in as_texts(sample.response.added()) for part in pair]
            for index, sample in enumerate(samples)
            if sample.response and sample.response.has_added
        },
    )
    yield "cut", [index for index, sample in enumerate(samples) if sample.response and _is_cut(sample)]
    yield "replayed", [index for index, sample in enumerate(samples) if sample.recorded_at]


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


def _broken(sample: Sample) -> list[str]:
    """A message for each broken assertion, whether it fails the case or not."""
    return [*sample.failed_checks, *sample.failed_stable, *(one.message for one in sample.violations)]


def _messages(sample: Sample, texts: _Texts) -> tuple[tuple[int, ...], ...]:
    """Role and text of each message, and the digests of its pictures."""
    return tuple(
        [
            (texts(one.role), texts(one.shown), *(_pictures(one, texts) if one.attachments else ()))
            for one in sample.messages
        ]
    )


def _pictures(message: Message, texts: _Texts) -> list[int]:
    return texts.all(one.sha256 for one in message.attachments if one.is_picture)


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
    """The tokens of prompt and answer; None where nothing was counted, as an application may not count."""
    usage = sample.response.usage if sample.response else None
    counts = [usage.prompt_tokens, usage.completion_tokens] if usage else []
    return counts if any(counts) else None


def _timing(sample: Sample) -> list[float | None] | None:
    if sample.response is None:
        return None
    timing = sample.response.timing
    return numbers((timing.total_s, timing.first_token_s, timing.prompt_tokens_per_s, timing.decode_tokens_per_s))
