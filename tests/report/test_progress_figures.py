"""The figures of a run in progress: time left, rate, cost and means, and how many of them fit."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest

from evalharness.records import SampleError, Score
from evalharness.report.progress import RunFigures, fitting, is_live, rate, remaining
from evalharness.testing import sample
from evalharness.testing.ci import leave_ci


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        """The time in seconds."""
        return self.now_s


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        *((0, "0:00"), (0.2, "0:01"), (7, "0:07"), (59.4, "1:00"), (59.999, "1:00"), (60, "1:00"), (61, "1:01")),
        *((719.6, "12:00"), (720, "12:00"), (779.5, "13:00"), (779.999999, "13:00"), (3599.5, "1:00:00")),
        *((3600, "1:00:00"), (3729, "1:02:09"), (86_399.9, "24:00:00"), (5_000_000, "1,388:53:20")),
    ],
)
def test_time_left(seconds: float, text: str) -> None:
    """Minutes and seconds stay below 60 wherever the rounding falls."""
    assert remaining(seconds) == text


def test_no_sixty_seconds() -> None:
    """No duration up to three hours, in steps of a tenth of a second, shows 60 seconds or 60 minutes."""
    shown = [remaining(tenth / 10) for tenth in range(3 * 36_000)]
    assert not [text for text in shown if re.search(r":[6-9]\d", text)]
    assert [text for text in shown if text.startswith("60:")] == []


@pytest.mark.parametrize(
    ("per_s", "text"),
    [(1234.56, "1,234.6/s"), (2.04, "2.0/s"), (1, "1.0/s"), (0.5, "30.0/min"), (0.01, "36.0/h"), (0.0001, "0.4/h")],
)
def test_rates(per_s: float, text: str) -> None:
    """A rate is per second, minute or hour, whichever gives at least one."""
    assert rate(per_s) == text


def test_the_figures() -> None:
    """Failures, time left, cost of fresh answers, the mean of each metric so far, and the rate."""
    clock = Clock()
    figures = RunFigures(10, clock)
    assert figures.texts() == []
    one = sample("a", scores=[Score("exact", 1.0, "e"), Score("rouge_l", 0.5, "r")], cost_usd=0.02)
    for number in range(3):
        clock.now_s += 2
        figures.add(replace(one, scores=(Score("exact", number / 2, "e"), one.scores[1])))
        figures.step()
    assert figures.texts() == ["0:14 left", "$0.06", "exact 50.0", "30.0/min", "rouge_l 50.0"]
    figures.add(replace(one, recorded_at="2026-01-01T00:00:00Z", metrics_cost_usd=0.04))
    figures.add(replace(one, response=None, scores=(), error=SampleError("deadline", "late")))
    assert figures.texts()[:3] == ["1 failed", "0:14 left", "$0.12"]
    assert "exact 62.5" in figures.texts()


def test_replayed_answers_first() -> None:
    """The rate is that of the last steps: a thousand replayed answers promise nothing for those that are generated."""
    clock = Clock()
    figures = RunFigures(1_100, clock)
    for _ in range(1_000):
        clock.now_s += 0.001
        figures.step()
    for _ in range(50):
        clock.now_s += 3
        figures.step()
    assert figures.texts() == ["2:30 left", "20.0/min"]
    clock.now_s += 150  # a model that hangs
    assert figures.texts() == ["5:00 left", "10.0/min"]


def test_what_fits() -> None:
    """Texts that do not fit are left out, the others stay in order."""
    texts = ["1 failed", "0:14 left", "$0.0604", "exact 50.0", "1.5/s"]
    assert fitting(texts, 80) == "1 failed, 0:14 left, $0.0604, exact 50.0, 1.5/s"
    assert fitting(texts, 36) == "1 failed, 0:14 left, $0.0604, 1.5/s"
    assert fitting(texts, 3) == ""
    assert all(len(fitting(texts, columns)) <= columns for columns in range(80))


def test_a_hostile_metric() -> None:
    """The name of a metric is one short line."""
    figures = RunFigures(1, Clock())
    figures.add(sample("a", scores=[Score("x\r\n\x1b[2J" + "y" * 100, 1.0, "x"), Score("nan", float("nan"), "n")]))
    (text,) = figures.texts()
    assert text.isprintable()
    assert len(text) <= 22


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """It is."""
        return True


def test_where_a_line_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal that moves its cursor; not in a pipe, a file, or a CI job, whose log keeps each line."""
    leave_ci(monkeypatch)
    monkeypatch.setenv("TERM", "xterm")
    assert is_live(Terminal())
    assert not is_live(io.StringIO())
    assert not is_live(None)
    monkeypatch.setenv("TERM", "dumb")
    assert not is_live(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("CI", "true")
    assert not is_live(Terminal())
