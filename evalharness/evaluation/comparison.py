"""Runs and baselines side by side, for Python programs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from evalharness.evaluation.evaluation import Evaluation
from evalharness.records import Baseline, Run
from evalharness.report.comparison import comparison, comparison_lines
from evalharness.report.html import Page, html_pieces, overview
from evalharness.root import find_root
from evalharness.store import write_whole
from evalharness.store.sources import open_source

Source = Evaluation | Run | Baseline | str | Path
"""A finished evaluation, a run, a baseline, or what names one: a folder, a file, `git:REF`."""


@dataclass(frozen=True)
class Comparison:
    """The models and prompts of several sources. The first source is what the others are compared with."""

    page: Page

    @cached_property
    def data(self) -> dict[str, Any]:
        """Means, intervals and paired differences, as `evalharness compare --json` prints them."""
        return overview(self.page)

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with a row per source, model, prompt and metric: mean, low, high, samples.

        Means are in points; low and high are the ends of their 95 % intervals.
        """
        import pandas as pd

        rows = [
            {
                "source": column["source"],
                "model": column["model"],
                "prompt": column["prompt"],
                "metric": metric,
                **dict(zip(("mean", "low", "high", "samples"), scores, strict=True)),
            }
            for column in self.data["columns"]
            for metric, scores in zip(self.data["metrics"], column["scores"], strict=True)
        ]
        return pd.DataFrame(rows)

    def save(self, path: str | Path) -> None:
        """Write the comparison as one HTML file. Raises StoreError."""
        write_whole(Path(path), html_pieces(self.page))

    def __str__(self) -> str:
        return "\n".join(line for line, _ in comparison_lines(self.data))


def compare(*runs: Source, suite: str | None = None, root: Path | None = None) -> Comparison:
    """Put runs and baselines side by side.

    Args:
        runs: Evaluations, runs, baselines, or their paths; `git:REF` names the baselines of a commit.
        suite: The suite that `git:REF` means.
        root: What paths are relative to. Default: the nearest folder upwards with `suites/`.

    Raises ValueError: no run is given; StoreError: a file cannot be read.

    """
    if not runs:
        raise ValueError("compare() needs at least one run")
    return Comparison(comparison([_opened(number, run, suite, root) for number, run in enumerate(runs, start=1)]))


def _opened(number: int, run: Source, suite: str | None, root: Path | None) -> tuple[str, Run | list[Baseline]]:
    if isinstance(run, Evaluation):
        return f"{number}: {run.name}", run.run
    if isinstance(run, Run):
        return f"{number}: {run.header.suite}", run
    if isinstance(run, Baseline):
        return f"{number}: {run.file}", [run]
    return f"{number}: {run}", open_source(str(run), root or find_root(), suite)
