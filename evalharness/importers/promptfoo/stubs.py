"""A prompt to fill in, for a configuration whose prompts are programs or cannot be converted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evalharness.importers.promptfoo.prompts import ImportedPrompt
from evalharness.importers.promptfoo.source import Node, Source


def prompt_stub(source: Source, prompts: Node, variables: Iterable[Mapping[str, Any]]) -> ImportedPrompt:
    """A prompt that names every variable that all tests have."""
    source.note(prompts, "no prompt can be imported: complete the prompt 'prompt-1'")
    shared, *own = variables
    names = [name for name in (own[0] if own else {}) if all(name in one for one in own)]
    lines = [f"{name}: {{{{ {name} }}}}" for name in dict.fromkeys([*shared, *names]) if name.isidentifier()]
    text = "\n".join(["Replace this text with the prompt.", *lines])
    return ImportedPrompt("", [{"user": text}], prompts)
