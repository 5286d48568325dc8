"""All pairings of a run: with its baselines, a reference run, pinned baselines."""

from __future__ import annotations

from dataclasses import replace

from evalharness.errors import StoreError
from evalharness.gate.identity import model_change
from evalharness.gate.pairing import Pairing, baseline_sample_of, pair_up, some
from evalharness.records import AcceptedRun, Baseline, BaselineCase, Baselines, Run, Sample, slots_of


def pairings_of(
    run: Run, baselines: Baselines, *, pinned: Baselines | None = None, reference: Run | None = None
) -> list[Pairing]:
    """A pairing for each model and prompt, then one for each pinned baseline."""
    pairs = sorted(run.header.planned.pairs)
    baselines = {} if run.header.against else baselines
    found = [_pairing(run, pair, baselines.get(pair), reference) for pair in pairs]
    found += [_pinned(run, pair, baseline) for pair in pairs if (baseline := (pinned or {}).get(pair)) is not None]
    for pairing in found:
        pairing.remark += model_change(pairing, run.header)
    return found


def _pairing(run: Run, pair: tuple[str, str], baseline: Baseline | StoreError | None, reference: Run | None) -> Pairing:
    if reference is not None and not isinstance(baseline, Exception):
        baseline = with_reference(baseline, reference, *pair)
    pairing = pair_up(run, *pair, baseline)
    if reference is not None:
        _check_reference(pairing, run, reference)
    return pairing


def _pinned(run: Run, pair: tuple[str, str], baseline: Baseline | StoreError) -> Pairing:
    pairing = pair_up(run, *pair, baseline)
    pairing.pinned = True
    return pairing


def _check_reference(pairing: Pairing, run: Run, reference: Run) -> None:
    """Note the cases that only the reference version has, and those without a response from it."""
    mine = (pairing.model, pairing.prompt)
    planned, others = run.header.planned.cases(*mine), reference.header.planned.cases(*mine)
    gone = [case for case in others if case not in planned] if run.header.against else []
    lost = [s.key.case for s in reference.samples if (s.key.model, s.key.prompt) == mine and not s.answered]
    if gone and not pairing.broken:
        pairing.broken = f"in the suite at {run.header.against[:12]} but not in this one: {some(gone)}"
    elif lost and not pairing.partial:
        pairing.partial = f"the reference version has no result for {some(list(dict.fromkeys(lost)))}"


def with_reference(baseline: Baseline | None, reference: Run, model: str, prompt: str) -> Baseline | None:
    """The baseline with the reference run as its last run.

    Samples without a response or a score, and cases that differ from the baseline's, are left out.
    """
    header = reference.header
    by_case: dict[str, list[Sample]] = {}
    for sample in reference.samples:
        if (sample.key.model, sample.key.prompt) == (model, prompt) and sample.answered:
            by_case.setdefault(sample.key.case, []).append(sample)
    if not by_case:
        return baseline
    known = baseline.cases if baseline else {}
    cases = {} if baseline is None else dict(known)
    for case, samples in by_case.items():
        before = known.get(case)
        if before is None and baseline is None:
            cases[case] = BaselineCase(
                samples[0].digest, tuple(baseline_sample_of(s, header, header.id) for s in samples), 0
            )
        elif before is not None and before.digest == samples[0].digest:
            merged = (*before.samples, *(baseline_sample_of(s, header, header.id) for s in samples))
            cases[case] = replace(before, samples=merged)
    slots = slots_of(sample for samples in by_case.values() for sample in samples)
    identity = header.models.get(model)
    run = AcceptedRun(
        header.id, header.started_at, header.machine_class, header.signatures, "", identity=identity, slots=slots
    )
    return Baseline(
        baseline.file if baseline else header.file,
        header.suite,
        model,
        prompt,
        (*(baseline.runs if baseline else ()), run),
        cases,
    )
