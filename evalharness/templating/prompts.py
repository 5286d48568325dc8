"""The sandbox of the prompts of suites. Text with variables is joined without jinja2, which takes far longer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from jinja2 import Template, meta, nodes

from evalharness.templating.errors import template_errors
from evalharness.templating.sandbox import STRUCTURE, Sandbox

_FORBIDDEN = (*STRUCTURE, nodes.Macro, nodes.CallBlock, nodes.Block, nodes.Concat)


class _Joined(NamedTuple):
    """A template of text and variables alone."""

    form: str
    """The text, with a `%s` for each variable."""
    names: tuple[str, ...]
    chars: int
    """Of the text."""

    def values(self, variables: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """The values of the variables; None if one of them is not a text."""
        values = tuple([variables.get(name) for name in self.names])
        return values if {*map(type, values)} <= {str} else None


class PromptSandbox(Sandbox):
    """Renders the prompts of suites within `max_chars` and `max_steps` per text."""

    def __init__(self, *, max_chars: int, max_steps: int) -> None:
        super().__init__(max_chars=max_chars, max_steps=max_steps)
        self._joined: dict[Template, _Joined] = {}

    def compile_prompt(self, source: str) -> Template:
        """The compiled template of a suite. Raises TemplateError, also for macros."""
        with template_errors():
            tree = self._checked_tree(source, _FORBIDDEN)
            joined = _joined(tree)
            template = self._template_of(tree)
        if joined:
            self._joined[template] = joined
        return template

    def variables(self, source: str) -> set[str]:
        """The variables that a template reads."""
        return meta.find_undeclared_variables(self.parse(source))

    def render(self, template: Template, variables: Mapping[str, Any]) -> str:
        """The rendered text. Raises TemplateError, also for too much output or work."""
        if (joined := self._joined.get(template)) and (values := joined.values(variables)) is not None:
            self.steps, size = 0.0, joined.chars
            for value in values:
                self.steps += 1 / 4 + len(value) / 100  # as `_size` counts a value
                size += len(value)
            if size <= self.max_chars and self.steps <= self.max_steps:
                return joined.form % values
        return super().render(template, variables)  # which names what is wrong


def _joined(tree: nodes.Template) -> _Joined | None:
    """The parts of a template; None if it has more than text and variables."""
    form, names, chars = "", list[str](), 0
    for part in _parts(tree):
        if isinstance(part, nodes.TemplateData):
            form, chars = form + part.data.replace("%", "%%"), chars + len(part.data)
        elif isinstance(part, nodes.Name) and _is_plain(part.name):
            form += "%s"
            names.append(part.name)
        else:
            return None
    return _Joined(form, tuple(names), chars)


def _parts(tree: nodes.Template) -> Iterator[nodes.Node]:
    for node in tree.body:
        yield from node.nodes if isinstance(node, nodes.Output) else (node,)


def _is_plain(name: str) -> bool:
    """Whether a name is that of a variable. jinja2 has an object `self`, and Python normalizes letters beyond ASCII."""
    return name != "self" and name.isascii()
