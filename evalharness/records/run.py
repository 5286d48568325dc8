"""What an invocation produces: scores, samples, runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalharness.records.response import Purpose, Response, SampleKey
from evalharness.records.suite import GateRule, Message

TIMINGS = ("latency", "first_token", "per_token")
"""Seconds of a response: all of it, until its first token, for each further token."""


@dataclass(frozen=True, slots=True)
class Score:
    """A metric's number in [0, 1], higher is better. Two scores compare only if their signatures are equal."""

    metric: str
    value: float
    signature: str
    explanation: str = ""
    """Why the score is what it is, for people."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Numbers that the score consists of, by name."""

    @property
    def of_one_model(self) -> bool:
        """Whether it is a number per token, by its signature: it then compares only with scores of the same model."""
        return "|per:token" in self.signature


@dataclass(frozen=True, slots=True)
class SampleError:
    """An error as a value: the request or a metric failed, the run goes on."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One scored response: case x prompt x model x repeat."""

    key: SampleKey
    digest: str
    """The case's digest."""
    tags: tuple[str, ...]
    messages: tuple[Message, ...]
    golden: tuple[str, ...]
    response: Response | None
    scores: tuple[Score, ...] = ()
    failed_checks: tuple[str, ...] = ()
    """A sentence for each hard assertion that does not hold."""
    failed_stable: tuple[str, ...] = ()
    """The same for those with `must_pass: stable`."""
    error: SampleError | None = None
    cost_usd: float | None = None
    """None: no price is known."""
    recorded_at: str = ""
    """When a replayed response was generated: UTC, ISO 8601. Empty for a fresh response."""
    attempts: int = 1
    """Number of times the request was sent, by killed runs too; 0 if the sample shares another sample's response."""
    cluster: str = ""
    """Name of the group of dependent cases that its case belongs to."""
    metrics_cost_usd: float = 0.0
    """Dollars that this run spent on the requests of metrics for this sample. Cost gates ignore them."""

    @property
    def purpose(self) -> Purpose:
        """Why the sample was generated."""
        return self.key.purpose

    @property
    def latency_s(self) -> float | None:
        """Seconds that may be compared with others: asked now, at the first try, nothing read from a prompt cache."""
        asked_once = not self.recorded_at and self.attempts == 1
        if self.response is None or not asked_once or self.response.usage.cached_tokens:
            return None
        return self.response.timing.total_s

    def seconds(self, timing: str) -> float | None:
        """One of `TIMINGS`; None if it was not measured, or does not compare with others."""
        if self.latency_s is None or self.response is None:
            return None
        measured = self.response.timing
        rate = measured.decode_tokens_per_s
        per_token = 1 / rate if rate else None
        return {"latency": measured.total_s, "first_token": measured.first_token_s, "per_token": per_token}[timing]

    @property
    def slots(self) -> int | None:
        """How many answers a local engine could grow at once beside this one."""
        return self.response.timing.slots if self.response else None

    @property
    def answered(self) -> bool:
        """Asked, answered and scored by every metric."""
        return self.error is None and self.response is not None

    @property
    def ok(self) -> bool:
        """Asked, answered, scored by every metric, and all hard assertions hold."""
        return self.answered and not self.failed_checks

    def score(self, metric: str) -> Score | None:
        """The score that `metric` gave, if it gave one."""
        return next((score for score in self.scores if score.metric == metric), None)

    def row(self) -> dict[str, Any]:
        """Return the sample as a table row, without the columns of its run."""
        return {
            **self.key._asdict(),
            "tags": list(self.tags),
            "cluster": self.cluster or None,
            "digest": self.digest,
            **{f"score_{score.metric}": score.value for score in self.scores},
            **(_response_row(self.response) if self.response else {}),
            "error_kind": self.error.kind if self.error else None,
            "error_message": self.error.message if self.error else None,
            "failed_checks": list(self.failed_checks),
            "latency_s": self.seconds("latency"),
            "first_token_s": self.seconds("first_token"),
            "per_token_s": self.seconds("per_token"),
            "recorded_at": self.recorded_at or None,
            "cost_usd": self.cost_usd,
            "attempts": self.attempts,
        }


def _response_row(response: Response) -> dict[str, Any]:
    return {
        "answer": response.text,
        "finish_reason": response.finish_reason,
        "prompt_tokens": response.usage.prompt_tokens,
        "completion_tokens": response.usage.completion_tokens,
        "cached_tokens": response.usage.cached_tokens,
        "tokens_estimated": response.usage.estimated,
    }


def slots_of(samples: Iterable[Sample]) -> int | None:
    """The shape in which those were measured whose seconds count; None where it is unknown, or not one."""
    found = {sample.slots for sample in samples if sample.latency_s is not None}
    return found.pop() if len(found) == 1 else None


@dataclass(frozen=True, slots=True)
class RunHeader:
    """What one invocation was: first line of `run.jsonl`."""

    id: str
    suite: str
    file: str
    started_at: str
    """UTC, ISO 8601."""
    models: Mapping[str, Mapping[str, Any]]
    """Identity of each model: provider, file hash, engine build, ..."""
    prompts: Mapping[str, str]
    """Digest of each prompt as the suite has it: template, shared variables, parameters."""
    params: Mapping[str, Any]
    metrics: tuple[str, ...]
    signatures: Mapping[str, str]
    """Signature of each metric."""
    gates: tuple[GateRule, ...]
    planned: tuple[SampleKey, ...]
    """Every sample that the suite asks for with the chosen models and prompts, selected or not."""
    machine_class: str
    """Latency compares only within it."""
    environment: Mapping[str, Any]
    prices: Mapping[str, str] = field(default_factory=dict)
    """Where the price of each model comes from; one without a price is left out."""
    deterministic: tuple[str, ...] = ()
    """Models that give the same response to every repeat of a request."""
    max_stages: int = 1
    """2: fresh samples must confirm a suspicion before a gate fails."""
    against: str = ""
    """The commit whose version of the suite is the baseline of this run, instead of the accepted runs."""


@dataclass(frozen=True, slots=True)
class Stability:
    """How a case that broke a stable assertion stood in the accepted runs."""

    model: str
    prompt: str
    case: str
    broken: int
    """Accepted runs that break it too."""
    runs: int


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that one invocation produced for one suite."""

    header: RunHeader
    samples: tuple[Sample, ...]
    selected: tuple[SampleKey, ...]
    """What was to be asked: all that is planned, or less (`-k`, a node id)."""
    stopped: bool = False
    """The run ended before its end (`-x`, Ctrl-C): nothing may be concluded."""
    calibration_s: float | None = None
    """Seconds of a fixed piece of work beside the run; None where no time can be gated."""
    stability: tuple[Stability, ...] = ()
    """Of each case that broke a stable assertion."""

    @property
    def complete(self) -> bool:
        """Everything that the suite plans, and that is something, was asked and answered."""
        answered = {sample.key for sample in self.samples if sample.answered}
        return not self.stopped and bool(self.header.planned) and answered >= set(self.header.planned)

    @property
    def metric_names(self) -> list[str]:
        """The metrics of the suite, then those that only samples name."""
        return list(dict.fromkeys([*self.header.metrics, *(score.metric for s in self.samples for score in s.scores)]))

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield a table row for each sample, in the order of the record; unknown values are None or missing."""
        names = {"suite": self.header.suite, "run_id": self.header.id, "started_at": self.header.started_at}
        for sample in self.samples:
            yield {**names, **sample.row()}

    def to_pandas(self) -> Any:
        """Return a pandas.DataFrame with one row per sample; docs/data.md explains its columns.

        Raises MissingExtraError without pandas.
        """
        from evalharness.records import table

        return table.frame(self.rows(), self.metric_names, self.header.signatures)
