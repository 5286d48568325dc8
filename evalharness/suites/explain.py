"""Turn what pydantic found into problems with a place and a hint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from evalharness.errors import Problem
from evalharness.registry import did_you_mean
from evalharness.suites.document import Document, Loc
from evalharness.suites.schema import CaseFile, GateFile, ParamsFile, SuiteFile, TurnFile

_PARTS: dict[str | int, type[BaseModel]] = {
    "params": ParamsFile,
    "prompts": TurnFile,
    "cases": CaseFile,
    "gates": GateFile,
}


def validate(adapter: TypeAdapter[Any], document: Document) -> tuple[Any, list[Problem]]:
    """The checked value, or None and everything that is wrong with it."""
    try:
        return adapter.validate_python(document.value), []
    except ValidationError as error:
        return None, list(_problems(error, document))


def _problems(error: ValidationError, document: Document) -> Iterator[Problem]:
    for item in error.errors(include_url=False):
        yield document.problem(item["loc"], _sentence(item["type"], item["loc"], item["msg"], item["input"]))


def _sentence(kind: str, loc: Loc, message: str, value: Any) -> str:
    field = next(
        (str(step) for step in reversed(loc) if isinstance(step, str) and step not in ("list", "text", "[key]")), ""
    )
    if kind == "extra_forbidden":
        return f"unknown key '{loc[-1]}'{did_you_mean(str(loc[-1]), _known_keys(loc))}"
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


def _known_keys(loc: Loc) -> list[str]:
    model = SuiteFile if len(loc) == 1 else _PARTS.get(loc[0], CaseFile)
    return [field.alias or name for name, field in model.model_fields.items()]
