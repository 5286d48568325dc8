"""The evidence of a gate on a calibrated judge: the ordinary one, and the change that labels have corrected.

The corrected change decides. Where there are fresh samples of both versions, a failure needs their evidence too: only
they tell the change from the hour. Without them, the judge's scores count only as far as labels agree with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from evalharness.gate.context import Stage
from evalharness.gate.defaults import ALPHA, LEAST_LOSS, LOOKS, POWER, SCREEN
from evalharness.gate.evidence import FreshEvidence, Rules, Sequential, Staged, Word
from evalharness.gate.labelled_changes import LabelledChanges
from evalharness.gate.scores import decide
from evalharness.gate.staged import spent_at
from evalharness.gate.stats.distributions import normal_quantile, t_quantile
from evalharness.gate.stats.more_labels import Forecast, forecast, moments_of
from evalharness.gate.stats.prediction_powered import CorrectedChange


@dataclass(frozen=True, slots=True)
class JudgedEvidence(Sequential):
    """The evidence where enough changed answers have labels."""

    ordinary: Staged
    """By the judge's scores alone."""
    changes: LabelledChanges
    change: CorrectedChange
    rules: Rules

    @property
    def p_values(self) -> tuple[float, ...]:
        """One for each look at fresh samples, or the only one.

        A failure at a look needs both: the labels at `ALPHA`, and the fresh samples at the look's own part of it.
        """
        of_labels = self.change.p_value
        looks = (max(fresh.failing.p_value, of_labels * at.alpha / ALPHA) for at, fresh in self.looks)
        return tuple(min(1.0, p_value) for p_value in looks) or (of_labels,)

    @property
    def looks(self) -> Iterator[tuple[Rules, FreshEvidence]]:
        """Each look at fresh samples with what it spends. The labels take the place of the screening stage."""
        suspicious = self.change.p_value <= SCREEN
        for look, fresh in zip(LOOKS, self.ordinary.looks, strict=False):
            yield spent_at(self.rules, look, suspicious=suspicious), fresh

    def corrected(self, p_values: tuple[float, ...]) -> JudgedEvidence:
        """The evidence with its p-values after the correction for all gates."""
        return replace(self, ordinary=self.ordinary.corrected(p_values))

    @property
    def is_loss(self) -> bool:
        """Whether the loss is worth a failure."""
        return -self.change.failing.middle >= LEAST_LOSS * self.rules.margin

    @property
    def can_pass(self) -> bool:
        """Whether a loss of the margin is ruled out."""
        ruled_out = self.change.passing.bounds(self.rules.alpha_pass)[0] > -self.rules.margin
        return ruled_out and not self.ordinary.screen.blocked


class Decision(NamedTuple):
    """What labels and fresh samples say."""

    word: Word
    p_value: float
    is_open: bool = False
    """Whether fresh samples can confirm a loss that the labels show."""


def decided(evidence: JudgedEvidence, stage: Stage) -> Decision:
    """The verdict by the labels, and by fresh samples of both versions where there are any."""
    p_values = evidence.ordinary.adjusted or evidence.p_values
    if evidence.can_pass:
        return Decision("PASS", p_values[-1])
    if evidence.ordinary.looks:
        return _confirmed(evidence, p_values)
    if not evidence.is_loss or p_values[0] > evidence.rules.alpha:
        return Decision("INCONCLUSIVE", p_values[0])
    return Decision("INCONCLUSIVE", p_values[0], is_open=True) if stage == "screen" else Decision("FAIL", p_values[0])


def _confirmed(evidence: JudgedEvidence, p_values: tuple[float, ...]) -> Decision:
    for (at, fresh), p_value in zip(evidence.looks, p_values, strict=True):
        if decide(fresh.passing, 1.0, at) == "PASS":  # today, both versions are equal by the judge
            return Decision("INCONCLUSIVE", p_value)
        if evidence.is_loss and decide(fresh.failing, p_value, at) == "FAIL":
            return Decision("FAIL", p_value)
    return Decision("INCONCLUSIVE", p_values[-1], is_open=labels_show_loss(evidence))


def labels_show_loss(evidence: JudgedEvidence) -> bool:
    """Whether the labels alone show a loss that is worth a failure, so that fresh samples can confirm it."""
    return evidence.is_loss and evidence.change.p_value <= evidence.rules.alpha and not evidence.can_pass


def labels_needed(evidence: JudgedEvidence) -> int | None:
    """About how many more labels of changed answers would decide 80 % of the time; None if those of all would not.

    They rule out a drop of the margin if nothing has changed. Where the suite does not have so many, they pass or fail
    the gate if the change stays what it is.
    """
    changes, change = evidence.changes, evidence.change.failing.middle
    found = forecast(changes.judged, moments_of(changes.judged), share=changes.share, middle=change)
    more = more_to_pass(found, evidence)
    if more is None:
        steady = replace(found, middles=np.full(len(found.more), change))
        some = (one for one in (more_to_pass(steady, evidence), _more_to_fail(steady, evidence)) if one is not None)
        more = min(some, default=None)
    return more


def more_to_pass(found: Forecast, evidence: JudgedEvidence) -> int | None:
    """The number of labels that rule out a drop of the margin 80 % of the time."""
    lower = found.middles - _quantile(evidence, evidence.rules.alpha_pass) * found.errors
    return _first(found, lower - normal_quantile(POWER) * found.chances > -evidence.rules.margin)


def _more_to_fail(found: Forecast, evidence: JudgedEvidence) -> int | None:
    upper = found.middles + _quantile(evidence, evidence.rules.alpha) * found.errors
    return _first(found, upper + normal_quantile(POWER) * found.chances < 0) if evidence.is_loss else None


def _quantile(evidence: JudgedEvidence, alpha: float) -> float:
    return t_quantile(1 - alpha, evidence.change.failing.degrees or 1)


def _first(found: Forecast, enough: npt.NDArray[np.bool_]) -> int | None:
    return int(found.more[enough][0]) if enough.any() else None
