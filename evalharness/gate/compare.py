"""A run against its baselines: which cases compare, what each gate says. A function of records alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalharness.errors import StoreError
from evalharness.gate.judge import ALPHA_PASS, Evidence, decide, weigh
from evalharness.gate.latency import hodges_lehmann
from evalharness.gate.permutation import holm
from evalharness.gate.wording import explain_cost, explain_latency, explain_score
from evalharness.records import Baseline, Draw, Failure, Run, RunHeader, Sample, Status, Verdict

Baselines = Mapping[tuple[str, str], Baseline | StoreError | None]
"""By (model, prompt): the baseline, why it cannot be read, or None when there is none."""
UNMATCHED_SHARE = 0.10
"""More cases than this without a partner, and no gate passes."""
TOKEN_SPAN = math.log(2)
"""The pseudo-cases of the cost gate: one answer of twice the tokens, one of half."""
_MESSAGE_CHARS = 300


@dataclass(slots=True)
class Pairing:
    """One model and prompt of a run, beside its baseline."""

    model: str
    prompt: str
    samples: dict[str, list[Sample]]
    baseline: Baseline | None
    broken: str = ""
    """Why nothing may be concluded: cases lost, errored, or a damaged baseline."""
    partial: str = ""
    """Why nothing may be called a pass."""

    @property
    def cases(self) -> list[str]:
        """Cases that are the same on both sides."""
        known = self.baseline.cases if self.baseline else {}
        return [
            case
            for case, drawn in self.samples.items()
            if case in known and {sample.digest for sample in drawn} == {known[case].digest}
        ]


@dataclass(slots=True)
class Weighed:
    """A gate with data: waits for Holm over all of them."""

    pairing: Pairing
    metric: str
    margin: float
    evidence: Evidence
    changes: dict[str, float]


def judge_run(run: Run, baselines: Baselines, *, accept_command: str) -> list[Verdict]:
    """A verdict for each gate of each model and prompt that was run."""
    pairs = sorted({(key.model, key.prompt) for key in run.header.planned})
    pairings = [pair_up(run, model, prompt, baselines.get((model, prompt))) for model, prompt in pairs]
    verdicts: dict[tuple[str, str, str], Verdict] = {}
    weighed: list[Weighed] = []
    for pairing in pairings:
        for metric, margin in run.header.gates:
            found = _look(pairing, metric, margin, run.header, accept_command)
            if isinstance(found, Weighed):
                weighed.append(found)
            else:
                verdicts[pairing.model, pairing.prompt, metric] = found
    for gate, adjusted in zip(weighed, holm([gate.evidence.p_value for gate in weighed]), strict=True):
        verdicts[gate.pairing.model, gate.pairing.prompt, gate.metric] = _conclude(gate, adjusted)
    order = [(p.model, p.prompt, metric) for p in pairings for metric, _ in run.header.gates]
    return [verdicts[key] for key in order]


def pair_up(run: Run, model: str, prompt: str, baseline: Baseline | StoreError | None) -> Pairing:
    """The samples of a model and prompt by case, and everything that keeps them from being compared."""
    mine = [sample for sample in run.samples if (sample.key.model, sample.key.prompt) == (model, prompt)]
    samples: dict[str, list[Sample]] = {}
    for sample in mine:
        samples.setdefault(sample.key.case, []).append(sample)
    known = baseline if isinstance(baseline, Baseline) else None
    pairing = Pairing(model, prompt, samples, known)
    mine_keys = {sample.key for sample in mine}
    planned = {key for key in run.header.planned if (key.model, key.prompt) == (model, prompt)}
    selected = {key: None for key in run.selected if (key.model, key.prompt) == (model, prompt)}
    lost = list(dict.fromkeys(key.case for key in selected if key not in mine_keys))
    if isinstance(baseline, StoreError):
        pairing.broken = str(baseline)
    elif known and known.suite != run.header.suite:
        pairing.broken = f"{known.file}:1: this is a baseline of the suite {known.suite}"
    elif problems := list(_problems(mine, lost, known, {key.case for key in planned})):
        pairing.broken = "; ".join(problems)
    if run.stopped:
        pairing.partial = "the run was stopped"
    elif not planned <= selected.keys():
        pairing.partial = f"{len(planned & selected.keys())} of {len(planned)} answers were asked for"
    elif known:
        pairing.partial = _unmatched(pairing)
    return pairing


def _problems(
    samples: Sequence[Sample], lost: Sequence[str], baseline: Baseline | None, planned: set[str]
) -> Iterator[str]:
    errored = {sample.key.case: sample.error for sample in samples if sample.error or not sample.response}
    if errored:
        first = next((error for error in errored.values() if error), Failure("provider", "no response"))
        yield f"no result for {_some(list(errored))} ({first.kind}: {first.message[:_MESSAGE_CHARS]})"
    if lost:
        yield f"never answered: {_some(lost)}"
    twice = [key.case for key, count in Counter(sample.key for sample in samples).items() if count > 1]
    if twice:
        yield f"answered twice: {_some(twice)}"
    deleted = [case for case in baseline.cases if case not in planned] if baseline else []
    if baseline and deleted:
        place = f"{baseline.file}:{baseline.cases[deleted[0]].line}"
        yield f"in the baseline but no longer in the suite: {_some(deleted)} ({place}); put it back or accept a run"


def _unmatched(pairing: Pairing) -> str:
    assert pairing.baseline
    same = set(pairing.cases)
    edited = [case for case in pairing.samples if case in pairing.baseline.cases and case not in same]
    if edited:
        return f"edited since the baseline was accepted, so not compared: {_some(edited)}"
    new = [case for case in pairing.samples if case not in pairing.baseline.cases]
    if len(new) > UNMATCHED_SHARE * len(pairing.samples):
        return f"new since the baseline was accepted, so not compared: {_some(new)}"
    return ""


def _look(pairing: Pairing, metric: str, margin: float, header: RunHeader, accept_command: str) -> Verdict | Weighed:
    def verdict(status: Status, reason: str) -> Verdict:
        gating = metric != "latency"
        return Verdict(pairing.model, pairing.prompt, metric, status, _one_line(reason), gating=gating, margin=margin)

    if pairing.broken:
        return verdict("error", pairing.broken)
    if pairing.baseline is None:
        return verdict("no baseline", f"no accepted run yet; to accept this one: {accept_command}")
    if metric == "latency":
        return _latency(pairing, margin, header)
    if metric != "cost":
        then, now = pairing.baseline.runs[-1].signatures.get(metric), header.signatures.get(metric)
        if then != now:
            reason = f"scored otherwise: the baseline by {then or 'nothing'}, this run by {now}; accept a new baseline"
            return verdict("incomparable", reason)
    if not pairing.cases:
        return verdict("incomparable", "no case of this run is in the baseline as it is now")
    if unusable := _unusable(pairing, metric, header):
        return verdict("error", unusable)
    return _weigh(pairing, metric, margin, header)


def _unusable(pairing: Pairing, metric: str, header: RunHeader) -> str:
    """Which number that must be weighed is none, on either side."""
    assert pairing.baseline
    what = "token counts" if metric == "cost" else f"score of {metric} in [0, 1]"
    drawn = {case: [_draw(sample, header) for sample in samples] for case, samples in pairing.samples.items()}
    now = [case for case, draws in drawn.items() if not _usable(draws, metric)]
    if now:
        return f"no {what} for {_some(now)}"
    known = pairing.baseline.cases
    then = [case for case in pairing.cases if not _usable(known[case].draws, metric)]
    return f"{pairing.baseline.file}:{known[then[0]].line}: no {what} for {_some(then)}" if then else ""


def _usable(draws: Sequence[Draw], metric: str) -> bool:
    if metric == "cost":
        return bool(draws) and all(draw.prompt_tokens + draw.completion_tokens > 0 for draw in draws)
    return bool(draws) and all(0 <= draw.scores.get(metric, math.nan) <= 1 for draw in draws)


def _weigh(pairing: Pairing, metric: str, margin: float, header: RunHeader) -> Weighed:
    assert pairing.baseline
    known = pairing.baseline.cases
    then = {case: [_value(draw, metric) for draw in known[case].draws] for case in pairing.cases}
    now = {case: [_value(_draw(sample, header), metric) for sample in pairing.samples[case]] for case in pairing.cases}
    seed = "|".join([header.suite, pairing.model, pairing.prompt, metric, *(run.id for run in pairing.baseline.runs)])
    if metric == "cost":
        evidence = weigh(then, now, margin=math.log1p(margin), seed=seed, span=TOKEN_SPAN, floor=False)
    else:
        evidence = weigh(then, now, margin=margin, seed=seed)
    return Weighed(
        pairing, metric, margin, evidence, {case: float(np.mean(now[case]) - np.mean(then[case])) for case in then}
    )


def _draw(sample: Sample, header: RunHeader) -> Draw:
    assert sample.response  # a sample without one is an error, and then nothing is weighed
    scores = {s.metric: s.value for s in sample.scores if s.signature == header.signatures.get(s.metric)}
    usage = sample.response.usage
    return Draw("", sample.response.text, scores, usage.prompt_tokens, usage.completion_tokens, sample.latency_s)


def _value(draw: Draw, metric: str) -> float:
    """Higher is better: a score, or the negative log of the tokens."""
    if metric == "cost":
        return -math.log(draw.prompt_tokens + draw.completion_tokens)
    return draw.scores[metric]


def _conclude(gate: Weighed, adjusted: float) -> Verdict:
    evidence = replace(gate.evidence, p_value=adjusted)  # the p that is said is the p that decides
    status = decide(evidence, adjusted)
    tags = {case: drawn[0].tags for case, drawn in gate.pairing.samples.items()}
    reason = (
        explain_cost(status, evidence) if gate.metric == "cost" else explain_score(status, evidence, gate.changes, tags)
    )
    if status == "pass" and gate.pairing.partial:
        status, reason = "inconclusive", f"{gate.pairing.partial}; on the others: {reason}"
    unit = math.expm1 if gate.metric == "cost" else float  # costs were weighed as logarithms
    return Verdict(
        gate.pairing.model,
        gate.pairing.prompt,
        gate.metric,
        status,
        _one_line(reason),
        margin=gate.margin,
        drop=unit(-gate.evidence.change),
        largest_drop=unit(-gate.evidence.low),
        p_value=adjusted,
        cases=gate.evidence.cases,
    )


def _seconds(found: Iterable[float | None]) -> list[float]:
    """Those that may be compared."""
    return [seconds for seconds in found if seconds is not None and 0 < seconds < math.inf]


def _no_times(pairing: Pairing) -> str:
    replayed = sum(bool(sample.recorded_at) for samples in pairing.samples.values() for sample in samples)
    return f"{replayed} answers were replayed, and those say nothing of time" if replayed else "no times to compare"


def _latency(pairing: Pairing, margin: float, header: RunHeader) -> Verdict:
    assert pairing.baseline
    here = {run.id for run in pairing.baseline.runs if run.machine_class == header.machine_class}
    known, ratios = pairing.baseline.cases, []
    for case in pairing.cases:
        then = _seconds(draw.total_s for draw in known[case].draws if draw.run in here)
        now = _seconds(sample.latency_s for sample in pairing.samples[case])
        if then and now:
            ratios.append(math.log(float(np.median(now)) / float(np.median(then))))
    if not ratios:
        reason = _no_times(pairing) if here else f"no accepted run on a machine like this one ({header.machine_class})"
        return Verdict(pairing.model, pairing.prompt, "latency", "inconclusive", reason, gating=False, margin=margin)
    middle, low, high = hodges_lehmann(ratios, alpha=ALPHA_PASS)
    reason = explain_latency(middle, low, high, margin=margin, compared=len(ratios))
    return Verdict(
        pairing.model,
        pairing.prompt,
        "latency",
        "inconclusive",
        reason,
        gating=False,
        margin=margin,
        drop=math.expm1(middle),
        largest_drop=math.expm1(high),
        cases=len(ratios),
    )


def _one_line(text: str) -> str:
    """Messages of providers, names and tags of others' files: none of them starts a line of its own."""
    return " ".join(text.split())


def _some(cases: Sequence[str]) -> str:
    """'case a', or '12 cases (a, b, c, ...)'."""
    if len(cases) == 1:
        return f"case {cases[0]}"
    return f"{len(cases)} cases ({', '.join(cases[:3])}{', ...' if len(cases) > 3 else ''})"
