"""The figures of a run in progress: failures, rate, time left, cost, and the mean of each metric so far."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TextIO

from evalharness.amounts import score
from evalharness.records import Sample
from evalharness.report.encode import one_line
from evalharness.report.usage import dollars
from evalharness.store import in_ci

_WINDOW = 50
"""Steps that the rate is of: a resumed run replays its first answers at once, and then waits for the others."""
_RATES = ((1.0, "s"), (60.0, "min"), (3600.0, "h"))
"""Seconds -> unit. The rate is in the first unit with at least one step."""
_NAME = 16
"""Columns of a metric's name."""


def is_live(stream: TextIO | None) -> bool:
    """Whether a line may be drawn over and over: on a terminal, and in no CI job, whose log keeps each line."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb" and not in_ci()


class RunFigures:
    """What is known of a run so far. `total` steps of `steps` samples or cases; `clock` returns seconds."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._left = clock, total
        self._times = deque([clock()], maxlen=_WINDOW + 1)
        self._failed, self._cost_usd = 0, 0.0
        self._scores: dict[str, tuple[float, int]] = {}

    def step(self) -> None:
        """Count a sample or a case that has ended."""
        self._left = max(0, self._left - 1)
        self._times.append(self._clock())

    def add(self, sample: Sample) -> None:
        """Count the failure, the cost and the scores of a sample. Replayed answers cost nothing."""
        self._failed += not sample.ok
        self._cost_usd += (0.0 if sample.recorded_at else sample.cost_usd or 0.0) + sample.metrics_cost_usd
        for one in sample.scores:
            total, count = self._scores.get(one.metric, (0.0, 0))
            self._scores[one.metric] = total + one.value, count + 1

    def texts(self) -> list[str]:
        """The figures, the most important first."""
        per_s = self._per_s()
        found = [
            f"{self._failed} failed" if self._failed else "",
            f"{remaining(self._left / per_s)} left" if per_s and self._left else "",
            dollars(self._cost_usd) if self._cost_usd else "",
            *self._means()[:1],
            rate(per_s) if per_s else "",
            *self._means()[1:],
        ]
        return [text for text in found if text]

    def _per_s(self) -> float:
        """Steps per second over the last ones; 0 before the first."""
        passed = self._clock() - self._times[0]
        return (len(self._times) - 1) / passed if passed > 0 else 0.0

    def _means(self) -> list[str]:
        means = ((name, total / count) for name, (total, count) in self._scores.items())
        return [f"{one_line(name, _NAME)} {score(mean)}" for name, mean in means if math.isfinite(mean)]


def remaining(seconds: float) -> str:
    """A duration: '0:07', '12:00', '1:02:09'. A second that is not over counts."""
    minutes, left = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def rate(per_s: float) -> str:
    """Steps per second, minute or hour: '12.3/s', '4.0/min'."""
    size, unit = next(((size, unit) for size, unit in _RATES if per_s * size >= 1), _RATES[-1])
    return f"{per_s * size:,.1f}/{unit}"


def fitting(texts: Sequence[str], columns: int) -> str:
    """The first texts that fit into so many columns, joined by commas. A text that does not fit is left out."""
    return ", ".join(_fitting(texts, columns))


def _fitting(texts: Sequence[str], columns: int) -> Iterable[str]:
    for text in texts:
        if len(text) <= columns:
            columns -= len(text) + 2
            yield text
