"""`verdict.json`: the outcome for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from evalharness.amounts import rounded_level
from evalharness.gate.defaults import ALPHA_PASS
from evalharness.records.coverage import coverage_of
from evalharness.report.gate_data import gate_data
from evalharness.report.outcome import Outcome
from evalharness.store import in_ci

SCHEMA = 2
"""1, of 0.1, has `smallest_visible_drop`, `weakens`, `exam` and `sentence` instead of `minimum_detectable_drop`,
`relaxes`, `criteria` and `headline`, and no `accepted`. Its `drop` and `largest_drop`, fractions where plus is
worse, are `change`, `low` and `high`, in points or percent.
"""


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a metric over the cases of a model and prompt, in points of a score."""

    model: str
    prompt: str
    metric: str
    mean: float | None
    """None if a score is no number."""
    low: float | None = None
    """Low end of its 95 % interval over cases (Student's t); None with fewer than two cases."""
    high: float | None = None


def verdict_json(outcome: Outcome) -> dict[str, Any]:
    """Status, headline, verdicts and criteria changes as plain data."""
    covered = [asdict(one) for one in coverage_of(outcome.run)]
    return {
        "schema": SCHEMA,
        "kind": "verdict",
        "suite": outcome.run.header.suite,
        "run": outcome.run.header.id,
        "status": outcome.status,
        "headline": outcome.headline,
        "complete": outcome.run.complete,
        "accepted": bool(outcome.accepted),
        "compared": outcome.compared,
        "ci": in_ci(),
        "criteria": [asdict(change) for change in outcome.criteria],
        "confidence": 1 - ALPHA_PASS,
        "means": [asdict(mean) for mean in _means(outcome)],
        "verdicts": [gate_data(verdict) for verdict in outcome.verdicts],
        **({"coverage": covered} if covered else {}),
    }


def _means(outcome: Outcome) -> Iterator[Mean]:
    for one in outcome.contents.figures:
        for metric, (mean, low, high, samples) in zip(outcome.run.metric_names, one["scores"], strict=True):
            if samples or mean is not None:
                yield Mean(one["model"], one["prompt"], metric, *map(_shown, (mean, low, high)))


def _shown(value: float | None) -> float | None:
    return None if value is None else rounded_level(value, "points")
