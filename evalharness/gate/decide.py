"""Decides the gates of a run: a verdict for each gate, model and prompt.

    pairings (run, baseline) x rules -> contexts -> evidence -> Holm's correction -> verdicts

`pairings.py` selects the cases to compare. A gate kind (`kinds/`) collects the evidence and decides.
`report/__init__.py` writes the verdicts. All of it is a function of records alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalharness.gate.assertions import assess_assertions
from evalharness.gate.context import GateContext, NoComparison, Stage
from evalharness.gate.evidence import STATUS, Sequential
from evalharness.gate.families import Corrected, PendingGate, Standing, corrected, gates_sharing, p_values_of
from evalharness.gate.guarded import detectable_drop_of, evidence_of, result_of
from evalharness.gate.identity import provider_change
from evalharness.gate.judge_labels import NO_JUDGE_LABELS, JudgeLabels
from evalharness.gate.judged import comparisons, with_mark
from evalharness.gate.kinds import GateKind
from evalharness.gate.kinds.labelled import labelled_kind
from evalharness.gate.numbers import shown_points, with_numbers
from evalharness.gate.own_words import NO_OWN_WORDS, OwnWords
from evalharness.gate.pairing import one_line
from evalharness.gate.pairings import pairings_of
from evalharness.records import Baselines, GateRule, Run, Status, Verdict

_CASES = GateRule("cases", 1.0)
"""The rule of the verdict on missing cases in a suite whose gates are shown only."""


def decide_run(
    run: Run,
    baselines: Baselines,
    *,
    accept_command: str,
    gates: Sequence[GateRule] | None = None,
    pinned: Baselines | None = None,
    reference: Run | None = None,
    screening: bool = False,
    standing: Standing | None = None,
    own_words: OwnWords = NO_OWN_WORDS,
    judge_labels: JudgeLabels = NO_JUDGE_LABELS,
) -> list[Verdict]:
    """A verdict for each gate of each model and prompt of the run.

    Args:
        run: The samples.
        baselines: By model and prompt.
        accept_command: The command that accepts this run, for messages.
        gates: Rules instead of those of the run.
        pinned: Fixed older baselines, by model and prompt. Many small drops add up against them.
        reference: A run of the baseline's version of the suite, generated together with this run.
        screening: Whether a confirmation is still possible, so that no gate fails yet.
        standing: The gates at the merge base, which keep their alpha. Default: all.
        own_words: The cases that cannot fail a gate on a metric that reads golden answers. Default: none.
        judge_labels: What people said about answers that a judge judges. Default: nothing.

    """
    rules = list(dict.fromkeys(run.header.gates if gates is None else gates))
    gate_kinds = [(rule, labelled_kind(rule, run.header, judge_labels)) for rule in rules]
    sharing = [rule for rule, kind in gate_kinds if kind.shares_alpha]
    latest = comparisons(run.header.signatures)  # these have compared with the latest accepted answers
    found: list[PendingGate | Verdict] = []
    for pairing in pairings_of(run, baselines, pinned=pinned, reference=reference):
        stage = _stage(run, pairing.model, screening=screening)
        compared = [
            one for one in gate_kinds if not pairing.pinned or (one[1].compares_pinned and one[0].metric not in latest)
        ]
        if pairing.broken and all(kind.informs for _, kind in compared):
            found.append(_undecided(GateContext(pairing, _CASES, run), "error", pairing.broken))
        for rule, kind in compared:
            own = own_words.of((pairing.model, pairing.prompt), rule, pinned=pairing.pinned)
            beside = None if pairing.pinned and not run.header.against else reference  # of the latest accepted version
            context = GateContext(pairing, rule, run, stage, beside, gates_sharing(rule, sharing, standing), own)
            found.append(_evidence(kind, context, accept_command))
    p_values = corrected((gate for gate in found if isinstance(gate, PendingGate)), standing)
    verdicts = [_conclude(gate, p_values) if isinstance(gate, PendingGate) else gate for gate in found]
    unaccepted = [] if run.header.against else [pair for pair, baseline in baselines.items() if baseline is None]
    verdicts = list(map(own_words.explained, verdicts))
    if worst_rules := [rule for rule, kind in gate_kinds if rule.worst is not None and not kind.informs]:
        from evalharness.gate.worst import assess_worst  # few suites have a gate with `worst`

        verdicts += assess_worst(run, baselines, worst_rules, reference, own_words)
    verdicts = [with_mark(one, run.header.signatures, judge_labels.has) for one in verdicts]
    return [*verdicts, *assess_assertions(run, unaccepted)]


def _stage(run: Run, model: str, *, screening: bool) -> Stage:
    """`single` if fresh samples are impossible: for a deterministic model, or with a part of the cases selected."""
    if run.header.max_stages < 2 or model in run.header.deterministic or not run.is_whole:
        return "single"
    return "screen" if screening else "confirm"


def _evidence(kind: GateKind, context: GateContext, accept_command: str) -> PendingGate | Verdict:
    """The evidence of a gate, or its verdict if there is nothing to compare."""
    pairing = context.pairing
    if pairing.broken:
        return _undecided(context, "error", pairing.broken, kind)
    if pairing.baseline is None and kind.needs_baseline:
        return _first(kind, context, accept_command)
    if reason := provider_change(pairing, context.run.header):
        return _undecided(context, "incomparable", reason, kind)
    try:
        evidence = evidence_of(kind, context)
        return PendingGate(kind, replace(context), evidence)  # a copy, without the samples that the context has cached
    except NoComparison as error:
        return _undecided(context, error.status, error.reason, kind)


def _first(kind: GateKind, context: GateContext, accept_command: str) -> Verdict:
    """The verdict without a baseline."""
    try:
        drop = detectable_drop_of(kind, context) if context.stage != "screen" else None
    except NoComparison as error:
        return _undecided(context, error.status, error.reason, kind)
    reason = f"no accepted run yet; accept this one: {accept_command}"
    in_unit = None if drop is None else shown_points(drop)
    return replace(_undecided(context, "no baseline", reason, kind), minimum_detectable_drop=in_unit)


def _conclude(gate: PendingGate, p_values: Corrected) -> Verdict:
    adjusted, gates = p_values.get(id(gate), (p_values_of(gate.evidence), 1))
    evidence, p_value = gate.evidence, adjusted[-1]
    if isinstance(evidence, Sequential):
        evidence = evidence.corrected(adjusted)
    try:
        result = result_of(gate.kind, gate.context, evidence, p_value, gates)
    except NoComparison as error:
        return _undecided(gate.context, error.status, error.reason, gate.kind)
    status, reason = STATUS[result.verdict], result.reason
    if gate.context.pairing.partial and result.gating:
        status = "inconclusive" if status == "pass" else status
        reason = f"{gate.context.pairing.partial}; on the others: {reason}"
    if result.suspicious and gate.context.pairing.copies:
        reason += "; no confirmation run: this model is deterministic"
    verdict = _verdict(gate.context, status, reason + gate.context.pairing.remark, gate.kind)
    return with_numbers(verdict, result, screening=gate.context.stage == "screen")


def _undecided(context: GateContext, status: Status, reason: str, kind: GateKind | None = None) -> Verdict:
    verdict = _verdict(context, status, reason, kind)
    return replace(verdict, gating=status == "error" or kind is None or not kind.informs)


def _verdict(context: GateContext, status: Status, reason: str, kind: GateKind | None) -> Verdict:
    pairing, rule = context.pairing, context.rule
    names = (pairing.model, pairing.prompt, rule.metric)
    is_ratio = (kind.unit if kind else rule.unit) == "ratio"
    return Verdict(
        *names,
        status,
        one_line(reason),
        margin=float(f"{100 * rule.margin:.6g}"),  # 0.07 is 7, not 7.000000000000001
        at_least=None if rule.at_least is None else 100 * rule.at_least,
        tag=rule.tag,
        pinned=pairing.pinned,
        unit="percent" if is_ratio else "points",
        level_unit=kind.level_unit if kind else "points",
    )
