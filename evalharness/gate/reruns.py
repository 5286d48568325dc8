"""Cases that broke a rule of their own: each is sampled again before it may fail.

With 50 cases that each break a rule by chance 2 % of the time, 64 % of unchanged runs would fail. A case that breaks
one is therefore sampled four more times, and fails if two of these samples break it as well. Then 0.2 % of unchanged
runs fail, and a case that always breaks the rule always fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evalharness.gate.defaults import FEWEST_SESSIONS
from evalharness.gate.pairing import one_line
from evalharness.records import Run, Sample, Status, Verdict, worst
from evalharness.records.marks import Mark, marked

RERUNS = 4
"""More samples of a case that broke a rule."""
FAILS = 2
"""Samples among these that break it too, with which the case fails."""
_MOST_NAMED = 3
Pair = tuple[str, str]


class CaseKey(NamedTuple):
    """A case with one model and prompt."""

    model: str
    prompt: str
    case: str


@dataclass(frozen=True, slots=True)
class Finding:
    """The status of one rule of one case, with its reason."""

    status: Status
    message: str


@dataclass(frozen=True)
class Reruns:
    """The reruns of a run, by case."""

    run: Run
    by_case: Mapping[CaseKey, Sequence[Sample]]

    def confirm(
        self, key: CaseKey, subject: str, breaks: Callable[[Sample], bool], *, did: str = "broke it"
    ) -> Finding:
        """Whether the reruns of a case break the rule too, which `did` says of a sample."""
        if key.model in self.run.header.deterministic:
            return Finding("fail", f"{subject}: the model is deterministic, so a rerun would be identical")
        samples = self.by_case.get(key, ())
        if len(samples) < RERUNS:
            return Finding("inconclusive", f"{subject}: expected {RERUNS} more samples, got {len(samples)}")
        fails = sum(not sample.answered or breaks(sample) for sample in samples)
        return Finding("fail" if fails >= FAILS else "pass", f"{subject}: {fails} of {RERUNS} more samples {did}")

    def accepted_needed(self, model: str) -> int:
        """The number of accepted runs of a case that show how often it breaks a rule by chance."""
        return 1 if model in self.run.header.deterministic else FEWEST_SESSIONS


def reruns_of(run: Run) -> Reruns:
    """The reruns of a run, by case."""
    found: dict[CaseKey, list[Sample]] = {}
    for sample in marked(run.samples, Mark.RERUN):
        found.setdefault(key_of(sample), []).append(sample)
    return Reruns(run, found)


def key_of(sample: Sample) -> CaseKey:
    """The case of a sample, with its model and prompt."""
    return CaseKey(sample.key.model, sample.key.prompt, sample.key.case)


def verdict_of(pair: Pair, metric: str, findings: Iterable[Finding], *, note: str = "", tag: str = "") -> Verdict:
    """The verdict with the worst status of the findings, and the reasons of those that have it."""
    found = list(findings)
    status = worst([one.status for one in found])
    messages = [one.message for one in found if one.status == status and one.message]
    more = [f"and {len(messages) - _MOST_NAMED} more"] if len(messages) > _MOST_NAMED else []
    notes = [note] if note else []
    reason = one_line("; ".join([*messages[:_MOST_NAMED], *more, *notes]))
    return Verdict(*pair, metric, status, reason, cases=len(found), tag=tag)
