"""The schema of suite files, for validation and for editors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Strict, Tag

from evalharness import registry
from evalharness.suites.dialogue_schema import HistorySchema, TurnSchema, UserSchema, WorldSchema
from evalharness.suites.document import number, plain
from evalharness.suites.field_types import (
    CaseId,
    Data,
    GateTag,
    Name,
    OrNull,
    Points,
    Seconds,
    Stops,
    StrictSchema,
    TagName,
    Text,
    list_or_text,
    text,
    version,
)
from evalharness.suites.message_schema import PromptSchema

if TYPE_CHECKING:
    from evalharness.config import Config


class ParamsSchema(StrictSchema):
    """Sampling parameters, and what the model may answer."""

    max_tokens: Annotated[int, Strict(), Field(ge=1, le=1_000_000), BeforeValidator(number)] = 256
    temperature: OrNull[Annotated[float, Strict(), Field(ge=0, le=10)]] = 0.0
    """null is not sent, for models without a temperature."""
    seed: OrNull[Annotated[int, Strict(), Field(ge=0, lt=2**32)]] = None
    top_p: Annotated[float, Strict(), Field(gt=0, le=1), BeforeValidator(number)] = 1.0
    top_k: Annotated[int, Strict(), Field(ge=0), BeforeValidator(number)] = 0
    min_p: Annotated[float, Strict(), Field(ge=0, le=1), BeforeValidator(number)] = 0.0
    repeat_penalty: Annotated[float, Strict(), Field(gt=0, le=10), BeforeValidator(number)] = 1.0
    stop: Stops = []
    """Texts that end an answer."""
    grammar: Text = ""
    """GBNF that the answer must match."""
    json_schema: Annotated[dict[str, Any] | None, BeforeValidator(plain)] = None
    """JSON Schema 2020-12 that the answer must match."""
    logprobs: Annotated[bool, Strict(), BeforeValidator(plain)] = False


class ToolSchema(StrictSchema):
    """A tool that the model may call."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]+$", max_length=64), BeforeValidator(text)]
    """64 letters without accents: the rule of the strictest API."""
    description: Text = ""
    parameters: Annotated[dict[str, Any] | None, BeforeValidator(plain)] = None
    """JSON Schema of the arguments, with `type: object`."""


class WithinSchema(StrictSchema):
    """Bounds of the time of a response, as in 300ms or 2s."""

    ttft: Seconds | None = None
    """Time to the first token."""
    tpot: Seconds | None = None
    """Time per output token after the first."""
    e2el: Seconds | None = None
    """Time until the response is complete."""


class GateSchema(StrictSchema):
    """A gate: `metric` may drop by at most `margin`."""

    metric: Text
    margin: Points = 0.05
    target: Literal["suite", "population"] = "suite"
    """What a pass covers: the cases of this suite, or the population that they were sampled from."""
    tag: GateTag = ""
    """Compare only cases with this tag."""
    slots: Annotated[int, Strict(), Field(ge=0), BeforeValidator(number)] = 0
    """For latency gates: use only timings of models with this many slots. 1 means no concurrent answers."""
    worst: Annotated[Points, Field(lt=1)] | None = None
    """Points of a 0..1 score that a single case may lose."""
    within: WithinSchema | None = None
    """For attainment and goodput: what a response must keep to be in time."""
    at_least: Annotated[Points, Field(lt=1)] | None = None
    """For attainment: the least share of responses in time."""


# a factory, because pydantic copies another default at each use, which takes longer than the rest of a case
_EMPTY_LIST: dict[str, Any] = {"default_factory": list, "json_schema_extra": {"default": []}}
_EMPTY_MAPPING: dict[str, Any] = {"default_factory": dict, "json_schema_extra": {"default": {}}}


class CaseSchema(StrictSchema):
    """One case."""

    id: CaseId
    vars: dict[Text, Data] = Field(**_EMPTY_MAPPING)
    tags: list[TagName] = Field(**_EMPTY_LIST)
    cluster: Text = ""
    """The group of dependent cases that this case belongs to, such as one document."""
    assert_: list[Data] = Field(alias="assert", **_EMPTY_LIST)
    messages: Annotated[list[HistorySchema], Field(max_length=1000)] = Field(**_EMPTY_LIST)
    """The conversation so far, as it is sent: before the last user message of the prompt."""
    turns: Annotated[list[TurnSchema], Field(min_length=1, max_length=50)] = Field(**_EMPTY_LIST)
    """What the user says, one after another. Each turn is a case of its own: ID#1, ID#2, ..."""
    user: UserSchema | None = None
    """A simulated user, in place of turns. The whole conversation is one case."""
    judge: dict[Name, Annotated[Text, Field(min_length=1)]] = Field(**_EMPTY_MAPPING)
    """Questions of this case alone, by the name of the metric `judge` that asks them in place of its own."""

    @property
    def is_conversation(self) -> bool:
        """Whether the case has messages besides those of the prompt."""
        return bool(self.turns or self.messages or self.user)


class SuiteSchema(StrictSchema):
    """A suite: prompts, cases, metrics, gates."""

    schema_: Annotated[Literal[1], BeforeValidator(version)] = Field(alias="schema")
    description: Text = ""
    models: list[Name] = []
    prompts: dict[Name, PromptSchema] = Field(min_length=1, json_schema_extra={"additionalProperties": False})
    default_prompts: list[Text] = []
    params: ParamsSchema = ParamsSchema()
    tools: list[ToolSchema] = Field(default=[], max_length=128)
    """What the model may call."""
    world: WorldSchema | None = None
    """What the calls of tools return."""
    vars: dict[Text, Data] = {}
    metrics: list[Data] = Field(min_length=1)
    assert_: list[Data] = Field(default=[], alias="assert")
    cases: Annotated[
        Annotated[list[CaseSchema], Tag("list")] | Annotated[Text, Tag("text")],
        Discriminator(list_or_text),
    ]
    """A list, or a file in the suite's folder: .yaml, .jsonl, .csv or .parquet."""
    gates: list[GateSchema] = []


def json_schema(config: Config | None = None) -> dict[str, Any]:
    """The JSON Schema (2020-12) of suite files, for editors and pre-commit.

    It names the installed metrics and assertions, and those of the project.
    """
    schema = SuiteSchema.model_json_schema(by_alias=True)
    schema["properties"]["metrics"]["items"] = _named("metrics", config, "name")
    for holder in (schema, *(schema["$defs"][one.__name__] for one in (CaseSchema, TurnSchema))):
        holder["properties"]["assert"]["items"] = _named("checks", config, "must_pass", "at")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "evalharness suite"}


def _named(kind: Literal["metrics", "checks"], config: Config | None, *options: str) -> dict[str, Any]:
    """The schema of a metric or an assertion: its name, or its name with a value, and these keys next to it."""
    names = registry.names(kind, config)
    properties: dict[str, Any] = {name: {} for name in (*names, *options)}
    one = {"type": "object", "properties": properties, "additionalProperties": False, "maxProperties": 1 + len(options)}
    return {"anyOf": [{"enum": names}, one]}
