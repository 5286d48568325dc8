"""The confirmation stage: fresh samples of both versions before a gate may fail.

A repeated run replays its earlier samples and adds to them. Repeating a run until it passes is therefore one larger
test, and does not raise the error rate.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import count, zip_longest

from evalharness.evaluation.evaluation import Evaluation
from evalharness.evaluation.reference import ReferenceRun, more_samples
from evalharness.gate.assertions import RERUNS, broken_cases
from evalharness.gate.defaults import CONFIRM_RUNS
from evalharness.gate.wording import count as count_of
from evalharness.gate.wording import p_text
from evalharness.logs import get_logger
from evalharness.records import Baseline, Baselines, Case, Stability, Verdict
from evalharness.suites import another_sample

_log = get_logger(__name__)
MAX_CONFIRM_REPEATS = 10
"""Most samples of a case beyond the plan, however often a failed run is repeated."""
Pairs = Collection[tuple[str, str]]


def confirm(evaluation: Evaluation, say: Callable[[str], None] = lambda line: None) -> None:
    """Generate more samples for the models and prompts that would fail: two of each case, of both versions.

    Does nothing if fresh samples are impossible. `say` gets a line about each round.
    """
    evaluation.requests.collect_reference()
    if not evaluation.selected:
        return
    _rerun(evaluation, say)
    verdicts = evaluation.decide(screening=True)
    pairs = suspicious(verdicts)
    if all(verdict.status == "pass" for verdict in verdicts):
        evaluation.screened = verdicts  # comparing a thousand cases again would give the same verdicts
    if not pairs:
        return
    reference = evaluation.requests.reference_for(pairs, _accepted(evaluation))
    say(_announcement(evaluation.name, verdicts, reference))
    planned = max(key.repeat for key in evaluation.header.planned) + 1
    for first in count(planned, CONFIRM_RUNS):
        _log.info("suite %s: confirmation with the repeats from %d", evaluation.name, first)
        fresh = _sample_both(evaluation, reference, pairs, range(first, first + CONFIRM_RUNS))
        if fresh or first + 2 * CONFIRM_RUNS - planned > MAX_CONFIRM_REPEATS:
            return


def _rerun(evaluation: Evaluation, say: Callable[[str], None]) -> None:
    """Generate four more samples of each case that broke a stable assertion, and count its accepted runs."""
    plan, broken = evaluation.plan, broken_cases(evaluation.run)
    if not broken:
        return
    evaluation.stability = [_stability(evaluation, key, plan.first_requests[key][0]) for key in broken]
    fresh = [plan.first_requests[key] for key in broken if key[0] not in evaluation.header.deterministic]
    if evaluation.header.max_stages < 2 or not fresh:
        return
    cases, them = count_of(len(fresh), "case"), "it" if len(fresh) == 1 else "them"
    say(f"llm: {evaluation.name}: an assertion fails in {cases}; running {them} {RERUNS} more times")
    _log.info("suite %s: %d broken assertions, %d more samples each", evaluation.name, len(fresh), RERUNS)
    waiting = [
        evaluation.requests.send(case, another_sample(request, number, "rerun"))
        for case, request in fresh
        for number in range(RERUNS)
    ]
    for future in waiting:
        evaluation.add(future.result())


def _accepted(evaluation: Evaluation) -> Baselines:
    """The baselines of the run."""
    pairs = list(evaluation.plan.request_digests)
    return evaluation.resources.merge_base.baselines(evaluation.name, pairs, evaluation.options.baseline)


def _stability(evaluation: Evaluation, key: tuple[str, str, str], case: Case) -> Stability:
    """The number of accepted runs of this case, and of those that broke a stable assertion."""
    baseline = _accepted(evaluation).get(key[:2])
    stored = baseline.cases.get(case.id) if isinstance(baseline, Baseline) else None
    samples = stored.samples if stored and stored.digest == case.digest else ()
    broken = {sample.run for sample in samples if evaluation.plan.scorer.broken(case, sample.text)[1]}
    return Stability(*key, len(broken), len({sample.run for sample in samples}))


def suspicious(verdicts: Iterable[Verdict]) -> list[tuple[str, str]]:
    """The models and prompts with a gate that needs a confirmation."""
    found = ((v.model, v.prompt) for v in verdicts if v.suspicious and v.gating and v.status == "inconclusive")
    return list(dict.fromkeys(found))


def _announcement(name: str, verdicts: Iterable[Verdict], reference: ReferenceRun | None) -> str:
    worst = min((v for v in verdicts if v.suspicious and v.p_value is not None), key=lambda v: v.p_value or 0.0)
    sides = "both versions" if reference else "this version (the accepted one cannot run here)"
    suspicion = f"llm: {name}: {worst.name} may be worse ({p_text(worst.p_value or 0.0)})"
    return f"{suspicion}; confirming with {CONFIRM_RUNS} more samples of each case of {sides}"


def _sample_both(evaluation: Evaluation, reference: ReferenceRun | None, pairs: Pairs, repeats: Sequence[int]) -> bool:
    """Sample both versions in turns. Returns whether any response of this version is fresh."""
    ours = more_samples(evaluation.plan, pairs, repeats, "confirm")
    theirs = reference.requests(pairs, repeats) if reference else []
    candidate, other = [], []
    for mine, its in zip_longest(ours, theirs):
        candidate += [evaluation.requests.send(*mine)] if mine else []
        other += [evaluation.requests.send(*its)] if its else []
    samples = [future.result() for future in candidate]
    for sample in samples:
        evaluation.add(sample)
    for future in other:
        assert reference
        reference.add(future.result())
    return not all(sample.recorded_at for sample in samples)
