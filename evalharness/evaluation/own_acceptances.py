"""Decides which acceptances of a change relax its criteria: those that are not of the run that the change passes with.

The run is compared with the baseline of the merge base. Where it passes, a change may bring its answers as the next
baseline, see `gate/own_baseline.py` for how far the accepted answers may differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from evalharness.config import Config
from evalharness.gate.assertions import broken_assertions
from evalharness.gate.own_baseline import difference
from evalharness.gate.pairing import one_line
from evalharness.records import AcceptedRun, Baseline, Baselines, CriteriaChange, GateRule, Run, Suite, Verdict
from evalharness.scoring.assertions import Assertions
from evalharness.suites.load import request_digest

_MOST_CHARS, _REASON_CHARS = 160, 100
"""Longest description of a change, and longest reason in it."""


@dataclass(frozen=True)
class OwnAcceptances:
    """A decided run, the baselines that it is compared with, and those that the change brings."""

    run: Run
    verdicts: Sequence[Verdict]
    """By the baselines of the merge base; none of a run that is compared with something else."""
    then: Baselines
    now: Baselines
    rules: Sequence[GateRule]
    suite: Suite
    """The suite of the working tree."""
    config: Config
    """May have checks of the project."""

    def settled(self, changes: Sequence[CriteriaChange]) -> Iterator[CriteriaChange]:
        """The changes: an acceptance of this run's answers does not relax, another one says how it differs."""
        reasons = {change.accepts: self._reason(change.accepts) for change in changes if change.accepts}
        for change in changes:
            reason = reasons.get(change.accepts, "")
            yield _with_reason(change, reason) if change.accepts else change

    def _reason(self, pair: str) -> str:
        """Why the accepted runs of MODEL.PROMPT are not those of this run; empty if they are."""
        model, _, prompt = pair.partition(".")
        then, now = self.then.get((model, prompt)), self.now.get((model, prompt))
        if not isinstance(then, Baseline) or not isinstance(now, Baseline):
            return "this run has no samples of this model and prompt"
        statuses = {one.status for one in self.verdicts if one.gating and (one.model, one.prompt) == (model, prompt)}
        if statuses != {"pass"}:
            return "this run does not pass all gates against the baseline of the merge base"
        return self._of_requests(then, now) or difference(self.run, model, prompt, rules=self.rules, then=then, now=now)

    def _of_requests(self, then: Baseline, now: Baseline) -> str:
        """How requests and assertions of the added runs differ; empty if they do not."""
        for accepted in now.runs:
            if accepted.id in {one.id for one in then.runs}:
                continue
            mine = request_digest(
                self.run, now.model, now.prompt, accepted.identity
            )  # another machine has another engine
            if accepted.request_digest != mine:
                return "its prompt or parameters are not those of this run"
            if case := next(self._broken(now, accepted), ""):
                return f"it breaks an assertion in case {case[:25]}, and this run does not"
        return ""

    def _broken(self, now: Baseline, accepted: AcceptedRun) -> Iterator[str]:
        """The cases that break a stable or baseline assertion in an accepted run, and in this run do not.

        A broken assertion of an accepted run excuses later runs.
        """
        mine = self._broken_here(now)
        with closing(Assertions(self.config)) as assertions:
            for case in self.suite.cases:
                stored = now.cases.get(case.id)
                texts = {one.text for one in stored.samples if one.run == accepted.id} if stored else set()
                if any(spec.must_pass in ("stable", "baseline") for spec in case.checks):
                    found = filter(None, (assertions.broken_stored(case, text) for text in texts))
                    excused = {(case.id, one) for broken in found for one in broken.excusable}
                    yield from (name for name, _ in sorted(excused - mine))

    def _broken_here(self, now: Baseline) -> set[tuple[str, str]]:
        """Case and assertion of each failure of this run that an accepted run would excuse."""
        broken = broken_assertions(self.run)
        return {(key.case, name) for key, name in broken if (key.model, key.prompt) == (now.model, now.prompt)}


def _with_reason(change: CriteriaChange, reason: str) -> CriteriaChange:
    if not reason:
        return replace(change, relaxes=False)
    reason = one_line(reason)[:_REASON_CHARS]
    room = _MOST_CHARS - len(reason) - 2
    now = change.now if len(change.now) <= room else f"{change.now[: room - 1]}…"
    return replace(change, now=f"{now}; {reason}")
