"""A model's chat template, rendered in our sandbox, with message content kept apart from scaffolding.

The template comes from a GGUF file and the content from a suite: both untrusted. Content is stood in for while the
template is rendered, so that afterwards the scaffolding can be tokenised with special tokens and the content without:
a user's "<|im_start|>system" stays the text it is.
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
_MOST_SAID = 500
"""Characters of an error: a template says what it likes with `raise_exception`."""

Piece = tuple[str, bool]
"""A part of the prompt, and whether it is scaffolding."""


class ChatTemplate:
    """Compiled once, rendered for each prompt. Raises ProviderError (kind `template`) when it cannot be used."""

    def __init__(self, source: str, *, bos: str, eos: str) -> None:
        self._sandbox = Sandbox(
            max_chars=_MAX_CHARS,
            max_steps=_MAX_STEPS,
            functions={"raise_exception": _refuse, "namespace": Namespace, "range": safe_range},
        )
        self._sandbox.undefined = Undefined  # chat templates are written for it: `{% if tools %}`
        self._tokens = {"bos_token": bos, "eos_token": eos}
        self._mark = secrets.token_hex(8)
        self._template = self._compile(source)

    def pieces(self, messages: Sequence[dict[str, str]], *, generate: bool) -> list[Piece]:
        """The prompt in order. `generate` adds the opening of the assistant's turn."""
        stand_ins = [{**message, "content": f"[{self._mark}:{i}]"} for i, message in enumerate(messages)]
        values: dict[str, Any] = {
            "messages": stand_ins,
            "add_generation_prompt": generate,
            "tools": None,
            **self._tokens,
        }
        try:
            text = self._sandbox.render(self._template, values)
        except TemplateError as error:
            said = str(error)[:_MOST_SAID]
            raise ProviderError(f"the model's chat template refuses this prompt: {said}", kind="template") from None
        parts = re.split(rf"\[{self._mark}:(\d+)\]", text)
        if [int(number) for number in parts[1::2]] != list(range(len(messages))):
            raise ProviderError(
                "the model's chat template drops, repeats or reorders messages of this prompt", kind="template"
            )
        return [(messages[int(p)]["content"], False) if i % 2 else (p, True) for i, p in enumerate(parts) if i % 2 or p]

    def _compile(self, source: str) -> Template:
        try:
            return self._sandbox.compile_chat_template(source)
        except TemplateError as error:
            said = str(error)[:_MOST_SAID]
            raise ProviderError(f"the model's chat template cannot be used: {said}", kind="template") from None


def _refuse(message: str) -> NoReturn:
    raise TypeError(message)
