"""Turn what pydantic found into problems with a place and a hint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from evalharness.errors import Problem, did_you_mean
from evalharness.suites.document import Document, Loc
from evalharness.suites.schema import CaseFile, GateFile, ParamsFile, SuiteFile, TurnFile

_MOST = 1_000
"""Problems of one file: more help nobody."""
_PARTS: dict[str | int, type[BaseModel]] = {
    "params": ParamsFile,
    "prompts": TurnFile,
    "cases": CaseFile,
    "gates": GateFile,
}


def validate(
    adapter: TypeAdapter[Any], document: Document, row: type[BaseModel] = CaseFile
) -> tuple[Any, list[Problem]]:
    """The checked value, or None and everything that is wrong with it. `row` is what a file of rows is made of."""
    try:
        return adapter.validate_python(document.value), []
    except ValidationError as error:
        return None, list(_problems(error, document, row))


def _problems(error: ValidationError, document: Document, row: type[BaseModel]) -> Iterator[Problem]:
    for item in error.errors(include_url=False)[:_MOST]:
        known = _known_keys(item["loc"], row)
        yield document.problem(item["loc"], _sentence(item["type"], item["loc"], item["msg"], item["input"], known))


def _sentence(kind: str, loc: Loc, message: str, value: Any, known: Sequence[str]) -> str:
    field = next(
        (str(step) for step in reversed(loc) if isinstance(step, str) and step not in ("list", "text", "[key]")), ""
    )
    if kind == "extra_forbidden":
        return f"unknown key '{loc[-1]}'{did_you_mean(str(loc[-1]), known)}"
    if kind == "missing":
        return f"'{loc[-1]}' is missing"
    if kind == "string_pattern_mismatch":
        return f"{field}: '{value}' may hold only letters, digits, '-' and '_'" + (
            " . @ + # /" if field == "id" else ""
        )
    if kind in ("model_type", "dict_type", "model_attributes_type"):
        return f"{field or 'this'} must be a mapping (key: value), not {_kind(value)}"
    text = message.removeprefix("Value error, ").removeprefix("Input ")
    return f"{field}: {text}, not {_kind(value)}" if kind.endswith("_type") else f"{field}: {text}" if field else text


def _kind(value: Any) -> str:
    names = {dict: "a mapping", list: "a list", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), f"{str(value)[:40]!r}")


def _known_keys(loc: Loc, row: type[BaseModel]) -> list[str]:
    model = SuiteFile if len(loc) < 2 else _PARTS.get(loc[0], row)
    return [field.alias or name for name, field in model.model_fields.items()]
