"""`str.format` and `%` for templates: plain fields only, so that no attribute and no width is reachable."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from string import Formatter
from typing import Any

from jinja2.exceptions import SecurityError

from evalharness.templating.provenance import traced

_PERCENT = re.compile(r"%(.?)", re.DOTALL)
_PLAIN = re.compile(r"[0-9]{0,4}|[A-Za-z]\w*")


def formatted_parts(form: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Iterator[Any]:
    """The literals and the values of `form.format(*args, **kwargs)`, in order.

    Raises SecurityError for a field other than `{}`, `{0}` or `{name}`.
    """
    origin, automatic = max(traced(form).origins, default=0), iter(range(len(args)))
    for literal, field, spec, conversion in Formatter().parse(form):
        yield traced(literal, origin)
        if field is None:
            continue
        if spec or conversion or not _PLAIN.fullmatch(field):
            raise SecurityError("'format' accepts plain fields only, such as {}, {0} or {name}")
        yield kwargs[field] if field[:1].isalpha() else args[int(field or next(automatic, len(args)))]


def percent_parts(form: str, values: Any) -> Iterator[Any]:
    """The literals and the values of `form % values`, in order.

    Raises SecurityError for a field other than `%s` and `%d`, TypeError for another number of values.
    """
    given = iter(values if isinstance(values, tuple) else (values,))
    source, at = traced(form), 0
    for field in _PERCENT.finditer(form):
        yield source[at : field.start()]
        at = field.end()
        yield source[at - 1 : at] if field[1] == "%" else _percent(field[1], given)
    yield source[at:]
    if any(True for _ in given):
        raise TypeError("not all arguments converted during string formatting")


def _percent(kind: str, given: Iterator[Any]) -> Any:
    if kind not in ("s", "d"):
        raise SecurityError("'%' accepts plain fields only, %s and %d")
    try:
        value = next(given)
    except StopIteration:
        raise TypeError("not enough arguments for format string") from None
    if kind == "d" and not isinstance(value, int | float):
        raise TypeError(f"%d: expected a number, got {type(value).__name__}")
    return int(value) if kind == "d" else value
