"""Turn the texts of prompt files into jinja2 templates: from `str.format`, and from text without variables."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

Format = Literal["jinja", "python", "plain"]

_FIELD = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*|\[[\w -]+\])*")
_KEY = re.compile(r"\[([\w -]+)\]")
_TAG = re.compile(r"\{(?=[{%#]|\Z)")
"""A brace that starts a tag, or would start one together with what follows the text."""
_UNFILLED = re.compile(r"(?<!\{)\{([A-Za-z_]\w*)\}(?!\})")
_SECTION = re.compile(r"\{\{\s*[#/^>!&{]")


class FormatError(ValueError):
    """A text is not of its format. `line` is that of the text."""

    def __init__(self, message: str, line: int) -> None:
        self.line = line
        super().__init__(message)


def template_of(text: str, format_: Format) -> str:
    """The jinja2 template that renders as the text of this format. Raises FormatError."""
    if format_ == "jinja":
        return text
    return _literal(text) if format_ == "plain" else "".join(_from_python(text))


def _literal(text: str) -> str:
    return _TAG.sub("{{ '{' }}", text)


def _from_python(text: str) -> list[str]:
    """The pieces of a template: literal text and variables in turns."""
    pieces, literal, end = [], "", 0
    for found in _FIELD.finditer(text):
        literal += text[end : found.start()]
        end = found.end()
        if found[0] in ("{{", "}}"):
            literal += found[0][0]
        else:
            pieces += [_literal(literal), _variable(found, text.count("\n", 0, found.start()) + 1)]
            literal = ""
    rest = literal + text[end:]
    return [*pieces, _literal(rest)]


def _variable(found: re.Match[str], line: int) -> str:
    if found[1] is None:
        raise FormatError(f"single '{found[0]}': write '{found[0] * 2}' for a brace that is text", line)
    if not _NAME.fullmatch(found[1]):
        what = f"{{{found[1][:40]}}}"
        raise FormatError(f"expected {{NAME}}, got {what}: write '{{{what}}}' if it is text, or name a variable", line)
    return f"{{{{ {_KEY.sub(_index, found[1])} }}}}"


def _index(key: re.Match[str]) -> str:
    return f"[{int(key[1])}]" if key[1].isdigit() else f"['{key[1]}']"


def check_filled(text: str, variables: Collection[str]) -> None:
    """Raise FormatError for a `{name}` of a variable: it stays as it is, because prompts are jinja2 templates."""
    for found in _UNFILLED.finditer(text):
        if (name := found[1]) in variables:
            line = text.count("\n", 0, found.start()) + 1
            raise FormatError(
                f"{{{name}}} is not filled in, because prompts are jinja2 templates: add `format: python` for texts of "
                f"str.format, or `format: jinja` if it is meant as text",
                line,
            )


def section_hint(text: str) -> str:
    """What to do about tags of Handlebars and Mustache; empty without any."""
    return "; Handlebars and Mustache are not supported: write it as jinja2" if _SECTION.search(text) else ""
