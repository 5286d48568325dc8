"""Baselines with the scores that today's judges give to their answers, where those were judged again.

The scores are in the record of the run, so that every later decision on it compares the same numbers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from evalharness.evaluation.even_scores import note, with_even_scores
from evalharness.records import (
    AnswerScore,
    Baseline,
    BaselineCase,
    Baselines,
    BaselineSample,
    JudgedAgain,
    Run,
    Verdict,
)
from evalharness.report.usage import judged_text
from evalharness.store.origins import text_digest

_Scores = Mapping[tuple[str, str, str], AnswerScore]
"""By case, digest of the case and digest of the answer."""


def with_todays_judges(baselines: Baselines, run: Run, *, pinned: bool = False) -> Baselines:
    """The baselines, with scores of this run's judges in the place of those that other judges gave."""
    digests = {sample.key.case: sample.digest for sample in run.samples}
    return {
        pair: with_even_scores(_judged(found, _about(run, *pair, pinned=pinned), digests), run)
        if isinstance(found, Baseline)
        else found
        for pair, found in baselines.items()
    }


def noted(verdict: Verdict, run: Run) -> Verdict:
    """The verdict, whose reason says what was judged again, or why nothing was."""
    about = _about(run, verdict.model, verdict.prompt, pinned=verdict.pinned)
    text = next((_note(one, verdict) for one in about if one.metric == verdict.metric), "")
    text = text or note(verdict, run)
    if not text:
        return verdict
    notice = f"{verdict.notice}; {text}" if verdict.notice else text
    return replace(verdict, reason=f"{verdict.reason}; {text}", notice=notice)


def _about(run: Run, model: str, prompt: str, *, pinned: bool) -> list[JudgedAgain]:
    return [one for one in run.judged_again if (one.model, one.prompt, one.pinned) == (model, prompt, pinned)]


def _judged(baseline: Baseline, judged: Collection[JudgedAgain], digests: Mapping[str, str]) -> Baseline:
    for one in judged:
        known = {(found.case, found.digest, found.answer): found for found in one.answers}
        if _counts(baseline, one, known, digests):
            baseline = _with_scores(baseline, one, known)
    return baseline


def _counts(baseline: Baseline, judged: JudgedAgain, known: _Scores, digests: Mapping[str, str]) -> bool:
    """Whether each compared answer was judged again: a baseline that was accepted since may have others."""
    if judged.missing or baseline.signatures.get(judged.metric) == judged.signature:
        return False
    return all(key in known for key in _compared(baseline, digests))


def _compared(baseline: Baseline, digests: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    for case, text in compared_answers(baseline, digests):
        yield case, digests[case], text_digest(text)


def compared_answers(baseline: Baseline, digests: Mapping[str, str]) -> list[tuple[str, str]]:
    """Each distinct accepted answer, with its case, to the cases that have these digests."""
    same = [(case, stored) for case, stored in baseline.cases.items() if digests.get(case) == stored.digest]
    return list(dict.fromkeys((case, sample.text) for case, stored in same for sample in stored.samples))


def _with_scores(baseline: Baseline, judged: JudgedAgain, known: _Scores) -> Baseline:
    signature = {judged.metric: judged.signature}
    runs = tuple(replace(run, signatures={**run.signatures, **signature}) for run in baseline.runs)
    cases = {case: _case(case, stored, judged.metric, known) for case, stored in baseline.cases.items()}
    return replace(baseline, runs=runs, cases=cases)


def _case(case: str, stored: BaselineCase, metric: str, known: _Scores) -> BaselineCase:
    samples = (_scored(one, metric, known.get((case, stored.digest, text_digest(one.text)))) for one in stored.samples)
    return replace(stored, samples=tuple(samples))


def _scored(sample: BaselineSample, metric: str, found: AnswerScore | None) -> BaselineSample:
    """The sample with today's score; without any where the judge failed, so that no gate decides."""
    scores = {name: value for name, value in sample.scores.items() if name != metric}
    left_out = tuple(name for name in sample.not_applicable if name != metric)
    if found is not None and found.not_applicable:
        left_out = (*left_out, metric)
    elif found is not None and found.value is not None:
        scores[metric] = found.value
    return replace(sample, scores=scores, not_applicable=left_out)


def _note(judged: JudgedAgain, verdict: Verdict) -> str:
    if judged.missing:
        if verdict.status != "incomparable":
            return ""
        return f"the accepted answers cannot be judged again: a baseline does not keep their {judged.missing}"
    change = "has changed" if judged.before else "was added"
    text = f"the judge {change} since the baseline was accepted: {judged_text([judged])}"
    failed = sum(one.value is None and not one.not_applicable for one in judged.answers)
    return f"{text}; {failed} of them failed: {judged.error}" if failed else text
