"""Assertions with `must_pass: stable`, which may break by chance.

A case fails only if repeated samples break the assertion too. With 50 cases that each break an assertion by chance 2 %
of the time, 64 % of unchanged runs would fail. A case that breaks a stable assertion is therefore sampled four more
times, and fails if two of these samples break it as well. Then 0.2 % of unchanged runs fail, and a case that always
breaks the assertion always fails. A case that broke it in an accepted run, or that has fewer than five accepted runs,
is reported as inconclusive.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evalharness.gate.defaults import FEWEST_SESSIONS
from evalharness.gate.pairing import one_line, some
from evalharness.records import Run, Sample, Stability, Status, Verdict

RERUNS = 4
"""Samples of a case that broke a stable assertion."""
FAILS = 2
"""Broken samples among these with which the case fails."""
METRIC = "must_pass"
_SEVERITY: tuple[Status, ...] = ("pass", "inconclusive", "fail")


@dataclass(frozen=True, slots=True)
class _Case:
    status: Status
    message: str


def broken_cases(run: Run) -> dict[tuple[str, str, str], list[Sample]]:
    """(model, prompt, case) -> the samples that broke a stable assertion.

    Reruns are left out.
    """
    found: dict[tuple[str, str, str], list[Sample]] = {}
    for sample in run.samples:
        if sample.failed_stable and sample.key.purpose != "rerun":
            found.setdefault((sample.key.model, sample.key.prompt, sample.key.case), []).append(sample)
    return found


def assess_assertions(run: Run) -> list[Verdict]:
    """A verdict for each model and prompt that broke a stable assertion."""
    broken = broken_cases(run)
    pairs = sorted({(model, prompt) for model, prompt, _ in broken})
    return [_verdict(run, pair, [case for *one, case in broken if tuple(one) == pair]) for pair in pairs]


def _verdict(run: Run, pair: tuple[str, str], cases: Iterable[str]) -> Verdict:
    known = {(one.model, one.prompt, one.case): one for one in run.stability}
    found = [_case(run, pair, case, known.get((*pair, case))) for case in cases]
    status = max((one.status for one in found), key=_SEVERITY.index)
    messages = [one.message for one in found if one.status == status]
    more = f"; and {len(messages) - 3} more" if len(messages) > 3 else ""
    return Verdict(*pair, METRIC, status, one_line("; ".join(messages[:3]) + more), cases=len(found))


def _case(run: Run, pair: tuple[str, str], case: str, known: Stability | None) -> _Case:
    reruns = [sample for sample in _samples(run, pair, case) if sample.key.purpose == "rerun"]
    fails = sum(bool(sample.failed_stable) or not sample.answered for sample in reruns)
    failure = next(message for sample in _samples(run, pair, case) for message in sample.failed_stable)
    subject = f"{some([case])} {failure}"
    if known is None or known.runs < FEWEST_SESSIONS:
        accepted, needs = known.runs if known else 0, f"a stable assertion needs {FEWEST_SESSIONS} accepted runs"
        return _Case("inconclusive", f"{subject}: {needs}, got {accepted}")
    if known.broken:
        often = f"{known.broken} of {known.runs} accepted runs broke it too"
        return _Case("inconclusive", f"{subject}: {often}, so a failure may be chance")
    if pair[0] in run.header.deterministic:
        return _Case("fail", f"{subject}: the model is deterministic, so every sample breaks it")
    if len(reruns) < RERUNS:
        return _Case("inconclusive", f"{subject}: expected {RERUNS} more samples, got {len(reruns)}")
    counted = f"{fails} of {RERUNS} more samples broke it (accepted: 0 of {known.runs})"
    return _Case("fail" if fails >= FAILS else "pass", f"{subject}: {counted}")


def _samples(run: Run, pair: tuple[str, str], case: str) -> Iterator[Sample]:
    return (s for s in run.samples if (s.key.model, s.key.prompt, s.key.case) == (*pair, case))
