"""A model's chat template in a sandbox, with content apart from scaffolding.

The template comes from a GGUF file and the content from a suite: both are untrusted. The template renders placeholders
in place of the content. So the scaffolding can be tokenised with special tokens and the content without: a user's
"<|im_start|>system" stays plain text.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Any, NoReturn

from jinja2 import Template, Undefined
from jinja2.sandbox import safe_range
from jinja2.utils import Namespace

from evalharness.errors import ProviderError
from evalharness.templating.sandbox import Sandbox, TemplateError

_MAX_CHARS, _MAX_STEPS = 4_000_000, 1_000_000
_MAX_REASON_CHARS = 500
"""A template chooses its own error text with `raise_exception`."""

Piece = tuple[str, bool]
"""A part of the prompt, and whether it is scaffolding."""


class ChatTemplate:
    """A compiled chat template, rendered for each prompt.

    Raises ProviderError of kind `template` when it cannot be used.
    """

    def __init__(self, source: str, *, bos: str, eos: str) -> None:
        self._sandbox = Sandbox(
            max_chars=_MAX_CHARS,
            max_steps=_MAX_STEPS,
            functions={"raise_exception": _refuse, "namespace": Namespace, "range": safe_range},
        )
        self._sandbox.undefined = Undefined  # chat templates rely on it: `{% if tools %}`
        self._tokens = {"bos_token": bos, "eos_token": eos}
        self._nonce = secrets.token_hex(8)
        self._template = self._compile(source)

    def pieces(self, messages: Sequence[dict[str, str]], *, generate: bool) -> list[Piece]:
        """The prompt in order. `generate` adds the opening of the assistant's turn."""
        text = self._render(messages, generate=generate)
        parts = re.split(rf"\[{self._nonce}:(\d+)\]", text)
        if [int(number) for number in parts[1::2]] != list(range(len(messages))):
            raise ProviderError(
                "the model's chat template drops, repeats or reorders messages of this prompt", kind="template"
            )
        return [(messages[int(p)]["content"], False) if i % 2 else (p, True) for i, p in enumerate(parts) if i % 2 or p]

    def _render(self, messages: Sequence[dict[str, str]], *, generate: bool) -> str:
        """The prompt with a placeholder for the content of each message."""
        placeholders = [{**message, "content": f"[{self._nonce}:{i}]"} for i, message in enumerate(messages)]
        values: dict[str, Any] = {
            "messages": placeholders,
            "add_generation_prompt": generate,
            "tools": None,
            **self._tokens,
        }
        try:
            return self._sandbox.render(self._template, values)
        except TemplateError as error:
            raise _template_error("rejects this prompt", error) from None

    def _compile(self, source: str) -> Template:
        try:
            return self._sandbox.compile_chat_template(source)
        except TemplateError as error:
            raise _template_error("cannot be used", error) from None


def _template_error(what: str, problem: TemplateError) -> ProviderError:
    return ProviderError(f"the model's chat template {what}: {str(problem)[:_MAX_REASON_CHARS]}", kind="template")


def _refuse(message: str) -> NoReturn:
    raise TypeError(message)
