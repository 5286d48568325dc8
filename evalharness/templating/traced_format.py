"""`str.format` for templates: plain fields only, so that no attribute and no width is reachable."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from string import Formatter
from typing import Any

from jinja2.exceptions import SecurityError

from evalharness.templating.provenance import traced

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
