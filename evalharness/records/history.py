"""How a suite developed: one series for each model, prompt and measure, over the accepted runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Point:
    """What one run says."""

    run: str
    at: str
    """When it was accepted, or, if it is not, started: UTC, ISO 8601."""
    commit: str
    """The first commit that has it among the accepted runs; empty where none has yet."""
    committed_at: str
    value: float
    accepted: bool
    """False for the newest run of all, the one in `reports/`."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A change of the level."""

    point: int
    """Index of the first point of the new level."""
    before: float
    """Mean of the points since the mark before this one."""
    after: float
    """Mean of the points until the next one."""
    p_value: float
    request_changed: bool
    """The model, the prompt or its parameters changed with this point too."""


@dataclass(frozen=True, slots=True)
class Series:
    """One measure of one model and prompt, over the cases that all its points have in the same version."""

    model: str
    prompt: str
    measure: str
    """A metric, or tokens, dollars, seconds of an answer."""
    unit: str
    """Empty for scores."""
    cases: int
    points: tuple[Point, ...]
    marks: tuple[Mark, ...] = ()
    can_tell: bool = False
    """Whether there are enough points for a mark."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Why runs are not among the points, and how many."""


@dataclass(frozen=True, slots=True)
class History:
    """All series of a suite."""

    suite: str
    runs: int
    """Accepted runs that were found."""
    commits: int
    """Commits that brought them."""
    series: tuple[Series, ...]
    notes: tuple[str, ...] = ()
    """What a reader must know: what could not be read, or was not there."""
