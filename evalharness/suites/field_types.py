"""Types of the fields of suite files."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeVar

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

from evalharness.records.names import NAME_PATTERN
from evalharness.suites.document import Bare, number, plain


def text(value: Any) -> Any:
    """A plain text, without the mark of one that had no quotes."""
    return str(value) if isinstance(value, str) else value


def margin(value: Any) -> Any:
    """A number, or the share that `5%` spells."""
    if isinstance(value, str) and value.endswith("%"):
        percent = number(Bare(value[:-1].rstrip()))
        return percent / 100 if isinstance(percent, int | float) else value
    return number(value)


def number_or_null(value: Any) -> Any:
    """A number, or None for null."""
    return None if isinstance(value, Bare) and value in ("null", "~") else number(value)


def version(value: Any) -> Any:
    """The number of a schema."""
    found = number(value)
    return found if isinstance(found, int) else value


def _stop(value: Any) -> Any:
    if value == "" and not isinstance(value, Bare):
        raise ValueError("an empty text would end every answer at once: remove it")
    found = plain(value)
    if isinstance(value, Bare) and not isinstance(found, str):
        hint = "remove it" if found is None else f"write '{value}'"
        raise ValueError(f"expected a text, got {value or 'nothing'}; {hint}")
    return text(value)


def list_or_text(value: Any) -> str:
    """The name of the choice for a value that is a list or a text."""
    return "list" if isinstance(value, list) else "text"


Text = Annotated[str, BeforeValidator(text)]
Data = Annotated[Any, BeforeValidator(plain)]
Name = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$"), BeforeValidator(text)]
"""Of a prompt or a model. It becomes part of a file name."""
CaseId = Annotated[str, Field(pattern=r"^[\w.@+#/-]+$", max_length=200), BeforeValidator(text)]
"""`max_length` instead of `{1,200}` in the pattern, which takes 70 ms to compile for all letters of Unicode."""
_WORD = r"[\w.@+#/=&%,'()!?-][\w.@+#/=&%,'()!?:-]*"
TagName = Annotated[str, Field(pattern=rf"^{_WORD}( {_WORD})*$", max_length=100), BeforeValidator(text)]
"""Words with single spaces between. None starts with a colon: `::` starts a command in the logs of CI systems."""
GateTag = Annotated[str, Field(pattern=rf"^({_WORD}( {_WORD})*)?$", max_length=100), BeforeValidator(text)]
TextOrList = Annotated[
    Annotated[list[Text], Tag("list")] | Annotated[Text, Tag("text")],
    Discriminator(list_or_text),
]
StopText = Annotated[str, Field(min_length=1), BeforeValidator(_stop)]
Stops = Annotated[
    Annotated[list[StopText], Tag("list")] | Annotated[StopText, Tag("text")],
    Discriminator(list_or_text),
]
Points = Annotated[
    float,
    Strict(),
    Field(gt=0, le=1),
    BeforeValidator(margin),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0, "maximum": 1}, {"type": "string", "pattern": "%$"}]}
    ),
]

_UNITS = {"ms": 0.001, "s": 1.0}


def seconds(value: Any) -> Any:
    """The seconds that `300ms` or `2s` spells."""
    for unit, factor in _UNITS.items():
        if isinstance(value, str) and value.endswith(unit):
            found = number(Bare(value.removesuffix(unit).rstrip()))
            return found * factor if isinstance(found, int | float) else value
    raise ValueError(f"expected a time with its unit, such as 300ms or 2s, got {value}")


Seconds = Annotated[
    float,
    Strict(),
    Field(gt=0, le=86_400),
    BeforeValidator(seconds),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9.]+ ?(ms|s)$"}),
]


T = TypeVar("T")
OrNull = Annotated[T | None, BeforeValidator(number_or_null)]


ONE_ROLE = "a message must have exactly one role: system, user or assistant"


class StrictSchema(BaseModel):
    """A mapping without unknown keys."""

    model_config = ConfigDict(extra="forbid", defer_build=True, frozen=True, populate_by_name=False)


class OneKeySchema(StrictSchema):
    """A mapping with exactly one of its keys."""

    expected: ClassVar[str]
    """The message for any other number of keys."""

    @model_validator(mode="after")
    def _one_key(self) -> OneKeySchema:
        if len(self.model_fields_set) != 1:
            raise ValueError(self.expected)
        return self

    @property
    def key_and_value(self) -> tuple[str, Any]:
        """The key that is set, and its value."""
        key = next(iter(self.model_fields_set))
        return key, getattr(self, key)
