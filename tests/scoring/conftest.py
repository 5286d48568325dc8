"""The score of one answer before rounding: oracles need every digit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evalharness.errors import MetricError
from evalharness.records import Score
from evalharness.scoring.metrics import Metric, SampleView

Scorer = Callable[..., float]


@pytest.fixture(scope="session")
def score() -> Scorer:
    """`score(metric, text, *golden)` returns the number, or the MetricError."""

    def one(metric: Metric, text: str, *golden: str) -> float:
        (result,) = metric.score([SampleView.of(text, golden)], [])
        if isinstance(result, MetricError):
            raise result
        return result.value if isinstance(result, Score) else result

    return one
