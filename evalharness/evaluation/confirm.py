"""Fresh samples after the screening stage, until each gate passes or fails.

A gate that does not pass on the planned samples gets more of them, of both versions in turns: first of every case, then
of the cases whose answers differ from run to run. A gate on an endpoint that is not suspicious stays open, because its
samples cost money, unless `settle` demands a decision.

A repeated run replays its earlier samples and adds to them. Repeating a run until it passes is therefore one larger
test, and does not raise the error rate.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from evalharness.evaluation.evaluation import Evaluation
from evalharness.evaluation.judged import has_judges, with_todays_judges
from evalharness.evaluation.plan import Plan
from evalharness.evaluation.planned_requests import FurtherRequests, Together
from evalharness.evaluation.reference import ReferenceRun
from evalharness.evaluation.requests import MOST_AHEAD
from evalharness.evaluation.sides import Sides, are_gated, with_assertion_scores
from evalharness.gate.assertions import broken_assertions, doubtful_cases
from evalharness.gate.defaults import LOOKS, SETTLE
from evalharness.gate.reruns import RERUNS, CaseKey
from evalharness.gate.wording import count as count_of
from evalharness.gate.wording import p_text
from evalharness.logs import get_logger
from evalharness.providers import Capabilities
from evalharness.records import Baseline, Baselines, Case, Purpose, Request, Sample, Stability, Verdict
from evalharness.suites import another_sample

_log = get_logger(__name__)
_EVERY_CASE = 2
"""Fresh samples that every case gets; further ones go to the cases whose answers vary."""
Pairs = Collection[tuple[str, str]]
Turn = tuple[Case, Request]


def confirm(evaluation: Evaluation, say: Callable[[str], None] = lambda line: None) -> None:
    """Generate fresh samples of both versions until each gate is decided, or the limit is reached.

    Accepted answers are judged again first, where a judge has changed. `say` gets a line about each round.
    """
    evaluation.requests.collect_reference()
    if not evaluation.selected:
        return
    if has_judges(evaluation.header):
        from evalharness.evaluation.judge_again import judge_again

        judge_again(evaluation, say)
    _rerun(evaluation, say)
    if evaluation.header.shard:  # `evalharness merge` decides its gates
        return
    settling = _Settling(evaluation, say)
    for reached, samples in pairwise([0, *(look.samples for look in LOOKS)]):
        if not settling.take(reached, samples):
            return


@dataclass
class _Settling:
    """The rounds of fresh samples of one evaluation."""

    evaluation: Evaluation
    say: Callable[[str], None]
    is_fresh: bool = True
    """Whether the last round had a response that was not replayed: only then its samples count towards the limit."""

    def __post_init__(self) -> None:
        planned = self.evaluation.header.planned
        self._planned = max(planned.repeats(model) for model, _ in planned.pairs)
        self._most = (self.evaluation.options.settle or SETTLE) - 1

    def take(self, reached: int, samples: int) -> bool:
        """Take the samples of each open case from `reached` up to `samples`. Returns whether more may follow."""
        verdicts = self.evaluation.decide(screening=True)
        pairs = _open(self.evaluation, verdicts)
        if not reached and all(verdict.status == "pass" for verdict in verdicts):
            self.evaluation.screened = verdicts  # comparing a thousand cases again would give the same verdicts
        if not pairs or (samples > self._most and self.is_fresh):
            return False
        reference = self.evaluation.requests.reference_for(pairs, _accepted(self.evaluation))
        repeats = range(self._planned + reached, self._planned + samples)
        theirs, ours = _requests(self.evaluation, reference, pairs, repeats, reached)
        requests = Together(theirs, ours)
        if exceeded := self.evaluation.resources.limit_for(requests):
            self.say(f"llm: {self.evaluation.name}: no further samples: {exceeded}")
            return False
        for line in _announcement(self.evaluation, verdicts, reference, requests, is_first=not reached):
            self.say(line)
        self.is_fresh = _sample_both(self.evaluation, reference, theirs, ours)
        return True


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
) -> tuple[Sequence[Turn], Sequence[Turn]]:
    """The requests of one look: accepted version, this version."""
    by_scores = reached >= _EVERY_CASE and not are_gated(evaluation.header.gates)  # no score is that of an assertion
    steady = _steady(evaluation) if by_scores else frozenset[tuple[str, str, str]]()

    def varying(plan: Plan, purpose: Purpose) -> Sequence[Turn]:
        subjects = (one for one in plan.requests.subjects(pairs) if one not in steady)
        return FurtherRequests(plan.requests, subjects, repeats, purpose)

    return varying(reference.plan, "reference") if reference else (), varying(evaluation.plan, "confirm")


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
    """Generate four more samples of each case that broke a rule of its own, and count its accepted runs."""
    plan = evaluation.plan
    evaluation.stability = [_stability(evaluation, *subject) for subject in broken_assertions(evaluation.run)]
    broken, lost = doubtful_cases(evaluation.run), _lost_cases(evaluation)
    doubtful = list(dict.fromkeys([*broken, *lost]))
    known = [key for key in doubtful if key.model not in evaluation.header.deterministic]
    fresh = [first for key in known if (first := plan.requests.first(*key))]
    if evaluation.header.max_stages < 2 or not fresh:
        return
    cases, them = count_of(len(fresh), "case"), "it" if len(fresh) == 1 else "them"
    why = " or ".join([*(["an assertion fails"] if broken else []), *(["a score drops"] if lost else [])])
    say(f"llm: {evaluation.name}: {why} in {cases}; running {them} {RERUNS} more times")
    _log.info("suite %s: %d cases broke a rule, %d more samples each", evaluation.name, len(fresh), RERUNS)
    waiting = [
        evaluation.requests.send(case, another_sample(request, number, "rerun"))
        for case, request in fresh
        for number in range(RERUNS)
    ]
    for future in waiting:
        evaluation.add(future.result())


def _accepted(evaluation: Evaluation) -> Baselines:
    """The baselines of the run, with scores by today's judges."""
    pairs = list(evaluation.plan.request_digests)
    found = evaluation.resources.merge_base.baselines(evaluation.name, pairs, evaluation.options.baseline)
    return with_todays_judges(found, evaluation.run)


def _lost_cases(evaluation: Evaluation) -> list[CaseKey]:
    """The cases that lost more than a gate allows."""
    rules = evaluation.resources.merge_base.rules(evaluation.name, evaluation.header.gates)
    if all(rule.worst is None for rule in rules):
        return []
    from evalharness.gate.worst import losses  # few suites have a gate with `worst`

    reference = evaluation.requests.reference_run(stopped=False)
    sides = Sides(evaluation.run, _accepted(evaluation), rules, reference=reference)
    sides = with_assertion_scores(sides, evaluation.plan.suite, evaluation.plan.config)
    return [loss.key for loss in losses(sides.run, sides.baselines, rules, sides.reference)]


def _stability(evaluation: Evaluation, key: CaseKey, assertion: str) -> Stability:
    """The number of accepted runs of a case, and of those that broke the assertion; "" means its stable ones."""
    case = evaluation.plan.case(key.case)
    baseline = _accepted(evaluation).get(key[:2])
    stored = baseline.cases.get(case.id) if isinstance(baseline, Baseline) else None
    samples = stored.samples if stored and stored.digest == case.digest else ()
    broken_stored = evaluation.plan.scorer.assertions.broken_stored
    known = [(one.run, found) for one in samples if (found := broken_stored(case, one.text)) is not None]
    broken = {run for run, found in known if assertion in found.excusable}
    return Stability(*key, len(broken), len({run for run, _ in known}), assertion)


def _announcement(
    evaluation: Evaluation,
    verdicts: Iterable[Verdict],
    reference: ReferenceRun | None,
    requests: Sequence[Request],
    *,
    is_first: bool,
) -> Iterator[str]:
    """Why more samples follow, how many they are, and what they cost."""
    doubtful = [verdict for verdict in verdicts if verdict.open and verdict.gating]
    sides = "both versions" if reference else "this version (the accepted one cannot run here)"
    worst = min(doubtful, key=lambda v: 1.0 if v.p_value is None else v.p_value)
    why = f"{count_of(len(doubtful), 'gate')} undecided"
    if worst.suspicious:
        why = f"{worst.name} may be worse ({p_text(worst.p_value or 0.0)})"
    _log.info("suite %s: %d fresh samples", evaluation.name, len(requests))
    if is_first:
        yield f"llm: {evaluation.name}: {why}; taking {len(requests)} fresh samples of {sides}"
    else:
        yield f"llm: {evaluation.name}: {count_of(len(doubtful), 'gate')} still undecided; {len(requests)} more samples"
    yield from evaluation.resources.estimates([(evaluation.plan, requests)])


def _sample_both(
    evaluation: Evaluation, reference: ReferenceRun | None, theirs: Sequence[Turn], ours: Sequence[Turn]
) -> bool:
    """Sample both versions in turns, each first half of the time. Returns whether any response is fresh."""
    sent: deque[tuple[Future[Sample], bool]] = deque()
    fresh = 0

    def collect(most: int) -> int:
        """Append the samples that were sent first, until so many are on their way. Returns how many are fresh."""
        found = 0
        while len(sent) > most:
            future, is_mine = sent.popleft()
            sample, side = future.result(), evaluation if is_mine else reference
            assert side
            side.add(sample)
            found += is_mine and not sample.recorded_at
        return found

    for number, (its, mine) in enumerate(zip_longest(theirs, ours)):
        for turn, is_mine in [(its, False), (mine, True)][:: 1 if number % 2 else -1]:
            sent.extend([(evaluation.requests.send(*turn), is_mine)] if turn else [])
        fresh += collect(MOST_AHEAD)
    return bool(fresh + collect(0))
