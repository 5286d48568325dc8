"""Assertions with `must_pass: 90%`: this share of the cases must keep it, whatever the accepted runs did."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from evalharness.gate.reruns import CaseKey, Finding, Pair, Reruns, key_of
from evalharness.records import Run, Sample
from evalharness.records.marks import Mark, marked

_ROUNDING = 1e-9


class _Share(NamedTuple):
    model: str
    prompt: str
    assertion: str
    least: float

    def is_kept(self, kept: int, cases: int) -> bool:
        """Whether so many cases are enough."""
        return kept >= self.least * cases - _ROUNDING


def broken_shares(run: Run) -> list[CaseKey]:
    """The cases that broke an assertion which too few cases keep; in a shard, where others may break it too, all."""
    found: list[CaseKey] = []
    for share, keys in _broken(run).items():
        cases = _cases(run, share[:2])
        if run.header.shard or not share.is_kept(cases - len(keys), cases):
            found += keys
    return found


def share_findings(reruns: Reruns) -> Iterator[tuple[Pair, Finding]]:
    """The findings by model and prompt, on each assertion that a case broke."""
    for share, keys in _broken(reruns.run).items():
        yield share[:2], _finding(reruns, share, keys, _cases(reruns.run, share[:2]))


def _finding(reruns: Reruns, share: _Share, keys: list[CaseKey], cases: int) -> Finding:
    if not reruns.run.is_whole:
        return Finding("inconclusive", f"{share.assertion}: only a part of the cases was selected")
    if share.is_kept(cases - len(keys), cases):
        return Finding("pass", _counted(share, cases - len(keys), cases))
    found = [reruns.confirm(key, "", lambda one: _breaks(one, share.assertion)).status for key in keys]
    certain, possible = cases - len(keys) + found.count("pass"), cases - found.count("fail")
    if not share.is_kept(possible, cases):
        return Finding("fail", _counted(share, possible, cases))
    return Finding("pass" if share.is_kept(certain, cases) else "inconclusive", _counted(share, certain, cases))


def _counted(share: _Share, kept: int, cases: int) -> str:
    counted = f"{kept} of {cases} cases keep it ({100 * kept / cases:.1f} %)"
    return f"{share.assertion}: {counted}, expected at least {share.least * 100:g} %"


def _cases(run: Run, pair: Pair) -> int:
    """The number of cases of a model and prompt."""
    return len(run.header.planned.cases(*pair))


def _broken(run: Run) -> dict[_Share, list[CaseKey]]:
    """The cases that broke each assertion, without those that only a rerun broke."""
    found: dict[_Share, dict[CaseKey, None]] = {}
    for sample in marked(run.samples, Mark.BROKEN, Mark.RERUN):
        for one in sample.violations:
            if one.least_share is not None:
                share = _Share(sample.key.model, sample.key.prompt, one.assertion, one.least_share)
                found.setdefault(share, {})[key_of(sample)] = None
    return {share: list(keys) for share, keys in found.items()}


def _breaks(sample: Sample, assertion: str) -> bool:
    return any(one.assertion == assertion for one in sample.violations)
