"""The nouns of evalharness: frozen, typed, no I/O.

Suite ─ Case ─┐
       Prompt ┼─> Request ─> Response ─> Sample ─┐
       model ─┘                         (Score)  ├─> Run ─┐
                                                 ┘        ├─> Verdict
                                               Baseline ──┘
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

FinishReason = Literal["stop", "length"]
Status = Literal["pass", "fail", "inconclusive", "error", "incomparable", "no baseline"]

SEVERITY: tuple[Status, ...] = ("pass", "inconclusive", "no baseline", "incomparable", "fail", "error")
"""From good to bad: a run is as bad as the worst of its verdicts."""


class Location(NamedTuple):
    """A place in a file that a person wrote."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in self if part)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Params:
    """How to draw an answer. `temperature` 0 means: always the likeliest token."""

    max_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    top_p: float = 1.0
    top_k: int = 0
    """0: no limit."""
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    """1: none. It looks at generated tokens only."""
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spec:
    """A metric or a check as a suite names it: `{contains: {text: Acme}}` is `Spec("contains", {"text": "Acme"})`."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GateSpec:
    """A rule of a suite: how much worse `metric` may get."""

    metric: str
    margin: float
    """Points of a 0..1 score; for latency and cost a ratio, 0.10 meaning 10 %."""
    where: Location


@dataclass(frozen=True, slots=True)
class Prompt:
    """A named chat template: jinja2 sources by role."""

    name: str
    messages: tuple[Message, ...]
    where: Location


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a suite."""

    id: str
    vars: Mapping[str, Any]
    tags: tuple[str, ...]
    golden: tuple[str, ...]
    """Accepted answers, any of them right."""
    checks: tuple[Spec, ...]
    """Hard assertions: the suite's and the case's own."""
    digest: str
    """SHA-256 of what makes this case this case: its variables and its golden answers. An edited case is a new case."""
    where: Location


@dataclass(frozen=True, slots=True)
class Suite:
    """One file under `suites/`, read and checked."""

    name: str
    file: str
    """Path relative to the root."""
    description: str
    models: tuple[str, ...]
    prompts: Mapping[str, Prompt]
    default_prompts: tuple[str, ...]
    params: Params
    vars: Mapping[str, Any]
    metrics: tuple[Spec, ...]
    gates: tuple[GateSpec, ...]
    cases: tuple[Case, ...]


class SampleKey(NamedTuple):
    """What identifies a sample within the run of a suite."""

    case: str
    prompt: str
    model: str
    repeat: int


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a model."""

    key: SampleKey
    messages: tuple[Message, ...]
    shared: int
    """How many of the first messages are the same for every case of the suite, whichever of them are run."""
    params: Params


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one request."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds and rates of one request; None where the provider cannot know."""

    total_s: float
    first_token_s: float | None = None
    prompt_tokens_per_s: float | None = None
    decode_tokens_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """A complete answer."""

    text: str
    finish_reason: FinishReason
    usage: Usage
    timing: Timing


@dataclass(frozen=True, slots=True)
class Score:
    """The number that a metric gave to an answer: in [0, 1], higher is better. Two scores of one metric compare only
    if their signatures are equal.
    """

    metric: str
    value: float
    signature: str


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a value: the request or a metric failed, the run goes on."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One scored draw: case x prompt x model x repeat."""

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
    error: Failure | None = None

    @property
    def ok(self) -> bool:
        """Asked, answered, scored by every metric, and all hard assertions hold."""
        return self.error is None and self.response is not None and not self.failed_checks

    def score(self, metric: str) -> Score | None:
        """The score that `metric` gave, if it gave one."""
        return next((score for score in self.scores if score.metric == metric), None)


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
    gates: tuple[tuple[str, float], ...]
    planned: tuple[SampleKey, ...]
    """Every sample that the suite asks for with the chosen models and prompts, selected or not."""
    machine_class: str
    """Latency compares only within it."""
    environment: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that one invocation produced for one suite."""

    header: RunHeader
    samples: tuple[Sample, ...]
    selected: tuple[SampleKey, ...]
    """What was to be asked: all that is planned, or less (`-k`, a node id)."""
    stopped: bool = False
    """The run ended before its end (`-x`, Ctrl-C): nothing may be concluded."""

    @property
    def complete(self) -> bool:
        """Everything that the suite plans, and that is something, was asked and answered."""
        answered = {sample.key for sample in self.samples if sample.error is None and sample.response is not None}
        return not self.stopped and bool(self.header.planned) and answered >= set(self.header.planned)


@dataclass(frozen=True, slots=True)
class AcceptedRun:
    """A run that people made part of a baseline."""

    id: str
    accepted_at: str
    machine_class: str
    signatures: Mapping[str, str]
    asked: str
    """Digest of model identity, prompt and parameters: runs of one baseline asked the same thing of the same model."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One sample of an accepted run, as far as comparisons need it."""

    run: str
    text: str
    scores: Mapping[str, float]
    prompt_tokens: int
    completion_tokens: int
    total_s: float


@dataclass(frozen=True, slots=True)
class BaselineCase:
    """What the accepted runs have on one case."""

    digest: str
    draws: tuple[Draw, ...]
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
    """As the suite has it: points of a score, or a ratio (0.10 is 10 % more seconds or tokens)."""
    drop: float | None = None
    """How much worse, in the unit of the margin; negative is better."""
    largest_drop: float | None = None
    """What the data leave possible: its 95 % one-sided upper bound."""
    p_value: float | None = None
    """Holm-adjusted over the gates of the run."""
    cases: int = 0
    """Cases present on both sides."""

    @property
    def name(self) -> str:
        """As in `suites/support.yaml::gate[NAME]`."""
        return f"{self.model}-{self.prompt}-{self.metric}"
