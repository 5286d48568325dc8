"""A decided run: everything a report shows, its status and its headline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from evalharness.errors import StoreError
from evalharness.records import Baseline, CriteriaChange, PromptChange, Run, Status, Suite, Verdict, worst
from evalharness.records.marks import Mark, count_marked, has_marked, marked_keys
from evalharness.store import in_ci

if TYPE_CHECKING:
    from evalharness.report.contents import Contents

ACCEPTABLE: tuple[Status, ...] = ("no baseline", "fail", "incomparable")
"""Statuses that accepting the run resolves."""
_NOT_COMPARED = "nothing was compared: the baseline is none"
_MERGED = "gates are decided by evalharness merge"
_MOST_LISTED = 5
"""Most relaxing changes in one line."""
_FIRST = "this is the first accepted run"
FAILED, NOTHING_SELECTED, NOT_GREEN = 1, 5, 6
"""Exit statuses of every door, and 0. 6: no regression, but relaxed criteria, or nothing compared in CI."""


@dataclass(frozen=True)
class Outcome:
    """A finished evaluation: the input of every report format."""

    run: Run
    verdicts: tuple[Verdict, ...]
    baselines: Mapping[tuple[str, str], Baseline | StoreError | None]
    """By model and prompt."""
    folder: Path
    """The folder of the record and its reports."""
    accept_command: str
    """The command that accepts this run."""
    accepted: tuple[Path, ...] = ()
    """Baseline files that this run was written to."""
    refusal: str = ""
    """Why the run was not accepted; empty unless acceptance was requested."""
    compared: bool = True
    """False with `--llm-baseline none`."""
    criteria: tuple[CriteriaChange, ...] = ()
    """Changes to the criteria since the merge base."""
    prompts: tuple[PromptChange, ...] = ()
    """The prompts whose text has changed since the merge base, or since the version that the run is compared with."""
    base: str = ""
    """The commit whose baselines and gates apply; empty: those of the working tree."""
    command: str = ""
    """The command that produced this outcome."""
    root: Path = field(default_factory=Path)
    """The project's folder; reports show paths relative to it."""
    suite: Suite | None = None
    """The suite, for line numbers; None if it can no longer be read."""
    report_errors: tuple[str, ...] = ()
    """A line for each report format that failed."""
    warnings: tuple[str, ...] = ()
    """A line for each node that was lost, and for each extension that failed to close."""

    @property
    def again(self) -> str:
        """The command that repeats this run."""
        return self.command or self.accept_command.removesuffix(" --llm-accept")

    @property
    def relaxing(self) -> list[CriteriaChange]:
        """The criteria changes that could let a worse answer pass."""
        return [change for change in self.criteria if change.relaxes]

    @cached_property
    def contents(self) -> Contents:
        """What reports show of the samples."""
        from evalharness.report.contents import Contents  # many outcomes are only asked for their status

        return Contents(self.run, self.baselines)

    @cached_property
    def status(self) -> Status:
        """The worst status of all gates and cases."""
        statuses = self._gating
        if has_marked(self.run.samples, Mark.FAILED):
            statuses.append("fail")
        if self.relaxing or not self.run.selected:
            statuses.append("inconclusive")
        if self.lost:
            statuses.append("error")
        if self.run.stopped or has_marked(self.run.samples, Mark.ERROR):
            statuses.append("error")
        return worst(statuses)

    @property
    def word(self) -> str:
        """The status in capitals; ACCEPTED where the acceptance of this run resolves it."""
        status = self.status
        return "ACCEPTED" if self.accepted and status in ACCEPTABLE else status.upper()

    @property
    def shown(self) -> tuple[Verdict, ...]:
        """The verdicts for readers: an accepted run needs no advice to accept it."""
        if not self.accepted:
            return self.verdicts
        return tuple(replace(v, reason=_FIRST) if v.status == "no baseline" else v for v in self.verdicts)

    def is_decidable(self, verdict: Verdict) -> bool:
        """Whether there is a usable sample of the verdict's model and prompt; if not, the errors explain it."""
        return (verdict.model, verdict.prompt) not in self._failed

    @cached_property
    def _failed(self) -> set[tuple[str, str]]:
        """The models and prompts with errors only."""
        samples = self.run.samples
        errored = {(key.model, key.prompt) for key in marked_keys(samples, Mark.ERROR)}
        return errored and errored - {(key.model, key.prompt) for key in marked_keys(samples, Mark.ANY, Mark.ERROR)}

    def exit_status(self, *, fail_inconclusive: bool) -> int:
        """The exit status of a run with this outcome: 0, `FAILED`, `NOTHING_SELECTED` or `NOT_GREEN`."""
        if self._is_red(fail_inconclusive):
            return FAILED
        if self.run.header.shard:  # whether something got worse is decided over all shards
            return 0
        if not self.run.selected:
            return NOTHING_SELECTED
        return NOT_GREEN if self.reservation else 0

    def _is_red(self, fail_inconclusive: bool) -> bool:
        """Whether there is a regression or no decision. In CI, a missing baseline is one."""
        if self.refusal:
            return True
        if self.run.header.shard:
            return self.status in ("fail", "error")
        if self.status in ("fail", "incomparable") or (self.status == "no baseline" and in_ci() and self.compared):
            return not self.accepted
        undecided = self.status == "inconclusive" and "inconclusive" in self._gating
        return self.status == "error" or (undecided and fail_inconclusive)

    @cached_property
    def reservation(self) -> str:
        """Why a run without a regression is not green; empty if it is, or if it was accepted."""
        if self.accepted:
            return ""
        if self.relaxing:
            listed = "; ".join(str(change) for change in self.relaxing[:_MOST_LISTED])
            return f"relaxed criteria: {listed}"
        return _NOT_COMPARED if not self.compared and in_ci() else ""

    @cached_property
    def lost(self) -> list[str]:
        """Cases that were selected and have no sample, unless the run was stopped."""
        return [] if self.run.stopped else list(dict.fromkeys(key.case for key in self.run.lost))

    @property
    def _gating(self) -> list[Status]:
        return [verdict.status for verdict in self.verdicts if verdict.gating] or ["inconclusive"]

    @cached_property
    def headline(self) -> str:
        """The verdict in one line."""
        if not (shard := self.run.header.shard):
            return self._about_samples() or self._about_gates()
        return f"{shard}: " + "; ".join(filter(None, [self._about_samples(), _MERGED]))

    def _about_samples(self) -> str:
        """Why the samples alone decide; empty where the gates do."""
        run = self.run
        errors, failed = (count_marked(run.samples, mark) for mark in (Mark.ERROR, Mark.FAILED))
        if not run.selected:
            return "no case of this suite was selected"
        if self.lost and not errors:
            return f"{len(self.lost)} of {len(run.selected)} answers are missing: {_first(self.lost)}"
        if run.stopped:
            return f"stopped after {len(run.samples)} of {len(run.header.planned)} answers: no gate was decided"
        if errors:
            return f"no usable result for {errors} of {len(run.selected)} answers"
        return f"a hard assertion does not hold for {failed} of {len(run.samples)} answers" if failed else ""

    def _about_gates(self) -> str:
        status = self.status
        if self.accepted and status in ACCEPTABLE:
            return "later runs are compared with this run"
        if self.relaxing and status == "inconclusive" and worst(self._gating) == "pass":
            return "no gate found a regression, but this change relaxes the criteria"
        if status == "no baseline" and not self.compared:
            return _NOT_COMPARED
        if status == "fail":
            return "; ".join(_failures(self))
        return _HEADLINES[status].format(gates=_names(self, status))


_HEADLINES: Mapping[Status, str] = {
    "pass": "no gate found a regression, and each rules out its margin",
    "error": "cannot be decided: {gates}",
    "incomparable": "cannot be compared with the baseline: {gates}",
    "inconclusive": "no regression found, but none ruled out either: {gates}",
    "no baseline": "nothing to compare with yet",
}


def _failures(outcome: Outcome) -> Iterator[str]:
    """The gates that fail, by what they miss: the level of the baseline, or the one that they require."""
    failed = [one for one in outcome.verdicts if one.gating and one.status == "fail"]
    missed = [one for one in failed if one.at_least is not None and (one.after or 0.0) < one.at_least]
    for subject, found in (
        ("worse than the baseline", [one for one in failed if one not in missed]),
        ("below the target", missed),
    ):
        if found:
            yield f"{subject}: {', '.join(dict.fromkeys(one.metric for one in found))}"


def _first(cases: Sequence[str]) -> str:
    return ", ".join(cases[:3]) + (", ..." if len(cases) > 3 else "")


def _names(outcome: Outcome, status: Status) -> str:
    names = list(dict.fromkeys(v.metric for v in outcome.verdicts if v.gating and v.status == status))
    return ", ".join(names) or ("all gates only inform" if outcome.verdicts else "the suite has no gates")
