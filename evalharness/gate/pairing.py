"""Pairs the samples of one model and prompt with their baseline.

Collects the reasons against a comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from evalharness.errors import StoreError
from evalharness.gate.case_samples import CaseSamples, StoredCases, is_unedited, repeated_cases, samples_by_case
from evalharness.gate.defaults import UNMATCHED_SHARE
from evalharness.records import (
    AcceptedRun,
    Baseline,
    BaselineCase,
    BaselineSample,
    Run,
    RunHeader,
    Sample,
    SampleError,
)
from evalharness.records.marks import Mark, marked
from evalharness.records.numbers import Numbers
from evalharness.records.text_on_disk import StoredText, TextOnDisk

_MESSAGE_CHARS = 300


@dataclass(slots=True)
class Pairing:
    """One model and prompt of a run, with its baseline."""

    model: str
    prompt: str
    samples: CaseSamples
    baseline: Baseline | None
    broken: str = ""
    """Reason for an ERROR: missing or errored cases, or a damaged baseline."""
    partial: str = ""
    """Reason against a PASS."""
    remark: str = ""
    """Appended to the reason of every verdict."""
    pinned: bool = False
    """Whether the baseline is the pinned one."""
    copies: bool = False
    """Whether the model is deterministic, so that a second sample is a copy of the first."""
    _cases: list[str] | None = field(default=None, init=False, repr=False, compare=False)

    @property
    def known_cases(self) -> Mapping[str, BaselineCase]:
        """The cases of the baseline."""
        return self.baseline.cases if self.baseline else {}

    @property
    def accepted(self) -> tuple[AcceptedRun, ...]:
        """The runs of the baseline, including a reference run."""
        return self.baseline.runs if self.baseline else ()

    @property
    def accepted_runs(self) -> list[str]:
        """The ids of the accepted runs.

        A reference run is left out, because its id differs with every run.
        """
        return [run.id for run in self.accepted if run.request_digest]

    @property
    def one_day(self) -> str:
        """The day of acceptance of all runs, ISO 8601, UTC; "" if there are several."""
        days = {run.accepted_at[:10] for run in self.accepted if run.request_digest}
        return days.pop() if len(days) == 1 else ""

    @property
    def signatures(self) -> Mapping[str, str]:
        """The signature of each metric in the latest accepted run. A reference run has those of today."""
        runs = [run for run in self.accepted if run.request_digest] or self.accepted
        return runs[-1].signatures if runs else {}

    def place(self, case: str) -> str:
        """File and line of a case in the baseline."""
        assert self.baseline
        return f"{self.baseline.file}:{self.baseline.cases[case].line}"

    @property
    def cases(self) -> list[str]:
        """The cases that are unchanged since the baseline."""
        if self._cases is None:
            known, samples = self.known_cases, self.samples
            self._cases = [case for case in samples if case in known and is_unedited(samples, case, known)]
        return self._cases


def pair_up(run: Run, model: str, prompt: str, baseline: Baseline | StoreError | None) -> Pairing:
    """The samples of a model and prompt, paired with their baseline.

    The pairing has the reasons against a comparison.
    """
    known = baseline if isinstance(baseline, Baseline) else None
    samples = samples_by_case(run, model, prompt)
    pairing = Pairing(model, prompt, samples, known, copies=model in run.header.deterministic)
    if isinstance(baseline, StoreError):
        pairing.broken = str(baseline)
    elif known and known.suite != run.header.suite:
        pairing.broken = f"{known.file}:1: expected a baseline of the suite {run.header.suite}, got {known.suite}"
    elif problems := list(_problems(run, pairing)):
        pairing.broken = "; ".join(problems)
    if run.stopped:
        pairing.partial = "the run was stopped"
    elif unselected := _unselected(run, model, prompt):
        planned = run.header.planned.number(model, prompt)
        pairing.partial = f"only {planned - unselected} of {planned} samples were selected"
    elif known:
        pairing.partial = _unmatched(pairing)
    return pairing


def _unselected(run: Run, model: str, prompt: str) -> int:
    """The number of planned samples of a model and prompt that were not selected."""
    planned = run.header.planned
    if run.selected is planned:
        return 0
    return sum((key.model, key.prompt) == (model, prompt) for key in planned.lacking(run.selected))


def _problems(run: Run, pairing: Pairing) -> Iterator[str]:
    pair, baseline = (pairing.model, pairing.prompt), pairing.baseline
    bad = marked(run.samples, Mark.ANY, Mark.RERUN | Mark.ANSWERED)
    errored = {one.key.case: one.error for one in bad if (one.key.model, one.key.prompt) == pair}
    if errored:
        first = next((error for error in errored.values() if error), SampleError("provider", "no response"))
        yield f"no result for {some(list(errored))} ({str(first)[:_MESSAGE_CHARS]})"
    if lost := list(dict.fromkeys(key.case for key in run.lost if (key.model, key.prompt) == pair)):
        yield f"no sample of {some(lost)}"
    if twice := repeated_cases(pairing.samples):
        yield f"duplicate samples of {some(twice)}"
    planned = run.header.planned.cases(*pair)
    deleted = [case for case in baseline.cases if case not in planned] if baseline else []
    if baseline and deleted:
        place = f"{baseline.file}:{baseline.cases[deleted[0]].line}"
        yield f"in the baseline but not in the suite: {some(deleted)} ({place}); restore it, or accept a new run"


def _unmatched(pairing: Pairing) -> str:
    assert pairing.baseline
    same = set(pairing.cases)
    edited = [case for case in pairing.samples if case in pairing.baseline.cases and case not in same]
    if edited:
        return f"edited since the baseline was accepted, not compared: {some(edited)}"
    new = [case for case in pairing.samples if case not in pairing.baseline.cases]
    if len(new) > UNMATCHED_SHARE * len(pairing.samples):
        return f"new since the baseline was accepted, not compared: {some(new)}"
    if new:
        pairing.remark = f"; not in the baseline: {some(new)}"
    return ""


def baseline_sample_of(sample: Sample, header: RunHeader, run: str = "") -> BaselineSample:
    """A sample in the form of a baseline.

    Scores whose signature is not that of the header are left out.
    """
    assert sample.response  # without one, the pairing is broken and no gate compares
    scores = {s.metric: s.value for s in sample.scores if s.signature == header.signatures.get(s.metric)}
    usage = sample.response.usage
    tokens = usage.prompt_tokens, usage.completion_tokens
    left_out = tuple(one.metric for one in sample.not_applicable if one.metric in header.signatures)
    return BaselineSample(run, sample.response.text, scores, *tokens, *sample.timings.values(), not_applicable=left_out)


def stored_samples_of(samples: StoredCases, case: str, wanted: Mark, header: RunHeader) -> list[BaselineSample]:
    """The same for the samples of a case with one of these marks, whose texts stay in the record."""
    return [
        _on_disk(samples.numbers(place), partial(samples.text, place), header) for place in samples.places(case, wanted)
    ]


def _on_disk(found: Numbers, read: Callable[[], str], header: RunHeader) -> BaselineSample:
    known = header.signatures
    scores = {
        metric: value
        for (metric, signature), value in zip(found.scored, found.values, strict=True)
        if signature == known.get(metric)
    }
    left_out = tuple([metric for metric in found.not_applicable if metric in known])
    tokens = found.prompt_tokens, found.completion_tokens
    return TextOnDisk.of(StoredText(found.text_hash, read), "", scores, tokens, found.timings, left_out)


def baseline_samples(pairing: Pairing, case: str, *, copies: bool) -> Sequence[BaselineSample]:
    """The samples of a case in the baseline, in the order of its runs.

    Only the latest if they are copies.
    """
    assert pairing.baseline
    order = {run.id: number for number, run in enumerate(pairing.baseline.runs)}
    samples = sorted(pairing.baseline.cases[case].samples, key=lambda sample: order.get(sample.run, 0))
    return samples[-1:] if copies else samples


def one_line(text: str) -> str:
    """The text on one line, because untrusted texts must not start a new one."""
    return " ".join(text.split())


def some(cases: Sequence[str]) -> str:
    """Case ids for a message: 'case a', or '12 cases (a, b, c, ...)'."""
    if len(cases) == 1:
        return f"case {cases[0]}"
    return f"{len(cases)} cases ({', '.join(cases[:3])}{', ...' if len(cases) > 3 else ''})"
