"""Render the prompts of a suite with each of its cases, to find broken templates early."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from evalharness.config import Limits
from evalharness.errors import Problem
from evalharness.records import Case, Location, Message, Prompt, Suite
from evalharness.suites.files import FileError
from evalharness.suites.prompt_files import has_lines, in_text
from evalharness.suites.prompt_format import section_hint
from evalharness.suites.render import Renderer, TemplateError

if TYPE_CHECKING:  # only some suites have attachments
    from evalharness.suites.attachments import AttachmentReader, PromptAttachments


class RenderChecks:
    """Renders the messages of prompts with one case after the other."""

    def __init__(
        self,
        prompts: Mapping[str, Prompt],
        suite_vars: Mapping[str, Any],
        renderer: Renderer,
        limits: Limits,
        attachments: AttachmentReader | None = None,
    ) -> None:
        """`attachments`: None if no message has any."""
        self._suite_vars, self._limits = suite_vars, limits
        self._checks = [
            _Check(turn, where, renderer, files, turn is prompt.messages[-1])
            for prompt in prompts.values()
            for files in [attachments.of_prompt(prompt.name) if attachments else None]
            for turn, where in zip(prompt.messages, prompt.places, strict=True)
        ]

    def add(self, case: Case) -> None:
        """Render each message with a case, except those that have a problem already."""
        variables = {**self._suite_vars, **case.vars}
        last = {**variables, **case.turn_vars} if case.is_conversation else variables
        for check, exceeded in self._in_order():
            if not check.problem and not exceeded:
                check.add(case, last if check.is_last else variables)

    def problems(self) -> Iterator[Problem]:
        """The first problem of each message."""
        for check, exceeded in self._in_order():
            if check.problem:
                yield check.problem
            elif exceeded:
                yield in_text(check.where, 0, exceeded)

    def _in_order(self) -> Iterator[tuple[_Check, str]]:
        """Each message, and which limit it exceeds together with those before it."""
        chars, steps, limits = 0, 0.0, self._limits
        for check in self._checks:
            chars, steps, exceeded = chars + check.chars, steps + check.steps, ""
            if chars > limits.suite_chars:
                exceeded = f"the messages of all cases are longer than limits.suite_chars = {limits.suite_chars}"
            elif steps > limits.suite_steps:
                exceeded = f"the messages of all cases take more than limits.suite_steps = {limits.suite_steps}"
            yield check, exceeded


def render_problems(suite: Suite, renderer: Renderer, limits: Limits) -> Iterator[Problem]:
    """The first problem of each message of a suite without attachments."""
    checks = RenderChecks(suite.prompts, suite.vars, renderer, limits)
    for case in suite.cases:
        checks.add(case)
    return checks.problems()


def with_attachments(suite: Suite, attachments: AttachmentReader) -> Suite:
    """The suite with the files that were found in the messages of its prompts."""
    prompts = suite.prompts.items()
    return replace(
        suite,
        prompts={name: replace(prompt, attachments=attachments.of_prompt(name).used) for name, prompt in prompts},
    )


@dataclass(slots=True)
class _Check:
    """One message of a prompt, and what rendering it has come to."""

    turn: Message
    where: Location
    renderer: Renderer
    files: PromptAttachments | None
    is_last: bool
    chars: int = 0
    steps: float = 0.0
    problem: Problem | None = None
    """The first one."""

    def add(self, case: Case, variables: Mapping[str, Any]) -> None:
        """Render the message with a case."""
        line, chars, steps = 0, self.renderer.chars, self.renderer.steps
        try:
            message = self.renderer.message(self.turn, variables, self.files.read if self.files else None)
            text = self.files.size_problem(case.id, message) if self.files else ""
        except FileError as error:
            text = str(error)
        except TemplateError as error:
            line, shown = error.line, error.reason if has_lines(self.where) else error
            text = f"{shown}{section_hint(self.turn.content)}"
        self.chars += self.renderer.chars - chars
        self.steps += self.renderer.steps - steps
        if text:
            self.problem = in_text(self.where, line, f"{text} (with case '{case.id}', {case.where})")
