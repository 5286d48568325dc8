"""What more labels of changed answers would do: the forecast, and what then happens."""

from __future__ import annotations

import numpy as np
import pytest

from evalharness.gate.stats.more_labels import Forecast, forecast, moments_of
from evalharness.gate.stats.prediction_powered import Floats, Judged, corrected_change

TRUTH = np.random.default_rng(4).choice([-1.0, 0.0, 1.0], 2000, p=[0.2, 0.6, 0.2])
GUESSED = np.random.default_rng(5).permutation(TRUTH)


def judged(verdicts: Floats, labels: int = 400) -> Judged:
    """The first answers have labels."""
    return Judged(TRUTH[:labels], verdicts[:labels], verdicts[labels:])


def forecast_of(verdicts: Floats) -> Forecast:
    """The forecast from 400 labels."""
    one = judged(verdicts)
    middle = corrected_change(one, share=1.0, seed=0).passing.middle
    return forecast(one, moments_of(one), share=1.0, middle=middle)


@pytest.mark.parametrize("verdicts", [TRUTH, GUESSED], ids=["right", "guessing"])
@pytest.mark.parametrize("more", [1, 400, 1600])
def test_forecast_comes_true(verdicts: Floats, more: int) -> None:
    """With so many labels the error is as forecast, and the change within four deviations of it."""
    found = forecast_of(verdicts)
    then = corrected_change(judged(verdicts, 400 + more), share=1.0, seed=0).passing
    at = int(np.flatnonzero(found.more == more)[0])
    assert found.errors[at] == pytest.approx(then.error, rel=0.1)
    assert abs(found.middles[at] - then.middle) <= 4 * found.chances[at] + 0.002


def test_a_right_judge_leaves_nothing_to_chance() -> None:
    """What a judge without error says is what people will say; one that guesses says nothing about them."""
    right, guessing = forecast_of(TRUTH), forecast_of(GUESSED)
    assert right.chances.max() < 0.25 * guessing.chances.max()
    assert right.errors[0] < 0.6 * guessing.errors[0]
    assert list(right.more) == list(range(1, 1601))


def test_labels_of_all_changed_answers_leave_none() -> None:
    """Nothing can be forecast where no answer is left."""
    every = Judged(TRUTH[:50], TRUTH[:50], np.zeros(0))
    assert len(forecast(every, moments_of(every), share=0.5, middle=0.0).more) == 0


def test_conversations_need_more_labels() -> None:
    """Equal turns of a conversation widen the error by about the root of their number."""
    some = np.repeat(TRUTH[:100], 4)
    groups = [f"c{number // 4}" for number in range(400)]
    apart = Judged(some, np.zeros(400), np.zeros(400))
    together = Judged(some, np.zeros(400), np.zeros(400), groups, [f"{name}-other" for name in groups])
    assert moments_of(together).design == pytest.approx(4 * moments_of(apart).design, rel=0.05)
