"""Assertions that do not fail a case at once: `must_pass: stable`, `baseline`, or a share such as `90%`.

    stable     fails if more samples of the case break it too; inconclusive if an accepted run did
    baseline   fails if more samples of the case break it too; a known failure, and green, if an accepted run did
    90%        fails if fewer of the suite's cases keep it

`reruns.py` explains the samples. A case with fewer than five accepted runs is inconclusive, unless the model is
deterministic.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from evalharness.gate.pairing import some
from evalharness.gate.reruns import CaseKey, Finding, Pair, Reruns, key_of, reruns_of, verdict_of
from evalharness.gate.shares import broken_shares, share_findings
from evalharness.gate.wording import count
from evalharness.records import Run, Sample, Stability, Verdict
from evalharness.records.marks import Mark, marked

METRIC = "must_pass"
_MOST_NAMED = 10
_Subject = tuple[CaseKey, str]
"""A case and its assertion with `must_pass: baseline`; "" for its stable ones."""


def broken_assertions(run: Run) -> dict[_Subject, str]:
    """The stable and baseline assertions that a case broke, each with its first message.

    Reruns are left out.
    """
    found: dict[_Subject, str] = {}
    for sample in marked(run.samples, Mark.BROKEN, Mark.RERUN):
        for assertion, message in _messages(sample):
            found.setdefault((key_of(sample), assertion), message)
    return found


def doubtful_cases(run: Run) -> list[CaseKey]:
    """The cases to sample again: all that broke an assertion, except known failures and shares that are kept."""
    known = _known(run)
    broken = [subject[0] for subject in broken_assertions(run) if not _needs_no_rerun(subject, known.get(subject))]
    return list(dict.fromkeys([*broken, *broken_shares(run)]))


def assess_assertions(run: Run, unaccepted: Collection[Pair] = ()) -> list[Verdict]:
    """A verdict for each model and prompt that broke an assertion.

    `unaccepted`: models and prompts without an accepted run.
    """
    reruns, known = reruns_of(run), _known(run)
    found: dict[Pair, list[Finding]] = {}
    old: dict[Pair, list[str]] = {}
    for subject, message in broken_assertions(run).items():
        pair = subject[0][:2]
        if _is_known(subject, known.get(subject)):
            old.setdefault(pair, []).append(subject[0].case)
        found.setdefault(pair, []).append(_finding(reruns, subject, message, known.get(subject), pair in unaccepted))
    for pair, finding in share_findings(reruns):
        found.setdefault(pair, []).append(finding)
    return [verdict_of(pair, METRIC, found[pair], note=_named(old.get(pair, []))) for pair in sorted(found)]


def _messages(sample: Sample) -> Iterator[tuple[str, str]]:
    yield from (("", message) for message in sample.failed_stable[:1])
    yield from ((one.assertion, one.message) for one in sample.violations if one.least_share is None)


def _known(run: Run) -> dict[_Subject, Stability]:
    return {(CaseKey(one.model, one.prompt, one.case), one.assertion): one for one in run.stability}


def _is_known(subject: _Subject, known: Stability | None) -> bool:
    """Whether an accepted run broke the assertion, and the accepted runs decide."""
    return bool(subject[1] and known and known.broken)


def _needs_no_rerun(subject: _Subject, known: Stability | None) -> bool:
    return bool(subject[1]) and (_is_known(subject, known) or known is None or not known.runs)


def _finding(reruns: Reruns, subject: _Subject, message: str, known: Stability | None, unaccepted: bool) -> Finding:
    key, assertion = subject
    runs, place = known.runs if known else 0, f"{some([key.case])} {message}"
    if _is_known(subject, known):
        return Finding("pass", "")
    if assertion and not runs:
        why = "no accepted run yet" if unaccepted else "no accepted run of this case yet"
        return Finding("no baseline" if unaccepted else "inconclusive", f"{place}: {why}")
    if runs < (needed := reruns.accepted_needed(key.model)):
        word = "an" if assertion else "a stable"
        return Finding("inconclusive", f"{place}: {word} assertion needs {needed} accepted runs, got {runs}")
    if known and known.broken:
        often = f"{known.broken} of {known.runs} accepted runs broke it too"
        return Finding("inconclusive", f"{place}: {often}, so a failure may be chance")
    did = f"broke it (accepted: 0 of {runs})"
    return reruns.confirm(key, place, lambda sample: _breaks(sample, assertion), did=did)


def _breaks(sample: Sample, assertion: str) -> bool:
    return any(broken == assertion for broken, _ in _messages(sample))


def _named(cases: list[str]) -> str:
    if not cases:
        return ""
    names = list(dict.fromkeys(cases))
    more = ", ..." if len(names) > _MOST_NAMED else ""
    return f"{count(len(cases), 'known failure')}: {', '.join(names[:_MOST_NAMED])}{more}"
