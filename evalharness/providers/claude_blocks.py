"""The blocks of a response that calls tools and has signed reasoning: the next request repeats them unchanged.

https://platform.claude.com/docs/en/build-with-claude/extended-thinking#preserving-thinking-blocks
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evalharness.providers.parse import text_of
from evalharness.records import ToolCall

_TEXTS = {"text": ("text",), "thinking": ("thinking", "signature"), "redacted_thinking": ("data",)}
"""The texts of each kind of block. Those of a stream come in pieces."""
_DELTAS = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "thinking"}
_PROOFS = ("signature", "data")
"""What the endpoint recognises its reasoning by."""


@dataclass(slots=True)
class ClaudeBlocks:
    """The blocks so far, in their order."""

    _blocks: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)

    def begin(self, block: Mapping[str, Any]) -> None:
        """Take the start of a block, which is the whole block in a message that is not streamed."""
        kind = str(block.get("type"))
        if kind in _TEXTS or kind == "tool_use":
            self._blocks.append((kind, {name: [] for name in _TEXTS.get(kind, ())}))
            self._add(block)

    def add(self, delta: Mapping[str, Any]) -> None:
        """Take a piece of the last block. Skips a piece of another kind."""
        if self._blocks and _DELTAS.get(str(delta.get("type"))) == self._blocks[-1][0]:
            self._add(delta)

    def _add(self, part: Mapping[str, Any]) -> None:
        for name, pieces in self._blocks[-1][1].items():
            pieces.append(text_of(part.get(name), name))

    def text(self, calls: Sequence[ToolCall]) -> str:
        """Return the blocks with these calls as JSON text; empty without calls or without signed reasoning."""
        waiting, blocks = iter(calls), []
        for kind, pieces in self._blocks:
            block = {"type": kind} | {name: "".join(texts) for name, texts in pieces.items()}
            if kind == "tool_use":
                blocks += [use_of(call) for call in [next(waiting, None)] if call]
            elif (kind == "text" and block["text"].strip()) or any(block.get(name) for name in _PROOFS):
                blocks.append(block)
        is_signed = any(block.get(name) for block in blocks for name in _PROOFS)
        return json.dumps(blocks) if calls and is_signed else ""


def use_of(call: ToolCall) -> dict[str, Any]:
    """The call. Arguments that are no object are wrapped as the documentation of fine-grained streaming proposes."""
    given = {} if call.arguments is None else call.arguments
    return {
        "type": "tool_use",
        "id": call.id,
        "name": call.name,
        "input": given if isinstance(given, dict) else {"INVALID_JSON": given},
    }
