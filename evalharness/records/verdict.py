"""What a run is compared with, and what came of it: baselines and verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from evalharness.errors import StoreError
from evalharness.records.run import Sample
from evalharness.records.suite import Unit

Status = Literal["pass", "fail", "inconclusive", "error", "incomparable", "no baseline"]

SEVERITY: tuple[Status, ...] = ("pass", "inconclusive", "no baseline", "incomparable", "fail", "error")
"""From good to bad: a run is as bad as the worst of its verdicts."""


def worst(statuses: Sequence[Status]) -> Status:
    """The status of a run whose parts have these."""
    return max(statuses, key=SEVERITY.index, default="pass")


@dataclass(frozen=True, slots=True)
class AcceptedRun:
    """A run that people made part of a baseline."""

    id: str
    accepted_at: str
    machine_class: str
    signatures: Mapping[str, str]
    request_digest: str
    """Digest of model identity, prompt and parameters; equal for all runs of one baseline."""
    calibration_s: float | None = None
    """Seconds of a fixed piece of work beside the run: how fast the machine was just then."""
    identity: Mapping[str, Any] | None = None
    """What answered: provider, file hash, engine, ...; None in a baseline from before this was kept."""
    slots: int | None = None
    """How many answers a local engine could grow at once: its seconds compare only with seconds of the same shape."""


@dataclass(frozen=True, slots=True)
class BaselineSample:
    """One sample of an accepted run, as far as comparisons need it."""

    run: str
    text: str
    scores: Mapping[str, float]
    prompt_tokens: int
    completion_tokens: int
    total_s: float | None
    """None where the seconds say nothing: a replayed or repeated request."""
    first_token_s: float | None = None
    per_token_s: float | None = None

    def seconds(self, timing: str) -> float | None:
        """One of `TIMINGS`."""
        return {"latency": self.total_s, "first_token": self.first_token_s, "per_token": self.per_token_s}[timing]

    def row(self) -> dict[str, Any]:
        """Return the sample as a table row, without the columns of its baseline."""
        return {
            "answer": self.text,
            **{f"score_{metric}": value for metric, value in self.scores.items()},
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "latency_s": self.total_s,
            "first_token_s": self.first_token_s,
            "per_token_s": self.per_token_s,
        }


@dataclass(frozen=True, slots=True)
class BaselineCase:
    """What the accepted runs have on one case."""

    digest: str
    samples: tuple[BaselineSample, ...]
    line: int
    """Where it stands in the file."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Up to five accepted runs of one suite, model and prompt: `golden/baselines/SUITE/MODEL.PROMPT.jsonl`."""

    file: str
    suite: str
    model: str
    prompt: str
    runs: tuple[AcceptedRun, ...]
    cases: Mapping[str, BaselineCase]

    def match(self, sample: Sample, *, edited: bool = False) -> BaselineSample | None:
        """The latest accepted sample of the same case, with the scores that compare: those of equal signature.

        None if the case is not in the baseline, or has changed since; `edited` allows a change.
        """
        stored = self.cases.get(sample.key.case)
        if stored is None or (stored.digest != sample.digest and not edited):
            return None
        comparable = {score.metric for score in sample.scores if self.signatures.get(score.metric) == score.signature}
        latest = stored.samples[-1]
        return replace(latest, scores={name: value for name, value in latest.scores.items() if name in comparable})

    @property
    def signatures(self) -> Mapping[str, str]:
        """The signature of each metric in the latest run."""
        return self.runs[-1].signatures if self.runs else {}

    @property
    def metric_names(self) -> list[str]:
        """The metrics of the accepted runs."""
        return list(dict.fromkeys(metric for run in self.runs for metric in run.signatures))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a table row for each sample of an accepted run; a baseline keeps fewer columns than a run."""
        accepted_at = {run.id: run.accepted_at for run in self.runs}
        names = {"suite": self.suite, "model": self.model, "prompt": self.prompt}
        for case, stored in self.cases.items():
            repeats: Counter[str] = Counter()  # samples are stored in the order of their repeats
            for draw in stored.samples:
                times = {"run_id": draw.run, "accepted_at": accepted_at[draw.run], "repeat": repeats[draw.run]}
                yield {**names, "case": case, "digest": stored.digest, **times, **draw.row()}
                repeats[draw.run] += 1

    def to_pandas(self) -> Any:
        """Return a pandas.DataFrame with one row per sample, in the columns of a run; missing where unknown.

        Raises MissingExtraError without pandas.
        """
        from evalharness.records import table

        return table.frame(self.rows(), self.metric_names, self.signatures)


Baselines = Mapping[tuple[str, str], Baseline | StoreError | None]
"""By (model, prompt): the baseline, why it cannot be read, or None when there is none."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One tag's change of a metric."""

    tag: str
    cases: int
    change: float
    """Mean over its cases; negative is worse."""
    q_value: float | None
    """Of "worse", corrected for the number of tags; None where there are too few cases to test."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a gate said about one metric of one model and prompt."""

    model: str
    prompt: str
    metric: str
    status: Status
    reason: str
    """One line for a person."""
    gating: bool = True
    """False: said for information, never changes the colour of the run."""
    margin: float | None = None
    """As the suite has it, in `unit`."""
    drop: float | None = None
    """How much worse, in the unit of the margin; negative is better."""
    largest_drop: float | None = None
    """What the data leave possible: its 95 % one-sided upper bound."""
    p_value: float | None = None
    """Holm-adjusted over the gates of the run."""
    cases: int = 0
    """Cases present on both sides."""
    tag: str = ""
    """The cases that it speaks of; "" for all."""
    minimum_detectable_drop: float | None = None
    """What a run like this one catches 80 % of the time."""
    needed_cases: int | None = None
    """So many more cases would settle an inconclusive gate 80 % of the time, if nothing has changed."""
    needed_repeats: int | None = None
    """Or so many more runs of each case."""
    suspicious: bool = False
    """Bad enough to look again before it may fail, and fresh draws can still be asked for."""
    slices: tuple[Slice, ...] = ()
    pinned: bool = False
    """Compared with the pinned baseline, which no accepted run moves."""
    unit: Unit = "points"
    """Of the margin and of each drop: points of a 0..1 score, or a ratio (0.10 is 10 % more seconds or tokens)."""

    @property
    def name(self) -> str:
        """As in `suites/support.yaml::gate[NAME]`."""
        parts = (self.model, self.prompt, self.metric, self.tag, "pinned" if self.pinned else "")
        return "-".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Change:
    """One way in which the exam is another: a line of the table. Its texts are short and have no line end."""

    what: str
    then: str
    """Empty where `now` says it all."""
    now: str
    relaxes: bool
    """A worse answer may pass now. False: the exam can only have become harder, or is as hard as before."""

    def __str__(self) -> str:
        return f"{self.what}: {self.then} -> {self.now}" if self.then else f"{self.what}: {self.now}"
