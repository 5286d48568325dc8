"""The JSON Schema of verdict.json, made from the records that it shows."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from pydantic import TypeAdapter

from evalharness.records import CriteriaChange, Slice, Status, Verdict
from evalharness.records.answer_label import JudgeFacts
from evalharness.records.coverage import Coverage
from evalharness.report.verdict_file import SCHEMA, Mean

_TEXT, _FLAG = {"type": "string"}, {"type": "boolean"}
_NESTED = {"Slice": Slice, "JudgeFacts": JudgeFacts}
_LISTS = {"criteria": CriteriaChange, "means": Mean, "verdicts": Verdict, "coverage": Coverage}
_TEXTS = {
    "schema": "Version of this format.",
    "suite": "Name of the suite.",
    "run": "Id of the run.",
    "status": "The worst status of all gates and cases.",
    "headline": "The verdict in one line.",
    "complete": "Whether each planned sample has a response and scores.",
    "accepted": "Whether the run was accepted as a baseline.",
    "compared": "False with the baseline `none`.",
    "ci": "Whether the run was a CI job.",
    "criteria": "Changes to the criteria since the merge base.",
    "confidence": "At which each of the bounds `low` and `high` holds.",
    "means": "The mean of each metric over the planned samples, whether there is a gate or not.",
    "verdicts": "One for each gate of each model and prompt, with its means, its change and the bounds of the change.",
    "coverage": "Metrics that do not apply to all cases; left out if all do.",
}
"""Key -> description."""


def verdict_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of verdict.json; it allows no other key."""
    definitions: dict[str, Any] = {}
    properties: dict[str, Any] = {
        "schema": {"const": SCHEMA},
        "kind": {"const": "verdict"},
        **dict.fromkeys(("suite", "run", "headline"), _TEXT),
        "status": TypeAdapter(Status).json_schema(),
        **dict.fromkeys(("complete", "accepted", "compared", "ci"), _FLAG),
        "confidence": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        **{key: {"type": "array", "items": _of(record, definitions)} for key, record in _LISTS.items()},
    }
    described = {
        key: {"description": _TEXTS[key], **value} if key in _TEXTS else value for key, value in properties.items()
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "verdict.json of evalharness",
        "type": "object",
        "properties": described,
        "required": [key for key in properties if key != "coverage"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _of(record: type, definitions: dict[str, Any]) -> dict[str, Any]:
    """A reference to the schema of a record, which is added to the definitions with those that it needs."""
    schema = TypeAdapter(record).json_schema(mode="serialization")
    for name, inner in {**schema.pop("$defs", {}), record.__name__: schema}.items():
        definitions[name] = _closed(inner, _field_docs(_NESTED.get(name, record)))
    return {"$ref": f"#/$defs/{record.__name__}"}


def _closed(schema: Mapping[str, Any], docs: Mapping[str, str]) -> dict[str, Any]:
    """The schema of an object all of whose keys are written, without defaults and titles."""
    properties = {
        key: ({"description": docs[key]} if key in docs else {}) | _plain(value)
        for key, value in schema["properties"].items()
    }
    kept = {key: schema[key] for key in ("type", "description")}
    return {**kept, "properties": properties, "required": list(properties), "additionalProperties": False}


def _field_docs(record: type) -> dict[str, str]:
    """The docstring of each field that has one."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(record)).body if isinstance(node, ast.ClassDef))
    found = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            found[ast.unparse(field.target)] = " ".join(str(text.value.value).split())
    return found


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: inner for key, inner in value.items() if key not in ("title", "default")}
