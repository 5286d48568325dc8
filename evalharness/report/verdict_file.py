"""`verdict.json`: the outcome for other programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from evalharness.report.outcome import Outcome
from evalharness.store import in_ci

SCHEMA = 2
"""1, of 0.1, has `smallest_visible_drop`, `weakens`, `exam` and `sentence` instead of `minimum_detectable_drop`,
`relaxes`, `criteria` and `headline`, and no `accepted`.
"""


def verdict_json(outcome: Outcome) -> dict[str, Any]:
    """Status, headline, verdicts and criteria changes as plain data."""
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
        "verdicts": [asdict(verdict) for verdict in outcome.verdicts],
    }
