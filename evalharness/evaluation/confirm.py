"""Fresh samples after the screening stage, until each gate passes or fails.

A gate that does not pass on the planned samples gets more of them, of both versions in turns: first of every case, then
of the cases whose answers differ from run to run. A gate on an endpoint that is not suspicious stays open, because its
samples cost money, unless `settle` demands a decision.

A repeated run replays its earlier samples and adds to them. Repeating a run until it passes is therefore one larger
test, and does not raise the error rate.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import Future
from itertools import pairwise, zip_longest

from evalharness.evaluation.evaluation import Evaluation
from evalharness.evaluation.reference import ReferenceRun, more_samples
from evalharness.gate.assertions import RERUNS, broken_cases
from evalharness.gate.defaults import LOOKS, SETTLE
from evalharness.gate.wording import count as count_of
from evalharness.gate.wording import p_text
from evalharness.logs import get_logger
from evalharness.providers import Capabilities
from evalharness.records import Baseline, Baselines, Case, Request, Sample, Stability, Verdict
from evalharness.suites import another_sample

_log = get_logger(__name__)
_EVERY_CASE = 2
"""Fresh samples that every case gets; further ones go to the cases whose answers vary."""
Pairs = Collection[tuple[str, str]]
Turn = tuple[Case, Request]


def confirm(evaluation: Evaluation, say: Callable[[str], None] = lambda line: None) -> None:
    """Generate fresh samples of both versions until each gate is decided, or the limit is reached.

    Does nothing if fresh samples are impossible. `say` gets a line about each round.
    """
    evaluation.requests.collect_reference()
    if not evaluation.selected:
        return
    _rerun(evaluation, say)
    limit = (evaluation.options.settle or SETTLE) - 1
    planned, is_fresh = max(key.repeat for key in evaluation.header.planned) + 1, True
    for number, (reached, samples) in enumerate(pairwise([0, *(look.samples for look in LOOKS)])):
        verdicts = evaluation.decide(screening=True)
        pairs = _open(evaluation, verdicts)
        if not number and all(verdict.status == "pass" for verdict in verdicts):
            evaluation.screened = verdicts  # comparing a thousand cases again would give the same verdicts
        if not pairs or (samples > limit and is_fresh):
            return
        reference = evaluation.requests.reference_for(pairs, _accepted(evaluation))
        repeats = range(planned + reached, planned + samples)
        _log.info("suite %s: look %d with the repeats from %d", evaluation.name, number + 1, repeats.start)
        theirs, ours = _requests(evaluation, reference, pairs, repeats, reached)
        requests = [request for _, request in (*theirs, *ours)]
        if exceeded := evaluation.resources.limit_for(requests):
            say(f"llm: {evaluation.name}: no further samples: {exceeded}")
            return
        if not number:
            _announce(evaluation, verdicts, reference, requests, say)
        is_fresh = _sample_both(evaluation, reference, theirs, ours)


def _open(evaluation: Evaluation, verdicts: Iterable[Verdict]) -> list[tuple[str, str]]:
    """The models and prompts with a gate that fresh samples can decide, and none that has failed."""
    verdicts = list(verdicts)
    failed = {(verdict.model, verdict.prompt) for verdict in verdicts if verdict.gating and verdict.status == "fail"}
    free = {name for name, one in evaluation.plan.providers.items() if _is_free(one.capabilities)}
    wanted = evaluation.options.settle is not None
    found = (
        (verdict.model, verdict.prompt)
        for verdict in verdicts
        if verdict.open and verdict.gating and (verdict.suspicious or wanted or verdict.model in free)
    )
    return [pair for pair in dict.fromkeys(found) if pair not in failed] if evaluation.options.settle != 1 else []


def _is_free(capabilities: Capabilities) -> bool:
    """Whether a request costs no money: of a model on this machine, or of a Python function."""
    return capabilities.local or not capabilities.recorded


def _requests(
    evaluation: Evaluation, reference: ReferenceRun | None, pairs: Pairs, repeats: Sequence[int], reached: int
) -> tuple[list[Turn], list[Turn]]:
    """The requests of one look: accepted version, this version."""
    steady = _steady(evaluation) if reached >= _EVERY_CASE else frozenset[tuple[str, str, str]]()

    def varying(requests: Iterable[Turn]) -> list[Turn]:
        return [turn for turn in requests if (turn[1].key.model, turn[1].key.prompt, turn[1].key.case) not in steady]

    theirs = reference.requests(pairs, repeats) if reference else []
    return varying(theirs), varying(more_samples(evaluation.plan, pairs, repeats, "confirm"))


def _steady(evaluation: Evaluation) -> frozenset[tuple[str, str, str]]:
    """The cases whose accepted and planned samples have equal scores, by model and prompt.

    Only samples from before the first look count: a choice by the samples that are compared would bias them.
    """
    planned: dict[tuple[str, str, str], set[tuple[float, ...]]] = {}
    for sample in evaluation.samples:
        if sample.purpose == "planned" and sample.answered:
            scores = tuple(score.value for score in sample.scores)
            planned.setdefault((sample.key.model, sample.key.prompt, sample.key.case), set()).add(scores)
    return frozenset(key for key, scores in planned.items() if len(scores | _accepted_scores(evaluation, key)) == 1)


def _accepted_scores(evaluation: Evaluation, key: tuple[str, str, str]) -> set[tuple[float, ...]]:
    """The scores of the accepted samples of a case; no single value with fewer than two of them."""
    baseline = _accepted(evaluation).get(key[:2])
    stored = baseline.cases.get(key[2]) if isinstance(baseline, Baseline) else None
    if stored is None or len(stored.samples) < 2:
        return {(), (0.0,)}
    return {tuple(sample.scores.values()) for sample in stored.samples}


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


def _announce(
    evaluation: Evaluation,
    verdicts: Iterable[Verdict],
    reference: ReferenceRun | None,
    requests: Sequence[Request],
    say: Callable[[str], None],
) -> None:
    """Say why more samples follow, and what they cost."""
    sides = "both versions" if reference else "this version (the accepted one cannot run here)"
    doubtful = [v for v in verdicts if v.open and v.gating]
    worst = min(doubtful, key=lambda v: 1.0 if v.p_value is None else v.p_value)
    if worst.suspicious:
        why = f"{worst.name} may be worse ({p_text(worst.p_value or 0.0)})"
    else:
        why = f"{count_of(len(doubtful), 'gate')} undecided"
    say(f"llm: {evaluation.name}: {why}; taking fresh samples of {sides}")
    for line in evaluation.resources.estimates(requests):
        say(line)


def _sample_both(
    evaluation: Evaluation, reference: ReferenceRun | None, theirs: Sequence[Turn], ours: Sequence[Turn]
) -> bool:
    """Sample both versions in turns, each first half of the time. Returns whether any response is fresh."""
    candidate: list[Future[Sample]] = []
    other: list[Future[Sample]] = []
    for number, (its, mine) in enumerate(zip_longest(theirs, ours)):
        for turn, futures in [(its, other), (mine, candidate)][:: 1 if number % 2 else -1]:
            futures += [evaluation.requests.send(*turn)] if turn else []
    samples = [future.result() for future in candidate]
    for sample in samples:
        evaluation.add(sample)
    for future in other:
        assert reference
        reference.add(future.result())
    return not all(sample.recorded_at for sample in samples)
