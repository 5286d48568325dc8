"""Whether a response is JSON, and whether it fits a schema. Both metrics score 0 or 1."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from evalharness.errors import SchemaError
from evalharness.scoring.metrics.base import Metric, of_text, signature
from evalharness.scoring.schemas.numbers import read_integer, read_number

MAX_CHARS = 1_000_000
MAX_DEPTH = 64
"""Limits that RFC 8259, section 9, lets a reader set: text beyond them is not valid."""

Problem = str | None
"""What is wrong with a text, or None."""


def json_valid(*, fenced: bool = False) -> Metric:
    """Return a metric: 1 if the response is one JSON text by RFC 8259; `fenced` allows one ```json block around it.

    NaN and Infinity are not JSON. Also refused: an object with a duplicate name (readers keep different values, section
    4), a number beyond a double or of more than 1,000 digits, more than 64 levels, more than a million characters.
    """
    written = signature("json_valid", fenced=fenced, v=1)
    return of_text("json_valid", written, lambda text: float(json_problem(text, fenced=fenced) is None))


def json_schema(schema: Mapping[str, Any], *, fenced: bool = False) -> Metric:
    """Return a metric: 1 if the response is JSON, see `json_valid`, and fits `schema`.

    Draft-04 to 2020-12, as `$schema` names it, by default 2020-12; formats are checked. Raises ValueError for a schema
    that `open_schema` refuses. A schema that cannot be decided (it refers to itself in a loop) gives an error instead
    of a 0: it is not the fault of the response.
    """
    try:
        draft, problem = _opened(schema, fenced)
    except SchemaError as error:
        raise SchemaError(str(error), ("schema", *error.path)) from None
    written = signature("json_schema", schema=schema, fenced=fenced, draft=draft, v=2)
    return of_text("json_schema", written, lambda text: float(problem(text) is None))


def json_problem(text: str, *, fenced: bool = False) -> Problem:
    """Return why `text` is not one JSON text, or None if it is."""
    return _read(text, fenced)[1]


def schema_problem(schema: Mapping[str, Any], *, fenced: bool = False) -> Callable[[str], Problem]:
    """Return `problem(text)`: why `text` is not JSON that fits `schema`, or None. Raises as `open_schema` does."""
    return _opened(schema, fenced)[1]


def _opened(schema: Mapping[str, Any], fenced: bool) -> tuple[str, Callable[[str], Problem]]:
    from evalharness.scoring.schemas.validator import open_schema

    draft, misfit = open_schema(schema)

    def problem(text: str) -> Problem:
        value, reason = _read(text, fenced)
        return reason or misfit(value)

    return draft, problem


def _read(text: str, fenced: bool) -> tuple[Any, Problem]:
    if len(text) > MAX_CHARS:
        return None, f"more than {MAX_CHARS:,} characters"
    try:
        value = _DECODER.decode(_unfenced(text) if fenced else text)
    except ValueError as error:
        return None, str(error)[:200]
    except RecursionError:  # the reader gives up long after our own limit
        return None, f"more than {MAX_DEPTH} levels"
    return value, f"more than {MAX_DEPTH} levels" if _deep(value) else None


def _unfenced(text: str) -> str:
    """The inside of the one ```json block that the text consists of, or else the text."""
    opening, _, rest = text.strip().partition("\n")
    return rest.removesuffix("```") if opening.rstrip() == "```json" and rest.endswith("```") else text


def _deep(value: Any) -> bool:
    """Level by level and not by recursion, whose depth the answer would choose."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [item for item in level if isinstance(item, dict | list)]
        if not level:
            return False
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same name twice")
    return found


def _constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=read_integer, parse_float=read_number, parse_constant=_constant
)
