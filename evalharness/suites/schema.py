"""What a suite file may hold: pydantic models, used for checking and for the JSON Schema that editors read."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Strict,
    Tag,
    WithJsonSchema,
    model_validator,
)

from evalharness import registry
from evalharness.suites.document import Bare, number, plain


def _text(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value


def _margin(value: Any) -> Any:
    if isinstance(value, str) and value.endswith("%"):
        percent = number(Bare(value[:-1].rstrip()))
        return percent / 100 if isinstance(percent, int | float) else value
    return number(value)


def _number_or_null(value: Any) -> Any:
    return None if isinstance(value, Bare) and value in ("null", "~") else number(value)


def _version(value: Any) -> Any:
    found = number(value)
    return found if isinstance(found, int) else value


def _list_or_text(value: Any) -> str:
    return "list" if isinstance(value, list) else "text"


Text = Annotated[str, BeforeValidator(_text)]
Data = Annotated[Any, BeforeValidator(plain)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$"), BeforeValidator(_text)]
"""Of a prompt or a model: becomes part of a file name."""
CaseId = Annotated[str, Field(pattern=r"^[\w.@+#/-]+$", max_length=200), BeforeValidator(_text)]
"""The bound stands apart from the pattern: `{1,200}` of all the letters there are takes 70 ms to compile."""
TextOrList = Annotated[
    Annotated[list[Text], Tag("list")] | Annotated[Text, Tag("text")],
    Discriminator(_list_or_text),
]


T = TypeVar("T")
OrNull = Annotated[T | None, BeforeValidator(_number_or_null)]


class Closed(BaseModel):
    """An unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)


class TurnFile(Closed):
    """One message: exactly one of the roles."""

    system: Text | None = None
    user: Text | None = None
    assistant: Text | None = None

    @model_validator(mode="after")
    def _one_role(self) -> TurnFile:
        if len(self.model_fields_set) != 1:
            raise ValueError("a message has exactly one role: system, user or assistant")
        return self

    @property
    def role_and_source(self) -> tuple[str, str]:
        """The role and its template."""
        role = next(iter(self.model_fields_set))
        return role, getattr(self, role)


class ParamsFile(Closed):
    """How answers are drawn."""

    max_tokens: Annotated[int, Strict(), Field(ge=1, le=1_000_000), BeforeValidator(number)] = 256
    temperature: OrNull[Annotated[float, Strict(), Field(ge=0, le=10)]] = 0.0
    """null: not sent, for models that take none."""
    seed: OrNull[Annotated[int, Strict(), Field(ge=0, lt=2**32)]] = None
    top_p: Annotated[float, Strict(), Field(gt=0, le=1), BeforeValidator(number)] = 1.0
    top_k: Annotated[int, Strict(), Field(ge=0), BeforeValidator(number)] = 0
    min_p: Annotated[float, Strict(), Field(ge=0, le=1), BeforeValidator(number)] = 0.0
    repeat_penalty: Annotated[float, Strict(), Field(gt=0, le=10), BeforeValidator(number)] = 1.0
    stop: TextOrList = []
    grammar: Text = ""
    """GBNF: an answer is one of its texts."""
    json_schema: Annotated[dict[str, Any] | None, BeforeValidator(plain)] = None
    """JSON Schema 2020-12: an answer is JSON that fits."""
    logprobs: Annotated[bool, Strict(), BeforeValidator(plain)] = False


class GateFile(Closed):
    """A rule: `metric` may fall by at most `margin`."""

    metric: Text
    margin: Annotated[
        float,
        Strict(),
        Field(gt=0, le=1),
        BeforeValidator(_margin),
        WithJsonSchema(
            {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 1}, {"type": "string", "pattern": "%$"}]}
        ),
    ] = 0.05
    target: Literal["suite", "population"] = "suite"
    """Whether a pass speaks of these very cases, or of cases like these."""
    tag: Text = ""
    """Only cases with this tag."""
    slots: Annotated[int, Strict(), Field(ge=0)] = 0
    """Of a gate on seconds: only those of a model with so many slots; 1 for answers that grow alone."""


class CaseFile(Closed):
    """One case."""

    id: CaseId
    vars: dict[Text, Data] = {}
    tags: list[Text] = []
    cluster: Text = ""
    """What this case shares with others, a document for example."""
    assert_: list[Data] = Field(default=[], alias="assert")


def _metric_schema() -> dict[str, Any]:
    names = registry.names("metrics")
    one = {"type": "object", "properties": {n: {} for n in names}, "additionalProperties": False, "maxProperties": 1}
    return {"anyOf": [{"enum": names}, one]}


MetricFile = Annotated[Any, BeforeValidator(plain), WithJsonSchema(_metric_schema())]


class SuiteFile(Closed):
    """A suite: prompts, cases, metrics, gates."""

    schema_: Annotated[Literal[1], BeforeValidator(_version)] = Field(alias="schema")
    description: Text = ""
    models: list[Name] = Field(min_length=1)
    prompts: dict[Name, Annotated[list[TurnFile], Field(min_length=1)]] = Field(
        min_length=1, json_schema_extra={"additionalProperties": False}
    )
    default_prompts: list[Text] = []
    params: ParamsFile = ParamsFile()
    vars: dict[Text, Data] = {}
    metrics: list[MetricFile] = Field(min_length=1)
    assert_: list[Data] = Field(default=[], alias="assert")
    cases: Annotated[
        Annotated[list[CaseFile], Tag("list")] | Annotated[Text, Tag("text")],
        Discriminator(_list_or_text),
    ]
    """Inline, or a file beside the suite: .yaml, .jsonl or .csv."""
    gates: list[GateFile] = []


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a suite file, for editors and pre-commit."""
    schema = SuiteFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "evalharness suite"}
