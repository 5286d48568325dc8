"""Run + Verdicts -> html, terminal, markdown, json. One file for each format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evalharness.errors import StoreError
from evalharness.records import Baseline, Change, Run, Status, Verdict, worst
from evalharness.store import in_ci, write_whole

if TYPE_CHECKING:
    from evalharness.report.html import Page

__all__ = ["Outcome", "write_reports"]

VERDICT_SCHEMA = 2
"""1, of 0.1: `smallest_visible_drop` and `weakens` are `minimum_detectable_drop` and `relaxes` since."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A judged run: all that a report needs."""

    run: Run
    verdicts: tuple[Verdict, ...]
    baselines: Mapping[tuple[str, str], Baseline | StoreError | None]
    folder: Path
    accept_command: str
    """What to type to accept such a run."""
    accepted: tuple[Path, ...] = ()
    """Baseline files that this run was written to."""
    refusal: str = ""
    """Why it was not accepted, though asked for."""
    compared: bool = True
    """False with `--llm-baseline none`."""
    criteria: tuple[Change, ...] = ()
    """What this change does to its own exam, against the merge base."""
    base: str = ""
    """The commit that baselines and rules count as of; empty where they count as they stand."""
    command: str = ""
    """What was typed, as far as it matters, to get this outcome."""

    @property
    def again(self) -> str:
        """What to type to see it again."""
        return self.command or self.accept_command.removesuffix(" --llm-accept")

    @property
    def relaxing(self) -> list[Change]:
        """What could make a worse answer pass."""
        return [change for change in self.criteria if change.relaxes]

    @property
    def status(self) -> Status:
        """As bad as the worst of gates and cases."""
        statuses = self._gating
        if any(sample.failed_checks for sample in self.run.samples):
            statuses.append("fail")
        if self.relaxing or not self.run.selected:
            statuses.append("inconclusive")
        if self.lost:
            statuses.append("error")
        if self.run.stopped or any(sample.error for sample in self.run.samples):
            statuses.append("error")
        return worst(statuses)

    def is_red(self, *, fail_inconclusive: bool) -> bool:
        """Whether this outcome fails a build. In CI, a missing baseline does."""
        if self.refusal:
            return True
        if self.status in ("fail", "incomparable") or (self.status == "no baseline" and in_ci() and self.compared):
            return not self.accepted
        return self.status == "error" or (self.status == "inconclusive" and fail_inconclusive)

    @property
    def lost(self) -> list[str]:
        """Cases that were to be asked, and have no sample."""
        come = {sample.key for sample in self.run.samples}
        return list(dict.fromkeys(key.case for key in self.run.selected if key not in come and not self.run.stopped))

    @property
    def _gating(self) -> list[Status]:
        return [verdict.status for verdict in self.verdicts if verdict.gating] or ["inconclusive"]

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        run = self.run
        if not run.selected:
            return "nothing of this suite was asked for"
        if self.lost and not any(sample.error for sample in run.samples):
            return f"{len(self.lost)} of {len(run.selected)} answers never came: {_first(self.lost)}"
        errors = sum(sample.error is not None for sample in run.samples)
        failed = sum(bool(sample.failed_checks) for sample in run.samples)
        if run.stopped:
            return f"stopped after {len(run.samples)} of {len(run.header.planned)} answers: the gates were not judged"
        if errors:
            return f"no usable result for {errors} of {len(run.selected)} answers"
        if failed:
            return f"a hard assertion does not hold for {failed} of {len(run.samples)} answers"
        if self.accepted and self.status in ("no baseline", "fail", "incomparable"):
            return "this run has been accepted: later runs are compared with it"
        if self.relaxing and self.status == "inconclusive" and worst(self._gating) == "pass":
            return "no gate found a regression, but this change makes its own exam easier"
        return _GATE_SENTENCES[self.status].format(gates=_names(self, self.status))


_GATE_SENTENCES: Mapping[Status, str] = {
    "pass": "no gate found a regression, and each rules out its margin",
    "fail": "worse than the baseline: {gates}",
    "error": "cannot be judged: {gates}",
    "incomparable": "cannot be compared with the baseline: {gates}",
    "inconclusive": "no regression found, but none ruled out either: {gates}",
    "no baseline": "nothing to compare with yet",
}


def _first(cases: Sequence[str]) -> str:
    return ", ".join(cases[:3]) + (", ..." if len(cases) > 3 else "")


def _names(outcome: Outcome, status: Status) -> str:
    names = list(dict.fromkeys(v.metric for v in outcome.verdicts if v.gating and v.status == status))
    return ", ".join(names) or "the suite has no gates"


def write_reports(outcome: Outcome, root: Path) -> None:
    """`verdict.json`, `summary.md` and `report.html` beside the run record. Raises StoreError."""
    from evalharness.report.html import html_pieces
    from evalharness.report.markdown import summary

    write_whole(outcome.folder / "verdict.json", json.dumps(verdict_json(outcome), ensure_ascii=False, indent=1) + "\n")
    write_whole(outcome.folder / "summary.md", summary([outcome], root))
    write_whole(outcome.folder / "report.html", html_pieces(page_of(outcome)))


def page_of(outcome: Outcome) -> Page:
    """The report of a judged run."""
    from evalharness.report.columns import baseline_view_of, columns_of
    from evalharness.report.html import Page, extent_of, facts_of

    run, accepted = outcome.run, outcome.baselines.items()
    earlier = {pair: baseline_view_of(baseline) for pair, baseline in accepted if isinstance(baseline, Baseline)}
    return Page(
        overall=outcome.status,
        sentence=outcome.sentence,
        facts=facts_of(run),
        columns=columns_of(run, earlier),
        verdicts=outcome.verdicts,
        criteria=outcome.criteria,
        extent=extent_of(run),
        answered=sum(sample.error is None for sample in run.samples if sample.purpose != "rerun"),
        planned=len(run.header.planned),
        earlier=f"the version at {run.header.against[:12]}" if run.header.against else "the baseline",
    )


def verdict_json(outcome: Outcome) -> dict[str, Any]:
    """The verdict for other programs."""
    return {
        "schema": VERDICT_SCHEMA,
        "kind": "verdict",
        "suite": outcome.run.header.suite,
        "run": outcome.run.header.id,
        "status": outcome.status,
        "sentence": outcome.sentence,
        "complete": outcome.run.complete,
        "ci": in_ci(),
        "exam": [asdict(change) for change in outcome.criteria],
        "verdicts": [asdict(verdict) for verdict in outcome.verdicts],
    }
