"""Hard assertions that a model may break once in a while: red only when a case breaks one again and again.

A run that asserts something of 50 cases, each of which fails by chance one time in fifty, would be red on 64 % of
innocent runs. So a case that breaks a stable assertion is drawn four more times, and fails if two of them break it too
(red on 0.2 % of innocent runs; a case that is broken for good is always caught). A case that broke it in an accepted
run, or has not been accepted five times, is no exam: it is named, and decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from evalharness.gate.defaults import FEWEST_SESSIONS
from evalharness.gate.pairing import one_line, some
from evalharness.records import Run, Sample, Stability, Status, Verdict

RERUNS = 4
FAILS = 2
"""Of them, from which on the case is broken."""
METRIC = "must_pass"
_SEVERITY: tuple[Status, ...] = ("pass", "inconclusive", "fail")


@dataclass(frozen=True, slots=True)
class _Case:
    status: Status
    said: str


def broken_cases(run: Run) -> dict[tuple[str, str, str], list[Sample]]:
    """By model, prompt and case: the planned draws that broke a stable assertion."""
    found: dict[tuple[str, str, str], list[Sample]] = {}
    for sample in run.samples:
        if sample.failed_stable and sample.purpose != "rerun":
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
    said = [one.said for one in found if one.status == status]
    more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
    return Verdict(*pair, METRIC, status, one_line("; ".join(said[:3]) + more), cases=len(found))


def _case(run: Run, pair: tuple[str, str], case: str, known: Stability | None) -> _Case:
    again = [s for s in _draws(run, pair, case) if s.purpose == "rerun"]
    fails = sum(bool(sample.failed_stable) or not sample.answered for sample in again)
    sentence = next(s for sample in _draws(run, pair, case) for s in sample.failed_stable)
    subject = f"{some([case])} {sentence}"
    if known is None or known.runs < FEWEST_SESSIONS:
        accepted, needs = known.runs if known else 0, f"a stable assertion needs {FEWEST_SESSIONS} accepted runs"
        return _Case("inconclusive", f"{subject}: {needs}, got {accepted}")
    if known.broken:
        often = f"{known.broken} of {known.runs} accepted runs broke it too"
        return _Case("inconclusive", f"{subject}: {often}, so it would go red by chance")
    if pair[0] in run.header.deterministic:
        return _Case("fail", f"{subject}: so it is each time, for the model is deterministic")
    if len(again) < RERUNS:
        return _Case("inconclusive", f"{subject}: drawn again {len(again)} of {RERUNS} times only")
    counted = f"{fails} of {RERUNS} more draws broke it (accepted: 0 of {known.runs})"
    return _Case("fail" if fails >= FAILS else "pass", f"{subject}: {counted}")


def _draws(run: Run, pair: tuple[str, str], case: str) -> Iterator[Sample]:
    return (s for s in run.samples if (s.key.model, s.key.prompt, s.key.case) == (*pair, case))
