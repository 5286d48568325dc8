"""Validate documents, and report problems with a position and a hint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from evalharness.errors import Problem, did_you_mean
from evalharness.suites.dialogue_schema import (
    FaultsSchema,
    HistorySchema,
    ScriptedResultSchema,
    TurnSchema,
    WorldSchema,
)
from evalharness.suites.document import Document, Loc
from evalharness.suites.message_schema import MessageSchema, PartSchema, PromptSourceSchema
from evalharness.suites.schema import (
    CaseSchema,
    GateSchema,
    ParamsSchema,
    SuiteSchema,
    ToolSchema,
)

_MAX_PROBLEMS = 1_000
"""Reported for one file."""
_MAX_SHOWN = 100
_TAG_SIGNS = "- _ . @ + # / = & % , ' ( ) ! ? :, with single spaces between words that do not start with ':'"
_SIGNS = {"id": "- _ . @ + # /", "tag": _TAG_SIGNS, "tags": _TAG_SIGNS}
"""What a name may contain besides letters and digits."""
_TAGS = ("list", "text", "source", "[key]")
"""Steps of a place that name a choice of the schema, not a key of the file."""
_PARTS: dict[str | int, type[BaseModel]] = {
    "params": ParamsSchema,
    "prompts": MessageSchema,
    "cases": CaseSchema,
    "gates": GateSchema,
    "tools": ToolSchema,
}
_INNER: dict[str | int, type[BaseModel]] = {
    "source": PromptSourceSchema,
    "turns": TurnSchema,
    "messages": HistorySchema,
    "results": ScriptedResultSchema,
    "faults": FaultsSchema,
    "world": WorldSchema,
}
"""Parts of a case, and of a prompt."""


def validate(
    adapter: TypeAdapter[Any], document: Document, row: type[BaseModel] = CaseSchema
) -> tuple[Any, list[Problem]]:
    """The validated value, or None and its problems.

    `row` is the schema of one item when the document is a list of rows.
    """
    try:
        return adapter.validate_python(document.value), []
    except ValidationError as error:
        return None, list(_problems(error, document, row))


def _problems(error: ValidationError, document: Document, row: type[BaseModel]) -> Iterator[Problem]:
    """The problems in file order. One that several rows have is reported at the first of them."""
    first: dict[Loc, Any] = {}
    counts: Counter[Loc] = Counter()
    for item in error.errors(include_url=False):
        kind = _kind(item["type"], item["loc"], item["msg"], item["input"])
        counts[kind] += 1
        first.setdefault(kind, item)
    for kind, item in islice(first.items(), _MAX_PROBLEMS):
        message = _message(item["type"], item["loc"], item["msg"], item["input"], _known_keys(item["loc"], row))
        more = counts[kind] - 1
        yield document.problem(item["loc"], f"{message} ({more:,} more like this)" if more else message)


_EXAMPLES: Mapping[int | str, str] = {
    "schema": "`schema: 1`",
    "prompts": '`prompts: {default: [{user: "{{ question }}"}]}`',
    "metrics": "`metrics: [rouge_l]`, or `[{length: {min_chars: 1}}]`, which needs no golden answers",
    "cases": '`cases: [{id: first, vars: {question: "..."}}]`',
}
"""What to add for each key that a suite must have."""


def _kind(kind: str, loc: Loc, message: str, value: Any) -> Loc:
    """What equal problems of different rows share: everything except the position in a list."""
    shown = "" if kind in ("missing", "extra_forbidden") else str(value)[:_MAX_SHOWN]
    return (kind, message, shown, *("" if isinstance(step, int) else step for step in loc))


def _message(kind: str, loc: Loc, message: str, value: Any, known: Sequence[str]) -> str:
    field = next((str(step) for step in reversed(loc) if isinstance(step, str) and step not in _TAGS), "")
    if kind == "extra_forbidden":
        return f"unknown key '{loc[-1]}'{did_you_mean(str(loc[-1]), known)}"
    if kind == "missing":
        example = _EXAMPLES.get(loc[0]) if len(loc) == 1 else None
        return f"'{loc[-1]}' is missing" + (f": add {example}" if example else "")
    if kind == "string_pattern_mismatch":
        signs = _SIGNS.get(field, "- _")
        return f"{field}: {value!r} may contain only letters, digits and {signs}"
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        if not field and value is None:
            return "the file is empty: expected a mapping (key: value)"
        return f"{field or 'this'} must be a mapping (key: value), got {_shown(value)}"
    text = _expectation(message)
    if isinstance(value, str | int | float) or kind.endswith("_type"):
        text += "" if kind == "value_error" else f", got {_shown(value)}"
    return f"{field}: {text}" if field else text


def _expectation(message: str) -> str:
    """Pydantic's message as "must be ..."."""
    for prefix in ("Value error, ", "Input ", "List ", "Dictionary "):
        message = message.removeprefix(prefix)
    return message.replace("should ", "must ", 1).replace(" after validation, not ", ", got ", 1)


def _shown(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), f"{str(value)[:40]!r}")


def _known_keys(loc: Loc, row: type[BaseModel]) -> list[str]:
    inner = next((part for step in reversed(loc[:-1]) if (part := _INNER.get(step))), None)
    model = inner or (SuiteSchema if len(loc) < 2 else _PARTS.get(loc[0], row))
    if loc[:1] == ("prompts",) and ("source" in loc[2:] or "list" in loc[4:]):
        model = PromptSourceSchema if "source" in loc[2:] else PartSchema
    return [field.alias or name for name, field in model.model_fields.items()]
