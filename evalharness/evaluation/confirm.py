"""Before a gate may fail: fresh draws of both sides, weighed together with what there is.

A run that was asked again after it failed finds its earlier draws recorded, and adds to them: so asking until it is
green is one larger test, not many chances.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future
from itertools import count, zip_longest

from evalharness.evaluation.evaluation import Evaluation
from evalharness.evaluation.reference import ReferenceRun, repeats_of
from evalharness.evaluation.suite_run import SuiteRun
from evalharness.execution import Engine
from evalharness.gate.defaults import CONFIRM_RUNS
from evalharness.gate.kinds.assertions import RERUNS, broken_cases
from evalharness.gate.wording import count as count_of
from evalharness.gate.wording import p_text
from evalharness.records import RERUN_REPEATS, Case, Request, Sample, Verdict
from evalharness.scoring.scorer import Scorer
from evalharness.suites import another_repeat

MAX_CONFIRM_REPEATS = 10
"""Beyond the plan: who asks a failed run again and again adds no more than these."""
Pairs = Collection[tuple[str, str]]


def confirm(session: Evaluation, name: str, engine: Engine, say: Callable[[str], None]) -> None:
    """Ask two more draws of each case for the models and prompts that would fail, if fresh draws are possible."""
    suite_run = session.runs[name]
    _rerun(session, suite_run, engine, say)
    verdicts = session.judge(suite_run, screening=True)
    pairs = suspicious(verdicts)
    if all(verdict.status == "pass" for verdict in verdicts):
        suite_run.settled = verdicts  # a thousand cases are not weighed twice for the same answer
    if not pairs:
        return
    reference = session.refer_to(suite_run, pairs)
    say(_announcement(name, verdicts, reference))
    planned = max(key.repeat for key in suite_run.header.planned) + 1
    for first in count(planned, CONFIRM_RUNS):
        fresh = _draw(suite_run, reference, pairs, range(first, first + CONFIRM_RUNS), session, engine)
        if fresh or first + 2 * CONFIRM_RUNS - planned > MAX_CONFIRM_REPEATS:
            return


def _rerun(session: Evaluation, suite_run: SuiteRun, engine: Engine, say: Callable[[str], None]) -> None:
    """Draw the cases that broke a stable assertion four more times, and look what the accepted runs make of it."""
    plan, broken = suite_run.plan, broken_cases(suite_run.run(stopped=False))
    if not broken:
        return
    suite_run.stability = [session.stability(suite_run, key, plan.first_requests[key][0]) for key in broken]
    fresh = [plan.first_requests[key] for key in broken if key[0] not in suite_run.header.deterministic]
    if suite_run.header.looks < 2 or not fresh:
        return
    cases = count_of(len(fresh), "case")
    say(f"llm: {plan.suite.name}: an assertion is broken in {cases}; {RERUNS} more draws of each")
    waiting = [
        engine.ask(case, another_repeat(request, RERUN_REPEATS + number), plan.scorer)
        for case, request in fresh
        for number in range(RERUNS)
    ]
    for future in waiting:
        session.add(plan.suite.name, future.result())


def suspicious(verdicts: Iterable[Verdict]) -> list[tuple[str, str]]:
    """The models and prompts whose gates would look again."""
    found = ((v.model, v.prompt) for v in verdicts if v.suspicious and v.gating and v.status == "inconclusive")
    return list(dict.fromkeys(found))


def _announcement(name: str, verdicts: Iterable[Verdict], reference: ReferenceRun | None) -> str:
    worst = min((v for v in verdicts if v.suspicious and v.p_value is not None), key=lambda v: v.p_value or 0.0)
    sides = "of both versions" if reference else "(the accepted version cannot be drawn here)"
    looks = f"llm: {name} looks worse ({worst.name}, {p_text(worst.p_value or 0.0)})"
    return f"{looks}; {CONFIRM_RUNS} more draws of each case {sides} before anything fails"


def _draw(
    suite_run: SuiteRun,
    reference: ReferenceRun | None,
    pairs: Pairs,
    repeats: Sequence[int],
    session: Evaluation,
    engine: Engine,
) -> bool:
    """Both versions in turns. Whether any answer was fresh."""
    scorer = suite_run.plan.scorer
    candidate = repeats_of(suite_run.plan, pairs, repeats)
    other = reference.requests(pairs, repeats) if reference else []
    mine: list[Future[Sample]] = []
    theirs: list[Future[Sample]] = []
    for ours, its in zip_longest(candidate, other):
        mine += _asked(engine, ours, scorer)
        theirs += _asked(engine, its, scorer)
    samples = [future.result() for future in mine]
    for sample in samples:
        session.add(suite_run.plan.suite.name, sample)
    for future in theirs:
        assert reference
        reference.add(future.result())
    return not all(sample.recorded_at for sample in samples)


def _asked(engine: Engine, wanted: tuple[Case, Request] | None, scorer: Scorer) -> Iterator[Future[Sample]]:
    if wanted is not None:
        yield engine.ask(*wanted, scorer)
