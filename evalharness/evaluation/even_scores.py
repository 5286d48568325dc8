"""Scores of accepted answers by a judge that compares: the answer that a run was compared with is its own equal.

It counts as 0.5. Whatever older scores a baseline has are about still older answers, and so left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from evalharness.gate.judged import comparisons
from evalharness.records import Baseline, BaselineCase, BaselineSample, Run, Verdict
from evalharness.records.answer_label import text_digest

EVEN, AGREE = 0.5, "orders agree"
_T = TypeVar("_T")


def with_even_scores(baseline: Baseline, run: Run) -> Baseline:
    """The baseline with these scores. It has none where the run was compared with other answers."""
    for metric in sorted(comparisons(run.header.signatures)):
        against = _against(run, (baseline.model, baseline.prompt), metric)
        baseline = _even(baseline, metric, run.header.signatures[metric], against)
    return baseline


def note(verdict: Verdict, run: Run) -> str:
    """What a verdict on such a metric leaves open: the order of the answers, or why nothing was compared."""
    if verdict.metric not in comparisons(run.header.signatures):
        return ""
    if verdict.status != "incomparable":
        return _orders(verdict, run)
    if run.header.against:
        return f"{verdict.metric} compares with accepted answers, and this run with a commit: run without --llm-against"
    return f"the answers of this run were not compared with this baseline by {verdict.metric}: run the suite again"


def _orders(verdict: Verdict, run: Run) -> str:
    mine = (one for one in run.samples if (one.key.model, one.key.prompt) == (verdict.model, verdict.prompt))
    scores = [score for sample in mine if (score := sample.score(verdict.metric))]
    agree = [score.parts[AGREE] for score in scores if AGREE in score.parts]
    if not agree:
        return ""
    return f"the judge prefers the same answer in both orders in {sum(agree):.0f} of {len(agree)} comparisons"


def _against(run: Run, pair: tuple[str, str], metric: str) -> dict[str, set[str]]:
    """By case: the digests of the accepted answers that the samples of a run were compared with."""
    found: dict[str, set[str]] = {}
    for sample in run.samples:
        score = sample.score(metric)
        if score and (sample.key.model, sample.key.prompt) == pair:
            found.setdefault(sample.key.case, set()).add(score.against)
    return found


def _even(baseline: Baseline, metric: str, signature: str, against: Mapping[str, set[str]]) -> Baseline:
    stored = {case: one for case, one in baseline.cases.items() if case in against}
    is_same = all(against[case] == {text_digest(one.samples[-1].text)} for case, one in stored.items())
    signatures = {metric: signature} if is_same else {}
    runs = (replace(run, signatures=_without(run.signatures, metric) | signatures) for run in baseline.runs)
    cases = {case: _case(one, metric) for case, one in baseline.cases.items()}
    return replace(baseline, runs=tuple(runs), cases=cases)


def _case(stored: BaselineCase, metric: str) -> BaselineCase:
    *older, latest = (_left_out(one, metric) for one in stored.samples)
    kept = tuple(name for name in latest.not_applicable if name != metric)
    latest = replace(latest, scores={**latest.scores, metric: EVEN}, not_applicable=kept)
    return replace(stored, samples=(*older, latest))


def _left_out(sample: BaselineSample, metric: str) -> BaselineSample:
    names = dict.fromkeys([*sample.not_applicable, metric])
    return replace(sample, scores=_without(sample.scores, metric), not_applicable=tuple(names))


def _without(found: Mapping[str, _T], metric: str) -> dict[str, _T]:
    return {name: value for name, value in found.items() if name != metric}
