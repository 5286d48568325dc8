"""What `evalharness init --from app` can test: an address, a function or a model, with its options."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

QUESTIONS = ("question", "query", "prompt", "message", "user_message", "user_input", "text", "input", "q", "content")
ANSWERS = ("answer", "text", "response", "reply", "output", "message", "result", "content", "completion")
CONTEXTS = ("contexts", "context", "documents", "docs", "sources", "passages", "chunks", "citations")
VERBS = ("answer", "ask", "chat", "reply", "respond", "generate", "complete", "query", "assist", "agent", "rag", "bot")
_BARE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Application:
    """One thing that answers questions."""

    name: str
    """As `--app` takes it: `POST /ask`, `helpdesk:answer`, `gpt-4o-mini`."""
    kind: str
    """For readers: FastAPI, Flask, function, OpenAI client, Anthropic client."""
    where: str
    """File and line."""
    settings: Mapping[str, Any]
    """The options of the model in `pyproject.toml`."""
    rank: int = 0
    """The smaller, the more certain."""
    notes: Sequence[str] = field(default_factory=tuple)
    """What the source does not tell: comments of the table."""

    @property
    def is_model(self) -> bool:
        """Whether the suite's own prompt is sent, not the application's."""
        return self.settings["provider"] in ("openai", "anthropic")

    def table(self, name: str) -> str:
        """The table of the model for pyproject.toml."""
        lines = [
            f"[tool.evalharness.models.{name}]",
            *(f"{key} = {toml(value)}" for key, value in self.settings.items()),
        ]
        return "\n".join([*lines, *(f"# {note}" for note in self.notes), ""])


def toml(value: Any) -> str:
    """A value as TOML on one line."""
    if isinstance(value, Mapping):
        inner = ", ".join(
            f"{key if _BARE.fullmatch(key) else json.dumps(key)} = {toml(one)}" for key, one in value.items()
        )
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value, ensure_ascii=False)


def of_words(name: str, words: Sequence[str]) -> bool:
    """Whether one of the words is a part of a name or a path."""
    return bool(set(re.split(r"[^a-z]+", name.lower())) & set(words))
