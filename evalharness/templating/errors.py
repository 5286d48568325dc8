"""The error of a template, with the line it is in."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from jinja2 import Template, TemplateSyntaxError

from evalharness.errors import did_you_mean
from evalharness.templating.filters import FILTERS


class TemplateError(Exception):
    """A template cannot be compiled or rendered: the text has the reason."""

    def __init__(self, message: str, line: int = 0) -> None:
        self.line = line
        """The line of the template, 0 if it is unknown."""
        super().__init__(message)

    @property
    def reason(self) -> str:
        """The text without the line."""
        return str(self).removeprefix(f"line {self.line} of the template: ")


def failed_line(error: BaseException, template: Template) -> int:
    """The line of a template that raised the error, 0 if it is unknown. jinja2 rewrites its frames for this."""
    frames = traceback.walk_tb(error.__traceback__)
    return next((line for frame, line in frames if frame.f_code.co_filename == (template.filename or "<template>")), 0)


@contextmanager
def template_errors() -> Iterator[None]:
    """Raise TemplateError for what jinja2 raises while it compiles."""
    try:
        yield
    except TemplateSyntaxError as error:
        hint = _filter_hint(error.message or "")
        message = f"line {error.lineno} of the template: {error.message}{hint}"
        raise TemplateError(message, error.lineno) from None
    except RecursionError:
        raise TemplateError("the template is nested too deeply") from None
    except (ValueError, SyntaxError, ArithmeticError, MemoryError) as error:  # from compiling the generated Python
        raise TemplateError(f"the template cannot be compiled: {error}") from None


def _filter_hint(message: str) -> str:
    named = message.startswith("No filter named")
    return did_you_mean(message.split("'")[1], FILTERS) if named else ""
