"""A run against its baselines: what each gate says. A function of records alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalharness.errors import StoreError
from evalharness.gate.defaults import ALPHA, FEWEST_CASES
from evalharness.gate.evidence import STATUS, Evidence, GateResult, Rules, Stage
from evalharness.gate.identity import another_model, another_provider
from evalharness.gate.kinds.assertions import assess_assertions
from evalharness.gate.kinds.cost import collect_cost_evidence, cost_rules
from evalharness.gate.kinds.latency import latency_verdict
from evalharness.gate.kinds.score import collect_evidence, conclude
from evalharness.gate.pairing import (
    Pairing,
    baseline_sample_of,
    baseline_samples,
    one_line,
    pair_up,
    some,
    unusable,
    with_reference,
)
from evalharness.gate.slices import SHARE, slices_of
from evalharness.gate.stats.permutation import holm
from evalharness.gate.stats.power import minimum_detectable_drop
from evalharness.gate.stats.sessions import FEWEST_RUNS, drifted
from evalharness.gate.wording import points
from evalharness.records import (
    RATIOS,
    TIMED,
    Baseline,
    Baselines,
    BaselineSample,
    GateRule,
    Run,
    RunHeader,
    Slice,
    Status,
    Verdict,
)

_COST = "cost"
_CASES = GateRule("cases", 1.0)
"""What is lost of a suite that gates nothing."""


@dataclass(slots=True)
class PendingGate:
    """A gate with data: waits for Holm over all of them."""

    pairing: Pairing
    rule: GateRule
    rules: Rules
    evidence: Evidence
    seed: str
    slices: tuple[Slice, ...] = ()

    @property
    def metric(self) -> str:
        """What it weighs."""
        return self.rule.metric


def decide_run(
    run: Run,
    baselines: Baselines,
    *,
    accept_command: str,
    gates: Sequence[GateRule] | None = None,
    pinned: Baselines | None = None,
    reference: Run | None = None,
    screening: bool = False,
) -> list[Verdict]:
    """A verdict for each gate of each model and prompt that was run.

    `gates`: other rules than the run's own. `pinned`: a fixed older version, against which many small drops add up.
    `reference`: the baseline's version, drawn beside this run. `screening`: fresh draws can still be asked for, so
    nothing fails yet.
    """
    rules = run.header.gates if gates is None else gates
    pairs = sorted({(key.model, key.prompt) for key in run.header.planned})
    pairings = [_pairing(run, pair, {} if run.header.against else baselines, reference) for pair in pairs]
    pairings += [_pinned(run, pair, baseline) for pair in pairs if (baseline := (pinned or {}).get(pair)) is not None]
    stages = {model: _stage(run, model, screening=screening) for model, _ in pairs}
    found = {
        (pairing.model, pairing.prompt, pairing.pinned, rule): _look(
            pairing, rule, run, accept_command, stages[pairing.model], reference
        )
        for pairing in pairings
        for rule in rules
        if not (pairing.pinned and rule.metric in TIMED)  # an old machine's seconds say nothing
    }
    told = {(key[0], key[1]) for key, one in found.items() if one.metric not in TIMED}
    lost = [_without_data(one, _CASES, "error", one.broken) for one in pairings if one.broken and not told]
    adjusted = _adjusted([one for one in found.values() if isinstance(one, PendingGate)])
    verdicts = [_conclude(one, *adjusted[id(one)]) if isinstance(one, PendingGate) else one for one in found.values()]
    return verdicts + lost + assess_assertions(run)


def _pairing(run: Run, pair: tuple[str, str], baselines: Baselines, reference: Run | None) -> Pairing:
    baseline = baselines.get(pair)
    if reference is not None and not isinstance(baseline, Exception):
        baseline = with_reference(baseline, reference, *pair)
    pairing = pair_up(run, *pair, baseline)
    if reference is not None:
        _look_at_reference(pairing, run, reference)
    pairing.remark += another_model(pairing, run.header)
    return pairing


def _look_at_reference(pairing: Pairing, run: Run, reference: Run) -> None:
    """What the other version has and this one lacks, or could not answer itself."""
    mine = (pairing.model, pairing.prompt)
    planned = {key.case for key in run.header.planned if (key.model, key.prompt) == mine}
    asked = dict.fromkeys(key.case for key in reference.header.planned if (key.model, key.prompt) == mine)
    gone = [case for case in asked if case not in planned] if run.header.against else []
    lost = [s.key.case for s in reference.samples if (s.key.model, s.key.prompt) == mine and not s.answered]
    if gone and not pairing.broken:
        pairing.broken = f"in the suite of {run.header.against[:12]} and no longer in this one: {some(gone)}"
    elif lost and not pairing.partial:
        pairing.partial = f"the other version has no result for {some(list(dict.fromkeys(lost)))}"


def _pinned(run: Run, pair: tuple[str, str], baseline: Baseline | StoreError) -> Pairing:
    pairing = pair_up(run, *pair, baseline)
    pairing.pinned = True
    pairing.remark += another_model(pairing, run.header)
    return pairing


def _stage(run: Run, model: str, *, screening: bool) -> Stage:
    """One of two where fresh samples are possible: not for a deterministic model, nor for a part of the cases."""
    if (
        run.header.max_stages < 2
        or model in run.header.deterministic
        or not set(run.header.planned) <= set(run.selected)
    ):
        return "single"
    return "screen" if screening else "confirm"


def _adjusted(weighed: Sequence[PendingGate]) -> dict[int, tuple[float, int]]:
    """Of each gate: its p-value by Holm, and how many gates share its part of alpha. Gates on tags have a part of their
    own, so that a suite loses little of its sight by declaring them.
    """
    found: dict[int, tuple[float, int]] = {}
    by_tag = [gate for gate in weighed if gate.rule.tag]
    whole = [gate for gate in weighed if not gate.rule.tag]
    for family, share in ((whole, 1 - SHARE if by_tag else 1.0), (by_tag, SHARE)):
        p_values = holm([gate.evidence.p_value for gate in family])
        for gate, p_value in zip(family, p_values, strict=True):
            found[id(gate)] = (min(1.0, p_value / share), len(family))
    return found


def _look(
    pairing: Pairing, rule: GateRule, run: Run, accept_command: str, stage: Stage, reference: Run | None
) -> Verdict | PendingGate:
    header = run.header
    if pairing.broken:
        return _without_data(pairing, rule, "error", pairing.broken)
    if pairing.baseline is None:
        return _first_run(pairing, rule, header, accept_command, stage)
    if reason := another_provider(pairing, header):
        return _without_data(pairing, rule, "incomparable", reason)
    if rule.metric in TIMED:
        return latency_verdict(pairing, rule, run, reference)
    if rule.metric != _COST:
        then, now = pairing.baseline.runs[-1].signatures.get(rule.metric), header.signatures.get(rule.metric)
        if then != now:
            reason = f"scored otherwise: the baseline by {then or 'nothing'}, this run by {now}; accept a new baseline"
            return _without_data(pairing, rule, "incomparable", reason)
    if not _cases(pairing, rule):
        return _without_data(pairing, rule, "incomparable", "no case of this run is in the baseline as it is now")
    if reason := unusable(pairing, rule.metric, header):
        return _without_data(pairing, rule, "error", reason)
    return _weigh(pairing, rule, run, stage)


def _first_run(pairing: Pairing, rule: GateRule, header: RunHeader, accept_command: str, stage: Stage) -> Verdict:
    """Nothing to compare with; but what later runs will be able to see can be said, before anybody trusts a green."""
    reason = f"no accepted run yet; to accept this one: {accept_command}"
    verdict = _without_data(pairing, rule, "no baseline", reason)
    if rule.metric in RATIOS or len(pairing.samples) < FEWEST_CASES or stage == "screen":
        return verdict
    draws = [[baseline_sample_of(sample, header) for sample in drawn] for drawn in pairing.samples.values()]
    known = [np.array([draw.scores.get(rule.metric, math.nan) for draw in drawn]) for drawn in draws]
    if not all(np.isfinite(values).all() for values in known):
        return verdict
    runs = sorted(map(len, known))[len(known) // 2]
    gates = sum(gate.metric not in TIMED for gate in header.gates)
    drop = minimum_detectable_drop(known, runs=(runs, runs), alpha=ALPHA / max(1, gates), seed=header.suite)
    return replace(verdict, minimum_detectable_drop=drop)


def _without_data(pairing: Pairing, rule: GateRule, status: Status, reason: str) -> Verdict:
    return Verdict(
        pairing.model,
        pairing.prompt,
        rule.metric,
        status,
        one_line(reason),
        gating=rule.metric not in TIMED or status == "error",
        margin=rule.margin,
        tag=rule.tag,
        pinned=pairing.pinned,
    )


def _cases(pairing: Pairing, rule: GateRule) -> list[str]:
    return [case for case in pairing.cases if not rule.tag or rule.tag in pairing.samples[case][0].tags]


def _weigh(pairing: Pairing, rule: GateRule, run: Run, stage: Stage) -> PendingGate:
    assert pairing.baseline
    header, cases = run.header, _cases(pairing, rule)
    metric = rule.metric
    copies = pairing.copies
    then, drift = _known(pairing, cases, metric)
    now = {case: _values([baseline_sample_of(s, header) for s in pairing.samples[case]], metric) for case in cases}
    accepted = [
        one.id for one in pairing.baseline.runs if one.request_digest
    ]  # not one beside this run: its id is of today
    seed = "|".join([header.suite, pairing.model, pairing.prompt, metric, rule.tag, *accepted])
    if metric == _COST:
        rules = cost_rules(rule.margin, stage=stage)
        return PendingGate(
            pairing, rule, rules, _noted(collect_cost_evidence(then, now, rules=rules, seed=seed), drift), seed
        )
    rules = Rules(margin=rule.margin, target=rule.target, stage=stage)
    clusters = {case: pairing.samples[case][0].cluster for case in cases if pairing.samples[case][0].cluster}
    evidence = collect_evidence(
        then, now, rules=rules, seed=seed, clusters=clusters, sessions=_by_session(pairing, cases, copies=copies)
    )
    tags = {case: pairing.samples[case][0].tags for case in cases}
    slices = () if rule.tag else slices_of(then, now, tags, seed=seed)
    return PendingGate(pairing, rule, rules, _noted(evidence, drift), seed, slices)


def _noted(evidence: Evidence, drift: str) -> Evidence:
    return replace(evidence, remark="; ".join(filter(None, [evidence.remark, drift])))


def _known(pairing: Pairing, cases: Sequence[str], metric: str) -> tuple[dict[str, list[float]], str]:
    """The baseline's values, and what is to be said of them. Fresh draws of its version that are worse than its
    accepted runs are left out.
    """
    assert pairing.baseline
    draws = {case: baseline_samples(pairing, case, copies=pairing.copies) for case in cases}
    accepted_runs = {run.id for run in pairing.baseline.runs if run.request_digest}
    sign = -1.0 if metric == _COST else 1.0

    def values(wanted: Callable[[BaselineSample], bool]) -> dict[str, list[float]]:
        return {case: _values([draw for draw in drawn if wanted(draw)], metric) for case, drawn in draws.items()}

    accepted = values(lambda draw: draw.run in accepted_runs)
    beside = values(lambda draw: draw.run not in accepted_runs)
    then, now = ({case: [sign * value for value in side[case]] for case in side} for side in (accepted, beside))
    if not all(accepted.values()) or not drifted(then, now, metric):
        return values(lambda _: True), ""
    return accepted, "the accepted version itself answers worse now than when it was accepted: has the model changed?"


def _by_session(pairing: Pairing, cases: Iterable[str], *, copies: bool) -> bool:
    """Whether most cases have one draw of each of five accepted runs or more."""
    assert pairing.baseline
    runs = [run.id for run in pairing.baseline.runs]
    if copies or len(runs) < FEWEST_RUNS:
        return False
    whole = [sorted(draw.run for draw in pairing.baseline.cases[case].samples) == sorted(runs) for case in cases]
    return 2 * sum(whole) > len(whole)


def _values(draws: Sequence[BaselineSample], metric: str) -> list[float]:
    if metric == _COST:
        return [float(draw.prompt_tokens + draw.completion_tokens) for draw in draws]
    return [draw.scores[metric] for draw in draws]


def _conclude(gate: PendingGate, p_value: float, gates: int) -> Verdict:
    result = conclude(gate.evidence, p_value, gate.rules, seed=gate.seed, gates=gates)
    status, reason = STATUS[result.verdict], result.reason + _worst(result, gate.slices)
    if gate.pairing.partial:
        status = "inconclusive" if status == "pass" else status
        reason = f"{gate.pairing.partial}; on the others: {reason}"
    if result.suspicious and gate.pairing.copies:
        reason += "; no confirmation run: this model is deterministic"
    reason += gate.pairing.remark
    unit = math.expm1 if gate.rule.metric == _COST else float  # costs were weighed as logarithms
    return Verdict(
        gate.pairing.model,
        gate.pairing.prompt,
        gate.rule.metric,
        status,
        one_line(reason),
        margin=gate.rule.margin,
        drop=unit(result.drop),
        largest_drop=unit(-result.lower_bound) if math.isfinite(result.lower_bound) else None,
        p_value=p_value,
        cases=result.cases,
        tag=gate.rule.tag,
        minimum_detectable_drop=result.minimum_detectable_drop,
        needed_cases=result.needed_cases,
        needed_repeats=result.needed_repeats,
        suspicious=result.suspicious and gate.rules.stage == "screen",
        slices=gate.slices,
        pinned=gate.pairing.pinned,
    )


def _worst(result: GateResult, slices: Sequence[Slice]) -> str:
    if result.verdict != "FAIL":
        return ""
    below = [one for one in slices if one.change < min(0.0, -result.drop) and one.q_value is not None]
    worst = [f"{one.tag} {points(one.change)}" for one in below[:2]]
    return f"; worst: {', '.join(worst)}" if worst else ""
