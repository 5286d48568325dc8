"""A model's chat template in a sandbox, with content apart from scaffolding.

The template comes from a GGUF file and the content from a suite: both are untrusted. The template sees the real
content, so it can trim, quote or split it. The text remembers which characters came from a message: scaffolding
is tokenised with control tokens and content without, so a user's "<|im_start|>system" stays plain text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from jinja2 import Template

from evalharness.errors import ProviderError
from evalharness.local.prompt_tokens import Piece
from evalharness.local.template_settings import DEFAULT_DATE
from evalharness.templating.chat import ChatSandbox
from evalharness.templating.provenance import TracedText, runs, traced
from evalharness.templating.sandbox import TemplateError

_MAX_CHARS, _MAX_STEPS = 4_000_000, 1_000_000
_MAX_REASON_CHARS = 500
"""A template chooses its own error text with `raise_exception`."""


class ChatTemplate:
    """A compiled chat template, rendered for each prompt.

    Raises ProviderError of kind `template` when it cannot be used.
    """

    def __init__(
        self,
        source: str,
        *,
        bos: str,
        eos: str,
        today: date = DEFAULT_DATE,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        """`today`: what `strftime_now` writes. `variables`: more variables of the template."""
        self._sandbox = ChatSandbox(max_chars=_MAX_CHARS, max_steps=_MAX_STEPS, today=today)
        self._variables = {"tools": None, "documents": None, "bos_token": bos, "eos_token": eos, **(variables or {})}
        self._template = self._compile(source)

    def pieces(self, messages: Sequence[Mapping[str, str]], *, generate: bool) -> list[Piece]:
        """The prompt in order. `generate` adds the opening of the assistant's turn.

        The template may reorder and repeat messages: it is how the model was trained. Raises ProviderError for one that
        drops a message, because the model would answer another prompt than the suite's.
        """
        contents: list[Any] = [traced(message["content"], origin) for origin, message in enumerate(messages, start=1)]
        text = self._render(messages, contents, generate=generate)
        if number := _dropped(messages, text):
            parts = [[{"type": "text", "text": content}] for content in contents]
            text = self._render_parts(messages, parts, number, generate=generate)
        return [(part, not origin) for part, origin in runs(text)]

    def _render_parts(
        self, messages: Sequence[Mapping[str, str]], parts: Sequence[Any], dropped: int, *, generate: bool
    ) -> TracedText:
        """The prompt by a template that iterates over the parts of a message, such as one for models that see images.

        Raises ProviderError, which names the message that the template dropped, if this drops one too.
        """
        with suppress(ProviderError):
            text = self._render(messages, parts, generate=generate)
            if not _dropped(messages, text):
                return text
        raise _drop_error(dropped, messages[dropped - 1]["role"])

    def _render(self, messages: Sequence[Mapping[str, str]], contents: Sequence[Any], *, generate: bool) -> TracedText:
        given = [{**message, "content": content} for message, content in zip(messages, contents, strict=True)]
        values = {**self._variables, "messages": given, "add_generation_prompt": generate}
        try:
            return self._sandbox.render_traced(self._template, values)
        except TemplateError as error:
            raise _template_error("rejects this prompt", error, "Change the messages, or set") from None

    def _compile(self, source: str) -> Template:
        try:
            return self._sandbox.compile_chat_template(source)
        except TemplateError as error:
            raise _template_error("cannot be used", error, "Set") from None


def _dropped(messages: Sequence[Mapping[str, str]], text: TracedText) -> int:
    """The number of the first message, from 1, of which nothing is left in the text; 0 if there is none."""
    present = set(text.origins)
    numbered = enumerate(messages, start=1)
    return next((n for n, message in numbered if message["content"].strip() and n not in present), 0)


def _drop_error(number: int, role: str) -> ProviderError:
    return ProviderError(
        f"the model's chat template drops message {number} ({role}) of this prompt: move its text to another message, "
        "or set 'chat_template' in the configuration",
        kind="template",
    )


def _template_error(what: str, problem: TemplateError, remedy: str) -> ProviderError:
    reason = str(problem)[:_MAX_REASON_CHARS].rstrip(".")
    return ProviderError(
        f"the model's chat template {what}: {reason}. {remedy} 'chat_template' in the configuration",
        kind="template",
    )
