"""Before a gate may fail: fresh draws of both sides, weighed together with what there is.

A run that was asked again after it failed finds its earlier draws recorded, and adds to them: so asking until it is
green is one larger test, not many chances.
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
"""Beyond the plan: repeating a failed run again and again adds no more than these."""
Pairs = Collection[tuple[str, str]]


def confirm(evaluation: Evaluation, say: Callable[[str], None] = lambda line: None) -> None:
    """Before a gate may fail, sample each case of the models and prompts that would fail twice more, in both versions.

    Adds nothing where fresh samples are impossible. `say` gets a line about each round.
    """
    evaluation.requests.collect_reference()
    if not evaluation.selected:
        return
    _rerun(evaluation, say)
    verdicts = evaluation.decide(screening=True)
    pairs = suspicious(verdicts)
    if all(verdict.status == "pass" for verdict in verdicts):
        evaluation.screened = verdicts  # a thousand cases are not compared twice for the same answer
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
    """Sample the cases that broke a stable assertion four more times, and count how the accepted runs did."""
    plan, broken = evaluation.plan, broken_cases(evaluation.run)
    if not broken:
        return
    evaluation.stability = [_stability(evaluation, key, plan.first_requests[key][0]) for key in broken]
    fresh = [plan.first_requests[key] for key in broken if key[0] not in evaluation.header.deterministic]
    if evaluation.header.max_stages < 2 or not fresh:
        return
    cases = count_of(len(fresh), "case")
    say(f"llm: {evaluation.name}: an assertion is broken in {cases}; {RERUNS} more draws of each")
    _log.info("suite %s: %d broken assertions, %d more samples each", evaluation.name, len(fresh), RERUNS)
    waiting = [
        evaluation.requests.send(case, another_sample(request, number, "rerun"))
        for case, request in fresh
        for number in range(RERUNS)
    ]
    for future in waiting:
        evaluation.add(future.result())


def _accepted(evaluation: Evaluation) -> Baselines:
    """The baselines that the run is compared with."""
    pairs = list(evaluation.plan.request_digests)
    return evaluation.resources.merge_base.baselines(evaluation.name, pairs, evaluation.options.baseline)


def _stability(evaluation: Evaluation, key: tuple[str, str, str], case: Case) -> Stability:
    """How many accepted runs broke a stable assertion of this case."""
    baseline = _accepted(evaluation).get(key[:2])
    stored = baseline.cases.get(case.id) if isinstance(baseline, Baseline) else None
    draws = stored.samples if stored and stored.digest == case.digest else ()
    broken = {draw.run for draw in draws if evaluation.plan.scorer.broken(case, draw.text)[1]}
    return Stability(*key, len(broken), len({draw.run for draw in draws}))


def suspicious(verdicts: Iterable[Verdict]) -> list[tuple[str, str]]:
    """The models and prompts whose gates would look again."""
    found = ((v.model, v.prompt) for v in verdicts if v.suspicious and v.gating and v.status == "inconclusive")
    return list(dict.fromkeys(found))


def _announcement(name: str, verdicts: Iterable[Verdict], reference: ReferenceRun | None) -> str:
    worst = min((v for v in verdicts if v.suspicious and v.p_value is not None), key=lambda v: v.p_value or 0.0)
    sides = "of both versions" if reference else "(the accepted version cannot be drawn here)"
    looks = f"llm: {name} looks worse ({worst.name}, {p_text(worst.p_value or 0.0)})"
    return f"{looks}; {CONFIRM_RUNS} more draws of each case {sides} before anything fails"


def _sample_both(evaluation: Evaluation, reference: ReferenceRun | None, pairs: Pairs, repeats: Sequence[int]) -> bool:
    """Sample both versions in turns. Returns whether any response was fresh."""
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
