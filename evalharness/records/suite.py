"""What people write: suites, cases, prompts, parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, NamedTuple


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


_FIRST_PARAMS = {"max_tokens", "temperature", "seed", "top_p", "top_k", "min_p", "repeat_penalty", "stop"}
"""The parameters that have been there from the beginning."""


@dataclass(frozen=True, slots=True)
class Params:
    """How to draw an answer."""

    max_tokens: int = 256
    temperature: float | None = 0.0
    """0: always the likeliest token. None: not sent, the endpoint's own default."""
    seed: int | None = None
    """None: not sent; a local model then draws with 0."""
    top_p: float = 1.0
    top_k: int = 0
    """0: no limit."""
    min_p: float = 0.0
    repeat_penalty: float = 1.0
    """1: none. It looks at generated tokens only."""
    stop: tuple[str, ...] = ()
    grammar: str = ""
    """GBNF: the texts that an answer may be. "": any."""
    json_schema: str = ""
    """A JSON schema that an answer fits, as canonical JSON text. "": none."""
    logprobs: bool = False
    """Whether the log-probability of each token of the answer is asked for."""

    def to_data(self) -> dict[str, Any]:
        """As plain data, for keys, digests and records.

        A parameter that came later is in it only where it is set: what was recorded and accepted before stays valid.
        """
        unset = {one.name for one in fields(self) if getattr(self, one.name) == one.default} - _FIRST_PARAMS
        return {name: value for name, value in asdict(self).items() if name not in unset}


@dataclass(frozen=True, slots=True)
class Spec:
    """A metric or a check as a suite names it: `{contains: {text: Acme}}` is `Spec("contains", {"text": "Acme"})`."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    must_pass: Literal["always", "stable"] = "always"  # noqa: S105 - no password
    """Of an assertion. `always`: one answer that breaks it fails the run; `stable`: it fails the run if it is broken
    again when the case is drawn again, and only where the accepted runs never broke it.
    """


Unit = Literal["points", "ratio"]
"""Of a margin or a change: points of a 0..1 score, or a ratio of seconds or tokens."""


class GateRule(NamedTuple):
    """How much worse `metric` may get."""

    metric: str
    margin: float
    """In `unit`: 0.05 is 5 points of a 0..1 score, or a ratio of 5 %."""
    target: Literal["suite", "population"] = "suite"
    """Whether the verdict holds for these very cases, or for cases like these."""
    tag: str = ""
    """Only cases with this tag; "" for all."""
    slots: int = 0
    """Of a gate on seconds: number of responses that the engine generates at once; 0 for the model's own setting."""
    unit: Unit = "points"


@dataclass(frozen=True, slots=True)
class GateSpec:
    """A gate as a suite has it."""

    rule: GateRule
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
    cluster: str = ""
    """What it shares with other cases (a document, a conversation): their errors are not independent."""


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
