"""The error of a template, with the line it is in."""

from __future__ import annotations

import traceback

from jinja2 import Template


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
