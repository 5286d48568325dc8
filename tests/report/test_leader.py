"""Which of several models and prompts is named as the best."""

from __future__ import annotations

from collections.abc import Mapping

from evalharness.records import Score
from evalharness.report.comparison import comparison
from evalharness.report.html import overview
from evalharness.testing import run, sample

CASES = range(24)


def headline(scores: Mapping[str, Mapping[str, tuple[float, str]]]) -> str:
    """The headline of a comparison. `scores`: by model and metric, the score of each case and its signature."""
    samples = [
        sample(
            f"case-{number}",
            f"{model} {number}",
            scores=[Score(name, value + number / 100, signature) for name, (value, signature) in of.items()],
            model=model,
            digest="d",
        )
        for number in CASES
        for model, of in scores.items()
    ]
    return str(overview(comparison([("reports/demo", run(samples, gates={}))]))["headline"])


def test_the_best_mean_leads() -> None:
    """The lead is named with its metric, and clear where each comparison is."""
    found = headline({"a": {"m": (0.2, "v")}, "b": {"m": (0.6, "v")}, "c": {"m": (0.3, "v")}})
    assert found.startswith("b · plain leads on the only metric, clearly: m 71.5, 30.0 pts ahead of c · plain")


def test_scores_of_other_settings_do_not_compete() -> None:
    """A metric that cannot be compared between all of them says nothing, however large its mean."""
    scores = {"a": {"m": (0.2, "v"), "n": (0.7, "v:1")}, "b": {"m": (0.6, "v"), "n": (0.1, "v:2")}}
    assert headline(scores).startswith("b · plain leads on the only metric, clearly")
    alone = {"a": {"n": (0.7, "v:1")}, "b": {"n": (0.1, "v:2")}}
    assert headline(alone) == "2 side by side, and no metric says which is best"


def test_a_tie_names_no_distance() -> None:
    """Of two equal ones and a worse one, the first is named, without 0.0 pts."""
    found = headline({"a": {"m": (0.6, "v")}, "b": {"m": (0.6, "v")}, "c": {"m": (0.3, "v")}})
    assert found == "a · plain leads on the only metric, but not clearly"


def test_equal_ones() -> None:
    """Without any difference there is no leader."""
    assert headline({"a": {"m": (0.6, "v")}, "b": {"m": (0.6, "v")}}).startswith("2 side by side")
