"""How the answers of a suite are drawn, and what they may be."""

from __future__ import annotations

from collections.abc import Iterator

from evalharness.constraints import GrammarProblem, SchemaProblem, canonical_schema, check_grammar, schema_to_gbnf
from evalharness.errors import Problem
from evalharness.records import Params
from evalharness.suites.document import Document
from evalharness.suites.schema import ParamsFile


def read_params(raw: ParamsFile) -> Params:
    """The parameters as the rest of the harness has them."""
    stop = [raw.stop] if isinstance(raw.stop, str) else raw.stop
    schema = "" if raw.json_schema is None else canonical_schema(raw.json_schema)
    return Params(**{**raw.model_dump(), "stop": tuple(stop), "json_schema": schema})


def constraint_problems(raw: ParamsFile, document: Document) -> Iterator[Problem]:
    """What is wrong with the grammar or the schema: known before it reaches native code, or an endpoint."""
    if raw.grammar and raw.json_schema is not None:
        message = "there is a grammar already: an answer is held to one of them"
        yield document.problem(("params", "json_schema"), message)
    try:
        if raw.grammar:
            check_grammar(raw.grammar)
        if raw.json_schema is not None:
            schema_to_gbnf(raw.json_schema)
    except GrammarProblem as error:
        yield document.problem(("params", "grammar"), f"grammar: {error}")
    except SchemaProblem as error:
        yield document.problem(("params", "json_schema", *error.path), f"json_schema: {error}")
