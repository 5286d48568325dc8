"""What was accepted, relaxed, labelled and calibrated: the input of `evalharness audit`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalharness.records.verdict import Status


@dataclass(frozen=True, slots=True)
class AuditedAcceptance:
    """One line of `golden/HISTORY.jsonl`."""

    line: int
    """Number of the line in the file, from 1."""
    at: str
    """UTC, ISO 8601, as the file has it."""
    by: str
    because: str
    suite: str
    run: str
    commit: str | None
    """Commit of the run; None outside of git."""
    dirty: bool
    """Whether tracked files differed from the commit."""
    models: tuple[str, ...]
    prompts: tuple[str, ...]
    files: tuple[str, ...]
    """The baselines, or the file of the golden answers."""
    cases: tuple[str, ...]
    """Cases whose golden answers changed."""
    replaced: bool
    """Whether the new golden answers replaced the old ones."""
    overrode: Status
    """Status of the run before."""
    verdicts: Mapping[Status, int] | None
    """Number of gates with each status; None if the line lacks it."""
    relaxed: tuple[str, ...] | None
    """The changes that relaxed the criteria; None if the line lacks it."""


@dataclass(frozen=True, slots=True)
class AuditedJudge:
    """A judge with its verdicts on labelled answers, and the error that follows from all labels of today.

    Shares are from 0 to 1; None if unknown.
    """

    suite: str
    metric: str
    signature: str
    at: str
    """Time of the calibration: UTC, ISO 8601, as the file has it."""
    labels: int
    """Labelled answers that the judge has judged."""
    good: int
    bad: int
    se: float | None
    """Sensitivity: share of the good answers that the judge calls good."""
    se_bounds: tuple[float, float]
    """95 %, by Wilson."""
    sp: float | None
    """Specificity: share of the bad answers that the judge calls bad."""
    sp_bounds: tuple[float, float]
    people: int
    """People whose labels count."""
    problems: tuple[str, ...]
    """Why the judge informs only; empty if it is calibrated."""


@dataclass(frozen=True, slots=True)
class AuditedLabels:
    """The labels of one person for one metric of a suite."""

    suite: str
    metric: str
    """Empty for the choices in blind comparisons."""
    by: str
    made_by: str
    """`person`, or `model`, whose labels never calibrate a judge."""
    labels: int
    blind: int
    """Labels of answers whose version the person could not know."""
    drawn: int
    """Labels of answers that were drawn at random."""
    first: str
    """Time of the earliest label, as the file has it."""
    last: str


@dataclass(frozen=True, slots=True)
class Audit:
    """What the files of a project say about its acceptances and judges."""

    since: str
    """The commit or date after which entries count; empty: all."""
    suites: tuple[str, ...]
    """The chosen suites; empty: all."""
    acceptances: tuple[AuditedAcceptance, ...]
    """In the order of the file."""
    judges: tuple[AuditedJudge, ...]
    labels: tuple[AuditedLabels, ...]
    problems: tuple[str, ...]
    """A message with file and line for each entry that cannot be read, or that is gone or edited."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.acceptances or self.judges or self.labels)
