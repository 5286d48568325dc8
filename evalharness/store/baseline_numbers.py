"""The samples of a large baseline without their texts: 36 bytes each, and 8 for each score and each known time."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import NamedTuple

from evalharness.records import BaselineSample
from evalharness.records.text_on_disk import StoredText, TextOnDisk
from evalharness.store.baseline_lines import SampleLine
from evalharness.store.number_columns import NumberRows, only_known, places_of


class _Kind(NamedTuple):
    """What many accepted samples have in common."""

    run: str
    metrics: tuple[str, ...]
    not_applicable: tuple[str, ...]
    known: tuple[bool, ...]
    """Which of the times there are."""


class AcceptedSamples:
    """The samples of a baseline, in order."""

    def __init__(self) -> None:
        self._rows, self._texts = NumberRows[_Kind](), array("q")

    def append(self, one: SampleLine) -> None:
        """Append a sample."""
        known, times = only_known((one.total_s, one.first_token_s, one.per_token_s))
        kind = _Kind(one.run, tuple(one.scores), tuple(one.not_applicable), known)
        self._rows.append(kind, (one.prompt_tokens, one.completion_tokens, *times, *one.scores.values()))
        self._texts.append(hash(one.text))

    def sample(self, place: int, read: Callable[[], str]) -> BaselineSample:
        """A sample; `read` reads its text."""
        (run, metrics, not_applicable, known), numbers = self._rows[place]
        (total, first_token, per_token), first = places_of(known)
        row = [*numbers, None]
        scores, times = dict(zip(metrics, numbers[first:], strict=True)), (row[total], row[first_token], row[per_token])
        text, tokens = StoredText(self._texts[place], read), (int(numbers[0]), int(numbers[1]))
        return TextOnDisk.of(text, run, scores, tokens, times, not_applicable)

    def __len__(self) -> int:
        return len(self._rows)
