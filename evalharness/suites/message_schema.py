"""The schema of the prompts and the messages of suite files."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from evalharness.suites.field_types import ONE_ROLE, OneKeySchema, StrictSchema, Text


def _list_or_source(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else "source"


def _text_or_source(value: Any) -> str:
    return "source" if isinstance(value, dict | PromptSourceSchema) else "text"


def _parts_or_source(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else _text_or_source(value)


def _no_text(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError(f"expected a list of messages, or {{file: PATH}}{_file_hint(value)}")
    return value


def _file_hint(text: str) -> str:
    """What to write for a text that is a reference to a file in other tools."""
    return f": write {{file: {text.removeprefix('file://')}}}" if text.startswith("file://") else ""


class PromptSourceSchema(StrictSchema):
    """Where a prompt, or the text of a message, is read from."""

    file: Text | None = None
    """Relative to the suite's file, below the root: .md, .txt, .jinja, .j2; a chat in .json, .yaml, .yml."""
    format: Literal["jinja", "python", "plain"] | None = None
    """What fills in the variables: `{{ name }}`, `{name}` as `str.format` does, or nothing. Default: jinja."""
    role: Literal["system", "user", "assistant"] | None = None
    """Of a text that is the whole prompt. Default: that of the front matter, else user."""
    configured: Text | None = None
    """Instead of a file: the name of a prompt of the configuration, which finds it in the project's code."""

    @model_validator(mode="after")
    def _one_source(self) -> PromptSourceSchema:
        if (self.file is None) == (self.configured is None):
            raise ValueError("expected 'file' or 'configured'")
        return self


Content = Annotated[
    Annotated[PromptSourceSchema, Tag("source")] | Annotated[Text, Tag("text")],
    Discriminator(_text_or_source),
]


class PartSchema(OneKeySchema):
    """A part of a user message: a text, or a file in the folder of the suite. Each is a template."""

    expected = "a part must have exactly one key: text, image or file"
    text: Text | None = None
    image: Text | None = None
    """PNG, JPEG, GIF or WebP."""
    file: Text | None = None
    """PDF."""


UserContent = Annotated[
    Annotated[list[PartSchema], Field(min_length=1, max_length=100), Tag("list")]
    | Annotated[PromptSourceSchema, Tag("source")]
    | Annotated[Text, Tag("text")],
    Discriminator(_parts_or_source),
]


class MessageSchema(OneKeySchema):
    """One message: a mapping from one role to its template, to the file that has it, or to parts (user only)."""

    expected = ONE_ROLE
    system: Content | None = None
    user: UserContent | None = None
    assistant: Content | None = None


PromptSchema = Annotated[
    Annotated[list[MessageSchema], Field(min_length=1), Tag("list")]
    | Annotated[PromptSourceSchema, BeforeValidator(_no_text), Tag("source")],
    Discriminator(_list_or_source),
]
