"""Baselines and verdicts."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from evalharness.errors import StoreError
from evalharness.records.answer_label import JudgeFacts
from evalharness.records.sample import Sample

ChangeUnit = Literal["points", "percent"]
"""Unit of a change: points of a score (0 to 100), where minus is worse, or percent, where plus is dearer or slower."""
LevelUnit = Literal["points", "tokens", "seconds", ""]
"""Unit of the means on both sides of a change; empty if unknown."""

Status = Literal["pass", "fail", "inconclusive", "error", "incomparable", "no baseline"]

SEVERITY: tuple[Status, ...] = ("pass", "inconclusive", "no baseline", "incomparable", "fail", "error")
"""The statuses from best to worst. The status of a run is the worst of its verdicts."""


def worst(statuses: Sequence[Status]) -> Status:
    """The worst of the statuses; `pass` if there are none."""
    return max(statuses, key=SEVERITY.index, default="pass")


@dataclass(frozen=True, slots=True)
class AcceptedRun:
    """A run of a baseline."""

    id: str
    accepted_at: str
    machine_class: str
    signatures: Mapping[str, str]
    request_digest: str
    """Digest of model identity, prompt and parameters; equal for all runs of one baseline."""
    calibration_s: float | None = None
    """Seconds of a fixed piece of work during the run: the speed of the machine."""
    identity: Mapping[str, Any] | None = None
    """Identity of the model: provider, file hash, engine, ...; None in older baselines, which do not store it."""
    slots: int | None = None
    """Number of responses that a local engine generated at once. Seconds are compared only if this is equal."""


@dataclass(frozen=True, slots=True)
class BaselineSample:
    """One sample of an accepted run, with the fields that comparisons need."""

    run: str
    text: str
    scores: Mapping[str, float]
    prompt_tokens: int
    completion_tokens: int
    total_s: float | None
    """None if the seconds cannot be compared: of a replayed or repeated request."""
    first_token_s: float | None = None
    per_token_s: float | None = None
    not_applicable: tuple[str, ...] = field(default=(), kw_only=True)
    """The metrics that have nothing to score here, and so no score."""

    @property
    def text_hash(self) -> int:
        """Python's hash of the text: equal texts have equal ones in a process."""
        return hash(self.text)

    def with_scores(self, scores: Mapping[str, float]) -> BaselineSample:
        """The sample with other scores."""
        return replace(self, scores=scores)

    def seconds(self, timing: str) -> float | None:
        """Seconds of one of the `TIMINGS`; None if they cannot be compared."""
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
    """The samples of one case in the accepted runs."""

    digest: str
    """Digest of the case."""
    samples: tuple[BaselineSample, ...]
    line: int
    """Line in the file of the baseline."""


class IndexedCases(Mapping[str, BaselineCase]):
    """Cases that are read from a file when they are needed. Their digests need no reading."""

    @abstractmethod
    def digest_hash(self, case: str) -> int:
        """Python's hash of the digest of a case."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """Up to five accepted runs of one suite, model and prompt.

    The file is `golden/baselines/SUITE/MODEL.PROMPT.jsonl`.
    """

    file: str
    suite: str
    model: str
    prompt: str
    runs: tuple[AcceptedRun, ...]
    cases: Mapping[str, BaselineCase]

    def match(self, sample: Sample, *, edited: bool = False) -> BaselineSample | None:
        """The latest accepted sample of the same case.

        It has the scores whose signatures are equal. None if the case is not in the baseline, or was edited since. With
        `edited`, an edited case matches too.
        """
        scored = [(score.metric, score.signature) for score in sample.scores]
        return self.latest(sample.key.case, None if edited else hash(sample.digest), scored)

    def latest(self, case: str, digest: int | None, scored: Iterable[tuple[str, str]]) -> BaselineSample | None:
        """The latest accepted sample of a case, with the scores of these metrics and signatures.

        None if the case is not in the baseline, or its digest has another hash than `digest`.
        """
        stored = self.cases.get(case)
        if stored is None or digest not in (None, hash(stored.digest)):
            return None
        known, latest = self.signatures, stored.samples[-1]
        comparable = {metric for metric, signature in scored if known.get(metric) == signature}
        return latest.with_scores({name: value for name, value in latest.scores.items() if name in comparable})

    @property
    def signatures(self) -> Mapping[str, str]:
        """The signature of each metric in the latest accepted run."""
        return self.runs[-1].signatures if self.runs else {}

    @property
    def metric_names(self) -> list[str]:
        """The metrics of the accepted runs."""
        return list(dict.fromkeys(metric for run in self.runs for metric in run.signatures))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a table row for each sample of an accepted run.

        A baseline keeps fewer columns than a run.
        """
        accepted_at = {run.id: run.accepted_at for run in self.runs}
        names = {"suite": self.suite, "model": self.model, "prompt": self.prompt}
        for case, stored in self.cases.items():
            repeats: Counter[str] = Counter()  # samples are stored in the order of their repeats
            for sample in stored.samples:
                run = {"run_id": sample.run, "accepted_at": accepted_at[sample.run], "repeat": repeats[sample.run]}
                yield {**names, "case": case, "digest": stored.digest, **run, **sample.row()}
                repeats[sample.run] += 1

    def to_pandas(self) -> Any:
        """Return a pandas.DataFrame with one row per sample, in the columns of a run.

        Unknown values are missing. Raises MissingExtraError without pandas.
        """
        from evalharness.records import table

        return table.frame(self.rows(), self.metric_names, self.signatures)


Baselines = Mapping[tuple[str, str], Baseline | StoreError | None]
"""(model, prompt) -> the baseline, the error that reading it raises, or None if there is none."""


@dataclass(frozen=True, slots=True)
class Slice:
    """The change of a metric for one tag."""

    tag: str
    cases: int
    change: float
    """Mean change over the cases in points; minus is worse. Inside a gate, of a 0..1 score."""
    q_value: float | None
    """p-value of "worse", corrected for the number of tags; None with too few cases for a test."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of a gate on one metric of one model and prompt.

    Means and changes are rounded as every report shows them.
    """

    model: str
    prompt: str
    metric: str
    status: Status
    reason: str
    """One line of text."""
    gating: bool = True
    """False for a gate that is only shown and does not change the status of the run."""
    margin: float | None = None
    """Margin of the rule, in `unit`: 5.0 is 5 points or 5 %."""
    at_least: float | None = None
    """The level that the gate requires whatever the baseline is, in `level_unit`; None for none."""
    before: float | None = None
    """Mean of the baseline over the compared cases, in `level_unit`. Tokens and seconds have a geometric mean."""
    after: float | None = None
    """The same of this run. Seconds are corrected for the speed of the machine."""
    change: float | None = None
    """The change from `before` to `after`, in `unit`."""
    low: float | None = None
    """One-sided 95 % lower bound of the change; None if unknown. With fresh samples, over all looks together."""
    high: float | None = None
    """One-sided 95 % upper bound of the change; None if unknown."""
    p_value: float | None = None
    """p-value of "worse", Holm-adjusted over the gates of the run."""
    cases: int = 0
    """Number of compared cases."""
    tag: str = ""
    """Tag of the compared cases; empty for all."""
    minimum_detectable_drop: float | None = None
    """Drop in points that a run like this one detects 80 % of the time."""
    needed_cases: int | None = None
    """Number of additional cases that would settle an inconclusive gate 80 % of the time, if nothing has changed."""
    needed_repeats: int | None = None
    """Number of additional runs of each case that would do the same."""
    suspicious: bool = False
    """Whether the gate needs a confirmation before it may fail, and fresh samples are possible."""
    open: bool = False
    """Whether fresh samples are possible and can decide this inconclusive gate."""
    population_p: float | None = None
    """p-value of "worse" on cases like these, which a failure needs too."""
    up: int = 0
    """Number of cases whose mean went up."""
    down: int = 0
    """Number of cases whose mean went down."""
    worst: tuple[tuple[str, float], ...] = ()
    """The cases that lost most, and the change of each in `unit`."""
    slices: tuple[Slice, ...] = ()
    """The change of each tag."""
    pinned: bool = False
    """Whether the gate compares with the pinned baseline, which accepted runs do not move."""
    unit: ChangeUnit = "points"
    """Unit of the margin, the change and its bounds."""
    level_unit: LevelUnit = "points"
    """Unit of `before` and `after`."""
    notice: str = ""
    """The part of the reason that each report shows after a PASS too."""
    judge: JudgeFacts | None = None
    """For a gate on a judge with labels of people."""

    @property
    def name(self) -> str:
        """The name of the gate, as in `suites/support.yaml::gate[NAME]`."""
        parts = (self.model, self.prompt, self.metric, self.tag, "pinned" if self.pinned else "")
        return "-".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class PromptChange:
    """A prompt whose text differs from that of an earlier version."""

    name: str
    file: str
    """The files that it is read from."""
    then: str
    """The templates of its messages, each below its role."""
    now: str


@dataclass(frozen=True, slots=True)
class CriteriaChange:
    """One difference between two criteria: a line of the table.

    Its texts are short, without line ends.
    """

    what: str
    """The setting that differs."""
    then: str
    """The old value; empty if `now` describes the difference."""
    now: str
    """The new value, or a description."""
    relaxes: bool
    """Whether a worse response may pass now."""
    accepts: str = ""
    """MODEL.PROMPT where accepting a run makes this difference. It does not relax if the run is the compared one."""

    def __str__(self) -> str:
        return f"{self.what}: {self.then} -> {self.now}" if self.then else f"{self.what}: {self.now}"
