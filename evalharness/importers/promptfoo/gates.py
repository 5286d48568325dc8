"""The metrics and gates of an imported suite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from evalharness.importers.margins import decidable_margin
from evalharness.importers.promptfoo.source import Node, Source

_LENGTH: Any = {"length": {"min_words": 1}}
"""For cases without a reference: an empty answer counts as bad."""


def metrics_of(source: Source, tests: Node, wanted: Sequence[str], cases: int, with_golden: int) -> list[Any]:
    """The metrics. If fewer than half of the cases have a golden answer, the first is about empty answers."""
    missing = cases - with_golden
    few = with_golden < missing
    if wanted and missing:
        names, gate = ", ".join(wanted), ", and have no gate" if few else ""
        source.note(tests, f"{names}: {missing} of {cases} tests have no reference answer: they skip these{gate}")
    return [*([_LENGTH] if few or not wanted else ()), *wanted]


def gates_of(metrics: Sequence[Any], kinds: Iterable[str], cases: int, with_golden: int) -> list[dict[str, Any]]:
    """A gate for each metric that scores most cases, with a margin that they can decide, and for each kind of gate."""
    is_measured = metrics[0] != _LENGTH
    margin = decidable_margin(with_golden if is_measured else cases)
    named = [metric if isinstance(metric, str) else next(iter(metric)) for metric in metrics]
    return [
        *({"metric": name, "margin": margin} for name in (named if is_measured else named[:1])),
        *({"metric": kind, "margin": "10%"} for kind in kinds),
    ]
