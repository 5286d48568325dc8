"""The sandbox of chat templates: it gives them what `transformers` does, and traces where their text comes from.

The reference is `transformers.utils.chat_template_utils`: the tag `{% generation %}`, loop controls, `tojson` without
HTML escapes, `raise_exception`, `strftime_now`, `namespace`, `dict`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from functools import wraps
from typing import Any, NoReturn

from jinja2 import Template, Undefined, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, LoopControlExtension
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import safe_range
from jinja2.utils import Namespace

from evalharness.templating.provenance import TracedText, concatenate, inherited, traced
from evalharness.templating.sandbox import STRUCTURE, Sandbox, keywords
from evalharness.templating.traced_format import formatted_parts, percent_parts
from evalharness.templating.traced_json import to_json

_MAX_INDENT = 16
_FORBIDDEN = (*STRUCTURE, nodes.ScopedEvalContextModifier)
"""`{% autoescape %}` would drop the origins of a text."""
_DATE_FORMAT = re.compile(r"(?:[^%]|%[-_^#]?[A-Za-z%])*")
"""Without widths: `%999999999d` fills the memory."""


class _Generation(Extension):
    """The tag `{% generation %}`, which marks text to train on. A prompt contains its body unchanged."""

    tags = {"generation"}  # noqa: RUF012 - jinja2 declares it without ClassVar

    def parse(self, parser: Parser) -> nodes.Node:
        """The body, with variables of its own."""
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


class ChatSandbox(Sandbox):
    """Renders chat templates to traced text, within `max_chars` and `max_steps` per text."""

    def __init__(self, *, max_chars: int, max_steps: int, today: date) -> None:
        """`today`: the date that `strftime_now` writes."""
        super().__init__(max_chars=max_chars, max_steps=max_steps, functions=_functions(today))
        self.undefined = Undefined  # chat templates rely on it: `{% if tools %}`
        self.add_extension(LoopControlExtension)
        self.add_extension(_Generation)
        self.filters |= {"indent": self._metered(self._indent), "tojson": self._metered(to_json)}
        self.filters |= {"safe": self.filters["string"], "format": self._metered(self._format)}

    def compile_chat_template(self, source: str) -> Template:
        """The compiled chat template of a model. Raises TemplateError: syntax or includes.

        Macros can still exhaust memory, so render it in a process that may crash.
        """
        return self._checked_template(source, _FORBIDDEN)

    def render_traced(self, template: Template, variables: Mapping[str, Any]) -> TracedText:
        """The rendered text with its origins. Raises TemplateError, also for too much output or work."""
        return traced(self.render(template, variables))

    def concat(self, pieces: Iterable[str]) -> TracedText:
        """The text of the template, of a macro or of a block; jinja2 calls this."""
        texts = list(pieces)
        self._check_size(sum(map(len, texts)))
        return concatenate(texts)

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """The result of a call, traced; jinja2 calls this."""
        result, owner = super().call(context, obj, *args, **kwargs), getattr(obj, "__self__", None)
        if isinstance(owner, dict | list):
            return result
        return inherited(result, [owner, *args, *keywords(kwargs).values()])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """The result of an operator, where `%` formats text; jinja2 calls this."""
        if operator == "%" and isinstance(left, str):
            self._size([left, right])
            return self._format(left, *(right if isinstance(right, tuple) else (right,)))
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        """`str.format` with plain fields only; jinja2 calls this for every attribute."""
        owner = getattr(value, "__self__", None)
        if not isinstance(owner, str) or value.__name__ != "format":
            return None
        return lambda *args, **kwargs: self._join(formatted_parts(owner, args, keywords(kwargs)))

    def _text(self, value: Any) -> str:
        return inherited(super()._text(value), [value])  # type: ignore[no-any-return]

    def _metered(self, function: Callable[..., Any]) -> Callable[..., Any]:
        metered = super()._metered(function)

        @wraps(metered)
        def tracing(*args: Any, **kwargs: Any) -> Any:
            return inherited(metered(*args, **kwargs), [*args, *kwargs.values()])

        return tracing

    def _format(self, form: Any, *values: Any) -> str:
        return self._join(percent_parts(str(form), values))

    def _replace(self, text: Any, old: str, new: str, count: int = -1) -> str:
        return super()._replace(traced(str(text)), old, new, count)

    def _join(self, items: Iterable[Any], d: str = "", attribute: str | None = None) -> str:
        return super()._join(items, traced(d), attribute)

    def _indent(self, text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
        if width not in range(_MAX_INDENT + 1) and not (isinstance(width, str) and len(width) <= _MAX_INDENT):
            raise SecurityError(f"indent: width must be at most {_MAX_INDENT} characters")
        margin = width if isinstance(width, str) else " " * width
        start, *rest = (text + "\n").splitlines()
        indented = self._join([start, *(margin + line if line or blank else line for line in rest)], "\n")
        return margin + indented if first else indented


def _functions(today: date) -> dict[str, Callable[..., Any]]:
    """The functions of chat templates by name."""

    def strftime_now(form: str) -> str:
        if not _DATE_FORMAT.fullmatch(form):
            raise SecurityError(f"strftime_now cannot format {form[:50]!r}")
        return datetime.combine(today, time()).strftime(form)

    return {
        "dict": _dict,
        "namespace": Namespace,
        "raise_exception": _refuse,
        "range": safe_range,
        "strftime_now": strftime_now,
    }


def _dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    return dict(*args, **kwargs)


def _refuse(message: str) -> NoReturn:
    raise TypeError(message)
