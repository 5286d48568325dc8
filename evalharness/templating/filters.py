"""The filters of templates, with bounds for those that create large values."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import Environment
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS as ALL_FILTERS
from jinja2.filters import do_round, do_sum
from jinja2.utils import pass_environment

FILTERS = frozenset(
    """
    abs capitalize count d default dictsort first float int items join last length list lower map max min reject
    rejectattr replace reverse round select selectattr sort string sum title tojson trim unique upper wordcount
    """.split()  # noqa: SIM905 - words are easier to read than strings
)
"""Filters of jinja2 whose output is not much larger than their input, or that this module bounds."""

_MAX_NEEDLE_CHARS = 1_000
"""Length of the argument of `strip`, `rfind` etc., whose time is the product of both lengths."""


def check_needles(needles: Iterable[Any]) -> None:
    """Raises SecurityError for a search text that makes text methods slow."""
    if any(isinstance(needle, str) and len(needle) > _MAX_NEEDLE_CHARS for needle in needles):
        raise SecurityError(f"text methods accept at most {_MAX_NEEDLE_CHARS} characters to search for")


def _trim(value: Any, chars: str | None = None) -> str:
    check_needles([chars])
    return str(value).strip(chars)


def _round(value: float, precision: int = 0, method: Any = "common") -> float:
    if abs(precision) > 20:  # jinja2 computes 10 ** precision
        raise SecurityError("round: precision must be from -20 to 20")
    return do_round(value, precision, method)


@pass_environment
def _sum(environment: Environment, iterable: Iterable[Any], attribute: str | None = None, start: float = 0) -> Any:
    if not isinstance(start, int | float):
        raise SecurityError("sum: start must be a number")
    return do_sum(environment, iterable, attribute, start)


def _tojson(value: Any, indent: int | None = None, ensure_ascii: bool = False, sort_keys: bool = False) -> str:
    """JSON for a prompt. The filter of jinja2 is for HTML and escapes apostrophes and non-ASCII letters."""
    if indent is not None and not (isinstance(indent, int) and 0 <= indent <= 16):
        raise SecurityError("tojson: indent must be an integer from 0 to 16")
    return json.dumps(value, indent=indent, ensure_ascii=ensure_ascii, sort_keys=sort_keys)


BOUNDED: Mapping[str, Callable[..., Any]] = {"round": _round, "sum": _sum, "tojson": _tojson, "trim": _trim}


def allowed(bounded: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """The filters of templates by name.

    `bounded` overrides the filters of this module, which override those of jinja2.
    """
    known: dict[str, Callable[..., Any]] = {**ALL_FILTERS, **BOUNDED, **bounded}
    return {name: known[name] for name in FILTERS}
