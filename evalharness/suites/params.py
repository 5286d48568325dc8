"""Read the sampling parameters of a suite, and check its grammar or JSON schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evalharness.errors import Problem
from evalharness.records import Params
from evalharness.suites.document import Document
from evalharness.suites.schema import ParamsSchema


def read_params(raw: ParamsSchema) -> Params:
    """The parameters of a suite's requests."""
    stop = [raw.stop] if isinstance(raw.stop, str) else raw.stop
    return Params(**{**raw.model_dump(), "stop": tuple(stop), "json_schema": _schema_text(raw.json_schema)})


def _schema_text(schema: Any) -> str:
    if schema is None:
        return ""
    from evalharness.constraints import canonical_schema

    return canonical_schema(schema)


def constraint_problems(raw: ParamsSchema, document: Document) -> Iterator[Problem]:
    """Problems of the grammar or the JSON schema."""
    if not raw.grammar and raw.json_schema is None:
        return
    from evalharness.constraints import GrammarError, SchemaError, check_grammar, schema_to_gbnf

    if raw.grammar and raw.json_schema is not None:
        message = "'grammar' and 'json_schema' exclude each other: remove one of them"
        yield document.problem(("params", "json_schema"), message)
    try:
        if raw.grammar:
            check_grammar(raw.grammar)
        if raw.json_schema is not None:
            schema_to_gbnf(raw.json_schema)
    except GrammarError as error:
        yield document.problem(("params", "grammar"), f"grammar: {error}")
    except SchemaError as error:
        yield document.problem(("params", "json_schema", *error.path), f"json_schema: {error}")
