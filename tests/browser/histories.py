"""A history with every kind of content."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalharness.records.history import History, Mark, Point, Series

SUBJECTS = ("Shorten the prompt", "Use the newer <b>policy</b> text", "Accept answers of the new model")


def a_point(number: int, value: float) -> Point:
    """An accepted run; two runs each month."""
    day = f"2026-{1 + number // 2:02}-{1 + 14 * (number % 2):02}T10:00:00Z"
    committed = f"2026-{1 + number // 2:02}-{2 + 14 * (number % 2):02}T10:00:00Z"
    reason = "" if number % 2 else "shorter answers are wanted"
    return Point(f"run-{number}", day, f"{number:x}" * 40, committed, value, True, SUBJECTS[number % 3], reason)


def a_series(measure: str, unit: str, values: Sequence[float], *marks: Mark, tells: bool = False) -> Series:
    """A series whose last point is not accepted."""
    points = [a_point(number, value) for number, value in enumerate(values)]
    points[-1] = replace(points[-1], accepted=False, commit="", subject="", because="", committed_at="")
    left_out = {"not measured": 1} if unit == "s" else {}
    return Series("smollm2", "concise", measure, unit, 24, tuple(points), marks, tells, left_out)


def a_history() -> History:
    """Five measures: two with changes, one without, two with too few runs; and a note."""
    scores = [64.3, 64.1, 64.5, 64.4, 64.2, 74.2, 74.6, 74.4, 74.5, 74.3, 66.4, 66.2, 66.6, 66.4]
    series = (
        a_series(
            "rouge_l",
            "points",
            scores,
            Mark(5, 64.3, 74.4, 0.0005, True),
            Mark(10, 74.4, 66.4, 0.0005, True),
            tells=True,
        ),
        a_series("answer tokens", "tokens", [20.0] * 9 + [27.0] * 5, Mark(9, 20, 27, 0.0005, False), tells=True),
        a_series("latency", "s", [0.305, 0.301, 0.309, 0.303]),
        a_series("cost at today's price", "USD", [0.0000123, 0.0000125, 0.0000125], tells=True),
        a_series("exact", "points", [50.0]),
    )
    return History("support", 13, 13, series, ("skipped: the work tree: golden/baselines/x.jsonl:3: damaged",))
