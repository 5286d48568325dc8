"""The metrics and gates of an imported suite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from evalharness.config import Config
from evalharness.importers.margins import decidable_margin
from evalharness.importers.promptfoo.source import Node, Source


def metrics_of(
    source: Source, tests: Node, wanted: Sequence[str], cases: int, with_golden: int, config: Config
) -> list[Any]:
    """The metrics if every case has golden answers; else a check for answers that are not empty."""
    missing = cases - with_golden
    if wanted and missing:
        names = ", ".join(wanted)
        source.note(tests, f"{names}: {missing} of {cases} tests have no reference answer; not measured")
    found = [metric for name in wanted if not missing and (metric := _metric(source, tests, name, config))]
    return found or [{"length": {"min_words": 1}}]


def _metric(source: Source, tests: Node, name: str, config: Config) -> Any:
    if name != "embedding":
        return name
    if config.embedders:
        return {"embedding": {"model": next(iter(config.embedders))}}
    source.note(tests, "similar: add [tool.evalharness.embedders.NAME] to pyproject.toml")
    return None


def gates_of(metrics: Sequence[Any], kinds: Iterable[str], cases: int) -> list[dict[str, Any]]:
    """A gate for each metric, with a margin that the number of cases can decide, and for each kind of gate."""
    margin = decidable_margin(cases)
    named = [metric if isinstance(metric, str) else next(iter(metric)) for metric in metrics]
    return [
        *({"metric": name, "margin": margin} for name in named),
        *({"metric": kind, "margin": "10%"} for kind in kinds),
    ]
