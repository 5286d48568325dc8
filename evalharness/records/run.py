"""What an invocation asks and gets: requests, responses, samples, runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from evalharness.records.suite import GateRule, Message, Params

FinishReason = Literal["stop", "length"]
Purpose = Literal["planned", "confirm", "rerun", "reference"]
"""Why a sample was generated: `planned` by the suite; `confirm`: before a gate may fail; `rerun`: a stable assertion
failed, so the sample says nothing about the average; `reference`: by the baseline's version of the suite.
"""
TIMINGS = ("latency", "first_token", "per_token")
"""Seconds of a response: all of it, until its first token, for each further token."""
_LOGPROB_ROUNDING = 1e-6


class SampleKey(NamedTuple):
    """Identifies a sample within the run of a suite."""

    case: str
    prompt: str
    model: str
    repeat: int
    """From 0. `confirm` continues the count of `planned`; `rerun` and `reference` have their own."""
    purpose: Purpose = "planned"


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a model."""

    key: SampleKey
    messages: tuple[Message, ...]
    shared_prefix: int
    """Number of leading messages that every case of the suite has in common, selected or not."""
    params: Params
    attempt: str = ""
    """Identifies one attempt to send this request, in the ledger and at the endpoint."""
    golden: tuple[str, ...] = ()
    """Golden answers whose log-probabilities the response must contain."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request."""

    prompt_tokens: int
    """All of them, cached ones too."""
    completion_tokens: int
    cached_tokens: int = 0
    """Prompt tokens that the endpoint had read before."""
    estimated: bool = False
    """The endpoint counted nothing: this is our own count."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds and rates of one try, waits between tries left out; None where the provider cannot know."""

    total_s: float
    first_token_s: float | None = None
    prompt_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None
    slots: int | None = None
    """How many answers the engine may have grown at once: seconds compare only with seconds of the same shape."""


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer."""

    text: str
    finish_reason: FinishReason
    usage: Usage
    timing: Timing
    model: str = ""
    """What the endpoint says answered."""
    fingerprint: str = ""
    """The endpoint's word for its configuration (`system_fingerprint`)."""
    logprobs: tuple[float, ...] = ()
    """Natural logarithm of the probability of each token of the answer, where `params.logprobs`."""
    golden_logprobs: tuple[tuple[float, ...], ...] = ()
    """The same for each golden answer of the request, as the model's own answer: one number per token, the end of the
    turn left out.
    """
    contexts: tuple[str, ...] = ()
    """Texts that an application retrieved and used for the response."""

    @property
    def is_sound(self) -> bool:
        """Whether it can be recorded: a known finish reason, numbers that are finite and not negative, whole tokens,
        logarithms of probabilities.
        """
        seconds = [self.timing.total_s, *(value for value in astuple(self.timing) if value is not None)]
        numbers = [*astuple(self.usage), *seconds]
        known = all(isinstance(number, int | float) and 0 <= number < math.inf for number in numbers)
        whole = all(isinstance(count, int) for count in astuple(self.usage))
        likely = _are_logprobs(self.logprobs) and isinstance(self.golden_logprobs, tuple)
        likely = likely and all(_are_logprobs(golden) for golden in self.golden_logprobs)
        texts = isinstance(self.contexts, tuple) and all(isinstance(text, str) for text in self.contexts)
        return self.finish_reason in get_args(FinishReason) and known and whole and likely and texts


def _are_logprobs(values: object) -> bool:
    """Finite, and at most 0 but for a rounding step: of a probability of 0 no mean can be taken."""
    return isinstance(values, tuple) and all(
        isinstance(value, int | float) and not isinstance(value, bool) and -math.inf < value <= _LOGPROB_ROUNDING
        for value in values
    )


@dataclass(frozen=True, slots=True)
class Score:
    """The number that a metric gave to an answer: in [0, 1], higher is better. Two scores of one metric compare only
    if their signatures are equal.
    """

    metric: str
    value: float
    signature: str

    @property
    def of_one_model(self) -> bool:
        """Whether it counts per token of the model, by its signature: two models' tokens are not the same pieces of
        text, so it compares only with scores of the same model.
        """
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
