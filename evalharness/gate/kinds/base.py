"""The protocol of a gate kind.

A gate kind knows which number of a sample it compares and what the numbers of both sides show. It is found by the
`metric` of a gate in a suite; a metric of the suite itself belongs to the kind `score`. A third party registers an
instance as an entry point in the group `evalharness.gate_kinds`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from evalharness.gate.comparison import Comparison
from evalharness.records import Unit

if TYPE_CHECKING:  # brings numpy, which loading a suite does not need
    from evalharness.gate.evidence import GateResult


class HasPValue(Protocol):
    """The evidence of a gate, as far as the other gates of the run need it."""

    @property
    def p_value(self) -> float:
        """One-sided, of "worse"."""


class GateKind(ABC):
    """What a gate compares, and how it decides."""

    unit: ClassVar[Unit] = "points"
    """Of the margin and every change. A `GateResult` of a `ratio` has natural logarithms."""
    options: ClassVar[frozenset[str]] = frozenset()
    """Keys that a gate of this kind may have in a suite besides `metric` and `margin`: `tag`, `target`, `slots`."""
    shares_alpha: ClassVar[bool] = True
    """Whether its p-value takes part in Holm's correction over the gates of a run."""
    informs: ClassVar[bool] = False
    """Whether a gate without data to compare is only shown, and does not change the status of the run."""
    compares_pinned: ClassVar[bool] = True
    """Whether it compares with the pinned baseline as well."""
    measures_machine: ClassVar[bool] = False
    """Whether it needs the speed of this machine, measured beside the run."""

    @abstractmethod
    def evidence(self, comparison: Comparison) -> HasPValue:
        """Return what the samples of both sides show.

        Raises NoComparison if nothing may be concluded from them.
        """

    @abstractmethod
    def conclude(self, comparison: Comparison, evidence: Any, p_value: float, gates: int) -> GateResult:
        """Return the result; `p_value` is the corrected one of the evidence, and `gates` share alpha."""

    def detectable_drop(self, comparison: Comparison) -> float | None:
        """The smallest drop that a run like this one detects 80 % of the time, without a baseline; None if unknown."""
        return None
