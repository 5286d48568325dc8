"""The filters of templates: jinja2's own where they are harmless, ours where theirs could make much out of little."""

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
    """.split()  # noqa: SIM905 - forty words read better than forty strings
)
"""jinja2's filters that return little more than they are given, or are bounded here."""

_MAX_NEEDLE_CHARS = 1_000
"""What `strip` or `rfind` look for: their time is the product of both lengths."""


def check_needles(needles: Iterable[Any]) -> None:
    """Raises SecurityError for a needle that makes a search slow."""
    if any(isinstance(needle, str) and len(needle) > _MAX_NEEDLE_CHARS for needle in needles):
        raise SecurityError(f"a text method looks for at most {_MAX_NEEDLE_CHARS} characters")


def _trim(value: Any, chars: str | None = None) -> str:
    check_needles([chars])
    return str(value).strip(chars)


def _round(value: float, precision: int = 0, method: Any = "common") -> float:
    if abs(precision) > 20:  # jinja2 works out 10 ** precision
        raise SecurityError("round takes a precision from -20 to 20")
    return do_round(value, precision, method)


@pass_environment
def _sum(environment: Environment, iterable: Iterable[Any], attribute: str | None = None, start: float = 0) -> Any:
    if not isinstance(start, int | float):
        raise SecurityError("sum adds numbers")
    return do_sum(environment, iterable, attribute, start)


def _tojson(value: Any, indent: int | None = None, ensure_ascii: bool = False, sort_keys: bool = False) -> str:
    """JSON for a prompt. jinja2's own is for HTML and puts an escape sequence for each apostrophe and letter ä."""
    if indent is not None and not (isinstance(indent, int) and 0 <= indent <= 16):
        raise SecurityError("tojson takes an indent from 0 to 16")
    return json.dumps(value, indent=indent, ensure_ascii=ensure_ascii, sort_keys=sort_keys)


OWN: Mapping[str, Callable[..., Any]] = {"round": _round, "sum": _sum, "tojson": _tojson, "trim": _trim}


def allowed(own: Mapping[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """Every filter that a template may use; `own` come before those of this file, and these before jinja2's."""
    known: dict[str, Callable[..., Any]] = {**ALL_FILTERS, **OWN, **own}
    return {name: known[name] for name in FILTERS}
