"""The protocol of a gate kind.

A gate kind reads one number from each sample and compares the numbers of a run with those of its baseline. The `metric`
of a gate in a suite selects the kind: `latency`, `cost`, the name of a registered kind, or `score` for a metric of the
suite. To register a kind, add an instance as an entry point in the group `evalharness.gate_kinds`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from evalharness.gate.context import GateContext
from evalharness.records import BaselineSample, GateRule, LevelUnit, Unit

if TYPE_CHECKING:  # brings numpy, which loading a suite does not need
    from evalharness.gate.evidence import GateResult


Samples = Mapping[str, Sequence[BaselineSample]]
"""Case id -> its samples."""


class HasPValue(Protocol):
    """Evidence with a p-value, which Holm's correction over the gates of a run needs."""

    @property
    def p_value(self) -> float:
        """Return the one-sided p-value of "worse"."""


class GateKind(ABC):
    """A kind of gate: the number that it compares, and the test that decides.

    A run collects the `evidence` of all gates, corrects their p-values together, and then calls `conclude`.
    """

    unit: ClassVar[Unit] = "points"
    """Unit of the margin and of every change. A `GateResult` with the unit `ratio` has natural logarithms."""
    level_unit: ClassVar[LevelUnit] = ""
    """Unit of `before` and `after` in a `GateResult`; `points` for scores from 0 to 1."""
    options: ClassVar[frozenset[str]] = frozenset()
    """Keys that a suite may add: `tag`, `target`, `slots`, `worst`, `within`, `at_least`."""
    required: ClassVar[frozenset[str]] = frozenset()
    """Those of the `options` that a suite must give."""
    needs_baseline: ClassVar[bool] = True
    """Whether the gate has no verdict without a baseline."""
    shares_alpha: ClassVar[bool] = True
    """Whether the p-value takes part in Holm's correction over the gates of a run."""
    informs: ClassVar[bool] = False
    """Whether a gate without data to compare is shown only, without changing the status of the run."""
    compares_pinned: ClassVar[bool] = True
    """Whether the gate also compares with the pinned baseline."""
    measures_machine: ClassVar[bool] = False
    """Whether the run measures the speed of this machine for the gate."""

    @abstractmethod
    def evidence(self, context: GateContext) -> HasPValue:
        """Return the evidence in the samples of both sides.

        Raises NoComparison if they cannot be compared.
        """

    @abstractmethod
    def conclude(self, context: GateContext, evidence: Any, p_value: float, gates: int) -> GateResult:
        """Return the result.

        `p_value` is corrected for the number of gates that share alpha, `gates`.
        """

    def detectable_drop(self, context: GateContext) -> float | None:
        """Return the drop that a later run like this one detects; None if unknown.

        The drop is detected 80 % of the time.
        """
        return None

    def setbacks(self, rule: GateRule, samples: Samples, others: Samples) -> Sequence[float] | None:
        """Return how much worse the other samples are, case by case; None if unknown, the default.

        In `unit`, a ratio as its natural logarithm. With it, a change may bring an accepted run with other answers than
        the run has; without it, only one with the same answers.
        """
        return None
