"""Gates with `worst: 0.5`: no single case may lose more than this, whatever the mean does.

A case that lost more than `worst` against the mean of its accepted samples is sampled again (`reruns.py`). A case that
was as low in an accepted run is inconclusive, because chance could make it fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from evalharness.amounts import scores, size
from evalharness.gate.case_samples import tags_of
from evalharness.gate.identity import provider_change
from evalharness.gate.own_words import NO_OWN_WORDS, OwnWords
from evalharness.gate.pairing import Pairing, some
from evalharness.gate.pairings import pairings_of
from evalharness.gate.reruns import CaseKey, Finding, Reruns, reruns_of, verdict_of
from evalharness.records import Baselines, BaselineSample, GateRule, Run, Sample, Verdict

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Loss:
    """A case that lost more than a gate allows."""

    key: CaseKey
    rule: GateRule
    accepted: tuple[BaselineSample, ...]
    now: float
    """Its mean score in this run."""

    @property
    def before(self) -> float:
        """Its mean score in the accepted runs."""
        return fmean(self.scores)

    @property
    def scores(self) -> list[float]:
        """Its scores in the accepted runs."""
        return [sample.scores[self.rule.metric] for sample in self.accepted]

    def is_lost(self, score: float | None) -> bool:
        """Whether this score loses too much; a missing one does."""
        assert self.rule.worst is not None
        return score is None or self.before - score > self.rule.worst + _ROUNDING


def losses(run: Run, baselines: Baselines, rules: Iterable[GateRule], reference: Run | None = None) -> list[Loss]:
    """The cases that lost more than a gate allows, by the samples of the run without its reruns.

    `reference` counts only if the run is compared with it instead of accepted runs.
    """
    rules = [rule for rule in rules if rule.worst is not None]
    if not rules:
        return []
    pairings = pairings_of(run, baselines, reference=reference if run.header.against else None)
    return [loss for pairing in pairings if _is_comparable(pairing, run) for loss in _losses(pairing, run, rules)]


def assess_worst(
    run: Run,
    baselines: Baselines,
    rules: Iterable[GateRule],
    reference: Run | None = None,
    own_words: OwnWords = NO_OWN_WORDS,
) -> list[Verdict]:
    """A verdict for each model, prompt and gate in which a case lost too much."""
    reruns = reruns_of(run)
    found: dict[tuple[tuple[str, str], GateRule], list[Finding]] = {}
    for loss in losses(run, baselines, rules, reference):
        found.setdefault((loss.key[:2], loss.rule), []).append(_finding(reruns, loss, own_words))
    return [
        verdict_of(pair, f"worst_{rule.metric}", findings, tag=rule.tag) for (pair, rule), findings in found.items()
    ]


def _is_comparable(pairing: Pairing, run: Run) -> bool:
    """Whether the gate itself compares; if not, its own verdict says why."""
    return not pairing.broken and pairing.baseline is not None and not provider_change(pairing, run.header)


def _losses(pairing: Pairing, run: Run, rules: Sequence[GateRule]) -> Iterator[Loss]:
    for rule in rules:
        signature = run.header.signatures.get(rule.metric)
        if signature is None or signature != pairing.signatures.get(rule.metric):
            continue
        for case in pairing.cases:
            samples = pairing.samples[case]
            is_tagged = rule.tag in ("", *tags_of(pairing.samples, case))
            scores = [score for sample in samples if (score := _score(sample, rule)) is not None]
            if scores and is_tagged and (accepted := _accepted(pairing, case, rule)):
                loss = Loss(CaseKey(pairing.model, pairing.prompt, case), rule, accepted, fmean(scores))
                if loss.is_lost(loss.now):
                    yield loss


def _accepted(pairing: Pairing, case: str, rule: GateRule) -> tuple[BaselineSample, ...]:
    return tuple(sample for sample in pairing.known_cases[case].samples if rule.metric in sample.scores)


def _score(sample: Sample, rule: GateRule) -> float | None:
    found = sample.score(rule.metric)
    return found.value if found else None


def _finding(reruns: Reruns, loss: Loss, own_words: OwnWords) -> Finding:
    runs, needed = len({sample.run for sample in loss.accepted}), reruns.accepted_needed(loss.key.model)
    subject = (
        f"{some([loss.key.case])} lost more than {size(100 * (loss.rule.worst or 0), 'points')}: "
        f"{scores(loss.before, loss.now)}"
    )
    if loss.key.case in own_words.of(loss.key[:2], loss.rule):
        return Finding("inconclusive", f"{subject}; its golden answer is the accepted version's own words")
    if runs < needed:
        return Finding("inconclusive", f"{subject}; a failure needs {needed} accepted runs, got {runs}")
    if low := sum(loss.is_lost(score) for score in loss.scores):
        often = f"{low} of {len(loss.accepted)} accepted samples were as low"
        return Finding("inconclusive", f"{subject}; {often}, so a failure may be chance")
    return reruns.confirm(loss.key, subject, lambda sample: loss.is_lost(_score(sample, loss.rule)), did="lost as much")
