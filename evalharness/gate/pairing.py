"""One model and prompt of a run, beside its baseline: which cases compare, and everything that keeps them from it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalharness.errors import StoreError
from evalharness.gate.defaults import UNMATCHED_SHARE
from evalharness.records import (
    TIMINGS,
    AcceptedRun,
    Baseline,
    BaselineCase,
    BaselineSample,
    Run,
    RunHeader,
    Sample,
    SampleError,
)

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
    remark: str = ""
    """What is to be said beside any verdict."""
    pinned: bool = False
    """Whether the baseline is the fixed older one."""
    copies: bool = False
    """Whether a second draw of this model is a copy of the first."""

    @property
    def known_cases(self) -> Mapping[str, BaselineCase]:
        """The cases of the baseline."""
        return self.baseline.cases if self.baseline else {}

    @property
    def accepted(self) -> tuple[AcceptedRun, ...]:
        """The runs of the baseline, a reference run beside this one included."""
        return self.baseline.runs if self.baseline else ()

    @property
    def accepted_runs(self) -> list[str]:
        """Their ids, without a reference run: its id is of today."""
        return [run.id for run in self.accepted if run.request_digest]

    @property
    def signatures(self) -> Mapping[str, str]:
        """The signature of each metric in the baseline."""
        return self.baseline.signatures if self.baseline else {}

    def place(self, case: str) -> str:
        """File and line of a case of the baseline."""
        assert self.baseline
        return f"{self.baseline.file}:{self.baseline.cases[case].line}"

    @property
    def cases(self) -> list[str]:
        """Cases that are the same on both sides."""
        known = self.known_cases
        return [
            case
            for case, drawn in self.samples.items()
            if case in known and {sample.digest for sample in drawn} == {known[case].digest}
        ]


def pair_up(run: Run, model: str, prompt: str, baseline: Baseline | StoreError | None) -> Pairing:
    """The samples of a model and prompt by case, and everything that keeps them from being compared."""
    mine = [
        sample
        for sample in run.samples
        if (sample.key.model, sample.key.prompt) == (model, prompt) and sample.purpose != "rerun"
    ]
    samples: dict[str, list[Sample]] = {}
    for sample in mine:
        samples.setdefault(sample.key.case, []).append(sample)
    known = baseline if isinstance(baseline, Baseline) else None
    pairing = Pairing(model, prompt, samples, known, copies=model in run.header.deterministic)
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
        first = next((error for error in errored.values() if error), SampleError("provider", "no response"))
        yield f"no result for {some(list(errored))} ({first.kind}: {first.message[:_MESSAGE_CHARS]})"
    if lost:
        yield f"never answered: {some(lost)}"
    twice = [key.case for key, count in Counter(sample.key for sample in samples).items() if count > 1]
    if twice:
        yield f"answered twice: {some(twice)}"
    deleted = [case for case in baseline.cases if case not in planned] if baseline else []
    if baseline and deleted:
        place = f"{baseline.file}:{baseline.cases[deleted[0]].line}"
        yield f"in the baseline but no longer in the suite: {some(deleted)} ({place}); put it back or accept a run"


def _unmatched(pairing: Pairing) -> str:
    assert pairing.baseline
    same = set(pairing.cases)
    edited = [case for case in pairing.samples if case in pairing.baseline.cases and case not in same]
    if edited:
        return f"edited since the baseline was accepted, so not compared: {some(edited)}"
    new = [case for case in pairing.samples if case not in pairing.baseline.cases]
    if len(new) > UNMATCHED_SHARE * len(pairing.samples):
        return f"new since the baseline was accepted, so not compared: {some(new)}"
    if new:
        pairing.remark = f"; not in the baseline: {some(new)}"
    return ""


def baseline_sample_of(sample: Sample, header: RunHeader, run: str = "") -> BaselineSample:
    """A sample as the gates see it: scores that were not made as the header says are none."""
    assert sample.response  # a sample without one is an error, and then nothing is weighed
    scores = {s.metric: s.value for s in sample.scores if s.signature == header.signatures.get(s.metric)}
    usage = sample.response.usage
    seconds = [sample.seconds(timing) for timing in TIMINGS]
    return BaselineSample(run, sample.response.text, scores, usage.prompt_tokens, usage.completion_tokens, *seconds)


def baseline_samples(pairing: Pairing, case: str, *, copies: bool) -> Sequence[BaselineSample]:
    """The baseline's draws of a case, in the order of its runs. Copies of a deterministic model are one."""
    assert pairing.baseline
    order = {run.id: number for number, run in enumerate(pairing.baseline.runs)}
    draws = sorted(pairing.baseline.cases[case].samples, key=lambda draw: order.get(draw.run, 0))
    return draws[-1:] if copies else draws


def one_line(text: str) -> str:
    """Messages of providers, names and tags of others' files: none of them starts a line of its own."""
    return " ".join(text.split())


def some(cases: Sequence[str]) -> str:
    """'case a', or '12 cases (a, b, c, ...)'."""
    if len(cases) == 1:
        return f"case {cases[0]}"
    return f"{len(cases)} cases ({', '.join(cases[:3])}{', ...' if len(cases) > 3 else ''})"
