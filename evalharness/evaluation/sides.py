"""The sides that the gates of a run compare, with the scores that only some gates read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from evalharness.config import Config
from evalharness.records import ASSERTIONS, Baselines, GateRule, Run, Suite


@dataclass(frozen=True, slots=True)
class Sides:
    """A run, and what it is compared with."""

    run: Run
    baselines: Baselines
    rules: Sequence[GateRule]
    pinned: Baselines = field(default_factory=dict)
    reference: Run | None = None


def with_assertion_scores(sides: Sides, suite: Suite | None, config: Config) -> Sides:
    """The sides with the scores, if a gate reads them and the suite is known."""
    if suite is None or not are_gated(sides.rules):
        return sides
    from evalharness.evaluation.assertion_scores import AssertionScores  # brings the metrics

    with closing(AssertionScores(suite, config)) as scores:
        return Sides(
            scores.of_run(sides.run),
            scores.of_baselines(sides.baselines),
            sides.rules,
            scores.of_baselines(sides.pinned),
            sides.reference and scores.of_run(sides.reference),
        )


def are_gated(rules: Iterable[GateRule]) -> bool:
    """Whether a gate reads these scores."""
    return any(rule.metric == ASSERTIONS for rule in rules)
